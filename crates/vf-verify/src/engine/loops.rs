//! Loops: cut at the header with candidate invariants, or unrolled.
//!
//! *Cut* (Barnett and Leino, *Weakest-precondition of unstructured programs*, 2005): everything the loop may
//! change becomes unknown at its header, the body is executed once from there, and an exit of the loop
//! continues from that state. What is known at the header are the candidate invariants, each assumed under
//! its own literal. Every candidate is also *established*: on entry, and after the body. The solver drops
//! those that fail until the rest is inductive (Flanagan and Leino, *Houdini*, 2001).

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use vf_ir::{BlockId, Expr, FunctionId, LocalId, StmtKind, Storage, Ty};
use vf_smt::{Sort, Term};

use super::exec::{Frame, FunctionFacts, Returns};
use super::memory::{Version, Written, WrittenRange};
use super::registers::defined;
use super::state::{Contents, Edge, Memory, Register, State};
use super::stored::Targets;
use super::value::{Context, ObjectId, ObjectKey, Pointer, Value, WILD};
use super::{CandidateInstance, Engine, Event, Mode, Stop};

/// A loop in one inlined call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LoopKey {
    pub context: Context,
    pub function: FunctionId,
    pub header: BlockId,
}

/// What restarts taught about a loop.
#[derive(Clone, Debug, Default)]
pub struct LoopLearned {
    /// Objects whose contents an iteration may change.
    pub objects: BTreeSet<ObjectId>,
    /// Objects that may end their life in the loop.
    pub ended: BTreeSet<ObjectId>,
    /// Objects whose known NUL may move.
    pub nuls: BTreeSet<ObjectId>,
    /// What a pointer register may point to at the header.
    pub targets: HashMap<u32, BTreeSet<ObjectId>>,
    /// Known low zero bits of a pointer register's offset at the header.
    pub alignment: HashMap<u32, u32>,
    /// It is not one of few iterations whose number is constant.
    pub not_short: bool,
    /// Pointer registers whose bounds change.
    pub unbounded: BTreeSet<u32>,
    /// What the pointers lead to that are written to an object; `None` where anything else is written to it too.
    pub stored: HashMap<ObjectId, Option<Targets>>,
}

/// "Everything from where the loop began up to the cursor was written", of one object. Part of the version
/// at the header rather than a fact about it, since it speaks of every byte of a range.
#[derive(Clone, Debug)]
pub struct RangeCandidate {
    pub object: ObjectId,
    pub cursor: LocalId,
    /// Bytes a step, for an integer cursor.
    pub scale: u64,
}

/// A property of the state at a loop header, relative to the state on entry.
#[derive(Clone, Debug)]
pub enum Candidate {
    /// An expression over registers.
    Expr(Expr),
    /// `now op then` for an integer register, or a pointer register's offset.
    Moved {
        local: LocalId,
        op: Order,
    },
    /// The pointer still points into the object it did on entry.
    SameObject(LocalId),
    /// The pointer's offset is at most its object's size.
    WithinObject(LocalId),
    /// offset(p) - offset0(p) = scale * (i - i0), or minus that.
    Linear {
        pointer: LocalId,
        counter: LocalId,
        scale: i64,
    },
    /// offset(p) <= offset(q), both into one object.
    Ordered {
        low: LocalId,
        high: LocalId,
    },
    /// offset(p) - offset0(p) = offset(q) - offset0(q).
    Lockstep {
        a: LocalId,
        b: LocalId,
    },
    /// The granule at this offset is as on entry.
    Cell {
        object: ObjectId,
        offset: u64,
    },
    /// The pointer at this offset is as on entry.
    PointerCell {
        object: ObjectId,
        offset: u64,
    },
    /// The known NUL is where it was.
    NulKept(ObjectId),
    /// The pointer has not passed the known NUL.
    BeforeNul(LocalId),
    /// `base + counter * scale` has not passed the known NUL of the object.
    IndexBeforeNul {
        object: ObjectId,
        counter: LocalId,
    },
    Alive(ObjectId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    UnsignedAtLeast,
    UnsignedAtMost,
    SignedAtLeast,
    SignedAtMost,
    Equal,
}

/// Candidates of one loop, at most; a quadratic number of queries hides behind each.
const CANDIDATE_LIMIT: usize = 160;

impl Engine<'_> {
    pub(super) fn run_loop(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        entry: Edge,
        returns: &mut Returns,
    ) -> Result<Vec<(BlockId, Edge)>, Stop> {
        match self.mode {
            Mode::Unroll(bound) => self.unroll(frame, facts, index, entry, returns, bound),
            Mode::Invariants => {
                if self.is_short(frame, facts, index, &entry) {
                    return self.run_short(frame, facts, index, entry, returns);
                }
                self.cut(frame, facts, index, entry, returns)
            }
        }
    }

    fn cut(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        mut entry: Edge,
        returns: &mut Returns,
    ) -> Result<Vec<(BlockId, Edge)>, Stop> {
        let t = self.terms;
        let header = facts.cfg.loops()[index].header;
        let key = self.loop_key(frame, header);
        let learned = self.learned.loops.entry(key).or_default().clone();
        let changed = self.changed_registers(frame, facts, index, header);
        let stored = learned
            .stored
            .values()
            .flatten()
            .flat_map(|targets| targets.keys());
        let pointed_at: BTreeSet<ObjectId> = learned
            .targets
            .values()
            .flatten()
            .chain(stored)
            .copied()
            .collect();
        let changes = learned.objects.iter().chain(&learned.ended);
        for object in changes.chain(&learned.nuls).chain(&pointed_at) {
            self.make_before_loop(*object)?;
        }
        self.begin_summaries(&pointed_at, &mut entry.state);
        let number = self.unique();
        let strides = self.written_strides(frame, facts, index);
        let ranges = self.range_candidates(frame, &learned, &changed, &strides, &entry.state);
        let head = self.header_state(frame, &learned, &changed, &ranges, &entry, number)?;
        let candidates =
            self.candidates(frame, facts, index, &learned, &changed, &entry.state, &head.state)?;

        // Assume each under its literal; establish each on entry.
        let mut on_entry = Vec::new();
        let mut assumed = Vec::new();
        let mut numbers = Vec::new();
        for candidate in &candidates {
            let here = self.evaluate(frame, candidate, &head.state, &entry.state)?;
            let before = self.evaluate(frame, candidate, &entry.state, &entry.state)?;
            let (Some(here), Some(before)) = (here, before) else {
                continue;
            };
            // What is false of the header's state whatever it is could only exclude the state on entry.
            if t.is_true(here) || t.is_false(here) || t.is_false(before) {
                continue;
            }
            let id = self.candidates.len();
            let active = t.var(&format!("invariant.{id}"), Sort::Bool);
            let text = if self.settings.describe {
                self.describe(frame, candidate)
            } else {
                String::new()
            };
            let place = format!(
                "{}, loop at block {}",
                self.program.function(frame.function).name,
                header.0
            );
            self.candidates.push(CandidateInstance { active, place, text });
            on_entry.push((id, before));
            numbers.push((id, candidate.clone()));
            assumed.push(t.implies(t.and(head.guard, active), here));
        }
        for (id, range) in &ranges {
            let before = self.range_written(range, &entry.state, &entry.state)?;
            on_entry.push((*id, before));
        }
        // In this order: what holds on entry must not be shown from what is assumed of the header.
        self.events.push(Event::Establish {
            candidates: on_entry,
            guard: entry.guard,
        });
        for fact in assumed {
            self.fact(fact);
        }

        self.loop_stack.push(key);
        self.cut_loops += 1;
        self.allocated_in_loop.push(BTreeSet::new());
        let exit = self.run_region(frame, facts, Some(index), header, head.clone(), returns);
        let allocated = self.allocated_in_loop.pop().unwrap_or_default();
        self.loop_stack.pop();
        let exit = exit?;
        let live = facts.live.get(header.index());
        if let Some(back) = self.merge(exit.back, |r| live.is_none_or(|l| l.contains(&(r as u32))))? {
            self.learn_from(key, &changed, &allocated, &entry, &head, &back)?;
            let mut after = Vec::new();
            for (id, candidate) in numbers {
                if let Some(holds) = self.evaluate(frame, &candidate, &back.state, &entry.state)? {
                    after.push((id, holds));
                } else {
                    after.push((id, t.bool(false)));
                }
            }
            for (id, range) in &ranges {
                let holds = self.range_written(range, &back.state, &entry.state)?;
                after.push((*id, holds));
            }
            self.events.push(Event::Establish {
                candidates: after,
                guard: back.guard,
            });
        }
        Ok(exit.outside)
    }

    /// An object that the loop changes and first mentions is older than the loop all the same: without contents at
    /// the header there would be nothing to make unknown, and every iteration would see what was there on entry.
    /// (Locals, allocations and results of calls out of view begin in the iteration that makes them.)
    fn make_before_loop(&mut self, object: ObjectId) -> Result<(), Stop> {
        if self.objects.contains_key(&object) {
            return Ok(());
        }
        match self.names.key_of(object) {
            Some(key @ (ObjectKey::Global(_) | ObjectKey::Function(_))) => {
                self.object(key)?;
            }
            Some(ObjectKey::Reached(holder, at, label)) => {
                self.make_before_loop(holder)?;
                let at = self.terms.bv(self.pointer_bits, u128::from(at));
                self.input_pointer(holder, &label, at)?;
            }
            Some(key @ ObjectKey::Summary(_)) => self.make_summary(object, key),
            _ => {}
        }
        Ok(())
    }

    /// Registers that the loop assigns and that are live at its header.
    fn changed_registers(
        &self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        header: BlockId,
    ) -> Vec<LocalId> {
        let function = self.program.function(frame.function);
        let live = facts.live.get(header.index());
        let mut found = BTreeSet::new();
        for block in &facts.cfg.loops()[index].blocks {
            let Some(block) = function.blocks().get(block.index()) else {
                continue;
            };
            for statement in &block.statements {
                if let Some(dst) = defined(&statement.kind)
                    && live.is_none_or(|l| l.contains(&dst.0))
                {
                    found.insert(dst);
                }
            }
        }
        found.into_iter().collect()
    }

    fn header_state(
        &mut self,
        frame: &Frame,
        learned: &LoopLearned,
        changed: &[LocalId],
        ranges: &[(usize, RangeCandidate)],
        entry: &Edge,
        number: u64,
    ) -> Result<Edge, Stop> {
        let t = self.terms;
        let mut state = entry.state.clone();
        let function = self.program.function(frame.function);
        for local in changed {
            let before = state
                .registers
                .get(local.index())
                .and_then(Option::as_ref)
                .cloned();
            let Some(info) = function.locals.get(local.index()) else {
                continue;
            };
            let label = format!("{}.{}@{number}", info.name, local.0);
            let value = match info.storage {
                Storage::Register(Ty::Ptr) => {
                    let mut targets: BTreeSet<ObjectId> =
                        learned.targets.get(&local.0).cloned().unwrap_or_default();
                    match before.as_ref().map(|r| &r.value) {
                        Some(Value::Pointer(p)) => targets.extend(p.targets.iter().copied()),
                        _ => {
                            if before.is_some() {
                                targets.insert(WILD);
                            }
                        }
                    }
                    if targets.is_empty() {
                        targets.insert(WILD);
                    }
                    let entry_alignment = match before.as_ref().map(|r| &r.value) {
                        Some(Value::Pointer(p)) => self.alignment(p.offset),
                        _ => 16,
                    };
                    let alignment = learned
                        .alignment
                        .get(&local.0)
                        .copied()
                        .unwrap_or(3)
                        .min(entry_alignment)
                        .min(3);
                    let raw = t.var(&format!("offset.{label}"), Sort::BitVec(self.pointer_bits));
                    let offset = t.shl(raw, t.bv(self.pointer_bits, u128::from(alignment)));
                    let base = if targets.len() == 1 {
                        targets
                            .first()
                            .map(|o| self.base_const(*o))
                            .unwrap_or_else(|| t.bv(32, 0))
                    } else {
                        let base = t.var(&format!("base.{label}"), Sort::BitVec(32));
                        let one_of: Vec<Term> =
                            targets.iter().map(|o| t.eq(base, self.base_const(*o))).collect();
                        self.fact(t.any(&one_of));
                        base
                    };
                    let bounds = match before.as_ref().map(|r| &r.value) {
                        Some(Value::Pointer(p)) if !learned.unbounded.contains(&local.0) => p.bounds,
                        _ => None,
                    };
                    Value::Pointer(Pointer {
                        base,
                        offset,
                        targets: Rc::new(targets),
                        bounds,
                    })
                }
                Storage::Register(ty) => {
                    Value::Bits(t.var(&format!("value.{label}"), Sort::BitVec(self.width_of(ty))))
                }
                Storage::Memory => continue,
            };
            let assigned = match before {
                Some(register) if t.is_true(register.assigned) => t.bool(true),
                Some(register) => t.or(register.assigned, t.var(&format!("assigned.{label}"), Sort::Bool)),
                None => t.var(&format!("assigned.{label}"), Sort::Bool),
            };
            if let Some(slot) = Rc::make_mut(&mut state.registers).get_mut(local.index()) {
                *slot = Some(Register { value, assigned });
            }
        }
        for object in &learned.objects {
            let Some(before) = self.contents(&entry.state, *object) else {
                continue;
            };
            let label: Rc<str> = format!(".loop{number}").into();
            let array = t.var(
                &format!("written.{}{label}", self.object_label(*object)),
                Sort::Array {
                    index: self.pointer_bits,
                    element: 1,
                },
            );
            let mut here = Vec::new();
            for (id, range) in ranges.iter().filter(|(_, r)| r.object == *object) {
                let (Some((low, high)), Some(candidate)) = (
                    self.range_bounds(range, &state, &entry.state),
                    self.candidates.get(*id),
                ) else {
                    continue;
                };
                here.push(WrittenRange {
                    active: candidate.active,
                    low,
                    high,
                });
            }
            let version = self.add_version(Version::Base {
                object: *object,
                label,
                written: Written::Since {
                    before: before.version,
                    array,
                    ranges: Rc::new(here),
                },
                lazy: false,
                before: Some(before.version),
                stores: learned.stored.get(object).cloned().flatten().map(Rc::new),
            });
            let contents = Contents {
                version,
                alive: before.alive,
                nuls: before.nuls,
            };
            self.set_contents(&mut state, *object, contents);
        }
        for object in learned.nuls.iter().chain(&learned.objects) {
            if let Some(mut contents) = self.contents(&state, *object) {
                let nul = t.var(
                    &format!("nul.{}.loop{number}", self.object_label(*object)),
                    Sort::BitVec(self.pointer_bits),
                );
                contents.nuls.byte = nul;
                // What the ghost means must hold of the new contents too: that byte is NUL.
                let size = self.objects.get(object).map(|o| o.size);
                // (Objects read by wider granules go without that fact; the ghost itself must stay unknown, or
                // the header would exclude the state on entry.)
                if let (Some(size), 1) = (size, self.granule(*object)) {
                    let byte = self.read_bits(*object, contents.version, nul, 1)?;
                    let there = t.and(t.ult(nul, size), t.eq(byte, t.bv(8, 0)));
                    let none = self.no_nul();
                    self.fact(t.or(t.eq(nul, none), there));
                }
                contents.nuls.wide = self.wide_nul_in_loop(*object, &contents, number)?;
                self.set_contents(&mut state, *object, contents);
            }
        }
        for object in &learned.ended {
            if let Some(mut contents) = self.contents(&state, *object) {
                contents.alive = t.var(
                    &format!("alive.{}.loop{number}", self.object_label(*object)),
                    Sort::Bool,
                );
                self.set_contents(&mut state, *object, contents);
            }
        }
        Ok(Edge {
            guard: entry.guard,
            state,
        })
    }

    /// Compares the state after an iteration with what the header assumed, and restarts if it was too little.
    fn learn_from(
        &mut self,
        key: LoopKey,
        changed: &[LocalId],
        allocated: &BTreeSet<ObjectId>,
        entry: &Edge,
        head: &Edge,
        back: &Edge,
    ) -> Result<(), Stop> {
        let mut learned = self.learned.loops.get(&key).cloned().unwrap_or_default();
        let mut more = false;
        for local in changed {
            let Some(Value::Pointer(after)) = self.register_value(&back.state, *local) else {
                continue;
            };
            let Some(Value::Pointer(at_head)) = self.register_value(&head.state, *local) else {
                // An integer at the header of a pointer register: nothing to compare.
                continue;
            };
            for target in after.targets.iter() {
                // An object that this iteration allocated is an older one at the next header.
                let target = if allocated.contains(target) {
                    self.summary_of(*target)?
                } else {
                    *target
                };
                if !at_head.targets.contains(&target) {
                    more |= learned.targets.entry(local.0).or_default().insert(target);
                }
            }
            if at_head.bounds.is_some() && after.bounds != at_head.bounds {
                more |= learned.unbounded.insert(local.0);
            }
            let aligned = self.alignment(after.offset).min(3);
            let assumed = learned.alignment.get(&local.0).copied().unwrap_or(3);
            let entry_aligned = match self.register_value(&entry.state, *local) {
                Some(Value::Pointer(p)) => self.alignment(p.offset).min(3),
                _ => 3,
            };
            if aligned < assumed.min(entry_aligned) {
                learned.alignment.insert(local.0, aligned);
                more = true;
            }
        }
        let initial = self.initial.clone();
        let of = |memory: &Memory, id: ObjectId| memory.get(&id).or_else(|| initial.get(&id)).cloned();
        let ids: Vec<ObjectId> = back.state.memory.keys().copied().collect();
        for id in ids {
            if allocated.contains(&id) && of(&entry.state.memory, id).is_none() {
                continue;
            }
            let (Some(after), Some(before)) = (of(&back.state.memory, id), of(&head.state.memory, id)) else {
                // Made inside the body (a scoped local): its life ends there too, or it is in `allocated`.
                continue;
            };
            if after.version != before.version {
                more |= learned.objects.insert(id);
                more |= self.learn_stores(&mut learned, id, before.version, after.version, allocated)?;
            }
            let alive = self.alive_with_newest(&back.state, id, after.alive);
            if alive != before.alive && !learned.ended.contains(&id) {
                more |= learned.ended.insert(id);
            }
            if after.nuls != before.nuls && !learned.nuls.contains(&id) && !learned.objects.contains(&id) {
                more |= learned.nuls.insert(id);
            }
        }
        if more {
            self.learned.loops.insert(key, learned);
            return Err(Stop::Restart);
        }
        Ok(())
    }

    /// A pointer at a constant offset of an object that the loop changes elsewhere.
    pub(super) fn kept_pointer(&mut self, object: ObjectId, label: &str, at: u64, was: &Pointer) -> Pointer {
        let t = self.terms;
        self.learned.pointer_cells.entry(object).or_default().insert(at);
        let name = format!("{}{label}+{at}", self.object_label(object));
        let base = t.var(&format!("cell.base.{name}"), Sort::BitVec(32));
        let offset = t.var(&format!("cell.offset.{name}"), Sort::BitVec(self.pointer_bits));
        let mut targets = (*was.targets).clone();
        targets.insert(WILD);
        let one_of: Vec<Term> = targets.iter().map(|o| t.eq(base, self.base_const(*o))).collect();
        self.fact(t.any(&one_of));
        Pointer {
            base,
            offset,
            targets: Rc::new(targets),
            bounds: None,
        }
    }

    /// Remembers that a granule of an object is read at a constant offset after a loop: the next execution
    /// has a candidate that says it did not change.
    pub(super) fn remember_cell(&mut self, object: ObjectId, at: u64) -> Result<(), Stop> {
        let cells = self.learned.cells.entry(object).or_default();
        if cells.len() < 32 && cells.insert(at) {
            return Err(Stop::Restart);
        }
        Ok(())
    }

    #[allow(clippy::too_many_arguments)]
    fn candidates(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        learned: &LoopLearned,
        changed: &[LocalId],
        entry: &State,
        head: &State,
    ) -> Result<Vec<Candidate>, Stop> {
        let function = self.program.function(frame.function);
        let mut found = Vec::new();
        let mut integers = Vec::new();
        let mut pointers = Vec::new();
        for local in changed {
            match function.locals.get(local.index()).map(|l| l.storage) {
                Some(Storage::Register(Ty::Int(_))) => integers.push(*local),
                Some(Storage::Register(Ty::Ptr)) => pointers.push(*local),
                _ => {}
            }
        }
        for object in &learned.objects {
            for at in self.learned.cells.get(object).into_iter().flatten() {
                found.push(Candidate::Cell {
                    object: *object,
                    offset: *at,
                });
            }
            for at in self.learned.pointer_cells.get(object).into_iter().flatten() {
                found.push(Candidate::PointerCell {
                    object: *object,
                    offset: *at,
                });
            }
            found.push(Candidate::NulKept(*object));
        }
        for object in learned.nuls.iter().filter(|o| !learned.objects.contains(o)) {
            found.push(Candidate::NulKept(*object));
        }
        for object in &learned.ended {
            found.push(Candidate::Alive(*object));
        }
        for local in &pointers {
            found.push(Candidate::SameObject(*local));
            found.push(Candidate::WithinObject(*local));
            for op in [Order::UnsignedAtLeast, Order::UnsignedAtMost, Order::Equal] {
                found.push(Candidate::Moved { local: *local, op });
            }
            found.push(Candidate::BeforeNul(*local));
        }
        for local in &integers {
            for op in [
                Order::UnsignedAtLeast,
                Order::SignedAtLeast,
                Order::UnsignedAtMost,
                Order::SignedAtMost,
                Order::Equal,
            ] {
                found.push(Candidate::Moved { local: *local, op });
            }
        }
        // Expressions proposed by abstract interpretation and templates.
        let header = facts.cfg.loops()[index].header;
        for condition in self.proposals(frame.function, header) {
            found.push(Candidate::Expr(condition));
        }
        // A pointer that steps with a counter, or with another pointer; cursors before an end pointer.
        for pointer in &pointers {
            for counter in &integers {
                for scale in self.strides(frame, *pointer) {
                    found.push(Candidate::Linear {
                        pointer: *pointer,
                        counter: *counter,
                        scale,
                    });
                    found.push(Candidate::Linear {
                        pointer: *pointer,
                        counter: *counter,
                        scale: -scale,
                    });
                }
            }
            for other in &pointers {
                if other > pointer {
                    found.push(Candidate::Lockstep {
                        a: *pointer,
                        b: *other,
                    });
                }
            }
            for (other, info) in function.locals.iter().enumerate() {
                let other = LocalId(other as u32);
                if info.storage == Storage::Register(Ty::Ptr)
                    && info.user
                    && other != *pointer
                    && self.register_value(head, other).is_some()
                    && self.register_value(entry, other).is_some()
                {
                    found.push(Candidate::Ordered {
                        low: *pointer,
                        high: other,
                    });
                    found.push(Candidate::Ordered {
                        low: other,
                        high: *pointer,
                    });
                }
            }
        }
        // An index that walks a string.
        let bytes = self.strings.iter().filter(|(_, unit)| **unit == 1);
        let strings: Vec<ObjectId> = bytes.map(|(object, _)| *object).collect();
        for object in strings.into_iter().take(4) {
            for counter in &integers {
                found.push(Candidate::IndexBeforeNul {
                    object,
                    counter: *counter,
                });
            }
        }
        found.truncate(CANDIDATE_LIMIT);
        Ok(found)
    }

    /// Invariants over registers that the abstract interpretation proposes.
    fn proposals(&mut self, function: FunctionId, header: BlockId) -> Vec<Expr> {
        let program = self.program;
        let proposed = self
            .proposed
            .entry(function)
            .or_insert_with(|| Rc::new(vf_absint::propose(program, function)))
            .clone();
        let here = proposed.iter().filter(|p| p.header == header);
        here.flat_map(|p| p.candidates.iter().map(|c| c.condition.clone()))
            .collect()
    }

    /// Element sizes by which a pointer may step.
    fn strides(&self, frame: &Frame, pointer: LocalId) -> Vec<i64> {
        let info = self.program.function(frame.function).locals.get(pointer.index());
        let size = match info.map(|l| &l.ty) {
            Some(vf_ir::CType::Pointer { to, .. }) => to.size(&self.program.records, self.program.model),
            _ => None,
        };
        match size {
            Some(size) if size > 1 => vec![size as i64],
            _ => vec![1],
        }
    }

    fn range_candidates(
        &mut self,
        frame: &Frame,
        learned: &LoopLearned,
        changed: &[LocalId],
        strides: &BTreeSet<u64>,
        entry: &State,
    ) -> Vec<(usize, RangeCandidate)> {
        let function = self.program.function(frame.function);
        let mut found = Vec::new();
        for object in &learned.objects {
            let Some(info) = self.objects.get(object).cloned() else {
                continue;
            };
            if !info.indeterminate || info.summary {
                continue;
            }
            let g = self.granule(*object);
            for cursor in changed {
                let scales: Vec<u64> = match function.locals.get(cursor.index()).map(|l| l.storage) {
                    Some(Storage::Register(Ty::Ptr)) => vec![1],
                    Some(Storage::Register(Ty::Int(_))) => {
                        let whole = info
                            .element
                            .as_ref()
                            .and_then(|e| e.size(&self.program.records, self.program.model));
                        let mut scales = strides.clone();
                        scales.insert(g);
                        scales.extend(whole.filter(|s| *s > g));
                        scales.into_iter().collect()
                    }
                    _ => continue,
                };
                for scale in scales {
                    let range = RangeCandidate {
                        object: *object,
                        cursor: *cursor,
                        scale,
                    };
                    if found.len() >= 24 || self.range_bounds(&range, entry, entry).is_none() {
                        continue;
                    }
                    let id = self.candidates.len();
                    let active = self.terms.var(&format!("invariant.{id}"), Sort::Bool);
                    let text = format!("{} is written up to the cursor {}", info.name, cursor.0);
                    let place = function.name.clone();
                    self.candidates.push(CandidateInstance { active, place, text });
                    found.push((id, range));
                }
            }
        }
        found
    }

    /// The element sizes by which the loop steps through what it writes.
    fn written_strides(&self, frame: &Frame, facts: &FunctionFacts, index: usize) -> BTreeSet<u64> {
        fn of(ptr: &Expr, found: &mut BTreeSet<u64>) {
            match ptr {
                Expr::PtrAdd { ptr, scale, .. } => {
                    found.insert(*scale);
                    of(ptr, found);
                }
                Expr::Member { ptr, .. } => of(ptr, found),
                _ => {}
            }
        }
        let blocks = self.program.function(frame.function).blocks();
        let inside = facts.cfg.loops()[index].blocks.iter();
        let mut found = BTreeSet::new();
        for statement in inside
            .filter_map(|b| blocks.get(b.index()))
            .flat_map(|b| &b.statements)
        {
            match &statement.kind {
                StmtKind::Store { ptr: dst, .. }
                | StmtKind::Copy { dst, .. }
                | StmtKind::Fill { dst, .. } => {
                    of(dst, &mut found);
                }
                _ => {}
            }
        }
        found
    }

    /// The range of offsets that a range candidate is about.
    fn range_bounds(&self, range: &RangeCandidate, state: &State, entry: &State) -> Option<(Term, Term)> {
        let t = self.terms;
        match (
            self.register_value(state, range.cursor)?,
            self.register_value(entry, range.cursor)?,
        ) {
            (Value::Pointer(now), Value::Pointer(then)) => {
                // A cursor into another object bounds nothing here.
                let one = then.targets.len() == 1 && then.targets.contains(&range.object);
                one.then_some((then.offset, now.offset))
            }
            (Value::Bits(now), Value::Bits(then)) => {
                let wide = |x: Term| match t.sort(x) {
                    Sort::BitVec(w) if w < self.pointer_bits => Some(t.sext(self.pointer_bits, x)),
                    Sort::BitVec(w) if w == self.pointer_bits => Some(x),
                    _ => None,
                };
                let scale = t.bv(self.pointer_bits, u128::from(range.scale));
                Some((t.mul(wide(then)?, scale), t.mul(wide(now)?, scale)))
            }
            _ => None,
        }
    }

    /// Every granule of the range was written: a place that stands for all of them is.
    fn range_written(&mut self, range: &RangeCandidate, state: &State, entry: &State) -> Result<Term, Stop> {
        let t = self.terms;
        let no = t.bool(false);
        let Some((low, high)) = self.range_bounds(range, state, entry) else {
            return Ok(no);
        };
        let Some(contents) = self.contents(state, range.object) else {
            return Ok(no);
        };
        let g = self.granule(range.object);
        let shift = t.bv(self.pointer_bits, u128::from(g.trailing_zeros()));
        let number = self.unique();
        let place = t.shl(
            t.var(&format!("every.{number}"), Sort::BitVec(self.pointer_bits)),
            shift,
        );
        let inside = t.and(t.ule(low, place), t.ult(place, high));
        let written = self.written(contents.version, place, g)?;
        Ok(t.implies(inside, written))
    }

    /// What a candidate says of a state; `None` where it makes no sense there.
    fn evaluate(
        &mut self,
        frame: &Frame,
        candidate: &Candidate,
        state: &State,
        entry: &State,
    ) -> Result<Option<Term>, Stop> {
        let t = self.terms;
        let pointer = |engine: &Self, state: &State, local: LocalId| match engine.register_value(state, local)
        {
            Some(Value::Pointer(p)) => Some(p),
            _ => None,
        };
        Ok(match candidate {
            Candidate::Expr(expr) => {
                let mut known = true;
                super::registers::registers_of(expr, &mut |l| {
                    known &= state.registers.get(l as usize).is_some_and(Option::is_some);
                });
                if known {
                    Some(self.holds_in(frame, state, expr)?)
                } else {
                    None
                }
            }
            Candidate::Moved { local, op } => {
                match (
                    self.register_value(state, *local),
                    self.register_value(entry, *local),
                ) {
                    (Some(Value::Bits(now)), Some(Value::Bits(then))) => Some(self.order(*op, now, then)),
                    (Some(Value::Pointer(now)), Some(Value::Pointer(then))) => {
                        Some(self.order(*op, now.offset, then.offset))
                    }
                    _ => None,
                }
            }
            Candidate::SameObject(local) => {
                match (pointer(self, state, *local), pointer(self, entry, *local)) {
                    (Some(now), Some(then)) => Some(t.eq(now.base, then.base)),
                    _ => None,
                }
            }
            Candidate::WithinObject(local) => pointer(self, state, *local).map(|p| {
                let mut within = t.bool(false);
                for object in self.accessible(&p) {
                    if let Some(info) = self.objects.get(&object) {
                        let here = t.eq(p.base, self.base_const(object));
                        within = t.or(within, t.and(here, t.ule(p.offset, info.size)));
                    }
                }
                within
            }),
            Candidate::Linear {
                pointer: p,
                counter,
                scale,
            } => {
                let values = (
                    pointer(self, state, *p),
                    pointer(self, entry, *p),
                    self.register_value(state, *counter),
                    self.register_value(entry, *counter),
                );
                match values {
                    (Some(p), Some(p0), Some(Value::Bits(i)), Some(Value::Bits(i0))) => {
                        let wide = |x: Term| match t.sort(x) {
                            Sort::BitVec(w) if w < self.pointer_bits => Some(t.sext(self.pointer_bits, x)),
                            Sort::BitVec(w) if w == self.pointer_bits => Some(x),
                            _ => None,
                        };
                        match (wide(i), wide(i0)) {
                            (Some(i), Some(i0)) => {
                                let moved = t.sub(p.offset, p0.offset);
                                let steps = t.mul(t.sub(i, i0), t.bv(self.pointer_bits, *scale as u128));
                                Some(t.eq(moved, steps))
                            }
                            _ => None,
                        }
                    }
                    _ => None,
                }
            }
            Candidate::Ordered { low, high } => {
                match (pointer(self, state, *low), pointer(self, state, *high)) {
                    (Some(low), Some(high)) => {
                        Some(t.and(t.eq(low.base, high.base), t.ule(low.offset, high.offset)))
                    }
                    _ => None,
                }
            }
            Candidate::Lockstep { a, b } => {
                let values = (
                    pointer(self, state, *a),
                    pointer(self, entry, *a),
                    pointer(self, state, *b),
                    pointer(self, entry, *b),
                );
                match values {
                    (Some(a), Some(a0), Some(b), Some(b0)) => {
                        Some(t.eq(t.sub(a.offset, a0.offset), t.sub(b.offset, b0.offset)))
                    }
                    _ => None,
                }
            }
            Candidate::Cell { object, offset } => {
                match (self.contents(state, *object), self.contents(entry, *object)) {
                    (Some(now), Some(then)) => {
                        let g = self.granule(*object);
                        if offset % g != 0 {
                            return Ok(None);
                        }
                        let at = t.bv(self.pointer_bits, u128::from(*offset));
                        let now = self.read_bits(*object, now.version, at, g)?;
                        let then = self.read_bits(*object, then.version, at, g)?;
                        Some(t.eq(now, then))
                    }
                    _ => None,
                }
            }
            Candidate::PointerCell { object, offset } => {
                match (self.contents(state, *object), self.contents(entry, *object)) {
                    (Some(now), Some(then)) => {
                        let at = t.bv(self.pointer_bits, u128::from(*offset));
                        let now = self.read_pointer(now.version, at)?;
                        let then = self.read_pointer(then.version, at)?;
                        Some(t.and(t.eq(now.base, then.base), t.eq(now.offset, then.offset)))
                    }
                    _ => None,
                }
            }
            Candidate::NulKept(object) => {
                match (self.contents(state, *object), self.contents(entry, *object)) {
                    (Some(now), Some(then)) => Some(t.and(
                        t.eq(now.nuls.byte, then.nuls.byte),
                        t.eq(now.nuls.wide, then.nuls.wide),
                    )),
                    _ => None,
                }
            }
            Candidate::Alive(object) => {
                match (self.contents(state, *object), self.contents(entry, *object)) {
                    (Some(now), Some(then)) => {
                        let now = self.alive_with_newest(state, *object, now.alive);
                        Some(t.eq(now, then.alive))
                    }
                    _ => None,
                }
            }
            Candidate::BeforeNul(local) => match pointer(self, state, *local) {
                Some(p) => {
                    let mut before = t.bool(false);
                    for object in self.accessible(&p) {
                        if let Some(contents) = self.contents(state, object) {
                            let here = t.eq(p.base, self.base_const(object));
                            let known = t.ne(contents.nuls.byte, self.no_nul());
                            before = t.or(before, t.all(&[here, known, t.ule(p.offset, contents.nuls.byte)]));
                        }
                    }
                    Some(before)
                }
                None => None,
            },
            Candidate::IndexBeforeNul { object, counter } => {
                match (
                    self.contents(state, *object),
                    self.register_value(state, *counter),
                ) {
                    (Some(contents), Some(Value::Bits(i))) => {
                        let i = match t.sort(i) {
                            Sort::BitVec(w) if w < self.pointer_bits => t.sext(self.pointer_bits, i),
                            Sort::BitVec(w) if w == self.pointer_bits => i,
                            _ => return Ok(None),
                        };
                        Some(t.and(
                            t.ne(contents.nuls.byte, self.no_nul()),
                            t.ule(i, contents.nuls.byte),
                        ))
                    }
                    _ => None,
                }
            }
        })
    }

    fn order(&self, op: Order, now: Term, then: Term) -> Term {
        let t = self.terms;
        match op {
            Order::UnsignedAtLeast => t.uge(now, then),
            Order::UnsignedAtMost => t.ule(now, then),
            Order::SignedAtLeast => t.sge(now, then),
            Order::SignedAtMost => t.sle(now, then),
            Order::Equal => t.eq(now, then),
        }
    }

    fn describe(&self, frame: &Frame, candidate: &Candidate) -> String {
        let function = self.program.function(frame.function);
        let name = |l: &LocalId| {
            function
                .locals
                .get(l.index())
                .map_or_else(String::new, |l| l.name.clone())
        };
        let object = |o: &ObjectId| self.objects.get(o).map_or_else(String::new, |o| o.name.clone());
        match candidate {
            Candidate::Expr(expr) => vf_ir::print::Printer::new(self.program)
                .function(function)
                .expr(expr),
            Candidate::Moved { local, op } => format!("{} {op:?} its value on entry", name(local)),
            Candidate::SameObject(local) => format!("{} points into the object it did on entry", name(local)),
            Candidate::WithinObject(local) => format!("{} stays within its object", name(local)),
            Candidate::Linear {
                pointer,
                counter,
                scale,
            } => {
                format!(
                    "{} moves by {scale} for each step of {}",
                    name(pointer),
                    name(counter)
                )
            }
            Candidate::Ordered { low, high } => format!("{} <= {}", name(low), name(high)),
            Candidate::Lockstep { a, b } => format!("{} and {} move together", name(a), name(b)),
            Candidate::Cell { object: o, offset } | Candidate::PointerCell { object: o, offset } => {
                format!("{} at offset {offset} is as on entry", object(o))
            }
            Candidate::NulKept(o) => format!("the known NUL of {} stays", object(o)),
            Candidate::BeforeNul(local) => format!("{} has not passed the NUL", name(local)),
            Candidate::IndexBeforeNul { object: o, counter } => {
                format!("{} has not passed the NUL of {}", name(counter), object(o))
            }
            Candidate::Alive(o) => format!("{} is as alive as on entry", object(o)),
        }
    }
}

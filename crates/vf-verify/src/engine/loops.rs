//! Loops: cut at the header with candidate invariants, or unrolled.
//!
//! *Cut* (Barnett and Leino, *Weakest-precondition of unstructured programs*, 2005): everything the loop may
//! change becomes unknown at its header, the body is executed once from there, and an exit of the loop
//! continues from that state. What is known at the header are the candidate invariants, each assumed under
//! its own literal. Every candidate is also *established*: on entry, and after the body. The solver drops
//! those that fail until the rest is inductive (Flanagan and Leino, *Houdini*, 2001).

use std::collections::BTreeSet;
use std::rc::Rc;
use vf_source::tables::HashMap;

use vf_ir::{BlockId, FunctionId, LocalId};
use vf_smt::{Sort, Term};

use super::compare::{Iteration, MayChange};
use super::exec::{Frame, FunctionFacts, Returns};
use super::geometric::is_geometric;
use super::latest::Made;
use super::registers::defined;
use super::state::{Edge, Memory, State};
use super::stored::Targets;
use super::value::{Context, ObjectId, ObjectKey, Pointer, Value, WILD};
use super::{CandidateInstance, CutLoop, Engine, Event, Mode, Stop};

mod candidates;
mod evaluate;
mod header;
pub mod suggestions;
mod two_steps;

use candidates::Candidate;
use two_steps::{BEFORE, Established, FIRST, is_innermost};

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
    /// An iteration allocates, or declares locals in memory.
    pub makes: bool,
    /// What the pointers lead to that are written to an object; `None` where anything else is written to it too.
    pub stored: HashMap<ObjectId, Option<Targets>>,
}

/// A loop that was cut.
pub(super) struct Header {
    /// Of [`super::Execution::loops`].
    pub of: usize,
    pub frame: Frame,
    pub block: BlockId,
    /// The state at the header, and the one before the loop.
    pub head: Edge,
    pub entry: State,
    /// After an iteration, where one can end.
    pub back: Option<Edge>,
    /// Registers that the loop assigns.
    pub changed: Vec<LocalId>,
    /// Candidates with their numbers, and what they say of the state at the header.
    pub candidates: Rc<Vec<(usize, Candidate, Term)>>,
}

impl Engine<'_> {
    /// Writes the candidates out in words.
    pub(super) fn write_out(&mut self, headers: &[Header]) {
        for header in headers {
            for (number, candidate, _) in header.candidates.iter() {
                let text = self.describe(&header.frame, candidate);
                if let Some(instance) = self.candidates.get_mut(*number) {
                    instance.text = text;
                }
            }
        }
    }

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
                let key = self.loop_key(frame, facts.cfg.loops()[index].header);
                if let Some(bound) = self.learned.executed.get(&key).copied() {
                    return self.unroll(frame, facts, index, entry, returns, bound);
                }
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
        if is_geometric(self.program.function(frame.function), facts, index, &changed) {
            self.geometric.insert(key);
        }
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
        let number = self.loop_number(frame, header, learned.makes);
        let cut = self.loops.len();
        self.loops.push(CutLoop {
            function: frame.function,
            header,
        });
        let strides = self.written_strides(frame, facts, index);
        let ranges = self.range_candidates(frame, &learned, &changed, &strides, &entry.state, cut);
        let head = self.header_state(frame, &learned, &changed, &ranges, &entry, number)?;
        let may = MayChange {
            registers: &changed,
            objects: &learned.objects,
            nuls: &learned.nuls,
            ended: &learned.ended,
        };
        self.couple(frame, number, &entry, &head, &may)?;
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
            self.candidates.push(CandidateInstance {
                active,
                of: cut,
                source: candidate.source(),
                text: String::new(),
            });
            on_entry.push((id, before));
            numbers.push((id, candidate.clone(), here));
            assumed.push(t.implies(t.and(head.guard, active), here));
        }
        for (id, range) in &ranges {
            let before = self.range_written(frame, range, &entry.state, &entry.state)?;
            on_entry.push((*id, before));
        }
        // In this order: what holds on entry must not be shown from what is assumed of the header.
        self.events.push(Event::Establish {
            candidates: on_entry,
            guard: entry.guard,
        });
        let numbers = Rc::new(numbers);
        let established = Established {
            frame,
            numbers: &numbers,
            ranges: &ranges,
            entry: &entry.state,
        };
        let mut outside = Vec::new();
        let two_steps = self.learned.two_steps && !learned.makes && is_innermost(facts, index);
        if two_steps {
            let (exit, made) = self.body(frame, facts, (index, FIRST), entry.clone(), returns)?;
            self.makes_nothing(key, &made)?;
            outside.extend(exit.outside);
            let back = self.merge_live(facts, header, exit.back)?;
            if let Some(back) = &back {
                self.learn_from(key, &changed, &made, &entry, &head, back)?;
            }
            self.couple_back(
                frame,
                number,
                Iteration::First,
                (entry.guard, back.as_ref()),
                &may,
            )?;
            if let Some(back) = back {
                let whole = self.with_unwritten(frame, facts, index, &entry.state, &back.state);
                self.establish(&established, &back, &whole)?;
            }
        }
        for fact in assumed {
            self.fact(fact);
        }
        let mut start = head.clone();
        if two_steps {
            self.assuming_checks += 1;
            let before = self.body(
                frame,
                facts,
                (index, BEFORE),
                head.clone(),
                &mut Returns::default(),
            );
            self.assuming_checks -= 1;
            let (exit, made) = before?;
            self.makes_nothing(key, &made)?;
            let Some(back) = self.merge_live(facts, header, exit.back)? else {
                // No iteration but the first.
                self.couple_back(frame, number, Iteration::Any, (entry.guard, None), &may)?;
                return Ok(outside);
            };
            self.learn_from(key, &changed, &made, &entry, &head, &back)?;
            self.assume_candidates(&established, &back)?;
            start = back;
        }

        self.headers.push(Header {
            of: cut,
            frame: frame.clone(),
            block: header,
            head: start.clone(),
            entry: entry.state.clone(),
            back: None,
            changed: changed.clone(),
            candidates: numbers.clone(),
        });
        self.loop_stack.push(key);
        self.after_loop = Some(cut);
        self.allocated_in_loop.push(Made::default());
        let exit = self.run_region(frame, facts, Some(index), header, start, returns);
        let allocated = self.allocated_in_loop.pop().unwrap_or_default();
        self.loop_stack.pop();
        self.after_loop = Some(cut);
        let exit = exit?;
        if self.settings.leaks {
            self.ask_whether_held(facts, header, &head);
        }
        outside.extend(exit.outside);
        let back = self.merge_live(facts, header, exit.back)?;
        if let Some(back) = &back {
            self.learn_from(key, &changed, &allocated, &entry, &head, back)?;
        }
        self.couple_back(frame, number, Iteration::Any, (entry.guard, back.as_ref()), &may)?;
        if let Some(back) = back {
            let (back, sizes) = self.renamed(&allocated, &back)?;
            let sizes = self.exchange_sizes(sizes);
            if let Some(header) = self.headers.iter_mut().find(|header| header.of == cut) {
                header.back = Some(back.clone());
            }
            let whole = self.with_unwritten(frame, facts, index, &head.state, &back.state);
            self.establish(&established, &back, &whole)?;
            self.exchange_sizes(sizes);
        }
        Ok(outside)
    }

    /// The state after an iteration, with what the loop neither reads nor writes: an invariant may speak of what a counter
    /// began with.
    fn with_unwritten(
        &self,
        frame: &Frame,
        facts: &FunctionFacts,
        index: usize,
        head: &State,
        back: &State,
    ) -> State {
        let blocks = self.program.function(frame.function).blocks();
        let inside = facts.cfg.loops()[index].blocks.iter();
        let statements = inside
            .filter_map(|b| blocks.get(b.index()))
            .flat_map(|b| &b.statements);
        let written: BTreeSet<usize> = statements
            .filter_map(|s| defined(&s.kind))
            .map(LocalId::index)
            .collect();
        let mut whole = back.clone();
        let registers = Rc::make_mut(&mut whole.registers);
        for (local, (after, before)) in registers.iter_mut().zip(head.registers.iter()).enumerate() {
            if after.is_none() && !written.contains(&local) {
                after.clone_from(before);
            }
        }
        whole
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
            Some(key @ ObjectKey::Latest(_)) => self.make_latest(object, key),
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

    /// Compares the state after an iteration with what the header assumed, and restarts if it was too little.
    fn learn_from(
        &mut self,
        key: LoopKey,
        changed: &[LocalId],
        allocated: &Made,
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
                for next in self.at_next_header(allocated, *target)? {
                    if !at_head.targets.contains(&next) {
                        more |= learned.targets.entry(local.0).or_default().insert(next);
                    }
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
            if allocated.contains(id) && of(&entry.state.memory, id).is_none() {
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
}

//! What may be invariant at a loop's header: the candidates.

use std::collections::BTreeSet;
use std::rc::Rc;

use vf_ir::{BlockId, Condition, Expr, FunctionId, LocalId, Property, StmtKind, Storage, Ty};
use vf_smt::Sort;

use super::LoopLearned;
use crate::engine::exec::{Frame, FunctionFacts};
use crate::engine::state::State;
use crate::engine::value::{ObjectId, ObjectKey, Value};
use crate::engine::{CandidateInstance, Engine, Stop};
use crate::search::Source;

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
    /// An expression over registers, and who proposed it.
    Expr(Expr, Source),
    /// `now op then` for an integer register, or a pointer register's offset.
    Moved {
        local: LocalId,
        op: Order,
    },
    /// The pointer still points into the object it did on entry.
    SameObject(LocalId),
    /// The pointer's offset is at most its object's size.
    WithinObject(LocalId),
    /// A whole element of so many bytes lies in the object where the pointer points: what holds where the search for
    /// a mark on the last element goes on.
    ElementWithinObject {
        pointer: LocalId,
        bytes: u64,
    },
    /// offset(p) - offset0(p) = scale * (i - i0), or minus that.
    Linear {
        pointer: LocalId,
        counter: LocalId,
        scale: i64,
    },
    /// offset(p) - offset0(p) <= scale * (i - i0).
    LinearAtMost {
        pointer: LocalId,
        counter: LocalId,
        scale: i64,
    },
    /// offset(p) - offset0(p) <= offset(q) - offset0(q).
    MovedLess {
        slow: LocalId,
        fast: LocalId,
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
    /// `now op then` for this cell.
    CellMoved {
        cell: Cell,
        op: Order,
    },
    /// What one cell has gained since entry, the other has gained, or lost where they are `opposite`.
    CellsInStep {
        a: Cell,
        b: Cell,
        opposite: bool,
    },
    /// The pointer at this offset is as on entry.
    PointerCell {
        object: ObjectId,
        offset: u64,
    },
    /// The known NUL is where it was.
    NulKept(ObjectId, Nul),
    /// The pointer has not passed the known NUL.
    BeforeNul(LocalId, Nul),
    /// `base + counter * scale` has not passed the known NUL of the object.
    IndexBeforeNul {
        object: ObjectId,
        counter: LocalId,
        nul: Nul,
    },
    Alive(ObjectId),
    /// The pointer leads to none of the objects that a summary stands for.
    NotOlder(LocalId),
    /// The latest object of an allocation is alive, if there is one.
    LatestAlive(ObjectId),
    /// What the pointer leads to is alive.
    AliveTarget(LocalId),
    /// The object that the pointer leads to is at least as large as the one that it led to on entry.
    RoomKept(LocalId),
    /// The object that the pointer leads to has at least `scale` bytes for each of a counter.
    RoomFor {
        pointer: LocalId,
        counter: LocalId,
        scale: u64,
    },
}

/// Which of the NULs that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nul {
    Newest,
    Furthest,
}

impl Candidate {
    pub fn source(&self) -> Source {
        match self {
            Candidate::Expr(_, source) => *source,
            Candidate::Moved { .. } => Source::Start,
            Candidate::WithinObject(_)
            | Candidate::ElementWithinObject { .. }
            | Candidate::Linear { .. }
            | Candidate::LinearAtMost { .. }
            | Candidate::MovedLess { .. }
            | Candidate::Ordered { .. }
            | Candidate::Lockstep { .. } => Source::PointerStep,
            Candidate::SameObject(_)
            | Candidate::Cell { .. }
            | Candidate::PointerCell { .. }
            | Candidate::Alive(_)
            | Candidate::CellMoved { .. }
            | Candidate::CellsInStep { .. }
            | Candidate::NotOlder(_)
            | Candidate::LatestAlive(_)
            | Candidate::AliveTarget(_)
            | Candidate::RoomKept(_)
            | Candidate::RoomFor { .. } => Source::Memory,
            Candidate::NulKept(..) | Candidate::BeforeNul(..) | Candidate::IndexBeforeNul { .. } => {
                Source::Strings
            }
        }
    }
}

/// Bytes at a constant offset of an object: a variable behind a pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub object: ObjectId,
    pub offset: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    UnsignedAtLeast,
    UnsignedAtMost,
    SignedAtLeast,
    SignedAtMost,
    Equal,
}

impl Order {
    pub fn words(self) -> &'static str {
        match self {
            Order::UnsignedAtLeast => "(unsigned) is at least",
            Order::UnsignedAtMost => "(unsigned) is at most",
            Order::SignedAtLeast => "(signed) is at least",
            Order::SignedAtMost => "(signed) is at most",
            Order::Equal => "is",
        }
    }
}

/// Candidates of one loop, at most; a quadratic number of queries hides behind each.
const CANDIDATE_LIMIT: usize = 160;

/// Cells of one loop that are compared with what they were on entry and with each other, at most.
const COMPARED_CELLS: usize = 6;
/// Bytes of an object whose cells are compared, at most: records and single variables, not tables.
const COMPARED_BYTES: u64 = 64;

impl Engine<'_> {
    /// What is asserted at the header: loop invariants of the user's. They are checked there, and tried as candidates, which
    /// keeps what is inductive.
    fn asserted(&self, frame: &Frame, header: BlockId) -> Vec<Candidate> {
        let function = self.program.function(frame.function);
        let block = function.blocks().get(header.index());
        let statements = block.into_iter().flat_map(|b| &b.statements);
        let checked = statements.filter_map(|s| match s.kind {
            StmtKind::Check(id) => function.obligations.get(id.index()),
            _ => None,
        });
        let asserted = checked.filter(|o| o.property == Property::Assertion);
        asserted
            .filter_map(|o| match &o.condition {
                Condition::Holds(condition) => Some(Candidate::Expr(condition.clone(), Source::Annotation)),
                _ => None,
            })
            .collect()
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn candidates(
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
        let header = facts.cfg.loops()[index].header;
        let mut found = self.asserted(frame, header);
        let solved = self.solved.get(&(frame.function, header));
        found.extend(
            solved
                .into_iter()
                .flatten()
                .map(|c| Candidate::Expr(c.clone(), Source::Spacer)),
        );
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
            found.push(Candidate::NulKept(*object, Nul::Newest));
        }
        for object in learned.nuls.iter().filter(|o| !learned.objects.contains(o)) {
            found.push(Candidate::NulKept(*object, Nul::Newest));
        }
        let changed_objects: BTreeSet<ObjectId> = learned.objects.union(&learned.nuls).copied().collect();
        for object in changed_objects {
            if self.furthest_apart(head, object) {
                found.push(Candidate::NulKept(object, Nul::Furthest));
            }
        }
        for object in &learned.ended {
            found.push(Candidate::Alive(*object));
        }
        for object in head.memory.keys() {
            let key = self.objects.get(object).map(|o| &o.key);
            if matches!(key, Some(ObjectKey::Latest(_))) && !entry.memory.contains_key(object) {
                found.push(Candidate::LatestAlive(*object));
            }
        }
        for local in &pointers {
            found.push(Candidate::SameObject(*local));
            found.push(Candidate::WithinObject(*local));
            // Of bytes the known NUL says as much.
            if let Some(bytes) = self.element(frame, *local).filter(|b| *b > 1) {
                let pointer = *local;
                found.push(Candidate::ElementWithinObject { pointer, bytes });
            }
            for op in [Order::UnsignedAtLeast, Order::UnsignedAtMost, Order::Equal] {
                found.push(Candidate::Moved { local: *local, op });
            }
            found.push(Candidate::BeforeNul(*local, Nul::Newest));
            let targets = match self.register_value(head, *local) {
                Some(Value::Pointer(pointer)) => self.accessible(&pointer),
                _ => Vec::new(),
            };
            if targets.into_iter().any(|o| self.furthest_apart(head, o)) {
                found.push(Candidate::BeforeNul(*local, Nul::Furthest));
            }
        }
        for local in &pointers {
            self.of_latest(frame, *local, (entry, head), &mut found);
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
        for (condition, source) in self.proposals(frame.function, header) {
            found.push(Candidate::Expr(condition, source));
        }
        // A pointer that steps with a counter, or with another pointer; cursors before an end pointer.
        for pointer in &pointers {
            for counter in &integers {
                for scale in self.strides(frame, facts, index, *pointer) {
                    found.push(Candidate::LinearAtMost {
                        pointer: *pointer,
                        counter: *counter,
                        scale,
                    });
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
                    let (a, b) = (*pointer, *other);
                    found.push(Candidate::Lockstep { a, b });
                    found.push(Candidate::MovedLess { slow: a, fast: b });
                    found.push(Candidate::MovedLess { slow: b, fast: a });
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
        for object in self.byte_strings().into_iter().take(4) {
            for counter in &integers {
                found.push(Candidate::IndexBeforeNul {
                    object,
                    counter: *counter,
                    nul: Nul::Newest,
                });
                if self.furthest_apart(head, object) {
                    found.push(Candidate::IndexBeforeNul {
                        object,
                        counter: *counter,
                        nul: Nul::Furthest,
                    });
                }
            }
        }
        self.compare_cells(learned, &mut found);
        found.retain(|candidate| !self.settings.without.contains(&candidate.source()));
        found.truncate(CANDIDATE_LIMIT);
        Ok(found)
    }

    /// A pointer that leads to what an earlier iteration made: that it is the latest one, alive, and large enough for
    /// what the registers count.
    fn of_latest(
        &mut self,
        frame: &Frame,
        local: LocalId,
        (entry, head): (&State, &State),
        found: &mut Vec<Candidate>,
    ) {
        let leads_to_latest = |engine: &Self| match engine.register_value(head, local) {
            Some(Value::Pointer(pointer)) => pointer.targets.iter().any(|target| {
                let key = engine.objects.get(target).map(|o| &o.key);
                matches!(key, Some(ObjectKey::Latest(_)))
            }),
            _ => false,
        };
        if !leads_to_latest(self) {
            return;
        }
        found.push(Candidate::NotOlder(local));
        found.push(Candidate::AliveTarget(local));
        found.push(Candidate::RoomKept(local));
        let function = self.program.function(frame.function);
        let size = match function.locals.get(local.index()).map(|l| &l.ty) {
            Some(vf_ir::CType::Pointer { to, .. }) => to.size(&self.program.records, self.program.model),
            _ => None,
        };
        for (counter, info) in function.locals.iter().enumerate() {
            let counter = LocalId(counter as u32);
            if info.user
                && matches!(info.storage, Storage::Register(Ty::Int(16 | 32 | 64)))
                && self.register_value(head, counter).is_some()
                && self.register_value(entry, counter).is_some()
            {
                found.push(Candidate::RoomFor {
                    pointer: local,
                    counter,
                    scale: size.unwrap_or(1).max(1),
                });
            }
        }
    }

    /// Variables behind pointers that the loop changes: one that only rises or falls, and two that count together.
    fn compare_cells(&self, learned: &LoopLearned, found: &mut Vec<Candidate>) {
        let mut cells = Vec::new();
        for object in learned.objects.iter().copied() {
            let size = self
                .objects
                .get(&object)
                .and_then(|info| self.terms.as_bv(info.size));
            let size = size.and_then(|size| u64::try_from(size).ok());
            match (size, self.learned.cells.get(&object)) {
                // One variable, however it is read.
                (Some(bytes @ (1 | 2 | 4 | 8)), Some(_)) => cells.push(Cell {
                    object,
                    offset: 0,
                    bytes,
                }),
                (Some(size), Some(offsets)) if size <= COMPARED_BYTES => {
                    let bytes = self.granule(object);
                    cells.extend(offsets.iter().map(|offset| Cell {
                        object,
                        offset: *offset,
                        bytes,
                    }));
                }
                _ => {}
            }
        }
        cells.truncate(COMPARED_CELLS);
        for (n, a) in cells.iter().enumerate() {
            for op in [Order::SignedAtLeast, Order::SignedAtMost] {
                found.push(Candidate::CellMoved { cell: *a, op });
            }
            for b in &cells[n + 1..] {
                for opposite in [false, true] {
                    let (a, b) = (*a, *b);
                    found.push(Candidate::CellsInStep { a, b, opposite });
                }
            }
        }
    }

    /// Whether the furthest known NUL of an object is another than the newest.
    fn furthest_apart(&mut self, state: &State, object: ObjectId) -> bool {
        let contents = self.contents(state, object);
        contents.is_some_and(|c| c.nuls.furthest != c.nuls.byte)
    }

    /// Invariants over registers that the abstract interpretation proposes.
    fn proposals(&mut self, function: FunctionId, header: BlockId) -> Vec<(Expr, Source)> {
        if self.solved_alone && self.solved.contains_key(&(function, header)) {
            return Vec::new();
        }
        let program = self.program;
        let proposed = self
            .proposed
            .entry(function)
            .or_insert_with(|| Rc::new(vf_absint::propose(program, function)))
            .clone();
        let here = proposed.iter().filter(|p| p.header == header);
        here.flat_map(|p| {
            p.candidates
                .iter()
                .map(|c| (c.condition.clone(), c.origin.into()))
        })
        .collect()
    }

    /// Bytes of what a pointer's type says that it points to.
    fn element(&self, frame: &Frame, pointer: LocalId) -> Option<u64> {
        let function = self.program.function(frame.function);
        match function.locals.get(pointer.index()).map(|l| &l.ty) {
            Some(vf_ir::CType::Pointer { to, .. }) => to.size(&self.program.records, self.program.model),
            _ => None,
        }
    }

    /// By how much a pointer may move for each step of a counter: its element, and all that an iteration adds to it.
    fn strides(&self, frame: &Frame, facts: &FunctionFacts, index: usize, pointer: LocalId) -> BTreeSet<i64> {
        let function = self.program.function(frame.function);
        let size = self.element(frame, pointer);
        let mut strides = BTreeSet::from([size.filter(|s| *s > 1).map_or(1, |s| s as i64)]);
        let blocks = facts.cfg.loops()[index].blocks.iter();
        let statements = blocks
            .filter_map(|b| function.blocks().get(b.index()))
            .flat_map(|b| &b.statements);
        let added = |kind: &StmtKind| match kind {
            StmtKind::Assign {
                dst,
                value: Expr::PtrAdd { index, scale, .. },
            } if *dst == pointer => {
                let step = vf_absint::expression::signed_constant(index)?;
                i64::try_from(step.checked_mul(i128::from(*scale))?).ok()
            }
            _ => None,
        };
        let total = statements
            .filter_map(|s| added(&s.kind))
            .try_fold(0i64, i64::checked_add);
        strides.extend(total.and_then(i64::checked_abs).filter(|t| *t > 0));
        strides
    }

    pub(super) fn range_candidates(
        &mut self,
        frame: &Frame,
        learned: &LoopLearned,
        changed: &[LocalId],
        strides: &BTreeSet<u64>,
        entry: &State,
        of: usize,
    ) -> Vec<(usize, RangeCandidate)> {
        let function = self.program.function(frame.function);
        let mut found = Vec::new();
        if self.settings.without.contains(&Source::Memory) {
            return found;
        }
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
                    if found.len() >= 24 || self.range_bounds(frame, &range, entry, entry).is_none() {
                        continue;
                    }
                    let id = self.candidates.len();
                    let active = self.terms.var(&format!("invariant.{id}"), Sort::Bool);
                    let to = function
                        .locals
                        .get(cursor.index())
                        .map_or("", |l| l.name.as_str());
                    self.candidates.push(CandidateInstance {
                        active,
                        of,
                        source: Source::Memory,
                        text: format!("{} is written up to the cursor {to}", info.name),
                    });
                    found.push((id, range));
                }
            }
        }
        found
    }

    /// The element sizes by which the loop steps through what it writes.
    pub(super) fn written_strides(
        &self,
        frame: &Frame,
        facts: &FunctionFacts,
        index: usize,
    ) -> BTreeSet<u64> {
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
}

//! What candidates say of a state, as terms and in words.

use vf_ir::LocalId;
use vf_smt::{Sort, Term};

use super::candidates::{Candidate, Cell, Nul, Order, RangeCandidate};
use crate::engine::exec::Frame;
use crate::engine::registers::registers_of;
use crate::engine::state::{Contents, State};
use crate::engine::value::{ObjectId, Pointer, Value};
use crate::engine::{Engine, Stop};

impl Engine<'_> {
    /// The range of offsets that a range candidate is about.
    pub(super) fn range_bounds(
        &self,
        frame: &Frame,
        range: &RangeCandidate,
        state: &State,
        entry: &State,
    ) -> Option<(Term, Term)> {
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
                let wide = |x: Term| self.widened(frame, range.cursor, x);
                let scale = t.bv(self.pointer_bits, u128::from(range.scale));
                Some((t.mul(wide(then)?, scale), t.mul(wide(now)?, scale)))
            }
            _ => None,
        }
    }

    /// Every granule of the range was written: a place that stands for all of them is.
    pub(super) fn range_written(
        &mut self,
        frame: &Frame,
        range: &RangeCandidate,
        state: &State,
        entry: &State,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let no = t.bool(false);
        let Some((low, high)) = self.range_bounds(frame, range, state, entry) else {
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
    pub(super) fn evaluate(
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
            Candidate::Expr(expr, _) => {
                let mut known = true;
                registers_of(expr, &mut |l| {
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
            Candidate::WithinObject(local) => {
                pointer(self, state, *local).map(|p| self.size_is(&p, |size| t.ule(p.offset, size)))
            }
            Candidate::ElementWithinObject {
                pointer: local,
                bytes,
            } => pointer(self, state, *local).map(|p| self.room_at(&p, *bytes)),
            Candidate::Linear {
                pointer,
                counter,
                scale,
            } => self
                .moved_with(frame, (*pointer, *counter, *scale), state, entry)
                .map(|(moved, steps)| t.eq(moved, steps)),
            Candidate::LinearAtMost {
                pointer,
                counter,
                scale,
            } => self
                .moved_with(frame, (*pointer, *counter, *scale), state, entry)
                .map(|(moved, steps)| t.ule(moved, steps)),
            Candidate::MovedLess { slow, fast } => {
                let moved = |local| self.moved(local, state, entry);
                match (moved(*slow), moved(*fast)) {
                    (Some(slow), Some(fast)) => Some(t.ule(slow, fast)),
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
                match (self.moved(*a, state, entry), self.moved(*b, state, entry)) {
                    (Some(a), Some(b)) => Some(t.eq(a, b)),
                    _ => None,
                }
            }
            Candidate::Cell { object, offset } => {
                let cell = Cell {
                    object: *object,
                    offset: *offset,
                    bytes: self.granule(*object),
                };
                self.cell_since_entry(cell, state, entry)?
                    .map(|(now, then)| t.eq(now, then))
            }
            Candidate::CellMoved { cell, op } => self
                .cell_since_entry(*cell, state, entry)?
                .map(|(now, then)| self.order(*op, now, then)),
            Candidate::CellsInStep { a, b, opposite } => {
                match (
                    self.cell_since_entry(*a, state, entry)?,
                    self.cell_since_entry(*b, state, entry)?,
                ) {
                    (Some((now, then)), Some((other, before))) if t.sort(now) == t.sort(other) => {
                        let gained = if *opposite {
                            t.sub(before, other)
                        } else {
                            t.sub(other, before)
                        };
                        Some(t.eq(t.sub(now, then), gained))
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
            Candidate::NulKept(object, nul) => {
                match (self.contents(state, *object), self.contents(entry, *object)) {
                    (Some(now), Some(then)) => {
                        let kept = t.eq(known_nul(&now, *nul), known_nul(&then, *nul));
                        Some(match nul {
                            Nul::Newest => t.and(kept, t.eq(now.nuls.wide, then.nuls.wide)),
                            Nul::Furthest => kept,
                        })
                    }
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
            Candidate::NotOlder(local) => pointer(self, state, *local).map(|p| {
                let summaries: Vec<ObjectId> = p.targets.iter().copied().collect();
                let older = summaries
                    .into_iter()
                    .filter(|o| self.objects.get(o).is_some_and(|o| o.summary))
                    .map(|o| t.ne(p.base, self.base_const(o)));
                t.all(&older.collect::<Vec<_>>())
            }),
            Candidate::LatestAlive(object) => Some(match self.contents(state, *object) {
                Some(contents) => contents.alive,
                None => t.bool(true),
            }),
            Candidate::AliveTarget(local) => pointer(self, state, *local).map(|p| {
                let mut alive = t.bool(false);
                for object in self.accessible(&p) {
                    if let Some(contents) = self.contents(state, object) {
                        let here = t.eq(p.base, self.base_const(object));
                        alive = t.or(alive, t.and(here, contents.alive));
                    }
                }
                alive
            }),
            Candidate::RoomKept(local) => {
                match (pointer(self, state, *local), pointer(self, entry, *local)) {
                    (Some(now), Some(then)) => {
                        let kept = |size| self.size_is(&then, |before| t.ule(before, size));
                        Some(self.size_is(&now, kept))
                    }
                    _ => None,
                }
            }
            Candidate::RoomFor {
                pointer: local,
                counter,
                scale,
            } => match (pointer(self, state, *local), self.register_value(state, *counter)) {
                (Some(p), Some(Value::Bits(count))) => {
                    let Some(count) = self.widened(frame, *counter, count) else {
                        return Ok(None);
                    };
                    let scale = t.bv(self.pointer_bits, u128::from(*scale));
                    Some(self.size_is(&p, |size| t.ule(count, t.udiv(size, scale))))
                }
                _ => None,
            },
            Candidate::BeforeNul(local, nul) => match pointer(self, state, *local) {
                Some(p) => {
                    let mut before = t.bool(false);
                    for object in self.accessible(&p) {
                        if let Some(contents) = self.contents(state, object) {
                            let here = t.eq(p.base, self.base_const(object));
                            let nul = known_nul(&contents, *nul);
                            let known = t.ne(nul, self.no_nul());
                            before = t.or(before, t.all(&[here, known, t.ule(p.offset, nul)]));
                        }
                    }
                    Some(before)
                }
                None => None,
            },
            Candidate::IndexBeforeNul { object, counter, nul } => {
                match (
                    self.contents(state, *object),
                    self.register_value(state, *counter),
                ) {
                    (Some(contents), Some(Value::Bits(i))) => {
                        let Some(i) = self.widened(frame, *counter, i) else {
                            return Ok(None);
                        };
                        let nul = known_nul(&contents, *nul);
                        Some(t.and(t.ne(nul, self.no_nul()), t.ule(i, nul)))
                    }
                    _ => None,
                }
            }
        })
    }

    /// The pointer leads to an object whose size is as asked.
    fn size_is(&self, pointer: &Pointer, asked: impl Fn(Term) -> Term) -> Term {
        let t = self.terms;
        let mut holds = t.bool(false);
        for object in self.accessible(pointer) {
            if let Some(info) = self.objects.get(&object) {
                let here = t.eq(pointer.base, self.base_const(object));
                holds = t.or(holds, t.and(here, asked(info.size)));
            }
        }
        holds
    }

    /// The cell now and on entry.
    fn cell_since_entry(
        &mut self,
        cell: Cell,
        state: &State,
        entry: &State,
    ) -> Result<Option<(Term, Term)>, Stop> {
        let Cell {
            object,
            offset,
            bytes,
        } = cell;
        let (Some(now), Some(then)) = (self.contents(state, object), self.contents(entry, object)) else {
            return Ok(None);
        };
        let g = self.granule(object);
        if offset % g != 0 || bytes % g != 0 {
            return Ok(None);
        }
        let at = self.terms.bv(self.pointer_bits, u128::from(offset));
        let now = self.read_bits(object, now.version, at, bytes)?;
        let then = self.read_bits(object, then.version, at, bytes)?;
        Ok(Some((now, then)))
    }

    /// So many bytes lie between the pointer and the end of its object.
    fn room_at(&self, p: &Pointer, bytes: u64) -> Term {
        let t = self.terms;
        let needed = t.bv(self.pointer_bits, u128::from(bytes));
        self.size_is(p, |size| {
            t.and(t.ule(p.offset, size), t.uge(t.sub(size, p.offset), needed))
        })
    }

    /// How far a pointer register is from where it was on entry.
    fn moved(&self, local: LocalId, state: &State, entry: &State) -> Option<Term> {
        match (
            self.register_value(state, local)?,
            self.register_value(entry, local)?,
        ) {
            (Value::Pointer(now), Value::Pointer(then)) => Some(self.terms.sub(now.offset, then.offset)),
            _ => None,
        }
    }

    /// How far a pointer has moved, and `scale` times what a counter has gained.
    fn moved_with(
        &self,
        frame: &Frame,
        (pointer, counter, scale): (LocalId, LocalId, i64),
        state: &State,
        entry: &State,
    ) -> Option<(Term, Term)> {
        let t = self.terms;
        let index = |state| match self.register_value(state, counter)? {
            Value::Bits(bits) => self.widened(frame, counter, bits),
            Value::Pointer(_) => None,
        };
        let gained = t.sub(index(state)?, index(entry)?);
        let steps = t.mul(gained, t.bv(self.pointer_bits, scale as u128));
        Some((self.moved(pointer, state, entry)?, steps))
    }

    /// An integer register's value as an index: of pointer width, by the sign of its type.
    fn widened(&self, frame: &Frame, local: LocalId, value: Term) -> Option<Term> {
        let t = self.terms;
        let info = self.program.function(frame.function).locals.get(local.index());
        match t.sort(value) {
            Sort::BitVec(w) if w == self.pointer_bits => Some(value),
            Sort::BitVec(w) if w < self.pointer_bits => Some(if info.is_some_and(|l| l.ty.is_signed()) {
                t.sext(self.pointer_bits, value)
            } else {
                t.zext(self.pointer_bits, value)
            }),
            _ => None,
        }
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

    pub(super) fn describe(&self, frame: &Frame, candidate: &Candidate) -> String {
        let function = self.program.function(frame.function);
        let name = |l: &LocalId| {
            function
                .locals
                .get(l.index())
                .map_or_else(String::new, |l| l.name.clone())
        };
        let object = |o: &ObjectId| self.objects.get(o).map_or_else(String::new, |o| o.name.clone());
        match candidate {
            Candidate::Expr(expr, _) => vf_ir::print::Printer::new(self.program)
                .function(function)
                .expr(expr),
            Candidate::Moved { local, op } => {
                format!("{} {} its value before the loop", name(local), op.words())
            }
            Candidate::SameObject(local) => format!("{} points into the object it did on entry", name(local)),
            Candidate::WithinObject(local) => format!("{} stays within its object", name(local)),
            Candidate::ElementWithinObject { pointer, bytes } => {
                format!("{} points to {bytes} bytes of its object", name(pointer))
            }
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
            Candidate::LinearAtMost {
                pointer,
                counter,
                scale,
            } => {
                format!(
                    "{} moves by at most {scale} for each step of {}",
                    name(pointer),
                    name(counter)
                )
            }
            Candidate::MovedLess { slow, fast } => {
                format!("{} has moved at most as far as {}", name(slow), name(fast))
            }
            Candidate::Ordered { low, high } => format!("{} <= {}", name(low), name(high)),
            Candidate::Lockstep { a, b } => format!("{} and {} move together", name(a), name(b)),
            Candidate::CellMoved { cell, op } => format!(
                "{} at offset {}: {op:?} its value on entry",
                object(&cell.object),
                cell.offset
            ),
            Candidate::CellsInStep { a, b, opposite } => format!(
                "{} at offset {} and {} at offset {} move {}",
                object(&a.object),
                a.offset,
                object(&b.object),
                b.offset,
                if *opposite {
                    "against each other"
                } else {
                    "together"
                }
            ),
            Candidate::Cell { object: o, offset } | Candidate::PointerCell { object: o, offset } => {
                format!("{} at offset {offset} is as on entry", object(o))
            }
            Candidate::NulKept(o, nul) => format!("the {} of {} stays", nul_name(*nul), object(o)),
            Candidate::BeforeNul(local, nul) => {
                format!("{} has not passed the {}", name(local), nul_name(*nul))
            }
            Candidate::IndexBeforeNul {
                object: o,
                counter,
                nul,
            } => {
                format!(
                    "{} has not passed the {} of {}",
                    name(counter),
                    nul_name(*nul),
                    object(o)
                )
            }
            Candidate::NotOlder(local) => {
                format!(
                    "{} leads to nothing older than the latest allocation",
                    name(local)
                )
            }
            Candidate::LatestAlive(o) => format!("{} is alive", object(o)),
            Candidate::AliveTarget(local) => format!("what {} leads to is alive", name(local)),
            Candidate::RoomKept(local) => {
                format!("{} leads to as much as on entry, or more", name(local))
            }
            Candidate::RoomFor {
                pointer,
                counter,
                scale,
            } => format!(
                "{} leads to at least {scale} bytes for each of {}",
                name(pointer),
                name(counter)
            ),
            Candidate::Alive(o) => format!("{} is as alive as on entry", object(o)),
        }
    }
}

fn known_nul(contents: &Contents, nul: Nul) -> Term {
    match nul {
        Nul::Newest => contents.nuls.byte,
        Nul::Furthest => contents.nuls.furthest,
    }
}

fn nul_name(nul: Nul) -> &'static str {
    match nul {
        Nul::Newest => "known NUL",
        Nul::Furthest => "furthest known NUL",
    }
}

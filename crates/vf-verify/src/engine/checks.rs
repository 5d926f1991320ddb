//! Conditions of obligations as terms.

use vf_ir::obligation::Arithmetic;
use vf_ir::{Access, Condition, Expr, ObligationId, Property};
use vf_smt::{Sort, Term};

use super::exec::Frame;
use super::state::{Edge, State};
use super::value::{INVALID, NO_OBJECT, Pointer, Value, WILD};
use super::{CheckInstance, CheckKey, Engine, Event, Stop};

/// What a condition comes to.
struct Meaning {
    holds: Term,
    /// Whether the question arises at all.
    applies: bool,
}

impl Engine<'_> {
    pub(super) fn check(&mut self, frame: &Frame, id: ObligationId, edge: &mut Edge) -> Result<(), Stop> {
        if (self.settings.skip)(frame.function, id) {
            return Ok(());
        }
        let function = self.program.function(frame.function);
        let Some(obligation) = function.obligations.get(id.index()) else {
            return Ok(());
        };
        let meaning = self.condition(frame, &edge.state, &obligation.condition)?;
        let (owner, via) = match &frame.call {
            _ if !function.is_contract(id) => (frame.owner, frame.via.clone()),
            Some((owner, via)) => (*owner, via.clone()),
            None => {
                let required = self.terms.implies(edge.guard, meaning.holds);
                self.contract(obligation.text.clone(), required);
                return Ok(());
            }
        };
        let key = CheckKey {
            function: owner,
            via,
            inner: frame.function,
            obligation: id,
        };
        if !self.old_check(&key, edge.guard, meaning.holds) {
            return Ok(());
        }
        // (A question about an iteration that stands for any earlier one is asked where it is the current one.)
        if self.assuming_checks == 0 {
            self.events.push(Event::Check(CheckInstance {
                key,
                guard: edge.guard,
                holds: meaning.holds,
                applies: meaning.applies,
                claims_unreachable: match obligation.condition {
                    Condition::Unreachable => true,
                    // `assert(0)`.
                    Condition::Holds(_) => {
                        obligation.property == Property::Assertion && self.terms.is_false(meaning.holds)
                    }
                    _ => false,
                },
                after_loop: self.after_loop,
            }));
        }
        // Execution goes on as if it had held; an uninitialised read goes on with any value.
        let any_value = matches!(
            obligation.condition,
            Condition::InitializedLocal(_) | Condition::InitializedMemory { .. }
        );
        if !any_value || self.is_old_version() {
            let fact = self.terms.implies(edge.guard, meaning.holds);
            self.fact(fact);
            if self.terms.is_false(meaning.holds) {
                self.watch_failure();
            }
        }
        Ok(())
    }

    fn condition(&mut self, frame: &Frame, state: &State, condition: &Condition) -> Result<Meaning, Stop> {
        let t = self.terms;
        let mut applies = true;
        let holds = match condition {
            Condition::Holds(expr) => self.truth(frame, state, expr)?,
            Condition::NoOverflow { op, signed, lhs, rhs } => {
                let lhs = self.bits(frame, state, lhs)?;
                let rhs = self.bits(frame, state, rhs)?;
                t.not(self.overflows(*op, *signed, lhs, rhs))
            }
            Condition::Lossless {
                value,
                value_signed,
                bits,
                signed,
            } => {
                let value = self.bits(frame, state, value)?;
                self.lossless(value, *value_signed, *bits, *signed)
            }
            Condition::ValidAccess { ptr, size, access } => {
                let pointer = self.pointer(frame, state, ptr)?;
                let size = self.bits(frame, state, size)?;
                self.find_before(&pointer)?;
                self.valid(&pointer, size, *access)
            }
            Condition::NotNull { ptr } => {
                let pointer = self.pointer(frame, state, ptr)?;
                let open = self.open_if_wild(&pointer);
                t.and(
                    t.not(self.is_null(&pointer)),
                    t.or(t.not(self.is_wild(&pointer)), open),
                )
            }
            Condition::Live { ptr } => {
                let pointer = self.pointer(frame, state, ptr)?;
                applies = pointer
                    .targets
                    .iter()
                    .any(|o| self.objects.get(o).is_none_or(|o| o.mortal))
                    || pointer.targets.contains(&WILD);
                self.live(state, &pointer)
            }
            Condition::InitializedLocal(local) => {
                match state.registers.get(local.index()).and_then(Option::as_ref) {
                    Some(register) => register.assigned,
                    None => t.bool(false),
                }
            }
            Condition::InitializedMemory { ptr, size } => {
                let pointer = self.pointer(frame, state, ptr)?;
                let size = self.bits(frame, state, size)?;
                applies = pointer.targets.contains(&WILD)
                    || pointer
                        .targets
                        .iter()
                        .any(|o| self.objects.get(o).is_none_or(|o| o.indeterminate));
                if applies {
                    self.initialized(state, &pointer, size)?
                } else {
                    t.bool(true)
                }
            }
            Condition::Terminated { ptr, unit } => {
                let pointer = self.pointer(frame, state, ptr)?;
                self.terminated(state, &pointer, *unit)?
            }
            Condition::Freeable { ptr } => {
                let pointer = self.pointer(frame, state, ptr)?;
                self.freeable(state, &pointer)
            }
            Condition::Freed { or_reachable } => {
                let holders = match or_reachable {
                    true => self.held_by_globals(state)?,
                    false => Vec::new(),
                };
                self.freed(state, &holders)
            }
            Condition::Unreachable => t.bool(false),
        };
        Ok(Meaning { holds, applies })
    }

    fn overflows(&self, op: Arithmetic, signed: bool, lhs: Term, rhs: Term) -> Term {
        let t = self.terms;
        let Sort::BitVec(width) = t.sort(lhs) else {
            return t.bool(true);
        };
        let least = t.bv(width, 1 << (width - 1));
        match op {
            Arithmetic::Add => t.add_overflows(signed, lhs, rhs),
            Arithmetic::Sub => t.sub_overflows(signed, lhs, rhs),
            Arithmetic::Mul => t.mul_overflows(signed, lhs, rhs),
            Arithmetic::Div if signed => t.and(t.eq(lhs, least), t.eq(rhs, t.bv(width, u128::MAX))),
            Arithmetic::Div => t.bool(false),
            Arithmetic::Neg if signed => t.eq(rhs, least),
            Arithmetic::Neg => t.ne(rhs, t.bv(width, 0)),
            Arithmetic::Shl => {
                let back = t.shl(lhs, rhs);
                let again = if signed {
                    t.ashr(back, rhs)
                } else {
                    t.lshr(back, rhs)
                };
                t.ne(again, lhs)
            }
        }
    }

    fn lossless(&self, value: Term, value_signed: bool, bits: u32, signed: bool) -> Term {
        let t = self.terms;
        let Sort::BitVec(width) = t.sort(value) else {
            return t.bool(true);
        };
        // Compare the value with what it becomes, both in a width that holds either.
        let wide = width.max(bits) + 1;
        let exact = if value_signed {
            t.sext(wide, value)
        } else {
            t.zext(wide, value)
        };
        let cut = t.extract(bits - 1, 0, exact);
        let becomes = if signed {
            t.sext(wide, cut)
        } else {
            t.zext(wide, cut)
        };
        t.eq(exact, becomes)
    }

    /// The `size` bytes at the pointer lie in one object (or there are none), which is writable if they are
    /// to be written.
    pub(super) fn valid(&mut self, pointer: &Pointer, size: Term, access: Access) -> Term {
        let t = self.terms;
        let mut ok = t.eq(size, t.bv(self.pointer_bits, 0));
        for object in self.accessible(pointer) {
            let here = t.eq(pointer.base, self.base_const(object));
            let Some(info) = self.objects.get(&object) else {
                ok = t.or(ok, t.and(here, t.fresh("open", Sort::Bool)));
                continue;
            };
            if access == Access::Write && info.constant {
                continue;
            }
            if info.summary && t.as_bv(info.size).is_none() {
                ok = t.or(ok, t.and(here, t.fresh("open", Sort::Bool)));
                continue;
            }
            let whole = info.size;
            // offset <= whole and size <= whole - offset: exact, no addition that could wrap.
            let fits = t.and(
                t.ule(pointer.offset, whole),
                t.ule(size, t.sub(whole, pointer.offset)),
            );
            ok = t.or(ok, t.and(here, fits));
        }
        if let Some(bounds) = pointer.hard_bounds() {
            let inside = t.all(&[
                t.ule(bounds.low, pointer.offset),
                t.ule(pointer.offset, bounds.high),
                t.ule(size, t.sub(bounds.high, pointer.offset)),
            ]);
            ok = t.and(ok, t.or(inside, t.eq(size, t.bv(self.pointer_bits, 0))));
        }
        t.or(ok, self.open_if_wild(pointer))
    }

    /// The pointer is one of which nothing is known.
    pub(super) fn is_wild(&self, pointer: &Pointer) -> Term {
        if pointer.targets.contains(&WILD) {
            self.terms.eq(pointer.base, self.base_const(WILD))
        } else {
            self.terms.bool(false)
        }
    }

    /// What is asked of a pointer of which nothing is known may hold or not. Never "does not": execution goes on
    /// as if it held, and that must leave the executions in which it does.
    pub(super) fn open_if_wild(&self, pointer: &Pointer) -> Term {
        let wild = self.is_wild(pointer);
        if self.terms.is_false(wild) {
            return wild;
        }
        self.terms.and(wild, self.terms.fresh("open", Sort::Bool))
    }

    fn live(&mut self, state: &State, pointer: &Pointer) -> Term {
        let t = self.terms;
        let mut ok = t.bool(true);
        for object in pointer.targets.iter().copied() {
            let alive = match object {
                // Null and integers have no life to end; validity is another question.
                NO_OBJECT | INVALID => continue,
                WILD => t.fresh("alive", Sort::Bool),
                // All are alive, or this one may be.
                _ if self.objects.get(&object).is_some_and(|o| o.summary && o.mortal) => {
                    let open = t.fresh("alive", Sort::Bool);
                    let all = self.contents(state, object).map(|c| c.alive);
                    t.or(open, all.unwrap_or_else(|| t.bool(false)))
                }
                _ => match self.contents(state, object) {
                    Some(contents) => contents.alive,
                    None => t.fresh("alive", Sort::Bool),
                },
            };
            let here = t.eq(pointer.base, self.base_const(object));
            ok = t.and(ok, t.implies(here, alive));
        }
        ok
    }

    /// No heap object is alive, those that the holders point to apart. Allocations of an iteration of a cut loop stand for
    /// those of all iterations. What can be reached in more steps is for the interpreter to see, which confirms
    /// violations.
    fn freed(&mut self, state: &State, holders: &[Term]) -> Term {
        let t = self.terms;
        if self.allocated_in_cut {
            return t.fresh("freed", Sort::Bool);
        }
        let heap = |id: &super::ObjectId| self.objects.get(id).is_some_and(|o| o.is_heap());
        let alive: Vec<Term> = state
            .memory
            .iter()
            .filter(|(id, _)| heap(id))
            .map(|(id, contents)| {
                let here = self.base_const(*id);
                let held: Vec<Term> = holders.iter().map(|base| t.eq(*base, here)).collect();
                t.or(t.not(contents.alive), t.any(&held))
            })
            .collect();
        t.all(&alive)
    }

    fn freeable(&mut self, state: &State, pointer: &Pointer) -> Term {
        let t = self.terms;
        let mut ok = self.is_null(pointer);
        for object in self.accessible(pointer) {
            let here = t.eq(pointer.base, self.base_const(object));
            let Some(info) = self.objects.get(&object) else {
                ok = t.or(ok, t.and(here, t.fresh("open", Sort::Bool)));
                continue;
            };
            // A heap object, or one whose origin the caller knows.
            let heap = info.is_heap() || info.input && !info.constant;
            let global = matches!(info.key, super::ObjectKey::Global(_));
            if info.summary {
                ok = t.or(ok, t.and(here, t.fresh("open", Sort::Bool)));
                continue;
            }
            if !heap || global {
                continue;
            }
            let Some(contents) = self.contents(state, object) else {
                continue;
            };
            let start = t.eq(pointer.offset, t.bv(self.pointer_bits, 0));
            ok = t.or(ok, t.all(&[here, start, contents.alive]));
        }
        t.or(ok, self.open_if_wild(pointer))
    }

    fn initialized(&mut self, state: &State, pointer: &Pointer, size: Term) -> Result<Term, Stop> {
        let t = self.terms;
        let mut ok = t.bool(true);
        for object in self.accessible(pointer) {
            let here = t.eq(pointer.base, self.base_const(object));
            if self.objects.get(&object).is_some_and(|info| !info.indeterminate) {
                continue;
            }
            let summary = self.objects.get(&object).is_none_or(|info| info.summary);
            let Some(contents) = self.contents(state, object).filter(|_| !summary) else {
                ok = t.and(ok, t.implies(here, t.fresh("written", Sort::Bool)));
                continue;
            };
            let written = match t.as_bv(size) {
                Some(size) if size <= 64 => {
                    let aligned = 1u64 << self.alignment(pointer.offset).min(3);
                    let fits = aligned.min(1 << (size as u64).trailing_zeros().min(3));
                    self.lower_to(object, fits)?;
                    let g = self.granule(object);
                    let mut all = t.bool(true);
                    for k in 0..(size as u64) / g {
                        let place = t.add(pointer.offset, t.bv(self.pointer_bits, u128::from(k * g)));
                        let one = self.written(contents.version, place, g)?;
                        all = t.and(all, one);
                    }
                    all
                }
                _ => {
                    // For every byte of the range: a fresh place in it stands for all of them.
                    self.lower_to(object, 1)?;
                    let number = self.unique();
                    let place = t.var(&format!("every.{number}"), Sort::BitVec(self.pointer_bits));
                    let inside = t.ult(place, size);
                    let at = t.add(pointer.offset, place);
                    let one = self.written(contents.version, at, 1)?;
                    t.implies(inside, one)
                }
            };
            ok = t.and(ok, t.implies(here, written));
        }
        let wild = self.is_wild(pointer);
        if !t.is_false(wild) {
            ok = t.and(ok, t.implies(wild, t.fresh("written", Sort::Bool)));
        }
        Ok(ok)
    }

    /// A boolean expression over a state, for candidate invariants.
    pub(super) fn holds_in(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<Term, Stop> {
        self.truth(frame, state, expr)
    }

    pub(super) fn register_value(&self, state: &State, local: vf_ir::LocalId) -> Option<Value> {
        state
            .registers
            .get(local.index())
            .and_then(Option::as_ref)
            .map(|r| r.value.clone())
    }
}

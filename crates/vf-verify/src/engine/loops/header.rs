//! The state at the header of a loop that is cut: unknown in what the loop may change.

use std::collections::BTreeSet;
use std::rc::Rc;

use vf_ir::{LocalId, Storage, Ty};
use vf_smt::{Sort, Term};

use super::LoopLearned;
use super::candidates::RangeCandidate;
use crate::engine::compare::Shared;
use crate::engine::exec::Frame;
use crate::engine::memory::{Version, Written, WrittenRange};
use crate::engine::state::{Contents, Edge, Register};
use crate::engine::value::{ObjectId, Pointer, Value, WILD};
use crate::engine::{Engine, Stop};

impl Engine<'_> {
    pub(super) fn header_state(
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
            let local_number = self.local_number(frame.function, *local).0;
            let apart = self.name_apart(number, Shared::Register(local_number));
            let label = format!("{}.{local_number}@{number}{apart}", info.name);
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
                        Some(Value::Pointer(p)) if !learned.unbounded.contains(&local.0) => p.hard_bounds(),
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
            let apart = self.name_apart(number, Shared::Contents(*object));
            let label: Rc<str> = format!(".loop{number}{apart}").into();
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
                    self.range_bounds(frame, range, &state, &entry.state),
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
        self.begin_latest(learned, &mut state, number);
        for object in learned.nuls.iter().chain(&learned.objects) {
            if let Some(mut contents) = self.contents(&state, *object) {
                let label = format!(
                    "{}.loop{number}{}",
                    self.object_label(*object),
                    self.name_apart(number, Shared::Nuls(*object))
                );
                let nul = t.var(&format!("nul.{label}"), Sort::BitVec(self.pointer_bits));
                if nul != contents.nuls.byte {
                    self.nul_before_loop.insert(nul, contents.nuls.byte);
                }
                // Without one on entry, the furthest begins anew as the newest in every iteration.
                let furthest = if contents.nuls.furthest == self.no_nul() {
                    nul
                } else {
                    t.var(&format!("furthest-nul.{label}"), Sort::BitVec(self.pointer_bits))
                };
                contents.nuls.byte = nul;
                contents.nuls.furthest = furthest;
                self.nul_in_loop(*object, &contents, nul)?;
                if furthest != nul {
                    self.nul_in_loop(*object, &contents, furthest)?;
                }
                contents.nuls.wide = self.wide_nul_in_loop(*object, &contents, &label)?;
                self.set_contents(&mut state, *object, contents);
            }
        }
        for object in &learned.ended {
            if let Some(mut contents) = self.contents(&state, *object) {
                let apart = self.name_apart(number, Shared::Life(*object));
                let name = format!("alive.{}.loop{number}{apart}", self.object_label(*object));
                contents.alive = t.var(&name, Sort::Bool);
                self.set_contents(&mut state, *object, contents);
            }
        }
        Ok(Edge {
            guard: entry.guard,
            state,
        })
    }

    /// What the ghost means must hold of the contents at the header too: that byte is NUL. (Objects read by wider
    /// granules go without that fact; the ghost itself must stay unknown, or the header would exclude the state on
    /// entry.)
    fn nul_in_loop(&mut self, object: ObjectId, contents: &Contents, nul: Term) -> Result<(), Stop> {
        let t = self.terms;
        let size = self.objects.get(&object).map(|o| o.size);
        if let (Some(size), 1) = (size, self.granule(object)) {
            let byte = self.read_bits(object, contents.version, nul, 1)?;
            let there = t.and(t.ult(nul, size), t.eq(byte, t.bv(8, 0)));
            let none = self.no_nul();
            self.fact(t.or(t.eq(nul, none), there));
        }
        Ok(())
    }
}

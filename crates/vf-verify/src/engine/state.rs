//! The symbolic state at a program point, and how states of several paths become one.

use std::collections::BTreeMap;
use std::rc::Rc;

use vf_smt::Term;

use super::memory::VersionId;
use super::value::{ObjectId, Value};
use super::{Engine, Stop};

/// A register local: its value, and whether it was assigned on the way here.
#[derive(Clone, Debug)]
pub struct Register {
    pub value: Value,
    pub assigned: Term,
}

/// An object as it is now.
#[derive(Clone, Debug)]
pub struct Contents {
    pub version: VersionId,
    /// It has not ended its life.
    pub alive: Term,
    pub nuls: Nuls,
}

/// Where zeros are known to lie: each an offset, or all ones when none is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nuls {
    /// A NUL byte: of several that are known, the one that was written last.
    pub byte: Term,
    /// A NUL byte: of several that are known, the one furthest from the start. A walk that writes NULs behind itself
    /// (cutting a string into words) ends at this one.
    pub furthest: Term,
    /// Four zero bytes: a NUL of `wchar_t`.
    pub wide: Term,
}

pub type Memory = BTreeMap<ObjectId, Contents>;

#[derive(Clone, Debug)]
pub struct State {
    /// Registers of the current frame, by local number.
    pub registers: Rc<Vec<Option<Register>>>,
    pub memory: Rc<Memory>,
}

/// A state and the condition under which execution is in it.
#[derive(Clone, Debug)]
pub struct Edge {
    pub guard: Term,
    pub state: State,
}

impl Engine<'_> {
    /// One state for several: `value = if guard1 then value1 else if guard2 ...`. Registers that are not in
    /// `live` are dropped.
    ///
    /// A state says something where one of the guards holds; there `guard1` says what it has beside the others, which is one term
    /// for two paths that part and meet alike (in two versions of a function that were come to differently, say).
    pub(super) fn merge(
        &mut self,
        mut edges: Vec<Edge>,
        live: impl Fn(usize) -> bool,
    ) -> Result<Option<Edge>, Stop> {
        edges.retain(|edge| !self.terms.is_false(edge.guard));
        let Some(mut merged) = edges.pop() else {
            return Ok(None);
        };
        while let Some(edge) = edges.pop() {
            self.tick()?;
            let (guard, condition) = self.either(edge.guard, merged.guard);
            let state = self.merge_two(condition, &edge.state, &merged.state, &live)?;
            merged = Edge { guard, state };
        }
        Ok(Some(merged))
    }

    /// That one of two guards holds, and what says that it is the first one, where one does.
    ///
    /// ```text
    /// (g ∧ a) ∨ (g ∧ b) = g ∧ (a ∨ b)        and where that holds, a = g ∧ a
    /// ```
    pub(super) fn either(&self, first: Term, second: Term) -> (Term, Term) {
        let t = self.terms;
        let (common, first, second) = t.common_part(first, second);
        (t.and(common, t.or(first, second)), first)
    }

    fn merge_two(
        &mut self,
        condition: Term,
        yes: &State,
        no: &State,
        live: &impl Fn(usize) -> bool,
    ) -> Result<State, Stop> {
        let registers = if Rc::ptr_eq(&yes.registers, &no.registers) {
            yes.registers.clone()
        } else {
            let mut merged = Vec::with_capacity(yes.registers.len());
            for (index, (a, b)) in yes.registers.iter().zip(no.registers.iter()).enumerate() {
                merged.push(if live(index) {
                    self.merge_register(condition, a, b)
                } else {
                    None
                });
            }
            Rc::new(merged)
        };
        let memory = if Rc::ptr_eq(&yes.memory, &no.memory) {
            yes.memory.clone()
        } else {
            Rc::new(self.merge_memory(condition, &yes.memory, &no.memory)?)
        };
        Ok(State { registers, memory })
    }

    fn merge_register(
        &mut self,
        condition: Term,
        yes: &Option<Register>,
        no: &Option<Register>,
    ) -> Option<Register> {
        match (yes, no) {
            (None, None) => None,
            (Some(a), Some(b)) => Some(Register {
                value: self.choose_value(condition, &a.value, &b.value),
                assigned: self.terms.ite(condition, a.assigned, b.assigned),
            }),
            // Not assigned on one side: any value there.
            (Some(a), None) => {
                let other = self.any_like(&a.value);
                Some(Register {
                    value: self.choose_value(condition, &a.value, &other),
                    assigned: self.terms.and(condition, a.assigned),
                })
            }
            (None, Some(b)) => {
                let other = self.any_like(&b.value);
                Some(Register {
                    value: self.choose_value(condition, &other, &b.value),
                    assigned: self.terms.and(self.terms.not(condition), b.assigned),
                })
            }
        }
    }

    fn any_like(&mut self, value: &Value) -> Value {
        match value {
            Value::Bits(term) => Value::Bits(self.terms.fresh("indeterminate", self.terms.sort(*term))),
            Value::Pointer(_) => Value::Pointer(self.wild_pointer("indeterminate")),
        }
    }

    fn merge_memory(&mut self, condition: Term, yes: &Memory, no: &Memory) -> Result<Memory, Stop> {
        let mut merged = BTreeMap::new();
        let mut ids: Vec<ObjectId> = yes.keys().chain(no.keys()).copied().collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let a = yes.get(&id).or_else(|| self.initial.get(&id)).cloned();
            let b = no.get(&id).or_else(|| self.initial.get(&id)).cloned();
            let contents = match (a, b) {
                (Some(a), Some(b)) => Contents {
                    version: self.choose_version(condition, a.version, b.version),
                    alive: self.terms.ite(condition, a.alive, b.alive),
                    nuls: self.choose_nuls(condition, a.nuls, b.nuls),
                },
                // Made on one side only: no pointer to it exists on the other, so nobody asks whether it is alive
                // there, but for leaks.
                (Some(only), None) if self.settings.leaks || self.compares() => Contents {
                    alive: self.terms.and(condition, only.alive),
                    ..only
                },
                (None, Some(only)) if self.settings.leaks || self.compares() => Contents {
                    alive: self.terms.and(self.terms.not(condition), only.alive),
                    ..only
                },
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => continue,
            };
            merged.insert(id, contents);
        }
        Ok(merged)
    }
}

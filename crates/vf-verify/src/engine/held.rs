//! Whether memory is still held while a loop runs that need not end.
//!
//! What was allocated is *tracked* while something leads to it. At the program's end that is asked of everything that was
//! not freed; a program that does not end has no such place. But every execution that does not end comes to the header of
//! some loop again and again (or calls deeper and deeper, which is not looked at here), and what is lost stays lost.
//! So where, at every header of a loop that is cut, all that is allocated is held by a variable, nothing is ever lost:
//! neither in an execution that ends in order, nor in one that does not.

use std::collections::BTreeSet;
use vf_source::tables::HashSet;

use vf_ir::{ArrayLen, BlockId, CType, ObligationId, Program};
use vf_smt::Term;

use super::exec::{Frame, FunctionFacts};
use super::registers::live_after;
use super::state::{Edge, State};
use super::value::{Object, ObjectKey, Value};
use super::{CheckInstance, CheckKey, Engine, Event, Stop};

/// The key of the checks that memory is held at the headers of loops: they are no obligations of the program's.
pub fn held_key(entry: vf_ir::FunctionId) -> CheckKey {
    CheckKey {
        function: entry,
        via: Vec::new(),
        inner: entry,
        obligation: ObligationId(u32::MAX),
    }
}

/// A pointer variable: the object that it points to, and whether it was assigned at all.
#[derive(Clone, Copy, Debug)]
pub struct Holder {
    base: Term,
    assigned: Term,
}

impl Engine<'_> {
    /// The pointers that the activation holds after a call that it makes.
    pub(super) fn held_over_call(
        &self,
        frame: &Frame,
        facts: &FunctionFacts,
        at: (BlockId, u32),
        state: &State,
    ) -> Vec<Holder> {
        let function = self.program.function(frame.function);
        let live = live_after(function, &facts.cfg, &facts.live, at);
        pointers_in(state, &live)
    }

    /// Bases of the pointers that globals hold.
    pub(super) fn held_by_globals(&mut self, state: &State) -> Result<Vec<Term>, Stop> {
        let mut bases = Vec::new();
        let known: Vec<_> = state
            .memory
            .iter()
            .filter_map(|(object, contents)| match self.objects.get(object)?.key {
                ObjectKey::Global(global) => Some((global, contents.version)),
                _ => None,
            })
            .collect();
        for (global, version) in known {
            let mut cells = Vec::new();
            let program = self.program;
            let Some(global) = program.globals.get(global.index()) else {
                continue;
            };
            pointer_cells(program, &global.ty, 0, &mut cells);
            for cell in cells {
                let offset = self.offset_const(cell);
                bases.push(self.read_pointer(version, offset)?.base);
            }
        }
        Ok(bases)
    }

    /// Asks, at the header of a loop whose body was executed, whether all memory is held by variables of this activation
    /// and of those that called it. Nothing follows from it: it is a question, not an obligation.
    pub(super) fn ask_whether_held(&mut self, facts: &FunctionFacts, header: BlockId, head: &Edge) {
        let t = self.terms;
        let mut holders: Vec<Holder> = self.held_by_callers.iter().flatten().copied().collect();
        if let Some(live) = facts.live.get(header.index()) {
            holders.extend(pointers_in(&head.state, live));
        }
        let holds = if self.allocated_in_cut {
            // One object stands for those of all iterations: which of them are held is not known.
            t.bool(false)
        } else {
            let mut all = Vec::new();
            for (object, contents) in head.state.memory.iter() {
                if self.objects.get(object).is_some_and(Object::is_heap) {
                    let here = self.base_const(*object);
                    let by: Vec<Term> = holders
                        .iter()
                        .map(|h| t.and(h.assigned, t.eq(h.base, here)))
                        .collect();
                    all.push(t.or(t.not(contents.alive), t.any(&by)));
                }
            }
            t.all(&all)
        };
        self.events.push(Event::Check(CheckInstance {
            key: held_key(self.settings.entry),
            guard: head.guard,
            holds,
            applies: true,
            claims_unreachable: false,
            after_loop: self.after_loop,
        }));
    }
}

/// Pointers of a global that are looked at.
const MOST_CELLS: usize = 16;

/// Offsets of the pointers in an object of the type, of which the first ones do.
pub(super) fn pointer_cells(program: &Program, ty: &CType, at: u64, cells: &mut Vec<u64>) {
    if cells.len() >= MOST_CELLS {
        return;
    }
    match ty {
        CType::Pointer { .. } => cells.push(at),
        CType::Record(id) => {
            for field in &program.record(*id).fields {
                pointer_cells(program, &field.ty, at.saturating_add(field.offset), cells);
            }
        }
        CType::Array {
            element,
            len: ArrayLen::Fixed(len),
        } => {
            let Some(size) = element.size(&program.records, program.model) else {
                return;
            };
            for index in 0..*len {
                if cells.len() >= MOST_CELLS {
                    return;
                }
                let before = cells.len();
                pointer_cells(
                    program,
                    element,
                    at.saturating_add(index.saturating_mul(size)),
                    cells,
                );
                if cells.len() == before {
                    return;
                }
            }
        }
        _ => {}
    }
}

fn pointers_in(state: &State, live: &HashSet<u32>) -> Vec<Holder> {
    // Sorted: what is made of them must come in the same order each time.
    let live: BTreeSet<u32> = live.iter().copied().collect();
    let registers = live
        .iter()
        .filter_map(|l| state.registers.get(*l as usize)?.as_ref());
    registers
        .filter_map(|register| match &register.value {
            Value::Pointer(p) => Some(Holder {
                base: p.base,
                assigned: register.assigned,
            }),
            Value::Bits(_) => None,
        })
        .collect()
}

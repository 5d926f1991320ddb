//! What the caller of a function sees of a run: the result, the bytes that changed, the calls that went outside.
//!
//! Addresses differ between two versions of a program that allocate in another order, so that pointers are told by what they
//! lead to. Objects that the run made are numbered as they are found from what was there before, and from the result.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use vf_source::tables::HashMap;

use serde::{Deserialize, Serialize};

use super::machine::{Machine, Stop};
use super::memory::{Memory, ObjectId, ObjectKind, Pointer};
use super::value::Value;
use super::{ExternalArgument, Limits, Outcome};
use crate::input::Input;
use crate::program::{GlobalId, Program};

/// Bytes of a string literal that are compared.
const LITERAL: u64 = 256;

/// An object, as two versions of a program both know it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeenObject {
    /// The n-th object of the input.
    Input(usize),
    Global(String),
    /// A constant without a name of its own, by its bytes.
    Literal(Vec<u8>),
    Function(String),
    /// The n-th that was found of those that the run made.
    Made(usize),
    /// What has ended: a local, or a block that was freed.
    Ended,
}

/// A value that the caller or the outside sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// An integer, or the pattern of a float.
    Bits {
        bits: u32,
        value: u128,
    },
    Null,
    Address(u64),
    Pointer {
        to: SeenObject,
        offset: u64,
    },
    /// A string that an external function was given, without its NUL.
    Text(Vec<u8>),
}

/// A byte, or a pointer that lies there as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cell {
    Byte(u8),
    Pointer(Seen),
}

/// A call of a function without body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenCall {
    pub function: String,
    pub arguments: Vec<Seen>,
}

/// What a run did that can be seen from outside of it (C11 5.1.2.3p6, for a part of a program).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effects {
    /// `None`: the run ended in a call that does not return, or the function returns nothing.
    pub result: Option<Seen>,
    pub returned: bool,
    /// What differs from the beginning, by object and offset in bytes; of objects that the run made, all that was written.
    pub written: BTreeMap<SeenObject, BTreeMap<u64, Cell>>,
    /// Objects that the run made and that the caller can get at, by their number.
    pub made: Vec<Made>,
    /// Blocks that are still allocated and that nothing leads to.
    pub leaked: usize,
    /// Objects of the input that were freed.
    pub freed: BTreeSet<usize>,
    pub calls: Vec<SeenCall>,
}

/// An object that a run made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Made {
    /// In bytes.
    pub size: u64,
    /// Bytes that were not written are zero, and not anything.
    pub zeroed: bool,
    /// It was freed, after a call had been given it.
    pub ended: bool,
}

/// Whether a pointer lies over the place, and begins before it.
fn is_within_pointer(cells: &BTreeMap<u64, Cell>, at: u64) -> bool {
    let before = cells.range(..at).next_back();
    before.is_some_and(|(start, cell)| matches!(cell, Cell::Pointer(_)) && at - start < POINTER)
}

/// Bytes of the widest pointer.
const POINTER: u64 = 8;
/// Bytes of an object that are looked at one by one.
const LOOKED_AT: u64 = 1 << 16;

impl Effects {
    /// Places where the other run leaves something else than this one. What this one left indeterminate (C11 3.19.2, what an
    /// allocator gave and nobody wrote) may be anything in the other.
    pub fn written_otherwise(&self, other: &Effects) -> Vec<(SeenObject, u64)> {
        let mut found = Vec::new();
        let objects: BTreeSet<&SeenObject> = self.written.keys().chain(other.written.keys()).collect();
        for object in objects {
            let places = |e: &Effects| -> BTreeSet<u64> {
                e.written
                    .get(object)
                    .into_iter()
                    .flatten()
                    .map(|(at, _)| *at)
                    .collect()
            };
            let mut all: BTreeSet<u64> = &places(self) | &places(other);
            if let SeenObject::Made(number) = object {
                // Zeros that nobody wrote.
                let made = self.made.get(*number).filter(|made| made.zeroed);
                all.extend(0..made.map_or(0, |made| made.size.min(LOOKED_AT)));
            }
            let differs = |at: &u64| {
                let (was, is) = (self.cell(object, *at), other.cell(object, *at));
                match object {
                    SeenObject::Made(_) => was.is_some() && was != is,
                    _ => was != is,
                }
            };
            found.extend(all.into_iter().filter(differs).map(|at| (object.clone(), at)));
        }
        found
    }

    /// What lies at a place; `None`: what lay there before the run, or in an object that it made, anything.
    pub fn cell(&self, object: &SeenObject, at: u64) -> Option<Cell> {
        let written = self.written.get(object).and_then(|cells| cells.get(&at));
        let within = |at| {
            self.written
                .get(object)
                .is_some_and(|cells| is_within_pointer(cells, at))
        };
        let zero = || match object {
            SeenObject::Made(number) => {
                let made = self.made.get(*number)?;
                (made.zeroed && at < made.size && !within(at)).then_some(Cell::Byte(0))
            }
            _ => None,
        };
        written.cloned().or_else(zero)
    }

    /// Whether the other run does what this one does, as far as this one says.
    pub fn are_kept_by(&self, other: &Effects) -> bool {
        (self.returned, &self.result, &self.freed, &self.calls)
            == (other.returned, &other.result, &other.freed, &other.calls)
            && other.leaked <= self.leaked
            && !self.has_larger_objects(other)
            && self
                .made
                .iter()
                .zip(&other.made)
                .all(|(was, is)| was.ended == is.ended)
            && self.written_otherwise(other).is_empty()
    }

    /// Whether the caller gets a smaller object of the other run.
    pub fn has_larger_objects(&self, other: &Effects) -> bool {
        let pairs = self.made.iter().zip(&other.made);
        pairs.into_iter().any(|(was, is)| was.size > is.size)
    }
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// How it ended.
    pub outcome: Outcome,
    /// Where it ended by itself.
    pub effects: Option<Effects>,
    /// What the outside was asked for, in order, whether or not the input had an answer.
    pub asked: Vec<Asked>,
}

/// A question to the outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The result of a function without body.
    Result(String),
    /// A number, by a statement of a library model, or of the program itself where there is no name.
    Number(Option<String>),
    /// The bytes of an object, likewise.
    Bytes(Option<String>),
    /// The result of floating-point arithmetic or of assembly: the machine knows it, and the interpreter does not.
    Machine,
    /// Whether an allocation fails.
    Allocation,
}

/// Runs `input.function` and says what was seen of it.
pub fn observe(program: &Program, input: &Input, limits: &Limits<'_>) -> Observed {
    let mut machine = Machine::new(program, input, limits);
    machine.asked = Some(Vec::new());
    let outcome = machine.run_until_it_ends();
    let ended = match &outcome {
        Outcome::Returned { value } => Some((true, *value)),
        Outcome::Unreachable => Some((false, None)),
        _ => None,
    };
    let effects = ended.and_then(|(returned, value)| {
        let mut before = Machine::new(program, input, limits);
        before.set_up().ok()?;
        effects(&machine, &mut before, returned, value).ok()
    });
    Observed {
        outcome,
        effects,
        asked: machine.asked.take().unwrap_or_default(),
    }
}

fn effects(
    after: &Machine<'_>,
    before: &mut Machine<'_>,
    returned: bool,
    value: Option<Value>,
) -> Result<Effects, Stop> {
    let mut names = Names::of(after);
    let mut seen = Effects {
        returned,
        ..Effects::default()
    };
    // What was there before is numbered first, in its own order.
    let mut globals: Vec<(GlobalId, ObjectId)> = after.global_objects.iter().map(|(g, o)| (*g, *o)).collect();
    globals.sort_unstable();
    let mut pairs: Vec<(ObjectId, ObjectId)> = Vec::new();
    for (index, object) in after.input_objects.iter().enumerate() {
        if !after.memory.info(*object).is_some_and(|info| info.alive) {
            seen.freed.insert(index);
        } else if let Some(first) = before.input_objects.get(index) {
            pairs.push((*object, *first));
        }
    }
    for (global, object) in globals {
        if after
            .program
            .globals
            .get(global.index())
            .is_some_and(|g| !g.constant)
        {
            pairs.push((object, before.global_object(global)?));
        }
    }
    let mut names_before = Names::of(before);
    for (object, first) in pairs {
        let now = names.cells(&after.memory, object);
        let then = names_before.cells(&before.memory, first);
        let places: BTreeSet<u64> = now.keys().chain(then.keys()).copied().collect();
        let zero = Cell::Byte(0);
        let changed = places.into_iter().filter_map(|at| {
            // What lay there is gone as a whole where a pointer lies over it now.
            if !now.contains_key(&at) && is_within_pointer(&now, at) {
                return None;
            }
            let (new, old) = (now.get(&at).unwrap_or(&zero), then.get(&at).unwrap_or(&zero));
            (new != old).then(|| (at, new.clone()))
        });
        let changed: BTreeMap<u64, Cell> = changed.collect();
        if !changed.is_empty() {
            seen.written.insert(names.object(&after.memory, object), changed);
        }
    }
    seen.result = value.map(|value| names.value(&after.memory, value));
    for call in &after.output {
        let arguments = call.arguments.iter().map(|argument| match argument {
            ExternalArgument::Value(value) => names.value(&after.memory, *value),
            ExternalArgument::String(_, bytes) => Seen::Text(bytes.clone()),
        });
        seen.calls.push(SeenCall {
            function: call.function.clone(),
            arguments: arguments.collect(),
        });
    }
    // What was made and can still be reached.
    while let Some((object, number)) = names.found.pop_front() {
        let cells = names.all_cells(&after.memory, object);
        seen.written.insert(SeenObject::Made(number), cells);
        seen.made.push(Made {
            size: after.memory.info(object).map_or(0, |info| info.size),
            zeroed: after.memory.is_zeroed(object),
            ended: false,
        });
    }
    seen.leaked = after
        .memory
        .heap_in_use()
        .filter(|id| !names.made.contains_key(id))
        .count();
    Ok(seen)
}

/// Names of the objects of a run.
struct Names<'a> {
    program: &'a Program,
    made: HashMap<ObjectId, usize>,
    /// Made objects whose contents are still to be looked at.
    found: VecDeque<(ObjectId, usize)>,
}

impl<'a> Names<'a> {
    fn of(machine: &Machine<'a>) -> Self {
        Names {
            program: machine.program,
            made: HashMap::default(),
            found: VecDeque::new(),
        }
    }

    fn object(&mut self, memory: &Memory, id: ObjectId) -> SeenObject {
        let Some(info) = memory.info(id) else {
            return SeenObject::Ended;
        };
        match info.kind {
            ObjectKind::Input(index) => SeenObject::Input(index),
            ObjectKind::Function(function) => SeenObject::Function(
                self.program
                    .functions
                    .get(function.index())
                    .map(|f| f.name.clone())
                    .unwrap_or_default(),
            ),
            ObjectKind::Global(global) => match self.program.globals.get(global.index()) {
                Some(global) if global.constant && global.name.starts_with(".str") => {
                    let bytes = (0..info.size.min(LITERAL)).map(|at| memory.byte(id, at).map_or(0, |b| b.0));
                    SeenObject::Literal(bytes.collect())
                }
                Some(global) => SeenObject::Global(global.name.clone()),
                None => SeenObject::Ended,
            },
            ObjectKind::Heap if info.alive => {
                let next = self.made.len();
                let number = *self.made.entry(id).or_insert(next);
                if number == next {
                    self.found.push_back((id, number));
                }
                SeenObject::Made(number)
            }
            ObjectKind::Heap | ObjectKind::Local(..) | ObjectKind::Stack => SeenObject::Ended,
        }
    }

    fn value(&mut self, memory: &Memory, value: Value) -> Seen {
        match value {
            Value::Int { bits, value } => Seen::Bits { bits, value },
            Value::Float { bits, pattern } => Seen::Bits { bits, value: pattern },
            Value::Pointer(pointer) => self.pointer(memory, pointer),
        }
    }

    fn pointer(&mut self, memory: &Memory, pointer: Pointer) -> Seen {
        match pointer.object {
            None if pointer.offset == 0 => Seen::Null,
            None => Seen::Address(pointer.offset),
            Some(id) => match self.object(memory, id) {
                // Where in an object that has ended tells nothing that may be looked at.
                SeenObject::Ended => Seen::Pointer {
                    to: SeenObject::Ended,
                    offset: 0,
                },
                to => Seen::Pointer {
                    to,
                    offset: pointer.offset,
                },
            },
        }
    }

    /// The bytes and pointers of an object that are not zero.
    fn cells(&mut self, memory: &Memory, id: ObjectId) -> BTreeMap<u64, Cell> {
        let mut cells = self.all_cells(memory, id);
        cells.retain(|_, cell| *cell != Cell::Byte(0));
        cells
    }

    /// The bytes and pointers of an object. What was never written is nothing that may be looked at.
    fn all_cells(&mut self, memory: &Memory, id: ObjectId) -> BTreeMap<u64, Cell> {
        let held = memory.contents(id);
        let mut cells: BTreeMap<u64, Cell> = held
            .bytes
            .into_iter()
            .filter_map(|(at, byte)| Some((at, Cell::Byte(byte?))))
            .collect();
        let width = memory.pointer_bytes();
        for (at, pointer) in held.pointers {
            for k in 0..width {
                cells.remove(&at.saturating_add(k));
            }
            match self.pointer(memory, pointer) {
                Seen::Null => cells.extend((0..width).map(|k| (at.saturating_add(k), Cell::Byte(0)))),
                seen => {
                    cells.insert(at, Cell::Pointer(seen));
                }
            }
        }
        cells
    }
}

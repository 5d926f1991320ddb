//! Two versions of a program as one program, in which every changed function stands twice.
//!
//! What both versions have in common (types, globals, functions that did not change) is there once. A function whose
//! body changed keeps its place, and its new version is added beside it, with the information which of its statements, blocks and
//! locals are which of the old one ([`Places`]). Calls in new bodies lead to the old numbers: who executes the new
//! version follows [`Versions::new_of`] at each call. So a function that did not change itself but calls one that did is not
//! doubled.
//!
//! This knows the IR only, and says nothing about whether the versions do the same.

mod places;
mod rename;

pub use places::{END, Places};

use crate::program::{Body, Function, FunctionId, Global, GlobalId, Program};
use crate::{Record, RecordId};
use places::{agree, places};
use rename::{Numbers, without_spans};
use vf_source::Span;

/// A function that changed.
#[derive(Clone, Debug)]
pub struct Pair {
    pub old: FunctionId,
    pub new: FunctionId,
    /// Both take the same parameters and return the same type.
    pub agree: bool,
    pub places: Places,
}

/// Both versions.
#[derive(Clone, Debug)]
pub struct Versions {
    /// The old program, and behind its own parts those that only the new one has.
    pub program: Program,
    pub pairs: Vec<Pair>,
    /// Globals of both versions that are not the same in type or first contents.
    pub changed_globals: Vec<String>,
    /// Where the functions behind the old program's come from, in the new one.
    added: Vec<FunctionId>,
    old_functions: usize,
}

impl Versions {
    /// The pair whose old version this is.
    pub fn new_of(&self, old: FunctionId) -> Option<&Pair> {
        self.pairs.iter().find(|p| p.old == old)
    }

    /// The number that a function of the joined program has in the new program, for those that only that one has.
    pub fn origin(&self, function: FunctionId) -> Option<FunctionId> {
        let behind = function.index().checked_sub(self.old_functions)?;
        self.added.get(behind).copied()
    }

    /// The pair whose new version this is.
    pub fn of_new(&self, new: FunctionId) -> Option<&Pair> {
        self.pairs.iter().find(|p| p.new == new)
    }
}

/// Joins two versions. Both must have been made for one data model.
pub fn join(old: &Program, new: &Program) -> Versions {
    let mut program = old.clone();
    let numbers = Numbers {
        records: records(&mut program, new),
        globals: Vec::new(),
        functions: Vec::new(),
    };
    let (functions, added) = functions(&program, new, &numbers);
    let mut numbers = Numbers { functions, ..numbers };
    let changed_globals;
    (numbers.globals, changed_globals) = globals(&mut program, new, &numbers);
    // Those that only the new version has, in their order; their numbers were given above.
    let mut origins = added.clone();
    for function in added.iter().filter_map(|id| new.functions.get(id.index())) {
        let mut function = function.clone();
        numbers.function(&mut function);
        program.functions.push(function);
    }
    let mut pairs = Vec::new();
    for ((function, id), origin) in new.functions.iter().zip(numbers.functions.clone()).zip(0u32..) {
        let Some(before) = old.functions.get(id.index()) else {
            continue;
        };
        let mut after = function.clone();
        numbers.function(&mut after);
        if without_spans(before) == without_spans(&after) {
            continue;
        }
        let places = places(&program, before, &after);
        let agree = agree(before, &after);
        after.name = format!("{}.new", after.name);
        let new = FunctionId(program.functions.len() as u32);
        program.functions.push(after);
        origins.push(FunctionId(origin));
        pairs.push(Pair {
            old: id,
            new,
            agree,
            places,
        });
    }
    Versions {
        program,
        pairs,
        changed_globals,
        added: origins,
        old_functions: old.functions.len(),
    }
}

/// What each record of the new version is; those without an equal are added.
///
/// Records refer to each other through pointers, so equality is the largest relation that is consistent: all of one
/// name are taken to be equal until a member says otherwise.
fn records(program: &mut Program, new: &Program) -> Vec<RecordId> {
    let old = program.records.clone();
    let mut taken = vec![false; old.len()];
    let mut candidate: Vec<Option<RecordId>> = Vec::new();
    for record in &new.records {
        let name = plain_name(&record.name);
        let found = (0..old.len()).find(|i| !taken[*i] && plain_name(&old[*i].name) == name);
        if let Some(i) = found {
            taken[i] = true;
        }
        candidate.push(found.map(|i| RecordId(i as u32)));
    }
    loop {
        // A number that no record has stands for what has no equal.
        let numbers = Numbers {
            records: candidate
                .iter()
                .map(|c| c.unwrap_or(RecordId(u32::MAX)))
                .collect(),
            ..Numbers::default()
        };
        let mut changed = false;
        for (record, candidate) in new.records.iter().zip(&mut candidate) {
            let Some(id) = *candidate else { continue };
            let mut record = record.clone();
            numbers.record(&mut record);
            let same = old.get(id.0 as usize).is_some_and(|old| {
                let old = Record {
                    name: record.name.clone(),
                    ..old.clone()
                };
                old == record
            });
            if !same {
                *candidate = None;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut next = old.len() as u32;
    let numbers: Vec<RecordId> = candidate
        .iter()
        .map(|candidate| {
            candidate.unwrap_or_else(|| {
                next += 1;
                RecordId(next - 1)
            })
        })
        .collect();
    let all = Numbers {
        records: numbers.clone(),
        ..Numbers::default()
    };
    for (record, candidate) in new.records.iter().zip(candidate) {
        if candidate.is_none() {
            let mut record = record.clone();
            all.record(&mut record);
            program.records.push(record);
        }
    }
    numbers
}

/// A made-up name without the line that it speaks of.
fn plain_name(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((plain, line)) if line.trim_end_matches('>').parse::<u32>().is_ok() => plain,
        _ => name,
    }
}

/// What each function of the new version is called, and those that are added: without one of the name in the old version, or
/// declared with other types.
fn functions(program: &Program, new: &Program, numbers: &Numbers) -> (Vec<FunctionId>, Vec<FunctionId>) {
    let mut ids = Vec::new();
    let mut added = Vec::new();
    let mut next = program.functions.len() as u32;
    for (function, origin) in new.functions.iter().zip(0u32..) {
        let mut renamed = Function {
            body: Body::Declared,
            obligations: Vec::new(),
            ..function.clone()
        };
        numbers.function(&mut renamed);
        let found = program.function_named(&function.name).filter(|id| {
            let old = program.function(*id);
            let bodies = (&old.body, &function.body);
            match bodies {
                (Body::Defined(_), Body::Defined(_)) => old.library_model == function.library_model,
                (Body::Defined(_), _) | (_, Body::Defined(_)) => false,
                _ => agree(old, &renamed),
            }
        });
        ids.push(found.unwrap_or_else(|| {
            added.push(FunctionId(origin));
            next += 1;
            FunctionId(next - 1)
        }));
    }
    (ids, added)
}

/// What each global of the new version is; those without an equal are added.
fn globals(program: &mut Program, new: &Program, numbers: &Numbers) -> (Vec<GlobalId>, Vec<String>) {
    let old = program.globals.clone();
    let literal = |g: &Global| g.constant && g.name.starts_with(".str");
    let mut candidate: Vec<Option<GlobalId>> = new
        .globals
        .iter()
        .map(|global| {
            let same = |o: &Global| match literal(global) {
                true => literal(o) && o.init == global.init && o.size == global.size,
                false => o.name == global.name,
            };
            old.iter().position(same).map(|i| GlobalId(i as u32))
        })
        .collect();
    loop {
        let known = Numbers {
            globals: candidate
                .iter()
                .map(|c| c.unwrap_or(GlobalId(u32::MAX)))
                .collect(),
            ..numbers.clone()
        };
        let mut changed = false;
        for (global, candidate) in new.globals.iter().zip(&mut candidate) {
            let Some(id) = *candidate else { continue };
            let mut global = global.clone();
            known.global(&mut global);
            let same = old.get(id.index()).is_some_and(|old| {
                let plain = |g: &Global| Global {
                    name: String::new(),
                    span: Span::NONE,
                    ..g.clone()
                };
                plain(old) == plain(&global)
            });
            if !same {
                *candidate = None;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    let mut next = old.len() as u32;
    let ids: Vec<GlobalId> = candidate
        .iter()
        .map(|candidate| {
            candidate.unwrap_or_else(|| {
                next += 1;
                GlobalId(next - 1)
            })
        })
        .collect();
    let all = Numbers {
        globals: ids.clone(),
        ..numbers.clone()
    };
    let mut differing = Vec::new();
    for (global, candidate) in new.globals.iter().zip(candidate) {
        if candidate.is_some() {
            continue;
        }
        let mut global = global.clone();
        all.global(&mut global);
        if old.iter().any(|o| o.name == global.name) {
            if !literal(&global) {
                differing.push(global.name.clone());
            }
            global.name = format!("{}.new", global.name);
        }
        program.globals.push(global);
    }
    (ids, differing)
}

#[cfg(test)]
mod tests;

//! Drafts of pairs, for training only: many times as many in a minute as pairs.
//!
//! Functions and mutants are those of [`crate::make`]. That a mutant breaks something is shown by an execution; that the function before
//! is safe, and that the fix keeps what the mutant does, is not proved: executions side by side showed nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::export::{Exported, draft};
use crate::generate::generate;
use crate::hash::split_of;
use crate::make::{MakeOptions, chosen, in_order};
use crate::prove::{ProveError, Prover};
use crate::record::Split;

/// Mutants of one function that are tried.
const TRIED: usize = 16;
/// What is broken that is told, at most.
const FAILED: usize = 3;

/// How far a run is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Drafted {
    pub functions: u64,
    pub mutants: u64,
    pub drafts: u64,
}

/// What came of one function.
struct One {
    mutants: u64,
    drafts: Vec<Exported>,
}

/// Makes drafts of the training split, in the order of the functions' numbers.
///
/// # Errors
/// The compiler cannot be run; what `take` says ends the run.
pub fn drafts<E: From<ProveError>>(
    options: &MakeOptions,
    take: &mut dyn FnMut(Exported) -> Result<(), E>,
    progress: &mut dyn FnMut(&Drafted),
) -> Result<Drafted, E> {
    let mut drafted = Drafted::default();
    let mut seen: BTreeSet<(Vec<u32>, Vec<u32>)> = BTreeSet::new();
    let wanted = u64::try_from(options.count).unwrap_or(u64::MAX);
    let work = |prover: &Prover, number, stop: &AtomicBool| of_function(prover, options, number, stop);
    in_order(options, work, &mut |_, one: One| -> Result<bool, E> {
        drafted.functions += 1;
        drafted.mutants += one.mutants;
        for draft in one.drafts {
            if drafted.drafts < wanted && seen.insert((draft.prompt.clone(), draft.answer.clone())) {
                drafted.drafts += 1;
                take(draft)?;
            }
        }
        progress(&drafted);
        Ok(drafted.drafts < wanted)
    })?;
    Ok(drafted)
}

fn of_function(
    prover: &Prover,
    options: &MakeOptions,
    number: u64,
    stop: &AtomicBool,
) -> Result<One, ProveError> {
    let seed = options.seed;
    let generated = generate(seed, number);
    let mut one = One {
        mutants: 0,
        drafts: Vec::new(),
    };
    if split_of(&generated.text, &generated.function) != Split::Train {
        return Ok(one);
    }
    let mutants = chosen(&generated, options, number, TRIED);
    let mut texts = vec![generated.text.as_str()];
    texts.extend(mutants.iter().map(|m| m.text.as_str()));
    let read = match prover.read(Path::new(&generated.path), &texts) {
        Ok(read) => read,
        Err(error @ ProveError::Compiler { .. }) => return Err(error),
        Err(_) => return Ok(one),
    };
    let Some((original, read)) = read.split_first() else {
        return Ok(one);
    };
    let function = &generated.function;
    let Ok(original) = prover.know(original, function) else {
        return Ok(one);
    };
    let seeds = original.safe_inputs(function);
    for (mutant, text) in mutants.iter().zip(read) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        one.mutants += 1;
        let Ok(known) = prover.know(text, function) else {
            continue;
        };
        if known.differs_from(&original, function, &seeds) {
            continue;
        }
        let mut failed = known.violations(function, &seeds);
        failed.truncate(FAILED);
        if failed.is_empty() {
            continue;
        }
        let id = format!("draft-{seed}-{number}-{}", one.drafts.len() + 1);
        let place = (generated.path.as_str(), function.as_str());
        let exported = draft(id, place, (&mutant.text, &generated.text), failed);
        one.drafts
            .extend(exported.ok().filter(|e| e.split == Split::Train));
    }
    Ok(one)
}

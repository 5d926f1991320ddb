//! The proposer without a model: templates over the text, driven by the failed obligations.
//!
//! Each template knows one habit of C programmers (a guard before the operation, `sizeof` of the destination,
//! a bounded string function) and none knows a program. A failed obligation says what goes wrong and where;
//! the text there says how this function leaves, which macros it uses and what its arrays are called. What
//! comes out is guessed: the prover keeps the one that holds.
//!
//! Candidates are ordered by rank: the smallest and most idiomatic change first, a longer array last.

use std::collections::HashSet;

use crate::ctext::functions::functions;
use crate::ctext::lex::normalised;
use crate::ctext::outline::Outline;
use crate::proposer::{Candidate, Context, Feedback, Proposer, ProposerError, TextEdit};

mod arithmetic;
mod conditions;
mod exits;
mod guards;
mod site;
mod sizes;
mod strengthen;
mod strings;
mod types;

use site::Site;
pub(crate) use sizes::size_arguments;
use types::Types;

/// Candidates of one round.
const BATCH: usize = 24;

/// One candidate before it is ordered among the others.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// Lower is better.
    pub rank: u32,
    pub edits: Vec<TextEdit>,
    pub origin: &'static str,
    pub note: String,
}

/// The template-based proposer. Deterministic: the same context gives the same candidates.
#[derive(Clone, Debug, Default)]
pub struct SolverOnly {
    /// Normalised texts offered so far.
    offered: HashSet<String>,
}

impl SolverOnly {
    pub fn new() -> SolverOnly {
        SolverOnly::default()
    }
}

impl Proposer for SolverOnly {
    fn name(&self) -> &str {
        "solver-only"
    }

    fn propose(&mut self, context: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let mut batch = Vec::new();
        for candidate in candidates(context)? {
            let Ok(text) = candidate.apply(&context.text) else {
                continue;
            };
            if batch.len() < BATCH && self.offered.insert(normalised(&text)) {
                batch.push(candidate);
            }
        }
        Ok(batch)
    }
}

/// Every candidate for a context, best first, each text once.
pub fn candidates(context: &Context) -> Result<Vec<Candidate>, ProposerError> {
    let found = functions(&context.text);
    let Some(function) = found.iter().find(|f| f.name == context.function) else {
        return Err(ProposerError::FunctionOutside {
            proposer: "solver-only".into(),
            file: context.file.clone(),
            start: context.span.start,
            end: context.span.end,
        });
    };
    let outline = Outline::new(&context.text, function);
    let types = Types::new(
        &context.text,
        context.program.as_deref(),
        &context.function,
        &outline,
    );
    let mut drafts: Vec<Draft> = Vec::new();
    for (i, obligation) in context.failed.iter().enumerate() {
        let Some(site) = Site::new(context, &outline, &types, obligation) else {
            continue;
        };
        let from = drafts.len();
        guards::guards(&site, &mut drafts);
        guards::after_definition(&site, &mut drafts);
        guards::declarations(&site, &mut drafts);
        if strengthen::applies(site.property) {
            strengthen::strengthen(&site, &mut drafts);
        }
        strings::bounded_strings(&site, &mut drafts);
        sizes::allocation_sizes(&site, &mut drafts);
        arithmetic::checked_arithmetic(&site, &mut drafts);
        sizes::longer_arrays(&site, &mut drafts);
        for draft in drafts.iter_mut().skip(from) {
            draft.rank += i.min(8) as u32;
        }
    }
    drafts.sort_by_key(|d| (d.rank, d.edits.iter().map(|e| e.replacement.len()).sum::<usize>()));
    let mut seen: HashSet<String> = HashSet::from([normalised(&context.text)]);
    let mut result = Vec::new();
    for draft in drafts {
        let candidate = Candidate {
            edits: draft.edits,
            origin: format!("solver-only/{}", draft.origin),
            note: draft.note,
        };
        match candidate.apply(&context.text) {
            Ok(text) if seen.insert(normalised(&text)) => result.push(candidate),
            _ => {}
        }
    }
    Ok(result)
}

#[cfg(test)]
mod tests;

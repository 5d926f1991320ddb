//! What the prover knows before each line of a function, for the prompt.

use std::collections::{BTreeMap, BTreeSet};

use vf_absint::known::{Fact, before_lines};
use vf_ir::{Body, Program};

use crate::ctext::lex::normalised;
use crate::proposer::Context;
use crate::solver_only::size_arguments;

/// Facts of one line, at most.
const FACTS: usize = 4;

/// Facts of each line of the function, those about what the line names first, then those about what the failed obligations name.
pub fn facts(context: &Context) -> BTreeMap<u32, Vec<String>> {
    let Some(program) = &context.program else {
        return BTreeMap::new();
    };
    let known = known(program, &context.function);
    let failed: Vec<String> = context.failed.iter().map(|o| tight(&o.text)).collect();
    // What is only about the obligations is said where it becomes known, and again where they are.
    let mut said_before: BTreeSet<&str> = BTreeSet::new();
    let mut found = BTreeMap::new();
    for (number, text) in context.numbered_lines() {
        let Some(all) = known.get(&number) else { continue };
        let line = tight(text);
        let rank = |fact: &Fact| {
            let about = |text: &str| fact.names.iter().any(|name| mentions(text, &tight(name)));
            if about(&line) {
                0
            } else if failed.iter().any(|text| about(text)) {
                1
            } else {
                2
            }
        };
        let mut ranked: Vec<(u8, &Fact)> = all.iter().map(|f| (rank(f), f)).filter(|(r, _)| *r < 2).collect();
        ranked.sort_by_key(|(rank, _)| *rank);
        let fails = context.failed.iter().any(|o| o.location.line == number);
        let mut said: Vec<String> = Vec::new();
        for (rank, fact) in ranked {
            let is_new = said_before.insert(&fact.text);
            if rank > 0 && !is_new && !fails {
                continue;
            }
            if said.len() < FACTS && !said.contains(&fact.text) {
                said.push(fact.text.clone());
            }
        }
        if !said.is_empty() {
            found.insert(number, said);
        }
    }
    found
}

/// What holds in every function that was lowered from this one.
fn known(program: &Program, function: &str) -> BTreeMap<u32, Vec<Fact>> {
    let copies = program
        .functions
        .iter()
        .filter(|f| f.c_name() == function && !f.library_model && matches!(f.body, Body::Defined(_)));
    let mut all: Option<BTreeMap<u32, Vec<Fact>>> = None;
    for copy in copies {
        let own = before_lines(program, copy, &size_arguments);
        all = Some(match all {
            None => own,
            Some(mut known) => {
                known.retain(|line, facts| {
                    facts.retain(|fact| own.get(line).is_some_and(|other| other.contains(fact)));
                    !facts.is_empty()
                });
                known
            }
        });
    }
    all.unwrap_or_default()
}

/// Without space, for `p -> len` and `p->len` to be the same.
fn tight(text: &str) -> String {
    normalised(text).replace(' ', "\u{1}")
}

/// Whether the tokens of a name stand in a text as tokens.
fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (format!("\u{1}{text}\u{1}"), format!("\u{1}{name}\u{1}"));
    text.contains(&name)
}

#[cfg(test)]
mod tests;

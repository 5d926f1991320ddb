//! What callers would have to keep for a refuted obligation to hold.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use vf_smt::{Limits, Outcome, Solver, Terms};

use crate::engine::{CheckKey, Event, Execution};
use crate::report::Needs;
use crate::solve::Literals;

/// Z3's resource limit for one question.
const QUERY_LIMIT: u32 = 3_000_000;
/// Time for one question, where no resource limit is asked for.
const QUERY_MS: u32 = 300;
/// Questions without an answer, after which the search ends.
const UNANSWERED: usize = 6;
/// Time for one obligation, likewise.
const TIME: Duration = Duration::from_millis(1500);

/// What callers would have to keep, beside what the usual reading asks of them.
pub fn what_is_needed(
    execution: &Execution,
    terms: &Terms,
    kept: &[usize],
    key: &CheckKey,
    rlimit: Option<u32>,
) -> Option<Needs> {
    let clause = sufficient_clause(execution, terms, kept, key, rlimit)?;
    let spoken_of = words(&clause);
    let usual = execution.contracts.iter().map(|c| c.text.clone());
    let usual = usual.filter(|text| words(text).intersection(&spoken_of).next().is_some());
    Some(Needs {
        usual: usual.collect(),
        clause,
    })
}

/// The names in a predicate.
fn words(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '\\';
    let words = text.split(|c| !is_part(c));
    words
        .filter(|w| w.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
        .collect()
}

/// The first of the execution's clauses beyond the usual reading under which the obligation holds wherever it is
/// reached, and is reached; `kept` are the candidates that are inductive. Sought among clauses for a person to read, so
/// an answer that takes long is no answer.
fn sufficient_clause(
    execution: &Execution,
    terms: &Terms,
    kept: &[usize],
    key: &CheckKey,
    rlimit: Option<u32>,
) -> Option<String> {
    let mut active = vec![false; execution.candidates.len()];
    for number in kept {
        *active.get_mut(*number)? = true;
    }
    let literals = Literals::new(execution, &active);
    let mut solver = Solver::new(terms);
    solver.set_limits(Limits {
        rlimit: Some(rlimit.map_or(QUERY_LIMIT, |limit| limit.min(QUERY_LIMIT))),
        timeout_ms: rlimit.is_none().then_some(QUERY_MS),
    });
    let started = Instant::now();
    let mut unanswered = 0;
    let mut left: Vec<(usize, bool)> = (0..execution.stronger.len()).map(|n| (n, false)).collect();
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Undecided { key: of, .. } if of == key => return None,
            Event::Check(check) if check.key == *key => {
                let fails = terms.not(check.holds);
                let mut still = Vec::new();
                for (number, reached) in left {
                    let late = rlimit.is_none() && started.elapsed() > TIME;
                    if late || unanswered > UNANSWERED {
                        return None;
                    }
                    let mut assumptions = literals.all();
                    assumptions.extend([execution.stronger.get(number)?.holds, check.guard, fails]);
                    match solver.check(&assumptions) {
                        Outcome::Unsat { .. } => {
                            assumptions.pop();
                            let reached = reached || matches!(solver.check(&assumptions), Outcome::Sat(_));
                            still.push((number, reached));
                        }
                        Outcome::Sat(_) => {}
                        Outcome::Unknown(_) => unanswered += 1,
                    }
                }
                left = still;
                if left.is_empty() {
                    return None;
                }
            }
            _ => {}
        }
    }
    let (number, _) = left.into_iter().find(|(_, reached)| *reached)?;
    execution.stronger.get(number).map(|c| c.text.clone())
}

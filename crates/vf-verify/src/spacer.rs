//! Loop invariants from Spacer: a function's loops as Horn clauses over integers, asked about checks that stayed open.
//!
//! Each loop header becomes a relation over the registers that live there; what happens between two headers becomes a rule.
//! A check is the error: where Spacer shows that it cannot be violated, what it says of each header is proposed as an
//! invariant. It finds the relations between several counters that no template spells out.
//!
//! The system is an abstraction that leaves out most of what is hard: registers are integers that hardly wrap, memory
//! is unknown, pointers are offsets into what they were made from. It need be neither sound nor complete: what comes out is a
//! list of candidates like any other, and only those count that Z3 then shows to be inductive over bit-vectors.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use vf_source::tables::HashMap;

use vf_ir::{BlockId, Expr, FunctionId, ObligationId, Program};
use vf_smt::Limits;
use vf_smt::horn::{Answer, Formula, System};

mod addresses;
mod encode;
mod numbers;
mod read_back;
mod symbolic;

/// Candidate invariants by function and loop header.
pub(crate) type Proposals = HashMap<(FunctionId, BlockId), Vec<Expr>>;

/// Time for one question, and for all of one entry function.
const QUESTION: Duration = Duration::from_secs(2);
const ALL_QUESTIONS: Duration = Duration::from_secs(6);
/// Work for one question, in z3's units, where results must repeat.
const QUESTION_WORK: u32 = 20_000_000;
/// Checks of one function that are asked about alone where not all together are safe.
const MOST_CHECKS: usize = 8;

/// How much Spacer may use.
pub(crate) struct Patience {
    /// Results must repeat: work is counted instead of time.
    pub repeatable: bool,
    pub deadline: Option<Instant>,
}

impl Patience {
    fn limits(&self) -> Option<Limits> {
        let left = self.deadline.map(|d| d.saturating_duration_since(Instant::now()));
        // z3 counts the work of this engine coarsely: a deadline is kept where work is counted, too.
        let time = match left {
            None if self.repeatable => None,
            left => Some(left.map_or(QUESTION, |left| left.min(QUESTION))),
        };
        let timeout_ms = match time {
            Some(time) => Some(u32::try_from(time.as_millis()).ok().filter(|ms| *ms > 0)?),
            None => None,
        };
        Some(Limits {
            rlimit: self.repeatable.then_some(QUESTION_WORK),
            timeout_ms,
        })
    }
}

/// What may be invariant at the headers of loops, so that these checks hold. `assumed` says of which other checks it may be
/// taken that they hold. Empty where nothing was found.
pub(crate) fn propose(
    program: &Program,
    open: &BTreeMap<FunctionId, BTreeSet<ObligationId>>,
    assumed: &dyn Fn(FunctionId, ObligationId) -> bool,
    patience: &Patience,
) -> Proposals {
    let own_deadline = Instant::now() + ALL_QUESTIONS;
    let deadline = match patience.deadline {
        None if patience.repeatable => None,
        deadline => Some(deadline.map_or(own_deadline, |d| d.min(own_deadline))),
    };
    let patience = Patience {
        repeatable: patience.repeatable,
        deadline,
    };
    let mut found = Proposals::default();
    for (function, checks) in open {
        let tried = vf_absint::propose(program, *function);
        let is_new = |header: BlockId, condition: &Expr| {
            let mut here = tried
                .iter()
                .filter(|p| p.header == header)
                .flat_map(|p| &p.candidates);
            here.all(|c| c.condition != *condition)
        };
        for (header, condition) in of_function(program, *function, checks, assumed, &patience) {
            let list = found.entry((*function, header)).or_default();
            if !list.contains(&condition) && is_new(header, &condition) {
                list.push(condition);
            }
        }
    }
    found.retain(|_, conditions| !conditions.is_empty());
    found
}

fn of_function(
    program: &Program,
    function: FunctionId,
    checks: &BTreeSet<ObligationId>,
    assumed: &dyn Fn(FunctionId, ObligationId) -> bool,
    patience: &Patience,
) -> Vec<(BlockId, Expr)> {
    let Some(encoding) = encode::encode(program, function, checks, &|id| assumed(function, id)) else {
        return Vec::new();
    };
    let ask = |errors: &[usize]| {
        let mut rules = encoding.rules.clone();
        rules.extend(errors.iter().filter_map(|e| encoding.errors.get(*e)).cloned());
        let system = System {
            relations: encoding.headers.iter().map(encode::Header::kinds).collect(),
            rules,
        };
        let invariants = answer(&system, patience)?;
        Some(read_back::conditions(program, function, &encoding, &invariants))
    };
    let all: Vec<usize> = (0..encoding.errors.len()).collect();
    match all.as_slice() {
        [] => Vec::new(),
        [_] => ask(&all).unwrap_or_default(),
        _ => ask(&all).unwrap_or_else(|| {
            let each = all.iter().take(MOST_CHECKS);
            each.filter_map(|e| ask(&[*e])).flatten().collect()
        }),
    }
}

/// Invariants of a system, first for every value of its larger constants.
fn answer(system: &System, patience: &Patience) -> Option<Vec<Vec<Formula>>> {
    if let Some((general, bases)) = symbolic::generalised(system)
        && let Answer::Safe(invariants) = general.solve(patience.limits()?)
    {
        return Some(symbolic::instantiated(&invariants, system, &bases));
    }
    match system.solve(patience.limits()?) {
        Answer::Safe(invariants) => Some(invariants),
        Answer::Unsafe | Answer::Unknown => None,
    }
}

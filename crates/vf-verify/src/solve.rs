//! From the events of an execution to findings: Houdini over the candidate invariants, then one query an
//! obligation.
//!
//! Order is what makes this sound: a query at an event sees only the facts of events before it. A check that
//! is assumed to hold afterwards must not help to prove itself or what comes earlier.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

use vf_ir::FunctionId;
use vf_smt::{Limits, Model, Outcome, Solver, Term, Terms, UnknownWhy};

use crate::Reason;
use crate::engine::{CheckKey, Event, Execution};

/// What one pass over an execution found out about an obligation, over all places where it was reached.
#[derive(Debug, Default)]
pub struct Finding {
    pub instances: u32,
    pub proved: u32,
    /// Instances that some input reaches.
    pub reached: u32,
    /// The obligation is that control never gets there.
    pub claims_unreachable: bool,
    /// Some instance really applies.
    pub applies: bool,
    pub violation: Option<Violation>,
    pub undecided: Option<Reason>,
    /// Contract clauses that the proofs used.
    pub contracts: BTreeSet<usize>,
    /// Some instance lies behind a loop that was cut.
    pub after_cut: bool,
}

/// Models of a violation, the one that is easiest to read first.
#[derive(Debug)]
pub struct Violation {
    pub models: Vec<Model>,
}

impl Finding {
    pub fn all_proved(&self) -> bool {
        self.instances > 0 && self.proved == self.instances
    }
}

#[derive(Debug, Default)]
pub struct Solved {
    pub findings: BTreeMap<CheckKey, Finding>,
    /// Loops that may need more iterations than were unrolled: (function, header block).
    pub unwound: BTreeSet<(u32, u32)>,
    /// Functions into which executions go that were not followed.
    pub not_followed: BTreeMap<FunctionId, Reason>,
    /// Candidates kept.
    pub kept: Vec<usize>,
    pub queries: u64,
}

pub struct SolveOptions<'a> {
    pub limits: Limits,
    pub deadline: Option<Instant>,
    /// Only these obligations are asked about (`None`: all).
    pub only: Option<&'a BTreeSet<CheckKey>>,
    /// Prefer models in which these hold (small sizes).
    pub preferences: &'a [Term],
}

impl SolveOptions<'_> {
    fn late(&self) -> bool {
        self.deadline.is_some_and(|d| Instant::now() > d)
    }
}

/// The query of every check instance as an SMT-LIB script: unsatisfiable exactly when the check always holds.
pub fn scripts(execution: &Execution, terms: &Terms, options: &SolveOptions<'_>) -> Vec<(CheckKey, String)> {
    let (active, _) = houdini(execution, terms, options);
    let literals = Literals::new(execution, &active);
    let mut solver = Solver::new(terms);
    let mut scripts = Vec::new();
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Establish { .. }
            | Event::Unwound { .. }
            | Event::Undecided { .. }
            | Event::NotFollowed { .. } => {}
            Event::Check(check) => {
                let mut assumptions = literals.all();
                assumptions.push(check.guard);
                assumptions.push(terms.not(check.holds));
                scripts.push((check.key.clone(), solver.dump_smt2(&assumptions)));
            }
        }
    }
    scripts
}

pub fn solve(execution: &Execution, terms: &Terms, options: &SolveOptions<'_>) -> Solved {
    let (active, dependencies) = houdini(execution, terms, options);
    let mut solver = Solver::new(terms);
    solver.set_limits(options.limits);
    let mut solved = Solved {
        kept: (0..active.len()).filter(|i| active[*i]).collect(),
        ..Solved::default()
    };
    let literals = Literals::new(execution, &active);
    let mut reachable: HashMap<Term, bool> = HashMap::new();
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Establish { .. } => {}
            Event::Unwound {
                guard,
                function,
                header,
            } => {
                let mut assumptions = literals.all();
                assumptions.push(*guard);
                if options.late() || !matches!(solver.check(&assumptions), Outcome::Unsat { .. }) {
                    solved.unwound.insert((function.0, header.0));
                }
            }
            Event::NotFollowed {
                guard,
                function,
                reason,
            } => {
                let mut assumptions = literals.all();
                assumptions.push(*guard);
                if options.late() || !matches!(solver.check(&assumptions), Outcome::Unsat { .. }) {
                    solved.not_followed.entry(*function).or_insert(reason.clone());
                }
            }
            Event::Undecided { key, guard, reason } => {
                if options.only.is_some_and(|only| !only.contains(key)) {
                    continue;
                }
                let mut assumptions = literals.all();
                assumptions.push(*guard);
                if options.late() || !matches!(solver.check(&assumptions), Outcome::Unsat { .. }) {
                    let finding = solved.findings.entry(key.clone()).or_default();
                    finding.instances += 1;
                    finding.reached += 1;
                    finding.applies = true;
                    finding.undecided.get_or_insert(reason.clone());
                }
            }
            Event::Check(check) => {
                if options.only.is_some_and(|only| !only.contains(&check.key)) {
                    continue;
                }
                let finding = solved.findings.entry(check.key.clone()).or_default();
                finding.instances += 1;
                finding.applies |= check.applies;
                finding.after_cut |= check.after_cut;
                finding.claims_unreachable |= terms.is_false(check.holds);
                if options.late() {
                    finding.undecided.get_or_insert(Reason::Timeout);
                    continue;
                }
                let reached = *reachable.entry(check.guard).or_insert_with(|| {
                    if terms.is_true(check.guard) {
                        return true;
                    }
                    let mut assumptions = literals.all();
                    assumptions.push(check.guard);
                    !matches!(solver.check(&assumptions), Outcome::Unsat { .. })
                });
                if !reached {
                    finding.proved += 1;
                    continue;
                }
                finding.reached += 1;
                if terms.is_true(check.holds) {
                    finding.proved += 1;
                    continue;
                }
                let fails = terms.not(check.holds);
                let mut assumptions = literals.all();
                assumptions.push(check.guard);
                assumptions.push(fails);
                match check_with_integers(&mut solver, &assumptions, options.limits) {
                    Outcome::Unsat { core } => {
                        finding.proved += 1;
                        literals.contracts_of(&core, &dependencies, &mut finding.contracts);
                    }
                    Outcome::Sat(model) => {
                        let mut models = Vec::new();
                        // The same violation with small sizes is easier to read and to run.
                        let mut preferred = assumptions.clone();
                        preferred.extend_from_slice(options.preferences);
                        if !options.preferences.is_empty()
                            && let Outcome::Sat(nicer) = solver.check(&preferred)
                        {
                            models.push(nicer);
                        }
                        models.push(model);
                        finding.violation.get_or_insert(Violation { models });
                    }
                    Outcome::Unknown(why) => {
                        finding.undecided.get_or_insert(solver_reason(why));
                    }
                }
            }
        }
    }
    solved.queries = solver.statistics().checks;
    solved
}

/// One check. A product of two unknowns, hopeless as a circuit of wide multipliers, may be easy over the integers, so the
/// bit-vectors get a part of the time first, then the integers, then the bit-vectors all of it (which also finds models).
fn check_with_integers(solver: &mut Solver<'_>, assumptions: &[Term], limits: Limits) -> Outcome {
    /// What the first attempt and the integers may use, as a part of the whole.
    const PART: u32 = 5;
    if !solver.has_products(assumptions) {
        return solver.check(assumptions);
    }
    solver.set_limits(Limits {
        rlimit: limits.rlimit.map(|limit| limit / PART),
        timeout_ms: limits.timeout_ms.map(|limit| limit / PART),
    });
    let first = solver.check(assumptions);
    let integers = match first {
        Outcome::Unknown(_) => solver.refute_over_integers(assumptions),
        Outcome::Sat(_) | Outcome::Unsat { .. } => None,
    };
    solver.set_limits(limits);
    match (first, integers) {
        (Outcome::Unknown(_), Some(core)) => Outcome::Unsat { core },
        (Outcome::Unknown(_), None) => solver.check(assumptions),
        (answer, _) => answer,
    }
}

/// Which contracts and which other candidates a kept candidate's proof rests on.
#[derive(Clone, Debug, Default)]
struct Rests {
    candidates: BTreeSet<usize>,
    contracts: BTreeSet<usize>,
}

struct Literals {
    candidates: Vec<(usize, Term)>,
    contracts: Vec<Term>,
    number: HashMap<Term, Named>,
}

#[derive(Clone, Copy)]
enum Named {
    Candidate(usize),
    Contract(usize),
}

impl Literals {
    fn new(execution: &Execution, active: &[bool]) -> Self {
        let candidates: Vec<(usize, Term)> = execution
            .candidates
            .iter()
            .enumerate()
            .filter(|(i, _)| active[*i])
            .map(|(i, c)| (i, c.active))
            .collect();
        let contracts: Vec<Term> = execution.contracts.iter().map(|c| c.literal).collect();
        let mut number = HashMap::new();
        for (i, term) in &candidates {
            number.insert(*term, Named::Candidate(*i));
        }
        for (i, term) in contracts.iter().enumerate() {
            number.insert(*term, Named::Contract(i));
        }
        Literals {
            candidates,
            contracts,
            number,
        }
    }

    fn all(&self) -> Vec<Term> {
        self.candidates
            .iter()
            .map(|(_, t)| *t)
            .chain(self.contracts.iter().copied())
            .collect()
    }

    fn rests(&self, core: &[Term]) -> Rests {
        let mut rests = Rests::default();
        for term in core {
            match self.number.get(term) {
                Some(Named::Candidate(i)) => {
                    rests.candidates.insert(*i);
                }
                Some(Named::Contract(i)) => {
                    rests.contracts.insert(*i);
                }
                None => {}
            }
        }
        rests
    }

    /// Contracts used by a core, directly or through the candidates in it.
    fn contracts_of(&self, core: &[Term], dependencies: &[Rests], into: &mut BTreeSet<usize>) {
        let direct = self.rests(core);
        into.extend(&direct.contracts);
        let mut todo: Vec<usize> = direct.candidates.iter().copied().collect();
        let mut seen: BTreeSet<usize> = direct.candidates;
        while let Some(candidate) = todo.pop() {
            let Some(rests) = dependencies.get(candidate) else {
                continue;
            };
            into.extend(&rests.contracts);
            for next in &rests.candidates {
                if seen.insert(*next) {
                    todo.push(*next);
                }
            }
        }
    }
}

/// Drops candidates until the rest is established on every loop entry and by every iteration (Houdini).
/// Returns which are left, and what each rests on.
fn houdini(execution: &Execution, terms: &Terms, options: &SolveOptions<'_>) -> (Vec<bool>, Vec<Rests>) {
    let mut active = vec![true; execution.candidates.len()];
    let mut rests = vec![Rests::default(); active.len()];
    if active.is_empty() {
        return (active, rests);
    }
    // Per event: the candidates its last proof rested on, so that a pass repeats only what a drop touched.
    let mut proofs: HashMap<usize, Rests> = HashMap::new();
    loop {
        let mut dropped = false;
        let mut solver = Solver::new(terms);
        solver.set_limits(options.limits);
        for (number, event) in execution.events.iter().enumerate() {
            let (candidates, guard) = match event {
                Event::Fact(fact) => {
                    solver.assert(*fact);
                    continue;
                }
                Event::Establish { candidates, guard } => (candidates, *guard),
                Event::Check(_)
                | Event::Undecided { .. }
                | Event::NotFollowed { .. }
                | Event::Unwound { .. } => continue,
            };
            if let Some(proof) = proofs.get(&number)
                && proof.candidates.iter().all(|i| active[*i])
            {
                continue;
            }
            loop {
                let open: Vec<(usize, Term)> = candidates
                    .iter()
                    .copied()
                    .filter(|(i, holds)| active[*i] && !terms.is_true(*holds))
                    .collect();
                if open.is_empty() {
                    proofs.insert(number, Rests::default());
                    break;
                }
                if options.late() {
                    for (i, _) in &open {
                        active[*i] = false;
                    }
                    dropped = true;
                    break;
                }
                let literals = Literals::new(execution, &active);
                let all: Vec<Term> = open.iter().map(|(_, holds)| *holds).collect();
                let mut assumptions = literals.all();
                assumptions.push(guard);
                assumptions.push(terms.not(terms.all(&all)));
                match solver.check(&assumptions) {
                    Outcome::Unsat { core } => {
                        let proof = literals.rests(&core);
                        for (i, _) in &open {
                            rests[*i].candidates.extend(&proof.candidates);
                            rests[*i].contracts.extend(&proof.contracts);
                        }
                        proofs.insert(number, proof);
                        break;
                    }
                    Outcome::Sat(model) => {
                        let mut any = false;
                        for (i, holds) in &open {
                            if model.value(terms, *holds).as_bool() == Some(false) {
                                active[*i] = false;
                                any = true;
                            }
                        }
                        if !any {
                            // Never: the model falsifies their conjunction. Drop all rather than loop.
                            for (i, _) in &open {
                                active[*i] = false;
                            }
                        }
                        dropped = true;
                    }
                    Outcome::Unknown(_) => {
                        // One of them is hard: ask for each alone, and keep what is proved.
                        for (i, holds) in &open {
                            let mut alone = literals.all();
                            alone.push(guard);
                            alone.push(terms.not(*holds));
                            let proved =
                                !options.late() && matches!(solver.check(&alone), Outcome::Unsat { .. });
                            if !proved {
                                active[*i] = false;
                                dropped = true;
                            }
                        }
                        let everything = Rests {
                            // All that was assumed, also what was dropped just now: it forces another look.
                            candidates: literals.candidates.iter().map(|(i, _)| *i).collect(),
                            contracts: (0..execution.contracts.len()).collect(),
                        };
                        for (i, _) in &open {
                            rests[*i].candidates.extend(&everything.candidates);
                            rests[*i].contracts.extend(&everything.contracts);
                        }
                        proofs.insert(number, everything);
                        break;
                    }
                }
            }
        }
        if !dropped {
            return (active, rests);
        }
    }
}

fn solver_reason(why: UnknownWhy) -> Reason {
    match why {
        UnknownWhy::Timeout | UnknownWhy::Cancelled => Reason::SolverTimeout,
        UnknownWhy::ResourceLimit => Reason::SolverLimit,
        UnknownWhy::Incomplete(text) => Reason::SolverGaveUp(text),
    }
}

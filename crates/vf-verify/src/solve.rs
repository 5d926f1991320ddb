//! From the events of an execution to findings: Houdini over the candidate invariants, then one query an
//! obligation.
//!
//! Order is what makes this sound: a query at an event sees only the facts of events before it. A check that
//! is assumed to hold afterwards must not help to prove itself or what comes earlier.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use vf_source::tables::HashMap;

use vf_ir::FunctionId;
use vf_smt::{Limits, Model, Outcome, Solver, Term, Terms, UnknownWhy};

use crate::Reason;
use crate::engine::{CheckKey, Event, Execution};
use crate::houdini::{Inductive, houdini};
use crate::search::{Observer, QueryEnd, Question};

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
    /// Some instance was not looked at, because nobody wanted the answer any more.
    pub left: bool,
    /// Contract clauses that the proofs used, those that it is not reached among them.
    pub contracts: BTreeSet<usize>,
    /// How the first query ended that did not prove it, and the loop, of [`Execution::loops`], that was cut before.
    pub blocked: Option<(QueryEnd, Option<usize>)>,
}

/// Models of a violation, the one that is easiest to read first.
#[derive(Debug)]
pub struct Violation {
    pub models: Vec<Model>,
}

impl Finding {
    pub fn all_proved(&self) -> bool {
        !self.left && self.instances > 0 && self.proved == self.instances
    }
}

#[derive(Debug, Default)]
pub struct Solved {
    pub findings: BTreeMap<CheckKey, Finding>,
    /// Loops that may need more iterations than were unrolled: (function, header block).
    pub unwound: BTreeSet<(u32, u32)>,
    /// Functions into which executions go that were not followed.
    pub not_followed: BTreeMap<FunctionId, Reason>,
    /// Contract clauses that keep executions from where they were not followed.
    pub contracts: BTreeSet<usize>,
    /// Candidates kept.
    pub kept: Vec<usize>,
    pub queries: u64,
    /// z3's units of work, where they are limited.
    pub work: u64,
    /// Passes over the candidates.
    pub passes: u32,
    /// How long the search for what is inductive took.
    pub invariants: Duration,
}

pub struct SolveOptions<'a> {
    pub limits: Limits,
    pub deadline: Option<Instant>,
    /// Only these obligations are asked about (`None`: all).
    pub only: Option<&'a BTreeSet<CheckKey>>,
    /// Whether the answer is wanted still; asked of each check when its turn comes.
    pub wanted: &'a dyn Fn(&CheckKey) -> bool,
    /// z3's units of work for all obligations together (`None`: no limit).
    pub work: Option<u64>,
    /// More important searches run beside this one, which leaves them most of the memory.
    pub modest: bool,
    /// Nothing is asked behind the first comparison that a model violates: for who wants to know only whether there is one.
    pub until_violated: bool,
    /// Prefer models in which one of these holds, the first that can: small numbers, small sizes.
    pub preferences: &'a [Term],
    pub observer: Observer<'a>,
}

impl SolveOptions<'_> {
    pub fn late(&self) -> bool {
        self.deadline.is_some_and(|d| Instant::now() > d)
    }

    /// Whether the time or the work is used up.
    fn is_over(&self, solver: &Solver<'_>) -> bool {
        self.late() || self.work.is_some_and(|work| solver.statistics().work > work)
    }
}

/// The query of every check instance as an SMT-LIB script: unsatisfiable exactly when the check always holds.
pub fn scripts(execution: &Execution, terms: &Terms, options: &SolveOptions<'_>) -> Vec<(CheckKey, String)> {
    let active = houdini(execution, terms, options).active;
    let literals = Literals::new(execution, &active);
    let mut solver = Solver::new(terms);
    let mut scripts = Vec::new();
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Establish { .. }
            | Event::Probe { .. }
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
    let started = Instant::now();
    let Inductive {
        active,
        rests: dependencies,
        passes,
        queries,
    } = houdini(execution, terms, options);
    let invariants = started.elapsed();
    let mut solver = Solver::new(terms);
    solver.set_limits(options.limits);
    if options.modest {
        solver.be_modest();
    }
    let mut solved = Solved {
        kept: (0..active.len()).filter(|i| active[*i]).collect(),
        passes,
        invariants,
        ..Solved::default()
    };
    let literals = Literals::new(execution, &active);
    let mut reachable: HashMap<Term, Reached> = HashMap::default();
    let mut may_have_failed = false;
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Establish { .. } | Event::Probe { .. } => {}
            Event::Unwound {
                guard,
                function,
                header,
            } => match excluded(&mut solver, (&literals, *guard), options) {
                Some(core) => literals.contracts_of(&core, &dependencies, &mut solved.contracts),
                None => {
                    solved.unwound.insert((function.0, header.0));
                }
            },
            Event::NotFollowed {
                guard,
                function,
                reason,
            } => match excluded(&mut solver, (&literals, *guard), options) {
                Some(core) => literals.contracts_of(&core, &dependencies, &mut solved.contracts),
                None => {
                    solved.not_followed.entry(*function).or_insert(reason.clone());
                }
            },
            Event::Undecided { key, guard, reason } => {
                if options.only.is_some_and(|only| !only.contains(key)) {
                    continue;
                }
                if let Some(core) = excluded(&mut solver, (&literals, *guard), options) {
                    literals.contracts_of(&core, &dependencies, &mut solved.contracts);
                    continue;
                }
                let finding = solved.findings.entry(key.clone()).or_default();
                finding.instances += 1;
                finding.reached += 1;
                finding.applies = true;
                finding.undecided.get_or_insert(reason.clone());
                finding.blocked.get_or_insert((QueryEnd::NotFollowed, None));
            }
            Event::Check(check) => {
                if options.only.is_some_and(|only| !only.contains(&check.key)) {
                    // What is not asked here may fail always, too.
                    reachable.clear();
                    may_have_failed = true;
                    continue;
                }
                let finding = solved.findings.entry(check.key.clone()).or_default();
                finding.instances += 1;
                finding.applies |= check.applies;
                finding.claims_unreachable |= check.claims_unreachable;
                if !(options.wanted)(&check.key) {
                    finding.left = true;
                    reachable.clear();
                    may_have_failed = true;
                    continue;
                }
                if options.is_over(&solver) {
                    finding.undecided.get_or_insert(if options.late() {
                        Reason::Timeout
                    } else {
                        Reason::SolverLimit
                    });
                    finding
                        .blocked
                        .get_or_insert((QueryEnd::NotAsked, check.after_loop));
                    continue;
                }
                let mut alone = literals.all();
                alone.push(check.guard);
                let reached = reachable.entry(check.guard).or_insert_with(|| {
                    if terms.is_true(check.guard) && !may_have_failed {
                        return Reached::Yes;
                    }
                    let answer = check_soon(&mut solver, &alone, options.limits);
                    solver.set_limits(options.limits);
                    match answer {
                        Outcome::Unsat { core } => {
                            let mut contracts = BTreeSet::new();
                            literals.contracts_of(&core, &dependencies, &mut contracts);
                            Reached::No(contracts)
                        }
                        Outcome::Sat(_) => Reached::Yes,
                        Outcome::Unknown(_) => Reached::Perhaps,
                    }
                });
                if let Reached::No(contracts) = reached {
                    finding.contracts.extend(contracts.iter());
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
                let asked = Question::Obligation(check.key.clone());
                // What two versions are asked is settled by conditions more often than not; obligations are not.
                let compares = execution.comparison.compared.contains_key(&check.key);
                let unsure = (compares && *reached == Reached::Perhaps).then_some(alone.as_slice());
                let ask = || check_after(&mut solver, unsure, &assumptions, options.limits);
                let answer = options.observer.waits(asked, ask);
                // What comes after it goes on where it holds: what was reached so far may not be any more.
                if !matches!(answer, Outcome::Unsat { .. }) {
                    reachable.clear();
                    may_have_failed = true;
                }
                match answer {
                    Outcome::Unsat { core } => {
                        finding.proved += 1;
                        literals.contracts_of(&core, &dependencies, &mut finding.contracts);
                    }
                    Outcome::Sat(model) => {
                        let mut models = Vec::new();
                        // The same violation with small numbers is easier to read and to run.
                        for preference in options.preferences {
                            let mut preferred = assumptions.clone();
                            preferred.push(*preference);
                            let answer = check_soon(&mut solver, &preferred, options.limits);
                            if let Outcome::Sat(nicer) = answer {
                                models.push(nicer);
                                break;
                            }
                        }
                        models.push(model);
                        // Where what a model leaves open decides whether an execution shows it, the other solver's may.
                        if solver.prefers_integers() {
                            solver.set_limits(part_of(options.limits, MOMENT));
                            if let Outcome::Sat(other) = solver.check(&assumptions) {
                                models.push(other);
                            }
                        }
                        finding.violation.get_or_insert(Violation { models });
                        let end = match check.after_loop {
                            Some(_) => QueryEnd::CounterexampleToInduction,
                            None => QueryEnd::NotConfirmed,
                        };
                        finding.blocked.get_or_insert((end, check.after_loop));
                        if options.until_violated && compares {
                            break;
                        }
                    }
                    Outcome::Unknown(why) => {
                        let end = match why {
                            UnknownWhy::Timeout | UnknownWhy::Cancelled => QueryEnd::Time,
                            UnknownWhy::ResourceLimit => QueryEnd::ResourceLimit,
                            UnknownWhy::Incomplete(_) => QueryEnd::GaveUp,
                        };
                        finding.blocked.get_or_insert((end, check.after_loop));
                        finding.undecided.get_or_insert(solver_reason(why));
                    }
                }
            }
        }
    }
    for finding in solved.findings.values_mut() {
        finding.contracts.extend(&solved.contracts);
    }
    solved.work = solver.statistics().work;
    solved.queries = queries + solver.statistics().checks;
    solved
}

/// What the first attempt at a question may use, as a part of the whole.
const MOMENT: u32 = 300;

/// What keeps every execution from getting to where `guard` holds; `None` where one may, or there is no time to ask.
fn excluded(
    solver: &mut Solver<'_>,
    (literals, guard): (&Literals, Term),
    options: &SolveOptions<'_>,
) -> Option<Vec<Term>> {
    if options.is_over(solver) {
        return None;
    }
    let mut assumptions = literals.all();
    assumptions.push(guard);
    match check_with_integers(solver, &assumptions, options.limits) {
        Outcome::Unsat { core } => Some(core),
        _ => None,
    }
}

/// One check. What is hopeless as a circuit of wide adders and multipliers may be easy over the integers, and the other way
/// round: both get a moment, the integers first unless they failed lately; then the integers more; then the bit-vectors
/// all of the time.
pub(crate) fn check_with_integers(solver: &mut Solver<'_>, assumptions: &[Term], limits: Limits) -> Outcome {
    match check_soon(solver, assumptions, limits) {
        Outcome::Unknown(_) => {
            solver.set_limits(limits);
            solver.check(assumptions)
        }
        answer => answer,
    }
}

/// Whether an execution comes to a check.
#[derive(Clone, PartialEq, Eq)]
enum Reached {
    Yes,
    /// By these clauses of the contract.
    No(BTreeSet<usize>),
    Perhaps,
}

/// [`check_with_integers`]; before its last part, whether the check is reached at all, where that is not known: conditions and
/// numbers are settled sooner than what is asked of memory behind them.
fn check_after(
    solver: &mut Solver<'_>,
    reached: Option<&[Term]>,
    assumptions: &[Term],
    limits: Limits,
) -> Outcome {
    /// What the first of the two may use, as a part of the whole.
    const REACHED: u32 = 3;
    let first = check_soon(solver, assumptions, limits);
    if !matches!(first, Outcome::Unknown(_)) {
        return first;
    }
    if let Some(reached) = reached {
        solver.set_limits(part_of(limits, REACHED));
        let answer = solver.check(reached);
        if matches!(answer, Outcome::Unsat { .. }) {
            return answer;
        }
    }
    solver.set_limits(limits);
    solver.check(assumptions)
}

/// [`check_with_integers`] without its last part.
fn check_soon(solver: &mut Solver<'_>, assumptions: &[Term], limits: Limits) -> Outcome {
    /// What the integers may use, as a part of the whole.
    const INTEGERS: u32 = 20;
    let first = check_briefly(solver, assumptions, limits);
    if !matches!(first, Outcome::Unknown(_)) {
        return first;
    }
    solver.set_limits(part_of(limits, INTEGERS));
    match solver.check_over_integers(assumptions) {
        Outcome::Unknown(_) => first,
        answer => answer,
    }
}

/// Only the first moment of both.
pub(crate) fn check_briefly(solver: &mut Solver<'_>, assumptions: &[Term], limits: Limits) -> Outcome {
    solver.set_limits(part_of(limits, MOMENT));
    let integers_first = solver.prefers_integers();
    let mut answer = Outcome::Unknown(UnknownWhy::Cancelled);
    for integers in [integers_first, !integers_first] {
        answer = if integers {
            solver.check_over_integers(assumptions)
        } else {
            solver.check(assumptions)
        };
        if !matches!(answer, Outcome::Unknown(_)) {
            break;
        }
    }
    answer
}

pub(crate) fn part_of(limits: Limits, part: u32) -> Limits {
    Limits {
        rlimit: limits.rlimit.map(|limit| limit / part),
        timeout_ms: limits.timeout_ms.map(|limit| limit / part),
    }
}

/// Which contracts and which other candidates a kept candidate's proof rests on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rests {
    pub candidates: BTreeSet<usize>,
    pub contracts: BTreeSet<usize>,
}

impl Rests {
    pub fn extend(&mut self, other: &Rests) {
        self.candidates.extend(&other.candidates);
        self.contracts.extend(&other.contracts);
    }
}

pub(crate) struct Literals {
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
    pub fn new(execution: &Execution, active: &[bool]) -> Self {
        let candidates: Vec<(usize, Term)> = execution
            .candidates
            .iter()
            .enumerate()
            .filter(|(i, _)| active[*i])
            .map(|(i, c)| (i, c.active))
            .collect();
        let contracts: Vec<Term> = execution.contracts.iter().map(|c| c.literal).collect();
        let mut number = HashMap::default();
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

    pub fn all(&self) -> Vec<Term> {
        self.candidates
            .iter()
            .map(|(_, t)| *t)
            .chain(self.contracts.iter().copied())
            .collect()
    }

    pub fn rests(&self, core: &[Term]) -> Rests {
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

fn solver_reason(why: UnknownWhy) -> Reason {
    match why {
        UnknownWhy::Timeout | UnknownWhy::Cancelled => Reason::SolverTimeout,
        UnknownWhy::ResourceLimit => Reason::SolverLimit,
        UnknownWhy::Incomplete(text) => Reason::SolverGaveUp(text),
    }
}

//! Satisfiability of formulas, by z3, incrementally and within limits.

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::backend::{Answer, Backend, Engine};
use crate::integers::{self, Integers};
use crate::memory;
use crate::reads::ArrayUse;
use crate::stop;
use crate::term::{Term, Terms, View};
use crate::value::{Assignment, Value};

/// How much one check may use. `None`: no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// z3's own units of work: the same query takes the same number on every machine.
    pub rlimit: Option<u32>,
    /// Wall time, in milliseconds.
    pub timeout_ms: Option<u32>,
}

/// Answer of one check.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The formulas hold together, for instance under this model.
    Sat(Model),
    /// They do not; the assumptions that are named suffice for that, with what is asserted. Not minimal.
    Unsat {
        core: Vec<Term>,
    },
    Unknown(UnknownWhy),
}

/// z3's model does not make the formulas true.
const NO_MODEL: &str = "model did not evaluate to true";

/// Why a check has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownWhy {
    /// [`Limits::timeout_ms`] was reached.
    Timeout,
    /// [`Limits::rlimit`] was reached.
    ResourceLimit,
    /// z3 gave up for a reason of its own, or its model was not a model.
    Incomplete(String),
    /// Another thread stopped it: see [`crate::Stop`].
    Cancelled,
}

/// What a solver has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    pub checks: u64,
    pub sat: u64,
    pub unsat: u64,
    pub unknown: u64,
    /// Wall time spent in checks, models included.
    pub time: Duration,
    /// z3's units of work, of checks that [`Limits::rlimit`] limits; those over the integers included.
    pub work: u64,
}

/// Values that make everything asserted and assumed true.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    assignment: Assignment,
}

impl Model {
    /// Value of any term. Variables that the query did not mention are zero; array elements that it did not
    /// mention are the array's default.
    pub fn value(&self, terms: &Terms, term: Term) -> Value {
        terms.eval(term, &self.assignment)
    }

    pub fn assignment(&self) -> &Assignment {
        &self.assignment
    }
}

/// A stack of assertions that can be checked for satisfiability.
///
/// Bound to the thread that made it: z3's context is the thread's. One solver a thread, any number of threads.
pub struct Solver<'t> {
    terms: &'t Terms,
    limits: Limits,
    /// Made by the first check; made anew when arrays first appear.
    backend: Option<Backend>,
    /// Made by the first question over the integers; it cannot forget.
    integers: Option<Integers<'t>>,
    /// Asserted formulas by frame; the first frame is never popped.
    frames: Vec<Vec<Term>>,
    /// How all formulas so far use arrays.
    arrays: ArrayUse,
    statistics: Cell<Statistics>,
    /// How often in a row the integers had no answer.
    failed: u32,
    modest: bool,
}

impl<'t> Solver<'t> {
    pub fn new(terms: &'t Terms) -> Self {
        Solver {
            terms,
            limits: Limits::default(),
            backend: None,
            integers: None,
            frames: vec![Vec::new()],
            arrays: ArrayUse::default(),
            statistics: Cell::new(Statistics::default()),
            failed: 0,
            modest: false,
        }
    }

    /// Limits of each check from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Leaves room to other solvers of the process: this one gives up earlier than they do. (So do circuits only; z3's general
    /// engine knows one mark for all.)
    pub fn be_modest(&mut self) {
        self.modest = true;
        self.backend = None;
    }

    /// Begins a frame: what is asserted from now on lasts until the matching `pop`.
    pub fn push(&mut self) {
        self.frames.push(Vec::new());
    }

    /// Forgets what was asserted since the matching `push`. Without one, nothing happens.
    pub fn pop(&mut self) {
        if self.frames.len() < 2 {
            return;
        }
        self.frames.pop();
        self.integers = None;
        if stop::is_stopped() {
            self.backend = None;
        }
        if let Some(backend) = &mut self.backend {
            backend.shrink(self.frames.len());
        }
    }

    /// Number of frames that can be popped.
    pub fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// Adds a formula to the innermost frame. z3 is told by the next check, within its limits.
    ///
    /// # Panics
    /// If the term is no boolean.
    pub fn assert(&mut self, term: Term) {
        self.terms.expect_bool(term);
        if let Some(frame) = self.frames.last_mut() {
            frame.push(term);
        }
    }

    /// Everything asserted now, oldest first.
    pub fn assertions(&self) -> Vec<Term> {
        self.frames.iter().flatten().copied().collect()
    }

    /// Whether what is asserted and the assumptions hold together. Assumptions last for this check only.
    ///
    /// # Panics
    /// If an assumption is no boolean.
    pub fn check(&mut self, assumptions: &[Term]) -> Outcome {
        let start = Instant::now();
        for &assumption in assumptions {
            self.terms.expect_bool(assumption);
        }
        let before = self.work();
        let outcome = self.unless_stopped(|solver| solver.decide(assumptions));
        self.count(start, before, &outcome);
        outcome
    }

    fn count(&mut self, start: Instant, before: u64, outcome: &Outcome) {
        let work = self.work().saturating_sub(before);
        let mut statistics = self.statistics.get();
        statistics.work += work;
        statistics.checks += 1;
        statistics.time += start.elapsed();
        match outcome {
            Outcome::Sat(_) => statistics.sat += 1,
            Outcome::Unsat { .. } => statistics.unsat += 1,
            Outcome::Unknown(_) => statistics.unknown += 1,
        }
        self.statistics.set(statistics);
    }

    /// Whether the next question is better asked over the integers first: most of what loops and bounds ask is linear, and
    /// takes them a tenth of the time. Where they fail several times in a row it is not; now and then they are tried
    /// again.
    pub fn prefers_integers(&self) -> bool {
        const PATIENCE: u32 = 3;
        const AGAIN: u32 = 16;
        self.failed < PATIENCE || self.failed.is_multiple_of(AGAIN)
    }

    /// The same question over the integers, within the limits of a check. Where they find no contradiction and no
    /// model, the answer is unknown.
    pub fn check_over_integers(&mut self, assumptions: &[Term]) -> Outcome {
        let start = Instant::now();
        let before = self.work();
        let outcome = self.unless_stopped(|solver| solver.decide_over_integers(assumptions));
        self.count(start, before, &outcome);
        outcome
    }

    /// What `ask` answers; once this thread was stopped, that is nothing, and the solvers are made anew for what comes
    /// later: z3 may have been interrupted anywhere.
    fn unless_stopped(&mut self, ask: impl FnOnce(&mut Self) -> Outcome) -> Outcome {
        let outcome = if stop::is_stopped() {
            None
        } else {
            Some(ask(self)).filter(|_| !stop::is_stopped())
        };
        outcome.unwrap_or_else(|| {
            self.backend = None;
            self.integers = None;
            Outcome::Unknown(UnknownWhy::Cancelled)
        })
    }

    /// z3's units of work so far, of all solvers of the thread, where they are limited and so of interest.
    fn work(&self) -> u64 {
        match self.limits.rlimit {
            Some(_) => memory::work(),
            None => 0,
        }
    }

    fn decide_over_integers(&mut self, assumptions: &[Term]) -> Outcome {
        if let Some(outcome) = self.decide_at_once(assumptions) {
            return outcome;
        }
        let mut query = self.assertions();
        let terms = self.terms;
        let integers = self.integers.get_or_insert_with(|| Integers::new(terms));
        let answer = integers.check(self.limits, &query, assumptions);
        self.failed += 1;
        let unknown = || Outcome::Unknown(UnknownWhy::Incomplete("no answer over the integers".to_string()));
        match answer {
            integers::Answer::Refuted(core) => {
                self.failed = 0;
                Outcome::Unsat { core }
            }
            integers::Answer::Unknown => unknown(),
            integers::Answer::Guess(assignment) => {
                query.extend_from_slice(assumptions);
                let holds = terms.eval_many(&query, &assignment);
                if holds.iter().all(|value| *value == Value::Bool(true)) {
                    self.failed = 0;
                    Outcome::Sat(Model { assignment })
                } else {
                    unknown()
                }
            }
        }
    }

    /// A boolean variable, or the negation of one.
    fn is_literal(&self, term: Term) -> bool {
        match self.terms.view(term) {
            View::Var { .. } => true,
            View::Not(inner) => matches!(self.terms.view(inner), View::Var { .. }),
            _ => false,
        }
    }

    /// What needs no solver: formulas that the constructors have folded to false, and what the bounds of the variables exclude.
    fn decide_at_once(&self, assumptions: &[Term]) -> Option<Outcome> {
        if self
            .frames
            .iter()
            .flatten()
            .any(|&term| self.terms.is_false(term))
        {
            return Some(Outcome::Unsat { core: Vec::new() });
        }
        if let Some(&wrong) = assumptions.iter().find(|&&term| self.terms.is_false(term)) {
            return Some(Outcome::Unsat { core: vec![wrong] });
        }
        // Literals say nothing by themselves, and what intervals show must rest on few assumptions.
        let spoken: Vec<Term> = assumptions
            .iter()
            .copied()
            .filter(|&term| !self.is_literal(term))
            .collect();
        let contradict = !spoken.is_empty() && self.terms.bounds_contradict(&spoken);
        contradict.then_some(Outcome::Unsat { core: spoken })
    }

    fn decide(&mut self, assumptions: &[Term]) -> Outcome {
        if let Some(outcome) = self.decide_at_once(assumptions) {
            return outcome;
        }
        match self.ask(assumptions) {
            // Met in a solver that a limit once stopped: what it was told just then is told to another.
            Outcome::Unknown(UnknownWhy::Incomplete(reason)) if reason == NO_MODEL => {
                self.backend = None;
                self.ask(assumptions)
            }
            outcome => outcome,
        }
    }

    /// One check by z3.
    fn ask(&mut self, assumptions: &[Term]) -> Outcome {
        let mut query = self.assertions();
        query.extend_from_slice(assumptions);
        let engine = self.engine_for(&query);
        let terms = self.terms;
        let backend = match &mut self.backend {
            Some(backend) if backend.engine() == engine => backend,
            other => other.insert(Backend::new(engine, self.modest)),
        };
        let assumed: Vec<Term> = assumptions
            .iter()
            .copied()
            .filter(|&term| !terms.is_true(term))
            .collect();
        let answer = backend.check(terms, self.limits, &self.frames, &assumed);
        match answer {
            Answer::Sat => {
                let Some(assignment) = backend.model(terms, &query) else {
                    return Outcome::Unknown(UnknownWhy::Incomplete("z3 gave no model".to_string()));
                };
                backend.finish();
                if terms
                    .eval_many(&query, &assignment)
                    .iter()
                    .all(|value| *value == Value::Bool(true))
                {
                    Outcome::Sat(Model { assignment })
                } else {
                    Outcome::Unknown(UnknownWhy::Incomplete(NO_MODEL.to_string()))
                }
            }
            Answer::Unsat(core) => {
                backend.finish();
                Outcome::Unsat { core }
            }
            Answer::Stopped(why) => {
                self.backend = None;
                Outcome::Unknown(why)
            }
            Answer::Unknown(why) => {
                backend.finish();
                // What fills the memory is given back; a later check may ask for less.
                if matches!(&why, UnknownWhy::Incomplete(reason) if reason.contains("mem")) {
                    self.backend = None;
                }
                Outcome::Unknown(why)
            }
        }
    }

    /// From arrays there is no way back: a solver that met arrays is likely to meet them again.
    fn engine_for(&mut self, query: &[Term]) -> Engine {
        self.arrays.look_at(self.terms, query);
        if self.arrays.needs_arrays() {
            Engine::Arrays
        } else {
            Engine::Bits
        }
    }

    /// The query of [`Solver::check`] with these assumptions as an SMT-LIB script; assumptions are asserted.
    pub fn dump_smt2(&self, assumptions: &[Term]) -> String {
        let mut query = self.assertions();
        query.extend_from_slice(assumptions);
        self.terms.script(&query)
    }

    pub fn statistics(&self) -> Statistics {
        self.statistics.get()
    }
}

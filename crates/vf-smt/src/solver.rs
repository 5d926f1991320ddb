//! Satisfiability of formulas, by z3, incrementally and within limits.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use z3::ast::Bool;
use z3::{Params, SatResult};

use crate::model;
use crate::term::{Sort, Term, Terms, View};
use crate::translate::Translation;
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

/// Why a check has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnknownWhy {
    /// [`Limits::timeout_ms`] was reached.
    Timeout,
    /// [`Limits::rlimit`] was reached.
    ResourceLimit,
    /// z3 gave up for a reason of its own, or its model was not a model.
    Incomplete(String),
    /// z3 was interrupted.
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

/// Which of z3's engines runs. Bit-vectors alone are bit-blasted and given to its SAT solver, several times
/// faster than its general engine (`benches/bounds.rs`); arrays need the general one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Engine {
    Bits,
    Arrays,
}

/// z3 with its engine.
struct Backend {
    engine: Engine,
    z3: z3::Solver,
}

/// A stack of assertions that can be checked for satisfiability.
///
/// Bound to the thread that made it: z3's context is the thread's. One solver a thread, any number of threads.
pub struct Solver<'t> {
    terms: &'t Terms,
    limits: Limits,
    translation: Translation,
    /// Made by the first check; made anew when arrays first appear.
    backend: Option<Backend>,
    /// Asserted formulas by frame; the first frame is never popped.
    frames: Vec<Vec<Term>>,
    /// Stand-ins for assumptions that are no literals, and the frame they were defined in.
    proxies: HashMap<Term, (Bool, usize)>,
    next_proxy: u64,
    /// Terms known to be free of arrays; what is seen once is not walked again.
    array_free: HashSet<Term>,
    statistics: Cell<Statistics>,
}

impl<'t> Solver<'t> {
    pub fn new(terms: &'t Terms) -> Self {
        Solver {
            terms,
            limits: Limits::default(),
            translation: Translation::new(),
            backend: None,
            frames: vec![Vec::new()],
            proxies: HashMap::new(),
            next_proxy: 0,
            array_free: HashSet::new(),
            statistics: Cell::new(Statistics::default()),
        }
    }

    /// Limits of each check from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    pub fn limits(&self) -> Limits {
        self.limits
    }

    pub fn push(&mut self) {
        self.frames.push(Vec::new());
        if let Some(backend) = &self.backend {
            backend.z3.push();
        }
    }

    /// Forgets what was asserted since the matching `push`. Without one, nothing happens.
    pub fn pop(&mut self) {
        if self.frames.len() < 2 {
            return;
        }
        self.frames.pop();
        let depth = self.frames.len();
        self.proxies.retain(|_, (_, frame)| *frame < depth);
        if let Some(backend) = &self.backend {
            backend.z3.pop(1);
        }
    }

    /// Number of frames that can be popped.
    pub fn depth(&self) -> usize {
        self.frames.len() - 1
    }

    /// # Panics
    /// If the term is no boolean.
    pub fn assert(&mut self, term: Term) {
        self.terms.expect_bool(term);
        if let Some(frame) = self.frames.last_mut() {
            frame.push(term);
        }
        let Some(engine) = self.backend.as_ref().map(|backend| backend.engine) else {
            return;
        };
        if engine == Engine::Bits && self.needs_arrays(&[term]) {
            // The new backend gets all frames, this formula among them.
            self.require(Engine::Arrays);
            return;
        }
        let expression = self.translation.boolean(self.terms, term);
        if let Some(backend) = &self.backend {
            backend.z3.assert(&expression);
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
        let outcome = self.decide(assumptions);
        let mut statistics = self.statistics.get();
        statistics.checks += 1;
        statistics.time += start.elapsed();
        match &outcome {
            Outcome::Sat(_) => statistics.sat += 1,
            Outcome::Unsat { .. } => statistics.unsat += 1,
            Outcome::Unknown(_) => statistics.unknown += 1,
        }
        self.statistics.set(statistics);
        outcome
    }

    fn decide(&mut self, assumptions: &[Term]) -> Outcome {
        // What the constructors have folded to false needs no solver.
        if self
            .frames
            .iter()
            .flatten()
            .any(|&term| self.terms.is_false(term))
        {
            return Outcome::Unsat { core: Vec::new() };
        }
        if let Some(&wrong) = assumptions.iter().find(|&&term| self.terms.is_false(term)) {
            return Outcome::Unsat { core: vec![wrong] };
        }
        let mut query = self.assertions();
        query.extend_from_slice(assumptions);
        let engine = if self.needs_arrays(assumptions) || self.frames_need_arrays() {
            Engine::Arrays
        } else {
            Engine::Bits
        };
        self.require(engine);
        let mut literals: Vec<(Bool, Term)> = Vec::new();
        for &term in assumptions.iter().filter(|&&term| !self.terms.is_true(term)) {
            literals.push((self.literal(term), term));
        }
        let Some(backend) = &self.backend else {
            return Outcome::Unknown(UnknownWhy::Incomplete("z3 could not be started".to_string()));
        };
        backend.z3.set_params(&parameters(self.limits));
        let result = if literals.is_empty() {
            backend.z3.check()
        } else {
            let expressions: Vec<Bool> = literals.iter().map(|(literal, _)| literal.clone()).collect();
            backend.z3.check_assumptions(&expressions)
        };
        match result {
            SatResult::Unsat => {
                let named = if literals.is_empty() {
                    Vec::new()
                } else {
                    backend.z3.get_unsat_core()
                };
                let mut core: Vec<Term> = literals
                    .iter()
                    .filter(|(literal, _)| named.iter().any(|other| other.ast_eq(literal)))
                    .map(|(_, term)| *term)
                    .collect();
                core.sort_unstable();
                core.dedup();
                Outcome::Unsat { core }
            }
            SatResult::Unknown => {
                let reason = backend.z3.get_reason_unknown().unwrap_or_default();
                Outcome::Unknown(why_unknown(&reason, self.limits))
            }
            SatResult::Sat => {
                let Some(z3_model) = backend.z3.get_model() else {
                    return Outcome::Unknown(UnknownWhy::Incomplete("z3 gave no model".to_string()));
                };
                let assignment = model::extract(self.terms, &mut self.translation, &z3_model, &query);
                let holds = self.terms.eval_many(&query, &assignment);
                if holds.iter().all(|value| *value == Value::Bool(true)) {
                    Outcome::Sat(Model { assignment })
                } else {
                    let reason = "model did not evaluate to true".to_string();
                    Outcome::Unknown(UnknownWhy::Incomplete(reason))
                }
            }
        }
    }

    /// A z3 literal for an assumption: itself where it is one, otherwise a fresh name that implies it.
    fn literal(&mut self, term: Term) -> Bool {
        let is_literal = match self.terms.view(term) {
            View::Var { .. } => true,
            View::Not(inner) => matches!(self.terms.view(inner), View::Var { .. }),
            _ => false,
        };
        let expression = self.translation.boolean(self.terms, term);
        if is_literal {
            return expression;
        }
        if let Some((proxy, _)) = self.proxies.get(&term) {
            return proxy.clone();
        }
        self.next_proxy += 1;
        let proxy = Bool::new_const(format!("p{}", self.next_proxy));
        if let Some(backend) = &self.backend {
            backend.z3.assert(proxy.implies(&expression));
        }
        self.proxies.insert(term, (proxy.clone(), self.frames.len() - 1));
        proxy
    }

    fn frames_need_arrays(&mut self) -> bool {
        if self
            .backend
            .as_ref()
            .is_some_and(|backend| backend.engine == Engine::Arrays)
        {
            return true;
        }
        let asserted = self.assertions();
        self.needs_arrays(&asserted)
    }

    /// Whether any of the formulas speaks of arrays; walks only what no earlier call has seen.
    fn needs_arrays(&mut self, formulas: &[Term]) -> bool {
        let mut pending: Vec<Term> = formulas.to_vec();
        while let Some(term) = pending.pop() {
            if matches!(self.terms.sort(term), Sort::Array { .. }) {
                // The terms on the way here are not free of arrays.
                self.array_free.clear();
                return true;
            }
            if self.array_free.insert(term) {
                pending.extend(self.terms.view(term).children());
            }
        }
        false
    }

    /// Makes the backend of this engine, with all frames, unless it is there. From arrays there is no way back:
    /// a solver that met arrays is likely to meet them again.
    fn require(&mut self, engine: Engine) {
        if let Some(backend) = &self.backend
            && (backend.engine == engine || backend.engine == Engine::Arrays)
        {
            return;
        }
        let z3 = match engine {
            Engine::Bits => z3::Solver::new_for_logic("QF_BV"),
            Engine::Arrays => z3::Solver::new_for_logic("QF_AUFBV"),
        }
        .unwrap_or_default();
        self.proxies.clear();
        for (position, frame) in self.frames.iter().enumerate() {
            if position > 0 {
                z3.push();
            }
            for &term in frame {
                z3.assert(self.translation.boolean(self.terms, term));
            }
        }
        self.backend = Some(Backend { engine, z3 });
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

fn parameters(limits: Limits) -> Params {
    let mut parameters = Params::new();
    parameters.set_u32("timeout", limits.timeout_ms.unwrap_or(u32::MAX));
    // Zero means no limit.
    parameters.set_u32("rlimit", limits.rlimit.map_or(0, |limit| limit.max(1)));
    parameters
}

/// z3 tells its reason in words.
fn why_unknown(reason: &str, limits: Limits) -> UnknownWhy {
    match reason {
        "timeout" => UnknownWhy::Timeout,
        _ if reason.contains("resource") => UnknownWhy::ResourceLimit,
        "canceled" | "interrupted" | "interrupted from keyboard" => match limits {
            Limits {
                timeout_ms: Some(_), ..
            } => UnknownWhy::Timeout,
            Limits { rlimit: Some(_), .. } => UnknownWhy::ResourceLimit,
            _ => UnknownWhy::Cancelled,
        },
        _ => UnknownWhy::Incomplete(reason.to_string()),
    }
}

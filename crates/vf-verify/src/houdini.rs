//! Which candidate invariants are inductive (Flanagan and Leino, *Houdini, an Annotation Assistant for ESC/Java*, 2001).

use std::time::Instant;
use vf_source::tables::HashMap;

use vf_smt::{Limits, Model, Outcome, Solver, Term, Terms};

use crate::engine::{Event, Execution};
use crate::search::Question;
use crate::solve::{Literals, Rests, SolveOptions, check_briefly, part_of};

/// What a question about a single candidate may use of a query's limits, where all together were too hard.
const ALONE: u32 = 20;

/// Drops candidates until the rest is established on every loop entry and by every iteration.
/// Returns which are left, and what each rests on.
pub(crate) fn houdini(execution: &Execution, terms: &Terms, options: &SolveOptions<'_>) -> Inductive {
    let count = execution.candidates.len();
    let started = Instant::now();
    let half = |deadline: Instant| started + deadline.saturating_duration_since(started) / 2;
    let mut search = Search {
        // The obligations themselves are asked about afterwards.
        deadline: options.deadline.map(half),
        execution,
        terms,
        options,
        active: vec![true; count],
        rests: vec![Rests::default(); count],
        proofs: HashMap::default(),
        queries: 0,
    };
    let (mut passes, mut goes_on) = (0, count > 0);
    while goes_on {
        goes_on = search.pass();
        passes += 1;
        let kept = search.active.iter().filter(|active| **active).count();
        options.observer.passed(passes, count, kept);
    }
    Inductive {
        active: search.active,
        rests: search.rests,
        passes,
        queries: search.queries,
    }
}

/// What is left of the candidates.
pub(crate) struct Inductive {
    /// Which are inductive, all together.
    pub active: Vec<bool>,
    /// What each of these rests on.
    pub rests: Vec<Rests>,
    pub passes: u32,
    pub queries: u64,
}

/// One candidate: where it is linear, the integers are quick.
fn check_alone(solver: &mut Solver<'_>, question: &[Term], limits: Limits) -> Outcome {
    solver.set_limits(limits);
    match solver.check_over_integers(question) {
        Outcome::Unknown(_) => solver.check(question),
        answer => answer,
    }
}

struct Search<'s, 'o> {
    /// What is not shown by then is dropped.
    deadline: Option<Instant>,
    execution: &'s Execution,
    terms: &'s Terms,
    options: &'s SolveOptions<'o>,
    active: Vec<bool>,
    rests: Vec<Rests>,
    /// Per event: what its last proof rested on, so that a pass repeats only what a drop touched.
    proofs: HashMap<usize, Rests>,
    queries: u64,
}

impl Search<'_, '_> {
    fn is_late(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() > deadline)
    }

    /// Looks at every entry and every iteration once; whether a candidate was dropped.
    fn pass(&mut self) -> bool {
        let mut dropped = false;
        let mut solver = Solver::new(self.terms);
        let execution = self.execution;
        for (number, event) in execution.events.iter().enumerate() {
            match event {
                Event::Fact(fact) => solver.assert(*fact),
                Event::Establish { candidates, guard } => {
                    dropped |= self.establish(&mut solver, number, candidates, *guard);
                }
                Event::Check(_)
                | Event::Undecided { .. }
                | Event::NotFollowed { .. }
                | Event::Probe { .. }
                | Event::Unwound { .. } => {}
            }
        }
        self.queries += solver.statistics().checks;
        dropped
    }

    /// Drops what does not hold at one event, until the rest does; whether anything was dropped.
    fn establish(
        &mut self,
        solver: &mut Solver<'_>,
        number: usize,
        candidates: &[(usize, Term)],
        guard: Term,
    ) -> bool {
        let is_proved = |p: &Rests| p.candidates.iter().all(|i| self.active[*i]);
        if self.proofs.get(&number).is_some_and(is_proved) {
            return false;
        }
        let mut dropped = false;
        loop {
            let open = self.open(candidates);
            if open.is_empty() {
                self.proofs.insert(number, Rests::default());
                return dropped;
            }
            if self.is_late() {
                open.iter().for_each(|(i, _)| self.active[*i] = false);
                return true;
            }
            let all: Vec<Term> = open.iter().map(|(_, holds)| *holds).collect();
            let literals = Literals::new(self.execution, &self.active);
            let question = self.question(&literals, guard, self.terms.all(&all));
            let asked = Question::Inductive {
                candidates: open.len(),
            };
            let observer = self.options.observer;
            match observer.waits(asked, || check_briefly(solver, &question, self.options.limits)) {
                Outcome::Unsat { core } => {
                    let proof = literals.rests(&core);
                    open.iter().for_each(|(i, _)| self.rests[*i].extend(&proof));
                    self.proofs.insert(number, proof);
                    return dropped;
                }
                Outcome::Sat(model) => {
                    dropped = true;
                    if !self.drop_false(&open, &model) {
                        // Never: the model falsifies their conjunction. Drop all rather than loop.
                        open.iter().for_each(|(i, _)| self.active[*i] = false);
                    }
                }
                Outcome::Unknown(_) => return self.one_by_one(solver, number, &open, guard) || dropped,
            }
        }
    }

    /// Together they are too hard: asks for each alone, and keeps what is proved.
    fn one_by_one(
        &mut self,
        solver: &mut Solver<'_>,
        number: usize,
        open: &[(usize, Term)],
        guard: Term,
    ) -> bool {
        let mut dropped = false;
        let mut proof = Rests::default();
        for (i, holds) in open {
            if !self.active[*i] {
                continue;
            }
            let literals = Literals::new(self.execution, &self.active);
            let question = self.question(&literals, guard, *holds);
            let limits = part_of(self.options.limits, ALONE);
            let asked = Question::Inductive { candidates: 1 };
            let ask = || check_alone(solver, &question, limits);
            let outcome = (!self.is_late()).then(|| self.options.observer.waits(asked, ask));
            match outcome {
                Some(Outcome::Unsat { core }) => {
                    let own = literals.rests(&core);
                    self.rests[*i].extend(&own);
                    proof.extend(&own);
                }
                Some(Outcome::Sat(model)) => {
                    self.drop_false(open, &model);
                    self.active[*i] = false;
                    dropped = true;
                }
                Some(Outcome::Unknown(_)) | None => {
                    self.active[*i] = false;
                    dropped = true;
                }
            }
        }
        // It may rest on what was dropped after it was found: then the next pass looks again.
        self.proofs.insert(number, proof);
        dropped
    }

    fn open(&self, candidates: &[(usize, Term)]) -> Vec<(usize, Term)> {
        let is_open = |(i, holds): &(usize, Term)| self.active[*i] && !self.terms.is_true(*holds);
        candidates.iter().copied().filter(is_open).collect()
    }

    /// Whether the state can be reached in which `holds` is false.
    fn question(&self, literals: &Literals, guard: Term, holds: Term) -> Vec<Term> {
        let mut assumptions = literals.all();
        assumptions.push(guard);
        assumptions.push(self.terms.not(holds));
        assumptions
    }

    /// Drops what a model shows to be false; whether there was any.
    fn drop_false(&mut self, open: &[(usize, Term)], model: &Model) -> bool {
        let mut any = false;
        for (i, holds) in open {
            if self.active[*i] && model.value(self.terms, *holds).as_bool() == Some(false) {
                self.active[*i] = false;
                any = true;
            }
        }
        any
    }
}

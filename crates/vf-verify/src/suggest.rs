//! The loop invariants under which an open obligation would be proved.
//!
//! The clauses come from `engine::suggestions`. First they are tried out: those that some execution of few iterations
//! violates are no invariants. Of the rest, those that stay true by themselves are preferred. A small set is sought under which the obligation is proved, guided by the
//! solver's counterexamples to induction, and every member that it does not need is dropped. It is shown where it leaves
//! executions that get to the check. The set is a hint for a person, and nothing is proved from it: as an annotation, it is
//! checked like every other condition.

use std::time::{Duration, Instant};

use vf_smt::{Limits, Model, Outcome, Solver, Term, Terms};

use crate::engine::{CheckInstance, CheckKey, Event, Execution, LoopClause};
use crate::solve::{Literals, check_with_integers};

/// Z3's resource limit for one question.
const QUERY_LIMIT: u32 = 3_000_000;
/// Time for one question, where no resource limit is asked for.
const QUERY_MS: u32 = 400;
/// Questions for one obligation, at most.
const QUESTIONS: usize = 120;
/// Time for one obligation, and for trying clauses out, where no resource limit is asked for.
const TIME: Duration = Duration::from_millis(1500);
/// Clauses for one obligation, at most: more are no help to anybody.
const MEMBERS: usize = 6;

/// Clauses that exclude a violation of which it is asked whether they stay true, at most.
const ASKED_TO_LAST: usize = 16;

/// What a search may use.
struct Allowance {
    started: Instant,
    questions: usize,
    timed: bool,
}

impl Allowance {
    fn new(rlimit: Option<u32>) -> Allowance {
        Allowance {
            started: Instant::now(),
            questions: 0,
            timed: rlimit.is_none(),
        }
    }

    fn limits(rlimit: Option<u32>) -> Limits {
        Limits {
            rlimit: Some(rlimit.map_or(QUERY_LIMIT, |limit| limit.min(QUERY_LIMIT))),
            timeout_ms: rlimit.is_none().then_some(QUERY_MS),
        }
    }

    /// Takes one question; `None` when there is none left.
    fn take(&mut self) -> Option<()> {
        self.questions += 1;
        let late = self.timed && self.started.elapsed() > TIME;
        (self.questions <= QUESTIONS && !late).then_some(())
    }
}

/// Which clauses no execution violates, as far as an unrolled execution and a few questions tell.
pub fn plausible(execution: &Execution, terms: &Terms, clauses: usize, rlimit: Option<u32>) -> Vec<bool> {
    let mut alive = vec![true; clauses];
    let mut allowance = Allowance::new(rlimit);
    let mut solver = Solver::new(terms);
    solver.set_limits(Allowance::limits(rlimit));
    let mut events = execution.events.iter().peekable();
    while let Some(event) = events.next() {
        let Event::Probe { clause, guard, holds } = event else {
            if let Event::Fact(fact) = event {
                solver.assert(*fact);
            }
            continue;
        };
        let (mut here, at) = (vec![(*clause, *holds)], *guard);
        while let Some(Event::Probe { clause, guard, holds }) = events.peek()
            && *guard == at
        {
            here.push((*clause, *holds));
            events.next();
        }
        loop {
            here.retain(|(clause, _)| alive.get(*clause) == Some(&true));
            let all: Vec<Term> = here.iter().map(|(_, holds)| *holds).collect();
            let question = [at, terms.not(terms.all(&all))];
            if here.is_empty() || allowance.take().is_none() {
                break;
            }
            let Outcome::Sat(model) = solver.check(&question) else {
                break;
            };
            let mut any = false;
            for (clause, holds) in &here {
                if !is_true(&model, terms, *holds)
                    && let Some(slot) = alive.get_mut(*clause)
                {
                    *slot = false;
                    any = true;
                }
            }
            // Never: the model falsifies their conjunction.
            if !any {
                break;
            }
        }
    }
    alive
}

fn is_true(model: &Model, terms: &Terms, holds: Term) -> bool {
    model.value(terms, holds).as_bool() == Some(true)
}

/// Clauses, of those at `pool`, under which the obligation holds wherever it is reached, and is reached: positions in the
/// execution's clauses. `kept` are the candidates that are inductive.
pub fn sufficient_set(
    execution: &Execution,
    terms: &Terms,
    kept: &[usize],
    pool: &[usize],
    key: &CheckKey,
    rlimit: Option<u32>,
) -> Option<Vec<usize>> {
    let mut active = vec![false; execution.candidates.len()];
    for number in kept {
        *active.get_mut(*number)? = true;
    }
    let literals = Literals::new(execution, &active);
    let mut solver = Solver::new(terms);
    solver.set_limits(Allowance::limits(rlimit));
    let mut search = Search {
        terms,
        clauses: &execution.clauses,
        given: literals.all(),
        pool,
        limits: Allowance::limits(rlimit),
        allowance: Allowance::new(rlimit),
        chosen: Vec::new(),
    };
    // Whether a clause stays true is asked of whole iterations.
    let mut whole = Solver::new(terms);
    for event in &execution.events {
        if let Event::Fact(fact) = event {
            whole.assert(*fact);
        }
    }
    let mut reached = false;
    for event in &execution.events {
        match event {
            Event::Fact(fact) => solver.assert(*fact),
            Event::Undecided { key: of, .. } if of == key => return None,
            Event::Check(check) if check.key == *key => {
                search.exclude_violations(&mut solver, &mut whole, check)?;
                reached = reached || search.is_reached(&mut solver, check)?;
            }
            _ => {}
        }
    }
    (reached && !search.chosen.is_empty()).then_some(search.chosen)
}

struct Search<'s> {
    terms: &'s Terms,
    clauses: &'s [LoopClause],
    /// Literals of contracts and inductive candidates.
    given: Vec<Term>,
    pool: &'s [usize],
    limits: Limits,
    allowance: Allowance,
    chosen: Vec<usize>,
}

impl Search<'_> {
    fn holds(&self, number: usize) -> Option<Term> {
        self.clauses.get(number).map(|clause| clause.holds)
    }

    fn ask(&mut self, solver: &mut Solver<'_>, members: &[usize], more: &[Term]) -> Option<Outcome> {
        self.allowance.take()?;
        let mut question = self.given.clone();
        question.extend(members.iter().filter_map(|number| self.holds(*number)));
        question.extend(more);
        Some(check_with_integers(solver, &question, self.limits))
    }

    /// Adds clauses until nothing violates the check, then drops those that are not needed for that.
    fn exclude_violations(
        &mut self,
        solver: &mut Solver<'_>,
        whole: &mut Solver<'_>,
        check: &CheckInstance,
    ) -> Option<()> {
        let violation = [check.guard, self.terms.not(check.holds)];
        let before = self.chosen.len();
        loop {
            let members = self.chosen.clone();
            match self.ask(solver, &members, &violation)? {
                Outcome::Unsat { .. } => break,
                Outcome::Unknown(_) => return None,
                Outcome::Sat(model) => {
                    let next = self.excluding(whole, &model)?;
                    self.chosen.push(next);
                    // Some may turn out not to be needed, so a few more are tried than are shown.
                    if self.chosen.len() > 3 * MEMBERS {
                        return None;
                    }
                }
            }
        }
        // Later ones say more: what was added first is dropped first.
        let mut at = before;
        while at < self.chosen.len() {
            let mut fewer = self.chosen.clone();
            fewer.remove(at);
            match self.ask(solver, &fewer, &violation)? {
                Outcome::Unsat { .. } => self.chosen = fewer,
                _ => at += 1,
            }
        }
        (self.chosen.len() <= MEMBERS).then_some(())
    }

    /// A clause that is false of a violation: one that stays true, if there is one among the first.
    fn excluding(&mut self, whole: &mut Solver<'_>, violation: &Model) -> Option<usize> {
        let excludes = |number: &usize| {
            let holds = self.holds(*number);
            holds.is_some_and(|holds| !is_true(violation, self.terms, holds))
        };
        let excluding: Vec<usize> = self.pool.iter().copied().filter(excludes).collect();
        for number in excluding.iter().take(ASKED_TO_LAST) {
            let Some((guard, after)) = self.clauses.get(*number).and_then(|clause| clause.again) else {
                continue;
            };
            let mut members = self.chosen.clone();
            members.push(*number);
            let fails = self.terms.not(after);
            if let Outcome::Unsat { .. } = self.ask(whole, &members, &[guard, fails])? {
                return Some(*number);
            }
        }
        excluding.first().copied()
    }

    fn is_reached(&mut self, solver: &mut Solver<'_>, check: &CheckInstance) -> Option<bool> {
        let members = self.chosen.clone();
        let outcome = self.ask(solver, &members, &[check.guard, check.holds])?;
        Some(matches!(outcome, Outcome::Sat(_)))
    }
}

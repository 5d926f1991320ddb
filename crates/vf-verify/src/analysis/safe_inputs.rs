//! Inputs on which everything holds, from models of the whole execution.

use std::collections::BTreeSet;
use std::time::Instant;

use vf_ir::input::Input;
use vf_ir::{FunctionId, ObligationId};
use vf_smt::{Limits, Outcome, Solver, Stop, Terms};

use super::Context;
use super::violations::preferences;
use crate::counterexample;
use crate::engine::{self, CheckKey, Event, Memo, Mode};
use crate::solve::Literals;

/// Iterations of a loop that an input may need.
const BOUND: u32 = 4;
/// Questions asked of one function.
const QUESTIONS: usize = 24;
/// For one of them.
const QUESTION_MS: u32 = 150;
/// The same in z3's units of work, where results must repeat.
const QUESTION_WORK: u32 = 500_000;

impl Context<'_> {
    /// One input for each condition under which a check of the entry is reached, as far as time goes. They are as the solver has
    /// them: none was executed. `wanted`: only those that reach one of these checks.
    pub fn safe_inputs(
        &self,
        entry: FunctionId,
        wanted: Option<&dyn Fn(&CheckKey) -> bool>,
        deadline: Instant,
    ) -> Vec<Input> {
        let terms = Terms::new();
        let mut memo = Memo::default();
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let settings = self.settings(entry, Some(deadline), &skip, &Stop::new());
        let Ok(execution) = engine::execute(&settings, &terms, &mut memo, Mode::Unroll(BOUND)) else {
            return Vec::new();
        };
        let mut solver = Solver::new(&terms);
        solver.set_limits(Limits {
            rlimit: self.options.rlimit.map(|limit| limit.min(QUESTION_WORK)),
            timeout_ms: self.options.rlimit.is_none().then_some(QUESTION_MS),
        });
        let mut reached = Vec::new();
        let mut known = BTreeSet::new();
        for event in &execution.events {
            match event {
                Event::Fact(fact) => solver.assert(*fact),
                Event::Check(check) => {
                    solver.assert(terms.implies(check.guard, check.holds));
                    // Of what lies inside one another, the last is asked first: its input comes to the others too.
                    if wanted.is_none_or(|wanted| wanted(&check.key)) && known.insert(check.guard) {
                        reached.push(check.guard);
                    }
                }
                Event::Undecided { guard, .. }
                | Event::NotFollowed { guard, .. }
                | Event::Unwound { guard, .. } => {
                    solver.assert(terms.not(*guard));
                }
                Event::Establish { .. } | Event::Probe { .. } => {}
            }
        }
        let small = preferences(&execution, &terms);
        let literals = Literals::new(&execution, &vec![false; execution.candidates.len()]).all();
        let name = &self.program.function(entry).name;
        let mut found: Vec<Input> = Vec::new();
        if wanted.is_none() {
            reached.push(terms.bool(true));
        }
        for guard in reached.iter().rev().take(QUESTIONS) {
            for preference in small.iter().map(Some).chain([None]) {
                if Instant::now() > deadline {
                    return found;
                }
                let mut assumptions = literals.clone();
                assumptions.push(*guard);
                assumptions.extend(preference);
                if let Outcome::Sat(model) = solver.check(&assumptions) {
                    let model = model.assignment();
                    let input = counterexample::input_of(self.program, name, &execution, &terms, model);
                    if !found.contains(&input) {
                        found.push(input);
                    }
                    break;
                }
            }
        }
        found
    }
}

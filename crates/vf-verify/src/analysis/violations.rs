//! From a violation that the solver has to a counterexample that was executed.

use vf_ir::FunctionId;
use vf_smt::{Term, Terms};

use super::Context;
use crate::confirm::{self, Confirmation};
use crate::engine::{CheckKey, Execution, Object};
use crate::minimise::{self, Confirmed, Origin};
use crate::report::Counterexample;
use crate::solve::Violation;
use crate::{Reason, counterexample};

/// What became of a violation.
pub enum Judgement {
    /// An execution showed it.
    Refuted(Box<Counterexample>),
    /// None did; why not, where that is known.
    NotConfirmed(Option<Reason>),
}

impl Context<'_> {
    /// Runs the inputs of a violation's models until one shows the violation.
    pub(super) fn judge(
        &self,
        entry: FunctionId,
        (execution, terms): (&Execution, &Terms),
        key: &CheckKey,
        violation: &Violation,
    ) -> Judgement {
        let mut reason = None;
        for model in &violation.models {
            let model = model.assignment();
            let asked = (key, confirm::STEPS);
            let input = confirm::input_of(self, entry, (execution, terms), model, asked);
            match confirm::confirm(self, &input, key, confirm::STEPS) {
                Confirmation::Seen(run) => {
                    let origin = Origin {
                        context: self,
                        entry,
                        execution,
                        terms,
                        model,
                        key,
                    };
                    let mut found = minimise::counterexample(&origin, Confirmed { input, run });
                    // The violation does not depend on what was made up; it is not shown.
                    if let Some([plain, _]) = counterexample::without_invented(self.program, &found.input) {
                        found.input = plain;
                    }
                    return Judgement::Refuted(Box::new(found));
                }
                // The first model is the one with small numbers: what became of it says most.
                Confirmation::NotSeen(why) => {
                    reason.get_or_insert(Reason::NotConfirmed { why });
                }
            }
        }
        Judgement::NotConfirmed(reason)
    }
}

/// Small numbers make counterexamples that can be read and run: small arguments and objects, or small objects at
/// least, or objects that fit into a run.
pub(super) fn preferences(execution: &Execution, terms: &Terms) -> Vec<Term> {
    /// Largest arguments and objects.
    const SMALL: [(u128, u128); 3] = [(0, 16), (2, 16), (16, 64)];
    const PAGE: u128 = 4096;
    /// Of which a run still holds many.
    const LARGE: u128 = 1 << 18;
    let open = execution
        .objects
        .values()
        .filter(|o| terms.as_bv(o.size).is_none());
    let (inputs, others): (Vec<&Object>, Vec<&Object>) = open.partition(|o| o.input);
    let sizes: Vec<Term> = inputs.iter().map(|o| o.size).collect();
    let all_sizes: Vec<Term> = inputs.iter().chain(&others).map(|o| o.size).collect();
    let below = |values: &[Term], limit: u128| {
        let each = values.iter().map(|v| (terms.width(*v), *v));
        let each: Vec<Term> = each
            .filter(|(width, _)| *width >= 16)
            .map(|(width, value)| terms.ule(value, terms.bv(width, limit)))
            .collect();
        terms.all(&each)
    };
    let numbers: Vec<Term> = execution
        .arguments
        .iter()
        .filter_map(|(_, value)| value.bits())
        .collect();
    let small = |(number, size)| terms.and(below(&numbers, number), below(&sizes, size));
    let mut found: Vec<Term> = SMALL.into_iter().map(small).collect();
    found.push(below(&sizes, PAGE));
    // A record may be larger than a page by itself, and what is allocated may depend on numbers in memory.
    found.push(below(&all_sizes, LARGE));
    found.push(below(&sizes, LARGE));
    found.retain(|preference| !terms.is_true(*preference));
    found
}

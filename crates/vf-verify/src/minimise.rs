//! From a confirmed input to one that is easier to read: small values, few rounds of loops.
//!
//! Each number that the violation depends on is tried at 0, 1, -1 and 2, and then halved towards them. A try
//! counts when every fact that held in the solver's model still holds (so that no contract is broken), and the
//! interpreter sees the same violation. Work is counted, not timed, so that results repeat; it stays at about
//! 50 ms.

use vf_ir::FunctionId;
use vf_ir::input::{ChoiceKind, Input, InputValue};
use vf_ir::interp::Run;
use vf_smt::{Assignment, Term, Terms, Value as Constant, View};

use crate::analysis::Context;
use crate::confirm::{self, Confirmation};
use crate::counterexample;
use crate::engine::{CheckKey, ChoiceTerm, Event, Execution, ObjectKey, Value};
use crate::explain::Explanation;
use crate::inputs::Part;
use crate::report::Counterexample;

/// Steps of the interpreter, over all tries.
const STEPS: u64 = 400_000;
/// Terms evaluated, over all tries.
const TERMS: usize = 400_000;
/// Inputs tried.
const TRIES: u32 = 300;

/// An input with the run that confirms it.
pub struct Confirmed {
    pub input: Input,
    pub run: Box<Run>,
}

/// What a violation was found in.
pub struct Origin<'a> {
    pub context: &'a Context<'a>,
    pub entry: FunctionId,
    pub execution: &'a Execution,
    pub terms: &'a Terms,
    pub model: &'a Assignment,
    pub key: &'a CheckKey,
}

struct Search<'a> {
    origin: &'a Origin<'a>,
    /// Facts that held in the model, and that must go on holding.
    facts: Vec<Term>,
    cost: usize,
    terms_left: usize,
    steps_left: u64,
    tries_left: u32,
}

/// The counterexample that a confirmed input leads to, with small values where some are found.
pub fn counterexample(origin: &Origin<'_>, found: Confirmed) -> Counterexample {
    let Origin { context, key, .. } = origin;
    let mut explanation = confirm::explain(context, &found.input, key);
    let mut found = found;
    if let Some(first) = &explanation {
        let before = found.input.clone();
        found = minimise(origin, first, found);
        if found.input != before {
            explanation = confirm::explain(context, &found.input, key);
        }
    }
    confirm::describe(context, found.input, &found.run, explanation, key)
}

/// A smaller input with the same violation, where one is found.
fn minimise(origin: &Origin<'_>, explanation: &Explanation, found: Confirmed) -> Confirmed {
    let mut search = Search::new(origin);
    let program = origin.context.program;
    let mut found = found;
    let mut assignment = origin.model.clone();
    for (variable, part) in variables(origin) {
        if explanation.needs(program, &part) {
            search.shrink_variable(variable, &mut assignment, &mut found);
        }
    }
    // What calls outside return is bound by no contract: the interpreter alone judges.
    for number in 0..found.input.choices.len() {
        if explanation.needs(program, &Part::Choice(number)) {
            search.shrink_choice(number, &mut found);
        }
    }
    found
}

impl<'a> Search<'a> {
    fn new(origin: &'a Origin<'a>) -> Self {
        let (terms, events) = (origin.terms, &origin.execution.events);
        let last = events.iter().rposition(|event| match event {
            Event::Check(check) => check.key == *origin.key,
            _ => false,
        });
        let before = events.iter().take(last.unwrap_or(events.len()));
        let all: Vec<Term> = before
            .filter_map(|event| match event {
                Event::Fact(fact) => Some(*fact),
                _ => None,
            })
            .collect();
        let cost = terms.reachable(&all).len().max(1);
        let facts = if cost > TERMS {
            Vec::new()
        } else {
            let holds = terms.eval_many(&all, origin.model);
            let held = all.iter().zip(holds).filter(|(_, v)| v.as_bool() == Some(true));
            held.map(|(fact, _)| *fact).collect()
        };
        Search {
            origin,
            facts,
            cost,
            terms_left: TERMS,
            steps_left: STEPS,
            tries_left: TRIES,
        }
    }

    /// Runs an input, if there is budget for it.
    fn run(&mut self, input: &Input, missing: usize) -> Option<Box<Run>> {
        self.tries_left = self.tries_left.checked_sub(1)?;
        if self.steps_left == 0 {
            return None;
        }
        let seen = confirm::confirm(self.origin.context, input, self.origin.key, self.steps_left);
        match seen {
            Confirmation::Seen(run) => {
                self.steps_left = self.steps_left.saturating_sub(run.steps);
                (run.choices_missing <= missing).then_some(run)
            }
            Confirmation::NotSeen(_) => {
                // Not known, and at most about what the last one took.
                self.steps_left = self.steps_left.saturating_sub(1000);
                None
            }
        }
    }

    fn shrink_variable(&mut self, variable: Term, assignment: &mut Assignment, found: &mut Confirmed) {
        let Constant::Bits { bits, value } = self.origin.terms.eval(variable, assignment) else {
            return;
        };
        shrink(bits, value, |smaller| {
            let mut changed = assignment.clone();
            changed.set(variable, Constant::Bits { bits, value: smaller });
            let Some(confirmed) = self.try_assignment(&changed, found.run.choices_missing) else {
                return false;
            };
            *assignment = changed;
            *found = confirmed;
            true
        });
    }

    fn try_assignment(&mut self, assignment: &Assignment, missing: usize) -> Option<Confirmed> {
        self.terms_left = self.terms_left.checked_sub(self.cost)?;
        let Origin {
            context,
            entry,
            execution,
            terms,
            ..
        } = self.origin;
        let facts = terms.eval_many(&self.facts, assignment);
        if facts.iter().any(|fact| fact.as_bool() != Some(true)) {
            return None;
        }
        let asked = (self.origin.key, self.steps_left);
        let input = confirm::input_of(context, *entry, (execution, terms), assignment, asked);
        let run = self.run(&input, missing)?;
        Some(Confirmed { input, run })
    }

    fn shrink_choice(&mut self, number: usize, found: &mut Confirmed) {
        let Some(ChoiceKind::Value(InputValue::Int { bits, value })) =
            found.input.choices.get(number).map(|c| c.kind.clone())
        else {
            return;
        };
        shrink(bits, value, |smaller| {
            let mut input = found.input.clone();
            if let Some(choice) = input.choices.get_mut(number) {
                choice.kind = ChoiceKind::Value(InputValue::Int { bits, value: smaller });
            }
            let Some(run) = self.run(&input, found.run.choices_missing) else {
                return false;
            };
            *found = Confirmed { input, run };
            true
        });
    }
}

/// Looks for the number closest to zero that `works`, on the side where `value` is: exactly where everything
/// beyond some number works, otherwise some smaller one.
fn shrink(bits: u32, value: u128, mut works: impl FnMut(u128) -> bool) {
    let mask = u128::MAX >> (128 - bits.clamp(1, 128));
    let negative = bits > 1 && value >> (bits - 1) & 1 == 1;
    let size = if negative {
        value.wrapping_neg() & mask
    } else {
        value
    };
    let signed = |size: u128| {
        if negative {
            size.wrapping_neg() & mask
        } else {
            size
        }
    };
    let first = [0, 1, mask, 2];
    for candidate in first {
        if candidate == value {
            return;
        }
        if works(candidate) {
            return;
        }
    }
    let (mut fails, mut holds) = (if negative { 1 } else { 2 }, size);
    while holds > fails && holds - fails > 1 {
        let middle = fails + (holds - fails) / 2;
        if works(signed(middle)) {
            holds = middle;
        } else {
            fails = middle;
        }
    }
}

/// The numbers of the input that are variables of the solver, with what they are.
fn variables(origin: &Origin<'_>) -> Vec<(Term, Part)> {
    let Origin { execution, terms, .. } = origin;
    let is_variable = |term: &Term| matches!(terms.view(*term), View::Var { .. });
    let mut found = Vec::new();
    for (number, (_, value)) in execution.arguments.iter().enumerate() {
        if let Value::Bits(term) = value {
            found.push((*term, Part::Argument(number)));
        }
    }
    let mut taken = 0;
    for choice in &execution.choices {
        if terms.eval(choice.guard, origin.model).as_bool() != Some(true) {
            continue;
        }
        if let ChoiceTerm::Value(Value::Bits(term), _) = &choice.kind {
            found.push((*term, Part::Choice(taken)));
        }
        taken += 1;
    }
    for array in counterexample::arrays_of(execution, terms) {
        let cells = array.cells.iter();
        found
            .extend(cells.map(|(at, variable)| (*variable, array.part(*at, at.saturating_add(array.width)))));
    }
    // Sizes last: they follow what they have to hold.
    let objects = execution.objects.values();
    let before = objects.filter(|o| o.input && !matches!(o.key, ObjectKey::Global(_)));
    for (number, object) in before.enumerate() {
        found.push((object.size, Part::Size(number)));
    }
    found.retain(|(term, _)| is_variable(term));
    found
}

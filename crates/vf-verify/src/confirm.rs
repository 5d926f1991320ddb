//! Confirmation: does executing the input show the violation that the solver's model promises?
//!
//! The IR interpreter runs it, exactly. It shares the IR with the prover but none of the prover's reasoning,
//! so what it sees is a violation whatever the prover thought.

use std::collections::BTreeMap;

use vf_ir::input::{Input, InputPointer, InputValue};
use vf_ir::interp::{self, Effect, Limits, Outcome, Run, Value};
use vf_ir::{Condition, FunctionId, LocalId, ObligationId, Property};
use vf_smt::{Assignment, Terms};

use crate::analysis::Context;
use crate::counterexample;
use crate::engine::{CheckKey, Execution};
use crate::explain::{self, Explanation};
use crate::inputs::{self, Part, Shown, integer};
use crate::report::{Counterexample, Replay, TraceStep};

/// Steps that a confirming run may take.
pub const STEPS: u64 = 4_000_000;

pub enum Confirmation {
    Seen(Box<Run>),
    NotSeen(String),
}

/// Which checks a run passes over: those that are no obligations, and uninitialised reads, which go on with any
/// value. Only the one that is asked about stops the run.
fn passes_over<'a>(
    context: &'a Context<'_>,
    key: &'a CheckKey,
) -> impl Fn(FunctionId, ObligationId) -> bool + 'a {
    move |function, obligation| {
        if context.skips(function, obligation) {
            return true;
        }
        let asked = function == key.inner && obligation == key.obligation;
        !asked
            && context
                .program
                .function(function)
                .obligations
                .get(obligation.index())
                .is_some_and(|o| o.property == Property::Initialized)
    }
}

/// Runs the input. What it leaves open, pointers in it that were not followed, must not matter: the violation is seen
/// whether they are null, lead nowhere, or to memory.
pub fn confirm(context: &Context<'_>, input: &Input, key: &CheckKey, steps: u64) -> Confirmation {
    let found = run_once(context, input, key, steps);
    let Some(others) = counterexample::without_invented(context.program, input) else {
        return found;
    };
    // Where it is the same violation, it takes about as long to get there.
    let enough = match &found {
        Confirmation::Seen(run) => run.steps.saturating_mul(2).saturating_add(1000).min(steps),
        Confirmation::NotSeen(_) => steps,
    };
    let seen = |input: &Input| matches!(run_once(context, input, key, enough), Confirmation::Seen(_));
    let [null, memory] = &others;
    match found {
        Confirmation::Seen(run) if seen(null) && seen(memory) => Confirmation::Seen(run),
        Confirmation::NotSeen(why) if !seen(null) => Confirmation::NotSeen(why),
        _ => Confirmation::NotSeen("it depends on a pointer of the input that was not followed".into()),
    }
}

/// The input that a model describes; where it says nothing of a pointer, no violation rests on null that the usual reading does not
/// have there.
pub fn input_of(
    context: &Context<'_>,
    entry: FunctionId,
    (execution, terms): (&Execution, &Terms),
    model: &Assignment,
    (key, steps): (&CheckKey, u64),
) -> Input {
    /// What comes to light behind other pointers is read by the next run.
    const RUNS: u32 = 8;
    let name = &context.program.function(entry).name;
    let mut input = counterexample::input_of(context.program, name, execution, terms, model);
    for _ in 0..RUNS {
        if !counterexample::may_leave_out_pointers(execution, &input) {
            break;
        }
        let ignore = passes_over(context, key);
        let limits = Limits {
            ignore: Some(&ignore),
            steps,
            ..Limits::default()
        };
        let run = interp::run(context.program, &input, &limits);
        match counterexample::with_unled(context.program, execution, &input, &run.unled) {
            Some(completed) => input = completed,
            None => break,
        }
    }
    input
}

fn run_once(context: &Context<'_>, input: &Input, key: &CheckKey, steps: u64) -> Confirmation {
    let ignore = passes_over(context, key);
    let limits = Limits {
        ignore: Some(&ignore),
        steps,
        ..Limits::default()
    };
    let run = interp::run(context.program, input, &limits);
    match &run.outcome {
        Outcome::Violated {
            function,
            obligation,
            call_stack,
        } => {
            let same = *function == key.inner
                && *obligation == key.obligation
                && call_stack.iter().any(|site| site.function == key.function);
            if same {
                return Confirmation::Seen(Box::new(run));
            }
            let other = context.program.function(*function);
            let text = other
                .obligations
                .get(obligation.index())
                .map(|o| o.text.clone())
                .unwrap_or_default();
            Confirmation::NotSeen(format!("the input violates `{text}` first"))
        }
        Outcome::Returned { .. } => {
            if run.choices_missing > 0 {
                Confirmation::NotSeen(
                    "the function returned; it depends on what a call outside its view does".into(),
                )
            } else {
                Confirmation::NotSeen("the function returned without a violation".into())
            }
        }
        Outcome::AssumptionFailed => Confirmation::NotSeen("the input breaks an assumption".into()),
        Outcome::Unreachable => Confirmation::NotSeen("the run ended in a call that does not return".into()),
        Outcome::Stuck(why) => Confirmation::NotSeen(why.to_string()),
    }
}

/// What the violation depends on; `None` when the run is too long to tell.
pub fn explain(context: &Context<'_>, input: &Input, key: &CheckKey) -> Option<Explanation> {
    let ignore = passes_over(context, key);
    let limits = Limits {
        ignore: Some(&ignore),
        steps: STEPS,
        ..Limits::default()
    };
    let text = violation_text(context, key);
    explain::explain(context, input, &limits, (context.place(key), &text))
}

/// The counterexample that a confirmed input is.
pub fn describe(
    context: &Context<'_>,
    input: Input,
    run: &Run,
    explanation: Option<Explanation>,
    key: &CheckKey,
) -> Counterexample {
    let parts = inputs::inputs_of(context.program, &input);
    let matters = |shown: &&Shown| {
        let plain_pointer = match shown.part {
            Part::Argument(number) => matches!(
                input.arguments.get(number),
                Some(InputValue::Pointer(InputPointer::Object { offset: 0, .. }))
            ),
            _ => false,
        };
        let needed = |e: &Explanation| e.needs(context.program, &shown.part);
        !plain_pointer && explanation.as_ref().is_none_or(needed)
    };
    let relevant = parts.iter().filter(matters).map(|s| s.name.clone()).collect();
    let mut inputs: BTreeMap<String, String> = parts.into_iter().map(|s| (s.name, s.value)).collect();
    for (name, value) in locals_at_the_end(context, &input, run) {
        inputs.entry(name).or_insert(value);
    }
    let executed_lines = explanation.as_ref().map_or(0, |e| e.executed_lines);
    let (slice, trace) = match explanation {
        Some(explanation) => (explanation.slice, explanation.trace),
        None => {
            let violation = TraceStep {
                location: context.location(context.place(key)),
                event: violation_text(context, key),
            };
            (Vec::new(), vec![violation])
        }
    };
    Counterexample {
        inputs,
        relevant,
        slice,
        executed_lines,
        trace,
        replay: Replay::Confirmed,
        input,
    }
}

/// Locals of the entry at the violation: what the failing expression is made of.
fn locals_at_the_end(context: &Context<'_>, input: &Input, run: &Run) -> BTreeMap<String, String> {
    let mut last: BTreeMap<LocalId, Value> = BTreeMap::new();
    let Some(entry) = context.program.function_named(&input.function) else {
        return BTreeMap::new();
    };
    for step in run.trace.iter().filter(|s| s.function == entry) {
        if let Effect::Assigned(local, value) = &step.effect {
            last.insert(*local, *value);
        }
    }
    let function = context.program.function(entry);
    let mut named = BTreeMap::new();
    for (local, value) in last {
        let Some(info) = function.locals.get(local.index()).filter(|l| l.user) else {
            continue;
        };
        let text = match value {
            Value::Int { bits, value } => integer(value, bits, info.ty.is_signed()),
            Value::Pointer(_) => "a pointer".into(),
            Value::Float { .. } => "some float".into(),
        };
        named.entry(info.name.clone()).or_insert(text);
    }
    named
}

fn violation_text(context: &Context<'_>, key: &CheckKey) -> String {
    let Some(obligation) = context
        .program
        .function(key.inner)
        .obligations
        .get(key.obligation.index())
    else {
        return "violation".into();
    };
    // Of a check inside a library model, the call of it says more.
    let call = (!key.via.is_empty())
        .then(|| context.sources.text(context.place(key)))
        .flatten();
    let text = call.unwrap_or(&obligation.text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match (&obligation.property, &obligation.condition) {
        (Property::IndexUpperBound, _) => format!("`{text}`: the index is not below the length"),
        (Property::IndexLowerBound, _) => format!("`{text}`: the index is negative"),
        (Property::ValidRead, Condition::Terminated { .. }) => {
            format!("`{text}`: the string has no terminator")
        }
        (Property::ValidRead, _) => format!("`{text}`: reads outside the object"),
        (Property::ValidWrite, _) => format!("`{text}`: writes outside the object"),
        (Property::NotNull, _) => format!("`{text}`: the pointer is null"),
        (Property::SignedOverflow, _) => format!("`{text}`: the result does not fit its signed type"),
        (Property::UnsignedWrap, _) => format!("`{text}`: the result wraps around"),
        (Property::LossyConversion, _) => format!("`{text}`: the conversion changes the value"),
        (Property::ShiftInRange, _) => format!("`{text}`: the shift count is out of range"),
        (Property::DivisorNonzero, _) => format!("`{text}`: the divisor is zero"),
        (Property::AllocationSize, _) => format!("`{text}`: the size is too large"),
        (Property::Initialized, _) => format!("`{text}`: read before it was written"),
        (Property::Lifetime, _) => format!("`{text}`: the object's life has ended"),
        (Property::Precondition, _) if context.program.function(key.inner).is_contract(key.obligation) => {
            format!("`{text}`: the call breaks `requires {}`", obligation.text)
        }
        (Property::Precondition, _) => format!("`{text}`: the precondition does not hold"),
        (Property::Assertion, _) => format!("`{text}`: the assertion fails"),
        (Property::MemoryLeak, _) => format!("`{text}`: memory was allocated and not freed"),
        (Property::UnreachableCode, _) => format!("`{text}`: reached"),
    }
}

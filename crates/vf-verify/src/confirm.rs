//! Confirmation: does executing the input show the violation that the solver's model promises?
//!
//! The IR interpreter runs it, exactly. It shares the IR with the prover but none of the prover's reasoning,
//! so what it sees is a violation whatever the prover thought.

use std::collections::BTreeMap;

use vf_ir::cfg;
use vf_ir::input::Input;
use vf_ir::interp::{self, Effect, Limits, Outcome, Run, Value};
use vf_ir::{Condition, FunctionId, LocalId, ObligationId, Property};

use crate::analysis::Context;
use crate::engine::CheckKey;
use crate::inputs;
use crate::report::{Counterexample, Replay, TraceStep};

/// Steps of a trace that are shown.
const TRACE: usize = 80;

pub enum Confirmation {
    Seen(Box<Counterexample>),
    NotSeen(String),
}

pub fn confirm(context: &Context<'_>, input: &Input, key: &CheckKey) -> Confirmation {
    // An uninitialised read goes on with any value: only the one that is asked about stops the run.
    let ignore = |function: FunctionId, obligation: ObligationId| {
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
    };
    let limits = Limits {
        ignore: Some(&ignore),
        steps: 4_000_000,
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
                return Confirmation::Seen(Box::new(describe(context, input, &run, key)));
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

fn describe(context: &Context<'_>, input: &Input, run: &Run, key: &CheckKey) -> Counterexample {
    let program = context.program;
    let mut inputs = inputs::inputs_of(program, input);
    let mut trace: Vec<TraceStep> = Vec::new();
    let mut locals: BTreeMap<(FunctionId, LocalId), String> = BTreeMap::new();
    for step in &run.trace {
        let function = program.function(step.function);
        if function.library_model {
            continue;
        }
        let event = match &step.effect {
            Effect::Assigned(local, value) => {
                let Some(info) = function.locals.get(local.index()).filter(|l| l.user) else {
                    continue;
                };
                let text = value_text(*value, info.ty.is_signed());
                locals.insert((step.function, *local), text.clone());
                format!("{} = {text}", info.name)
            }
            Effect::WentTo(target) => {
                let Some(block) = function.blocks().get(step.block.index()) else {
                    continue;
                };
                let edges = cfg::terminator_targets(&block.terminator);
                let kind = edges.iter().find(|(to, _)| to == target).map(|(_, kind)| *kind);
                let taken = match kind {
                    Some(cfg::EdgeKind::Then) => "true",
                    Some(cfg::EdgeKind::Otherwise) => "false",
                    _ => continue,
                };
                let Some(text) = context.sources.text(step.span).filter(|t| t.len() <= 120) else {
                    continue;
                };
                format!(
                    "{} is {taken}",
                    text.split_whitespace().collect::<Vec<_>>().join(" ")
                )
            }
            _ => continue,
        };
        let location = context.location(step.span);
        if location.line == 0 {
            continue;
        }
        if trace
            .last()
            .is_some_and(|last| last.event == event && last.location == location)
        {
            continue;
        }
        trace.push(TraceStep { location, event });
    }
    // Locals of the entry at the violation: what the failing expression is made of.
    for ((function, local), text) in &locals {
        if program.function(*function).name == input.function
            && let Some(info) = program.function(*function).locals.get(local.index())
        {
            inputs.entry(info.name.clone()).or_insert_with(|| text.clone());
        }
    }
    if trace.len() > TRACE {
        trace.drain(..trace.len() - TRACE);
    }
    trace.push(TraceStep {
        location: context.location(context.place(key)),
        event: violation_text(context, key),
    });
    Counterexample {
        inputs,
        trace,
        replay: Replay::Confirmed,
        input: input.clone(),
    }
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
    let text = &obligation.text;
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
        (Property::Precondition, _) => format!("`{text}`: the precondition does not hold"),
        (Property::Assertion, _) => format!("`{text}`: the assertion fails"),
        (Property::MemoryLeak, _) => format!("`{text}`: memory was allocated and not freed"),
        (Property::UnreachableCode, _) => format!("`{text}`: reached"),
    }
}

fn value_text(value: Value, signed: bool) -> String {
    match value {
        Value::Int { bits, value } => inputs::integer(value, bits, signed),
        Value::Pointer(_) => "a pointer".into(),
        other => format!("{other:?}"),
    }
}

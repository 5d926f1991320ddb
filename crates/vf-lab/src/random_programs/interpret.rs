//! Running a program in the IR interpreter, violation by violation.

use std::collections::BTreeSet;
use std::fmt;

use vf_frontend::Loaded;
use vf_ir::input::Input;
use vf_ir::interp::{Limits, Outcome, Step, Value, run};
use vf_ir::{FunctionId, ObligationId, Program, Property, StmtKind};
use vf_source::Span;
use vf_verify::report::{CheckReport, ObligationReport};

/// Uninitialised reads of one run that are told apart; all further ones are passed over.
const PASSED: usize = 12;
/// Steps of a run on a random input.
const STEPS: u64 = 400_000;
/// Steps of a run of a counterexample: what the prover confirmed it in at most.
const STEPS_OF_COUNTEREXAMPLE: u64 = vf_verify::CONFIRMATION_STEPS;
/// Steps of a run that are looked through for the checks that were made: the last ones.
const TRACE: usize = 20_000;

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub property: Property,
    /// Place of the obligation; of the call, for one inside a library model.
    pub line: u32,
    column: u32,
}

impl Violation {
    /// Whether the report's obligation is the one violated, as far as its place and property tell.
    pub fn is(&self, obligation: &ObligationReport) -> bool {
        obligation.location.line == self.line
            && obligation.location.column == self.column
            && obligation.property == self.property.name()
    }
}

/// A check that was made: property, line, column.
pub type Place = (Property, u32, u32);

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    Returned(i32),
    /// With the last of the violations.
    Violated,
    /// A limit of the interpreter, or an assumption that does not hold.
    Limit(String),
}

/// One run: the uninitialised reads, over which execution goes on, and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpretation {
    pub violations: Vec<Violation>,
    /// Checks in the program's own text that execution came to, the violated ones included.
    pub reached: BTreeSet<Place>,
    pub end: Seen,
}

impl fmt::Display for Interpretation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            write!(
                f,
                "violates {} at line {}; ",
                violation.property.name(),
                violation.line
            )?;
        }
        match &self.end {
            Seen::Returned(value) => write!(f, "returns {value}"),
            Seen::Violated => f.write_str("stops"),
            Seen::Limit(why) => write!(f, "gives up: {why}"),
        }
    }
}

/// Runs `main` on the input. Wraps and conversions that C defines count where the report has them as obligations.
/// With an obligation that is asked about, all uninitialised reads but its own are passed over in silence.
pub fn interpret(
    loaded: &Loaded,
    report: &CheckReport,
    input: &Input,
    asked: Option<&ObligationReport>,
) -> Interpretation {
    let program = &loaded.program;
    let mut passed: BTreeSet<(FunctionId, ObligationId)> = BTreeSet::new();
    let mut violations = Vec::new();
    let mut reached = BTreeSet::new();
    let (end, violations) = loop {
        let ignore = |function: FunctionId, id: ObligationId| {
            let place = read_at(program, function, id);
            let unasked = asked.is_some_and(|o| place.as_ref().is_some_and(|p| !p.is(o)));
            let further = passed.len() >= PASSED && place.is_some();
            unasked
                || further
                || passed.contains(&(function, id))
                || is_no_obligation(loaded, report, function, id)
        };
        let limits = Limits {
            trace: TRACE,
            steps: if asked.is_some() {
                STEPS_OF_COUNTEREXAMPLE
            } else {
                STEPS
            },
            ignore: Some(&ignore),
            ..Limits::default()
        };
        let run = run(program, input, &limits);
        reached.extend(run.trace.iter().filter_map(|step| check_of(program, step)));
        let end = match run.outcome {
            Outcome::Returned {
                value: Some(Value::Int { value, .. }),
            } => Seen::Returned(value as u32 as i32),
            Outcome::Violated {
                function,
                obligation,
                call_stack,
            } => {
                let Some(found) = program.function(function).obligations.get(obligation.index()) else {
                    break (Seen::Limit("no such obligation".into()), violations);
                };
                // What a library model asks for is asked at its call, the innermost one in the program's own text.
                let in_model = program.function(function).library_model;
                let call = call_stack
                    .iter()
                    .rev()
                    .find(|site| !program.function(site.function).library_model)
                    .map(|site| site.span);
                let place = if in_model {
                    call.unwrap_or(found.span)
                } else {
                    found.span
                };
                violations.push(at(found.property, place));
                if found.property == Property::Initialized {
                    passed.insert((function, obligation));
                    continue;
                }
                Seen::Violated
            }
            other => Seen::Limit(format!("{other:?}")),
        };
        break (end, violations);
    };
    Interpretation {
        violations,
        reached,
        end,
    }
}

/// The check that a step made, if it made one in the program's own text.
fn check_of(program: &Program, step: &Step) -> Option<Place> {
    let function = program.function(step.function);
    let block = function.blocks().get(step.block.index())?;
    let StmtKind::Check(id) = &block.statements.get(step.statement?)?.kind else {
        return None;
    };
    let obligation = function
        .obligations
        .get(id.index())
        .filter(|_| !function.library_model)?;
    Some((
        obligation.property,
        obligation.span.start.line,
        obligation.span.start.column,
    ))
}

/// The place of an obligation that memory or a register was written; `None` for others.
fn read_at(program: &Program, function: FunctionId, id: ObligationId) -> Option<Violation> {
    let function = program.function(function);
    let obligation = function.obligations.get(id.index())?;
    let read = obligation.property == Property::Initialized && !function.library_model;
    read.then(|| at(obligation.property, obligation.span))
}

fn at(property: Property, span: Span) -> Violation {
    Violation {
        property,
        line: span.start.line,
        column: span.start.column,
    }
}

/// A wrap or a lost bit that C defines and that was not asked about.
fn is_no_obligation(loaded: &Loaded, report: &CheckReport, function: FunctionId, id: ObligationId) -> bool {
    let function = loaded.program.function(function);
    let Some(obligation) = function.obligations.get(id.index()) else {
        return false;
    };
    if !matches!(
        obligation.property,
        Property::UnsignedWrap | Property::LossyConversion
    ) {
        return false;
    }
    let place = at(obligation.property, obligation.span);
    let reported = report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .any(|o| place.is(o));
    function.library_model || !reported
}

//! One harness on two versions of the source: does it fail before a change and pass after it?

use vf_ir::Program;
use vf_ir::input::Input;

use crate::ReplayError;
use crate::build::{compile, find_compiler, has_strict_bounds};
use crate::harness::{self, Build, Harness, Purpose, SourceText};
use crate::replay::{Execution, Target, canonical, ended, is_witness, run, scratch_folder};
use crate::sandbox::{Limits, Sandbox};
use crate::sanitizer::Finding;

/// One version of the code.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    pub program: &'a Program,
    pub source: &'a SourceText,
}

/// A counterexample of the version before a change.
#[derive(Clone, Copy, Debug)]
pub struct PairRequest<'a> {
    pub before: Version<'a>,
    pub after: Version<'a>,
    pub input: &'a Input,
    /// What is violated before, in places of that version.
    pub target: &'a Target,
    pub build: &'a Build,
    pub limits: Limits,
}

/// What one version did on the input.
#[derive(Debug)]
pub enum Ran {
    /// A sanitizer saw the violation that was promised.
    Fails(Finding),
    /// Sanitizers saw something, but not that.
    FailsOtherwise(Finding),
    /// The function returned and no sanitizer reported anything.
    Passes,
    /// Neither: how the run ended, in words.
    Ended(String),
    /// Why not, in words.
    NotRun(String),
}

/// The harness, which is one file beside the source, and what became of it.
#[derive(Debug)]
pub struct Pair {
    pub harness: Harness,
    pub before: Ran,
    pub after: Ran,
}

/// Makes the harness and runs it on both versions, in the sandbox.
///
/// # Errors
/// When there can be no harness. That it does not compile or cannot be run is an outcome.
pub fn reproduce(request: &PairRequest<'_>) -> Result<Pair, ReplayError> {
    let mut build = request.build.clone();
    let sandbox = Sandbox::probe();
    let mut strict = false;
    if let (Ok(sandbox), Ok(compiler)) = (&sandbox, find_compiler(&build.compiler)) {
        build.compiler = compiler;
        let folder = scratch_folder()?;
        strict = has_strict_bounds(sandbox, &build.compiler, folder.path());
    }
    let (before, after) = (request.before, request.after);
    let mut harness = harness::write_for(
        &[before.program, after.program],
        request.input,
        std::slice::from_ref(before.source),
        &build,
        strict,
        Purpose::Violation,
    )?
    .into_single();
    let sandbox = match sandbox {
        Ok(sandbox) => sandbox,
        Err(error) => {
            return Ok(Pair {
                harness,
                before: Ran::NotRun(error.to_string()),
                after: Ran::NotRun(error.to_string()),
            });
        }
    };
    let mut first = one(request, before, &sandbox, &mut harness);
    let defined = harness.defined();
    let second = one(request, after, &sandbox, &mut harness);
    // What is handed on is what was run, also where the other version needs definitions that this one does not.
    if harness.defined() > defined {
        first = one(request, before, &sandbox, &mut harness);
    }
    harness.set_source(before.source);
    let judged = |execution: Result<Execution, ReplayError>| match execution {
        Ok(execution) => judge(request.target, &execution),
        Err(error) => Ran::NotRun(error.to_string()),
    };
    Ok(Pair {
        harness,
        before: judged(first),
        after: judged(second),
    })
}

fn one(
    request: &PairRequest<'_>,
    version: Version<'_>,
    sandbox: &Sandbox,
    harness: &mut Harness,
) -> Result<Execution, ReplayError> {
    harness.set_source(version.source);
    let scratch = scratch_folder()?;
    let folder = canonical(scratch.path())?;
    let binary = compile(
        sandbox,
        harness,
        version.program,
        &request.input.function,
        &folder,
    )?;
    run(sandbox, &binary, &folder, request.limits, harness.notes.clone())
}

fn judge(target: &Target, execution: &Execution) -> Ran {
    let promised = execution.findings.iter().find(|f| is_witness(target, f));
    match (promised, execution.findings.first()) {
        (Some(finding), _) => Ran::Fails(finding.clone()),
        (None, Some(other)) => Ran::FailsOtherwise(other.clone()),
        (None, None) if execution.is_clean() => Ran::Passes,
        (None, None) => Ran::Ended(ended(execution)),
    }
}

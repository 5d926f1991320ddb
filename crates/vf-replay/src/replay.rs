//! One replay, from request to outcome.

use std::path::Path;

use vf_ir::input::Input;
use vf_ir::{FunctionId, ObligationId, Program, Property};
use vf_source::SourceMap;

use crate::ReplayError;
use crate::build::{compile, find_compiler, has_strict_bounds};
use crate::harness::{self, ASAN_OPTIONS, Build, Harness, SourceText, UBSAN_OPTIONS};
use crate::sandbox::{Ended, Finished, Job, Limits, Sandbox, Trust};
use crate::sanitizer::{Finding, findings};

/// The obligation that the input is said to violate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub function: FunctionId,
    pub obligation: ObligationId,
}

/// What to replay.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub program: &'a Program,
    pub sources: &'a SourceMap,
    /// The program's files, the one that defines the input's function first.
    pub files: &'a [SourceText],
    pub input: &'a Input,
    pub target: Target,
    pub build: &'a Build,
    pub limits: Limits,
}

/// Who saw the violation.
#[derive(Clone, Debug, PartialEq)]
pub enum Witness {
    /// A sanitizer (or the C library's `assert`) did, in the compiled program.
    Sanitizer(Finding),
    /// The IR interpreter met the obligation's check and its condition was false.
    Interpreter,
}

/// The compiled program's run.
#[derive(Clone, Debug)]
pub struct Execution {
    pub finished: Finished,
    /// Everything that sanitizers reported, in order.
    pub findings: Vec<Finding>,
    /// What the harness could not express.
    pub notes: Vec<String>,
}

#[derive(Debug)]
pub struct ReplayOutcome {
    /// Empty: not confirmed.
    pub witnesses: Vec<Witness>,
    /// The compiled run, or why there was none. There is always one when the interpreter did not confirm.
    pub execution: Result<Execution, ReplayError>,
}

impl ReplayOutcome {
    pub fn confirmed(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// In one line: who confirmed, or how the run ended without a violation.
    pub fn summary(&self) -> String {
        match (self.witnesses.first(), &self.execution) {
            (Some(Witness::Sanitizer(finding)), _) => {
                format!("confirmed by a sanitizer: {}", finding.message)
            }
            (Some(Witness::Interpreter), _) => "confirmed by the interpreter".to_string(),
            (None, Err(error)) => format!("not run: {error}"),
            (None, Ok(execution)) => {
                let how = match execution.finished.ended {
                    Ended::Exited(0) => "the program returned without a violation".to_string(),
                    Ended::Exited(96) => "the harness could not make the input's objects".to_string(),
                    Ended::Exited(97) => "the program called a function that nothing defines".to_string(),
                    Ended::Exited(98) => "an assumption of the program excludes the input".to_string(),
                    Ended::Exited(code) => format!("the program ended with status {code}"),
                    Ended::Signalled(signal) => format!("the program was ended by signal {signal}"),
                    Ended::OutOfWallTime => "the program did not end in time".to_string(),
                    Ended::OutOfMemory => "the program used too much memory".to_string(),
                };
                let other = match execution.findings.as_slice() {
                    [] => String::new(),
                    [only] => format!(" (a sanitizer reported something else: {})", only.message),
                    [first, ..] => {
                        format!(
                            " (sanitizers reported {} other things: {}, ...)",
                            execution.findings.len(),
                            first.message
                        )
                    }
                };
                format!("not confirmed: {how}{other}")
            }
        }
    }
}

/// Replays an input, compiled and interpreted.
///
/// # Errors
/// When the compiled run was not possible and the interpreter did not confirm either: no compiler, a harness
/// that does not compile, nothing to confine the program with.
pub fn replay(request: &Request<'_>) -> Result<ReplayOutcome, ReplayError> {
    let mut witnesses = Vec::new();
    let execution = execute(request);
    if let Ok(execution) = &execution {
        let seen = execution.findings.iter().find(|f| is_witness(request, f));
        witnesses.extend(seen.cloned().map(Witness::Sanitizer));
    }
    if interpreted(request) {
        witnesses.push(Witness::Interpreter);
    }
    match execution {
        Err(error) if witnesses.is_empty() => Err(error),
        execution => Ok(ReplayOutcome { witnesses, execution }),
    }
}

/// Writes the harness into a folder for a person, stubs included where a compiler is there to tell which are
/// needed. Returns it for its notes.
pub fn materialize(request: &Request<'_>, folder: &Path) -> Result<Harness, ReplayError> {
    let mut harness = harness::write(
        request.program,
        request.input,
        request.files,
        request.build,
        false,
    )?;
    harness.write_to(folder)?;
    let compiler = find_compiler(&request.build.compiler);
    if let (Ok(sandbox), Ok(_)) = (Sandbox::probe(), compiler) {
        let scratch = scratch_folder()?;
        // What a person gets is the text; that it does not compile here is for them to see from the compiler.
        if compile(
            &sandbox,
            &mut harness,
            request.program,
            &request.input.function,
            scratch.path(),
        )
        .is_ok()
        {
            harness.write_to(folder)?;
        }
    }
    Ok(harness)
}

fn scratch_folder() -> Result<tempfile::TempDir, ReplayError> {
    tempfile::Builder::new()
        .prefix("verify-fix-replay-")
        .tempdir()
        .map_err(|source| ReplayError::Write {
            path: std::env::temp_dir(),
            source,
        })
}

fn execute(request: &Request<'_>) -> Result<Execution, ReplayError> {
    let sandbox = Sandbox::probe()?;
    let build = Build {
        compiler: find_compiler(&request.build.compiler)?,
        ..request.build.clone()
    };
    let scratch = scratch_folder()?;
    // Canonical, because file rules are about files and not about names.
    let folder = scratch
        .path()
        .canonicalize()
        .map_err(|source| ReplayError::Read {
            path: scratch.path().to_path_buf(),
            source,
        })?;
    let strict = has_strict_bounds(&sandbox, &build.compiler, &folder);
    let mut harness = harness::write(request.program, request.input, request.files, &build, strict)?;
    let binary = compile(
        &sandbox,
        &mut harness,
        request.program,
        &request.input.function,
        &folder,
    )?;
    let job = Job {
        program: &binary,
        args: Vec::new(),
        env: vec![
            ("ASAN_OPTIONS".into(), ASAN_OPTIONS.into()),
            ("UBSAN_OPTIONS".into(), UBSAN_OPTIONS.into()),
            ("LC_ALL".into(), "C".into()),
        ],
        folder: &folder,
        directory: None,
        trust: Trust::Untrusted,
        limits: request.limits,
    };
    let finished = sandbox.run(&job)?;
    let findings = findings(&finished.stderr_text());
    Ok(Execution {
        finished,
        findings,
        notes: harness.notes,
    })
}

/// Whether a report is the promised violation: of the property's kind, and with the obligation's place
/// somewhere on the stack (an inlined callee's or a library function's own place comes further in). A report
/// without any place counts when its kind is right.
fn is_witness(request: &Request<'_>, finding: &Finding) -> bool {
    let Some((property, place)) = target(request) else {
        return false;
    };
    if !finding.shows(property) {
        return false;
    }
    let Some((file, first, last)) = place else {
        return true;
    };
    finding.frames.is_empty()
        || finding.frames.iter().any(|frame| {
            (first..=last).contains(&frame.line) && Path::new(&frame.file).file_name() == file.file_name()
        })
}

type Place<'a> = Option<(&'a Path, u32, u32)>;

fn target<'a>(request: &Request<'a>) -> Option<(Property, Place<'a>)> {
    let function = request.program.functions.get(request.target.function.index())?;
    let obligation = function.obligations.get(request.target.obligation.index())?;
    let span = obligation.span;
    let place = request
        .sources
        .get(span.file)
        .filter(|_| span.is_known())
        .map(|file| {
            (
                file.path.as_path(),
                span.start.line,
                span.end.line.max(span.start.line),
            )
        });
    Some((obligation.property, place))
}

fn interpreted(_request: &Request<'_>) -> bool {
    false
}

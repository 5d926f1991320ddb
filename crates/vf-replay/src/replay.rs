//! One replay, from request to outcome.

use std::path::{Path, PathBuf};

use vf_ir::input::Input;
use vf_ir::{FunctionId, ObligationId, Program, Property};
use vf_source::SourceMap;

use crate::ReplayError;
use crate::build::{compile, find_compiler, has_strict_bounds};
use crate::harness::{self, ASAN_OPTIONS, Build, Harness, SourceText, UBSAN_OPTIONS};
use crate::sandbox::{Ended, Finished, Job, Limits, Sandbox, Trust};
use crate::sanitizer::{Finding, findings};

/// The violation that is promised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    pub property: Property,
    /// File and 1-based lines (first and last) of the operation; `None` when not known.
    pub place: Option<(PathBuf, u32, u32)>,
    /// The obligation in the program, where it is there: then the interpreter is asked too.
    pub obligation: Option<(FunctionId, ObligationId)>,
}

impl Target {
    /// The target that is an obligation of the program; `None` when the ids are out of range.
    pub fn of(
        program: &Program,
        sources: &SourceMap,
        function: FunctionId,
        id: ObligationId,
    ) -> Option<Target> {
        let obligation = program
            .functions
            .get(function.index())?
            .obligations
            .get(id.index())?;
        let span = obligation.span;
        let place = sources.get(span.file).filter(|_| span.is_known()).map(|file| {
            (
                file.path.clone(),
                span.start.line,
                span.end.line.max(span.start.line),
            )
        });
        Some(Target {
            property: obligation.property,
            place,
            obligation: Some((function, id)),
        })
    }
}

/// What to replay.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub program: &'a Program,
    /// The program's files, the one that defines the input's function first.
    pub files: &'a [SourceText],
    pub input: &'a Input,
    pub target: &'a Target,
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

impl Execution {
    /// The function returned and no sanitizer said anything.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.finished.stdout_text().contains("vf-replay: returned")
    }
}

/// How a run ended, in words.
pub(crate) fn ended(execution: &Execution) -> String {
    match execution.finished.ended {
        Ended::Exited(0) => "the program returned without a violation".to_string(),
        // The run-time gave up and said why.
        Ended::Exited(96..=98) => execution
            .finished
            .stdout_text()
            .lines()
            .rev()
            .find_map(|l| l.strip_prefix("vf-replay: ").map(String::from))
            .unwrap_or_else(|| "the harness gave up".to_string()),
        Ended::Exited(code) => format!("the program ended with status {code}"),
        Ended::Signalled(signal) => format!("the program was ended by signal {signal}"),
        Ended::OutOfWallTime => "the program did not end in time".to_string(),
        Ended::OutOfMemory => "the program used too much memory".to_string(),
    }
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
                let how = ended(execution);
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
        let seen = execution.findings.iter().find(|f| is_witness(request.target, f));
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

pub(crate) fn scratch_folder() -> Result<tempfile::TempDir, ReplayError> {
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
    let folder = canonical(scratch.path())?;
    let strict = has_strict_bounds(&sandbox, &build.compiler, &folder);
    let mut harness = harness::write(request.program, request.input, request.files, &build, strict)?;
    let binary = compile(
        &sandbox,
        &mut harness,
        request.program,
        &request.input.function,
        &folder,
    )?;
    run(&sandbox, &binary, &folder, request.limits, harness.notes)
}

/// The folder's one true name, because the sandbox's rules are about files and not about names.
pub(crate) fn canonical(folder: &Path) -> Result<PathBuf, ReplayError> {
    folder.canonicalize().map_err(|source| ReplayError::Read {
        path: folder.to_path_buf(),
        source,
    })
}

/// Runs a compiled harness.
pub(crate) fn run(
    sandbox: &Sandbox,
    binary: &Path,
    folder: &Path,
    limits: Limits,
    notes: Vec<String>,
) -> Result<Execution, ReplayError> {
    run_with(ASAN_OPTIONS, None, sandbox, binary, folder, limits, notes)
}

/// The same with other options for AddressSanitizer, and with the byte that variables hold before they are written.
pub(crate) fn run_with(
    asan_options: &str,
    filler: Option<u8>,
    sandbox: &Sandbox,
    binary: &Path,
    folder: &Path,
    limits: Limits,
    notes: Vec<String>,
) -> Result<Execution, ReplayError> {
    let mut env = vec![
        ("ASAN_OPTIONS".into(), asan_options.into()),
        ("UBSAN_OPTIONS".into(), UBSAN_OPTIONS.into()),
        ("LC_ALL".into(), "C".into()),
    ];
    env.extend(filler.map(|byte| ("VF_FILLER".into(), byte.to_string().into())));
    let job = Job {
        program: binary,
        args: Vec::new(),
        env,
        folder,
        directory: None,
        trust: Trust::Untrusted,
        limits,
    };
    let finished = sandbox.run(&job)?;
    let findings = findings(&finished.stderr_text());
    Ok(Execution {
        finished,
        findings,
        notes,
    })
}

/// Whether a report is the promised violation: of the property's kind, and with the obligation's place
/// somewhere on the stack (an inlined callee's or a library function's own place comes further in). A report
/// without any place counts when its kind is right.
pub(crate) fn is_witness(target: &Target, finding: &Finding) -> bool {
    if !finding.shows(target.property) {
        return false;
    }
    let Some((file, first, last)) = &target.place else {
        return true;
    };
    finding.frames.is_empty()
        || finding.frames.iter().any(|frame| {
            (*first..=*last).contains(&frame.line) && Path::new(&frame.file).file_name() == file.file_name()
        })
}

/// Whether the interpreter meets the obligation's check with a false condition. Other checks are passed over:
/// the verifier too goes on after a violation as if there had been none.
fn interpreted(request: &Request<'_>) -> bool {
    let Some((function, obligation)) = request.target.obligation else {
        return false;
    };
    let ignore = |f, o| (f, o) != (function, obligation);
    let limits = vf_ir::interp::Limits {
        trace: 0,
        ignore: Some(&ignore),
        ..Default::default()
    };
    let run = vf_ir::interp::run(request.program, request.input, &limits);
    matches!(run.outcome, vf_ir::interp::Outcome::Violated { function: f, obligation: o, .. } if (f, o) == (function, obligation))
}

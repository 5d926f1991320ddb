//! Judging a patch that somebody else made: both versions are checked in the functions that it touches.

//!
//! `versions` reads them; `scope` says which functions of which files are asked about, by `changed` (which functions a change
//! reaches) and `includes` (which C files include a changed header). Where the contract of a function that was checked
//! turns out to be another one, its callers are asked about too.

mod changed;
mod includes;
mod scope;
mod versions;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use vf_source::diff::DiffError;
use vf_verify::report::{CheckReport, Overall, SCHEMA};

use crate::checker::{CheckError, CheckRequest, Checked, Checker};
use crate::contracts::Precondition;
use crate::ctext::functions::functions;
use crate::judge::{PROVING, PatchReport, PatchVerdict, Version, judge};
use crate::locate::LocateError;
use scope::{Question, Scope, chosen, scope};
pub(crate) use versions::git;
pub use versions::{ChangedFile, changed_files};
use versions::{Side, Versions, versions};

/// Where the two versions come from. Nothing is ever written to any of them.
#[derive(Clone, Debug)]
pub enum PatchInput {
    /// A unified diff and the tree that it applies to.
    Patch { text: String, tree: PathBuf },
    /// Two versions of one file. Both are read as if they stood at the place of `before`.
    Files { before: PathBuf, after: PathBuf },
    /// Two revisions of a git repository. Files that are in its working tree as they are in the revisions come from there.
    Revisions {
        repository: PathBuf,
        from: String,
        to: String,
    },
}

/// Why a patch cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    #[error(transparent)]
    Diff(#[from] DiffError),
    #[error(transparent)]
    Read(#[from] LocateError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error("the patch changes no C file; there is nothing to prove")]
    NoCFile,
    #[error("the two versions are the same but for white space and comments")]
    NoChange,
    #[error("no function `{name}` is defined in what the patch changes")]
    NoFunction { name: String },
    #[error("`{revision}` is no revision that git could take; write FROM..TO")]
    BadRevision { revision: String },
    #[error("git cannot be run: {0}; install git or give the patch as a file")]
    NoGit(#[source] std::io::Error),
    #[error("git {command}: {message}")]
    Git { command: String, message: String },
    #[error("{file} at {revision}: is not text; only C source can be judged")]
    NotText { file: String, revision: String },
}

/// The part of the time that is kept for the comparison of both versions.
const COMPARING: u32 = 4;

/// Judges a patch in the functions that it reaches. `time` bounds the whole run: a part of it is for the comparison of what both
/// versions do, and the rest is shared out evenly between what is left to check.
pub fn judge_patch(
    input: &PatchInput,
    checker: &mut dyn Checker,
    time: Option<Duration>,
) -> Result<PatchReport, PatchError> {
    judge_functions(input, &[], checker, time)
}

/// The same in these functions only, each for any callers; with none, as [`judge_patch`]. Where the change touches others
/// too, it is no proven fix.
pub fn judge_functions(
    input: &PatchInput,
    only: &[String],
    checker: &mut dyn Checker,
    time: Option<Duration>,
) -> Result<PatchReport, PatchError> {
    let started = Instant::now();
    let all_left = || time.map(|t| t.saturating_sub(started.elapsed()));
    let comparing = time.map_or(Duration::ZERO, |t| (t / COMPARING).min(PROVING));
    let left = || all_left().map(|left| left.saturating_sub(comparing));
    let versions = versions(input)?;
    let Scope {
        mut questions,
        mut not_looked_at,
    } = scope(&versions, checker, &left)?;
    // A change of a macro or a type that reaches no function is one to say nothing about, not an error.
    if !versions.files.iter().any(|f| f.is_c() || f.is_header()) {
        return Err(PatchError::NoCFile);
    }
    if !only.is_empty() {
        not_looked_at.extend(questions.iter().flat_map(|q| q.touched_beside(only)));
        questions = chosen(&versions, questions, only)?;
    }
    let left_out = !only.is_empty() && !not_looked_at.is_empty();
    let mut report = loop {
        let (before, after) = both(&versions, &questions, checker, &left)?;
        let report = judge(&before, &after, all_left());
        let over = left().is_some_and(|left| left.is_zero());
        if over || !only.is_empty() || !widen(&mut questions, &report) {
            break report;
        }
    };
    if only.is_empty() {
        not_looked_at.extend(questions.iter().flat_map(Question::not_looked_at));
    }
    if left_out && report.verdict == PatchVerdict::ProvenFix {
        report.verdict = PatchVerdict::Unknown;
    }
    report.not_looked_at = not_looked_at;
    Ok(report)
}

/// Both versions with what was found of them.
fn both(
    versions: &Versions,
    questions: &[Question],
    checker: &mut dyn Checker,
    left: &dyn Fn() -> Option<Duration>,
) -> Result<(Version, Version), PatchError> {
    let count = questions.len() as u32;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (i, question) in (0..).zip(questions) {
        let shares = 2 * (count - i);
        let share = |shares: u32| left().map(|left| left / shares.max(1));
        let mut ask = |side, time| one_version(checker, versions, question, side, time);
        before.extend(ask(Side::Old, share(shares))?);
        after.extend(ask(Side::New, share(shares - 1))?);
    }
    let version = |found: Vec<Checked>, side: Side| {
        let mut files: Vec<_> = versions.files.iter().collect();
        files.extend(
            questions
                .iter()
                .map(|q| &q.file)
                .filter(|f| !versions.files.contains(f)),
        );
        let text = |f: &versions::ChangedFile| (f.path.to_string_lossy().into_owned(), f.text(side).clone());
        Version {
            files: files.into_iter().map(text).collect(),
            executions: found.iter().filter_map(|c| c.executions.clone()).collect(),
            report: joined(found.into_iter().map(|c| c.report)),
        }
    };
    Ok((version(before, Side::Old), version(after, Side::New)))
}

/// Asks about the callers of functions whose contract is another one now; whether there are any that were not asked about.
fn widen(questions: &mut [Question], report: &PatchReport) -> bool {
    let mut more = false;
    for contract in &report.contracts {
        if matches!(
            contract.precondition,
            Precondition::Stronger | Precondition::Different
        ) {
            for question in questions.iter_mut() {
                more |= question.ask_callers_of(&contract.function);
            }
        }
    }
    more
}

/// Checks one side of one file; nothing for a side on which the file does not exist, or none of the
/// functions does.
fn one_version(
    checker: &mut dyn Checker,
    versions: &Versions,
    question: &Question,
    side: Side,
    time_left: Option<Duration>,
) -> Result<Option<Checked>, CheckError> {
    let here = functions(question.file.text(side)).into_iter().map(|f| f.name);
    let names: Vec<String> = here.filter(|name| question.names.contains(name)).collect();
    if names.is_empty() {
        return Ok(None);
    }
    let question = CheckRequest {
        file: &question.file.path,
        overlay: &versions.overlay(side),
        functions: &names,
        time_left,
        verdicts_only: false,
    };
    Ok(Some(checker.check(&question)?))
}

fn joined(reports: impl Iterator<Item = CheckReport>) -> CheckReport {
    let mut all = CheckReport {
        schema: SCHEMA.to_string(),
        verdict: Overall::Proved,
        elapsed_ms: 0,
        functions: Vec::new(),
    };
    for report in reports {
        all.verdict = all.verdict.max(report.verdict);
        all.elapsed_ms += report.elapsed_ms;
        for function in report.functions {
            if !all
                .functions
                .iter()
                .any(|f| f.name == function.name && f.file == function.file)
            {
                all.functions.push(function);
            }
        }
    }
    if all.functions.is_empty() {
        all.verdict = Overall::Unknown;
    }
    all
}

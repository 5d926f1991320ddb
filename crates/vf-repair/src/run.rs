//! The loop: propose, check, feed back, until a candidate is proven or nothing is left to try.

mod ground;
mod line;
mod state;
mod turn;

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vf_verify::report::{CheckReport, Verdict};

use crate::bug::BugReport;
use crate::certify::ProvenPatch;
use crate::checker::{CheckError, CheckRequest, Checker};
use crate::ctext::functions::functions;
use crate::locate::{LocateError, Place, SourceText, locate, read_in_tree};
use crate::log::{LogError, write_record};
use crate::preference::Cost;
use crate::proposer::{Failure, Feedback, Proposer, ProposerError, Style};
use state::Run;

/// Candidates that are tried after a proven one which leaves something else in the function refuted, in the
/// hope for one that repairs that too.
const COMPLETE: u32 = 8;

/// Candidates that are checked after a proven one because they would be clearly preferred to it.
const PREFER: usize = 2;

/// What is to be repaired.
#[derive(Clone, Debug)]
pub struct RepairRequest {
    /// Root of the source tree; never written to.
    pub tree: PathBuf,
    pub what: RepairTarget,
    pub limits: Limits,
}

#[derive(Clone, Debug)]
pub enum RepairTarget {
    /// The place that a report names.
    Report(BugReport),
    /// Everything refuted in a file of the tree, or in one function of it.
    File { file: PathBuf, function: Option<String> },
}

/// Where the loop gives up.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub rounds: u32,
    pub candidates: u32,
    /// Of the whole run.
    pub time: Option<Duration>,
    /// Tokens that models may write, over the whole run. The answer that goes beyond is looked at still.
    pub tokens: Option<u64>,
    /// Time that the checks may take, summed up over all of them, whatever runs beside what.
    pub solver: Option<Duration>,
    /// Proven candidates among which the best is taken; 1: the first is, but for those that are clearly preferred.
    pub best_of: u32,
    /// Candidates that are checked at once.
    pub jobs: NonZeroUsize,
    /// What is written to the log must be the same in each run: no clock has a say, and a model is not stopped in the middle
    /// of its answers.
    pub repeats: bool,
    /// For candidates that would be preferred to one that is proven already ([`crate::preference`]); with none the first
    /// that is proven is taken.
    pub prefer_within: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rounds: 12,
            candidates: 200,
            time: None,
            tokens: None,
            solver: None,
            best_of: 1,
            jobs: NonZeroUsize::MIN,
            repeats: false,
            prefer_within: Duration::from_secs(1),
        }
    }
}

/// What the loop tells while it works.
#[derive(Clone, Debug)]
pub enum Event {
    Stage(Stage),
    /// A note for the user (the report's line and function do not agree).
    Note(String),
    Round {
        round: u32,
        proposer: String,
        candidates: usize,
    },
    /// One candidate was judged; `tried` counts from 1 over the whole run.
    Tried {
        round: u32,
        tried: u32,
        origin: String,
        note: String,
        result: Tried,
    },
}

#[derive(Clone, Debug)]
pub enum Tried {
    Proven,
    /// Proves some targets; the next rounds start from it. Ids still open.
    Partial(Vec<String>),
    Failed(Failure),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Locating,
    CheckingOld,
    Proposing,
    Proven,
}

/// Where events and records go.
pub struct Hooks<'a> {
    pub progress: &'a mut dyn FnMut(Event),
    /// JSON lines of [`crate::log`].
    pub log: Option<&'a mut dyn Write>,
    /// The log holds the text of each prompt, not only its hash.
    pub log_prompts: bool,
}

/// How a run ended.
#[derive(Debug)]
pub struct RepairOutcome {
    pub file: PathBuf,
    pub function: String,
    /// Verdicts on the text as it was.
    pub before: CheckReport,
    /// Ids of the obligations that had to be proved.
    pub targets: Vec<String>,
    pub patch: Option<ProvenPatch>,
    /// What the patch costs a reader, where it was made from the text as it was.
    pub cost: Option<Cost>,
    /// Candidates that were proven; the patch is the one of them that costs least.
    pub proven: u32,
    pub stopped: Stopped,
    pub rounds: u32,
    pub candidates: u32,
    /// Candidates that the compiler or the prover looked at; the others were refused by their text.
    pub checked: u32,
    /// How long that took, over all of them.
    pub checking: Duration,
    /// Candidates that were another one in all but layout and the names of locals and labels.
    pub duplicates: u32,
    /// Answers of models, and their tokens.
    pub answers: u32,
    pub tokens: u64,
    /// How long all checks took together, of the text as it was and of candidates whose check was not waited for included.
    pub solver: Duration,
    /// Every candidate that failed, with the reason.
    pub failed: Vec<Feedback>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    Proven,
    /// Every obligation at the place is proved: the report seems to be wrong about this code.
    NothingToFix,
    /// The function has no obligation, or could not be checked at all.
    NothingChecked,
    /// No proposer had anything left to offer.
    NoMoreCandidates,
    RoundLimit,
    CandidateLimit,
    TimeLimit,
    /// Models have written as many tokens as they may.
    TokenLimit,
    /// The checks have taken as long as they may together.
    SolverLimit,
}

impl RepairOutcome {
    /// Candidates checked in a second; `None` where none was.
    pub fn checked_per_second(&self) -> Option<f64> {
        let seconds = self.checking.as_secs_f64();
        (self.checked > 0 && seconds > 0.0).then(|| f64::from(self.checked) / seconds)
    }
}

impl Stopped {
    /// In words, for a person.
    pub fn describe(self) -> &'static str {
        match self {
            Stopped::Proven => "a candidate was proven",
            Stopped::NothingToFix => "every obligation at the place is proved already",
            Stopped::NothingChecked => "nothing could be checked at the place",
            Stopped::NoMoreCandidates => "no proposer has another candidate",
            Stopped::RoundLimit => "the limit of rounds was reached",
            Stopped::CandidateLimit => "the limit of candidates was reached",
            Stopped::TimeLimit => "the time was used up",
            Stopped::TokenLimit => "the tokens were used up",
            Stopped::SolverLimit => "the solver's time was used up",
        }
    }
}

/// A fault of the input or of the tool; that no repair was found is an outcome, not an error.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    #[error(transparent)]
    Locate(#[from] LocateError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error(transparent)]
    Proposer(#[from] ProposerError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("{file}: nothing in this file is refuted or unknown; there is nothing to repair")]
    NothingRefuted { file: PathBuf },
    #[error("no thread could be had to check candidates on; are there too many processes?")]
    NoThread,
    #[error("{file}: the check says nothing about function `{function}`")]
    NotChecked { file: PathBuf, function: String },
}

/// Repairs one function.
pub fn repair(
    request: &RepairRequest,
    checker: &mut dyn Checker,
    proposers: &mut [Box<dyn Proposer>],
    mut hooks: Hooks<'_>,
) -> Result<RepairOutcome, RepairError> {
    let started = Instant::now();
    (hooks.progress)(Event::Stage(Stage::Locating));
    let (report, place) = match &request.what {
        RepairTarget::Report(report) => (Some(report.clone()), locate(report, &request.tree)?),
        RepairTarget::File { file, function } => (
            None,
            worst_function(request, file, function.as_deref(), checker, started)?,
        ),
    };
    if let Some(note) = &place.note {
        (hooks.progress)(Event::Note(note.clone()));
    }
    (hooks.progress)(Event::Stage(Stage::CheckingOld));
    let mut run = Run::new(request, checker, report, place, started)?;
    let end = run.go(proposers, &mut hooks);
    // A run that a fault of its proposers ends has a whole log, too.
    let stopped = match &end {
        Ok(stopped) => stopped.describe().to_string(),
        Err(error) => error.to_string(),
    };
    if let Some(log) = hooks.log.as_deref_mut() {
        write_record(log, &run.end(stopped))?;
    }
    Ok(run.outcome(end?))
}

/// For a repair without a report: the function asked for, else the first with something refuted, else the
/// first with something unknown.
fn worst_function(
    request: &RepairRequest,
    file: &Path,
    function: Option<&str>,
    checker: &mut dyn Checker,
    started: Instant,
) -> Result<Place, RepairError> {
    let source = read_in_tree(&request.tree, file)?;
    let place = |source: SourceText, function: String| Place {
        source,
        function,
        line: 0,
        note: None,
    };
    if let Some(name) = function {
        // The look-up by name with its suggestions, on a line that exists.
        let report = BugReport {
            file: file.to_path_buf(),
            line: 1,
            function: Some(name.into()),
            ..BugReport::default()
        };
        let found = locate(&report, &request.tree)?;
        return Ok(place(found.source, found.function));
    }
    let time_left = request.limits.time.map(|t| t.saturating_sub(started.elapsed()));
    let checked = checker.check(&CheckRequest {
        file: &source.path,
        overlay: &[],
        functions: &[],
        time_left,
        verdicts_only: false,
    })?;
    let defined = functions(&source.text);
    let with = |verdict: Verdict| {
        checked.report.functions.iter().find(|f| {
            defined.iter().any(|d| d.name == f.name) && f.obligations.iter().any(|o| o.verdict == verdict)
        })
    };
    match with(Verdict::Refuted).or_else(|| with(Verdict::Unknown)) {
        Some(found) => Ok(place(source, found.name.clone())),
        None => Err(RepairError::NothingRefuted {
            file: file.to_path_buf(),
        }),
    }
}

/// Kernel code is what includes the kernel's headers.
pub fn style_of(text: &str) -> Style {
    let kernel = text.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with('#')
            && line.contains("include")
            && (line.contains("<linux/") || line.contains("<asm/"))
    });
    if kernel { Style::Kernel } else { Style::User }
}

//! The state of one repair and the judgement of its candidates.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vf_verify::report::{CheckReport, FunctionReport, ObligationReport, Verdict};

use super::{
    COMPLETE, Event, Hooks, RepairError, RepairOutcome, RepairRequest, Stage, Stopped, Tried, style_of,
};
use crate::bug::BugReport;
use crate::certify::{CertifyError, ProvenPatch, certify};
use crate::checker::{CheckError, CheckRequest, Checked, Checker};
use crate::ctext::functions::functions;
use crate::ctext::lex::{mentions, normalised};
use crate::judge::{Outcome, Version, changes};
use crate::locate::{Place, targets};
use crate::log::{LOG_SCHEMA, LogOutcome, LogRecord, write_record};
use crate::preference::{Cost, Preference};
use crate::proposer::{Candidate, Context, Failure, Feedback, Proposer};
use crate::untrusted::accept;

mod prefer;

/// State of one repair.
pub(super) struct Run<'a> {
    request: &'a RepairRequest,
    checker: &'a mut dyn Checker,
    started: Instant,
    report: Option<BugReport>,
    place: Place,
    /// The text as it was, with its verdicts.
    original: Version,
    /// The original with every function of the file checked: for changes that reach further than one function.
    original_all: Option<Version>,
    /// Whether the compiler takes the original: only then is its word on a candidate worth anything.
    compiled: bool,
    /// Ids in `original` that must be proved.
    targets: Vec<String>,
    /// The text that candidates edit: the original, or the last partial step.
    current: Current,
    seen: HashSet<String>,
    failed: Vec<Feedback>,
    pub(super) proven: Option<ProvenPatch>,
    /// What `proven` costs, and how many candidates were proven.
    cost: Option<Cost>,
    proofs: u32,
    preference: Preference,
    /// While candidates are checked that would only be preferred: when that ends.
    until: Option<Instant>,
    pub(super) round: u32,
    pub(super) tried: u32,
    /// Of these, how many the compiler or the prover looked at, and how long that took together.
    pub(super) checked: u32,
    pub(super) checking: Duration,
}

/// A text that candidates start from.
#[derive(Clone)]
struct Current {
    text: Arc<str>,
    checked: Checked,
    /// Targets (ids in the original) not proved in this text.
    open: Vec<String>,
}

/// What the check of one candidate gave.
enum Judged {
    Proven(Box<ProvenPatch>),
    Partial(Box<Current>),
    Failed(Failure),
    /// Tried before under another name.
    Known,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        request: &'a RepairRequest,
        checker: &'a mut dyn Checker,
        report: Option<BugReport>,
        place: Place,
        started: Instant,
    ) -> Result<Run<'a>, RepairError> {
        let time_left = request.limits.time.map(|t| t.saturating_sub(started.elapsed()));
        let names = with_callers(&place.source.text, &place.function);
        let question = CheckRequest {
            file: &place.source.path,
            overlay: &[],
            functions: &names,
            time_left,
        };
        let checked = checker.check(&question)?;
        let found = checked
            .report
            .functions
            .iter()
            .find(|f| f.name == place.function)
            .ok_or_else(|| RepairError::NotChecked {
                file: place.source.relative.clone(),
                function: place.function.clone(),
            })?;
        let line = report.as_ref().map(|_| place.line);
        let targets: Vec<String> = targets(report.as_ref(), line, found)
            .into_iter()
            .filter_map(|i| found.obligations.get(i).map(|o| o.id.clone()))
            .collect();
        let original = version(&place.source.path, place.source.text.clone(), &checked);
        let text = place.source.text.clone();
        let compiled = checker.compiles(&place.source.path, &text).is_ok();
        let preference = Preference::new(&text, &place.function, style_of(&text));
        Ok(Run {
            request,
            checker,
            started,
            report,
            place,
            original,
            original_all: None,
            compiled,
            current: Current {
                text,
                checked,
                open: targets.clone(),
            },
            targets,
            seen: HashSet::new(),
            failed: Vec::new(),
            proven: None,
            cost: None,
            proofs: 0,
            preference,
            until: None,
            round: 0,
            tried: 0,
            checked: 0,
            checking: Duration::ZERO,
        })
    }

    pub(super) fn outcome(self, stopped: Stopped) -> RepairOutcome {
        RepairOutcome {
            file: self.place.source.relative,
            function: self.place.function,
            before: self.original.report,
            targets: self.targets,
            patch: self.proven,
            cost: self.cost,
            proven: self.proofs,
            stopped,
            rounds: self.round,
            candidates: self.tried,
            checked: self.checked,
            checking: self.checking,
            failed: self.failed,
        }
    }

    fn time_left(&self) -> Option<Duration> {
        let whole = self.request.limits.time;
        let whole = whole.map(|t| t.saturating_sub(self.started.elapsed()));
        let preferring = self.until.map(|t| t.saturating_duration_since(Instant::now()));
        match (whole, preferring) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn function_report<'r>(&self, report: &'r CheckReport) -> Option<&'r FunctionReport> {
        report.functions.iter().find(|f| f.name == self.place.function)
    }

    pub(super) fn go(
        &mut self,
        proposers: &mut [Box<dyn Proposer>],
        hooks: &mut Hooks<'_>,
    ) -> Result<Stopped, RepairError> {
        let start = LogRecord::Start {
            schema: LOG_SCHEMA.to_string(),
            file: self.place.source.relative.to_string_lossy().into_owned(),
            function: self.place.function.clone(),
            targets: self.targets.clone(),
        };
        if let Some(log) = hooks.log.as_deref_mut() {
            write_record(log, &start)?;
        }
        if self.targets.is_empty() {
            let checked = self
                .function_report(&self.original.report)
                .is_some_and(|f| !f.obligations.is_empty());
            return Ok(if checked {
                Stopped::NothingToFix
            } else {
                Stopped::NothingChecked
            });
        }
        (hooks.progress)(Event::Stage(Stage::Proposing));
        self.seen.insert(normalised(&self.place.source.text));
        while self.round < self.request.limits.rounds {
            self.round += 1;
            let context = self.context();
            let mut offered = 0;
            let mut extra = u32::MAX;
            let mut step: Option<Box<Current>> = None;
            for proposer in proposers.iter_mut() {
                let candidates = match proposer.propose(&context, &self.failed) {
                    Ok(candidates) => candidates,
                    // What is proven stays proven when a proposer fails or has no time left.
                    Err(_) if self.proven.is_some() => return Ok(Stopped::Proven),
                    Err(error) if error.ran_out_of_time() && self.request.limits.time.is_some() => {
                        return Ok(Stopped::TimeLimit);
                    }
                    Err(error) => return Err(error.into()),
                };
                offered += candidates.len();
                let name = proposer.name().to_string();
                (hooks.progress)(Event::Round {
                    round: self.round,
                    proposer: name.clone(),
                    candidates: candidates.len(),
                });
                for why in proposer.take_rejected() {
                    offered += 1;
                    self.tried += 1;
                    let failure = Failure::NotUnderstood { why };
                    let candidate = Candidate {
                        edits: Vec::new(),
                        origin: name.clone(),
                        note: String::new(),
                    };
                    self.record(&name, candidate, Judged::Failed(failure), &mut step, hooks)?;
                }
                let mut candidates = candidates.into_iter();
                while let Some(candidate) = candidates.next() {
                    let over = match (self.time_left(), self.tried >= self.request.limits.candidates) {
                        (Some(left), _) if left.is_zero() => Some(Stopped::TimeLimit),
                        (_, true) => Some(Stopped::CandidateLimit),
                        _ => None,
                    };
                    if let Some(over) = over {
                        return Ok(if self.proven.is_some() {
                            Stopped::Proven
                        } else {
                            over
                        });
                    }
                    if self.attempt(&name, candidate, &mut step, hooks)? {
                        extra = extra.min(self.tried.saturating_add(COMPLETE));
                    }
                    if self.proven.is_some() && (self.complete() || self.tried >= extra) {
                        self.prefer(&name, candidates.collect(), hooks)?;
                        (hooks.progress)(Event::Stage(Stage::Proven));
                        return Ok(Stopped::Proven);
                    }
                }
            }
            if self.proven.is_some() {
                (hooks.progress)(Event::Stage(Stage::Proven));
                return Ok(Stopped::Proven);
            }
            match step {
                Some(step) => {
                    if let Some(log) = hooks.log.as_deref_mut() {
                        write_record(
                            log,
                            &LogRecord::Step {
                                round: self.round,
                                open: step.open.clone(),
                            },
                        )?;
                    }
                    self.current = *step;
                }
                None if offered == 0 => return Ok(Stopped::NoMoreCandidates),
                None => {}
            }
        }
        Ok(Stopped::RoundLimit)
    }

    /// Judges one candidate; true when it is proven.
    fn attempt(
        &mut self,
        proposer: &str,
        candidate: Candidate,
        step: &mut Option<Box<Current>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<bool, RepairError> {
        let (before, began) = (self.checked, Instant::now());
        let judged = self.judge(&candidate)?;
        if self.checked > before {
            self.checking += began.elapsed();
        }
        if matches!(judged, Judged::Known) {
            return Ok(false);
        }
        self.tried += 1;
        self.record(proposer, candidate, judged, step, hooks)
    }

    /// Reports and logs one judgement; true when it is a proof.
    fn record(
        &mut self,
        proposer: &str,
        candidate: Candidate,
        judged: Judged,
        step: &mut Option<Box<Current>>,
        hooks: &mut Hooks<'_>,
    ) -> Result<bool, RepairError> {
        let (origin, note) = (candidate.origin.clone(), candidate.note.clone());
        let (result, outcome) = match judged {
            Judged::Known => return Ok(false),
            Judged::Proven(patch) => {
                self.proofs = self.proofs.saturating_add(1);
                let cost = self.preference.cost(patch.new_text());
                let total = |cost: &Option<Cost>| cost.as_ref().map_or(i32::MAX, Cost::total);
                let better = |old: &ProvenPatch| {
                    (self.refuted(&patch), total(&cost)) < (self.refuted(old), total(&self.cost))
                };
                if self.proven.as_ref().is_none_or(better) {
                    self.proven = Some(*patch);
                    self.cost = cost;
                }
                (Tried::Proven, LogOutcome::Proven)
            }
            Judged::Partial(next) => {
                let open = next.open.clone();
                if step.as_ref().is_none_or(|s| next.open.len() < s.open.len()) {
                    *step = Some(next);
                }
                (Tried::Partial(open.clone()), LogOutcome::Partial { open })
            }
            Judged::Failed(failure) => {
                let function_text = candidate
                    .apply(&self.current.text)
                    .ok()
                    .and_then(|text| {
                        let f = functions(&text)
                            .into_iter()
                            .find(|f| f.name == self.place.function)?;
                        text.get(f.range).map(str::to_string)
                    })
                    .unwrap_or_default();
                let feedback = Feedback {
                    candidate: candidate.clone(),
                    function_text,
                    failure: failure.clone(),
                    round: self.round,
                };
                self.failed.push(feedback);
                (Tried::Failed(failure.clone()), LogOutcome::Failed { failure })
            }
        };
        if let Some(log) = hooks.log.as_deref_mut() {
            let proposer = proposer.to_string();
            write_record(
                log,
                &LogRecord::Candidate {
                    round: self.round,
                    proposer,
                    candidate,
                    outcome,
                },
            )?;
        }
        let proven = matches!(result, Tried::Proven);
        (hooks.progress)(Event::Tried {
            round: self.round,
            tried: self.tried,
            origin,
            note,
            result,
        });
        Ok(proven)
    }

    /// Refuted obligations that a patch leaves in the function.
    fn refuted(&self, patch: &ProvenPatch) -> usize {
        let function = self.function_report(&patch.report().after);
        function.map_or(0, |f| {
            f.obligations
                .iter()
                .filter(|o| o.verdict == Verdict::Refuted)
                .count()
        })
    }

    fn complete(&self) -> bool {
        self.proven.as_ref().is_some_and(|p| self.refuted(p) == 0)
    }

    fn context(&self) -> Context {
        let text = self.current.text.clone();
        let span = functions(&text)
            .into_iter()
            .find(|f| f.name == self.place.function)
            .map_or(0..0, |f| f.range);
        let all = self
            .function_report(&self.current.checked.report)
            .map_or(Vec::new(), |f| f.obligations.clone());
        Context {
            report: self.report.clone(),
            tree: Some(self.request.tree.clone()),
            file: self.place.source.relative.clone(),
            function: self.place.function.clone(),
            span,
            failed: self.open_now(&self.current),
            all,
            program: self.current.checked.program.clone(),
            style: style_of(&text),
            text,
        }
    }

    /// The open targets as obligations of the current text.
    fn open_now(&self, current: &Current) -> Vec<ObligationReport> {
        let now = version(&self.place.source.path, current.text.clone(), &current.checked);
        let changes = changes(&self.original, &now);
        let mut found = Vec::new();
        for id in &current.open {
            for change in &changes {
                let Some(before) = change.before else { continue };
                let Some(index) = before.obligations.iter().position(|o| o.id == *id) else {
                    continue;
                };
                let matched = change
                    .alignment
                    .after_of(index)
                    .and_then(|(j, _)| change.after?.obligations.get(j));
                found.extend(matched.or(before.obligations.get(index)).cloned());
            }
        }
        found
    }

    fn judge(&mut self, candidate: &Candidate) -> Result<Judged, RepairError> {
        let text = match accept(candidate, &self.current.text, &self.place.function) {
            Ok(text) => text,
            Err(refusal) => return Ok(Judged::Failed(Failure::Refused { refusal })),
        };
        if !self.seen.insert(normalised(&text)) {
            return Ok(Judged::Known);
        }
        self.checked += 1;
        let reaches_out = self.reaches_out(&text);
        let names = if reaches_out {
            Vec::new()
        } else {
            with_callers(&text, &self.place.function)
        };
        let path = self.place.source.path.clone();
        if reaches_out && self.original_all.is_none() {
            let question = CheckRequest {
                file: &path,
                overlay: &[],
                functions: &[],
                time_left: self.time_left(),
            };
            let checked = self.checker.check(&question)?;
            self.original_all = Some(version(&path, self.place.source.text.clone(), &checked));
        }
        if self.compiled
            && let Err(message) = self.checker.compiles(&path, &text)
        {
            return Ok(Judged::Failed(Failure::DoesNotParse { message }));
        }
        let overlay = [(path.clone(), text.clone())];
        let question = CheckRequest {
            file: &path,
            overlay: &overlay,
            functions: &names,
            time_left: self.time_left(),
        };
        let checked = match self.checker.check(&question) {
            Ok(checked) => checked,
            Err(CheckError::Load { message, .. }) => {
                return Ok(Judged::Failed(Failure::DoesNotParse { message }));
            }
        };
        let text: Arc<str> = Arc::from(text);
        let after = version(&path, text.clone(), &checked);
        let before = self
            .original_all
            .as_ref()
            .filter(|_| reaches_out)
            .unwrap_or(&self.original);
        let relative = &self.place.source.relative;
        let (function, targets) = (&self.place.function, &self.targets);
        let error = match certify(relative, function, before, &after, targets, self.time_left()) {
            Ok(patch) => return Ok(Judged::Proven(Box::new(patch))),
            Err(error) => error,
        };
        let changes = changes(before, &after);
        let outcome_of = |id: &String| {
            changes.iter().find_map(|c| {
                let index = c.before?.obligations.iter().position(|o| o.id == *id)?;
                Some(c.outcome(index))
            })
        };
        let open: Vec<String> = self
            .targets
            .iter()
            .filter(|id| outcome_of(id) != Some(Outcome::Fixed))
            .cloned()
            .collect();
        let fixes_more = self.current.open.iter().any(|id| !open.contains(id));
        let loses_none = open.iter().all(|id| self.current.open.contains(id));
        let sound = changes.iter().all(|c| c.introduced().is_empty() && !c.lost());
        if let CertifyError::TargetNotProved { .. } = &error
            && fixes_more
            && loses_none
            && sound
            && !open.is_empty()
            && !reaches_out
        {
            return Ok(Judged::Partial(Box::new(Current { text, checked, open })));
        }
        Ok(Judged::Failed(self.explain(error, &open, before, &after)))
    }

    /// Whether a text changes more than the body of the function: then every function of the file is judged.
    fn reaches_out(&self, text: &str) -> bool {
        let around = |text: &str| {
            functions(text)
                .into_iter()
                .find(|f| f.name == self.place.function)
                .and_then(|f| {
                    Some(normalised(&format!(
                        "{} {}",
                        text.get(..f.body.start)?,
                        text.get(f.body.end..)?
                    )))
                })
        };
        around(text) != around(&self.place.source.text)
    }

    fn explain(&self, error: CertifyError, open: &[String], before: &Version, after: &Version) -> Failure {
        match error {
            CertifyError::Refused(refusal) => Failure::Refused { refusal },
            CertifyError::Introduced { obligations } => Failure::Introduced { obligations },
            CertifyError::TargetNotProved { obligation } => {
                let mut obligations = vec![*obligation];
                for change in changes(before, after) {
                    for (b, a, _) in &change.alignment.pairs {
                        let old = change.before.and_then(|f| f.obligations.get(*b));
                        let new = change.after.and_then(|f| f.obligations.get(*a));
                        if let (Some(old), Some(new)) = (old, new)
                            && open.contains(&old.id)
                            && new.verdict != Verdict::Proved
                            && !obligations.iter().any(|o| o.id == new.id)
                        {
                            obligations.push(new.clone());
                        }
                    }
                }
                Failure::StillFails { obligations }
            }
            other => Failure::NotCertified {
                why: other.to_string(),
            },
        }
    }
}

/// The function and those of the file that call it: a change of what it returns can break them.
fn with_callers(text: &str, function: &str) -> Vec<String> {
    let mut names = vec![function.to_string()];
    for other in functions(text) {
        let body = text.get(other.body.clone()).unwrap_or("");
        if other.name != function && mentions(body, function) {
            names.push(other.name);
        }
    }
    names
}

fn version(path: &Path, text: Arc<str>, checked: &Checked) -> Version {
    Version {
        files: vec![(path.to_string_lossy().into_owned(), text)],
        report: checked.report.clone(),
        executions: checked.executions.iter().cloned().collect(),
    }
}

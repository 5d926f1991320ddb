//! The state of one repair.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use vf_verify::report::{CheckReport, FunctionReport, ObligationReport};

use super::ground::{Current, Form, Ground, version, with_callers};
use super::line::Line;
use super::turn::{Frame, Turn};
use super::{Event, Hooks, Limits, RepairError, RepairOutcome, RepairRequest, Stage, Stopped, style_of};
use crate::bug::BugReport;
use crate::certify::ProvenPatch;
use crate::checker::{CheckRequest, Checker};
use crate::ctext::alpha::Macros;
use crate::ctext::functions::functions;
use crate::judge::changes;
use crate::locate::{Place, targets};
use crate::log::{LOG_SCHEMA, LogRecord, write_record};
use crate::preference::{Cost, Preference};
use crate::proposer::{Context, Feedback, Proposer, ProposerError};

/// State of one repair.
pub(super) struct Run<'a> {
    request: &'a RepairRequest,
    checker: &'a mut dyn Checker,
    /// For threads beside the first.
    others: Vec<Box<dyn Checker>>,
    started: Instant,
    report: Option<BugReport>,
    ground: Ground,
    /// The text that candidates edit: the original, or the last partial step.
    current: Current,
    found: Found,
}

/// What a run has found and used up.
pub(super) struct Found {
    /// Forms of what was judged.
    pub seen: HashSet<Form>,
    pub failed: Vec<Feedback>,
    pub proven: Option<ProvenPatch>,
    /// What `proven` costs, and how many candidates were proven.
    pub cost: Option<Cost>,
    pub proofs: u32,
    /// Candidates after which a proven one is taken that leaves something refuted.
    pub extra: u32,
    pub preference: Preference,
    /// While candidates are checked that would only be preferred: when that ends.
    pub until: Option<Instant>,
    /// The best text of this round that proves some of the targets.
    pub step: Option<Box<Current>>,
    pub round: u32,
    pub tried: u32,
    /// Of these, how many the compiler or the prover looked at, and how long that took together.
    pub checked: u32,
    pub checking: Duration,
    pub duplicates: u32,
    /// Answers of models, and their tokens.
    pub answers: u32,
    pub tokens: u64,
    /// How long all checks took together.
    pub solver: Duration,
}

impl Found {
    /// What is left of the run's time and the solver's, whichever is less.
    pub fn time_left(&self, frame: &Frame<'_>) -> Option<Duration> {
        let limits = &frame.request.limits;
        let whole = limits.time.map(|t| t.saturating_sub(frame.started.elapsed()));
        let solver = limits.solver.map(|t| t.saturating_sub(self.solver));
        let preferring = self.until.map(|t| t.saturating_duration_since(Instant::now()));
        [whole, solver, preferring].into_iter().flatten().min()
    }

    /// Of the two that may be used up.
    pub fn which_time(&self, limits: &Limits) -> Stopped {
        match limits.solver {
            Some(most) if self.solver >= most => Stopped::SolverLimit,
            _ => Stopped::TimeLimit,
        }
    }

    pub fn tokens_are_over(&self, limits: &Limits) -> bool {
        limits.tokens.is_some_and(|most| self.tokens >= most)
    }
}

impl<'a> Run<'a> {
    pub(super) fn new(
        request: &'a RepairRequest,
        checker: &'a mut dyn Checker,
        report: Option<BugReport>,
        place: Place,
        started: Instant,
    ) -> Result<Run<'a>, RepairError> {
        let limits = &request.limits;
        let time_left = limits.time.map(|t| t.saturating_sub(started.elapsed()));
        let names = with_callers(&place.source.text, &place.function);
        let question = CheckRequest {
            file: &place.source.path,
            overlay: &[],
            functions: &names,
            time_left: [time_left, limits.solver].into_iter().flatten().min(),
            verdicts_only: false,
        };
        let began = Instant::now();
        let checked = checker.check(&question)?;
        let solver = began.elapsed();
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
        let macros = checker.macros(&place.source.path, &text);
        let preference = Preference::new(&text, &place.function, style_of(&text));
        let others = (1..limits.jobs.get()).map_while(|_| checker.another()).collect();
        let ground = Ground {
            place,
            original,
            original_all: Mutex::new(None),
            compiled,
            targets: targets.clone(),
            macros: macros.map(|text| Macros::read(&text)),
        };
        let forms = ground.forms(&text);
        let seen = [Some(forms.plain), forms.modulo_names];
        Ok(Run {
            request,
            checker,
            others,
            started,
            report,
            ground,
            current: Current {
                text,
                checked,
                open: targets,
            },
            found: Found {
                seen: seen.into_iter().flatten().collect(),
                failed: Vec::new(),
                proven: None,
                cost: None,
                proofs: 0,
                extra: u32::MAX,
                preference,
                until: None,
                step: None,
                round: 0,
                tried: 0,
                checked: 0,
                checking: Duration::ZERO,
                duplicates: 0,
                answers: 0,
                tokens: 0,
                solver,
            },
        })
    }

    pub(super) fn outcome(self, stopped: Stopped) -> RepairOutcome {
        let found = self.found;
        RepairOutcome {
            file: self.ground.place.source.relative,
            function: self.ground.place.function,
            before: self.ground.original.report,
            targets: self.ground.targets,
            patch: found.proven,
            cost: found.cost,
            proven: found.proofs,
            stopped,
            rounds: found.round,
            candidates: found.tried,
            checked: found.checked,
            checking: found.checking,
            duplicates: found.duplicates,
            answers: found.answers,
            tokens: found.tokens,
            solver: found.solver,
            failed: found.failed,
        }
    }

    /// The last record of the log.
    pub(super) fn end(&self, stopped: String) -> LogRecord {
        let found = &self.found;
        LogRecord::End {
            proven: found.proven.is_some(),
            candidates: found.tried,
            rounds: found.round,
            stopped,
            checked: found.checked,
            duplicates: found.duplicates,
            answers: found.answers,
            tokens: found.tokens,
            solver_ms: Some(u64::try_from(found.solver.as_millis()).unwrap_or(u64::MAX)),
            patch: found.proven.as_ref().map(ProvenPatch::diff),
        }
    }

    fn function_report<'r>(&self, report: &'r CheckReport) -> Option<&'r FunctionReport> {
        report
            .functions
            .iter()
            .find(|f| f.name == self.ground.place.function)
    }

    pub(super) fn go(
        &mut self,
        proposers: &mut [Box<dyn Proposer>],
        hooks: &mut Hooks<'_>,
    ) -> Result<Stopped, RepairError> {
        let place = &self.ground.place;
        let start = LogRecord::Start {
            schema: LOG_SCHEMA.to_string(),
            file: place.source.relative.to_string_lossy().into_owned(),
            function: place.function.clone(),
            targets: self.ground.targets.clone(),
        };
        if let Some(log) = hooks.log.as_deref_mut() {
            write_record(log, &start)?;
        }
        if self.ground.targets.is_empty() {
            let checked = self
                .function_report(&self.ground.original.report)
                .is_some_and(|f| !f.obligations.is_empty());
            return Ok(if checked {
                Stopped::NothingToFix
            } else {
                Stopped::NothingChecked
            });
        }
        (hooks.progress)(Event::Stage(Stage::Proposing));
        let stopped = self.rounds(proposers, hooks)?;
        // What is proven stays proven, whatever ended the search for a better one.
        if self.found.proven.is_some() {
            (hooks.progress)(Event::Stage(Stage::Proven));
            return Ok(Stopped::Proven);
        }
        Ok(stopped)
    }

    fn rounds(
        &mut self,
        proposers: &mut [Box<dyn Proposer>],
        hooks: &mut Hooks<'_>,
    ) -> Result<Stopped, RepairError> {
        let limits = &self.request.limits;
        // Those that answer still, and whether each has answered before.
        let mut asked: Vec<(&mut Box<dyn Proposer>, bool)> =
            proposers.iter_mut().map(|proposer| (proposer, false)).collect();
        while self.found.round < limits.rounds {
            self.found.round += 1;
            let context = self.context();
            let mut offered = 0;
            let mut at = 0;
            while let Some((proposer, has_answered)) = asked.get_mut(at) {
                let turn = self.turn(proposer.as_mut(), &context, hooks)?;
                at += 1;
                offered += turn.offered;
                if let Some(stopped) = turn.ended {
                    return Ok(stopped);
                }
                match turn.failed {
                    None => *has_answered = true,
                    Some(_) if self.found.proven.is_some() => return Ok(Stopped::Proven),
                    Some(error) if error.ran_out_of_time() && limits.time.is_some() => {
                        return Ok(Stopped::TimeLimit);
                    }
                    // One that has answered before and then is gone leaves the others.
                    Some(error) if *has_answered && asked.len() > 1 => {
                        at -= 1;
                        asked.remove(at);
                        (hooks.progress)(Event::Note(format!("{error}; the run goes on without it")));
                    }
                    Some(error) => return Err(error.into()),
                }
                if self.found.tokens_are_over(limits) {
                    return Ok(Stopped::TokenLimit);
                }
            }
            if self.found.proofs >= limits.best_of {
                return Ok(Stopped::Proven);
            }
            match self.found.step.take() {
                // With a proof at hand, only whole repairs are of interest.
                Some(step) if self.found.proven.is_none() => {
                    if let Some(log) = hooks.log.as_deref_mut() {
                        let record = LogRecord::Step {
                            round: self.found.round,
                            open: step.open.clone(),
                        };
                        write_record(log, &record)?;
                    }
                    self.current = *step;
                }
                _ if offered == 0 => return Ok(Stopped::NoMoreCandidates),
                _ => {}
            }
        }
        Ok(Stopped::RoundLimit)
    }

    /// One proposer's turn: what it proposes is checked while it proposes more.
    fn turn(
        &mut self,
        proposer: &mut dyn Proposer,
        context: &Context,
        hooks: &mut Hooks<'_>,
    ) -> Result<Turned, RepairError> {
        // The proposer reads what failed before; what fails now is added behind it.
        let mut earlier = std::mem::take(&mut self.found.failed);
        let name = proposer.name().to_string();
        let Run {
            request,
            checker,
            others,
            started,
            ground,
            current,
            found,
            ..
        } = self;
        let frame = Frame {
            request,
            started: *started,
            ground,
            current,
            proposer: &name,
        };
        let mut checkers: Vec<&mut dyn Checker> = vec![&mut **checker];
        for other in others {
            checkers.push(&mut **other);
        }
        let turned = std::thread::scope(|scope| {
            let line = Line::start(scope, frame.ground, frame.current, checkers);
            if line.workers == 0 {
                return Err(RepairError::NoThread);
            }
            let mut turn = Turn::new(frame, found, hooks, line);
            let mut fault = None;
            let asked = proposer.propose_each(context, &earlier, &mut |proposed| match turn.take(proposed) {
                Ok(flow) => flow,
                Err(error) => {
                    fault = Some(error);
                    ControlFlow::Break(())
                }
            });
            if let Some(fault) = fault {
                return Err(fault);
            }
            let offered = turn.offered();
            let ended = turn.finish()?;
            Ok(Turned {
                offered,
                ended,
                failed: asked.err(),
            })
        });
        earlier.append(&mut self.found.failed);
        self.found.failed = earlier;
        turned
    }

    fn context(&self) -> Context {
        let text = self.current.text.clone();
        let span = functions(&text)
            .into_iter()
            .find(|f| f.name == self.ground.place.function)
            .map_or(0..0, |f| f.range);
        let all = self
            .function_report(&self.current.checked.report)
            .map_or(Vec::new(), |f| f.obligations.clone());
        Context {
            report: self.report.clone(),
            tree: Some(self.request.tree.clone()),
            file: self.ground.place.source.relative.clone(),
            function: self.ground.place.function.clone(),
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
        let now = version(
            &self.ground.place.source.path,
            current.text.clone(),
            &current.checked,
        );
        let changes = changes(&self.ground.original, &now);
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
}

/// How a proposer's turn went.
struct Turned {
    offered: usize,
    ended: Option<Stopped>,
    /// Why it did not end by itself.
    failed: Option<ProposerError>,
}

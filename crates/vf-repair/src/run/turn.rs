//! One proposer's turn in a round: what it proposes is judged beside each other and recorded in its order.

use std::collections::{HashSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vf_verify::report::Verdict;

use super::ground::{Current, Form, Forms, Ground, Judged};
use super::line::{Done, Job, Line};
use super::state::Found;
use super::{COMPLETE, Event, Hooks, PREFER, RepairError, RepairRequest, Stopped, Tried};
use crate::certify::ProvenPatch;
use crate::checker::CheckError;
use crate::ctext::functions::functions;
use crate::log::{LogOutcome, LogRecord, write_record};
use crate::preference::Cost;
use crate::proposer::{AskedPrompt, Candidate, Failure, Feedback, ModelAnswer, Proposed};
use crate::untrusted::accept;

/// Candidates that are judged ahead of the one whose turn it is, for each thread.
const AHEAD: usize = 4;

/// What of a run does not change while a proposer has its turn.
#[derive(Clone, Copy)]
pub(super) struct Frame<'r> {
    pub request: &'r RepairRequest,
    pub started: Instant,
    pub ground: &'r Ground,
    pub current: &'r Current,
    /// Name of the proposer.
    pub proposer: &'r str,
}

pub(super) struct Turn<'r, 'h> {
    frame: Frame<'r>,
    found: &'r mut Found,
    hooks: &'r mut Hooks<'h>,
    line: Line,
    queue: VecDeque<Entry>,
    /// Forms of candidates that are judged and not recorded.
    in_flight: HashSet<Form>,
    /// Candidates of the queue that will count as tried.
    counted: u32,
    next: usize,
    /// What the proposer offered.
    offered: usize,
    last_prompt: Option<Arc<AskedPrompt>>,
    ended: Option<Stopped>,
    /// Enough was proven, before any limit was reached.
    settled: bool,
}

/// Something that was proposed and is not recorded yet.
struct Entry {
    number: usize,
    answer: Option<ModelAnswer>,
    candidate: Candidate,
    /// Why there is no candidate in the answer.
    unreadable: Option<String>,
    state: State,
}

enum State {
    New,
    /// There is no candidate in the answer.
    Unreadable(String),
    /// Known already.
    Known,
    /// Being judged.
    Asked(Forms),
    Judged(Forms, Box<Result<Judged, CheckError>>, Duration),
    /// Judged by its text alone.
    Refused(Failure),
    /// A limit was reached before its turn.
    Over(Stopped),
}

impl<'r, 'h> Turn<'r, 'h> {
    pub fn new(frame: Frame<'r>, found: &'r mut Found, hooks: &'r mut Hooks<'h>, line: Line) -> Turn<'r, 'h> {
        Turn {
            frame,
            found,
            hooks,
            line,
            queue: VecDeque::new(),
            in_flight: HashSet::new(),
            counted: 0,
            next: 0,
            offered: 0,
            last_prompt: None,
            ended: None,
            settled: false,
        }
    }

    /// Takes what the proposer has next; a break where no more is wanted.
    pub fn take(&mut self, proposed: Proposed) -> Result<ControlFlow<()>, RepairError> {
        self.offered += 1;
        if let Some(answer) = &proposed.answer {
            self.found.answers = self.found.answers.saturating_add(1);
            self.found.tokens = self.found.tokens.saturating_add(answer.tokens);
        }
        let nothing = || Candidate {
            edits: Vec::new(),
            origin: self.frame.proposer.to_owned(),
            note: String::new(),
        };
        let (candidate, unreadable) = match proposed.what {
            Ok(candidate) => (candidate, None),
            Err(why) => (nothing(), Some(why)),
        };
        self.queue.push_back(Entry {
            number: self.next,
            answer: proposed.answer,
            candidate,
            unreadable,
            state: State::New,
        });
        self.next += 1;
        self.advance(false)?;
        let limits = &self.frame.request.limits;
        // Where a better one may still come, or the log must be the same each time, the rest is listened to.
        let not_wanted = self
            .ended
            .is_some_and(|end| end != Stopped::Proven || limits.prefer_within.is_zero());
        let over = self.found.tokens_are_over(limits) || (not_wanted && !limits.repeats);
        Ok(if over {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }

    /// How much was proposed.
    pub fn offered(&self) -> usize {
        self.offered
    }

    /// Judges what is left. How the run ends, if it does.
    pub fn finish(mut self) -> Result<Option<Stopped>, RepairError> {
        (self.hooks.progress)(Event::Round {
            round: self.found.round,
            proposer: self.frame.proposer.to_owned(),
            candidates: self.offered,
        });
        self.advance(true)?;
        if self.settled {
            self.prefer()?;
        }
        if self.ended.is_some() {
            while let Some(entry) = self.queue.pop_front() {
                self.record_not_tried(entry)?;
            }
        }
        // What was judged ahead for nothing took its time, too.
        while let Some(done) = self.line.wait() {
            self.found.solver += done.took;
        }
        Ok(self.ended)
    }

    /// Records what is judged, gives out what can be; with `wait` until nothing is left, or the run has ended.
    fn advance(&mut self, wait: bool) -> Result<(), RepairError> {
        loop {
            while let Some(done) = self.line.ready() {
                self.settle(done);
            }
            while self.ended.is_none() && self.record_head()? {}
            if self.ended.is_some() || self.queue.is_empty() {
                return Ok(());
            }
            if self.give_out() {
                continue;
            }
            if !wait {
                return Ok(());
            }
            match self.line.wait() {
                Some(done) => self.settle(done),
                None => return Err(RepairError::NoThread),
            }
        }
    }

    fn settle(&mut self, done: Done) {
        self.found.solver += done.took;
        let of_it = self.queue.iter_mut().find(|e| e.number == done.number);
        if let Some(entry) = of_it {
            match std::mem::replace(&mut entry.state, State::Known) {
                State::Asked(forms) => {
                    entry.state = State::Judged(forms, Box::new(done.judged), done.took);
                }
                other => entry.state = other,
            }
        }
    }

    /// Waits until one of the queue is judged.
    fn wait_for(&mut self, number: usize) -> Result<(), RepairError> {
        let is_asked = |queue: &VecDeque<Entry>| {
            let of_it = queue.iter().find(|e| e.number == number);
            of_it.is_some_and(|e| matches!(e.state, State::Asked(_)))
        };
        while is_asked(&self.queue) {
            match self.line.wait() {
                Some(done) => self.settle(done),
                None => return Err(RepairError::NoThread),
            }
        }
        Ok(())
    }

    /// Looks at what is new, in order, and gives out what has to be checked, as far as threads are free. Whether
    /// the head of the queue can be recorded.
    fn give_out(&mut self) -> bool {
        let limits = &self.frame.request.limits;
        let most = self.line.workers.saturating_mul(AHEAD);
        for at in 0..self.queue.len().min(most) {
            let Some(entry) = self.queue.get(at) else { break };
            match &entry.state {
                State::New => {}
                State::Over(_) => break,
                _ => continue,
            }
            let unreadable = entry.unreadable.clone();
            // One more than there are threads: whoever is done has the next one at once, even while the proposer is busy.
            if unreadable.is_none() && self.line.busy > self.line.workers {
                break;
            }
            let tried = self.found.tried.saturating_add(self.counted);
            let over = match self.found.time_left(&self.frame) {
                _ if tried >= limits.candidates => Some(Stopped::CandidateLimit),
                Some(left) if left.is_zero() => Some(self.found.which_time(limits)),
                _ => None,
            };
            let state = match (over, unreadable) {
                (Some(over), _) => State::Over(over),
                (None, Some(why)) => State::Unreadable(why),
                (None, None) => self.look_at(at),
            };
            self.counted += u32::from(!matches!(state, State::Known | State::Over(_)));
            if let Some(entry) = self.queue.get_mut(at) {
                entry.state = state;
            }
        }
        self.queue.front().is_some_and(|e| e.can_be_recorded())
    }

    /// What is to be done about a candidate, by its text.
    fn look_at(&mut self, at: usize) -> State {
        let Frame { ground, current, .. } = self.frame;
        let Some(entry) = self.queue.get(at) else {
            return State::Known;
        };
        let text = match accept(&entry.candidate, &current.text, &ground.place.function) {
            Ok(text) => text,
            Err(refusal) => return State::Refused(Failure::Refused { refusal }),
        };
        let forms = ground.forms(&text);
        let known = |form: &Form| self.found.seen.contains(form) || self.in_flight.contains(form);
        if known(&forms.plain) || forms.modulo_names.as_ref().is_some_and(known) {
            return State::Known;
        }
        self.in_flight.extend(forms.all());
        let (number, time_left) = (entry.number, self.found.time_left(&self.frame));
        self.line.give(Job {
            number,
            text,
            time_left,
            given: Instant::now(),
        });
        State::Asked(forms)
    }

    /// Records the head of the queue, if it is judged; whether it was.
    fn record_head(&mut self) -> Result<bool, RepairError> {
        if !self.queue.front().is_some_and(Entry::can_be_recorded) {
            return Ok(false);
        }
        if let Some(State::Over(over)) = self.queue.front().map(|e| &e.state) {
            let over = *over;
            self.ended = Some(if self.found.proven.is_some() {
                Stopped::Proven
            } else {
                over
            });
            return Ok(true);
        }
        let Some(entry) = self.queue.pop_front() else {
            return Ok(false);
        };
        self.record(entry)?;
        if self.is_settled() {
            self.settled = true;
            self.ended = Some(Stopped::Proven);
        }
        Ok(true)
    }

    /// Enough is proven.
    fn is_settled(&self) -> bool {
        let limits = &self.frame.request.limits;
        let found = &self.found;
        let Some(proven) = &found.proven else { return false };
        let complete = refuted(&self.frame.ground.place.function, proven) == 0;
        found.proofs >= limits.best_of && (complete || found.tried >= found.extra)
    }

    /// Looks among what is left of a proposer's answer for a proven candidate that costs clearly less than the one that is
    /// kept. Cheapest first, so that the first proof ends it.
    fn prefer(&mut self) -> Result<(), RepairError> {
        let limits = self.frame.request.limits;
        let Some(kept) = self.found.cost.clone() else {
            return Ok(());
        };
        if limits.prefer_within.is_zero() {
            return Ok(());
        }
        let mut rated: Vec<(i32, usize)> = Vec::new();
        for entry in &self.queue {
            if entry.unreadable.is_some() {
                continue;
            }
            let text = entry.candidate.apply(&self.frame.current.text).ok();
            let cost = text.and_then(|text| self.found.preference.cost(&text));
            if let Some(cost) = cost.map(|c| c.total()).filter(|c| kept.is_worth_beating_with(*c)) {
                rated.push((cost, entry.number));
            }
        }
        // Stable: among equals the proposer's order.
        rated.sort_by_key(|(cost, _)| *cost);
        if !limits.repeats {
            self.found.until = Instant::now().checked_add(limits.prefer_within);
        }
        for (_, number) in rated.into_iter().take(PREFER) {
            let over = self
                .found
                .time_left(&self.frame)
                .is_some_and(|left| left.is_zero());
            if over || self.found.tried >= limits.candidates {
                break;
            }
            let proofs = self.found.proofs;
            self.judge_now(number)?;
            if self.found.proofs > proofs {
                break;
            }
        }
        self.found.until = None;
        Ok(())
    }

    /// Judges and records one of the queue before those ahead of it.
    fn judge_now(&mut self, number: usize) -> Result<(), RepairError> {
        let place = |queue: &VecDeque<Entry>| queue.iter().position(|e| e.number == number);
        let Some(at) = place(&self.queue) else {
            return Ok(());
        };
        // What was given out ahead of its turn may have been taken for known because of another that is not recorded.
        let forms_are_new =
            |turn: &Self, forms: &Forms| !forms.all().any(|form| turn.found.seen.contains(&form));
        match self.queue.get(at).map(|e| &e.state) {
            Some(State::Asked(forms) | State::Judged(forms, ..)) if !forms_are_new(self, forms) => {
                // Another of the same form was recorded since.
                self.wait_for(number)?;
                if let Some(entry) = self.queue.get_mut(at) {
                    entry.state = State::Known;
                }
            }
            Some(State::New | State::Known | State::Over(_)) => {
                self.in_flight.clear();
                let state = self.look_at(at);
                if let Some(entry) = self.queue.get_mut(at) {
                    entry.state = state;
                }
            }
            _ => {}
        }
        self.wait_for(number)?;
        let Some(entry) = place(&self.queue).and_then(|at| self.queue.remove(at)) else {
            return Ok(());
        };
        self.record(entry)
    }

    /// Reports and logs one judgement.
    fn record(&mut self, entry: Entry) -> Result<(), RepairError> {
        let Entry {
            answer,
            candidate,
            unreadable,
            state,
            ..
        } = entry;
        let is_answer = answer.is_some();
        if let Some(answer) = answer {
            self.log_answer(answer, unreadable)?;
        }
        let (judged, took) = match state {
            State::Known => {
                self.found.duplicates = self.found.duplicates.saturating_add(1);
                if is_answer {
                    self.log_candidate(candidate, LogOutcome::Duplicate, None)?;
                }
                return Ok(());
            }
            State::New | State::Asked(_) | State::Over(_) => return Ok(()),
            State::Unreadable(why) => (Judged::Failed(Failure::NotUnderstood { why }), None),
            State::Refused(failure) => (Judged::Failed(failure), None),
            State::Judged(forms, judged, took) => {
                let judged = (*judged)?;
                for form in forms.all() {
                    self.in_flight.remove(&form);
                    self.found.seen.insert(form);
                }
                self.found.checked += 1;
                self.found.checking += took;
                (judged, Some(took))
            }
        };
        self.counted = self.counted.saturating_sub(1);
        self.found.tried += 1;
        let (origin, note) = (candidate.origin.clone(), candidate.note.clone());
        let (result, outcome) = self.note(&candidate, judged);
        self.log_candidate(candidate, outcome, took)?;
        (self.hooks.progress)(Event::Tried {
            round: self.found.round,
            tried: self.found.tried,
            origin,
            note,
            result,
        });
        Ok(())
    }

    /// Keeps what a judgement says.
    fn note(&mut self, candidate: &Candidate, judged: Judged) -> (Tried, LogOutcome) {
        let Frame { ground, current, .. } = self.frame;
        let (found, function) = (&mut *self.found, &ground.place.function);
        match judged {
            Judged::Proven(patch) => {
                found.proofs = found.proofs.saturating_add(1);
                found.extra = found.extra.min(found.tried.saturating_add(COMPLETE));
                let cost = found.preference.cost(patch.new_text());
                let total = |cost: &Option<Cost>| cost.as_ref().map_or(i32::MAX, Cost::total);
                let better = |old: &ProvenPatch| {
                    (refuted(function, &patch), total(&cost)) < (refuted(function, old), total(&found.cost))
                };
                if found.proven.as_ref().is_none_or(better) {
                    found.proven = Some(*patch);
                    found.cost = cost;
                }
                (Tried::Proven, LogOutcome::Proven)
            }
            Judged::Partial(next) => {
                let open = next.open.clone();
                if found.step.as_ref().is_none_or(|s| next.open.len() < s.open.len()) {
                    found.step = Some(next);
                }
                (Tried::Partial(open.clone()), LogOutcome::Partial { open })
            }
            Judged::Failed(failure) => {
                let function_text = candidate
                    .apply(&current.text)
                    .ok()
                    .and_then(|text| {
                        let f = functions(&text).into_iter().find(|f| f.name == *function)?;
                        text.get(f.range).map(str::to_string)
                    })
                    .unwrap_or_default();
                found.failed.push(Feedback {
                    candidate: candidate.clone(),
                    function_text,
                    failure: failure.clone(),
                    round: found.round,
                });
                (Tried::Failed(failure.clone()), LogOutcome::Failed { failure })
            }
        }
    }

    /// What a model said behind the end of the search is in the log all the same.
    fn record_not_tried(&mut self, entry: Entry) -> Result<(), RepairError> {
        let Some(answer) = entry.answer else { return Ok(()) };
        match entry.unreadable {
            Some(why) => self.log_answer(answer, Some(why)),
            None => {
                self.log_answer(answer, None)?;
                self.log_candidate(entry.candidate, LogOutcome::NotTried, None)
            }
        }
    }

    fn log_answer(&mut self, answer: ModelAnswer, rejected: Option<String>) -> Result<(), RepairError> {
        let (round, proposer) = (self.found.round, self.frame.proposer.to_owned());
        let with_text = self.hooks.log_prompts;
        let Some(log) = self.hooks.log.as_deref_mut() else {
            return Ok(());
        };
        if self.last_prompt.as_ref() != Some(&answer.asked) {
            let prompt = LogRecord::Prompt {
                round,
                proposer: proposer.clone(),
                sha256: answer.asked.sha256.clone(),
                tokens: answer.asked.tokens,
                text: answer.asked.text.clone().filter(|_| with_text),
            };
            write_record(log, &prompt)?;
            self.last_prompt = Some(answer.asked.clone());
        }
        let record = LogRecord::Answer {
            round,
            proposer,
            prompt: answer.asked.sha256.clone(),
            tokens: answer.tokens,
            text: answer.text,
            rejected,
            guide: answer.details,
        };
        Ok(write_record(log, &record)?)
    }

    fn log_candidate(
        &mut self,
        candidate: Candidate,
        outcome: LogOutcome,
        took: Option<Duration>,
    ) -> Result<(), RepairError> {
        let Some(log) = self.hooks.log.as_deref_mut() else {
            return Ok(());
        };
        let record = LogRecord::Candidate {
            round: self.found.round,
            proposer: self.frame.proposer.to_owned(),
            candidate,
            outcome,
            check_ms: took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        };
        Ok(write_record(log, &record)?)
    }
}

impl Entry {
    fn can_be_recorded(&self) -> bool {
        !matches!(self.state, State::New | State::Asked(_))
    }
}

impl Forms {
    fn all(&self) -> impl Iterator<Item = Form> {
        [Some(self.plain), self.modulo_names].into_iter().flatten()
    }
}

/// Refuted obligations that a patch leaves in the function.
fn refuted(function: &str, patch: &ProvenPatch) -> usize {
    let after = patch.report().after.functions.iter().find(|f| f.name == function);
    after.map_or(0, |f| {
        let refuted = f.obligations.iter().filter(|o| o.verdict == Verdict::Refuted);
        refuted.count()
    })
}

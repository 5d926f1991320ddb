//! The analysis of one entry function: the search for proofs, with loops cut at their headers, and what runs beside it.
//!
//! 1. One pass with candidate invariants decides most; what is open after it is tried
//! 2. with the loops over the bits of a word executed to their ends,
//! 3. with what Spacer proposes,
//! 4. with loops cut two iterations at a time.
//!
//! Beside all of it the loops are unrolled ([`super::beside`]); where there is no second thread, after the third.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use vf_ir::{Body, FunctionId, ObligationId};
use vf_smt::{Stop, Terms};

use super::beside::{Beside, Searching};
use super::unrolling::Unrolled;
use super::violations::Judgement;
use super::{Answer, Context, Decision, ENTRY_TIME, EntryResult, STACK, names};
use crate::engine::{self, CheckKey, Event, Execution, Memo, Mode, Settings};
use crate::report::Verdict;
use crate::search::{self, Asking, Observer, Phases, Search, milliseconds};
use crate::solve::Solved;
use crate::{Progress, Reason, may_allocate};

/// What one of the two searches for an entry function goes by.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    pub settings: &'a Settings<'a>,
    pub deadline: Option<Instant>,
    pub observer: Observer<'a>,
    pub beside: &'a Beside,
}

impl Context<'_> {
    /// Analyses one entry function. `asking`: what the proof search waits for, and what unrolling waits for.
    pub(super) fn analyse(
        &self,
        entry: FunctionId,
        progress: &(dyn Fn(Progress) + Sync),
        asking: &[Asking; 2],
    ) -> EntryResult {
        let mut result = EntryResult::new(entry, None);
        let function = self.program.function(entry);
        if let Body::Unsupported(why) = &function.body {
            result.failure = Some(Reason::Construct {
                what: why.construct.clone(),
                function: function.name.clone(),
            });
            return result;
        }
        let began = Instant::now();
        let own_limit = began + ENTRY_TIME;
        let deadline = match (self.deadline, self.options.rlimit) {
            (Some(deadline), _) => Some(deadline.min(own_limit.max(deadline))),
            // Results that must repeat are not cut by the clock.
            (None, Some(_)) => None,
            (None, None) => Some(own_limit),
        };
        let terms = Terms::new();
        let mut memo = Memo::default();
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let stop = Stop::new();
        let settings = self.settings(entry, deadline, &skip, &stop);
        let [asking, asking_beside] = asking;
        let observer = |asking| Observer {
            function: &function.name,
            progress,
            asking,
            outside: self.outside,
        };
        let execution = match engine::execute(&settings, &terms, &mut memo, Mode::Invariants) {
            Ok(execution) => execution,
            Err(reason) => {
                result.failure = Some(reason);
                return result;
            }
        };
        result.offered = execution.contracts.iter().map(|c| c.text.clone()).collect();
        result.assumptions = execution.assumptions.clone();
        let mut first = FirstPass {
            cut: execution.recursion_cut
                || execution
                    .events
                    .iter()
                    .any(|e| matches!(e, Event::Establish { .. })),
            asked: self.asked(&execution),
            may_lose: false,
            held: engine::held_key(entry),
        };
        // A program that never allocates loses nothing, however long it runs; nor does one that holds all that it
        // allocated wherever a loop begins again.
        first.may_lose = first.cut && self.leaks() && may_allocate(self.program, entry);
        if first.may_lose && !execution.recursion_cut {
            first.asked.insert(first.held.clone());
        }
        result.search.phases.execution_ms = milliseconds(began.elapsed());
        progress(Progress::Cut {
            name: function.name.clone(),
            loops: execution.loops.len(),
            candidates: execution.candidates.len(),
        });
        let not_followed = |e: &Event| matches!(e, Event::NotFollowed { .. });
        let early = !first.may_lose && !execution.events.iter().any(not_followed);
        let beside = Beside::new(&first.asked, early, stop);
        let task = Task {
            settings: &settings,
            deadline,
            observer: observer(asking),
            beside: &beside,
        };
        let unroll = || self.unroll(entry, deadline, observer(asking_beside), &beside);
        let mut kept = Vec::new();
        let mut search = |result: &mut EntryResult| {
            kept = self.first_pass(&task, &first, (&execution, &terms), result);
            self.further_passes(&task, &first, (&execution, &mut memo), began, &unroll, result)
        };
        let unrolled = if first.cut && self.options.rlimit.is_none() {
            std::thread::scope(|scope| {
                let sleeper = || {
                    beside.waits_to_begin(&self.cores).then(|| {
                        let unrolled = beside.unrolling.governs(unroll);
                        self.cores.are_free(1);
                        unrolled
                    })
                };
                let second = std::thread::Builder::new().stack_size(STACK);
                let second = second.spawn_scoped(scope, sleeper).ok();
                let searching = Searching(&beside);
                let own = beside.proofs.governs(|| search(&mut result));
                drop(searching);
                // It has ended or is stopped where nothing is open.
                let others = second.and_then(|second| {
                    let ended = second.join();
                    ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                });
                own.or(others)
            })
        } else {
            search(&mut result)
        };
        self.settle(&beside, unrolled, &mut result);
        let started = Instant::now();
        if !self.options.verdicts_only {
            self.look_for_contracts(&execution, &terms, &kept, &mut result);
            self.look_for_invariants(&execution, &terms, &kept, (&settings, &mut memo), &mut result);
        }
        result.search.phases.suggestions_ms = milliseconds(started.elapsed());
        result
    }

    /// Decides what candidate invariants prove and what a confirmed violation refutes. Returns the candidates kept.
    fn first_pass(
        &self,
        task: &Task<'_>,
        first: &FirstPass,
        (execution, terms): (&Execution, &Terms),
        result: &mut EntryResult,
    ) -> Vec<usize> {
        let started = Instant::now();
        let mut solved = self.solve(execution, terms, task.deadline, Some(&first.asked), task);
        note_search(execution, &solved, started.elapsed(), result);
        let holds_all = solved
            .findings
            .remove(&first.held)
            .is_some_and(|f| f.all_proved());
        let may_lose = first.may_lose && !holds_all;
        result.not_followed = std::mem::take(&mut solved.not_followed);
        let mut open: BTreeSet<CheckKey> = BTreeSet::new();
        for (key, finding) in &solved.findings {
            let mut decision = Decision {
                verdict: Verdict::Proved,
                reason: None,
                bound: None,
                counterexample: None,
                contracts: names(execution, &finding.contracts),
                assumptions: execution.assumptions.clone(),
                applies: finding.applies,
                needs: None,
                suggested: Vec::new(),
            };
            if finding.all_proved() && may_lose && self.speaks_of_every_moment(key) {
                // Freed in the end, if there is one: the loops that were cut may run for ever.
                decision.verdict = Verdict::Unknown;
                decision.reason = Some(Reason::NoTermination);
                open.insert(key.clone());
            } else if finding.all_proved() {
                if finding.reached == 0 && !finding.claims_unreachable {
                    decision.verdict = Verdict::Unreachable;
                }
            } else {
                decision.verdict = Verdict::Unknown;
                decision.reason = match &finding.violation {
                    Some(violation) if task.beside.is_open(key) => {
                        match self.judge(result.entry, (execution, terms), key, violation) {
                            Judgement::Refuted(found) => {
                                decision.take(Answer::Refuted(found));
                                None
                            }
                            Judgement::NotConfirmed(reason) => reason,
                        }
                    }
                    Some(_) => None,
                    None => Some(finding.undecided.clone().unwrap_or(Reason::SolverTimeout)),
                };
                if decision.verdict != Verdict::Refuted && first.cut {
                    open.insert(key.clone());
                }
            }
            result.decisions.insert(key.clone(), decision);
        }
        if may_lose {
            self.doubt_termination(execution, result, &mut open);
        }
        task.beside.first_pass_leaves(&open);
        solved.kept
    }

    /// Tries what the first pass left open in other ways, and unrolls the loops where nobody else does.
    fn further_passes(
        &self,
        task: &Task<'_>,
        first: &FirstPass,
        (execution, memo): (&Execution, &mut Memo),
        began: Instant,
        unroll: &dyn Fn() -> Unrolled,
        result: &mut EntryResult,
    ) -> Option<Unrolled> {
        let is_open = || !task.beside.open().is_empty();
        if is_open() && !execution.geometric.is_empty() {
            // The loops over the bits of a word executed to their end, the others cut.
            memo.execute_loops(&execution.geometric, engine::WORD_TRIPS);
            self.prove_otherwise(task, memo, result);
            memo.execute_loops(&BTreeSet::new(), 0);
        }
        if is_open() && first.cut {
            self.try_horn_clauses(task, memo, began, result);
        }
        let unrolled = (is_open() && task.beside.claim()).then(unroll);
        if is_open() && first.cut {
            memo.cut_two_steps(true);
            self.prove_otherwise(task, memo, result);
            memo.cut_two_steps(false);
        }
        unrolled
    }

    /// Tries the open obligations with loops treated in another way, which `memo` says.
    fn prove_otherwise(&self, task: &Task<'_>, memo: &mut Memo, result: &mut EntryResult) {
        let terms = Terms::new();
        let Ok(execution) = engine::execute(task.settings, &terms, memo, Mode::Invariants) else {
            return;
        };
        let open = task.beside.open();
        let solved = self.solve(&execution, &terms, task.deadline, Some(&open), task);
        result.search.queries += solved.queries;
        // An execution that needs more iterations was not looked at.
        if !solved.unwound.is_empty() {
            return;
        }
        for (key, finding) in &solved.findings {
            let Some(decision) = result.decisions.get_mut(key) else {
                continue;
            };
            let answer = match &finding.violation {
                Some(violation) if task.beside.is_open(key) => {
                    match self.judge(result.entry, (&execution, &terms), key, violation) {
                        Judgement::Refuted(found) => Answer::Refuted(found),
                        Judgement::NotConfirmed(_) => continue,
                    }
                }
                None if finding.all_proved() && !self.speaks_of_every_moment(key) => {
                    Answer::proved(&execution, finding)
                }
                _ => continue,
            };
            if task.beside.decided(key) {
                decision.take(answer);
            }
        }
    }

    /// What unrolling has decided, and what it says of the rest.
    fn settle(&self, beside: &Beside, unrolled: Option<Unrolled>, result: &mut EntryResult) {
        for (key, answer) in beside.take_answers() {
            // Either is executed; the first pass speaks of what it refuted with fewer iterations.
            if let Some(decision) = result.decisions.get_mut(&key)
                && decision.verdict != Verdict::Refuted
            {
                decision.take(answer);
            }
        }
        let Some(unrolled) = unrolled else {
            return;
        };
        result.search.queries += unrolled.queries;
        result.search.largest_bound = unrolled.largest_bound;
        result.search.phases.unrolling_ms = milliseconds(unrolled.time);
        for key in beside.open() {
            if let Some(decision) = result.decisions.get_mut(&key) {
                self.bounded(&unrolled, &key, decision);
            }
        }
    }

    /// That no execution comes to the end of the program does not show that nothing is lost before: the loops
    /// that were cut may run for ever.
    fn doubt_termination(
        &self,
        execution: &Execution,
        result: &mut EntryResult,
        open: &mut BTreeSet<CheckKey>,
    ) {
        let function = self.program.function(result.entry);
        for number in 0..function.obligations.len() as u32 {
            let key = CheckKey {
                function: result.entry,
                via: Vec::new(),
                inner: result.entry,
                obligation: ObligationId(number),
            };
            if !self.speaks_of_every_moment(&key) || result.decisions.contains_key(&key) {
                continue;
            }
            open.insert(key.clone());
            let decision = Decision {
                verdict: Verdict::Unknown,
                reason: Some(Reason::NoTermination),
                bound: None,
                counterexample: None,
                contracts: BTreeSet::new(),
                assumptions: execution.assumptions.clone(),
                applies: true,
                needs: None,
                suggested: Vec::new(),
            };
            result.decisions.insert(key, decision);
        }
    }
}

/// What the first pass of the proof search starts from.
struct FirstPass {
    /// Loops or recursion were cut.
    cut: bool,
    asked: BTreeSet<CheckKey>,
    /// Memory may be lost by an execution that does not end.
    may_lose: bool,
    /// Says that it is not.
    held: CheckKey,
}

/// Records what the search with loops cut did, all of which took `time` once the function was executed.
fn note_search(execution: &Execution, solved: &Solved, time: Duration, result: &mut EntryResult) {
    result.search = Search {
        loops_cut: execution.loops.len(),
        candidates: search::by_source(execution, &solved.kept),
        passes: solved.passes,
        queries: solved.queries,
        phases: Phases {
            invariants_ms: milliseconds(solved.invariants),
            obligations_ms: milliseconds(time.saturating_sub(solved.invariants)),
            ..result.search.phases
        },
        ..Search::default()
    };
    let ends = solved
        .findings
        .iter()
        .filter(|(_, finding)| !finding.all_proved());
    for (key, finding) in ends {
        if let Some((end, after)) = finding.blocked {
            let of = after.and_then(|number| execution.loops.get(number).copied());
            result.blocked.insert(key.clone(), (end, of));
        }
    }
}

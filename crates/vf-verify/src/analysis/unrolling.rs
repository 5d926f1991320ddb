//! Loops unrolled further and further: a violation refutes, a bound that covers every execution proves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vf_ir::{FunctionId, ObligationId};
use vf_smt::Terms;

use super::beside::Beside;
use super::proofs::Task;
use super::violations::{Judgement, preferences};
use super::{Answer, Context, Decision};
use crate::engine::{self, CheckKey, Execution, Memo, Mode};
use crate::report::Verdict;
use crate::search::Observer;
use crate::solve::{SolveOptions, Solved, solve};
use crate::{Progress, Reason};

/// Bounds tried, one after the other.
const BOUNDS: [u32; 11] = [1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 1025];
/// Once unrolling has taken this long, no larger bound is begun.
const TIME: Duration = Duration::from_secs(4);
/// Nor is one begun that, as the last ones went, would end later than this.
const LIMIT: Duration = Duration::from_secs(10);

/// What unrolling says of the obligations that it did not decide.
#[derive(Default)]
pub(super) struct Unrolled {
    /// The largest bound without a violation.
    clean: BTreeMap<CheckKey, u32>,
    /// Violations that no execution showed.
    unconfirmed: BTreeMap<CheckKey, Reason>,
    /// Loops that may go on longer than the last bound: (function, header block).
    unwound: BTreeSet<(u32, u32)>,
    pub largest_bound: Option<u32>,
    pub queries: u64,
    pub time: Duration,
    /// z3's units of work.
    work: u64,
}

impl Context<'_> {
    /// Unrolls the loops of the entry function until nothing is open or nothing is left to be used up.
    pub(super) fn unroll(
        &self,
        entry: FunctionId,
        deadline: Option<Instant>,
        observer: Observer<'_>,
        beside: &Beside,
    ) -> Unrolled {
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let settings = self.settings(entry, deadline, &skip, &beside.unrolling);
        let task = Task {
            settings: &settings,
            deadline,
            observer,
            beside,
        };
        let started = Instant::now();
        let mut memo = Memo::default();
        let mut unrolled = Unrolled::default();
        let mut pace = Pace::default();
        for bound in BOUNDS {
            let open = beside.open();
            if open.is_empty() || bound > self.options.unroll.unwrap_or(u32::MAX) {
                break;
            }
            (observer.progress)(Progress::Unrolling {
                name: observer.function.to_owned(),
                bound: bound - 1,
            });
            let began = Instant::now();
            let terms = Terms::new();
            let Ok(execution) = engine::execute(&settings, &terms, &mut memo, Mode::Unroll(bound)) else {
                break;
            };
            let work = self
                .unrolling_work()
                .map(|work| work.saturating_sub(unrolled.work));
            let mut limits = self.limits(deadline);
            limits.rlimit = limits
                .rlimit
                .map(|limit| work.map_or(limit, |left| u32::try_from(left).map_or(limit, |l| limit.min(l))));
            let preferences = preferences(&execution, &terms);
            let options = SolveOptions {
                limits,
                deadline,
                only: Some(&open),
                wanted: &|key| beside.is_open(key),
                work,
                modest: beside.is_beside(),
                until_violated: false,
                preferences: &preferences,
                observer,
            };
            let solved = solve(&execution, &terms, &options);
            unrolled.largest_bound = Some(bound - 1);
            unrolled.queries += solved.queries;
            unrolled.work += solved.work;
            self.look_at(&task, (&execution, &terms), &open, &solved, bound, &mut unrolled);
            unrolled.unwound = solved.unwound;
            pace.took(bound, began.elapsed());
            let elapsed = started.elapsed();
            let long = match self.unrolling_work() {
                Some(work) => unrolled.work >= work,
                None => elapsed > TIME || elapsed + pace.ahead() > LIMIT,
            };
            if unrolled.unwound.is_empty() || long || deadline.is_some_and(|d| Instant::now() > d) {
                break;
            }
        }
        unrolled.time = started.elapsed();
        unrolled
    }

    /// What all bounds together may use, where work is counted instead of time: as much as one query.
    fn unrolling_work(&self) -> Option<u64> {
        self.options.rlimit.map(u64::from)
    }

    /// Sorts what was found of the obligations that were `open` when it was looked for.
    fn look_at(
        &self,
        task: &Task<'_>,
        (execution, terms): (&Execution, &Terms),
        open: &BTreeSet<CheckKey>,
        solved: &Solved,
        bound: u32,
        unrolled: &mut Unrolled,
    ) {
        let complete = solved.unwound.is_empty();
        for key in open {
            if !task.beside.is_open(key) {
                continue;
            }
            let answer = match solved.findings.get(key) {
                // Not reached within the bound.
                None if complete => Answer::Proved {
                    verdict: self.not_reached(key),
                    contracts: super::names(execution, &solved.contracts),
                    assumptions: execution.assumptions.clone(),
                },
                Some(finding) if complete && finding.all_proved() => Answer::proved(execution, finding),
                None => {
                    unrolled.clean.insert(key.clone(), bound);
                    continue;
                }
                Some(finding) if finding.all_proved() => {
                    unrolled.clean.insert(key.clone(), bound);
                    continue;
                }
                Some(finding) => {
                    let Some(violation) = &finding.violation else {
                        continue;
                    };
                    match self.judge(task.settings.entry, (execution, terms), key, violation) {
                        Judgement::Refuted(found) => Answer::Refuted(found),
                        Judgement::NotConfirmed(reason) => {
                            unrolled.unconfirmed.extend(reason.map(|r| (key.clone(), r)));
                            continue;
                        }
                    }
                }
            };
            task.beside.unrolled(key, answer);
        }
    }

    /// What is to be said of an obligation that neither search has decided.
    pub(super) fn bounded(&self, unrolled: &Unrolled, key: &CheckKey, decision: &mut Decision) {
        if let Some(reason) = unrolled.unconfirmed.get(key) {
            decision.verdict = Verdict::Unknown;
            decision.reason = Some(reason.clone());
        }
        // Where every execution was looked at in the end, what was found then stands.
        let Some(bound) = unrolled.clean.get(key) else {
            return;
        };
        let Some((function, header)) = unrolled.unwound.first() else {
            return;
        };
        let iterations = bound.saturating_sub(1);
        let deepest = unrolled
            .unwound
            .iter()
            .find(|(_, header)| *header == engine::RECURSION.0);
        decision.reason = Some(match deepest {
            Some((function, _)) => Reason::RecursionBound {
                function: self.program.function(FunctionId(*function)).name.clone(),
                bound: *bound,
            },
            None => Reason::Loop {
                line: self.loop_line(*function, *header),
                bound: iterations,
            },
        });
        if iterations > 0 {
            decision.verdict = Verdict::ProvedToBound;
            decision.bound = Some(iterations);
        } else {
            decision.verdict = Verdict::Unknown;
        }
        decision.counterexample = None;
    }
}

/// How the time for a bound grows: from the last two, a power of the bound.
#[derive(Default)]
struct Pace {
    before: Option<(u32, Duration)>,
    last: Option<(u32, Duration)>,
}

impl Pace {
    fn took(&mut self, bound: u32, time: Duration) {
        self.before = self.last.replace((bound, time));
    }

    /// What the bound after the last one is likely to take.
    fn ahead(&self) -> Duration {
        let (Some((smaller, short)), Some((bound, long))) = (self.before, self.last) else {
            return Duration::ZERO;
        };
        let Some(next) = BOUNDS.into_iter().find(|b| *b > bound) else {
            return Duration::ZERO;
        };
        // Below this, what is measured is mostly chance.
        let short = short.max(Duration::from_millis(50)).as_secs_f64();
        let ratio = |high: u32, low: u32| f64::from(high) / f64::from(low);
        let power = (long.as_secs_f64() / short).max(1.0).ln() / ratio(bound, smaller).ln();
        long.mul_f64(ratio(next, bound).powf(power.clamp(1.0, 4.0)))
    }
}

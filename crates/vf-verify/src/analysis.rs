//! The analysis of one entry function, and how the results of all become a report.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vf_ir::{Body, Condition, FunctionId, ObligationId, Program};
use vf_smt::{Limits, Term, Terms};
use vf_source::{SourceMap, Span};

use crate::confirm::{self, Confirmation};
use crate::engine::{self, Budget, CheckKey, Execution, Memo, Mode, Settings};
use crate::minimise::{self, Confirmed, Origin};
use crate::report::{Counterexample, Location, Needs, SuggestedInvariant, Verdict};
use crate::search::{self, Asking, Observer, PATIENCE, Phases, Question, Search, Source, milliseconds};
use crate::solve::{SolveOptions, Solved, Violation, scripts, solve};
use crate::spacer::{self, Patience};
use crate::specification::Specification;
use crate::sufficient::what_is_needed;
use crate::suggest::{plausible, sufficient_set};
use crate::unused_reads::unused_reads;
use crate::{
    CheckOptions, Emit, Emitted, Entry, Progress, Reason, Wraps, address_taken, counterexample, may_allocate,
    relevance,
};

/// Stack of an analysis thread; reads walk long histories recursively. Reserved, not used, memory.
const STACK: usize = 1 << 30;
/// Steps of one symbolic execution.
const STEPS: u64 = 4_000_000;
/// Calls inlined into each other.
const DEPTH: u32 = 24;
/// Bounds tried, one after the other.
const BOUNDS: [u32; 11] = [1, 2, 3, 5, 9, 17, 33, 65, 129, 257, 1025];
/// Time for one entry function when none is given.
const ENTRY_TIME: Duration = Duration::from_secs(60);
/// Once unrolling has taken this long, no larger bound is begun.
const UNROLL_TIME: Duration = Duration::from_secs(4);
/// Nor is one begun that, as the last ones went, would end later than this.
const UNROLL_LIMIT: Duration = Duration::from_secs(10);
/// With less time left, Spacer is not asked.
const SPACER_TIME: Duration = Duration::from_secs(4);
/// Refuted obligations of one function for which a contract is looked for.
const CONTRACTS_SOUGHT: usize = 4;
/// Open obligations of one function for which invariants are looked for.
const INVARIANTS_SOUGHT: usize = 4;
/// Iterations in which clauses are tried out before they are suggested.
const TRIED_OUT: u32 = 4;
/// How often it is looked whether a query takes long.
const WATCH: Duration = Duration::from_millis(250);
/// Time for one query when none is given.
const QUERY_TIME: Duration = Duration::from_secs(10);

pub struct Context<'p> {
    pub program: &'p Program,
    pub sources: &'p SourceMap,
    pub options: &'p CheckOptions,
    deadline: Option<Instant>,
    /// Checks that are no obligations of this run, by function.
    skipped: Vec<BTreeSet<ObligationId>>,
    /// Functions whose address is taken; only asked of whole programs.
    taken: BTreeSet<FunctionId>,
}

/// What is known of one obligation after the analysis of one entry.
#[derive(Clone, Debug)]
pub struct Decision {
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    pub bound: Option<u32>,
    pub counterexample: Option<Counterexample>,
    pub contracts: BTreeSet<String>,
    pub assumptions: BTreeSet<String>,
    pub applies: bool,
    /// Of a refuted one: a clause under which it would hold.
    pub needs: Option<Needs>,
    /// Of one that is open behind a loop: invariants under which it would be proved.
    pub suggested: Vec<SuggestedInvariant>,
}

pub struct EntryResult {
    pub entry: FunctionId,
    pub decisions: BTreeMap<CheckKey, Decision>,
    pub failure: Option<Reason>,
    /// Functions of which something was reached that was not followed.
    pub not_followed: BTreeMap<FunctionId, Reason>,
    /// How the search for proofs went, without what blocks it.
    pub search: Search,
    /// How the queries ended that are no proofs, and the loops before them.
    pub blocked: BTreeMap<CheckKey, (search::QueryEnd, Option<engine::CutLoop>)>,
}

impl EntryResult {
    fn new(entry: FunctionId, failure: Option<Reason>) -> EntryResult {
        EntryResult {
            entry,
            decisions: BTreeMap::new(),
            failure,
            not_followed: BTreeMap::new(),
            search: Search::default(),
            blocked: BTreeMap::new(),
        }
    }
}

impl<'p> Context<'p> {
    pub fn new(
        program: &'p Program,
        sources: &'p SourceMap,
        options: &'p CheckOptions,
        started: Instant,
    ) -> Self {
        let relevance = relevance::Relevance::new(program);
        let skipped = (0..program.functions.len() as u32)
            .map(FunctionId)
            .map(|id| {
                let mut skipped = match options.wraps {
                    _ if options.specification.is_some() => passed_over(program, id),
                    _ if program.function(id).blocks().is_empty() => BTreeSet::new(),
                    Wraps::All => relevance.deliberate(id),
                    Wraps::Relevant => relevance.irrelevant(id),
                };
                skipped.append(&mut unused_reads(program.function(id)));
                skipped
            })
            .collect();
        Context {
            program,
            sources,
            options,
            deadline: options.timeout.map(|t| started + t),
            skipped,
            taken: if options.entry == Entry::Main || options.specification.is_some() {
                address_taken(program)
            } else {
                BTreeSet::new()
            },
        }
    }

    /// Whether the verdict on the obligation is asked for; the others are taken to hold.
    pub fn asks(&self, function: FunctionId, obligation: ObligationId) -> bool {
        let function = self.program.function(function);
        let Some(obligation) = function.obligations.get(obligation.index()) else {
            return false;
        };
        let selected = &self.options.properties;
        (selected.is_empty() || selected.contains(&obligation.property))
            && self
                .options
                .specification
                .as_ref()
                .is_none_or(|s| s.asks(function, obligation))
    }

    /// The obligations that an execution reached and that are asked for.
    fn asked(&self, execution: &Execution) -> BTreeSet<CheckKey> {
        let keys = execution.events.iter().filter_map(|event| match event {
            engine::Event::Check(check) => Some(&check.key),
            engine::Event::Undecided { key, .. } => Some(key),
            _ => None,
        });
        keys.filter(|key| self.asks(key.inner, key.obligation))
            .cloned()
            .collect()
    }

    pub fn skips(&self, function: FunctionId, obligation: ObligationId) -> bool {
        self.skipped
            .get(function.index())
            .is_some_and(|s| s.contains(&obligation))
    }

    /// Runs `work` on a thread with a stack for long histories; `None` when no thread could be had.
    pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, work)
                .ok()?;
            thread.join().ok()
        })
    }

    /// Analyses the entries on all cores.
    pub fn run(&self, entries: &[FunctionId], progress: &mut dyn FnMut(Progress)) -> Vec<EntryResult> {
        let workers = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(entries.len())
            .max(1);
        let next = Arc::new(Mutex::new(0usize));
        let questions: Vec<Asking> = (0..workers).map(|_| Asking::default()).collect();
        let (sender, receiver) = mpsc::channel();
        let mut results: Vec<EntryResult> = Vec::new();
        std::thread::scope(|scope| {
            let mut started = 0;
            for asking in &questions {
                let (sender, next) = (sender.clone(), next.clone());
                let work = move || {
                    loop {
                        let number = {
                            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                            *next += 1;
                            *next
                        };
                        let Some(entry) = entries.get(number - 1) else {
                            return;
                        };
                        let name = self.program.function(*entry).name.clone();
                        let _ = sender.send(Message::Progress(Progress::Function {
                            name,
                            number,
                            total: entries.len(),
                        }));
                        let report = |p| {
                            let _ = sender.send(Message::Progress(p));
                        };
                        let result = self.analyse(*entry, &report, asking);
                        let _ = sender.send(Message::Done(Box::new(result)));
                    }
                };
                if std::thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, work)
                    .is_ok()
                {
                    started += 1;
                }
            }
            drop(sender);
            if started == 0 {
                return;
            }
            loop {
                match receiver.recv_timeout(WATCH) {
                    Ok(Message::Progress(p)) => progress(p),
                    Ok(Message::Done(result)) => results.push(*result),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                for (name, question) in questions.iter().filter_map(|asking| asking.longer_than(PATIENCE)) {
                    let what = self.in_words(&question);
                    progress(Progress::Asking { name, what });
                }
            }
        });
        // A thread that could not be had leaves its entries undecided, not forgotten.
        for entry in entries {
            if !results.iter().any(|r| r.entry == *entry) {
                let failure = Reason::TooComplex { what: "threads" };
                results.push(EntryResult::new(*entry, Some(failure)));
            }
        }
        results.sort_by_key(|r| r.entry);
        results
    }

    fn in_words(&self, question: &Question) -> String {
        match question {
            Question::Inductive { candidates: 1 } => "whether a candidate invariant is inductive".to_owned(),
            Question::Inductive { candidates } => {
                format!("whether {candidates} candidate invariants are inductive")
            }
            Question::Obligation(key) => {
                let obligations = &self.program.function(key.inner).obligations;
                let asked = obligations.get(key.obligation.index());
                let what = asked.map_or("", |o| o.property.name());
                let text = self.sources.text(self.place(key)).unwrap_or_default();
                let line = self.location(self.place(key)).line;
                format!("{what} of `{text}` at line {line}")
            }
        }
    }

    fn analyse(&self, entry: FunctionId, progress: &dyn Fn(Progress), asking: &Asking) -> EntryResult {
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
        let settings = Settings {
            program: self.program,
            entry,
            entry_mode: self.entry_mode(),
            skip: &skip,
            budget: Budget {
                steps: STEPS,
                deadline,
                depth: DEPTH,
            },
            allocation_succeeds: self.options.specification.is_some(),
            taken: &self.taken,
            leaks: self.leaks(),
            without: &self.options.without,
            probes: &[],
        };
        let observer = Observer {
            function: &function.name,
            progress,
            asking,
        };
        let started = Instant::now();
        let execution = match engine::execute(&settings, &terms, &mut memo, Mode::Invariants) {
            Ok(execution) => execution,
            Err(reason) => {
                result.failure = Some(reason);
                return result;
            }
        };
        let cut = execution.recursion_cut
            || execution
                .events
                .iter()
                .any(|e| matches!(e, engine::Event::Establish { .. }));
        let mut asked = self.asked(&execution);
        // A program that never allocates loses nothing, however long it runs; nor does one that holds all that it
        // allocated wherever a loop begins again.
        let mut may_lose = cut && self.leaks() && may_allocate(self.program, entry);
        let held = engine::held_key(entry);
        if may_lose && !execution.recursion_cut {
            asked.insert(held.clone());
        }
        result.search.phases.execution_ms = milliseconds(started.elapsed());
        progress(Progress::Cut {
            name: function.name.clone(),
            loops: execution.loops.len(),
            candidates: execution.candidates.len(),
        });
        let started = Instant::now();
        let mut solved = self.solve(&execution, &terms, deadline, Some(&asked), observer);
        note_search(&execution, &solved, started.elapsed(), &mut result);
        may_lose &= !solved.findings.remove(&held).is_some_and(|f| f.all_proved());
        result.not_followed = solved.not_followed.clone();
        let mut open: BTreeSet<CheckKey> = BTreeSet::new();
        for (key, finding) in &solved.findings {
            let mut decision = Decision {
                verdict: Verdict::Proved,
                reason: None,
                bound: None,
                counterexample: None,
                contracts: names(&execution, &finding.contracts),
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
            } else if let Some(violation) = &finding.violation {
                self.judge_violation(entry, &execution, &terms, key, violation, &mut decision);
                if decision.verdict != Verdict::Refuted && cut {
                    open.insert(key.clone());
                }
            } else {
                decision.verdict = Verdict::Unknown;
                decision.reason = Some(finding.undecided.clone().unwrap_or(Reason::SolverTimeout));
                if cut {
                    open.insert(key.clone());
                }
            }
            result.decisions.insert(key.clone(), decision);
        }
        if may_lose {
            self.doubt_termination(&execution, &mut result, &mut open);
        }
        if !open.is_empty() && !execution.geometric.is_empty() {
            // The loops over the bits of a word executed to their end, the others cut.
            memo.execute_loops(&execution.geometric, engine::WORD_TRIPS);
            let limits = (deadline, observer);
            self.prove_otherwise(&settings, &mut memo, limits, &mut open, &mut result);
            memo.execute_loops(&BTreeSet::new(), 0);
        }
        if cut && !open.is_empty() {
            self.try_horn_clauses(
                &settings,
                &mut memo,
                (began, deadline, observer),
                &mut open,
                &mut result,
            );
        }
        if !open.is_empty() {
            let started = Instant::now();
            self.unroll(&settings, &mut memo, deadline, open, &mut result, observer);
            result.search.phases.unrolling_ms = milliseconds(started.elapsed());
        }
        let mut open = left_open(&result);
        if cut && !open.is_empty() {
            memo.cut_two_steps(true);
            let limits = (deadline, observer);
            self.prove_otherwise(&settings, &mut memo, limits, &mut open, &mut result);
            memo.cut_two_steps(false);
        }
        let started = Instant::now();
        self.look_for_contracts(&execution, &terms, &solved.kept, &mut result);
        self.look_for_invariants(
            &execution,
            &terms,
            &solved.kept,
            (&settings, &mut memo),
            &mut result,
        );
        result.search.phases.suggestions_ms = milliseconds(started.elapsed());
        result
    }

    /// Asks Spacer for invariants that would prove what is open, and, where it proposes any, searches once more with them
    /// among the candidates. The first search has taken the time from when it all began until now.
    fn try_horn_clauses(
        &self,
        settings: &Settings<'_>,
        memo: &mut Memo,
        (began, deadline, observer): (Instant, Option<Instant>, Observer<'_>),
        open: &mut BTreeSet<CheckKey>,
        result: &mut EntryResult,
    ) {
        let spent = began.elapsed();
        let left = deadline.map(|d| d.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left < SPACER_TIME) || self.options.without.contains(&Source::Spacer) {
            return;
        }
        let mut checks: BTreeMap<FunctionId, BTreeSet<ObligationId>> = BTreeMap::new();
        for key in open.iter() {
            checks.entry(key.inner).or_default().insert(key.obligation);
        }
        let patience = Patience {
            repeatable: self.options.rlimit.is_some(),
            deadline,
        };
        let assumed = |function, obligation| !self.skips(function, obligation);
        let proposals = spacer::propose(self.program, &checks, &assumed, &patience);
        if proposals.is_empty() {
            return;
        }
        memo.solved = Rc::new(proposals);
        // Another search among all candidates takes as long as the first.
        memo.solved_alone = left.is_some_and(|left| left < spent * 2);
        let terms = Terms::new();
        let execution = engine::execute(settings, &terms, memo, Mode::Invariants);
        memo.solved = Rc::default();
        memo.solved_alone = false;
        let Ok(execution) = execution else {
            return;
        };
        let until = left.map(|left| Instant::now() + left / 2);
        let solved = self.solve(&execution, &terms, until, Some(open), observer);
        result.search.queries += solved.queries;
        result.search.passes += solved.passes;
        let tried = search::by_source(&execution, &solved.kept);
        let of_spacer = tried.into_iter().filter(|(source, _)| *source == Source::Spacer);
        result.search.candidates.extend(of_spacer);
        for (key, finding) in &solved.findings {
            let Some(decision) = result.decisions.get_mut(key).filter(|_| open.contains(key)) else {
                continue;
            };
            // What is refuted by a counterexample is left to the bounds, which find it in few iterations.
            if !finding.all_proved() || self.speaks_of_every_moment(key) {
                continue;
            }
            let dead = finding.reached == 0 && !finding.claims_unreachable;
            decision.verdict = if dead {
                Verdict::Unreachable
            } else {
                Verdict::Proved
            };
            decision.reason = None;
            decision.counterexample = None;
            decision.contracts = names(&execution, &finding.contracts);
            decision.assumptions = execution.assumptions.clone();
            decision.applies = finding.applies;
            open.remove(key);
        }
    }

    /// For what is refuted under the usual reading of the parameters: what would callers have to keep?
    fn look_for_contracts(
        &self,
        execution: &Execution,
        terms: &Terms,
        kept: &[usize],
        result: &mut EntryResult,
    ) {
        let entry = result.entry;
        let refuted = result
            .decisions
            .iter_mut()
            .filter(|(key, decision)| decision.verdict == Verdict::Refuted && key.function == entry);
        for (key, decision) in refuted.take(CONTRACTS_SOUGHT) {
            decision.needs = what_is_needed(execution, terms, kept, key, self.options.rlimit);
        }
    }

    /// For what is open behind a loop: which invariants would have sufficed?
    fn look_for_invariants(
        &self,
        execution: &Execution,
        terms: &Terms,
        kept: &[usize],
        (settings, memo): (&Settings<'_>, &mut Memo),
        result: &mut EntryResult,
    ) {
        let late = || settings.budget.deadline.is_some_and(|d| Instant::now() > d);
        let blocked = &result.blocked;
        let behind_loop = |key: &CheckKey| matches!(blocked.get(key), Some((_, Some(_))));
        let open = |verdict| matches!(verdict, Verdict::Unknown | Verdict::ProvedToBound);
        let mut sought: Vec<(&CheckKey, &mut Decision)> = result
            .decisions
            .iter_mut()
            .filter(|(key, decision)| open(decision.verdict) && behind_loop(key))
            .take(INVARIANTS_SOUGHT)
            .collect();
        if sought.is_empty() || execution.clauses.is_empty() || late() {
            return;
        }
        let probing = Settings {
            probes: &execution.clauses,
            ..settings.clone()
        };
        let unrolled = Terms::new();
        let rlimit = self.options.rlimit;
        let Ok(tried) = engine::execute(&probing, &unrolled, memo, Mode::Unroll(TRIED_OUT)) else {
            return;
        };
        let plausible = plausible(&tried, &unrolled, execution.clauses.len(), rlimit);
        let pool: Vec<usize> = (0..execution.clauses.len())
            .filter(|number| plausible[*number])
            .filter(|number| execution.clauses[*number].from.is_none_or(|c| !kept.contains(&c)))
            .collect();
        for (key, decision) in &mut sought {
            if late() {
                return;
            }
            let found = sufficient_set(execution, terms, kept, &pool, key, rlimit);
            let found = found.into_iter().flatten();
            decision.suggested = found
                .filter_map(|number| self.suggested(execution, number))
                .collect();
        }
    }

    fn suggested(&self, execution: &Execution, number: usize) -> Option<SuggestedInvariant> {
        let clause = execution.clauses.get(number)?;
        let of = execution.loops.get(clause.of)?;
        Some(SuggestedInvariant {
            location: self.loop_location(*of),
            clause: if clause.annotation {
                format!("loop invariant {}", clause.text)
            } else {
                clause.text.clone()
            },
            annotation: clause.annotation,
        })
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

    /// What the proof search of one entry rests on: its kept invariants, or its queries.
    pub fn emit(&self, entry: FunctionId, what: Emit) -> Result<Vec<Emitted>, Reason> {
        let terms = Terms::new();
        let mut memo = Memo::default();
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let deadline = self.deadline.unwrap_or_else(|| Instant::now() + ENTRY_TIME);
        let settings = Settings {
            program: self.program,
            entry,
            entry_mode: self.entry_mode(),
            skip: &skip,
            budget: Budget {
                steps: STEPS,
                deadline: Some(deadline),
                depth: DEPTH,
            },
            allocation_succeeds: self.options.specification.is_some(),
            taken: &self.taken,
            leaks: self.leaks(),
            without: &self.options.without,
            probes: &[],
        };
        let execution = engine::execute(&settings, &terms, &mut memo, Mode::Invariants)?;
        let limits = Limits {
            rlimit: self.options.rlimit,
            timeout_ms: Some(QUERY_TIME.as_millis() as u32),
        };
        let options = SolveOptions {
            limits,
            deadline: Some(deadline),
            only: None,
            preferences: &[],
            observer: Observer {
                function: "",
                progress: &|_| {},
                asking: &Asking::default(),
            },
        };
        let function = self.program.function(entry).name.clone();
        Ok(match what {
            Emit::Invariants => {
                let kept = solve(&execution, &terms, &options).kept;
                let texts = kept.iter().filter_map(|i| execution.candidates.get(*i));
                texts
                    .map(|c| Emitted {
                        function: function.clone(),
                        name: self.name_of_loop(&execution, c.of),
                        text: c.text.clone(),
                    })
                    .collect()
            }
            Emit::Smt2 => scripts(&execution, &terms, &options)
                .into_iter()
                .filter(|(key, _)| *key != engine::held_key(entry))
                .map(|(key, text)| {
                    let obligation = self
                        .program
                        .function(key.inner)
                        .obligations
                        .get(key.obligation.index());
                    let name = obligation
                        .map_or_else(String::new, |o| format!("{} of {}", o.property.name(), o.text));
                    let place = self.location(self.place(&key));
                    Emitted {
                        function: function.clone(),
                        name: format!("{}: {name}", place.line),
                        text,
                    }
                })
                .collect(),
        })
    }

    /// Tries the open obligations with loops treated in another way, which `memo` says.
    fn prove_otherwise(
        &self,
        settings: &Settings<'_>,
        memo: &mut Memo,
        (deadline, observer): (Option<Instant>, Observer<'_>),
        open: &mut BTreeSet<CheckKey>,
        result: &mut EntryResult,
    ) {
        let terms = Terms::new();
        let Ok(execution) = engine::execute(settings, &terms, memo, Mode::Invariants) else {
            return;
        };
        let solved = self.solve(&execution, &terms, deadline, Some(open), observer);
        result.search.queries += solved.queries;
        // An execution that needs more iterations was not looked at.
        if !solved.unwound.is_empty() {
            return;
        }
        for (key, finding) in &solved.findings {
            let Some(decision) = result.decisions.get_mut(key) else {
                continue;
            };
            if let Some(violation) = &finding.violation {
                let mut judged = decision.clone();
                self.judge_violation(settings.entry, &execution, &terms, key, violation, &mut judged);
                if judged.verdict == Verdict::Refuted && open.remove(key) {
                    *decision = judged;
                }
                continue;
            }
            if !finding.all_proved() || self.speaks_of_every_moment(key) || !open.remove(key) {
                continue;
            }
            let dead = finding.reached == 0 && !finding.claims_unreachable;
            decision.verdict = if dead {
                Verdict::Unreachable
            } else {
                Verdict::Proved
            };
            decision.reason = None;
            decision.bound = None;
            decision.counterexample = None;
            decision.contracts = names(&execution, &finding.contracts);
            decision.assumptions = execution.assumptions.clone();
        }
    }

    /// Tries the open obligations with loops unrolled.
    fn unroll(
        &self,
        settings: &Settings<'_>,
        memo: &mut Memo,
        deadline: Option<Instant>,
        mut open: BTreeSet<CheckKey>,
        result: &mut EntryResult,
        observer: Observer<'_>,
    ) {
        let name = self.program.function(settings.entry).name.clone();
        let started = Instant::now();
        let mut clean: HashMap<CheckKey, u32> = HashMap::new();
        let mut unwound: BTreeSet<(u32, u32)> = BTreeSet::new();
        let mut pace = Pace::default();
        for bound in BOUNDS {
            if open.is_empty() || bound > self.options.unroll.unwrap_or(u32::MAX) {
                break;
            }
            (observer.progress)(Progress::Unrolling {
                name: name.clone(),
                bound: bound - 1,
            });
            let began = Instant::now();
            let terms = Terms::new();
            let Ok(execution) = engine::execute(settings, &terms, memo, Mode::Unroll(bound)) else {
                break;
            };
            let solved = self.solve(&execution, &terms, deadline, Some(&open), observer);
            result.search.queries += solved.queries;
            result.search.largest_bound = Some(bound - 1);
            let complete = solved.unwound.is_empty();
            unwound = solved.unwound.clone();
            for key in open.clone() {
                let Some(decision) = result.decisions.get_mut(&key) else {
                    continue;
                };
                match solved.findings.get(&key) {
                    // Not reached within the bound.
                    None => {
                        if complete {
                            decision.verdict = self.not_reached(&key);
                            decision.reason = None;
                            open.remove(&key);
                        } else {
                            clean.insert(key, bound);
                        }
                    }
                    Some(finding) if finding.all_proved() => {
                        if complete {
                            let dead = finding.reached == 0 && !finding.claims_unreachable;
                            decision.verdict = if dead {
                                Verdict::Unreachable
                            } else {
                                Verdict::Proved
                            };
                            decision.reason = None;
                            decision.contracts = names(&execution, &finding.contracts);
                            decision.assumptions = execution.assumptions.clone();
                            open.remove(&key);
                        } else {
                            clean.insert(key, bound);
                        }
                    }
                    Some(finding) => {
                        if let Some(violation) = &finding.violation {
                            self.judge_violation(
                                settings.entry,
                                &execution,
                                &terms,
                                &key,
                                violation,
                                decision,
                            );
                            if decision.verdict == Verdict::Refuted {
                                open.remove(&key);
                            }
                        }
                    }
                }
            }
            pace.took(bound, began.elapsed());
            let elapsed = started.elapsed();
            let long = self.options.rlimit.is_none()
                && (elapsed > UNROLL_TIME || elapsed + pace.ahead() > UNROLL_LIMIT);
            if complete || long || deadline.is_some_and(|d| Instant::now() > d) {
                break;
            }
        }
        for key in open {
            let Some(decision) = result.decisions.get_mut(&key) else {
                continue;
            };
            // Where every execution was looked at in the end, what was found then stands.
            if let Some(bound) = clean.get(&key).filter(|_| !unwound.is_empty()) {
                let line = unwound
                    .iter()
                    .next()
                    .map_or(0, |(function, header)| self.loop_line(*function, *header));
                let iterations = bound.saturating_sub(1);
                let deepest = unwound.iter().find(|(_, header)| *header == engine::RECURSION.0);
                decision.reason = Some(match deepest {
                    Some((function, _)) => Reason::RecursionBound {
                        function: self.program.function(FunctionId(*function)).name.clone(),
                        bound: *bound,
                    },
                    None => Reason::Loop {
                        line,
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
    }

    /// The verdict on an obligation that no execution reaches: where that is what it demands, it is proved.
    pub fn not_reached(&self, key: &CheckKey) -> Verdict {
        let obligation = self
            .program
            .function(key.inner)
            .obligations
            .get(key.obligation.index());
        match obligation.map(|o| &o.condition) {
            Some(Condition::Unreachable) => Verdict::Proved,
            _ => Verdict::Unreachable,
        }
    }

    /// For people who read layers: the function, and the block at which the loop begins.
    fn name_of_loop(&self, execution: &Execution, number: usize) -> String {
        execution.loops.get(number).map_or_else(String::new, |of| {
            let function = &self.program.function(of.function).name;
            format!("{function}, loop at block {}", of.header.0)
        })
    }

    /// Where a loop begins.
    pub fn loop_location(&self, of: engine::CutLoop) -> Location {
        let function = self.program.function(of.function);
        Location {
            line: self.loop_line(of.function.0, of.header.0),
            column: 0,
            ..self.location(function.span)
        }
    }

    fn loop_line(&self, function: u32, header: u32) -> u32 {
        let function = self.program.function(FunctionId(function));
        let block = function.blocks().get(header as usize);
        let spans = block.into_iter().flat_map(|b| {
            b.statements
                .iter()
                .map(|s| s.span)
                .chain(std::iter::once(b.terminator_span))
        });
        spans
            .filter(|s| s.is_known())
            .map(|s| s.start.line)
            .next()
            .unwrap_or(function.span.start.line)
    }

    fn solve(
        &self,
        execution: &Execution,
        terms: &Terms,
        deadline: Option<Instant>,
        only: Option<&BTreeSet<CheckKey>>,
        observer: Observer<'_>,
    ) -> Solved {
        let timeout_ms = match self.options.rlimit {
            Some(_) => None,
            None => {
                let left = deadline.map_or(QUERY_TIME, |d| d.saturating_duration_since(Instant::now()));
                Some(left.min(QUERY_TIME).as_millis().max(1) as u32)
            }
        };
        let preferences = preferences(execution, terms);
        let options = SolveOptions {
            limits: Limits {
                rlimit: self.options.rlimit,
                timeout_ms,
            },
            deadline,
            only,
            preferences: &preferences,
            observer,
        };
        solve(execution, terms, &options)
    }

    /// Runs the inputs of a violation's models; the verdict is `refuted` when one shows the violation.
    fn judge_violation(
        &self,
        entry: FunctionId,
        execution: &Execution,
        terms: &Terms,
        key: &CheckKey,
        violation: &Violation,
        decision: &mut Decision,
    ) {
        let name = &self.program.function(entry).name;
        decision.verdict = Verdict::Unknown;
        for model in &violation.models {
            let model = model.assignment();
            let input = counterexample::input_of(self.program, name, execution, terms, model);
            match confirm::confirm(self, &input, key, confirm::STEPS) {
                Confirmation::Seen(run) => {
                    decision.verdict = Verdict::Refuted;
                    decision.reason = None;
                    let origin = Origin {
                        context: self,
                        entry,
                        execution,
                        terms,
                        model,
                        key,
                    };
                    let found = minimise::counterexample(&origin, Confirmed { input, run });
                    decision.counterexample = Some(found);
                    return;
                }
                Confirmation::NotSeen(why) => decision.reason = Some(Reason::NotConfirmed { why }),
            }
        }
    }

    /// Memory that is freed when the program ends was tracked until then; if it does not end, nothing is said.
    fn speaks_of_every_moment(&self, key: &CheckKey) -> bool {
        let obligations = &self.program.function(key.inner).obligations;
        obligations
            .get(key.obligation.index())
            .is_some_and(|o| o.condition == Condition::Freed { or_reachable: true })
    }

    fn leaks(&self) -> bool {
        let specification = self.options.specification.as_ref();
        specification.is_some_and(|s| s.asks_for_leaks())
    }

    fn entry_mode(&self) -> Entry {
        match self.options.specification {
            Some(_) => Entry::Main,
            None => self.options.entry,
        }
    }

    pub fn location(&self, span: Span) -> Location {
        let file = self
            .sources
            .get(span.file)
            .map(|f| f.path.display().to_string())
            .unwrap_or_default();
        if span.is_known() {
            Location {
                file,
                line: span.start.line,
                column: span.start.column,
            }
        } else {
            Location {
                file,
                line: 0,
                column: 0,
            }
        }
    }

    /// Where an obligation is reported: its own place, or that of the call of the model it belongs to.
    pub fn place(&self, key: &CheckKey) -> Span {
        let function = self.program.function(key.function);
        if let Some((block, statement)) = key.via.first() {
            let found = function
                .blocks()
                .get(block.index())
                .and_then(|b| b.statements.get(*statement as usize));
            return found.map_or(function.span, |s| s.span);
        }
        self.program
            .function(key.inner)
            .obligations
            .get(key.obligation.index())
            .map_or(function.span, |o| o.span)
    }
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

/// What is neither proved nor refuted so far.
fn left_open(result: &EntryResult) -> BTreeSet<CheckKey> {
    let open = result
        .decisions
        .iter()
        .filter(|(_, decision)| matches!(decision.verdict, Verdict::Unknown | Verdict::ProvedToBound));
    open.map(|(key, _)| key.clone()).collect()
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

/// Small numbers make counterexamples that can be read and run: small arguments and objects, or small objects at least.
fn preferences(execution: &Execution, terms: &Terms) -> Vec<Term> {
    /// Largest arguments and objects.
    const SMALL: [(u128, u128); 3] = [(0, 16), (2, 16), (16, 64)];
    const PAGE: u128 = 4096;
    let inputs = execution.objects.values().filter(|o| o.input);
    let sizes: Vec<Term> = inputs
        .map(|o| o.size)
        .filter(|size| terms.as_bv(*size).is_none())
        .collect();
    let below = |values: &[Term], limit: u128| {
        let each = values.iter().map(|v| (terms.width(*v), *v));
        let each: Vec<Term> = each
            .filter(|(width, _)| *width >= 16)
            .map(|(width, value)| terms.ule(value, terms.bv(width, limit)))
            .collect();
        terms.all(&each)
    };
    let numbers: Vec<Term> = execution
        .arguments
        .iter()
        .filter_map(|(_, value)| value.bits())
        .collect();
    let small = |(number, size)| terms.and(below(&numbers, number), below(&sizes, size));
    let mut found: Vec<Term> = SMALL.into_iter().map(small).collect();
    found.push(below(&sizes, PAGE));
    found.retain(|preference| !terms.is_true(*preference));
    found
}

/// Checks of well-defined behaviour, after which a specification's executions go on whether they hold or not.
fn passed_over(program: &Program, function: FunctionId) -> BTreeSet<ObligationId> {
    let obligations = &program.function(function).obligations;
    (0u32..)
        .zip(obligations)
        .filter(|(_, obligation)| Specification::passes_over(obligation))
        .map(|(number, _)| ObligationId(number))
        .collect()
}

enum Message {
    Progress(Progress),
    Done(Box<EntryResult>),
}

fn names(execution: &Execution, contracts: &BTreeSet<usize>) -> BTreeSet<String> {
    contracts
        .iter()
        .filter_map(|i| execution.contracts.get(*i))
        .map(|c| c.text.clone())
        .collect()
}

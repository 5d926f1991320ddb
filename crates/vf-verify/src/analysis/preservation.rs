//! Whether two versions of a function do the same wherever the old one breaks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vf_ir::{FunctionId, ObligationId};
use vf_smt::{Limits, Outcome, Solver, Stop, Term, Terms};

use super::violations::preferences;
use super::{Context, names};
use crate::counterexample;
use crate::engine::{self, Against, CheckKey, Compared, Event, Execution, Memo, Mode, Obstacle, Settings};
use crate::preservation::{Comparison, Open, Preservation};
use crate::search::{Asking, Observer};
use crate::solve::{Literals, SolveOptions, Solved, solve};

/// Times that loops are looked at with less in common than before.
const TRIES: usize = 24;
/// Bounds of the unrolling that looks for inputs, and proves where no loop goes on longer.
const BOUNDS: [u32; 6] = [1, 2, 3, 5, 9, 17];
/// Once unrolling has taken this long, no larger bound is begun.
const UNROLLING: Duration = Duration::from_secs(4);
/// For one question on the way to an input that comes to what was wrong.
const WITNESS_MS: u32 = 1_000;
/// Statements of which it is asked whether a safe input comes to them.
const DROPPED: usize = 8;
/// Models that are made inputs of.
const INPUTS: usize = 12;

/// What is compared, and how long it may take.
pub struct Question<'a> {
    pub entry: FunctionId,
    pub against: Against<'a>,
    pub deadline: Instant,
}

impl<'p> Context<'p> {
    /// The same with other checks that are no obligations, by function.
    pub fn skipping(mut self, skipped: Vec<BTreeSet<ObligationId>>) -> Self {
        self.skipped = skipped;
        self
    }

    pub fn compare(&self, question: &Question<'_>) -> Comparison {
        let mut found = Comparison::default();
        // With two iterations at a time, what the one before was safe for is known of the last one. That is tried where one
        // iteration of each loop shows no difference, which no invariant could exclude.
        let mut proved = self.compare_with_invariants(question, false, &mut found);
        let mut differ = !proved && found.is_exact;
        if !proved && found.has_loops {
            differ = self.differ_at_once(question);
            proved = !differ && self.compare_with_invariants(question, true, &mut found);
        }
        // What was asked without loops, or within a bound, will have no other answer: only inputs could still be found.
        if !(differ && self.options.verdicts_only) {
            self.compare_unrolled(question, proved, &mut found);
        }
        if !proved && Instant::now() > question.deadline {
            found.open.insert(Open::Time);
        }
        found
    }

    fn comparing<'a>(
        &'a self,
        question: &'a Question<'a>,
        skip: &'a dyn Fn(FunctionId, ObligationId) -> bool,
    ) -> Settings<'a> {
        let settings = self.settings(question.entry, Some(question.deadline), skip, &Stop::new());
        Settings {
            against: Some(&question.against),
            ..settings
        }
    }

    /// Whether the solver has an input that tells the versions apart, with one iteration of each loop.
    fn differ_at_once(&self, question: &Question<'_>) -> bool {
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let settings = self.comparing(question, &skip);
        let terms = Terms::new();
        let execution = engine::execute(&settings, &terms, &mut Memo::default(), Mode::Unroll(2));
        execution.is_ok_and(|execution| {
            let solved = self.solve_comparison(question, &execution, &terms, true);
            let compared = solved
                .findings
                .iter()
                .filter(|(key, _)| execution.comparison.compared.contains_key(key));
            compared
                .into_iter()
                .any(|(_, finding)| finding.violation.is_some())
        })
    }

    /// Loops in lockstep. Whether everything was proved.
    fn compare_with_invariants(
        &self,
        question: &Question<'_>,
        two_steps: bool,
        found: &mut Comparison,
    ) -> bool {
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let settings = self.comparing(question, &skip);
        let terms = Terms::new();
        let mut memo = Memo::default();
        memo.cut_two_steps(two_steps);
        for _ in 0..TRIES {
            let execution = match engine::execute(&settings, &terms, &mut memo, Mode::Invariants) {
                Ok(execution) => execution,
                Err(reason) => {
                    found.open.insert(Open::Reason(reason.to_string()));
                    return false;
                }
            };
            found.has_loops |= !execution.loops.is_empty();
            found.is_exact = execution.loops.is_empty() && !execution.recursion_cut;
            // A check of whether loops go in step may fail and be given up; without loops, one failure is the answer.
            let at_once = self.options.verdicts_only && execution.loops.is_empty();
            let solved = self.solve_comparison(question, &execution, &terms, at_once);
            let failed = failures(&execution, &solved);
            let mut apart = BTreeSet::new();
            let mut others = Vec::new();
            for (key, what) in &failed {
                match what {
                    Some(Compared::Coupled(coupled)) => {
                        apart.insert(coupled.clone());
                    }
                    what => others.push((key, what)),
                }
            }
            if !apart.is_empty() && Instant::now() < question.deadline {
                memo.uncouple(apart);
                continue;
            }
            found.open.clear();
            found.open.extend(obstacles(&execution));
            found.open.extend(open(&solved, &others));
            if found.open.is_empty() {
                found.preservation = Preservation::Proved;
                found.assumptions.clone_from(&execution.assumptions);
                for finding in solved.findings.values() {
                    found.contracts.extend(names(&execution, &finding.contracts));
                }
                return true;
            }
            self.inputs_of(question, &execution, &terms, &solved, found);
            return false;
        }
        found.open.insert(Open::Loops);
        false
    }

    /// Loops iteration by iteration: inputs that tell the versions apart, one that reaches the change, and a proof where
    /// no execution goes beyond the bound.
    fn compare_unrolled(&self, question: &Question<'_>, proved: bool, found: &mut Comparison) {
        let skip = |f: FunctionId, o: ObligationId| self.skips(f, o);
        let settings = self.comparing(question, &skip);
        let started = Instant::now();
        let mut memo = Memo::default();
        let mut bound_without = None;
        let mut work = 0;
        for bound in BOUNDS {
            let long = match self.options.rlimit {
                Some(limit) => work > u64::from(limit),
                None => started.elapsed() > UNROLLING,
            };
            if long || Instant::now() > question.deadline {
                break;
            }
            let terms = Terms::new();
            let Ok(execution) = engine::execute(&settings, &terms, &mut memo, Mode::Unroll(bound)) else {
                break;
            };
            let unwound = execution
                .events
                .iter()
                .any(|e| matches!(e, Event::Unwound { .. }));
            if found.witnesses.is_empty() && !question.against.oblivious {
                self.look_for_witness(question, &execution, &terms, found);
            }
            // Without loops, this is what was asked before.
            if proved || found.is_exact {
                if !found.witnesses.is_empty() || !unwound {
                    break;
                }
                continue;
            }
            let solved = self.solve_comparison(question, &execution, &terms, false);
            work += solved.work;
            let failed = failures(&execution, &solved);
            let others: Vec<(&CheckKey, &Option<Compared>)> = failed.iter().collect();
            let mut open_here: BTreeSet<Open> = open(&solved, &others).collect();
            // Loops are no obstacle where they are executed.
            open_here.extend(obstacles(&execution).filter(|o| !matches!(o, Open::AddedLoop)));
            if !open_here.is_empty() {
                // A difference that no execution has shown may be one all the same.
                bound_without = None;
                self.inputs_of(question, &execution, &terms, &solved, found);
                if found.open.is_empty() {
                    found.open = open_here;
                }
                break;
            }
            if solved.unwound.is_empty() {
                found.open.clear();
                found.preservation = Preservation::Proved;
                found.assumptions.clone_from(&execution.assumptions);
                for finding in solved.findings.values() {
                    found.contracts.extend(names(&execution, &finding.contracts));
                }
                return;
            }
            bound_without = Some(bound - 1);
        }
        if let (false, Some(bound)) = (proved, bound_without) {
            found.preservation = Preservation::ToBound(bound);
        }
    }

    /// What an input that is shown is to be like; nothing where only the verdict is asked for.
    fn wishes(&self, execution: &Execution, terms: &Terms) -> Vec<Term> {
        if self.options.verdicts_only {
            return Vec::new();
        }
        preferences(execution, terms)
    }

    /// `at_once`: only until something differs.
    fn solve_comparison(
        &self,
        question: &Question<'_>,
        execution: &Execution,
        terms: &Terms,
        at_once: bool,
    ) -> Solved {
        let preferences = self.wishes(execution, terms);
        let keys: BTreeSet<CheckKey> = execution.comparison.compared.keys().cloned().collect();
        let asking = Asking::default();
        let name = &self.program.function(question.entry).name;
        let options = SolveOptions {
            limits: self.limits(Some(question.deadline)),
            deadline: Some(question.deadline),
            only: (!question.against.asks_new).then_some(&keys),
            wanted: &|_| true,
            work: None,
            modest: false,
            until_violated: at_once,
            preferences: &preferences,
            observer: Observer {
                function: name,
                progress: &|_| {},
                asking: &asking,
                outside: None,
            },
        };
        solve(execution, terms, &options)
    }

    /// Inputs from the models of failed checks.
    fn inputs_of(
        &self,
        question: &Question<'_>,
        execution: &Execution,
        terms: &Terms,
        solved: &Solved,
        found: &mut Comparison,
    ) {
        let name = &self.program.function(question.entry).name;
        for violation in solved.findings.values().filter_map(|f| f.violation.as_ref()) {
            for model in &violation.models {
                if found.inputs.len() >= INPUTS {
                    return;
                }
                let model = model.assignment();
                let input = counterexample::input_of(self.program, name, execution, terms, model);
                if !found.inputs.contains(&input) {
                    found.inputs.push(input);
                }
            }
        }
    }

    /// An input on which the old version breaks nothing, although it comes to a check that other inputs break there (or to what
    /// was changed, where there is no such check). Without one, preservation says nothing of what was wrong.
    fn look_for_witness(
        &self,
        question: &Question<'_>,
        execution: &Execution,
        terms: &Terms,
        found: &mut Comparison,
    ) {
        found.vacuous = true;
        found.vacuity_shown = true;
        let Some(end) = execution.comparison.end else {
            return;
        };
        let mut solver = Solver::new(terms);
        solver.set_limits(Limits {
            rlimit: self.options.rlimit,
            timeout_ms: self.options.rlimit.is_none().then_some(WITNESS_MS),
        });
        let literals = Literals::new(execution, &vec![false; execution.candidates.len()]).all();
        let mut checks = execution.comparison.old_checks.iter().peekable();
        // By check: when it is reached, of those that can fail.
        let mut broken: BTreeMap<&CheckKey, Vec<Term>> = BTreeMap::new();
        // Statements that the new version does not have, on the way to a check that fails.
        let dropped: Vec<Term> = execution
            .comparison
            .dropped
            .iter()
            .copied()
            .take(DROPPED)
            .collect();
        let mut doomed: BTreeSet<Term> = BTreeSet::new();
        for (number, event) in execution.events.iter().enumerate() {
            while let Some(check) = checks.next_if(|check| check.events <= number) {
                if terms.is_true(check.holds) {
                    continue;
                }
                if Instant::now() > question.deadline {
                    // Which checks can fail is not known: nothing is.
                    found.vacuity_shown = false;
                    return;
                }
                let mut assumptions = literals.clone();
                assumptions.extend([check.guard, terms.not(check.holds)]);
                if matches!(solver.check(&assumptions), Outcome::Unsat { .. }) {
                    continue;
                }
                broken.entry(&check.key).or_default().push(check.guard);
                for guard in dropped.iter().filter(|g| !terms.is_true(**g)) {
                    assumptions.push(*guard);
                    if !doomed.contains(guard) && !matches!(solver.check(&assumptions), Outcome::Unsat { .. })
                    {
                        doomed.insert(*guard);
                    }
                    assumptions.pop();
                }
            }
            match event {
                Event::Fact(fact) => solver.assert(*fact),
                Event::Unwound { guard, .. } => solver.assert(terms.not(*guard)),
                _ => {}
            }
        }
        let mut reached: Vec<Term> = broken.values().map(|guards| terms.any(guards)).collect();
        if reached.is_empty() {
            let touched: Vec<Term> = execution.comparison.touched.iter().copied().collect();
            reached.push(terms.any(&touched));
        }
        // Whoever comes to one of them fails: there is nothing to preserve of what it did.
        for guard in doomed {
            let mut assumptions = literals.clone();
            assumptions.extend([end, guard]);
            match solver.check(&assumptions) {
                Outcome::Sat(_) => {}
                Outcome::Unsat { .. } => return,
                _ => {
                    found.vacuity_shown = false;
                    return;
                }
            }
        }
        let name = &self.program.function(question.entry).name;
        let small = self.wishes(execution, terms);
        let mut inputs = Vec::new();
        for place in reached {
            // The last one prefers nothing: its answer is the answer.
            for preference in small.iter().map(Some).chain([None]) {
                let mut assumptions = literals.clone();
                assumptions.extend([end, place]);
                assumptions.extend(preference);
                match solver.check(&assumptions) {
                    Outcome::Sat(model) => {
                        let model = model.assignment();
                        inputs.push(counterexample::input_of(
                            self.program,
                            name,
                            execution,
                            terms,
                            model,
                        ));
                        break;
                    }
                    Outcome::Unsat { .. } if preference.is_none() => return,
                    _ if preference.is_none() => {
                        found.vacuity_shown = false;
                        return;
                    }
                    _ => {}
                }
            }
        }
        found.vacuous = false;
        found.vacuity_shown = false;
        found.witnesses = inputs;
    }
}

/// The checks that were not proved, with what they compare (nothing: an obligation of the new version).
fn failures(execution: &Execution, solved: &Solved) -> BTreeMap<CheckKey, Option<Compared>> {
    let open = solved
        .findings
        .iter()
        .filter(|(_, finding)| !finding.all_proved());
    open.map(|(key, _)| (key.clone(), execution.comparison.compared.get(key).cloned()))
        .collect()
}

fn open<'a>(
    solved: &'a Solved,
    failed: &'a [(&'a CheckKey, &'a Option<Compared>)],
) -> impl Iterator<Item = Open> + 'a {
    let checks = failed.iter().map(|(_, what)| match what {
        None => Open::Unsafe,
        Some(what) => in_words(what),
    });
    let followed = solved
        .not_followed
        .values()
        .map(|reason| Open::Reason(reason.to_string()));
    checks.chain(followed)
}

fn obstacles(execution: &Execution) -> impl Iterator<Item = Open> + '_ {
    execution
        .comparison
        .obstacles
        .iter()
        .map(|obstacle| match obstacle {
            Obstacle::AddedLoop => Open::AddedLoop,
            Obstacle::Allocation => Open::AllocationInLoop,
        })
}

fn in_words(what: &Compared) -> Open {
    match what {
        Compared::Returns => Open::Returns,
        Compared::Result => Open::Result,
        Compared::Bytes(name) => Open::Bytes(name.clone()),
        Compared::Size(name) => Open::Size(name.clone()),
        Compared::Life(name) => Open::Life(name.clone()),
        Compared::Call(name) => Open::Call(name.clone()),
        Compared::AddedCall(name) => Open::AddedCall(name.clone()),
        Compared::DroppedCall(name) => Open::DroppedCall(name.clone()),
        Compared::Lockstep | Compared::Coupled(_) => Open::Loops,
    }
}

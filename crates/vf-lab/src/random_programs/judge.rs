//! One program: its verdicts, its executions, and whether they agree.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use vf_frontend::Loaded;
use vf_ir::input::Input;
use vf_ir::{Initial, Property};
use vf_replay::sanitizer::is_visible;
use vf_verify::report::{CheckReport, ObligationReport, Overall, Verdict};
use vf_verify::{CheckOptions, Entry};

use super::defect::Defect;
use super::execute::{Changing, ExecuteError, Machine, Observation, Watch};
use super::inputs::random_inputs;
use super::interpret::{Interpretation, Seen, interpret};
use super::probe::with_probes;
use super::random::Random;

/// How hard to look.
#[derive(Clone, Debug)]
pub struct JudgeOptions {
    /// Random inputs a program.
    pub inputs: usize,
    /// Processes that may end with a sanitizer's report, a program: each costs a start.
    pub reports: usize,
    /// Counterexamples that are run natively, a program.
    pub replays: usize,
    /// Executions, a program, of which the prover is asked whether they can be.
    pub probes: usize,
    pub check: CheckOptions,
}

impl Default for JudgeOptions {
    fn default() -> Self {
        JudgeOptions {
            inputs: 60,
            reports: 6,
            replays: 6,
            probes: 2,
            check: CheckOptions {
                entry: Entry::Main,
                rlimit: Some(4_000_000),
                unroll: Some(20),
                ..CheckOptions::default()
            },
        }
    }
}

impl JudgeOptions {
    /// Small limits. The solver's is in units of its own; the time limit is for the few programs whose formulas grow
    /// beyond reason. What it cuts off is `unknown`, which no execution contradicts, so that a slow machine finds
    /// fewer defects and never others.
    pub fn for_tests() -> JudgeOptions {
        JudgeOptions {
            inputs: 40,
            reports: 3,
            replays: 3,
            probes: 2,
            check: CheckOptions {
                entry: Entry::Main,
                rlimit: Some(400_000),
                unroll: Some(9),
                timeout: Some(Duration::from_secs(4)),
                ..CheckOptions::default()
            },
        }
    }
}

/// Everything about one program.
#[derive(Clone, Debug, Default)]
pub struct Judgement {
    pub overall: Option<Overall>,
    pub verdicts: BTreeMap<(Property, Verdict), usize>,
    /// Reasons of `unknown` and `proved-to-bound`, without numbers and names.
    pub reasons: BTreeMap<String, usize>,
    pub defects: Vec<Defect>,
    /// Inputs that were run natively and by the interpreter.
    pub executions: usize,
    /// Executions that violated something.
    pub violations: usize,
    /// Refuted obligations: confirmed by a sanitizer as well as by the interpreter.
    pub confirmed_natively: usize,
    /// Refuted obligations that only the interpreter confirms, by property: no sanitizer looks for it, or none saw it.
    pub confirmed_by_interpreter: BTreeMap<Property, usize>,
    /// Executions that the prover was asked about: found, and neither found nor excluded.
    pub probes_found: usize,
    pub probes_open: usize,
    /// What does not settle anything: time limits, reports of kinds that are no obligation.
    pub notes: Vec<String>,
    pub check_time: Duration,
    pub run_time: Duration,
}

/// Judges a program's text. Inputs are drawn from `random`.
///
/// # Errors
/// When this machine cannot compile or run programs; what is wrong with the program or with the prover is in the
/// [`Judgement`].
pub fn judge(
    machine: &Machine,
    text: &str,
    random: &mut Random,
    options: &JudgeOptions,
) -> Result<Judgement, ExecuteError> {
    let mut judgement = Judgement::default();
    let started = Instant::now();
    let checked = check_caught(text, &options.check);
    judgement.check_time = started.elapsed();
    let (loaded, report) = match checked {
        Ok(found) => found,
        Err(defect) => {
            judgement.defects.push(defect);
            return Ok(judgement);
        }
    };
    compare(machine, text, &loaded, &report, judgement, random, options)
}

/// Compares a report with executions.
fn compare(
    machine: &Machine,
    text: &str,
    loaded: &Loaded,
    report: &CheckReport,
    judgement: Judgement,
    random: &mut Random,
    options: &JudgeOptions,
) -> Result<Judgement, ExecuteError> {
    let started = Instant::now();
    let mut judge = Judge {
        loaded,
        report,
        judgement,
        clean: Vec::new(),
    };
    judge.count();
    judge.run(machine, text, random, options)?;
    judge.judgement.run_time = started.elapsed();
    if judge.judgement.defects.is_empty() {
        judge.probe(text, options);
    }
    Ok(judge.judgement)
}

fn check_caught(text: &str, options: &CheckOptions) -> Result<(Loaded, CheckReport), Defect> {
    catch_unwind(AssertUnwindSafe(|| check(text, options)))
        .unwrap_or_else(|panic| Err(Defect::Panicked(message_of(panic.as_ref()))))
}

fn check(text: &str, options: &CheckOptions) -> Result<(Loaded, CheckReport), Defect> {
    let unread = |e: &dyn std::fmt::Display| Defect::NotRead(e.to_string());
    let folder = tempfile::tempdir().map_err(|e| unread(&e))?;
    let file = folder.path().join("program.c");
    std::fs::write(&file, text).map_err(|e| unread(&e))?;
    let read = vf_frontend::Options {
        flags: vec!["-std=gnu11".to_string()],
        ..vf_frontend::Options::new("gcc")
    };
    let loaded = vf_frontend::load(&[file], &read).map_err(|e| unread(&e))?;
    if let Some(diagnostic) = loaded.diagnostics.first() {
        return Err(Defect::NotRead(diagnostic.message.clone()));
    }
    let report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        options,
        &mut |_| {},
    );
    Ok((loaded, report))
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("(no message)")
        .to_string()
}

struct Judge<'a> {
    loaded: &'a Loaded,
    report: &'a CheckReport,
    judgement: Judgement,
    /// Executions without a violation, with their results.
    clean: Vec<(Input, i32)>,
}

impl Judge<'_> {
    fn obligations(&self) -> impl Iterator<Item = &ObligationReport> {
        self.report.functions.iter().flat_map(|f| &f.obligations)
    }

    fn count(&mut self) {
        let report = self.report;
        self.judgement.overall = Some(report.verdict);
        for function in &report.functions {
            if let Some(why) = &function.unsupported {
                // Limits and timeouts are reasons of single obligations too; a construct is a gap of the front end.
                if why.contains("not supported") {
                    self.judgement.defects.push(Defect::Unsupported {
                        function: function.name.clone(),
                        why: why.clone(),
                    });
                }
                *self.judgement.reasons.entry(outline(why)).or_default() += 1;
            }
            for obligation in &function.obligations {
                if let Some(property) = Property::from_name(&obligation.property) {
                    *self
                        .judgement
                        .verdicts
                        .entry((property, obligation.verdict))
                        .or_default() += 1;
                }
                if let Some(reason) = &obligation.reason {
                    *self.judgement.reasons.entry(outline(reason)).or_default() += 1;
                }
            }
        }
    }

    fn run(
        &mut self,
        machine: &Machine,
        text: &str,
        random: &mut Random,
        options: &JudgeOptions,
    ) -> Result<(), ExecuteError> {
        let changing = self.changing();
        let inputs = random_inputs(random, options.inputs);
        let interpreted: Vec<Interpretation> = inputs
            .iter()
            .map(|input| interpret(self.loaded, self.report, input, None))
            .collect();
        for (input, run) in inputs.iter().zip(&interpreted) {
            self.compare_with_verdicts(input, run);
            if let Seen::Returned(result) = run.end
                && run.violations.is_empty()
                // An early way out returns 0, and no probe is there.
                && result != 0
                && self.clean.iter().all(|(_, r)| *r != result)
            {
                self.clean.push((input.clone(), result));
            }
        }
        let compiled = match machine.compile(text, &changing, Watch::AddressAndUndefined) {
            Err(ExecuteError::DoesNotCompile { messages }) => {
                self.add(Defect::NotCompiled(messages));
                return Ok(());
            }
            compiled => compiled?,
        };
        let observed = compiled.observe(&inputs, options.reports)?;
        for (number, observation) in &observed {
            if let (Some(input), Some(run)) = (inputs.get(*number), interpreted.get(*number)) {
                self.judgement.executions += 1;
                self.compare_with_sanitizers(input, run, observation);
            }
        }
        if machine.has_clang() {
            let compiled = machine.compile(text, &changing, Watch::Memory)?;
            for (number, observation) in &compiled.observe(&inputs, 2)? {
                if let (Some(input), Some(run)) = (inputs.get(*number), interpreted.get(*number)) {
                    self.compare_with_memory_sanitizer(input, run, observation);
                }
            }
        }
        self.replay(machine, text, &compiled, options)
    }

    /// The variables that executions change.
    fn changing(&self) -> Changing {
        let program = &self.loaded.program;
        let is_name = |n: &str| n.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let (named, hidden): (Vec<_>, Vec<_>) = program
            .globals
            .iter()
            .filter(|g| !g.constant && matches!(g.init, Initial::Known(_)))
            .filter(|g| self.loaded.main_files.contains(&g.span.file))
            .partition(|g| is_name(&g.name));
        Changing {
            named: named.into_iter().map(|g| g.name.clone()).collect(),
            hidden: !hidden.is_empty(),
        }
    }

    /// No obligation that was proved, or not reached, may be violated.
    fn compare_with_verdicts(&mut self, input: &Input, run: &Interpretation) {
        self.judgement.violations += usize::from(!run.violations.is_empty());
        for violation in &run.violations {
            let at: Vec<&ObligationReport> = self.obligations().filter(|o| violation.is(o)).collect();
            let shown = show(input);
            let defect = if at.is_empty() {
                // An analysis that met a limit leaves out what it did not come to, and says so.
                if self.report.functions.iter().any(|f| f.unsupported.is_some()) {
                    continue;
                }
                Defect::NotReported {
                    property: violation.property.name(),
                    line: violation.line,
                    input: shown,
                }
            } else if let Some(wrong) = at.iter().find(|_| {
                at.iter()
                    .all(|o| matches!(o.verdict, Verdict::Proved | Verdict::Unreachable))
            }) {
                Defect::WrongVerdict {
                    id: wrong.id.clone(),
                    line: violation.line,
                    verdict: wrong.verdict,
                    input: shown,
                }
            } else {
                continue;
            };
            self.add(defect);
        }
        let reached = self.obligations().find(|o| {
            let place = Property::from_name(&o.property).map(|p| (p, o.location.line, o.location.column));
            // Two obligations at one place cannot be told apart here.
            o.verdict == Verdict::Unreachable
                && place.is_some_and(|p| run.reached.contains(&p))
                && self.obligations().all(|other| {
                    other.location != o.location
                        || other.property != o.property
                        || other.verdict == Verdict::Unreachable
                })
        });
        if let Some(obligation) = reached {
            let defect = Defect::Reached {
                id: obligation.id.clone(),
                line: obligation.location.line,
                input: show(input),
            };
            self.add(defect);
        }
    }

    fn compare_with_sanitizers(&mut self, input: &Input, run: &Interpretation, observation: &Observation) {
        let shown = show(input);
        match observation {
            Observation::Reported(finding) => {
                let line = finding
                    .frames
                    .iter()
                    .find(|f| Path::new(&f.file).file_name().is_some_and(|n| n == "program.c"))
                    .map_or(0, |f| f.line);
                if !Property::ALL.iter().any(|p| finding.shows(*p)) {
                    return self.note(format!("other report: {}", finding.message));
                }
                // Behind a violation that no sanitizer sees, anything may follow.
                let hidden = run.violations.iter().any(|v| !is_visible(v.property));
                let on_line: Vec<Verdict> = self
                    .obligations()
                    .filter(|o| o.location.line <= line && line <= o.location.line + lines_of(o))
                    .map(|o| o.verdict)
                    .collect();
                let all_proved = !on_line.is_empty()
                    && on_line
                        .iter()
                        .all(|v| matches!(v, Verdict::Proved | Verdict::Unreachable));
                let here = run.violations.iter().any(|v| v.line == line);
                let gave_up = matches!(run.end, Seen::Limit(_));
                if all_proved && !hidden && gave_up && self.refutes_unseen() {
                    // Behind a violation that the interpreter did not come to see, proofs say nothing either.
                    self.note(format!(
                        "report where proved, past the interpreter: {}",
                        finding.message
                    ));
                } else if all_proved && !hidden {
                    self.add(Defect::ReportWhereProved {
                        message: finding.message.clone(),
                        line,
                        input: shown,
                    });
                } else if !here && !hidden && !gave_up {
                    self.add(Defect::ReportNotInterpreted {
                        message: finding.message.clone(),
                        line,
                        input: shown,
                        interpreted: run.to_string(),
                    });
                }
            }
            Observation::Returned(native) => match run.end {
                Seen::Returned(interpreted) if run.violations.is_empty() && interpreted != *native => {
                    self.add(Defect::ResultsDiffer {
                        native: *native,
                        interpreted,
                        input: shown,
                    });
                }
                _ => {}
            },
            Observation::UsesUninitialised { .. } => {}
            Observation::Ended(how) => self.note(format!("native run: {how}")),
        }
    }

    fn compare_with_memory_sanitizer(
        &mut self,
        input: &Input,
        run: &Interpretation,
        observation: &Observation,
    ) {
        let Observation::UsesUninitialised { line } = observation else {
            return;
        };
        let line = line.unwrap_or(0);
        // What MemorySanitizer says after another violation is about another program.
        if run.violations.is_empty() && matches!(run.end, Seen::Returned(_)) {
            self.add(Defect::UninitialisedNotInterpreted {
                line,
                input: show(input),
            });
        }
    }

    /// Whether something is refuted that no sanitizer sees.
    fn refutes_unseen(&self) -> bool {
        self.obligations().any(|o| {
            o.verdict == Verdict::Refuted && Property::from_name(&o.property).is_some_and(|p| !is_visible(p))
        })
    }

    /// Runs counterexamples, in the interpreter and natively.
    fn replay(
        &mut self,
        machine: &Machine,
        text: &str,
        compiled: &super::execute::Compiled<'_>,
        options: &JudgeOptions,
    ) -> Result<(), ExecuteError> {
        let refuted: Vec<ObligationReport> = self
            .obligations()
            .filter(|o| o.verdict == Verdict::Refuted)
            .cloned()
            .collect();
        let mut replays = 0;
        for obligation in &refuted {
            let Some(property) = Property::from_name(&obligation.property) else {
                continue;
            };
            let Some(counterexample) = &obligation.counterexample else {
                self.add(Defect::NotConfirmed {
                    id: obligation.id.clone(),
                    why: "it has none".into(),
                });
                continue;
            };
            let input = &counterexample.input;
            let run = interpret(self.loaded, self.report, input, Some(obligation));
            if !run.violations.iter().any(|v| v.is(obligation)) {
                self.add(Defect::NotConfirmed {
                    id: obligation.id.clone(),
                    why: run.to_string(),
                });
                continue;
            }
            if !is_visible(property) || replays >= options.replays {
                *self
                    .judgement
                    .confirmed_by_interpreter
                    .entry(property)
                    .or_default() += 1;
                continue;
            }
            replays += 1;
            let alone = std::slice::from_ref(input);
            let mut observed = compiled.observe(alone, 1)?;
            if matches!(observed.get(&0), Some(Observation::Returned(_))) && machine.has_clang() {
                let again = machine.compile(text, &self.changing(), Watch::UndefinedByClang)?;
                observed = again.observe(alone, 1)?;
            }
            match observed.get(&0) {
                Some(Observation::Reported(finding)) if finding.shows(property) => {
                    self.judgement.confirmed_natively += 1;
                }
                Some(Observation::Returned(_))
                    if run.violations.len() == 1
                        && always_seen(property)
                        && (machine.has_clang() || !may_be_folded(text, obligation)) =>
                {
                    self.add(Defect::CleanCounterexample {
                        id: obligation.id.clone(),
                        line: obligation.location.line,
                        input: show(input),
                    });
                }
                _ => {
                    *self
                        .judgement
                        .confirmed_by_interpreter
                        .entry(property)
                        .or_default() += 1
                }
            }
        }
        Ok(())
    }

    /// Asks the prover whether executions can be that have been.
    fn probe(&mut self, text: &str, options: &JudgeOptions) {
        // The last inputs are mixtures; the first ones repeat one value.
        let chosen: Vec<(Input, i32)> = self.clean.iter().rev().take(options.probes).cloned().collect();
        let Some(probed) = with_probes(text, &chosen).filter(|_| !chosen.is_empty()) else {
            return;
        };
        let only = CheckOptions {
            properties: vec![Property::Assertion],
            ..options.check.clone()
        };
        let started = Instant::now();
        let checked = check_caught(&probed, &only);
        self.judgement.check_time += started.elapsed();
        match checked {
            Ok((loaded, report)) => self.weigh(&loaded, &report, &chosen),
            Err(defect) => self.add(defect),
        }
    }

    /// The verdicts on the probes, each of which the execution of its input comes to.
    fn weigh(&mut self, loaded: &Loaded, report: &CheckReport, chosen: &[(Input, i32)]) {
        for (input, _) in chosen {
            let run = interpret(loaded, report, input, None);
            let Some(violation) = run.violations.iter().find(|v| v.property == Property::Assertion) else {
                self.note(format!("a probe is not reached: {run}"));
                continue;
            };
            let mut asked = report.functions.iter().flat_map(|f| &f.obligations);
            match asked.find(|o| violation.is(o)).map(|o| o.verdict) {
                Some(verdict @ (Verdict::Proved | Verdict::Unreachable)) => {
                    let input = show(input);
                    self.add(Defect::ExecutionExcluded { verdict, input });
                }
                Some(Verdict::Refuted) => self.judgement.probes_found += 1,
                Some(Verdict::ProvedToBound | Verdict::Unknown) | None => self.judgement.probes_open += 1,
            }
        }
    }

    fn note(&mut self, note: String) {
        self.judgement.notes.push(note);
    }

    /// One defect of a kind and place is enough.
    fn add(&mut self, defect: Defect) {
        let known = self.judgement.defects.iter().any(|d| d.kind() == defect.kind());
        if !known {
            self.judgement.defects.push(defect);
        }
    }
}

/// Violations that the sanitizers' build reports whenever they happen in the program's own text.
fn always_seen(property: Property) -> bool {
    matches!(
        property,
        Property::SignedOverflow | Property::ShiftInRange | Property::DivisorNonzero | Property::NotNull
    )
}

/// Whether GCC may drop the overflow before its sanitizer looks: it rewrites `n + C > K` to `n > K - C`, because a
/// signed overflow is undefined. Clang does not.
fn may_be_folded(text: &str, obligation: &ObligationReport) -> bool {
    let line = usize::try_from(obligation.location.line).map_or(0, |l| l.saturating_sub(1));
    let compares = ["<", ">", "==", "!="];
    obligation.property == Property::SignedOverflow.name()
        && text
            .lines()
            .nth(line)
            .is_some_and(|l| compares.iter().any(|c| l.contains(c)))
}

fn lines_of(obligation: &ObligationReport) -> u32 {
    u32::try_from(obligation.text.matches('\n').count()).unwrap_or(0)
}

/// The input as a list of the decisions up to the trailing zeros.
pub(super) fn show(input: &Input) -> String {
    use vf_ir::input::{ChoiceKind, InputValue};
    let mut words: Vec<String> = input
        .choices
        .iter()
        .map(|c| match &c.kind {
            ChoiceKind::Value(InputValue::Int { value, .. }) => (*value as i64).to_string(),
            ChoiceKind::AllocationFails(fails) => format!("allocation fails: {fails}"),
            _ => "?".to_string(),
        })
        .collect();
    while words.last().is_some_and(|w| w == "0") {
        words.pop();
    }
    if words.len() > 8 && words.windows(2).all(|w| w[0] == w[1]) {
        return format!("[{}, ...]", words.first().map_or("", String::as_str));
    }
    format!("[{}]", words.join(", "))
}

/// A reason without its numbers and names, to count by.
fn outline(reason: &str) -> String {
    let mut text = String::new();
    let mut quoted = false;
    for c in reason.chars() {
        match c {
            '`' => {
                quoted = !quoted;
                if quoted {
                    text.push_str("`...`");
                }
            }
            _ if quoted => {}
            '0'..='9' if text.ends_with('N') => {}
            '0'..='9' => text.push('N'),
            _ => text.push(c),
        }
    }
    text
}

/// Properties that a set of verdicts leaves open; for summaries.
pub fn open_properties(judgement: &Judgement) -> BTreeSet<Property> {
    judgement
        .verdicts
        .keys()
        .filter(|(_, v)| matches!(v, Verdict::Unknown | Verdict::ProvedToBound))
        .map(|(p, _)| *p)
        .collect()
}

#[cfg(test)]
mod tests;

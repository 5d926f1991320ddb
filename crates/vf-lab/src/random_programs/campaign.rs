//! Many programs, on several threads, and what came of them.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vf_ir::Property;
use vf_verify::report::{Overall, Verdict};

use super::execute::{ExecuteError, Machine};
use super::generate::generate;
use super::judge::{JudgeOptions, Judgement, judge};
use super::random::Random;
use super::reduce::reduce;

/// Judgements that one reduction may ask for.
const ATTEMPTS: usize = 400;

/// Programs `first .. first + count` of a seed.
#[derive(Clone, Debug)]
pub struct Campaign {
    pub seed: u64,
    pub first: u64,
    pub count: u64,
    pub threads: usize,
    /// Whether programs with defects are reduced.
    pub reduce: bool,
    pub options: JudgeOptions,
}

/// One program of a campaign.
#[derive(Clone, Debug)]
pub struct Judged {
    pub number: u64,
    pub text: String,
    pub may_violate: bool,
    pub judgement: Judgement,
    /// The smallest program with the first defect.
    pub reduced: Option<String>,
}

impl Campaign {
    /// Judges every program; `done` hears of each, in the order in which they end.
    ///
    /// # Errors
    /// When this machine cannot run programs.
    pub fn run(&self, done: &mut (dyn FnMut(&Judged) + Send)) -> Result<Summary, ExecuteError> {
        let machine = Machine::find()?;
        let next = AtomicUsize::new(0);
        let shared = Mutex::new((Summary::default(), done));
        let failure: Mutex<Option<ExecuteError>> = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..self.threads.max(1) {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed) as u64;
                        if index >= self.count || failure.lock().is_ok_and(|f| f.is_some()) {
                            return;
                        }
                        match self.one(&machine, self.first + index) {
                            Ok(judged) => {
                                if let Ok(mut shared) = shared.lock() {
                                    shared.0.add(&judged);
                                    (shared.1)(&judged);
                                }
                            }
                            Err(error) => {
                                if let Ok(mut failure) = failure.lock() {
                                    failure.get_or_insert(error);
                                }
                            }
                        }
                    }
                });
            }
        });
        match failure.into_inner() {
            Ok(Some(error)) => Err(error),
            _ => Ok(shared.into_inner().map_or_else(|e| e.into_inner().0, |s| s.0)),
        }
    }

    fn one(&self, machine: &Machine, number: u64) -> Result<Judged, ExecuteError> {
        let program = generate(self.seed, number);
        let inputs = || Random::new(self.seed ^ 0x1e57, number);
        let judgement = judge(machine, &program.text, &mut inputs(), &self.options)?;
        let reduced = judgement.defects.first().filter(|_| self.reduce).map(|defect| {
            reduce(&program.text, ATTEMPTS, &mut |text| {
                // What does not compile, or runs into a limit, is no smaller program.
                judge(machine, text, &mut inputs(), &self.options)
                    .is_ok_and(|j| j.defects.iter().any(|d| d.kind() == defect.kind()))
            })
        });
        Ok(Judged {
            number,
            text: program.text,
            may_violate: program.may_violate,
            judgement,
            reduced,
        })
    }
}

/// Counts over a campaign.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    pub programs: usize,
    /// Programs by the verdict on the whole.
    pub overall: BTreeMap<Overall, usize>,
    pub verdicts: BTreeMap<(Property, Verdict), usize>,
    pub reasons: BTreeMap<String, usize>,
    pub defects: BTreeMap<&'static str, usize>,
    pub executions: usize,
    /// Programs of which some execution violated something.
    pub violating: usize,
    pub confirmed_natively: usize,
    pub confirmed_by_interpreter: BTreeMap<Property, usize>,
    pub probes_found: usize,
    pub probes_open: usize,
    pub notes: BTreeMap<String, usize>,
    pub check_times: Vec<Duration>,
    pub run_time: Duration,
}

impl Summary {
    pub fn add(&mut self, judged: &Judged) {
        let judgement = &judged.judgement;
        self.programs += 1;
        if let Some(overall) = judgement.overall {
            *self.overall.entry(overall).or_default() += 1;
        }
        add_all(&mut self.verdicts, &judgement.verdicts);
        add_all(&mut self.reasons, &judgement.reasons);
        add_all(
            &mut self.confirmed_by_interpreter,
            &judgement.confirmed_by_interpreter,
        );
        for defect in &judgement.defects {
            *self.defects.entry(defect.kind()).or_default() += 1;
        }
        for note in &judgement.notes {
            *self.notes.entry(note.clone()).or_default() += 1;
        }
        self.executions += judgement.executions;
        self.violating += usize::from(judgement.violations > 0);
        self.confirmed_natively += judgement.confirmed_natively;
        self.probes_found += judgement.probes_found;
        self.probes_open += judgement.probes_open;
        self.check_times.push(judgement.check_time);
        self.run_time += judgement.run_time;
    }

    /// The number of obligations with a verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        let of = |((_, v), n): (&(Property, Verdict), &usize)| if *v == verdict { *n } else { 0 };
        self.verdicts.iter().map(of).sum()
    }
}

fn add_all<K: Ord + Clone>(to: &mut BTreeMap<K, usize>, from: &BTreeMap<K, usize>) {
    for (key, count) in from {
        *to.entry(key.clone()).or_default() += count;
    }
}

const VERDICTS: [Verdict; 5] = [
    Verdict::Proved,
    Verdict::ProvedToBound,
    Verdict::Unreachable,
    Verdict::Unknown,
    Verdict::Refuted,
];

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "programs: {}, native executions: {}",
            self.programs, self.executions
        )?;
        for (overall, count) in &self.overall {
            writeln!(f, "  {overall:?}: {count}")?;
        }
        writeln!(
            f,
            "  with an execution that violates something: {}",
            self.violating
        )?;
        writeln!(
            f,
            "\n{:<20} {:>9} {:>9} {:>11} {:>8} {:>8}",
            "property", "proved", "to bound", "unreachable", "unknown", "refuted"
        )?;
        for property in Property::ALL {
            let counts = VERDICTS.map(|v| self.verdicts.get(&(property, v)).copied().unwrap_or(0));
            if counts.iter().sum::<usize>() > 0 {
                row(f, property.name(), counts)?;
            }
        }
        row(f, "all", VERDICTS.map(|v| self.count(v)))?;
        writeln!(
            f,
            "\nrefuted, confirmed by a sanitizer: {}",
            self.confirmed_natively
        )?;
        for (property, count) in &self.confirmed_by_interpreter {
            writeln!(f, "  by the interpreter alone, {}: {count}", property.name())?;
        }
        writeln!(
            f,
            "executions asked about: {} found, {} open",
            self.probes_found, self.probes_open
        )?;
        table(f, "reasons", &self.reasons)?;
        table(f, "notes", &self.notes)?;
        let mut times = self.check_times.clone();
        times.sort();
        let at = |share: usize| {
            times
                .get(times.len().saturating_sub(1) * share / 100)
                .copied()
                .unwrap_or_default()
        };
        writeln!(
            f,
            "\ncheck: {:.1} s in all, median {} ms, 95 % within {} ms, longest {} ms; executions: {:.1} s",
            times.iter().sum::<Duration>().as_secs_f64(),
            at(50).as_millis(),
            at(95).as_millis(),
            at(100).as_millis(),
            self.run_time.as_secs_f64()
        )?;
        writeln!(f, "\ndefects: {}", self.defects.values().sum::<usize>())?;
        for (kind, count) in &self.defects {
            writeln!(f, "  {count} {kind}")?;
        }
        Ok(())
    }
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, counts: [usize; 5]) -> fmt::Result {
    let [proved, bound, unreachable, unknown, refuted] = counts;
    writeln!(
        f,
        "{name:<20} {proved:>9} {bound:>9} {unreachable:>11} {unknown:>8} {refuted:>8}"
    )
}

/// The most frequent entries.
fn table(f: &mut fmt::Formatter<'_>, title: &str, entries: &BTreeMap<String, usize>) -> fmt::Result {
    let mut sorted: Vec<_> = entries.iter().collect();
    sorted.sort_by_key(|(text, count)| (std::cmp::Reverse(**count), text.as_str()));
    if !sorted.is_empty() {
        writeln!(f, "\n{title}:")?;
    }
    for (text, count) in sorted.iter().take(15) {
        writeln!(f, "  {count:>6} {text}")?;
    }
    Ok(())
}

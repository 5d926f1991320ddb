//! Proves and refutes again what records claim.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use vf_repair::{Behaviour, PatchVerdict, report_text};

use crate::error::CorpusError;
use crate::file::read;
use crate::hash::{hashes, split};
use crate::pair::{Refusal, is_fixed, is_proved, is_refuted};
use crate::prove::{ProveError, Prover};
use crate::record::{Record, Split};

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wrong {
    pub file: PathBuf,
    pub line: usize,
    pub id: String,
    pub what: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Checked {
    /// Records, all of which were read and whose form was checked.
    pub records: usize,
    /// Those that were proved and refuted again.
    pub proved_and_refuted: usize,
    pub wrong: Vec<Wrong>,
    pub splits: BTreeMap<Split, usize>,
    pub shapes: usize,
}

/// Checks every record of the files: its form, its hashes, its split, that it is there once; and proves and refutes it again, or
/// of each file `sample` ones that are evenly spread.
///
/// # Errors
/// A file cannot be read, or is no corpus; the compiler cannot be run.
pub fn check(
    files: &[PathBuf],
    sample: Option<usize>,
    jobs: NonZeroUsize,
    compiler: &Path,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Checked, CorpusError> {
    let mut checked = Checked::default();
    // Function hash and shape, with where they were first.
    let mut functions: BTreeMap<String, String> = BTreeMap::new();
    let mut ids: BTreeMap<String, String> = BTreeMap::new();
    let mut shapes: BTreeMap<String, Split> = BTreeMap::new();
    let mut todo: Vec<(PathBuf, usize, Record)> = Vec::new();
    for file in files {
        let mut records = Vec::new();
        read(file, &mut |line, record| {
            records.push((file.clone(), line, record));
            Ok(())
        })?;
        for (file, line, record) in &records {
            checked.records += 1;
            *checked.splits.entry(record.split).or_default() += 1;
            let mut complain = |what: String| {
                checked.wrong.push(Wrong {
                    file: file.clone(),
                    line: *line,
                    id: record.id.clone(),
                    what,
                });
            };
            if let Some(first) = ids.insert(record.id.clone(), format!("{}:{line}", file.display())) {
                complain(format!("the id is that of {first}"));
            }
            if let Some(first) = functions.insert(record.hashes.function.clone(), record.id.clone()) {
                complain(format!("the same pair as {first}"));
            }
            let other = shapes.insert(record.hashes.shape.clone(), record.split);
            if other.is_some_and(|other| other != record.split) {
                complain("another record of this shape is in another split".to_owned());
            }
            for what in form(record) {
                complain(what);
            }
        }
        let step = sample.map_or(1, |n| records.len().div_ceil(n.max(1)).max(1));
        todo.extend(records.into_iter().step_by(step));
    }
    checked.shapes = shapes.len();
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let found: Mutex<Vec<(usize, Result<(), String>)>> = Mutex::new(Vec::new());
    let fault: Mutex<Option<ProveError>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..jobs.get() {
            scope.spawn(|| {
                let prover = Prover::new(compiler).patient();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((_, _, record)) = todo.get(number) else {
                        break;
                    };
                    match again(&prover, record) {
                        Err(Failed::Fault(error)) => {
                            next.store(usize::MAX / 2, Ordering::Relaxed);
                            *lock(&fault) = Some(error);
                        }
                        Err(Failed::Wrong(what)) => lock(&found).push((number, Err(what))),
                        Ok(()) => lock(&found).push((number, Ok(()))),
                    }
                    progress(done.fetch_add(1, Ordering::Relaxed) + 1, todo.len());
                }
            });
        }
    });
    if let Some(error) = lock(&fault).take() {
        return Err(error.into());
    }
    let mut found = std::mem::take(&mut *lock(&found));
    found.sort_by_key(|(number, _)| *number);
    for (number, result) in found {
        match (result, todo.get(number)) {
            (Err(what), Some((file, line, record))) => checked.wrong.push(Wrong {
                file: file.clone(),
                line: *line,
                id: record.id.clone(),
                what,
            }),
            _ => checked.proved_and_refuted += 1,
        }
    }
    Ok(checked)
}

fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// What is wrong with a record as it stands, without a proof.
pub fn form(record: &Record) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    demand(
        record.verdicts.patch == PatchVerdict::ProvenFix,
        "the patch is no proven fix",
    );
    demand(!record.licence.trim().is_empty(), "no licence is named");
    demand(
        record.split == split(&record.hashes.shape),
        "the split is not that of its shape",
    );
    match report_text::parse(record.report.as_bytes(), Path::new("report")).as_deref() {
        Ok([report]) => {
            let target = record
                .obligations_before
                .iter()
                .find(|o| o.id == record.counterexample.obligation);
            demand(
                target.is_some_and(|t| t.line == report.line),
                "the report is about another line",
            );
            demand(
                report.file == Path::new(&record.file),
                "the report is about another file",
            );
        }
        Ok(_) => demand(false, "the report is not one report"),
        Err(error) => demand(false, &format!("the report cannot be read: {error}")),
    }
    match record.fixed() {
        Ok(after) if after == record.before => demand(false, "the patch changes nothing"),
        Ok(after) => demand(
            hashes(&record.before, &after, &record.function) == record.hashes,
            "the hashes are not those of its texts",
        ),
        Err(error) => demand(false, &format!("the patch does not apply: {error}")),
    }
    wrong
}

enum Failed {
    Wrong(String),
    Fault(ProveError),
}

impl From<ProveError> for Failed {
    fn from(error: ProveError) -> Failed {
        match error {
            ProveError::Compiler { .. } => Failed::Fault(error),
            other => Failed::Wrong(other.to_string()),
        }
    }
}

impl From<Refusal> for Failed {
    fn from(why: Refusal) -> Failed {
        Failed::Wrong(format!("it is no pair any more: {}", why.name()))
    }
}

/// Proves, refutes and judges the pair again, and compares what is found with what the record says.
fn again(prover: &Prover, record: &Record) -> Result<(), Failed> {
    let Ok(after) = record.fixed() else {
        return Ok(());
    };
    let path = Path::new(&record.file);
    let read = |text: &str| prover.read(path, &[text]).map(|mut texts| texts.pop());
    let (Some(old), Some(new)) = (read(&record.before)?, read(&after)?) else {
        return Err(Failed::Wrong("nothing was read".to_owned()));
    };
    let new = prover.check(&new, &record.function)?;
    is_proved(&new, &record.function)?;
    let old = prover.check(&old, &record.function)?;
    is_refuted(&old, &record.function)?;
    let judged = is_fixed(&old, &new)?;
    // `vacuous` may be for want of work: an input on which the version before breaks nothing is found with more of it.
    let known_better = (record.behaviour, judged.behaviour) == (Behaviour::Vacuous, Behaviour::Preserved);
    if judged.behaviour != record.behaviour && !known_better {
        return Err(Failed::Wrong(
            "behaviour is found to be another one than the record says".to_owned(),
        ));
    }
    let verdicts = old.function(&record.function).map(|f| &f.obligations);
    let reported = verdicts
        .into_iter()
        .flatten()
        .find(|o| o.id == record.counterexample.obligation);
    if reported.is_none_or(|o| o.verdict != vf_verify::report::Verdict::Refuted) {
        return Err(Failed::Wrong("the reported obligation is not refuted".to_owned()));
    }
    Ok(())
}

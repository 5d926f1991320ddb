//! Records of pairs that somebody gives. What is not proved and refuted is not taken, and said why.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Serialize;
use vf_repair::ctext::functions::functions;
use vf_repair::ctext::lex::normalised;
use vf_repair::{BugReport, report_text, sarif};
use vf_source::diff::{Patch, apply};

use crate::error::CorpusError;
use crate::hash::function_text;
use crate::pair::{About, Refusal, is_fixed, is_proved, is_refuted, record};
use crate::prove::{ProveError, Prover};
use crate::random::Random;
use crate::record::{Origin, Record};
use crate::report::report;

/// A pair that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// The file before and the fix, as they are called where they come from.
    pub source: String,
    pub fix: String,
    /// Path of the file, as the record has it.
    pub file: String,
    pub before: String,
    pub after: String,
    /// The function that it is about; every changed one, where none is named.
    pub function: Option<String>,
    /// What was reported of it, where something was.
    pub report: Option<BugReport>,
}

/// Why a pair was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotTaken {
    pub source: String,
    pub function: Option<String>,
    pub why: String,
}

/// What was imported.
#[derive(Debug, Default)]
pub struct Imported {
    pub records: Vec<Record>,
    pub not_taken: Vec<NotTaken>,
}

/// Ends of the names of a pair's files.
const ENDS: [(&str, &str); 4] = [
    (".before.c", ".after.c"),
    (".bad.c", ".good.c"),
    ("_before.c", "_after.c"),
    ("_bad.c", "_good.c"),
];
/// Folders in folders that are looked into.
const DEEPEST: usize = 16;

/// The pairs of a folder and the folders in it: `NAME.before.c` with `NAME.after.c`, `NAME.bad.c` with `NAME.good.c`.
///
/// # Errors
/// Something cannot be read, or there is no pair.
pub fn folder(path: &Path) -> Result<Vec<Found>, CorpusError> {
    let mut found = Vec::new();
    look_into(path, path, DEEPEST, &mut found)?;
    found.sort_by(|a, b| a.source.cmp(&b.source));
    if found.is_empty() {
        return Err(CorpusError::NoPairs {
            path: path.to_path_buf(),
        });
    }
    Ok(found)
}

fn look_into(root: &Path, path: &Path, depth: usize, found: &mut Vec<Found>) -> Result<(), CorpusError> {
    let failed = |source| CorpusError::Read {
        path: path.to_path_buf(),
        source,
    };
    for entry in std::fs::read_dir(path).map_err(failed)? {
        let entry = entry.map_err(failed)?.path();
        // A link may lead back to where it is.
        if entry.is_dir() && !entry.is_symlink() && depth > 0 {
            look_into(root, &entry, depth - 1, found)?;
            continue;
        }
        let name = entry
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some((stem, good)) = ENDS
            .iter()
            .find_map(|(bad, good)| Some((name.strip_suffix(bad)?, good)))
        else {
            continue;
        };
        let other = entry.with_file_name(format!("{stem}{good}"));
        if !other.is_file() {
            continue;
        }
        let shown = |path: &Path| {
            path.strip_prefix(root)
                .unwrap_or(path)
                .to_string_lossy()
                .into_owned()
        };
        found.push(Found {
            source: shown(&entry),
            fix: shown(&other),
            file: shown(&entry.with_file_name(format!("{stem}.c"))),
            before: text(&entry)?,
            after: text(&other)?,
            function: None,
            report: None,
        });
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, CorpusError> {
    let bytes = std::fs::read(path).map_err(|source| CorpusError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// What a SARIF log reports in files that a patch changes.
///
/// # Errors
/// Something cannot be read, the log is no SARIF, or the patch does not apply.
pub fn log_and_patch(log: &Path, patch: &Path, tree: &Path) -> Result<Vec<Found>, CorpusError> {
    let reports = sarif::read(log)?.reports;
    let wrong = |source| CorpusError::Patch {
        path: patch.to_path_buf(),
        source: Box::new(source),
    };
    let parsed = Patch::parse(&text(patch)?).map_err(wrong)?;
    let mut found = Vec::new();
    for changed in &parsed.files {
        let path = PathBuf::from(changed.path());
        if path.extension().is_none_or(|e| e != "c") {
            continue;
        }
        let before = text(&tree.join(&path))?;
        let after = apply(changed, &before).map_err(wrong)?;
        let of_file = |r: &&BugReport| r.file.ends_with(&path) || path.ends_with(&r.file);
        for report in reports.iter().filter(of_file) {
            found.push(Found {
                source: log.to_string_lossy().into_owned(),
                fix: patch.to_string_lossy().into_owned(),
                file: path.to_string_lossy().into_owned(),
                before: before.clone(),
                after: after.clone(),
                function: None,
                report: Some(report.clone()),
            });
        }
    }
    if found.is_empty() {
        return Err(CorpusError::NoPairs {
            path: patch.to_path_buf(),
        });
    }
    Ok(found)
}

/// What records of pairs say, and how they are made.
pub struct ImportOptions<'a> {
    /// An SPDX expression.
    pub licence: &'a str,
    pub compiler: &'a Path,
    /// Pairs that are looked at at once.
    pub jobs: NonZeroUsize,
    /// What the repository is called, where they come from one.
    pub repository: Option<&'a str>,
    /// For each version of a function; without it, work is counted instead.
    pub time: Option<Duration>,
    /// Told how many pairs of how many were looked at.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// Makes records of pairs: one for each function that the fix changes, or the one that the pair or the report is about.
///
/// # Errors
/// The compiler cannot be run; whatever else is wrong with a pair is said of it.
pub fn import(pairs: &[Found], options: &ImportOptions<'_>) -> Result<Imported, CorpusError> {
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut all: Vec<(usize, Tried)> = std::thread::scope(|scope| {
        let work = || -> Result<Vec<(usize, Tried)>, ProveError> {
            let mut prover = Prover::new(options.compiler);
            if let Some(time) = options.time {
                prover = prover.within(time);
            }
            let mut tried = Vec::new();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(pair) = pairs.get(at) else { break };
                tried.push((at, of_pair(&prover, pair, options, at as u64)?));
                (options.progress)(done.fetch_add(1, Ordering::Relaxed) + 1, pairs.len());
            }
            Ok(tried)
        };
        let workers: Vec<_> = (0..options.jobs.get()).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::new();
        for worker in workers {
            all.extend(
                worker
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?,
            );
        }
        Ok::<_, ProveError>(all)
    })?;
    all.sort_by_key(|(at, _)| *at);
    let mut imported = Imported::default();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for one in all.into_iter().flat_map(|(_, tried)| tried) {
        match one {
            Ok(record) if seen.insert(record.hashes.function.clone()) => imported.records.push(*record),
            Ok(record) => imported.not_taken.push(NotTaken {
                source: source_of(&record.origin),
                function: Some(record.function),
                why: Refusal::Duplicate.name().to_owned(),
            }),
            Err(no) => imported.not_taken.push(no),
        }
    }
    Ok(imported)
}

/// What came of each function of a pair.
type Tried = Vec<Result<Box<Record>, NotTaken>>;

fn source_of(origin: &Origin) -> String {
    match origin {
        Origin::Imported { source, .. } | Origin::Mined { source, .. } => source.clone(),
        Origin::Made { .. } => String::new(),
    }
}

fn of_pair(
    prover: &Prover,
    pair: &Found,
    options: &ImportOptions<'_>,
    number: u64,
) -> Result<Tried, ProveError> {
    let no = |function: Option<&str>, why: String| {
        Err(NotTaken {
            source: pair.source.clone(),
            function: function.map(str::to_owned),
            why,
        })
    };
    let mut changed = changed_functions(&pair.before, &pair.after);
    if let Some(function) = &pair.function {
        changed.retain(|name| name == function);
    }
    if let Some(report) = &pair.report {
        changed.retain(|name| holds(&pair.before, name, report));
    }
    if changed.is_empty() {
        let why = "no function that is in both versions is changed where it matters";
        return Ok(vec![no(None, why.to_owned())]);
    }
    let mut tried = Vec::new();
    for function in changed {
        tried.push(match one(prover, pair, &function, options, number) {
            Ok(record) => Ok(Box::new(record)),
            Err(Failed::Refused(why)) => no(Some(&function), why.name().to_owned()),
            Err(Failed::Error(error @ ProveError::Compiler { .. })) => return Err(error),
            Err(Failed::Error(error)) => no(Some(&function), error.to_string()),
        });
    }
    Ok(tried)
}

enum Failed {
    Refused(Refusal),
    Error(ProveError),
}

impl From<Refusal> for Failed {
    fn from(why: Refusal) -> Failed {
        Failed::Refused(why)
    }
}

impl From<ProveError> for Failed {
    fn from(error: ProveError) -> Failed {
        Failed::Error(error)
    }
}

fn one(
    prover: &Prover,
    pair: &Found,
    function: &str,
    options: &ImportOptions<'_>,
    number: u64,
) -> Result<Record, Failed> {
    let path = Path::new(&pair.file);
    let read = |text: &str| -> Result<_, Failed> {
        let mut texts = prover.read(path, &[text])?;
        texts.pop().ok_or(Failed::Refused(Refusal::NotRead))
    };
    let (old, new) = (read(&pair.before)?, read(&pair.after)?);
    let new = prover.check(&new, function)?;
    is_proved(&new, function)?;
    let old = prover.check(&old, function)?;
    is_refuted(&old, function)?;
    let judged = is_fixed(&old, &new)?;
    let mut random = Random::new(0, number);
    let (source, fix) = (pair.source.clone(), pair.fix.clone());
    let (kind, origin) = match options.repository {
        None => ("imported", Origin::Imported { source, fix }),
        Some(name) => {
            let repository = name.to_owned();
            (
                "mined",
                Origin::Mined {
                    repository,
                    source,
                    fix,
                },
            )
        }
    };
    let named = pair.source.replace(['/', '\\', ' ', ':'], "-");
    let about = About {
        id: format!("{kind}-{named}-{function}"),
        file: &pair.file,
        function,
        origin,
        licence: options.licence,
        report: &mut |target| match &pair.report {
            // The line is that of the obligation, which the analyser may have placed elsewhere in the statement.
            Some(given) => report_text::print(&[BugReport {
                line: target.location.line,
                file: pair.file.clone().into(),
                function: Some(function.to_owned()),
                ..given.clone()
            }]),
            None => report(target, &pair.file, function, &mut random),
        },
    };
    record(about, &old, &new, &judged).ok_or(Failed::Refused(Refusal::NotFixed))
}

/// Functions of both versions whose text differs.
pub(crate) fn changed_functions(before: &str, after: &str) -> Vec<String> {
    let new = functions(after);
    let both = functions(before)
        .into_iter()
        .filter(|f| new.iter().any(|n| n.name == f.name));
    both.map(|f| f.name)
        .filter(|name| normalised(function_text(before, name)) != normalised(function_text(after, name)))
        .collect()
}

/// Whether the line of the report lies in the function.
fn holds(text: &str, function: &str, report: &BugReport) -> bool {
    let found = functions(text).into_iter().find(|f| f.name == function);
    found.is_some_and(|f| {
        let line = |at: usize| text.get(..at).unwrap_or("").matches('\n').count() + 1;
        let lines = line(f.range.start)..=line(f.range.end);
        usize::try_from(report.line).is_ok_and(|at| lines.contains(&at))
    })
}

//! Records of pairs that somebody gives. What is not proved and refuted is not taken, and said why.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

/// Makes records of pairs: one for each function that the fix changes, or the one that the report is about.
///
/// # Errors
/// The compiler cannot be run; whatever else is wrong with a pair is said of it.
pub fn import(pairs: &[Found], licence: &str, compiler: &Path) -> Result<Imported, CorpusError> {
    let prover = Prover::new(compiler);
    let mut imported = Imported::default();
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    for (number, pair) in (0..).zip(pairs) {
        let mut no = |function: Option<&str>, why: String| {
            imported.not_taken.push(NotTaken {
                source: pair.source.clone(),
                function: function.map(str::to_owned),
                why,
            });
        };
        let mut changed = changed_functions(&pair.before, &pair.after);
        if let Some(report) = &pair.report {
            changed.retain(|name| holds(&pair.before, name, report));
        }
        if changed.is_empty() {
            no(
                None,
                "no function that is in both versions is changed where it matters".to_owned(),
            );
        }
        for function in changed {
            match one(&prover, pair, &function, licence, number) {
                Ok(record) if seen.insert(record.hashes.function.clone(), ()).is_none() => {
                    imported.records.push(record);
                }
                Ok(_) => no(Some(&function), Refusal::Duplicate.name().to_owned()),
                Err(Failed::Refused(why)) => no(Some(&function), why.name().to_owned()),
                Err(Failed::Error(error @ ProveError::Compiler { .. })) => return Err(error.into()),
                Err(Failed::Error(error)) => no(Some(&function), error.to_string()),
            }
        }
    }
    Ok(imported)
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

fn one(prover: &Prover, pair: &Found, function: &str, licence: &str, number: u64) -> Result<Record, Failed> {
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
    let about = About {
        id: format!(
            "imported-{}-{function}",
            pair.source.replace(['/', '\\', ' '], "-")
        ),
        file: &pair.file,
        function,
        origin: Origin::Imported {
            source: pair.source.clone(),
            fix: pair.fix.clone(),
        },
        licence,
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
fn changed_functions(before: &str, after: &str) -> Vec<String> {
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

//! Judging a patch that somebody else made: both versions are checked in the functions that it touches.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vf_source::diff::{DiffError, Patch, apply, touched_lines};
use vf_verify::report::{CheckReport, Overall, SCHEMA};

use crate::checker::{CheckError, CheckRequest, Checked, Checker};
use crate::ctext::functions::functions;
use crate::ctext::lex::{mentions, normalised};
use crate::judge::{PatchReport, PatchVerdict, Version, judge};
use crate::locate::{LocateError, line_of, read_in_tree, read_text};

/// Where the two versions come from. Nothing is ever written to any of them.
#[derive(Clone, Debug)]
pub enum PatchInput {
    /// A unified diff and the tree that it applies to.
    Patch { text: String, tree: PathBuf },
    /// Two versions of one file. Both are read as if they stood at the place of `before`.
    Files { before: PathBuf, after: PathBuf },
    /// Two revisions of a git repository. Files that they share come from its working tree.
    Revisions {
        repository: PathBuf,
        from: String,
        to: String,
    },
}

/// Why a patch cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
    #[error(transparent)]
    Diff(#[from] DiffError),
    #[error(transparent)]
    Read(#[from] LocateError),
    #[error(transparent)]
    Check(#[from] CheckError),
    #[error("the patch changes no C file; there is nothing to prove")]
    NoCFile,
    #[error("the two versions are the same but for white space and comments")]
    NoChange,
    #[error("no function `{name}` is defined in what the patch changes")]
    NoFunction { name: String },
    #[error("`{revision}` is no revision that git could take; write FROM..TO")]
    BadRevision { revision: String },
    #[error("git cannot be run: {0}; install git or give the patch as a file")]
    NoGit(#[source] std::io::Error),
    #[error("git {command}: {message}")]
    Git { command: String, message: String },
    #[error("{file} at {revision}: is not text; only C source can be judged")]
    NotText { file: String, revision: String },
}

/// One file in both versions; an absent side is an empty text.
#[derive(Clone, Debug)]
pub struct ChangedFile {
    /// As the locations of a report have it.
    pub path: PathBuf,
    pub old: Arc<str>,
    pub new: Arc<str>,
}

/// The files that a patch changes, as they are before and after it.
pub fn changed_files(input: &PatchInput) -> Result<Vec<ChangedFile>, PatchError> {
    match input {
        PatchInput::Patch { text, tree } => patched(text, tree),
        PatchInput::Files { before, after } => Ok(vec![ChangedFile {
            path: before.clone(),
            old: read_text(before)?,
            new: read_text(after)?,
        }]),
        PatchInput::Revisions { repository, from, to } => revisions(repository, from, to),
    }
}

/// Judges a patch in the functions that it touches and their callers. `time` bounds the whole run; half of it is for
/// each version.
pub fn judge_patch(
    input: &PatchInput,
    checker: &mut dyn Checker,
    time: Option<Duration>,
) -> Result<PatchReport, PatchError> {
    judge_functions(input, &[], checker, time)
}

/// The same in these functions only, each for any callers; with none, as [`judge_patch`]. Where the change touches others
/// too, it is no proven fix.
pub fn judge_functions(
    input: &PatchInput,
    only: &[String],
    checker: &mut dyn Checker,
    time: Option<Duration>,
) -> Result<PatchReport, PatchError> {
    let files: Vec<ChangedFile> = changed_files(input)?
        .into_iter()
        .filter(|f| normalised(&f.old) != normalised(&f.new))
        .collect();
    if files.is_empty() {
        return Err(PatchError::NoChange);
    }
    let started = Instant::now();
    let left = |share: u32| time.map(|t| t.saturating_sub(started.elapsed()) / share);
    let questions = if only.is_empty() {
        questions(&files)
    } else {
        chosen(&files, only)?
    };
    if questions.is_empty() {
        return Err(PatchError::NoCFile);
    }
    let count = questions.len() as u32;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (i, (file, names)) in questions.iter().enumerate() {
        let shares = 2 * (count - i as u32);
        before.extend(one_version(
            checker,
            &files,
            file,
            names,
            Side::Old,
            left(shares),
        )?);
        after.extend(one_version(
            checker,
            &files,
            file,
            names,
            Side::New,
            left(shares - 1),
        )?);
    }
    let version = |found: Vec<Checked>, side: Side| Version {
        files: files
            .iter()
            .map(|f| (f.path.to_string_lossy().into_owned(), side.text(f).clone()))
            .collect(),
        executions: found.iter().filter_map(|c| c.executions.clone()).collect(),
        report: joined(found.into_iter().map(|c| c.report)),
    };
    let mut report = judge(&version(before, Side::Old), &version(after, Side::New));
    if report.verdict == PatchVerdict::ProvenFix && !only.is_empty() {
        let header_changed = files.iter().any(is_header);
        let touched = files.iter().flat_map(|f| changed_functions(f, header_changed));
        if !touched
            .collect::<BTreeSet<_>>()
            .iter()
            .all(|name| only.contains(name))
        {
            report.verdict = PatchVerdict::Unknown;
        }
    }
    Ok(report)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Old,
    New,
}

impl Side {
    fn text(self, file: &ChangedFile) -> &Arc<str> {
        if self == Side::Old { &file.old } else { &file.new }
    }
}

/// Checks one side of one file; nothing for a side on which the file does not exist, or none of the
/// functions does.
fn one_version(
    checker: &mut dyn Checker,
    files: &[ChangedFile],
    file: &ChangedFile,
    names: &[String],
    side: Side,
    time_left: Option<Duration>,
) -> Result<Option<Checked>, CheckError> {
    let text = side.text(file);
    let here: Vec<String> = functions(text).into_iter().map(|f| f.name).collect();
    let names: Vec<String> = names.iter().filter(|n| here.contains(n)).cloned().collect();
    if names.is_empty() {
        return Ok(None);
    }
    let overlay: Vec<(PathBuf, String)> = files
        .iter()
        .filter(|f| !side.text(f).is_empty())
        .map(|f| (f.path.clone(), side.text(f).to_string()))
        .collect();
    let question = CheckRequest {
        file: &file.path,
        overlay: &overlay,
        functions: &names,
        time_left,
    };
    Ok(Some(checker.check(&question)?))
}

fn is_header(file: &ChangedFile) -> bool {
    file.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("h"))
}

/// Which functions of which files to check: those that the change touches on either side and those that call
/// them; all where something outside of functions changed, or a header.
fn questions(files: &[ChangedFile]) -> Vec<(ChangedFile, Vec<String>)> {
    let is_c = |f: &ChangedFile| f.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("c"));
    let sources: Vec<&ChangedFile> = files.iter().filter(|f| is_c(f)).collect();
    let chosen = if sources.is_empty() {
        files.iter().filter(|f| is_header(f)).collect()
    } else {
        sources
    };
    let header_changed = files.iter().any(is_header) && chosen.iter().any(|f| is_c(f));
    let mut found = Vec::new();
    for file in chosen {
        let mut names = changed_functions(file, header_changed);
        let callers: Vec<String> = [&file.old, &file.new]
            .iter()
            .flat_map(|text| {
                let text: &str = text;
                functions(text)
                    .into_iter()
                    .filter(|f| {
                        names
                            .iter()
                            .any(|n| mentions(text.get(f.body.clone()).unwrap_or(""), n))
                    })
                    .map(|f| f.name)
                    .collect::<Vec<_>>()
            })
            .collect();
        names.extend(callers);
        if !names.is_empty() {
            found.push((file.clone(), names.into_iter().collect()));
        }
    }
    found
}

/// Functions of a file that a change touches on either side: all where something outside of functions changed.
fn changed_functions(file: &ChangedFile, header_changed: bool) -> BTreeSet<String> {
    let (before, after) = touched_lines(&file.old, &file.new);
    let (mut names, outside_old) = touched(&file.old, &before);
    let (more, outside_new) = touched(&file.new, &after);
    names.extend(more);
    if header_changed || outside_old || outside_new {
        let texts = [&file.old, &file.new];
        names.extend(texts.iter().flat_map(|t| functions(t)).map(|f| f.name));
    }
    names
}

/// The files that define the functions that were asked for.
fn chosen(files: &[ChangedFile], only: &[String]) -> Result<Vec<(ChangedFile, Vec<String>)>, PatchError> {
    let mut found: Vec<(ChangedFile, Vec<String>)> = Vec::new();
    for file in files {
        let texts = [&file.old, &file.new];
        let defined: BTreeSet<String> = texts.iter().flat_map(|t| functions(t)).map(|f| f.name).collect();
        let here: BTreeSet<&String> = only.iter().filter(|name| defined.contains(*name)).collect();
        if !here.is_empty() {
            found.push((file.clone(), here.into_iter().cloned().collect()));
        }
    }
    let missing = only
        .iter()
        .find(|name| !found.iter().any(|(_, names)| names.contains(name)));
    match missing {
        Some(name) => Err(PatchError::NoFunction { name: name.clone() }),
        None => Ok(found),
    }
}

/// Functions whose lines a change touches, and whether it touches code outside of all of them.
fn touched(text: &str, lines: &[Range<u32>]) -> (BTreeSet<String>, bool) {
    let spans: Vec<(String, Range<u32>)> = functions(text)
        .into_iter()
        .map(|f| {
            (
                f.name,
                line_of(text, f.range.start)..line_of(text, f.range.end) + 1,
            )
        })
        .collect();
    let all: Vec<&str> = text.lines().collect();
    let mut names = BTreeSet::new();
    let mut outside = false;
    for range in lines {
        // A pure insertion or deletion touches the function it stands in.
        let end = range.end.max(range.start + 1);
        for (name, span) in &spans {
            if range.start < span.end && span.start < end {
                names.insert(name.clone());
            }
        }
        let code = range.clone().any(|line| {
            let covered = spans.iter().any(|(_, s)| s.contains(&line));
            let text = all.get(line as usize - 1).copied().unwrap_or("").trim();
            !covered
                && !text.is_empty()
                && !text.starts_with("//")
                && !text.starts_with("/*")
                && !text.starts_with('*')
        });
        outside |= code;
    }
    (names, outside)
}

fn joined(reports: impl Iterator<Item = CheckReport>) -> CheckReport {
    let mut all = CheckReport {
        schema: SCHEMA.to_string(),
        verdict: Overall::Proved,
        elapsed_ms: 0,
        functions: Vec::new(),
    };
    for report in reports {
        all.verdict = all.verdict.max(report.verdict);
        all.elapsed_ms += report.elapsed_ms;
        for function in report.functions {
            if !all
                .functions
                .iter()
                .any(|f| f.name == function.name && f.file == function.file)
            {
                all.functions.push(function);
            }
        }
    }
    if all.functions.is_empty() {
        all.verdict = Overall::Unknown;
    }
    all
}

/// Applies a patch in memory.
fn patched(text: &str, tree: &Path) -> Result<Vec<ChangedFile>, PatchError> {
    let patch = Patch::parse(text)?;
    let mut files: Vec<ChangedFile> = Vec::new();
    for part in &patch.files {
        let relative = Path::new(part.path());
        let known = files.iter().position(|f| f.path.ends_with(relative));
        let old: Arc<str> = match known {
            Some(i) => files[i].new.clone(),
            None if part.old_path.is_none() => Arc::from(""),
            None => read_in_tree(tree, relative)?.text,
        };
        let new: Arc<str> = Arc::from(apply(part, &old)?);
        match known {
            Some(i) => files[i].new = new,
            None => files.push(ChangedFile {
                path: tree.join(relative),
                old,
                new,
            }),
        }
    }
    Ok(files)
}

fn revisions(repository: &Path, from: &str, to: &str) -> Result<Vec<ChangedFile>, PatchError> {
    for revision in [from, to] {
        if revision.is_empty() || revision.starts_with('-') || revision.contains(['\0', ':', ' ']) {
            return Err(PatchError::BadRevision {
                revision: revision.to_string(),
            });
        }
    }
    let root = git(repository, &["rev-parse", "--show-toplevel"])?;
    let root = PathBuf::from(String::from_utf8_lossy(&root).trim_end());
    let listed = git(
        &root,
        &[
            "diff",
            "--no-renames",
            "--name-status",
            "-z",
            "--end-of-options",
            from,
            to,
            "--",
        ],
    )?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let mut words = listed.split('\0').filter(|w| !w.is_empty());
    let mut files = Vec::new();
    while let (Some(status), Some(name)) = (words.next(), words.next()) {
        if !matches!(
            Path::new(name).extension().and_then(|e| e.to_str()),
            Some("c" | "h" | "C" | "H")
        ) {
            continue;
        }
        let text = |revision: &str, absent: &str| -> Result<Arc<str>, PatchError> {
            if status == absent {
                return Ok(Arc::from(""));
            }
            let bytes = git(
                &root,
                &["show", "--end-of-options", &format!("{revision}:{name}")],
            )?;
            let not_text = |_| PatchError::NotText {
                file: name.to_string(),
                revision: revision.to_string(),
            };
            String::from_utf8(bytes).map(Arc::from).map_err(not_text)
        };
        files.push(ChangedFile {
            path: root.join(name),
            old: text(from, "A")?,
            new: text(to, "D")?,
        });
    }
    if files.is_empty() {
        Err(PatchError::NoCFile)
    } else {
        Ok(files)
    }
}

/// What git prints. Nothing that the repository's own configuration names is run for it.
pub(crate) fn git(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, PatchError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args(["-c", "core.fsmonitor=false", "-c", "log.showSignature=false"])
        .args(arguments)
        .output()
        .map_err(PatchError::NoGit)?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let message = String::from_utf8_lossy(&output.stderr).trim().to_string();
    Err(PatchError::Git {
        command: arguments.first().copied().unwrap_or("").to_string(),
        message,
    })
}

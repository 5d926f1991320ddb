//! Fixes in the history of a git repository: commits whose functions go from refuted to proved, with behaviour kept.
//!
//! Nobody labels anything: of each commit that changes a few functions, both versions of each are taken with what they need
//! ([`crate::alone`]), and the prover says whether they are a pair. The repository is only read; files are checked out elsewhere.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Serialize;
use vf_frontend::preprocess::{Preprocessed, preprocess};
use vf_frontend::{Options, Wanted};
use vf_ir::DataModel;

use crate::alone::{Whole, alone};
use crate::error::CorpusError;
use crate::import::{Found, changed_functions};

/// What changes more than that is no fix of one mistake.
const FUNCTIONS: usize = 4;
const FILES: usize = 4;

/// What is looked at.
#[derive(Clone, Debug)]
pub struct MineOptions {
    pub repository: PathBuf,
    /// Commits, as `git log` takes them (`v1.0..`, `HEAD`).
    pub revisions: String,
    /// The newest so many of them.
    pub commits: Option<usize>,
    /// Only commits whose message has this extended regular expression, in any case.
    pub matching: Option<String>,
    pub compiler: PathBuf,
    /// Of the compiler; relative folders are those of the repository.
    pub flags: Vec<String>,
}

/// What the walk came to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Walked {
    pub commits: u64,
    /// With few enough changed functions.
    pub candidates: u64,
    pub functions: u64,
    /// Functions, and files, that could not be looked at, and why.
    pub not_read: u64,
    pub not_alone: u64,
}

/// A commit and the one before.
struct Commit {
    hash: String,
    parent: String,
}

/// Files of one commit, checked out apart from the repository.
struct CheckedOut {
    repository: PathBuf,
    folder: tempfile::TempDir,
}

impl CheckedOut {
    fn new(repository: &Path) -> Result<CheckedOut, CorpusError> {
        let folder = tempfile::tempdir().map_err(|source| CorpusError::Read {
            path: std::env::temp_dir(),
            source,
        })?;
        std::fs::create_dir(folder.path().join("tree")).map_err(|source| CorpusError::Read {
            path: folder.path().to_path_buf(),
            source,
        })?;
        Ok(CheckedOut {
            repository: repository.to_path_buf(),
            folder,
        })
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    /// Brings the files to those of a commit; only what differs is written.
    fn show(&self, commit: &str) -> Result<(), CorpusError> {
        let mut command = git_command(&self.repository);
        command
            .env("GIT_INDEX_FILE", self.folder.path().join("index"))
            .env("GIT_WORK_TREE", self.tree())
            .args(["read-tree", "--reset", "-u", commit]);
        run(command, &self.repository).map(|_| ())
    }
}

fn git_command(repository: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(repository)
        // Nothing of the repository runs: no hooks, no filters of its own, no pager.
        .args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"])
        // A link in the history leads nowhere.
        .args(["-c", "core.symlinks=false", "--no-pager"])
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn run(mut command: Command, repository: &Path) -> Result<String, CorpusError> {
    let failed = |why: String| CorpusError::Git {
        repository: repository.to_path_buf(),
        why,
    };
    let output = command.output().map_err(|e| failed(e.to_string()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(failed(said.lines().next().unwrap_or("it failed").to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn git<S: AsRef<OsStr>>(
    repository: &Path,
    arguments: impl IntoIterator<Item = S>,
) -> Result<String, CorpusError> {
    let mut command = git_command(repository);
    command.args(arguments);
    run(command, repository)
}

/// Changed functions of a history, both versions of each, newest commit first.
///
/// # Errors
/// There is no such repository or revision, or git cannot be run.
pub fn walk(
    options: &MineOptions,
    progress: &mut dyn FnMut(&Walked, usize),
) -> Result<(Vec<Found>, Walked), CorpusError> {
    let repository = &options.repository;
    let commits = commits(options)?;
    let (old, new) = (CheckedOut::new(repository)?, CheckedOut::new(repository)?);
    let mut walked = Walked::default();
    let mut found = Vec::new();
    for commit in &commits {
        progress(&walked, commits.len());
        walked.commits += 1;
        let files = changed_files(repository, commit)?;
        if files.is_empty() || files.len() > FILES {
            continue;
        }
        let mut changed = Vec::new();
        for path in &files {
            let show = |revision: &str| git(repository, ["show", &format!("{revision}:{path}")]);
            let (Ok(before), Ok(after)) = (show(&commit.parent), show(&commit.hash)) else {
                walked.not_read += 1;
                continue;
            };
            changed.extend(changed_functions(&before, &after).into_iter().map(|f| (path, f)));
        }
        if changed.is_empty() || changed.len() > FUNCTIONS {
            continue;
        }
        walked.candidates += 1;
        old.show(&commit.parent)?;
        new.show(&commit.hash)?;
        let mut whole: Option<(&String, Whole, Whole)> = None;
        for (path, function) in &changed {
            walked.functions += 1;
            if whole.as_ref().is_none_or(|(known, ..)| known != path) {
                let both = preprocessed(options, &old, path).zip(preprocessed(options, &new, path));
                whole = both.map(|(a, b)| (*path, Whole::new(&a), Whole::new(&b)));
            }
            let Some((_, before, after)) = &whole else {
                walked.not_read += 1;
                continue;
            };
            let Ok((before, after)) = alone(before, after, function) else {
                walked.not_alone += 1;
                continue;
            };
            found.push(Found {
                source: format!("{}:{path}", commit.parent),
                fix: commit.hash.clone(),
                file: (*path).clone(),
                function: Some(function.clone()),
                before,
                after,
                report: None,
            });
        }
    }
    Ok((found, walked))
}

fn commits(options: &MineOptions) -> Result<Vec<Commit>, CorpusError> {
    let mut arguments = vec![
        "log".to_owned(),
        "--no-merges".to_owned(),
        "--format=%H %P".to_owned(),
    ];
    arguments.extend(options.commits.map(|n| format!("--max-count={n}")));
    if let Some(matching) = &options.matching {
        arguments.extend([
            "--extended-regexp".to_owned(),
            "--regexp-ignore-case".to_owned(),
            format!("--grep={matching}"),
        ]);
    }
    // What begins with a dash is no revision.
    arguments.extend([
        "--end-of-options".to_owned(),
        options.revisions.clone(),
        "--".to_owned(),
    ]);
    arguments.push("*.c".to_owned());
    let log = git(&options.repository, &arguments)?;
    let commits = log.lines().filter_map(|line| {
        let mut hashes = line.split(' ').map(str::to_owned);
        Some(Commit {
            hash: hashes.next()?,
            // The first commit has none.
            parent: hashes.next().filter(|hash| !hash.is_empty())?,
        })
    });
    Ok(commits.collect())
}

/// C files that a commit changes, not those that it adds, takes away or moves.
fn changed_files(repository: &Path, commit: &Commit) -> Result<Vec<String>, CorpusError> {
    let names = git(
        repository,
        [
            "diff-tree",
            "-r",
            "--name-only",
            "--no-renames",
            "--diff-filter=M",
            "-z",
            &commit.parent,
            &commit.hash,
            "--",
            "*.c",
        ],
    )?;
    Ok(names
        .split('\0')
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect())
}

fn preprocessed(options: &MineOptions, tree: &CheckedOut, path: &str) -> Option<Preprocessed> {
    let options = Options {
        model: DataModel::Lp64,
        compiler: options.compiler.clone(),
        flags: options.flags.clone(),
        directory: Some(tree.tree()),
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    preprocess(&tree.tree().join(path), &options).ok()
}

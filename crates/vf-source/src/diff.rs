//! Unified diffs: read, apply, write.
//!
//! Read is what developers pass around: output of `git diff` and `diff -u`, mails of `git format-patch` with
//! their text, several files in one. Applied is as `git apply` does it: every context and removed line must be
//! there; a hunk may have moved, and goes to the nearest place where it fits. Written is what `git apply`
//! takes, with three lines of context.
//!
//! A line is what ends in a newline; a carriage return before it belongs to the line. A patch whose lines
//! differ from the file's only in that is applied all the same, and what it adds ends as the file's lines do.
//!
//! The format: POSIX `diff -u` (IEEE 1003.1-2008, "Diff -u or -U Output Format"), and git's extended headers
//! (git-diff(1), "Generating patch text with -p").

use std::ops::Range;

mod apply;
mod parse;
mod write;

pub use apply::{Applied, apply, apply_located};
pub use write::{diff, diff_files, touched_lines};

/// A patch to any number of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// In the order of the text; one file may come twice.
    pub files: Vec<FilePatch>,
}

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePatch {
    /// Path before, relative to the tree; `None` for a file that is created.
    pub old_path: Option<String>,
    /// Path after; `None` for a file that is deleted.
    pub new_path: Option<String>,
    pub change: Change,
    /// In ascending order. May be empty (a rename, a change of mode, an empty file).
    pub hunks: Vec<Hunk>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Modified,
    Created,
    Deleted,
    Renamed,
    /// The old file stays.
    Copied,
}

/// A stretch of changed lines with its surroundings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hunk {
    /// First line of the old side, from 1; the line before the hunk if `old_count` is 0.
    pub old_start: u32,
    pub old_count: u32,
    pub new_start: u32,
    pub new_count: u32,
    /// What follows the second `@@`: usually the function the hunk is in.
    pub section: String,
    pub lines: Vec<HunkLine>,
    /// Line of the patch text that its header is on, from 1.
    pub patch_line: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HunkLine {
    pub kind: LineKind,
    /// Text with its newline, which is missing only on the last line of a file that does not end in one.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineKind {
    Context,
    Removed,
    Added,
}

/// Why a text is no patch, or a patch does not apply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    #[error("no file header ('--- old' and '+++ new', or 'diff --git') found: this is not a unified diff")]
    NoFiles,
    #[error("patch line {line}: a hunk header stands before any file header")]
    HunkWithoutFile { line: u32 },
    #[error("patch line {line}: malformed hunk header '{text}' (expected '@@ -line,count +line,count @@')")]
    HunkHeader { line: u32, text: String },
    #[error("patch line {line}: malformed file name '{text}'")]
    FileName { line: u32, text: String },
    #[error("patch line {line}: '--- /dev/null' and '+++ /dev/null': the patch names no file")]
    NoName { line: u32 },
    #[error(
        "patch line {line}: {file}: hunk {hunk} ends early: its header promises {missing} more lines; \
         correct the counts in its header"
    )]
    HunkTooShort {
        file: String,
        hunk: usize,
        line: u32,
        missing: u32,
    },
    #[error(
        "patch line {line}: {file}: hunk {hunk} has more lines than its header says; correct the counts in its header"
    )]
    HunkTooLong { file: String, hunk: usize, line: u32 },
    #[error(
        "patch line {line}: {file}: hunk {hunk}: lines follow the one that ends the file without newline"
    )]
    TextAfterEnd { file: String, hunk: usize, line: u32 },
    #[error("patch line {line}: {file}: hunk {hunk} stands before the end of the hunk above it")]
    OutOfOrder { file: String, hunk: usize, line: u32 },
    #[error("patch line {line}: {file}: binary patches are not supported")]
    Binary { file: String, line: u32 },
    #[error("{file}: the patch creates this file, but it exists and is not empty")]
    AlreadyExists { file: String },
    #[error("{file}: the patch deletes this file, but leaves {lines} of its lines")]
    LeavesRest { file: String, lines: usize },
    #[error(
        "{file}: hunk {hunk} does not apply: at line {line} it expects {expected}, the file has {actual}"
    )]
    DoesNotApply {
        file: String,
        /// From 1.
        hunk: usize,
        /// Line of the file, from 1, where the hunk fits least badly: its stated place, moved as the hunk
        /// before it was.
        line: usize,
        expected: Found,
        actual: Found,
    },
}

/// A line, or that there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// Without its newline.
    Line(String),
    /// The same, where the newline is missing and matters.
    LineWithoutNewline(String),
    EndOfFile,
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::Line(text) => write!(f, "`{text}`"),
            Found::LineWithoutNewline(text) => write!(f, "`{text}` without newline at the end of the file"),
            Found::EndOfFile => f.write_str("its end"),
        }
    }
}

impl FilePatch {
    /// The file's path in the tree that the patch applies to; for a created file, where it will be.
    pub fn path(&self) -> &str {
        self.old_path
            .as_deref()
            .or(self.new_path.as_deref())
            .unwrap_or_default()
    }

    /// Removed lines by number in the old file, and for what is only added, the empty range at the line that
    /// it comes before. As the patch states them: [`apply_located`] knows better.
    pub fn touched_before(&self) -> Vec<Range<u32>> {
        self.hunks
            .iter()
            .flat_map(|hunk| hunk.touched(LineKind::Removed, hunk.first_old()))
            .collect()
    }

    /// Added lines by number in the new file, and for what is only removed, the empty range at the line that
    /// it stood before.
    pub fn touched_after(&self) -> Vec<Range<u32>> {
        self.hunks
            .iter()
            .flat_map(|hunk| hunk.touched(LineKind::Added, hunk.first_new()))
            .collect()
    }
}

impl Hunk {
    /// First line of the old side from 1, also for a hunk without old lines.
    fn first_old(&self) -> u32 {
        if self.old_count == 0 {
            self.old_start.saturating_add(1)
        } else {
            self.old_start
        }
    }

    fn first_new(&self) -> u32 {
        if self.new_count == 0 {
            self.new_start.saturating_add(1)
        } else {
            self.new_start
        }
    }

    /// Runs of changed lines, seen from the side that has the lines of this kind, numbered from `first`.
    fn touched(&self, kind: LineKind, first: u32) -> Vec<Range<u32>> {
        let mut runs: Vec<Range<u32>> = Vec::new();
        let mut number = first;
        let mut in_run = false;
        for line in &self.lines {
            if line.kind == LineKind::Context {
                in_run = false;
            } else if !in_run {
                runs.push(number..number);
                in_run = true;
            }
            if line.kind == kind || line.kind == LineKind::Context {
                number = number.saturating_add(1);
            }
            if in_run && let Some(run) = runs.last_mut() {
                run.end = number;
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests;

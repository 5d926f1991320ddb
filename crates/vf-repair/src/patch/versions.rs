//! The two versions of a patch, read without writing to any of them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use vf_source::diff::{Patch, apply};

use super::{PatchError, PatchInput};
use crate::ctext::lex::normalised;
use crate::locate::{read_in_tree, read_text};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Old,
    New,
}

/// One file in both versions; an absent side is an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedFile {
    /// As the locations of a report have it.
    pub path: PathBuf,
    pub old: Arc<str>,
    pub new: Arc<str>,
}

impl ChangedFile {
    pub(super) fn text(&self, side: Side) -> &Arc<str> {
        if side == Side::Old { &self.old } else { &self.new }
    }

    pub(super) fn is_header(&self) -> bool {
        has_extension(&self.path, "h")
    }

    pub(super) fn is_c(&self) -> bool {
        has_extension(&self.path, "c")
    }
}

pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// Both versions.
#[derive(Clone, Debug)]
pub(super) struct Versions {
    /// Files that differ in more than white space and comments.
    pub files: Vec<ChangedFile>,
    /// Files that are the same in both versions, and other ones on disk: path and text, by version.
    around: [Vec<(PathBuf, String)>; 2],
    /// Root of the tree, where there is one.
    pub tree: Option<PathBuf>,
}

impl Versions {
    /// Texts that stand for files on disk while one version is looked at.
    pub fn overlay(&self, side: Side) -> Vec<(PathBuf, String)> {
        let changed = self.files.iter().filter(|f| !f.text(side).is_empty());
        let changed = changed.map(|f| (f.path.clone(), f.text(side).to_string()));
        changed
            .chain(self.around[side as usize].iter().cloned())
            .collect()
    }

    /// What a file that the patch does not change holds.
    pub fn unchanged(&self, path: &Path) -> Option<Arc<str>> {
        let [around, _] = &self.around;
        match around.iter().find(|(known, _)| known == path) {
            Some((_, text)) => Some(Arc::from(text.as_str())),
            None => read_text(path).ok(),
        }
    }
}

/// The files that a patch changes, as they are before and after it.
pub fn changed_files(input: &PatchInput) -> Result<Vec<ChangedFile>, PatchError> {
    Ok(versions(input)?.files)
}

/// Reads both versions.
pub(super) fn versions(input: &PatchInput) -> Result<Versions, PatchError> {
    let mut versions = match input {
        PatchInput::Patch { text, tree } => Versions {
            files: patched(text, tree)?,
            around: Default::default(),
            tree: Some(tree.clone()),
        },
        PatchInput::Files { before, after } => Versions {
            files: vec![ChangedFile {
                path: before.clone(),
                old: read_text(before)?,
                new: read_text(after)?,
            }],
            around: Default::default(),
            tree: None,
        },
        PatchInput::Revisions { repository, from, to } => revisions(repository, from, to)?,
    };
    versions
        .files
        .retain(|f| normalised(&f.old) != normalised(&f.new));
    if versions.files.is_empty() {
        return Err(PatchError::NoChange);
    }
    Ok(versions)
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

/// Two revisions. What else of the working tree is not as it is in them is read from them too, so that a header counts as it
/// was then. (Files that git does not know are taken as they lie there.)
fn revisions(repository: &Path, from: &str, to: &str) -> Result<Versions, PatchError> {
    for revision in [from, to] {
        if revision.is_empty() || revision.starts_with('-') || revision.contains(['\0', ':', ' ']) {
            return Err(PatchError::BadRevision {
                revision: revision.to_string(),
            });
        }
    }
    let root = git(repository, &["rev-parse", "--show-toplevel"])?;
    let root = PathBuf::from(String::from_utf8_lossy(&root).trim_end());
    let mut files = Vec::new();
    for (status, name) in differing(&root, &[from, to])? {
        let text = |revision: &str, absent: char| match status {
            status if status == absent => Ok(Arc::from("")),
            _ => shown(&root, revision, &name),
        };
        files.push(ChangedFile {
            path: root.join(&name),
            old: text(from, 'A')?,
            new: text(to, 'D')?,
        });
    }
    if files.is_empty() {
        return Err(PatchError::NoCFile);
    }
    let around = |revision: &str| {
        let mut around = Vec::new();
        for (status, name) in differing(&root, &[revision])? {
            let path = root.join(&name);
            // `A`: the revision has no such file.
            if status != 'A' && !files.iter().any(|f| f.path == path) {
                around.push((path, shown(&root, revision, &name)?.to_string()));
            }
        }
        Ok::<_, PatchError>(around)
    };
    let around = [around(from)?, around(to)?];
    Ok(Versions {
        files,
        around,
        tree: Some(root),
    })
}

/// C files and headers that differ between two revisions, or between one and the working tree, with git's letter for how.
fn differing(root: &Path, revisions: &[&str]) -> Result<Vec<(char, String)>, PatchError> {
    let mut arguments = vec!["diff", "--no-renames", "--name-status", "-z", "--end-of-options"];
    arguments.extend(revisions);
    arguments.push("--");
    let listed = git(root, &arguments)?;
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let mut words = listed.split('\0').filter(|w| !w.is_empty());
    let mut found = Vec::new();
    while let (Some(status), Some(name)) = (words.next(), words.next()) {
        let path = Path::new(name);
        if has_extension(path, "c") || has_extension(path, "h") {
            found.push((status.chars().next().unwrap_or(' '), name.to_string()));
        }
    }
    Ok(found)
}

/// The text of a file at a revision.
fn shown(root: &Path, revision: &str, name: &str) -> Result<Arc<str>, PatchError> {
    let bytes = git(root, &["show", "--end-of-options", &format!("{revision}:{name}")])?;
    let not_text = |_| PatchError::NotText {
        file: name.to_string(),
        revision: revision.to_string(),
    };
    String::from_utf8(bytes).map(Arc::from).map_err(not_text)
}

pub(crate) fn git(directory: &Path, arguments: &[&str]) -> Result<Vec<u8>, PatchError> {
    let output = Command::new("git")
        .arg("-C")
        .arg(directory)
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

//! The mail around a proven patch: who sends it, how the tree titles its commits, and which commit is at fault.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use vf_repair::PatchReport;
use vf_repair::history::{Commit, TitleStyle, Tracked, commit, identity};
use vf_repair::mail::Mail;
use vf_repair::message::{Change, assisted_by};
use vf_repair::proposer::Style;
use vf_repair::run::style_of;
use vf_source::diff::{LineKind, Patch};

use crate::exit::CliError;

/// The author where git knows nobody: whoever sends the patch puts a name there.
const NOBODY: &str = "verify-fix <verify-fix@localhost>";

/// Name and version, as messages have it.
pub fn tool() -> String {
    format!("verify-fix {}", env!("CARGO_PKG_VERSION"))
}

/// A proven change of one file, and what is known of it.
pub struct Proven<'a> {
    pub tree: &'a Path,
    /// Relative to the tree.
    pub file: &'a Path,
    pub function: &'a str,
    pub old: &'a str,
    pub diff: &'a str,
    pub report: &'a PatchReport,
    pub ids: &'a [String],
    pub assumptions: &'a [String],
    pub tested: Option<String>,
    /// The commit that `--fixes` names.
    pub fixes: Option<Commit>,
    /// Name of the model whose text is in the change.
    pub model: Option<String>,
}

/// A mail, and what a person should know of it.
pub struct Written {
    pub text: String,
    pub notes: Vec<String>,
}

/// The commit that `--fixes` names, looked up where the file is.
pub fn named(fixes: Option<&str>, tree: &Path, file: &Path) -> Result<Option<Commit>, CliError> {
    let Some(revision) = fixes else { return Ok(None) };
    let path = tree.join(file);
    let folder = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    commit(folder, revision)
        .map(Some)
        .map_err(|error| CliError::Fixes {
            revision: revision.to_string(),
            error: Box::new(error),
        })
}

impl Proven<'_> {
    /// The change as the message's maker wants it.
    pub fn change<'c>(&'c self, tool: &'c str) -> Change<'c> {
        Change {
            function: self.function,
            report: self.report,
            ids: self.ids,
            assumptions: self.assumptions,
            diff: self.diff,
            tested: self.tested.as_deref(),
            kernel: style_of(self.old) == Style::Kernel,
            tool,
        }
    }

    pub fn mail(&self) -> Written {
        let path = self.tree.join(self.file);
        let tracked = Tracked::find(&path);
        let mut notes = Vec::new();
        let style = tracked
            .as_ref()
            .and_then(|t| TitleStyle::of_titles(&t.titles()))
            .unwrap_or_else(|| TitleStyle::of_path(tracked.as_ref().map_or(self.file, |t| &t.path)));
        let mut tags = Vec::new();
        match (&self.fixes, &tracked) {
            (Some(commit), _) => tags.push(fixes(commit)),
            (None, Some(tracked)) => match tracked.culprit(self.old, &self.lines()) {
                Ok(commit) => tags.push(fixes(&commit)),
                Err(why) => notes.push(format!(
                    "no Fixes: tag, since {why}; --fixes REV names the commit"
                )),
            },
            (None, None) => {}
        }
        tags.push(assisted_by(env!("CARGO_PKG_VERSION"), self.model.as_deref()));
        let author = identity(self.tree);
        if author.is_none() {
            notes.push("git knows no author here (user.name, user.email); the patch names none".to_string());
        }
        if self.diff.contains("\r\n") {
            notes.push("the file's lines end in CR LF: `git am --keep-cr`".to_string());
        }
        if let Some(folder) = tracked.as_ref().and_then(|t| self.below(t)) {
            notes.push(format!(
                "the paths start below the top of the repository: `git am --directory={folder}`"
            ));
        }
        let tool = tool();
        let change = self.change(&tool);
        let text = Mail {
            author: author.as_deref().unwrap_or(NOBODY),
            seconds: now(),
            subject: &change.subject(&style),
            paragraphs: &change.paragraphs(),
            tags: &tags,
            diff: self.diff,
            tool: &tool,
        }
        .text();
        Written { text, notes }
    }

    /// Where the tree lies below the top of its repository.
    fn below(&self, tracked: &Tracked) -> Option<String> {
        let folder: PathBuf = tracked.path.components().collect();
        let folder = folder
            .to_str()?
            .strip_suffix(self.file.to_str()?)?
            .trim_end_matches('/');
        (!folder.is_empty()).then(|| folder.to_string())
    }

    /// Lines of the old version that the change replaces, and those of the operations that were wrong.
    fn lines(&self) -> BTreeSet<u32> {
        let mut lines = BTreeSet::new();
        let patch = Patch::parse(self.diff).unwrap_or_default();
        for hunk in patch.files.iter().flat_map(|f| &f.hunks) {
            let mut at = hunk.old_start;
            for line in &hunk.lines {
                if line.kind == LineKind::Removed {
                    lines.insert(at);
                }
                at += u32::from(line.kind != LineKind::Added);
            }
        }
        let all = self.report.before.functions.iter().flat_map(|f| &f.obligations);
        let wrong =
            all.filter(|o| self.ids.contains(&o.id) && Path::new(&o.location.file).ends_with(self.file));
        lines.extend(wrong.map(|o| o.location.line).filter(|line| *line > 0));
        lines
    }
}

fn fixes(commit: &Commit) -> String {
    format!("Fixes: {} (\"{}\")", commit.short, commit.title)
}

/// Seconds since 1970; `SOURCE_DATE_EPOCH` where a build is to be repeatable (<https://reproducible-builds.org>).
fn now() -> u64 {
    let asked = std::env::var("SOURCE_DATE_EPOCH")
        .ok()
        .and_then(|s| s.parse().ok());
    let clock = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |d| d.as_secs())
    };
    asked.unwrap_or_else(clock)
}

//! What a git repository says about a file: how its commits are titled, and which of them wrote a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::patch::{PatchError, git};

/// Titles that are looked at.
const TITLES: &str = "40";

/// A file of a git repository.
#[derive(Clone, Debug)]
pub struct Tracked {
    /// Top of the working tree.
    pub root: PathBuf,
    /// Path from there.
    pub path: PathBuf,
}

/// A commit as `Fixes:` names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// At least twelve hexadecimal digits.
    pub short: String,
    pub title: String,
}

/// Why no commit can be blamed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoCulprit {
    #[error("the file is not as it was committed last")]
    Changed,
    #[error("the lines concerned come from {}", .0.join(", "))]
    Several(Vec<String>),
    #[error("the repository is shallow and its history ends at {0}")]
    Shallow(String),
    #[error("git does not say who wrote the lines")]
    NotSaid,
}

impl Tracked {
    /// The file's place in its repository; `None` where there is no git or no repository, or it does not track the file.
    pub fn find(file: &Path) -> Option<Tracked> {
        let folder = file
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let name = file.file_name()?.to_str()?;
        let listed = said(folder, &["ls-files", "--full-name", "-z", "--", name])?;
        let path = listed.split('\0').find(|p| !p.is_empty())?;
        let root = said(folder, &["rev-parse", "--show-toplevel"])?;
        Some(Tracked {
            root: PathBuf::from(root),
            path: PathBuf::from(path),
        })
    }

    /// Titles of the last commits that touched the file, the latest first.
    pub fn titles(&self) -> Vec<String> {
        let arguments = [
            "log",
            "--no-merges",
            "-n",
            TITLES,
            "--format=%s",
            "--",
            self.name(),
        ];
        let listed = said(&self.root, &arguments).unwrap_or_default();
        listed.lines().map(String::from).collect()
    }

    /// The one commit that all of these lines (from 1) come from. `text` is the file as it was read.
    pub fn culprit(&self, text: &str, lines: &BTreeSet<u32>) -> Result<Commit, NoCulprit> {
        let committed = git(&self.root, &["show", &format!("HEAD:{}", self.name())]);
        if committed.map_err(|_| NoCulprit::NotSaid)? != text.as_bytes() {
            return Err(NoCulprit::Changed);
        }
        let ranges: Vec<String> = lines.iter().map(|line| format!("-L{line},{line}")).collect();
        let mut arguments = vec!["blame", "--porcelain", "--root", "-w"];
        arguments.extend(ranges.iter().map(String::as_str));
        arguments.extend(["HEAD", "--", self.name()]);
        let blamed = said(&self.root, &arguments).ok_or(NoCulprit::NotSaid)?;
        let mut found: Vec<&str> = Vec::new();
        for line in blamed.lines() {
            // A line of the file begins with a tab, a head with the commit's name.
            let word = line.split(' ').next().unwrap_or_default();
            let named = word.len() >= 40 && word.bytes().all(|b| b.is_ascii_hexdigit());
            if named && !found.contains(&word) {
                found.push(word);
            }
        }
        match found.as_slice() {
            [] => Err(NoCulprit::NotSaid),
            [one] => self.whole_history(one),
            several => {
                let short = |name: &&str| name.get(..12).unwrap_or(name).to_string();
                Err(NoCulprit::Several(several.iter().map(short).collect()))
            }
        }
    }

    /// Where the history was cut off, everything before seems to come from the first commit that is there.
    fn whole_history(&self, name: &str) -> Result<Commit, NoCulprit> {
        let commit = commit(&self.root, name).map_err(|_| NoCulprit::NotSaid)?;
        let shallow = said(&self.root, &["rev-parse", "--is-shallow-repository"]);
        let parents = said(&self.root, &["rev-list", "--parents", "-n", "1", name]);
        let first = parents.is_none_or(|p| p.split(' ').count() < 2);
        if first && shallow.as_deref() != Some("false") {
            return Err(NoCulprit::Shallow(commit.short));
        }
        Ok(commit)
    }

    fn name(&self) -> &str {
        self.path.to_str().unwrap_or_default()
    }
}

/// A commit by any name that git takes.
pub fn commit(repository: &Path, revision: &str) -> Result<Commit, PatchError> {
    if revision.is_empty() || revision.starts_with('-') || revision.contains(['\0', ' ']) {
        return Err(PatchError::BadRevision {
            revision: revision.to_string(),
        });
    }
    let name = format!("{revision}^{{commit}}");
    let out = git(
        repository,
        &[
            "log",
            "-1",
            "--abbrev=12",
            "--format=%h%n%s",
            "--end-of-options",
            &name,
            "--",
        ],
    )?;
    let text = String::from_utf8_lossy(&out).into_owned();
    let (short, title) = text.trim_end().split_once('\n').unwrap_or((text.trim_end(), ""));
    Ok(Commit {
        short: short.to_string(),
        title: title.to_string(),
    })
}

/// Who commits there, as `Name <address>`; `None` where nobody was named.
pub fn identity(folder: &Path) -> Option<String> {
    let line = said(
        folder,
        &["-c", "user.useConfigOnly=true", "var", "GIT_AUTHOR_IDENT"],
    )?;
    // The time and its zone follow.
    let end = line.rfind('>')?;
    line.get(..=end).map(String::from)
}

/// What git prints, where it succeeds.
fn said(folder: &Path, arguments: &[&str]) -> Option<String> {
    let out = git(folder, arguments).ok()?;
    Some(String::from_utf8(out).ok()?.trim_end_matches('\n').to_string())
}

/// How commits of a file are titled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TitleStyle {
    /// `hwmon: (coretemp)`, `thermal: trip:`.
    pub prefix: String,
    /// Whether the sentence behind it begins with a capital letter.
    pub capital: bool,
}

impl TitleStyle {
    /// The commonest prefix, and of several the latest.
    pub fn of_titles(titles: &[String]) -> Option<TitleStyle> {
        let mut counts: BTreeMap<String, (usize, usize, usize)> = BTreeMap::new();
        for (age, title) in titles.iter().enumerate() {
            let Some((prefix, rest)) = taken_apart(title) else {
                continue;
            };
            let entry = counts.entry(prefix).or_insert((0, age, 0));
            entry.0 += 1;
            entry.2 += usize::from(rest.starts_with(char::is_uppercase));
        }
        let (prefix, (count, _, capitals)) = counts
            .into_iter()
            .max_by_key(|(_, (count, age, _))| (*count, usize::MAX - age))?;
        Some(TitleStyle {
            prefix,
            capital: 2 * capitals > count,
        })
    }

    /// From where the file lies: `drivers/thermal/trip.c` is `thermal: trip:`.
    pub fn of_path(path: &Path) -> TitleStyle {
        const NOT_A_SUBSYSTEM: [&str; 4] = ["drivers", "fs", "src", "."];
        let stem = path
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default();
        let folders = path.parent().into_iter().flat_map(Path::components);
        let mut folders = folders.map(|c| c.as_os_str().to_string_lossy().into_owned());
        let subsystem = folders.find(|f| !NOT_A_SUBSYSTEM.contains(&f.as_str()));
        let subsystem = match subsystem.as_deref() {
            Some("sound") => Some("ALSA".to_string()),
            other => other.map(String::from),
        };
        let prefix = match subsystem {
            Some(subsystem) if subsystem != stem => format!("{subsystem}: {stem}:"),
            _ => format!("{stem}:"),
        };
        TitleStyle {
            prefix,
            capital: false,
        }
    }
}

/// The labels before a title's sentence, and the sentence.
fn taken_apart(title: &str) -> Option<(String, &str)> {
    let is_label = |text: &str| {
        let known = |c: char| c.is_ascii_alphanumeric() || "_-/.,+[]".contains(c);
        (1..=32).contains(&text.len()) && text.chars().all(known)
    };
    let mut rest = title;
    let mut prefix = String::new();
    while let Some((label, more)) = rest.split_once(": ") {
        if !is_label(label) {
            break;
        }
        if !prefix.is_empty() {
            prefix.push(' ');
        }
        prefix.push_str(label);
        prefix.push(':');
        rest = more;
    }
    // hwmon: (coretemp) Fix ...
    if let Some((label, more)) = rest.strip_prefix('(').and_then(|r| r.split_once(") "))
        && is_label(label)
        && !prefix.is_empty()
    {
        prefix.push_str(&format!(" ({label})"));
        rest = more;
    }
    (!prefix.is_empty()).then_some((prefix, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_taken_apart() {
        assert_eq!(
            taken_apart("thermal: trip: fix it"),
            Some(("thermal: trip:".to_string(), "fix it"))
        );
        assert_eq!(
            taken_apart("hwmon: (coretemp) Fix it"),
            Some(("hwmon: (coretemp)".to_string(), "Fix it"))
        );
        for none in [
            "Fix it",
            "Revert \"thermal: trip: fix it\"",
            "A sentence: with a colon",
            "",
        ] {
            assert_eq!(taken_apart(none), None, "{none}");
        }
    }

    #[test]
    fn the_commonest_prefix_is_taken_and_the_latest_of_equals() {
        let style = |titles: &[&str]| {
            let titles: Vec<String> = titles.iter().map(|t| (*t).to_string()).collect();
            TitleStyle::of_titles(&titles).map(|s| (s.prefix, s.capital))
        };
        assert_eq!(
            style(&["a: b: X", "c: y", "a: b: Z"]),
            Some(("a: b:".into(), true))
        );
        assert_eq!(style(&["c: y", "a: z"]), Some(("c:".into(), false)));
        assert_eq!(style(&["nothing here"]), None);
    }

    #[test]
    fn a_path_names_subsystem_and_component() {
        let prefix = |path: &str| TitleStyle::of_path(Path::new(path)).prefix;
        assert_eq!(prefix("drivers/thermal/trip.c"), "thermal: trip:");
        assert_eq!(prefix("fs/ext4/inode.c"), "ext4: inode:");
        assert_eq!(prefix("sound/core/mixer.c"), "ALSA: mixer:");
        assert_eq!(prefix("src/path.c"), "path:");
        assert_eq!(prefix("table.c"), "table:");
    }
}

//! What a patch has to be checked in: functions that it changes, and those that call them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::PatchError;
use super::changed::{Reach, by_program, by_text, only_functions};
use super::includes::including;
use super::versions::{ChangedFile, Side, Versions};
use crate::checker::{CheckError, CheckRequest, Checker};
use crate::flags::listed_files;
use crate::judge::NotLookedAt;

/// What is asked about one file.
pub(super) struct Question {
    pub file: ChangedFile,
    /// Functions of either version.
    pub names: BTreeSet<String>,
    reach: Reach,
}

impl Question {
    fn new(file: ChangedFile, reach: Reach) -> Question {
        Question {
            file,
            names: reach.with_callers(),
            reach,
        }
    }

    /// Asks about the callers of a function too, and about theirs, which may hand on what it asks for; whether there are any that
    /// were not asked about.
    pub fn ask_callers_of(&mut self, name: &str) -> bool {
        let before = self.names.len();
        self.names
            .extend(self.reach.beyond(&BTreeSet::from([name.to_string()])));
        self.names.len() > before
    }

    /// Functions that the change touches and that were not asked for.
    pub fn touched_beside(&self, only: &[String]) -> Vec<NotLookedAt> {
        let others = self.reach.touched().filter(|name| !only.contains(name));
        let file = self.file.path.to_string_lossy();
        others
            .map(|function| NotLookedAt {
                file: file.clone().into_owned(),
                function: Some(function.clone()),
                why: "the patch touches it, and it is none of the functions that were asked for".to_owned(),
            })
            .collect()
    }

    /// Functions of the file that the change may reach by way of others, and that were not asked about.
    pub fn not_looked_at(&self) -> Vec<NotLookedAt> {
        let beyond = self.reach.beyond(&self.names).into_iter();
        let file = self.file.path.to_string_lossy();
        beyond
            .map(|function| NotLookedAt {
                file: file.clone().into_owned(),
                function: Some(function),
                why: "it calls a function that was changed by way of others only, none of which asks for more than before"
                    .to_owned(),
            })
            .collect()
    }
}

/// The functions that were asked for by name, in the files of the patch that define them.
pub(super) fn chosen(
    versions: &Versions,
    mut reached: Vec<Question>,
    only: &[String],
) -> Result<Vec<Question>, PatchError> {
    for file in &versions.files {
        if !reached.iter().any(|q| q.file == *file) {
            reached.push(Question::new(file.clone(), by_text(&file.old, &file.new)));
        }
    }
    for question in &mut reached {
        let defined = only.iter().filter(|name| question.reach.defines(name));
        question.names = defined.cloned().collect();
    }
    match only
        .iter()
        .find(|name| !reached.iter().any(|q| q.names.contains(*name)))
    {
        Some(name) => Err(PatchError::NoFunction { name: name.clone() }),
        None => {
            reached.retain(|q| !q.names.is_empty());
            Ok(reached)
        }
    }
}

/// What is asked about a patch, and what is not.
pub(super) struct Scope {
    pub questions: Vec<Question>,
    pub not_looked_at: Vec<NotLookedAt>,
}

/// Which functions of which files to check.
pub(super) fn scope(
    versions: &Versions,
    checker: &mut dyn Checker,
    left: &dyn Fn() -> Option<Duration>,
) -> Result<Scope, CheckError> {
    let mut scope = Scope {
        questions: Vec::new(),
        not_looked_at: Vec::new(),
    };
    let headers: Vec<PathBuf> = versions
        .files
        .iter()
        .filter(|f| f.is_header())
        .map(|f| f.path.clone())
        .collect();
    for file in versions.files.iter().filter(|f| f.is_c()) {
        let reach = reach(versions, file, !headers.is_empty(), checker, left)?;
        scope.ask(file.clone(), reach);
    }
    if !headers.is_empty() {
        scope.including_files(versions, &headers, checker, left);
    }
    if !versions.files.iter().any(ChangedFile::is_c) && scope.questions.is_empty() {
        // No file in view that includes them: the headers' own functions are what can be checked.
        for file in versions.files.iter().filter(|f| f.is_header()) {
            let reach = by_text(&file.old, &file.new);
            let outside = !only_functions(&file.old, &file.new);
            scope.ask(file.clone(), if outside { reach.everything() } else { reach });
        }
    }
    Ok(scope)
}

impl Scope {
    fn ask(&mut self, file: ChangedFile, reach: Reach) {
        let question = Question::new(file, reach);
        if !question.names.is_empty() {
            self.questions.push(question);
        }
    }

    /// C files that the patch leaves as they are and that include a header which it changes: those that a compilation
    /// database lists are looked at, the others named.
    fn including_files(
        &mut self,
        versions: &Versions,
        headers: &[PathBuf],
        checker: &mut dyn Checker,
        left: &dyn Fn() -> Option<Duration>,
    ) {
        let Some(tree) = &versions.tree else { return };
        let overlay = versions.overlay(Side::New);
        let text = |path: &Path| {
            let known = overlay.iter().find(|(known, _)| known == path);
            known.map(|(_, text)| text.clone())
        };
        let including = including(tree, headers, text);
        let listed = listed_files(tree);
        for path in including.files {
            if versions.files.iter().any(|f| f.path == path) {
                continue;
            }
            let not = |why: String| NotLookedAt {
                file: path.to_string_lossy().into_owned(),
                function: None,
                why,
            };
            let over = left().is_some_and(|left| left.is_zero());
            let is_listed = path.canonicalize().is_ok_and(|path| listed.contains(&path));
            let why = match versions.unchanged(&path) {
                _ if !is_listed => {
                    "it includes a header that the patch changes, and neither the patch nor a compile_commands.json of the tree names it"
                        .to_owned()
                }
                _ if over => "it includes a header that the patch changes, and the time was over".to_owned(),
                None => "it includes a header that the patch changes, and cannot be read as text".to_owned(),
                Some(text) => match self.ask_unchanged(versions, &path, text, checker, left) {
                    Ok(()) => continue,
                    Err(error) => format!("it includes a header that the patch changes, but: {error}"),
                },
            };
            self.not_looked_at.push(not(why));
        }
        if including.cut_short {
            self.not_looked_at.push(NotLookedAt {
                file: tree.to_string_lossy().into_owned(),
                function: None,
                why: "the tree has too many files to find all that include a header which the patch changes"
                    .to_owned(),
            });
        }
    }

    fn ask_unchanged(
        &mut self,
        versions: &Versions,
        path: &Path,
        text: Arc<str>,
        checker: &mut dyn Checker,
        left: &dyn Fn() -> Option<Duration>,
    ) -> Result<(), CheckError> {
        let file = ChangedFile {
            path: path.to_path_buf(),
            old: text.clone(),
            new: text,
        };
        let reach = reach(versions, &file, true, checker, left)?;
        self.ask(file, reach);
        Ok(())
    }
}

/// Which functions of a file a patch reaches. Where nothing but functions was changed, their words tell; where types, macros,
/// globals or headers were, what both versions are lowered to.
fn reach(
    versions: &Versions,
    file: &ChangedFile,
    header_changed: bool,
    checker: &mut dyn Checker,
    left: &dyn Fn() -> Option<Duration>,
) -> Result<Reach, CheckError> {
    let words = by_text(&file.old, &file.new);
    let one_side = file.old.is_empty() || file.new.is_empty();
    if one_side || !header_changed && only_functions(&file.old, &file.new) {
        return Ok(words);
    }
    let mut load = |side| {
        checker.load(&CheckRequest {
            file: &file.path,
            overlay: &versions.overlay(side),
            functions: &[],
            time_left: left(),
            verdicts_only: false,
        })
    };
    Ok(match (load(Side::Old)?, load(Side::New)?) {
        (Some(old), Some(new)) => by_program(&old, &new).and(words),
        _ => words.everything(),
    })
}

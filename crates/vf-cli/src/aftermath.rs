//! What became of the counterexamples that started a repair: run again on the program as it was and on the
//! repaired text, under sanitizers.

use std::fmt;
use std::path::{Path, PathBuf};

use vf_frontend::error::FrontendError;
use vf_frontend::{Loaded, Options, Wanted};
use vf_repair::RepairOutcome;
use vf_replay::harness::Build;
use vf_replay::sandbox::Limits;
use vf_replay::{Execution, Request};
use vf_verify::report::{ObligationReport, Verdict};

use crate::check::{first_line, note, target};
use crate::read::source_texts;

/// Counterexamples that are run; further ones tell little more.
const REPLAYED: usize = 3;

/// What became of one counterexample.
pub enum Replayed {
    Ran {
        obligation: String,
        before: String,
        after: String,
    },
    NotRun(String),
}

impl fmt::Display for Replayed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replayed::Ran {
                obligation,
                before,
                after,
            } => write!(f, "replay of {obligation}: before: {before}; after: {after}"),
            Replayed::NotRun(why) => write!(f, "not replayed: {why}"),
        }
    }
}

impl Replayed {
    /// For a commit message, where the run shows what it should.
    pub fn tested(&self) -> Option<String> {
        match self {
            Replayed::Ran { before, after, .. } if after == CLEAN => {
                let seen = before.strip_prefix("confirmed by a sanitizer: ")?;
                Some(format!("fails before the change ({seen}) and returns after it"))
            }
            _ => None,
        }
    }
}

/// The function returned and no sanitizer reported anything.
const CLEAN: &str = "clean";

/// The counterexamples that were run.
pub fn replay(outcome: &RepairOutcome, tree: &Path, options: &Options) -> Vec<Replayed> {
    let Some(patch) = &outcome.patch else {
        return Vec::new();
    };
    let path = tree.join(patch.file());
    let refuted: Vec<&ObligationReport> = outcome
        .before
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .filter(|o| o.verdict == Verdict::Refuted && outcome.targets.contains(&o.id))
        .take(REPLAYED)
        .collect();
    if refuted.is_empty() {
        return Vec::new();
    }
    let version = |text: &str| load(&path, text, &outcome.function, options);
    let (before, after) = match (version(patch.old_text()), version(patch.new_text())) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => {
            return vec![Replayed::NotRun(first_line(&error.to_string()))];
        }
    };
    refuted
        .into_iter()
        .map(|obligation| {
            let run = |loaded| run(obligation, loaded, options);
            Replayed::Ran {
                obligation: obligation.id.clone(),
                before: run(&before),
                after: run(&after),
            }
        })
        .collect()
}

/// How one version behaves on the counterexample.
fn run(obligation: &ObligationReport, loaded: &Loaded, options: &Options) -> String {
    let (Some(counterexample), Some(target)) = (&obligation.counterexample, target(obligation)) else {
        return "no counterexample".to_string();
    };
    let files = source_texts(loaded, &counterexample.input.function);
    let build = build(options);
    let request = Request {
        program: &loaded.program,
        files: &files,
        input: &counterexample.input,
        target: &target,
        build: &build,
        limits: Limits::default(),
    };
    match vf_replay::replay(&request) {
        Ok(outcome) if outcome.execution.as_ref().is_ok_and(Execution::is_clean) => CLEAN.to_string(),
        Ok(outcome) => note(obligation, &outcome),
        Err(error) => format!("not run: {}", first_line(&error.to_string())),
    }
}

/// A file as if it held this text, with one function of it.
pub fn load(path: &Path, text: &str, function: &str, options: &Options) -> Result<Loaded, FrontendError> {
    let mut options = options.clone();
    options.overlay.retain(|(known, _)| known != path);
    options.overlay.push((path.to_path_buf(), text.to_string()));
    options.wanted = Wanted::Functions(vec![function.to_string()]);
    vf_frontend::load(&[path.to_path_buf()], &options)
}

/// How the program's own build compiles it.
pub fn build(options: &Options) -> Build {
    let mut flags = options.flags.clone();
    if options.model == vf_ir::DataModel::Ilp32 {
        flags.push("-m32".to_string());
    }
    Build {
        compiler: options.compiler.clone(),
        flags,
        directory: directory(options),
    }
}

fn directory(options: &Options) -> PathBuf {
    let current = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    match &options.directory {
        Some(directory) if directory.is_absolute() => directory.clone(),
        Some(directory) => current().join(directory),
        None => current(),
    }
}

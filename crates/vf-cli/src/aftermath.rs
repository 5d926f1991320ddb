//! What became of the counterexamples that started a repair: run again on the program as it was and on the
//! repaired text, under sanitizers.

use std::path::{Path, PathBuf};

use vf_frontend::{Loaded, Options, Wanted};
use vf_repair::RepairOutcome;
use vf_replay::harness::Build;
use vf_replay::sandbox::Limits;
use vf_replay::{ReplayOutcome, Request};
use vf_verify::report::{ObligationReport, Verdict};

use crate::check::{first_line, note, target};
use crate::read::source_texts;

/// Counterexamples that are run; further ones tell little more.
const REPLAYED: usize = 3;

/// One line for each counterexample that was run.
pub fn replay(outcome: &RepairOutcome, tree: &Path, options: &Options) -> Vec<String> {
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
    let load = |text: Option<&str>| {
        let mut options = options.clone();
        options.overlay = text.map(|t| (path.clone(), t.to_string())).into_iter().collect();
        options.wanted = Wanted::Functions(vec![outcome.function.clone()]);
        vf_frontend::load(std::slice::from_ref(&path), &options)
    };
    let (before, after) = match (load(None), load(Some(patch.new_text()))) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => {
            return vec![format!("not replayed: {}", first_line(&error.to_string()))];
        }
    };
    refuted
        .into_iter()
        .map(|obligation| {
            let run = |loaded| run(obligation, loaded, options);
            format!(
                "replay of {}: before: {}; after: {}",
                obligation.id,
                run(&before),
                run(&after)
            )
        })
        .collect()
}

/// How one version behaves on the counterexample.
fn run(obligation: &ObligationReport, loaded: &Loaded, options: &Options) -> String {
    let (Some(counterexample), Some(target)) = (&obligation.counterexample, target(obligation)) else {
        return "no counterexample".to_string();
    };
    let files = source_texts(loaded, &counterexample.input.function);
    let mut flags = options.flags.clone();
    if options.model == vf_ir::DataModel::Ilp32 {
        flags.push("-m32".to_string());
    }
    let build = Build {
        compiler: options.compiler.clone(),
        flags,
        directory: directory(options),
    };
    let request = Request {
        program: &loaded.program,
        files: &files,
        input: &counterexample.input,
        target: &target,
        build: &build,
        limits: Limits::default(),
    };
    match vf_replay::replay(&request) {
        Ok(outcome) if is_clean(&outcome) => "clean".to_string(),
        Ok(outcome) => note(obligation, &outcome),
        Err(error) => format!("not run: {}", first_line(&error.to_string())),
    }
}

/// The function returned and no sanitizer said anything.
fn is_clean(outcome: &ReplayOutcome) -> bool {
    outcome
        .execution
        .as_ref()
        .is_ok_and(|e| e.findings.is_empty() && e.finished.stdout_text().contains("vf-replay: returned"))
}

fn directory(options: &Options) -> PathBuf {
    let current = || std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    match &options.directory {
        Some(directory) if directory.is_absolute() => directory.clone(),
        Some(directory) => current().join(directory),
        None => current(),
    }
}

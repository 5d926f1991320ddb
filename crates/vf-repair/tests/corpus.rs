//! The solver-only proposer on the corpus, with the real front end and prover. What comes out as proven is
//! looked at from outside: the patch applies to the tree, and a check of the patched text on its own finds the
//! reported line's function without a refutation that was not there before. Every fourth case, for time;
//! `scripts/corpus-table.py` repairs them all.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use vf_repair::{
    Hooks, Limits, PatchInput, PatchVerdict, Proposer, ProverChecker, RepairRequest, RepairTarget,
    SolverOnly, judge_patch, repair, report_text, tree_flags,
};

/// Of so many cases one is repaired.
const EVERY: usize = 4;
/// Percent of them that must end in a proven patch.
const AT_LEAST: usize = 80;

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/cases");
    let mut found: Vec<PathBuf> = std::fs::read_dir(root)
        .expect("corpus")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.is_dir())
        .collect();
    found.sort();
    found
}

fn checker(tree: &Path, file: &Path) -> ProverChecker<'static> {
    let flags = tree_flags(tree, file).expect("flags");
    let options = vf_frontend::Options {
        flags: flags.flags,
        directory: flags.directory,
        ..vf_frontend::Options::new("cc")
    };
    let check = vf_verify::CheckOptions::within(Duration::from_secs(20));
    ProverChecker::new(options, check)
}

/// Repairs a case; says how the search ended where nothing was proven.
fn repaired(case: &Path) -> Result<(), String> {
    let name = case.file_name().unwrap_or_default().to_string_lossy();
    let tree = case.join("tree");
    let report = report_text::read(&case.join("report.txt"))
        .expect("report")
        .remove(0);
    let mut checker = checker(&tree, &report.file);
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(SolverOnly::new())];
    let limits = Limits {
        time: Some(Duration::from_secs(90)),
        ..Limits::default()
    };
    let request = RepairRequest {
        tree: tree.clone(),
        what: RepairTarget::Report(report),
        limits,
    };
    let hooks = Hooks {
        progress: &mut |_| {},
        log: None,
        log_prompts: false,
    };
    let outcome = repair(&request, &mut checker, &mut proposers, hooks).expect("runs");
    let Some(patch) = outcome.patch else {
        return Err(format!("{name} ({})", outcome.stopped.describe()));
    };
    let parsed = vf_source::diff::Patch::parse(&patch.diff()).expect("a patch");
    let [file] = parsed.files.as_slice() else {
        panic!("{name}: one file")
    };
    let old = std::fs::read_to_string(tree.join(file.path())).expect("file of the tree");
    assert_eq!(
        vf_source::diff::apply(file, &old).as_deref(),
        Ok(patch.new_text()),
        "{name}"
    );
    let input = PatchInput::Patch {
        text: patch.diff(),
        tree,
    };
    let judged = judge_patch(&input, &mut checker, None).expect("judged");
    assert_ne!(judged.verdict, PatchVerdict::Regressed, "{name}");
    assert!(judged.introduced.is_empty(), "{name}: {:?}", judged.introduced);
    for target in &outcome.targets {
        assert!(
            judged.fixed.contains(target),
            "{name}: {target} is not among {:?}",
            judged.fixed
        );
    }
    Ok(())
}

#[test]
fn proven_patches_apply_and_stand_on_their_own() {
    let sample: Vec<PathBuf> = cases().into_iter().step_by(EVERY).collect();
    let next = AtomicUsize::new(0);
    let missed: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut missed = Vec::new();
            while let Some(case) = sample.get(next.fetch_add(1, Ordering::Relaxed)) {
                missed.extend(repaired(case).err());
            }
            missed
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("no panic"))
            .collect()
    });
    let proven = sample.len() - missed.len();
    assert!(
        100 * proven >= AT_LEAST * sample.len(),
        "{proven} of {}; missed: {missed:?}",
        sample.len()
    );
}

//! The wrong variants of the corpus: each case has enough of them, each is a patch of the buggy tree and none is the
//! reference fix, and a sample of them is rejected by the real front end and prover. All of them are judged by
//! `scripts/patches-table.py`; its answers are in `docs/patches.md`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde::Deserialize;
use vf_repair::{PatchInput, PatchReport, PatchVerdict, ProverChecker, judge_patch, tree_flags};
use vf_source::diff::{Patch, apply};

/// Variants that each case has, at least.
const AT_LEAST: usize = 6;
/// Of so many cases one is in the sample.
const EVERY: usize = 2;

#[derive(Deserialize)]
struct Manifest {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    file: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    schema: String,
    variants: BTreeMap<String, Variant>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Variant {
    reason: Reason,
    why: String,
}

/// Why a variant has to be rejected: what in the answer has to say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Reason {
    NotFixed,
    Regressed,
    BehaviourChanged,
    Unreachable,
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus")
}

fn cases() -> Vec<Case> {
    let text = std::fs::read_to_string(corpus().join("manifest.json")).expect("manifest");
    let manifest: Manifest = serde_json::from_str(&text).expect("manifest");
    assert!(!manifest.cases.is_empty());
    manifest.cases
}

fn folder(case: &Case) -> PathBuf {
    corpus().join("cases").join(&case.name)
}

fn expected(case: &Case) -> Expected {
    let path = folder(case).join("wrong/expect.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text of the case's file behind a patch of it.
fn patched(case: &Case, patch: &Path) -> String {
    let text = std::fs::read_to_string(patch).unwrap_or_else(|e| panic!("{}: {e}", patch.display()));
    let parsed = Patch::parse(&text).unwrap_or_else(|e| panic!("{}: {e}", patch.display()));
    let [file] = parsed.files.as_slice() else {
        panic!("{}: one file", patch.display())
    };
    assert_eq!(Path::new(file.path()), case.file, "{}", patch.display());
    let old = std::fs::read_to_string(folder(case).join("tree").join(&case.file)).expect("file");
    let new = apply(file, &old).unwrap_or_else(|e| panic!("{}: {e}", patch.display()));
    assert_ne!(new, old, "{}", patch.display());
    new
}

#[test]
fn each_case_has_wrong_variants_that_apply() {
    let mut folders: Vec<String> = std::fs::read_dir(corpus().join("cases"))
        .expect("cases")
        .map(|e| e.expect("entry").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut names: Vec<String> = cases().into_iter().map(|c| c.name).collect();
    names.sort();
    assert_eq!(names, folders, "the manifest names the folders of cases/");
    for case in cases() {
        let name = &case.name;
        let expected = expected(&case);
        assert_eq!(expected.schema, "verify-fix-wrong/1", "{name}");
        assert!(expected.variants.len() >= AT_LEAST, "{name}");
        let mut patches: Vec<String> = std::fs::read_dir(folder(&case).join("wrong"))
            .expect("variants")
            .map(|e| e.expect("entry").path())
            .filter(|p| p.extension().is_some_and(|e| e == "patch"))
            .map(|p| p.file_stem().unwrap_or_default().to_string_lossy().into_owned())
            .collect();
        patches.sort();
        let kinds: Vec<String> = expected.variants.keys().cloned().collect();
        assert_eq!(kinds, patches, "{name}: expect.json names the patches");
        let mut texts = vec![patched(&case, &folder(&case).join("fix.patch"))];
        for (kind, variant) in &expected.variants {
            assert!(!variant.why.trim().is_empty(), "{name}/{kind}");
            texts.push(patched(&case, &folder(&case).join(format!("wrong/{kind}.patch"))));
        }
        let count = texts.len();
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), count, "{name}: two patches give the same text");
    }
}

fn judged(case: &Case, kind: &str) -> PatchReport {
    let tree = folder(case).join("tree");
    let flags = tree_flags(&tree, &case.file).expect("flags");
    let options = vf_frontend::Options {
        flags: flags.flags,
        directory: flags.directory,
        ..vf_frontend::Options::new("cc")
    };
    let check = vf_verify::CheckOptions::within(Duration::from_secs(20));
    let mut checker = ProverChecker::new(options, check);
    let text = std::fs::read_to_string(folder(case).join(format!("wrong/{kind}.patch"))).expect("patch");
    judge_patch(&PatchInput::Patch { text, tree }, &mut checker, None).expect("judged")
}

#[test]
fn a_sample_of_wrong_variants_is_rejected() {
    // What is told by executions within a time limit is left to the script: a slow machine would tell less.
    let told = [Reason::NotFixed, Reason::Unreachable, Reason::Regressed];
    let mut sample = Vec::new();
    for (i, case) in cases().into_iter().enumerate().filter(|(i, _)| i % EVERY == 0) {
        let variants = expected(&case).variants;
        let kinds: Vec<&String> = variants
            .iter()
            .filter(|(_, v)| told.contains(&v.reason))
            .map(|(k, _)| k)
            .collect();
        let kind = kinds.get(i / EVERY % kinds.len().max(1)).map(|k| (*k).clone());
        let kind = kind.unwrap_or_else(|| panic!("{}: no variant of that kind", case.name));
        sample.push((case, kind));
    }
    assert!(sample.len() >= 10);
    let next = AtomicUsize::new(0);
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut accepted = Vec::new();
            while let Some((case, kind)) = sample.get(next.fetch_add(1, Ordering::Relaxed)) {
                let report = judged(case, kind);
                if report.verdict == PatchVerdict::ProvenFix {
                    accepted.push(format!("{}/{kind}", case.name));
                }
            }
            accepted
        };
        let threads: Vec<_> = (0..2).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|t| t.join().expect("no panic"))
            .collect()
    });
    assert!(accepted.is_empty(), "accepted: {accepted:?}");
}

//! Slices are closed: on the curated corpus and on the filetests of slices, the program without every statement
//! that its slice leaves out violates the same obligation on the same input.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use vf_frontend::Options;
use vf_ir::interp::{self, Limits, Outcome};
use vf_ir::{FunctionId, ObligationId, Property, slice};
use vf_verify::{CheckOptions, format, relevance};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The C file of a case's report, and the flags of its tree.
fn case(folder: &Path) -> (PathBuf, Vec<String>) {
    let report = std::fs::read_to_string(folder.join("report.txt")).expect("a report");
    let file = report
        .lines()
        .find_map(|l| l.strip_prefix("File:"))
        .expect("a report names its file");
    let tree = folder.join("tree");
    let flags = std::fs::read_to_string(tree.join("compile_flags.txt")).expect("flags");
    let absolute = |flag: &str| match flag.strip_prefix("-I") {
        Some(directory) => format!("-I{}", tree.join(directory).display()),
        None => flag.to_owned(),
    };
    let flags = flags.lines().filter(|l| !l.is_empty()).map(absolute).collect();
    (tree.join(file.trim()), flags)
}

/// How many counterexamples of the file were looked at; each has a slice that is closed.
fn slices_of(file: &Path, flags: Vec<String>) -> usize {
    let loading = Options {
        flags,
        ..Options::new("cc")
    };
    let loaded = vf_frontend::load(&[file.to_owned()], &loading).expect("the file loads");
    let options = CheckOptions {
        rlimit: Some(40_000_000),
        ..CheckOptions::default()
    };
    let report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        &options,
        &mut |_| {},
    );
    let mut program = loaded.program.clone();
    format::expand_format_calls(&mut program);
    let relevance = relevance::Relevance::new(&program);
    let mut seen = 0;
    for obligation in report.functions.iter().flat_map(|f| &f.obligations) {
        let Some(counterexample) = &obligation.counterexample else {
            continue;
        };
        // As the prover runs it: uninitialised reads go on, and wraps that reach no size are no obligations.
        let ignore = |function: FunctionId, id: ObligationId| {
            let property = program
                .function(function)
                .obligations
                .get(id.index())
                .map(|o| o.property);
            let is_asked = property.is_some_and(|p| p.name() == obligation.property);
            property == Some(Property::Initialized) && !is_asked
                || relevance.irrelevant(function).contains(&id)
        };
        let limits = Limits {
            ignore: Some(&ignore),
            trace: 0,
            ..Limits::default()
        };
        let input = &counterexample.input;
        let (run, history) = interp::run_recorded(&program, input, &limits, &BTreeSet::new());
        let place = format!("{}: {}", file.display(), obligation.id);
        assert!(
            matches!(run.outcome, Outcome::Violated { .. }),
            "{place}: {:?}",
            run.outcome
        );
        let found = slice::slice(&program, input, &limits, &run, &history.expect("a short run"));
        assert!(found.closed, "{place}");
        assert!(!counterexample.slice.is_empty(), "{place}");
        assert!(
            counterexample
                .slice
                .iter()
                .any(|l| l.location.line == obligation.location.line),
            "{place}: the violation is not in its own slice"
        );
        seen += 1;
    }
    seen
}

#[test]
fn slices_of_the_corpus_are_closed() {
    let mut cases = 0;
    for entry in std::fs::read_dir(repository().join("corpus/cases")).expect("the corpus") {
        let folder = entry.expect("a folder").path();
        if folder.is_dir() {
            let (file, flags) = case(&folder);
            assert!(
                slices_of(&file, flags) > 0,
                "{}: nothing refuted",
                folder.display()
            );
            cases += 1;
        }
    }
    assert!(cases > 0, "no case");
}

#[test]
fn slices_of_the_filetests_are_closed() {
    let file = repository().join("tests/filetests/slices/data_and_control.c");
    assert!(slices_of(&file, Vec::new()) >= 6);
}

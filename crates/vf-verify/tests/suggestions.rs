//! The invariants that would have sufficed: shown beside what is open, and no more than a hint.

use std::collections::BTreeSet;
use std::path::Path;

use vf_frontend::Options;
use vf_verify::CheckOptions;
use vf_verify::report::{FunctionReport, ObligationReport, Verdict};
use vf_verify::search::{QueryEnd, Source};

/// Without Spacer, which finds what is missing.
fn check(function: &str) -> FunctionReport {
    check_without(function, BTreeSet::from([Source::Spacer]))
}

fn check_without(function: &str, without: BTreeSet<Source>) -> FunctionReport {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suggestions/functions.c");
    let loading = Options::new("cc");
    let loaded = vf_frontend::load(&[file], &loading).expect("the file loads");
    let options = CheckOptions {
        functions: vec![function.to_owned()],
        rlimit: Some(1_000_000),
        unroll: Some(5),
        without,
        ..CheckOptions::default()
    };
    let (program, sources) = (&loaded.program, &loaded.sources);
    let mut report = vf_verify::check(program, sources, &loaded.main_files, &options, &mut |_| {});
    report.functions.remove(0)
}

fn of<'r>(report: &'r FunctionReport, text: &str) -> &'r ObligationReport {
    let found = report.obligations.iter().find(|o| o.text == text);
    found.unwrap_or_else(|| panic!("{text}: {report:#?}"))
}

fn all_proved(report: &FunctionReport) -> bool {
    let safe = |o: &ObligationReport| matches!(o.verdict, Verdict::Proved | Verdict::Unreachable);
    report.obligations.iter().all(safe)
}

#[test]
fn what_would_have_sufficed_is_shown() {
    let report = check("halves");
    let open = of(&report, "table[b - a]");
    assert!(matches!(open.verdict, Verdict::ProvedToBound | Verdict::Unknown));
    let [only] = open.suggested_invariants.as_slice() else {
        panic!("one clause suffices: {open:#?}");
    };
    assert!(only.annotation);
    assert_eq!(only.clause, "loop invariant b == 2 * a");
    assert_eq!(only.location.line, 10);
    let others = report.obligations.iter().filter(|o| o.verdict == Verdict::Proved);
    assert!(others.flat_map(|o| &o.suggested_invariants).next().is_none());
}

#[test]
fn what_blocks_is_named() {
    let report = check("halves");
    let search = report.search.as_ref().expect("it was looked at on its own");
    let [blocked] = search.blocked.as_slice() else {
        panic!("one query blocks: {search:?}");
    };
    assert_eq!(blocked.obligation, of(&report, "table[b - a]").id);
    assert_eq!(blocked.ended, QueryEnd::CounterexampleToInduction);
    assert_eq!(blocked.after_loop.as_ref().map(|at| at.line), Some(10));
    assert_eq!((search.loops_cut, search.largest_bound), (1, Some(4)));
    assert!(search.kept() > 0 && search.kept() < search.tried());
}

#[test]
fn a_right_annotation_proves() {
    let report = check("halves_as_suggested");
    assert!(all_proved(&report), "{report:#?}");
    let search = report.search.expect("it was looked at on its own");
    assert_eq!(search.candidates[&Source::Annotation].kept, 1);
    assert!(search.blocked.is_empty());
}

#[test]
fn an_annotation_is_never_trusted() {
    let wrong = check("halves_with_a_wrong_one");
    assert_eq!(of(&wrong, "loop invariant b <= 2").verdict, Verdict::Refuted);
    // Beyond the bound of the unrolling.
    let late = check("halves_with_one_that_fails_late");
    let verdict = of(&late, "loop invariant b <= 59998").verdict;
    assert!(
        !matches!(verdict, Verdict::Proved | Verdict::Unreachable),
        "{late:#?}"
    );
}

#[test]
fn a_source_that_is_switched_off_proposes_nothing() {
    let without = BTreeSet::from([Source::Annotation, Source::Spacer]);
    let report = check_without("halves_as_suggested", without);
    let search = report.search.as_ref().expect("it was looked at on its own");
    assert!(!search.candidates.contains_key(&Source::Annotation));
    let report = check_without("halves", Source::ALL.into_iter().collect());
    let search = report.search.as_ref().expect("it was looked at on its own");
    assert_eq!((search.tried(), search.kept()), (0, 0));
}

#[test]
fn nothing_is_shown_where_nothing_that_holds_would_help() {
    let report = check("one_too_many");
    assert_eq!(of(&report, "table[i]").suggested_invariants, []);
}

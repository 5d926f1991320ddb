//! What is shown beside a refutation: the clause that callers would have to keep, and what they are usually asked.

use std::collections::BTreeMap;
use std::path::Path;

use vf_frontend::Options;
use vf_verify::CheckOptions;
use vf_verify::report::{Needs, Verdict};

/// By function and property of what is refuted.
fn needs() -> BTreeMap<(String, String), Option<Needs>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/needs/functions.c");
    let loading = Options::new("cc");
    let loaded = vf_frontend::load(&[file], &loading).expect("the file loads");
    let options = CheckOptions {
        rlimit: Some(40_000_000),
        // Enough to refute; `fill` may run for long.
        unroll: Some(5),
        ..CheckOptions::default()
    };
    let report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        &options,
        &mut |_| {},
    );
    let mut found = BTreeMap::new();
    for function in &report.functions {
        for obligation in &function.obligations {
            if obligation.verdict == Verdict::Refuted {
                let of = (function.name.clone(), obligation.property.clone());
                found.insert(of, obligation.needs.clone());
            } else {
                assert_eq!(obligation.needs, None, "{}", obligation.id);
            }
        }
    }
    found
}

#[test]
fn both_contracts_are_shown() {
    let found = needs();
    let clause = |function: &str, property: &str| {
        let needs = found.get(&(function.to_owned(), property.to_owned()));
        let needs = needs.unwrap_or_else(|| panic!("{function}: {property} is refuted: {found:?}"));
        needs.as_ref().map(|n| n.clause.as_str())
    };
    assert_eq!(clause("fill", "valid-write"), Some("\\valid(a + (0 .. n))"));
    assert_eq!(clause("set", "valid-write"), Some("\\valid(a + (0 .. i))"));
    assert_eq!(clause("get", "index-upper-bound"), Some("i < 16"));
    assert_eq!(clause("low", "index-lower-bound"), Some("0 <= i"));
    assert_eq!(clause("quotient", "divisor-nonzero"), Some("0 < b"));
    assert_eq!(clause("third", "valid-read"), Some("\\valid(p + (0 .. 2))"));
    assert_eq!(
        clause("add", "signed-overflow"),
        Some("-2147483648 <= a + b <= 2147483647")
    );
    // For every caller: nothing that they could keep would help.
    assert_eq!(clause("always", "index-upper-bound"), None);
    let usual = |function: &str, property: &str| {
        let needs = found.get(&(function.to_owned(), property.to_owned()));
        let needs = needs.cloned().flatten().expect("a clause was found");
        needs.usual
    };
    assert!(usual("fill", "valid-write").contains(&"\\valid(a + (0 .. n - 1))".to_owned()));
    assert!(usual("get", "index-upper-bound").is_empty());
}

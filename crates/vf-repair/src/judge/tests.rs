use super::*;
use vf_verify::report::{Location, Overall};

pub fn function(name: &str, obligations: &[(&str, &str, u32, Verdict)]) -> FunctionReport {
    FunctionReport {
        name: name.into(),
        file: "f.c".into(),
        unsupported: None,
        contract: Vec::new(),
        usual: Vec::new(),
        written: Vec::new(),
        obligations: obligations
            .iter()
            .enumerate()
            .map(|(i, (property, text, line, verdict))| ObligationReport {
                id: format!("{name}/{property}/{}", i + 1),
                property: (*property).into(),
                cwe: "CWE-787".into(),
                location: Location {
                    file: "f.c".into(),
                    line: *line,
                    column: 2,
                },
                text: (*text).into(),
                verdict: *verdict,
                reason: None,
                bound: None,
                counterexample: None,
                needs: None,
                suggested_invariants: Vec::new(),
                assumptions: Vec::new(),
            })
            .collect(),
        search: None,
    }
}

pub fn version(text: &str, functions: Vec<FunctionReport>) -> Version {
    let report = CheckReport {
        schema: SCHEMA.into(),
        verdict: Overall::Unknown,
        elapsed_ms: 0,
        functions,
    };
    Version {
        files: vec![("f.c".into(), Arc::from(text))],
        report,
        executions: Vec::new(),
    }
}

/// With the program that its text is lowered to.
pub fn executed(mut version: Version) -> Version {
    let folder = tempfile::tempdir().expect("temporary directory");
    for (name, text) in &version.files {
        let file = folder.path().join(name);
        std::fs::write(&file, text.as_bytes()).expect("file");
        let loaded = vf_frontend::load(&[file], &vf_frontend::Options::new("cc")).expect("it is C");
        let executions = Executions::new(&loaded.program, &vf_verify::CheckOptions::default());
        version.executions.push(Arc::new(executions));
    }
    version
}

use Verdict::*;

fn verdict(
    old: (&str, &[(&str, &str, u32, Verdict)]),
    new: (&str, &[(&str, &str, u32, Verdict)]),
) -> PatchReport {
    judge(
        &version(old.0, vec![function("f", old.1)]),
        &version(new.0, vec![function("f", new.1)]),
        None,
    )
}

#[test]
fn a_guard_is_a_proven_fix_once_it_is_compared() {
    let old = version(
        "int t[8];\nvoid f(unsigned i)\n{\n\tt[i] = 0;\n}\n",
        vec![function("f", &[("index-upper-bound", "t[i]", 4, Refuted)])],
    );
    let new = version(
        "int t[8];\nvoid f(unsigned i)\n{\n\tif (i < 8)\n\t\tt[i] = 0;\n}\n",
        vec![function("f", &[("index-upper-bound", "t[i]", 5, Proved)])],
    );
    let report = judge(&old, &new, None);
    assert_eq!(report.fixed, ["f/index-upper-bound/1"]);
    assert!(report.open.is_empty() && report.introduced.is_empty());
    assert_eq!(report.verdict, PatchVerdict::Unknown);
    assert_eq!(report.behaviour, Behaviour::Unknown);
    let report = judge(&executed(old), &executed(new), None);
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    assert_eq!(report.fixed, ["f/index-upper-bound/1"]);
    assert_eq!(report.behaviour, Behaviour::Preserved);
}

#[test]
fn unreachable_or_deleted_is_no_fix() {
    let old = (
        "{\n\tt[i] = 0;\n}",
        &[("index-upper-bound", "t[i]", 2, Refuted)][..],
    );
    let unreachable = verdict(
        old,
        (
            "{\n\treturn;\n\tt[i] = 0;\n}",
            &[("index-upper-bound", "t[i]", 3, Unreachable)],
        ),
    );
    assert_eq!(unreachable.verdict, PatchVerdict::Unknown);
    let deleted = verdict(old, ("{\n\treturn;\n}", &[]));
    assert_eq!((deleted.verdict, deleted.open.len()), (PatchVerdict::Unknown, 1));
    let still = verdict(
        old,
        ("{\n\tt[i] = 1;\n}", &[("index-upper-bound", "t[i]", 2, Refuted)]),
    );
    assert_eq!(still.verdict, PatchVerdict::NotFixed);
}

#[test]
fn what_a_rewrite_brings_in_is_judged_too() {
    let with = |statement: &str, obligations: &[(&str, &str, u32, Verdict)]| {
        let text = format!("int t[8], *p = t;\nvoid f(unsigned i)\n{{\n\t{statement}\n}}\n");
        executed(version(&text, vec![function("f", obligations)]))
    };
    let old = with("t[i] = p[0];", &[("valid-write", "t[i] = p[0]", 4, Refuted)]);
    let rewritten = |verdict| {
        let brought = [
            ("valid-write", "t[i & 7] = p[0]", 4, Proved),
            ("valid-read", "t[i & 7] = p[0]", 4, verdict),
        ];
        judge(&old, &with("t[i & 7] = p[0];", &brought), None)
    };
    assert_eq!(rewritten(Proved).verdict, PatchVerdict::ProvenFix);
    let bad = rewritten(Refuted);
    assert_eq!(bad.verdict, PatchVerdict::Regressed);
    assert_eq!((bad.introduced.len(), bad.open.len()), (1, 1));
}

#[test]
fn a_wider_type_or_a_checked_sum_has_no_obligation_left() {
    let old = (
        "{\n\tint n = size;\n\tt[n] = 0;\n}",
        &[("lossy-conversion", "size", 2, Refuted)][..],
    );
    let proved = &[("valid-write", "t[n]", 3, Proved)];
    assert_eq!(
        verdict(old, ("{\n\tsize_t n = size;\n\tt[n] = 0;\n}", proved))
            .fixed
            .len(),
        1
    );
    assert_eq!(
        verdict(old, ("{\n\tint n = 0;\n\tt[n] = 0;\n}", proved))
            .fixed
            .len(),
        0
    );
    // A function of which nothing is proved says nothing.
    assert_eq!(
        verdict(old, ("{\n\tsize_t n = size;\n\tt[n] = 0;\n}", &[]))
            .fixed
            .len(),
        0
    );
    let old = (
        "{\n\tn = a * b;\n}",
        &[("unsigned-wrap", "a * b", 2, Refuted)][..],
    );
    let checked = "{\n\tif (check_mul_overflow(a, b, &n))\n\t\treturn;\n}";
    assert_eq!(
        verdict(old, (checked, &[("not-null", "p", 3, Proved)]))
            .fixed
            .len(),
        1
    );
    let dropped = "{\n\tif (check_mul_overflow(a, 2, &n))\n\t\treturn;\n}";
    assert_eq!(
        verdict(old, (dropped, &[("not-null", "p", 3, Proved)]))
            .fixed
            .len(),
        0
    );
    // What is no arithmetic has to be proved, not to vanish.
    let old = (
        "{\n\tt[n] = 0;\n}",
        &[("index-upper-bound", "t[n]", 2, Refuted)][..],
    );
    assert_eq!(
        verdict(old, ("{\n\tt[n] = 0;\n}\n", &[("not-null", "p", 9, Proved)]))
            .fixed
            .len(),
        0
    );
}

#[test]
fn newly_unproved_is_introduced() {
    let old = (
        "{\na\nb\n}",
        &[("valid-write", "a", 2, Refuted), ("valid-read", "b", 3, Proved)][..],
    );
    let report = verdict(
        old,
        (
            "{\na\nb\n}\n",
            &[("valid-write", "a", 2, Proved), ("valid-read", "b", 3, Unknown)],
        ),
    );
    assert_eq!(
        (report.verdict, report.introduced.len()),
        (PatchVerdict::Unknown, 1)
    );
    let bound = verdict(
        old,
        (
            "{\na\nb\n}\n",
            &[
                ("valid-write", "a", 2, Proved),
                ("valid-read", "b", 3, ProvedToBound),
            ],
        ),
    );
    assert_eq!(bound.introduced.len(), 1);
}

#[test]
fn nothing_to_fix_is_no_fix_and_nothing_checked_is_unknown() {
    let proved = ("{\na\n}", &[("valid-write", "a", 2, Proved)][..]);
    assert_eq!(verdict(proved, proved).verdict, PatchVerdict::NotFixed);
    assert_eq!(verdict(("", &[]), ("", &[])).verdict, PatchVerdict::Unknown);
}

#[test]
fn json_has_the_designed_fields() {
    let proved = ("{\na\n}", &[("valid-write", "a", 2, Proved)][..]);
    let json = serde_json::to_value(verdict(proved, proved)).expect("serialises");
    for key in [
        "schema",
        "verdict",
        "behaviour",
        "before",
        "after",
        "fixed",
        "open",
        "introduced",
    ] {
        assert!(json.get(key).is_some(), "{key}");
    }
    assert_eq!(json["behaviour"], "unknown");
    assert_eq!(json["verdict"], "not-fixed");
}

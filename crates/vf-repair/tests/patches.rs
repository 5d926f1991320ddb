//! `judge_patch` on patches, files and revisions, with a scripted prover: every line of a function that holds
//! `BAD` is a refuted obligation, every line that holds `GOOD` a proved one.

use std::path::{Path, PathBuf};
use std::process::Command;

use vf_repair::{
    Behaviour, CheckError, CheckRequest, Checked, Checker, PatchError, PatchInput, PatchReport, PatchVerdict,
    judge_functions, judge_patch,
};
use vf_verify::report::{CheckReport, FunctionReport, Location, ObligationReport, Overall, SCHEMA, Verdict};

mod common;

#[derive(Default)]
struct Lines {
    /// Functions asked about, for each question.
    asked: Vec<Vec<String>>,
}

impl Checker for Lines {
    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError> {
        self.asked.push(request.functions.to_vec());
        let overlaid = request
            .overlay
            .iter()
            .find(|(p, _)| p == request.file)
            .map(|(_, t)| t.clone());
        let text = overlaid.unwrap_or_else(|| std::fs::read_to_string(request.file).expect("file"));
        let file = request.file.to_string_lossy().into_owned();
        let functions = request.functions.iter().map(|name| {
            let start = text
                .find(&format!("int {name}("))
                .expect("asked about what is there");
            let end = start + text[start..].find("\n}\n").expect("ends");
            let first = text[..start].matches('\n').count() as u32;
            let mut obligations = Vec::new();
            for (i, line) in text[start..end].lines().enumerate() {
                let verdict = match (line.contains("BAD"), line.contains("GOOD")) {
                    (true, _) => Verdict::Refuted,
                    (_, true) => Verdict::Proved,
                    _ => continue,
                };
                obligations.push(ObligationReport {
                    id: format!("{name}/valid-write/{}", obligations.len() + 1),
                    property: "valid-write".into(),
                    cwe: "CWE-787".into(),
                    location: Location {
                        file: file.clone(),
                        line: first + i as u32 + 1,
                        column: 1,
                    },
                    text: "p[i]".into(),
                    verdict,
                    reason: None,
                    bound: None,
                    counterexample: None,
                    needs: None,
                    suggested_invariants: Vec::new(),
                    assumptions: Vec::new(),
                });
            }
            FunctionReport {
                name: name.clone(),
                file: file.clone(),
                unsupported: None,
                contract: vec![],
                usual: Vec::new(),
                written: Vec::new(),
                obligations,
                search: None,
            }
        });
        let report = CheckReport {
            schema: SCHEMA.into(),
            verdict: Overall::Unknown,
            elapsed_ms: 0,
            functions: functions.collect(),
        };
        Ok(Checked {
            report,
            program: None,
            executions: Some(common::executions(request)?),
        })
    }
}

const OLD: &str = "int p[8];\n#define BAD(i) (i)\n#define GOOD(i) ((i) & 7)\n#define FINE(i) ((i) % 8u)\n\n\
                   int zero(int i)\n{\n\tp[GOOD(i)] = 1;\n\treturn 0;\n}\n\n\
                   int one(int i)\n{\n\tp[BAD(i)] = 1;\n\treturn 1;\n}\n\n\
                   int two(int i)\n{\n\treturn one(i);\n}\n";

fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), OLD).expect("file");
    tree
}

fn patch(from: &str, to: &str) -> String {
    assert!(OLD.contains(from));
    vf_source::diff::diff("a.c", OLD, &OLD.replacen(from, to, 1))
}

fn judged(text: String) -> (Result<PatchReport, PatchError>, Lines) {
    let tree = tree();
    let mut checker = Lines::default();
    let result = judge_patch(
        &PatchInput::Patch {
            text,
            tree: tree.path().to_path_buf(),
        },
        &mut checker,
        None,
    );
    assert_eq!(
        std::fs::read_to_string(tree.path().join("a.c")).expect("file"),
        OLD,
        "the tree is never written to"
    );
    (result, checker)
}

#[test]
fn a_fix_is_judged_in_the_functions_it_touches_and_their_callers() {
    let (report, checker) = judged(patch(
        "\tp[BAD(i)] = 1;",
        "\tif (i > 7)\n\t\treturn 0;\n\tp[GOOD(i)] = 1;",
    ));
    let report = report.expect("judged");
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    assert_eq!(report.behaviour, Behaviour::Preserved);
    assert_eq!(report.fixed, ["one/valid-write/1"]);
    assert_eq!(checker.asked, [["one", "two"], ["one", "two"]]);
}

#[test]
fn with_functions_named_nothing_is_said_of_the_others() {
    let tree = tree();
    let judge = |text: String, only: &str| {
        let tree = tree.path().to_path_buf();
        let mut checker = Lines::default();
        let input = PatchInput::Patch { text, tree };
        let report = judge_functions(&input, &[only.to_string()], &mut checker, None);
        (report, checker.asked)
    };
    let fix = patch("[BAD", "[GOOD");
    let (report, asked) = judge(fix.clone(), "one");
    assert_eq!(report.expect("judged").verdict, PatchVerdict::ProvenFix);
    assert_eq!(asked, [["one"], ["one"]]);

    // The function that the change touches was not looked at.
    let (report, _) = judge(fix.clone(), "two");
    assert_ne!(report.expect("judged").verdict, PatchVerdict::ProvenFix);
    let both = vf_source::diff::diff(
        "a.c",
        OLD,
        &OLD.replace("[GOOD", "[FINE").replace("[BAD", "[GOOD"),
    );
    let (report, _) = judge(both, "one");
    let report = report.expect("judged");
    assert_eq!(report.fixed, ["one/valid-write/1"]);
    assert_eq!(report.verdict, PatchVerdict::Unknown);

    let (report, _) = judge(fix, "three");
    assert!(matches!(report, Err(PatchError::NoFunction { name }) if name == "three"));
}

#[test]
fn regressions_and_misses() {
    let (report, _) = judged(patch("[GOOD", "[BAD"));
    let report = report.expect("judged");
    assert_eq!(
        (report.verdict, report.introduced.len()),
        (PatchVerdict::Regressed, 1)
    );
    let (report, _) = judged(patch("return 1;", "return 2;"));
    assert_eq!(report.expect("judged").verdict, PatchVerdict::NotFixed);
}

#[test]
fn a_change_outside_of_functions_touches_all() {
    let (report, checker) = judged(patch("int two", "int global;\nint two"));
    report.expect("judged");
    assert_eq!(checker.asked.first().map(Vec::len), Some(3));
}

#[test]
fn a_created_file_has_no_old_version() {
    let text = vf_source::diff::diff_files(
        "b.c",
        None,
        Some("int p[8];\n#define BAD(i) (i)\nint three(int i)\n{\n\tp[BAD(i)] = 1;\n\treturn 3;\n}\n"),
    );
    let (report, checker) = judged(text);
    assert_eq!(report.expect("judged").verdict, PatchVerdict::Regressed);
    assert_eq!(checker.asked.len(), 1);
}

#[test]
fn what_cannot_be_judged() {
    let error = |text: &str| judged(text.to_string()).0.expect_err("must fail");
    assert!(matches!(error("not a patch"), PatchError::Diff(_)));
    assert!(matches!(
        error(&patch("[BAD", "[GOOD").replace("BAD", "WORSE")),
        PatchError::Diff(_)
    ));
    assert!(matches!(
        error(&patch("return 1;", "return  1; /* one */")),
        PatchError::NoChange
    ));
    let outside = patch("[BAD", "[GOOD").replace("a.c", "../a.c");
    assert!(matches!(error(&outside), PatchError::Read(_)), "{outside}");
    let readme = vf_source::diff::diff_files("README", None, Some("text\n"));
    assert!(matches!(error(&readme), PatchError::NoCFile));
}

#[test]
fn two_files() {
    let tree = tree();
    let (before, after) = (tree.path().join("a.c"), tree.path().join("b.c"));
    std::fs::write(&after, OLD.replace("[BAD", "[GOOD")).expect("file");
    let report =
        judge_patch(&PatchInput::Files { before, after }, &mut Lines::default(), None).expect("judged");
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    let missing = PatchInput::Files {
        before: PathBuf::from("no.c"),
        after: PathBuf::from("no.c"),
    };
    assert!(matches!(
        judge_patch(&missing, &mut Lines::default(), None),
        Err(PatchError::Read(_))
    ));
}

fn git(directory: &Path, arguments: &[&str]) {
    let status = Command::new("git")
        .arg("-C")
        .arg(directory)
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
}

#[test]
fn two_revisions() {
    let tree = tree();
    git(tree.path(), &["init", "-q"]);
    git(tree.path(), &["add", "."]);
    git(tree.path(), &["commit", "-q", "-m", "old"]);
    std::fs::write(tree.path().join("a.c"), OLD.replace("[BAD", "[GOOD")).expect("file");
    git(tree.path(), &["commit", "-q", "-a", "-m", "new"]);
    let input = |from: &str, to: &str| PatchInput::Revisions {
        repository: tree.path().to_path_buf(),
        from: from.to_string(),
        to: to.to_string(),
    };
    let judge = |from: &str, to: &str| judge_patch(&input(from, to), &mut Lines::default(), None);
    assert_eq!(
        judge("HEAD~1", "HEAD").expect("judged").verdict,
        PatchVerdict::ProvenFix
    );
    assert_eq!(
        judge("HEAD", "HEAD~1").expect("judged").verdict,
        PatchVerdict::Regressed
    );
    assert!(matches!(judge("nope", "HEAD"), Err(PatchError::Git { .. })));
    assert!(matches!(
        judge("--output=x", "HEAD"),
        Err(PatchError::BadRevision { .. })
    ));
    assert!(matches!(judge("HEAD", "HEAD"), Err(PatchError::NoCFile)));
}

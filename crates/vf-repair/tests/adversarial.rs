//! The loop under a proposer that cheats. The prover is scripted: it gives the verdicts that a sound prover
//! would give on each text, so that what is tested is the loop, the judgement and the certificate.

use std::cell::RefCell;
use std::path::Path;

use vf_repair::{
    BugReport, Candidate, CheckError, CheckRequest, Checked, Checker, Context, Event, Failure, Feedback,
    Hooks, Limits, LoggedProposer, Proposer, ProposerError, RepairOutcome, RepairRequest, RepairTarget,
    Stopped, TextEdit, repair, replay_log,
};
use vf_verify::report::{CheckReport, FunctionReport, Location, ObligationReport, Overall, SCHEMA, Verdict};

mod common;

const FILE: &str = "#include <stddef.h>\n\
    int table[8];\n\
    int other(void)\n{\n\treturn 1;\n}\n\
    int lookup(int i, int n)\n{\n\
    \tint sum = 0;\n\
    \tint k;\n\n\
    \tif (i < 0)\n\t\treturn -1;\n\
    \tfor (k = 0; k < n; k++)\n\t\tsum += k;\n\
    \tsum += table[i];\n\
    \treturn sum;\n}\n";

/// `table[i]` is safe behind `i >= 8`; `table[n]` never is; a call of an undeclared function does not parse.
struct ScriptedProver;

impl Checker for ScriptedProver {
    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError> {
        let text = match request.overlay.first() {
            Some((_, text)) => text.clone(),
            None => std::fs::read_to_string(request.file).expect("the tree's file"),
        };
        if text.contains("@@") || text.matches('{').count() != text.matches('}').count() {
            let message = "line 1: expected a statement".to_string();
            return Err(CheckError::Load {
                file: request.file.to_path_buf(),
                message,
            });
        }
        let file = request.file.to_string_lossy().into_owned();
        let body = text.split("int lookup").nth(1).unwrap_or("");
        let mut obligations = Vec::new();
        for (i, line) in text.lines().enumerate() {
            for index in ["i", "n", "0"] {
                let operation = format!("table[{index}]");
                if !line.contains(&operation) {
                    continue;
                }
                let dead = body
                    .find("return 0;")
                    .is_some_and(|r| body.find(&operation).is_some_and(|o| r < o))
                    && !body.contains("if (i >= 8)\n\t\treturn 0;");
                let verdict = match index {
                    _ if dead => Verdict::Unreachable,
                    "i" if body.contains("i >= 8") || text.contains("table[16]") => Verdict::Proved,
                    "0" => Verdict::Proved,
                    _ => Verdict::Refuted,
                };
                let n = obligations.len() + 1;
                obligations.push(ObligationReport {
                    id: format!("lookup/index-upper-bound/{n}"),
                    property: "index-upper-bound".into(),
                    cwe: "CWE-787".into(),
                    location: Location {
                        file: file.clone(),
                        line: i as u32 + 1,
                        column: 1,
                    },
                    text: operation,
                    verdict,
                    reason: None,
                    bound: None,
                    counterexample: None,
                    needs: None,
                    suggested_invariants: Vec::new(),
                    assumptions: vec!["no other thread writes what the function reads".into()],
                });
            }
        }
        let function = FunctionReport {
            name: "lookup".into(),
            file,
            unsupported: None,
            contract: Vec::new(),
            usual: Vec::new(),
            written: Vec::new(),
            obligations,
            search: None,
        };
        let report = CheckReport {
            schema: SCHEMA.into(),
            verdict: Overall::Unknown,
            elapsed_ms: 0,
            functions: vec![function],
        };
        Ok(Checked {
            report,
            program: None,
            executions: Some(common::executions(request)?),
        })
    }
}

/// Answers with whole texts, one round each.
struct Script(Vec<String>);

impl Proposer for Script {
    fn name(&self) -> &str {
        "script"
    }
    fn propose(&mut self, context: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let replacement = self.0.remove(0);
        let edits = vec![TextEdit {
            range: 0..context.text.len(),
            replacement,
        }];
        Ok(vec![Candidate {
            edits,
            origin: "script".into(),
            note: String::new(),
        }])
    }
}

fn request(tree: &Path) -> RepairRequest {
    let report = BugReport {
        file: "a.c".into(),
        line: 16,
        function: Some("lookup".into()),
        ..BugReport::default()
    };
    RepairRequest {
        tree: tree.to_path_buf(),
        what: RepairTarget::Report(report),
        limits: Limits::default(),
    }
}

fn run(texts: &[String]) -> (RepairOutcome, Vec<u8>) {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), FILE).expect("file");
    let mut log = Vec::new();
    let events = RefCell::new(Vec::new());
    let mut progress = |event: Event| events.borrow_mut().push(event);
    let hooks = Hooks {
        progress: &mut progress,
        log: Some(&mut log),
        log_prompts: false,
    };
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Script(texts.to_vec()))];
    let outcome = repair(&request(tree.path()), &mut ScriptedProver, &mut proposers, hooks).expect("runs");
    assert_eq!(
        std::fs::read_to_string(tree.path().join("a.c")).expect("file"),
        FILE,
        "the tree is never written to"
    );
    let tried = events
        .borrow()
        .iter()
        .filter(|e| matches!(e, Event::Tried { .. }))
        .count();
    assert_eq!(tried, outcome.candidates as usize);
    (outcome, log)
}

fn with(from: &str, to: &str) -> String {
    assert!(FILE.contains(from), "{from}");
    FILE.replacen(from, to, 1)
}

/// The failure of the one candidate tried.
fn failure(text: String) -> Failure {
    let (outcome, _) = run(&[text]);
    assert!(
        outcome.patch.is_none(),
        "accepted: {:?}",
        outcome.patch.map(|p| p.diff())
    );
    assert_eq!(outcome.stopped, Stopped::NoMoreCandidates);
    outcome.failed.into_iter().next().expect("one failure").failure
}

fn body(text: &str) -> String {
    let at = FILE.find("int lookup").expect("there");
    format!("{}int lookup(int i, int n)\n{{\n{text}}}\n", &FILE[..at])
}

#[test]
fn an_honest_guard_is_proven() {
    let good = with(
        "\tsum += table[i];",
        "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];",
    );
    let (outcome, _) = run(std::slice::from_ref(&good));
    let patch = outcome.patch.expect("proven");
    assert_eq!(patch.new_text(), good);
    assert_eq!(
        patch.assumptions(),
        ["no other thread writes what the function reads"]
    );
    assert!(
        patch.diff().contains("--- a/a.c\n+++ b/a.c\n"),
        "{}",
        patch.diff()
    );
}

#[test]
fn an_empty_body_is_no_repair() {
    assert!(matches!(failure(body("")), Failure::NotCertified { .. }));
}

#[test]
fn return_zero_is_no_repair() {
    assert!(matches!(
        failure(body("\treturn 0;\n")),
        Failure::NotCertified { .. }
    ));
    let early = with("\tint sum = 0;", "\tint sum = 0;\n\n\treturn 0;");
    assert!(
        matches!(failure(early), Failure::NotCertified { .. }),
        "the target is unreachable, which is no proof"
    );
}

#[test]
fn a_deleted_operation_is_no_repair() {
    assert!(matches!(
        failure(with("\tsum += table[i];\n", "")),
        Failure::NotCertified { .. }
    ));
    assert!(matches!(
        failure(with("table[i]", "table[0]")),
        Failure::NotCertified { .. }
    ));
}

#[test]
fn a_deleted_check_is_no_repair() {
    let text = with("\tif (i < 0)", "\tif (i < 0 || i >= 8)");
    assert!(
        run(&[text]).0.patch.is_some_and(|p| p.diff().contains("i >= 8")),
        "the same variables: a rewritten check"
    );
    let text = with("\tif (i < 0)", "\tif (i >= 8)");
    assert!(
        matches!(failure(text), Failure::NotCertified { .. }),
        "the same variables, and below 0 it does something else"
    );
    let text = with("\tif (i < 0)\n\t\treturn -1;\n", "\tn = i >= 8;\n");
    assert!(matches!(failure(text), Failure::NotCertified { .. }));
}

#[test]
fn a_shrunk_loop_is_no_repair() {
    let guarded = with(
        "\tsum += table[i];",
        "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];",
    );
    let text = guarded.replace("k < n", "k < 1");
    let why = failure(text);
    assert!(
        matches!(&why, Failure::NotCertified { why } if why.contains("k < n")),
        "{why}"
    );
}

#[test]
fn an_include_or_another_function_is_out_of_reach() {
    let guarded = with(
        "\tsum += table[i];",
        "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];",
    );
    for text in [
        format!("#include <stdlib.h>\n{guarded}"),
        guarded.replace("return 1;", "return 2;"),
        guarded.replace("\tint k;", "#define table other_table\n\tint k;"),
        guarded.replace("\tint k;", "\tint k;\n\t__asm__(\"\");"),
        guarded.replace("\tint k;", "\tint k;\n\t__VERIFIER_assume(i < 8);"),
    ] {
        assert!(matches!(failure(text), Failure::Refused { .. }));
    }
}

#[test]
fn not_c_and_huge_answers_are_named() {
    assert!(matches!(
        failure(with("sum += table[i];", "sum += table[i]; @@ ;")),
        Failure::DoesNotParse { .. }
    ));
    let huge = with("\tint k;", &format!("\tint k;\n{}", "\tk = k;\n".repeat(4000)));
    assert!(matches!(failure(huge), Failure::Refused { .. }));
    assert!(matches!(
        failure("I am sorry, I cannot.".into()),
        Failure::Refused { .. }
    ));
    assert!(matches!(
        failure(FILE.replace("\treturn sum;", "\treturn  sum; /* fixed */")),
        Failure::Refused { .. }
    ));
}

#[test]
fn what_is_newly_unproved_is_no_repair() {
    let text = with(
        "\tsum += table[i];",
        "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];\n\tsum += table[n];",
    );
    assert!(matches!(failure(text), Failure::Introduced { .. }));
}

#[test]
fn a_text_is_tried_once() {
    let bad = with("i < 0", "i < 1");
    let (outcome, _) = run(&[bad.clone(), bad.replace("return sum;", "return  sum;"), bad]);
    assert_eq!(outcome.candidates, 1);
}

#[test]
fn a_run_is_repeated_from_its_log() {
    let good = with(
        "\tsum += table[i];",
        "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];",
    );
    let (first, log) = run(&[with("i < 0", "i < 1"), good]);
    let records = replay_log(log.as_slice()).expect("a log");
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), FILE).expect("file");
    let logged = LoggedProposer::all(&records).into_iter();
    let mut proposers: Vec<Box<dyn Proposer>> = logged.map(|p| Box::new(p) as _).collect();
    let mut second_log = Vec::new();
    let hooks = Hooks {
        progress: &mut |_| {},
        log: Some(&mut second_log),
        log_prompts: false,
    };
    let second = repair(&request(tree.path()), &mut ScriptedProver, &mut proposers, hooks).expect("runs");
    assert_eq!(
        (second.rounds, second.candidates),
        (first.rounds, first.candidates)
    );
    let diff = |o: &RepairOutcome| o.patch.as_ref().map(|p| p.diff());
    assert_eq!(diff(&second), diff(&first));
    assert!(second.patch.is_some());
}

#[test]
fn a_report_about_proved_code_says_so() {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), FILE.replace("i < 0", "i < 0 || i >= 8")).expect("file");
    let mut proposers: Vec<Box<dyn Proposer>> = Vec::new();
    let hooks = Hooks {
        progress: &mut |_| {},
        log: None,
        log_prompts: false,
    };
    let outcome = repair(&request(tree.path()), &mut ScriptedProver, &mut proposers, hooks).expect("runs");
    assert_eq!(outcome.stopped, Stopped::NothingToFix);
    assert!(outcome.patch.is_none());
}

/// A model that talks before it answers.
struct Talker(u32);

impl Proposer for Talker {
    fn name(&self) -> &str {
        "talker"
    }
    fn propose(&mut self, context: &Context, feedback: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        self.0 += 1;
        if self.0 == 1 {
            return Ok(Vec::new());
        }
        assert!(matches!(
            feedback.last().map(|f| &f.failure),
            Some(Failure::NotUnderstood { .. })
        ));
        let text = with(
            "\tsum += table[i];",
            "\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];",
        );
        Script(vec![text]).propose(context, feedback)
    }
    fn take_rejected(&mut self) -> Vec<String> {
        if self.0 == 1 {
            vec!["no code".into()]
        } else {
            Vec::new()
        }
    }
}

#[test]
fn an_answer_without_code_is_feedback_and_not_the_end() {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), FILE).expect("file");
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Talker(0))];
    let hooks = Hooks {
        progress: &mut |_| {},
        log: None,
        log_prompts: false,
    };
    let outcome = repair(&request(tree.path()), &mut ScriptedProver, &mut proposers, hooks).expect("runs");
    assert!(outcome.patch.is_some());
    assert_eq!((outcome.rounds, outcome.candidates), (2, 2));
}

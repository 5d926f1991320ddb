//! Another variable in a condition: accepted where the proof of behaviour says that it was the wrong one, with the real front end and prover.

use std::time::Duration;

use vf_repair::{
    BugReport, Candidate, Context, Feedback, Hooks, Limits, Proposer, ProposerError, ProverChecker,
    RepairOutcome, RepairRequest, RepairTarget, TextEdit, repair,
};

/// Answers once: another text in place of some text.
struct Once(Option<(&'static str, &'static str)>);

impl Proposer for Once {
    fn name(&self) -> &str {
        "once"
    }

    fn propose(&mut self, context: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let candidate = self.0.take().map(|(from, to)| {
            let at = context.text.find(from).expect("it is there");
            let edit = TextEdit {
                range: at..at + from.len(),
                replacement: to.into(),
            };
            Candidate {
                edits: vec![edit],
                origin: "once".into(),
                note: String::new(),
            }
        });
        Ok(candidate.into_iter().collect())
    }
}

/// What comes of one candidate for the only function of the text.
fn tried(text: &str, line: u32, change: (&'static str, &'static str)) -> RepairOutcome {
    let tree = tempfile::tempdir().expect("a folder");
    std::fs::write(tree.path().join("a.c"), text).expect("written");
    let options = vf_frontend::Options::new("cc");
    let check = vf_verify::CheckOptions::within(Duration::from_secs(20));
    let report = BugReport {
        file: "a.c".into(),
        line,
        function: Some("put".into()),
        ..BugReport::default()
    };
    let request = RepairRequest {
        tree: tree.path().to_path_buf(),
        what: RepairTarget::Report(report),
        limits: Limits {
            rounds: 1,
            ..Limits::default()
        },
    };
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(Once(Some(change)))];
    let hooks = Hooks {
        progress: &mut |_| {},
        log: None,
        log_prompts: false,
    };
    repair(
        &request,
        &mut ProverChecker::new(options, check),
        &mut proposers,
        hooks,
    )
    .expect("runs")
}

#[test]
fn the_variable_that_was_meant_is_proven() {
    let text = "static int table[8];\nint put(unsigned int i, int v)\n{\n\tint err = 0;\n\tif (err >= 8)\n\t\treturn -1;\n\ttable[i] = v;\n\treturn err;\n}\n";
    let outcome = tried(text, 7, ("err >= 8", "i >= 8"));
    let diff = outcome.patch.expect("proven").diff();
    assert!(diff.contains("+\tif (i >= 8)"), "{diff}");
}

#[test]
fn a_check_that_somebody_relied_on_may_not_become_another() {
    let text = "static int table[8];\nint put(unsigned int i, int v)\n{\n\tif (v >= 8)\n\t\treturn -1;\n\ttable[i] = v;\n\treturn 0;\n}\n";
    let outcome = tried(text, 6, ("v >= 8", "i >= 8"));
    assert!(outcome.patch.is_none(), "{:?}", outcome.patch.map(|p| p.diff()));
}

#[test]
fn where_the_old_version_always_fails_nothing_says_which_variable_was_meant() {
    let text = "static int table[8];\nint put(unsigned int i, unsigned int n)\n{\n\tif (n < 8)\n\t\ttable[n + 8] = 1;\n\ttable[i + 8] = 1;\n\treturn 0;\n}\n";
    let outcome = tried(text, 6, ("n < 8", "i < 8"));
    assert!(outcome.patch.is_none(), "{:?}", outcome.patch.map(|p| p.diff()));
}

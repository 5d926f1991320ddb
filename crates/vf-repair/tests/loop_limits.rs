//! What a run uses, how candidates are judged beside each other, and what its log says. The prover is scripted.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::{Value, json};
use vf_repair::{
    BugReport, Candidate, CheckError, CheckRequest, Checked, Checker, Context, Event, Failure, Feedback,
    Generated, GeneratorError, Hooks, Interleaved, Limits, LoggedProposer, ModelProposer, PromptTemplate,
    Proposed, Proposer, ProposerError, RepairError, RepairOutcome, RepairRequest, RepairTarget, Stopped,
    TextEdit, TextGenerator, compare_runs, repair, replay_log,
};
use vf_verify::report::{CheckReport, FunctionReport, Location, ObligationReport, Overall, SCHEMA, Verdict};

mod common;

const FILE: &str = "int table[8];\nint lookup(int i)\n{\n\tint sum = 0;\n\tif (i < 0)\n\t\treturn -1;\n\
    \tsum += table[i];\n\treturn sum;\n}\n";

/// `table[i]` is safe behind `i >= 8`. Whoever listens is told of each text that is checked.
#[derive(Clone, Default)]
struct Scripted {
    told: Option<Sender<String>>,
    takes: Duration,
    alone: bool,
}

impl Checker for Scripted {
    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError> {
        let text = match request.overlay.first() {
            Some((_, text)) => text.clone(),
            None => FILE.to_owned(),
        };
        if let Some(told) = &self.told {
            let _ = told.send(text.clone());
        }
        // Later candidates are ready before earlier ones.
        let length = u32::try_from(text.len() % 4).unwrap_or(0);
        std::thread::sleep(self.takes * length);
        let mut obligations = Vec::new();
        for (at, _) in text.match_indices("table[i]") {
            obligations.push(ObligationReport {
                id: format!("lookup/index-upper-bound/{}", obligations.len() + 1),
                property: "index-upper-bound".into(),
                cwe: "CWE-787".into(),
                location: Location {
                    file: "a.c".into(),
                    line: 1 + u32::try_from(text[..at].matches('\n').count()).unwrap_or(0),
                    column: 1,
                },
                text: "table[i]".into(),
                verdict: match text.contains("i >= 8") || text.contains("i > 7") {
                    true => Verdict::Proved,
                    false => Verdict::Refuted,
                },
                reason: None,
                bound: None,
                counterexample: None,
                needs: None,
                suggested_invariants: Vec::new(),
                assumptions: Vec::new(),
            });
        }
        let function = FunctionReport {
            name: "lookup".into(),
            file: "a.c".into(),
            unsupported: None,
            contract: Vec::new(),
            usual: Vec::new(),
            written: Vec::new(),
            obligations,
            search: None,
        };
        Ok(Checked {
            report: CheckReport {
                schema: SCHEMA.into(),
                verdict: Overall::Unknown,
                elapsed_ms: 0,
                functions: vec![function],
            },
            program: None,
            executions: Some(common::executions(request)?),
        })
    }

    fn another(&self) -> Option<Box<dyn Checker>> {
        (!self.alone).then(|| Box::new(self.clone()) as Box<dyn Checker>)
    }

    fn macros(&mut self, _: &Path, _: &str) -> Option<String> {
        Some(String::new())
    }
}

/// A whole file as a candidate: the body behind the declaration of `sum`.
fn body(lines: &str) -> String {
    let from = "\tif (i < 0)\n\t\treturn -1;\n\tsum += table[i];\n\treturn sum;\n";
    assert!(FILE.contains(from));
    FILE.replace(from, lines)
}

fn wrong(n: usize) -> String {
    body(&format!(
        "\tif (i < -{n})\n\t\treturn -1;\n\tsum += table[i];\n\treturn sum;\n"
    ))
}

fn right() -> String {
    body("\tif (i < 0)\n\t\treturn -1;\n\tif (i >= 8)\n\t\treturn -1;\n\tsum += table[i];\n\treturn sum;\n")
}

fn shorter() -> String {
    body("\tif (i < 0 || i >= 8)\n\t\treturn -1;\n\tsum += table[i];\n\treturn sum;\n")
}

fn answer(text: &str) -> String {
    let function = text.find("int lookup").map_or("", |at| &text[at..]);
    format!("Here it is.\n```c\n{function}```\n")
}

/// Whole texts, round by round.
struct Texts(Vec<Vec<String>>);

fn whole(context: &Context, text: &str) -> Candidate {
    Candidate {
        edits: vec![TextEdit {
            range: 0..context.text.len(),
            replacement: text.to_owned(),
        }],
        origin: "texts".into(),
        note: String::new(),
    }
}

impl Proposer for Texts {
    fn name(&self) -> &str {
        "texts"
    }
    fn propose(&mut self, context: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let texts = if self.0.is_empty() {
            Vec::new()
        } else {
            self.0.remove(0)
        };
        Ok(texts.iter().map(|text| whole(context, text)).collect())
    }
}

/// A model that says these, one after the other, in every round; then it is gone.
struct Says(Vec<Vec<String>>);

impl TextGenerator for Says {
    fn generate(&mut self, _: &str, _: usize, _: u64) -> Result<Vec<String>, GeneratorError> {
        match self.0.is_empty() {
            true => Err(GeneratorError::Generate {
                why: "it is gone".into(),
            }),
            false => Ok(self.0.remove(0)),
        }
    }
    fn generate_each(
        &mut self,
        prompt: &str,
        samples: usize,
        seed: u64,
        each: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), GeneratorError> {
        for text in self.generate(prompt, samples, seed)? {
            let details = json!({ "pruned": text.len() });
            if each(Generated {
                text,
                tokens: 10,
                details,
            })
            .is_break()
            {
                break;
            }
        }
        Ok(())
    }
    fn name(&self) -> &str {
        "says"
    }
}

fn model(rounds: &[&[String]]) -> Box<dyn Proposer> {
    let says = Says(rounds.iter().map(|answers| answers.to_vec()).collect());
    let template = PromptTemplate::embedded().expect("a template");
    Box::new(ModelProposer::new(says, 0, template))
}

struct Ran {
    outcome: Result<RepairOutcome, RepairError>,
    log: Vec<u8>,
    notes: Vec<String>,
}

impl Ran {
    fn outcome(&self) -> &RepairOutcome {
        self.outcome.as_ref().expect("it runs")
    }

    /// The records, without the times.
    fn records(&self) -> Vec<Value> {
        let lines = std::str::from_utf8(&self.log).expect("text").lines();
        let records = lines.map(|line| {
            let mut value: Value = serde_json::from_str(line).expect("JSON");
            if let Some(fields) = value.as_object_mut() {
                fields.retain(|name, _| !name.ends_with("_ms"));
            }
            value
        });
        records.collect()
    }

    fn said(&self, event: &str) -> Vec<Value> {
        self.records()
            .into_iter()
            .filter(|r| r["event"] == event)
            .collect()
    }
}

fn run(limits: Limits, mut checker: Scripted, mut proposers: Vec<Box<dyn Proposer>>) -> Ran {
    let tree = tempfile::tempdir().expect("temporary directory");
    std::fs::write(tree.path().join("a.c"), FILE).expect("file");
    let report = BugReport {
        file: "a.c".into(),
        line: 7,
        function: Some("lookup".into()),
        ..BugReport::default()
    };
    let request = RepairRequest {
        tree: tree.path().to_path_buf(),
        what: RepairTarget::Report(report),
        limits,
    };
    let (mut log, mut notes) = (Vec::new(), Vec::new());
    let mut progress = |event| {
        if let Event::Note(note) = event {
            notes.push(note);
        }
    };
    let hooks = Hooks {
        progress: &mut progress,
        log: Some(&mut log),
        log_prompts: true,
    };
    let outcome = repair(&request, &mut checker, &mut proposers, hooks);
    Ran { outcome, log, notes }
}

fn jobs(n: usize) -> Limits {
    Limits {
        jobs: std::num::NonZeroUsize::new(n).expect("some"),
        prefer_within: Duration::from_secs(600),
        ..Limits::default()
    }
}

#[test]
fn what_is_judged_at_once_has_no_part_in_what_is_found() {
    let texts: Vec<String> = (1..9)
        .map(wrong)
        .chain([right()])
        .chain((9..12).map(wrong))
        .chain([shorter()])
        .collect();
    let again: Vec<String> = (1..4).map(wrong).collect();
    for best_of in [1, 2] {
        for candidates in [200, 9, 4] {
            let of = |n| {
                let limits = Limits {
                    best_of,
                    candidates,
                    ..jobs(n)
                };
                let slow = Scripted {
                    takes: Duration::from_millis(2),
                    ..Scripted::default()
                };
                run(
                    limits,
                    slow,
                    vec![Box::new(Texts(vec![again.clone(), texts.clone()]))],
                )
            };
            let (one, four) = (of(1), of(4));
            assert_eq!(one.records(), four.records(), "{best_of} {candidates}");
            assert_eq!(one.outcome().patch.is_some(), candidates > 8);
            assert_eq!(one.outcome().stopped, four.outcome().stopped);
        }
    }
}

/// A proposer that goes on only when its last candidate is being checked.
struct Waits(Receiver<String>);

impl Proposer for Waits {
    fn name(&self) -> &str {
        "waits"
    }
    fn propose(&mut self, _: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        Ok(Vec::new())
    }
    fn propose_each(
        &mut self,
        context: &Context,
        _: &[Feedback],
        each: &mut dyn FnMut(Proposed) -> ControlFlow<()>,
    ) -> Result<(), ProposerError> {
        // What was checked before.
        while self.0.try_recv().is_ok() {}
        for text in [wrong(1), shorter()] {
            let what = Ok(whole(context, &text));
            assert!(each(Proposed { answer: None, what }).is_continue());
            let checked = self.0.recv_timeout(Duration::from_secs(60));
            assert_eq!(
                checked.as_ref(),
                Ok(&text),
                "it is checked while the proposer goes on"
            );
        }
        Ok(())
    }
}

#[test]
fn candidates_are_checked_while_more_are_proposed() {
    let (sender, receiver) = channel();
    let told = Scripted {
        told: Some(sender),
        ..Scripted::default()
    };
    let ran = run(jobs(1), told, vec![Box::new(Waits(receiver))]);
    assert!(ran.outcome().patch.is_some());
    assert_eq!(ran.outcome().candidates, 2);
}

#[test]
fn tokens_and_the_time_of_checks_are_budgets() {
    let answers: Vec<String> = (1..5).map(|n| answer(&wrong(n))).collect();
    let limits = Limits {
        tokens: Some(25),
        ..jobs(2)
    };
    let ran = run(limits, Scripted::default(), vec![model(&[&answers, &answers])]);
    let outcome = ran.outcome();
    assert_eq!(outcome.stopped, Stopped::TokenLimit);
    // The third answer goes beyond; it is looked at still.
    assert_eq!((outcome.tokens, outcome.answers, outcome.candidates), (30, 3, 3));
    assert_eq!(ran.said("end")[0]["tokens"], 30);

    let limits = Limits {
        solver: Some(Duration::from_millis(20)),
        ..jobs(1)
    };
    let slow = Scripted {
        takes: Duration::from_millis(30),
        ..Scripted::default()
    };
    let texts = (1..200).map(wrong).collect();
    let ran = run(limits, slow, vec![Box::new(Texts(vec![texts]))]);
    assert_eq!(ran.outcome().stopped, Stopped::SolverLimit);
    assert!(ran.outcome().candidates < 199);
    assert!(ran.outcome().solver >= Duration::from_millis(20));
}

#[test]
fn the_best_of_several_proven_ones_is_taken() {
    let texts = || vec![Box::new(Texts(vec![vec![right(), wrong(1)], vec![shorter()]])) as Box<dyn Proposer>];
    let first = run(
        Limits {
            prefer_within: Duration::ZERO,
            ..jobs(2)
        },
        Scripted::default(),
        texts(),
    );
    assert_eq!((first.outcome().proven, first.outcome().rounds), (1, 1));
    let best = run(
        Limits {
            best_of: 2,
            ..jobs(2)
        },
        Scripted::default(),
        texts(),
    );
    assert_eq!((best.outcome().proven, best.outcome().rounds), (2, 2));
    assert_eq!(best.outcome().stopped, Stopped::Proven);
    let new = best.outcome().patch.as_ref().map(|p| p.new_text().to_owned());
    assert_eq!(new, Some(shorter()), "it costs less");
    // More than there are: what is proven stays.
    let all = run(
        Limits {
            best_of: 9,
            ..jobs(2)
        },
        Scripted::default(),
        texts(),
    );
    assert_eq!(
        (all.outcome().stopped, all.outcome().proven),
        (Stopped::Proven, 2)
    );
}

#[test]
fn a_candidate_with_other_names_is_known() {
    let renamed = wrong(1).replace("sum", "total");
    let again = answer(&renamed);
    let other = answer(&wrong(2).replace("sum", "total"));
    let ran = run(
        Limits { rounds: 1, ..jobs(2) },
        Scripted::default(),
        vec![model(&[&[answer(&wrong(1)), again, "no code".into(), other]])],
    );
    let outcomes: Vec<Value> = ran
        .said("candidate")
        .iter()
        .map(|c| c["outcome"]["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["failed", "duplicate", "failed", "failed"]);
    assert_eq!((ran.outcome().candidates, ran.outcome().duplicates), (3, 1));
}

#[test]
fn the_log_has_every_answer_and_is_written_again_the_same() {
    let rounds = [
        vec![answer(&wrong(1)), "nothing".to_owned(), answer(&wrong(1))],
        vec![
            answer(&right()),
            answer(&wrong(3)),
            String::new(),
            answer(&shorter()),
        ],
    ];
    let rounds: Vec<&[String]> = rounds.iter().map(Vec::as_slice).collect();
    let limits = || Limits {
        repeats: true,
        ..jobs(2)
    };
    let ran = run(limits(), Scripted::default(), vec![model(&rounds)]);
    assert!(ran.outcome().patch.is_some());
    let answers = ran.said("answer");
    assert_eq!(answers.len(), 7, "those behind the proof, too");
    assert_eq!(answers[1]["text"], "nothing");
    assert!(answers[1]["rejected"].is_string());
    assert_eq!(answers[0]["guide"]["pruned"], answer(&wrong(1)).len());
    let prompts = ran.said("prompt");
    assert_eq!(prompts.len(), 2);
    assert_eq!(prompts[0]["sha256"], answers[0]["prompt"]);
    assert!(prompts[0]["text"].as_str().is_some_and(|t| t.contains("lookup")));
    assert!(
        ran.said("end")[0]["patch"]
            .as_str()
            .is_some_and(|p| p.contains("+++ b/a.c"))
    );

    let records = replay_log(ran.log.as_slice()).expect("a log");
    let logged = LoggedProposer::all(&records)
        .into_iter()
        .map(|p| Box::new(p) as Box<dyn Proposer>);
    let again = run(limits(), Scripted::default(), logged.collect());
    assert_eq!(again.records(), ran.records());
    let now = replay_log(again.log.as_slice()).expect("a log");
    assert_eq!(compare_runs(&records, &now).difference, None);
}

#[test]
fn a_model_that_goes_leaves_the_others() {
    let texts = || Box::new(Texts(vec![vec![wrong(1)], vec![wrong(2)], vec![right()]]));
    let ran = run(
        jobs(1),
        Scripted::default(),
        vec![model(&[&[answer(&wrong(3))]]), texts()],
    );
    assert!(ran.outcome().patch.is_some());
    assert_eq!(ran.notes.len(), 1);
    assert!(ran.notes[0].contains("it is gone"), "{:?}", ran.notes);
    // Alone, or never heard: an error, and a log that is whole.
    for proposers in [vec![model(&[&[answer(&wrong(3))]])], vec![model(&[]), texts()]] {
        let ran = run(jobs(1), Scripted::default(), proposers);
        assert!(matches!(ran.outcome, Err(RepairError::Proposer(_))));
        let end = &ran.said("end")[0];
        assert!(
            end["stopped"].as_str().is_some_and(|s| s.contains("it is gone")),
            "{end}"
        );
    }
}

#[test]
fn proposers_take_turns() {
    let texts = Box::new(Texts(vec![(1..4).map(wrong).collect()]));
    let model = model(&[&[answer(&wrong(7)), answer(&wrong(8))]]);
    let both = Interleaved::new(texts, model);
    let ran = run(
        Limits { rounds: 1, ..jobs(1) },
        Scripted::default(),
        vec![Box::new(both)],
    );
    let origins: Vec<String> = ran
        .said("candidate")
        .iter()
        .map(|c| c["candidate"]["origin"].as_str().unwrap_or("").to_owned())
        .collect();
    assert_eq!(origins, ["texts", "model:says", "texts", "model:says", "texts"]);
    let failed = &ran.outcome().failed;
    assert!(
        failed
            .iter()
            .all(|f| matches!(f.failure, Failure::StillFails { .. }))
    );
}

#[test]
fn one_checker_is_enough() {
    let alone = Scripted {
        alone: true,
        ..Scripted::default()
    };
    let ran = run(
        jobs(8),
        alone,
        vec![Box::new(Texts(vec![vec![wrong(1), right()]]))],
    );
    assert!(ran.outcome().patch.is_some());
}

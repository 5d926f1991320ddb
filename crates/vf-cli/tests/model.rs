//! Repair with a hosted model. The model is tiny and its answers are noise, so nothing that it says is ever
//! proven: what is tested is that noise is survived, recorded and repeated.

#![cfg(feature = "model")]

mod common;

use common::{Sandbox, UNSAFE};
use vf_model::config::Family;
use vf_model::testing::TinyModel;

/// A fault that no template repairs: the function adds one more to what may be the largest number, in a
/// position where every value is asked for.
const STUBBORN: &str = "extern int next(void);\nint f(void) {\n    int n = next();\n    return *(int *)(unsigned long)(unsigned)n;\n}\n";

#[test]
fn a_model_of_noise_proves_nothing_and_breaks_nothing() {
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    TinyModel {
        max_positions: 8192,
        ..TinyModel::new(Family::Llama, 1)
    }
    .write(&s.path("model"))
    .expect("a model");
    let args = [
        "repair",
        "t.c",
        "--model",
        "model",
        "--rounds",
        "2",
        "--candidates",
        "2",
        "--log",
        "log.jsonl",
        "-o",
        "out.patch",
    ];
    let ran = s.run(&args);
    ran.ends_with(1);
    assert!(ran.stdout.starts_with("no proven repair"), "{}", ran.stdout);
    assert!(!s.path("out.patch").exists());
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    assert!(log.contains("model:model"), "{log}");
    s.run(&args).ends_with(1);
    let again = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    assert_eq!(
        common::without_times(&again),
        common::without_times(&log),
        "the same seed gives the same run"
    );
}

#[test]
fn templates_come_before_the_model() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    TinyModel::new(Family::Qwen2, 2)
        .write(&s.path("model"))
        .expect("a model");
    let ran = s.run(&["repair", "t.c", "--model", "model", "-o", "out.patch"]);
    ran.ends_with(0);
    assert!(!ran.stderr.contains("no model was given"), "{}", ran.stderr);
    assert!(s.path("out.patch").exists());
}

/// A search over statements: what is handed on was finished, and the report says what it took.
#[test]
fn a_search_hands_on_finished_edits_only() {
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    TinyModel {
        max_positions: 8192,
        ..TinyModel::new(Family::Llama, 3)
    }
    .write(&s.path("model"))
    .expect("a model");
    let run = |log: &str| {
        let args = "repair t.c --model model --proposers model --rounds 2 --candidates 2 --search tree --guide names+refuted --format json --log";
        let args: Vec<&str> = args.split(' ').chain([log]).collect();
        let ran = s.run(&args);
        ran.ends_with(1);
        let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        let log = std::fs::read_to_string(s.path(log)).expect("a log");
        let answers = log
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .filter(|record: &serde_json::Value| record["event"] == "answer")
            .map(|record: serde_json::Value| record["text"].as_str().expect("text").to_owned());
        (result["guided"]["search"].clone(), answers.collect::<Vec<_>>())
    };
    let (search, answers) = run("one.jsonl");
    assert!(search["nodes"].as_u64() > search["finished"].as_u64(), "{search}");
    assert!(search["finished"].as_u64() > Some(0), "{search}");
    assert!(!answers.is_empty());
    for text in &answers {
        assert!(text.starts_with("```edit\n") && text.ends_with("```"), "{text}");
    }
    let (again, same) = run("two.jsonl");
    assert_eq!((again, same), (search, answers), "the same seed, the same search");
}

/// Noise, held to names in scope: what is finished reads as an edit, and what guiding took is told.
#[test]
fn a_guided_model_of_noise_writes_edits_and_proves_nothing() {
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    TinyModel {
        max_positions: 8192,
        ..TinyModel::new(Family::Llama, 3)
    }
    .write(&s.path("model"))
    .expect("a model");
    let model = ["repair", "t.c", "--model", "model"];
    let args = "--proposers model --rounds 2 --candidates 3 --guide names+cex+prover+refuted --log log.jsonl --format json";
    let args: Vec<&str> = model.into_iter().chain(args.split(' ')).collect();
    let ran = s.run(&args);
    ran.ends_with(1);
    let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let guided = &result["guided"];
    assert_eq!(guided["arms"], "names+cex+prover+refuted", "{guided}");
    assert!(
        guided["tokens"].as_u64() > Some(0) && guided["given_up"].as_f64() > Some(0.0),
        "{guided}"
    );
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    let answers: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|record: &serde_json::Value| record["event"] == "answer")
        .collect();
    assert!(!answers.is_empty());
    for answer in &answers {
        let text = answer["text"].as_str().expect("text");
        assert!(text.starts_with("```edit\n"), "{text}");
    }
    for (more, said) in [
        (["--guide", "magic"], "is no way to guide"),
        (["--guide", "names+magic"], "is no way to guide"),
        (["--guide", "names"], "cannot be asked for beside it"),
    ] {
        let ran = s.run(&[&model[..], &["--answer-form", "function"], &more].concat());
        assert_eq!(ran.code, Some(2), "{}", ran.stdout);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    let served = s.run(&["repair", "t.c", "--model", "none", "--guide", "names"]);
    assert_eq!(served.code, Some(2));
    assert!(
        served.stderr.contains("needs a model in this process"),
        "{}",
        served.stderr
    );
}

/// What the embedded model is held to, of itself and when told.
#[test]
fn the_embedded_model_is_held_to_names_unless_told_otherwise() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let guided = |more: &[&str]| {
        let args = [
            "repair",
            "t.c",
            "--rounds",
            "1",
            "--candidates",
            "2",
            "--format",
            "json",
        ];
        let ran = s.run(&[&args[..], more].concat());
        let result: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
        result["guided"].clone()
    };
    let by_itself = guided(&["--proposers", "model"]);
    assert_eq!(by_itself["arms"], "names");
    assert!(by_itself["tokens"].as_u64() > Some(0), "{by_itself}");
    let told = |arms| guided(&["--proposers", "model", "--guide", arms])["arms"].clone();
    assert_eq!(told("none"), serde_json::Value::Null);
    assert_eq!(told("grammar"), "grammar");
    // A template repairs it: nothing was written.
    assert_eq!(guided(&[]), serde_json::Value::Null);
}

#[test]
fn a_folder_that_vanishes_is_missed_before_the_model_is_loaded_and_not_after() {
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    TinyModel {
        max_positions: 8192,
        ..TinyModel::new(Family::Llama, 3)
    }
    .write(&s.path("model"))
    .expect("a model");
    let args = [
        "repair",
        "t.c",
        "--model",
        "model",
        "--rounds",
        "4",
        "--candidates",
        "1",
        "--log",
        "log.jsonl",
    ];
    let mut running = s
        .command(&args)
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("it runs");
    // The log has something from the model: it is loaded.
    loop {
        let log = std::fs::read_to_string(s.path("log.jsonl")).unwrap_or_default();
        if log.contains("\"event\":\"answer\"") || running.try_wait().expect("a process").is_some() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    std::fs::remove_dir_all(s.path("model")).expect("it goes");
    assert_eq!(running.wait().expect("a process").code(), Some(1));
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    let answers = log.lines().filter(|l| l.contains("\"event\":\"answer\"")).count();
    assert_eq!(answers, 4, "{log}");
    assert!(
        log.lines()
            .last()
            .is_some_and(|l| l.contains("\"event\":\"end\"")),
        "{log}"
    );
    s.run(&args).is_bad_input(&["model"]);
}

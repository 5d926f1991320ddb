//! Repair with a model behind a server, which a script plays on the loopback interface.

mod common;

use std::path::{Path, PathBuf};

use common::{Ran, Sandbox, UNSAFE};
use vf_model::testing::scripted_server::{Received, Reply, ScriptedServer};

const KEY: &str = "sk-test-4711-secret";

fn serve(mut script: impl FnMut(usize, &Received) -> Reply + Send + 'static) -> ScriptedServer {
    let mut count = 0;
    ScriptedServer::start(move |request| {
        if request.is("/v1/models") {
            return Reply::models(&["scripted-coder"], "somebody");
        }
        count += 1;
        script(count, request)
    })
    .expect("a server")
}

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../corpus/cases")
        .join(name)
}

/// Repairs the case with nothing but the model's answers.
fn repair(s: &Sandbox, name: &str, server: &ScriptedServer, more: &[&str]) -> Ran {
    let (report, tree) = (case(name).join("report.txt"), case(name).join("tree"));
    let url = server.url();
    let mut command = s.command(&["repair", "--no-templates", "--candidates", "1", "--model", &url]);
    command
        .arg("--report")
        .arg(report)
        .arg("--tree")
        .arg(tree)
        .args(["-o", "out.patch", "--log", "log.jsonl"])
        .args(more)
        .env("VERIFY_FIX_API_KEY", KEY);
    Ran::from(command.output().expect("the command runs"))
}

/// `thermal_trip_set` of the corpus with this check, as a model would write it.
fn answer(check: &str) -> String {
    format!(
        "The check lets one index too many through.\n```c\nint thermal_trip_set(struct thermal_zone *zone, unsigned \
         int trip, int temperature)\n{{\n\tif ({check})\n\t\treturn -EINVAL;\n\tif (temperature < 0 || temperature > \
         THERMAL_MAX_TEMP)\n\t\treturn -ERANGE;\n\n\tzone->trips[trip].temperature = temperature;\n\tif \
         (zone->temperature < temperature)\n\t\tzone->active_trips &= ~(1U << trip);\n\telse\n\t\tzone->active_trips \
         |= 1U << trip;\n\treturn 0;\n}}\n```\n"
    )
}

const RIGHT: &str = "trip >= ARRAY_SIZE(zone->trips)";

#[test]
fn a_right_answer_becomes_a_proven_patch() {
    let server = serve(|_, _| Reply::chat(&[&answer(RIGHT)]));
    let s = Sandbox::new(&[]);
    let ran = repair(&s, "thermal-trip-set", &server, &[]);
    ran.ends_with(0);
    let patch = std::fs::read_to_string(s.path("out.patch")).expect("a patch");
    assert!(
        patch.contains("+\tif (trip >= ARRAY_SIZE(zone->trips))"),
        "{patch}"
    );
    assert!(
        patch.contains("scripted-coder"),
        "the mail names the model: {patch}"
    );
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert!(
        asked[0].prompt().contains("thermal_trip_set"),
        "{}",
        asked[0].prompt()
    );
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    assert!(log.contains("model:scripted-coder"), "{log}");
    for text in [&log, &patch, &ran.stdout, &ran.stderr] {
        assert!(!text.contains(KEY), "{text}");
    }
    assert!(asked[0].headers.contains(KEY), "the server got it");
}

#[test]
fn a_wrong_answer_comes_back_with_its_counterexample() {
    // Ten elements too many, then right.
    let server = serve(|count, _| match count {
        1 => Reply::chat(&[&answer("trip >= 18")]),
        _ => Reply::chat(&[&answer(RIGHT)]),
    });
    let s = Sandbox::new(&[]);
    let ran = repair(&s, "thermal-trip-set", &server, &[]);
    ran.ends_with(0);
    let asked = server.asked();
    assert_eq!(asked.len(), 2, "{}", ran.stderr);
    let (first, second) = (asked[0].prompt(), asked[1].prompt());
    assert!(!first.contains("trip >= 18"), "{first}");
    let attempt = second.split_once("trip >= 18").expect("the attempt is told").1;
    // In a block of its own: what it quotes cannot speak for the program.
    let why = attempt.split_once("why it failed:\n").expect("the reason").1;
    let why = why.lines().nth(1).expect("a line in the block");
    assert!(
        why.contains("index-upper-bound") && why.contains("is refuted"),
        "{why}"
    );
    // The value that the counterexample has for the index, between the wrong bound and the right one.
    let value = why
        .split(['(', ',', ')'])
        .find_map(|part| part.trim().strip_prefix("trip = "))
        .and_then(|v| v.trim().parse::<u32>().ok());
    assert!(value.is_some_and(|v| (8..18).contains(&v)), "{why}");
}

#[test]
fn wrong_and_broken_answers_prove_nothing() {
    let server = serve(|count, _| match count {
        1 => Reply::chat(&["I cannot help with that."]),
        2 => Reply::error(503, "overloaded"),
        3 => Reply::chat(&[&answer("trip > 1000")]),
        _ => Reply::chat(&["```c\nint other(void) { return 0; }\n```"]),
    });
    let s = Sandbox::new(&[]);
    let ran = repair(&s, "thermal-trip-set", &server, &["--rounds", "3"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("no proven repair"), "{}", ran.stdout);
    assert!(!s.path("out.patch").exists());
    assert_eq!(server.asked().len(), 4, "one of them twice");
}

#[test]
fn a_server_that_refuses_is_an_error_and_no_verdict() {
    let server = serve(|_, _| Reply::error(401, &format!("bad key {KEY}")));
    let s = Sandbox::new(&[]);
    let ran = repair(&s, "thermal-trip-set", &server, &["--format", "json"]);
    ran.is_bad_input(&["refuses access", "401", "check the key"]);
    assert!(!ran.stderr.contains(KEY), "{}", ran.stderr);
    assert!(!s.path("out.patch").exists());
}

#[test]
fn the_time_of_the_run_bounds_the_server() {
    let server = serve(|_, _| Reply::After(std::time::Duration::from_secs(60), Box::new(Reply::Close)));
    let s = Sandbox::new(&[]);
    let began = std::time::Instant::now();
    let ran = repair(&s, "thermal-trip-set", &server, &["--timeout", "12"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("time"), "{}", ran.stdout);
    assert!(began.elapsed() < std::time::Duration::from_secs(50));
}

#[test]
fn templates_come_before_the_server() {
    let server = serve(|_, _| Reply::chat(&["no"]));
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let url = server.url();
    s.run(&["repair", "t.c", "--model", &url, "-o", "out.patch"])
        .ends_with(0);
    assert!(server.asked().is_empty());
}

/// An answer that is wrong in its own way each time.
fn wrong(count: usize) -> String {
    format!(
        "Add {count}.\n```c\nint f(void) {{\n    int n = next() + {count};\n    return *(int *)(unsigned long)(unsigned)n;\n}}\n```\n"
    )
}

const STUBBORN: &str = "extern int next(void);\nint f(void) {\n    int n = next();\n    return *(int *)(unsigned long)(unsigned)n;\n}\n";

#[test]
fn many_rounds_of_wrong_answers_are_all_in_the_log() {
    let server = serve(|count, _| Reply::chat(&[&wrong(count)]));
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    let url = server.url();
    let args = [
        "repair",
        "t.c",
        "--no-templates",
        "--candidates",
        "1",
        "--rounds",
        "25",
        "--log",
        "log.jsonl",
    ];
    s.run(&[&args[..], &["--model", &url]].concat()).ends_with(1);
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    let count = |what: &str| log.lines().filter(|l| l.contains(what)).count();
    assert_eq!(count("\"event\":\"answer\""), 25);
    assert_eq!(count("\"kind\":\"still-fails\""), 25, "none is taken for another");
    assert_eq!(server.asked().len(), 25);
}

#[test]
fn a_server_that_dies_leaves_the_run_to_the_templates() {
    let serve_two = || {
        serve(|count, _| match count {
            1 | 2 => Reply::chat(&[&wrong(count)]),
            _ => Reply::error(400, "no more"),
        })
    };
    let server = serve_two();
    let s = Sandbox::new(&[("t.c", STUBBORN)]);
    let url = server.url();
    let args = [
        "repair",
        "t.c",
        "--model",
        &url,
        "--candidates",
        "1",
        "--log",
        "log.jsonl",
    ];
    let ran = s.run(&args);
    ran.ends_with(1);
    assert!(ran.stderr.contains("goes on without it"), "{}", ran.stderr);
    let server = serve_two();
    let url = server.url();
    let args = [
        "repair",
        "t.c",
        "--no-templates",
        "--model",
        &url,
        "--candidates",
        "1",
        "--log",
        "log.jsonl",
    ];
    s.run(&args).is_bad_input(&["no more"]);
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    let last = log.lines().last().unwrap_or("");
    assert!(
        last.contains("\"event\":\"end\"") && last.contains("no more"),
        "{last}"
    );
}

#[test]
fn a_deterministic_run_is_repeated_to_the_bit() {
    let server = serve(|count, _| match count {
        1 => Reply::chat(&[&answer("trip > ARRAY_SIZE(zone->trips)")]),
        2 => Reply::chat(&["I would rather not."]),
        _ => Reply::chat(&[&answer(RIGHT)]),
    });
    let s = Sandbox::new(&[]);
    let ran = repair(
        &s,
        "thermal-trip-set",
        &server,
        &["--deterministic", "--log-prompts", "--token-budget", "100000"],
    );
    ran.ends_with(0);
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    assert!(
        log.contains("\"event\":\"prompt\"") && log.contains("\"text\":"),
        "{log}"
    );
    drop(server);
    let again = s.run(&["replay-run", "log.jsonl", "--write", "again.jsonl"]);
    again.ends_with(0);
    assert!(again.stdout.contains("to the bit"), "{}", again.stdout);
    let written = std::fs::read_to_string(s.path("again.jsonl")).expect("a log");
    assert_eq!(common::without_times(&written), common::without_times(&log));
    let refused = s.run(&["repair", "t.c", "--deterministic", "--timeout", "5"]);
    refused.ends_with(2);
}

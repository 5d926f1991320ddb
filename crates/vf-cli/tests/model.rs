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
    assert_eq!(
        std::fs::read_to_string(s.path("log.jsonl")).expect("a log"),
        log,
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

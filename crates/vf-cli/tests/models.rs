//! `models info` on folders that the tests write.

#![cfg(feature = "model")]

mod common;

use common::Sandbox;
use serde_json::Value;
use vf_model::config::Family;
use vf_model::testing::{LAYERS, TinyModel, VOCABULARY};

fn with_model(model: &TinyModel) -> Sandbox {
    let s = Sandbox::new(&[]);
    std::fs::create_dir(s.path("tiny")).expect("a folder");
    model.write(&s.path("tiny")).expect("a model");
    s
}

fn info(s: &Sandbox, more: &[&str]) -> Value {
    let mut args = vec!["models", "info", "tiny", "--format", "json"];
    args.extend(more);
    let ran = s.run(&args);
    ran.ends_with(0);
    serde_json::from_str(&ran.stdout).expect("JSON")
}

#[test]
fn a_model_that_fits() {
    let model = TinyModel::new(Family::Qwen2, 1);
    let parameters: usize = model.tensors().values().map(|(_, values)| values.len()).sum();
    let s = with_model(&model);
    let found = info(&s, &[]);
    assert_eq!(found["schema"], "verify-fix/1");
    assert_eq!(found["family"], "qwen2");
    assert_eq!(found["parameters"], parameters);
    assert_eq!(found["layers"], LAYERS);
    assert_eq!(found["vocabulary"], VOCABULARY);
    assert_eq!(found["longest_context"], 256);
    assert_eq!(found["stored"][0]["dtype"], "F32");
    let run = &found["run"];
    assert_eq!(run["dtype"], if cfg!(feature = "cuda") { "BF16" } else { "F32" });
    assert_eq!(run["context"], 256);
    let sum: u64 = ["weights", "cache", "working"]
        .iter()
        .filter_map(|f| run[f].as_u64())
        .sum();
    assert_eq!(run["memory"], sum);
    assert_eq!(run["fits"], true);
    assert!(run["available"].as_u64() > Some(sum));
    let text = s.run(&["models", "info", "tiny"]);
    text.ends_with(0);
    for says in ["qwen2", &parameters.to_string(), "256 tokens", "yes: "] {
        assert!(text.stdout.contains(says), "{says}: {}", text.stdout);
    }
}

#[test]
fn the_context_and_the_element_type_are_those_asked_for() {
    let s = with_model(&TinyModel {
        max_positions: 4096,
        ..TinyModel::new(Family::Llama, 1)
    });
    let cache = |more: &[&str]| info(&s, more)["run"]["cache"].as_u64().expect("a number");
    assert_eq!(
        cache(&["--dtype", "f32"]),
        2 * cache(&["--dtype", "bf16", "--context", "2048"]),
        "on the CPU it is F32"
    );
    let short = info(&s, &["--context", "100", "--dtype", "f16"]);
    assert_eq!(short["run"]["context"], 100);
    assert_eq!(short["run"]["dtype"], "F16");
    assert_eq!(
        info(&s, &["--context", "100000"])["run"]["context"],
        4096,
        "its own limit"
    );
}

#[test]
fn a_model_that_does_not_fit_says_so() {
    // The positions cost nothing on disk: 2^31 of them would need terabytes.
    let s = with_model(&TinyModel {
        max_positions: (1 << 31) - 1,
        ..TinyModel::new(Family::Llama, 1)
    });
    let found = info(&s, &["--context", "4294967295"]);
    assert_eq!(found["run"]["fits"], false);
    let text = s.run(&["models", "info", "tiny", "--context", "4294967295"]);
    text.ends_with(0);
    assert!(text.stdout.contains("no: "), "{}", text.stdout);
}

#[test]
fn broken_folders_are_bad_input() {
    let s = with_model(&TinyModel::new(Family::Llama, 1));
    let run = |says: &[&str]| s.run(&["models", "info", "tiny"]).is_bad_input(says);
    s.run(&["models", "info", "gone"])
        .is_bad_input(&["gone", "does not exist"]);
    s.run(&["models", "info", "tiny/config.json"])
        .is_bad_input(&["not a folder"]);
    s.run(&["models"]).ends_with(2);
    s.run(&["models", "info", "tiny", "--context", "0"]).ends_with(2);
    let config = std::fs::read_to_string(s.path("tiny/config.json")).expect("a config");
    s.write(
        "tiny/config.json",
        config.replace("\"llama\"", "\"mamba\"").as_bytes(),
    );
    run(&["mamba", "not supported"]);
    s.write("tiny/config.json", b"{");
    run(&["config.json", "not valid JSON"]);
    s.write("tiny/config.json", config.as_bytes());
    s.write("tiny/model.safetensors", b"\0\0\0");
    run(&["model.safetensors", "truncated"]);
    std::fs::remove_file(s.path("tiny/model.safetensors")).expect("removed");
    run(&["no weights"]);
    std::fs::remove_file(s.path("tiny/tokenizer.json")).expect("removed");
    run(&["tokenizer.json"]);
}

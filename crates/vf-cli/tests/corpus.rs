//! `verify-fix corpus` as a user calls it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn corpus(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify-fix"));
    command
        .arg("corpus")
        .args(arguments)
        .output()
        .expect("verify-fix runs")
}

fn place(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).expect("a folder");
    path
}

#[test]
fn pairs_are_made_and_checked() {
    let place = place("corpus-make");
    let file = place.join("pairs.jsonl");
    let file = file.to_str().expect("a path of text");
    let made = corpus(&[
        "make", "--count", "1", "--jobs", "1", "--format", "json", "-o", file,
    ]);
    assert_eq!(
        made.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
    assert_eq!(summary["tally"]["pairs"], 1);
    let checked = corpus(&["check", file]);
    assert_eq!(checked.status.code(), Some(0));
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("1 proved and refuted again, 0 wrong"), "{said}");
    let words = place.join("words.jsonl");
    let exported = corpus(&["export", file, "-o", words.to_str().expect("a path of text")]);
    assert_eq!(exported.status.code(), Some(0));
    let text = std::fs::read_to_string(&words).expect("a file");
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let [vocabulary, pair] = lines.as_slice() else {
        panic!("{text}");
    };
    let words = vocabulary["vocabulary"]["words"].as_array().expect("words").len() as u64;
    for part in ["prompt", "answer"] {
        let numbers = pair[part].as_array().expect("numbers");
        assert!(!numbers.is_empty() && numbers.iter().all(|n| n.as_u64() < Some(words)));
    }
}

#[test]
fn bad_input_is_refused_and_nothing_is_left() {
    let place = place("corpus-bad");
    let path = |name: &str| place.join(name).to_str().expect("a path of text").to_owned();
    std::fs::write(place.join("bad.jsonl"), "{}\n").expect("written");
    let cases: [&[&str]; 8] = [
        &["export", &path("bad.jsonl"), "-o", &path("x.jsonl")],
        &["make", "--count", "0", "-o", &path("x.jsonl")],
        &["make"],
        &["make", "-o", &path("no/such/folder.jsonl")],
        &["make", "-o", &path("x.jsonl"), "--compiler", "/no/such/cc"],
        &["check", &path("missing.jsonl")],
        &["check", &path("bad.jsonl")],
        &["import", &path(""), "--licence", "MIT", "-o", &path("x.jsonl")],
    ];
    for case in cases {
        let output = corpus(case);
        assert_eq!(output.status.code(), Some(2), "{case:?}");
        assert!(!output.stderr.is_empty());
    }
    let left: Vec<_> = std::fs::read_dir(&place).expect("a folder").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

//! Documents that say what the code says must keep saying it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use vf_ir::Property;
use vf_repair::PatchReport;
use vf_verify::report::CheckReport;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn document(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The text of the fenced blocks that begin with this line.
fn fenced(text: &str, opening: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line == opening) {
        blocks.push(
            lines
                .by_ref()
                .take_while(|line| *line != "```")
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    blocks
}

#[test]
fn the_glossary_lists_every_property_with_its_cwe() {
    let rows: Vec<(String, String)> = document("docs/glossary.md")
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            let [_, name, _, cwe, _] = cells.as_slice() else {
                return None;
            };
            cwe.starts_with("CWE-")
                .then(|| (name.trim_matches('`').to_owned(), (*cwe).to_owned()))
        })
        .collect();
    let properties: Vec<(String, String)> = Property::ALL
        .iter()
        .map(|p| (p.name().to_owned(), p.cwe().to_owned()))
        .collect();
    assert_eq!(rows, properties);
}

/// Reads an example as the type that the program prints, prints it again, and wants the same back: a field
/// that is missing, renamed or new makes a difference.
fn round_trip<T: DeserializeOwned + Serialize>(kind: &str) {
    let blocks = fenced(&document("docs/schema.md"), &format!("```json {kind}"));
    assert!(!blocks.is_empty(), "docs/schema.md has no example of {kind}");
    for block in blocks {
        let example: Value = serde_json::from_str(&block).unwrap_or_else(|e| panic!("{kind}: {e}"));
        let report: T = serde_json::from_value(example.clone()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(
            serde_json::to_value(&report).expect("reports are JSON"),
            example,
            "{kind}"
        );
    }
}

#[test]
fn the_examples_of_the_schema_are_what_the_program_prints() {
    round_trip::<CheckReport>("check");
    round_trip::<PatchReport>("patch");
}

/// The program's own output for the case of the demo has the fields of the example, no more and no less.
#[test]
fn the_example_of_a_repair_has_the_fields_that_the_program_prints() {
    let case = repository().join("corpus/cases/cxl-range-id");
    let output = Command::new(env!("CARGO_BIN_EXE_verify-fix"))
        .env("VERIFY_FIX_CACHE", "off")
        .args(["repair", "--format", "json", "--report"])
        .arg(case.join("report.txt"))
        .arg("--tree")
        .arg(case.join("tree"))
        .output()
        .expect("the program runs");
    let printed: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
    let blocks = fenced(&document("docs/schema.md"), "```json repair");
    let example: Value = serde_json::from_str(&blocks[0]).expect("the example is JSON");
    let fields =
        |value: &Value| -> Vec<String> { value.as_object().expect("an object").keys().cloned().collect() };
    assert_eq!(fields(&printed), fields(&example));
}

/// The README's example is run, and says what the README says, except for the time, and for the sanitizers,
/// which not every machine can run.
#[test]
fn the_readme_shows_what_the_program_prints() {
    let readme = document("README.md");
    let folder = tempfile::tempdir().expect("a scratch folder");
    std::fs::write(
        folder.path().join("table.c"),
        fenced(&readme, "```c")[0].clone() + "\n",
    )
    .expect("writable");
    let run = |command: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_verify-fix"))
            .env("VERIFY_FIX_CACHE", "off")
            .args([command, "table.c"])
            .current_dir(folder.path())
            .output()
            .expect("the program runs");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("it prints text"),
        )
    };
    let repeatable = |text: &str| -> Vec<String> {
        let varies = |line: &str| line.starts_with("time:") || line.contains("compiled with sanitizers");
        text.lines()
            .filter(|line| !varies(line))
            .map(str::to_owned)
            .collect()
    };
    let (code, printed) = run("check");
    assert_eq!(code, Some(1));
    assert_eq!(repeatable(&printed), repeatable(&fenced(&readme, "```text")[0]));

    // Of the patch, the changed lines: what stands around them is the diff printer's business.
    let changes = |text: &str| -> Vec<String> {
        let changed =
            |line: &str| line.starts_with(['+', '-']) && !line.starts_with("+++") && !line.starts_with("---");
        text.lines()
            .filter(|line| changed(line))
            .map(str::to_owned)
            .collect()
    };
    let (code, printed) = run("repair");
    assert_eq!(code, Some(0));
    assert_eq!(changes(&printed), changes(&fenced(&readme, "```diff")[0]));
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    let mut looked_at = 0;
    let mut files = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned()];
    for folder in ["docs", "docs/decisions", "corpus", "smt/contracts"] {
        for entry in std::fs::read_dir(repository().join(folder)).expect("the folder is there") {
            let name = entry
                .expect("readable")
                .file_name()
                .to_string_lossy()
                .into_owned();
            if name.ends_with(".md") {
                files.push(format!("{folder}/{name}"));
            }
        }
    }
    for file in files {
        let text = document(&file);
        let folder = repository()
            .join(&file)
            .parent()
            .expect("a file is in a folder")
            .to_path_buf();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            looked_at += 1;
            assert!(
                folder.join(target).exists(),
                "{file}: the link to {target} leads nowhere"
            );
        }
    }
    assert!(looked_at > 5, "only {looked_at} links were found");
}

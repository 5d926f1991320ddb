//! Keeps the layers of `docs/architecture.md`: who may depend on whom, which outside library has which single
//! owner, and that only the programs print or exit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Allowed edges between the packages of the workspace. An edge that is not here is a decision to be taken
/// (and written down in `docs/decisions`), not a line to be added in passing.
const LAYERS: [(&str, &[&str]); 15] = [
    ("vf-source", &[]),
    ("vf-cache", &[]),
    ("vf-ir", &["vf-source"]),
    ("vf-frontend", &["vf-source", "vf-ir"]),
    ("vf-absint", &["vf-source", "vf-ir"]),
    ("vf-smt", &[]),
    (
        "vf-verify",
        &["vf-source", "vf-cache", "vf-ir", "vf-absint", "vf-smt"],
    ),
    ("vf-replay", &["vf-source", "vf-ir", "vf-verify"]),
    (
        "vf-repair",
        &[
            "vf-source",
            "vf-cache",
            "vf-ir",
            "vf-frontend",
            // What is known at each line, for prompts.
            "vf-absint",
            "vf-verify",
            "vf-replay",
        ],
    ),
    ("vf-model", &[]),
    // Between both: what a model may write next, by what is known of the function.
    (
        "vf-guide",
        &[
            "vf-source",
            "vf-ir",
            "vf-frontend",
            "vf-verify",
            "vf-repair",
            "vf-model",
        ],
    ),
    // Looks at the prover from outside; nothing depends on it.
    (
        "vf-lab",
        &["vf-source", "vf-ir", "vf-frontend", "vf-verify", "vf-replay"],
    ),
    // Makes pairs with the same judgement as `patch`; knows no models.
    (
        "vf-corpus",
        &["vf-source", "vf-ir", "vf-frontend", "vf-verify", "vf-repair"],
    ),
    (
        "vf-cli",
        &[
            "vf-source",
            "vf-cache",
            "vf-ir",
            "vf-frontend",
            "vf-absint",
            "vf-smt",
            "vf-verify",
            "vf-replay",
            "vf-repair",
            "vf-model",
            "vf-guide",
            "vf-corpus",
        ],
    ),
    ("xtask", &[]),
];

/// Edges that only tests may have on top of [`LAYERS`]: the engine's tests start from C, those of guides from known fixes.
const TEST_LAYERS: [(&str, &[&str]); 3] = [
    ("vf-verify", &["vf-frontend"]),
    ("vf-replay", &["vf-frontend"]),
    ("vf-guide", &["vf-corpus"]),
];

/// Outside libraries, by the start of their name, and the one package that may name them.
const OWNERS: [(&str, &str); 9] = [
    ("lang-c", "vf-frontend"),
    ("z3", "vf-smt"),
    ("candle", "vf-model"),
    ("tokenizers", "vf-model"),
    ("safetensors", "vf-model"),
    ("ureq", "vf-model"),
    ("llguidance", "vf-guide"),
    ("clap", "vf-cli"),
    ("landlock", "vf-replay"),
];

/// Packages that are programs: they print, read flags and choose the exit code.
const PROGRAMS: [&str; 2] = ["vf-cli", "xtask"];

struct Package {
    name: String,
    directory: PathBuf,
    /// Name and whether only tests use it.
    dependencies: Vec<(String, bool)>,
}

#[test]
fn internal_edges_follow_the_layers() {
    let packages = packages();
    let members: BTreeSet<&str> = packages.iter().map(|p| p.name.as_str()).collect();
    let layers = BTreeMap::from(LAYERS);
    let listed: BTreeSet<&str> = layers.keys().copied().collect();
    assert_eq!(
        members, listed,
        "every package of the workspace has its line in LAYERS"
    );

    let test_layers = BTreeMap::from(TEST_LAYERS);
    for package in &packages {
        let allowed = layers[package.name.as_str()];
        let in_tests = test_layers.get(package.name.as_str()).copied().unwrap_or(&[]);
        for (dependency, only_tests) in &package.dependencies {
            let dependency = dependency.as_str();
            if !members.contains(dependency) || allowed.contains(&dependency) {
                continue;
            }
            // A package's tests may use the package itself with other features.
            let excused = *only_tests && (in_tests.contains(&dependency) || dependency == package.name);
            assert!(excused, "{} must not depend on {dependency}", package.name);
        }
    }
}

#[test]
fn the_layers_have_no_cycle() {
    // Repeatedly take away what depends on nothing that is left; a cycle would stay.
    let mut left = BTreeMap::from(LAYERS);
    while let Some(free) = left
        .iter()
        .find(|(_, d)| !d.iter().any(|d| left.contains_key(d)))
        .map(|(n, _)| *n)
    {
        left.remove(free);
    }
    assert!(left.is_empty(), "a cycle among {:?}", left.keys());
}

#[test]
fn outside_libraries_have_one_owner() {
    for package in packages() {
        for (dependency, _) in &package.dependencies {
            for (library, owner) in OWNERS {
                let named = dependency == library || dependency.starts_with(&format!("{library}-"));
                assert!(
                    !named || package.name == owner,
                    "{} names {dependency}: only {owner} may",
                    package.name
                );
            }
        }
    }
}

#[test]
fn xtask_builds_with_nothing_installed() {
    let packages = packages();
    let xtask = packages
        .iter()
        .find(|p| p.name == "xtask")
        .expect("xtask is a member");
    assert!(xtask.dependencies.is_empty(), "xtask has dependencies");
}

#[test]
fn libraries_neither_print_nor_exit() {
    let mut looked_at = 0;
    let mut offences = Vec::new();
    for package in packages().iter().filter(|p| !PROGRAMS.contains(&p.name.as_str())) {
        for file in rust_files(&package.directory.join("src")) {
            let text = std::fs::read_to_string(&file).expect("source files are readable UTF-8");
            looked_at += 1;
            for (index, line) in text.lines().enumerate() {
                if let Some(what) = forbidden(line) {
                    offences.push(format!("{}:{}: {what}", file.display(), index + 1));
                }
            }
        }
    }
    assert!(looked_at >= 9, "only {looked_at} files were looked at");
    assert!(
        offences.is_empty(),
        "libraries return data; only programs print or exit:\n{}",
        offences.join("\n")
    );
}

#[test]
fn the_search_finds_what_it_looks_for() {
    assert_eq!(forbidden("    println!(\"x\");"), Some("println!"));
    assert_eq!(forbidden("std::process::exit(1)"), Some("process::exit"));
    assert_eq!(forbidden("// println! is for programs"), None);
    assert_eq!(forbidden("my_println!()"), None);
    assert_eq!(forbidden("let text = format!(\"x\");"), None);
}

/// The forbidden word in a line of code, if any; comments do not count.
fn forbidden(line: &str) -> Option<&'static str> {
    let code = line.trim_start();
    if code.starts_with("//") {
        return None;
    }
    [
        "println!",
        "eprintln!",
        "print!",
        "eprint!",
        "dbg!",
        "process::exit",
        "process::abort",
    ]
    .into_iter()
    .find(|word| {
        code.match_indices(word).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
        })
    })
}

/// Rust files under a folder, except modules of unit tests.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the folder is readable") {
            let path = entry.expect("the folder is readable").path();
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "tests" {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs")
                && name != "tests"
                && !name.ends_with("_tests")
            {
                files.push(path);
            }
        }
    }
    files
}

fn packages() -> Vec<Package> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |v: &Value, key: &str| v[key].as_str().expect("a text field").to_owned();
    metadata["packages"]
        .as_array()
        .expect("a list of packages")
        .iter()
        .map(|package| Package {
            name: text(package, "name"),
            directory: Path::new(&text(package, "manifest_path"))
                .parent()
                .expect("a folder")
                .to_path_buf(),
            dependencies: package["dependencies"]
                .as_array()
                .expect("a list of dependencies")
                .iter()
                .map(|d| (text(d, "name"), d["kind"].as_str() == Some("dev")))
                .collect(),
        })
        .collect()
}

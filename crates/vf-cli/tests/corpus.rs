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
fn drafts_are_words_of_the_training_split() {
    let place = place("corpus-drafts");
    let make = |name: &str, jobs: &str| {
        let file = place.join(name);
        let path = file.to_str().expect("a path of text");
        let made = corpus(&["make", "--drafts", "--count", "4", "--jobs", jobs, "-o", path]);
        assert_eq!(made.status.code(), Some(0));
        std::fs::read_to_string(&file).expect("a file")
    };
    let text = make("one.jsonl", "1");
    assert_eq!(text, make("two.jsonl", "2"));
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(lines.len(), 5);
    assert!(lines[0]["vocabulary"]["words"].is_array());
    for draft in &lines[1..] {
        assert_eq!(draft["split"], "train");
        // The obligation that an execution violates comes first, behind its mark.
        assert_eq!(draft["prompt"][0], 1);
        assert!(draft["answer"].as_array().is_some_and(|a| a.len() > 4));
    }
}

#[test]
fn pairs_are_repaired_and_counted() {
    let place = place("corpus-repair");
    let path = |name: &str| place.join(name).to_str().expect("a path of text").to_owned();
    let put = |name: &str, text: &str| std::fs::write(place.join(name), text).expect("written");
    let before = "struct dev { int gain[8]; };\n\nint get(const struct dev *d, unsigned int i)\n{\n\
                  \tif (i > 8)\n\t\treturn -22;\n\treturn d->gain[i];\n}\n";
    put("gain.before.c", before);
    put("gain.after.c", &before.replace("i > 8", "i >= 8"));
    let pairs = path("pairs.jsonl");
    let folder = place.to_str().expect("a path of text");
    let imported = corpus(&["import", folder, "--licence", "MIT", "-o", &pairs]);
    assert_eq!(imported.status.code(), Some(0));

    let (results, words) = (path("results.jsonl"), path("words.jsonl"));
    let said = corpus(&[
        "repair",
        &pairs,
        "--format",
        "json",
        "-o",
        &results,
        "--words",
        &words,
        "--",
        "--proposers",
        "solver",
        "--deterministic",
    ]);
    assert_eq!(
        said.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!((&summary["pairs"], &summary["repaired"]), (&1.into(), &1.into()));
    let result = std::fs::read_to_string(&results).expect("a file");
    let result: serde_json::Value = serde_json::from_str(&result).expect("one line");
    assert!(
        result["patch"].as_str().is_some_and(|p| p.contains("+\tif (i")),
        "{result}"
    );
    // Nothing of a model: nothing to learn.
    assert_eq!(
        std::fs::read_to_string(&words).expect("a file").lines().count(),
        1
    );

    // The model in the program: whatever it answers, the run ends, and the same way twice. Its attempts teach the known fix.
    let embedded = || {
        let said = corpus(&[
            "repair",
            &pairs,
            "--words",
            &words,
            "-o",
            &results,
            "--",
            "--model",
            "embedded",
            "--proposers",
            "model",
            "--rounds",
            "2",
            "--deterministic",
        ]);
        assert!(
            matches!(said.status.code(), Some(0 | 1)),
            "{}",
            String::from_utf8_lossy(&said.stderr)
        );
        let text = std::fs::read_to_string(&results).expect("a file");
        let mut result: serde_json::Value = serde_json::from_str(&text).expect("one line");
        assert!(result["answers"].as_u64() > Some(0), "{result}");
        result["milliseconds"] = 0.into();
        let learned = std::fs::read_to_string(&words).expect("a file");
        assert!(learned.lines().count() > 1, "{result}");
        (result, learned)
    };
    assert_eq!(embedded(), embedded());

    for wrong in [
        ["--", "--no-such-option"],
        ["--", "--report=elsewhere"],
        ["--", "--output=x"],
    ] {
        let refused = corpus(&[&["repair", &pairs][..], &wrong].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("verify-fix repair"));
    }
}

fn git(folder: &Path, arguments: &[&str]) {
    let identity = [
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
    ];
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(identity)
        .args(arguments)
        .output()
        .expect("git runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn fixes_are_found_in_a_history() {
    let place = place("corpus-mine");
    let repository = place.join("repo");
    std::fs::create_dir_all(repository.join("include")).expect("a folder");
    let put = |name: &str, text: &str| std::fs::write(repository.join(name), text).expect("written");
    let commit = |message: &str| {
        git(&repository, &["add", "-A"]);
        git(&repository, &["commit", "-q", "-m", message]);
    };
    let file = "#include \"dev.h\"\n\nint get(const struct dev *d, unsigned int i)\n{\n\
                \tif (i > CHANNELS)\n\t\treturn -22;\n\treturn d->gain[i];\n}\n\n\
                int id(const struct dev *d)\n{\n\treturn d->id;\n}\n";
    git(&place, &["init", "-q", "repo"]);
    put(
        "include/dev.h",
        "#define CHANNELS 8\nstruct dev { int gain[CHANNELS]; int id; };\nstruct other { int x; };\n",
    );
    put("dev.c", file);
    commit("first");
    put("dev.c", &file.replace("d->id;", "d->id + 0;"));
    commit("no fix of anything");
    put("dev.c", &file.replace("i > CHANNELS", "i >= CHANNELS"));
    commit("dev: an index of 8 is too large");
    let path = |name: &str| place.join(name).to_str().expect("a path of text").to_owned();
    let pairs = path("mined.jsonl");
    let mine = |revisions: &str| {
        corpus(&[
            "mine",
            &path("repo"),
            "--revisions",
            revisions,
            "--licence",
            "MIT",
            "--name",
            "example",
            "--format",
            "json",
            "-o",
            &pairs,
            "--",
            "-Iinclude",
        ])
    };
    let said = mine("HEAD");
    assert_eq!(
        said.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let summary: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert_eq!(
        (&summary["commits"], &summary["records"]),
        (&2.into(), &1.into()),
        "{summary}"
    );
    let record = std::fs::read_to_string(&pairs).expect("a file");
    let record: serde_json::Value = serde_json::from_str(&record).expect("one record");
    assert_eq!(record["origin"]["kind"], "mined");
    assert_eq!(record["origin"]["repository"], "example");
    assert_eq!(record["function"], "get");
    let before = record["before"].as_str().expect("a text");
    assert!(
        before.contains("struct dev") && !before.contains("struct other") && !before.contains('#'),
        "{before}"
    );
    let checked = corpus(&["check", &pairs]);
    assert_eq!(
        checked.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&checked.stdout)
    );

    for (revisions, code) in [("HEAD~1", 1), ("no-such-branch", 2), ("--output=x", 2)] {
        std::fs::remove_file(&pairs).unwrap_or_default();
        assert_eq!(mine(revisions).status.code(), Some(code), "{revisions}");
        assert!(
            !Path::new(&pairs).exists(),
            "nothing was found, nothing is written"
        );
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

//! Bad input of every kind: a clear error that names the file, the line where there is one and what to do,
//! exit code 2, nothing half-written.

mod common;

use common::{Ran, SAFE, Sandbox, UNSAFE, names};

#[test]
fn a_missing_file() {
    Sandbox::new(&[])
        .run(&["check", "gone.c"])
        .is_bad_input(&["gone.c", "no such file"]);
}

#[test]
fn a_directory() {
    let s = Sandbox::new(&[("d.c/x", "")]);
    s.run(&["check", "d.c"]).is_bad_input(&["d.c", "directory"]);
}

#[test]
fn an_empty_file() {
    Sandbox::new(&[("empty.c", "")])
        .run(&["check", "empty.c"])
        .is_bad_input(&["empty.c", "empty"]);
}

#[test]
fn a_binary_file() {
    let s = Sandbox::new(&[]);
    s.write("a.c", b"\x7fELF\x02\x01\x01\0\0\0\0\0int f(void) { return 0; }\n");
    s.run(&["check", "a.c"]).is_bad_input(&["a.c:1", "binary"]);
}

#[test]
fn text_that_is_not_c() {
    let s = Sandbox::new(&[(
        "letter.c",
        "Dear reader,\n\nthis is not a program. It is a letter.\n",
    )]);
    s.run(&["check", "letter.c"]).is_bad_input(&["letter.c", "not C"]);
}

#[test]
fn a_header_that_is_missing() {
    let s = Sandbox::new(&[("a.c", "#include \"gone.h\"\nint f(void) { return 0; }\n")]);
    s.run(&["check", "a.c"]).is_bad_input(&["a.c:1", "gone.h", "-I"]);
}

#[test]
fn an_unknown_function() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    s.run(&["check", "a.c", "-f", "lookpu"])
        .is_bad_input(&["a.c", "lookpu", "lookup"]);
    s.run(&["check", "a.c", "-f", "main"])
        .is_bad_input(&["a.c", "main"]);
}

#[test]
fn an_unknown_property() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    s.run(&["check", "a.c", "--property", "overflow"])
        .is_bad_input(&["overflow", "signed-overflow"]);
}

#[test]
fn main_where_there_is_none() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    s.run(&["check", "a.c", "--entry", "main"])
        .is_bad_input(&["a.c", "main"]);
}

#[test]
fn a_compiler_that_is_missing() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    s.run(&["check", "a.c", "--compiler", "no-such-cc"])
        .is_bad_input(&["no-such-cc", "install"]);
}

#[test]
fn usage() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    for args in [
        vec![],
        vec!["check"],
        vec!["check", "a.c", "--format", "xml"],
        vec!["check", "a.c", "--timeout", "-1"],
        vec!["frobnicate"],
        vec!["repair"],
        vec!["patch"],
    ] {
        let ran = s.run(&args);
        ran.ends_with(2);
        assert_eq!(ran.stdout, "");
        assert!(
            ran.stderr.contains("--help") || ran.stderr.contains("Usage"),
            "{}",
            ran.stderr
        );
    }
    s.run(&["--help"]).ends_with(0);
    s.run(&["--version"]).ends_with(0);
}

#[test]
fn commands_of_later_versions_say_so() {
    let s = Sandbox::new(&[]);
    for command in ["scan", "train", "experiment", "recheck"] {
        s.run(&[command, "--anything", "else"])
            .is_bad_input(&[command, "not in this version yet"]);
    }
    let help = s.run(&["--help"]).stdout;
    assert_eq!(help.matches("not in this version yet").count(), 4, "{help}");
}

#[test]
fn a_full_disk() {
    let s = Sandbox::new(&[("a.c", UNSAFE)]);
    for format in ["text", "json", "sarif"] {
        s.run(&[
            "check",
            "a.c",
            "--no-replay",
            "--format",
            format,
            "-o",
            "/dev/full",
        ])
        .is_bad_input(&["/dev/full", "No space left"]);
    }
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let ran = s
        .command(&["check", "a.c", "--no-replay"])
        .stdout(full)
        .status()
        .expect("it runs");
    assert_eq!(ran.code(), Some(2));
    assert_eq!(s.names(), ["a.c"]);
}

#[test]
fn a_folder_that_is_not_there_to_write_to() {
    let s = Sandbox::new(&[("a.c", SAFE)]);
    s.run(&["check", "a.c", "-o", "gone/out.json"])
        .is_bad_input(&["gone/out.json"]);
    assert_eq!(s.names(), ["a.c"]);
}

#[test]
fn a_file_too_large_for_the_limit_leaves_the_old_one() {
    // The nearest to a disk that fills up half-way that needs no rights: a limit on the size of files.
    let s = Sandbox::new(&[("a.c", UNSAFE), ("out.json", "old")]);
    use std::os::unix::process::CommandExt;
    let mut command = s.command(&[
        "check",
        "a.c",
        "--no-replay",
        "--format",
        "json",
        "-o",
        "out.json",
    ]);
    // SAFETY: setrlimit and signal are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit {
                rlim_cur: 512,
                rlim_max: 512,
            };
            libc::setrlimit(libc::RLIMIT_FSIZE, &raw const limit);
            libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
            Ok(())
        });
    }
    let ran = common::Ran::from(command.output().expect("it runs"));
    ran.is_bad_input(&["out.json"]);
    assert_eq!(
        std::fs::read_to_string(s.path("out.json")).expect("still there"),
        "old"
    );
    assert_eq!(s.names(), ["a.c", "out.json"]);
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let s = Sandbox::new(&[("a.c", UNSAFE)]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let status = s
        .command(&["check", "a.c", "--no-replay"])
        .stdout(writer)
        .output()
        .expect("it runs");
    assert_eq!(status.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&status.stderr), "");
}

const REPORT: &str =
    "CID: 1\nType: Buffer overflow\nFunction: lookup\nFile: a.c\nLine: 5\n\nIssue:\nIndex.\n";

fn repair(s: &Sandbox, report: &str, more: &[&str]) -> common::Ran {
    s.write("report.txt", report.as_bytes());
    let mut args = vec![
        "repair",
        "--report",
        "report.txt",
        "--tree",
        "tree",
        "-o",
        "out.patch",
    ];
    args.extend(more);
    s.run(&args)
}

fn tree() -> Sandbox {
    Sandbox::new(&[("tree/a.c", UNSAFE)])
}

#[test]
fn a_report_that_names_a_line_outside_the_file() {
    let s = tree();
    repair(&s, &REPORT.replace("Line: 5", "Line: 700"), &[]).is_bad_input(&["a.c:700", "6 lines"]);
    assert!(!s.path("out.patch").exists());
}

#[test]
fn a_report_that_names_a_file_or_function_that_is_not_there() {
    let s = tree();
    repair(&s, &REPORT.replace("a.c", "b.c"), &[]).is_bad_input(&["b.c", "tree"]);
    repair(&s, &REPORT.replace("a.c", "../tree/a.c"), &[]).is_bad_input(&["tree"]);
    repair(&s, &REPORT.replace("lookup", "lookdown"), &[]).is_bad_input(&["a.c", "lookdown"]);
}

#[test]
fn a_report_that_is_none() {
    let s = tree();
    repair(&s, "", &[]).is_bad_input(&["report.txt", "empty"]);
    repair(&s, "Function: lookup\n", &[]).is_bad_input(&["report.txt", "File"]);
    repair(&s, &REPORT.replace("Line: 5", "Line: five"), &[]).is_bad_input(&["report.txt:5", "five"]);
    s.run(&["repair", "--report", "gone.txt", "--tree", "tree"])
        .is_bad_input(&["gone.txt"]);
    s.write("report.sarif", b"{\"version\": \"2.1.0\", \"runs\": 7}");
    s.run(&["repair", "--report", "report.sarif", "--tree", "tree"])
        .is_bad_input(&["report.sarif"]);
    s.write("report.txt", REPORT.as_bytes());
    s.run(&["repair", "--report", "report.txt", "--tree", "gone"])
        .is_bad_input(&["gone"]);
}

#[test]
fn a_patch_that_does_not_apply() {
    let s = tree();
    let patch = "--- a/a.c\n+++ b/a.c\n@@ -3,1 +3,1 @@\n-    if (i < 0 || i > 9)\n+    if (i < 0 || i > 7)\n";
    s.write("fix.patch", patch.as_bytes());
    s.run(&["patch", "fix.patch", "--tree", "tree"])
        .is_bad_input(&["a.c", "does not apply", "3"]);
    s.write("fix.patch", b"just text\n");
    s.run(&["patch", "fix.patch", "--tree", "tree"])
        .is_bad_input(&["fix.patch"]);
    s.write("fix.patch", patch.replace("a.c", "b.c").as_bytes());
    s.run(&["patch", "fix.patch", "--tree", "tree"])
        .is_bad_input(&["b.c"]);
    s.run(&["patch", "gone.patch", "--tree", "tree"])
        .is_bad_input(&["gone.patch"]);
    s.run(&["patch", "--before", "gone.c", "--after", "tree/a.c"])
        .is_bad_input(&["gone.c"]);
    assert_eq!(
        std::fs::read_to_string(s.path("tree/a.c")).expect("still there"),
        UNSAFE
    );
}

#[cfg(feature = "model")]
#[test]
fn a_model_folder_without_its_parts() {
    let s = tree();
    let config = r#"{"model_type": "llama", "vocab_size": 32, "hidden_size": 16, "intermediate_size": 32,
        "num_hidden_layers": 1, "num_attention_heads": 2, "rms_norm_eps": 1e-5, "max_position_embeddings": 64}"#;
    let run = |model: &str, says: &[&str]| {
        repair(&s, REPORT, &["--model", model]).is_bad_input(says);
        assert!(!s.path("out.patch").exists());
    };
    run("gone", &["gone", "does not exist"]);
    std::fs::create_dir(s.path("model")).expect("a folder");
    run("model", &["config.json"]);
    s.write("model/config.json", config.as_bytes());
    s.write("model/model.safetensors", b"");
    run("model", &["model", "tokenizer.json"]);
    s.write("model/tokenizer.json", b"{}");
    run("model", &["model.safetensors", "empty"]);
}

#[test]
fn a_model_that_cannot_be_reached() {
    let s = tree();
    let run = |model: &str, says: &[&str]| {
        repair(&s, REPORT, &["--model", model]).is_bad_input(says);
        assert!(!s.path("out.patch").exists());
    };
    run(
        "http://127.0.0.1:1/v1",
        &["http://127.0.0.1:1/v1", "cannot be reached"],
    );
    run("ftp://127.0.0.1/v1", &["ftp://127.0.0.1/v1", "http://"]);
    run("http://", &["not the address of a model server"]);
    run("http://me:geheim@127.0.0.1/v1", &["VERIFY_FIX_API_KEY"]);
    run("http://127.0.0.1:1/v1,,", &["no address"]);
    repair(&s, REPORT, &["--no-templates", "--model", "none"]).is_bad_input(&["--no-templates", "--model"]);
    let mut command = s.command(&["repair", "tree/a.c", "--model", "http://127.0.0.1:1/v1"]);
    let ran = Ran::from(
        command
            .env("VERIFY_FIX_API_KEY", "two words")
            .output()
            .expect("runs"),
    );
    ran.is_bad_input(&["VERIFY_FIX_API_KEY"]);
    assert!(!ran.stderr.contains("two words"), "{}", ran.stderr);
}

#[test]
fn a_log_that_cannot_be_written() {
    let s = tree();
    repair(&s, REPORT, &["--log", "gone/log.jsonl"]).is_bad_input(&["gone/log.jsonl"]);
    assert_eq!(names(s.folder.path()), ["report.txt", "tree"]);
}

#[test]
fn a_replay_of_what_is_no_report() {
    let s = Sandbox::new(&[("a.c", UNSAFE), ("r.json", "{\n \"schema\": 7\n}\n")]);
    s.run(&["replay", "gone.json", "x"]).is_bad_input(&["gone.json"]);
    s.run(&["replay", "r.json", "x"]).is_bad_input(&["r.json:2"]);
    let report = s.run(&["check", "a.c", "--no-replay", "--format", "json"]).stdout;
    s.write("r.json", report.as_bytes());
    s.run(&["replay", "r.json", "lookup/not-null/9"])
        .is_bad_input(&["lookup/not-null/9", "lookup/index-upper-bound/1"]);
    s.run(&["replay", "r.json", "lookup/index-lower-bound/1"])
        .is_bad_input(&["proved"]);
    s.write(
        "r.json",
        report.replace("verify-fix/1", "verify-fix/9").as_bytes(),
    );
    s.run(&["replay", "r.json", "x"])
        .is_bad_input(&["verify-fix/9", "verify-fix/1"]);
    s.write("r.json", report.as_bytes());
    s.write("a.c", b"int lookup(int i) { return i; }\n");
    s.run(&["replay", "r.json", "lookup/index-upper-bound/1"])
        .is_bad_input(&["changed", "check again"]);
}

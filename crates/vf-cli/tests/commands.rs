//! The commands end to end: exit codes, the formats, the layers.

mod common;

use common::{SAFE, Sandbox, UNSAFE};
use serde_json::Value;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn exit_codes_tell_the_verdict() {
    let s = Sandbox::new(&[
        ("safe.c", SAFE),
        ("unsafe.c", UNSAFE),
        (
            "asm.c",
            "int f(int *p) {\n    void *l = &&out;\n    goto *l;\nout:\n    return *p;\n}\n",
        ),
        ("nothing.c", "void f(void) {\n}\n"),
    ]);
    s.run(&["check", "safe.c"]).ends_with(0);
    s.run(&["check", "unsafe.c"]).ends_with(1);
    s.run(&["check", "asm.c"]).ends_with(3);
    let nothing = s.run(&["check", "nothing.c"]);
    nothing.ends_with(3);
    assert!(
        nothing.stdout.starts_with("unknown: no obligation was checked"),
        "{}",
        nothing.stdout
    );
}

#[test]
fn text_puts_the_verdict_first_and_points_at_the_place() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let text = s.run(&["check", "t.c"]).stdout;
    assert!(
        text.starts_with("refuted: 1 of 2 obligations in 1 function\n"),
        "{text}"
    );
    for line in [
        "refuted[index-upper-bound]: table[i] (CWE-787)",
        " --> t.c:5:12",
        "5 |     return table[i];",
        "  |            ^^^^^^^^ the index is not below the length (i = 8)",
        "  = with: i = 8",
        "  = compiled with sanitizers: confirmed by a sanitizer: index 8 out of bounds for type 'int [8]'",
        "summary: 1 proved, 1 refuted",
    ] {
        assert!(text.lines().any(|l| l == line), "no line `{line}` in:\n{text}");
    }
    let proved = s.run(&["check", "t.c", "--property", "index-lower-bound"]);
    proved.ends_with(0);
    assert!(
        proved
            .stdout
            .starts_with("proved: 1 obligation in 1 function, for all inputs\n"),
        "{}",
        proved.stdout
    );
}

#[test]
fn json_has_the_documented_form() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let ran = s.run(&["check", "t.c", "--format", "json"]);
    ran.ends_with(1);
    let report = json(&ran.stdout);
    assert_eq!(report["schema"], "verify-fix/1");
    assert_eq!(report["verdict"], "refuted");
    assert!(report["elapsed_ms"].is_u64());
    let function = &report["functions"][0];
    assert_eq!(
        (&function["name"], &function["file"]),
        (&"lookup".into(), &"t.c".into())
    );
    let obligations = function["obligations"].as_array().expect("obligations");
    assert_eq!(obligations.len(), 2);
    for o in obligations {
        for key in ["id", "property", "cwe", "verdict"] {
            assert!(o[key].is_string(), "{key} in {o}");
        }
        for key in ["reason", "bound", "counterexample", "assumptions"] {
            assert!(o.get(key).is_some(), "{key} in {o}");
        }
        assert_eq!(o["location"]["line"], 5);
        assert_eq!(o["location"]["column"], 12);
    }
    let refuted = obligations
        .iter()
        .find(|o| o["verdict"] == "refuted")
        .expect("one");
    assert_eq!(refuted["id"], "lookup/index-upper-bound/1");
    assert_eq!(refuted["counterexample"]["inputs"]["i"], "8");
    assert_eq!(refuted["counterexample"]["replay"], "confirmed");
    assert!(
        !refuted["counterexample"]["trace"]
            .as_array()
            .expect("a trace")
            .is_empty()
    );
}

#[test]
fn sarif_names_rule_place_and_trace() {
    let s = Sandbox::new(&[("a dir/t.c", &UNSAFE.replace("table[i]", "/* é𝄞 */ table[i]"))]);
    let ran = s.run(&["check", "a dir/t.c", "--format", "sarif", "--no-replay"]);
    ran.ends_with(1);
    let log = json(&ran.stdout);
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
    assert_eq!(rules.len(), 17);
    let [result] = run["results"].as_array().expect("results").as_slice() else {
        panic!("one result: {run}")
    };
    assert_eq!(result["ruleId"], "index-upper-bound");
    assert!(rules.iter().any(|r| r["id"] == result["ruleId"]));
    assert_eq!(
        (&result["kind"], &result["level"]),
        (&"fail".into(), &"error".into())
    );
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20dir/t.c");
    // In UTF-16 code units: the column is 12 + 10 there, 12 + 14 in bytes.
    assert_eq!(
        (&place["region"]["startLine"], &place["region"]["startColumn"]),
        (&5.into(), &22.into())
    );
    assert!(
        !result["codeFlows"][0]["threadFlows"][0]["locations"]
            .as_array()
            .expect("a trace")
            .is_empty()
    );
}

#[test]
fn results_go_to_a_file_when_asked() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let ran = s.run(&[
        "check",
        "t.c",
        "--format",
        "json",
        "--no-replay",
        "-o",
        "out.json",
    ]);
    ran.ends_with(1);
    assert_eq!(ran.stdout, "");
    assert_eq!(
        json(&std::fs::read_to_string(s.path("out.json")).expect("written"))["verdict"],
        "refuted"
    );
    assert_eq!(s.names(), ["out.json", "t.c"]);
}

#[test]
fn files_are_linked_as_one_program() {
    let s = Sandbox::new(&[
        (
            "main.c",
            "extern int get(int i);\nint main(void) {\n    return get(8);\n}\n",
        ),
        (
            "table.c",
            "static int table[8];\nint get(int i) {\n    return table[i];\n}\n",
        ),
    ]);
    let ran = s.run(&["check", "main.c", "table.c", "--entry", "main"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("table.c:3:12"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("confirmed by a sanitizer: index 8 out of bounds"),
        "{}",
        ran.stdout
    );
}

#[test]
fn flags_reach_the_preprocessor_and_the_replay() {
    let s = Sandbox::new(&[
        ("inc/size.h", "#define SIZE LIMIT\n"),
        (
            "t.c",
            "#include <size.h>\nint t[SIZE];\nint f(unsigned i) {\n    return i <= 8 ? t[i] : 0;\n}\n",
        ),
    ]);
    s.run(&["check", "t.c", "--", "-Iinc", "-DLIMIT=9"]).ends_with(0);
    let ran = s.run(&["check", "t.c", "--", "-Iinc", "-DLIMIT=8"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("confirmed by a sanitizer"), "{}", ran.stdout);
}

#[test]
fn a_function_of_a_header_is_reported_whole_where_it_is_asked_for() {
    let s = Sandbox::new(&[
        (
            "t.h",
            "int t[8];\nstatic int f(unsigned i) {\n    return i < 8 ? t[i] : 0;\n}\n",
        ),
        ("t.c", "#include \"t.h\"\nint g(void) {\n    return 0;\n}\n"),
    ]);
    let ran = s.run(&["check", "t.c", "-f", "f"]);
    ran.ends_with(0);
    assert!(ran.stdout.contains("f (t.h): 1 proved"), "{}", ran.stdout);
}

#[test]
fn the_data_model_can_be_chosen() {
    let s = Sandbox::new(&[("t.c", "long f(int a) {\n    long b = a;\n    return b * 4;\n}\n")]);
    s.run(&["check", "t.c"]).ends_with(0);
    let ran = s.run(&["check", "t.c", "--ilp32", "--no-replay"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("signed-overflow"), "{}", ran.stdout);
}

#[test]
fn every_layer_can_be_printed() {
    let source = "int sum(const int *a, int n) {\n    int s = 0;\n    for (int i = 0; i < n; i++)\n        s += a[i];\n    return s;\n}\n";
    let s = Sandbox::new(&[("t.c", source)]);
    for (layer, says) in [
        ("ast", &["sum"][..]),
        ("ir", &["fn sum("]),
        ("cfg", &["fn sum", "loop at b", "dominated by b0"]),
        ("dot", &["digraph", "->"]),
        ("obligations", &["sum/signed-overflow/1 t.c:", "no-overflow("]),
        ("invariants", &["sum"]),
        ("smt2", &["(check-sat)", "(assert"]),
    ] {
        let ran = s.run(&["check", "t.c", "--emit", layer]);
        ran.ends_with(0);
        for what in says {
            assert!(ran.stdout.contains(what), "`{what}` in {layer}:\n{}", ran.stdout);
        }
    }
}

#[test]
fn a_counterexample_can_be_replayed_and_written_out() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let report = s.run(&["check", "t.c", "--no-replay", "--format", "json"]).stdout;
    s.write("r.json", report.as_bytes());
    let id = "lookup/index-upper-bound/1";
    let ran = s.run(&["replay", "r.json", id]);
    ran.ends_with(1);
    assert!(
        ran.stdout.starts_with(&format!("{id}: confirmed by a sanitizer")),
        "{}",
        ran.stdout
    );
    let ran = s.run(&["replay", "r.json", id, "--out", "harness"]);
    ran.ends_with(0);
    let run = std::process::Command::new("sh")
        .arg(s.path("harness/run.sh"))
        .output()
        .expect("sh");
    assert!(String::from_utf8_lossy(&run.stderr).contains("index 8 out of bounds"));
    s.write("t.c", SAFE.as_bytes());
    let ran = s.run(&["replay", "r.json", id]);
    ran.ends_with(3);
    assert!(
        ran.stdout
            .contains("not confirmed: the program returned without a violation"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_patch_is_judged_on_both_versions() {
    let s = Sandbox::new(&[("tree/t.c", UNSAFE), ("old.c", UNSAFE), ("new.c", SAFE)]);
    let patch = "--- a/t.c\n+++ b/t.c\n@@ -3,1 +3,1 @@\n-    if (i < 0 || i > 8)\n+    if (i < 0 || i > 7)\n";
    s.write("fix.patch", patch.as_bytes());
    let ran = s.run(&["patch", "fix.patch", "--tree", "tree", "--format", "json"]);
    ran.ends_with(0);
    let report = json(&ran.stdout);
    assert_eq!(report["verdict"], "proven-fix");
    assert_eq!(report["behaviour"], "preserved");
    assert_eq!(report["fixed"], serde_json::json!(["lookup/index-upper-bound/1"]));
    assert_eq!(
        (&report["open"], &report["introduced"]),
        (&serde_json::json!([]), &serde_json::json!([]))
    );
    assert_eq!(report["before"]["verdict"], "refuted");
    assert_eq!(report["after"]["verdict"], "proved");
    assert_eq!(
        std::fs::read_to_string(s.path("tree/t.c")).expect("there"),
        UNSAFE
    );

    s.run(&["patch", "--before", "old.c", "--after", "new.c"])
        .ends_with(0);
    let worse = s.run(&["patch", "--before", "new.c", "--after", "old.c"]);
    worse.ends_with(1);
    assert!(worse.stdout.starts_with("regressed"), "{}", worse.stdout);
    assert!(worse.stdout.contains("introduced: 1"), "{}", worse.stdout);
}

#[test]
fn a_range_of_revisions_is_a_patch() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let git = |args: &[&str]| {
        let status = std::process::Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.org"])
            .args(args)
            .current_dir(s.folder.path())
            .output()
            .expect("git");
        assert!(
            status.status.success(),
            "{}",
            String::from_utf8_lossy(&status.stderr)
        );
    };
    git(&["init", "-q"]);
    git(&["add", "t.c"]);
    git(&["commit", "-qm", "one"]);
    s.write("t.c", SAFE.as_bytes());
    git(&["commit", "-qam", "two"]);
    let ran = s.run(&["patch", "HEAD~1..HEAD"]);
    ran.ends_with(0);
    assert!(ran.stdout.starts_with("proven-fix"), "{}", ran.stdout);
    s.run(&["patch", "HEAD~7..HEAD"]).is_bad_input(&["HEAD~7"]);
}

#[test]
fn a_repair_ends_in_a_patch_that_applies() {
    let s = Sandbox::new(&[("tree/t.c", UNSAFE)]);
    s.write(
        "report.txt",
        b"CID: 1\nType: Out-of-bounds read\nFunction: lookup\nFile: t.c\nLine: 5\n\nIssue:\nIndex 8 passes the check.\n",
    );
    let ran = s.run(&[
        "repair",
        "--report",
        "report.txt",
        "--tree",
        "tree",
        "-o",
        "fix.patch",
        "--log",
        "log.jsonl",
        "--model",
        "none",
    ]);
    ran.ends_with(0);
    assert!(
        ran.stdout.starts_with("proven: a repair of lookup in t.c"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("solver-only"), "{}", ran.stderr);
    let replay = "before: confirmed by a sanitizer: index 8 out of bounds for type 'int [8]'; after: clean";
    assert!(ran.stdout.contains(replay), "{}", ran.stdout);
    assert_eq!(
        std::fs::read_to_string(s.path("tree/t.c")).expect("there"),
        UNSAFE
    );
    let log = std::fs::read_to_string(s.path("log.jsonl")).expect("a log");
    assert!(
        log.lines().count() >= 3 && log.lines().all(|l| json(l)["event"].is_string()),
        "{log}"
    );

    let apply = std::process::Command::new("git")
        .args(["apply", "../fix.patch"])
        .current_dir(s.path("tree"))
        .status()
        .expect("git");
    assert!(apply.success());
    s.run(&["check", "tree/t.c"]).ends_with(0);
    let again = s.run(&[
        "repair",
        "--report",
        "report.txt",
        "--tree",
        "tree",
        "-o",
        "again.patch",
    ]);
    again.ends_with(0);
    assert!(again.stdout.starts_with("nothing to fix"), "{}", again.stdout);
    assert!(!s.path("again.patch").exists());
}

#[test]
fn what_a_model_would_be_asked_can_be_printed() {
    let source = "#include \"limits.h\"\nstatic int table[SLOTS];\nint get(int i)\n{\n\tif (i > SLOTS)\n\t\treturn 0;\n\treturn \
         table[i];\n}\n";
    let s = Sandbox::new(&[("limits.h", "#define SLOTS 8\n"), ("table.c", source)]);
    let ran = s.run(&["repair", "table.c", "--emit", "prompt", "--answer-form", "edit"]);
    ran.ends_with(0);
    for part in [
        "    7 \treturn table[i];\n",
        "index-upper-bound (CWE-787) of `table[i]` is refuted",
        "/* limits.h:1 */\n#define SLOTS 8\n",
        "```edit block",
    ] {
        assert!(ran.stdout.contains(part), "{part:?} is not in\n{}", ran.stdout);
    }
    // The embedded template is one to begin with.
    let template = s.run(&["repair", "table.c", "--emit", "template"]);
    s.write("mine.jinja", format!("{}Mine.\n", template.stdout).as_bytes());
    let mine = s.run(&[
        "repair",
        "table.c",
        "--emit",
        "prompt",
        "--answer-form",
        "edit",
        "--prompt",
        "mine.jinja",
    ]);
    assert_eq!(mine.stdout, format!("{}Mine.\n", ran.stdout));
    s.write("wrong.jinja", b"\n{{ nobody }}\n");
    let wrong = s.run(&["repair", "table.c", "--emit", "prompt", "--prompt", "wrong.jinja"]);
    wrong.ends_with(2);
    assert!(wrong.stderr.contains("wrong.jinja:2: "), "{}", wrong.stderr);
    let none = s.run(&["repair", "table.c", "--emit", "prompt", "--prompt", "none.jinja"]);
    none.ends_with(2);
    assert!(none.stderr.contains("none.jinja"), "{}", none.stderr);
    s.write("fine.c", b"int f(void) { return 1; }\n");
    let fine = s.run(&["repair", "fine.c", "--emit", "prompt"]);
    fine.ends_with(2);
    assert_eq!(fine.stdout, "");
}

#[test]
fn a_repair_is_repeated_from_its_log() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let ran = s.run(&["repair", "t.c", "--log", "run.jsonl", "-o", "fix.patch"]);
    ran.ends_with(0);
    std::fs::remove_file(s.path("fix.patch")).expect("the patch is there");
    let again = s.run(&["replay-run", "run.jsonl"]);
    again.ends_with(0);
    assert!(again.stdout.starts_with("the same: "), "{}", again.stdout);
    // Nothing is written.
    assert!(!s.path("fix.patch").exists());
    // Another program is another run.
    s.write(
        "t.c",
        UNSAFE.replace("int ", "int  ").replace("<= 8", "<= 9").as_bytes(),
    );
    let other = s.run(&["replay-run", "run.jsonl", "--format", "json"]);
    assert!(json(&other.stdout)["same"].is_boolean(), "{}", other.stdout);
    // What a log may not ask for.
    let log = std::fs::read_to_string(s.path("run.jsonl")).expect("the log");
    s.write(
        "evil.jsonl",
        log.replacen("\"repair\"", "\"repair\",\"--compiler\",\"./evil\"", 1)
            .as_bytes(),
    );
    let evil = s.run(&["replay-run", "evil.jsonl"]);
    evil.ends_with(2);
    assert!(evil.stderr.contains("--compiler"), "{}", evil.stderr);
    s.write(
        "check.jsonl",
        log.replacen("\"repair\"", "\"check\"", 1).as_bytes(),
    );
    s.run(&["replay-run", "check.jsonl"]).ends_with(2);
    s.write("none.jsonl", b"{}\n");
    let none = s.run(&["replay-run", "none.jsonl"]);
    none.ends_with(2);
    assert!(none.stderr.contains("line 1"), "{}", none.stderr);
    let old: String = log.lines().skip(1).map(|l| format!("{l}\n")).collect();
    s.write("old.jsonl", old.as_bytes());
    s.run(&["replay-run", "old.jsonl"]).ends_with(2);
}

#[test]
fn a_repair_without_output_file_prints_the_patch_alone() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let ran = s.run(&["repair", "t.c"]);
    ran.ends_with(0);
    assert!(
        ran.stdout
            .starts_with("diff --git a/t.c b/t.c\n--- a/t.c\n+++ b/t.c\n@@ "),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("proven: a repair of lookup"),
        "{}",
        ran.stderr
    );
    let ran = s.run(&["repair", "t.c", "--format", "json"]);
    let value = json(&ran.stdout);
    assert_eq!(value["verdict"], "proven-fix");
    assert!(value["patch"].as_str().is_some_and(|p| p.contains("@@")));
}

#[test]
fn programs_of_verification_competitions_are_understood() {
    let source = "extern int __VERIFIER_nondet_int(void);\nextern void __VERIFIER_assume(int);\nextern void reach_error(void);\n\
        int main(void) {\n    int a = __VERIFIER_nondet_int(), b = __VERIFIER_nondet_int();\n    __VERIFIER_assume(a > 0 && a < 100);\n\
        \x20   if (a == 17 && b == LIMIT)\n        reach_error();\n    return 0;\n}\n";
    let s = Sandbox::new(&[("t.c", source)]);
    let ran = s.run(&["check", "t.c", "--", "-DLIMIT=a * 3"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("b = 51"), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("confirmed by a sanitizer: vf-replay: assertion violated: reach_error"),
        "{}",
        ran.stdout
    );
    s.run(&["check", "t.c", "--", "-DLIMIT=b && a > 17"]).ends_with(0);
}

#[test]
fn a_property_file_selects_what_it_asks() {
    let program = "extern int __VERIFIER_nondet_int(void);\nint t[4];\nint main(void) {\n    int x = __VERIFIER_nondet_int();\n    t[x < 0 ? 4 : 0] = 1;\n    return x + 1;\n}\n";
    let s = Sandbox::new(&[
        ("t.c", program),
        ("no-overflow.prp", "CHECK( init(main()), LTL(G ! overflow) )\n"),
        ("valid-deref.prp", "CHECK( init(main()), LTL(G valid-deref) )\n"),
        (
            "reach.prp",
            "CHECK( init(main()), LTL(G ! call(reach_error())) )\n",
        ),
        ("end.prp", "CHECK( init(main()), LTL(F end) )\n"),
    ]);
    let ran = s.run(&["check", "t.c", "--property", "no-overflow.prp", "--no-replay"]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("refuted[signed-overflow]"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("index-upper-bound"), "{}", ran.stdout);
    let ran = s.run(&["check", "t.c", "--property", "valid-deref.prp", "--no-replay"]);
    ran.ends_with(1);
    assert!(
        ran.stdout.contains("refuted[index-upper-bound]"),
        "{}",
        ran.stdout
    );
    s.run(&["check", "t.c", "--property", "reach.prp"]).ends_with(0);
    s.run(&["check", "t.c", "--property", "end.prp"])
        .is_bad_input(&["end.prp", "line 1", "F end"]);
    s.run(&["check", "t.c", "--property", "missing.prp"])
        .is_bad_input(&["missing.prp"]);
    s.run(&[
        "check",
        "t.c",
        "--property",
        "reach.prp",
        "--property",
        "lifetime",
    ])
    .is_bad_input(&[".prp"]);
}

/// What no candidate says: b is twice a.
const HALVES: &str = "static char table[60000];\nvoid halves(unsigned n) {\n    unsigned a = 0, b = 0;\n    if (n > 60000)\n        \
    return;\n    //@ loop invariant true_of_all;\n    while (a < n) {\n        unsigned step = 1 + (n >> (a & 7) & 3);\n        \
    table[b - a] = 1;\n        a += step;\n        b += 2 * step;\n    }\n}\n";

#[test]
fn the_search_says_how_far_it_got_and_what_would_have_sufficed() {
    let open = HALVES.replace("    //@ loop invariant true_of_all;\n", "");
    let s = Sandbox::new(&[("halves.c", &open)]);
    // (Spacer finds it.)
    let check = ["check", "--without", "spacer", "--timeout", "60", "halves.c"];
    let run = s.run(&[&check[..], &["--progress"]].concat());
    for piece in [
        "loops cut: 1",
        "candidate invariants",
        "halves: unrolling loops up to",
    ] {
        assert!(run.stderr.contains(piece), "no `{piece}` in:\n{}", run.stderr);
    }
    for piece in [
        "search: 1 loop cut",
        "blocked after the loop at halves.c:6",
        "= would be proved with: loop invariant b == 2 * a (before the loop at halves.c:6)",
    ] {
        assert!(run.stdout.contains(piece), "no `{piece}` in:\n{}", run.stdout);
    }
    let silent = s.run(&check);
    assert_eq!(silent.stderr, "");
    assert!(!silent.stdout.contains("search:"), "{}", silent.stdout);
    // As it was printed, it is an annotation.
    let annotated = HALVES.replace("true_of_all", "b == 2 * a");
    let s = Sandbox::new(&[("halves.c", &annotated)]);
    let report = json(&s.run(&["check", "--format", "json", "halves.c"]).stdout);
    assert_eq!(
        report["functions"][0]["search"]["candidates"]["annotation"]["tried"],
        1
    );
}

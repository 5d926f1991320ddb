//! What is handed on with a fix: the reproducer that fails before and passes after, and the mail that `git am` takes.

mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{SAFE, Sandbox, UNSAFE};

/// Kernel code with an index that is one too large, under the kernel's headers as far as it needs them.
const TRIP: &str = "#include <linux/types.h>\n\nstruct zone {\n\tint trips[8];\n};\n\n\
static int trip_set(struct zone *zone, unsigned int trip, int value)\n{\n\
\tif (trip > 8)\n\t\treturn -22;\n\tzone->trips[trip] = value;\n\treturn 0;\n}\n\n\
int trip_clear(struct zone *zone)\n{\n\treturn trip_set(zone, 0, 0);\n}\n";

/// As much of KUnit as a test of one function needs, in user space.
const KUNIT: &str = "#include <linux/types.h>\nstruct kunit { int failed; };\n\
struct kunit_case { void (*run)(struct kunit *); };\n\
struct kunit_suite { const char *name; struct kunit_case *test_cases; };\n\
void *calloc(unsigned long n, unsigned long size);\n\
static void *kunit_kzalloc(struct kunit *test, unsigned long n, int flags)\n\
{ (void)test; (void)flags; return calloc(1, n); }\n\
#define KUNIT_CASE(f) { .run = f }\n#define KUNIT_SUCCEED(test) ((void)(test))\n\
#define KUNIT_ASSERT_NOT_NULL(test, p) do { if (!(p)) (test)->failed = 1; } while (0)\n\
#define kunit_test_suite(suite) int main(void) { struct kunit test = { 0 }; \\\n\
\tfor (struct kunit_case *c = suite.test_cases; c->run; c++) { c->run(&test); } \\\n\
\treturn test.failed; }\n";

fn tree() -> Sandbox {
    Sandbox::new(&[
        ("tree/drivers/thermal/trip.c", TRIP),
        ("tree/include/linux/types.h", "typedef unsigned int u32;\n"),
        ("tree/include/linux/slab.h", "#define GFP_KERNEL 0\n"),
        (
            "tree/include/linux/string.h",
            "void *memcpy(void *to, const void *from, unsigned long n);\n",
        ),
        ("tree/include/kunit/test.h", KUNIT),
        ("tree/compile_flags.txt", "-Iinclude\n"),
        (
            "report.txt",
            "Function: trip_set\nFile: drivers/thermal/trip.c\nLine: 11\nCategory: BUFFER_OVERFLOW\n\nIssue:\nOff by one.\n",
        ),
    ])
}

fn git(s: &Sandbox, args: &[&str]) -> Output {
    Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.org"])
        .args(args)
        .current_dir(s.path("tree"))
        .output()
        .expect("git")
}

/// The tree as one commit with this title.
fn commit(s: &Sandbox, title: &str) {
    git(s, &["init", "-q"]);
    git(s, &["add", "-A"]);
    assert!(git(s, &["commit", "-qm", title]).status.success());
}

fn repaired(s: &Sandbox, more: &[&str]) -> String {
    let mut args = vec![
        "repair",
        "--report",
        "report.txt",
        "--tree",
        "tree",
        "-o",
        "fix.patch",
    ];
    args.extend(more);
    let ran = s.run(&args);
    ran.ends_with(0);
    std::fs::read_to_string(s.path("fix.patch")).expect("a patch") + &ran.stdout
}

#[test]
fn git_am_takes_the_patch_of_a_repair() {
    let s = tree();
    commit(&s, "thermal: trips: Add trip points");
    let said = repaired(&s, &[]);
    assert!(
        said.contains("\nSubject: [PATCH] thermal: trips: Fix out-of-bounds index in trip_set()\n"),
        "{said}"
    );
    let am = git(&s, &["am", "-q", "../fix.patch"]);
    assert!(am.status.success(), "{}", String::from_utf8_lossy(&am.stderr));
    let shown = git(&s, &["log", "-1", "--format=%s%n%b"]);
    let message = String::from_utf8(shown.stdout).expect("text");
    let head = git(&s, &["log", "-1", "--abbrev=12", "--format=%h", "HEAD~1"]).stdout;
    let head = String::from_utf8(head).expect("a name");
    let fixes = format!("Fixes: {} (\"thermal: trips: Add trip points\")", head.trim());
    for line in [
        "thermal: trips: Fix out-of-bounds index in trip_set()",
        fixes.as_str(),
        "Assisted-by: verify-fix:0.1.0 z3",
    ] {
        assert!(message.lines().any(|l| l == line), "no `{line}` in {message}");
    }
    assert!(!message.contains("Signed-off-by"), "{message}");
    for part in [
        "With trip = 8",
        "Replace `if (trip > 8)` with",
        "assumes",
        "every input that was safe",
    ] {
        let flat = message.replace('\n', " ");
        assert!(flat.contains(part), "no `{part}` in {message}");
    }
    let long = message
        .lines()
        .find(|l| l.chars().count() > 75 && !l.starts_with("Fixes:"));
    assert_eq!(long, None, "{message}");
}

/// `git apply`, and the program itself, take the mail as they took the diff.
#[test]
fn the_mail_is_still_a_diff() {
    let s = tree();
    repaired(&s, &[]);
    s.run(&["patch", "fix.patch", "--tree", "tree"]).ends_with(0);
    let applied = git(&s, &["apply", "../fix.patch"]);
    assert!(
        applied.status.success(),
        "{}",
        String::from_utf8_lossy(&applied.stderr)
    );
    let text = std::fs::read_to_string(s.path("tree/drivers/thermal/trip.c")).expect("the file");
    assert_ne!(text, TRIP);
}

#[test]
fn fixes_names_a_commit_only_where_one_is_known() {
    let s = tree();
    commit(&s, "thermal: trips: add trip points");
    // The check is of one commit, the access of another.
    s.write(
        "tree/drivers/thermal/trip.c",
        TRIP.replace("trip > 8", "trip > 7").as_bytes(),
    );
    git(&s, &["commit", "-qam", "thermal: trips: allow less"]);
    s.write("tree/drivers/thermal/trip.c", TRIP.as_bytes());
    git(&s, &["commit", "-qam", "thermal: trips: allow more"]);
    let said = repaired(&s, &[]);
    assert!(!said.contains("\nFixes:"), "{said}");
    assert!(
        said.contains("no Fixes: tag, since the lines concerned come from"),
        "{said}"
    );
    let said = repaired(&s, &["--fixes", "HEAD"]);
    assert!(said.contains("(\"thermal: trips: allow more\")\n"), "{said}");
    s.write(
        "tree/drivers/thermal/trip.c",
        format!("{TRIP}/* more */\n").as_bytes(),
    );
    let said = repaired(&s, &[]);
    assert!(
        said.contains("since the file is not as it was committed last"),
        "{said}"
    );

    std::fs::remove_file(s.path("fix.patch")).expect("it is there");
    let args = [
        "repair",
        "--report",
        "report.txt",
        "--tree",
        "tree",
        "-o",
        "fix.patch",
        "--fixes",
        "nothing",
    ];
    s.run(&args).is_bad_input(&["--fixes nothing", "name a commit"]);
    assert!(!s.path("fix.patch").exists());
}

#[test]
fn the_kernels_own_script_misses_only_the_signature() {
    let s = tree();
    commit(&s, "thermal: trips: add trip points");
    let Some(script) = checkpatch() else {
        eprintln!("no checkpatch.pl here; CHECKPATCH=PATH names one (Debian: linux-source-6.1)");
        return;
    };
    repaired(&s, &[]);
    let ran = Command::new("perl")
        .arg(script)
        .args(["--no-tree", "--terse", "--no-summary"])
        .arg(s.path("fix.patch"))
        .output()
        .expect("perl");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    let expected = |line: &&str| line.contains("Missing Signed-off-by") || line.contains("Unknown commit id");
    let complaints = said
        .lines()
        .filter(|l| l.contains("ERROR:") || l.contains("WARNING:"));
    let others: Vec<&str> = complaints.filter(|l| !expected(l)).collect();
    assert!(others.is_empty(), "{said}");
    assert!(said.contains("Missing Signed-off-by"), "{said}");
}

/// The one that `CHECKPATCH` names, or of a source tree that Debian's packages unpack.
fn checkpatch() -> Option<PathBuf> {
    let given = std::env::var_os("CHECKPATCH").map(PathBuf::from);
    let trees = ["/usr/src", "/usr/lib"]
        .into_iter()
        .flat_map(std::fs::read_dir)
        .flatten();
    let trees = trees
        .flatten()
        .map(|entry| entry.path().join("scripts/checkpatch.pl"));
    given.into_iter().chain(trees).find(|path| path.is_file())
}

/// `sh run.sh FILE`: its last line and its code.
fn run_script(s: &Sandbox, folder: &str, file: &Path) -> (String, Option<i32>) {
    let ran = Command::new("sh")
        .arg(s.path(folder).join("run.sh"))
        .arg(file)
        .env("TREE", s.path("tree"))
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&ran.stdout).into_owned();
    (
        said.lines().last().unwrap_or_default().to_string(),
        ran.status.code(),
    )
}

/// The test appended to the file, as the kernel includes tests of static functions, compiled and run with sanitizers.
fn run_kunit(s: &Sandbox, file: &Path, test: &Path) -> Output {
    let mut text = std::fs::read_to_string(file).expect("the source");
    text.push_str(&std::fs::read_to_string(test).expect("the test"));
    s.write("all.c", text.as_bytes());
    let compiled = Command::new("cc")
        .args([
            "-Itree/include",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=all",
        ])
        .args(["-Wall", "-Werror", "-o", "all", "all.c"])
        .current_dir(s.folder.path())
        .output()
        .expect("a compiler");
    assert!(
        compiled.status.success(),
        "{}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    // KUnit frees what it allocates; this one does not.
    let run = Command::new(s.path("all"))
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .output();
    run.expect("it runs")
}

#[test]
fn a_reproducer_fails_before_and_passes_after() {
    let s = tree();
    let said = repaired(&s, &["--reproducer", "evidence"]);
    assert!(
        said.contains("fails before (index 8 out of bounds for type"),
        "{said}"
    );
    assert!(said.contains("), passes after\n"), "{said}");
    let names = common::names(&s.path("evidence"));
    assert_eq!(names, ["README", "reproducer.c", "run.sh", "trip_kunit.c"]);

    let file = s.path("tree/drivers/thermal/trip.c");
    let test = s.path("evidence/trip_kunit.c");
    assert_eq!(run_script(&s, "evidence", &file), ("FAIL".into(), Some(1)));
    let before = run_kunit(&s, &file, &test);
    assert!(!before.status.success());
    // The array ends the record and the object, so that the one sanitizer or the other says it, by compiler.
    let said = String::from_utf8_lossy(&before.stderr).into_owned();
    assert!(
        said.contains("heap-buffer-overflow") || said.contains("index 8 out of bounds"),
        "{said}"
    );
    assert!(git(&s, &["apply", "../fix.patch"]).status.success());
    assert_eq!(run_script(&s, "evidence", &file), ("PASS".into(), Some(0)));
    assert!(run_kunit(&s, &file, &test).status.success());
    // Not C: it does not compile, which is neither.
    s.write("tree/broken.c", b"int f(\n");
    assert_eq!(run_script(&s, "evidence", &s.path("tree/broken.c")).1, Some(2));
}

#[test]
fn a_reproducer_of_a_patch_says_what_each_version_does() {
    let half = UNSAFE.replace("i > 8", "i > 9");
    let s = Sandbox::new(&[("old.c", UNSAFE), ("new.c", SAFE), ("worse.c", &half)]);
    let pair = [
        "patch",
        "--before",
        "old.c",
        "--after",
        "new.c",
        "--format",
        "json",
        "--reproducer",
        "good",
    ];
    let ran = s.run(&pair);
    ran.ends_with(0);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(report["verdict"], "proven-fix");
    let made = &report["reproducer"];
    assert_eq!(
        (&made["before"]["result"], &made["after"]["result"]),
        (&"fails".into(), &"passes".into())
    );
    // No kernel code, no KUnit.
    assert_eq!(
        common::names(&s.path("good")),
        ["README", "reproducer.c", "run.sh"]
    );

    let ran = s.run(&[
        "patch",
        "--before",
        "old.c",
        "--after",
        "worse.c",
        "--reproducer",
        "bad",
    ]);
    ran.ends_with(1);
    assert!(ran.stdout.contains("fails before ("), "{}", ran.stdout);
    assert!(ran.stdout.contains("fails after ("), "{}", ran.stdout);
    assert!(!ran.stdout.contains("passes after"), "{}", ran.stdout);

    // What is there already stays as it is.
    s.run(&pair).is_bad_input(&["good", "name a new one"]);
    // A patch that fixes nothing has none, and says so.
    let ran = s.run(&[
        "patch",
        "--before",
        "new.c",
        "--after",
        "old.c",
        "--reproducer",
        "none",
    ]);
    ran.ends_with(1);
    assert!(ran.stderr.contains("no reproducer"), "{}", ran.stderr);
    assert!(!s.path("none").exists());
}

#[test]
fn a_judged_patch_is_written_with_what_was_proved() {
    let s = Sandbox::new(&[("tree/t.c", UNSAFE)]);
    let diff = "--- a/t.c\n+++ b/t.c\n@@ -3,1 +3,1 @@\n-    if (i < 0 || i > 8)\n+    if (i < 0 || i > 7)\n";
    let mail = format!(
        "From: A <a@b.example>\nSubject: [PATCH] t: fix it\n\nWhy.\n\nSigned-off-by: A <a@b.example>\n---\n t.c | 2 +-\n\n{diff}"
    );
    s.write("plain.patch", diff.as_bytes());
    s.write("mail.patch", mail.as_bytes());
    let write = |patch: &str| {
        let ran = s.run(&["patch", patch, "--tree", "tree", "--write-patch", "out.patch"]);
        ran.ends_with(0);
        std::fs::read_to_string(s.path("out.patch")).expect("written")
    };
    let made = write("plain.patch");
    assert!(
        made.contains("\nSubject: [PATCH] t: fix out-of-bounds index in lookup()\n"),
        "{made}"
    );
    assert!(made.contains("\nAssisted-by: verify-fix:"), "{made}");
    // The author's own message and tags stay.
    let own = write("mail.patch");
    assert!(
        own.starts_with("From: A <a@b.example>\nSubject: [PATCH] t: fix it\n\nWhy.\n\nWith i = 8,"),
        "{own}"
    );
    assert!(
        own.ends_with(&mail[mail.find("Signed-off-by").expect("a tag")..]),
        "{own}"
    );

    let worse = diff.replace(
        "-    if (i < 0 || i > 8)\n+    if (i < 0 || i > 7)",
        "-    if (i < 0 || i > 8)\n+    if (i < 0 || i > 9)",
    );
    s.write("worse.patch", worse.as_bytes());
    let ran = s.run(&[
        "patch",
        "worse.patch",
        "--tree",
        "tree",
        "--write-patch",
        "not.patch",
    ]);
    ran.ends_with(1);
    assert!(ran.stderr.contains("not.patch was not written"), "{}", ran.stderr);
    assert!(!s.path("not.patch").exists());
}

/// What the command writes when its standard output is a terminal.
fn on_a_terminal(s: &Sandbox, no_color: &str) -> String {
    use std::io::Read;
    use std::os::fd::{FromRawFd, OwnedFd};
    let (mut ours, mut theirs) = (0, 0);
    // SAFETY: the two places live long enough, and nothing else is passed.
    let opened = unsafe {
        libc::openpty(
            &mut ours,
            &mut theirs,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        )
    };
    assert_eq!(opened, 0);
    // SAFETY: both were just opened and belong to nobody else.
    let (ours, theirs) = unsafe { (OwnedFd::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) };
    let mut command = s.command(&["check", "t.c", "--no-replay"]);
    command
        .env("NO_COLOR", no_color)
        .env("TERM", "xterm")
        .stdout(theirs);
    let mut child = command.spawn().expect("the command runs");
    // Its end of the terminal is closed here with the command.
    drop(command);
    let mut text = Vec::new();
    // The other end's going away is an error, after everything was read.
    let _ = std::fs::File::from(ours).read_to_end(&mut text);
    child.wait().expect("it ends");
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let s = Sandbox::new(&[("t.c", UNSAFE)]);
    let coloured = on_a_terminal(&s, "");
    assert!(coloured.contains("\u{1b}["), "{coloured:?}");
    let plain = on_a_terminal(&s, "1");
    assert!(plain.contains("refuted[index-upper-bound]"), "{plain:?}");
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let piped = s.run(&["check", "t.c", "--no-replay"]).stdout;
    assert!(!piped.contains('\u{1b}'), "{piped:?}");
}

//! Both versions of a function, compiled and run in the sandbox: what is seen of them, and what is not.

use std::path::{Path, PathBuf};

use vf_frontend::{Loaded, Options, Wanted};
use vf_ir::input::{Contents, Input, InputObject, InputPointer, InputValue};
use vf_replay::harness::{Build, SourceText};
use vf_replay::sandbox::Limits;
use vf_replay::{Both, BothRequest, Version, run_both};

fn load(path: &Path, text: &str) -> Loaded {
    let options = Options {
        wanted: Wanted::Functions(vec!["f".to_owned()]),
        overlay: vec![(path.to_path_buf(), text.to_owned())],
        ..Options::new("cc")
    };
    vf_frontend::load(&[path.to_path_buf()], &options).expect("loads")
}

/// Runs both texts on an input.
fn both(old: &str, new: &str, input: &Input) -> Both {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("f.c");
    std::fs::write(&path, old).expect("written");
    let (before, after) = (load(&path, old), load(&path, new));
    let source = |text: &str| SourceText {
        path: path.clone(),
        text: text.to_owned(),
    };
    let build = Build {
        compiler: PathBuf::from("cc"),
        flags: Vec::new(),
        directory: folder.path().to_path_buf(),
    };
    let request = BothRequest {
        before: Version {
            program: &before.program,
            source: &source(old),
        },
        after: Version {
            program: &after.program,
            source: &source(new),
        },
        input,
        build: &build,
        limits: Limits::default(),
    };
    run_both(&request).expect("a sandbox and a compiler")
}

fn number(value: u128) -> InputValue {
    InputValue::Int { bits: 32, value }
}

fn bytes(bytes: &[u8]) -> (InputObject, InputValue) {
    let object = InputObject {
        name: "*p".to_owned(),
        size: bytes.len() as u64,
        element_type: "char".to_owned(),
        contents: Contents {
            bytes: vec![(0, bytes.to_vec())],
            pointers: Vec::new(),
        },
    };
    (
        object,
        InputValue::Pointer(InputPointer::Object { index: 0, offset: 0 }),
    )
}

fn with(objects: Vec<InputObject>, arguments: Vec<InputValue>) -> Input {
    Input {
        function: "f".to_owned(),
        objects,
        arguments,
        ..Input::default()
    }
}

/// Whether the new version does what the old one does.
fn kept(old: &str, new: &str, input: &Input) -> bool {
    let both = both(old, new, input);
    match (both.before, both.after) {
        (Ok(before), Ok(after)) => before.are_kept_by(&after),
        ended => panic!("{ended:?}"),
    }
}

#[test]
fn what_a_caller_sees_is_seen() {
    let seven = with(Vec::new(), vec![number(7)]);
    let same = |old: &str, new: &str| kept(old, new, &seven);
    assert!(same(
        "int f(int n) { return n + 1; }",
        "int f(int n) { return 1 + n; }"
    ));
    assert!(!same(
        "int f(int n) { return n + 1; }",
        "int f(int n) { return n + 2; }"
    ));
    // A global, of this file only.
    let global = "static int g;\nint f(int n) { g = n; return 0; }";
    assert!(same(
        global,
        "static int g;\nint f(int n) { g = n ^ 0; return 0; }"
    ));
    assert!(!same(global, "static int g;\nint f(int n) { g = 0; return 0; }"));
    // Calls outside, with their arguments, in order.
    let calls = "void note(int, const char *);\nint f(int n) { note(n, \"a\"); return 0; }";
    assert!(same(calls, calls));
    assert!(!same(calls, &calls.replace("\"a\"", "\"b\"")));
    assert!(!same(calls, &calls.replace("note(n", "note(n + 1")));
    assert!(!same(calls, &calls.replace("note(n, \"a\"); ", "")));
    // Also where the C library has one of that name.
    let named = calls.replace("note", "send");
    assert!(!same(&named, &named.replace("\"a\"", "\"b\"")));
    // A call that does not come back.
    let stops = "void stop(int) __attribute__((noreturn));\nint f(int n) { if (n == 7) stop(n); return 0; }";
    assert!(same(stops, stops));
    assert!(!same(stops, &stops.replace("stop(n)", "stop(8)")));
    assert!(!same(stops, "int f(int n) { return 0; }"));
    // What the kernel computes is computed.
    let text = "int kstrtouint(const char *, unsigned, unsigned *);\n\
                int f(int n) { unsigned r = 0; return kstrtouint(\"41\\n\", 10, &r) ? -1 : (int)r; }";
    assert!(!same(text, &text.replace("41", "42")));
    assert!(same(text, "int f(int n) { return 41; }"));
}

#[test]
fn objects_are_told_by_what_they_are() {
    let (object, pointer) = bytes(b"hello\0");
    let input = with(vec![object], vec![pointer]);
    let same = |old: &str, new: &str| kept(old, new, &input);
    let head = "#include <stdlib.h>\n#include <string.h>\n";
    let copy = format!("{head}char *f(char *p) {{ char *q = malloc(6); if (q) memcpy(q, p, 6); return q; }}");
    assert!(same(&copy, &copy));
    assert!(same(&copy, &copy.replace("malloc(6)", "malloc(9)")));
    assert!(!same(&copy, &copy.replace("return q", "return p")));
    // The last byte is what the allocator left there: the old version says 0, the new one nothing.
    let shorter = copy.replace("memcpy(q, p, 6)", "memcpy(q, p, 5)");
    assert!(!same(&copy, &shorter));
    assert!(same(&shorter, &copy));
    // A block that nothing leads to, and one that is freed.
    let freeing = format!("{head}int f(char *p) {{ char *q = malloc(4); free(q); return q != 0; }}");
    let leaking = freeing.replace("free(q); ", "");
    assert!(!same(&freeing, &leaking));
    assert!(same(&leaking, &freeing));
    // A block that was passed on before it was freed.
    let passed = format!("{head}void note(char *);\n{}", &freeing[head.len()..])
        .replace("free(q)", "note(q); free(q)");
    assert!(same(&passed, &passed));
    assert!(!same(&passed, &passed.replace("free(q);", "")));
    // The caller's object.
    let writing = "int f(char *p) { p[2] = 'x'; return 0; }";
    assert!(!same(writing, "int f(char *p) { p[3] = 'x'; return 0; }"));
    let released = format!("{head}int f(char *p) {{ free(p); return 0; }}");
    assert!(!same("int f(char *p) { return 0; }", &released));
}

#[test]
fn runs_that_say_nothing() {
    let (object, pointer) = bytes(b"abc\0");
    let input = with(vec![object], vec![pointer]);
    let fine = "int f(char *p) { return 0; }";
    let ended = |text: &str| both(text, fine, &input).before.expect_err("no effects");
    let overrun = ended("int f(char *p) { return p[4]; }");
    assert!(overrun.contains("sanitizer"), "{overrun}");
    let random =
        ended("#include <stdlib.h>\nint f(char *p) { char *q = malloc(1); int r = *q; free(q); return r; }");
    assert!(random.contains("nothing was written to"), "{random}");
    let stack = ended("void note(char *);\nint f(char *p) { char q[4]; q[0] = p[0]; note(q); return q[1]; }");
    assert!(stack.contains("nothing was written to"), "{stack}");
    let exits = ended("#include <stdlib.h>\nint f(char *p) { exit(3); }");
    assert!(exits.contains("status 3"), "{exits}");
    assert!(both(fine, fine, &input).after.is_ok());
}

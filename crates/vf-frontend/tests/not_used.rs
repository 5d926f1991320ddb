//! Contracts that are not understood are named, with their place; none is passed over in silence.

use std::path::PathBuf;

use vf_frontend::{Options, Wanted, load};
use vf_ir::DataModel;

/// `line: message` of every diagnostic.
fn diagnostics(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.c");
    std::fs::write(&file, text).expect("the temporary folder is writable");
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: Vec::new(),
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    let loaded = load(&[file], &options).expect("the program loads");
    let lines = loaded.diagnostics.iter();
    lines
        .map(|d| format!("{}: {}", d.span.start.line, d.message))
        .collect()
}

#[track_caller]
fn expect(text: &str, wanted: &[&str]) {
    assert_eq!(diagnostics(text), wanted, "{text}");
}

#[test]
fn what_is_understood_is_not_named() {
    expect(
        "/*@ requires 0 <= i < 8 && \\valid(p + (0 .. i)); ensures \\result == \\old(i); */\n\
         int f(int *p, int i);\n\
         __attribute__((access(read_only, 1, 2))) int g(const int *p, int n);\n\
         struct s { int n; char d[] __attribute__((counted_by(n))); };\n\
         int h(struct s *s, int *p) { /*@ assert p == p; */ return f(p, 1) + g(p, 1) + s->d[0]; }",
        &[],
    );
}

#[test]
fn clauses_of_functions() {
    for (clause, what) in [
        ("terminates \\true;", "`terminates`"),
        ("behavior b: assumes n < 3;", "`behavior`"),
        ("requires n < ;", "the clause ends too early"),
        (
            "requires (n < 5;",
            "`the end of the clause` where `)` was expected",
        ),
        ("requiers n < 5;", "`requiers`"),
        ("requires \\forall integer i; i < n;", "`\\forall`"),
        ("requires \\valid(n);", "`n` as a pointer"),
        (
            "requires m < 5;",
            "the name `m` (macros are not replaced in annotations)",
        ),
        ("loop invariant n > 0;", "a clause for statements"),
    ] {
        let message = format!("2: annotation not used: {what} is not supported here");
        for rest in ["{ return n; }", "; int g(void) { return f(1); }"] {
            expect(&format!("\n/*@ {clause} */\nint f(int n) {rest}"), &[&message]);
        }
    }
}

#[test]
fn assigns_of_bodies_and_of_declarations() {
    for (clause, what) in [
        ("assigns \\nothing;", None),
        ("assigns p[0 .. 3], *p, r->n;", None),
        ("assigns \\result \\from *p;", Some("`\\from`")),
        ("assigns r->next;", Some("`assigns` with pointers in `r->next`")),
        ("assigns *r;", Some("`assigns` with pointers in `(*r)`")),
        (
            "assigns r->bits;",
            Some("`assigns` with the address of a bit-field"),
        ),
    ] {
        let of_body = "`assigns` of a function whose body is in view";
        let contract = format!(
            "struct r {{ int n; int bits : 3; struct r *next; }};\n/*@ {clause} */\nint f(int *p, struct r *r)"
        );
        let message = |what| format!("2: annotation not used: {what} is not supported here");
        expect(&format!("{contract} {{ return 0; }}"), &[&message(of_body)]);
        let wanted: Vec<String> = what.into_iter().map(message).collect();
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        expect(&format!("{contract}; int g(void) {{ return f(0, 0); }}"), &wanted);
    }
}

#[test]
fn clauses_of_statements() {
    for (clause, what) in [
        ("for b: assert n > 0;", "`for`"),
        ("invariant n > 0;", "`invariant`"),
        ("requires n > 0;", "a clause for functions"),
        ("loop invariant n > 0;", "`loop invariant` before what is no loop"),
        ("ghost int z = 1;", "`ghost`"),
    ] {
        let message = format!("2: annotation not used: {what} is not supported here");
        expect(
            &format!("int f(int n) {{\n//@ {clause}\nn = 1; return n; }}"),
            &[&message],
        );
    }
    let nowhere = "3: annotation not used: one that no statement follows is not supported here";
    expect("int f(int n) {\nreturn n;\n//@ assert n > 0;\n}", &[nowhere]);
}

#[test]
fn attributes() {
    expect(
        "__attribute__((access(read_only, 1, 7)))\nint f(const int *p) { return *p; }",
        &["2: annotation not used: parameter 7 as the size of `access` is not supported here"],
    );
    for (members, what) in [
        (
            "int n; char d[] __attribute__((counted_by(m)));",
            "`counted_by(m)` of `d`: a count that is no member of the same record",
        ),
        (
            "int *n; char d[] __attribute__((counted_by(n)));",
            "`counted_by(n)` of `d`: a count that is no integer",
        ),
        (
            "int n; int d[4] __attribute__((counted_by(n)));",
            "`counted_by(n)` of `d`: a member that is neither a flexible array nor a pointer",
        ),
    ] {
        let message = format!("1: attribute not used: {what}");
        expect(
            &format!("struct s {{ {members} }};\nunsigned long f(struct s *s) {{ return sizeof *s; }}"),
            &[&message],
        );
    }
}

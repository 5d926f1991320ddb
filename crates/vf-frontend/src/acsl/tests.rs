use super::*;

fn one(text: &str) -> Clause {
    let mut found = clauses(text);
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn shown(text: &str) -> String {
    match one(text).meaning {
        Meaning::Requires(t) | Meaning::Ensures(t) | Meaning::Assert(t) | Meaning::LoopInvariant(t) => {
            t.to_string()
        }
        Meaning::Assigns(places) => places.iter().map(|p| format!("{p};")).collect(),
        Meaning::Ignored(what) => format!("ignored: {what}"),
    }
}

#[test]
fn precedence_and_chains() {
    assert_eq!(
        shown("requires a + b * 2 <= c && !d || e;"),
        "((((a + (b * 2)) <= c) && (!d)) || e)"
    );
    assert_eq!(shown("requires 0 <= i < n;"), "((0 <= i) && (i < n))");
    assert_eq!(shown("requires a ==> b ==> c;"), "(a ==> (b ==> c))");
    assert_eq!(shown("requires a <==> b == 0x10;"), "(a <==> (b == 16))");
}

#[test]
fn places() {
    assert_eq!(
        shown("requires \\valid(p + (0..n-1));"),
        "\\valid((p + (0 .. (n - 1))))"
    );
    assert_eq!(
        shown("requires \\valid_read(s->buf + (0 .. s->len - 1));"),
        "\\valid_read((s->buf + (0 .. (s->len - 1))))"
    );
    assert_eq!(shown("assigns *p, a[0 .. 9];"), "(*p);a[(0 .. 9)];");
    assert_eq!(shown("assigns \\nothing;"), "");
}

#[test]
fn what_is_not_in_the_subset_is_named() {
    assert_eq!(
        shown("requires \\forall integer i; 0 <= i;").as_str(),
        "ignored: `\\forall`"
    );
}

#[test]
fn a_quantifier_does_not_leave_its_rest_behind() {
    let found = clauses("requires \\forall integer i; 0 <= i < n ==> a[i] == 0; requires n > 0;");
    assert!(
        matches!(found.last().map(|c| &c.meaning), Some(Meaning::Requires(_))),
        "{found:?}"
    );
    assert!(
        found[..found.len() - 1]
            .iter()
            .all(|c| matches!(c.meaning, Meaning::Ignored(_))),
        "{found:?}"
    );
}

#[test]
fn several_lines_and_names() {
    let found = clauses(
        "\n  @ requires size: n > 0;\n  @ ensures \\result == 0;\n  @ behavior x: assumes n > 3; ensures \\false;\n",
    );
    let texts: Vec<&str> = found.iter().map(|c| c.text.as_str()).collect();
    assert_eq!(texts[..2], ["size: n > 0", "\\result == 0"]);
    assert_eq!(found.len(), 3);
    assert!(matches!(&found[2].meaning, Meaning::Ignored(what) if what == "`behavior`"));
}

#[test]
fn comments_belong_to_the_next_token() {
    let text = "int a; /*@ requires x; */ // plain\n#define Y 1\nint f(int x);\n//@ assert b;\nint c;";
    let found = annotations(text);
    let at = |what: &str| {
        found
            .get(&text.find(what).unwrap())
            .map(|r| text[r[0].clone()].trim())
    };
    assert_eq!(at("int f"), Some("requires x;"));
    assert_eq!(at("int c"), Some("assert b;"));
    assert_eq!(found.len(), 2);
}

#[test]
fn nothing_panics() {
    for text in [
        "",
        ";;;",
        "requires",
        "requires (",
        "requires \\",
        "loop",
        "requires é;",
        "requires 0xzz;",
        "assigns ;",
    ] {
        let _ = clauses(text);
    }
    let deep = format!("requires {}x;", "(".repeat(5000));
    assert!(matches!(one(&deep).meaning, Meaning::Ignored(_)));
    let deep = format!("requires {}x;", "!".repeat(5000));
    assert!(matches!(one(&deep).meaning, Meaning::Ignored(_)));
}

//! What all grammars share: the frame of an edit of numbered lines, statements that contain others, terminals.

use std::collections::BTreeSet;

use crate::places::{Head, HeadKind, Place, Places};
use crate::rules::Rules;

/// Where the guided text begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the fence: the whole answer is the edit.
    Fence,
    /// Behind the line that opens the block: something was said before it.
    Inside,
}

/// Text that opens the block of an edit.
pub const OPEN: &str = "```edit\n";

/// Terminals of every grammar. `NL` is a line's end with the next one's indentation, and perhaps an empty line. Blanks stand in no keyword's
/// terminal where a longer word could follow: the lexer is greedy and does not step back.
const TERMINALS: &str = r#"
%llguidance { "no_forcing": true }
NL: /\n\n?[\t ]{0,24}/
NUM: /(0|[1-9][0-9]{0,8}|0x[0-9a-f]{1,8})[uU]?[lL]?/
CHAR: /'([ !#-&(-\[\]-_a-~]|\\[0nt\\'])'/
TEXT: /"([ !#$&-\[\]-_a-~]|\\[nt0])*"/
FORMAT: /"([ -!#-\[\]-_a-~]|\\[nt0])*"/
SETS: / ([-+*\/%&|^]|<<|>>)?= /
TYPE: "int" | "char" | "unsigned int" | "unsigned char" | "unsigned long" | "long" | "short"
COMMENT: /\/\* [0-9A-Za-z ,.;:<>=()'+\-]{1,80} \*\//
"#;

/// A literal terminal.
pub(crate) fn literal(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// The rules of edits in ascending order that do not overlap. The body of a slot is the rule `b` and its index.
pub(crate) fn edits(places: &Places, wanted: impl Fn(&Place) -> bool, start: Start) -> Rules {
    let mut rules = Rules::default();
    rules.terminals(TERMINALS);
    let usable: Vec<&Place> = places.places.iter().filter(|p| wanted(p)).collect();
    let lines: BTreeSet<u32> = usable.iter().map(|p| p.from).collect();
    let lines: Vec<u32> = lines.into_iter().collect();
    let after = |line: u32| lines.partition_point(|l| *l <= line);
    match start {
        Start::Fence => rules.add("start", &format!("{} e0", literal(OPEN))),
        Start::Inside => rules.add("start", "e0"),
    }
    for (i, line) in lines.iter().enumerate() {
        rules.add(&format!("e{i}"), &format!("\"{line}-\" t{line}"));
        rules.add(&format!("e{i}"), &format!("e{}", i + 1));
        rules.add(&format!("r{i}"), &format!("NL e{i}"));
        rules.add(&format!("r{i}"), "NL \"```\"");
    }
    rules.add(&format!("r{}", lines.len()), "NL \"```\"");
    for Place { from, to, slot, .. } in usable {
        let (end, last) = match to {
            Some(to) => (format!("\"{to}:\""), *to),
            None => ("\":\"".to_owned(), *from),
        };
        rules.add(&format!("t{from}"), &format!("{end} b{slot} r{}", after(last)));
    }
    rules
}

/// Adds the bodies of the slots. `prefix` says how the rules for statements of a slot begin: `_st` is a statement, `_next`
/// one that may follow others (declarations, comments), `_leave` one that leaves the function with its value. `names` says how those
/// for the parts of its heads begin: `_condition`, `_number`, `_steps`. `own` is all that may stand in a slot, where that is something else.
pub(crate) fn bodies(
    rules: &mut Rules,
    places: &Places,
    prefix: impl Fn(usize) -> String,
    names: impl Fn(usize) -> String,
    own: impl Fn(usize) -> Option<String>,
) {
    for (i, slot) in places.slots.iter().enumerate() {
        let p = prefix(i);
        let mut body = |alternative: String| rules.add(&format!("b{i}"), &alternative);
        if let Some(own) = own(i) {
            body(own);
            continue;
        }
        if let Some(head) = &slot.head {
            body(one_head(head, &names(i)));
            continue;
        }
        match (slot.single, slot.must_return, slot.after_label, slot.may_be_empty) {
            (true, ..) => body(format!("NL {p}_st")),
            (_, true, true, _) => body(format!("NL {p}_st {p}_many? NL {p}_leave")),
            (_, true, ..) => body(format!("{p}_many? NL {p}_leave")),
            (.., true, _) => body(format!("NL {p}_st {p}_many?")),
            (.., true) => body(format!("{p}_many?")),
            _ => body(format!("{p}_many")),
        }
    }
}

/// A head of the same kind, with what is beside it.
fn one_head(head: &Head, names: &str) -> String {
    let Head { kind, before, behind } = head;
    let (keyword, parts) = match kind {
        HeadKind::If => ("if (".to_owned(), format!("{names}_condition")),
        HeadKind::While | HeadKind::Until => ("while (".to_owned(), format!("{names}_condition")),
        HeadKind::Switch => ("switch (".to_owned(), format!("{names}_number")),
        HeadKind::For(None) => (
            "for (".to_owned(),
            format!("{names}_steps? \"; \" {names}_condition? \"; \" {names}_steps?"),
        ),
        HeadKind::For(Some(declared)) => (
            format!("for ({declared} = "),
            format!("{names}_number \"; \" {names}_condition? \"; \" {names}_steps?"),
        ),
    };
    let (opens, closes) = (format!("{before}{keyword}"), format!("){behind}"));
    format!("NL {} {parts} {}", literal(&opens), literal(&closes))
}

/// Adds statements that contain others. `p_simple` and `p_next` exist for each prefix; `inner` is the prefix of what
/// stands in loops, `names` that of conditions (`_condition`) and of the parts of a `for` (`_steps`).
pub(crate) fn compound(rules: &mut Rules, p: &str, inner: &str, names: &str) {
    let (condition, steps) = (format!("{names}_condition"), format!("{names}_steps"));
    rules.add_all(&format!(
        r#"
{p}_st: {p}_simple
{p}_st: "if (" {condition} ")" NL {p}_simple
{p}_st: "if (" {condition} ") {{" {p}_many NL "}}" {p}_else?
{p}_st: "while (" {condition} ") {{" {inner}_many NL "}}"
{p}_st: "for (" {steps}? "; " {condition}? "; " {steps}? ") {{" {inner}_many NL "}}"
{p}_else: " else {{" {p}_many NL "}}" | " else if (" {condition} ") {{" {p}_many NL "}}" {p}_else?
{p}_many: NL {p}_next | {p}_many NL {p}_next
"#
    ));
}

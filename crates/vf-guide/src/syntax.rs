//! The arm `grammar`: C statements and expressions with any names, in the places of a function.
//!
//! The language is a subset of C11 6.5 and 6.8 in one spelling (blanks around binary operators, one statement a line):
//! no assignment within expressions, no comma operator, no labels, no `switch`, no escapes in strings other than
//! `\n`, `\t` and `\0`. Expressions are lists of operands between operators: priorities do not matter to whether a text is C.

use crate::facts::Facts;
use crate::lark::{self, Start, literal};
use crate::places::Places;

/// Keywords of C11 6.4.1, of C23 and of GNU C, which are no names.
const KEYWORDS: &str = "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|\
     long|register|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while|\
     asm|typeof|typeof_unqual|alignas|alignof|bool|constexpr|static_assert|thread_local|nullptr|true|false|_[A-Z].*|__.*";

const EXPRESSIONS: &str = r#"
x_number: x_condition
x_condition: list | list " ? " list " : " list
list: unary | list BINARY unary
unary: PREFIX plain | plain | "&" post
plain: "true" | "false" | stars post | post | "(" type ")" plain | NUM | CHAR | FORMAT
stars: "*" | "**"
post: ID | "(" x_condition ")" | post "[" x_condition "]" | post "(" arguments? ")" | post "->" ID | post "." ID
post: WITHTYPE type ", " arguments ")"
post: "sizeof(" x_condition ")" | "sizeof(" type ")"
arguments: x_condition | arguments ", " x_condition
type: specifier | specifier " " stars
specifier: TYPE
place: stars target | target
target: ID | target "[" x_condition "]" | target "(" arguments? ")" "->" ID | target "->" ID | target "." ID
call: ID "(" arguments? ")"
step: place SETS x_condition | place "++" | place "--"
x_steps: step | x_steps ", " step
declaration: specifier " " stars? ID ";" | specifier " " stars? ID " = " x_condition ";"
leave: "return;" | "return " x_condition ";"
"#;

/// The grammar of edits; `None` where the function has no place for one. Only types that the file uses are offered, and without facts
/// only those that C has.
pub fn grammar(places: &Places, facts: Option<&Facts>, start: Start) -> Option<String> {
    let mut rules = lark::edits(places, |_| true, start);
    let prefix = |i: usize| match places.slots.get(i) {
        Some(slot) if slot.in_loop => "l".to_owned(),
        Some(slot) if slot.breakable => "s".to_owned(),
        _ => "f".to_owned(),
    };
    lark::bodies(&mut rules, places, prefix, |_| "x".to_owned(), |_| None);
    rules.add_all(EXPRESSIONS);
    rules.terminals(
        "BINARY: / ([-+*\\/%&|^<>]|<<|>>|<=|>=|==|!=|&&|\\|\\|) /\nPREFIX: \"!\" | \"~\" | \"-\" | \"!!\"\nWITHTYPE: \"min_t(\" | \"max_t(\" | \"clamp_t(\"",
    );
    let types: Vec<&str> = facts
        .iter()
        .flat_map(|f| &f.typedefs)
        .map(String::as_str)
        .filter(|n| !n.starts_with("__") && n.len() <= 40)
        .collect();
    let never = [&[KEYWORDS], types.as_slice()].concat().join("|");
    rules.terminals(&format!("ID: /[a-zA-Z_][a-zA-Z0-9_]{{0,40}}/ & ~/({never})/"));
    let used = |name: &str| facts.is_some_and(|f| f.used.contains(name));
    for name in types.iter().filter(|t| used(t)) {
        rules.add("specifier", &literal(name));
    }
    for name in facts.iter().flat_map(|f| &f.tagged) {
        rules.add("specifier", &literal(name));
    }
    for (prefix, jumps) in [
        ("f", &[][..]),
        ("s", &["break;"][..]),
        ("l", &["break;", "continue;"][..]),
    ] {
        rules.add_all(&format!(
            "{prefix}_simple: step \";\" | call \";\" | leave\n{prefix}_next: {prefix}_st | declaration | COMMENT\n{prefix}_leave: leave"
        ));
        for jump in jumps {
            rules.add(&format!("{prefix}_simple"), &literal(jump));
        }
        for label in &places.labels {
            rules.add(&format!("{prefix}_simple"), &literal(&format!("goto {label};")));
        }
        lark::compound(&mut rules, prefix, "l", "x");
    }
    rules.print()
}

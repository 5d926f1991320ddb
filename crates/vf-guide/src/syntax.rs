//! The arm `grammar`: C statements and expressions with any names, in the places of a function.
//!
//! The language is a subset of C11 6.5 and 6.8 in one spelling (blanks around binary operators, one statement a line):
//! no assignment within expressions, no comma operator, no labels, no `switch`, no escapes in strings other than
//! `\n`, `\t` and `\0`. Expressions are lists of operands between operators: priorities do not matter to whether a text is C.

use std::collections::BTreeSet;

use crate::lark::{self, Start, literal};
use crate::places::Places;

/// Keywords of C11 6.4.1, of C23 and of GNU C, which are no names.
const KEYWORDS: &str = "auto|break|case|char|const|continue|default|do|double|else|enum|extern|float|for|goto|if|inline|int|\
     long|register|restrict|return|short|signed|sizeof|static|struct|switch|typedef|union|unsigned|void|volatile|while|\
     asm|typeof|typeof_unqual|alignas|alignof|bool|constexpr|static_assert|thread_local|nullptr|true|false|_[A-Z].*|__.*";

const EXPRESSIONS: &str = r#"
x_condition: list | list " ? " list " : " list
list: unary | list BINARY unary
unary: PREFIX plain | plain | "&" post
plain: stars post | post | "(" type ")" plain | NUM | CHAR | FORMAT
stars: "*" | "**"
post: ID | "(" x_condition ")" | post "[" x_condition "]" | post "(" arguments? ")" | post "->" ID | post "." ID
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

/// The grammar of edits; `None` where the function has no place for one. `typedefs` are the names that are types, `used`
/// those that the file has: only types that it uses are offered.
pub fn grammar(
    places: &Places,
    typedefs: &BTreeSet<String>,
    used: &BTreeSet<String>,
    start: Start,
) -> Option<String> {
    let mut rules = lark::edits(places, |_| true, start);
    lark::bodies(&mut rules, places, |i| match places.slots.get(i) {
        Some(slot) if slot.in_loop => "l".to_owned(),
        Some(slot) if slot.breakable => "s".to_owned(),
        _ => "f".to_owned(),
    });
    rules.add_all(EXPRESSIONS);
    rules.terminals(
        "BINARY: / ([-+*\\/%&|^<>]|<<|>>|<=|>=|==|!=|&&|\\|\\|) /\nPREFIX: \"!\" | \"~\" | \"-\" | \"!!\"",
    );
    let types: Vec<&str> = typedefs
        .iter()
        .map(String::as_str)
        .filter(|n| !n.starts_with("__") && n.len() <= 40)
        .collect();
    let never = [&[KEYWORDS], types.as_slice()].concat().join("|");
    rules.terminals(&format!("ID: /[a-zA-Z_][a-zA-Z0-9_]{{0,40}}/ & ~/({never})/"));
    for name in types.iter().filter(|t| used.contains(**t)) {
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

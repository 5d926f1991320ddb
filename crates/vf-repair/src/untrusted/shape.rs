//! How large a function is, what it declares, and where array bounds stand.

use std::ops::Range;

use crate::ctext::functions::{functions, matching};
use crate::ctext::lex::{Token, TokenKind, is_keyword, tokens};

/// Brackets of any kind inside each other, at most.
pub fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for token in tokens(text).iter().filter(|t| t.kind == TokenKind::Punct) {
        match token.text(text) {
            "(" | "[" | "{" => {
                depth += 1;
                most = most.max(depth);
            }
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

/// Functions that a function declares inside of its body: `int g(int);`, `extern T h(void), k(void);`.
pub fn declared(text: &str) -> Vec<String> {
    let tokens: Vec<Token> = tokens(text)
        .into_iter()
        .filter(|t| t.kind != TokenKind::Directive)
        .collect();
    let body = tokens
        .iter()
        .position(|t| t.text(text) == "{")
        .map_or(tokens.len(), |at| at + 1);
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text(text));
    let mut found = Vec::new();
    let (mut start, mut depth) = (body, 0usize);
    for i in body..tokens.len() {
        match word(i) {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            // The clauses of `for` are no statements.
            ";" if depth == 0 => {
                // Labels may stand before a declaration.
                let choice = (start..i).find(|k| word(*k) == "?").unwrap_or(i);
                let label = (start..choice).rev().find(|k| word(*k) == ":");
                found.extend(declarators(text, &tokens, label.map_or(start, |k| k + 1)..i));
                start = i + 1;
            }
            "{" | "}" => (start, depth) = (i + 1, 0),
            _ => {}
        }
    }
    found
}

/// Names of functions among the declarators of a declaration.
fn declarators(text: &str, tokens: &[Token], range: Range<usize>) -> Vec<String> {
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text(text));
    let is_ident = |i: usize| tokens.get(i).is_some_and(|t| t.kind == TokenKind::Ident);
    let statement = [
        "return", "goto", "if", "else", "while", "for", "do", "switch", "case", "default", "sizeof",
    ];
    let first = word(range.start);
    let second = word(range.start + 1);
    // A type, and a name or a star behind it.
    let types = is_ident(range.start)
        && !statement.contains(&first)
        && (is_ident(range.start + 1) || second == "*" || is_keyword(first) && second == "(");
    if !types {
        return Vec::new();
    }
    let mut found = Vec::new();
    let (mut depth, mut initialised) = (0usize, false);
    for i in range.clone() {
        match word(i) {
            "(" => {
                let before = i.saturating_sub(1);
                let plain = before > range.start && is_ident(before) && !is_keyword(word(before));
                // `int (g)(void)`
                let wrapped =
                    word(before) == ")" && i >= range.start + 4 && word(i - 3) == "(" && is_ident(i - 2);
                if depth == 0 && !initialised && plain {
                    found.push(word(before).to_string());
                } else if depth == 0 && !initialised && wrapped && is_keyword(first) {
                    found.push(word(i - 2).to_string());
                }
                depth += 1;
            }
            "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "=" if depth == 0 => initialised = true,
            "," if depth == 0 => initialised = false,
            _ => {}
        }
    }
    found
}

/// Whether the bracket at a byte is that of an array in a declaration outside of functions: of a global or of a member.
pub fn is_declared_bound(text: &str, at: usize) -> bool {
    if functions(text).iter().any(|f| f.range.contains(&at)) {
        return false;
    }
    let tokens = tokens(text);
    let Some(open) = tokens
        .iter()
        .position(|t| t.start == at && t.kind == TokenKind::Punct)
    else {
        return false;
    };
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text(text));
    let kind = |i: usize| tokens.get(i).map(|t| t.kind);
    let Some(name) = open
        .checked_sub(1)
        .filter(|i| kind(*i) == Some(TokenKind::Ident) || word(*i) == "]")
    else {
        return false;
    };
    if matching(text, &tokens, open).is_none() {
        return false;
    }
    let mut depth = 0usize;
    for i in (0..=name).rev() {
        if kind(i) == Some(TokenKind::Directive) {
            return true;
        }
        match word(i) {
            ")" | "]" => depth += 1,
            "[" | "(" => match depth.checked_sub(1) {
                Some(less) => depth = less,
                // Inside of parameters, say.
                None => return false,
            },
            "=" if depth == 0 => return false,
            ";" | "}" if depth == 0 => return true,
            // Members stand behind a tag or a keyword; values behind `=`, `,` or another brace.
            "{" if depth == 0 => {
                return i
                    .checked_sub(1)
                    .is_some_and(|b| kind(b) == Some(TokenKind::Ident) || word(b) == ")");
            }
            _ => {}
        }
    }
    true
}

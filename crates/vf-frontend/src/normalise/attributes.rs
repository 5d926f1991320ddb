//! Reads attribute lists.

use std::ops::Range;

use crate::lex::{Token, TokenKind};
use crate::normalise::side::Attribute;

/// Index just past the bracket that closes the one at `open`; the end of the tokens where none does.
pub fn past_group(text: &str, tokens: &[Token], open: usize) -> usize {
    let mut depth = 0usize;
    for (i, token) in tokens.iter().enumerate().skip(open) {
        match token.text(text) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return i + 1;
                }
            }
            _ => {}
        }
        if depth == 0 {
            return i + 1;
        }
    }
    tokens.len()
}

/// The index after the attribute specifier that begins at `at` (`__attribute__((...))`, `[[...]]`,
/// `_Alignas(...)`); `None` if none begins there.
pub fn past_specifier(text: &str, tokens: &[Token], at: usize) -> Option<usize> {
    let next = |i: usize| tokens.get(at + i).map_or("", |t| t.text(text));
    match (next(0), next(1)) {
        ("__attribute__" | "__attribute" | "_Alignas", "(") => Some(past_group(text, tokens, at + 1)),
        ("[", "[") => Some(past_group(text, tokens, at)),
        _ => None,
    }
}

/// The attributes of the specifier whose tokens these are.
pub fn read(text: &str, specifier: &[Token]) -> Vec<Attribute> {
    let word = specifier.first().map_or("", |t| t.text(text));
    let inner = |skip: usize, end: usize| {
        let last = specifier.len().saturating_sub(end).max(skip);
        specifier.get(skip..last).unwrap_or(&[])
    };
    match word {
        "_Alignas" => {
            let arguments = split_commas(text, inner(2, 1));
            vec![attribute("_Alignas".into(), text, specifier, arguments)]
        }
        "[" => split_commas(text, inner(2, 2))
            .into_iter()
            .filter_map(|a| one(text, a))
            .collect(),
        _ => split_commas(text, inner(3, 2))
            .into_iter()
            .filter_map(|a| one(text, a))
            .collect(),
    }
}

/// `name`, `name(arguments)`, `namespace::name(arguments)`.
fn one(text: &str, mut tokens: &[Token]) -> Option<Attribute> {
    let all = tokens;
    while let [_, first, second, rest @ ..] = tokens {
        if !(first.is(text, ":") && second.is(text, ":")) {
            break;
        }
        tokens = rest;
    }
    let (name, rest) = tokens.split_first()?;
    let arguments = match rest {
        [open, inner @ .., _] if open.is(text, "(") => split_commas(text, inner),
        _ => Vec::new(),
    };
    let name = name.text(text);
    let bare = name
        .strip_prefix("__")
        .and_then(|n| n.strip_suffix("__"))
        .filter(|n| !n.is_empty());
    Some(attribute(bare.unwrap_or(name).to_string(), text, all, arguments))
}

fn attribute(name: String, text: &str, tokens: &[Token], arguments: Vec<&[Token]>) -> Attribute {
    let argument_ranges: Vec<Range<usize>> = arguments.into_iter().filter_map(range).collect();
    Attribute {
        name,
        arguments: argument_ranges
            .iter()
            .map(|r| text.get(r.clone()).unwrap_or("").to_string())
            .collect(),
        range: range(tokens).unwrap_or(0..0),
        argument_ranges,
    }
}

fn range(tokens: &[Token]) -> Option<Range<usize>> {
    Some(tokens.first()?.start as usize..tokens.last()?.end as usize)
}

/// The parts between commas outside brackets; an empty list has none.
fn split_commas<'t>(text: &str, tokens: &'t [Token]) -> Vec<&'t [Token]> {
    let mut parts = Vec::new();
    let mut depth = 0usize;
    let mut start = 0;
    for (i, token) in tokens
        .iter()
        .enumerate()
        .filter(|(_, t)| t.kind == TokenKind::Punct)
    {
        match token.text(text) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                parts.extend(tokens.get(start..i));
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.extend(tokens.get(start..));
    parts.retain(|p| !p.is_empty());
    parts
}

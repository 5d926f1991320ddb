//! Words, numbers and punctuators of an annotation. C's lexer does not do: `0..n` is one number to it, and `\valid`,
//! `==>` and `..` are no tokens of C.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Word,
    /// A word of ACSL's own, with its backslash.
    Backslash,
    Number,
    Punctuator,
}

#[derive(Clone, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Bytes in the annotation.
    pub range: Range<usize>,
}

/// Longest first.
const PUNCTUATORS: [&str; 38] = [
    "<==>", "==>", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "->", "..", "^^", "(", ")", "[", "]", "{",
    "}", "<", ">", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "?", ":", ";", ",", ".", "=", "@",
];

/// # Errors
/// What the annotation has that no token begins with.
pub fn tokenise(text: &str) -> Result<Vec<Token<'_>>, String> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while let Some(first) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let rest = &text[at..];
        let word = |from: usize| {
            let tail = rest.get(from..).unwrap_or("");
            let end = tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            from + end.unwrap_or(tail.len())
        };
        let (kind, length) = if first.is_whitespace() || first == '@' {
            // The `@` at the beginning of a line is decoration.
            at += first.len_utf8();
            continue;
        } else if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
            continue;
        } else if first.is_ascii_alphabetic() || first == '_' {
            (Kind::Word, word(1))
        } else if first == '\\' && word(1) > 1 {
            (Kind::Backslash, word(1))
        } else if first.is_ascii_digit() {
            (Kind::Number, word(1))
        } else if let Some(found) = PUNCTUATORS.iter().find(|p| rest.starts_with(**p)) {
            (Kind::Punctuator, found.len())
        } else {
            return Err(format!("`{first}`"));
        };
        tokens.push(Token {
            kind,
            text: &rest[..length],
            range: at..at + length,
        });
        at += length;
    }
    Ok(tokens)
}

/// A C integer constant (C11 6.4.4.1); its suffix says nothing about a mathematical integer.
pub fn number(text: &str) -> Option<i128> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let lower = digits.to_ascii_lowercase();
    if let Some(hexadecimal) = lower.strip_prefix("0x") {
        return i128::from_str_radix(hexadecimal, 16).ok();
    }
    if let Some(binary) = lower.strip_prefix("0b") {
        return i128::from_str_radix(binary, 2).ok();
    }
    match lower.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => i128::from_str_radix(octal, 8).ok(),
        _ => lower.parse().ok(),
    }
}

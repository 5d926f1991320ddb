//! C text as tokens: just enough to find statements and expressions in what the user wrote, before any
//! preprocessing. Comments and line splices are passed over, a preprocessor line is one token.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    Ident,
    Number,
    /// String literal or character constant.
    Text,
    Punct,
    /// A whole preprocessor line, continuation lines included.
    Directive,
}

/// A token and where it lies, in bytes of the text it was cut from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
}

impl Token {
    pub fn range(&self) -> Range<usize> {
        self.start..self.end
    }
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.start..self.end).unwrap_or("")
    }
}

/// Punctuators of C11 6.4.6, longest first.
const PUNCTUATORS: &[&str] = &[
    "...", "<<=", ">>=", "->", "++", "--", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "*=", "/=", "%=",
    "+=", "-=", "&=", "^=", "|=", "##",
];

/// Cuts a text into tokens. Never fails: a byte that fits nothing is a punctuator of its own, an
/// unterminated comment or literal runs to the end of the text or line.
pub fn tokens(source: &str) -> Vec<Token> {
    let bytes = source.as_bytes();
    let at = |i: usize| bytes.get(i).copied().unwrap_or(0);
    let mut found = Vec::new();
    let mut i = 0;
    let mut line_start = true;
    while i < bytes.len() {
        let byte = at(i);
        let start = i;
        let kind = match byte {
            b'\n' => {
                line_start = true;
                i += 1;
                continue;
            }
            b'\\' | b' ' | b'\t' | b'\r' | 0x0b | 0x0c => {
                i += 1;
                continue;
            }
            b'/' if at(i + 1) == b'/' => {
                i = end_of_line(bytes, i);
                continue;
            }
            b'/' if at(i + 1) == b'*' => {
                i = end_of_comment(source, i);
                continue;
            }
            b'#' if line_start => {
                i = end_of_directive(source, i);
                TokenKind::Directive
            }
            b'"' | b'\'' => {
                i = end_of_literal(bytes, i);
                TokenKind::Text
            }
            b'0'..=b'9' => {
                i = end_of_number(bytes, i);
                TokenKind::Number
            }
            b'.' if at(i + 1).is_ascii_digit() => {
                i = end_of_number(bytes, i);
                TokenKind::Number
            }
            b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' => {
                while matches!(at(i), b'_' | b'$' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9') {
                    i += 1;
                }
                // L"...", u8"...": a prefixed literal is one token.
                if matches!(at(i), b'"' | b'\'')
                    && matches!(source.get(start..i), Some("L" | "u" | "U" | "u8"))
                {
                    i = end_of_literal(bytes, i);
                    TokenKind::Text
                } else {
                    TokenKind::Ident
                }
            }
            _ => {
                let rest = source.get(i..).unwrap_or("");
                let length = PUNCTUATORS
                    .iter()
                    .find(|p| rest.starts_with(**p))
                    .map_or_else(|| rest.chars().next().map_or(1, char::len_utf8), |p| p.len());
                i += length;
                TokenKind::Punct
            }
        };
        line_start = false;
        found.push(Token { kind, start, end: i });
    }
    found
}

fn end_of_line(bytes: &[u8], mut i: usize) -> usize {
    while i < bytes.len() && bytes[i] != b'\n' {
        i += if bytes[i] == b'\\' && bytes.get(i + 1) == Some(&b'\n') {
            2
        } else {
            1
        };
    }
    i.min(bytes.len())
}

fn end_of_comment(source: &str, i: usize) -> usize {
    source
        .get(i + 2..)
        .and_then(|rest| rest.find("*/"))
        .map_or(source.len(), |n| i + 2 + n + 2)
}

/// A directive ends at the end of its line, outside of comments and not after a backslash.
fn end_of_directive(source: &str, mut i: usize) -> usize {
    let bytes = source.as_bytes();
    while i < bytes.len() && bytes[i] != b'\n' {
        if bytes[i] == b'\\' && bytes.get(i + 1) == Some(&b'\n') {
            i += 2;
        } else if bytes[i] == b'\\' && bytes.get(i + 1) == Some(&b'\r') && bytes.get(i + 2) == Some(&b'\n') {
            i += 3;
        } else if bytes[i] == b'/' && bytes.get(i + 1) == Some(&b'*') {
            i = end_of_comment(source, i);
        } else {
            i += 1;
        }
    }
    i.min(bytes.len())
}

fn end_of_literal(bytes: &[u8], start: usize) -> usize {
    let quote = bytes[start];
    let mut i = start + 1;
    while i < bytes.len() && bytes[i] != quote && bytes[i] != b'\n' {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    let end = if bytes.get(i) == Some(&quote) {
        i + 1
    } else {
        i.min(bytes.len())
    };
    // A backslash may have stepped into a multi-byte character at the end of the text.
    end.min(bytes.len())
}

/// A preprocessing number (C11 6.4.8).
fn end_of_number(bytes: &[u8], mut i: usize) -> usize {
    while let Some(byte) = bytes.get(i) {
        let exponent =
            matches!(byte, b'e' | b'E' | b'p' | b'P') && matches!(bytes.get(i + 1), Some(b'+' | b'-'));
        if exponent && !matches!(bytes.get(i.wrapping_sub(1)), Some(b'x' | b'X')) {
            i += 2;
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_') {
            i += 1;
        } else {
            break;
        }
    }
    i
}

/// The text with one space between tokens and no comments: equal for texts that differ in layout only.
pub fn normalised(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    for token in tokens(source) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(token.text(source));
    }
    out
}

/// Identifiers of a text, in order, repeated as often as they stand there.
pub fn identifiers(source: &str) -> Vec<&str> {
    tokens(source)
        .iter()
        .filter(|t| t.kind == TokenKind::Ident)
        .map(|t| t.text(source))
        .collect()
}

/// Whether an identifier stands in the text as a token.
pub fn mentions(source: &str, name: &str) -> bool {
    tokens(source)
        .iter()
        .any(|t| t.kind == TokenKind::Ident && t.text(source) == name)
}

/// The macro that a directive defines, if it defines one as something.
pub fn macro_of(directive: &str) -> Option<String> {
    let rest = directive.strip_prefix('#')?.trim_start().strip_prefix("define")?;
    let name = rest.trim_start();
    let end = name
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    // A guard against reading a header twice says nothing.
    let says_something = !name.get(end..).unwrap_or("").trim().is_empty();
    (end > 0 && says_something).then(|| name.get(..end).unwrap_or("").to_string())
}

/// Variables and members that a text mentions, each once: no functions, no keywords, no constants (all capitals).
pub fn variables(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut found: Vec<String> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let word = token.text(text);
        let call = tokens.get(i + 1).is_some_and(|t| t.text(text) == "(");
        let constant = !word.bytes().any(|b| b.is_ascii_lowercase());
        let wanted = token.kind == TokenKind::Ident && !is_keyword(word) && !call && !constant;
        if wanted && !found.iter().any(|f| f == word) {
            found.push(word.to_string());
        }
    }
    found
}

/// Keywords of C11 and GNU spellings of them: never the name of a function or variable.
pub fn is_keyword(word: &str) -> bool {
    matches!(
        word,
        "auto"
            | "break"
            | "case"
            | "char"
            | "const"
            | "continue"
            | "default"
            | "do"
            | "double"
            | "else"
            | "enum"
            | "extern"
            | "float"
            | "for"
            | "goto"
            | "if"
            | "inline"
            | "int"
            | "long"
            | "register"
            | "restrict"
            | "return"
            | "short"
            | "signed"
            | "sizeof"
            | "static"
            | "struct"
            | "switch"
            | "typedef"
            | "union"
            | "unsigned"
            | "void"
            | "volatile"
            | "while"
            | "_Bool"
            | "_Alignas"
            | "_Alignof"
            | "_Atomic"
            | "_Generic"
            | "_Noreturn"
            | "_Static_assert"
            | "_Thread_local"
            | "__inline"
            | "__inline__"
            | "__attribute__"
            | "__asm__"
            | "asm"
            | "__asm"
            | "typeof"
            | "__typeof__"
            | "__extension__"
            | "__restrict"
            | "__volatile__"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(source: &str) -> Vec<&str> {
        tokens(source).iter().map(|t| t.text(source)).collect()
    }

    #[test]
    fn comments_strings_and_directives() {
        let source = "#define X \\\n 1 /* a\n b */ 2\nchar *s = \"/* no */ \\\" ;\"; // end ; \\\n still\nx->y<<=1e+3;";
        assert_eq!(
            words(source),
            [
                "#define X \\\n 1 /* a\n b */ 2",
                "char",
                "*",
                "s",
                "=",
                "\"/* no */ \\\" ;\"",
                ";",
                "x",
                "->",
                "y",
                "<<=",
                "1e+3",
                ";"
            ]
        );
    }

    #[test]
    fn hexadecimal_numbers_do_not_swallow_a_sign() {
        assert_eq!(words("0xe+1"), ["0xe", "+", "1"]);
    }

    #[test]
    fn layout_does_not_matter() {
        assert_eq!(normalised("a [ i ]/* x */+\n1"), normalised("a[i] + 1"));
        assert_ne!(normalised("a[i]"), normalised("a[j]"));
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_gaps_that_hold_code(source in "\\PC{0,80}") {
            let mut at = 0;
            for token in tokens(&source) {
                prop_assert!(token.start >= at && token.end > token.start && token.end <= source.len());
                at = token.end;
            }
        }
    }
}

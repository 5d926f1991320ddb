//! Text that a reader, or this crate's lexer, takes for something else than the compiler does.
//!
//! C is read in phases (C11 5.1.1.2): trigraphs are replaced and lines that end in a backslash are joined before there are tokens, so
//! that `a\`, newline, `sm` is `asm`, and a comment can swallow the line after it. Digraphs (6.4.6p3), universal character names (6.4.3)
//! and characters that are not shown do the like. No repair needs any of it, so a candidate may not bring it in; what the
//! function has of it already stays.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ctext::lex::{Token, TokenKind, tokens};

/// What hides something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disguise {
    Trigraph,
    Digraph,
    /// A backslash at the end of a line, outside of a preprocessor line.
    JoinedLine,
    /// A backslash elsewhere in code: `\u0061`.
    Backslash,
    /// A letter that is not ASCII, in code.
    ForeignLetter,
    /// `[[`: attributes of C23.
    AttributeBrackets,
    UnendedComment,
    UnendedLiteral,
}

impl Disguise {
    const ALL: [Disguise; 8] = [
        Disguise::Trigraph,
        Disguise::Digraph,
        Disguise::JoinedLine,
        Disguise::Backslash,
        Disguise::ForeignLetter,
        Disguise::AttributeBrackets,
        Disguise::UnendedComment,
        Disguise::UnendedLiteral,
    ];
}

impl fmt::Display for Disguise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Disguise::Trigraph => "a trigraph",
            Disguise::Digraph => "a digraph",
            Disguise::JoinedLine => "a backslash at the end of a line",
            Disguise::Backslash => "a backslash outside of strings",
            Disguise::ForeignLetter => "a character that is not ASCII, outside of strings and comments",
            Disguise::AttributeBrackets => "`[[`, an attribute",
            Disguise::UnendedComment => "a comment that does not end",
            Disguise::UnendedLiteral => "a string or character that does not end on its line",
        })
    }
}

/// The first disguise that `new` has more of than `old`.
pub fn brought_in(old: &str, new: &str) -> Option<Disguise> {
    let (before, after) = (counts(old), counts(new));
    let more = before.iter().zip(&after).position(|(b, a)| a > b)?;
    Disguise::ALL.get(more).copied()
}

fn counts(text: &str) -> [usize; 8] {
    let mut found = [0; 8];
    let mut count = |what: Disguise, n: usize| {
        if let Some(at) = Disguise::ALL.iter().position(|d| *d == what)
            && let Some(slot) = found.get_mut(at)
        {
            *slot += n;
        }
    };
    let tokens = tokens(text);
    count(Disguise::Trigraph, trigraphs(text));
    let mut at = 0;
    for (i, token) in tokens.iter().enumerate() {
        gap(text.get(at..token.start).unwrap_or(""), &mut count);
        at = token.end;
        let own = token.text(text);
        match token.kind {
            TokenKind::Text => {
                count(Disguise::JoinedLine, joined_lines(own));
                count(Disguise::UnendedLiteral, usize::from(!is_ended(own)));
            }
            TokenKind::Punct => count(Disguise::ForeignLetter, usize::from(!own.is_ascii())),
            TokenKind::Directive | TokenKind::Ident | TokenKind::Number => {}
        }
        if let Some(next) = tokens.get(i + 1) {
            pair(text, token, next, &mut count);
        }
    }
    gap(text.get(at..).unwrap_or(""), &mut count);
    found
}

fn pair(text: &str, first: &Token, second: &Token, count: &mut impl FnMut(Disguise, usize)) {
    if first.kind != TokenKind::Punct {
        return;
    }
    let (a, b) = (first.text(text), second.text(text));
    if a == "[" && b == "[" {
        count(Disguise::AttributeBrackets, 1);
    }
    let digraph = matches!(
        (a, b),
        ("<", "%" | ":") | ("%", ">" | ":" | "%=") | (":", ">" | ">=" | ">>")
    );
    // `%:=`, `:>=` and the like: the second token is longer in this crate's reading.
    if digraph && first.end == second.start {
        count(Disguise::Digraph, 1);
    }
}

/// What lies between two tokens: space, comments, backslashes.
fn gap(text: &str, count: &mut impl FnMut(Disguise, usize)) {
    count(Disguise::JoinedLine, joined_lines(text));
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '/']) {
        let from = rest.get(at..).unwrap_or("");
        let skip = if from.starts_with("/*") {
            match from.get(2..).and_then(|inside| inside.find("*/")) {
                Some(end) => end + 4,
                None => {
                    count(Disguise::UnendedComment, 1);
                    return;
                }
            }
        } else if from.starts_with("//") {
            // Where it goes on after a backslash, that is counted as such.
            from.find('\n').unwrap_or(from.len())
        } else {
            if from.starts_with('\\') && joins(from).is_none() {
                count(Disguise::Backslash, 1);
            }
            1
        };
        rest = from.get(skip..).unwrap_or("");
    }
}

fn is_ended(literal: &str) -> bool {
    let Some(open) = literal.find(['"', '\'']) else {
        return false;
    };
    let bytes = literal.as_bytes();
    let (Some(quote), Some(last)) = (bytes.get(open), bytes.last()) else {
        return false;
    };
    let escapes = bytes.iter().rev().skip(1).take_while(|b| **b == b'\\').count();
    bytes.len() > open + 1 && quote == last && escapes % 2 == 0
}

/// Length of a backslash that joins lines, where the text begins with one: GCC and Clang let white space stand behind it.
fn joins(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('\\')?;
    let space = rest
        .bytes()
        .take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | 0x0b | 0x0c))
        .count();
    (rest.as_bytes().get(space) == Some(&b'\n')).then_some(space + 2)
}

fn joined_lines(text: &str) -> usize {
    text.match_indices('\\')
        .filter(|(at, _)| text.get(*at..).and_then(joins).is_some())
        .count()
}

/// What a trigraph (C11 5.2.1.1) stands for.
fn trigraph(text: &str) -> Option<char> {
    let rest = text.strip_prefix("??")?;
    Some(match rest.chars().next()? {
        '=' => '#',
        '/' => '\\',
        '\'' => '^',
        '(' => '[',
        ')' => ']',
        '!' => '|',
        '<' => '{',
        '>' => '}',
        '-' => '~',
        _ => return None,
    })
}

fn trigraphs(text: &str) -> usize {
    text.match_indices("??")
        .filter(|(at, _)| text.get(*at..).and_then(trigraph).is_some())
        .count()
}

/// The text after translation phases 1 and 2; `None` where they change nothing.
pub fn translated(text: &str) -> Option<String> {
    if joined_lines(text) == 0 && trigraphs(text) == 0 {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (put, length) = trigraph(rest).map_or((c, c.len_utf8()), |c| (c, 3));
        plain.push(put);
        rest = rest.get(length..).unwrap_or("");
    }
    let mut joined = String::with_capacity(plain.len());
    let mut rest = plain.as_str();
    while let Some(at) = rest.find('\\') {
        joined.push_str(rest.get(..at).unwrap_or(""));
        let from = rest.get(at..).unwrap_or("");
        let length = joins(from).unwrap_or_else(|| {
            joined.push('\\');
            1
        });
        rest = from.get(length..).unwrap_or("");
    }
    joined.push_str(rest);
    Some(joined)
}

/// A character that is not shown, or that changes the order in which others are (Boucher and Anderson, *Trojan Source*, 2021); what
/// stands for bytes that are no UTF-8; a carriage return inside of a line, which some compilers end a line at.
pub fn invisible(old: &str, new: &str) -> Option<char> {
    let is_bad = |text: &str, at: usize, c: char| match c {
        '\t' | '\n' => false,
        '\r' => !text.get(at..).is_some_and(|rest| rest.starts_with("\r\n")),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' => true,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffd}' | '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    };
    let bad = |text: &str| -> Vec<char> {
        text.char_indices()
            .filter(|(at, c)| is_bad(text, *at, *c))
            .map(|(_, c)| c)
            .collect()
    };
    let (before, after) = (bad(old), bad(new));
    let times = |all: &[char], c: char| all.iter().filter(|x| **x == c).count();
    after
        .iter()
        .copied()
        .find(|c| times(&after, *c) > times(&before, *c))
}

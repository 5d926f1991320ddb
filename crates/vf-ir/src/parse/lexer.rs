//! Tokens of the text form.

use std::fmt;

use super::{ParseError, ParseErrorKind};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// Keyword or name; a `-` between letters belongs to it.
    Word(String),
    Int(u128),
    /// Bytes between quotes, escapes undone.
    String(Vec<u8>),
    Punct(&'static str),
    End,
}

#[derive(Clone, Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenKind::Word(word) => write!(f, "'{word}'"),
            TokenKind::Int(value) => write!(f, "{value}"),
            TokenKind::String(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
            TokenKind::Punct(punct) => write!(f, "'{punct}'"),
            TokenKind::End => f.write_str("the end of the text"),
        }
    }
}

/// Longer ones first.
const PUNCTS: [&str; 24] = [
    "...", "..=", "=>", "->", "%", "&", "$", "^", "#", "@", ":", ",", "(", ")", "{", "}", "[", "]", "*", "?",
    "=", "-", "+", "/",
];

/// The tokens of a text; the last is always [`TokenKind::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, ParseError> {
    let mut lexer = Lexer {
        rest: text,
        line: 1,
        column: 1,
    };
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blank();
        let (line, column) = (lexer.line, lexer.column);
        let kind = lexer.token().map_err(|kind| ParseError { line, column, kind })?;
        let end = kind == TokenKind::End;
        tokens.push(Token { kind, line, column });
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'t> {
    rest: &'t str,
    line: u32,
    column: u32,
}

impl<'t> Lexer<'t> {
    /// Consumes `bytes` bytes (a character boundary) and returns them.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        for byte in taken.bytes() {
            if byte == b'\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        taken
    }

    fn skip_blank(&mut self) {
        loop {
            let blank = self.rest.len() - self.rest.trim_start().len();
            self.take(blank);
            if !self.rest.starts_with(';') {
                return;
            }
            self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
        }
    }

    fn token(&mut self) -> Result<TokenKind, ParseErrorKind> {
        let Some(first) = self.rest.chars().next() else {
            return Ok(TokenKind::End);
        };
        if first == '"' {
            return self.string();
        }
        if first.is_ascii_digit() {
            let len = self.rest.bytes().take_while(u8::is_ascii_digit).count();
            let digits = self.rest.get(..len).unwrap_or_default();
            let value = digits
                .parse()
                .map_err(|_| ParseErrorKind::NumberTooLarge { limit: u128::MAX })?;
            self.take(len);
            return Ok(TokenKind::Int(value));
        }
        let after_dot = self.rest.strip_prefix('.').unwrap_or(self.rest);
        if after_dot.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return Ok(TokenKind::Word(
                self.take(word_length(self.rest.as_bytes())).to_string(),
            ));
        }
        for punct in PUNCTS {
            if self.rest.starts_with(punct) {
                self.take(punct.len());
                return Ok(TokenKind::Punct(punct));
            }
        }
        Err(ParseErrorKind::UnknownCharacter(first))
    }

    fn string(&mut self) -> Result<TokenKind, ParseErrorKind> {
        let mut bytes = Vec::new();
        let mut escaped = false;
        for (index, byte) in self.rest.bytes().enumerate().skip(1) {
            match byte {
                b'\n' => break,
                _ if escaped => {
                    escaped = false;
                    bytes.push(byte);
                }
                b'\\' => {
                    escaped = true;
                    bytes.push(byte);
                }
                b'"' => {
                    self.take(index + 1);
                    return Ok(TokenKind::String(unescape(&bytes)?));
                }
                _ => bytes.push(byte),
            }
        }
        Err(ParseErrorKind::UnterminatedString)
    }
}

fn word_length(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let hyphen = *byte == b'-' && bytes.get(length + 1).is_some_and(u8::is_ascii_alphabetic);
        if !(byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'.' || hyphen) {
            break;
        }
        length += 1;
    }
    length
}

fn unescape(raw: &[u8]) -> Result<Vec<u8>, ParseErrorKind> {
    let mut bytes = raw.iter().copied();
    let mut out = Vec::with_capacity(raw.len());
    let hex = |byte: Option<u8>| {
        byte.and_then(|b| char::from(b).to_digit(16))
            .ok_or(ParseErrorKind::BadEscape)
    };
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'n') => b'\n',
            Some(quoted @ (b'"' | b'\\')) => quoted,
            Some(b'x') => (hex(bytes.next())? * 16 + hex(bytes.next())?) as u8,
            _ => return Err(ParseErrorKind::BadEscape),
        });
    }
    Ok(out)
}

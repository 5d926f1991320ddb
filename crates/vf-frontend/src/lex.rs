//! C tokens of preprocessed or original text, by byte offset. Total: any bytes at all give a token list.

use std::ops::Range;

/// What a token is, as far as splitting and rewriting care.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// Identifier or keyword.
    Word,
    /// Preprocessing number (C11 6.4.8), so `1.e+5f` and `0x1p-3` are one token.
    Number,
    /// String literal with its prefix.
    String,
    /// Character constant with its prefix.
    Char,
    Punct,
    /// A whole `# ...` line: a line marker, a pragma, or (in original text) a directive, with its continuations.
    Directive,
    /// A byte that begins no token.
    Stray,
}

/// One token: a stretch of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    pub start: u32,
    pub end: u32,
    pub kind: TokenKind,
    /// White space, a comment or the start of the text lies before it.
    pub spaced: bool,
}

impl Token {
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
    /// The token's text; empty if the token is not of this text.
    pub fn text(self, text: &str) -> &str {
        text.get(self.range()).unwrap_or("")
    }
}

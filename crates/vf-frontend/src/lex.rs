//! C tokens of preprocessed or original text, by byte offset (C11 6.4). Total: any bytes at all give a list of
//! tokens, in order, that do not overlap and never cut a UTF-8 character.

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
    /// White space, a comment, a directive or the start of the text lies before it.
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
    /// Whether it is this punctuator or word.
    pub fn is(self, text: &str, what: &str) -> bool {
        self.text(text) == what
    }
}

/// Longest text that is lexed: positions are 32 bits wide.
pub const MAX_TEXT: usize = u32::MAX as usize - 1;

/// All tokens of a text, comments and white space left out. Text beyond [`MAX_TEXT`] is not read.
pub fn lex(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let bytes = &bytes[..bytes.len().min(MAX_TEXT)];
    let mut lexer = Lexer {
        bytes,
        at: 0,
        line_start: true,
    };
    let mut tokens = Vec::with_capacity(bytes.len() / 4);
    while let Some(token) = lexer.token() {
        tokens.push(token);
    }
    tokens
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Nothing but white space and comments since the last newline.
    line_start: bool,
}

fn begins_word(b: u8) -> bool {
    b.is_ascii_alphabetic() || b == b'_' || b == b'$' || b >= 0x80
}

fn continues_word(b: u8) -> bool {
    begins_word(b) || b.is_ascii_digit()
}

impl Lexer<'_> {
    /// The byte `ahead` of the current one; 0 past the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn token(&mut self) -> Option<Token> {
        let before = self.at;
        self.space();
        let start = self.at;
        if start >= self.bytes.len() {
            return None;
        }
        let spaced = start > before || start == 0;
        let first = self.peek(0);
        let kind = if first == b'#' && self.line_start {
            self.directive();
            TokenKind::Directive
        } else if begins_word(first) {
            self.word()
        } else if first.is_ascii_digit() || (first == b'.' && self.peek(1).is_ascii_digit()) {
            self.number();
            TokenKind::Number
        } else if first == b'"' {
            self.quoted(b'"');
            TokenKind::String
        } else if first == b'\'' {
            self.quoted(b'\'');
            TokenKind::Char
        } else {
            let len = punctuator(self.bytes.get(start..).unwrap_or(&[]));
            self.at += len.max(1);
            if len == 0 {
                TokenKind::Stray
            } else {
                TokenKind::Punct
            }
        };
        self.line_start = false;
        if kind == TokenKind::Directive {
            self.line_start = true;
        }
        Some(Token {
            start: start as u32,
            end: self.at as u32,
            kind,
            spaced,
        })
    }

    /// Skips white space, comments and spliced lines.
    fn space(&mut self) {
        loop {
            match self.peek(0) {
                b'\n' => {
                    self.line_start = true;
                    self.at += 1;
                }
                b' ' | b'\t' | b'\r' | 0x0b | 0x0c => self.at += 1,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'\\' if self.peek(1) == b'\r' && self.peek(2) == b'\n' => self.at += 3,
                b'/' if self.peek(1) == b'/' => self.skip_to_line_end(),
                b'/' if self.peek(1) == b'*' => self.block_comment(),
                _ => return,
            }
            if self.at >= self.bytes.len() {
                self.at = self.bytes.len();
                return;
            }
        }
    }

    /// To the newline that ends the logical line, not past it.
    fn skip_to_line_end(&mut self) {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => return,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'\\' if self.peek(1) == b'\r' && self.peek(2) == b'\n' => self.at += 3,
                _ => self.at += 1,
            }
        }
    }

    fn block_comment(&mut self) {
        self.at += 2;
        while self.at < self.bytes.len() {
            if self.peek(0) == b'*' && self.peek(1) == b'/' {
                self.at += 2;
                return;
            }
            self.at += 1;
        }
    }

    /// A directive runs to the end of its logical line; a comment in it may span lines.
    fn directive(&mut self) {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => return,
                b'\\' if self.peek(1) == b'\n' => self.at += 2,
                b'/' if self.peek(1) == b'*' => self.block_comment(),
                b'/' if self.peek(1) == b'/' => return self.skip_to_line_end(),
                b'"' => self.quoted(b'"'),
                _ => self.at += 1,
            }
        }
        self.at = self.at.min(self.bytes.len());
    }

    fn word(&mut self) -> TokenKind {
        let start = self.at;
        while continues_word(self.peek(0)) && self.at < self.bytes.len() {
            self.at += 1;
        }
        let word = self.bytes.get(start..self.at).unwrap_or(&[]);
        match (word, self.peek(0)) {
            (b"L" | b"u" | b"U" | b"u8", b'"') => {
                self.quoted(b'"');
                TokenKind::String
            }
            (b"L" | b"u" | b"U" | b"u8", b'\'') => {
                self.quoted(b'\'');
                TokenKind::Char
            }
            (b"R" | b"LR" | b"uR" | b"UR" | b"u8R", b'"') if self.raw_string() => TokenKind::String,
            _ => TokenKind::Word,
        }
    }

    /// `"delim( ... )delim"` (a GNU extension in C). False, and nothing consumed, if it is not one.
    fn raw_string(&mut self) -> bool {
        let rest = self.bytes.get(self.at + 1..).unwrap_or(&[]);
        let Some(open) = rest.iter().take(17).position(|b| *b == b'(') else {
            return false;
        };
        let delimiter = rest.get(..open).unwrap_or(&[]);
        let mut close = vec![b')'];
        close.extend_from_slice(delimiter);
        close.push(b'"');
        let body = rest.get(open..).unwrap_or(&[]);
        let Some(end) = body.windows(close.len()).position(|w| w == close) else {
            return false;
        };
        self.at += 1 + open + end + close.len();
        true
    }

    fn number(&mut self) {
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'e' | b'E' | b'p' | b'P' if matches!(self.peek(1), b'+' | b'-') => self.at += 2,
                b if continues_word(b) || b == b'.' => self.at += 1,
                _ => return,
            }
        }
    }

    /// To the closing quote, or to the end of the line where it is missing.
    fn quoted(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.bytes.len() {
            match self.peek(0) {
                b'\n' => return,
                // A spliced newline too. A character after the backslash may be wide: its other bytes follow.
                b'\\' => self.at = (self.at + 2).min(self.bytes.len()),
                b if b == quote => {
                    self.at += 1;
                    return;
                }
                _ => self.at += 1,
            }
        }
    }
}

/// Length of the punctuator (C11 6.4.6) that begins the bytes; 0 for none.
fn punctuator(bytes: &[u8]) -> usize {
    let get = |i: usize| bytes.get(i).copied().unwrap_or(0);
    match (get(0), get(1), get(2)) {
        (b'.', b'.', b'.') | (b'<', b'<', b'=') | (b'>', b'>', b'=') => 3,
        (b'-', b'>' | b'-' | b'=', _)
        | (b'+', b'+' | b'=', _)
        | (b'<', b'<' | b'=' | b':' | b'%', _)
        | (b'>', b'>' | b'=', _)
        | (b'=' | b'!' | b'*' | b'/' | b'^', b'=', _)
        | (b'&', b'&' | b'=', _)
        | (b'|', b'|' | b'=', _)
        | (b'%', b'=' | b'>' | b':', _)
        | (b':', b'>', _)
        | (b'#', b'#', _) => 2,
        (
            b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'.' | b'&' | b'*' | b'+' | b'-' | b'~' | b'!' | b'/'
            | b'%' | b'<' | b'>' | b'^' | b'|' | b'?' | b':' | b';' | b'=' | b',' | b'#',
            _,
            _,
        ) => 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<&str> {
        lex(text).into_iter().map(|t| t.text(text)).collect()
    }

    #[test]
    fn tokens_of_every_kind() {
        assert_eq!(
            words("a+=b->c[0x1p-3]<<=L\"x\\\"y\"'\\''...;"),
            [
                "a",
                "+=",
                "b",
                "->",
                "c",
                "[",
                "0x1p-3",
                "]",
                "<<=",
                "L\"x\\\"y\"",
                "'\\''",
                "...",
                ";"
            ]
        );
        assert_eq!(words("x = R\"k(a\"b\n)k\";"), ["x", "=", "R\"k(a\"b\n)k\"", ";"]);
        assert_eq!(words("a /* b \n */ c // d \\\n e\nf"), ["a", "c", "f"]);
    }

    #[test]
    fn a_directive_is_one_token_with_its_continuations() {
        let text = "int a; # b\n  #define X \\\n  y\n#pragma z /* \n */ w\nc";
        assert_eq!(
            words(text),
            [
                "int",
                "a",
                ";",
                "#",
                "b",
                "#define X \\\n  y",
                "#pragma z /* \n */ w",
                "c"
            ]
        );
    }

    #[test]
    fn an_unterminated_string_ends_with_its_line() {
        assert_eq!(words("\"abc\nd 'e\nf \""), ["\"abc", "d", "'e", "f", "\""]);
        assert_eq!(words("\"\\"), ["\"\\"]);
    }

    proptest! {
        #[test]
        fn any_text_gives_ordered_tokens(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let text = String::from_utf8_lossy(&bytes);
            let mut last = 0;
            for token in lex(&text) {
                prop_assert!(token.start as usize >= last && token.end > token.start);
                last = token.end as usize;
                prop_assert!(text.get(token.range()).is_some());
            }
        }

        #[test]
        fn any_c_like_text_gives_ordered_tokens(text in "[ -~\n\\\\\"'/*#é]{0,80}") {
            let mut last = 0;
            for token in lex(&text) {
                prop_assert!(token.start as usize >= last && token.end > token.start);
                last = token.end as usize;
                prop_assert!(text.get(token.range()).is_some());
            }
        }
    }
}

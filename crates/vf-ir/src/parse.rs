//! Reads the text form of programs back. The grammar is in [`crate::print`].
//!
//! Names may be used before they are declared, so a first look over the tokens collects the declarations,
//! and records are read before everything else. What is read has no reference to a local, block, record,
//! function or global that does not exist; types are not checked.

use vf_source::tables::HashMap;

use vf_source::{FileId, Position, Span};

use crate::program::{FunctionId, GlobalId, Program};
use crate::types::{DataModel, Record, RecordId};

mod body;
mod declarations;
mod expression;
mod lexer;

use lexer::{Token, TokenKind};

/// Why a text is not a program, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {kind}")]
pub struct ParseError {
    /// From 1.
    pub line: u32,
    /// From 1, in bytes.
    pub column: u32,
    pub kind: ParseErrorKind,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseErrorKind {
    #[error("expected {expected}, found {found}")]
    Expected { expected: String, found: String },
    #[error("no {what} is named '{name}'")]
    UnknownName { what: &'static str, name: String },
    #[error("more than one {what} is named '{name}': write its number after the name ('{name}#0')")]
    AmbiguousName { what: &'static str, name: String },
    #[error("{what} number {number} does not exist (there are {count})")]
    OutOfRange {
        what: &'static str,
        number: u128,
        count: usize,
    },
    #[error("this is {what} number {actual}, not {written}")]
    WrongNumber {
        what: &'static str,
        written: u128,
        actual: usize,
    },
    #[error("number is larger than {limit}")]
    NumberTooLarge { limit: u128 },
    #[error("{value} does not fit in {bits} bits")]
    DoesNotFit { value: u128, bits: u32 },
    #[error("obligation number {number} is described twice")]
    ObligationTwice { number: u128 },
    #[error("obligation number {number} is not described")]
    ObligationMissing { number: usize },
    #[error("string is not ended on its line")]
    UnterminatedString,
    #[error("unknown escape in string (known: \\\\ \\\" \\n \\xNN)")]
    BadEscape,
    #[error("string is not UTF-8 text")]
    NotUtf8,
    #[error("character {0:?} does not belong here")]
    UnknownCharacter(char),
    #[error("nested more than {limit} deep")]
    TooDeep { limit: u32 },
}

/// How deep types and expressions may nest.
pub const MAX_DEPTH: u32 = 1000;

/// Reads a whole program.
pub fn parse_program(text: &str) -> Result<Program, ParseError> {
    let tokens = lexer::tokens(text)?;
    let outline = Outline::of(&tokens);
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
        outline: &outline,
        records: &[],
    };
    let mut program = Program {
        model: parser.model()?,
        records: Vec::new(),
        globals: Vec::new(),
        functions: Vec::new(),
    };
    for (index, start) in outline.records.starts.iter().enumerate() {
        parser.at = *start;
        program.records.push(parser.record(index)?);
    }
    let mut parser = Parser {
        tokens: &tokens,
        at: 2,
        depth: 0,
        outline: &outline,
        records: &program.records,
    };
    let mut skipped_records = 0;
    loop {
        if parser.is_word("struct") || parser.is_word("union") {
            parser.record(skipped_records)?;
            skipped_records += 1;
        } else if parser.is_word("global") {
            program.globals.push(parser.global(program.globals.len())?);
        } else if parser.is_word("fn") {
            program.functions.push(parser.function(program.functions.len())?);
        } else if parser.peek() == &TokenKind::End {
            return Ok(program);
        } else {
            return Err(parser.expected("'struct', 'union', 'global', 'fn' or the end of the text"));
        }
    }
}

/// Names by kind, each with the indices of its declarations.
#[derive(Default)]
struct Names {
    count: usize,
    by_name: HashMap<String, Vec<usize>>,
    /// Token index of each declaration.
    starts: Vec<usize>,
}

impl Names {
    fn add(&mut self, name: &str, start: usize) {
        self.by_name.entry(name.to_string()).or_default().push(self.count);
        self.count += 1;
        self.starts.push(start);
    }
}

/// The declarations at the outermost level.
#[derive(Default)]
struct Outline {
    records: Names,
    globals: Names,
    functions: Names,
}

impl Outline {
    fn of(tokens: &[Token]) -> Outline {
        let mut outline = Outline::default();
        let mut depth = 0usize;
        // A name after a declaring keyword or a sigil may itself be such a keyword.
        let mut name_follows = false;
        for (index, pair) in tokens.windows(2).enumerate() {
            let (keyword, name) = (&pair[0].kind, &pair[1].kind);
            match keyword {
                TokenKind::Punct("{") => depth += 1,
                TokenKind::Punct("}") => depth = depth.saturating_sub(1),
                TokenKind::Word(word) if depth == 0 && !name_follows => {
                    let names = match word.as_str() {
                        "struct" | "union" => &mut outline.records,
                        "global" => &mut outline.globals,
                        "fn" => &mut outline.functions,
                        _ => continue,
                    };
                    let name = match name {
                        TokenKind::Word(name) => name.clone(),
                        TokenKind::String(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                        _ => continue,
                    };
                    names.add(&name, index);
                    name_follows = true;
                    continue;
                }
                _ => {}
            }
            name_follows = matches!(keyword, TokenKind::Punct("^" | "%"));
        }
        outline
    }
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    depth: u32,
    outline: &'t Outline,
    /// Records read so far, for member names.
    records: &'t [Record],
}

const END: TokenKind = TokenKind::End;

impl Parser<'_> {
    fn peek(&self) -> &TokenKind {
        self.tokens.get(self.at).map_or(&END, |t| &t.kind)
    }

    fn peek_second(&self) -> &TokenKind {
        self.tokens.get(self.at + 1).map_or(&END, |t| &t.kind)
    }

    fn error_at(&self, token: usize, kind: ParseErrorKind) -> ParseError {
        let (line, column) = self
            .tokens
            .get(token)
            .or(self.tokens.last())
            .map_or((1, 1), |t| (t.line, t.column));
        ParseError { line, column, kind }
    }

    fn error(&self, kind: ParseErrorKind) -> ParseError {
        self.error_at(self.at, kind)
    }

    fn expected(&self, what: &str) -> ParseError {
        self.error(ParseErrorKind::Expected {
            expected: what.to_string(),
            found: self.peek().to_string(),
        })
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), TokenKind::Word(w) if w == word)
    }

    fn is_punct(&self, punct: &str) -> bool {
        matches!(self.peek(), TokenKind::Punct(p) if *p == punct)
    }

    /// Consumes the keyword if it stands here.
    fn word(&mut self, word: &str) -> bool {
        let here = self.is_word(word);
        self.at += usize::from(here);
        here
    }

    fn punct(&mut self, punct: &str) -> bool {
        let here = self.is_punct(punct);
        self.at += usize::from(here);
        here
    }

    fn need_word(&mut self, word: &str) -> Result<(), ParseError> {
        if self.word(word) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{word}'")))
        }
    }

    fn need(&mut self, punct: &str) -> Result<(), ParseError> {
        if self.punct(punct) {
            Ok(())
        } else {
            Err(self.expected(&format!("'{punct}'")))
        }
    }

    /// The next word, if `read` makes something of it.
    fn word_as<T>(&mut self, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, ParseError> {
        if let TokenKind::Word(word) = self.peek()
            && let Some(value) = read(word)
        {
            self.at += 1;
            return Ok(value);
        }
        Err(self.expected(what))
    }

    fn integer(&mut self) -> Result<u128, ParseError> {
        match *self.peek() {
            TokenKind::Int(value) => {
                self.at += 1;
                Ok(value)
            }
            _ => Err(self.expected("a number")),
        }
    }

    fn integer_as<T: TryFrom<u128>>(&mut self, limit: u128) -> Result<T, ParseError> {
        let at = self.at;
        let value = self.integer()?;
        T::try_from(value).map_err(|_| self.error_at(at, ParseErrorKind::NumberTooLarge { limit }))
    }

    fn u32(&mut self) -> Result<u32, ParseError> {
        self.integer_as(u128::from(u32::MAX))
    }

    fn u64(&mut self) -> Result<u64, ParseError> {
        self.integer_as(u128::from(u64::MAX))
    }

    fn i64(&mut self) -> Result<i64, ParseError> {
        let at = self.at;
        let negative = self.punct("-");
        let value = self.integer()?;
        let signed = i128::try_from(value).ok().map(|v| if negative { -v } else { v });
        signed.and_then(|v| i64::try_from(v).ok()).ok_or_else(|| {
            self.error_at(
                at,
                ParseErrorKind::NumberTooLarge {
                    limit: u128::from(i64::MAX.unsigned_abs()),
                },
            )
        })
    }

    fn bytes(&mut self) -> Result<Vec<u8>, ParseError> {
        let TokenKind::String(bytes) = self.peek() else {
            return Err(self.expected("a string"));
        };
        let bytes = bytes.clone();
        self.at += 1;
        Ok(bytes)
    }

    fn string(&mut self) -> Result<String, ParseError> {
        let at = self.at;
        String::from_utf8(self.bytes()?).map_err(|_| self.error_at(at, ParseErrorKind::NotUtf8))
    }

    fn name(&mut self) -> Result<String, ParseError> {
        if let TokenKind::Word(name) = self.peek() {
            let name = name.clone();
            self.at += 1;
            return Ok(name);
        }
        if matches!(self.peek(), TokenKind::String(_)) {
            self.string()
        } else {
            Err(self.expected("a name"))
        }
    }

    /// A declared name, with its number checked if it is written.
    fn declared(&mut self, what: &'static str, index: usize) -> Result<String, ParseError> {
        let name = self.name()?;
        if self.is_punct("#") {
            self.own_number(what, index)?;
        }
        Ok(name)
    }

    fn own_number(&mut self, what: &'static str, actual: usize) -> Result<(), ParseError> {
        self.need("#")?;
        let at = self.at;
        let written = self.integer()?;
        if written == actual as u128 {
            Ok(())
        } else {
            Err(self.error_at(
                at,
                ParseErrorKind::WrongNumber {
                    what,
                    written,
                    actual,
                },
            ))
        }
    }

    /// A reference by name or number to one of `names`.
    fn reference(&mut self, what: &'static str, names: &Names) -> Result<u32, ParseError> {
        let at = self.at;
        let name = match self.peek() {
            TokenKind::Word(name) => Some(name.clone()),
            TokenKind::Punct("#") => None,
            _ => return Err(self.expected(&format!("the name or number of a {what}"))),
        };
        self.at += usize::from(name.is_some());
        if self.punct("#") {
            let number = self.integer()?;
            let index = usize::try_from(number).ok().filter(|i| *i < names.count);
            let missing = ParseErrorKind::OutOfRange {
                what,
                number,
                count: names.count,
            };
            return index.map(|i| i as u32).ok_or_else(|| self.error_at(at, missing));
        }
        let name = name.unwrap_or_default();
        match names.by_name.get(&name).map(Vec::as_slice) {
            Some([index]) => Ok(*index as u32),
            None | Some([]) => Err(self.error_at(at, ParseErrorKind::UnknownName { what, name })),
            Some(_) => Err(self.error_at(at, ParseErrorKind::AmbiguousName { what, name })),
        }
    }

    fn global_ref(&mut self) -> Result<GlobalId, ParseError> {
        let outline = self.outline;
        self.reference("global", &outline.globals).map(GlobalId)
    }

    fn function_ref(&mut self) -> Result<FunctionId, ParseError> {
        let outline = self.outline;
        self.reference("function", &outline.functions).map(FunctionId)
    }

    fn record_ref(&mut self) -> Result<RecordId, ParseError> {
        self.need("^")?;
        let outline = self.outline;
        self.reference("record", &outline.records).map(RecordId)
    }

    /// A span if one stands here.
    fn span(&mut self) -> Result<Span, ParseError> {
        if !self.punct("@") {
            return Ok(Span::NONE);
        }
        let file = FileId(self.u32()?);
        self.need(":")?;
        let start = self.position()?;
        self.need("-")?;
        Ok(Span {
            file,
            start,
            end: self.position()?,
        })
    }

    fn position(&mut self) -> Result<Position, ParseError> {
        let line = self.u32()?;
        self.need(":")?;
        Ok(Position {
            line,
            column: self.u32()?,
        })
    }

    /// Runs `read` one level deeper.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, ParseError>) -> Result<T, ParseError> {
        if self.depth >= MAX_DEPTH {
            return Err(self.error(ParseErrorKind::TooDeep { limit: MAX_DEPTH }));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn model(&mut self) -> Result<DataModel, ParseError> {
        self.need_word("model")?;
        self.word_as("'lp64' or 'ilp32'", |word| match word {
            "lp64" => Some(DataModel::Lp64),
            "ilp32" => Some(DataModel::Ilp32),
            _ => None,
        })
    }
}

/// `32` of `i32`; only 1 to 128 bits make a width of an integer, but any number can be written for a float.
fn width_of(word: &str, letter: char) -> Option<u32> {
    let digits = word.strip_prefix(letter)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit()) && (digits == "0" || !digits.starts_with('0'));
    let bits = if plain { digits.parse().ok()? } else { return None };
    (1..=128).contains(&bits).then_some(bits)
}

#[cfg(test)]
mod tests;

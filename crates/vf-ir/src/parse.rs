//! Reads the text form of programs back. The grammar is in [`crate::print`].
//!
//! Names may be used before they are declared, so a first look over the tokens collects the declarations,
//! and records are read before everything else. What is read has no reference to a local, block, record,
//! function or global that does not exist; types are not checked.

use std::collections::HashMap;

use vf_source::{FileId, Position, Span};

use crate::program::{
    Body, Function, FunctionId, Global, GlobalId, InitItem, InitValue, Initial, Local, LocalId, Program,
    Storage, Unsupported,
};
use crate::types::{ArrayLen, BitField, CType, DataModel, Field, FunctionType, Record, RecordId, Ty};

mod body;
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

    fn record(&mut self, index: usize) -> Result<Record, ParseError> {
        let is_union = self.is_word("union");
        self.at += 1;
        let name = self.declared("record", index)?;
        let size = if self.word("size") {
            Some(self.u64()?)
        } else {
            None
        };
        self.need_word("align")?;
        let align = self.u64()?;
        self.need("{")?;
        let mut fields = Vec::new();
        while !self.punct("}") {
            fields.push(self.field()?);
        }
        Ok(Record {
            name,
            is_union,
            size,
            align,
            fields,
        })
    }

    fn field(&mut self) -> Result<Field, ParseError> {
        let name = self.name()?;
        self.need(":")?;
        let ty = self.ctype()?;
        self.need_word("at")?;
        let offset = self.u64()?;
        let mut bits = None;
        // A member may be called `bits`: its name is followed by a colon.
        if self.is_word("bits") && self.peek_second() != &TokenKind::Punct(":") {
            self.at += 1;
            let first = self.u32()?;
            self.need(":")?;
            let width = self.u32()?;
            self.need("/")?;
            bits = Some(BitField {
                first,
                width,
                unit: self.u32()?,
            });
        }
        let mut counted_by = None;
        if self.is_word("counted_by") && self.peek_second() != &TokenKind::Punct(":") {
            self.at += 1;
            counted_by = Some(self.name()?);
        }
        Ok(Field {
            name,
            ty,
            offset,
            bits,
            counted_by,
        })
    }

    fn global(&mut self, index: usize) -> Result<Global, ParseError> {
        self.need_word("global")?;
        let name = self.declared("global", index)?;
        self.need(":")?;
        let ty = self.ctype()?;
        let size = if self.word("size") {
            Some(self.u64()?)
        } else {
            None
        };
        let constant = self.word("const");
        let init = if self.word("extern") {
            Initial::Unknown
        } else if self.punct("=") {
            self.need("{")?;
            let mut items = Vec::new();
            while !self.punct("}") {
                items.push(self.init_item()?);
            }
            Initial::Known(items)
        } else {
            return Err(self.expected("'extern' or '='"));
        };
        Ok(Global {
            name,
            ty,
            size,
            constant,
            init,
            span: self.span()?,
        })
    }

    fn init_item(&mut self) -> Result<InitItem, ParseError> {
        let offset = self.u64()?;
        self.need(":")?;
        let value = if self.word("bytes") {
            InitValue::Bytes(self.bytes()?)
        } else if self.word("unknown") {
            InitValue::Unknown { size: self.u64()? }
        } else if self.punct("&") {
            if self.punct("$") {
                InitValue::FunctionAddress(self.function_ref()?)
            } else {
                let global = self.global_ref()?;
                let offset = if self.punct("+") { self.i64()? } else { 0 };
                InitValue::GlobalAddress { global, offset }
            }
        } else {
            let (bits, value) = self.int_literal()?;
            InitValue::Int { bits, value }
        };
        Ok(InitItem { offset, value })
    }

    /// `5:i32`, `-1:i8`
    fn int_literal(&mut self) -> Result<(u32, u128), ParseError> {
        let at = self.at;
        let negative = self.punct("-");
        let value = self.integer()?;
        self.need(":")?;
        let bits = self.width("an integer type ('i32')", 'i')?;
        let limit = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
        // A negative number is down to the least signed one.
        if value > if negative { (limit >> 1) + 1 } else { limit } {
            return Err(self.error_at(at, ParseErrorKind::DoesNotFit { value, bits }));
        }
        Ok((
            bits,
            if negative {
                value.wrapping_neg() & limit
            } else {
                value
            },
        ))
    }

    /// A letter and a width, as in `i32`.
    fn width(&mut self, what: &str, letter: char) -> Result<u32, ParseError> {
        self.word_as(what, |word| width_of(word, letter))
    }

    fn value_type(&mut self) -> Result<Ty, ParseError> {
        self.word_as("a value type ('i32', 'f64', 'ptr')", |word| {
            if word == "ptr" {
                return Some(Ty::Ptr);
            }
            width_of(word, 'i')
                .map(Ty::Int)
                .or_else(|| width_of(word, 'f').map(Ty::Float))
        })
    }

    fn ctype(&mut self) -> Result<CType, ParseError> {
        self.deeper(Self::ctype_here)
    }

    fn ctype_here(&mut self) -> Result<CType, ParseError> {
        if self.punct("*") {
            let to_const = self.word("const");
            return Ok(CType::Pointer {
                to: Box::new(self.ctype()?),
                to_const,
            });
        }
        if self.punct("[") {
            let len = if self.punct("?") {
                ArrayLen::Unknown
            } else if self.punct("*") {
                ArrayLen::Variable
            } else {
                ArrayLen::Fixed(self.u64()?)
            };
            self.need("]")?;
            return Ok(CType::Array {
                element: Box::new(self.ctype()?),
                len,
            });
        }
        if self.is_punct("^") {
            return Ok(CType::Record(self.record_ref()?));
        }
        if self.word("fn") {
            self.need("(")?;
            let (mut params, mut variadic) = (Vec::new(), false);
            while !self.punct(")") {
                if !params.is_empty() {
                    self.need(",")?;
                }
                if self.punct("...") {
                    variadic = true;
                    self.need(")")?;
                    break;
                }
                params.push(self.ctype()?);
            }
            self.need("->")?;
            return Ok(CType::Function(Box::new(FunctionType {
                ret: self.ctype()?,
                params,
                variadic,
            })));
        }
        self.word_as(
            "a type ('s32', 'u8', '*s8', '[4]s32', '^record', 'fn(...) -> void', 'void')",
            |word| {
                match word {
                    "void" => return Some(CType::Void),
                    "bool" => return Some(CType::Bool),
                    _ => {}
                }
                let int = |letter, signed| width_of(word, letter).map(|bits| CType::Int { bits, signed });
                let float = || width_of(word, 'f').map(|bits| CType::Float { bits });
                int('s', true).or_else(|| int('u', false)).or_else(float)
            },
        )
    }

    fn function(&mut self, index: usize) -> Result<Function, ParseError> {
        self.need_word("fn")?;
        let name = self.declared("function", index)?;
        let params_at = self.at;
        // The parameters refer to locals that stand below them.
        self.skip_params()?;
        self.need("->")?;
        let ret = self.ctype()?;
        let internal = self.word("internal");
        let noreturn = self.word("noreturn");
        let library_model = self.word("library-model");
        let span = self.span()?;
        self.need("{")?;
        let mut names = Names::default();
        let mut locals = Vec::new();
        while self.is_word("local") {
            locals.push(self.local(&mut names)?);
        }
        let after_locals = self.at;
        self.at = params_at;
        let (params, variadic) = self.params(&names)?;
        self.at = after_locals;
        let mut body = body::BodyParser::new(self, &names);
        while body.parser.is_word("obligation") {
            body.unchecked_obligation()?;
        }
        let (parsed, obligations) = body.body()?;
        Ok(Function {
            name,
            ret,
            params,
            variadic,
            internal,
            noreturn,
            library_model,
            body: parsed,
            locals,
            obligations,
            span,
        })
    }

    fn skip_params(&mut self) -> Result<(), ParseError> {
        self.need("(")?;
        while !self.punct(")") {
            if matches!(self.peek(), TokenKind::End | TokenKind::Punct("{")) {
                return Err(self.expected("')'"));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn params(&mut self, names: &Names) -> Result<(Vec<LocalId>, bool), ParseError> {
        self.need("(")?;
        let mut params = Vec::new();
        while !self.punct(")") {
            if !params.is_empty() {
                self.need(",")?;
            }
            if self.punct("...") {
                self.need(")")?;
                return Ok((params, true));
            }
            self.need("%")?;
            params.push(LocalId(self.reference("local", names)?));
        }
        Ok((params, false))
    }

    fn local(&mut self, names: &mut Names) -> Result<Local, ParseError> {
        let start = self.at;
        self.need_word("local")?;
        self.need("%")?;
        let name = self.declared("local", names.count)?;
        names.add(&name, start);
        self.need(":")?;
        let ty = self.ctype()?;
        let storage = if self.word("memory") {
            Storage::Memory
        } else {
            Storage::Register(self.value_type()?)
        };
        let user = self.word("user");
        Ok(Local {
            name,
            ty,
            storage,
            user,
            span: self.span()?,
        })
    }

    fn unsupported(&mut self) -> Result<Body, ParseError> {
        self.need_word("unsupported")?;
        let construct = self.string()?;
        Ok(Body::Unsupported(Unsupported {
            construct,
            span: self.span()?,
        }))
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

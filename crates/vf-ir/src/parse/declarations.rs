//! Declarations: records, globals, types, and functions down to their bodies.

use super::lexer::TokenKind;
use super::{Names, ParseError, ParseErrorKind, Parser, body, width_of};
use crate::program::{
    Body, Function, Global, InitItem, InitValue, Initial, Local, LocalId, Storage, Unsupported,
};
use crate::types::{ArrayLen, BitField, CType, Field, FunctionType, Record, Ty};

impl Parser<'_> {
    pub(super) fn record(&mut self, index: usize) -> Result<Record, ParseError> {
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

    pub(super) fn global(&mut self, index: usize) -> Result<Global, ParseError> {
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
    pub(super) fn int_literal(&mut self) -> Result<(u32, u128), ParseError> {
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
    pub(super) fn width(&mut self, what: &str, letter: char) -> Result<u32, ParseError> {
        self.word_as(what, |word| width_of(word, letter))
    }

    pub(super) fn value_type(&mut self) -> Result<Ty, ParseError> {
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

    pub(super) fn function(&mut self, index: usize) -> Result<Function, ParseError> {
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
        let unchanging = self.word("unchanging");
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
            unchanging,
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

    pub(super) fn unsupported(&mut self) -> Result<Body, ParseError> {
        self.need_word("unsupported")?;
        let construct = self.string()?;
        Ok(Body::Unsupported(Unsupported {
            construct,
            span: self.span()?,
        }))
    }
}

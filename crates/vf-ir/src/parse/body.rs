//! Function bodies: blocks, statements, obligations.

use std::collections::BTreeMap;

use super::lexer::TokenKind;
use super::{Names, ParseError, ParseErrorKind, Parser, width_of};
use crate::Expr;
use crate::obligation::{Access, Arithmetic, Condition, Obligation, ObligationId, Property};
use crate::print::body::{arithmetic_name, havoc_name};
use crate::program::{
    AllocKind, Block, BlockId, Body, Callee, HavocReason, LocalId, Stmt, StmtKind, SwitchCase, Terminator,
};

const ARITHMETIC: [Arithmetic; 6] = [
    Arithmetic::Add,
    Arithmetic::Sub,
    Arithmetic::Mul,
    Arithmetic::Div,
    Arithmetic::Neg,
    Arithmetic::Shl,
];
const HAVOC: [HavocReason; 6] = [
    HavocReason::Input,
    HavocReason::Float,
    HavocReason::Assembly,
    HavocReason::Argument,
    HavocReason::Library,
    HavocReason::Environment,
];

pub(super) fn named<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str, word: &str) -> Option<T> {
    all.iter().copied().find(|item| name(*item) == word)
}

/// Reads the body of one function, whose locals are known.
pub(super) struct BodyParser<'p, 't> {
    pub(super) parser: &'p mut Parser<'t>,
    locals: &'p Names,
    obligations: BTreeMap<u32, Obligation>,
    /// Blocks and obligations referred to, with the token that does: checked at the end.
    block_uses: Vec<(BlockId, usize)>,
    obligation_uses: Vec<(u32, usize)>,
}

impl<'p, 't> BodyParser<'p, 't> {
    pub(super) fn new(parser: &'p mut Parser<'t>, locals: &'p Names) -> Self {
        BodyParser {
            parser,
            locals,
            obligations: BTreeMap::new(),
            block_uses: Vec::new(),
            obligation_uses: Vec::new(),
        }
    }

    pub(super) fn unchecked_obligation(&mut self) -> Result<(), ParseError> {
        self.parser.need_word("obligation")?;
        let (number, at) = self.obligation_number()?;
        let obligation = self.obligation()?;
        self.describe(number, at, obligation)
    }

    pub(super) fn body(mut self) -> Result<(Body, Vec<Obligation>), ParseError> {
        let body = if self.parser.word("declared") {
            Body::Declared
        } else if self.parser.is_word("unsupported") {
            self.parser.unsupported()?
        } else {
            Body::Defined(self.blocks()?)
        };
        self.parser.need("}")?;
        for (number, at) in std::mem::take(&mut self.obligation_uses) {
            if !self.obligations.contains_key(&number) {
                let number = number as usize;
                return Err(self
                    .parser
                    .error_at(at, ParseErrorKind::ObligationMissing { number }));
            }
        }
        for (number, (id, _)) in self.obligations.iter().enumerate() {
            if *id as usize != number {
                return Err(self.parser.error(ParseErrorKind::ObligationMissing { number }));
            }
        }
        Ok((body, self.obligations.into_values().collect()))
    }

    fn blocks(&mut self) -> Result<Vec<Block>, ParseError> {
        let mut blocks = Vec::new();
        while !self.parser.is_punct("}") {
            let at = self.parser.at;
            let label = self.block_label()?;
            self.parser.need(":")?;
            if label.index() != blocks.len() {
                let (written, actual) = (u128::from(label.0), blocks.len());
                let kind = ParseErrorKind::WrongNumber {
                    what: "block",
                    written,
                    actual,
                };
                return Err(self.parser.error_at(at, kind));
            }
            blocks.push(self.block()?);
        }
        for (block, at) in &self.block_uses {
            if block.index() >= blocks.len() {
                let (number, count) = (u128::from(block.0), blocks.len());
                let kind = ParseErrorKind::OutOfRange {
                    what: "block",
                    number,
                    count,
                };
                return Err(self.parser.error_at(*at, kind));
            }
        }
        Ok(blocks)
    }

    fn block_label(&mut self) -> Result<BlockId, ParseError> {
        self.parser.word_as("a block ('b0')", |word| {
            let digits = word.strip_prefix('b')?;
            let plain = digits.bytes().all(|b| b.is_ascii_digit());
            if plain {
                digits.parse().ok().map(BlockId)
            } else {
                None
            }
        })
    }

    fn block_use(&mut self) -> Result<BlockId, ParseError> {
        let at = self.parser.at;
        let block = self.block_label()?;
        self.block_uses.push((block, at));
        Ok(block)
    }

    fn block(&mut self) -> Result<Block, ParseError> {
        let mut statements = Vec::new();
        loop {
            if let Some(terminator) = self.terminator()? {
                return Ok(Block {
                    statements,
                    terminator,
                    terminator_span: self.parser.span()?,
                });
            }
            let statement = self.statement()?;
            statements.push(statement);
        }
    }

    /// The terminator, if one starts here.
    fn terminator(&mut self) -> Result<Option<Terminator>, ParseError> {
        let terminator = if self.parser.word("goto") {
            Terminator::Goto(self.block_use()?)
        } else if self.parser.word("branch") {
            let condition = self.expr()?;
            self.parser.need(",")?;
            let then = self.block_use()?;
            self.parser.need(",")?;
            Terminator::Branch {
                condition,
                then,
                otherwise: self.block_use()?,
            }
        } else if self.parser.word("switch") {
            self.switch()?
        } else if self.parser.word("return") {
            let label = matches!(self.parser.peek(), TokenKind::Word(_))
                && self.parser.peek_second() == &TokenKind::Punct(":");
            let none = label || self.parser.is_punct("@") || self.parser.is_punct("}");
            Terminator::Return(if none { None } else { Some(self.expr()?) })
        } else if self.parser.word("unreachable") {
            Terminator::Unreachable
        } else {
            return Ok(None);
        };
        Ok(Some(terminator))
    }

    fn switch(&mut self) -> Result<Terminator, ParseError> {
        let value = self.expr()?;
        self.parser.need(",")?;
        self.parser.need_word("default")?;
        let default = self.block_use()?;
        self.parser.need("{")?;
        let mut cases = Vec::new();
        while !self.parser.punct("}") {
            let low = self.parser.integer()?;
            let high = if self.parser.punct("..=") {
                self.parser.integer()?
            } else {
                low
            };
            self.parser.need("=>")?;
            cases.push(SwitchCase {
                low,
                high,
                target: self.block_use()?,
            });
        }
        Ok(Terminator::Switch {
            value,
            cases,
            default,
        })
    }

    fn statement(&mut self) -> Result<Stmt, ParseError> {
        if self.parser.word("check") {
            return self.check();
        }
        let kind = self.statement_kind()?;
        Ok(Stmt {
            kind,
            span: self.parser.span()?,
        })
    }

    fn statement_kind(&mut self) -> Result<StmtKind, ParseError> {
        let keyword = match self.parser.peek() {
            TokenKind::Punct("%") => {
                let dst = self.local()?;
                self.parser.need("=")?;
                return self.assignment(dst);
            }
            TokenKind::Word(word) => word.clone(),
            _ => return Err(self.parser.expected("a statement or terminator")),
        };
        self.parser.at += 1;
        Ok(match keyword.as_str() {
            "store" => {
                let volatile = self.parser.word("volatile");
                let ty = self.parser.value_type()?;
                let (value, ptr) = self.two()?;
                StmtKind::Store {
                    ptr,
                    value,
                    ty,
                    volatile,
                }
            }
            "copy" => {
                let (dst, src, size) = self.three()?;
                StmtKind::Copy { dst, src, size }
            }
            "fill" => {
                let (dst, unit, size) = self.three()?;
                StmtKind::Fill { dst, unit, size }
            }
            "havoc-memory" => {
                let (dst, size) = self.two()?;
                StmtKind::HavocMemory { dst, size }
            }
            "text" => {
                let (dst, size) = self.two()?;
                self.parser.need(",")?;
                let of = self.list()?;
                StmtKind::Text { dst, size, of }
            }
            "assembly" => {
                let memory = self.parser.word("memory");
                let text = self.parser.string()?;
                let inputs = self.list()?;
                StmtKind::Assembly { text, inputs, memory }
            }
            "free" => StmtKind::Free { ptr: self.expr()? },
            "call" => self.call(None)?,
            "assume" => StmtKind::Assume(self.expr()?),
            "scope-start" => StmtKind::ScopeStart(self.local()?),
            "scope-end" => StmtKind::ScopeEnd(self.local()?),
            _ => {
                self.parser.at -= 1;
                return Err(self.parser.expected("a statement or terminator"));
            }
        })
    }

    fn assignment(&mut self, dst: LocalId) -> Result<StmtKind, ParseError> {
        Ok(if self.parser.word("havoc") {
            let why = self
                .parser
                .word_as("'input', 'float', 'assembly' or 'environment'", |word| {
                    named(&HAVOC, havoc_name, word)
                })?;
            StmtKind::Havoc { dst, why }
        } else if self.parser.word("load") {
            let volatile = self.parser.word("volatile");
            let ty = self.parser.value_type()?;
            self.parser.need(",")?;
            StmtKind::Load {
                dst,
                ptr: self.expr()?,
                ty,
                volatile,
            }
        } else if self.parser.word("alloc") {
            let kind = self.parser.word_as("'heap' or 'stack'", |word| match word {
                "heap" => Some(AllocKind::Heap),
                "stack" => Some(AllocKind::Stack),
                _ => None,
            })?;
            let zeroed = self.parser.word("zeroed");
            let may_fail = self.parser.word("may-fail");
            StmtKind::Alloc {
                dst,
                size: self.expr()?,
                zeroed,
                may_fail,
                kind,
            }
        } else if self.parser.word("string-length") {
            let unit = self.unit()?;
            StmtKind::StringLength {
                dst,
                ptr: self.expr()?,
                unit,
            }
        } else if self.parser.word("object-size") {
            StmtKind::ObjectSize {
                dst,
                ptr: self.expr()?,
            }
        } else if self.parser.word("call") {
            self.call(Some(dst))?
        } else {
            StmtKind::Assign {
                dst,
                value: self.expr()?,
            }
        })
    }

    /// Bytes of a character: `wide2` or `wide4`, or nothing for 1.
    fn unit(&mut self) -> Result<u64, ParseError> {
        Ok(if self.parser.word("wide2") {
            2
        } else if self.parser.word("wide4") {
            4
        } else {
            1
        })
    }

    fn call(&mut self, dst: Option<LocalId>) -> Result<StmtKind, ParseError> {
        let callee = if self.parser.punct("$") {
            Callee::Direct(self.parser.function_ref()?)
        } else if self.parser.punct("*") {
            Callee::Indirect(self.expr()?)
        } else {
            return Err(self.parser.expected("'$' and a function, or '*' and a pointer"));
        };
        let args = self.list()?;
        Ok(StmtKind::Call { dst, callee, args })
    }

    /// `(a, b, c)`
    fn list(&mut self) -> Result<Vec<Expr>, ParseError> {
        self.parser.need("(")?;
        let mut list = Vec::new();
        while !self.parser.punct(")") {
            if !list.is_empty() {
                self.parser.need(",")?;
            }
            list.push(self.expr()?);
        }
        Ok(list)
    }

    fn check(&mut self) -> Result<Stmt, ParseError> {
        let (number, at) = self.obligation_number()?;
        let kind = StmtKind::Check(ObligationId(number));
        let begins = |w: &str| w == "required" || Property::from_name(w).is_some();
        let described = matches!(self.parser.peek(), TokenKind::Word(w) if begins(w));
        if !described {
            self.obligation_uses.push((number, at));
            return Ok(Stmt {
                kind,
                span: self.parser.span()?,
            });
        }
        let obligation = self.obligation()?;
        let span = if self.parser.word("at") {
            self.parser.span()?
        } else {
            obligation.span
        };
        self.describe(number, at, obligation)?;
        Ok(Stmt { kind, span })
    }

    fn obligation_number(&mut self) -> Result<(u32, usize), ParseError> {
        self.parser.need("#")?;
        let at = self.parser.at;
        Ok((self.parser.u32()?, at))
    }

    fn describe(&mut self, number: u32, at: usize, obligation: Obligation) -> Result<(), ParseError> {
        match self.obligations.insert(number, obligation) {
            None => Ok(()),
            Some(_) => {
                let number = u128::from(number);
                Err(self
                    .parser
                    .error_at(at, ParseErrorKind::ObligationTwice { number }))
            }
        }
    }

    fn obligation(&mut self) -> Result<Obligation, ParseError> {
        let required = self.parser.word("required");
        let property = self
            .parser
            .word_as("a property ('valid-read')", Property::from_name)?;
        let condition = self.condition()?;
        let text = self.parser.string()?;
        Ok(Obligation {
            property,
            condition,
            span: self.parser.span()?,
            text,
            required,
        })
    }

    fn condition(&mut self) -> Result<Condition, ParseError> {
        let at = self.parser.at;
        let word = self
            .parser
            .word_as("a condition ('holds')", |word| Some(word.to_string()))?;
        if word == "unreachable" {
            return Ok(Condition::Unreachable);
        }
        self.parser.need("(")?;
        let condition = match word.as_str() {
            "holds" => Condition::Holds(self.expr()?),
            "no-overflow" => {
                let signed = self.sign()?;
                let what = "'add', 'sub', 'mul', 'div', 'neg' or 'shl'";
                let op = self
                    .parser
                    .word_as(what, |word| named(&ARITHMETIC, arithmetic_name, word))?;
                self.parser.need(",")?;
                let (lhs, rhs) = self.two()?;
                Condition::NoOverflow { op, signed, lhs, rhs }
            }
            "lossless" => {
                let value_signed = self.sign()?;
                let value = self.expr()?;
                self.parser.need("->")?;
                let (signed, bits) = self.parser.word_as("a type ('u8', 's32')", |word| {
                    let unsigned = || width_of(word, 'u').map(|bits| (false, bits));
                    width_of(word, 's').map(|bits| (true, bits)).or_else(unsigned)
                })?;
                Condition::Lossless {
                    value,
                    value_signed,
                    bits,
                    signed,
                }
            }
            "valid" => {
                let access = self.parser.word_as("'read' or 'write'", |word| match word {
                    "read" => Some(Access::Read),
                    "write" => Some(Access::Write),
                    _ => None,
                })?;
                self.parser.need(",")?;
                let (ptr, size) = self.two()?;
                Condition::ValidAccess { ptr, size, access }
            }
            "not-null" => Condition::NotNull { ptr: self.expr()? },
            "live" => Condition::Live { ptr: self.expr()? },
            "initialized-local" => Condition::InitializedLocal(self.local()?),
            "initialized" => {
                let (ptr, size) = self.two()?;
                Condition::InitializedMemory { ptr, size }
            }
            "terminated" => {
                let unit = self.unit()?;
                Condition::Terminated {
                    ptr: self.expr()?,
                    unit,
                }
            }
            "freeable" => Condition::Freeable { ptr: self.expr()? },
            "freed" => Condition::Freed {
                or_reachable: self
                    .parser
                    .word_as("'all' or 'or-reachable'", |word| match word {
                        "all" => Some(false),
                        "or-reachable" => Some(true),
                        _ => None,
                    })?,
            },
            _ => {
                self.parser.at = at;
                return Err(self.parser.expected("a condition ('holds')"));
            }
        };
        self.parser.need(")")?;
        Ok(condition)
    }

    fn sign(&mut self) -> Result<bool, ParseError> {
        self.parser.word_as("'signed' or 'unsigned'", |word| match word {
            "signed" => Some(true),
            "unsigned" => Some(false),
            _ => None,
        })
    }

    pub(super) fn local(&mut self) -> Result<LocalId, ParseError> {
        self.parser.need("%")?;
        self.parser.reference("local", self.locals).map(LocalId)
    }
}

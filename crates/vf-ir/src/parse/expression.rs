//! Expressions.

use super::body::{BodyParser, named};
use super::lexer::TokenKind;
use super::{MAX_DEPTH, Names, ParseError, ParseErrorKind};
use crate::print::body::{binary_name, compare_name, resize_name, unary_name};
use crate::program::{BinaryOp, CompareOp, Expr, Resize, UnaryOp};

const UNARY: [UnaryOp; 2] = [UnaryOp::Not, UnaryOp::Neg];
const BINARY: [BinaryOp; 13] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::SDiv,
    BinaryOp::UDiv,
    BinaryOp::SRem,
    BinaryOp::URem,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Xor,
    BinaryOp::Shl,
    BinaryOp::LShr,
    BinaryOp::AShr,
];
const COMPARE: [CompareOp; 6] = [
    CompareOp::Equal,
    CompareOp::NotEqual,
    CompareOp::ULess,
    CompareOp::ULessEqual,
    CompareOp::SLess,
    CompareOp::SLessEqual,
];
const RESIZE: [Resize; 3] = [Resize::ZeroExtend, Resize::SignExtend, Resize::Truncate];
/// What a word starts, when an expression starts with it.
enum Head {
    Constant(Expr),
    Unary(UnaryOp),
    Binary(BinaryOp),
    Compare(CompareOp),
    PtrCompare(CompareOp),
    Resize(Resize),
    Select,
    PtrAdd,
    PtrDiff,
    Member,
    PtrToInt,
    IntToPtr,
}

fn head(word: &str) -> Option<Head> {
    let other = match word {
        "true" => Some(Head::Constant(Expr::bool(true))),
        "false" => Some(Head::Constant(Expr::bool(false))),
        "null" => Some(Head::Constant(Expr::Null)),
        "select" => Some(Head::Select),
        "ptradd" => Some(Head::PtrAdd),
        "ptrdiff" => Some(Head::PtrDiff),
        "member" => Some(Head::Member),
        "ptrtoint" => Some(Head::PtrToInt),
        "inttoptr" => Some(Head::IntToPtr),
        _ => None,
    };
    other
        .or_else(|| named(&UNARY, unary_name, word).map(Head::Unary))
        .or_else(|| named(&BINARY, binary_name, word).map(Head::Binary))
        .or_else(|| named(&COMPARE, compare_name, word).map(Head::Compare))
        .or_else(|| named(&COMPARE, compare_name, word.strip_prefix('p')?).map(Head::PtrCompare))
        .or_else(|| named(&RESIZE, resize_name, word).map(Head::Resize))
}

impl BodyParser<'_, '_> {
    pub(super) fn two(&mut self) -> Result<(Expr, Expr), ParseError> {
        let first = self.expr()?;
        self.parser.need(",")?;
        Ok((first, self.expr()?))
    }

    pub(super) fn three(&mut self) -> Result<(Expr, Expr, Expr), ParseError> {
        let (first, second) = self.two()?;
        self.parser.need(",")?;
        Ok((first, second, self.expr()?))
    }

    pub(super) fn expr(&mut self) -> Result<Expr, ParseError> {
        if self.parser.depth >= MAX_DEPTH {
            return Err(self.parser.error(ParseErrorKind::TooDeep { limit: MAX_DEPTH }));
        }
        self.parser.depth += 1;
        let result = self.expr_here();
        self.parser.depth -= 1;
        result
    }

    fn expr_here(&mut self) -> Result<Expr, ParseError> {
        const WHAT: &str = "an expression";
        match self.parser.peek() {
            TokenKind::Int(_) | TokenKind::Punct("-") => {
                let (bits, value) = self.parser.int_literal()?;
                Ok(Expr::Int { bits, value })
            }
            TokenKind::Punct("%") => Ok(Expr::Local(self.local()?)),
            TokenKind::Punct("&") => {
                self.parser.at += 1;
                if self.parser.is_punct("%") {
                    Ok(Expr::LocalAddress(self.local()?))
                } else if self.parser.punct("$") {
                    Ok(Expr::FunctionAddress(self.parser.function_ref()?))
                } else {
                    Ok(Expr::GlobalAddress(self.parser.global_ref()?))
                }
            }
            _ => {
                let head = self.parser.word_as(WHAT, head)?;
                if let Head::Constant(constant) = head {
                    return Ok(constant);
                }
                self.parser.need("(")?;
                let expr = self.operation(head)?;
                self.parser.need(")")?;
                Ok(expr)
            }
        }
    }

    /// What stands between the parentheses of an operation.
    fn operation(&mut self, head: Head) -> Result<Expr, ParseError> {
        Ok(match head {
            Head::Constant(constant) => constant,
            Head::Unary(op) => Expr::Unary {
                op,
                arg: Box::new(self.expr()?),
            },
            Head::PtrToInt => Expr::PtrToInt(Box::new(self.expr()?)),
            Head::IntToPtr => Expr::IntToPtr(Box::new(self.expr()?)),
            Head::Binary(op) => {
                let (lhs, rhs) = self.two_boxed()?;
                Expr::Binary { op, lhs, rhs }
            }
            Head::Compare(op) => {
                let (lhs, rhs) = self.two_boxed()?;
                Expr::Compare { op, lhs, rhs }
            }
            Head::PtrCompare(op) => {
                let (lhs, rhs) = self.two_boxed()?;
                Expr::PtrCompare { op, lhs, rhs }
            }
            Head::Resize(kind) => {
                let bits = self.parser.width("an integer type ('i64')", 'i')?;
                self.parser.need(",")?;
                Expr::Resize {
                    kind,
                    bits,
                    arg: Box::new(self.expr()?),
                }
            }
            Head::Select => {
                let (condition, then, otherwise) = self.three()?;
                let (condition, then) = (Box::new(condition), Box::new(then));
                Expr::Select {
                    condition,
                    then,
                    otherwise: Box::new(otherwise),
                }
            }
            Head::PtrAdd => {
                let (ptr, index) = self.two_boxed()?;
                Expr::PtrAdd {
                    ptr,
                    index,
                    scale: self.scale()?,
                }
            }
            Head::PtrDiff => {
                let (lhs, rhs) = self.two_boxed()?;
                Expr::PtrDiff {
                    lhs,
                    rhs,
                    scale: self.scale()?,
                }
            }
            Head::Member => self.member()?,
        })
    }

    fn two_boxed(&mut self) -> Result<(Box<Expr>, Box<Expr>), ParseError> {
        let (first, second) = self.two()?;
        Ok((Box::new(first), Box::new(second)))
    }

    fn scale(&mut self) -> Result<u64, ParseError> {
        self.parser.need(",")?;
        self.parser.u64()
    }

    fn member(&mut self) -> Result<Expr, ParseError> {
        let ptr = Box::new(self.expr()?);
        self.parser.need(",")?;
        let record = self.parser.record_ref()?;
        self.parser.need(",")?;
        let mut names = Names::default();
        for field in self
            .parser
            .records
            .get(record.0 as usize)
            .map_or(&[][..], |r| &r.fields)
        {
            names.add(&field.name, 0);
        }
        Ok(Expr::Member {
            ptr,
            record,
            field: self.parser.reference("member", &names)?,
        })
    }
}

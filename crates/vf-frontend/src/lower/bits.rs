//! Byte swaps and bit counts (GCC manual, "Other Builtins"), exactly.

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BinaryOp, CompareOp, Condition, DataModel, Expr, Property, StmtKind, UnaryOp};

/// An exact operation on the bits of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BitFold {
    Swap(u32),
    /// Leading zeros, trailing zeros, ones, find first set, parity: of an operand this wide.
    LeadingZeros(Width),
    TrailingZeros(Width),
    Ones(Width),
    FirstSet(Width),
    Parity(Width),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Int,
    Long,
    LongLong,
}

impl Width {
    pub fn bits(self, model: DataModel) -> u32 {
        match self {
            Width::Int => 32,
            Width::Long => model.pointer_bits(),
            Width::LongLong => 64,
        }
    }
}

pub(crate) fn fold_bits(name: &str) -> Option<BitFold> {
    let name = name.strip_prefix("__builtin_")?;
    match name {
        "bswap16" => return Some(BitFold::Swap(16)),
        "bswap32" => return Some(BitFold::Swap(32)),
        "bswap64" => return Some(BitFold::Swap(64)),
        _ => {}
    }
    let (stem, width) = if let Some(stem) = name.strip_suffix("ll") {
        (stem, Width::LongLong)
    } else if let Some(stem) = name.strip_suffix('l') {
        (stem, Width::Long)
    } else {
        (name, Width::Int)
    };
    match stem {
        "clz" => Some(BitFold::LeadingZeros(width)),
        "ctz" => Some(BitFold::TrailingZeros(width)),
        "popcount" => Some(BitFold::Ones(width)),
        "ffs" => Some(BitFold::FirstSet(width)),
        "parity" => Some(BitFold::Parity(width)),
        _ => None,
    }
}

impl BitFold {
    /// Operand width in bits.
    fn width(self, model: DataModel) -> u32 {
        match self {
            BitFold::Swap(bits) => bits,
            BitFold::LeadingZeros(w)
            | BitFold::TrailingZeros(w)
            | BitFold::Ones(w)
            | BitFold::FirstSet(w)
            | BitFold::Parity(w) => w.bits(model),
        }
    }

    pub fn result(self, model: DataModel) -> IntType {
        match self {
            BitFold::Swap(16) => IntType::USHORT,
            BitFold::Swap(32) => IntType::UINT,
            BitFold::Swap(_) if model == DataModel::Lp64 => IntType::long(model, false),
            BitFold::Swap(_) => IntType::ULLONG,
            _ => IntType::INT,
        }
    }

    /// The result for a constant; `None` where GCC leaves it undefined.
    pub fn apply(self, value: u128, model: DataModel) -> Option<(u128, IntType)> {
        let bits = self.width(model);
        let value = value & ((1u128 << bits) - 1);
        let result = match self {
            BitFold::Swap(16) => u128::from((value as u16).swap_bytes()),
            BitFold::Swap(32) => u128::from((value as u32).swap_bytes()),
            BitFold::Swap(_) => u128::from((value as u64).swap_bytes()),
            BitFold::LeadingZeros(_) if value == 0 => return None,
            BitFold::TrailingZeros(_) if value == 0 => return None,
            BitFold::LeadingZeros(_) => u128::from(value.leading_zeros() - (128 - bits)),
            BitFold::TrailingZeros(_) => u128::from(value.trailing_zeros()),
            BitFold::Ones(_) => u128::from(value.count_ones()),
            BitFold::FirstSet(_) if value == 0 => 0,
            BitFold::FirstSet(_) => u128::from(value.trailing_zeros() + 1),
            BitFold::Parity(_) => u128::from(value.count_ones() & 1),
        };
        Some((result, self.result(model)))
    }
}

impl Lowerer<'_> {
    /// Byte swaps and bit counts, exactly.
    pub fn bits_builtin(
        &mut self,
        fold_kind: BitFold,
        arg: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let bits = fold_kind.width(self.model);
        let operand = IntType {
            signed: false,
            bits,
            rank: super::types::Rank::Long,
        };
        let v = self.rvalue(arg)?;
        let how = if matches!(fold_kind, BitFold::Swap(_)) {
            Conversion::Implicit
        } else {
            Conversion::Silent
        };
        let v = self.convert(v, &Type::int(operand), how, arg.span)?;
        let result = fold_kind.result(self.model);
        if let Expr::Int { value, .. } = v.expr
            && let Some((value, _)) = fold_kind.apply(value, self.model)
        {
            return Ok(Value::int(result, value as i128));
        }
        let x = self.fixed(v, at).expr;
        if matches!(fold_kind, BitFold::LeadingZeros(_) | BitFold::TrailingZeros(_)) {
            let condition = fold::compare(CompareOp::NotEqual, x.clone(), Expr::int(bits, 0));
            self.oblige(Property::Precondition, Condition::Holds(condition), at);
        }
        let constant = |n: u128| Expr::Int { bits, value: n };
        let ones = if bits >= 128 {
            u128::MAX
        } else {
            (1u128 << bits) - 1
        };
        let expr = match fold_kind {
            BitFold::Swap(_) => {
                let mut all = constant(0);
                for byte in 0..bits / 8 {
                    let down = fold::binary(BinaryOp::LShr, x.clone(), constant(u128::from(8 * byte)));
                    let cut = fold::binary(BinaryOp::And, down, constant(0xff));
                    let up = fold::binary(BinaryOp::Shl, cut, constant(u128::from(bits - 8 - 8 * byte)));
                    all = fold::binary(BinaryOp::Or, all, up);
                }
                return Ok(self.bounded(Value::new(all, Type::int(result)), at));
            }
            BitFold::Ones(_) => self.count_ones(x, bits, at),
            BitFold::Parity(_) => {
                let n = self.count_ones(x, bits, at);
                fold::binary(BinaryOp::And, n, constant(1))
            }
            // Ones below the lowest one.
            BitFold::TrailingZeros(_) => {
                let below = self.below_lowest_one(x, bits, ones);
                self.count_ones(below, bits, at)
            }
            BitFold::FirstSet(_) => {
                let below = self.below_lowest_one(x.clone(), bits, ones);
                let zeros = self.count_ones(below, bits, at);
                let next = fold::binary(BinaryOp::Add, zeros, constant(1));
                Expr::Select {
                    condition: Box::new(fold::compare(CompareOp::Equal, x, constant(0))),
                    then: Box::new(constant(0)),
                    otherwise: Box::new(next),
                }
            }
            // Zeros of the operand with its highest one smeared downwards.
            BitFold::LeadingZeros(_) => {
                let mut smeared = x;
                let mut step = 1;
                while step < bits {
                    let down = fold::binary(BinaryOp::LShr, smeared.clone(), constant(u128::from(step)));
                    let both = fold::binary(BinaryOp::Or, smeared, down);
                    smeared = self.fixed(Value::new(both, Type::int(operand)), at).expr;
                    step *= 2;
                }
                let n = self.count_ones(smeared, bits, at);
                fold::binary(BinaryOp::Sub, constant(u128::from(bits)), n)
            }
        };
        let expr = fold::resize(expr, bits, result.bits, false, self.locals());
        let v = self.fixed(Value::new(expr, Type::int(result)), at);
        let span = self.span(at);
        let most = fold::compare(
            CompareOp::ULessEqual,
            v.expr.clone(),
            Expr::int(32, i128::from(bits)),
        );
        self.f().stmt(StmtKind::Assume(most), span);
        Ok(v)
    }

    fn below_lowest_one(&mut self, x: Expr, bits: u32, ones: u128) -> Expr {
        let less = fold::binary(BinaryOp::Add, x.clone(), Expr::Int { bits, value: ones });
        fold::binary(BinaryOp::And, fold::unary(UnaryOp::Not, x), less)
    }

    /// Number of ones, by sums over ever wider fields.
    fn count_ones(&mut self, x: Expr, bits: u32, at: NodeSpan) -> Expr {
        let ones = if bits >= 128 {
            u128::MAX
        } else {
            (1u128 << bits) - 1
        };
        let constant = |n: u128| Expr::Int {
            bits,
            value: n & ones,
        };
        let ty = Type::int(IntType {
            signed: false,
            bits,
            rank: super::types::Rank::Long,
        });
        let mut sum = x;
        for (shift, mask) in [
            (1u32, 0x5555_5555_5555_5555u128),
            (2, 0x3333_3333_3333_3333),
            (4, 0x0f0f_0f0f_0f0f_0f0f),
        ] {
            let low = fold::binary(BinaryOp::And, sum.clone(), constant(mask));
            let high = fold::binary(BinaryOp::LShr, sum, constant(u128::from(shift)));
            let high = fold::binary(BinaryOp::And, high, constant(mask));
            let both = fold::binary(BinaryOp::Add, low, high);
            sum = self.fixed(Value::new(both, ty.clone()), at).expr;
        }
        let product = fold::binary(BinaryOp::Mul, sum, constant(0x0101_0101_0101_0101));
        fold::binary(BinaryOp::LShr, product, constant(u128::from(bits - 8)))
    }
}

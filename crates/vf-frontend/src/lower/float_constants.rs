//! Where a floating constant meets an integer: `(long)sqrt((double)INT_MAX)`, `x <= sqrtl(LLONG_MAX)`.
//!
//! Values of floating types are unknown to the verifier. A constant one is known here, and an integer that is converted
//! only to be compared with it can be compared as the integer it is: conversion rounds to nearest and keeps the
//! order, so that `(double)x <= c` says `x <= t` for the greatest integer `t` whose conversion is at most `c`.

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{CompareOp, DataModel, Expr};

use super::constants::Constant;
use super::conversions::Value;
use super::fold;
use super::types::{IntType, Kind, Type};
use super::{Lowered, Lowerer};

/// Bits of `long double` as this program names it.
const LONG_DOUBLE: u32 = 128;

/// The square root functions, with the width of what they return.
pub(crate) fn square_root(name: &str) -> Option<u32> {
    Some(match name.strip_prefix("__builtin_").unwrap_or(name) {
        "sqrtf" => 32,
        "sqrt" => 64,
        "sqrtl" => LONG_DOUBLE,
        _ => return None,
    })
}

/// The square root of a constant. IEEE 754 wants it rounded correctly, and so do glibc and this machine; of a
/// `long double` only a `double` is known, which must then be no integer nor close to one.
pub(crate) fn square_root_of(value: f64, bits: u32) -> Option<f64> {
    if value.is_nan() || value < 0.0 {
        return None;
    }
    let root = match bits {
        // The root of a `float` in `double`, rounded once more, is the correctly rounded one (Figueroa 1995).
        32 => f64::from(f64::from(value as f32).sqrt() as f32),
        _ => value.sqrt(),
    };
    let known = bits != LONG_DOUBLE || is_clear_of_integers(root);
    (known && root.is_finite()).then_some(root)
}

/// No integer within the error that a `long double` computed as `double` can have.
fn is_clear_of_integers(value: f64) -> bool {
    let error = value.abs() * 2f64.powi(-40);
    value.is_finite() && (value - value.round()).abs() > error
}

/// Greatest `x` of the type for which `holds`, which is true up to some number and false behind it.
fn greatest(int: IntType, holds: impl Fn(i128) -> bool) -> Option<i128> {
    let (least, most) = range(int);
    if !holds(least) {
        return None;
    }
    let (mut low, mut high) = (least, most);
    while low < high {
        let middle = low + (high - low + 1) / 2;
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    Some(low)
}

fn range(int: IntType) -> (i128, i128) {
    let bits = int.bits.min(64);
    if int.signed {
        (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)
    } else {
        (0, (1 << bits) - 1)
    }
}

impl Lowerer<'_> {
    /// `e` is built of floating constants and square roots, casts included. Only syntax is looked at.
    pub fn is_float_expression(&mut self, e: &Node<ast::Expression>) -> bool {
        match &e.node {
            ast::Expression::Constant(c) => matches!(c.node, ast::Constant::Float(_)),
            ast::Expression::UnaryOperator(u) => self.is_float_expression(&u.node.operand),
            ast::Expression::BinaryOperator(b) => {
                self.is_float_expression(&b.node.lhs) || self.is_float_expression(&b.node.rhs)
            }
            ast::Expression::Cast(c) => {
                let ty = self.unevaluated(|this| this.type_name(&c.node.type_name));
                ty.is_ok_and(|ty| matches!(ty.kind, Kind::Float(_)))
            }
            ast::Expression::Call(c) => match &c.node.callee.node {
                ast::Expression::Identifier(name) => self.is_square_root(&name.node.name).is_some(),
                _ => false,
            },
            _ => false,
        }
    }

    /// The width of what the function returns, unless the program defines one of this name.
    pub fn is_square_root(&mut self, name: &str) -> Option<u32> {
        square_root(name).filter(|_| !self.is_defined_by_user(name))
    }

    /// The value and the width of a floating constant.
    fn float_constant(&mut self, e: &Node<ast::Expression>) -> Option<(f64, u32)> {
        if !self.is_float_expression(e) {
            return None;
        }
        match self.unevaluated(|this| this.constant(e)).ok()? {
            Constant::Float { value, ty } => match ty.kind {
                Kind::Float(bits) => Some((value, bits)),
                _ => None,
            },
            _ => None,
        }
    }

    /// A comparison of an integer with a floating constant; `None` for every other.
    pub fn comparison_with_float(
        &mut self,
        op: &ast::BinaryOperator,
        lhs: &Node<ast::Expression>,
        rhs: &Node<ast::Expression>,
    ) -> Lowered<Option<Value>> {
        use ast::BinaryOperator as B;
        let Some(mirrored) = mirror(op).filter(|_| self.model == DataModel::Lp64) else {
            return Ok(None);
        };
        let (op, integer, (value, bits), at) = match self.float_constant(rhs) {
            Some(constant) => (op.clone(), lhs, constant, lhs.span),
            None => match self.float_constant(lhs) {
                Some(constant) => (mirrored, rhs, constant, rhs.span),
                None => return Ok(None),
            },
        };
        let int = self.type_of(integer).ok().and_then(|ty| ty.integer());
        let Some(int) = int.map(IntType::promoted).filter(|int| int.bits <= 64) else {
            return Ok(None);
        };
        let Some((at_most, below)) = thresholds(int, value, bits) else {
            return Ok(None);
        };
        let v = self.rvalue(integer)?;
        let v = self.promote(v);
        let v = self.fixed(v, at);
        if v.ty.integer() != Some(int) {
            return self.unsupported("this comparison with a floating constant", at);
        }
        let compared = |limit| up_to(int, &v.expr, limit);
        let not = |e| fold::unary(vf_ir::UnaryOp::Not, e);
        let condition = match op {
            B::LessOrEqual => compared(at_most),
            B::Less => compared(below),
            B::Greater => not(compared(at_most)),
            B::GreaterOrEqual => not(compared(below)),
            B::Equals => fold::binary(vf_ir::BinaryOp::And, compared(at_most), not(compared(below))),
            _ => fold::binary(vf_ir::BinaryOp::Or, not(compared(at_most)), compared(below)),
        };
        Ok(Some(self.int_of_truth(condition)))
    }

    /// The square root of a constant argument, as a constant.
    pub fn square_root_constant(
        &mut self,
        bits: u32,
        arg: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<Constant> {
        let ty = Type::of(Kind::Float(bits));
        let value = self.constant(arg)?;
        match self.cast_constant(value, &ty, at)? {
            Constant::Float { value, .. } => match square_root_of(value, bits) {
                Some(value) => Ok(Constant::Float { value, ty }),
                None => self.not_constant(at),
            },
            _ => self.not_constant(at),
        }
    }
}

/// The operator with its operands exchanged.
fn mirror(op: &ast::BinaryOperator) -> Option<ast::BinaryOperator> {
    use ast::BinaryOperator as B;
    Some(match op {
        B::Less => B::Greater,
        B::Greater => B::Less,
        B::LessOrEqual => B::GreaterOrEqual,
        B::GreaterOrEqual => B::LessOrEqual,
        B::Equals => B::Equals,
        B::NotEquals => B::NotEquals,
        _ => return None,
    })
}

/// Greatest integers whose conversion is at most, and below, the constant. `None` where the constant is no number,
/// or is not known well enough.
fn thresholds(int: IntType, value: f64, bits: u32) -> Option<(Option<i128>, Option<i128>)> {
    if value.is_nan() {
        return None;
    }
    match bits {
        32 => {
            let limit = value as f32;
            Some((
                greatest(int, |x| x as f32 <= limit),
                greatest(int, |x| (x as f32) < limit),
            ))
        }
        64 => Some((
            greatest(int, |x| x as f64 <= value),
            greatest(int, |x| (x as f64) < value),
        )),
        // The x87 format holds every 64-bit integer exactly.
        LONG_DOUBLE if is_clear_of_integers(value) => {
            let floor = value.floor() as i128;
            let both = greatest(int, |x| x <= floor);
            Some((both, both))
        }
        _ => None,
    }
}

/// `e <= limit` in the type; false without a limit.
fn up_to(int: IntType, e: &Expr, limit: Option<i128>) -> Expr {
    let Some(limit) = limit else {
        return Expr::bool(false);
    };
    let op = if int.signed {
        CompareOp::SLessEqual
    } else {
        CompareOp::ULessEqual
    };
    fold::compare(op, e.clone(), Expr::int(int.bits, limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_agree_with_the_machine() {
        let constants = [
            0.0,
            -0.5,
            0.5,
            1.0,
            11.3,
            46340.95,
            3.0e9,
            9.007_199_254_740_992e15,
            9.3e18,
            1.9e19,
            -9.3e18,
        ];
        let numbers: Vec<i64> = (0..64)
            .flat_map(|k| {
                let power = 1i64.wrapping_shl(k);
                [
                    power.wrapping_sub(1),
                    power,
                    power.wrapping_add(1),
                    power.wrapping_neg(),
                ]
            })
            .collect();
        for c in constants {
            let (at_most, below) = thresholds(IntType::LLONG, c, 64).expect("known");
            let (narrow_at_most, narrow_below) = thresholds(IntType::LLONG, c, 32).expect("known");
            for x in &numbers {
                let wide = i128::from(*x);
                assert_eq!(at_most.is_some_and(|t| wide <= t), *x as f64 <= c, "{x} <= {c}");
                assert_eq!(below.is_some_and(|t| wide <= t), (*x as f64) < c, "{x} < {c}");
                let c = c as f32;
                assert_eq!(
                    narrow_at_most.is_some_and(|t| wide <= t),
                    *x as f32 <= c,
                    "{x} <= {c}f"
                );
                assert_eq!(
                    narrow_below.is_some_and(|t| wide <= t),
                    (*x as f32) < c,
                    "{x} < {c}f"
                );
            }
        }
        assert!(thresholds(IntType::INT, f64::NAN, 64).is_none());
    }

    #[test]
    fn roots_of_long_doubles_are_taken_only_away_from_integers() {
        let max = i64::MAX as f64;
        assert_eq!(
            square_root_of(max, LONG_DOUBLE).map(f64::floor),
            Some(3_037_000_499.0)
        );
        assert_eq!(square_root_of(4.0, LONG_DOUBLE), None);
        assert_eq!(square_root_of(4.0, 64), Some(2.0));
        assert_eq!(square_root_of(-1.0, 64), None);
    }
}

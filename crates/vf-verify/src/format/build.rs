//! Building expressions of the pass, folding what is constant.

use vf_ir::{BinaryOp, CompareOp, Expr, Resize, UnaryOp};

/// Value of a constant integer expression, its width cut off at 128 bits.
pub(super) fn constant(expr: &Expr) -> Option<u128> {
    match expr {
        Expr::Int { value, .. } => Some(*value),
        Expr::Resize { kind, bits, arg } => {
            let Expr::Int { bits: from, value } = **arg else {
                return None;
            };
            Some(match kind {
                Resize::ZeroExtend => value,
                Resize::Truncate => value & mask(*bits),
                Resize::SignExtend if from < 128 && value >> (from - 1) & 1 == 1 => {
                    (value | !mask(from)) & mask(*bits)
                }
                Resize::SignExtend => value,
            })
        }
        _ => None,
    }
}

fn mask(bits: u32) -> u128 {
    if bits >= 128 { u128::MAX } else { (1 << bits) - 1 }
}

pub(super) fn int(bits: u32, value: u64) -> Expr {
    Expr::int(bits, i128::from(value))
}

pub(super) fn add(bits: u32, lhs: Expr, rhs: Expr) -> Expr {
    match (constant(&lhs), constant(&rhs)) {
        (Some(a), Some(b)) => Expr::Int {
            bits,
            value: a.wrapping_add(b) & mask(bits),
        },
        (Some(0), None) => rhs,
        (None, Some(0)) => lhs,
        _ => binary(BinaryOp::Add, lhs, rhs),
    }
}

pub(super) fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr::Binary {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

pub(super) fn compare(op: CompareOp, lhs: Expr, rhs: Expr) -> Expr {
    if let (Some(a), Some(b)) = (constant(&lhs), constant(&rhs)) {
        match op {
            CompareOp::Equal => return Expr::bool(a == b),
            CompareOp::NotEqual => return Expr::bool(a != b),
            CompareOp::ULess => return Expr::bool(a < b),
            CompareOp::ULessEqual => return Expr::bool(a <= b),
            CompareOp::SLess | CompareOp::SLessEqual => {}
        }
    }
    Expr::Compare {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

pub(super) fn not(arg: Expr) -> Expr {
    match constant(&arg) {
        Some(value) => Expr::bool(value == 0),
        None => Expr::Unary {
            op: UnaryOp::Not,
            arg: Box::new(arg),
        },
    }
}

pub(super) fn negated(arg: Expr) -> Expr {
    Expr::Unary {
        op: UnaryOp::Neg,
        arg: Box::new(arg),
    }
}

pub(super) fn or(lhs: Expr, rhs: Expr) -> Expr {
    match (constant(&lhs), constant(&rhs)) {
        (Some(0), _) => rhs,
        (_, Some(0)) => lhs,
        (Some(_), _) | (_, Some(_)) => Expr::bool(true),
        _ => binary(BinaryOp::Or, lhs, rhs),
    }
}

pub(super) fn and(lhs: Expr, rhs: Expr) -> Expr {
    match (constant(&lhs), constant(&rhs)) {
        (Some(0), _) | (_, Some(0)) => Expr::bool(false),
        (Some(_), _) => rhs,
        (_, Some(_)) => lhs,
        _ => binary(BinaryOp::And, lhs, rhs),
    }
}

pub(super) fn select(condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    match constant(&condition) {
        Some(0) => otherwise,
        Some(_) => then,
        None if then == otherwise => then,
        None => Expr::Select {
            condition: Box::new(condition),
            then: Box::new(then),
            otherwise: Box::new(otherwise),
        },
    }
}

/// Unsigned minimum.
pub(super) fn min(lhs: Expr, rhs: Expr) -> Expr {
    select(compare(CompareOp::ULessEqual, lhs.clone(), rhs.clone()), lhs, rhs)
}

/// Unsigned maximum.
pub(super) fn max(lhs: Expr, rhs: Expr) -> Expr {
    select(compare(CompareOp::ULess, lhs.clone(), rhs.clone()), rhs, lhs)
}

/// Changes the width: cut, or extended as told.
pub(super) fn resized(arg: Expr, from: u32, to: u32, signed: bool) -> Expr {
    let kind = match from.cmp(&to) {
        std::cmp::Ordering::Equal => return arg,
        std::cmp::Ordering::Greater => Resize::Truncate,
        std::cmp::Ordering::Less if signed => Resize::SignExtend,
        std::cmp::Ordering::Less => Resize::ZeroExtend,
    };
    let wide = Expr::Resize {
        kind,
        bits: to,
        arg: Box::new(arg),
    };
    match constant(&wide) {
        Some(value) => Expr::Int { bits: to, value },
        None => wide,
    }
}

/// Is a pointer not null?
pub(super) fn not_null(ptr: Expr) -> Expr {
    Expr::PtrCompare {
        op: CompareOp::NotEqual,
        lhs: Box::new(ptr),
        rhs: Box::new(Expr::Null),
    }
}

/// `ptr + bytes`.
pub(super) fn at(ptr: Expr, bytes: Expr) -> Expr {
    if constant(&bytes) == Some(0) {
        return ptr;
    }
    Expr::PtrAdd {
        ptr: Box::new(ptr),
        index: Box::new(bytes),
        scale: 1,
    }
}

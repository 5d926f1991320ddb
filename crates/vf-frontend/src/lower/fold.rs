//! Building IR expressions: constants folded, trivial operations dropped, and a quick bound on values.

use vf_ir::{BinaryOp, CompareOp, Expr, Local, Resize, Storage, Ty, UnaryOp};

fn mask(bits: u32) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1u128 << bits) - 1
    }
}

fn signed(bits: u32, value: u128) -> i128 {
    if bits >= 128 {
        value as i128
    } else if value >> (bits - 1) & 1 == 1 {
        (value | !mask(bits)) as i128
    } else {
        value as i128
    }
}

pub(crate) fn constant(expr: &Expr) -> Option<(u32, u128)> {
    match expr {
        Expr::Int { bits, value } => Some((*bits, *value)),
        _ => None,
    }
}

pub(crate) fn unary(op: UnaryOp, arg: Expr) -> Expr {
    match (op, arg) {
        (UnaryOp::Not, Expr::Int { bits, value }) => Expr::Int {
            bits,
            value: !value & mask(bits),
        },
        (UnaryOp::Neg, Expr::Int { bits, value }) => Expr::Int {
            bits,
            value: value.wrapping_neg() & mask(bits),
        },
        (
            UnaryOp::Not,
            Expr::Unary {
                op: UnaryOp::Not,
                arg,
            },
        ) => *arg,
        (op, arg) => Expr::Unary {
            op,
            arg: Box::new(arg),
        },
    }
}

/// The negation of a condition.
pub(crate) fn not(condition: Expr) -> Expr {
    match condition {
        Expr::Compare {
            op: CompareOp::Equal,
            lhs,
            rhs,
        } => Expr::Compare {
            op: CompareOp::NotEqual,
            lhs,
            rhs,
        },
        Expr::Compare {
            op: CompareOp::NotEqual,
            lhs,
            rhs,
        } => Expr::Compare {
            op: CompareOp::Equal,
            lhs,
            rhs,
        },
        Expr::PtrCompare {
            op: CompareOp::Equal,
            lhs,
            rhs,
        } => Expr::PtrCompare {
            op: CompareOp::NotEqual,
            lhs,
            rhs,
        },
        Expr::PtrCompare {
            op: CompareOp::NotEqual,
            lhs,
            rhs,
        } => Expr::PtrCompare {
            op: CompareOp::Equal,
            lhs,
            rhs,
        },
        other => unary(UnaryOp::Not, other),
    }
}

pub(crate) fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    if let (Some((bits, a)), Some((_, b))) = (constant(&lhs), constant(&rhs))
        && let Some(value) = evaluate(op, bits, a, b)
    {
        return Expr::Int { bits, value };
    }
    let neutral = |e: &Expr, n: u128| matches!(e, Expr::Int { value, .. } if *value == n);
    match op {
        BinaryOp::Add | BinaryOp::Or | BinaryOp::Xor if neutral(&lhs, 0) => rhs,
        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Or | BinaryOp::Xor if neutral(&rhs, 0) => lhs,
        BinaryOp::Shl | BinaryOp::LShr | BinaryOp::AShr if neutral(&rhs, 0) => lhs,
        BinaryOp::Mul if neutral(&lhs, 1) => rhs,
        BinaryOp::Mul | BinaryOp::UDiv | BinaryOp::SDiv if neutral(&rhs, 1) && !is_one_bit(&rhs) => lhs,
        BinaryOp::And if neutral(&lhs, 0) => lhs,
        BinaryOp::And if neutral(&rhs, 0) => rhs,
        _ => Expr::Binary {
            op,
            lhs: Box::new(lhs),
            rhs: Box::new(rhs),
        },
    }
}

fn is_one_bit(e: &Expr) -> bool {
    matches!(e, Expr::Int { bits: 1, .. })
}

/// The operation on constants, with the IR's meaning for the corner cases.
fn evaluate(op: BinaryOp, bits: u32, a: u128, b: u128) -> Option<u128> {
    let (sa, sb) = (signed(bits, a), signed(bits, b));
    let m = mask(bits);
    let shift = |v: u128| u32::try_from(v).ok().filter(|c| *c < bits);
    let value = match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Sub => a.wrapping_sub(b),
        BinaryOp::Mul => a.wrapping_mul(b),
        BinaryOp::UDiv => a.checked_div(b).unwrap_or(m),
        BinaryOp::URem => a.checked_rem(b).unwrap_or(a),
        // A division by zero is left to the verifier's check.
        BinaryOp::SDiv if b == 0 => return None,
        BinaryOp::SRem if b == 0 => return None,
        BinaryOp::SDiv => sa.wrapping_div(sb) as u128,
        BinaryOp::SRem => sa.wrapping_rem(sb) as u128,
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::Shl => shift(b).map_or(0, |c| a << c),
        BinaryOp::LShr => shift(b).map_or(0, |c| a >> c),
        BinaryOp::AShr => match shift(b) {
            Some(c) => (sa >> c) as u128,
            None => (sa >> 127) as u128,
        },
    };
    Some(value & m)
}

pub(crate) fn compare(op: CompareOp, lhs: Expr, rhs: Expr) -> Expr {
    if let (Some((bits, a)), Some((_, b))) = (constant(&lhs), constant(&rhs)) {
        let (sa, sb) = (signed(bits, a), signed(bits, b));
        return Expr::bool(match op {
            CompareOp::Equal => a == b,
            CompareOp::NotEqual => a != b,
            CompareOp::ULess => a < b,
            CompareOp::ULessEqual => a <= b,
            CompareOp::SLess => sa < sb,
            CompareOp::SLessEqual => sa <= sb,
        });
    }
    Expr::Compare {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

pub(crate) fn pointer_compare(op: CompareOp, lhs: Expr, rhs: Expr) -> Expr {
    if lhs == rhs {
        return Expr::bool(matches!(
            op,
            CompareOp::Equal | CompareOp::ULessEqual | CompareOp::SLessEqual
        ));
    }
    // The address of an object is never null.
    if (is_object_address(&lhs) && rhs == Expr::Null) || (lhs == Expr::Null && is_object_address(&rhs)) {
        match op {
            CompareOp::Equal => return Expr::bool(false),
            CompareOp::NotEqual => return Expr::bool(true),
            _ => {}
        }
    }
    Expr::PtrCompare {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

/// The address of a named object or function itself (not of a place computed from it).
pub(crate) fn is_object_address(e: &Expr) -> bool {
    matches!(
        e,
        Expr::LocalAddress(_) | Expr::GlobalAddress(_) | Expr::FunctionAddress(_)
    )
}

/// Whether the pointer is computed from the address of a named object.
pub(crate) fn points_into_named(e: &Expr) -> bool {
    match e {
        Expr::LocalAddress(_) | Expr::GlobalAddress(_) | Expr::FunctionAddress(_) => true,
        Expr::PtrAdd { ptr, .. } | Expr::Member { ptr, .. } => points_into_named(ptr),
        _ => false,
    }
}

/// Widens or cuts an integer of `from` bits to `to` bits.
pub(crate) fn resize(arg: Expr, from: u32, to: u32, from_signed: bool, locals: &[Local]) -> Expr {
    if from == to {
        return arg;
    }
    if let Expr::Int { bits, value } = arg {
        let read = if from_signed {
            signed(bits, value) as u128
        } else {
            value
        };
        return Expr::Int {
            bits: to,
            value: read & mask(to),
        };
    }
    if to < from {
        // Cutting back what was just widened.
        if let Expr::Resize {
            kind: Resize::ZeroExtend | Resize::SignExtend,
            arg: inner,
            ..
        } = &arg
            && let Some(width) = width(inner, locals)
            && width == to
        {
            return (**inner).clone();
        }
        return Expr::Resize {
            kind: Resize::Truncate,
            bits: to,
            arg: Box::new(arg),
        };
    }
    // Widening what was zero-extended is one zero-extension.
    if let Expr::Resize {
        kind: Resize::ZeroExtend,
        arg: inner,
        ..
    } = arg
    {
        return Expr::Resize {
            kind: Resize::ZeroExtend,
            bits: to,
            arg: inner,
        };
    }
    let kind = if from_signed {
        Resize::SignExtend
    } else {
        Resize::ZeroExtend
    };
    Expr::Resize {
        kind,
        bits: to,
        arg: Box::new(arg),
    }
}

/// The width of an integer expression; `None` for what is not one.
pub(crate) fn width(e: &Expr, locals: &[Local]) -> Option<u32> {
    match e {
        Expr::Int { bits, .. } | Expr::Resize { bits, .. } => Some(*bits),
        Expr::Compare { .. } | Expr::PtrCompare { .. } => Some(1),
        Expr::Local(l) => match locals.get(l.index())?.storage {
            Storage::Register(Ty::Int(bits)) => Some(bits),
            _ => None,
        },
        Expr::Unary { arg, .. } => width(arg, locals),
        Expr::Binary { lhs, .. } => width(lhs, locals),
        Expr::Select { then, .. } => width(then, locals),
        _ => None,
    }
}

/// `ptr + index * scale`; index is a constant or has pointer width.
pub(crate) fn pointer_add(ptr: Expr, index: Expr, scale: u64) -> Expr {
    if scale == 0 || matches!(index, Expr::Int { value: 0, .. }) {
        return ptr;
    }
    Expr::PtrAdd {
        ptr: Box::new(ptr),
        index: Box::new(index),
        scale,
    }
}

/// The value read as a boolean: `Int(1)`.
pub(crate) fn truth(e: Expr, bits: u32, locals: &[Local]) -> Expr {
    match e {
        Expr::Resize {
            kind: Resize::ZeroExtend,
            arg,
            ..
        } if width(&arg, locals) == Some(1) => *arg,
        e => compare(CompareOp::NotEqual, e, Expr::int(bits, 0)),
    }
}

/// Bounds of an integer expression of `bits` bits, read as signed or not: cheap, from its shape alone.
pub(crate) fn bounds(e: &Expr, bits: u32, is_signed: bool, locals: &[Local]) -> (i128, i128) {
    let whole = if bits >= 127 {
        if is_signed {
            (i128::MIN, i128::MAX)
        } else {
            (0, i128::MAX)
        }
    } else if is_signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    };
    let found = match e {
        Expr::Int { value, .. } => {
            let v = if is_signed {
                signed(bits, *value)
            } else {
                *value as i128
            };
            Some((v, v))
        }
        Expr::Resize {
            kind: Resize::ZeroExtend,
            arg,
            ..
        } => width(arg, locals)
            .map(|w| bounds(arg, w, false, locals))
            .filter(|_| bits < 127),
        Expr::Resize {
            kind: Resize::SignExtend,
            arg,
            ..
        } if is_signed => width(arg, locals)
            .map(|w| bounds(arg, w, true, locals))
            .filter(|_| bits < 127),
        // Where the exact result always fits, nothing wraps.
        Expr::Binary {
            op: op @ (BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul),
            lhs,
            rhs,
        } => {
            let a = bounds(lhs, bits, is_signed, locals);
            let b = bounds(rhs, bits, is_signed, locals);
            exact_bounds(*op, a, b)
        }
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } => [lhs, rhs]
            .into_iter()
            .filter_map(|side| constant(side).map(|(b, v)| signed(b, v)).filter(|v| *v >= 0))
            .min()
            .map(|v| (0, v)),
        Expr::Binary {
            op: BinaryOp::URem,
            rhs,
            ..
        } => constant(rhs)
            .filter(|(_, v)| *v > 0 && *v <= i128::MAX as u128)
            .map(|(_, v)| (0, v as i128 - 1)),
        Expr::Binary {
            op: BinaryOp::LShr,
            rhs,
            ..
        } => constant(rhs)
            .filter(|(_, c)| *c > 0 && *c < u128::from(bits) && bits < 127)
            .map(|(_, c)| (0, (1i128 << (bits - c as u32)) - 1)),
        Expr::Select { then, otherwise, .. } => {
            let (a, b) = (
                bounds(then, bits, is_signed, locals),
                bounds(otherwise, bits, is_signed, locals),
            );
            Some((a.0.min(b.0), a.1.max(b.1)))
        }
        _ => None,
    };
    match found {
        Some((low, high)) if low >= whole.0 && high <= whole.1 => (low, high),
        _ => whole,
    }
}

/// Bounds of the exact sum, difference or product; `None` where they leave `i128`.
pub(crate) fn exact_bounds(op: BinaryOp, a: (i128, i128), b: (i128, i128)) -> Option<(i128, i128)> {
    match op {
        BinaryOp::Add => a.0.checked_add(b.0).zip(a.1.checked_add(b.1)),
        BinaryOp::Sub => a.0.checked_sub(b.1).zip(a.1.checked_sub(b.0)),
        BinaryOp::Mul => {
            let corners = [
                a.0.checked_mul(b.0)?,
                a.0.checked_mul(b.1)?,
                a.1.checked_mul(b.0)?,
                a.1.checked_mul(b.1)?,
            ];
            corners.iter().min().copied().zip(corners.iter().max().copied())
        }
        _ => None,
    }
}

/// Number of nodes, counted up to a limit.
pub(crate) fn size_up_to(e: &Expr, limit: usize) -> usize {
    fn count(e: &Expr, left: &mut usize) {
        if *left == 0 {
            return;
        }
        *left -= 1;
        match e {
            Expr::Unary { arg, .. }
            | Expr::Resize { arg, .. }
            | Expr::PtrToInt(arg)
            | Expr::IntToPtr(arg) => {
                count(arg, left);
            }
            Expr::Member { ptr, .. } => count(ptr, left),
            Expr::Binary { lhs, rhs, .. }
            | Expr::Compare { lhs, rhs, .. }
            | Expr::PtrCompare { lhs, rhs, .. }
            | Expr::PtrDiff { lhs, rhs, .. } => {
                count(lhs, left);
                count(rhs, left);
            }
            Expr::PtrAdd { ptr, index, .. } => {
                count(ptr, left);
                count(index, left);
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                count(condition, left);
                count(then, left);
                count(otherwise, left);
            }
            Expr::Int { .. }
            | Expr::Null
            | Expr::Local(_)
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_) => {}
        }
    }
    let mut left = limit;
    count(e, &mut left);
    limit - left
}

/// Whether the address lies in a static object.
pub(crate) fn is_static(e: &Expr) -> bool {
    match e {
        Expr::GlobalAddress(_) | Expr::FunctionAddress(_) => true,
        Expr::PtrAdd { ptr, .. } | Expr::Member { ptr, .. } => is_static(ptr),
        _ => false,
    }
}

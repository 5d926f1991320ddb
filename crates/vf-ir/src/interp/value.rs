//! Values of registers, and arithmetic on bit patterns.

use super::memory::Pointer;
use crate::obligation::Arithmetic;
use crate::program::{BinaryOp, CompareOp, Resize, UnaryOp};

/// Value of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// `value < 2^bits`.
    Int {
        bits: u32,
        value: u128,
    },
    Pointer(Pointer),
    /// A float by its bit pattern; no operation looks inside.
    Float {
        bits: u32,
        pattern: u128,
    },
}

impl Value {
    /// The pattern cut to a width.
    pub fn int(bits: u32, value: u128) -> Value {
        Value::Int {
            bits,
            value: value & mask(bits),
        }
    }

    pub fn bool(value: bool) -> Value {
        Value::int(1, u128::from(value))
    }
}

/// Largest unsigned pattern of a width (1 to 128).
pub(super) fn mask(bits: u32) -> u128 {
    u128::MAX >> (128 - bits.clamp(1, 128))
}

/// A pattern read as two's complement.
pub fn signed(bits: u32, value: u128) -> i128 {
    let unused = 128 - bits.clamp(1, 128);
    ((value << unused) as i128) >> unused
}

pub(super) fn unary(op: UnaryOp, bits: u32, value: u128) -> u128 {
    let result = match op {
        UnaryOp::Not => !value,
        UnaryOp::Neg => value.wrapping_neg(),
    };
    result & mask(bits)
}

/// The machine's result: overflow wraps, divisions by zero are as in SMT-LIB.
pub(super) fn binary(op: BinaryOp, bits: u32, lhs: u128, rhs: u128) -> u128 {
    let (left, right) = (signed(bits, lhs), signed(bits, rhs));
    let count = u32::try_from(rhs).ok().filter(|c| *c < bits);
    let result = match op {
        BinaryOp::Add => lhs.wrapping_add(rhs),
        BinaryOp::Sub => lhs.wrapping_sub(rhs),
        BinaryOp::Mul => lhs.wrapping_mul(rhs),
        BinaryOp::SDiv if right == 0 => {
            if left < 0 {
                1
            } else {
                u128::MAX
            }
        }
        BinaryOp::SDiv => left.wrapping_div(right) as u128,
        BinaryOp::UDiv => lhs.checked_div(rhs).unwrap_or(u128::MAX),
        BinaryOp::SRem if right == 0 => lhs,
        BinaryOp::SRem => left.wrapping_rem(right) as u128,
        BinaryOp::URem => lhs.checked_rem(rhs).unwrap_or(lhs),
        BinaryOp::And => lhs & rhs,
        BinaryOp::Or => lhs | rhs,
        BinaryOp::Xor => lhs ^ rhs,
        BinaryOp::Shl => count.map_or(0, |c| lhs << c),
        BinaryOp::LShr => count.map_or(0, |c| lhs >> c),
        BinaryOp::AShr => (left >> count.unwrap_or(127)) as u128,
    };
    result & mask(bits)
}

pub(super) fn compare(op: CompareOp, bits: u32, lhs: u128, rhs: u128) -> bool {
    match op {
        CompareOp::Equal => lhs == rhs,
        CompareOp::NotEqual => lhs != rhs,
        CompareOp::ULess => lhs < rhs,
        CompareOp::ULessEqual => lhs <= rhs,
        CompareOp::SLess => signed(bits, lhs) < signed(bits, rhs),
        CompareOp::SLessEqual => signed(bits, lhs) <= signed(bits, rhs),
    }
}

pub(super) fn resize(kind: Resize, from: u32, to: u32, value: u128) -> u128 {
    let wide = match kind {
        Resize::SignExtend => signed(from, value) as u128,
        Resize::ZeroExtend | Resize::Truncate => value,
    };
    wide & mask(to)
}

/// Whether the exact result fits the width.
pub(super) fn no_overflow(op: Arithmetic, is_signed: bool, bits: u32, lhs: u128, rhs: u128) -> bool {
    if is_signed {
        signed_fits(op, bits, signed(bits, lhs), signed(bits, rhs), rhs)
    } else {
        unsigned_fits(op, bits, lhs, rhs)
    }
}

fn signed_fits(op: Arithmetic, bits: u32, lhs: i128, rhs: i128, count: u128) -> bool {
    let exact = match op {
        Arithmetic::Add => lhs.checked_add(rhs),
        Arithmetic::Sub => lhs.checked_sub(rhs),
        Arithmetic::Mul => lhs.checked_mul(rhs),
        // By zero is another obligation's question.
        Arithmetic::Div if rhs == 0 => Some(0),
        Arithmetic::Div => lhs.checked_div(rhs),
        Arithmetic::Neg => rhs.checked_neg(),
        Arithmetic::Shl if lhs == 0 => Some(0),
        Arithmetic::Shl => match u32::try_from(count) {
            Ok(count @ 0..127) => lhs.checked_mul(1 << count),
            // -1 * 2^127 is the least of 128 bits; everything else is too much for any width.
            Ok(127) if lhs == -1 => Some(i128::MIN),
            _ => None,
        },
    };
    exact.is_some_and(|exact| signed(bits, exact as u128) == exact)
}

fn unsigned_fits(op: Arithmetic, bits: u32, lhs: u128, rhs: u128) -> bool {
    let exact = match op {
        Arithmetic::Add => lhs.checked_add(rhs),
        Arithmetic::Sub => lhs.checked_sub(rhs),
        Arithmetic::Mul => lhs.checked_mul(rhs),
        Arithmetic::Div => Some(0),
        Arithmetic::Neg => 0u128.checked_sub(rhs),
        Arithmetic::Shl if lhs == 0 => Some(0),
        Arithmetic::Shl => match u32::try_from(rhs) {
            Ok(count @ 0..128) => lhs.checked_mul(1 << count),
            _ => None,
        },
    };
    exact.is_some_and(|exact| exact <= mask(bits))
}

/// Whether a value of one width and sign is a value of another.
pub(super) fn lossless(from: u32, from_signed: bool, value: u128, to: u32, to_signed: bool) -> bool {
    if from_signed {
        let exact = signed(from, value);
        if to_signed {
            signed(to, exact as u128) == exact
        } else {
            exact >= 0 && value <= mask(to)
        }
    } else {
        value <= if to_signed { mask(to) >> 1 } else { mask(to) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Values of an 8-bit pattern under both readings, as plain integers.
    fn readings(value: u128) -> (i128, i128) {
        (
            value as i128,
            if value >= 128 {
                value as i128 - 256
            } else {
                value as i128
            },
        )
    }

    #[test]
    fn eight_bits_agree_with_plain_integers() {
        for lhs in 0..256u128 {
            for rhs in 0..256u128 {
                let ((ul, sl), (ur, sr)) = (readings(lhs), readings(rhs));
                let cut = |exact: i128| exact.rem_euclid(256) as u128;
                let fits_u = |exact: i128| (0..256).contains(&exact);
                let fits_s = |exact: i128| (-128..128).contains(&exact);
                for (op, check, exact_u, exact_s) in [
                    (BinaryOp::Add, Arithmetic::Add, ul + ur, sl + sr),
                    (BinaryOp::Sub, Arithmetic::Sub, ul - ur, sl - sr),
                    (BinaryOp::Mul, Arithmetic::Mul, ul * ur, sl * sr),
                ] {
                    assert_eq!(binary(op, 8, lhs, rhs), cut(exact_u));
                    assert_eq!(
                        no_overflow(check, false, 8, lhs, rhs),
                        fits_u(exact_u),
                        "{lhs} {op:?} {rhs}"
                    );
                    assert_eq!(
                        no_overflow(check, true, 8, lhs, rhs),
                        fits_s(exact_s),
                        "{lhs} {op:?} {rhs}"
                    );
                }
                if rhs != 0 {
                    assert_eq!(binary(BinaryOp::UDiv, 8, lhs, rhs), cut(ul / ur));
                    assert_eq!(binary(BinaryOp::URem, 8, lhs, rhs), cut(ul % ur));
                    assert_eq!(binary(BinaryOp::SDiv, 8, lhs, rhs), cut(sl / sr));
                    assert_eq!(binary(BinaryOp::SRem, 8, lhs, rhs), cut(sl % sr));
                    assert_eq!(no_overflow(Arithmetic::Div, true, 8, lhs, rhs), fits_s(sl / sr));
                }
                let shift = |value: i128| {
                    if ur < 64 {
                        value << ur
                    } else {
                        value * i128::from(i64::MAX)
                    }
                };
                assert_eq!(
                    no_overflow(Arithmetic::Shl, false, 8, lhs, rhs),
                    fits_u(shift(ul))
                );
                assert_eq!(no_overflow(Arithmetic::Shl, true, 8, lhs, rhs), fits_s(shift(sl)));
                assert_eq!(
                    binary(BinaryOp::Shl, 8, lhs, rhs),
                    if ur < 8 { cut(ul << ur) } else { 0 }
                );
                assert_eq!(
                    binary(BinaryOp::LShr, 8, lhs, rhs),
                    if ur < 8 { cut(ul >> ur) } else { 0 }
                );
                assert_eq!(binary(BinaryOp::AShr, 8, lhs, rhs), cut(sl >> ur.min(100)));
                assert_eq!(compare(CompareOp::ULess, 8, lhs, rhs), ul < ur);
                assert_eq!(compare(CompareOp::SLess, 8, lhs, rhs), sl < sr);
                assert_eq!(compare(CompareOp::SLessEqual, 8, lhs, rhs), sl <= sr);
            }
            let (u, s) = readings(lhs);
            assert_eq!(no_overflow(Arithmetic::Neg, true, 8, 0, lhs), s != -128);
            assert_eq!(no_overflow(Arithmetic::Neg, false, 8, 0, lhs), u == 0);
            for to in [1, 5, 7, 8, 9, 64, 128] {
                let (unsigned, signed_range) = (1i128 << to.min(100), 1i128 << (to - 1).min(99));
                assert_eq!(lossless(8, false, lhs, to, false), u < unsigned);
                assert_eq!(lossless(8, false, lhs, to, true), u < signed_range);
                assert_eq!(lossless(8, true, lhs, to, false), (0..unsigned).contains(&s));
                assert_eq!(
                    lossless(8, true, lhs, to, true),
                    (-signed_range..signed_range).contains(&s)
                );
            }
        }
    }

    #[test]
    fn division_by_zero_is_as_in_smt_lib() {
        assert_eq!(binary(BinaryOp::UDiv, 8, 7, 0), 255);
        assert_eq!(binary(BinaryOp::URem, 8, 7, 0), 7);
        assert_eq!(binary(BinaryOp::SDiv, 8, 7, 0), 255);
        assert_eq!(binary(BinaryOp::SDiv, 8, 0xf9, 0), 1);
        assert_eq!(binary(BinaryOp::SRem, 8, 0xf9, 0), 0xf9);
        assert_eq!(binary(BinaryOp::SDiv, 8, 0x80, 0xff), 0x80);
    }

    proptest! {
        /// Widths up to 128 against 64-bit and 32-bit machine arithmetic, and no panic at the edges.
        #[test]
        fn wide_arithmetic(lhs in any::<u128>(), rhs in any::<u128>(), small in any::<(i64, i64)>(), bits in 1u32..=128) {
            for op in [Arithmetic::Add, Arithmetic::Sub, Arithmetic::Mul, Arithmetic::Div, Arithmetic::Neg, Arithmetic::Shl] {
                for edge in [0, 1, mask(bits), (mask(bits) >> 1) + 1, lhs & mask(bits)] {
                    no_overflow(op, true, bits, edge, rhs & mask(bits));
                    no_overflow(op, false, bits, edge, rhs & mask(bits));
                }
            }
            let (a, b) = (small.0 as u64 as u128, small.1 as u64 as u128);
            prop_assert_eq!(no_overflow(Arithmetic::Mul, true, 64, a, b), small.0.checked_mul(small.1).is_some());
            prop_assert_eq!(no_overflow(Arithmetic::Add, true, 64, a, b), small.0.checked_add(small.1).is_some());
            prop_assert_eq!(binary(BinaryOp::Mul, 64, a, b) as u64, (small.0 as u64).wrapping_mul(small.1 as u64));
            let (l, r) = (lhs as i128, rhs as i128);
            prop_assert_eq!(no_overflow(Arithmetic::Mul, true, 128, lhs, rhs), l.checked_mul(r).is_some());
            prop_assert_eq!(no_overflow(Arithmetic::Sub, false, 128, lhs, rhs), lhs.checked_sub(rhs).is_some());
            prop_assert!(no_overflow(Arithmetic::Shl, true, 128, u128::MAX, 127));
            prop_assert!(!no_overflow(Arithmetic::Shl, true, 128, 1, 127));
        }
    }
}

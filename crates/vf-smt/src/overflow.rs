//! Whether exact arithmetic leaves the width: comparisons without wider operands where that is possible.

use crate::logic::ordered;
use crate::range::{signed_max, signed_min, signed_products};
use crate::term::{Sort, Term, Terms, View, from_signed, mask, to_signed};

impl Terms {
    /// Whether the exact sum, both operands read as signed or not, does not fit their width.
    pub fn add_overflows(&self, signed: bool, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        let (a, b) = if self.as_bv(a).is_some() { (b, a) } else { (a, b) };
        if signed {
            self.signed_add_overflows(bits, a, b)
        } else {
            self.unsigned_add_overflows(bits, a, b)
        }
    }

    /// a + b > MAX  iff  a > MAX - b  iff  (a + b mod 2^w) < a
    fn unsigned_add_overflows(&self, bits: u32, a: Term, b: Term) -> Term {
        let (left, right) = (self.range(a), self.range(b));
        if left.high <= mask(bits) - right.high {
            return self.bool(false);
        }
        if left.low > mask(bits) - right.low {
            return self.bool(true);
        }
        if let Some(value) = self.as_bv(b) {
            let bound = self.bv(bits, mask(bits) - value);
            return self.ugt(a, bound);
        }
        let sum = self.add(a, b);
        self.ult(sum, a)
    }

    /// Operands of one sign give a sum of the other sign.
    fn signed_add_overflows(&self, bits: u32, a: Term, b: Term) -> Term {
        let (left, right) = (self.range(a), self.range(b));
        if let (Some(low), Some(high)) = (
            left.signed_low.checked_add(right.signed_low),
            left.signed_high.checked_add(right.signed_high),
        ) {
            if low >= signed_min(bits) && high <= signed_max(bits) {
                return self.bool(false);
            }
            if low > signed_max(bits) || high < signed_min(bits) {
                return self.bool(true);
            }
        }
        if let Some(value) = self.as_bv(b).map(|value| to_signed(bits, value)) {
            return if value >= 0 {
                let bound = self.signed_constant(bits, signed_max(bits) - value);
                self.sgt(a, bound)
            } else {
                let bound = self.signed_constant(bits, signed_min(bits) - value);
                self.slt(a, bound)
            };
        }
        let (sum, zero) = (self.add(a, b), self.bv(bits, 0));
        let (a_negative, b_negative) = (self.slt(a, zero), self.slt(b, zero));
        let sum_negative = self.slt(sum, zero);
        let same = self.eq(a_negative, b_negative);
        let turned = self.xor(a_negative, sum_negative);
        let circuit = self.and(same, turned);
        self.remember_overflow(circuit, false, a, b);
        circuit
    }

    /// Whether the exact difference, both operands read as signed or not, does not fit their width.
    pub fn sub_overflows(&self, signed: bool, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if a == b {
            return self.bool(false);
        }
        if !signed {
            return self.ult(a, b);
        }
        let (left, right) = (self.range(a), self.range(b));
        if let (Some(low), Some(high)) = (
            left.signed_low.checked_sub(right.signed_high),
            left.signed_high.checked_sub(right.signed_low),
        ) {
            if low >= signed_min(bits) && high <= signed_max(bits) {
                return self.bool(false);
            }
            if low > signed_max(bits) || high < signed_min(bits) {
                return self.bool(true);
            }
        }
        if let Some(value) = self.as_bv(b).map(|value| to_signed(bits, value)) {
            return if value >= 0 {
                let bound = self.signed_constant(bits, signed_min(bits) + value);
                self.slt(a, bound)
            } else {
                let bound = self.signed_constant(bits, signed_max(bits) + value);
                self.sgt(a, bound)
            };
        }
        if let Some(value) = self.as_bv(a).map(|value| to_signed(bits, value)) {
            return if value >= 0 {
                // value - b > MAX  iff  b < value - MAX
                let bound = self.signed_constant(bits, value - signed_max(bits));
                self.slt(b, bound)
            } else {
                let bound = self.signed_constant(bits, value - signed_min(bits));
                self.sgt(b, bound)
            };
        }
        let (difference, zero) = (self.sub(a, b), self.bv(bits, 0));
        let (a_negative, b_negative) = (self.slt(a, zero), self.slt(b, zero));
        let difference_negative = self.slt(difference, zero);
        let apart = self.xor(a_negative, b_negative);
        let turned = self.xor(a_negative, difference_negative);
        let circuit = self.and(apart, turned);
        self.remember_overflow(circuit, true, a, b);
        circuit
    }

    /// Whether the exact product, both operands read as signed or not, does not fit their width.
    pub fn mul_overflows(&self, signed: bool, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        let (a, b) = ordered(a, b);
        let (a, b) = if self.as_bv(a).is_some() { (b, a) } else { (a, b) };
        if signed {
            self.signed_mul_overflows(bits, a, b)
        } else {
            self.unsigned_mul_overflows(bits, a, b)
        }
    }

    /// a * c > MAX  iff  a > MAX / c
    fn unsigned_mul_overflows(&self, bits: u32, a: Term, b: Term) -> Term {
        let (left, right) = (self.range(a), self.range(b));
        if left
            .high
            .checked_mul(right.high)
            .is_some_and(|product| product <= mask(bits))
        {
            return self.bool(false);
        }
        if left
            .low
            .checked_mul(right.low)
            .is_none_or(|product| product > mask(bits))
        {
            return self.bool(true);
        }
        if let Some(factor) = self.as_bv(b) {
            // A factor of zero was decided by the ranges.
            let bound = self.bv(bits, mask(bits) / factor.max(1));
            return self.ugt(a, bound);
        }
        self.intern(View::UMulOverflow(a, b), Sort::Bool)
    }

    fn signed_mul_overflows(&self, bits: u32, a: Term, b: Term) -> Term {
        let (left, right) = (self.range(a), self.range(b));
        if let Some((low, high)) = signed_products(left, right) {
            if low >= signed_min(bits) && high <= signed_max(bits) {
                return self.bool(false);
            }
            if low > signed_max(bits) || high < signed_min(bits) {
                return self.bool(true);
            }
        }
        match self.as_bv(b).map(|value| to_signed(bits, value)) {
            None => self.intern(View::SMulOverflow(a, b), Sort::Bool),
            Some(0 | 1) => self.bool(false),
            Some(-1) => {
                let least = self.signed_constant(bits, signed_min(bits));
                self.eq(a, least)
            }
            // Division truncates toward zero, which rounds each bound to the inside.
            Some(factor) if factor > 0 => {
                self.outside(bits, a, signed_min(bits) / factor, signed_max(bits) / factor)
            }
            Some(factor) => self.outside(bits, a, signed_max(bits) / factor, signed_min(bits) / factor),
        }
    }

    /// `a < low` or `a > high`, signed.
    fn outside(&self, bits: u32, a: Term, low: i128, high: i128) -> Term {
        let (low, high) = (self.signed_constant(bits, low), self.signed_constant(bits, high));
        let (below, above) = (self.slt(a, low), self.sgt(a, high));
        self.or(below, above)
    }

    fn signed_constant(&self, bits: u32, value: i128) -> Term {
        self.bv(bits, from_signed(bits, value))
    }

    /// `c udiv b < a`: the exact product `a * b` is more than `c`. (Where `b` is zero the quotient is all ones,
    /// and neither holds.) Programs guard `n * size` by `n > SIZE_MAX / size`.
    pub(crate) fn quotient_below(&self, quotient: Term, a: Term) -> Option<Term> {
        let View::UDiv(c, b) = self.view(quotient) else {
            return None;
        };
        let overflows = self.mul_overflows(false, a, b);
        let product = self.mul(a, b);
        let more = self.ult(c, product);
        Some(self.or(overflows, more))
    }

    /// `(a * b) udiv b = a`: the product did not overflow, or `b` is zero and `a` is all ones. Programs test a
    /// product by dividing it again.
    pub(crate) fn divided_again(&self, quotient: Term, a: Term) -> Option<Term> {
        let View::UDiv(product, b) = self.view(quotient) else {
            return None;
        };
        let View::Mul(x, y) = self.view(product) else {
            return None;
        };
        if (x, y) != (a, b) && (y, x) != (a, b) {
            return None;
        }
        let bits = self.width(a);
        let (zero, ones) = (self.bv(bits, 0), self.bv(bits, mask(bits)));
        let by_zero = self.eq(b, zero);
        let all_ones = self.eq(a, ones);
        let overflows = self.mul_overflows(false, a, b);
        let fits = self.not(overflows);
        Some(self.ite(by_zero, all_ones, fits))
    }
}

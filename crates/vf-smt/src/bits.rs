//! Bit-vector arithmetic, bitwise operations and shifts.

use crate::logic::ordered;
use crate::term::{Term, Terms, View, from_signed, mask, to_signed};
use crate::value::fold_binary;

impl Terms {
    /// Both operands' constants, folded with the evaluator's own arithmetic.
    fn fold(&self, bits: u32, make: impl Fn(Term, Term) -> View, a: Term, b: Term) -> Option<Term> {
        let (x, y) = (self.as_bv(a)?, self.as_bv(b)?);
        Some(self.bv(bits, fold_binary(&make(a, b), bits, x, y)?))
    }

    /// A commutative operator's operands: a constant second, otherwise the older first.
    fn constant_last(&self, a: Term, b: Term) -> (Term, Term) {
        let (a, b) = ordered(a, b);
        if self.as_bv(a).is_some() { (b, a) } else { (a, b) }
    }

    /// `a + b` modulo `2^bits`.
    pub fn add(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::Add, a, b) {
            return term;
        }
        // Constants are lifted to the top: (x + c) + (y + d) = (x + y) + (c + d)
        let ((x, c), (y, d)) = (self.split_addend(a), self.split_addend(b));
        let sum = match (x, y) {
            (Some(x), Some(y)) => Some(self.add_plain(bits, x, y)),
            (x, y) => x.or(y),
        };
        let constant = c.wrapping_add(d) & mask(bits);
        match sum {
            None => self.bv(bits, constant),
            Some(sum) if constant == 0 => sum,
            Some(sum) => {
                // Adding the two parts may have brought a constant to the top again (x - y) + y with x = z + c.
                let (base, inner) = self.split_addend(sum);
                let constant = constant.wrapping_add(inner) & mask(bits);
                let addend = self.bv(bits, constant);
                match base {
                    None => addend,
                    Some(base) if constant == 0 => base,
                    Some(base) => self.intern_bits(View::Add(base, addend), bits),
                }
            }
        }
    }

    /// `term` as base and constant addend; a constant has no base.
    fn split_addend(&self, term: Term) -> (Option<Term>, u128) {
        if let Some(value) = self.as_bv(term) {
            return (None, value);
        }
        let (base, constant) = self.split_sum(term);
        (Some(base), constant)
    }

    fn add_plain(&self, bits: u32, a: Term, b: Term) -> Term {
        let (a, b) = ordered(a, b);
        for (x, y) in [(a, b), (b, a)] {
            match self.view(y) {
                View::Neg(z) => return self.sub(x, z),
                View::Sub(p, q) if q == x => return p,
                View::BvNot(z) if z == x => return self.bv(bits, mask(bits)),
                _ => {}
            }
        }
        if a == b {
            let two = self.bv(bits, 2);
            return self.mul(a, two);
        }
        self.intern_bits(View::Add(a, b), bits)
    }

    /// `a - b` modulo `2^bits`.
    pub fn sub(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if a == b {
            return self.bv(bits, 0);
        }
        if let Some(value) = self.as_bv(b) {
            let negated = self.bv(bits, value.wrapping_neg());
            return self.add(a, negated);
        }
        let ((x, c), (y, d)) = (self.split_addend(a), self.split_sum(b));
        let constant = c.wrapping_sub(d) & mask(bits);
        let difference = match x {
            None => self.neg(y),
            Some(x) => self.sub_plain(bits, x, y),
        };
        let addend = self.bv(bits, constant);
        self.add(difference, addend)
    }

    fn sub_plain(&self, bits: u32, a: Term, b: Term) -> Term {
        if a == b {
            return self.bv(bits, 0);
        }
        match self.view(a) {
            View::Add(x, y) if x == b => return y,
            View::Add(x, y) if y == b => return x,
            View::Sub(x, y) if x == b => return self.neg(y),
            _ => {}
        }
        match self.view(b) {
            View::Neg(z) => return self.add(a, z),
            View::Add(x, y) if x == a => return self.neg(y),
            View::Add(x, y) if y == a => return self.neg(x),
            View::Sub(x, y) if x == a => return y,
            _ => {}
        }
        self.intern_bits(View::Sub(a, b), bits)
    }

    /// `-a` modulo `2^bits`.
    pub fn neg(&self, a: Term) -> Term {
        let bits = self.width(a);
        match self.view(a) {
            View::Bits { value, .. } => self.bv(bits, value.wrapping_neg()),
            View::Neg(x) => x,
            View::Sub(x, y) => self.sub(y, x),
            View::Add(x, c) if self.as_bv(c).is_some() => {
                let constant = self.neg(c);
                self.sub(constant, x)
            }
            _ => self.intern_bits(View::Neg(a), bits),
        }
    }

    /// `a * b` modulo `2^bits`.
    pub fn mul(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::Mul, a, b) {
            return term;
        }
        let (a, b) = self.constant_last(a, b);
        if let Some(factor) = self.as_bv(b) {
            match factor {
                0 => return b,
                1 => return a,
                _ if factor == mask(bits) => return self.neg(a),
                _ => {}
            }
            if let View::Mul(x, c) | View::Add(x, c) = self.view(a)
                && let Some(value) = self.as_bv(c)
            {
                let scaled = self.bv(bits, value.wrapping_mul(factor));
                if matches!(self.view(a), View::Mul(..)) {
                    return self.mul(x, scaled);
                }
                // (x + c) * f = x * f + c * f
                let product = self.mul(x, b);
                return self.add(product, scaled);
            }
        }
        self.intern_bits(View::Mul(a, b), bits)
    }

    /// Unsigned quotient; all ones when `b` is zero.
    pub fn udiv(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::UDiv, a, b) {
            return term;
        }
        let (left, right) = (self.range(a), self.range(b));
        if right.low > 0 && left.high < right.low {
            return self.bv(bits, 0);
        }
        match self.as_bv(b) {
            Some(0) => return self.bv(bits, mask(bits)),
            Some(divisor) if divisor.is_power_of_two() => {
                let count = self.bv(bits, u128::from(divisor.trailing_zeros()));
                return self.lshr(a, count);
            }
            Some(divisor) => {
                // (x * d) / d = x where the product does not wrap
                if let View::Mul(x, factor) = self.view(a)
                    && self.as_bv(factor) == Some(divisor)
                    && self
                        .range(x)
                        .high
                        .checked_mul(divisor)
                        .is_some_and(|p| p <= mask(bits))
                {
                    return x;
                }
            }
            None => {}
        }
        self.intern_bits(View::UDiv(a, b), bits)
    }

    /// Signed quotient, truncated toward zero. By zero: 1 for a negative dividend, otherwise -1.
    pub fn sdiv(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::SDiv, a, b) {
            return term;
        }
        if self.range(a).is_non_negative() && self.range(b).is_non_negative() {
            return self.udiv(a, b);
        }
        if let Some(divisor) = self.as_bv(b).map(|value| to_signed(bits, value)) {
            if divisor == 1 {
                return a;
            }
            if divisor == -1 {
                return self.neg(a);
            }
            if divisor != 0
                && let View::Mul(x, factor) = self.view(a)
                && self.as_bv(factor) == self.as_bv(b)
                && !self.scaling_overflows(bits, x, divisor)
            {
                return x;
            }
        }
        self.intern_bits(View::SDiv(a, b), bits)
    }

    /// Whether `x * factor`, signed, may leave the width, by `x`'s range.
    fn scaling_overflows(&self, bits: u32, x: Term, factor: i128) -> bool {
        let range = self.range(x);
        [range.signed_low, range.signed_high].iter().any(|&bound| {
            bound
                .checked_mul(factor)
                .is_none_or(|product| to_signed(bits, from_signed(bits, product)) != product)
        })
    }

    /// Unsigned remainder; `a` when `b` is zero.
    pub fn urem(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::URem, a, b) {
            return term;
        }
        let (left, right) = (self.range(a), self.range(b));
        if left.high < right.low {
            return a;
        }
        match self.as_bv(b) {
            Some(0) => return a,
            Some(divisor) if divisor.is_power_of_two() => {
                let low_bits = self.bv(bits, divisor - 1);
                return self.bvand(a, low_bits);
            }
            _ => {}
        }
        self.intern_bits(View::URem(a, b), bits)
    }

    /// Signed remainder with the dividend's sign; `a` when `b` is zero.
    pub fn srem(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::SRem, a, b) {
            return term;
        }
        if self.range(a).is_non_negative() && self.range(b).is_non_negative() {
            return self.urem(a, b);
        }
        match self.as_bv(b).map(|value| to_signed(bits, value)) {
            Some(0) => a,
            Some(1 | -1) => self.bv(bits, 0),
            _ => self.intern_bits(View::SRem(a, b), bits),
        }
    }

    pub fn bvand(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::BvAnd, a, b) {
            return term;
        }
        let (a, b) = self.constant_last(a, b);
        if a == b {
            return a;
        }
        if self.view(a) == View::BvNot(b) || self.view(b) == View::BvNot(a) {
            return self.bv(bits, 0);
        }
        if let Some(kept) = self.as_bv(b) {
            if kept == 0 {
                return b;
            }
            if kept == mask(bits) {
                return a;
            }
            if let View::BvAnd(x, c) = self.view(a)
                && let Some(inner) = self.as_bv(c)
            {
                let both = self.bv(bits, kept & inner);
                return self.bvand(x, both);
            }
            if (kept + 1).is_power_of_two() {
                // A mask of low bits reads them and fills with zeros.
                let low = self.extract(kept.trailing_ones() - 1, 0, a);
                return self.zext(bits, low);
            }
        }
        self.intern_bits(View::BvAnd(a, b), bits)
    }

    pub fn bvor(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::BvOr, a, b) {
            return term;
        }
        let (a, b) = self.constant_last(a, b);
        if a == b {
            return a;
        }
        if self.view(a) == View::BvNot(b) || self.view(b) == View::BvNot(a) {
            return self.bv(bits, mask(bits));
        }
        match self.as_bv(b) {
            Some(0) => return a,
            Some(value) if value == mask(bits) => return b,
            _ => {}
        }
        self.intern_bits(View::BvOr(a, b), bits)
    }

    pub fn bvxor(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::BvXor, a, b) {
            return term;
        }
        let (a, b) = self.constant_last(a, b);
        if a == b {
            return self.bv(bits, 0);
        }
        if let Some(value) = self.as_bv(b) {
            if value == 0 {
                return a;
            }
            if value == mask(bits) {
                return self.bvnot(a);
            }
            if let View::BvXor(x, c) = self.view(a)
                && let Some(inner) = self.as_bv(c)
            {
                let both = self.bv(bits, value ^ inner);
                return self.bvxor(x, both);
            }
        }
        self.intern_bits(View::BvXor(a, b), bits)
    }

    /// Bitwise complement.
    pub fn bvnot(&self, a: Term) -> Term {
        let bits = self.width(a);
        match self.view(a) {
            View::Bits { value, .. } => self.bv(bits, !value),
            View::BvNot(x) => x,
            _ => self.intern_bits(View::BvNot(a), bits),
        }
    }

    /// `a * 2^b`; zero when `b` is the width or more.
    pub fn shl(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::Shl, a, b) {
            return term;
        }
        if self.range(b).low >= u128::from(bits) {
            return self.bv(bits, 0);
        }
        if let Some(count) = self.as_bv(b) {
            let factor = self.bv(bits, 1 << count);
            return self.mul(a, factor);
        }
        if self.as_bv(a) == Some(0) {
            return a;
        }
        self.intern_bits(View::Shl(a, b), bits)
    }

    /// Shift right filling with zeros; zero when `b` is the width or more.
    pub fn lshr(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::LShr, a, b) {
            return term;
        }
        if self.range(b).low >= u128::from(bits) {
            return self.bv(bits, 0);
        }
        match self.as_bv(b) {
            Some(0) => a,
            Some(count) => {
                let high = self.extract(bits - 1, count as u32, a);
                self.zext(bits, high)
            }
            None if self.as_bv(a) == Some(0) => a,
            None => self.intern_bits(View::LShr(a, b), bits),
        }
    }

    /// Shift right filling with the sign; all sign when `b` is the width or more.
    pub fn ashr(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        if let Some(term) = self.fold(bits, View::AShr, a, b) {
            return term;
        }
        if self.range(a).is_non_negative() {
            return self.lshr(a, b);
        }
        match self.as_bv(b) {
            Some(0) => a,
            Some(count) => {
                let lowest = count.min(u128::from(bits) - 1) as u32;
                let high = self.extract(bits - 1, lowest, a);
                self.sext(bits, high)
            }
            None => self.intern_bits(View::AShr(a, b), bits),
        }
    }
}

//! Changes of width: extension, extraction, concatenation, and booleans as bits.

use crate::term::{Term, Terms, View, check_width, from_signed, mask, to_signed};

impl Terms {
    /// Zero extension to `bits` in total; the term itself when it has that width already.
    pub fn zext(&self, bits: u32, a: Term) -> Term {
        check_width(bits);
        let width = self.width(a);
        assert!(width <= bits, "zero extension of {width} bits to fewer: {bits}");
        if width == bits {
            return a;
        }
        match self.view(a) {
            View::Bits { value, .. } => return self.bv(bits, value),
            View::ZeroExtend { arg, .. } => return self.zext(bits, arg),
            View::Ite(condition, x, y) if self.as_bv(x).is_some() && self.as_bv(y).is_some() => {
                let (x, y) = (self.zext(bits, x), self.zext(bits, y));
                return self.ite(condition, x, y);
            }
            // An addition of a constant that does not wrap is the same addition in more bits.
            View::Add(x, c) => {
                if let Some(value) = self.as_bv(c)
                    && self
                        .range(x)
                        .high
                        .checked_add(value)
                        .is_some_and(|high| high <= mask(width))
                {
                    let wide = self.zext(bits, x);
                    let constant = self.bv(bits, value);
                    return self.add(wide, constant);
                }
            }
            _ => {}
        }
        self.intern_bits(View::ZeroExtend { bits, arg: a }, bits)
    }

    /// Sign extension to `bits` in total; the term itself when it has that width already.
    pub fn sext(&self, bits: u32, a: Term) -> Term {
        check_width(bits);
        let width = self.width(a);
        assert!(width <= bits, "sign extension of {width} bits to fewer: {bits}");
        if width == bits {
            return a;
        }
        if self.range(a).is_non_negative() {
            return self.zext(bits, a);
        }
        match self.view(a) {
            View::Bits { value, .. } => return self.bv(bits, from_signed(bits, to_signed(width, value))),
            View::SignExtend { arg, .. } => return self.sext(bits, arg),
            View::Ite(condition, x, y) if self.as_bv(x).is_some() && self.as_bv(y).is_some() => {
                let (x, y) = (self.sext(bits, x), self.sext(bits, y));
                return self.ite(condition, x, y);
            }
            View::Add(x, c) => {
                if let Some(value) = self.as_bv(c) {
                    let addend = to_signed(width, value);
                    let range = self.range(x);
                    let fits = |bound: i128| {
                        bound
                            .checked_add(addend)
                            .is_some_and(|sum| to_signed(width, from_signed(width, sum)) == sum)
                    };
                    if fits(range.signed_low) && fits(range.signed_high) {
                        let wide = self.sext(bits, x);
                        let constant = self.bv(bits, from_signed(bits, addend));
                        return self.add(wide, constant);
                    }
                }
            }
            _ => {}
        }
        self.intern_bits(View::SignExtend { bits, arg: a }, bits)
    }

    /// Bits `high` down to `low`, both included; bit 0 is the least significant.
    pub fn extract(&self, high: u32, low: u32, a: Term) -> Term {
        let width = self.width(a);
        assert!(low <= high && high < width, "bits {high} to {low} of {width}");
        let bits = high - low + 1;
        if bits == width {
            return a;
        }
        let (mut high, mut low, mut a) = (high, low, a);
        // Each round descends to a child or leaves the loop; an extraction is never directly below another.
        loop {
            let width = self.width(a);
            if bits == width {
                return a;
            }
            match self.view(a) {
                View::Bits { value, .. } => return self.bv(bits, value >> low),
                View::Extract { low: below, arg, .. } => {
                    (high, low, a) = (high + below, low + below, arg);
                }
                View::ZeroExtend { arg, .. } => {
                    let inner = self.width(arg);
                    if high < inner {
                        a = arg;
                    } else if low >= inner {
                        return self.bv(bits, 0);
                    } else {
                        let part = self.extract(inner - 1, low, arg);
                        return self.zext(bits, part);
                    }
                }
                View::SignExtend { arg, .. } => {
                    let inner = self.width(arg);
                    if high < inner {
                        a = arg;
                    } else {
                        let part = self.extract(inner - 1, low.min(inner - 1), arg);
                        return self.sext(bits, part);
                    }
                }
                View::Concat(upper, lower) => {
                    let split = self.width(lower);
                    if high < split {
                        a = lower;
                    } else if low >= split {
                        (high, low, a) = (high - split, low - split, upper);
                    } else {
                        let upper = self.extract(high - split, 0, upper);
                        let lower = self.extract(split - 1, low, lower);
                        return self.concat(upper, lower);
                    }
                }
                View::Ite(condition, x, y) if self.as_bv(x).is_some() && self.as_bv(y).is_some() => {
                    let (x, y) = (self.extract(high, low, x), self.extract(high, low, y));
                    return self.ite(condition, x, y);
                }
                _ => break,
            }
        }
        if low == 0
            && let Some(term) = self.low_part_of_operation(bits, a)
        {
            return term;
        }
        self.intern_bits(View::Extract { high, low, arg: a }, bits)
    }

    /// Low bits of a sum, difference, product or bitwise operation are that operation on the operands' low
    /// bits. Used where both operands' low bits need no extraction: C's arithmetic on promoted small integers.
    fn low_part_of_operation(&self, bits: u32, a: Term) -> Option<Term> {
        match self.view(a) {
            View::Add(x, y) => Some(self.add(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::Sub(x, y) => Some(self.sub(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::Mul(x, y) => Some(self.mul(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::BvAnd(x, y) => Some(self.bvand(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::BvOr(x, y) => Some(self.bvor(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::BvXor(x, y) => Some(self.bvxor(self.low_part(bits, x)?, self.low_part(bits, y)?)),
            View::BvNot(x) => Some(self.bvnot(self.low_part(bits, x)?)),
            View::Neg(x) => Some(self.neg(self.low_part(bits, x)?)),
            _ => None,
        }
    }

    /// The low `bits` of a term where they are at hand.
    fn low_part(&self, bits: u32, term: Term) -> Option<Term> {
        match self.view(term) {
            View::Bits { value, .. } => Some(self.bv(bits, value)),
            View::ZeroExtend { arg, .. } if self.width(arg) <= bits => Some(self.zext(bits, arg)),
            View::SignExtend { arg, .. } if self.width(arg) <= bits => Some(self.sext(bits, arg)),
            View::Concat(_, low) if self.width(low) == bits => Some(low),
            _ => None,
        }
    }

    /// `high` and `low` side by side; the result is as wide as both together.
    pub fn concat(&self, high: Term, low: Term) -> Term {
        let (upper, lower) = (self.width(high), self.width(low));
        let bits = upper + lower;
        check_width(bits);
        match (self.view(high), self.view(low)) {
            (View::Bits { value: x, .. }, View::Bits { value: y, .. }) => {
                return self.bv(bits, x << lower | y);
            }
            (View::Bits { value: 0, .. }, _) => return self.zext(bits, low),
            // Right-nested: (x · y) · z = x · (y · z)
            (View::Concat(x, y), _) => {
                let rest = self.concat(y, low);
                return self.concat(x, rest);
            }
            // Neighbouring parts of one term join, also at the front of a longer chain.
            (View::Extract { .. }, View::Concat(x, rest)) => {
                if let Some(joined) = self.joined(high, x) {
                    return self.concat(joined, rest);
                }
            }
            (View::Extract { .. }, _) => {
                if let Some(joined) = self.joined(high, low) {
                    return joined;
                }
            }
            _ => {}
        }
        self.intern_bits(View::Concat(high, low), bits)
    }

    /// Bits h..m+1 and m..l of one term are its bits h..l. (Bits m..0 may be a whole narrower term no longer:
    /// then there is nothing to join.)
    fn joined(&self, high: Term, low: Term) -> Option<Term> {
        match (self.view(high), self.view(low)) {
            (
                View::Extract {
                    high: top,
                    low: middle,
                    arg: x,
                },
                View::Extract {
                    high: below,
                    low,
                    arg: y,
                },
            ) if x == y && middle == below + 1 => Some(self.extract(top, low, x)),
            _ => None,
        }
    }

    /// 1 where the boolean holds, otherwise 0.
    pub fn bool_to_bv(&self, bits: u32, condition: Term) -> Term {
        let (one, zero) = (self.bv(bits, 1), self.bv(bits, 0));
        self.ite(condition, one, zero)
    }

    /// Whether any bit is set.
    pub fn bv_to_bool(&self, a: Term) -> Term {
        let zero = self.bv(self.width(a), 0);
        self.ne(a, zero)
    }
}

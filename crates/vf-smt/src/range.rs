//! Intervals of bit-vector terms, under both readings.
//!
//! Each operator's rule bounds the exact mathematical result and keeps it where no wrap is possible; otherwise
//! the range is the whole width. Rules look only at the children's ranges, so that a term's range is computed
//! once, when the term is made.

use crate::term::{Sort, Term, Terms, View, from_signed, mask, to_signed};

/// `low <= t <= high` read as unsigned, and `signed_low <= t <= signed_high` read as signed.
/// Of a term that is not a bit-vector: empty of meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    pub low: u128,
    pub high: u128,
    pub signed_low: i128,
    pub signed_high: i128,
}

impl Range {
    pub(crate) fn full(bits: u32) -> Range {
        Range {
            low: 0,
            high: mask(bits),
            signed_low: signed_min(bits),
            signed_high: signed_max(bits),
        }
    }

    pub(crate) fn constant(bits: u32, value: u128) -> Range {
        let signed = to_signed(bits, value);
        Range {
            low: value,
            high: value,
            signed_low: signed,
            signed_high: signed,
        }
    }

    pub(crate) fn unsigned(bits: u32, low: u128, high: u128) -> Range {
        Range {
            low,
            high,
            ..Range::full(bits)
        }
        .refined(bits)
    }

    fn signed(bits: u32, signed_low: i128, signed_high: i128) -> Range {
        Range {
            signed_low,
            signed_high,
            ..Range::full(bits)
        }
        .refined(bits)
    }

    /// Whether the signed reading is never negative.
    pub(crate) fn is_non_negative(self) -> bool {
        self.signed_low >= 0
    }

    /// Carries each reading's bounds over to the other where the interval does not straddle the place at which
    /// the readings part.
    fn refined(mut self, bits: u32) -> Range {
        let top = signed_max(bits) as u128;
        if self.high <= top || self.low > top {
            self.signed_low = self.signed_low.max(to_signed(bits, self.low));
            self.signed_high = self.signed_high.min(to_signed(bits, self.high));
        }
        if self.signed_low >= 0 || self.signed_high < 0 {
            self.low = self.low.max(from_signed(bits, self.signed_low));
            self.high = self.high.min(from_signed(bits, self.signed_high));
        }
        self
    }

    pub(crate) fn meet(self, other: Range, bits: u32) -> Range {
        Range {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
            signed_low: self.signed_low.max(other.signed_low),
            signed_high: self.signed_high.min(other.signed_high),
        }
        .refined(bits)
    }

    pub(crate) fn join(self, other: Range) -> Range {
        Range {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
            signed_low: self.signed_low.min(other.signed_low),
            signed_high: self.signed_high.max(other.signed_high),
        }
    }
}

pub(crate) fn signed_min(bits: u32) -> i128 {
    i128::MIN >> (128 - bits)
}

pub(crate) fn signed_max(bits: u32) -> i128 {
    i128::MAX >> (128 - bits)
}

/// The least number of the form `2^k - 1` that is at least `value`.
fn fill(value: u128) -> u128 {
    if value == 0 {
        0
    } else {
        u128::MAX >> value.leading_zeros()
    }
}

impl Terms {
    /// Bounds of a bit-vector term read as unsigned, both included: it holds in every interpretation.
    /// Not the tightest; `(0, 2^bits - 1)` at worst.
    ///
    /// # Panics
    /// If the term is no bit-vector.
    pub fn unsigned_range(&self, term: Term) -> (u128, u128) {
        self.width(term);
        let range = self.range(term);
        (range.low, range.high)
    }

    /// Bounds of a bit-vector term read as signed, both included.
    ///
    /// # Panics
    /// If the term is no bit-vector.
    pub fn signed_range(&self, term: Term) -> (i128, i128) {
        self.width(term);
        let range = self.range(term);
        (range.signed_low, range.signed_high)
    }

    pub(crate) fn range_of_view(&self, view: View, sort: Sort) -> Range {
        self.range_of_view_with(view, sort, &|term| self.range(term))
    }

    /// The same from other ranges of the children.
    pub(crate) fn range_of_view_with(&self, view: View, sort: Sort, of: &dyn Fn(Term) -> Range) -> Range {
        let Sort::BitVec(bits) = sort else {
            return Range::full(1);
        };
        let full = Range::full(bits);
        match view {
            View::Bits { value, .. } => Range::constant(bits, value),
            View::Ite(_, then, otherwise) => of(then).join(of(otherwise)),
            View::BvNot(a) => not_range(bits, of(a)),
            View::Neg(a) => sub_range(bits, Range::constant(bits, 0), of(a)),
            View::Add(a, b) => add_range(bits, of(a), of(b)),
            View::Sub(a, b) => sub_range(bits, of(a), of(b)),
            View::Mul(a, b) => mul_range(bits, of(a), of(b)),
            View::UDiv(a, b) => match of(b).low {
                0 => full,
                low => Range::unsigned(bits, of(a).low / of(b).high, of(a).high / low),
            },
            View::URem(a, b) => match of(b) {
                Range { low: 0, .. } => Range::unsigned(bits, 0, of(a).high),
                divisor => Range::unsigned(bits, 0, of(a).high.min(divisor.high - 1)),
            },
            View::SRem(a, b) => srem_range(bits, of(a), of(b)),
            View::SDiv(a, b) => sdiv_range(bits, of(a), of(b)),
            View::BvAnd(a, b) => Range::unsigned(bits, 0, of(a).high.min(of(b).high)),
            View::BvOr(a, b) => {
                Range::unsigned(bits, of(a).low.max(of(b).low), fill(of(a).high | of(b).high))
            }
            View::BvXor(a, b) => Range::unsigned(bits, 0, fill(of(a).high | of(b).high)),
            View::LShr(a, b) => {
                let least = of(b).low.min(128) as u32;
                Range::unsigned(bits, 0, of(a).high.checked_shr(least).unwrap_or(0))
            }
            View::AShr(a, b) => {
                let least = of(b).low.min(127) as u32;
                let (low, high) = (of(a).signed_low, of(a).signed_high);
                // A greater count moves either bound toward zero (or minus one).
                let low = if low < 0 { low >> least } else { 0 };
                let high = if high >= 0 { high >> least } else { -1 };
                Range::signed(bits, low, high)
            }
            View::ZeroExtend { arg, .. } => Range::unsigned(bits, of(arg).low, of(arg).high),
            View::SignExtend { arg, .. } => Range::signed(bits, of(arg).signed_low, of(arg).signed_high),
            View::Extract { low: 0, arg, .. } if of(arg).high <= mask(bits) => {
                Range::unsigned(bits, of(arg).low, of(arg).high)
            }
            View::Extract { low: 0, arg, .. }
                if of(arg).signed_low >= signed_min(bits) && of(arg).signed_high <= signed_max(bits) =>
            {
                Range::signed(bits, of(arg).signed_low, of(arg).signed_high)
            }
            View::Extract { high, low, arg } if high + 1 == self.width(arg) => {
                Range::unsigned(bits, of(arg).low >> low, of(arg).high >> low)
            }
            View::Concat(high, low) => {
                let shift = self.width(low);
                Range::unsigned(
                    bits,
                    of(high).low << shift | of(low).low,
                    of(high).high << shift | of(low).high,
                )
            }
            _ => full,
        }
    }
}

fn not_range(bits: u32, a: Range) -> Range {
    Range {
        low: mask(bits) - a.high,
        high: mask(bits) - a.low,
        signed_low: -1 - a.signed_high,
        signed_high: -1 - a.signed_low,
    }
}

/// Exact bounds of `a + b` under each reading, kept where they fit the width (or wrap as a whole).
fn add_range(bits: u32, a: Range, b: Range) -> Range {
    let mut result = Range::full(bits);
    if let Some(high) = a.high.checked_add(b.high).filter(|&h| h <= mask(bits)) {
        result = result.meet(Range::unsigned(bits, a.low + b.low, high), bits);
    } else if bits < 128 && a.low + b.low > mask(bits) {
        let modulus = mask(bits) + 1;
        result = result.meet(
            Range::unsigned(bits, a.low + b.low - modulus, a.high + b.high - modulus),
            bits,
        );
    }
    if let (Some(low), Some(high)) = (
        a.signed_low.checked_add(b.signed_low),
        a.signed_high.checked_add(b.signed_high),
    ) && low >= signed_min(bits)
        && high <= signed_max(bits)
    {
        result = result.meet(Range::signed(bits, low, high), bits);
    }
    result
}

fn sub_range(bits: u32, a: Range, b: Range) -> Range {
    let mut result = Range::full(bits);
    if a.low >= b.high {
        result = result.meet(Range::unsigned(bits, a.low - b.high, a.high - b.low), bits);
    }
    if let (Some(low), Some(high)) = (
        a.signed_low.checked_sub(b.signed_high),
        a.signed_high.checked_sub(b.signed_low),
    ) && low >= signed_min(bits)
        && high <= signed_max(bits)
    {
        result = result.meet(Range::signed(bits, low, high), bits);
    }
    result
}

fn mul_range(bits: u32, a: Range, b: Range) -> Range {
    let mut result = Range::full(bits);
    if let Some(high) = a.high.checked_mul(b.high).filter(|&h| h <= mask(bits)) {
        result = result.meet(Range::unsigned(bits, a.low * b.low, high), bits);
    }
    if let Some((low, high)) = signed_products(a, b)
        && low >= signed_min(bits)
        && high <= signed_max(bits)
    {
        result = result.meet(Range::signed(bits, low, high), bits);
    }
    result
}

/// Least and greatest signed product; `None` where a product does not fit an `i128`.
pub(crate) fn signed_products(a: Range, b: Range) -> Option<(i128, i128)> {
    let products = [
        a.signed_low.checked_mul(b.signed_low)?,
        a.signed_low.checked_mul(b.signed_high)?,
        a.signed_high.checked_mul(b.signed_low)?,
        a.signed_high.checked_mul(b.signed_high)?,
    ];
    Some(
        products
            .iter()
            .fold((products[0], products[0]), |(low, high), &p| {
                (low.min(p), high.max(p))
            }),
    )
}

/// `a srem b` has the sign of `a` and is smaller than `b` in magnitude (`a` itself when `b` is zero).
fn srem_range(bits: u32, a: Range, b: Range) -> Range {
    let mut low = a.signed_low.min(0);
    let mut high = a.signed_high.max(0);
    if b.signed_low > 0 {
        low = low.max(-(b.signed_high - 1));
        high = high.min(b.signed_high - 1);
    }
    Range::signed(bits, low, high)
}

/// Only for positive divisors: truncation toward zero is monotone in the dividend.
fn sdiv_range(bits: u32, a: Range, b: Range) -> Range {
    if b.signed_low <= 0 {
        return Range::full(bits);
    }
    let quotients = [
        a.signed_low / b.signed_low,
        a.signed_low / b.signed_high,
        a.signed_high / b.signed_low,
        a.signed_high / b.signed_high,
    ];
    let (low, high) = quotients
        .iter()
        .fold((quotients[0], quotients[0]), |(low, high), &q| {
            (low.min(q), high.max(q))
        });
    Range::signed(bits, low, high)
}

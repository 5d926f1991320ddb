//! Equality and order.

use crate::logic::ordered;
use crate::term::{Sort, Term, Terms, View, from_signed, mask, to_signed};

/// What is left of `x = constant` after peeling operators off `x`.
enum Peeled {
    Known(bool),
    Equal(Term, u128),
    /// Both must hold.
    Both((Term, u128), (Term, u128)),
    /// The condition, or its negation when the flag is false, and then `term = constant`.
    Guarded(Term, bool, Option<(Term, u128)>),
}

/// So many nested choices are looked through by an equality with a constant: a table as a chain of choices
/// would otherwise be rebuilt by each question asked of it.
const MAX_CHOICES: u32 = 8;

impl Terms {
    /// Equality of two terms of one sort. On arrays: equal at every index.
    pub fn eq(&self, a: Term, b: Term) -> Term {
        let sort = self.expect_same(a, b);
        if a == b {
            return self.bool(true);
        }
        match sort {
            Sort::Bool => self.eq_bool(a, b),
            Sort::BitVec(bits) => self.eq_bits(bits, a, b),
            Sort::Array { .. } => {
                let (a, b) = ordered(a, b);
                self.intern(View::Eq(a, b), Sort::Bool)
            }
        }
    }

    pub fn ne(&self, a: Term, b: Term) -> Term {
        let same = self.eq(a, b);
        self.not(same)
    }

    fn eq_bool(&self, a: Term, b: Term) -> Term {
        let (a, b) = ordered(a, b);
        for (constant, other) in [(a, b), (b, a)] {
            match self.as_bool(constant) {
                Some(true) => return other,
                Some(false) => return self.not(other),
                None => {}
            }
        }
        if self.complementary(a, b) {
            return self.bool(false);
        }
        match (self.view(a), self.view(b)) {
            (View::Not(x), View::Not(y)) => self.eq_bool(x, y),
            (View::Not(x), _) => {
                let same = self.eq_bool(x, b);
                self.not(same)
            }
            (_, View::Not(y)) => {
                let same = self.eq_bool(a, y);
                self.not(same)
            }
            _ => self.intern(View::Eq(a, b), Sort::Bool),
        }
    }

    fn eq_bits(&self, bits: u32, a: Term, b: Term) -> Term {
        if self.known_different(a, b) {
            return self.bool(false);
        }
        if let Some(value) = self.as_bv(a) {
            return self.eq_constant(bits, b, value);
        }
        if let Some(value) = self.as_bv(b) {
            return self.eq_constant(bits, a, value);
        }
        match (self.view(a), self.view(b)) {
            (View::ZeroExtend { arg: x, .. }, View::ZeroExtend { arg: y, .. })
            | (View::SignExtend { arg: x, .. }, View::SignExtend { arg: y, .. })
                if self.sort(x) == self.sort(y) =>
            {
                return self.eq(x, y);
            }
            (View::Concat(h, l), View::Concat(m, k)) if self.sort(l) == self.sort(k) => {
                let high = self.eq(h, m);
                let low = self.eq(l, k);
                return self.and(high, low);
            }
            _ => {}
        }
        let ((x, c), (y, d)) = (self.split_sum(a), self.split_sum(b));
        // x + c = y + d  is  x = y + (d - c), with the constant on one side only
        if c != 0 && d != 0 {
            let difference = d.wrapping_sub(c) & mask(bits);
            let offset = self.bv(bits, difference);
            let right = self.add(y, offset);
            return self.eq_bits_plain(x, right);
        }
        if let Some(term) = self.divided_again(a, b).or_else(|| self.divided_again(b, a)) {
            return term;
        }
        // x = x + y  is  y = 0
        for (part, whole) in [(a, b), (b, a)] {
            match self.view(whole) {
                View::Add(x, y) if x == part => return self.eq_constant(bits, y, 0),
                View::Add(x, y) if y == part => return self.eq_constant(bits, x, 0),
                View::Sub(x, y) if x == part => return self.eq_constant(bits, y, 0),
                _ => {}
            }
        }
        self.eq_bits_plain(a, b)
    }

    fn eq_bits_plain(&self, a: Term, b: Term) -> Term {
        if a == b {
            return self.bool(true);
        }
        let (a, b) = ordered(a, b);
        self.intern(View::Eq(a, b), Sort::Bool)
    }

    /// `term = value`, peeling invertible operators off the term in a loop: chains of them may be long.
    fn eq_constant(&self, bits: u32, term: Term, value: u128) -> Term {
        let (mut term, mut value, mut bits) = (term, value & mask(bits), bits);
        // Conditions split off on the way; each round that adds one narrows or descends, so this stays small.
        let mut conditions = Vec::new();
        let mut choices = 0;
        let last = loop {
            let range = self.range(term);
            if let Some(known) = self.as_bv(term) {
                break self.bool(known == value);
            }
            if value < range.low || value > range.high {
                break self.bool(false);
            }
            match self.peel(bits, term, value).filter(|_| choices <= MAX_CHOICES) {
                None => {
                    let constant = self.bv(bits, value);
                    break self.intern(View::Eq(term, constant), Sort::Bool);
                }
                Some(Peeled::Known(known)) => break self.bool(known),
                Some(Peeled::Equal(x, v)) => (term, value, bits) = (x, v, self.width(x)),
                Some(Peeled::Both((x, v), (y, w))) => {
                    // A part of a concatenation is narrower: this recursion is at most MAX_BITS deep.
                    conditions.push(self.eq_constant(self.width(x), x, v));
                    (term, value, bits) = (y, w, self.width(y));
                }
                Some(Peeled::Guarded(condition, positive, rest)) => {
                    choices += 1;
                    conditions.push(if positive { condition } else { self.not(condition) });
                    match rest {
                        None => break self.bool(true),
                        Some((x, v)) => (term, value, bits) = (x, v, self.width(x)),
                    }
                }
            }
        };
        conditions
            .into_iter()
            .fold(last, |whole, condition| self.and(whole, condition))
    }

    /// One step of [`Self::eq_constant`]; `None` when the term's operator stays.
    fn peel(&self, bits: u32, term: Term, value: u128) -> Option<Peeled> {
        match self.view(term) {
            View::ZeroExtend { arg, .. } => {
                let inner = self.width(arg);
                Some(if value > mask(inner) {
                    Peeled::Known(false)
                } else {
                    Peeled::Equal(arg, value)
                })
            }
            View::SignExtend { arg, .. } => {
                let inner = self.width(arg);
                let cut = value & mask(inner);
                let extended = from_signed(bits, to_signed(inner, cut));
                Some(if extended != value {
                    Peeled::Known(false)
                } else {
                    Peeled::Equal(arg, cut)
                })
            }
            View::Add(x, c) => {
                let c = self.as_bv(c)?;
                Some(Peeled::Equal(x, value.wrapping_sub(c) & mask(bits)))
            }
            View::BvXor(x, c) => Some(Peeled::Equal(x, value ^ self.as_bv(c)?)),
            View::BvNot(x) => Some(Peeled::Equal(x, !value & mask(bits))),
            View::Neg(x) => Some(Peeled::Equal(x, value.wrapping_neg() & mask(bits))),
            View::Concat(h, l) => {
                let shift = self.width(l);
                Some(Peeled::Both((h, value >> shift), (l, value & mask(shift))))
            }
            View::Ite(condition, then, otherwise) => match (self.as_bv(then), self.as_bv(otherwise)) {
                (Some(t), Some(o)) => Some(match (t == value, o == value) {
                    (true, true) => Peeled::Known(true),
                    (false, false) => Peeled::Known(false),
                    (true, false) => Peeled::Guarded(condition, true, None),
                    (false, true) => Peeled::Guarded(condition, false, None),
                }),
                (Some(t), None) if t != value => {
                    Some(Peeled::Guarded(condition, false, Some((otherwise, value))))
                }
                (None, Some(o)) if o != value => Some(Peeled::Guarded(condition, true, Some((then, value)))),
                _ => None,
            },
            _ => None,
        }
    }

    /// Two bit-vectors that are different in every interpretation, as far as ranges and constant addends tell.
    pub(crate) fn known_different(&self, a: Term, b: Term) -> bool {
        let (left, right) = (self.range(a), self.range(b));
        if left.high < right.low
            || right.high < left.low
            || left.signed_high < right.signed_low
            || right.signed_high < left.signed_low
        {
            return true;
        }
        let ((x, c), (y, d)) = (self.split_sum(a), self.split_sum(b));
        x == y && c != d
    }

    /// `term` as `base + constant`.
    pub(crate) fn split_sum(&self, term: Term) -> (Term, u128) {
        match self.view(term) {
            View::Add(base, constant) => match self.as_bv(constant) {
                Some(value) => (base, value),
                None => (term, 0),
            },
            _ => (term, 0),
        }
    }

    /// `a < b`, unsigned.
    pub fn ult(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        let (left, right) = (self.range(a), self.range(b));
        if a == b || left.low >= right.high {
            return self.bool(false);
        }
        if left.high < right.low {
            return self.bool(true);
        }
        // Where two values only are left in between, an order is an equality.
        if let Some(bound) = self.as_bv(b) {
            if bound == left.low + 1 {
                return self.eq_constant(bits, a, left.low);
            }
            if bound == left.high {
                let last = self.eq_constant(bits, a, bound);
                return self.not(last);
            }
        }
        if let Some(bound) = self.as_bv(a) {
            if bound == right.low {
                let first = self.eq_constant(bits, b, bound);
                return self.not(first);
            }
            if bound + 1 == right.high {
                return self.eq_constant(bits, b, right.high);
            }
        }
        if let Some((x, y)) = self.narrowed_operands(a, b) {
            return self.ult(x, y);
        }
        if let Some(term) = self.quotient_below(a, b) {
            return term;
        }
        if let Some(term) = self.compare_choice(a, b, |x, y| x < y) {
            return term;
        }
        self.intern(View::Ult(a, b), Sort::Bool)
    }

    /// `a < b`, signed.
    pub fn slt(&self, a: Term, b: Term) -> Term {
        let bits = self.expect_bits(a, b);
        let (left, right) = (self.range(a), self.range(b));
        if a == b || left.signed_low >= right.signed_high {
            return self.bool(false);
        }
        if left.signed_high < right.signed_low {
            return self.bool(true);
        }
        if left.is_non_negative() && right.is_non_negative() {
            return self.ult(a, b);
        }
        if let Some(bound) = self.as_bv(b).map(|value| to_signed(bits, value)) {
            if bound == left.signed_low + 1 {
                return self.eq_constant(bits, a, from_signed(bits, left.signed_low));
            }
            if bound == left.signed_high {
                let last = self.eq_constant(bits, a, from_signed(bits, bound));
                return self.not(last);
            }
        }
        if let Some(bound) = self.as_bv(a).map(|value| to_signed(bits, value)) {
            if bound == right.signed_low {
                let first = self.eq_constant(bits, b, from_signed(bits, bound));
                return self.not(first);
            }
            if bound + 1 == right.signed_high {
                return self.eq_constant(bits, b, from_signed(bits, right.signed_high));
            }
        }
        match (self.view(a), self.view(b)) {
            (View::SignExtend { arg: x, .. }, View::SignExtend { arg: y, .. })
                if self.sort(x) == self.sort(y) =>
            {
                return self.slt(x, y);
            }
            // The constant is inside the extended operand's range, or the ranges had decided.
            (View::SignExtend { arg: x, .. }, View::Bits { value, .. }) => {
                let constant = self.bv(self.width(x), value);
                return self.slt(x, constant);
            }
            (View::Bits { value, .. }, View::SignExtend { arg: y, .. }) => {
                let constant = self.bv(self.width(y), value);
                return self.slt(constant, y);
            }
            _ => {}
        }
        if let Some(term) = self.compare_choice(a, b, |x, y| to_signed(bits, x) < to_signed(bits, y)) {
            return term;
        }
        self.intern(View::Slt(a, b), Sort::Bool)
    }

    pub fn ule(&self, a: Term, b: Term) -> Term {
        let reverse = self.ult(b, a);
        self.not(reverse)
    }

    pub fn ugt(&self, a: Term, b: Term) -> Term {
        self.ult(b, a)
    }

    pub fn uge(&self, a: Term, b: Term) -> Term {
        self.ule(b, a)
    }

    pub fn sle(&self, a: Term, b: Term) -> Term {
        let reverse = self.slt(b, a);
        self.not(reverse)
    }

    pub fn sgt(&self, a: Term, b: Term) -> Term {
        self.slt(b, a)
    }

    pub fn sge(&self, a: Term, b: Term) -> Term {
        self.sle(b, a)
    }

    /// Operands of an unsigned order without a zero extension that both have. (Both orders are kept by both
    /// extensions; sign extensions of one width keep the unsigned order too.)
    fn narrowed_operands(&self, a: Term, b: Term) -> Option<(Term, Term)> {
        match (self.view(a), self.view(b)) {
            (View::ZeroExtend { arg: x, .. }, View::ZeroExtend { arg: y, .. })
            | (View::SignExtend { arg: x, .. }, View::SignExtend { arg: y, .. })
                if self.sort(x) == self.sort(y) =>
            {
                Some((x, y))
            }
            // The ranges have not decided, so the constant fits the narrow width.
            (View::ZeroExtend { arg: x, .. }, View::Bits { value, .. }) if value <= mask(self.width(x)) => {
                Some((x, self.bv(self.width(x), value)))
            }
            (View::Bits { value, .. }, View::ZeroExtend { arg: y, .. }) if value <= mask(self.width(y)) => {
                Some((self.bv(self.width(y), value), y))
            }
            _ => None,
        }
    }

    /// A comparison of a constant with a choice between two constants is a boolean choice.
    fn compare_choice(&self, a: Term, b: Term, holds: impl Fn(u128, u128) -> bool) -> Option<Term> {
        let (condition, then, otherwise) = match (self.view(a), self.view(b)) {
            (View::Ite(condition, x, y), View::Bits { value, .. }) => (
                condition,
                holds(self.as_bv(x)?, value),
                holds(self.as_bv(y)?, value),
            ),
            (View::Bits { value, .. }, View::Ite(condition, x, y)) => (
                condition,
                holds(value, self.as_bv(x)?),
                holds(value, self.as_bv(y)?),
            ),
            _ => return None,
        };
        let (then, otherwise) = (self.bool(then), self.bool(otherwise));
        Some(self.ite(condition, then, otherwise))
    }
}

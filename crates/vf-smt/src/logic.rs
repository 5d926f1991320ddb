//! Booleans: `not`, `and`, `or` and what is defined by them; `ite` of any sort.

use std::collections::BTreeMap;

use crate::term::{Sort, Term, Terms, View};

impl Terms {
    pub fn not(&self, a: Term) -> Term {
        self.expect_bool(a);
        match self.view(a) {
            View::Bool(value) => self.bool(!value),
            View::Not(inner) => inner,
            _ => self.intern(View::Not(a), Sort::Bool),
        }
    }

    pub fn and(&self, a: Term, b: Term) -> Term {
        self.expect_bool(a);
        self.expect_bool(b);
        let (a, b) = ordered(a, b);
        if a == b || self.is_false(a) || self.is_true(b) {
            return a;
        }
        if self.is_true(a) || self.is_false(b) {
            return b;
        }
        if self.contradicts(a, b) || self.contradicts(b, a) {
            return self.bool(false);
        }
        // a ∧ (a ∨ x) = a; a ∧ (a ∧ x) = a ∧ x; a ∧ (¬a ∨ x) = a ∧ x
        for (whole, part) in [(b, a), (a, b)] {
            match self.view(whole) {
                View::Or(x, y) if x == part || y == part => return part,
                View::And(x, y) if x == part || y == part => return whole,
                View::Or(x, y) if self.complementary(x, part) => return self.and(y, part),
                View::Or(x, y) if self.complementary(y, part) => return self.and(x, part),
                _ => {}
            }
        }
        self.intern(View::And(a, b), Sort::Bool)
    }

    pub fn or(&self, a: Term, b: Term) -> Term {
        self.expect_bool(a);
        self.expect_bool(b);
        let (a, b) = ordered(a, b);
        if a == b || self.is_true(a) || self.is_false(b) {
            return a;
        }
        if self.is_false(a) || self.is_true(b) {
            return b;
        }
        if self.complementary(a, b) {
            return self.bool(true);
        }
        // a ∨ (a ∧ x) = a; a ∨ (a ∨ x) = a ∨ x; a ∨ (¬a ∧ x) = a ∨ x; a ∨ ¬(a ∧ x) = true
        for (whole, part) in [(b, a), (a, b)] {
            match self.view(whole) {
                View::And(x, y) if x == part || y == part => return part,
                View::Or(x, y) if x == part || y == part => return whole,
                View::And(x, y) if self.complementary(x, part) => return self.or(y, part),
                View::And(x, y) if self.complementary(y, part) => return self.or(x, part),
                View::Or(x, y) if self.complementary(x, part) || self.complementary(y, part) => {
                    return self.bool(true);
                }
                View::Not(inner) if matches!(self.view(inner), View::And(x, y) if x == part || y == part) => {
                    return self.bool(true);
                }
                _ => {}
            }
        }
        // ¬a ∨ ¬b = ¬(a ∧ b)
        if let (View::Not(x), View::Not(y)) = (self.view(a), self.view(b)) {
            let both = self.and(x, y);
            return self.not(both);
        }
        self.intern(View::Or(a, b), Sort::Bool)
    }

    pub fn implies(&self, a: Term, b: Term) -> Term {
        let not_a = self.not(a);
        self.or(not_a, b)
    }

    /// Exactly one of two booleans.
    pub fn xor(&self, a: Term, b: Term) -> Term {
        self.expect_bool(a);
        let same = self.eq(a, b);
        self.not(same)
    }

    /// Conjunction; true when empty.
    pub fn all(&self, terms: &[Term]) -> Term {
        terms
            .iter()
            .fold(self.bool(true), |whole, &term| self.and(whole, term))
    }

    /// Disjunction; false when empty.
    pub fn any(&self, terms: &[Term]) -> Term {
        terms
            .iter()
            .fold(self.bool(false), |whole, &term| self.or(whole, term))
    }

    /// What two conjunctions have in common, and what each has beside it: `a = common ∧ first`, `b = common ∧ second`, up to the
    /// order of the parts. Conditions of paths that part late share most of what they say, which is not looked into.
    pub fn common_part(&self, a: Term, b: Term) -> (Term, Term, Term) {
        self.expect_bool(a);
        self.expect_bool(b);
        // Parts have smaller numbers than the whole: when a part's turn comes, everything that it may be a part of had its own.
        let mut parts: BTreeMap<Term, [bool; 2]> = BTreeMap::new();
        let add = |parts: &mut BTreeMap<Term, [bool; 2]>, term, of: [bool; 2]| {
            let known = parts.entry(term).or_default();
            *known = [known[0] | of[0], known[1] | of[1]];
        };
        add(&mut parts, a, [true, false]);
        add(&mut parts, b, [false, true]);
        let (mut common, mut only) = (Vec::new(), [Vec::new(), Vec::new()]);
        while let Some((part, of)) = parts.pop_last() {
            match (self.view(part), of) {
                (_, [true, true]) => common.push(part),
                (View::And(x, y), _) => {
                    add(&mut parts, x, of);
                    add(&mut parts, y, of);
                }
                (_, [first, _]) => only[usize::from(!first)].push(part),
            }
        }
        // The oldest first, as they were put together.
        let whole = |parts: &mut Vec<Term>| {
            parts.reverse();
            self.all(parts)
        };
        if common.is_empty() {
            return (self.bool(true), a, b);
        }
        let [first, second] = &mut only;
        (whole(&mut common), whole(first), whole(second))
    }

    /// `then` where the condition holds, `otherwise` elsewhere. Any sort, arrays included.
    pub fn ite(&self, condition: Term, then: Term, otherwise: Term) -> Term {
        self.expect_bool(condition);
        let sort = self.expect_same(then, otherwise);
        if let View::Not(inner) = self.view(condition) {
            return self.ite(inner, otherwise, then);
        }
        if then == otherwise || self.is_true(condition) {
            return then;
        }
        if self.is_false(condition) {
            return otherwise;
        }
        if sort == Sort::Bool
            && let Some(term) = self.ite_bool(condition, then, otherwise)
        {
            return term;
        }
        // An arm that asks the same question again has its answer.
        if let View::Ite(again, x, _) = self.view(then)
            && again == condition
        {
            return self.ite(condition, x, otherwise);
        }
        if let View::Ite(again, _, y) = self.view(otherwise)
            && again == condition
        {
            return self.ite(condition, then, y);
        }
        // ite(a = b, a, b) = b
        if let View::Eq(x, y) = self.view(condition)
            && ((x, y) == (then, otherwise) || (y, x) == (then, otherwise))
        {
            return otherwise;
        }
        self.intern(View::Ite(condition, then, otherwise), sort)
    }

    /// A boolean choice with a constant arm, or an arm that is the condition, is a conjunction or a disjunction.
    fn ite_bool(&self, condition: Term, then: Term, otherwise: Term) -> Option<Term> {
        let negated = self.not(condition);
        if self.is_true(then) || then == condition {
            return Some(self.or(condition, otherwise));
        }
        if self.is_false(then) || then == negated {
            return Some(self.and(negated, otherwise));
        }
        if self.is_true(otherwise) || otherwise == negated {
            return Some(self.or(negated, then));
        }
        if self.is_false(otherwise) || otherwise == condition {
            return Some(self.and(condition, then));
        }
        if self.complementary(then, otherwise) {
            return Some(self.eq(condition, then));
        }
        None
    }

    /// One is syntactically the negation of the other.
    pub(crate) fn complementary(&self, a: Term, b: Term) -> bool {
        self.view(a) == View::Not(b) || self.view(b) == View::Not(a)
    }

    /// `part` and `whole` cannot both hold, seen without looking deeper than one operator of `whole`.
    fn contradicts(&self, part: Term, whole: Term) -> bool {
        if self.complementary(part, whole) {
            return true;
        }
        match self.view(whole) {
            View::And(x, y) => self.complementary(x, part) || self.complementary(y, part),
            View::Not(inner) => matches!(self.view(inner), View::Or(x, y) if x == part || y == part),
            // x < y contradicts y < x and x = y
            View::Ult(x, y) => match self.view(part) {
                View::Ult(p, q) => (p, q) == (y, x),
                View::Eq(p, q) => (p, q) == (x, y) || (p, q) == (y, x) || self.two_values(x, y, p, q),
                _ => false,
            },
            View::Slt(x, y) => match self.view(part) {
                View::Slt(p, q) => (p, q) == (y, x),
                View::Eq(p, q) => (p, q) == (x, y) || (p, q) == (y, x),
                _ => false,
            },
            // x = 1 contradicts x = 2
            View::Eq(x, y) => match self.view(part) {
                View::Eq(p, q) => x == p && self.as_bv(y).is_some() && self.as_bv(q).is_some() && y != q,
                _ => false,
            },
            _ => false,
        }
    }

    /// `p = q` makes `x < y` false because all but the shared variable are constants.
    fn two_values(&self, x: Term, y: Term, p: Term, q: Term) -> bool {
        let Some(value) = self.as_bv(q) else { return false };
        match (self.as_bv(x), self.as_bv(y)) {
            (None, Some(bound)) if x == p => value >= bound,
            (Some(bound), None) if y == p => bound >= value,
            _ => false,
        }
    }
}

/// The order of a commutative operator's operands: older first.
pub(crate) fn ordered(a: Term, b: Term) -> (Term, Term) {
    if a <= b { (a, b) } else { (b, a) }
}

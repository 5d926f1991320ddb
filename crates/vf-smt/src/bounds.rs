//! Contradictions that intervals show, so that no solver is asked.
//!
//! Most violations that do not exist are outside what the guards before them allow: after `-1000 <= a <= 1000` and
//! `0 <= b <= 1000`, the product cannot leave 32 bits. A SAT solver finds that by going through a multiplier; intervals
//! find it by multiplying four numbers. The rules are those of [`range`](crate::range), under the bounds that the
//! assumptions put on terms (a few rounds of bounds propagation, as in constraint solvers: Apt, *Principles of Constraint
//! Programming*, 2003, ch. 6).

use crate::tables::HashMap;
use std::collections::BTreeSet;

use crate::range::{Range, signed_max, signed_min, signed_products};
use crate::term::{Sort, Term, Terms, View, mask};

/// Terms that are looked at; what lies deeper has the range that it has under every assumption.
const NEAR: usize = 600;
/// Times that bounds are handed on.
const ROUNDS: usize = 3;

/// The assumptions have no model.
struct Contradiction;

struct Bounds<'t> {
    terms: &'t Terms,
    /// What must hold: no conjunction any more.
    literals: Vec<Term>,
    /// Terms near them, children before parents.
    near: Vec<Term>,
    learned: HashMap<Term, Range>,
    ranges: HashMap<Term, Range>,
    truths: HashMap<Term, bool>,
}

impl Terms {
    /// Whether intervals show that no interpretation satisfies all of these. Never wrong, often undecided.
    pub fn bounds_contradict(&self, assumptions: &[Term]) -> bool {
        let literals = self.literals(assumptions);
        let near = self.near(&literals);
        let mut bounds = Bounds {
            terms: self,
            literals,
            near,
            learned: HashMap::default(),
            ranges: HashMap::default(),
            truths: HashMap::default(),
        };
        (0..ROUNDS).any(|_| bounds.round().is_err())
    }

    /// The conjuncts of a conjunction.
    fn literals(&self, assumptions: &[Term]) -> Vec<Term> {
        let mut literals = BTreeSet::new();
        let mut pending = assumptions.to_vec();
        while let Some(term) = pending.pop() {
            if literals.len() > NEAR {
                break;
            }
            match self.view(term) {
                // Of an overflow, what it means says more than its circuit.
                _ if self.signed_overflow_of(term).is_some() => {
                    literals.insert(term);
                }
                View::And(a, b) => pending.extend([a, b]),
                View::Not(inner) => match self.view(inner) {
                    View::Or(a, b) => pending.extend([self.not(a), self.not(b)]),
                    _ => {
                        literals.insert(term);
                    }
                },
                _ => {
                    literals.insert(term);
                }
            }
        }
        literals.into_iter().collect()
    }

    fn near(&self, literals: &[Term]) -> Vec<Term> {
        let mut seen: BTreeSet<Term> = literals.iter().copied().collect();
        let mut frontier = literals.to_vec();
        while !frontier.is_empty() && seen.len() < NEAR {
            let mut next = Vec::new();
            for term in frontier {
                for child in self.view(term).children() {
                    if seen.len() < NEAR && seen.insert(child) {
                        next.push(child);
                    }
                }
            }
            frontier = next;
        }
        // A child is older than its parents, and older terms come first.
        seen.into_iter().collect()
    }
}

impl Bounds<'_> {
    fn round(&mut self) -> Result<(), Contradiction> {
        self.ranges.clear();
        self.truths.clear();
        for term in self.near.clone() {
            match self.terms.sort(term) {
                Sort::BitVec(bits) => {
                    let range = self.evaluate(term, bits)?;
                    self.ranges.insert(term, range);
                }
                Sort::Bool => {
                    if let Some(truth) = self.truth_of(term) {
                        self.truths.insert(term, truth);
                    }
                }
                Sort::Array { .. } => {}
            }
        }
        for literal in self.literals.clone() {
            if self.truths.get(&literal) == Some(&false) {
                return Err(Contradiction);
            }
            self.learn(literal)?;
        }
        Ok(())
    }

    fn range(&self, term: Term) -> Range {
        let known = self.ranges.get(&term).copied();
        known.unwrap_or_else(|| self.terms.range(term))
    }

    fn evaluate(&self, term: Term, bits: u32) -> Result<Range, Contradiction> {
        let view = self.terms.view(term);
        let of = |child: Term| self.range(child);
        let computed = match view {
            View::Ite(condition, then, otherwise) => match self.truths.get(&condition) {
                Some(true) => of(then),
                Some(false) => of(otherwise),
                None => of(then).join(of(otherwise)),
            },
            view => self.terms.range_of_view_with(view, Sort::BitVec(bits), &of),
        };
        let mut range = met(computed, self.terms.range(term), bits)?;
        if let Some(learned) = self.learned.get(&term) {
            range = met(range, *learned, bits)?;
        }
        Ok(range)
    }

    fn truth_of(&self, term: Term) -> Option<bool> {
        if let Some((difference, a, b)) = self.terms.signed_overflow_of(term) {
            return self.overflows(difference, a, b);
        }
        let truth = |t: Term| self.truths.get(&t).copied();
        match self.terms.view(term) {
            View::Bool(value) => Some(value),
            View::Not(a) => truth(a).map(|value| !value),
            View::And(a, b) => match (truth(a), truth(b)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            View::Or(a, b) => match (truth(a), truth(b)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
            View::Ult(a, b) => {
                let (a, b) = (self.range(a), self.range(b));
                decided(a.high < b.low, a.low >= b.high)
            }
            View::Slt(a, b) => {
                let (a, b) = (self.range(a), self.range(b));
                decided(a.signed_high < b.signed_low, a.signed_low >= b.signed_high)
            }
            View::Eq(a, b) if matches!(self.terms.sort(a), Sort::BitVec(_)) => {
                let (a, b) = (self.range(a), self.range(b));
                let apart = a.high < b.low
                    || b.high < a.low
                    || a.signed_high < b.signed_low
                    || b.signed_high < a.signed_low;
                decided(a.low == a.high && b.low == b.high && a.low == b.low, apart)
            }
            View::UMulOverflow(a, b) => {
                let most = mask(self.terms.width(a));
                let (a, b) = (self.range(a), self.range(b));
                let fits = a.high.checked_mul(b.high).is_some_and(|product| product <= most);
                decided(
                    a.low.checked_mul(b.low).is_none_or(|product| product > most),
                    fits,
                )
            }
            View::SMulOverflow(a, b) => {
                let bits = self.terms.width(a);
                let (low, high) = signed_products(self.range(a), self.range(b))?;
                let fits = low >= signed_min(bits) && high <= signed_max(bits);
                decided(low > signed_max(bits) || high < signed_min(bits), fits)
            }
            _ => None,
        }
    }

    /// Whether the exact signed sum or difference leaves the width.
    fn overflows(&self, difference: bool, a: Term, b: Term) -> Option<bool> {
        let bits = self.terms.width(a);
        let (left, right) = (self.range(a), self.range(b));
        let (low, high) = if difference {
            (
                left.signed_low.checked_sub(right.signed_high)?,
                left.signed_high.checked_sub(right.signed_low)?,
            )
        } else {
            (
                left.signed_low.checked_add(right.signed_low)?,
                left.signed_high.checked_add(right.signed_high)?,
            )
        };
        let fits = low >= signed_min(bits) && high <= signed_max(bits);
        decided(low > signed_max(bits) || high < signed_min(bits), fits)
    }

    /// What a comparison that holds says of its sides.
    fn learn(&mut self, literal: Term) -> Result<(), Contradiction> {
        match self.terms.view(literal) {
            View::Ult(a, b) => self.less(a, b, false, true),
            View::Slt(a, b) => self.less(a, b, true, true),
            View::Eq(a, b) => {
                if let Sort::BitVec(bits) = self.terms.sort(a) {
                    let both = met(self.range(a), self.range(b), bits)?;
                    self.restrict(a, both, bits)?;
                    self.restrict(b, both, bits)?;
                }
                Ok(())
            }
            View::Not(inner) => match self.terms.view(inner) {
                View::Ult(a, b) => self.less(b, a, false, false),
                View::Slt(a, b) => self.less(b, a, true, false),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// `a < b`, or `a <= b` where not strict.
    fn less(&mut self, a: Term, b: Term, signed: bool, strict: bool) -> Result<(), Contradiction> {
        let bits = self.terms.width(a);
        let (left, right) = (self.range(a), self.range(b));
        let mut below = Range::full(bits);
        let mut above = Range::full(bits);
        if signed {
            let step = i128::from(strict);
            below.signed_high = right.signed_high.checked_sub(step).ok_or(Contradiction)?;
            above.signed_low = left.signed_low.checked_add(step).ok_or(Contradiction)?;
        } else {
            let step = u128::from(strict);
            below.high = right.high.checked_sub(step).ok_or(Contradiction)?;
            above.low = left.low.checked_add(step).ok_or(Contradiction)?;
        }
        self.restrict(a, below, bits)?;
        self.restrict(b, above, bits)
    }

    fn restrict(&mut self, term: Term, to: Range, bits: u32) -> Result<(), Contradiction> {
        let range = met(self.range(term), to, bits)?;
        self.learned.insert(term, range);
        self.ranges.insert(term, range);
        Ok(())
    }
}

fn decided(yes: bool, no: bool) -> Option<bool> {
    match (yes, no) {
        (true, _) => Some(true),
        (_, true) => Some(false),
        _ => None,
    }
}

/// What lies in both; there must be something.
fn met(a: Range, b: Range, bits: u32) -> Result<Range, Contradiction> {
    let low = a.low.max(b.low);
    let high = a.high.min(b.high);
    let signed_low = a.signed_low.max(b.signed_low);
    let signed_high = a.signed_high.min(b.signed_high);
    if low > high || signed_low > signed_high {
        return Err(Contradiction);
    }
    let range = a.meet(b, bits);
    if range.low > range.high || range.signed_low > range.signed_high {
        return Err(Contradiction);
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(t: &Terms, x: Term, low: i128, high: i128) -> Term {
        let constant = |value: i128| t.bv(32, value as u128 & mask(32));
        t.and(t.sle(constant(low), x), t.sle(x, constant(high)))
    }

    #[test]
    fn a_product_of_bounded_factors_does_not_overflow() {
        let t = Terms::new();
        let (a, b) = (t.var("a", Sort::BitVec(32)), t.var("b", Sort::BitVec(32)));
        let guard = t.and(between(&t, a, -1000, 1000), between(&t, b, 0, 1000));
        assert!(t.bounds_contradict(&[guard, t.mul_overflows(true, a, b)]));
        let sum = t.add(t.mul(a, b), t.bv(32, 1000));
        assert!(t.bounds_contradict(&[guard, t.slt(t.bv(32, 2_000_000), sum)]));
        assert!(!t.bounds_contradict(&[guard, t.slt(t.bv(32, 900_000), sum)]));
        let twice = t.mul(a, t.bv(32, 2));
        assert!(t.bounds_contradict(&[guard, t.sub_overflows(true, sum, twice)]));
        assert!(t.bounds_contradict(&[guard, t.add_overflows(true, sum, twice)]));
        let loose = between(&t, b, 0, 3_000_000);
        assert!(!t.bounds_contradict(&[between(&t, a, -1000, 1000), loose, t.mul_overflows(true, a, b)]));
    }

    #[test]
    fn bounds_are_handed_from_term_to_term() {
        let t = Terms::new();
        let v = |name: &str| t.var(name, Sort::BitVec(64));
        let (i, n, m) = (v("i"), v("n"), v("m"));
        let chain = [
            t.ult(i, n),
            t.ule(n, m),
            t.ult(m, t.bv(64, 8)),
            t.uge(i, t.bv(64, 7)),
        ];
        assert!(t.bounds_contradict(&chain));
        assert!(!t.bounds_contradict(&chain[..3]));
    }
}

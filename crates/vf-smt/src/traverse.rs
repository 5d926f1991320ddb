//! Walks over terms: children, reachable terms, free variables, substitution. None of them recurses.

use crate::tables::{HashMap, HashSet};

use crate::term::{Sort, Term, Terms, View};

impl View {
    /// The child terms, in the order of the operator's arguments.
    pub fn children(&self) -> impl Iterator<Item = Term> + use<> {
        let slots: [Option<Term>; 3] = match *self {
            View::Bool(_) | View::Bits { .. } | View::Var { .. } => [None; 3],
            View::Not(a)
            | View::BvNot(a)
            | View::Neg(a)
            | View::ZeroExtend { arg: a, .. }
            | View::SignExtend { arg: a, .. }
            | View::Extract { arg: a, .. }
            | View::ConstArray { value: a, .. } => [Some(a), None, None],
            View::And(a, b)
            | View::Or(a, b)
            | View::Eq(a, b)
            | View::Add(a, b)
            | View::Sub(a, b)
            | View::Mul(a, b)
            | View::UDiv(a, b)
            | View::SDiv(a, b)
            | View::URem(a, b)
            | View::SRem(a, b)
            | View::BvAnd(a, b)
            | View::BvOr(a, b)
            | View::BvXor(a, b)
            | View::Shl(a, b)
            | View::LShr(a, b)
            | View::AShr(a, b)
            | View::Ult(a, b)
            | View::Slt(a, b)
            | View::UMulOverflow(a, b)
            | View::SMulOverflow(a, b)
            | View::Concat(a, b)
            | View::Select(a, b) => [Some(a), Some(b), None],
            View::Ite(a, b, c) | View::Store(a, b, c) => [Some(a), Some(b), Some(c)],
        };
        slots.into_iter().flatten()
    }
}

impl Terms {
    pub fn children(&self, term: Term) -> Vec<Term> {
        self.view(term).children().collect()
    }

    /// Every term under the roots, the roots included, children before parents.
    pub fn reachable(&self, roots: &[Term]) -> Vec<Term> {
        let mut seen: HashSet<Term> = roots.iter().copied().collect();
        let mut pending: Vec<Term> = seen.iter().copied().collect();
        while let Some(term) = pending.pop() {
            for child in self.view(term).children() {
                if seen.insert(child) {
                    pending.push(child);
                }
            }
        }
        let mut order: Vec<Term> = seen.into_iter().collect();
        order.sort_unstable();
        order
    }

    /// The free variables of a term, oldest first.
    pub fn variables_of(&self, term: Term) -> Vec<Term> {
        let mut reachable = self.reachable(&[term]);
        reachable.retain(|&t| matches!(self.view(t), View::Var { .. }));
        reachable
    }

    /// The term with each key of `map` (usually a variable) replaced by its value, all at once.
    ///
    /// # Panics
    /// If a key is replaced by a term of another sort.
    pub fn substitute(&self, term: Term, map: &HashMap<Term, Term>) -> Term {
        self.substitute_many(&[term], map).pop().unwrap_or(term)
    }

    /// [`Terms::substitute`] in several terms at once, sharing what they share.
    pub fn substitute_many(&self, terms: &[Term], map: &HashMap<Term, Term>) -> Vec<Term> {
        for (&from, &to) in map {
            self.expect_same(from, to);
        }
        let mut done: HashMap<Term, Term> = HashMap::default();
        for term in self.reachable(terms) {
            let result = match map.get(&term) {
                Some(&replacement) => replacement,
                None => self.rebuilt(term, &done),
            };
            done.insert(term, result);
        }
        terms
            .iter()
            .map(|term| done.get(term).copied().unwrap_or(*term))
            .collect()
    }

    /// The term over the new versions of its children.
    fn rebuilt(&self, term: Term, done: &HashMap<Term, Term>) -> Term {
        let view = self.view(term);
        let new = |child: Term| done.get(&child).copied().unwrap_or(child);
        if view.children().all(|child| new(child) == child) {
            return term;
        }
        match view {
            View::Bool(_) | View::Bits { .. } | View::Var { .. } => term,
            View::Not(a) => self.not(new(a)),
            View::And(a, b) => self.and(new(a), new(b)),
            View::Or(a, b) => self.or(new(a), new(b)),
            View::Eq(a, b) => self.eq(new(a), new(b)),
            View::Ite(c, a, b) => self.ite(new(c), new(a), new(b)),
            View::BvNot(a) => self.bvnot(new(a)),
            View::Neg(a) => self.neg(new(a)),
            View::Add(a, b) => self.add(new(a), new(b)),
            View::Sub(a, b) => self.sub(new(a), new(b)),
            View::Mul(a, b) => self.mul(new(a), new(b)),
            View::UDiv(a, b) => self.udiv(new(a), new(b)),
            View::SDiv(a, b) => self.sdiv(new(a), new(b)),
            View::URem(a, b) => self.urem(new(a), new(b)),
            View::SRem(a, b) => self.srem(new(a), new(b)),
            View::BvAnd(a, b) => self.bvand(new(a), new(b)),
            View::BvOr(a, b) => self.bvor(new(a), new(b)),
            View::BvXor(a, b) => self.bvxor(new(a), new(b)),
            View::Shl(a, b) => self.shl(new(a), new(b)),
            View::LShr(a, b) => self.lshr(new(a), new(b)),
            View::AShr(a, b) => self.ashr(new(a), new(b)),
            View::Ult(a, b) => self.ult(new(a), new(b)),
            View::Slt(a, b) => self.slt(new(a), new(b)),
            View::UMulOverflow(a, b) => self.mul_overflows(false, new(a), new(b)),
            View::SMulOverflow(a, b) => self.mul_overflows(true, new(a), new(b)),
            View::ZeroExtend { bits, arg } => self.zext(bits, new(arg)),
            View::SignExtend { bits, arg } => self.sext(bits, new(arg)),
            View::Extract { high, low, arg } => self.extract(high, low, new(arg)),
            View::Concat(a, b) => self.concat(new(a), new(b)),
            View::Select(a, i) => self.select(new(a), new(i)),
            View::Store(a, i, v) => self.store(new(a), new(i), new(v)),
            View::ConstArray { index, value } => self.const_array(index, new(value)),
        }
    }

    /// Whether a formula speaks of arrays.
    pub fn mentions_arrays(&self, roots: &[Term]) -> bool {
        self.reachable(roots)
            .iter()
            .any(|&term| matches!(self.sort(term), Sort::Array { .. }))
    }
}

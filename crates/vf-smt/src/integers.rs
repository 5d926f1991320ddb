//! A second opinion over the integers, where circuits of wide adders and multipliers defeat the bit-vector solver.
//!
//! Every bit-vector term of width `w` becomes an integer in `0 .. 2^w`; what wraps says so by a quotient of its own:
//!
//! ```text
//! [a + b] = [a] + [b] - 2^w * k       k = 1 if [a] + [b] >= 2^w, else 0
//! [a * b] = [a] * [b] - 2^w * q       0 <= [a * b] < 2^w
//! [a / b] = q, [a % b] = r            [a] = [b] * q + r, 0 <= r < [b]     (b = 0 as SMT-LIB has it)
//! ```
//!
//! Operations on single bits and variable shifts become integers of which only bounds are known. So the
//! translation allows everything that the formulas allow, and perhaps more: "unsatisfiable" over the integers is
//! "unsatisfiable" of the formulas; a model over the integers is a guess, and a model of the formulas where they evaluate
//! to true under it. Quotients that the intervals of [`crate::range`]
//! show to be zero are left out, which makes most queries free of wrap-around.
//!
//! A product of two unknowns is a number of its own at first, of which [`crate::products`] says what is linear in it:
//! most bounds need no more, and z3's linear arithmetic answers at once where its nonlinear one searches for seconds.
//! Only where that does not suffice is the product said to be one.

use crate::tables::HashMap;
use std::collections::BTreeMap;

use z3::ast::{Bool, Int};
use z3::{Params, SatResult};

use crate::memory::Room;
use crate::products::Products;
use crate::solver::Limits;
use crate::stop;
use crate::term::{Sort, Term, Terms, View};
use crate::value::{Assignment, Value};

/// Bits of the widest term that is translated; wider ones are unknown numbers.
const WIDEST: u32 = 127;

/// Pairs of reads that are related to each other; of more, only the bounds are known.
const MOST_PAIRS: usize = 3_000;

/// Answer over the integers.
pub(crate) enum Answer {
    /// The formulas and these assumptions have no model over the integers, and so none at all.
    Refuted(Vec<Term>),
    /// Numbers that make the translation true; of the formulas that is to be shown.
    Guess(Assignment),
    Unknown,
}

/// A z3 solver over the integers that was told some formulas, and is told more by each question.
pub(crate) struct Integers<'t> {
    z3: z3::Solver,
    numbers: Numbers<'t>,
    _room: Room,
    /// Formulas told so far.
    told: usize,
    /// Limits told last.
    limits: Option<Limits>,
}

impl<'t> Integers<'t> {
    pub(crate) fn new(terms: &'t Terms) -> Self {
        Integers {
            _room: Room::new(false),
            z3: z3::Solver::new(),
            numbers: Numbers {
                terms,
                bools: HashMap::default(),
                ints: HashMap::default(),
                divisions: HashMap::default(),
                reads: HashMap::default(),
                pairs: 0,
                products: Products::default(),
                conditions: Vec::new(),
                fresh: 0,
            },
            told: 0,
            limits: None,
        }
    }

    /// Whether the formulas and the assumptions have a model. `formulas` begins with those of the last call.
    pub(crate) fn check(&mut self, limits: Limits, formulas: &[Term], assumptions: &[Term]) -> Answer {
        self.limit(limits);
        for formula in formulas.get(self.told..).unwrap_or_default() {
            let formula = self.numbers.boolean_of(*formula);
            self.z3.assert(formula);
        }
        self.told = formulas.len();
        let mut names = Vec::new();
        let mut named = Vec::new();
        for (number, assumption) in assumptions.iter().enumerate() {
            let formula = self.numbers.boolean_of(*assumption);
            if matches!(self.numbers.terms.view(*assumption), View::Var { .. }) {
                names.push((formula, *assumption));
            } else {
                let name = Bool::new_const(format!("assumption.{number}"));
                named.push(name.implies(&formula));
                names.push((name, *assumption));
            }
        }
        // What numbers stand for holds whatever is asked.
        for condition in self.numbers.conditions.drain(..) {
            self.z3.assert(condition);
        }
        for lemma in self.numbers.products.new_lemmas() {
            self.z3.assert(lemma);
        }
        self.z3.push();
        for assumption in named {
            self.z3.assert(assumption);
        }
        let answer = self.answer(&names);
        self.z3.pop(1);
        answer
    }

    /// Tells z3 the limits, unless it knows them: it looks each parameter up among all that its engines have.
    fn limit(&mut self, limits: Limits) {
        if self.limits == Some(limits) {
            return;
        }
        let mut parameters = Params::new();
        parameters.set_u32("timeout", limits.timeout_ms.unwrap_or(u32::MAX));
        parameters.set_u32("rlimit", limits.rlimit.map_or(0, |limit| limit.max(1)));
        self.z3.set_params(&parameters);
        self.limits = Some(limits);
    }

    fn answer(&self, names: &[(Bool, Term)]) -> Answer {
        let literals: Vec<Bool> = names.iter().map(|(name, _)| name.clone()).collect();
        let mut result = stop::asking(|| self.z3.check_assumptions(&literals));
        let definitions = self.numbers.products.definitions();
        if result != SatResult::Unsat && !definitions.is_empty() {
            for definition in definitions {
                self.z3.assert(definition);
            }
            result = stop::asking(|| self.z3.check_assumptions(&literals));
        }
        match result {
            SatResult::Unsat => Answer::Refuted(self.core(names)),
            SatResult::Sat => match self.z3.get_model() {
                Some(model) => Answer::Guess(self.numbers.assignment(&model)),
                None => Answer::Unknown,
            },
            SatResult::Unknown => Answer::Unknown,
        }
    }

    fn core(&self, names: &[(Bool, Term)]) -> Vec<Term> {
        let core = self.z3.get_unsat_core();
        let named = names
            .iter()
            .filter(|(name, _)| core.iter().any(|c| c.ast_eq(name)));
        named.map(|(_, term)| *term).collect()
    }
}

struct Numbers<'t> {
    terms: &'t Terms,
    bools: HashMap<Term, Bool>,
    ints: HashMap<Term, Int>,
    /// Quotient and remainder by the numbers divided, and whether they were read as signed.
    divisions: HashMap<(Term, Term, bool), (Int, Int)>,
    /// Elements read so far, by array: the place and the number.
    reads: HashMap<Term, Vec<(Term, Int)>>,
    /// How many of their pairs were related.
    pairs: usize,
    products: Products,
    /// What holds of the numbers that stand for parts of terms.
    conditions: Vec<Bool>,
    fresh: u32,
}

fn constant(value: u128) -> Int {
    Int::from_u128(value)
}

/// `2^bits`.
fn power(bits: u32) -> Int {
    constant(1u128 << bits)
}

fn plus(a: &Int, b: &Int) -> Int {
    Int::add(&[a, b])
}

fn minus(a: &Int, b: &Int) -> Int {
    Int::sub(&[a, b])
}

fn times(a: &Int, b: &Int) -> Int {
    Int::mul(&[a, b])
}

impl Numbers<'_> {
    fn unknown(&mut self) -> Int {
        self.fresh += 1;
        Int::new_const(format!("number.{}", self.fresh))
    }

    fn unknown_truth(&mut self) -> Bool {
        self.fresh += 1;
        Bool::new_const(format!("truth.{}", self.fresh))
    }

    /// The numbers of a model as values of the variables, and of the elements that were read.
    fn assignment(&self, model: &z3::Model) -> Assignment {
        let terms = self.terms;
        let mut assignment = Assignment::new();
        let number = |value: &Int| {
            let text = model.eval(value, true)?.to_string();
            text.parse::<u128>().ok()
        };
        for (term, truth) in &self.bools {
            if matches!(terms.view(*term), View::Var { .. }) {
                let value = model.eval(truth, true).and_then(|v| v.as_bool());
                assignment.set(*term, Value::Bool(value.unwrap_or(false)));
            }
        }
        for (term, value) in &self.ints {
            if let (View::Var { .. }, Sort::BitVec(bits)) = (terms.view(*term), terms.sort(*term)) {
                let value = number(value).unwrap_or(0);
                assignment.set(*term, Value::Bits { bits, value });
            }
        }
        for (array, reads) in &self.reads {
            let Sort::Array { index, element } = terms.sort(*array) else {
                continue;
            };
            let mut entries = BTreeMap::new();
            for (place, value) in reads {
                if let (Some(at), Some(value)) = (number(&self.int(*place)), number(value)) {
                    entries.entry(at).or_insert(value);
                }
            }
            entries.retain(|_, value| *value != 0);
            assignment.set(
                *array,
                Value::Array {
                    index_bits: index,
                    element_bits: element,
                    default: 0,
                    entries,
                },
            );
        }
        assignment
    }

    /// The product of two terms' numbers.
    fn product(&mut self, (a, b): (Term, Term), x: &Int, y: &Int) -> Int {
        if self.terms.as_bv(a).is_some() || self.terms.as_bv(b).is_some() {
            times(x, y)
        } else {
            self.products.of(x, y)
        }
    }

    fn between(&mut self, low: &Int, value: &Int, high: &Int) {
        self.conditions.push(low.le(value));
        self.conditions.push(value.le(high));
    }

    /// A number of which only the interval of the term is known.
    fn bounded(&mut self, term: Term) -> Int {
        let value = self.unknown();
        let (low, high) = self.terms.unsigned_range(term);
        self.between(&constant(low), &value, &constant(high));
        value
    }

    /// Translates children before their parents, without recursion.
    fn visit(&mut self, term: Term) {
        let mut pending = vec![term];
        while let Some(&top) = pending.last() {
            if self.is_done(top) {
                pending.pop();
                continue;
            }
            let before = pending.len();
            let children: Vec<Term> = self.terms.view(top).children().collect();
            pending.extend(children.into_iter().filter(|c| !self.is_done(*c)));
            if pending.len() == before {
                match self.terms.sort(top) {
                    Sort::Bool => {
                        let truth = self.truth(top);
                        self.bools.insert(top, truth);
                    }
                    Sort::BitVec(bits) if bits <= WIDEST => {
                        let number = self.number(top, bits);
                        self.ints.insert(top, number);
                    }
                    Sort::BitVec(_) | Sort::Array { .. } => {
                        let unused = self.unknown();
                        self.ints.insert(top, unused);
                    }
                }
                pending.pop();
            }
        }
    }

    fn is_done(&self, term: Term) -> bool {
        self.bools.contains_key(&term) || self.ints.contains_key(&term)
    }

    fn boolean_of(&mut self, term: Term) -> Bool {
        self.visit(term);
        self.bool(term)
    }

    fn bool(&self, term: Term) -> Bool {
        self.bools[&term].clone()
    }

    fn int(&self, term: Term) -> Int {
        self.ints[&term].clone()
    }

    fn width(&self, term: Term) -> u32 {
        self.terms.width(term)
    }

    fn is_wide(&self, term: Term) -> bool {
        matches!(self.terms.sort(term), Sort::BitVec(bits) if bits > WIDEST)
    }

    /// The term read as a signed number.
    fn signed(&self, term: Term) -> Int {
        let width = self.width(term);
        let value = self.int(term);
        if self.is_nonnegative(term) {
            return value;
        }
        let negative = value.ge(power(width - 1));
        negative.ite(&minus(&value, &power(width)), &value)
    }

    fn is_nonnegative(&self, term: Term) -> bool {
        self.terms.unsigned_range(term).1 < 1u128 << (self.width(term) - 1)
    }

    fn truth(&mut self, term: Term) -> Bool {
        match self.terms.view(term) {
            View::Bool(value) => Bool::from_bool(value),
            View::Not(a) => self.bool(a).not(),
            View::And(a, b) => Bool::and(&[self.bool(a), self.bool(b)]),
            View::Or(a, b) => Bool::or(&[self.bool(a), self.bool(b)]),
            View::Ite(c, a, b) => self.bool(c).ite(&self.bool(a), &self.bool(b)),
            View::Eq(a, b) => match self.terms.sort(a) {
                Sort::Bool => self.bool(a).iff(self.bool(b)),
                Sort::BitVec(bits) if bits <= WIDEST => self.int(a).eq(self.int(b)),
                _ => self.unknown_truth(),
            },
            View::Ult(a, b) if !self.is_wide(a) => self.int(a).lt(self.int(b)),
            View::Slt(a, b) if !self.is_wide(a) => self.signed(a).lt(self.signed(b)),
            View::UMulOverflow(a, b) if !self.is_wide(a) => {
                let (x, y) = (self.int(a), self.int(b));
                self.product((a, b), &x, &y).ge(power(self.width(a)))
            }
            View::SMulOverflow(a, b) if !self.is_wide(a) => {
                let limit = power(self.width(a) - 1);
                let (x, y) = (self.signed(a), self.signed(b));
                let product = self.product((a, b), &x, &y);
                let below = plus(&product, &limit).lt(constant(0));
                Bool::or(&[product.ge(limit), below])
            }
            _ => self.unknown_truth(),
        }
    }

    /// `value mod 2^bits` for a value below `2^bits * count`.
    fn wrapped(&mut self, value: Int, bits: u32, largest: Option<u128>) -> Int {
        if largest.is_some_and(|largest| largest < 1u128 << bits) {
            return value;
        }
        let quotient = self.unknown();
        let result = minus(&value, &times(&power(bits), &quotient));
        self.conditions.push(quotient.ge(constant(0)));
        self.conditions.push(result.ge(constant(0)));
        self.conditions.push(result.lt(power(bits)));
        result
    }

    fn number(&mut self, term: Term, bits: u32) -> Int {
        let terms = self.terms;
        let high = |t: Term| terms.unsigned_range(t).1;
        let narrow = |t: Term| !matches!(terms.sort(t), Sort::BitVec(b) if b > WIDEST);
        if !terms.view(term).children().all(narrow) {
            return self.bounded(term);
        }
        match terms.view(term) {
            View::Bits { value, .. } => constant(value),
            View::Ite(c, a, b) => self.bool(c).ite(&self.int(a), &self.int(b)),
            View::BvNot(a) => minus(&constant((1u128 << bits) - 1), &self.int(a)),
            View::Neg(a) => self.negated(&self.int(a), bits),
            View::Add(a, b) => {
                let sum = plus(&self.int(a), &self.int(b));
                if high(a).checked_add(high(b)).is_some_and(|s| s < 1u128 << bits) {
                    return sum;
                }
                let over = sum.ge(power(bits));
                over.ite(&minus(&sum, &power(bits)), &sum)
            }
            View::Sub(a, b) => {
                let (x, y) = (self.int(a), self.int(b));
                let difference = minus(&x, &y);
                if terms.unsigned_range(a).0 >= high(b) {
                    return difference;
                }
                x.ge(&y).ite(&difference, &plus(&difference, &power(bits)))
            }
            View::Mul(a, b) => {
                let (x, y) = (self.int(a), self.int(b));
                let product = self.product((a, b), &x, &y);
                self.wrapped(product, bits, high(a).checked_mul(high(b)))
            }
            View::UDiv(a, b) => self.divided(a, b, bits).0,
            View::URem(a, b) => self.divided(a, b, bits).1,
            View::SDiv(a, b) => self.divided_signed(a, b, bits).0,
            View::SRem(a, b) => self.divided_signed(a, b, bits).1,
            View::ZeroExtend { arg, .. } => self.int(arg),
            View::SignExtend { arg, bits } => {
                let value = self.int(arg);
                if self.is_nonnegative(arg) {
                    return value;
                }
                let width = self.width(arg);
                let filled = plus(&value, &minus(&power(bits), &power(width)));
                value.ge(power(width - 1)).ite(&filled, &value)
            }
            View::Extract { low, arg, .. } => {
                let value = self.int(arg);
                let shifted = match low {
                    0 => value,
                    _ => self.quotient_of_power(&value, low),
                };
                self.wrapped(shifted, bits, Some(high(arg) >> low))
            }
            View::Concat(a, b) => plus(&times(&self.int(a), &power(self.width(b))), &self.int(b)),
            View::Shl(a, b) => match terms.as_bv(b) {
                Some(by) if by < u128::from(bits) => {
                    let product = times(&self.int(a), &power(by as u32));
                    self.wrapped(product, bits, high(a).checked_mul(1u128 << by))
                }
                _ => self.bounded(term),
            },
            View::LShr(a, b) => match terms.as_bv(b) {
                Some(by) if by < u128::from(bits) => self.quotient_of_power(&self.int(a), by as u32),
                _ => self.bounded(term),
            },
            View::Select(array, place) => self.element(term, array, place),
            _ => self.bounded(term),
        }
    }

    /// An element of an array; what is read at equal places is equal (as in [`crate::reads`]).
    fn element(&mut self, term: Term, array: Term, place: Term) -> Int {
        let value = self.bounded(term);
        let index = self.int(place);
        let others = self.reads.get(&array).cloned().unwrap_or_default();
        for (other_place, other) in &others {
            if self.pairs < MOST_PAIRS && !self.terms.known_different(*other_place, place) {
                self.pairs += 1;
                let same = index.eq(self.int(*other_place));
                self.conditions.push(same.implies(value.eq(other)));
            }
        }
        self.reads.entry(array).or_default().push((place, value.clone()));
        value
    }

    fn negated(&self, value: &Int, bits: u32) -> Int {
        let zero = value.eq(constant(0));
        zero.ite(&constant(0), &minus(&power(bits), value))
    }

    /// `value / 2^by`.
    fn quotient_of_power(&mut self, value: &Int, by: u32) -> Int {
        let quotient = self.unknown();
        let rest = minus(value, &times(&power(by), &quotient));
        self.conditions.push(rest.ge(constant(0)));
        self.conditions.push(rest.lt(power(by)));
        quotient
    }

    /// Quotient and remainder as SMT-LIB has them: by zero, all ones and the dividend.
    fn divided(&mut self, a: Term, b: Term, bits: u32) -> (Int, Int) {
        if let Some(known) = self.divisions.get(&(a, b, false)) {
            return known.clone();
        }
        let (x, y) = (self.int(a), self.int(b));
        let (quotient, rest) = (self.unknown(), self.unknown());
        let by_zero = y.eq(constant(0));
        let whole = match self.terms.as_bv(b) {
            Some(_) => times(&y, &quotient),
            None => self.products.of(&y, &quotient),
        };
        let exact = Bool::and(&[
            x.eq(plus(&whole, &rest)),
            rest.ge(constant(0)),
            rest.lt(&y),
            quotient.ge(constant(0)),
            quotient.le(&x),
        ]);
        let defined = Bool::and(&[quotient.eq(constant((1u128 << bits) - 1)), rest.eq(&x)]);
        self.conditions.push(by_zero.ite(&defined, &exact));
        self.divisions
            .insert((a, b, false), (quotient.clone(), rest.clone()));
        (quotient, rest)
    }

    /// The same for signed numbers: the quotient is cut towards zero, the remainder has the dividend's sign.
    fn divided_signed(&mut self, a: Term, b: Term, bits: u32) -> (Int, Int) {
        if let Some(known) = self.divisions.get(&(a, b, true)) {
            return known.clone();
        }
        let (x, y) = (self.signed(a), self.signed(b));
        let (quotient, rest) = (self.unknown(), self.unknown());
        let zero = constant(0);
        let size = y.lt(&zero).ite(&minus(&zero, &y), &y);
        let above = Bool::and(&[rest.ge(&zero), rest.lt(&size)]);
        let below = Bool::and(&[rest.le(&zero), plus(&rest, &size).gt(&zero)]);
        let whole = match self.terms.as_bv(b) {
            Some(_) => times(&y, &quotient),
            None => self.products.of(&y, &quotient),
        };
        let exact = Bool::and(&[x.eq(plus(&whole, &rest)), x.ge(&zero).ite(&above, &below)]);
        let all_ones = x.ge(&zero).ite(&minus(&zero, &constant(1)), &constant(1));
        let defined = Bool::and(&[quotient.eq(&all_ones), rest.eq(&x)]);
        self.conditions.push(y.eq(&zero).ite(&defined, &exact));
        // As bit patterns. (The least number by -1 is 2^(bits-1), the pattern of the least number.)
        let pattern = |value: &Int| value.lt(&zero).ite(&plus(value, &power(bits)), value);
        let both = (pattern(&quotient), pattern(&rest));
        self.divisions.insert((a, b, true), both.clone());
        both
    }
}

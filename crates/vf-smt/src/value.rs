//! Concrete values and the evaluator: the semantics of every operator, written down a second time.
//!
//! Source: SMT-LIB's theories `Core`, `FixedSizeBitVectors` and `ArraysEx`, and its logic `QF_BV` (division by
//! zero, arithmetic shifts).

use crate::tables::HashMap;
use std::collections::BTreeMap;

use crate::term::{Sort, Term, Terms, View, from_signed, mask, to_signed};

/// A value of a sort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Bool(bool),
    /// `value < 2^bits`.
    Bits {
        bits: u32,
        value: u128,
    },
    /// `entries` where listed, `default` elsewhere. No entry has the default as its value.
    Array {
        index_bits: u32,
        element_bits: u32,
        default: u128,
        entries: BTreeMap<u128, u128>,
    },
}

impl Value {
    /// Zero, false, or the array of zeros.
    pub fn zero(sort: Sort) -> Value {
        match sort {
            Sort::Bool => Value::Bool(false),
            Sort::BitVec(bits) => Value::Bits { bits, value: 0 },
            Sort::Array { index, element } => Value::Array {
                index_bits: index,
                element_bits: element,
                default: 0,
                entries: BTreeMap::new(),
            },
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The unsigned reading of a bit-vector.
    pub fn as_bits(&self) -> Option<u128> {
        match self {
            Value::Bits { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// The signed reading of a bit-vector.
    pub fn as_signed(&self) -> Option<i128> {
        match self {
            Value::Bits { bits, value } => Some(to_signed(*bits, *value)),
            _ => None,
        }
    }

    /// The element of an array at an index.
    pub fn element(&self, index: u128) -> Option<u128> {
        match self {
            Value::Array { default, entries, .. } => Some(*entries.get(&index).unwrap_or(default)),
            _ => None,
        }
    }
}

/// Values of variables. A variable without one is zero, false, or the array of zeros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignment {
    values: HashMap<Term, Value>,
}

impl Assignment {
    pub fn new() -> Assignment {
        Assignment::default()
    }

    /// Gives a variable a value of its sort.
    pub fn set(&mut self, variable: Term, value: Value) {
        self.values.insert(variable, value);
    }

    pub fn get(&self, variable: Term) -> Option<&Value> {
        self.values.get(&variable)
    }

    /// The variables that were given a value, oldest first.
    pub fn variables(&self) -> Vec<Term> {
        let mut variables: Vec<Term> = self.values.keys().copied().collect();
        variables.sort_unstable();
        variables
    }
}

/// Result of a binary bit-vector operator on patterns of `bits` bits; `None` for any other operator.
pub(crate) fn fold_binary(view: &View, bits: u32, x: u128, y: u128) -> Option<u128> {
    let (signed_x, signed_y) = (to_signed(bits, x), to_signed(bits, y));
    let result = match view {
        View::Add(..) => x.wrapping_add(y),
        View::Sub(..) => x.wrapping_sub(y),
        View::Mul(..) => x.wrapping_mul(y),
        View::UDiv(..) => x.checked_div(y).unwrap_or(u128::MAX),
        View::URem(..) => x.checked_rem(y).unwrap_or(x),
        // By zero: 1 for a negative dividend, otherwise -1.
        View::SDiv(..) if y == 0 => {
            if signed_x < 0 {
                1
            } else {
                u128::MAX
            }
        }
        View::SDiv(..) => from_signed(bits, signed_x.wrapping_div(signed_y)),
        View::SRem(..) if y == 0 => x,
        View::SRem(..) => from_signed(bits, signed_x.wrapping_rem(signed_y)),
        View::BvAnd(..) => x & y,
        View::BvOr(..) => x | y,
        View::BvXor(..) => x ^ y,
        View::Shl(..) | View::LShr(..) if y >= u128::from(bits) => 0,
        View::Shl(..) => x << y,
        View::LShr(..) => x >> y,
        View::AShr(..) => from_signed(bits, signed_x >> y.min(u128::from(bits) - 1)),
        _ => return None,
    };
    Some(result & mask(bits))
}

/// Whether the product of two patterns of `bits` bits leaves the width.
fn product_overflows(signed: bool, bits: u32, x: u128, y: u128) -> bool {
    if signed {
        to_signed(bits, x)
            .checked_mul(to_signed(bits, y))
            .is_none_or(|product| to_signed(bits, from_signed(bits, product)) != product)
    } else {
        x.checked_mul(y).is_none_or(|product| product > mask(bits))
    }
}

/// A value during evaluation: arrays are nodes of an arena, so that a store costs one node.
#[derive(Clone, Copy)]
enum Known {
    Bool(bool),
    Bits(u128),
    Array(usize),
}

enum ArrayNode<'v> {
    Constant(u128),
    /// A variable's value.
    Given {
        default: u128,
        entries: &'v BTreeMap<u128, u128>,
    },
    Store {
        older: usize,
        index: u128,
        value: u128,
    },
}

struct Evaluation<'a> {
    terms: &'a Terms,
    assignment: &'a Assignment,
    known: HashMap<Term, Known>,
    arrays: Vec<ArrayNode<'a>>,
}

impl Terms {
    /// Value of a term where its variables have the values of `assignment`. Total: a variable without a value
    /// counts as zero, and so does one whose value is of another sort.
    pub fn eval(&self, term: Term, assignment: &Assignment) -> Value {
        self.eval_many(&[term], assignment)
            .pop()
            .unwrap_or(Value::Bool(false))
    }

    /// [`Terms::eval`] of several terms at once, sharing what they share.
    pub fn eval_many(&self, terms: &[Term], assignment: &Assignment) -> Vec<Value> {
        let mut evaluation = Evaluation {
            terms: self,
            assignment,
            known: HashMap::default(),
            arrays: Vec::new(),
        };
        for term in self.reachable(terms) {
            let value = evaluation.step(term);
            evaluation.known.insert(term, value);
        }
        terms.iter().map(|&term| evaluation.value_of(term)).collect()
    }
}

impl<'a> Evaluation<'a> {
    fn bool(&self, term: Term) -> bool {
        matches!(self.known.get(&term), Some(Known::Bool(true)))
    }

    fn bits(&self, term: Term) -> u128 {
        match self.known.get(&term) {
            Some(Known::Bits(value)) => *value,
            _ => 0,
        }
    }

    fn array(&self, term: Term) -> usize {
        match self.known.get(&term) {
            Some(Known::Array(node)) => *node,
            _ => 0,
        }
    }

    fn width(&self, term: Term) -> u32 {
        self.terms.width(term)
    }

    /// Value of a term whose children have theirs.
    fn step(&mut self, term: Term) -> Known {
        let terms = self.terms;
        let view = terms.view(term);
        match view {
            View::Bool(value) => Known::Bool(value),
            View::Bits { value, .. } => Known::Bits(value),
            View::Var { sort, .. } => self.variable(term, sort),
            View::Not(a) => Known::Bool(!self.bool(a)),
            View::And(a, b) => Known::Bool(self.bool(a) && self.bool(b)),
            View::Or(a, b) => Known::Bool(self.bool(a) || self.bool(b)),
            View::Eq(a, b) => Known::Bool(self.equal(a, b)),
            View::Ite(condition, a, b) => {
                let chosen = if self.bool(condition) { a } else { b };
                self.known.get(&chosen).copied().unwrap_or(Known::Bool(false))
            }
            View::BvNot(a) => Known::Bits(!self.bits(a) & mask(self.width(a))),
            View::Neg(a) => Known::Bits(self.bits(a).wrapping_neg() & mask(self.width(a))),
            View::Ult(a, b) => Known::Bool(self.bits(a) < self.bits(b)),
            View::Slt(a, b) => {
                let bits = self.width(a);
                Known::Bool(to_signed(bits, self.bits(a)) < to_signed(bits, self.bits(b)))
            }
            View::UMulOverflow(a, b) => Known::Bool(product_overflows(
                false,
                self.width(a),
                self.bits(a),
                self.bits(b),
            )),
            View::SMulOverflow(a, b) => {
                Known::Bool(product_overflows(true, self.width(a), self.bits(a), self.bits(b)))
            }
            View::ZeroExtend { arg, .. } => Known::Bits(self.bits(arg)),
            View::SignExtend { bits, arg } => {
                Known::Bits(from_signed(bits, to_signed(self.width(arg), self.bits(arg))))
            }
            View::Extract { high, low, arg } => Known::Bits(self.bits(arg) >> low & mask(high - low + 1)),
            View::Concat(a, b) => Known::Bits(self.bits(a) << self.width(b) | self.bits(b)),
            View::Select(array, index) => Known::Bits(self.element(self.array(array), self.bits(index))),
            View::Store(array, index, value) => {
                let node = ArrayNode::Store {
                    older: self.array(array),
                    index: self.bits(index),
                    value: self.bits(value),
                };
                self.new_array(node)
            }
            View::ConstArray { value, .. } => {
                let value = self.bits(value);
                self.new_array(ArrayNode::Constant(value))
            }
            View::Add(a, b)
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
            | View::AShr(a, b) => {
                let bits = self.width(a);
                Known::Bits(fold_binary(&view, bits, self.bits(a), self.bits(b)).unwrap_or(0))
            }
        }
    }

    fn variable(&mut self, term: Term, sort: Sort) -> Known {
        let assignment = self.assignment;
        match (sort, assignment.get(term)) {
            (Sort::Bool, given) => Known::Bool(given.and_then(Value::as_bool).unwrap_or(false)),
            (Sort::BitVec(bits), given) => {
                Known::Bits(given.and_then(Value::as_bits).unwrap_or(0) & mask(bits))
            }
            (Sort::Array { .. }, Some(Value::Array { default, entries, .. })) => {
                self.new_array(ArrayNode::Given {
                    default: *default,
                    entries,
                })
            }
            (Sort::Array { .. }, _) => self.new_array(ArrayNode::Constant(0)),
        }
    }

    fn equal(&self, a: Term, b: Term) -> bool {
        match (self.known.get(&a), self.known.get(&b)) {
            (Some(Known::Bool(x)), Some(Known::Bool(y))) => x == y,
            (Some(Known::Bits(x)), Some(Known::Bits(y))) => x == y,
            (Some(Known::Array(x)), Some(Known::Array(y))) => self.same_array(*x, *y, self.terms.sort(a)),
            _ => false,
        }
    }

    /// Equal at every index: the same entries and the same default, unless the entries cover all indices.
    fn same_array(&self, x: usize, y: usize, sort: Sort) -> bool {
        let (default_x, entries_x) = self.flat(x);
        let (default_y, entries_y) = self.flat(y);
        let mut indices: Vec<u128> = entries_x.keys().chain(entries_y.keys()).copied().collect();
        indices.sort_unstable();
        indices.dedup();
        let listed_agree = indices.iter().all(|index| {
            entries_x.get(index).unwrap_or(&default_x) == entries_y.get(index).unwrap_or(&default_y)
        });
        let covers_all = match sort {
            Sort::Array { index, .. } => index < 64 && indices.len() as u128 == 1 << index,
            _ => false,
        };
        listed_agree && (covers_all || default_x == default_y)
    }

    fn new_array(&mut self, node: ArrayNode<'a>) -> Known {
        self.arrays.push(node);
        Known::Array(self.arrays.len() - 1)
    }

    fn element(&self, node: usize, index: u128) -> u128 {
        let mut node = node;
        loop {
            match &self.arrays[node] {
                ArrayNode::Constant(value) => return *value,
                ArrayNode::Given { default, entries } => return *entries.get(&index).unwrap_or(default),
                ArrayNode::Store { index: at, value, .. } if *at == index => return *value,
                ArrayNode::Store { older, .. } => node = *older,
            }
        }
    }

    /// Default and entries of an array.
    fn flat(&self, node: usize) -> (u128, BTreeMap<u128, u128>) {
        let mut stores = Vec::new();
        let mut node = node;
        let (default, mut entries) = loop {
            match &self.arrays[node] {
                ArrayNode::Constant(value) => break (*value, BTreeMap::new()),
                ArrayNode::Given { default, entries } => break (*default, (*entries).clone()),
                ArrayNode::Store { older, index, value } => {
                    stores.push((*index, *value));
                    node = *older;
                }
            }
        };
        entries.extend(stores.into_iter().rev());
        entries.retain(|_, value| *value != default);
        (default, entries)
    }

    fn value_of(&self, term: Term) -> Value {
        match (self.terms.sort(term), self.known.get(&term)) {
            (Sort::Bool, Some(Known::Bool(value))) => Value::Bool(*value),
            (Sort::BitVec(bits), Some(Known::Bits(value))) => Value::Bits { bits, value: *value },
            (Sort::Array { index, element }, Some(Known::Array(node))) => {
                let (default, entries) = self.flat(*node);
                Value::Array {
                    index_bits: index,
                    element_bits: element,
                    default,
                    entries,
                }
            }
            (sort, _) => Value::zero(sort),
        }
    }
}

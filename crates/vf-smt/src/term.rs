//! The pool of terms: hash-consed nodes, their sorts and ranges.

use crate::tables::HashMap;
use std::cell::RefCell;

use crate::range::Range;

/// The widest bit-vector, in bits: values are held in a `u128`.
pub const MAX_BITS: u32 = 128;

/// A term: its place in the pool that made it. Terms of different pools must not be mixed.
///
/// Within one pool, equal numbers mean the same formula, and a term's children have smaller numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Term(pub(crate) u32);

impl Term {
    /// The place in the pool.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Sort of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sort {
    Bool,
    /// Bits, 1 to [`MAX_BITS`].
    BitVec(u32),
    /// From bit-vectors of `index` bits to bit-vectors of `element` bits.
    Array {
        index: u32,
        element: u32,
    },
}

/// The top operator of a term with its children.
///
/// What the constructors normalise away does not occur: `a <= b` is `not (b < a)`, `a xor b` on booleans is
/// `not (a = b)`, a shift left by a constant is a multiplication, `implies` is a disjunction. Of the commutative
/// operators a constant operand is always the second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum View {
    Bool(bool),
    /// `value < 2^bits`.
    Bits {
        bits: u32,
        value: u128,
    },
    /// Number of a variable: [`Terms::name`] tells its name.
    Var {
        id: u32,
        sort: Sort,
    },
    Not(Term),
    And(Term, Term),
    Or(Term, Term),
    /// Any sort.
    Eq(Term, Term),
    /// Condition, then, otherwise; any sort.
    Ite(Term, Term, Term),
    BvNot(Term),
    Neg(Term),
    Add(Term, Term),
    Sub(Term, Term),
    Mul(Term, Term),
    UDiv(Term, Term),
    SDiv(Term, Term),
    URem(Term, Term),
    /// The remainder has the dividend's sign.
    SRem(Term, Term),
    BvAnd(Term, Term),
    BvOr(Term, Term),
    BvXor(Term, Term),
    Shl(Term, Term),
    LShr(Term, Term),
    AShr(Term, Term),
    Ult(Term, Term),
    Slt(Term, Term),
    /// The product, read as unsigned numbers, does not fit the operands' width.
    UMulOverflow(Term, Term),
    /// The product, read as signed numbers, does not fit the operands' width.
    SMulOverflow(Term, Term),
    /// To `bits` in total, more than the argument has.
    ZeroExtend {
        bits: u32,
        arg: Term,
    },
    /// To `bits` in total, more than the argument has.
    SignExtend {
        bits: u32,
        arg: Term,
    },
    /// Bits `high` down to `low`, both included.
    Extract {
        high: u32,
        low: u32,
        arg: Term,
    },
    /// High part, low part.
    Concat(Term, Term),
    /// Array, index.
    Select(Term, Term),
    /// Array, index, value.
    Store(Term, Term, Term),
    /// Every index of `index` bits maps to the value.
    ConstArray {
        index: u32,
        value: Term,
    },
}

#[derive(Clone, Copy)]
struct Node {
    view: View,
    sort: Sort,
    range: Range,
}

#[derive(Default)]
struct Pool {
    nodes: Vec<Node>,
    interned: HashMap<View, Term>,
    /// Name of each variable, by its number.
    names: Vec<String>,
    variables: HashMap<(String, Sort), Term>,
    taken: HashMap<String, Sort>,
    fresh: u64,
    /// Terms that say that a signed sum overflows, or a difference (`true`), of these.
    signed_overflows: HashMap<Term, (bool, Term, Term)>,
}

/// The pool. All methods take `&self`, so that calls nest: `t.and(t.ult(a, b), t.not(c))`.
///
/// # Panics
/// The constructors panic when an operand has the wrong sort (two widths in one addition, a width above
/// [`MAX_BITS`]): that is a fault of the calling code, never of an input, and going on would prove nonsense.
#[derive(Default)]
pub struct Terms {
    pool: RefCell<Pool>,
}

/// All ones in `bits` bits.
pub(crate) fn mask(bits: u32) -> u128 {
    if bits >= 128 {
        u128::MAX
    } else {
        (1u128 << bits) - 1
    }
}

/// The signed reading of a pattern of `bits` bits.
pub(crate) fn to_signed(bits: u32, value: u128) -> i128 {
    let shift = 128 - bits;
    ((value << shift) as i128) >> shift
}

/// The pattern of `bits` bits of a number, modulo `2^bits`.
pub(crate) fn from_signed(bits: u32, value: i128) -> u128 {
    value as u128 & mask(bits)
}

impl Terms {
    pub fn new() -> Terms {
        Terms::default()
    }

    /// Number of terms made so far.
    pub fn len(&self) -> usize {
        self.pool.borrow().nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn bool(&self, value: bool) -> Term {
        self.intern(View::Bool(value), Sort::Bool)
    }

    /// The constant `value` modulo `2^bits`.
    pub fn bv(&self, bits: u32, value: u128) -> Term {
        check_width(bits);
        self.intern(
            View::Bits {
                bits,
                value: value & mask(bits),
            },
            Sort::BitVec(bits),
        )
    }

    /// The variable of this name and sort. A name that was first used with another sort gets a suffix.
    pub fn var(&self, name: &str, sort: Sort) -> Term {
        check_sort(sort);
        let key = (name.to_string(), sort);
        if let Some(&term) = self.pool.borrow().variables.get(&key) {
            return term;
        }
        let unique = self.unused_name(name);
        let term = self.declare(unique, sort);
        self.pool.borrow_mut().variables.insert(key, term);
        term
    }

    /// A variable that is equal to no other, called `prefix!N`.
    pub fn fresh(&self, prefix: &str, sort: Sort) -> Term {
        check_sort(sort);
        let name = loop {
            let mut pool = self.pool.borrow_mut();
            pool.fresh += 1;
            let name = format!("{prefix}!{}", pool.fresh);
            if !pool.taken.contains_key(&name) {
                break name;
            }
        };
        let term = self.declare(name.clone(), sort);
        self.pool.borrow_mut().variables.insert((name, sort), term);
        term
    }

    /// `name` itself when no variable has it yet, otherwise `name` with a number.
    fn unused_name(&self, name: &str) -> String {
        let pool = self.pool.borrow();
        if !pool.taken.contains_key(name) {
            return name.to_string();
        }
        let mut number = 1u64;
        loop {
            let candidate = format!("{name}!s{number}");
            if !pool.taken.contains_key(&candidate) {
                return candidate;
            }
            number += 1;
        }
    }

    fn declare(&self, name: String, sort: Sort) -> Term {
        let id = {
            let mut pool = self.pool.borrow_mut();
            let id = pool.names.len() as u32;
            pool.taken.insert(name.clone(), sort);
            pool.names.push(name);
            id
        };
        self.intern(View::Var { id, sort }, sort)
    }

    /// Name of a variable.
    pub fn name(&self, term: Term) -> Option<String> {
        match self.view(term) {
            View::Var { id, .. } => self.pool.borrow().names.get(id as usize).cloned(),
            _ => None,
        }
    }

    pub fn sort(&self, term: Term) -> Sort {
        self.pool.borrow().nodes[term.index()].sort
    }

    /// Width of a bit-vector term.
    ///
    /// # Panics
    /// If the term is a boolean or an array.
    pub fn width(&self, term: Term) -> u32 {
        match self.sort(term) {
            Sort::BitVec(bits) => bits,
            other => panic!("expected a bit-vector, found a term of sort {other:?}"),
        }
    }

    pub fn view(&self, term: Term) -> View {
        self.pool.borrow().nodes[term.index()].view
    }

    pub fn as_bool(&self, term: Term) -> Option<bool> {
        match self.view(term) {
            View::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The value of a bit-vector constant.
    pub fn as_bv(&self, term: Term) -> Option<u128> {
        match self.view(term) {
            View::Bits { value, .. } => Some(value),
            _ => None,
        }
    }

    pub fn is_true(&self, term: Term) -> bool {
        self.as_bool(term) == Some(true)
    }

    pub fn is_false(&self, term: Term) -> bool {
        self.as_bool(term) == Some(false)
    }

    pub(crate) fn range(&self, term: Term) -> Range {
        self.pool.borrow().nodes[term.index()].range
    }

    /// Keeps what a circuit of signs means, for whoever can answer that without the circuit.
    /// Constants say enough by themselves.
    pub(crate) fn remember_overflow(&self, circuit: Term, difference: bool, a: Term, b: Term) {
        if let View::Bool(_) = self.view(circuit) {
            return;
        }
        let mut pool = self.pool.borrow_mut();
        pool.signed_overflows.insert(circuit, (difference, a, b));
    }

    /// The sum, or difference (`true`), whose signed overflow the term says.
    pub(crate) fn signed_overflow_of(&self, term: Term) -> Option<(bool, Term, Term)> {
        self.pool.borrow().signed_overflows.get(&term).copied()
    }

    /// The one node with this operator and these children. Sorts were checked by the caller.
    pub(crate) fn intern(&self, view: View, sort: Sort) -> Term {
        if let Some(&term) = self.pool.borrow().interned.get(&view) {
            return term;
        }
        let range = self.range_of_view(view, sort);
        let mut pool = self.pool.borrow_mut();
        // 2^32 nodes would take hundreds of gigabytes: memory ends long before the numbers do.
        let term = Term(u32::try_from(pool.nodes.len()).expect("fewer than 2^32 terms"));
        pool.nodes.push(Node { view, sort, range });
        pool.interned.insert(view, term);
        term
    }

    /// A bit-vector node, or the constant that its range leaves as only value.
    pub(crate) fn intern_bits(&self, view: View, bits: u32) -> Term {
        let term = self.intern(view, Sort::BitVec(bits));
        let range = self.range(term);
        if range.low == range.high {
            self.bv(bits, range.low)
        } else {
            term
        }
    }

    pub(crate) fn expect_bool(&self, term: Term) {
        let sort = self.sort(term);
        assert!(
            sort == Sort::Bool,
            "expected a boolean, found a term of sort {sort:?}"
        );
    }

    /// The common sort of two terms.
    pub(crate) fn expect_same(&self, a: Term, b: Term) -> Sort {
        let (left, right) = (self.sort(a), self.sort(b));
        assert!(
            left == right,
            "operands have different sorts: {left:?} and {right:?}"
        );
        left
    }

    /// The common width of two bit-vectors.
    pub(crate) fn expect_bits(&self, a: Term, b: Term) -> u32 {
        self.expect_same(a, b);
        self.width(a)
    }
}

pub(crate) fn check_width(bits: u32) {
    assert!(
        (1..=MAX_BITS).contains(&bits),
        "a bit-vector has 1 to {MAX_BITS} bits, not {bits}"
    );
}

fn check_sort(sort: Sort) {
    match sort {
        Sort::Bool => {}
        Sort::BitVec(bits) => check_width(bits),
        Sort::Array { index, element } => {
            check_width(index);
            check_width(element);
        }
    }
}

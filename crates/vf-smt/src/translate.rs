//! Our terms as z3 expressions. Nothing is ever read back from z3's expressions but values of variables.

use crate::tables::HashMap;

use z3::Sort as Z3Sort;
use z3::ast::{Array, BV, Bool, Dynamic};

use crate::reads::Reads;
use crate::term::{Sort, Term, Terms, View};

/// A z3 expression by sort.
#[derive(Clone)]
pub(crate) enum Expression {
    Bool(Bool),
    Bits(BV),
    Array(Array),
}

/// The z3 expressions of terms already translated, for this thread's z3 context.
#[derive(Default)]
pub(crate) struct Translation {
    done: HashMap<Term, Expression>,
    /// Where reads of arrays become variables.
    reads: Option<Reads>,
}

pub(crate) fn bits_sort(bits: u32) -> Z3Sort {
    Z3Sort::bitvector(bits)
}

/// A constant. z3 takes 64 bits at a time.
pub(crate) fn bits_constant(bits: u32, value: u128) -> BV {
    if bits <= 64 {
        return BV::from_u64(value as u64, bits);
    }
    let high = BV::from_u64((value >> 64) as u64, bits - 64);
    high.concat(BV::from_u64(value as u64, 64))
}

impl Translation {
    /// Arrays as such, or reads of them as variables; then formulas may only read them.
    pub(crate) fn new(reads_as_variables: bool) -> Translation {
        Translation {
            done: HashMap::default(),
            reads: reads_as_variables.then(Reads::default),
        }
    }

    /// The variables for reads, where there are such.
    pub(crate) fn reads(&self) -> Option<&Reads> {
        self.reads.as_ref()
    }

    /// The translation of a boolean term.
    pub(crate) fn boolean(&mut self, terms: &Terms, term: Term) -> Bool {
        match self.expression(terms, term) {
            Expression::Bool(expression) => expression,
            // Sorts are checked where a term enters the solver.
            Expression::Bits(_) | Expression::Array(_) => Bool::from_bool(false),
        }
    }

    pub(crate) fn expression(&mut self, terms: &Terms, term: Term) -> Expression {
        if let Some(expression) = self.done.get(&term) {
            return expression.clone();
        }
        // Depth first with an explicit stack: a child's translation is there before its parent is built.
        let mut pending = vec![term];
        while let Some(&top) = pending.last() {
            if self.done.contains_key(&top) {
                pending.pop();
                continue;
            }
            let before = pending.len();
            pending.extend(
                terms
                    .view(top)
                    .children()
                    .filter(|child| !self.done.contains_key(child)),
            );
            if pending.len() == before {
                let expression = self.build(terms, top);
                self.done.insert(top, expression);
                pending.pop();
            }
        }
        self.done[&term].clone()
    }

    fn bool(&self, term: Term) -> &Bool {
        match &self.done[&term] {
            Expression::Bool(expression) => expression,
            _ => unreachable!("the pool checked that this operand is a boolean"),
        }
    }

    fn bits(&self, term: Term) -> &BV {
        match &self.done[&term] {
            Expression::Bits(expression) => expression,
            _ => unreachable!("the pool checked that this operand is a bit-vector"),
        }
    }

    fn array(&self, term: Term) -> &Array {
        match &self.done[&term] {
            Expression::Array(expression) => expression,
            _ => unreachable!("the pool checked that this operand is an array"),
        }
    }

    /// Builds one node over translated children.
    fn build(&mut self, terms: &Terms, term: Term) -> Expression {
        use Expression as E;
        let width = |t: Term| terms.width(t);
        match terms.view(term) {
            View::Bool(value) => E::Bool(Bool::from_bool(value)),
            View::Bits { bits, value } => E::Bits(bits_constant(bits, value)),
            View::Var { id, sort } => variable(id, sort),
            View::Not(a) => E::Bool(self.bool(a).not()),
            View::And(a, b) => E::Bool(Bool::and(&[self.bool(a), self.bool(b)])),
            View::Or(a, b) => E::Bool(Bool::or(&[self.bool(a), self.bool(b)])),
            View::Eq(a, b) => E::Bool(match terms.sort(a) {
                Sort::Bool => self.bool(a).iff(self.bool(b)),
                Sort::BitVec(_) => self.bits(a).eq(self.bits(b)),
                Sort::Array { .. } => self.array(a).eq(self.array(b)),
            }),
            View::Ite(c, a, b) => match terms.sort(a) {
                Sort::Bool => E::Bool(self.bool(c).ite(self.bool(a), self.bool(b))),
                Sort::BitVec(_) => E::Bits(self.bool(c).ite(self.bits(a), self.bits(b))),
                Sort::Array { .. } => E::Array(self.bool(c).ite(self.array(a), self.array(b))),
            },
            View::BvNot(a) => E::Bits(self.bits(a).bvnot()),
            View::Neg(a) => E::Bits(self.bits(a).bvneg()),
            View::Add(a, b) => E::Bits(self.bits(a).bvadd(self.bits(b))),
            View::Sub(a, b) => E::Bits(self.bits(a).bvsub(self.bits(b))),
            View::Mul(a, b) => E::Bits(self.bits(a).bvmul(self.bits(b))),
            View::UDiv(a, b) => E::Bits(self.bits(a).bvudiv(self.bits(b))),
            View::SDiv(a, b) => E::Bits(self.bits(a).bvsdiv(self.bits(b))),
            View::URem(a, b) => E::Bits(self.bits(a).bvurem(self.bits(b))),
            View::SRem(a, b) => E::Bits(self.bits(a).bvsrem(self.bits(b))),
            View::BvAnd(a, b) => E::Bits(self.bits(a).bvand(self.bits(b))),
            View::BvOr(a, b) => E::Bits(self.bits(a).bvor(self.bits(b))),
            View::BvXor(a, b) => E::Bits(self.bits(a).bvxor(self.bits(b))),
            View::Shl(a, b) => E::Bits(self.bits(a).bvshl(self.bits(b))),
            View::LShr(a, b) => E::Bits(self.bits(a).bvlshr(self.bits(b))),
            View::AShr(a, b) => E::Bits(self.bits(a).bvashr(self.bits(b))),
            View::Ult(a, b) => E::Bool(self.bits(a).bvult(self.bits(b))),
            View::Slt(a, b) => E::Bool(self.bits(a).bvslt(self.bits(b))),
            View::UMulOverflow(a, b) => {
                E::Bool(unsigned_product_overflows(self.bits(a), self.bits(b), width(a)))
            }
            View::SMulOverflow(a, b) => {
                E::Bool(signed_product_overflows(self.bits(a), self.bits(b), width(a)))
            }
            View::ZeroExtend { bits, arg } => E::Bits(self.bits(arg).zero_ext(bits - width(arg))),
            View::SignExtend { bits, arg } => E::Bits(self.bits(arg).sign_ext(bits - width(arg))),
            View::Extract { high, low, arg } => E::Bits(self.bits(arg).extract(high, low)),
            View::Concat(a, b) => E::Bits(self.bits(a).concat(self.bits(b))),
            View::Select(a, i) if self.reads.is_some() => {
                let (index, bits) = (self.bits(i).clone(), width(term));
                let reads = self.reads.get_or_insert_default();
                E::Bits(reads.read(terms, a, i, &index, bits))
            }
            View::Select(a, i) => {
                let element = self.array(a).select(self.bits(i));
                E::Bits(as_bits(&element).unwrap_or_else(|| bits_constant(width(term), 0)))
            }
            View::Store(a, i, v) => E::Array(self.array(a).store(self.bits(i), self.bits(v))),
            View::ConstArray { index, value } => {
                E::Array(Array::const_array(&bits_sort(index), self.bits(value)))
            }
        }
    }
}

// z3 has predicates for the overflow of products, but those of version 4.8.12 are wrong for signed operands
// (9 * -1 in 7 bits overflows, they say). The circuits below are those of Schulte, Gok, Balzola and
// Brocato, "Combined unsigned and two's complement saturating multipliers" (2000), made of plain operators; they
// are decided much faster than a comparison with the product in twice the width.

/// Bit i of one operand and bit j of the other with i + j >= w make a product of 2^w or more. Otherwise the
/// product is below 2^(w+1), and one more bit shows whether it fits.
fn unsigned_product_overflows(a: &BV, b: &BV, bits: u32) -> Bool {
    let product = a.zero_ext(1).bvmul(b.zero_ext(1));
    let carry = product.extract(bits, bits);
    is_set(&far_bits(a, b, bits, bits).map_or(carry.clone(), |far| far.bvor(&carry)))
}

/// As above on the operands with the sign folded away (x where x >= 0, otherwise -x - 1), with w - 1 for w.
/// Otherwise the product lies in [-2^w, 2^w], and in w + 1 bits its two top bits agree iff it fits: 2^w itself
/// becomes -2^w, whose top bits differ.
fn signed_product_overflows(a: &BV, b: &BV, bits: u32) -> Bool {
    let product = a.sign_ext(1).bvmul(b.sign_ext(1));
    let turned = product
        .extract(bits, bits)
        .bvxor(product.extract(bits - 1, bits - 1));
    let folded = |x: &BV| x.bvxor(x.bvashr(bits_constant(bits, u128::from(bits) - 1)));
    let far = far_bits(&folded(a), &folded(b), bits - 1, bits - 1);
    is_set(&far.map_or(turned.clone(), |far| far.bvor(&turned)))
}

/// One bit: whether some bit i of `a` and some bit j of `b`, both below `count`, are set with i + j >= `sum`.
fn far_bits(a: &BV, b: &BV, count: u32, sum: u32) -> Option<BV> {
    let mut result: Option<BV> = None;
    // The disjunction of b's bits from sum - i up to count - 1.
    let mut above: Option<BV> = None;
    for i in (sum + 1 - count)..count {
        let next = b.extract(sum - i, sum - i);
        let any = above.map_or(next.clone(), |bits: BV| bits.bvor(&next));
        let both = a.extract(i, i).bvand(&any);
        result = Some(result.map_or(both.clone(), |found: BV| found.bvor(&both)));
        above = Some(any);
    }
    result
}

fn is_set(bit: &BV) -> Bool {
    bit.eq(BV::from_u64(1, 1))
}

/// The z3 variable of one of ours. Numbers, not names: z3 needs no reading of them.
fn variable(id: u32, sort: Sort) -> Expression {
    match sort {
        Sort::Bool => Expression::Bool(Bool::new_const(format!("b{id}"))),
        Sort::BitVec(bits) => Expression::Bits(BV::new_const(format!("v{id}"), bits)),
        Sort::Array { index, element } => Expression::Array(Array::new_const(
            format!("a{id}"),
            &bits_sort(index),
            &bits_sort(element),
        )),
    }
}

fn as_bits(value: &Dynamic) -> Option<BV> {
    value.as_bv()
}

//! Random terms with an evaluator of their own: a list of steps, each over earlier ones, read once as terms and
//! once as numbers. Widths are small, so that numbers are plain 64-bit arithmetic and corner cases are hit.

use std::collections::BTreeMap;

use proptest::prelude::*;
use vf_smt::{Assignment, Sort, Term, Terms, Value};

pub const WIDTHS: [u32; 4] = [1, 4, 7, 12];
const INDEX: u32 = 3;
const ELEMENT: u32 = 4;

/// One step: an operator and where its operands come from.
#[derive(Clone, Debug)]
pub struct Step {
    operator: u8,
    width: u8,
    operands: [u16; 3],
    number: u64,
}

pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let step = (any::<u8>(), any::<u8>(), any::<[u16; 3]>(), constant());
    let step = step.prop_map(|(operator, width, operands, number)| Step {
        operator,
        width,
        operands,
        number,
    });
    proptest::collection::vec(step, 1..most)
}

fn constant() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        0..20u64,
        any::<u64>(),
        (0..13u32).prop_map(|k| 1 << k)
    ]
}

/// A concrete value, written with nothing but numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Bool(bool),
    Bits(u32, u64),
    Array(Vec<u64>),
}

/// Everything built from a list of steps.
pub struct Built {
    pub assignment: Assignment,
    /// Each term with its value under the assignment.
    pub terms: Vec<(Term, Number)>,
    pub variables: Vec<(Term, Number)>,
}

impl Built {
    pub fn booleans(&self) -> Vec<(Term, bool)> {
        let pick = |(t, v): &(Term, Number)| match v {
            Number::Bool(b) => Some((*t, *b)),
            _ => None,
        };
        self.terms.iter().filter_map(pick).collect()
    }
}

pub fn to_value(number: &Number) -> Value {
    match number {
        Number::Bool(value) => Value::Bool(*value),
        Number::Bits(bits, value) => Value::Bits {
            bits: *bits,
            value: u128::from(*value),
        },
        Number::Array(elements) => {
            let listed = elements.iter().enumerate().filter(|(_, v)| **v != 0);
            let entries: BTreeMap<u128, u128> = listed.map(|(i, v)| (i as u128, u128::from(*v))).collect();
            Value::Array {
                index_bits: INDEX,
                element_bits: ELEMENT,
                default: 0,
                entries,
            }
        }
    }
}

fn cut(bits: u32, value: u64) -> u64 {
    value % (1 << bits)
}

fn signed(bits: u32, value: u64) -> i64 {
    if value >= 1 << (bits - 1) {
        value as i64 - (1 << bits)
    } else {
        value as i64
    }
}

fn pattern(bits: u32, value: i64) -> u64 {
    value.rem_euclid(1 << bits) as u64
}

struct Builder<'t> {
    t: &'t Terms,
    bools: Vec<(Term, bool)>,
    bits: Vec<Vec<(Term, u64)>>,
    arrays: Vec<(Term, Vec<u64>)>,
    all: Vec<(Term, Number)>,
}

/// Builds the steps' terms in the pool. `arrays`: whether array steps are taken.
pub fn build(t: &Terms, steps: &[Step], seeds: &[u64], arrays: bool) -> Built {
    let seed = |i: usize| {
        seeds
            .get(i % seeds.len().max(1))
            .copied()
            .unwrap_or(0)
            .rotate_left(i as u32 * 7)
    };
    let mut builder = Builder {
        t,
        bools: Vec::new(),
        bits: vec![Vec::new(); 4],
        arrays: Vec::new(),
        all: vec![],
    };
    let mut assignment = Assignment::new();
    let mut variables = Vec::new();
    for i in 0..2 {
        let value = seed(i) & 1 == 1;
        let p = t.var(&format!("p{i}"), Sort::Bool);
        builder.bools.push((p, value));
        variables.push((p, Number::Bool(value)));
    }
    for (w, &bits) in WIDTHS.iter().enumerate() {
        for i in 0..2 {
            let value = cut(bits, seed(3 + 2 * w + i));
            let x = t.var(&format!("x{bits}_{i}"), Sort::BitVec(bits));
            builder.bits[w].push((x, value));
            variables.push((x, Number::Bits(bits, value)));
        }
    }
    for i in 0..2 {
        let elements: Vec<u64> = (0..1 << INDEX)
            .map(|k| cut(ELEMENT, seed(20 + 8 * i + k)))
            .collect();
        let a = t.var(
            &format!("a{i}"),
            Sort::Array {
                index: INDEX,
                element: ELEMENT,
            },
        );
        builder.arrays.push((a, elements.clone()));
        variables.push((a, Number::Array(elements)));
    }
    for (term, number) in &variables {
        assignment.set(*term, to_value(number));
    }
    for step in steps {
        builder.step(step, arrays);
    }
    Built {
        assignment,
        terms: builder.all,
        variables,
    }
}

impl Builder<'_> {
    fn bool(&self, step: &Step, k: usize) -> (Term, bool) {
        self.bools[step.operands[k] as usize % self.bools.len()]
    }

    fn bits(&self, w: usize, step: &Step, k: usize) -> (Term, u64) {
        self.bits[w][step.operands[k] as usize % self.bits[w].len()]
    }

    /// An operand of any width, cut or extended to the one wanted.
    fn sized(&self, bits: u32, step: &Step, k: usize) -> (Term, u64) {
        let w = step.operands[k] as usize / 7 % 4;
        let (x, v) = self.bits(w, step, k);
        if WIDTHS[w] >= bits {
            (self.t.extract(bits - 1, 0, x), cut(bits, v))
        } else {
            (self.t.zext(bits, x), v)
        }
    }

    fn push_bool(&mut self, term: Term, value: bool) {
        self.bools.push((term, value));
        self.all.push((term, Number::Bool(value)));
    }

    fn push_bits(&mut self, w: usize, term: Term, value: u64) {
        self.bits[w].push((term, value));
        self.all.push((term, Number::Bits(WIDTHS[w], value)));
    }

    fn push_array(&mut self, term: Term, value: Vec<u64>) {
        self.arrays.push((term, value.clone()));
        self.all.push((term, Number::Array(value)));
    }

    fn step(&mut self, step: &Step, arrays: bool) {
        match step.operator % 8 {
            0 => self.boolean(step),
            1 => self.comparison(step),
            2 => self.overflow(step),
            3 | 4 => self.arithmetic(step),
            5 => self.bitwise(step),
            6 => self.resize(step),
            _ if arrays => self.array(step),
            _ => self.arithmetic(step),
        }
    }

    fn boolean(&mut self, step: &Step) {
        let t = self.t;
        let ((a, x), (b, y), (c, z)) = (self.bool(step, 0), self.bool(step, 1), self.bool(step, 2));
        let (term, value) = match step.operator / 8 % 8 {
            0 => (t.not(a), !x),
            1 => (t.and(a, b), x & y),
            2 => (t.or(a, b), x | y),
            3 => (t.implies(a, b), !x | y),
            4 => (t.xor(a, b), x ^ y),
            5 => (t.eq(a, b), x == y),
            6 => (t.ite(a, b, c), if x { y } else { z }),
            _ => (t.all(&[a, b, c]), x && y && z),
        };
        self.push_bool(term, value);
    }

    fn comparison(&mut self, step: &Step) {
        let t = self.t;
        let w = step.width as usize % 4;
        let bits = WIDTHS[w];
        let ((a, x), (b, y)) = (self.bits(w, step, 0), self.bits(w, step, 1));
        let (s, r) = (signed(bits, x), signed(bits, y));
        let (term, value) = match step.operator / 8 % 11 {
            0 => (t.eq(a, b), x == y),
            1 => (t.ne(a, b), x != y),
            2 => (t.ult(a, b), x < y),
            3 => (t.ule(a, b), x <= y),
            4 => (t.ugt(a, b), x > y),
            5 => (t.uge(a, b), x >= y),
            6 => (t.slt(a, b), s < r),
            7 => (t.sle(a, b), s <= r),
            8 => (t.sgt(a, b), s > r),
            9 => (t.sge(a, b), s >= r),
            _ => (t.bv_to_bool(a), x != 0),
        };
        self.push_bool(term, value);
    }

    fn overflow(&mut self, step: &Step) {
        let t = self.t;
        let w = step.width as usize % 4;
        let bits = WIDTHS[w];
        let ((a, x), (b, y)) = (self.bits(w, step, 0), self.bits(w, step, 1));
        let is_signed = step.operator & 128 != 0;
        let (x, y) = if is_signed {
            (signed(bits, x), signed(bits, y))
        } else {
            (x as i64, y as i64)
        };
        let (low, high) = if is_signed {
            (-(1i64 << (bits - 1)), (1i64 << (bits - 1)) - 1)
        } else {
            (0, (1i64 << bits) - 1)
        };
        let (term, exact) = match step.operator / 8 % 3 {
            0 => (t.add_overflows(is_signed, a, b), x + y),
            1 => (t.sub_overflows(is_signed, a, b), x - y),
            _ => (t.mul_overflows(is_signed, a, b), x * y),
        };
        self.push_bool(term, exact < low || exact > high);
    }

    fn arithmetic(&mut self, step: &Step) {
        let t = self.t;
        let w = step.width as usize % 4;
        let bits = WIDTHS[w];
        let ((a, x), (b, y)) = (self.bits(w, step, 0), self.bits(w, step, 1));
        let (s, r) = (signed(bits, x), signed(bits, y));
        let (term, value) = match step.operator / 8 % 11 {
            0 => (t.add(a, b), x + y),
            1 => (t.sub(a, b), pattern(bits, x as i64 - y as i64)),
            2 => (t.mul(a, b), x * y),
            3 => (t.neg(a), pattern(bits, -(x as i64))),
            4 => (t.udiv(a, b), x.checked_div(y).unwrap_or(u64::MAX)),
            5 => (t.urem(a, b), x.checked_rem(y).unwrap_or(x)),
            6 => {
                let by_zero = if s < 0 { 1 } else { -1 };
                (t.sdiv(a, b), pattern(bits, if r == 0 { by_zero } else { s / r }))
            }
            7 => (t.srem(a, b), pattern(bits, if r == 0 { s } else { s % r })),
            8 | 9 => {
                let c = t.bv(bits, u128::from(step.number));
                let (term, value) = self.with_constant(step, a, x, c, cut(bits, step.number));
                (term, value)
            }
            _ => (t.bv(bits, u128::from(step.number)), step.number),
        };
        self.push_bits(w, term, cut(bits, value));
    }

    /// One operator with a constant operand: most simplifications ask for one.
    fn with_constant(&self, step: &Step, a: Term, x: u64, c: Term, k: u64) -> (Term, u64) {
        let t = self.t;
        match step.operands[1] % 8 {
            0 => (t.add(a, c), x + k),
            1 => (t.sub(c, a), k.wrapping_sub(x)),
            2 => (t.mul(c, a), x * k),
            3 => (t.udiv(a, c), x.checked_div(k).unwrap_or(u64::MAX)),
            4 => (t.urem(a, c), x.checked_rem(k).unwrap_or(x)),
            5 => (t.bvand(c, a), x & k),
            6 => (t.bvxor(a, c), x ^ k),
            _ => (t.bvor(a, c), x | k),
        }
    }

    fn bitwise(&mut self, step: &Step) {
        let t = self.t;
        let w = step.width as usize % 4;
        let bits = WIDTHS[w];
        let ((a, x), (b, y)) = (self.bits(w, step, 0), self.bits(w, step, 1));
        let (b, y) = if step.number.is_multiple_of(3) {
            let k = cut(bits, step.number / 3 % 14);
            (t.bv(bits, u128::from(k)), k)
        } else {
            (b, y)
        };
        let (term, value) = match step.operator / 8 % 7 {
            0 => (t.bvand(a, b), x & y),
            1 => (t.bvor(a, b), x | y),
            2 => (t.bvxor(a, b), x ^ y),
            3 => (t.bvnot(a), !x),
            4 => (t.shl(a, b), if y >= 32 { 0 } else { x << y }),
            5 => (t.lshr(a, b), if y >= 32 { 0 } else { x >> y }),
            _ => (t.ashr(a, b), pattern(bits, signed(bits, x) >> y.min(32))),
        };
        self.push_bits(w, term, cut(bits, value));
    }

    fn resize(&mut self, step: &Step) {
        let t = self.t;
        let from = step.operands[2] as usize % 4;
        let to = step.width as usize % 4;
        let (narrow, wide) = (WIDTHS[from], WIDTHS[to]);
        let ((a, x), (p, truth)) = (self.bits(from, step, 0), self.bool(step, 1));
        let (term, value) = match step.operator / 8 % 5 {
            0 if narrow <= wide => (t.zext(wide, a), x),
            1 if narrow <= wide => (t.sext(wide, a), pattern(wide, signed(narrow, x))),
            0 | 1 => {
                let low = (step.number % u64::from(narrow - wide + 1)) as u32;
                (t.extract(low + wide - 1, low, a), x >> low)
            }
            2 if wide > 1 => {
                let split = 1 + (step.number % u64::from(wide - 1)) as u32;
                let ((h, u), (l, v)) = (self.sized(wide - split, step, 1), self.sized(split, step, 2));
                (t.concat(h, l), u << split | v)
            }
            3 => (t.bool_to_bv(wide, p), u64::from(truth)),
            _ => {
                let ((b, y), (c, z)) = (self.bits(to, step, 0), self.bits(to, step, 2));
                (t.ite(p, b, c), if truth { y } else { z })
            }
        };
        self.push_bits(to, term, cut(wide, value));
    }

    fn array(&mut self, step: &Step) {
        let t = self.t;
        let pick = |k: usize| self.arrays[step.operands[k] as usize % self.arrays.len()].clone();
        let ((a, xs), (b, ys)) = (pick(0), pick(1));
        let ((i, at), (v, value), (p, truth)) = (
            self.sized(INDEX, step, 1),
            self.sized(ELEMENT, step, 2),
            self.bool(step, 2),
        );
        match step.operator / 8 % 6 {
            0 | 1 => {
                let element = xs[at as usize];
                self.push_bits(1, t.select(a, i), element);
            }
            2 | 3 => {
                let mut updated = xs;
                updated[at as usize] = value;
                self.push_array(t.store(a, i, v), updated);
            }
            4 => self.push_array(t.ite(p, a, b), if truth { xs } else { ys }),
            _ if step.number.is_multiple_of(2) => {
                self.push_array(t.const_array(INDEX, v), vec![value; 1 << INDEX]);
            }
            _ => self.push_bool(t.eq(a, b), xs == ys),
        }
    }
}

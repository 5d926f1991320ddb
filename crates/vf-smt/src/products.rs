//! Products of two unknown integers as numbers of their own, with what holds of them and is linear.
//!
//! For a product `p = a * b` and another `q = c * d`:
//!
//! ```text
//! a = 0 => p = 0,   a = 1 => p = b,   a >= 0 and b >= 0 => p >= 0,   a >= 1 and b >= 1 => p >= a and p >= b   (b likewise)
//! b = d >= 0:                         a <= c => p <= q,              a < c => p + b <= q                      (monotone)
//! all four >= 0:                      a <= c and b <= d => p <= q
//! ```
//!
//! The second line is what bounds of two-dimensional arrays (`y * w + x < h * w` from `y < h` and `x < w`) and of guarded
//! sizes (`n * size <= limit` from `n <= limit / size`) need.

use z3::ast::{Bool, Int};

/// Products that are compared with each other; of more, only what holds of each alone is said.
const MOST_COMPARED: usize = 12;

#[derive(Default)]
pub(crate) struct Products {
    all: Vec<Product>,
    /// Of so many the lemmas were given out.
    said: usize,
}

struct Product {
    factors: [Int; 2],
    value: Int,
}

fn number(value: i64) -> Int {
    Int::from_i64(value)
}

fn plus(a: &Int, b: &Int) -> Int {
    Int::add(&[a, b])
}

fn implies(premises: &[Bool], conclusion: &Bool) -> Bool {
    Bool::and(premises).implies(conclusion)
}

impl Products {
    /// The number that stands for the product; one for both orders.
    pub(crate) fn of(&mut self, a: &Int, b: &Int) -> Int {
        let same = |p: &&Product| {
            let [x, y] = &p.factors;
            x.ast_eq(a) && y.ast_eq(b) || x.ast_eq(b) && y.ast_eq(a)
        };
        if let Some(known) = self.all.iter().find(same) {
            return known.value.clone();
        }
        let value = Int::new_const(format!("product.{}", self.all.len()));
        self.all.push(Product {
            factors: [a.clone(), b.clone()],
            value: value.clone(),
        });
        value
    }

    /// That the numbers are the products.
    pub(crate) fn definitions(&self) -> Vec<Bool> {
        let define = |p: &Product| {
            let [a, b] = &p.factors;
            p.value.eq(Int::mul(&[a, b]))
        };
        self.all.iter().map(define).collect()
    }

    /// What is linear in those that are new.
    pub(crate) fn new_lemmas(&mut self) -> Vec<Bool> {
        let mut lemmas = Vec::new();
        let first = std::mem::replace(&mut self.said, self.all.len());
        for (number, product) in self.all.iter().enumerate().skip(first) {
            product.alone(&mut lemmas);
            if number < MOST_COMPARED {
                for other in &self.all[..number] {
                    product.beside(other, &mut lemmas);
                }
            }
        }
        lemmas
    }
}

impl Product {
    fn alone(&self, lemmas: &mut Vec<Bool>) {
        let value = &self.value;
        let [a, b] = &self.factors;
        let (zero, one) = (number(0), number(1));
        for (x, y) in [(a, b), (b, a)] {
            lemmas.push(x.eq(&zero).implies(value.eq(&zero)));
            lemmas.push(x.eq(&one).implies(value.eq(y)));
            lemmas.push(implies(&[x.ge(&one), y.ge(&one)], &value.ge(x)));
            lemmas.push(implies(&[x.ge(&zero), y.le(&zero)], &value.le(&zero)));
        }
        lemmas.push(implies(&[a.ge(&zero), b.ge(&zero)], &value.ge(&zero)));
        lemmas.push(implies(&[a.le(&zero), b.le(&zero)], &value.ge(&zero)));
    }

    fn beside(&self, other: &Product, lemmas: &mut Vec<Bool>) {
        let [a, b] = &self.factors;
        let [c, d] = &other.factors;
        let zero = number(0);
        let mut shares = false;
        for ((x, common), (y, its)) in [
            ((a, b), (c, d)),
            ((a, b), (d, c)),
            ((b, a), (c, d)),
            ((b, a), (d, c)),
        ] {
            if !common.ast_eq(its) {
                continue;
            }
            shares = true;
            for ((small, less), (large, more)) in [((x, self), (y, other)), ((y, other), (x, self))] {
                let natural = common.ge(&zero);
                lemmas.push(implies(
                    &[natural.clone(), small.le(large)],
                    &less.value.le(&more.value),
                ));
                lemmas.push(implies(
                    &[natural, small.lt(large)],
                    &plus(&less.value, common).le(&more.value),
                ));
            }
        }
        if shares {
            return;
        }
        for (e, f) in [(c, d), (d, c)] {
            let natural = [a.ge(&zero), b.ge(&zero), e.ge(&zero), f.ge(&zero)];
            let below = [a.le(e), b.le(f)];
            let above = [a.ge(e), b.ge(f)];
            let with = |order: &[Bool; 2]| [natural.as_slice(), order.as_slice()].concat();
            lemmas.push(implies(&with(&below), &self.value.le(&other.value)));
            lemmas.push(implies(&with(&above), &self.value.ge(&other.value)));
        }
    }
}

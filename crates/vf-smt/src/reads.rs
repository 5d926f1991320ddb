//! Reads of arrays as variables, so that formulas whose arrays are only read are bit-vectors alone.
//!
//! Each `select(a, i)` becomes a variable of its own; for every two reads of one array, equal places have equal
//! elements (Ackermann, *Solvable Cases of the Decision Problem*, 1954; Kroening and Strichman, *Decision
//! Procedures*, 4.2.1). That is equisatisfiable where no array is stored to or compared, and quadratic in the
//! reads: beyond [`MANY`] pairs the solver for arrays does better.

use crate::tables::{HashMap, HashSet};

use z3::ast::{BV, Bool};

use crate::term::{Sort, Term, Terms, View};

/// Pairs of reads that may meet, at most.
const MANY: u64 = 3_000;

/// How formulas use arrays, all that were ever looked at taken together.
#[derive(Default)]
pub(crate) struct ArrayUse {
    seen: HashSet<Term>,
    /// An array is stored to, compared or chosen.
    whole: bool,
    /// Reads of each array at constants and elsewhere.
    reads: HashMap<Term, (u64, u64)>,
}

impl ArrayUse {
    /// Walks what no earlier call has seen.
    pub(crate) fn look_at(&mut self, terms: &Terms, formulas: &[Term]) {
        let mut pending: Vec<Term> = formulas.to_vec();
        while let Some(term) = pending.pop() {
            if !self.seen.insert(term) {
                continue;
            }
            match terms.view(term) {
                View::Select(array, index) if matches!(terms.view(array), View::Var { .. }) => {
                    let (constants, others) = self.reads.entry(array).or_default();
                    match terms.as_bv(index) {
                        Some(_) => *constants += 1,
                        None => *others += 1,
                    }
                    pending.push(index);
                }
                view => {
                    self.whole |= matches!(terms.sort(term), Sort::Array { .. });
                    pending.extend(view.children());
                }
            }
        }
    }

    /// Whether the formulas need a solver that knows arrays.
    pub(crate) fn needs_arrays(&self) -> bool {
        let pairs =
            |(constants, others): &(u64, u64)| others * others.saturating_sub(1) / 2 + others * constants;
        self.whole || self.reads.values().map(pairs).sum::<u64>() > MANY
    }
}

/// One read: the place as a term and as an expression, and the variable that stands for the element.
pub(crate) struct Read {
    pub(crate) place: Term,
    pub(crate) index: BV,
    pub(crate) value: BV,
}

/// The variables that stand for elements, and what must hold of them.
#[derive(Default)]
pub(crate) struct Reads {
    of: HashMap<Term, Vec<Read>>,
    count: usize,
    /// Equal places have equal elements; only ever appended to.
    pub(crate) congruences: Vec<Bool>,
}

impl Reads {
    /// The variable for an element that was not read before.
    pub(crate) fn read(&mut self, terms: &Terms, array: Term, place: Term, index: &BV, bits: u32) -> BV {
        let value = BV::new_const(format!("r{}", self.count), bits);
        self.count += 1;
        let reads = self.of.entry(array).or_default();
        for other in reads
            .iter()
            .filter(|other| !terms.known_different(other.place, place))
        {
            let same_place = index.eq(&other.index);
            self.congruences.push(same_place.implies(value.eq(&other.value)));
        }
        reads.push(Read {
            place,
            index: index.clone(),
            value: value.clone(),
        });
        value
    }

    pub(crate) fn of(&self, array: Term) -> &[Read] {
        self.of.get(&array).map_or(&[], Vec::as_slice)
    }
}

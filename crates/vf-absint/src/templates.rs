//! Candidates for one loop: bounds found by the interval analysis, the loop's conditions weakened by one step,
//! and forms filled in with what the loop compares.
//!
//! Each candidate has a rank; those of lower rank come first and survive the cut at
//! [`MAX_CANDIDATES`](crate::MAX_CANDIDATES). Within a rank the order is the order of appearance in the program.

use vf_source::tables::HashSet;

use vf_ir::{BinaryOp, CompareOp, Expr, LocalId, Resize};

use crate::analysis::{State, register_bits};
use crate::expression::{
    Atom, binary, compare, either, is_signed, is_zero, plus, registers, signed_constant, size,
};
use crate::facts::{LoopFacts, Surroundings, bare_registers, resized_registers};
use crate::interval::{MAX_BITS, whole};
use crate::{Candidate, Induction, MAX_CANDIDATES, Origin};

/// Bounds of inner loops that are looked at, and lengths that each is compared with, at most.
const INNER_BOUNDS: usize = 4;
const INNER_LENGTHS: usize = 6;

/// Conditions larger than this are left out.
const MAX_CONDITION: usize = 26;

/// How soon a candidate is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Intervals, weakened guards, counters in step: most proofs need one of these.
    First,
    /// A changed register against what the loop compares, under the reading of its type.
    Likely,
    /// Forms that hold also where the loop is not entered at all; the exact start.
    Entry,
    /// Expressions over a changed register, and the other reading.
    Possible,
    /// Constants and strict orders.
    Rare,
}

pub(crate) fn candidates(
    around: &Surroundings,
    facts: &LoopFacts,
    intervals: Option<&State>,
) -> Vec<Candidate> {
    let mut list = List {
        around,
        facts,
        found: Vec::new(),
        seen: HashSet::default(),
    };
    list.interval_bounds(intervals);
    list.weakened_guards();
    list.counters_in_step();
    list.bounds_of_inner_loops();
    list.congruences();
    list.bounds_by_operands();
    list.bounds_by_start();
    list.bounds_by_constants();
    // A stable sort: equal ranks keep the order above.
    list.found.sort_by_key(|(rank, _)| *rank);
    list.found.truncate(MAX_CANDIDATES);
    list.found.into_iter().map(|(_, candidate)| candidate).collect()
}

struct List<'a> {
    around: &'a Surroundings<'a>,
    facts: &'a LoopFacts,
    found: Vec<(Rank, Candidate)>,
    seen: HashSet<Expr>,
}

impl List<'_> {
    /// Adds a condition that says something about what the loop changes.
    fn add(&mut self, rank: Rank, condition: Expr, origin: Origin) {
        let changes = registers(&condition)
            .iter()
            .any(|l| self.facts.changed.contains(l));
        if changes
            && self.facts.is_meaningful(&condition)
            && size(&condition) <= MAX_CONDITION
            && self.seen.insert(condition.clone())
        {
            self.found.push((rank, Candidate { condition, origin }));
        }
    }

    /// Adds `lhs op rhs` where the widths agree and it is not true of all values.
    fn add_compare(&mut self, rank: Rank, op: CompareOp, lhs: &Expr, rhs: &Expr, origin: Origin) {
        let (Some(a), Some(b)) = (self.around.bits(lhs), self.around.bits(rhs)) else {
            return;
        };
        if a != b || lhs == rhs || is_trivial(op, a, lhs, rhs) {
            return;
        }
        self.add(rank, compare(op, lhs.clone(), rhs.clone()), origin);
    }

    /// `low <= x` and `x <= high` under each reading that the analysis has bounds of.
    fn interval_bounds(&mut self, intervals: Option<&State>) {
        let Some(state) = intervals else { return };
        for &local in &self.facts.changed {
            let Some(value) = state.get(&local).filter(|v| !v.is_empty()) else {
                continue;
            };
            let x = Expr::Local(local);
            for signed in [self.around.is_signed(local), !self.around.is_signed(local)] {
                let (range, all) = (value.reading(signed), whole(value.bits, signed));
                let at_most = if signed {
                    CompareOp::SLessEqual
                } else {
                    CompareOp::ULessEqual
                };
                if range.low > all.low {
                    let low = Expr::int(value.bits, range.low);
                    self.add_compare(Rank::First, at_most, &low, &x, Origin::Interval);
                }
                if range.high < all.high {
                    let high = Expr::int(value.bits, range.high);
                    self.add_compare(Rank::First, at_most, &x, &high, Origin::Interval);
                }
            }
        }
    }

    /// While `i < n` holds where the loop goes on, `i <= n` holds at the header after a step of one.
    fn weakened_guards(&mut self) {
        for atom in self.facts.guards.clone() {
            let Some(bits) = self.around.bits(&atom.lhs).filter(|b| *b <= MAX_BITS) else {
                continue;
            };
            match atom.op {
                CompareOp::ULess | CompareOp::SLess => self.weakened_less(&atom, bits),
                CompareOp::ULessEqual | CompareOp::SLessEqual => self.weakened_at_most(&atom, bits),
                CompareOp::NotEqual => {
                    for op in self.readings(&atom.lhs) {
                        self.add_compare(Rank::First, op, &atom.lhs, &atom.rhs, Origin::Guard);
                        self.add_compare(Rank::First, op, &atom.rhs, &atom.lhs, Origin::Guard);
                        self.unless_not_entered(op, &atom.lhs, &atom.rhs);
                        self.unless_not_entered(op, &atom.rhs, &atom.lhs);
                    }
                }
                CompareOp::Equal => self.add(Rank::Possible, atom.to_expr(), Origin::Guard),
            }
        }
    }

    /// From `l < r`: `l <= r`; with steps of k, `l <= r + (k - 1)`.
    fn weakened_less(&mut self, atom: &Atom, bits: u32) {
        let op = at_most(atom.op);
        self.add_compare(Rank::First, op, &atom.lhs, &atom.rhs, Origin::Guard);
        self.unless_not_entered(op, &atom.lhs, &atom.rhs);
        for k in self.strides(&atom.lhs, &atom.rhs) {
            let further = plus(&atom.rhs, bits, k - 1);
            self.add_compare(Rank::Likely, op, &atom.lhs, &further, Origin::Guard);
        }
        // Where the test is at the loop's end, it has held at the header but for the first time.
        self.add(Rank::Entry, atom.to_expr(), Origin::Guard);
        self.unless_not_entered(atom.op, &atom.lhs, &atom.rhs);
    }

    /// From `l <= r`: `l <= r` or `l = r + 1`, which is `l <= r + 1` where that does not wrap.
    fn weakened_at_most(&mut self, atom: &Atom, bits: u32) {
        let signed = is_signed(atom.op);
        let all = whole(bits, signed);
        let next = plus(&atom.rhs, bits, 1);
        let last = compare(CompareOp::Equal, atom.lhs.clone(), next.clone());
        self.add(Rank::First, either(atom.to_expr(), last), Origin::Guard);
        if let Some(bound) = reading(&atom.rhs, signed)
            && bound < all.high
        {
            self.add_compare(Rank::First, atom.op, &atom.lhs, &next, Origin::Guard);
        }
        if let Some(bound) = reading(&atom.lhs, signed)
            && bound > all.low
        {
            let before = plus(&atom.lhs, bits, -1);
            self.add_compare(Rank::First, atom.op, &before, &atom.rhs, Origin::Guard);
        }
        for k in self.strides(&atom.lhs, &atom.rhs) {
            let further = plus(&atom.rhs, bits, k);
            self.add_compare(Rank::Likely, atom.op, &atom.lhs, &further, Origin::Guard);
        }
        self.add_compare(Rank::Entry, atom.op, &atom.lhs, &atom.rhs, Origin::Guard);
        self.unless_not_entered(atom.op, &atom.lhs, &atom.rhs);
    }

    /// `l op r`, or the loop has not made a step yet: `i <= n || i == 0` holds for a negative n too.
    fn unless_not_entered(&mut self, op: CompareOp, lhs: &Expr, rhs: &Expr) {
        let holds = compare(op, lhs.clone(), rhs.clone());
        for local in registers(&holds) {
            if let Some(start) = self.facts.initial.get(&local).cloned() {
                let at_start = compare(CompareOp::Equal, Expr::Local(local), start);
                self.add(
                    Rank::Entry,
                    either(holds.clone(), at_start),
                    Origin::Template("not-entered"),
                );
            }
        }
    }

    /// Whoever went round once has been through the loops inside, to their bounds: where these index arrays all the way, the bounds
    /// are at most their lengths. `i == i0 || n <= length`.
    fn bounds_of_inner_loops(&mut self) {
        let lengths: Vec<i128> = self.around.lengths.iter().map(|n| i128::from(*n)).collect();
        let counters: Vec<(LocalId, Expr)> = self
            .facts
            .inductions
            .iter()
            .filter_map(|i| Some((i.local, self.facts.initial.get(&i.local)?.clone())))
            .collect();
        for (op, bound) in self
            .facts
            .inner_bounds
            .iter()
            .take(INNER_BOUNDS)
            .cloned()
            .collect::<Vec<_>>()
        {
            let Some(bits) = self.around.bits(&bound).filter(|b| *b <= MAX_BITS) else {
                continue;
            };
            // From `i < n`: `n <= length`; from `i <= n`: `n < length`.
            let reversed = if at_most(op) == op {
                strict(op)
            } else {
                at_most(op)
            };
            let fits = |length: &&i128| **length <= whole(bits, is_signed(op)).high;
            for length in lengths.iter().filter(fits).take(INNER_LENGTHS) {
                let fits = compare(reversed, bound.clone(), Expr::int(bits, *length));
                for (counter, start) in &counters {
                    let first = compare(CompareOp::Equal, Expr::Local(*counter), start.clone());
                    let condition = either(fits.clone(), first);
                    self.add(Rank::Entry, condition, Origin::Template("inner-bound"));
                }
            }
        }
    }

    /// Magnitudes above 1 of the constant steps of registers in a comparison.
    fn strides(&self, lhs: &Expr, rhs: &Expr) -> Vec<i128> {
        let mut strides: Vec<i128> = Vec::new();
        for local in registers(lhs).into_iter().chain(registers(rhs)) {
            if let Some(induction) = self.facts.induction(local) {
                strides.extend(
                    induction
                        .steps
                        .iter()
                        .map(|s| s.saturating_abs())
                        .filter(|k| *k > 1),
                );
            }
        }
        strides.sort_unstable();
        strides.dedup();
        strides.truncate(2);
        strides
    }

    /// The orders `<=` of an expression: first under the reading of its registers' type.
    fn readings(&self, expr: &Expr) -> [CompareOp; 2] {
        if registers(expr).iter().any(|l| self.around.is_signed(*l)) {
            [CompareOp::SLessEqual, CompareOp::ULessEqual]
        } else {
            [CompareOp::ULessEqual, CompareOp::SLessEqual]
        }
    }

    /// Two registers that change by constants: what one has gained tells what the other has.
    fn counters_in_step(&mut self) {
        let inductions = &self.facts.inductions;
        let mut found = Vec::new();
        for (i, a) in inductions.iter().enumerate() {
            for b in &inductions[i + 1..] {
                self.relate(a, b, &mut found);
            }
        }
        for (rank, condition, name) in found {
            self.add(rank, condition, Origin::Template(name));
        }
    }

    fn relate(&self, a: &Induction, b: &Induction, found: &mut Vec<(Rank, Expr, &'static str)>) {
        let (Some(gain_a), Some(gain_b)) = (self.gain(a), self.gain(b)) else {
            return;
        };
        let Some((gain_a, gain_b, bits)) = self.same_width(a.local, gain_a, b.local, gain_b) else {
            return;
        };
        if let ([step_a], [step_b], true) = (
            a.steps.as_slice(),
            b.steps.as_slice(),
            a.every_iteration && b.every_iteration,
        ) {
            // gain_a / step_a = gain_b / step_b, without division
            let left = scaled(gain_a.clone(), bits, *step_b);
            let right = scaled(gain_b.clone(), bits, *step_a);
            found.push((Rank::First, compare(CompareOp::Equal, left, right), "in-step"));
            // The same said by the number of rounds, which does not wrap where the products would.
            for ((gain, step), (other, by)) in [
                ((&gain_a, *step_a), (&gain_b, *step_b)),
                ((&gain_b, *step_b), (&gain_a, *step_a)),
            ] {
                if step > 1 && by > 1 && step != by && by % step != 0 {
                    let rounds = binary(BinaryOp::UDiv, gain.clone(), Expr::int(bits, step));
                    let same = compare(CompareOp::Equal, other.clone(), scaled(rounds, bits, by));
                    found.push((Rank::First, same, "rounds"));
                }
            }
            return;
        }
        let rises = |i: &Induction| i.steps.iter().all(|s| *s > 0);
        if rises(a) && rises(b) {
            for (slow, fast) in [(&gain_a, &gain_b), (&gain_b, &gain_a)] {
                let order = compare(CompareOp::ULessEqual, slow.clone(), fast.clone());
                found.push((Rank::Likely, order, "gains-less"));
            }
        }
    }

    /// How much a counter has gained since the loop was entered.
    fn gain(&self, induction: &Induction) -> Option<Expr> {
        let bits = register_bits(self.around.function, induction.local)?;
        let start = self.facts.initial.get(&induction.local)?;
        let x = Expr::Local(induction.local);
        Some(match signed_constant(start) {
            Some(constant) => plus(&x, bits, constant.wrapping_neg()),
            None => binary(BinaryOp::Sub, x, start.clone()),
        })
    }

    /// Two gains in the wider of their widths.
    fn same_width(&self, a: LocalId, gain_a: Expr, b: LocalId, gain_b: Expr) -> Option<(Expr, Expr, u32)> {
        let (bits_a, bits_b) = (self.around.bits(&gain_a)?, self.around.bits(&gain_b)?);
        let bits = bits_a.max(bits_b);
        let widen = |local: LocalId, gain: Expr, from: u32| {
            let kind = if self.around.is_signed(local) {
                Resize::SignExtend
            } else {
                Resize::ZeroExtend
            };
            if from == bits {
                gain
            } else {
                Expr::Resize {
                    kind,
                    bits,
                    arg: Box::new(gain),
                }
            }
        };
        Some((widen(a, gain_a, bits_a), widen(b, gain_b, bits_b), bits))
    }

    /// A counter that moves in steps of k stays a multiple of k away from its start.
    fn congruences(&mut self) {
        for induction in self.facts.inductions.clone() {
            let divisor = induction.steps.iter().fold(0, |g, s| gcd(g, s.unsigned_abs()));
            let (Some(bits), Some(gain)) = (
                register_bits(self.around.function, induction.local),
                self.gain(&induction),
            ) else {
                continue;
            };
            let Ok(number) = i128::try_from(divisor) else {
                continue;
            };
            if number < 2 || number > whole(bits, true).high {
                continue;
            }
            let rest = if divisor.is_power_of_two() {
                binary(BinaryOp::And, gain, Expr::int(bits, number - 1))
            } else {
                binary(BinaryOp::URem, gain, Expr::int(bits, number))
            };
            let condition = compare(CompareOp::Equal, rest, Expr::int(bits, 0));
            self.add(Rank::Likely, condition, Origin::Congruence);
        }
    }

    /// Each changed register, and each way in which the loop widens one, against everything of its width that the
    /// loop compares or indexes with, and against the function's other operands that the loop does not change.
    fn bounds_by_operands(&mut self) {
        let mut others: Vec<Expr> = Vec::new();
        for operand in self.facts.operands.iter().chain(&self.around.operands) {
            others.extend(resized_registers(operand));
            others.extend(bare_registers(operand, self.around.function));
            others.push(operand.clone());
        }
        let mut seen = HashSet::default();
        others.retain(|e| seen.insert(e.clone()) && self.facts.is_meaningful(e));
        let subjects: Vec<Expr> = others
            .iter()
            .filter(|e| !self.facts.is_fixed(e))
            .cloned()
            .collect();
        for subject in &subjects {
            let bare = matches!(subject, Expr::Local(_));
            for other in others.iter().filter(|other| *other != subject) {
                // Two changed expressions meet twice in these loops; each order is added once.
                let [natural, unnatural] = self.readings(subject);
                let simple = bare && matches!(other, Expr::Local(_) | Expr::Resize { .. });
                let rank = if simple { Rank::Likely } else { Rank::Possible };
                self.add_compare(rank, natural, subject, other, Origin::Zone);
                self.add_compare(rank, natural, other, subject, Origin::Zone);
                self.add_compare(Rank::Possible, unnatural, subject, other, Origin::Zone);
                if simple && self.facts.is_fixed(other) {
                    self.add_compare(Rank::Rare, strict(natural), subject, other, Origin::Zone);
                    self.add_compare(Rank::Rare, CompareOp::Equal, subject, other, Origin::Zone);
                }
            }
        }
    }

    /// A register against its own value before the loop, which may be another register's.
    fn bounds_by_start(&mut self) {
        for (local, start) in self.facts.initial.clone() {
            let x = Expr::Local(local);
            for op in self.readings(&x) {
                let rank = if is_zero(&start) { Rank::First } else { Rank::Entry };
                self.add_compare(rank, op, &start, &x, Origin::Start);
                self.add_compare(Rank::Entry, op, &x, &start, Origin::Start);
            }
            self.add_compare(Rank::Possible, CompareOp::Equal, &x, &start, Origin::Start);
        }
    }

    /// A register against lengths of arrays, constants of the guards, and zero.
    fn bounds_by_constants(&mut self) {
        let mut constants: Vec<i128> = Vec::new();
        for atom in &self.facts.guards {
            for side in [&atom.lhs, &atom.rhs] {
                constants.extend(signed_constant(side).into_iter().flat_map(|c| [c, c - 1, c + 1]));
            }
        }
        constants.extend(
            self.around
                .lengths
                .iter()
                .flat_map(|n| [i128::from(*n), i128::from(*n) - 1]),
        );
        constants.push(0);
        let mut seen = HashSet::default();
        constants.retain(|c| seen.insert(*c));
        for &local in &self.facts.changed {
            let Some(bits) = register_bits(self.around.function, local) else {
                continue;
            };
            let x = Expr::Local(local);
            let [natural, _] = self.readings(&x);
            for &constant in constants
                .iter()
                .filter(|c| whole(bits, is_signed(natural)).low <= **c)
            {
                if constant > whole(bits, is_signed(natural)).high {
                    continue;
                }
                let value = Expr::int(bits, constant);
                let below = if constant == 0 { Rank::Likely } else { Rank::Rare };
                self.add_compare(below, natural, &value, &x, Origin::Template("constant-bound"));
                self.add_compare(
                    Rank::Rare,
                    natural,
                    &x,
                    &value,
                    Origin::Template("constant-bound"),
                );
            }
        }
    }
}

fn at_most(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::ULess => CompareOp::ULessEqual,
        CompareOp::SLess => CompareOp::SLessEqual,
        other => other,
    }
}

fn strict(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::ULessEqual => CompareOp::ULess,
        CompareOp::SLessEqual => CompareOp::SLess,
        other => other,
    }
}

/// A constant's value under a reading.
fn reading(expr: &Expr, signed: bool) -> Option<i128> {
    match expr {
        Expr::Int { value, .. } if !signed => i128::try_from(*value).ok(),
        _ => signed_constant(expr),
    }
}

/// True of all values, or of constants only.
fn is_trivial(op: CompareOp, bits: u32, lhs: &Expr, rhs: &Expr) -> bool {
    let signed = is_signed(op);
    let all = whole(bits, signed);
    let (left, right) = (reading(lhs, signed), reading(rhs, signed));
    let order = matches!(op, CompareOp::ULessEqual | CompareOp::SLessEqual);
    left.is_some() && right.is_some() || order && (left == Some(all.low) || right == Some(all.high))
}

fn scaled(expr: Expr, bits: u32, factor: i128) -> Expr {
    if factor == 1 {
        expr
    } else {
        binary(BinaryOp::Mul, expr, Expr::int(bits, factor))
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    let (mut a, mut b) = (a, b);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

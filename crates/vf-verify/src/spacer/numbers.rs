//! Expressions over registers as sums and formulas over a rule's variables.
//!
//! A register's value is the integer that its declared type reads from it. Signed arithmetic is exact, and so is unsigned
//! arithmetic below zero; that a sum may pass the upper end is left out, as the checks mostly exclude it and
//! numbers of that size help nobody to find an invariant. What is not linear becomes a number of which only bounds are known.

use vf_source::tables::HashMap;

use vf_ir::{BinaryOp, CompareOp, Expr, Function, LocalId, Program, Resize, Ty, UnaryOp};
use vf_smt::horn::{Formula, Kind, Linear, Variable};

use super::addresses::{Addresses, Root};

/// Unknown values of at most so many bits are given their bounds.
const NARROW: u32 = 16;
/// Expressions nested deeper are unknown.
const DEEPEST: u32 = 100;

#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// As the register's declared type reads it.
    Number(Linear),
    Truth(Formula),
    /// Bytes from the register's root.
    Offset(Linear),
}

/// What is known of registers at one place; the others have any value.
pub type State = HashMap<LocalId, Value>;

/// The variables of one region, and what holds of them.
pub struct Numbers<'p> {
    pub program: &'p Program,
    pub function: &'p Function,
    pub addresses: &'p Addresses,
    pub variables: Vec<Kind>,
    pub facts: Vec<Formula>,
    depth: u32,
}

/// `a <= b`.
pub fn at_most(a: &Linear, b: &Linear) -> Formula {
    difference(a, b).map_or(Formula::Constant(true), |d| match d.as_constant() {
        Some(value) => Formula::Constant(value <= 0),
        None => Formula::AtMostZero(d),
    })
}

/// `a < b`.
pub fn less(a: &Linear, b: &Linear) -> Formula {
    at_most(&a.plus_scaled(1, &Linear::constant(1)).unwrap_or_default(), b)
}

pub fn equal(a: &Linear, b: &Linear) -> Formula {
    difference(a, b).map_or(Formula::Constant(true), |d| match d.as_constant() {
        Some(value) => Formula::Constant(value == 0),
        None => Formula::IsZero(d),
    })
}

fn difference(a: &Linear, b: &Linear) -> Option<Linear> {
    a.plus_scaled(-1, b)
}

pub fn all(parts: Vec<Formula>) -> Formula {
    if parts.contains(&Formula::Constant(false)) {
        return Formula::Constant(false);
    }
    let mut parts: Vec<Formula> = parts
        .into_iter()
        .filter(|p| *p != Formula::Constant(true))
        .collect();
    match parts.len() {
        0 => Formula::Constant(true),
        1 => parts.remove(0),
        _ => Formula::All(parts),
    }
}

pub fn any(parts: Vec<Formula>) -> Formula {
    all(parts.into_iter().map(Formula::negated).collect()).negated()
}

pub fn implies(premise: &Formula, conclusion: Formula) -> Formula {
    any(vec![premise.clone().negated(), conclusion])
}

/// `2^bits`; widths beyond 64 are not exact, and need not be.
fn power(bits: u32) -> Linear {
    Linear::constant(1i128 << bits.min(100))
}

impl<'p> Numbers<'p> {
    pub fn new(program: &'p Program, function: &'p Function, addresses: &'p Addresses) -> Numbers<'p> {
        Numbers {
            program,
            function,
            addresses,
            variables: Vec::new(),
            facts: Vec::new(),
            depth: 0,
        }
    }

    pub fn variable(&mut self, kind: Kind) -> Variable {
        self.variables.push(kind);
        self.variables.len() - 1
    }

    pub fn free(&mut self) -> Linear {
        Linear::variable(self.variable(Kind::Number))
    }

    pub fn free_truth(&mut self) -> Formula {
        Formula::Truth(self.variable(Kind::Truth))
    }

    pub fn fact(&mut self, fact: Formula) {
        if fact != Formula::Constant(true) {
            self.facts.push(fact);
        }
    }

    /// Any value of a type.
    pub fn unknown(&mut self, bits: u32, signed: bool) -> Linear {
        let value = self.free();
        let (low, high) = bounds(bits, signed);
        if !signed || bits <= NARROW {
            self.fact(at_most(&Linear::constant(low), &value));
        }
        if bits <= NARROW {
            self.fact(at_most(&value, &Linear::constant(high)));
        }
        value
    }

    /// A formula as an atom, so that it can be used often.
    pub fn named(&mut self, formula: Formula) -> Formula {
        if formula.is_atom() {
            return formula;
        }
        let name = self.free_truth();
        self.fact(implies(&name, formula.clone()));
        self.fact(implies(&name.clone().negated(), formula.negated()));
        name
    }

    pub fn choice(&mut self, condition: Formula, then: Linear, otherwise: Linear) -> Linear {
        match condition {
            Formula::Constant(true) => return then,
            Formula::Constant(false) => return otherwise,
            _ if then == otherwise => return then,
            _ => {}
        }
        let value = self.free();
        let condition = self.named(condition);
        self.fact(implies(&condition, equal(&value, &then)));
        self.fact(implies(&condition.negated(), equal(&value, &otherwise)));
        value
    }

    pub fn bits(&self, expr: &Expr) -> u32 {
        match expr.ty(self.function, self.program.model) {
            Ty::Int(bits) => bits,
            Ty::Ptr | Ty::Float(_) => self.program.model.pointer_bits(),
        }
    }

    pub fn is_signed(&self, local: LocalId) -> bool {
        let local = self.function.locals.get(local.index());
        local.is_some_and(|l| l.ty.is_signed())
    }

    /// A number under the other reading.
    fn reread(&mut self, value: Linear, bits: u32, from: bool, to: bool) -> Linear {
        if from == to || !from {
            return value;
        }
        self.not_below_zero(value, bits)
    }

    /// `value`, or what it wraps to.
    fn not_below_zero(&mut self, value: Linear, bits: u32) -> Linear {
        let wrapped = value.plus_scaled(1, &power(bits)).unwrap_or_default();
        let fits = at_most(&Linear::default(), &value);
        self.choice(fits, value, wrapped)
    }

    /// An integer expression of more than one bit, or any expression as a number.
    pub fn number(&mut self, state: &mut State, expr: &Expr, signed: bool) -> Linear {
        let bits = self.bits(expr);
        if self.depth > DEEPEST {
            return self.unknown(bits, signed);
        }
        self.depth += 1;
        let value = self.number_of(state, expr, bits, signed);
        self.depth -= 1;
        value.unwrap_or_else(|| self.unknown(bits, signed))
    }

    fn number_of(&mut self, state: &mut State, expr: &Expr, bits: u32, signed: bool) -> Option<Linear> {
        if bits == 1 {
            let truth = self.truth(state, expr);
            let one = Linear::constant(if signed { -1 } else { 1 });
            return Some(self.choice(truth, one, Linear::default()));
        }
        match expr {
            Expr::Int { value, .. } => {
                let value = i128::try_from(*value).ok()?;
                let (_, high) = bounds(bits, signed);
                Some(Linear::constant(if value > high && bits < 100 {
                    value - (1i128 << bits)
                } else {
                    value
                }))
            }
            Expr::Local(local) => {
                let declared = self.is_signed(*local);
                let value = match state.get(local) {
                    Some(Value::Number(value)) => value.clone(),
                    _ => {
                        let value = self.unknown(bits, declared);
                        state.insert(*local, Value::Number(value.clone()));
                        value
                    }
                };
                Some(self.reread(value, bits, declared, signed))
            }
            Expr::Unary {
                op: UnaryOp::Neg,
                arg,
            } => {
                let value = self.number(state, arg, signed).scaled(-1)?;
                Some(self.fitted(value, bits, signed))
            }
            Expr::Unary { op: UnaryOp::Not, .. } => None,
            Expr::Binary { op, lhs, rhs } => self.binary(state, *op, lhs, rhs, bits, signed),
            Expr::Resize { kind, bits, arg } => self.resized(state, *kind, *bits, arg, signed),
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.truth(state, condition);
                let then = self.number(state, then, signed);
                let otherwise = self.number(state, otherwise, signed);
                Some(self.choice(condition, then, otherwise))
            }
            Expr::PtrDiff { lhs, rhs, scale } => {
                let (root, left) = self.address(state, lhs)?;
                let (other, right) = self.address(state, rhs)?;
                let bytes = difference(&left, &right).filter(|_| root == other)?;
                let quotient = self.quotient(bytes, i128::from((*scale).max(1)));
                Some(self.reread(quotient, bits, true, signed))
            }
            _ => None,
        }
    }

    /// The result of arithmetic: exact, but for unsigned results below zero.
    fn fitted(&mut self, value: Linear, bits: u32, signed: bool) -> Linear {
        let rises = value.constant >= 0 && value.terms.iter().all(|(_, c)| *c >= 0);
        if signed || rises {
            return value;
        }
        self.not_below_zero(value, bits)
    }

    fn binary(
        &mut self,
        state: &mut State,
        op: BinaryOp,
        lhs: &Expr,
        rhs: &Expr,
        bits: u32,
        signed: bool,
    ) -> Option<Linear> {
        let constant = vf_absint::expression::signed_constant(rhs);
        match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let a = self.number(state, lhs, signed);
                // Adding a large constant is taking off a small one.
                let b = match constant {
                    Some(value) => Linear::constant(value),
                    None => self.number(state, rhs, signed),
                };
                let sum = a.plus_scaled(if op == BinaryOp::Add { 1 } else { -1 }, &b)?;
                Some(self.fitted(sum, bits, signed))
            }
            BinaryOp::Mul => {
                let a = self.number(state, lhs, signed);
                let b = self.number(state, rhs, signed);
                let product = match (a.as_constant(), b.as_constant()) {
                    (Some(factor), _) => b.scaled(factor)?,
                    (None, Some(factor)) => a.scaled(factor)?,
                    (None, None) => return None,
                };
                Some(self.fitted(product, bits, signed))
            }
            BinaryOp::Shl => {
                let factor = 1i128 << constant.filter(|c| (0..64).contains(c))?;
                let value = self.number(state, lhs, signed).scaled(factor)?;
                Some(self.fitted(value, bits, signed))
            }
            BinaryOp::UDiv => {
                let a = self.number(state, lhs, false);
                Some(self.quotient(a, constant.filter(|c| *c > 0)?))
            }
            BinaryOp::LShr => {
                let a = self.number(state, lhs, false);
                Some(self.quotient(a, 1i128 << constant.filter(|c| (0..64).contains(c))?))
            }
            BinaryOp::AShr => {
                let a = self.number(state, lhs, true);
                let quotient = self.quotient(a, 1i128 << constant.filter(|c| (0..64).contains(c))?);
                Some(self.reread(quotient, bits, true, signed))
            }
            BinaryOp::SDiv => {
                let a = self.number(state, lhs, true);
                let quotient = self.truncated_quotient(a, constant.filter(|c| *c > 0)?);
                Some(self.reread(quotient, bits, true, signed))
            }
            BinaryOp::URem => {
                let a = self.number(state, lhs, false);
                self.remainder(a, constant.filter(|c| *c > 0)?)
            }
            BinaryOp::SRem => {
                let a = self.number(state, lhs, true);
                let divisor = constant.filter(|c| *c > 0)?;
                let quotient = self.truncated_quotient(a.clone(), divisor);
                let rest = a.plus_scaled(-divisor, &quotient)?;
                Some(self.reread(rest, bits, true, signed))
            }
            BinaryOp::And => {
                let mask = constant.filter(|c| *c >= 0)?;
                let a = self.number(state, lhs, false);
                if (mask + 1).count_ones() == 1 {
                    return self.remainder(a, mask + 1);
                }
                let value = self.free();
                self.fact(at_most(&Linear::default(), &value));
                self.fact(at_most(&value, &Linear::constant(mask)));
                self.fact(at_most(&value, &a));
                Some(value)
            }
            BinaryOp::Or | BinaryOp::Xor => None,
        }
    }

    /// `value / divisor`, rounded down.
    fn quotient(&mut self, value: Linear, divisor: i128) -> Linear {
        if divisor == 1 {
            return value;
        }
        let quotient = self.free();
        let product = quotient.scaled(divisor).unwrap_or_default();
        self.fact(at_most(&product, &value));
        let next = product
            .plus_scaled(1, &Linear::constant(divisor))
            .unwrap_or_default();
        self.fact(less(&value, &next));
        quotient
    }

    /// `value / divisor`, rounded towards zero.
    fn truncated_quotient(&mut self, value: Linear, divisor: i128) -> Linear {
        let positive = at_most(&Linear::default(), &value);
        let down = self.quotient(value.clone(), divisor);
        let up_from = value.scaled(-1).unwrap_or_default();
        let up = self.quotient(up_from, divisor).scaled(-1).unwrap_or_default();
        self.choice(positive, down, up)
    }

    fn remainder(&mut self, value: Linear, divisor: i128) -> Option<Linear> {
        let quotient = self.quotient(value.clone(), divisor);
        value.plus_scaled(-divisor, &quotient)
    }

    fn resized(
        &mut self,
        state: &mut State,
        kind: Resize,
        to: u32,
        arg: &Expr,
        signed: bool,
    ) -> Option<Linear> {
        let from = self.bits(arg);
        match kind {
            Resize::ZeroExtend => Some(self.number(state, arg, false)),
            Resize::SignExtend => {
                let value = self.number(state, arg, true);
                Some(self.reread(value, to, true, signed))
            }
            // Wider values are taken to fit; bytes are often cut on purpose.
            Resize::Truncate => {
                let value = self.number(state, arg, signed);
                if to > NARROW || from <= to {
                    return Some(value);
                }
                let (low, high) = bounds(to, signed);
                let fits = all(vec![
                    at_most(&Linear::constant(low), &value),
                    at_most(&value, &Linear::constant(high)),
                ]);
                let other = self.unknown(to, signed);
                Some(self.choice(fits, value, other))
            }
        }
    }

    /// An `Int(1)`.
    pub fn truth(&mut self, state: &mut State, expr: &Expr) -> Formula {
        if self.depth > DEEPEST {
            return self.free_truth();
        }
        self.depth += 1;
        let found = self.truth_of(state, expr);
        self.depth -= 1;
        found.unwrap_or_else(|| self.free_truth())
    }

    fn truth_of(&mut self, state: &mut State, expr: &Expr) -> Option<Formula> {
        match expr {
            Expr::Int { value, .. } => Some(Formula::Constant(*value != 0)),
            Expr::Local(local) => match state.get(local) {
                Some(Value::Truth(truth)) => Some(truth.clone()),
                _ => {
                    let truth = self.free_truth();
                    state.insert(*local, Value::Truth(truth.clone()));
                    Some(truth)
                }
            },
            Expr::Unary {
                op: UnaryOp::Not,
                arg,
            } => Some(self.truth(state, arg).negated()),
            Expr::Binary { op, lhs, rhs } => {
                let parts = vec![self.truth(state, lhs), self.truth(state, rhs)];
                match op {
                    BinaryOp::And => Some(all(parts)),
                    BinaryOp::Or => Some(any(parts)),
                    _ => None,
                }
            }
            Expr::Compare { op, lhs, rhs } => self.compared(state, *op, lhs, rhs),
            Expr::PtrCompare { op, lhs, rhs } => {
                let (root, left) = self.address(state, lhs)?;
                let (other, right) = self.address(state, rhs)?;
                (root == other).then(|| ordered(*op, &left, &right))
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.truth(state, condition);
                let condition = self.named(condition);
                let then = self.truth(state, then);
                let otherwise = self.truth(state, otherwise);
                Some(all(vec![
                    implies(&condition, then),
                    implies(&condition.negated(), otherwise),
                ]))
            }
            _ => None,
        }
    }

    fn compared(&mut self, state: &mut State, op: CompareOp, lhs: &Expr, rhs: &Expr) -> Option<Formula> {
        if self.bits(lhs) == 1 {
            let left = self.truth(state, lhs);
            let right = self.truth(state, rhs);
            let (left, right) = (self.named(left), self.named(right));
            let same = all(vec![implies(&left, right.clone()), implies(&right, left.clone())]);
            return match op {
                CompareOp::Equal => Some(same),
                CompareOp::NotEqual => Some(same.negated()),
                _ => None,
            };
        }
        let signed = match op {
            CompareOp::SLess | CompareOp::SLessEqual => true,
            CompareOp::ULess | CompareOp::ULessEqual => false,
            CompareOp::Equal | CompareOp::NotEqual => [lhs, rhs].iter().any(|e| {
                vf_absint::expression::registers(e)
                    .iter()
                    .any(|l| self.is_signed(*l))
            }),
        };
        let left = self.number(state, lhs, signed);
        let right = self.number(state, rhs, signed);
        Some(ordered(op, &left, &right))
    }

    /// The root of a pointer expression, and how many bytes from there.
    pub fn address(&mut self, state: &mut State, expr: &Expr) -> Option<(Root, Linear)> {
        match expr {
            Expr::LocalAddress(local) => Some((Root::Local(*local), Linear::default())),
            Expr::GlobalAddress(global) => Some((Root::Global(*global), Linear::default())),
            Expr::Local(local) => {
                let root = *self.addresses.roots.get(local)?;
                if self.addresses.stays(*local) {
                    return Some((root, Linear::default()));
                }
                let offset = match state.get(local) {
                    Some(Value::Offset(offset)) => offset.clone(),
                    _ => {
                        let offset = self.free();
                        state.insert(*local, Value::Offset(offset.clone()));
                        offset
                    }
                };
                Some((root, offset))
            }
            Expr::PtrAdd { ptr, index, scale } => {
                let (root, offset) = self.address(state, ptr)?;
                let index = self.number(state, index, true);
                Some((root, offset.plus_scaled(i128::from(*scale), &index)?))
            }
            Expr::Member { ptr, record, field } => {
                let (root, offset) = self.address(state, ptr)?;
                let record = self.program.records.get(record.0 as usize)?;
                let at = record.fields.get(*field as usize)?.offset;
                Some((root, offset.plus_scaled(1, &Linear::constant(i128::from(at)))?))
            }
            _ => None,
        }
    }
}

fn ordered(op: CompareOp, left: &Linear, right: &Linear) -> Formula {
    match op {
        CompareOp::Equal => equal(left, right),
        CompareOp::NotEqual => equal(left, right).negated(),
        CompareOp::ULess | CompareOp::SLess => less(left, right),
        CompareOp::ULessEqual | CompareOp::SLessEqual => at_most(left, right),
    }
}

/// Least and greatest value of a type.
pub fn bounds(bits: u32, signed: bool) -> (i128, i128) {
    let bits = bits.clamp(1, 100);
    if signed {
        (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1)
    } else {
        (0, (1i128 << bits) - 1)
    }
}

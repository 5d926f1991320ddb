//! Invariants over integers as conditions over the registers at a loop header.
//!
//! Sums are taken in a width in which they cannot wrap, each register extended by its declared type. Orders of two
//! registers of one kind need no extension, and are quicker to prove without.

use vf_absint::expression::{binary, compare, either};
use vf_ir::{BinaryOp, BlockId, CompareOp, Expr, FunctionId, LocalId, Program, Resize, Storage, Ty, UnaryOp};
use vf_smt::horn::{Formula, Linear, Variable};

use super::encode::{Encoding, Header, Place};
use super::numbers::bounds;

/// Widths for sums of registers of at most 32 bits, and of wider ones.
const NARROW_SUM: u32 = 64;
const WIDE_SUM: u32 = 80;
/// Parts of one clause, at most.
const MOST_PARTS: usize = 6;

/// Each clause that speaks of registers only, with its header.
pub fn conditions(
    program: &Program,
    function: FunctionId,
    encoding: &Encoding,
    invariants: &[Vec<Formula>],
) -> Vec<(BlockId, Expr)> {
    let mut found = Vec::new();
    for (header, clauses) in encoding.headers.iter().zip(invariants) {
        let reader = Reader {
            program,
            function,
            encoding,
            header,
        };
        for clause in clauses {
            if let Some(condition) = reader.condition(clause) {
                found.push((header.block, condition));
            }
            if let Some(sum) = opposite_of(clause, clauses)
                && let Some(condition) = reader.modular(sum)
            {
                found.push((header.block, condition));
            }
        }
    }
    found
}

/// The sum that is zero, where a clause and another one say so.
fn opposite_of<'c>(clause: &'c Formula, clauses: &[Formula]) -> Option<&'c Linear> {
    match clause {
        Formula::IsZero(sum) => Some(sum),
        Formula::AtMostZero(sum) => {
            let negated = Formula::AtMostZero(sum.scaled(-1)?);
            clauses.contains(&negated).then_some(sum)
        }
        _ => None,
    }
}

struct Reader<'a> {
    program: &'a Program,
    function: FunctionId,
    encoding: &'a Encoding,
    header: &'a Header,
}

/// A value at the header.
struct Operand {
    expr: Expr,
    bits: u32,
    signed: bool,
}

impl Reader<'_> {
    fn condition(&self, formula: &Formula) -> Option<Expr> {
        match formula {
            Formula::Constant(_) => None,
            Formula::Truth(variable) => Some(self.register(*variable)?.expr),
            Formula::AtMostZero(sum) => self.at_most_zero(sum),
            Formula::IsZero(sum) => {
                let below = self.at_most_zero(sum)?;
                let above = self.at_most_zero(&sum.scaled(-1)?)?;
                Some(binary(BinaryOp::And, below, above))
            }
            Formula::Not(inner) => Some(Expr::Unary {
                op: UnaryOp::Not,
                arg: Box::new(self.condition(inner)?),
            }),
            Formula::Any(parts) | Formula::All(parts) if parts.len() <= MOST_PARTS => {
                let mut conditions = Vec::new();
                for part in parts {
                    conditions.push(self.condition(part)?);
                }
                let joined = |a: Expr, b: Expr| match formula {
                    Formula::Any(_) => either(a, b),
                    _ => binary(BinaryOp::And, a, b),
                };
                conditions.into_iter().reduce(joined)
            }
            Formula::Any(_) | Formula::All(_) => None,
        }
    }

    /// What the argument of the relation is, as an expression.
    fn register(&self, variable: Variable) -> Option<Operand> {
        let (place, _) = self.header.places.get(variable)?;
        let function = self.program.functions.get(self.function.index())?;
        let operand = |local: LocalId| {
            let info = function.locals.get(local.index())?;
            match info.storage {
                Storage::Register(Ty::Int(bits)) => Some(Operand {
                    expr: Expr::Local(local),
                    bits,
                    signed: info.ty.is_signed(),
                }),
                Storage::Register(Ty::Ptr) => {
                    let root = self.encoding.addresses.roots.get(&local)?;
                    let anchor = self.encoding.addresses.anchors.get(root)?;
                    Some(Operand {
                        expr: Expr::PtrDiff {
                            lhs: Box::new(Expr::Local(local)),
                            rhs: Box::new(anchor.clone()),
                            scale: 1,
                        },
                        bits: self.program.model.pointer_bits(),
                        signed: true,
                    })
                }
                _ => None,
            }
        };
        match place {
            Place::Register(local) => operand(*local),
            Place::Entry(parameter) if super::addresses::writes(function, *parameter) == 0 => {
                operand(*parameter)
            }
            Place::Entry(_) | Place::Extent(_) => None,
        }
    }

    fn at_most_zero(&self, sum: &Linear) -> Option<Expr> {
        if let Some(simple) = self.simple(sum) {
            return Some(simple);
        }
        let mut operands = Vec::new();
        for (variable, coefficient) in &sum.terms {
            operands.push((self.register(*variable)?, *coefficient));
        }
        if let Some(taken) = taken_off(&operands, sum.constant) {
            return Some(taken);
        }
        let widest = operands.iter().map(|(o, _)| o.bits).max()?;
        let width = if widest <= 32 { NARROW_SUM } else { WIDE_SUM };
        // The sums of either side must fit: so many times the largest operand, and the constant.
        let weight = operands
            .iter()
            .try_fold(0i128, |all, (_, c)| all.checked_add(c.checked_abs()?))?
            .checked_add(1)?;
        if widest > 64 {
            return None;
        }
        let largest = weight
            .checked_mul(1i128 << widest)?
            .checked_add(sum.constant.checked_abs()?)?;
        if largest > bounds(width, true).1 {
            return None;
        }
        let mut sides: [Option<Expr>; 2] = [None, None];
        let mut add = |part: Expr, right: bool| {
            let side = &mut sides[usize::from(right)];
            *side = Some(match side.take() {
                Some(sum) => binary(BinaryOp::Add, sum, part),
                None => part,
            });
        };
        for (operand, coefficient) in operands {
            let value = extended(operand.expr, operand.bits, operand.signed, width);
            add(scaled(value, coefficient.checked_abs()?, width), coefficient < 0);
        }
        if sum.constant != 0 {
            add(Expr::int(width, sum.constant.checked_abs()?), sum.constant < 0);
        }
        let [left, right] = sides.map(|side| side.unwrap_or_else(|| Expr::int(width, 0)));
        Some(compare(CompareOp::SLessEqual, left, right))
    }

    /// One register against a constant or another of its kind.
    fn simple(&self, sum: &Linear) -> Option<Expr> {
        let order = |signed| match signed {
            true => CompareOp::SLessEqual,
            false => CompareOp::ULessEqual,
        };
        match sum.terms.as_slice() {
            [(variable, coefficient)] => {
                let operand = self.register(*variable)?;
                let (low, high) = bounds(operand.bits, operand.signed);
                let is_upper = *coefficient > 0;
                // c x + k <= 0: x <= floor(-k / c), or x >= ceil(k / -c).
                let bound = if is_upper {
                    sum.constant.checked_neg()?.div_euclid(*coefficient)
                } else {
                    let quotient = sum.constant.checked_neg()?.div_euclid(coefficient.checked_neg()?);
                    quotient.checked_neg()?
                };
                if !(low..=high).contains(&bound) {
                    return None;
                }
                let constant = Expr::int(operand.bits, bound);
                Some(match is_upper {
                    true => compare(order(operand.signed), operand.expr, constant),
                    false => compare(order(operand.signed), constant, operand.expr),
                })
            }
            [(a, 1), (b, -1)] | [(b, -1), (a, 1)] if sum.constant == 0 => {
                let (a, b) = (self.register(*a)?, self.register(*b)?);
                (a.bits == b.bits && a.signed == b.signed).then(|| compare(order(a.signed), a.expr, b.expr))
            }
            _ => None,
        }
    }

    /// The sum is zero modulo the width of its widest register: weaker, but inductive whatever wraps.
    fn modular(&self, sum: &Linear) -> Option<Expr> {
        let mut operands = Vec::new();
        for (variable, coefficient) in &sum.terms {
            operands.push((self.register(*variable)?, *coefficient));
        }
        let width = operands.iter().map(|(o, _)| o.bits).max()?;
        let parts = operands
            .into_iter()
            .map(|(o, coefficient)| scaled(extended(o.expr, o.bits, o.signed, width), coefficient, width));
        let left = parts.reduce(|a, b| binary(BinaryOp::Add, a, b))?;
        let right = Expr::int(width, sum.constant.checked_neg()?);
        Some(compare(CompareOp::Equal, left, right))
    }
}

/// `a + b + k <= c` of unsigned registers of one wide type without a wider one: `a <= c`, and `b <= c - a`, and
/// `k <= c - a - b`.
fn taken_off(operands: &[(Operand, i128)], constant: i128) -> Option<Expr> {
    let (first, _) = operands.first()?;
    let alike = |(o, c): &(Operand, i128)| o.bits == first.bits && !o.signed && (*c == 1 || *c == -1);
    let bits = first.bits;
    if bits != 64 || constant < 0 || !operands.iter().all(alike) {
        return None;
    }
    let mut whole = operands.iter().filter(|(_, c)| *c < 0);
    let (Some((whole, _)), None) = (whole.next(), whole.next()) else {
        return None;
    };
    let parts = operands
        .iter()
        .filter(|(_, c)| *c > 0)
        .map(|(o, _)| o.expr.clone());
    let constant = (constant > 0).then(|| Expr::int(bits, constant));
    let mut rest = whole.expr.clone();
    let mut found: Option<Expr> = None;
    for part in parts.chain(constant) {
        let fits = compare(CompareOp::ULessEqual, part.clone(), rest.clone());
        found = Some(match found {
            Some(before) => binary(BinaryOp::And, before, fits),
            None => fits,
        });
        rest = binary(BinaryOp::Sub, rest, part);
    }
    found
}

fn extended(expr: Expr, from: u32, signed: bool, to: u32) -> Expr {
    if from >= to {
        return expr;
    }
    Expr::Resize {
        kind: if signed {
            Resize::SignExtend
        } else {
            Resize::ZeroExtend
        },
        bits: to,
        arg: Box::new(expr),
    }
}

fn scaled(expr: Expr, factor: i128, bits: u32) -> Expr {
    match factor {
        1 => expr,
        _ => binary(BinaryOp::Mul, expr, Expr::int(bits, factor)),
    }
}

//! Conditions taken apart, and small questions about expressions.

use std::collections::BTreeSet;
use vf_source::tables::HashMap;

use vf_ir::{BinaryOp, CompareOp, Expr, LocalId, Resize, UnaryOp};

/// A comparison of integers that holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Atom {
    pub op: CompareOp,
    pub lhs: Expr,
    pub rhs: Expr,
}

impl Atom {
    pub fn to_expr(&self) -> Expr {
        compare(self.op, self.lhs.clone(), self.rhs.clone())
    }

    /// The comparison that holds exactly where this one does not.
    pub fn negated(&self) -> Atom {
        let (lhs, rhs) = (self.lhs.clone(), self.rhs.clone());
        match self.op {
            CompareOp::Equal => Atom {
                op: CompareOp::NotEqual,
                lhs,
                rhs,
            },
            CompareOp::NotEqual => Atom {
                op: CompareOp::Equal,
                lhs,
                rhs,
            },
            CompareOp::ULess => Atom {
                op: CompareOp::ULessEqual,
                lhs: rhs,
                rhs: lhs,
            },
            CompareOp::ULessEqual => Atom {
                op: CompareOp::ULess,
                lhs: rhs,
                rhs: lhs,
            },
            CompareOp::SLess => Atom {
                op: CompareOp::SLessEqual,
                lhs: rhs,
                rhs: lhs,
            },
            CompareOp::SLessEqual => Atom {
                op: CompareOp::SLess,
                lhs: rhs,
                rhs: lhs,
            },
        }
    }
}

/// Whether an order reads its operands as signed.
pub fn is_signed(op: CompareOp) -> bool {
    matches!(op, CompareOp::SLess | CompareOp::SLessEqual)
}

pub fn compare(op: CompareOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr::Compare {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

pub fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    Expr::Binary {
        op,
        lhs: Box::new(lhs),
        rhs: Box::new(rhs),
    }
}

/// `a` or `b`, of two conditions.
pub fn either(a: Expr, b: Expr) -> Expr {
    binary(BinaryOp::Or, a, b)
}

/// The comparisons that hold wherever `condition` has the value `holds`: all conjuncts of it.
pub fn atoms(condition: &Expr, holds: bool) -> Vec<Atom> {
    let mut found = Vec::new();
    let mut pending = vec![(condition, holds)];
    while let Some((expr, holds)) = pending.pop() {
        match expr {
            Expr::Unary {
                op: UnaryOp::Not,
                arg,
            } => pending.push((arg, !holds)),
            Expr::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } if holds => {
                pending.push((rhs, holds));
                pending.push((lhs, holds));
            }
            Expr::Binary {
                op: BinaryOp::Or,
                lhs,
                rhs,
            } if !holds => {
                pending.push((rhs, holds));
                pending.push((lhs, holds));
            }
            // A truth value widened and compared with zero, as C's `if (a < b)` is at first.
            Expr::Compare {
                op: op @ (CompareOp::Equal | CompareOp::NotEqual),
                lhs,
                rhs,
            } if is_zero(rhs) && widened_truth(lhs).is_some() => {
                if let Some(inner) = widened_truth(lhs) {
                    pending.push((inner, holds == (*op == CompareOp::NotEqual)));
                }
            }
            Expr::Compare { op, lhs, rhs } => {
                let atom = Atom {
                    op: *op,
                    lhs: (**lhs).clone(),
                    rhs: (**rhs).clone(),
                };
                found.push(if holds { atom } else { atom.negated() });
            }
            _ => {}
        }
    }
    found
}

/// `c` of `zext(c)` where `c` is a truth value.
fn widened_truth(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Resize {
            kind: Resize::ZeroExtend,
            arg,
            ..
        } => match &**arg {
            Expr::Compare { .. } | Expr::Unary { op: UnaryOp::Not, .. } => Some(arg),
            Expr::Resize { .. } => widened_truth(arg),
            _ => None,
        },
        _ => None,
    }
}

pub fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::Int { value: 0, .. })
}

/// The value of a constant, under its signed reading.
pub fn signed_constant(expr: &Expr) -> Option<i128> {
    match expr {
        Expr::Int { bits, value } if (1..=128).contains(bits) => {
            let shift = 128 - bits;
            Some(((value << shift) as i128) >> shift)
        }
        _ => None,
    }
}

/// Direct subexpressions.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Int { .. }
        | Expr::Null
        | Expr::Local(_)
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => Vec::new(),
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::Member { ptr: arg, .. } => vec![arg],
        Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => vec![arg],
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => vec![lhs, rhs],
        Expr::PtrAdd { ptr, index, .. } => vec![ptr, index],
        Expr::Select {
            condition,
            then,
            otherwise,
        } => vec![condition, then, otherwise],
    }
}

/// All subexpressions, the expression itself first.
pub fn subexpressions(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut pending = vec![expr];
    while let Some(next) = pending.pop() {
        found.push(next);
        pending.extend(children(next));
    }
    found
}

/// The registers that an expression reads.
pub fn registers(expr: &Expr) -> BTreeSet<LocalId> {
    let of = |e: &&Expr| match e {
        Expr::Local(local) => Some(*local),
        _ => None,
    };
    subexpressions(expr).iter().filter_map(of).collect()
}

/// Number of operators, constants and registers.
pub fn size(expr: &Expr) -> usize {
    subexpressions(expr).len()
}

/// Built of integer registers, constants and integer operators only.
pub fn is_integer_arithmetic(expr: &Expr) -> bool {
    subexpressions(expr).iter().all(|e| {
        matches!(
            e,
            Expr::Int { .. }
                | Expr::Local(_)
                | Expr::Unary { .. }
                | Expr::Binary { .. }
                | Expr::Compare { .. }
                | Expr::Resize { .. }
                | Expr::Select { .. }
        )
    })
}

/// The expression with registers replaced, all at once.
pub fn substitute(expr: &Expr, map: &HashMap<LocalId, Expr>) -> Expr {
    let go = |e: &Expr| Box::new(substitute(e, map));
    match expr {
        Expr::Local(local) => map.get(local).unwrap_or(expr).clone(),
        Expr::Int { .. }
        | Expr::Null
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => expr.clone(),
        Expr::Unary { op, arg } => Expr::Unary {
            op: *op,
            arg: go(arg),
        },
        Expr::Binary { op, lhs, rhs } => Expr::Binary {
            op: *op,
            lhs: go(lhs),
            rhs: go(rhs),
        },
        Expr::Compare { op, lhs, rhs } => Expr::Compare {
            op: *op,
            lhs: go(lhs),
            rhs: go(rhs),
        },
        Expr::PtrCompare { op, lhs, rhs } => Expr::PtrCompare {
            op: *op,
            lhs: go(lhs),
            rhs: go(rhs),
        },
        Expr::Resize { kind, bits, arg } => Expr::Resize {
            kind: *kind,
            bits: *bits,
            arg: go(arg),
        },
        Expr::Select {
            condition,
            then,
            otherwise,
        } => Expr::Select {
            condition: go(condition),
            then: go(then),
            otherwise: go(otherwise),
        },
        Expr::PtrAdd { ptr, index, scale } => Expr::PtrAdd {
            ptr: go(ptr),
            index: go(index),
            scale: *scale,
        },
        Expr::Member { ptr, record, field } => Expr::Member {
            ptr: go(ptr),
            record: *record,
            field: *field,
        },
        Expr::PtrDiff { lhs, rhs, scale } => Expr::PtrDiff {
            lhs: go(lhs),
            rhs: go(rhs),
            scale: *scale,
        },
        Expr::PtrToInt(arg) => Expr::PtrToInt(go(arg)),
        Expr::IntToPtr(arg) => Expr::IntToPtr(go(arg)),
    }
}

/// `expr + constant` modulo the width, folded where the expression is a constant or such a sum itself.
pub fn plus(expr: &Expr, bits: u32, constant: i128) -> Expr {
    if constant == 0 {
        return expr.clone();
    }
    if let Some(value) = signed_constant(expr) {
        return Expr::int(bits, value.wrapping_add(constant));
    }
    let (base, addend) = split_sum(expr);
    let total = addend.wrapping_add(constant);
    if total == 0 {
        return base.clone();
    }
    binary(BinaryOp::Add, base.clone(), Expr::int(bits, total))
}

/// An expression as base and constant addend (signed reading).
pub fn split_sum(expr: &Expr) -> (&Expr, i128) {
    match expr {
        Expr::Binary {
            op: BinaryOp::Add,
            lhs,
            rhs,
        } => match (signed_constant(lhs), signed_constant(rhs)) {
            (None, Some(constant)) => (lhs, constant),
            (Some(constant), None) => (rhs, constant),
            _ => (expr, 0),
        },
        Expr::Binary {
            op: BinaryOp::Sub,
            lhs,
            rhs,
        } => match (signed_constant(lhs), signed_constant(rhs)) {
            (None, Some(constant)) => (lhs, constant.wrapping_neg()),
            _ => (expr, 0),
        },
        _ => (expr, 0),
    }
}

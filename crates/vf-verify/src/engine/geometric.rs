//! Loops that end after about as many iterations as a word has bits: `x >>= 1`, `n /= 10`, `mask <<= 1`, `1 << bit`.
//!
//! What such a loop keeps speaks of single bits, for which there are no templates; executed to its end, iteration by
//! iteration, it needs no invariant. That it does end is not assumed: executions that would need more iterations are an
//! [`Event::Unwound`](super::Event), and where the solver does not exclude those, nothing is concluded.

use vf_ir::{BinaryOp, Expr, Function, LocalId, StmtKind, Terminator};

use super::exec::FunctionFacts;
use super::registers::{registers_of, visit_expressions};

/// Iterations after which a loop over the bits of a word has ended.
pub(crate) const WORD_TRIPS: u32 = 66;

/// Whether some register that the loop changes is shifted or divided in every round, or counts the bits of a shift.
/// `changed` are the registers that iterations hand on.
pub(super) fn is_geometric(
    function: &Function,
    facts: &FunctionFacts,
    index: usize,
    changed: &[LocalId],
) -> bool {
    let inside = facts.cfg.loops()[index].blocks.iter();
    let blocks = inside.filter_map(|b| function.blocks().get(b.index()));
    let hands_on = |expr: &Expr| {
        let mut found = false;
        registers_of(expr, &mut |r| found |= changed.contains(&LocalId(r)));
        found
    };
    for block in blocks {
        for statement in &block.statements {
            if let StmtKind::Assign { dst, value } = &statement.kind
                && changed.contains(dst)
                && shrinks(value, *dst)
            {
                return true;
            }
            let mut shifts = false;
            visit_expressions(&statement.kind, function, &mut |e| {
                shifts |= shifts_by(e, &hands_on)
            });
            if shifts {
                return true;
            }
        }
        if let Terminator::Branch { condition: e, .. } | Terminator::Switch { value: e, .. } =
            &block.terminator
            && shifts_by(e, &hands_on)
        {
            return true;
        }
    }
    false
}

/// `dst` comes closer to 0 or to the width's end: `dst >> k`, `dst << k`, `dst / k`, whatever the conversions around.
fn shrinks(value: &Expr, dst: LocalId) -> bool {
    match value {
        Expr::Resize { arg, .. } => shrinks(arg, dst),
        Expr::Binary {
            op: BinaryOp::Shl | BinaryOp::LShr | BinaryOp::AShr | BinaryOp::UDiv | BinaryOp::SDiv,
            lhs,
            rhs,
        } => matches!(**rhs, Expr::Int { .. }) && is_register(lhs, dst),
        // `x &= x - 1`
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } => is_register(lhs, dst) && steps_down(rhs, dst) || is_register(rhs, dst) && steps_down(lhs, dst),
        _ => false,
    }
}

fn steps_down(expr: &Expr, local: LocalId) -> bool {
    match expr {
        Expr::Resize { arg, .. } => steps_down(arg, local),
        Expr::Binary {
            op: BinaryOp::Sub | BinaryOp::Add,
            lhs,
            rhs,
        } => is_register(lhs, local) && matches!(**rhs, Expr::Int { .. }),
        _ => false,
    }
}

fn is_register(expr: &Expr, local: LocalId) -> bool {
    match expr {
        Expr::Local(found) => *found == local,
        Expr::Resize { arg, .. } => is_register(arg, local),
        _ => false,
    }
}

/// A shift by something that iterations hand on.
fn shifts_by(expr: &Expr, hands_on: &impl Fn(&Expr) -> bool) -> bool {
    match expr {
        Expr::Binary { op, lhs, rhs } => {
            let shift = matches!(op, BinaryOp::Shl | BinaryOp::LShr | BinaryOp::AShr);
            shift && hands_on(rhs) || shifts_by(lhs, hands_on) || shifts_by(rhs, hands_on)
        }
        Expr::Compare { lhs, rhs, .. } => shifts_by(lhs, hands_on) || shifts_by(rhs, hands_on),
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } => shifts_by(arg, hands_on),
        Expr::Select {
            condition,
            then,
            otherwise,
        } => [condition, then, otherwise]
            .into_iter()
            .any(|e| shifts_by(e, hands_on)),
        Expr::PtrAdd { ptr, index, .. } => shifts_by(ptr, hands_on) || shifts_by(index, hands_on),
        _ => false,
    }
}

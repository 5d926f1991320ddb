//! Reads whose value nobody uses.
//!
//! `T *p = *q; p = other;` reads `*q` and throws the value away. Where `*q` was never written that is harmless:
//! an indeterminate value of a type without trap representations may be copied (C11 6.2.6.1p5 and 6.3.2.1p2: the behaviour
//! is undefined only for an object that could have been declared `register`, and what a pointer leads to had its address
//! taken). MemorySanitizer waits for a use in the same way. So `initialized` is no obligation of a read into a variable that
//! is assigned again, in the same straight line of code, before anything reads it.

use std::collections::BTreeSet;

use vf_ir::{Block, Condition, Expr, Function, LocalId, ObligationId, StmtKind, Terminator};

use crate::engine::{defined, registers_of, visit_expressions};

/// The `initialized` obligations of `function` that belong to reads whose value nobody uses.
pub fn unused_reads(function: &Function) -> BTreeSet<ObligationId> {
    let mut found = BTreeSet::new();
    for block in function.blocks() {
        for (at, statement) in block.statements.iter().enumerate() {
            if let StmtKind::Check(id) = statement.kind
                && let Some(Condition::InitializedMemory { ptr, .. }) =
                    function.obligations.get(id.index()).map(|o| &o.condition)
                && is_unused(function, block, at, ptr)
            {
                found.insert(id);
            }
        }
    }
    found
}

/// Is the load of `ptr` that the check at `at` guards copied to a variable that is overwritten before it is read?
fn is_unused(function: &Function, block: &Block, at: usize, ptr: &Expr) -> bool {
    let mut rest = block.statements[at + 1..].iter().map(|s| &s.kind);
    let loaded = loop {
        match rest.next() {
            Some(StmtKind::Check(_)) => {}
            Some(StmtKind::Load {
                dst,
                ptr: from,
                volatile: false,
                ..
            }) if from == ptr => break *dst,
            _ => return false,
        }
    };
    let Some(StmtKind::Assign { dst, value }) = rest.next() else {
        return false;
    };
    if *value != Expr::Local(loaded) || uses(function, loaded) != 1 {
        return false;
    }
    for next in rest {
        if reads(next, function, *dst) != 0 {
            return false;
        }
        if defined(next) == Some(*dst) {
            return true;
        }
    }
    false
}

/// Places in the function that read a register.
fn uses(function: &Function, local: LocalId) -> usize {
    let blocks = function.blocks().iter();
    blocks
        .map(|block| {
            let statements = block.statements.iter();
            let in_statements: usize = statements.map(|s| reads(&s.kind, function, local)).sum();
            in_statements
                + match &block.terminator {
                    Terminator::Return(Some(value))
                    | Terminator::Branch { condition: value, .. }
                    | Terminator::Switch { value, .. } => occurrences(value, local),
                    Terminator::Return(None) | Terminator::Goto(_) | Terminator::Unreachable => 0,
                }
        })
        .sum()
}

fn reads(kind: &StmtKind, function: &Function, local: LocalId) -> usize {
    let mut count = 0;
    visit_expressions(kind, function, &mut |e| count += occurrences(e, local));
    count
}

fn occurrences(expr: &Expr, local: LocalId) -> usize {
    let mut count = 0;
    registers_of(expr, &mut |register| count += usize::from(register == local.0));
    count
}

//! Which pointers the program compares with null: those may be null.

use std::collections::BTreeSet;
use vf_source::tables::HashSet;

use vf_ir::{Expr, FunctionId, LocalId, RecordId, StmtKind, Storage, Ty};

use super::registers::registers_of;

/// Parameters of a function that it compares with null, directly or through a copy.
pub(super) fn null_tested(program: &vf_ir::Program, entry: FunctionId) -> HashSet<LocalId> {
    let function = program.function(entry);
    let mut copies: Vec<(LocalId, LocalId)> = Vec::new();
    let mut tested: HashSet<u32> = HashSet::default();
    let mut look = |expr: &Expr| {
        find_null_tests(expr, &mut |local| {
            tested.insert(local);
        })
    };
    for block in function.blocks() {
        for statement in &block.statements {
            if let StmtKind::Assign { dst, value } = &statement.kind {
                registers_of(value, &mut |from| copies.push((*dst, LocalId(from))));
            }
            super::registers::visit_expressions(&statement.kind, function, &mut |e| {
                if !matches!(statement.kind, StmtKind::Check(_)) {
                    look(e);
                }
            });
        }
        match &block.terminator {
            vf_ir::Terminator::Branch { condition, .. } => look(condition),
            vf_ir::Terminator::Return(Some(value)) => look(value),
            _ => {}
        }
    }
    let mut changed = true;
    while changed {
        changed = false;
        for (to, from) in &copies {
            let pointer = |l: &LocalId| {
                matches!(
                    function.locals.get(l.index()).map(|l| l.storage),
                    Some(Storage::Register(Ty::Ptr))
                )
            };
            if tested.contains(&to.0) && pointer(to) && pointer(from) {
                changed |= tested.insert(from.0);
            }
        }
    }
    function
        .params
        .iter()
        .copied()
        .filter(|p| tested.contains(&p.0))
        .collect()
}

fn find_null_tests(expr: &Expr, found: &mut impl FnMut(u32)) {
    match expr {
        Expr::PtrCompare { lhs, rhs, .. } => match (&**lhs, &**rhs) {
            (Expr::Local(local), Expr::Null) | (Expr::Null, Expr::Local(local)) => found(local.0),
            _ => {}
        },
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } => find_null_tests(arg, found),
        Expr::Binary { lhs, rhs, .. } | Expr::Compare { lhs, rhs, .. } => {
            find_null_tests(lhs, found);
            find_null_tests(rhs, found);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            find_null_tests(condition, found);
            find_null_tests(then, found);
            find_null_tests(otherwise, found);
        }
        _ => {}
    }
}

/// (record, offset) of members.
pub type TestedMembers = BTreeSet<(RecordId, u64)>;

/// Members whose loaded pointers are compared with null somewhere in the program.
pub fn tested_members(program: &vf_ir::Program) -> TestedMembers {
    let mut members = TestedMembers::new();
    for index in 0..program.functions.len() {
        let function = &program.functions[index];
        let mut tested: HashSet<u32> = HashSet::default();
        let mut copies: Vec<(u32, u32)> = Vec::new();
        for block in function.blocks() {
            for statement in &block.statements {
                if let StmtKind::Assign {
                    dst,
                    value: Expr::Local(from),
                } = &statement.kind
                {
                    copies.push((dst.0, from.0));
                }
                if !matches!(statement.kind, StmtKind::Check(_)) {
                    super::registers::visit_expressions(&statement.kind, function, &mut |e| {
                        find_null_tests(e, &mut |l| {
                            tested.insert(l);
                        });
                    });
                }
            }
            if let vf_ir::Terminator::Branch { condition, .. } = &block.terminator {
                find_null_tests(condition, &mut |l| {
                    tested.insert(l);
                });
            }
        }
        for _ in 0..4 {
            for (to, from) in &copies {
                if tested.contains(to) {
                    tested.insert(*from);
                }
            }
        }
        for block in function.blocks() {
            for statement in &block.statements {
                if let StmtKind::Load {
                    dst,
                    ptr: Expr::Member { record, field, .. },
                    ..
                } = &statement.kind
                    && tested.contains(&dst.0)
                {
                    let offset = program
                        .records
                        .get(record.0 as usize)
                        .and_then(|r| r.fields.get(*field as usize));
                    if let Some(field) = offset {
                        members.insert((*record, field.offset));
                    }
                }
            }
        }
    }
    members
}

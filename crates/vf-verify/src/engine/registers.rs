//! Which registers statements read and write, and which are live.

use std::collections::BTreeSet;
use vf_source::tables::HashSet;

use vf_ir::cfg::Cfg;
use vf_ir::{BlockId, Condition, Expr, Function, FunctionId, LocalId, StmtKind, Storage, Terminator};

/// Registers live at the start of each block, memory locals among them (backward dataflow; Aho et al. 9.2.5).
pub(crate) fn liveness(function: &Function, cfg: &Cfg) -> Vec<HashSet<u32>> {
    let blocks = function.blocks();
    let mut uses: Vec<HashSet<u32>> = vec![HashSet::default(); blocks.len()];
    let mut kills: Vec<HashSet<u32>> = vec![HashSet::default(); blocks.len()];
    for (index, block) in blocks.iter().enumerate() {
        let (used, killed) = (&mut uses[index], &mut kills[index]);
        let mut read = |expr: &Expr, killed: &HashSet<u32>| {
            registers_of(expr, &mut |local| {
                if !killed.contains(&local) {
                    used.insert(local);
                }
            });
        };
        for statement in &block.statements {
            visit_expressions(&statement.kind, function, &mut |e| read(e, killed));
            if let Some(dst) = defined(&statement.kind) {
                killed.insert(dst.0);
            }
        }
        match &block.terminator {
            Terminator::Branch { condition, .. } => read(condition, killed),
            Terminator::Switch { value, .. } => read(value, killed),
            Terminator::Return(Some(value)) => read(value, killed),
            Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
        }
    }
    let mut live = uses.clone();
    let mut changed = true;
    while changed {
        changed = false;
        for block in cfg.reverse_postorder().iter().rev() {
            let mut incoming: Vec<u32> = Vec::new();
            for (next, _) in cfg.successors(*block) {
                if let Some(set) = live.get(next.index()) {
                    incoming.extend(set.iter().filter(|r| !kills[block.index()].contains(r)));
                }
            }
            for register in incoming {
                changed |= live[block.index()].insert(register);
            }
        }
    }
    // Which object a memory local is now is kept as if it were a register.
    let memory = (0u32..)
        .zip(&function.locals)
        .filter(|(_, local)| local.storage == Storage::Memory);
    let memory: Vec<u32> = memory.map(|(index, _)| index).collect();
    for set in &mut live {
        set.extend(&memory);
    }
    live
}

/// Registers live behind a statement, given those at the start of each block.
pub(super) fn live_after(
    function: &Function,
    cfg: &Cfg,
    live: &[HashSet<u32>],
    (at, statement): (BlockId, u32),
) -> HashSet<u32> {
    let next = cfg
        .successors(at)
        .iter()
        .filter_map(|(next, _)| live.get(next.index()));
    let mut found: HashSet<u32> = next.flatten().copied().collect();
    let Some(block) = function.blocks().get(at.index()) else {
        return found;
    };
    match &block.terminator {
        Terminator::Branch { condition: read, .. }
        | Terminator::Switch { value: read, .. }
        | Terminator::Return(Some(read)) => registers_of(read, &mut |l| {
            found.insert(l);
        }),
        Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
    }
    for later in block.statements.iter().skip(statement as usize + 1).rev() {
        if let Some(dst) = defined(&later.kind) {
            found.remove(&dst.0);
        }
        visit_expressions(&later.kind, function, &mut |e| {
            registers_of(e, &mut |l| {
                found.insert(l);
            });
        });
    }
    found
}

/// Functions whose address an expression takes.
pub(crate) fn addresses_of(expr: &Expr, found: &mut BTreeSet<FunctionId>) {
    visit_parts(expr, &mut |part| {
        if let Expr::FunctionAddress(function) = part {
            found.insert(*function);
        }
    });
}

/// An expression and all that it is made of.
pub(crate) fn visit_parts(expr: &Expr, visit: &mut impl FnMut(&Expr)) {
    visit(expr);
    for part in vf_absint::expression::children(expr) {
        visit_parts(part, visit);
    }
}

pub(crate) fn registers_of(expr: &Expr, found: &mut impl FnMut(u32)) {
    match expr {
        Expr::Local(local) => found(local.0),
        Expr::Int { .. }
        | Expr::Null
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => {}
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => {
            registers_of(arg, found);
        }
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => {
            registers_of(lhs, found);
            registers_of(rhs, found);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            registers_of(condition, found);
            registers_of(then, found);
            registers_of(otherwise, found);
        }
        Expr::PtrAdd { ptr, index, .. } => {
            registers_of(ptr, found);
            registers_of(index, found);
        }
        Expr::Member { ptr, .. } => registers_of(ptr, found),
    }
}

pub(crate) fn defined(kind: &StmtKind) -> Option<LocalId> {
    match kind {
        StmtKind::Assign { dst, .. }
        | StmtKind::Havoc { dst, .. }
        | StmtKind::Load { dst, .. }
        | StmtKind::Alloc { dst, .. }
        | StmtKind::StringLength { dst, .. }
        | StmtKind::ObjectSize { dst, .. } => Some(*dst),
        StmtKind::Call { dst, .. } => *dst,
        _ => None,
    }
}

/// Every expression a statement reads; a check's are those of its condition.
pub(crate) fn visit_expressions(kind: &StmtKind, function: &Function, visit: &mut impl FnMut(&Expr)) {
    match kind {
        StmtKind::Assign { value, .. } | StmtKind::Assume(value) => visit(value),
        StmtKind::Load { ptr, .. }
        | StmtKind::Free { ptr }
        | StmtKind::StringLength { ptr, .. }
        | StmtKind::ObjectSize { ptr, .. } => visit(ptr),
        StmtKind::Store { ptr, value, .. } => {
            visit(ptr);
            visit(value);
        }
        StmtKind::Copy { dst, src, size } => {
            visit(dst);
            visit(src);
            visit(size);
        }
        StmtKind::Fill { dst, unit, size } => {
            visit(dst);
            visit(unit);
            visit(size);
        }
        StmtKind::HavocMemory { dst, size } => {
            visit(dst);
            visit(size);
        }
        StmtKind::Text { dst, size, of } => [dst, size].into_iter().chain(of).for_each(visit),
        StmtKind::Alloc { size, .. } => visit(size),
        StmtKind::Assembly { inputs, .. } => inputs.iter().for_each(visit),
        StmtKind::Call { callee, args, .. } => {
            if let vf_ir::Callee::Indirect(callee) = callee {
                visit(callee);
            }
            args.iter().for_each(visit);
        }
        StmtKind::Check(obligation) => {
            if let Some(obligation) = function.obligations.get(obligation.index()) {
                match &obligation.condition {
                    Condition::Holds(e) => visit(e),
                    Condition::NoOverflow { lhs, rhs, .. } => {
                        visit(lhs);
                        visit(rhs);
                    }
                    Condition::Lossless { value, .. } => visit(value),
                    Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
                        visit(ptr);
                        visit(size);
                    }
                    Condition::NotNull { ptr }
                    | Condition::Live { ptr }
                    | Condition::Terminated { ptr, .. }
                    | Condition::Freeable { ptr } => visit(ptr),
                    Condition::InitializedLocal(local) => visit(&Expr::Local(*local)),
                    Condition::Freed { .. } | Condition::Unreachable => {}
                }
            }
        }
        StmtKind::Havoc { .. } | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {}
    }
}

//! Registers that must be memory after all.
//!
//! A variable declared without initialiser inside a loop is indeterminate again in every iteration (C11
//! 6.2.4p6), but a register keeps what the last iteration assigned. Where the dataflow cannot show that each
//! read follows an assignment of its own iteration, the variable becomes a memory object, whose life, and with
//! it its contents, begins anew with its scope.

use std::collections::BTreeSet;
use vf_source::tables::{HashMap, HashSet};

use vf_ir::obligation::Condition;
use vf_ir::{DataModel, Expr, Local, LocalId, Obligation, Stmt, StmtKind, Storage, Terminator, Ty};
use vf_source::Span;

use super::body::{FunctionState, Item, OpenBlock, ScopeId};
use super::finish::successors;

/// Of these registers, those whose declaration control can reach again.
pub(crate) fn declared_in_loops(
    blocks: &[OpenBlock],
    of: &HashSet<LocalId>,
    declared_in: &HashMap<LocalId, ScopeId>,
) -> HashSet<LocalId> {
    let mut found = HashSet::default();
    for (n, block) in blocks.iter().enumerate() {
        let here: Vec<LocalId> = block
            .items
            .iter()
            .flat_map(|i| match i {
                Item::Forget(l) => vec![*l],
                // A jump over the declaration into its scope begins the variable's life as well.
                Item::Enter(s) => declared_in
                    .iter()
                    .filter(|(_, d)| *d == s)
                    .map(|(l, _)| *l)
                    .collect(),
                Item::Stmt(_) | Item::Leave(..) => Vec::new(),
            })
            .filter(|l| of.contains(l))
            .collect();
        if !here.is_empty() && reaches_itself(blocks, n) {
            found.extend(here);
        }
    }
    found
}

fn reaches_itself(blocks: &[OpenBlock], start: usize) -> bool {
    let mut seen = HashSet::default();
    let mut stack = vec![start];
    while let Some(n) = stack.pop() {
        let Some((terminator, _)) = blocks.get(n).and_then(|b| b.terminator.as_ref()) else {
            continue;
        };
        for t in successors(terminator) {
            if t.index() == start {
                return true;
            }
            if seen.insert(t.index()) {
                stack.push(t.index());
            }
        }
    }
    false
}

/// Gives each of the locals a memory object in its scope, and turns its reads and writes into loads and stores.
pub(crate) fn demote(state: &mut FunctionState, locals: &HashSet<LocalId>, model: DataModel) {
    let mut tys = HashMap::default();
    // Sorted: the objects of a scope are in the same order each time.
    let locals: BTreeSet<LocalId> = locals.iter().copied().collect();
    for l in &locals {
        let Some(local) = state.locals.get_mut(l.index()) else {
            continue;
        };
        let Storage::Register(ty) = local.storage else {
            continue;
        };
        local.storage = Storage::Memory;
        tys.insert(*l, ty);
        let scope = state.declared_in.get(l).copied();
        if let Some(s) = scope.and_then(|s| state.scopes.get_mut(s.0)) {
            s.memory.push(*l);
        }
    }
    let mut rewriter = Rewriter {
        tys,
        model,
        locals: &mut state.locals,
        loads: Vec::new(),
    };
    for block in &mut state.blocks {
        let mut items = Vec::with_capacity(block.items.len());
        for item in std::mem::take(&mut block.items) {
            let Item::Stmt(mut stmt) = item else {
                items.push(item);
                continue;
            };
            rewriter.statement(&mut stmt, &mut state.obligations);
            items.extend(rewriter.loads.drain(..).map(Item::Stmt));
            items.push(Item::Stmt(stmt));
        }
        if let Some((terminator, span)) = &mut block.terminator {
            match terminator {
                Terminator::Branch { condition, .. } => rewriter.expression(condition, *span),
                Terminator::Switch { value, .. } => rewriter.expression(value, *span),
                Terminator::Return(Some(value)) => rewriter.expression(value, *span),
                Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
            }
            items.extend(rewriter.loads.drain(..).map(Item::Stmt));
        }
        block.items = items;
    }
}

struct Rewriter<'a> {
    tys: HashMap<LocalId, Ty>,
    model: DataModel,
    locals: &'a mut Vec<Local>,
    /// Loads that the expression being rewritten needs before it.
    loads: Vec<Stmt>,
}

impl Rewriter<'_> {
    fn statement(&mut self, stmt: &mut Stmt, obligations: &mut [Obligation]) {
        let span = stmt.span;
        match &mut stmt.kind {
            StmtKind::Assign { dst, value } => {
                self.expression(value, span);
                if let Some(ty) = self.tys.get(dst) {
                    let (ptr, value) = (Expr::LocalAddress(*dst), std::mem::replace(value, Expr::Null));
                    stmt.kind = StmtKind::Store {
                        ptr,
                        value,
                        ty: *ty,
                        volatile: false,
                    };
                }
            }
            StmtKind::Load { ptr, .. }
            | StmtKind::StringLength { ptr, .. }
            | StmtKind::ObjectSize { ptr, .. } => {
                self.expression(ptr, span);
            }
            StmtKind::Free { ptr } | StmtKind::Assume(ptr) | StmtKind::Alloc { size: ptr, .. } => {
                self.expression(ptr, span);
            }
            StmtKind::Store { ptr, value, .. } => {
                self.expression(ptr, span);
                self.expression(value, span);
            }
            StmtKind::Copy { dst, src, size } => {
                self.expression(dst, span);
                self.expression(src, span);
                self.expression(size, span);
            }
            StmtKind::Fill { dst, unit, size } => {
                self.expression(dst, span);
                self.expression(unit, span);
                self.expression(size, span);
            }
            StmtKind::HavocMemory { dst, size } => {
                self.expression(dst, span);
                self.expression(size, span);
            }
            StmtKind::Text { dst, size, of } => {
                for part in [dst, size].into_iter().chain(of) {
                    self.expression(part, span);
                }
            }
            StmtKind::Assembly { inputs, .. } => {
                for part in inputs {
                    self.expression(part, span);
                }
            }
            StmtKind::Call { callee, args, .. } => {
                if let vf_ir::Callee::Indirect(target) = callee {
                    self.expression(target, span);
                }
                for a in args {
                    self.expression(a, span);
                }
            }
            StmtKind::Check(id) => {
                if let Some(o) = obligations.get_mut(id.index()) {
                    self.condition(&mut o.condition, span);
                }
            }
            StmtKind::Havoc { .. } | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {}
        }
    }

    fn condition(&mut self, condition: &mut Condition, span: Span) {
        match condition {
            Condition::InitializedLocal(l) => {
                if let Some(ty) = self.tys.get(l) {
                    let size = Expr::int(self.model.pointer_bits(), i128::from(ty.size(self.model)));
                    *condition = Condition::InitializedMemory {
                        ptr: Expr::LocalAddress(*l),
                        size,
                    };
                }
            }
            Condition::Holds(e) | Condition::Lossless { value: e, .. } => self.expression(e, span),
            Condition::NoOverflow { lhs, rhs, .. } => {
                self.expression(lhs, span);
                self.expression(rhs, span);
            }
            Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
                self.expression(ptr, span);
                self.expression(size, span);
            }
            Condition::NotNull { ptr }
            | Condition::Live { ptr }
            | Condition::Terminated { ptr, .. }
            | Condition::Freeable { ptr } => self.expression(ptr, span),
            Condition::Freed { .. } | Condition::Unreachable => {}
        }
    }

    /// Replaces reads of the demoted registers by what is loaded here.
    fn expression(&mut self, e: &mut Expr, span: Span) {
        match e {
            Expr::Local(l) => {
                if let (Some(ty), Some(from)) = (self.tys.get(l).copied(), self.locals.get(l.index())) {
                    let loaded = Local {
                        name: "tmp".to_string(),
                        ty: from.ty.clone(),
                        storage: Storage::Register(ty),
                        user: false,
                        span,
                    };
                    let dst = LocalId(self.locals.len() as u32);
                    self.locals.push(loaded);
                    let kind = StmtKind::Load {
                        dst,
                        ptr: Expr::LocalAddress(*l),
                        ty,
                        volatile: false,
                    };
                    self.loads.push(Stmt { kind, span });
                    *e = Expr::Local(dst);
                }
            }
            Expr::Unary { arg, .. }
            | Expr::Resize { arg, .. }
            | Expr::PtrToInt(arg)
            | Expr::IntToPtr(arg) => {
                self.expression(arg, span);
            }
            Expr::Member { ptr, .. } => self.expression(ptr, span),
            Expr::Binary { lhs, rhs, .. }
            | Expr::Compare { lhs, rhs, .. }
            | Expr::PtrCompare { lhs, rhs, .. }
            | Expr::PtrDiff { lhs, rhs, .. } => {
                self.expression(lhs, span);
                self.expression(rhs, span);
            }
            Expr::PtrAdd { ptr, index, .. } => {
                self.expression(ptr, span);
                self.expression(index, span);
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                self.expression(condition, span);
                self.expression(then, span);
                self.expression(otherwise, span);
            }
            Expr::Int { .. }
            | Expr::Null
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_) => {}
        }
    }
}

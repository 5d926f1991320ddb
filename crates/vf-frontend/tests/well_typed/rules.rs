//! The typing rules of the IR, as `vf_ir` states them: what every layer behind the front end relies on.

use std::collections::HashSet;

use vf_ir::{
    BlockId, Body, Callee, Condition, Expr, Function, LocalId, Program, StmtKind, Storage, Terminator, Ty,
};

/// Every rule that a program breaks, in words; empty for a well-typed one.
pub fn broken_rules(program: &Program) -> Vec<String> {
    let mut broken = Vec::new();
    for f in &program.functions {
        if let Body::Defined(blocks) = &f.body {
            let mut check = Check {
                program,
                f,
                broken: Vec::new(),
            };
            check.parameters();
            for (n, b) in blocks.iter().enumerate() {
                for s in &b.statements {
                    check.statement(&s.kind);
                }
                check.terminator(&b.terminator, blocks.len(), n);
            }
            check.checks();
            broken.extend(check.broken.into_iter().map(|b| format!("{}: {b}", f.name)));
        }
    }
    let mut names = HashSet::new();
    for name in program
        .functions
        .iter()
        .map(|f| &f.name)
        .chain(program.globals.iter().map(|g| &g.name))
    {
        if !names.insert(name) {
            broken.push(format!("two functions or globals are called {name}"));
        }
    }
    broken
}

struct Check<'a> {
    program: &'a Program,
    f: &'a Function,
    broken: Vec<String>,
}

impl Check<'_> {
    fn demand(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            let what = what();
            self.broken.push(what);
        }
    }

    fn pointer(&self) -> Ty {
        Ty::Int(self.program.model.pointer_bits())
    }

    fn register(&self, l: LocalId) -> Option<Ty> {
        match self.f.locals.get(l.index())?.storage {
            Storage::Register(ty) => Some(ty),
            Storage::Memory => None,
        }
    }

    fn parameters(&mut self) {
        for (n, p) in self.f.params.iter().enumerate() {
            let (index, known) = (p.index(), self.register(*p).is_some());
            self.demand(index == n && known, || {
                format!("parameter {n} is not local {n} in a register")
            });
        }
    }

    fn expects(&mut self, e: &Expr, wanted: Ty) {
        let found = self.ty(e);
        self.demand(found == Some(wanted), || {
            format!("{e:?} is {found:?}, not {wanted:?}")
        });
    }

    fn assigns(&mut self, dst: LocalId, ty: Option<Ty>) {
        let found = self.register(dst);
        self.demand(found.is_some() && found == ty, || {
            format!("{dst:?} ({found:?}) gets {ty:?}")
        });
    }

    /// Type of an expression whose parts obey the rules.
    fn ty(&mut self, e: &Expr) -> Option<Ty> {
        match e {
            Expr::Int { bits, value } => {
                let fits = (1..=128).contains(bits) && (*bits == 128 || value >> bits == 0);
                self.demand(fits, || format!("{e:?} is too wide"));
                Some(Ty::Int(*bits))
            }
            Expr::Local(l) => {
                let ty = self.register(*l);
                self.demand(ty.is_some(), || format!("{l:?} is read but is no register"));
                ty
            }
            Expr::LocalAddress(l) => {
                let memory = self
                    .f
                    .locals
                    .get(l.index())
                    .is_some_and(|l| l.storage == Storage::Memory);
                self.demand(memory, || format!("the address of {l:?}, which is not in memory"));
                Some(Ty::Ptr)
            }
            Expr::GlobalAddress(g) => {
                let known = g.index() < self.program.globals.len();
                self.demand(known, || format!("no {g:?}"));
                Some(Ty::Ptr)
            }
            Expr::FunctionAddress(g) => {
                let known = g.index() < self.program.functions.len();
                self.demand(known, || format!("no {g:?}"));
                Some(Ty::Ptr)
            }
            Expr::Null => Some(Ty::Ptr),
            Expr::Unary { arg, .. } => self.integer(arg),
            Expr::Binary { lhs, rhs, .. } => {
                let ty = self.integer(lhs)?;
                self.expects(rhs, ty);
                Some(ty)
            }
            Expr::Compare { lhs, rhs, .. } => {
                let ty = self.integer(lhs)?;
                self.expects(rhs, ty);
                Some(Ty::Int(1))
            }
            Expr::PtrCompare { lhs, rhs, .. } => {
                self.expects(lhs, Ty::Ptr);
                self.expects(rhs, Ty::Ptr);
                Some(Ty::Int(1))
            }
            Expr::Resize { kind, bits, arg } => {
                if let Some(Ty::Int(from)) = self.integer(arg) {
                    let narrows = *kind == vf_ir::Resize::Truncate;
                    self.demand(if narrows { *bits < from } else { *bits > from }, || {
                        format!("{e:?} from {from} bits")
                    });
                }
                Some(Ty::Int(*bits))
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                self.expects(condition, Ty::Int(1));
                let ty = self.ty(then)?;
                self.expects(otherwise, ty);
                Some(ty)
            }
            Expr::PtrAdd { ptr, index, .. } => {
                self.expects(ptr, Ty::Ptr);
                self.expects(index, self.pointer());
                Some(Ty::Ptr)
            }
            Expr::Member { ptr, record, field } => {
                self.expects(ptr, Ty::Ptr);
                let records = &self.program.records;
                let known = records
                    .get(record.0 as usize)
                    .is_some_and(|r| (*field as usize) < r.fields.len());
                self.demand(known, || format!("no field {field} of {record:?}"));
                Some(Ty::Ptr)
            }
            Expr::PtrDiff { lhs, rhs, scale } => {
                self.expects(lhs, Ty::Ptr);
                self.expects(rhs, Ty::Ptr);
                self.demand(*scale > 0, || "a difference in units of nothing".to_string());
                Some(self.pointer())
            }
            Expr::PtrToInt(arg) => {
                self.expects(arg, Ty::Ptr);
                Some(self.pointer())
            }
            Expr::IntToPtr(arg) => {
                self.expects(arg, self.pointer());
                Some(Ty::Ptr)
            }
        }
    }

    fn integer(&mut self, e: &Expr) -> Option<Ty> {
        let ty = self.ty(e);
        self.demand(matches!(ty, Some(Ty::Int(_))), || {
            format!("{e:?} is {ty:?}, not an integer")
        });
        ty
    }

    fn statement(&mut self, s: &StmtKind) {
        let size = self.pointer();
        match s {
            StmtKind::Assign { dst, value } => {
                let ty = self.ty(value);
                self.assigns(*dst, ty);
            }
            StmtKind::Havoc { dst, .. } => {
                let known = self.register(*dst).is_some();
                self.demand(known, || format!("{dst:?} is havocked but is no register"));
            }
            StmtKind::Load { dst, ptr, ty, .. } => {
                self.expects(ptr, Ty::Ptr);
                self.assigns(*dst, Some(*ty));
            }
            StmtKind::Store { ptr, value, ty, .. } => {
                self.expects(ptr, Ty::Ptr);
                self.expects(value, *ty);
            }
            StmtKind::Copy { dst, src, size: n } => {
                self.expects(dst, Ty::Ptr);
                self.expects(src, Ty::Ptr);
                self.expects(n, size);
            }
            StmtKind::Fill { dst, unit, size: n } => {
                self.expects(dst, Ty::Ptr);
                self.integer(unit);
                self.expects(n, size);
            }
            StmtKind::HavocMemory { dst, size: n } | StmtKind::Text { dst, size: n, .. } => {
                self.expects(dst, Ty::Ptr);
                self.expects(n, size);
            }
            StmtKind::Assembly { inputs, .. } => {
                for input in inputs {
                    let ty = self.ty(input);
                    self.demand(ty.is_some(), || format!("{input:?} has no type"));
                }
            }
            StmtKind::Alloc { dst, size: n, .. } => {
                self.expects(n, size);
                self.assigns(*dst, Some(Ty::Ptr));
            }
            StmtKind::Free { ptr } => self.expects(ptr, Ty::Ptr),
            StmtKind::StringLength { dst, ptr, .. } | StmtKind::ObjectSize { dst, ptr } => {
                self.expects(ptr, Ty::Ptr);
                self.assigns(*dst, Some(size));
            }
            StmtKind::Call { dst, callee, args } => self.call(*dst, callee, args),
            StmtKind::Check(id) => {
                let known = id.index() < self.f.obligations.len();
                self.demand(known, || format!("no {id:?}"));
            }
            StmtKind::Assume(e) => self.expects(e, Ty::Int(1)),
            StmtKind::ScopeStart(l) | StmtKind::ScopeEnd(l) => {
                let memory = self
                    .f
                    .locals
                    .get(l.index())
                    .is_some_and(|l| l.storage == Storage::Memory);
                self.demand(memory, || format!("a life of {l:?}, which is not in memory"));
            }
        }
    }

    fn call(&mut self, dst: Option<LocalId>, callee: &Callee, args: &[Expr]) {
        let found: Vec<Option<Ty>> = args.iter().map(|a| self.ty(a)).collect();
        match callee {
            Callee::Indirect(target) => self.expects(target, Ty::Ptr),
            Callee::Direct(id) => {
                let Some(callee) = self.program.functions.get(id.index()) else {
                    return self.demand(false, || format!("no {id:?}"));
                };
                let wanted: Vec<Option<Ty>> = callee
                    .params
                    .iter()
                    .map(|p| match callee.locals.get(p.index()).map(|l| l.storage) {
                        Some(Storage::Register(ty)) => Some(ty),
                        _ => None,
                    })
                    .collect();
                let same = found.len() >= wanted.len()
                    && found.iter().zip(&wanted).all(|(a, b)| a == b)
                    && (callee.variadic || found.len() == wanted.len());
                self.demand(same, || {
                    format!("{} takes {wanted:?}, gets {found:?}", callee.name)
                });
                if let Some(dst) = dst {
                    let result = self.register(dst);
                    let returns = callee.ret.scalar();
                    self.demand(result == returns, || {
                        format!("{} returns {returns:?}", callee.name)
                    });
                }
            }
        }
    }

    fn terminator(&mut self, t: &Terminator, blocks: usize, from: usize) {
        let mut target = |b: BlockId| {
            let fine = b.index() < blocks && b.index() != 0;
            self.demand(fine, || format!("block {from} jumps to {b:?}"));
        };
        match t {
            Terminator::Goto(b) => target(*b),
            Terminator::Branch {
                condition,
                then,
                otherwise,
            } => {
                target(*then);
                target(*otherwise);
                self.expects(condition, Ty::Int(1));
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => {
                cases.iter().for_each(|c| target(c.target));
                target(*default);
                if let Some(Ty::Int(bits)) = self.integer(value) {
                    let fine = cases
                        .iter()
                        .all(|c| c.low <= c.high && (bits == 128 || c.high >> bits == 0));
                    self.demand(fine, || format!("cases of a switch over {bits} bits: {cases:?}"));
                }
            }
            Terminator::Return(value) => {
                let found = value.as_ref().map(|v| self.ty(v));
                let wanted = self.f.ret.scalar();
                self.demand(found.flatten() == wanted, || {
                    format!("returns {found:?}, not {wanted:?}")
                });
            }
            Terminator::Unreachable => {}
        }
    }

    /// Each obligation has one check, and its condition is well-typed.
    fn checks(&mut self) {
        let mut seen = vec![0; self.f.obligations.len()];
        for s in self.f.blocks().iter().flat_map(|b| &b.statements) {
            if let StmtKind::Check(id) = s.kind
                && let Some(n) = seen.get_mut(id.index())
            {
                *n += 1;
            }
        }
        self.demand(seen.iter().all(|n| *n == 1), || {
            format!("checks of the obligations: {seen:?}")
        });
        let f = self.f;
        for o in &f.obligations {
            match &o.condition {
                Condition::Holds(e) => self.expects(e, Ty::Int(1)),
                Condition::NoOverflow { lhs, rhs, .. } => {
                    if let Some(ty) = self.integer(lhs) {
                        self.expects(rhs, ty);
                    }
                }
                Condition::Lossless { value, .. } => {
                    self.integer(value);
                }
                Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
                    self.expects(ptr, Ty::Ptr);
                    self.expects(size, self.pointer());
                }
                Condition::NotNull { ptr }
                | Condition::Live { ptr }
                | Condition::Terminated { ptr, .. }
                | Condition::Freeable { ptr } => self.expects(ptr, Ty::Ptr),
                Condition::InitializedLocal(l) => {
                    let known = self.register(*l).is_some();
                    self.demand(known, || format!("{l:?} is no register"));
                }
                Condition::Freed { .. } | Condition::Unreachable => {}
            }
        }
    }
}

//! Numbers of one program in the place of those of another.

use vf_source::Span;

use crate::program::{
    Block, Body, Callee, Expr, Function, FunctionId, Global, GlobalId, InitValue, Initial, LocalId, StmtKind,
    Terminator,
};
use crate::{CType, Condition, Record, RecordId};

/// What the records, globals and functions of a program are called in another one.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    pub records: Vec<RecordId>,
    pub globals: Vec<GlobalId>,
    pub functions: Vec<FunctionId>,
}

impl Numbers {
    pub fn ty(&self, ty: &mut CType) {
        match ty {
            CType::Pointer { to, .. } => self.ty(to),
            CType::Array { element, .. } => self.ty(element),
            CType::Record(id) => {
                if let Some(other) = self.records.get(id.0 as usize) {
                    *id = *other;
                }
            }
            CType::Function(function) => {
                self.ty(&mut function.ret);
                for parameter in &mut function.params {
                    self.ty(parameter);
                }
            }
            CType::Void | CType::Bool | CType::Int { .. } | CType::Float { .. } => {}
        }
    }

    pub fn record(&self, record: &mut Record) {
        for field in &mut record.fields {
            self.ty(&mut field.ty);
        }
    }

    pub fn global(&self, global: &mut Global) {
        self.ty(&mut global.ty);
        let Initial::Known(items) = &mut global.init else {
            return;
        };
        for item in items {
            match &mut item.value {
                InitValue::GlobalAddress { global, .. } => self.global_id(global),
                InitValue::FunctionAddress(function) => self.function_id(function),
                InitValue::Int { .. } | InitValue::Bytes(_) | InitValue::Unknown { .. } => {}
            }
        }
    }

    fn global_id(&self, id: &mut GlobalId) {
        if let Some(other) = self.globals.get(id.index()) {
            *id = *other;
        }
    }

    fn function_id(&self, id: &mut FunctionId) {
        if let Some(other) = self.functions.get(id.index()) {
            *id = *other;
        }
    }

    pub fn function(&self, function: &mut Function) {
        self.ty(&mut function.ret);
        for local in &mut function.locals {
            self.ty(&mut local.ty);
        }
        let mut expressions = |expr: &mut Expr| self.expression(expr);
        for obligation in &mut function.obligations {
            each_of_condition(&mut obligation.condition, &mut expressions);
        }
        let Body::Defined(blocks) = &mut function.body else {
            return;
        };
        for block in blocks {
            for statement in &mut block.statements {
                if let StmtKind::Call {
                    callee: Callee::Direct(callee),
                    ..
                } = &mut statement.kind
                {
                    self.function_id(callee);
                }
                each_of_statement(&mut statement.kind, &mut |expr| self.expression(expr));
            }
            each_of_terminator(&mut block.terminator, &mut |expr| self.expression(expr));
        }
    }

    fn expression(&self, expr: &mut Expr) {
        match expr {
            Expr::GlobalAddress(id) => self.global_id(id),
            Expr::FunctionAddress(id) => self.function_id(id),
            Expr::Member { record, .. } => {
                if let Some(other) = self.records.get(record.0 as usize) {
                    *record = *other;
                }
            }
            _ => {}
        }
        each_part(expr, &mut |part| self.expression(part));
    }
}

/// The same function without the places in the source that it came from.
pub fn without_spans(function: &Function) -> Function {
    let mut function = function.clone();
    function.span = Span::NONE;
    for local in &mut function.locals {
        local.span = Span::NONE;
    }
    for obligation in &mut function.obligations {
        obligation.span = Span::NONE;
    }
    match &mut function.body {
        Body::Declared => {}
        Body::Unsupported(why) => why.span = Span::NONE,
        Body::Defined(blocks) => {
            for Block {
                statements,
                terminator_span,
                ..
            } in blocks
            {
                *terminator_span = Span::NONE;
                for statement in statements {
                    statement.span = Span::NONE;
                }
            }
        }
    }
    function
}

/// Gives every local of a statement another number.
pub(super) fn rename_locals(kind: &mut StmtKind, name: &impl Fn(LocalId) -> LocalId) {
    match kind {
        StmtKind::Assign { dst, .. }
        | StmtKind::Havoc { dst, .. }
        | StmtKind::Load { dst, .. }
        | StmtKind::Alloc { dst, .. }
        | StmtKind::StringLength { dst, .. }
        | StmtKind::ObjectSize { dst, .. }
        | StmtKind::Call { dst: Some(dst), .. }
        | StmtKind::ScopeStart(dst)
        | StmtKind::ScopeEnd(dst) => *dst = name(*dst),
        StmtKind::Call { dst: None, .. }
        | StmtKind::Store { .. }
        | StmtKind::Copy { .. }
        | StmtKind::Fill { .. }
        | StmtKind::HavocMemory { .. }
        | StmtKind::Text { .. }
        | StmtKind::Assembly { .. }
        | StmtKind::Free { .. }
        | StmtKind::Check(_)
        | StmtKind::Assume(_) => {}
    }
    each_of_statement(kind, &mut |expr| rename_in(expr, name));
}

pub(super) fn rename_in(expr: &mut Expr, name: &impl Fn(LocalId) -> LocalId) {
    if let Expr::Local(id) | Expr::LocalAddress(id) = expr {
        *id = name(*id);
    }
    each_part(expr, &mut |part| rename_in(part, name));
}

/// The expressions that a statement is made of, not those within them.
fn each_of_statement(kind: &mut StmtKind, visit: &mut impl FnMut(&mut Expr)) {
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
        StmtKind::Copy { dst, src, size } => [dst, src, size].into_iter().for_each(visit),
        StmtKind::Fill { dst, unit, size } => [dst, unit, size].into_iter().for_each(visit),
        StmtKind::HavocMemory { dst, size } => [dst, size].into_iter().for_each(visit),
        StmtKind::Text { dst, size, of } => [dst, size].into_iter().chain(of).for_each(visit),
        StmtKind::Alloc { size, .. } => visit(size),
        StmtKind::Assembly { inputs, .. } => inputs.iter_mut().for_each(visit),
        StmtKind::Call { callee, args, .. } => {
            if let Callee::Indirect(pointer) = callee {
                visit(pointer);
            }
            args.iter_mut().for_each(visit);
        }
        StmtKind::Havoc { .. } | StmtKind::Check(_) | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {}
    }
}

pub(super) fn each_of_terminator(terminator: &mut Terminator, visit: &mut impl FnMut(&mut Expr)) {
    match terminator {
        Terminator::Branch { condition: value, .. }
        | Terminator::Switch { value, .. }
        | Terminator::Return(Some(value)) => visit(value),
        Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
    }
}

fn each_of_condition(condition: &mut Condition, visit: &mut impl FnMut(&mut Expr)) {
    match condition {
        Condition::Holds(expr) => visit(expr),
        Condition::NoOverflow { lhs, rhs, .. } => [lhs, rhs].into_iter().for_each(visit),
        Condition::Lossless { value, .. } => visit(value),
        Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
            [ptr, size].into_iter().for_each(visit);
        }
        Condition::NotNull { ptr }
        | Condition::Live { ptr }
        | Condition::Terminated { ptr, .. }
        | Condition::Freeable { ptr } => visit(ptr),
        Condition::InitializedLocal(_) | Condition::Freed { .. } | Condition::Unreachable => {}
    }
}

/// The operands of an expression.
fn each_part(expr: &mut Expr, visit: &mut impl FnMut(&mut Expr)) {
    match expr {
        Expr::Int { .. }
        | Expr::Null
        | Expr::Local(_)
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => {}
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => {
            visit(arg);
        }
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => {
            visit(lhs);
            visit(rhs);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            visit(condition);
            visit(then);
            visit(otherwise);
        }
        Expr::PtrAdd { ptr, index, .. } => {
            visit(ptr);
            visit(index);
        }
        Expr::Member { ptr, .. } => visit(ptr),
    }
}

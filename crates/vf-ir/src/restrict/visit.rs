//! Every place of a function or a global that names something outside of it, or stands somewhere in the source.

use vf_source::Span;

use crate::obligation::Condition;
use crate::program::{
    Body, Callee, Expr, Function, FunctionId, Global, GlobalId, InitValue, Initial, StmtKind, Terminator,
};
use crate::types::{CType, Record, RecordId};

/// What is done with each name.
pub(super) trait Names {
    fn function(&mut self, id: &mut FunctionId);
    fn global(&mut self, id: &mut GlobalId);
    fn record(&mut self, id: &mut RecordId);
}

pub(super) fn names_of_record(record: &mut Record, names: &mut impl Names) {
    for field in &mut record.fields {
        names_of_type(&mut field.ty, names);
    }
}

pub(super) fn names_of_global(global: &mut Global, names: &mut impl Names) {
    names_of_type(&mut global.ty, names);
    let Initial::Known(items) = &mut global.init else {
        return;
    };
    for item in items {
        match &mut item.value {
            InitValue::GlobalAddress { global, .. } => names.global(global),
            InitValue::FunctionAddress(function) => names.function(function),
            InitValue::Int { .. } | InitValue::Bytes(_) | InitValue::Unknown { .. } => {}
        }
    }
}

pub(super) fn names_of_function(function: &mut Function, names: &mut impl Names) {
    names_of_type(&mut function.ret, names);
    for local in &mut function.locals {
        names_of_type(&mut local.ty, names);
    }
    for obligation in &mut function.obligations {
        names_of_condition(&mut obligation.condition, names);
    }
    let Body::Defined(blocks) = &mut function.body else {
        return;
    };
    for block in blocks {
        for statement in &mut block.statements {
            names_of_statement(&mut statement.kind, names);
        }
        match &mut block.terminator {
            Terminator::Branch { condition: value, .. }
            | Terminator::Switch { value, .. }
            | Terminator::Return(Some(value)) => names_of_expr(value, names),
            Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
        }
    }
}

fn names_of_statement(kind: &mut StmtKind, names: &mut impl Names) {
    match kind {
        StmtKind::Assign { value, .. } | StmtKind::Assume(value) => names_of_expr(value, names),
        StmtKind::Load { ptr, .. }
        | StmtKind::Free { ptr }
        | StmtKind::StringLength { ptr, .. }
        | StmtKind::ObjectSize { ptr, .. } => names_of_expr(ptr, names),
        StmtKind::Store { ptr, value, .. } => names_of_each([ptr, value], names),
        StmtKind::Copy { dst, src, size } => names_of_each([dst, src, size], names),
        StmtKind::Fill { dst, unit, size } => names_of_each([dst, unit, size], names),
        StmtKind::HavocMemory { dst, size } => names_of_each([dst, size], names),
        StmtKind::Text { dst, size, of } => names_of_each([dst, size].into_iter().chain(of), names),
        StmtKind::Alloc { size, .. } => names_of_expr(size, names),
        StmtKind::Assembly { inputs, .. } => names_of_each(inputs, names),
        StmtKind::Call { callee, args, .. } => {
            match callee {
                Callee::Direct(function) => names.function(function),
                Callee::Indirect(pointer) => names_of_expr(pointer, names),
            }
            names_of_each(args, names);
        }
        StmtKind::Havoc { .. } | StmtKind::Check(_) | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {}
    }
}

fn names_of_condition(condition: &mut Condition, names: &mut impl Names) {
    match condition {
        Condition::Holds(value) | Condition::Lossless { value, .. } => names_of_expr(value, names),
        Condition::NoOverflow { lhs, rhs, .. } => names_of_each([lhs, rhs], names),
        Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
            names_of_each([ptr, size], names);
        }
        Condition::NotNull { ptr }
        | Condition::Live { ptr }
        | Condition::Terminated { ptr, .. }
        | Condition::Freeable { ptr } => names_of_expr(ptr, names),
        Condition::InitializedLocal(_) | Condition::Freed { .. } | Condition::Unreachable => {}
    }
}

fn names_of_each<'e>(expressions: impl IntoIterator<Item = &'e mut Expr>, names: &mut impl Names) {
    for expr in expressions {
        names_of_expr(expr, names);
    }
}

fn names_of_expr(expr: &mut Expr, names: &mut impl Names) {
    match expr {
        Expr::Int { .. } | Expr::Null | Expr::Local(_) | Expr::LocalAddress(_) => {}
        Expr::GlobalAddress(global) => names.global(global),
        Expr::FunctionAddress(function) => names.function(function),
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => {
            names_of_expr(arg, names);
        }
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => {
            names_of_expr(lhs, names);
            names_of_expr(rhs, names);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            names_of_expr(condition, names);
            names_of_expr(then, names);
            names_of_expr(otherwise, names);
        }
        Expr::PtrAdd { ptr, index, .. } => {
            names_of_expr(ptr, names);
            names_of_expr(index, names);
        }
        Expr::Member { ptr, record, .. } => {
            names.record(record);
            names_of_expr(ptr, names);
        }
    }
}

fn names_of_type(ty: &mut CType, names: &mut impl Names) {
    match ty {
        CType::Void | CType::Bool | CType::Int { .. } | CType::Float { .. } => {}
        CType::Pointer { to, .. } => names_of_type(to, names),
        CType::Array { element, .. } => names_of_type(element, names),
        CType::Record(record) => names.record(record),
        CType::Function(function) => {
            names_of_type(&mut function.ret, names);
            for parameter in &mut function.params {
                names_of_type(parameter, names);
            }
        }
    }
}

/// Every span of a function, that of the whole first.
pub(super) fn spans_of_function(function: &mut Function, visit: &mut dyn FnMut(&mut Span)) {
    visit(&mut function.span);
    for local in &mut function.locals {
        visit(&mut local.span);
    }
    for obligation in &mut function.obligations {
        visit(&mut obligation.span);
    }
    match &mut function.body {
        Body::Declared => {}
        Body::Unsupported(why) => visit(&mut why.span),
        Body::Defined(blocks) => {
            for block in blocks {
                for statement in &mut block.statements {
                    visit(&mut statement.span);
                }
                visit(&mut block.terminator_span);
            }
        }
    }
}

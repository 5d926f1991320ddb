//! The body of one function: parameters, statements, and what happens at the closing brace.

use super::body::{Addressed, FunctionState};
use super::declarations::{old_style_names, parameter_list};
use super::finish::{finish, successors};
use super::program::declarator_name;
use super::types::{Signature, Type};
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use lang_c::visit::{self, Visit};
use std::rc::Rc;
use vf_ir::{FunctionId, Local, Property, Storage, Terminator, Ty};
use vf_source::Span;

/// The closing brace.
fn closing(at: NodeSpan) -> NodeSpan {
    NodeSpan::span(at.end.saturating_sub(1).max(at.start), at.end)
}

/// Names of a definition's parameters.
pub(crate) fn parameter_names(d: &Node<ast::Declarator>, count: usize) -> Vec<(Option<String>, NodeSpan)> {
    let old = old_style_names(d);
    if !old.is_empty() {
        return old.into_iter().map(|n| (Some(n), d.span)).collect();
    }
    let Some(list) = parameter_list(d) else {
        return Vec::new();
    };
    list.node
        .parameters
        .iter()
        .take(count)
        .map(|p| match p.node.declarator.as_ref().and_then(declarator_name) {
            Some((name, at)) => (Some(name), at),
            None => (None, p.span),
        })
        .collect()
}

/// Where the address of a name is taken in a function body: by `&`, or by assembly that names memory.
fn addressed_names(body: &Node<ast::Statement>) -> Addressed {
    struct Collect(Addressed);
    impl<'ast> Visit<'ast> for Collect {
        fn visit_unary_operator_expression(
            &mut self,
            u: &'ast ast::UnaryOperatorExpression,
            span: &'ast NodeSpan,
        ) {
            if let (ast::UnaryOperator::Address, ast::Expression::Identifier(i)) =
                (&u.operator.node, &u.operand.node)
            {
                self.0.add(&i.node.name, i.span.start);
            }
            visit::visit_unary_operator_expression(self, u, span);
        }

        fn visit_gnu_asm_operand(&mut self, o: &'ast ast::GnuAsmOperand, span: &'ast NodeSpan) {
            let memory = o
                .constraints
                .node
                .iter()
                .any(|c| c.contains(['m', 'o', 'A', 'Q', 'U']));
            if let (true, ast::Expression::Identifier(i)) = (memory, &o.variable_name.node) {
                self.0.add(&i.node.name, i.span.start);
            }
            visit::visit_gnu_asm_operand(self, o, span);
        }
    }
    let mut collect = Collect(Addressed::default());
    collect.visit_statement(&body.node, &body.span);
    collect.0
}

impl Lowerer<'_> {
    pub fn lower_body(
        &mut self,
        id: FunctionId,
        d: &Node<ast::FunctionDefinition>,
        signature: &Rc<Signature>,
    ) -> Lowered<super::finish::Finished> {
        let lost = self.declaration.as_ref().and_then(|p| {
            p.side
                .unsupported(d.span.start..d.span.end)
                .map(|(_, what)| what.to_string())
        });
        if let Some(what) = lost {
            return self.unsupported(what, d.span);
        }
        let name = self
            .functions
            .get(id.index())
            .map(|i| i.c_name.clone())
            .unwrap_or_default();
        let mut state = FunctionState::new(&name, signature.ret.clone(), addressed_names(&d.node.statement));
        let whole = self.span(d.span);
        if signature.ret.record().is_some() {
            state.ret_pointer = Some(state.new_local(Local {
                name: ".ret".to_string(),
                ty: signature.ret.to_ir().pointer_to(),
                storage: Storage::Register(Ty::Ptr),
                user: false,
                span: whole,
            }));
        }
        let mut parameters = Vec::new();
        for (n, (name, at)) in parameter_names(&d.node.declarator, signature.params.len())
            .into_iter()
            .enumerate()
        {
            let Some(ty) = signature.params.get(n) else {
                continue;
            };
            let span = self.span(at);
            let local = state.new_local(Local {
                name: name.clone().unwrap_or_else(|| format!("p{n}")),
                ty: ty.to_ir(),
                storage: Storage::Register(ty.scalar().unwrap_or(Ty::Ptr)),
                user: name.is_some(),
                span,
            });
            parameters.push((local, name, ty.clone(), at));
        }
        let params = (0..state.locals.len())
            .map(|n| vf_ir::LocalId(n as u32))
            .collect();
        if let Some(f) = self.program.functions.get_mut(id.index()) {
            f.params = params;
            f.locals = state.locals.clone();
        }
        self.function = Some(Box::new(state));
        if signature.ret.record().is_some() {
            self.size_of(&signature.ret, d.span)?;
        }
        let mut named = Vec::new();
        for (local, name, ty, at) in parameters {
            if ty.is_bool() {
                self.assume_bool(local, whole);
            }
            if let Some(record) = ty.pointee().and_then(Type::record) {
                // What the caller passes is an object of this type: its layout matters even if unused here.
                let _ = self.complete(record);
            }
            let ty = self.parameter_in_scope(d, name.as_deref(), ty)?;
            if let Some(name) = name {
                self.copy_parameter(local, &name, &ty, at)?;
                named.push((local, name, ty));
            }
        }
        self.begin_contract(id, d, &named);
        self.statement(&d.node.statement)?;
        let body = self.span(d.node.statement.span);
        self.name_unseen_annotations(body);
        self.fall_off(&name, d.span);
        self.resolve_gotos()?;
        let model = self.model;
        Ok(finish(self.f(), model))
    }

    /// A parameter that points to a variable-length array needs its length evaluated here.
    fn parameter_in_scope(
        &mut self,
        d: &Node<ast::FunctionDefinition>,
        name: Option<&str>,
        ty: Type,
    ) -> Lowered<Type> {
        let Some(to) = ty.pointee().filter(|t| t.is_variable()) else {
            return Ok(ty);
        };
        let _ = to;
        let list = parameter_list(&d.node.declarator);
        for p in list.iter().flat_map(|f| &f.node.parameters) {
            let Some(declarator) = &p.node.declarator else {
                continue;
            };
            if declarator_name(declarator).map(|(n, _)| n).as_deref() != name {
                continue;
            }
            let s = self.specifiers(&p.node.specifiers)?;
            let outer = self.outermost_length_skipped(s.ty, declarator)?;
            return Ok(outer);
        }
        Ok(ty)
    }

    /// The parameter's pointer type, its inner lengths evaluated.
    fn outermost_length_skipped(&mut self, base: Type, d: &Node<ast::Declarator>) -> Lowered<Type> {
        let declared = self.declarator(base, d)?;
        Ok(declared.ty.decayed())
    }

    /// What happens at the closing brace (C11 6.9.1p12, 5.1.2.2.3).
    fn fall_off(&mut self, name: &str, at: NodeSpan) {
        let ret = self.f().ret.clone();
        if ret.is_void() || ret.record().is_some() {
            if !self.f().is_terminated() {
                self.leave_function(None, at);
            }
            return;
        }
        if self.f().is_terminated() {
            return;
        }
        if name == "main" {
            self.leave_function(Some(vf_ir::Expr::int(32, 0)), at);
            return;
        }
        let f = self.f();
        let current = f.current;
        let reached = current.index() == 0
            || f.blocks.get(current.index()).is_some_and(|b| !b.items.is_empty())
            || f.gotos.iter().any(|g| g.from == current)
            || f.blocks.iter().any(|b| {
                b.terminator
                    .as_ref()
                    .is_some_and(|(t, _): &(Terminator, Span)| successors(t).contains(&current))
            });
        if reached && f.returns_value {
            self.oblige(
                Property::UnreachableCode,
                vf_ir::Condition::Unreachable,
                closing(at),
            );
        }
        self.return_unknown(at);
    }
}

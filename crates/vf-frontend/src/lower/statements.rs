//! Statements and declarations inside functions (C11 6.8, 6.7).

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BlockId, Expr, HavocReason, StmtKind, SwitchCase, Terminator};
use vf_source::Span;

use super::body::{Item, Label, OpenSwitch, Target};
use super::{Lowered, Lowerer};
use crate::normalise::Rewrite;

impl Lowerer<'_> {
    pub fn statement(&mut self, s: &Node<ast::Statement>) -> Lowered<()> {
        self.nested(s.span, |this| this.statement_inner(s))
    }

    fn statement_inner(&mut self, s: &Node<ast::Statement>) -> Lowered<()> {
        let span = self.span(s.span);
        let is_loop = matches!(
            s.node,
            ast::Statement::While(_) | ast::Statement::DoWhile(_) | ast::Statement::For(_)
        );
        self.annotated_assertions(s.span, is_loop);
        match &s.node {
            ast::Statement::Labeled(l) => {
                self.label(&l.node.label)?;
                self.statement(&l.node.statement)
            }
            ast::Statement::Compound(items) => {
                self.f().enter_scope();
                self.f().block_ends.push(s.span.end);
                self.local_labels(s.span);
                let result = items.iter().try_for_each(|item| self.block_item(item));
                self.f().block_ends.pop();
                self.f().leave_scope();
                result
            }
            ast::Statement::Expression(None) => Ok(()),
            ast::Statement::Expression(Some(e)) => self.effect(e),
            ast::Statement::If(i) => self.if_statement(&i.node),
            ast::Statement::Switch(w) => self.switch(&w.node, s.span),
            ast::Statement::While(w) => {
                let (head, body, done) = (self.f().new_block(), self.f().new_block(), self.f().new_block());
                self.f().continue_in(head);
                self.annotated_invariants(s.span);
                self.condition(&w.node.expression, body, done)?;
                self.f().current = body;
                self.loop_body(&w.node.statement, head, done)?;
                self.f().terminate(Terminator::Goto(head), span);
                self.f().current = done;
                Ok(())
            }
            ast::Statement::DoWhile(w) => {
                let (body, test, done) = (self.f().new_block(), self.f().new_block(), self.f().new_block());
                self.f().continue_in(body);
                self.annotated_invariants(s.span);
                self.loop_body(&w.node.statement, test, done)?;
                self.f().continue_in(test);
                self.condition(&w.node.expression, body, done)?;
                self.f().current = done;
                Ok(())
            }
            ast::Statement::For(w) => {
                self.f().enter_scope();
                self.f().block_ends.push(s.span.end);
                let result = self.for_statement(&w.node, s.span);
                self.f().block_ends.pop();
                self.f().leave_scope();
                result
            }
            ast::Statement::Goto(label) => {
                let name = self.label_name(&label.node.name);
                self.goto(&name, s.span);
                Ok(())
            }
            ast::Statement::Continue => match self.f().continues.last().copied() {
                Some(target) => {
                    self.f().jump(target, span);
                    Ok(())
                }
                None => self.unsupported("`continue` outside a loop", s.span),
            },
            ast::Statement::Break => match self.f().breaks.last().copied() {
                Some(target) => {
                    self.f().jump(target, span);
                    Ok(())
                }
                None => self.unsupported("`break` outside a loop or switch", s.span),
            },
            ast::Statement::Return(value) => self.return_statement(value.as_deref(), s.span),
            ast::Statement::Asm(a) => self.asm_statement(a, s.span),
        }
    }

    pub fn block_item(&mut self, item: &Node<ast::BlockItem>) -> Lowered<()> {
        match &item.node {
            ast::BlockItem::Declaration(d) => self.local_declaration(d),
            ast::BlockItem::StaticAssert(_) => Ok(()),
            ast::BlockItem::Statement(s) => self.statement(s),
        }
    }

    fn if_statement(&mut self, i: &ast::IfStatement) -> Lowered<()> {
        let (yes, no) = (self.f().new_block(), self.f().new_block());
        self.condition(&i.condition, yes, no)?;
        self.f().current = yes;
        match &i.else_statement {
            None => {
                self.statement(&i.then_statement)?;
                self.f().continue_in(no);
            }
            Some(other) => {
                let done = self.f().new_block();
                self.statement(&i.then_statement)?;
                self.f().terminate(Terminator::Goto(done), Span::NONE);
                self.f().current = no;
                self.statement(other)?;
                self.f().continue_in(done);
            }
        }
        Ok(())
    }

    fn loop_body(&mut self, body: &Node<ast::Statement>, next: BlockId, done: BlockId) -> Lowered<()> {
        let f = self.f();
        let scope = f.scope;
        f.breaks.push(Target { block: done, scope });
        f.continues.push(Target { block: next, scope });
        let result = self.statement(body);
        let f = self.f();
        f.breaks.pop();
        f.continues.pop();
        result
    }

    fn for_statement(&mut self, w: &ast::ForStatement, at: NodeSpan) -> Lowered<()> {
        let span = self.span(at);
        match &w.initializer.node {
            ast::ForInitializer::Empty | ast::ForInitializer::StaticAssert(_) => {}
            ast::ForInitializer::Expression(e) => self.effect(e)?,
            ast::ForInitializer::Declaration(d) => self.local_declaration(d)?,
        }
        let (head, body) = (self.f().new_block(), self.f().new_block());
        let (next, done) = (self.f().new_block(), self.f().new_block());
        self.f().continue_in(head);
        self.annotated_invariants(at);
        match &w.condition {
            Some(c) => self.condition(c, body, done)?,
            None => self.f().terminate(Terminator::Goto(body), span),
        }
        self.f().current = body;
        self.loop_body(&w.statement, next, done)?;
        self.f().continue_in(next);
        if let Some(step) = &w.step {
            self.effect(step)?;
        }
        self.f().terminate(Terminator::Goto(head), span);
        self.f().current = done;
        Ok(())
    }

    fn switch(&mut self, w: &ast::SwitchStatement, at: NodeSpan) -> Lowered<()> {
        let v = self.rvalue(&w.expression)?;
        let v = self.promote(v);
        let Some(ty) = v.ty.integer() else {
            return self.unsupported("a switch over what is not an integer", at);
        };
        let v = self.bounded(v, w.expression.span);
        let span = self.span(w.expression.span);
        let f = self.f();
        if f.is_terminated() {
            let fresh = f.new_block();
            f.current = fresh;
        }
        let head = f.current;
        let (body, done) = (f.new_block(), f.new_block());
        let scope = f.scope;
        f.current = body;
        f.breaks.push(Target { block: done, scope });
        f.switches.push(OpenSwitch {
            scope,
            ty,
            cases: Vec::new(),
            default: None,
        });
        let result = self.statement(&w.statement);
        let f = self.f();
        f.breaks.pop();
        let open = f.switches.pop();
        f.continue_in(done);
        result?;
        let (cases, default) = open.map_or((Vec::new(), None), |o| (o.cases, o.default));
        if let Some(block) = f.blocks.get_mut(head.index()) {
            let terminator = Terminator::Switch {
                value: v.expr,
                cases,
                default: default.unwrap_or(done),
            };
            block.terminator = Some((terminator, span));
        }
        Ok(())
    }

    pub fn label(&mut self, l: &Node<ast::Label>) -> Lowered<()> {
        let block = self.f().new_block();
        match &l.node {
            ast::Label::Identifier(name) => {
                let name = self.label_name(&name.node.name);
                let f = self.f();
                let scope = f.scope;
                let label = f.labels.entry(name).or_insert(Label { block, scope: None });
                if label.scope.is_some() {
                    return self.unsupported("a label defined twice", l.span);
                }
                label.scope = Some(scope);
                let target = label.block;
                f.continue_in(target);
            }
            ast::Label::Case(e) => {
                let value = self.constant_integer(e)?;
                self.case(value, value, block, l.span)?;
            }
            ast::Label::CaseRange(r) => {
                let low = self.constant_integer(&r.node.low)?;
                let high = self.constant_integer(&r.node.high)?;
                self.case(low, high, block, l.span)?;
            }
            ast::Label::Default => {
                let entry = self.entry_from_switch(block, l.span)?;
                if let Some(open) = self.f().switches.last_mut() {
                    open.default = Some(entry);
                }
                self.f().continue_in(block);
            }
        }
        Ok(())
    }

    fn case(&mut self, low: i128, high: i128, block: BlockId, at: NodeSpan) -> Lowered<()> {
        let entry = self.entry_from_switch(block, at)?;
        let Some(open) = self.f().switches.last_mut() else {
            return self.unsupported("`case` outside a switch", at);
        };
        let ty = open.ty;
        let (low, high) = (ty.wrap(low), ty.wrap(high));
        let mask = if ty.bits >= 128 {
            u128::MAX
        } else {
            (1u128 << ty.bits) - 1
        };
        let mut add = |from: i128, to: i128| {
            open.cases.push(SwitchCase {
                low: from as u128 & mask,
                high: to as u128 & mask,
                target: entry,
            });
        };
        // An empty range (GCC warns) matches nothing; one over zero is two ranges of patterns.
        if low <= high {
            if ty.signed && low < 0 && high >= 0 {
                add(low, -1);
                add(0, high);
            } else {
                add(low, high);
            }
        }
        self.f().continue_in(block);
        Ok(())
    }

    /// Where the switch jumps to reach a label: through the beginnings of the scopes around the label.
    fn entry_from_switch(&mut self, block: BlockId, at: NodeSpan) -> Lowered<BlockId> {
        let f = self.f();
        let Some(open) = f.switches.last() else {
            return self.unsupported("`case` outside a switch", at);
        };
        let changes = f.scope_changes(open.scope, f.scope);
        if changes.is_empty() {
            return Ok(block);
        }
        let edge = f.new_block();
        if let Some(b) = f.blocks.get_mut(edge.index()) {
            b.items = changes;
            b.terminator = Some((Terminator::Goto(block), Span::NONE));
        }
        Ok(edge)
    }

    fn goto(&mut self, name: &str, at: NodeSpan) {
        let span = self.span(at);
        let f = self.f();
        if f.is_terminated() {
            let fresh = f.new_block();
            f.current = fresh;
        }
        let edge = f.pending_goto(name.to_string(), at);
        f.terminate(Terminator::Goto(edge), span);
    }

    /// Labels that `__label__` makes local to this block get names of their own.
    fn local_labels(&mut self, block: NodeSpan) {
        let Some(d) = self.declaration.clone() else { return };
        for (at, rewrite) in d.side.within(block.start..block.end) {
            let Rewrite::LocalLabels(labels) = rewrite else {
                continue;
            };
            for l in labels {
                let own = format!("{l}@{at}");
                if let Some(names) = self.f().names.last_mut() {
                    names.labels.insert(l.clone(), own);
                }
            }
        }
    }

    pub fn label_name(&mut self, name: &str) -> String {
        let found = self
            .f()
            .names
            .iter()
            .rev()
            .find_map(|n| n.labels.get(name).cloned());
        found.unwrap_or_else(|| name.to_string())
    }

    fn return_statement(&mut self, value: Option<&Node<ast::Expression>>, at: NodeSpan) -> Lowered<()> {
        let ret = self.f().ret.clone();
        let result = match value {
            None => None,
            Some(e) if ret.is_void() => {
                self.effect(e)?;
                None
            }
            Some(e) => {
                let v = self.rvalue_as(e, &ret)?;
                Some(self.bounded(v, e.span))
            }
        };
        let value = match result {
            None if ret.is_void() => None,
            // `return;` in a function with a result: the result is indeterminate.
            None => {
                self.return_unknown(at);
                return Ok(());
            }
            Some(v) if v.ty.record().is_some() => {
                let span = self.span(at);
                let size = self.size_value(&v.ty, at)?;
                if let Some(dst) = self.f().ret_pointer {
                    self.f().stmt(
                        StmtKind::Copy {
                            dst: Expr::Local(dst),
                            src: v.expr,
                            size,
                        },
                        span,
                    );
                }
                None
            }
            Some(v) => Some(v.expr),
        };
        self.f().returns_value |= value.is_some();
        self.leave_function(value, at);
        Ok(())
    }

    /// Returns any value.
    pub fn return_unknown(&mut self, at: NodeSpan) {
        let ret = self.f().ret.clone();
        let span = self.span(at);
        let value = ret
            .scalar()
            .map(|s| self.unknown(s, &ret, HavocReason::Environment, span));
        self.leave_function(value, at);
    }

    pub fn leave_function(&mut self, value: Option<Expr>, at: NodeSpan) {
        let span = self.span(at);
        let f = self.f();
        if f.is_terminated() {
            let fresh = f.new_block();
            f.current = fresh;
        }
        self.keep_promises(value.as_ref(), at);
        let f = self.f();
        let mut scope = Some(f.scope);
        while let Some(id) = scope {
            let leave = f.leaving(id);
            f.push(leave);
            scope = f.scopes.get(id.0).and_then(|s| s.parent);
        }
        f.terminate(Terminator::Return(value), span);
    }

    /// Fills in the edges of every `goto`.
    pub fn resolve_gotos(&mut self) -> Lowered<()> {
        let gotos = std::mem::take(&mut self.f().gotos);
        for g in gotos {
            let f = self.f();
            let target = f.labels.get(&g.label).and_then(|l| l.scope.map(|s| (l.block, s)));
            let Some((block, scope)) = target else {
                let name = g.label.split('@').next().unwrap_or_default().to_string();
                return self.unsupported(format!("goto to unknown label `{name}`"), g.at);
            };
            let mut changes = f.scope_changes(g.scope, scope);
            for change in &mut changes {
                if let Item::Leave(id, n) = change {
                    *n = g
                        .cleanups
                        .iter()
                        .find(|(s, _)| s == id)
                        .map_or(*n, |(_, then)| *then);
                }
            }
            if let Some(edge) = f.blocks.get_mut(g.from.index()) {
                edge.items = changes;
                edge.terminator = Some((Terminator::Goto(block), Span::NONE));
            }
        }
        Ok(())
    }
}

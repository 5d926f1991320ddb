//! `&&`, `||`, `?:` and conditions (C11 6.5.13 to 6.5.15): control flow where something happens on the way.

use super::constants::is_marker;
use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer};
use crate::normalise::marker;
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BinaryOp, BlockId, Expr, StmtKind, Terminator, Ty};

impl Lowerer<'_> {
    pub fn conditional_effect(&mut self, c: &Node<ast::ConditionalExpression>) -> Lowered<()> {
        let (yes, no, done) = (self.f().new_block(), self.f().new_block(), self.f().new_block());
        self.condition(&c.node.condition, yes, no)?;
        self.f().current = yes;
        self.effect(&c.node.then_expression)?;
        self.f().terminate(Terminator::Goto(done), vf_source::Span::NONE);
        self.f().current = no;
        self.effect(&c.node.else_expression)?;
        self.f().continue_in(done);
        Ok(())
    }

    /// `&&` and `||` as values.
    pub fn logical(&mut self, b: &Node<ast::BinaryOperatorExpression>, at: NodeSpan) -> Lowered<Value> {
        let is_and = b.node.operator.node == ast::BinaryOperator::LogicalAnd;
        let lhs = self.rvalue(&b.node.lhs)?;
        let lhs = self.truth(&lhs, b.node.lhs.span)?;
        if let Some((_, value)) = fold::constant(&lhs) {
            // `0 && x` does not evaluate x.
            if (value == 0) == is_and {
                return Ok(Value::int(IntType::INT, i128::from(!is_and)));
            }
            let rhs = self.rvalue(&b.node.rhs)?;
            let rhs = self.truth(&rhs, b.node.rhs.span)?;
            return Ok(self.int_of_truth(rhs));
        }
        let lhs = Value::new(lhs, Type::bool());
        let span = self.span(at);
        let before = self.f().current;
        let (more, other) = (self.f().new_block(), self.f().new_block());
        self.f().current = more;
        let rhs = self.rvalue(&b.node.rhs)?;
        let rhs = self.truth(&rhs, b.node.rhs.span)?;
        if self.is_untouched(more, other) {
            // Nothing happens on the way: no need for control flow.
            self.drop_blocks(more, before);
            let op = if is_and { BinaryOp::And } else { BinaryOp::Or };
            let value = fold::binary(op, lhs.expr, rhs);
            let value = self.int_of_truth(value);
            return Ok(self.bounded(value, at));
        }
        let done = self.f().new_block();
        let dst = self.f().temporary(Ty::Int(1), &Type::bool(), span);
        let f = self.f();
        f.stmt(StmtKind::Assign { dst, value: rhs }, span);
        f.terminate(Terminator::Goto(done), span);
        f.current = other;
        f.stmt(
            StmtKind::Assign {
                dst,
                value: Expr::bool(!is_and),
            },
            span,
        );
        f.terminate(Terminator::Goto(done), span);
        f.current = before;
        let (then, otherwise) = if is_and { (more, other) } else { (other, more) };
        let at_lhs = self.span(b.node.lhs.span);
        self.f().terminate(
            Terminator::Branch {
                condition: lhs.expr,
                then,
                otherwise,
            },
            at_lhs,
        );
        self.f().current = done;
        Ok(self.int_of_truth(Expr::Local(dst)))
    }

    /// Whether since `first` was opened nothing was emitted, and no block beside `first` and `last` exists.
    fn is_untouched(&mut self, first: BlockId, last: BlockId) -> bool {
        let f = self.f();
        f.current == first
            && f.blocks.len() == last.index() + 1
            && f.blocks
                .get(first.index())
                .is_some_and(|b| b.items.is_empty() && b.terminator.is_none())
            && f.blocks
                .get(last.index())
                .is_some_and(|b| b.items.is_empty() && b.terminator.is_none())
    }

    fn drop_blocks(&mut self, first: BlockId, back_to: BlockId) {
        let f = self.f();
        f.blocks.truncate(first.index());
        f.current = back_to;
    }

    /// Branches on a condition, with `&&`, `||` and `!` as control flow.
    pub fn condition(&mut self, e: &Node<ast::Expression>, yes: BlockId, no: BlockId) -> Lowered<()> {
        match &e.node {
            ast::Expression::UnaryOperator(u) if u.node.operator.node == ast::UnaryOperator::Negate => {
                self.nested(e.span, |this| this.condition(&u.node.operand, no, yes))
            }
            ast::Expression::BinaryOperator(b)
                if matches!(
                    b.node.operator.node,
                    ast::BinaryOperator::LogicalAnd | ast::BinaryOperator::LogicalOr
                ) =>
            {
                let more = self.f().new_block();
                self.nested(e.span, |this| {
                    if b.node.operator.node == ast::BinaryOperator::LogicalAnd {
                        this.condition(&b.node.lhs, more, no)
                    } else {
                        this.condition(&b.node.lhs, yes, more)
                    }
                })?;
                self.f().current = more;
                self.nested(e.span, |this| this.condition(&b.node.rhs, yes, no))
            }
            _ => {
                let v = self.rvalue(e)?;
                let condition = self.truth(&v, e.span)?;
                let span = self.span(e.span);
                self.f().terminate(
                    Terminator::Branch {
                        condition,
                        then: yes,
                        otherwise: no,
                    },
                    span,
                );
                Ok(())
            }
        }
    }

    /// `c ? a : b` and `c ?: b`.
    pub fn conditional(
        &mut self,
        c: &Node<ast::ConditionalExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Value> {
        let span = self.span(e.span);
        let elvis = is_marker(&c.node.then_expression, marker::ELVIS);
        let ty = self.value_type_of(e)?;
        let no = &c.node.else_expression;
        // A constant condition decides what is evaluated at all.
        if !elvis && let Ok(truth) = self.constant_truth(&c.node.condition) {
            let v = self.rvalue(if truth { &c.node.then_expression } else { no })?;
            return self.convert_branch(
                v,
                &ty,
                if truth {
                    c.node.then_expression.span
                } else {
                    no.span
                },
            );
        }
        let tested = self.rvalue(&c.node.condition)?;
        let tested = if elvis {
            self.fixed(tested, c.node.condition.span)
        } else {
            tested
        };
        let condition = self.truth(&tested, c.node.condition.span)?;
        let before = self.f().current;
        let (yes_block, no_block) = (self.f().new_block(), self.f().new_block());
        self.f().current = yes_block;
        let (a, a_at) = if elvis {
            (tested, c.node.condition.span)
        } else {
            (self.rvalue(&c.node.then_expression)?, c.node.then_expression.span)
        };
        let a = self.convert_branch(a, &ty, a_at)?;
        let simple = self.is_untouched(yes_block, no_block);
        let yes_end = self.f().current;
        self.f().current = no_block;
        let b = self.rvalue(no)?;
        let b = self.convert_branch(b, &ty, no.span)?;
        let f = self.f();
        let nothing = simple
            && f.current == no_block
            && f.blocks.len() == no_block.index() + 1
            && f.blocks
                .get(no_block.index())
                .is_some_and(|b| b.items.is_empty() && b.terminator.is_none());
        let scalar = ty.scalar().or(ty.record().map(|_| Ty::Ptr));
        if nothing && scalar.is_some() {
            self.drop_blocks(yes_block, before);
            let expr = if a.expr == b.expr {
                a.expr
            } else {
                Expr::Select {
                    condition: Box::new(condition),
                    then: Box::new(a.expr),
                    otherwise: Box::new(b.expr),
                }
            };
            return Ok(self.bounded(Value::new(expr, ty), e.span));
        }
        let done = self.f().new_block();
        let dst = scalar.map(|s| self.f().temporary(s, &ty, span));
        let f = self.f();
        if let Some(dst) = dst {
            f.stmt(StmtKind::Assign { dst, value: b.expr }, span);
        }
        f.terminate(Terminator::Goto(done), span);
        f.current = yes_end;
        if let Some(dst) = dst {
            f.stmt(StmtKind::Assign { dst, value: a.expr }, span);
        }
        f.terminate(Terminator::Goto(done), span);
        f.current = before;
        let at_condition = self.span(c.node.condition.span);
        let f = self.f();
        f.terminate(
            Terminator::Branch {
                condition,
                then: yes_block,
                otherwise: no_block,
            },
            at_condition,
        );
        f.current = done;
        match dst {
            Some(dst) => Ok(Value::new(Expr::Local(dst), ty)),
            None => Ok(Value::void()),
        }
    }

    fn convert_branch(&mut self, v: Value, ty: &Type, at: NodeSpan) -> Lowered<Value> {
        self.convert(v, ty, Conversion::Implicit, at)
    }
}

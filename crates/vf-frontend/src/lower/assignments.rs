//! Assignments, `++` and `--`, and what they may disturb (C11 6.5.16, 6.5.2.4, 6.5.3.1).

use super::conversions::{Conversion, Value};
use super::fold;
use super::lvalues::{LValue, Place};
use super::operators::Places;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};

impl Lowerer<'_> {
    /// `++` and `--`: the old value, kept in a register if asked for, and the new one.
    pub fn step(
        &mut self,
        operand: &Node<ast::Expression>,
        up: bool,
        keep_old: bool,
        at: NodeSpan,
    ) -> Lowered<(Value, Value)> {
        let mut lv = self.lvalue(operand)?;
        if !matches!(lv.place, Place::Register(_)) {
            self.pin_large(&mut lv);
        }
        let old = self.load(&lv)?;
        let old = if keep_old && matches!(lv.place, Place::Register(_)) {
            self.fixed(old, at)
        } else {
            old
        };
        let one = Value::int(IntType::INT, 1);
        let op = if up {
            ast::BinaryOperator::Plus
        } else {
            ast::BinaryOperator::Minus
        };
        let places = Places {
            whole: at,
            lhs: operand.span,
            rhs: at,
        };
        let new = self.binary(&op, old.clone(), one, places)?;
        let new = if lv.ty.is_bool() {
            self.convert(new, &Type::bool(), Conversion::Silent, at)?
        } else {
            self.convert_for(&lv, new, at)?
        };
        let stored = self.store(&lv, new)?;
        Ok((old, stored))
    }

    /// Pins an lvalue that is read and then written.
    pub fn pin_large(&mut self, lv: &mut LValue) {
        const SMALL: usize = 8;
        let large = match &lv.place {
            Place::Memory(p) | Place::Bits(p, _) => fold::size_up_to(p, SMALL) == SMALL,
            Place::Register(_) => false,
        };
        if large {
            self.pin(lv);
        }
    }

    /// An operand's value, kept from changing while a later operand is evaluated.
    pub fn operand_before(
        &mut self,
        e: &Node<ast::Expression>,
        later: &Node<ast::Expression>,
    ) -> Lowered<Value> {
        let v = self.rvalue(e)?;
        Ok(if self.has_side_effects(later) {
            self.fixed(v, e.span)
        } else {
            v
        })
    }

    /// Whether evaluating the expression may write a register.
    pub fn has_side_effects(&self, e: &Node<ast::Expression>) -> bool {
        match &e.node {
            ast::Expression::Identifier(_)
            | ast::Expression::Constant(_)
            | ast::Expression::StringLiteral(_)
            | ast::Expression::SizeOfTy(_)
            | ast::Expression::SizeOfVal(_)
            | ast::Expression::AlignOf(_)
            | ast::Expression::OffsetOf(_) => false,
            ast::Expression::Member(m) => self.has_side_effects(&m.node.expression),
            ast::Expression::Cast(c) => self.has_side_effects(&c.node.expression),
            ast::Expression::UnaryOperator(u) => {
                matches!(
                    u.node.operator.node,
                    ast::UnaryOperator::PostIncrement
                        | ast::UnaryOperator::PostDecrement
                        | ast::UnaryOperator::PreIncrement
                        | ast::UnaryOperator::PreDecrement
                ) || self.has_side_effects(&u.node.operand)
            }
            ast::Expression::BinaryOperator(b) => {
                use ast::BinaryOperator as B;
                !matches!(
                    b.node.operator.node,
                    B::Index
                        | B::Multiply
                        | B::Divide
                        | B::Modulo
                        | B::Plus
                        | B::Minus
                        | B::ShiftLeft
                        | B::ShiftRight
                        | B::Less
                        | B::Greater
                        | B::LessOrEqual
                        | B::GreaterOrEqual
                        | B::Equals
                        | B::NotEquals
                        | B::BitwiseAnd
                        | B::BitwiseXor
                        | B::BitwiseOr
                        | B::LogicalAnd
                        | B::LogicalOr
                ) || self.has_side_effects(&b.node.lhs)
                    || self.has_side_effects(&b.node.rhs)
            }
            ast::Expression::Conditional(c) => {
                self.has_side_effects(&c.node.condition)
                    || self.has_side_effects(&c.node.then_expression)
                    || self.has_side_effects(&c.node.else_expression)
            }
            ast::Expression::Comma(list) => list.iter().any(|e| self.has_side_effects(e)),
            ast::Expression::Call(c) => {
                self.has_side_effects(&c.node.callee)
                    || c.node.arguments.iter().any(|e| self.has_side_effects(e))
            }
            ast::Expression::GenericSelection(_)
            | ast::Expression::CompoundLiteral(_)
            | ast::Expression::VaArg(_)
            | ast::Expression::Statement(_) => true,
        }
    }

    pub fn assignment(
        &mut self,
        lhs: &Node<ast::Expression>,
        rhs: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let mut lv = self.lvalue(lhs)?;
        if self.has_side_effects(rhs) {
            self.pin(&mut lv);
        }
        lv.at = lhs.span;
        let v = match self.float_constant_as(rhs, &lv.ty) {
            Some(v) => v,
            None => self.rvalue(rhs)?,
        };
        let v = self.convert_for(&lv, v, rhs.span)?;
        let v = self.bounded(v, at);
        self.store(&lv, v)
    }
}

//! Expressions as values (C11 6.5).

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BinaryOp, BlockId, Expr, HavocReason, StmtKind, Terminator, Ty};

use super::constants::{Constant, is_marker};
use super::conversions::{Conversion, Value};
use super::fold;
use super::lvalues::{LValue, Place};
use super::operators::Places;
use super::types::{IntType, Kind, Length, Type};
use super::{Entity, Lowered, Lowerer};
use crate::normalise::marker;

impl Lowerer<'_> {
    pub fn rvalue(&mut self, e: &Node<ast::Expression>) -> Lowered<Value> {
        self.nested(e.span, |this| this.rvalue_inner(e))
    }

    fn rvalue_inner(&mut self, e: &Node<ast::Expression>) -> Lowered<Value> {
        match &e.node {
            ast::Expression::Identifier(i) => {
                if let Some(Entity::Enumerator { value, ty }) = self.lookup(&i.node.name) {
                    return Ok(Value::int(ty, value));
                }
                let lv = self.lvalue(e)?;
                self.load(&lv)
            }
            ast::Expression::Constant(_) => {
                let c = self.constant(e)?;
                Ok(self.constant_value(c, e.span))
            }
            ast::Expression::StringLiteral(_) | ast::Expression::Member(_) | ast::Expression::CompoundLiteral(_) => {
                let lv = self.lvalue(e)?;
                self.load(&lv)
            }
            ast::Expression::GenericSelection(g) => {
                let chosen = self.generic_choice(g)?;
                self.rvalue(chosen)
            }
            ast::Expression::Call(c) => self.call(c, e.span),
            ast::Expression::SizeOfTy(s) => {
                let ty = self.type_name(&s.node.0)?;
                self.size_result(&ty, e.span)
            }
            ast::Expression::SizeOfVal(s) => {
                let ty = self.type_of(&s.node.0)?;
                self.size_result(&ty, e.span)
            }
            ast::Expression::AlignOf(_) => {
                let c = self.constant(e)?;
                Ok(self.constant_value(c, e.span))
            }
            ast::Expression::OffsetOf(o) => {
                let n = self.offset_of(o)?;
                Ok(Value::int(IntType::size_t(self.model), i128::from(n)))
            }
            ast::Expression::UnaryOperator(u) => self.unary(u, e),
            ast::Expression::Cast(c) => self.cast(c, e.span),
            ast::Expression::BinaryOperator(b) => self.binary_expression(b, e),
            ast::Expression::Conditional(c) => self.conditional(c, e),
            ast::Expression::Comma(list) => {
                let Some((last, first)) = list.split_last() else {
                    return self.unsupported("an empty comma expression", e.span);
                };
                for item in first {
                    self.effect(item)?;
                }
                self.rvalue(last)
            }
            ast::Expression::VaArg(v) => self.va_arg(v, e.span),
            ast::Expression::Statement(s) => self.statement_expression(s),
        }
    }

    /// Evaluates for side effects alone.
    pub fn effect(&mut self, e: &Node<ast::Expression>) -> Lowered<()> {
        match &e.node {
            ast::Expression::UnaryOperator(u) => match u.node.operator.node {
                ast::UnaryOperator::PostIncrement | ast::UnaryOperator::PreIncrement => {
                    self.step(&u.node.operand, true, false, e.span)?;
                    return Ok(());
                }
                ast::UnaryOperator::PostDecrement | ast::UnaryOperator::PreDecrement => {
                    self.step(&u.node.operand, false, false, e.span)?;
                    return Ok(());
                }
                _ => {}
            },
            ast::Expression::Cast(c) => {
                if self.type_name(&c.node.type_name)?.is_void() {
                    return self.effect(&c.node.expression);
                }
            }
            ast::Expression::Comma(list) => {
                for item in list.iter() {
                    self.effect(item)?;
                }
                return Ok(());
            }
            ast::Expression::Identifier(_) => {
                // `(void)x;` reads nothing, unless x is volatile.
                if !self.type_of(e)?.volatile {
                    return Ok(());
                }
            }
            ast::Expression::Conditional(c) if !is_marker(&c.node.then_expression, marker::ELVIS) => {
                return self.nested(e.span, |this| this.conditional_effect(c));
            }
            ast::Expression::BinaryOperator(b)
                if matches!(
                    b.node.operator.node,
                    ast::BinaryOperator::LogicalAnd | ast::BinaryOperator::LogicalOr
                ) =>
            {
                let (done, more) = (self.f().new_block(), self.f().new_block());
                if b.node.operator.node == ast::BinaryOperator::LogicalAnd {
                    self.condition(&b.node.lhs, more, done)?;
                } else {
                    self.condition(&b.node.lhs, done, more)?;
                }
                self.f().current = more;
                self.effect(&b.node.rhs)?;
                self.f().continue_in(done);
                return Ok(());
            }
            _ => {}
        }
        self.rvalue(e)?;
        Ok(())
    }

    fn conditional_effect(&mut self, c: &Node<ast::ConditionalExpression>) -> Lowered<()> {
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

    /// A constant as a value. A float's value is not tracked.
    pub fn constant_value(&mut self, c: Constant, at: NodeSpan) -> Value {
        let span = self.span(at);
        match c {
            Constant::Int { value, ty } => {
                let bits = ty.integer().map_or(32, |i| i.bits);
                Value::new(Expr::int(bits, value), ty)
            }
            Constant::Float { ty, .. } => {
                let expr = self.unknown(ty.scalar().unwrap_or(Ty::Float(64)), &ty, HavocReason::Float, span);
                Value::new(expr, ty)
            }
            Constant::Address { base, offset, ty } => {
                let bits = self.pointer_bits();
                let object = match base {
                    super::constants::Base::Absolute => {
                        let address = Expr::int(bits, offset);
                        let expr = match address {
                            Expr::Int { value: 0, .. } => Expr::Null,
                            other => Expr::IntToPtr(Box::new(other)),
                        };
                        return Value::new(expr, ty);
                    }
                    super::constants::Base::Global(id) => {
                        self.need_global(id);
                        Expr::GlobalAddress(id)
                    }
                    super::constants::Base::Function(id) => {
                        self.need_function(id);
                        Expr::FunctionAddress(id)
                    }
                };
                Value::new(fold::pointer_add(object, Expr::int(bits, offset), 1), ty)
            }
        }
    }

    fn size_result(&mut self, ty: &Type, at: NodeSpan) -> Lowered<Value> {
        let expr = self.size_value(ty, at)?;
        Ok(Value::new(expr, Type::int(IntType::size_t(self.model))))
    }

    fn unary(&mut self, u: &Node<ast::UnaryOperatorExpression>, e: &Node<ast::Expression>) -> Lowered<Value> {
        let operand = &u.node.operand;
        match u.node.operator.node {
            ast::UnaryOperator::PostIncrement => Ok(self.step(operand, true, true, e.span)?.0),
            ast::UnaryOperator::PostDecrement => Ok(self.step(operand, false, true, e.span)?.0),
            ast::UnaryOperator::PreIncrement => Ok(self.step(operand, true, false, e.span)?.1),
            ast::UnaryOperator::PreDecrement => Ok(self.step(operand, false, false, e.span)?.1),
            ast::UnaryOperator::Address => {
                // `&*p` and `&a[i]` of a pointer are the pointer itself (C11 6.5.3.2p3).
                let lv = self.lvalue(operand)?;
                self.address(&lv)
            }
            ast::UnaryOperator::Indirection => {
                let lv = self.lvalue(e)?;
                self.load(&lv)
            }
            ast::UnaryOperator::Plus => {
                let v = self.rvalue(operand)?;
                Ok(self.promote(v))
            }
            ast::UnaryOperator::Minus => {
                let v = self.rvalue(operand)?;
                let v = self.negation(v, e.span)?;
                Ok(self.bounded(v, e.span))
            }
            ast::UnaryOperator::Complement => {
                let v = self.rvalue(operand)?;
                self.complement(v, e.span)
            }
            ast::UnaryOperator::Negate => {
                let v = self.rvalue(operand)?;
                let truth = self.truth(&v, operand.span)?;
                Ok(self.int_of_truth(fold::not(truth)))
            }
        }
    }

    /// `++` and `--`: the old value, kept in a register if asked for, and the new one.
    fn step(
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
        let old = if keep_old && matches!(lv.place, Place::Register(_)) { self.fixed(old, at) } else { old };
        let one = Value::int(IntType::INT, 1);
        let op = if up { ast::BinaryOperator::Plus } else { ast::BinaryOperator::Minus };
        let places = Places { whole: at, lhs: operand.span, rhs: at };
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
    fn pin_large(&mut self, lv: &mut LValue) {
        const SMALL: usize = 8;
        let large = match &lv.place {
            Place::Memory(p) | Place::Bits(p, _) => fold::size_up_to(p, SMALL) == SMALL,
            Place::Register(_) => false,
        };
        if large {
            self.pin(lv);
        }
    }

    fn cast(&mut self, c: &Node<ast::CastExpression>, at: NodeSpan) -> Lowered<Value> {
        let ty = self.type_name(&c.node.type_name)?;
        let operand = &c.node.expression;
        if ty.is_void() {
            self.effect(operand)?;
            return Ok(Value::void());
        }
        if let Some(id) = ty.record() {
            return self.record_cast(id, &ty, operand, at);
        }
        if let Some(v) = self.float_constant_as(operand, &ty) {
            return Ok(v);
        }
        let v = self.rvalue(operand)?;
        self.convert(v, &ty, Conversion::Explicit, at)
    }

    /// An expression's value, converted as by assignment.
    pub fn rvalue_as(&mut self, e: &Node<ast::Expression>, ty: &Type) -> Lowered<Value> {
        if let Some(v) = self.float_constant_as(e, ty) {
            return Ok(v);
        }
        let v = self.rvalue(e)?;
        self.convert(v, ty, Conversion::Implicit, e.span)
    }

    /// `(int)2.5`: only the constant evaluator knows the value of a floating constant.
    fn float_constant_as(&mut self, e: &Node<ast::Expression>, ty: &Type) -> Option<Value> {
        fn is_float(e: &Node<ast::Expression>) -> bool {
            match &e.node {
                ast::Expression::Constant(c) => matches!(c.node, ast::Constant::Float(_)),
                ast::Expression::UnaryOperator(u) => is_float(&u.node.operand),
                ast::Expression::BinaryOperator(b) => is_float(&b.node.lhs) || is_float(&b.node.rhs),
                _ => false,
            }
        }
        if ty.integer().is_none() || !is_float(e) {
            return None;
        }
        let value = self.unevaluated(|this| this.constant(e)).ok()?;
        let value = self.cast_constant(value, ty, e.span).ok()?;
        Some(self.constant_value(value, e.span))
    }

    /// A cast to a record's own type, or to a union from one of its members (GNU C).
    fn record_cast(
        &mut self,
        id: vf_ir::RecordId,
        ty: &Type,
        operand: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let v = self.rvalue(operand)?;
        if v.ty.record() == Some(id) {
            return Ok(v);
        }
        self.complete(id)?;
        let member = self.records.get(id.0 as usize).and_then(|r| {
            r.fields.iter().position(|f| f.bit_width.is_none() && f.ty.unqualified().compatible(&v.ty, false))
        });
        let (Some(index), true) =
            (member, self.program.records.get(id.0 as usize).is_some_and(|r| r.is_union))
        else {
            return self.unsupported("a cast to a record", at);
        };
        let span = self.span(at);
        let local = self.memory_local("tmp", ty, false, span);
        let size = self.size_value(ty, at)?;
        let address = Expr::LocalAddress(local);
        self.f().stmt(StmtKind::Fill { dst: address.clone(), byte: Expr::int(8, 0), size }, span);
        let member = Expr::Member { ptr: Box::new(address.clone()), record: id, field: index as u32 };
        match v.ty.scalar() {
            Some(scalar) => {
                self.f().stmt(StmtKind::Store { ptr: member, value: v.expr, ty: scalar, volatile: false }, span);
            }
            None => {
                let size = self.size_value(&v.ty, at)?;
                self.f().stmt(StmtKind::Copy { dst: member, src: v.expr, size }, span);
            }
        }
        Ok(Value::new(address, ty.unqualified()))
    }

    fn binary_expression(
        &mut self,
        b: &Node<ast::BinaryOperatorExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Value> {
        use ast::BinaryOperator as B;
        let (lhs, rhs) = (&b.node.lhs, &b.node.rhs);
        let compound = match b.node.operator.node {
            B::Index => {
                let lv = self.lvalue(e)?;
                return self.load(&lv);
            }
            B::LogicalAnd | B::LogicalOr => return self.logical(b, e.span),
            B::Assign => return self.assignment(lhs, rhs, e.span),
            B::AssignMultiply => Some(B::Multiply),
            B::AssignDivide => Some(B::Divide),
            B::AssignModulo => Some(B::Modulo),
            B::AssignPlus => Some(B::Plus),
            B::AssignMinus => Some(B::Minus),
            B::AssignShiftLeft => Some(B::ShiftLeft),
            B::AssignShiftRight => Some(B::ShiftRight),
            B::AssignBitwiseAnd => Some(B::BitwiseAnd),
            B::AssignBitwiseXor => Some(B::BitwiseXor),
            B::AssignBitwiseOr => Some(B::BitwiseOr),
            _ => None,
        };
        let places = Places { whole: e.span, lhs: lhs.span, rhs: rhs.span };
        if let Some(op) = compound {
            let mut lv = self.lvalue(lhs)?;
            self.pin_large(&mut lv);
            if self.has_side_effects(rhs) {
                self.pin(&mut lv);
            }
            let old = self.load(&lv)?;
            let old = if self.has_side_effects(rhs) { self.fixed(old, lhs.span) } else { old };
            let operand = self.rvalue(rhs)?;
            let new = self.binary(&op, old, operand, places)?;
            let new = self.convert_for(&lv, new, e.span)?;
            return self.store(&lv, new);
        }
        let a = self.operand_before(lhs, rhs)?;
        let b_value = self.rvalue(rhs)?;
        self.binary(&b.node.operator.node, a, b_value, places)
    }

    /// An operand's value, kept from changing while a later operand is evaluated.
    pub fn operand_before(
        &mut self,
        e: &Node<ast::Expression>,
        later: &Node<ast::Expression>,
    ) -> Lowered<Value> {
        let v = self.rvalue(e)?;
        Ok(if self.has_side_effects(later) { self.fixed(v, e.span) } else { v })
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
                self.has_side_effects(&c.node.callee) || c.node.arguments.iter().any(|e| self.has_side_effects(e))
            }
            ast::Expression::GenericSelection(_)
            | ast::Expression::CompoundLiteral(_)
            | ast::Expression::VaArg(_)
            | ast::Expression::Statement(_) => true,
        }
    }

    fn assignment(
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

    /// `&&` and `||` as values.
    fn logical(&mut self, b: &Node<ast::BinaryOperatorExpression>, at: NodeSpan) -> Lowered<Value> {
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
        f.stmt(StmtKind::Assign { dst, value: Expr::bool(!is_and) }, span);
        f.terminate(Terminator::Goto(done), span);
        f.current = before;
        let (then, otherwise) = if is_and { (more, other) } else { (other, more) };
        let at_lhs = self.span(b.node.lhs.span);
        self.f().terminate(Terminator::Branch { condition: lhs.expr, then, otherwise }, at_lhs);
        self.f().current = done;
        Ok(self.int_of_truth(Expr::Local(dst)))
    }

    /// Whether since `first` was opened nothing was emitted, and no block beside `first` and `last` exists.
    fn is_untouched(&mut self, first: BlockId, last: BlockId) -> bool {
        let f = self.f();
        f.current == first
            && f.blocks.len() == last.index() + 1
            && f.blocks.get(first.index()).is_some_and(|b| b.items.is_empty() && b.terminator.is_none())
            && f.blocks.get(last.index()).is_some_and(|b| b.items.is_empty() && b.terminator.is_none())
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
                self.f().terminate(Terminator::Branch { condition, then: yes, otherwise: no }, span);
                Ok(())
            }
        }
    }

    /// `c ? a : b` and `c ?: b`.
    fn conditional(&mut self, c: &Node<ast::ConditionalExpression>, e: &Node<ast::Expression>) -> Lowered<Value> {
        let span = self.span(e.span);
        let elvis = is_marker(&c.node.then_expression, marker::ELVIS);
        let ty = self.value_type_of(e)?;
        let no = &c.node.else_expression;
        // A constant condition decides what is evaluated at all.
        if !elvis {
            if let Ok(truth) = self.constant_truth(&c.node.condition) {
                let v = self.rvalue(if truth { &c.node.then_expression } else { no })?;
                return self.convert_branch(v, &ty, if truth { c.node.then_expression.span } else { no.span });
            }
        }
        let tested = self.rvalue(&c.node.condition)?;
        let tested = if elvis { self.fixed(tested, c.node.condition.span) } else { tested };
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
            && f.blocks.get(no_block.index()).is_some_and(|b| b.items.is_empty() && b.terminator.is_none());
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
        f.terminate(Terminator::Branch { condition, then: yes_block, otherwise: no_block }, at_condition);
        f.current = done;
        match dst {
            Some(dst) => Ok(Value::new(Expr::Local(dst), ty)),
            None => Ok(Value::void()),
        }
    }

    fn convert_branch(&mut self, v: Value, ty: &Type, at: NodeSpan) -> Lowered<Value> {
        self.convert(v, ty, Conversion::Implicit, at)
    }

    /// `({ ... })`: the value of its last expression statement.
    fn statement_expression(&mut self, s: &Node<ast::Statement>) -> Lowered<Value> {
        let ast::Statement::Compound(items) = &s.node else {
            self.statement(s)?;
            return Ok(Value::void());
        };
        let outer = self.f().scope;
        self.f().enter_scope();
        let result = self.statement_expression_items(items, outer, s.span);
        self.f().leave_scope();
        result
    }

    fn statement_expression_items(
        &mut self,
        items: &[Node<ast::BlockItem>],
        outer: super::body::ScopeId,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let Some((last, first)) = items.split_last() else { return Ok(Value::void()) };
        for item in first {
            self.block_item(item)?;
        }
        let mut statement = match &last.node {
            ast::BlockItem::Statement(s) => s,
            other => {
                let _ = other;
                self.block_item(last)?;
                return Ok(Value::void());
            }
        };
        while let ast::Statement::Labeled(l) = &statement.node {
            self.label(&l.node.label)?;
            statement = &l.node.statement;
        }
        let ast::Statement::Expression(Some(e)) = &statement.node else {
            self.statement(statement)?;
            return Ok(Value::void());
        };
        if self.type_of(e)?.is_void() {
            self.effect(e)?;
            return Ok(Value::void());
        }
        let v = self.rvalue(e)?;
        if v.ty.record().is_none() {
            // The value outlives the scope's variables; registers keep theirs.
            return Ok(v);
        }
        let span = self.span(at);
        let size = self.size_value(&v.ty, at)?;
        let copy = self.memory_local_in(outer, "tmp", &v.ty, false, span);
        self.f().stmt(StmtKind::Copy { dst: Expr::LocalAddress(copy), src: v.expr, size }, span);
        Ok(Value::new(Expr::LocalAddress(copy), v.ty))
    }

    /// `va_arg(list, T)`: whatever the caller passed.
    fn va_arg(&mut self, v: &Node<ast::VaArgExpression>, at: NodeSpan) -> Lowered<Value> {
        let ty = self.type_name(&v.node.type_name)?;
        let span = self.span(at);
        if let Some(scalar) = ty.scalar() {
            let expr = self.unknown(scalar, &ty, HavocReason::Environment, span);
            return Ok(Value::new(expr, ty.unqualified()));
        }
        if ty.record().is_none() {
            return self.unsupported("va_arg of this type", at);
        }
        let local = self.memory_local("tmp", &ty, false, span);
        let size = self.size_value(&ty, at)?;
        self.f().stmt(StmtKind::HavocMemory { dst: Expr::LocalAddress(local), size }, span);
        Ok(Value::new(Expr::LocalAddress(local), ty.unqualified()))
    }

    /// A variable length in an array declarator: evaluated once, into a register (C11 6.7.6.2p5).
    pub fn variable_length(&mut self, e: &Node<ast::Expression>) -> Lowered<Length> {
        let v = self.rvalue(e)?;
        let Some(int) = v.ty.integer() else {
            return self.unsupported("an array length that is not an integer", e.span);
        };
        let v = self.fixed(v, e.span);
        // The length is greater than zero (C11 6.7.6.2p5).
        let (op, zero) = (
            if int.signed { vf_ir::CompareOp::SLess } else { vf_ir::CompareOp::ULess },
            Expr::int(int.bits, 0),
        );
        let positive = fold::compare(op, zero, v.expr.clone());
        self.oblige(vf_ir::Property::AllocationSize, vf_ir::Condition::Holds(positive), e.span);
        let bits = self.pointer_bits();
        let wide = fold::resize(v.expr, int.bits, bits, int.signed, self.locals());
        let size = Type::int(IntType::size_t(self.model));
        let span = self.span(e.span);
        let dst = self.f().temporary(Ty::Int(bits), &size, span);
        self.f().stmt(StmtKind::Assign { dst, value: wide }, span);
        Ok(Length::Variable(Some(dst)))
    }

    pub fn is_choose_expr(&self, c: &Node<ast::CallExpression>) -> bool {
        is_marker(&c.node.callee, "__builtin_choose_expr") && c.node.arguments.len() == 3
    }

    pub fn choose_expr<'e>(
        &mut self,
        c: &'e Node<ast::CallExpression>,
    ) -> Lowered<&'e Node<ast::Expression>> {
        match c.node.arguments.as_slice() {
            [condition, yes, no] => Ok(if self.constant_truth(condition)? { yes } else { no }),
            _ => self.unsupported("__builtin_choose_expr with this many arguments", c.span),
        }
    }

    /// Whether an expression has a `Kind::Array` type behind it (used by builtins that take arrays).
    pub fn is_array(&mut self, e: &Node<ast::Expression>) -> bool {
        matches!(self.type_of(e).map(|t| t.kind), Ok(Kind::Array(..)))
    }
}

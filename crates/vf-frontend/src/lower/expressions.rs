//! Expressions as values (C11 6.5).

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{Expr, HavocReason, StmtKind, Ty};

use super::constants::{Constant, is_marker};
use super::conversions::{Conversion, Value};
use super::fold;
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
            ast::Expression::StringLiteral(_)
            | ast::Expression::Member(_)
            | ast::Expression::CompoundLiteral(_) => {
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
            ast::Expression::Cast(c)
                if self.type_name(&c.node.type_name)?.is_void() => {
                    return self.effect(&c.node.expression);
                }
            ast::Expression::Comma(list) => {
                for item in list.iter() {
                    self.effect(item)?;
                }
                return Ok(());
            }
            ast::Expression::Identifier(_)
                // `(void)x;` reads nothing, unless x is volatile.
                if !self.type_of(e)?.volatile => {
                    return Ok(());
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

    /// A constant as a value. A float's value is not tracked.
    pub fn constant_value(&mut self, c: Constant, at: NodeSpan) -> Value {
        let span = self.span(at);
        match c {
            Constant::Int { value, ty } => {
                let bits = ty.integer().map_or(32, |i| i.bits);
                Value::new(Expr::int(bits, value), ty)
            }
            Constant::Float { ty, .. } => {
                let expr = self.unknown(
                    ty.scalar().unwrap_or(Ty::Float(64)),
                    &ty,
                    HavocReason::Float,
                    span,
                );
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
    pub fn float_constant_as(&mut self, e: &Node<ast::Expression>, ty: &Type) -> Option<Value> {
        if ty.integer().is_none() || !self.is_float_expression(e) {
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
            r.fields
                .iter()
                .position(|f| f.bit_width.is_none() && f.ty.unqualified().compatible(&v.ty, false))
        });
        let (Some(index), true) = (
            member,
            self.program
                .records
                .get(id.0 as usize)
                .is_some_and(|r| r.is_union),
        ) else {
            return self.unsupported("a cast to a record", at);
        };
        let span = self.span(at);
        let local = self.memory_local("tmp", ty, false, span);
        let size = self.size_value(ty, at)?;
        let address = Expr::LocalAddress(local);
        self.f().stmt(
            StmtKind::Fill {
                dst: address.clone(),
                unit: Expr::int(8, 0),
                size,
            },
            span,
        );
        let member = Expr::Member {
            ptr: Box::new(address.clone()),
            record: id,
            field: index as u32,
        };
        match v.ty.scalar() {
            Some(scalar) => {
                self.f().stmt(
                    StmtKind::Store {
                        ptr: member,
                        value: v.expr,
                        ty: scalar,
                        volatile: false,
                    },
                    span,
                );
            }
            None => {
                let size = self.size_value(&v.ty, at)?;
                self.f().stmt(
                    StmtKind::Copy {
                        dst: member,
                        src: v.expr,
                        size,
                    },
                    span,
                );
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
        let places = Places {
            whole: e.span,
            lhs: lhs.span,
            rhs: rhs.span,
        };
        if let Some(op) = compound {
            let mut lv = self.lvalue(lhs)?;
            self.pin_large(&mut lv);
            if self.has_side_effects(rhs) {
                self.pin(&mut lv);
            }
            let old = self.load(&lv)?;
            let old = if self.has_side_effects(rhs) {
                self.fixed(old, lhs.span)
            } else {
                old
            };
            let operand = self.rvalue(rhs)?;
            let new = self.binary(&op, old, operand, places)?;
            let new = self.convert_for(&lv, new, e.span)?;
            return self.store(&lv, new);
        }
        if let Some(v) = self.comparison_with_float(&b.node.operator.node, lhs, rhs)? {
            return Ok(v);
        }
        let a = self.operand_before(lhs, rhs)?;
        let b_value = self.rvalue(rhs)?;
        self.binary(&b.node.operator.node, a, b_value, places)
    }

    /// `({ ... })`: the value of its last expression statement.
    fn statement_expression(&mut self, s: &Node<ast::Statement>) -> Lowered<Value> {
        let ast::Statement::Compound(items) = &s.node else {
            self.statement(s)?;
            return Ok(Value::void());
        };
        let outer = self.f().scope;
        self.f().enter_scope();
        self.f().block_ends.push(s.span.end);
        let result = self.statement_expression_items(items, outer, s.span);
        self.f().block_ends.pop();
        self.f().leave_scope();
        result
    }

    fn statement_expression_items(
        &mut self,
        items: &[Node<ast::BlockItem>],
        outer: super::body::ScopeId,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let Some((last, first)) = items.split_last() else {
            return Ok(Value::void());
        };
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
        self.f().stmt(
            StmtKind::Copy {
                dst: Expr::LocalAddress(copy),
                src: v.expr,
                size,
            },
            span,
        );
        Ok(Value::new(Expr::LocalAddress(copy), v.ty))
    }

    /// `va_arg(list, T)`: whatever the caller passed.
    fn va_arg(&mut self, v: &Node<ast::VaArgExpression>, at: NodeSpan) -> Lowered<Value> {
        let ty = self.type_name(&v.node.type_name)?;
        let span = self.span(at);
        if let Some(scalar) = ty.scalar() {
            let expr = self.unknown(scalar, &ty, HavocReason::Argument, span);
            return Ok(Value::new(expr, ty.unqualified()));
        }
        if ty.record().is_none() {
            return self.unsupported("va_arg of this type", at);
        }
        let local = self.memory_local("tmp", &ty, false, span);
        let size = self.size_value(&ty, at)?;
        // Says that the bytes are an argument's.
        self.unknown(
            Ty::Int(8),
            &Type::int(IntType::UCHAR),
            HavocReason::Argument,
            span,
        );
        self.f().stmt(
            StmtKind::HavocMemory {
                dst: Expr::LocalAddress(local),
                size,
            },
            span,
        );
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
            if int.signed {
                vf_ir::CompareOp::SLess
            } else {
                vf_ir::CompareOp::ULess
            },
            Expr::int(int.bits, 0),
        );
        let positive = fold::compare(op, zero, v.expr.clone());
        self.oblige(
            vf_ir::Property::AllocationSize,
            vf_ir::Condition::Holds(positive),
            e.span,
        );
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

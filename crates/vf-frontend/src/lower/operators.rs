//! Arithmetic, shifts, comparisons (C11 6.5.3 to 6.5.12).

use lang_c::ast::BinaryOperator as B;
use lang_c::span::Span as NodeSpan;
use vf_ir::obligation::Arithmetic;
use vf_ir::{BinaryOp, CompareOp, Expr, HavocReason, Ty, UnaryOp};

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Kind, Length, Type};
use super::typing::arithmetic_common;
use super::{Lowered, Lowerer};

/// Where an operation and its operands stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    pub whole: NodeSpan,
    pub lhs: NodeSpan,
    pub rhs: NodeSpan,
}

impl Lowerer<'_> {
    /// A binary operator on two values, short-circuit operators and assignments apart.
    pub fn binary(&mut self, op: &B, lhs: Value, rhs: Value, at: Places) -> Lowered<Value> {
        let (lhs_pointer, rhs_pointer) = (lhs.ty.pointee().is_some(), rhs.ty.pointee().is_some());
        let value = match op {
            B::Plus if lhs_pointer => self.pointer_step(lhs, rhs, false, at.whole)?,
            B::Plus if rhs_pointer => self.pointer_step(rhs, lhs, false, at.whole)?,
            B::Minus if lhs_pointer && rhs_pointer => self.pointer_difference(lhs, rhs, at.whole)?,
            B::Minus if lhs_pointer => self.pointer_step(lhs, rhs, true, at.whole)?,
            B::ShiftLeft | B::ShiftRight => self.shift(op, lhs, rhs, at)?,
            B::Less | B::Greater | B::LessOrEqual | B::GreaterOrEqual | B::Equals | B::NotEquals => {
                self.comparison(op, lhs, rhs, at)?
            }
            _ => self.arithmetic(op, lhs, rhs, at)?,
        };
        Ok(self.bounded(value, at.whole))
    }

    fn arithmetic(&mut self, op: &B, lhs: Value, rhs: Value, at: Places) -> Lowered<Value> {
        let Some(ty) = arithmetic_common(&lhs.ty, &rhs.ty) else {
            return self.unsupported("operands of these types", at.whole);
        };
        let Some(int) = ty.integer() else {
            let bits = match ty.kind {
                Kind::Float(bits) => bits,
                _ => 64,
            };
            let span = self.span(at.whole);
            let expr = self.unknown(Ty::Float(bits), &ty, HavocReason::Float, span);
            return Ok(Value { expr, ty });
        };
        let bitwise = matches!(op, B::BitwiseAnd | B::BitwiseOr | B::BitwiseXor);
        let a = self.operand(lhs, &ty, bitwise, at.lhs)?.expr;
        let b = self.operand(rhs, &ty, bitwise, at.rhs)?.expr;
        let op = match op {
            B::Plus => {
                self.oblige_no_overflow(Arithmetic::Add, int, &a, &b, at.whole);
                BinaryOp::Add
            }
            B::Minus => {
                self.oblige_no_overflow(Arithmetic::Sub, int, &a, &b, at.whole);
                BinaryOp::Sub
            }
            B::Multiply => {
                self.oblige_no_overflow(Arithmetic::Mul, int, &a, &b, at.whole);
                BinaryOp::Mul
            }
            B::Divide | B::Modulo => {
                self.oblige_divisor(&b, int, at.whole);
                if int.signed {
                    self.oblige_no_overflow(Arithmetic::Div, int, &a, &b, at.whole);
                }
                match (op, int.signed) {
                    (B::Divide, true) => BinaryOp::SDiv,
                    (B::Divide, false) => BinaryOp::UDiv,
                    (_, true) => BinaryOp::SRem,
                    (_, false) => BinaryOp::URem,
                }
            }
            B::BitwiseAnd => BinaryOp::And,
            B::BitwiseOr => BinaryOp::Or,
            B::BitwiseXor => BinaryOp::Xor,
            _ => return self.unsupported("this operator", at.whole),
        };
        Ok(Value {
            expr: fold::binary(op, a, b),
            ty,
        })
    }

    /// An operand in the common type. A constant keeps its bits in a mask or a comparison for equality.
    fn operand(&mut self, v: Value, ty: &Type, pattern: bool, at: NodeSpan) -> Lowered<Value> {
        let constant = matches!(v.expr, Expr::Int { .. });
        let how = if pattern && constant {
            Conversion::Silent
        } else {
            Conversion::Implicit
        };
        self.convert(v, ty, how, at)
    }

    fn shift(&mut self, op: &B, lhs: Value, rhs: Value, at: Places) -> Lowered<Value> {
        let (lhs, rhs) = (self.promote(lhs), self.promote(rhs));
        let (Some(ty), Some(count_ty)) = (lhs.ty.integer(), rhs.ty.integer()) else {
            return self.unsupported("a shift of what is not an integer", at.whole);
        };
        self.oblige_shift(&rhs.expr, count_ty, ty.bits, at.whole);
        let count = fold::resize(rhs.expr, count_ty.bits, ty.bits, false, self.locals());
        let op = match op {
            B::ShiftLeft => BinaryOp::Shl,
            _ if ty.signed => BinaryOp::AShr,
            _ => BinaryOp::LShr,
        };
        Ok(Value {
            expr: fold::binary(op, lhs.expr, count),
            ty: Type::int(ty),
        })
    }

    fn comparison(&mut self, op: &B, lhs: Value, rhs: Value, at: Places) -> Lowered<Value> {
        let equality = matches!(op, B::Equals | B::NotEquals);
        if lhs.ty.pointee().is_some() || rhs.ty.pointee().is_some() {
            let ty = if lhs.ty.pointee().is_some() {
                lhs.ty.clone()
            } else {
                rhs.ty.clone()
            };
            let a = self.convert(lhs, &ty, Conversion::Silent, at.lhs)?.expr;
            let b = self.convert(rhs, &ty, Conversion::Silent, at.rhs)?.expr;
            let condition = match op {
                B::Equals => fold::pointer_compare(CompareOp::Equal, a, b),
                B::NotEquals => fold::pointer_compare(CompareOp::NotEqual, a, b),
                B::Less => fold::pointer_compare(CompareOp::ULess, a, b),
                B::LessOrEqual => fold::pointer_compare(CompareOp::ULessEqual, a, b),
                B::Greater => fold::pointer_compare(CompareOp::ULess, b, a),
                _ => fold::pointer_compare(CompareOp::ULessEqual, b, a),
            };
            return Ok(self.int_of_truth(condition));
        }
        let Some(ty) = arithmetic_common(&lhs.ty, &rhs.ty) else {
            return self.unsupported("a comparison of these types", at.whole);
        };
        let Some(int) = ty.integer() else {
            let span = self.span(at.whole);
            let condition = self.unknown(Ty::Int(1), &Type::bool(), HavocReason::Float, span);
            return Ok(self.int_of_truth(condition));
        };
        let a = self.operand(lhs, &ty, equality, at.lhs)?.expr;
        let b = self.operand(rhs, &ty, equality, at.rhs)?.expr;
        let less = if int.signed {
            CompareOp::SLess
        } else {
            CompareOp::ULess
        };
        let less_equal = if int.signed {
            CompareOp::SLessEqual
        } else {
            CompareOp::ULessEqual
        };
        let condition = match op {
            B::Equals => fold::compare(CompareOp::Equal, a, b),
            B::NotEquals => fold::compare(CompareOp::NotEqual, a, b),
            B::Less => fold::compare(less, a, b),
            B::LessOrEqual => fold::compare(less_equal, a, b),
            B::Greater => fold::compare(less, b, a),
            _ => fold::compare(less_equal, b, a),
        };
        Ok(self.int_of_truth(condition))
    }

    /// `-v`
    pub fn negation(&mut self, v: Value, at: NodeSpan) -> Lowered<Value> {
        if v.ty.is_float() {
            let span = self.span(at);
            let ty = v.ty.unqualified();
            let expr = self.unknown(
                ty.scalar().unwrap_or(Ty::Float(64)),
                &ty,
                HavocReason::Float,
                span,
            );
            return Ok(Value { expr, ty });
        }
        let v = self.promote(v);
        let Some(int) = v.ty.integer() else {
            return self.unsupported("the negation of what is not a number", at);
        };
        if int.signed {
            let zero = Expr::int(int.bits, 0);
            self.oblige_no_overflow(Arithmetic::Neg, int, &zero, &v.expr, at);
        }
        Ok(Value {
            expr: fold::unary(UnaryOp::Neg, v.expr),
            ty: v.ty,
        })
    }

    /// `~v`
    pub fn complement(&mut self, v: Value, at: NodeSpan) -> Lowered<Value> {
        let v = self.promote(v);
        if v.ty.integer().is_none() {
            return self.unsupported("the complement of what is not an integer", at);
        }
        Ok(Value {
            expr: fold::unary(UnaryOp::Not, v.expr),
            ty: v.ty,
        })
    }

    /// An index as a signed pattern of pointer width.
    pub fn index_value(&mut self, index: Value, at: NodeSpan) -> Lowered<Expr> {
        let index = self.promote(index);
        let Some(int) = index.ty.integer() else {
            return self.unsupported("an index that is not an integer", at);
        };
        let bits = self.pointer_bits();
        Ok(fold::resize(
            index.expr,
            int.bits,
            bits,
            int.signed,
            self.locals(),
        ))
    }

    fn pointer_step(&mut self, pointer: Value, step: Value, back: bool, at: NodeSpan) -> Lowered<Value> {
        let mut index = self.index_value(step, at)?;
        if back {
            index = fold::unary(UnaryOp::Neg, index);
        }
        let ty = pointer.ty.unqualified();
        let expr = self.stepped(pointer.expr, index, &ty, at)?;
        Ok(Value { expr, ty })
    }

    /// `ptr + index` elements of the pointer type's target.
    pub fn stepped(&mut self, ptr: Expr, index: Expr, pointer: &Type, at: NodeSpan) -> Lowered<Expr> {
        let Some(to) = pointer.pointee().cloned() else {
            return self.unsupported("arithmetic on what is not a pointer", at);
        };
        if to.is_variable() {
            let size = self.size_value(&to, at)?;
            return Ok(fold::pointer_add(
                ptr,
                fold::binary(BinaryOp::Mul, index, size),
                1,
            ));
        }
        let scale = self.size_of(&to, at)?;
        Ok(fold::pointer_add(ptr, index, scale))
    }

    fn pointer_difference(&mut self, lhs: Value, rhs: Value, at: NodeSpan) -> Lowered<Value> {
        let scale = self.pointee_size(&lhs.ty, at)?;
        if scale == 0 {
            return self.unsupported("the difference of pointers to empty objects", at);
        }
        let expr = Expr::PtrDiff {
            lhs: Box::new(lhs.expr),
            rhs: Box::new(rhs.expr),
            scale,
        };
        Ok(Value {
            expr,
            ty: Type::int(IntType::ptrdiff_t(self.model)),
        })
    }

    /// `sizeof` a type, with pointer width; of a variable-length array from the registers that hold lengths.
    pub fn size_value(&mut self, ty: &Type, at: NodeSpan) -> Lowered<Expr> {
        let bits = self.pointer_bits();
        if !ty.is_variable() {
            let n = self.size_of(ty, at)?;
            return Ok(Expr::int(bits, i128::from(n)));
        }
        match &ty.kind {
            Kind::Array(element, length) => {
                let count = match length {
                    Length::Fixed(n) => Expr::int(bits, i128::from(*n)),
                    Length::Variable(Some(local)) => Expr::Local(*local),
                    Length::Variable(None) | Length::Unknown => {
                        return self.unsupported("the size of an array whose length is not known here", at);
                    }
                };
                let size = self.size_value(element, at)?;
                Ok(fold::binary(BinaryOp::Mul, count, size))
            }
            _ => self.unsupported("the size of this type", at),
        }
    }
}

//! Making obligations. Each is made once, directly before the statement that needs it.

use lang_c::span::Span as NodeSpan;
use vf_ir::obligation::Arithmetic;
use vf_ir::{Access, BinaryOp, CompareOp, Condition, Expr, LocalId, Obligation, Property};

use super::Lowerer;
use super::fold;
use super::types::IntType;

impl Lowerer<'_> {
    pub fn oblige(&mut self, property: Property, condition: Condition, at: NodeSpan) {
        let (span, text) = (self.span(at), self.text(at));
        self.f().check(Obligation {
            property,
            condition,
            span,
            text,
            required: false,
        });
    }

    pub fn oblige_no_overflow(&mut self, op: Arithmetic, ty: IntType, lhs: &Expr, rhs: &Expr, at: NodeSpan) {
        let property = if ty.signed {
            Property::SignedOverflow
        } else {
            Property::UnsignedWrap
        };
        self.oblige_no_overflow_as(property, op, ty, lhs, rhs, at);
    }

    /// The exact result of `lhs op rhs` fits the type; nothing is made where bounds already show it.
    pub fn oblige_no_overflow_as(
        &mut self,
        property: Property,
        op: Arithmetic,
        ty: IntType,
        lhs: &Expr,
        rhs: &Expr,
        at: NodeSpan,
    ) {
        let (a, b) = {
            let locals = self.locals();
            (
                fold::bounds(lhs, ty.bits, ty.signed, locals),
                fold::bounds(rhs, ty.bits, ty.signed, locals),
            )
        };
        let exact = match op {
            Arithmetic::Add => fold::exact_bounds(BinaryOp::Add, a, b),
            Arithmetic::Sub => fold::exact_bounds(BinaryOp::Sub, a, b),
            Arithmetic::Mul => fold::exact_bounds(BinaryOp::Mul, a, b),
            Arithmetic::Neg => b.1.checked_neg().zip(b.0.checked_neg()),
            // Only the least value divided by -1 overflows.
            Arithmetic::Div if a.0 > ty.range().0 || b.0 > -1 || b.1 < -1 => Some((0, 0)),
            Arithmetic::Div | Arithmetic::Shl => None,
        };
        if let Some((low, high)) = exact
            && ty.bits < 128
            && ty.fits(low)
            && ty.fits(high)
        {
            return;
        }
        let condition = Condition::NoOverflow {
            op,
            signed: ty.signed,
            lhs: lhs.clone(),
            rhs: rhs.clone(),
        };
        self.oblige(property, condition, at);
    }

    pub fn oblige_divisor(&mut self, divisor: &Expr, ty: IntType, at: NodeSpan) {
        let (low, high) = fold::bounds(divisor, ty.bits, ty.signed, self.locals());
        if low > 0 || high < 0 {
            return;
        }
        let condition = fold::compare(CompareOp::NotEqual, divisor.clone(), Expr::int(ty.bits, 0));
        self.oblige(Property::DivisorNonzero, Condition::Holds(condition), at);
    }

    /// `0 <= count < width`, the count read in its own type. A negative count is a large unsigned one.
    pub fn oblige_shift(&mut self, count: &Expr, ty: IntType, width: u32, at: NodeSpan) {
        let (low, high) = fold::bounds(count, ty.bits, ty.signed, self.locals());
        if low >= 0 && high < i128::from(width) {
            return;
        }
        let limit = Expr::int(ty.bits, i128::from(width));
        let condition = fold::compare(CompareOp::ULess, count.clone(), limit);
        self.oblige(Property::ShiftInRange, Condition::Holds(condition), at);
    }

    /// The value keeps its meaning in the target type.
    pub fn oblige_lossless(&mut self, value: &Expr, from: IntType, bits: u32, signed: bool, at: NodeSpan) {
        let (low, high) = fold::bounds(value, from.bits, from.signed, self.locals());
        let target = IntType { signed, bits, ..from };
        let all_fit = from.bits < bits && (!from.signed || signed);
        if all_fit || (from.bits < 128 && bits < 128 && target.fits(low) && target.fits(high)) {
            return;
        }
        // A negative constant written where an unsigned value belongs (`size_t none = -1`) is meant modulo 2^n, and
        // keeps all of its bits.
        if fold::constant(value).is_some() && from.signed && !signed && bits >= from.bits {
            return;
        }
        let condition = Condition::Lossless {
            value: value.clone(),
            value_signed: from.signed,
            bits,
            signed,
        };
        self.oblige(Property::LossyConversion, condition, at);
    }

    pub fn oblige_not_null(&mut self, ptr: &Expr, at: NodeSpan) {
        if !fold::points_into_named(ptr) {
            self.oblige(Property::NotNull, Condition::NotNull { ptr: ptr.clone() }, at);
        }
    }

    pub fn oblige_live(&mut self, ptr: &Expr, at: NodeSpan) {
        if !fold::points_into_named(ptr) {
            self.oblige(Property::Lifetime, Condition::Live { ptr: ptr.clone() }, at);
        }
    }

    pub fn oblige_access(&mut self, ptr: &Expr, size: Expr, access: Access, at: NodeSpan) {
        let property = match access {
            Access::Read => Property::ValidRead,
            Access::Write => Property::ValidWrite,
        };
        self.oblige(
            property,
            Condition::ValidAccess {
                ptr: ptr.clone(),
                size,
                access,
            },
            at,
        );
    }

    pub fn oblige_initialised_memory(&mut self, ptr: &Expr, size: Expr, at: NodeSpan) {
        let condition = Condition::InitializedMemory {
            ptr: ptr.clone(),
            size,
        };
        self.oblige(Property::Initialized, condition, at);
    }

    pub fn oblige_initialised_local(&mut self, local: LocalId, at: NodeSpan) {
        self.oblige(Property::Initialized, Condition::InitializedLocal(local), at);
    }
}

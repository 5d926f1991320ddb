//! `__builtin_add_overflow` and its kin (GCC manual, "Integer Overflow Builtins").

use super::bits::Width;
use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::obligation::Arithmetic;
use vf_ir::{BinaryOp, CompareOp, Expr};

/// What `__builtin_*_overflow` computes, and the operand type where the name fixes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverflowForm {
    op: Arithmetic,
    fixed: Option<(bool, Width)>,
    /// `_overflow_p`: nothing is stored.
    predicate: bool,
}

pub(crate) fn overflow_form(name: &str) -> Option<OverflowForm> {
    let rest = name.strip_prefix("__builtin_")?;
    let (rest, predicate) = match rest.strip_suffix("_overflow_p") {
        Some(r) => (r, true),
        None => (rest.strip_suffix("_overflow")?, false),
    };
    let operation = |s: &str| match s {
        "add" => Some(Arithmetic::Add),
        "sub" => Some(Arithmetic::Sub),
        "mul" => Some(Arithmetic::Mul),
        _ => None,
    };
    if let Some(op) = operation(rest) {
        return Some(OverflowForm {
            op,
            fixed: None,
            predicate,
        });
    }
    let (signed, rest) = match (rest.strip_prefix('s'), rest.strip_prefix('u')) {
        (Some(r), _) if operation(r.trim_end_matches('l')).is_some() => (true, r),
        (_, Some(r)) => (false, r),
        _ => return None,
    };
    let op = operation(rest.get(..3)?)?;
    let width = match rest.get(3..)? {
        "" => Width::Int,
        "l" => Width::Long,
        "ll" => Width::LongLong,
        _ => return None,
    };
    Some(OverflowForm {
        op,
        fixed: Some((signed, width)),
        predicate,
    })
}

impl Lowerer<'_> {
    /// `__builtin_add_overflow` and its kin: exact in a wider width, the wrapped result stored.
    pub fn overflow_builtin(
        &mut self,
        form: OverflowForm,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        let [a, b, target] = args else {
            return self.unsupported("an overflow builtin with this many arguments", at);
        };
        let mut lhs = self.operand_before(a, b)?;
        let mut rhs = self.rvalue(b)?;
        if let Some((signed, width)) = form.fixed {
            let bits = width.bits(self.model);
            let ty = Type::int(IntType {
                signed,
                bits,
                rank: super::types::Rank::Long,
            });
            lhs = self.convert(lhs, &ty, Conversion::Implicit, a.span)?;
            rhs = self.convert(rhs, &ty, Conversion::Implicit, b.span)?;
        }
        let lhs = self.fixed(lhs, a.span);
        let rhs = self.fixed(rhs, b.span);
        let (place, result) = if form.predicate {
            (None, self.value_type_of(target)?)
        } else {
            let pointer = self.rvalue(target)?;
            let lv = self.dereferenced(pointer, target.span)?;
            let ty = lv.ty.unqualified();
            (Some(lv), ty)
        };
        let (Some(ta), Some(tb), Some(to)) = (lhs.ty.integer(), rhs.ty.integer(), result.integer()) else {
            return self.unsupported("an overflow builtin of what is not an integer", at);
        };
        if result.is_bool() || ta.bits > 64 || tb.bits > 64 || to.bits > 64 {
            return self.unsupported("an overflow builtin of these types", at);
        }
        let (wrapped, overflow) = self.checked_arithmetic(form.op, (lhs.expr, ta), (rhs.expr, tb), to, at);
        let overflow = self.fixed(Value::new(overflow, Type::bool()), at);
        // `fixed` gives `_Bool` values their memory width.
        if let Some(lv) = place {
            self.store(&lv, Value::new(wrapped, result))?;
        }
        Ok(overflow)
    }

    /// The result wrapped to `to`, and as a `_Bool` whether the exact one differs.
    fn checked_arithmetic(
        &mut self,
        op: Arithmetic,
        (a, ta): (Expr, IntType),
        (b, tb): (Expr, IntType),
        to: IntType,
        at: NodeSpan,
    ) -> (Expr, Expr) {
        let same = ta.bits == to.bits && tb.bits == to.bits && !ta.signed && !tb.signed && !to.signed;
        let (wrapped, overflow) = match op {
            // Unsigned sums wrapped exactly when they are less than an operand.
            Arithmetic::Add if same => {
                let sum = fold::binary(BinaryOp::Add, a.clone(), b);
                let sum = self.fixed(Value::new(sum, Type::int(to)), at).expr;
                (sum.clone(), fold::compare(CompareOp::ULess, sum, a))
            }
            Arithmetic::Sub if same => {
                let difference = fold::binary(BinaryOp::Sub, a.clone(), b.clone());
                (difference, fold::compare(CompareOp::ULess, a, b))
            }
            _ => {
                // Every exact result of operands up to 64 bits fits here, read as signed; a product of two
                // unsigned ones fits read as unsigned.
                let unsigned = !ta.signed && !tb.signed && op == Arithmetic::Mul;
                let sum = ta.bits.max(tb.bits).max(to.bits) + 2;
                let wide = match op {
                    Arithmetic::Mul => (ta.bits + tb.bits).max(to.bits + 2).min(128),
                    _ => sum,
                };
                let x = fold::resize(a, ta.bits, wide, ta.signed, self.locals());
                let y = fold::resize(b, tb.bits, wide, tb.signed, self.locals());
                let operation = match op {
                    Arithmetic::Sub => BinaryOp::Sub,
                    Arithmetic::Mul => BinaryOp::Mul,
                    _ => BinaryOp::Add,
                };
                let exact = fold::binary(operation, x, y);
                let exact_type = IntType {
                    signed: !unsigned,
                    bits: wide,
                    rank: super::types::Rank::BitField,
                };
                let exact = self.fixed(Value::new(exact, Type::int(exact_type)), at).expr;
                let wrapped = fold::resize(exact.clone(), wide, to.bits, false, self.locals());
                let overflow = if unsigned {
                    // The largest value of the target, signed or not.
                    let most = Expr::int(wide, to.range().1);
                    fold::compare(CompareOp::ULess, most, exact)
                } else {
                    let back = Expr::Resize {
                        kind: if to.signed {
                            vf_ir::Resize::SignExtend
                        } else {
                            vf_ir::Resize::ZeroExtend
                        },
                        bits: wide,
                        arg: Box::new(wrapped.clone()),
                    };
                    fold::compare(CompareOp::NotEqual, back, exact)
                };
                (wrapped, overflow)
            }
        };
        let overflow = fold::resize(overflow, 1, 8, false, self.locals());
        (wrapped, overflow)
    }
}

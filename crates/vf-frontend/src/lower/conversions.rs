//! Conversions between types (C11 6.3).

use lang_c::span::Span as NodeSpan;
use vf_ir::{CompareOp, Expr, HavocReason, StmtKind, Ty};

use super::fold;
use super::types::{IntType, Kind, Type};
use super::{Lowered, Lowerer};

/// The value of an expression: a scalar, or the address of a record. Arrays and functions have decayed.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub expr: Expr,
    pub ty: Type,
}

impl Value {
    pub fn new(expr: Expr, ty: Type) -> Value {
        Value { expr, ty }
    }
    pub fn void() -> Value {
        Value {
            expr: Expr::int(1, 0),
            ty: Type::void(),
        }
    }
    pub fn int(int: IntType, value: i128) -> Value {
        Value {
            expr: Expr::int(int.bits, value),
            ty: Type::int(int),
        }
    }
}

/// Who asked for a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conversion {
    /// An assignment, an argument, an operand.
    Implicit,
    /// A cast: whoever writes one asks for the value that it gives.
    Explicit,
    /// The value is meant to be read anew (masks, comparisons with -1, results that C defines to wrap).
    Silent,
}

impl Lowerer<'_> {
    /// Converts a value as C does, with the obligation that nothing is lost.
    pub fn convert(&mut self, v: Value, to: &Type, how: Conversion, at: NodeSpan) -> Lowered<Value> {
        let ty = to.unqualified();
        let span = self.span(at);
        match (&v.ty.kind, &ty.kind) {
            (_, Kind::Void) => Ok(Value::void()),
            (Kind::Record(a), Kind::Record(b)) if a == b => Ok(v),
            (_, Kind::Bool) => {
                if v.ty.is_bool() {
                    return Ok(v);
                }
                let truth = self.truth(&v, at)?;
                let expr = fold::resize(truth, 1, 8, false, self.locals());
                Ok(Value { expr, ty })
            }
            (Kind::Pointer(_), Kind::Pointer(_)) => Ok(Value { expr: v.expr, ty }),
            (Kind::Pointer(_), Kind::Int(i) | Kind::Enum(_, i)) => {
                let bits = self.pointer_bits();
                let address = match v.expr {
                    Expr::Null => Expr::int(bits, 0),
                    Expr::IntToPtr(inner) => *inner,
                    other => Expr::PtrToInt(Box::new(other)),
                };
                let expr = fold::resize(address, bits, i.bits, false, self.locals());
                Ok(Value { expr, ty })
            }
            (Kind::Pointer(_), Kind::Float(_)) | (Kind::Float(_), Kind::Pointer(_)) => {
                self.unsupported("a conversion between a pointer and a float", at)
            }
            (Kind::Float(_), Kind::Int(_) | Kind::Enum(..)) => {
                let expr = self.unknown(ty.scalar().unwrap_or(Ty::Int(32)), &ty, HavocReason::Float, span);
                Ok(Value { expr, ty })
            }
            (Kind::Float(a), Kind::Float(b)) if a == b => Ok(Value { expr: v.expr, ty }),
            (_, Kind::Float(bits)) => {
                let expr = self.unknown(Ty::Float(*bits), &ty, HavocReason::Float, span);
                Ok(Value { expr, ty })
            }
            _ => match (v.ty.integer(), &ty.kind) {
                (Some(from), Kind::Pointer(_)) => {
                    let bits = self.pointer_bits();
                    let wide = fold::resize(v.expr, from.bits, bits, from.signed, self.locals());
                    let expr = match wide {
                        Expr::Int { value: 0, .. } => Expr::Null,
                        Expr::PtrToInt(inner) => *inner,
                        other => Expr::IntToPtr(Box::new(other)),
                    };
                    Ok(Value { expr, ty })
                }
                (Some(from), Kind::Int(i) | Kind::Enum(_, i)) => {
                    if how == Conversion::Implicit {
                        self.oblige_lossless(&v.expr, from, i.bits, i.signed, at);
                    }
                    let expr = fold::resize(v.expr, from.bits, i.bits, from.signed, self.locals());
                    Ok(Value { expr, ty })
                }
                _ => self.unsupported("a conversion between these types", at),
            },
        }
    }

    /// Integer promotion of an operand's value (C11 6.3.1.1p2).
    pub fn promote(&mut self, v: Value) -> Value {
        match v.ty.integer() {
            Some(i) => {
                let to = i.promoted();
                let expr = fold::resize(v.expr, i.bits, to.bits, i.signed, self.locals());
                Value {
                    expr,
                    ty: Type::int(to),
                }
            }
            None => v,
        }
    }

    /// Default argument promotions (C11 6.5.2.2p6).
    pub fn promote_argument(&mut self, v: Value, at: NodeSpan) -> Lowered<Value> {
        if v.ty.kind == Kind::Float(32) {
            return self.convert(v, &Type::of(Kind::Float(64)), Conversion::Silent, at);
        }
        Ok(self.promote(v))
    }

    /// The value as a condition, an `Int(1)`: unequal to zero (C11 6.8.4.1p2).
    pub fn truth(&mut self, v: &Value, at: NodeSpan) -> Lowered<Expr> {
        match &v.ty.kind {
            Kind::Pointer(_) => Ok(fold::pointer_compare(
                CompareOp::NotEqual,
                v.expr.clone(),
                Expr::Null,
            )),
            Kind::Float(_) => {
                let span = self.span(at);
                Ok(self.unknown(Ty::Int(1), &Type::bool(), HavocReason::Float, span))
            }
            _ => match v.ty.integer() {
                Some(i) => Ok(fold::truth(v.expr.clone(), i.bits, self.locals())),
                None => self.unsupported("a condition that is not a scalar", at),
            },
        }
    }

    /// The C `int` 0 or 1 of a condition.
    pub fn int_of_truth(&mut self, condition: Expr) -> Value {
        let expr = fold::resize(condition, 1, 32, false, self.locals());
        Value {
            expr,
            ty: Type::int(IntType::INT),
        }
    }

    /// A fresh unknown value.
    pub fn unknown(&mut self, ty: Ty, c_type: &Type, why: HavocReason, span: vf_source::Span) -> Expr {
        let f = self.f();
        let dst = f.temporary(ty, c_type, span);
        f.stmt(StmtKind::Havoc { dst, why }, span);
        Expr::Local(dst)
    }

    /// Keeps expressions from growing without bound: a large one gets a register.
    pub fn bounded(&mut self, v: Value, at: NodeSpan) -> Value {
        const LARGE: usize = 24;
        if fold::size_up_to(&v.expr, LARGE) < LARGE {
            return v;
        }
        self.fixed(v, at)
    }

    /// The value in a register that nothing else writes, unless it is a constant.
    pub fn fixed(&mut self, v: Value, at: NodeSpan) -> Value {
        let Some(ty) = v.ty.scalar() else { return v };
        if matches!(v.expr, Expr::Int { .. } | Expr::Null) || fold::is_object_address(&v.expr) {
            return v;
        }
        let span = self.span(at);
        let expr = self.f().in_register(v.expr, ty, &v.ty, span);
        Value { expr, ty: v.ty }
    }
}

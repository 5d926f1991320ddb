//! Atomic operations (GCC manual, "__sync Builtins", "__atomic Builtins"), as one thread sees them.

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::Type;
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BinaryOp, CompareOp, Expr, Ty, UnaryOp};

/// Builtins whose type is that of the object their first argument points to.
pub(crate) fn takes_type_of_target(name: &str) -> bool {
    atomic(name).is_some_and(|a| {
        !matches!(
            a,
            Atomic::Store | Atomic::CompareExchange | Atomic::BoolCompareSwap | Atomic::Release
        )
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Atomic {
    Load,
    Store,
    Exchange,
    CompareExchange,
    BoolCompareSwap,
    ValCompareSwap,
    Release,
    /// The old value of `*p op v`.
    FetchOp(AtomicOp),
    /// The new value.
    OpFetch(AtomicOp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtomicOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Nand,
}

pub(crate) fn atomic(name: &str) -> Option<Atomic> {
    let op = |text: &str| {
        Some(match text {
            "add" => AtomicOp::Add,
            "sub" => AtomicOp::Sub,
            "and" => AtomicOp::And,
            "or" => AtomicOp::Or,
            "xor" => AtomicOp::Xor,
            "nand" => AtomicOp::Nand,
            _ => return None,
        })
    };
    if let Some(rest) = name.strip_prefix("__sync_") {
        return Some(match rest {
            "bool_compare_and_swap" => Atomic::BoolCompareSwap,
            "val_compare_and_swap" => Atomic::ValCompareSwap,
            "lock_test_and_set" => Atomic::Exchange,
            "lock_release" => Atomic::Release,
            _ => {
                if let Some(o) = rest.strip_prefix("fetch_and_") {
                    Atomic::FetchOp(op(o)?)
                } else {
                    Atomic::OpFetch(op(rest.strip_suffix("_and_fetch")?)?)
                }
            }
        });
    }
    let rest = name.strip_prefix("__atomic_")?;
    Some(match rest {
        "load_n" => Atomic::Load,
        "store_n" => Atomic::Store,
        "exchange_n" => Atomic::Exchange,
        "compare_exchange_n" => Atomic::CompareExchange,
        _ => {
            if let Some(o) = rest.strip_prefix("fetch_") {
                Atomic::FetchOp(op(o)?)
            } else {
                Atomic::OpFetch(op(rest.strip_suffix("_fetch")?)?)
            }
        }
    })
}

impl Lowerer<'_> {
    /// Atomics, read as one thread sees them.
    pub fn atomic_builtin(
        &mut self,
        a: Atomic,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        let Some((first, rest)) = args.split_first() else {
            return self.unsupported("an atomic builtin without arguments", at);
        };
        let pointer = self.rvalue(first)?;
        let pointer = self.fixed(pointer, first.span);
        let lv = self.dereferenced(pointer, at)?;
        let ty = lv.ty.unqualified();
        let Some(scalar) = ty.scalar() else {
            return self.unsupported("an atomic builtin of what is not a scalar", at);
        };
        let mut operands = Vec::new();
        for r in rest.iter().take(2) {
            let v = self.rvalue(r)?;
            operands.push((self.fixed(v, r.span), r.span));
        }
        let operand = |this: &mut Self, n: usize| match operands.get(n).cloned() {
            Some((v, span)) => this.convert(v, &ty, Conversion::Implicit, span),
            None => this.unsupported("an atomic builtin with too few arguments", at),
        };
        match a {
            Atomic::Load => self.load(&lv),
            Atomic::Store => {
                let v = operand(self, 0)?;
                self.store(&lv, v)?;
                Ok(Value::void())
            }
            Atomic::Release => {
                let zero = match scalar {
                    Ty::Ptr => Expr::Null,
                    Ty::Int(bits) | Ty::Float(bits) => Expr::int(bits, 0),
                };
                self.store(&lv, Value::new(zero, ty.clone()))?;
                Ok(Value::void())
            }
            Atomic::Exchange => {
                let old = self.load(&lv)?;
                let v = operand(self, 0)?;
                self.store(&lv, v)?;
                Ok(old)
            }
            Atomic::FetchOp(op) | Atomic::OpFetch(op) => {
                let old = self.load(&lv)?;
                let new = match (scalar, operands.first().cloned()) {
                    // GNU C counts bytes here, not elements.
                    (Ty::Ptr, Some((v, span))) if matches!(op, AtomicOp::Add | AtomicOp::Sub) => {
                        let index = self.index_value(v, span)?;
                        let index = if op == AtomicOp::Sub {
                            fold::unary(UnaryOp::Neg, index)
                        } else {
                            index
                        };
                        fold::pointer_add(old.expr.clone(), index, 1)
                    }
                    (Ty::Int(_), _) => {
                        let v = operand(self, 0)?;
                        let operation = match op {
                            AtomicOp::Add => BinaryOp::Add,
                            AtomicOp::Sub => BinaryOp::Sub,
                            AtomicOp::And | AtomicOp::Nand => BinaryOp::And,
                            AtomicOp::Or => BinaryOp::Or,
                            AtomicOp::Xor => BinaryOp::Xor,
                        };
                        let value = fold::binary(operation, old.expr.clone(), v.expr);
                        if op == AtomicOp::Nand {
                            fold::unary(UnaryOp::Not, value)
                        } else {
                            value
                        }
                    }
                    _ => return self.unsupported("this atomic builtin", at),
                };
                let new = self.fixed(Value::new(new, ty.clone()), at);
                self.store(&lv, new.clone())?;
                Ok(if matches!(a, Atomic::FetchOp(_)) { old } else { new })
            }
            Atomic::BoolCompareSwap | Atomic::ValCompareSwap => {
                let old = self.load(&lv)?;
                let expected = operand(self, 0)?;
                let desired = operand(self, 1)?;
                let same = self.equal(&old, &expected);
                self.store_selected(&lv, &same, desired, &old)?;
                Ok(if a == Atomic::BoolCompareSwap {
                    Value::new(fold::resize(same, 1, 8, false, self.locals()), Type::bool())
                } else {
                    old
                })
            }
            Atomic::CompareExchange => {
                let Some((expected_pointer, span)) = operands.first().cloned() else {
                    return self.unsupported("an atomic builtin with too few arguments", at);
                };
                let desired = operand(self, 1)?;
                let expected_place = self.dereferenced(expected_pointer, span)?;
                let expected = self.load(&expected_place)?;
                let old = self.load(&lv)?;
                let same = self.equal(&old, &expected);
                self.store_selected(&lv, &same, desired, &old)?;
                self.store_selected(&expected_place, &same, expected, &old)?;
                Ok(Value::new(
                    fold::resize(same, 1, 8, false, self.locals()),
                    Type::bool(),
                ))
            }
        }
    }

    fn equal(&mut self, a: &Value, b: &Value) -> Expr {
        let condition = if a.ty.pointee().is_some() {
            fold::pointer_compare(CompareOp::Equal, a.expr.clone(), b.expr.clone())
        } else {
            fold::compare(CompareOp::Equal, a.expr.clone(), b.expr.clone())
        };
        let span = vf_source::Span::NONE;
        self.f().in_register(condition, Ty::Int(1), &Type::bool(), span)
    }

    fn store_selected(
        &mut self,
        lv: &super::lvalues::LValue,
        condition: &Expr,
        yes: Value,
        no: &Value,
    ) -> Lowered<Value> {
        let expr = Expr::Select {
            condition: Box::new(condition.clone()),
            then: Box::new(yes.expr),
            otherwise: Box::new(no.expr.clone()),
        };
        self.store(lv, Value::new(expr, yes.ty))
    }
}

//! Reads and writes of designated objects, with the checks that stand before them.

use super::conversions::{Conversion, Value};
use super::fold;
use super::lvalues::{IndexCheck, LValue, Place, Root};
use super::types::{IntType, Kind, Type};
use super::typing::bit_field_type;
use super::{Lowered, Lowerer};
use lang_c::span::Span as NodeSpan;
use vf_ir::{Access, BinaryOp, BitField, CompareOp, Condition, Expr, LocalId, Property, StmtKind, Ty};

impl Lowerer<'_> {
    fn check_indices(&mut self, indices: &[IndexCheck], end_allowed: bool) {
        let last = indices.len().saturating_sub(1);
        let bits = self.pointer_bits();
        for (n, i) in indices.iter().enumerate() {
            let (low, _) = fold::bounds(&i.index, bits, true, self.locals());
            if i.signed && low < 0 {
                let condition = fold::compare(CompareOp::SLessEqual, Expr::int(bits, 0), i.index.clone());
                self.oblige(Property::IndexLowerBound, Condition::Holds(condition), i.at);
            }
            // The address one past the last element may be formed (C11 6.5.6p8).
            let op = if end_allowed && n == last {
                CompareOp::ULessEqual
            } else {
                CompareOp::ULess
            };
            let condition = fold::compare(op, i.index.clone(), i.length.clone());
            self.oblige(Property::IndexUpperBound, Condition::Holds(condition), i.at);
        }
    }

    /// The checks of an access of `size` bytes at `ptr`.
    fn check_access(&mut self, lv: &LValue, ptr: &Expr, size: Expr, access: Access, whole: bool) {
        if let Some((pointer, at)) = &lv.followed {
            self.oblige_not_null(pointer, *at);
            self.oblige_live(pointer, *at);
        }
        self.check_indices(&lv.indices, false);
        if lv.check_access {
            self.oblige_access(ptr, size.clone(), access, lv.at);
        }
        // A record may be copied before all of its members are written.
        if access == Access::Read && lv.root != Root::Static && !whole && !fold::is_static(ptr) {
            self.oblige_initialised_memory(ptr, size, lv.at);
        }
    }

    /// The value of an lvalue (C11 6.3.2.1): arrays and functions decay, records stay in place.
    pub fn load(&mut self, lv: &LValue) -> Lowered<Value> {
        let span = self.span(lv.at);
        let ty = lv.ty.unqualified();
        match &lv.place {
            Place::Register(local) => {
                let local = *local;
                if self.f().declared_in.contains_key(&local) {
                    self.oblige_initialised_local(local, lv.at);
                }
                Ok(Value {
                    expr: Expr::Local(local),
                    ty,
                })
            }
            Place::Memory(ptr) => match &ty.kind {
                Kind::Array(..) => {
                    self.check_indices(&lv.indices, lv.is_element);
                    Ok(Value {
                        expr: ptr.clone(),
                        ty: lv.ty.decayed(),
                    })
                }
                Kind::Function(_) => Ok(Value {
                    expr: ptr.clone(),
                    ty: lv.ty.decayed(),
                }),
                Kind::Void => Ok(Value::void()),
                Kind::Record(_) => {
                    let size = self.size_value(&ty, lv.at)?;
                    self.check_access(lv, ptr, size, Access::Read, true);
                    Ok(Value {
                        expr: ptr.clone(),
                        ty,
                    })
                }
                _ => {
                    let scalar = ty.scalar().unwrap_or(Ty::Int(32));
                    let ptr = self.access_pointer(ptr, lv.at);
                    let size = self.bytes(scalar);
                    self.check_access(lv, &ptr, size, Access::Read, false);
                    let volatile = lv.ty.volatile;
                    let f = self.f();
                    let dst = f.temporary(scalar, &ty, span);
                    f.stmt(
                        StmtKind::Load {
                            dst,
                            ptr,
                            ty: scalar,
                            volatile,
                        },
                        span,
                    );
                    if ty.is_bool() {
                        self.assume_bool(dst, span);
                    }
                    Ok(Value {
                        expr: Expr::Local(dst),
                        ty,
                    })
                }
            },
            Place::Bits(ptr, bits) => {
                let bits = *bits;
                let ptr = self.access_pointer(ptr, lv.at);
                let size = self.bytes(Ty::Int(bits.unit));
                self.check_access(lv, &ptr, size, Access::Read, false);
                let unit = self.load_unit(&ptr, bits, lv);
                Ok(self.extract(unit, bits, &ty))
            }
        }
    }

    /// A `_Bool` object holds 0 or 1; anything else is a trap representation (C11 6.2.6.1p5).
    pub fn assume_bool(&mut self, local: LocalId, span: vf_source::Span) {
        let condition = fold::compare(CompareOp::ULessEqual, Expr::Local(local), Expr::int(8, 1));
        self.f().stmt(StmtKind::Assume(condition), span);
    }

    fn bytes(&self, ty: Ty) -> Expr {
        Expr::int(self.pointer_bits(), i128::from(ty.size(self.model)))
    }

    /// The address that the checks and the access name.
    fn access_pointer(&mut self, ptr: &Expr, at: NodeSpan) -> Expr {
        const SMALL: usize = 8;
        if fold::size_up_to(ptr, SMALL) < SMALL {
            return ptr.clone();
        }
        self.fixed(Value::new(ptr.clone(), Type::void().pointer_to()), at)
            .expr
    }

    fn load_unit(&mut self, ptr: &Expr, bits: BitField, lv: &LValue) -> Expr {
        let span = self.span(lv.at);
        let unit = Type::int(IntType {
            bits: bits.unit,
            signed: false,
            rank: super::types::Rank::BitField,
        });
        let volatile = lv.ty.volatile;
        let f = self.f();
        let dst = f.temporary(Ty::Int(bits.unit), &unit, span);
        f.stmt(
            StmtKind::Load {
                dst,
                ptr: ptr.clone(),
                ty: Ty::Int(bits.unit),
                volatile,
            },
            span,
        );
        Expr::Local(dst)
    }

    /// The value of a bit-field out of its unit, in its type after promotion.
    fn extract(&mut self, unit: Expr, bits: BitField, declared: &Type) -> Value {
        let int = declared.integer().unwrap_or(IntType::INT);
        let is_bool = declared.is_bool();
        let promoted = bit_field_type(int, bits.width, is_bool);
        let shifted = fold::binary(BinaryOp::LShr, unit, Expr::int(bits.unit, i128::from(bits.first)));
        let cut = fold::resize(shifted, bits.unit, bits.width, false, self.locals());
        let signed = int.signed && !is_bool;
        let expr = fold::resize(cut, bits.width, promoted.bits, signed, self.locals());
        Value {
            expr,
            ty: Type::int(promoted),
        }
    }

    /// Writes a value, already of the lvalue's type; gives the value of the assignment expression.
    pub fn store(&mut self, lv: &LValue, v: Value) -> Lowered<Value> {
        let span = self.span(lv.at);
        let ty = lv.ty.unqualified();
        match &lv.place {
            Place::Register(local) => {
                let dst = *local;
                self.f().stmt(StmtKind::Assign { dst, value: v.expr }, span);
                Ok(Value {
                    expr: Expr::Local(dst),
                    ty,
                })
            }
            Place::Memory(ptr) => match &ty.kind {
                Kind::Record(_) => {
                    let size = self.size_value(&ty, lv.at)?;
                    self.check_access(lv, ptr, size.clone(), Access::Write, true);
                    self.f().stmt(
                        StmtKind::Copy {
                            dst: ptr.clone(),
                            src: v.expr,
                            size,
                        },
                        span,
                    );
                    Ok(Value {
                        expr: ptr.clone(),
                        ty,
                    })
                }
                _ => {
                    let Some(scalar) = ty.scalar() else {
                        return self.unsupported("an assignment to what is not a scalar or record", lv.at);
                    };
                    let ptr = self.access_pointer(ptr, lv.at);
                    let size = self.bytes(scalar);
                    self.check_access(lv, &ptr, size, Access::Write, false);
                    let v = self.bounded(v, lv.at);
                    let volatile = lv.ty.volatile;
                    let value = v.expr.clone();
                    self.f().stmt(
                        StmtKind::Store {
                            ptr,
                            value,
                            ty: scalar,
                            volatile,
                        },
                        span,
                    );
                    Ok(v)
                }
            },
            Place::Bits(ptr, bits) => {
                let bits = *bits;
                let ptr = self.access_pointer(ptr, lv.at);
                let size = self.bytes(Ty::Int(bits.unit));
                self.check_access(lv, &ptr, size, Access::Write, true);
                let v = self.bounded(v, lv.at);
                self.store_bits(&ptr, bits, &v, lv);
                let from = v.ty.integer().map_or(bits.width, |i| i.bits);
                let cut = fold::resize(v.expr, from, bits.width, false, self.locals());
                let int = ty.integer().unwrap_or(IntType::INT);
                let promoted = bit_field_type(int, bits.width, ty.is_bool());
                let signed = int.signed && !ty.is_bool();
                let expr = fold::resize(cut, bits.width, promoted.bits, signed, self.locals());
                Ok(Value {
                    expr,
                    ty: Type::int(promoted),
                })
            }
        }
    }

    fn store_bits(&mut self, ptr: &Expr, bits: BitField, v: &Value, lv: &LValue) {
        let span = self.span(lv.at);
        let from = v.ty.integer().map_or(bits.unit, |i| i.bits);
        let cut = fold::resize(v.expr.clone(), from, bits.width, false, self.locals());
        let value = if bits.width == bits.unit {
            cut
        } else {
            let old = self.load_unit(ptr, bits, lv);
            let ones = if bits.width >= 128 {
                u128::MAX
            } else {
                (1u128 << bits.width) - 1
            };
            let mask = ones << bits.first;
            let unit_mask = if bits.unit >= 128 {
                u128::MAX
            } else {
                (1u128 << bits.unit) - 1
            };
            let kept = fold::binary(
                BinaryOp::And,
                old,
                Expr::Int {
                    bits: bits.unit,
                    value: !mask & unit_mask,
                },
            );
            let wide = fold::resize(cut, bits.width, bits.unit, false, self.locals());
            let moved = fold::binary(BinaryOp::Shl, wide, Expr::int(bits.unit, i128::from(bits.first)));
            fold::binary(BinaryOp::Or, kept, moved)
        };
        let volatile = lv.ty.volatile;
        self.f().stmt(
            StmtKind::Store {
                ptr: ptr.clone(),
                value,
                ty: Ty::Int(bits.unit),
                volatile,
            },
            span,
        );
    }

    /// A value converted for assignment to an lvalue.
    pub fn convert_for(&mut self, lv: &LValue, v: Value, at: NodeSpan) -> Lowered<Value> {
        if let Place::Bits(_, bits) = &lv.place {
            // What is kept is the field's width, not its type's.
            if let (Some(from), Some(to), false) = (v.ty.integer(), lv.ty.integer(), lv.ty.is_bool()) {
                self.oblige_lossless(&v.expr, from, bits.width, to.signed, at);
                return self.convert(v, &lv.ty, Conversion::Silent, at);
            }
        }
        self.convert(v, &lv.ty, Conversion::Implicit, at)
    }

    /// `&lvalue`: nothing is accessed.
    pub fn address(&mut self, lv: &LValue) -> Lowered<Value> {
        match &lv.place {
            Place::Memory(ptr) => {
                self.check_indices(&lv.indices, lv.is_element);
                Ok(Value {
                    expr: ptr.clone(),
                    ty: lv.ty.clone().pointer_to(),
                })
            }
            Place::Register(_) => self.unsupported("the address of a register variable", lv.at),
            Place::Bits(..) => self.unsupported("the address of a bit-field", lv.at),
        }
    }
}

//! Expressions.

use super::machine::{Machine, Stop};
use super::memory::{Bounds, Pointer};
use super::value::{self, Value};
use super::{Outcome, StuckReason};
use crate::program::{CompareOp, Expr};
use crate::types::Ty;

/// How deep an expression may nest; evaluation recurses.
const MAX_DEPTH: u32 = 2000;

impl Machine<'_> {
    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Stop> {
        self.eval_at(expr, 0)
    }

    /// The expression's bits and width.
    pub(super) fn eval_bits(&mut self, expr: &Expr) -> Result<(u32, u128), Stop> {
        self.bits_at(expr, 0)
    }

    pub(super) fn eval_pointer(&mut self, expr: &Expr) -> Result<Pointer, Stop> {
        self.pointer_at(expr, 0)
    }

    /// A size, in bytes.
    pub(super) fn eval_size(&mut self, expr: &Expr) -> Result<u64, Stop> {
        let (_, value) = self.eval_bits(expr)?;
        Ok(self.memory.wrap(value as u64))
    }

    pub(super) fn eval_bool(&mut self, expr: &Expr) -> Result<bool, Stop> {
        Ok(self.eval_bits(expr)?.1 & 1 == 1)
    }

    fn bits_at(&mut self, expr: &Expr, depth: u32) -> Result<(u32, u128), Stop> {
        let value = self.eval_at(expr, depth)?;
        let bits = match value {
            Value::Int { bits, .. } | Value::Float { bits, .. } => bits.clamp(1, 128),
            Value::Pointer(_) => self.pointer_bits(),
        };
        Ok((bits, self.pattern(value) & value::mask(bits)))
    }

    fn pointer_at(&mut self, expr: &Expr, depth: u32) -> Result<Pointer, Stop> {
        let value = self.eval_at(expr, depth)?;
        match self.coerce(value, Ty::Ptr) {
            Value::Pointer(pointer) => Ok(pointer),
            Value::Int { .. } | Value::Float { .. } => Ok(Pointer::NULL),
        }
    }

    fn eval_at(&mut self, expr: &Expr, depth: u32) -> Result<Value, Stop> {
        if depth > MAX_DEPTH {
            return Err(Outcome::Stuck(StuckReason::ExpressionDepth { limit: MAX_DEPTH }).into());
        }
        let depth = depth + 1;
        Ok(match expr {
            Expr::Int { bits, value } => Value::int(*bits, *value),
            Expr::Null => Value::Pointer(Pointer::NULL),
            Expr::Local(local) => {
                let value = self.register(*local)?;
                self.reads_register(*local, value)?;
                value
            }
            Expr::LocalAddress(local) => {
                let object = self.local_object(*local)?;
                if let Some(recorder) = &mut self.recorder {
                    recorder.read_local_object(&self.memory, object);
                }
                Value::Pointer(Pointer {
                    object: Some(object),
                    offset: 0,
                    bounds: None,
                })
            }
            Expr::GlobalAddress(global) => {
                let object = self.global_object(*global)?;
                Value::Pointer(Pointer {
                    object: Some(object),
                    offset: 0,
                    bounds: None,
                })
            }
            Expr::FunctionAddress(function) => {
                let object = self.function_object(*function)?;
                Value::Pointer(Pointer {
                    object: Some(object),
                    offset: 0,
                    bounds: None,
                })
            }
            Expr::Unary { op, arg } => {
                let (bits, arg) = self.bits_at(arg, depth)?;
                Value::int(bits, value::unary(*op, bits, arg))
            }
            Expr::Binary { op, lhs, rhs } => {
                let (bits, lhs) = self.bits_at(lhs, depth)?;
                let (_, rhs) = self.bits_at(rhs, depth)?;
                Value::int(bits, value::binary(*op, bits, lhs, rhs))
            }
            Expr::Compare { op, lhs, rhs } => {
                let (bits, lhs) = self.bits_at(lhs, depth)?;
                let (_, rhs) = self.bits_at(rhs, depth)?;
                Value::bool(value::compare(*op, bits, lhs, rhs))
            }
            Expr::PtrCompare { op, lhs, rhs } => {
                let (lhs, rhs) = (self.pointer_at(lhs, depth)?, self.pointer_at(rhs, depth)?);
                Value::bool(self.compare_pointers(*op, lhs, rhs))
            }
            Expr::Resize { kind, bits, arg } => {
                let (from, arg) = self.bits_at(arg, depth)?;
                Value::int(*bits, value::resize(*kind, from, *bits, arg))
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                let (_, condition) = self.bits_at(condition, depth)?;
                self.eval_at(if condition & 1 == 1 { then } else { otherwise }, depth)?
            }
            Expr::PtrAdd {
                ptr,
                index: index_expr,
                scale,
            } => {
                let pointer = self.pointer_at(ptr, depth)?;
                let (bits, index) = self.bits_at(index_expr, depth)?;
                let is_constant = matches!(**index_expr, Expr::Int { .. });
                let index = value::signed(bits, index);
                let distance = (index as u64).wrapping_mul(*scale);
                // Back from the array: to the record around it (container_of).
                let mut pointer = pointer;
                if is_constant
                    && *scale == 1
                    && index < 0
                    && pointer.bounds.is_some_and(|b| b.low == pointer.offset)
                {
                    pointer.bounds = None;
                }
                Value::Pointer(self.advance(pointer, distance))
            }
            Expr::Member { ptr, record, field } => {
                let pointer = self.pointer_at(ptr, depth)?;
                let record = self.program.records.get(record.0 as usize);
                let member = record.and_then(|r| r.fields.get(*field as usize));
                let offset = member
                    .ok_or_else(|| self.ill_formed("a member does not exist"))?
                    .offset;
                let mut base = pointer;
                // The record whose first member the pointer was made from (C11 6.7.2.1p15).
                let size = record.and_then(|r| r.size);
                if let (Some((low, high)), Some(size)) = (base.hard_bounds(), size)
                    && low == base.offset
                    && size > high.saturating_sub(low)
                {
                    base.bounds = None;
                }
                // The record member that the pointer was made from, if it is this record.
                let is_inner = base.bounds.is_some_and(|b| {
                    b.of_record && b.low == base.offset && size == Some(b.high.wrapping_sub(b.low))
                });
                base.bounds = base.bounds.filter(|b| !b.of_record);
                let mut pointer = self.advance(base, offset);
                let (records, model) = (&self.program.records, self.program.model);
                let array = record.and_then(|r| {
                    let trailing = || r.trailing_array(*field, records, model).filter(|_| is_inner);
                    r.bounded_array(*field, records, model).or_else(trailing)
                });
                let inner = record.and_then(|r| r.inner_record(*field, records, model));
                if let Some(length) = array.or(inner.filter(|_| pointer.bounds.is_none())) {
                    pointer.bounds = Some(Bounds {
                        low: pointer.offset,
                        high: self.memory.wrap(pointer.offset.wrapping_add(length)),
                        of_record: array.is_none(),
                    });
                }
                Value::Pointer(pointer)
            }
            Expr::PtrDiff { lhs, rhs, scale } => {
                let (lhs, rhs) = (self.pointer_at(lhs, depth)?, self.pointer_at(rhs, depth)?);
                let bits = self.pointer_bits();
                let distance = self.memory.address(lhs).wrapping_sub(self.memory.address(rhs));
                let distance = value::signed(bits, u128::from(distance));
                let elements = distance.checked_div(i128::from(*scale)).unwrap_or(distance);
                Value::int(bits, elements as u128)
            }
            Expr::PtrToInt(arg) => {
                let pointer = self.pointer_at(arg, depth)?;
                Value::int(self.pointer_bits(), u128::from(self.memory.address(pointer)))
            }
            Expr::IntToPtr(arg) => {
                let (_, address) = self.bits_at(arg, depth)?;
                Value::Pointer(Pointer {
                    object: None,
                    offset: self.memory.wrap(address as u64),
                    bounds: None,
                })
            }
        })
    }

    fn advance(&self, pointer: Pointer, distance: u64) -> Pointer {
        Pointer {
            offset: self.memory.wrap(pointer.offset.wrapping_add(distance)),
            ..pointer
        }
    }

    /// By address; but pointers into different objects are never equal, wherever their offsets lead.
    fn compare_pointers(&self, op: CompareOp, lhs: Pointer, rhs: Pointer) -> bool {
        let different = lhs.object.is_some() && rhs.object.is_some() && lhs.object != rhs.object;
        let (left, right) = (self.memory.address(lhs), self.memory.address(rhs));
        match op {
            CompareOp::Equal => !different && left == right,
            CompareOp::NotEqual => different || left != right,
            _ => value::compare(op, self.pointer_bits(), u128::from(left), u128::from(right)),
        }
    }
}

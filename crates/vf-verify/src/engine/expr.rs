//! Expressions to terms.

use std::rc::Rc;

use vf_ir::{BinaryOp, CompareOp, Expr, Record, Resize, Storage, Ty, UnaryOp};
use vf_smt::{Sort, Term};

use super::exec::Frame;
use super::state::State;
use super::value::{Bounds, INVALID, NO_OBJECT, ObjectKey, Pointer, Value};
use super::{Engine, Stop};

impl Engine<'_> {
    pub(super) fn width_of(&self, ty: Ty) -> u32 {
        match ty {
            Ty::Int(bits) | Ty::Float(bits) => bits,
            Ty::Ptr => self.pointer_bits,
        }
    }

    pub(super) fn bits(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<Term, Stop> {
        match self.value(frame, state, expr)? {
            Value::Bits(term) => Ok(term),
            Value::Pointer(pointer) => Ok(self.address_of(&pointer)),
        }
    }

    /// An `Int(1)` expression as a truth value.
    pub(super) fn truth(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<Term, Stop> {
        let term = match expr {
            Expr::Compare { op, lhs, rhs } => {
                let lhs = self.bits(frame, state, lhs)?;
                let rhs = self.bits(frame, state, rhs)?;
                return Ok(self.compare(*op, lhs, rhs));
            }
            Expr::PtrCompare { op, lhs, rhs } => {
                let lhs = self.pointer(frame, state, lhs)?;
                let rhs = self.pointer(frame, state, rhs)?;
                return Ok(self.compare_pointers(frame, *op, &lhs, &rhs));
            }
            Expr::Unary {
                op: UnaryOp::Not,
                arg,
            } => {
                let inner = self.truth(frame, state, arg)?;
                return Ok(self.terms.not(inner));
            }
            Expr::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } => {
                let lhs = self.truth(frame, state, lhs)?;
                let rhs = self.truth(frame, state, rhs)?;
                return Ok(self.terms.and(lhs, rhs));
            }
            Expr::Binary {
                op: BinaryOp::Or,
                lhs,
                rhs,
            } => {
                let lhs = self.truth(frame, state, lhs)?;
                let rhs = self.truth(frame, state, rhs)?;
                return Ok(self.terms.or(lhs, rhs));
            }
            other => self.bits(frame, state, other)?,
        };
        Ok(self.terms.bv_to_bool(term))
    }

    pub(super) fn pointer(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<Pointer, Stop> {
        match self.value(frame, state, expr)? {
            Value::Pointer(pointer) => Ok(pointer),
            Value::Bits(bits) => Ok(self.pointer_from(bits)),
        }
    }

    pub(super) fn value(&mut self, frame: &Frame, state: &State, expr: &Expr) -> Result<Value, Stop> {
        let t = self.terms;
        Ok(match expr {
            Expr::Int { bits, value } => Value::Bits(t.bv(*bits, *value)),
            Expr::Null => Value::Pointer(self.null()),
            Expr::Local(local) => match state.registers.get(local.index()).and_then(Option::as_ref) {
                Some(register) => register.value.clone(),
                None => self.indeterminate(frame, *local),
            },
            Expr::LocalAddress(local) => Value::Pointer(self.local_address(frame, *local, state)),
            Expr::GlobalAddress(global) => {
                let object = self.object(ObjectKey::Global(*global))?;
                let zero = t.bv(self.pointer_bits, 0);
                Value::Pointer(self.pointer_to(object, zero))
            }
            Expr::FunctionAddress(function) => {
                let object = self.object(ObjectKey::Function(*function))?;
                let zero = t.bv(self.pointer_bits, 0);
                Value::Pointer(self.pointer_to(object, zero))
            }
            Expr::Unary { op, arg } => {
                let arg = self.bits(frame, state, arg)?;
                Value::Bits(match op {
                    UnaryOp::Not => t.bvnot(arg),
                    UnaryOp::Neg => t.neg(arg),
                })
            }
            Expr::Binary { op, lhs, rhs } => {
                let lhs = self.bits(frame, state, lhs)?;
                let rhs = self.bits(frame, state, rhs)?;
                Value::Bits(match op {
                    BinaryOp::Add => t.add(lhs, rhs),
                    BinaryOp::Sub => t.sub(lhs, rhs),
                    BinaryOp::Mul => t.mul(lhs, rhs),
                    BinaryOp::SDiv => t.sdiv(lhs, rhs),
                    BinaryOp::UDiv => t.udiv(lhs, rhs),
                    BinaryOp::SRem => t.srem(lhs, rhs),
                    BinaryOp::URem => t.urem(lhs, rhs),
                    BinaryOp::And => t.bvand(lhs, rhs),
                    BinaryOp::Or => t.bvor(lhs, rhs),
                    BinaryOp::Xor => t.bvxor(lhs, rhs),
                    BinaryOp::Shl => t.shl(lhs, rhs),
                    BinaryOp::LShr => t.lshr(lhs, rhs),
                    BinaryOp::AShr => t.ashr(lhs, rhs),
                })
            }
            Expr::Compare { .. } | Expr::PtrCompare { .. } => {
                let truth = self.truth(frame, state, expr)?;
                Value::Bits(t.bool_to_bv(1, truth))
            }
            Expr::Resize { kind, bits, arg } => {
                let arg = self.bits(frame, state, arg)?;
                Value::Bits(match kind {
                    Resize::ZeroExtend => t.zext(*bits, arg),
                    Resize::SignExtend => t.sext(*bits, arg),
                    Resize::Truncate => t.extract(bits - 1, 0, arg),
                })
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.truth(frame, state, condition)?;
                let then = self.value(frame, state, then)?;
                let otherwise = self.value(frame, state, otherwise)?;
                self.choose_value(condition, &then, &otherwise)
            }
            Expr::PtrAdd { ptr, index, scale } => {
                let mut pointer = self.pointer(frame, state, ptr)?;
                // Back from the array by a constant: to the record around it (container_of).
                let back = matches!(**index, Expr::Int { bits, value } if value >> (bits - 1) & 1 == 1);
                if *scale == 1 && back && pointer.bounds.is_some_and(|b| b.low == pointer.offset) {
                    pointer.bounds = None;
                }
                if back {
                    self.stepped_back.extend(pointer.targets.iter().copied());
                }
                let index = self.bits(frame, state, index)?;
                Value::Pointer(self.advance(&pointer, index, *scale))
            }
            Expr::Member { ptr, record, field } => {
                let pointer = self.pointer(frame, state, ptr)?;
                self.find_container(&pointer, *record)?;
                self.read_as_record(&pointer, *record)?;
                let record = self.program.records.get(record.0 as usize);
                let offset = record
                    .and_then(|r| r.fields.get(*field as usize))
                    .map_or(0, |f| f.offset);
                let offset = self.offset_by(pointer.offset, t.bv(self.pointer_bits, u128::from(offset)));
                let bounds = self.member_bounds(&pointer, record, *field, offset);
                Value::Pointer(Pointer {
                    offset,
                    bounds,
                    ..pointer
                })
            }
            Expr::PtrDiff { lhs, rhs, scale } => {
                let lhs = self.pointer(frame, state, lhs)?;
                let rhs = self.pointer(frame, state, rhs)?;
                let many = self.one_of_many(&lhs, &rhs);
                let itself = lhs.base == rhs.base && lhs.offset == rhs.offset;
                let bytes = if !itself && !t.is_false(many) {
                    t.fresh("difference", Sort::BitVec(self.pointer_bits))
                } else if lhs.base == rhs.base {
                    t.sub(lhs.offset, rhs.offset)
                } else {
                    let exact = t.sub(lhs.offset, rhs.offset);
                    let other = {
                        let left = self.address_of(&lhs);
                        let right = self.address_of(&rhs);
                        t.sub(left, right)
                    };
                    t.ite(t.eq(lhs.base, rhs.base), exact, other)
                };
                Value::Bits(if *scale <= 1 {
                    bytes
                } else {
                    t.sdiv(bytes, t.bv(self.pointer_bits, u128::from(*scale)))
                })
            }
            Expr::PtrToInt(arg) => {
                let pointer = self.pointer(frame, state, arg)?;
                Value::Bits(self.address_of(&pointer))
            }
            Expr::IntToPtr(arg) => {
                let bits = self.bits(frame, state, arg)?;
                Value::Pointer(self.pointer_from(bits))
            }
        })
    }

    /// The bounds of a pointer to a member, which lies at `offset`, made from one to its record.
    fn member_bounds(
        &self,
        pointer: &Pointer,
        record: Option<&Record>,
        field: u32,
        offset: Term,
    ) -> Option<Bounds> {
        let t = self.terms;
        let record = record?;
        let (records, model) = (&self.program.records, self.program.model);
        // The record member that the pointer was made from, if it is this record.
        let is_inner = |b: Bounds| {
            let length = t.as_bv(t.sub(b.high, b.low));
            b.of_record
                && b.low == pointer.offset
                && length.is_some()
                && length == record.size.map(u128::from)
        };
        let trailing = || {
            let array = record.trailing_array(field, records, model);
            array.filter(|_| pointer.bounds.is_some_and(is_inner))
        };
        let member = |length: u64, of_record| Bounds {
            low: offset,
            high: t.add(offset, t.bv(self.pointer_bits, u128::from(length))),
            of_record,
        };
        if let Some(length) = record.bounded_array(field, records, model).or_else(trailing) {
            return Some(member(length, false));
        }
        let around = pointer.hard_bounds();
        let around = around.filter(|b| !self.is_first_of(pointer, b, Some(record)));
        let inner = || {
            record
                .inner_record(field, records, model)
                .map(|length| member(length, true))
        };
        around.or_else(inner)
    }

    /// Is this pointer, made from an array, used as one to the record that the array is the first member of
    /// (C11 6.7.2.1p15)?
    fn is_first_of(&self, pointer: &Pointer, bounds: &Bounds, record: Option<&Record>) -> bool {
        let length = self.terms.as_bv(self.terms.sub(bounds.high, bounds.low));
        let size = record.and_then(|r| r.size).map(u128::from);
        bounds.low == pointer.offset && size.zip(length).is_some_and(|(size, length)| size > length)
    }

    /// `pointer + index * scale`. Arithmetic that leaves the address range yields a pointer to nothing.
    fn advance(&mut self, pointer: &Pointer, index: Term, scale: u64) -> Pointer {
        let t = self.terms;
        let scale = t.bv(self.pointer_bits, u128::from(scale));
        let bytes = t.mul(index, scale);
        let offset = self.offset_by(pointer.offset, bytes);
        let overflow = t.or(
            t.mul_overflows(true, index, scale),
            t.add_overflows(true, pointer.offset, bytes),
        );
        if t.is_false(overflow) {
            return Pointer {
                offset,
                ..pointer.clone()
            };
        }
        let base = t.ite(overflow, self.base_const(INVALID), pointer.base);
        let mut targets = (*pointer.targets).clone();
        targets.insert(INVALID);
        Pointer {
            base,
            offset,
            targets: Rc::new(targets),
            bounds: pointer.bounds,
        }
    }

    pub(super) fn compare(&self, op: CompareOp, lhs: Term, rhs: Term) -> Term {
        let t = self.terms;
        match op {
            CompareOp::Equal => t.eq(lhs, rhs),
            CompareOp::NotEqual => t.ne(lhs, rhs),
            CompareOp::ULess => t.ult(lhs, rhs),
            CompareOp::ULessEqual => t.ule(lhs, rhs),
            CompareOp::SLess => t.slt(lhs, rhs),
            CompareOp::SLessEqual => t.sle(lhs, rhs),
        }
    }

    /// Pointers to different objects are unequal, where they are known to be different; orders between different objects go by address.
    pub(super) fn compare_pointers(
        &mut self,
        frame: &Frame,
        op: CompareOp,
        lhs: &Pointer,
        rhs: &Pointer,
    ) -> Term {
        let t = self.terms;
        // Nothing is known of a wild pointer, so neither is how it compares, but with itself; nor of two that lead to
        // objects of earlier iterations.
        let wild = t.any(&[self.is_wild(lhs), self.is_wild(rhs), self.one_of_many(lhs, rhs)]);
        let itself = lhs.base == rhs.base && lhs.offset == rhs.offset;
        if !itself && !t.is_false(wild) {
            let known = self.compare_known(frame, op, lhs, rhs);
            return t.ite(wild, t.fresh("open", Sort::Bool), known);
        }
        self.compare_known(frame, op, lhs, rhs)
    }

    fn compare_known(&mut self, frame: &Frame, op: CompareOp, lhs: &Pointer, rhs: &Pointer) -> Term {
        let t = self.terms;
        let same = t.eq(lhs.base, rhs.base);
        match op {
            CompareOp::Equal | CompareOp::NotEqual => {
                let mut equal = t.and(same, t.eq(lhs.offset, rhs.offset));
                // An integer used as a pointer equals the pointer whose address it is.
                let number = |p: &Pointer| p.targets.contains(&NO_OBJECT) && t.as_bv(p.offset) != Some(0);
                if (number(lhs) || number(rhs)) && !t.is_true(same) {
                    let none = self.base_const(NO_OBJECT);
                    let mixed = t.and(
                        t.xor(t.eq(lhs.base, none), t.eq(rhs.base, none)),
                        t.not(t.or(self.is_null(lhs), self.is_null(rhs))),
                    );
                    let left = self.address_of(lhs);
                    let right = self.address_of(rhs);
                    equal = t.or(equal, t.and(mixed, t.eq(left, right)));
                }
                equal = t.or(equal, self.holds_in_one_object(frame, CompareOp::Equal, lhs, rhs));
                if op == CompareOp::Equal {
                    equal
                } else {
                    t.not(equal)
                }
            }
            _ => {
                let within = self.compare(op, lhs.offset, rhs.offset);
                if t.is_true(same) {
                    return within;
                }
                let other = self.order_of_objects(lhs, rhs);
                let apart = t.ite(same, within, other);
                let one = self.may_lead_to_one(frame, lhs, rhs);
                if t.is_false(one) {
                    return apart;
                }
                // `p <= q` is `!(q < p)`.
                let in_one = match op {
                    CompareOp::ULessEqual | CompareOp::SLessEqual => {
                        t.not(self.holds_in_one_object(frame, CompareOp::ULess, rhs, lhs))
                    }
                    _ => self.holds_in_one_object(frame, CompareOp::ULess, lhs, rhs),
                };
                t.ite(one, in_one, apart)
            }
        }
    }

    /// The order of pointers into different objects: either way, but the same for all pointers into the two
    /// (objects do not overlap).
    fn order_of_objects(&self, lhs: &Pointer, rhs: &Pointer) -> Term {
        let t = self.terms;
        let mut before = t.bool(false);
        for left in lhs.targets.iter() {
            for right in rhs.targets.iter().filter(|right| *right != left) {
                let here = t.and(
                    t.eq(lhs.base, self.base_const(*left)),
                    t.eq(rhs.base, self.base_const(*right)),
                );
                let (low, high) = (left.min(right), left.max(right));
                let ordered = t.var(&format!("order.{}.{}", low.0, high.0), Sort::Bool);
                let holds = if left < right { ordered } else { t.not(ordered) };
                before = t.or(before, t.and(here, holds));
            }
        }
        before
    }

    pub(super) fn is_null(&self, pointer: &Pointer) -> Term {
        let t = self.terms;
        t.and(
            t.eq(pointer.base, self.base_const(NO_OBJECT)),
            t.eq(pointer.offset, t.bv(self.pointer_bits, 0)),
        )
    }

    /// Any value of the local's type: it was never assigned on this path.
    fn indeterminate(&mut self, frame: &Frame, local: vf_ir::LocalId) -> Value {
        match self
            .program
            .function(frame.function)
            .locals
            .get(local.index())
            .map(|l| l.storage)
        {
            Some(Storage::Register(Ty::Ptr)) => Value::Pointer(self.wild_pointer("indeterminate")),
            Some(Storage::Register(ty)) => {
                Value::Bits(self.terms.fresh("indeterminate", Sort::BitVec(self.width_of(ty))))
            }
            _ => Value::Pointer(self.wild_pointer("indeterminate")),
        }
    }
}

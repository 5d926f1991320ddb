//! Constant expressions (C11 6.6): integers, floats, and addresses of static objects.

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{FunctionId, GlobalId};

use super::literals;
use super::types::{IntType, Kind, Type};
use super::{Entity, Lowered, Lowerer};
use crate::normalise::{Rewrite, marker};

#[derive(Clone, Debug)]
pub(crate) enum Constant {
    /// A value of an integer, enumeration or `_Bool` type; within the type's range.
    Int {
        value: i128,
        ty: Type,
    },
    Float {
        value: f64,
        ty: Type,
    },
    Address {
        base: Base,
        offset: i128,
        ty: Type,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// No object: the offset is the address.
    Absolute,
    Global(GlobalId),
    Function(FunctionId),
}

impl Lowerer<'_> {
    /// The value of an integer constant expression (also a folded cast of floats or null-based addresses).
    pub fn constant_integer(&mut self, e: &Node<ast::Expression>) -> Lowered<i128> {
        match self.constant(e)? {
            Constant::Int { value, .. } => Ok(value),
            _ => self.unsupported("a constant that is not an integer", e.span),
        }
    }

    /// A null pointer constant (C11 6.3.2.3p3).
    pub fn is_null_constant(&mut self, e: &Node<ast::Expression>) -> bool {
        let inner = match &e.node {
            ast::Expression::Cast(c) => match self.unevaluated(|this| this.type_name(&c.node.type_name)) {
                Ok(t)
                    if t.pointee()
                        .is_some_and(|p| p.is_void() && !p.constant && !p.volatile) =>
                {
                    &c.node.expression
                }
                Ok(t) if t.integer().is_some() => e,
                _ => return false,
            },
            _ => e,
        };
        matches!(
            self.unevaluated(|this| this.constant(inner)),
            Ok(Constant::Int { value: 0, .. })
        )
    }

    pub fn constant(&mut self, e: &Node<ast::Expression>) -> Lowered<Constant> {
        self.nested(e.span, |this| this.constant_inner(e))
    }

    pub fn not_constant<T>(&self, at: NodeSpan) -> Lowered<T> {
        self.unsupported("this as a constant expression", at)
    }

    fn constant_inner(&mut self, e: &Node<ast::Expression>) -> Lowered<Constant> {
        match &e.node {
            ast::Expression::Constant(c) => self.literal(c),
            ast::Expression::Identifier(i) => match self.lookup(&i.node.name) {
                Some(Entity::Enumerator { value, ty }) => Ok(Constant::Int {
                    value,
                    ty: Type::int(ty),
                }),
                Some(Entity::Function(id, signature)) => {
                    let ty = Type::of(Kind::Function(signature)).pointer_to();
                    Ok(Constant::Address {
                        base: Base::Function(id),
                        offset: 0,
                        ty,
                    })
                }
                Some(Entity::Global { id, ty }) if ty.element().is_some() => Ok(Constant::Address {
                    base: Base::Global(id),
                    offset: 0,
                    ty: ty.decayed(),
                }),
                Some(Entity::Broken(why)) => Err(why),
                _ => self.not_constant(e.span),
            },
            ast::Expression::StringLiteral(s) => {
                let (id, ty) = self.string_literal(s)?;
                Ok(Constant::Address {
                    base: Base::Global(id),
                    offset: 0,
                    ty: ty.decayed(),
                })
            }
            ast::Expression::SizeOfTy(s) => {
                let ty = self.type_name(&s.node.0)?;
                self.constant_size(&ty, e.span)
            }
            ast::Expression::SizeOfVal(s) => {
                let ty = self.type_of(&s.node.0)?;
                self.constant_size(&ty, e.span)
            }
            ast::Expression::AlignOf(a) => {
                let ty = self.type_name(&a.node.0)?;
                let n = self.align_of(&ty)?;
                Ok(self.size_constant(n))
            }
            ast::Expression::OffsetOf(o) => {
                let n = self.offset_of(o)?;
                Ok(self.size_constant(n))
            }
            ast::Expression::Cast(c) => {
                let ty = self.type_name(&c.node.type_name)?;
                let value = self.constant(&c.node.expression)?;
                self.cast_constant(value, &ty, e.span)
            }
            ast::Expression::UnaryOperator(u) => self.constant_unary(u, e),
            ast::Expression::BinaryOperator(b) => self.constant_binary(b, e),
            ast::Expression::Conditional(c) => {
                let truth = self.constant_truth(&c.node.condition)?;
                let elvis = is_marker(&c.node.then_expression, marker::ELVIS);
                let chosen = match (truth, elvis) {
                    (true, true) => &c.node.condition,
                    (true, false) => &c.node.then_expression,
                    (false, _) => &c.node.else_expression,
                };
                let value = self.constant(chosen)?;
                let ty = self.type_of(e)?;
                if ty.is_scalar() {
                    self.cast_constant(value, &ty, e.span)
                } else {
                    Ok(value)
                }
            }
            ast::Expression::GenericSelection(g) => {
                let chosen = self.generic_choice(g)?;
                self.constant(chosen)
            }
            ast::Expression::Call(c) => self.constant_call(c, e),
            ast::Expression::CompoundLiteral(_) if self.function.is_none() => {
                let place = self.place(e)?;
                if place.ty.element().is_some() {
                    return Ok(Constant::Address {
                        base: place.base,
                        offset: place.offset,
                        ty: place.ty.decayed(),
                    });
                }
                self.not_constant(e.span)
            }
            ast::Expression::Member(_) => {
                let place = self.place(e)?;
                if place.ty.element().is_some() {
                    return Ok(Constant::Address {
                        base: place.base,
                        offset: place.offset,
                        ty: place.ty.decayed(),
                    });
                }
                self.not_constant(e.span)
            }
            _ => self.not_constant(e.span),
        }
    }

    fn constant_size(&mut self, ty: &Type, at: NodeSpan) -> Lowered<Constant> {
        if ty.is_variable() {
            return self.not_constant(at);
        }
        let n = self.size_of(ty, at)?;
        Ok(self.size_constant(n))
    }

    fn size_constant(&self, n: u64) -> Constant {
        Constant::Int {
            value: i128::from(n),
            ty: Type::int(IntType::size_t(self.model)),
        }
    }

    /// The text of a literal as the user wrote it, where the rewriting changed it.
    pub fn original_literal(&self, at: NodeSpan) -> Option<&str> {
        let d = self.declaration.as_ref()?;
        d.side
            .within(at.start..at.end)
            .find(|(_, r)| **r == Rewrite::Literal)?;
        Some(self.units.get(self.unit)?.source.source_text(at, d))
    }

    fn literal(&mut self, c: &Node<ast::Constant>) -> Lowered<Constant> {
        match &c.node {
            ast::Constant::Integer(i) => match literals::integer(i, self.model) {
                Some((value, ty)) => Ok(Constant::Int {
                    value: value as i128,
                    ty: Type::int(ty),
                }),
                None => self.unsupported("this integer literal", c.span),
            },
            ast::Constant::Float(f) => match literals::float(f) {
                Some((value, bits)) => Ok(Constant::Float {
                    value,
                    ty: Type::of(Kind::Float(bits)),
                }),
                None => self.unsupported("this floating literal", c.span),
            },
            ast::Constant::Character(text) => {
                let text = self.original_literal(c.span).unwrap_or(text);
                match literals::character(text, self.target()) {
                    Some((value, ty)) => Ok(Constant::Int {
                        value,
                        ty: Type::int(ty),
                    }),
                    None => self.unsupported("this character constant", c.span),
                }
            }
        }
    }

    /// The static object of a string literal, and its array type.
    pub fn string_literal(&mut self, s: &Node<ast::StringLiteral>) -> Lowered<(GlobalId, Type)> {
        let value = self.string_value(s)?;
        Ok(self.string_object(&value, s.span))
    }

    pub fn string_value(&mut self, s: &Node<ast::StringLiteral>) -> Lowered<literals::StringValue> {
        let parsed = match self.original_literal(s.span) {
            Some(text) => literals::string(text),
            None => literals::string(&s.node.join(" ")),
        };
        match parsed {
            Some(v) => Ok(v),
            None => self.unsupported("this string literal", s.span),
        }
    }

    pub fn string_object(&mut self, value: &literals::StringValue, at: NodeSpan) -> (GlobalId, Type) {
        let ty = Type::int(value.kind.element(self.target())).array_of(value.units.len() as u64 + 1);
        let bytes = value.bytes(self.target());
        if let Some(id) = self.strings.get(&bytes) {
            return (*id, ty);
        }
        let name = format!(".str.{}", self.strings.len());
        let span = self.span(at);
        let id = self.new_global(&name, &ty, Some(bytes.len() as u64), span);
        if let Some(g) = self.program.globals.get_mut(id.index()) {
            g.constant = true;
            g.init = vf_ir::Initial::Known(vec![vf_ir::InitItem {
                offset: 0,
                value: vf_ir::InitValue::Bytes(bytes.clone()),
            }]);
        }
        if let Some(info) = self.globals.get_mut(id.index()) {
            info.defined = true;
            info.queued = true;
        }
        self.strings.insert(bytes, id);
        (id, ty)
    }

    pub fn cast_constant(&mut self, value: Constant, to: &Type, at: NodeSpan) -> Lowered<Constant> {
        let ty = to.unqualified();
        match value {
            Constant::Int { value, ty: from } => match &ty.kind {
                Kind::Bool => Ok(Constant::Int {
                    value: i128::from(value != 0),
                    ty,
                }),
                Kind::Int(i) | Kind::Enum(_, i) => Ok(Constant::Int {
                    value: i.wrap(value),
                    ty,
                }),
                Kind::Float(_) => {
                    let unsigned = from.integer().is_some_and(|i| !i.signed && i.bits == 128);
                    let value = if unsigned {
                        (value as u128) as f64
                    } else {
                        value as f64
                    };
                    Ok(Constant::Float { value, ty })
                }
                Kind::Pointer(_) => Ok(Constant::Address {
                    base: Base::Absolute,
                    offset: value,
                    ty,
                }),
                _ => self.not_constant(at),
            },
            Constant::Float { value, .. } => match &ty.kind {
                Kind::Bool => Ok(Constant::Int {
                    value: i128::from(value != 0.0),
                    ty,
                }),
                Kind::Int(i) | Kind::Enum(_, i) => {
                    let cut = value.trunc();
                    // Out of range is undefined (C11 6.3.1.4p1): not a constant.
                    let whole = cut as i128;
                    if !cut.is_finite() || !i.fits(whole) {
                        return self.not_constant(at);
                    }
                    Ok(Constant::Int { value: whole, ty })
                }
                Kind::Float(bits) => {
                    let value = if *bits == 32 {
                        f64::from(value as f32)
                    } else {
                        value
                    };
                    Ok(Constant::Float { value, ty })
                }
                _ => self.not_constant(at),
            },
            Constant::Address { base, offset, .. } => match &ty.kind {
                Kind::Pointer(_) => Ok(Constant::Address { base, offset, ty }),
                Kind::Bool if base != Base::Absolute && offset == 0 => Ok(Constant::Int { value: 1, ty }),
                Kind::Int(i) | Kind::Enum(_, i) if base == Base::Absolute => {
                    let address = IntType::size_t(self.model).wrap(offset);
                    Ok(Constant::Int {
                        value: i.wrap(address),
                        ty,
                    })
                }
                // An integer that holds an address: only static initialisers can use it.
                Kind::Int(i) if i.bits == self.pointer_bits() => Ok(Constant::Address { base, offset, ty }),
                _ => self.not_constant(at),
            },
        }
    }

    /// Whether a constant condition is true.
    pub fn constant_truth(&mut self, e: &Node<ast::Expression>) -> Lowered<bool> {
        match self.constant(e)? {
            Constant::Int { value, .. } => Ok(value != 0),
            Constant::Float { value, .. } => Ok(value != 0.0),
            Constant::Address {
                base: Base::Absolute,
                offset,
                ..
            } => Ok(offset != 0),
            // An object's own address is not null; a place computed from it is left open.
            Constant::Address { offset: 0, .. } => Ok(true),
            Constant::Address { .. } => self.not_constant(e.span),
        }
    }

    fn constant_unary(
        &mut self,
        u: &Node<ast::UnaryOperatorExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Constant> {
        let operand = &u.node.operand;
        match u.node.operator.node {
            ast::UnaryOperator::Address => {
                let place = self.place(operand)?;
                Ok(Constant::Address {
                    base: place.base,
                    offset: place.offset,
                    ty: place.ty.pointer_to(),
                })
            }
            ast::UnaryOperator::Indirection => {
                let place = self.place(e)?;
                if place.ty.element().is_some() || place.ty.signature().is_some() {
                    return Ok(Constant::Address {
                        base: place.base,
                        offset: place.offset,
                        ty: place.ty.decayed(),
                    });
                }
                self.not_constant(e.span)
            }
            ast::UnaryOperator::Negate => {
                let truth = self.constant_truth(operand)?;
                Ok(Constant::Int {
                    value: i128::from(!truth),
                    ty: Type::int(IntType::INT),
                })
            }
            ast::UnaryOperator::Plus | ast::UnaryOperator::Minus | ast::UnaryOperator::Complement => {
                match self.constant(operand)? {
                    Constant::Int { value, ty } => {
                        let Some(int) = ty.integer() else {
                            return self.not_constant(e.span);
                        };
                        let int = int.promoted();
                        let value = match u.node.operator.node {
                            ast::UnaryOperator::Minus => value.wrapping_neg(),
                            ast::UnaryOperator::Complement => !value,
                            _ => value,
                        };
                        Ok(Constant::Int {
                            value: int.wrap(value),
                            ty: Type::int(int),
                        })
                    }
                    Constant::Float { value, ty } => match u.node.operator.node {
                        ast::UnaryOperator::Minus => Ok(Constant::Float { value: -value, ty }),
                        ast::UnaryOperator::Plus => Ok(Constant::Float { value, ty }),
                        _ => self.not_constant(e.span),
                    },
                    Constant::Address { .. } => self.not_constant(e.span),
                }
            }
            _ => self.not_constant(e.span),
        }
    }

    fn constant_binary(
        &mut self,
        b: &Node<ast::BinaryOperatorExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Constant> {
        use ast::BinaryOperator as B;
        let int = |value: bool| Constant::Int {
            value: i128::from(value),
            ty: Type::int(IntType::INT),
        };
        let op = &b.node.operator.node;
        match op {
            B::LogicalAnd => {
                let value = self.constant_truth(&b.node.lhs)? && self.constant_truth(&b.node.rhs)?;
                return Ok(int(value));
            }
            B::LogicalOr => {
                let value = self.constant_truth(&b.node.lhs)? || self.constant_truth(&b.node.rhs)?;
                return Ok(int(value));
            }
            B::Index => {
                let place = self.place(e)?;
                if place.ty.element().is_some() {
                    return Ok(Constant::Address {
                        base: place.base,
                        offset: place.offset,
                        ty: place.ty.decayed(),
                    });
                }
                return self.not_constant(e.span);
            }
            _ => {}
        }
        let lhs = self.constant(&b.node.lhs)?;
        let rhs = self.constant(&b.node.rhs)?;
        match (lhs, rhs) {
            (Constant::Int { value: a, ty: ta }, Constant::Int { value: b, ty: tb }) => {
                let (Some(ia), Some(ib)) = (ta.integer(), tb.integer()) else {
                    return self.not_constant(e.span);
                };
                match integer_operation(op, a, ia, b, ib) {
                    Some((value, ty)) => Ok(Constant::Int {
                        value,
                        ty: Type::int(ty),
                    }),
                    None => self.not_constant(e.span),
                }
            }
            (Constant::Address { base, offset, ty }, Constant::Int { value, .. })
                if matches!(op, B::Plus | B::Minus) && ty.pointee().is_some() =>
            {
                let scale = self.pointee_size(&ty, e.span)?;
                let step = value.wrapping_mul(i128::from(scale));
                let offset = if *op == B::Plus {
                    offset.wrapping_add(step)
                } else {
                    offset.wrapping_sub(step)
                };
                Ok(Constant::Address { base, offset, ty })
            }
            (Constant::Int { value, .. }, Constant::Address { base, offset, ty })
                if *op == B::Plus && ty.pointee().is_some() =>
            {
                let scale = self.pointee_size(&ty, e.span)?;
                let offset = offset.wrapping_add(value.wrapping_mul(i128::from(scale)));
                Ok(Constant::Address { base, offset, ty })
            }
            (
                Constant::Address {
                    base: ba,
                    offset: a,
                    ty: ta,
                },
                Constant::Address {
                    base: bb, offset: b, ..
                },
            ) if ba == bb => match op {
                B::Minus => {
                    let scale = i128::from(self.pointee_size(&ta, e.span)?);
                    match (a - b).checked_div(scale) {
                        Some(value) => Ok(Constant::Int {
                            value,
                            ty: Type::int(IntType::ptrdiff_t(self.model)),
                        }),
                        None => self.not_constant(e.span),
                    }
                }
                B::Equals => Ok(int(a == b)),
                B::NotEquals => Ok(int(a != b)),
                B::Less => Ok(int(a < b)),
                B::Greater => Ok(int(a > b)),
                B::LessOrEqual => Ok(int(a <= b)),
                B::GreaterOrEqual => Ok(int(a >= b)),
                _ => self.not_constant(e.span),
            },
            (Constant::Float { value: a, ty }, Constant::Float { value: b, .. }) => {
                self.float_operation(op, a, b, ty, e.span)
            }
            (Constant::Float { value: a, ty }, Constant::Int { value: b, .. }) => {
                self.float_operation(op, a, b as f64, ty, e.span)
            }
            (Constant::Int { value: a, .. }, Constant::Float { value: b, ty }) => {
                self.float_operation(op, a as f64, b, ty, e.span)
            }
            _ => self.not_constant(e.span),
        }
    }

    fn float_operation(
        &mut self,
        op: &ast::BinaryOperator,
        a: f64,
        b: f64,
        ty: Type,
        at: NodeSpan,
    ) -> Lowered<Constant> {
        use ast::BinaryOperator as B;
        let int = |value: bool| {
            Ok(Constant::Int {
                value: i128::from(value),
                ty: Type::int(IntType::INT),
            })
        };
        let value = match op {
            B::Plus => a + b,
            B::Minus => a - b,
            B::Multiply => a * b,
            B::Divide => a / b,
            B::Less => return int(a < b),
            B::Greater => return int(a > b),
            B::LessOrEqual => return int(a <= b),
            B::GreaterOrEqual => return int(a >= b),
            B::Equals => return int(a == b),
            B::NotEquals => return int(a != b),
            _ => return self.not_constant(at),
        };
        Ok(Constant::Float { value, ty })
    }

    fn constant_call(
        &mut self,
        c: &Node<ast::CallExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Constant> {
        let ast::Expression::Identifier(callee) = &c.node.callee.node else {
            return self.not_constant(e.span);
        };
        let args = &c.node.arguments;
        let int = |value: i128| {
            Ok(Constant::Int {
                value,
                ty: Type::int(IntType::INT),
            })
        };
        match (callee.node.name.as_str(), args.as_slice()) {
            ("__builtin_constant_p", [arg]) => int(i128::from(self.is_constant(arg))),
            ("__builtin_expect" | "__builtin_expect_with_probability", [value, ..]) => {
                let value = self.constant(value)?;
                self.cast_constant(value, &Type::int(IntType::long(self.model, true)), e.span)
            }
            ("__builtin_choose_expr", [condition, yes, no]) => {
                let chosen = if self.constant_truth(condition)? { yes } else { no };
                self.constant(chosen)
            }
            (marker::TYPES_COMPATIBLE, [a, b]) => {
                let same = self.types_compatible(a, b)?;
                int(i128::from(same))
            }
            (marker::ALIGNOF_VALUE, [arg]) => {
                let ty = self.type_of(arg)?;
                let n = self.align_of(&ty)?;
                Ok(self.size_constant(n))
            }
            ("__builtin_strlen" | "strlen", [arg]) => match &arg.node {
                ast::Expression::StringLiteral(s) => {
                    let value = self.string_value(s)?;
                    let n = value.units.iter().take_while(|u| **u != 0).count();
                    Ok(self.size_constant(n as u64))
                }
                _ => self.not_constant(e.span),
            },
            (name, [arg]) if let Some(bits) = self.is_square_root(name) => {
                self.square_root_constant(bits, arg, e.span)
            }
            (name, [arg]) => match super::bits::fold_bits(name) {
                Some(fold) => {
                    let value = self.constant_integer(arg)?;
                    match fold.apply(value as u128, self.model) {
                        Some((value, ty)) => Ok(Constant::Int {
                            value: ty.wrap(value as i128),
                            ty: Type::int(ty),
                        }),
                        None => self.not_constant(e.span),
                    }
                }
                None => self.not_constant(e.span),
            },
            ("__builtin_inf" | "__builtin_inff" | "__builtin_huge_val" | "__builtin_huge_valf", []) => {
                Ok(Constant::Float {
                    value: f64::INFINITY,
                    ty: Type::of(Kind::Float(64)),
                })
            }
            _ => self.not_constant(e.span),
        }
    }

    /// `__builtin_constant_p`, as GCC answers without optimising: constants and string literals.
    pub fn is_constant(&mut self, e: &Node<ast::Expression>) -> bool {
        match self.unevaluated(|this| this.constant(e)) {
            Ok(Constant::Int { .. } | Constant::Float { .. }) => true,
            Ok(Constant::Address {
                base: Base::Absolute, ..
            }) => true,
            Ok(Constant::Address { .. }) => matches!(e.node, ast::Expression::StringLiteral(_)),
            Err(_) => false,
        }
    }

    /// `__builtin_types_compatible_p(sizeof(T), sizeof(U))`, as the rewriting leaves it.
    pub fn types_compatible(
        &mut self,
        a: &Node<ast::Expression>,
        b: &Node<ast::Expression>,
    ) -> Lowered<bool> {
        let mut named = |e: &Node<ast::Expression>| match &e.node {
            ast::Expression::SizeOfTy(t) => self.type_name(&t.node.0),
            ast::Expression::SizeOfVal(v) => self.type_of(&v.node.0),
            _ => self.type_of(e),
        };
        let (a, b) = (named(a)?, named(b)?);
        Ok(a.compatible(&b, false))
    }

    /// Size that pointer arithmetic steps by.
    pub fn pointee_size(&mut self, pointer: &Type, at: NodeSpan) -> Lowered<u64> {
        match pointer.pointee() {
            Some(to) => {
                let to = to.clone();
                self.size_of(&to, at)
            }
            None => self.unsupported("arithmetic on what is not a pointer", at),
        }
    }
}

pub(crate) fn is_marker(e: &Node<ast::Expression>, name: &str) -> bool {
    matches!(&e.node, ast::Expression::Identifier(i) if i.node.name == name)
}

/// An operator on integer constants, with C's conversions; `None` where C leaves the result undefined.
fn integer_operation(
    op: &ast::BinaryOperator,
    a: i128,
    ta: IntType,
    b: i128,
    tb: IntType,
) -> Option<(i128, IntType)> {
    use ast::BinaryOperator as B;
    if matches!(op, B::ShiftLeft | B::ShiftRight) {
        let ty = ta.promoted();
        let count = u32::try_from(b).ok().filter(|c| *c < ty.bits)?;
        let value = if *op == B::ShiftLeft {
            ty.wrap(a.wrapping_shl(count))
        } else {
            shift_right(a, count, ty)
        };
        return Some((value, ty));
    }
    let ty = ta.common(tb);
    let (a, b) = (ty.wrap(a), ty.wrap(b));
    let wide_unsigned = !ty.signed && ty.bits == 128;
    let less = |x: i128, y: i128| {
        if wide_unsigned {
            (x as u128) < (y as u128)
        } else {
            x < y
        }
    };
    let truth = |t: bool| Some((i128::from(t), IntType::INT));
    let value = match op {
        B::Multiply => a.wrapping_mul(b),
        B::Divide if wide_unsigned => (a as u128).checked_div(b as u128)? as i128,
        B::Modulo if wide_unsigned => (a as u128).checked_rem(b as u128)? as i128,
        B::Divide => a.checked_div(b)?,
        B::Modulo => a.checked_rem(b)?,
        B::Plus => a.wrapping_add(b),
        B::Minus => a.wrapping_sub(b),
        B::BitwiseAnd => a & b,
        B::BitwiseXor => a ^ b,
        B::BitwiseOr => a | b,
        B::Less => return truth(less(a, b)),
        B::Greater => return truth(less(b, a)),
        B::LessOrEqual => return truth(!less(b, a)),
        B::GreaterOrEqual => return truth(!less(a, b)),
        B::Equals => return truth(a == b),
        B::NotEquals => return truth(a != b),
        _ => return None,
    };
    Some((ty.wrap(value), ty))
}

fn shift_right(a: i128, count: u32, ty: IntType) -> i128 {
    if !ty.signed && ty.bits == 128 {
        ((a as u128) >> count) as i128
    } else {
        a >> count
    }
}

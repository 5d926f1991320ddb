//! The type of an expression that is not evaluated (`sizeof`, `typeof`, `_Generic`, C11 6.5).

use std::rc::Rc;

use lang_c::ast;
use lang_c::span::Node;

use super::constants::is_marker;
use super::literals;
use super::types::{IntType, Kind, Length, Rank, Signature, Type};
use super::{Entity, Lowered, Lowerer, Names};
use crate::normalise::marker;

impl Lowerer<'_> {
    /// The type of an expression, not decayed, with the qualifiers of an lvalue.
    pub fn type_of(&mut self, e: &Node<ast::Expression>) -> Lowered<Type> {
        self.unevaluated(|this| this.nested(e.span, |this| this.type_of_inner(e)))
    }

    /// The type of an expression's value; of a bit-field, that of its promoted value.
    pub fn value_type_of(&mut self, e: &Node<ast::Expression>) -> Lowered<Type> {
        let ty = self.type_of(e)?;
        if let (ast::Expression::Member(_), Some(int)) = (&e.node, ty.integer())
            && let Some(width) = self.unevaluated(|this| this.bit_field_width(e))?
        {
            return Ok(Type::int(bit_field_type(int, width, ty.is_bool())));
        }
        Ok(ty.decayed())
    }

    fn type_of_inner(&mut self, e: &Node<ast::Expression>) -> Lowered<Type> {
        let int = || Ok(Type::int(IntType::INT));
        match &e.node {
            ast::Expression::Identifier(i) => match self.lookup(&i.node.name) {
                Some(Entity::Enumerator { ty, .. }) => Ok(Type::int(ty)),
                Some(Entity::Function(_, signature)) => Ok(Type::of(Kind::Function(signature))),
                Some(
                    Entity::Global { ty, .. }
                    | Entity::Register { ty, .. }
                    | Entity::Memory { ty, .. }
                    | Entity::Variable { ty, .. }
                    | Entity::TypeOnly(ty),
                ) => Ok(ty),
                Some(Entity::Broken(why)) => Err(why),
                // `typeof(T)` and `sizeof(T)` where the parser did not know T for a type.
                Some(Entity::Typedef(ty)) => Ok(ty),
                None => match i.node.name.as_str() {
                    "__func__" | "__FUNCTION__" | "__PRETTY_FUNCTION__" => {
                        let n = self.function.as_ref().map_or(0, |f| f.name.len() as u64);
                        let mut element = Type::int(self.char_type());
                        element.constant = true;
                        Ok(element.array_of(n + 1))
                    }
                    name => match super::builtins::result_type(name, self.model) {
                        Some(ret) => Ok(Type::of(Kind::Function(Rc::new(Signature {
                            ret,
                            params: Vec::new(),
                            variadic: true,
                            prototyped: false,
                        })))),
                        None => self.unsupported(format!("undeclared identifier `{name}`"), i.span),
                    },
                },
            },
            ast::Expression::Constant(c) => match &c.node {
                ast::Constant::Integer(i) => match literals::integer(i, self.model) {
                    Some((_, ty)) => Ok(Type::int(ty)),
                    None => self.unsupported("this integer literal", c.span),
                },
                ast::Constant::Float(f) => match literals::float(f) {
                    Some((_, bits)) => Ok(Type::of(Kind::Float(bits))),
                    None => self.unsupported("this floating literal", c.span),
                },
                ast::Constant::Character(text) => {
                    let text = self.original_literal(c.span).unwrap_or(text);
                    match literals::character(text, self.target()) {
                        Some((_, ty)) => Ok(Type::int(ty)),
                        None => self.unsupported("this character constant", c.span),
                    }
                }
            },
            ast::Expression::StringLiteral(s) => {
                let value = self.string_value(s)?;
                Ok(Type::int(value.kind.element(self.target())).array_of(value.units.len() as u64 + 1))
            }
            ast::Expression::GenericSelection(g) => {
                let chosen = self.generic_choice(g)?;
                self.type_of(chosen)
            }
            ast::Expression::Member(m) => {
                let base = self.type_of(&m.node.expression)?;
                let record = match m.node.operator.node {
                    ast::MemberOperator::Direct => base,
                    ast::MemberOperator::Indirect => match base.decayed().pointee() {
                        Some(to) => to.clone(),
                        None => return self.unsupported("`->` on what is not a pointer", e.span),
                    },
                };
                self.member_type(&record, &m.node.identifier)
            }
            ast::Expression::Call(c) => self.type_of_call(c, e),
            ast::Expression::CompoundLiteral(c) => {
                let ty = self.type_name(&c.node.type_name)?;
                if let Kind::Array(element, Length::Unknown) = &ty.kind {
                    let n = self.list_length(&c.node.initializer_list, element)?;
                    return Ok(Type::of(Kind::Array(Rc::clone(element), Length::Fixed(n))));
                }
                Ok(ty)
            }
            ast::Expression::SizeOfTy(_)
            | ast::Expression::SizeOfVal(_)
            | ast::Expression::AlignOf(_)
            | ast::Expression::OffsetOf(_) => Ok(Type::int(IntType::size_t(self.model))),
            ast::Expression::UnaryOperator(u) => {
                let operand = &u.node.operand;
                match u.node.operator.node {
                    ast::UnaryOperator::PostIncrement
                    | ast::UnaryOperator::PostDecrement
                    | ast::UnaryOperator::PreIncrement
                    | ast::UnaryOperator::PreDecrement => self.value_type_of(operand),
                    ast::UnaryOperator::Address => Ok(self.type_of(operand)?.pointer_to()),
                    ast::UnaryOperator::Indirection => match self.type_of(operand)?.decayed().pointee() {
                        Some(to) => Ok(to.clone()),
                        None => self.unsupported("`*` on what is not a pointer", e.span),
                    },
                    ast::UnaryOperator::Plus | ast::UnaryOperator::Minus | ast::UnaryOperator::Complement => {
                        let ty = self.promoted_type_of(operand)?;
                        Ok(ty)
                    }
                    ast::UnaryOperator::Negate => int(),
                }
            }
            ast::Expression::Cast(c) => Ok(self.type_name(&c.node.type_name)?.unqualified()),
            ast::Expression::BinaryOperator(b) => self.type_of_binary(b, e),
            ast::Expression::Conditional(c) => self.type_of_conditional(c, e),
            ast::Expression::Comma(list) => match list.last() {
                Some(last) => self.value_type_of(last),
                None => self.unsupported("an empty comma expression", e.span),
            },
            ast::Expression::VaArg(v) => self.type_name(&v.node.type_name),
            ast::Expression::Statement(s) => self.type_of_statement(s),
        }
    }

    /// Type of the promoted value of an arithmetic operand.
    fn promoted_type_of(&mut self, e: &Node<ast::Expression>) -> Lowered<Type> {
        let ty = self.value_type_of(e)?;
        Ok(match ty.integer() {
            Some(i) => Type::int(i.promoted()),
            None => ty,
        })
    }

    /// The width, where the expression designates a bit-field.
    fn bit_field_width(&mut self, e: &Node<ast::Expression>) -> Lowered<Option<u32>> {
        let ast::Expression::Member(m) = &e.node else {
            return Ok(None);
        };
        let base = self.type_of(&m.node.expression)?;
        let record = match m.node.operator.node {
            ast::MemberOperator::Direct => base.record(),
            ast::MemberOperator::Indirect => base.decayed().pointee().and_then(Type::record),
        };
        let Some(id) = record else { return Ok(None) };
        let path = self.find_member(id, &m.node.identifier.node.name);
        let last = path.and_then(|p| p.last().copied());
        Ok(last
            .and_then(|(r, i)| self.field(r, i))
            .and_then(|(info, _)| info.bit_width))
    }

    pub fn member_type(&mut self, record: &Type, name: &Node<ast::Identifier>) -> Lowered<Type> {
        let Some(id) = record.record() else {
            return self.unsupported("a member of what is not a record", name.span);
        };
        self.complete(id)?;
        let last = self
            .find_member(id, &name.node.name)
            .and_then(|p| p.last().copied());
        match last.and_then(|(r, i)| self.field(r, i)) {
            Some((info, _)) => {
                let mut ty = info.ty.clone();
                ty.constant |= record.constant;
                ty.volatile |= record.volatile;
                Ok(ty)
            }
            None => self.unsupported(format!("unknown member `{}`", name.node.name), name.span),
        }
    }

    fn type_of_call(&mut self, c: &Node<ast::CallExpression>, e: &Node<ast::Expression>) -> Lowered<Type> {
        let args = &c.node.arguments;
        if let ast::Expression::Identifier(i) = &c.node.callee.node {
            match (i.node.name.as_str(), args.as_slice()) {
                ("__builtin_choose_expr", [condition, yes, no]) => {
                    let chosen = if self.constant_truth(condition)? { yes } else { no };
                    return self.type_of(chosen);
                }
                (marker::ALIGNOF_VALUE, _) => return Ok(Type::int(IntType::size_t(self.model))),
                (marker::TYPES_COMPATIBLE, _) => return Ok(Type::int(IntType::INT)),
                (marker::LABEL_ADDRESS, _) => return Ok(Type::void().pointer_to()),
                (name, [first, ..]) if super::atomics::takes_type_of_target(name) => {
                    if let Some(to) = self.value_type_of(first)?.pointee() {
                        return Ok(to.unqualified());
                    }
                }
                ("__atomic_load" | "__atomic_store", _) => return Ok(Type::void()),
                _ => {}
            }
            if self.lookup(&i.node.name).is_none() {
                return match super::builtins::result_type(&i.node.name, self.model) {
                    Some(ty) => Ok(ty),
                    // An implicit declaration (C89): `int f()`.
                    None => Ok(Type::int(IntType::INT)),
                };
            }
        }
        let callee = self.value_type_of(&c.node.callee)?;
        match callee.pointee().and_then(Type::signature) {
            Some(s) => Ok(s.ret.clone()),
            None => self.unsupported("a call of what is not a function", e.span),
        }
    }

    fn type_of_binary(
        &mut self,
        b: &Node<ast::BinaryOperatorExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Type> {
        use ast::BinaryOperator as B;
        match b.node.operator.node {
            B::Index => {
                let base = self.type_of(&b.node.lhs)?;
                let (array, pointer) = (base.clone(), base.decayed());
                if let Some(to) = pointer.pointee() {
                    let mut to = to.clone();
                    to.volatile |= array.volatile;
                    return Ok(to);
                }
                match self.value_type_of(&b.node.rhs)?.pointee() {
                    Some(to) => Ok(to.clone()),
                    None => self.unsupported("an index of what is not a pointer", e.span),
                }
            }
            B::Less | B::Greater | B::LessOrEqual | B::GreaterOrEqual | B::Equals | B::NotEquals => {
                Ok(Type::int(IntType::INT))
            }
            B::LogicalAnd | B::LogicalOr => Ok(Type::int(IntType::INT)),
            B::ShiftLeft | B::ShiftRight => self.promoted_type_of(&b.node.lhs),
            B::Multiply
            | B::Divide
            | B::Modulo
            | B::Plus
            | B::Minus
            | B::BitwiseAnd
            | B::BitwiseXor
            | B::BitwiseOr => {
                let lhs = self.promoted_type_of(&b.node.lhs)?;
                let rhs = self.promoted_type_of(&b.node.rhs)?;
                match (lhs.pointee().is_some(), rhs.pointee().is_some()) {
                    (true, true) => Ok(Type::int(IntType::ptrdiff_t(self.model))),
                    (true, false) => Ok(lhs),
                    (false, true) => Ok(rhs),
                    (false, false) => match arithmetic_common(&lhs, &rhs) {
                        Some(ty) => Ok(ty),
                        None => self.unsupported("operands of these types", e.span),
                    },
                }
            }
            B::Assign
            | B::AssignMultiply
            | B::AssignDivide
            | B::AssignModulo
            | B::AssignPlus
            | B::AssignMinus
            | B::AssignShiftLeft
            | B::AssignShiftRight
            | B::AssignBitwiseAnd
            | B::AssignBitwiseXor
            | B::AssignBitwiseOr => self.value_type_of(&b.node.lhs),
        }
    }

    /// Type of `c ? a : b` (C11 6.5.15p5-6).
    fn type_of_conditional(
        &mut self,
        c: &Node<ast::ConditionalExpression>,
        e: &Node<ast::Expression>,
    ) -> Lowered<Type> {
        let elvis = is_marker(&c.node.then_expression, marker::ELVIS);
        let yes = if elvis {
            &c.node.condition
        } else {
            &c.node.then_expression
        };
        let no = &c.node.else_expression;
        let then_ty = self.value_type_of(yes)?;
        let else_ty = self.value_type_of(no)?;
        let null_then = then_ty.is_scalar() && else_ty.pointee().is_some() && self.is_null_constant(yes);
        let null_else = else_ty.is_scalar() && then_ty.pointee().is_some() && self.is_null_constant(no);
        match conditional_type(&then_ty, &else_ty, null_then, null_else) {
            Some(ty) => Ok(ty),
            None => self.unsupported("a conditional between these types", e.span),
        }
    }

    /// Type of a statement expression: that of its last expression statement.
    fn type_of_statement(&mut self, s: &Node<ast::Statement>) -> Lowered<Type> {
        let ast::Statement::Compound(items) = &s.node else {
            return Ok(Type::void());
        };
        let outside = self.function.is_none();
        if outside {
            return self.unsupported("a statement expression outside a function", s.span);
        }
        self.f().names.push(Names::default());
        let mut result = Ok(Type::void());
        for (n, item) in items.iter().enumerate() {
            match &item.node {
                ast::BlockItem::Declaration(d) => {
                    if let Err(why) = self.declare_types_only(d) {
                        result = Err(why);
                        break;
                    }
                    result = Ok(Type::void());
                }
                ast::BlockItem::StaticAssert(_) => {}
                ast::BlockItem::Statement(s) if n + 1 == items.len() => result = self.type_of_item(s),
                ast::BlockItem::Statement(_) => {}
            }
        }
        self.f().names.pop();
        result
    }

    /// The type that a statement gives a statement expression in which it is last.
    fn type_of_item(&mut self, s: &Node<ast::Statement>) -> Lowered<Type> {
        match &s.node {
            ast::Statement::Expression(Some(e)) => self.value_type_of(e),
            ast::Statement::Labeled(l) => self.type_of_item(&l.node.statement),
            _ => Ok(Type::void()),
        }
    }

    /// Enters the names of a declaration inside an operand that is not evaluated.
    fn declare_types_only(&mut self, d: &Node<ast::Declaration>) -> Lowered<()> {
        let s = self.specifiers(&d.node.specifiers)?;
        for item in &d.node.declarators {
            let mut declared = self.declared(&s, &item.node.declarator)?;
            let Some(name) = declared.name else { continue };
            let initialiser = item.node.initializer.as_ref();
            if s.is_auto
                && let Some(ast::Initializer::Expression(e)) = initialiser.map(|i| &i.node)
            {
                declared.ty = self.value_type_of(e)?;
            }
            if let (Kind::Array(element, Length::Unknown), Some(i)) = (&declared.ty.kind, initialiser) {
                let n = self.initialiser_length(i, element)?;
                declared.ty.kind = Kind::Array(Rc::clone(element), Length::Fixed(n));
            }
            let entity = if s.is_typedef {
                Entity::Typedef(declared.ty)
            } else {
                Entity::TypeOnly(declared.ty)
            };
            self.declare(&name, entity);
        }
        Ok(())
    }

    /// The association that a generic selection takes (C11 6.5.1.1).
    pub fn generic_choice<'e>(
        &mut self,
        g: &'e Node<ast::GenericSelection>,
    ) -> Lowered<&'e Node<ast::Expression>> {
        let control = self.value_type_of(&g.node.expression)?;
        let mut default = None;
        for a in &g.node.associations {
            match &a.node {
                ast::GenericAssociation::Default(e) => default = Some(&**e),
                ast::GenericAssociation::Type(t) => {
                    let ty = self.type_name(&t.node.type_name)?;
                    if control.compatible(&ty, true) {
                        return Ok(&t.node.expression);
                    }
                }
            }
        }
        match default {
            Some(e) => Ok(e),
            None => self.unsupported("a generic selection without a matching type", g.span),
        }
    }
}

/// The type that a bit-field's value has before promotion (C11 6.3.1.1p2; GCC keeps the width of those
/// wider than `int`).
pub(crate) fn bit_field_type(declared: IntType, width: u32, is_bool: bool) -> IntType {
    if is_bool || width < 32 || (width == 32 && declared.signed) {
        IntType::INT
    } else if width == 32 {
        IntType::UINT
    } else if width == declared.bits {
        declared
    } else {
        IntType::new(Rank::BitField, declared.signed, width)
    }
}

/// Usual arithmetic conversions (C11 6.3.1.8).
pub(crate) fn arithmetic_common(a: &Type, b: &Type) -> Option<Type> {
    match (&a.kind, &b.kind) {
        (Kind::Float(x), Kind::Float(y)) => Some(Type::of(Kind::Float(*x.max(y)))),
        (Kind::Float(x), _) if b.integer().is_some() => Some(Type::of(Kind::Float(*x))),
        (_, Kind::Float(y)) if a.integer().is_some() => Some(Type::of(Kind::Float(*y))),
        _ => Some(Type::int(a.integer()?.common(b.integer()?))),
    }
}

/// Type of a conditional whose sides have these value types.
pub(crate) fn conditional_type(a: &Type, b: &Type, null_a: bool, null_b: bool) -> Option<Type> {
    match (a.pointee(), b.pointee()) {
        (Some(x), Some(y)) => {
            if null_a {
                return Some(b.clone());
            }
            if null_b {
                return Some(a.clone());
            }
            let mut to = if x.is_void() || y.is_void() {
                Type::void()
            } else if y.element().is_some() && matches!(x.kind, Kind::Array(_, Length::Unknown)) {
                y.clone()
            } else {
                x.clone()
            };
            to.constant = x.constant || y.constant;
            to.volatile = x.volatile || y.volatile;
            Some(to.pointer_to())
        }
        (Some(_), None) => Some(a.clone()),
        (None, Some(_)) => Some(b.clone()),
        (None, None) => {
            if a.is_void() || b.is_void() {
                return Some(Type::void());
            }
            if a.record().is_some() && a.record() == b.record() {
                return Some(a.clone());
            }
            arithmetic_common(a, b)
        }
    }
}

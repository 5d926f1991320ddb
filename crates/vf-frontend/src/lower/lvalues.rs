//! Places in memory: what designates them, and the checks that an access through them needs.

use std::rc::Rc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BitField, Expr, LocalId};

use super::conversions::Value;
use super::fold;
use super::types::{IntType, Kind, Length, Type};
use super::{Entity, Lowered, Lowerer};

#[derive(Clone, Debug)]
pub(crate) enum Place {
    Register(LocalId),
    /// The object at this address.
    Memory(Expr),
    /// A bit-field in the storage unit at this address.
    Bits(Expr, BitField),
}

/// What kind of object an access goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Root {
    /// A named automatic object (or a temporary): always there, perhaps not written yet.
    Automatic,
    /// A named static object: always there, always initialised.
    Static,
    /// Whatever a pointer points to.
    Pointer,
}

#[derive(Clone, Debug)]
pub(crate) struct IndexCheck {
    /// Pointer width, the value sign-extended if its type is signed.
    pub index: Expr,
    pub signed: bool,
    pub length: Expr,
    pub at: NodeSpan,
}

#[derive(Clone, Debug)]
pub(crate) struct LValue {
    pub place: Place,
    pub ty: Type,
    pub root: Root,
    /// The pointer that was followed, where one was.
    pub followed: Option<(Expr, NodeSpan)>,
    pub indices: Vec<IndexCheck>,
    /// The whole access must be checked to lie in its object.
    pub check_access: bool,
    /// An array at the end of a record that may be longer than declared.
    pub flexible: bool,
    /// The last step was an index: its address may be one past the end.
    pub is_element: bool,
    pub at: NodeSpan,
}

impl LValue {
    fn named(place: Place, ty: Type, root: Root, at: NodeSpan) -> LValue {
        LValue {
            place,
            ty,
            root,
            followed: None,
            indices: Vec::new(),
            check_access: false,
            flexible: false,
            is_element: false,
            at,
        }
    }
}

impl Lowerer<'_> {
    pub fn lvalue(&mut self, e: &Node<ast::Expression>) -> Lowered<LValue> {
        self.nested(e.span, |this| this.lvalue_inner(e))
    }

    fn lvalue_inner(&mut self, e: &Node<ast::Expression>) -> Lowered<LValue> {
        match &e.node {
            ast::Expression::Identifier(i) => self.named_lvalue(&i.node.name, e.span),
            ast::Expression::StringLiteral(s) => {
                let (id, ty) = self.string_literal(s)?;
                Ok(LValue::named(
                    Place::Memory(Expr::GlobalAddress(id)),
                    ty,
                    Root::Static,
                    e.span,
                ))
            }
            ast::Expression::UnaryOperator(u) if u.node.operator.node == ast::UnaryOperator::Indirection => {
                let pointer = self.rvalue(&u.node.operand)?;
                self.dereferenced(pointer, e.span)
            }
            ast::Expression::BinaryOperator(b) if b.node.operator.node == ast::BinaryOperator::Index => {
                self.indexed(&b.node.lhs, &b.node.rhs, e.span)
            }
            ast::Expression::Member(m) => {
                let base = match m.node.operator.node {
                    ast::MemberOperator::Direct => self.lvalue(&m.node.expression)?,
                    ast::MemberOperator::Indirect => {
                        let pointer = self.rvalue(&m.node.expression)?;
                        self.dereferenced(pointer, e.span)?
                    }
                };
                self.member(base, &m.node.identifier, e.span)
            }
            ast::Expression::CompoundLiteral(c) => {
                let (local, ty) = self.compound_literal(c)?;
                Ok(LValue::named(
                    Place::Memory(Expr::LocalAddress(local)),
                    ty,
                    Root::Automatic,
                    e.span,
                ))
            }
            ast::Expression::GenericSelection(g) => {
                let chosen = self.generic_choice(g)?;
                self.lvalue(chosen)
            }
            ast::Expression::Call(c) if self.is_choose_expr(c) => {
                let chosen = self.choose_expr(c)?;
                self.lvalue(chosen)
            }
            _ => {
                // A record value (call, conditional, assignment) has an address, but is no C lvalue.
                let value = self.rvalue(e)?;
                if value.ty.record().is_none() {
                    return self.unsupported("this as an lvalue", e.span);
                }
                Ok(LValue::named(
                    Place::Memory(value.expr),
                    value.ty,
                    Root::Automatic,
                    e.span,
                ))
            }
        }
    }

    fn named_lvalue(&mut self, name: &str, at: NodeSpan) -> Lowered<LValue> {
        Ok(match self.lookup(name) {
            Some(Entity::Register { local, ty }) => {
                LValue::named(Place::Register(local), ty, Root::Automatic, at)
            }
            Some(Entity::Memory { local, ty }) => {
                LValue::named(Place::Memory(Expr::LocalAddress(local)), ty, Root::Automatic, at)
            }
            Some(Entity::Variable { pointer, ty }) => {
                LValue::named(Place::Memory(Expr::Local(pointer)), ty, Root::Automatic, at)
            }
            Some(Entity::Global { id, ty }) => {
                self.need_global(id);
                let mut lv = LValue::named(Place::Memory(Expr::GlobalAddress(id)), ty, Root::Static, at);
                lv.flexible = matches!(lv.ty.kind, Kind::Array(_, Length::Unknown));
                lv
            }
            Some(Entity::Function(id, signature)) => {
                self.need_function(id);
                let ty = Type::of(Kind::Function(signature));
                LValue::named(Place::Memory(Expr::FunctionAddress(id)), ty, Root::Static, at)
            }
            Some(Entity::Broken(why)) => return Err(why),
            Some(Entity::Typedef(_) | Entity::Enumerator { .. } | Entity::TypeOnly(_)) => {
                return self.unsupported(format!("`{name}` as an lvalue"), at);
            }
            None if matches!(name, "__func__" | "__FUNCTION__" | "__PRETTY_FUNCTION__") => {
                let units = self.f().name.bytes().map(u32::from).collect();
                let value = super::literals::StringValue {
                    kind: super::literals::CharKind::Plain,
                    units,
                };
                let (id, ty) = self.string_object(&value, at);
                LValue::named(Place::Memory(Expr::GlobalAddress(id)), ty, Root::Static, at)
            }
            None => return self.unsupported(format!("undeclared identifier `{name}`"), at),
        })
    }

    /// `*pointer`
    pub fn dereferenced(&mut self, pointer: Value, at: NodeSpan) -> Lowered<LValue> {
        let Some(to) = pointer.ty.pointee().cloned() else {
            return self.unsupported("`*` on what is not a pointer", at);
        };
        let expr = self.small_pointer(pointer, at);
        Ok(LValue {
            place: Place::Memory(expr.clone()),
            ty: to,
            root: Root::Pointer,
            followed: Some((expr, at)),
            indices: Vec::new(),
            check_access: true,
            flexible: false,
            is_element: false,
            at,
        })
    }

    /// A pointer that several statements will name.
    fn small_pointer(&mut self, pointer: Value, at: NodeSpan) -> Expr {
        const SMALL: usize = 4;
        if fold::size_up_to(&pointer.expr, SMALL) < SMALL {
            return pointer.expr;
        }
        self.fixed(pointer, at).expr
    }

    /// `base.name`, through anonymous members.
    fn member(&mut self, base: LValue, name: &Node<ast::Identifier>, at: NodeSpan) -> Lowered<LValue> {
        let Some(id) = base.ty.record() else {
            return self.unsupported("a member of what is not a record", at);
        };
        self.complete(id)?;
        let Some(path) = self.find_member(id, &name.node.name) else {
            return self.unsupported(format!("unknown member `{}`", name.node.name), at);
        };
        self.member_along(base, &path, at)
    }

    pub fn member_along(
        &mut self,
        base: LValue,
        path: &[(vf_ir::RecordId, u32)],
        at: NodeSpan,
    ) -> Lowered<LValue> {
        let mut lv = base;
        lv.at = at;
        lv.is_element = false;
        for &(record, index) in path {
            let Place::Memory(ptr) = lv.place else {
                return self.unsupported("this member", at);
            };
            let known = self
                .field(record, index)
                .map(|(info, field)| (info.ty.clone(), field.bits));
            let Some((mut ty, bits)) = known else {
                return self.unsupported("this member", at);
            };
            let (is_union, count) = self
                .program
                .records
                .get(record.0 as usize)
                .map_or((false, 0), |r| (r.is_union, r.fields.len()));
            let trailing = is_union || index as usize + 1 == count;
            let short = matches!(
                ty.kind,
                Kind::Array(_, Length::Unknown | Length::Fixed(0)) | Kind::Array(_, Length::Fixed(1))
            );
            let unknown = matches!(ty.kind, Kind::Array(_, Length::Unknown | Length::Fixed(0)));
            lv.flexible = trailing && short && (lv.root == Root::Pointer || unknown);
            ty.constant |= lv.ty.constant;
            ty.volatile |= lv.ty.volatile;
            lv.ty = ty;
            let ptr = Expr::Member {
                ptr: Box::new(ptr),
                record,
                field: index,
            };
            lv.place = match bits {
                Some(b) => Place::Bits(ptr, b),
                None => Place::Memory(ptr),
            };
        }
        Ok(lv)
    }

    /// `a[b]`
    fn indexed(
        &mut self,
        a: &Node<ast::Expression>,
        b: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<LValue> {
        let a_type = self.type_of(a)?;
        if a_type.element().is_some() {
            let mut array = self.lvalue(a)?;
            if self.has_side_effects(b) {
                self.pin(&mut array);
            }
            let index = self.rvalue(b)?;
            return self.element(array, index, at);
        }
        if a_type.pointee().is_some() {
            let pointer = self.operand_before(a, b)?;
            let index = self.rvalue(b)?;
            return self.pointed_element(pointer, index, at);
        }
        // `i[a]`
        let index = self.operand_before(a, b)?;
        if self.type_of(b)?.element().is_some() {
            let array = self.lvalue(b)?;
            return self.element(array, index, at);
        }
        let pointer = self.rvalue(b)?;
        self.pointed_element(pointer, index, at)
    }

    /// An element of the object that a pointer points into.
    fn pointed_element(&mut self, pointer: Value, index: Value, at: NodeSpan) -> Lowered<LValue> {
        let ty = pointer.ty.clone();
        let mut lv = self.dereferenced(pointer, at)?;
        let index = self.index_value(index, at)?;
        if let Place::Memory(base) = &lv.place {
            let base = base.clone();
            lv.place = Place::Memory(self.stepped(base, index, &ty, at)?);
        }
        Ok(lv)
    }

    /// An element of a designated array.
    pub fn element(&mut self, array: LValue, index: Value, at: NodeSpan) -> Lowered<LValue> {
        let Kind::Array(element, length) = array.ty.kind.clone() else {
            return self.unsupported("an index of what is not an array", at);
        };
        let Place::Memory(base) = &array.place else {
            return self.unsupported("this array", at);
        };
        let base = base.clone();
        let signed = self.promote(index.clone()).ty.integer().is_some_and(|i| i.signed);
        let index = self.index_value(index, at)?;
        let index = self
            .bounded(Value::new(index, Type::int(IntType::ptrdiff_t(self.model))), at)
            .expr;
        let mut lv = LValue {
            at,
            flexible: false,
            is_element: true,
            ..array.clone()
        };
        let bits = self.pointer_bits();
        match length {
            Length::Fixed(n) if !array.flexible => {
                lv.indices.push(IndexCheck {
                    index: index.clone(),
                    signed,
                    length: Expr::int(bits, i128::from(n)),
                    at,
                });
            }
            Length::Variable(Some(count)) => {
                lv.indices.push(IndexCheck {
                    index: index.clone(),
                    signed,
                    length: Expr::Local(count),
                    at,
                });
            }
            // The declared length says nothing: the object's own size decides.
            _ => lv.check_access = true,
        }
        let mut ty = (*element).clone();
        ty.constant |= array.ty.constant;
        ty.volatile |= array.ty.volatile;
        let pointer = Type::of(Kind::Pointer(Rc::clone(&element)));
        lv.place = Place::Memory(self.stepped(base, index, &pointer, at)?);
        lv.ty = ty;
        Ok(lv)
    }

    /// Keeps an lvalue's address from changing while other operands are evaluated.
    pub fn pin(&mut self, lv: &mut LValue) {
        let at = lv.at;
        let pointer = Type::void().pointer_to();
        match &mut lv.place {
            Place::Register(_) => {}
            Place::Memory(ptr) | Place::Bits(ptr, _) => {
                *ptr = self.fixed(Value::new(ptr.clone(), pointer.clone()), at).expr;
            }
        }
        if let Some((ptr, _)) = &mut lv.followed {
            *ptr = self.fixed(Value::new(ptr.clone(), pointer), at).expr;
        }
        let size = Type::int(IntType::size_t(self.model));
        for i in &mut lv.indices {
            i.index = self.fixed(Value::new(i.index.clone(), size.clone()), at).expr;
        }
    }
}

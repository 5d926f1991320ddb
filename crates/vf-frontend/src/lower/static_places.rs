//! Static objects and parts of them, as constant expressions designate them (C11 6.6p9).

use super::constants::{Base, Constant};
use super::types::{Kind, Length, Type};
use super::{Entity, Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::Node;
use std::rc::Rc;

/// A designated static object or part of one.
pub(crate) struct Place {
    pub base: Base,
    pub offset: i128,
    pub ty: Type,
}

impl Lowerer<'_> {
    /// The static object that an expression designates.
    pub fn place(&mut self, e: &Node<ast::Expression>) -> Lowered<Place> {
        match &e.node {
            ast::Expression::Identifier(i) => match self.lookup(&i.node.name) {
                Some(Entity::Global { id, ty }) => Ok(Place {
                    base: Base::Global(id),
                    offset: 0,
                    ty,
                }),
                Some(Entity::Function(id, signature)) => Ok(Place {
                    base: Base::Function(id),
                    offset: 0,
                    ty: Type::of(Kind::Function(signature)),
                }),
                Some(Entity::Broken(why)) => Err(why),
                _ => self.not_constant(e.span),
            },
            ast::Expression::StringLiteral(s) => {
                let (id, ty) = self.string_literal(s)?;
                Ok(Place {
                    base: Base::Global(id),
                    offset: 0,
                    ty,
                })
            }
            ast::Expression::CompoundLiteral(c) if self.function.is_none() => {
                let (id, ty) = self.static_compound_literal(c)?;
                Ok(Place {
                    base: Base::Global(id),
                    offset: 0,
                    ty,
                })
            }
            ast::Expression::UnaryOperator(u) if u.node.operator.node == ast::UnaryOperator::Indirection => {
                self.pointed_place(&u.node.operand, 0)
            }
            ast::Expression::BinaryOperator(b) if b.node.operator.node == ast::BinaryOperator::Index => {
                let (pointer, index) = match self.constant(&b.node.rhs)? {
                    Constant::Int { value, .. } => (&b.node.lhs, value),
                    _ => (&b.node.rhs, self.constant_integer(&b.node.lhs)?),
                };
                self.pointed_place(pointer, index)
            }
            ast::Expression::Member(m) => {
                let base = match m.node.operator.node {
                    ast::MemberOperator::Direct => self.place(&m.node.expression)?,
                    ast::MemberOperator::Indirect => self.pointed_place(&m.node.expression, 0)?,
                };
                let (offset, ty) = self.member_offset(&base.ty, &m.node.identifier)?;
                Ok(Place {
                    base: base.base,
                    offset: base.offset + i128::from(offset),
                    ty,
                })
            }
            ast::Expression::Cast(_) | ast::Expression::Comma(_) => self.not_constant(e.span),
            ast::Expression::GenericSelection(g) => {
                let chosen = self.generic_choice(g)?;
                self.place(chosen)
            }
            _ => self.not_constant(e.span),
        }
    }

    fn pointed_place(&mut self, pointer: &Node<ast::Expression>, index: i128) -> Lowered<Place> {
        let Constant::Address { base, offset, ty } = self.constant(pointer)? else {
            return self.not_constant(pointer.span);
        };
        let Some(to) = ty.pointee().cloned() else {
            return self.not_constant(pointer.span);
        };
        let step = if index == 0 {
            0
        } else {
            i128::from(self.size_of(&to, pointer.span)?).wrapping_mul(index)
        };
        Ok(Place {
            base,
            offset: offset.wrapping_add(step),
            ty: to,
        })
    }

    /// Byte offset and type of a member (not a bit-field).
    pub fn member_offset(&mut self, ty: &Type, name: &Node<ast::Identifier>) -> Lowered<(u64, Type)> {
        let Some(id) = ty.record() else {
            return self.unsupported("a member of what is not a record", name.span);
        };
        self.complete(id)?;
        let Some(path) = self.find_member(id, &name.node.name) else {
            return self.unsupported(format!("unknown member `{}`", name.node.name), name.span);
        };
        let mut offset = 0;
        let mut found = Type::void();
        for (record, index) in path {
            if let Some((info, field)) = self.field(record, index) {
                offset += field.offset;
                found = info.ty.clone();
                if info.bit_width.is_some() {
                    return self.unsupported("the address of a bit-field", name.span);
                }
            }
        }
        Ok((offset, found))
    }

    pub fn offset_of(&mut self, o: &Node<ast::OffsetOfExpression>) -> Lowered<u64> {
        let ty = self.type_name(&o.node.type_name)?;
        let designator = &o.node.designator.node;
        let (mut offset, mut ty) = self.member_offset(&ty, &designator.base)?;
        for m in &designator.members {
            match &m.node {
                ast::OffsetMember::Member(name) => {
                    let (more, inner) = self.member_offset(&ty, name)?;
                    offset += more;
                    ty = inner;
                }
                ast::OffsetMember::IndirectMember(_) => {
                    return self.unsupported("offsetof through `->`", m.span);
                }
                ast::OffsetMember::Index(e) => {
                    let index = self.constant_integer(e)?;
                    let Kind::Array(element, Length::Fixed(_) | Length::Unknown) = &ty.kind else {
                        return self.unsupported("an index in offsetof of what is not an array", m.span);
                    };
                    let element = Rc::clone(element);
                    let size = self.size_of(&element, m.span)?;
                    let step = u64::try_from(index).ok().and_then(|i| i.checked_mul(size));
                    match step.and_then(|s| offset.checked_add(s)) {
                        Some(n) => offset = n,
                        None => return self.unsupported("this index in offsetof", m.span),
                    }
                    ty = (*element).clone();
                }
            }
        }
        Ok(offset)
    }
}

//! Initialisers (C11 6.7.9): braces elided, designators, ranges, strings; static and automatic.

use std::rc::Rc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{BitField, Expr, LocalId, RecordId, StmtKind};

use super::constants::is_marker;
use super::literals::StringValue;
use super::lvalues::{LValue, Place, Root};
use super::types::{Kind, Length, Type};
use super::{Lowered, Lowerer};
use crate::normalise::marker;

type Item = Node<ast::InitializerListItem>;

/// One part of an object and what it starts with.
pub(crate) struct Piece<'e> {
    pub offset: u64,
    pub ty: Type,
    pub bits: Option<BitField>,
    pub source: Source<'e>,
}

pub(crate) enum Source<'e> {
    Expression(&'e Node<ast::Expression>),
    String(StringValue, NodeSpan),
}

/// The items of one pair of braces, consumed from the front.
struct Queue<'e> {
    items: &'e [Item],
    next: usize,
}

impl<'e> Queue<'e> {
    fn peek(&self) -> Option<&'e Item> {
        self.items.get(self.next)
    }
}

/// A step of a designation, with the members that lead through anonymous records.
#[derive(Clone)]
enum Step<'e> {
    Field(u32),
    Designator(&'e Node<ast::Designator>),
}

/// More parts than this are refused.
const MAX_PIECES: usize = 1 << 20;

impl Lowerer<'_> {
    /// The number of elements that an initialiser gives an array of unknown length (6.7.9p22).
    pub fn initialiser_length(&mut self, i: &Node<ast::Initializer>, element: &Type) -> Lowered<u64> {
        match &i.node {
            ast::Initializer::Expression(e) => match string_of(e) {
                Some(s) => Ok(self.string_value(s)?.units.len() as u64 + 1),
                None => match &e.node {
                    ast::Expression::CompoundLiteral(c) => {
                        self.list_length(&c.node.initializer_list, element)
                    }
                    _ => self.unsupported("an array initialised by an expression", i.span),
                },
            },
            ast::Initializer::List(items) => self.list_length(items, element),
        }
    }

    pub fn list_length(&mut self, items: &[Item], element: &Type) -> Lowered<u64> {
        if let Some(s) = lone_string(items).filter(|_| is_character(element)) {
            return Ok(self.string_value(s)?.units.len() as u64 + 1);
        }
        let array = Type::of(Kind::Array(Rc::new(element.clone()), Length::Unknown));
        let mut out = Vec::new();
        let mut queue = Queue { items, next: 0 };
        self.fill(&array, 0, &mut queue, true, &[], &mut out)
    }

    /// Splits an initialiser into the parts of the object; gives the length of the object's array.
    pub fn pieces<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        i: &'e Node<ast::Initializer>,
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<()> {
        match &i.node {
            ast::Initializer::List(items) => self.braced(ty, offset, items, out),
            ast::Initializer::Expression(e) => {
                if let (Kind::Array(element, _), Some(s)) = (&ty.kind, string_of(e))
                    && is_character(element)
                {
                    return self.string_piece(ty, offset, s, out);
                }
                if ty.element().is_some()
                    && let ast::Expression::CompoundLiteral(c) = &e.node
                {
                    return self.braced(ty, offset, &c.node.initializer_list, out);
                }
                out.push(Piece {
                    offset,
                    ty: ty.clone(),
                    bits: None,
                    source: Source::Expression(e),
                });
                Ok(())
            }
        }
    }

    fn string_piece<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        s: &'e Node<ast::StringLiteral>,
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<()> {
        let value = self.string_value(s)?;
        out.push(Piece {
            offset,
            ty: ty.clone(),
            bits: None,
            source: Source::String(value, s.span),
        });
        Ok(())
    }

    /// `{ ... }` for an object.
    pub fn braced<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        items: &'e [Item],
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<()> {
        let items = without_empty(items);
        match &ty.kind {
            Kind::Array(element, _) => {
                if let Some(s) = lone_string(items).filter(|_| is_character(element)) {
                    return self.string_piece(ty, offset, s, out);
                }
                let mut queue = Queue { items, next: 0 };
                self.fill(ty, offset, &mut queue, true, &[], out)?;
                Ok(())
            }
            Kind::Record(_) => {
                let mut queue = Queue { items, next: 0 };
                self.fill(ty, offset, &mut queue, true, &[], out)?;
                Ok(())
            }
            _ => match items {
                [] => Ok(()),
                [first, ..] => match &first.node.initializer.node {
                    ast::Initializer::Expression(e) => {
                        out.push(Piece {
                            offset,
                            ty: ty.clone(),
                            bits: None,
                            source: Source::Expression(e),
                        });
                        Ok(())
                    }
                    ast::Initializer::List(inner) => self.braced(ty, offset, inner, out),
                },
            },
        }
    }

    /// Fills an array or record from the queue; returns one more than the greatest element reached.
    fn fill<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        queue: &mut Queue<'e>,
        braced: bool,
        designated: &[Step<'e>],
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<u64> {
        let at = queue.peek().map_or(NodeSpan::none(), |i| i.span);
        self.nested(at, |this| {
            this.fill_inner(ty, offset, queue, braced, designated, out)
        })
    }

    fn fill_inner<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        queue: &mut Queue<'e>,
        braced: bool,
        designated: &[Step<'e>],
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<u64> {
        if let Some(id) = ty.record() {
            self.complete(id)?;
        }
        let mut position: u64 = 0;
        let mut reached: u64 = 0;
        let mut steps: Vec<Step<'e>> = designated.to_vec();
        let mut started = false;
        while let Some(item) = queue.peek() {
            if out.len() > MAX_PIECES {
                return self.unsupported("an initialiser with this many parts", item.span);
            }
            if started || steps.is_empty() {
                // A designation belongs to the nearest braces.
                if !item.node.designation.is_empty() {
                    if !braced {
                        break;
                    }
                    steps = item.node.designation.iter().map(Step::Designator).collect();
                } else {
                    steps.clear();
                }
            }
            started = true;
            let (first, last) = if let Some((step, rest)) = steps.split_first() {
                let (range, more) = self.resolve_step(ty, step, item.span)?;
                let mut all: Vec<Step<'e>> = more;
                all.extend(rest.iter().cloned());
                steps = all;
                range
            } else {
                position = self.skip_unnamed(ty, position);
                if !self.has_position(ty, position) {
                    if !braced {
                        break;
                    }
                    // Excess initialisers are evaluated by nobody (GCC warns).
                    queue.next += 1;
                    continue;
                }
                (position, position)
            };
            let begin = queue.next;
            for n in first..=last {
                queue.next = begin;
                let (element, at, bits) = self.part(ty, offset, n, item.span)?;
                if steps.is_empty() {
                    self.fill_part(&element, at, bits, queue, out)?;
                } else {
                    self.fill(&element, at, queue, false, &steps, out)?;
                }
                if out.len() > MAX_PIECES {
                    return self.unsupported("an initialiser with this many parts", item.span);
                }
            }
            if queue.next == begin {
                // Nothing was taken (an empty record): the item is not for it.
                if !self.has_position(ty, last + 1) {
                    break;
                }
            }
            position = last + 1;
            reached = reached.max(position);
            steps.clear();
            let is_union = ty
                .record()
                .and_then(|id| self.program.records.get(id.0 as usize))
                .is_some_and(|r| r.is_union);
            if is_union {
                // Only one member of a union is initialised.
                position = u64::from(u32::MAX);
            }
        }
        Ok(reached)
    }

    /// Fills one part from the front of the queue.
    fn fill_part<'e>(
        &mut self,
        ty: &Type,
        offset: u64,
        bits: Option<BitField>,
        queue: &mut Queue<'e>,
        out: &mut Vec<Piece<'e>>,
    ) -> Lowered<()> {
        let Some(item) = queue.peek() else { return Ok(()) };
        match &item.node.initializer.node {
            ast::Initializer::List(items) => {
                queue.next += 1;
                if bits.is_some() {
                    return self.unsupported("braces around a bit-field's initialiser", item.span);
                }
                self.braced(ty, offset, items, out)
            }
            ast::Initializer::Expression(e) => {
                match &ty.kind {
                    Kind::Array(element, _) => {
                        if let Some(s) = string_of(e).filter(|_| is_character(element)) {
                            queue.next += 1;
                            return self.string_piece(ty, offset, s, out);
                        }
                        if let ast::Expression::CompoundLiteral(c) = &e.node
                            && self.type_of(e)?.element().is_some()
                        {
                            queue.next += 1;
                            return self.braced(ty, offset, &c.node.initializer_list, out);
                        }
                    }
                    Kind::Record(id) => {
                        if self.type_of(e)?.record() == Some(*id) {
                            queue.next += 1;
                            out.push(Piece {
                                offset,
                                ty: ty.clone(),
                                bits: None,
                                source: Source::Expression(e),
                            });
                            return Ok(());
                        }
                    }
                    _ => {
                        queue.next += 1;
                        out.push(Piece {
                            offset,
                            ty: ty.clone(),
                            bits,
                            source: Source::Expression(e),
                        });
                        return Ok(());
                    }
                }
                // Braces elided.
                self.fill(ty, offset, queue, false, &[], out)?;
                Ok(())
            }
        }
    }

    fn skip_unnamed(&self, ty: &Type, position: u64) -> u64 {
        let Some(info) = ty.record().and_then(|id| self.records.get(id.0 as usize)) else {
            return position;
        };
        let mut at = position;
        while let Some(f) = usize::try_from(at).ok().and_then(|n| info.fields.get(n)) {
            if !(f.name.is_empty() && f.bit_width.is_some()) {
                break;
            }
            at += 1;
        }
        at
    }

    fn has_position(&self, ty: &Type, position: u64) -> bool {
        match &ty.kind {
            Kind::Array(_, Length::Fixed(n)) => position < *n,
            Kind::Array(..) => true,
            Kind::Record(id) => self
                .records
                .get(id.0 as usize)
                .is_some_and(|r| position < r.fields.len() as u64),
            _ => false,
        }
    }

    /// Type, offset and bit-field of the n-th part.
    fn part(
        &mut self,
        ty: &Type,
        offset: u64,
        n: u64,
        at: NodeSpan,
    ) -> Lowered<(Type, u64, Option<BitField>)> {
        match &ty.kind {
            Kind::Array(element, _) => {
                let size = self.size_of(element, at)?;
                match n.checked_mul(size).and_then(|s| s.checked_add(offset)) {
                    Some(o) => Ok(((**element).clone(), o, None)),
                    None => self.unsupported("an index this large in an initialiser", at),
                }
            }
            Kind::Record(id) => {
                let found = u32::try_from(n).ok().and_then(|n| self.field(*id, n));
                match found {
                    Some((info, field)) => Ok((info.ty.clone(), offset + field.offset, field.bits)),
                    None => self.unsupported("an initialiser for a member that is not there", at),
                }
            }
            _ => self.unsupported("a designator for what is not an array or record", at),
        }
    }

    /// The positions that a designator names, and the steps it leaves for inner records.
    fn resolve_step<'e>(
        &mut self,
        ty: &Type,
        step: &Step<'e>,
        at: NodeSpan,
    ) -> Lowered<((u64, u64), Vec<Step<'e>>)> {
        let one = |n: u64| ((n, n), Vec::new());
        match step {
            Step::Field(n) => Ok(one(u64::from(*n))),
            Step::Designator(d) => match &d.node {
                ast::Designator::Index(e) => Ok(one(self.designator_index(ty, e)?)),
                ast::Designator::Range(r) => {
                    let from = self.designator_index(ty, &r.node.from)?;
                    let to = self.designator_index(ty, &r.node.to)?;
                    if to < from || to - from > MAX_PIECES as u64 {
                        return self.unsupported("this range in an initialiser", at);
                    }
                    Ok(((from, to), Vec::new()))
                }
                ast::Designator::Member(name) => {
                    let Some(id) = ty.record() else {
                        return self.unsupported("a member designator for what is not a record", at);
                    };
                    self.complete(id)?;
                    let path: Vec<(RecordId, u32)> =
                        self.find_member(id, &name.node.name).unwrap_or_default();
                    let Some(((_, first), rest)) = path.split_first() else {
                        return self.unsupported(format!("unknown member `{}`", name.node.name), name.span);
                    };
                    let n = u64::from(*first);
                    Ok(((n, n), rest.iter().map(|(_, i)| Step::Field(*i)).collect()))
                }
            },
        }
    }

    fn designator_index(&mut self, ty: &Type, e: &Node<ast::Expression>) -> Lowered<u64> {
        let n = self.constant_integer(e)?;
        match u64::try_from(n)
            .ok()
            .filter(|n| self.has_position(ty, *n) && *n < 1 << 40)
        {
            Some(n) => Ok(n),
            None => self.unsupported("a designated index outside the array", e.span),
        }
    }

    /// Gives an automatic object its initial value.
    pub fn initialise_local(
        &mut self,
        address: Expr,
        ty: &Type,
        i: &Node<ast::Initializer>,
        at: NodeSpan,
    ) -> Lowered<()> {
        let mut pieces = Vec::new();
        self.pieces(ty, 0, i, &mut pieces)?;
        self.write_pieces(address, ty, pieces, at)
    }

    fn write_pieces(
        &mut self,
        address: Expr,
        ty: &Type,
        pieces: Vec<Piece<'_>>,
        at: NodeSpan,
    ) -> Lowered<()> {
        let span = self.span(at);
        let aggregate = ty.element().is_some() || ty.record().is_some();
        let whole = matches!(pieces.as_slice(), [one] if one.ty.record().is_some() && one.offset == 0
            && one.ty.record() == ty.record());
        let size = self.size_value(ty, at)?;
        if aggregate && !whole {
            // What no initialiser names is zero (6.7.9p21).
            let fill = StmtKind::Fill {
                dst: address.clone(),
                unit: Expr::int(8, 0),
                size: size.clone(),
            };
            self.f().stmt(fill, span);
        }
        let object_size = self.size_of(ty, at)?;
        for piece in pieces {
            let bits = self.pointer_bits();
            let ptr = self.part_address(&address, ty, piece.offset, &piece);
            match piece.source {
                Source::String(value, string_at) => {
                    let (id, array) = self.string_object(&value, string_at);
                    let room = match &piece.ty.kind {
                        Kind::Array(_, Length::Fixed(_)) => self.size_of(&piece.ty, at)?,
                        _ => object_size.saturating_sub(piece.offset),
                    };
                    let n = self.size_of(&array, at)?.min(room);
                    let src = Expr::GlobalAddress(id);
                    let size = Expr::int(bits, i128::from(n));
                    self.f().stmt(StmtKind::Copy { dst: ptr, src, size }, span);
                }
                Source::Expression(e) => {
                    let v = self.rvalue(e)?;
                    let place = match piece.bits {
                        Some(b) => Place::Bits(ptr, b),
                        None => Place::Memory(ptr),
                    };
                    let lv = LValue {
                        place,
                        ty: piece.ty.clone(),
                        root: Root::Static,
                        followed: None,
                        indices: Vec::new(),
                        check_access: false,
                        flexible: false,
                        is_element: false,
                        at: e.span,
                    };
                    let v = self.convert_for(&lv, v, e.span)?;
                    self.store(&lv, v)?;
                }
            }
        }
        Ok(())
    }

    /// Address of a part of an object: by member and index steps, so that types show.
    fn part_address(&mut self, base: &Expr, ty: &Type, offset: u64, piece: &Piece<'_>) -> Expr {
        let bits = self.pointer_bits();
        let mut ptr = base.clone();
        let mut ty = ty.clone();
        let mut left = offset;
        loop {
            let done = ty.kind == piece.ty.kind && left == 0;
            let next = match &ty.kind {
                _ if done => None,
                Kind::Array(element, _) => {
                    let size = self.size_of(element, NodeSpan::none()).unwrap_or(0);
                    (size > 0).then(|| {
                        let index = left / size;
                        let step =
                            super::fold::pointer_add(ptr.clone(), Expr::int(bits, i128::from(index)), size);
                        (step, (**element).clone(), left % size)
                    })
                }
                Kind::Record(id) => {
                    let id = *id;
                    let record = self.program.records.get(id.0 as usize);
                    let infos = self.records.get(id.0 as usize);
                    let found = record.zip(infos).and_then(|(r, infos)| {
                        let fields = r.fields.iter().zip(&infos.fields).enumerate();
                        fields
                            .filter(|(_, (f, i))| {
                                let size = f.ty.size(&self.program.records, self.model).unwrap_or(u64::MAX);
                                let end = f.offset.saturating_add(size.max(1));
                                let here = match (f.bits, piece.bits) {
                                    (Some(b), Some(p)) => f.offset == left && b == p,
                                    (Some(_), None) => false,
                                    _ => f.offset <= left && left < end,
                                };
                                here && (!r.is_union || contains(&i.ty, &piece.ty, self))
                            })
                            .map(|(n, (f, i))| (n as u32, f.offset, i.ty.clone()))
                            .next()
                    });
                    found.map(|(n, at, inner)| {
                        let step = Expr::Member {
                            ptr: Box::new(ptr.clone()),
                            record: id,
                            field: n,
                        };
                        (step, inner, left - at)
                    })
                }
                _ => None,
            };
            match next {
                Some((step, inner, rest)) => {
                    let reached = piece.bits.is_some() && rest == 0 && inner.integer().is_some();
                    ptr = step;
                    ty = inner;
                    left = rest;
                    if reached {
                        return ptr;
                    }
                }
                None => {
                    return super::fold::pointer_add(ptr, Expr::int(bits, i128::from(left)), 1);
                }
            }
        }
    }

    /// A compound literal in a function: an object of the enclosing block (C11 6.5.2.5p5).
    pub fn compound_literal(&mut self, c: &Node<ast::CompoundLiteral>) -> Lowered<(LocalId, Type)> {
        let mut ty = self.type_name(&c.node.type_name)?;
        let items = &c.node.initializer_list;
        if let Kind::Array(element, Length::Unknown) = &ty.kind {
            let n = self.list_length(items, element)?;
            ty = Type {
                kind: Kind::Array(Rc::clone(element), Length::Fixed(n)),
                ..ty
            };
        }
        if ty.is_variable() {
            return self.unsupported("a compound literal of variable size", c.span);
        }
        let span = self.span(c.span);
        let local = self.memory_local("compound", &ty, false, span);
        let mut pieces = Vec::new();
        self.braced(&ty, 0, items, &mut pieces)?;
        self.write_pieces(Expr::LocalAddress(local), &ty, pieces, c.span)?;
        Ok((local, ty))
    }
}

/// Whether an object of type `outer` has, somewhere, a part of type `inner`.
fn contains(outer: &Type, inner: &Type, lowerer: &Lowerer<'_>) -> bool {
    if outer.kind == inner.kind {
        return true;
    }
    match &outer.kind {
        Kind::Array(element, _) => contains(element, inner, lowerer),
        Kind::Record(id) => lowerer
            .records
            .get(id.0 as usize)
            .is_some_and(|r| r.fields.iter().any(|f| contains(&f.ty, inner, lowerer))),
        _ => false,
    }
}

fn is_character(ty: &Type) -> bool {
    ty.integer().is_some_and(|i| matches!(i.bits, 8 | 16 | 32)) && !ty.is_bool()
}

fn string_of(e: &Node<ast::Expression>) -> Option<&Node<ast::StringLiteral>> {
    match &e.node {
        ast::Expression::StringLiteral(s) => Some(s),
        _ => None,
    }
}

/// `{ "..." }`
fn lone_string(items: &[Item]) -> Option<&Node<ast::StringLiteral>> {
    match items {
        [one] if one.node.designation.is_empty() => match &one.node.initializer.node {
            ast::Initializer::Expression(e) => string_of(e),
            ast::Initializer::List(_) => None,
        },
        _ => None,
    }
}

/// `{}` is parsed as `{ __vf_empty }`.
fn without_empty(items: &[Item]) -> &[Item] {
    match items {
        [one] => match &one.node.initializer.node {
            ast::Initializer::Expression(e) if is_marker(e, marker::EMPTY) => &[],
            _ => items,
        },
        _ => items,
    }
}

impl Lowerer<'_> {
    /// Converts and writes an initialiser's scalar to a register.
    pub fn initialise_register(
        &mut self,
        local: LocalId,
        ty: &Type,
        i: &Node<ast::Initializer>,
    ) -> Lowered<()> {
        let mut init = i;
        // `int x = { 1 };`
        let expression = loop {
            match &init.node {
                ast::Initializer::Expression(e) => break Some(e),
                ast::Initializer::List(items) => match without_empty(items).first() {
                    Some(first) => init = &first.node.initializer,
                    None => break None,
                },
            }
        };
        let span = self.span(i.span);
        let value = match expression {
            Some(e) => {
                let v = self.rvalue_as(e, ty)?;
                self.bounded(v, e.span).expr
            }
            None => match ty.scalar() {
                Some(vf_ir::Ty::Int(bits)) => Expr::int(bits, 0),
                Some(vf_ir::Ty::Ptr) => Expr::Null,
                _ => return self.unsupported("this initialiser", i.span),
            },
        };
        self.f().stmt(StmtKind::Assign { dst: local, value }, span);
        Ok(())
    }
}

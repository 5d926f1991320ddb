//! Initial values of static objects.

use super::constants::{Base, Constant};
use super::initialisers::{Piece, Source};
use super::types::{Kind, Length, Type};
use super::{Lowered, Lowerer};
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use std::collections::BTreeMap;
use std::rc::Rc;
use vf_ir::{BitField, GlobalId, InitItem, InitValue, Initial};

/// The bytes of a static object while its initialiser is read; later parts replace earlier ones.
#[derive(Default)]
struct Image {
    parts: BTreeMap<u64, (u64, InitValue)>,
    /// Bytes of bit-fields, apart: several share one unit.
    bits: BTreeMap<u64, u8>,
    units: BTreeMap<(u64, u32), ()>,
}

impl Image {
    fn put(&mut self, offset: u64, size: u64, value: InitValue) {
        let end = offset + size;
        let overlapping: Vec<u64> = self
            .parts
            .range(..end)
            .rev()
            .take_while(|(o, (s, _))| **o + *s > offset || **o >= offset)
            .map(|(o, _)| *o)
            .collect();
        for o in overlapping {
            let Some((s, old)) = self.parts.remove(&o) else {
                continue;
            };
            if o >= offset && o + s <= end {
                continue;
            }
            // A part of a string or larger value is replaced: keep the rest byte by byte.
            let bytes: Option<Vec<u8>> = match &old {
                InitValue::Bytes(b) => Some(b.clone()),
                InitValue::Int { value, bits } => Some(
                    value
                        .to_le_bytes()
                        .iter()
                        .take((bits / 8) as usize)
                        .copied()
                        .collect(),
                ),
                _ => None,
            };
            if let Some(bytes) = bytes {
                for (n, b) in bytes.into_iter().enumerate() {
                    let at = o + n as u64;
                    if at < offset || at >= end {
                        self.parts.insert(
                            at,
                            (
                                1,
                                InitValue::Int {
                                    bits: 8,
                                    value: u128::from(b),
                                },
                            ),
                        );
                    }
                }
            } else if o < offset {
                self.parts
                    .insert(o, (offset - o, InitValue::Unknown { size: offset - o }));
            }
        }
        self.parts.insert(offset, (size, value));
    }

    fn put_bits(&mut self, offset: u64, bits: BitField, value: i128) {
        self.units.insert((offset, bits.unit), ());
        for n in 0..bits.width {
            let bit = u64::from(bits.first + n);
            let byte = self.bits.entry(offset + bit / 8).or_insert(0);
            let mask = 1u8 << (bit % 8);
            if value >> n & 1 == 1 {
                *byte |= mask;
            } else {
                *byte &= !mask;
            }
        }
    }

    /// The parts by ascending offset, and the end of the last one.
    fn finish(mut self) -> (Vec<InitItem>, u64) {
        let mut covered = 0;
        let units: Vec<(u64, u32)> = self.units.keys().copied().collect();
        for (offset, unit) in units {
            let from = offset.max(covered);
            let end = offset + u64::from(unit / 8);
            if from >= end {
                continue;
            }
            let mut value: u128 = 0;
            for at in (from..end).rev() {
                value = value << 8 | u128::from(self.bits.get(&at).copied().unwrap_or(0));
            }
            let bits = ((end - from) * 8) as u32;
            self.parts
                .entry(from)
                .or_insert((end - from, InitValue::Int { bits, value }));
            covered = end;
        }
        let end = self.parts.iter().map(|(o, (s, _))| o + s).max().unwrap_or(0);
        let items = self
            .parts
            .into_iter()
            .map(|(offset, (_, value))| InitItem { offset, value })
            .collect();
        (items, end)
    }
}

impl Lowerer<'_> {
    /// A compound literal at file scope: an unnamed static object.
    pub fn static_compound_literal(&mut self, c: &Node<ast::CompoundLiteral>) -> Lowered<(GlobalId, Type)> {
        let mut ty = self.type_name(&c.node.type_name)?;
        let items = &c.node.initializer_list;
        if let Kind::Array(element, Length::Unknown) = &ty.kind {
            let n = self.list_length(items, element)?;
            ty = Type {
                kind: Kind::Array(Rc::clone(element), Length::Fixed(n)),
                ..ty
            };
        }
        let size = self.size_of(&ty, c.span)?;
        let span = self.span(c.span);
        let id = self.new_global("compound", &ty, Some(size), span);
        let mut pieces = Vec::new();
        self.braced(&ty, 0, items, &mut pieces)?;
        self.static_value(id, pieces, c.span)?;
        if let Some(info) = self.globals.get_mut(id.index()) {
            info.defined = true;
            info.queued = true;
        }
        Ok((id, ty))
    }

    /// Gives a static object its initial value.
    pub fn initialise_static(&mut self, id: GlobalId, ty: &Type, i: &Node<ast::Initializer>) -> Lowered<()> {
        let mut pieces = Vec::new();
        self.pieces(ty, 0, i, &mut pieces)?;
        self.static_value(id, pieces, i.span)
    }

    fn static_value(&mut self, id: GlobalId, pieces: Vec<Piece<'_>>, at: NodeSpan) -> Lowered<()> {
        let mut image = Image::default();
        for piece in pieces {
            self.static_piece(piece, &mut image)?;
        }
        let (items, end) = image.finish();
        if let Some(g) = self.program.globals.get_mut(id.index()) {
            g.init = Initial::Known(items);
            // A flexible array's elements come after the record (GNU C).
            g.size = g.size.map(|s| s.max(end));
            if g.size.is_none() {
                return self.unsupported("an initialiser of an incomplete object", at);
            }
        }
        Ok(())
    }

    fn static_piece(&mut self, piece: Piece<'_>, image: &mut Image) -> Lowered<()> {
        match piece.source {
            Source::String(value, at) => {
                let mut bytes = value.bytes(self.target());
                if let Kind::Array(_, Length::Fixed(_)) = &piece.ty.kind {
                    let room = self.size_of(&piece.ty, at)? as usize;
                    bytes.truncate(room);
                }
                image.put(piece.offset, bytes.len() as u64, InitValue::Bytes(bytes));
            }
            Source::Expression(e) => {
                if let (Some(_), ast::Expression::CompoundLiteral(c)) = (piece.ty.record(), &e.node) {
                    let mut inner = Vec::new();
                    self.braced(&piece.ty, piece.offset, &c.node.initializer_list, &mut inner)?;
                    for p in inner {
                        self.static_piece(p, image)?;
                    }
                    return Ok(());
                }
                let size = match piece.bits {
                    Some(b) => u64::from(b.unit / 8),
                    None => self.size_of(&piece.ty, e.span)?,
                };
                let value = self.constant(e).and_then(|c| {
                    if piece.ty.is_scalar() {
                        self.cast_constant(c, &piece.ty, e.span)
                    } else {
                        Ok(c)
                    }
                });
                match (value, piece.bits) {
                    (Ok(Constant::Int { value, .. }), Some(bits)) => {
                        image.put_bits(piece.offset, bits, value)
                    }
                    (_, Some(_)) => image.put(piece.offset, size, InitValue::Unknown { size }),
                    (Ok(constant), None) => {
                        let value = self.static_constant(constant, size);
                        image.put(piece.offset, size, value);
                    }
                    (Err(_), None) => image.put(piece.offset, size, InitValue::Unknown { size }),
                }
            }
        }
        Ok(())
    }

    fn static_constant(&mut self, c: Constant, size: u64) -> InitValue {
        let bits = (size * 8) as u32;
        let int = |value: i128| {
            let mask = if bits >= 128 {
                u128::MAX
            } else {
                (1u128 << bits) - 1
            };
            InitValue::Int {
                bits,
                value: value as u128 & mask,
            }
        };
        match c {
            Constant::Int { value, .. } => int(value),
            Constant::Float { value, ty } => match ty.kind {
                Kind::Float(32) => InitValue::Bytes((value as f32).to_le_bytes().to_vec()),
                Kind::Float(64) => InitValue::Bytes(value.to_le_bytes().to_vec()),
                _ => InitValue::Unknown { size },
            },
            Constant::Address {
                base: Base::Absolute,
                offset,
                ..
            } => int(offset),
            Constant::Address {
                base: Base::Global(global),
                offset,
                ..
            } => {
                self.need_global(global);
                match i64::try_from(offset) {
                    Ok(offset) => InitValue::GlobalAddress { global, offset },
                    Err(_) => InitValue::Unknown { size },
                }
            }
            Constant::Address {
                base: Base::Function(f),
                offset: 0,
                ..
            } => {
                self.need_address_of(f);
                InitValue::FunctionAddress(f)
            }
            Constant::Address { .. } => InitValue::Unknown { size },
        }
    }
}

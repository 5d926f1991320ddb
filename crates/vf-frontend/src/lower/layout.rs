//! Layout of records as GCC lays them out (System V ABI, x86-64 and i386; GCC manual, "packed", "aligned").

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{ArrayLen, BitField, CType, DataModel, Field, Record, RecordId};

use super::types::{Kind, Length, Rank, Type};
use super::{FieldInfo, Lowered, Lowerer};

/// A member as declared, before it has a place.
struct Member {
    name: String,
    ty: Type,
    width: Option<u32>,
    packed: bool,
    aligned: Option<u64>,
    counted_by: Option<String>,
}

impl Lowerer<'_> {
    /// Size in bytes of an object of the type; GCC gives `void` and functions 1.
    pub fn size_of(&mut self, ty: &Type, at: NodeSpan) -> Lowered<u64> {
        Ok(match &ty.kind {
            Kind::Void | Kind::Function(_) => 1,
            Kind::Array(element, Length::Fixed(n)) => {
                let size = self.size_of(element, at)?;
                match size.checked_mul(*n).filter(|s| *s <= i64::MAX as u64) {
                    Some(size) => size,
                    None => return self.unsupported("an array of more than 2^63 bytes", at),
                }
            }
            Kind::Array(_, Length::Unknown) => {
                return self.unsupported("the size of an incomplete array", at);
            }
            Kind::Array(_, Length::Variable(_)) => {
                return self.unsupported("the constant size of a variable-length array", at);
            }
            Kind::Record(id) => {
                self.complete(*id)?;
                match self.program.records.get(id.0 as usize) {
                    Some(r) => match r.size {
                        Some(size) => size,
                        None => {
                            let name = r.name.clone();
                            return self.unsupported(format!("incomplete type `{name}`"), at);
                        }
                    },
                    None => return self.unsupported("an unknown record", at),
                }
            }
            // i386's 12-byte `long double` has no IR type.
            Kind::Float(128) if self.model == DataModel::Ilp32 => {
                return self.unsupported("`long double` of a 32-bit target", at);
            }
            // A value of a wide bit-field has the mode of the type it was declared with.
            Kind::Int(i) if i.rank == Rank::BitField => u64::from(i.bits.div_ceil(8)).next_power_of_two(),
            scalar => Type::of(scalar.clone())
                .scalar()
                .map_or(1, |t| t.size(self.model)),
        })
    }

    /// Alignment in bytes.
    pub fn align_of(&mut self, ty: &Type) -> Lowered<u64> {
        if let Some(align) = ty.align {
            return Ok(align);
        }
        Ok(match &ty.kind {
            Kind::Void | Kind::Function(_) => 1,
            Kind::Array(element, _) => self.align_of(element)?,
            Kind::Record(id) => {
                self.complete(*id)?;
                self.program.records.get(id.0 as usize).map_or(1, |r| r.align)
            }
            scalar => {
                let size = Type::of(scalar.clone())
                    .scalar()
                    .map_or(1, |t| t.size(self.model));
                match self.model {
                    DataModel::Lp64 => size.next_power_of_two().min(16),
                    // i386 aligns 8-byte scalars to 4 inside records.
                    DataModel::Ilp32 => size.next_power_of_two().min(4),
                }
            }
        })
    }

    /// Reads the definition of a record, if it has one that was not read yet.
    pub fn complete(&mut self, id: RecordId) -> Lowered<()> {
        let Some(info) = self.records.get_mut(id.0 as usize) else {
            return Ok(());
        };
        if let Some(why) = &info.broken {
            return Err(why.clone());
        }
        if let Some((unit, kind, tag)) = info.pending.take() {
            self.read_tag(unit, kind, &tag);
            if let Some(why) = self.records.get(id.0 as usize).and_then(|i| i.broken.clone()) {
                return Err(why);
            }
        }
        Ok(())
    }

    pub fn define_record(
        &mut self,
        id: RecordId,
        members: &[Node<ast::StructDeclaration>],
        node: &Node<ast::StructType>,
    ) -> Lowered<()> {
        if let Some(info) = self.records.get_mut(id.0 as usize) {
            info.pending = None;
        }
        let result = self
            .read_members(members)
            .and_then(|list| self.lay_out(id, list, node.span));
        if let (Err(why), Some(info)) = (&result, self.records.get_mut(id.0 as usize)) {
            info.broken = Some(why.clone());
        }
        result
    }

    fn read_members(&mut self, members: &[Node<ast::StructDeclaration>]) -> Lowered<Vec<Member>> {
        let mut list = Vec::new();
        for m in members {
            let ast::StructDeclaration::Field(field) = &m.node else {
                continue;
            };
            let (base, mut shared) = self.specifier_qualifiers(&field.node.specifiers)?;
            shared.merge(&self.specifier_attributes(field.span));
            if field.node.declarators.is_empty() {
                // An anonymous member; a declaration of only a tag is not a member.
                let anonymous = base
                    .record()
                    .and_then(|id| self.program.records.get(id.0 as usize));
                if anonymous.is_some_and(|r| r.name.starts_with('<')) {
                    list.push(Member {
                        name: String::new(),
                        ty: base,
                        width: None,
                        packed: shared.packed,
                        aligned: shared.aligned,
                        counted_by: None,
                    });
                }
                continue;
            }
            for d in &field.node.declarators {
                let mut attributes = shared.clone();
                let (name, ty) = match &d.node.declarator {
                    Some(declarator) => {
                        let declared = self.declarator(base.clone(), declarator)?;
                        attributes.merge(&declared.attributes);
                        let ty = declared.ty;
                        (declared.name.unwrap_or_default(), ty)
                    }
                    None => (String::new(), base.clone()),
                };
                if attributes.foreign_order {
                    return self.unsupported("scalar_storage_order", d.span);
                }
                let aligned = attributes.aligned.take();
                let ty = self.apply_attributes(ty, &attributes, d.span)?;
                if ty.signature().is_some() || ty.is_void() {
                    return self.unsupported("a member that is not an object", d.span);
                }
                if ty.is_variable() {
                    return self.unsupported("a member of variable size", d.span);
                }
                let width = match &d.node.bit_width {
                    Some(e) => {
                        let width = self.constant_integer(e)?;
                        let most = ty.integer().map_or(0, |i| if ty.is_bool() { 1 } else { i.bits });
                        match u32::try_from(width).ok().filter(|w| *w <= most) {
                            Some(w) => Some(w),
                            None => return self.unsupported("a bit-field of this width", d.span),
                        }
                    }
                    None => None,
                };
                list.push(Member {
                    name,
                    ty,
                    width,
                    packed: attributes.packed,
                    aligned,
                    counted_by: attributes.counted_by,
                });
            }
        }
        Ok(list)
    }

    /// Lays out members that need no attributes (records of the ABI itself).
    pub fn set_plain_layout(&mut self, id: RecordId, members: &[(&str, Type)]) {
        let list = members
            .iter()
            .map(|(name, ty)| Member {
                name: name.to_string(),
                ty: ty.clone(),
                width: None,
                packed: false,
                aligned: None,
                counted_by: None,
            })
            .collect();
        // Members of scalar type always have a layout.
        let _ = self.lay_out(id, list, NodeSpan::none());
    }

    /// Says which `counted_by` says nothing. (Where the record is a member without a name, its counter may be outside.)
    fn check_counters(&mut self, id: RecordId, fields: &[Field], at: NodeSpan) {
        let records = &self.program.records;
        let Some(record) = records.get(id.0 as usize) else {
            return;
        };
        let inside = record.name.starts_with('<');
        let whole = Record {
            fields: fields.to_vec(),
            ..record.clone()
        };
        let mut problems = Vec::new();
        for field in fields {
            let Some(counter) = &field.counted_by else {
                continue;
            };
            let is_counted = matches!(
                field.ty,
                CType::Pointer { .. }
                    | CType::Array {
                        len: ArrayLen::Unknown,
                        ..
                    }
            );
            let found = whole.member(counter, records).map(|(_, found)| &found.ty);
            let what = match found {
                _ if !is_counted => "a member that is neither a flexible array nor a pointer",
                Some(CType::Int { .. } | CType::Bool) => continue,
                Some(_) => "a count that is no integer",
                None if inside => continue,
                None => "a count that is no member of the same record",
            };
            problems.push(format!(
                "attribute not used: `counted_by({counter})` of `{}`: {what}",
                field.name
            ));
        }
        let span = self.span(at);
        for message in problems {
            self.diagnostics.push(crate::Diagnostic { message, span });
        }
    }

    fn lay_out(&mut self, id: RecordId, members: Vec<Member>, at: NodeSpan) -> Lowered<()> {
        let is_union = self
            .program
            .records
            .get(id.0 as usize)
            .is_some_and(|r| r.is_union);
        let attributes = self.tag_attributes(at);
        if attributes.foreign_order {
            return self.unsupported("scalar_storage_order", at);
        }
        let pack = self.declaration.as_ref().and_then(|d| d.side.pack).map(u64::from);
        let mut align: u64 = 1;
        // Next free bit, and size so far in bits.
        let (mut next, mut size): (u64, u64) = (0, 0);
        let mut fields = Vec::with_capacity(members.len());
        let mut infos = Vec::with_capacity(members.len());
        let last = members.len().saturating_sub(1);
        for (index, m) in members.into_iter().enumerate() {
            let bytes = match &m.ty.kind {
                Kind::Array(element, Length::Unknown) => {
                    if index != last && !is_union {
                        return self.unsupported("a flexible array that is not the last member", at);
                    }
                    self.size_of(element, at)?;
                    0
                }
                _ => self.size_of(&m.ty, at)?,
            };
            let natural = self.align_of(&m.ty)?;
            let packed = m.packed || attributes.packed;
            let mut field_align = if packed { 1 } else { natural };
            if let Some(n) = m.aligned {
                field_align = if packed { n } else { field_align.max(n) };
            }
            if let Some(most) = pack {
                field_align = field_align.min(most);
            }
            if is_union {
                next = 0;
            }
            let overflow = || self.refuse("a record of more than 2^60 bytes", at);
            let (offset, bits) = match m.width {
                Some(0) => {
                    // `: 0` closes the unit of its type; it does not raise the record's alignment.
                    let unit = natural.max(1) * 8;
                    next = next.checked_next_multiple_of(unit).ok_or_else(overflow)?;
                    (
                        next / 8,
                        Some(BitField {
                            first: 0,
                            width: 0,
                            unit: (bytes * 8) as u32,
                        }),
                    )
                }
                Some(width) => {
                    let type_bits = bytes * 8;
                    if m.aligned.is_some() {
                        next = next
                            .checked_next_multiple_of(field_align * 8)
                            .ok_or_else(overflow)?;
                    } else if !packed {
                        // A field that would cross a boundary of its type's alignment more often than the
                        // type itself does starts at the next one.
                        let unit = field_align * 8;
                        let inside = next % unit;
                        if (inside + u64::from(width)).div_ceil(unit) > type_bits / unit {
                            next = next.checked_next_multiple_of(unit).ok_or_else(overflow)?;
                        }
                    }
                    let at_bit = next;
                    next += u64::from(width);
                    if !m.name.is_empty() {
                        align = align.max(field_align);
                    }
                    let (offset, bits) = storage_unit(at_bit, width, type_bits, natural, packed);
                    (offset, Some(bits))
                }
                None => {
                    next = next
                        .checked_next_multiple_of(field_align * 8)
                        .ok_or_else(overflow)?;
                    let offset = next / 8;
                    next = bytes
                        .checked_mul(8)
                        .and_then(|b| next.checked_add(b))
                        .ok_or_else(overflow)?;
                    align = align.max(field_align);
                    (offset, None)
                }
            };
            size = size.max(next);
            fields.push(Field {
                name: m.name.clone(),
                ty: m.ty.to_ir(),
                offset,
                bits,
                counted_by: m.counted_by,
            });
            infos.push(FieldInfo {
                name: m.name,
                ty: m.ty,
                bit_width: m.width,
            });
        }
        align = align.max(attributes.aligned.unwrap_or(1));
        let bytes = size.div_ceil(8).next_multiple_of(align);
        // A storage unit never reaches over the record's end, nor into a member of its own: nothing but
        // bit-fields may be touched when one is written.
        let plain: Vec<(u64, u64)> = fields
            .iter()
            .zip(&infos)
            .filter(|(f, _)| f.bits.is_none() && !is_union)
            .map(|(f, i)| (f.offset, f.offset + self.size_of(&i.ty, at).unwrap_or(0)))
            .collect();
        for f in &mut fields {
            let Some(b) = f.bits.filter(|b| b.width > 0) else {
                continue;
            };
            let end = f.offset + u64::from(b.unit / 8);
            if end > bytes || plain.iter().any(|(from, to)| *from < end && f.offset < *to) {
                let at_bit = f.offset * 8 + u64::from(b.first);
                (f.offset, f.bits) = tight_unit(at_bit, b.width);
            }
        }
        self.check_counters(id, &fields, at);
        if let Some(r) = self.program.records.get_mut(id.0 as usize) {
            r.size = Some(bytes);
            r.align = align;
            r.fields = fields;
        }
        if let Some(info) = self.records.get_mut(id.0 as usize) {
            info.fields = infos;
        }
        Ok(())
    }

    /// The path of member indices to a member, through anonymous members (C11 6.7.2.1p13).
    pub fn find_member(&self, id: RecordId, name: &str) -> Option<Vec<(RecordId, u32)>> {
        let info = self.records.get(id.0 as usize)?;
        if let Some(i) = info.fields.iter().position(|f| f.name == name) {
            return Some(vec![(id, i as u32)]);
        }
        for (i, f) in info.fields.iter().enumerate().filter(|(_, f)| f.name.is_empty()) {
            if let Some(mut rest) = f.ty.record().and_then(|inner| self.find_member(inner, name)) {
                rest.insert(0, (id, i as u32));
                return Some(rest);
            }
        }
        None
    }

    pub fn field(&self, record: RecordId, index: u32) -> Option<(&FieldInfo, &Field)> {
        let info = self.records.get(record.0 as usize)?.fields.get(index as usize)?;
        let field = self
            .program
            .records
            .get(record.0 as usize)?
            .fields
            .get(index as usize)?;
        Some((info, field))
    }
}

/// The storage unit for a field at a bit: its type's own aligned unit where the field lies inside one.
fn storage_unit(at_bit: u64, width: u32, type_bits: u64, align: u64, packed: bool) -> (u64, BitField) {
    let unit_start = at_bit / type_bits.max(8) * type_bits.max(8);
    let fits = at_bit + u64::from(width) <= unit_start + type_bits;
    if fits && !packed && unit_start.is_multiple_of(align.max(1) * 8) {
        let first = (at_bit - unit_start) as u32;
        return (
            unit_start / 8,
            BitField {
                first,
                width,
                unit: type_bits as u32,
            },
        );
    }
    let (offset, bits) = tight_unit(at_bit, width);
    (
        offset,
        bits.unwrap_or(BitField {
            first: 0,
            width,
            unit: type_bits as u32,
        }),
    )
}

/// The smallest run of bytes that holds the field.
fn tight_unit(at_bit: u64, width: u32) -> (u64, Option<BitField>) {
    let first = (at_bit % 8) as u32;
    let unit = (first + width).next_multiple_of(8);
    (at_bit / 8, Some(BitField { first, width, unit }))
}

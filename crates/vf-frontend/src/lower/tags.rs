//! Records and enumerations (C11 6.7.2.1, 6.7.2.2).

use super::types::{EnumId, IntType, Kind, Type};
use super::{Entity, Lowered, Lowerer, RecordInfo, Tag};
use crate::split::TagKind;
use lang_c::ast;
use lang_c::span::Node;
use vf_ir::RecordId;

impl Lowerer<'_> {
    /// `__builtin_va_list`: one element of the ABI's structure on x86-64, a plain pointer on i386.
    pub fn va_list_type(&mut self) -> Type {
        if self.model == vf_ir::DataModel::Ilp32 {
            return Type::char_pointer();
        }
        const TAG: &str = "__va_list_tag";
        if let Some(Tag::Record(id)) = self.units.get(self.unit).and_then(|u| u.names.tags.get(TAG)) {
            return Type::of(Kind::Record(*id)).array_of(1);
        }
        let id = self.new_record(TAG, false, None);
        let uint = Type::int(IntType::UINT);
        let pointer = Type::void().pointer_to();
        let members = [
            ("gp_offset", uint.clone()),
            ("fp_offset", uint),
            ("overflow_arg_area", pointer.clone()),
            ("reg_save_area", pointer),
        ];
        self.set_plain_layout(id, &members);
        if let Some(unit) = self.units.get_mut(self.unit) {
            unit.names.tags.insert(TAG.to_string(), Tag::Record(id));
        }
        Type::of(Kind::Record(id)).array_of(1)
    }

    pub fn enum_specifier(&mut self, e: &Node<ast::EnumType>) -> Lowered<Type> {
        let tag = e.node.identifier.as_ref().map(|i| i.node.name.as_str());
        if e.node.enumerators.is_empty() {
            if let Some(name) = tag {
                match self.lookup_tag(TagKind::Enum, name) {
                    Some(Tag::Enum(id, int)) => return Ok(Type::of(Kind::Enum(id, int))),
                    Some(Tag::Record(_)) => {
                        return self.unsupported("an enum tag that names a record", e.span);
                    }
                    None => {}
                }
            }
            // Never completed in view: GCC takes `unsigned int` for a forward enumeration.
            let id = EnumId(self.enums);
            self.enums += 1;
            return Ok(Type::of(Kind::Enum(id, IntType::UINT)));
        }
        let mut values: Vec<(String, i128)> = Vec::with_capacity(e.node.enumerators.len());
        let mut next: i128 = 0;
        for item in &e.node.enumerators {
            if let Some(expr) = &item.node.expression {
                next = self.constant_integer(expr)?;
            }
            let name = item.node.identifier.node.name.clone();
            // Later enumerators may use this one.
            let ty = if IntType::INT.fits(next) {
                IntType::INT
            } else {
                self.enum_type(next, next)
            };
            self.declare(&name, Entity::Enumerator { value: next, ty });
            values.push((name, next));
            next = next.wrapping_add(1);
        }
        let low = values.iter().map(|v| v.1).min().unwrap_or(0);
        let high = values.iter().map(|v| v.1).max().unwrap_or(0);
        let packed = self.tag_attributes(e.span).packed;
        let int = if packed {
            self.packed_enum_type(low, high)
        } else {
            self.enum_type(low, high)
        };
        let constants = if int.bits > 32 { int } else { IntType::INT };
        for (name, value) in values {
            let ty = if constants.fits(value) { constants } else { int };
            self.declare(&name, Entity::Enumerator { value, ty });
        }
        let id = EnumId(self.enums);
        self.enums += 1;
        if let Some(name) = tag {
            let name = name.to_string();
            self.declare_tag(&name, Tag::Enum(id, int));
        }
        Ok(Type::of(Kind::Enum(id, int)))
    }

    /// GCC's choice: the first of `unsigned int`, `int`, `unsigned long`, `long` that holds all values.
    fn enum_type(&self, low: i128, high: i128) -> IntType {
        let candidates = [
            IntType::UINT,
            IntType::INT,
            IntType::long(self.model, false),
            IntType::long(self.model, true),
            IntType::ULLONG,
            IntType::LLONG,
        ];
        candidates
            .into_iter()
            .find(|i| i.fits(low) && i.fits(high))
            .unwrap_or(IntType::INT128)
    }

    fn packed_enum_type(&self, low: i128, high: i128) -> IntType {
        let small = [IntType::UCHAR, IntType::SCHAR, IntType::USHORT, IntType::SHORT];
        small
            .into_iter()
            .find(|i| i.fits(low) && i.fits(high))
            .unwrap_or_else(|| self.enum_type(low, high))
    }

    pub fn record_specifier(&mut self, s: &Node<ast::StructType>) -> Lowered<Type> {
        let is_union = s.node.kind.node == ast::StructKind::Union;
        let kind = if is_union { TagKind::Union } else { TagKind::Struct };
        let tag = s.node.identifier.as_ref().map(|i| i.node.name.clone());
        let id = match (&tag, &s.node.declarations) {
            (Some(name), None) => match self.lookup_tag(kind, name) {
                Some(Tag::Record(id)) => id,
                Some(Tag::Enum(..)) => return self.unsupported("a record tag that names an enum", s.span),
                None => {
                    let id = self.new_record(name, is_union, None);
                    self.declare_tag(name, Tag::Record(id));
                    id
                }
            },
            (Some(name), Some(members)) => {
                let id = match self.own_tag(name) {
                    Some(Tag::Record(id)) if self.is_open(id) => id,
                    _ => {
                        let id = self.new_record(name, is_union, None);
                        self.declare_tag(name, Tag::Record(id));
                        id
                    }
                };
                self.define_record(id, members, s)?;
                id
            }
            (None, Some(members)) => {
                let span = self.span(s.span);
                let word = if is_union { "union" } else { "struct" };
                let file = self.sources.get(span.file).map(|f| f.path.display().to_string());
                let name = match file {
                    Some(file) if span.is_known() => {
                        format!("<anonymous {word} at {file}:{}>", span.start.line)
                    }
                    _ => format!("<anonymous {word}>"),
                };
                let id = self.new_record(&name, is_union, None);
                self.define_record(id, members, s)?;
                id
            }
            (None, None) => return self.unsupported("a record without tag and members", s.span),
        };
        Ok(Type::of(Kind::Record(id)))
    }

    /// Whether the record was declared but not defined.
    fn is_open(&self, id: RecordId) -> bool {
        self.program
            .records
            .get(id.0 as usize)
            .is_some_and(|r| r.size.is_none())
    }

    pub fn new_record(
        &mut self,
        name: &str,
        is_union: bool,
        pending: Option<(usize, TagKind, String)>,
    ) -> RecordId {
        let id = RecordId(self.program.records.len() as u32);
        self.program.records.push(vf_ir::Record {
            name: name.to_string(),
            is_union,
            size: None,
            align: 1,
            fields: Vec::new(),
        });
        self.records.push(RecordInfo {
            fields: Vec::new(),
            pending,
            broken: None,
        });
        id
    }
}

//! Members of records by their place, to write contents as a person would.

use vf_ir::{ArrayLen, CType, Program, RecordId};

use super::text::is_identifier;

/// Members of a record that are looked at; beyond that bytes are bytes.
const MEMBERS: usize = 512;

/// A number or a pointer in a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scalar {
    /// From the record: `trips[3].temperature`.
    pub(super) path: String,
    /// In bytes from the record's start.
    pub(super) offset: u64,
    pub(super) bytes: u64,
    pub(super) signed: bool,
    pub(super) is_pointer: bool,
}

/// A record by its name in C, `struct zone`; not one without a tag.
pub(super) fn record_named(program: &Program, name: &str) -> Option<RecordId> {
    let (is_union, tag) = match (name.strip_prefix("struct "), name.strip_prefix("union ")) {
        (Some(tag), _) => (false, tag),
        (_, Some(tag)) => (true, tag),
        _ => return None,
    };
    let found = program
        .records
        .iter()
        .position(|r| r.name == tag && r.is_union == is_union)?;
    is_identifier(tag).then_some(RecordId(u32::try_from(found).ok()?))
}

/// Its numbers and pointers that have a name, in the order of the record. Bit-fields, members of unions and floating-point
/// numbers are not among them.
pub(super) fn scalars(program: &Program, record: RecordId) -> Vec<Scalar> {
    let mut found = Vec::new();
    collect(program, &CType::Record(record), 0, String::new(), &mut found);
    found
}

fn collect(program: &Program, ty: &CType, offset: u64, path: String, found: &mut Vec<Scalar>) {
    if found.len() >= MEMBERS {
        return;
    }
    let mut scalar = |bytes: u64, signed, is_pointer| {
        found.push(Scalar {
            path: path.clone(),
            offset,
            bytes,
            signed,
            is_pointer,
        });
    };
    match ty {
        CType::Bool => scalar(1, false, false),
        CType::Int { bits, signed } if *bits <= 64 => scalar(u64::from(*bits / 8), *signed, false),
        CType::Pointer { .. } => scalar(program.model.pointer_bytes(), false, true),
        CType::Array {
            element,
            len: ArrayLen::Fixed(len),
        } => {
            let Some(size) = element.size(&program.records, program.model) else {
                return;
            };
            for index in 0..(*len).min(MEMBERS as u64) {
                collect(
                    program,
                    element,
                    offset + index * size,
                    format!("{path}[{index}]"),
                    found,
                );
            }
        }
        CType::Record(id) => {
            let Some(record) = program.records.get(id.0 as usize).filter(|r| !r.is_union) else {
                return;
            };
            for field in record
                .fields
                .iter()
                .filter(|f| f.bits.is_none() && is_identifier(&f.name))
            {
                let dot = if path.is_empty() { "" } else { "." };
                let inner = format!("{path}{dot}{}", field.name);
                collect(program, &field.ty, offset + field.offset, inner, found);
            }
        }
        _ => {}
    }
}

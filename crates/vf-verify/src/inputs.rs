//! An input in source terms, for people.

use std::collections::BTreeMap;

use vf_ir::input::{ChoiceKind, Contents, Input, InputPointer, InputValue};
use vf_ir::{CType, Program, Record};

/// The input in source terms: `len` to `4294967295`, `p->count` to `9`, `object_size(buf)` to `8`.
pub fn inputs_of(program: &Program, input: &Input) -> BTreeMap<String, String> {
    let mut shown = BTreeMap::new();
    let Some(function) = program
        .function_named(&input.function)
        .map(|id| program.function(id))
    else {
        return shown;
    };
    for (local, value) in function.params.iter().zip(&input.arguments) {
        let Some(info) = function.locals.get(local.index()) else {
            continue;
        };
        shown.insert(info.name.clone(), value_text(value, &info.ty, input));
    }
    for object in &input.objects {
        let plain = object.name.strip_prefix('*').unwrap_or(&object.name);
        shown.insert(format!("object_size({plain})"), object.size.to_string());
    }
    for (local, value) in function.params.iter().zip(&input.arguments) {
        let (Some(info), InputValue::Pointer(InputPointer::Object { index, offset: 0 })) =
            (function.locals.get(local.index()), value)
        else {
            continue;
        };
        if let (CType::Pointer { to, .. }, Some(object)) = (&info.ty, input.objects.get(*index)) {
            members(program, to, &info.name, &object.contents, &mut shown);
        }
    }
    for (name, contents) in &input.globals {
        if let Some(global) = program.globals.iter().find(|g| g.name == *name) {
            leaf_values(program, &global.ty, name, 0, contents, 0, &mut shown);
        }
    }
    for choice in &input.choices {
        if let (ChoiceKind::Value(InputValue::Int { bits, value }), false) =
            (&choice.kind, choice.function.is_empty())
        {
            let mut name = format!("{}()", choice.function);
            let mut number = 2;
            while shown.contains_key(&name) {
                name = format!("{}() #{number}", choice.function);
                number += 1;
            }
            shown.insert(name, integer(*value, *bits, true));
        }
    }
    shown
}

fn members(
    program: &Program,
    pointee: &CType,
    name: &str,
    contents: &Contents,
    shown: &mut BTreeMap<String, String>,
) {
    match pointee {
        CType::Record(id) => {
            let Some(record) = program.records.get(id.0 as usize) else {
                return;
            };
            record_values(program, record, &format!("{name}->"), 0, contents, 0, shown);
        }
        CType::Int { bits: 8, .. } => {
            let text: Vec<u8> = (0..64)
                .map_while(|at| byte_at(contents, at).filter(|b| *b != 0))
                .collect();
            if !text.is_empty() {
                shown.insert(format!("{name}[0..]"), format!("\"{}\"", text.escape_ascii()));
            }
        }
        CType::Int { .. } => {
            leaf_values(program, pointee, &format!("*{name}"), 0, contents, 0, shown);
        }
        _ => {}
    }
}

fn record_values(
    program: &Program,
    record: &Record,
    prefix: &str,
    offset: u64,
    contents: &Contents,
    depth: u32,
    shown: &mut BTreeMap<String, String>,
) {
    for field in record.fields.iter().filter(|f| f.bits.is_none()) {
        leaf_values(
            program,
            &field.ty,
            &format!("{prefix}{}", field.name),
            offset + field.offset,
            contents,
            depth + 1,
            shown,
        );
    }
}

fn leaf_values(
    program: &Program,
    ty: &CType,
    name: &str,
    offset: u64,
    contents: &Contents,
    depth: u32,
    shown: &mut BTreeMap<String, String>,
) {
    if depth > 6 || shown.len() > 200 {
        return;
    }
    match ty {
        CType::Record(id) => {
            if let Some(record) = program.records.get(id.0 as usize) {
                record_values(
                    program,
                    record,
                    &format!("{name}."),
                    offset,
                    contents,
                    depth,
                    shown,
                );
            }
        }
        CType::Array {
            element,
            len: vf_ir::ArrayLen::Fixed(n),
        } => {
            let size = element.size(&program.records, program.model).unwrap_or(0);
            for k in 0..(*n).min(16) {
                if size > 0 {
                    leaf_values(
                        program,
                        element,
                        &format!("{name}[{k}]"),
                        offset + k * size,
                        contents,
                        depth + 1,
                        shown,
                    );
                }
            }
        }
        CType::Int { bits, signed } => {
            let bytes = u64::from(bits / 8);
            if (0..bytes).any(|k| byte_at(contents, offset + k).is_some()) {
                let value = (0..bytes).rev().fold(0u128, |v, k| {
                    v << 8 | u128::from(byte_at(contents, offset + k).unwrap_or(0))
                });
                shown.insert(name.to_owned(), integer(value, *bits, *signed));
            }
        }
        _ => {}
    }
}

fn byte_at(contents: &Contents, at: u64) -> Option<u8> {
    contents.bytes.iter().find_map(|(start, bytes)| {
        at.checked_sub(*start)
            .and_then(|k| bytes.get(usize::try_from(k).ok()?))
            .copied()
    })
}

/// An integer as C would print it.
pub fn integer(value: u128, bits: u32, signed: bool) -> String {
    if signed && bits < 128 && bits > 1 && value >> (bits - 1) & 1 == 1 {
        return (value as i128 - (1i128 << bits)).to_string();
    }
    value.to_string()
}

fn value_text(value: &InputValue, ty: &CType, input: &Input) -> String {
    match value {
        InputValue::Int { bits, value } => integer(*value, *bits, ty.is_signed()),
        InputValue::Float => "any".into(),
        InputValue::Pointer(InputPointer::Null) => "NULL".into(),
        InputValue::Pointer(InputPointer::Address(at)) => format!("{at:#x}"),
        InputValue::Pointer(InputPointer::Function { name }) => name.clone(),
        InputValue::Pointer(InputPointer::Global { name, offset }) => format!("&{name} + {offset}"),
        InputValue::Pointer(InputPointer::Object { index, offset }) => {
            let name = input.objects.get(*index).map_or("object", |o| o.name.as_str());
            let plain = name
                .strip_prefix('*')
                .map_or_else(|| format!("&{name}"), |p| format!("a block for {p}"));
            if *offset == 0 {
                plain
            } else {
                format!("{plain} + {offset}")
            }
        }
    }
}

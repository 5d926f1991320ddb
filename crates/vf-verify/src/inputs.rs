//! An input in source terms, for people.

use std::collections::BTreeMap;

use vf_ir::input::{ChoiceKind, Contents, Input, InputPointer, InputValue};
use vf_ir::{CType, Program, Record};

/// One value of an input, and which part of the input it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// `len`, `p->count`, `object_size(buf)`, `read()`.
    pub name: String,
    pub value: String,
    pub part: Part,
}

/// A part of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Argument(usize),
    /// The size of an object of the input.
    Size(usize),
    /// Bytes of an object of the input.
    ObjectBytes {
        object: usize,
        start: u64,
        end: u64,
    },
    GlobalBytes {
        name: String,
        start: u64,
        end: u64,
    },
    Choice(usize),
}

/// What is being written out: where its bytes are, and what was found so far.
struct Reading<'a> {
    program: &'a Program,
    input: &'a Input,
    contents: &'a Contents,
    part: &'a dyn Fn(u64, u64) -> Part,
    shown: &'a mut Vec<Shown>,
}

/// The input in source terms: `len` is `4294967295`, `p->count` is `9`, `object_size(buf)` is `8`.
pub fn inputs_of(program: &Program, input: &Input) -> Vec<Shown> {
    let mut shown = Vec::new();
    let Some(function) = program
        .function_named(&input.function)
        .map(|id| program.function(id))
    else {
        return shown;
    };
    for (number, (local, value)) in function.params.iter().zip(&input.arguments).enumerate() {
        let Some(info) = function.locals.get(local.index()) else {
            continue;
        };
        shown.push(Shown {
            name: info.name.clone(),
            value: match value {
                InputValue::Pointer(pointer @ InputPointer::Object { .. }) => {
                    elsewhere(input, pointer, &info.name)
                }
                _ => None,
            }
            .unwrap_or_else(|| value_text(value, &info.ty, input)),
            part: Part::Argument(number),
        });
    }
    for (number, object) in input.objects.iter().enumerate() {
        let plain = object.name.strip_prefix('*').unwrap_or(&object.name);
        shown.push(Shown {
            name: format!("object_size({plain})"),
            value: object.size.to_string(),
            part: Part::Size(number),
        });
    }
    for (local, value) in function.params.iter().zip(&input.arguments) {
        let (Some(info), InputValue::Pointer(InputPointer::Object { index, offset: 0 })) =
            (function.locals.get(local.index()), value)
        else {
            continue;
        };
        if let (CType::Pointer { to, .. }, Some(object)) = (&info.ty, input.objects.get(*index)) {
            let part = |start, end| Part::ObjectBytes {
                object: *index,
                start,
                end,
            };
            let mut reading = Reading {
                program,
                input,
                contents: &object.contents,
                part: &part,
                shown: &mut shown,
            };
            reading.members(to, &info.name);
        }
    }
    for (name, contents) in &input.globals {
        if let Some(global) = program.globals.iter().find(|g| g.name == *name) {
            let part = |start, end| Part::GlobalBytes {
                name: name.clone(),
                start,
                end,
            };
            let mut reading = Reading {
                program,
                input,
                contents,
                part: &part,
                shown: &mut shown,
            };
            reading.leaf(&global.ty, name, 0, 0);
        }
    }
    let mut calls: BTreeMap<&str, u32> = BTreeMap::new();
    for (number, choice) in input.choices.iter().enumerate() {
        if let (ChoiceKind::Value(InputValue::Int { bits, value }), false) =
            (&choice.kind, choice.function.is_empty())
        {
            let times = calls.entry(&choice.function).or_default();
            *times += 1;
            shown.push(Shown {
                name: match times {
                    1 => format!("{}()", choice.function),
                    _ => format!("{}() #{times}", choice.function),
                },
                value: integer(*value, *bits, true),
                part: Part::Choice(number),
            });
        }
    }
    shown
}

impl Reading<'_> {
    fn show(&mut self, name: &str, value: String, start: u64, end: u64) {
        self.shown.push(Shown {
            name: name.to_owned(),
            value,
            part: (self.part)(start, end),
        });
    }

    fn members(&mut self, pointee: &CType, name: &str) {
        match pointee {
            CType::Record(id) => {
                if let Some(record) = self.program.records.get(id.0 as usize) {
                    self.record(record, &format!("{name}->"), 0, 0);
                }
            }
            CType::Int { bits: 8, .. } => {
                let text: Vec<u8> = (0..64)
                    .map_while(|at| byte_at(self.contents, at).filter(|b| *b != 0))
                    .collect();
                if !text.is_empty() {
                    let shown = format!("\"{}\"", text.escape_ascii());
                    self.show(&format!("{name}[0..]"), shown, 0, text.len() as u64);
                }
            }
            CType::Int { .. } => self.leaf(pointee, &format!("*{name}"), 0, 0),
            _ => {}
        }
    }

    fn record(&mut self, record: &Record, prefix: &str, offset: u64, depth: u32) {
        for field in record.fields.iter().filter(|f| f.bits.is_none()) {
            let name = format!("{prefix}{}", field.name);
            self.leaf(&field.ty, &name, offset + field.offset, depth + 1);
        }
    }

    fn leaf(&mut self, ty: &CType, name: &str, offset: u64, depth: u32) {
        if depth > 6 || self.shown.len() > 200 {
            return;
        }
        let program = self.program;
        match ty {
            CType::Record(id) => {
                if let Some(record) = program.records.get(id.0 as usize) {
                    self.record(record, &format!("{name}."), offset, depth);
                }
            }
            CType::Array {
                element,
                len: vf_ir::ArrayLen::Fixed(n),
            } => {
                let size = element.size(&program.records, program.model).unwrap_or(0);
                for k in 0..(*n).min(16) {
                    if size > 0 {
                        self.leaf(element, &format!("{name}[{k}]"), offset + k * size, depth + 1);
                    }
                }
            }
            CType::Int { bits, signed } => {
                let bytes = u64::from(bits / 8);
                if (0..bytes).any(|k| byte_at(self.contents, offset + k).is_some()) {
                    let value = (0..bytes).rev().fold(0u128, |v, k| {
                        v << 8 | u128::from(byte_at(self.contents, offset + k).unwrap_or(0))
                    });
                    self.show(name, integer(value, *bits, *signed), offset, offset + bytes);
                }
            }
            CType::Pointer { .. } => {
                let mut pointers = self.contents.pointers.iter();
                let pointer = pointers.find(|(at, _)| *at == offset).map(|(_, pointer)| pointer);
                if let Some(text) = pointer.and_then(|pointer| elsewhere(self.input, pointer, name)) {
                    let bytes = u64::from(program.model.pointer_bits() / 8);
                    self.show(name, text, offset, offset + bytes);
                }
            }
            _ => {}
        }
    }
}

/// Where a pointer leads to, if that is not what is named after it.
fn elsewhere(input: &Input, pointer: &InputPointer, name: &str) -> Option<String> {
    let (there, offset) = match pointer {
        InputPointer::Null | InputPointer::Address(_) => return None,
        InputPointer::Function { name } => (name.clone(), 0),
        InputPointer::Global { name, offset } => (format!("&{name}"), *offset),
        InputPointer::Object { index, offset } => {
            let object = input.objects.get(*index)?.name.as_str();
            let plain = object.strip_prefix('*').unwrap_or(object);
            if plain == name {
                return None;
            }
            (plain.to_owned(), *offset)
        }
    };
    Some(match (offset, offset.unsigned_abs()) {
        (0, _) => there,
        (1.., bytes) => format!("{there} + {bytes} bytes"),
        (_, bytes) => format!("{there} - {bytes} bytes"),
    })
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

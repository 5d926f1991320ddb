//! Writing a GGUF file: for models made in tests and by programs, not for conversions of other people's.

use std::io;
use std::path::Path;

use half::{bf16, f16};

use super::{Element, MAGIC, Value};
use crate::cpu::quantise_block;

/// Where tensors begin: at multiples of this.
const ALIGNMENT: usize = 32;

/// A tensor to write.
#[derive(Clone, Debug)]
pub struct Tensor {
    pub name: String,
    /// Rows, then columns; or one size.
    pub shape: Vec<usize>,
    /// Row by row.
    pub values: Vec<f32>,
    /// Rows of [`Element::Q8_0`] have a multiple of 32 columns.
    pub element: Element,
}

/// Writes version 3 of the format. Lists hold values of one kind.
pub fn write(path: &Path, metadata: &[(&str, Value)], tensors: &[Tensor]) -> io::Result<()> {
    let mut header = MAGIC.to_vec();
    header.extend(3u32.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in metadata {
        text(&mut header, key);
        header.extend(kind(value).to_le_bytes());
        put(&mut header, value);
    }
    let mut data = Vec::new();
    for tensor in tensors {
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0u8);
        text(&mut header, &tensor.name);
        header.extend((tensor.shape.len() as u32).to_le_bytes());
        for size in tensor.shape.iter().rev() {
            header.extend((*size as u64).to_le_bytes());
        }
        header.extend(tensor.element.number().to_le_bytes());
        header.extend((data.len() as u64).to_le_bytes());
        let values = &tensor.values;
        match tensor.element {
            Element::F32 => data.extend(values.iter().flat_map(|v| v.to_le_bytes())),
            Element::F16 => data.extend(values.iter().flat_map(|v| f16::from_f32(*v).to_le_bytes())),
            Element::Bf16 => data.extend(values.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes())),
            Element::Q8_0 => data.extend(values.chunks(32).flat_map(quantise_block)),
            Element::Other(number) => {
                let message = format!("tensors of type {number} are not written");
                return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
            }
        }
    }
    header.resize(header.len().next_multiple_of(ALIGNMENT), 0);
    header.extend(data);
    std::fs::write(path, header)
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

/// The number of the type that a value is written as.
fn kind(value: &Value) -> u32 {
    match value {
        Value::Unsigned(n) if u32::try_from(*n).is_ok() => 4,
        Value::Unsigned(_) => 10,
        Value::Signed(n) if i32::try_from(*n).is_ok() => 5,
        Value::Signed(_) => 11,
        Value::Float(_) => 6,
        Value::Flag(_) => 7,
        Value::Text(_) => 8,
        Value::List(_) => 9,
    }
}

fn put(out: &mut Vec<u8>, value: &Value) {
    match (value, kind(value)) {
        (Value::Unsigned(n), 4) => out.extend((*n as u32).to_le_bytes()),
        (Value::Unsigned(n), _) => out.extend(n.to_le_bytes()),
        (Value::Signed(n), 5) => out.extend((*n as i32).to_le_bytes()),
        (Value::Signed(n), _) => out.extend(n.to_le_bytes()),
        (Value::Float(v), _) => out.extend((*v as f32).to_le_bytes()),
        (Value::Flag(v), _) => out.push(u8::from(*v)),
        (Value::Text(t), _) => text(out, t),
        (Value::List(list), _) => {
            out.extend(list.first().map_or(4, kind).to_le_bytes());
            out.extend((list.len() as u64).to_le_bytes());
            list.iter().for_each(|value| put(out, value));
        }
    }
}

//! Values of integer, floating, character and string literals (C11 6.4.4, 6.4.5).

use lang_c::ast;
use vf_ir::DataModel;

use super::types::IntType;
use crate::preprocess::Target;

/// Value and type of an integer literal (C11 6.4.4.1p5); `None` if it fits no type.
pub(crate) fn integer(i: &ast::Integer, model: DataModel) -> Option<(u128, IntType)> {
    if i.suffix.imaginary {
        return None;
    }
    let digits: String = i.number.chars().filter(|c| *c != '\'').collect();
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match i.base {
        ast::IntegerBase::Decimal => (10, lower.as_str()),
        ast::IntegerBase::Octal => (8, lower.as_str()),
        ast::IntegerBase::Hexadecimal => (16, lower.strip_prefix("0x").unwrap_or(&lower)),
        ast::IntegerBase::Binary => (2, lower.strip_prefix("0b").unwrap_or(&lower)),
    };
    let value = if digits.is_empty() {
        0
    } else {
        u128::from_str_radix(digits, radix).ok()?
    };
    let long = IntType::long(model, true);
    let ulong = IntType::long(model, false);
    let all = [
        IntType::INT,
        IntType::UINT,
        long,
        ulong,
        IntType::LLONG,
        IntType::ULLONG,
    ];
    let first = match i.suffix.size {
        ast::IntegerSize::Int => 0,
        ast::IntegerSize::Long => 2,
        ast::IntegerSize::LongLong => 4,
    };
    let decimal = radix == 10;
    let signed_value = i128::try_from(value).ok()?;
    let ty = all
        .into_iter()
        .skip(first)
        .filter(|t| {
            if i.suffix.unsigned {
                !t.signed
            } else {
                t.signed || !decimal
            }
        })
        .find(|t| t.fits(signed_value))
        // GCC takes a decimal literal beyond `long long` as `__int128`.
        .or_else(|| (!i.suffix.unsigned && IntType::INT128.fits(signed_value)).then_some(IntType::INT128))?;
    Some((value, ty))
}

/// Value of a floating literal, as nearly as a double holds it.
pub(crate) fn float(f: &ast::Float) -> Option<(f64, u32)> {
    if f.suffix.imaginary {
        return None;
    }
    let bits = match &f.suffix.format {
        ast::FloatFormat::Float => 32,
        ast::FloatFormat::Double => 64,
        ast::FloatFormat::LongDouble => 128,
        ast::FloatFormat::TS18661Format(t) => t.width as u32,
    };
    let value = match f.base {
        ast::FloatBase::Decimal => f.number.parse::<f64>().ok()?,
        ast::FloatBase::Hexadecimal => hexadecimal_float(&f.number)?,
    };
    Some((value, bits))
}

fn hexadecimal_float(text: &str) -> Option<f64> {
    let text = text.to_ascii_lowercase();
    let text = text.strip_prefix("0x").unwrap_or(&text);
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut value = 0f64;
    for c in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(c.to_digit(16)?);
    }
    let exponent: i32 = exponent.parse().ok()?;
    let shift = exponent.checked_sub(4 * i32::try_from(fraction.len()).ok()?)?;
    Some(value * 2f64.powi(shift))
}

/// Width of the characters of a literal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CharKind {
    Plain,
    /// `L`: `wchar_t`, `int` on Linux.
    Wide,
    /// `u`
    Sixteen,
    /// `U`
    ThirtyTwo,
}

impl CharKind {
    /// The element type of a string of this kind.
    pub fn element(self, target: Target) -> IntType {
        match self {
            CharKind::Plain => IntType {
                signed: !target.char_unsigned,
                ..IntType::CHAR
            },
            CharKind::Wide if target.wchar_bits == 16 => IntType::USHORT,
            CharKind::Wide => IntType::INT,
            CharKind::Sixteen => IntType::USHORT,
            CharKind::ThirtyTwo => IntType::UINT,
        }
    }

    fn of_prefix(prefix: &str) -> Option<CharKind> {
        match prefix {
            "" | "u8" => Some(CharKind::Plain),
            "L" => Some(CharKind::Wide),
            "u" => Some(CharKind::Sixteen),
            "U" => Some(CharKind::ThirtyTwo),
            _ => None,
        }
    }
}

/// Value and type of a character constant, quotes included. GCC packs several characters into an `int`,
/// the last one lowest.
pub(crate) fn character(text: &str, target: Target) -> Option<(i128, IntType)> {
    let text = text.trim();
    let quote = text.find('\'')?;
    let kind = CharKind::of_prefix(text.get(..quote)?)?;
    let body = text.get(quote + 1..)?.strip_suffix('\'')?;
    let units = units(body, kind)?;
    if kind != CharKind::Plain {
        let value = i128::from(*units.last()?);
        return Some((kind.element(target).wrap(value), kind.element(target)));
    }
    match units.as_slice() {
        [] => None,
        [one] => Some((
            CharKind::Plain.element(target).wrap(i128::from(*one)),
            IntType::INT,
        )),
        many => {
            let value = many
                .iter()
                .fold(0i128, |acc, u| (acc << 8 | i128::from(u & 0xff)) & 0xffff_ffff);
            Some((IntType::INT.wrap(value), IntType::INT))
        }
    }
}

/// A string literal: character kind and code units without the terminating zero.
#[derive(Clone, Debug)]
pub(crate) struct StringValue {
    pub kind: CharKind,
    pub units: Vec<u32>,
}

impl StringValue {
    /// Bytes in memory, with the terminating zero.
    pub fn bytes(&self, target: Target) -> Vec<u8> {
        let width = (self.kind.element(target).bits / 8) as usize;
        let mut bytes = Vec::with_capacity((self.units.len() + 1) * width);
        for unit in self.units.iter().chain(std::iter::once(&0)) {
            bytes.extend(unit.to_le_bytes().iter().take(width));
        }
        bytes
    }
}

/// Adjacent string literals in a text, joined (C11 6.4.5p5).
pub(crate) fn string(text: &str) -> Option<StringValue> {
    let mut pieces: Vec<(CharKind, &str)> = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let quote = rest.find('"')?;
        let kind = CharKind::of_prefix(rest.get(..quote)?.trim())?;
        let body = rest.get(quote + 1..)?;
        let mut escaped = false;
        let end = body.find(|c: char| {
            let closing = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            closing
        })?;
        pieces.push((kind, body.get(..end)?));
        rest = body.get(end + 1..)?.trim_start();
    }
    let kind = pieces
        .iter()
        .map(|p| p.0)
        .find(|k| *k != CharKind::Plain)
        .unwrap_or(CharKind::Plain);
    let mut all = Vec::new();
    for (_, body) in pieces {
        all.extend(units(body, kind)?);
    }
    Some(StringValue { kind, units: all })
}

/// Code units of a literal's body.
fn units(body: &str, kind: CharKind) -> Option<Vec<u32>> {
    let mut out = Vec::with_capacity(body.len());
    let mut chars = body.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            push_character(&mut out, c, kind);
            continue;
        }
        let code = match chars.next()? {
            'n' => 10,
            't' => 9,
            'r' => 13,
            'a' => 7,
            'b' => 8,
            'f' => 12,
            'v' => 11,
            'e' | 'E' => 27,
            c @ ('\'' | '"' | '?' | '\\') => c as u32,
            // A line splice inside a literal.
            '\n' => continue,
            'x' => {
                let mut value: u32 = 0;
                while let Some(d) = chars.peek().and_then(|c| c.to_digit(16)) {
                    value = value.wrapping_shl(4) | d;
                    chars.next();
                }
                value
            }
            c @ ('u' | 'U') => {
                let mut value: u32 = 0;
                for _ in 0..if c == 'u' { 4 } else { 8 } {
                    value = value.wrapping_shl(4) | chars.next()?.to_digit(16)?;
                }
                push_character(&mut out, char::from_u32(value)?, kind);
                continue;
            }
            c if c.is_digit(8) => {
                let mut value = c.to_digit(8)?;
                for _ in 0..2 {
                    let Some(d) = chars.peek().and_then(|c| c.to_digit(8)) else {
                        break;
                    };
                    value = value << 3 | d;
                    chars.next();
                }
                value
            }
            c => c as u32,
        };
        out.push(match kind {
            CharKind::Plain => code & 0xff,
            CharKind::Sixteen => code & 0xffff,
            CharKind::Wide | CharKind::ThirtyTwo => code,
        });
    }
    Some(out)
}

/// A source character in the execution character set: UTF-8 for plain strings, UTF-16 and UTF-32.
fn push_character(out: &mut Vec<u32>, c: char, kind: CharKind) {
    match kind {
        CharKind::Plain => {
            let mut buffer = [0; 4];
            out.extend(c.encode_utf8(&mut buffer).bytes().map(u32::from));
        }
        CharKind::Sixteen => {
            let mut buffer = [0; 2];
            out.extend(c.encode_utf16(&mut buffer).iter().map(|u| u32::from(*u)));
        }
        CharKind::Wide | CharKind::ThirtyTwo => out.push(c as u32),
    }
}

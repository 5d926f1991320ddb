//! Text of the `printf` family, for directives that C11 7.21.6.1 and the kernel's `lib/vsprintf.c` read alike.

use super::memory::Pointer;
use super::value::{Value, mask, signed};

/// Longest text.
const MOST: usize = 1 << 16;

#[derive(Default)]
struct Directive {
    left: bool,
    plus: bool,
    space: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
}

/// The whole text; `None` for a directive or an argument that is not known here. `long`: bits of a `long`. `string` reads the
/// characters of a string.
pub(super) fn formatted(
    format: &[u8],
    values: &[Value],
    long: u32,
    string: &dyn Fn(Pointer) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut values = values.iter();
    let mut rest = format.iter().copied().peekable();
    while let Some(c) = rest.next() {
        if c != b'%' {
            text.push(c);
            continue;
        }
        let mut d = Directive::default();
        while let Some(flag) = rest.next_if(|c| b"-+ #0".contains(c)) {
            match flag {
                b'-' => d.left = true,
                b'+' => d.plus = true,
                b' ' => d.space = true,
                b'#' => d.alternate = true,
                _ => d.zero = true,
            }
        }
        let width = count_of(&mut rest, &mut values)?;
        d.left |= width < 0;
        d.width = usize::try_from(width.unsigned_abs())
            .ok()
            .filter(|w| *w <= MOST)?;
        if rest.next_if_eq(&b'.').is_some() {
            // A negative precision counts as none.
            d.precision = usize::try_from(count_of(&mut rest, &mut values)?).ok();
            if d.precision.is_some_and(|p| p > MOST) {
                return None;
            }
        }
        let mut modifiers = Vec::new();
        while let Some(modifier) = rest.next_if(|c| b"hlLqjzt".contains(c)) {
            modifiers.push(modifier);
        }
        let bits = match modifiers.as_slice() {
            [] => 32,
            b"h" => 16,
            b"hh" => 8,
            b"l" | b"z" | b"t" => long,
            b"ll" | b"j" | b"q" | b"L" => 64,
            _ => return None,
        };
        let plain = modifiers.is_empty();
        let conversion = rest.next()?;
        if conversion == b'%' {
            text.push(b'%');
            continue;
        }
        let value = values.next()?;
        let (prefix, body) = match (conversion, value) {
            (b'd' | b'i', Value::Int { value, .. }) => d.signed(signed(bits, value & mask(bits))),
            (b'u' | b'x' | b'X' | b'o', Value::Int { value, .. }) => {
                d.unsigned(conversion, value & mask(bits))
            }
            (b'c', Value::Int { value, .. }) if plain => (Vec::new(), vec![*value as u8]),
            (b's', Value::Pointer(pointer)) if plain => {
                let mut body = string(*pointer)?;
                body.truncate(d.precision.unwrap_or(usize::MAX));
                (Vec::new(), body)
            }
            _ => return None,
        };
        let number = b"diuxXo".contains(&conversion);
        d.put(&mut text, &prefix, &body, number);
        if text.len() > MOST {
            return None;
        }
    }
    Some(text)
}

/// A width or precision: digits, or an argument for `*`.
fn count_of(
    rest: &mut std::iter::Peekable<impl Iterator<Item = u8>>,
    values: &mut std::slice::Iter<'_, Value>,
) -> Option<i128> {
    if rest.next_if_eq(&b'*').is_some() {
        return match values.next()? {
            Value::Int { bits, value } => Some(signed(*bits, *value)),
            Value::Pointer(_) | Value::Float { .. } => None,
        };
    }
    let mut count = 0i128;
    while let Some(digit) = rest.next_if(u8::is_ascii_digit) {
        count = count.saturating_mul(10).saturating_add(i128::from(digit - b'0'));
    }
    Some(count)
}

impl Directive {
    /// Digits to the precision; none for a zero of precision zero (C11 7.21.6.1p8).
    fn digits(&self, digits: String) -> Vec<u8> {
        let precision = self.precision.unwrap_or(1);
        if precision == 0 && digits == "0" {
            return Vec::new();
        }
        let mut padded = vec![b'0'; precision.saturating_sub(digits.len())];
        padded.extend(digits.bytes());
        padded
    }

    fn signed(&self, value: i128) -> (Vec<u8>, Vec<u8>) {
        let sign = match value {
            i128::MIN..0 => "-",
            _ if self.plus => "+",
            _ if self.space => " ",
            _ => "",
        };
        (sign.into(), self.digits(value.unsigned_abs().to_string()))
    }

    fn unsigned(&self, conversion: u8, value: u128) -> (Vec<u8>, Vec<u8>) {
        let digits = match conversion {
            b'x' => format!("{value:x}"),
            b'X' => format!("{value:X}"),
            b'o' => format!("{value:o}"),
            _ => value.to_string(),
        };
        let mut body = self.digits(digits);
        let prefix: &[u8] = match conversion {
            b'x' if self.alternate && value != 0 => b"0x",
            b'X' if self.alternate && value != 0 => b"0X",
            _ => b"",
        };
        if conversion == b'o' && self.alternate && body.first() != Some(&b'0') {
            body.insert(0, b'0');
        }
        (prefix.to_vec(), body)
    }

    fn put(&self, text: &mut Vec<u8>, prefix: &[u8], body: &[u8], number: bool) {
        let missing = self.width.saturating_sub(prefix.len().saturating_add(body.len()));
        let zeros = self.zero && !self.left && number && self.precision.is_none();
        if !self.left && !zeros {
            text.resize(text.len().saturating_add(missing), b' ');
        }
        text.extend(prefix);
        if zeros {
            text.resize(text.len().saturating_add(missing), b'0');
        }
        text.extend(body);
        if self.left {
            text.resize(text.len().saturating_add(missing), b' ');
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::CString;

    use super::*;

    /// The C library's own answer for a number.
    #[allow(unsafe_code)]
    fn libc_says(format: &str, value: i64) -> String {
        let format = CString::new(format).expect("no NUL");
        let mut buffer = [0u8; 256];
        // SAFETY: the buffer is as large as is said, and each format here takes one argument of 64 bits.
        let length =
            unsafe { libc::snprintf(buffer.as_mut_ptr().cast(), buffer.len(), format.as_ptr(), value) };
        String::from_utf8_lossy(&buffer[..usize::try_from(length).expect("no error")]).into_owned()
    }

    #[test]
    fn numbers_as_the_c_library_prints_them() {
        for flags in ["", "-", "+", " ", "#", "0", "+0", "-#", "#0", " -"] {
            for size in ["", "1", "9", "24", ".0", ".5", "12.5", "3.7"] {
                for conversion in ["lld", "llu", "llx", "llX", "llo", "ld", "lx"] {
                    let format = format!("<%{flags}{size}{conversion}>");
                    for value in [0i64, 1, -1, 8, 255, 123_456_789, i64::MIN, i64::MAX] {
                        let given = [Value::int(64, value as u128)];
                        let found = formatted(format.as_bytes(), &given, 64, &|_| None).expect("known");
                        let found = String::from_utf8_lossy(&found).into_owned();
                        assert_eq!(found, libc_says(&format, value), "{format} of {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_known_is_no_text() {
        for format in ["%f", "%p", "%n", "%s", "%d%d", "%", "%ls"] {
            let given = [Value::int(32, 5)];
            assert_eq!(
                formatted(format.as_bytes(), &given, 64, &|_| None),
                None,
                "{format}"
            );
        }
    }
}

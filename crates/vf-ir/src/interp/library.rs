//! What functions of the C library and the kernel compute, where a run is to be one of the machine's.
//!
//! Their models (`smt/contracts`) say what a caller may rely on, and leave the rest open: `strcmp` returns some number. Where two
//! runs are compared, some number is not enough. These functions are computed here, in the "C" locale, wherever everything that
//! they read is there and written. Where it is not, their model is executed, which says what is wrong.

use super::machine::{Machine, Stop};
use super::memory::Pointer;
use super::value::{Value, signed};
use crate::program::Function;

/// Longest string, or run of bytes, that is looked at.
const MOST: u64 = 1 << 16;

const EINVAL: i64 = 22;
const ERANGE: i64 = 34;

/// A number that a text spells.
struct Spelled {
    negative: bool,
    /// `None`: above 64 bits.
    magnitude: Option<u64>,
    /// Characters up to its end; 0 where there is no number.
    end: usize,
}

impl Machine<'_> {
    /// The result of a call, its stores done; `None` where the model is to be executed.
    pub(super) fn computed(&mut self, function: &Function, values: &[Value]) -> Result<Option<Value>, Stop> {
        let name = function.c_name();
        let result = match name {
            "strcmp" | "strcoll" | "strcasecmp" => self.compared(values, None, name == "strcasecmp"),
            "strncmp" | "strncasecmp" => {
                let Some(count) = self.number(values, 2) else {
                    return Ok(None);
                };
                self.compared(values, Some(count), name == "strncasecmp")
            }
            "memcmp" | "bcmp" => self.compared_bytes(values),
            "sysfs_streq" => self.same_line(values),
            "strchr" | "strrchr" | "strchrnul" => self.found_character(name, values),
            "strstr" => self.found_text(values),
            "strpbrk" | "strspn" | "strcspn" => self.span(name, values),
            "memchr" => self.found_byte(values),
            "skip_spaces" => self.skipped(values),
            "kstrtobool" => return self.truth(values),
            "atoi" | "atol" | "atoll" => self.plain_number(name, values),
            "strtol" | "strtoll" | "strtoul" | "strtoull" | "simple_strtol" | "simple_strtoul" => {
                return self.strto(name, values);
            }
            _ => match kstrto(name) {
                Some((bits, is_signed)) => return self.kstrto(bits, is_signed, values),
                None => self.character(name, values),
            },
        };
        Ok(result.map(|value| function.ret.scalar().map_or(value, |ty| self.coerce(value, ty))))
    }

    fn pointer_argument(&self, values: &[Value], at: usize) -> Option<Pointer> {
        match values.get(at)? {
            Value::Pointer(pointer) => Some(*pointer),
            Value::Int { .. } | Value::Float { .. } => None,
        }
    }

    fn number(&self, values: &[Value], at: usize) -> Option<u64> {
        match values.get(at)? {
            Value::Int { value, .. } => u64::try_from(*value).ok(),
            Value::Pointer(_) | Value::Float { .. } => None,
        }
    }

    /// The characters of a string, without its NUL.
    pub(super) fn string_at(&self, pointer: Pointer) -> Option<Vec<u8>> {
        let length = self.terminator_of(pointer, 1, true).filter(|l| *l <= MOST)?;
        self.written(pointer, length)
    }

    fn string(&self, values: &[Value], at: usize) -> Option<Vec<u8>> {
        self.string_at(self.pointer_argument(values, at)?)
    }

    /// So many bytes, all of them there and written.
    fn written(&self, pointer: Pointer, size: u64) -> Option<Vec<u8>> {
        let there =
            size <= MOST && self.memory.is_inside(pointer, size) && self.memory.is_initialized(pointer, size);
        there.then(|| self.memory.read(pointer, size).iter().map(|(b, _)| *b).collect())
    }

    /// What a bounded comparison reads: up to the NUL or the count.
    fn bounded(&self, pointer: Pointer, count: u64) -> Option<Vec<u8>> {
        match self.terminator_of(pointer, 1, true) {
            Some(length) if length < count => self.string_at(pointer),
            _ => self.written(pointer, count),
        }
    }

    fn compared(&self, values: &[Value], count: Option<u64>, ignoring_case: bool) -> Option<Value> {
        let text = |at: usize| match count {
            Some(count) => self.bounded(self.pointer_argument(values, at)?, count),
            None => self.string(values, at),
        };
        let (mut a, mut b) = (text(0)?, text(1)?);
        if ignoring_case {
            a.make_ascii_lowercase();
            b.make_ascii_lowercase();
        }
        Some(ordering(&a, &b))
    }

    fn compared_bytes(&self, values: &[Value]) -> Option<Value> {
        let count = self.number(values, 2)?;
        let bytes = |at: usize| self.written(self.pointer_argument(values, at)?, count);
        Some(ordering(&bytes(0)?, &bytes(1)?))
    }

    /// Equal but for one newline at the end (`lib/string_helpers.c`).
    fn same_line(&self, values: &[Value]) -> Option<Value> {
        let (a, b) = (self.string(values, 0)?, self.string(values, 1)?);
        fn line(text: &[u8]) -> &[u8] {
            text.strip_suffix(b"\n").unwrap_or(text)
        }
        Some(Value::bool(line(&a) == line(&b)))
    }

    fn place(&self, base: Pointer, at: usize) -> Value {
        Value::Pointer(Pointer {
            offset: self.memory.wrap(base.offset.wrapping_add(at as u64)),
            ..base
        })
    }

    fn found_character(&self, name: &str, values: &[Value]) -> Option<Value> {
        let (base, wanted) = (self.pointer_argument(values, 0)?, self.number(values, 1)? as u8);
        let text = self.string_at(base)?;
        let found = match name {
            _ if wanted == 0 => Some(text.len()),
            "strrchr" => text.iter().rposition(|c| *c == wanted),
            _ => text.iter().position(|c| *c == wanted),
        };
        Some(match found {
            Some(at) => self.place(base, at),
            None if name == "strchrnul" => self.place(base, text.len()),
            None => Value::Pointer(Pointer::NULL),
        })
    }

    fn found_text(&self, values: &[Value]) -> Option<Value> {
        let base = self.pointer_argument(values, 0)?;
        let (text, wanted) = (self.string_at(base)?, self.string(values, 1)?);
        if wanted.is_empty() {
            return Some(Value::Pointer(base));
        }
        let found = text.windows(wanted.len()).position(|part| part == wanted);
        Some(found.map_or(Value::Pointer(Pointer::NULL), |at| self.place(base, at)))
    }

    fn span(&self, name: &str, values: &[Value]) -> Option<Value> {
        let base = self.pointer_argument(values, 0)?;
        let (text, set) = (self.string_at(base)?, self.string(values, 1)?);
        let end = text.iter().position(|c| set.contains(c) != (name == "strspn"));
        Some(match (name, end) {
            ("strpbrk", Some(at)) => self.place(base, at),
            ("strpbrk", None) => Value::Pointer(Pointer::NULL),
            (_, end) => Value::int(self.pointer_bits(), end.unwrap_or(text.len()) as u128),
        })
    }

    fn found_byte(&self, values: &[Value]) -> Option<Value> {
        let base = self.pointer_argument(values, 0)?;
        let (wanted, count) = (self.number(values, 1)? as u8, self.number(values, 2)?);
        let found = self.written(base, count)?.iter().position(|b| *b == wanted);
        Some(found.map_or(Value::Pointer(Pointer::NULL), |at| self.place(base, at)))
    }

    fn skipped(&self, values: &[Value]) -> Option<Value> {
        let base = self.pointer_argument(values, 0)?;
        let spaces = self.string_at(base)?.iter().take_while(|c| is_space(**c)).count();
        Some(self.place(base, spaces))
    }

    /// `lib/kstrtox.c`: yes, no, on, off, true, false, by their first letters.
    fn truth(&mut self, values: &[Value]) -> Result<Option<Value>, Stop> {
        let (Some(text), Some(result)) = (self.string(values, 0), self.pointer_argument(values, 1)) else {
            return Ok(None);
        };
        let lower = text.to_ascii_lowercase();
        let truth = match lower.as_slice() {
            [b'y' | b't' | b'1', ..] | [b'o', b'n', ..] => true,
            [b'n' | b'f' | b'0', ..] | [b'o', b'f', ..] => false,
            _ => return Ok(Some(error(EINVAL))),
        };
        if !self.memory.is_inside(result, 1) {
            return Ok(None);
        }
        self.memory.write(result, &[(u8::from(truth), true)])?;
        Ok(Some(Value::int(32, 0)))
    }

    /// `lib/kstrtox.c`: the whole text is a number, with at most a newline behind it.
    fn kstrto(&mut self, bits: u32, is_signed: bool, values: &[Value]) -> Result<Option<Value>, Stop> {
        let (Some(text), Some(base)) = (self.string(values, 0), self.number(values, 1)) else {
            return Ok(None);
        };
        let Some(result) = self.pointer_argument(values, 2) else {
            return Ok(None);
        };
        let base = base as u32;
        let bytes = u64::from(bits / 8);
        if !self.memory.is_inside(result, bytes) || base == 1 || base > 16 {
            return Ok(None);
        }
        let (sign, digits) = match text.split_first() {
            Some((b'-', rest)) if is_signed => (true, rest),
            Some((b'+', rest)) => (false, rest),
            _ => (false, text.as_slice()),
        };
        let (magnitude, end) = digits_of(digits, base);
        let rest = digits.get(end..).unwrap_or_default();
        // That it is too large is said first.
        let Some(magnitude) = magnitude else {
            return Ok(Some(error(ERANGE)));
        };
        if end == 0 || !(rest.is_empty() || rest == b"\n") {
            return Ok(Some(error(EINVAL)));
        }
        let value = if sign {
            -i128::from(magnitude)
        } else {
            i128::from(magnitude)
        };
        let fits = match is_signed {
            true => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&value),
            false => value < 1i128 << bits,
        };
        if !fits {
            return Ok(Some(error(ERANGE)));
        }
        let stored = value.to_le_bytes();
        let stored: Vec<(u8, bool)> = stored.iter().take(bytes as usize).map(|b| (*b, true)).collect();
        self.memory.write(result, &stored)?;
        Ok(Some(Value::int(32, 0)))
    }

    /// `strtol` and kin. What does not fit sets `errno` and is left to the model.
    fn strto(&mut self, name: &str, values: &[Value]) -> Result<Option<Value>, Stop> {
        let (Some(start), Some(end), Some(base)) = (
            self.pointer_argument(values, 0),
            self.pointer_argument(values, 1),
            self.number(values, 2),
        ) else {
            return Ok(None);
        };
        let base = base as u32;
        if base == 1 || base > 36 {
            return Ok(None);
        }
        let Some(text) = self.string_at(start) else {
            return Ok(None);
        };
        let is_unsigned = name.contains("strtou");
        let spelled = match name {
            "simple_strtoul" => without_sign(&text, base),
            "simple_strtol" => match text.split_first() {
                Some((b'-', rest)) => {
                    let mut spelled = without_sign(rest, base);
                    (spelled.negative, spelled.end) = (true, spelled.end.saturating_add(1));
                    spelled
                }
                _ => without_sign(&text, base),
            },
            _ => spelled(&text, base),
        };
        let bits = match name {
            "strtoll" | "strtoull" => 64,
            _ => self.pointer_bits(),
        };
        let Some(value) = value_of(&spelled, bits, is_unsigned) else {
            return Ok(None);
        };
        if end != Pointer::NULL {
            let width = self.memory.pointer_bytes();
            if !self.memory.is_inside(end, width) {
                return Ok(None);
            }
            let Value::Pointer(place) = self.place(start, spelled.end) else {
                return Ok(None);
            };
            self.memory.write_pointer(end, place)?;
        }
        Ok(Some(Value::int(bits, value)))
    }

    fn plain_number(&self, name: &str, values: &[Value]) -> Option<Value> {
        let bits = match name {
            "atoi" => 32,
            "atol" => self.pointer_bits(),
            _ => 64,
        };
        let spelled = spelled(&self.string(values, 0)?, 10);
        Some(Value::int(bits, value_of(&spelled, bits, false)?))
    }

    /// `<ctype.h>`, for ASCII.
    fn character(&self, name: &str, values: &[Value]) -> Option<Value> {
        let Value::Int { bits, value } = values.first()? else {
            return None;
        };
        let c = u8::try_from(signed(*bits, *value)).ok().filter(u8::is_ascii)?;
        let is = match name {
            "isalnum" => c.is_ascii_alphanumeric(),
            "isalpha" => c.is_ascii_alphabetic(),
            "isblank" => c == b' ' || c == b'\t',
            "iscntrl" => c.is_ascii_control(),
            "isdigit" => c.is_ascii_digit(),
            "isgraph" => c.is_ascii_graphic(),
            "islower" => c.is_ascii_lowercase(),
            "isprint" => c == b' ' || c.is_ascii_graphic(),
            "ispunct" => c.is_ascii_punctuation(),
            "isspace" => is_space(c),
            "isupper" => c.is_ascii_uppercase(),
            "isxdigit" => c.is_ascii_hexdigit(),
            "tolower" => return Some(Value::int(32, u128::from(c.to_ascii_lowercase()))),
            "toupper" => return Some(Value::int(32, u128::from(c.to_ascii_uppercase()))),
            _ => return None,
        };
        Some(Value::int(32, u128::from(is)))
    }
}

/// Width and signedness of what a function of the `kstrto` family stores.
fn kstrto(name: &str) -> Option<(u32, bool)> {
    Some(match name.trim_start_matches('_').strip_prefix("kstrto")? {
        "int" => (32, true),
        "uint" => (32, false),
        "l" | "ll" => (64, true),
        "ul" | "ull" => (64, false),
        "s8" => (8, true),
        "u8" => (8, false),
        "s16" => (16, true),
        "u16" => (16, false),
        _ => return None,
    })
}

fn error(code: i64) -> Value {
    Value::int(32, (-code) as u128)
}

/// The sign of a comparison. Which number the library returns is not said by C11 7.24.4.
fn ordering(a: &[u8], b: &[u8]) -> Value {
    Value::int(32, a.cmp(b) as i128 as u128)
}

fn is_space(c: u8) -> bool {
    matches!(c, b' ' | b'\t'..=b'\r')
}

/// Digits with the prefix that the base allows: the number, and where it ends.
fn digits_of(text: &[u8], base: u32) -> (Option<u64>, usize) {
    let hex = matches!(text, [b'0', b'x' | b'X', digit, ..] if digit.is_ascii_hexdigit());
    let (base, from) = match base {
        0 | 16 if hex => (16, 2),
        0 if text.first() == Some(&b'0') => (8, 0),
        0 => (10, 0),
        base => (base, 0),
    };
    let digits = text.get(from..).unwrap_or_default();
    let values = digits.iter().map_while(|c| char::from(*c).to_digit(base));
    let mut count = 0;
    let mut number = Some(0u64);
    for digit in values {
        count += 1;
        number = number.and_then(|n| n.checked_mul(u64::from(base))?.checked_add(u64::from(digit)));
    }
    match count {
        0 => (Some(0), 0),
        _ => (number, from.saturating_add(count)),
    }
}

fn without_sign(text: &[u8], base: u32) -> Spelled {
    let (magnitude, end) = digits_of(text, base);
    Spelled {
        negative: false,
        magnitude,
        end,
    }
}

/// White space, a sign, digits (C11 7.22.1.4).
fn spelled(text: &[u8], base: u32) -> Spelled {
    let spaces = text.iter().take_while(|c| is_space(**c)).count();
    let rest = text.get(spaces..).unwrap_or_default();
    let (negative, sign) = match rest.first() {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        _ => (false, 0),
    };
    let (magnitude, end) = digits_of(rest.get(sign..).unwrap_or_default(), base);
    let end = match end {
        0 => 0,
        end => spaces.saturating_add(sign).saturating_add(end),
    };
    Spelled {
        negative,
        magnitude,
        end,
    }
}

/// The pattern; `None` where the type does not hold the number.
fn value_of(spelled: &Spelled, bits: u32, is_unsigned: bool) -> Option<u128> {
    let magnitude = i128::from(spelled.magnitude?);
    let value = if spelled.negative { -magnitude } else { magnitude };
    let bits = bits.clamp(1, 64);
    let fits = match is_unsigned {
        true => magnitude < 1i128 << bits,
        false => (-(1i128 << (bits - 1))..1i128 << (bits - 1)).contains(&value),
    };
    fits.then_some(value as u128)
}

impl Machine<'_> {
    /// The first bytes of a formatted text, where the format and all that it names are known here.
    pub(super) fn formatted(
        &mut self,
        of: &[crate::program::Expr],
        size: u64,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let Some((format, arguments)) = of.split_first() else {
            return Ok(None);
        };
        let format = self.eval_pointer(format)?;
        let mut values = Vec::with_capacity(arguments.len());
        for argument in arguments {
            values.push(self.eval(argument)?);
        }
        let Some(format) = self.string_at(format) else {
            return Ok(None);
        };
        let long = self.pointer_bits();
        let text = super::text::formatted(&format, &values, long, &|pointer| self.string_at(pointer));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        Ok(text.and_then(|text| text.get(..size).map(<[u8]>::to_vec)))
    }

    /// Writes bytes that are known.
    pub(super) fn write_known(&mut self, to: Pointer, bytes: &[u8]) -> Result<(), Stop> {
        self.spend(bytes.len() as u64)?;
        let bytes: Vec<(u8, bool)> = bytes.iter().map(|b| (*b, true)).collect();
        Ok(self.memory.write(to, &bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_c_reads_them() {
        /// A text and the base it is read in; the sign, the number, and where it ends.
        type Case<'a> = (&'a [u8], u32, bool, Option<u64>, usize);
        let cases: [Case<'_>; 9] = [
            (b"42", 10, false, Some(42), 2),
            (b"  -7x", 10, true, Some(7), 4),
            (b"0x1f", 0, false, Some(31), 4),
            (b"0x", 16, false, Some(0), 1),
            (b"017", 0, false, Some(15), 3),
            (b"+9", 10, false, Some(9), 2),
            (b"abc", 10, false, Some(0), 0),
            (b"99999999999999999999", 10, false, None, 20),
            (b"", 10, false, Some(0), 0),
        ];
        for (text, base, negative, magnitude, end) in cases {
            let found = spelled(text, base);
            assert_eq!(
                (found.negative, found.magnitude, found.end),
                (negative, magnitude, end),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_none() {
        let of = |text: &[u8], bits, is_unsigned| value_of(&spelled(text, 10), bits, is_unsigned);
        assert_eq!(of(b"-2147483648", 32, false), Some((-2147483648i128) as u128));
        assert_eq!(of(b"2147483648", 32, false), None);
        assert_eq!(of(b"18446744073709551615", 64, true), Some(u128::from(u64::MAX)));
        assert_eq!(of(b"18446744073709551615", 64, false), None);
    }
}

//! Calls of the `scanf` family (C11 7.21.6.2, 7.29.2.2).
//!
//! What is read is any input. A call becomes, conversion by conversion: whether it comes to this one and it matches (a bit
//! decided outside, and the one before it); the check that its object has room; and if it matches, any bytes in the
//! object. A string without a width has any length, so that no array is large enough. The result is the number of
//! conversions that stored something, or -1 where the input ended before the first.

use vf_ir::{BinaryOp, CompareOp, Condition, Expr, HavocReason, LocalId, Property, Stmt, StmtKind, Ty};

use super::build::{add, and, at, binary, compare, int, min, not, or, resized, select};
use super::directive::{Cursor, Length, NotUnderstood, length_modifier};
use super::length::{Extent, LONGEST_CHARACTER, UNBOUNDED};
use super::{Pass, Write};

/// A function of the family; numbers are positions among its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ScanFamily {
    /// The string that is read, where it is no stream.
    source: Option<usize>,
    format: usize,
    /// Format and source are wide.
    wide: bool,
}

/// The function of this name, glibc's spellings for C99 and C23 included.
pub(super) fn scan_family(name: &str) -> Option<ScanFamily> {
    let plain = name
        .strip_prefix("__isoc99_")
        .or_else(|| name.strip_prefix("__isoc23_"))
        .unwrap_or(name);
    let (source, format, wide) = match plain {
        "scanf" => (None, 0, false),
        "fscanf" => (None, 1, false),
        "sscanf" => (Some(0), 1, false),
        "wscanf" => (None, 0, true),
        "fwscanf" => (None, 1, true),
        "swscanf" => (Some(0), 1, true),
        _ => return None,
    };
    Some(ScanFamily { source, format, wide })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    /// Text that the input must show.
    Literal,
    Conversion(Conversion),
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Conversion {
    /// No `*`: the result is stored.
    assigned: bool,
    /// `m`: into fresh memory.
    allocated: bool,
    width: Option<u64>,
    length: Length,
    /// The conversion character; `[` for a set.
    kind: u8,
}

/// Splits a format (without its terminator) into pieces; white space matches any amount of it, none included.
fn parse(format: &[u8]) -> Result<Vec<Piece>, NotUnderstood> {
    let mut pieces = Vec::new();
    let mut rest = Cursor::new(format);
    while let Some(byte) = rest.next() {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => {}
            b'%' if rest.eat(b'%') => pieces.push(Piece::Literal),
            b'%' => pieces.push(Piece::Conversion(conversion(&mut rest)?)),
            _ => pieces.push(Piece::Literal),
        }
    }
    Ok(pieces)
}

fn conversion(rest: &mut Cursor<'_>) -> Result<Conversion, NotUnderstood> {
    let assigned = !rest.eat(b'*');
    let width = rest.number()?;
    // `%1$d` takes its argument by position; a width of 0 has no meaning.
    if rest.peek() == Some(b'$') || width == Some(0) {
        return Err(NotUnderstood);
    }
    let allocated = rest.eat(b'm');
    let length = length_modifier(rest);
    let kind = rest.next().ok_or(NotUnderstood)?;
    match kind {
        b'[' => {
            rest.eat(b'^');
            // A bracket that comes first is a member of the set.
            rest.eat(b']');
            while rest.next().ok_or(NotUnderstood)? != b']' {}
        }
        b'd' | b'i' | b'o' | b'u' | b'x' | b'X' | b'p' | b'n' | b's' | b'S' | b'c' | b'C' => {}
        b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G' => {}
        _ => return Err(NotUnderstood),
    }
    Ok(Conversion {
        assigned,
        allocated,
        width,
        length,
        kind,
    })
}

/// How far a call has come.
struct Progress {
    /// Everything so far matched.
    going: Expr,
    /// Conversions stored so far.
    count: Expr,
    /// The first conversion matched.
    first: Option<Expr>,
    /// Characters of the source, where it is a string.
    limit: Option<Expr>,
    wide: bool,
}

impl Pass<'_> {
    /// Replaces one call. One whose format is not constant or not understood is left as it is.
    pub(super) fn scan(&mut self, name: &str, family: ScanFamily, statement: Stmt) {
        self.emit.span = statement.span;
        let StmtKind::Call { dst, args, .. } = &statement.kind else {
            self.emit.statements.push(statement);
            return;
        };
        let (dst, args) = (*dst, args.clone());
        let unit = if family.wide { 4 } else { 1 };
        let text = args
            .get(family.format)
            .and_then(|format| self.constant_string(format, unit));
        let pieces = text.as_deref().map(parse);
        let (Some(text), Some(Ok(pieces))) = (&text, pieces) else {
            self.emit.statements.push(statement);
            return;
        };
        let call = format!("{name}({:?})", String::from_utf8_lossy(text));
        let limit = family
            .source
            .and_then(|source| args.get(source))
            .map(|source| self.source_length(&call, source, unit));
        let mut progress = Progress {
            going: Expr::bool(true),
            count: int(32, 0),
            first: None,
            limit,
            wide: family.wide,
        };
        let mut arguments = args.iter().skip(family.format + 1);
        for piece in &pieces {
            match piece {
                Piece::Literal => progress.going = self.may_stop(progress.going),
                Piece::Conversion(c) => {
                    let argument = if c.assigned { arguments.next() } else { None };
                    self.conversion(&call, c, argument, &mut progress);
                }
            }
        }
        self.scan_result(dst, progress);
    }

    /// The source is a string, of so many characters.
    fn source_length(&mut self, call: &str, source: &Expr, unit: u64) -> Expr {
        let text = format!("the source of {call}");
        let ptr = source.clone();
        self.emit
            .check(Property::NotNull, Condition::NotNull { ptr: ptr.clone() }, &text);
        self.emit
            .check(Property::Lifetime, Condition::Live { ptr: ptr.clone() }, &text);
        self.emit
            .check(Property::ValidRead, Condition::Terminated { ptr, unit }, &text);
        self.emit.string_length(source, unit)
    }

    /// A bit decided outside.
    fn bit(&mut self) -> Expr {
        let bit = self.emit.fresh(Ty::Int(1));
        self.emit.push(StmtKind::Havoc {
            dst: bit,
            why: HavocReason::Environment,
        });
        Expr::Local(bit)
    }

    fn may_stop(&mut self, going: Expr) -> Expr {
        let bit = self.bit();
        self.emit.named(and(going, bit), 1)
    }

    fn conversion(&mut self, call: &str, c: &Conversion, argument: Option<&Expr>, progress: &mut Progress) {
        let before = progress.going.clone();
        if c.kind != b'n' {
            progress.going = self.may_stop(before.clone());
            progress.first.get_or_insert_with(|| progress.going.clone());
        }
        if !c.assigned {
            return;
        }
        let what = format!("%{} of {call}", char::from(c.kind));
        match argument.filter(|a| self.type_of(a) == Ty::Ptr) {
            Some(pointer) => self.stored_conversion(&what, c, pointer, &before, progress),
            None => self
                .emit
                .check_never_holds(&format!("{what} has a pointer to store to")),
        }
        if c.kind != b'n' {
            let one = select(progress.going.clone(), int(32, 1), int(32, 0));
            progress.count = self.emit.named(add(32, progress.count.clone(), one), 32);
        }
    }

    fn stored_conversion(
        &mut self,
        what: &str,
        c: &Conversion,
        pointer: &Expr,
        before: &Expr,
        progress: &Progress,
    ) {
        if c.allocated {
            // The address of a fresh string: any pointer here, so that nothing is known of it.
            let bytes = self.model.pointer_bytes();
            self.any_bytes(what, pointer, bytes, &progress.going);
            return;
        }
        match c.kind {
            b's' | b'S' | b'[' => self.scanned_string(what, c, pointer, progress),
            b'c' | b'C' => self.scanned_characters(what, c, pointer, before, progress),
            _ => {
                let bytes = self.stored_bytes(c);
                self.any_bytes(what, pointer, bytes, &progress.going);
            }
        }
    }

    /// Size of the object that a number is stored to.
    fn stored_bytes(&self, c: &Conversion) -> u64 {
        let word = self.model.pointer_bytes();
        match (c.kind, c.length) {
            (b'p', _) => word,
            (b'a' | b'A' | b'e' | b'E' | b'f' | b'F' | b'g' | b'G', length) => match length {
                Length::Long => 8,
                // The x87 format with its padding.
                Length::LongDouble | Length::LongLong if word == 8 => 16,
                Length::LongDouble | Length::LongLong => 12,
                _ => 4,
            },
            (_, Length::Char) => 1,
            (_, Length::Short) => 2,
            (_, Length::None) => 4,
            (_, Length::Long | Length::Size | Length::PtrDiff) => word,
            (_, Length::LongLong | Length::IntMax | Length::LongDouble) => 8,
        }
    }

    /// A value of so many bytes. The object is asked for whether or not the input matches: some input does.
    fn any_bytes(&mut self, what: &str, pointer: &Expr, bytes: u64, going: &Expr) {
        let bits = self.emit.bits();
        let size = int(bits, bytes);
        self.check_write(
            what,
            &Write {
                buffer: pointer.clone(),
                bytes: size.clone(),
            },
        );
        self.emit.push(StmtKind::HavocMemory {
            dst: pointer.clone(),
            size: select(going.clone(), size, int(bits, 0)),
        });
    }

    /// Bytes of a character where a conversion stores it, and how many of them one of the input can become.
    fn character(c: &Conversion, wide: bool) -> (u64, u64) {
        let stored_wide = c.length == Length::Long || matches!(c.kind, b'S' | b'C');
        match (stored_wide, wide) {
            (true, _) => (4, 1),
            (false, false) => (1, 1),
            (false, true) => (1, LONGEST_CHARACTER),
        }
    }

    /// `%s`, `%[`: at least one character, at most the width and what the source has, and a terminator.
    fn scanned_string(&mut self, what: &str, c: &Conversion, pointer: &Expr, progress: &Progress) {
        let bits = self.emit.bits();
        let (unit, most) = Self::character(c, progress.wide);
        let width = c.width.unwrap_or(UNBOUNDED).min(UNBOUNDED);
        let going = &progress.going;
        let length = self
            .emit
            .any_between(0, width * most, HavocReason::Environment)
            .bytes;
        let some = compare(CompareOp::ULessEqual, int(bits, 1), length.clone());
        self.emit.push(StmtKind::Assume(or(not(going.clone()), some)));
        if let Some(limit) = &progress.limit {
            let limit = min(limit.clone(), int(bits, UNBOUNDED));
            let limit = binary(BinaryOp::Mul, limit, int(bits, most));
            self.emit.push(StmtKind::Assume(compare(
                CompareOp::ULessEqual,
                length.clone(),
                limit,
            )));
        }
        let text = scaled(bits, length, unit);
        let text = self.emit.named(text, bits);
        let zero = || int(bits, 0);
        let all = select(going.clone(), add(bits, text.clone(), int(bits, unit)), zero());
        let bytes = self.emit.named(all, bits);
        let buffer = pointer.clone();
        self.check_write(what, &Write { buffer, bytes });
        self.emit.push(StmtKind::HavocMemory {
            dst: pointer.clone(),
            size: select(going.clone(), text.clone(), zero()),
        });
        self.emit.push(StmtKind::Fill {
            dst: at(pointer.clone(), text),
            unit: Expr::int(unit as u32 * 8, 0),
            size: select(going.clone(), int(bits, unit), zero()),
        });
    }

    /// `%c`: as many characters as the width says, without a terminator. Where the input ends among them, some of
    /// them are stored.
    fn scanned_characters(
        &mut self,
        what: &str,
        c: &Conversion,
        pointer: &Expr,
        before: &Expr,
        progress: &Progress,
    ) {
        let bits = self.emit.bits();
        let (unit, most) = Self::character(c, progress.wide);
        let characters = c.width.unwrap_or(1).min(UNBOUNDED);
        let written = self
            .emit
            .any_between(characters, characters * most, HavocReason::Environment);
        let all = scaled(bits, written.bytes, unit);
        let all = self.emit.named(all, bits);
        let buffer = pointer.clone();
        let bytes = all.clone();
        self.check_write(what, &Write { buffer, bytes });
        let size = if characters == 1 && most == 1 {
            select(progress.going.clone(), all, int(bits, 0))
        } else {
            let Extent { bytes: part, .. } =
                self.emit
                    .any_between(0, characters * most, HavocReason::Environment);
            let part = min(scaled(bits, part, unit), all.clone());
            let part = select(before.clone(), part, int(bits, 0));
            select(progress.going.clone(), all, part)
        };
        let size = self.emit.named(size, bits);
        self.emit.push(StmtKind::HavocMemory {
            dst: pointer.clone(),
            size,
        });
    }

    /// The number of conversions stored; -1 where the input may have ended before the first.
    fn scan_result(&mut self, dst: Option<LocalId>, progress: Progress) {
        let Some(dst) = dst else { return };
        let Some(width) = self.register_bits(dst) else {
            self.emit.push(StmtKind::Havoc {
                dst,
                why: HavocReason::Environment,
            });
            return;
        };
        let ended = self.bit();
        let ended = match progress.first {
            Some(first) => and(not(first), ended),
            None => ended,
        };
        let value = select(ended, Expr::int(32, -1), progress.count);
        self.emit.push(StmtKind::Assign {
            dst,
            value: resized(value, 32, width, true),
        });
    }
}

fn scaled(bits: u32, characters: Expr, unit: u64) -> Expr {
    if unit == 1 {
        characters
    } else {
        binary(BinaryOp::Mul, characters, int(bits, unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversions(format: &str) -> Vec<(bool, Option<u64>, u8)> {
        let pieces = parse(format.as_bytes()).expect("understood");
        let each = pieces.into_iter().filter_map(|p| match p {
            Piece::Conversion(c) => Some((c.assigned, c.width, c.kind)),
            Piece::Literal => None,
        });
        each.collect()
    }

    #[test]
    fn formats_are_split() {
        assert_eq!(
            conversions("%d, %*d %10s%%%hhx"),
            [
                (true, None, b'd'),
                (false, None, b'd'),
                (true, Some(10), b's'),
                (true, None, b'x')
            ]
        );
        assert_eq!(
            conversions("%[^]%d]%3[]a]%n"),
            [(true, None, b'['), (true, Some(3), b'['), (true, None, b'n')]
        );
        for bad in ["%", "%[abc", "%1$d", "%0s", "%y", "%["] {
            assert_eq!(parse(bad.as_bytes()), Err(NotUnderstood), "{bad}");
        }
    }

    #[test]
    fn names_of_the_family() {
        assert_eq!(scan_family("__isoc99_sscanf"), scan_family("sscanf"));
        assert!(scan_family("__isoc23_fscanf").is_some());
        assert!(scan_family("vscanf").is_none());
    }
}

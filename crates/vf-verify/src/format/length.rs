//! How many bytes a directive prints, as an expression over its arguments.
//!
//! Integers are exact: the number of digits is a chain of comparisons with the powers of the base, so that a
//! counterexample found with it is one of the real function. Strings are their length. What the verifier has no
//! value for (floats, addresses, what a kernel extension prints) is any number between documented bounds.

use vf_ir::{
    Access, BinaryOp, CType, CompareOp, Condition, DataModel, Expr, HavocReason, Local, LocalId, Obligation,
    ObligationId, Property, Stmt, StmtKind, Storage, Ty,
};
use vf_source::Span;

use super::build::{add, and, binary, compare, constant, int, max, min, negated, not, resized, select};
use super::directive::{Amount, Directive, Length, kernel_pointer_range};

/// Upper bound of a length that nothing bounds; `printf` cannot report more than `INT_MAX` anyway.
pub(super) const UNBOUNDED: u64 = 1 << 30;

/// Bytes of the longest multibyte character (`MB_LEN_MAX` of glibc).
pub(super) const LONGEST_CHARACTER: u64 = 16;

/// Digits in front of the point of the largest `double` and `long double`.
const DOUBLE_DIGITS: u64 = 309;
const LONG_DOUBLE_DIGITS: u64 = 4933;

/// What a length can be: an expression of pointer width and a bound that holds for it.
#[derive(Clone, Debug)]
pub(super) struct Extent {
    pub bytes: Expr,
    pub at_most: u64,
}

/// Which `printf` the program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    C,
    Kernel,
    /// Code that calls kernel functions, through a name that both have.
    Unclear,
}

/// Appends statements, registers and obligations to a function under rewriting.
pub(super) struct Emitter<'a> {
    pub model: DataModel,
    pub locals: &'a mut Vec<Local>,
    pub obligations: &'a mut Vec<Obligation>,
    pub statements: Vec<Stmt>,
    pub span: Span,
    /// The call at hand converts characters, which fails on what is none.
    pub may_fail: bool,
}

impl Emitter<'_> {
    /// Width of lengths.
    pub fn bits(&self) -> u32 {
        self.model.pointer_bits()
    }

    pub fn push(&mut self, kind: StmtKind) {
        self.statements.push(Stmt {
            kind,
            span: self.span,
        });
    }

    pub fn fresh(&mut self, ty: Ty) -> LocalId {
        let id = LocalId(self.locals.len() as u32);
        let ctype = match ty {
            Ty::Int(bits) => CType::Int { bits, signed: false },
            Ty::Float(bits) => CType::Float { bits },
            Ty::Ptr => CType::Void.pointer_to(),
        };
        self.locals.push(Local {
            name: "tmp".to_owned(),
            ty: ctype,
            storage: Storage::Register(ty),
            user: false,
            span: self.span,
        });
        id
    }

    /// The value in a register of its own, unless it is one or is constant.
    pub fn named(&mut self, value: Expr, bits: u32) -> Expr {
        if constant(&value).is_some() || matches!(value, Expr::Local(_)) {
            return value;
        }
        let dst = self.fresh(Ty::Int(bits));
        self.push(StmtKind::Assign { dst, value });
        Expr::Local(dst)
    }

    /// Any number from `low` to `high`.
    pub fn any_between(&mut self, low: u64, high: u64, why: HavocReason) -> Extent {
        let bits = self.bits();
        if low == high {
            return Extent {
                bytes: int(bits, low),
                at_most: high,
            };
        }
        let dst = self.fresh(Ty::Int(bits));
        self.push(StmtKind::Havoc { dst, why });
        let value = Expr::Local(dst);
        let condition = and(
            if low == 0 {
                Expr::bool(true)
            } else {
                compare(CompareOp::ULessEqual, int(bits, low), value.clone())
            },
            compare(CompareOp::ULessEqual, value.clone(), int(bits, high)),
        );
        self.push(StmtKind::Assume(condition));
        Extent {
            bytes: value,
            at_most: high,
        }
    }

    pub fn check(&mut self, property: Property, condition: Condition, text: &str) {
        let id = ObligationId(self.obligations.len() as u32);
        self.obligations.push(Obligation {
            property,
            condition,
            span: self.span,
            text: text.to_owned(),
            required: false,
        });
        self.push(StmtKind::Check(id));
    }

    /// A precondition that the call never meets. Its condition is a bit decided outside, not a plain `false`: what
    /// follows is checked as if it had held, and would be unreachable otherwise.
    pub fn check_never_holds(&mut self, text: &str) {
        let bit = self.fresh(Ty::Int(1));
        self.push(StmtKind::Havoc {
            dst: bit,
            why: HavocReason::Environment,
        });
        self.check(Property::Precondition, Condition::Holds(Expr::Local(bit)), text);
    }

    /// Characters of `unit` bytes before the terminator.
    pub fn string_length(&mut self, ptr: &Expr, unit: u64) -> Expr {
        let dst = self.fresh(Ty::Int(self.bits()));
        self.push(StmtKind::StringLength {
            dst,
            ptr: ptr.clone(),
            unit,
        });
        Expr::Local(dst)
    }

    /// The sum, at the largest length minus one where it would wrap.
    pub fn sum(&mut self, lhs: Extent, rhs: Extent) -> Extent {
        let bits = self.bits();
        let largest = if bits == 32 { u64::from(u32::MAX) } else { u64::MAX };
        match lhs.at_most.checked_add(rhs.at_most).filter(|s| *s < largest) {
            Some(at_most) => Extent {
                bytes: add(bits, lhs.bytes, rhs.bytes),
                at_most,
            },
            None => {
                let left = self.named(lhs.bytes, bits);
                let total = self.named(add(bits, left.clone(), rhs.bytes), bits);
                let wrapped = compare(CompareOp::ULess, total.clone(), left);
                let limit = int(bits, largest - 1);
                let bytes = select(wrapped, limit.clone(), min(total, limit));
                Extent {
                    bytes: self.named(bytes, bits),
                    at_most: largest - 1,
                }
            }
        }
    }
}

/// One argument: its value and its type; `None` in a `va_list`, whose values are not in view.
pub(super) type Argument = Option<(Expr, Ty)>;

/// Where the arguments of the directives come from.
pub(super) struct Arguments<'a> {
    pub given: Option<&'a [(Expr, Ty)]>,
    pub next: usize,
}

impl Arguments<'_> {
    /// The next argument; `Err` when the call has no more.
    fn take(&mut self) -> Result<Argument, ()> {
        let Some(given) = self.given else { return Ok(None) };
        let argument = given.get(self.next).cloned();
        self.next += 1;
        match argument {
            Some(argument) => Ok(Some(argument)),
            None => Err(()),
        }
    }
}

/// A directive in the course of being measured.
pub(super) struct Measure<'a, 'b> {
    pub emit: &'a mut Emitter<'b>,
    pub flavour: Flavour,
    /// Length of the constant string that an expression points to, if it does.
    pub constant_length: &'a dyn Fn(&Expr, u64) -> Option<u64>,
    /// It prints wide characters.
    pub wide: bool,
    /// How the call is named in obligations.
    pub call: &'a str,
}

/// The conversion character is none that this program knows.
pub(super) struct UnknownConversion;

impl Measure<'_, '_> {
    /// Bytes that the directive prints. Emits the checks that its arguments need.
    pub fn directive(
        &mut self,
        d: &Directive,
        arguments: &mut Arguments<'_>,
    ) -> Result<Extent, UnknownConversion> {
        // The arguments come in this order: width, precision, value (C11 7.21.6.1p5).
        let width = self.amount(d.width, arguments, true);
        let precision = self.amount(d.precision, arguments, false);
        if !b"diouxXbBcCsSpnfFeEgGaAm%".contains(&d.conversion) {
            return Err(UnknownConversion);
        }
        let value = match d.conversion {
            b'm' | b'%' => None,
            _ => match arguments.take() {
                Ok(value) => value,
                Err(()) => {
                    let text = format!("%{} of {} has an argument", char::from(d.conversion), self.call);
                    self.emit.check_never_holds(&text);
                    None
                }
            },
        };
        let printed = match d.conversion {
            b'%' => self.exactly(1),
            b'm' => self.any(0, 1024),
            b'c' | b'C' if self.wide => self.exactly(1),
            b'c' if d.length == Length::Long => self.converted_character(),
            b'C' => self.converted_character(),
            b'c' => self.exactly(1),
            b's' | b'S' => self.string(d, precision, value),
            b'n' => return Ok(self.count_written(d, value)),
            b'p' => return Ok(self.pointer(d, width)),
            b'f' | b'F' | b'e' | b'E' | b'g' | b'G' | b'a' | b'A' => self.float(d, precision),
            _ => self.integer(d, precision, value),
        };
        Ok(self.padded(printed, width))
    }

    fn exactly(&self, bytes: u64) -> Extent {
        Extent {
            bytes: int(self.emit.bits(), bytes),
            at_most: bytes,
        }
    }

    fn any(&mut self, low: u64, high: u64) -> Extent {
        self.emit.any_between(low, high, HavocReason::Environment)
    }

    /// A width (its absolute value) or a precision (absent when negative) as a length.
    fn amount(&mut self, amount: Amount, arguments: &mut Arguments<'_>, is_width: bool) -> Option<Extent> {
        match amount {
            Amount::Absent => None,
            Amount::Fixed(n) => Some(self.exactly(n)),
            Amount::Argument => Some(match arguments.take() {
                Ok(Some((value, Ty::Int(32)))) => {
                    let bits = self.emit.bits();
                    let value = self.emit.named(value, 32);
                    let negative = compare(CompareOp::SLess, value.clone(), int(32, 0));
                    let wide = if is_width {
                        let size = select(negative, negated(value.clone()), value);
                        resized(size, 32, bits, false)
                    } else {
                        // All ones stand for "as if it were not there".
                        select(negative, Expr::int(bits, -1), resized(value, 32, bits, false))
                    };
                    let at_most = if is_width { 1 << 31 } else { u64::MAX };
                    Extent {
                        bytes: self.emit.named(wide, bits),
                        at_most,
                    }
                }
                Ok(_) => self.any(0, 1 << 31),
                Err(()) => {
                    let text = format!("the * of {} has an argument", self.call);
                    self.emit.check_never_holds(&text);
                    self.any(0, 1 << 31)
                }
            }),
        }
    }

    /// `max(printed, width)`.
    fn padded(&mut self, printed: Extent, width: Option<Extent>) -> Extent {
        let Some(width) = width else { return printed };
        let bits = self.emit.bits();
        let at_most = printed.at_most.max(width.at_most);
        let bytes = self.emit.named(printed.bytes, bits);
        Extent {
            bytes: self.emit.named(max(bytes, width.bytes), bits),
            at_most,
        }
    }

    /// `d i u o x X b B`.
    fn integer(&mut self, d: &Directive, precision: Option<Extent>, value: Argument) -> Extent {
        let bits = self.emit.bits();
        let promoted = match d.length {
            Length::None | Length::Char | Length::Short => 32,
            Length::Long | Length::Size | Length::PtrDiff => bits,
            Length::LongLong | Length::IntMax | Length::LongDouble => 64,
        };
        let width = match d.length {
            Length::Char => 8,
            Length::Short => 16,
            _ => promoted,
        };
        let base = match d.conversion {
            b'o' => 8,
            b'x' | b'X' => 16,
            b'b' | b'B' => 2,
            _ => 10,
        };
        let signed = matches!(d.conversion, b'd' | b'i');
        let most_digits = longest(width, base);
        let value = match value {
            // An argument of another width is undefined (C11 7.21.6.1p9), one whose value is not in view may be any.
            Some((value, Ty::Int(given))) if given == promoted && !d.locale => value,
            _ => {
                let digits = self.any(
                    0,
                    if d.locale {
                        16 * most_digits + 4
                    } else {
                        most_digits + 2
                    },
                );
                return match precision {
                    None => digits,
                    Some(p) if p.at_most == u64::MAX => self.any(0, UNBOUNDED),
                    Some(p) => {
                        let extra = self.exactly(2);
                        let p = self.emit.sum(p, extra);
                        self.padded(digits, Some(p))
                    }
                };
            }
        };
        let value = self.emit.named(resized(value, promoted, width, false), width);
        let zero = || int(width, 0);
        let negative = compare(CompareOp::SLess, value.clone(), zero());
        let magnitude = if signed {
            let magnitude = select(negative.clone(), negated(value.clone()), value.clone());
            self.emit.named(magnitude, width)
        } else {
            value.clone()
        };
        let is_zero = compare(CompareOp::Equal, value, zero());
        let mut digits = digit_count(bits, &magnitude, width, base);
        let mut at_most = most_digits;
        let shortest = self.emit.named(digits.clone(), bits);
        if let Some(p) = &precision {
            digits = self.with_precision(shortest.clone(), &is_zero, p.bytes.clone());
            at_most = at_most.max(if p.at_most == u64::MAX { 1 << 31 } else { p.at_most });
        } else {
            digits = shortest.clone();
        }
        let digits = self.emit.named(digits, bits);
        let one = |condition: Expr, n: u64| select(condition, int(bits, n), int(bits, 0));
        let sign = match (signed, d.signed_prefix) {
            (false, _) => int(bits, 0),
            (true, true) => int(bits, 1),
            (true, false) => one(negative, 1),
        };
        let prefix = match (d.alternate, base) {
            (true, 16) => {
                // "0x0" in the kernel, "0" in C (7.21.6.1p6: a nonzero result has 0x prefixed).
                let at_zero = match self.flavour {
                    Flavour::C => int(bits, 0),
                    Flavour::Kernel => int(bits, 2),
                    Flavour::Unclear => {
                        let bit = self.emit.any_between(0, 1, HavocReason::Library).bytes;
                        add(bits, bit.clone(), bit)
                    }
                };
                select(is_zero, at_zero, int(bits, 2))
            }
            (true, 2) => one(not(is_zero), 2),
            // One more zero, unless the precision already puts one in front.
            (true, 8) if precision.is_none() => one(not(is_zero), 1),
            (true, 8) => self.any(0, 1).bytes,
            _ => int(bits, 0),
        };
        let bytes = add(bits, add(bits, digits, sign), prefix);
        Extent {
            bytes: self.emit.named(bytes, bits),
            at_most: at_most + 3,
        }
    }

    /// `max(digits, precision)`, and for precision 0 the value 0 has no digits (in C; the kernel prints one).
    fn with_precision(&mut self, digits: Expr, is_zero: &Expr, precision: Expr) -> Expr {
        let bits = self.emit.bits();
        let precision = self.emit.named(precision, bits);
        let absent = compare(CompareOp::Equal, precision.clone(), Expr::int(bits, -1));
        let usual = select(absent, digits.clone(), max(digits, precision.clone()));
        let empty = compare(CompareOp::Equal, precision, int(bits, 0));
        let nothing = match (constant(&empty), self.flavour) {
            (Some(0), _) | (_, Flavour::Kernel) => return usual,
            (_, Flavour::C) => int(bits, 0),
            (_, Flavour::Unclear) => self.emit.any_between(0, 1, HavocReason::Library).bytes,
        };
        select(and(is_zero.clone(), empty), nothing, usual)
    }

    /// A wide character as a multibyte one.
    fn converted_character(&mut self) -> Extent {
        self.emit.may_fail = true;
        self.any(0, LONGEST_CHARACTER)
    }

    /// `%s`: the length, or as much of it as the precision lets through.
    fn string(&mut self, d: &Directive, precision: Option<Extent>, value: Argument) -> Extent {
        let bits = self.emit.bits();
        let wide = d.length == Length::Long || d.conversion == b'S';
        let unit = if wide { 4 } else { 1 };
        let converted = wide != self.wide;
        self.emit.may_fail |= converted;
        let pointer = match value {
            Some((pointer, Ty::Ptr)) => pointer,
            _ => {
                return self.cut(
                    Extent {
                        bytes: Expr::int(bits, -1),
                        at_most: UNBOUNDED,
                    },
                    precision,
                    true,
                );
            }
        };
        if let Some(length) = (self.constant_length)(&pointer, unit).filter(|_| !converted) {
            let whole = self.exactly(length);
            return self.cut(whole, precision, false);
        }
        let length = self.string_argument(&pointer, unit, precision.as_ref());
        let whole = if converted {
            self.converted_string(length, wide)
        } else {
            let largest = if bits == 32 {
                i32::MAX as u64
            } else {
                i64::MAX as u64
            };
            Extent {
                bytes: length,
                at_most: largest,
            }
        };
        self.cut(whole, precision, false)
    }

    /// The checks of a string argument, and the characters it has. It is read up to the terminator, or as many
    /// characters as the precision says (as in the "C" locale, where a converted one has one byte).
    fn string_argument(&mut self, pointer: &Expr, unit: u64, precision: Option<&Extent>) -> Expr {
        let bits = self.emit.bits();
        let text = format!("%s of {}", self.call);
        let ptr = || pointer.clone();
        self.emit
            .check(Property::NotNull, Condition::NotNull { ptr: ptr() }, &text);
        self.emit
            .check(Property::Lifetime, Condition::Live { ptr: ptr() }, &text);
        let length = self.emit.string_length(pointer, unit);
        let condition = match precision {
            None => Condition::Terminated { ptr: ptr(), unit },
            Some(p) => {
                let short = compare(CompareOp::ULess, length.clone(), p.bytes.clone());
                let read = select(short, add(bits, length.clone(), int(bits, 1)), p.bytes.clone());
                let read = match unit {
                    1 => read,
                    _ => binary(BinaryOp::Mul, read, int(bits, unit)),
                };
                Condition::ValidAccess {
                    ptr: ptr(),
                    size: self.emit.named(read, bits),
                    access: Access::Read,
                }
            }
        };
        self.emit.check(Property::ValidRead, condition, &text);
        length
    }

    /// What so many characters become in the other kind: bytes, as many as the longest multibyte character has for
    /// each; or wide characters, at most one for each byte.
    fn converted_string(&mut self, length: Expr, from_wide: bool) -> Extent {
        let bits = self.emit.bits();
        let most = if from_wide { LONGEST_CHARACTER } else { 1 };
        let at_most = UNBOUNDED * most;
        let printed = self.any(0, at_most);
        let limit = min(length, int(bits, UNBOUNDED));
        let limit = binary(BinaryOp::Mul, limit, int(bits, most));
        let within = compare(CompareOp::ULessEqual, printed.bytes.clone(), limit);
        self.emit.push(StmtKind::Assume(within));
        printed
    }

    /// At most the precision; `unknown`: of a length that is not known.
    fn cut(&mut self, whole: Extent, precision: Option<Extent>, unknown: bool) -> Extent {
        let bits = self.emit.bits();
        let limit = precision.as_ref().map_or(u64::MAX, |p| p.at_most);
        let whole = if unknown {
            self.any(0, UNBOUNDED.min(limit))
        } else {
            whole
        };
        match precision {
            None => whole,
            Some(p) => {
                let bytes = min(whole.bytes, p.bytes);
                Extent {
                    bytes: self.emit.named(bytes, bits),
                    at_most: whole.at_most.min(p.at_most),
                }
            }
        }
    }

    /// `%n` prints nothing and writes the number of bytes so far (any value here).
    fn count_written(&mut self, d: &Directive, value: Argument) -> Extent {
        let bits = self.emit.bits();
        let size = match d.length {
            Length::Char => 1,
            Length::Short => 2,
            Length::None => 4,
            Length::Long | Length::Size | Length::PtrDiff => u64::from(bits / 8),
            Length::LongLong | Length::IntMax | Length::LongDouble => 8,
        };
        if let Some((pointer, Ty::Ptr)) = value {
            let text = format!("%n of {}", self.call);
            let size = int(bits, size);
            self.emit.check(
                Property::NotNull,
                Condition::NotNull { ptr: pointer.clone() },
                &text,
            );
            self.emit.check(
                Property::Lifetime,
                Condition::Live { ptr: pointer.clone() },
                &text,
            );
            let access = Condition::ValidAccess {
                ptr: pointer.clone(),
                size: size.clone(),
                access: Access::Write,
            };
            self.emit.check(Property::ValidWrite, access, &text);
            self.emit.push(StmtKind::HavocMemory { dst: pointer, size });
        }
        self.exactly(0)
    }

    /// `%p`: "(nil)" or up to 18 characters; in the kernel, what its extension prints.
    fn pointer(&mut self, d: &Directive, width: Option<Extent>) -> Extent {
        if d.extension.is_empty() || self.flavour == Flavour::C {
            let printed = self.any(1, 18);
            let printed = self.padded(printed, width);
            let literal = self.exactly(d.extension.len() as u64);
            return self.emit.sum(printed, literal);
        }
        let printed = match kernel_pointer_range(&d.extension) {
            Some((low, high)) if self.flavour == Flavour::Kernel => self.any(low, high),
            // Were it not the kernel's: an address with these letters behind.
            Some((low, high)) => {
                let letters = d.extension.len() as u64;
                self.any(low.min(1 + letters), high.max(18 + letters))
            }
            None => self.any(0, UNBOUNDED),
        };
        // The width of `%*ph` is the number of bytes to print.
        if d.extension.starts_with('h') {
            printed
        } else {
            self.padded(printed, width)
        }
    }

    /// `f e g a`: any length that some value of the type can have. "inf" and "nan" have three characters.
    fn float(&mut self, d: &Directive, precision: Option<Extent>) -> Extent {
        let long = d.length == Length::LongDouble;
        let whole = if long { LONG_DOUBLE_DIGITS } else { DOUBLE_DIGITS };
        let exponent = if long { 4 } else { 3 };
        // What stands around the digits that the precision counts: sign, point, and the integer part (f), a digit
        // and the exponent (e), the exponent (g), "0x", a digit and a binary exponent (a).
        let (around, default) = match d.conversion {
            b'f' | b'F' => (2 + whole, 6),
            b'e' | b'E' => (3 + 2 + exponent, 6),
            b'g' | b'G' => (2 + 2 + exponent, 6),
            _ => (5 + 3 + exponent, if long { 28 } else { 13 }),
        };
        let locale = if d.locale { 16 * whole } else { 0 };
        match precision {
            Some(p) if constant(&p.bytes).is_none() => {
                // Absent (all ones) or a number that an `int` holds.
                let digits = self.any(0, 1 << 31);
                let around = self.any(1, around + default + locale);
                let limit = binary(BinaryOp::And, p.bytes, Expr::int(self.emit.bits(), (1 << 31) - 1));
                let bytes = min(digits.bytes, limit);
                let cut = Extent {
                    bytes,
                    at_most: digits.at_most,
                };
                self.emit.sum(cut, around)
            }
            p => {
                let digits = p.map_or(default, |p| p.at_most.max(1));
                self.emit
                    .any_between(1, around + digits + locale, HavocReason::Float)
            }
        }
    }
}

/// Number of digits of the largest magnitude of so many bits.
fn longest(bits: u32, base: u128) -> u64 {
    let mut value: u128 = (1 << bits) - 1;
    let mut digits = 0;
    while value > 0 {
        value /= base;
        digits += 1;
    }
    digits
}

/// `1 + [v >= base] + [v >= base^2] + ...` as a chain of choices.
fn digit_count(result_bits: u32, value: &Expr, bits: u32, base: u128) -> Expr {
    let mut powers = Vec::new();
    let mut power = base;
    while power < 1 << bits {
        powers.push(power);
        power *= base;
    }
    let mut count = int(result_bits, powers.len() as u64 + 1);
    for (digits, power) in powers.iter().enumerate().rev() {
        let below = compare(CompareOp::ULess, value.clone(), Expr::Int { bits, value: *power });
        count = select(below, int(result_bits, digits as u64 + 1), count);
    }
    count
}

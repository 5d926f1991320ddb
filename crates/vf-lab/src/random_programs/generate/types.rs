//! The types of generated programs, and the ranges that their values keep.

use crate::random_programs::random::Random;

/// The integer types of LP64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::enum_variant_names, reason = "the names that C gives them")]
pub(super) enum Int {
    Bool,
    Char,
    UnsignedChar,
    Short,
    UnsignedShort,
    Int,
    Unsigned,
    Long,
    UnsignedLong,
}

impl Int {
    pub(super) const ALL: [Int; 9] = [
        Int::Int,
        Int::Unsigned,
        Int::Char,
        Int::UnsignedChar,
        Int::Short,
        Int::UnsignedShort,
        Int::Long,
        Int::UnsignedLong,
        Int::Bool,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Int::Bool => "_Bool",
            Int::Char => "char",
            Int::UnsignedChar => "unsigned char",
            Int::Short => "short",
            Int::UnsignedShort => "unsigned short",
            Int::Int => "int",
            Int::Unsigned => "unsigned int",
            Int::Long => "long",
            Int::UnsignedLong => "unsigned long",
        }
    }

    /// The `__VERIFIER_nondet_` function that gives any value of the type.
    pub(super) fn nondet(self) -> &'static str {
        match self {
            Int::Bool => "bool",
            Int::Char => "char",
            Int::UnsignedChar => "uchar",
            Int::Short => "short",
            Int::UnsignedShort => "ushort",
            Int::Int => "int",
            Int::Unsigned => "uint",
            Int::Long => "long",
            Int::UnsignedLong => "ulong",
        }
    }

    pub(super) fn bits(self) -> u32 {
        match self {
            Int::Bool => 1,
            Int::Char | Int::UnsignedChar => 8,
            Int::Short | Int::UnsignedShort => 16,
            Int::Int | Int::Unsigned => 32,
            Int::Long | Int::UnsignedLong => 64,
        }
    }

    pub(super) fn bytes(self) -> u64 {
        u64::from(self.bits().div_ceil(8))
    }

    pub(super) fn signed(self) -> bool {
        matches!(self, Int::Char | Int::Short | Int::Int | Int::Long)
    }

    pub(super) fn full(self) -> Range {
        let bits = self.bits();
        if self.signed() {
            Range {
                lo: -(1 << (bits - 1)),
                hi: (1 << (bits - 1)) - 1,
            }
        } else {
            Range {
                lo: 0,
                hi: (1 << bits) - 1,
            }
        }
    }

    /// C11 6.3.1.1p2.
    pub(super) fn promoted(self) -> Int {
        if self.bits() < 32 { Int::Int } else { self }
    }

    /// C11 6.3.1.8, on LP64.
    pub(super) fn common(self, other: Int) -> Int {
        let (a, b) = (self.promoted(), other.promoted());
        match (a.bits().cmp(&b.bits()), a.signed()) {
            (std::cmp::Ordering::Less, _) => b,
            (std::cmp::Ordering::Greater, _) => a,
            (std::cmp::Ordering::Equal, true) => b,
            (std::cmp::Ordering::Equal, false) => a,
        }
    }
}

/// Every value between the two, inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) lo: i128,
    pub(super) hi: i128,
}

impl Range {
    pub(super) fn of(lo: i128, hi: i128) -> Range {
        Range { lo, hi }
    }

    pub(super) fn only(value: i128) -> Range {
        Range { lo: value, hi: value }
    }

    pub(super) fn within(self, other: Range) -> bool {
        other.lo <= self.lo && self.hi <= other.hi
    }

    pub(super) fn has(self, value: i128) -> bool {
        self.lo <= value && value <= self.hi
    }

    pub(super) fn hull(self, other: Range) -> Range {
        Range::of(self.lo.min(other.lo), self.hi.max(other.hi))
    }

    /// The range after a conversion to the type: what does not fit wraps to anything.
    pub(super) fn converted(self, ty: Int) -> Range {
        if ty == Int::Bool && !self.within(ty.full()) {
            return ty.full();
        }
        if self.within(ty.full()) { self } else { ty.full() }
    }
}

/// What a scalar in memory holds, always: every assignment keeps the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) ty: Int,
    pub(super) range: Range,
    /// Width in bits where it is a bit-field.
    pub(super) bit_field: Option<u32>,
}

impl Cell {
    pub(super) fn full(ty: Int) -> Cell {
        Cell::of(ty, ty.full())
    }

    pub(super) fn of(ty: Int, range: Range) -> Cell {
        Cell {
            ty,
            range,
            bit_field: None,
        }
    }

    /// Any type, with one of few ranges, so that pointers find what they may point to. All contain 0.
    pub(super) fn any(random: &mut Random) -> Cell {
        const WEIGHTED: [Int; 16] = [
            Int::Int,
            Int::Int,
            Int::Int,
            Int::Int,
            Int::Int,
            Int::Unsigned,
            Int::Unsigned,
            Int::UnsignedChar,
            Int::UnsignedChar,
            Int::Char,
            Int::Short,
            Int::UnsignedShort,
            Int::Long,
            Int::Long,
            Int::UnsignedLong,
            Int::Bool,
        ];
        let ty = *random.pick(&WEIGHTED).unwrap_or(&Int::Int);
        Cell::any_of(ty, random)
    }

    pub(super) fn any_of(ty: Int, random: &mut Random) -> Cell {
        let small = if ty.signed() {
            [Range::of(0, 15), Range::of(-100, 100)]
        } else {
            [Range::of(0, 15), Range::of(0, 100)]
        };
        let range = match random.below(10) {
            0..5 => ty.full(),
            5..8 => small[0],
            _ => small[1],
        };
        Cell::of(ty, if range.within(ty.full()) { range } else { ty.full() })
    }
}

/// What an object is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Scalar(Cell),
    /// Of one or more dimensions.
    Array(Cell, Vec<u64>),
    /// An array of this many characters of which one is NUL: the last at the latest.
    Text(u64),
    Record(usize),
    Records(usize, u64),
    /// To the first of so many elements.
    Pointer(Cell, u64),
    /// An array of pointers, each to the first of so many elements: cell, elements, length.
    Pointers(Cell, u64, u64),
    /// To a pointer to the first of so many elements.
    PointerToPointer(Cell, u64),
    RecordPointer(usize),
}

/// A structure or union type.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) is_union: bool,
    pub(super) fields: Vec<(String, Shape)>,
}

impl Record {
    pub(super) fn name(&self, index: usize) -> String {
        format!("{} R{index}", if self.is_union { "union" } else { "struct" })
    }
}

/// An object in scope.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: String,
    pub(super) shape: Shape,
    /// Nesting of its block: 0 for globals, 1 for parameters.
    pub(super) depth: usize,
    /// A loop counter, or what must not change otherwise.
    pub(super) read_only: bool,
    /// A `register` or bit-field like thing has no address; loop counters are kept from being pointed to.
    pub(super) addressable: bool,
}

/// A helper function that may be called.
#[derive(Clone, Debug)]
pub(super) struct Helper {
    pub(super) name: String,
    pub(super) parameters: Vec<Shape>,
    pub(super) result: Cell,
    /// Statements that a call executes, roughly.
    pub(super) cost: u64,
    /// Changes nothing but its own locals, and asks for no input.
    pub(super) effect_free: bool,
    /// Of the one type that tables of functions have.
    pub(super) is_operation: bool,
}

/// An expression's text with what is known of its value.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) ty: Int,
    pub(super) range: Range,
    /// May be written twice.
    pub(super) pure: bool,
}

impl Value {
    pub(super) fn literal(value: i128) -> Value {
        let (text, ty) = literal(value);
        Value {
            text,
            ty,
            range: Range::only(value),
            pure: true,
        }
    }
}

/// A literal of the value with its type (C11 6.4.4.1p5).
fn literal(value: i128) -> (String, Int) {
    let (int, long) = (Int::Int.full(), Int::Long.full());
    if value == int.lo {
        ("(-2147483647 - 1)".into(), Int::Int)
    } else if value == long.lo {
        ("(-9223372036854775807L - 1)".into(), Int::Long)
    } else if int.has(value) {
        let text = if value < 0 {
            format!("({value})")
        } else {
            value.to_string()
        };
        (text, Int::Int)
    } else if long.has(value) {
        let text = if value < 0 {
            format!("({value}L)")
        } else {
            format!("{value}L")
        };
        (text, Int::Long)
    } else {
        (format!("{value}UL"), Int::UnsignedLong)
    }
}

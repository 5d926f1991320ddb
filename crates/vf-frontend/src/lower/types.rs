//! C types as the front end needs them: with qualifiers, ranks and tags, which the IR drops.

use std::rc::Rc;

use vf_ir::{ArrayLen, CType, DataModel, FunctionType, LocalId, RecordId, Ty};

/// A C type with its qualifiers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Type {
    pub kind: Kind,
    pub constant: bool,
    pub volatile: bool,
    /// Alignment in bytes where an attribute or `_Alignas` sets it.
    pub align: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    Void,
    Bool,
    Int(IntType),
    /// An enumeration, compatible with this integer type.
    Enum(EnumId, IntType),
    /// Bits of storage (`long double` is 128).
    Float(u32),
    Pointer(Rc<Type>),
    Array(Rc<Type>, Length),
    Record(RecordId),
    Function(Rc<Signature>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EnumId(pub u32);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Length {
    Fixed(u64),
    /// `[]`
    Unknown,
    /// A variable length, held by a register of pointer width; `None` where it is not evaluated
    /// (`[*]`, parameters).
    Variable(Option<LocalId>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Signature {
    pub ret: Type,
    pub params: Vec<Type>,
    pub variadic: bool,
    /// `false` for `f()`: the parameters are not known.
    pub prototyped: bool,
}

/// Order of conversion ranks (C11 6.3.1.1p1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// Plain `char`, a type of its own.
    Char,
    /// `signed char`, `unsigned char`.
    Byte,
    Short,
    Int,
    /// The type of a bit-field wider than `int`: GCC computes in exactly its width.
    BitField,
    Long,
    LongLong,
    Int128,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IntType {
    pub rank: Rank,
    pub signed: bool,
    pub bits: u32,
}

impl IntType {
    pub const fn new(rank: Rank, signed: bool, bits: u32) -> IntType {
        IntType { rank, signed, bits }
    }
    pub const CHAR: IntType = IntType::new(Rank::Char, true, 8);
    pub const SCHAR: IntType = IntType::new(Rank::Byte, true, 8);
    pub const UCHAR: IntType = IntType::new(Rank::Byte, false, 8);
    pub const SHORT: IntType = IntType::new(Rank::Short, true, 16);
    pub const USHORT: IntType = IntType::new(Rank::Short, false, 16);
    pub const INT: IntType = IntType::new(Rank::Int, true, 32);
    pub const UINT: IntType = IntType::new(Rank::Int, false, 32);
    pub const LLONG: IntType = IntType::new(Rank::LongLong, true, 64);
    pub const ULLONG: IntType = IntType::new(Rank::LongLong, false, 64);
    pub const INT128: IntType = IntType::new(Rank::Int128, true, 128);
    pub const UINT128: IntType = IntType::new(Rank::Int128, false, 128);

    pub fn long(model: DataModel, signed: bool) -> IntType {
        IntType::new(Rank::Long, signed, model.pointer_bits())
    }
    pub fn size_t(model: DataModel) -> IntType {
        match model {
            DataModel::Lp64 => IntType::long(model, false),
            DataModel::Ilp32 => IntType::UINT,
        }
    }
    pub fn ptrdiff_t(model: DataModel) -> IntType {
        match model {
            DataModel::Lp64 => IntType::long(model, true),
            DataModel::Ilp32 => IntType::INT,
        }
    }

    /// Integer promotion (C11 6.3.1.1p2).
    pub fn promoted(self) -> IntType {
        if self.rank < Rank::Int || (self.rank == Rank::BitField && self.bits < 32) {
            IntType::INT
        } else {
            self
        }
    }

    /// Usual arithmetic conversions of two integer types (C11 6.3.1.8): with two's complement the wider one
    /// wins; at one width the higher rank does, unsigned if either is.
    pub fn common(self, other: IntType) -> IntType {
        let (a, b) = (self.promoted(), other.promoted());
        match a.bits.cmp(&b.bits) {
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Less => b,
            std::cmp::Ordering::Equal => IntType {
                rank: a.rank.max(b.rank),
                signed: a.signed && b.signed,
                bits: a.bits,
            },
        }
    }

    /// Whether a mathematical value fits.
    pub fn fits(self, value: i128) -> bool {
        let (low, high) = self.range();
        low <= value && value <= high
    }

    /// Smallest and largest value; the upper bound of 128-bit types is cut to what `i128` holds.
    pub fn range(self) -> (i128, i128) {
        match (self.signed, self.bits) {
            (true, 128) => (i128::MIN, i128::MAX),
            (false, 127..) => (0, i128::MAX),
            (true, bits) => (-(1i128 << (bits - 1)), (1i128 << (bits - 1)) - 1),
            (false, bits) => (0, (1i128 << bits) - 1),
        }
    }

    /// The value that a pattern of this width stands for.
    pub fn read(self, pattern: u128) -> i128 {
        if self.bits >= 128 {
            return pattern as i128;
        }
        let cut = pattern & ((1u128 << self.bits) - 1);
        if self.signed && cut >> (self.bits - 1) == 1 {
            (cut | !((1u128 << self.bits) - 1)) as i128
        } else {
            cut as i128
        }
    }

    /// The value wrapped into the type.
    pub fn wrap(self, value: i128) -> i128 {
        self.read(value as u128)
    }
}

impl Type {
    pub fn of(kind: Kind) -> Type {
        Type {
            kind,
            constant: false,
            volatile: false,
            align: None,
        }
    }
    pub fn void() -> Type {
        Type::of(Kind::Void)
    }
    pub fn bool() -> Type {
        Type::of(Kind::Bool)
    }
    pub fn int(int: IntType) -> Type {
        Type::of(Kind::Int(int))
    }
    pub fn pointer_to(self) -> Type {
        Type::of(Kind::Pointer(Rc::new(self)))
    }
    pub fn array_of(self, len: u64) -> Type {
        Type::of(Kind::Array(Rc::new(self), Length::Fixed(len)))
    }
    pub fn char_pointer() -> Type {
        Type::int(IntType::CHAR).pointer_to()
    }

    /// The type without its qualifiers, as values have it.
    pub fn unqualified(&self) -> Type {
        Type::of(self.kind.clone())
    }

    /// The integer type of an integer, enumeration or `_Bool`.
    pub fn integer(&self) -> Option<IntType> {
        match self.kind {
            Kind::Int(i) | Kind::Enum(_, i) => Some(i),
            Kind::Bool => Some(IntType::UCHAR),
            _ => None,
        }
    }
    pub fn is_void(&self) -> bool {
        self.kind == Kind::Void
    }
    pub fn is_bool(&self) -> bool {
        self.kind == Kind::Bool
    }
    pub fn is_float(&self) -> bool {
        matches!(self.kind, Kind::Float(_))
    }
    pub fn is_arithmetic(&self) -> bool {
        self.integer().is_some() || self.is_float()
    }
    pub fn is_scalar(&self) -> bool {
        self.is_arithmetic() || self.pointee().is_some()
    }
    pub fn record(&self) -> Option<RecordId> {
        match self.kind {
            Kind::Record(id) => Some(id),
            _ => None,
        }
    }
    pub fn pointee(&self) -> Option<&Type> {
        match &self.kind {
            Kind::Pointer(to) => Some(to),
            _ => None,
        }
    }
    pub fn element(&self) -> Option<&Type> {
        match &self.kind {
            Kind::Array(element, _) => Some(element),
            _ => None,
        }
    }
    pub fn signature(&self) -> Option<&Rc<Signature>> {
        match &self.kind {
            Kind::Function(s) => Some(s),
            _ => None,
        }
    }
    pub fn is_variable(&self) -> bool {
        match &self.kind {
            Kind::Array(element, len) => matches!(len, Length::Variable(_)) || element.is_variable(),
            _ => false,
        }
    }

    /// What an array or function type becomes as a value (C11 6.3.2.1).
    pub fn decayed(&self) -> Type {
        match &self.kind {
            Kind::Array(element, _) => {
                let mut element = (**element).clone();
                element.constant |= self.constant;
                element.volatile |= self.volatile;
                element.pointer_to()
            }
            Kind::Function(_) => self.clone().pointer_to(),
            _ => self.unqualified(),
        }
    }

    /// The IR type of a scalar value.
    pub fn scalar(&self) -> Option<Ty> {
        match &self.kind {
            Kind::Bool => Some(Ty::Int(8)),
            Kind::Int(i) | Kind::Enum(_, i) => Some(Ty::Int(i.bits)),
            Kind::Float(bits) => Some(Ty::Float(*bits)),
            Kind::Pointer(_) => Some(Ty::Ptr),
            Kind::Void | Kind::Array(..) | Kind::Record(_) | Kind::Function(_) => None,
        }
    }

    /// The type as the IR keeps it.
    pub fn to_ir(&self) -> CType {
        match &self.kind {
            Kind::Void => CType::Void,
            Kind::Bool => CType::Bool,
            Kind::Int(i) | Kind::Enum(_, i) => CType::Int {
                bits: i.bits,
                signed: i.signed,
            },
            Kind::Float(bits) => CType::Float { bits: *bits },
            Kind::Pointer(to) => CType::Pointer {
                to: Box::new(to.to_ir()),
                to_const: to.constant,
            },
            Kind::Array(element, len) => CType::Array {
                element: Box::new(element.to_ir()),
                len: match len {
                    Length::Fixed(n) => ArrayLen::Fixed(*n),
                    Length::Unknown => ArrayLen::Unknown,
                    Length::Variable(_) => ArrayLen::Variable,
                },
            },
            Kind::Record(id) => CType::Record(*id),
            Kind::Function(s) => CType::Function(Box::new(s.to_ir())),
        }
    }

    /// Compatible types (C11 6.2.7), as `_Generic` and `__builtin_types_compatible_p` compare them:
    /// `top` says whether the outermost qualifiers count.
    pub fn compatible(&self, other: &Type, top: bool) -> bool {
        if top && (self.constant != other.constant || self.volatile != other.volatile) {
            return false;
        }
        match (&self.kind, &other.kind) {
            (Kind::Pointer(a), Kind::Pointer(b)) => a.compatible(b, true),
            (Kind::Array(a, la), Kind::Array(b, lb)) => {
                a.compatible(b, true)
                    && match (la, lb) {
                        (Length::Fixed(x), Length::Fixed(y)) => x == y,
                        _ => true,
                    }
            }
            (Kind::Function(a), Kind::Function(b)) => {
                a.ret.compatible(&b.ret, false)
                    && (!a.prototyped
                        || !b.prototyped
                        || (a.variadic == b.variadic
                            && a.params.len() == b.params.len()
                            && a.params
                                .iter()
                                .zip(&b.params)
                                .all(|(x, y)| x.compatible(y, false))))
            }
            (Kind::Enum(_, i), Kind::Int(j)) | (Kind::Int(j), Kind::Enum(_, i)) => i == j,
            (a, b) => a == b,
        }
    }
}

impl Signature {
    pub fn to_ir(&self) -> FunctionType {
        FunctionType {
            ret: self.ret.to_ir(),
            params: self.params.iter().map(Type::to_ir).collect(),
            variadic: self.variadic || !self.prototyped,
        }
    }
}

//! C types with their layout, and the scalar types of IR values.

use serde::{Deserialize, Serialize};

/// Sizes of the target's basic types (`System V ABI`, x86-64 and i386).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DataModel {
    /// `int` 32, `long` and pointers 64 bits.
    Lp64,
    /// `int`, `long` and pointers 32 bits.
    Ilp32,
}

impl DataModel {
    /// Width of a pointer, of `size_t` and of `long`, in bits.
    pub fn pointer_bits(self) -> u32 {
        match self {
            DataModel::Lp64 => 64,
            DataModel::Ilp32 => 32,
        }
    }
    pub fn pointer_bytes(self) -> u64 {
        u64::from(self.pointer_bits() / 8)
    }
}

/// Type of an IR value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Ty {
    /// Bit pattern of 1 to 128 bits. Width 1 is the result of comparisons; C's `_Bool` in memory is 8 wide.
    Int(u32),
    /// Pointer to data or to a function.
    Ptr,
    /// Floating point of this many bits of storage (32, 64, 128; 80-bit `long double` is 128).
    /// Its values are unknown to the verifier.
    Float(u32),
}

impl Ty {
    /// Size in memory, in bytes.
    pub fn size(self, model: DataModel) -> u64 {
        match self {
            Ty::Int(bits) | Ty::Float(bits) => u64::from(bits.div_ceil(8)),
            Ty::Ptr => model.pointer_bytes(),
        }
    }
}

/// Index into [`crate::Program::records`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RecordId(pub u32);

/// A C type, as the user sees it. Qualifiers are dropped except `const` on a pointer's target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CType {
    Void,
    /// `_Bool`: 8 bits in memory, holding 0 or 1.
    Bool,
    /// Any integer type, `char` and enumerations included.
    Int {
        bits: u32,
        signed: bool,
    },
    Float {
        bits: u32,
    },
    Pointer {
        to: Box<CType>,
        to_const: bool,
    },
    Array {
        element: Box<CType>,
        len: ArrayLen,
    },
    Record(RecordId),
    Function(Box<FunctionType>),
}

/// Length of an array type, in elements.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ArrayLen {
    Fixed(u64),
    /// `[]`: a flexible array member or an incomplete array.
    Unknown,
    /// Variable length; the object's size is fixed by its `Alloc`.
    Variable,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FunctionType {
    pub ret: CType,
    pub params: Vec<CType>,
    pub variadic: bool,
}

/// A `struct` or `union` with its layout as GCC lays it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Tag, or a made-up name (`<anonymous struct at file.c:12>`) for one without.
    pub name: String,
    pub is_union: bool,
    /// Size in bytes including padding; `None` for an incomplete type.
    pub size: Option<u64>,
    /// Alignment in bytes.
    pub align: u64,
    pub fields: Vec<Field>,
}

impl Record {
    /// The member of this name, also of an anonymous member, with its offset in bytes from the start of this record.
    pub fn member<'a>(&'a self, name: &str, records: &'a [Record]) -> Option<(u64, &'a Field)> {
        self.fields.iter().find_map(|field| match &field.ty {
            _ if !field.name.is_empty() => (field.name == name).then_some((field.offset, field)),
            CType::Record(inner) => {
                let (offset, found) = records.get(inner.0 as usize)?.member(name, records)?;
                Some((field.offset + offset, found))
            }
            _ => None,
        })
    }

    /// The size in bytes of an array member that pointers made from it may not leave.
    ///
    /// That is every array of known length, except: in a union; at the end of its record (GCC takes any trailing array
    /// for one that may go on behind the record, `-fstrict-flex-arrays=0`); arrays of no element.
    pub fn bounded_array(&self, field: u32, records: &[Record], model: DataModel) -> Option<u64> {
        let member = self.fields.get(field as usize)?;
        let followed = self.fields.iter().any(|f| f.offset > member.offset);
        match &member.ty {
            CType::Array {
                len: ArrayLen::Fixed(1..),
                ..
            } if !self.is_union && followed => member.ty.size(records, model),
            _ => None,
        }
    }

    /// The size in bytes of a record member that lies before another member: what is at its own end ends there.
    pub fn inner_record(&self, field: u32, records: &[Record], model: DataModel) -> Option<u64> {
        let member = self.fields.get(field as usize)?;
        let followed = self.fields.iter().any(|f| f.offset > member.offset);
        match &member.ty {
            CType::Record(_) if !self.is_union && followed => member.ty.size(records, model),
            _ => None,
        }
    }

    /// The size in bytes of an array at the end of its record, which only goes on behind the record where nothing else of an
    /// enclosing record lies ([`Record::inner_record`]). One of a single element is the old spelling of a flexible array
    /// member, wherever it is.
    pub fn trailing_array(&self, field: u32, records: &[Record], model: DataModel) -> Option<u64> {
        let member = self.fields.get(field as usize)?;
        let followed = self.fields.iter().any(|f| f.offset > member.offset);
        match &member.ty {
            CType::Array {
                len: ArrayLen::Fixed(2..),
                ..
            } if !self.is_union && !followed => member.ty.size(records, model),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Name; empty for an anonymous member.
    pub name: String,
    pub ty: CType,
    /// Offset from the start of the record, in bytes (of the storage unit, for a bit-field).
    pub offset: u64,
    /// For a bit-field: its place in the storage unit.
    pub bits: Option<BitField>,
    /// Name of the member that counts the elements of this flexible array, or behind this pointer (`counted_by`).
    pub counted_by: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BitField {
    /// First bit, counted from the least significant bit of the storage unit.
    pub first: u32,
    /// Width in bits; 0 for an unnamed zero-width field.
    pub width: u32,
    /// Width in bits of the storage unit that loads and stores access.
    pub unit: u32,
}

impl CType {
    pub const CHAR: CType = CType::Int {
        bits: 8,
        signed: true,
    };
    pub const INT: CType = CType::Int {
        bits: 32,
        signed: true,
    };
    pub const UINT: CType = CType::Int {
        bits: 32,
        signed: false,
    };

    pub fn pointer_to(self) -> CType {
        CType::Pointer {
            to: Box::new(self),
            to_const: false,
        }
    }

    /// The IR value type of a scalar; `None` for `void`, arrays, records and functions.
    pub fn scalar(&self) -> Option<Ty> {
        match self {
            CType::Bool => Some(Ty::Int(8)),
            CType::Int { bits, .. } => Some(Ty::Int(*bits)),
            CType::Float { bits } => Some(Ty::Float(*bits)),
            CType::Pointer { .. } => Some(Ty::Ptr),
            CType::Void | CType::Array { .. } | CType::Record(_) | CType::Function(_) => None,
        }
    }

    pub fn is_signed(&self) -> bool {
        matches!(self, CType::Int { signed: true, .. })
    }

    pub fn is_pointer(&self) -> bool {
        matches!(self, CType::Pointer { .. })
    }

    /// Size in bytes; `None` for `void`, functions, incomplete records and arrays of unknown length.
    pub fn size(&self, records: &[Record], model: DataModel) -> Option<u64> {
        match self {
            CType::Void | CType::Function(_) => None,
            CType::Array {
                element,
                len: ArrayLen::Fixed(n),
            } => element.size(records, model)?.checked_mul(*n),
            CType::Array { .. } => None,
            CType::Record(id) => records.get(id.0 as usize)?.size,
            scalar => Some(scalar.scalar()?.size(model)),
        }
    }

    /// Natural alignment in bytes (1 where the type has no size of its own).
    pub fn align(&self, records: &[Record], model: DataModel) -> u64 {
        match self {
            CType::Void | CType::Function(_) => 1,
            CType::Array { element, .. } => element.align(records, model),
            CType::Record(id) => records.get(id.0 as usize).map_or(1, |r| r.align),
            scalar => {
                let size = scalar.scalar().map_or(1, |t| t.size(model)).next_power_of_two();
                match model {
                    DataModel::Lp64 => size.min(16),
                    // i386: 8-byte integers and doubles are aligned to 4 inside records.
                    DataModel::Ilp32 => size.min(4),
                }
            }
        }
    }
}

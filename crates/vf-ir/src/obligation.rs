//! Obligations: one condition at one program point that must hold.

use serde::{Deserialize, Serialize};
use vf_source::Span;

use crate::program::Expr;
use crate::program::LocalId;

/// Index into [`crate::Function::obligations`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObligationId(pub u32);

impl ObligationId {
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Obligation {
    pub property: Property,
    pub condition: Condition,
    /// The operation that needs it, as the user wrote it.
    pub span: Span,
    /// Source text of the operation (`table[i]`, `n * size`), for people.
    pub text: String,
    /// A clause of the function's own contract, which stands at its beginning: assumed where the function is the one under
    /// analysis, asked of every call elsewhere.
    pub required: bool,
}

/// The kind of an obligation. Names and CWE numbers are printed and stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Property {
    IndexUpperBound,
    IndexLowerBound,
    ValidRead,
    ValidWrite,
    NotNull,
    SignedOverflow,
    UnsignedWrap,
    LossyConversion,
    ShiftInRange,
    DivisorNonzero,
    AllocationSize,
    Initialized,
    Lifetime,
    Precondition,
    Assertion,
    /// `__builtin_unreachable()`, falling off a non-void function whose value is used.
    UnreachableCode,
    /// What was allocated is freed when the program ends.
    MemoryLeak,
}

impl Property {
    pub const ALL: [Property; 17] = [
        Property::IndexUpperBound,
        Property::IndexLowerBound,
        Property::ValidRead,
        Property::ValidWrite,
        Property::NotNull,
        Property::SignedOverflow,
        Property::UnsignedWrap,
        Property::LossyConversion,
        Property::ShiftInRange,
        Property::DivisorNonzero,
        Property::AllocationSize,
        Property::Initialized,
        Property::Lifetime,
        Property::Precondition,
        Property::Assertion,
        Property::UnreachableCode,
        Property::MemoryLeak,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Property::IndexUpperBound => "index-upper-bound",
            Property::IndexLowerBound => "index-lower-bound",
            Property::ValidRead => "valid-read",
            Property::ValidWrite => "valid-write",
            Property::NotNull => "not-null",
            Property::SignedOverflow => "signed-overflow",
            Property::UnsignedWrap => "unsigned-wrap",
            Property::LossyConversion => "lossy-conversion",
            Property::ShiftInRange => "shift-in-range",
            Property::DivisorNonzero => "divisor-nonzero",
            Property::AllocationSize => "allocation-size",
            Property::Initialized => "initialized",
            Property::Lifetime => "lifetime",
            Property::Precondition => "precondition",
            Property::Assertion => "assertion",
            Property::UnreachableCode => "unreachable-code",
            Property::MemoryLeak => "memory-leak",
        }
    }

    pub fn from_name(name: &str) -> Option<Property> {
        Property::ALL.into_iter().find(|p| p.name() == name)
    }

    /// The weakness that a violation is, in MITRE's Common Weakness Enumeration. For an access whose
    /// direction the property leaves open (an index), the condition's user says which ([`Obligation::cwe`]).
    pub fn cwe(self) -> &'static str {
        match self {
            Property::IndexUpperBound => "CWE-787",
            Property::IndexLowerBound => "CWE-786",
            Property::ValidRead => "CWE-125",
            Property::ValidWrite => "CWE-787",
            Property::NotNull => "CWE-476",
            Property::SignedOverflow => "CWE-190",
            Property::UnsignedWrap => "CWE-190",
            Property::LossyConversion => "CWE-197",
            Property::ShiftInRange => "CWE-1335",
            Property::DivisorNonzero => "CWE-369",
            Property::AllocationSize => "CWE-789",
            Property::Initialized => "CWE-457",
            Property::Lifetime => "CWE-416",
            Property::Precondition => "CWE-628",
            Property::Assertion => "CWE-617",
            Property::UnreachableCode => "CWE-758",
            Property::MemoryLeak => "CWE-401",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Access {
    Read,
    Write,
}

/// What must hold, over the values at the check.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// An `Int(1)` is true.
    Holds(Expr),
    /// The exact mathematical result of `lhs op rhs` fits the operands' width under the given reading.
    NoOverflow {
        op: Arithmetic,
        signed: bool,
        lhs: Expr,
        rhs: Expr,
    },
    /// `value`, read as signed or not, fits an integer of `bits` bits of the target signedness.
    Lossless {
        value: Expr,
        value_signed: bool,
        bits: u32,
        signed: bool,
    },
    /// The `size` bytes (pointer width) at `ptr` lie inside one object. Says nothing when size is 0
    /// except that nothing is accessed: it then holds.
    ValidAccess {
        ptr: Expr,
        size: Expr,
        access: Access,
    },
    NotNull {
        ptr: Expr,
    },
    /// The object that `ptr` points into has not ended its life.
    Live {
        ptr: Expr,
    },
    /// The register was assigned on every path here.
    InitializedLocal(LocalId),
    /// The `size` bytes at `ptr` were written.
    InitializedMemory {
        ptr: Expr,
        size: Expr,
    },
    /// A NUL lies at or after `ptr` inside its object: `unit` zero bytes, a multiple of `unit` behind `ptr`.
    Terminated {
        ptr: Expr,
        unit: u64,
    },
    /// `ptr` is null or points to the start of a live heap object.
    Freeable {
        ptr: Expr,
    },
    /// No heap object is alive any more, or, where `or_reachable`, every one that is can be reached from the
    /// globals and from the locals of the calls that this one returns to.
    Freed {
        or_reachable: bool,
    },
    /// Control never gets here.
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Arithmetic {
    Add,
    Sub,
    Mul,
    /// `lhs / rhs` (signed: only `MIN / -1` overflows).
    Div,
    /// `-rhs`; `lhs` is zero.
    Neg,
    /// `lhs << rhs`: the result times 2^rhs fits (C11 6.5.7p4).
    Shl,
}

impl Obligation {
    /// The weakness of a violation of this obligation.
    pub fn cwe(&self) -> &'static str {
        self.property.cwe()
    }
}

//! Programs, functions, blocks, statements and expressions.

use serde::{Deserialize, Serialize};
use vf_source::Span;

use crate::obligation::{Obligation, ObligationId};
use crate::types::{CType, DataModel, Record, Ty};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u32);
        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }
    )*};
}

ids! {
    /// Index into [`Program::globals`].
    GlobalId
    /// Index into [`Program::functions`].
    FunctionId
    /// Index into [`Function::locals`].
    LocalId
    /// Index into [`Function::blocks`]. Block 0 is the entry and has no predecessor.
    BlockId
}

/// Everything the verifier sees of the translation units under analysis.
#[derive(Clone, Debug, PartialEq)]
pub struct Program {
    pub model: DataModel,
    pub records: Vec<Record>,
    pub globals: Vec<Global>,
    pub functions: Vec<Function>,
}

/// An object with static storage duration; string literals are globals too.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// C name, or `.str.N` for a string literal; unique in the program.
    pub name: String,
    pub ty: CType,
    /// Size in bytes; `None` where no complete type was seen.
    pub size: Option<u64>,
    /// Never written after initialisation (`const` object or string literal).
    pub constant: bool,
    /// What is known of the initial contents.
    pub init: Initial,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Initial {
    /// Declared here, defined elsewhere: any contents.
    Unknown,
    /// Defined: zero except for these items, by ascending offset.
    Known(Vec<InitItem>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct InitItem {
    /// Byte offset in the object.
    pub offset: u64,
    pub value: InitValue,
}

#[derive(Clone, Debug, PartialEq)]
pub enum InitValue {
    /// Little-endian integer of so many bits (a multiple of 8).
    Int {
        bits: u32,
        value: u128,
    },
    /// Bytes in memory order (string literals, floats as bit patterns).
    Bytes(Vec<u8>),
    /// Address of a global plus a byte offset.
    GlobalAddress {
        global: GlobalId,
        offset: i64,
    },
    FunctionAddress(FunctionId),
    /// Not a constant this program evaluates: any value of so many bytes.
    Unknown {
        size: u64,
    },
}

#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    pub name: String,
    pub ret: CType,
    /// The first locals, in order; every parameter is a register or is copied to a memory local on entry.
    pub params: Vec<LocalId>,
    pub variadic: bool,
    /// `static`: all its callers are in view.
    pub internal: bool,
    /// Declared `noreturn`.
    pub noreturn: bool,
    /// A model of a library function (`smt/contracts`): its obligations belong to the call site.
    pub library_model: bool,
    /// Without a body, it changes no object: its contract says so.
    pub unchanging: bool,
    pub body: Body,
    pub locals: Vec<Local>,
    pub obligations: Vec<Obligation>,
    /// Span of the whole definition (or declaration).
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Declared only.
    Declared,
    Defined(Vec<Block>),
    /// Has a body that could not be lowered.
    Unsupported(Unsupported),
}

/// A construct that the front end does not understand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Unsupported {
    /// What it is, in words that fit after "does not support" ("computed goto", "nested function").
    pub construct: String,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Local {
    /// C name, or `tmp` for a temporary.
    pub name: String,
    pub ty: CType,
    pub storage: Storage,
    /// Declared by the user, as opposed to a temporary.
    pub user: bool,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// A value of this type; never has an address. Before its first assignment the value is indeterminate.
    Register(Ty),
    /// A memory object of the local's type that lives between its `ScopeStart` and `ScopeEnd`.
    Memory,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    pub statements: Vec<Stmt>,
    pub terminator: Terminator,
    pub terminator_span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Stmt {
    pub kind: StmtKind,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum StmtKind {
    /// `dst = value`; `dst` is a register of the value's type.
    Assign { dst: LocalId, value: Expr },
    /// `dst = any value`: floats, assembly outputs, `__VERIFIER_nondet_*`.
    Havoc { dst: LocalId, why: HavocReason },
    /// `dst = *(ty *)ptr`.
    Load {
        dst: LocalId,
        ptr: Expr,
        ty: Ty,
        volatile: bool,
    },
    /// `*(ty *)ptr = value`.
    Store {
        ptr: Expr,
        value: Expr,
        ty: Ty,
        volatile: bool,
    },
    /// Moves `size` bytes as `memmove` does (record assignment, `memcpy`). Size has pointer width.
    Copy { dst: Expr, src: Expr, size: Expr },
    /// Fills `size` bytes with copies of `unit`, an `Int` of 8, 16, 32 or 64 bits whose lowest byte comes first; the last
    /// copy is cut where the range ends.
    Fill { dst: Expr, unit: Expr, size: Expr },
    /// Writes any bytes to `size` bytes.
    HavocMemory { dst: Expr, size: Expr },
    /// Writes the first `size` bytes of the text that a format makes of arguments (`of`: the format, then they). Which bytes they
    /// are is not known, but that the same format and arguments make the same ones.
    Text { dst: Expr, size: Expr, of: Vec<Expr> },
    /// Inline assembly runs, given these: what it writes is said by the statements behind it. `text` is its template with the
    /// constraints and clobbers; with `memory` it may look at all of memory.
    Assembly {
        text: String,
        inputs: Vec<Expr>,
        memory: bool,
    },
    /// `dst` becomes the address of a fresh object of `size` bytes. With `may_fail`, possibly null.
    Alloc {
        dst: LocalId,
        size: Expr,
        zeroed: bool,
        may_fail: bool,
        kind: AllocKind,
    },
    /// Ends the life of the heap object, or the variable-length array, that `ptr` points to the start of; null is a
    /// no-op.
    Free { ptr: Expr },
    /// `dst` = number of characters before the first NUL at or after `ptr` (pointer width). A character has `unit`
    /// bytes (1: `char`; 2 and 4: wide ones), and lies at `ptr` plus a multiple of that. Where no NUL follows in the
    /// object, the number of whole characters to its end: `Terminated{ptr}` is `dst < ObjectSize(ptr) / unit`, and
    /// the statement itself assumes nothing (bounded string functions run on arrays without a NUL).
    StringLength { dst: LocalId, ptr: Expr, unit: u64 },
    /// `dst` = bytes from `ptr` to the end of its object (pointer width).
    ObjectSize { dst: LocalId, ptr: Expr },
    /// `dst` (if any) `= callee(args)`. Arguments have the callee's parameter types; a record is passed
    /// and returned by address: a returned record's address comes first among the arguments.
    Call {
        dst: Option<LocalId>,
        callee: Callee,
        args: Vec<Expr>,
    },
    /// The obligation must hold here; execution goes on as if it did.
    Check(ObligationId),
    /// Executions where the condition (an `Int(1)`) is false are not considered.
    Assume(Expr),
    /// The memory local begins a life with indeterminate contents.
    ScopeStart(LocalId),
    /// The memory local's life ends.
    ScopeEnd(LocalId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HavocReason {
    /// `__VERIFIER_nondet_*` and the like: an input of the program.
    Input,
    /// Result of floating-point arithmetic.
    Float,
    /// Output of inline assembly.
    Assembly,
    /// An argument of a variadic call, which the model does not carry to where it is read.
    Argument,
    /// Which of several things that a library may do the one in use does: not known here, and always the same.
    Library,
    /// Read of a volatile object or something else outside the model.
    Environment,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AllocKind {
    Heap,
    /// `alloca` or a variable-length array: lives until the function returns.
    Stack,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Callee {
    Direct(FunctionId),
    Indirect(Expr),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Terminator {
    Goto(BlockId),
    /// Condition is an `Int(1)`.
    Branch {
        condition: Expr,
        then: BlockId,
        otherwise: BlockId,
    },
    /// First case whose (unsigned pattern) range `low..=high` holds the value.
    Switch {
        value: Expr,
        cases: Vec<SwitchCase>,
        default: BlockId,
    },
    /// A scalar value, or none for `void` and for records (which go through the hidden pointer).
    Return(Option<Expr>),
    /// Execution never gets here (after a `noreturn` call, `__builtin_unreachable`).
    Unreachable,
}

#[derive(Clone, Debug, PartialEq)]
pub struct SwitchCase {
    pub low: u128,
    pub high: u128,
    pub target: BlockId,
}

/// A pure expression. Widths are explicit where they do not follow from the operands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Expr {
    /// Pattern of `bits` bits; `value < 2^bits`.
    Int {
        bits: u32,
        value: u128,
    },
    Null,
    /// Value of a register local.
    Local(LocalId),
    /// Address of a memory local.
    LocalAddress(LocalId),
    GlobalAddress(GlobalId),
    FunctionAddress(FunctionId),
    Unary {
        op: UnaryOp,
        arg: Box<Expr>,
    },
    /// Both operands and the result have the same width (shifts too: the count is converted).
    Binary {
        op: BinaryOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// Integers of one width; the result is an `Int(1)`.
    Compare {
        op: CompareOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// Pointers; the result is an `Int(1)`. Only `Equal`, `NotEqual` and the unsigned orders.
    PtrCompare {
        op: CompareOp,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    Resize {
        kind: Resize,
        bits: u32,
        arg: Box<Expr>,
    },
    /// `condition ? then : otherwise`, both sides pure; condition is an `Int(1)`.
    Select {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    /// `ptr + index * scale` bytes; index is a signed pattern of pointer width.
    PtrAdd {
        ptr: Box<Expr>,
        index: Box<Expr>,
        scale: u64,
    },
    /// Address of a member: `ptr + offset`, the offset read from the record.
    Member {
        ptr: Box<Expr>,
        record: crate::types::RecordId,
        field: u32,
    },
    /// `(lhs - rhs) / scale`, signed, pointer width. Both in the same object.
    PtrDiff {
        lhs: Box<Expr>,
        rhs: Box<Expr>,
        scale: u64,
    },
    /// Address as an integer of pointer width.
    PtrToInt(Box<Expr>),
    /// Pointer from an integer of pointer width.
    IntToPtr(Box<Expr>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum UnaryOp {
    /// Bitwise complement (of an `Int(1)`: logical not).
    Not,
    /// `0 - x` modulo `2^bits`.
    Neg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    /// Divisions truncate toward zero. By zero, as SMT-LIB has it: `UDiv` all ones, `SDiv` -1 or (of a negative
    /// dividend) 1, and either remainder the dividend.
    SDiv,
    UDiv,
    SRem,
    URem,
    And,
    Or,
    Xor,
    /// Count read as unsigned; a count of the width or more gives 0 (`AShr`: the sign).
    Shl,
    LShr,
    AShr,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CompareOp {
    Equal,
    NotEqual,
    ULess,
    ULessEqual,
    SLess,
    SLessEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Resize {
    ZeroExtend,
    SignExtend,
    Truncate,
}

impl Expr {
    /// Integer constant, cut to its width.
    pub fn int(bits: u32, value: i128) -> Expr {
        let value = value as u128;
        Expr::Int {
            bits,
            value: if bits >= 128 {
                value
            } else {
                value & ((1 << bits) - 1)
            },
        }
    }

    pub fn bool(value: bool) -> Expr {
        Expr::int(1, i128::from(value))
    }

    /// Type of the expression in a function; pointer width comes from the model.
    pub fn ty(&self, function: &Function, model: DataModel) -> Ty {
        match self {
            Expr::Int { bits, .. } | Expr::Resize { bits, .. } => Ty::Int(*bits),
            Expr::Local(l) => match function.locals[l.index()].storage {
                Storage::Register(ty) => ty,
                Storage::Memory => Ty::Ptr,
            },
            Expr::Null
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_)
            | Expr::PtrAdd { .. }
            | Expr::Member { .. }
            | Expr::IntToPtr(_) => Ty::Ptr,
            Expr::Unary { arg, .. } => arg.ty(function, model),
            Expr::Binary { lhs, .. } => lhs.ty(function, model),
            Expr::Compare { .. } | Expr::PtrCompare { .. } => Ty::Int(1),
            Expr::Select { then, .. } => then.ty(function, model),
            Expr::PtrDiff { .. } | Expr::PtrToInt(_) => Ty::Int(model.pointer_bits()),
        }
    }
}

impl Function {
    /// Its name in C. (Functions of the same name are told apart by a number behind a dot.)
    pub fn c_name(&self) -> &str {
        self.name.split('.').next().unwrap_or_default()
    }

    /// Whether the obligation is a clause of the function's own contract, and so a matter of its callers.
    pub fn is_contract(&self, id: ObligationId) -> bool {
        self.obligations.get(id.index()).is_some_and(|o| o.required)
    }

    pub fn blocks(&self) -> &[Block] {
        match &self.body {
            Body::Defined(blocks) => blocks,
            Body::Declared | Body::Unsupported(_) => &[],
        }
    }
}

impl Program {
    pub fn function_named(&self, name: &str) -> Option<FunctionId> {
        self.functions
            .iter()
            .position(|f| f.name == name)
            .map(|i| FunctionId(i as u32))
    }
    pub fn function(&self, id: FunctionId) -> &Function {
        &self.functions[id.index()]
    }
    pub fn global(&self, id: GlobalId) -> &Global {
        &self.globals[id.index()]
    }
    pub fn record(&self, id: crate::types::RecordId) -> &Record {
        &self.records[id.0 as usize]
    }
}

//! A concrete interpreter: runs one function on one [`Input`], exactly, and says what happened.
//!
//! It is the second opinion on a counterexample. Every [`Condition`](crate::Condition) is evaluated at its
//! check; the first that is false ends the run, unless the caller asked to pass over it. Then execution goes
//! on as the machine would: arithmetic wraps, a write outside every live object is dropped byte by byte, a
//! read there gives zeros.
//!
//! What is left open by the program is decided by the input, and where the input says nothing, by zeros:
//!
//! - Registers and memory that were never written read as zero (and count as not initialised).
//! - A `Havoc`, a volatile load, a `HavocMemory`, a may-fail `Alloc`, and a call of a function without body
//!   whose return type is a scalar (whether or not the result is used) each take the next [`Choice`] if it is
//!   of their kind, and for a call, if it names that function or none. Otherwise the value is zero, the bytes
//!   are zero, the allocation succeeds, and [`Run::choices_missing`] counts it.
//! - A function without body changes no bytes; but what its pointer arguments point to counts as initialised
//!   afterwards.
//! - A global of unknown size is larger than any access.
//! - Objects of the input count as heap objects: the function under test may free them.
//!
//! The interpreter is total: it ends within its limits on every program, ill-formed ones included.
//!
//! [`Choice`]: crate::input::Choice

use std::collections::BTreeSet;

use vf_source::Span;

use crate::input::Input;
use crate::obligation::ObligationId;
use crate::program::{BlockId, FunctionId, LocalId, Program};

mod calls;
mod check;
mod dependences;
mod eval;
mod kept;
mod library;
mod machine;
mod memory;
mod observe;
mod outside;
mod record;
mod setup;
mod text;
mod value;

pub use kept::Kept;
pub use memory::{ObjectId, ObjectInfo, ObjectKind, Padding, Pointer};
pub use observe::{Asked, Cell, Effects, Made, Observed, Seen, SeenCall, SeenObject, observe};
pub use record::{History, Node, NodeId, Observation, Site, Source};
pub use value::{Value, signed};

/// Decides which checks to pass over.
pub type Ignore<'a> = &'a dyn Fn(FunctionId, ObligationId) -> bool;

/// How far a run may go.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Statements, terminators, and 64-byte pieces of memory operations.
    pub steps: u64,
    /// Bytes of memory, bookkeeping included.
    pub memory: u64,
    /// Active calls.
    pub depth: usize,
    /// Steps of the trace that are kept: the last ones.
    pub trace: usize,
    /// Checks that are not made.
    pub ignore: Option<Ignore<'a>>,
    /// What objects of the run are larger than the program says.
    pub padding: Option<Padding>,
}

impl Default for Limits<'_> {
    fn default() -> Self {
        Limits {
            steps: 1_000_000,
            memory: 64 << 20,
            depth: 1000,
            trace: 10_000,
            ignore: None,
            padding: None,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The function under test returned.
    Returned { value: Option<Value> },
    /// A check failed.
    Violated {
        function: FunctionId,
        obligation: ObligationId,
        /// Active calls, the function under test first, the one that violates last.
        call_stack: Vec<CallSite>,
    },
    /// An `Assume` does not hold: the input is none that counts.
    AssumptionFailed,
    /// Control reached [`Terminator::Unreachable`](crate::Terminator::Unreachable), after a call that does not
    /// return, say.
    Unreachable,
    /// The interpreter cannot go on.
    Stuck(StuckReason),
}

/// Where an active call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallSite {
    pub function: FunctionId,
    pub block: BlockId,
    pub span: Span,
}

/// Why the interpreter cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StuckReason {
    #[error("the input names function '{name}', which the program does not have")]
    UnknownFunction { name: String },
    #[error("the input names global '{name}', which the program does not have")]
    UnknownGlobal { name: String },
    #[error("the input names object {index}, but has only {count}")]
    UnknownObject { index: usize, count: usize },
    #[error("function '{name}' is declared but has no body to run")]
    NoBody { name: String },
    #[error("function '{name}' uses {construct}, which is not supported")]
    UnsupportedBody { name: String, construct: String },
    #[error("a call goes through a pointer that is not the address of a function")]
    NotAFunction,
    #[error("an argument of a variadic call is read, which the model does not pass on")]
    VariadicArgument,
    #[error("the run takes more than {limit} steps")]
    StepLimit { limit: u64 },
    #[error("the run needs more than {limit} bytes of memory")]
    MemoryLimit { limit: u64 },
    #[error("more than {limit} calls are active")]
    DepthLimit { limit: usize },
    #[error("an expression nests more than {limit} deep")]
    ExpressionDepth { limit: u32 },
    #[error("function '{function}' is ill-formed: {what}")]
    IllFormed { function: String, what: &'static str },
}

/// One executed statement or terminator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub function: FunctionId,
    pub block: BlockId,
    /// Index of the statement in its block; `None` for the terminator.
    pub statement: Option<usize>,
    pub span: Span,
    /// Active calls: 1 in the function under test.
    pub depth: usize,
    pub effect: Effect,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    None,
    /// A register got a value.
    Assigned(LocalId, Value),
    /// A scalar was written to memory.
    Stored(Pointer, Value),
    /// A function of the program was entered.
    Called(FunctionId),
    /// Control went to a block.
    WentTo(BlockId),
    /// The function returned.
    Returned(Option<Value>),
    /// The check failed, and was passed over or ended the run.
    CheckFailed(ObligationId),
}

/// A call of a function without body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalCall {
    pub function: String,
    pub arguments: Vec<ExternalArgument>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternalArgument {
    Value(Value),
    /// A pointer to a terminated string, with its bytes (without the NUL).
    String(Pointer, Vec<u8>),
}

/// Everything that is known after a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub outcome: Outcome,
    /// The last steps, in order of execution.
    pub trace: Vec<Step>,
    /// Steps before those, which were not kept.
    pub trace_dropped: u64,
    /// Calls of functions without body, in order.
    pub output: Vec<ExternalCall>,
    pub choices_used: usize,
    /// Decisions that the input did not make.
    pub choices_missing: usize,
    /// Where in objects of the input (number, offset) a pointer was read that leads to no object: null, or an address. Some places, if
    /// there are many.
    pub unled: BTreeSet<(usize, u64)>,
    pub steps: u64,
    /// Every object of the run; [`ObjectId`] is an index into it.
    pub objects: Vec<ObjectInfo>,
}

/// Runs `input.function` of the program.
pub fn run(program: &Program, input: &Input, limits: &Limits<'_>) -> Run {
    machine::Machine::new(program, input, limits).run()
}

/// Runs it and keeps what depends on what, with the values that the `watched` steps see. No history when the run
/// was too long to be kept.
pub fn run_recorded(
    program: &Program,
    input: &Input,
    limits: &Limits<'_>,
    watched: &BTreeSet<NodeId>,
) -> (Run, Option<History>) {
    machine::Machine::new(program, input, limits)
        .recording(watched)
        .run_to_end()
}

/// Runs what is left of the program when every statement but the kept ones is taken out. A decision that is not
/// kept goes on where its ways meet again; a check is made before what is kept.
pub fn run_kept(program: &Program, input: &Input, limits: &Limits<'_>, kept: &Kept) -> Run {
    machine::Machine::new(program, input, limits).keeping(kept).run()
}

#[cfg(test)]
mod tests;

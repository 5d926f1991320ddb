//! The typed intermediate representation.
//!
//! The front end lowers C to this; the verifier, the interpreter and the printers read it. Its rules:
//!
//! - **Expressions are pure.** They read register locals and constants, never memory, and cannot fail.
//!   Whatever reads memory, writes it, or can go wrong is a statement of its own.
//! - **Checks are data.** Every implicit condition of C (an index in range, a divisor not zero) is an
//!   [`Obligation`] of the function, referred to by exactly one [`StmtKind::Check`], which stands directly
//!   before the statement that needs it. The statement itself has no hidden check.
//! - **Short-circuit and choice are control flow**, so that a check is reached exactly when C reaches it.
//! - **Integers are bit patterns**: a width, no sign. Signedness lives in the operation.
//! - **A scalar local whose address is never taken is a register**; every other local is a memory object.
//!
//! This crate knows types, layout and control flow. It knows neither C syntax nor solvers.

#[cfg(test)]
mod arbitrary;
pub mod cfg;
pub mod input;
pub mod interp;
pub mod obligation;
pub mod parse;
pub mod print;
pub mod program;
pub mod restrict;
pub mod slice;
pub mod types;
pub mod versions;

pub use obligation::{Access, Condition, Obligation, ObligationId, Property};
pub use program::*;
pub use restrict::Restricted;
pub use types::*;

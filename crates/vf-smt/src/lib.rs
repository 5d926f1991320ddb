//! Terms, solver, models and SMT-LIB text: the only crate that names z3.
//!
//! Read it in this order:
//!
//! 1. [`term`]: a [`Term`] is a number in a pool ([`Terms`]) that stores every distinct node once. A node's
//!    children are always older than the node, so that ascending numbers are a topological order and no walk
//!    over terms needs recursion.
//! 2. `logic`, `bits`, `overflow`, `array`: the constructors. They simplify as they build; what they return is
//!    equal to what was asked for in every interpretation, by the semantics of SMT-LIB's `FixedSizeBitVectors`
//!    and `ArraysEx` theories.
//! 3. [`range`]: an interval of every bit-vector term, computed when the term is made.
//!    `bounds` narrows them by what a query assumes, and answers where they leave nothing.
//! 4. [`value`]: concrete values and an evaluator, written independently of the solver.
//! 5. [`print`]: SMT-LIB 2.6 text.
//! 6. [`solver`]: z3, incremental, with limits; a model is returned only after the evaluator has found every
//!    asserted formula true under it.
//!
//! 7. `integers`: the same formulas over the integers, for products of unknowns; it can only answer "no".
//! 8. [`horn`]: invariants of abstract loops, by z3's Spacer; they are proposals.
//! 9. [`Stop`]: ends from another thread what a thread asks.
//!
//! This crate knows nothing of C, of programs or of memory: it knows booleans, bit-vectors of 1 to
//! [`MAX_BITS`] bits, and arrays from bit-vectors to bit-vectors.

mod array;
mod backend;
mod bits;
mod bits_resize;
mod bounds;
mod compare;
pub mod horn;
mod integers;
mod logic;
mod memory;
mod model;
mod overflow;
pub mod print;
mod products;
pub mod range;
mod reads;
pub mod solver;
mod stop;
pub mod tables;
pub mod term;
mod translate;
pub mod traverse;
pub mod value;
mod version;

pub use solver::{Limits, Model, Outcome, Solver, Statistics, UnknownWhy};
pub use stop::Stop;
pub use term::{MAX_BITS, Sort, Term, Terms, View};
pub use value::{Assignment, Value};
pub use version::{library, version};

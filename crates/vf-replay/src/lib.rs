//! Replay of counterexamples.
//!
//! The verifier says that an input breaks a function; this crate lets the function run on it. [`replay`] makes
//! a C program of the input ([`harness`]), compiles it with AddressSanitizer and
//! UndefinedBehaviorSanitizer, runs it in a [`sandbox`], and asks whether a sanitizer saw the violation that
//! was promised, at the place that was promised ([`sanitizer`]). What no sanitizer looks for (unsigned
//! wrap-around, lost bits, reads of uninitialised memory) the IR interpreter confirms.
//!
//! This crate does not know how a counterexample was found: it sees programs, inputs and source text, neither
//! verdicts nor solvers.

mod both;
mod build;
mod error;
pub mod harness;
mod pair;
mod replay;
pub mod sandbox;
pub mod sanitizer;

pub use both::{Both, BothRequest, run_both};
pub use build::find_compiler;
pub use error::ReplayError;
pub use pair::{Pair, PairRequest, Ran, Version, reproduce};
pub use replay::{Execution, ReplayOutcome, Request, Target, Witness, materialize, replay};

//! C as text: tokens, function definitions, statements and expressions with their byte ranges.
//!
//! Candidates are edits of what the user wrote, so their places are found in that text and not in the IR,
//! which comes after the preprocessor. Nothing here decides a verdict: a construct that is read wrongly makes
//! a poor candidate, and the prover refuses it.

pub mod alpha;
pub mod expr;
pub mod functions;
pub mod lex;
pub mod outline;

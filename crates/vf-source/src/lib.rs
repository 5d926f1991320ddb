//! Source text: files, positions, spans and unified diffs.
//!
//! This crate knows nothing of C: no tokens, no types, no proofs. A [`SourceMap`] owns the text of every
//! file that was read; a [`Span`] names a stretch of one of them in the lines and columns a user's editor
//! shows, and is small enough to be copied into every node of every later layer.

pub mod diff;
mod span;
pub mod tables;

pub use span::{FileId, Position, SourceFile, SourceMap, Span};

//! Replay of counterexamples in a sandbox.

pub mod sandbox;

//! Replay of counterexamples in a sandbox.

//! The verifier: from a program with obligations to verdicts with evidence.

pub mod report;

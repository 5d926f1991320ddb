//! Experiments on the prover.
//!
//! A prover is believed for what it was tried on. The tests of the other crates hold cases that somebody thought of;
//! here are the trials that nobody thought of: [`random_programs`] writes small C programs, lets the prover judge
//! them, executes them, and compares.
//!
//! This crate knows the prover, the front end and the sandbox from outside, as a user does; nothing depends on it.
//! The programs it runs are its own, and run in the sandbox of `vf-replay` all the same.

pub mod random_programs;

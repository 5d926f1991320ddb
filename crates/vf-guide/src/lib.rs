//! Guides for decoding: what a model may write next, said by logic.
//!
//! Each arm is a [`Guide`](vf_model::guide::Guide) of its own, and they stack ([`make`]):
//!
//! - `grammar`: an edit of numbered lines that leaves the function C ([`grammar`], [`places`]);
//! - `names`: only names in scope, each where its type lets it stand ([`typed`], [`scope`], [`facts`]);
//! - `cex`: a guard that does nothing about a known counterexample is pruned ([`GuardGuide`]);
//! - `prover`: a statement after which nothing helps any more is pruned ([`PrefixGuide`]);
//! - `refuted`: what was refuted is not written again ([`Refuted`]).
//!
//! [`Fenced`] lets a model say something before; [`tree`] searches over statements. How each of them works, what it may lose
//! and how to add one is in `docs/guided-decoding.md`. Nothing that a guide says is trusted: a candidate is accepted
//! by the prover alone, and a guide that is wrong costs candidates.

pub mod arms;
pub mod facts;
mod fenced;
pub mod grown;
mod guards;
mod lark;
pub mod places;
mod prefix;
mod refuted;
mod rules;
pub mod scope;
mod syntax;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod tree;
pub mod typed;
mod vocabulary;

pub use arms::{Arm, ArmError, Arms, Made, Subject, UnknownArm, make};
pub use fenced::Fenced;
pub use guards::{Evaluator, GuardGuide, GuardOracle, GuardVerdict, Inputs};
pub use lark::{OPEN, Start};
pub use prefix::{Ask, PrefixGuide, PrefixOracle, PrefixVerdict, ProverOracle};
pub use refuted::{Refuted, RefutedGuide};
pub use syntax::grammar;
pub use vocabulary::{GrammarError, GrammarGuide, Vocabulary};

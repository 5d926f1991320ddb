//! The corpus: pairs of a version of a function that is refuted and one that is proved.
//!
//! [`generate`] writes functions that are meant to be safe, [`mutate`] breaks them as people do, and [`prove`] decides: only what is
//! proved, and refuted with an execution that shows it, and repaired by a patch that is a proven fix, becomes a [`Record`]. [`import`]
//! makes records of pairs that somebody gives, [`mine`] finds such pairs in a git history, [`check`] proves and refutes again what a file claims.
//!
//! [`drafts`] are for training only.
//!
//! What is made depends on a seed and a number only. Nothing here decides a verdict, prints, or reads flags.

pub mod alone;
pub mod check;
pub mod drafts;
mod error;
pub mod export;
pub mod file;
pub mod generate;
pub mod hash;
pub mod import;
pub mod make;
pub mod mine;
pub mod mutate;
pub mod pair;
pub mod prelude;
pub mod prove;
pub mod random;
pub mod record;
pub mod report;

pub use error::CorpusError;
pub use record::{Record, SCHEMA, Split};

//! Token-level rewriting of one declaration into what lang-c's grammar takes.

pub mod side;

pub use side::{Attribute, Rewrite, SideTable, Target, marker};

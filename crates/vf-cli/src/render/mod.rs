//! Results as text for people, and as SARIF for tools. (JSON is the report types' own serialisation.)

pub mod look;
mod obligation;
pub mod patch;
pub mod repair;
pub mod sarif;
pub mod search;
pub mod text;

//! The front end: C text to IR. The only crate that names `lang_c`.
//!
//! `preprocess` runs the user's compiler with the user's flags; `normalise` tokenises its output, rewrites
//! what lang-c does not take and splits the text into top-level declarations; `parse` gives each to lang-c
//! with the typedef names it uses; `lower` makes IR of it; [`load`] is all of that, linked.

mod acsl;
mod ast;
pub mod error;
pub mod lex;
mod link;
mod lower;
pub mod normalise;
pub mod parse;
pub mod preprocess;
pub mod spans;
pub mod split;

pub use ast::ast_text;
pub use link::{load, load_preprocessed};

use std::path::PathBuf;

use vf_ir::{DataModel, Program};
use vf_source::{FileId, SourceMap, Span};

/// How to read the program.
#[derive(Clone, Debug)]
pub struct Options {
    pub model: DataModel,
    /// The compiler whose preprocessor runs (`cc`).
    pub compiler: PathBuf,
    /// Flags as the user's build has them (`-I`, `-D`, `-include`, `-std=...`).
    pub flags: Vec<String>,
    /// Directory the flags' relative paths start from; the current one when `None`.
    pub directory: Option<PathBuf>,
    /// Which functions to parse and lower.
    pub wanted: Wanted,
    /// Texts that replace files on disk: a candidate is checked without touching the tree.
    pub overlay: Vec<(PathBuf, String)>,
    /// Link the models of library functions in (`smt/contracts`).
    pub library_models: bool,
    /// Check one function out of a file whose headers are missing: unknown types are stubbed.
    pub snippet: bool,
}

impl Options {
    /// Everything in the main files, for 64-bit machines as Linux has them, with the library models, no flags, in the current
    /// directory, preprocessed by `compiler`.
    pub fn new(compiler: impl Into<PathBuf>) -> Options {
        Options {
            model: DataModel::Lp64,
            compiler: compiler.into(),
            flags: Vec::new(),
            directory: None,
            wanted: Wanted::All,
            overlay: Vec::new(),
            library_models: true,
            snippet: false,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Every function defined in the main files, and what they reach.
    All,
    /// These functions and what they reach.
    Functions(Vec<String>),
}

/// A loaded program.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub program: Program,
    pub sources: SourceMap,
    /// The files given, as opposed to what they include.
    pub main_files: Vec<FileId>,
    /// Warnings; errors of single declarations, which did not stop the rest.
    pub diagnostics: Vec<Diagnostic>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub message: String,
    pub span: Span,
}

//! Everything that can stop a file from being read.

use std::path::PathBuf;

/// Why a translation unit could not be loaded at all. A single declaration that does not parse is not among
/// these: it is a [`crate::parse::ParseFailure`], and the rest of the file goes on.
#[derive(Debug, thiserror::Error)]
pub enum FrontendError {
    #[error("{}: no such file", path.display())]
    MissingFile { path: PathBuf },
    #[error("{}: is a directory; name a C file", path.display())]
    Directory { path: PathBuf },
    #[error("{}: not a regular file; name a C file", path.display())]
    NotAFile { path: PathBuf },
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{}:{line}: binary file (a NUL byte): not C source", path.display())]
    Binary { path: PathBuf, line: u32 },
    #[error("{}: empty file: nothing to check", path.display())]
    Empty { path: PathBuf },
    #[error("{}:{line}: not C: nothing in the file parses, the first trouble being at `{text}`", path.display())]
    NotC { path: PathBuf, line: u32, text: String },
    #[error("compiler {} not found; install one (Debian: gcc) or name another", compiler.display())]
    CompilerMissing { compiler: PathBuf },
    #[error("compiler {} could not be run: {error}", compiler.display())]
    CompilerUnusable {
        compiler: PathBuf,
        error: std::io::Error,
    },
    /// The preprocessor refused the file.
    #[error(
        "{}{}: preprocessing failed:\n{message}\n  give the file's flags after `--` (-I, -D, -include), or check one function with --snippet",
        path.display(),
        line.map(|l| format!(":{l}")).unwrap_or_default()
    )]
    Preprocessor {
        path: PathBuf,
        /// Line of the first error in `path` itself, where the compiler named one.
        line: Option<u32>,
        /// First lines of what the compiler said.
        message: String,
    },
    #[error(
        "flag {flag} changes the layout of types in a way that is not followed; leave it out or check without it"
    )]
    UnsupportedFlag { flag: String },
    #[error(
        "compiler {} has {name} {found}, but the data model asked for has {wanted}; choose the other model (LP64 or ILP32) or another compiler",
        compiler.display()
    )]
    DataModel {
        compiler: PathBuf,
        name: &'static str,
        found: u32,
        wanted: u32,
    },
    #[error("compiler {} is for a big-endian machine, which is not supported", compiler.display())]
    BigEndian { compiler: PathBuf },
    #[error("{}: preprocessed text is {bytes} bytes, over the limit of {limit}", path.display())]
    TooLarge {
        path: PathBuf,
        bytes: usize,
        limit: usize,
    },
    #[error("{}: temporary files could not be written: {error}", path.display())]
    Temporary { path: PathBuf, error: std::io::Error },
    /// A changed header was given, but the compiler read the one on disk.
    #[error(
        "{}: the changed text of header {} cannot be put in front of the one on disk (it is included by its neighbour); apply the change to a copy of the tree instead",
        path.display(), header.display()
    )]
    OverlayNotUsed { path: PathBuf, header: PathBuf },
    #[error("{}:{line}: {problem}", path.display())]
    BadCompileCommands {
        path: PathBuf,
        line: usize,
        problem: String,
    },
    #[error("{}: lists no command for {}", path.display(), file.display())]
    NoCompileCommand { path: PathBuf, file: PathBuf },
    #[error("{}: not a kernel .cmd file (no `cmd_...` or `savedcmd_...` line)", path.display())]
    BadKernelCommand { path: PathBuf },
    #[error(
        "{}: `{function}` is not defined here{}",
        path.display(),
        if near.is_empty() { String::new() } else { format!("; did you mean {}?", near.join(", ")) }
    )]
    UnknownFunction {
        path: PathBuf,
        function: String,
        /// Names of functions that are defined, the most similar first.
        near: Vec<String>,
    },
}

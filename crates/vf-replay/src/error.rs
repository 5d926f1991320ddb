//! What can go wrong before there is a result.

use std::path::PathBuf;

use crate::sandbox::SandboxError;

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(
        "no C compiler: `{compiler}` was not found{searched}; install gcc or clang, or name one with --compiler",
        compiler = compiler.display(),
        searched = if compiler.components().count() == 1 { " in PATH" } else { "" }
    )]
    NoCompiler { compiler: PathBuf },
    #[error("the replay harness for {function} did not compile:\n{messages}")]
    DoesNotCompile {
        function: String,
        /// The first lines that the compiler or the linker wrote.
        messages: String,
    },
    #[error("the compiler met a limit ({limit}) on the replay harness for {function}")]
    CompilerLimit { function: String, limit: &'static str },
    #[error("the counterexample names function {function}, which the program does not define")]
    NoFunction { function: String },
    #[error("the replay harness cannot express {what}")]
    CannotExpress { what: String },
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error("cannot read {path}: {source}", path = path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
}

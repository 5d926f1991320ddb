//! How the loop asks for verdicts. A trait, so that tests can script the prover's answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use vf_frontend::Loaded;
use vf_ir::Program;
use vf_verify::Executions;
use vf_verify::report::CheckReport;

/// One question to the prover.
#[derive(Clone, Debug)]
pub struct CheckRequest<'a> {
    /// The file whose functions are checked; absolute, or relative to the current directory.
    pub file: &'a Path,
    /// Texts that stand in for files on disk.
    pub overlay: &'a [(PathBuf, String)],
    /// Functions to check; empty for every function that the file defines.
    pub functions: &'a [String],
    /// What is left of the run's time.
    pub time_left: Option<Duration>,
    /// Nobody reads what would help where something is not proved (contracts, invariants): it need not be looked for.
    pub verdicts_only: bool,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Checked {
    pub report: CheckReport,
    /// The program behind it; `None` where verdicts were scripted.
    pub program: Option<Arc<Program>>,
    /// The same, to be executed; without it nothing is compared, and no candidate is proven.
    pub executions: Option<Arc<Executions>>,
}

/// The program could not be brought before the prover.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CheckError {
    /// The front end refused the text.
    #[error("{file}: {message}")]
    Load { file: PathBuf, message: String },
}

/// Something that gives verdicts on a text; one thread at a time uses it.
pub trait Checker: Send {
    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError>;

    /// What the file and all of its functions are lowered to; `None` where verdicts are scripted. The request's functions do not
    /// count.
    fn load(&mut self, request: &CheckRequest<'_>) -> Result<Option<Loaded>, CheckError> {
        let _ = request;
        Ok(None)
    }

    /// Another one that gives the same verdicts, for a thread beside this one; `None` where there is only one.
    fn another(&self) -> Option<Box<dyn Checker>> {
        None
    }

    /// `#define` lines of every macro that a text in the place of a file sees; `None` where nobody knows.
    fn macros(&mut self, file: &Path, text: &str) -> Option<String> {
        let _ = (file, text);
        None
    }

    /// Whether the compiler takes a text in the place of a file; its message where it does not. The front end
    /// is lenient (it does not know every type), so this is asked before a candidate is checked.
    fn compiles(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let _ = (file, text);
        Ok(())
    }
}

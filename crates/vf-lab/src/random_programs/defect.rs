//! What a comparison of verdicts with executions can find wrong.

use vf_verify::report::Verdict;

/// The prover, the front end or the interpreter is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    #[error("the front end refuses a valid program: {0}")]
    NotRead(String),
    #[error("the compiler refuses a program that the front end takes: {0}")]
    NotCompiled(String),
    #[error("{function} is unsupported: {why}")]
    Unsupported { function: String, why: String },
    #[error("the checker panicked: {0}")]
    Panicked(String),
    #[error("{id} (line {line}) is {verdict:?}, but the interpreter violates it on {input}")]
    WrongVerdict {
        id: String,
        line: u32,
        verdict: Verdict,
        input: String,
    },
    #[error(
        "the interpreter violates {property} at line {line} on {input}, and no obligation there was reported"
    )]
    NotReported {
        property: &'static str,
        line: u32,
        input: String,
    },
    #[error("{id} (line {line}) is unreachable, but the interpreter comes there on {input}")]
    Reached { id: String, line: u32, input: String },
    #[error("a sanitizer reports `{message}` at line {line} on {input}, where every obligation is proved")]
    ReportWhereProved {
        message: String,
        line: u32,
        input: String,
    },
    #[error("a sanitizer reports `{message}` at line {line} on {input}; the interpreter {interpreted}")]
    ReportNotInterpreted {
        message: String,
        line: u32,
        input: String,
        interpreted: String,
    },
    #[error("MemorySanitizer reports line {line} on {input}; the interpreter reads nothing uninitialised")]
    UninitialisedNotInterpreted { line: u32, input: String },
    #[error("the program returns {native}, the interpreter {interpreted}, on {input}")]
    ResultsDiffer {
        native: i32,
        interpreted: i32,
        input: String,
    },
    #[error("the counterexample of {id} does not violate it in the interpreter: {why}")]
    NotConfirmed { id: String, why: String },
    #[error("{id} (line {line}) is refuted, but its counterexample {input} runs clean under the sanitizers")]
    CleanCounterexample { id: String, line: u32, input: String },
    #[error(
        "an execution on {input} is taken to be impossible: the place that it comes to with its result is {verdict:?}"
    )]
    ExecutionExcluded { verdict: Verdict, input: String },
}

impl Defect {
    /// Its name without the particulars: what a reduction keeps.
    pub fn kind(&self) -> &'static str {
        match self {
            Defect::NotRead(_) => "not read",
            Defect::NotCompiled(_) => "not compiled",
            Defect::Unsupported { .. } => "unsupported",
            Defect::Panicked(_) => "panic",
            Defect::WrongVerdict { .. } => "wrong verdict",
            Defect::Reached { .. } => "unreachable, but reached",
            Defect::NotReported { .. } => "obligation not reported",
            Defect::ReportWhereProved { .. } => "report where proved",
            Defect::ReportNotInterpreted { .. } => "report not interpreted",
            Defect::UninitialisedNotInterpreted { .. } => "uninitialised, not interpreted",
            Defect::ResultsDiffer { .. } => "results differ",
            Defect::NotConfirmed { .. } => "not confirmed",
            Defect::CleanCounterexample { .. } => "clean counterexample",
            Defect::ExecutionExcluded { .. } => "execution excluded",
        }
    }
}

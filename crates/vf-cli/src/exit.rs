//! Exit codes and the errors behind them.

use std::path::PathBuf;

use vf_verify::report::Overall;

use crate::output::WriteError;

/// What the process exits with; scripts rest on the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All proved, or a patch or repair proven.
    Proved = 0,
    /// Something refuted, or no proven repair found.
    Refuted = 1,
    /// Bad usage or input.
    BadInput = 2,
    /// Nothing refuted but something unknown, or proved only up to a bound.
    Unknown = 3,
    /// A fault of the tool.
    Fault = 4,
}

impl From<Overall> for Exit {
    fn from(overall: Overall) -> Exit {
        match overall {
            Overall::Proved => Exit::Proved,
            Overall::Refuted => Exit::Refuted,
            Overall::ProvedToBound | Overall::Unknown => Exit::Unknown,
        }
    }
}

/// Whatever keeps a command from giving a result. All of these are exit code 2 unless they say otherwise.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    #[error(
        "`{command}` is not in this version yet; there are check, patch, repair, replay, corpus and models"
    )]
    NotYet { command: &'static str },
    #[error("`{name}` is no property; the properties are {}", known.join(", "))]
    UnknownProperty { name: String, known: Vec<&'static str> },
    #[error("{}: {error}", path.display())]
    Specification {
        path: PathBuf,
        error: vf_verify::specification::SpecificationError,
    },
    #[error("--guide {0}")]
    #[cfg(feature = "model")]
    Guide(vf_guide::UnknownArm),
    #[error("--guide {arms} needs a model in this process (--model DIR): {model} does not tell its tokens")]
    NotGuided { arms: String, model: String },
    #[error("--guide {arms} holds the model to an edit: --answer-form {form} cannot be asked for beside it")]
    GuidedForm { arms: String, form: &'static str },
    #[error("--property takes property files (.prp) or names of properties, not both at once")]
    MixedProperties,
    #[error("{file}: no function `{name}` is defined there{}", near.as_ref().map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownFunction {
        file: String,
        name: String,
        near: Option<String>,
    },
    #[error(
        "{files}: defines no function: not C, or declarations only; name the C file that defines the functions"
    )]
    NothingDefined { files: String },
    #[error(
        "no function `main` is defined in {files}; leave --entry main and property files out to check each function alone"
    )]
    NoMain { files: String },
    #[error(transparent)]
    Frontend(#[from] vf_frontend::error::FrontendError),
    #[error(transparent)]
    Replay(#[from] vf_replay::ReplayError),
    #[error(transparent)]
    Write(#[from] WriteError),
    #[error(transparent)]
    Cache(#[from] vf_cache::CacheError),
    #[error("the result cannot be put into JSON: {0}")]
    Serialise(serde_json::Error),
    #[error("cannot read {}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: holds no report", path.display())]
    NoReport { path: PathBuf },
    #[error(transparent)]
    ReportText(#[from] vf_repair::report_text::ReportError),
    #[error(transparent)]
    ReportSarif(#[from] vf_repair::sarif::SarifError),
    #[error(transparent)]
    Repair(#[from] vf_repair::RepairError),
    #[error(transparent)]
    Prompt(#[from] vf_repair::PromptError),
    #[error("{0}")]
    Log(vf_repair::LogError),
    #[error("{}: {error}", path.display())]
    ReadLog {
        path: PathBuf,
        error: vf_repair::LogError,
    },
    #[error("{}: the log does not say what was asked; it is of an earlier version", path.display())]
    LogWithoutCommand { path: PathBuf },
    #[error("{}: what the log says was asked is no `repair`: {why}", path.display())]
    LogOfOther { path: PathBuf, why: String },
    #[error("{}: the run was in {}, which cannot be entered: {source}", path.display(), directory.display())]
    LogDirectory {
        path: PathBuf,
        directory: PathBuf,
        source: std::io::Error,
    },
    #[error(
        "{}: the run used the compiler {}, which a log is not trusted to name; give it with --compiler",
        path.display(), compiler.display()
    )]
    LogCompiler { path: PathBuf, compiler: PathBuf },
    #[error("there is nothing to ask: {why}")]
    NothingToAsk { why: &'static str },
    #[error(transparent)]
    Corpus(#[from] vf_corpus::CorpusError),
    #[error("the options after `--` are not those of `verify-fix repair`: {why}")]
    RepairOptions { why: String },
    #[error(transparent)]
    CorpusProver(#[from] vf_corpus::prove::ProveError),
    #[error(transparent)]
    Flags(#[from] vf_repair::FlagsError),
    #[cfg(not(feature = "model"))]
    #[error(
        "{model}: this program was built without models of its own (cargo feature `model`); give the URL of a server"
    )]
    WithoutModels { model: String },
    #[cfg(feature = "model")]
    #[error("--device: no GPU can be used: {why}; leave --device out to run the model on the CPU")]
    NoGpu { why: String },
    #[error("--model: {0}")]
    Server(vf_model::server::ServerError),
    #[error("{variable}: {error}")]
    Key {
        variable: &'static str,
        error: vf_model::server::BadKey,
    },
    #[error("--no-templates leaves nobody to propose; give a model with --model")]
    NobodyProposes,
    #[error("{patch}: {error}")]
    Patch {
        patch: String,
        error: Box<vf_repair::PatchError>,
    },
    #[error("--fixes {revision}: {error}; name a commit of the repository that the file is in")]
    Fixes {
        revision: String,
        error: Box<vf_repair::PatchError>,
    },
    #[error("{patch}: give the tree that the patch applies to with --tree, or a range of revisions FROM..TO")]
    NoTree { patch: String },
    #[error("{}: is not text", path.display())]
    NotText { path: PathBuf },
    #[cfg(feature = "model")]
    #[error(transparent)]
    Model(#[from] vf_model::ModelError),
    #[error("{}:{line}:{column}: not a JSON report of `verify-fix check`: {why}", path.display())]
    NotAReport {
        path: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error("{}: the report has schema \"{found}\", this version reads \"{wanted}\"", path.display())]
    OtherSchema {
        path: PathBuf,
        found: String,
        wanted: &'static str,
    },
    #[error("{}: no obligation has the id `{id}`; refuted are {}", path.display(), if refuted.is_empty() { "none".to_string() } else { refuted.join(", ") })]
    UnknownObligation {
        path: PathBuf,
        id: String,
        refuted: Vec<String>,
    },
    #[error("obligation {id} is {verdict}; only a refuted one has a counterexample to replay")]
    NoCounterexample { id: String, verdict: &'static str },
    #[error(
        "obligation {id}: {place} is not in the source any more, which changed since the report was written; run check again"
    )]
    SourceChanged { id: String, place: String },
    #[error("cannot create {}: {source}", path.display())]
    CreateFolder { path: PathBuf, source: std::io::Error },
}

impl CliError {
    pub fn exit(&self) -> Exit {
        Exit::BadInput
    }
}

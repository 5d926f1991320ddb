//! The repair loop: bug reports, proposers, candidates, proven patches.
//!
//! A bug report ([`BugReport`], read by [`report_text`] or [`sarif`]) names a place. [`locate`] finds the
//! function and its failed obligations. A [`Proposer`] makes [`Candidate`]s: edits of text that nobody trusts.
//! [`untrusted`] refuses those that reach outside the function, a [`Checker`] proves or refutes the rest, and
//! [`judge`] compares the two versions obligation by obligation. Only [`certify`] makes a [`ProvenPatch`].
//! What failed, and why, goes back to the proposer as [`Feedback`]. Of several that are proven, [`preference`] says which is kept.
//!
//! Entry points, for the command line:
//!
//! - [`repair`]`(&RepairRequest, &mut dyn Checker, &mut [Box<dyn Proposer>], Hooks) -> Result<RepairOutcome, RepairError>`
//! - [`judge_patch`]`(&PatchInput, &mut dyn Checker, time) -> Result<PatchReport, PatchError>`
//! - [`ProverChecker`] is the [`Checker`] over the real front end and verifier.
//! - [`SolverOnly`] proposes from templates; [`ModelProposer`] over any [`TextGenerator`].
//!
//! This crate knows C only as text (tokens, statements, expressions) and as IR; it knows neither solvers nor
//! how a model is run. It never writes to the tree under repair.

pub mod align;
pub mod behaviour;
pub mod bug;
pub mod certify;
pub mod checker;
pub mod contracts;
pub mod ctext;
pub mod flags;
pub mod history;
pub mod judge;
pub mod kept;
pub mod locate;
pub mod log;
pub mod mail;
pub mod message;
pub mod model_proposer;
pub mod patch;
mod patch_text;
pub mod preference;
pub mod prompt;
pub mod proposer;
pub mod prover;
pub mod report_text;
pub mod run;
pub mod sarif;
pub mod slots;
pub mod solver_only;
pub mod untrusted;

pub use bug::{BugReport, expected_properties};
pub use certify::{CertifyError, ProvenPatch, certify};
pub use checker::{CheckError, CheckRequest, Checked, Checker};
pub use contracts::{ContractChange, Precondition};
pub use flags::{FlagsError, TreeFlags, tree_flags};
pub use judge::{Behaviour, NotLookedAt, PatchReport, PatchVerdict, Version, judge, judge_by_proof};
pub use locate::{LocateError, locate};
pub use log::{LogError, LogRecord, LoggedProposer, Repetition, compare_runs, replay_log};
pub use model_proposer::{Generated, GeneratorError, ModelProposer, TextGenerator};
pub use patch::{ChangedFile, PatchError, PatchInput, changed_files, judge_functions, judge_patch};
pub use preference::{Cost, Preference, Reason};
pub use prompt::{AnswerForm, PromptError, PromptTemplate};
pub use proposer::{
    AskedPrompt, Candidate, Context, Failure, Feedback, Interleaved, ModelAnswer, Proposed, Proposer,
    ProposerError, Style, TextEdit,
};
pub use prover::ProverChecker;
pub use run::{
    Event, Hooks, Limits, RepairError, RepairOutcome, RepairRequest, RepairTarget, Stage, Stopped, Tried,
    repair,
};
pub use solver_only::SolverOnly;

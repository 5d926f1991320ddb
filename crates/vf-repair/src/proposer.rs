//! What a proposer is told, and what it may answer.

use std::ops::{ControlFlow, Range};
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vf_ir::Program;
use vf_verify::report::ObligationReport;

use crate::bug::BugReport;
use crate::untrusted::Refusal;

/// A source of candidates: templates, a model, a script in a test. Whatever it returns is checked.
pub trait Proposer {
    /// Short name for logs and progress (`solver-only`, `model:qwen2`).
    fn name(&self) -> &str;

    /// Candidates for the context, best first. An empty list means that it has nothing (more) to offer.
    /// `feedback` lists every candidate judged so far with the reason it failed, oldest first.
    fn propose(&mut self, context: &Context, feedback: &[Feedback]) -> Result<Vec<Candidate>, ProposerError>;

    /// Why answers of the last call held no candidate at all, in words. They become feedback.
    fn take_rejected(&mut self) -> Vec<String> {
        Vec::new()
    }

    /// The same one by one, each as soon as it is there, so that it can be checked while the next is made. After a break
    /// nothing more is wanted.
    fn propose_each(
        &mut self,
        context: &Context,
        feedback: &[Feedback],
        each: &mut dyn FnMut(Proposed) -> ControlFlow<()>,
    ) -> Result<(), ProposerError> {
        let candidates = self.propose(context, feedback)?;
        let rejected = self.take_rejected().into_iter().map(Err);
        for what in rejected.chain(candidates.into_iter().map(Ok)) {
            if each(Proposed { answer: None, what }).is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// One thing that a proposer came up with.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// What a model said.
    pub answer: Option<ModelAnswer>,
    /// The candidate, or why there is none in what the model said.
    pub what: Result<Candidate, String>,
}

/// An answer of a model, for the log.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelAnswer {
    pub text: String,
    pub tokens: u64,
    /// What the model was asked.
    pub asked: Arc<AskedPrompt>,
    /// What else there is to say of how the answer came about (what guided decoding did); null where there is nothing.
    pub details: serde_json::Value,
}

/// A prompt as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedPrompt {
    /// SHA-256 of the text, in hexadecimal.
    pub sha256: String,
    pub tokens: u64,
    /// Left out of logs that are not asked for it.
    pub text: Option<String>,
}

/// Two proposers in turns: for each answer of the second, one candidate of the first.
pub struct Interleaved {
    first: Box<dyn Proposer>,
    second: Box<dyn Proposer>,
    name: String,
}

impl Interleaved {
    /// `first` should be the quick one: it is asked for all that it has before the other begins.
    pub fn new(first: Box<dyn Proposer>, second: Box<dyn Proposer>) -> Interleaved {
        let name = format!("{}+{}", first.name(), second.name());
        Interleaved { first, second, name }
    }
}

impl Proposer for Interleaved {
    fn name(&self) -> &str {
        &self.name
    }

    fn propose(&mut self, context: &Context, feedback: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let mut found = Vec::new();
        self.propose_each(context, feedback, &mut |proposed| {
            found.extend(proposed.what.ok());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn propose_each(
        &mut self,
        context: &Context,
        feedback: &[Feedback],
        each: &mut dyn FnMut(Proposed) -> ControlFlow<()>,
    ) -> Result<(), ProposerError> {
        let mut ready = Vec::new();
        self.first.propose_each(context, feedback, &mut |proposed| {
            ready.push(proposed);
            ControlFlow::Continue(())
        })?;
        let mut ready = ready.into_iter();
        let mut over = false;
        // One to begin with: it is checked while the first answer is made.
        if let Some(proposed) = ready.next()
            && each(proposed).is_break()
        {
            return Ok(());
        }
        self.second.propose_each(context, feedback, &mut |proposed| {
            for proposed in [Some(proposed), ready.next()].into_iter().flatten() {
                if each(proposed).is_break() {
                    over = true;
                    return ControlFlow::Break(());
                }
            }
            ControlFlow::Continue(())
        })?;
        if !over {
            let _ = ready.try_for_each(each);
        }
        Ok(())
    }
}

/// Why a proposer could not answer at all.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// The text generator behind a model proposer failed.
    #[error("{proposer}: the model could not answer: {source}")]
    Generator {
        proposer: String,
        #[source]
        source: crate::model_proposer::GeneratorError,
    },
    /// The template of the prompt cannot be filled in.
    #[error("the prompt: {source}")]
    Prompt {
        #[source]
        source: crate::prompt::PromptError,
    },
    /// The function to repair is not where the context says.
    #[error("{proposer}: bytes {start}..{end} are outside {file}")]
    FunctionOutside {
        proposer: String,
        file: PathBuf,
        start: usize,
        end: usize,
    },
}

impl ProposerError {
    /// The time of the run was used up before the proposer had an answer.
    pub(crate) fn ran_out_of_time(&self) -> bool {
        matches!(
            self,
            ProposerError::Generator {
                source: crate::model_proposer::GeneratorError::Timeout,
                ..
            }
        )
    }
}

/// House style of the code under repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Style {
    Kernel,
    User,
}

/// Everything a proposer may look at.
#[derive(Clone, Debug)]
pub struct Context {
    /// What started the repair; `None` when a whole file is repaired without a report.
    pub report: Option<BugReport>,
    /// The tree, where there is one on disk: what the function uses from other files is looked for there.
    pub tree: Option<PathBuf>,
    /// Path of the file, relative to the tree.
    pub file: PathBuf,
    /// Text of the file that candidates edit (the last accepted step, not always the file on disk).
    pub text: Arc<str>,
    /// Name of the function under repair.
    pub function: String,
    /// Byte range of its definition in `text`, from the return type to the closing brace.
    pub span: Range<usize>,
    /// The failed obligations that must be proved, those at the reported line first.
    pub failed: Vec<ObligationReport>,
    /// Every obligation of the function in this version, in program order.
    pub all: Vec<ObligationReport>,
    /// The program the failures were found in. `None` in tests without a front end.
    pub program: Option<Arc<Program>>,
    pub style: Style,
}

impl Context {
    /// Text of the function under repair (empty when the span is not in the text).
    pub fn function_text(&self) -> &str {
        self.text.get(self.span.clone()).unwrap_or("")
    }

    /// The lines of the function, with their numbers in the file.
    pub(crate) fn numbered_lines(&self) -> impl Iterator<Item = (u32, &str)> {
        let first = vf_source::line_of(&self.text, self.span.start);
        (first..).zip(self.function_text().lines())
    }
}

/// One replacement, in bytes of the file's text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextEdit {
    pub range: Range<usize>,
    pub replacement: String,
}

/// One proposed change. Untrusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Edits of the context's text; not overlapping.
    pub edits: Vec<TextEdit>,
    /// Who made it and how (`solver-only/guard`, `model`).
    pub origin: String,
    /// What it does, in words for a person.
    pub note: String,
}

/// Edits that do not fit the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("an edit of bytes {start}..{end} is outside the text of {length} bytes")]
    Outside { start: usize, end: usize, length: usize },
    #[error("two edits overlap at byte {at}")]
    Overlap { at: usize },
}

impl Candidate {
    /// The text after the edits.
    pub fn apply(&self, text: &str) -> Result<String, EditError> {
        let mut edits: Vec<&TextEdit> = self.edits.iter().collect();
        edits.sort_by_key(|e| (e.range.start, e.range.end));
        let mut result = String::with_capacity(text.len() + 128);
        let mut at = 0;
        for edit in edits {
            let Range { start, end } = edit.range;
            let outside = EditError::Outside {
                start,
                end,
                length: text.len(),
            };
            if start < at {
                return Err(EditError::Overlap { at: start });
            }
            if text.get(start..end).is_none() {
                return Err(outside);
            }
            result.push_str(text.get(at..start).ok_or(outside)?);
            result.push_str(&edit.replacement);
            at = end;
        }
        result.push_str(text.get(at..).unwrap_or(""));
        Ok(result)
    }
}

/// What became of one candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Feedback {
    pub candidate: Candidate,
    /// Text of the function as the candidate has it (empty when the edits did not fit).
    pub function_text: String,
    pub failure: Failure,
    /// Round it was tried in, from 1.
    pub round: u32,
}

/// Why a candidate was not accepted, in terms a proposer can act on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Failure {
    /// The answer held no candidate at all (a model's garbage).
    NotUnderstood { why: String },
    /// It touches what it must not.
    Refused { refusal: Refusal },
    /// The compiler or the front end did not take it.
    DoesNotParse { message: String },
    /// These obligations are refuted or unknown still (with counterexamples in source terms).
    StillFails { obligations: Vec<ObligationReport> },
    /// Proved or absent before, not proved now.
    Introduced { obligations: Vec<ObligationReport> },
    /// The certificate's other demands, in words of [`crate::CertifyError`].
    NotCertified { why: String },
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |f: &mut std::fmt::Formatter<'_>, obligations: &[ObligationReport]| {
            for (i, o) in obligations.iter().enumerate() {
                if i > 0 {
                    write!(f, "; ")?;
                }
                write!(
                    f,
                    "{} of `{}` at line {} is {}",
                    o.property,
                    o.text,
                    o.location.line,
                    verdict_word(o.verdict)
                )?;
                if let Some(counterexample) = &o.counterexample {
                    let mut inputs = counterexample.relevant_inputs();
                    inputs.truncate(6);
                    if !inputs.is_empty() {
                        write!(f, " ({})", inputs.join(", "))?;
                    }
                } else if let Some(reason) = &o.reason {
                    write!(f, " ({reason})")?;
                }
            }
            Ok(())
        };
        match self {
            Failure::NotUnderstood { why } => write!(f, "not understood: {why}"),
            Failure::Refused { refusal } => write!(f, "refused: {refusal}"),
            Failure::DoesNotParse { message } => write!(f, "does not parse: {message}"),
            Failure::StillFails { obligations } => {
                write!(f, "still fails: ")?;
                list(f, obligations)
            }
            Failure::Introduced { obligations } => {
                write!(f, "introduces: ")?;
                list(f, obligations)
            }
            Failure::NotCertified { why } => write!(f, "not certified: {why}"),
        }
    }
}

/// The word DESIGN gives a verdict.
pub(crate) fn verdict_word(verdict: vf_verify::report::Verdict) -> &'static str {
    use vf_verify::report::Verdict as V;
    match verdict {
        V::Proved => "proved",
        V::ProvedToBound => "proved-to-bound",
        V::Unreachable => "unreachable",
        V::Unknown => "unknown",
        V::Refuted => "refuted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(edits: &[(Range<usize>, &str)]) -> Candidate {
        Candidate {
            edits: edits
                .iter()
                .map(|(range, text)| TextEdit {
                    range: range.clone(),
                    replacement: (*text).to_string(),
                })
                .collect(),
            origin: "test".into(),
            note: String::new(),
        }
    }

    #[test]
    fn edits_apply_in_any_order() {
        assert_eq!(
            candidate(&[(4..5, "Y"), (0..1, "X")]).apply("a + b").as_deref(),
            Ok("X + Y")
        );
        assert_eq!(candidate(&[(1..1, "!")]).apply("ab").as_deref(), Ok("a!b"));
    }

    #[test]
    fn edits_that_do_not_fit_are_errors() {
        assert!(matches!(
            candidate(&[(4..9, "")]).apply("ab"),
            Err(EditError::Outside { .. })
        ));
        assert!(matches!(
            candidate(&[(1..2, "")]).apply("é"),
            Err(EditError::Outside { .. })
        ));
        assert!(matches!(
            candidate(&[(0..2, ""), (1..2, "")]).apply("abc"),
            Err(EditError::Overlap { at: 1 })
        ));
    }
}

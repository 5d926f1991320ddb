//! What a model is asked: a template, and what there is to put into it.
//!
//! The texts are in templates (Jinja, by `minijinja`), one of which is embedded; what they can name is [`Question`]. What a prompt may
//! take of the model's context is shared out: the function and its failed obligations always, then what it uses from elsewhere, the
//! nearest first, then earlier attempts, the best ones.

mod uses;

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use vf_verify::report::{ObligationReport, Verdict};

use crate::locate::line_of;
use crate::proposer::{Context, Failure, Feedback, Style, verdict_word};

pub use uses::{Used, UsedKind, uses};

/// The embedded template, and what logs call it.
const EMBEDDED: &str = include_str!("../prompts/repair-1.jinja");
const EMBEDDED_NAME: &str = "repair-1";
/// Failed attempts that are told to the model.
const TOLD: usize = 4;
/// Statements of the failing run that are shown.
const SLICE: usize = 24;
/// Tokens for what the function uses from elsewhere, where the model says nothing of its own limit.
const USES: usize = 2048;
/// Steps of a template.
const FUEL: u64 = 1 << 22;

/// What an answer may look like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AnswerForm {
    /// Either of the others.
    #[default]
    Any,
    /// The whole function.
    Function,
    /// Edits of numbered lines.
    Edit,
}

#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    #[error("{path}: cannot be read: {source}")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The template is none, or names what there is not.
    #[error("{name}:{line}: {why}")]
    Template { name: String, line: usize, why: String },
}

/// A template of prompts.
pub struct PromptTemplate {
    environment: Environment<'static>,
    name: String,
}

/// Room in the context of a model.
pub struct Room<'a> {
    /// Tokens of a text.
    pub count: &'a dyn Fn(&str) -> usize,
    /// Tokens that a prompt may have (`None`: not known).
    pub limit: Option<usize>,
}

impl Default for Room<'_> {
    /// Four bytes a token, which is about what vocabularies for code come to, and no limit.
    fn default() -> Self {
        Room {
            count: &|text| text.len().div_ceil(4),
            limit: None,
        }
    }
}

/// What a template can name.
#[derive(Debug, Serialize)]
struct Question<'a> {
    style: Style,
    form: AnswerForm,
    function: &'a str,
    file: String,
    report: Option<Report<'a>>,
    lines: Vec<Line<'a>>,
    failed: Vec<Obligation<'a>>,
    uses: &'a [Used],
    attempts: Vec<Attempt<'a>>,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    kind: String,
    category: String,
    file: String,
    line: u32,
    texts: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Line<'a> {
    number: u32,
    text: &'a str,
}

#[derive(Debug, Serialize)]
struct Obligation<'a> {
    line: u32,
    property: String,
    cwe: &'a str,
    text: &'a str,
    verdict: &'static str,
    reason: Option<String>,
    inputs: Vec<String>,
    slice: Vec<SliceLine<'a>>,
    violation: Option<SliceLine<'a>>,
}

#[derive(Debug, Serialize)]
struct SliceLine<'a> {
    line: u32,
    text: &'a str,
    note: String,
}

#[derive(Debug, Serialize)]
struct Attempt<'a> {
    text: &'a str,
    why: String,
    /// Obligations that it left open, where it was checked.
    open: Option<usize>,
}

impl PromptTemplate {
    /// The one that is part of the program.
    ///
    /// # Errors
    /// Never: a test renders it.
    pub fn embedded() -> Result<PromptTemplate, PromptError> {
        PromptTemplate::new(EMBEDDED_NAME.to_string(), EMBEDDED.to_string())
    }

    /// # Errors
    /// The file cannot be read, or is no template.
    pub fn from_file(path: &Path) -> Result<PromptTemplate, PromptError> {
        let text = std::fs::read_to_string(path).map_err(|source| PromptError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        PromptTemplate::new(path.display().to_string(), text)
    }

    /// Text of the embedded template, to begin one's own with.
    pub fn embedded_text() -> &'static str {
        EMBEDDED
    }

    fn new(name: String, text: String) -> Result<PromptTemplate, PromptError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_keep_trailing_newline(true);
        environment.set_fuel(Some(FUEL));
        // Nothing of what is put in is a mark of the output.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("pad", |number: u32| format!("{number:>5}"));
        environment
            .add_template_owned(name.clone(), text)
            .map_err(|error| wrong(&name, &error))?;
        Ok(PromptTemplate { environment, name })
    }

    /// What logs call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The prompt. Where there is not room for everything, attempts and uses are left out, the least first; what is left may still be too
    /// long, which the model says.
    ///
    /// # Errors
    /// The template names what there is not.
    pub fn render(
        &self,
        context: &Context,
        feedback: &[Feedback],
        form: AnswerForm,
        room: &Room<'_>,
    ) -> Result<String, PromptError> {
        let uses = uses(
            context.tree.as_deref(),
            &context.file,
            &context.text,
            &context.function,
        );
        let mut attempts = by_merit(feedback);
        let mut kept = fitting(&uses, room);
        loop {
            let text = self.fill(context, uses.get(..kept).unwrap_or_default(), &attempts, form)?;
            let fits = room.limit.is_none_or(|limit| (room.count)(&text) <= limit);
            if fits || kept == 0 && attempts.is_empty() {
                return Ok(text);
            }
            // What was tried says more than what is far away, and less than what the function names itself.
            let near = uses.iter().take(kept).filter(|u| u.step == 1).count();
            if kept > near || attempts.is_empty() {
                kept -= 1;
            } else {
                attempts.remove(0);
            }
        }
    }

    fn fill(
        &self,
        context: &Context,
        uses: &[Used],
        attempts: &[&Feedback],
        form: AnswerForm,
    ) -> Result<String, PromptError> {
        let first = line_of(&context.text, context.span.start);
        let question = Question {
            style: context.style,
            form,
            function: &context.function,
            file: context.file.display().to_string(),
            report: context.report.as_ref().map(|report| Report {
                kind: report.kind.to_string(),
                category: report.category.to_string(),
                file: report.file.display().to_string(),
                line: report.line,
                texts: [report.issue.as_str(), &report.description]
                    .into_iter()
                    .filter(|text| !text.is_empty())
                    .collect(),
            }),
            lines: (first..)
                .zip(context.function_text().lines())
                .map(|(number, text)| Line { number, text })
                .collect(),
            failed: context.failed.iter().map(obligation).collect(),
            uses,
            attempts: attempts.iter().map(|f| attempt(f)).collect(),
        };
        let found = self.environment.get_template(&self.name);
        found
            .and_then(|template| template.render(&question))
            .map_err(|error| wrong(&self.name, &error))
    }
}

fn wrong(name: &str, error: &minijinja::Error) -> PromptError {
    PromptError::Template {
        name: name.to_string(),
        line: error.line().unwrap_or(0),
        why: error.detail().map_or_else(
            || error.kind().to_string(),
            |detail| format!("{}: {detail}", error.kind()),
        ),
    }
}

/// How many of them there is room for, a caller last.
fn fitting(uses: &[Used], room: &Room<'_>) -> usize {
    let most = room.limit.map_or(USES, |limit| USES.min(limit / 2));
    let mut taken = 0;
    let longer = |used: &Used| {
        taken += (room.count)(&used.text);
        taken > most
    };
    uses.iter()
        .map(longer)
        .position(|is_longer| is_longer)
        .unwrap_or(uses.len())
}

/// The last attempts, the best of them last: those that left the fewest obligations open, the newest first among equals.
fn by_merit(feedback: &[Feedback]) -> Vec<&Feedback> {
    let mut ranked: Vec<(usize, &Feedback)> = feedback.iter().enumerate().collect();
    ranked.sort_by_key(|(at, f)| (merit(&f.failure), Reverse(*at)));
    ranked.truncate(TOLD);
    ranked.into_iter().rev().map(|(_, f)| f).collect()
}

/// Smaller is better.
fn merit(failure: &Failure) -> (u8, usize) {
    match failure {
        // All is proved but that nothing else changed.
        Failure::NotCertified { .. } => (0, 0),
        Failure::StillFails { obligations } | Failure::Introduced { obligations } => (1, obligations.len()),
        Failure::DoesNotParse { .. } => (2, 0),
        Failure::Refused { .. } => (3, 0),
        Failure::NotUnderstood { .. } => (4, 0),
    }
}

fn attempt(feedback: &Feedback) -> Attempt<'_> {
    Attempt {
        text: feedback.function_text.trim(),
        why: feedback.failure.to_string(),
        open: match &feedback.failure {
            Failure::StillFails { obligations } | Failure::Introduced { obligations } => {
                Some(obligations.len())
            }
            Failure::NotCertified { .. } => Some(0),
            Failure::DoesNotParse { .. } | Failure::Refused { .. } | Failure::NotUnderstood { .. } => None,
        },
    }
}

fn obligation(obligation: &ObligationReport) -> Obligation<'_> {
    let seen = obligation.counterexample.as_ref();
    Obligation {
        line: obligation.location.line,
        property: obligation.property.to_string(),
        cwe: &obligation.cwe,
        text: &obligation.text,
        verdict: verdict_word(obligation.verdict),
        reason: obligation
            .reason
            .as_ref()
            .filter(|_| obligation.verdict == Verdict::Unknown)
            .map(ToString::to_string),
        inputs: seen.map(|c| c.relevant_inputs()).unwrap_or_default(),
        slice: seen.map_or_else(Vec::new, |c| {
            let lines = c.slice.iter().take(SLICE);
            lines
                .map(|line| SliceLine {
                    line: line.location.line,
                    text: &line.text,
                    note: line.note(),
                })
                .collect()
        }),
        violation: seen.and_then(|c| c.trace.last()).map(|last| SliceLine {
            line: last.location.line,
            text: &last.event,
            note: String::new(),
        }),
    }
}

#[cfg(test)]
mod tests;

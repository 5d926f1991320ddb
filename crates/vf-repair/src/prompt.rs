//! What a model is asked: a template, and what there is to put into it.
//!
//! The texts are in templates (Jinja, by `minijinja`), one of which is embedded; what they can name is [`Question`]. What a prompt may
//! take of the model's context is shared out: the function and its failed obligations always, then what it uses from elsewhere, the
//! nearest first, then earlier attempts, the best ones, then what is known at each line.

mod facts;
mod infill;
mod uses;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;
use vf_ir::Property;
use vf_verify::report::{ObligationReport, Verdict};

use crate::proposer::{Context, Failure, Feedback, Style, verdict_word};

pub use infill::{Hole, InfillPrompt, holes, read_infill};
pub use uses::{Used, UsedKind, uses};

/// The embedded template, and what logs call it.
const EMBEDDED: &str = include_str!("../prompts/repair-2.jinja");
const EMBEDDED_NAME: &str = "repair-2";
/// The one for models that fill in the middle.
const EMBEDDED_INFILL: &str = include_str!("../prompts/infill-1.jinja");
const EMBEDDED_INFILL_NAME: &str = "infill-1";
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
    /// The lines that are missing at one place; for models that fill in the middle.
    Infill,
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
    /// The template does not say where the missing piece goes.
    #[error(
        "{name}: write {{{{ hole }}}} once, between what stands before the missing lines and what stands behind them"
    )]
    NoHole { name: String },
}

/// A template of prompts.
pub struct PromptTemplate {
    environment: Environment<'static>,
    name: String,
    /// Each line carries what the prover knows there.
    facts: bool,
}

/// How much of what is known the lines of the function carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Everywhere,
    /// On the lines of failed obligations.
    AtFailures,
    Nowhere,
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
    /// The function's own contract, as it stands above it.
    contract: Option<&'a str>,
    lines: Vec<Line<'a>>,
    /// Whether some line carries facts.
    facts: bool,
    failed: Vec<Obligation<'a>>,
    uses: &'a [Used],
    attempts: Vec<Attempt<'a>>,
    /// A mark of fenced blocks that stands in nothing of the above.
    fence: String,
    /// For filling in: the function up to the missing piece, a mark of the piece that stands in nothing else, and the rest.
    before: &'a str,
    hole: &'a str,
    after: &'a str,
}

/// What is told beside the function and its obligations.
struct Told<'a> {
    uses: &'a [Used],
    attempts: &'a [&'a Feedback],
    known: &'a BTreeMap<u32, Vec<String>>,
    said: Said,
    /// The place to be filled in, and its mark.
    hole: Option<(&'a Hole, &'a str)>,
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
    /// What holds before the line on every execution, in C.
    facts: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Obligation<'a> {
    line: u32,
    property: String,
    cwe: &'a str,
    text: &'a str,
    verdict: &'static str,
    /// What must hold, in words.
    must: &'static str,
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

    /// The embedded one for [`AnswerForm::Infill`].
    ///
    /// # Errors
    /// Never: a test renders it.
    pub fn embedded_infill() -> Result<PromptTemplate, PromptError> {
        PromptTemplate::new(EMBEDDED_INFILL_NAME.to_string(), EMBEDDED_INFILL.to_string())
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
    pub fn embedded_text(form: AnswerForm) -> &'static str {
        match form {
            AnswerForm::Any | AnswerForm::Function | AnswerForm::Edit => EMBEDDED,
            AnswerForm::Infill => EMBEDDED_INFILL,
        }
    }

    fn new(name: String, text: String) -> Result<PromptTemplate, PromptError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_keep_trailing_newline(true);
        environment.set_fuel(Some(FUEL));
        // Nothing of what is put in is a mark of the output.
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.add_filter("pad", |number: u32| format!("{number:>5}"));
        // Neither ends nor begins a comment.
        environment.add_filter("in_comment", |text: String| {
            text.replace("*/", "* /")
                .replace("/*", "/ *")
                .replace(['\n', '\r'], " ")
        });
        environment
            .add_template_owned(name.clone(), text)
            .map_err(|error| wrong(&name, &error))?;
        Ok(PromptTemplate {
            environment,
            name,
            facts: false,
        })
    }

    /// Whether each line of the function carries what the prover knows there.
    pub fn with_facts(mut self, facts: bool) -> PromptTemplate {
        self.facts = facts;
        self
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
        self.render_with(context, feedback, form, room, None)
    }

    /// Prefix and suffix of every place that is to be filled in, in the order in which they are worth trying.
    ///
    /// # Errors
    /// The template names what there is not, or has no place for the missing lines.
    pub fn infill(
        &self,
        context: &Context,
        feedback: &[Feedback],
        room: &Room<'_>,
    ) -> Result<Vec<InfillPrompt>, PromptError> {
        let mut found = Vec::new();
        for hole in holes(context) {
            // The mark must not be something that the texts say: they are not trusted.
            let mut mark = String::from("<<hole>>");
            let (prefix, suffix) = loop {
                let with = Some((&hole, mark.as_str()));
                let text = self.render_with(context, feedback, AnswerForm::Infill, room, with)?;
                let mut parts = text.split(&mark);
                match (parts.next(), parts.next(), parts.next()) {
                    (Some(prefix), Some(suffix), None) => break (prefix.to_string(), suffix.to_string()),
                    (_, Some(_), Some(_)) if mark.len() < 64 => mark = format!("<{mark}>"),
                    _ => {
                        return Err(PromptError::NoHole {
                            name: self.name.clone(),
                        });
                    }
                }
            };
            found.push(InfillPrompt { hole, prefix, suffix });
        }
        Ok(found)
    }

    fn render_with(
        &self,
        context: &Context,
        feedback: &[Feedback],
        form: AnswerForm,
        room: &Room<'_>,
        hole: Option<(&Hole, &str)>,
    ) -> Result<String, PromptError> {
        let uses = uses(
            context.tree.as_deref(),
            &context.file,
            &context.text,
            &context.function,
        );
        let known = if self.facts {
            facts::facts(context)
        } else {
            BTreeMap::new()
        };
        let mut said = if known.is_empty() {
            Said::Nowhere
        } else {
            Said::Everywhere
        };
        let mut attempts = by_merit(feedback);
        let mut kept = fitting(&uses, room);
        loop {
            let told = Told {
                uses: uses.get(..kept).unwrap_or_default(),
                attempts: &attempts,
                known: &known,
                said,
                hole,
            };
            let text = self.fill(context, form, &told)?;
            let fits = room.limit.is_none_or(|limit| (room.count)(&text) <= limit);
            if fits || kept == 0 && attempts.is_empty() && said == Said::Nowhere {
                return Ok(text);
            }
            // What is known goes before any code does. What was tried says more than what is far away, and less than what the
            // function names itself.
            let near = uses.iter().take(kept).filter(|u| u.step == 1).count();
            match said {
                Said::Everywhere => said = Said::AtFailures,
                Said::AtFailures => said = Said::Nowhere,
                Said::Nowhere if kept > near || attempts.is_empty() => kept -= 1,
                Said::Nowhere => {
                    attempts.remove(0);
                }
            }
        }
    }

    fn fill(&self, context: &Context, form: AnswerForm, told: &Told<'_>) -> Result<String, PromptError> {
        let Told {
            uses,
            attempts,
            known,
            said,
            hole,
        } = *told;
        let span = &context.span;
        let part = |range: std::ops::Range<usize>| context.text.get(range).unwrap_or("");
        let at_failure = |line: u32| context.failed.iter().any(|o| o.location.line == line);
        let facts_of = |line: u32| match said {
            Said::Everywhere => known.get(&line).cloned().unwrap_or_default(),
            Said::AtFailures if at_failure(line) => known.get(&line).cloned().unwrap_or_default(),
            Said::AtFailures | Said::Nowhere => Vec::new(),
        };
        let mut question = Question {
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
            contract: uses::contract(&context.text, &context.span),
            facts: context
                .numbered_lines()
                .any(|(number, _)| !facts_of(number).is_empty()),
            lines: context
                .numbered_lines()
                .map(|(number, text)| Line {
                    number,
                    text,
                    facts: facts_of(number),
                })
                .collect(),
            failed: context.failed.iter().map(obligation).collect(),
            uses,
            attempts: attempts.iter().map(|f| attempt(f)).collect(),
            fence: String::new(),
            before: hole.map_or("", |(hole, _)| part(span.start..hole.range.start)),
            hole: hole.map_or("", |(_, mark)| mark),
            after: hole.map_or("", |(hole, _)| part(hole.range.end..span.end)),
        };
        question.fence = fence(&question);
        let found = self.environment.get_template(&self.name);
        found
            .and_then(|template| template.render(&question))
            .map_err(|error| wrong(&self.name, &error))
    }
}

/// Backticks, at least three, and more than stand beside each other in anything that is told: what is inside of a block cannot end it.
fn fence(question: &Question<'_>) -> String {
    let mut longest = 2;
    let mut look = |text: &str| {
        let mut run = 0;
        for byte in text.bytes() {
            run = if byte == b'`' { run + 1 } else { 0 };
            longest = longest.max(run);
        }
    };
    question.lines.iter().for_each(|line| look(line.text));
    question.uses.iter().for_each(|used| look(&used.text));
    for attempt in &question.attempts {
        look(attempt.text);
        look(&attempt.why);
    }
    question
        .report
        .iter()
        .flat_map(|r| &r.texts)
        .for_each(|text| look(text));
    for o in &question.failed {
        look(o.text);
        o.slice
            .iter()
            .chain(&o.violation)
            .for_each(|line| look(line.text));
    }
    "`".repeat(longest + 1)
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

/// What a property asks, in words.
fn must_hold(property: Property) -> &'static str {
    match property {
        Property::IndexUpperBound => "the index must be less than the number of elements",
        Property::IndexLowerBound => "the index must not be negative",
        Property::ValidRead => "every byte that is read must lie inside of one object",
        Property::ValidWrite => "every byte that is written must lie inside of one object",
        Property::NotNull => "the pointer must not be null",
        Property::SignedOverflow => "the result must fit its signed type",
        Property::UnsignedWrap => "the result must not wrap around",
        Property::LossyConversion => "the value must fit the type that it is converted to",
        Property::ShiftInRange => "the count must be less than the width, and not negative",
        Property::DivisorNonzero => "the divisor must not be zero",
        Property::AllocationSize => "the size must be what was meant: positive, and not too large",
        Property::Initialized => "what is read must have been written before",
        Property::Lifetime => "the object must still be alive",
        Property::Precondition => "what the called function asks of its arguments must hold",
        Property::Assertion => "the condition must hold",
        Property::UnreachableCode => "control must never get here",
        Property::MemoryLeak => "what was allocated must be freed",
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
        must: Property::from_name(obligation.property.as_ref()).map_or("", must_hold),
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

//! The proposer over a language model: what is made of its answers. What it is asked is [`crate::prompt`].
//!
//! How the text is generated is not known here: [`TextGenerator`] is. Answers are untrusted text. A whole
//! function in a code fence, or an edit of numbered lines, becomes a candidate; anything else becomes feedback.

use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::ctext::functions::functions;
use crate::prompt::{AnswerForm, PromptTemplate, Room, read_infill};
use crate::proposer::{
    AskedPrompt, Candidate, Context, Feedback, ModelAnswer, Proposed, Proposer, ProposerError, TextEdit,
};

/// Something that continues a prompt.
pub trait TextGenerator {
    /// `samples` answers to a prompt. The same seed gives the same answers where the model can do that.
    fn generate(&mut self, prompt: &str, samples: usize, seed: u64) -> Result<Vec<String>, GeneratorError>;

    /// `samples` pieces of code that may stand between two texts.
    ///
    /// # Errors
    /// [`GeneratorError::NoInfill`] where the model was not trained for that.
    fn infill(
        &mut self,
        prefix: &str,
        suffix: &str,
        samples: usize,
        seed: u64,
    ) -> Result<Vec<String>, GeneratorError> {
        let _ = (prefix, suffix, samples, seed);
        Err(GeneratorError::NoInfill {
            model: self.name().to_string(),
        })
    }

    /// The same one by one, each as soon as it is there, with what it took. After a break no more is wanted.
    fn generate_each(
        &mut self,
        prompt: &str,
        samples: usize,
        seed: u64,
        each: &mut dyn FnMut(Generated) -> ControlFlow<()>,
    ) -> Result<(), GeneratorError> {
        for text in self.generate(prompt, samples, seed)? {
            let tokens = u64::try_from(self.count_tokens(&text)).unwrap_or(u64::MAX);
            let generated = Generated {
                text,
                tokens,
                details: serde_json::Value::Null,
            };
            if each(generated).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Told which function the next prompt is about, before it is asked: a generator that guides what is written makes
    /// its guide from it. One whose model reads no text has a prompt of its own form, in which earlier attempts are told, too: that is
    /// returned in words that a person can read, and is what [`TextGenerator::generate_each`] is asked next, whatever form of
    /// answer is wanted.
    ///
    /// # Errors
    /// [`GeneratorError::NoPrompt`] for a function that has no such form.
    fn prepare(
        &mut self,
        context: &Context,
        feedback: &[Feedback],
    ) -> Result<Option<String>, GeneratorError> {
        let _ = (context, feedback);
        Ok(None)
    }

    /// Name for logs (`qwen2.5-coder-7b`).
    fn name(&self) -> &str;

    /// Tokens of a text; four bytes each, where the vocabulary is not at hand.
    fn count_tokens(&self, text: &str) -> usize {
        (crate::prompt::Room::default().count)(text)
    }

    /// Tokens that a prompt may have, with room for an answer behind it; `None` where that is not known.
    fn prompt_limit(&self) -> Option<usize> {
        None
    }
}

/// One answer of a text generator.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    pub text: String,
    /// Tokens that the model wrote.
    pub tokens: u64,
    /// For the log: how the text came about. Null where there is nothing to say.
    pub details: serde_json::Value,
}

/// Why a text generator gave no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeneratorError {
    #[error("the model cannot be loaded: {why}")]
    Load { why: String },
    #[error("the prompt has {tokens} tokens, the model takes {limit}")]
    PromptTooLong { tokens: usize, limit: usize },
    #[error("generation failed: {why}")]
    Generate { why: String },
    /// The model has its own form of a prompt, and this function is too large for it. Others may have candidates.
    #[error("{model} cannot read this function: {why}")]
    NoPrompt { model: String, why: String },
    /// The model knows no form for a prefix and a suffix.
    #[error("{model} does not fill in the middle of a text; take another --answer-form (function, edit)")]
    NoInfill { model: String },
    /// The time of the run ended before an answer came.
    #[error("the time for the run was used up before the model answered")]
    Timeout,
}

/// Longer answers are not read.
const MAX_ANSWER: usize = 256 * 1024;
/// Edits in one answer, at most.
const MAX_EDITS: usize = 256;
/// Candidates asked for in a round.
const SAMPLES: usize = 4;

pub struct ModelProposer<G> {
    generator: G,
    name: String,
    samples: usize,
    seed: u64,
    /// How often it was asked: every round draws other answers.
    asked: u64,
    template: PromptTemplate,
    form: AnswerForm,
    /// Answers of the last round that held no candidate, for the caller to show.
    rejected: Vec<Unreadable>,
    /// The function has no form that the generator reads, which was said.
    no_prompt: bool,
}

/// An answer without a candidate in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the answer is empty")]
    Empty,
    #[error("the answer has {bytes} bytes, more than {limit}")]
    TooLong { bytes: usize, limit: usize },
    #[error("the answer only repeats what it was asked")]
    Quoted,
    #[error("the answer has neither a code block nor line edits")]
    NoCode,
    #[error("the code block does not define `{function}`")]
    OtherFunction { function: String },
    #[error("the code block defines more than `{function}`")]
    MoreThanOne { function: String },
    #[error("the answer has more than {limit} line edits")]
    TooManyEdits { limit: usize },
    #[error("line edit `{text}` names lines outside of the function ({first} to {last})")]
    LinesOutside { text: String, first: u32, last: u32 },
}

impl<G: TextGenerator> ModelProposer<G> {
    pub fn new(generator: G, seed: u64, template: PromptTemplate) -> ModelProposer<G> {
        let name = format!("model:{}", generator.name());
        ModelProposer {
            generator,
            name,
            samples: SAMPLES,
            seed,
            asked: 0,
            template,
            form: AnswerForm::default(),
            rejected: Vec::new(),
            no_prompt: false,
        }
    }

    /// Number of answers asked for in a round.
    pub fn with_samples(mut self, samples: usize) -> ModelProposer<G> {
        self.samples = samples.max(1);
        self
    }

    /// What answers are asked to look like. All forms are understood in any case.
    pub fn with_form(mut self, form: AnswerForm) -> ModelProposer<G> {
        self.form = form;
        self
    }

    /// Answers of the last round that could not be read as a candidate.
    pub fn rejected(&self) -> &[Unreadable] {
        &self.rejected
    }
}

impl<G: TextGenerator> Proposer for ModelProposer<G> {
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
        let own = match self.generator.prepare(context, feedback) {
            Ok(own) => own,
            Err(why @ GeneratorError::NoPrompt { .. }) => {
                // Said once, not in each round.
                if !std::mem::replace(&mut self.no_prompt, true) {
                    let what = Err(why.to_string());
                    let _ = each(Proposed { answer: None, what });
                }
                return Ok(());
            }
            Err(source) => {
                return Err(ProposerError::Generator {
                    proposer: self.name.clone(),
                    source,
                });
            }
        };
        let room = Room {
            count: &|text| self.generator.count_tokens(text),
            limit: self.generator.prompt_limit(),
        };
        let seed = self.seed.wrapping_add(self.asked);
        self.asked += 1;
        let wrong = |source| ProposerError::Prompt { source };
        let (rejected, name) = (&mut self.rejected, &self.name);
        rejected.clear();
        let failed = |source| ProposerError::Generator {
            proposer: name.clone(),
            source,
        };
        // One answer with what was read from it, and the prompt that it belongs to.
        let mut hand_on =
            |asked: &Arc<AskedPrompt>, generated: Generated, read: Result<Vec<TextEdit>, Unreadable>| {
                let what = match read {
                    Ok(edits) => Ok(Candidate {
                        edits,
                        origin: name.clone(),
                        note: first_words(&generated.text),
                    }),
                    Err(why) => {
                        let said = why.to_string();
                        rejected.push(why);
                        Err(said)
                    }
                };
                let answer = Some(ModelAnswer {
                    text: generated.text,
                    tokens: generated.tokens,
                    asked: asked.clone(),
                    details: generated.details,
                });
                each(Proposed { answer, what })
            };
        if self.form == AnswerForm::Infill && own.is_none() {
            let prompts = self.template.infill(context, feedback, &room).map_err(wrong)?;
            let places = prompts.len();
            for (at, prompt) in prompts.iter().enumerate() {
                // The first places get what does not come out even.
                let samples = self.samples / places + usize::from(at < self.samples % places);
                if samples == 0 {
                    break;
                }
                let whole = format!("{}\n{}", prompt.prefix, prompt.suffix);
                let asked = Arc::new(AskedPrompt {
                    sha256: sha256(&whole),
                    tokens: u64::try_from(self.generator.count_tokens(&whole)).unwrap_or(u64::MAX),
                    text: Some(whole),
                });
                let answers = self
                    .generator
                    .infill(&prompt.prefix, &prompt.suffix, samples, seed);
                for text in answers.map_err(failed)? {
                    let edit = match text.len() {
                        bytes @ MAX_ANSWER.. => Err(Unreadable::TooLong {
                            bytes,
                            limit: MAX_ANSWER,
                        }),
                        _ => read_infill(context, &prompt.hole, &text).ok_or(Unreadable::Empty),
                    };
                    let generated = Generated {
                        tokens: u64::try_from(self.generator.count_tokens(&text)).unwrap_or(u64::MAX),
                        text,
                        details: serde_json::Value::Null,
                    };
                    if hand_on(&asked, generated, edit.map(|edit| vec![edit])).is_break() {
                        return Ok(());
                    }
                }
            }
            return Ok(());
        }
        let prompt = match own {
            Some(own) => own,
            None => self
                .template
                .render(context, feedback, self.form, &room)
                .map_err(wrong)?,
        };
        let asked = Arc::new(AskedPrompt {
            sha256: sha256(&prompt),
            tokens: u64::try_from(self.generator.count_tokens(&prompt)).unwrap_or(u64::MAX),
            text: Some(prompt.clone()),
        });
        let mut take = |generated: Generated| {
            let read = read_answer(context, &prompt, &generated.text);
            hand_on(&asked, generated, read)
        };
        self.generator
            .generate_each(&prompt, self.samples, seed, &mut take)
            .map_err(failed)
    }

    fn take_rejected(&mut self) -> Vec<String> {
        self.rejected.drain(..).map(|r| r.to_string()).collect()
    }
}

fn sha256(text: &str) -> String {
    let mut out = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

fn first_line(context: &Context) -> u32 {
    vf_source::line_of(&context.text, context.span.start)
}

/// Edits out of one answer. Blocks that the prompt has as they are count as quoted from it.
pub fn read_answer(context: &Context, prompt: &str, answer: &str) -> Result<Vec<TextEdit>, Unreadable> {
    if answer.len() > MAX_ANSWER {
        return Err(Unreadable::TooLong {
            bytes: answer.len(),
            limit: MAX_ANSWER,
        });
    }
    let answer = conclusion(prompt, answer);
    if answer.trim().is_empty() {
        return Err(Unreadable::Empty);
    }
    let all = blocks(answer);
    let own: Vec<&(String, String)> = all
        .iter()
        .filter(|(tag, body)| !is_quoted(prompt, tag, body))
        .collect();
    // Of several blocks the last is the conclusion.
    let last = own
        .iter()
        .rev()
        .find(|(tag, _)| matches!(tag.as_str(), "edit" | "" | "c" | "C" | "cpp"));
    match last {
        Some((tag, body)) if tag == "edit" => line_edits(context, body),
        Some((_, body)) => whole_function(context, body),
        None if own.len() < all.len() => Err(Unreadable::Quoted),
        // A model that leaves the fence out and begins with the code.
        None if functions(answer).iter().any(|f| f.name == context.function) => {
            whole_function(context, answer)
        }
        None => Err(Unreadable::NoCode),
    }
}

/// Fenced blocks: tag and body (CommonMark 0.31, 4.5): a block ends at a fence that is no shorter than the one that began it and has nothing
/// behind it. One without its end runs to the end of the answer.
fn blocks(answer: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(usize, String, String)> = None;
    for line in answer.lines() {
        let marks = line.trim_start().bytes().take_while(|b| *b == b'`').count();
        let behind = line.trim_start().get(marks..).unwrap_or("").trim();
        match open.take() {
            Some((length, tag, body)) if marks >= length && behind.is_empty() => found.push((tag, body)),
            Some((length, tag, mut body)) => {
                body.push_str(line);
                body.push('\n');
                open = Some((length, tag, body));
            }
            None if marks >= 3 && !behind.contains('`') => {
                open = Some((marks, behind.to_string(), String::new()));
            }
            None => {}
        }
    }
    found.extend(open.map(|(_, tag, body)| (tag, body)));
    found
}

/// What a model says behind its thoughts, and behind a prompt that it repeats.
fn conclusion<'a>(prompt: &str, answer: &'a str) -> &'a str {
    let answer = answer.strip_prefix(prompt).unwrap_or(answer);
    answer
        .rfind("</think>")
        .and_then(|at| answer.get(at + "</think>".len()..))
        .unwrap_or(answer)
}

/// Whether a block was taken from the prompt as it stands there: then it is no answer. Line numbers do not count, nor, of line edits, what
/// a comment has at its edges.
fn is_quoted(prompt: &str, tag: &str, body: &str) -> bool {
    let plain = |line: &str| {
        let line = line.trim();
        let digits = line.bytes().take_while(u8::is_ascii_digit).count();
        let behind = line.get(digits..).unwrap_or("");
        let numbered = digits > 0 && (behind.is_empty() || behind.starts_with([' ', '\t']));
        let code = if numbered { behind.trim() } else { line };
        let code = match tag {
            "edit" => code.trim_matches(['*', '/', '\\', ' ', '\t']),
            _ => code,
        };
        code.to_string()
    };
    let lines = |text: &str| {
        text.lines()
            .map(plain)
            .filter(|l| !l.is_empty())
            .collect::<Vec<_>>()
    };
    let (inside, quoted) = (lines(prompt), lines(body));
    !quoted.is_empty() && inside.windows(quoted.len()).any(|part| part == quoted)
}

fn whole_function(context: &Context, code: &str) -> Result<Vec<TextEdit>, Unreadable> {
    let found = functions(code);
    let function = || context.function.clone();
    let Some(definition) = found.iter().find(|f| f.name == context.function) else {
        return Err(Unreadable::OtherFunction { function: function() });
    };
    if found.len() > 1 {
        return Err(Unreadable::MoreThanOne { function: function() });
    }
    let text = code.get(definition.range.clone()).unwrap_or("");
    Ok(vec![TextEdit {
        range: context.span.clone(),
        replacement: text.to_string(),
    }])
}

/// `12-14:` and the lines that take their place; `12-:` and the lines that go before line 12.
fn line_edits(context: &Context, body: &str) -> Result<Vec<TextEdit>, Unreadable> {
    let (first, text) = (first_line(context), &context.text);
    let last = first + context.function_text().lines().count().max(1) as u32 - 1;
    let mut edits: Vec<TextEdit> = Vec::new();
    for line in body.lines() {
        match edit_header(line) {
            Some((from, to)) => {
                let outside = || Unreadable::LinesOutside {
                    text: line.to_string(),
                    first,
                    last,
                };
                if from < first || from > last || to.is_some_and(|t| t < from || t > last) {
                    return Err(outside());
                }
                if edits.len() >= MAX_EDITS {
                    return Err(Unreadable::TooManyEdits { limit: MAX_EDITS });
                }
                let offset = |line| vf_source::line_start(text, line).unwrap_or(text.len());
                let start = offset(from);
                let end = to.map_or(start, |t| offset(t + 1));
                edits.push(TextEdit {
                    range: start..end,
                    replacement: String::new(),
                });
            }
            None => match edits.last_mut() {
                Some(edit) => {
                    edit.replacement.push_str(line);
                    edit.replacement.push('\n');
                }
                None if line.trim().is_empty() => {}
                None => return Err(Unreadable::NoCode),
            },
        }
    }
    if edits.is_empty() {
        Err(Unreadable::NoCode)
    } else {
        Ok(edits)
    }
}

fn edit_header(line: &str) -> Option<(u32, Option<u32>)> {
    let (from, to) = line.trim().strip_suffix(':')?.split_once('-')?;
    let to = to.trim();
    let to = if to.is_empty() {
        None
    } else {
        Some(to.parse().ok()?)
    };
    Some((from.trim().parse().ok()?, to))
}

fn first_words(answer: &str) -> String {
    let line = answer
        .lines()
        .find(|l| !l.trim().is_empty() && !l.trim_start().starts_with("```"))
        .unwrap_or("");
    // They are shown on terminals.
    line.trim().chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vf_verify::report::Verdict;

    use super::*;
    use crate::judge::tests::function;
    use crate::proposer::Style;

    const TEXT: &str = "int x;\n\nint f(int i)\n{\n\treturn t[i];\n}\n";

    fn context() -> Context {
        let report = function("f", &[("index-upper-bound", "t[i]", 5, Verdict::Refuted)]);
        Context {
            report: None,
            tree: None,
            file: "a.c".into(),
            text: Arc::from(TEXT),
            function: "f".into(),
            span: functions(TEXT)[0].range.clone(),
            failed: report.obligations.clone(),
            all: report.obligations,
            program: None,
            style: Style::User,
        }
    }

    struct Script(Vec<&'static str>);
    impl TextGenerator for Script {
        fn generate(&mut self, prompt: &str, _: usize, _: u64) -> Result<Vec<String>, GeneratorError> {
            assert!(
                prompt.contains("    5 \treturn t[i];") && prompt.contains("index-upper-bound"),
                "{prompt}"
            );
            Ok(self.0.iter().map(|s| (*s).to_string()).collect())
        }
        fn name(&self) -> &str {
            "script"
        }
    }

    fn answer(text: &str) -> Result<String, Unreadable> {
        let context = context();
        let edits = read_answer(&context, "", text)?;
        let candidate = Candidate {
            edits,
            origin: String::new(),
            note: String::new(),
        };
        Ok(candidate.apply(&context.text).expect("fits"))
    }

    #[test]
    fn whole_functions_and_line_edits() {
        let fixed = "int x;\n\nint f(int i)\n{\n\tif (i > 7)\n\t\treturn 0;\n\treturn t[i];\n}\n";
        let whole =
            "Sure:\n```c\nint f(int i)\n{\n\tif (i > 7)\n\t\treturn 0;\n\treturn t[i];\n}\n```\nDone.";
        assert_eq!(answer(whole).as_deref(), Ok(fixed));
        assert_eq!(
            answer("```edit\n5-:\n\tif (i > 7)\n\t\treturn 0;\n```").as_deref(),
            Ok(fixed)
        );
        assert_eq!(
            answer("```edit\n5-5:\n\tif (i > 7)\n\t\treturn 0;\n\treturn t[i];\n```").as_deref(),
            Ok(fixed)
        );
        assert_eq!(
            answer("int f(int i) { return 1; }").as_deref(),
            Ok("int x;\n\nint f(int i) { return 1; }\n")
        );
    }

    #[test]
    fn garbage_is_named() {
        assert_eq!(answer("  "), Err(Unreadable::Empty));
        assert_eq!(answer("I cannot help."), Err(Unreadable::NoCode));
        assert_eq!(
            answer("```c\nint g(void) { return 1; }\n```"),
            Err(Unreadable::OtherFunction { function: "f".into() })
        );
        let two = "```c\nint f(int i) { return 1; }\nint g(void) { return 1; }\n```";
        assert_eq!(answer(two), Err(Unreadable::MoreThanOne { function: "f".into() }));
        assert!(matches!(
            answer("```edit\n1-1:\nx\n```"),
            Err(Unreadable::LinesOutside {
                first: 3,
                last: 6,
                ..
            })
        ));
        assert!(matches!(
            answer("```edit\n6-5:\nx\n```"),
            Err(Unreadable::LinesOutside { .. })
        ));
    }

    #[test]
    fn rejected_answers_are_kept_apart() {
        let template = PromptTemplate::embedded().expect("a template");
        let mut proposer = ModelProposer::new(
            Script(vec!["no", "```c\nint f(int i) { return 1; }\n```"]),
            7,
            template,
        );
        let found = proposer.propose(&context(), &[]).expect("answers");
        assert_eq!((found.len(), proposer.rejected().len()), (1, 1));
        assert!(proposer.take_rejected()[0].contains("neither a code block"));
        assert!(proposer.rejected().is_empty());
        assert_eq!(proposer.name(), "model:script");
    }
}

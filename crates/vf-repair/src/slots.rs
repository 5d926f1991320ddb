//! What the embedded model reads and writes: C in a closed vocabulary, in which a program's own names and literals are slots.
//!
//! A model of some million parameters cannot copy long names. So each name of the function and of what it uses becomes a slot (`v0`,
//! `f1`, `T2`, `K3`) before the model sees it and a name again afterwards; names that every program has (`memcpy`, `EINVAL`) are words. A word
//! says whether a blank stands before it, so that what the model writes is text to the byte: the edit of numbered lines that
//! other models write, too ([`crate::model_proposer::read_answer`]), and guides can hold it to what they hold others to.
//!
//! ```text
//! <|bug|> index-upper-bound L4 table[v1] <|case|> v1 <|is|> 8 <|uses|> #define K0 8 … <|function|> L1 int f0(int v1) L2 { … <|answer|>
//! ```edit
//! 3-3:
//!         if (v1 < 0 || v1 >= K0)
//! ```<|end|>
//! ```

mod names;
#[cfg(test)]
mod tests;
mod words;

use std::ops::Range;

pub use names::Names;
use words::{DEPTH, LINES, SIZES};
pub use words::{Slot, VERSION, Word, Words, words};

use crate::ctext::lex::{TokenKind, tokens};
use crate::prompt::{UsedKind, uses};
use crate::proposer::{Context, Failure, Feedback, TextEdit};
use vf_verify::report::{Counterexample, ObligationReport};

/// Words of a prompt for the failed obligations, each of the definitions that are shown, all of them, and the attempts that are told.
const FAILED: usize = 3;
const INPUTS: usize = 6;
const ONE_USE: usize = 90;
const USES: usize = 240;
const TRIED: usize = 2;
/// Words of a function, at most.
const FUNCTION: usize = 900;

/// A prompt, and what is needed to understand the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// Numbers of words.
    pub prompt: Vec<u32>,
    pub names: Names,
    /// Line of the function's first line in its file.
    pub first_line: u32,
    /// One step of indentation.
    pub indent: String,
}

/// Why a function has no form in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    #[error("the function has more than {LINES} lines")]
    Lines,
    #[error("the function has more than {FUNCTION} words")]
    Words,
    #[error(
        "the function has more names or literals of one kind than there are slots, or a character that is no C"
    )]
    Names,
    #[error("the function has preprocessor lines")]
    Directives,
}

struct Writer {
    words: Vec<u32>,
    names: Names,
}

impl Writer {
    fn put(&mut self, word: &Word) {
        self.words.extend(words().number(word));
    }

    fn mark(&mut self, mark: &'static str) {
        self.put(&Word::Mark(mark));
    }

    /// C in one line. `known`: with no new names. Whether all of it could be said.
    fn code(&mut self, text: &str, known: bool) -> bool {
        let all = tokens(text);
        let mut whole = true;
        let mut end = None;
        for (at, token) in all.iter().enumerate() {
            let blank = end.is_some_and(|end| end < token.start);
            end = Some(token.end);
            match self.names.word(text, &all, at, blank, known) {
                Some(word) => self.put(&word),
                None => whole = false,
            }
        }
        whole
    }
}

/// The prompt for a function; earlier attempts in `feedback` are told, the last ones.
///
/// # Errors
///
/// A function that is too long, or has too many names.
pub fn encode(context: &Context, feedback: &[Feedback]) -> Result<Encoded, TooMuch> {
    let function = context.function_text();
    let first_line = vf_source::line_of(&context.text, context.span.start);
    let indent = indentation(function);
    let mut writer = Writer {
        words: Vec::new(),
        names: Names::default(),
    };
    // The function is read first, so that its own names come first.
    let body = lines(&mut writer.names, function, &indent)?;
    for (number, obligation) in context.failed.iter().take(FAILED).enumerate() {
        failed(&mut writer, obligation, first_line);
        // One input is enough: what violates the others is mostly the same.
        if let (0, Some(counterexample)) = (number, &obligation.counterexample) {
            input(&mut writer, counterexample);
        }
    }
    definitions(&mut writer, context);
    writer.mark("<|function|>");
    writer.words.extend(body);
    for tried in feedback.iter().rev().take(TRIED).rev() {
        attempt(&mut writer, context, tried, first_line, &indent);
    }
    writer.mark("<|answer|>");
    Ok(Encoded {
        prompt: writer.words,
        names: writer.names,
        first_line,
        indent,
    })
}

/// What one step of indentation is in a text: a tab, or as many blanks as its least indented line has.
fn indentation(text: &str) -> String {
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let least = text.lines().map(blanks).filter(|n| (2..=8).contains(n)).min();
    match least {
        Some(count) if !text.lines().any(|line| line.starts_with('\t')) => " ".repeat(count),
        _ => "\t".to_owned(),
    }
}

/// Steps that a line is indented by.
fn depth(line: &str, indent: &str) -> usize {
    let mut rest = line;
    let mut steps = 0;
    while let Some(less) = rest.strip_prefix(indent) {
        (rest, steps) = (less, steps + 1);
    }
    steps.min(DEPTH)
}

/// The numbered lines of a function.
fn lines(names: &mut Names, function: &str, indent: &str) -> Result<Vec<u32>, TooMuch> {
    let all = tokens(function);
    if all.iter().any(|t| t.kind == TokenKind::Directive) {
        return Err(TooMuch::Directives);
    }
    let mut found = Vec::new();
    let mut add = |word: &Word| found.extend(words().number(word));
    let mut line = 0;
    let mut end = None;
    let mut at_line = 0;
    let starts: Vec<usize> = std::iter::once(0)
        .chain(function.match_indices('\n').map(|(i, _)| i + 1))
        .collect();
    for (at, token) in all.iter().enumerate() {
        while starts.get(at_line + 1).is_some_and(|next| *next <= token.start) {
            at_line += 1;
        }
        if at_line + 1 > LINES {
            return Err(TooMuch::Lines);
        }
        let fresh = line != at_line + 1;
        if fresh {
            line = at_line + 1;
            add(&Word::Line(line));
            let text = function
                .get(starts.get(at_line).copied().unwrap_or(0)..)
                .unwrap_or("");
            add(&Word::Break(depth(text, indent)));
        }
        let blank = !fresh && end.is_some_and(|end| end < token.start);
        end = Some(token.end);
        let word = names
            .word(function, &all, at, blank, false)
            .ok_or(TooMuch::Names)?;
        add(&word);
    }
    if found.len() > FUNCTION {
        return Err(TooMuch::Words);
    }
    Ok(found)
}

fn failed(writer: &mut Writer, obligation: &ObligationReport, first_line: u32) {
    writer.mark("<|bug|>");
    said(writer, &obligation.property);
    numbered(writer, obligation.location.line, first_line);
    writer.code(&obligation.text, false);
}

/// The inputs of a counterexample that matter.
fn input(writer: &mut Writer, counterexample: &Counterexample) {
    let relevant = counterexample.relevant.iter();
    let inputs = relevant.filter_map(|name| counterexample.inputs.get_key_value(name));
    for (name, value) in inputs.take(INPUTS) {
        writer.mark("<|case|>");
        writer.code(name, true);
        writer.mark("<|is|>");
        magnitude(writer, value);
    }
}

fn said(writer: &mut Writer, what: &str) {
    if let Some(word) = words::said(what) {
        writer.put(&Word::Said(word));
    }
}

fn numbered(writer: &mut Writer, line: u32, first_line: u32) {
    if let Some(line) = line.checked_sub(first_line) {
        writer.put(&Word::Line(line as usize + 1));
    }
}

/// A value: as a word, or its sign and its bits.
fn magnitude(writer: &mut Writer, value: &str) {
    if let Some(word) = words().plain(value) {
        writer.put(&Word::Plain(word, false));
        return;
    }
    let (digits, negative) = match value.strip_prefix('-') {
        Some(digits) => (digits, true),
        None => (value, false),
    };
    let Ok(number) = digits.parse::<u64>() else {
        return said(writer, if value == "null" { "null" } else { "unclear" });
    };
    if negative {
        said(writer, "negative");
    }
    writer.put(&Word::Size(SIZES - 1 - number.leading_zeros() as usize));
}

/// What the function uses: macros, types, variables, heads of functions.
fn definitions(writer: &mut Writer, context: &Context) {
    let tree = context.tree.as_deref();
    let mut left = USES;
    for used in uses(tree, &context.file, &context.text, &context.function) {
        if used.kind == UsedKind::Caller {
            continue;
        }
        let text = match used.text.trim_start().strip_prefix('#') {
            // A preprocessor line is one token: its words are said as what they are.
            Some(rest) => format!("# {}", rest.trim_start().replacen("define", "", 1)),
            None if used.kind == UsedKind::Function => head(&used.text).to_owned(),
            None => used.text.clone(),
        };
        let before = (writer.words.len(), writer.names.clone());
        writer.mark("<|uses|>");
        let whole = writer.code(text.trim_start_matches("# "), false);
        let count = writer.words.len() - before.0;
        if !whole || count > ONE_USE.min(left) {
            writer.words.truncate(before.0);
            writer.names = before.1;
            continue;
        }
        left -= count;
    }
}

/// A function up to its body.
fn head(text: &str) -> &str {
    let end = tokens(text).iter().find(|t| t.text(text) == "{").map(|t| t.start);
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}

/// An attempt that failed: what it said, and why it was no good.
fn attempt(writer: &mut Writer, context: &Context, tried: &Feedback, first_line: u32, indent: &str) {
    let mut names = writer.names.clone();
    let Some(answer) = edit_words(&mut names, context, &tried.candidate.edits, first_line, indent) else {
        return;
    };
    writer.mark("<|tried|>");
    writer.words.extend(answer);
    writer.mark("<|failed|>");
    let about = |writer: &mut Writer, obligations: &[ObligationReport]| {
        if let Some(one) = obligations.first() {
            said(writer, &one.property);
            numbered(writer, one.location.line, first_line);
        }
    };
    match &tried.failure {
        Failure::StillFails { obligations } => {
            said(writer, "refuted");
            about(writer, obligations);
        }
        Failure::Introduced { obligations } => {
            said(writer, "introduced");
            about(writer, obligations);
        }
        Failure::Refused { .. } => said(writer, "refused"),
        Failure::NotUnderstood { .. } | Failure::DoesNotParse { .. } => said(writer, "no-code"),
        Failure::NotCertified { .. } => said(writer, "behaviour"),
    }
}

/// The words of an answer that makes these edits of whole lines; `None` where it cannot be said.
pub fn answer(context: &Context, encoded: &Encoded, edits: &[TextEdit]) -> Option<Vec<u32>> {
    let mut names = encoded.names.clone();
    let mut found = edit_words(&mut names, context, edits, encoded.first_line, &encoded.indent)?;
    found.push(words().mark("<|end|>"));
    Some(found)
}

fn edit_words(
    names: &mut Names,
    context: &Context,
    edits: &[TextEdit],
    first_line: u32,
    indent: &str,
) -> Option<Vec<u32>> {
    let mut writer = Writer {
        words: Vec::new(),
        names: names.clone(),
    };
    let mut sorted: Vec<&TextEdit> = edits.iter().collect();
    sorted.sort_by_key(|e| e.range.start);
    writer.put(&Word::Said("```edit"));
    let plain = |text: &'static str| words().plain(text).map(|w| Word::Plain(w, false));
    for edit in sorted {
        let (from, to) = whole_lines(&context.text, &edit.range)?;
        let line = |n: u32| n.checked_sub(first_line).map(|n| Word::Line(n as usize + 1));
        writer.put(&line(from)?);
        writer.put(&plain("-")?);
        if let Some(to) = to {
            writer.put(&line(to)?);
        }
        writer.put(&plain(":")?);
        for text in edit.replacement.lines() {
            if text.trim().is_empty() {
                continue;
            }
            writer.put(&Word::Break(depth(text, indent)));
            if !writer.code(text.trim(), true) || tokens(text).is_empty() {
                return None;
            }
        }
        writer.put(&Word::Break(0));
    }
    writer.put(&Word::Said("```"));
    Some(writer.words)
}

/// The first and the last line of a range of whole lines; no last one where the range is empty.
fn whole_lines(text: &str, range: &Range<usize>) -> Option<(u32, Option<u32>)> {
    let starts = |at: usize| at == 0 || text.get(..at).is_some_and(|before| before.ends_with('\n'));
    if !starts(range.start) || !(starts(range.end) || range.end == text.len()) {
        return None;
    }
    let from = vf_source::line_of(text, range.start);
    if range.is_empty() {
        return Some((from, None));
    }
    Some((from, Some(vf_source::line_of(text, range.end - 1))))
}

impl Encoded {
    /// By number of a word: the bytes that it adds to an answer; none where it stands for nothing here.
    pub fn bytes(&self) -> Vec<Vec<u8>> {
        let all = 0..u32::try_from(words().len()).unwrap_or(u32::MAX);
        all.map(|number| self.text(number).map_or_else(Vec::new, String::into_bytes))
            .collect()
    }

    /// What one word is in an answer to this prompt.
    fn text(&self, number: u32) -> Option<String> {
        let blank = |blank: &bool| if *blank { " " } else { "" };
        Some(match words().get(number)? {
            Word::Said("```edit") => "```edit\n".to_owned(),
            Word::Said("```") => "```".to_owned(),
            Word::Mark(_) | Word::Said(_) | Word::Size(_) => return None,
            Word::Line(line) => (self.first_line as usize + line - 1).to_string(),
            Word::Break(depth) => format!("\n{}", self.indent.repeat(*depth)),
            Word::Plain(text, b) => format!("{}{text}", blank(b)),
            Word::Slot(slot, index, b) => format!("{}{}", blank(b), self.names.text(*slot, *index)?),
        })
    }

    /// The prompt as a person reads it: the names of its words, a part and a line of the function each on a line of its own.
    pub fn spelled(&self) -> String {
        let mut text = String::new();
        for word in self.prompt.iter().filter_map(|number| words().get(*number)) {
            let begins = matches!(word, Word::Line(_) | Word::Mark(_));
            text.push_str(if begins { "\n" } else { " " });
            text.push_str(&word.name());
        }
        text.trim_start().to_owned()
    }

    /// The text of an answer.
    pub fn decode(&self, answer: &[u32]) -> String {
        answer.iter().filter_map(|number| self.text(*number)).collect()
    }
}

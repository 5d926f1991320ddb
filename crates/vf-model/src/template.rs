//! Chat templates: the Jinja program in a model folder that lays a conversation out as the model was trained on it
//! (`chat_template.jinja`, or `chat_template` in `tokenizer_config.json`).
//!
//! A template comes with the model and is not trusted: it has no files and no network, and its work is bounded. The
//! texts of a conversation are trusted less: they do not go through the template at all. It lays out placeholders,
//! and the texts take their places afterwards, so that nothing they spell is taken for a template or a marker.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use minijinja::{Environment, ErrorKind, Value};
use serde_json::Value as Json;

use crate::error::ModelError;
use crate::files;
use crate::text::Vocabulary;

/// Steps of the template engine; published templates take a few hundred for two messages.
const FUEL: u64 = 200_000;
/// A template says little beside the messages.
const OUTPUT_LIMIT: usize = 64 << 10;
const SEPARATE: &str = "chat_template.jinja";
const CONFIG: &str = "tokenizer_config.json";
const MAP: &str = "special_tokens_map.json";

/// A message of a conversation.
#[cfg(test)]
#[derive(Clone, Copy)]
struct Message<'a> {
    /// `system`, `user` or `assistant`.
    role: &'a str,
    content: &'a str,
}

/// A compiled template, which has laid out a conversation at least once.
pub(crate) struct ChatTemplate {
    file: PathBuf,
    environment: Environment<'static>,
    /// What templates know by these names: `bos_token`, `eos_token`, `unk_token`, `pad_token`.
    tokens: BTreeMap<&'static str, String>,
    /// Whether a system message has a place of its own; otherwise it goes before the user's.
    system: bool,
}

/// One piece of a conversation that was laid out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Template(String),
    /// The text of this message, perhaps without the white space at its ends.
    Content {
        message: usize,
        trim_start: bool,
        trim_end: bool,
    },
}

impl ChatTemplate {
    /// The template of a model folder; `None` where it has none.
    pub fn read(folder: &Path) -> Result<Option<ChatTemplate>, ModelError> {
        let config = read_json(folder, CONFIG)?;
        // The order in which the published loaders look.
        let (file, source) = if folder.join(SEPARATE).exists() {
            (folder.join(SEPARATE), files::read_text(folder, SEPARATE)?)
        } else {
            let file = folder.join(CONFIG);
            let invalid = |expected| ModelError::FieldInvalid {
                file: file.clone(),
                field: "chat_template".to_owned(),
                found: "something else".to_owned(),
                expected,
            };
            match config.get("chat_template") {
                None | Some(Json::Null) => return Ok(None),
                Some(Json::String(source)) => (file, source.clone()),
                Some(Json::Array(named)) => {
                    let default = named.iter().find(|t| t["name"] == "default");
                    let source = default.and_then(|t| t["template"].as_str());
                    let source = source.ok_or_else(|| invalid("a list with a template named default"))?;
                    (file, source.to_owned())
                }
                Some(_) => return Err(invalid("a template or a list of named ones")),
            }
        };
        let mut tokens = BTreeMap::new();
        let map = read_json(folder, MAP)?;
        for name in ["bos_token", "eos_token", "unk_token", "pad_token"] {
            let text = |value: &Json| match value {
                Json::String(text) => Some(text.clone()),
                other => other["content"].as_str().map(str::to_owned),
            };
            let found = [&config, &map].into_iter().find_map(|c| text(&c[name]));
            if let Some(token) = found {
                tokens.insert(name, token);
            }
        }
        ChatTemplate::compile(file, source, tokens).map(Some)
    }

    /// A template that a file other than the folder's own has, with the texts of the tokens that it may name.
    pub fn of(
        file: &Path,
        source: &str,
        tokens: BTreeMap<&'static str, String>,
    ) -> Result<ChatTemplate, ModelError> {
        ChatTemplate::compile(file.to_path_buf(), source.to_owned(), tokens)
    }

    fn compile(
        file: PathBuf,
        source: String,
        tokens: BTreeMap<&'static str, String>,
    ) -> Result<ChatTemplate, ModelError> {
        let mut environment = Environment::new();
        // As transformers sets it up.
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function(
            "raise_exception",
            |message: String| -> Result<Value, minijinja::Error> {
                Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
            },
        );
        environment.add_function("strftime_now", |format: String| fixed_date(&format));
        let failed = |e: &minijinja::Error| ModelError::ChatTemplate {
            file: file.clone(),
            message: brief(e),
        };
        environment
            .add_template_owned("chat", source)
            .map_err(|e| failed(&e))?;
        let mut template = ChatTemplate {
            file: file.clone(),
            environment,
            tokens,
            system: true,
        };
        // What does not lay out a usual conversation is found out here and not after the weights are loaded.
        if template.pieces(&["system", "user"], true).is_err() {
            template.system = false;
            template.pieces(&["user"], true)?;
        }
        Ok(template)
    }

    /// The layout of messages with these roles; an error if one of them has no place in it.
    fn pieces(&self, roles: &[&str], answer: bool) -> Result<Vec<Piece>, ModelError> {
        let messages: Vec<Value> = roles
            .iter()
            .enumerate()
            .map(|(index, role)| {
                // White space around it tells what the template does with that of a text.
                let content = format!(" \n{}\n ", placeholder(index));
                Value::from_iter([("role", Value::from(*role)), ("content", Value::from(content))])
            })
            .collect();
        let text = self.render(messages, answer)?;
        let pieces = split(&text, roles.len());
        let placed = |index| {
            pieces
                .iter()
                .any(|p| matches!(p, Piece::Content { message, .. } if *message == index))
        };
        match (0..roles.len()).find(|index| !placed(*index)) {
            None => Ok(pieces),
            Some(index) => Err(ModelError::ChatTemplate {
                file: self.file.clone(),
                message: format!(
                    "it leaves the {} message out",
                    roles.get(index).unwrap_or(&"last")
                ),
            }),
        }
    }

    fn render(&self, messages: Vec<Value>, answer: bool) -> Result<String, ModelError> {
        let failed = |message| ModelError::ChatTemplate {
            file: self.file.clone(),
            message,
        };
        let mut context: BTreeMap<&str, Value> = BTreeMap::new();
        for (name, token) in &self.tokens {
            context.insert(name, Value::from(token.as_str()));
        }
        context.insert("messages", Value::from(messages));
        context.insert("add_generation_prompt", Value::from(answer));
        let template = self
            .environment
            .get_template("chat")
            .map_err(|e| failed(brief(&e)))?;
        let text = template.render(context).map_err(|e| failed(brief(&e)))?;
        if text.len() > OUTPUT_LIMIT {
            return Err(failed(format!(
                "it makes {} bytes out of two short messages",
                text.len()
            )));
        }
        Ok(text)
    }

    /// Whether a system message has a place of its own.
    #[cfg(test)]
    pub fn has_system(&self) -> bool {
        self.system
    }

    /// The conversation as text, for comparison: markers in it may be the texts' own.
    #[cfg(test)]
    fn text(&self, messages: &[Message<'_>], answer: bool) -> Result<String, ModelError> {
        let roles: Vec<&str> = messages.iter().map(|m| m.role).collect();
        let contents: Vec<&str> = messages.iter().map(|m| m.content).collect();
        let pieces = self.pieces(&roles, answer)?;
        Ok(fill(&pieces, &contents))
    }

    /// A system message, the user's message and the beginning of the answer, as tokens. Markers of the template are
    /// markers; what the texts spell is text.
    pub fn prompt(&self, vocabulary: &Vocabulary, system: &str, user: &str) -> Result<Vec<u32>, ModelError> {
        let both;
        let (roles, contents): (&[&str], [&str; 2]) = if self.system {
            (&["system", "user"], [system, user])
        } else {
            both = format!("{system}\n\n{user}");
            (&["user"], [&both, ""])
        };
        let pieces = self.pieces(roles, true)?;
        tokens(vocabulary, &pieces, &contents)
    }

    /// The marker after an answer, where the template puts one.
    pub fn end_of_turn(&self, vocabulary: &Vocabulary) -> Option<u32> {
        let pieces = self.pieces(&["user", "assistant"], false).ok()?;
        let answer = |p: &Piece| matches!(p, Piece::Content { message: 1, .. });
        let at = pieces.iter().position(answer)?;
        match pieces.get(at + 1)? {
            Piece::Template(text) => {
                let (marker, _, before) = vocabulary.first_marker(text)?;
                before.trim().is_empty().then_some(marker)
            }
            Piece::Content { .. } => None,
        }
    }
}

/// Private-use characters: no template writes them.
fn placeholder(message: usize) -> String {
    format!("\u{e000}{message}\u{e001}")
}

/// Finds the placeholders.
fn split(text: &str, messages: usize) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let next = (0..messages)
            .filter_map(|message| {
                let name = placeholder(message);
                rest.find(&name).map(|at| (at, message, name.len()))
            })
            .min();
        let Some((at, message, length)) = next else {
            break;
        };
        let before = rest.get(..at).unwrap_or_default();
        let after = rest.get(at + length..).unwrap_or_default();
        let (before, trim_start) = match before.strip_suffix(" \n") {
            Some(before) => (before, false),
            None => (before, true),
        };
        let (after, trim_end) = match after.strip_prefix("\n ") {
            Some(after) => (after, false),
            None => (after, true),
        };
        if !before.is_empty() {
            pieces.push(Piece::Template(before.to_owned()));
        }
        pieces.push(Piece::Content {
            message,
            trim_start,
            trim_end,
        });
        rest = after;
    }
    if !rest.is_empty() {
        pieces.push(Piece::Template(rest.to_owned()));
    }
    pieces
}

/// What stands at a piece.
fn content<'a>(piece: &'a Piece, contents: &[&'a str]) -> &'a str {
    match piece {
        Piece::Template(text) => text,
        Piece::Content {
            message,
            trim_start,
            trim_end,
        } => {
            let mut text = contents.get(*message).copied().unwrap_or_default();
            if *trim_start {
                text = text.trim_start();
            }
            if *trim_end {
                text = text.trim_end();
            }
            text
        }
    }
}

fn fill(pieces: &[Piece], contents: &[&str]) -> String {
    pieces.iter().map(|p| content(p, contents)).collect()
}

/// Tokens of a conversation that was laid out.
fn tokens(vocabulary: &Vocabulary, pieces: &[Piece], contents: &[&str]) -> Result<Vec<u32>, ModelError> {
    // As transformers does it, if that takes the template's markers for markers and nothing else.
    let whole = vocabulary.encode_with_markers(&fill(pieces, contents))?;
    let harmless = vec!["x"; contents.len()];
    let plain = vocabulary.encode_with_markers(&fill(pieces, &harmless))?;
    let mut spelled = false;
    for text in contents {
        spelled |= !vocabulary
            .markers(&vocabulary.encode_with_markers(text)?)
            .is_empty();
    }
    if !spelled && vocabulary.markers(&whole) == vocabulary.markers(&plain) {
        return Ok(whole);
    }
    // A text spells a marker: what is between the template's markers is encoded by itself, as text.
    let mut tokens = Vec::new();
    let mut text = String::new();
    for piece in pieces {
        let Piece::Template(template) = piece else {
            text.push_str(content(piece, contents));
            continue;
        };
        let mut rest = template.as_str();
        while let Some((marker, length, before)) = vocabulary.first_marker(rest) {
            text.push_str(before);
            tokens.extend(vocabulary.encode(&text, false)?);
            text.clear();
            tokens.push(marker);
            rest = rest.get(before.len() + length..).unwrap_or_default();
        }
        text.push_str(rest);
    }
    tokens.extend(vocabulary.encode(&text, false)?);
    Ok(tokens)
}

/// Templates may ask for the date. A prompt must come out the same tomorrow, so it is always the day that published
/// templates fall back to.
fn fixed_date(format: &str) -> Result<String, minijinja::Error> {
    let mut text = String::new();
    let mut characters = format.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let value = match characters.next() {
            Some('d') => "26",
            Some('m') => "07",
            Some('b') => "Jul",
            Some('B') => "July",
            Some('y') => "24",
            Some('Y') => "2024",
            Some('a') => "Fri",
            Some('A') => "Friday",
            Some('H' | 'M' | 'S') => "00",
            Some('%') => "%",
            other => {
                let message = format!("strftime_now does not know %{}", other.unwrap_or(' '));
                return Err(minijinja::Error::new(ErrorKind::InvalidOperation, message));
            }
        };
        text.push_str(value);
    }
    Ok(text)
}

/// The message of an error and the line it is about.
fn brief(error: &minijinja::Error) -> String {
    let message = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) => format!("line {line}: {message}"),
        None => message,
    }
}

/// A JSON file that need not be there.
fn read_json(folder: &Path, name: &'static str) -> Result<Json, ModelError> {
    let file = folder.join(name);
    if !file.exists() {
        return Ok(Json::Null);
    }
    files::parse_json(&file, &files::read_text(folder, name)?)
}

#[cfg(test)]
mod tests;

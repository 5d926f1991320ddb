//! What goes over the wire: the OpenAI API of chat and text completions, as llama.cpp's server and vLLM speak it.
//!
//! <https://platform.openai.com/docs/api-reference/chat/create>, the server's README of llama.cpp, and vLLM's page
//! "OpenAI-Compatible Server". Answers are untrusted: only the fields needed are read, lists only up to a limit, and
//! what is not understood is skipped without being kept.

use std::fmt;

use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde_json::{Map, Value, json};

use super::error::NotAnAnswer;
use super::lists::AtMost;
use crate::sample::Sampling;

/// Completions asked for in one request at most.
pub(super) const MOST_CHOICES: usize = 64;
/// Tokens of one completion whose log-probabilities are read.
const MOST_TOKENS: usize = 1 << 16;

/// What the model is to continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// A user's message, in the conversation form that the server knows for its model.
    Chat { system: &'a str, user: &'a str },
    /// A text to continue as it is.
    Text(&'a str),
}

/// What every answer must be, enforced by the server while it generates.
#[derive(Clone, Debug, PartialEq)]
pub enum Constraint {
    /// A text of this grammar, in GBNF (llama.cpp's form of BNF, which vLLM reads too); its start is `root`.
    Grammar(String),
    /// JSON of this schema.
    JsonSchema(Value),
}

/// One completion.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerCompletion {
    pub text: String,
    pub finish: Finish,
    /// Where they were asked for and the server gives them.
    pub tokens: Option<Vec<ScoredToken>>,
}

impl ServerCompletion {
    /// Natural logarithm of the probability of the completion, where the server gives it for the tokens.
    pub fn log_probability(&self) -> Option<f64> {
        let tokens = self.tokens.as_ref()?;
        Some(tokens.iter().map(|t| t.log_probability).sum())
    }
}

/// A generated token.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoredToken {
    pub text: String,
    /// Natural logarithm of its probability.
    pub log_probability: f64,
}

/// Why a completion ended, as the server says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The model was done, or a stop text came.
    Stop,
    /// `max_new_tokens` or the context is used up.
    Length,
    /// A filter of the server cut it.
    Filtered,
    /// The server gave no reason that is known here.
    Unsaid,
}

/// The two ways to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chat,
    Text,
}

impl Form {
    pub fn path(self) -> &'static str {
        match self {
            Form::Chat => "/chat/completions",
            Form::Text => "/completions",
        }
    }
}

/// Which program a server is, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flavour {
    LlamaCpp,
    Vllm {
        /// Constraints go into `structured_outputs` (the only way since 0.12; before 0.11, `guided_grammar`).
        structured: bool,
    },
    Unknown,
}

/// One request: so many completions of a prompt.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub prompt: Prompt<'a>,
    pub sampling: &'a Sampling,
    pub constraint: Option<&'a Constraint>,
    /// Ask for the log-probability of every token.
    pub log_probabilities: bool,
}

/// The constraint cannot be put into words that the server is known to understand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CannotConstrain;

/// The body of a request; `seed` is that of the first of `count` completions.
pub(super) fn body(
    form: Form,
    flavour: Flavour,
    model: Option<&str>,
    request: &Request<'_>,
    count: usize,
    seed: u64,
) -> Result<Value, CannotConstrain> {
    let sampling = request.sampling;
    let mut fields = Map::new();
    if let Some(model) = model {
        fields.insert("model".into(), model.into());
    }
    match (form, request.prompt) {
        (Form::Chat, Prompt::Chat { system, user }) => {
            let mut messages = Vec::new();
            if !system.is_empty() {
                messages.push(json!({ "role": "system", "content": system }));
            }
            messages.push(json!({ "role": "user", "content": user }));
            fields.insert("messages".into(), messages.into());
        }
        (Form::Chat, Prompt::Text(text)) => {
            fields.insert("messages".into(), json!([{ "role": "user", "content": text }]));
        }
        (Form::Text, Prompt::Text(text)) => {
            fields.insert("prompt".into(), text.into());
        }
        // The same text that a hosted model without a conversation form is given.
        (Form::Text, Prompt::Chat { system, user }) => {
            fields.insert("prompt".into(), format!("{system}\n\n{user}\n\n").into());
        }
    }
    fields.insert("max_tokens".into(), sampling.max_new_tokens.into());
    fields.insert("temperature".into(), sampling.temperature.into());
    fields.insert("top_p".into(), sampling.top_p.into());
    if let Some(k) = sampling.top_k {
        // Not in OpenAI's API; both servers take it.
        fields.insert("top_k".into(), k.into());
    }
    fields.insert("seed".into(), seed.into());
    if count > 1 {
        fields.insert("n".into(), count.into());
    }
    if !sampling.stop.is_empty() {
        fields.insert("stop".into(), sampling.stop.clone().into());
    }
    if request.log_probabilities {
        match form {
            Form::Chat => {
                fields.insert("logprobs".into(), true.into());
                // One alternative is the least that every server accepts.
                fields.insert("top_logprobs".into(), 1.into());
            }
            Form::Text => {
                fields.insert("logprobs".into(), 1.into());
            }
        }
    }
    match (request.constraint, flavour) {
        (None, _) => {}
        (Some(Constraint::JsonSchema(schema)), _) => {
            let schema = json!({ "name": "answer", "strict": true, "schema": schema });
            let format = json!({ "type": "json_schema", "json_schema": schema });
            fields.insert("response_format".into(), format);
        }
        (Some(Constraint::Grammar(grammar)), Flavour::LlamaCpp) => {
            fields.insert("grammar".into(), grammar.as_str().into());
        }
        (Some(Constraint::Grammar(grammar)), Flavour::Vllm { structured: true }) => {
            fields.insert("structured_outputs".into(), json!({ "grammar": grammar }));
        }
        (Some(Constraint::Grammar(grammar)), Flavour::Vllm { structured: false }) => {
            fields.insert("guided_grammar".into(), grammar.as_str().into());
        }
        (Some(Constraint::Grammar(_)), Flavour::Unknown) => return Err(CannotConstrain),
    }
    Ok(Value::Object(fields))
}

#[derive(Deserialize)]
struct Answer {
    choices: Option<AtMost<Choice, MOST_CHOICES>>,
}

#[derive(Deserialize)]
struct Choice {
    text: Option<Content>,
    message: Option<Message>,
    finish_reason: Option<String>,
    logprobs: Option<LogProbabilities>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Content>,
}

/// Text, or pieces of it. Read by hand: a derived reader of alternatives keeps the whole value before it chooses.
struct Content(String);

/// Pieces that a text may come in.
const MOST_PIECES: usize = 256;

#[derive(Deserialize)]
struct Piece {
    text: Option<String>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrPieces;
        impl<'de> Visitor<'de> for TextOrPieces {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, or a list of pieces of text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content(text.to_owned()))
            }

            fn visit_string<E: serde::de::Error>(self, text: String) -> Result<Content, E> {
                Ok(Content(text))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Content, A::Error> {
                let list = SeqAccessDeserializer::new(list);
                let pieces = AtMost::<Piece, MOST_PIECES>::deserialize(list)?;
                Ok(Content(pieces.0.into_iter().filter_map(|p| p.text).collect()))
            }
        }
        deserializer.deserialize_any(TextOrPieces)
    }
}

/// Chat answers list the tokens in `content`; text completions have two lists side by side.
#[derive(Deserialize)]
struct LogProbabilities {
    content: Option<AtMost<Token, MOST_TOKENS>>,
    tokens: Option<AtMost<String, MOST_TOKENS>>,
    token_logprobs: Option<AtMost<Option<f64>, MOST_TOKENS>>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
    logprob: f64,
}

impl LogProbabilities {
    fn tokens(self) -> Option<Vec<ScoredToken>> {
        if let Some(content) = self.content {
            let token = |t: Token| ScoredToken {
                text: t.token,
                log_probability: t.logprob,
            };
            return Some(content.0.into_iter().map(token).collect());
        }
        let (texts, numbers) = (self.tokens?.0, self.token_logprobs?.0);
        if texts.len() != numbers.len() {
            return None;
        }
        let pairs = texts.into_iter().zip(numbers);
        pairs
            .map(|(text, number)| {
                Some(ScoredToken {
                    text,
                    log_probability: number?,
                })
            })
            .collect()
    }
}

/// The completions of an answer, at most so many.
pub(super) fn completions(body: &[u8], most: usize) -> Result<Vec<ServerCompletion>, NotAnAnswer> {
    let answer: Answer = read(body)?;
    let choices = answer.choices.ok_or(NotAnAnswer::NoChoices)?.0;
    let mut found = Vec::new();
    for choice in choices.into_iter().take(most) {
        let text = match (choice.message, choice.text) {
            // A message without content is an empty answer (all of it was reasoning, say).
            (Some(message), _) => message.content.map(|c| c.0).unwrap_or_default(),
            (None, Some(text)) => text.0,
            (None, None) => return Err(NotAnAnswer::Shape("a choice without a text".to_owned())),
        };
        let finish = match choice.finish_reason.as_deref() {
            Some("stop" | "eos" | "tool_calls") => Finish::Stop,
            Some("length") => Finish::Length,
            Some("content_filter") => Finish::Filtered,
            _ => Finish::Unsaid,
        };
        found.push(ServerCompletion {
            text,
            finish,
            tokens: choice.logprobs.and_then(LogProbabilities::tokens),
        });
    }
    if found.is_empty() {
        return Err(NotAnAnswer::NoChoices);
    }
    Ok(found)
}

/// A model that a server lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    pub name: String,
    pub flavour: Flavour,
}

/// What `GET /models` lists.
pub(super) fn served(body: &[u8]) -> Result<Vec<Served>, NotAnAnswer> {
    #[derive(Deserialize)]
    struct List {
        data: Option<AtMost<Entry, 1024>>,
    }
    #[derive(Deserialize)]
    struct Entry {
        id: String,
        owned_by: Option<String>,
    }
    let list: List = read(body)?;
    let data = list
        .data
        .ok_or_else(|| NotAnAnswer::Shape("no \"data\" in it".to_owned()))?;
    let entry = |e: Entry| Served {
        name: e.id,
        flavour: match e.owned_by.as_deref() {
            Some("llamacpp") => Flavour::LlamaCpp,
            Some("vllm") => Flavour::Vllm { structured: true },
            _ => Flavour::Unknown,
        },
    };
    Ok(data.0.into_iter().map(entry).collect())
}

/// Whether the vLLM of this answer to `GET /version` takes `structured_outputs`.
pub(super) fn takes_structured_outputs(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Version {
        version: String,
    }
    let Ok(Version { version }) = read(body) else {
        return true;
    };
    let mut parts = version.split('.').map(|p| p.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) >= (0, 11),
        _ => true,
    }
}

fn read<'b, T: Deserialize<'b>>(body: &'b [u8]) -> Result<T, NotAnAnswer> {
    let text = std::str::from_utf8(body).map_err(|_| NotAnAnswer::NotUtf8)?;
    serde_json::from_str(text).map_err(|e| match e.classify() {
        serde_json::error::Category::Eof => NotAnAnswer::CutOff,
        serde_json::error::Category::Data => NotAnAnswer::Shape(super::error::shortened(&e.to_string())),
        _ => NotAnAnswer::NotJson,
    })
}

/// What an error answer says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Complaint {
    /// The message, or the whole body where it has no message.
    pub said: String,
    /// The prompt does not fit; the numbers where they are said.
    pub too_long: Option<(Option<usize>, Option<usize>)>,
    /// The model has no conversation form.
    pub no_chat: bool,
}

/// Reads an error answer: `{"error": {"message", "type", ...}}`, or vLLM's older `{"message": ...}`, or
/// `{"detail": ...}`, or any text.
pub(super) fn complaint(body: &[u8]) -> Complaint {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Fields {
        message: Option<String>,
        detail: Option<String>,
        #[serde(rename = "type")]
        kind: Option<String>,
        n_prompt_tokens: Option<usize>,
        n_ctx: Option<usize>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Error {
        Text(String),
        Fields(Fields),
    }
    #[derive(Deserialize)]
    struct Outer {
        error: Error,
    }
    let text = String::from_utf8_lossy(body);
    let fields = match serde_json::from_str::<Outer>(&text) {
        Ok(Outer {
            error: Error::Fields(fields),
        }) => fields,
        Ok(Outer {
            error: Error::Text(message),
        }) => Fields {
            message: Some(message),
            ..Fields::default()
        },
        Err(_) => serde_json::from_str::<Fields>(&text).unwrap_or_default(),
    };
    let said = fields
        .message
        .or(fields.detail)
        .unwrap_or_else(|| text.into_owned());
    let lower = said.to_lowercase();
    let too_long = if fields.kind.as_deref() == Some("exceed_context_size_error") {
        Some((fields.n_prompt_tokens, fields.n_ctx))
    } else if lower.contains("maximum context length") || lower.contains("available context size") {
        let tokens = number_before(&lower, " in the messages")
            .or_else(|| number_before(&lower, " input tokens"))
            .or_else(|| number_after(&lower, "requested "));
        Some((tokens, number_after(&lower, "maximum context length is ")))
    } else {
        None
    };
    Complaint {
        no_chat: lower.contains("chat template") || lower.contains("chat_template"),
        too_long,
        said,
    }
}

fn number_after(text: &str, phrase: &str) -> Option<usize> {
    let (_, rest) = text.split_once(phrase)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..end)?.parse().ok()
}

fn number_before(text: &str, phrase: &str) -> Option<usize> {
    let (rest, _) = text.split_once(phrase)?;
    let start = rest
        .rfind(|c: char| !c.is_ascii_digit())
        .map_or(0, |i| i.saturating_add(1));
    // A character of more bytes has no digit behind its first byte: `get` says so.
    rest.get(start..)?.parse().ok()
}

#[cfg(test)]
mod tests;

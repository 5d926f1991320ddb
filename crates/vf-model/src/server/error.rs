//! Everything that can go wrong with a model behind a server, with the endpoint and what to do about it.

use std::time::Duration;

/// Why a server gave no completion. No message holds the key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    #[error("\"{url}\" is not the address of a model server: {why}")]
    BadUrl { url: String, why: BadUrl },
    #[error("{url} cannot be reached: {why}; is the server running, and is this its address?")]
    Unreachable { url: String, why: String },
    #[error("{url} broke off its answer ({why}), {attempts} times: look at the server's log")]
    Lost { url: String, why: String, attempts: u32 },
    #[error(
        "{url} cannot be trusted: {why}; the certificate must be signed by an authority that this system knows"
    )]
    Tls { url: String, why: String },
    #[error("{url} refuses access (HTTP {status}: {said}): {}", if *.had_key { "check the key" } else { "it wants a key" })]
    Refused {
        url: String,
        status: u16,
        said: String,
        /// Whether a key was sent.
        had_key: bool,
    },
    #[error(
        "{url} sends on to {to} (HTTP {status}): give that address, if you trust it; a key is not sent on"
    )]
    Redirect { url: String, status: u16, to: String },
    #[error("{url} does not take the request (HTTP {status}: {said}){}", if *.status == 404 { ": check the address and the model's name" } else { "" })]
    Status { url: String, status: u16, said: String },
    #[error(
        "{url} is not able to answer (HTTP {status}: {said}), {attempts} times: try later, or look at the server's log"
    )]
    Unavailable {
        url: String,
        status: u16,
        said: String,
        attempts: u32,
    },
    #[error("{url} asks to wait {} s, which is longer than this run waits: try later", wait.as_secs())]
    Busy { url: String, wait: Duration },
    #[error("{url} did not finish its answer within {} s: give it more time, or ask for less", limit.as_secs_f64())]
    Timeout { url: String, limit: Duration },
    #[error("the time for the run was used up before the model answered")]
    Deadline,
    #[error("{url}: the answer is larger than {limit} bytes and was not read")]
    TooLarge { url: String, limit: u64 },
    #[error("{url}: the answer is not that of an OpenAI-compatible server ({why}); it begins: {said}")]
    NotAnAnswer {
        url: String,
        why: NotAnAnswer,
        said: String,
    },
    #[error("{url}: {}: shorten the prompt, or serve the model with a longer context", too_long(*.tokens, *.context, said))]
    PromptTooLong {
        url: String,
        /// Tokens of the prompt and tokens that the model takes, where the server says them.
        tokens: Option<usize>,
        context: Option<usize>,
        said: String,
    },
    #[error("{url} serves no model: load one there")]
    NoModel { url: String },
    #[error("{url} serves several models ({}): say which one", served.join(", "))]
    WhichModel { url: String, served: Vec<String> },
    #[error("{url} does not serve {name}; it serves {}", served.join(", "))]
    OtherModel {
        url: String,
        name: String,
        served: Vec<String>,
    },
    #[error(
        "the servers have different models ({first} and {second}): name one that all serve, or give one address"
    )]
    DifferentModels { first: String, second: String },
    #[error("{url} is not known to take grammars (llama.cpp and vLLM do): leave the grammar out")]
    NoGrammar { url: String },
    #[error("{field} is {found}, expected {expected}")]
    BadSampling {
        field: &'static str,
        found: String,
        expected: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    #[error("it cannot be read as a URL; one looks like http://127.0.0.1:8080/v1")]
    Syntax,
    #[error("it must begin with http:// or https://")]
    Scheme,
    #[error("it names no host")]
    NoHost,
    #[error("it holds a user name or a password; put the key into VERIFY_FIX_API_KEY")]
    Credentials,
    #[error("it has a query, which such an address does not have")]
    Query,
    #[error("there is no address in it")]
    Empty,
    #[error("it is there twice")]
    Twice,
}

/// What is wrong with the body of an answer that came with a success code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    #[error("not JSON")]
    NotJson,
    #[error("JSON of another shape: {0}")]
    Shape(String),
    #[error("cut off")]
    CutOff,
    #[error("no choices in it")]
    NoChoices,
    #[error("not UTF-8 text")]
    NotUtf8,
}

fn too_long(tokens: Option<usize>, context: Option<usize>, said: &str) -> String {
    match (tokens, context) {
        (Some(tokens), Some(context)) => {
            format!("the prompt has {tokens} tokens, the context holds {context} with the completion")
        }
        _ => format!("the prompt is too long ({said})"),
    }
}

/// Characters of a server's words that an error repeats.
const SHOWN: usize = 240;

/// A server's words as an error shows them: one line, printable, shortened.
pub(super) fn shortened(text: &str) -> String {
    let mut line = String::new();
    let mut count = 0;
    for word in text.split_whitespace() {
        if count > 0 {
            line.push(' ');
        }
        for c in word.chars() {
            if count >= SHOWN {
                line.push_str("...");
                return line;
            }
            line.push(if c.is_control() { '\u{fffd}' } else { c });
            count += 1;
        }
        count += 1;
    }
    if line.is_empty() {
        line.push_str("nothing");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_server_are_shown_on_one_short_line() {
        assert_eq!(shortened(" a\n\tb\x1b[2J "), "a b\u{fffd}[2J");
        assert_eq!(shortened(""), "nothing");
        let long = shortened(&"x".repeat(1000));
        assert_eq!(long.chars().count(), SHOWN + 3);
        assert!(shortened(&"é ".repeat(1000)).chars().count() <= SHOWN + 4);
    }
}

//! The client against a real server, whose address is in `VERIFY_FIX_TEST_SERVER`: `scripts/llama-server-check.py`
//! makes a tiny model, starts llama.cpp's server with it and runs these tests.

use std::time::Duration;

use serde_json::json;
use vf_model::Sampling;
use vf_model::server::{Constraint, Prompt, Request, ServerError, ServerModel, ServerOptions};

fn connect() -> ServerModel {
    let url = std::env::var("VERIFY_FIX_TEST_SERVER").expect("the address of a server");
    let options = ServerOptions {
        answer_timeout: Duration::from_secs(60),
        ..ServerOptions::default()
    };
    ServerModel::connect(&url, options).expect("a server")
}

fn sampling(samples: usize) -> Sampling {
    Sampling {
        temperature: 0.8,
        max_new_tokens: 24,
        seed: 11,
        samples,
        ..Sampling::default()
    }
}

const CHAT: Prompt<'_> = Prompt::Chat {
    system: "You are a careful C programmer.",
    user: "Write a function.",
};

fn request<'a>(
    prompt: Prompt<'a>,
    sampling: &'a Sampling,
    constraint: Option<&'a Constraint>,
) -> Request<'a> {
    Request {
        prompt,
        sampling,
        constraint,
        log_probabilities: true,
    }
}

#[test]
#[ignore = "needs a server: scripts/llama-server-check.py"]
fn conversations_and_texts_are_answered_with_log_probabilities() {
    let model = connect();
    assert!(!model.name().is_empty());
    for prompt in [CHAT, Prompt::Text("int main(void) {")] {
        let sampling = sampling(5);
        let answers = model
            .complete(&request(prompt, &sampling, None))
            .expect("answers");
        assert_eq!(answers.completions.len(), 5);
        assert_eq!(answers.missing, None);
        let texts: std::collections::BTreeSet<&str> =
            answers.completions.iter().map(|c| c.text.as_str()).collect();
        assert!(texts.len() > 1, "samples differ: {texts:?}");
        for completion in &answers.completions {
            let log_probability = completion.log_probability().expect("log-probabilities");
            assert!(log_probability < 0.0 && log_probability.is_finite());
            let count = completion.tokens.as_ref().map_or(0, Vec::len);
            // Some servers finish a character that the limit cuts.
            assert!((1..=32).contains(&count), "{count} tokens");
        }
    }
}

#[test]
#[ignore = "needs a server: scripts/llama-server-check.py"]
fn one_sample_with_one_seed_is_one_text() {
    let model = connect();
    let sampling = sampling(1);
    let text = || {
        let answers = model
            .complete(&request(CHAT, &sampling, None))
            .expect("an answer");
        answers.completions[0].text.clone()
    };
    assert_eq!(text(), text());
}

#[test]
#[ignore = "needs a server: scripts/llama-server-check.py"]
fn constraints_hold() {
    let model = connect();
    let sampling = sampling(3);
    let grammar = Constraint::Grammar("root ::= \"yes\" | \"no\"".into());
    for prompt in [CHAT, Prompt::Text("Is it?")] {
        let answers = match model.complete(&request(prompt, &sampling, Some(&grammar))) {
            // Neither llama.cpp's own server nor vLLM.
            Err(ServerError::NoGrammar { .. }) => return,
            answers => answers.expect("answers"),
        };
        for completion in answers.completions {
            assert!(
                ["yes", "no"].contains(&completion.text.as_str()),
                "{:?}",
                completion.text
            );
        }
    }
    let schema = Constraint::JsonSchema(json!({ "type": "boolean" }));
    let answers = model
        .complete(&request(CHAT, &sampling, Some(&schema)))
        .expect("answers");
    for completion in answers.completions {
        let value: serde_json::Value = serde_json::from_str(&completion.text).expect("JSON");
        assert!(value.is_boolean(), "{value}");
    }
}

#[test]
#[ignore = "needs a server: scripts/llama-server-check.py"]
fn what_cannot_be_answered_is_said() {
    let model = connect();
    let sampling = sampling(1);
    let long = "word ".repeat(200_000);
    let error = model
        .complete(&request(Prompt::Text(&long), &sampling, None))
        .expect_err("too long");
    assert!(
        matches!(
            error,
            ServerError::PromptTooLong {
                tokens: Some(_),
                context: Some(_),
                ..
            }
        ),
        "{error:?}"
    );
    let grammar = Constraint::Grammar("root ::= (".into());
    let error = model
        .complete(&request(CHAT, &sampling, Some(&grammar)))
        .expect_err("no grammar");
    assert!(
        matches!(
            error,
            ServerError::Status { status: 400, .. } | ServerError::NoGrammar { .. }
        ),
        "{error:?}"
    );
}

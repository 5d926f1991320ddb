use super::*;

fn sampling() -> Sampling {
    Sampling {
        temperature: 0.7,
        top_p: 0.9,
        max_new_tokens: 64,
        stop: vec!["END".into()],
        samples: 4,
        ..Sampling::default()
    }
}

const CHAT: Prompt<'_> = Prompt::Chat {
    system: "S",
    user: "U",
};

fn written(form: Form, flavour: Flavour, prompt: Prompt<'_>, constraint: Option<&Constraint>) -> Value {
    let sampling = sampling();
    let request = Request {
        prompt,
        sampling: &sampling,
        constraint,
        log_probabilities: true,
    };
    body(form, flavour, Some("m"), &request, 3, 17).expect("a body")
}

#[test]
fn a_conversation() {
    assert_eq!(
        written(Form::Chat, Flavour::Unknown, CHAT, None),
        json!({
            "model": "m",
            "messages": [{ "role": "system", "content": "S" }, { "role": "user", "content": "U" }],
            "max_tokens": 64, "temperature": 0.7, "top_p": 0.9, "seed": 17, "n": 3, "stop": ["END"],
            "logprobs": true, "top_logprobs": 1,
        })
    );
}

#[test]
fn a_text() {
    let body = written(Form::Text, Flavour::Unknown, Prompt::Text("int"), None);
    assert_eq!(body["prompt"], "int");
    assert_eq!(body["logprobs"], 1);
    assert!(body.get("messages").is_none() && body.get("top_logprobs").is_none());
    assert_eq!(
        written(Form::Text, Flavour::Unknown, CHAT, None)["prompt"],
        "S\n\nU\n\n"
    );
}

#[test]
fn constraints_go_where_the_server_looks_for_them() {
    let grammar = Constraint::Grammar("root ::= \"a\"".into());
    let with = |flavour| written(Form::Chat, flavour, CHAT, Some(&grammar));
    assert_eq!(with(Flavour::LlamaCpp)["grammar"], "root ::= \"a\"");
    let new = with(Flavour::Vllm { structured: true });
    assert_eq!(new["structured_outputs"], json!({ "grammar": "root ::= \"a\"" }));
    assert!(new.get("guided_grammar").is_none() && new.get("grammar").is_none());
    let old = with(Flavour::Vllm { structured: false });
    assert_eq!(old["guided_grammar"], "root ::= \"a\"");
    let (sampling, none) = (sampling(), None);
    let request = |constraint| Request {
        prompt: CHAT,
        sampling: &sampling,
        constraint,
        log_probabilities: false,
    };
    // A server that skips what it does not know would answer without the grammar.
    assert_eq!(
        body(Form::Chat, Flavour::Unknown, None, &request(Some(&grammar)), 1, 0),
        Err(CannotConstrain)
    );
    let schema = Constraint::JsonSchema(json!({ "type": "object" }));
    let with_schema =
        body(Form::Chat, Flavour::Unknown, None, &request(Some(&schema)), 1, 0).expect("a body");
    assert_eq!(with_schema["response_format"]["type"], "json_schema");
    assert_eq!(
        with_schema["response_format"]["json_schema"]["schema"],
        json!({ "type": "object" })
    );
    let plain = body(Form::Chat, Flavour::Unknown, None, &request(none), 1, 0).expect("a body");
    assert!(plain.get("n").is_none() && plain.get("model").is_none() && plain.get("logprobs").is_none());
}

fn texts(answer: &Value, most: usize) -> Result<Vec<String>, NotAnAnswer> {
    let found = completions(answer.to_string().as_bytes(), most)?;
    Ok(found.into_iter().map(|c| c.text).collect())
}

#[test]
fn answers_in_their_several_forms() {
    let answer = json!({ "choices": [
        { "message": { "role": "assistant", "content": "a", "reasoning_content": "hm" }, "finish_reason": "stop" },
        { "message": { "content": [{ "type": "text", "text": "b" }, { "type": "image" }, { "text": "c" }] } },
        { "message": { "content": null }, "finish_reason": "length" },
        { "text": "d", "finish_reason": "content_filter" },
    ]});
    assert_eq!(
        texts(&answer, 9),
        Ok(vec!["a".into(), "bc".into(), String::new(), "d".into()])
    );
    assert_eq!(texts(&answer, 1), Ok(vec!["a".into()]));
    let found = completions(answer.to_string().as_bytes(), 9).expect("an answer");
    let finish: Vec<Finish> = found.iter().map(|c| c.finish).collect();
    assert_eq!(
        finish,
        [Finish::Stop, Finish::Unsaid, Finish::Length, Finish::Filtered]
    );
}

#[test]
fn log_probabilities_in_both_forms() {
    let scored = |logprobs: Value| {
        let answer = json!({ "choices": [{ "text": "ab", "logprobs": logprobs }] });
        let found = completions(answer.to_string().as_bytes(), 1).expect("an answer");
        found
            .into_iter()
            .next()
            .and_then(|c| Some((c.log_probability()?, c.tokens?.len())))
    };
    let chat = json!({ "content": [
        { "token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [] }, { "token": "b", "logprob": -0.25 },
    ]});
    assert_eq!(scored(chat), Some((-0.75, 2)));
    assert_eq!(
        scored(json!({ "tokens": ["a", "b"], "token_logprobs": [-0.5, -1.0] })),
        Some((-1.5, 2))
    );
    // Half of the numbers are no probability of the whole.
    assert_eq!(
        scored(json!({ "tokens": ["a", "b"], "token_logprobs": [null, -1.0] })),
        None
    );
    assert_eq!(
        scored(json!({ "tokens": ["a", "b"], "token_logprobs": [-1.0] })),
        None
    );
    assert_eq!(scored(Value::Null), None);
}

#[test]
fn what_is_no_answer() {
    let why = |text: &str| completions(text.as_bytes(), 4).expect_err("no answer");
    assert_eq!(why("<html>"), NotAnAnswer::NotJson);
    assert_eq!(why("{\"choices\": [{\"text\": \"a"), NotAnAnswer::CutOff);
    assert_eq!(why(""), NotAnAnswer::CutOff);
    assert_eq!(why("{}"), NotAnAnswer::NoChoices);
    assert_eq!(why("{\"choices\": null}"), NotAnAnswer::NoChoices);
    assert_eq!(why("{\"choices\": []}"), NotAnAnswer::NoChoices);
    assert!(matches!(why("{\"choices\": [{}]}"), NotAnAnswer::Shape(_)));
    assert!(matches!(why("{\"choices\": 7}"), NotAnAnswer::Shape(_)));
    assert!(matches!(
        why("{\"choices\": [{\"text\": 7}]}"),
        NotAnAnswer::Shape(_)
    ));
    assert!(matches!(
        why("[]"),
        NotAnAnswer::NoChoices | NotAnAnswer::Shape(_)
    ));
    assert_eq!(completions(b"{\"choices\": \xff", 1), Err(NotAnAnswer::NotUtf8));
    // Deeper than the reader goes.
    let deep = format!("{{\"choices\": [{{\"x\": {}", "[".repeat(100_000));
    assert!(completions(deep.as_bytes(), 1).is_err());
}

#[test]
fn long_lists_are_read_up_to_a_limit() {
    let many = vec![json!({ "text": "a" }); MOST_CHOICES + 9];
    assert_eq!(
        texts(&json!({ "choices": many }), usize::MAX).map(|t| t.len()),
        Ok(MOST_CHOICES)
    );
    let pieces = vec![json!({ "text": "a" }); MOST_PIECES + 9];
    let answer = json!({ "choices": [{ "message": { "content": pieces } }] });
    assert_eq!(texts(&answer, 1).map(|t| t[0].len()), Ok(MOST_PIECES));
}

#[test]
fn complaints_are_understood() {
    let of = |value: Value| complaint(value.to_string().as_bytes());
    assert_eq!(of(json!({ "error": { "message": "m", "type": "t" } })).said, "m");
    assert_eq!(of(json!({ "error": "m" })).said, "m");
    assert_eq!(of(json!({ "object": "error", "message": "m" })).said, "m");
    assert_eq!(of(json!({ "detail": "m" })).said, "m");
    assert_eq!(complaint(b"no JSON").said, "no JSON");
    assert_eq!(complaint(b"").said, "");
    // llama.cpp
    let long = of(json!({ "error": {
        "code": 400, "message": "the request exceeds the available context size", "type": "exceed_context_size_error",
        "n_prompt_tokens": 900, "n_ctx": 512,
    }}));
    assert_eq!(long.too_long, Some((Some(900), Some(512))));
    // vLLM, several versions
    for (message, tokens) in [
        (
            "This model's maximum context length is 512 tokens. However, you requested 1924 tokens (900 in the \
             messages, 1024 in the completion).",
            Some(900),
        ),
        (
            "'max_tokens' or 'max_completion_tokens' is too large: 1024. This model's maximum context length is 512 \
             tokens and your request has 900 input tokens",
            Some(900),
        ),
        ("This model's maximum context length is 512 tokens.", None),
    ] {
        let long = of(json!({ "error": { "message": message } }));
        assert_eq!(long.too_long, Some((tokens, Some(512))), "{message}");
    }
    assert_eq!(of(json!({ "error": { "message": "other" } })).too_long, None);
    assert!(of(json!({ "error": { "message": "the model has no chat template" } })).no_chat);
    assert_eq!(number_before("é input tokens", " input tokens"), None);
}

#[test]
fn lists_of_models_tell_the_program() {
    let list = json!({ "object": "list", "data": [{ "id": "m", "owned_by": "llamacpp", "meta": { "n_ctx_train": 7 } }] });
    assert_eq!(
        served(list.to_string().as_bytes()),
        Ok(vec![Served {
            name: "m".into(),
            flavour: Flavour::LlamaCpp,
        }])
    );
    assert_eq!(served(b"{\"data\": []}"), Ok(vec![]));
    assert!(matches!(served(b"{}"), Err(NotAnAnswer::Shape(_))));
    assert!(takes_structured_outputs(b"{\"version\": \"0.12.0\"}"));
    assert!(takes_structured_outputs(b"{\"version\": \"1.0rc1\"}"));
    assert!(takes_structured_outputs(b"?"));
    assert!(!takes_structured_outputs(b"{\"version\": \"0.9.2.post1\"}"));
}

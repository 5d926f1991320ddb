//! The client against servers that a script makes misbehave.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::*;
use crate::sample::Sampling;
use crate::testing::scripted_server::{Received, Reply, ScriptedServer};

const KEY: &str = "sk-very-secret-0815";

/// Quick retries, so that a test does not wait.
fn options() -> ServerOptions {
    ServerOptions {
        key: Some(ApiKey::new(KEY).expect("a key")),
        connect_timeout: Duration::from_secs(2),
        answer_timeout: Duration::from_secs(30),
        retry: Retry {
            attempts: 4,
            first: Duration::from_millis(2),
            longest: Duration::from_secs(2),
        },
        ..ServerOptions::default()
    }
}

fn start(mut script: impl FnMut(&Received) -> Reply + Send + 'static) -> ScriptedServer {
    ScriptedServer::start(move |request| match request.is("/v1/models") {
        true => Reply::models(&["m"], "somebody"),
        false => script(request),
    })
    .expect("a server")
}

fn number(request: &Received) -> usize {
    request.body.get("n").and_then(Value::as_u64).unwrap_or(1) as usize
}

/// As many answers as were asked for, each with its seed.
fn good(request: &Received) -> Reply {
    let seed = request.body["seed"].as_u64().expect("a seed");
    let texts: Vec<String> = (0..number(request) as u64)
        .map(|i| (seed + i).to_string())
        .collect();
    Reply::chat(&texts.iter().map(String::as_str).collect::<Vec<_>>())
}

fn ask_for(model: &ServerModel, samples: usize) -> Result<Answers, ServerError> {
    let sampling = Sampling {
        samples,
        ..Sampling::default()
    };
    model.complete(&Request {
        prompt: Prompt::Chat {
            system: "S",
            user: "U",
        },
        sampling: &sampling,
        constraint: None,
        log_probabilities: false,
    })
}

fn texts(answers: &Answers) -> Vec<&str> {
    answers.completions.iter().map(|c| c.text.as_str()).collect()
}

fn seeds(count: usize) -> Vec<String> {
    (0..count).map(|i| seed_of(0, i).to_string()).collect()
}

/// Neither the text nor the structure of an error holds the key, and it is short.
#[track_caller]
fn is_clean(error: &ServerError) {
    let said = format!("{error} {error:?}");
    assert!(!said.contains(KEY), "{said}");
    assert!(said.len() < 2000, "{said}");
}

#[track_caller]
fn fails(script: impl FnMut(&Received) -> Reply + Send + 'static) -> (ServerError, usize) {
    let server = start(script);
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let error = ask_for(&model, 1).expect_err("fails");
    is_clean(&error);
    (error, server.asked().len())
}

#[test]
fn several_samples_in_one_request() {
    let server = start(good);
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(model.name(), "m");
    let answers = ask_for(&model, 5).expect("answers");
    assert_eq!(texts(&answers), seeds(5));
    assert_eq!(answers.missing, None);
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /v1/chat/completions HTTP/1.1");
    assert_eq!(asked[0].body["model"], "m");
    let headers = asked[0].headers.to_lowercase();
    assert!(
        headers.contains(&format!("authorization: bearer {KEY}")),
        "{headers}"
    );
    assert!(headers.contains("content-type: application/json"), "{headers}");
}

#[test]
fn a_server_that_ignores_the_number_is_asked_again() {
    let server = start(|request| Reply::chat(&[&request.body["seed"].to_string()]));
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let answers = ask_for(&model, 4).expect("answers");
    assert_eq!(texts(&answers), seeds(4), "every sample has its own seed");
    assert_eq!(server.asked().len(), 4);
    // From now on it is asked for single ones at once.
    ask_for(&model, 3).expect("answers");
    let numbers: Vec<usize> = server.asked().iter().map(number).collect();
    assert_eq!(numbers, [4, 1, 1, 1, 1, 1, 1]);
}

#[test]
fn a_server_that_refuses_the_number_is_asked_again() {
    let server = start(|request| match number(request) {
        1 => good(request),
        _ => Reply::error(400, "Only one completion choice is allowed"),
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(texts(&ask_for(&model, 3).expect("answers")), seeds(3));
}

#[test]
fn more_answers_than_asked_for_are_left_out() {
    let server = start(|_| Reply::chat(&["a", "b", "c"]));
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(texts(&ask_for(&model, 2).expect("answers")), ["a", "b"]);
}

#[test]
fn a_busy_server_is_waited_for_as_long_as_it_asks() {
    let mut tries = 0;
    let server = start(move |request| {
        tries += 1;
        match tries {
            1 => Reply::Answer(429, vec!["Retry-After: 1".into()], "slow down".into()),
            2 => Reply::error(503, "Loading model"),
            _ => good(request),
        }
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let began = Instant::now();
    assert_eq!(texts(&ask_for(&model, 2).expect("answers")), seeds(2));
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.asked().len(), 3);
}

#[test]
fn nobody_waits_for_an_hour() {
    let (error, asked) = fails(|_| Reply::Answer(429, vec!["Retry-After: 3600".into()], String::new()));
    assert!(
        matches!(error, ServerError::Busy { wait, .. } if wait > Duration::from_secs(3500)),
        "{error:?}"
    );
    assert_eq!(asked, 1);
}

#[test]
fn a_server_that_fails_for_ever_is_given_up() {
    let (error, asked) = fails(|_| Reply::error(500, &format!("boom {KEY}")));
    assert!(
        matches!(&error, ServerError::Unavailable { status: 500, said, attempts: 4, .. } if said == "boom ***"),
        "{error:?}"
    );
    assert_eq!(asked, 4);
}

#[test]
fn an_answer_that_is_cut_off_is_asked_for_again() {
    let mut tries = 0;
    let server = start(move |request| {
        tries += 1;
        match tries {
            1 => Reply::Cut("{\"choices\": [{\"message\": {\"content\": \"a".into()),
            2 => Reply::Close,
            // Without a length the end of the connection is the end of the answer.
            3 => Reply::Raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"choices\": [{\"mess".to_vec()),
            _ => good(request),
        }
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(texts(&ask_for(&model, 1).expect("answers")), seeds(1));
    assert_eq!(server.asked().len(), 4);
    let (error, asked) = fails(|_| Reply::Cut("{".into()));
    assert!(
        matches!(error, ServerError::Lost { attempts: 4, .. }),
        "{error:?}"
    );
    assert_eq!(asked, 4);
}

#[test]
fn what_is_no_answer_is_said_shortened() {
    let (error, asked) =
        fails(|_| Reply::Answer(200, vec![], format!("<html>\x1b[2J{KEY}{}", "x".repeat(5000))));
    let ServerError::NotAnAnswer { why, said, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!((why, asked), (&NotAnAnswer::NotJson, 1));
    assert!(
        said.starts_with("<html>") && said.len() < 400 && !said.contains('\x1b'),
        "{said}"
    );
    let (error, _) = fails(|_| Reply::json(&json!({ "object": "list" })));
    assert!(
        matches!(
            &error,
            ServerError::NotAnAnswer {
                why: NotAnAnswer::NoChoices,
                ..
            }
        ),
        "{error:?}"
    );
    let (error, _) = fails(|_| Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()));
    assert!(matches!(error, ServerError::Lost { .. }), "{error:?}");
}

#[test]
fn an_enormous_answer_is_not_read() {
    let server = start(|_| Reply::Endless);
    let options = ServerOptions {
        answer_limit: 1 << 20,
        ..options()
    };
    let model = ServerModel::connect(&server.url(), options).expect("connects");
    let error = ask_for(&model, 1).expect_err("fails");
    assert!(
        matches!(error, ServerError::TooLarge { limit: 1_048_576, .. }),
        "{error:?}"
    );
    assert_eq!(server.asked().len(), 1);
    // Nor the endless explanation of an error.
    let (error, _) = fails(|_| {
        let head = b"HTTP/1.1 400 X\r\nConnection: close\r\n\r\n".to_vec();
        Reply::Raw([head, vec![b'y'; 4 << 20]].concat())
    });
    assert!(
        matches!(error, ServerError::Status { status: 400, .. }),
        "{error:?}"
    );
}

#[test]
fn a_slow_answer_ends_in_time() {
    for reply in [
        Reply::After(Duration::from_secs(5), Box::new(Reply::chat(&["late"]))),
        Reply::Drip(Duration::from_millis(50), "x".repeat(1000)),
    ] {
        let server = start(move |_| reply.clone());
        let options = ServerOptions {
            answer_timeout: Duration::from_millis(300),
            ..options()
        };
        let model = ServerModel::connect(&server.url(), options).expect("connects");
        let began = Instant::now();
        let error = ask_for(&model, 1).expect_err("fails");
        assert!(matches!(error, ServerError::Timeout { .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    }
}

#[test]
fn the_end_of_the_run_is_the_end_of_waiting() {
    let server = start(|_| Reply::After(Duration::from_secs(30), Box::new(Reply::Close)));
    let options = ServerOptions {
        deadline: Some(Instant::now() + Duration::from_secs(3)),
        ..options()
    };
    let model = ServerModel::connect(&server.url(), options).expect("connects");
    assert_eq!(ask_for(&model, 1).expect_err("fails"), ServerError::Deadline);
    assert_eq!(ask_for(&model, 1).expect_err("fails"), ServerError::Deadline);
}

#[test]
fn refusals_are_told_and_not_repeated() {
    let (error, asked) = fails(|_| Reply::error(401, &format!("Incorrect API key provided: {KEY}")));
    assert!(
        matches!(
            error,
            ServerError::Refused {
                status: 401,
                had_key: true,
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(asked, 1);
    let (error, asked) = fails(|_| Reply::error(422, "temperature"));
    assert!(
        matches!(&error, ServerError::Status { status: 422, said, .. } if said == "temperature"),
        "{error:?}"
    );
    assert_eq!(asked, 1);
    let to = "Location: http://elsewhere.example/v1";
    let (error, _) = fails(move |_| Reply::Answer(307, vec![to.into()], String::new()));
    assert!(
        matches!(&error, ServerError::Redirect { to, .. } if to.contains("elsewhere")),
        "{error:?}"
    );
    let (error, _) = fails(|_| {
        Reply::Answer(
            400,
            vec![],
            json!({ "error": { "type": "exceed_context_size_error", "message": "m", "n_prompt_tokens": 9, "n_ctx": 8 } })
                .to_string(),
        )
    });
    assert!(
        matches!(
            error,
            ServerError::PromptTooLong {
                tokens: Some(9),
                context: Some(8),
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_model_without_conversations_continues_a_text() {
    let server = start(|request| match request.is("/v1/completions") {
        true => Reply::json(&json!({ "choices": [{ "text": request.prompt(), "finish_reason": "length" }] })),
        false => Reply::error(400, "this model has no chat template"),
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(texts(&ask_for(&model, 1).expect("answers")), ["S\n\nU\n\n"]);
    ask_for(&model, 1).expect("answers");
    let lines: Vec<String> = server.asked().into_iter().map(|r| r.line).collect();
    assert_eq!(lines.len(), 3, "the second time it is known: {lines:?}");
}

#[test]
fn a_text_is_no_conversation() {
    let server = start(|request| {
        assert!(request.is("/v1/completions"));
        Reply::json(&json!({ "choices": [{
            "text": "b", "logprobs": { "tokens": ["b"], "token_logprobs": [-0.5] }
        }]}))
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let sampling = Sampling::default();
    let answers = model
        .complete(&Request {
            prompt: Prompt::Text("a"),
            sampling: &sampling,
            constraint: None,
            log_probabilities: true,
        })
        .expect("answers");
    assert_eq!(answers.completions[0].log_probability(), Some(-0.5));
}

#[test]
fn samples_are_spread_over_endpoints() {
    let (a, b) = (start(good), start(good));
    let urls = format!("{},{}", a.url(), b.url());
    let model = ServerModel::connect(&urls, options()).expect("connects");
    assert_eq!(texts(&ask_for(&model, 7).expect("answers")), seeds(7));
    let numbers = |server: &ScriptedServer| -> usize { server.asked().iter().map(number).sum() };
    let mut split = [numbers(&a), numbers(&b)];
    split.sort_unstable();
    assert_eq!(split, [3, 4]);
}

#[test]
fn a_dead_endpoint_is_passed_over() {
    let alive = start(good);
    let dead = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}/v1", listener.local_addr().expect("an address"))
    };
    for urls in [
        format!("{dead},{}", alive.url()),
        format!("{},{dead}", alive.url()),
    ] {
        let model = ServerModel::connect(&urls, options()).expect("one is enough");
        for _ in 0..3 {
            assert_eq!(texts(&ask_for(&model, 6).expect("answers")), seeds(6));
        }
    }
    let error = ServerModel::connect(&dead, options())
        .map(|_| ())
        .expect_err("none");
    assert!(matches!(error, ServerError::Unreachable { .. }), "{error:?}");
    is_clean(&error);
}

#[test]
fn an_endpoint_that_dies_hands_its_work_over() {
    let mut count = 0;
    let dying = start(move |request| {
        count += 1;
        if count > 1 { Reply::Close } else { good(request) }
    });
    let garbage = start(|_| Reply::Answer(200, vec![], "{}".into()));
    let alive = start(good);
    let urls = format!("{},{},{}", dying.url(), garbage.url(), alive.url());
    let model = ServerModel::connect(&urls, options()).expect("connects");
    for _ in 0..4 {
        assert_eq!(texts(&ask_for(&model, 6).expect("answers")), seeds(6));
    }
}

#[test]
fn what_came_before_a_failure_is_kept() {
    let mut count = 0;
    let server = start(move |request| {
        count += 1;
        match count {
            // One of four: the others are asked for singly.
            1 => Reply::chat(&[&request.body["seed"].to_string()]),
            _ => Reply::error(400, "no more"),
        }
    });
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let answers = ask_for(&model, 4).expect("one answer");
    assert_eq!(texts(&answers), seeds(1));
    assert!(matches!(
        answers.missing,
        Some(ServerError::Status { status: 400, .. })
    ));
}

#[test]
fn which_model_is_asked_for() {
    let server = |names: &'static [&str], owner: &'static str| {
        ScriptedServer::start(move |request| match request.is("/v1/models") {
            true => Reply::models(names, owner),
            false => good(request),
        })
        .expect("a server")
    };
    let connect = |server: &ScriptedServer, name: Option<&str>| {
        let options = ServerOptions {
            model: name.map(str::to_owned),
            ..options()
        };
        ServerModel::connect(&server.url(), options).map(|m| m.name().to_owned())
    };
    let two = server(&["a", "b"], "vllm");
    assert!(
        matches!(connect(&two, None), Err(ServerError::WhichModel { served, .. }) if served == ["a", "b"])
    );
    assert_eq!(connect(&two, Some("b")).as_deref(), Ok("b"));
    assert!(matches!(
        connect(&two, Some("c")),
        Err(ServerError::OtherModel { .. })
    ));
    let path = server(&["/home/user/models/coder-7b.gguf"], "llamacpp");
    assert_eq!(connect(&path, None).as_deref(), Ok("coder-7b.gguf"));
    assert_eq!(connect(&path, Some("any")).as_deref(), Ok("any"));
    let other = server(&["z"], "vllm");
    let urls = format!("{},{}", path.url(), other.url());
    let error = ServerModel::connect(&urls, options())
        .map(|_| ())
        .expect_err("two models");
    assert!(matches!(error, ServerError::DifferentModels { .. }), "{error:?}");
    let none = ScriptedServer::start(|request| match request.line.starts_with("GET") {
        true => Reply::error(404, "no such page"),
        false => good(request),
    })
    .expect("a server");
    assert_eq!(connect(&none, Some("m")).as_deref(), Ok("m"));
    assert_eq!(connect(&none, None).as_deref(), Ok("unnamed"));
    let page = ScriptedServer::start(|_| Reply::Answer(200, vec![], "<html>".into())).expect("a server");
    assert!(matches!(
        connect(&page, None),
        Err(ServerError::NotAnAnswer { .. })
    ));
}

#[test]
fn a_server_that_is_loading_is_waited_for() {
    let mut count = 0;
    let server = ScriptedServer::start(move |request| {
        count += 1;
        match (count, request.is("/v1/models")) {
            (1..3, _) => Reply::error(503, "Loading model"),
            (_, true) => Reply::models(&["m"], "llamacpp"),
            (_, false) => good(request),
        }
    })
    .expect("a server");
    assert!(ServerModel::connect(&server.url(), options()).is_ok());
}

#[test]
fn an_older_vllm_is_told_the_grammar_in_its_own_field() {
    let server = ScriptedServer::start(|request| {
        if request.is("/v1/models") {
            Reply::models(&["m"], "vllm")
        } else if request.is("/version") {
            Reply::json(&json!({ "version": "0.8.5" }))
        } else {
            good(request)
        }
    })
    .expect("a server");
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    let grammar = Constraint::Grammar("root ::= \"a\"".into());
    let sampling = Sampling::default();
    let request = Request {
        prompt: Prompt::Text("x"),
        sampling: &sampling,
        constraint: Some(&grammar),
        log_probabilities: false,
    };
    model.complete(&request).expect("answers");
    assert_eq!(server.asked()[0].body["guided_grammar"], "root ::= \"a\"");
    let unknown = start(good);
    let model = ServerModel::connect(&unknown.url(), options()).expect("connects");
    assert!(matches!(
        model.complete(&request),
        Err(ServerError::NoGrammar { .. })
    ));
}

#[test]
fn the_key_is_in_no_output() {
    assert!(!format!("{:?}", options()).contains(KEY));
    // A server that repeats whatever it is told.
    let server = ScriptedServer::start(|request| match request.is("/v1/models") {
        true => Reply::models(&[KEY], "somebody"),
        false => Reply::chat(&[&request.headers]),
    })
    .expect("a server");
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    assert_eq!(model.name(), "***");
    let answers = ask_for(&model, 1).expect("answers");
    assert!(answers.completions[0].text.contains("Bearer ***"));
    assert!(!format!("{answers:?}").contains(KEY));
}

#[test]
fn requests_out_of_range_are_refused() {
    let server = start(good);
    let model = ServerModel::connect(&server.url(), options()).expect("connects");
    for samples in [0, usize::MAX] {
        let error = ask_for(&model, samples).expect_err("refused");
        assert!(
            matches!(error, ServerError::BadSampling { field: "samples", .. }),
            "{error:?}"
        );
    }
    assert!(server.asked().is_empty());
}

#[test]
fn seeds_are_small_and_differ() {
    let all: std::collections::BTreeSet<u64> = (0..50)
        .flat_map(|seed| (0..4).map(move |sample| seed_of(seed, sample)))
        .collect();
    assert_eq!(all.len(), 200);
    assert!(all.iter().all(|s| *s < 1 << 31));
    assert_eq!(seed_of(7, 3), seed_of(7, 0) + 3);
    assert!(seed_of(u64::MAX, usize::MAX) < 1 << 31);
}

//! Generation with tiny models: the cache, seeds, stops, limits.

#![cfg(feature = "hosted")]

use std::ops::ControlFlow;

use tempfile::TempDir;
use vf_model::testing::{END_TOKEN, HIDDEN, TinyModel};
use vf_model::{Completion, Event, Family, Finished, HostedModel, LoadOptions, ModelError, Sampling};

const FAMILIES: [Family; 2] = [Family::Llama, Family::Qwen2];

const PROMPT: &str = "int f(int i) { return table[i]; }";

fn host(model: &TinyModel) -> HostedModel {
    let folder = TempDir::new().expect("a scratch folder");
    model.write(folder.path()).expect("the folder is writable");
    HostedModel::load(folder.path(), &LoadOptions::default()).expect("a complete folder")
}

fn greedy(tokens: usize) -> Sampling {
    Sampling {
        max_new_tokens: tokens,
        ..Sampling::default()
    }
}

fn hot(seed: u64) -> Sampling {
    Sampling {
        temperature: 1.0,
        seed,
        max_new_tokens: 24,
        ..Sampling::default()
    }
}

fn one(model: &mut HostedModel, sampling: &Sampling) -> Completion {
    let mut completions = model.generate(PROMPT, sampling).expect("generation works");
    assert_eq!(completions.len(), 1);
    completions.remove(0)
}

/// Log-probabilities of the ids that the tokenizer knows: all up to the end token.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let known: Vec<f64> = logits[..=END_TOKEN as usize]
        .iter()
        .map(|l| f64::from(*l))
        .collect();
    let largest = known.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total = known.iter().map(|l| (l - largest).exp()).sum::<f64>().ln() + largest;
    known.iter().map(|l| l - total).collect()
}

#[test]
fn the_cache_changes_nothing() {
    for family in FAMILIES {
        for seed in 0..3 {
            let mut model = host(&TinyModel::new(family, seed));
            let cached = one(&mut model, &greedy(40));
            let mut tokens = model.encode(PROMPT).expect("text");
            let mut recomputed = Vec::new();
            let mut log_probability = 0.0;
            while recomputed.len() < cached.tokens.len() {
                let probabilities = log_softmax(&model.logits(&tokens).expect("logits"));
                let (best, value) = probabilities
                    .iter()
                    .copied()
                    .enumerate()
                    .max_by(|a, b| a.1.total_cmp(&b.1))
                    .expect("a vocabulary");
                log_probability += value;
                tokens.push(best as u32);
                recomputed.push(best as u32);
            }
            assert_eq!(cached.tokens, recomputed, "{family:?} {seed}");
            if cached.finished == Finished::Length {
                assert_eq!(cached.tokens.len(), 40);
                assert!(
                    (cached.log_probability - log_probability).abs() < 1e-3,
                    "{family:?} {seed}"
                );
            }
        }
    }
}

#[test]
fn a_seed_fixes_the_text_and_another_changes_it() {
    for family in FAMILIES {
        let mut model = host(&TinyModel::new(family, 1));
        let first = one(&mut model, &hot(5));
        assert_eq!(first, one(&mut model, &hot(5)));
        assert_eq!(first, one(&mut host(&TinyModel::new(family, 1)), &hot(5)));
        assert_ne!(first.tokens, one(&mut model, &hot(6)).tokens);
        assert_ne!(
            first.tokens,
            one(&mut host(&TinyModel::new(family, 2)), &hot(5)).tokens
        );
    }
}

#[test]
fn samples_differ_and_do_not_depend_on_their_number() {
    for family in FAMILIES {
        let mut model = host(&TinyModel::new(family, 1));
        let three = model
            .generate(PROMPT, &Sampling { samples: 3, ..hot(5) })
            .expect("generation works");
        let two = model
            .generate(PROMPT, &Sampling { samples: 2, ..hot(5) })
            .expect("generation works");
        assert_eq!(three.len(), 3);
        assert_eq!(three[..2], two[..]);
        assert!(three[0].tokens != three[1].tokens && three[1].tokens != three[2].tokens);
    }
}

#[test]
fn one_candidate_is_greedy() {
    for family in FAMILIES {
        let mut model = host(&TinyModel::new(family, 3));
        let expected = one(&mut model, &greedy(24));
        assert_eq!(
            one(
                &mut model,
                &Sampling {
                    top_k: Some(1),
                    ..hot(9)
                }
            ),
            expected
        );
        assert_eq!(
            one(
                &mut model,
                &Sampling {
                    top_p: 1e-6,
                    ..hot(9)
                }
            ),
            expected
        );
    }
}

#[test]
fn a_stop_text_ends_the_completion_before_it() {
    for family in FAMILIES {
        let mut model = host(&TinyModel::new(family, 1));
        let full = one(&mut model, &greedy(30)).text;
        let ascii: Vec<usize> = full
            .char_indices()
            .filter(|(_, c)| c.is_ascii())
            .map(|(at, _)| at)
            .collect();
        let at = ascii[ascii.len() / 2];
        let stop = full[at..].chars().take(2).collect::<String>();
        let expected = &full[..full.find(&stop).expect("it is in the text")];

        let mut shown = String::new();
        let sampling = Sampling {
            stop: vec!["never said".to_owned(), stop.clone()],
            ..greedy(30)
        };
        let completions = model
            .generate_with(PROMPT, &sampling, &mut |event| {
                if let Event::Token { text, .. } = event {
                    shown.push_str(text);
                }
                ControlFlow::Continue(())
            })
            .expect("generation works");
        assert_eq!(completions[0].finished, Finished::Stop(stop));
        assert_eq!(completions[0].text, expected);
        assert!(expected.starts_with(&shown), "shown {shown:?}, text {expected:?}");
    }
}

#[test]
fn progress_shows_the_prompt_and_then_the_text() {
    let mut model = host(&TinyModel::new(Family::Llama, 1));
    let mut events = Vec::new();
    let mut shown = String::new();
    let completions = model
        .generate_with(PROMPT, &greedy(20), &mut |event| {
            match event {
                Event::Prompt { read, total } => assert_eq!(read, total),
                Event::Token { text, .. } => shown.push_str(text),
                Event::Back { .. } => panic!("nothing takes tokens back"),
                Event::Done { completion, .. } => assert!(completion.text.starts_with(&shown)),
            }
            events.push(matches!(event, Event::Token { .. }));
            ControlFlow::Continue(())
        })
        .expect("generation works");
    assert_eq!(
        events.iter().filter(|token| **token).count(),
        completions[0].tokens.len()
    );
    assert!(!events[0] && events[1]);
    assert!(completions[0].text.starts_with(&shown));
}

#[test]
fn the_end_token_ends_the_completion() {
    for family in FAMILIES {
        let tiny = TinyModel::new(family, 1);
        let expected = one(&mut host(&tiny), &greedy(10)).tokens;
        // Declare the fourth token that it says to be the end, once in each file that can say so.
        let end = expected[3];
        let position = expected.iter().position(|t| *t == end).expect("it is there");
        for file in ["config.json", "generation_config.json"] {
            let folder = TempDir::new().expect("a scratch folder");
            tiny.write(folder.path()).expect("the folder is writable");
            let mut config = tiny.config();
            if file == "generation_config.json" {
                config = serde_json::json!({});
            }
            config["eos_token_id"] = serde_json::json!([END_TOKEN, end]);
            std::fs::write(folder.path().join(file), config.to_string()).expect("the folder is writable");
            let mut model = HostedModel::load(folder.path(), &LoadOptions::default()).expect("a folder");
            let completion = one(&mut model, &greedy(10));
            assert_eq!(completion.finished, Finished::EndToken, "{file}");
            assert_eq!(completion.tokens, expected[..position]);
        }
    }
}

#[test]
fn the_context_is_never_left() {
    for family in FAMILIES {
        let mut model = host(&TinyModel {
            max_positions: 40,
            ..TinyModel::new(family, 1)
        });
        assert_eq!(model.context(), 40);
        let length = model.encode(PROMPT).expect("text").len();
        let completion = one(&mut model, &greedy(100));
        assert_eq!(completion.finished, Finished::ContextFull);
        // The last token needs no place: nothing is computed after it.
        assert_eq!(length + completion.tokens.len(), 41);

        match model.generate(&PROMPT.repeat(3), &greedy(1)) {
            Err(ModelError::PromptTooLong { tokens, context: 40 }) => assert!(tokens > 40),
            other => panic!("{other:?}"),
        }
        assert!(matches!(
            model.generate("", &greedy(1)),
            Err(ModelError::EmptyPrompt)
        ));
        assert!(matches!(
            model.logits(&[9999]),
            Err(ModelError::BadToken { token: 9999, .. })
        ));
    }
}

#[test]
fn the_caller_can_break_off() {
    let mut model = host(&TinyModel::new(Family::Qwen2, 1));
    let mut left = 5;
    let sampling = Sampling {
        samples: 3,
        ..greedy(30)
    };
    let completions = model
        .generate_with(PROMPT, &sampling, &mut |event| {
            if matches!(event, Event::Token { .. }) {
                left -= 1;
            }
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .expect("breaking off is no error");
    assert_eq!(completions.len(), 3);
    assert!(completions.iter().all(|c| c.finished == Finished::Cancelled));
    let drawn: usize = completions.iter().map(|c| c.tokens.len()).sum();
    assert_eq!(drawn, 5);
    let none = model
        .generate_with(PROMPT, &sampling, &mut |_| ControlFlow::Break(()))
        .expect("no error");
    assert!(none.is_empty());
}

#[test]
fn settings_out_of_range_are_refused() {
    let mut model = host(&TinyModel::new(Family::Llama, 1));
    let sampling = Sampling {
        temperature: f64::INFINITY,
        ..greedy(1)
    };
    assert!(matches!(
        model.generate(PROMPT, &sampling),
        Err(ModelError::BadSampling {
            field: "temperature",
            ..
        })
    ));
}

#[test]
fn text_survives_the_tokenizer() {
    let model = host(&TinyModel::new(Family::Llama, 1));
    // "int" is one token, " int" another: the merges work.
    assert_eq!(model.encode("int").expect("text"), [257]);
    assert_eq!(model.encode("x int").expect("text").len(), 2);
    assert_eq!(model.encode("é").expect("text").len(), 2);
}

/// Prompts that begin alike share the work, and nothing but the work.
#[test]
fn a_shared_beginning_is_not_computed_again() {
    for family in FAMILIES {
        let tiny = TinyModel {
            max_positions: 4096,
            ..TinyModel::new(family, 2)
        };
        let beginning = "static int check(struct range *r) { return r->low < r->high; }\n".repeat(20);
        let (first, second) = (format!("{beginning}int a;"), format!("{beginning}long bb;"));
        let sampling = Sampling {
            max_new_tokens: 16,
            ..hot(3)
        };
        let mut pieces = Vec::new();
        let mut run = |model: &mut HostedModel, prompt: &str| {
            let mut count = 0;
            let completions = model
                .generate_with(prompt, &sampling, &mut |event| {
                    count += usize::from(matches!(event, Event::Prompt { .. }));
                    ControlFlow::Continue(())
                })
                .expect("generation works");
            pieces.push(count);
            completions
        };
        let mut used = host(&tiny);
        run(&mut used, &first);
        let after_another = run(&mut used, &second);
        let again = run(&mut used, &second);
        let fresh = run(&mut host(&tiny), &second);
        assert_eq!(after_another, fresh);
        assert_eq!(again, fresh);
        // A prompt of which nothing is shared.
        assert_eq!(run(&mut used, PROMPT), run(&mut host(&tiny), PROMPT));
        assert!(pieces[0] >= 3, "{pieces:?}");
        assert_eq!(pieces[1..4], [1, 1, pieces[0]]);
    }
}

#[test]
fn an_answer_ends_with_its_turn() {
    let tiny = TinyModel::new(Family::Qwen2, 1);
    let folder = TempDir::new().expect("a scratch folder");
    tiny.write(folder.path()).expect("the folder is writable");
    let load = || HostedModel::load(folder.path(), &LoadOptions::default()).expect("a complete folder");
    assert_eq!(load().chat_form(), None);

    let mut tokenizer = vf_model::testing::tokenizer();
    let added = tokenizer["added_tokens"].as_array_mut().expect("a list");
    for (id, marker) in [(END_TOKEN + 1, "<|im_start|>"), (END_TOKEN + 2, "<|im_end|>")] {
        let mut token = added[0].clone();
        token["id"] = id.into();
        token["content"] = marker.into();
        added.push(token);
    }
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("writable");
    // Make the marker of the turn's end the likeliest token by far.
    let mut tensors = tiny.tensors();
    let output = &mut tensors.get_mut("lm_head.weight").expect("it is there").1;
    let row = |token: u32| token as usize * HIDDEN..(token as usize + 1) * HIDDEN;
    output[row(END_TOKEN + 2)].iter_mut().for_each(|w| *w *= 50.0);
    vf_model::testing::write_safetensors(&folder.path().join("model.safetensors"), &tensors)
        .expect("writable");

    let mut model = load();
    assert_eq!(model.chat_form(), Some("chatml"));
    let sampling = greedy(40);
    let mut ended = 0;
    for question in ["int a;", "long b;", "char *c;", "return 0;"] {
        let answer = model
            .answer("Repair.", question, &sampling, &mut |_| ControlFlow::Continue(()))
            .expect("text");
        assert!(answer[0].tokens.iter().all(|t| *t != END_TOKEN + 2));
        ended += usize::from(answer[0].finished == Finished::EndToken);
    }
    assert!(ended > 0, "no answer came to its end");
}

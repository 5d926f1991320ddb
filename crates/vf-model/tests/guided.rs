//! Decoding with a guide, and the branches of a search, on tiny models.

#![cfg(feature = "hosted")]

use std::ops::ControlFlow;

use tempfile::TempDir;
use vf_model::guide::{Allowed, Check, Guide, GuideError, TokenSet};
use vf_model::testing::{END_TOKEN, HIDDEN, TinyModel, VOCABULARY};
use vf_model::{
    Event, Family, Finished, Generation, HostedModel, LoadOptions, ModelError, Prompt, Request, Sampling,
};

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
        max_new_tokens: 16,
        samples: 3,
        ..Sampling::default()
    }
}

type Rule = fn(&[u32]) -> Allowed;

/// A guide made of plain functions over the tokens so far.
#[derive(Clone)]
struct Rules {
    seen: Vec<u32>,
    allowed: Rule,
    check: fn(&[u32], u32) -> Check,
    end: fn(&[u32]) -> Check,
    /// After so many tokens it fails.
    fails_after: usize,
}

impl Rules {
    fn new(allowed: Rule) -> Rules {
        Rules {
            seen: Vec::new(),
            allowed,
            check: |_, _| Check::Keep,
            end: |_| Check::Keep,
            fails_after: usize::MAX,
        }
    }
}

impl Guide for Rules {
    fn name(&self) -> &str {
        "rules"
    }
    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        if self.seen.len() >= self.fails_after {
            return Err(GuideError {
                guide: "rules".to_owned(),
                why: "no more".to_owned(),
            });
        }
        Ok((self.allowed)(&self.seen))
    }
    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        Ok((self.check)(&self.seen, token))
    }
    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.seen.push(token);
        Ok(())
    }
    fn end(&mut self) -> Result<Check, GuideError> {
        Ok((self.end)(&self.seen))
    }
    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }
}

/// Tokens whose id is no multiple of three, and no end.
fn no_thirds(_: &[u32]) -> Allowed {
    let mut tokens = TokenSet::full(VOCABULARY);
    (0..VOCABULARY as u32).step_by(3).for_each(|t| tokens.remove(t));
    Allowed {
        tokens: Some(tokens),
        end: false,
        penalties: Vec::new(),
    }
}

fn no_end(_: &[u32]) -> Allowed {
    Allowed {
        end: false,
        ..Allowed::all()
    }
}

fn guided(model: &mut HostedModel, sampling: &Sampling, guide: &dyn Guide) -> Generation {
    let request = Request {
        guide: Some(guide),
        ..Request::new(Prompt::Text(PROMPT), sampling)
    };
    model
        .run(&request, &mut |_| ControlFlow::Continue(()))
        .expect("generation works")
}

#[test]
fn a_guide_that_allows_everything_changes_nothing() {
    for family in [Family::Llama, Family::Qwen2] {
        let mut model = host(&TinyModel::new(family, 1));
        for sampling in [greedy(24), hot(3)] {
            let plain = model.generate(PROMPT, &sampling).expect("generation works");
            let found = guided(&mut model, &sampling, &Rules::new(|_| Allowed::all()));
            assert_eq!(found.completions, plain);
            assert_eq!(found.statistics.given_up, 0.0);
            assert_eq!(found.statistics.pruned + found.statistics.backtracks, 0);
            let drawn: usize = plain.iter().map(|c| c.tokens.len()).sum();
            assert_eq!(found.statistics.decoded_tokens, drawn);
            assert!(found.statistics.mask_times.len() >= drawn);
            assert!(found.statistics.mask_time(0.5) <= found.statistics.mask_time(0.99));
        }
    }
}

#[test]
fn only_what_is_allowed_comes_and_its_price_is_known() {
    let mut model = host(&TinyModel::new(Family::Qwen2, 1));
    let found = guided(&mut model, &hot(7), &Rules::new(no_thirds));
    for completion in &found.completions {
        assert_eq!(completion.finished, Finished::Length);
        assert!(completion.tokens.iter().all(|t| t % 3 != 0));
        let mut tokens = model.encode(PROMPT).expect("text");
        let (mut given_up, mut log_probability) = (0.0, 0.0);
        for token in &completion.tokens {
            let logits = model.logits(&tokens).expect("logits");
            let mass = |keep: &dyn Fn(u32) -> bool| -> f64 {
                (0..=END_TOKEN)
                    .zip(&logits)
                    .filter(|(t, _)| keep(*t))
                    .map(|(_, l)| f64::from(*l).exp())
                    .sum()
            };
            let all = mass(&|_| true);
            given_up -= (mass(&|t| t % 3 != 0 && t != END_TOKEN) / all).ln();
            log_probability += (f64::from(logits[*token as usize]).exp() / all).ln();
            tokens.push(*token);
        }
        assert!((completion.given_up - given_up).abs() < 1e-3);
        assert!((completion.log_probability - log_probability).abs() < 1e-3);
    }
    let sum: f64 = found.completions.iter().map(|c| c.given_up).sum();
    assert!((found.statistics.given_up - sum).abs() < 1e-9 && sum > 0.0);
}

#[test]
fn a_pruned_token_is_as_good_as_one_that_was_never_allowed() {
    let mut model = host(&TinyModel::new(Family::Llama, 2));
    let masked = guided(&mut model, &greedy(24), &Rules::new(no_thirds));
    let mut rules = Rules::new(no_end);
    rules.check = |_, token| match token % 3 {
        0 => Check::Prune(format!("{token} is a multiple of three")),
        _ => Check::Keep,
    };
    let pruned = guided(&mut model, &greedy(24), &rules);
    assert_eq!(masked.completions[0].tokens, pruned.completions[0].tokens);
    assert!(pruned.statistics.pruned > 0 && masked.statistics.pruned == 0);
}

/// After a multiple of three nothing may follow: the token is taken back, as if it had not been allowed.
#[test]
fn a_dead_end_takes_the_token_before_it_back() {
    fn nothing_after_thirds(seen: &[u32]) -> Allowed {
        match seen.last() {
            Some(token) if token % 3 == 0 => Allowed {
                tokens: Some(TokenSet::empty(VOCABULARY)),
                end: false,
                penalties: Vec::new(),
            },
            _ => no_end(seen),
        }
    }
    let mut backtracks = 0;
    for seed in 0..4 {
        let mut model = host(&TinyModel::new(Family::Qwen2, seed));
        let mut shown = String::new();
        let sampling = greedy(20);
        let rules = Rules::new(nothing_after_thirds);
        let request = Request {
            guide: Some(&rules),
            ..Request::new(Prompt::Text(PROMPT), &sampling)
        };
        let found = model
            .run(&request, &mut |event| {
                match event {
                    Event::Token { text, .. } => shown.push_str(text),
                    Event::Back { shown: bytes, .. } => shown.truncate(bytes),
                    Event::Done { .. } => {}
                    Event::Prompt { .. } => {}
                }
                ControlFlow::Continue(())
            })
            .expect("generation works");
        let masked = guided(&mut model, &greedy(20), &Rules::new(no_thirds));
        // The last token may be one after which nothing would have been allowed.
        let (found, masked, statistics) = (&found.completions[0], &masked.completions[0], found.statistics);
        assert_eq!(found.tokens[..19], masked.tokens[..19]);
        assert_eq!(found.finished, Finished::Length);
        assert!(
            found.text.starts_with(&shown),
            "shown {shown:?}, text {:?}",
            found.text
        );
        backtracks += statistics.backtracks;
        assert_eq!(statistics.dead_ends, 0);
    }
    assert!(backtracks > 0, "the models never ran into a dead end");
}

#[test]
fn taking_back_has_an_end() {
    let mut model = host(&TinyModel::new(Family::Llama, 1));
    // Nothing at all, and nothing after three tokens.
    let nowhere: Rule = |_| Allowed {
        tokens: Some(TokenSet::empty(VOCABULARY)),
        ..no_end(&[])
    };
    let three: Rule = |seen| match seen.len() {
        0..3 => no_end(seen),
        _ => Allowed {
            tokens: Some(TokenSet::empty(VOCABULARY)),
            ..no_end(seen)
        },
    };
    let at_once = guided(&mut model, &greedy(9), &Rules::new(nowhere));
    assert_eq!(at_once.completions[0].finished, Finished::DeadEnd(String::new()));
    assert!(at_once.completions[0].tokens.is_empty());
    let later = guided(&mut model, &hot(5), &Rules::new(three));
    assert_eq!(later.statistics.dead_ends, 3);
    assert_eq!(later.statistics.backtracks, 3 * 64);
    let mut pruning = Rules::new(no_end);
    pruning.check = |_, token| Check::Prune(format!("not {token}"));
    let pruned = guided(&mut model, &greedy(9), &pruning);
    match &pruned.completions[0].finished {
        Finished::DeadEnd(reason) => assert!(reason.starts_with("not "), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(pruned.statistics.pruned, u64::from(END_TOKEN));
}

/// A model that wants to end at once.
fn eager(seed: u64) -> HostedModel {
    let tiny = TinyModel::new(Family::Qwen2, seed);
    let folder = TempDir::new().expect("a scratch folder");
    tiny.write(folder.path()).expect("the folder is writable");
    let mut tensors = tiny.tensors();
    let output = &mut tensors.get_mut("lm_head.weight").expect("it is there").1;
    let row = END_TOKEN as usize * HIDDEN..(END_TOKEN as usize + 1) * HIDDEN;
    output[row].iter_mut().for_each(|w| *w *= 50.0);
    vf_model::testing::write_safetensors(&folder.path().join("model.safetensors"), &tensors)
        .expect("writable");
    HostedModel::load(folder.path(), &LoadOptions::default()).expect("a complete folder")
}

#[test]
fn an_end_can_be_forbidden_and_pruned() {
    let mut ended = 0;
    for seed in 0..4 {
        let mut model = eager(seed);
        let free = guided(&mut model, &greedy(12), &Rules::new(|_| Allowed::all()));
        let forbidden = guided(&mut model, &greedy(12), &Rules::new(no_end));
        let mut late = Rules::new(|_| Allowed::all());
        late.end = |_| Check::Prune("not yet".to_owned());
        let pruned = guided(&mut model, &greedy(12), &late);
        assert_eq!(forbidden.completions[0].finished, Finished::Length);
        assert_eq!(forbidden.completions[0].tokens, pruned.completions[0].tokens);
        if free.completions[0].finished == Finished::EndToken {
            ended += 1;
            assert!(pruned.statistics.pruned > 0);
        }
    }
    assert!(ended > 0, "no model wanted to end");
}

#[test]
fn a_guide_that_fails_ends_its_sample_only() {
    let mut model = host(&TinyModel::new(Family::Llama, 1));
    let mut rules = Rules::new(no_end);
    rules.fails_after = 4;
    let found = guided(&mut model, &hot(1), &rules);
    assert_eq!(found.completions.len(), 3);
    for completion in &found.completions {
        assert!(matches!(&completion.finished, Finished::GuideFailed(e) if e.why == "no more"));
        assert_eq!(completion.tokens.len(), 4);
    }
}

#[test]
fn penalties_push_a_token_away() {
    let mut model = host(&TinyModel::new(Family::Qwen2, 1));
    let free = model.generate(PROMPT, &greedy(8)).expect("generation works");
    assert!(free[0].tokens.contains(&free[0].tokens[0]));
    let rules = Rules::new(|_| Allowed {
        penalties: (0..100).map(|t| (t, -1e6)).chain([(7, f32::NAN)]).collect(),
        ..no_end(&[])
    });
    let found = guided(&mut model, &hot(2), &rules);
    for completion in &found.completions {
        assert!(completion.tokens.iter().all(|t| *t >= 100));
        assert!(completion.given_up > 0.0, "no end");
    }
}

#[test]
fn branches_of_a_search_go_their_own_ways() {
    for family in [Family::Llama, Family::Qwen2] {
        let mut model = host(&TinyModel::new(family, 1));
        let prompt = model.encode(PROMPT).expect("text");
        let mut one = model.prefill(&prompt).expect("a branch");
        let mut other = one.fork().expect("a copy");
        model
            .step(&mut [(&mut one, 40), (&mut other, 41)])
            .expect("a step");
        model.step(&mut [(&mut one, 42)]).expect("a step");
        let mut expected = |tail: &[u32]| {
            let tokens = [&prompt[..], tail].concat();
            model.logits(&tokens).expect("logits")
        };
        for (branch, tail) in [(&one, &[40, 42][..]), (&other, &[41])] {
            assert_eq!(branch.tokens()[prompt.len()..], *tail);
            let expected = expected(tail);
            for (found, expected) in branch.logits().iter().zip(&expected).take(END_TOKEN as usize) {
                assert!((found - expected).abs() < 1e-4);
            }
            // Ids without a token have no probability.
            assert!(branch.logits()[END_TOKEN as usize + 1].is_infinite());
        }
        let bad = VOCABULARY as u32;
        let error = model.step(&mut [(&mut other, bad)]).expect_err("no such token");
        assert!(matches!(error, ModelError::BadToken { .. }));
        assert_eq!(other.tokens().len(), prompt.len() + 1);
    }
}

#[test]
fn a_branch_stays_within_the_context() {
    let mut model = host(&TinyModel {
        max_positions: 40,
        ..TinyModel::new(Family::Llama, 1)
    });
    let mut branch = model.prefill(&[65; 39]).expect("a branch");
    model.step(&mut [(&mut branch, 66)]).expect("a step");
    let error = model.step(&mut [(&mut branch, 66)]).expect_err("no room");
    assert!(matches!(
        error,
        ModelError::PromptTooLong {
            tokens: 41,
            context: 40
        }
    ));
}

#[test]
fn bytes_of_tokens_make_the_text() {
    let model = host(&TinyModel::new(Family::Llama, 1));
    let bytes = model.token_bytes();
    assert_eq!(bytes.len(), model.vocabulary_size());
    assert!(bytes[END_TOKEN as usize].is_empty() && bytes[VOCABULARY - 1].is_empty());
    let text = "int\tx = 'é'; /* \u{1f642} */\n";
    let tokens = model.encode(text).expect("text");
    let joined: Vec<u8> = tokens.iter().flat_map(|t| bytes[*t as usize].clone()).collect();
    assert_eq!(joined, text.as_bytes());
    assert_eq!(model.end_tokens(), [END_TOKEN]);
    assert!(model.tokenizer_json().contains("ByteLevel"));
}

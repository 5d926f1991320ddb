//! Guessed tokens change the number of passes and nothing else.

#![cfg(feature = "hosted")]

use std::ops::ControlFlow;

use tempfile::TempDir;
use vf_model::guide::{Allowed, Check, Guide, GuideError, TokenSet};
use vf_model::testing::{TinyModel, VOCABULARY};
use vf_model::{
    Family, Generation, HostedModel, LoadOptions, ModelError, Precision, Prompt, Request, Sampling,
};

const PROMPT: &str = "int f(int i) { return table[i]; }\nint f(int i) { return table[i]; }\nint f(int i) {";

fn host(model: &TinyModel, dtype: Precision) -> HostedModel {
    let folder = TempDir::new().expect("a scratch folder");
    model.write(folder.path()).expect("the folder is writable");
    let options = LoadOptions {
        dtype,
        ..LoadOptions::default()
    };
    HostedModel::load(folder.path(), &options).expect("a complete folder")
}

fn samplings(seed: u64) -> [Sampling; 3] {
    [0.0, 0.3, 1.0].map(|temperature| Sampling {
        temperature,
        seed,
        max_new_tokens: 40,
        samples: 2,
        ..Sampling::default()
    })
}

fn run(
    model: &mut HostedModel,
    sampling: &Sampling,
    guide: Option<&dyn Guide>,
    guesses: usize,
) -> Generation {
    let request = Request {
        guide,
        guesses,
        ..Request::new(Prompt::Text(PROMPT), sampling)
    };
    model
        .run(&request, &mut |_| ControlFlow::Continue(()))
        .expect("generation works")
}

/// Allows some tokens, prunes some of these, and runs into dead ends after some others.
#[derive(Clone, Default)]
struct Picky(Vec<u32>);

impl Guide for Picky {
    fn name(&self) -> &str {
        "picky"
    }
    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        let mut tokens = TokenSet::full(VOCABULARY);
        (0..VOCABULARY as u32).step_by(3).for_each(|t| tokens.remove(t));
        if self.0.last().is_some_and(|t| t % 5 == 0) {
            tokens = TokenSet::empty(VOCABULARY);
        }
        Ok(Allowed {
            tokens: Some(tokens),
            end: false,
            penalties: vec![(40, -1.0)],
        })
    }
    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        Ok(match token % 7 {
            0 => Check::Prune("a multiple of seven".to_owned()),
            _ => Check::Keep,
        })
    }
    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.0.push(token);
        Ok(())
    }
    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }
}

#[test]
fn what_is_looked_up_in_the_text_changes_nothing() {
    let (mut right, mut wrong) = (0, 0);
    for (family, dtype) in [(Family::Llama, Precision::F32), (Family::Qwen2, Precision::Q8_0)] {
        for seed in 0..12 {
            let mut model = host(&TinyModel::new(family, seed), dtype);
            for sampling in samplings(seed) {
                let picky = Picky::default();
                for guide in [None, Some(&picky as &dyn Guide)] {
                    let plain = run(&mut model, &sampling, guide, 0);
                    for guesses in [1, 6] {
                        let found = run(&mut model, &sampling, guide, guesses);
                        assert_eq!(found.completions, plain.completions, "{family:?} {seed}");
                        let (found, plain) = (&found.statistics, &plain.statistics);
                        assert_eq!(found.pruned, plain.pruned);
                        assert_eq!(found.backtracks, plain.backtracks);
                        assert_eq!(found.mask_times.len(), plain.mask_times.len());
                        assert!(found.passes <= plain.passes);
                        right += found.guessed_right;
                        wrong += found.guessed - found.guessed_right;
                    }
                    assert_eq!(plain.statistics.guessed, 0);
                }
            }
        }
    }
    assert!(right > 100 && wrong > 100, "{right} right, {wrong} wrong");
}

#[test]
fn a_draft_model_changes_nothing() {
    let mut right = 0;
    for seed in 0..6 {
        let tiny = TinyModel::new(Family::Qwen2, seed);
        let mut plain = host(&tiny, Precision::F32);
        // The same weights with less precision mostly agree; others do not.
        let mut near = host(&tiny, Precision::F32)
            .with_draft(host(&tiny, Precision::Q8_0))
            .expect("one vocabulary");
        let mut far = host(&tiny, Precision::F32)
            .with_draft(host(&TinyModel::new(Family::Llama, seed + 50), Precision::F32))
            .expect("one vocabulary");
        for sampling in samplings(seed) {
            let picky = Picky::default();
            for guide in [None, Some(&picky as &dyn Guide)] {
                let expected = run(&mut plain, &sampling, guide, 0).completions;
                let found = run(&mut near, &sampling, guide, 5);
                assert_eq!(found.completions, expected);
                right += found.statistics.guessed_right;
                assert_eq!(run(&mut far, &sampling, guide, 5).completions, expected);
            }
        }
    }
    assert!(right > 100, "{right}");
}

#[test]
fn guesses_stay_within_the_context() {
    let tiny = TinyModel {
        max_positions: 100,
        ..TinyModel::new(Family::Llama, 3)
    };
    let sampling = Sampling {
        max_new_tokens: 1000,
        ..Sampling::default()
    };
    let mut model = host(&tiny, Precision::F32);
    let plain = run(&mut model, &sampling, None, 0);
    let found = run(&mut model, &sampling, None, 8);
    assert_eq!(found.completions, plain.completions);
}

#[test]
fn a_draft_of_another_vocabulary_is_refused() {
    let tiny = TinyModel::new(Family::Llama, 1);
    let folder = TempDir::new().expect("a scratch folder");
    tiny.write(folder.path()).expect("the folder is writable");
    let mut tokenizer = vf_model::testing::tokenizer();
    tokenizer["added_tokens"][0]["content"] = "<|other|>".into();
    std::fs::write(folder.path().join("tokenizer.json"), tokenizer.to_string()).expect("writable");
    let draft = HostedModel::load(folder.path(), &LoadOptions::default()).expect("a complete folder");
    match host(&tiny, Precision::F32).with_draft(draft) {
        Err(ModelError::DraftVocabulary { token }) => assert_eq!(token, vf_model::testing::END_TOKEN),
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it is another vocabulary"),
    }
}

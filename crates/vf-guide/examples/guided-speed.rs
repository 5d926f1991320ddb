//! What a guide costs in tokens a second of a model: the same model with and without it, in turns, over functions of the corpus.
//!
//! ```text
//! scripts/guided-speed.py     makes a model of 30 million parameters with a vocabulary of 32 768 tokens, and runs this
//! cargo run --release -p vf-guide --example guided-speed -- MODEL [ARMS [FUNCTIONS [TOKENS]]]
//! ```

use std::ops::ControlFlow;
use std::path::Path;

use vf_guide::Vocabulary;
use vf_guide::testing::cases;
use vf_model::{DecodingStatistics, HostedModel, LoadOptions, Prompt, Request, Sampling};

/// Bytes of a function that the model reads first.
const PROMPT: usize = 1500;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let model = arguments
        .next()
        .ok_or("usage: guided-speed MODEL [ARMS [FUNCTIONS [TOKENS]]]")?;
    let arms = arguments.next().unwrap_or_else(|| "names".to_owned()).parse()?;
    let functions: usize = arguments.next().map_or(Ok(40), |n| n.parse())?;
    let max_new_tokens: usize = arguments.next().map_or(Ok(200), |n| n.parse())?;
    let options = LoadOptions {
        threads: 1,
        ..LoadOptions::default()
    };
    let mut model = HostedModel::load(Path::new(&model), &options)?;
    let vocabulary = Vocabulary::new(model.token_bytes())?;
    let (mut plain, mut guided) = (DecodingStatistics::default(), DecodingStatistics::default());
    for (seed, case) in cases(Path::new("corpus/cases"))
        .iter()
        .take(functions)
        .enumerate()
    {
        let made = case.guide(&arms, &vocabulary)?;
        let prompt: String = case.text.chars().take(PROMPT).collect();
        let sampling = Sampling {
            temperature: 1.0,
            seed: seed as u64,
            max_new_tokens,
            ..Sampling::default()
        };
        for guide in [None, Some(made.guide.as_ref())] {
            let request = Request {
                guide,
                ..Request::new(Prompt::Text(&prompt), &sampling)
            };
            let one = model
                .run(&request, &mut |_| ControlFlow::Continue(()))?
                .statistics;
            match guide {
                None => plain.add(&one),
                Some(_) => guided.add(&one),
            }
        }
    }
    let milliseconds = |share| guided.mask_time(share).map_or(0.0, |t| t.as_secs_f64() * 1e3);
    let (without, with) = (plain.decode_speed(), guided.decode_speed());
    println!(
        "vocabulary {}; without a guide {without:.1} tokens/s over {} tokens; with {arms} {with:.1} tokens/s over {} tokens: {:.1} % less; mask \
         p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms",
        model.vocabulary_size(),
        plain.decoded_tokens,
        guided.decoded_tokens,
        100.0 * (1.0 - with / without),
        milliseconds(0.5),
        milliseconds(0.95),
        milliseconds(0.99),
    );
    Ok(())
}

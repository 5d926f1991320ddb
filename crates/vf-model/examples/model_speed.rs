//! Tokens in a second of a model, on the CPU or (built with the feature `cuda`) a GPU: prefill, decode, a batch of samples, guesses. One line of JSON.
//!
//! `scripts/model-speed.py` runs it beside llama.cpp's `llama-bench` on the same file.
//!
//! ```text
//! cargo run --release -p vf-model --example model_speed -- MODEL [THREADS [PROMPT [NEW [cpu|cuda]]]]
//! ```

use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use vf_model::{
    Branch, HostedModel, LoadOptions, ModelError, Precision, Processor, Prompt, Request, Sampling,
};

/// Samples of one prompt.
const SAMPLES: usize = 8;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(model) = arguments.next() else {
        eprintln!("usage: model_speed MODEL [THREADS [PROMPT [NEW [cpu|cuda]]]]");
        return ExitCode::from(2);
    };
    let mut number = |default| arguments.next().and_then(|a| a.parse().ok()).unwrap_or(default);
    let (threads, prompt, new) = (number(1), number(512), number(64));
    // On a GPU in 16 bits, as models are run there.
    let (device, dtype) = match arguments.next().as_deref() {
        None | Some("cpu") => (Processor::Cpu, Precision::F32),
        Some("cuda") => (Processor::Cuda(0), Precision::Bf16),
        Some(other) => {
            eprintln!("model_speed: {other} is neither cpu nor cuda");
            return ExitCode::from(2);
        }
    };
    let options = LoadOptions {
        device,
        dtype,
        threads,
        ..LoadOptions::default()
    };
    match measure(Path::new(&model), &options, prompt, new) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("model_speed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(path: &Path, options: &LoadOptions, prompt: usize, new: usize) -> Result<String, ModelError> {
    let threads = options.threads;
    let mut model = HostedModel::load(path, options)?;
    // Tokens below 256 are text in any vocabulary of bytes; neighbours differ, so that nothing is looked up.
    let tokens = |seed: usize| -> Vec<u32> { (0..prompt).map(|i| ((i * 7 + seed) % 251) as u32).collect() };

    // Once to warm up.
    model.prefill(&tokens(1))?;
    let started = Instant::now();
    let mut root = model.prefill(&tokens(2))?;
    let prefill = prompt as f64 / started.elapsed().as_secs_f64();

    let mut alone = model.prefill(&[1])?;
    let started = Instant::now();
    for i in 0..new {
        model.step(&mut [(&mut alone, (i % 251) as u32)])?;
    }
    let decode = new as f64 / started.elapsed().as_secs_f64();

    // The same prompt and answers of the same length, side by side and one after the other.
    let together = {
        let mut model = HostedModel::load(path, options)?;
        let started = Instant::now();
        let first = model.prefill(&tokens(3))?;
        let mut branches = (0..SAMPLES)
            .map(|_| first.fork())
            .collect::<Result<Vec<Branch>, _>>()?;
        for i in 0..new {
            let token = |s: usize| ((i * 3 + s) % 251) as u32;
            let mut steps: Vec<_> = branches
                .iter_mut()
                .enumerate()
                .map(|(s, b)| (b, token(s)))
                .collect();
            model.step(&mut steps)?;
        }
        started.elapsed().as_secs_f64()
    };
    let mut apart = 0.0;
    for s in 0..SAMPLES {
        let mut model = HostedModel::load(path, options)?;
        let started = Instant::now();
        let mut branch = model.prefill(&tokens(3))?;
        for i in 0..new {
            model.step(&mut [(&mut branch, ((i * 3 + s) % 251) as u32)])?;
        }
        apart += started.elapsed().as_secs_f64();
    }
    model.step(&mut [(&mut root, 1)])?;

    // A text that repeats itself, as an edit repeats its prompt: greedy decoding of a random model soon does.
    let sampling = Sampling {
        max_new_tokens: new * 2,
        ..Sampling::default()
    };
    let prompt = tokens(4);
    let mut run = |guesses| {
        let request = Request {
            guesses,
            ..Request::new(Prompt::Tokens(&prompt), &sampling)
        };
        model.run(&request, &mut |_| ControlFlow::Continue(()))
    };
    let plain = run(0)?;
    let guessed = run(8)?;
    let same = plain.completions == guessed.completions;
    let (plain, guessed) = (plain.statistics, guessed.statistics);
    Ok(format!(
        "{{\"backend\": \"{}\", \"threads\": {threads}, \"prefill\": {prefill:.1}, \"decode\": {decode:.1}, \
         \"batch_gain\": {:.2}, \"batch\": {:.1}, \"generate\": {:.1}, \"generate_guessing\": {:.1}, \"guessed\": {}, \
         \"guessed_right\": {}, \"same_text\": {same}}}",
        model.backend(),
        apart / together,
        (SAMPLES * new) as f64 / together,
        plain.decode_speed(),
        guessed.decode_speed(),
        guessed.guessed,
        guessed.guessed_right,
    ))
}

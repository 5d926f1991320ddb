//! Compares the logits of one tiny model on the CPU and on a CUDA device, and measures both.
//!
//! `scripts/gpu-check.sh` runs it. Exit code 0: equal within the bound; 1: not; 2: nothing to compare with,
//! because CUDA was not built in or there is no device.

use std::process::ExitCode;
use std::time::Instant;

use vf_model::testing::TinyModel;
use vf_model::{Family, HostedModel, LoadOptions, ModelError, Precision, Processor, Sampling};

/// Largest difference of a logit that rounding in another order explains; the logits lie between about -5
/// and 5.
const BOUND_F32: f32 = 1e-3;
const BOUND_16_BITS: f32 = 0.3;

fn main() -> ExitCode {
    match compare() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error @ (ModelError::CudaNotBuilt | ModelError::CudaUnavailable { .. })) => {
            eprintln!("device_parity: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("device_parity: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare() -> Result<bool, ModelError> {
    let folder = std::env::temp_dir().join(format!("device-parity-{}", std::process::id()));
    let outcome = compare_in(&folder);
    // A leftover in the temporary folder harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    outcome
}

fn compare_in(folder: &std::path::Path) -> Result<bool, ModelError> {
    let mut all_close = true;
    for family in [Family::Llama, Family::Qwen2] {
        let tiny = TinyModel {
            max_positions: 2048,
            ..TinyModel::new(family, 42)
        };
        std::fs::create_dir_all(folder)
            .and_then(|()| tiny.write(folder))
            .map_err(|source| ModelError::Read {
                file: folder.to_path_buf(),
                source,
            })?;
        let host = |device, dtype| {
            HostedModel::load(
                folder,
                &LoadOptions {
                    device,
                    dtype,
                    ..LoadOptions::default()
                },
            )
        };
        let tokens: Vec<u32> = (0..1000).map(|i| (i * 37 + 11) % 256).collect();
        let expected = host(Processor::Cpu, Precision::F32)?.logits(&tokens)?;
        for dtype in [Precision::F32, Precision::Bf16, Precision::F16] {
            let found = host(Processor::Cuda(0), dtype)?.logits(&tokens)?;
            let difference = expected
                .iter()
                .zip(&found)
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            let bound = if dtype == Precision::F32 {
                BOUND_F32
            } else {
                BOUND_16_BITS
            };
            // A difference that is not a number is not close either.
            let close = difference <= bound && found.iter().all(|l| l.is_finite());
            all_close &= close;
            println!(
                "{} {dtype:?}: largest difference {difference:.2e}, allowed {bound:.0e}: {}",
                family.name(),
                if close { "ok" } else { "TOO LARGE" }
            );
        }
        for device in [Processor::Cpu, Processor::Cuda(0)] {
            let speed = tokens_per_second(&mut host(device, Precision::F32)?)?;
            println!("{} {device:?}: {speed:.0} tokens/s", family.name());
        }
        let sampling = Sampling {
            max_new_tokens: 64,
            ..Sampling::default()
        };
        let say = |device| host(device, Precision::F32)?.generate("int main(void) {", &sampling);
        let same = say(Processor::Cpu)?[0].tokens == say(Processor::Cuda(0))?[0].tokens;
        all_close &= same;
        println!(
            "{}: greedy text is {}",
            family.name(),
            if same { "the same" } else { "DIFFERENT" }
        );
    }
    Ok(all_close)
}

fn tokens_per_second(model: &mut HostedModel) -> Result<f64, ModelError> {
    let sampling = Sampling {
        max_new_tokens: 200,
        temperature: 1.0,
        ..Sampling::default()
    };
    // The first run pays for what the device sets up once.
    model.generate(
        "warm up",
        &Sampling {
            max_new_tokens: 8,
            ..sampling.clone()
        },
    )?;
    let started = Instant::now();
    let completions = model.generate("int main(void) {", &sampling)?;
    let tokens: usize = completions.iter().map(|c| c.tokens.len()).sum();
    Ok(tokens as f64 / started.elapsed().as_secs_f64())
}

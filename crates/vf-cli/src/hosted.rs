//! A language model in this process, as the repair loop's text generator.

use std::ops::ControlFlow;
use std::path::Path;

use vf_model::{HostedModel, LoadOptions, ModelError, Sampling};
use vf_repair::model_proposer::{GeneratorError, TextGenerator};

/// Said before every prompt, in the form the model knows for it.
const SYSTEM: &str = "You are a careful C programmer. You answer with code.";

/// Longest answer in tokens: a function of some 150 lines.
const ANSWER: usize = 2048;

pub struct Generator {
    model: HostedModel,
    name: String,
}

impl Generator {
    /// Loads a model folder: onto the GPU where this program was built for one and there is one, else onto the
    /// CPU.
    pub fn load(folder: &Path) -> Result<Generator, ModelError> {
        let model = load_on_best_device(folder)?;
        let name = folder
            .file_name()
            .map_or_else(|| "model".to_string(), |n| n.to_string_lossy().into_owned());
        Ok(Generator { model, name })
    }
}

#[cfg(not(feature = "cuda"))]
fn load_on_best_device(folder: &Path) -> Result<HostedModel, ModelError> {
    HostedModel::load(folder, &LoadOptions::default())
}

#[cfg(feature = "cuda")]
fn load_on_best_device(folder: &Path) -> Result<HostedModel, ModelError> {
    use vf_model::{Precision, Processor};
    let gpu = LoadOptions {
        device: Processor::Cuda(0),
        dtype: Precision::Bf16,
        ..LoadOptions::default()
    };
    match HostedModel::load(folder, &gpu) {
        Err(unavailable @ ModelError::CudaUnavailable { .. }) => {
            crate::output::complain(&format!("note: {unavailable}; the model runs on the CPU"));
            HostedModel::load(folder, &LoadOptions::default())
        }
        result => result,
    }
}

impl TextGenerator for Generator {
    fn generate(&mut self, prompt: &str, samples: usize, seed: u64) -> Result<Vec<String>, GeneratorError> {
        let sampling = Sampling {
            temperature: 0.8,
            top_p: 0.95,
            seed,
            samples,
            max_new_tokens: ANSWER,
            ..Sampling::default()
        };
        let completions = self
            .model
            .answer(SYSTEM, prompt, &sampling, &mut |_| ControlFlow::Continue(()));
        match completions {
            Ok(completions) => Ok(completions.into_iter().map(|c| c.text).collect()),
            Err(ModelError::PromptTooLong { tokens, context }) => Err(GeneratorError::PromptTooLong {
                tokens,
                limit: context,
            }),
            Err(error) => Err(GeneratorError::Generate {
                why: error.to_string(),
            }),
        }
    }

    fn name(&self) -> &str {
        &self.name
    }
}

//! The model that is inside the program: weights in Q8_0, which were trained by `scripts/train-embedded.py` (`docs/embedded-model.md`).
//! It has no tokenizer; what its words stand for is said with each prompt ([`HostedModel::set_words`]).

use std::path::Path;

use crate::error::ModelError;
use crate::hosted::{HostedModel, LoadOptions, Processor};

static WEIGHTS: &[u8] = include_bytes!("../embedded/model.gguf");

/// Loads it. Its weights stay in the type that they are stored in, and it runs on the CPU, whatever the options say.
///
/// # Errors
/// None that a program which passed its tests has.
pub fn load(options: &LoadOptions) -> Result<HostedModel, ModelError> {
    let options = LoadOptions {
        device: Processor::Cpu,
        ..*options
    };
    HostedModel::load_contents(Path::new("the embedded model"), WEIGHTS, &options)
}

/// Bytes of the weights.
pub fn size() -> usize {
    WEIGHTS.len()
}

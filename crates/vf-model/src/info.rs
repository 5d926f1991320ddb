//! What a model folder holds and what running it takes, without loading it.

use std::path::Path;

use crate::chat::Conversation;
use crate::config::{Family, RopeScaling};
use crate::cpu::recurrent;
use crate::decoder;
use crate::error::ModelError;
use crate::gguf;
use crate::hosted::{Folder, LoadOptions, PREFILL_CHUNK, Packed, Precision, Processor};
use crate::infill::InfillForm;

/// Facts about a model folder that [`crate::HostedModel::load`] would accept. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    pub family: Family,
    /// Values in the tensors that the computation uses; a shared embedding counts once.
    pub parameters: u64,
    pub layers: usize,
    pub hidden_size: usize,
    pub vocabulary: usize,
    /// Positions that the model was trained for.
    pub longest_context: usize,
    pub rope_scaling: RopeScaling,
    /// Element types in the files, with the parameters stored so.
    pub stored: Vec<(String, u64)>,
    /// Of the tensors in the files.
    pub stored_bytes: u64,
    /// The form of conversation: `template`, or the name of the one that the vocabulary has markers for.
    pub chat_form: Option<&'static str>,
    /// The form of text with a gap that the vocabulary has markers for.
    pub infill_form: Option<&'static str>,
    pub memory: Memory,
    /// The element types of the weights in memory: the one asked for, or those of a GGUF file.
    pub loaded_as: String,
}

/// What a run needs at its peak. Sizes are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Tokens that prompt and completion may have together.
    pub context: usize,
    /// Weights in the element type that they are converted to.
    pub weights: u64,
    /// Keys and values of a full context.
    pub cache: u64,
    /// The largest intermediate results of one step over a full context, and of the conversion while loading;
    /// an estimate.
    pub working: u64,
}

impl Memory {
    pub fn total(&self) -> u64 {
        self.weights
            .saturating_add(self.cache)
            .saturating_add(self.working)
    }
}

/// Looks at a model folder or a GGUF file as loading would, and computes what a run with these options needs.
pub fn info(folder: &Path, options: &LoadOptions) -> Result<ModelInfo, ModelError> {
    let packed = gguf::find(folder);
    let (config, vocabulary, chat, expected, sizes) = match &packed {
        Some(file) => {
            let Packed {
                config,
                gguf,
                vocabulary,
                chat,
            } = Packed::open(file)?;
            let expected = decoder::expected_tensors(&config)?;
            (config, vocabulary, chat, expected, gguf.sizes())
        }
        None => {
            let Folder {
                config,
                weights,
                vocabulary,
                chat,
            } = Folder::open(folder)?;
            let expected = decoder::expected_tensors(&config)?;
            let sizes = weights.sizes(|name| expected.contains_key(name));
            (config, vocabulary, chat, expected, sizes)
        }
    };
    let parameters = sizes
        .values()
        .fold(0u64, |n, (values, _)| n.saturating_add(*values));
    let stored_bytes = sizes
        .values()
        .fold(0u64, |n, (_, bytes)| n.saturating_add(*bytes));
    let largest = expected
        .values()
        .map(|shape| product(shape.iter().copied()))
        .max()
        .unwrap_or(0);

    // On the CPU keys and values are F32, whatever the weights are.
    let cached = match options.device {
        Processor::Cpu => Precision::F32,
        Processor::Cuda(_) => options.dtype,
    };
    let context = config.max_positions.min(options.max_context.max(1));
    let cache = cached.bytes(match &config.variant.recurrence {
        None => product([
            config.layers,
            config.key_value_heads,
            decoder::cache_capacity(context),
            config.head_dim + config.value_dim(),
        ]),
        // One state of one size, and some earlier ones to go back to.
        Some(recurrence) => product([
            recurrent::STATES,
            config.layers,
            2 * config.hidden_size + recurrence.attention_size * recurrence.head_size,
        ]),
    });
    let chunk = PREFILL_CHUNK.min(context);
    // Three copies of the scores of all heads (as multiplied, as scaled and masked, as weights) and the mask, the
    // keys and values of one layer laid out for the product, the feed-forward part; reckoned at four bytes.
    let attended = if config.variant.recurrence.is_some() {
        0
    } else {
        context
    };
    let scores = product([3, config.heads, chunk, attended]).saturating_add(product([chunk, attended]));
    let laid_out = product([2, config.key_value_heads, attended, config.head_dim]);
    let inner = product([4, chunk, config.intermediate_size]);
    let rotations = product([attended, config.head_dim]);
    let step = [scores, laid_out, inner, rotations]
        .into_iter()
        .fold(0u64, u64::saturating_add)
        .saturating_mul(4);
    // A tensor is in memory as it was read and as it was converted.
    let loading = largest
        .saturating_mul(4)
        .saturating_add(options.dtype.bytes(largest));
    let loaded_as = match &packed {
        Some(_) => sizes.keys().cloned().collect::<Vec<_>>().join(" and "),
        None => options.dtype.name().to_owned(),
    };
    Ok(ModelInfo {
        loaded_as,
        family: config.family,
        parameters,
        layers: config.layers,
        hidden_size: config.hidden_size,
        vocabulary: config.vocab_size,
        longest_context: config.max_positions,
        rope_scaling: config.rope.scaling.clone(),
        stored: sizes
            .into_iter()
            .map(|(name, (values, _))| (name, values))
            .collect(),
        stored_bytes,
        chat_form: chat.as_ref().map(Conversation::name),
        infill_form: InfillForm::of(&vocabulary).map(|form| form.name()),
        memory: Memory {
            context,
            // What a GGUF file has stays as it is.
            weights: match &packed {
                Some(_) => stored_bytes,
                None => options.dtype.bytes(parameters),
            },
            cache,
            working: step.max(loading),
        },
    })
}

fn product(factors: impl IntoIterator<Item = usize>) -> u64 {
    factors.into_iter().fold(1, |n, f| n.saturating_mul(f as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{HEADS, HIDDEN, KEY_VALUE_HEADS, LAYERS, TinyModel, VOCABULARY};

    fn look(model: &TinyModel, options: &LoadOptions) -> ModelInfo {
        let folder = tempfile::tempdir().expect("a folder");
        model.write(folder.path()).expect("a model");
        info(folder.path(), options).expect("a good folder")
    }

    #[test]
    fn sizes_are_those_of_the_tensors() {
        let model = TinyModel::new(Family::Qwen2, 1);
        let counted: usize = model.tensors().values().map(|(_, values)| values.len()).sum();
        let found = look(&model, &LoadOptions::default());
        assert_eq!(found.parameters, counted as u64);
        assert_eq!(found.stored, [("F32".to_owned(), counted as u64)]);
        assert_eq!(found.stored_bytes, 4 * counted as u64);
        assert_eq!(
            (found.family, found.layers, found.vocabulary),
            (Family::Qwen2, LAYERS, VOCABULARY)
        );
        assert_eq!((found.longest_context, found.memory.context), (256, 256));
        assert_eq!(found.memory.weights, 4 * counted as u64);
        let cache = 2 * LAYERS * KEY_VALUE_HEADS * 256 * (HIDDEN / HEADS) * 4;
        assert_eq!(found.memory.cache, cache as u64);
        // Half the width, half the weights; a quarter of the context, a quarter of the cache, which is F32 on the CPU.
        let narrow = LoadOptions {
            dtype: Precision::Bf16,
            max_context: 64,
            ..LoadOptions::default()
        };
        let narrow = look(&model, &narrow);
        assert_eq!(narrow.memory.weights, 2 * counted as u64);
        assert_eq!(narrow.memory.cache, found.memory.cache / 4);
        assert!(narrow.memory.working < found.memory.working);
        assert_eq!(narrow.stored_bytes, found.stored_bytes);
    }

    #[test]
    fn a_shared_embedding_counts_once_and_shards_count_all() {
        let shared = TinyModel {
            tied_embeddings: true,
            ..TinyModel::new(Family::Llama, 1)
        };
        let own = TinyModel {
            shards: 3,
            ..TinyModel::new(Family::Llama, 1)
        };
        let parameters = |model: &TinyModel| look(model, &LoadOptions::default()).parameters;
        assert_eq!(
            parameters(&own) - parameters(&shared),
            (VOCABULARY * HIDDEN) as u64
        );
    }

    #[test]
    fn a_folder_that_would_not_load_has_no_facts() {
        let folder = tempfile::tempdir().expect("a folder");
        TinyModel::new(Family::Llama, 1)
            .write(folder.path())
            .expect("a model");
        std::fs::write(folder.path().join("model.safetensors"), b"").expect("a file");
        let error = info(folder.path(), &LoadOptions::default()).expect_err("no weights");
        assert!(matches!(error, ModelError::EmptyWeights { .. }), "{error:?}");
    }
}

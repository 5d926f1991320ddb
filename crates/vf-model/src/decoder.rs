//! The forward pass of a Llama-shaped decoder with a key-value cache.
//!
//! One token's way through a layer, x the residual stream (arXiv 2302.13971):
//!
//! ```text
//! h = x + W_o · attention(rope(W_q · n), rope(W_k · n), W_v · n)     n = rmsnorm(x)
//! x = h + W_down · (silu(W_gate · m) ∘ (W_up · m))                   m = rmsnorm(h)
//! ```
//!
//! Qwen2 is the same with biases on query, key and value. Written here rather than taken from
//! candle-transformers 0.11, whose Llama panics on a missing tensor and whose Qwen2 computes positions in the
//! weights' own type, where bfloat16 cannot tell position 256 from 257; its models are the oracle of our tests.

use std::any::Any;
use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::{rms_norm, silu, softmax_last_dim};

use crate::config::{Config, Rope, RopeScaling};
use crate::error::{ModelError, compute};
use crate::network::{Cache, Network, State, Step, Wanted};
use crate::weights::Weights;

/// Names and shapes of a model's tensors, as published checkpoints have them.
pub fn expected_tensors(config: &Config) -> BTreeMap<String, Vec<usize>> {
    let (hidden, inner) = (config.hidden_size, config.intermediate_size);
    let query = config.heads * config.head_dim;
    let key_value = config.key_value_heads * config.head_dim;
    let mut tensors = BTreeMap::new();
    tensors.insert(
        "model.embed_tokens.weight".to_owned(),
        vec![config.vocab_size, hidden],
    );
    tensors.insert("model.norm.weight".to_owned(), vec![hidden]);
    if !config.tied_embeddings {
        tensors.insert("lm_head.weight".to_owned(), vec![config.vocab_size, hidden]);
    }
    for layer in 0..config.layers {
        let mut linear = |name: &str, out: usize, input: usize, bias: bool| {
            tensors.insert(format!("model.layers.{layer}.{name}.weight"), vec![out, input]);
            if bias {
                tensors.insert(format!("model.layers.{layer}.{name}.bias"), vec![out]);
            }
        };
        linear("self_attn.q_proj", query, hidden, config.query_key_value_bias);
        linear("self_attn.k_proj", key_value, hidden, config.query_key_value_bias);
        linear("self_attn.v_proj", key_value, hidden, config.query_key_value_bias);
        linear("self_attn.o_proj", hidden, query, config.attention_output_bias);
        linear("mlp.gate_proj", inner, hidden, config.feed_forward_bias);
        linear("mlp.up_proj", inner, hidden, config.feed_forward_bias);
        linear("mlp.down_proj", hidden, inner, config.feed_forward_bias);
        for norm in ["input_layernorm", "post_attention_layernorm"] {
            tensors.insert(format!("model.layers.{layer}.{norm}.weight"), vec![hidden]);
        }
    }
    tensors
}

/// Tensors that checkpoints carry along and that the computation does not need: precomputed rotary
/// frequencies, and an output layer where the embedding takes its place.
pub fn ignorable(config: &Config, name: &str) -> bool {
    name.ends_with("rotary_emb.inv_freq") || (config.tied_embeddings && name == "lm_head.weight")
}

/// A model's weights on a device, and the rotation of every position up to the context length.
pub struct Decoder {
    embedding: Tensor,
    layers: Vec<Layer>,
    norm: Tensor,
    output: Tensor,
    /// Shape (context, head_dim / 2), F32.
    cosines: Tensor,
    sines: Tensor,
    config: Config,
    device: Device,
    dtype: DType,
    /// Whether the products of several sequences are one product. On the CPU the order of a sum depends on the
    /// number of rows, and a sample would depend on how many others there are; so it is one product each there.
    together: bool,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    gate: Linear,
    up: Linear,
    down: Linear,
    input_norm: Tensor,
    attention_norm: Tensor,
}

/// y = x · weightᵀ + bias.
struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => y.broadcast_add(bias),
        }
    }
}

/// Keys and values of the tokens seen so far, per layer. Buffers have room to grow; what lies beyond
/// `len` is stale.
#[derive(Default)]
struct KeyValues {
    /// Shape (key_value_heads, capacity, head_dim), one key and one value a layer.
    buffers: Vec<(Tensor, Tensor)>,
    len: usize,
}

/// Tokens that a buffer which must hold so many has room for.
pub fn cache_capacity(tokens: usize) -> usize {
    tokens.checked_next_power_of_two().unwrap_or(tokens).max(64)
}

impl State for KeyValues {
    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    fn fork(&self) -> std::result::Result<Box<dyn State>, ModelError> {
        let copy = |(keys, values): &(Tensor, Tensor)| Ok((keys.copy()?, values.copy()?));
        let buffers = self.buffers.iter().map(copy).collect::<Result<_>>();
        Ok(Box::new(KeyValues {
            buffers: buffers.map_err(compute("a copy of the cache"))?,
            len: self.len,
        }))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

impl Decoder {
    /// Loads weights that [`Weights::check`] accepted.
    pub fn load(
        config: &Config,
        weights: &Weights,
        context: usize,
        dtype: DType,
        device: &Device,
    ) -> std::result::Result<Decoder, ModelError> {
        let tensor = |name: &str| weights.load(name, dtype, device);
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let linear = |name: &str, bias: bool| -> std::result::Result<Linear, ModelError> {
                let weight = tensor(&format!("model.layers.{layer}.{name}.weight"))?;
                let bias = bias
                    .then(|| tensor(&format!("model.layers.{layer}.{name}.bias")))
                    .transpose()?;
                Ok(Linear { weight, bias })
            };
            layers.push(Layer {
                query: linear("self_attn.q_proj", config.query_key_value_bias)?,
                key: linear("self_attn.k_proj", config.query_key_value_bias)?,
                value: linear("self_attn.v_proj", config.query_key_value_bias)?,
                attention_output: linear("self_attn.o_proj", config.attention_output_bias)?,
                gate: linear("mlp.gate_proj", config.feed_forward_bias)?,
                up: linear("mlp.up_proj", config.feed_forward_bias)?,
                down: linear("mlp.down_proj", config.feed_forward_bias)?,
                input_norm: tensor(&format!("model.layers.{layer}.input_layernorm.weight"))?,
                attention_norm: tensor(&format!("model.layers.{layer}.post_attention_layernorm.weight"))?,
            });
        }
        let embedding = tensor("model.embed_tokens.weight")?;
        let output = if config.tied_embeddings {
            embedding.clone()
        } else {
            tensor("lm_head.weight")?
        };
        let (cosines, sines) =
            rotations(config, context, device).map_err(compute("the table of rotary positions"))?;
        Ok(Decoder {
            embedding,
            layers,
            norm: tensor("model.norm.weight")?,
            output,
            cosines,
            sines,
            config: config.clone(),
            device: device.clone(),
            dtype,
            together: !device.is_cpu(),
        })
    }

    /// The passes of some sequences as one: what is computed token by token is one matrix of all tokens.
    fn pass(&self, parts: &mut [Part<'_>]) -> Result<Vec<Vec<f32>>> {
        let ids: Vec<u32> = parts.iter().flat_map(|p| p.tokens).copied().collect();
        let ids = Tensor::from_slice(&ids, ids.len(), &self.device)?;
        let mut x = self.embedding.index_select(&ids, 0)?;
        let masks = parts
            .iter()
            .map(|part| match part.tokens.len() {
                0 | 1 => Ok(None),
                count => causal_mask(count, part.cache.len, &self.device).map(Some),
            })
            .collect::<Result<Vec<_>>>()?;
        let eps = self.config.rms_norm_eps as f32;
        for (index, layer) in self.layers.iter().enumerate() {
            let n = rms_norm(&x, &layer.input_norm, eps)?;
            let h = (x + self.attention(layer, index, &n, &masks, parts)?)?;
            let m = rms_norm(&h, &layer.attention_norm, eps)?;
            let inner = (silu(&layer.gate.forward(&m)?)? * layer.up.forward(&m)?)?;
            x = (h + layer.down.forward(&inner)?)?;
        }
        let mut rows = Vec::new();
        let mut first = 0u32;
        for part in &mut *parts {
            let count = part.tokens.len() as u32;
            part.cache.len += part.tokens.len();
            match part.wanted {
                Wanted::Nothing => {}
                Wanted::Last => rows.extend((first + count).checked_sub(1)),
                Wanted::All => rows.extend(first..first + count),
            }
            first += count;
        }
        if rows.is_empty() {
            return Ok(vec![Vec::new(); parts.len()]);
        }
        let chosen = x.index_select(&Tensor::from_slice(&rows, rows.len(), &self.device)?, 0)?;
        let logits = rms_norm(&chosen, &self.norm, eps)?
            .matmul(&self.output.t()?)?
            .to_dtype(DType::F32)?
            .flatten_all()?
            .to_vec1::<f32>()?;
        let mut rest = logits.into_iter();
        Ok(parts
            .iter()
            .map(|part| rest.by_ref().take(part.rows() * self.config.vocab_size).collect())
            .collect())
    }

    /// Attention of every sequence to itself, side by side; `n` has shape (tokens of all, hidden).
    fn attention(
        &self,
        layer: &Layer,
        index: usize,
        n: &Tensor,
        masks: &[Option<Tensor>],
        parts: &mut [Part<'_>],
    ) -> Result<Tensor> {
        let (query, key, value) = (
            layer.query.forward(n)?,
            layer.key.forward(n)?,
            layer.value.forward(n)?,
        );
        let mut mixed = Vec::with_capacity(parts.len());
        let mut first = 0;
        for (part, mask) in parts.iter_mut().zip(masks) {
            let count = part.tokens.len();
            let own = |x: &Tensor| x.narrow(0, first, count);
            let new = (own(&query)?, own(&key)?, own(&value)?);
            mixed.push(self.attend(index, new, mask.as_ref(), part.cache)?);
            first += count;
        }
        let mixed = match mixed.as_slice() {
            [one] => one.clone(),
            several => Tensor::cat(several, 0)?,
        };
        layer.attention_output.forward(&mixed)
    }

    /// Scaled dot-product attention of one sequence over its cache and its new tokens, which have the shape
    /// (tokens, heads · head_dim); the outcome has it, too.
    fn attend(
        &self,
        index: usize,
        (query, key, value): (Tensor, Tensor, Tensor),
        mask: Option<&Tensor>,
        cache: &mut KeyValues,
    ) -> Result<Tensor> {
        let (count, _) = query.dims2()?;
        let (heads, groups, width) = (
            self.config.heads,
            self.config.key_value_heads,
            self.config.head_dim,
        );
        let split = |x: Tensor, heads: usize| x.reshape((count, heads, width))?.transpose(0, 1)?.contiguous();
        let query = self.rotate(&split(query, heads)?, cache.len)?;
        let key = self.rotate(&split(key, groups)?, cache.len)?;
        let value = split(value, groups)?;
        let (keys, values) = cache.append(index, &key, &value)?;

        // The heads that share a key lie side by side: they are more rows of one product.
        let shared = heads / groups;
        let total = keys.dim(1)?;
        let query = query.reshape((groups, shared * count, width))?;
        let scores = (query.matmul(&keys.t()?)?.to_dtype(DType::F32)? / (width as f64).sqrt())?;
        let scores = match mask {
            None => scores,
            Some(mask) => scores
                .reshape((groups, shared, count, total))?
                .broadcast_add(mask)?
                .reshape((groups, shared * count, total))?,
        };
        let weights = softmax_last_dim(&scores)?.to_dtype(self.dtype)?;
        let mixed = weights.matmul(&values)?;
        mixed
            .reshape((heads, count, width))?
            .transpose(0, 1)?
            .reshape((count, heads * width))
    }

    /// Turns the pairs (i, i + head_dim / 2) of every head by their positions' angles, in F32.
    fn rotate(&self, x: &Tensor, position: usize) -> Result<Tensor> {
        let (heads, count, width) = x.dims3()?;
        let cosines = self.cosines.narrow(0, position, count)?;
        let sines = self.sines.narrow(0, position, count)?;
        let x = x.to_dtype(DType::F32)?.reshape((1, heads, count, width))?;
        candle_nn::rotary_emb::rope(&x, &cosines, &sines)?
            .squeeze(0)?
            .to_dtype(self.dtype)
    }
}

/// A [`Step`] whose cache is this network's.
struct Part<'a> {
    tokens: &'a [u32],
    cache: &'a mut KeyValues,
    wanted: Wanted,
}

impl Part<'_> {
    /// Rows of logits that are asked for.
    fn rows(&self) -> usize {
        match self.wanted {
            Wanted::Nothing => 0,
            Wanted::Last => 1,
            Wanted::All => self.tokens.len(),
        }
    }
}

impl Network for Decoder {
    fn cache(&self) -> Cache {
        Cache::new(KeyValues::default())
    }

    fn forward(&self, steps: &mut [Step<'_>]) -> std::result::Result<Vec<Vec<f32>>, ModelError> {
        let mut parts = Vec::with_capacity(steps.len());
        for step in steps {
            parts.push(Part {
                tokens: step.tokens,
                cache: step.cache.state()?,
                wanted: step.wanted,
            });
        }
        let failed = || compute("the next token");
        if self.together {
            return self.pass(&mut parts).map_err(failed());
        }
        let mut logits = Vec::with_capacity(parts.len());
        for part in parts.chunks_mut(1) {
            logits.extend(self.pass(part).map_err(failed())?);
        }
        Ok(logits)
    }

    fn piece(&self) -> usize {
        crate::hosted::PREFILL_CHUNK
    }

    fn backend(&self) -> &'static str {
        if self.device.is_cpu() {
            "candle, CPU"
        } else {
            "candle, CUDA"
        }
    }
}

impl KeyValues {
    /// Stores the new tokens' keys and values after the `len` tokens of layer `index`; all of them come back.
    fn append(&mut self, index: usize, key: &Tensor, value: &Tensor) -> Result<(Tensor, Tensor)> {
        let (_, count, _) = key.dims3()?;
        let total = self.len + count;
        let grown = match self.buffers.get(index) {
            Some((keys, values)) if keys.dim(1)? >= total => (keys.clone(), values.clone()),
            old => {
                let old = old.filter(|_| self.len > 0);
                let grow = |old: Option<&Tensor>, new: &Tensor| -> Result<Tensor> {
                    let (heads, _, width) = new.dims3()?;
                    let capacity = cache_capacity(total);
                    let buffer = Tensor::zeros((heads, capacity, width), new.dtype(), new.device())?;
                    if let Some(old) = old {
                        buffer.slice_set(&old.narrow(1, 0, self.len)?.contiguous()?, 1, 0)?;
                    }
                    Ok(buffer)
                };
                (grow(old.map(|o| &o.0), key)?, grow(old.map(|o| &o.1), value)?)
            }
        };
        grown.0.slice_set(key, 1, self.len)?;
        grown.1.slice_set(value, 1, self.len)?;
        let seen = (grown.0.narrow(1, 0, total)?, grown.1.narrow(1, 0, total)?);
        match self.buffers.get_mut(index) {
            Some(slot) => *slot = grown,
            // Layers ask in order, so that a layer's first buffer is always the next one.
            None => self.buffers.push(grown),
        }
        Ok(seen)
    }
}

/// Shape (count, seen + count): -∞ where the column comes after the row's token.
fn causal_mask(count: usize, seen: usize, device: &Device) -> Result<Tensor> {
    let total = seen + count;
    let mask: Vec<f32> = (0..count)
        .flat_map(|row| {
            (0..total).map(move |column| {
                if column > seen + row {
                    f32::NEG_INFINITY
                } else {
                    0.0
                }
            })
        })
        .collect();
    Tensor::from_vec(mask, (count, total), device)
}

/// cos and sin of position · frequency, computed in F32 as the models were trained.
fn rotations(config: &Config, context: usize, device: &Device) -> Result<(Tensor, Tensor)> {
    let frequencies = frequencies(config.rope, config.head_dim);
    let pairs = frequencies.len();
    let angles: Vec<f32> = (0..context)
        .flat_map(|p| frequencies.iter().map(move |f| p as f32 * f))
        .collect();
    let angles = Tensor::from_vec(angles, (context, pairs), device)?;
    Ok((angles.cos()?, angles.sin()?))
}

/// f_i = theta^(-2i / head_dim), scaled.
pub fn frequencies(rope: Rope, head_dim: usize) -> Vec<f32> {
    (0..head_dim / 2)
        .map(|i| scaled(rope.theta.powf(-(2.0 * i as f64) / head_dim as f64), rope.scaling) as f32)
        .collect()
}

fn scaled(frequency: f64, scaling: RopeScaling) -> f64 {
    match scaling {
        RopeScaling::None => frequency,
        RopeScaling::Linear { factor } => frequency / factor,
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_positions,
        } => {
            // How often the frequency turns within the positions of the first training.
            let turns = original_positions * frequency / (2.0 * std::f64::consts::PI);
            let keep = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
            keep * frequency + (1.0 - keep) * frequency / factor
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_keeps_fast_rotations_and_slows_the_others() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_positions: 8192.0,
        };
        assert_eq!(scaled(1.0, scaling), 1.0);
        assert_eq!(scaled(1e-6, scaling), 1e-6 / 8.0);
        // 2.5 turns lie in the middle between 1 and 4: half of each.
        let middle = 2.5 * 2.0 * std::f64::consts::PI / 8192.0;
        let expected = middle * (0.5 + 0.5 / 8.0);
        assert!((scaled(middle, scaling) - expected).abs() < 1e-12);
    }

    /// Sequences of different lengths in one pass, as one product and as one each, and with all logits.
    #[test]
    fn several_sequences_in_one_pass_are_as_each_alone() {
        use crate::config::Family;
        use crate::testing::{TinyModel, VOCABULARY};

        for family in [Family::Llama, Family::Qwen2] {
            let folder = tempfile::tempdir().expect("a folder");
            TinyModel::new(family, 1).write(folder.path()).expect("a model");
            let parts = crate::hosted::Folder::open(folder.path()).expect("a good folder");
            let load = || {
                Decoder::load(&parts.config, &parts.weights, 64, DType::F32, &Device::Cpu).expect("a decoder")
            };
            let (mut decoder, alone) = (load(), load());
            decoder.together = true;
            let sequences: [&[u32]; 3] = [&[65, 66, 67, 68, 69], &[70], &[71, 72]];
            let wanted = [Wanted::All, Wanted::Last, Wanted::Nothing];
            let mut caches = [decoder.cache(), decoder.cache(), decoder.cache()];
            for _ in 0..2 {
                let mut steps: Vec<Step<'_>> = sequences
                    .iter()
                    .zip(&mut caches)
                    .zip(wanted)
                    .map(|((tokens, cache), wanted)| Step {
                        tokens,
                        cache,
                        wanted,
                    })
                    .collect();
                decoder.forward(&mut steps).expect("a pass");
            }
            // The third pass is compared: caches of different lengths.
            let mut steps: Vec<Step<'_>> = sequences
                .iter()
                .zip(&mut caches)
                .map(|(tokens, cache)| Step {
                    tokens,
                    cache,
                    wanted: Wanted::All,
                })
                .collect();
            let found = decoder.forward(&mut steps).expect("a pass");
            for (tokens, found) in sequences.iter().zip(&found) {
                let mut cache = alone.cache();
                let mut expected = Vec::new();
                for token in tokens.repeat(3) {
                    let step = Step {
                        tokens: &[token],
                        cache: &mut cache,
                        wanted: Wanted::Last,
                    };
                    expected.push(alone.forward(&mut [step]).expect("a pass").remove(0));
                }
                let expected = expected[tokens.len() * 2..].concat();
                assert_eq!(found.len(), tokens.len() * VOCABULARY);
                let close = found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4);
                assert!(close, "{family:?}");
            }
        }
    }

    #[test]
    fn the_mask_hides_the_future_only() {
        let mask = causal_mask(2, 1, &Device::Cpu)
            .and_then(|m| m.to_vec2::<f32>())
            .expect("a small tensor");
        assert_eq!(mask, vec![vec![0.0, 0.0, f32::NEG_INFINITY], vec![0.0, 0.0, 0.0]]);
    }
}

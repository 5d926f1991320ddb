//! Decoder-only transformers of many families (Vaswani et al., arXiv 1706.03762): pre-norm residual blocks,
//! grouped-query attention, positions by rotation or learned.
//!
//! ```text
//! h = x + W_o · attention(rope(W_q · n), rope(W_k · n), W_v · n)     n = norm(x)
//! x = h + W_down · (silu(W_gate · m) ∘ (W_up · m))                   m = norm(h)
//! ```
//!
//! In what a family differs from this is in its [`Config::variant`]. `layers` has the weights, whatever the family's
//! checkpoints call them. Written here rather than taken from candle-transformers 0.11, whose models panic on missing
//! tensors, compute positions in the weights' own type, where bfloat16 cannot tell position 256 from 257, and cannot
//! go back or fork; some of them are oracles of our tests, beside transformers itself
//! ([decision 13](../../../docs/decisions/0013-families-in-one-decoder.md)).

mod feed_forward;
mod layers;
mod rotation;

use std::any::Any;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::ops::softmax_last_dim;

use crate::config::{Config, Residual};
use crate::error::{ModelError, compute};
use crate::network::{Cache, Network, State, Step, Wanted};
use crate::weights::Weights;
use layers::{Attention, LatentAttention, LatentQuery, Layer, Model, NormWeights};
use rotation::Rotation;

pub use layers::{expected_tensors, ignorable};
pub use rotation::frequencies;

/// A model's weights on a device, and the rotation of every position up to the context length.
pub struct Decoder {
    model: Model,
    rotation: Option<Rotation>,
    config: Config,
    device: Device,
    dtype: DType,
    /// Whether the products of several sequences are one product. On the CPU the order of a sum depends on the
    /// number of rows, and a sample would depend on how many others there are; so it is one product each there.
    together: bool,
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

/// Queries, keys and values of some tokens, before rotation. Shapes are (tokens, heads · width).
struct Projected {
    query: Tensor,
    key: Tensor,
    value: Tensor,
    /// With latent attention, the part of the key that is rotated, the same for all heads: (tokens, rotated).
    shared_key: Option<Tensor>,
}

/// A mask for each kind of layer that there is.
struct Masks {
    full: Option<Tensor>,
    /// With the window's size.
    windowed: Option<(usize, Tensor)>,
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
        let mut files = layers::Files {
            weights,
            dtype,
            device,
            last: None,
        };
        let model = layers::build(config, &mut files)?;
        let rotation = Rotation::new(config, context, device);
        Ok(Decoder {
            model,
            rotation: rotation.map_err(compute("the table of rotary positions"))?,
            config: config.clone(),
            device: device.clone(),
            dtype,
            together: !device.is_cpu(),
        })
    }

    /// The passes of some sequences as one: what is computed token by token is one matrix of all tokens.
    fn pass(&self, parts: &mut [Part<'_>]) -> Result<Vec<Vec<f32>>> {
        let mut x = self.embed(parts)?;
        let masks = parts
            .iter()
            .map(|part| self.masks(part.tokens.len(), part.cache.len))
            .collect::<Result<Vec<_>>>()?;
        for (index, layer) in self.model.layers.iter().enumerate() {
            let n = layer.input_norm.forward(&x)?;
            let attention = self.attention(layer, index, &n, &masks, parts)?;
            let attention = times(attention, self.config.variant.residual_multiplier)?;
            let (h, m) = match (self.config.variant.residual, &layer.second_norm) {
                (Residual::Sequential, Some(norm)) => {
                    let h = (x + attention)?;
                    let m = norm.forward(&h)?;
                    (h, m)
                }
                (_, Some(norm)) => {
                    let m = norm.forward(&x)?;
                    ((x + attention)?, m)
                }
                (_, None) => ((x + attention)?, n),
            };
            let inner = layer.feed_forward.forward(&m)?;
            x = (h + times(inner, self.config.variant.residual_multiplier)?)?;
        }
        self.logits(&x, parts)
    }

    /// What the tokens begin as; shape (tokens of all, hidden).
    fn embed(&self, parts: &[Part<'_>]) -> Result<Tensor> {
        let ids: Vec<u32> = parts.iter().flat_map(|p| p.tokens).copied().collect();
        let ids = Tensor::from_vec(ids.clone(), ids.len(), &self.device)?;
        let x = self.model.embedding.index_select(&ids, 0)?;
        let x = times(x, self.config.variant.embedding_multiplier)?;
        let Some(positions) = &self.model.positions else {
            return Ok(x);
        };
        let at: Vec<u32> = parts
            .iter()
            .flat_map(|p| (p.cache.len..p.cache.len + p.tokens.len()).map(|p| p as u32))
            .collect();
        let at = Tensor::from_vec(at.clone(), at.len(), &self.device)?;
        x + positions.index_select(&at, 0)?
    }

    fn masks(&self, count: usize, seen: usize) -> Result<Masks> {
        if count <= 1 {
            return Ok(Masks {
                full: None,
                windowed: None,
            });
        }
        let window = self.config.variant.window.as_ref().map(|w| w.size);
        let windowed = match window {
            Some(size) if seen + count > size => {
                Some((size, causal_mask(count, seen, Some(size), &self.device)?))
            }
            _ => None,
        };
        Ok(Masks {
            full: Some(causal_mask(count, seen, None, &self.device)?),
            windowed,
        })
    }

    /// The logits that are asked for, after the last layer; the caches hold the new tokens from now on.
    fn logits(&self, x: &Tensor, parts: &mut [Part<'_>]) -> Result<Vec<Vec<f32>>> {
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
        let logits = self.model.norm.forward(&chosen)?;
        let logits = self.model.output.forward(&logits)?.to_dtype(DType::F32)?;
        let logits = times(logits, 1.0 / self.config.variant.logits_divisor)?;
        let mut rest = logits.flatten_all()?.to_vec1::<f32>()?.into_iter();
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
        masks: &[Masks],
        parts: &mut [Part<'_>],
    ) -> Result<Tensor> {
        let all = self.project(layer, n)?;
        let head_norms = match &layer.attention {
            Attention::Usual { head_norms, .. } => head_norms.as_ref(),
            Attention::Latent(_) => None,
        };
        let mut mixed = Vec::with_capacity(parts.len());
        let mut first = 0;
        for (part, masks) in parts.iter_mut().zip(masks) {
            let count = part.tokens.len();
            let own = |x: &Tensor| x.narrow(0, first, count);
            let new = Projected {
                query: own(&all.query)?,
                key: own(&all.key)?,
                value: own(&all.value)?,
                shared_key: all.shared_key.as_ref().map(own).transpose()?,
            };
            mixed.push(self.attend(index, new, head_norms, masks, part.cache)?);
            first += count;
        }
        let mixed = match mixed.as_slice() {
            [one] => one.clone(),
            several => Tensor::cat(several, 0)?,
        };
        layer.attention_output.forward(&mixed)
    }

    fn project(&self, layer: &Layer, n: &Tensor) -> Result<Projected> {
        match &layer.attention {
            Attention::Usual {
                query, key, value, ..
            } => Ok(Projected {
                query: query.forward(n)?,
                key: key.forward(n)?,
                value: value.forward(n)?,
                shared_key: None,
            }),
            Attention::Latent(latent) => self.project_latent(latent, n),
        }
    }

    fn project_latent(&self, latent: &LatentAttention, n: &Tensor) -> Result<Projected> {
        let (count, _) = n.dims2()?;
        let heads = self.config.heads;
        let query = match &latent.query {
            LatentQuery::Direct(query) => query.forward(n)?,
            LatentQuery::Narrow { narrow, norm, wide } => {
                wide.forward(&norm.forward(&narrow.forward(n)?)?)?
            }
        };
        let rotated = self.config.rotated();
        let both = latent.narrow.forward(n)?;
        let rank = both.dim(1)?.saturating_sub(rotated);
        let narrow = latent
            .narrow_norm
            .forward(&both.narrow(1, 0, rank)?.contiguous()?)?;
        let value_dim = self.config.value_dim();
        let plain_dim = self.config.head_dim - rotated;
        let wide = latent
            .wide
            .forward(&narrow)?
            .reshape((count, heads, plain_dim + value_dim))?;
        let part = |from: usize, width: usize| {
            wide.narrow(2, from, width)?
                .contiguous()?
                .reshape((count, heads * width))
        };
        Ok(Projected {
            query,
            key: part(0, plain_dim)?,
            value: part(plain_dim, value_dim)?,
            shared_key: Some(both.narrow(1, rank, rotated)?.contiguous()?),
        })
    }

    /// Scaled dot-product attention of one sequence over its cache and its new tokens; the outcome has the shape
    /// (tokens, heads · value_dim).
    fn attend(
        &self,
        index: usize,
        new: Projected,
        head_norms: Option<&(NormWeights, NormWeights)>,
        masks: &Masks,
        cache: &mut KeyValues,
    ) -> Result<Tensor> {
        let (count, _) = new.query.dims2()?;
        let (heads, groups) = (self.config.heads, self.config.key_value_heads);
        let (width, value_width) = (self.config.head_dim, self.config.value_dim());
        let split = |x: &Tensor, heads: usize| -> Result<Tensor> {
            let width = x.dim(1)? / heads;
            x.reshape((count, heads, width))?.transpose(0, 1)?.contiguous()
        };
        let (mut query, mut key) = (split(&new.query, heads)?, split(&new.key, groups)?);
        if let Some((query_norm, key_norm)) = head_norms {
            query = query_norm.forward(&query)?;
            key = key_norm.forward(&key)?;
        }
        if let Some(rotation) = &self.rotation {
            (query, key) = match &new.shared_key {
                None => (rotation.turn(&query, cache.len)?, rotation.turn(&key, cache.len)?),
                Some(shared) => {
                    // The last dimensions are rotated here, and the first ones stay.
                    let plain = width - self.config.rotated();
                    let turned = rotation.turn(&query.narrow(2, plain, width - plain)?, cache.len)?;
                    let query = Tensor::cat(&[&query.narrow(2, 0, plain)?, &turned], 2)?;
                    let shared = rotation.turn(&shared.unsqueeze(0)?, cache.len)?;
                    let shared = shared.broadcast_as((heads, count, width - plain))?;
                    (
                        query.contiguous()?,
                        Tensor::cat(&[&key, &shared], 2)?.contiguous()?,
                    )
                }
            };
        }
        let value = split(&new.value, groups)?;
        let (mut keys, mut values) = cache.append(index, &key, &value)?;
        let window = self.config.window(index);
        let mask = match window {
            // One token needs no mask, but what is behind its window is left out.
            Some(size) if count == 1 => {
                let total = keys.dim(1)?;
                let visible = size.min(total);
                keys = keys.narrow(1, total - visible, visible)?;
                values = values.narrow(1, total - visible, visible)?;
                None
            }
            Some(size) => match &masks.windowed {
                Some((of, mask)) if *of == size => Some(mask),
                _ => masks.full.as_ref(),
            },
            None => masks.full.as_ref(),
        };

        // The heads that share a key lie side by side: they are more rows of one product.
        let shared = heads / groups;
        let total = keys.dim(1)?;
        let query = query.reshape((groups, shared * count, width))?;
        let scores = query.matmul(&keys.t()?)?.to_dtype(DType::F32)?;
        let scores = (scores * self.config.attention_scale())?;
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
            .reshape((heads, count, value_width))?
            .transpose(0, 1)?
            .reshape((count, heads * value_width))
    }
}

/// The product with a number; of 1, nothing is computed.
fn times(x: Tensor, factor: f64) -> Result<Tensor> {
    if factor == 1.0 { Ok(x) } else { x * factor }
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

/// Shape (count, seen + count): -∞ where the column comes after the row's token, or is outside its window.
fn causal_mask(count: usize, seen: usize, window: Option<usize>, device: &Device) -> Result<Tensor> {
    let total = seen + count;
    let mask: Vec<f32> = (0..count)
        .flat_map(|row| {
            let own = seen + row;
            let first = window.map_or(0, |size| (own + 1).saturating_sub(size));
            (0..total).map(move |column| {
                if (first..=own).contains(&column) {
                    0.0
                } else {
                    f32::NEG_INFINITY
                }
            })
        })
        .collect();
    Tensor::from_vec(mask, (count, total), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(count: usize, seen: usize, window: Option<usize>) -> Vec<Vec<f32>> {
        causal_mask(count, seen, window, &Device::Cpu)
            .and_then(|m| m.to_vec2())
            .expect("a small tensor")
    }

    #[test]
    fn the_mask_hides_the_future_only() {
        assert_eq!(mask(2, 1, None), [[0.0, 0.0, f32::NEG_INFINITY], [0.0, 0.0, 0.0]]);
    }

    #[test]
    fn a_window_ends_at_the_token_itself() {
        let hidden = f32::NEG_INFINITY;
        assert_eq!(mask(2, 1, Some(2)), [[0.0, 0.0, hidden], [hidden, 0.0, 0.0]]);
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
}

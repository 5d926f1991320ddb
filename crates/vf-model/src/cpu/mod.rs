//! The forward pass on the processor, on plain slices: for models of the Llama shape (Llama, Qwen2, Qwen3).
//!
//! The equations are those of [`crate::decoder`], which is the oracle of the tests. What is different: weights stay in
//! the form that they are stored in (F32, F16, BF16 or 8-bit blocks), kernels are chosen for the processor that the
//! program runs on, nothing is allocated for an operation, and a row's numbers do not depend on the rows beside it. So a
//! sample comes out the same, bit for bit, alone or in a batch, and a prompt the same in whatever pieces it is read
//! ([decision 12](../../../../docs/decisions/0012-own-fast-path.md)).

mod cache;
mod kernels;
mod matrix;
mod pool;
mod products;
pub mod recurrent;
mod simd;

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{DType, Device};

use self::cache::{PAGE, Pages};
use self::kernels::{Attention, Output};
use self::matrix::Activations;
use self::products::Engine;
use self::simd::LANES;
use crate::config::Config;
use crate::decoder;
use crate::error::{ModelError, compute};
use crate::network::{Cache, Network, Step, Wanted};
use crate::weights::Weights;

pub use self::matrix::{Kind, Matrix, quantise_block};

/// Tokens whose attention is one piece of work.
const ATTENTION_TOKENS: usize = 32;

/// Sizes of the network.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    hidden: usize,
    layers: usize,
    heads: usize,
    /// Heads of keys and values.
    groups: usize,
    /// Of a head.
    width: usize,
    /// `width`, rounded up to whole vectors.
    value_width: usize,
    vocabulary: usize,
    eps: f32,
}

/// y = x · matrixᵀ + bias.
struct Linear {
    matrix: Matrix,
    bias: Option<Vec<f32>>,
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_output: Linear,
    gate: Linear,
    up: Linear,
    down: Linear,
    input_norm: Vec<f32>,
    attention_norm: Vec<f32>,
    /// Norms of the heads of queries and keys (Qwen3).
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
}

/// Buffers of a pass, kept for the next one.
#[derive(Default)]
struct Room {
    stream: Vec<f32>,
    normed: Activations,
    mixed: Activations,
    inner: Activations,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    up: Vec<f32>,
    added: Vec<f32>,
    last: Activations,
}

/// A model on the processor.
pub struct CpuNetwork {
    shape: Shape,
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: Vec<f32>,
    /// `None`: the embedding.
    output: Option<Linear>,
    /// By position: cos and sin of `width / 2` angles, times the factor by which rotated vectors are made longer.
    cosines: Vec<f32>,
    sines: Vec<f32>,
    engine: Engine,
    room: Mutex<Vec<Room>>,
}

/// Where weights come from.
pub trait Source {
    /// A tensor's values, row by row.
    fn values(&self, name: &str) -> Result<Vec<f32>, ModelError>;

    /// A matrix in the form that it is to be kept in.
    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, ModelError>;
}

/// Weights of safetensors files, all matrices to be kept in one form.
pub struct Converted<'a> {
    pub weights: &'a Weights,
    pub kind: Kind,
}

impl Source for Converted<'_> {
    fn values(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let tensor = self.weights.load(name, DType::F32, &Device::Cpu)?;
        tensor
            .flatten_all()
            .and_then(|t| t.to_vec1())
            .map_err(compute("the loading of a tensor"))
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, ModelError> {
        Ok(Matrix::pack(rows, cols, &self.values(name)?, self.kind))
    }
}

/// Whether queries and keys are normalised head by head before they are turned.
fn head_norms(config: &Config) -> bool {
    config.variant.head_norm
}

impl CpuNetwork {
    /// Whether a model has the shape that this network computes, all of it: what is not known here must not be passed
    /// over.
    pub fn fits(config: &Config) -> bool {
        config.is_llama_shaped()
            && config.heads.is_multiple_of(config.key_value_heads)
            && config.head_dim.is_multiple_of(2)
    }

    /// Loads weights whose names and shapes were checked. `threads`: 0 takes as many as the machine has cores.
    pub fn load(
        config: &Config,
        weights: &dyn Source,
        context: usize,
        threads: usize,
    ) -> Result<CpuNetwork, ModelError> {
        let shape = Shape {
            hidden: config.hidden_size,
            layers: config.layers,
            heads: config.heads,
            groups: config.key_value_heads,
            width: config.head_dim,
            value_width: config.head_dim.next_multiple_of(LANES),
            vocabulary: config.vocab_size,
            eps: config.norm_eps as f32,
        };
        let (query, key_value) = (shape.heads * shape.width, shape.groups * shape.width);
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let mut layers = Vec::new();
        for layer in 0..config.layers {
            let linear = |name: &str, rows: usize, cols: usize, bias: bool| -> Result<Linear, ModelError> {
                let name = format!("model.layers.{layer}.{name}");
                Ok(Linear {
                    matrix: weights.matrix(&format!("{name}.weight"), rows, cols)?,
                    bias: bias
                        .then(|| weights.values(&format!("{name}.bias")))
                        .transpose()?,
                })
            };
            let norm = |name: &str| weights.values(&format!("model.layers.{layer}.{name}.weight"));
            let head_norm = |name: &str| head_norms(config).then(|| norm(name)).transpose();
            layers.push(Layer {
                query: linear("self_attn.q_proj", query, hidden, config.query_key_value_bias)?,
                key: linear("self_attn.k_proj", key_value, hidden, config.query_key_value_bias)?,
                value: linear("self_attn.v_proj", key_value, hidden, config.query_key_value_bias)?,
                attention_output: linear("self_attn.o_proj", hidden, query, config.attention_output_bias)?,
                gate: linear("mlp.gate_proj", inner, hidden, config.feed_forward_bias)?,
                up: linear("mlp.up_proj", inner, hidden, config.feed_forward_bias)?,
                down: linear("mlp.down_proj", hidden, inner, config.feed_forward_bias)?,
                input_norm: norm("input_layernorm")?,
                attention_norm: norm("post_attention_layernorm")?,
                query_norm: head_norm("self_attn.q_norm")?,
                key_norm: head_norm("self_attn.k_norm")?,
            });
        }
        let output = if config.tied_embeddings {
            None
        } else {
            Some(Linear {
                matrix: weights.matrix("lm_head.weight", config.vocab_size, hidden)?,
                bias: None,
            })
        };
        let (frequencies, length) = decoder::frequencies(&config.rope, config.head_dim, context);
        // Some scalings make rotated vectors longer.
        let length = length as f32;
        let angles = || (0..context).flat_map(|p| frequencies.iter().map(move |f| p as f32 * f));
        Ok(CpuNetwork {
            shape,
            embedding: weights.matrix("model.embed_tokens.weight", config.vocab_size, hidden)?,
            layers,
            norm: weights.values("model.norm.weight")?,
            output,
            cosines: angles().map(|angle| angle.cos() * length).collect(),
            sines: angles().map(|angle| angle.sin() * length).collect(),
            engine: Engine::new(threads),
            room: Mutex::new(Vec::new()),
        })
    }

    /// The instruction set of the kernels.
    #[cfg(test)]
    fn set_kernels(&mut self, kernels: kernels::Kernels) {
        self.engine.kernels = kernels;
    }

    fn pass(&self, parts: &mut [Part<'_>], room: &mut Room) -> Vec<Vec<f32>> {
        let shape = &self.shape;
        let rows: usize = parts.iter().map(|p| p.tokens.len()).sum();
        let hidden = shape.hidden;
        room.stream.resize(rows * hidden, 0.0);
        let tokens = parts.iter().flat_map(|p| p.tokens);
        for (row, token) in room.stream.chunks_exact_mut(hidden).zip(tokens) {
            self.embedding.row(*token as usize, row);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            self.norm_rows(&room.stream, &layer.input_norm, &mut room.normed);
            self.products(
                &mut room.normed,
                &mut [
                    (&layer.query, &mut room.query),
                    (&layer.key, &mut room.key),
                    (&layer.value, &mut room.value),
                ],
            );
            self.place(index, layer, parts, room);
            self.attention(index, parts, &room.query, &mut room.mixed);
            self.products(&mut room.mixed, &mut [(&layer.attention_output, &mut room.added)]);
            add(&mut room.stream, &room.added);

            self.norm_rows(&room.stream, &layer.attention_norm, &mut room.normed);
            room.inner.resize(rows, layer.gate.matrix.rows);
            let mut gate = std::mem::take(&mut room.inner.values);
            self.products(
                &mut room.normed,
                &mut [(&layer.gate, &mut gate), (&layer.up, &mut room.up)],
            );
            self.engine.kernels.gate(&mut gate, &room.up);
            room.inner.values = gate;
            self.products(&mut room.inner, &mut [(&layer.down, &mut room.added)]);
            add(&mut room.stream, &room.added);
        }
        self.logits(parts, room)
    }

    /// The logits that are asked for, and the end of the pass for the caches.
    fn logits(&self, parts: &mut [Part<'_>], room: &mut Room) -> Vec<Vec<f32>> {
        let (hidden, vocabulary) = (self.shape.hidden, self.shape.vocabulary);
        let wanted: usize = parts.iter().map(Part::rows).sum();
        room.last.resize(wanted, hidden);
        let mut to = room.last.values.chunks_exact_mut(hidden);
        let mut first = 0;
        for part in &mut *parts {
            let count = part.tokens.len();
            let own = room.stream.chunks_exact(hidden).skip(first).take(count);
            for (row, to) in own.skip(count - part.rows()).zip(to.by_ref()) {
                self.engine.kernels.norm(row, &self.norm, self.shape.eps, to);
            }
            first += count;
            part.cache.len += count;
        }
        if wanted == 0 {
            return vec![Vec::new(); parts.len()];
        }
        let mut all = Vec::new();
        let matrix = self.output.as_ref().map_or(&self.embedding, |o| &o.matrix);
        self.engine.multiply(&mut room.last, &mut [(matrix, &mut all)]);
        if let [_] = parts {
            return vec![all];
        }
        let mut rest = all.as_slice();
        parts
            .iter()
            .map(|part| {
                let (own, others) = rest
                    .split_at_checked(part.rows() * vocabulary)
                    .unwrap_or_default();
                rest = others;
                own.to_vec()
            })
            .collect()
    }

    fn norm_rows(&self, x: &[f32], weight: &[f32], out: &mut Activations) {
        let hidden = self.shape.hidden;
        out.resize(x.len() / hidden, hidden);
        let rows = x.chunks_exact(hidden).zip(out.values.chunks_exact_mut(hidden));
        rows.for_each(|(x, out)| self.engine.kernels.norm(x, weight, self.shape.eps, out));
    }

    /// Several products with the same activations.
    fn products(&self, x: &mut Activations, jobs: &mut [(&Linear, &mut Vec<f32>)]) {
        let mut plain: Vec<(&Matrix, &mut Vec<f32>)> = jobs
            .iter_mut()
            .map(|(linear, out)| (&linear.matrix, &mut **out))
            .collect();
        self.engine.multiply(x, &mut plain);
        for (linear, out) in jobs {
            if let Some(bias) = &linear.bias {
                out.chunks_exact_mut(bias.len()).for_each(|row| add(row, bias));
            }
        }
    }

    /// Norms and turns queries and keys, and puts keys and values into the caches.
    fn place(&self, index: usize, layer: &Layer, parts: &mut [Part<'_>], room: &mut Room) {
        let shape = &self.shape;
        let mut normed = vec![0.0; shape.width];
        let mut norm_and_turn = |x: &mut [f32], norm: &Option<Vec<f32>>, position: usize| {
            let half = shape.width / 2;
            let at = position * half..(position + 1) * half;
            let (cosines, sines) = (
                self.cosines.get(at.clone()).unwrap_or_default(),
                self.sines.get(at).unwrap_or_default(),
            );
            for head in x.chunks_exact_mut(shape.width) {
                if let Some(weight) = norm {
                    self.engine.kernels.norm(head, weight, shape.eps, &mut normed);
                    head.copy_from_slice(&normed);
                }
                let (low, high) = head.split_at_mut(half);
                for (((a, b), cosine), sine) in low.iter_mut().zip(high).zip(cosines).zip(sines) {
                    (*a, *b) = (*a * cosine - *b * sine, *b * cosine + *a * sine);
                }
            }
        };
        let (query, key_value) = (shape.heads * shape.width, shape.groups * shape.width);
        let mut rows = room
            .query
            .chunks_exact_mut(query)
            .zip(room.key.chunks_exact_mut(key_value))
            .zip(room.value.chunks_exact(key_value));
        for part in parts {
            let positions = part.cache.len..part.cache.len + part.tokens.len();
            for (position, ((query, key), value)) in positions.zip(rows.by_ref()) {
                norm_and_turn(query, &layer.query_norm, position);
                norm_and_turn(key, &layer.key_norm, position);
                part.cache.set(shape, index, position, key, value);
            }
        }
    }

    /// Attention of every sequence to itself.
    fn attention(&self, layer: usize, parts: &[Part<'_>], query: &[f32], mixed: &mut Activations) {
        let shape = &self.shape;
        let row = shape.heads * shape.width;
        let rows: usize = parts.iter().map(|p| p.tokens.len()).sum();
        mixed.resize(rows, row);
        // One piece: the tokens and the heads that look at one head's keys.
        let mut pieces = Vec::new();
        let mut first = 0;
        let mut work = 0;
        for part in parts {
            let count = part.tokens.len();
            for start in (0..count).step_by(ATTENTION_TOKENS) {
                let tokens = start..(start + ATTENTION_TOKENS).min(count);
                work += tokens.len() * (part.cache.len + tokens.end) * row * 2;
                pieces.extend((0..shape.groups).map(|group| (part, first, tokens.clone(), group)));
            }
            first += count;
        }
        let out = Output {
            to: mixed.values.as_mut_ptr(),
        };
        let shared = shape.heads / shape.groups;
        let piece = |index: usize| {
            let Some((part, first, tokens, group)) = pieces.get(index) else {
                return;
            };
            let seen = part.cache.len + tokens.end;
            let pages: Vec<_> = part
                .cache
                .pages
                .iter()
                .take(seen.div_ceil(PAGE))
                .map(|page| page.head(shape, layer, *group))
                .collect();
            let count = tokens.len() * shared;
            let (mut queries, mut limits, mut outputs) = (
                Vec::with_capacity(count),
                Vec::with_capacity(count),
                Vec::with_capacity(count),
            );
            for token in tokens.clone() {
                for head in 0..shared {
                    let at = (first + token) * row + (group * shared + head) * shape.width;
                    queries.push(query.get(at..at + shape.width).unwrap_or_default());
                    limits.push(part.cache.len + token + 1);
                    assert!(at + shape.width <= rows * row);
                    // SAFETY: within the buffer, and no two pieces have the same head of the same token.
                    outputs.push(unsafe { std::slice::from_raw_parts_mut({ out }.to.add(at), shape.width) });
                }
            }
            let what = Attention {
                queries: &queries,
                limits: &limits,
                pages: &pages,
                page: PAGE,
                width: shape.width,
                value_width: shape.value_width,
                scale: 1.0 / (shape.width as f32).sqrt(),
            };
            self.engine.kernels.attend(&what, &mut Vec::new(), &mut outputs);
        };
        if work < self.engine.shared_work {
            (0..pieces.len()).for_each(piece);
        } else {
            self.engine.pool.run(pieces.len(), &piece);
        }
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// A [`Step`] whose cache is this network's.
struct Part<'a> {
    tokens: &'a [u32],
    cache: &'a mut Pages,
    wanted: Wanted,
}

impl Part<'_> {
    /// Rows of logits that are asked for.
    fn rows(&self) -> usize {
        match self.wanted {
            Wanted::Nothing => 0,
            Wanted::Last => self.tokens.len().min(1),
            Wanted::All => self.tokens.len(),
        }
    }
}

impl Network for CpuNetwork {
    fn cache(&self) -> Cache {
        Cache::new(Pages {
            pages: Vec::<Arc<_>>::new(),
            len: 0,
        })
    }

    fn forward(&self, steps: &mut [Step<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut parts = Vec::with_capacity(steps.len());
        for step in steps {
            parts.push(Part {
                tokens: step.tokens,
                cache: step.cache.state()?,
                wanted: step.wanted,
            });
        }
        let rooms = || self.room.lock().unwrap_or_else(PoisonError::into_inner);
        let mut room = rooms().pop().unwrap_or_default();
        let logits = self.pass(&mut parts, &mut room);
        rooms().push(room);
        Ok(logits)
    }

    fn piece(&self) -> usize {
        1
    }

    fn backend(&self) -> &'static str {
        self.engine.kernels.name
    }
}

#[cfg(test)]
mod tests;

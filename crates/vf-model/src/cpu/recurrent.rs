//! RWKV 5 ("Eagle") and 6 ("Finch"), Peng et al., arXiv 2404.05892: a recurrent network, whose state has one size however
//! long the text is.
//!
//! The equations are those of the paper and of the published reference (the package `rwkv`), which the golden test compares
//! with. For a token, after a layer norm, with x its vector and x' the one of the token before:
//!
//! ```text
//! version 5   xₖ = x ∘ μₖ + x' ∘ (1 − μₖ)                                   and so for v, r, g
//! version 6   xₖ = x + (x' − x) ∘ (mₖ + tanh((x + (x' − x) ∘ m) W₁)ₖ W₂ₖ)    and so for v, r, g, w
//! k = Wₖ xₖ,  v = Wᵥ xᵥ,  r = Wᵣ xᵣ,  g = silu(W_g x_g)
//! decay       w = exp(−exp(d)),  d a weight; version 6: d + tanh(x_w D₁) D₂
//! in a head   out = (S + (u ∘ k) vᵀ)ᵀ r,   then S ← w ∘ S + k vᵀ
//! x ← x + Wₒ (g ∘ groupnorm(out));  x ← x + σ(Wᵣ xᵣ) ∘ Wᵥ relu(Wₖ xₖ)²
//! ```

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Source;
use super::matrix::{Activations, Kind, Matrix};
use super::products::Engine;
use crate::config::{Config, Recurrence};
use crate::error::ModelError;
use crate::network::{Cache, Network, State, Step, Wanted};

/// Of every layer norm but those whose ε the configuration gives.
const EPSILON: f32 = 1e-5;

struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    fn load(weights: &dyn Source, name: &str, eps: f32) -> Result<LayerNorm, ModelError> {
        Ok(LayerNorm {
            weight: weights.values(&format!("{name}.weight"))?,
            bias: weights.values(&format!("{name}.bias"))?,
            eps,
        })
    }

    /// In place; vectors longer than the weight are groups of one vector, each with its part of the weight.
    fn apply(&self, x: &mut [f32], group: usize) {
        for row in x.chunks_exact_mut(self.weight.len()) {
            for (at, part) in row.chunks_exact_mut(group).enumerate() {
                let count = part.len() as f32;
                let mean = part.iter().sum::<f32>() / count;
                let variance = part.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / count;
                let scale = 1.0 / (variance + self.eps).sqrt();
                let weights = self.weight.iter().zip(&self.bias).skip(at * group);
                for (v, (weight, bias)) in part.iter_mut().zip(weights) {
                    *v = (*v - mean) * scale * weight + bias;
                }
            }
        }
    }
}

/// How a token's vector is mixed with the one before it.
struct Mix {
    /// Of the difference to the vector before: 1 − μ in version 5, m in version 6.
    share: Vec<f32>,
    /// Version 6: W₂ of this one of the five.
    rise: Option<Matrix>,
}

/// What version 6 computes from the text, where version 5 has constants.
struct Dynamic {
    share: Vec<f32>,
    /// W₁ᵀ, for all five.
    fall: Matrix,
    decay_mix: Mix,
    decay_fall: Matrix,
    decay_rise: Matrix,
    /// Rows of W₁ for one of the five.
    width: usize,
}

struct Layer {
    before: Option<LayerNorm>,
    first: LayerNorm,
    second: LayerNorm,
    mixes: [Mix; 4],
    products: [Matrix; 4],
    dynamic: Option<Dynamic>,
    decay: Vec<f32>,
    bonus: Vec<f32>,
    group: LayerNorm,
    output: Matrix,
    key_share: Vec<f32>,
    receptance_share: Vec<f32>,
    inner_key: Matrix,
    inner_receptance: Matrix,
    inner_value: Matrix,
}

/// A recurrent model on the processor.
pub struct RecurrentNetwork {
    hidden: usize,
    attention: usize,
    head: usize,
    embedding: Matrix,
    layers: Vec<Layer>,
    norm: LayerNorm,
    output: Matrix,
    engine: Engine,
}

/// Names and shapes of the tensors.
pub fn expected_tensors(config: &Config, recurrence: &Recurrence) -> BTreeMap<String, Vec<usize>> {
    let (hidden, attention, inner) = (
        config.hidden_size,
        recurrence.attention_size,
        config.intermediate_size,
    );
    let heads = attention / recurrence.head_size;
    let mut all = BTreeMap::new();
    let mut add = |name: String, shape: Vec<usize>| {
        all.insert(name, shape);
    };
    let norm =
        |name: &str, width: usize| ["weight", "bias"].map(|part| (format!("{name}.{part}"), vec![width]));
    add(
        "rwkv.embeddings.weight".to_owned(),
        vec![config.vocab_size, hidden],
    );
    add("head.weight".to_owned(), vec![config.vocab_size, hidden]);
    norm("rwkv.ln_out", hidden)
        .into_iter()
        .for_each(|(n, s)| add(n, s));
    for layer in 0..config.layers {
        let block = format!("rwkv.blocks.{layer}");
        let first = (layer == 0).then_some("pre_ln");
        for name in first.into_iter().chain(["ln1", "ln2"]) {
            norm(&format!("{block}.{name}"), hidden)
                .into_iter()
                .for_each(|(n, s)| add(n, s));
        }
        let at = |name: &str| format!("{block}.attention.{name}");
        norm(&at("ln_x"), attention)
            .into_iter()
            .for_each(|(n, s)| add(n, s));
        for name in ["key", "value", "receptance", "gate"] {
            add(at(&format!("{name}.weight")), vec![attention, hidden]);
        }
        add(at("output.weight"), vec![hidden, attention]);
        add(at("time_faaaa"), vec![heads, recurrence.head_size]);
        match recurrence.ranks {
            None => {
                for name in ["key", "value", "receptance", "gate"] {
                    add(at(&format!("time_mix_{name}")), vec![1, 1, hidden]);
                }
                add(at("time_decay"), vec![heads, recurrence.head_size]);
            }
            Some(ranks) => {
                for name in ["x", "w", "k", "v", "r", "g"] {
                    add(at(&format!("time_maa_{name}")), vec![1, 1, hidden]);
                }
                add(at("time_maa_w1"), vec![hidden, 5 * ranks.mix]);
                add(at("time_maa_w2"), vec![5, ranks.mix, hidden]);
                add(at("time_decay"), vec![1, 1, attention]);
                add(at("time_decay_w1"), vec![hidden, ranks.decay]);
                add(at("time_decay_w2"), vec![ranks.decay, attention]);
            }
        }
        let at = |name: &str| format!("{block}.feed_forward.{name}");
        let mixes = match recurrence.ranks {
            None => ["time_mix_key", "time_mix_receptance"],
            Some(_) => ["time_maa_k", "time_maa_r"],
        };
        mixes
            .into_iter()
            .for_each(|name| add(at(name), vec![1, 1, hidden]));
        add(at("key.weight"), vec![inner, hidden]);
        add(at("receptance.weight"), vec![hidden, hidden]);
        add(at("value.weight"), vec![hidden, inner]);
    }
    all
}

/// The widths of version 6 as the weights have them.
pub fn read_ranks<'a>(config: &mut Config, shape: impl Fn(&str) -> Option<&'a [usize]>) {
    let Some(ranks) = config.variant.recurrence.as_mut().and_then(|r| r.ranks.as_mut()) else {
        return;
    };
    let columns = |name: &str| match shape(&format!("rwkv.blocks.0.attention.{name}")) {
        Some([_, columns]) => Some(*columns),
        _ => None,
    };
    if let Some(columns) = columns("time_maa_w1").filter(|c| *c > 0 && c.is_multiple_of(5)) {
        ranks.mix = columns / 5;
    }
    if let Some(columns) = columns("time_decay_w1").filter(|c| *c > 0) {
        ranks.decay = columns;
    }
}

/// A tensor of `cols` rows and `rows` columns as the matrix that multiplies with it from the left.
fn transposed(values: &[f32], rows: usize, cols: usize) -> Matrix {
    let at = |row: usize, col: usize| values.get(col * rows + row).copied().unwrap_or(0.0);
    let turned: Vec<f32> = (0..rows * cols).map(|i| at(i / cols, i % cols)).collect();
    Matrix::pack(rows, cols, &turned, Kind::F32)
}

impl RecurrentNetwork {
    /// Loads weights whose names and shapes were checked. `threads`: 0 takes as many as the machine has cores.
    pub fn load(
        config: &Config,
        recurrence: &Recurrence,
        weights: &dyn Source,
        threads: usize,
    ) -> Result<RecurrentNetwork, ModelError> {
        let (hidden, attention, inner) = (
            config.hidden_size,
            recurrence.attention_size,
            config.intermediate_size,
        );
        let eps = config.norm_eps as f32;
        let mut layers = Vec::with_capacity(config.layers);
        for layer in 0..config.layers {
            let block = format!("rwkv.blocks.{layer}");
            let at = |name: &str| format!("{block}.attention.{name}");
            let inside = |name: &str| format!("{block}.feed_forward.{name}");
            let values = |name: String| weights.values(&name);
            // Version 5 gives the share of the vector itself, version 6 that of the difference.
            let rest = |name: String| -> Result<Vec<f32>, ModelError> {
                Ok(weights.values(&name)?.iter().map(|v| 1.0 - v).collect())
            };
            let (mixes, dynamic) = match recurrence.ranks {
                None => {
                    let mix = |name: &str| -> Result<Mix, ModelError> {
                        let share = rest(at(&format!("time_mix_{name}")))?;
                        Ok(Mix { share, rise: None })
                    };
                    (
                        [mix("key")?, mix("value")?, mix("receptance")?, mix("gate")?],
                        None,
                    )
                }
                Some(ranks) => {
                    let rises = values(at("time_maa_w2"))?;
                    let size = ranks.mix * hidden;
                    let mix = |index: usize, name: &str| -> Result<Mix, ModelError> {
                        let own = rises.get(index * size..(index + 1) * size).unwrap_or_default();
                        Ok(Mix {
                            share: values(at(&format!("time_maa_{name}")))?,
                            rise: Some(transposed(own, hidden, ranks.mix)),
                        })
                    };
                    let dynamic = Dynamic {
                        share: values(at("time_maa_x"))?,
                        fall: transposed(&values(at("time_maa_w1"))?, 5 * ranks.mix, hidden),
                        decay_mix: mix(0, "w")?,
                        decay_fall: transposed(&values(at("time_decay_w1"))?, ranks.decay, hidden),
                        decay_rise: transposed(&values(at("time_decay_w2"))?, attention, ranks.decay),
                        width: ranks.mix,
                    };
                    (
                        [mix(1, "k")?, mix(2, "v")?, mix(3, "r")?, mix(4, "g")?],
                        Some(dynamic),
                    )
                }
            };
            let product = |name: &str| weights.matrix(&at(&format!("{name}.weight")), attention, hidden);
            let divisor = recurrence.head_size_divisor as f32;
            let (key_share, receptance_share) = match recurrence.ranks {
                None => (
                    rest(inside("time_mix_key"))?,
                    rest(inside("time_mix_receptance"))?,
                ),
                Some(_) => (values(inside("time_maa_k"))?, values(inside("time_maa_r"))?),
            };
            layers.push(Layer {
                before: (layer == 0)
                    .then(|| LayerNorm::load(weights, &format!("{block}.pre_ln"), eps))
                    .transpose()?,
                first: LayerNorm::load(weights, &format!("{block}.ln1"), eps)?,
                second: LayerNorm::load(weights, &format!("{block}.ln2"), eps)?,
                mixes,
                products: [
                    product("key")?,
                    product("value")?,
                    product("receptance")?,
                    product("gate")?,
                ],
                dynamic,
                decay: values(at("time_decay"))?,
                bonus: values(at("time_faaaa"))?,
                // The reference divides by the divisor before the norm; this is the same.
                group: LayerNorm::load(weights, &at("ln_x"), EPSILON * divisor * divisor)?,
                output: weights.matrix(&at("output.weight"), hidden, attention)?,
                key_share,
                receptance_share,
                inner_key: weights.matrix(&inside("key.weight"), inner, hidden)?,
                inner_receptance: weights.matrix(&inside("receptance.weight"), hidden, hidden)?,
                inner_value: weights.matrix(&inside("value.weight"), hidden, inner)?,
            });
        }
        Ok(RecurrentNetwork {
            hidden,
            attention,
            head: recurrence.head_size,
            embedding: weights.matrix("rwkv.embeddings.weight", config.vocab_size, hidden)?,
            layers,
            norm: LayerNorm::load(weights, "rwkv.ln_out", EPSILON)?,
            output: weights.matrix("head.weight", config.vocab_size, hidden)?,
            engine: Engine::new(threads),
        })
    }

    fn product(&self, x: Vec<f32>, matrix: &Matrix) -> Vec<f32> {
        let mut activations = Activations::default();
        activations.resize(x.len() / matrix.cols.max(1), matrix.cols);
        activations.values = x;
        let mut out = Vec::new();
        self.engine.multiply(&mut activations, &mut [(matrix, &mut out)]);
        out
    }

    /// By row, the vector before minus the vector itself; what comes before a part is in `before`, which then holds the
    /// part's last vector.
    fn differences(&self, x: &[f32], parts: &mut [(usize, &mut Vec<f32>)]) -> Vec<f32> {
        let mut all = Vec::with_capacity(x.len());
        let mut rows = x.chunks_exact(self.hidden);
        for (count, before) in parts {
            for row in rows.by_ref().take(*count) {
                all.extend(before.iter().zip(row).map(|(before, now)| before - now));
                before.copy_from_slice(row);
            }
        }
        all
    }

    fn pass(&self, steps: &mut [Part<'_>]) -> Vec<Vec<f32>> {
        let hidden = self.hidden;
        let rows: usize = steps.iter().map(|s| s.tokens.len()).sum();
        let mut stream = vec![0.0; rows * hidden];
        let tokens = steps.iter().flat_map(|s| s.tokens);
        for (row, token) in stream.chunks_exact_mut(hidden).zip(tokens) {
            self.embedding.row(*token as usize, row);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some(norm) = &layer.before {
                norm.apply(&mut stream, hidden);
            }
            let mut x = stream.clone();
            layer.first.apply(&mut x, hidden);
            let added = self.mix_time(layer, index, x, steps);
            add(&mut stream, &added);
            let mut x = stream.clone();
            layer.second.apply(&mut x, hidden);
            let added = self.mix_channels(layer, index, x, steps);
            add(&mut stream, &added);
        }
        let mut wanted = Vec::new();
        let mut rest = stream.chunks_exact(hidden);
        for step in &mut *steps {
            let count = step.tokens.len();
            let skipped = count - step.rows();
            rest.by_ref().take(skipped).for_each(drop);
            rest.by_ref().take(step.rows()).for_each(|row| wanted.extend(row));
            step.state.len += count;
        }
        self.norm.apply(&mut wanted, hidden);
        let logits = match wanted.is_empty() {
            true => Vec::new(),
            false => self.product(wanted, &self.output),
        };
        let mut rest = logits.as_slice();
        let own = steps.iter().map(|step| {
            let (own, others) = rest
                .split_at_checked(step.rows() * self.output.rows)
                .unwrap_or_default();
            rest = others;
            own.to_vec()
        });
        own.collect()
    }

    fn mix_time(&self, layer: &Layer, index: usize, x: Vec<f32>, steps: &mut [Part<'_>]) -> Vec<f32> {
        let (hidden, attention, head) = (self.hidden, self.attention, self.head);
        let mut parts: Vec<(usize, &mut Vec<f32>)> = steps
            .iter_mut()
            .filter_map(|s| {
                Some((
                    s.tokens.len(),
                    &mut s.state.layers_mut().get_mut(index)?.attention,
                ))
            })
            .collect();
        let before = self.differences(&x, &mut parts);
        let fallen = layer.dynamic.as_ref().map(|dynamic| {
            let mut fallen = self.product(shifted(&x, &before, &dynamic.share), &dynamic.fall);
            fallen.iter_mut().for_each(|v| *v = v.tanh());
            (fallen, dynamic.width)
        });
        let mixed = |mix: &Mix, place: usize| -> Vec<f32> {
            let (Some(rise), Some((fallen, width))) = (&mix.rise, &fallen) else {
                return shifted(&x, &before, &mix.share);
            };
            let own = fallen
                .chunks_exact(5 * width)
                .flat_map(|row| row.iter().skip(place * width).take(*width).copied());
            let more = self.product(own.collect(), rise);
            let shares = more
                .chunks_exact(hidden)
                .flat_map(|row| row.iter().zip(&mix.share).map(|(more, share)| more + share));
            let all = x.iter().zip(&before).zip(shares);
            all.map(|((x, before), share)| x + before * share).collect()
        };
        let [key, value, receptance, mut gate] =
            std::array::from_fn(|i| match (layer.mixes.get(i), layer.products.get(i)) {
                (Some(mix), Some(matrix)) => self.product(mixed(mix, i + 1), matrix),
                _ => Vec::new(),
            });
        gate.iter_mut().for_each(|v| *v /= 1.0 + (-*v).exp());
        // exp(−exp(d)) of each row, or of all rows together.
        let decays = match &layer.dynamic {
            None => layer.decay.clone(),
            Some(dynamic) => {
                let mut narrow = self.product(mixed(&dynamic.decay_mix, 0), &dynamic.decay_fall);
                narrow.iter_mut().for_each(|v| *v = v.tanh());
                let mut wide = self.product(narrow, &dynamic.decay_rise);
                wide.chunks_exact_mut(attention)
                    .for_each(|row| add(row, &layer.decay));
                wide
            }
        };
        let decays: Vec<f32> = decays.iter().map(|d| (-d.exp()).exp()).collect();
        let mut out = vec![0.0; receptance.len()];
        let mut row = 0;
        for step in steps.iter_mut() {
            let count = step.tokens.len();
            let Some(state) = step.state.layers_mut().get_mut(index) else {
                continue;
            };
            for _ in 0..count {
                let at = row * attention..(row + 1) * attention;
                let decay = match decays.len() > attention {
                    true => decays.get(at.clone()).unwrap_or_default(),
                    false => decays.as_slice(),
                };
                let one = |all: &'_ [f32], part: std::ops::Range<usize>| -> Vec<f32> {
                    all.get(part).unwrap_or_default().to_vec()
                };
                let (k, v, r) = (
                    one(&key, at.clone()),
                    one(&value, at.clone()),
                    one(&receptance, at.clone()),
                );
                if let Some(out) = out.get_mut(at) {
                    recur(head, (&k, &v, &r), decay, &layer.bonus, &mut state.matrices, out);
                }
                row += 1;
            }
        }
        layer.group.apply(&mut out, head);
        out.iter_mut().zip(&gate).for_each(|(out, gate)| *out *= gate);
        self.product(out, &layer.output)
    }

    fn mix_channels(&self, layer: &Layer, index: usize, x: Vec<f32>, steps: &mut [Part<'_>]) -> Vec<f32> {
        let mut parts: Vec<(usize, &mut Vec<f32>)> = steps
            .iter_mut()
            .filter_map(|s| Some((s.tokens.len(), &mut s.state.layers_mut().get_mut(index)?.channels)))
            .collect();
        let before = self.differences(&x, &mut parts);
        let mut key = self.product(shifted(&x, &before, &layer.key_share), &layer.inner_key);
        key.iter_mut().for_each(|v| *v = v.max(0.0) * v.max(0.0));
        let mut value = self.product(key, &layer.inner_value);
        let receptance = self.product(
            shifted(&x, &before, &layer.receptance_share),
            &layer.inner_receptance,
        );
        for (value, receptance) in value.iter_mut().zip(&receptance) {
            *value /= 1.0 + (-receptance).exp();
        }
        value
    }
}

/// x + difference ∘ share, by row.
fn shifted(x: &[f32], before: &[f32], share: &[f32]) -> Vec<f32> {
    let all = x.iter().zip(before).zip(share.iter().cycle());
    all.map(|((x, before), share)| x + before * share).collect()
}

/// One token of all heads.
fn recur(
    head: usize,
    (key, value, receptance): (&[f32], &[f32], &[f32]),
    decay: &[f32],
    bonus: &[f32],
    matrices: &mut [f32],
    out: &mut [f32],
) {
    let heads = matrices
        .chunks_exact_mut(head * head)
        .zip(out.chunks_exact_mut(head))
        .zip(key.chunks_exact(head).zip(value.chunks_exact(head)))
        .zip(receptance.chunks_exact(head))
        .zip(decay.chunks_exact(head).zip(bonus.chunks_exact(head)));
    for ((((matrix, out), (key, value)), receptance), (decay, bonus)) in heads {
        let rows = matrix.chunks_exact_mut(head).zip(key).zip(receptance);
        for (((row, k), r), (w, u)) in rows.zip(decay.iter().zip(bonus)) {
            for ((s, v), out) in row.iter_mut().zip(value).zip(out.iter_mut()) {
                let kv = k * v;
                *out += r * (u * kv + *s);
                *s = kv + w * *s;
            }
        }
    }
}

fn add(to: &mut [f32], from: &[f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

/// Of one layer.
#[derive(Clone)]
struct LayerState {
    /// The last token's vector, as both parts read it.
    attention: Vec<f32>,
    channels: Vec<f32>,
    /// By head, `head` rows for the components of the key.
    matrices: Vec<f32>,
}

/// What is remembered of a sequence.
struct Recurrent {
    len: usize,
    layers: Arc<Vec<LayerState>>,
    /// Nothing has been read.
    empty: Arc<Vec<LayerState>>,
    /// Earlier states that can be gone back to, by how much was read.
    kept: Vec<(usize, Arc<Vec<LayerState>>)>,
}

/// Earlier states that are kept.
const KEPT: usize = 4;
/// All states of a sequence.
pub const STATES: usize = KEPT + 1;

impl Recurrent {
    fn layers_mut(&mut self) -> &mut Vec<LayerState> {
        Arc::make_mut(&mut self.layers)
    }

    fn keep(&mut self) {
        if self.kept.last().is_none_or(|(len, _)| *len < self.len) {
            self.kept.push((self.len, self.layers.clone()));
        }
        if self.kept.len() > KEPT {
            self.kept.remove(0);
        }
    }
}

impl State for Recurrent {
    fn len(&self) -> usize {
        self.len
    }

    fn truncate(&mut self, len: usize) {
        self.kept.retain(|(at, _)| *at <= len);
        (self.len, self.layers) = match self.kept.last() {
            Some((at, layers)) => (*at, layers.clone()),
            None => (0, self.empty.clone()),
        };
    }

    fn fork(&self) -> Result<Box<dyn State>, ModelError> {
        Ok(Box::new(Recurrent {
            len: self.len,
            layers: self.layers.clone(),
            empty: self.empty.clone(),
            kept: self.kept.clone(),
        }))
    }

    fn as_any(&mut self) -> &mut dyn Any {
        self
    }
}

struct Part<'a> {
    tokens: &'a [u32],
    state: &'a mut Recurrent,
    wanted: Wanted,
}

impl Part<'_> {
    fn rows(&self) -> usize {
        match self.wanted {
            Wanted::Nothing => 0,
            Wanted::Last => self.tokens.len().min(1),
            Wanted::All => self.tokens.len(),
        }
    }
}

impl Network for RecurrentNetwork {
    fn cache(&self) -> Cache {
        let layer = LayerState {
            attention: vec![0.0; self.hidden],
            channels: vec![0.0; self.hidden],
            matrices: vec![0.0; self.attention * self.head],
        };
        let empty = Arc::new(vec![layer; self.layers.len()]);
        Cache::new(Recurrent {
            len: 0,
            layers: empty.clone(),
            empty,
            kept: Vec::new(),
        })
    }

    fn forward(&self, steps: &mut [Step<'_>]) -> Result<Vec<Vec<f32>>, ModelError> {
        let mut parts = Vec::with_capacity(steps.len());
        for step in steps {
            parts.push(Part {
                tokens: step.tokens,
                state: step.cache.state()?,
                wanted: step.wanted,
            });
        }
        // Around what is read at once, a prompt or guesses, the way back is likely.
        for part in parts.iter_mut().filter(|p| p.tokens.len() > 1) {
            part.state.keep();
        }
        let logits = self.pass(&mut parts);
        for part in parts.iter_mut().filter(|p| p.tokens.len() > 1) {
            part.state.keep();
        }
        Ok(logits)
    }

    fn piece(&self) -> usize {
        1
    }

    fn backend(&self) -> &'static str {
        self.engine.kernels.name
    }
}

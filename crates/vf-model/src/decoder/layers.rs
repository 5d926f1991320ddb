//! The weights of one model in the decoder's terms, whatever a family's checkpoints call them and however they put
//! several matrices into one.
//!
//! [`build`] names each tensor once, with its shape. With a [`Source`] that only writes down what it is asked for, it
//! is the list that a checkpoint is compared with; with one that reads, it loads the model.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_nn::ops::{layer_norm, rms_norm};

use super::feed_forward::{Expert, FeedForwardPart, Mixture};
use crate::config::{Config, Experts, Family, FeedForward, Norm, Positions, Residual, Scoring};
use crate::cpu::recurrent;
use crate::error::{ModelError, compute};
use crate::weights::Weights;

/// y = x · weightᵀ + bias; `weight` has the shape (out, in).
pub struct Linear {
    pub weight: Tensor,
    pub bias: Option<Tensor>,
}

impl Linear {
    pub fn forward(&self, x: &Tensor) -> CandleResult<Tensor> {
        let y = x.matmul(&self.weight.t()?)?;
        match &self.bias {
            None => Ok(y),
            Some(bias) => y.broadcast_add(bias),
        }
    }
}

/// A norm over the last dimension.
pub struct NormWeights {
    pub weight: Tensor,
    /// With a bias it is layer normalisation, without one it is that of the root mean square.
    pub bias: Option<Tensor>,
    pub epsilon: f32,
}

impl NormWeights {
    pub fn forward(&self, x: &Tensor) -> CandleResult<Tensor> {
        match &self.bias {
            None => rms_norm(x, &self.weight, self.epsilon),
            Some(bias) => layer_norm(x, &self.weight, bias, self.epsilon),
        }
    }
}

/// All weights of a model.
pub struct Model {
    pub embedding: Tensor,
    /// Shape (positions, hidden).
    pub positions: Option<Tensor>,
    pub layers: Vec<Layer>,
    pub norm: NormWeights,
    pub output: Linear,
}

pub struct Layer {
    pub attention: Attention,
    pub attention_output: Linear,
    pub feed_forward: FeedForwardPart,
    pub input_norm: NormWeights,
    /// Of the feed-forward part, where it has one of its own.
    pub second_norm: Option<NormWeights>,
}

pub enum Attention {
    Usual {
        query: Linear,
        key: Linear,
        value: Linear,
        /// Of every head's query and key.
        head_norms: Option<(NormWeights, NormWeights)>,
    },
    Latent(Box<LatentAttention>),
}

pub struct LatentAttention {
    pub query: LatentQuery,
    /// To the narrow vector and the rotated part of the key.
    pub narrow: Linear,
    pub narrow_norm: NormWeights,
    /// From the narrow vector to each head's plain part of the key and its value.
    pub wide: Linear,
}

pub enum LatentQuery {
    Direct(Linear),
    Narrow {
        narrow: Linear,
        norm: NormWeights,
        wide: Linear,
    },
}

/// Where the tensors of a checkpoint come from.
pub trait Source {
    /// The tensor of this name, which has this shape.
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError>;

    /// Some rows of the tensor of this name, which has this shape.
    fn rows(&mut self, name: &str, shape: &[usize], rows: Rows) -> Result<Tensor, ModelError>;
}

/// Which rows of a tensor belong to one of the matrices that were put into it.
#[derive(Clone, Copy)]
pub enum Rows {
    /// So many from here on.
    Range(usize, usize),
    /// Rows are (heads, 3, width); this one of the three.
    OfHeads { heads: usize, part: usize, width: usize },
}

/// Writes down what it is asked for.
struct Listing {
    shapes: BTreeMap<String, Vec<usize>>,
    nothing: Tensor,
}

impl Source for Listing {
    fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<Tensor, ModelError> {
        self.shapes.insert(name.to_owned(), shape.to_vec());
        Ok(self.nothing.clone())
    }

    fn rows(&mut self, name: &str, shape: &[usize], _: Rows) -> Result<Tensor, ModelError> {
        self.tensor(name, shape)
    }
}

/// Names and shapes of a model's tensors, as published checkpoints have them.
pub fn expected_tensors(config: &Config) -> Result<BTreeMap<String, Vec<usize>>, ModelError> {
    if let Some(recurrence) = &config.variant.recurrence {
        return Ok(recurrent::expected_tensors(config, recurrence));
    }
    let nothing = Tensor::zeros((), DType::F32, &Device::Cpu).map_err(compute("a list of tensors"))?;
    let mut listing = Listing {
        shapes: BTreeMap::new(),
        nothing,
    };
    build(config, &mut listing)?;
    Ok(listing.shapes)
}

/// Tensors that checkpoints carry along and that the computation does not need: precomputed rotary frequencies,
/// masks, an output layer where the embedding takes its place, and layers for the prediction of further tokens.
pub fn ignorable(config: &Config, name: &str) -> bool {
    let mask = matches!(config.family, Family::GptBigCode | Family::GptNeoX)
        && (name.ends_with(".attn.bias")
            || name.ends_with(".attention.bias")
            || name.ends_with("masked_bias"));
    let further =
        config.family == Family::DeepSeekV3 && name.starts_with(&format!("model.layers.{}.", config.layers));
    let [.., output] = outside(config.family);
    let tied = config.tied_embeddings && name == format!("{output}.weight");
    name.ends_with("rotary_emb.inv_freq") || mask || further || tied
}

/// Reads the tensors of the files.
pub struct Files<'a> {
    pub weights: &'a Weights,
    pub dtype: DType,
    pub device: &'a Device,
    /// The tensor that was read last: the matrices in it are asked for one after the other.
    pub last: Option<(String, Tensor)>,
}

impl Source for Files<'_> {
    fn tensor(&mut self, name: &str, _: &[usize]) -> Result<Tensor, ModelError> {
        self.weights.load(name, self.dtype, self.device)
    }

    fn rows(&mut self, name: &str, shape: &[usize], rows: Rows) -> Result<Tensor, ModelError> {
        let whole = match &self.last {
            Some((last, tensor)) if last == name => tensor.clone(),
            _ => {
                let tensor = self.tensor(name, shape)?;
                self.last = Some((name.to_owned(), tensor.clone()));
                tensor
            }
        };
        let part = || -> CandleResult<Tensor> {
            match rows {
                // A copy: a view would keep the rest alive.
                Rows::Range(start, count) => whole.narrow(0, start, count)?.copy(),
                Rows::OfHeads { heads, part, width } => {
                    let columns = shape.get(1).copied().unwrap_or(1);
                    let split = whole.reshape((heads, 3, width, columns))?;
                    let part = split.narrow(1, part, 1)?.contiguous()?;
                    match shape {
                        [_] => part.reshape(heads * width),
                        _ => part.reshape((heads * width, columns)),
                    }
                }
            }
        };
        part().map_err(compute("the loading of a tensor"))
    }
}

/// Names outside the layers: the layers' prefix, embedding, last norm, output layer.
fn outside(family: Family) -> [&'static str; 4] {
    match family {
        Family::GptBigCode => ["transformer.h", "transformer.wte", "transformer.ln_f", "lm_head"],
        Family::GptNeoX => [
            "gpt_neox.layers",
            "gpt_neox.embed_in",
            "gpt_neox.final_layer_norm",
            "embed_out",
        ],
        Family::Phi => [
            "model.layers",
            "model.embed_tokens",
            "model.final_layernorm",
            "lm_head",
        ],
        _ => ["model.layers", "model.embed_tokens", "model.norm", "lm_head"],
    }
}

/// Names inside a layer.
struct Names {
    input_norm: &'static str,
    second_norm: &'static str,
    attention: &'static str,
    attention_output: &'static str,
    feed_forward: &'static str,
    /// Gate (not in plain ones), up, down.
    inner: [&'static str; 3],
}

fn names(family: Family) -> Names {
    let usual = Names {
        input_norm: "input_layernorm",
        second_norm: "post_attention_layernorm",
        attention: "self_attn",
        attention_output: "o_proj",
        feed_forward: "mlp",
        inner: ["gate_proj", "up_proj", "down_proj"],
    };
    match family {
        Family::Phi => Names {
            attention_output: "dense",
            inner: ["", "fc1", "fc2"],
            ..usual
        },
        Family::StarCoder2 => Names {
            inner: ["", "c_fc", "c_proj"],
            ..usual
        },
        Family::GptBigCode => Names {
            input_norm: "ln_1",
            second_norm: "ln_2",
            attention: "attn",
            attention_output: "c_proj",
            inner: ["", "c_fc", "c_proj"],
            ..usual
        },
        Family::GptNeoX => Names {
            attention: "attention",
            attention_output: "dense",
            inner: ["", "dense_h_to_4h", "dense_4h_to_h"],
            ..usual
        },
        Family::Mixtral => Names {
            feed_forward: "block_sparse_moe",
            inner: ["w1", "w3", "w2"],
            ..usual
        },
        _ => usual,
    }
}

/// All weights of a model, from wherever they come.
pub fn build(config: &Config, source: &mut dyn Source) -> Result<Model, ModelError> {
    let [layers, embedding, norm, output] = outside(config.family);
    let mut builder = Builder {
        config,
        names: names(config.family),
        source,
    };
    let vocabulary = [config.vocab_size, config.hidden_size];
    let embedding = builder
        .source
        .tensor(&format!("{embedding}.weight"), &vocabulary)?;
    let positions = match config.variant.positions {
        Positions::Learned => {
            let shape = [config.max_positions, config.hidden_size];
            Some(builder.source.tensor("transformer.wpe.weight", &shape)?)
        }
        Positions::Rotary { .. } => None,
    };
    let norm = builder.norm(norm)?;
    let weight = if config.tied_embeddings {
        embedding.clone()
    } else {
        builder.source.tensor(&format!("{output}.weight"), &vocabulary)?
    };
    let bias = if config.variant.output_bias {
        Some(
            builder
                .source
                .tensor(&format!("{output}.bias"), &[config.vocab_size])?,
        )
    } else {
        None
    };
    let layers = (0..config.layers)
        .map(|index| builder.layer(index, &format!("{layers}.{index}")))
        .collect::<Result<_, _>>()?;
    Ok(Model {
        embedding,
        positions,
        layers,
        norm,
        output: Linear { weight, bias },
    })
}

struct Builder<'a> {
    config: &'a Config,
    names: Names,
    source: &'a mut dyn Source,
}

impl Builder<'_> {
    fn norm(&mut self, name: &str) -> Result<NormWeights, ModelError> {
        let width = [self.config.hidden_size];
        let bias = match self.config.variant.norm {
            Norm::RootMeanSquare => None,
            Norm::Layer => Some(self.source.tensor(&format!("{name}.bias"), &width)?),
        };
        Ok(NormWeights {
            weight: self.source.tensor(&format!("{name}.weight"), &width)?,
            bias,
            epsilon: self.config.norm_eps as f32,
        })
    }

    /// One without a bias.
    fn plain_norm(&mut self, name: &str, width: usize, epsilon: f64) -> Result<NormWeights, ModelError> {
        Ok(NormWeights {
            weight: self.source.tensor(&format!("{name}.weight"), &[width])?,
            bias: None,
            epsilon: epsilon as f32,
        })
    }

    fn linear(&mut self, name: &str, out: usize, input: usize, bias: bool) -> Result<Linear, ModelError> {
        let weight = self.source.tensor(&format!("{name}.weight"), &[out, input])?;
        let bias = if bias {
            Some(self.source.tensor(&format!("{name}.bias"), &[out])?)
        } else {
            None
        };
        Ok(Linear { weight, bias })
    }

    /// Several matrices out of one, which has `out` rows.
    fn parts<const N: usize>(
        &mut self,
        name: &str,
        out: usize,
        bias: bool,
        parts: [Rows; N],
    ) -> Result<[Linear; N], ModelError> {
        let input = self.config.hidden_size;
        let mut weights = Vec::with_capacity(N);
        for rows in parts {
            let weight = self.source.rows(&format!("{name}.weight"), &[out, input], rows)?;
            weights.push(Linear { weight, bias: None });
        }
        if bias {
            for (linear, rows) in weights.iter_mut().zip(parts) {
                linear.bias = Some(self.source.rows(&format!("{name}.bias"), &[out], rows)?);
            }
        }
        weights.try_into().map_err(|_| {
            compute("the loading of a tensor")(candle_core::Error::Msg("a part is missing".to_owned()))
        })
    }

    fn layer(&mut self, index: usize, layer: &str) -> Result<Layer, ModelError> {
        let config = self.config;
        let input_norm = self.norm(&format!("{layer}.{}", self.names.input_norm))?;
        let second_norm = match config.variant.residual {
            Residual::Parallel { shared_norm: true } => None,
            _ => Some(self.norm(&format!("{layer}.{}", self.names.second_norm))?),
        };
        let attention = format!("{layer}.{}", self.names.attention);
        let attention_output = self.linear(
            &format!("{attention}.{}", self.names.attention_output),
            config.hidden_size,
            config.heads * config.value_dim(),
            config.attention_output_bias,
        )?;
        let attention = self.attention(&attention)?;
        let feed_forward = format!("{layer}.{}", self.names.feed_forward);
        let feed_forward = match config.experts(index) {
            None => FeedForwardPart::One(self.expert(
                &feed_forward,
                config.intermediate_size,
                config.feed_forward_bias,
            )?),
            Some(experts) => FeedForwardPart::Several(Box::new(self.mixture(&feed_forward, experts)?)),
        };
        Ok(Layer {
            attention,
            attention_output,
            feed_forward,
            input_norm,
            second_norm,
        })
    }

    fn attention(&mut self, name: &str) -> Result<Attention, ModelError> {
        let config = self.config;
        if config.variant.latent.is_some() {
            return Ok(Attention::Latent(Box::new(self.latent(name)?)));
        }
        let hidden = config.hidden_size;
        let (queries, keys) = (
            config.heads * config.head_dim,
            config.key_value_heads * config.head_dim,
        );
        let bias = config.query_key_value_bias;
        let out = queries + 2 * keys;
        let one_after_another = [
            Rows::Range(0, queries),
            Rows::Range(queries, keys),
            Rows::Range(queries + keys, keys),
        ];
        let of_heads = [0, 1, 2].map(|part| Rows::OfHeads {
            heads: config.heads,
            part,
            width: config.head_dim,
        });
        let [query, key, value] = match config.family {
            Family::Phi3 => self.parts(&format!("{name}.qkv_proj"), out, bias, one_after_another)?,
            Family::GptBigCode if config.key_value_heads == 1 => {
                self.parts(&format!("{name}.c_attn"), out, bias, one_after_another)?
            }
            Family::GptBigCode => self.parts(&format!("{name}.c_attn"), out, bias, of_heads)?,
            Family::GptNeoX => self.parts(&format!("{name}.query_key_value"), out, bias, of_heads)?,
            _ => [
                self.linear(&format!("{name}.q_proj"), queries, hidden, bias)?,
                self.linear(&format!("{name}.k_proj"), keys, hidden, bias)?,
                self.linear(&format!("{name}.v_proj"), keys, hidden, bias)?,
            ],
        };
        let head_norms = if config.variant.head_norm {
            let (width, epsilon) = (config.head_dim, config.norm_eps);
            Some((
                self.plain_norm(&format!("{name}.q_norm"), width, epsilon)?,
                self.plain_norm(&format!("{name}.k_norm"), width, epsilon)?,
            ))
        } else {
            None
        };
        Ok(Attention::Usual {
            query,
            key,
            value,
            head_norms,
        })
    }

    fn latent(&mut self, name: &str) -> Result<LatentAttention, ModelError> {
        /// Of the norms inside; no configuration names it.
        const EPSILON: f64 = 1e-6;
        let config = self.config;
        let Some(latent) = config.variant.latent else {
            return Err(compute("latent attention")(candle_core::Error::Msg(
                "there is none".to_owned(),
            )));
        };
        let (hidden, heads, bias) = (config.hidden_size, config.heads, config.query_key_value_bias);
        let queries = heads * config.head_dim;
        let query = match latent.query_rank {
            None => LatentQuery::Direct(self.linear(&format!("{name}.q_proj"), queries, hidden, false)?),
            Some(rank) => LatentQuery::Narrow {
                narrow: self.linear(&format!("{name}.q_a_proj"), rank, hidden, bias)?,
                norm: self.plain_norm(&format!("{name}.q_a_layernorm"), rank, EPSILON)?,
                wide: self.linear(&format!("{name}.q_b_proj"), queries, rank, false)?,
            },
        };
        let rank = latent.key_value_rank;
        let narrow = rank + config.rotated();
        let wide = heads * (latent.plain_dim + latent.value_dim);
        Ok(LatentAttention {
            query,
            narrow: self.linear(&format!("{name}.kv_a_proj_with_mqa"), narrow, hidden, bias)?,
            narrow_norm: self.plain_norm(&format!("{name}.kv_a_layernorm"), rank, EPSILON)?,
            wide: self.linear(&format!("{name}.kv_b_proj"), wide, rank, false)?,
        })
    }

    fn expert(&mut self, name: &str, inner: usize, bias: bool) -> Result<Expert, ModelError> {
        let config = self.config;
        let hidden = config.hidden_size;
        let [gate, up, down] = self.names.inner;
        let (gate, up) = match (config.variant.feed_forward, config.family) {
            (FeedForward::Plain, _) => (None, self.linear(&format!("{name}.{up}"), inner, hidden, bias)?),
            (FeedForward::Gated, Family::Phi3) => {
                let halves = [Rows::Range(0, inner), Rows::Range(inner, inner)];
                let [gate, up] = self.parts(&format!("{name}.gate_up_proj"), 2 * inner, bias, halves)?;
                (Some(gate), up)
            }
            (FeedForward::Gated, _) => (
                Some(self.linear(&format!("{name}.{gate}"), inner, hidden, bias)?),
                self.linear(&format!("{name}.{up}"), inner, hidden, bias)?,
            ),
        };
        Ok(Expert {
            gate,
            up,
            down: self.linear(&format!("{name}.{down}"), hidden, inner, bias)?,
            activation: config.variant.activation,
        })
    }

    fn mixture(&mut self, name: &str, experts: &Experts) -> Result<Mixture, ModelError> {
        let hidden = self.config.hidden_size;
        let router = self.linear(&format!("{name}.gate"), experts.count, hidden, false)?;
        let addends = match experts.scoring {
            Scoring::Softmax => None,
            Scoring::Sigmoid => {
                let name = format!("{name}.gate.e_score_correction_bias");
                Some(self.source.tensor(&name, &[experts.count])?)
            }
        };
        let shared_name = match self.config.family {
            Family::Qwen2Moe => "shared_expert",
            _ => "shared_experts",
        };
        let shared = match experts.shared {
            None => None,
            Some(inner) => Some(self.expert(&format!("{name}.{shared_name}"), inner, false)?),
        };
        let shared_gate = if experts.shared_gate {
            Some(self.linear(&format!("{name}.shared_expert_gate"), 1, hidden, false)?)
        } else {
            None
        };
        let all = (0..experts.count)
            .map(|index| self.expert(&format!("{name}.experts.{index}"), experts.inner, false))
            .collect::<Result<_, _>>()?;
        Ok(Mixture {
            router,
            addends,
            experts: all,
            shared,
            shared_gate,
            choice: experts.clone(),
        })
    }
}

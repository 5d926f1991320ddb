//! `config.json` of a model folder, normalised to what the decoder needs.
//!
//! Two published forms are read: the one of transformers 4 (`rope_theta`, `rope_scaling` at the top) and the
//! one of transformers 5 (both inside `rope_parameters`). A field that would change the computation and that
//! the decoder does not implement is an error: a model that runs slightly wrong looks like a bad model.

mod families;
mod family;
mod fields;
mod rope;

use std::path::Path;

use serde_json::Value;

use crate::error::ModelError;
use crate::files;
use fields::Fields;

pub use family::{Family, SUPPORTED};
pub use rope::{Rope, RopeScaling};

/// Shape of a decoder-only transformer.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub family: Family,
    /// Rows of the embedding; token ids are below it.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width inside the feed-forward part.
    pub intermediate_size: usize,
    pub layers: usize,
    pub heads: usize,
    /// Divides `heads` (grouped-query attention, arXiv 2305.13245).
    pub key_value_heads: usize,
    /// Width of a query and of a key.
    pub head_dim: usize,
    /// What is added to the variance in every norm.
    pub norm_eps: f64,
    pub rope: Rope,
    /// Positions the model was trained for.
    pub max_positions: usize,
    /// The output layer is the embedding, transposed.
    pub tied_embeddings: bool,
    pub query_key_value_bias: bool,
    pub attention_output_bias: bool,
    pub feed_forward_bias: bool,
    /// Tokens after which nothing follows; from `config.json` and `generation_config.json`.
    pub end_tokens: Vec<u32>,
    pub variant: Variant,
}

impl Config {
    /// Width of a value.
    pub fn value_dim(&self) -> usize {
        self.variant.latent.map_or(self.head_dim, |l| l.value_dim)
    }

    /// Leading (with latent attention: trailing) dimensions of a head that are rotated; even.
    pub fn rotated(&self) -> usize {
        match self.variant.positions {
            Positions::Rotary { dimensions, .. } => dimensions.unwrap_or(self.head_dim),
            Positions::Learned => 0,
        }
    }

    /// Whether the network is Llama's, but for norms of queries and keys (Qwen3).
    pub fn is_llama_shaped(&self) -> bool {
        let llama = Variant {
            head_norm: self.variant.head_norm,
            ..Variant::default()
        };
        self.variant == llama
    }

    /// What the products of queries and keys are multiplied by.
    pub fn attention_scale(&self) -> f64 {
        let usual = || 1.0 / (self.head_dim as f64).sqrt();
        self.variant.attention_scale.unwrap_or_else(usual)
    }

    /// Tokens that a token of this layer sees, itself among them; `None` is all.
    pub fn window(&self, layer: usize) -> Option<usize> {
        let window = self.variant.window.as_ref()?;
        let here = match &window.layers {
            Windowed::From(first) => layer >= *first,
            Windowed::Listed(list) => list.get(layer).copied().unwrap_or(false),
        };
        here.then_some(window.size)
    }

    /// The experts of this layer; `None` where it has one feed-forward part.
    pub fn experts(&self, layer: usize) -> Option<&Experts> {
        let experts = self.variant.experts.as_ref()?;
        let dense = layer < experts.first
            || !(layer + 1).is_multiple_of(experts.step)
            || experts.dense.contains(&layer);
        (!dense).then_some(experts)
    }
}

/// In what the network differs from Llama's; the default is Llama.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    pub norm: Norm,
    /// Queries and keys of every head are normalised before they are rotated (Qwen3).
    pub head_norm: bool,
    pub residual: Residual,
    pub feed_forward: FeedForward,
    pub activation: Activation,
    pub positions: Positions,
    pub window: Option<Window>,
    /// What the embedding is multiplied by (Granite, as the next three).
    pub embedding_multiplier: f64,
    /// What attention and feed-forward part are multiplied by before they are added.
    pub residual_multiplier: f64,
    /// `None` is 1 / sqrt(head_dim).
    pub attention_scale: Option<f64>,
    /// What the logits are divided by.
    pub logits_divisor: f64,
    /// The output layer has a bias (Phi-2).
    pub output_bias: bool,
    pub experts: Option<Experts>,
    pub latent: Option<Latent>,
    /// No attention at all, but a state (RWKV). Of the rest of the shape, only sizes and ε are then looked at.
    pub recurrence: Option<Recurrence>,
}

impl Default for Variant {
    fn default() -> Variant {
        Variant {
            norm: Norm::RootMeanSquare,
            head_norm: false,
            residual: Residual::Sequential,
            feed_forward: FeedForward::Gated,
            activation: Activation::Silu,
            positions: Positions::Rotary {
                dimensions: None,
                pairs: Pairs::Halves,
            },
            window: None,
            embedding_multiplier: 1.0,
            residual_multiplier: 1.0,
            attention_scale: None,
            logits_divisor: 1.0,
            output_bias: false,
            experts: None,
            latent: None,
            recurrence: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Norm {
    /// Zhang and Sennrich, arXiv 1910.07467: a weight, no bias.
    RootMeanSquare,
    /// Ba et al., arXiv 1607.06450: with a bias.
    Layer,
}

/// How attention and the feed-forward part follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Residual {
    Sequential,
    /// Both read the same, and both are added to it (GPT-J): with one norm for both, or with one each.
    Parallel {
        shared_norm: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedForward {
    /// down(act(gate(x)) ∘ up(x)) (Shazeer, arXiv 2002.05202).
    Gated,
    /// down(act(up(x))).
    Plain,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Silu,
    /// Hendrycks and Gimpel, arXiv 1606.08415, with the error function.
    Gelu,
    /// The same with their approximation by tanh.
    GeluTanh,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    Rotary {
        /// Dimensions of a head that are rotated; `None` is all.
        dimensions: Option<usize>,
        pairs: Pairs,
    },
    /// A vector for each position, added to the embedding.
    Learned,
}

/// Which dimensions are rotated together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pairs {
    /// i and i + half.
    Halves,
    /// 2 i and 2 i + 1.
    Neighbours,
}

/// Attention to the nearest tokens only (Beltagy et al., arXiv 2004.05150).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Tokens, the one that looks among them.
    pub size: usize,
    pub layers: Windowed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Windowed {
    /// This layer and all after it.
    From(usize),
    /// One for each layer.
    Listed(Vec<bool>),
}

/// Several feed-forward parts of which each token goes through some (Shazeer et al., arXiv 1701.06538).
#[derive(Clone, Debug, PartialEq)]
pub struct Experts {
    pub count: usize,
    /// At most `count`.
    pub per_token: usize,
    /// Width inside an expert.
    pub inner: usize,
    /// Width inside the part that every token goes through, where there is one.
    pub shared: Option<usize>,
    /// The shared part is multiplied by a gate of its own (Qwen2-MoE).
    pub shared_gate: bool,
    pub scoring: Scoring,
    /// The chosen experts' weights are divided by their sum.
    pub normalised: bool,
    /// What the weights are multiplied by.
    pub scale: f64,
    /// Experts in so many groups of equal size; only those of the best `.1` groups are chosen from.
    pub groups: Option<(usize, usize)>,
    /// Layers before this one, all but each `step`-th, and those listed have one feed-forward part.
    pub first: usize,
    pub step: usize,
    pub dense: Vec<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scoring {
    /// Softmax over all experts; a group is as good as its best.
    Softmax,
    /// Sigmoid; for the choice, not for the weight, each expert has an addend; a group is as good as its best two
    /// together (DeepSeek-V3, arXiv 2412.19437).
    Sigmoid,
}

/// Keys and values by way of a narrow vector (multi-head latent attention, DeepSeek-V2, arXiv 2405.04434).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Latent {
    /// Width of the queries' narrow vector, where they have one.
    pub query_rank: Option<usize>,
    pub key_value_rank: usize,
    /// Dimensions of a head's query and key that are not rotated; the rotated ones are the same for all heads' keys.
    pub plain_dim: usize,
    pub value_dim: usize,
}

/// A recurrent network instead of attention (RWKV 5 and 6, Peng et al., arXiv 2404.05892).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recurrence {
    /// Components of a head.
    pub head_size: usize,
    /// Of all heads together.
    pub attention_size: usize,
    /// What the heads' outputs are divided by before their norm.
    pub head_size_divisor: usize,
    /// Version 6.
    pub ranks: Option<Ranks>,
}

/// Widths of the narrow matrices of version 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    pub mix: usize,
    pub decay: usize,
}

/// From the contents of a `config.json`; `file` is where they come from.
#[cfg(feature = "hosted")]
pub(crate) fn from_json(file: &Path, json: &Value) -> Result<Config, ModelError> {
    let fields = Fields::parse(file.to_path_buf(), &json.to_string())?;
    let config = families::parse(&fields)?;
    match config
        .end_tokens
        .iter()
        .find(|t| **t as usize >= config.vocab_size)
    {
        None => Ok(config),
        Some(token) => {
            Err(fields.invalid("eos_token_id", &Value::from(*token), "token ids below vocab_size"))
        }
    }
}

/// Reads `config.json` and, where there is one, `generation_config.json`.
pub fn read(folder: &Path) -> Result<Config, ModelError> {
    let file = folder.join("config.json");
    let text = files::read_text(folder, "config.json")?;
    let fields = Fields::parse(file, &text)?;
    let mut config = families::parse(&fields)?;
    let generation = folder.join("generation_config.json");
    if generation.exists() {
        let text = files::read_text(folder, "generation_config.json")?;
        let fields = Fields::parse(generation, &text)?;
        for token in fields.token_ids("eos_token_id")? {
            if !config.end_tokens.contains(&token) {
                config.end_tokens.push(token);
            }
        }
    }
    if let Some(token) = config
        .end_tokens
        .iter()
        .find(|t| **t as usize >= config.vocab_size)
    {
        return Err(fields.invalid("eos_token_id", &Value::from(*token), "token ids below vocab_size"));
    }
    Ok(config)
}

//! Models in one GGUF file, the format of llama.cpp: metadata, tokenizer and weights, perhaps in blocks of 8 bits.
//!
//! The metadata becomes a `config.json` and, where none lies beside the file, a `tokenizer.json`, which are then read
//! like those of a folder: what is refused there is refused here.

mod read;
mod tokenizer;
pub mod write;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use serde_json::json;

pub(crate) use self::read::{Gguf, Tensor};
use crate::cpu::{self, Matrix};
use crate::error::ModelError;
use crate::template::ChatTemplate;

const MAGIC: &[u8; 4] = b"GGUF";

/// A tensor that divides the frequencies of rotary positions.
const DIVISORS: &str = "rope_freqs.weight";

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(String),
    List(Vec<Value>),
}

impl Value {
    fn as_size(&self) -> Option<usize> {
        match self {
            Value::Unsigned(n) => usize::try_from(*n).ok(),
            Value::Signed(n) => usize::try_from(*n).ok(),
            _ => None,
        }
    }

    fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            _ => None,
        }
    }

    fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// Element type of a tensor, with its number in the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element {
    F32,
    F16,
    Bf16,
    Q8_0,
    /// One that is not read.
    Other(u32),
}

impl Element {
    fn of(number: u32) -> Element {
        match number {
            0 => Element::F32,
            1 => Element::F16,
            8 => Element::Q8_0,
            30 => Element::Bf16,
            other => Element::Other(other),
        }
    }

    fn number(self) -> u32 {
        match self {
            Element::F32 => 0,
            Element::F16 => 1,
            Element::Q8_0 => 8,
            Element::Bf16 => 30,
            Element::Other(number) => number,
        }
    }
}

/// What is wrong with a GGUF file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGguf {
    #[error("it does not begin with \"GGUF\"")]
    Magic,
    #[error("it is of version {0}; 2 and 3 are read")]
    Version(u32),
    #[error("a name or text in it is not UTF-8")]
    NotUtf8,
    #[error("the entry {0} is missing, or has a value that it cannot have")]
    Metadata(String),
    #[error("the tensor {0} has a shape or an offset that it cannot have, or is there twice")]
    Tensor(String),
}

/// The only `*.gguf` file of a path: itself, or in a folder without safetensors.
pub(crate) fn find(path: &Path) -> Option<PathBuf> {
    let is = |path: &Path, kind: &str| path.extension().is_some_and(|e| e.eq_ignore_ascii_case(kind));
    if path.is_file() {
        return is(path, "gguf").then(|| path.to_path_buf());
    }
    let files: Vec<PathBuf> = std::fs::read_dir(path)
        .ok()?
        .flatten()
        .map(|e| e.path())
        .collect();
    let mut found = files.iter().filter(|p| is(p, "gguf"));
    let one = found.next().filter(|_| found.next().is_none())?;
    (!files.iter().any(|p| is(p, "safetensors"))).then(|| one.clone())
}

impl Gguf {
    fn bad(&self, key: &str) -> ModelError {
        ModelError::BadGguf {
            file: self.file.clone(),
            why: BadGguf::Metadata(key.to_owned()),
        }
    }

    fn unsupported(&self, field: &str, value: String, why: &'static str) -> ModelError {
        ModelError::UnsupportedSetting {
            file: self.file.clone(),
            field: field.to_owned(),
            value,
            why,
        }
    }

    fn text(&self, key: &str) -> Result<&str, ModelError> {
        self.metadata
            .get(key)
            .and_then(Value::as_text)
            .ok_or_else(|| self.bad(key))
    }

    fn optional<T>(&self, key: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>, ModelError> {
        match self.metadata.get(key) {
            None => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.bad(key)),
        }
    }

    /// The file's metadata in the form of `config.json`.
    pub fn config(&self) -> Result<serde_json::Value, ModelError> {
        let family = self.text("general.architecture")?;
        let architecture = match family {
            "llama" => "LlamaForCausalLM",
            "qwen2" => "Qwen2ForCausalLM",
            "qwen3" => "Qwen3ForCausalLM",
            other => {
                return Err(self.unsupported(
                    "general.architecture",
                    other.to_owned(),
                    "of GGUF files llama, qwen2 and qwen3 are implemented",
                ));
            }
        };
        let size = |name: &str| {
            let key = format!("{family}.{name}");
            self.optional(&key, Value::as_size)?.ok_or_else(|| self.bad(&key))
        };
        let heads = size("attention.head_count")?;
        let hidden = size("embedding_length")?;
        let key_value_heads = self.optional(&format!("{family}.attention.head_count_kv"), Value::as_size)?;
        let head_dim = self.optional(&format!("{family}.attention.key_length"), Value::as_size)?;
        let head_dim = head_dim.or(hidden.checked_div(heads)).unwrap_or(0);
        let rotated = self.optional(&format!("{family}.rope.dimension_count"), Value::as_size)?;
        if let Some(other) = rotated.filter(|n| *n != head_dim) {
            return Err(self.unsupported(
                "rope.dimension_count",
                other.to_string(),
                "rotation of whole heads only",
            ));
        }
        let mut rope = json!({ "rope_type": "default" });
        let factor = || -> Result<f64, ModelError> {
            let key = format!("{family}.rope.scaling.factor");
            self.optional(&key, Value::as_float)?
                .ok_or_else(|| self.bad(&key))
        };
        let trained = size("context_length")?;
        match self.optional(&format!("{family}.rope.scaling.type"), |v| {
            v.as_text().map(str::to_owned)
        })? {
            None => {}
            Some(kind) if kind == "none" => {}
            Some(kind) if kind == "linear" => rope = json!({ "rope_type": "linear", "factor": factor()? }),
            Some(kind) if kind == "yarn" => {
                rope = json!({
                    "rope_type": "yarn",
                    "factor": factor()?,
                    "original_max_position_embeddings": size("rope.scaling.original_context_length")?,
                });
                for (name, own) in [("beta_fast", "yarn_beta_fast"), ("beta_slow", "yarn_beta_slow")] {
                    let key = format!("{family}.rope.scaling.{own}");
                    if let Some(value) = self.optional(&key, Value::as_float)? {
                        rope[name] = value.into();
                    }
                }
                // What llama.cpp multiplies with the usual factor is not known to transformers.
                let key = format!("{family}.rope.scaling.attn_factor");
                if let Some(value) = self.optional(&key, Value::as_float)?.filter(|v| *v != 1.0) {
                    return Err(self.unsupported(&key, value.to_string(), "the usual factor only"));
                }
            }
            Some(other) => {
                return Err(self.unsupported(
                    "rope.scaling.type",
                    other,
                    "none, linear and yarn are implemented",
                ));
            }
        }
        // The scaling of Llama 3 comes as the divisors of the frequencies that it amounts to.
        if let Some(tensor) = self.tensors.get(DIVISORS) {
            if rope["rope_type"] != "default" || tensor.shape != [head_dim / 2] {
                return Err(self.unsupported(
                    DIVISORS,
                    format!("{:?}", tensor.shape),
                    "one for each frequency",
                ));
            }
            let divisors = widen(tensor.element, &self.bytes(tensor)?);
            rope = json!({
                "rope_type": "longrope",
                "short_factor": divisors,
                "long_factor": divisors,
                "original_max_position_embeddings": trained,
                "attention_factor": 1.0,
            });
        }
        let base = self.optional(&format!("{family}.rope.freq_base"), Value::as_float)?;
        rope["rope_theta"] = base.unwrap_or(10_000.0).into();
        let rows = |name: &str| self.tensors.get(name).and_then(|t| t.shape.first().copied());
        let vocab_size = rows("token_embd.weight").ok_or_else(|| self.missing("token_embd.weight"))?;
        let epsilon = format!("{family}.attention.layer_norm_rms_epsilon");
        let epsilon = self
            .optional(&epsilon, Value::as_float)?
            .ok_or_else(|| self.bad(&epsilon))?;
        let mut ends = Vec::new();
        for key in ["tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"] {
            ends.extend(self.optional(key, Value::as_size)?);
        }
        ends.dedup();
        Ok(json!({
            "model_type": family,
            "architectures": [architecture],
            "hidden_size": hidden,
            "intermediate_size": size("feed_forward_length")?,
            "num_hidden_layers": size("block_count")?,
            "num_attention_heads": heads,
            "num_key_value_heads": key_value_heads.unwrap_or(heads),
            "head_dim": head_dim,
            "rms_norm_eps": epsilon,
            "rope_parameters": rope,
            "max_position_embeddings": trained,
            "vocab_size": vocab_size,
            "tie_word_embeddings": !self.tensors.contains_key("output.weight"),
            "attention_bias": family == "llama" && self.tensors.contains_key("blk.0.attn_q.bias"),
            "hidden_act": "silu",
            "eos_token_id": ends,
        }))
    }

    /// Whether the file has a list of words instead of a tokenizer: what they stand for is said with each prompt.
    pub fn has_words_only(&self) -> bool {
        let model = self.metadata.get("tokenizer.ggml.model");
        model.and_then(Value::as_text) == Some("none")
    }

    /// A number of the metadata.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key)? {
            Value::Unsigned(n) => Some(*n),
            _ => None,
        }
    }

    /// The vocabulary in the form of `tokenizer.json`.
    pub fn tokenizer(&self) -> Result<serde_json::Value, ModelError> {
        tokenizer::json(self)
    }

    /// The form of conversations, if the file has one.
    pub fn chat_template(&self) -> Result<Option<ChatTemplate>, ModelError> {
        const KEY: &str = "tokenizer.chat_template";
        if !self.metadata.contains_key(KEY) {
            return Ok(None);
        }
        let source = self.text(KEY)?;
        let Some(Value::List(texts)) = self.metadata.get("tokenizer.ggml.tokens") else {
            return Err(self.bad("tokenizer.ggml.tokens"));
        };
        let mut tokens = BTreeMap::new();
        for (name, key) in [
            ("bos_token", "tokenizer.ggml.bos_token_id"),
            ("eos_token", "tokenizer.ggml.eos_token_id"),
            ("unk_token", "tokenizer.ggml.unknown_token_id"),
            ("pad_token", "tokenizer.ggml.padding_token_id"),
        ] {
            if let Some(id) = self.optional(key, Value::as_size)? {
                let text = texts
                    .get(id)
                    .and_then(Value::as_text)
                    .ok_or_else(|| self.bad(key))?;
                tokens.insert(name, text.to_owned());
            }
        }
        ChatTemplate::of(&self.file, source, tokens).map(Some)
    }

    /// Element types of the tensors that a model uses: their values, and their bytes in the file.
    pub fn sizes(&self) -> BTreeMap<String, (u64, u64)> {
        let mut sizes: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (_, tensor) in self.tensors.iter().filter(|(name, _)| *name != DIVISORS) {
            let values = tensor.shape.iter().fold(1u64, |n, d| n.saturating_mul(*d as u64));
            let name = match tensor.element {
                Element::F32 => "F32",
                Element::F16 => "F16",
                Element::Bf16 => "BF16",
                Element::Q8_0 => "Q8_0",
                Element::Other(_) => "another",
            };
            let sum = sizes.entry(name.to_owned()).or_default();
            *sum = (sum.0.saturating_add(values), sum.1.saturating_add(tensor.length));
        }
        sizes
    }

    fn missing(&self, tensor: &str) -> ModelError {
        ModelError::TensorMissing {
            folder: self.file.clone(),
            tensor: tensor.to_owned(),
        }
    }

    /// Checks that the model's tensors are there with these shapes, in types that are read, and that no others are.
    pub fn check(
        &self,
        expected: &BTreeMap<String, Vec<usize>>,
        family: &'static str,
    ) -> Result<(), ModelError> {
        for (name, shape) in expected {
            let tensor = self.tensor(name)?;
            if &tensor.shape != shape {
                return Err(ModelError::TensorShape {
                    file: self.file.clone(),
                    tensor: own_name(name),
                    found: tensor.shape.clone(),
                    expected: shape.clone(),
                });
            }
            if let Element::Other(number) = tensor.element {
                return Err(ModelError::TensorType {
                    file: self.file.clone(),
                    tensor: own_name(name),
                    found: format!(
                        "number {number} of GGML, which is not read from GGUF files (F32, F16, BF16 and Q8_0 are)"
                    ),
                });
            }
        }
        let known: std::collections::BTreeSet<String> = expected.keys().map(|n| own_name(n)).collect();
        let unknown = |name: &&String| !known.contains(*name) && *name != DIVISORS;
        match self.tensors.keys().find(unknown) {
            None => Ok(()),
            Some(name) => Err(ModelError::UnexpectedTensor {
                file: self.file.clone(),
                tensor: name.clone(),
                family,
            }),
        }
    }

    fn tensor(&self, name: &str) -> Result<&Tensor, ModelError> {
        let own = own_name(name);
        self.tensors.get(&own).ok_or_else(|| self.missing(&own))
    }
}

/// The name that llama.cpp gives to a tensor of a checkpoint.
fn own_name(name: &str) -> String {
    match name {
        "model.embed_tokens.weight" => return "token_embd.weight".to_owned(),
        "model.norm.weight" => return "output_norm.weight".to_owned(),
        "lm_head.weight" => return "output.weight".to_owned(),
        _ => {}
    }
    let Some((layer, rest)) = name.strip_prefix("model.layers.").and_then(|n| n.split_once('.')) else {
        return name.to_owned();
    };
    let (part, kind) = rest.rsplit_once('.').unwrap_or((rest, ""));
    let part = match part {
        "self_attn.q_proj" => "attn_q",
        "self_attn.k_proj" => "attn_k",
        "self_attn.v_proj" => "attn_v",
        "self_attn.o_proj" => "attn_output",
        "self_attn.q_norm" => "attn_q_norm",
        "self_attn.k_norm" => "attn_k_norm",
        "mlp.gate_proj" => "ffn_gate",
        "mlp.up_proj" => "ffn_up",
        "mlp.down_proj" => "ffn_down",
        "input_layernorm" => "attn_norm",
        "post_attention_layernorm" => "ffn_norm",
        other => other,
    };
    format!("blk.{layer}.{part}.{kind}")
}

/// The weights of a file, kept in the types that they are stored in.
pub(crate) struct Stored<'a> {
    pub gguf: &'a Gguf,
    /// Rows of a head of queries and keys where they lie in llama.cpp's order: neighbours are rotated there, halves
    /// here.
    pub interleaved: Option<usize>,
}

impl Stored<'_> {
    /// The bytes of a tensor with its rows in the order of checkpoints.
    fn bytes(&self, name: &str) -> Result<(&Tensor, Vec<u8>), ModelError> {
        let tensor = self.gguf.tensor(name)?;
        let bytes = self.gguf.bytes(tensor)?;
        let turned = name.contains("self_attn.q_proj.") || name.contains("self_attn.k_proj.");
        let rows = tensor.shape.first().copied().unwrap_or(0);
        match self.interleaved.filter(|_| turned && rows > 0) {
            None => Ok((tensor, bytes)),
            Some(head) => {
                let size = bytes.len() / rows;
                let mut sorted = Vec::with_capacity(bytes.len());
                for row in 0..rows {
                    // The i-th of the first or second half of its head comes from one of the i-th pair.
                    let (first, within) = (row / head * head, row % head);
                    let from = first + within % (head / 2) * 2 + within / (head / 2);
                    sorted.extend(bytes.get(from * size..(from + 1) * size).unwrap_or_default());
                }
                Ok((tensor, sorted))
            }
        }
    }
}

impl cpu::Source for Stored<'_> {
    fn values(&self, name: &str) -> Result<Vec<f32>, ModelError> {
        let (tensor, bytes) = self.bytes(name)?;
        Ok(widen(tensor.element, &bytes))
    }

    fn matrix(&self, name: &str, rows: usize, cols: usize) -> Result<Matrix, ModelError> {
        let (tensor, bytes) = self.bytes(name)?;
        let kind = match tensor.element {
            Element::Q8_0 => return Ok(Matrix::from_q8_0(rows, cols, &bytes)),
            Element::F16 => cpu::Kind::F16,
            Element::Bf16 => cpu::Kind::Bf16,
            Element::F32 | Element::Other(_) => cpu::Kind::F32,
        };
        Ok(Matrix::pack(rows, cols, &widen(tensor.element, &bytes), kind))
    }
}

fn widen(element: Element, bytes: &[u8]) -> Vec<f32> {
    let (pairs, fours) = (bytes.as_chunks::<2>().0, bytes.as_chunks::<4>().0);
    match element {
        Element::F32 => fours.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        Element::F16 => pairs.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect(),
        Element::Bf16 => pairs.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect(),
        Element::Q8_0 => bytes
            .as_chunks::<34>()
            .0
            .iter()
            .flat_map(|block| {
                let [low, high, quants @ ..] = block;
                let scale = f16::from_le_bytes([*low, *high]).to_f32();
                quants.map(|q| scale * f32::from(q as i8))
            })
            .collect(),
        Element::Other(_) => Vec::new(),
    }
}

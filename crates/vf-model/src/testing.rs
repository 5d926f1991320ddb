//! Tiny models with random weights, written as complete model folders: for tests, of this crate and of those
//! that use it. What such a model says is noise, but it is the same noise every time. And a server that says what a
//! script says ([`scripted_server`]).

pub mod scripted_server;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::Family;
use crate::sample::Random;

/// Id of the end token `<|end|>`: the first after the 256 bytes and the merges.
pub const END_TOKEN: u32 = 256 + MERGES.len() as u32;

/// Pairs that the tokenizer joins, in order: enough to have tokens of more than one byte.
const MERGES: [(&str, &str); 6] = [
    ("i", "n"),
    ("in", "t"),
    ("Ġ", "int"),
    ("r", "e"),
    ("re", "t"),
    ("e", "n"),
];

/// A model to write. Two layers, 32 wide, four heads of which two share a key.
#[derive(Clone, Debug)]
pub struct TinyModel {
    /// Llama or Qwen2: other families have tensors of other names.
    pub family: Family,
    /// Same seed, same weights.
    pub seed: u64,
    pub tied_embeddings: bool,
    /// 1 writes `model.safetensors`, more write shards and their index.
    pub shards: usize,
    /// Longest context.
    pub max_positions: usize,
}

pub const LAYERS: usize = 2;
pub const HIDDEN: usize = 32;
pub const INNER: usize = 48;
pub const HEADS: usize = 4;
pub const KEY_VALUE_HEADS: usize = 2;
/// Some rows more than the tokenizer has tokens, as in published models.
pub const VOCABULARY: usize = END_TOKEN as usize + 1 + 5;

/// A tensor: its shape and its values, row by row.
pub type Values = (Vec<usize>, Vec<f32>);

impl TinyModel {
    pub fn new(family: Family, seed: u64) -> TinyModel {
        TinyModel {
            family,
            seed,
            tied_embeddings: false,
            shards: 1,
            max_positions: 256,
        }
    }

    /// Writes `config.json`, `tokenizer.json` and the weights into an existing folder.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::write(folder.join("config.json"), self.config().to_string())?;
        fs::write(folder.join("tokenizer.json"), tokenizer().to_string())?;
        let tensors = self.tensors();
        if self.shards <= 1 {
            return write_safetensors(&folder.join("model.safetensors"), &tensors);
        }
        let mut shards: Vec<BTreeMap<String, Values>> = vec![BTreeMap::new(); self.shards];
        let mut map = Map::new();
        for (index, (name, values)) in tensors.into_iter().enumerate() {
            let shard = index % self.shards;
            map.insert(name.clone(), shard_name(shard, self.shards).into());
            if let Some(tensors) = shards.get_mut(shard) {
                tensors.insert(name, values);
            }
        }
        for (index, tensors) in shards.iter().enumerate() {
            write_safetensors(&folder.join(shard_name(index, self.shards)), tensors)?;
        }
        let index = json!({ "metadata": {}, "weight_map": map });
        fs::write(folder.join("model.safetensors.index.json"), index.to_string())
    }

    pub fn config(&self) -> Value {
        let mut config = json!({
            "hidden_size": HIDDEN,
            "intermediate_size": INNER,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "num_key_value_heads": KEY_VALUE_HEADS,
            "vocab_size": VOCABULARY,
            "max_position_embeddings": self.max_positions,
            "rms_norm_eps": 1e-5,
            "rope_theta": 10_000.0,
            "hidden_act": "silu",
            "tie_word_embeddings": self.tied_embeddings,
            "bos_token_id": null,
            "eos_token_id": END_TOKEN,
        });
        config["model_type"] = self.family.name().into();
        config["architectures"] = json!([self.family.architecture()]);
        if self.family == Family::Qwen2 {
            config["use_sliding_window"] = false.into();
            config["sliding_window"] = self.max_positions.into();
            config["max_window_layers"] = LAYERS.into();
        }
        config
    }

    /// All tensors by name. Norm weights lie near 1, the others around 0, wide enough for clear preferences.
    pub fn tensors(&self) -> BTreeMap<String, Values> {
        let width = HIDDEN / HEADS;
        let mut shapes: Vec<(String, Vec<usize>)> =
            vec![("model.embed_tokens.weight".to_owned(), vec![VOCABULARY, HIDDEN])];
        if !self.tied_embeddings {
            shapes.push(("lm_head.weight".to_owned(), vec![VOCABULARY, HIDDEN]));
        }
        shapes.push(("model.norm.weight".to_owned(), vec![HIDDEN]));
        for layer in 0..LAYERS {
            for (name, shape) in [
                ("self_attn.q_proj.weight", vec![HIDDEN, HIDDEN]),
                ("self_attn.k_proj.weight", vec![KEY_VALUE_HEADS * width, HIDDEN]),
                ("self_attn.v_proj.weight", vec![KEY_VALUE_HEADS * width, HIDDEN]),
                ("self_attn.o_proj.weight", vec![HIDDEN, HIDDEN]),
                ("mlp.gate_proj.weight", vec![INNER, HIDDEN]),
                ("mlp.up_proj.weight", vec![INNER, HIDDEN]),
                ("mlp.down_proj.weight", vec![HIDDEN, INNER]),
                ("input_layernorm.weight", vec![HIDDEN]),
                ("post_attention_layernorm.weight", vec![HIDDEN]),
            ] {
                shapes.push((format!("model.layers.{layer}.{name}"), shape));
            }
            if self.family == Family::Qwen2 {
                for (name, size) in [
                    ("q", HIDDEN),
                    ("k", KEY_VALUE_HEADS * width),
                    ("v", KEY_VALUE_HEADS * width),
                ] {
                    shapes.push((
                        format!("model.layers.{layer}.self_attn.{name}_proj.bias"),
                        vec![size],
                    ));
                }
            }
        }
        let mut random = Random::new(self.seed, 0);
        shapes
            .into_iter()
            .map(|(name, shape)| {
                let count = shape.iter().product();
                let (middle, spread) = if name.ends_with("norm.weight") {
                    (1.0, 0.2)
                } else {
                    (0.0, 0.4)
                };
                let values = (0..count)
                    .map(|_| (middle + spread * (2.0 * random.unit() - 1.0)) as f32)
                    .collect();
                (name, (shape, values))
            })
            .collect()
    }
}

fn shard_name(index: usize, of: usize) -> String {
    format!("model-{:05}-of-{of:05}.safetensors", index + 1)
}

/// Writes F32 tensors as a safetensors file.
pub fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Values>) -> io::Result<()> {
    let mut header = Map::new();
    let mut data = Vec::new();
    for (name, (shape, values)) in tensors {
        let begin = data.len();
        data.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        header.insert(
            name.clone(),
            json!({ "dtype": "F32", "shape": shape, "data_offsets": [begin, data.len()] }),
        );
    }
    let header = Value::Object(header).to_string();
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    fs::write(path, bytes)
}

/// A byte-level BPE tokenizer: the 256 bytes, a few merges, one end token.
pub fn tokenizer() -> Value {
    let mut vocabulary = Map::new();
    for byte in 0..=255u8 {
        vocabulary.insert(byte_character(byte).to_string(), byte.into());
    }
    for (index, (left, right)) in MERGES.iter().enumerate() {
        vocabulary.insert(format!("{left}{right}"), (256 + index).into());
    }
    let merges: Vec<Value> = MERGES.iter().map(|(left, right)| json!([left, right])).collect();
    let byte_level = json!({
        "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true
    });
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": [{
            "id": END_TOKEN, "content": "<|end|>", "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true
        }],
        "normalizer": null,
        "pre_tokenizer": byte_level,
        "post_processor": null,
        "decoder": byte_level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
            "vocab": vocabulary, "merges": merges
        }
    })
}

/// The printable character that stands for a byte in byte-level BPE: itself where it is printable Latin-1,
/// else the next free one from U+0100 on (the table of GPT-2).
fn byte_character(byte: u8) -> char {
    let printable = |b: u8| matches!(b, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    if printable(byte) {
        return char::from(byte);
    }
    let before = (0..byte).filter(|b| !printable(*b)).count() as u32;
    char::from_u32(0x100 + before).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// The vocabulary of [`tokenizer`] with some special tokens more, whose ids follow [`END_TOKEN`].
#[cfg(all(test, feature = "hosted"))]
pub(crate) fn vocabulary_with(markers: &[&str]) -> crate::text::Vocabulary {
    let mut json = tokenizer();
    let added = json["added_tokens"].as_array_mut().expect("a list");
    for (id, marker) in (END_TOKEN + 1..).zip(markers) {
        let mut token = added[0].clone();
        token["id"] = id.into();
        token["content"] = (*marker).into();
        added.push(token);
    }
    let folder = tempfile::TempDir::new().expect("a scratch folder");
    fs::write(folder.path().join("tokenizer.json"), json.to_string()).expect("writable");
    crate::text::Vocabulary::load(folder.path(), VOCABULARY).expect("a tokenizer")
}

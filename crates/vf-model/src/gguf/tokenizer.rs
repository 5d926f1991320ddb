//! The vocabulary of a GGUF file as a `tokenizer.json`: byte-level BPE, which llama.cpp calls `gpt2`.

use serde_json::{Map, Value as Json, json};

use super::{Gguf, Value};
use crate::error::ModelError;

/// How text is cut before its parts are joined to tokens, by the names that llama.cpp has for it. The expressions are
/// those that the models' own tokenizers publish.
const CUTS: [(&str, &str); 3] = [
    (
        "qwen2",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "llama-bpe",
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    ),
    (
        "gpt-2",
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    ),
];

/// Kinds of token in `tokenizer.ggml.token_type`.
const CONTROL: usize = 3;
const USER_DEFINED: usize = 4;
const UNUSED: usize = 5;

pub fn json(gguf: &Gguf) -> Result<Json, ModelError> {
    let key = |name: &str| format!("tokenizer.ggml.{name}");
    let model = gguf.text(&key("model"))?;
    if model != "gpt2" {
        return Err(gguf.unsupported(
            &key("model"),
            model.to_owned(),
            "byte-level BPE (gpt2) only: put the model's tokenizer.json beside the file",
        ));
    }
    let cut = gguf.text(&key("pre"))?;
    let Some((_, expression)) = CUTS.iter().find(|(name, _)| *name == cut) else {
        return Err(gguf.unsupported(
            &key("pre"),
            cut.to_owned(),
            "qwen2, llama-bpe and gpt-2 only: put the model's tokenizer.json beside the file",
        ));
    };
    let texts = |name: &str| -> Result<Vec<&str>, ModelError> {
        let bad = || gguf.bad(&key(name));
        match gguf.metadata.get(&key(name)) {
            Some(Value::List(list)) => list.iter().map(|v| v.as_text().ok_or_else(bad)).collect(),
            _ => Err(bad()),
        }
    };
    let tokens = texts("tokens")?;
    let kinds: Vec<usize> = match gguf.metadata.get(&key("token_type")) {
        None => Vec::new(),
        Some(Value::List(list)) => list.iter().map(|v| v.as_size().unwrap_or(0)).collect(),
        Some(_) => return Err(gguf.bad(&key("token_type"))),
    };
    let (mut vocabulary, mut added) = (Map::new(), Vec::new());
    for (id, token) in tokens.iter().enumerate() {
        match kinds.get(id).copied().unwrap_or(1) {
            UNUSED => {}
            kind @ (CONTROL | USER_DEFINED) => added.push(json!({
                "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": kind == CONTROL
            })),
            _ => {
                if vocabulary.insert((*token).to_owned(), id.into()).is_some() {
                    return Err(gguf.bad(&key("tokens")));
                }
            }
        }
    }
    let merges: Vec<Json> = texts("merges")?
        .iter()
        .map(|merge| merge.split_once(' ').map(|(a, b)| json!([a, b])))
        .collect::<Option<_>>()
        .ok_or_else(|| gguf.bad(&key("merges")))?;
    let byte_level = |regex: bool| json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": regex });
    // Models of the Llama 3 kind begin every text with a token; the others where the file says so.
    let begins = match gguf.metadata.get(&key("add_bos_token")) {
        None => cut == "llama-bpe",
        Some(Value::Flag(flag)) => *flag,
        Some(_) => return Err(gguf.bad(&key("add_bos_token"))),
    };
    let begin = gguf.optional(&key("bos_token_id"), Value::as_size)?;
    let after = match begin.filter(|_| begins) {
        None => Json::Null,
        Some(id) => {
            let token = tokens.get(id).ok_or_else(|| gguf.bad(&key("bos_token_id")))?;
            json!({
                "type": "TemplateProcessing",
                "single": [
                    { "SpecialToken": { "id": token, "type_id": 0 } },
                    { "Sequence": { "id": "A", "type_id": 0 } }
                ],
                "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
                "special_tokens": { *token: { "id": token, "ids": [id], "tokens": [token] } }
            })
        }
    };
    Ok(json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added,
        "normalizer": if cut == "qwen2" { json!({ "type": "NFC" }) } else { Json::Null },
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": [
            { "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false },
            byte_level(false)
        ] },
        "post_processor": after,
        "decoder": byte_level(true),
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
            "ignore_merges": cut == "llama-bpe", "vocab": vocabulary, "merges": merges
        }
    }))
}

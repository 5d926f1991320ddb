//! GGUF files: the same numbers as from safetensors, the vocabulary of their metadata, and files that lie.

#![cfg(feature = "hosted")]

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use vf_model::gguf::write::{Tensor, write};
use vf_model::gguf::{BadGguf, Element, Value};
use vf_model::testing::{
    END_TOKEN, HEADS, HIDDEN, INNER, KEY_VALUE_HEADS, LAYERS, TinyModel, VOCABULARY, tokenizer,
};
use vf_model::{Family, HostedModel, LoadOptions, ModelError, Precision, Sampling};

const PROMPT: &str = "int f(int i) { return table[i]; } /* it's 3.5 é */\n\n\treturn";

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn number(n: usize) -> Value {
    Value::Unsigned(n as u64)
}

fn metadata(family: Family) -> Vec<(String, Value)> {
    let json = tokenizer();
    let mut tokens = vec![String::new(); VOCABULARY];
    for (token, id) in json["model"]["vocab"].as_object().expect("a vocabulary") {
        tokens[id.as_u64().expect("an id") as usize] = token.clone();
    }
    tokens[END_TOKEN as usize] = "<|end|>".to_owned();
    let kinds = (0..VOCABULARY).map(|id| match id.cmp(&(END_TOKEN as usize)) {
        std::cmp::Ordering::Less => 1,
        std::cmp::Ordering::Equal => 3,
        std::cmp::Ordering::Greater => 5,
    });
    let merges = json["model"]["merges"].as_array().expect("merges");
    let merges = merges.iter().map(|m| {
        format!(
            "{} {}",
            m[0].as_str().expect("a part"),
            m[1].as_str().expect("a part")
        )
    });
    let own = |name: &str| format!("{}.{name}", family.name());
    vec![
        ("general.architecture".to_owned(), text(family.name())),
        (own("block_count"), number(LAYERS)),
        (own("embedding_length"), number(HIDDEN)),
        (own("feed_forward_length"), number(INNER)),
        (own("attention.head_count"), number(HEADS)),
        (own("attention.head_count_kv"), number(KEY_VALUE_HEADS)),
        (own("attention.layer_norm_rms_epsilon"), Value::Float(1e-5)),
        (own("rope.freq_base"), Value::Float(10_000.0)),
        (own("context_length"), number(256)),
        ("tokenizer.ggml.model".to_owned(), text("gpt2")),
        ("tokenizer.ggml.pre".to_owned(), text("gpt-2")),
        (
            "tokenizer.ggml.tokens".to_owned(),
            Value::List(tokens.iter().map(|t| text(t)).collect()),
        ),
        (
            "tokenizer.ggml.token_type".to_owned(),
            Value::List(kinds.map(Value::Signed).collect()),
        ),
        (
            "tokenizer.ggml.merges".to_owned(),
            Value::List(merges.map(|m| text(&m)).collect()),
        ),
        (
            "tokenizer.ggml.eos_token_id".to_owned(),
            number(END_TOKEN as usize),
        ),
    ]
}

/// The tensors as llama.cpp names them, and for Llama with the rows of queries and keys in its order.
fn tensors(tiny: &TinyModel, element: Element) -> Vec<Tensor> {
    let names = [
        ("model.embed_tokens", "token_embd"),
        ("model.norm", "output_norm"),
        ("lm_head", "output"),
        ("model.layers.", "blk."),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("input_layernorm", "attn_norm"),
        ("post_attention_layernorm", "ffn_norm"),
    ];
    let head = HIDDEN / HEADS;
    let tensor = |(name, (shape, values)): (String, (Vec<usize>, Vec<f32>))| {
        let turned = name.contains("q_proj") || name.contains("k_proj");
        let values = if turned && tiny.family == Family::Llama {
            let width = values.len() / shape[0];
            // Row 2 i + h of a head is row i of its half h.
            let row = |r: usize| r / head * head + r % 2 * (head / 2) + r % head / 2;
            (0..shape[0])
                .flat_map(|r| values[row(r) * width..(row(r) + 1) * width].to_vec())
                .collect()
        } else {
            values
        };
        let element = match (shape.as_slice(), element) {
            ([_], _) => Element::F32,
            // What the loader of safetensors does with such rows, too.
            ([_, cols], Element::Q8_0) if cols % 32 != 0 => Element::F16,
            _ => element,
        };
        let name = names.iter().fold(name, |name, (from, to)| name.replace(from, to));
        Tensor {
            name,
            shape,
            values,
            element,
        }
    };
    tiny.tensors().into_iter().map(tensor).collect()
}

fn write_gguf(path: &Path, metadata: &[(String, Value)], tensors: &[Tensor]) {
    let metadata: Vec<(&str, Value)> = metadata.iter().map(|(k, v)| (k.as_str(), v.clone())).collect();
    write(path, &metadata, tensors).expect("the folder is writable");
}

fn load(path: &Path) -> Result<HostedModel, ModelError> {
    HostedModel::load(path, &LoadOptions::default())
}

#[test]
fn the_numbers_are_those_of_safetensors() {
    for family in [Family::Llama, Family::Qwen2] {
        for (element, dtype) in [
            (Element::F32, Precision::F32),
            (Element::F16, Precision::F16),
            (Element::Bf16, Precision::Bf16),
            (Element::Q8_0, Precision::Q8_0),
        ] {
            let folder = TempDir::new().expect("a scratch folder");
            let tiny = TinyModel {
                tied_embeddings: element == Element::F16,
                ..TinyModel::new(family, 1)
            };
            let file = folder.path().join("model.gguf");
            write_gguf(&file, &metadata(family), &tensors(&tiny, element));
            let mut found = load(&file).expect("a good file");
            let mut same = load(folder.path()).expect("the folder's only file");
            let plain = TempDir::new().expect("a scratch folder");
            tiny.write(plain.path()).expect("the folder is writable");
            let options = LoadOptions {
                dtype,
                ..LoadOptions::default()
            };
            let mut expected = HostedModel::load(plain.path(), &options).expect("a folder");

            let tokens = expected.encode(PROMPT).expect("text");
            assert_eq!(found.encode(PROMPT).expect("text"), tokens);
            let logits = expected.logits(&tokens).expect("logits");
            assert_eq!(
                found.logits(&tokens).expect("logits"),
                logits,
                "{family:?} {element:?}"
            );
            let sampling = Sampling {
                temperature: 1.0,
                max_new_tokens: 24,
                ..Sampling::default()
            };
            let text = expected.generate(PROMPT, &sampling).expect("text");
            assert_eq!(found.generate(PROMPT, &sampling).expect("text"), text);
            assert_eq!(same.generate(PROMPT, &sampling).expect("text"), text);
            assert_eq!(found.token_bytes(), expected.token_bytes());
        }
    }
}

/// Scaled rotary positions: the same numbers as with the settings of a `config.json` that mean the same.
#[test]
fn scaled_positions_are_those_of_safetensors() {
    let plain = TempDir::new().expect("a scratch folder");
    let tiny = TinyModel::new(Family::Qwen2, 1);
    tiny.write(plain.path()).expect("the folder is writable");
    let config = plain.path().join("config.json");
    let unscaled: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&config).expect("a file")).expect("JSON");
    let folder = TempDir::new().expect("a scratch folder");
    let file = folder.path().join("model.gguf");
    let divisors = vec![1.0, 1.5, 2.0, 8.0];
    assert_eq!(divisors.len(), HIDDEN / HEADS / 2);
    let own = |name: &str, value: Value| (format!("qwen2.rope.scaling.{name}"), value);
    let mut logits = Vec::new();
    for (more, tensor, scaling) in [
        (vec![], None, serde_json::Value::Null),
        (
            vec![
                own("type", text("yarn")),
                own("factor", Value::Float(4.0)),
                own("original_context_length", number(64)),
            ],
            None,
            serde_json::json!({
                "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64
            }),
        ),
        (
            vec![],
            Some(Tensor {
                name: "rope_freqs.weight".to_owned(),
                shape: vec![divisors.len()],
                values: divisors.clone(),
                element: Element::F32,
            }),
            serde_json::json!({
                "rope_type": "longrope", "short_factor": divisors, "long_factor": divisors,
                "original_max_position_embeddings": 256, "attention_factor": 1.0
            }),
        ),
    ] {
        let all = [tensors(&tiny, Element::F32), tensor.into_iter().collect()].concat();
        write_gguf(&file, &[metadata(Family::Qwen2), more].concat(), &all);
        let mut scaled = unscaled.clone();
        scaled["rope_scaling"] = scaling;
        fs::write(&config, scaled.to_string()).expect("writable");
        let mut expected = load(plain.path()).expect("a folder");
        let mut found = load(&file).expect("a good file");
        let tokens = expected.encode(PROMPT).expect("text");
        let these = expected.logits(&tokens).expect("logits");
        assert_eq!(found.logits(&tokens).expect("logits"), these);
        assert!(!logits.contains(&these), "the scaling changed nothing");
        logits.push(these);
    }
}

/// The template that the file itself has.
#[test]
fn conversations_have_the_form_of_the_file() {
    let folder = TempDir::new().expect("a scratch folder");
    let file = folder.path().join("model.gguf");
    let tiny = TinyModel::new(Family::Qwen2, 1);
    let all = tensors(&tiny, Element::Q8_0);
    write_gguf(&file, &metadata(Family::Qwen2), &all);
    assert_eq!(load(&file).expect("a good file").chat_form(), None);
    let options = LoadOptions::default();
    let found = vf_model::info(&file, &options).expect("a good file");
    assert_eq!((found.family, found.chat_form), (Family::Qwen2, None));
    let stored: u64 = found.stored.iter().map(|(_, values)| values).sum();
    assert_eq!(stored, found.parameters);
    assert_eq!(found.memory.weights, found.stored_bytes);
    assert!(found.loaded_as.contains("F32"), "{}", found.loaded_as);

    let template = "{% for m in messages %}[{{ m.role }}]{{ m.content }}{{ eos_token }}{% endfor %}[a]";
    let with = [
        metadata(Family::Qwen2),
        vec![("tokenizer.chat_template".to_owned(), text(template))],
    ];
    write_gguf(&file, &with.concat(), &all);
    let model = load(&file).expect("a good file");
    assert_eq!(model.chat_form(), Some("template"));
    let prompt = model
        .prompt(vf_model::Prompt::Chat {
            system: "be",
            user: "do",
        })
        .expect("a prompt");
    let end = prompt.iter().filter(|t| **t == END_TOKEN).count();
    assert_eq!(end, 2);
    assert_eq!(model.decode(&prompt).expect("text"), "[system]be[user]do[a]");
    let broken = [
        metadata(Family::Qwen2),
        vec![("tokenizer.chat_template".to_owned(), text("{% for"))],
    ];
    write_gguf(&file, &broken.concat(), &all);
    assert!(load(&file).is_err());
}

#[test]
fn what_is_not_read_is_named() {
    let folder = TempDir::new().expect("a scratch folder");
    let file = folder.path().join("model.gguf");
    let tiny = TinyModel::new(Family::Qwen2, 1);
    let good = tensors(&tiny, Element::F32);
    let with = |key: &str, value: Value| {
        let mut metadata = metadata(Family::Qwen2);
        metadata.retain(|(k, _)| k != key);
        metadata.push((key.to_owned(), value));
        metadata
    };
    let refused = |metadata: &[(String, Value)], tensors: &[Tensor]| {
        write_gguf(&file, metadata, tensors);
        match load(&file) {
            Err(error) => error,
            Ok(_) => panic!("it was read"),
        }
    };
    for (key, value) in [
        ("general.architecture", "mamba"),
        ("tokenizer.ggml.model", "llama"),
        ("tokenizer.ggml.pre", "some-new-one"),
        ("qwen2.rope.scaling.type", "longrope"),
    ] {
        let error = refused(&with(key, text(value)), &good);
        assert!(
            matches!(error, ModelError::UnsupportedSetting { .. }),
            "{key}: {error}"
        );
    }
    let error = refused(&with("qwen2.block_count", text("two")), &good);
    assert!(matches!(
        error,
        ModelError::BadGguf {
            why: BadGguf::Metadata(_),
            ..
        }
    ));
    let error = refused(&with("qwen2.block_count", number(3)), &good);
    assert!(matches!(error, ModelError::TensorMissing { .. }), "{error}");
    let error = refused(&with("qwen2.block_count", number(2_000_000_000)), &good);
    assert!(matches!(error, ModelError::TensorMissing { .. }), "{error}");
    let mut more = good.clone();
    more[0].name = "blk.0.attn_sinks.weight".to_owned();
    let error = refused(
        &metadata(Family::Qwen2),
        &[good.clone(), more[..1].to_vec()].concat(),
    );
    assert!(matches!(error, ModelError::UnexpectedTensor { .. }), "{error}");
    let mut narrow = good.clone();
    narrow[2].shape = vec![1, narrow[2].values.len()];
    let error = refused(&metadata(Family::Qwen2), &narrow);
    assert!(matches!(error, ModelError::TensorShape { .. }), "{error}");
}

/// Cut anywhere and changed anywhere: an error or a model, never a crash.
#[test]
fn a_damaged_file_is_an_error() {
    let folder = TempDir::new().expect("a scratch folder");
    let file = folder.path().join("model.gguf");
    let tiny = TinyModel::new(Family::Qwen2, 1);
    write_gguf(&file, &metadata(Family::Qwen2), &tensors(&tiny, Element::Q8_0));
    let bytes = fs::read(&file).expect("it was written");
    for length in (0..bytes.len())
        .step_by(bytes.len() / 60)
        .chain([3, 4, 23, bytes.len() - 1])
    {
        fs::write(&file, &bytes[..length]).expect("writable");
        assert!(load(&file).is_err(), "cut to {length} bytes");
    }
    let mut state = 1u64;
    for _ in 0..150 {
        let mut damaged = bytes.clone();
        for _ in 0..3 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // The header, mostly.
            let at = (state >> 33) as usize % 9000.min(bytes.len());
            damaged[at] = (state >> 20) as u8;
        }
        fs::write(&file, &damaged).expect("writable");
        let _ = load(&file);
    }
    fs::write(&file, "version https://git-lfs.github.com/spec/v1\n").expect("writable");
    assert!(matches!(load(&file), Err(ModelError::LfsPointer { .. })));
    fs::write(&file, "PK and so on, long enough for a header").expect("writable");
    assert!(matches!(
        load(&file),
        Err(ModelError::BadGguf {
            why: BadGguf::Magic,
            ..
        })
    ));
}

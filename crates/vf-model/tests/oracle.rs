//! The forward pass against two others: plain loops written here from the papers' equations, and the models
//! of candle-transformers.

#![cfg(feature = "hosted")]

use std::collections::BTreeMap;
use std::fs;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use candle_transformers::models::{llama, qwen2};
use serde_json::json;
use tempfile::TempDir;
use vf_model::testing::{HEADS, HIDDEN, KEY_VALUE_HEADS, LAYERS, TinyModel, Values};
use vf_model::{Family, HostedModel, LoadOptions, Precision};

const FAMILIES: [Family; 2] = [Family::Llama, Family::Qwen2];

fn host_with(tiny: &TinyModel, config: &serde_json::Value, options: &LoadOptions) -> HostedModel {
    let folder = TempDir::new().expect("a scratch folder");
    tiny.write(folder.path()).expect("the folder is writable");
    fs::write(folder.path().join("config.json"), config.to_string()).expect("the folder is writable");
    HostedModel::load(folder.path(), options).expect("a complete folder")
}

fn logits(tiny: &TinyModel, tokens: &[u32]) -> Vec<f32> {
    host_with(tiny, &tiny.config(), &LoadOptions::default())
        .logits(tokens)
        .expect("logits")
}

fn close(found: &[f32], expected: &[f32], within: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    let largest = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max);
    assert!(largest < within, "{what}: differs by {largest}");
}

fn some_tokens(count: usize) -> Vec<u32> {
    (0..count as u32).map(|i| (i * 37 + 11) % 256).collect()
}

/// y = W · x + b, one row of W after another.
fn linear(tensors: &BTreeMap<String, Values>, name: &str, x: &[f32]) -> Vec<f32> {
    let (shape, weight) = &tensors[&format!("{name}.weight")];
    let bias = tensors.get(&format!("{name}.bias"));
    (0..shape[0])
        .map(|row| {
            let sum: f32 = weight[row * shape[1]..(row + 1) * shape[1]]
                .iter()
                .zip(x)
                .map(|(w, x)| w * x)
                .sum();
            sum + bias.map_or(0.0, |(_, b)| b[row])
        })
        .collect()
}

/// x / sqrt(mean(x²) + ε) ∘ w.
fn norm(tensors: &BTreeMap<String, Values>, name: &str, x: &[f32]) -> Vec<f32> {
    let scale = 1.0 / (x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32 + 1e-5).sqrt();
    x.iter()
        .zip(&tensors[name].1)
        .map(|(v, w)| v * scale * w)
        .collect()
}

/// Rotates the pair (i, i + width / 2) of each head by position · 10000^(-2i / width).
fn rotate(x: &mut [f32], position: usize) {
    let width = HIDDEN / HEADS;
    for head in x.chunks_mut(width) {
        for i in 0..width / 2 {
            let angle = position as f32 * 10_000f32.powf(-(2.0 * i as f32) / width as f32);
            let (a, b) = (head[i], head[i + width / 2]);
            head[i] = a * angle.cos() - b * angle.sin();
            head[i + width / 2] = b * angle.cos() + a * angle.sin();
        }
    }
}

/// The whole network with loops, all positions at once, no cache.
fn naive(tiny: &TinyModel, tokens: &[u32]) -> Vec<f32> {
    let tensors = tiny.tensors();
    let width = HIDDEN / HEADS;
    let embedding = &tensors["model.embed_tokens.weight"].1;
    let mut stream: Vec<Vec<f32>> = tokens
        .iter()
        .map(|t| embedding[*t as usize * HIDDEN..(*t as usize + 1) * HIDDEN].to_vec())
        .collect();
    for layer in 0..LAYERS {
        let name = |part: &str| format!("model.layers.{layer}.{part}");
        let normed: Vec<Vec<f32>> = stream
            .iter()
            .map(|x| norm(&tensors, &name("input_layernorm.weight"), x))
            .collect();
        let project = |part: &str, turn: bool| -> Vec<Vec<f32>> {
            let mut rows: Vec<Vec<f32>> = normed
                .iter()
                .map(|x| linear(&tensors, &name(&format!("self_attn.{part}")), x))
                .collect();
            if turn {
                rows.iter_mut()
                    .enumerate()
                    .for_each(|(position, row)| rotate(row, position));
            }
            rows
        };
        let (queries, keys, values) = (
            project("q_proj", true),
            project("k_proj", true),
            project("v_proj", false),
        );
        for (position, x) in stream.iter_mut().enumerate() {
            let mut mixed = vec![0.0; HIDDEN];
            for head in 0..HEADS {
                let query = &queries[position][head * width..(head + 1) * width];
                let group = head / (HEADS / KEY_VALUE_HEADS);
                let part = |row: &[f32]| row[group * width..(group + 1) * width].to_vec();
                let scores: Vec<f32> = (0..=position)
                    .map(|p| part(&keys[p]).iter().zip(query).map(|(k, q)| k * q).sum::<f32>())
                    .map(|s| (s / (width as f32).sqrt()).exp())
                    .collect();
                let total: f32 = scores.iter().sum();
                for (p, score) in scores.iter().enumerate() {
                    for (i, v) in part(&values[p]).iter().enumerate() {
                        mixed[head * width + i] += score / total * v;
                    }
                }
            }
            let output = linear(&tensors, &name("self_attn.o_proj"), &mixed);
            x.iter_mut().zip(output).for_each(|(x, o)| *x += o);
            let m = norm(&tensors, &name("post_attention_layernorm.weight"), x);
            let gate = linear(&tensors, &name("mlp.gate_proj"), &m);
            let up = linear(&tensors, &name("mlp.up_proj"), &m);
            let inner: Vec<f32> = gate
                .iter()
                .zip(up)
                .map(|(g, u)| g / (1.0 + (-g).exp()) * u)
                .collect();
            let down = linear(&tensors, &name("mlp.down_proj"), &inner);
            x.iter_mut().zip(down).for_each(|(x, d)| *x += d);
        }
    }
    let last = norm(&tensors, "model.norm.weight", stream.last().expect("a token"));
    let output = if tiny.tied_embeddings {
        "model.embed_tokens"
    } else {
        "lm_head"
    };
    linear(&tensors, output, &last)
}

/// The same weights in candle-transformers' model of the family.
fn library(tiny: &TinyModel, config: serde_json::Value, tokens: &[u32]) -> Vec<f32> {
    let device = Device::Cpu;
    let tensors = tiny
        .tensors()
        .into_iter()
        .map(|(name, (shape, values))| (name, Tensor::from_vec(values, shape, &device).expect("a tensor")))
        .collect();
    let weights = VarBuilder::from_tensors(tensors, DType::F32, &device);
    let input = Tensor::new(tokens, &device)
        .and_then(|t| t.unsqueeze(0))
        .expect("a tensor");
    let output = match tiny.family {
        Family::Llama => {
            let config: llama::LlamaConfig = serde_json::from_value(config).expect("their configuration");
            let config = config.into_config(false);
            let mut cache = llama::Cache::new(true, DType::F32, &config, &device).expect("a cache");
            let model = llama::Llama::load(weights, &config).expect("their model");
            model.forward(&input, 0, &mut cache)
        }
        Family::Qwen2 => {
            let config: qwen2::Config = serde_json::from_value(config).expect("their configuration");
            let mut model = qwen2::ModelForCausalLM::new(&config, weights).expect("their model");
            model.forward(&input, 0)
        }
        other => panic!("no oracle for {other:?}"),
    };
    output
        .and_then(|o| o.flatten_all()?.to_vec1())
        .expect("their logits")
}

#[test]
fn plain_loops_compute_the_same() {
    for family in FAMILIES {
        for tied_embeddings in [false, true] {
            let tiny = TinyModel {
                tied_embeddings,
                ..TinyModel::new(family, 11)
            };
            for count in [1, 2, 17] {
                let tokens = some_tokens(count);
                close(
                    &logits(&tiny, &tokens),
                    &naive(&tiny, &tokens),
                    1e-4,
                    &format!("{tiny:?} {count}"),
                );
            }
        }
    }
}

/// 700 tokens go through the model in two pieces.
#[test]
fn candle_transformers_computes_the_same() {
    for family in FAMILIES {
        for tied_embeddings in [false, true] {
            let tiny = TinyModel {
                tied_embeddings,
                max_positions: 1024,
                ..TinyModel::new(family, 12)
            };
            for count in [1, 30, 700] {
                let tokens = some_tokens(count);
                let expected = library(&tiny, tiny.config(), &tokens);
                close(
                    &logits(&tiny, &tokens),
                    &expected,
                    1e-3,
                    &format!("{tiny:?} {count}"),
                );
            }
        }
    }
}

#[test]
fn llama3_scaling_is_the_librarys() {
    let tiny = TinyModel {
        max_positions: 512,
        ..TinyModel::new(Family::Llama, 13)
    };
    let mut config = tiny.config();
    config["rope_scaling"] = json!({
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64
    });
    let tokens = some_tokens(200);
    let found = host_with(&tiny, &config, &LoadOptions::default())
        .logits(&tokens)
        .expect("logits");
    close(&found, &library(&tiny, config, &tokens), 1e-3, "llama3");
    let unscaled = logits(&tiny, &tokens);
    assert!(
        found.iter().zip(&unscaled).any(|(a, b)| (a - b).abs() > 1e-2),
        "the scaling changes nothing"
    );
}

#[test]
fn linear_scaling_halves_the_positions() {
    // With a factor of 2, the keys' distances count half: the same as positions 0, 0.5, 1, ... One token has
    // no distance, so its logits stay.
    let tiny = TinyModel::new(Family::Qwen2, 14);
    let mut config = tiny.config();
    config["rope_scaling"] = json!({ "type": "linear", "factor": 2.0 });
    let mut scaled = host_with(&tiny, &config, &LoadOptions::default());
    close(
        &scaled.logits(&[5]).expect("logits"),
        &logits(&tiny, &[5]),
        1e-6,
        "one token",
    );
    let tokens = some_tokens(20);
    let (found, plain) = (scaled.logits(&tokens).expect("logits"), logits(&tiny, &tokens));
    assert!(
        found.iter().zip(&plain).any(|(a, b)| (a - b).abs() > 1e-2),
        "the scaling changes nothing"
    );
}

/// The newer form of the configuration, where the rotation has an object of its own.
#[test]
fn rope_parameters_mean_the_same_as_rope_theta() {
    for family in FAMILIES {
        let tiny = TinyModel::new(family, 15);
        let mut old = tiny.config();
        old["rope_theta"] = json!(500_000.0);
        let mut new = tiny.config();
        new.as_object_mut().expect("an object").remove("rope_theta");
        new["rope_parameters"] = json!({ "rope_type": "default", "rope_theta": 500_000.0 });
        let tokens = some_tokens(30);
        let run = |config| {
            host_with(&tiny, config, &LoadOptions::default())
                .logits(&tokens)
                .expect("logits")
        };
        assert_eq!(run(&old), run(&new));
        assert_ne!(run(&old), logits(&tiny, &tokens), "rope_theta changes nothing");
    }
}

#[test]
fn biases_everywhere_are_used() {
    let tiny = TinyModel::new(Family::Llama, 16);
    let mut tensors = tiny.tensors();
    let width = HIDDEN / HEADS * KEY_VALUE_HEADS;
    for layer in 0..LAYERS {
        for (part, size) in [("q", HIDDEN), ("k", width), ("v", width), ("o", HIDDEN)] {
            let values = (0..size).map(|i| (i as f32 * 0.37).sin()).collect();
            tensors.insert(
                format!("model.layers.{layer}.self_attn.{part}_proj.bias"),
                (vec![size], values),
            );
        }
    }
    let folder = TempDir::new().expect("a scratch folder");
    tiny.write(folder.path()).expect("the folder is writable");
    vf_model::testing::write_safetensors(&folder.path().join("model.safetensors"), &tensors)
        .expect("weights");
    let mut config = tiny.config();
    config["attention_bias"] = json!(true);
    fs::write(folder.path().join("config.json"), config.to_string()).expect("the folder is writable");
    let mut model = HostedModel::load(folder.path(), &LoadOptions::default()).expect("a complete folder");
    let tokens = some_tokens(9);
    let found = model.logits(&tokens).expect("logits");
    assert!(
        found
            .iter()
            .zip(logits(&tiny, &tokens))
            .any(|(a, b)| (a - b).abs() > 1e-2)
    );
}

/// In sixteen bits the numbers are rougher, but positions stay exact: far into the context the result is
/// still close.
#[test]
fn sixteen_bits_stay_close() {
    for family in FAMILIES {
        let tiny = TinyModel {
            max_positions: 1024,
            ..TinyModel::new(family, 17)
        };
        let tokens = some_tokens(600);
        let exact = logits(&tiny, &tokens);
        let spread =
            exact.iter().copied().fold(f32::MIN, f32::max) - exact.iter().copied().fold(f32::MAX, f32::min);
        for dtype in [Precision::Bf16, Precision::F16] {
            let options = LoadOptions {
                dtype,
                ..LoadOptions::default()
            };
            let found = host_with(&tiny, &tiny.config(), &options)
                .logits(&tokens)
                .expect("logits");
            close(&found, &exact, spread / 20.0, &format!("{family:?} {dtype:?}"));
        }
    }
}

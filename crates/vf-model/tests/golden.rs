//! Hosted models of every family against transformers: `scripts/golden-logits.py` wrote down what it computes for
//! tiny models whose weights follow from their names. The same models are made here and must give the same logits
//! (within 1e-4) and the same 64 likeliest tokens, read at once and token by token.

#![cfg(feature = "hosted")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use vf_model::testing::{Values, tokenizer, write_safetensors};
use vf_model::{HostedModel, LoadOptions, ModelError, Prompt, Request, Sampling};

#[derive(Deserialize)]
struct Golden {
    config: Value,
    tensors: BTreeMap<String, Vec<usize>>,
    prompt: String,
    /// By position in the prompt.
    logits: BTreeMap<usize, Vec<f32>>,
    greedy: Vec<u32>,
    log_probability: f64,
    /// Least distance of the likeliest token from the next one.
    margin: f32,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn read(case: &str) -> Golden {
    let text = fs::read_to_string(folder().join(format!("{case}.json"))).expect("a golden file");
    serde_json::from_str(&text).expect("golden data")
}

/// What the script's `values` computes.
fn values(name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
        (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3)
    });
    let (middle, spread) = match (shape.len(), name.ends_with("weight")) {
        (1, true) => (1.0, 0.2),
        (1, false) => (0.0, 0.2),
        _ => (0.0, 0.4),
    };
    let count = shape.iter().product::<usize>() as u64;
    (1..=count)
        .map(|index| {
            let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let unit = (z >> 40) as f64 / f64::from(1 << 23) - 1.0;
            (middle + spread * unit) as f32
        })
        .collect()
}

fn write(golden: &Golden, config: &Value) -> TempDir {
    let folder = TempDir::new().expect("a scratch folder");
    let tensors: BTreeMap<String, Values> = golden
        .tensors
        .iter()
        .map(|(name, shape)| (name.clone(), (shape.clone(), values(name, shape))))
        .collect();
    write_safetensors(&folder.path().join("model.safetensors"), &tensors).expect("weights");
    let put = |name: &str, value: &Value| {
        fs::write(folder.path().join(name), value.to_string()).expect("the folder is writable");
    };
    put("config.json", config);
    put("tokenizer.json", &tokenizer_of(config));
    folder
}

/// The tests' tokenizer has its end token last; the golden models have as many rows as it has tokens.
fn tokenizer_of(config: &Value) -> Value {
    assert_eq!(config["vocab_size"], json!(vf_model::testing::END_TOKEN + 1));
    tokenizer()
}

fn load(golden: &Golden, config: &Value, max_context: usize) -> HostedModel {
    let folder = write(golden, config);
    let options = LoadOptions {
        max_context,
        ..LoadOptions::default()
    };
    HostedModel::load(folder.path(), &options).unwrap_or_else(|e| panic!("{e}"))
}

fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    // A value that is not a number is as far away as can be.
    differences.fold(0.0, |most, d| if d <= most { most } else { d })
}

fn likeliest(logits: &[f32]) -> u32 {
    let best = logits.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(token, _)| token as u32)
}

fn compare(case: &str, golden: &Golden, config: &Value, max_context: usize) -> f32 {
    const WITHIN: f32 = 1e-4;
    assert!(golden.margin > 2.0 * WITHIN, "{case}: too close to tell apart");
    let mut model = load(golden, config, max_context);
    let prompt = model.encode(&golden.prompt).expect("tokens");
    let bytes: Vec<u32> = golden.prompt.bytes().map(u32::from).collect();
    assert_eq!(prompt, bytes, "the prompt's tokens are its bytes");

    let mut worst = 0f32;
    for (position, expected) in &golden.logits {
        let found = model.logits(&prompt[..=*position]).expect("logits");
        let difference = difference(&found, expected);
        assert!(
            difference < WITHIN,
            "{case}: position {position} differs by {difference}"
        );
        worst = worst.max(difference);
    }

    // All at once, again for each token.
    let mut tokens = prompt;
    for (step, expected) in golden.greedy.iter().enumerate() {
        let found = likeliest(&model.logits(&tokens).expect("logits"));
        assert_eq!(found, *expected, "{case}: token {step}, without a cache");
        tokens.push(found);
    }

    // Token by token.
    let sampling = Sampling {
        temperature: 0.0,
        max_new_tokens: golden.greedy.len(),
        ..Sampling::default()
    };
    let request = Request::new(Prompt::Text(&golden.prompt), &sampling);
    let generation = model.run(&request, &mut |_| ControlFlow::Continue(()));
    let completion = generation.expect("a completion").completions.remove(0);
    assert_eq!(completion.tokens, golden.greedy, "{case}: with a cache");
    let off = (completion.log_probability - golden.log_probability).abs();
    // The sum of 64 logarithms, each from logits that may be off by so much.
    assert!(
        off < 64.0 * f64::from(WITHIN) / 4.0,
        "{case}: the log-probability is off by {off}"
    );
    worst
}

/// One test a case: they run side by side, and each failure has its name.
macro_rules! cases {
    ($($name:ident: $case:literal),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let golden = read($case);
                compare($case, &golden, &golden.config, context($case));
            }
        )*

        #[test]
        fn every_golden_file_is_compared() {
            let mut files: Vec<String> = fs::read_dir(folder())
                .expect("the golden files")
                .filter_map(|f| f.expect("a file").file_name().into_string().ok())
                .filter_map(|f| f.strip_suffix(".json").map(str::to_owned))
                .collect();
            files.sort();
            let mut compared = vec![$($case.to_owned()),*];
            compared.sort();
            assert_eq!(files, compared);
        }
    };
}

/// A context within the original positions takes the short list of LongRoPE.
fn context(case: &str) -> usize {
    if case == "phi3-longrope-short" { 128 } else { 256 }
}

cases! {
    llama_with_biases_and_llama3_rotation: "llama",
    llama_tied_with_linear_rotation: "llama-linear-tied",
    llama_with_yarn: "llama-yarn",
    mistral_with_a_window: "mistral",
    mistral_without: "mistral-full",
    qwen2_with_a_window_in_some_layers: "qwen2",
    qwen2_with_yarn: "qwen2-yarn",
    qwen3: "qwen3",
    qwen3_with_a_window_and_biases: "qwen3-window-bias",
    phi3_with_a_window: "phi3",
    phi3_with_partial_rotation: "phi3-partial",
    phi3_within_its_original_context: "phi3-longrope-short",
    phi3_beyond_its_original_context: "phi3-longrope-long",
    granite: "granite",
    granite_with_biases: "granite-bias",
    starcoder2_with_a_window: "starcoder2",
    starcoder2_without_biases: "starcoder2-plain",
    phi_2: "phi",
    stable_lm: "stablelm",
    stable_lm_in_parallel: "stablelm-parallel",
    starcoder_1: "gpt_bigcode",
    gpt_neox: "gpt_neox",
    mixtral: "mixtral",
    qwen2_moe: "qwen2_moe",
    qwen3_moe: "qwen3_moe",
    deepseek_v2: "deepseek_v2",
    deepseek_v2_lite: "deepseek_v2-lite",
    deepseek_v3: "deepseek_v3",
    rwkv5: "rwkv5",
    rwkv6: "rwkv6",
}

/// transformers 4 wrote the rotation at the top.
fn older_form(config: &Value) -> Value {
    let mut config = config.clone();
    let fields = config.as_object_mut().expect("an object");
    let Some(Value::Object(mut rotation)) = fields.remove("rope_parameters") else {
        panic!("no rope_parameters");
    };
    fields.insert(
        "rope_theta".to_owned(),
        rotation.remove("rope_theta").expect("a base"),
    );
    if let Some(share) = rotation.remove("partial_rotary_factor") {
        fields.insert("partial_rotary_factor".to_owned(), share);
    }
    let kind = rotation.remove("rope_type").expect("a kind");
    if kind != "default" {
        rotation.insert("type".to_owned(), kind);
        fields.insert("rope_scaling".to_owned(), Value::Object(rotation));
    }
    config
}

#[test]
fn the_older_form_of_the_rotation_means_the_same() {
    for case in [
        "llama",
        "qwen2-yarn",
        "phi3-partial",
        "phi3-longrope-long",
        "deepseek_v3",
        "stablelm",
    ] {
        let golden = read(case);
        let config = older_form(&golden.config);
        assert_ne!(config, golden.config);
        let mut model = load(&golden, &config, context(case));
        let prompt = model.encode(&golden.prompt).expect("tokens");
        let (position, expected) = golden.logits.last_key_value().expect("logits");
        let found = model.logits(&prompt[..=*position]).expect("logits");
        let difference = difference(&found, expected);
        assert!(difference < 1e-4, "{case}: differs by {difference}");
    }
}

/// A field that changes the computation changes the outcome: the comparison would notice if it were passed over.
#[test]
fn what_a_family_has_of_its_own_matters() {
    for (case, change) in [
        ("mistral", json!({ "sliding_window": null })),
        ("qwen2", json!({ "max_window_layers": 0, "layer_types": null })),
        ("granite", json!({ "embedding_multiplier": 1.0 })),
        ("granite", json!({ "residual_multiplier": 1.0 })),
        ("granite", json!({ "attention_multiplier": 1.0 })),
        ("granite", json!({ "logits_scaling": 1.0 })),
        ("phi", json!({ "hidden_act": "silu" })),
        ("gpt_neox", json!({ "use_parallel_residual": false })),
        ("qwen2_moe", json!({ "num_experts_per_tok": 1 })),
        ("qwen3_moe", json!({ "norm_topk_prob": false })),
        ("deepseek_v2", json!({ "topk_method": "greedy" })),
        ("deepseek_v2", json!({ "routed_scaling_factor": 1.0 })),
        ("deepseek_v3", json!({ "rope_interleave": false })),
        ("rwkv5", json!({ "head_size_divisor": 1000 })),
        ("rwkv6", json!({ "head_size_divisor": 1000 })),
    ] {
        let golden = read(case);
        let mut config = golden.config.clone();
        for (name, value) in change.as_object().expect("an object") {
            config[name] = value.clone();
        }
        let mut model = load(&golden, &config, context(case));
        let prompt = model.encode(&golden.prompt).expect("tokens");
        let (position, expected) = golden.logits.last_key_value().expect("logits");
        let found = model.logits(&prompt[..=*position]).expect("logits");
        assert!(
            difference(&found, expected) > 1e-3,
            "{case}: {change} changes nothing"
        );
    }
}

/// Settings that would change the computation and that are not implemented, and sizes that do not fit.
#[test]
fn what_a_family_does_not_have_is_refused_by_name() {
    for (case, field, value) in [
        (
            "mistral",
            "layer_types",
            json!(["full_attention", "sliding_attention"]),
        ),
        ("mistral", "hidden_act", json!("relu")),
        (
            "qwen2",
            "layer_types",
            json!(["full_attention", "chunked_attention"]),
        ),
        ("qwen2", "layer_types", json!(["full_attention"])),
        ("qwen3_moe", "use_sliding_window", json!(true)),
        ("phi", "qk_layernorm", json!(true)),
        ("stablelm", "qk_layernorm", json!(true)),
        ("stablelm", "head_dim", json!(8)),
        ("starcoder2", "norm_type", json!("rms_norm")),
        ("gpt_bigcode", "scale_attn_weights", json!(false)),
        ("gpt_bigcode", "add_cross_attention", json!(true)),
        ("deepseek_v2", "scoring_func", json!("sigmoid")),
        ("deepseek_v2", "norm_topk_prob", json!(true)),
        ("deepseek_v2", "topk_method", json!("noaux_tc")),
        ("deepseek_v2", "moe_layer_freq", json!(2)),
        ("deepseek_v2", "num_key_value_heads", json!(2)),
        ("deepseek_v2", "n_group", json!(4)),
        ("deepseek_v2", "topk_group", json!(9)),
        ("deepseek_v3", "scoring_func", json!("softmax")),
        ("mixtral", "num_experts_per_tok", json!(6)),
        ("qwen2_moe", "mlp_only_layers", json!([-1])),
        ("granite", "residual_multiplier", json!(0)),
        ("phi3", "quantization_config", json!({ "bits": 4 })),
    ] {
        let mut config = read(case).config;
        config[field] = value.clone();
        let error = config_error(&config);
        let refused = matches!(
            error,
            ModelError::UnsupportedSetting { .. } | ModelError::FieldInvalid { .. }
        );
        assert!(
            refused && error.to_string().contains(field),
            "{case} {value}: {error}"
        );
    }
    // What a class of transformers would fill in with the size of one published model.
    for (case, field) in [
        ("mistral", "num_key_value_heads"),
        ("mistral-full", "sliding_window"),
        ("qwen3", "head_dim"),
        ("phi3", "rope_parameters"),
        ("deepseek_v2", "kv_lora_rank"),
        ("mixtral", "num_experts_per_tok"),
        ("qwen3_moe", "moe_intermediate_size"),
    ] {
        let mut config = read(case).config;
        config.as_object_mut().expect("an object").remove(field);
        let error = config_error(&config);
        assert!(
            matches!(error, ModelError::FieldMissing { .. }),
            "{case} {field}: {error}"
        );
    }
    let mut config = read("phi3-longrope-long").config;
    config["rope_parameters"]["long_factor"] = json!([1.0]);
    assert!(config_error(&config).to_string().contains("long_factor"));
}

fn config_error(config: &Value) -> ModelError {
    let folder = TempDir::new().expect("a scratch folder");
    fs::write(folder.path().join("config.json"), config.to_string()).expect("the folder is writable");
    match vf_model::config::read(folder.path()) {
        Ok(_) => panic!("taken: {config}"),
        Err(error) => error,
    }
}

/// A made-up number of experts ends before names are made for them.
#[test]
fn more_experts_than_tensors_are_refused() {
    let golden = read("mixtral");
    let mut config = golden.config.clone();
    config["num_local_experts"] = json!(2_000_000_000);
    let folder = write(&golden, &config);
    let error = HostedModel::load(folder.path(), &LoadOptions::default()).map(|_| ());
    assert!(
        matches!(error, Err(ModelError::TensorMissing { .. })),
        "{error:?}"
    );
}

/// A recurrent model can only go back to where a state was kept: whatever is taken back, the text is the same. And its own
/// vocabulary is read where no `tokenizer.json` is.
#[test]
fn a_recurrent_model_goes_back() {
    let golden = read("rwkv6");
    let folder = write(&golden, &golden.config);
    fs::remove_file(folder.path().join("tokenizer.json")).expect("a file");
    let missing = HostedModel::load(folder.path(), &LoadOptions::default()).map(|_| ());
    assert!(
        matches!(missing, Err(ModelError::FileMissing { .. })),
        "{missing:?}"
    );
    let mut vocabulary = String::new();
    for byte in 0..=u8::MAX {
        vocabulary.push_str(&format!("{} b'\\x{byte:02x}' 1\n", u32::from(byte) + 1));
    }
    for (id, token) in (257..).zip([" the", "return", "if (", "len", "NULL", "->"]) {
        vocabulary.push_str(&format!("{id} '{token}' {}\n", token.len()));
    }
    fs::write(folder.path().join("rwkv_vocab_v20230424.txt"), vocabulary).expect("writable");
    let load = || HostedModel::load(folder.path(), &LoadOptions::default()).expect("a folder");
    // One that guesses as it would itself.
    let mut model = load().with_draft(load()).expect("the same vocabulary");
    let text = "if (len > 8) return NULL; /* é */";
    let tokens = model.encode(text).expect("tokens");
    assert_eq!(tokens.first(), Some(&259));
    assert_eq!(model.decode(&tokens).expect("text"), text);

    let sampling = Sampling {
        temperature: 1.0,
        max_new_tokens: 40,
        samples: 3,
        ..Sampling::default()
    };
    let mut run = |prompt: &str, guesses: usize| {
        let mut request = Request::new(Prompt::Text(prompt), &sampling);
        request.guesses = guesses;
        let generation = model.run(&request, &mut |_| ControlFlow::Continue(()));
        let generation = generation.expect("completions");
        (generation.completions, generation.statistics)
    };
    let (first, _) = run(text, 0);
    // What the next prompt shares with this one is not read again, where a state was kept there.
    let (again, statistics) = run(text, 0);
    assert_eq!(again, first);
    assert!(statistics.reused_tokens == 0 || statistics.prompt_tokens < tokens.len());
    let (guessed, statistics) = run(text, 4);
    assert_eq!(guessed, first, "with guesses");
    assert!(statistics.guessed > 0);
    run("another text altogether", 0);
    assert_eq!(run(text, 0).0, first);
    let longer = format!("{text} len");
    let (_, statistics) = run(&longer, 0);
    assert!(statistics.reused_tokens > 0, "{statistics:?}");
}

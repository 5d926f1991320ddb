//! Model folders that are incomplete, damaged or of another kind: each is its own error, names its file, and
//! none of them panics.

#![cfg(feature = "hosted")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use vf_model::testing::{END_TOKEN, HIDDEN, TinyModel, VOCABULARY, tokenizer, write_safetensors};
use vf_model::{BadWeights, Family, HostedModel, LoadOptions, ModelError, Processor, Sampling};

const WEIGHTS: &str = "model.safetensors";

struct Folder(TempDir);

impl Folder {
    fn new() -> Folder {
        Folder::of(&TinyModel::new(Family::Llama, 1))
    }

    fn of(model: &TinyModel) -> Folder {
        let folder = Folder(TempDir::new().expect("a scratch folder"));
        model.write(folder.path()).expect("the folder is writable");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.file(name), bytes).expect("the folder is writable");
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.file(name)).expect("the file is there");
    }

    /// Changes `config.json`; a null removes the field.
    fn configure(&self, fields: Value) {
        let text = fs::read_to_string(self.file("config.json")).expect("it is there");
        let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
        for (name, value) in fields.as_object().expect("an object") {
            config[name] = value.clone();
        }
        self.write("config.json", config.to_string());
    }

    fn load(&self) -> Result<HostedModel, ModelError> {
        HostedModel::load(self.path(), &LoadOptions::default())
    }

    #[track_caller]
    fn error(&self) -> ModelError {
        match self.load() {
            Ok(_) => panic!("the folder was taken"),
            Err(error) => error,
        }
    }
}

/// The folder's error has this form, and its message names this.
macro_rules! refuses {
    ($folder:expr, $pattern:pat, $named:expr) => {{
        let error = $folder.error();
        assert!(matches!(&error, $pattern), "{error:?}");
        let message = error.to_string();
        assert!(message.contains($named), "no {:?} in: {message}", $named);
    }};
}

#[test]
fn complete_folders_load() {
    for family in [Family::Llama, Family::Qwen2] {
        for shards in [1, 3] {
            for tied_embeddings in [false, true] {
                let model = TinyModel {
                    shards,
                    tied_embeddings,
                    ..TinyModel::new(family, 1)
                };
                let hosted = Folder::of(&model).load();
                assert_eq!(hosted.expect("a complete folder").config().family, family);
            }
        }
    }
}

#[test]
fn shards_say_the_same_as_one_file() {
    let sampling = Sampling {
        max_new_tokens: 12,
        ..Sampling::default()
    };
    let say = |shards| {
        let folder = Folder::of(&TinyModel {
            shards,
            ..TinyModel::new(Family::Qwen2, 4)
        });
        folder
            .load()
            .expect("a folder")
            .generate("int x;", &sampling)
            .expect("text")
    };
    assert_eq!(say(1), say(4));
}

#[test]
fn a_single_file_may_have_any_name() {
    let folder = Folder::new();
    fs::rename(folder.file(WEIGHTS), folder.file("consolidated.safetensors")).expect("renamed");
    assert!(folder.load().is_ok());
    fs::copy(
        folder.file("consolidated.safetensors"),
        folder.file("more.safetensors"),
    )
    .expect("copied");
    refuses!(
        folder,
        ModelError::AmbiguousWeights { count: 2, .. },
        "index.json"
    );
}

#[test]
fn the_folder_itself() {
    let folder = Folder::new();
    let load = |path: &Path| HostedModel::load(path, &LoadOptions::default()).err();
    assert!(matches!(
        load(&folder.file("nowhere")),
        Some(ModelError::FolderMissing { .. })
    ));
    assert!(matches!(
        load(&folder.file(WEIGHTS)),
        Some(ModelError::NotAFolder { .. })
    ));
    let empty = TempDir::new().expect("a scratch folder");
    assert!(matches!(
        load(empty.path()),
        Some(ModelError::FileMissing {
            file: "config.json",
            ..
        })
    ));
}

#[test]
fn missing_files() {
    for name in ["config.json", "tokenizer.json"] {
        let folder = Folder::new();
        folder.remove(name);
        refuses!(folder, ModelError::FileMissing { .. }, name);
    }
    let folder = Folder::new();
    folder.remove(WEIGHTS);
    refuses!(
        folder,
        ModelError::NoWeights {
            other_format: false,
            ..
        },
        "model.safetensors"
    );
    folder.write("pytorch_model.bin", "x");
    refuses!(
        folder,
        ModelError::NoWeights {
            other_format: true,
            ..
        },
        "convert"
    );
}

#[test]
fn text_files_that_are_no_json() {
    for name in ["config.json", "tokenizer.json", "generation_config.json"] {
        let folder = Folder::new();
        folder.write(name, b"{\"a\": \xff}");
        refuses!(folder, ModelError::NotUtf8 { offset: 6, .. }, name);
        folder.write(name, "{\n  \"a\": }");
        refuses!(
            folder,
            ModelError::NotJson {
                line: 2,
                column: 8,
                ..
            },
            name
        );
        folder.write(name, "");
        refuses!(folder, ModelError::NotJson { .. }, name);
    }
    let folder = Folder::new();
    folder.write("config.json", "[1]");
    refuses!(folder, ModelError::FieldInvalid { .. }, "an object");
    folder.remove("config.json");
    fs::create_dir(folder.file("config.json")).expect("the folder is writable");
    refuses!(folder, ModelError::Read { .. }, "config.json");
}

#[test]
fn families() {
    let folder = Folder::new();
    folder.configure(json!({ "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"] }));
    refuses!(folder, ModelError::UnsupportedFamily { .. }, "qwen2_moe");
    folder.configure(json!({ "model_type": "llama", "architectures": ["LlamaForSequenceClassification"] }));
    refuses!(
        folder,
        ModelError::UnsupportedFamily { .. },
        "LlamaForSequenceClassification"
    );
    folder.configure(json!({ "model_type": "llama", "architectures": ["Qwen2ForCausalLM"] }));
    refuses!(folder, ModelError::ConflictingFamily { .. }, "Qwen2ForCausalLM");
    folder.configure(json!({ "model_type": null, "architectures": [] }));
    refuses!(folder, ModelError::NoFamily { .. }, "architectures");
    folder.configure(json!({ "model_type": 3 }));
    refuses!(folder, ModelError::FieldInvalid { .. }, "model_type");
    // One of the two is enough.
    folder.configure(json!({ "model_type": null, "architectures": ["LlamaForCausalLM"] }));
    assert!(folder.load().is_ok());
    folder.configure(json!({ "model_type": "llama", "architectures": null }));
    assert!(folder.load().is_ok());
}

#[test]
fn sizes_in_the_configuration() {
    for name in [
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
        "num_key_value_heads",
        "vocab_size",
        "max_position_embeddings",
    ] {
        for value in [
            json!(0),
            json!(-4),
            json!(2.5),
            json!("32"),
            json!([32]),
            json!(1u64 << 40),
        ] {
            let folder = Folder::new();
            folder.configure(json!({ name: value }));
            refuses!(folder, ModelError::FieldInvalid { .. }, name);
        }
        if name != "num_key_value_heads" {
            let folder = Folder::new();
            folder.configure(json!({ name: null }));
            refuses!(folder, ModelError::FieldMissing { .. }, name);
        }
    }
    let folder = Folder::of(&TinyModel::new(Family::Qwen2, 1));
    folder.configure(json!({ "num_key_value_heads": null }));
    refuses!(folder, ModelError::FieldMissing { .. }, "num_key_value_heads");
    let folder = Folder::new();
    folder.configure(json!({ "num_key_value_heads": 3 }));
    refuses!(folder, ModelError::FieldInvalid { .. }, "divisor");
    folder.configure(json!({ "num_key_value_heads": 5, "num_attention_heads": 5 }));
    refuses!(folder, ModelError::FieldInvalid { .. }, "divisor of hidden_size");
    let folder = Folder::new();
    folder.configure(json!({ "head_dim": 7 }));
    refuses!(folder, ModelError::FieldInvalid { .. }, "even");
    for value in [json!(-1e-5), json!("small")] {
        folder.configure(json!({ "head_dim": null, "rms_norm_eps": value }));
        refuses!(folder, ModelError::FieldInvalid { .. }, "rms_norm_eps");
    }
    // A made-up number of layers must not make a list as long.
    let folder = Folder::new();
    folder.configure(json!({ "num_hidden_layers": 2_000_000_000 }));
    refuses!(
        folder,
        ModelError::TensorMissing { .. },
        "model.layers.1999999999"
    );
}

#[test]
fn what_would_change_the_computation_is_refused() {
    for (fields, named) in [
        (json!({ "hidden_act": "relu2" }), "relu2"),
        (
            json!({ "quantization_config": { "bits": 4 } }),
            "quantization_config",
        ),
        (
            json!({ "layer_types": ["full_attention", "sliding_attention"] }),
            "layer_types",
        ),
        (json!({ "partial_rotary_factor": 0.5 }), "partial_rotary_factor"),
        (
            json!({ "rope_scaling": { "rope_type": "ntk", "factor": 4.0 } }),
            "rope_scaling.rope_type",
        ),
        (
            json!({ "rope_scaling": { "type": "dynamic", "factor": 4.0 } }),
            "dynamic",
        ),
        (
            json!({ "rope_parameters": { "rope_type": "yarn", "rope_theta": 1e4, "mrope_section": [1] } }),
            "mrope_section",
        ),
        (
            json!({ "rope_parameters": { "full_attention": { "rope_theta": 1e4 } } }),
            "full_attention",
        ),
    ] {
        for family in [Family::Llama, Family::Qwen2] {
            let folder = Folder::of(&TinyModel::new(family, 1));
            folder.configure(fields.clone());
            refuses!(folder, ModelError::UnsupportedSetting { .. }, named);
        }
    }
    let folder = Folder::new();
    folder.configure(json!({ "use_sliding_window": true }));
    refuses!(
        folder,
        ModelError::UnsupportedSetting { .. },
        "use_sliding_window"
    );
    folder.configure(json!({ "use_sliding_window": null }));
    for (scaling, named) in [
        (
            json!({ "rope_type": "yarn", "factor": 4.0 }),
            "original_max_position_embeddings",
        ),
        (
            json!({ "rope_type": "longrope", "original_max_position_embeddings": 64 }),
            "short_factor",
        ),
    ] {
        folder.configure(json!({ "rope_scaling": scaling }));
        refuses!(folder, ModelError::FieldMissing { .. }, named);
    }
    folder.configure(json!({ "rope_scaling": null }));
    for (fields, named) in [
        (json!({ "rope_theta": -1.0 }), "rope_theta"),
        (
            json!({ "rope_theta": 1e4, "rope_scaling": { "type": "linear", "factor": 0.0 } }),
            "rope_scaling.factor",
        ),
        (json!({ "rope_scaling": "yarn" }), "rope_scaling"),
        (
            json!({ "rope_scaling": null, "rope_parameters": 3 }),
            "rope_parameters",
        ),
    ] {
        folder.configure(fields);
        refuses!(folder, ModelError::FieldInvalid { .. }, named);
    }
    let folder = Folder::new();
    folder.configure(json!({ "rope_parameters": { "rope_type": "default", "rope_theta": 5e5 } }));
    refuses!(
        folder,
        ModelError::ConflictingFields { .. },
        "rope_parameters.rope_theta"
    );
    folder.configure(json!({ "rope_theta": null, "rope_parameters": { "rope_type": "default" } }));
    refuses!(
        folder,
        ModelError::FieldMissing { .. },
        "rope_parameters.rope_theta"
    );
    folder.configure(json!({ "rope_parameters": null, "rope_scaling": { "factor": 2.0 } }));
    refuses!(folder, ModelError::FieldMissing { .. }, "rope_type");
    folder.configure(json!({ "rope_scaling": null, "eos_token_id": VOCABULARY }));
    refuses!(folder, ModelError::FieldInvalid { .. }, "eos_token_id");
}

#[test]
fn both_forms_of_configuration_are_read_and_must_agree() {
    let tiny = TinyModel::new(Family::Llama, 1);
    let read = |fields: Value| {
        let folder = Folder::of(&tiny);
        folder.configure(fields);
        vf_model::config::read(folder.path()).map(|c| c.rope)
    };
    let theta = |fields: Value| read(fields).map(|rope| rope.theta).expect("a good configuration");
    assert_eq!(theta(json!({ "rope_theta": 5e5 })), 5e5);
    assert_eq!(
        theta(
            json!({ "rope_theta": null, "rope_parameters": { "rope_type": "default", "rope_theta": 5e5 } })
        ),
        5e5
    );
    // The new form under the old name.
    assert_eq!(
        theta(json!({ "rope_theta": null, "rope_scaling": { "rope_type": "default", "rope_theta": 5e5 } })),
        5e5
    );
    let llama3 = |inside: Value, outside: Value| {
        let mut scaling = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0
        });
        scaling["original_max_position_embeddings"] = inside;
        read(json!({ "rope_scaling": scaling, "original_max_position_embeddings": outside }))
    };
    let inside = llama3(json!(64), Value::Null).expect("inside");
    assert_eq!(llama3(Value::Null, json!(64)).expect("outside"), inside);
    assert_eq!(llama3(json!(64), json!(64)).expect("both"), inside);
    assert!(matches!(
        llama3(json!(64), json!(128)),
        Err(ModelError::ConflictingFields { .. })
    ));
    assert!(matches!(
        llama3(Value::Null, Value::Null),
        Err(ModelError::FieldMissing { .. })
    ));
    for fields in [
        json!({ "rope_theta": 1e4, "rope_scaling": { "rope_type": "default", "rope_theta": 5e5 } }),
        json!({
            "rope_theta": null,
            "rope_scaling": { "rope_type": "default", "rope_theta": 1e4 },
            "rope_parameters": { "rope_type": "default", "rope_theta": 5e5 },
        }),
        json!({ "dtype": "bfloat16", "torch_dtype": "float16" }),
    ] {
        assert!(
            matches!(read(fields.clone()), Err(ModelError::ConflictingFields { .. })),
            "{fields}"
        );
    }
    for fields in [
        json!({ "dtype": "float8_e4m3fn" }),
        json!({ "torch_dtype": "int8" }),
        json!({ "rope_scaling": { "rope_type": "linear", "factor": 2.0, "attention_factor": 0.5 } }),
        json!({ "rope_scaling": { "rope_type": "default", "mrope_section": [1, 2] } }),
    ] {
        assert!(
            matches!(read(fields.clone()), Err(ModelError::UnsupportedSetting { .. })),
            "{fields}"
        );
    }
    for fields in [
        json!({ "dtype": "bfloat16" }),
        json!({ "torch_dtype": "torch.float32", "dtype": "float32" }),
        json!({ "rope_scaling": { "rope_type": "linear", "factor": 2.0, "attention_factor": null } }),
    ] {
        assert!(read(fields.clone()).is_ok(), "{fields}");
    }
    assert!(matches!(
        read(json!({ "dtype": 7 })),
        Err(ModelError::FieldInvalid { .. })
    ));
}

#[test]
fn damaged_weights() {
    let folder = Folder::new();
    let whole = fs::read(folder.file(WEIGHTS)).expect("it is there");
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("eight bytes")) as usize;

    folder.write(WEIGHTS, "");
    refuses!(folder, ModelError::EmptyWeights { .. }, WEIGHTS);
    for length in [1, 7, 8, 100, header - 1, header, header + 1, whole.len() - 1] {
        folder.write(WEIGHTS, &whole[..length]);
        refuses!(folder, ModelError::TruncatedWeights { .. }, WEIGHTS);
    }
    folder.write(
        WEIGHTS,
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    );
    refuses!(folder, ModelError::LfsPointer { .. }, "git lfs pull");
    folder.write(WEIGHTS, [0xff; 64]);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::HeaderTooLong { .. },
            ..
        },
        WEIGHTS
    );

    let with_header = |text: &str, data: usize| {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        folder.write(WEIGHTS, bytes);
    };
    with_header("{\"a\": ", 4);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::HeaderNotJson { .. },
            ..
        },
        "not JSON"
    );
    with_header("[]", 0);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::HeaderNotJson { .. },
            ..
        },
        "not JSON"
    );
    with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}"#, 8);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::Size { .. },
            ..
        },
        "8 bytes"
    );
    with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}"#, 8);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::Layout { .. },
            ..
        },
        "gap"
    );
    with_header(r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 8);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::TrailingBytes { bytes: 4 },
            ..
        },
        "follow"
    );
    for entry in [
        r#"{"a":3}"#,
        r#"{"a":{"dtype":7,"shape":[1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#,
        r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,18446744073709551615]}}"#,
        r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#,
    ] {
        with_header(entry, 4);
        refuses!(
            folder,
            ModelError::BadWeights {
                why: BadWeights::Entry { .. },
                ..
            },
            "tensor a"
        );
    }
    let mut bytes = 4u64.to_le_bytes().to_vec();
    bytes.extend([0xff, 0xfe, 0xfd, 0xfc]);
    folder.write(WEIGHTS, bytes);
    refuses!(
        folder,
        ModelError::BadWeights {
            why: BadWeights::HeaderNotUtf8,
            ..
        },
        WEIGHTS
    );
}

#[test]
fn tensors_that_do_not_fit() {
    let tiny = TinyModel::new(Family::Llama, 1);
    let folder = Folder::of(&tiny);
    let name = "model.layers.1.self_attn.q_proj.weight";

    let mut tensors = tiny.tensors();
    tensors.remove(name);
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    refuses!(folder, ModelError::TensorMissing { .. }, name);

    tensors.insert(name.to_owned(), (vec![HIDDEN, 2], vec![0.0; HIDDEN * 2]));
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    refuses!(folder, ModelError::TensorShape { .. }, name);

    let mut tensors = tiny.tensors();
    let extra = "model.layers.0.self_attn.q_norm.weight";
    tensors.insert(extra.to_owned(), (vec![8], vec![1.0; 8]));
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    refuses!(folder, ModelError::UnexpectedTensor { .. }, extra);

    // Qwen2's biases in a model that calls itself Llama.
    let folder = Folder::of(&TinyModel::new(Family::Qwen2, 1));
    folder.configure(json!({ "model_type": "llama", "architectures": ["LlamaForCausalLM"] }));
    refuses!(folder, ModelError::UnexpectedTensor { .. }, "proj.bias");

    // What checkpoints carry along is no reason to refuse.
    let folder = Folder::of(&tiny);
    let mut tensors = tiny.tensors();
    tensors.insert(
        "model.layers.0.self_attn.rotary_emb.inv_freq".to_owned(),
        (vec![4], vec![0.0; 4]),
    );
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    assert!(folder.load().is_ok());
    folder.configure(json!({ "tie_word_embeddings": true }));
    assert!(folder.load().is_ok());

    // Another element type of the same size.
    let folder = Folder::new();
    let bytes = fs::read(folder.file(WEIGHTS)).expect("it is there");
    let text = String::from_utf8_lossy(&bytes[8..]).into_owned();
    let header = &text[..text.find("}}").expect("the header ends") + 2];
    let changed = header.replacen("\"F32\"", "\"I32\"", 1);
    let mut damaged = bytes[..8].to_vec();
    damaged.extend(changed.as_bytes());
    damaged.extend(&bytes[8 + header.len()..]);
    folder.write(WEIGHTS, damaged);
    refuses!(folder, ModelError::TensorType { .. }, "I32");
}

#[test]
fn shards_that_do_not_fit() {
    let index = "model.safetensors.index.json";
    let sharded = || {
        Folder::of(&TinyModel {
            shards: 2,
            ..TinyModel::new(Family::Llama, 1)
        })
    };
    let (first, second) = (
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
    );

    let folder = sharded();
    folder.remove(second);
    refuses!(folder, ModelError::ShardMissing { .. }, second);

    let folder = sharded();
    fs::copy(folder.file(first), folder.file(second)).expect("copied");
    refuses!(folder, ModelError::DuplicateTensor { .. }, first);

    let folder = sharded();
    let text = fs::read_to_string(folder.file(index)).expect("it is there");
    for (bad, named) in [
        ("../secret.safetensors", "../secret"),
        ("/etc/passwd", "/etc/passwd"),
        ("..", ".."),
    ] {
        folder.write(index, text.replacen(first, bad, 1));
        refuses!(folder, ModelError::BadShardName { .. }, named);
    }
    folder.write(index, text.replacen(first, second, 1));
    refuses!(folder, ModelError::IndexMismatch { .. }, second);
    folder.write(index, "{\"weight_map\": {\"a\": 7}}");
    refuses!(folder, ModelError::BadShardName { .. }, "7");
    folder.write(index, "{}");
    refuses!(folder, ModelError::FieldMissing { .. }, "weight_map");
    folder.write(index, "{");
    refuses!(folder, ModelError::NotJson { .. }, index);
    let folder = sharded();
    folder.write(first, "");
    refuses!(folder, ModelError::EmptyWeights { .. }, first);
}

#[test]
fn tokenizers_that_do_not_fit() {
    let folder = Folder::new();
    folder.write("tokenizer.json", "{}");
    refuses!(folder, ModelError::BadTokenizer { .. }, "tokenizer.json");
    let mut wrong = tokenizer();
    wrong["model"]["type"] = json!("Morse");
    folder.write("tokenizer.json", wrong.to_string());
    refuses!(folder, ModelError::BadTokenizer { .. }, "tokenizer.json");
    let mut wrong = tokenizer();
    wrong["model"]["merges"] = json!([["never", "seen"]]);
    folder.write("tokenizer.json", wrong.to_string());
    refuses!(folder, ModelError::BadTokenizer { .. }, "tokenizer.json");

    let mut large = tokenizer();
    large["model"]["vocab"]["zz"] = json!(VOCABULARY);
    folder.write("tokenizer.json", large.to_string());
    refuses!(folder, ModelError::VocabularyTooLarge { .. }, "tokenizer.json");

    let mut small = tokenizer();
    small["model"]["merges"] = json!([]);
    let vocabulary = small["model"]["vocab"].as_object_mut().expect("an object");
    vocabulary.retain(|_, id| id.as_u64().is_none_or(|id| id >= 100));
    folder.write("tokenizer.json", small.to_string());
    refuses!(folder, ModelError::VocabularyTooSmall { .. }, "different models");
}

/// The tokenizer library panics on this one, at a text with a character of two bytes.
#[test]
fn a_tokenizer_that_gives_up_is_an_error() {
    let folder = Folder::new();
    let mut wrong = tokenizer();
    wrong["normalizer"] = json!({ "type": "Replace", "pattern": { "Regex": "" }, "content": "x" });
    folder.write("tokenizer.json", wrong.to_string());
    let mut model = folder.load().expect("it can be read");
    let result = model.generate("é", &Sampling::default());
    assert!(matches!(result, Err(ModelError::Encode { .. })), "{result:?}");
}

/// A tokenizer that cuts its input, as training scripts leave it, must not cut a prompt.
#[test]
fn a_prompt_stays_whole() {
    let folder = Folder::new();
    let mut cutting = tokenizer();
    cutting["truncation"] =
        json!({ "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 });
    folder.write("tokenizer.json", cutting.to_string());
    let model = folder.load().expect("a complete folder");
    assert_eq!(model.encode("0123456789").expect("text").len(), 10);
}

#[test]
fn weights_that_are_no_numbers() {
    let tiny = TinyModel::new(Family::Llama, 1);
    let folder = Folder::of(&tiny);
    let mut tensors = tiny.tensors();
    tensors
        .get_mut("model.norm.weight")
        .expect("it is there")
        .1
        .fill(f32::NAN);
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    let result = folder
        .load()
        .expect("a complete folder")
        .generate("int", &Sampling::default());
    assert!(matches!(result, Err(ModelError::NotANumber { .. })), "{result:?}");
}

/// Rows that the tokenizer does not know are never chosen, however likely the weights make them.
#[test]
fn tokens_without_text_are_never_chosen() {
    let tiny = TinyModel::new(Family::Llama, 1);
    let folder = Folder::of(&tiny);
    let mut tensors = tiny.tensors();
    let output = &mut tensors.get_mut("lm_head.weight").expect("it is there").1;
    output[(END_TOKEN as usize + 1) * HIDDEN..]
        .iter_mut()
        .for_each(|w| *w *= 100.0);
    write_safetensors(&folder.file(WEIGHTS), &tensors).expect("weights");
    let mut model = folder.load().expect("a complete folder");
    for temperature in [0.0, 1.0] {
        let sampling = Sampling {
            temperature,
            max_new_tokens: 30,
            ..Sampling::default()
        };
        let completions = model.generate("int", &sampling).expect("text");
        assert!(completions[0].tokens.iter().all(|t| *t <= END_TOKEN));
    }
}

#[cfg(not(feature = "cuda"))]
#[test]
fn cuda_is_not_built_in() {
    let options = LoadOptions {
        device: Processor::Cuda(0),
        ..LoadOptions::default()
    };
    let result = HostedModel::load(Folder::new().path(), &options);
    assert!(matches!(result.err(), Some(ModelError::CudaNotBuilt)));
}

/// Every byte of the small files and of the weights' header, changed one at a time: an error or a model, never
/// a panic.
#[test]
fn single_damaged_bytes_never_panic() {
    for name in ["config.json", "tokenizer.json", WEIGHTS] {
        let folder = Folder::new();
        let whole = fs::read(folder.file(name)).expect("it is there");
        let end = if name == WEIGHTS { 1200 } else { whole.len() };
        for at in (0..end.min(whole.len())).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] = damaged[at].wrapping_add(1);
            folder.write(name, &damaged);
            if let Err(error) = folder.load() {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

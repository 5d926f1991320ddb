//! `config.json` of a model folder, normalised to what the decoder needs.
//!
//! Two published forms are read: the one of transformers 4 (`rope_theta`, `rope_scaling` at the top) and the
//! one of transformers 5 (both inside `rope_parameters`). A field that would change the computation and that
//! the decoder does not implement is an error: a model that runs slightly wrong looks like a bad model.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::ModelError;
use crate::files;

/// What can be hosted, for messages.
pub const SUPPORTED: &str = "llama (LlamaForCausalLM) and qwen2 (Qwen2ForCausalLM)";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Touvron et al., "LLaMA: Open and Efficient Foundation Language Models" (arXiv 2302.13971), and its
    /// successors of the same shape.
    Llama,
    /// Yang et al., "Qwen2 Technical Report" (arXiv 2407.10671): Llama with biases on query, key and value.
    Qwen2,
}

impl Family {
    pub fn name(self) -> &'static str {
        match self {
            Family::Llama => "llama",
            Family::Qwen2 => "qwen2",
        }
    }

    fn architecture(self) -> &'static str {
        match self {
            Family::Llama => "LlamaForCausalLM",
            Family::Qwen2 => "Qwen2ForCausalLM",
        }
    }

    const ALL: [Family; 2] = [Family::Llama, Family::Qwen2];
}

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
    /// Even: rotary embedding turns pairs.
    pub head_dim: usize,
    pub rms_norm_eps: f64,
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
}

/// Rotary position embedding (Su et al., arXiv 2104.09864).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    pub theta: f64,
    pub scaling: RopeScaling,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    None,
    /// All frequencies divided by the factor (Chen et al., arXiv 2306.15595).
    Linear {
        factor: f64,
    },
    /// Low frequencies divided by the factor, high ones kept, a ramp between (Llama 3.1 model card).
    Llama3 {
        factor: f64,
        low_freq_factor: f64,
        high_freq_factor: f64,
        original_positions: f64,
    },
}

/// Reads `config.json` and, where there is one, `generation_config.json`.
pub fn read(folder: &Path) -> Result<Config, ModelError> {
    let file = folder.join("config.json");
    let text = files::read_text(folder, "config.json")?;
    let fields = Fields::parse(file, &text)?;
    let mut config = parse(&fields)?;
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

fn parse(fields: &Fields) -> Result<Config, ModelError> {
    let family = family(fields)?;
    refuse_what_changes_the_computation(fields)?;
    check_element_type(fields)?;

    let hidden_size = fields.size("hidden_size")?;
    let heads = fields.size("num_attention_heads")?;
    let key_value_heads = match (fields.optional_size("num_key_value_heads")?, family) {
        (Some(n), _) => n,
        (None, Family::Llama) => heads,
        // The default of the published configuration class is 32, whatever the number of heads.
        (None, Family::Qwen2) => return Err(fields.missing("num_key_value_heads")),
    };
    if heads % key_value_heads != 0 {
        let value = Value::from(key_value_heads);
        return Err(fields.invalid("num_key_value_heads", &value, "a divisor of num_attention_heads"));
    }
    let head_dim = match fields.optional_size("head_dim")? {
        Some(n) => n,
        None if hidden_size % heads == 0 => hidden_size / heads,
        None => {
            let value = Value::from(heads);
            return Err(fields.invalid("num_attention_heads", &value, "a divisor of hidden_size"));
        }
    };
    if head_dim % 2 != 0 {
        return Err(fields.invalid("head_dim", &Value::from(head_dim), "an even number"));
    }
    let (query_key_value_bias, attention_output_bias) = match family {
        Family::Llama => {
            let bias = fields.flag("attention_bias", false)?;
            (bias, bias)
        }
        Family::Qwen2 => (true, false),
    };
    Ok(Config {
        family,
        vocab_size: fields.size("vocab_size")?,
        hidden_size,
        intermediate_size: fields.size("intermediate_size")?,
        layers: fields.size("num_hidden_layers")?,
        heads,
        key_value_heads,
        head_dim,
        rms_norm_eps: fields.positive("rms_norm_eps")?.unwrap_or(1e-6),
        rope: rope(fields)?,
        max_positions: fields.size("max_position_embeddings")?,
        tied_embeddings: fields.flag("tie_word_embeddings", false)?,
        query_key_value_bias,
        attention_output_bias,
        feed_forward_bias: family == Family::Llama && fields.flag("mlp_bias", false)?,
        end_tokens: fields.token_ids("eos_token_id")?,
    })
}

fn family(fields: &Fields) -> Result<Family, ModelError> {
    let unsupported = |found: &str| ModelError::UnsupportedFamily {
        file: fields.file.clone(),
        found: found.to_owned(),
        supported: SUPPORTED,
    };
    let model_type = fields.optional_text("model_type")?;
    let architecture = match fields.get("architectures") {
        None => None,
        Some(Value::Array(list)) if list.is_empty() => None,
        Some(Value::Array(list)) => match list.first().and_then(Value::as_str) {
            Some(name) if list.len() == 1 => Some(name.to_owned()),
            _ => {
                return Err(fields.invalid(
                    "architectures",
                    &Value::Array(list.clone()),
                    "a list of one name",
                ));
            }
        },
        Some(other) => return Err(fields.invalid("architectures", other, "a list of one name")),
    };
    let by_type = match &model_type {
        None => None,
        Some(name) => Some(
            Family::ALL
                .into_iter()
                .find(|f| f.name() == name)
                .ok_or_else(|| unsupported(name))?,
        ),
    };
    let by_architecture = match &architecture {
        None => None,
        Some(name) => Some(
            Family::ALL
                .into_iter()
                .find(|f| f.architecture() == name)
                .ok_or_else(|| unsupported(name))?,
        ),
    };
    match (by_type, by_architecture) {
        (Some(a), Some(b)) if a != b => Err(ModelError::ConflictingFamily {
            file: fields.file.clone(),
            model_type: a.name().to_owned(),
            architecture: b.architecture().to_owned(),
        }),
        (Some(family), _) | (None, Some(family)) => Ok(family),
        (None, None) => Err(ModelError::NoFamily {
            file: fields.file.clone(),
            supported: SUPPORTED,
        }),
    }
}

fn refuse_what_changes_the_computation(fields: &Fields) -> Result<(), ModelError> {
    let activation = fields
        .optional_text("hidden_act")?
        .unwrap_or_else(|| "silu".to_owned());
    if activation != "silu" {
        return Err(fields.unsupported(
            "hidden_act",
            &Value::from(activation),
            "only \"silu\" is implemented",
        ));
    }
    if let Some(value) = fields.get("quantization_config") {
        return Err(fields.unsupported(
            "quantization_config",
            value,
            "quantised weights are not implemented",
        ));
    }
    if fields.flag("use_sliding_window", false)? {
        let value = Value::Bool(true);
        return Err(fields.unsupported("use_sliding_window", &value, "only full attention is implemented"));
    }
    if let Some(value) = fields.get("layer_types") {
        let full = |v: &Value| v.as_str() == Some("full_attention");
        if !value.as_array().is_some_and(|list| list.iter().all(full)) {
            return Err(fields.unsupported("layer_types", value, "only full attention is implemented"));
        }
    }
    if let Some(factor) = fields.positive("partial_rotary_factor")?
        && factor != 1.0
    {
        let value = Value::from(factor);
        return Err(fields.unsupported("partial_rotary_factor", &value, "rotation of whole heads only"));
    }
    Ok(())
}

/// The element type that the configuration names: `torch_dtype` in transformers 4, `dtype` in transformers 5. The
/// weights are read as what the files say they are; a name of something else belongs to other weights.
fn check_element_type(fields: &Fields) -> Result<(), ModelError> {
    let plain = |name: &str| -> Result<Option<String>, ModelError> {
        let Some(text) = fields.optional_text(name)? else {
            return Ok(None);
        };
        let short = text.strip_prefix("torch.").unwrap_or(&text);
        match short {
            "float32" | "float16" | "bfloat16" | "auto" => Ok(Some(short.to_owned())),
            _ => {
                let value = Value::from(text);
                Err(fields.unsupported(name, &value, "float32, float16 and bfloat16 are implemented"))
            }
        }
    };
    match (plain("torch_dtype")?, plain("dtype")?) {
        (Some(a), Some(b)) if a != b => Err(fields.conflict("torch_dtype", "dtype")),
        _ => Ok(()),
    }
}

/// What an object of rotary settings may hold. Anything else would be a setting that is passed over.
const ROPE_FIELDS: [&str; 8] = [
    "rope_type",
    "type",
    "rope_theta",
    "factor",
    "low_freq_factor",
    "high_freq_factor",
    "original_max_position_embeddings",
    "partial_rotary_factor",
];

/// `rope_theta` and the scaling, from whichever place the configuration keeps them in.
fn rope(fields: &Fields) -> Result<Rope, ModelError> {
    let nested = match fields.get("rope_parameters") {
        None => None,
        Some(Value::Object(map)) => {
            if let Some((kind, value)) = map.iter().find(|(_, v)| v.is_object()) {
                let field = format!("rope_parameters.{kind}");
                return Err(fields.unsupported(&field, value, "one rotation for all layers only"));
            }
            Some(fields.inside("rope_parameters", map))
        }
        Some(other) => return Err(fields.invalid("rope_parameters", other, "an object")),
    };
    let old = match fields.get("rope_scaling") {
        None => None,
        Some(Value::Object(map)) => Some(fields.inside("rope_scaling", map)),
        Some(other) => return Err(fields.invalid("rope_scaling", other, "an object or null")),
    };
    let theta_in = |inner: &Option<Fields>| match inner {
        Some(inner) => inner.positive("rope_theta"),
        None => Ok(None),
    };
    let top_theta = fields.positive("rope_theta")?;
    // Some files keep the new form under the old name.
    let old_theta = theta_in(&old)?;
    let nested_theta = theta_in(&nested)?;
    for (one, other, names) in [
        (
            top_theta,
            nested_theta,
            ("rope_theta", "rope_parameters.rope_theta"),
        ),
        (top_theta, old_theta, ("rope_theta", "rope_scaling.rope_theta")),
        (
            old_theta,
            nested_theta,
            ("rope_scaling.rope_theta", "rope_parameters.rope_theta"),
        ),
    ] {
        if one.zip(other).is_some_and(|(a, b)| a != b) {
            return Err(fields.conflict(names.0, names.1));
        }
    }
    let theta = match top_theta.or(nested_theta).or(old_theta) {
        Some(theta) => theta,
        // With the new form the value has no default; with the old one it is 10,000.
        None if nested.is_some() => return Err(fields.missing("rope_parameters.rope_theta")),
        None => 10_000.0,
    };
    let original = fields.positive("original_max_position_embeddings")?;
    let scaling = |inner: &Fields| scaling(inner, original);
    let top_scaling = old.as_ref().map(scaling).transpose()?;
    let nested_scaling = nested.as_ref().map(scaling).transpose()?;
    let scaling = match (top_scaling, nested_scaling) {
        (Some(a), Some(b)) if a != b => return Err(fields.conflict("rope_scaling", "rope_parameters")),
        (Some(scaling), _) | (None, Some(scaling)) => scaling,
        (None, None) => RopeScaling::None,
    };
    Ok(Rope { theta, scaling })
}

/// `original` is `original_max_position_embeddings` of the top, where it is kept there.
fn scaling(fields: &Fields, original: Option<f64>) -> Result<RopeScaling, ModelError> {
    if let Some(factor) = fields.positive("partial_rotary_factor")?
        && factor != 1.0
    {
        let value = Value::from(factor);
        return Err(fields.unsupported("partial_rotary_factor", &value, "rotation of whole heads only"));
    }
    let kind = match (fields.optional_text("rope_type")?, fields.optional_text("type")?) {
        (Some(a), Some(b)) if a != b => return Err(fields.conflict("rope_type", "type")),
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return Err(fields.missing("rope_type")),
    };
    let unknown = fields
        .map
        .iter()
        .find(|(name, value)| !value.is_null() && !ROPE_FIELDS.contains(&name.as_str()));
    // Of a kind that is not implemented, the kind is told and not its settings.
    if let Some((name, value)) = unknown.filter(|_| ["default", "linear", "llama3"].contains(&kind.as_str()))
    {
        return Err(fields.unsupported(name, value, "this setting of rotary positions is not known"));
    }
    let required = |name: &'static str| fields.positive(name)?.ok_or_else(|| fields.missing(name));
    match kind.as_str() {
        "default" => Ok(RopeScaling::None),
        "linear" => Ok(RopeScaling::Linear {
            factor: required("factor")?,
        }),
        "llama3" => {
            let (low, high) = (required("low_freq_factor")?, required("high_freq_factor")?);
            if low >= high {
                let value = Value::from(low);
                return Err(fields.invalid("low_freq_factor", &value, "less than high_freq_factor"));
            }
            let own = fields.positive("original_max_position_embeddings")?;
            let original_positions = match (own, original) {
                (Some(a), Some(b)) if a != b => {
                    let both = "original_max_position_embeddings of the rotary positions";
                    return Err(fields.conflict("original_max_position_embeddings", both));
                }
                (Some(positions), _) | (None, Some(positions)) => positions,
                (None, None) => return Err(fields.missing("original_max_position_embeddings")),
            };
            Ok(RopeScaling::Llama3 {
                factor: required("factor")?,
                low_freq_factor: low,
                high_freq_factor: high,
                original_positions,
            })
        }
        _ => {
            let value = Value::from(kind);
            Err(fields.unsupported("rope_type", &value, "default, linear and llama3 are implemented"))
        }
    }
}

/// A JSON object with the file it came from; `null` counts as absent.
struct Fields {
    file: PathBuf,
    /// `"rope_scaling."` inside that object, empty at the top.
    prefix: &'static str,
    map: Map<String, Value>,
}

impl Fields {
    fn parse(file: PathBuf, text: &str) -> Result<Fields, ModelError> {
        let value: Value = files::parse_json(&file, text)?;
        match value {
            Value::Object(map) => Ok(Fields {
                file,
                prefix: "",
                map,
            }),
            other => Err(ModelError::FieldInvalid {
                file,
                field: "the whole file".to_owned(),
                found: brief(&other),
                expected: "an object",
            }),
        }
    }

    fn inside(&self, name: &'static str, map: &Map<String, Value>) -> Fields {
        let prefix = match name {
            "rope_parameters" => "rope_parameters.",
            _ => "rope_scaling.",
        };
        Fields {
            file: self.file.clone(),
            prefix,
            map: map.clone(),
        }
    }

    fn get(&self, name: &str) -> Option<&Value> {
        self.map.get(name).filter(|v| !v.is_null())
    }

    fn missing(&self, field: &'static str) -> ModelError {
        ModelError::FieldMissing {
            file: self.file.clone(),
            field,
        }
    }

    fn invalid(&self, field: &str, found: &Value, expected: &'static str) -> ModelError {
        let field = format!("{}{field}", self.prefix);
        ModelError::FieldInvalid {
            file: self.file.clone(),
            field,
            found: brief(found),
            expected,
        }
    }

    fn unsupported(&self, field: &str, value: &Value, why: &'static str) -> ModelError {
        let field = format!("{}{field}", self.prefix);
        ModelError::UnsupportedSetting {
            file: self.file.clone(),
            field,
            value: brief(value),
            why,
        }
    }

    fn conflict(&self, first: &'static str, second: &'static str) -> ModelError {
        ModelError::ConflictingFields {
            file: self.file.clone(),
            first,
            second,
        }
    }

    fn optional_text(&self, name: &str) -> Result<Option<String>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(other) => Err(self.invalid(name, other, "text")),
        }
    }

    fn flag(&self, name: &str, default: bool) -> Result<bool, ModelError> {
        match self.get(name) {
            None => Ok(default),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.invalid(name, other, "true or false")),
        }
    }

    /// A finite number above zero.
    fn positive(&self, name: &str) -> Result<Option<f64>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(x) if x.is_finite() && x > 0.0 => Ok(Some(x)),
                _ => Err(self.invalid(name, value, "a number above zero")),
            },
        }
    }

    /// A size from 1 to 2^31 - 1: products of two of them cannot overflow.
    fn optional_size(&self, name: &str) -> Result<Option<usize>, ModelError> {
        match self.get(name) {
            None => Ok(None),
            Some(value) => match value.as_u64() {
                Some(n) if (1..1 << 31).contains(&n) => Ok(Some(n as usize)),
                _ => Err(self.invalid(name, value, "a whole number from 1 to 2147483647")),
            },
        }
    }

    fn size(&self, name: &'static str) -> Result<usize, ModelError> {
        self.optional_size(name)?.ok_or_else(|| self.missing(name))
    }

    /// One token id, a list of them, or none.
    fn token_ids(&self, name: &str) -> Result<Vec<u32>, ModelError> {
        let expected = "a token id or a list of token ids";
        let id = |value: &Value| {
            value
                .as_u64()
                .and_then(|n| u32::try_from(n).ok())
                .ok_or_else(|| self.invalid(name, value, expected))
        };
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(id).collect(),
            Some(value) => Ok(vec![id(value)?]),
        }
    }
}

/// A value as the message shows it: long ones are cut.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 {
        text
    } else {
        format!("{}...", text.chars().take(57).collect::<String>())
    }
}

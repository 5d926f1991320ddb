//! What the configurations of each family mean: names, defaults, and what is refused.

use serde_json::Value;

use super::fields::Fields;
use super::rope::{Defaults, RopeScaling, rope, yarn_length};
use super::{
    Activation, Config, Experts, Family, FeedForward, Latent, Norm, Pairs, Positions, Ranks, Recurrence,
    Residual, Scoring, Variant, Window, Windowed,
};
use crate::error::ModelError;

pub(super) fn parse(fields: &Fields) -> Result<Config, ModelError> {
    let family = super::family::family(fields)?;
    check_element_type(fields)?;
    if let Some(value) = fields.get("quantization_config") {
        let why = "quantised weights are not implemented";
        return Err(fields.unsupported("quantization_config", value, why));
    }
    if matches!(family, Family::Rwkv5 | Family::Rwkv6) {
        return rwkv(fields, family);
    }
    let mut config = common(fields, family)?;
    match family {
        Family::Llama => {
            let bias = fields.flag("attention_bias", false)?;
            (config.query_key_value_bias, config.attention_output_bias) = (bias, bias);
            config.feed_forward_bias = fields.flag("mlp_bias", false)?;
        }
        Family::Mistral | Family::Phi3 => {}
        Family::Mixtral => config.variant.experts = Some(mixtral_experts(fields, &config)?),
        Family::Qwen2 => config.query_key_value_bias = true,
        Family::Qwen2Moe => {
            config.query_key_value_bias = fields.flag("qkv_bias", true)?;
            config.variant.experts = Some(qwen_experts(fields, family)?);
        }
        Family::Qwen3 | Family::Qwen3Moe => {
            let bias = fields.flag("attention_bias", false)?;
            (config.query_key_value_bias, config.attention_output_bias) = (bias, bias);
            config.variant.head_norm = true;
            if family == Family::Qwen3Moe {
                config.variant.experts = Some(qwen_experts(fields, family)?);
            }
        }
        Family::Phi => {
            all_biases(&mut config);
            fields.only(
                "qk_layernorm",
                false.into(),
                "norms of queries and keys are not implemented",
            )?;
            config.variant.output_bias = true;
            config.variant.residual = Residual::Parallel { shared_norm: true };
        }
        Family::Granite => {
            let bias = fields.flag("attention_bias", false)?;
            (config.query_key_value_bias, config.attention_output_bias) = (bias, bias);
            config.feed_forward_bias = fields.flag("mlp_bias", false)?;
            config.variant.embedding_multiplier = fields.positive_or("embedding_multiplier", 1.0)?;
            config.variant.residual_multiplier = fields.positive_or("residual_multiplier", 1.0)?;
            config.variant.attention_scale = Some(fields.positive_or("attention_multiplier", 1.0)?);
            config.variant.logits_divisor = fields.positive_or("logits_scaling", 1.0)?;
        }
        Family::StarCoder2 => {
            if fields.flag("use_bias", true)? {
                all_biases(&mut config);
            }
            fields.only(
                "norm_type",
                "layer_norm".into(),
                "only \"layer_norm\" is implemented",
            )?;
            fields.only("mlp_type", "default".into(), "only \"default\" is implemented")?;
        }
        Family::StableLm => {
            config.query_key_value_bias = fields.flag("use_qkv_bias", false)?;
            fields.only(
                "qk_layernorm",
                false.into(),
                "norms of queries and keys are not implemented",
            )?;
            if fields.flag("use_parallel_residual", false)? {
                config.variant.residual = Residual::Parallel { shared_norm: true };
            }
        }
        Family::GptBigCode => {
            all_biases(&mut config);
            let why = "only the usual scaling of attention is implemented";
            fields.only("scale_attn_weights", true.into(), why)?;
            fields.only(
                "add_cross_attention",
                false.into(),
                "only decoders are implemented",
            )?;
        }
        Family::GptNeoX => {
            let bias = fields.flag("attention_bias", true)?;
            (config.query_key_value_bias, config.attention_output_bias) = (bias, bias);
            config.feed_forward_bias = true;
            if fields.flag("use_parallel_residual", true)? {
                config.variant.residual = Residual::Parallel { shared_norm: false };
            }
        }
        Family::DeepSeekV2 | Family::DeepSeekV3 => deepseek(fields, &mut config)?,
        Family::Rwkv5 | Family::Rwkv6 => {}
    }
    Ok(config)
}

/// Positions of a recurrent model: it has no end.
const ENDLESS: usize = 1 << 20;

fn rwkv(fields: &Fields, family: Family) -> Result<Config, ModelError> {
    let hidden_size = fields.size("hidden_size")?;
    let attention_size = fields
        .optional_size("attention_hidden_size")?
        .unwrap_or(hidden_size);
    // `num_attention_heads` means another thing in each of the published configurations.
    let head_size = fields.size("head_size")?;
    if !attention_size.is_multiple_of(head_size) {
        let value = Value::from(head_size);
        return Err(fields.invalid("head_size", &value, "a divisor of attention_hidden_size"));
    }
    let heads = attention_size / head_size;
    // Whatever the file says of rescaling is about the range of 16-bit numbers, and changes nothing here.
    let inner = fields.optional_size("intermediate_size")?;
    let large = hidden_size == 4096;
    fields.only(
        "tie_word_embeddings",
        false.into(),
        "an output layer of its own only",
    )?;
    let (theta, scaling) = (1.0, RopeScaling::None);
    Ok(Config {
        family,
        vocab_size: fields.size("vocab_size")?,
        hidden_size,
        intermediate_size: inner.unwrap_or(hidden_size * 7 / 2 / 32 * 32),
        layers: fields.size("num_hidden_layers")?,
        heads,
        key_value_heads: heads,
        head_dim: head_size,
        norm_eps: fields.positive_or("layer_norm_epsilon", 1e-5)?,
        rope: super::Rope { theta, scaling },
        max_positions: ENDLESS,
        tied_embeddings: false,
        query_key_value_bias: false,
        attention_output_bias: false,
        feed_forward_bias: false,
        end_tokens: fields.token_ids("eos_token_id")?,
        variant: Variant {
            recurrence: Some(Recurrence {
                head_size,
                attention_size,
                head_size_divisor: fields.count_or("head_size_divisor", 8)?,
                // What the published models of these sizes have; the weights have the last word.
                ranks: (family == Family::Rwkv6).then_some(Ranks {
                    mix: if large { 64 } else { 32 },
                    decay: if large { 128 } else { 64 },
                }),
            }),
            ..Variant::default()
        },
    })
}

fn all_biases(config: &mut Config) {
    config.query_key_value_bias = true;
    config.attention_output_bias = true;
    config.feed_forward_bias = true;
}

/// Names of the fields that most families have.
struct Names {
    hidden: &'static str,
    inner: &'static str,
    layers: &'static str,
    heads: &'static str,
    positions: &'static str,
    activation: &'static str,
    epsilon: &'static str,
}

fn names(family: Family) -> Names {
    let usual = Names {
        hidden: "hidden_size",
        inner: "intermediate_size",
        layers: "num_hidden_layers",
        heads: "num_attention_heads",
        positions: "max_position_embeddings",
        activation: "hidden_act",
        epsilon: "rms_norm_eps",
    };
    match family {
        Family::GptBigCode => Names {
            hidden: "n_embd",
            inner: "n_inner",
            layers: "n_layer",
            heads: "n_head",
            positions: "n_positions",
            activation: "activation_function",
            epsilon: "layer_norm_epsilon",
        },
        Family::StarCoder2 => Names {
            epsilon: "norm_epsilon",
            ..usual
        },
        Family::Phi | Family::StableLm | Family::GptNeoX => Names {
            epsilon: "layer_norm_eps",
            ..usual
        },
        _ => usual,
    }
}

/// What all families have, with the defaults of their published configuration classes. Where such a default is the
/// size of one published model, a missing field is an error.
fn common(fields: &Fields, family: Family) -> Result<Config, ModelError> {
    use Family::{
        DeepSeekV2, DeepSeekV3, GptBigCode, GptNeoX, Mistral, Mixtral, Phi, Phi3, StableLm, StarCoder2,
    };
    let names = names(family);
    let hidden_size = fields.size(names.hidden)?;
    let heads = fields.size(names.heads)?;
    let layers = fields.size(names.layers)?;
    let max_positions = fields.size(names.positions)?;
    let key_value_heads = key_value_heads(fields, family, heads)?;
    let head_dim = head_dim(fields, family, hidden_size, heads, names.heads)?;
    let intermediate_size = match fields.optional_size(names.inner)? {
        Some(n) => n,
        None if family == GptBigCode => 4 * hidden_size,
        None => return Err(fields.missing(names.inner)),
    };

    let plain = matches!(family, Phi | StarCoder2 | GptBigCode | GptNeoX);
    let layer_norm = plain || family == StableLm;
    let partial = match family {
        Phi => Some(0.5),
        StableLm | GptNeoX => Some(0.25),
        Phi3 => Some(1.0),
        _ => None,
    };
    let theta = match family {
        Family::Llama | Family::Qwen2 => Some(10_000.0),
        _ => None,
    };
    let (rope, share) = if family == GptBigCode {
        let (theta, scaling) = (1.0, RopeScaling::None);
        (super::Rope { theta, scaling }, 1.0)
    } else {
        let renamed = (family == GptNeoX).then(|| gpt_neox_names(fields)).transpose()?;
        rope(
            renamed.as_ref().unwrap_or(fields),
            max_positions,
            &Defaults { theta, partial },
        )?
    };
    let mut variant = Variant {
        norm: if layer_norm {
            Norm::Layer
        } else {
            Norm::RootMeanSquare
        },
        feed_forward: if plain {
            FeedForward::Plain
        } else {
            FeedForward::Gated
        },
        activation: activation(fields, names.activation, family)?,
        window: window(fields, family, layers)?,
        ..Variant::default()
    };
    let mut rotated = head_dim;
    if family == GptBigCode {
        variant.positions = Positions::Learned;
    } else if partial.is_some() {
        rotated = (head_dim as f64 * share) as usize;
        variant.positions = Positions::Rotary {
            dimensions: Some(rotated),
            pairs: Pairs::Halves,
        };
    } else if matches!(family, DeepSeekV2 | DeepSeekV3) {
        rotated = fields.size("qk_rope_head_dim")?;
    }
    if family != GptBigCode && (rotated == 0 || !rotated.is_multiple_of(2)) {
        let value = Value::from(rotated);
        return Err(fields.invalid("head_dim", &value, "an even number of rotated dimensions"));
    }
    if let RopeScaling::LongRope { short, long, .. } = &rope.scaling
        && (short.len(), long.len()) != (rotated / 2, rotated / 2)
    {
        let value = Value::from(short.len());
        let expected = "lists with a divisor for each pair of rotated dimensions";
        return Err(fields.invalid("short_factor and long_factor", &value, expected));
    }
    let epsilon = match family {
        Phi3 | Mixtral => 1e-5,
        _ if layer_norm => 1e-5,
        _ => 1e-6,
    };
    if family == Mistral && variant.window.is_none() && !fields.is_null("sliding_window") {
        return Err(fields.missing("sliding_window"));
    }
    Ok(Config {
        family,
        vocab_size: fields.size("vocab_size")?,
        hidden_size,
        intermediate_size,
        layers,
        heads,
        key_value_heads,
        head_dim,
        norm_eps: fields.positive_or(names.epsilon, epsilon)?,
        rope,
        max_positions,
        tied_embeddings: fields.flag("tie_word_embeddings", matches!(family, StarCoder2 | GptBigCode))?,
        query_key_value_bias: false,
        attention_output_bias: false,
        feed_forward_bias: false,
        end_tokens: fields.token_ids("eos_token_id")?,
        variant,
    })
}

/// The older configurations of GPT-NeoX have names of their own for the rotation.
fn gpt_neox_names(fields: &Fields) -> Result<Fields, ModelError> {
    let mut map = fields.map.clone();
    for (old, new) in [
        ("rotary_emb_base", "rope_theta"),
        ("rotary_pct", "partial_rotary_factor"),
    ] {
        if let Some(value) = fields.positive(old)? {
            map.entry(new).or_insert_with(|| Value::from(value));
        }
    }
    Ok(Fields {
        file: fields.file.clone(),
        prefix: "",
        map,
    })
}

fn key_value_heads(fields: &Fields, family: Family, heads: usize) -> Result<usize, ModelError> {
    const NAME: &str = "num_key_value_heads";
    let count = match family {
        Family::GptBigCode => {
            if fields.flag("multi_query", true)? {
                1
            } else {
                heads
            }
        }
        // Whatever the configuration says: the layer has no such thing.
        Family::GptNeoX => heads,
        _ => match fields.optional_size(NAME)? {
            Some(n) => n,
            None => match family {
                Family::Llama | Family::Phi | Family::Phi3 | Family::Granite => heads,
                _ => return Err(fields.missing(NAME)),
            },
        },
    };
    if !heads.is_multiple_of(count) {
        let value = Value::from(count);
        return Err(fields.invalid(NAME, &value, "a divisor of num_attention_heads"));
    }
    if matches!(family, Family::DeepSeekV2 | Family::DeepSeekV3) && count != heads {
        let why = "latent attention has as many keys as heads";
        return Err(fields.unsupported(NAME, &Value::from(count), why));
    }
    Ok(count)
}

fn head_dim(
    fields: &Fields,
    family: Family,
    hidden_size: usize,
    heads: usize,
    heads_name: &'static str,
) -> Result<usize, ModelError> {
    if matches!(family, Family::DeepSeekV2 | Family::DeepSeekV3) {
        return Ok(fields.size("qk_nope_head_dim")? + fields.size("qk_rope_head_dim")?);
    }
    let divided = || {
        if hidden_size.is_multiple_of(heads) {
            return Ok(hidden_size / heads);
        }
        let value = Value::from(heads);
        Err(fields.invalid(heads_name, &value, "a divisor of hidden_size"))
    };
    let explicit = fields.optional_size("head_dim")?;
    match (family, explicit) {
        (Family::StableLm | Family::GptNeoX | Family::GptBigCode, None) => divided(),
        (Family::StableLm | Family::GptNeoX | Family::GptBigCode, Some(n)) => {
            if n == divided()? {
                return Ok(n);
            }
            let why = "heads of this family are hidden_size / num_attention_heads wide";
            Err(fields.unsupported("head_dim", &Value::from(n), why))
        }
        // The default of the published configuration class is 128, whatever the width.
        (Family::Qwen3 | Family::Qwen3Moe, None) => Err(fields.missing("head_dim")),
        (_, Some(n)) => Ok(n),
        (_, None) => divided(),
    }
}

fn activation(fields: &Fields, name: &'static str, family: Family) -> Result<Activation, ModelError> {
    let default = match family {
        Family::StarCoder2 | Family::GptBigCode => "gelu_pytorch_tanh",
        Family::Phi => "gelu_new",
        Family::GptNeoX => "gelu",
        _ => "silu",
    };
    let found = fields.optional_text(name)?;
    match found.as_deref().unwrap_or(default) {
        "silu" | "swish" => Ok(Activation::Silu),
        "gelu" => Ok(Activation::Gelu),
        "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Ok(Activation::GeluTanh),
        other => {
            let why = "silu, gelu and gelu_pytorch_tanh are implemented";
            Err(fields.unsupported(name, &Value::from(other), why))
        }
    }
}

/// Which layers see only the nearest tokens.
fn window(fields: &Fields, family: Family, layers: usize) -> Result<Option<Window>, ModelError> {
    const TYPES: &str = "layer_types";
    let listed = match fields.get(TYPES) {
        None => None,
        Some(value) => {
            let windowed = |v: &Value| match v.as_str() {
                Some("full_attention") => Some(false),
                Some("sliding_attention") => Some(true),
                _ => None,
            };
            let list: Option<Vec<bool>> = value
                .as_array()
                .and_then(|list| list.iter().map(windowed).collect());
            match list {
                None => {
                    let why = "full_attention and sliding_attention are implemented";
                    return Err(fields.unsupported(TYPES, value, why));
                }
                Some(list) if list.len() != layers => {
                    return Err(fields.invalid(TYPES, value, "one entry for each layer"));
                }
                Some(list) => Some(list),
            }
        }
    };
    let some_windowed = listed.as_ref().is_some_and(|list| list.contains(&true));
    let size = || fields.size("sliding_window");
    match family {
        Family::Mistral | Family::Mixtral | Family::Phi3 | Family::StarCoder2 => {
            let Some(size) = fields.optional_size("sliding_window")? else {
                if some_windowed {
                    return Err(fields.missing("sliding_window"));
                }
                return Ok(None);
            };
            if let Some(value) = fields.get(TYPES).filter(|_| listed.iter().flatten().any(|w| !w)) {
                let why = "this family has the window in all layers";
                return Err(fields.unsupported(TYPES, value, why));
            }
            Ok(Some(Window {
                size,
                layers: Windowed::From(0),
            }))
        }
        Family::Qwen2 | Family::Qwen3 if fields.flag("use_sliding_window", false)? => {
            let layers = match listed {
                Some(list) => Windowed::Listed(list),
                None if fields.get("max_window_layers").is_none() => {
                    return Err(fields.missing("max_window_layers"));
                }
                None => Windowed::From(fields.count_or("max_window_layers", 0)?),
            };
            Ok(Some(Window {
                size: size()?,
                layers,
            }))
        }
        _ => {
            if fields.flag("use_sliding_window", false)? {
                let value = Value::Bool(true);
                let why = "only full attention is implemented for this family";
                return Err(fields.unsupported("use_sliding_window", &value, why));
            }
            match fields.get(TYPES) {
                Some(value) if some_windowed => {
                    let why = "only full attention is implemented here";
                    Err(fields.unsupported(TYPES, value, why))
                }
                _ => Ok(None),
            }
        }
    }
}

/// How many experts there are and how many a token goes through.
fn expert_counts(fields: &Fields, names: &[&'static str]) -> Result<(usize, usize), ModelError> {
    let mut count = None;
    for name in names {
        match (count, fields.optional_size(name)?) {
            (Some(a), Some(b)) if a != b => return Err(fields.conflict("num_experts", "num_local_experts")),
            (None, found) => count = found,
            _ => {}
        }
    }
    let count = match (count, names.first()) {
        (Some(count), _) => count,
        (None, name) => return Err(fields.missing(name.copied().unwrap_or("num_experts"))),
    };
    let per_token = fields.size("num_experts_per_tok")?;
    if per_token > count {
        let value = Value::from(per_token);
        return Err(fields.invalid("num_experts_per_tok", &value, "no more than there are experts"));
    }
    Ok((count, per_token))
}

fn mixtral_experts(fields: &Fields, config: &Config) -> Result<Experts, ModelError> {
    let (count, per_token) = expert_counts(fields, &["num_local_experts"])?;
    Ok(Experts {
        count,
        per_token,
        inner: config.intermediate_size,
        shared: None,
        shared_gate: false,
        scoring: Scoring::Softmax,
        normalised: true,
        scale: 1.0,
        groups: None,
        first: 0,
        step: 1,
        dense: Vec::new(),
    })
}

fn qwen_experts(fields: &Fields, family: Family) -> Result<Experts, ModelError> {
    let (count, per_token) = expert_counts(fields, &["num_experts", "num_local_experts"])?;
    let dense = match fields.get("mlp_only_layers") {
        None => Vec::new(),
        Some(value) => {
            let layer = |v: &Value| v.as_u64().and_then(|n| usize::try_from(n).ok());
            let list: Option<Vec<usize>> = value.as_array().and_then(|l| l.iter().map(layer).collect());
            list.ok_or_else(|| fields.invalid("mlp_only_layers", value, "a list of layers"))?
        }
    };
    let shared_gate = family == Family::Qwen2Moe;
    Ok(Experts {
        count,
        per_token,
        inner: fields.size("moe_intermediate_size")?,
        shared: shared_gate
            .then(|| fields.size("shared_expert_intermediate_size"))
            .transpose()?,
        shared_gate,
        scoring: Scoring::Softmax,
        normalised: fields.flag("norm_topk_prob", false)?,
        scale: 1.0,
        groups: None,
        first: 0,
        step: fields.optional_size("decoder_sparse_step")?.unwrap_or(1),
        dense,
    })
}

fn deepseek(fields: &Fields, config: &mut Config) -> Result<(), ModelError> {
    let third = config.family == Family::DeepSeekV3;
    let plain_dim = fields.size("qk_nope_head_dim")?;
    let rotated = fields.size("qk_rope_head_dim")?;
    config.variant.latent = Some(Latent {
        query_rank: fields.optional_size("q_lora_rank")?,
        key_value_rank: fields.size("kv_lora_rank")?,
        plain_dim,
        value_dim: fields.size("v_head_dim")?,
    });
    let neighbours = !third || fields.flag("rope_interleave", true)?;
    config.variant.positions = Positions::Rotary {
        dimensions: Some(rotated),
        pairs: if neighbours {
            Pairs::Neighbours
        } else {
            Pairs::Halves
        },
    };
    if let RopeScaling::Yarn {
        factor,
        mscale_all_dim,
        ..
    } = config.rope.scaling
        && mscale_all_dim > 0.0
    {
        let length = yarn_length(factor, mscale_all_dim);
        config.variant.attention_scale = Some(config.attention_scale() * length * length);
    }
    let bias = fields.flag("attention_bias", false)?;
    (config.query_key_value_bias, config.attention_output_bias) = (bias, bias);
    fields.only(
        "mlp_bias",
        false.into(),
        "feed-forward parts with a bias are not implemented",
    )?;
    fields.only(
        "moe_layer_freq",
        1.into(),
        "only experts in every layer after the first ones",
    )?;
    config.variant.experts = Some(deepseek_experts(fields, third)?);
    Ok(())
}

fn deepseek_experts(fields: &Fields, third: bool) -> Result<Experts, ModelError> {
    let (count, per_token) = expert_counts(fields, &["n_routed_experts", "num_local_experts"])?;
    let inner = fields.size("moe_intermediate_size")?;
    let grouped = if third {
        fields.only(
            "scoring_func",
            "sigmoid".into(),
            "only \"sigmoid\" is implemented for deepseek_v3",
        )?;
        fields.only(
            "topk_method",
            "noaux_tc".into(),
            "only \"noaux_tc\" is implemented for deepseek_v3",
        )?;
        true
    } else {
        fields.only(
            "scoring_func",
            "softmax".into(),
            "only \"softmax\" is implemented for deepseek_v2",
        )?;
        // The published code then leaves out the factor; no published model asks for it.
        fields.only(
            "norm_topk_prob",
            false.into(),
            "weights that sum to 1 are not implemented",
        )?;
        match fields.optional_text("topk_method")?.as_deref() {
            None => return Err(fields.missing("topk_method")),
            Some("greedy") => false,
            Some("group_limited_greedy") => true,
            Some(other) => {
                let why = "greedy and group_limited_greedy are implemented";
                return Err(fields.unsupported("topk_method", &Value::from(other), why));
            }
        }
    };
    let groups = if grouped {
        let (groups, best) = (fields.size("n_group")?, fields.size("topk_group")?);
        let each = count / groups;
        if !count.is_multiple_of(groups) || (third && each < 2) {
            let value = Value::from(groups);
            return Err(fields.invalid(
                "n_group",
                &value,
                "a divisor of n_routed_experts, with two in a group",
            ));
        }
        if best > groups || per_token > best * each {
            let value = Value::from(best);
            let expected = "no more than n_group, with enough experts for num_experts_per_tok";
            return Err(fields.invalid("topk_group", &value, expected));
        }
        Some((groups, best))
    } else {
        None
    };
    let shared = fields.count_or("n_shared_experts", 0)?;
    Ok(Experts {
        count,
        per_token,
        inner,
        shared: (shared > 0).then_some(shared * inner),
        shared_gate: false,
        scoring: if third { Scoring::Sigmoid } else { Scoring::Softmax },
        normalised: third && fields.flag("norm_topk_prob", true)?,
        scale: fields.positive_or("routed_scaling_factor", if third { 2.5 } else { 1.0 })?,
        groups,
        first: fields.count_or("first_k_dense_replace", if third { 3 } else { 0 })?,
        step: 1,
        dense: Vec::new(),
    })
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

//! Rotary positions in a configuration.

use serde_json::Value;

use super::fields::Fields;
use crate::error::ModelError;

/// Rotary position embedding (Su et al., arXiv 2104.09864).
#[derive(Clone, Debug, PartialEq)]
pub struct Rope {
    pub theta: f64,
    pub scaling: RopeScaling,
}

#[derive(Clone, Debug, PartialEq)]
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
    /// The same with a ramp over the dimensions, and rotated vectors made longer (Peng et al., arXiv 2309.00071).
    Yarn {
        factor: f64,
        original_positions: f64,
        /// Turns within `original_positions` from which on frequencies are kept, and up to which they are divided.
        beta_fast: f64,
        beta_slow: f64,
        /// The ends of the ramp are whole dimensions.
        truncate: bool,
        /// What rotated vectors are multiplied by.
        attention_factor: f64,
        /// DeepSeek's `mscale_all_dim`; 0 where there is none.
        mscale_all_dim: f64,
    },
    /// A divisor for each frequency, one list for contexts of at most `original_positions`, one for longer ones
    /// (Ding et al., arXiv 2402.13753).
    LongRope {
        short: Vec<f64>,
        long: Vec<f64>,
        original_positions: f64,
        /// What rotated vectors are multiplied by.
        attention_factor: f64,
    },
}

impl RopeScaling {
    /// As `rope_type` spells it.
    pub fn name(&self) -> &'static str {
        match self {
            RopeScaling::None => "default",
            RopeScaling::Linear { .. } => "linear",
            RopeScaling::Llama3 { .. } => "llama3",
            RopeScaling::Yarn { .. } => "yarn",
            RopeScaling::LongRope { .. } => "longrope",
        }
    }
}

/// What an object of rotary settings may hold whatever its kind, and what with some kinds. Anything else would be a
/// setting that is passed over.
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
const YARN_FIELDS: [&str; 6] = [
    "beta_fast",
    "beta_slow",
    "attention_factor",
    "mscale",
    "mscale_all_dim",
    "truncate",
];
const LONGROPE_FIELDS: [&str; 3] = ["short_factor", "long_factor", "attention_factor"];

/// What a family's configurations leave open.
pub(super) struct Defaults {
    /// Of `rope_theta`, where the older form leaves it out; `None` where that is an error.
    pub theta: Option<f64>,
    /// Share of a head that is rotated, where nothing is said; `None` if the family always rotates all.
    pub partial: Option<f64>,
}

/// The rotation, and the share of each head that is rotated, from whichever place the configuration keeps them in.
pub(super) fn rope(
    fields: &Fields,
    max_positions: usize,
    defaults: &Defaults,
) -> Result<(Rope, f64), ModelError> {
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
        // With the new form the value has no default.
        None if nested.is_some() => return Err(fields.missing("rope_parameters.rope_theta")),
        None => defaults.theta.ok_or_else(|| fields.missing("rope_theta"))?,
    };
    let partial = partial(fields, [&nested, &old], defaults)?;
    let scaling = |inner: &Fields| scaling(inner, fields, max_positions);
    let top_scaling = old.as_ref().map(scaling).transpose()?;
    let nested_scaling = nested.as_ref().map(scaling).transpose()?;
    let scaling = match (top_scaling, nested_scaling) {
        (Some(a), Some(b)) if a != b => return Err(fields.conflict("rope_scaling", "rope_parameters")),
        (Some(scaling), _) | (None, Some(scaling)) => scaling,
        (None, None) => RopeScaling::None,
    };
    Ok((Rope { theta, scaling }, partial))
}

/// The share of each head that is rotated.
fn partial(fields: &Fields, inner: [&Option<Fields>; 2], defaults: &Defaults) -> Result<f64, ModelError> {
    const NAME: &str = "partial_rotary_factor";
    let mut found: Option<f64> = None;
    for place in std::iter::once(fields).chain(inner.into_iter().flatten()) {
        let Some(share) = place.positive(NAME)? else {
            continue;
        };
        let value = Value::from(share);
        if share > 1.0 {
            return Err(place.invalid(NAME, &value, "a share of at most 1"));
        }
        if defaults.partial.is_none() && share != 1.0 {
            return Err(place.unsupported(NAME, &value, "rotation of whole heads only"));
        }
        if found.is_some_and(|f| f != share) {
            return Err(fields.conflict(NAME, "partial_rotary_factor of the rotary positions"));
        }
        found = Some(share);
    }
    Ok(found.or(defaults.partial).unwrap_or(1.0))
}

/// `top` is the whole configuration.
fn scaling(fields: &Fields, top: &Fields, max_positions: usize) -> Result<RopeScaling, ModelError> {
    let kind = match (fields.optional_text("rope_type")?, fields.optional_text("type")?) {
        (Some(a), Some(b)) if a != b => return Err(fields.conflict("rope_type", "type")),
        (Some(kind), _) | (None, Some(kind)) => kind,
        (None, None) => return Err(fields.missing("rope_type")),
    };
    let more: &[&str] = match kind.as_str() {
        "default" | "linear" | "llama3" => &[],
        "yarn" => &YARN_FIELDS,
        // The first published Phi-3 configurations call it so.
        "longrope" | "su" => &LONGROPE_FIELDS,
        _ => {
            let value = Value::from(kind);
            let why = "default, linear, llama3, yarn and longrope are implemented";
            return Err(fields.unsupported("rope_type", &value, why));
        }
    };
    let known = |name: &str| ROPE_FIELDS.contains(&name) || more.contains(&name);
    let unknown = fields
        .map
        .iter()
        .find(|(name, value)| !value.is_null() && !known(name));
    if let Some((name, value)) = unknown {
        return Err(fields.unsupported(name, value, "this setting of rotary positions is not known"));
    }
    let required = |name: &'static str| fields.positive(name)?.ok_or_else(|| fields.missing(name));
    // Some files keep it at the top.
    let original_positions = || {
        const NAME: &str = "original_max_position_embeddings";
        match (fields.positive(NAME)?, top.positive(NAME)?) {
            (Some(a), Some(b)) if a != b => {
                let both = "original_max_position_embeddings of the rotary positions";
                Err(fields.conflict(NAME, both))
            }
            (Some(positions), _) | (None, Some(positions)) => Ok(positions),
            (None, None) => Err(fields.missing(NAME)),
        }
    };
    match kind.as_str() {
        "linear" => Ok(RopeScaling::Linear {
            factor: required("factor")?,
        }),
        "llama3" => {
            let (low, high) = (required("low_freq_factor")?, required("high_freq_factor")?);
            if low >= high {
                let value = Value::from(low);
                return Err(fields.invalid("low_freq_factor", &value, "less than high_freq_factor"));
            }
            Ok(RopeScaling::Llama3 {
                factor: required("factor")?,
                low_freq_factor: low,
                high_freq_factor: high,
                original_positions: original_positions()?,
            })
        }
        "yarn" => yarn(fields, required("factor")?, original_positions()?),
        "longrope" | "su" => {
            let original_positions = original_positions()?;
            // How often the context was lengthened; the configuration may say it or leave it to be computed.
            let factor = fields.positive_or("factor", max_positions as f64 / original_positions)?;
            let usual = if factor <= 1.0 {
                1.0
            } else {
                (1.0 + factor.ln() / original_positions.ln()).sqrt()
            };
            Ok(RopeScaling::LongRope {
                short: fields.positives("short_factor")?,
                long: fields.positives("long_factor")?,
                original_positions,
                attention_factor: fields.positive_or("attention_factor", usual)?,
            })
        }
        _ => Ok(RopeScaling::None),
    }
}

fn yarn(fields: &Fields, factor: f64, original_positions: f64) -> Result<RopeScaling, ModelError> {
    let (mscale, all) = (fields.positive("mscale")?, fields.positive("mscale_all_dim")?);
    let usual = match (mscale, all) {
        (Some(mscale), Some(all)) => yarn_length(factor, mscale) / yarn_length(factor, all),
        _ => yarn_length(factor, 1.0),
    };
    Ok(RopeScaling::Yarn {
        factor,
        original_positions,
        beta_fast: fields.positive_or("beta_fast", 32.0)?,
        beta_slow: fields.positive_or("beta_slow", 1.0)?,
        truncate: fields.flag("truncate", true)?,
        attention_factor: fields.positive_or("attention_factor", usual)?,
        mscale_all_dim: all.unwrap_or(0.0),
    })
}

/// By how much YaRN lengthens vectors when the context is `factor` times as long.
pub(super) fn yarn_length(factor: f64, mscale: f64) -> f64 {
    if factor <= 1.0 {
        1.0
    } else {
        0.1 * mscale * factor.ln() + 1.0
    }
}

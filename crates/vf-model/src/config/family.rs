//! Which family a configuration is of.

use serde_json::Value;

use super::fields::Fields;
use crate::error::ModelError;

/// What can be hosted, for messages.
pub const SUPPORTED: &str = "llama, mistral, mixtral, qwen2, qwen2_moe, qwen3, qwen3_moe, phi, phi3, granite, \
                             starcoder2, stablelm, gpt_bigcode, gpt_neox, deepseek_v2, deepseek_v3, \
                             rwkv5 and rwkv6";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Touvron et al., "LLaMA: Open and Efficient Foundation Language Models" (arXiv 2302.13971), and its
    /// successors of the same shape: Code Llama, DeepSeek-Coder, Yi-Coder.
    Llama,
    /// Jiang et al., "Mistral 7B" (arXiv 2310.06825): Llama with a window.
    Mistral,
    /// Jiang et al., "Mixtral of Experts" (arXiv 2401.04088).
    Mixtral,
    /// Yang et al., "Qwen2 Technical Report" (arXiv 2407.10671): Llama with biases on query, key and value.
    Qwen2,
    Qwen2Moe,
    /// Yang et al., "Qwen3 Technical Report" (arXiv 2505.09388): Llama with normalised queries and keys.
    Qwen3,
    Qwen3Moe,
    /// Phi-1, 1.5 and 2 (Li et al., arXiv 2309.05463).
    Phi,
    /// Abdin et al., "Phi-3 Technical Report" (arXiv 2404.14219), also Phi-3.5 and Phi-4.
    Phi3,
    /// Mishra et al., "Granite Code Models" (arXiv 2405.04324), and Granite 3: Llama with multipliers.
    Granite,
    /// Lozhkov et al., "StarCoder 2 and The Stack v2" (arXiv 2402.19173).
    StarCoder2,
    /// Bellagente et al., "Stable LM 2 1.6B" (arXiv 2402.17834), and Stable Code.
    StableLm,
    /// Li et al., "StarCoder: may the source be with you!" (arXiv 2305.06161), and SantaCoder.
    GptBigCode,
    /// Black et al., "GPT-NeoX-20B" (arXiv 2204.06745), and code models of its shape.
    GptNeoX,
    /// DeepSeek-V2 (arXiv 2405.04434) and DeepSeek-Coder-V2.
    DeepSeekV2,
    /// DeepSeek-V3 (arXiv 2412.19437).
    DeepSeekV3,
    /// RWKV 5, "Eagle" (Peng et al., arXiv 2404.05892): recurrent.
    Rwkv5,
    /// RWKV 6, "Finch", of the same paper.
    Rwkv6,
}

impl Family {
    pub const ALL: [Family; 18] = [
        Family::Llama,
        Family::Mistral,
        Family::Mixtral,
        Family::Qwen2,
        Family::Qwen2Moe,
        Family::Qwen3,
        Family::Qwen3Moe,
        Family::Phi,
        Family::Phi3,
        Family::Granite,
        Family::StarCoder2,
        Family::StableLm,
        Family::GptBigCode,
        Family::GptNeoX,
        Family::DeepSeekV2,
        Family::DeepSeekV3,
        Family::Rwkv5,
        Family::Rwkv6,
    ];

    /// `model_type` and the entry of `architectures`.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Family::Llama => ("llama", "LlamaForCausalLM"),
            Family::Mistral => ("mistral", "MistralForCausalLM"),
            Family::Mixtral => ("mixtral", "MixtralForCausalLM"),
            Family::Qwen2 => ("qwen2", "Qwen2ForCausalLM"),
            Family::Qwen2Moe => ("qwen2_moe", "Qwen2MoeForCausalLM"),
            Family::Qwen3 => ("qwen3", "Qwen3ForCausalLM"),
            Family::Qwen3Moe => ("qwen3_moe", "Qwen3MoeForCausalLM"),
            Family::Phi => ("phi", "PhiForCausalLM"),
            Family::Phi3 => ("phi3", "Phi3ForCausalLM"),
            Family::Granite => ("granite", "GraniteForCausalLM"),
            Family::StarCoder2 => ("starcoder2", "Starcoder2ForCausalLM"),
            Family::StableLm => ("stablelm", "StableLmForCausalLM"),
            Family::GptBigCode => ("gpt_bigcode", "GPTBigCodeForCausalLM"),
            Family::GptNeoX => ("gpt_neox", "GPTNeoXForCausalLM"),
            Family::DeepSeekV2 => ("deepseek_v2", "DeepseekV2ForCausalLM"),
            Family::DeepSeekV3 => ("deepseek_v3", "DeepseekV3ForCausalLM"),
            Family::Rwkv5 => ("rwkv5", "Rwkv5ForCausalLM"),
            Family::Rwkv6 => ("rwkv6", "Rwkv6ForCausalLM"),
        }
    }

    /// As `model_type` spells it.
    pub fn name(self) -> &'static str {
        self.names().0
    }

    /// As `architectures` spells it.
    pub fn architecture(self) -> &'static str {
        self.names().1
    }
}

pub(super) fn family(fields: &Fields) -> Result<Family, ModelError> {
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

//! Loading: the parts of a model folder or a GGUF file, checked before any weights are read.

use std::path::Path;

use candle_core::{DType, Device};

use super::HostedModel;
use crate::chat::Conversation;
use crate::config::{self, Config, Family};
use crate::cpu::recurrent::{self, RecurrentNetwork};
use crate::cpu::{self, CpuNetwork};
use crate::decoder::{self, Decoder};
use crate::error::ModelError;
use crate::gguf::{self, Gguf};
use crate::network::Network;
use crate::text::Vocabulary;
use crate::weights::Weights;
use crate::world;

/// The entry of a GGUF file without a tokenizer that says which version of the words for C it was trained on.
const WORDS: &str = "verify_fix.words";

/// Where a model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Processor {
    #[default]
    Cpu,
    /// CUDA device by number; needs the feature `cuda`.
    Cuda(usize),
}

/// Element type that the weights are converted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    #[default]
    F32,
    F16,
    Bf16,
    /// Blocks of 32 values: integers of 8 bits with a common scale (GGML's type of this name). On the CPU only.
    Q8_0,
}

impl Precision {
    /// For the tensor library, which has no blocks.
    fn dtype(self) -> Option<DType> {
        match self {
            Precision::F32 => Some(DType::F32),
            Precision::F16 => Some(DType::F16),
            Precision::Bf16 => Some(DType::BF16),
            Precision::Q8_0 => None,
        }
    }

    /// How the CPU keeps weights.
    fn kind(self) -> cpu::Kind {
        match self {
            Precision::F32 => cpu::Kind::F32,
            Precision::F16 => cpu::Kind::F16,
            Precision::Bf16 => cpu::Kind::Bf16,
            Precision::Q8_0 => cpu::Kind::Q8_0,
        }
    }

    /// Bytes of so many values.
    pub fn bytes(self, values: u64) -> u64 {
        match self {
            Precision::F32 => values.saturating_mul(4),
            Precision::F16 | Precision::Bf16 => values.saturating_mul(2),
            Precision::Q8_0 => values.saturating_mul(34).div_ceil(32),
        }
    }

    /// The name that weight files have for it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "F32",
            Precision::F16 => "F16",
            Precision::Bf16 => "BF16",
            Precision::Q8_0 => "Q8_0",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    pub device: Processor,
    pub dtype: Precision,
    /// Longest context in tokens, prompt and completion together; the model's own limit if that is less.
    pub max_context: usize,
    /// Threads on the CPU; 0 is one for each core.
    pub threads: usize,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions {
            device: Processor::Cpu,
            dtype: Precision::F32,
            max_context: 32_768,
            threads: 0,
        }
    }
}

/// The parts of a model folder, checked each by itself and against each other; no weights are loaded yet.
pub(crate) struct Folder {
    pub config: Config,
    pub weights: Weights,
    pub vocabulary: Vocabulary,
    pub chat: Option<Conversation>,
}

impl Folder {
    pub fn open(folder: &Path) -> Result<Folder, ModelError> {
        match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                return Err(ModelError::NotAFolder {
                    path: folder.to_path_buf(),
                });
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(ModelError::FolderMissing {
                    path: folder.to_path_buf(),
                });
            }
            Err(source) => {
                return Err(ModelError::Read {
                    file: folder.to_path_buf(),
                    source,
                });
            }
        }
        let mut config = config::read(folder)?;
        // What is missing altogether is told before what is wrong inside a file.
        let recurrent = config.variant.recurrence.is_some();
        let world = recurrent && folder.join(world::FILE).exists();
        if !world && !folder.join("tokenizer.json").exists() {
            return Err(ModelError::FileMissing {
                folder: folder.to_path_buf(),
                file: "tokenizer.json",
            });
        }
        let weights = Weights::open(folder)?;
        let vocabulary = match recurrent {
            true => Vocabulary::load_world(folder, config.vocab_size)?,
            false => Vocabulary::load(folder, config.vocab_size)?,
        };
        recurrent::read_ranks(&mut config, |name| weights.shape(name));
        if weights.len() < config.layers {
            // A made-up number of layers would make the list of expected names as long.
            let tensor = format!("model.layers.{}.input_layernorm.weight", config.layers - 1);
            return Err(ModelError::TensorMissing {
                folder: folder.to_path_buf(),
                tensor,
            });
        }
        let of_experts = (0..config.layers).filter_map(|layer| config.experts(layer));
        if let Some(experts) = of_experts.clone().next()
            && weights.len() < of_experts.fold(0, |n, e| n.saturating_add(e.count))
        {
            let tensor = format!("of expert {} in every layer that has experts", experts.count - 1);
            return Err(ModelError::TensorMissing {
                folder: folder.to_path_buf(),
                tensor,
            });
        }
        let expected = decoder::expected_tensors(&config)?;
        weights.check(
            &expected,
            |name| decoder::ignorable(&config, name),
            config.family.name(),
        )?;
        let chat = Conversation::of(folder, &vocabulary)?;
        Ok(Folder {
            config,
            weights,
            vocabulary,
            chat,
        })
    }
}

/// The same of a GGUF file.
pub(crate) struct Packed {
    pub config: Config,
    pub gguf: Gguf,
    pub vocabulary: Vocabulary,
    pub chat: Option<Conversation>,
}

impl Packed {
    pub fn open(file: &Path) -> Result<Packed, ModelError> {
        Packed::of(file, Gguf::open(file)?)
    }

    fn of(file: &Path, gguf: Gguf) -> Result<Packed, ModelError> {
        let config = config::from_json(file, &gguf.config()?)?;
        if !CpuNetwork::fits(&config) {
            return Err(ModelError::GgufOnCpu {
                file: file.to_path_buf(),
            });
        }
        // A made-up number of layers would make the list of expected names as long.
        if gguf.tensors.len() < config.layers {
            return Err(ModelError::TensorMissing {
                folder: file.to_path_buf(),
                tensor: format!("blk.{}.attn_norm.weight", config.layers - 1),
            });
        }
        gguf.check(&decoder::expected_tensors(&config)?, config.family.name())?;
        let folder = file.parent().unwrap_or(Path::new("."));
        let vocabulary = if gguf.has_words_only() {
            Vocabulary::of_words(config.vocab_size)
        } else if folder.join("tokenizer.json").exists() {
            Vocabulary::load(folder, config.vocab_size)?
        } else {
            let json = gguf.tokenizer()?.to_string();
            Vocabulary::from_json(file.to_path_buf(), json, config.vocab_size)?
        };
        let chat = Conversation::of_gguf(&gguf, folder, &vocabulary)?;
        Ok(Packed {
            config,
            gguf,
            vocabulary,
            chat,
        })
    }
}

impl HostedModel {
    /// Loads a model folder: `config.json`, `tokenizer.json`, and the weights as `model.safetensors`, as shards
    /// with `model.safetensors.index.json`, or as the folder's only `*.safetensors`.
    ///
    /// Everything is checked before the weights are read: files, sizes, shapes, vocabulary.
    /// Or a GGUF file, given itself or as the only one of a folder without safetensors; its tensors stay in the types
    /// that they are stored in, whatever the options say.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<HostedModel, ModelError> {
        if let Some(file) = gguf::find(folder) {
            return HostedModel::load_gguf(&file, options);
        }
        let Folder {
            config,
            weights,
            vocabulary,
            chat,
        } = Folder::open(folder)?;
        let device = device(options.device)?;
        let context = config.max_positions.min(options.max_context.max(1));
        let network: Box<dyn Network> = if let Some(recurrence) = &config.variant.recurrence {
            if !device.is_cpu() {
                return Err(ModelError::RecurrentOnCpu);
            }
            let kind = options.dtype.kind();
            let weights = cpu::Converted {
                weights: &weights,
                kind,
            };
            Box::new(RecurrentNetwork::load(
                &config,
                recurrence,
                &weights,
                options.threads,
            )?)
        } else if device.is_cpu() && CpuNetwork::fits(&config) {
            let kind = options.dtype.kind();
            let weights = cpu::Converted {
                weights: &weights,
                kind,
            };
            Box::new(CpuNetwork::load(&config, &weights, context, options.threads)?)
        } else {
            let dtype = options.dtype.dtype().ok_or(ModelError::NoBlocks)?;
            Box::new(Decoder::load(&config, &weights, context, dtype, &device)?)
        };
        Ok(HostedModel::of(
            config,
            vocabulary,
            chat,
            network,
            context,
            options.dtype,
        ))
    }

    /// Loads a GGUF file that is in memory; `name` is what messages call it. As [`HostedModel::load`] otherwise.
    pub fn load_contents(
        name: &Path,
        contents: &'static [u8],
        options: &LoadOptions,
    ) -> Result<HostedModel, ModelError> {
        let gguf = Gguf::of_contents(name, contents)?;
        HostedModel::load_packed(name, Packed::of(name, gguf)?, options)
    }

    fn load_gguf(file: &Path, options: &LoadOptions) -> Result<HostedModel, ModelError> {
        HostedModel::load_packed(file, Packed::open(file)?, options)
    }

    fn load_packed(file: &Path, packed: Packed, options: &LoadOptions) -> Result<HostedModel, ModelError> {
        let Packed {
            config,
            gguf,
            vocabulary,
            chat,
        } = packed;
        if options.device != Processor::Cpu {
            return Err(ModelError::GgufOnCpu {
                file: file.to_path_buf(),
            });
        }
        let context = config.max_positions.min(options.max_context.max(1));
        let stored = gguf::Stored {
            gguf: &gguf,
            interleaved: (config.family == Family::Llama).then_some(config.head_dim),
        };
        let network = CpuNetwork::load(&config, &stored, context, options.threads)?;
        let words = gguf.number(WORDS);
        let mut model = HostedModel::of(
            config,
            vocabulary,
            chat,
            Box::new(network),
            context,
            options.dtype,
        );
        model.words = words.filter(|_| model.vocabulary.has_words_only());
        Ok(model)
    }
}

fn device(processor: Processor) -> Result<Device, ModelError> {
    match processor {
        Processor::Cpu => Ok(Device::Cpu),
        Processor::Cuda(_) if !cfg!(feature = "cuda") => Err(ModelError::CudaNotBuilt),
        Processor::Cuda(ordinal) => Device::new_cuda(ordinal).map_err(|source| ModelError::CudaUnavailable {
            ordinal,
            source: Box::new(source),
        }),
    }
}

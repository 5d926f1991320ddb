//! A model in memory, and the loop that generates text with it.

use std::ops::ControlFlow;
use std::path::Path;

use candle_core::{DType, Device};

use crate::chat::ChatForm;
use crate::config::{self, Config};
use crate::decoder::{self, Cache, Decoder};
use crate::error::{ModelError, compute};
use crate::sample::{Random, Sampling, choose};
use crate::text::{TextStream, Vocabulary};
use crate::weights::Weights;

/// Tokens of a prompt that go through the model at once: bounds the memory that attention scores need.
pub(crate) const PREFILL_CHUNK: usize = 512;

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
}

impl Precision {
    fn dtype(self) -> DType {
        match self {
            Precision::F32 => DType::F32,
            Precision::F16 => DType::F16,
            Precision::Bf16 => DType::BF16,
        }
    }

    /// Bytes of one value.
    pub fn bytes(self) -> u64 {
        match self {
            Precision::F32 => 4,
            Precision::F16 | Precision::Bf16 => 2,
        }
    }

    /// The name that safetensors files have for it.
    pub fn name(self) -> &'static str {
        match self {
            Precision::F32 => "F32",
            Precision::F16 => "F16",
            Precision::Bf16 => "BF16",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    pub device: Processor,
    pub dtype: Precision,
    /// Longest context in tokens, prompt and completion together; the model's own limit if that is less.
    pub max_context: usize,
}

impl Default for LoadOptions {
    fn default() -> LoadOptions {
        LoadOptions {
            device: Processor::Cpu,
            dtype: Precision::F32,
            max_context: 32_768,
        }
    }
}

/// A model with its tokenizer, ready to complete text.
pub struct HostedModel {
    config: Config,
    vocabulary: Vocabulary,
    decoder: Decoder,
    chat: Option<ChatForm>,
    context: usize,
    precision: Precision,
    /// Keys and values of the last prompt, whose tokens these are, and perhaps of one completion after it.
    cache: Cache,
    cached: Vec<u32>,
}

/// One completion of a prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Without the prompt, without the stop text and what follows it.
    pub text: String,
    /// Ids of all tokens generated; those of the stop text are among them, an end token is not.
    pub tokens: Vec<u32>,
    pub finished: Finished,
    /// Natural logarithm of the probability that the model gives to `tokens` (and the end token, where one
    /// came), at temperature 1 and with nothing cut.
    pub log_probability: f64,
}

/// Why a completion ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The model said that it is done.
    EndToken,
    /// This stop text appeared.
    Stop(String),
    /// `max_new_tokens` were generated.
    Length,
    /// The context is full.
    ContextFull,
    /// The caller broke off.
    Cancelled,
}

/// Progress of [`HostedModel::generate_with`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event<'a> {
    /// The model has read so many of the prompt's tokens.
    Prompt { read: usize, total: usize },
    /// A token came; `text` is what it added (nothing yet inside a character or a possible stop text).
    Token {
        sample: usize,
        token: u32,
        text: &'a str,
    },
}

/// The parts of a model folder, checked each by itself and against each other; no weights are loaded yet.
pub(crate) struct Folder {
    pub config: Config,
    pub weights: Weights,
    pub vocabulary: Vocabulary,
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
        let config = config::read(folder)?;
        // What is missing altogether is told before what is wrong inside a file.
        if !folder.join("tokenizer.json").exists() {
            return Err(ModelError::FileMissing {
                folder: folder.to_path_buf(),
                file: "tokenizer.json",
            });
        }
        let weights = Weights::open(folder)?;
        let vocabulary = Vocabulary::load(folder, config.vocab_size)?;
        if weights.len() < config.layers {
            // A made-up number of layers would make the list of expected names as long.
            let tensor = format!("model.layers.{}.input_layernorm.weight", config.layers - 1);
            return Err(ModelError::TensorMissing {
                folder: folder.to_path_buf(),
                tensor,
            });
        }
        let expected = decoder::expected_tensors(&config);
        weights.check(
            &expected,
            |name| decoder::ignorable(&config, name),
            config.family.name(),
        )?;
        Ok(Folder {
            config,
            weights,
            vocabulary,
        })
    }
}

impl HostedModel {
    /// Loads a model folder: `config.json`, `tokenizer.json`, and the weights as `model.safetensors`, as shards
    /// with `model.safetensors.index.json`, or as the folder's only `*.safetensors`.
    ///
    /// Everything is checked before the weights are read: files, sizes, shapes, vocabulary.
    pub fn load(folder: &Path, options: &LoadOptions) -> Result<HostedModel, ModelError> {
        let Folder {
            config,
            weights,
            vocabulary,
        } = Folder::open(folder)?;
        let device = device(options.device)?;
        let context = config.max_positions.min(options.max_context.max(1));
        let decoder = Decoder::load(&config, &weights, context, options.dtype.dtype(), &device)?;
        let chat = ChatForm::of(&vocabulary);
        let (cache, cached) = (Cache::default(), Vec::new());
        Ok(HostedModel {
            config,
            vocabulary,
            decoder,
            chat,
            context,
            precision: options.dtype,
            cache,
            cached,
        })
    }

    /// Shape of the model, as `config.json` gives it.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Tokens that prompt and completion may have together.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Completes a prompt. Markers spelled out in it (`<|im_end|>`) are text like any other.
    pub fn generate(&mut self, prompt: &str, sampling: &Sampling) -> Result<Vec<Completion>, ModelError> {
        self.generate_with(prompt, sampling, &mut |_| ControlFlow::Continue(()))
    }

    /// Completes a prompt and reports progress; `Break` ends the run with what there is.
    ///
    /// The prompt goes through the model once, however many samples are asked for; what it has in common
    /// with the prompt before is not computed again.
    pub fn generate_with(
        &mut self,
        prompt: &str,
        sampling: &Sampling,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, ModelError> {
        let prompt = self.vocabulary.encode(prompt, true)?;
        self.run(&prompt, sampling, progress)
    }

    /// The form of conversation that the model's vocabulary has markers for, by name.
    pub fn chat_form(&self) -> Option<&'static str> {
        self.chat.map(ChatForm::name)
    }

    /// Answers a user's message, in the form that the model was trained on for conversations; a model without
    /// such a form completes the two texts one after the other.
    pub fn answer(
        &mut self,
        system: &str,
        user: &str,
        sampling: &Sampling,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, ModelError> {
        let prompt = match self.chat {
            Some(form) => form.prompt(&self.vocabulary, system, user)?,
            None => self.vocabulary.encode(&format!("{system}\n\n{user}\n\n"), true)?,
        };
        self.run(&prompt, sampling, progress)
    }

    fn run(
        &mut self,
        prompt: &[u32],
        sampling: &Sampling,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, ModelError> {
        sampling.check()?;
        // Room for one new token at least.
        self.check_length(prompt, self.context - 1)?;
        let mut cache = self.take_cache(prompt);
        let mut logits = Vec::new();
        for chunk in prompt
            .get(cache.len()..)
            .unwrap_or_default()
            .chunks(PREFILL_CHUNK)
        {
            logits = self.forward(chunk, &mut cache)?;
            let event = Event::Prompt {
                read: cache.len(),
                total: prompt.len(),
            };
            if progress(event).is_break() {
                return Ok(Vec::new());
            }
        }
        let mut completions = Vec::new();
        for sample in 0..sampling.samples {
            cache.truncate(prompt.len());
            let completion = self.complete(&mut cache, logits.clone(), sampling, sample, progress)?;
            let cancelled = completion.finished == Finished::Cancelled;
            completions.push(completion);
            if cancelled {
                break;
            }
        }
        self.cache = cache;
        self.cached = prompt.to_vec();
        Ok(completions)
    }

    /// The cache of the last prompt, cut to what this one shares with it: whole pieces only, and never all of
    /// the prompt. The rest then goes through the model in the same pieces as it would without a cache, and
    /// every number comes out the same: a seed gives the same text whatever ran before.
    fn take_cache(&mut self, prompt: &[u32]) -> Cache {
        let shared = self.cached.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let shared = shared.min(prompt.len().saturating_sub(1));
        let mut cache = std::mem::take(&mut self.cache);
        self.cached.clear();
        cache.truncate(shared / PREFILL_CHUNK * PREFILL_CHUNK);
        cache
    }

    /// Token ids of a text, with the marks that the tokenizer puts around it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.vocabulary.encode(text, true)
    }

    /// What the model expects after these tokens: one logit for each row of the vocabulary, computed afresh.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        self.check_length(tokens, self.context)?;
        let vocab_size = self.config.vocab_size;
        if let Some(token) = tokens.iter().copied().find(|t| *t as usize >= vocab_size) {
            return Err(ModelError::BadToken { token, vocab_size });
        }
        let mut cache = Cache::default();
        let mut logits = Vec::new();
        for chunk in tokens.chunks(PREFILL_CHUNK) {
            logits = self.forward(chunk, &mut cache)?;
        }
        Ok(logits)
    }

    fn check_length(&self, tokens: &[u32], limit: usize) -> Result<(), ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::EmptyPrompt);
        }
        if tokens.len() > limit {
            return Err(ModelError::PromptTooLong {
                tokens: tokens.len(),
                context: self.context,
            });
        }
        Ok(())
    }

    /// One completion; the cache holds the prompt and `logits` are those after it.
    fn complete(
        &self,
        cache: &mut Cache,
        mut logits: Vec<f32>,
        sampling: &Sampling,
        sample: usize,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Completion, ModelError> {
        let mut random = Random::new(sampling.seed, sample);
        let mut stream = TextStream::default();
        let mut log_probability = 0.0;
        let mut shown = 0;
        let finished = loop {
            self.vocabulary.mask(&mut logits);
            let choice = choose(&logits, sampling, &mut random).ok_or(ModelError::NotANumber {
                position: cache.len(),
                dtype: self.precision.name(),
            })?;
            log_probability += choice.log_probability;
            if self.ends(choice.token) {
                break Finished::EndToken;
            }
            stream.push(&self.vocabulary, choice.token)?;
            if let Some(stop) = first_stop(stream.text(), &sampling.stop) {
                break Finished::Stop(stop.to_owned());
            }
            let ready = ready(stream.text(), &sampling.stop).max(shown);
            let text = stream.text().get(shown..ready).unwrap_or_default();
            shown = ready;
            if progress(Event::Token {
                sample,
                token: choice.token,
                text,
            })
            .is_break()
            {
                break Finished::Cancelled;
            }
            if stream.tokens().len() >= sampling.max_new_tokens {
                break Finished::Length;
            }
            if cache.len() >= self.context {
                break Finished::ContextFull;
            }
            logits = self.forward(&[choice.token], cache)?;
        };
        stream.finish(&self.vocabulary)?;
        // The last piece may complete a stop text too.
        let finished = match first_stop(stream.text(), &sampling.stop) {
            Some(stop) => Finished::Stop(stop.to_owned()),
            None => finished,
        };
        let (mut text, tokens) = stream.into_parts();
        if let Some((at, _)) = earliest_stop(&text, &sampling.stop) {
            text.truncate(at);
        }
        Ok(Completion {
            text,
            tokens,
            finished,
            log_probability,
        })
    }

    fn ends(&self, token: u32) -> bool {
        let of_turn = self.chat.is_some_and(|form| form.end_of_turn() == token);
        of_turn || self.config.end_tokens.contains(&token)
    }

    fn forward(&self, tokens: &[u32], cache: &mut Cache) -> Result<Vec<f32>, ModelError> {
        self.decoder
            .forward(tokens, cache)
            .map_err(compute("the next token"))
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

/// Where the first stop text begins in the text; of two that begin there, the longer one.
fn earliest_stop<'s>(text: &str, stop: &'s [String]) -> Option<(usize, &'s str)> {
    stop.iter()
        .filter_map(|s| text.find(s.as_str()).map(|at| (at, s.as_str())))
        .min_by_key(|(at, s)| (*at, std::cmp::Reverse(s.len())))
}

fn first_stop<'s>(text: &str, stop: &'s [String]) -> Option<&'s str> {
    earliest_stop(text, stop).map(|(_, s)| s)
}

/// How much of the text can be shown: all but a tail that may be the beginning of a stop text.
fn ready(text: &str, stop: &[String]) -> usize {
    let begins = |at: usize| {
        text.get(at..)
            .is_some_and(|tail| stop.iter().any(|s| s.starts_with(tail)))
    };
    let longest = stop.iter().map(String::len).max().unwrap_or(0);
    let from = text.len().saturating_sub(longest);
    (from..text.len())
        .find(|at| text.is_char_boundary(*at) && begins(*at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_stop_wins_and_its_beginnings_are_held_back() {
        let stop = vec!["```".to_owned(), "``".to_owned(), "END".to_owned()];
        assert_eq!(earliest_stop("ab```END", &stop), Some((2, "```")));
        assert_eq!(earliest_stop("ab", &stop), None);
        assert_eq!(ready("abE", &stop), 2);
        assert_eq!(ready("é`", &stop), "é".len());
        assert_eq!(ready("abc", &stop), 3);
        assert_eq!(ready("", &stop), 0);
        assert_eq!(ready("abc", &[]), 3);
    }
}

//! A model in memory, and the loop that generates text with it.

use std::ops::ControlFlow;
use std::time::Instant;

use crate::chat::Conversation;
use crate::config::Config;
use crate::error::ModelError;
use crate::generate::{
    Completion, Decoding, DecodingStatistics, Event, Finished, Generation, Prompt, Request,
};
use crate::infill::InfillForm;
use crate::network::{Cache, Network, Step, Wanted};
use crate::sample::Sampling;
use crate::speculate::Draft;
use crate::text::Vocabulary;

mod load;

pub(crate) use load::{Folder, Packed};
pub use load::{LoadOptions, Precision, Processor};

/// Tokens of a prompt that go through the model at once: bounds the memory that attention scores need.
pub(crate) const PREFILL_CHUNK: usize = 512;

/// A model with its tokenizer, ready to complete text.
pub struct HostedModel {
    config: Config,
    vocabulary: Vocabulary,
    network: Box<dyn Network>,
    chat: Option<Conversation>,
    infill: Option<InfillForm>,
    /// Those of the configuration, and the end of a turn.
    end_tokens: Vec<u32>,
    context: usize,
    precision: Precision,
    /// Of the last prompt, whose tokens these are.
    cache: Cache,
    cached: Vec<u32>,
    draft: Option<Box<HostedModel>>,
    words: Option<u64>,
}

impl HostedModel {
    /// Version of the words that a model without a tokenizer was trained on; nothing for others.
    pub fn words(&self) -> Option<u64> {
        self.words
    }

    /// Says what the words of a model without a tokenizer stand for from now on: by token id, the bytes that it adds to a text.
    ///
    /// # Errors
    /// The model has a tokenizer, or no such words.
    pub fn set_words(&mut self, bytes: Vec<Vec<u8>>) -> Result<(), ModelError> {
        if bytes.len() > self.config.vocab_size {
            return Err(ModelError::BadToken {
                token: u32::try_from(bytes.len() - 1).unwrap_or(u32::MAX),
                vocab_size: self.config.vocab_size,
            });
        }
        match self.vocabulary.set_words(bytes) {
            true => Ok(()),
            false => Err(ModelError::HasTokenizer),
        }
    }

    fn of(
        config: Config,
        vocabulary: Vocabulary,
        chat: Option<Conversation>,
        network: Box<dyn Network>,
        context: usize,
        precision: Precision,
    ) -> HostedModel {
        let infill = InfillForm::of(&vocabulary);
        let mut end_tokens = config.end_tokens.clone();
        let of_turn = chat.iter().flat_map(|c| c.ends(&vocabulary));
        let of_gap = infill.iter().flat_map(|i| i.ends().to_vec());
        for end in of_turn.chain(of_gap) {
            if !end_tokens.contains(&end) {
                end_tokens.push(end);
            }
        }
        let cache = network.cache();
        HostedModel {
            config,
            vocabulary,
            network,
            chat,
            infill,
            end_tokens,
            context,
            precision,
            cache,
            cached: Vec::new(),
            draft: None,
            words: None,
        }
    }

    /// Lets a small model guess for this one ([`Request::guesses`]); it must have the same tokenizer.
    pub fn with_draft(mut self, draft: HostedModel) -> Result<HostedModel, ModelError> {
        if let Some(token) = self.vocabulary.differs(&draft.vocabulary) {
            return Err(ModelError::DraftVocabulary { token });
        }
        self.draft = Some(Box::new(draft));
        Ok(self)
    }

    /// What computes: the instruction set of the kernels, or the library.
    pub fn backend(&self) -> &'static str {
        self.network.backend()
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
    pub fn generate_with(
        &mut self,
        prompt: &str,
        sampling: &Sampling,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<Completion>, ModelError> {
        let request = Request::new(Prompt::Text(prompt), sampling);
        Ok(self.run(&request, progress)?.completions)
    }

    /// The form of conversation: `template` if the folder has a chat template, otherwise the name of the form that
    /// the model's vocabulary has markers for.
    pub fn chat_form(&self) -> Option<&'static str> {
        self.chat.as_ref().map(Conversation::name)
    }

    /// Whether the model's vocabulary has markers for text with a gap.
    pub fn supports_infill(&self) -> bool {
        self.infill.is_some()
    }

    /// The tokens after which the model writes what belongs between the two texts: for [`Prompt::Tokens`]. Markers
    /// spelled out in the texts are text like any other.
    pub fn infill_prompt(&self, prefix: &str, suffix: &str) -> Result<Vec<u32>, ModelError> {
        let form = self.infill.as_ref().ok_or(ModelError::NoInfill)?;
        form.prompt(&self.vocabulary, prefix, suffix)
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
        let request = Request::new(Prompt::Chat { system, user }, sampling);
        Ok(self.run(&request, progress)?.completions)
    }

    /// Does what a request asks for and reports progress; `Break` ends the run with what there is.
    ///
    /// The prompt goes through the model once, however many samples are asked for; what it has in common
    /// with the prompt before is not computed again. The samples are then decoded side by side.
    ///
    /// With a guide, every token is drawn from what [`Guide::allowed`](crate::guide::Guide::allowed) leaves of the
    /// model's distribution, then checked. One that is pruned is taken out at its place and another is drawn. Where
    /// none is left, the token before it is taken back, which is taken out at its own place; the guide is then
    /// brought to that place by a new fork that advances over the tokens before it. A guide that fails ends its
    /// sample, not the run.
    pub fn run(
        &mut self,
        request: &Request<'_>,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Generation, ModelError> {
        request.sampling.check()?;
        let prompt = self.prompt(request.prompt)?;
        // Room for one new token at least.
        self.check_tokens(&prompt, self.context - 1)?;
        let mut statistics = DecodingStatistics::default();
        let Some((cache, logits)) = self.read(&prompt, &mut statistics, progress)? else {
            return Ok(Generation {
                completions: Vec::new(),
                statistics,
            });
        };
        let samples = self
            .decoding(request)
            .run(&prompt, cache, &logits, &mut statistics, progress)?;
        let (completions, caches): (Vec<Completion>, Vec<Cache>) = samples.into_iter().unzip();
        // The prompt is read once: any of them has it.
        if let Some(mut cache) = caches.into_iter().next_back() {
            cache.truncate(prompt.len());
            self.keep_cache(cache, prompt);
        }
        Ok(Generation {
            completions,
            statistics,
        })
    }

    fn decoding<'a>(&'a self, request: &Request<'a>) -> Decoding<'a> {
        Decoding {
            network: &*self.network,
            vocabulary: &self.vocabulary,
            end_tokens: &self.end_tokens,
            context: self.context,
            dtype: self.precision.name(),
            sampling: request.sampling,
            guide: request.guide,
            backtracks: request.backtracks,
            // A pass over several tokens must give the numbers of passes over one.
            guesses: if self.network.piece() == 1 {
                request.guesses
            } else {
                0
            },
            draft: self.draft.as_deref().map(|draft| Draft {
                network: &*draft.network,
                context: draft.context,
            }),
        }
    }

    /// Token ids of a prompt.
    pub fn prompt(&self, prompt: Prompt<'_>) -> Result<Vec<u32>, ModelError> {
        match (prompt, &self.chat) {
            (Prompt::Text(text), _) => self.vocabulary.encode(text, true),
            (Prompt::Tokens(tokens), _) => Ok(tokens.to_vec()),
            (Prompt::Chat { system, user }, Some(form)) => form.prompt(&self.vocabulary, system, user),
            (Prompt::Chat { system, user }, None) => {
                self.vocabulary.encode(&format!("{system}\n\n{user}\n\n"), true)
            }
        }
    }

    /// Reads a prompt: its cache and the logits after it; `None` if the caller broke off.
    fn read(
        &mut self,
        prompt: &[u32],
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Option<(Cache, Vec<f32>)>, ModelError> {
        let started = Instant::now();
        let mut cache = self.take_cache(prompt);
        let rest = prompt.get(cache.len()..).unwrap_or_default();
        statistics.reused_tokens += cache.len();
        statistics.prompt_tokens += rest.len();
        let mut logits = Vec::new();
        let mut left = rest.len();
        for chunk in rest.chunks(PREFILL_CHUNK) {
            left -= chunk.len();
            let wanted = if left == 0 { Wanted::Last } else { Wanted::Nothing };
            logits = self.pass(chunk, &mut cache, wanted)?;
            let event = Event::Prompt {
                read: cache.len(),
                total: prompt.len(),
            };
            if progress(event).is_break() {
                let read = prompt.get(..cache.len()).unwrap_or_default().to_vec();
                self.keep_cache(cache, read);
                return Ok(None);
            }
        }
        statistics.prefill_time += started.elapsed();
        Ok(Some((cache, logits)))
    }

    fn keep_cache(&mut self, cache: Cache, tokens: Vec<u32>) {
        self.cached = tokens;
        self.cached.truncate(cache.len());
        self.cache = cache;
    }

    /// The cache of the last prompt, cut to what this one shares with it: whole pieces only, and never all of
    /// the prompt. The rest then goes through the model in the same pieces as it would without a cache, and
    /// every number comes out the same: a seed gives the same text whatever ran before.
    fn take_cache(&mut self, prompt: &[u32]) -> Cache {
        let shared = self.cached.iter().zip(prompt).take_while(|(a, b)| a == b).count();
        let shared = shared.min(prompt.len().saturating_sub(1));
        let mut cache = std::mem::replace(&mut self.cache, self.network.cache());
        self.cached.clear();
        let piece = self.network.piece().max(1);
        cache.truncate(shared / piece * piece);
        // A recurrent state can only stay or begin anew.
        if cache.len() > shared {
            return self.network.cache();
        }
        cache
    }

    /// The tokens' own prefix of the network, from which several completions can grow: the root of a search tree.
    ///
    /// What the tokens have in common with the prompt before is not computed again.
    pub fn prefill(&mut self, tokens: &[u32]) -> Result<Branch, ModelError> {
        self.check_tokens(tokens, self.context)?;
        let mut statistics = DecodingStatistics::default();
        let read = self.read(tokens, &mut statistics, &mut |_| ControlFlow::Continue(()))?;
        let (cache, mut logits) = read.unwrap_or_else(|| (self.network.cache(), Vec::new()));
        self.keep_cache(cache.fork()?, tokens.to_vec());
        self.vocabulary.mask(&mut logits);
        Ok(Branch {
            tokens: tokens.to_vec(),
            cache,
            logits,
        })
    }

    /// Completions that go on from a branch; the request's prompt is not looked at, and its guide is one that has advanced over
    /// what the branch has beyond the prompt. Where the caller broke off, the completion can go on from its own branch.
    ///
    /// # Errors
    ///
    /// As [`HostedModel::run`]; a branch that is the end of a completion.
    pub fn grow(
        &self,
        branch: &Branch,
        request: &Request<'_>,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<(Vec<Grown>, DecodingStatistics), ModelError> {
        request.sampling.check()?;
        self.check_tokens(&branch.tokens, self.context - 1)?;
        let mut statistics = DecodingStatistics::default();
        let samples = self.decoding(request).run(
            &branch.tokens,
            branch.cache.fork()?,
            &branch.logits,
            &mut statistics,
            progress,
        )?;
        let mut grown = Vec::with_capacity(samples.len());
        for (completion, mut cache) in samples {
            let branch = if completion.finished == Finished::Cancelled {
                let tokens = [branch.tokens.as_slice(), &completion.tokens].concat();
                let missing = tokens.get(cache.len()..).unwrap_or_default();
                let mut logits = match missing {
                    // The caller broke off before anything was drawn.
                    [] => branch.logits.clone(),
                    missing => self.pass(missing, &mut cache, Wanted::Last)?,
                };
                self.vocabulary.mask(&mut logits);
                Some(Branch {
                    tokens,
                    cache,
                    logits,
                })
            } else {
                None
            };
            grown.push(Grown { completion, branch });
        }
        Ok((grown, statistics))
    }

    /// Adds one token to each of the branches, all of them in one pass.
    pub fn step(&self, branches: &mut [(&mut Branch, u32)]) -> Result<(), ModelError> {
        for (branch, token) in &*branches {
            self.check_vocabulary(&[*token])?;
            if branch.cache.len() >= self.context {
                return Err(ModelError::PromptTooLong {
                    tokens: branch.cache.len() + 1,
                    context: self.context,
                });
            }
        }
        let tokens: Vec<u32> = branches.iter().map(|(_, token)| *token).collect();
        let mut steps: Vec<Step<'_>> = branches
            .iter_mut()
            .zip(tokens.chunks(1))
            .map(|((branch, _), tokens)| Step {
                tokens,
                cache: &mut branch.cache,
                wanted: Wanted::Last,
            })
            .collect();
        let outputs = self.network.forward(&mut steps)?;
        for ((branch, token), mut logits) in branches.iter_mut().zip(outputs) {
            self.vocabulary.mask(&mut logits);
            branch.tokens.push(*token);
            branch.logits = logits;
        }
        Ok(())
    }

    /// By token id: the bytes that the token adds to a text. Empty for markers (special tokens) and for ids without
    /// a token. As long as the model's vocabulary.
    pub fn token_bytes(&self) -> Vec<Vec<u8>> {
        self.vocabulary.token_bytes()
    }

    /// The contents of the model's `tokenizer.json`.
    pub fn tokenizer_json(&self) -> &str {
        self.vocabulary.json()
    }

    /// Tokens with which a completion ends: those that the configuration names, and the end of a turn.
    pub fn end_tokens(&self) -> &[u32] {
        &self.end_tokens
    }

    /// Rows of the model's vocabulary; token ids are below it.
    pub fn vocabulary_size(&self) -> usize {
        self.config.vocab_size
    }

    /// Text of token ids, markers left out; bytes that are no characters become U+FFFD.
    pub fn decode(&self, tokens: &[u32]) -> Result<String, ModelError> {
        self.vocabulary.decode(tokens)
    }

    /// Token ids of a text, with the marks that the tokenizer puts around it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.vocabulary.encode(text, true)
    }

    /// What the model expects after these tokens: one logit for each row of the vocabulary, computed afresh.
    pub fn logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        self.check_tokens(tokens, self.context)?;
        let mut cache = self.network.cache();
        let mut logits = Vec::new();
        for chunk in tokens.chunks(PREFILL_CHUNK) {
            logits = self.pass(chunk, &mut cache, Wanted::Last)?;
        }
        Ok(logits)
    }

    fn check_tokens(&self, tokens: &[u32], limit: usize) -> Result<(), ModelError> {
        if tokens.is_empty() {
            return Err(ModelError::EmptyPrompt);
        }
        if tokens.len() > limit {
            return Err(ModelError::PromptTooLong {
                tokens: tokens.len(),
                context: self.context,
            });
        }
        self.check_vocabulary(tokens)
    }

    fn check_vocabulary(&self, tokens: &[u32]) -> Result<(), ModelError> {
        let vocab_size = self.config.vocab_size;
        match tokens.iter().copied().find(|t| *t as usize >= vocab_size) {
            None => Ok(()),
            Some(token) => Err(ModelError::BadToken { token, vocab_size }),
        }
    }

    /// One pass of one sequence.
    fn pass(&self, tokens: &[u32], cache: &mut Cache, wanted: Wanted) -> Result<Vec<f32>, ModelError> {
        let step = Step {
            tokens,
            cache,
            wanted,
        };
        let outputs = self.network.forward(&mut [step])?;
        Ok(outputs.into_iter().next().unwrap_or_default())
    }
}

/// A sequence that has been read, and what the model expects next: a node of a search over completions. See
/// [`HostedModel::prefill`] and [`HostedModel::step`].
pub struct Branch {
    tokens: Vec<u32>,
    cache: Cache,
    logits: Vec<f32>,
}

impl Branch {
    /// All tokens, with those of the prompt.
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// After the last token: one logit for each row of the vocabulary, -∞ where an id has no token.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// An independent copy that can go another way.
    pub fn fork(&self) -> Result<Branch, ModelError> {
        Ok(Branch {
            tokens: self.tokens.clone(),
            cache: self.cache.fork()?,
            logits: self.logits.clone(),
        })
    }
}

/// What came of a branch. See [`HostedModel::grow`].
pub struct Grown {
    pub completion: Completion,
    /// Where it may go on.
    pub branch: Option<Branch>,
}

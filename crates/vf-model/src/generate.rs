//! From logits to text: several samples of one prompt, decoded as one batch, each with its own random numbers, its
//! own text and its own guide.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crate::error::ModelError;
use crate::guide::{Allowed, Check, Guide, GuideError, GuideStatistics};
use crate::network::{Cache, Network, Step, Wanted};
use crate::sample::{Random, Sampling, log_normaliser, pick};
use crate::speculate::{Draft, Guesser};
use crate::text::{TextStream, Vocabulary};

/// What is to be completed.
#[derive(Clone, Copy, Debug)]
pub enum Prompt<'a> {
    /// A text; markers spelled out in it (`<|im_end|>`) are text like any other.
    Text(&'a str),
    /// A user's message, put in the form that the model was trained on for conversations.
    Chat { system: &'a str, user: &'a str },
    /// Token ids of the model's vocabulary, as they are.
    Tokens(&'a [u32]),
}

/// A request to [`crate::HostedModel::run`].
#[derive(Clone, Copy)]
pub struct Request<'a> {
    pub prompt: Prompt<'a>,
    pub sampling: &'a Sampling,
    /// Each sample gets a fork of it.
    pub guide: Option<&'a dyn Guide>,
    /// How often a sample may take a token back because nothing may follow it. After that it ends as
    /// [`Finished::DeadEnd`].
    pub backtracks: usize,
    /// Tokens to guess at most before the model is asked about all of them in one pass; 0 guesses none. They are taken
    /// from the text so far, where an edit copies it, or from the model's draft
    /// ([`crate::HostedModel::with_draft`]). The completions are the same with any number; where they would not be,
    /// because a pass over several tokens rounds differently (candle's kernels), none are guessed.
    pub guesses: usize,
}

impl<'a> Request<'a> {
    /// Without a guide and without guesses.
    pub fn new(prompt: Prompt<'a>, sampling: &'a Sampling) -> Request<'a> {
        Request {
            prompt,
            sampling,
            guide: None,
            backtracks: 64,
            guesses: 0,
        }
    }
}

/// What [`crate::HostedModel::run`] gives back.
#[derive(Clone, Debug, Default)]
pub struct Generation {
    /// One for each sample, in order; none if the caller broke off while the prompt was read.
    pub completions: Vec<Completion>,
    pub statistics: DecodingStatistics,
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
    /// came), at temperature 1, with nothing cut and without the guide.
    pub log_probability: f64,
    /// How much the guide made of that: minus the logarithm of the probability that the model gives, place by
    /// place, to what the guide let through. 0 without a guide.
    pub given_up: f64,
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
    /// The guide let nothing through any more, and no more tokens could be taken back; with the reason that
    /// the guide gave last, if it gave one.
    DeadEnd(String),
    /// The guide could not guide any more.
    GuideFailed(GuideError),
}

/// Progress of generation.
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
    /// The sample's last token was taken back; only the first `shown` bytes of the text shown so far stand.
    Back { sample: usize, shown: usize },
    /// A sample is finished, while others may go on. A break ends those, too.
    Done {
        sample: usize,
        completion: &'a Completion,
    },
}

/// What generation took. Times are wall-clock times.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DecodingStatistics {
    /// Tokens of the prompt that went through the model, and those that were there from the prompt before.
    pub prompt_tokens: usize,
    pub reused_tokens: usize,
    pub prefill_time: Duration,
    /// Tokens of all samples together, with those that were taken back.
    pub decoded_tokens: usize,
    /// From the end of the prompt to the end of the last sample, with everything that guides do.
    pub decode_time: Duration,
    /// Passes through the network after the prompt.
    pub passes: usize,
    /// Tokens that were guessed, and those of them that came true.
    pub guessed: usize,
    pub guessed_right: usize,
    /// Of each question [`Guide::allowed`], in the order they were asked.
    pub mask_times: Vec<Duration>,
    /// Tokens and ends that the guides' checks took out after they were drawn.
    pub pruned: u64,
    /// Tokens that were taken back, and samples that ended as [`Finished::DeadEnd`].
    pub backtracks: u64,
    pub dead_ends: u64,
    /// Sum of [`Completion::given_up`].
    pub given_up: f64,
    /// What the guide says of itself, for this request.
    pub guide: GuideStatistics,
}

impl DecodingStatistics {
    /// Adds what another generation of the same guide took.
    pub fn add(&mut self, other: &DecodingStatistics) {
        self.prompt_tokens += other.prompt_tokens;
        self.reused_tokens += other.reused_tokens;
        self.prefill_time += other.prefill_time;
        self.decoded_tokens += other.decoded_tokens;
        self.decode_time += other.decode_time;
        self.passes += other.passes;
        self.guessed += other.guessed;
        self.guessed_right += other.guessed_right;
        self.mask_times.extend(&other.mask_times);
        self.pruned += other.pruned;
        self.backtracks += other.backtracks;
        self.dead_ends += other.dead_ends;
        self.given_up += other.given_up;
        self.guide.pruned += other.guide.pruned;
        self.guide.prover_calls += other.guide.prover_calls;
        self.guide.prover_time += other.guide.prover_time;
    }

    /// The time within which the given share (in [0, 1]) of the masks was there; `None` without a guide.
    pub fn mask_time(&self, share: f64) -> Option<Duration> {
        let mut times = self.mask_times.clone();
        times.sort_unstable();
        let rank = (share.clamp(0.0, 1.0) * times.len() as f64).ceil() as usize;
        times.get(rank.saturating_sub(1)).copied()
    }

    /// Decoded tokens of all samples in a second.
    pub fn decode_speed(&self) -> f64 {
        self.decoded_tokens as f64 / self.decode_time.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Tokens of the prompt in a second.
    pub fn prefill_speed(&self) -> f64 {
        self.prompt_tokens as f64 / self.prefill_time.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

/// The parts of a model that generation needs.
pub(crate) struct Decoding<'a> {
    pub network: &'a dyn Network,
    pub vocabulary: &'a Vocabulary,
    pub end_tokens: &'a [u32],
    pub context: usize,
    /// Element type, for messages.
    pub dtype: &'static str,
    pub sampling: &'a Sampling,
    pub guide: Option<&'a dyn Guide>,
    pub backtracks: usize,
    pub guesses: usize,
    pub draft: Option<Draft<'a>>,
}

impl Decoding<'_> {
    /// Decodes all samples. The cache holds the prompt, and `logits` are those after it; each sample's cache comes back with
    /// a beginning of its tokens.
    pub fn run(
        &self,
        prompt: &[u32],
        mut cache: Cache,
        logits: &[f32],
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Vec<(Completion, Cache)>, ModelError> {
        let started = Instant::now();
        let guided_before = self.guide.map(Guide::statistics).unwrap_or_default();
        let mut samples = Vec::with_capacity(self.sampling.samples);
        for index in 1..self.sampling.samples {
            samples.push(Sample::new(self, index - 1, prompt, cache.fork()?));
        }
        let last = std::mem::replace(&mut cache, self.network.cache());
        samples.push(Sample::new(self, samples.len(), prompt, last));

        let mut cancelled = false;
        for sample in &mut samples {
            cancelled = cancelled || sample.goes_on(self, logits, logits, statistics, progress)?;
        }
        while !cancelled && samples.iter().any(|s| s.finished.is_none()) {
            let mut steps = Vec::with_capacity(samples.len());
            for sample in samples.iter_mut().filter(|s| s.finished.is_none()) {
                steps.push(sample.step(self)?);
            }
            let outputs = self.network.forward(&mut steps)?;
            statistics.passes += 1;
            let active = samples.iter_mut().filter(|s| s.finished.is_none());
            for (sample, output) in active.zip(outputs) {
                cancelled = cancelled || sample.goes_on(self, &output, logits, statistics, progress)?;
            }
        }
        let mut completions = Vec::with_capacity(samples.len());
        for sample in samples {
            let (completion, used) = sample.complete(self)?;
            statistics.given_up += completion.given_up;
            statistics.dead_ends += u64::from(matches!(completion.finished, Finished::DeadEnd(_)));
            completions.push((completion, used));
        }
        statistics.decode_time += started.elapsed();
        if let Some(guide) = self.guide {
            let all = guide.statistics();
            statistics.guide = GuideStatistics {
                pruned: all.pruned.saturating_sub(guided_before.pruned),
                prover_calls: all.prover_calls.saturating_sub(guided_before.prover_calls),
                prover_time: all.prover_time.saturating_sub(guided_before.prover_time),
            };
        }
        Ok(completions)
    }
}

/// A completion as it grows.
struct Sample {
    index: usize,
    /// The prompt and the completion. The cache holds a beginning of them, never all.
    tokens: Vec<u32>,
    prompt: usize,
    cache: Cache,
    random: Random,
    stream: TextStream,
    /// Bytes of the text that the caller has seen.
    shown: usize,
    guide: Option<Box<dyn Guide>>,
    guesser: Guesser,
    /// What went through the network last: the tokens that the cache had not got, then the guesses.
    step: Vec<u32>,
    guessed: usize,
    /// For each token of the completion its log-probability and what the guide made of it.
    scores: Vec<Score>,
    /// For each place of the completion, the one after its last token included: tokens that the guide has taken
    /// out there.
    removed: Vec<Vec<u32>>,
    backtracks: usize,
    /// The reason for which the guide took something out last.
    reason: String,
    finished: Option<Finished>,
    /// What came of it, once it is finished.
    done: Option<Completion>,
    /// Of the end token.
    last: Score,
}

#[derive(Clone, Copy, Default)]
struct Score {
    log_probability: f64,
    given_up: f64,
}

/// What became of a place.
enum Place {
    Token(u32, Score),
    End(Score),
    /// Nothing may follow here.
    Nothing,
    Failed(GuideError),
}

impl Sample {
    fn new(decoding: &Decoding<'_>, index: usize, prompt: &[u32], cache: Cache) -> Sample {
        Sample {
            index,
            tokens: prompt.to_vec(),
            prompt: prompt.len(),
            cache,
            random: Random::new(decoding.sampling.seed, index),
            stream: TextStream::default(),
            shown: 0,
            guide: decoding.guide.map(Guide::fork),
            guesser: Guesser::new(decoding.guesses),
            step: Vec::new(),
            guessed: 0,
            scores: Vec::new(),
            removed: vec![Vec::new()],
            backtracks: 0,
            reason: String::new(),
            finished: None,
            done: None,
            last: Score::default(),
        }
    }

    /// What goes through the network next: the tokens that the cache has not got, and guesses of those after them.
    fn step(&mut self, decoding: &Decoding<'_>) -> Result<Step<'_>, ModelError> {
        // The last token asked for is drawn in any case, and needs no place in the context.
        let asked = decoding
            .sampling
            .max_new_tokens
            .saturating_sub(self.scores.len() + 1);
        let room = asked.min(decoding.context.saturating_sub(self.tokens.len()));
        let guesses = self
            .guesser
            .guess(&self.tokens, room, decoding.draft.as_ref(), decoding.vocabulary)?;
        self.guessed = guesses.len();
        self.step = self.tokens.get(self.cache.len()..).unwrap_or_default().to_vec();
        self.step.extend(guesses);
        Ok(Step {
            tokens: &self.step,
            cache: &mut self.cache,
            wanted: if self.guessed == 0 {
                Wanted::Last
            } else {
                Wanted::All
            },
        })
    }

    /// Draws from the logits of a step as long as the guesses come true; whether the caller broke off.
    fn take_all(
        &mut self,
        decoding: &Decoding<'_>,
        logits: &[f32],
        after_prompt: &[f32],
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<bool, ModelError> {
        if self.guessed == 0 {
            return self.take(decoding, logits, after_prompt, statistics, progress);
        }
        statistics.guessed += self.guessed;
        let before = self.tokens.len();
        let first = self.step.len() - self.guessed;
        let guesses = self.step.split_off(first);
        let mut rows = logits
            .chunks(decoding.vocabulary.size())
            .skip(first.saturating_sub(1));
        let mut right = 0;
        let mut cancelled = false;
        for guess in guesses.iter().map(Some).chain([None]) {
            cancelled = self.take(
                decoding,
                rows.next().unwrap_or_default(),
                after_prompt,
                statistics,
                progress,
            )?;
            // Tokens may also have been taken back.
            let came_true = self.tokens.len() == before + right + 1 && self.tokens.last() == guess;
            if !came_true {
                break;
            }
            right += 1;
            if cancelled || self.finished.is_some() {
                break;
            }
        }
        statistics.guessed_right += right;
        let agreed = (before + right).min(self.tokens.len().saturating_sub(1));
        self.cache.truncate(agreed);
        self.guesser.learn(guesses.len(), right, agreed);
        Ok(cancelled)
    }

    /// Draws one token from the logits after the last one; whether the caller broke off.
    ///
    /// Afterwards the sample is finished, or has tokens that are not in its cache.
    fn take(
        &mut self,
        decoding: &Decoding<'_>,
        logits: &[f32],
        after_prompt: &[f32],
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<bool, ModelError> {
        let mut logits = logits;
        loop {
            match self.place(decoding, logits, statistics)? {
                Place::Token(token, score) => return self.keep(decoding, token, score, statistics, progress),
                Place::End(score) => {
                    self.last = score;
                    self.finished = Some(Finished::EndToken);
                    return Ok(false);
                }
                Place::Failed(error) => {
                    self.finished = Some(Finished::GuideFailed(error));
                    return Ok(false);
                }
                Place::Nothing => {
                    let possible = self.backtracks < decoding.backtracks && !self.scores.is_empty();
                    if !possible || !self.back(decoding)? {
                        self.finished
                            .get_or_insert_with(|| Finished::DeadEnd(std::mem::take(&mut self.reason)));
                        return Ok(false);
                    }
                    statistics.backtracks += 1;
                    let event = Event::Back {
                        sample: self.index,
                        shown: self.shown,
                    };
                    if progress(event).is_break() {
                        return Ok(true);
                    }
                    if !self.scores.is_empty() {
                        return Ok(false);
                    }
                    // At the first place again, whose logits are at hand.
                    logits = after_prompt;
                }
            }
        }
    }

    /// Draws until the guide keeps a token or the end, or nothing is left.
    fn place(
        &mut self,
        decoding: &Decoding<'_>,
        logits: &[f32],
        statistics: &mut DecodingStatistics,
    ) -> Result<Place, ModelError> {
        let mut own = logits.to_vec();
        decoding.vocabulary.mask(&mut own);
        let position = self.tokens.len();
        let not_a_number = || ModelError::NotANumber {
            position,
            dtype: decoding.dtype,
        };
        let normaliser = log_normaliser(&own).ok_or_else(not_a_number)?;
        let score = |token: u32, let_through: f64| Score {
            log_probability: own
                .get(token as usize)
                .map_or(f64::NEG_INFINITY, |l| f64::from(*l) - normaliser),
            given_up: normaliser - let_through,
        };
        let Some(guide) = &mut self.guide else {
            let token = pick(&own, decoding.sampling, &mut self.random).ok_or_else(not_a_number)?;
            let score = score(token, normaliser);
            return Ok(if decoding.end_tokens.contains(&token) {
                Place::End(score)
            } else {
                Place::Token(token, score)
            });
        };

        let asked = Instant::now();
        let allowed = guide.allowed();
        statistics.mask_times.push(asked.elapsed());
        let allowed = match allowed {
            Ok(allowed) => allowed,
            Err(error) => return Ok(Place::Failed(error)),
        };
        let mut masked = own.clone();
        restrict(&mut masked, &allowed, decoding.end_tokens);
        let removed = self.removed.last_mut();
        let mut nowhere = Vec::new();
        let removed = removed.unwrap_or(&mut nowhere);
        take_out(&mut masked, removed);
        let mut weighed = masked.clone();
        for (token, penalty) in &allowed.penalties {
            if let Some(logit) = weighed.get_mut(*token as usize).filter(|_| penalty.is_finite()) {
                *logit += penalty;
            }
        }
        loop {
            let Some(token) = pick(&weighed, decoding.sampling, &mut self.random) else {
                return Ok(Place::Nothing);
            };
            let ends = decoding.end_tokens.contains(&token);
            let check = if ends { guide.end() } else { guide.check(token) };
            match check {
                Err(error) => return Ok(Place::Failed(error)),
                Ok(Check::Prune(reason)) => {
                    statistics.pruned += 1;
                    self.reason = reason;
                    let before = removed.len();
                    if ends {
                        removed.extend(decoding.end_tokens);
                    } else {
                        removed.push(token);
                    }
                    let new = removed.get(before..).unwrap_or_default();
                    take_out(&mut masked, new);
                    take_out(&mut weighed, new);
                }
                Ok(Check::Keep) => {
                    let let_through = log_normaliser(&masked).ok_or_else(not_a_number)?;
                    let score = score(token, let_through);
                    if ends {
                        return Ok(Place::End(score));
                    }
                    return Ok(match guide.advance(token) {
                        Ok(()) => Place::Token(token, score),
                        Err(error) => Place::Failed(error),
                    });
                }
            }
        }
    }

    /// Adds a token, and ends the sample where it is to end; whether the caller broke off.
    fn keep(
        &mut self,
        decoding: &Decoding<'_>,
        token: u32,
        score: Score,
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<bool, ModelError> {
        let sampling = decoding.sampling;
        statistics.decoded_tokens += 1;
        self.tokens.push(token);
        self.scores.push(score);
        self.removed.push(Vec::new());
        self.stream.push(decoding.vocabulary, token)?;
        if let Some(stop) = first_stop(self.stream.text(), &sampling.stop) {
            self.finished = Some(Finished::Stop(stop.to_owned()));
            return Ok(false);
        }
        let ready = ready(self.stream.text(), &sampling.stop).max(self.shown);
        let text = self.stream.text().get(self.shown..ready).unwrap_or_default();
        self.shown = ready;
        let event = Event::Token {
            sample: self.index,
            token,
            text,
        };
        if progress(event).is_break() {
            return Ok(true);
        }
        if self.scores.len() >= sampling.max_new_tokens {
            self.finished = Some(Finished::Length);
        } else if self.tokens.len() > decoding.context {
            self.finished = Some(Finished::ContextFull);
        }
        Ok(false)
    }

    /// Takes the last token back: it is removed at its place, and the guide is brought to the state before it.
    /// Whether that worked; if not, the sample is finished.
    fn back(&mut self, decoding: &Decoding<'_>) -> Result<bool, ModelError> {
        self.backtracks += 1;
        self.scores.pop();
        self.removed.pop();
        if let (Some(token), Some(removed)) = (self.tokens.pop(), self.removed.last_mut()) {
            removed.push(token);
        }
        // The logits of this place came after the token before it, which is read again for them.
        let again = if self.scores.is_empty() { 0 } else { 1 };
        self.cache.truncate(self.tokens.len().saturating_sub(again));
        let completion = self.tokens.get(self.prompt..).unwrap_or_default();
        let mut stream = TextStream::default();
        for token in completion {
            stream.push(decoding.vocabulary, *token)?;
        }
        self.shown = self.shown.min(ready(stream.text(), &decoding.sampling.stop));
        self.stream = stream;
        if let Some(prototype) = decoding.guide {
            let mut guide = prototype.fork();
            if let Err(error) = completion.iter().try_for_each(|t| guide.advance(*t)) {
                self.finished = Some(Finished::GuideFailed(error));
                return Ok(false);
            }
            self.guide = Some(guide);
        }
        Ok(true)
    }

    /// [`Sample::take_all`], and says so when the sample is finished.
    fn goes_on(
        &mut self,
        decoding: &Decoding<'_>,
        logits: &[f32],
        first: &[f32],
        statistics: &mut DecodingStatistics,
        progress: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<bool, ModelError> {
        let cancelled = self.take_all(decoding, logits, first, statistics, progress)?;
        if self.finished.is_none() {
            return Ok(cancelled);
        }
        let completion = self.close(decoding)?;
        let event = Event::Done {
            sample: self.index,
            completion: &completion,
        };
        let over = progress(event).is_break();
        self.done = Some(completion);
        Ok(cancelled || over)
    }

    fn complete(mut self, decoding: &Decoding<'_>) -> Result<(Completion, Cache), ModelError> {
        let completion = match self.done.take() {
            Some(completion) => completion,
            None => self.close(decoding)?,
        };
        Ok((completion, self.cache))
    }

    /// What the sample has come to.
    fn close(&mut self, decoding: &Decoding<'_>) -> Result<Completion, ModelError> {
        self.stream.finish(decoding.vocabulary)?;
        let stop = &decoding.sampling.stop;
        // The last piece may complete a stop text too.
        let finished = match first_stop(self.stream.text(), stop) {
            Some(stop) => Finished::Stop(stop.to_owned()),
            None => self.finished.clone().unwrap_or(Finished::Cancelled),
        };
        let (mut text, tokens) = std::mem::take(&mut self.stream).into_parts();
        if let Some((at, _)) = earliest_stop(&text, stop) {
            text.truncate(at);
        }
        let mut sum = self.last;
        for score in &self.scores {
            sum.log_probability += score.log_probability;
            sum.given_up += score.given_up;
        }
        Ok(Completion {
            text,
            tokens,
            finished,
            log_probability: sum.log_probability,
            given_up: sum.given_up,
        })
    }
}

/// Leaves what the guide allows.
fn restrict(logits: &mut [f32], allowed: &Allowed, end_tokens: &[u32]) {
    let ends: Vec<(u32, f32)> = end_tokens
        .iter()
        .filter_map(|t| Some((*t, *logits.get(*t as usize)?)))
        .collect();
    if let Some(tokens) = &allowed.tokens {
        for (token, logit) in (0..).zip(logits.iter_mut()) {
            if !tokens.contains(token) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
    for (token, logit) in ends {
        if let Some(slot) = logits.get_mut(token as usize) {
            *slot = if allowed.end { logit } else { f32::NEG_INFINITY };
        }
    }
}

fn take_out(logits: &mut [f32], tokens: &[u32]) {
    for token in tokens {
        if let Some(logit) = logits.get_mut(*token as usize) {
            *logit = f32::NEG_INFINITY;
        }
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

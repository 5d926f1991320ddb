//! Models behind OpenAI-compatible servers: vLLM, llama.cpp's server, ScalarLM.
//!
//! [`ServerModel`] is a client of one server, or of several that serve the same model. `endpoints` knows their
//! addresses and how each is doing, `http` makes one exchange, `retry` says how long to wait before the next, `wire`
//! writes requests and reads answers. A request for many samples is split over the endpoints, and each part is tried
//! again, elsewhere if there is an elsewhere, until it succeeds or nothing promises that it will.
//!
//! The servers are not trusted: an answer is read up to a limit, and whatever is wrong with it is a [`ServerError`].
//! The key is sent and never shown. Redirects are not followed.
//!
//! ```no_run
//! use vf_model::Sampling;
//! use vf_model::server::{Prompt, Request, ServerModel, ServerOptions};
//!
//! let model = ServerModel::connect("http://127.0.0.1:8080/v1", ServerOptions::default())?;
//! let sampling = Sampling { temperature: 0.7, samples: 4, ..Sampling::default() };
//! let answers = model.complete(&Request {
//!     prompt: Prompt::Chat { system: "You are brief.", user: "What is a lemma?" },
//!     sampling: &sampling,
//!     constraint: None,
//!     log_probabilities: false,
//! })?;
//! assert!(!answers.completions.is_empty());
//! # Ok::<(), vf_model::server::ServerError>(())
//! ```

mod endpoints;
mod error;
mod http;
mod key;
mod lists;
mod retry;
mod wire;

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

pub use error::{BadUrl, NotAnAnswer, ServerError};
pub use key::{ApiKey, BadKey, KEY_VARIABLE};
pub use retry::Retry;
pub use wire::{Constraint, Finish, Prompt, Request, ScoredToken, ServerCompletion};

use crate::error::ModelError;
use endpoints::{Endpoint, Endpoints};
use error::shortened;
use http::{Failure, Http};
use wire::{Flavour, Form, MOST_CHOICES, Served};

/// Samples of one request to [`ServerModel::complete`].
const MOST_SAMPLES: usize = 4096;
/// Requests that one endpoint is given at the same time.
const AT_ONCE: usize = 8;
/// Characters of a model's name that are kept.
const NAME: usize = 120;
/// Time for a list of models or a version: nothing is computed for it.
const QUESTION: Duration = Duration::from_secs(30);

/// How to ask.
#[derive(Clone, Debug)]
pub struct ServerOptions {
    /// The model's name at the server; the only one that is served, if not given.
    pub model: Option<String>,
    pub key: Option<ApiKey>,
    /// Longest time until a connection stands.
    pub connect_timeout: Duration,
    /// Longest time from the start of a request to the end of its answer.
    pub answer_timeout: Duration,
    /// Bytes of an answer that are read at most; a larger one is an error.
    pub answer_limit: u64,
    pub retry: Retry,
    /// When the whole run ends.
    pub deadline: Option<Instant>,
}

impl Default for ServerOptions {
    fn default() -> ServerOptions {
        ServerOptions {
            model: None,
            key: None,
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Duration::from_secs(300),
            answer_limit: 16 << 20,
            retry: Retry::default(),
            deadline: None,
        }
    }
}

/// A model behind one or several servers.
pub struct ServerModel {
    endpoints: Endpoints,
    http: Http,
    /// What requests name; `None` where the server lists nothing and nothing was said.
    model: Option<String>,
    shown: String,
    answer_timeout: Duration,
    retry: Retry,
    deadline: Option<Instant>,
}

/// What came of a request.
#[derive(Clone, Debug)]
pub struct Answers {
    /// In the order of their seeds; at least one, at most as many as were asked for.
    pub completions: Vec<ServerCompletion>,
    /// Why some are missing.
    pub missing: Option<ServerError>,
}

/// Some of the samples of a request: `first` and those after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Job {
    first: usize,
    count: usize,
}

impl ServerModel {
    /// Looks for the servers and asks each which model it serves. One address, or several with commas between them;
    /// one that answers is enough.
    pub fn connect(urls: &str, options: ServerOptions) -> Result<ServerModel, ServerError> {
        let endpoints = Endpoints::new(urls)?;
        let mut server = ServerModel {
            endpoints,
            http: Http::new(options.connect_timeout, options.key, options.answer_limit),
            model: options.model,
            shown: String::new(),
            answer_timeout: options.answer_timeout,
            retry: options.retry,
            deadline: options.deadline,
        };
        let names = server.look_around()?;
        if server.model.is_none() {
            server.model = names;
        }
        let shown = server.http.scrub(server.model.clone().unwrap_or_default());
        server.shown = display_name(&shown);
        Ok(server)
    }

    /// Name of the model, for logs: that of its file where the server names it by its path.
    pub fn name(&self) -> &str {
        &self.shown
    }

    /// Finds out what the endpoints serve; those that do not answer now rest. Returns the name that they agree on.
    fn look_around(&self) -> Result<Option<String>, ServerError> {
        let mut agreed: Option<String> = None;
        let (mut found, mut first_error) = (false, None);
        for (endpoint, result) in self.ask_all_for_models() {
            let served = match result {
                Ok(served) => served,
                Err(error) => {
                    first_error = first_error.or(Some(error));
                    continue;
                }
            };
            found = true;
            let name = self.choose(endpoint, served)?;
            match (&agreed, name) {
                (Some(a), Some(b)) if *a != b && self.model.is_none() => {
                    return Err(ServerError::DifferentModels {
                        first: display_name(a),
                        second: display_name(&b),
                    });
                }
                (None, name) => agreed = name,
                _ => {}
            }
        }
        match first_error {
            Some(error) if !found => Err(error),
            _ => Ok(agreed),
        }
    }

    fn ask_all_for_models(&self) -> Vec<(&Endpoint, Result<Vec<Served>, ServerError>)> {
        std::thread::scope(|scope| {
            let asked: Vec<_> = self
                .endpoints
                .all()
                .iter()
                .map(|endpoint| (endpoint, scope.spawn(move || self.models_of(endpoint))))
                .collect();
            asked
                .into_iter()
                .map(|(endpoint, thread)| {
                    let lost = |_| {
                        Err(ServerError::Unreachable {
                            url: endpoint.base.clone(),
                            why: "the request was given up".to_owned(),
                        })
                    };
                    (endpoint, thread.join().unwrap_or_else(lost))
                })
                .collect()
        })
    }

    /// The models that an endpoint lists; none where it has no such list. A server that is still loading is waited
    /// for, one that is not there is not.
    fn models_of(&self, endpoint: &Endpoint) -> Result<Vec<Served>, ServerError> {
        let url = format!("{}/models", endpoint.base);
        let mut attempt = 0;
        loop {
            let limit = self.time_for(QUESTION)?;
            attempt += 1;
            let failure = match self.http.get(&url, limit) {
                Ok(body) => match wire::served(&body) {
                    Ok(served) => return Ok(self.with_version(endpoint, served)),
                    Err(why) => Failure::Endpoint(self.not_an_answer(&url, why, &body)),
                },
                // Some servers have no list; whether they have a model shows when it is asked.
                Err(Failure::Endpoint(ServerError::Status {
                    status: 404 | 405 | 501,
                    ..
                })) => return Ok(Vec::new()),
                Err(failure) => failure,
            };
            match &failure {
                Failure::Again { what, after, .. } if what.status != 0 && attempt < self.retry.attempts => {
                    let wait = after.unwrap_or_else(|| self.retry.wait(attempt));
                    self.sleep(&url, wait)?;
                }
                Failure::Endpoint(error) => {
                    endpoint.broke(error.clone());
                    return Err(error.clone());
                }
                _ => {
                    endpoint.rest(None, &self.retry);
                    return Err(failure.into_error(attempt));
                }
            }
        }
    }

    /// Older vLLM servers take grammars in another field; they tell their version.
    fn with_version(&self, endpoint: &Endpoint, served: Vec<Served>) -> Vec<Served> {
        let is_vllm = served.iter().any(|s| matches!(s.flavour, Flavour::Vllm { .. }));
        let flavour = if is_vllm {
            let root = endpoint.base.strip_suffix("/v1").unwrap_or(&endpoint.base);
            let version = self
                .time_for(QUESTION)
                .ok()
                .and_then(|limit| self.http.get(&format!("{root}/version"), limit).ok());
            Flavour::Vllm {
                structured: version.is_none_or(|body| wire::takes_structured_outputs(&body)),
            }
        } else {
            served.first().map_or(Flavour::Unknown, |s| s.flavour)
        };
        endpoint.set_flavour(flavour);
        served
    }

    /// The name to ask an endpoint for.
    fn choose(&self, endpoint: &Endpoint, served: Vec<Served>) -> Result<Option<String>, ServerError> {
        let names = || -> Vec<String> { served.iter().take(16).map(|s| self.shown_name(&s.name)).collect() };
        let url = endpoint.base.clone();
        match (&self.model, served.as_slice()) {
            // llama.cpp answers to any name.
            (Some(name), [_, ..])
                if endpoint.flavour() != Flavour::LlamaCpp && !served.iter().any(|s| s.name == *name) =>
            {
                let error = ServerError::OtherModel {
                    url,
                    name: self.shown_name(name),
                    served: names(),
                };
                endpoint.broke(error.clone());
                Err(error)
            }
            (Some(name), _) => Ok(Some(name.clone())),
            (None, [only]) => Ok(Some(only.name.clone())),
            (None, []) => Ok(None),
            (None, _) => Err(ServerError::WhichModel { url, served: names() }),
        }
    }

    fn shown_name(&self, name: &str) -> String {
        display_name(&self.http.scrub(name.to_owned()))
    }

    /// Completes a prompt: `sampling.samples` times, fewer where a server fails in the middle.
    ///
    /// The n-th sample has the n-th seed after one made from `sampling.seed`, however the samples are split over
    /// requests and endpoints; whether a seed gives the same text again is the server's affair.
    pub fn complete(&self, request: &Request<'_>) -> Result<Answers, ServerError> {
        request.sampling.check().map_err(|error| match error {
            ModelError::BadSampling {
                field,
                found,
                expected,
            } => ServerError::BadSampling {
                field,
                found,
                expected,
            },
            other => ServerError::BadSampling {
                field: "sampling",
                found: other.to_string(),
                expected: "values in range",
            },
        })?;
        let samples = request.sampling.samples;
        if samples > MOST_SAMPLES {
            return Err(ServerError::BadSampling {
                field: "samples",
                found: samples.to_string(),
                expected: "at most 4096",
            });
        }
        let mut completions: Vec<Option<ServerCompletion>> = vec![None; samples];
        let mut missing = None;
        while missing.is_none() {
            let jobs = self.plan(&completions);
            if jobs.is_empty() {
                break;
            }
            let mut gained = false;
            for (job, result) in self.run(request, &jobs) {
                match result {
                    Ok(found) => {
                        let places = completions.iter_mut().skip(job.first).take(job.count);
                        for (place, completion) in places.zip(found) {
                            *place = Some(completion);
                            gained = true;
                        }
                    }
                    Err(error) => missing = missing.or(Some(error)),
                }
            }
            // Every job without an error brings a completion; this ends the loop if that were wrong.
            if !gained {
                break;
            }
        }
        let completions: Vec<ServerCompletion> = completions.into_iter().flatten().collect();
        match missing {
            Some(error) if completions.is_empty() => Err(error),
            missing => Ok(Answers { completions, missing }),
        }
    }

    /// Splits the samples that are still to come: evenly over the endpoints, in single ones where no endpoint
    /// gives more than one at a time.
    fn plan(&self, completions: &[Option<ServerCompletion>]) -> Vec<Job> {
        let open = completions.iter().filter(|c| c.is_none()).count();
        let usable = || self.endpoints.all().iter().filter(|e| e.broken().is_none());
        let single = usable().all(|e| e.single.load(Ordering::Relaxed));
        let size = if single {
            1
        } else {
            open.div_ceil(self.endpoints.usable()).min(MOST_CHOICES)
        };
        let mut jobs: Vec<Job> = Vec::new();
        for (index, _) in completions.iter().enumerate().filter(|(_, c)| c.is_none()) {
            match jobs.last_mut() {
                Some(job) if job.count < size && job.first.saturating_add(job.count) == index => {
                    job.count = job.count.saturating_add(1);
                }
                _ => jobs.push(Job {
                    first: index,
                    count: 1,
                }),
            }
        }
        jobs
    }

    /// Does the jobs side by side. After an error no further one is begun.
    fn run(
        &self,
        request: &Request<'_>,
        jobs: &[Job],
    ) -> Vec<(Job, Result<Vec<ServerCompletion>, ServerError>)> {
        let threads = jobs.len().min(self.endpoints.usable().saturating_mul(AT_ONCE));
        let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let results = Mutex::new(Vec::new());
        let work = || {
            while !stop.load(Ordering::Relaxed)
                && let Some(job) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let result = self.ask(request, *job);
                if result.is_err() {
                    stop.store(true, Ordering::Relaxed);
                }
                let mut results = results.lock().unwrap_or_else(PoisonError::into_inner);
                results.push((*job, result));
            }
        };
        if threads <= 1 {
            work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(work);
                }
            });
        }
        results.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// One job, tried until it succeeds or nothing promises that it will.
    fn ask(&self, request: &Request<'_>, mut job: Job) -> Result<Vec<ServerCompletion>, ServerError> {
        let (mut attempts, mut useless) = (0u32, 0usize);
        let mut last = None;
        loop {
            let taken = self.endpoints.take()?;
            if !taken.wait.is_zero() {
                self.sleep(&taken.endpoint.base, taken.wait)
                    .map_err(|e| match e {
                        // What made the endpoint rest says more than that the time is up.
                        ServerError::Deadline => last.take().unwrap_or(e),
                        other => other,
                    })?;
            }
            if taken.endpoint.single.load(Ordering::Relaxed) {
                job.count = 1;
            }
            let failure = match self.exchange(taken.endpoint, request, job) {
                Ok(found) => {
                    taken.endpoint.worked();
                    if found.len() < job.count {
                        taken.endpoint.single.store(true, Ordering::Relaxed);
                    }
                    return Ok(found);
                }
                Err(failure) => failure,
            };
            match failure {
                Failure::Again { after, .. } => {
                    attempts = attempts.saturating_add(1);
                    taken.endpoint.rest(after, &self.retry);
                    let error = failure.into_error(attempts);
                    if attempts >= self.retry.attempts {
                        return Err(error);
                    }
                    last = Some(error);
                }
                Failure::Answer(error) => {
                    taken.endpoint.rest(None, &self.retry);
                    useless = useless.saturating_add(1);
                    if useless >= self.endpoints.usable() {
                        return Err(error);
                    }
                    last = Some(error);
                }
                Failure::Endpoint(error) => taken.endpoint.broke(error),
                // Some servers refuse to be asked for several at once.
                Failure::Request {
                    error: ServerError::Status { .. },
                    ..
                } if job.count > 1 => taken.endpoint.single.store(true, Ordering::Relaxed),
                Failure::Request { error, .. } => return Err(error),
            }
        }
    }

    /// One request to one endpoint; as a conversation first, as a text where the endpoint takes no conversations.
    fn exchange(
        &self,
        endpoint: &Endpoint,
        request: &Request<'_>,
        job: Job,
    ) -> Result<Vec<ServerCompletion>, Failure> {
        let wants_chat = matches!(request.prompt, Prompt::Chat { .. });
        if !wants_chat || endpoint.no_chat.load(Ordering::Relaxed) {
            return self.exchange_as(Form::Text, endpoint, request, job);
        }
        let failure = match self.exchange_as(Form::Chat, endpoint, request, job) {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        let no_chat = match &failure {
            Failure::Request { no_chat, .. } => *no_chat,
            // A server without conversations does not know the address. One without the model says the same.
            Failure::Endpoint(ServerError::Status { .. }) => true,
            _ => false,
        };
        if no_chat && let Ok(found) = self.exchange_as(Form::Text, endpoint, request, job) {
            endpoint.no_chat.store(true, Ordering::Relaxed);
            return Ok(found);
        }
        Err(failure)
    }

    fn exchange_as(
        &self,
        form: Form,
        endpoint: &Endpoint,
        request: &Request<'_>,
        job: Job,
    ) -> Result<Vec<ServerCompletion>, Failure> {
        let of_request = |error| Failure::Request {
            error,
            no_chat: false,
        };
        let seed = seed_of(request.sampling.seed, job.first);
        let model = self.model.as_deref();
        let body = wire::body(form, endpoint.flavour(), model, request, job.count, seed).map_err(|_| {
            of_request(ServerError::NoGrammar {
                url: endpoint.base.clone(),
            })
        })?;
        let url = format!("{}{}", endpoint.base, form.path());
        let limit = self.time_for(self.answer_timeout).map_err(of_request)?;
        let body = body.to_string();
        let answer = self.http.post(&url, body.as_bytes(), limit).map_err(|failure| {
            // Cut short by the end of the run, not by the endpoint.
            match failure {
                Failure::Answer(ServerError::Timeout { .. }) if limit < self.answer_timeout => {
                    of_request(ServerError::Deadline)
                }
                other => other,
            }
        })?;
        let mut found = wire::completions(&answer, job.count).map_err(|why| match why {
            NotAnAnswer::CutOff => Failure::lost(&url, "the answer is cut off"),
            why => Failure::Answer(self.not_an_answer(&url, why, &answer)),
        })?;
        for completion in &mut found {
            completion.text = self.http.scrub(std::mem::take(&mut completion.text));
        }
        Ok(found)
    }

    fn not_an_answer(&self, url: &str, why: NotAnAnswer, body: &[u8]) -> ServerError {
        let beginning = body.get(..4096).unwrap_or(body);
        let said = self.http.scrub(String::from_utf8_lossy(beginning).into_owned());
        ServerError::NotAnAnswer {
            url: url.to_owned(),
            why,
            said: shortened(&said),
        }
    }

    /// This time, or what is left of the run's if that is less.
    fn time_for(&self, limit: Duration) -> Result<Duration, ServerError> {
        let Some(deadline) = self.deadline else {
            return Ok(limit);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ServerError::Deadline);
        }
        Ok(limit.min(left))
    }

    /// Waits before an endpoint is asked again, unless that is longer than anybody waits.
    fn sleep(&self, url: &str, wait: Duration) -> Result<(), ServerError> {
        if wait > self.retry.longest {
            return Err(ServerError::Busy {
                url: url.to_owned(),
                wait,
            });
        }
        if self.time_for(wait)? < wait {
            return Err(ServerError::Deadline);
        }
        std::thread::sleep(wait);
        Ok(())
    }
}

/// The seed of a sample. Servers that give several samples for one request count on from its seed, so that a sample
/// has the same one in whatever request it comes. Below 2^31: some servers keep seeds in 32 bits with a sign.
fn seed_of(seed: u64, sample: usize) -> u64 {
    // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014): seeds that lie side by side share no samples.
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let start = (z ^ (z >> 31)) & 0x3fff_ffff;
    start.saturating_add(sample as u64) & 0x7fff_ffff
}

/// A name as logs and messages show it: one line, not long, without the folders of a path.
fn display_name(name: &str) -> String {
    let name = match name.strip_prefix('/') {
        Some(path) => path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(name),
        None => name,
    };
    let line: String = name
        .chars()
        .map(|c| {
            if c.is_control() || c.is_whitespace() {
                '-'
            } else {
                c
            }
        })
        .take(NAME)
        .collect();
    if line.is_empty() {
        "unnamed".to_owned()
    } else {
        line
    }
}

#[cfg(test)]
mod tests;

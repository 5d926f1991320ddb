//! The proposer that `--model` names: a model in this process or behind a server.

use std::time::Instant;

use vf_repair::{ModelProposer, PromptTemplate, Proposer, TextGenerator};

#[cfg(feature = "model")]
use crate::args::DeviceChoice;
use crate::args::{AnswerForm, OnOff, RepairArgs, Search};
use crate::exit::CliError;
#[cfg(feature = "model")]
pub use crate::guide::Guiding;

/// There is nothing to guide without models.
#[cfg(not(feature = "model"))]
pub enum Guiding {}

/// Longest answer, in tokens: a whole kernel function of usual length fits.
const ANSWER: usize = 1024;
/// Words that the answer of a model which reads words needs room for.
#[cfg(feature = "model")]
const ANSWER_IN_WORDS: usize = 256;
/// Tokens of the conversation around a prompt, at most.
#[cfg(feature = "model")]
const FORM: usize = 64;
/// What every model is told before the prompt.
const SYSTEM: &str = "You are a careful C programmer.";

/// How warm answers are drawn unless it is said: none is always the likeliest one, since what is wrong costs a check, what is the same a
/// round.
const TEMPERATURE: f64 = 0.7;
/// The same of a model that reads words. It is sure of what it says, and says the same again when it is colder.
#[cfg(feature = "model")]
const TEMPERATURE_IN_WORDS: f64 = 1.0;

/// How answers are drawn.
fn sampling(samples: usize, seed: u64, temperature: f64) -> vf_model::Sampling {
    vf_model::Sampling {
        temperature,
        top_p: 0.95,
        seed,
        max_new_tokens: ANSWER,
        samples,
        ..vf_model::Sampling::default()
    }
}

/// The model's proposer; `None` for `--model none`. The whole run ends at the deadline.
///
/// `guiding` is for a model in this process only.
pub fn proposer(
    args: &RepairArgs,
    deadline: Option<Instant>,
    guiding: Option<Guiding>,
) -> Result<Option<Box<dyn Proposer>>, CliError> {
    let other_form = match args.answer_form {
        AnswerForm::Any | AnswerForm::Edit => None,
        AnswerForm::Function => Some("function"),
        AnswerForm::Infill => Some("infill"),
    };
    if let Some(form) = other_form.filter(|_| is_guided(args)) {
        return Err(CliError::GuidedForm {
            arms: guide(args).to_owned(),
            form,
        });
    }
    match args.model.as_str() {
        url if is_guided(args) && (url.contains("://") || matches!(url, "" | "none")) => {
            Err(CliError::NotGuided {
                arms: guide(args).to_owned(),
                model: if url.is_empty() { "none" } else { url }.to_owned(),
            })
        }
        "none" | "" => Ok(None),
        // What looks like an address is one: a folder can be named `./ftp:`.
        url if url.contains("://") => with(server::Generator::connect(url, args, deadline)?, args).map(Some),
        folder => hosted(folder, args, guiding).map(Some),
    }
}

/// What the model is held to while it writes. The embedded model is held to names where nothing else is asked for: it repairs more
/// then (docs/embedded-model.md).
pub fn guide(args: &RepairArgs) -> &str {
    let by_itself = args.model == EMBEDDED
        && args.search == Search::None
        && matches!(args.answer_form, AnswerForm::Any | AnswerForm::Edit);
    let default = if by_itself { "names" } else { "none" };
    args.guide.as_deref().unwrap_or(default)
}

/// Whether it is asked for that the model is held to something while it writes, or that its answers are searched for.
pub fn is_guided(args: &RepairArgs) -> bool {
    !matches!(args.guide.as_deref(), None | Some("none" | "")) || args.search != Search::None
}

/// The template of what the model is asked.
pub fn template(args: &RepairArgs) -> Result<PromptTemplate, CliError> {
    let template = match (&args.prompt, form(args)) {
        (Some(path), _) => PromptTemplate::from_file(path)?,
        (None, vf_repair::AnswerForm::Infill) => PromptTemplate::embedded_infill()?,
        (None, _) => PromptTemplate::embedded()?,
    };
    Ok(template.with_facts(args.prompt_facts == OnOff::On))
}

pub fn form(args: &RepairArgs) -> vf_repair::AnswerForm {
    match args.answer_form {
        // What guides hold to is an edit.
        _ if is_guided(args) => vf_repair::AnswerForm::Edit,
        AnswerForm::Any => vf_repair::AnswerForm::Any,
        AnswerForm::Function => vf_repair::AnswerForm::Function,
        AnswerForm::Edit => vf_repair::AnswerForm::Edit,
        AnswerForm::Infill => vf_repair::AnswerForm::Infill,
    }
}

fn with<G: TextGenerator + 'static>(generator: G, args: &RepairArgs) -> Result<Box<dyn Proposer>, CliError> {
    let samples = usize::try_from(args.candidates).unwrap_or(usize::MAX);
    let proposer = ModelProposer::new(generator, args.seed, template(args)?);
    Ok(Box::new(proposer.with_samples(samples).with_form(form(args))))
}

#[cfg(not(feature = "model"))]
fn hosted(folder: &str, _: &RepairArgs, _: Option<Guiding>) -> Result<Box<dyn Proposer>, CliError> {
    Err(CliError::WithoutModels {
        model: folder.to_string(),
    })
}

#[cfg(feature = "model")]
fn hosted(folder: &str, args: &RepairArgs, guiding: Option<Guiding>) -> Result<Box<dyn Proposer>, CliError> {
    with(hosted::Generator::load(folder, args, guiding)?, args)
}

/// What `--model` calls the model that is inside the program.
pub const EMBEDDED: &str = "embedded";

/// How models are loaded for `repair`.
#[cfg(feature = "model")]
pub fn load_options(device: DeviceChoice) -> vf_model::LoadOptions {
    use vf_model::{LoadOptions, Precision, Processor};
    let device = match device {
        DeviceChoice::Cpu => Processor::Cpu,
        DeviceChoice::Cuda(number) => Processor::Cuda(number),
        DeviceChoice::Auto => match vf_model::devices::cuda() {
            Ok(found) if !found.is_empty() => Processor::Cuda(0),
            _ => Processor::Cpu,
        },
    };
    let dtype = match device {
        Processor::Cuda(_) => Precision::Bf16,
        Processor::Cpu => Precision::default(),
    };
    LoadOptions {
        device,
        dtype,
        ..LoadOptions::default()
    }
}

/// The model in this process as the proposer's text generator.
#[cfg(feature = "model")]
mod hosted {
    use std::ops::ControlFlow;
    use std::path::Path;

    use vf_guide::grown::Growing;
    use vf_guide::tree::{Branch, Limits, behind_statement, search};
    use vf_model::guide::Guide;
    use vf_model::{Event, HostedModel, ModelError, Prompt, Request};
    use vf_repair::slots;
    use vf_repair::{Context, Feedback, Generated, GeneratorError, TextGenerator};

    use super::{EMBEDDED, SYSTEM, sampling};
    use crate::args::{RepairArgs, Search};
    use crate::guide::{Guiding, SearchReport};
    use crate::progress::ProgressLine;

    /// Statements that a search may draw for each answer that is asked for.
    const NODES: usize = 24;

    pub struct Generator {
        name: String,
        model: HostedModel,
        temperature: f64,
        guiding: Option<Guiding>,
        search: Search,
        /// For the next prompt.
        guide: Option<Box<dyn Guide>>,
        /// What the next prompt is about, for a search.
        context: Option<Context>,
        /// The next prompt of a model that reads words instead of text.
        words: Vec<u32>,
    }

    impl Generator {
        pub fn load(
            folder: &str,
            args: &RepairArgs,
            guiding: Option<Guiding>,
        ) -> Result<Generator, ModelError> {
            let options = super::load_options(args.device);
            let mut progress = ProgressLine::new();
            progress.show(&format_args!("loading the model {folder}"));
            let model = if folder == EMBEDDED {
                vf_model::embedded::load(&options)?
            } else {
                HostedModel::load(&vf_model::hub::locate(Path::new(folder))?, &options)?
            };
            let expected = u64::from(slots::VERSION);
            if let Some(found) = model.words().filter(|found| *found != expected) {
                let file = Path::new(folder).to_path_buf();
                return Err(ModelError::OtherWords {
                    file,
                    found,
                    expected,
                });
            }
            let name = Path::new(folder)
                .file_name()
                .map_or_else(|| folder.to_string(), |n| n.to_string_lossy().into_owned());
            let usual = match model.words() {
                Some(_) => super::TEMPERATURE_IN_WORDS,
                None => super::TEMPERATURE,
            };
            Ok(Generator {
                name,
                model,
                temperature: args.temperature.unwrap_or(usual),
                guiding,
                search: args.search,
                guide: None,
                context: None,
                words: Vec::new(),
            })
        }

        /// Completions that a search over statements finds, the best first.
        fn look_for(
            &mut self,
            prompt: Prompt<'_>,
            samples: usize,
            seed: u64,
            each: &mut dyn FnMut(Generated) -> ControlFlow<()>,
        ) -> Result<(), GeneratorError> {
            let (Some(context), Some(guiding)) = (&self.context, &mut self.guiding) else {
                return Ok(());
            };
            let tokens = self.model.prompt(prompt).map_err(failed)?;
            let mut progress = ProgressLine::new();
            progress.show(&format_args!("the model reads: {} tokens", tokens.len()));
            let read = self.model.prefill(&tokens).map_err(failed)?;
            let guide = self.guide.as_deref();
            let root = Growing::new(&self.model, read, &sampling(1, seed, self.temperature), guide);
            let limits = Limits {
                beam: samples.max(2),
                nodes: samples.saturating_mul(NODES),
                finished: samples,
                ..Limits::default()
            };
            let mut nodes = 0;
            let mut stop = |text: &str| {
                let there = text.contains(vf_guide::OPEN) && behind_statement(text);
                nodes += usize::from(there);
                progress.show(&format_args!("the model writes: {nodes} statements"));
                there
            };
            let found = search(&root, &limits, seed, &mut stop, &mut guiding.scorer(context));
            let found = found.map_err(|e| GeneratorError::Generate { why: e.to_string() })?;
            guiding.searched(SearchReport {
                nodes: found.nodes,
                refused: found.refused,
                duplicates: found.duplicates,
                finished: found.finished.len(),
            });
            let answers: Vec<String> = found.finished.iter().map(|(b, _)| b.text().to_owned()).collect();
            guiding.took(&root.statistics(), &answers);
            for (branch, score) in found.finished.iter().take(samples) {
                let generated = Generated {
                    text: branch.text().to_owned(),
                    tokens: u64::try_from(branch.tokens()).unwrap_or(u64::MAX),
                    details: serde_json::json!({ "score": score }),
                };
                if each(generated).is_break() {
                    break;
                }
            }
            Ok(())
        }

        /// Completions of a prompt, each handed on as soon as it is there.
        fn write(
            &mut self,
            prompt: Prompt<'_>,
            guide: Option<&dyn Guide>,
            samples: usize,
            seed: u64,
            each: &mut dyn FnMut(Generated) -> ControlFlow<()>,
        ) -> Result<(), GeneratorError> {
            let sampling = sampling(samples, seed, self.temperature);
            let mut progress = ProgressLine::new();
            let mut tokens = 0;
            let mut tell = |event: Event<'_>| {
                match event {
                    Event::Done { completion, .. } => {
                        return each(Generated {
                            text: completion.text.clone(),
                            tokens: u64::try_from(completion.tokens.len()).unwrap_or(u64::MAX),
                            details: serde_json::Value::Null,
                        });
                    }
                    Event::Prompt { read, total } => {
                        progress.show(&format_args!("the model reads: {read} of {total} tokens"));
                    }
                    Event::Token { sample, .. } => {
                        tokens += 1;
                        progress.show(&format_args!(
                            "the model writes: answer {}, {tokens} tokens",
                            sample + 1
                        ));
                    }
                    Event::Back { .. } => {}
                }
                ControlFlow::Continue(())
            };
            let request = Request {
                guide,
                ..Request::new(prompt, &sampling)
            };
            let generation = self.model.run(&request, &mut tell).map_err(failed)?;
            if let Some(guiding) = &mut self.guiding {
                let answers: Vec<String> = generation.completions.into_iter().map(|c| c.text).collect();
                guiding.took(&generation.statistics, &answers);
            }
            Ok(())
        }
    }

    impl TextGenerator for Generator {
        fn generate(
            &mut self,
            prompt: &str,
            samples: usize,
            seed: u64,
        ) -> Result<Vec<String>, GeneratorError> {
            let mut texts = Vec::new();
            self.generate_each(prompt, samples, seed, &mut |generated| {
                texts.push(generated.text);
                ControlFlow::Continue(())
            })?;
            Ok(texts)
        }

        fn generate_each(
            &mut self,
            prompt: &str,
            samples: usize,
            seed: u64,
            each: &mut dyn FnMut(Generated) -> ControlFlow<()>,
        ) -> Result<(), GeneratorError> {
            let words = std::mem::take(&mut self.words);
            let prompt = match self.model.words() {
                Some(_) => Prompt::Tokens(&words),
                None => Prompt::Chat {
                    system: SYSTEM,
                    user: prompt,
                },
            };
            if self.search == Search::Tree {
                return self.look_for(prompt, samples, seed, each);
            }
            let guide = self.guide.take();
            let said = self.write(prompt, guide.as_deref(), samples, seed, each);
            self.guide = guide;
            said
        }

        fn infill(
            &mut self,
            prefix: &str,
            suffix: &str,
            samples: usize,
            seed: u64,
        ) -> Result<Vec<String>, GeneratorError> {
            if !self.model.supports_infill() {
                return Err(GeneratorError::NoInfill {
                    model: self.name.clone(),
                });
            }
            let prompt = self.model.infill_prompt(prefix, suffix).map_err(failed)?;
            let mut texts = Vec::new();
            // Guides hold answers in the form of edits; what fills a gap has no form.
            self.write(Prompt::Tokens(&prompt), None, samples, seed, &mut |generated| {
                texts.push(generated.text);
                ControlFlow::Continue(())
            })?;
            Ok(texts)
        }

        fn prepare(
            &mut self,
            context: &Context,
            feedback: &[Feedback],
        ) -> Result<Option<String>, GeneratorError> {
            let mut own = None;
            if self.model.words().is_some() {
                let no_prompt = |why: String| GeneratorError::NoPrompt {
                    model: self.name.clone(),
                    why,
                };
                let encoded = slots::encode(context, feedback).map_err(|e| no_prompt(e.to_string()))?;
                let room = self.model.context().saturating_sub(encoded.prompt.len());
                if room < super::ANSWER_IN_WORDS {
                    return Err(no_prompt(format!(
                        "its prompt has {} words",
                        encoded.prompt.len()
                    )));
                }
                let bytes = encoded.bytes();
                if self.model.token_bytes() != bytes {
                    self.model.set_words(bytes).map_err(failed)?;
                    self.guiding.iter_mut().for_each(Guiding::forget_vocabulary);
                }
                own = Some(encoded.spelled());
                self.words = encoded.prompt;
            }
            if let Some(guiding) = &mut self.guiding {
                self.guide = guiding
                    .guide(context, || self.model.token_bytes())?
                    .map(|made| made.guide);
                if self.search == Search::Tree {
                    self.context = Some(context.clone());
                }
            }
            Ok(own)
        }

        fn name(&self) -> &str {
            &self.name
        }

        fn count_tokens(&self, text: &str) -> usize {
            match self.model.words() {
                // Names of words, with blanks between them.
                Some(_) => text.split_whitespace().count(),
                None => self.model.encode(text).map_or(text.len(), |tokens| tokens.len()),
            }
        }

        fn prompt_limit(&self) -> Option<usize> {
            Some(self.model.context().saturating_sub(super::ANSWER + super::FORM))
        }
    }

    fn failed(error: ModelError) -> GeneratorError {
        match error {
            ModelError::PromptTooLong { tokens, context } => GeneratorError::PromptTooLong {
                tokens,
                limit: context,
            },
            other => GeneratorError::Generate {
                why: other.to_string(),
            },
        }
    }
}

/// A model behind a server as the proposer's text generator.
mod server {
    use std::time::{Duration, Instant};

    use vf_model::server::{ApiKey, KEY_VARIABLE, Prompt, Request, ServerError, ServerModel, ServerOptions};
    use vf_repair::{GeneratorError, TextGenerator};

    use super::{SYSTEM, TEMPERATURE, sampling};
    use crate::args::RepairArgs;
    use crate::exit::CliError;
    use crate::output::complain;

    pub struct Generator {
        model: ServerModel,
        temperature: f64,
        /// What was said about answers that are missing: once is enough.
        told: Option<ServerError>,
    }

    impl Generator {
        pub fn connect(
            urls: &str,
            args: &RepairArgs,
            deadline: Option<Instant>,
        ) -> Result<Generator, CliError> {
            let options = ServerOptions {
                model: args.model_name.clone(),
                key: key()?,
                answer_timeout: Duration::from_secs_f64(args.model_timeout),
                deadline,
                ..ServerOptions::default()
            };
            let model = ServerModel::connect(urls, options).map_err(CliError::Server)?;
            Ok(Generator {
                model,
                temperature: args.temperature.unwrap_or(TEMPERATURE),
                told: None,
            })
        }
    }

    /// The key, from the environment: a command line is for everybody to see.
    fn key() -> Result<Option<ApiKey>, CliError> {
        let text = match std::env::var_os(KEY_VARIABLE) {
            None => return Ok(None),
            Some(text) if text.is_empty() => return Ok(None),
            Some(text) => text,
        };
        // What is not UTF-8 is not ASCII either; the replacement character makes it a bad key.
        let key = ApiKey::new(&text.to_string_lossy()).map_err(|error| CliError::Key {
            variable: KEY_VARIABLE,
            error,
        })?;
        Ok(Some(key))
    }

    impl Generator {
        fn ask(
            &mut self,
            prompt: Prompt<'_>,
            samples: usize,
            seed: u64,
        ) -> Result<Vec<String>, GeneratorError> {
            let sampling = sampling(samples, seed, self.temperature);
            let request = Request {
                prompt,
                sampling: &sampling,
                constraint: None,
                log_probabilities: false,
            };
            let answers = self.model.complete(&request).map_err(failed)?;
            if let Some(error) = answers.missing
                && self.told.as_ref() != Some(&error)
            {
                complain(&format!(
                    "note: {} of {samples} answers came: {error}",
                    answers.completions.len()
                ));
                self.told = Some(error);
            }
            Ok(answers.completions.into_iter().map(|c| c.text).collect())
        }
    }

    impl TextGenerator for Generator {
        fn generate(
            &mut self,
            prompt: &str,
            samples: usize,
            seed: u64,
        ) -> Result<Vec<String>, GeneratorError> {
            let prompt = Prompt::Chat {
                system: SYSTEM,
                user: prompt,
            };
            self.ask(prompt, samples, seed)
        }

        fn name(&self) -> &str {
            self.model.name()
        }
    }

    fn failed(error: ServerError) -> GeneratorError {
        match error {
            ServerError::Deadline => GeneratorError::Timeout,
            ServerError::PromptTooLong {
                tokens: Some(tokens),
                context: Some(limit),
                ..
            } => GeneratorError::PromptTooLong { tokens, limit },
            other => GeneratorError::Generate {
                why: other.to_string(),
            },
        }
    }
}

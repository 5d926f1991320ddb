//! The proposer that `--model` names.

use vf_repair::Proposer;

use crate::args::RepairArgs;
use crate::exit::CliError;

/// The model's proposer; `None` for `--model none`.
pub fn proposer(args: &RepairArgs) -> Result<Option<Box<dyn Proposer>>, CliError> {
    let not_yet = |what| {
        Err(CliError::ModelNotYet {
            model: args.model.clone(),
            what,
        })
    };
    match args.model.as_str() {
        "none" | "" => Ok(None),
        "embedded" => not_yet("a model inside the program"),
        url if url.starts_with("http://") || url.starts_with("https://") => {
            not_yet("a model behind a server")
        }
        folder => hosted(folder, args).map(Some),
    }
}

#[cfg(not(feature = "model"))]
fn hosted(folder: &str, _: &RepairArgs) -> Result<Box<dyn Proposer>, CliError> {
    Err(CliError::WithoutModels {
        model: folder.to_string(),
    })
}

#[cfg(feature = "model")]
fn hosted(folder: &str, args: &RepairArgs) -> Result<Box<dyn Proposer>, CliError> {
    let generator = hosted::Generator::load(folder)?;
    let samples = usize::try_from(args.candidates).unwrap_or(usize::MAX);
    Ok(Box::new(
        vf_repair::ModelProposer::new(generator, args.seed).with_samples(samples),
    ))
}

/// The model in this process as the proposer's text generator.
#[cfg(feature = "model")]
mod hosted {
    use std::ops::ControlFlow;
    use std::path::Path;

    use vf_model::{Event, HostedModel, LoadOptions, ModelError, Precision, Processor, Sampling};
    use vf_repair::{GeneratorError, TextGenerator};

    use crate::progress::ProgressLine;

    /// Longest answer, in tokens: a whole kernel function of usual length fits.
    const ANSWER: usize = 1024;

    pub struct Generator {
        name: String,
        model: HostedModel,
    }

    impl Generator {
        pub fn load(folder: &str) -> Result<Generator, ModelError> {
            let options = if cfg!(feature = "cuda") {
                LoadOptions {
                    device: Processor::Cuda(0),
                    dtype: Precision::Bf16,
                    ..LoadOptions::default()
                }
            } else {
                LoadOptions::default()
            };
            let mut progress = ProgressLine::new();
            progress.show(&format_args!("loading the model {folder}"));
            let model = HostedModel::load(Path::new(folder), &options)?;
            let name = Path::new(folder)
                .file_name()
                .map_or_else(|| folder.to_string(), |n| n.to_string_lossy().into_owned());
            Ok(Generator { name, model })
        }
    }

    impl TextGenerator for Generator {
        fn generate(
            &mut self,
            prompt: &str,
            samples: usize,
            seed: u64,
        ) -> Result<Vec<String>, GeneratorError> {
            // All answers are drawn, none is the likeliest one: what is wrong costs a check, what is always the
            // same costs a round.
            let sampling = Sampling {
                temperature: 0.7,
                top_p: 0.95,
                seed,
                max_new_tokens: ANSWER,
                samples,
                ..Sampling::default()
            };
            let mut progress = ProgressLine::new();
            let mut tokens = 0;
            let mut tell = |event: Event<'_>| {
                match event {
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
                }
                ControlFlow::Continue(())
            };
            let completions = self
                .model
                .answer(SYSTEM, prompt, &sampling, &mut tell)
                .map_err(failed)?;
            Ok(completions.into_iter().map(|c| c.text).collect())
        }

        fn name(&self) -> &str {
            &self.name
        }
    }

    const SYSTEM: &str = "You are a careful C programmer.";

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

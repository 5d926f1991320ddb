//! `verify-fix models`.

use crate::args::{ModelsArgs, ModelsCommand};
use crate::exit::{CliError, Exit};

pub fn run(args: &ModelsArgs) -> Result<Exit, CliError> {
    match &args.command {
        ModelsCommand::Info(args) => info::run(args),
        ModelsCommand::Devices(args) => crate::device::show(args),
    }
}

#[cfg(not(feature = "model"))]
mod info {
    use crate::args::ModelInfoArgs;
    use crate::exit::{CliError, Exit};

    pub fn run(args: &ModelInfoArgs) -> Result<Exit, CliError> {
        Err(CliError::WithoutModels {
            model: args.folder.display().to_string(),
        })
    }
}

#[cfg(feature = "model")]
mod info {
    use std::fmt::Write;
    use std::path::Path;

    use serde::Serialize;
    use vf_model::{ModelInfo, Precision};

    use crate::args::{DeviceChoice, Dtype, ModelInfoArgs, TextOrJson};
    use crate::check::json;
    use crate::exit::{CliError, Exit};
    use crate::{memory, model, output};

    pub fn run(args: &ModelInfoArgs) -> Result<Exit, CliError> {
        let mut options = model::load_options(DeviceChoice::Auto);
        if let Some(context) = args.context {
            options.max_context = usize::try_from(context).unwrap_or(usize::MAX);
        }
        match args.dtype {
            None => {}
            Some(Dtype::F32) => options.dtype = Precision::F32,
            Some(Dtype::F16) => options.dtype = Precision::F16,
            Some(Dtype::Bf16) => options.dtype = Precision::Bf16,
        }
        let folder = vf_model::hub::locate(&args.folder)?;
        let info = vf_model::info(&folder, &options)?;
        let printed = Printed::new(&folder, &info, memory::available());
        output::write_stdout(&match args.format {
            TextOrJson::Text => text(&printed),
            TextOrJson::Json => json(&printed)?,
        })?;
        Ok(Exit::Proved)
    }

    /// `models info` as JSON (`docs/models.md`). Sizes are in bytes.
    #[derive(Serialize)]
    struct Printed<'a> {
        schema: &'static str,
        folder: &'a Path,
        family: &'static str,
        parameters: u64,
        layers: usize,
        hidden_size: usize,
        vocabulary: usize,
        longest_context: usize,
        rope: &'static str,
        chat_form: Option<&'static str>,
        infill_form: Option<&'static str>,
        stored: Vec<Stored<'a>>,
        stored_bytes: u64,
        run: Run<'a>,
    }

    #[derive(Serialize)]
    struct Stored<'a> {
        dtype: &'a str,
        parameters: u64,
    }

    /// What a run takes.
    #[derive(Serialize)]
    struct Run<'a> {
        dtype: &'a str,
        context: usize,
        weights: u64,
        cache: u64,
        working: u64,
        memory: u64,
        /// Null where the system does not say.
        available: Option<u64>,
        fits: Option<bool>,
    }

    impl<'a> Printed<'a> {
        fn new(folder: &'a Path, info: &'a ModelInfo, available: Option<u64>) -> Printed<'a> {
            let memory = info.memory;
            Printed {
                schema: vf_verify::report::SCHEMA,
                folder,
                family: info.family.name(),
                parameters: info.parameters,
                layers: info.layers,
                hidden_size: info.hidden_size,
                vocabulary: info.vocabulary,
                longest_context: info.longest_context,
                rope: info.rope_scaling.name(),
                chat_form: info.chat_form,
                infill_form: info.infill_form,
                stored: info
                    .stored
                    .iter()
                    .map(|(dtype, parameters)| Stored {
                        dtype,
                        parameters: *parameters,
                    })
                    .collect(),
                stored_bytes: info.stored_bytes,
                run: Run {
                    dtype: &info.loaded_as,
                    context: memory.context,
                    weights: memory.weights,
                    cache: memory.cache,
                    working: memory.working,
                    memory: memory.total(),
                    available,
                    fits: available.map(|a| memory.total() <= a),
                },
            }
        }
    }

    fn text(printed: &Printed<'_>) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: String| {
            let _ = writeln!(out, "{name:<16} {value}");
        };
        line("folder", printed.folder.display().to_string());
        line("family", printed.family.to_owned());
        line("parameters", count(printed.parameters));
        line(
            "shape",
            format!(
                "{} layers, {} wide, {} tokens in the vocabulary",
                printed.layers, printed.hidden_size, printed.vocabulary
            ),
        );
        line(
            "longest context",
            format!(
                "{} tokens (rotary positions: {})",
                printed.longest_context, printed.rope
            ),
        );
        line(
            "conversations",
            printed.chat_form.unwrap_or("none: it completes text").to_owned(),
        );
        line(
            "gaps",
            printed
                .infill_form
                .unwrap_or("none: it cannot fill in the middle")
                .to_owned(),
        );
        let stored: Vec<String> = printed.stored.iter().map(|s| s.dtype.to_owned()).collect();
        line(
            "stored",
            format!("{}, {}", stored.join(" and "), size(printed.stored_bytes)),
        );
        let run = &printed.run;
        line(
            "memory",
            format!(
                "{} as {} with a context of {} tokens: weights {}, key-value cache {}, work {}",
                size(run.memory),
                run.dtype,
                run.context,
                size(run.weights),
                size(run.cache),
                size(run.working)
            ),
        );
        line(
            "fits",
            match (run.fits, run.available) {
                (Some(true), Some(available)) => format!("yes: {} are free", size(available)),
                (Some(false), Some(available)) => format!(
                    "no: {} are free; take a smaller model, or serve it elsewhere and give the server's URL",
                    size(available)
                ),
                _ => "unknown: the system does not say how much memory is free".to_owned(),
            },
        );
        out
    }

    /// `7.62 billion (7615616512)`.
    fn count(n: u64) -> String {
        let short = match n {
            1_000_000_000.. => format!("{:.2} billion", n as f64 / 1e9),
            1_000_000.. => format!("{:.1} million", n as f64 / 1e6),
            _ => return n.to_string(),
        };
        format!("{short} ({n})")
    }

    fn size(bytes: u64) -> String {
        match bytes {
            0x4000_0000.. => format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30)),
            0x10_0000.. => format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20)),
            _ => format!("{:.1} KiB", bytes as f64 / 1024.0),
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn numbers_for_people() {
            assert_eq!(count(999), "999");
            assert_eq!(count(7_615_616_512), "7.62 billion (7615616512)");
            assert_eq!(size(512), "0.5 KiB");
            assert_eq!(size(3 << 29), "1.5 GiB");
            assert_eq!(size(5 << 20), "5.0 MiB");
        }
    }
}

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

#[cfg(feature = "model")]
fn hosted(folder: &str, args: &RepairArgs) -> Result<Box<dyn Proposer>, CliError> {
    let generator = crate::hosted::Generator::load(folder.as_ref())?;
    Ok(Box::new(vf_repair::ModelProposer::new(generator, args.seed)))
}

#[cfg(not(feature = "model"))]
fn hosted(folder: &str, _: &RepairArgs) -> Result<Box<dyn Proposer>, CliError> {
    Err(CliError::WithoutModels {
        model: folder.to_string(),
    })
}

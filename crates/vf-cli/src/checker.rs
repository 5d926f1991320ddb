//! The prover behind `patch` and `repair`, with the flags that the tree says a file is compiled with.

use std::path::Path;
use std::time::Instant;

use vf_ir::Property;
use vf_repair::{ProverChecker, tree_flags};

use crate::args::{AskArgs, ReadArgs};
use crate::check;
use crate::exit::CliError;
use crate::output::complain;
use crate::read;

/// A checker for a file of a tree. Flags given on the command line come after the tree's own.
pub fn prover(
    read: &ReadArgs,
    ask: &AskArgs,
    properties: Vec<Property>,
    tree: &Path,
    file: Option<&Path>,
    start: Instant,
) -> Result<ProverChecker<'static>, CliError> {
    let mut options = read::options(read, &[], false);
    if let Some(file) = file {
        let found = tree_flags(tree, file)?;
        if let Some(origin) = &found.origin {
            if found.flags.is_empty() {
                complain(&format!(
                    "note: {} has no flags for {}",
                    origin.display(),
                    file.display()
                ));
            }
            options.flags = found
                .flags
                .into_iter()
                .chain(read.cc_flags.iter().cloned())
                .collect();
            options.directory = found.directory;
        }
    }
    Ok(ProverChecker::new(
        options,
        check::options(ask, properties, start),
    ))
}

//! The prover behind `patch` and `repair`, with the flags that the tree says a file is compiled with.

use std::path::Path;
use std::time::Instant;

use vf_ir::Property;
use vf_repair::prover::Tree;
use vf_repair::{ProverChecker, tree_flags};

use crate::args::{AskArgs, CacheArgs, ReadArgs};
use crate::check;
use crate::exit::CliError;
use crate::output::complain;
use crate::read;

/// A checker for a file of a tree. Flags given on the command line come after the tree's own.
pub fn prover(
    read: &ReadArgs,
    ask: &AskArgs,
    cache: &CacheArgs,
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
    let mut check = check::options(ask, properties, start);
    check.cache = crate::cache::open(cache)?;
    let mut checker = ProverChecker::new(options, check);
    checker.tree = Some(Tree {
        root: tree.to_path_buf(),
        more_flags: read.cc_flags.clone(),
    });
    Ok(checker)
}

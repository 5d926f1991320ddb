//! The cache of proofs that the user's machine has.

use std::path::PathBuf;

use vf_cache::{Cache, DEFAULT_BYTES, Tool};

use crate::args::CacheArgs;
use crate::exit::CliError;
use crate::output::complain;

/// Names the folder, or is `off`.
const VARIABLE: &str = "VERIFY_FIX_CACHE";

/// The cache that the command line, the environment or the user's folder of caches names, if any.
///
/// # Errors
///
/// The folder that was asked for by name cannot be used. Where the user's own cannot, the run goes on without one.
pub fn open(args: &CacheArgs) -> Result<Option<Cache>, CliError> {
    let Some((directory, asked_for)) = directory(args) else {
        return Ok(None);
    };
    let libraries: Vec<PathBuf> = vf_smt::library().into_iter().collect();
    let opened = Tool::running(&libraries, &[vf_smt::version()])
        .map_err(vf_cache::CacheError::from)
        .and_then(|tool| Cache::open(&directory, tool, DEFAULT_BYTES));
    match opened {
        Ok(cache) => Ok(Some(cache)),
        Err(error) if asked_for => Err(error.into()),
        Err(error) => {
            complain(&format!("note: nothing is kept between runs: {error}"));
            Ok(None)
        }
    }
}

/// The folder, and whether it was asked for by name.
fn directory(args: &CacheArgs) -> Option<(PathBuf, bool)> {
    if args.no_cache {
        return None;
    }
    if let Some(directory) = &args.directory {
        return Some((directory.clone(), true));
    }
    let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty());
    if let Some(value) = named(VARIABLE) {
        return (value != "off").then(|| (PathBuf::from(value), true));
    }
    // The XDG Base Directory Specification: relative paths do not count.
    let absolute = |path: &PathBuf| path.is_absolute();
    let caches = named("XDG_CACHE_HOME").map(PathBuf::from).filter(absolute);
    let home = || {
        named("HOME")
            .map(|home| PathBuf::from(home).join(".cache"))
            .filter(absolute)
    };
    Some((caches.or_else(home)?.join("verify-fix"), false))
}

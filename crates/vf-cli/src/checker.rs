//! The prover behind `patch` and `repair`, with the flags that the tree says a file is compiled with.

use std::num::NonZeroUsize;
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

/// How a checker asks.
pub struct Ask<'a> {
    pub ask: &'a AskArgs,
    pub cache: &'a CacheArgs,
    /// Work is counted instead of time, on one thread, and no answer of an earlier run is used: the same question has the same
    /// answer, to the last value of a counterexample.
    pub deterministic: bool,
    /// Checks that run at once; each has its share of the cores.
    pub jobs: NonZeroUsize,
}

/// z3's units of work for one query where work is counted: some seconds.
const WORK: u32 = 6_000_000;
/// Steps of one symbolic execution where no clock ends it: about a gigabyte.
const STEPS: u64 = 1_000_000;
/// Memory that one check may need.
const CHECK_MEMORY: u64 = 2 << 30;

/// Candidates that are checked at once: what was asked for, else as many as there are cores and memory for.
pub fn jobs(asked: Option<u32>, deterministic: bool) -> NonZeroUsize {
    let cores = cores();
    let most = match asked {
        Some(jobs) => usize::try_from(jobs).unwrap_or(usize::MAX),
        // z3 counts memory over all threads: where results must repeat, there is one.
        None if deterministic => 1,
        None => {
            let room = crate::memory::available().map_or(u64::MAX, |free| free / CHECK_MEMORY);
            cores.get().min(usize::try_from(room).unwrap_or(usize::MAX))
        }
    };
    NonZeroUsize::new(most).unwrap_or(NonZeroUsize::MIN)
}

fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// A checker for a file of a tree. Flags given on the command line come after the tree's own.
pub fn prover(
    read: &ReadArgs,
    ask: &Ask<'_>,
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
    let mut check = check::options(ask.ask, properties, start);
    if ask.deterministic {
        check.rlimit = Some(WORK);
        check.steps = Some(STEPS);
        check.threads = Some(NonZeroUsize::MIN);
    } else {
        check.cache = crate::cache::open(ask.cache)?;
        if ask.jobs > NonZeroUsize::MIN {
            check.threads = NonZeroUsize::new(cores().get() / ask.jobs).or(Some(NonZeroUsize::MIN));
        }
    }
    let mut checker = ProverChecker::new(options, check);
    checker.tree = Some(Tree {
        root: tree.to_path_buf(),
        more_flags: read.cc_flags.clone(),
    });
    Ok(checker)
}

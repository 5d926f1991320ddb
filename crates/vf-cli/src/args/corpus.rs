//! The command line of `verify-fix corpus`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand, ValueEnum};
use vf_corpus::mutate::KINDS;
use vf_corpus::record::Split;

use super::TextOrJson;

#[derive(Debug, Args)]
pub struct CorpusArgs {
    #[command(subcommand)]
    pub command: CorpusCommand,
}

#[derive(Debug, Subcommand)]
pub enum CorpusCommand {
    /// Make pairs: functions that are proved, broken until they are refuted
    Make(CorpusMakeArgs),
    /// Prove and refute again what corpus files claim
    Check(CorpusCheckArgs),
    /// Make records of pairs that are there: a folder of files before and after, or a SARIF log with a patch
    Import(CorpusImportArgs),
    /// Make records of the fixes in the history of a git repository: functions that go from refuted to proved
    Mine(CorpusMineArgs),
    /// Repair each version before the fix, as `verify-fix repair` does, and count what is proven
    Repair(CorpusRepairArgs),
    /// Write corpus files as what the embedded model reads and is to answer, for scripts/train-embedded.py
    Export(CorpusExportArgs),
}

#[derive(Debug, Args)]
pub struct CorpusMineArgs {
    /// The repository; it is only read
    #[arg(value_name = "REPO")]
    pub repository: PathBuf,
    /// Commits, as `git log` takes them
    #[arg(long, value_name = "REVISIONS", default_value = "HEAD")]
    pub revisions: String,
    /// Only the newest so many commits
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub commits: Option<u32>,
    /// Only commits whose message has this extended regular expression, in any case
    #[arg(long, value_name = "REGEX")]
    pub matching: Option<String>,
    /// What the records call the repository (default: the name of its folder)
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Seconds for each version of a function
    #[arg(long, value_name = "S", value_parser = super::seconds, default_value = "10")]
    pub seconds: f64,
    /// The licence of what is found, as an SPDX expression
    #[arg(long, value_name = "SPDX")]
    pub licence: String,
    /// Functions that are looked at at once (default: as many as there are cores)
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Where the records go, one a line; compressed where the name ends in `.gz`
    #[arg(short = 'o', long = "output", value_name = "FILE.jsonl[.gz]")]
    pub output: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
    /// The C compiler, of which the preprocessor is used
    #[arg(long, value_name = "CC", default_value = "cc")]
    pub compiler: PathBuf,
    /// Flags of the compiler; relative folders are those of the repository
    #[arg(value_name = "CC_FLAGS", last = true)]
    pub cc_flags: Vec<String>,
}

#[derive(Debug, Args)]
pub struct CorpusRepairArgs {
    /// Corpus files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Only the pairs of this split
    #[arg(long, value_enum, value_name = "SPLIT")]
    pub split: Option<SplitChoice>,
    /// Only so many pairs, evenly spread
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// Pairs that are repaired at once (default: as many as there are cores)
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// What became of each pair, as lines of JSON
    #[arg(short = 'o', long = "output", value_name = "FILE.jsonl[.gz]")]
    pub output: Option<PathBuf>,
    /// What can be learned of it, as `corpus export` writes pairs: the proven answers of the model, and the known fix where an attempt
    /// failed, after that attempt
    #[arg(long, value_name = "FILE.jsonl[.gz]")]
    pub words: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
    /// Options of `verify-fix repair`: who proposes, how often, held to what
    #[arg(value_name = "REPAIR_OPTIONS", last = true)]
    pub repair: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SplitChoice {
    Train,
    Validation,
    Test,
}

impl From<SplitChoice> for Split {
    fn from(choice: SplitChoice) -> Split {
        match choice {
            SplitChoice::Train => Split::Train,
            SplitChoice::Validation => Split::Validation,
            SplitChoice::Test => Split::Test,
        }
    }
}

#[derive(Debug, Args)]
pub struct CorpusExportArgs {
    /// Corpus files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Where the pairs go, after a line with the vocabulary; compressed where the name ends in `.gz`
    #[arg(short = 'o', long = "output", value_name = "FILE.jsonl[.gz]")]
    pub output: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
}

#[derive(Debug, Args)]
pub struct CorpusMakeArgs {
    /// Seed of all that is made; the same seed makes the same pairs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Pairs to make
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    pub count: u32,
    /// Number of the first function; each function depends on the seed and its number only
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub first: u64,
    /// Make drafts for training instead, several times as many in a minute, as `corpus export` writes pairs: what is before is refuted,
    /// that the fix is one is not proved; of the training split only
    #[arg(long)]
    pub drafts: bool,
    /// Make pairs of this split only; functions of the others are passed over unproved
    #[arg(long, value_enum, conflicts_with = "drafts")]
    pub split: Option<SplitChoice>,
    /// Make mistakes of these kinds only (several with commas); take a seed of its own, since pairs are named by seed and number
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = PossibleValuesParser::new(KINDS))]
    pub mutations: Vec<String>,
    /// Functions that are looked at at once (default: as many as there are cores)
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Where the records go, one a line; compressed where the name ends in `.gz`
    #[arg(short = 'o', long = "output", value_name = "FILE.jsonl[.gz]")]
    pub output: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
    /// The C compiler, of which the preprocessor and the syntax check are used
    #[arg(long, value_name = "CC", default_value = "cc")]
    pub compiler: PathBuf,
}

#[derive(Debug, Args)]
pub struct CorpusCheckArgs {
    /// Corpus files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Prove and refute only so many records of each file, evenly spread; the form of all is checked
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub sample: Option<u32>,
    /// Records that are looked at at once (default: as many as there are cores)
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
    /// The C compiler, of which the preprocessor and the syntax check are used
    #[arg(long, value_name = "CC", default_value = "cc")]
    pub compiler: PathBuf,
}

#[derive(Debug, Args)]
pub struct CorpusImportArgs {
    /// A folder with pairs NAME.before.c and NAME.after.c (or bad and good), or with --patch a SARIF log
    #[arg(value_name = "FOLDER|LOG.sarif")]
    pub source: PathBuf,
    /// The patch that fixes what the SARIF log reports
    #[arg(long, value_name = "PATCH", requires = "tree")]
    pub patch: Option<PathBuf>,
    /// The tree that log and patch are about
    #[arg(long, value_name = "DIR", requires = "patch")]
    pub tree: Option<PathBuf>,
    /// The licence of what is imported, as an SPDX expression
    #[arg(long, value_name = "SPDX")]
    pub licence: String,
    /// Where the records go, one a line; compressed where the name ends in `.gz`
    #[arg(short = 'o', long = "output", value_name = "FILE.jsonl[.gz]")]
    pub output: PathBuf,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
    /// The C compiler, of which the preprocessor and the syntax check are used
    #[arg(long, value_name = "CC", default_value = "cc")]
    pub compiler: PathBuf,
}

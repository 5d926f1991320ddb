//! The command line, as `docs/` and scripts know it.

mod corpus;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use vf_verify::search::Source;

pub use corpus::{
    CorpusArgs, CorpusCheckArgs, CorpusCommand, CorpusExportArgs, CorpusImportArgs, CorpusMakeArgs,
    CorpusMineArgs, CorpusRepairArgs,
};

/// Who proposes beside the templates where nothing else is said.
const DEFAULT_MODEL: &str = if cfg!(feature = "model") {
    "embedded"
} else {
    "none"
};

/// Proves that C code cannot overflow a buffer or an integer, shows an input where it can, and repairs it.
#[derive(Debug, Parser)]
#[command(
    name = "verify-fix",
    version,
    about = "Proves C code free of overflows, shows an input where it is not, and repairs it",
    after_help = "Exit codes: 0 all proved (or patch/repair proven), 1 something refuted (or no proven repair found),\n\
                  2 bad usage or input, 3 nothing refuted but something unknown, 4 fault of the tool."
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check functions: proved for all inputs, or refuted with a counterexample
    Check(CheckArgs),
    /// Judge a patch: which obligations it fixes, leaves open, introduces
    Patch(PatchArgs),
    /// Repair a function: propose changes until one is proven
    Repair(Box<RepairArgs>),
    /// Run one counterexample of a JSON report of `check`, or write its harness out
    Replay(ReplayArgs),
    /// Repeat a repair from its log, without its model, and say whether it goes the same way
    ReplayRun(ReplayRunArgs),
    /// (not in this version yet) Check what a tree's build compiles
    Scan(NotYet),
    /// Make, check and import pairs of a refuted and a proved version of a function
    Corpus(CorpusArgs),
    /// (not in this version yet) Train a proposer
    Train(NotYet),
    /// (not in this version yet) Run repair experiments with arms and seeds
    Experiment(NotYet),
    /// (not in this version yet) Recheck certificates with a second solver
    Recheck(NotYet),
    /// Look at model folders
    Models(ModelsArgs),
}

/// Whatever follows a command that this version does not have.
#[derive(Debug, Args)]
pub struct NotYet {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Entry {
    /// The program starts at `main`
    Main,
    /// Each function is checked alone, for any arguments
    Each,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Wraps {
    /// Unsigned wrap and lossy conversion matter where they reach a size, an index or a length
    Relevant,
    /// Everywhere
    All,
}

/// How a model's answers are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Search {
    None,
    /// Fork, draw a statement, keep the best: docs/guided-decoding.md
    Tree,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RepairLayer {
    /// What a model is asked in the first round
    Prompt,
    /// The template of that, to begin one's own with
    Template,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AnswerForm {
    /// Whichever the model likes
    Any,
    /// The whole function
    Function,
    /// Edits of numbered lines
    Edit,
    /// The missing lines alone; for models that fill in the middle
    Infill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layer {
    /// Declarations as they were parsed
    Ast,
    /// Typed intermediate representation
    Ir,
    /// Control-flow graph with dominators and loops
    Cfg,
    /// Control-flow graph for Graphviz
    Dot,
    /// Every condition that must hold
    Obligations,
    /// Loop invariants that were found
    Invariants,
    /// The queries as SMT-LIB text
    Smt2,
}

/// How the program is read; shared by the commands.
#[derive(Clone, Debug, Args)]
pub struct ReadArgs {
    /// Target with 32-bit `long` and pointers (default: LP64)
    #[arg(long)]
    pub ilp32: bool,
    /// The C compiler whose preprocessor and sanitizers are used
    #[arg(long, value_name = "CC", default_value = "cc")]
    pub compiler: PathBuf,
    /// Flags of the user's build: -I, -D, -include, -std=...
    #[arg(last = true, value_name = "CC_FLAGS")]
    pub cc_flags: Vec<String>,
}

/// What is asked about it; shared by the commands.
#[derive(Clone, Debug, Args)]
pub struct AskArgs {
    /// Only obligations of this property, or what this property file asks: `P.prp` of SV-COMP (may be repeated)
    #[arg(long = "property", value_name = "P")]
    pub properties: Vec<String>,
    /// Where unsigned wrap and lossy conversion are obligations
    #[arg(long, value_enum, default_value = "relevant")]
    pub wraps: Wraps,
    /// Seconds for the whole run
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub timeout: Option<f64>,
}

/// Where answers of earlier runs are; shared by the commands.
#[derive(Clone, Debug, Default, Args)]
pub struct CacheArgs {
    /// Folder of answers that are kept between runs (default: VERIFY_FIX_CACHE, else verify-fix in the user's folder of caches)
    #[arg(long = "cache", value_name = "DIR", conflicts_with = "no_cache")]
    pub directory: Option<PathBuf>,
    /// Prove everything anew and keep nothing (also: VERIFY_FIX_CACHE=off)
    #[arg(long)]
    pub no_cache: bool,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// C files; several are linked as one program
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Only this function (may be repeated)
    #[arg(short = 'f', long = "function", value_name = "FUNC")]
    pub functions: Vec<String>,
    /// Where execution starts (default: main if the files define it and no -f is given, each otherwise)
    #[arg(long, value_enum)]
    pub entry: Option<Entry>,
    #[command(flatten)]
    pub ask: AskArgs,
    /// Say on standard error how far the search for proofs is, and in text output how it went
    #[arg(long)]
    pub progress: bool,
    /// For experiments: do not try candidate invariants of this source (may be repeated, or several with commas)
    #[arg(long, value_name = "SOURCE", value_delimiter = ',', value_parser = source)]
    pub without: Vec<Source>,
    /// For experiments: try candidate invariants of these sources only
    #[arg(long, value_name = "SOURCES", value_delimiter = ',', value_parser = source, conflicts_with = "without")]
    pub only_sources: Option<Vec<Source>>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Print a layer instead of checking
    #[arg(long, value_enum, value_name = "LAYER")]
    pub emit: Option<Layer>,
    /// Check one function out of a file whose headers are missing
    #[arg(long)]
    pub snippet: bool,
    /// Run counterexamples under sanitizers in a sandbox (the default)
    #[arg(long, overrides_with = "no_replay")]
    pub replay: bool,
    /// Do not run counterexamples
    #[arg(long, overrides_with = "replay")]
    pub no_replay: bool,
    /// Write the result here instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, Args)]
pub struct PatchArgs {
    /// A unified diff, or a range of revisions REV..REV
    #[arg(value_name = "PATCH", required_unless_present = "before", conflicts_with_all = ["before", "after"])]
    pub patch: Option<String>,
    /// The tree that the patch applies to
    #[arg(long, value_name = "DIR")]
    pub tree: Option<PathBuf>,
    /// The file before the change
    #[arg(long, value_name = "A.c", requires = "after")]
    pub before: Option<PathBuf>,
    /// The file after the change
    #[arg(long, value_name = "B.c", requires = "before")]
    pub after: Option<PathBuf>,
    /// Judge only this function (may be repeated; default: those that the change touches and their callers)
    #[arg(short = 'f', long = "function", value_name = "FUNC")]
    pub functions: Vec<String>,
    #[command(flatten)]
    pub ask: AskArgs,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write the result here instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Write a patch that is a proven fix here, as a mail for `git am` that says what was proved and assumed
    #[arg(long, value_name = "FILE")]
    pub write_patch: Option<PathBuf>,
    /// Write a harness of the counterexample into this new folder, and run it on both versions: C, and for kernel code KUnit
    #[arg(long, value_name = "DIR")]
    pub reproducer: Option<PathBuf>,
    /// Do not run the compiled versions on an input that tells them apart
    #[arg(long)]
    pub no_replay: bool,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The C file to repair
    #[arg(value_name = "FILE.c", required_unless_present = "report", conflicts_with_all = ["report", "tree"])]
    pub file: Option<PathBuf>,
    /// A bug report (text form or SARIF 2.1)
    #[arg(long, value_name = "REPORT", requires = "tree")]
    pub report: Option<PathBuf>,
    /// The tree that the report is about
    #[arg(long, value_name = "DIR", requires = "report")]
    pub tree: Option<PathBuf>,
    /// Only this function (with FILE.c)
    #[arg(
        short = 'f',
        long = "function",
        value_name = "FUNC",
        conflicts_with = "report"
    )]
    pub function: Option<String>,
    /// Who proposes: a model folder, the URL of an OpenAI-compatible server (several with commas), `embedded`, or `none`
    #[arg(long, value_name = "DIR|URL|embedded|none", default_value = DEFAULT_MODEL)]
    pub model: String,
    /// Where a model in this process runs (auto: a GPU where one can be used, else the CPU)
    #[arg(long, value_name = "auto|cpu|cuda[:N]", default_value = "auto")]
    pub device: DeviceChoice,
    /// The model's name at the server (default: the only one that it serves)
    #[arg(long, value_name = "NAME")]
    pub model_name: Option<String>,
    /// Seconds that a server may take for one answer
    #[arg(long, value_name = "S", value_parser = seconds, default_value = "300")]
    pub model_timeout: f64,
    /// Take candidates from the model only, none from templates; the same as `--proposers model`
    #[arg(long, conflicts_with = "proposers")]
    pub no_templates: bool,
    /// Who is asked in each round, and in which order
    #[arg(long, value_enum, value_name = "WHO", default_value = "both")]
    pub proposers: Proposers,
    /// A template of what the model is asked (Jinja; default: the embedded one)
    #[arg(long, value_name = "FILE.jinja")]
    pub prompt: Option<PathBuf>,
    /// What the model is asked to answer with
    #[arg(long, value_enum, value_name = "FORM", default_value = "any")]
    pub answer_form: AnswerForm,
    /// For experiments: whether each line in the prompt carries what the prover knows there
    #[arg(long, value_enum, value_name = "ON|OFF", default_value = "off")]
    pub prompt_facts: OnOff,
    /// What a hosted model is held to while it writes: none, or some of grammar, names, cex, prover and refuted,
    /// joined by `+` (docs/guided-decoding.md; default: names for the embedded model, none for others)
    #[arg(long, value_name = "ARMS")]
    pub guide: Option<String>,
    /// How a hosted model's answers come about: each on its own, or by a search over statements, in which the prover says
    /// which beginnings are worth going on with
    #[arg(long, value_enum, value_name = "HOW", default_value = "none")]
    pub search: Search,
    /// Tokens that a guided model may write before its edit
    #[arg(long, value_name = "TOKENS", default_value_t = 0)]
    pub reasoning: u32,
    /// Print a layer instead of repairing; no model is needed
    #[arg(long, value_enum, value_name = "LAYER")]
    pub emit: Option<RepairLayer>,
    /// Where the proven patch goes, as a mail for `git am` (default: a plain diff on standard output)
    #[arg(short = 'o', long = "output", value_name = "OUT.patch")]
    pub output: Option<PathBuf>,
    /// The commit that made the mistake, for the tag `Fixes:` (default: the one that git blames, if it is one)
    #[arg(long, value_name = "REV")]
    pub fixes: Option<String>,
    /// Write a harness of the counterexample into this new folder, and run it on both versions: C, and for kernel code KUnit
    #[arg(long, value_name = "DIR")]
    pub reproducer: Option<PathBuf>,
    /// Record each round as lines of JSON
    #[arg(long, value_name = "FILE.jsonl")]
    pub log: Option<PathBuf>,
    /// Record the text of each prompt too, not only its hash
    #[arg(long, requires = "log")]
    pub log_prompts: bool,
    /// Count work instead of time, so that the same candidates give the same log to the bit
    #[arg(long, conflicts_with_all = ["timeout", "solver_seconds"])]
    pub deterministic: bool,
    /// Rounds of proposing and checking
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..))]
    pub rounds: u32,
    /// Answers asked of the model in each round
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    pub candidates: u32,
    /// How warm the model's answers are drawn: 0 the likeliest always, 1 as its own probabilities say (default: 0.7; the embedded model: 1)
    #[arg(long, value_name = "T", value_parser = temperature)]
    pub temperature: Option<f64>,
    /// Tokens that the model may write over the whole run; the answer that goes beyond is checked still
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub token_budget: Option<u64>,
    /// Seconds that all checks may take together, whatever runs beside what
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub solver_seconds: Option<f64>,
    /// Proven candidates of which the best is taken
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub best_of: u32,
    /// Candidates that are checked at once (default: as many as there are cores and memory for)
    #[arg(short = 'j', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Seconds for candidates that would be preferred to the first that is proven; 0 takes the first
    #[arg(long, value_name = "S", default_value_t = 1.0, value_parser = seconds_or_none)]
    pub prefer_within: f64,
    /// Do not run the former counterexamples on the repaired program
    #[arg(long)]
    pub no_replay: bool,
    /// Seed of whatever chooses at random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub seed: u64,
    #[command(flatten)]
    pub ask: AskArgs,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub cache: CacheArgs,
    #[command(flatten)]
    pub read: ReadArgs,
}

#[derive(Debug, Args)]
pub struct ReplayRunArgs {
    /// What `repair --log` wrote
    #[arg(value_name = "LOG")]
    pub log: PathBuf,
    /// The C compiler, where the run used another one than `cc`
    #[arg(long, value_name = "CC")]
    pub compiler: Option<PathBuf>,
    /// Write the log of the repeated run here
    #[arg(long, value_name = "FILE.jsonl")]
    pub write: Option<PathBuf>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
    #[command(flatten)]
    pub cache: CacheArgs,
}

/// Who proposes candidates, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Proposers {
    /// In each round the templates first, then the model
    Both,
    /// The templates only, even with a model
    Solver,
    /// The model only
    Model,
    /// In each round the model first, then the templates
    ModelThenSolver,
    /// One candidate of the templates beside each answer of the model
    Interleaved,
}

#[derive(Debug, Args)]
pub struct ModelsArgs {
    #[command(subcommand)]
    pub command: ModelsCommand,
}

#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// What a model folder holds, whether it can be run, and the memory that takes
    Info(ModelInfoArgs),
    /// The processors that models can run on here
    Devices(ModelDevicesArgs),
}

/// Where a model runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    #[default]
    Auto,
    Cpu,
    /// CUDA device by number.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<DeviceChoice, String> {
        let number = |n: &str| n.parse().ok().map(DeviceChoice::Cuda);
        match text {
            "auto" => Some(DeviceChoice::Auto),
            "cpu" => Some(DeviceChoice::Cpu),
            "cuda" => Some(DeviceChoice::Cuda(0)),
            other => other.strip_prefix("cuda:").and_then(number),
        }
        .ok_or_else(|| "expected auto, cpu, cuda, or cuda:N with the number of a device".to_string())
    }
}

#[derive(Debug, Args)]
pub struct ModelDevicesArgs {
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
}

// Without models there is nothing to look at.
#[cfg_attr(not(feature = "model"), allow(dead_code))]
#[derive(Debug, Args)]
pub struct ModelInfoArgs {
    /// The folder with config.json, tokenizer.json and the weights
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// Tokens of prompt and answer together (default: the model's longest, up to 32768)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub context: Option<u32>,
    /// Element type that the weights are converted to (default: that of `repair --model`)
    #[arg(long, value_enum)]
    pub dtype: Option<Dtype>,
    #[arg(long, value_enum, default_value = "text")]
    pub format: TextOrJson,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dtype {
    F32,
    F16,
    Bf16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TextOrJson {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// JSON that `check --format json` wrote
    #[arg(value_name = "REPORT.json")]
    pub report: PathBuf,
    /// The refuted obligation, by its id in the report
    #[arg(value_name = "OBLIGATION")]
    pub obligation: String,
    /// The program's files (default: the file that the report names)
    #[arg(long = "file", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Write the harness into this folder instead of running it
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    #[command(flatten)]
    pub read: ReadArgs,
}

/// Where candidate invariants come from.
fn source(name: &str) -> Result<Source, String> {
    Source::from_name(name).ok_or_else(|| {
        let known: Vec<&str> = Source::ALL.iter().map(|s| s.name()).collect();
        format!("the sources are {}", known.join(", "))
    })
}

/// A time in seconds, more than none.
fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        // A day is more than anybody waits, and keeps the arithmetic on durations exact.
        Ok(s) if s > 0.0 && s <= 86_400.0 => Ok(s),
        _ => Err("give seconds, more than 0 and at most 86400".to_string()),
    }
}

fn seconds_or_none(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(0.0) => Ok(0.0),
        _ => seconds(text).map_err(|_| "give seconds, at least 0 and at most 86400".to_string()),
    }
}

fn temperature(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(t) if (0.0..=2.0).contains(&t) => Ok(t),
        _ => Err("give a number from 0 to 2".to_string()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_of_the_compiler_come_after_two_dashes() {
        let cli = Cli::try_parse_from([
            "verify-fix",
            "check",
            "a.c",
            "b.c",
            "-f",
            "f",
            "--",
            "-Iinc",
            "-DX",
        ])
        .expect("a valid command line");
        let Command::Check(args) = cli.command else {
            panic!("check was asked for")
        };
        assert_eq!(args.files, [PathBuf::from("a.c"), PathBuf::from("b.c")]);
        assert_eq!(args.read.cc_flags, ["-Iinc", "-DX"]);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            vec!["verify-fix", "check"],
            vec!["verify-fix", "check", "a.c", "--timeout", "0"],
            vec!["verify-fix", "check", "a.c", "--timeout", "nan"],
            vec!["verify-fix", "check", "a.c", "--format", "xml"],
            vec!["verify-fix", "check", "a.c", "--without", "luck"],
            vec![
                "verify-fix",
                "check",
                "a.c",
                "--without",
                "zone",
                "--only-sources",
                "guard",
            ],
            vec!["verify-fix", "repair"],
            vec!["verify-fix", "repair", "a.c", "--rounds", "0"],
            vec!["verify-fix", "repair", "--report", "r"],
            vec!["verify-fix", "patch"],
            vec!["verify-fix", "patch", "--before", "a.c"],
            vec!["verify-fix", "prove"],
        ] {
            assert!(Cli::try_parse_from(&line).is_err(), "{line:?}");
        }
    }
}

//! `verify-fix replay-run`: a repair again, with the candidates of its log in place of who proposed them.
//!
//! What is proposed is taken from the log, and judged anew. A log of `repair --deterministic` is repeated to the bit; of another one
//! counterexamples may be others. The log says what was asked; of that, nothing is written (`-o`, `--log`,
//! `--reproducer`), nobody is asked (`--model`) and no program is run that this command line does not name (`--compiler`).

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;
use vf_repair::log::write_record;
use vf_repair::{
    Hooks, Limits, LogRecord, LoggedProposer, Proposer, RepairRequest, Repetition, compare_runs, repair,
    replay_log,
};
use vf_verify::report::SCHEMA;

use crate::args::{Cli, Command, Format, RepairArgs, ReplayRunArgs};
use crate::check::json;
use crate::checker::{self, Ask};
use crate::exit::{CliError, Exit};
use crate::output;
use crate::progress::ProgressLine;
use crate::read;
use crate::repair::{limits, target};

/// Longest time to look for a better candidate among those of the log; that there are no more of them ends it.
const PREFER: Duration = Duration::from_secs(3600);

#[derive(Serialize)]
struct Repeated<'a> {
    schema: &'static str,
    same: bool,
    candidates: usize,
    #[serde(flatten)]
    repetition: &'a Repetition,
}

pub fn run(args: &ReplayRunArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    let then = records(&args.log)?;
    let (directory, asked) = asked(args, &then)?;
    std::env::set_current_dir(&directory).map_err(|source| CliError::LogDirectory {
        path: args.log.clone(),
        directory,
        source,
    })?;
    if let Some(path) = &args.write {
        output::require_writable_place(path)?;
    }
    let properties = read::properties(&asked.ask.properties)?;
    let (tree, what) = target(&asked)?;
    let file = match &what {
        vf_repair::RepairTarget::Report(report) => report.file.clone(),
        vf_repair::RepairTarget::File { file, .. } => file.clone(),
    };
    let limits = limits(&asked);
    let ask = Ask {
        ask: &asked.ask,
        cache: &args.cache,
        deterministic: asked.deterministic,
        jobs: limits.jobs,
    };
    let mut checker = checker::prover(&asked.read, &ask, properties, &tree, Some(&file), start)?;
    let request = RepairRequest {
        tree,
        what,
        limits: Limits {
            prefer_within: if asked.prefer_within > 0.0 {
                PREFER
            } else {
                Duration::ZERO
            },
            // The log says what was tried: no clock is needed.
            solver: None,
            ..limits
        },
    };
    let logged = LoggedProposer::all(&then).into_iter();
    let mut proposers: Vec<Box<dyn Proposer>> = logged.map(|p| Box::new(p) as _).collect();
    let mut progress = ProgressLine::new();
    let (mut log, mut whole) = (Vec::new(), Vec::new());
    let mut tell = |event| crate::repair::show(&mut progress, &event);
    let hooks = Hooks {
        progress: &mut tell,
        log: Some(&mut log),
        log_prompts: true,
    };
    repair(&request, &mut checker, &mut proposers, hooks)?;
    progress.clear();
    let now = replay_log(log.as_slice()).map_err(CliError::Log)?;
    let repetition = compare_runs(&then, &now);
    if let Some(path) = &args.write {
        let command = then.first().map(|c| write_record(&mut whole, c));
        command.transpose().map_err(CliError::Log)?;
        whole.extend_from_slice(&log);
        output::write_file(path, &whole)?;
    }
    let is_candidate = |record: &&LogRecord| matches!(record, LogRecord::Candidate { .. });
    let candidates = now.iter().filter(is_candidate).count();
    match args.format {
        Format::Json | Format::Sarif => {
            let repeated = Repeated {
                schema: SCHEMA,
                same: repetition.difference.is_none(),
                candidates,
                repetition: &repetition,
            };
            output::write_stdout(&json(&repeated)?)?;
        }
        Format::Text => output::write_stdout(&text(&args.log, candidates, &repetition))?,
    }
    Ok(match repetition.difference {
        None => Exit::Proved,
        Some(_) => Exit::Refuted,
    })
}

fn text(log: &Path, candidates: usize, repetition: &Repetition) -> String {
    let Some(differing) = &repetition.difference else {
        let details = match repetition.other_details {
            0 => String::new(),
            count => format!("; {count} with another counterexample or reason"),
        };
        let details = match repetition.exact {
            true => "; to the bit, but for times".to_string(),
            false => format!("{details} (the run was not --deterministic: those are not compared)"),
        };
        return format!("the same: {candidates} candidates, each with the same outcome{details}\n");
    };
    let said = |record: &Option<serde_json::Value>| {
        record.as_ref().map_or("nothing".to_string(), ToString::to_string)
    };
    format!(
        "not the same: {}:{}\nthen: {}\nnow:  {}\n",
        log.display(),
        differing.line,
        said(&differing.then),
        said(&differing.now)
    )
}

fn records(path: &Path) -> Result<Vec<LogRecord>, CliError> {
    let file = File::open(path).map_err(|source| CliError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    replay_log(BufReader::new(file)).map_err(|error| CliError::ReadLog {
        path: path.to_path_buf(),
        error,
    })
}

/// What the log says was asked, and where.
fn asked(args: &ReplayRunArgs, records: &[LogRecord]) -> Result<(PathBuf, RepairArgs), CliError> {
    let path = || args.log.clone();
    let Some(LogRecord::Command {
        directory, arguments, ..
    }) = records.first()
    else {
        return Err(CliError::LogWithoutCommand { path: path() });
    };
    let other = |why: String| CliError::LogOfOther { path: path(), why };
    let words = std::iter::once("verify-fix").chain(arguments.iter().map(String::as_str));
    let parsed = Cli::try_parse_from(words)
        .map_err(|e| other(crate::check::first_line(&e.to_string()).to_string()))?;
    let Command::Repair(mut asked) = parsed.command else {
        return Err(other("it is another command".to_string()));
    };
    match &args.compiler {
        Some(compiler) => asked.read.compiler.clone_from(compiler),
        None if asked.read.compiler != Path::new("cc") => {
            return Err(CliError::LogCompiler {
                path: path(),
                compiler: asked.read.compiler,
            });
        }
        None => {}
    }
    // The log says what was tried, so that no clock is needed.
    asked.ask.timeout = None;
    Ok((directory.clone(), *asked))
}

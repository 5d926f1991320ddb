//! `verify-fix repair`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::json;
use vf_repair::{
    BugReport, Event, Hooks, Limits, Proposer, RepairOutcome, RepairRequest, RepairTarget, SolverOnly, Stage,
    Stopped, Tried, repair,
};

use crate::aftermath;
use crate::args::{Format, RepairArgs};
use crate::check::json;
use crate::checker;
use crate::exit::{CliError, Exit};
use crate::model;
use crate::output::{self, complain};
use crate::progress::ProgressLine;
use crate::read;

/// Candidates from templates that a round may try beside the model's answers.
const TEMPLATES: u32 = 64;

pub fn run(args: &RepairArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    // Everything that can be wrong about the request is looked at before any work is done for it.
    let properties = read::properties(&args.ask.properties)?;
    if let Some(path) = &args.output {
        output::require_writable_place(path)?;
    }
    let (tree, target) = target(args)?;
    let file = match &target {
        RepairTarget::Report(report) => report.file.clone(),
        RepairTarget::File { file, .. } => file.clone(),
    };
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(SolverOnly::new())];
    match model::proposer(args)? {
        Some(proposer) => proposers.push(proposer),
        None => complain("note: no model was given; candidates come from the solver-only proposer"),
    }
    let mut log = match &args.log {
        Some(path) => Some(File::create(path).map_err(|source| output::WriteError {
            target: path.clone(),
            source,
        })?),
        None => None,
    };
    let time = args
        .ask
        .timeout
        .map(Duration::from_secs_f64)
        .map(|t| t.saturating_sub(start.elapsed()));
    let request = RepairRequest {
        tree: tree.clone(),
        what: target,
        limits: Limits {
            rounds: args.rounds,
            candidates: args
                .rounds
                .saturating_mul(args.candidates.saturating_add(TEMPLATES)),
            time,
        },
    };
    let mut checker = checker::prover(
        &args.read,
        &args.ask,
        &args.cache,
        properties,
        &tree,
        Some(&file),
        start,
    )?;
    let mut progress = ProgressLine::new();
    let outcome = {
        let mut tell = |event: Event| show(&mut progress, &event);
        let hooks = Hooks {
            progress: &mut tell,
            log: log.as_mut().map(|l| l as &mut dyn Write),
        };
        repair(&request, &mut checker, &mut proposers, hooks)
    }?;
    let replays = if args.no_replay {
        Vec::new()
    } else {
        progress.show(&"replaying the former counterexamples");
        aftermath::replay(&outcome, &tree, &checker.options)
    };
    progress.clear();
    print(args, &outcome, &replays, start)?;
    Ok(exit(&outcome))
}

/// What is to be repaired, and the root that its paths start from.
fn target(args: &RepairArgs) -> Result<(PathBuf, RepairTarget), CliError> {
    if let (Some(report), Some(tree)) = (&args.report, &args.tree) {
        return Ok((tree.clone(), RepairTarget::Report(read_report(report)?)));
    }
    let file = args.file.clone().unwrap_or_default();
    let tree = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let name = file.file_name().map(PathBuf::from).unwrap_or_default();
    Ok((
        tree,
        RepairTarget::File {
            file: name,
            function: args.function.clone(),
        },
    ))
}

/// The first report of a file in text form or SARIF; further ones are for further runs.
fn read_report(path: &Path) -> Result<BugReport, CliError> {
    let bytes = std::fs::read(path).map_err(|source| CliError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let reports = if vf_repair::sarif::looks_like_sarif(&bytes) {
        vf_repair::sarif::parse(&bytes, path)?.reports
    } else {
        vf_repair::report_text::parse(&bytes, path)?
    };
    if reports.len() > 1 {
        complain(&format!(
            "note: {} holds {} reports; the first is repaired",
            path.display(),
            reports.len()
        ));
    }
    reports.into_iter().next().ok_or_else(|| CliError::NoReport {
        path: path.to_path_buf(),
    })
}

fn exit(outcome: &RepairOutcome) -> Exit {
    match outcome.stopped {
        Stopped::Proven | Stopped::NothingToFix => Exit::Proved,
        Stopped::NothingChecked => Exit::Unknown,
        _ => Exit::Refuted,
    }
}

fn show(progress: &mut ProgressLine, event: &Event) {
    match event {
        Event::Stage(Stage::Locating) => progress.show(&"looking for the place"),
        Event::Stage(Stage::CheckingOld) => progress.show(&"checking the program as it is"),
        Event::Stage(Stage::Proposing) => progress.show(&"proposing"),
        Event::Stage(Stage::Proven) => progress.show(&"proven"),
        Event::Note(note) => progress.note(&format_args!("note: {note}")),
        Event::Round {
            round,
            proposer,
            candidates,
        } => {
            progress.show(&format_args!(
                "round {round}: {candidates} candidates from {proposer}"
            ));
        }
        Event::Tried {
            round,
            tried,
            origin,
            note,
            result,
        } => {
            let result = match result {
                Tried::Proven => "proven".to_string(),
                Tried::Partial(open) => format!("proves some, {} open", open.len()),
                Tried::Failed(failure) => failure.to_string(),
            };
            let first = crate::check::first_line(&result);
            progress.step(&format_args!(
                "round {round}, candidate {tried} ({origin}: {note}): {first}"
            ));
        }
    }
}

/// The patch goes to the file or to standard output; what is said about it goes where the patch does not.
fn print(
    args: &RepairArgs,
    outcome: &RepairOutcome,
    replays: &[String],
    start: Instant,
) -> Result<(), CliError> {
    let diff = outcome.patch.as_ref().map(vf_repair::ProvenPatch::diff);
    if let (Some(path), Some(diff)) = (&args.output, &diff) {
        output::write_file(path, diff.as_bytes())?;
    }
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    match args.format {
        Format::Text => {
            let said = summary(args, outcome, replays, elapsed);
            match (&args.output, &diff) {
                (None, Some(diff)) => {
                    complain(said.trim_end());
                    output::write_stdout(diff)?;
                }
                _ => output::write_stdout(&said)?,
            }
        }
        Format::Json | Format::Sarif => {
            let value = json!({
                "schema": "verify-fix/1",
                "verdict": verdict(outcome),
                "elapsed_ms": elapsed,
                "file": outcome.file,
                "function": outcome.function,
                "targets": outcome.targets,
                "stopped": outcome.stopped.describe(),
                "rounds": outcome.rounds,
                "candidates": outcome.candidates,
                "checked": outcome.checked,
                "checked_per_second": outcome.checked_per_second(),
                "before": outcome.before,
                "patch": diff,
                "judgement": outcome.patch.as_ref().map(vf_repair::ProvenPatch::report),
                "replays": replays,
                "assumptions": outcome.patch.as_ref().map(vf_repair::ProvenPatch::assumptions),
            });
            output::write_stdout(&json(&value)?)?;
        }
    }
    Ok(())
}

fn verdict(outcome: &RepairOutcome) -> &'static str {
    match outcome.stopped {
        Stopped::Proven => "proven-fix",
        Stopped::NothingToFix => "nothing-to-fix",
        Stopped::NothingChecked => "unknown",
        _ => "no-proven-repair",
    }
}

fn summary(args: &RepairArgs, outcome: &RepairOutcome, replays: &[String], elapsed: u64) -> String {
    let place = format!("{} in {}", outcome.function, outcome.file.display());
    let mut text = match outcome.stopped {
        Stopped::Proven => format!("proven: a repair of {place}\n"),
        Stopped::NothingToFix => format!("nothing to fix: {place}: {}\n", outcome.stopped.describe()),
        Stopped::NothingChecked => format!("unknown: {place}: {}\n", outcome.stopped.describe()),
        stopped => format!("no proven repair of {place}: {}\n", stopped.describe()),
    };
    for id in &outcome.targets {
        text.push_str(&format!("  to prove: {id}\n"));
    }
    if let Some(patch) = &outcome.patch {
        let report = patch.report();
        text.push_str(&format!(
            "  fixed: {}; left open: {}; introduced: {}\n  behaviour: {}\n",
            report.fixed.len(),
            report.open.len(),
            report.introduced.len(),
            crate::patch::behaviour_word(report.behaviour),
        ));
        for assumption in patch.assumptions() {
            text.push_str(&format!("  the proof assumes: {assumption}\n"));
        }
        for replay in replays {
            text.push_str(&format!("  {replay}\n"));
        }
        if let Some(path) = &args.output {
            text.push_str(&format!(
                "  written to {}; apply with `git apply`\n",
                path.display()
            ));
        }
    }
    for failed in outcome
        .failed
        .iter()
        .take(if outcome.patch.is_some() { 0 } else { 10 })
    {
        let why = failed.failure.to_string();
        text.push_str(&format!(
            "  tried: {}: {}\n",
            failed.candidate.note,
            crate::check::first_line(&why)
        ));
    }
    let rate = outcome
        .checked_per_second()
        .map(|rate| format!(", {} of them checked, {rate:.1} a second", outcome.checked))
        .unwrap_or_default();
    text.push_str(&format!(
        "summary: {} candidates in {} rounds{rate}\ntime: {}\n",
        outcome.candidates,
        outcome.rounds,
        crate::render::text::seconds(elapsed)
    ));
    text
}

//! `verify-fix check`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vf_frontend::Loaded;
use vf_replay::sandbox::Limits;
use vf_replay::{ReplayError, ReplayOutcome, Request, Target};
use vf_verify::CheckOptions;
use vf_verify::report::{CheckReport, ObligationReport, Replay};
use vf_verify::search::Source;

use crate::args::{AskArgs, CheckArgs, Entry, Format, ReadArgs, Wraps};
use crate::exit::{CliError, Exit};
use crate::output;
use crate::progress::ProgressLine;
use crate::read;
use crate::render;
use crate::render::look::Look;

pub fn run(args: &CheckArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    let (properties, specification) = read::selection(&args.ask.properties)?;
    let mut progress = ProgressLine::new();
    progress.show(&format_args!("reading {}", read::list(&args.files)));
    let loaded = read::load(
        &args.files,
        &read::options(&args.read, &args.functions, args.snippet),
    )?;
    read::require_functions(&loaded, &args.files, &args.functions)?;
    let entry = entry(args, &loaded, specification.is_some())?;
    let mut options = options(&args.ask, properties, start);
    options.functions = args.functions.clone();
    options.entry = entry;
    options.specification = specification;
    options.without = without(args);
    if let Some(layer) = args.emit {
        let text = crate::emit::emit(layer, args, &loaded, &options)?;
        output::write(args.output.as_deref(), &text)?;
        return Ok(Exit::Proved);
    }
    options.cache = crate::cache::open(&args.cache)?;
    let mut report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        &options,
        &mut |p| {
            if args.progress {
                progress.line(&p);
            } else if !p.is_detail() {
                progress.show(&p);
            }
        },
    );
    let mut notes = BTreeMap::new();
    if !args.no_replay {
        notes = replay_all(
            &mut report,
            &loaded,
            &args.read,
            deadline(&args.ask, start),
            &mut progress,
        );
    }
    report.elapsed_ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    progress.clear();
    let text = match args.format {
        Format::Text => {
            let look = Look::of_output(args.output.as_deref());
            render::text::check(&report, &loaded.sources, &notes, args.progress, look)
        }
        Format::Json => json(&report)?,
        Format::Sarif => json(&render::sarif::check(&report, &loaded.sources))?,
    };
    output::write(args.output.as_deref(), &text)?;
    Ok(Exit::from(report.verdict))
}

/// Sources of candidate invariants that are switched off.
fn without(args: &CheckArgs) -> BTreeSet<Source> {
    match &args.only_sources {
        Some(only) => Source::ALL.into_iter().filter(|s| !only.contains(s)).collect(),
        None => args.without.iter().copied().collect(),
    }
}

/// Serialised for a reader, with a newline at the end.
pub fn json(value: &impl serde::Serialize) -> Result<String, CliError> {
    serde_json::to_string_pretty(value)
        .map(|text| text + "\n")
        .map_err(CliError::Serialise)
}

/// The verifier's options from the shared arguments.
pub fn options(ask: &AskArgs, properties: Vec<vf_ir::Property>, start: Instant) -> CheckOptions {
    CheckOptions {
        properties,
        wraps: match ask.wraps {
            Wraps::Relevant => vf_verify::Wraps::Relevant,
            Wraps::All => vf_verify::Wraps::All,
        },
        timeout: deadline(ask, start).map(|end| end.saturating_duration_since(Instant::now())),
        ..CheckOptions::default()
    }
}

/// When the run has to end.
pub fn deadline(ask: &AskArgs, start: Instant) -> Option<Instant> {
    ask.timeout
        .map(|seconds| start + Duration::from_secs_f64(seconds))
}

/// Where execution starts. Without being told: at `main` if the files define one and no function was asked for.
fn entry(args: &CheckArgs, loaded: &Loaded, specified: bool) -> Result<vf_verify::Entry, CliError> {
    let has_main = read::defined(loaded).any(|name| name == "main");
    match args.entry {
        _ if specified && !has_main => Err(CliError::NoMain {
            files: read::list(&args.files),
        }),
        _ if specified => Ok(vf_verify::Entry::Main),
        Some(Entry::Main) if !has_main => Err(CliError::NoMain {
            files: read::list(&args.files),
        }),
        Some(Entry::Main) => Ok(vf_verify::Entry::Main),
        Some(Entry::Each) => Ok(vf_verify::Entry::Each),
        None if has_main && args.functions.is_empty() => Ok(vf_verify::Entry::Main),
        None => Ok(vf_verify::Entry::Each),
    }
}

/// Runs every counterexample under sanitizers and notes what came of it. What cannot be run for a reason that
/// holds for all (no compiler, no sandbox) is said once.
fn replay_all(
    report: &mut CheckReport,
    loaded: &Loaded,
    read: &ReadArgs,
    deadline: Option<Instant>,
    progress: &mut ProgressLine,
) -> BTreeMap<String, String> {
    let mut notes = BTreeMap::new();
    for function in &mut report.functions {
        for obligation in &mut function.obligations {
            if obligation.counterexample.is_none() {
                continue;
            }
            let limits = match deadline.map(|end| end.saturating_duration_since(Instant::now())) {
                Some(left) if left.is_zero() => return notes,
                Some(left) => Limits {
                    wall: left.min(Limits::default().wall),
                    ..Limits::default()
                },
                None => Limits::default(),
            };
            progress.show(&format_args!("replaying {}", obligation.id));
            match replay_one(obligation, loaded, read, limits) {
                Some(Ok(outcome)) => {
                    notes.insert(obligation.id.clone(), note(obligation, &outcome));
                    record(obligation, &outcome);
                }
                Some(Err(error @ (ReplayError::NoCompiler { .. } | ReplayError::Sandbox(_)))) => {
                    progress.note(&format_args!("warning: counterexamples were not run: {error}"));
                    return notes;
                }
                Some(Err(error)) => {
                    notes.insert(
                        obligation.id.clone(),
                        format!("not run: {}", first_line(&error.to_string())),
                    );
                }
                None => {}
            }
        }
    }
    notes
}

/// What came of the run, in one line.
pub fn note(obligation: &ObligationReport, outcome: &ReplayOutcome) -> String {
    let summary = outcome.summary();
    if outcome.confirmed() {
        return summary;
    }
    let property = vf_ir::Property::from_name(&obligation.property);
    let mut note = if property.is_none_or(vf_replay::sanitizer::is_visible) {
        summary
    } else {
        let how = summary.strip_prefix("not confirmed: ").unwrap_or(&summary);
        format!("no sanitizer looks for {}; {how}", obligation.property)
    };
    for missing in outcome.execution.iter().flat_map(|e| &e.notes) {
        note.push_str("; ");
        note.push_str(missing);
    }
    note
}

/// Confirmed is what anyone who executed it saw: the verifier's interpreter, or a sanitizer here.
pub fn record(obligation: &mut ObligationReport, outcome: &ReplayOutcome) {
    if let Some(counterexample) = &mut obligation.counterexample
        && counterexample.replay != Replay::Confirmed
    {
        counterexample.replay = if outcome.confirmed() {
            Replay::Confirmed
        } else {
            Replay::NotConfirmed
        };
    }
}

/// Replays one obligation's counterexample; `None` when it has none.
pub fn replay_one(
    obligation: &ObligationReport,
    loaded: &Loaded,
    read: &ReadArgs,
    limits: Limits,
) -> Option<Result<ReplayOutcome, ReplayError>> {
    with_request(obligation, loaded, read, limits, |request| {
        vf_replay::replay(request)
    })
}

/// Builds the replay of an obligation's counterexample and hands it on; `None` when there is none.
pub fn with_request<T>(
    obligation: &ObligationReport,
    loaded: &Loaded,
    read: &ReadArgs,
    limits: Limits,
    use_it: impl FnOnce(&Request<'_>) -> T,
) -> Option<T> {
    let counterexample = obligation.counterexample.as_ref()?;
    let target = target(obligation)?;
    let files = read::source_texts(loaded, &counterexample.input.function);
    let build = read::build(read);
    Some(use_it(&Request {
        program: &loaded.program,
        files: &files,
        input: &counterexample.input,
        target: &target,
        build: &build,
        limits,
    }))
}

/// What a report's obligation promises. The interpreter has judged it already when the report was made, so
/// only the sanitizers are asked.
pub fn target(obligation: &ObligationReport) -> Option<Target> {
    let property = vf_ir::Property::from_name(&obligation.property)?;
    let location = &obligation.location;
    let more_lines = u32::try_from(obligation.text.matches('\n').count()).unwrap_or(0);
    let place = (location.line > 0).then(|| {
        (
            PathBuf::from(&location.file),
            location.line,
            location.line.saturating_add(more_lines),
        )
    });
    Some(Target {
        property,
        place,
        obligation: None,
    })
}

/// The first line of a message, and the next one where the first only announces it.
pub fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim);
    match (lines.next().unwrap_or_default(), lines.next()) {
        (first, Some(next)) if first.ends_with(':') => format!("{first} {next}"),
        (first, _) => first.to_string(),
    }
}

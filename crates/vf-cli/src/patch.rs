//! `verify-fix patch`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use vf_repair::{Behaviour, PatchInput, PatchReport, PatchVerdict, judge_functions};
use vf_source::SourceMap;
use vf_source::diff::Patch;
use vf_verify::report::{CheckReport, ObligationReport};

use crate::args::{Format, PatchArgs};
use crate::check::{deadline, json};
use crate::checker;
use crate::exit::{CliError, Exit};
use crate::output;
use crate::read;
use crate::render;
use crate::render::text::{Notes, counts, overall_word, seconds};

pub fn run(args: &PatchArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    let properties = read::properties(&args.ask.properties)?;
    if let Some(path) = &args.output {
        output::require_writable_place(path)?;
    }
    let tree = args.tree.clone().unwrap_or_else(|| PathBuf::from("."));
    let (input, file) = input(args, &tree)?;
    let mut checker = checker::prover(
        &args.read,
        &args.ask,
        &args.cache,
        properties,
        &tree,
        file.as_deref(),
        start,
    )?;
    let mut progress = crate::progress::ProgressLine::new();
    checker.progress = Box::new(move |p| {
        if !p.is_detail() {
            progress.show(&p);
        }
    });
    let time = deadline(&args.ask, start).map(|end| end.saturating_duration_since(Instant::now()));
    let report =
        judge_functions(&input, &args.functions, &mut checker, time).map_err(|error| CliError::Patch {
            patch: name(args),
            error: Box::new(error),
        })?;
    // Takes the progress line away before anything else is printed.
    drop(checker);
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let text = match args.format {
        Format::Text => text(&report, elapsed),
        Format::Json => json(&report)?,
        Format::Sarif => {
            let mut value = render::sarif::check(&report.after, &SourceMap::new());
            if let Some(run) = value
                .pointer_mut("/runs/0/properties")
                .and_then(|p| p.as_object_mut())
            {
                run.insert(
                    "patch".into(),
                    json!({"verdict": report.verdict, "behaviour": report.behaviour,
                    "fixed": report.fixed, "open": report.open, "introduced": report.introduced}),
                );
            }
            json(&value)?
        }
    };
    output::write(args.output.as_deref(), &text)?;
    Ok(exit(report.verdict))
}

pub fn exit(verdict: PatchVerdict) -> Exit {
    match verdict {
        PatchVerdict::ProvenFix => Exit::Proved,
        PatchVerdict::NotFixed | PatchVerdict::Regressed => Exit::Refuted,
        PatchVerdict::Unknown => Exit::Unknown,
    }
}

/// How the patch is named in messages.
fn name(args: &PatchArgs) -> String {
    match (&args.patch, &args.before, &args.after) {
        (Some(patch), _, _) => patch.clone(),
        (None, Some(before), Some(after)) => format!("{} -> {}", before.display(), after.display()),
        _ => "the patch".to_string(),
    }
}

/// Where the two versions come from, and the file whose flags count.
fn input(args: &PatchArgs, tree: &Path) -> Result<(PatchInput, Option<PathBuf>), CliError> {
    if let (Some(before), Some(after)) = (&args.before, &args.after) {
        return Ok((
            PatchInput::Files {
                before: before.clone(),
                after: after.clone(),
            },
            None,
        ));
    }
    let patch = args.patch.as_deref().unwrap_or_default();
    if let Some((from, to)) = patch.split_once("..")
        && !Path::new(patch).exists()
        && !patch.contains('/')
    {
        let (from, to) = (from.to_string(), to.trim_start_matches('.').to_string());
        return Ok((
            PatchInput::Revisions {
                repository: tree.to_path_buf(),
                from,
                to,
            },
            None,
        ));
    }
    if args.tree.is_none() {
        return Err(CliError::NoTree {
            patch: patch.to_string(),
        });
    }
    let path = PathBuf::from(patch);
    let bytes = std::fs::read(&path).map_err(|source| CliError::Read {
        path: path.clone(),
        source,
    })?;
    let text = String::from_utf8(bytes).map_err(|_| CliError::NotText { path })?;
    let file = Patch::parse(&text)
        .ok()
        .and_then(|p| p.files.first().map(|f| PathBuf::from(f.path())));
    Ok((
        PatchInput::Patch {
            text,
            tree: tree.to_path_buf(),
        },
        file,
    ))
}

pub fn behaviour_word(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::Preserved => "preserved",
        Behaviour::Changed => "changed",
        Behaviour::Vacuous => "vacuous",
        Behaviour::Unknown => "unknown (executions show no difference, which proves nothing)",
    }
}

fn verdict_line(report: &PatchReport) -> &'static str {
    match report.verdict {
        PatchVerdict::Regressed if report.introduced.is_empty() => {
            "regressed: where nothing was wrong before, it does something else now"
        }
        PatchVerdict::ProvenFix => "proven-fix: what was open before is proved, and nothing new is open",
        PatchVerdict::NotFixed => "not-fixed: what was wrong before is wrong still",
        PatchVerdict::Regressed => "regressed: something is refuted now that was not before",
        PatchVerdict::Unknown => "unknown: neither a fix nor a regression could be shown",
    }
}

fn text(report: &PatchReport, elapsed: u64) -> String {
    let mut text = format!("{}\n", verdict_line(report));
    let before = |id: &String| find(&report.before, id);
    let after = |id: &String| find(&report.after, id);
    section(&mut text, "fixed", &report.fixed, before, false);
    section(&mut text, "open", &report.open, before, true);
    section(&mut text, "introduced", &report.introduced, after, true);
    let side = |name: &str, check: &CheckReport| {
        let all = check.functions.iter().flat_map(|f| &f.obligations);
        format!("{name}: {} ({})\n", overall_word(check.verdict), counts(all))
    };
    text.push('\n');
    text.push_str(&side("before", &report.before));
    text.push_str(&side("after", &report.after));
    for function in report.before.functions.iter().chain(&report.after.functions) {
        if let Some(why) = &function.unsupported {
            text.push_str(&format!("not looked at: {}: {why}\n", function.name));
        }
    }
    text.push_str(&format!("behaviour: {}\n", behaviour_word(report.behaviour)));
    if let Some(difference) = &report.difference {
        text.push_str(&format!("  in `{}`, on\n", difference.function));
        for (name, value) in &difference.inputs {
            text.push_str(&format!("    {name} = {value}\n"));
        }
        for (side, seen) in [("before", &difference.before), ("after", &difference.after)] {
            text.push_str(&format!("  {side}: {}\n", seen.join("; ")));
        }
    }
    text.push_str(&crate::contracts::text(report));
    text.push_str(&format!("time: {}\n", seconds(elapsed)));
    text
}

fn section<'r>(
    text: &mut String,
    title: &str,
    ids: &[String],
    find: impl Fn(&String) -> Option<&'r ObligationReport>,
    with_evidence: bool,
) {
    if ids.is_empty() {
        return;
    }
    text.push_str(&format!("\n{title}: {}\n", ids.len()));
    for id in ids {
        match find(id) {
            Some(obligation) if with_evidence => {
                text.push_str(&render::text::obligation(
                    obligation,
                    &SourceMap::new(),
                    &Notes::new(),
                ));
            }
            Some(obligation) => {
                let place = render::text::place(&obligation.location);
                text.push_str(&format!("  {id} at {place}: {}\n", obligation.text));
            }
            None => text.push_str(&format!("  {id}\n")),
        }
    }
}

fn find<'r>(report: &'r CheckReport, id: &str) -> Option<&'r ObligationReport> {
    report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .find(|o| o.id == id)
}

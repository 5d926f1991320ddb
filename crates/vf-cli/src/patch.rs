//! `verify-fix patch`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use vf_repair::{PatchInput, PatchVerdict, changed_files, judge_patch};
use vf_source::SourceMap;
use vf_source::diff::Patch;

use crate::args::{Format, PatchArgs};
use crate::check::{deadline, json};
use crate::checker;
use crate::exit::{CliError, Exit};
use crate::output;
use crate::read;
use crate::render;
use crate::render::look::Look;
use crate::render::patch::{PatchView, Sources};

pub fn run(args: &PatchArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    let properties = read::properties(&args.ask.properties)?;
    if let Some(path) = &args.output {
        output::require_writable_place(path)?;
    }
    let tree = args.tree.clone().unwrap_or_else(|| PathBuf::from("."));
    let (input, file) = input(args, &tree)?;
    let mut checker = checker::prover(&args.read, &args.ask, properties, &tree, file.as_deref(), start)?;
    let mut progress = crate::progress::ProgressLine::new();
    checker.progress = Box::new(move |p| {
        if !p.is_detail() {
            progress.show(&p);
        }
    });
    let time = deadline(&args.ask, start).map(|end| end.saturating_duration_since(Instant::now()));
    let wrong = |error| CliError::Patch {
        patch: name(args),
        error: Box::new(error),
    };
    let files = changed_files(&input).map_err(wrong)?;
    let report = judge_patch(&input, &mut checker, time).map_err(wrong)?;
    // Takes the progress line away before anything else is printed.
    drop(checker);
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let text = match args.format {
        Format::Text => {
            let view = PatchView {
                report: &report,
                sources: &Sources::new(&report, &files),
                reproducer: &[],
                elapsed_ms: elapsed,
            };
            render::patch::patch(&view, Look::of_output(args.output.as_deref()))
        }
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

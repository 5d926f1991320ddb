//! `verify-fix patch`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use serde_json::json;
use vf_frontend::Options;
use vf_repair::behaviour::Difference;
use vf_repair::behaviour::compiled::{self, Compiled};
use vf_repair::mail::annotated;
use vf_repair::{ChangedFile, PatchInput, PatchReport, PatchVerdict, changed_files, judge_functions};
use vf_replay::harness::SourceText;
use vf_replay::sandbox::Limits;
use vf_replay::{BothRequest, Version};
use vf_source::SourceMap;
use vf_source::diff::{Patch, diff_files};
use vf_verify::report::{FunctionReport, ObligationReport};

use crate::aftermath::{build, load};
use crate::args::{Format, PatchArgs};
use crate::check::{deadline, first_line, json};
use crate::checker::{self, Ask};
use crate::exit::{CliError, Exit};
use crate::mail::{self, Proven};
use crate::output;
use crate::read;
use crate::render;
use crate::render::look::Look;
use crate::render::patch::{PatchView, Sources};
use crate::reproducer::{self, Fix, Reproducer};

pub fn run(args: &PatchArgs) -> Result<Exit, CliError> {
    let start = Instant::now();
    let properties = read::properties(&args.ask.properties)?;
    if let Some(path) = &args.output {
        output::require_writable_place(path)?;
    }
    if let Some(path) = &args.write_patch {
        output::require_writable_place(path)?;
    }
    if let Some(folder) = &args.reproducer {
        output::require_new_folder(folder)?;
    }
    let tree = args.tree.clone().unwrap_or_else(|| PathBuf::from("."));
    let (input, file) = input(args, &tree)?;
    let ask = Ask {
        ask: &args.ask,
        cache: &args.cache,
        deterministic: false,
        jobs: std::num::NonZeroUsize::MIN,
    };
    let mut checker = checker::prover(&args.read, &ask, properties, &tree, file.as_deref(), start)?;
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
    let mut report = judge_functions(&input, &args.functions, &mut checker, time).map_err(wrong)?;
    let options = checker.options.clone();
    if !args.no_replay {
        confirm(&mut report, &files, &options);
    }
    // Takes the progress line away before anything else is printed.
    drop(checker);
    let reproducer = match &args.reproducer {
        Some(folder) => match reproduce(&report, &files, &tree, folder, &options)? {
            Ok(reproducer) => Some(reproducer),
            Err(why) => {
                output::complain(&format!("note: no reproducer: {why}"));
                None
            }
        },
        None => None,
    };
    if let Some(path) = &args.write_patch {
        let tested = reproducer.as_ref().and_then(Reproducer::tested);
        write_patch(path, &input, &report, &files, &tree, tested)?;
    }
    let elapsed = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let text = match args.format {
        Format::Text => {
            let view = PatchView {
                report: &report,
                sources: &Sources::new(&report, &files),
                replays: &[],
                reproducer: reproducer.as_ref(),
                elapsed_ms: elapsed,
            };
            render::patch::patch(&view, Look::of_output(args.output.as_deref()))
        }
        Format::Json => json(&Judged {
            report: &report,
            reproducer,
        })?,
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

/// Runs both versions, compiled, on the input that tells them apart.
fn confirm(report: &mut PatchReport, files: &[ChangedFile], options: &Options) {
    let Some(difference) = &report.difference else {
        return;
    };
    let holder = report
        .before
        .functions
        .iter()
        .find(|f| f.name == difference.function);
    let file = holder.and_then(|f| files.iter().find(|c| c.path == Path::new(&f.file)));
    let compiled = match (file, files) {
        (Some(file), [_]) => both(difference, file, options),
        (None, _) => Compiled::NotRun("the function is in a file that the patch does not change".to_owned()),
        // The harness reads other files as they lie on disk.
        (Some(_), _) => Compiled::NotRun("the patch changes several files".to_owned()),
    };
    report.confirm(&compiled);
}

fn both(difference: &Difference, file: &ChangedFile, options: &Options) -> Compiled {
    let version = |text: &str| load(&file.path, text, &difference.function, options);
    let (before, after) = match (version(&file.old), version(&file.new)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(error), _) | (_, Err(error)) => return Compiled::NotRun(first_line(&error.to_string())),
    };
    let source = |text: &str| SourceText {
        path: file.path.clone(),
        text: text.to_string(),
    };
    compiled::run(
        difference,
        &BothRequest {
            before: Version {
                program: &before.program,
                source: &source(&file.old),
            },
            after: Version {
                program: &after.program,
                source: &source(&file.new),
            },
            input: &difference.input,
            build: &build(options),
            limits: Limits::default(),
        },
    )
}

/// The judgement as JSON, with what was written beside it.
#[derive(Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    report: &'a PatchReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    reproducer: Option<Reproducer>,
}

/// The judged patch with what was proved and assumed in its message: its own, where it is a mail, or one that is made.
fn write_patch(
    path: &Path,
    input: &PatchInput,
    report: &PatchReport,
    files: &[ChangedFile],
    tree: &Path,
    tested: Option<String>,
) -> Result<(), CliError> {
    if report.verdict != PatchVerdict::ProvenFix {
        output::complain(&format!(
            "note: {} was not written: the patch is no proven fix",
            path.display()
        ));
        return Ok(());
    }
    let fixed = |f: &&FunctionReport| f.obligations.iter().any(|o| report.fixed.contains(&o.id));
    let holder = report.before.functions.iter().find(fixed);
    let changed = holder.and_then(|f| files.iter().find(|c| c.path == Path::new(&f.file)));
    let Some((holder, changed)) = holder.zip(changed.or(files.first())) else {
        return Ok(());
    };
    let inside = |file: &ChangedFile| file.path.strip_prefix(tree).unwrap_or(&file.path).to_path_buf();
    let made = |file: &ChangedFile| {
        let some = |text: &Arc<str>| (!text.is_empty()).then(|| text.to_string());
        let name = inside(file).to_string_lossy().into_owned();
        diff_files(&name, some(&file.old).as_deref(), some(&file.new).as_deref())
    };
    let diff: String = files.iter().map(made).collect();
    let assumptions: BTreeSet<&String> = report
        .after
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .flat_map(|o| &o.assumptions)
        .collect();
    let assumptions: Vec<String> = assumptions.into_iter().cloned().collect();
    let proven = Proven {
        tree,
        file: &inside(changed),
        function: &holder.name,
        old: &changed.old,
        diff: &diff,
        report,
        ids: &report.fixed,
        assumptions: &assumptions,
        tested,
        fixes: None,
        model: None,
    };
    let own = match input {
        PatchInput::Patch { text, .. } => annotated(text, &proven.change(&mail::tool()).findings()),
        PatchInput::Files { .. } | PatchInput::Revisions { .. } => None,
    };
    let text = own.unwrap_or_else(|| {
        let written = proven.mail();
        for note in &written.notes {
            output::complain(&format!("note: {note}"));
        }
        written.text
    });
    output::write_file(path, text.as_bytes())?;
    Ok(())
}

/// A reproducer of what the patch fixes, or of what it leaves refuted.
fn reproduce(
    report: &PatchReport,
    files: &[ChangedFile],
    tree: &Path,
    folder: &Path,
    options: &Options,
) -> Result<Result<Reproducer, String>, CliError> {
    let wanted: Vec<&String> = report.fixed.iter().chain(&report.open).collect();
    let holder = report.before.functions.iter().find(|f| {
        let shown = |o: &&ObligationReport| o.counterexample.is_some();
        f.obligations
            .iter()
            .filter(shown)
            .any(|o| wanted.contains(&&o.id))
    });
    let file = holder.and_then(|f| files.iter().find(|c| c.path == Path::new(&f.file)));
    let (Some(holder), Some(file)) = (holder, file) else {
        return Ok(Err(
            "nothing that was refuted in a changed file has a counterexample".to_string(),
        ));
    };
    let here = |id: &&String| holder.obligations.iter().any(|o| o.id == **id);
    let ids: Vec<String> = wanted.into_iter().filter(here).cloned().collect();
    let fix = Fix {
        path: &file.path,
        old: &file.old,
        new: &file.new,
        before: &report.before,
        ids: &ids,
        tree,
        also_changed: files
            .iter()
            .filter(|f| f.path != file.path)
            .map(|f| f.path.as_path())
            .collect(),
    };
    reproducer::make(&fix, folder, options)
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

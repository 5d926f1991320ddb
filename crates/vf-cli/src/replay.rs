//! `verify-fix replay`: one counterexample of a report, run or written out.

use std::path::{Path, PathBuf};

use vf_frontend::Loaded;
use vf_replay::sandbox::Limits;
use vf_replay::{Witness, materialize};
use vf_verify::report::{CheckReport, ObligationReport, SCHEMA, Verdict};

use crate::args::ReplayArgs;
use crate::check::with_request;
use crate::exit::{CliError, Exit};
use crate::output::{complain, write_stdout};
use crate::read;
use crate::render::text::{place, verdict_word};

pub fn run(args: &ReplayArgs) -> Result<Exit, CliError> {
    let report = read_report(&args.report)?;
    let (file, obligation) = find(&report, args)?;
    let files = if args.files.is_empty() {
        vec![PathBuf::from(file)]
    } else {
        args.files.clone()
    };
    let loaded = read::load(&files, &read::options(&args.read, &[], false))?;
    require_same_source(obligation, &loaded)?;
    let no_counterexample = || CliError::NoCounterexample {
        id: obligation.id.clone(),
        verdict: verdict_word(obligation.verdict),
    };
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).map_err(|source| CliError::CreateFolder {
                path: folder.clone(),
                source,
            })?;
            let harness = with_request(obligation, &loaded, &args.read, Limits::default(), |r| {
                materialize(r, folder)
            })
            .ok_or_else(no_counterexample)??;
            let mut text = format!(
                "wrote the harness of {} to {} ({} files); `sh {}` compiles and runs it\n",
                obligation.id,
                folder.display(),
                harness.files.len() + 1,
                folder.join("run.sh").display(),
            );
            for note in &harness.notes {
                text.push_str(&format!("note: {note}\n"));
            }
            write_stdout(&text)?;
            Ok(Exit::Proved)
        }
        None => {
            let outcome = with_request(
                obligation,
                &loaded,
                &args.read,
                Limits::default(),
                vf_replay::replay,
            )
            .ok_or_else(no_counterexample)??;
            let mut text = format!("{}: {}\n", obligation.id, outcome.summary());
            for witness in &outcome.witnesses {
                if let Witness::Sanitizer(finding) = witness {
                    for frame in &finding.frames {
                        text.push_str(&format!(
                            "  in {} at {}:{}\n",
                            frame.function, frame.file, frame.line
                        ));
                    }
                }
            }
            if let Ok(execution) = &outcome.execution {
                for note in &execution.notes {
                    text.push_str(&format!("note: {note}\n"));
                }
                if !outcome.confirmed() {
                    for line in execution.finished.stderr_text().lines().take(40) {
                        complain(&format!("| {line}"));
                    }
                }
            }
            write_stdout(&text)?;
            Ok(if outcome.confirmed() {
                Exit::Refuted
            } else {
                Exit::Unknown
            })
        }
    }
}

fn read_report(path: &Path) -> Result<CheckReport, CliError> {
    let text = std::fs::read_to_string(path).map_err(|source| CliError::Read {
        path: path.to_path_buf(),
        source,
    })?;
    let wrong = |e: serde_json::Error| CliError::NotAReport {
        path: path.to_path_buf(),
        line: e.line(),
        column: e.column(),
        why: e.to_string(),
    };
    let report: CheckReport = serde_json::from_str(&text).map_err(wrong)?;
    if report.schema != SCHEMA {
        return Err(CliError::OtherSchema {
            path: path.to_path_buf(),
            found: report.schema,
            wanted: SCHEMA,
        });
    }
    Ok(report)
}

/// The obligation asked for, with the file that its function is in.
fn find<'r>(report: &'r CheckReport, args: &ReplayArgs) -> Result<(&'r str, &'r ObligationReport), CliError> {
    let all = || {
        report
            .functions
            .iter()
            .flat_map(|f| f.obligations.iter().map(move |o| (f.file.as_str(), o)))
    };
    all()
        .find(|(_, o)| o.id == args.obligation)
        .ok_or_else(|| CliError::UnknownObligation {
            path: args.report.clone(),
            id: args.obligation.clone(),
            refuted: all()
                .filter(|(_, o)| o.verdict == Verdict::Refuted)
                .map(|(_, o)| o.id.clone())
                .collect(),
        })
}

/// The operation must still stand where the report has it: a counterexample of other text says nothing.
fn require_same_source(obligation: &ObligationReport, loaded: &Loaded) -> Result<(), CliError> {
    let location = &obligation.location;
    if location.line == 0 {
        return Ok(());
    }
    let line = loaded
        .sources
        .find(Path::new(&location.file))
        .and_then(|id| loaded.sources.get(id))
        .and_then(|f| f.line(location.line));
    let column = (location.column as usize).saturating_sub(1);
    match line {
        Some(line) if line.len() > column => Ok(()),
        _ => Err(CliError::SourceChanged {
            id: obligation.id.clone(),
            place: place(location),
        }),
    }
}

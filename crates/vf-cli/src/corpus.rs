//! `verify-fix corpus`.

mod repairs;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde::Serialize;
use vf_corpus::check::check;
use vf_corpus::drafts::drafts;
use vf_corpus::export::{export, vocabulary};
use vf_corpus::file::{Writer, read};
use vf_corpus::import::{ImportOptions, folder, import, log_and_patch};
use vf_corpus::make::{MakeOptions, Only, Summary, make, per_minute};
use vf_corpus::mine::{MineOptions, Walked, walk};
use vf_corpus::record::{Origin, Split};
use vf_corpus::{CorpusError, Record};

use crate::args::{
    CorpusArgs, CorpusCheckArgs, CorpusCommand, CorpusExportArgs, CorpusImportArgs, CorpusMakeArgs,
    CorpusMineArgs, TextOrJson,
};
use crate::check::json;
use crate::exit::{CliError, Exit};
use crate::output;
use crate::progress::ProgressLine;

/// What is wrong in a corpus, lines of it that are shown.
const SHOWN: usize = 40;

pub fn run(args: &CorpusArgs) -> Result<Exit, CliError> {
    match &args.command {
        CorpusCommand::Make(args) => run_make(args),
        CorpusCommand::Check(args) => run_check(args),
        CorpusCommand::Import(args) => run_import(args),
        CorpusCommand::Export(args) => run_export(args),
        CorpusCommand::Repair(args) => repairs::run(args),
        CorpusCommand::Mine(args) => run_mine(args),
    }
}

/// What `corpus export` came to.
#[derive(Debug, Default, Serialize)]
struct ExportSummary {
    schema: &'static str,
    exported: u64,
    prompt_words: u64,
    answer_words: u64,
    /// Records that have no form in words, by reason.
    left_out: BTreeMap<String, u64>,
}

fn run_export(args: &CorpusExportArgs) -> Result<Exit, CliError> {
    output::require_writable_place(&args.output)?;
    let mut writer = Writer::create(&args.output)?;
    let mut summary = ExportSummary {
        schema: "verify-fix-corpus-export/1",
        ..ExportSummary::default()
    };
    writer.write_line(&serde_json::json!({ "vocabulary": vocabulary() }))?;
    let mut progress = ProgressLine::new();
    for path in &args.files {
        let mut write = |_: usize, record: Record| -> Result<(), CorpusError> {
            match export(&record) {
                Ok(exported) => {
                    summary.exported += 1;
                    summary.prompt_words += exported.prompt.len() as u64;
                    summary.answer_words += exported.answer.len() as u64;
                    writer.write_line(&exported)?;
                }
                Err(why) => *summary.left_out.entry(why.to_string()).or_default() += 1,
            }
            progress.show(&format_args!("{} pairs", summary.exported));
            Ok(())
        };
        read(path, &mut write)?;
    }
    progress.clear();
    writer.finish()?;
    let text = match args.format {
        TextOrJson::Json => json(&summary)?,
        TextOrJson::Text => {
            let each = |words: u64| words as f64 / summary.exported.max(1) as f64;
            let mut out = format!(
                "{} pairs in {}; {:.0} words a prompt, {:.0} an answer, on average\n",
                summary.exported,
                args.output.display(),
                each(summary.prompt_words),
                each(summary.answer_words)
            );
            for (why, count) in &summary.left_out {
                out.push_str(&format!("left out: {count}: {why}\n"));
            }
            out
        }
    };
    output::write_stdout(&text)?;
    Ok(match summary.exported {
        0 => Exit::Unknown,
        _ => Exit::Proved,
    })
}

fn jobs(asked: Option<u32>) -> NonZeroUsize {
    let asked = asked.and_then(|n| NonZeroUsize::new(usize::try_from(n).unwrap_or(usize::MAX)));
    let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    asked.unwrap_or_else(cores)
}

fn run_make(args: &CorpusMakeArgs) -> Result<Exit, CliError> {
    output::require_writable_place(&args.output)?;
    let mut writer = Writer::create(&args.output)?;
    let options = MakeOptions {
        seed: args.seed,
        first: args.first,
        count: usize::try_from(args.count).unwrap_or(usize::MAX),
        only: Only {
            split: args.split.map(Split::from),
            mutations: args.mutations.iter().cloned().collect(),
        },
        jobs: jobs(args.jobs),
        compiler: args.compiler.clone(),
    };
    if args.drafts {
        return run_drafts(args, &options, writer);
    }
    let mut progress = ProgressLine::new();
    let made = make::<CliError>(&options, &mut |record| Ok(writer.write(&record)?), &mut |tally| {
        progress.show(&format_args!(
            "{} pairs of {} wanted, from {} functions",
            tally.pairs, args.count, tally.functions
        ));
    });
    progress.clear();
    let summary = made?;
    writer.finish()?;
    let text = match args.format {
        TextOrJson::Text => made_in_words(&summary, &args.output),
        TextOrJson::Json => json(&summary)?,
    };
    output::write_stdout(&text)?;
    Ok(if summary.gave_up {
        Exit::Unknown
    } else {
        Exit::Proved
    })
}

/// What `corpus make --drafts` came to.
#[derive(Serialize)]
struct DraftSummary {
    schema: &'static str,
    functions: u64,
    mutants: u64,
    drafts: u64,
    drafts_per_minute: f64,
}

fn run_drafts(args: &CorpusMakeArgs, options: &MakeOptions, mut writer: Writer) -> Result<Exit, CliError> {
    writer.write_line(&serde_json::json!({ "vocabulary": vocabulary() }))?;
    let mut progress = ProgressLine::new();
    let started = Instant::now();
    let made = drafts::<CliError>(
        options,
        &mut |draft| Ok(writer.write_line(&draft)?),
        &mut |so_far| {
            progress.show(&format_args!(
                "{} drafts of {} wanted, from {} functions",
                so_far.drafts, args.count, so_far.functions
            ));
        },
    );
    progress.clear();
    let made = made?;
    writer.finish()?;
    let summary = DraftSummary {
        schema: "verify-fix-corpus-drafts/1",
        functions: made.functions,
        mutants: made.mutants,
        drafts: made.drafts,
        drafts_per_minute: per_minute(made.drafts, started.elapsed()),
    };
    let text = match args.format {
        TextOrJson::Json => json(&summary)?,
        TextOrJson::Text => format!(
            "{} drafts in {}, {:.0} a minute; from {} functions and {} mutants\n",
            summary.drafts,
            args.output.display(),
            summary.drafts_per_minute,
            summary.functions,
            summary.mutants
        ),
    };
    output::write_stdout(&text)?;
    Ok(Exit::Proved)
}

fn share(of: u64, all: u64) -> String {
    match all {
        0 => "-".to_owned(),
        all => format!("{:.1} %", 100.0 * of as f64 / all as f64),
    }
}

fn made_in_words(summary: &Summary, path: &Path) -> String {
    let tally = &summary.tally;
    let mut out = format!(
        "{} pairs of {} shapes in {}, {:.0} a minute\n",
        tally.pairs,
        summary.shapes,
        path.display(),
        summary.pairs_per_minute
    );
    let splits: Vec<String> = summary
        .splits
        .iter()
        .map(|(split, n)| format!("{n} {split}"))
        .collect();
    out.push_str(&format!("split: {}\n", splits.join(", ")));
    out.push_str(&format!(
        "functions {} to {} of seed {}: {} made, {} proved\n",
        summary.first, summary.last, summary.seed, tally.functions, tally.functions_proved
    ));
    for (why, count) in &tally.functions_rejected {
        out.push_str(&format!(
            "  {why:<20} {count:>7}  {}\n",
            share(*count, tally.functions)
        ));
    }
    out.push_str(&format!(
        "mutants: {} tried, {} kept\n",
        tally.mutants, tally.pairs
    ));
    for (why, count) in &tally.mutants_rejected {
        out.push_str(&format!(
            "  {why:<20} {count:>7}  {}\n",
            share(*count, tally.mutants)
        ));
    }
    out.push_str("kept of tried, by mutation:\n");
    for (kind, of_kind) in &tally.kinds {
        out.push_str(&format!(
            "  {kind:<22} {:>6} of {:>6}\n",
            of_kind.kept, of_kind.tried
        ));
    }
    if summary.gave_up {
        out.push_str("gave up: no pair came of any function for a long time\n");
    }
    out
}

fn run_check(args: &CorpusCheckArgs) -> Result<Exit, CliError> {
    let sample = args.sample.map(|n| usize::try_from(n).unwrap_or(usize::MAX));
    let progress = Mutex::new(ProgressLine::new());
    let show = |done: usize, all: usize| {
        if let Ok(mut progress) = progress.lock() {
            progress.show(&format_args!("{done} of {all} records proved and refuted again"));
        }
    };
    let checked = check(&args.files, sample, jobs(args.jobs), &args.compiler, &show)?;
    drop(progress);
    let text = match args.format {
        TextOrJson::Json => json(&checked)?,
        TextOrJson::Text => {
            let mut out = String::new();
            for wrong in checked.wrong.iter().take(SHOWN) {
                out.push_str(&format!(
                    "{}:{}: {}: {}\n",
                    wrong.file.display(),
                    wrong.line,
                    wrong.id,
                    wrong.what
                ));
            }
            if checked.wrong.len() > SHOWN {
                out.push_str(&format!("... and {} more\n", checked.wrong.len() - SHOWN));
            }
            let splits: Vec<String> = checked
                .splits
                .iter()
                .map(|(split, n)| format!("{n} {split}"))
                .collect();
            out.push_str(&format!(
                "{} records of {} shapes ({}); {} proved and refuted again, {} wrong\n",
                checked.records,
                checked.shapes,
                splits.join(", "),
                checked.proved_and_refuted,
                checked.wrong.len()
            ));
            out
        }
    };
    output::write_stdout(&text)?;
    Ok(if checked.wrong.is_empty() {
        Exit::Proved
    } else {
        Exit::Refuted
    })
}

/// What an import came to, as JSON.
#[derive(Serialize)]
struct ImportedView<'a> {
    schema: &'static str,
    pairs: usize,
    records: usize,
    not_taken: &'a [vf_corpus::import::NotTaken],
}

fn run_import(args: &CorpusImportArgs) -> Result<Exit, CliError> {
    output::require_writable_place(&args.output)?;
    let pairs = match (&args.patch, &args.tree) {
        (Some(patch), Some(tree)) => log_and_patch(&args.source, patch, tree)?,
        _ => folder(&args.source)?,
    };
    let progress = Mutex::new(ProgressLine::new());
    let show = |done: usize, all: usize| {
        if let Ok(mut progress) = progress.lock() {
            progress.show(&format_args!("{done} of {all} pairs looked at"));
        }
    };
    let options = ImportOptions {
        licence: &args.licence,
        compiler: &args.compiler,
        jobs: jobs(None),
        repository: None,
        time: None,
        progress: &show,
    };
    let imported = import(&pairs, &options)?;
    drop(progress);
    if !imported.records.is_empty() {
        let mut writer = Writer::create(&args.output)?;
        for record in &imported.records {
            writer.write(record)?;
        }
        writer.finish()?;
    }
    let text = match args.format {
        TextOrJson::Json => json(&ImportedView {
            schema: "verify-fix-corpus-import/1",
            pairs: pairs.len(),
            records: imported.records.len(),
            not_taken: &imported.not_taken,
        })?,
        TextOrJson::Text => {
            let mut out = String::new();
            for no in &imported.not_taken {
                let function = no.function.as_ref().map(|f| format!(" {f}")).unwrap_or_default();
                out.push_str(&format!("not taken: {}{function}: {}\n", no.source, no.why));
            }
            out.push_str(&format!(
                "{} pairs given, {} records in {}\n",
                pairs.len(),
                imported.records.len(),
                args.output.display()
            ));
            out
        }
    };
    output::write_stdout(&text)?;
    Ok(if imported.records.is_empty() {
        Exit::Refuted
    } else {
        Exit::Proved
    })
}

/// What `corpus mine` came to, as JSON.
#[derive(Serialize)]
struct MinedView<'a> {
    schema: &'static str,
    repository: &'a str,
    #[serde(flatten)]
    walked: &'a Walked,
    records: usize,
    /// Functions that are no pair, by reason.
    not_taken: &'a BTreeMap<String, u64>,
    elapsed_ms: u64,
}

fn run_mine(args: &CorpusMineArgs) -> Result<Exit, CliError> {
    output::require_writable_place(&args.output)?;
    let started = Instant::now();
    let options = MineOptions {
        repository: args.repository.clone(),
        revisions: args.revisions.clone(),
        commits: args.commits.and_then(|n| usize::try_from(n).ok()),
        matching: args.matching.clone(),
        compiler: args.compiler.clone(),
        flags: args.cc_flags.clone(),
    };
    let folder = || {
        Some(
            std::path::absolute(&args.repository)
                .ok()?
                .file_name()?
                .to_string_lossy()
                .into_owned(),
        )
    };
    let name = args.name.clone().or_else(folder).unwrap_or_default();
    let progress = Mutex::new(ProgressLine::new());
    let (found, walked) = walk(&options, &mut |walked, all| {
        if let Ok(mut progress) = progress.lock() {
            progress.show(&format_args!(
                "{} of {all} commits read, {} functions changed",
                walked.commits, walked.functions
            ));
        }
    })?;
    let show = |done: usize, all: usize| {
        if let Ok(mut progress) = progress.lock() {
            progress.show(&format_args!("{done} of {all} functions proved or refuted"));
        }
    };
    let options = ImportOptions {
        licence: &args.licence,
        compiler: &args.compiler,
        jobs: jobs(args.jobs),
        repository: Some(&name),
        time: Some(Duration::from_secs_f64(args.seconds)),
        progress: &show,
    };
    let imported = import(&found, &options)?;
    drop(progress);
    if !imported.records.is_empty() {
        let mut writer = Writer::create(&args.output)?;
        for record in &imported.records {
            writer.write(record)?;
        }
        writer.finish()?;
    }
    let mut not_taken: BTreeMap<String, u64> = BTreeMap::new();
    for no in &imported.not_taken {
        // What a compiler says differs with each function.
        let why = no.why.split(':').next().unwrap_or_default();
        *not_taken.entry(why.to_owned()).or_default() += 1;
    }
    let view = MinedView {
        schema: "verify-fix-corpus-mine/1",
        repository: &name,
        walked: &walked,
        records: imported.records.len(),
        not_taken: &not_taken,
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let text = match args.format {
        TextOrJson::Json => json(&view)?,
        TextOrJson::Text => mined_in_words(&view, &imported.records, &args.output),
    };
    output::write_stdout(&text)?;
    Ok(if imported.records.is_empty() {
        Exit::Refuted
    } else {
        Exit::Proved
    })
}

fn mined_in_words(view: &MinedView<'_>, records: &[Record], path: &Path) -> String {
    let walked = view.walked;
    let mut out = format!(
        "{} commits of {}, {} with few changed functions: {} functions; {} could not be read, {} do not stand alone\n",
        walked.commits,
        view.repository,
        walked.candidates,
        walked.functions,
        walked.not_read,
        walked.not_alone
    );
    for (why, count) in view.not_taken {
        out.push_str(&format!("  {why}: {count}\n"));
    }
    for record in records {
        if let Origin::Mined { fix, .. } = &record.origin {
            let at = &record.counterexample.obligation;
            out.push_str(&format!(
                "{} {} ({at})\n",
                fix.get(..12).unwrap_or(fix),
                record.file
            ));
        }
    }
    match records.len() {
        0 => out.push_str("no fix was found; nothing was written\n"),
        count => out.push_str(&format!("{count} records in {}\n", path.display())),
    }
    out
}

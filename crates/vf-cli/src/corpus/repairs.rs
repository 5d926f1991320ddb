//! `verify-fix corpus repair`: how many pairs a proposer repairs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use serde::Serialize;
use vf_corpus::export::{Exported, export, export_after, vocabulary};
use vf_corpus::file::{Writer, read};
use vf_corpus::record::{Origin, Split};
use vf_corpus::{CorpusError, Record};
use vf_repair::{Event, Feedback, ProvenPatch, RepairOutcome, Tried};

use crate::args::{Cli, Command, CorpusRepairArgs, RepairArgs, TextOrJson};
use crate::check::json;
use crate::exit::{CliError, Exit};
use crate::output::{self, WriteError};
use crate::progress::ProgressLine;
use crate::repair;

/// Deep recursion as in the program's main thread.
const STACK: usize = 256 << 20;
/// Standard normal quantile of a two-sided interval of 95 %.
const Z: f64 = 1.959_964;

/// What became of one pair.
#[derive(Debug, Serialize)]
struct Attempted {
    id: String,
    split: Split,
    /// The kind of mistake, of pairs that were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    mutation: Option<String>,
    repaired: bool,
    /// Who proposed the patch: `model:NAME`, or the name of a template.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    /// The proven patch, as a diff.
    #[serde(skip_serializing_if = "Option::is_none")]
    patch: Option<String>,
    /// Why the run ended, or the fault.
    stopped: String,
    rounds: u32,
    candidates: u32,
    answers: u32,
    tokens: u64,
    milliseconds: u64,
}

/// What a whole run came to.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    /// Options of the repairs.
    options: Vec<String>,
    pairs: u64,
    repaired: u64,
    /// Share that was repaired, with its interval of 95 % (Wilson, "Probable Inference", JASA 1927).
    share: f64,
    interval: [f64; 2],
    /// By who proposed the patch.
    by: BTreeMap<String, u64>,
    /// By kind of mistake: repaired, and tried.
    mutations: BTreeMap<String, [u64; 2]>,
    /// Why the others ended.
    stopped: BTreeMap<String, u64>,
    candidates: u64,
    answers: u64,
    tokens: u64,
    elapsed_ms: u64,
    pairs_per_minute: f64,
}

/// One pair with all that can be learned of it.
struct Done {
    attempted: Attempted,
    words: Vec<Exported>,
}

/// Pairs after which a thread is replaced by another: the solver's context, which belongs to the thread, grows and grows slow.
const OF_A_THREAD: usize = 16;

pub fn run(args: &CorpusRepairArgs) -> Result<Exit, CliError> {
    for path in args.output.iter().chain(&args.words) {
        output::require_writable_place(path)?;
    }
    // What is wrong with the options is told before any work is done.
    options(args, Path::new("."), Path::new("report"))?;
    let records = records(args)?;
    let started = Instant::now();
    let jobs = super::jobs(args.jobs).get().min(records.len().max(1));
    let next = AtomicUsize::new(0);
    let progress = Mutex::new((ProgressLine::new(), 0, 0));
    // Some pairs, and whether there are more.
    let some = || -> Result<(Vec<(usize, Done)>, bool), CliError> {
        let mut done = Vec::new();
        for _ in 0..OF_A_THREAD {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(record) = records.get(at) else {
                return Ok((done, false));
            };
            let one = attempt(args, record)?;
            if let Ok(mut progress) = progress.lock() {
                let (line, tried, repaired) = &mut *progress;
                *tried += 1;
                *repaired += usize::from(one.attempted.repaired);
                line.show(&format_args!(
                    "{tried} of {} pairs, {repaired} repaired",
                    records.len()
                ));
            }
            done.push((at, one));
        }
        Ok((done, true))
    };
    let no_thread = |_| CliError::Repair(vf_repair::RepairError::NoThread);
    let work = || -> Result<Vec<(usize, Done)>, CliError> {
        let mut all = Vec::new();
        loop {
            let (done, more) = std::thread::scope(|scope| {
                let thread = std::thread::Builder::new().stack_size(STACK);
                let thread = thread.spawn_scoped(scope, some).map_err(no_thread)?;
                let done = thread.join();
                done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })?;
            all.extend(done);
            if !more {
                return Ok(all);
            }
        }
    };
    let mut all = Vec::new();
    let workers = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(std::thread::ScopedJoinHandle::join);
        joined.collect::<Vec<_>>()
    });
    for done in workers {
        all.extend(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    drop(progress);
    all.sort_by_key(|(at, _)| *at);
    write(args, &all)?;
    let summary = summary(args, &all, started.elapsed());
    let text = match args.format {
        TextOrJson::Json => json(&summary)?,
        TextOrJson::Text => in_words(&summary),
    };
    output::write_stdout(&text)?;
    Ok(match (summary.pairs, summary.repaired) {
        (0, _) => Exit::Unknown,
        (pairs, repaired) if pairs == repaired => Exit::Proved,
        _ => Exit::Refuted,
    })
}

/// The pairs that are asked for.
fn records(args: &CorpusRepairArgs) -> Result<Vec<Record>, CliError> {
    let wanted = args.split.map(Split::from);
    let mut all = Vec::new();
    for path in &args.files {
        read(path, &mut |_, record: Record| -> Result<(), CorpusError> {
            if wanted.is_none_or(|wanted| wanted == record.split) {
                all.push(record);
            }
            Ok(())
        })?;
    }
    if let Some(count) = args.sample.and_then(|n| usize::try_from(n).ok()) {
        let there = all.len();
        let count = count.min(there);
        let picked: Vec<usize> = (0..count).map(|n| n * there / count).collect();
        let mut at = 0;
        all.retain(|_| {
            at += 1;
            picked.binary_search(&(at - 1)).is_ok()
        });
    }
    Ok(all)
}

/// The command line of one repair.
fn options(args: &CorpusRepairArgs, tree: &Path, report: &Path) -> Result<RepairArgs, CliError> {
    let (tree, report) = (tree.to_string_lossy(), report.to_string_lossy());
    let fixed = ["verify-fix", "repair", "--tree", &tree, "--report", &report];
    let line = fixed.into_iter().chain(args.repair.iter().map(String::as_str));
    let wrong = |why: &dyn std::fmt::Display| CliError::RepairOptions {
        why: why.to_string().trim_end().to_owned(),
    };
    let cli = Cli::try_parse_from(line).map_err(|e| wrong(&e))?;
    match cli.command {
        // Each pair would write over what the one before wrote.
        Command::Repair(repair)
            if repair.output.is_some()
                || repair.log.is_some()
                || repair.reproducer.is_some()
                || repair.emit.is_some() =>
        {
            Err(wrong(&"nothing of a single repair is written or printed here"))
        }
        Command::Repair(repair) => Ok(*repair),
        _ => Err(wrong(&"they are those of another command")),
    }
}

fn attempt(args: &CorpusRepairArgs, record: &Record) -> Result<Done, CliError> {
    let failed = |target: &Path| {
        let target = target.to_path_buf();
        move |source| CliError::Write(WriteError { target, source })
    };
    let folder = tempfile::tempdir().map_err(failed(&std::env::temp_dir()))?;
    let (tree, report) = (folder.path().join("tree"), folder.path().join("report.txt"));
    let file = tree.join(&record.file);
    let parent = file.parent().unwrap_or(&tree);
    std::fs::create_dir_all(parent).map_err(failed(parent))?;
    std::fs::write(&file, &record.before).map_err(failed(&file))?;
    std::fs::write(&report, &record.report).map_err(failed(&report))?;
    let options = options(args, &tree, &report)?;
    let started = Instant::now();
    let (mut by, mut partial) = (None, false);
    let mut tell = |event: Event| {
        if let Event::Tried { origin, result, .. } = event {
            match result {
                Tried::Proven => by = Some(origin),
                Tried::Partial(_) => partial = true,
                Tried::Failed(_) => {}
            }
        }
    };
    let outcome = repair::outcome(&options, &mut tell);
    let elapsed = started.elapsed();
    let mutation = match &record.origin {
        Origin::Made { mutation, .. } => Some(mutation.clone()),
        _ => None,
    };
    let mut attempted = Attempted {
        id: record.id.clone(),
        split: record.split,
        mutation,
        repaired: false,
        by: None,
        patch: None,
        stopped: String::new(),
        rounds: 0,
        candidates: 0,
        answers: 0,
        tokens: 0,
        milliseconds: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
    };
    let outcome = match outcome {
        Ok(outcome) => outcome,
        // Of this pair; one that is of the machine or the options comes up for each of them.
        Err(why) => {
            attempted.stopped = why.to_string();
            return Ok(Done {
                attempted,
                words: Vec::new(),
            });
        }
    };
    attempted.repaired = outcome.patch.is_some();
    attempted.by = by.filter(|_| attempted.repaired);
    attempted.patch = outcome.patch.as_ref().map(ProvenPatch::diff);
    attempted.stopped = outcome.stopped.describe().to_owned();
    attempted.rounds = outcome.rounds;
    attempted.candidates = outcome.candidates;
    attempted.answers = outcome.answers;
    attempted.tokens = outcome.tokens;
    let words = match args.words {
        // After a part of a repair, attempts are about another text.
        Some(_) if !partial => lessons(record, &outcome, &attempted),
        _ => Vec::new(),
    };
    Ok(Done { attempted, words })
}

/// What a model can learn of a repair.
fn lessons(record: &Record, outcome: &RepairOutcome, attempted: &Attempted) -> Vec<Exported> {
    let mut found = Vec::new();
    let is_model = |origin: &str| origin.starts_with("model:");
    let by_model = attempted.by.as_deref().is_some_and(is_model);
    if let Some(patch) = attempted.patch.as_ref().filter(|_| by_model) {
        let proven = Record {
            id: format!("{}/proven", record.id),
            after: patch.clone(),
            ..record.clone()
        };
        found.extend(export(&proven));
    }
    let failed = outcome.failed.iter();
    let attempts: Vec<Feedback> = failed
        .filter(|a| is_model(&a.candidate.origin))
        .cloned()
        .collect();
    if !attempts.is_empty() {
        let after = Record {
            id: format!("{}/after-failure", record.id),
            ..record.clone()
        };
        found.extend(export_after(&after, &attempts));
    }
    found
}

fn write(args: &CorpusRepairArgs, all: &[(usize, Done)]) -> Result<(), CliError> {
    if let Some(path) = &args.output {
        let mut writer = Writer::create(path)?;
        for (_, done) in all {
            writer.write_line(&done.attempted)?;
        }
        writer.finish()?;
    }
    if let Some(path) = &args.words {
        let mut writer = Writer::create(path)?;
        writer.write_line(&serde_json::json!({ "vocabulary": vocabulary() }))?;
        for words in all.iter().flat_map(|(_, done)| &done.words) {
            writer.write_line(words)?;
        }
        writer.finish()?;
    }
    Ok(())
}

fn summary(args: &CorpusRepairArgs, all: &[(usize, Done)], elapsed: Duration) -> Summary {
    let mut summary = Summary {
        schema: "verify-fix-corpus-repair/1",
        options: args.repair.clone(),
        pairs: all.len() as u64,
        repaired: 0,
        share: 0.0,
        interval: [0.0, 1.0],
        by: BTreeMap::new(),
        mutations: BTreeMap::new(),
        stopped: BTreeMap::new(),
        candidates: 0,
        answers: 0,
        tokens: 0,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        pairs_per_minute: vf_corpus::make::per_minute(all.len() as u64, elapsed),
    };
    for one in all.iter().map(|(_, done)| &done.attempted) {
        summary.candidates += u64::from(one.candidates);
        summary.answers += u64::from(one.answers);
        summary.tokens += one.tokens;
        if let Some(mutation) = &one.mutation {
            let [repaired, tried] = summary.mutations.entry(mutation.clone()).or_default();
            *repaired += u64::from(one.repaired);
            *tried += 1;
        }
        if one.repaired {
            summary.repaired += 1;
            let by = one.by.as_deref().unwrap_or("unknown");
            *summary.by.entry(by.to_owned()).or_default() += 1;
        } else {
            *summary.stopped.entry(one.stopped.clone()).or_default() += 1;
        }
    }
    if summary.pairs > 0 {
        summary.share = summary.repaired as f64 / summary.pairs as f64;
        summary.interval = wilson(summary.repaired, summary.pairs);
    }
    summary
}

/// Wilson's interval of 95 % for a share.
fn wilson(of: u64, all: u64) -> [f64; 2] {
    let (n, p) = (all as f64, of as f64 / all as f64);
    let middle = p + Z * Z / (2.0 * n);
    let half = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    let below = 1.0 + Z * Z / n;
    [(middle - half) / below, (middle + half) / below]
}

fn in_words(summary: &Summary) -> String {
    let mut out = format!(
        "{} of {} pairs repaired: {:.1} % ({:.1} to {:.1} % with a confidence of 95 %)\n",
        summary.repaired,
        summary.pairs,
        100.0 * summary.share,
        100.0 * summary.interval[0],
        100.0 * summary.interval[1],
    );
    let each = |title: &str, counts: &BTreeMap<String, u64>| {
        counts
            .iter()
            .map(|(name, count)| format!("  {title} {name}: {count}\n"))
            .collect::<String>()
    };
    out.push_str(&each("by", &summary.by));
    out.push_str(&each("not repaired,", &summary.stopped));
    if !summary.mutations.is_empty() {
        out.push_str("repaired of tried, by mutation:\n");
    }
    for (kind, [repaired, tried]) in &summary.mutations {
        out.push_str(&format!("  {kind:<22} {repaired:>6} of {tried:>6}\n"));
    }
    out.push_str(&format!(
        "{} candidates, {} answers of models with {} tokens, {:.0} pairs a minute\n",
        summary.candidates, summary.answers, summary.tokens, summary.pairs_per_minute
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::wilson;

    #[test]
    fn intervals_are_wilsons() {
        // Newcombe, "Two-sided confidence intervals for the single proportion" (Statistics in Medicine, 1998), table I.
        let known = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
        ];
        for (of, all, low, high) in known {
            let [a, b] = wilson(of, all);
            assert!(
                (a - low).abs() < 1e-4 && (b - high).abs() < 1e-4,
                "{of}/{all}: {a} {b}"
            );
        }
    }
}

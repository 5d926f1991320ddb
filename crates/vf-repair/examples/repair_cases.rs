//! Runs the solver-only proposer over corpus cases and says how each ended.
//!
//! `cargo run -p vf-repair --example repair_cases -- corpus/cases/*`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vf_repair::{
    Event, Hooks, Limits, PatchInput, Proposer, ProverChecker, RepairRequest, RepairTarget, SolverOnly,
    Tried, judge_patch, repair, report_text, tree_flags,
};

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut proven = 0;
    let cases: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    for case in &cases {
        let started = Instant::now();
        match run(case, &mut out) {
            Ok(Some(patch)) => {
                proven += 1;
                writeln!(
                    out,
                    "{}: proven after {:.1} s\n{patch}",
                    case.display(),
                    started.elapsed().as_secs_f64()
                )?;
            }
            Ok(None) => writeln!(
                out,
                "{}: no repair, {:.1} s",
                case.display(),
                started.elapsed().as_secs_f64()
            )?,
            Err(why) => writeln!(out, "{}: error: {why}", case.display())?,
        }
    }
    writeln!(out, "{proven} of {} proven", cases.len())
}

fn run(case: &Path, out: &mut dyn Write) -> Result<Option<String>, Box<dyn std::error::Error>> {
    let tree = case.join("tree");
    let report = report_text::read(&case.join("report.txt"))?.remove(0);
    let flags = tree_flags(&tree, &report.file)?;
    let options = vf_frontend::Options {
        flags: flags.flags,
        directory: flags.directory,
        ..vf_frontend::Options::new("cc")
    };
    let check = vf_verify::CheckOptions::within(Duration::from_secs(20));
    let mut checker = ProverChecker::new(options, check);
    let mut proposers: Vec<Box<dyn Proposer>> = vec![Box::new(SolverOnly::new())];
    let limits = Limits {
        time: Some(Duration::from_secs(120)),
        ..Limits::default()
    };
    let request = RepairRequest {
        tree,
        what: RepairTarget::Report(report),
        limits,
    };
    let mut progress = |event: Event| {
        if let Event::Tried {
            tried,
            origin,
            note,
            result,
            ..
        } = event
        {
            let result = match result {
                Tried::Proven => "proven".to_string(),
                Tried::Partial(open) => format!("partial, open: {}", open.join(" ")),
                Tried::Failed(failure) => failure.to_string().chars().take(200).collect(),
            };
            let _ = writeln!(out, "  {tried} {origin} ({note}): {result}");
        }
    };
    let outcome = repair(
        &request,
        &mut checker,
        &mut proposers,
        Hooks {
            progress: &mut progress,
            log: None,
            log_prompts: false,
        },
    )?;
    let names = outcome.targets.join(" ");
    writeln!(
        out,
        "  {}: {}; targets {names}",
        outcome.function,
        outcome.stopped.describe()
    )?;
    for f in &outcome.before.functions {
        for o in f
            .obligations
            .iter()
            .filter(|o| !matches!(o.verdict, vf_verify::report::Verdict::Proved))
        {
            let why = o.reason.clone().unwrap_or_default();
            writeln!(
                out,
                "  before: {} line {} `{}` {:?} {why}",
                o.id, o.location.line, o.text, o.verdict
            )?;
        }
    }
    let reference = PatchInput::Patch {
        text: std::fs::read_to_string(case.join("fix.patch"))?,
        tree: case.join("tree"),
    };
    let judged = judge_patch(&reference, &mut checker, Some(Duration::from_secs(60)))?;
    writeln!(
        out,
        "  reference fix: {:?}; fixed {}; open {}; introduced {}",
        judged.verdict,
        judged.fixed.join(" "),
        judged.open.join(" "),
        judged.introduced.join(" ")
    )?;
    for o in judged.after.functions.iter().flat_map(|f| &f.obligations) {
        if o.verdict != vf_verify::report::Verdict::Proved {
            let why = o.reason.clone().unwrap_or_default();
            writeln!(
                out,
                "  after: {} line {} `{}` {:?} {why}",
                o.id, o.location.line, o.text, o.verdict
            )?;
        }
    }
    Ok(outcome.patch.map(|p| p.diff()))
}

//! How a repair ended, for people.

use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;

use vf_repair::{ChangedFile, RepairOutcome, Stopped};

use super::look::Look;
use super::patch::{PatchView, Sources, judgement};
use super::text::{plural, seconds};
use crate::check::first_line;
use crate::reproducer::Reproducer;

/// Candidates that are named where none was proven.
const TRIED: usize = 10;

/// What is shown.
pub struct RepairView<'a> {
    pub outcome: &'a RepairOutcome,
    pub tree: &'a Path,
    /// What became of the counterexamples that were run again, a line each.
    pub replays: &'a [String],
    pub reproducer: Option<&'a Reproducer>,
    /// Where the patch went, and what to know about it.
    pub notes: &'a [String],
    pub elapsed_ms: u64,
}

pub fn repair(view: &RepairView<'_>, look: Look) -> String {
    let outcome = view.outcome;
    let place = format!("{} in {}", outcome.function, outcome.file.display());
    let (good, headline) = match outcome.stopped {
        Stopped::Proven => (Some(true), format!("proven: a repair of {place}")),
        Stopped::NothingToFix => (
            Some(true),
            format!("nothing to fix: {place}: {}", outcome.stopped.describe()),
        ),
        Stopped::NothingChecked => (None, format!("unknown: {place}: {}", outcome.stopped.describe())),
        stopped => (
            Some(false),
            format!("no proven repair of {place}: {}", stopped.describe()),
        ),
    };
    let mut text = format!("{}\n", look.headline(good, &headline));
    match &outcome.patch {
        Some(patch) => {
            let changed = ChangedFile {
                path: view.tree.join(patch.file()),
                old: Arc::from(patch.old_text()),
                new: Arc::from(patch.new_text()),
            };
            let sources = Sources::new(patch.report(), &[changed]);
            let patch = PatchView {
                report: patch.report(),
                sources: &sources,
                replays: view.replays,
                reproducer: view.reproducer,
                elapsed_ms: view.elapsed_ms,
            };
            text.push('\n');
            text.push_str(&judgement(&patch, look));
        }
        None => {
            for id in &outcome.targets {
                let _ = writeln!(text, "  to prove: {id}");
            }
            for failed in outcome.failed.iter().take(TRIED) {
                let why = failed.failure.to_string();
                let _ = writeln!(text, "  tried: {}: {}", failed.candidate.note, first_line(&why));
            }
            let more = outcome.failed.len().saturating_sub(TRIED);
            if more > 0 {
                let _ = writeln!(text, "  and {more} more");
            }
        }
    }
    if let Some(cost) = outcome.cost.as_ref().filter(|_| outcome.proven > 1) {
        let _ = writeln!(
            text,
            "preferred among {} proven candidates: cost {cost}",
            outcome.proven
        );
    }
    for note in view.notes {
        let _ = writeln!(text, "{note}");
    }
    let rate = outcome
        .checked_per_second()
        .map(|rate| format!(", {} of them checked, {rate:.1} a second", outcome.checked))
        .unwrap_or_default();
    let _ = writeln!(
        text,
        "summary: {} in {}{rate}",
        plural(outcome.candidates as usize, "candidate"),
        plural(outcome.rounds as usize, "round")
    );
    let mut used = Vec::new();
    if outcome.answers > 0 {
        let answers = plural(outcome.answers as usize, "answer");
        used.push(format!("{} tokens in {answers} of the model", outcome.tokens));
    }
    let solver = u64::try_from(outcome.solver.as_millis()).unwrap_or(u64::MAX);
    used.push(format!("{} of checks", seconds(solver)));
    if outcome.duplicates > 0 {
        let known = plural(outcome.duplicates as usize, "candidate");
        used.push(format!("{known} known already"));
    }
    let _ = writeln!(text, "used: {}", used.join(", "));
    let _ = writeln!(text, "time: {}", seconds(view.elapsed_ms));
    text
}

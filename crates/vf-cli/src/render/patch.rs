//! The judgement of a patch for people, on one screen: the verdict, what became of each obligation, what went
//! wrong before, what can be reached still, and what the proofs assume.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use vf_repair::behaviour::{ConfirmedBy, Reading};
use vf_repair::{Behaviour, ChangedFile, PatchReport, PatchVerdict};
use vf_source::SourceMap;
use vf_verify::report::{CheckReport, ObligationReport, Verdict};

use super::look::Look;
use super::obligation::{Detail, Notes, obligation};
use super::text::{counts, one_line, overall_word, place, plural, rests_on, seconds, verdict_word};
use crate::reproducer::Reproducer;

/// Rows that the table has for each outcome.
const ROWS: usize = 6;
/// Characters of an operation that a row shows.
const OPERATION: usize = 40;
/// Characters of a safe input that are shown.
const WITNESS: usize = 120;
/// Reasons for which behaviour is not proved to be kept, for each function.
const REASONS: usize = 2;
/// Assumptions that are listed.
const ASSUMPTIONS: usize = 8;

/// What is shown.
pub struct PatchView<'a> {
    pub report: &'a PatchReport,
    pub sources: &'a Sources,
    /// What became of the counterexamples that were run again, a line each.
    pub replays: &'a [String],
    pub reproducer: Option<&'a Reproducer>,
    pub elapsed_ms: u64,
}

/// The texts of both versions.
pub struct Sources {
    before: SourceMap,
    after: SourceMap,
}

impl Sources {
    /// The changed files as they are in each version, and from disk what else the evidence speaks of.
    pub fn new(report: &PatchReport, files: &[ChangedFile]) -> Sources {
        let version = |check: &CheckReport, text: fn(&ChangedFile) -> &str| {
            let mut map = SourceMap::new();
            for file in files {
                map.add(&file.path, || text(file).to_owned());
            }
            for name in named(check) {
                map.add(Path::new(name), || {
                    std::fs::read_to_string(name).unwrap_or_default()
                });
            }
            map
        };
        Sources {
            before: version(&report.before, |f| &f.old),
            after: version(&report.after, |f| &f.new),
        }
    }
}

/// Every file in which something is that was not proved.
fn named(check: &CheckReport) -> BTreeSet<&str> {
    let all = check.functions.iter().flat_map(|f| &f.obligations);
    all.filter(|o| o.verdict != Verdict::Proved)
        .flat_map(|o| {
            let lines = o.counterexample.iter().flat_map(|c| &c.slice);
            lines.map(|l| &l.location).chain([&o.location])
        })
        .map(|location| location.file.as_str())
        .collect()
}

fn behaviour_word(behaviour: Behaviour) -> &'static str {
    match behaviour {
        Behaviour::Preserved => "preserved (proved: the same wherever the old version breaks nothing)",
        Behaviour::Changed => "changed",
        Behaviour::Vacuous => {
            "vacuous (no input is found on which the old version comes to what was wrong and breaks nothing; what it does within its bounds is kept)"
        }
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

/// The judgement of a patch.
pub fn patch(view: &PatchView<'_>, look: Look) -> String {
    let report = view.report;
    let good = match report.verdict {
        PatchVerdict::ProvenFix => Some(true),
        PatchVerdict::NotFixed | PatchVerdict::Regressed => Some(false),
        PatchVerdict::Unknown => None,
    };
    let mut text = format!("{}\n\n", look.headline(good, verdict_line(report)));
    text.push_str(&judgement(view, look));
    let side = |check: &CheckReport| {
        let all = check.functions.iter().flat_map(|f| &f.obligations);
        format!("{} ({})", overall_word(check.verdict), counts(all))
    };
    let _ = writeln!(
        text,
        "before: {}; after: {}",
        side(&report.before),
        side(&report.after)
    );
    let _ = writeln!(text, "time: {}", seconds(view.elapsed_ms));
    text
}

/// What is the same for a patch that was given and for one that was found.
pub fn judgement(view: &PatchView<'_>, look: Look) -> String {
    let report = view.report;
    let mut text = table(report);
    for function in report.before.functions.iter().chain(&report.after.functions) {
        if let Some(why) = &function.unsupported {
            let _ = writeln!(text, "not looked at: {}: {why}", function.name);
        }
    }
    text.push_str(&evidence(view, look));
    text.push_str(&differing(report, look));
    text.push_str(&witness(report, look));
    if !view.replays.is_empty() {
        let _ = writeln!(text, "\n{}", look.heading("compiled with sanitizers"));
        for line in view.replays {
            let _ = writeln!(text, "  {line}");
        }
    }
    if let Some(reproducer) = view.reproducer {
        let _ = writeln!(text, "\n{}", look.heading("reproducer"));
        for line in reproducer.lines() {
            let _ = writeln!(text, "  {line}");
        }
    }
    text.push_str(&assumed(report, look));
    let _ = writeln!(text, "\nbehaviour: {}", behaviour_word(report.behaviour));
    text.push_str(&not_preserved(report));
    text.push_str(&crate::contracts::text(report));
    text
}

/// `fixed`, `still open`, `introduced`: how many, and which.
fn table(report: &PatchReport) -> String {
    let outcomes = [
        ("fixed", &report.fixed, &report.before),
        ("still open", &report.open, &report.before),
        ("introduced", &report.introduced, &report.after),
    ];
    let mut rows: Vec<[String; 4]> = Vec::new();
    for (name, ids, check) in outcomes {
        let mut first = format!("{name}: {}", ids.len());
        if ids.is_empty() {
            rows.push([first, String::new(), String::new(), String::new()]);
            continue;
        }
        for id in ids.iter().take(ROWS) {
            let head = std::mem::take(&mut first);
            rows.push(match find(check, id) {
                Some(o) => [
                    head,
                    format!("{}[{}]", verdict_word(o.verdict), o.property),
                    place(&o.location),
                    shortened(&one_line(&o.text), OPERATION),
                ],
                None => [head, id.clone(), String::new(), String::new()],
            });
        }
        if ids.len() > ROWS {
            let more = format!("and {} more", ids.len() - ROWS);
            rows.push([String::new(), more, String::new(), String::new()]);
        }
    }
    let width = |column: usize| {
        rows.iter()
            .map(|r| r.get(column).map_or(0, |c| c.chars().count()))
            .max()
    };
    let widths: Vec<usize> = (0..3).map(|c| width(c).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        line.push_str(row.last().map_or("", String::as_str));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_string();
    }
    let kept: String = text.chars().take(most.saturating_sub(3)).collect();
    format!("{kept}...")
}

/// One counterexample of what was wrong, and of what is: what is not shown is counted.
fn evidence(view: &PatchView<'_>, look: Look) -> String {
    let report = view.report;
    let before = report.fixed.iter().chain(&report.open);
    let sides = [
        (
            "before",
            before.collect::<Vec<_>>(),
            &report.before,
            &view.sources.before,
        ),
        (
            "after",
            report.introduced.iter().collect(),
            &report.after,
            &view.sources.after,
        ),
    ];
    let mut text = String::new();
    for (name, ids, check, sources) in sides {
        let mut found: Vec<&ObligationReport> = ids.iter().filter_map(|id| find(check, id)).collect();
        // Where there is a counterexample, it says more than a reason.
        found.sort_by_key(|o| o.counterexample.is_none());
        let Some(shown) = found.first() else { continue };
        let _ = writeln!(text, "\n{}", look.heading(name));
        text.push_str(&obligation(shown, sources, &Notes::new(), look, Detail::SHORT));
        let others = found
            .iter()
            .skip(1)
            .filter(|o| o.counterexample.is_some())
            .count();
        if others > 0 {
            let _ = writeln!(
                text,
                "and {} (--format json)",
                plural(others, "further counterexample")
            );
        }
    }
    text
}

/// The input on which the versions differ, and what each does on it.
fn differing(report: &PatchReport, look: Look) -> String {
    let Some(difference) = &report.difference else {
        return String::new();
    };
    let heading = match difference.reading {
        Reading::Safe => "behaves differently on a safe input",
        Reading::Oblivious => "the old version always fails here; what it does within its bounds is not kept",
    };
    let mut text = format!("\n{}\n", look.heading(heading));
    let _ = writeln!(text, "  in `{}`, on", difference.function);
    for (name, value) in &difference.inputs {
        let _ = writeln!(text, "    {name} = {value}");
    }
    for (side, seen) in [("before", &difference.before), ("after", &difference.after)] {
        let _ = writeln!(text, "  {side}: {}", seen.join("; "));
    }
    let who = match (difference.confirmed_by, &difference.not_run) {
        (ConfirmedBy::Sandbox, _) => "confirmed: both versions, compiled and run in the sandbox".to_owned(),
        (ConfirmedBy::Interpreter, Some(why)) => {
            format!("seen by the interpreter; the compiled versions do not tell: {why}")
        }
        (ConfirmedBy::Interpreter, None) => {
            "seen by the interpreter; the compiled versions were not run".to_owned()
        }
    };
    let _ = writeln!(text, "  {who}");
    text
}

/// Safe inputs that still reach what was changed: that the fix is not to do nothing.
fn witness(report: &PatchReport, look: Look) -> String {
    let found = report
        .compared
        .iter()
        .filter_map(|c| Some((c, c.witness.as_ref()?)));
    let lines: Vec<String> = found
        .map(|(compared, witness)| {
            // What a block holds is listed by itself.
            let telling = |(name, value): &(&String, &String)| {
                !name.starts_with("object_size(") && !value.starts_with("a block ")
            };
            let inputs = witness.inputs.iter().filter(telling);
            let inputs: Vec<String> = inputs.map(|(n, v)| format!("{n} = {v}")).collect();
            let inputs = match inputs.len() {
                0 => "any input".to_string(),
                _ => shortened(&inputs.join(", "), WITNESS),
            };
            format!("  in {}, on {inputs}\n", compared.function)
        })
        .collect();
    if lines.is_empty() {
        return String::new();
    }
    format!(
        "\n{}\n{}",
        look.heading("safe, and still reaches the change"),
        lines.concat()
    )
}

/// Of functions whose behaviour is not proved to be kept: how far it was looked at, and why it is not.
fn not_preserved(report: &PatchReport) -> String {
    let mut text = String::new();
    for compared in &report.compared {
        if let Some(bound) = compared.bound {
            let rounds = plural(bound as usize, "iteration");
            let _ = writeln!(
                text,
                "  {}: the same for at most {rounds} of each loop",
                compared.function
            );
        }
        for why in compared.open.iter().take(REASONS) {
            let _ = writeln!(text, "  {}: {why}", compared.function);
        }
    }
    text
}

/// What the proofs of the new version rest on, and what its functions ask of their callers.
fn assumed(report: &PatchReport, look: Look) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut others: BTreeSet<&str> = BTreeSet::new();
    for function in &report.after.functions {
        if !function.contract.is_empty() {
            lines.push(format!(
                "callers of {} keep {}",
                function.name,
                function.contract.join(", ")
            ));
        }
        others.extend(rests_on(function));
    }
    others.extend(
        report
            .compared
            .iter()
            .flat_map(|c| &c.assumptions)
            .map(String::as_str),
    );
    lines.extend(others.into_iter().map(String::from));
    if lines.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{}\n", look.heading("assuming"));
    for line in lines.iter().take(ASSUMPTIONS) {
        let _ = writeln!(text, "  {line}");
    }
    if lines.len() > ASSUMPTIONS {
        let _ = writeln!(text, "  and {} more (--format json)", lines.len() - ASSUMPTIONS);
    }
    text
}

fn find<'r>(report: &'r CheckReport, id: &str) -> Option<&'r ObligationReport> {
    let all = report.functions.iter().flat_map(|f| &f.obligations);
    all.into_iter().find(|o| o.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_operations_are_cut() {
        assert_eq!(shortened("abc", 5), "abc");
        assert_eq!(shortened("abcdef", 5), "ab...");
        assert_eq!(shortened("ééé", 3), "ééé");
    }
}

//! The report for people: the verdict first, then what is not proved, with its place, values and trace.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use vf_source::SourceMap;
use vf_verify::report::{CheckReport, FunctionReport, Location, ObligationReport, Overall, Verdict};

use super::look::Look;
use super::obligation::{Detail, Notes, obligation};

pub fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proved => "proved",
        Verdict::ProvedToBound => "proved-to-bound",
        Verdict::Unreachable => "unreachable",
        Verdict::Unknown => "unknown",
        Verdict::Refuted => "refuted",
    }
}

pub fn overall_word(overall: Overall) -> &'static str {
    match overall {
        Overall::Proved => "proved",
        Overall::ProvedToBound => "proved-to-bound",
        Overall::Unknown => "unknown",
        Overall::Refuted => "refuted",
    }
}

/// The whole report; with how the search for proofs went, if that is asked for.
pub fn check(
    report: &CheckReport,
    sources: &SourceMap,
    notes: &Notes,
    with_search: bool,
    look: Look,
) -> String {
    let mut text = String::new();
    let good = match report.verdict {
        Overall::Proved => Some(true),
        Overall::Refuted => Some(false),
        Overall::ProvedToBound | Overall::Unknown => None,
    };
    let _ = writeln!(text, "{}", look.headline(good, &headline(report)));
    for function in &report.functions {
        text.push_str(&self::function(function, sources, notes, look));
        if let Some(search) = function.search.as_ref().filter(|_| with_search) {
            text.push_str(&super::search::search(search));
        }
    }
    let _ = writeln!(
        text,
        "\nsummary: {}",
        counts(report.functions.iter().flat_map(|f| &f.obligations))
    );
    let _ = writeln!(text, "time: {}", seconds(report.elapsed_ms));
    text
}

fn headline(report: &CheckReport) -> String {
    let obligations = report
        .functions
        .iter()
        .map(|f| f.obligations.len())
        .sum::<usize>();
    let of = |verdict| {
        report
            .functions
            .iter()
            .flat_map(|f| &f.obligations)
            .filter(|o: &&ObligationReport| o.verdict == verdict)
            .count()
    };
    let functions = plural(report.functions.len(), "function");
    let total = plural(obligations, "obligation");
    match report.verdict {
        // Nothing is wrong, but a reader who expects proofs should look twice.
        Overall::Proved if of(Verdict::Unreachable) == obligations => {
            format!("unreachable: no input gets to any of {total} in {functions}")
        }
        Overall::Proved => format!("proved: {total} in {functions}, for all inputs"),
        Overall::ProvedToBound => {
            format!(
                "proved-to-bound: {total} in {functions}; {} only up to a bound",
                of(Verdict::ProvedToBound)
            )
        }
        Overall::Refuted => format!("refuted: {} of {total} in {functions}", of(Verdict::Refuted)),
        Overall::Unknown if obligations == 0 => format!("unknown: no obligation was checked in {functions}"),
        Overall::Unknown => format!("unknown: {} of {total} in {functions}", of(Verdict::Unknown)),
    }
}

/// One function: its verdicts counted, then each obligation that is not proved.
fn function(function: &FunctionReport, sources: &SourceMap, notes: &Notes, look: Look) -> String {
    let mut text = String::new();
    let _ = writeln!(
        text,
        "\n{} ({}): {}",
        function.name,
        function.file,
        counts(&function.obligations)
    );
    if let Some(why) = &function.unsupported {
        let _ = writeln!(text, "  not looked at: {why}");
    }
    for clause in &function.contract {
        let _ = writeln!(text, "  assuming of its callers: {clause}");
    }
    for assumption in rests_on(function) {
        let _ = writeln!(text, "  the proofs assume: {assumption}");
    }
    for open in &function.obligations {
        if !matches!(open.verdict, Verdict::Proved | Verdict::Unreachable) {
            text.push('\n');
            text.push_str(&obligation(open, sources, notes, look, Detail::FULL));
        }
    }
    text
}

/// What the proofs of a function rest on beside its contract, each once.
pub fn rests_on(function: &FunctionReport) -> BTreeSet<&str> {
    let contract = |assumption: &&str| {
        let clause = assumption.strip_prefix("requires ");
        clause.is_some_and(|c| function.contract.iter().any(|known| known == c))
    };
    let proved = function.obligations.iter().filter(|o| {
        matches!(
            o.verdict,
            Verdict::Proved | Verdict::ProvedToBound | Verdict::Unreachable
        )
    });
    let all = proved.flat_map(|o| &o.assumptions).map(String::as_str);
    all.filter(|a| !contract(a)).collect()
}

pub fn place(location: &Location) -> String {
    match (location.line, location.column) {
        (0, _) => location.file.clone(),
        (line, 0) => format!("{}:{line}", location.file),
        (line, column) => format!("{}:{line}:{column}", location.file),
    }
}

/// `3 proved, 1 refuted`, worst last.
pub fn counts<'a>(obligations: impl IntoIterator<Item = &'a ObligationReport>) -> String {
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for obligation in obligations {
        *counts.entry(obligation.verdict).or_default() += 1;
    }
    if counts.is_empty() {
        return "no obligation".to_string();
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(v, n)| format!("{n} {}", verdict_word(*v)))
        .collect();
    parts.join(", ")
}

pub fn plural(n: usize, what: &str) -> String {
    if n == 1 {
        format!("1 {what}")
    } else {
        format!("{n} {what}s")
    }
}

pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

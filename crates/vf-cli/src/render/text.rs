//! The report for people: the verdict first, then what is not proved, with its place, values and trace.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use vf_source::SourceMap;
use vf_verify::report::{
    CheckReport, FunctionReport, Location, ObligationReport, Overall, Replay, SliceLine, SuggestedInvariant,
    Verdict,
};

/// Lines of a slice that are shown; the JSON has them all.
const SLICE_LINES: usize = 30;
/// What a line of a slice says stands behind this column, where the line is not longer.
const NOTE_COLUMN: usize = 44;

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

/// What became of each counterexample that was run, by the obligation's id.
pub type Notes = BTreeMap<String, String>;

/// The whole report; with how the search for proofs went, if that is asked for.
pub fn check(report: &CheckReport, sources: &SourceMap, notes: &Notes, with_search: bool) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "{}", headline(report));
    for function in &report.functions {
        text.push_str(&self::function(function, sources, notes));
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
fn function(function: &FunctionReport, sources: &SourceMap, notes: &Notes) -> String {
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
    for obligation in &function.obligations {
        if !matches!(obligation.verdict, Verdict::Proved | Verdict::Unreachable) {
            text.push_str(&self::obligation(obligation, sources, notes));
        }
    }
    let mut assumptions: Vec<&String> = function
        .obligations
        .iter()
        .filter(|o| o.verdict == Verdict::Proved || o.verdict == Verdict::ProvedToBound)
        .flat_map(|o| &o.assumptions)
        .collect();
    assumptions.sort();
    assumptions.dedup();
    for assumption in assumptions {
        let _ = writeln!(text, "  the proofs assume: {assumption}");
    }
    text
}

/// One obligation with its place in the source and its evidence.
pub fn obligation(obligation: &ObligationReport, sources: &SourceMap, notes: &Notes) -> String {
    let mut text = String::new();
    let bound = match (obligation.verdict, obligation.bound) {
        (Verdict::ProvedToBound, Some(bound)) => format!("({bound})"),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "\n  {}{bound}[{}] {}: {}",
        verdict_word(obligation.verdict),
        obligation.property,
        obligation.cwe,
        one_line(&obligation.text)
    );
    text.push_str(&excerpt(&obligation.location, &obligation.text, sources));
    if let Some(reason) = &obligation.reason {
        let _ = writeln!(text, "    = why: {reason}");
    }
    if let Some(counterexample) = &obligation.counterexample {
        for input in counterexample.relevant_inputs() {
            let _ = writeln!(text, "    = with {input}");
        }
        text.push_str(&slice(&counterexample.slice, &obligation.location));
        let replay = match counterexample.replay {
            Replay::Confirmed => "confirmed by execution",
            Replay::NotConfirmed => "executed, and not confirmed",
            Replay::NotRun => "not executed",
        };
        let _ = writeln!(text, "    = {replay}");
        if let Some(note) = notes.get(&obligation.id) {
            let _ = writeln!(text, "    = compiled with sanitizers: {note}");
        }
    }
    if let Some(needs) = &obligation.needs {
        let _ = writeln!(
            text,
            "    = holds for callers that keep `requires {}`",
            needs.clause
        );
        let usual: Vec<String> = needs.usual.iter().map(|c| format!("`{c}`")).collect();
        let usual = if usual.is_empty() {
            "nothing of them".to_owned()
        } else {
            usual.join(", ")
        };
        let _ = writeln!(text, "      the usual reading of the parameters asks {usual}");
    }
    if let Some(first) = obligation.suggested_invariants.first() {
        let _ = writeln!(text, "    = would be proved with: {}", suggested(first));
        for other in obligation.suggested_invariants.iter().skip(1) {
            let _ = writeln!(text, "      and: {}", suggested(other));
        }
    }
    for assumption in &obligation.assumptions {
        let _ = writeln!(text, "    = assuming: {assumption}");
    }
    let _ = writeln!(text, "    = id: {}", obligation.id);
    text
}

/// A clause, and the loop before which it can be written, or of whose header it speaks.
fn suggested(invariant: &SuggestedInvariant) -> String {
    let how = if invariant.annotation {
        "before"
    } else {
        "in words, for"
    };
    format!(
        "{} ({how} the loop at {})",
        invariant.clause,
        place(&invariant.location)
    )
}

/// The lines that contributed, each with what it saw and did. Lines left out are a gap; a new file is named.
fn slice(lines: &[SliceLine], violation: &Location) -> String {
    let mut text = String::new();
    if lines.is_empty() {
        return text;
    }
    let _ = writeln!(text, "    = because of:");
    let digits = lines.iter().map(|l| l.location.line.to_string().len()).max();
    let digits = digits.unwrap_or(1);
    let mut file = &violation.file;
    for line in lines.iter().take(SLICE_LINES) {
        if line.location.file != *file {
            let _ = writeln!(text, "      {}:", line.location.file);
            file = &line.location.file;
        }
        let source = line.text.replace('\t', " ");
        let number = line.location.line;
        let shown = match line.note().as_str() {
            "" => format!("    {number:>digits$} | {source}"),
            note => format!("    {number:>digits$} | {source:<NOTE_COLUMN$} // {note}"),
        };
        let _ = writeln!(text, "{shown}");
    }
    if lines.len() > SLICE_LINES {
        let _ = writeln!(text, "    ... and {}", plural(lines.len() - SLICE_LINES, "line"));
    }
    text
}

/// The source line with the operation underlined.
fn excerpt(location: &Location, operation: &str, sources: &SourceMap) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "   --> {}", place(location));
    let line = sources
        .find(Path::new(&location.file))
        .and_then(|id| sources.get(id))
        .and_then(|file| file.line(location.line));
    let Some(line) = line else { return text };
    let number = location.line.to_string();
    let margin = " ".repeat(number.len());
    let _ = writeln!(text, "    {margin} |\n    {number} | {}", line.replace('\t', " "));
    let start = (location.column as usize).saturating_sub(1);
    if location.column > 0
        && let Some(rest) = line.get(start..)
    {
        // Columns count bytes, people see characters; tabs were shown as one space each.
        let before = line.get(..start).unwrap_or_default().chars().count();
        let width = underlined(rest, operation).max(1);
        let _ = writeln!(text, "    {margin} | {}{}", " ".repeat(before), "^".repeat(width));
    }
    text
}

/// How many characters of the line, from the operation's start, belong to it: the operation's text, read
/// without regard to spaces, as far as it stands on this line.
fn underlined(rest: &str, operation: &str) -> usize {
    let mut wanted = operation.chars().filter(|c| !c.is_whitespace()).peekable();
    let mut end = 0;
    for (index, c) in rest.chars().enumerate() {
        match wanted.peek() {
            None => break,
            _ if c.is_whitespace() => {}
            Some(w) if *w == c => {
                wanted.next();
                end = index + 1;
            }
            // A macro: the operation's text is its expansion. Underline the first word.
            Some(_) => {
                return rest
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .count();
            }
        }
    }
    end
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

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn seconds(ms: u64) -> String {
    format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_underlined_and_no_more() {
        assert_eq!(underlined("table[i];", "table[i]"), 8);
        assert_eq!(underlined("table [ i ];", "table[i]"), 11);
        assert_eq!(underlined("memcpy(a,", "memcpy(a, b, n)"), 9);
        assert_eq!(underlined("min_t(int, a, b)", "(a) < (b)"), 5);
        assert_eq!(underlined("", "x"), 0);
    }

    #[test]
    fn an_excerpt_points_at_the_column() {
        let mut sources = SourceMap::new();
        sources.add(Path::new("t.c"), || {
            "int f(int i) {\n\treturn é + table[i];\n}\n".to_string()
        });
        let location = Location {
            file: "t.c".into(),
            line: 2,
            column: 14,
        };
        let shown = excerpt(&location, "table[i]", &sources);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "   --> t.c:2:14",
                "      |",
                "    2 |  return é + table[i];",
                "      |             ^^^^^^^^"
            ]
        );
        for odd in [(0, 0), (9, 1), (2, 999), (2, 10)] {
            let location = Location {
                file: "t.c".into(),
                line: odd.0,
                column: odd.1,
            };
            assert!(excerpt(&location, "x", &sources).starts_with("   --> t.c"));
        }
    }
}

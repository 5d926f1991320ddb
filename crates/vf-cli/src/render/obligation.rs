//! One obligation with its place in the source and its evidence, drawn as rustc draws a diagnostic.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Snippet};
use vf_source::{Position, SourceFile, SourceMap};
use vf_verify::report::{
    Counterexample, Location, Needs, ObligationReport, Replay, SliceLine, SuggestedInvariant, Verdict,
};

use super::look::Look;
use super::text::{one_line, place, plural, verdict_word};

/// What became of each counterexample that was run, by the obligation's id.
pub type Notes = BTreeMap<String, String>;

/// How much of the evidence is shown. The JSON has all of it.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Lines that contributed to the violation; those next to it are kept.
    pub slice_lines: usize,
    /// What it would take to have the obligation hold, and its id.
    pub advice: bool,
}

impl Detail {
    pub const FULL: Detail = Detail {
        slice_lines: 30,
        advice: true,
    };
    /// For a report that fits a screen.
    pub const SHORT: Detail = Detail {
        slice_lines: 6,
        advice: false,
    };
}

/// One obligation that is not proved.
pub fn obligation(
    obligation: &ObligationReport,
    sources: &SourceMap,
    notes: &Notes,
    look: Look,
    detail: Detail,
) -> String {
    let name = match (obligation.verdict, obligation.bound) {
        (Verdict::ProvedToBound, Some(bound)) => format!("proved-to-bound({bound})"),
        (verdict, _) => verdict_word(verdict).to_string(),
    };
    let level = match obligation.verdict {
        Verdict::Refuted => Level::ERROR,
        Verdict::Proved | Verdict::Unreachable => Level::NOTE,
        Verdict::Unknown | Verdict::ProvedToBound => Level::WARNING,
    };
    let title = format!("{} ({})", one_line(&obligation.text), obligation.cwe);
    let mut group = level
        .with_name(name)
        .primary_title(title)
        .id(obligation.property.as_str())
        .elements(excerpts(obligation, sources, detail));
    for (name, message) in evidence(obligation, notes, detail) {
        group = group.element(Level::NOTE.with_name(name).message(message));
    }
    drawn(group, look)
}

fn drawn(group: Group<'_>, look: Look) -> String {
    let mut text = look.renderer().render(&[group]);
    text.push('\n');
    text
}

/// What is said below the source: a word and a sentence each.
fn evidence(obligation: &ObligationReport, notes: &Notes, detail: Detail) -> Vec<(&'static str, String)> {
    let mut said = Vec::new();
    said.extend(obligation.reason.as_ref().map(|why| ("why", why.clone())));
    if let Some(counterexample) = &obligation.counterexample {
        let inputs = counterexample.relevant_inputs();
        if !inputs.is_empty() {
            said.push(("with", inputs.join(", ")));
        }
        said.push(("executed", executed(counterexample).to_string()));
        let note = notes.get(&obligation.id);
        said.extend(note.map(|note| ("compiled with sanitizers", note.clone())));
    }
    if !detail.advice {
        return said;
    }
    said.extend(obligation.needs.as_ref().map(|needs| ("holds if", needed(needs))));
    for invariant in &obligation.suggested_invariants {
        said.push(("would be proved with", suggested(invariant)));
    }
    said.extend(obligation.assumptions.iter().map(|a| ("assuming", a.clone())));
    said.push(("id", obligation.id.clone()));
    said
}

fn executed(counterexample: &Counterexample) -> &'static str {
    match counterexample.replay {
        Replay::Confirmed => "confirmed",
        Replay::NotConfirmed => "not confirmed",
        Replay::NotRun => "no",
    }
}

/// What callers would have to keep, beside what they are taken to keep.
fn needed(needs: &Needs) -> String {
    let usual: Vec<String> = needs.usual.iter().map(|c| format!("`{c}`")).collect();
    let usual = if usual.is_empty() {
        "nothing of them".to_owned()
    } else {
        usual.join(", ")
    };
    format!(
        "callers keep `requires {}`; the usual reading of the parameters asks {usual}",
        needs.clause
    )
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

/// The operation in its source with the lines that contributed, and further files that have some. Only the place
/// where the source is not at hand.
fn excerpts<'s>(
    obligation: &'s ObligationReport,
    sources: &'s SourceMap,
    detail: Detail,
) -> Vec<Element<'s>> {
    let at = &obligation.location;
    let slice: Vec<&SliceLine> = obligation
        .counterexample
        .iter()
        .flat_map(|c| &c.slice)
        .filter(|line| line.location.file != at.file || line.location.line != at.line)
        .collect();
    let first = slice.len().saturating_sub(detail.slice_lines);
    let shown = slice.get(first..).unwrap_or_default();
    let mut elements = Vec::new();
    let here = file(sources, &at.file).and_then(|source| {
        let mut marks = vec![operation(obligation, source)?];
        let lines = shown.iter().filter(|l| l.location.file == at.file);
        marks.extend(lines.filter_map(|l| contributed(l, source)));
        snippet(source, marks)
    });
    elements.push(here.unwrap_or_else(|| origin(at).into()));
    let mut others: Vec<&str> = shown
        .iter()
        .map(|l| l.location.file.as_str())
        .filter(|f| *f != at.file)
        .collect();
    others.dedup();
    for name in others {
        let Some(source) = file(sources, name) else {
            continue;
        };
        let there = shown.iter().filter(|l| l.location.file == name);
        elements.extend(snippet(
            source,
            there.filter_map(|l| contributed(l, source)).collect(),
        ));
    }
    if first > 0 {
        let more = format!("{} that contributed are not shown", plural(first, "earlier line"));
        elements.push(Level::NOTE.message(more).into());
    }
    elements
}

fn file<'s>(sources: &'s SourceMap, name: &str) -> Option<&'s SourceFile> {
    sources.get(sources.find(Path::new(name))?)
}

fn origin(location: &Location) -> Origin<'_> {
    let origin = Origin::path(location.file.as_str());
    match (location.line, location.column) {
        (0, _) => origin,
        (line, 0) => origin.line(line as usize),
        (line, column) => origin.line(line as usize).char_column(column as usize),
    }
}

/// A piece of a source text that something is said about.
struct Mark {
    kind: AnnotationKind,
    /// Byte offsets in the file.
    span: Range<usize>,
    label: Option<String>,
}

/// The operation itself, with what goes wrong there.
fn operation(obligation: &ObligationReport, source: &SourceFile) -> Option<Mark> {
    let at = &obligation.location;
    let line = source.line(at.line)?;
    let column = (at.column as usize).saturating_sub(1);
    let rest = line.get(column..)?;
    let start = start_of(source, at.line)?.checked_add(column)?;
    let length = operation_length(rest, &obligation.text).max(1).min(rest.len());
    let violation = obligation
        .counterexample
        .as_ref()
        .and_then(|c| c.trace.last())
        .map(|step| without_operation(&step.event, &obligation.text).to_string());
    Some(Mark {
        kind: AnnotationKind::Primary,
        span: start..start.checked_add(length)?,
        label: violation,
    })
}

/// A line that contributed, with what it saw and did.
fn contributed(line: &SliceLine, source: &SourceFile) -> Option<Mark> {
    let number = line.location.line;
    let text = source.line(number)?;
    let indent = text.len() - text.trim_start().len();
    let start = start_of(source, number)?;
    let note = line.note();
    Some(Mark {
        kind: if note.is_empty() {
            AnnotationKind::Visible
        } else {
            AnnotationKind::Context
        },
        span: start.checked_add(indent)?..start.checked_add(text.trim_end().len())?,
        label: (!note.is_empty()).then_some(note),
    })
}

fn start_of(source: &SourceFile, line: u32) -> Option<usize> {
    source.offset(Position { line, column: 1 })
}

/// The lines from the first mark to the last; what lies between is folded.
fn snippet(source: &SourceFile, marks: Vec<Mark>) -> Option<Element<'_>> {
    let first = marks.iter().map(|m| source.position(m.span.start).line).min()?;
    let last = marks.iter().map(|m| source.position(m.span.end).line).max()?;
    let start = start_of(source, first)?;
    let end = start_of(source, last.saturating_add(1)).unwrap_or(source.text.len());
    let text = source.text.get(start..end)?;
    let annotations = marks.into_iter().filter_map(|mark| {
        let span = mark.span.start.checked_sub(start)?..mark.span.end.checked_sub(start)?;
        Some(mark.kind.span(span).label(mark.label))
    });
    let snippet = Snippet::source(text)
        .line_start(first as usize)
        .path(source.path.to_string_lossy())
        .annotations(annotations);
    Some(snippet.into())
}

/// `the index is not below ...` of `` `table[i]`: the index is not below ... ``: the operation is underlined beside it.
fn without_operation<'e>(event: &'e str, operation: &str) -> &'e str {
    let rest = event.strip_prefix('`').and_then(|e| e.strip_prefix(operation));
    rest.and_then(|e| e.strip_prefix("`: ")).unwrap_or(event)
}

/// How many bytes of the line, from the operation's start, belong to it: the operation's text, read
/// without regard to spaces, as far as it stands on this line.
fn operation_length(rest: &str, operation: &str) -> usize {
    let mut wanted = operation.chars().filter(|c| !c.is_whitespace()).peekable();
    let mut end = 0;
    for (index, c) in rest.char_indices() {
        match wanted.peek() {
            None => break,
            _ if c.is_whitespace() => {}
            Some(w) if *w == c => {
                wanted.next();
                end = index + c.len_utf8();
            }
            // A macro: the operation's text is its expansion. Underline the first word.
            Some(_) => {
                let word = |c: &char| c.is_alphanumeric() || *c == '_';
                return rest.chars().take_while(word).map(char::len_utf8).sum();
            }
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_operation_is_underlined_and_no_more() {
        assert_eq!(operation_length("table[i];", "table[i]"), 8);
        assert_eq!(operation_length("table [ i ];", "table[i]"), 11);
        assert_eq!(operation_length("memcpy(a,", "memcpy(a, b, n)"), 9);
        assert_eq!(operation_length("min_t(int, a, b)", "(a) < (b)"), 5);
        assert_eq!(operation_length("", "x"), 0);
    }

    fn open(line: u32, column: u32) -> ObligationReport {
        ObligationReport {
            id: "f/index-upper-bound/1".into(),
            property: "index-upper-bound".into(),
            cwe: "CWE-787".into(),
            location: Location {
                file: "t.c".into(),
                line,
                column,
            },
            text: "table[i]".into(),
            verdict: Verdict::Unknown,
            reason: Some("time".into()),
            bound: None,
            counterexample: None,
            needs: None,
            suggested_invariants: Vec::new(),
            assumptions: Vec::new(),
        }
    }

    fn sources() -> SourceMap {
        let mut sources = SourceMap::new();
        sources.add(Path::new("t.c"), || {
            "int f(int i) {\n\treturn é + table[i];\n}\n".to_string()
        });
        sources
    }

    #[test]
    fn an_excerpt_points_at_the_column() {
        let shown = obligation(&open(2, 14), &sources(), &Notes::new(), Look::Plain, Detail::FULL);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(
            lines,
            [
                "unknown[index-upper-bound]: table[i] (CWE-787)",
                " --> t.c:2:13",
                "  |",
                "2 |     return é + table[i];",
                "  |                ^^^^^^^^",
                "  |",
                "  = why: time",
                "  = id: f/index-upper-bound/1"
            ]
        );
    }

    #[test]
    fn places_that_are_not_there_are_still_named() {
        for (line, column) in [(0, 0), (9, 1), (2, 999), (2, 10)] {
            let shown = obligation(
                &open(line, column),
                &sources(),
                &Notes::new(),
                Look::Plain,
                Detail::FULL,
            );
            assert!(shown.contains("--> t.c"), "{shown}");
        }
    }
}

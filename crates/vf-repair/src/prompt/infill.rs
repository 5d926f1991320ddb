//! Where a missing piece of code may stand, and what is made of the piece that a model gives.

use std::ops::Range;

use crate::ctext::functions::functions;
use crate::ctext::lex::{Token, mentions, tokens, variables};
use crate::proposer::{Context, TextEdit};

/// Places that are tried in one round, at most.
const HOLES: usize = 4;

/// Whole lines of the function that are to be filled in anew; none, where something is missing between two lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// Bytes of the file's text, from the beginning of a line.
    pub range: Range<usize>,
    /// First line that is replaced, or before which something is missing.
    pub line: u32,
}

/// What a fill-in-the-middle model is given for one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfillPrompt {
    pub hole: Hole,
    pub prefix: String,
    pub suffix: String,
}

/// The plausible places: before what fails, what fails itself, and what computes the values in it.
pub fn holes(context: &Context) -> Vec<Hole> {
    let lines = Lines::of(context);
    let mut found: Vec<Hole> = Vec::new();
    let mut add = |hole: Option<Hole>| {
        if let Some(hole) = hole
            && found.len() < HOLES
            && !found.iter().any(|f| f.range == hole.range)
        {
            found.push(hole);
        }
    };
    for obligation in &context.failed {
        let at = obligation.location.line;
        let Some(statement) = lines.statement(at) else {
            continue;
        };
        add(lines.hole(statement.start..statement.start));
        add(lines.hole(statement.clone()));
        // The last line before it that gives one of its variables a value.
        let names = variables(&obligation.text);
        let slice = obligation.counterexample.iter().flat_map(|c| c.slice.iter());
        let computes = slice.map(|s| s.location.line).filter(|line| {
            let text = lines.text(*line);
            let gives = text.split_once('=').is_some_and(|(left, right)| {
                !right.starts_with('=') && names.iter().any(|name| mentions(left, name))
            });
            *line < statement.start && gives
        });
        if let Some(line) = computes.max() {
            add(lines.statement(line).and_then(|s| lines.hole(s)));
        }
    }
    found
}

/// The lines inside of a function's braces.
struct Lines<'a> {
    text: &'a str,
    first: u32,
    /// Byte ranges in the file's text, with their line ends.
    ranges: Vec<Range<usize>>,
    /// Lines between the braces.
    inside: Range<u32>,
}

impl<'a> Lines<'a> {
    fn of(context: &'a Context) -> Lines<'a> {
        let text: &str = &context.text;
        let start = text
            .get(..context.span.start)
            .and_then(|t| t.rfind('\n'))
            .map_or(0, |n| n + 1);
        let mut ranges = Vec::new();
        let mut at = start;
        for line in text
            .get(start..context.span.end)
            .unwrap_or("")
            .split_inclusive('\n')
        {
            ranges.push(at..at + line.len());
            at += line.len();
        }
        let first = vf_source::line_of(text, context.span.start);
        let body = functions(text)
            .into_iter()
            .find(|f| f.name == context.function)
            .map_or(0..0, |f| f.body);
        let line = |at: usize| vf_source::line_of(text, at);
        let inside = line(body.start) + 1..line(body.end.saturating_sub(1));
        Lines {
            text,
            first,
            ranges,
            inside,
        }
    }

    fn range(&self, line: u32) -> Option<&Range<usize>> {
        self.ranges
            .get(usize::try_from(line.checked_sub(self.first)?).ok()?)
    }

    fn text(&self, line: u32) -> &'a str {
        self.range(line)
            .and_then(|r| self.text.get(r.clone()))
            .unwrap_or("")
    }

    /// How a line ends, without comments.
    fn ends(&self, line: u32) -> &'a str {
        let text = self.text(line);
        let tokens: Vec<Token> = tokens(text);
        tokens.last().map_or("", |t| t.text(text))
    }

    /// Lines of the statement that a line is part of, with the conditions that it hangs on without braces.
    fn statement(&self, line: u32) -> Option<Range<u32>> {
        if !self.inside.contains(&line) {
            return None;
        }
        let ends = |line: u32| matches!(self.ends(line), ";" | "{" | "}" | ":" | "");
        let mut start = line;
        while start > self.inside.start && !ends(start - 1) {
            start -= 1;
        }
        let mut end = line;
        while end + 1 < self.inside.end && !matches!(self.ends(end), ";" | "{" | "}") {
            end += 1;
        }
        Some(start..end + 1)
    }

    fn hole(&self, lines: Range<u32>) -> Option<Hole> {
        let start = self.range(lines.start)?.start;
        let end = match lines.is_empty() {
            true => start,
            false => self.range(lines.end.checked_sub(1)?)?.end,
        };
        Some(Hole {
            range: start..end,
            line: lines.start,
        })
    }
}

/// The edit that an answer makes; `None` where it holds no code.
pub fn read_infill(context: &Context, hole: &Hole, answer: &str) -> Option<TextEdit> {
    let suffix = context.text.get(hole.range.end..context.span.end).unwrap_or("");
    let kept = without_suffix(plain(answer), suffix);
    if tokens(&kept).is_empty() {
        return None;
    }
    Some(TextEdit {
        range: hole.range.clone(),
        replacement: kept,
    })
}

/// An answer without the fence that some models put around code, and without what is behind a mark of their vocabulary.
fn plain(answer: &str) -> &str {
    let answer = match answer.trim_start().strip_prefix("```") {
        Some(rest) => rest.split_once('\n').map_or("", |(_, code)| code),
        None => answer,
    };
    let end = ["```", "<|", "<EOT>", "</s>", "<fim_", "<file_sep>"]
        .iter()
        .filter_map(|mark| answer.find(mark))
        .min();
    answer.get(..end.unwrap_or(answer.len())).unwrap_or(answer)
}

/// The whole lines of an answer before it closes a brace that it did not open, or repeats the line that follows.
fn without_suffix(answer: &str, suffix: &str) -> String {
    let next = suffix
        .lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("");
    // A brace alone is repeated by any nested block.
    let next = if next.bytes().any(|b| b.is_ascii_alphanumeric()) {
        next
    } else {
        ""
    };
    let mut kept = String::new();
    let mut depth = 0i64;
    for line in answer.lines() {
        if depth == 0 && !next.is_empty() && line.trim() == next {
            break;
        }
        let mut lowest = depth;
        for token in tokens(line) {
            match token.text(line) {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            lowest = lowest.min(depth);
        }
        // `} else {` closes what stands before the hole.
        if lowest < 0 {
            break;
        }
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use vf_verify::report::Verdict;

    use super::*;
    use crate::judge::tests::function;
    use crate::proposer::{Candidate, Style};

    const TEXT: &str = "int t[8];\nint f(int i, int n)\n{\n\tint k = n * 2;\n\n\tif (n)\n\t\tt[i] = k +\n\t\t\tn;\n\treturn t[k];\n}\n";

    fn context(line: u32, text: &str) -> Context {
        let report = function("f", &[("index-upper-bound", text, line, Verdict::Refuted)]);
        Context {
            report: None,
            tree: None,
            file: "a.c".into(),
            text: Arc::from(TEXT),
            function: "f".into(),
            span: functions(TEXT)[0].range.clone(),
            failed: report.obligations.clone(),
            all: report.obligations,
            program: None,
            style: Style::User,
        }
    }

    fn pieces(context: &Context) -> Vec<(u32, &str)> {
        holes(context)
            .into_iter()
            .map(|h| (h.line, &TEXT[h.range]))
            .collect()
    }

    #[test]
    fn before_what_fails_and_what_fails() {
        let statement = "\tif (n)\n\t\tt[i] = k +\n\t\t\tn;\n";
        assert_eq!(pieces(&context(7, "t[i]")), [(6, ""), (6, statement)]);
        assert_eq!(pieces(&context(9, "t[k]")), [(9, ""), (9, "\treturn t[k];\n")]);
        // Outside of the braces there is nothing to fill in.
        assert_eq!(pieces(&context(2, "i")), []);
        assert_eq!(pieces(&context(10, "}")), []);
        assert_eq!(pieces(&context(4000, "x")), []);
    }

    #[test]
    fn an_answer_ends_where_it_repeats_what_follows() {
        let context = context(9, "t[k]");
        let hole = &holes(&context)[0];
        let read = |answer: &str| read_infill(&context, hole, answer).map(|e| e.replacement);
        let guard = "\tif (k > 7)\n\t\treturn 0;\n";
        for answer in [
            guard.to_string(),
            format!("{guard}\treturn t[k];\n}}\n"),
            format!("{guard}}}\nint g(void)\n{{\n}}\n"),
            format!("```c\n{guard}```\nThat is it."),
            format!("{guard}<|endoftext|>junk"),
        ] {
            assert_eq!(read(&answer).as_deref(), Some(guard), "{answer}");
        }
        let block = "\tif (k > 7) {\n\t\treturn 0;\n\t}\n";
        assert_eq!(read(block).as_deref(), Some(block));
        for answer in [
            "",
            "\n \n",
            "}\n",
            "\treturn t[k];\n}",
            "```\n```",
            "/* nothing */",
        ] {
            assert_eq!(read(answer), None, "{answer}");
        }
        let edits = vec![read_infill(&context, hole, guard).expect("code")];
        let candidate = Candidate {
            edits,
            origin: String::new(),
            note: String::new(),
        };
        let text = candidate.apply(TEXT).expect("fits");
        assert_eq!(
            text,
            TEXT.replace("\treturn t[k]", &format!("{guard}\treturn t[k]"))
        );
        assert_eq!(
            crate::untrusted::accept(&candidate, TEXT, "f").as_deref(),
            Ok(text.as_str())
        );
    }
}

//! What a filetest says of itself: marks, summaries and options, read from its comments and written back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// One mark: `//  ^^^^ refuted[index-upper-bound] i == 8`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Line of the code above, from 1.
    pub line: usize,
    /// First column of the carets, from 1, and how many there are.
    pub column: usize,
    pub width: usize,
    /// `refuted`, `unknown`, `unreachable`, `proved-to-bound` or `proved`.
    pub verdict: String,
    pub property: String,
    /// The condition on the counterexample, or `known-gap: why`; may be empty.
    pub text: String,
    /// Lines of the file that are the violation's slice, from 1; `None` where the file says nothing of it.
    pub slice: Option<BTreeSet<usize>>,
}

#[derive(Clone, Debug, Default)]
pub struct Expectations {
    pub marks: Vec<Mark>,
    /// Function name to the text behind it.
    pub summaries: BTreeMap<String, String>,
    /// `name=value` pairs of `// options:` lines.
    pub options: Vec<(String, String)>,
}

/// Reads the comments of a filetest. `Err` says what is wrong with it.
pub fn read(text: &str) -> Result<Expectations, String> {
    let mut expected = Expectations::default();
    let mut code_line = 0;
    let mut is_test = false;
    for (index, line) in text.lines().enumerate() {
        if let Some(mark) = mark(line) {
            let (column, width, rest) = mark;
            let (verdict, property, text) = code(rest)
                .ok_or_else(|| format!("line {}: a mark reads `verdict[property] condition`", index + 1))?;
            if text.starts_with("known-gap:") && verdict != "unknown" {
                return Err(format!(
                    "line {}: only an `unknown` can be a known gap",
                    index + 1
                ));
            }
            expected.marks.push(Mark {
                line: code_line,
                column,
                width,
                verdict,
                property,
                text,
                slice: None,
            });
        } else if let Some(lines) = slice(line) {
            let lines: Result<BTreeSet<usize>, _> = lines.split_whitespace().map(str::parse).collect();
            let lines = lines.map_err(|e| format!("line {}: `// slice: 4 7 9`: {e}", index + 1))?;
            match expected.marks.last_mut().filter(|m| m.verdict == "refuted") {
                Some(mark) if mark.slice.is_none() => mark.slice = Some(lines),
                _ => {
                    return Err(format!(
                        "line {}: a slice follows a mark that says `refuted`",
                        index + 1
                    ));
                }
            }
        } else if let Some(summary) = line.strip_prefix("// summary: ") {
            let (name, counts) = summary
                .split_once(": ")
                .ok_or_else(|| format!("line {}: `// summary: name: counts`", index + 1))?;
            if expected
                .summaries
                .insert(name.to_owned(), counts.to_owned())
                .is_some()
            {
                return Err(format!("line {}: a second summary of `{name}`", index + 1));
            }
        } else if let Some(options) = line.strip_prefix("// options: ") {
            for option in options.split_whitespace() {
                let (name, value) = option
                    .split_once('=')
                    .ok_or_else(|| format!("line {}: `// options: name=value`", index + 1))?;
                expected.options.push((name.to_owned(), value.to_owned()));
            }
        } else {
            is_test |= line == "// test: verify";
            code_line = index + 1;
        }
    }
    if !is_test {
        return Err("there is no line `// test: verify`".to_owned());
    }
    Ok(expected)
}

/// Column and number of carets of a mark line, and what follows them.
fn mark(line: &str) -> Option<(usize, usize, &str)> {
    let comment = line.trim_start().strip_prefix("//")?;
    let carets = comment.trim_start();
    let width = carets.bytes().take_while(|b| *b == b'^').count();
    if width == 0 {
        return None;
    }
    Some((line.len() - carets.len() + 1, width, carets[width..].trim()))
}

/// The numbers of a line `// slice: 4 7 9`.
fn slice(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("// slice: ")
}

fn code(rest: &str) -> Option<(String, String, String)> {
    let (verdict, rest) = rest.split_once('[')?;
    let (property, text) = rest.split_once(']')?;
    Some((verdict.to_owned(), property.to_owned(), text.trim().to_owned()))
}

/// The file with its marks and summaries replaced.
pub fn write(text: &str, marks: &[Mark], summaries: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let is_ours =
        |line: &str| mark(line).is_some() || slice(line).is_some() || line.starts_with("// summary: ");
    // Marks that come or go move the lines that slices name.
    let mut moved: BTreeMap<usize, usize> = BTreeMap::new();
    let mut number = 0;
    for (index, _) in text.lines().enumerate().filter(|(_, line)| !is_ours(line)) {
        number += 1;
        moved.insert(index + 1, number);
        let here = marks.iter().filter(|m| m.line == index + 1);
        number += here.map(|m| 1 + usize::from(m.slice.is_some())).sum::<usize>();
    }
    for (index, line) in text.lines().enumerate() {
        if is_ours(line) {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        let mut here: Vec<&Mark> = marks.iter().filter(|m| m.line == index + 1).collect();
        here.sort();
        for mark in here {
            let indentation = line.len() - line.trim_start().len();
            let lead = if indentation + 3 < mark.column {
                indentation
            } else {
                0
            };
            let prefix = format!("{}//", " ".repeat(lead));
            let gap = (mark.column - 1).saturating_sub(prefix.len());
            let carets = "^".repeat(mark.width);
            let _ = write!(
                out,
                "{prefix}{}{carets} {}[{}]",
                " ".repeat(gap),
                mark.verdict,
                mark.property
            );
            if !mark.text.is_empty() {
                let _ = write!(out, " {}", mark.text);
            }
            out.push('\n');
            if let Some(lines) = &mark.slice {
                let new = lines.iter().filter_map(|l| moved.get(l));
                let new: Vec<String> = new.map(usize::to_string).collect();
                let _ = writeln!(out, "{prefix} slice: {}", new.join(" "));
            }
        }
    }
    while out.ends_with("\n\n") {
        out.pop();
    }
    for (name, counts) in summaries {
        let _ = writeln!(out, "// summary: {name}: {counts}");
    }
    out
}

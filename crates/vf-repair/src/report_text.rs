//! Bug reports in text form: `Key: value` lines, then `Issue:` and `Description:` texts.
//!
//! Keys come in any order and begin their line. `Issue:` and `Description:` run until the next known key that
//! the report does not have yet, so that a description may hold lines such as `Note: ...`. A second `CID:`
//! starts the next report. Unknown keys are kept in [`BugReport::extra`].

use std::path::{Path, PathBuf};

use crate::bug::{BugReport, cwes_in};

/// What is wrong with a report in text form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    #[error("{file}: cannot be read: {why}; give the path of a bug report")]
    Unreadable { file: PathBuf, why: String },
    #[error("{file}: is not text (byte {byte} is not UTF-8); give a bug report in text form or a SARIF file")]
    NotText { file: PathBuf, byte: usize },
    #[error("{file}: is empty; give a report with at least the keys `File:` and `Line:`")]
    Empty { file: PathBuf },
    #[error(
        "{file}:{line}: expected `Key: value`, found `{found}`; put free text under `Issue:` or `Description:`"
    )]
    NotAKey {
        file: PathBuf,
        line: usize,
        found: String,
    },
    #[error("{file}:{line}: `{key}:` is given twice in one report; start the next report with `CID:`")]
    Twice {
        file: PathBuf,
        line: usize,
        key: &'static str,
    },
    #[error("{file}:{line}: the report that starts here has no `{key}:`; add a line `{key}: {example}`")]
    Missing {
        file: PathBuf,
        line: usize,
        key: &'static str,
        example: &'static str,
    },
    #[error("{file}:{line}: `Line: {found}` is not a line number; lines count from 1")]
    BadLine {
        file: PathBuf,
        line: usize,
        found: String,
    },
}

/// Keys with a meaning. The flag says whether the value runs over several lines.
const KNOWN: &[(&str, bool)] = &[
    ("CID", false),
    ("Type", false),
    ("Category", false),
    ("CWE", false),
    ("Function", false),
    ("File", false),
    ("Line", false),
    ("Issue", true),
    ("Description", true),
];

/// Longest piece of the user's text that an error repeats, in characters.
const QUOTED: usize = 60;

/// Reads every report of a file.
pub fn read(path: &Path) -> Result<Vec<BugReport>, ReportError> {
    let bytes = std::fs::read(path).map_err(|e| ReportError::Unreadable {
        file: path.to_path_buf(),
        why: e.to_string(),
    })?;
    parse(&bytes, path)
}

/// Reads every report of a text; `file` is for the errors.
pub fn parse(bytes: &[u8], file: &Path) -> Result<Vec<BugReport>, ReportError> {
    let file = file.to_path_buf();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text),
        Err(e) => {
            return Err(ReportError::NotText {
                file,
                byte: e.valid_up_to(),
            });
        }
    };
    if let Some(byte) = text.bytes().position(|b| b == 0) {
        return Err(ReportError::NotText { file, byte });
    }
    if text.trim().is_empty() {
        return Err(ReportError::Empty { file });
    }
    let mut reports = Vec::new();
    let mut draft = Draft::default();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_end_matches('\r');
        let number = index + 1;
        match known_key(line) {
            Some(("CID", ..)) if draft.has("CID") => {
                reports.push(std::mem::take(&mut draft).finish(&file)?);
                draft.begin("CID", false, value_of(line), number);
            }
            Some((key, multi)) if !draft.has(key) => draft.begin(key, multi, value_of(line), number),
            Some((key, _)) if draft.open.is_none() => {
                return Err(ReportError::Twice {
                    file,
                    line: number,
                    key,
                });
            }
            _ if draft.open.is_some() => draft.more(line),
            _ if line.trim().is_empty() => {}
            _ => match line.split_once(':') {
                Some((key, value)) if is_key(key) => draft.extra(key, value, number),
                _ => {
                    let found: String = line.trim().chars().take(QUOTED).collect();
                    return Err(ReportError::NotAKey {
                        file,
                        line: number,
                        found,
                    });
                }
            },
        }
    }
    reports.push(draft.finish(&file)?);
    Ok(reports)
}

/// Writes reports so that [`parse`] reads the same data again. Texts are written without the blank lines
/// around them.
pub fn print(reports: &[BugReport]) -> String {
    let mut out = String::new();
    for (i, report) in reports.iter().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        let line = report.line.to_string();
        let file = report.file.to_string_lossy();
        let cwe = report.cwe.join(", ");
        let mut key = |name: &str, value: &str, always: bool| {
            if always || !value.is_empty() {
                out.push_str(format!("{name}: {value}").trim_end());
                out.push('\n');
            }
        };
        key("CID", &report.id, true);
        key("Type", &report.kind, false);
        key("Category", &report.category, false);
        key("CWE", &cwe, false);
        for (name, value) in &report.extra {
            key(name, value, true);
        }
        key("Function", report.function.as_deref().unwrap_or(""), false);
        key("File", &file, true);
        key("Line", &line, true);
        for (name, text) in [("Issue", &report.issue), ("Description", &report.description)] {
            if !text.is_empty() {
                out.push_str(&format!("\n{name}:\n"));
                for line in text.lines() {
                    // A line of text that reads like a key is moved right by one, which the reader undoes.
                    if known_key(line.trim_start_matches(' ')).is_some() {
                        out.push(' ');
                    }
                    out.push_str(line);
                    out.push('\n');
                }
            }
        }
    }
    out
}

/// The report being read.
#[derive(Default)]
struct Draft {
    /// Line of the first key, from 1.
    start: usize,
    values: Vec<(&'static str, String, usize)>,
    extra: Vec<(String, String)>,
    /// The multi-line key whose text is being read.
    open: Option<&'static str>,
}

impl Draft {
    fn has(&self, key: &str) -> bool {
        self.values.iter().any(|(k, ..)| *k == key)
    }

    fn begin(&mut self, key: &'static str, multi: bool, value: &str, line: usize) {
        if self.start == 0 {
            self.start = line;
        }
        self.values.push((key, value.to_string(), line));
        self.open = multi.then_some(key);
    }

    fn more(&mut self, line: &str) {
        let unindented = line
            .strip_prefix(' ')
            .filter(|rest| known_key(rest.trim_start_matches(' ')).is_some());
        if let Some((_, text, _)) = self.values.iter_mut().rev().find(|(k, ..)| Some(*k) == self.open) {
            text.push('\n');
            text.push_str(unindented.unwrap_or(line).trim_end());
        }
    }

    fn extra(&mut self, key: &str, value: &str, line: usize) {
        if self.start == 0 {
            self.start = line;
        }
        self.extra
            .push((key.trim().to_string(), value.trim().to_string()));
    }

    fn get(&self, key: &str) -> Option<(&str, usize)> {
        self.values
            .iter()
            .find(|(k, ..)| *k == key)
            .map(|(_, v, line)| (v.trim_matches('\n'), *line))
    }

    fn finish(self, file: &Path) -> Result<BugReport, ReportError> {
        let start = self.start.max(1);
        let file = file.to_path_buf();
        let missing = |key, example| ReportError::Missing {
            file: file.clone(),
            line: start,
            key,
            example,
        };
        let text = |key| {
            self.get(key)
                .map_or(String::new(), |(v, _)| v.trim_end().to_string())
        };
        let path = match self.get("File") {
            Some((v, _)) if !v.is_empty() => PathBuf::from(v),
            _ => return Err(missing("File", "drivers/net/demo.c")),
        };
        let line = match self.get("Line") {
            Some((v, at)) => {
                v.parse::<u32>()
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or_else(|| ReportError::BadLine {
                        file: file.clone(),
                        line: at,
                        found: v.chars().take(QUOTED).collect(),
                    })?
            }
            None => return Err(missing("Line", "723")),
        };
        let mut report = BugReport {
            id: text("CID"),
            kind: text("Type"),
            category: text("Category"),
            function: self
                .get("Function")
                .map(|(v, _)| v.trim_end_matches("()").trim().to_string())
                .filter(|v| !v.is_empty()),
            file: path,
            line,
            issue: text("Issue"),
            description: text("Description"),
            cwe: Vec::new(),
            extra: Vec::new(),
        };
        let mut all = format!(
            "{}\n{}\n{}\n{}",
            text("CWE"),
            report.kind,
            report.issue,
            report.description
        );
        for (_, value) in &self.extra {
            all.push('\n');
            all.push_str(value);
        }
        report.cwe = cwes_in(&all);
        report.extra = self.extra;
        Ok(report)
    }
}

fn known_key(line: &str) -> Option<(&'static str, bool)> {
    let (key, _) = line.split_once(':')?;
    KNOWN.iter().find(|(k, _)| k.eq_ignore_ascii_case(key)).copied()
}

fn value_of(line: &str) -> &str {
    line.split_once(':').map_or("", |(_, v)| v.trim())
}

fn is_key(key: &str) -> bool {
    !key.is_empty()
        && key.len() <= QUOTED
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(|c| c.is_alphanumeric() || " _-./".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUE: &str = "CID: 1845632
Type: Buffer overflow
Category: BUFFER_OVERFLOW
Classification: Bad use of string function
Severity: High
Certainty: Absolute
Status: New
Function: cxl_mem_create_range_info
File: drivers/cxl/core/mem.c
Line: 723

Issue:
Unbounded sprintf can cause buffer overflow.
Note: the buffer has 32 bytes.
Description:
range_id is written
without a bound (CWE-787).
";

    fn one(text: &str) -> BugReport {
        let mut reports = parse(text.as_bytes(), Path::new("r.txt")).expect("parses");
        assert_eq!(reports.len(), 1);
        reports.remove(0)
    }

    fn error(text: &str) -> ReportError {
        parse(text.as_bytes(), Path::new("r.txt")).expect_err("must not parse")
    }

    #[test]
    fn the_form_of_the_issue() {
        let report = one(ISSUE);
        assert_eq!(report.id, "1845632");
        assert_eq!(report.function.as_deref(), Some("cxl_mem_create_range_info"));
        assert_eq!(report.file, Path::new("drivers/cxl/core/mem.c"));
        assert_eq!(report.line, 723);
        assert_eq!(
            report.issue,
            "Unbounded sprintf can cause buffer overflow.\nNote: the buffer has 32 bytes."
        );
        assert_eq!(
            report.description,
            "range_id is written\nwithout a bound (CWE-787)."
        );
        assert_eq!(report.cwe, ["CWE-787"]);
        assert_eq!(report.extra.len(), 4);
        assert_eq!(report.extra[1], ("Severity".to_string(), "High".to_string()));
    }

    #[test]
    fn printing_and_reading_agree() {
        let mut report = one(ISSUE);
        report.description = "Function: not a key here\n  File: nor here".into();
        report.function = None;
        let reports = vec![report.clone(), one(ISSUE), report];
        assert_eq!(parse(print(&reports).as_bytes(), Path::new("r.txt")), Ok(reports));
    }

    #[test]
    fn bom_crlf_and_any_order() {
        let text = "\u{feff}Description: first\r\nLine: 3\r\nOdd-key: kept\r\nFile: a.c\r\nCID: 7\r\n";
        let report = one(text);
        assert_eq!(
            (report.id.as_str(), report.line, report.description.as_str()),
            ("7", 3, "first")
        );
        assert_eq!(report.extra, [("Odd-key".to_string(), "kept".to_string())]);
    }

    #[test]
    fn several_reports() {
        let text = "CID: 1\nFile: a.c\nLine: 1\nIssue:\nx\n\nCID: 2\nFile: b.c\nLine: 2\n";
        let reports = parse(text.as_bytes(), Path::new("r.txt")).expect("parses");
        assert_eq!(
            reports.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
            ["1", "2"]
        );
        assert_eq!(reports[0].issue, "x");
    }

    #[test]
    fn errors_name_the_line_and_the_way_out() {
        assert!(matches!(error(""), ReportError::Empty { .. }));
        assert!(matches!(
            error("CID: 1\nLine: 2\n"),
            ReportError::Missing {
                key: "File",
                line: 1,
                ..
            }
        ));
        assert!(matches!(
            error("CID: 1\nFile: a.c\n"),
            ReportError::Missing { key: "Line", .. }
        ));
        assert!(matches!(
            error("File: a.c\nLine: ten\n"),
            ReportError::BadLine { line: 2, .. }
        ));
        assert!(matches!(
            error("File: a.c\nLine: 0\n"),
            ReportError::BadLine { .. }
        ));
        assert!(matches!(
            error("File: a.c\nLine: 1\nLine: 2\n"),
            ReportError::Twice {
                key: "Line",
                line: 3,
                ..
            }
        ));
        assert!(matches!(
            error("File: a.c\nsome words\nLine: 2\n"),
            ReportError::NotAKey { line: 2, .. }
        ));
        assert!(matches!(
            parse(b"\x7fELF\xff", Path::new("r")),
            Err(ReportError::NotText { .. })
        ));
        assert!(matches!(
            parse(b"File: a\0", Path::new("r")),
            Err(ReportError::NotText { byte: 7, .. })
        ));
        let message = error("CID: 1\nLine: 2\n").to_string();
        assert!(
            message.contains("r.txt:1") && message.contains("File: drivers"),
            "{message}"
        );
    }
}

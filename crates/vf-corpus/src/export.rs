//! Records as what the embedded model reads and is to answer ([`vf_repair::slots`]).

use std::sync::Arc;

use serde::Serialize;
use vf_repair::ctext::functions::functions;
use vf_repair::proposer::{Feedback, Style, TextEdit};
use vf_repair::slots::{self, TooMuch};
use vf_source::diff::{LineKind, Patch, diff};
use vf_source::line_start;
use vf_verify::report::{Location, ObligationReport, Verdict};

use crate::hash::{hashes, split};
use crate::record::{Record, Split};

/// The vocabulary: the first line of an export.
#[derive(Clone, Debug, Serialize)]
pub struct Vocabulary {
    pub version: u32,
    /// By number.
    pub words: Vec<String>,
}

/// The vocabulary of this version.
pub fn vocabulary() -> Vocabulary {
    Vocabulary {
        version: slots::VERSION,
        words: slots::words().names(),
    }
}

/// A pair in numbers of words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    pub id: String,
    pub split: Split,
    pub prompt: Vec<u32>,
    pub answer: Vec<u32>,
}

/// Why a record has no form in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotExported {
    #[error("it has no such function, or its patch does not apply")]
    Inconsistent,
    #[error("the function is too long, or has too many names")]
    TooMuch,
    #[error("the fix has names that the file before has not got")]
    NewNames,
}

impl From<TooMuch> for NotExported {
    fn from(_: TooMuch) -> NotExported {
        NotExported::TooMuch
    }
}

/// A record's prompt and answer.
///
/// # Errors
/// The record cannot be said in words.
pub fn export(record: &Record) -> Result<Exported, NotExported> {
    export_after(record, &[])
}

/// The same where there were attempts before, which failed.
///
/// # Errors
/// As for [`export`].
pub fn export_after(record: &Record, attempts: &[Feedback]) -> Result<Exported, NotExported> {
    let edits = edits(record).ok_or(NotExported::Inconsistent)?;
    let context = context(record).ok_or(NotExported::Inconsistent)?;
    let encoded = slots::encode(&context, attempts)?;
    let answer = slots::answer(&context, &encoded, &edits).ok_or(NotExported::NewNames)?;
    Ok(Exported {
        id: record.id.clone(),
        split: record.split,
        prompt: encoded.prompt,
        answer,
    })
}

/// The fix as a model answers it, with the file's own names: an edit of numbered lines.
///
/// # Errors
/// As for [`export`].
pub fn answer(record: &Record) -> Result<String, NotExported> {
    let context = context(record).ok_or(NotExported::Inconsistent)?;
    let encoded = slots::encode(&context, &[])?;
    Ok(encoded.decode(&export(record)?.answer))
}

/// A patch of one file as an edit of numbered lines, to the letter; nothing where it does not belong to the text.
pub fn numbered(text: &str, patch: &str) -> Option<String> {
    let line = |at: usize| text.get(..at).map(|before| before.matches('\n').count() + 1);
    let mut answer = String::from("```edit\n");
    for edit in edits_of(text, patch)? {
        let (from, behind) = (line(edit.range.start)?, line(edit.range.end)?);
        let to = (behind > from).then(|| (behind - 1).to_string());
        answer.push_str(&format!(
            "{from}-{}:\n{}",
            to.unwrap_or_default(),
            edit.replacement
        ));
    }
    answer.push_str("```");
    Some(answer)
}

/// A pair of which only an execution is known, and no proof: `failed` are what executions of the text before violate.
///
/// # Errors
/// As for [`export`].
pub fn draft(
    id: String,
    (path, function): (&str, &str),
    (before, after): (&str, &str),
    failed: Vec<ObligationReport>,
) -> Result<Exported, NotExported> {
    let edits = edits_of(before, &diff(path, before, after)).ok_or(NotExported::Inconsistent)?;
    let context = context_of(path, before, function, failed).ok_or(NotExported::Inconsistent)?;
    let encoded = slots::encode(&context, &[])?;
    let answer = slots::answer(&context, &encoded, &edits).ok_or(NotExported::NewNames)?;
    Ok(Exported {
        id,
        split: split(&hashes(before, after, function).shape),
        prompt: encoded.prompt,
        answer,
    })
}

/// What the loop of a repair would know when it asks.
fn context(record: &Record) -> Option<vf_repair::Context> {
    let mut failed: Vec<ObligationReport> = record
        .obligations_before
        .iter()
        .filter(|o| o.verdict == Verdict::Refuted)
        .map(|o| ObligationReport {
            id: o.id.clone(),
            property: o.property.clone(),
            cwe: o.cwe.clone(),
            location: Location {
                file: record.file.clone(),
                line: o.line,
                column: o.column,
            },
            text: o.text.clone(),
            verdict: o.verdict,
            reason: None,
            bound: None,
            counterexample: (o.id == record.counterexample.obligation)
                .then(|| record.counterexample.found.clone()),
            needs: None,
            suggested_invariants: Vec::new(),
            assumptions: Vec::new(),
        })
        .collect();
    // The reported one comes first.
    failed.sort_by_key(|o| o.counterexample.is_none());
    context_of(&record.file, &record.before, &record.function, failed)
}

fn context_of(
    path: &str,
    text: &str,
    function: &str,
    failed: Vec<ObligationReport>,
) -> Option<vf_repair::Context> {
    let mut all = functions(text).into_iter();
    let span = all.find(|f| f.name == function)?.range;
    Some(vf_repair::Context {
        report: None,
        tree: None,
        file: path.into(),
        text: Arc::from(text),
        function: function.to_owned(),
        span,
        failed,
        all: Vec::new(),
        program: None,
        style: Style::Kernel,
    })
}

/// The patch as edits of whole lines: one for each run of lines that are taken out or put in.
fn edits(record: &Record) -> Option<Vec<TextEdit>> {
    edits_of(&record.before, &record.after)
}

fn edits_of(text: &str, patch: &str) -> Option<Vec<TextEdit>> {
    let patch = Patch::parse(patch).ok()?;
    let [file] = patch.files.as_slice() else {
        return None;
    };
    let at = |line: u32| line_start(text, line).unwrap_or(text.len());
    let mut found: Vec<TextEdit> = Vec::new();
    for hunk in &file.hunks {
        let mut line = hunk.old_start;
        let mut open = false;
        for one in &hunk.lines {
            if one.kind == LineKind::Context {
                (open, line) = (false, line + 1);
                continue;
            }
            if !open {
                found.push(TextEdit {
                    range: at(line)..at(line),
                    replacement: String::new(),
                });
                open = true;
            }
            let edit = found.last_mut()?;
            match one.kind {
                LineKind::Removed => {
                    line += 1;
                    edit.range.end = at(line);
                }
                _ => {
                    edit.replacement.push_str(&one.text);
                    if !one.text.ends_with('\n') {
                        edit.replacement.push('\n');
                    }
                }
            }
        }
    }
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vf_repair::Candidate;
    use vf_repair::ctext::lex::normalised;
    use vf_repair::model_proposer::read_answer;

    use super::*;
    use crate::file::read;

    /// What the model is to answer is the fix, for every pair that is shipped.
    #[test]
    fn answers_are_the_fixes() {
        let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/pairs/pairs.jsonl.gz");
        let (mut exported, mut all) = (0, 0);
        read(&pairs, &mut |_, record| {
            all += 1;
            let Ok(pair) = export(&record) else { return Ok(()) };
            exported += 1;
            assert_eq!((&pair.id, pair.split), (&record.id, record.split));
            let context = context(&record).expect("the function is there");
            let answer = answer(&record).expect("it fits");
            let edits = read_answer(&context, "", &answer).expect("an edit");
            let candidate = Candidate {
                edits,
                origin: String::new(),
                note: String::new(),
            };
            let text = candidate.apply(&record.before).expect("it fits");
            let fixed = record.fixed().expect("the patch applies");
            assert_eq!(normalised(&text), normalised(&fixed), "{}", record.id);
            Ok(())
        })
        .expect("the file is there");
        assert!(exported * 10 >= all * 8, "{exported} of {all}");
    }
}

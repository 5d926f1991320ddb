//! The arm `prover`: at the end of each statement the prover is asked about the edit so far, with an unknown rest.
//!
//! What was written is put in its place and followed by a call that does not return, so that nothing behind it is executed.
//! An obligation that is refuted then, in the new statements or in what comes before them, is violated on a run that never gets
//! to the rest: no rest repairs it. That holds where each line is executed before what stands behind it, so functions with
//! labels and places within loops are not asked about; and only of an answer's first edit, since later ones come later.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use vf_model::guide::{Allowed, Check, Guide, GuideError, GuideStatistics};
use vf_repair::checker::{CheckError, CheckRequest, Checked};
use vf_repair::ctext::functions::functions;
use vf_repair::ctext::lex::normalised;
use vf_repair::ctext::outline::{NodeKind, Outline};
use vf_repair::untrusted::compare;
use vf_verify::report::Verdict;

use crate::lark::OPEN;
use crate::tree::behind_statement;
use crate::vocabulary::Vocabulary;

/// What is known of an edit that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PrefixVerdict {
    /// Whatever follows, it fails; in words.
    Refuted(String),
    /// Not that anybody knows.
    Open,
}

/// Judges edits of numbered lines that are not finished.
pub trait PrefixOracle: Send + Sync {
    /// `edit`: the lines behind the fence, the last one complete and a whole statement.
    fn judge(&self, edit: &str) -> PrefixVerdict;
}

/// Something that checks a text: a [`vf_repair::Checker`] behind a function that may be called from anywhere.
pub type Ask = dyn Fn(&CheckRequest<'_>) -> Result<Checked, CheckError> + Send + Sync;

/// Asks a prover, each text once, within a budget.
pub struct ProverOracle {
    ask: Box<Ask>,
    file: PathBuf,
    text: String,
    function: String,
    /// Obligations that must be proved, by id.
    failed: Vec<String>,
    state: Mutex<State>,
    time_each: Duration,
}

struct State {
    calls_left: usize,
    known: BTreeMap<String, PrefixVerdict>,
}

/// A function that does not come back, declared before the function under repair.
const STOP: &str = "vf_guide_stop";

impl ProverOracle {
    /// For a function of a file; `failed` are the ids of its obligations that must be proved. At most `calls` questions
    /// of at most `time_each`.
    pub fn new(
        ask: Box<Ask>,
        file: &Path,
        text: &str,
        function: &str,
        failed: Vec<String>,
        calls: usize,
        time_each: Duration,
    ) -> ProverOracle {
        ProverOracle {
            ask,
            file: file.to_path_buf(),
            text: text.to_owned(),
            function: function.to_owned(),
            failed,
            state: Mutex::new(State {
                calls_left: calls,
                known: BTreeMap::new(),
            }),
            time_each,
        }
    }

    /// The file with the edit in its place and nothing behind it, and the lines that are new; `None` where the rest could
    /// matter.
    fn cut(&self, edit: &str) -> Option<(String, std::ops::Range<u32>)> {
        let mut lines = edit.lines();
        let (from, to) = lines.next()?.trim().strip_suffix(':')?.split_once('-')?;
        let from: u32 = from.parse().ok()?;
        let to: Option<u32> = match to {
            "" => None,
            to => Some(to.parse().ok()?),
        };
        let body: Vec<&str> = lines.collect();
        // A second edit has begun.
        let second = |l: &&str| l.starts_with(|c: char| c.is_ascii_digit()) && l.ends_with(':');
        if body.is_empty() || body.iter().any(|l| second(&l.trim())) {
            return None;
        }
        let found = functions(&self.text)
            .into_iter()
            .find(|f| f.name == self.function)?;
        let outline = Outline::new(&self.text, &found);
        if outline.nodes.iter().any(|n| n.kind == NodeKind::Label) {
            return None;
        }
        let start = vf_source::line_start(&self.text, from)?;
        let end = match to {
            Some(to) => vf_source::line_start(&self.text, to + 1)?,
            None => start,
        };
        let in_body = found.body.contains(&start) && found.body.contains(&end);
        let around = outline
            .innermost(start)
            .map_or_else(Vec::new, |n| outline.ancestors(n));
        // The block that the first token of the line is in, not a loop that the line itself begins.
        if !in_body || around.iter().any(|n| outline.is_loop(*n)) {
            return None;
        }
        let new = body.join("\n");
        let mut text = self.text.clone();
        text.replace_range(start..end, &format!("{new}\n{STOP}();\n"));
        // Text of a model: nothing of it comes before the preprocessor or the prover that a candidate may not have.
        compare(&self.text, &text, &self.function).ok()?;
        // In the function's own first line, so that all lines keep their numbers.
        text.insert_str(
            found.range.start,
            &format!("void {STOP}(void) __attribute__((noreturn)); "),
        );
        Some((text, from..from + body.len() as u32))
    }

    fn ask(&self, text: &str, new: &std::ops::Range<u32>) -> PrefixVerdict {
        let overlay = [(self.file.clone(), text.to_owned())];
        let functions = [self.function.clone()];
        let request = CheckRequest {
            file: &self.file,
            overlay: &overlay,
            functions: &functions,
            time_left: Some(self.time_each),
            verdicts_only: true,
        };
        let Ok(checked) = (self.ask)(&request) else {
            return PrefixVerdict::Open;
        };
        let obligations = checked
            .report
            .functions
            .iter()
            .filter(|f| f.name == self.function)
            .flat_map(|f| &f.obligations);
        for one in obligations.filter(|o| o.verdict == Verdict::Refuted) {
            let (line, text) = (one.location.line, &one.text);
            if new.contains(&line) {
                return PrefixVerdict::Refuted(format!("`{text}` violates {}", one.property));
            }
            if line < new.start && self.failed.contains(&one.id) {
                return PrefixVerdict::Refuted(format!(
                    "`{text}` in line {line}, before the edit, still fails"
                ));
            }
        }
        PrefixVerdict::Open
    }
}

impl PrefixOracle for ProverOracle {
    fn judge(&self, edit: &str) -> PrefixVerdict {
        let Some((text, new)) = self.cut(edit) else {
            return PrefixVerdict::Open;
        };
        let key = normalised(&text);
        {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = state.known.get(&key) {
                return known.clone();
            }
            match state.calls_left.checked_sub(1) {
                Some(left) => state.calls_left = left,
                None => return PrefixVerdict::Open,
            }
        }
        let verdict = self.ask(&text, &new);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.known.insert(key, verdict.clone());
        verdict
    }
}

/// Asks a [`PrefixOracle`] behind each statement. See the [module](self).
#[derive(Clone)]
pub struct PrefixGuide {
    oracle: Arc<dyn PrefixOracle>,
    vocabulary: Vocabulary,
    text: Vec<u8>,
    statistics: Arc<Mutex<GuideStatistics>>,
}

impl PrefixGuide {
    pub fn new(oracle: Arc<dyn PrefixOracle>, vocabulary: &Vocabulary) -> PrefixGuide {
        PrefixGuide {
            oracle,
            vocabulary: vocabulary.clone(),
            text: Vec::new(),
            statistics: Arc::default(),
        }
    }
}

impl Guide for PrefixGuide {
    fn name(&self) -> &str {
        "prover"
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        Ok(Allowed::all())
    }

    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        let bytes = self.vocabulary.bytes(token);
        let Some(at) = bytes.iter().rposition(|b| *b == b'\n') else {
            return Ok(Check::Keep);
        };
        // Up to the end of the last whole line.
        let mut text = self.text.clone();
        text.extend(bytes.get(..=at).unwrap_or(bytes));
        let text = String::from_utf8_lossy(&text);
        let edit = text.strip_prefix(OPEN).unwrap_or(&text);
        if !behind_statement(edit) {
            return Ok(Check::Keep);
        }
        let start = Instant::now();
        let verdict = self.oracle.judge(edit);
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.prover_calls += 1;
        statistics.prover_time += start.elapsed();
        Ok(match verdict {
            PrefixVerdict::Open => Check::Keep,
            PrefixVerdict::Refuted(why) => {
                statistics.pruned += 1;
                Check::Prune(why)
            }
        })
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.text.extend(self.vocabulary.bytes(token));
        Ok(())
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }

    fn statistics(&self) -> GuideStatistics {
        self.statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

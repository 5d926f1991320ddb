//! The record of a repair: one JSON object a line, from which a run can be read and repeated.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::proposer::{
    AskedPrompt, Candidate, Context, Failure, Feedback, ModelAnswer, Proposed, Proposer, ProposerError,
};

/// One line of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LogRecord {
    /// What was asked of which program, and where: enough to ask it again.
    Command {
        schema: String,
        /// The program's version, and the solver's.
        tool: String,
        directory: PathBuf,
        arguments: Vec<String>,
        /// The run was one whose log is the same each time (`repair --deterministic`).
        #[serde(default)]
        deterministic: bool,
    },
    /// What is to be repaired.
    Start {
        schema: String,
        file: String,
        function: String,
        /// Ids of the obligations that must be proved.
        targets: Vec<String>,
    },
    /// What a model was asked; before its first answer to it.
    Prompt {
        round: u32,
        proposer: String,
        /// SHA-256 of the text.
        sha256: String,
        tokens: u64,
        /// Of logs that were asked for it (`--log-prompts`).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// What a model said. The candidate that was read from it comes next.
    Answer {
        round: u32,
        proposer: String,
        /// SHA-256 of the prompt.
        prompt: String,
        tokens: u64,
        text: String,
        /// Why there is no candidate in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rejected: Option<String>,
        /// What guided decoding says of it.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        guide: Value,
    },
    /// One candidate and what became of it.
    Candidate {
        round: u32,
        /// Name of the proposer.
        proposer: String,
        candidate: Candidate,
        outcome: LogOutcome,
        /// Milliseconds that the check took, where the compiler or the prover looked at it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        check_ms: Option<u64>,
    },
    /// A candidate that proves some of the targets became the text that the next rounds start from.
    Step { round: u32, open: Vec<String> },
    End {
        proven: bool,
        candidates: u32,
        rounds: u32,
        stopped: String,
        /// Candidates that the compiler or the prover looked at.
        #[serde(default)]
        checked: u32,
        /// Candidates that were known already, modulo layout and names of locals.
        #[serde(default)]
        duplicates: u32,
        /// Answers of models, and their tokens.
        #[serde(default)]
        answers: u32,
        #[serde(default)]
        tokens: u64,
        /// Milliseconds that all checks took together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        solver_ms: Option<u64>,
        /// The proven patch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patch: Option<String>,
    },
}

/// What became of a candidate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum LogOutcome {
    Proven,
    /// Proves some of the targets and introduces nothing.
    Partial {
        open: Vec<String>,
    },
    Failed {
        failure: Failure,
    },
    /// A model's candidate that was known already, modulo layout and names of locals.
    Duplicate,
    /// A model's candidate behind the end of the search.
    NotTried,
}

pub const LOG_SCHEMA: &str = "verify-fix-log/1";

/// Why a log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log cannot be written: {0}; is the disk full?")]
    Write(#[source] std::io::Error),
    #[error("the log cannot be read: {0}")]
    Read(#[source] std::io::Error),
    #[error("line {line} of the log is not a log record: {why}")]
    NotARecord { line: usize, why: String },
    #[error("the log does not begin with a `command` or `start` record of schema {LOG_SCHEMA}")]
    NotALog,
}

/// Writes one record as a line.
pub fn write_record(out: &mut dyn Write, record: &LogRecord) -> Result<(), LogError> {
    let line = serde_json::to_string(record).map_err(|e| LogError::Write(e.into()))?;
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(LogError::Write)
}

/// Reads a log back.
pub fn replay_log(input: impl BufRead) -> Result<Vec<LogRecord>, LogError> {
    let mut records = Vec::new();
    for (i, line) in input.lines().enumerate() {
        let line = line.map_err(LogError::Read)?;
        if line.trim().is_empty() {
            continue;
        }
        let record = serde_json::from_str(&line).map_err(|e| LogError::NotARecord {
            line: i + 1,
            why: e.to_string(),
        })?;
        records.push(record);
    }
    match records.first() {
        Some(LogRecord::Start { schema, .. } | LogRecord::Command { schema, .. }) if schema == LOG_SCHEMA => {
            Ok(records)
        }
        _ => Err(LogError::NotALog),
    }
}

/// A proposer that repeats what one proposer answered in the run of a log, round by round: the same run without it.
#[derive(Clone, Debug, Default)]
pub struct LoggedProposer {
    name: String,
    /// By round, from 1, in the order of the log.
    rounds: BTreeMap<u32, Vec<Proposed>>,
    round: u32,
}

/// What is known while a log is read.
#[derive(Default)]
struct Reading {
    found: Vec<LoggedProposer>,
    /// Where in `found` the last record of this round is.
    last: Option<(u32, usize)>,
    prompts: HashMap<String, Arc<AskedPrompt>>,
    /// An answer whose candidate comes next, if there is one.
    waiting: Option<(u32, String, ModelAnswer, Option<String>)>,
}

impl Reading {
    fn push(&mut self, round: u32, proposer: &str, proposed: Proposed) {
        let after = self
            .last
            .filter(|(of, _)| *of == round)
            .map_or(0, |(_, at)| at + 1);
        let at = match self.found.iter().position(|p| p.name == *proposer) {
            Some(at) => at,
            // A proposer that had nothing in earlier rounds comes behind the one before it.
            None => {
                let new = LoggedProposer {
                    name: proposer.to_owned(),
                    ..LoggedProposer::default()
                };
                self.found.insert(after.min(self.found.len()), new);
                after.min(self.found.len() - 1)
            }
        };
        self.last = Some((round, at));
        if let Some(known) = self.found.get_mut(at) {
            known.rounds.entry(round).or_default().push(proposed);
        }
    }

    /// An answer without a candidate of its own.
    fn flush(&mut self) {
        if let Some((round, proposer, answer, Some(why))) = self.waiting.take() {
            let answer = Some(answer);
            self.push(
                round,
                &proposer,
                Proposed {
                    answer,
                    what: Err(why),
                },
            );
        }
    }

    fn read(&mut self, record: &LogRecord) {
        match record {
            LogRecord::Prompt {
                sha256, tokens, text, ..
            } => {
                let asked = AskedPrompt {
                    sha256: sha256.clone(),
                    tokens: *tokens,
                    text: text.clone(),
                };
                self.prompts.insert(sha256.clone(), Arc::new(asked));
            }
            LogRecord::Answer {
                round,
                proposer,
                prompt,
                tokens,
                text,
                rejected,
                guide,
            } => {
                self.flush();
                let asked = self.prompts.entry(prompt.clone()).or_insert_with(|| {
                    Arc::new(AskedPrompt {
                        sha256: prompt.clone(),
                        ..AskedPrompt::default()
                    })
                });
                let answer = ModelAnswer {
                    text: text.clone(),
                    tokens: *tokens,
                    asked: asked.clone(),
                    details: guide.clone(),
                };
                self.waiting = Some((*round, proposer.clone(), answer, rejected.clone()));
            }
            LogRecord::Candidate {
                round,
                proposer,
                candidate,
                outcome,
                ..
            } => {
                let of_it = self.waiting.as_ref();
                let is_its = of_it.is_some_and(|(of, who, _, why)| {
                    let rejected = matches!(
                        outcome,
                        LogOutcome::Failed {
                            failure: Failure::NotUnderstood { .. }
                        }
                    );
                    of == round && who == proposer && why.is_some() == rejected
                });
                if !is_its {
                    self.flush();
                }
                let answer = self.waiting.take().map(|(_, _, answer, _)| answer);
                let what = match outcome {
                    LogOutcome::Failed {
                        failure: Failure::NotUnderstood { why },
                    } => Err(why.clone()),
                    _ => Ok(candidate.clone()),
                };
                self.push(*round, proposer, Proposed { answer, what });
            }
            _ => self.flush(),
        }
    }
}

impl LoggedProposer {
    /// One for each proposer of the run, in the order in which they were asked.
    pub fn all(records: &[LogRecord]) -> Vec<LoggedProposer> {
        let mut reading = Reading::default();
        records.iter().for_each(|record| reading.read(record));
        reading.flush();
        reading.found
    }
}

impl Proposer for LoggedProposer {
    fn name(&self) -> &str {
        &self.name
    }

    fn propose(&mut self, context: &Context, feedback: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        let mut found = Vec::new();
        self.propose_each(context, feedback, &mut |proposed| {
            found.extend(proposed.what.ok());
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    fn propose_each(
        &mut self,
        _: &Context,
        _: &[Feedback],
        each: &mut dyn FnMut(Proposed) -> ControlFlow<()>,
    ) -> Result<(), ProposerError> {
        self.round += 1;
        let _ = self
            .rounds
            .remove(&self.round)
            .into_iter()
            .flatten()
            .try_for_each(each);
        Ok(())
    }
}

/// How a run compares with an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Repetition {
    /// The first record that went another way: another candidate, outcome or verdict.
    pub difference: Option<Differing>,
    /// The earlier run was one that repeats bit for bit, and so every detail was compared but times.
    pub exact: bool,
    /// Records that went the same way with other details: another counterexample, another reason in words. Proofs and searches run
    /// beside each other, and which one ends first is the machine's affair.
    pub other_details: usize,
}

/// A record that went another way, and its line in the earlier log, from 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differing {
    pub line: usize,
    pub then: Option<Value>,
    pub now: Option<Value>,
}

/// Compares the records of two runs, all but what was asked ([`LogRecord::Command`]).
pub fn compare_runs(then: &[LogRecord], now: &[LogRecord]) -> Repetition {
    let runs = |records: &[LogRecord]| {
        let records = records.iter().enumerate();
        let records = records.filter(|(_, record)| !matches!(record, LogRecord::Command { .. }));
        let values = records.map(|(at, record)| (at + 1, serde_json::to_value(record).unwrap_or_default()));
        values.collect::<Vec<_>>()
    };
    let exact = matches!(
        then.first(),
        Some(LogRecord::Command {
            deterministic: true,
            ..
        })
    );
    let (then, now) = (runs(then), runs(now));
    let mut found = Repetition {
        exact,
        ..Repetition::default()
    };
    for at in 0..then.len().max(now.len()) {
        let (old, new) = (then.get(at), now.get(at));
        let (was, is) = (old.map(|(_, value)| value), new.map(|(_, value)| value));
        if was.map(without_times) == is.map(without_times) {
            continue;
        }
        if !exact && was.map(way) == is.map(way) {
            found.other_details += 1;
            continue;
        }
        found.difference = Some(Differing {
            line: old.or(then.last()).map_or(1, |(line, _)| *line),
            then: was.cloned(),
            now: is.cloned(),
        });
        break;
    }
    found
}

/// A record without the time that something took.
fn without_times(record: &Value) -> Value {
    let mut record = record.clone();
    if let Some(fields) = record.as_object_mut() {
        fields.retain(|name, _| !name.ends_with("_ms"));
    }
    record
}

/// A record without what may be another in a run that goes the same way: of obligations, all but which they are and their verdict.
fn way(record: &Value) -> Value {
    let mut record = without_times(record);
    if let Some(failure) = record
        .pointer_mut("/outcome/failure")
        .and_then(Value::as_object_mut)
    {
        failure.remove("why");
        for obligation in failure
            .get_mut("obligations")
            .and_then(Value::as_array_mut)
            .into_iter()
            .flatten()
        {
            if let Some(fields) = obligation.as_object_mut() {
                fields.retain(|name, _| name == "id" || name == "verdict");
            }
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let candidate = Candidate {
            edits: Vec::new(),
            origin: "test".into(),
            note: "n\n\"".into(),
        };
        let records = [
            LogRecord::Start {
                schema: LOG_SCHEMA.into(),
                file: "a.c".into(),
                function: "f".into(),
                targets: vec![],
            },
            LogRecord::Candidate {
                round: 1,
                proposer: "p".into(),
                candidate: candidate.clone(),
                outcome: LogOutcome::Failed {
                    failure: Failure::DoesNotParse { message: "m".into() },
                },
                check_ms: Some(3),
            },
            LogRecord::Candidate {
                round: 2,
                proposer: "p".into(),
                candidate,
                outcome: LogOutcome::Proven,
                check_ms: None,
            },
            LogRecord::End {
                proven: true,
                candidates: 2,
                rounds: 2,
                stopped: "proven".into(),
                checked: 2,
                duplicates: 0,
                answers: 0,
                tokens: 0,
                solver_ms: None,
                patch: None,
            },
        ];
        let mut text = Vec::new();
        for record in &records {
            write_record(&mut text, record).expect("writes");
        }
        let read = replay_log(text.as_slice()).expect("reads");
        assert_eq!(read.len(), 4);
        assert_eq!(compare_runs(&records, &read), Repetition::default());
        let differing = compare_runs(&read, &read[..3])
            .difference
            .expect("the end is missing");
        assert_eq!((differing.line, differing.now), (4, None));
        let proposers = LoggedProposer::all(&read);
        let rounds = |p: &LoggedProposer| p.rounds.values().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(proposers.iter().map(rounds).collect::<Vec<_>>(), [[1, 1]]);
    }

    #[test]
    fn proposers_answer_in_their_rounds_and_in_their_order() {
        let record = |round, proposer: &str, why: Option<&str>| LogRecord::Candidate {
            round,
            proposer: proposer.into(),
            candidate: Candidate {
                edits: Vec::new(),
                origin: proposer.into(),
                note: String::new(),
            },
            outcome: match why {
                Some(why) => LogOutcome::Failed {
                    failure: Failure::NotUnderstood { why: why.into() },
                },
                None => LogOutcome::Partial { open: Vec::new() },
            },
            check_ms: None,
        };
        let records = [
            record(1, "second", None),
            record(2, "first", None),
            record(2, "between", None),
            record(2, "second", Some("garbage")),
            record(4, "second", None),
        ];
        let proposers = LoggedProposer::all(&records);
        let names: Vec<&str> = proposers.iter().map(|p| p.name()).collect();
        assert_eq!(names, ["first", "between", "second"]);
        let second = proposers.last().expect("three");
        let answers: Vec<(u32, usize, usize)> = second
            .rounds
            .iter()
            .map(|(round, a)| {
                let candidates = a.iter().filter(|p| p.what.is_ok()).count();
                (*round, candidates, a.len() - candidates)
            })
            .collect();
        assert_eq!(answers, [(1, 1, 0), (2, 0, 1), (4, 1, 0)]);
    }

    #[test]
    fn the_same_way_with_another_counterexample() {
        let failed = |why: &str, verdict: &str| {
            let text = format!(
                r#"{{"event":"candidate","round":1,"proposer":"p","candidate":{{"edits":[],"origin":"p","note":""}},"outcome":
                {{"outcome":"failed","failure":{{"kind":"still-fails","obligations":[{{"id":"f/x/1","verdict":"{verdict}",
                "reason":"{why}"}}]}}}}}}"#
            );
            way(&serde_json::from_str(&text).expect("JSON"))
        };
        assert_eq!(failed("a", "refuted"), failed("b", "refuted"));
        assert_ne!(failed("a", "refuted"), failed("a", "unknown"));
    }

    #[test]
    fn what_is_no_log() {
        assert!(matches!(replay_log(&b""[..]), Err(LogError::NotALog)));
        assert!(matches!(
            replay_log(&b"\n{]\n"[..]),
            Err(LogError::NotARecord { line: 2, .. })
        ));
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::Error::from_raw_os_error(28))
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let end = LogRecord::End {
            proven: false,
            candidates: 0,
            rounds: 0,
            stopped: String::new(),
            checked: 0,
            duplicates: 0,
            answers: 0,
            tokens: 0,
            solver_ms: None,
            patch: None,
        };
        assert!(matches!(write_record(&mut Full, &end), Err(LogError::Write(_))));
    }
}

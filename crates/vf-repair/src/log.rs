//! The record of a repair: one JSON object a line, from which a run can be read and repeated.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::proposer::{Candidate, Context, Failure, Feedback, Proposer, ProposerError};

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
    },
    /// What is to be repaired.
    Start {
        schema: String,
        file: String,
        function: String,
        /// Ids of the obligations that must be proved.
        targets: Vec<String>,
    },
    /// One candidate and what became of it.
    Candidate {
        round: u32,
        /// Name of the proposer.
        proposer: String,
        candidate: Candidate,
        outcome: LogOutcome,
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
    /// By round, from 1.
    rounds: BTreeMap<u32, Answer>,
    round: u32,
    rejected: Vec<String>,
}

#[derive(Clone, Debug, Default)]
struct Answer {
    candidates: Vec<Candidate>,
    /// Why answers held no candidate.
    rejected: Vec<String>,
}

impl LoggedProposer {
    /// One for each proposer of the run, in the order in which they were asked.
    pub fn all(records: &[LogRecord]) -> Vec<LoggedProposer> {
        let mut found: Vec<LoggedProposer> = Vec::new();
        // Where in `found` the last record of this round is.
        let mut last: Option<(u32, usize)> = None;
        for record in records {
            let LogRecord::Candidate {
                round,
                proposer,
                candidate,
                outcome,
            } = record
            else {
                continue;
            };
            let after = last.filter(|(of, _)| of == round).map_or(0, |(_, at)| at + 1);
            let at = match found.iter().position(|p| p.name == *proposer) {
                Some(at) => at,
                // A proposer that had nothing in earlier rounds comes behind the one before it.
                None => {
                    let new = LoggedProposer {
                        name: proposer.clone(),
                        ..LoggedProposer::default()
                    };
                    found.insert(after.min(found.len()), new);
                    after.min(found.len())
                }
            };
            last = Some((*round, at));
            let Some(known) = found.get_mut(at) else { continue };
            let answer = known.rounds.entry(*round).or_default();
            match outcome {
                LogOutcome::Failed {
                    failure: Failure::NotUnderstood { why },
                } => answer.rejected.push(why.clone()),
                _ => answer.candidates.push(candidate.clone()),
            }
        }
        found
    }
}

impl Proposer for LoggedProposer {
    fn name(&self) -> &str {
        &self.name
    }

    fn propose(&mut self, _: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        self.round += 1;
        let answer = self.rounds.remove(&self.round).unwrap_or_default();
        self.rejected = answer.rejected;
        Ok(answer.candidates)
    }

    fn take_rejected(&mut self) -> Vec<String> {
        std::mem::take(&mut self.rejected)
    }
}

/// How a run compares with an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Repetition {
    /// The first record that went another way: another candidate, outcome or verdict.
    pub difference: Option<Differing>,
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
    let (then, now) = (runs(then), runs(now));
    let mut found = Repetition::default();
    for at in 0..then.len().max(now.len()) {
        let (old, new) = (then.get(at), now.get(at));
        let (was, is) = (old.map(|(_, value)| value), new.map(|(_, value)| value));
        if was == is {
            continue;
        }
        if was.map(way) == is.map(way) {
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

/// A record without what may be another in a run that goes the same way: of obligations, all but which they are and their verdict.
fn way(record: &Value) -> Value {
    let mut record = record.clone();
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
            },
            LogRecord::Candidate {
                round: 2,
                proposer: "p".into(),
                candidate,
                outcome: LogOutcome::Proven,
            },
            LogRecord::End {
                proven: true,
                candidates: 2,
                rounds: 2,
                stopped: "proven".into(),
                checked: 2,
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
        let rounds = |p: &LoggedProposer| p.rounds.values().map(|a| a.candidates.len()).collect::<Vec<_>>();
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
            .map(|(round, a)| (*round, a.candidates.len(), a.rejected.len()))
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
        };
        assert!(matches!(write_record(&mut Full, &end), Err(LogError::Write(_))));
    }
}

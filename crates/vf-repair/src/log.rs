//! The record of a repair: one JSON object a line, from which a run can be read and repeated.

use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};

use crate::proposer::{Candidate, Context, Failure, Feedback, Proposer, ProposerError};

/// One line of the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum LogRecord {
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
    #[error("the log does not begin with a `start` record of schema {LOG_SCHEMA}")]
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
        Some(LogRecord::Start { schema, .. }) if schema == LOG_SCHEMA => Ok(records),
        _ => Err(LogError::NotALog),
    }
}

/// A proposer that repeats the candidates of a log, round by round: the same run without the proposer.
#[derive(Clone, Debug)]
pub struct LoggedProposer {
    rounds: std::collections::VecDeque<(u32, Vec<Candidate>)>,
}

impl LoggedProposer {
    pub fn new(records: &[LogRecord]) -> LoggedProposer {
        let mut rounds: std::collections::VecDeque<(u32, Vec<Candidate>)> = std::collections::VecDeque::new();
        for record in records {
            if let LogRecord::Candidate { round, candidate, .. } = record {
                match rounds.back_mut() {
                    Some((last, list)) if last == round => list.push(candidate.clone()),
                    _ => rounds.push_back((*round, vec![candidate.clone()])),
                }
            }
        }
        LoggedProposer { rounds }
    }
}

impl Proposer for LoggedProposer {
    fn name(&self) -> &str {
        "log"
    }

    fn propose(&mut self, _: &Context, _: &[Feedback]) -> Result<Vec<Candidate>, ProposerError> {
        Ok(self.rounds.pop_front().map(|(_, list)| list).unwrap_or_default())
    }
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
        let mut proposer = LoggedProposer::new(&read);
        assert_eq!(proposer.rounds.len(), 2);
        assert_eq!(
            proposer.rounds.pop_front().map(|(r, l)| (r, l.len())),
            Some((1, 1))
        );
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

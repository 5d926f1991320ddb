//! What a person sees while a run takes long.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// How long a run may take in silence.
const PATIENCE: Duration = Duration::from_secs(2);
/// Lines replace each other no faster than this.
const INTERVAL: Duration = Duration::from_millis(100);

/// One line on standard error that is overwritten, only on a terminal and only once a run takes long.
pub struct ProgressLine {
    start: Instant,
    last: Option<Instant>,
    on: bool,
}

impl ProgressLine {
    pub fn new() -> Self {
        ProgressLine {
            start: Instant::now(),
            last: None,
            on: std::io::stderr().is_terminal(),
        }
    }

    /// Shows where the run is.
    pub fn show(&mut self, what: &dyn std::fmt::Display) {
        let now = Instant::now();
        let due = self.last.is_none_or(|last| now.duration_since(last) >= INTERVAL);
        if !self.on || now.duration_since(self.start) < PATIENCE || !due {
            return;
        }
        self.last = Some(now);
        let line: String = what
            .to_string()
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        let _ = write!(
            std::io::stderr().lock(),
            "\r\x1b[K{:4.0}s  {line}",
            self.start.elapsed().as_secs_f64()
        );
    }

    /// Shows a line that stays, with the time since the start, terminal or not.
    pub fn line(&mut self, what: &dyn std::fmt::Display) {
        let text: String = what.to_string().chars().filter(|c| !c.is_control()).collect();
        let seconds = self.start.elapsed().as_secs_f64();
        self.note(&format_args!("{seconds:8.2} s  {text}"));
    }

    /// Shows a step that stays for who watches a terminal; elsewhere it is not shown.
    pub fn step(&mut self, what: &dyn std::fmt::Display) {
        if self.on {
            self.note(what);
        }
    }

    /// Shows a line that stays.
    pub fn note(&mut self, what: &dyn std::fmt::Display) {
        self.clear();
        crate::output::complain(&what.to_string());
    }

    /// Takes the line away.
    pub fn clear(&mut self) {
        if self.last.take().is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.clear();
    }
}

//! A difference that an execution of the IR showed, once more on the compiled versions.

use vf_replay::{BothRequest, run_both};

use super::{ConfirmedBy, Difference, Reading};

/// What came of running both versions on the input of a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiled {
    Differ,
    /// They do the same: the difference is none.
    Same,
    /// Why there is no answer.
    NotRun(String),
}

/// Runs both versions in the replay sandbox.
pub fn run(difference: &Difference, request: &BothRequest<'_>) -> Compiled {
    if difference.reading == Reading::Oblivious {
        let why = "the old version breaks something on it, so that a compiled run says nothing";
        return Compiled::NotRun(why.to_owned());
    }
    match run_both(request) {
        Err(error) => Compiled::NotRun(error.to_string().lines().next().unwrap_or_default().to_owned()),
        Ok(both) => match (both.before, both.after) {
            (Ok(old), Ok(new)) if old.are_kept_by(&new) => match both.notes.into_iter().next() {
                Some(note) => Compiled::NotRun(note),
                None => Compiled::Same,
            },
            (Ok(_), Ok(_)) => Compiled::Differ,
            (Err(how), _) => Compiled::NotRun(format!("the old version: {how}")),
            (_, Err(how)) => Compiled::NotRun(format!("the new version: {how}")),
        },
    }
}

impl Difference {
    /// Notes who saw it.
    pub(crate) fn note(&mut self, compiled: &Compiled) {
        match compiled {
            Compiled::Differ => self.confirmed_by = ConfirmedBy::Sandbox,
            Compiled::Same => {}
            Compiled::NotRun(why) => self.not_run = Some(why.clone()),
        }
    }
}

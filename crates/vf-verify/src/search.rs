//! How far the proof search got: what was tried, what was kept, and which queries stand in the way.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vf_ir::FunctionId;

use crate::Progress;
use crate::engine::{CheckKey, Execution};
use crate::report::Location;

/// Where a candidate invariant comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Bounds of one register, by abstract interpretation.
    Interval,
    /// Bounds of one register by another, or by what the function compares.
    Zone,
    /// Conditions under which a loop goes on, weakened by one step.
    Guard,
    /// Forms filled in with what a loop compares: counters in step, bounds by constants.
    Template,
    /// A register against its value before the loop.
    Start,
    /// Remainders of counters that move by constants.
    Congruence,
    /// How pointers move: within their object, with counters, with each other.
    PointerStep,
    /// What a loop leaves as it was, or has written: cells, ranges, objects pointed into, lifetimes.
    Memory,
    /// The known NUL of a string, and cursors before it.
    Strings,
    /// Annotations of the user's.
    Annotation,
    /// Answers of Spacer about the loops as Horn clauses.
    Spacer,
}

impl Source {
    pub const ALL: [Source; 11] = [
        Source::Interval,
        Source::Zone,
        Source::Guard,
        Source::Template,
        Source::Start,
        Source::Congruence,
        Source::PointerStep,
        Source::Memory,
        Source::Strings,
        Source::Annotation,
        Source::Spacer,
    ];

    /// As the command line and JSON spell it.
    pub fn name(self) -> &'static str {
        match self {
            Source::Interval => "interval",
            Source::Zone => "zone",
            Source::Guard => "guard",
            Source::Template => "template",
            Source::Start => "start",
            Source::Congruence => "congruence",
            Source::PointerStep => "pointer-step",
            Source::Memory => "memory",
            Source::Strings => "strings",
            Source::Annotation => "annotation",
            Source::Spacer => "spacer",
        }
    }

    pub fn from_name(name: &str) -> Option<Source> {
        Source::ALL.into_iter().find(|source| source.name() == name)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<vf_absint::Origin> for Source {
    fn from(origin: vf_absint::Origin) -> Source {
        match origin {
            vf_absint::Origin::Interval => Source::Interval,
            vf_absint::Origin::Zone => Source::Zone,
            vf_absint::Origin::Guard => Source::Guard,
            vf_absint::Origin::Start => Source::Start,
            vf_absint::Origin::Congruence => Source::Congruence,
            vf_absint::Origin::Template(_) => Source::Template,
        }
    }
}

/// What the proof search of one function did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Search {
    /// Loops for which invariants were sought.
    pub loops_cut: usize,
    /// Candidate invariants by their source.
    pub candidates: BTreeMap<Source, Tried>,
    /// Passes over all entries and iterations in search of what is inductive.
    pub passes: u32,
    /// Questions asked of the solvers, unrolled executions included.
    pub queries: u64,
    /// Iterations of each loop that were executed at most, where loops were unrolled.
    pub largest_bound: Option<u32>,
    pub phases: Phases,
    /// The queries that keep obligations from being proved.
    pub blocked: Vec<Blocked>,
    /// Nothing was searched for: the verdicts are those of an earlier run, which the numbers speak of.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub from_cache: bool,
}

impl Search {
    pub fn tried(&self) -> usize {
        self.candidates.values().map(|c| c.tried).sum()
    }

    pub fn kept(&self) -> usize {
        self.candidates.values().map(|c| c.kept).sum()
    }
}

/// How many candidates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    pub tried: usize,
    /// Found inductive.
    pub kept: usize,
}

/// Wall time of the parts of a search, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phases {
    /// Symbolic execution with loops cut.
    pub execution_ms: u64,
    /// Which candidates are inductive.
    pub invariants_ms: u64,
    /// One query an obligation.
    pub obligations_ms: u64,
    /// Execution and queries with loops unrolled.
    pub unrolling_ms: u64,
    /// What would have sufficed: contracts and invariants to suggest.
    pub suggestions_ms: u64,
}

/// A query without the answer that a proof needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// Id of the obligation that it is about.
    pub obligation: String,
    /// The last loop that was cut before it.
    #[serde(rename = "loop")]
    pub after_loop: Option<Location>,
    pub ended: QueryEnd,
}

/// How a query ended that is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueryEnd {
    /// The invariants that were kept allow a state that violates the obligation.
    CounterexampleToInduction,
    /// The solver has a violation behind no cut loop, which execution did not show.
    NotConfirmed,
    Time,
    ResourceLimit,
    /// The solver ended without an answer of its own accord.
    GaveUp,
    /// The time of the run was over before.
    NotAsked,
    /// Executions that may get there were not followed.
    NotFollowed,
}

impl fmt::Display for QueryEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            QueryEnd::CounterexampleToInduction => "the invariants that were kept allow a violation",
            QueryEnd::NotConfirmed => "the solver's violation was not confirmed by execution",
            QueryEnd::Time => "the solver's time was over",
            QueryEnd::ResourceLimit => "the solver's resource limit was reached",
            QueryEnd::GaveUp => "the solver gave up",
            QueryEnd::NotAsked => "the time of the run was over",
            QueryEnd::NotFollowed => "executions that may get there were not followed",
        })
    }
}

/// A question asked for longer than this is told of.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// What a solver is being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Whether so many candidates hold on entry of loops, or after an iteration.
    Inductive {
        candidates: usize,
    },
    Obligation(CheckKey),
}

/// The question that an analysis waits for, if any, for whoever watches from another thread.
#[derive(Debug, Default)]
pub(crate) struct Asking(Mutex<Option<Waiting>>);

#[derive(Debug)]
struct Waiting {
    function: String,
    question: Question,
    since: Instant,
    told: bool,
}

impl Asking {
    fn set(&self, function: &str, question: Option<Question>) {
        let waiting = question.map(|question| Waiting {
            function: function.to_owned(),
            question,
            since: Instant::now(),
            told: false,
        });
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// A question that has been waited for this long, once, and the function that it is about.
    pub fn longer_than(&self, patience: Duration) -> Option<(String, Question)> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = slot.as_mut()?;
        if waiting.told || waiting.since.elapsed() < patience {
            return None;
        }
        waiting.told = true;
        Some((waiting.function.clone(), waiting.question.clone()))
    }
}

/// Who is told how the search for one function goes.
#[derive(Clone, Copy)]
pub(crate) struct Observer<'a> {
    pub function: &'a str,
    pub progress: &'a (dyn Fn(Progress) + Sync),
    pub asking: &'a Asking,
    /// Functions as those know them who watch, where the function is looked at in a part of the program.
    pub outside: Option<&'a [FunctionId]>,
}

impl Observer<'_> {
    /// Notes what is asked while `ask` waits for the answer.
    pub fn waits<T>(&self, question: Question, ask: impl FnOnce() -> T) -> T {
        let question = match (question, self.outside) {
            (Question::Obligation(key), Some(functions)) => key.outside(functions).map(Question::Obligation),
            (question, _) => Some(question),
        };
        self.asking.set(self.function, question);
        let answer = ask();
        self.asking.set(self.function, None);
        answer
    }

    pub fn passed(&self, pass: u32, tried: usize, kept: usize) {
        (self.progress)(Progress::Candidates {
            name: self.function.to_owned(),
            pass,
            tried,
            kept,
        });
    }
}

/// Candidates of an execution by their source, with how many were kept.
pub(crate) fn by_source(execution: &Execution, kept: &[usize]) -> BTreeMap<Source, Tried> {
    let mut found: BTreeMap<Source, Tried> = BTreeMap::new();
    for candidate in &execution.candidates {
        found.entry(candidate.source).or_default().tried += 1;
    }
    for candidate in kept.iter().filter_map(|number| execution.candidates.get(*number)) {
        found.entry(candidate.source).or_default().kept += 1;
    }
    found
}

/// Whole milliseconds.
pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

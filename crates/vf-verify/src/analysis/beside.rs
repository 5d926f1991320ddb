//! Unrolling beside the search for proofs: what the two share, and when the second thread begins.
//!
//! Each obligation is decided by whichever answers first, and nobody looks at it any more after that; when nothing is open
//! the other one is stopped. Neither takes anything else from the other: a proof rests on invariants, or on loops unrolled
//! to their ends, never on both.
//!
//! Most functions are proved at once. So the second thread sleeps until the first pass of the proof search has left
//! something open, or takes long, and a core is free. Where results must repeat there is no second thread, and
//! none of the two runs while the other does: then the obligations are unrolled when the proof search has come to
//! [`Beside::claim`], as they are where no core was free.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use vf_smt::Stop;

use super::Answer;
use crate::engine::CheckKey;

/// The first pass of the proof search has this long for itself.
const AHEAD: Duration = Duration::from_millis(500);
/// How often it is looked whether it is time to begin.
const LOOK: Duration = Duration::from_millis(50);

/// How many threads may be begun without taking time from others.
#[derive(Default)]
pub struct Cores(Mutex<usize>);

impl Cores {
    fn take(&self) -> bool {
        let mut free = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = *free > 0;
        *free -= usize::from(taken);
        taken
    }

    /// So many more are free.
    pub fn are_free(&self, cores: usize) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += cores;
    }
}

/// What the two searches for one entry function share.
pub struct Beside {
    shared: Mutex<Shared>,
    changed: Condvar,
    /// Stops the search for proofs.
    pub proofs: Stop,
    /// Stops unrolling.
    pub unrolling: Stop,
}

struct Shared {
    /// What neither has decided.
    open: BTreeSet<CheckKey>,
    /// What unrolling has decided.
    answers: BTreeMap<CheckKey, Answer>,
    /// The first pass of the proof search has ended: what is open was looked at.
    first_pass_over: bool,
    /// Unrolling may begin before that, and end the pass. Not where the pass is needed for more than its answers.
    early: bool,
    /// The search for proofs has ended.
    proofs_over: bool,
    unrolling: Unrolling,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unrolling {
    NotBegun,
    Begun,
    /// Not by the second thread: the first one does it, or there is nothing to do.
    Claimed,
}

impl Beside {
    /// At the beginning all obligations are open that are asked for. `proofs` is what stops their search.
    pub fn new(asked: &BTreeSet<CheckKey>, early: bool, proofs: Stop) -> Beside {
        Beside {
            shared: Mutex::new(Shared {
                open: asked.clone(),
                answers: BTreeMap::new(),
                first_pass_over: false,
                early,
                proofs_over: false,
                unrolling: Unrolling::NotBegun,
            }),
            changed: Condvar::new(),
            proofs,
            unrolling: Stop::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn is_open(&self, key: &CheckKey) -> bool {
        self.lock().open.contains(key)
    }

    pub fn open(&self) -> BTreeSet<CheckKey> {
        self.lock().open.clone()
    }

    /// The first pass of the proof search leaves these open.
    pub fn first_pass_leaves(&self, open: &BTreeSet<CheckKey>) {
        let mut shared = self.lock();
        let undecided = |key: &&CheckKey| !shared.answers.contains_key(*key);
        shared.open = open.iter().filter(undecided).cloned().collect();
        shared.first_pass_over = true;
        self.tell(&shared);
    }

    /// The proof search has decided this one; `false` where unrolling came first, whose answer stands.
    pub fn decided(&self, key: &CheckKey) -> bool {
        let mut shared = self.lock();
        let first = shared.open.remove(key);
        self.tell(&shared);
        first
    }

    /// Unrolling has decided this one; dropped where the proof search came first.
    pub fn unrolled(&self, key: &CheckKey, answer: Answer) {
        let mut shared = self.lock();
        if shared.open.remove(key) {
            shared.answers.insert(key.clone(), answer);
        }
        if shared.open.is_empty() {
            self.proofs.stop();
        }
    }

    fn tell(&self, shared: &Shared) {
        if shared.first_pass_over && shared.open.is_empty() {
            self.unrolling.stop();
        }
        self.changed.notify_all();
    }

    /// For the second thread: sleeps until it is time to unroll. Whether it ever is.
    pub fn waits_to_begin(&self, cores: &Cores) -> bool {
        let started = Instant::now();
        let mut shared = self.lock();
        loop {
            if shared.unrolling != Unrolling::NotBegun || self.unrolling.is_stopped() {
                return false;
            }
            let due = shared.first_pass_over || shared.early && started.elapsed() >= AHEAD;
            if due && cores.take() {
                shared.unrolling = Unrolling::Begun;
                return true;
            }
            let waited = self.changed.wait_timeout(shared, LOOK);
            shared = waited.map_or_else(|e| e.into_inner().0, |(guard, _)| guard);
        }
    }

    /// For the first thread: whether unrolling has not begun. Then it is this thread's to do.
    pub fn claim(&self) -> bool {
        let mut shared = self.lock();
        if shared.unrolling == Unrolling::NotBegun {
            shared.unrolling = Unrolling::Claimed;
            self.changed.notify_all();
            return true;
        }
        false
    }

    /// Whether proofs are searched for at the same time.
    pub fn is_beside(&self) -> bool {
        let shared = self.lock();
        shared.unrolling == Unrolling::Begun && !shared.proofs_over
    }

    /// What unrolling has decided, at the end.
    pub fn take_answers(&self) -> BTreeMap<CheckKey, Answer> {
        std::mem::take(&mut self.lock().answers)
    }
}

/// What the first thread holds while it searches for proofs. When it goes, the second one does not begin any more, and
/// where that is because of a panic, nobody waits for it.
pub struct Searching<'b>(pub &'b Beside);

impl Drop for Searching<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.unrolling.stop();
        }
        self.0.claim();
        self.0.lock().proofs_over = true;
    }
}

//! Candidates that are judged beside each other, while more are proposed.
//!
//! What is judged at the same time has no part in what is found: results are taken in the order in which the candidates
//! were proposed, and what came behind the end of the search is as if it had not been judged.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use super::ground::{Current, Ground, Judged};
use crate::checker::{CheckError, Checker};

/// Of a thread that reads and checks programs: source text may be nested deeply.
const STACK: usize = 256 << 20;
/// How often somebody who waits looks whether the threads are there still.
const LOOK: Duration = Duration::from_millis(200);

/// A text to be judged.
pub(super) struct Job {
    pub number: usize,
    pub text: String,
    /// From `given` on.
    pub time_left: Option<Duration>,
    pub given: Instant,
}

/// What became of it.
pub(super) struct Done {
    pub number: usize,
    pub judged: Result<Judged, CheckError>,
    pub took: Duration,
}

type Answer = std::thread::Result<Done>;

/// The threads that judge, and their two ends.
pub(super) struct Line {
    jobs: Sender<Job>,
    answers: Receiver<Answer>,
    /// Threads; none where none could be had.
    pub workers: usize,
    /// Jobs without an answer.
    pub busy: usize,
}

impl Line {
    /// One thread for each checker, as far as there are threads to be had.
    pub fn start<'scope, 'env>(
        scope: &'scope Scope<'scope, 'env>,
        ground: &'env Ground,
        current: &'env Current,
        checkers: Vec<&'env mut (dyn Checker + 'env)>,
    ) -> Line {
        let (jobs, todo) = channel::<Job>();
        let (sender, answers) = channel::<Answer>();
        let todo = Arc::new(Mutex::new(todo));
        let mut workers = 0;
        for checker in checkers {
            let (todo, sender) = (todo.clone(), sender.clone());
            let work = move || {
                loop {
                    // The lock is held while waiting: whoever has it takes the next job.
                    let job = todo.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(job) = job else { return };
                    let answer = catch_unwind(AssertUnwindSafe(|| {
                        let began = Instant::now();
                        let waited = began.saturating_duration_since(job.given);
                        let time_left = job.time_left.map(|left| left.saturating_sub(waited));
                        let judged = ground.judge(&mut *checker, &job.text, current, time_left);
                        Done {
                            number: job.number,
                            judged,
                            took: began.elapsed(),
                        }
                    }));
                    if sender.send(answer).is_err() {
                        return;
                    }
                }
            };
            let thread = Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            workers += usize::from(thread.is_ok());
        }
        Line {
            jobs,
            answers,
            workers,
            busy: 0,
        }
    }

    pub fn give(&mut self, job: Job) {
        self.busy += usize::from(self.jobs.send(job).is_ok());
    }

    /// An answer that is there already.
    pub fn ready(&mut self) -> Option<Done> {
        self.answers.try_recv().ok().map(|answer| self.taken(answer))
    }

    /// The next answer; nothing where none is to come.
    pub fn wait(&mut self) -> Option<Done> {
        while self.busy > 0 {
            match self.answers.recv_timeout(LOOK) {
                Ok(answer) => return Some(self.taken(answer)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    /// A fault on a thread is a fault here.
    fn taken(&mut self, answer: Answer) -> Done {
        self.busy = self.busy.saturating_sub(1);
        answer.unwrap_or_else(|fault| resume_unwind(fault))
    }
}

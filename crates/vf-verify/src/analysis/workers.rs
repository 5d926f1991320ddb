//! Entry functions on all cores.

use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use vf_ir::FunctionId;

use super::{Context, EntryResult, STACK};
use crate::search::{Asking, PATIENCE, Question};
use crate::{Progress, Reason};

/// How often it is looked whether a query takes long.
const WATCH: Duration = Duration::from_millis(250);

impl Context<'_> {
    /// Runs `work` on a thread with a stack for long histories; `None` when no thread could be had.
    pub fn on_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Option<T> {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, work)
                .ok()?;
            thread.join().ok()
        })
    }

    /// Analyses the entries on all cores.
    pub fn run(&self, entries: &[FunctionId], progress: &mut dyn FnMut(Progress)) -> Vec<EntryResult> {
        let all = || std::thread::available_parallelism().map_or(1, usize::from);
        let cores = self.options.threads.map_or_else(all, usize::from);
        let workers = cores.min(entries.len()).max(1);
        self.cores.are_free(cores - workers);
        let next = Arc::new(Mutex::new(0usize));
        // Of the proof search, and of the unrolling beside it.
        let questions: Vec<[Asking; 2]> = (0..workers).map(|_| Default::default()).collect();
        let (sender, receiver) = mpsc::channel();
        let mut results: Vec<EntryResult> = Vec::new();
        std::thread::scope(|scope| {
            let mut started = 0;
            for asking in &questions {
                let (sender, next) = (sender.clone(), next.clone());
                let work = move || {
                    loop {
                        let number = {
                            let mut next = next.lock().unwrap_or_else(PoisonError::into_inner);
                            *next += 1;
                            *next
                        };
                        let Some(entry) = entries.get(number - 1) else {
                            self.cores.are_free(1);
                            return;
                        };
                        let name = self.program.function(*entry).name.clone();
                        let _ = sender.send(Message::Progress(Progress::Function {
                            name,
                            number,
                            total: entries.len(),
                        }));
                        let report = |p| {
                            let _ = sender.send(Message::Progress(p));
                        };
                        let result = self.answer(*entry, &report, asking);
                        let _ = sender.send(Message::Done(Box::new(result)));
                    }
                };
                if std::thread::Builder::new()
                    .stack_size(STACK)
                    .spawn_scoped(scope, work)
                    .is_ok()
                {
                    started += 1;
                }
            }
            drop(sender);
            if started == 0 {
                return;
            }
            loop {
                match receiver.recv_timeout(WATCH) {
                    Ok(Message::Progress(p)) => progress(p),
                    Ok(Message::Done(result)) => results.push(*result),
                    Err(mpsc::RecvTimeoutError::Timeout) => {}
                    Err(mpsc::RecvTimeoutError::Disconnected) => return,
                }
                for (name, question) in questions
                    .iter()
                    .flatten()
                    .filter_map(|asking| asking.longer_than(PATIENCE))
                {
                    let what = self.in_words(&question);
                    progress(Progress::Asking { name, what });
                }
            }
        });
        // A thread that could not be had leaves its entries undecided, not forgotten.
        for entry in entries {
            if !results.iter().any(|r| r.entry == *entry) {
                let failure = Reason::TooComplex { what: "threads" };
                results.push(EntryResult::new(*entry, Some(failure)));
            }
        }
        results.sort_by_key(|r| r.entry);
        results
    }

    fn in_words(&self, question: &Question) -> String {
        match question {
            Question::Inductive { candidates: 1 } => "whether a candidate invariant is inductive".to_owned(),
            Question::Inductive { candidates } => {
                format!("whether {candidates} candidate invariants are inductive")
            }
            Question::Obligation(key) => {
                let obligations = &self.program.function(key.inner).obligations;
                let asked = obligations.get(key.obligation.index());
                let what = asked.map_or("", |o| o.property.name());
                let text = self.sources.text(self.place(key)).unwrap_or_default();
                let line = self.location(self.place(key)).line;
                format!("{what} of `{text}` at line {line}")
            }
        }
    }
}

enum Message {
    Progress(Progress),
    Done(Box<EntryResult>),
}

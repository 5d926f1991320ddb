//! Runs lang-c where it can do no harm: in a thread with a stack that its recursion does not exhaust, and with
//! a time limit, since it backtracks without bound on some nestings.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use lang_c::ast::ExternalDeclaration;
use lang_c::driver::{Config, Flavor, parse_preprocessed};
use lang_c::span::Node;

/// Stack of the threads that parse, in bytes. Only what is used is ever backed by memory.
pub const STACK_BYTES: usize = 256 << 20;

/// Time for one declaration.
const LIMIT: Duration = Duration::from_secs(5);

/// Threads left behind by time-outs, after which nothing is parsed any more: each keeps a core busy.
const MAX_ABANDONED: usize = 4;

pub(super) enum Trouble {
    TimeOut { limit_ms: u64 },
    NoThread { problem: String },
}

/// The last declaration of a text, or the position that lang-c could not get past.
type Outcome = Result<Node<ExternalDeclaration>, usize>;

struct Worker {
    jobs: Sender<String>,
    outcomes: Receiver<Outcome>,
}

/// Idle workers, and how many were left behind.
struct Pool {
    idle: Vec<Worker>,
    abandoned: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool {
    idle: Vec::new(),
    abandoned: 0,
});

/// Runs a function on a thread with [`STACK_BYTES`] of stack. Everything that walks a tree of lang-c's recurses
/// up to [`crate::normalise::MAX_DEPTH`] levels deep and belongs on such a stack. A panic of `work` goes on in
/// the caller. An error says that the thread could not be started.
pub fn on_large_stack<R: Send>(work: impl FnOnce() -> R + Send) -> std::io::Result<R> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, work)?;
        thread.join().map_err(|panic| std::panic::resume_unwind(panic))
    })
}

fn start() -> std::io::Result<Worker> {
    let (jobs, inbox) = channel::<String>();
    let (outbox, outcomes) = channel();
    std::thread::Builder::new()
        .name("parse".into())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let config = Config {
                cpp_command: String::new(),
                cpp_options: Vec::new(),
                flavor: Flavor::GnuC11,
            };
            while let Ok(text) = inbox.recv() {
                let outcome = match parse_preprocessed(&config, text) {
                    Ok(mut parse) => match (parse.unit.0.pop(), parse.unit.0.len()) {
                        // The first declaration is the prefix that names the typedefs.
                        (Some(node), 1) => Ok(node),
                        (Some(node), _) => Err(node.span.start),
                        (None, _) => Err(0),
                    },
                    Err(error) => Err(error.offset),
                };
                if outbox.send(outcome).is_err() {
                    return;
                }
            }
        })?;
    Ok(Worker { jobs, outcomes })
}

pub(super) fn parse_text(text: String) -> Result<Outcome, Trouble> {
    let idle = {
        let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
        if pool.abandoned >= MAX_ABANDONED {
            let problem = format!("{MAX_ABANDONED} declarations before took too long and still run");
            return Err(Trouble::NoThread { problem });
        }
        pool.idle.pop()
    };
    let no_thread = |problem: String| Trouble::NoThread { problem };
    let worker = match idle {
        Some(worker) => worker,
        None => start().map_err(|e| no_thread(e.to_string()))?,
    };
    worker.jobs.send(text).map_err(|e| no_thread(e.to_string()))?;
    let outcome = worker.outcomes.recv_timeout(LIMIT);
    let mut pool = POOL.lock().unwrap_or_else(|e| e.into_inner());
    match outcome {
        Ok(outcome) => {
            pool.idle.push(worker);
            Ok(outcome)
        }
        Err(RecvTimeoutError::Timeout) => {
            pool.abandoned += 1;
            Err(Trouble::TimeOut {
                limit_ms: LIMIT.as_millis() as u64,
            })
        }
        // lang-c panicked; its thread is gone.
        Err(RecvTimeoutError::Disconnected) => Err(no_thread("the parser failed".into())),
    }
}

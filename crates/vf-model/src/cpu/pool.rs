//! A few threads that stay, for work that is cut into many pieces.
//!
//! Pieces are taken one by one, so that a thread the system has set aside holds nobody up: whoever runs does its part,
//! too. The caller waits only for threads that are inside a piece. Waiting threads look for work for some microseconds,
//! which is how long the gap between two products of one pass is, and then sleep: on a busy machine a thread that spins
//! takes away what it waits for.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Looks at the mailbox before sleeping; some 20 µs.
const LOOKS: usize = 2_000;

/// A job: called with the numbers of the pieces, each once.
#[derive(Clone, Copy)]
struct Job {
    work: *const (dyn Fn(usize) + Sync),
    pieces: usize,
}

// SAFETY: `Pool::run` returns only after no thread uses the job any more, and what it points to is `Sync`.
unsafe impl Send for Job {}

#[derive(Default)]
struct Board {
    job: Option<Job>,
    /// Threads that took the job.
    inside: usize,
    sleeping: usize,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    board: Mutex<Board>,
    news: Condvar,
    left: Condvar,
    /// Counts jobs; read without the lock.
    epoch: AtomicU64,
    /// The next piece to take.
    next: AtomicUsize,
    /// Whether a piece panicked.
    failed: AtomicBool,
}

impl Shared {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, job: Job) {
        loop {
            let piece = self.next.fetch_add(1, Ordering::Relaxed);
            if piece >= job.pieces {
                return;
            }
            // SAFETY: the job is on the board, or this thread is counted as inside: `run` has not returned.
            let work = unsafe { &*job.work };
            // A panic of one piece must not leave the others waiting for ever.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(piece))).is_err() {
                self.failed.store(true, Ordering::Relaxed);
            }
        }
    }
}

/// Threads that wait for jobs; they end with it.
pub struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// One job at a time.
    busy: Mutex<()>,
}

impl Pool {
    /// Of so many threads, the caller's among them. Where the system gives fewer, there are fewer.
    pub fn new(threads: usize) -> Pool {
        let shared = Arc::new(Shared::default());
        let others = (1..threads).map_while(|_| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("vf-model".to_owned())
                .spawn(move || wait(&shared))
                .ok()
        });
        Pool {
            threads: others.collect(),
            shared,
            busy: Mutex::new(()),
        }
    }

    /// Threads, the caller's among them.
    pub fn threads(&self) -> usize {
        self.threads.len() + 1
    }

    /// Calls `work` with 0 to `pieces - 1`, on all threads in no particular order, and returns when all are done.
    pub fn run(&self, pieces: usize, work: &(dyn Fn(usize) + Sync)) {
        // A second caller at the same time does its work alone.
        let busy = match self.busy.try_lock() {
            Ok(busy) if pieces > 1 && !self.threads.is_empty() => busy,
            _ => return (0..pieces).for_each(work),
        };
        // SAFETY: only the lifetime is changed. Before this function returns, the job is taken off the board and all
        // threads that took it have left.
        let work: *const (dyn Fn(usize) + Sync) =
            unsafe { std::mem::transmute::<&(dyn Fn(usize) + Sync), &'static (dyn Fn(usize) + Sync)>(work) };
        let job = Job { work, pieces };
        self.shared.next.store(0, Ordering::Relaxed);
        let asleep = {
            let mut board = self.shared.board();
            board.job = Some(job);
            self.shared.epoch.fetch_add(1, Ordering::Release);
            board.sleeping > 0
        };
        if asleep {
            self.shared.news.notify_all();
        }
        self.shared.work(job);
        let mut board = self.shared.board();
        board.job = None;
        while board.inside > 0 {
            board = self
                .shared
                .left
                .wait(board)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(board);
        drop(busy);
        assert!(
            !self.shared.failed.swap(false, Ordering::Relaxed),
            "a piece of work of the network panicked"
        );
    }
}

/// What the threads do.
fn wait(shared: &Shared) {
    let mut seen = 0;
    loop {
        for _ in 0..LOOKS {
            if shared.epoch.load(Ordering::Acquire) != seen {
                break;
            }
            std::hint::spin_loop();
        }
        let mut board = shared.board();
        while !board.stop && shared.epoch.load(Ordering::Acquire) == seen {
            board.sleeping += 1;
            board = shared.news.wait(board).unwrap_or_else(PoisonError::into_inner);
            board.sleeping -= 1;
        }
        if board.stop {
            return;
        }
        seen = shared.epoch.load(Ordering::Acquire);
        // The job may be over already.
        let Some(job) = board.job else { continue };
        board.inside += 1;
        drop(board);
        shared.work(job);
        let mut board = shared.board();
        board.inside -= 1;
        if board.inside == 0 {
            shared.left.notify_all();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.board().stop = true;
        self.shared.news.notify_all();
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its work; there is nothing to learn from how it ended.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_is_done_once() {
        let pool = Pool::new(3);
        assert!(pool.threads() >= 1);
        for pieces in [0, 1, 2, 7, 100] {
            for _ in 0..50 {
                let done: Vec<AtomicUsize> = (0..pieces).map(|_| AtomicUsize::new(0)).collect();
                pool.run(pieces, &|piece| {
                    done[piece].fetch_add(1, Ordering::Relaxed);
                });
                assert!(done.iter().all(|d| d.load(Ordering::Relaxed) == 1));
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_pool_goes_on() {
        let pool = Pool::new(2);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pool.run(8, &|piece| assert_ne!(piece, 5));
        }));
        assert!(outcome.is_err());
        let sum = AtomicUsize::new(0);
        pool.run(8, &|piece| {
            sum.fetch_add(piece, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 28);
    }
}

//! Stopping from outside what a thread asks of z3.
//!
//! z3's context is the thread's, and so is the stop: while [`Stop::governs`] runs, every question that its thread asks,
//! of whatever solver, ends soon after [`Stop::stop`] and answers that it was cancelled.
//!
//! z3 (4.8.12) can be interrupted anywhere, and one that meets it between two questions stays with the context until the next
//! one: whatever simplifies a formula throws until then. Where that is a destructor (of Spacer's solvers, for one), the process
//! ends. So a helper thread interrupts only while a question is being asked, again and again until it ends, since an
//! interruption just before its beginning is lost; and what one just after its end leaves behind is cleared ([`asking`]).
//! Whatever z3 answers after the stop is thrown away, with the solver that gave it. Nothing is lost by that: who stops wants
//! no answers.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use z3::Context;

/// Between two interruptions of one piece of work.
const AGAIN: Duration = Duration::from_millis(2);

/// Stops the questions of one thread, from any other.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stopped: AtomicBool,
    /// Held while helpers are told of a change.
    telling: Mutex<()>,
    changed: Condvar,
}

thread_local! {
    /// What governs this thread.
    static GOVERNING: RefCell<Option<Stop>> = const { RefCell::new(None) };
    /// Whether a question is being asked, for each context that can be interrupted; the last one is in use.
    static ASKED: RefCell<Vec<Asked>> = const { RefCell::new(Vec::new()) };
}

/// Whether a question is being asked. Whoever interrupts holds it meanwhile.
type Asked = Arc<Mutex<bool>>;

impl Stop {
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Ends what is asked now and whatever would be asked later. There is no way back.
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        let _telling = self.0.lock();
        self.0.changed.notify_all();
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// Does `work` on this thread, which can be stopped until it ends.
    pub fn governs<T>(&self, work: impl FnOnce() -> T) -> T {
        let outer = GOVERNING.replace(Some(self.clone()));
        // Also where `work` panics.
        let _restored = OnDrop(|| drop(GOVERNING.replace(outer.clone())));
        interruptible(work)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, ()> {
        self.telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Interrupts the questions that are asked in the context from the stop on until the work has ended.
    fn watch(&self, context: &z3::ContextHandle<'_>, asked: &Asked, ended: &AtomicBool) {
        let mut telling = self.lock();
        while !ended.load(Ordering::SeqCst) {
            telling = if self.stopped.load(Ordering::SeqCst) {
                let asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                if *asked {
                    context.interrupt();
                }
                drop(asked);
                let waited = self.changed.wait_timeout(telling, AGAIN);
                waited.map_or_else(|e| e.into_inner().0, |(guard, _)| guard)
            } else {
                self.changed.wait(telling).unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// Whether this thread was told to stop.
pub(crate) fn is_stopped() -> bool {
    GOVERNING.with_borrow(|stop| stop.as_ref().is_some_and(Stop::is_stopped))
}

/// Does `work` in the context that z3 has on this thread now, so that what governs the thread can interrupt it. Work in a
/// context of its own says so once more.
pub(crate) fn interruptible<T>(work: impl FnOnce() -> T) -> T {
    let Some(stop) = GOVERNING.with_borrow(Clone::clone) else {
        return work();
    };
    let context = Context::thread_local();
    let handle = context.handle();
    let ended = AtomicBool::new(false);
    let asked = Asked::default();
    ASKED.with_borrow_mut(|all| all.push(asked.clone()));
    let _left = OnDrop(|| drop(ASKED.with_borrow_mut(Vec::pop)));
    std::thread::scope(|scope| {
        // Without the helper a stop waits for the limits of the question that is being asked.
        let helper =
            std::thread::Builder::new().spawn_scoped(scope, || stop.0.watch(&handle, &asked, &ended));
        let _ended = OnDrop(|| {
            ended.store(true, Ordering::SeqCst);
            let _telling = stop.0.lock();
            stop.0.changed.notify_all();
        });
        drop(helper);
        work()
    })
}

/// Asks z3 a question, in the context that it has on this thread now: only here does an interruption meet it.
pub(crate) fn asking<T>(question: impl FnOnce() -> T) -> T {
    let Some(asked) = ASKED.with_borrow(|all| all.last().cloned()) else {
        return question();
    };
    let set = |now| *asked.lock().unwrap_or_else(PoisonError::into_inner) = now;
    set(true);
    let ended = OnDrop(|| set(false));
    let answer = question();
    drop(ended);
    if is_stopped() {
        // What an interruption left behind that came too late for the question ends with the next one.
        z3::Solver::new().check();
    }
    answer
}

struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Stop;
    use crate::{Limits, Outcome, Solver, Sort, Term, Terms, UnknownWhy};

    /// The sum of two cubes is no cube: minutes of search, over integers and over bit-vectors.
    fn hard(terms: &Terms) -> Vec<Term> {
        let [a, b, c] = ["a", "b", "c"].map(|name| terms.var(name, Sort::BitVec(64)));
        let cube = |t| terms.mul(t, terms.mul(t, t));
        let small = |t| {
            let least = terms.ult(terms.bv(64, 1), t);
            terms.and(least, terms.ult(t, terms.bv(64, 1 << 20)))
        };
        let sum = terms.add(cube(a), cube(b));
        vec![small(a), small(b), small(c), terms.eq(sum, cube(c))]
    }

    fn easy(terms: &Terms) -> Term {
        terms.ult(terms.bv(64, 1), terms.var("a", Sort::BitVec(64)))
    }

    /// Asks what is hard, and stops it from another thread.
    fn stopped(ask: impl FnOnce(&mut Solver<'_>, &[Term]) -> Outcome) -> (Outcome, Duration) {
        let terms = Terms::new();
        let stop = Stop::new();
        let started = Instant::now();
        let outcome = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                stop.stop();
            });
            let mut solver = Solver::new(&terms);
            solver.set_limits(Limits {
                timeout_ms: Some(20_000),
                rlimit: None,
            });
            let outcome = stop.governs(|| ask(&mut solver, &hard(&terms)));
            // The solver that was stopped, without what stopped it.
            let later = solver.check(&[easy(&terms)]);
            assert!(matches!(later, Outcome::Sat(_)), "{later:?}");
            outcome
        });
        (outcome, started.elapsed())
    }

    #[test]
    fn a_question_is_stopped_from_another_thread_and_the_solver_asked_again() {
        for over_integers in [false, true] {
            let (outcome, took) = stopped(|solver, question| match over_integers {
                true => solver.check_over_integers(question),
                false => solver.check(question),
            });
            assert!(
                matches!(outcome, Outcome::Unknown(UnknownWhy::Cancelled)),
                "{outcome:?}"
            );
            assert!(took < Duration::from_secs(10), "{took:?}");
        }
    }

    #[test]
    fn nothing_is_answered_after_a_stop() {
        let terms = Terms::new();
        let stop = Stop::new();
        stop.stop();
        let mut solver = Solver::new(&terms);
        let outcome = stop.governs(|| solver.check(&[easy(&terms)]));
        assert!(matches!(outcome, Outcome::Unknown(UnknownWhy::Cancelled)));
        assert!(matches!(solver.check(&[easy(&terms)]), Outcome::Sat(_)));
    }

    #[test]
    fn a_stop_is_for_its_own_thread() {
        let stop = Stop::new();
        stop.stop();
        stop.governs(|| {
            let other = std::thread::spawn(|| {
                let terms = Terms::new();
                matches!(Solver::new(&terms).check(&[easy(&terms)]), Outcome::Sat(_))
            });
            assert!(other.join().expect("no panic"));
        });
    }
}

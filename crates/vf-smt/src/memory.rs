//! How much memory z3 may fill before its engines give up.
//!
//! z3 counts what all its solvers of the process hold together, with what it never gives back (names last as long as the process), and knows limits
//! on this sum only. Under a fixed limit a process that goes on for long enough, or asks from many threads, would get
//! no answers any more. So the limit is what is held when a thread makes the first of the solvers that it has at the same time, and room for
//! more.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU32, Ordering};

use z3::{StatisticsValue, Tactic};

/// Megabytes that the solvers of a thread may add. Circuits of whole programs with loops unrolled grow by hundreds of megabytes between two
/// looks at the clock.
const ROOM_MB: u32 = 320;
/// The same for a modest solver, which others are to go on beside.
const MODEST_ROOM_MB: u32 = 160;
/// z3 takes the mark as a number of bytes in 32 bits.
const MOST_MB: u32 = 4095;
/// The mark moves in steps: z3 looks through all its parameters when it is told one.
const STEP_MB: u32 = 16;

/// The mark that z3 was told last, in megabytes.
static MARK: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// How many solvers this thread has, and what all of the process held when it made the first of them.
    static OF_THREAD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
    /// A solver that is asked nothing but statistics. One that does nothing: z3's usual one takes milliseconds to make.
    static METER: RefCell<Option<z3::Solver>> = const { RefCell::new(None) };
}

/// What a solver may fill; kept with the solver.
#[derive(Debug)]
pub(crate) struct Room {
    /// Megabytes of all solvers of the process together at which this one gives up.
    pub(crate) limit_mb: u32,
}

impl Room {
    /// Makes room for a solver, and sets the mark at which z3's general engine gives up, whoever's it is.
    pub(crate) fn new(modest: bool) -> Room {
        let (solvers, base) = OF_THREAD.get();
        let base = if solvers == 0 { held_mb() } else { base };
        OF_THREAD.set((solvers + 1, base));
        let mark = base.saturating_add(ROOM_MB).div_ceil(STEP_MB) * STEP_MB;
        let mark = mark.min(MOST_MB);
        if MARK.swap(mark, Ordering::SeqCst) != mark {
            let bytes = u64::from(mark) << 20;
            z3::set_global_param("memory_high_watermark", &bytes.to_string());
        }
        let room = if modest { MODEST_ROOM_MB } else { ROOM_MB };
        Room {
            limit_mb: base.saturating_add(room),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Not while the thread ends: then nothing is counted any more.
        let _ = OF_THREAD.try_with(|of| {
            let (solvers, base) = of.get();
            of.set((solvers.saturating_sub(1), base));
        });
    }
}

/// One of z3's statistics, of what is common to all solvers.
fn common(name: &str) -> Option<StatisticsValue> {
    METER.with_borrow_mut(|meter| {
        let meter = meter.get_or_insert_with(|| Tactic::new("skip").solver());
        meter.get_statistics().value(name)
    })
}

/// Megabytes that z3 holds in this process.
pub(crate) fn held_mb() -> u32 {
    match common("memory") {
        // Rounded up; no process holds as many megabytes as fit into 32 bits.
        Some(StatisticsValue::Double(megabytes)) => megabytes.max(0.0).ceil() as u32,
        _ => 0,
    }
}

/// z3's count of the work that its solvers have done on this thread.
pub(crate) fn work() -> u64 {
    match common("rlimit count") {
        Some(StatisticsValue::UInt(count)) => u64::from(count),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use z3::ast::{Ast, BV};

    use super::{ROOM_MB, held_mb};
    use crate::{Outcome, Solver, Sort, Terms};

    /// A question for z3 itself, of both engines.
    fn is_answered(with_arrays: bool) -> bool {
        let terms = Terms::new();
        let [a, b] = ["a", "b"].map(|name| terms.var(name, Sort::BitVec(32)));
        let product = if with_arrays {
            let array = terms.var(
                "m",
                Sort::Array {
                    index: 32,
                    element: 32,
                },
            );
            terms.mul(terms.select(array, a), terms.select(array, b))
        } else {
            terms.mul(a, b)
        };
        let question = terms.eq(product, terms.bv(32, 35));
        matches!(Solver::new(&terms).check(&[question]), Outcome::Sat(_))
    }

    #[test]
    fn what_other_solvers_hold_stops_no_answer() {
        let before = held_mb();
        let mut held = Vec::new();
        while held_mb() < before + ROOM_MB + 40 {
            let number = held.len() as u64;
            held.extend(
                (number..number + 100_000)
                    .map(|n| BV::from_u64(n, 64).bvmul(BV::from_u64(n + 7, 64)).simplify()),
            );
        }
        for with_arrays in [false, true] {
            assert!(is_answered(with_arrays), "arrays: {with_arrays}");
        }
    }
}

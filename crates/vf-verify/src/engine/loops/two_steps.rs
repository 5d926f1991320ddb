//! Two iterations at a time: k-induction with k = 2 (Sheeran, Singh and Stalmarck, *Checking safety properties using
//! induction and a SAT-solver*, 2000; Donaldson et al., *Software verification using k-induction*, 2011).
//!
//! ```text
//! base:  the first iteration is executed from the state before the loop; candidates are established before and after it
//! step:  from any state, an iteration in which the checks are assumed; then one in which they are asked, after which the
//!        candidates are established; the candidates are assumed before both
//! ```
//!
//! Every later iteration is the second one of a step, with the one before it as the first. What holds only because of what the
//! iteration before did (a cell that is written before it is read again) needs no candidate then. Loops within the loop, and what
//! an iteration makes, are left to the plain cut.

use std::rc::Rc;

use vf_ir::{BlockId, LocalId, Storage, Ty};
use vf_smt::Term;

use super::LoopKey;
use super::candidates::{Candidate, RangeCandidate};
use crate::engine::exec::{Frame, FunctionFacts, RegionExit, Returns};
use crate::engine::latest::Made;
use crate::engine::registers::registers_of;
use crate::engine::state::{Edge, State};
use crate::engine::{Engine, Event, Stop};
use crate::search::Source;

/// The iteration before all others, and the one before another: paths of their own, so that what calls return in them
/// differs.
pub(super) const FIRST: u32 = u32::MAX;
pub(super) const BEFORE: u32 = u32::MAX - 1;

/// The candidates of a loop, and the state before it.
pub(super) struct Established<'l> {
    pub frame: &'l Frame,
    pub numbers: &'l [(usize, Candidate, Term)],
    pub ranges: &'l [(usize, RangeCandidate)],
    pub entry: &'l State,
}

/// No other loop lies in it.
pub(super) fn is_innermost(facts: &FunctionFacts, index: usize) -> bool {
    let loops = facts.cfg.loops();
    let blocks = &loops[index].blocks;
    let others = loops.iter().enumerate().filter(|(other, _)| *other != index);
    !others
        .into_iter()
        .any(|(_, other)| blocks.contains(&other.header))
}

impl Engine<'_> {
    /// One iteration on a path of its own, and what it made.
    pub(super) fn body(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        (index, which): (usize, u32),
        start: Edge,
        returns: &mut Returns,
    ) -> Result<(RegionExit, Made), Stop> {
        let header = facts.cfg.loops()[index].header;
        let number = self.block_number(frame.function, header);
        let path = self.names.context(frame.path, number, u32::MAX, which);
        let inner = Frame {
            path,
            ..frame.clone()
        };
        self.loop_stack.push(self.loop_key(frame, header));
        self.allocated_in_loop.push(Made::default());
        let exit = self.run_region(&inner, facts, Some(index), header, start, returns);
        let made = self.allocated_in_loop.pop().unwrap_or_default();
        self.loop_stack.pop();
        Ok((exit?, made))
    }

    /// Starts over with the plain cut where an iteration made something.
    pub(super) fn makes_nothing(&mut self, key: LoopKey, made: &Made) -> Result<(), Stop> {
        if made.is_empty() {
            return Ok(());
        }
        self.learned.loops.entry(key).or_default().makes = true;
        Err(Stop::Restart)
    }

    pub(super) fn merge_live(
        &mut self,
        facts: &FunctionFacts,
        header: BlockId,
        edges: Vec<Edge>,
    ) -> Result<Option<Edge>, Stop> {
        let live = facts.live.get(header.index());
        self.merge(edges, |r| live.is_none_or(|l| l.contains(&(r as u32))))
    }

    /// Whether the candidates hold after an iteration. `whole`: its state, with the registers that the loop neither reads
    /// nor writes.
    pub(super) fn establish(&mut self, of: &Established<'_>, back: &Edge, whole: &State) -> Result<(), Stop> {
        let mut after = Vec::new();
        for (id, candidate, _) in of.numbers {
            let state = match candidate {
                Candidate::Expr(_, Source::Spacer) => whole,
                _ => &back.state,
            };
            let holds = self.evaluate(of.frame, candidate, state, of.entry)?;
            after.push((*id, holds.unwrap_or_else(|| self.terms.bool(false))));
        }
        for (id, range) in of.ranges {
            let holds = self.range_written(of.frame, range, &back.state, of.entry)?;
            after.push((*id, holds));
        }
        self.events.push(Event::Establish {
            candidates: after,
            guard: back.guard,
        });
        Ok(())
    }

    /// The candidates hold between the two iterations of a step, too. Only those about numbers in registers: the state there is
    /// computed, and what it does not know of a pointer (a read that may have met another write) makes a candidate about it
    /// false, which must not be assumed.
    pub(super) fn assume_candidates(&mut self, of: &Established<'_>, back: &Edge) -> Result<(), Stop> {
        let t = self.terms;
        for (id, candidate, _) in of.numbers {
            let Some(active) = self.candidates.get(*id).map(|c| c.active) else {
                continue;
            };
            if !self.is_about_numbers(of.frame, candidate) {
                continue;
            }
            if let Some(holds) = self.evaluate(of.frame, candidate, &back.state, of.entry)? {
                self.fact(t.implies(t.and(back.guard, active), holds));
            }
        }
        Ok(())
    }

    fn is_about_numbers(&self, frame: &Frame, candidate: &Candidate) -> bool {
        let locals = &self.program.function(frame.function).locals;
        let is_number = |local: LocalId| {
            let storage = locals.get(local.index()).map(|l| l.storage);
            matches!(storage, Some(Storage::Register(Ty::Int(_))))
        };
        match candidate {
            Candidate::Expr(expr, _) => {
                let mut all = true;
                registers_of(expr, &mut |register| all &= is_number(LocalId(register)));
                all
            }
            Candidate::Moved { local, .. } => is_number(*local),
            _ => false,
        }
    }
}

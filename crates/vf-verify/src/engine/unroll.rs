//! Loops executed iteration by iteration.
//!
//! Where the test that ends a loop has a constant value in every iteration (`for (i = 0; i < 100; i++)`), the loop is
//! executed to its end, exactly, whatever the bound of an unrolling is: only iterations that the input decides count.
//! Short loops of this kind are executed so in the search for invariants too, where they cost less than a cut and lose
//! nothing.

use std::rc::Rc;

use vf_ir::{BlockId, FunctionId, StmtKind, Terminator};
use vf_smt::Term;

use super::exec::{Frame, FunctionFacts, Returns};
use super::geometric::WORD_TRIPS;
use super::loops::LoopKey;
use super::state::Edge;
use super::value::Context;
use super::{Engine, Event, Stop};

/// Iterations of a loop whose end is constant, at most.
const CONSTANT_TRIPS: u32 = 70_000;
/// Iterations that make a loop short.
const SHORT_TRIPS: u32 = 16;
/// Steps of the symbolic execution that one short loop may take.
const SHORT_STEPS: u64 = 4000;

/// The tests that end a loop, and whether one had a constant value in this iteration.
pub struct Watch {
    context: Context,
    function: FunctionId,
    tests: Vec<BlockId>,
    constant: bool,
    /// A check of this iteration never holds.
    failed: bool,
}

/// What an iteration was like.
struct Iteration {
    constant: bool,
    failed: bool,
}

/// The branches that end a loop by their position: at the header, and at the ends of the body.
fn end_tests(frame: &Frame, facts: &FunctionFacts, index: usize, engine: &Engine<'_>) -> Vec<BlockId> {
    let of = &facts.cfg.loops()[index];
    let blocks = engine.program.function(frame.function).blocks();
    let leaves = |block: &BlockId| match blocks.get(block.index()).map(|b| &b.terminator) {
        Some(Terminator::Branch { then, otherwise, .. }) => {
            !of.blocks.contains(then) || !of.blocks.contains(otherwise)
        }
        _ => false,
    };
    let ends = std::iter::once(&of.header).chain(&of.latches);
    ends.copied().filter(leaves).collect()
}

impl Engine<'_> {
    /// Called with the value of every branch.
    pub(super) fn watch_branch(&mut self, frame: &Frame, block: BlockId, taken: Term) {
        let constant = self.terms.is_true(taken) || self.terms.is_false(taken);
        if let Some(watch) = self.watched.last_mut()
            && watch.context == frame.context
            && watch.function == frame.function
            && watch.tests.contains(&block)
        {
            watch.constant |= constant;
        }
    }

    /// Called where a check never holds.
    pub(super) fn watch_failure(&mut self) {
        if let Some(watch) = self.watched.last_mut() {
            watch.failed = true;
        }
    }

    /// One iteration; whether its end test had a constant value, and whether one of its checks never holds.
    #[allow(clippy::too_many_arguments)]
    fn iterate(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        iteration: u32,
        current: Edge,
        outside: &mut Vec<(BlockId, Edge)>,
        returns: &mut Returns,
    ) -> Result<(Option<Edge>, Iteration), Stop> {
        let header = facts.cfg.loops()[index].header;
        // A path of its own for each iteration: its allocations and calls are different ones.
        let path = {
            let header = self.block_number(frame.function, header);
            self.names.context(frame.path, header, u32::MAX, iteration)
        };
        let inner = Frame {
            path,
            ..frame.clone()
        };
        self.watched.push(Watch {
            context: frame.context,
            function: frame.function,
            tests: end_tests(frame, facts, index, self),
            constant: false,
            failed: false,
        });
        let exit = self.run_region(&inner, facts, Some(index), header, current, returns);
        let watch = self.watched.pop();
        let done = Iteration {
            constant: watch.as_ref().is_some_and(|w| w.constant),
            failed: watch.is_some_and(|w| w.failed),
        };
        let exit = exit?;
        outside.extend(exit.outside);
        let live = facts.live.get(header.index());
        let next = self.merge(exit.back, |r| live.is_none_or(|l| l.contains(&(r as u32))))?;
        Ok((next, done))
    }

    /// Executes a loop up to `bound` iterations whose end the input decides.
    pub(super) fn unroll(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        entry: Edge,
        returns: &mut Returns,
        bound: u32,
    ) -> Result<Vec<(BlockId, Edge)>, Stop> {
        let header = facts.cfg.loops()[index].header;
        let before = entry.state.clone();
        let mut outside = Vec::new();
        let mut current = entry;
        let (mut iteration, mut decided_by_input) = (0, 0);
        loop {
            if decided_by_input >= bound {
                self.events.push(Event::Unwound {
                    guard: current.guard,
                    function: frame.function,
                    header,
                });
                break;
            }
            self.probe(frame, header, (current.guard, &current.state), &before)?;
            let (next, done) =
                self.iterate(frame, facts, index, iteration, current, &mut outside, returns)?;
            iteration += 1;
            // Nothing goes on behind what never holds. (After few iterations what is behind the loop is still reported,
            // as if it had held.)
            if done.failed && iteration > WORD_TRIPS {
                break;
            }
            if !done.constant || iteration > CONSTANT_TRIPS {
                decided_by_input += 1;
            }
            match next {
                Some(next) => current = next,
                None => break,
            }
        }
        Ok(outside)
    }

    /// May the loop be one of few iterations whose number is constant? So it looks when its test, at the header, has a
    /// constant value on entry.
    pub(super) fn is_short(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        entry: &Edge,
    ) -> bool {
        let header = facts.cfg.loops()[index].header;
        let key = self.loop_key(frame, header);
        if self.learned.loops.get(&key).is_some_and(|l| l.not_short)
            || !end_tests(frame, facts, index, self).contains(&header)
        {
            return false;
        }
        let program = self.program;
        let Some(block) = program.function(frame.function).blocks().get(header.index()) else {
            return false;
        };
        let Terminator::Branch { condition, .. } = &block.terminator else {
            return false;
        };
        let mut state = entry.state.clone();
        for statement in &block.statements {
            match &statement.kind {
                StmtKind::Check(_) => {}
                StmtKind::Assign { dst, value } => match self.value(frame, &state, value) {
                    Ok(value) => self.assign(&mut state, *dst, value),
                    Err(_) => return false,
                },
                _ => return false,
            }
        }
        let taken = self.truth(frame, &state, condition);
        taken.is_ok_and(|taken| self.terms.is_true(taken) || self.terms.is_false(taken))
    }

    /// Executes a loop that looks short; one that is not is cut when the analysis starts again.
    pub(super) fn run_short(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        index: usize,
        entry: Edge,
        returns: &mut Returns,
    ) -> Result<Vec<(BlockId, Edge)>, Stop> {
        let started = self.steps;
        let mut outside = Vec::new();
        let mut current = entry;
        for iteration in 0..=SHORT_TRIPS {
            let (next, done) =
                self.iterate(frame, facts, index, iteration, current, &mut outside, returns)?;
            match next {
                None => return Ok(outside),
                Some(next) if done.constant && self.steps - started < SHORT_STEPS => current = next,
                Some(_) => break,
            }
        }
        let key = self.loop_key(frame, facts.cfg.loops()[index].header);
        self.learned.loops.entry(key).or_default().not_short = true;
        Err(Stop::Restart)
    }

    pub(super) fn loop_key(&self, frame: &Frame, header: BlockId) -> LoopKey {
        LoopKey {
            context: frame.path,
            function: frame.function,
            header,
        }
    }
}

//! Proposes loop invariants: intervals of integer registers, and templates filled with what the loop's own
//! conditions compare.
//!
//! Nothing that this crate says is trusted, and nothing rests on it but whether a proof is found: the verifier
//! keeps those candidates that the solver proves inductive (Flanagan and Leino, *Houdini, an Annotation
//! Assistant for ESC/Java*, 2001). A candidate may therefore be a guess, and a guess that is wrong costs a query.
//! What matters is that the few facts that a proof needs are among the first, and that the order never varies.
//!
//! 1. [`interval`]: intervals of one value under both readings, and the arithmetic on them.
//! 2. [`analysis`]: their fixpoint over a function, with widening and narrowing (Cousot and Cousot, 1977).
//! 3. [`expression`], `blocks`: conditions taken apart; what a block does to registers, as expressions.
//! 4. `facts`: what one loop changes, compares and counts.
//! 5. `templates`: the candidates.
//! 6. [`known`]: what holds before each line, in C, whatever goes wrong: the one part whose results are said as facts.
//!
//! The crate knows neither terms nor solvers, and no memory: candidates speak of registers and constants only ([`known`] makes registers
//! of the places in memory that a function reads).

pub mod analysis;
mod blocks;
pub mod expression;
mod facts;
pub mod interval;
pub mod known;
mod templates;

use vf_ir::cfg::Cfg;
use vf_ir::{BlockId, Body, Expr, FunctionId, LocalId, Program};

/// Candidates of one loop, at most.
pub const MAX_CANDIDATES: usize = 150;

/// What may hold whenever control is at a loop's header.
#[derive(Clone, Debug, PartialEq)]
pub struct LoopProposal {
    pub header: BlockId,
    /// The likeliest and most useful first; no two are the same.
    pub candidates: Vec<Candidate>,
    /// Registers that each iteration changes by constants only.
    pub inductions: Vec<Induction>,
}

/// One property of the registers at a header.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// An `Int(1)` over registers and constants.
    pub condition: Expr,
    pub origin: Origin,
}

/// Who proposed a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A bound of one register.
    Interval,
    /// A bound of one register by another, or by its difference to another.
    Zone,
    /// A register against its own value before the loop.
    Start,
    /// The remainder of a counter that moves by constants.
    Congruence,
    /// A form filled in with what the loop compares.
    Template(&'static str),
    /// A condition under which the loop goes on, weakened by one step.
    Guard,
}

/// A register to which a loop only ever adds constants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Induction {
    pub local: LocalId,
    /// The addends, ascending, signed readings. More than one where different paths add different ones.
    pub steps: Vec<i128>,
    /// Every iteration adds one of them exactly once.
    pub every_iteration: bool,
}

/// Candidates for every natural loop of a function, an outer loop before those inside it. Empty for a function
/// without a body or without loops, and for an id that the program does not have.
pub fn propose(program: &Program, function: FunctionId) -> Vec<LoopProposal> {
    let Some(definition) = program.functions.get(function.index()) else {
        return Vec::new();
    };
    if !matches!(definition.body, Body::Defined(_)) {
        return Vec::new();
    }
    let cfg = Cfg::new(definition);
    if cfg.loops().is_empty() {
        return Vec::new();
    }
    let intervals = analysis::intervals(program, definition, &cfg);
    let surroundings = facts::Surroundings::of(program, definition, &cfg);
    cfg.loops()
        .iter()
        .map(|region| {
            let facts = facts::LoopFacts::of(&surroundings, region);
            let candidates = templates::candidates(&surroundings, &facts, intervals.at(region.header));
            LoopProposal {
                header: region.header,
                candidates,
                inductions: facts.inductions,
            }
        })
        .collect()
}

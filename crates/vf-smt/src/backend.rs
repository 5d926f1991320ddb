//! One z3 solver, told lazily what the frames of a [`Solver`](crate::Solver) hold.
//!
//! Lazily, because z3 bit-blasts everything that it was told when a frame is opened, outside of any limit. Here it
//! is told only by a check, and a large formula is checked on its own, within the limits, before a frame is opened
//! above it.

use crate::tables::HashSet;

use z3::ast::Bool;
use z3::{Params, SatResult};

use crate::memory::Room;
use crate::model;
use crate::solver::{Limits, UnknownWhy};
use crate::stop;
use crate::term::{Sort, Term, Terms, View};
use crate::translate::Translation;
use crate::value::Assignment;

/// Which of z3's engines runs. Bit-vectors alone are bit-blasted and given to its SAT solver, which is the better
/// one where it matters, in arithmetic (`benches/bounds.rs`); arrays need the general one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Engine {
    Bits,
    Arrays,
}

/// Answer of one check.
pub(crate) enum Answer {
    Sat,
    /// Assumptions that suffice.
    Unsat(Vec<Term>),
    Unknown(UnknownWhy),
    /// A limit was met inside the SAT solver, which stops where it stands: it is not to be asked again.
    Stopped(UnknownWhy),
}

/// Formulas whose circuits have about so many gates in all are checked before a frame is opened above them.
const LARGE: u64 = 400_000;

pub(crate) struct Backend {
    engine: Engine,
    room: Room,
    z3: z3::Solver,
    /// Those that z3 was told.
    limits: Option<Limits>,
    translation: Translation,
    /// How many formulas of each frame z3 was told.
    told: Vec<usize>,
    /// Terms that z3 was told, and about how large the circuits of those are that no check has seen.
    known: HashSet<Term>,
    unseen: u64,
    /// A frame for assumptions is open.
    assuming: bool,
    /// How many congruences of reads z3 was told, and how many when each frame but the first was opened.
    congruences: usize,
    congruences_before: Vec<usize>,
}

impl Backend {
    pub(crate) fn new(engine: Engine, modest: bool) -> Backend {
        let z3 = match engine {
            Engine::Bits => z3::Solver::new_for_logic("QF_BV"),
            // The solvers for logics with arrays know no constant arrays (z3 4.8.12).
            Engine::Arrays => None,
        };
        Backend {
            engine,
            room: Room::new(modest),
            z3: z3.unwrap_or_default(),
            limits: None,
            translation: Translation::new(engine == Engine::Bits),
            told: vec![0],
            known: HashSet::default(),
            unseen: 0,
            assuming: false,
            congruences: 0,
            congruences_before: Vec::new(),
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        self.engine
    }

    /// Forgets frames above the first `frames`.
    pub(crate) fn shrink(&mut self, frames: usize) {
        while self.told.len() > frames.max(1) {
            self.z3.pop(1);
            if let Some(before) = self.congruences_before.pop() {
                self.congruences = before;
            }
            if self.told.pop() != Some(0) {
                // What the frame held is bit-blasted anew when it is told again.
                self.known.clear();
            }
        }
    }

    /// Asks whether the formulas of all frames and the assumptions hold together. [`Backend::model`] may be asked
    /// until [`Backend::finish`].
    pub(crate) fn check(
        &mut self,
        terms: &Terms,
        limits: Limits,
        frames: &[Vec<Term>],
        assumptions: &[Term],
    ) -> Answer {
        if self.limits != Some(limits) {
            self.z3.set_params(&self.parameters(limits));
            self.limits = Some(limits);
        }
        for (number, frame) in frames.iter().enumerate() {
            if number >= self.told.len() {
                if let Some(answer) = self.settle(limits) {
                    return answer;
                }
                self.tell_congruences();
                self.congruences_before.push(self.congruences);
                self.z3.push();
                self.told.push(0);
            }
            let told = std::mem::replace(&mut self.told[number], frame.len());
            for &formula in frame.iter().skip(told) {
                self.measure(terms, formula);
                self.z3.assert(self.translation.boolean(terms, formula));
            }
        }
        // Elements that the assumptions read are part of what lasts.
        for &assumption in assumptions {
            self.translation.boolean(terms, assumption);
        }
        self.tell_congruences();
        if assumptions.is_empty() {
            self.unseen = 0;
            let result = stop::asking(|| self.z3.check());
            return self.answer(result, limits, &[]);
        }
        if let Some(answer) = self.settle(limits) {
            return answer;
        }
        // What stands in for assumptions is forgotten after the check: a SAT solver goes on looking for values of
        // everything that it was ever told, and after a hundred obligations does little else.
        self.z3.push();
        self.assuming = true;
        let literals: Vec<(Bool, Term)> = assumptions
            .iter()
            .enumerate()
            .map(|(i, &term)| (self.literal(terms, i, term), term))
            .collect();
        let expressions: Vec<Bool> = literals.iter().map(|(literal, _)| literal.clone()).collect();
        let result = stop::asking(|| self.z3.check_assumptions(&expressions));
        self.answer(result, limits, &literals)
    }

    fn parameters(&self, limits: Limits) -> Params {
        let mut parameters = Params::new();
        if self.engine == Engine::Bits {
            parameters.set_u32("max_memory", self.room.limit_mb);
        }
        parameters.set_u32("timeout", limits.timeout_ms.unwrap_or(u32::MAX));
        // Zero means no limit.
        parameters.set_u32("rlimit", limits.rlimit.map_or(0, |limit| limit.max(1)));
        parameters
    }

    /// Values of the query's variables after [`Answer::Sat`].
    pub(crate) fn model(&mut self, terms: &Terms, query: &[Term]) -> Option<Assignment> {
        let z3_model = self.z3.get_model()?;
        Some(model::extract(terms, &mut self.translation, &z3_model, query))
    }

    /// Ends a check: its assumptions are forgotten.
    pub(crate) fn finish(&mut self) {
        if std::mem::take(&mut self.assuming) {
            self.z3.pop(1);
        }
    }

    /// What holds of elements read since this was told last.
    fn tell_congruences(&mut self) {
        let all = self
            .translation
            .reads()
            .map_or(&[][..], |reads| &reads.congruences);
        for congruence in all.iter().skip(self.congruences) {
            self.z3.assert(congruence);
        }
        self.congruences = all.len();
    }

    /// Checks what z3 was told, where that is large and there are limits to keep: `Some` where that is the answer
    /// already.
    fn settle(&mut self, limits: Limits) -> Option<Answer> {
        if self.unseen < LARGE || limits == Limits::default() {
            return None;
        }
        match stop::asking(|| self.z3.check()) {
            SatResult::Sat => {
                self.unseen = 0;
                None
            }
            result => Some(self.answer(result, limits, &[])),
        }
    }

    /// Counts the circuits of what is new in a formula.
    fn measure(&mut self, terms: &Terms, formula: Term) {
        let mut pending = vec![formula];
        while let Some(term) = pending.pop() {
            if self.known.insert(term) {
                let view = terms.view(term);
                self.unseen += circuit_size(terms, term, &view);
                pending.extend(view.children());
            }
        }
    }

    /// A z3 literal for an assumption: itself where it is one, otherwise a name that implies it.
    fn literal(&mut self, terms: &Terms, number: usize, term: Term) -> Bool {
        let expression = self.translation.boolean(terms, term);
        let is_literal = match terms.view(term) {
            View::Var { .. } => true,
            View::Not(inner) => matches!(terms.view(inner), View::Var { .. }),
            _ => false,
        };
        if is_literal {
            return expression;
        }
        let name = Bool::new_const(format!("p{number}"));
        self.z3.assert(name.implies(&expression));
        name
    }

    /// z3's answer in our words. `literals`: what was assumed, with the assumption that each stands for.
    fn answer(&self, result: SatResult, limits: Limits, literals: &[(Bool, Term)]) -> Answer {
        match result {
            SatResult::Sat => Answer::Sat,
            SatResult::Unsat if literals.is_empty() => Answer::Unsat(Vec::new()),
            SatResult::Unsat => {
                let named = self.z3.get_unsat_core();
                let is_named = |literal: &Bool| named.iter().any(|other| other.ast_eq(literal));
                let mut core: Vec<Term> = literals
                    .iter()
                    .filter(|(literal, _)| is_named(literal))
                    .map(|(_, term)| *term)
                    .collect();
                core.sort_unstable();
                core.dedup();
                Answer::Unsat(core)
            }
            SatResult::Unknown => {
                let reason = self.z3.get_reason_unknown().unwrap_or_default();
                if reason.contains("sat.canceled") {
                    return Answer::Stopped(why_unknown("canceled", limits));
                }
                Answer::Unknown(why_unknown(&reason, limits))
            }
        }
    }
}

/// Gates of a term's own circuit, by rule of thumb.
fn circuit_size(terms: &Terms, term: Term, view: &View) -> u64 {
    let bits = |t: Term| match terms.sort(t) {
        Sort::BitVec(bits) => u64::from(bits),
        Sort::Bool | Sort::Array { .. } => 1,
    };
    match view {
        View::Mul(a, _)
        | View::UDiv(a, _)
        | View::SDiv(a, _)
        | View::URem(a, _)
        | View::SRem(a, _)
        | View::UMulOverflow(a, _)
        | View::SMulOverflow(a, _) => bits(*a) * bits(*a),
        View::Shl(a, _) | View::LShr(a, _) | View::AShr(a, _) => 8 * bits(*a),
        View::Eq(a, _) | View::Ult(a, _) | View::Slt(a, _) => bits(*a),
        _ => bits(term),
    }
}

/// z3 tells its reason in words.
fn why_unknown(reason: &str, limits: Limits) -> UnknownWhy {
    match reason {
        "timeout" => UnknownWhy::Timeout,
        _ if reason.contains("resource") => UnknownWhy::ResourceLimit,
        "canceled" | "interrupted" | "interrupted from keyboard" => match limits {
            Limits {
                timeout_ms: Some(_), ..
            } => UnknownWhy::Timeout,
            Limits { rlimit: Some(_), .. } => UnknownWhy::ResourceLimit,
            _ => UnknownWhy::Cancelled,
        },
        _ => UnknownWhy::Incomplete(reason.to_string()),
    }
}

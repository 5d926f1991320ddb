//! Walks to a terminator written by hand: `while (*p != '\0') p++`.
//!
//! A byte of the caller's that a loop loads and compares with zero is read as a string, as `strlen` reads one: that a
//! NUL lies ahead is then part of the usual reading of the parameter. Only where nothing says how many bytes there
//! are: `while (i < n && s[i] != '\0')` rests on `n`.

use vf_source::tables::HashSet;

use vf_ir::cfg::Cfg;
use vf_ir::{CompareOp, Expr, Function, LocalId, StmtKind, Terminator, Ty};
use vf_smt::Term;

use super::registers::visit_expressions;
use super::state::State;
use super::value::{ObjectId, ObjectKey, Pointer};
use super::{Engine, Stop};

/// Registers that a loop loads with a byte and that the function compares with zero.
pub(super) fn terminator_reads(function: &Function, cfg: &Cfg) -> HashSet<LocalId> {
    let in_loop = |index: usize| {
        cfg.loops()
            .iter()
            .any(|l| l.blocks.iter().any(|b| b.index() == index))
    };
    let mut loaded: HashSet<LocalId> = HashSet::default();
    let mut copies: Vec<(LocalId, LocalId)> = Vec::new();
    let mut tested: HashSet<LocalId> = HashSet::default();
    for (index, block) in function.blocks().iter().enumerate() {
        for statement in &block.statements {
            match &statement.kind {
                StmtKind::Load {
                    dst, ty: Ty::Int(8), ..
                } if in_loop(index) => {
                    loaded.insert(*dst);
                }
                StmtKind::Assign { dst, value } => copies.extend(bare(value).map(|from| (*dst, from))),
                _ => {}
            }
            if !matches!(statement.kind, StmtKind::Check(_)) {
                visit_expressions(&statement.kind, function, &mut |e| zero_tests(e, &mut tested));
            }
        }
        match &block.terminator {
            Terminator::Branch { condition: e, .. } | Terminator::Return(Some(e)) => {
                zero_tests(e, &mut tested)
            }
            Terminator::Switch { value, cases, .. } if cases.iter().any(|c| c.low == 0) => {
                tested.extend(bare(value));
            }
            _ => {}
        }
    }
    let mut before = 0;
    while tested.len() > before {
        before = tested.len();
        let more = copies
            .iter()
            .filter(|(to, _)| tested.contains(to))
            .map(|(_, from)| *from);
        tested.extend(more.collect::<Vec<_>>());
    }
    loaded.retain(|local| tested.contains(local));
    loaded
}

/// The register of which this is a copy, whatever its width.
fn bare(expr: &Expr) -> Option<LocalId> {
    match expr {
        Expr::Local(local) => Some(*local),
        Expr::Resize { arg, .. } => bare(arg),
        _ => None,
    }
}

fn zero_tests(expr: &Expr, found: &mut HashSet<LocalId>) {
    match expr {
        Expr::Compare {
            op: CompareOp::Equal | CompareOp::NotEqual,
            lhs,
            rhs,
        } => {
            for (value, other) in [(lhs, rhs), (rhs, lhs)] {
                if matches!(**other, Expr::Int { value: 0, .. }) {
                    found.extend(bare(value));
                }
            }
        }
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } => zero_tests(arg, found),
        Expr::Binary { lhs, rhs, .. } => {
            zero_tests(lhs, found);
            zero_tests(rhs, found);
        }
        Expr::Select { condition, .. } => zero_tests(condition, found),
        _ => {}
    }
}

impl Engine<'_> {
    /// A byte is loaded that the function compares with zero.
    pub(super) fn reads_terminator(&mut self, state: &State, pointer: &Pointer) -> Result<(), Stop> {
        for object in self.accessible(pointer) {
            let counted = match self.objects.get(&object).map(|o| &o.key) {
                Some(ObjectKey::Parameter(local)) => {
                    self.counts.contains_key(local) || self.starts_array(*local)
                }
                _ => self.counted.referents.contains(&object),
            };
            let Some((text, given)) = self.string_clauses.get(&object).cloned() else {
                continue;
            };
            let Some(now) = self.contents(state, object).map(|c| c.nuls.byte) else {
                continue;
            };
            // What was found with loops cut holds with loops unrolled, where writes before it are in sight.
            let known = self.learned.strings.contains(&object);
            if counted || !known && !self.is_unwritten(now, given) {
                continue;
            }
            self.strings.insert(object, 1);
            self.contract(text, self.terms.ne(given, self.no_nul()));
            // The loops around it need candidates about the NUL, which they have made already.
            if self.learned.strings.insert(object) && !self.loop_stack.is_empty() {
                return Err(Stop::Restart);
            }
        }
        Ok(())
    }

    /// Whether the known NUL is still the caller's, but for what loops that were cut made unknown.
    fn is_unwritten(&self, mut nul: Term, given: Term) -> bool {
        while nul != given {
            match self.nul_before_loop.get(&nul) {
                Some(before) => nul = *before,
                None => return false,
            }
        }
        true
    }

    /// Objects that hold strings of the caller, as far as it is known.
    pub(super) fn byte_strings(&self) -> Vec<ObjectId> {
        let read = self
            .strings
            .iter()
            .filter(|(_, unit)| **unit == 1)
            .map(|(object, _)| *object);
        let mut found: Vec<ObjectId> = read.chain(self.learned.strings.iter().copied()).collect();
        found.retain(|object| self.objects.contains_key(object));
        found.sort_unstable();
        found.dedup();
        found
    }
}

//! What a block does to registers, as expressions.

use vf_source::tables::HashMap;

use vf_ir::{Block, Expr, LocalId, StmtKind};

use crate::analysis::written;
use crate::expression::{registers, size, substitute};

/// Expressions larger than this are not followed: a candidate of that size helps nobody.
const MAX_SIZE: usize = 16;
/// Temporaries resolved one after the other, at most.
const MAX_ROUNDS: usize = 8;

/// Registers at a block's end in terms of registers at its start.
#[derive(Clone, Debug, Default)]
pub struct Effect {
    /// `None`: the value comes from memory, a call, or is too large to follow. Unchanged registers are missing.
    values: HashMap<LocalId, Option<Expr>>,
}

impl Effect {
    pub fn of(block: &Block) -> Effect {
        let mut effect = Effect::default();
        for statement in &block.statements {
            if let StmtKind::Assign { dst, value } = &statement.kind {
                let value = effect.read(value);
                effect.values.insert(*dst, value);
            } else if let Some(local) = written(&statement.kind) {
                effect.values.insert(local, None);
            }
        }
        effect
    }

    /// An expression at the end in terms of the start.
    pub fn read(&self, expr: &Expr) -> Option<Expr> {
        let mut map = HashMap::default();
        for local in registers(expr) {
            if let Some(value) = self.values.get(&local) {
                map.insert(local, value.clone()?);
            }
        }
        if map.is_empty() {
            return Some(expr.clone());
        }
        let result = substitute(expr, &map);
        (size(&result) <= MAX_SIZE).then_some(result)
    }
}

/// An expression at a block's end with the temporaries that the block itself computed resolved, in terms of
/// other registers at the same place: `%t = slt(%i, %n) ... branch %t` gives `slt(%i, %n)`.
pub fn resolved(block: &Block, expr: &Expr, is_temporary: impl Fn(LocalId) -> bool) -> Expr {
    let mut expr = expr.clone();
    for _ in 0..MAX_ROUNDS {
        let mut map = HashMap::default();
        for local in registers(&expr).into_iter().filter(|l| is_temporary(*l)) {
            if let Some(value) = last_value(block, local) {
                map.insert(local, value);
            }
        }
        if map.is_empty() {
            break;
        }
        let next = substitute(&expr, &map);
        if size(&next) > MAX_SIZE {
            break;
        }
        expr = next;
    }
    expr
}

/// The expression last assigned to a register in the block, if what it reads still has the same value at the end.
fn last_value(block: &Block, local: LocalId) -> Option<Expr> {
    let position = block
        .statements
        .iter()
        .rposition(|s| written(&s.kind) == Some(local))?;
    let StmtKind::Assign { value, .. } = &block.statements[position].kind else {
        return None;
    };
    let read = registers(value);
    let overwritten = block.statements[position..]
        .iter()
        .filter_map(|s| written(&s.kind));
    let mut overwritten = overwritten.filter(|l| read.contains(l));
    overwritten.next().is_none().then(|| value.clone())
}

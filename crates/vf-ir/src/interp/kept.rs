//! Execution of a part of a program: what a slice claims is that the rest does not matter.

use std::collections::BTreeSet;

use super::machine::{Machine, Stop};
use super::record::Site;
use crate::cfg::terminator_targets;
use crate::program::{Block, BlockId, FunctionId, StmtKind};

/// The statements and decisions that are executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    pub sites: BTreeSet<Site>,
}

impl Kept {
    pub fn has(&self, function: FunctionId, block: BlockId, statement: Option<usize>) -> bool {
        self.sites.contains(&Site {
            function,
            block,
            statement,
        })
    }
}

impl Machine<'_> {
    /// Whether what comes next is passed over; if so, it is.
    pub(super) fn pass_over(&mut self, block: &Block, statement: Option<usize>) -> Result<bool, Stop> {
        let frame = self.frame()?;
        let (id, function, at) = (frame.id, frame.function, frame.block);
        let Some(kept) = self.kept else {
            return Ok(false);
        };
        if let Some(index) = statement {
            if is_kept(kept, id, at, block, index) {
                return Ok(false);
            }
            self.frame_mut()?.statement += 1;
            return Ok(true);
        }
        let targets = terminator_targets(&block.terminator);
        let decides = targets
            .iter()
            .any(|(to, _)| Some(to) != targets.first().map(|(t, _)| t));
        if !decides || kept.has(id, at, None) {
            return Ok(false);
        }
        match self.graph(id, function).immediate_post_dominator(at) {
            Some(joint) => {
                let frame = self.frame_mut()?;
                (frame.block, frame.statement) = (joint, 0);
            }
            None => self.leave(None)?,
        }
        Ok(true)
    }
}

/// A check is kept with the operation that it stands before.
fn is_kept(kept: &Kept, function: FunctionId, at: BlockId, block: &Block, index: usize) -> bool {
    if kept.has(function, at, Some(index)) {
        return true;
    }
    let is_check = |i: usize| {
        block
            .statements
            .get(i)
            .is_some_and(|s| matches!(s.kind, StmtKind::Check(_)))
    };
    if !is_check(index) {
        return false;
    }
    let operation = (index..=block.statements.len()).find(|i| !is_check(*i));
    match operation.filter(|i| *i < block.statements.len()) {
        Some(operation) => kept.has(function, at, Some(operation)),
        None => kept.has(function, at, None),
    }
}

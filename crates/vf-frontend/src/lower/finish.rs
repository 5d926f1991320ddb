//! From the open blocks of a lowered body to the IR's: scopes become lives, needless checks and blocks go.

use vf_source::tables::HashSet;

use vf_ir::{
    Block, BlockId, Condition, DataModel, LocalId, Obligation, ObligationId, Stmt, StmtKind, Terminator,
};
use vf_source::Span;

use super::body::{FunctionState, Item, OpenBlock, Scope, ScopeId};
use super::{definite_assignment, demote};

/// A finished body.
pub(crate) struct Finished {
    pub blocks: Vec<Block>,
    pub obligations: Vec<Obligation>,
}

/// A statement, or the place where a register's value becomes indeterminate.
pub(crate) enum Event {
    Stmt(Stmt),
    Forget(LocalId),
}

pub(crate) struct FlatBlock {
    pub events: Vec<Event>,
    pub terminator: Terminator,
    pub span: Span,
}

pub(crate) fn finish(state: &mut FunctionState, model: DataModel) -> Finished {
    let tracked: HashSet<LocalId> = state.declared_in.keys().copied().collect();
    let flat = || {
        state
            .blocks
            .iter()
            .map(|b| flatten(b, &state.scopes))
            .collect::<Vec<_>>()
    };
    let mut assigned = HashSet::default();
    if !tracked.is_empty() {
        assigned = definite_assignment::discharged(&flat(), &state.obligations, &tracked);
        let open: HashSet<LocalId> = state
            .obligations
            .iter()
            .enumerate()
            .filter(|(n, _)| !assigned.contains(&ObligationId(*n as u32)))
            .filter_map(|(_, o)| asked_local(o))
            .collect();
        let again = demote::declared_in_loops(&state.blocks, &open, &state.declared_in);
        if !again.is_empty() {
            demote::demote(state, &again, model);
        }
    }
    let flat: Vec<FlatBlock> = state.blocks.iter().map(|b| flatten(b, &state.scopes)).collect();
    let blocks = flat
        .into_iter()
        .map(|b| Block {
            statements: b
                .events
                .into_iter()
                .filter_map(|e| match e {
                    Event::Stmt(s) => Some(s),
                    Event::Forget(_) => None,
                })
                .filter(|s| !matches!(s.kind, StmtKind::Check(id) if assigned.contains(&id)))
                .collect(),
            terminator: b.terminator,
            terminator_span: b.span,
        })
        .collect();
    let mut blocks = tidy(blocks);
    let obligations = renumber(&mut blocks, &state.obligations);
    Finished { blocks, obligations }
}

fn flatten(block: &OpenBlock, scopes: &[Scope]) -> FlatBlock {
    let mut events = Vec::with_capacity(block.items.len());
    let memory = |id: ScopeId| scopes.get(id.0).map_or(&[][..], |s| &s.memory);
    for item in &block.items {
        match item {
            Item::Stmt(s) => events.push(Event::Stmt(s.clone())),
            Item::Forget(l) => events.push(Event::Forget(*l)),
            Item::Enter(id) => {
                events.extend(memory(*id).iter().map(|l| implicit(StmtKind::ScopeStart(*l))));
            }
            Item::Leave(id, cleanups) => {
                let declared = scopes.get(id.0).map_or(&[][..], |s| &s.cleanups);
                events.extend(
                    declared
                        .iter()
                        .take(*cleanups)
                        .rev()
                        .map(|c| Event::Stmt(c.statement())),
                );
                events.extend(memory(*id).iter().rev().map(|l| implicit(StmtKind::ScopeEnd(*l))));
            }
        }
    }
    let (terminator, span) = block
        .terminator
        .clone()
        .unwrap_or((Terminator::Unreachable, Span::NONE));
    FlatBlock {
        events,
        terminator,
        span,
    }
}

fn implicit(kind: StmtKind) -> Event {
    Event::Stmt(Stmt {
        kind,
        span: Span::NONE,
    })
}

pub(crate) fn successors(t: &Terminator) -> Vec<BlockId> {
    match t {
        Terminator::Goto(b) => vec![*b],
        Terminator::Branch { then, otherwise, .. } => vec![*then, *otherwise],
        Terminator::Switch { cases, default, .. } => cases
            .iter()
            .map(|c| c.target)
            .chain(std::iter::once(*default))
            .collect(),
        Terminator::Return(_) | Terminator::Unreachable => Vec::new(),
    }
}

fn for_targets(t: &mut Terminator, mut f: impl FnMut(&mut BlockId)) {
    match t {
        Terminator::Goto(b) => f(b),
        Terminator::Branch { then, otherwise, .. } => {
            f(then);
            f(otherwise);
        }
        Terminator::Switch { cases, default, .. } => {
            cases.iter_mut().for_each(|c| f(&mut c.target));
            f(default);
        }
        Terminator::Return(_) | Terminator::Unreachable => {}
    }
}

/// Skips empty blocks, joins chains, and drops what is neither reached nor holds a check of the user's.
fn tidy(mut blocks: Vec<Block>) -> Vec<Block> {
    let skips: Vec<BlockId> = (0..blocks.len())
        .map(|n| last_of_empty_chain(&blocks, n))
        .collect();
    for b in &mut blocks {
        for_targets(&mut b.terminator, |t| {
            if let Some(s) = skips.get(t.index()) {
                *t = *s;
            }
        });
        let same = match &b.terminator {
            Terminator::Branch { then, otherwise, .. } if then == otherwise => Some(*then),
            _ => None,
        };
        if let Some(target) = same {
            b.terminator = Terminator::Goto(target);
        }
    }
    let kept = kept_blocks(&blocks);
    let mut predecessors = vec![0u32; blocks.len()];
    for (n, b) in blocks.iter().enumerate() {
        if kept.contains(&n) {
            for t in successors(&b.terminator) {
                if let Some(p) = predecessors.get_mut(t.index()) {
                    *p += 1;
                }
            }
        }
    }
    // Join a block with the only one that leads to it.
    let mut joined: HashSet<usize> = HashSet::default();
    for n in 0..blocks.len() {
        if !kept.contains(&n) || joined.contains(&n) {
            continue;
        }
        while let Some(Terminator::Goto(t)) = blocks.get(n).map(|b| &b.terminator) {
            let next = t.index();
            if next == n || next == 0 || predecessors.get(next) != Some(&1) || joined.contains(&next) {
                break;
            }
            let Some(follower) = blocks.get_mut(next) else {
                break;
            };
            let statements = std::mem::take(&mut follower.statements);
            let terminator = std::mem::replace(&mut follower.terminator, Terminator::Unreachable);
            let span = follower.terminator_span;
            joined.insert(next);
            if let Some(b) = blocks.get_mut(n) {
                b.statements.extend(statements);
                b.terminator = terminator;
                b.terminator_span = span;
            }
        }
    }
    let mut new_ids = vec![None; blocks.len()];
    let mut next = 0u32;
    for (n, id) in new_ids.iter_mut().enumerate() {
        if kept.contains(&n) && !joined.contains(&n) {
            *id = Some(BlockId(next));
            next += 1;
        }
    }
    let mut result = Vec::with_capacity(next as usize);
    for (n, mut b) in blocks.into_iter().enumerate() {
        if new_ids.get(n).is_some_and(Option::is_some) {
            for_targets(&mut b.terminator, |t| {
                if let Some(Some(id)) = new_ids.get(t.index()) {
                    *t = *id;
                }
            });
            result.push(b);
        }
    }
    result
}

/// Where a jump to the block really goes.
fn last_of_empty_chain(blocks: &[Block], from: usize) -> BlockId {
    let mut at = from;
    for _ in 0..blocks.len() {
        match blocks.get(at) {
            Some(Block {
                statements,
                terminator: Terminator::Goto(next),
                ..
            }) if statements.is_empty() && at != 0 && next.index() != at => {
                at = next.index();
            }
            _ => break,
        }
    }
    BlockId(at as u32)
}

fn kept_blocks(blocks: &[Block]) -> HashSet<usize> {
    let mut kept = HashSet::default();
    let mut visit = |start: usize| {
        let mut stack = vec![start];
        while let Some(n) = stack.pop() {
            if kept.insert(n)
                && let Some(b) = blocks.get(n)
            {
                stack.extend(successors(&b.terminator).iter().map(|t| t.index()));
            }
        }
    };
    visit(0);
    for (n, b) in blocks.iter().enumerate() {
        if b.statements.iter().any(|s| matches!(s.kind, StmtKind::Check(_))) {
            visit(n);
        }
    }
    kept
}

/// Keeps the obligations that still have a check, in the order of the checks.
fn renumber(blocks: &mut [Block], all: &[Obligation]) -> Vec<Obligation> {
    let mut order: Vec<ObligationId> = Vec::new();
    for b in blocks.iter_mut() {
        b.statements.retain_mut(|s| match &mut s.kind {
            StmtKind::Check(id) => match all.get(id.index()) {
                // What holds by its form alone, and cannot be evaluated to anything else, stays: it is
                // the user's and counts.
                Some(_) => {
                    order.push(*id);
                    *id = ObligationId(order.len() as u32 - 1);
                    true
                }
                None => false,
            },
            _ => true,
        });
    }
    order
        .iter()
        .filter_map(|id| all.get(id.index()).cloned())
        .collect()
}

/// The local that a check of initialisation asks for.
pub(crate) fn asked_local(o: &Obligation) -> Option<LocalId> {
    match o.condition {
        Condition::InitializedLocal(l) => Some(l),
        _ => None,
    }
}

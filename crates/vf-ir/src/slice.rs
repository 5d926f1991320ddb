//! The slice of a violation: only the statements and decisions that contributed to it.
//!
//! A backward closure over the dependences of one recorded run (Korel and Laski, *Dynamic Program Slicing*,
//! Information Processing Letters 29, 1988; Agrawal and Horgan, PLDI 1990), from the failed check: what it read,
//! what that was made of, and the decisions and calls without which control had not come there. A decision that
//! is passed whichever way it goes is not among them.
//!
//! What the closure claims is then tried: the program without everything else runs on the same input, and must
//! violate the same obligation. Where it does not, the larger closure of Korel and Laski is taken, in which a
//! statement that contributed once is there with all its executions.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashMap;

use crate::cfg::Cfg;
use crate::input::Input;
use crate::interp::{self, History, Kept, Limits, NodeId, Outcome, Site, Source};
use crate::obligation::ObligationId;
use crate::program::{BlockId, FunctionId, LocalId, Program, StmtKind};

/// What contributed to a violation.
#[derive(Clone, Debug, Default)]
pub struct Slice {
    /// The executed steps, in order; the failed check is the last.
    pub steps: Vec<NodeId>,
    /// What of the input they read; no [`Source::Step`] among it.
    pub inputs: BTreeSet<Source>,
    /// Their statements and decisions.
    pub kept: Kept,
    /// The rest of the program was taken out, and the violation was still there.
    pub closed: bool,
}

/// The slice of the violation that ended the run.
pub fn slice(
    program: &Program,
    input: &Input,
    limits: &Limits<'_>,
    run: &interp::Run,
    history: &History,
) -> Slice {
    let Outcome::Violated {
        function, obligation, ..
    } = run.outcome
    else {
        return Slice::default();
    };
    let mut found = Slice::default();
    for identity in [Identity::LoopTests, Identity::Everything] {
        found = close(program, history, identity);
        found.closed = is_closed(
            program,
            input,
            limits,
            history,
            &found.kept,
            (function, obligation),
        );
        if found.closed {
            break;
        }
    }
    found
}

/// Which other executions of a statement are taken with one that contributed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Identity {
    /// Of a loop's test the later ones: what a loop made depends on when it ended.
    LoopTests,
    /// All.
    Everything,
}

fn close(program: &Program, history: &History, identity: Identity) -> Slice {
    let mut slice = Slice::default();
    let Some(last) = history.last() else {
        return slice;
    };
    let later_tests = match identity {
        Identity::LoopTests => later_tests(history),
        Identity::Everything => HashMap::default(),
    };
    let executions = match identity {
        Identity::LoopTests => HashMap::default(),
        Identity::Everything => executions(history),
    };
    let mut seen = vec![false; history.len()];
    let mut todo = vec![last];
    todo.extend(decisions_against_assigning(program, history, last));
    while let Some(id) = todo.pop() {
        match seen.get_mut(id.index()) {
            Some(seen) if !*seen => *seen = true,
            _ => continue,
        }
        todo.extend(history.control(id));
        todo.extend(history.node(id).map(|node| node.whole));
        for source in history.sources(id) {
            match source {
                Source::Step(step) => todo.push(*step),
                other => {
                    slice.inputs.insert(*other);
                }
            }
        }
        todo.extend(later_tests.get(&id));
        if let Some(site) = history.site(id)
            && slice.kept.sites.insert(site)
        {
            todo.extend(executions.get(&site).into_iter().flatten());
        }
    }
    let wholes: BTreeSet<NodeId> = history
        .ids()
        .filter(|id| seen.get(id.index()).copied().unwrap_or(false))
        .filter_map(|id| history.node(id).map(|node| node.whole))
        .collect();
    slice.steps = wholes.into_iter().collect();
    slice
}

/// Where the check is that a register was assigned: the decisions whose other way assigns it. Nothing depends on
/// them (a statement that was not executed made nothing), yet without them there is no violation (potential
/// dependence: Gyimothy, Beszedes and Forgacs, *An Efficient Relevant Slicing Method for Debugging*, ESEC/FSE 1999).
fn decisions_against_assigning(program: &Program, history: &History, last: NodeId) -> Vec<NodeId> {
    let unassigned = history.sources(last).iter().find_map(|source| match source {
        Source::Unassigned(function, local) => Some((*function, *local)),
        _ => None,
    });
    let Some((function, local)) = unassigned else {
        return Vec::new();
    };
    let function = program.function(function);
    let graph = Cfg::new(function);
    let assigns = |block: BlockId| {
        let block = function.blocks().get(block.index());
        let mut statements = block.into_iter().flat_map(|b| &b.statements);
        statements.any(|s| assigned_register(&s.kind) == Some(local))
    };
    let decides = |id: &NodeId| -> Option<bool> {
        let site = history.site(*id)?;
        if site.statement.is_some() || history.context(*id) != history.context(last) {
            return Some(false);
        }
        // A terminator is followed by what it leads to.
        let taken = history.node(NodeId(id.0 + 1))?.block;
        let joint = graph.immediate_post_dominator(site.block);
        let others = graph.successors(site.block).iter().map(|(to, _)| *to);
        let mut todo: Vec<BlockId> = others.filter(|to| *to != taken).collect();
        let mut seen: BTreeSet<BlockId> = joint.into_iter().collect();
        while let Some(block) = todo.pop() {
            if seen.insert(block) {
                if assigns(block) {
                    return Some(true);
                }
                todo.extend(graph.successors(block).iter().map(|(to, _)| *to));
            }
        }
        Some(false)
    };
    history.ids().filter(|id| decides(id) == Some(true)).collect()
}

fn assigned_register(kind: &StmtKind) -> Option<LocalId> {
    match kind {
        StmtKind::Assign { dst, .. }
        | StmtKind::Havoc { dst, .. }
        | StmtKind::Load { dst, .. }
        | StmtKind::Alloc { dst, .. }
        | StmtKind::StringLength { dst, .. }
        | StmtKind::ObjectSize { dst, .. } => Some(*dst),
        StmtKind::Call { dst, .. } => *dst,
        _ => None,
    }
}

/// From a decision to the next execution of the same one that it let happen: the test of the next iteration.
fn later_tests(history: &History) -> HashMap<NodeId, NodeId> {
    let mut later = HashMap::default();
    for id in history.ids() {
        if let Some(control) = history.control(id)
            && let Some(site) = history.site(id)
            && site.statement.is_none()
            && history.site(control) == Some(site)
        {
            later.insert(control, id);
        }
    }
    later
}

fn executions(history: &History) -> HashMap<Site, Vec<NodeId>> {
    let mut executions: HashMap<Site, Vec<NodeId>> = HashMap::default();
    for id in history.ids() {
        if let Some(site) = history.site(id) {
            executions.entry(site).or_default().push(id);
        }
    }
    executions
}

/// Whether the kept statements alone, on the same input, violate the same obligation.
pub fn is_closed(
    program: &Program,
    input: &Input,
    limits: &Limits<'_>,
    history: &History,
    kept: &Kept,
    violated: (FunctionId, ObligationId),
) -> bool {
    // What is left takes its decisions of the outside from the same places of the run.
    let mut taken: BTreeMap<u32, bool> = BTreeMap::new();
    for id in history.ids() {
        for source in history.sources(id) {
            if let Source::Choice(number) = source {
                let stays = history
                    .site(id)
                    .into_iter()
                    .chain(history.callers(id))
                    .all(|site| kept.sites.contains(&site));
                taken.insert(*number, stays);
            }
        }
    }
    let mut input = input.clone();
    let mut number = 0;
    input.choices.retain(|_| {
        number += 1;
        taken.get(&(number - 1)).copied().unwrap_or(false)
    });
    let run = interp::run_kept(program, &input, limits, kept);
    matches!(run.outcome, Outcome::Violated { function, obligation, .. } if (function, obligation) == violated)
}

#[cfg(test)]
mod tests;

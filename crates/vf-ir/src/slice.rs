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

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::input::Input;
use crate::interp::{self, History, Kept, Limits, NodeId, Outcome, Site, Source};
use crate::obligation::ObligationId;
use crate::program::{FunctionId, Program};

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
        found = close(history, identity);
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

fn close(history: &History, identity: Identity) -> Slice {
    let mut slice = Slice::default();
    let Some(last) = history.last() else {
        return slice;
    };
    let later_tests = match identity {
        Identity::LoopTests => later_tests(history),
        Identity::Everything => HashMap::new(),
    };
    let executions = match identity {
        Identity::LoopTests => HashMap::new(),
        Identity::Everything => executions(history),
    };
    let mut seen = vec![false; history.len()];
    let mut todo = vec![last];
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

/// From a decision to the next execution of the same one that it let happen: the test of the next iteration.
fn later_tests(history: &History) -> HashMap<NodeId, NodeId> {
    let mut later = HashMap::new();
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
    let mut executions: HashMap<Site, Vec<NodeId>> = HashMap::new();
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

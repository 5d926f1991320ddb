//! Which reads of registers surely come after an assignment: the dataflow of Java's definite assignment
//! (JLS 16), over the finished graph. A check that it discharges is not made at all.

use vf_source::tables::{HashMap, HashSet};

use vf_ir::{LocalId, Obligation, ObligationId, StmtKind};

use super::finish::{Event, FlatBlock, asked_local, successors};

/// Set of tracked locals, a bit each.
type Bits = Vec<u64>;

/// The checks `InitializedLocal` that hold on every path.
pub(crate) fn discharged(
    blocks: &[FlatBlock],
    obligations: &[Obligation],
    tracked: &HashSet<LocalId>,
) -> HashSet<ObligationId> {
    let index: HashMap<LocalId, usize> = tracked.iter().enumerate().map(|(n, l)| (*l, n)).collect();
    if index.is_empty() {
        return HashSet::default();
    }
    let words = index.len().div_ceil(64);
    // In[b] = ∩ Out[p] over predecessors p; nothing is assigned at entry; unreached blocks hold everything.
    let mut entry: Vec<Bits> = vec![vec![u64::MAX; words]; blocks.len()];
    if let Some(first) = entry.first_mut() {
        *first = vec![0; words];
    }
    let mut work: Vec<usize> = vec![0];
    let mut seen = vec![false; blocks.len()];
    while let Some(n) = work.pop() {
        let (Some(block), Some(at_entry)) = (blocks.get(n), entry.get(n)) else {
            continue;
        };
        if let Some(s) = seen.get_mut(n) {
            *s = true;
        }
        let mut state = at_entry.clone();
        for e in &block.events {
            transfer(e, &index, &mut state);
        }
        for t in successors(&block.terminator) {
            let Some(target) = entry.get_mut(t.index()) else {
                continue;
            };
            let mut changed = false;
            for (old, new) in target.iter_mut().zip(&state) {
                let meet = *old & new;
                changed |= meet != *old;
                *old = meet;
            }
            if changed || !seen.get(t.index()).copied().unwrap_or(true) {
                work.push(t.index());
            }
        }
    }
    let mut holds = HashSet::default();
    for (block, at_entry) in blocks.iter().zip(&entry) {
        let mut state = at_entry.clone();
        for e in &block.events {
            if let Event::Stmt(s) = e
                && let StmtKind::Check(id) = s.kind
            {
                let local = obligations.get(id.index()).and_then(asked_local);
                if let Some(n) = local.and_then(|l| index.get(&l)) {
                    if bit(&state, *n) {
                        holds.insert(id);
                    }
                    // Checked once is enough on this path: execution goes on as if it had held.
                    set(&mut state, *n, true);
                }
            }
            transfer(e, &index, &mut state);
        }
    }
    holds
}

fn bit(state: &Bits, n: usize) -> bool {
    state.get(n / 64).is_some_and(|w| w >> (n % 64) & 1 == 1)
}

fn set(state: &mut Bits, n: usize, value: bool) {
    if let Some(w) = state.get_mut(n / 64) {
        if value {
            *w |= 1 << (n % 64);
        } else {
            *w &= !(1 << (n % 64));
        }
    }
}

fn transfer(e: &Event, index: &HashMap<LocalId, usize>, state: &mut Bits) {
    let (local, value) = match e {
        Event::Forget(l) => (Some(*l), false),
        Event::Stmt(s) => {
            let dst = match &s.kind {
                StmtKind::Assign { dst, .. }
                | StmtKind::Havoc { dst, .. }
                | StmtKind::Load { dst, .. }
                | StmtKind::Alloc { dst, .. }
                | StmtKind::StringLength { dst, .. }
                | StmtKind::ObjectSize { dst, .. } => Some(*dst),
                StmtKind::Call { dst, .. } => *dst,
                _ => None,
            };
            (dst, true)
        }
    };
    if let Some(n) = local.and_then(|l| index.get(&l)) {
        set(state, *n, value);
    }
}

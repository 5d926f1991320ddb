//! Invariants from Spacer: what it proposes is tried like any other candidate.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::{Duration, Instant};

use vf_ir::{FunctionId, ObligationId};
use vf_smt::Terms;

use super::proofs::Task;
use super::{Answer, Context, EntryResult};
use crate::engine::{self, Memo, Mode};
use crate::search::{self, Source};
use crate::spacer::{self, Patience};

/// With less time left, Spacer is not asked.
const SPACER_TIME: Duration = Duration::from_secs(4);

impl Context<'_> {
    /// Asks Spacer for invariants that would prove what is open, and, where it proposes any, searches once more with them
    /// among the candidates. The first search has taken the time from when it all began until now.
    pub(super) fn try_horn_clauses(
        &self,
        task: &Task<'_>,
        memo: &mut Memo,
        began: Instant,
        result: &mut EntryResult,
    ) {
        let open = task.beside.open();
        let spent = began.elapsed();
        let left = task.deadline.map(|d| d.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left < SPACER_TIME) || self.options.without.contains(&Source::Spacer) {
            return;
        }
        let mut checks: BTreeMap<FunctionId, BTreeSet<ObligationId>> = BTreeMap::new();
        for key in open.iter() {
            checks.entry(key.inner).or_default().insert(key.obligation);
        }
        let patience = Patience {
            repeatable: self.options.rlimit.is_some(),
            deadline: task.deadline,
        };
        let assumed = |function, obligation| !self.skips(function, obligation);
        let proposals = spacer::propose(self.program, &checks, &assumed, &patience);
        if proposals.is_empty() {
            return;
        }
        memo.solved = Rc::new(proposals);
        // Another search among all candidates takes as long as the first.
        memo.solved_alone = left.is_some_and(|left| left < spent * 2);
        let terms = Terms::new();
        let execution = engine::execute(task.settings, &terms, memo, Mode::Invariants);
        memo.solved = Rc::default();
        memo.solved_alone = false;
        let Ok(execution) = execution else {
            return;
        };
        let until = left.map(|left| Instant::now() + left / 2);
        let solved = self.solve(&execution, &terms, until, Some(&open), task);
        result.search.queries += solved.queries;
        result.search.passes += solved.passes;
        let tried = search::by_source(&execution, &solved.kept);
        let of_spacer = tried.into_iter().filter(|(source, _)| *source == Source::Spacer);
        result.search.candidates.extend(of_spacer);
        for (key, finding) in &solved.findings {
            // What is refuted by a counterexample is left to the bounds, which find it in few iterations.
            if !finding.all_proved() || self.speaks_of_every_moment(key) {
                continue;
            }
            if let Some(decision) = result.decisions.get_mut(key)
                && task.beside.decided(key)
            {
                decision.applies = finding.applies;
                decision.take(Answer::proved(&execution, finding));
            }
        }
    }
}

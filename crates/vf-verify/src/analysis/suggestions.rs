//! What would have helped: contracts under which a refuted obligation holds, and invariants that prove an open one.

use std::time::Instant;

use vf_smt::Terms;

use super::{Context, Decision, EntryResult};
use crate::engine::{self, CheckKey, Execution, Memo, Mode, Settings};
use crate::report::{SuggestedInvariant, Verdict};
use crate::sufficient::what_is_needed;
use crate::suggest::{plausible, sufficient_set};

/// Refuted obligations of one function for which a contract is looked for.
const CONTRACTS_SOUGHT: usize = 4;
/// Open obligations of one function for which invariants are looked for.
const INVARIANTS_SOUGHT: usize = 4;
/// Iterations in which clauses are tried out before they are suggested.
const TRIED_OUT: u32 = 4;

impl Context<'_> {
    /// For what is refuted under the usual reading of the parameters: what would callers have to keep?
    pub(super) fn look_for_contracts(
        &self,
        execution: &Execution,
        terms: &Terms,
        kept: &[usize],
        result: &mut EntryResult,
    ) {
        let entry = result.entry;
        let refuted = result
            .decisions
            .iter_mut()
            .filter(|(key, decision)| decision.verdict == Verdict::Refuted && key.function == entry);
        for (key, decision) in refuted.take(CONTRACTS_SOUGHT) {
            decision.needs = what_is_needed(execution, terms, kept, key, self.options.rlimit);
        }
    }

    /// For what is open behind a loop: which invariants would have sufficed?
    pub(super) fn look_for_invariants(
        &self,
        execution: &Execution,
        terms: &Terms,
        kept: &[usize],
        (settings, memo): (&Settings<'_>, &mut Memo),
        result: &mut EntryResult,
    ) {
        let late = || settings.budget.deadline.is_some_and(|d| Instant::now() > d);
        let blocked = &result.blocked;
        let behind_loop = |key: &CheckKey| matches!(blocked.get(key), Some((_, Some(_))));
        let open = |verdict| matches!(verdict, Verdict::Unknown | Verdict::ProvedToBound);
        let mut sought: Vec<(&CheckKey, &mut Decision)> = result
            .decisions
            .iter_mut()
            .filter(|(key, decision)| open(decision.verdict) && behind_loop(key))
            .take(INVARIANTS_SOUGHT)
            .collect();
        if sought.is_empty() || execution.clauses.is_empty() || late() {
            return;
        }
        let probing = Settings {
            probes: &execution.clauses,
            ..settings.clone()
        };
        let unrolled = Terms::new();
        let rlimit = self.options.rlimit;
        let Ok(tried) = engine::execute(&probing, &unrolled, memo, Mode::Unroll(TRIED_OUT)) else {
            return;
        };
        let plausible = plausible(&tried, &unrolled, execution.clauses.len(), rlimit);
        let pool: Vec<usize> = (0..execution.clauses.len())
            .filter(|number| plausible[*number])
            .filter(|number| execution.clauses[*number].from.is_none_or(|c| !kept.contains(&c)))
            .collect();
        for (key, decision) in &mut sought {
            if late() {
                return;
            }
            let found = sufficient_set(execution, terms, kept, &pool, key, rlimit);
            let found = found.into_iter().flatten();
            decision.suggested = found
                .filter_map(|number| self.suggested(execution, number))
                .collect();
        }
    }

    fn suggested(&self, execution: &Execution, number: usize) -> Option<SuggestedInvariant> {
        let clause = execution.clauses.get(number)?;
        let of = execution.loops.get(clause.of)?;
        Some(SuggestedInvariant {
            location: self.loop_location(*of),
            clause: if clause.annotation {
                format!("loop invariant {}", clause.text)
            } else {
                clause.text.clone()
            },
            annotation: clause.annotation,
        })
    }
}

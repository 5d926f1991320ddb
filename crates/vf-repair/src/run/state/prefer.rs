//! What is still looked at once a candidate is proven.

use std::time::Instant;

use super::Run;
use crate::proposer::Candidate;
use crate::run::{Hooks, PREFER, RepairError};

impl Run<'_> {
    /// Looks among what is left of a proposer's answer for a proven candidate that costs clearly less than the one that is
    /// kept. Cheapest first, so that the first proof ends it.
    pub(super) fn prefer(
        &mut self,
        proposer: &str,
        left: Vec<Candidate>,
        hooks: &mut Hooks<'_>,
    ) -> Result<(), RepairError> {
        let Some(kept) = self.cost.clone() else {
            return Ok(());
        };
        if self.request.limits.prefer_within.is_zero() {
            return Ok(());
        }
        let mut rated: Vec<(i32, Candidate)> = Vec::new();
        for candidate in left {
            let text = candidate.apply(&self.current.text).ok();
            let cost = text.and_then(|text| self.preference.cost(&text));
            if let Some(cost) = cost.map(|c| c.total()).filter(|c| kept.is_worth_beating_with(*c)) {
                rated.push((cost, candidate));
            }
        }
        // Stable: among equals the proposer's order.
        rated.sort_by_key(|(cost, _)| *cost);
        self.until = Instant::now().checked_add(self.request.limits.prefer_within);
        for (_, candidate) in rated.into_iter().take(PREFER) {
            let over = self.time_left().is_some_and(|left| left.is_zero());
            if over || self.tried >= self.request.limits.candidates {
                break;
            }
            if self.attempt(proposer, candidate, &mut None, hooks)? {
                break;
            }
        }
        self.until = None;
        Ok(())
    }
}

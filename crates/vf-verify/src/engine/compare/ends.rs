//! From the end of the old version to the comparison of both.

use std::collections::BTreeSet;
use vf_smt::Term;

use super::super::exec::Exit;
use super::super::state::Memory;
use super::super::value::{ObjectId, ObjectKey, Value};
use super::super::{Engine, Event, Stop};
use super::{Against, Compared, Sees, Side};

impl Engine<'_> {
    /// The old version has been executed; the new one comes next.
    pub(in crate::engine) fn begin_new_version(&mut self) {
        let sizes = self.objects.iter().map(|(id, o)| (*id, o.size)).collect();
        let within = self.terms.not(self.beyond_the_bound());
        if let Some(comparison) = &mut self.comparison {
            comparison.side = Side::New;
            // Reads are repeated, so that what they lead to is seen to be mentioned.
            self.pointer_reads.clear();
            comparison.occurrences.clear();
            comparison.times.clear();
            comparison.sizes = sizes;
            comparison.within = Some(within);
        }
    }

    /// Asks whether both versions did the same.
    pub(in crate::engine) fn compare_ends(
        &mut self,
        against: &Against<'_>,
        old: Option<Exit>,
        new: Option<Exit>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        let calls = std::mem::take(&mut comparison.calls);
        comparison.end = old.as_ref().map(|o| o.guard);
        // What the unrolling leaves out of the new version is not compared either.
        let within = t.not(self.beyond_the_bound());
        for call in &calls {
            if call.sees == Sees::Computed {
                continue;
            }
            let made = call.matched.unwrap_or_else(|| t.bool(false));
            let guard = t.and(call.guard, within);
            self.ask(Compared::DroppedCall(call.name.clone()), guard, made);
        }
        let Some(old) = old else { return Ok(()) };
        let within = t.and(old.guard, within);
        let Some(new) = new else {
            self.ask(Compared::Returns, within, t.bool(false));
            return Ok(());
        };
        self.ask(Compared::Returns, within, new.guard);
        let both = t.and(within, new.guard);
        let ids: BTreeSet<ObjectId> = old.memory.keys().chain(new.memory.keys()).copied().collect();
        let mut silent = t.bool(true);
        let returned: BTreeSet<ObjectId> = match &old.value {
            Some(Value::Pointer(pointer)) => pointer.targets.iter().copied().collect(),
            _ => BTreeSet::new(),
        };
        for id in ids {
            let Some(info) = self.objects.get(&id).cloned() else {
                continue;
            };
            let made = info.is_heap();
            let reached = info.input || matches!(info.key, ObjectKey::Global(_)) || info.summary;
            let held = made && (self.pointers_stored.contains(&id) || returned.contains(&id));
            if made {
                // What only the new version keeps is lost to everyone, unless a pointer to it is seen, which is compared.
                let lives = |memory: &Memory| self.held(memory, id).map_or(t.bool(false), |c| c.alive);
                let kept = t.implies(lives(&new.memory), lives(&old.memory));
                self.ask(Compared::Life(info.name.clone()), both, kept);
            }
            if info.constant || !(reached || held) {
                continue;
            }
            let (Some(was), Some(is)) = (self.held(&old.memory, id), self.held(&new.memory, id)) else {
                // Made by one version only: a pointer to it is no pointer of the other one.
                continue;
            };
            if reached {
                let first = self.initial.get(&id).map(|c| c.version);
                for version in [was.version, is.version] {
                    let kept = first.map_or(t.bool(false), |first| self.kept_since(version, first));
                    silent = t.and(silent, kept);
                }
                silent = t.all(&[silent, was.alive, is.alive]);
                self.ask(Compared::Life(info.name.clone()), both, t.eq(was.alive, is.alive));
            }
            let alive = t.all(&[both, was.alive, is.alive]);
            let (open, same) = if info.summary {
                (t.bool(true), t.bool(was.version == is.version))
            } else {
                self.equal_contents(id, was.version, is.version)?
            };
            self.ask(Compared::Bytes(info.name.clone()), t.and(alive, open), same);
            self.ask_size(id, alive);
        }
        for call in &calls {
            if call.sees != Sees::Computed {
                silent = t.and(silent, t.not(call.guard));
            }
        }
        let same = match (&old.value, &new.value) {
            (Some(old), Some(new)) => {
                let same = self.equal(old, new);
                let refuse = t.and(self.is_error(old, against), self.is_error(new, against));
                t.or(same, t.and(silent, refuse))
            }
            _ => t.bool(true),
        };
        self.ask(Compared::Result, both, same);
        Ok(())
    }

    /// Executions that the unrolling has left out so far.
    pub(super) fn beyond_the_bound(&self) -> Term {
        let left_out = self.events.iter().filter_map(|event| match event {
            Event::Unwound { guard, .. } => Some(*guard),
            _ => None,
        });
        self.terms.any(&left_out.collect::<Vec<_>>())
    }

    /// One of the error codes that the old version's text has.
    fn is_error(&self, value: &Value, against: &Against<'_>) -> Term {
        let t = self.terms;
        let Value::Bits(value) = value else {
            return t.bool(false);
        };
        let width = t.width(*value);
        let codes: Vec<Term> = against
            .errors
            .iter()
            .map(|code| {
                t.eq(
                    *value,
                    t.bv(width, (*code).wrapping_neg() & (u128::MAX >> (128 - width))),
                )
            })
            .collect();
        t.any(&codes)
    }
}

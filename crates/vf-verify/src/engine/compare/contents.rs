//! When two versions of an object hold the same.

use std::collections::HashMap;
use vf_ir::ObligationId;
use vf_smt::{Sort, Term};

use super::super::memory::{Version, VersionId};
use super::super::value::{ObjectId, ObjectKey, Value};
use super::super::{CheckInstance, CheckKey, Engine, Event, Stop};
use super::{Compared, Side};

impl Engine<'_> {
    pub(super) fn ask(&mut self, what: Compared, guard: Term, holds: Term) {
        let entry = self.settings.entry;
        let Some(comparison) = &mut self.comparison else {
            return;
        };
        let guard = comparison
            .within
            .map_or(guard, |within| self.terms.and(guard, within));
        if self.terms.is_false(guard) || self.terms.is_true(holds) {
            return;
        }
        let key = CheckKey {
            function: entry,
            via: Vec::new(),
            inner: entry,
            obligation: ObligationId(u32::MAX - comparison.compared.len() as u32),
        };
        comparison.compared.insert(key.clone(), what);
        self.events.push(Event::Check(CheckInstance {
            key,
            guard,
            holds,
            applies: true,
            after_loop: self.after_loop,
        }));
    }

    /// Whoever gets an object uses all of it: it must not have become smaller.
    pub(super) fn ask_size(&mut self, object: ObjectId, guard: Term) {
        let before = self
            .comparison
            .as_ref()
            .and_then(|c| c.sizes.get(&object))
            .copied();
        let Some((before, info)) = before.zip(self.objects.get(&object)) else {
            return;
        };
        let (what, holds) = (
            Compared::Size(info.name.clone()),
            self.terms.ule(before, info.size),
        );
        self.ask(what, guard, holds);
    }

    pub(super) fn equal(&self, a: &Value, b: &Value) -> Term {
        let t = self.terms;
        match (a, b) {
            (Value::Bits(a), Value::Bits(b)) if t.sort(*a) == t.sort(*b) => t.eq(*a, *b),
            (Value::Pointer(a), Value::Pointer(b)) => t.and(t.eq(a.base, b.base), t.eq(a.offset, b.offset)),
            _ => t.bool(false),
        }
    }

    /// The bytes at every place of an object that both versions have are equal: when that is a question, and what holds then.
    /// (Whether it is one is a matter of conditions, which the solver settles before it looks at memory.)
    pub(super) fn equal_contents(
        &mut self,
        object: ObjectId,
        a: VersionId,
        b: VersionId,
    ) -> Result<(Term, Term), Stop> {
        let t = self.terms;
        if a == b {
            return Ok((t.bool(false), t.bool(true)));
        }
        let Some(size) = self.objects.get(&object).map(|o| o.size) else {
            return Ok((t.bool(true), t.bool(false)));
        };
        let place = self.every_place(object);
        let mut inside = t.ult(place, size);
        // What is written behind an object that was made too small counts as if it were there.
        let oblivious = self.settings.against.is_some_and(|a| a.oblivious);
        let before = self.comparison.as_ref().and_then(|c| c.sizes.get(&object));
        if let Some(before) = before.filter(|_| !oblivious) {
            inside = t.and(inside, t.ult(place, *before));
        }
        let differ = self.may_differ(a, b, &mut HashMap::new());
        if t.is_false(differ) {
            return Ok((differ, t.bool(true)));
        }
        let g = self.granule(object);
        let old = self.read_bits(object, a, place, g)?;
        let new = self.read_bits(object, b, place, g)?;
        Ok((differ, t.implies(inside, t.eq(old, new))))
    }

    /// When two histories may not be the same, by their writes alone: a question of conditions, not of memory, which is all that is
    /// left where both versions write the same on the paths that they share.
    fn may_differ(
        &self,
        a: VersionId,
        b: VersionId,
        known: &mut HashMap<(VersionId, VersionId), Term>,
    ) -> Term {
        /// Pairs looked at, at most.
        const PAIRS: usize = 400;
        let t = self.terms;
        if a == b {
            return t.bool(false);
        }
        if let Some(known) = known.get(&(a, b)) {
            return *known;
        }
        if known.len() > PAIRS {
            return t.bool(true);
        }
        known.insert((a, b), t.bool(true));
        let choice = |version: VersionId| match self.version(version) {
            Version::Choice { condition, yes, no } => Some((*condition, *yes, *no)),
            _ => None,
        };
        let differ = match (choice(a), choice(b)) {
            (Some((c, yes, no)), Some((d, other_yes, other_no))) if c == d => {
                let yes = self.may_differ(yes, other_yes, known);
                let no = self.may_differ(no, other_no, known);
                t.ite(c, yes, no)
            }
            (Some((c, yes, no)), _) => {
                let yes = self.may_differ(yes, b, known);
                let no = self.may_differ(no, b, known);
                t.ite(c, yes, no)
            }
            (None, Some((d, yes, no))) => {
                let yes = self.may_differ(a, yes, known);
                let no = self.may_differ(a, no, known);
                t.ite(d, yes, no)
            }
            (None, None) => match self.before_same_write(a, b) {
                Some((a, b)) => self.may_differ(a, b, known),
                None => t.bool(true),
            },
        };
        known.insert((a, b), differ);
        differ
    }

    /// What came before two writes of the same to the same place.
    fn before_same_write(&self, a: VersionId, b: VersionId) -> Option<(VersionId, VersionId)> {
        let without_before = |version: &Version| {
            let mut version = version.clone();
            let before = match &mut version {
                Version::Store { before, .. }
                | Version::Copy { before, .. }
                | Version::Fill { before, .. }
                | Version::Havoc { before, .. } => std::mem::replace(before, VersionId(u32::MAX)),
                _ => return None,
            };
            Some((before, format!("{version:?}")))
        };
        let (before_a, text_a) = without_before(self.version(a))?;
        let (before_b, text_b) = without_before(self.version(b))?;
        (text_a == text_b).then_some((before_a, before_b))
    }

    /// A place that stands for every one of an object.
    pub(super) fn every_place(&mut self, object: ObjectId) -> Term {
        let t = self.terms;
        let g = self.granule(object);
        let shift = t.bv(self.pointer_bits, u128::from(g.trailing_zeros()));
        let number = self.unique();
        let place = t.var(&format!("every.{number}"), Sort::BitVec(self.pointer_bits));
        t.shl(place, shift)
    }

    /// Nothing was written to a version since another one; otherwise it is not known.
    pub(super) fn kept_since(&self, now: VersionId, then: VersionId) -> Term {
        let t = self.terms;
        if now == then {
            return t.bool(true);
        }
        match self.version(now) {
            Version::Choice { condition, yes, no } => t.ite(
                *condition,
                self.kept_since(*yes, then),
                self.kept_since(*no, then),
            ),
            _ => t.bool(false),
        }
    }

    /// A version comes to an object of the caller.
    pub(in crate::engine) fn mention(&mut self, object: ObjectId) {
        if let Some(comparison) = &mut self.comparison
            && comparison.side == Side::New
        {
            comparison.mentioned.insert(object);
        }
    }

    /// Whether an object is there for the version that is executed. Those that pointers of the input lead to come to be when they
    /// are first read; what the old version read is nothing to a call that the new one makes before it reads the same.
    pub(in crate::engine) fn is_mentioned(&self, key: &ObjectKey, object: ObjectId) -> bool {
        let late = matches!(key, ObjectKey::Reached(..) | ObjectKey::Returned(..));
        match &self.comparison {
            Some(comparison) if late && comparison.side == Side::New => {
                comparison.mentioned.contains(&object)
            }
            _ => true,
        }
    }

    /// The same bytes have the same length as a string: either the lengths are equal, or some byte is not.
    pub(in crate::engine) fn equal_strings(
        &mut self,
        place: (ObjectId, Term, u64),
        version: VersionId,
        length: Term,
    ) -> Result<(), Stop> {
        /// Of the old version's lengths that are compared with one.
        const MOST: usize = 4;
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return Ok(());
        };
        if comparison.side == Side::Old {
            comparison.lengths.push((place, version, length));
            return Ok(());
        }
        let others: Vec<(VersionId, Term)> = comparison
            .lengths
            .iter()
            .filter(|(other, ..)| *other == place)
            .map(|(_, version, length)| (*version, *length))
            .take(MOST)
            .collect();
        for (other, known) in others {
            let (open, same) = self.equal_contents(place.0, other, version)?;
            let differ = t.and(open, t.not(same));
            self.fact(t.or(t.eq(length, known), differ));
        }
        Ok(())
    }
}

//! When two versions of an object hold the same.

use vf_ir::ObligationId;
use vf_smt::{Sort, Term};
use vf_source::tables::HashMap;

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
            claims_unreachable: false,
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
        let differ = self.may_differ(a, b, &mut HashMap::default());
        if t.is_false(differ) {
            return Ok((differ, t.bool(true)));
        }
        let g = self.granule(object);
        let old = self.read_bits(object, a, place, g)?;
        let new = self.read_bits(object, b, place, g)?;
        Ok((differ, t.implies(inside, t.eq(old, new))))
    }

    /// When two histories may not be the same, by their writes alone: a question of conditions and numbers, not of memory, which is
    /// all that is left where both versions write the same on the paths that they share.
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
            (None, None) => match self.differ_in_last_write(a, b, known) {
                Some((before_a, before_b, differ)) => {
                    let before = self.may_differ(before_a, before_b, known);
                    t.or(differ, before)
                }
                None => t.bool(true),
            },
        };
        known.insert((a, b), differ);
        differ
    }

    /// Of two histories that end with writes of one kind: what came before these, and when they may not write the same to the same
    /// place.
    fn differ_in_last_write(
        &self,
        a: VersionId,
        b: VersionId,
        known: &mut HashMap<(VersionId, VersionId), Term>,
    ) -> Option<(VersionId, VersionId, Term)> {
        let t = self.terms;
        let same = |pairs: &[(Term, Term)]| -> Option<Term> {
            let comparable = pairs.iter().all(|(x, y)| t.sort(*x) == t.sort(*y));
            comparable.then(|| t.all(&pairs.iter().map(|(x, y)| t.eq(*x, *y)).collect::<Vec<_>>()))
        };
        let (was_a, was_b, same) = match (self.version(a), self.version(b)) {
            (
                Version::Store {
                    before,
                    offset,
                    bytes,
                    value,
                    ..
                },
                Version::Store {
                    before: other_before,
                    offset: other_offset,
                    bytes: other_bytes,
                    value: other_value,
                    ..
                },
            ) if bytes == other_bytes => {
                let value = self.equal(value, other_value);
                let place = same(&[(*offset, *other_offset)])?;
                (*before, *other_before, t.and(place, value))
            }
            (
                Version::Fill {
                    before,
                    offset,
                    size,
                    unit,
                },
                Version::Fill {
                    before: other_before,
                    offset: other_offset,
                    size: other_size,
                    unit: other_unit,
                },
            ) => {
                let same = same(&[
                    (*offset, *other_offset),
                    (*size, *other_size),
                    (*unit, *other_unit),
                ])?;
                (*before, *other_before, same)
            }
            // What one label and a distance from the start name is the same unknown byte.
            (
                Version::Havoc {
                    before,
                    offset,
                    size,
                    label,
                },
                Version::Havoc {
                    before: other_before,
                    offset: other_offset,
                    size: other_size,
                    label: other_label,
                },
            ) if label == other_label => {
                let same = same(&[(*offset, *other_offset), (*size, *other_size)])?;
                (*before, *other_before, same)
            }
            (
                Version::Copy {
                    before,
                    offset,
                    size,
                    source,
                    source_object,
                    source_offset,
                },
                Version::Copy {
                    before: other_before,
                    offset: other_offset,
                    size: other_size,
                    source: other_source,
                    source_object: other_object,
                    source_offset: other_source_offset,
                },
            ) if source_object == other_object => {
                let places = same(&[
                    (*offset, *other_offset),
                    (*size, *other_size),
                    (*source_offset, *other_source_offset),
                ])?;
                let (before, other_before) = (*before, *other_before);
                let sources = self.may_differ(*source, *other_source, known);
                (before, other_before, t.and(places, t.not(sources)))
            }
            _ => return None,
        };
        Some((was_a, was_b, t.not(same)))
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
        self.kept_since_through(now, then, &mut HashMap::default())
    }

    /// `known`: of versions looked at, since paths part and meet again: in `n` iterations of an unrolled loop, `2^n` times.
    fn kept_since_through(
        &self,
        now: VersionId,
        then: VersionId,
        known: &mut HashMap<VersionId, Term>,
    ) -> Term {
        let t = self.terms;
        if now == then {
            return t.bool(true);
        }
        if let Some(known) = known.get(&now) {
            return *known;
        }
        let kept = match *self.version(now) {
            Version::Choice { condition, yes, no } => {
                let yes = self.kept_since_through(yes, then, known);
                let no = self.kept_since_through(no, then, known);
                t.ite(condition, yes, no)
            }
            _ => t.bool(false),
        };
        known.insert(now, kept);
        kept
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

    /// The length of a string whose NUL is searched for: that of the old version wherever the histories are the same, which spares the
    /// solver to search twice.
    pub(in crate::engine) fn shared_length(
        &mut self,
        place: (ObjectId, Term, u64, u128),
        version: VersionId,
        length: Term,
    ) -> Term {
        let t = self.terms;
        let Some(comparison) = &mut self.comparison else {
            return length;
        };
        if comparison.side == Side::Old {
            comparison.searched.push((place, version, length));
            return length;
        }
        // The last one is the likeliest.
        let known = comparison
            .searched
            .iter()
            .rev()
            .find(|(other, ..)| *other == place);
        let Some((other, known)) = known.map(|(_, version, length)| (*version, *length)) else {
            return length;
        };
        let differ = self.may_differ(other, version, &mut HashMap::default());
        t.ite(differ, length, known)
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

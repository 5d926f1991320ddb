//! Pointers that a loop which is cut hands to its next iterations.
//!
//! *Older objects.* What an iteration allocates or declares is another object than what the next one does. All objects
//! of one place that iterations before the current one made are one *summary*: its contents are never known, its size
//! is where all have the same constant one, and it is alive where none of them has been freed.
//!
//! *Stored pointers.* A loop that writes nothing but whole pointers to an object leaves each of its cells as it was on
//! entry, or as one of those pointers. Which objects they lead to is learned like everything that a loop may change:
//! it is what an iteration was seen to write, and one that writes more makes the execution start over.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use vf_source::tables::HashSet;

use vf_smt::{Sort, Term};

use super::latest::Made;
use super::loops::LoopLearned;
use super::memory::{Version, VersionId};
use super::state::{Contents, State};
use super::value::{INVALID, Object, ObjectId, ObjectKey, Pointer, Value, WILD};
use super::{Engine, Stop};

/// What stored pointers lead to, each object with the offset in it where that is always the same constant.
pub type Targets = BTreeMap<ObjectId, Option<u128>>;

/// What the objects that a summary stands for have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Common {
    /// Their size, where all have the same constant one.
    size: Option<u128>,
    /// They live until they are freed.
    heap: bool,
}

/// Objects that the pointers of one loop in one object are followed to, at most.
const TARGETS: usize = 16;
/// Versions between the start and the end of an iteration that are looked at, at most.
const VERSIONS: usize = 10_000;

impl Engine<'_> {
    /// The object that stands for every older object of an allocation or declaration in a loop.
    pub(super) fn summary_of(&mut self, object: ObjectId) -> Result<ObjectId, Stop> {
        let Some(info) = self.objects.get(&object).cloned() else {
            return Ok(WILD);
        };
        if info.summary {
            return Ok(object);
        }
        let heap = info.is_heap();
        let made = match &info.key {
            ObjectKey::Latest(of) => (**of).clone(),
            key => key.clone(),
        };
        let key = ObjectKey::Summary(Box::new(made));
        let id = self.names.object(&key);
        let size = self.terms.as_bv(info.size);
        let known = *self.learned.summaries.entry(id).or_insert(Common { size, heap });
        let common = Common {
            size: known.size.filter(|known| Some(*known) == size),
            heap: known.heap && heap,
        };
        if common != known {
            self.learned.summaries.insert(id, common);
            return Err(Stop::Restart);
        }
        self.make_summary(id, key);
        Ok(id)
    }

    /// The size of all objects that a summary stands for, where they have one.
    pub(super) fn constant_size(&self, summary: ObjectId) -> Option<u128> {
        self.learned.summaries.get(&summary).and_then(|c| c.size)
    }

    pub(super) fn make_summary(&mut self, id: ObjectId, key: ObjectKey) {
        if self.objects.contains_key(&id) {
            return;
        }
        let name = match &key {
            ObjectKey::Summary(of) if matches!(**of, ObjectKey::Local(..)) => {
                "variable of an earlier iteration"
            }
            _ => "allocation of an earlier iteration",
        };
        // Several objects of different sizes have no size: what is asked of it stays open then.
        let size = match self.constant_size(id) {
            Some(size) => self.terms.bv(self.pointer_bits, size),
            None => self
                .terms
                .var(&format!("size.{}.older", id.0), Sort::BitVec(self.pointer_bits)),
        };
        self.add_object(
            id,
            Object {
                key,
                name: name.into(),
                size,
                element: None,
                input: false,
                summary: true,
                mortal: true,
                indeterminate: true,
                constant: false,
                stack: None,
            },
        );
        self.limit_size(size);
    }

    /// Before the first iteration there is no older object, so that all are alive.
    pub(super) fn begin_summaries(&mut self, objects: &BTreeSet<ObjectId>, state: &mut State) {
        for id in objects {
            let heap = self.learned.summaries.get(id).is_some_and(|c| c.heap);
            if !heap || state.memory.contains_key(id) {
                continue;
            }
            let version = self.add_version(Version::Zero { written: true });
            let contents = Contents {
                version,
                alive: self.terms.bool(true),
                nuls: self.no_nuls(),
            };
            self.set_contents(state, *id, contents);
        }
    }

    /// At the end of an iteration the object that it allocated is one of the older ones.
    pub(super) fn alive_with_newest(&mut self, state: &State, object: ObjectId, alive: Term) -> Term {
        let Some(ObjectKey::Summary(of)) = self.objects.get(&object).map(|o| o.key.clone()) else {
            return alive;
        };
        // The one before it may have become one of the older ones, too.
        let newest = [self.names.object(&of), self.names.object(&ObjectKey::Latest(of))];
        let mut all = alive;
        for contents in newest.iter().filter_map(|id| state.memory.get(id)) {
            all = self.terms.and(all, contents.alive);
        }
        all
    }

    /// Two pointers that may lead to different objects although the same number stands for both.
    pub(super) fn one_of_many(&self, lhs: &Pointer, rhs: &Pointer) -> Term {
        let t = self.terms;
        let mut many = t.bool(false);
        for object in lhs.targets.intersection(&rhs.targets) {
            if *object > WILD && self.objects.get(object).is_some_and(|o| o.summary) {
                let here = self.base_const(*object);
                many = t.or(many, t.and(t.eq(lhs.base, here), t.eq(rhs.base, here)));
            }
        }
        many
    }

    /// Notes what an iteration wrote to an object; whether that is more than was known.
    pub(super) fn learn_stores(
        &mut self,
        learned: &mut LoopLearned,
        object: ObjectId,
        head: VersionId,
        back: VersionId,
        made: &Made,
    ) -> Result<bool, Stop> {
        if matches!(learned.stored.get(&object), Some(None)) {
            return Ok(false);
        }
        let Some(found) = self.stores_between(head, back) else {
            learned.stored.insert(object, None);
            return Ok(true);
        };
        let before = learned.stored.get(&object).cloned().flatten();
        let mut known = before.clone().unwrap_or_default();
        for (target, at) in found {
            for next in self.at_next_header(made, target)? {
                add_target(&mut known, next, at);
            }
        }
        if known.len() > TARGETS || known.contains_key(&WILD) {
            learned.stored.insert(object, None);
            return Ok(true);
        }
        let more = before.as_ref() != Some(&known);
        learned.stored.insert(object, Some(known));
        Ok(more)
    }

    /// What the pointers lead to that were written between two versions, if nothing else was.
    fn stores_between(&mut self, head: VersionId, back: VersionId) -> Option<Targets> {
        let width = self.pointer_bytes();
        let mut found = Targets::new();
        let mut seen = HashSet::from_iter([head]);
        let mut pending = vec![back];
        while let Some(version) = pending.pop() {
            if !seen.insert(version) {
                continue;
            }
            if seen.len() > VERSIONS {
                return None;
            }
            match self.version(version).clone() {
                Version::Store {
                    before,
                    offset,
                    value: Value::Pointer(pointer),
                    ..
                } if self.alignment(offset) >= width.trailing_zeros() => {
                    let at = self.terms.as_bv(pointer.offset);
                    for target in pointer.targets.iter() {
                        if *target == WILD || *target == INVALID {
                            return None;
                        }
                        add_target(&mut found, *target, at);
                    }
                    pending.push(before);
                }
                Version::Choice { yes, no, .. } => pending.extend([yes, no]),
                // The header of a loop within.
                Version::Base {
                    before: Some(before),
                    stores: Some(stores),
                    ..
                } => {
                    for (target, at) in stores.iter() {
                        add_target(&mut found, *target, *at);
                    }
                    pending.push(before);
                }
                _ => return None,
            }
        }
        Some(found)
    }

    /// A pointer read at a loop's header: as on entry, or one of those that the loop stores. Where it was not written
    /// before the loop and is now, the loop did it.
    pub(super) fn kept_or_stored(
        &mut self,
        object: ObjectId,
        version: VersionId,
        before: VersionId,
        offset: Term,
        label: &str,
        stores: &Targets,
    ) -> Result<Pointer, Stop> {
        let t = self.terms;
        let was = self.read_pointer(before, offset)?;
        let name = match t.as_bv(offset) {
            Some(at) => {
                self.learned
                    .pointer_cells
                    .entry(object)
                    .or_default()
                    .insert(at as u64);
                format!("{}{label}+{at}", self.object_label(object))
            }
            None => format!("{}{label}.{}", self.object_label(object), self.unique()),
        };
        let base = t.var(&format!("cell.base.{name}"), Sort::BitVec(32));
        let place = t.var(&format!("cell.offset.{name}"), Sort::BitVec(self.pointer_bits));
        let mut kept = t.and(t.eq(base, was.base), t.eq(place, was.offset));
        if self.objects.get(&object).is_some_and(|o| o.indeterminate) {
            let g = self.granule(object);
            let now = self.written(version, offset, g)?;
            let then = self.written(before, offset, g)?;
            kept = t.and(kept, t.or(then, t.not(now)));
        }
        let mut one_of = vec![kept];
        for (target, at) in stores {
            let there = t.eq(base, self.base_const(*target));
            one_of.push(match at {
                Some(at) => t.and(there, t.eq(place, t.bv(self.pointer_bits, *at))),
                None => there,
            });
        }
        self.fact(t.any(&one_of));
        let targets: BTreeSet<ObjectId> = was.targets.iter().chain(stores.keys()).copied().collect();
        Ok(Pointer {
            base,
            offset: place,
            targets: Rc::new(targets),
            bounds: None,
        })
    }
}

fn add_target(targets: &mut Targets, target: ObjectId, at: Option<u128>) {
    let place = targets.entry(target).or_insert(at);
    *place = place.filter(|place| Some(*place) == at);
}

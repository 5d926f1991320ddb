//! What an iteration allocated, as the next one sees it.
//!
//! At the header of a loop that is cut, the newest object of an allocation is one object with a size, contents and a life
//! of its own, *the latest*; all older ones are a summary (see [`super::stored`]). An array that grows by `realloc` is the
//! latest in every iteration, and how large it is can be said: `size(items) >= 8 * capacity`.
//!
//! At the end of an iteration everything is renamed accordingly, before candidates are established: an object that the
//! iteration allocated becomes the latest, and the latest so far one of the older ones. What is assumed at the header and
//! what is shown at the end of an iteration then speak of the same objects. (A candidate shown of the object that was just
//! allocated, and assumed of a summary of which less is known, would exclude the executions in which a pointer leads to
//! the summary.)

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use vf_smt::{Sort, Term};

use super::loops::LoopLearned;
use super::memory::{Version, Written};
use super::state::{Contents, Edge, State};
use super::value::{Object, ObjectId, ObjectKey, Pointer, Value};
use super::{Engine, Stop};

/// What the current iteration of a loop made.
#[derive(Debug, Default)]
pub struct Made {
    /// Locals and allocations, those of loops within it among them.
    all: BTreeSet<ObjectId>,
    /// Heap objects that it made itself, and when.
    own: BTreeMap<ObjectId, Term>,
}

impl Made {
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub fn contains(&self, object: ObjectId) -> bool {
        self.all.contains(&object)
    }
}

impl Engine<'_> {
    pub(super) fn made_in_loop(&mut self, object: ObjectId) {
        for made in &mut self.allocated_in_loop {
            made.all.insert(object);
        }
    }

    /// The innermost loop allocates the object under this condition.
    pub(super) fn allocated_when(&mut self, object: ObjectId, condition: Term) {
        if self.objects.get(&object).is_some_and(Object::is_heap)
            && let Some(made) = self.allocated_in_loop.last_mut()
        {
            made.own.insert(object, condition);
        }
    }

    fn latest_key(&self, object: ObjectId) -> Option<ObjectKey> {
        let key = self.objects.get(&object)?.key.clone();
        Some(ObjectKey::Latest(Box::new(key)))
    }

    /// What an object is at the header of the next iteration: itself, or the objects of which it is one.
    pub(super) fn at_next_header(&mut self, made: &Made, object: ObjectId) -> Result<Vec<ObjectId>, Stop> {
        if made.own.contains_key(&object)
            && let Some(key) = self.latest_key(object)
        {
            // It is the latest for one iteration at least, and one of the older ones later.
            let summary = self.summary_of(object)?;
            let latest = self.names.object(&key);
            self.make_latest(latest, key);
            return Ok(vec![latest, summary]);
        }
        if made.all.contains(&object) {
            return Ok(vec![self.summary_of(object)?]);
        }
        match self.objects.get(&object).map(|o| o.key.clone()) {
            Some(ObjectKey::Latest(of)) => {
                let newest = self.names.object(&of);
                if made.own.contains_key(&newest) {
                    Ok(vec![object, self.summary_of(newest)?])
                } else if made.all.contains(&newest) {
                    // The latest of a loop within this one.
                    Ok(vec![self.summary_of(newest)?])
                } else {
                    Ok(vec![object])
                }
            }
            _ => Ok(vec![object]),
        }
    }

    pub(super) fn make_latest(&mut self, id: ObjectId, key: ObjectKey) {
        if self.objects.contains_key(&id) {
            return;
        }
        let constant = match &key {
            ObjectKey::Latest(of) => self.names.object(&ObjectKey::Summary(of.clone())),
            _ => id,
        };
        let size = match self.constant_size(constant) {
            Some(size) => self.terms.bv(self.pointer_bits, size),
            None => self
                .terms
                .var(&format!("size.{}.latest", id.0), Sort::BitVec(self.pointer_bits)),
        };
        self.add_object(
            id,
            Object {
                key,
                name: "allocation of an earlier iteration".into(),
                size,
                element: None,
                input: false,
                summary: false,
                mortal: true,
                indeterminate: true,
                constant: false,
                stack: None,
            },
        );
        self.limit_size(size);
    }

    /// At the header nothing is known of what the latest holds, nor whether it is alive.
    pub(super) fn begin_latest(&mut self, learned: &LoopLearned, state: &mut State, number: u64) {
        let t = self.terms;
        let stored = learned
            .stored
            .values()
            .flatten()
            .flat_map(|targets| targets.keys());
        let targets: BTreeSet<ObjectId> = learned
            .targets
            .values()
            .flatten()
            .chain(stored)
            .copied()
            .collect();
        for id in targets {
            let key = self.objects.get(&id).map(|o| &o.key);
            if !matches!(key, Some(ObjectKey::Latest(_))) || state.memory.contains_key(&id) {
                continue;
            }
            let unwritten = {
                let number = self.unique();
                self.fresh_contents(id, false, number)
            };
            let label: Rc<str> = format!(".loop{number}").into();
            let array = t.var(
                &format!("written.{}{label}", self.object_label(id)),
                Sort::Array {
                    index: self.pointer_bits,
                    element: 1,
                },
            );
            let version = self.add_version(Version::Base {
                object: id,
                label,
                written: Written::Since {
                    before: unwritten.version,
                    array,
                    ranges: Rc::new(Vec::new()),
                },
                lazy: false,
                before: None,
                stores: None,
            });
            let contents = Contents {
                version,
                alive: t.var(
                    &format!("alive.{}.loop{number}", self.object_label(id)),
                    Sort::Bool,
                ),
                nuls: self.no_nuls(),
            };
            self.set_contents(state, id, contents);
        }
    }

    /// The state at the end of an iteration in the words of the next header, and the sizes that the latest objects
    /// have there.
    pub(super) fn renamed(
        &mut self,
        made: &Made,
        back: &Edge,
    ) -> Result<(Edge, Vec<(ObjectId, Term)>), Stop> {
        let t = self.terms;
        let mut edge = back.clone();
        let mut sizes = Vec::new();
        for (object, condition) in &made.own {
            let Some(key) = self.latest_key(*object) else {
                continue;
            };
            let latest = self.names.object(&key);
            let (Some(new), Some(old)) = (
                self.objects.get(object).map(|o| o.size),
                self.objects.get(&latest).map(|o| o.size),
            ) else {
                continue;
            };
            sizes.push((latest, t.ite(*condition, new, old)));
            let Some(newest) = self.contents(&back.state, *object) else {
                continue;
            };
            // Known NULs begin anew: the header knows of none in the latest either.
            let nuls = self.no_nuls();
            let contents = match back.state.memory.get(&latest).cloned() {
                Some(before) => Contents {
                    version: self.choose_version(*condition, newest.version, before.version),
                    alive: t.ite(*condition, newest.alive, before.alive),
                    nuls,
                },
                None => Contents { nuls, ..newest },
            };
            self.set_contents(&mut edge.state, latest, contents);
        }
        for slot in Rc::make_mut(&mut edge.state.registers) {
            if let Some(register) = slot
                && let Value::Pointer(pointer) = &register.value
            {
                register.value = Value::Pointer(self.renamed_pointer(made, &pointer.clone())?);
            }
        }
        Ok((edge, sizes))
    }

    /// Gives objects other sizes; the sizes that they had.
    pub(super) fn exchange_sizes(&mut self, sizes: Vec<(ObjectId, Term)>) -> Vec<(ObjectId, Term)> {
        let mut before = Vec::new();
        for (id, size) in sizes {
            if let Some(object) = self.objects.get_mut(&id) {
                before.push((id, std::mem::replace(&mut object.size, size)));
            }
        }
        before
    }

    fn renamed_pointer(&mut self, made: &Made, pointer: &Pointer) -> Result<Pointer, Stop> {
        let t = self.terms;
        let mut base = pointer.base;
        let mut targets = BTreeSet::new();
        for object in pointer.targets.iter() {
            let next = self.at_next_header(made, *object)?;
            targets.extend(&next);
            if next == [*object] {
                continue;
            }
            let summary = next.last().map_or(t.bv(32, 0), |o| self.base_const(*o));
            let becomes = match (made.own.contains_key(object), next.first()) {
                (true, Some(latest)) => self.base_const(*latest),
                // The latest so far: still that, where the iteration allocated none.
                (false, Some(latest)) if latest == object => {
                    let moved = self.succeeded_by(made, *object);
                    t.ite(moved, summary, pointer.base)
                }
                _ => summary,
            };
            let here = t.eq(pointer.base, self.base_const(*object));
            base = t.ite(here, becomes, base);
        }
        if base == pointer.base {
            return Ok(pointer.clone());
        }
        Ok(Pointer {
            base,
            offset: pointer.offset,
            targets: Rc::new(targets),
            bounds: pointer.bounds,
        })
    }

    /// When this iteration allocated another object where the latest one came from.
    fn succeeded_by(&mut self, made: &Made, latest: ObjectId) -> Term {
        let key = self.objects.get(&latest).map(|o| o.key.clone());
        let Some(ObjectKey::Latest(of)) = key else {
            return self.terms.bool(true);
        };
        let newest = self.names.object(&of);
        made.own
            .get(&newest)
            .copied()
            .unwrap_or_else(|| self.terms.bool(true))
    }
}

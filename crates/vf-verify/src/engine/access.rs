//! Loads, stores, copies and fills through pointers: what they do to each object that the pointer may lead to.

use std::rc::Rc;

use vf_ir::Ty;
use vf_smt::{Sort, Term};

use super::memory::Version;
use super::state::{Contents, Edge, State};
use super::value::{INVALID, NO_OBJECT, ObjectId, Pointer, Value, WILD};
use super::{Engine, Stop};

impl Engine<'_> {
    /// The objects an access through the pointer may really touch.
    pub(super) fn accessible(&self, pointer: &Pointer) -> Vec<ObjectId> {
        pointer
            .targets
            .iter()
            .copied()
            .filter(|o| *o != NO_OBJECT && *o != INVALID && *o != WILD)
            .filter(|o| {
                !self
                    .terms
                    .is_false(self.terms.eq(pointer.base, self.base_const(*o)))
            })
            .collect()
    }

    /// Every object that the pointer may lead to is one object, which is known.
    pub(super) fn leads_to_known(&self, pointer: &Pointer) -> bool {
        pointer.targets.iter().all(|o| {
            *o == NO_OBJECT || *o == INVALID || *o != WILD && self.objects.get(o).is_some_and(|o| !o.summary)
        })
    }

    pub(super) fn load(&mut self, state: &State, pointer: &Pointer, ty: Ty) -> Result<Value, Stop> {
        let t = self.terms;
        let mut result: Option<Value> = None;
        for object in self.accessible(pointer) {
            let summary = self.objects.get(&object).is_none_or(|o| o.summary);
            let value = match self.contents(state, object) {
                Some(contents) if !summary => {
                    let offset = self.offset_in(pointer, object);
                    self.read_value(object, contents.version, offset, ty)?
                }
                _ => self.unknown_value(ty),
            };
            result = Some(match result {
                None => value,
                Some(other) => {
                    let here = t.eq(pointer.base, self.base_const(object));
                    self.choose_value(here, &value, &other)
                }
            });
        }
        let wild = self.is_wild(pointer);
        if let (Some(value), false) = (&result, t.is_false(wild)) {
            let any = self.unknown_value(ty);
            result = Some(self.choose_value(wild, &any, value));
        }
        Ok(match result {
            Some(value) => value,
            None => self.unknown_value(ty),
        })
    }

    pub(super) fn unknown_value(&mut self, ty: Ty) -> Value {
        match ty {
            Ty::Ptr => Value::Pointer(self.wild_pointer("unknown")),
            other => Value::Bits(self.terms.fresh("unknown", Sort::BitVec(self.width_of(other)))),
        }
    }

    /// A write through a pointer of which nothing is known may change every object that is not constant.
    pub(super) fn havoc_if_wild(&mut self, state: &mut State, pointer: &Pointer) -> Result<(), Stop> {
        let wild = self.is_wild(pointer);
        if self.terms.is_false(wild) {
            return Ok(());
        }
        let mut edge = Edge {
            guard: wild,
            state: state.clone(),
        };
        self.havoc_reachable(&mut edge, &[], "wild")?;
        let changed: Vec<(ObjectId, Contents)> = edge
            .state
            .memory
            .iter()
            .map(|(id, contents)| (*id, contents.clone()))
            .collect();
        for (id, after) in changed {
            let Some(before) = self.contents(state, id) else {
                continue;
            };
            let merged = Contents {
                version: self.choose_version(wild, after.version, before.version),
                alive: before.alive,
                nuls: self.choose_nuls(wild, after.nuls, before.nuls),
            };
            self.set_contents(state, id, merged);
        }
        Ok(())
    }

    /// Replaces the version of every object the pointer may point to by what `write` makes of it.
    pub(super) fn write_each(
        &mut self,
        state: &mut State,
        pointer: &Pointer,
        mut write: impl FnMut(&mut Self, ObjectId, &Contents) -> Result<Contents, Stop>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        self.havoc_if_wild(state, pointer)?;
        for object in self.accessible(pointer) {
            if self.objects.get(&object).is_none_or(|o| o.summary) {
                continue;
            }
            let Some(before) = self.contents(state, object) else {
                continue;
            };
            let after = write(self, object, &before)?;
            let here = if pointer.targets.len() == 1 {
                t.bool(true)
            } else {
                t.eq(pointer.base, self.base_const(object))
            };
            let merged = Contents {
                version: self.choose_version(here, after.version, before.version),
                alive: before.alive,
                nuls: self.choose_nuls(here, after.nuls, before.nuls),
            };
            self.set_contents(state, object, merged);
        }
        Ok(())
    }

    pub(super) fn store(
        &mut self,
        state: &mut State,
        pointer: &Pointer,
        value: Value,
        ty: Ty,
        partial: bool,
    ) -> Result<(), Stop> {
        let bytes = ty.size(self.program.model);
        self.write_each(state, pointer, |engine, object, before| {
            let offset = engine.offset_in(pointer, object);
            let version =
                engine.store_version(object, before.version, offset, bytes, value.clone(), partial)?;
            let nuls = engine.nuls_after_store(before.nuls, offset, bytes, &value);
            Ok(Contents {
                version,
                alive: before.alive,
                nuls,
            })
        })
    }

    pub(super) fn fill(
        &mut self,
        state: &mut State,
        dst: &Pointer,
        unit: Term,
        size: Term,
    ) -> Result<(), Stop> {
        let offset = dst.offset;
        self.write_each(state, dst, |engine, object, before| {
            engine.fit_range(object, offset, size)?;
            let version = engine.add_version(Version::Fill {
                before: before.version,
                offset,
                size,
                unit,
            });
            let nuls = engine.nuls_after_fill(before.nuls, offset, size, unit);
            Ok(Contents {
                version,
                alive: before.alive,
                nuls,
            })
        })
    }

    pub(super) fn havoc_range(
        &mut self,
        state: &mut State,
        dst: &Pointer,
        size: Term,
        label: Rc<str>,
    ) -> Result<(), Stop> {
        let offset = dst.offset;
        self.write_each(state, dst, |engine, object, before| {
            engine.fit_range(object, offset, size)?;
            // Bytes of the outside are given byte by byte.
            let version = engine.add_version(Version::Havoc {
                before: before.version,
                offset,
                size,
                label: label.clone(),
            });
            Ok(Contents {
                version,
                alive: before.alive,
                nuls: engine.nuls_outside(before.nuls, offset, size),
            })
        })
    }

    pub(super) fn copy(
        &mut self,
        state: &mut State,
        dst: &Pointer,
        src: &Pointer,
        size: Term,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let sources: Vec<(ObjectId, Option<Contents>)> = self
            .accessible(src)
            .into_iter()
            .map(|o| (o, self.contents(state, o)))
            .collect();
        let (offset, from) = (dst.offset, src.offset);
        let src = src.clone();
        self.write_each(state, dst, |engine, object, before| {
            engine.fit_range(object, offset, size)?;
            let kept = engine.nuls_outside(before.nuls, offset, size);
            let mut result: Option<Contents> = None;
            for (source, contents) in &sources {
                let summary = engine.objects.get(source).is_none_or(|o| o.summary);
                let (version, nuls) = match contents {
                    Some(contents) if !summary => {
                        engine.fit_range(*source, from, size)?;
                        let g = engine.granule(object).min(engine.granule(*source));
                        engine.lower_to(object, g)?;
                        engine.lower_to(*source, g)?;
                        let version = engine.add_version(Version::Copy {
                            before: before.version,
                            offset,
                            size,
                            source: contents.version,
                            source_object: *source,
                            source_offset: from,
                        });
                        (
                            version,
                            engine.nuls_after_copy(kept, offset, contents.nuls, from, size),
                        )
                    }
                    _ => {
                        let label: Rc<str> = format!("copied{}", engine.unique()).into();
                        let version = engine.add_version(Version::Havoc {
                            before: before.version,
                            offset,
                            size,
                            label,
                        });
                        (version, kept)
                    }
                };
                result = Some(match result {
                    None => Contents {
                        version,
                        alive: before.alive,
                        nuls,
                    },
                    Some(other) => {
                        let here = t.eq(src.base, engine.base_const(*source));
                        Contents {
                            version: engine.choose_version(here, version, other.version),
                            alive: before.alive,
                            nuls: engine.choose_nuls(here, nuls, other.nuls),
                        }
                    }
                });
            }
            Ok(match result {
                Some(contents) => contents,
                None => {
                    let label: Rc<str> = format!("copied{}", engine.unique()).into();
                    let version = engine.add_version(Version::Havoc {
                        before: before.version,
                        offset,
                        size,
                        label,
                    });
                    Contents {
                        version,
                        alive: before.alive,
                        nuls: kept,
                    }
                }
            })
        })
    }

    pub(super) fn lower_to(&mut self, object: ObjectId, g: u64) -> Result<(), Stop> {
        if g < self.granule(object) {
            self.learned.granule.insert(object, g);
            return Err(Stop::Restart);
        }
        Ok(())
    }
}

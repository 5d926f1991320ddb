//! Records around what a pointer of the caller leads to (`container_of`), and headers before it.
//!
//! A pointer that comes from outside leads to the first byte of its object. Where the program steps back from it, that is not
//! what its callers do: a list's links lie inside the elements, and a payload behind its header. With nothing before the
//! pointer, each access there would fail, and all that follows it would be unreachable. So such a pointer leads
//!
//! - to a member of a record, where it is used as one to that record after it was moved back from where the record has a
//!   member of its type (or behind a whole record of bytes); the report says so, as it is asked of the callers;
//! - anywhere in its object, where the program reads or writes so many elements before it in any other way.
//!
//! Which pointers these are shows when they are stepped back from; the execution then starts again.

use vf_ir::{ArrayLen, CType, LocalId, RecordId};
use vf_smt::{Sort, Term, View};

use super::exec::Frame;
use super::value::{ObjectId, ObjectKey, Pointer};
use super::{Engine, Stop};

/// Where in its object a pointer of the caller leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inside {
    /// So many bytes into a record.
    Record {
        record: RecordId,
        offset: u64,
    },
    Anywhere,
}

impl Engine<'_> {
    /// The object's first byte that the caller's pointer leads to, and what is known to be there.
    pub(super) fn begin_of(&mut self, id: ObjectId, size: Term, name: &str) -> Term {
        let t = self.terms;
        match self.learned.inside.get(&id).copied() {
            None => t.bv(self.pointer_bits, 0),
            Some(Inside::Record { record, offset }) => {
                let whole = self
                    .program
                    .records
                    .get(record.0 as usize)
                    .and_then(|r| r.size)
                    .unwrap_or(offset);
                self.fact(t.uge(size, t.bv(self.pointer_bits, u128::from(whole.max(offset)))));
                let place = self.container_text(record, offset, name);
                self.assume(&place.said);
                t.bv(self.pointer_bits, u128::from(offset))
            }
            Some(Inside::Anywhere) => {
                let begin = t.var(&format!("begin.{}.{name}", id.0), Sort::BitVec(self.pointer_bits));
                self.fact(t.ule(begin, size));
                begin
            }
        }
    }

    /// The name of the object around a member that `name` leads to, with `*` before it.
    pub(super) fn name_of_container(&self, id: ObjectId, name: &str) -> String {
        match self.learned.inside.get(&id).copied() {
            Some(Inside::Record { record, offset }) => {
                format!("*{}", self.container_text(record, offset, name).name)
            }
            _ => format!("*{name}"),
        }
    }

    fn container_text(&self, record: RecordId, offset: u64, name: &str) -> Container {
        let known = self.program.records.get(record.0 as usize);
        let kind = if known.is_some_and(|r| r.is_union) {
            "union"
        } else {
            "struct"
        };
        let tag = known.map_or("?", |r| &r.name);
        match self.member_at(record, offset) {
            Some(member) => Container {
                name: format!("container_of({name}, {kind} {tag}, {member})"),
                said: format!("`{name}` leads to the member `{member}` of a `{kind} {tag}`"),
            },
            None => Container {
                name: format!("((char *){name} - {offset})"),
                said: format!("`{name}` leads {offset} bytes behind the start of a `{kind} {tag}`"),
            },
        }
    }

    /// The member that begins at an offset, the outermost one; `a.b` in a record inside.
    fn member_at(&self, record: RecordId, offset: u64) -> Option<String> {
        let record = self.program.records.get(record.0 as usize)?;
        let (records, model) = (&self.program.records, self.program.model);
        let holds = |f: &&vf_ir::Field| {
            let size = f.ty.size(records, model).unwrap_or(0);
            f.bits.is_none() && f.offset <= offset && (offset < f.offset + size || offset == f.offset)
        };
        let field = record.fields.iter().find(holds)?;
        let inner = match &field.ty {
            _ if field.offset == offset && !field.name.is_empty() => return Some(field.name.clone()),
            CType::Record(inner) => self.member_at(*inner, offset - field.offset)?,
            _ => return None,
        };
        Some(if field.name.is_empty() {
            inner
        } else {
            format!("{}.{inner}", field.name)
        })
    }

    /// A pointer is used as one to a record: where it came from the caller and was moved back to this place, that is where
    /// the record begins.
    ///
    /// # Errors
    /// To start again, where that was news.
    pub(super) fn find_container(&mut self, pointer: &Pointer, record: RecordId) -> Result<(), Stop> {
        let before: Vec<u64> = self
            .places(pointer.offset)
            .into_iter()
            .filter_map(|place| u64::try_from(-place).ok())
            .filter(|back| *back > 0)
            .collect();
        let mut news = self.find_another(pointer, record);
        for offset in before {
            for object in pointer.targets.iter().copied() {
                if self.learned.inside.contains_key(&object) || !self.may_lie_inside(object) {
                    continue;
                }
                let element = self.objects.get(&object).and_then(|o| o.element.clone());
                if self.may_contain(record, offset, element.as_ref().unwrap_or(&CType::Void)) {
                    self.learned
                        .inside
                        .insert(object, Inside::Record { record, offset });
                    news = true;
                }
            }
        }
        if news { Err(Stop::Restart) } else { Ok(()) }
    }

    /// Whether what was taken to lie in one record is used as lying in another one, too: then it may lie anywhere.
    fn find_another(&mut self, pointer: &Pointer, record: RecordId) -> bool {
        let mut news = false;
        for object in pointer.targets.iter().copied() {
            let Some(Inside::Record { record: around, .. }) = self.learned.inside.get(&object).copied()
            else {
                continue;
            };
            let Some(place) = self.terms.as_bv(self.offset_in(pointer, object)) else {
                continue;
            };
            let fits = match u64::try_from(self.signed(place)) {
                Ok(0) => true,
                Ok(place) => self.has_part(&CType::Record(around), place, &CType::Record(record)),
                Err(_) => false,
            };
            if !fits {
                self.learned.inside.insert(object, Inside::Anywhere);
                news = true;
            }
        }
        news
    }

    /// [`Engine::find_container`] of the record that a variable is declared to point to.
    ///
    /// # Errors
    /// To start again, where that was news.
    pub(super) fn find_container_of_type(
        &mut self,
        frame: &Frame,
        local: LocalId,
        pointer: &Pointer,
    ) -> Result<(), Stop> {
        let function = self.program.function(frame.function);
        match function.locals.get(local.index()).map(|l| &l.ty) {
            Some(CType::Pointer { to, .. }) => match **to {
                CType::Record(record) => self.find_container(pointer, record),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// An access: one before the first byte that a pointer of the caller leads to says that there is something.
    ///
    /// # Errors
    /// To start again, where that was news.
    pub(super) fn find_before(&mut self, pointer: &Pointer) -> Result<(), Stop> {
        if !self.places(pointer.offset).iter().any(|place| *place < 0) {
            return Ok(());
        }
        let mut news = false;
        for object in self.accessible(pointer) {
            let known = self.learned.inside.get(&object);
            // (Of a pointer that may be null, or lead to other objects, the place may be one in those.)
            let place = self.terms.as_bv(self.offset_in(pointer, object));
            // (What an index comes to on some path, one that counted down too far, is an error and no habit of the program.)
            let is_before =
                place.is_some_and(|place| self.signed(place) < 0) && self.stepped_back.contains(&object);
            if is_before && known != Some(&Inside::Anywhere) && self.may_lie_inside(object) {
                self.learned.inside.insert(object, Inside::Anywhere);
                news = true;
            }
        }
        if news { Err(Stop::Restart) } else { Ok(()) }
    }

    /// Whether an object is one that a caller's pointer may lead into the middle of.
    fn may_lie_inside(&self, object: ObjectId) -> bool {
        let Some(info) = self.objects.get(&object).filter(|o| o.input && !o.summary) else {
            return false;
        };
        match &info.key {
            ObjectKey::Parameter(local) => {
                let function = self.program.function(self.settings.entry);
                let by_value = function
                    .locals
                    .get(local.index())
                    .is_some_and(|l| matches!(l.ty, CType::Record(_)));
                !by_value && !self.starts_array(*local) && !self.leads_into_other(*local)
            }
            ObjectKey::Reached(..) | ObjectKey::Returned(..) => !self.is_argument(object),
            _ => false,
        }
    }

    /// Whether a record has something of the type at an offset, or bytes may follow there.
    fn may_contain(&self, record: RecordId, offset: u64, what: &CType) -> bool {
        let size = self.program.records.get(record.0 as usize).and_then(|r| r.size);
        match what {
            CType::Void | CType::Int { bits: 8, .. } if size.is_some_and(|size| offset <= size) => true,
            _ => self.has_part(&CType::Record(record), offset, what),
        }
    }

    fn has_part(&self, whole: &CType, offset: u64, part: &CType) -> bool {
        let (records, model) = (&self.program.records, self.program.model);
        if offset == 0 && whole == part {
            return true;
        }
        match whole {
            CType::Record(id) => records.get(id.0 as usize).is_some_and(|record| {
                record
                    .fields
                    .iter()
                    .filter(|f| f.bits.is_none() && f.offset <= offset)
                    .any(|f| self.has_part(&f.ty, offset - f.offset, part))
            }),
            CType::Array { element, len } => {
                let size = element.size(records, model).unwrap_or(0);
                let known = match len {
                    ArrayLen::Fixed(count) => size > 0 && offset / size < *count,
                    _ => size > 0,
                };
                known && self.has_part(element, offset % size, part)
            }
            _ => false,
        }
    }

    /// The constants among the values that an offset may have, signed.
    fn places(&self, offset: Term) -> Vec<i128> {
        /// Terms looked at.
        const LOOK: usize = 32;
        let (mut found, mut open) = (Vec::new(), vec![offset]);
        for _ in 0..LOOK {
            let Some(term) = open.pop() else { break };
            match self.terms.as_bv(term) {
                Some(value) => found.push(self.signed(value)),
                None => {
                    if let View::Ite(_, yes, no) = self.terms.view(term) {
                        open.extend([yes, no]);
                    }
                }
            }
        }
        found
    }

    fn signed(&self, value: u128) -> i128 {
        let unused = 128 - self.pointer_bits;
        (value << unused) as i128 >> unused
    }

    /// `offset + bytes`, as the constant that it is in each case where there are two.
    pub(super) fn offset_by(&self, offset: Term, bytes: Term) -> Term {
        let t = self.terms;
        let is_constant = |term| t.as_bv(term).is_some();
        match t.view(offset) {
            View::Ite(condition, yes, no) if is_constant(bytes) && is_constant(yes) && is_constant(no) => {
                t.ite(condition, t.add(yes, bytes), t.add(no, bytes))
            }
            _ => t.add(offset, bytes),
        }
    }

    /// The pointer's offset where it leads to this object.
    pub(super) fn offset_in(&self, pointer: &Pointer, object: ObjectId) -> Term {
        let t = self.terms;
        let (mut base, mut offset) = (pointer.base, pointer.offset);
        let is_elsewhere = |base| t.is_false(t.eq(base, self.base_const(object)));
        while let View::Ite(condition, yes, no) = t.view(base) {
            let taken = match (is_elsewhere(yes), is_elsewhere(no)) {
                (true, false) => false,
                (false, true) => true,
                _ => break,
            };
            base = if taken { yes } else { no };
            if let View::Ite(same, then, otherwise) = t.view(offset)
                && same == condition
            {
                offset = if taken { then } else { otherwise };
            }
        }
        offset
    }
}

/// A record around what a pointer leads to, as a reader is told of it.
struct Container {
    name: String,
    said: String,
}

//! Members that another member counts: `__attribute__((counted_by(n)))`.
//!
//! The attribute says of a flexible array member, or of a pointer member, how many elements it has: as many as the
//! member `n` of the same record says, none where that is negative (GCC manual, "Common Variable Attributes"). Of what
//! the caller hands over this is a contract, as every clause of the usual reading is. With the count `c` that the
//! record holds *at entry*, and elements of `e` bytes:
//!
//! ```text
//! flexible array, d bytes behind the object's start:  c <= 0  or  size(object) >= d + c * e
//! pointer p:                                          c <= 0  or  p != null and size(*p) >= c * e
//! ```
//!
//! A counted pointer need not lead to anything where the count is 0. Nothing is said of objects that come from anywhere
//! else (made by the program, returned by a call, found in what a call out of view may have changed), and nothing of
//! the count once the program has changed it.

use vf_source::tables::HashSet;

use vf_ir::{ArrayLen, CType, Field, RecordId};
use vf_smt::Term;

use super::value::{Object, ObjectId, ObjectKey, Pointer};
use super::{Engine, Stop};
use crate::Entry;

/// What an execution found out about counted members.
#[derive(Default)]
pub(super) struct CountedMembers {
    /// What counted pointers lead to.
    pub referents: HashSet<ObjectId>,
    /// Objects whose type was seen where a pointer led to their middle: no member is where the type says.
    pub shifted: HashSet<ObjectId>,
}

/// A counted member of an object, and what counts it.
pub(super) struct CountedMember {
    /// Both as C writes them: `t->data`, `t->len`.
    name: String,
    counter_name: String,
    /// Bytes from the start of the object.
    at: u64,
    counter_at: u64,
    counter: Field,
    /// Bytes of an element.
    element: u64,
}

/// A record in which a counter may be declared.
struct Scope {
    record: RecordId,
    /// Bytes from the start of the object.
    at: u64,
    /// What C writes before its members: `t->`.
    prefix: String,
}

impl Engine<'_> {
    /// Whether the caller filled the object in before the entry function began.
    fn is_from_caller(&self, object: ObjectId) -> bool {
        if self.settings.entry_mode != Entry::Each {
            return false;
        }
        let Some(info) = self.objects.get(&object).filter(|o| o.input && !o.summary) else {
            return false;
        };
        match &info.key {
            ObjectKey::Parameter(local) => {
                // Room for a record that is returned holds nothing.
                let entry = self.program.function(self.settings.entry);
                !(matches!(entry.ret, CType::Record(_)) && entry.params.first() == Some(local))
            }
            ObjectKey::Global(_) => true,
            ObjectKey::Reached(holder, _, label) => label.is_empty() && self.is_from_caller(*holder),
            _ => false,
        }
    }

    /// What is behind the pointer ends in a counted array: the object has room for its elements.
    pub(super) fn room_for_counted(&mut self, pointer: &Pointer) -> Result<(), Stop> {
        for object in pointer.targets.iter().copied() {
            let Some(info) = self.objects.get(&object).cloned() else {
                continue;
            };
            // How big a global is, is known.
            let is_global = matches!(info.key, ObjectKey::Global(_));
            if is_global || !self.is_from_caller(object) || self.counted.shifted.contains(&object) {
                continue;
            }
            let Some(member) = self.counted_array(&info) else {
                continue;
            };
            let clause = self.enough(object, &member, info.size, member.at, None)?;
            self.contract(member.text(), clause);
        }
        Ok(())
    }

    /// The counted member that the pointer at this place of an object is.
    pub(super) fn counted_pointer(&self, object: ObjectId, at: u64, label: &str) -> Option<CountedMember> {
        let info = self.objects.get(&object)?;
        let known = label.is_empty() && self.is_from_caller(object);
        if !known || self.counted.shifted.contains(&object) {
            return None;
        }
        let (records, model) = (&self.program.records, self.program.model);
        let mut ty = info.element.clone()?;
        let (mut rest, mut path) = (at, path_of(info));
        if let Some(size) = ty.size(records, model).filter(|s| *s > 0 && at / s > 0) {
            path = (format!("{}[{}]", path.0, at / size), ".");
            rest %= size;
        }
        let mut scopes: Vec<Scope> = Vec::new();
        let mut prefix = format!("{}{}", path.0, path.1);
        loop {
            match &ty {
                CType::Record(id) => {
                    let record = records.get(id.0 as usize).filter(|r| !r.is_union)?;
                    let holds = |f: &&Field| {
                        let size = f.ty.size(records, model).unwrap_or(0);
                        f.bits.is_none() && f.offset <= rest && rest < f.offset + size
                    };
                    let field = record.fields.iter().find(holds)?;
                    scopes.push(Scope {
                        record: *id,
                        at: at - rest,
                        prefix: prefix.clone(),
                    });
                    rest -= field.offset;
                    if let CType::Pointer { to, .. } = &field.ty {
                        let element = match &**to {
                            CType::Void => 1,
                            to => to.size(records, model)?,
                        };
                        return (rest == 0)
                            .then(|| self.counted_in(&scopes, field, at, element))
                            .flatten();
                    }
                    if !field.name.is_empty() {
                        scopes.clear();
                        let dot = if matches!(field.ty, CType::Record(_)) {
                            "."
                        } else {
                            ""
                        };
                        prefix = format!("{prefix}{}{dot}", field.name);
                    }
                    ty = field.ty.clone();
                }
                CType::Array { element, .. } => {
                    let size = element.size(records, model).filter(|s| *s > 0)?;
                    let dot = if matches!(**element, CType::Record(_)) {
                        "."
                    } else {
                        ""
                    };
                    prefix = format!("{prefix}[{}]{dot}", rest / size);
                    rest %= size;
                    ty = (**element).clone();
                }
                _ => return None,
            }
        }
    }

    /// A counted pointer was found in an object of the caller.
    pub(super) fn counted_referent(
        &mut self,
        holder: ObjectId,
        member: &CountedMember,
        pointer: &Pointer,
    ) -> Result<(), Stop> {
        for object in pointer.targets.iter() {
            if !self.counted.referents.contains(object) {
                continue;
            }
            let Some(size) = self.objects.get(object).map(|o| o.size) else {
                continue;
            };
            let clause = self.enough(holder, member, size, 0, Some(pointer))?;
            self.contract(member.text(), clause);
        }
        Ok(())
    }

    /// The flexible array that an object of this type ends in, if it is counted.
    fn counted_array(&self, object: &Object) -> Option<CountedMember> {
        let records = &self.program.records;
        let Some(CType::Record(mut id)) = object.element else {
            return None;
        };
        let (mut at, path) = (0, path_of(object));
        let mut prefix = format!("{}{}", path.0, path.1);
        let mut scopes: Vec<Scope> = Vec::new();
        loop {
            let record = records.get(id.0 as usize).filter(|r| !r.is_union)?;
            let field = record.fields.last()?;
            scopes.push(Scope {
                record: id,
                at,
                prefix: prefix.clone(),
            });
            at += field.offset;
            match &field.ty {
                CType::Array {
                    element,
                    len: ArrayLen::Unknown,
                } => {
                    let element = element.size(records, self.program.model)?;
                    return self.counted_in(&scopes, field, at, element);
                }
                CType::Record(inner) => {
                    id = *inner;
                    if !field.name.is_empty() {
                        scopes.clear();
                        prefix = format!("{prefix}{}.", field.name);
                    }
                }
                _ => return None,
            }
        }
    }

    /// The counter is a member of the record itself, or of one that it is an anonymous member of.
    fn counted_in(&self, scopes: &[Scope], field: &Field, at: u64, element: u64) -> Option<CountedMember> {
        let records = &self.program.records;
        let counter = field.counted_by.as_deref().filter(|_| element > 0)?;
        let own = scopes.last()?;
        let (scope, (offset, found)) = scopes.iter().rev().find_map(|scope| {
            let record = records.get(scope.record.0 as usize)?;
            Some((scope, record.member(counter, records)?))
        })?;
        matches!(found.ty, CType::Int { .. } | CType::Bool).then(|| CountedMember {
            name: format!("{}{}", own.prefix, field.name),
            counter_name: format!("{}{counter}", scope.prefix),
            at,
            counter_at: scope.at + offset,
            counter: found.clone(),
            element,
        })
    }

    /// The count at entry is not positive, or so many elements fit into `size` bytes from `start` on.
    fn enough(
        &mut self,
        holder: ObjectId,
        member: &CountedMember,
        size: Term,
        start: u64,
        pointer: Option<&Pointer>,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let Some(version) = self.initial.get(&holder).map(|c| c.version) else {
            return Ok(t.bool(true));
        };
        let (declared, signed) = match member.counter.ty {
            CType::Int { bits, signed } => (bits, signed),
            _ => (8, false),
        };
        let unit = member.counter.bits.map_or(declared, |b| b.unit);
        let at = t.bv(self.pointer_bits, u128::from(member.counter_at));
        let mut count = self.read_bits(holder, version, at, u64::from(unit / 8))?;
        let mut width = unit;
        if let Some(field) = member.counter.bits {
            count = t.extract(field.first + field.width - 1, field.first, count);
            width = field.width;
        }
        let zero = t.bv(width, 0);
        let none = if signed {
            t.sle(count, zero)
        } else {
            t.eq(count, zero)
        };
        // As a positive number of pointer width.
        let word = self.pointer_bits;
        let (exact, fits) = if width > word {
            let low = t.extract(word - 1, 0, count);
            (low, t.eq(t.zext(width, low), count))
        } else if width < word {
            (t.zext(word, count), t.bool(true))
        } else {
            (count, t.bool(true))
        };
        let number = |value: u128| t.bv(word, value);
        // No object is larger than half of the address space, so that the product does not wrap.
        let most = ((1u128 << (word - 1)) - 1) / u128::from(member.element);
        let start = number(u128::from(start));
        let room = t.all(&[
            fits,
            t.ule(exact, number(most)),
            t.ule(start, size),
            t.uge(
                t.sub(size, start),
                t.mul(exact, number(u128::from(member.element))),
            ),
        ]);
        let there = match pointer {
            Some(pointer) => t.and(t.not(self.is_null(pointer)), room),
            None => room,
        };
        Ok(t.or(none, there))
    }
}

impl CountedMember {
    /// As an ACSL predicate.
    fn text(&self) -> String {
        format!("\\valid({} + (0 .. {} - 1))", self.name, self.counter_name)
    }
}

/// How C writes the object, and what it writes between it and a member.
fn path_of(object: &Object) -> (String, &'static str) {
    match object.name.strip_prefix('*') {
        Some(plain) => (plain.to_owned(), "->"),
        None => (object.name.clone(), "."),
    }
}

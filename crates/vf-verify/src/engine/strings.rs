//! Strings: where a NUL is known to lie, and how many characters come before it.
//!
//! Every object carries three ghosts (`Nuls`): the offset of the newest NUL byte that is known, that of the furthest one,
//! and that of some four zero bytes, the NUL of a `wchar_t`. They are kept through stores, fills and copies of unknown length, so that a string can be told to
//! end without a quantifier over its bytes. In small objects the NUL is searched for exactly.

use vf_smt::{Sort, Term};

use super::memory::VersionId;
use super::state::{Contents, Edge, Nuls, State};
use super::value::{Object, ObjectId, Pointer, Value};
use super::{Engine, Stop};

/// Strings in objects of at most this many characters are searched for their NUL exactly.
const EXACT_STRING: u128 = 64;

/// Constant objects of at most this many bytes are searched exactly.
const EXACT_CONSTANT: u128 = 4096;

/// Bytes of a `wchar_t` that the second ghost is about.
const WIDE: u64 = 4;

impl Engine<'_> {
    pub(super) fn no_nul(&self) -> Term {
        self.terms.bv(self.pointer_bits, u128::MAX)
    }

    pub(super) fn no_nuls(&self) -> Nuls {
        Nuls {
            byte: self.no_nul(),
            furthest: self.no_nul(),
            wide: self.no_nul(),
        }
    }

    pub(super) fn known_nul(&self, offset: Option<u64>) -> Term {
        offset.map_or_else(|| self.no_nul(), |at| self.offset(at))
    }

    fn offset(&self, value: u64) -> Term {
        self.terms.bv(self.pointer_bits, u128::from(value))
    }

    pub(super) fn choose_nuls(&self, condition: Term, yes: Nuls, no: Nuls) -> Nuls {
        Nuls {
            byte: self.terms.ite(condition, yes.byte, no.byte),
            furthest: self.terms.ite(condition, yes.furthest, no.furthest),
            wide: self.terms.ite(condition, yes.wide, no.wide),
        }
    }

    /// An object of so many zero bytes.
    pub(super) fn nuls_of_zeros(&self, size: Term) -> Nuls {
        let t = self.terms;
        let whole = t.bvand(size, t.bvnot(self.offset(WIDE - 1)));
        let some = t.uge(size, self.offset(WIDE));
        let last = t.sub(size, self.offset(1));
        Nuls {
            byte: last,
            furthest: last,
            wide: t.ite(some, t.sub(whole, self.offset(WIDE)), self.no_nul()),
        }
    }

    /// What is known after the `size` bytes at `offset` were written with anything.
    pub(super) fn nuls_outside(&self, before: Nuls, offset: Term, size: Term) -> Nuls {
        let t = self.terms;
        let none = self.no_nul();
        let wide = if before.wide == none {
            none
        } else {
            // Two ranges meet where one begins in the other.
            let begins = t.ult(t.sub(before.wide, offset), size);
            let nul_begins_before = t.ult(t.sub(offset, before.wide), self.offset(WIDE));
            let some = t.ne(size, self.offset(0));
            let met = t.or(begins, t.and(some, nul_begins_before));
            t.ite(met, none, before.wide)
        };
        let byte = t.ite(t.ult(t.sub(before.byte, offset), size), none, before.byte);
        let furthest = if before.furthest == before.byte {
            byte
        } else {
            t.ite(t.ult(t.sub(before.furthest, offset), size), byte, before.furthest)
        };
        Nuls { byte, furthest, wide }
    }

    /// The further one of a NUL known before and, where the condition holds, one at `place`.
    fn further(&self, before: Term, condition: Term, place: Term) -> Term {
        let t = self.terms;
        let none = self.no_nul();
        let moves = if before == none {
            condition
        } else {
            t.and(condition, t.or(t.eq(before, none), t.ult(before, place)))
        };
        t.ite(moves, place, before)
    }

    pub(super) fn nuls_after_store(&self, before: Nuls, offset: Term, bytes: u64, value: &Value) -> Nuls {
        let t = self.terms;
        let kept = self.nuls_outside(before, offset, self.offset(bytes));
        let Value::Bits(bits) = value else { return kept };
        let mut nuls = kept;
        if bytes <= WIDE {
            let zero = t.eq(*bits, t.bv((bytes * 8) as u32, 0));
            nuls.byte = t.ite(zero, offset, kept.byte);
            nuls.furthest = self.further(kept.furthest, zero, offset);
        }
        // Only constants: a term for every store of an `int` would cost more than it tells.
        if bytes == WIDE && t.as_bv(*bits) == Some(0) {
            nuls.wide = offset;
        }
        nuls
    }

    pub(super) fn nuls_after_fill(&self, before: Nuls, offset: Term, size: Term, unit: Term) -> Nuls {
        let t = self.terms;
        let kept = self.nuls_outside(before, offset, size);
        let Sort::BitVec(width) = t.sort(unit) else {
            return kept;
        };
        let zero = t.eq(unit, t.bv(width, 0));
        let last = |bytes: u64| {
            let enough = t.uge(size, self.offset(bytes));
            (enough, t.sub(t.add(offset, size), self.offset(bytes)))
        };
        let (some, byte) = last(1);
        let (four, wide) = last(WIDE);
        Nuls {
            byte: t.ite(t.and(some, zero), byte, kept.byte),
            furthest: self.further(kept.furthest, t.and(some, zero), byte),
            wide: t.ite(t.and(four, zero), wide, kept.wide),
        }
    }

    /// The NULs of the source come along where they lie in the `size` bytes from `from`.
    pub(super) fn nuls_after_copy(
        &self,
        kept: Nuls,
        offset: Term,
        source: Nuls,
        from: Term,
        size: Term,
    ) -> Nuls {
        let t = self.terms;
        let none = self.no_nul();
        let copied = |nul: Term| {
            let distance = t.sub(nul, from);
            let comes = t.and(t.ne(nul, none), t.ult(distance, size));
            (comes, t.add(offset, distance))
        };
        let (comes, place) = copied(source.byte);
        let byte = t.ite(comes, place, kept.byte);
        let mut furthest = self.further(kept.furthest, comes, place);
        if source.furthest != source.byte {
            let (comes, place) = copied(source.furthest);
            furthest = self.further(furthest, comes, place);
        }
        let wide = if source.wide == none {
            kept.wide
        } else {
            let distance = t.sub(source.wide, from);
            let last = t.sub(size, self.offset(WIDE));
            let comes = t.all(&[
                t.ne(source.wide, none),
                t.uge(size, self.offset(WIDE)),
                t.ule(distance, last),
            ]);
            t.ite(comes, t.add(offset, distance), kept.wide)
        };
        Nuls { byte, furthest, wide }
    }

    /// The wide ghost at the header of a loop that changes it: unknown, and where the object is read by cells of
    /// that size, with what it means.
    pub(super) fn wide_nul_in_loop(
        &mut self,
        object: ObjectId,
        contents: &Contents,
        label: &str,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let none = self.no_nul();
        if contents.nuls.wide == none {
            return Ok(none);
        }
        let cell = t.var(&format!("wide-nul.{label}"), Sort::BitVec(self.pointer_bits));
        if self.granule(object) < WIDE {
            return Ok(cell);
        }
        // Every access so far was aligned, and so is the ghost.
        let some = t.var(&format!("wide-nul-known.{label}"), Sort::Bool);
        let place = t.shl(cell, self.offset(2));
        if let (Some(size), WIDE) = (self.objects.get(&object).map(|o| o.size), self.granule(object)) {
            let there = self.wide_nul_at(object, contents.version, place, size)?;
            self.fact(t.implies(some, there));
        }
        Ok(t.ite(some, place, none))
    }

    /// Four zero bytes lie at the place.
    fn wide_nul_at(
        &mut self,
        object: ObjectId,
        version: VersionId,
        place: Term,
        size: Term,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let value = self.read_bits(object, version, place, WIDE)?;
        let room = t.and(t.ult(place, size), t.uge(t.sub(size, place), self.offset(WIDE)));
        Ok(t.and(room, t.eq(value, t.bv(32, 0))))
    }

    /// The ghosts that are about characters of so many bytes.
    fn nuls_of(&self, contents: &Contents, unit: u64) -> Vec<Term> {
        let nuls = contents.nuls;
        match unit {
            1 if nuls.byte == nuls.furthest => vec![nuls.byte],
            1 => vec![nuls.byte, nuls.furthest],
            WIDE => vec![nuls.wide],
            _ => Vec::new(),
        }
    }

    /// A NUL is known at `nul`, at or after `start` and a whole number of characters from it.
    fn nul_after(&self, nul: Term, start: Term, unit: u64) -> Term {
        let t = self.terms;
        let phase = t.bvand(t.sub(nul, start), self.offset(unit - 1));
        t.all(&[
            t.ne(nul, self.no_nul()),
            t.ule(start, nul),
            t.eq(phase, self.offset(0)),
        ])
    }

    fn character(&mut self, object: ObjectId, version: VersionId, at: Term, unit: u64) -> Result<Term, Stop> {
        let value = self.read_bits(object, version, at, unit)?;
        Ok(self.terms.eq(value, self.terms.bv((unit * 8) as u32, 0)))
    }

    /// A NUL lies at or after the pointer in its object.
    pub(super) fn terminated(&mut self, state: &State, pointer: &Pointer, unit: u64) -> Result<Term, Stop> {
        let t = self.terms;
        let mut ok = t.bool(false);
        for object in self.accessible(pointer) {
            let Some(info) = self.objects.get(&object).cloned() else {
                continue;
            };
            if info.summary {
                let here = t.eq(pointer.base, self.base_const(object));
                ok = t.or(ok, t.and(here, t.fresh("open", Sort::Bool)));
                continue;
            }
            let Some(mut contents) = self.contents(state, object) else {
                continue;
            };
            self.read_as_string(object, &mut contents, unit)?;
            let here = t.eq(pointer.base, self.base_const(object));
            let end = self.end_of(pointer, info.size);
            let nuls = self.nuls_of(&contents, unit).into_iter();
            let each: Vec<Term> = nuls
                .map(|nul| t.and(self.nul_after(nul, pointer.offset, unit), t.ult(nul, end)))
                .collect();
            let known = t.any(&each);
            let mut found = known;
            if let Some(size) = t.as_bv(end)
                && size / u128::from(unit) <= EXACT_STRING
                && !t.is_true(known)
            {
                let searched = self.found_nul(object, contents.version, pointer.offset, size, unit)?;
                found = t.or(found, searched);
            }
            ok = t.or(ok, t.and(here, found));
        }
        Ok(t.or(ok, self.open_if_wild(pointer)))
    }

    /// A NUL lies at or after `start` in an object of so many bytes, each character looked at.
    fn found_nul(
        &mut self,
        object: ObjectId,
        version: VersionId,
        start: Term,
        size: u128,
        unit: u64,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let mut found = t.bool(false);
        let from = match t.as_bv(start) {
            Some(from) => from,
            None if 1u64 << self.alignment(start) >= unit => 0,
            None => return Ok(found),
        };
        let step = u128::from(unit);
        let mut at = from;
        while at + step <= size {
            let place = t.bv(self.pointer_bits, at);
            let zero = self.character(object, version, place, unit)?;
            found = t.or(found, t.and(t.ule(start, place), zero));
            at += step;
        }
        Ok(found)
    }

    /// An input, not written so far, is read as a string: that it is one is the caller's part.
    fn read_as_string(&mut self, object: ObjectId, contents: &mut Contents, unit: u64) -> Result<(), Stop> {
        if unit == WIDE {
            return self.read_as_wide_string(object, contents);
        }
        let Some((text, given)) = self.string_clauses.get(&object).cloned() else {
            return Ok(());
        };
        if unit == 1 && given == contents.nuls.byte {
            self.strings.insert(object, unit);
            self.contract(text, self.terms.ne(given, self.no_nul()));
        }
        Ok(())
    }

    /// The ghost of a wide string of the caller is made when it is first read as one: most arrays of `int` are none.
    fn read_as_wide_string(&mut self, object: ObjectId, contents: &mut Contents) -> Result<(), Stop> {
        let t = self.terms;
        let none = self.no_nul();
        let Some(text) = self.wide_string_clauses.get(&object).cloned() else {
            return Ok(());
        };
        let (Some(initial), Some(size)) = (
            self.initial.get(&object).cloned(),
            self.objects.get(&object).map(|o| o.size),
        ) else {
            return Ok(());
        };
        if initial.version != contents.version {
            return Ok(());
        }
        self.strings.insert(object, WIDE);
        let label = self.object_label(object);
        let some = t.var(&format!("wide-nul-known.{label}"), Sort::Bool);
        if initial.nuls.wide == none {
            let cell = t.var(&format!("wide-nul.{label}"), Sort::BitVec(self.pointer_bits));
            let place = t.shl(cell, self.offset(2));
            let there = self.wide_nul_at(object, initial.version, place, size)?;
            self.fact(t.implies(some, there));
            if let Some(initial) = self.initial.get_mut(&object) {
                initial.nuls.wide = t.ite(some, place, none);
            }
        }
        if let Some(initial) = self.initial.get(&object) {
            contents.nuls.wide = initial.nuls.wide;
        }
        self.contract(text, some);
        Ok(())
    }

    /// The number of characters before the first NUL.
    pub(super) fn string_length(&mut self, edge: &Edge, pointer: &Pointer, unit: u64) -> Result<Term, Stop> {
        let t = self.terms;
        let mut result: Option<Term> = None;
        let mut known = t.bool(false);
        for object in self.accessible(pointer) {
            let Some(info) = self.objects.get(&object).cloned().filter(|o| !o.summary) else {
                continue;
            };
            let Some(mut contents) = self.contents(&edge.state, object) else {
                continue;
            };
            let here = t.eq(pointer.base, self.base_const(object));
            known = t.or(known, here);
            self.strings.insert(object, unit);
            self.read_as_string(object, &mut contents, unit)?;
            let exact = |size: u128| {
                size / u128::from(unit) <= EXACT_STRING || info.constant && size <= EXACT_CONSTANT
            };
            let end = self.end_of(pointer, info.size);
            let length = match (t.as_bv(end), t.as_bv(pointer.offset)) {
                (Some(size), Some(from)) if exact(size) => {
                    // Search from the end, so that the first NUL decides.
                    let whole = size.saturating_sub(from) / u128::from(unit);
                    let mut length = t.bv(self.pointer_bits, whole);
                    for k in (0..whole).rev() {
                        let place = t.bv(self.pointer_bits, from + k * u128::from(unit));
                        let nul = self.character(object, contents.version, place, unit)?;
                        length = t.ite(nul, t.bv(self.pointer_bits, k), length);
                    }
                    self.shared_length((object, pointer.offset, unit, whole), contents.version, length)
                }
                _ => {
                    let length = self.unknown_length(object, &info, &contents, pointer.offset, unit)?;
                    self.bounded_length(length, pointer, unit)
                }
            };
            result = Some(match result {
                None => length,
                Some(other) => t.ite(here, length, other),
            });
        }
        Ok(match result {
            Some(length) if self.leads_to_known(pointer) => length,
            Some(length) => t.ite(known, length, t.fresh("strlen", Sort::BitVec(self.pointer_bits))),
            None => t.fresh("strlen", Sort::BitVec(self.pointer_bits)),
        })
    }

    /// Where a pointer's room ends: its object's end, or that of the array member it was made from.
    pub(super) fn end_of(&self, pointer: &Pointer, size: Term) -> Term {
        let t = self.terms;
        match pointer.hard_bounds() {
            Some(bounds) => t.ite(t.ule(bounds.high, size), bounds.high, size),
            None => size,
        }
    }

    /// A length in characters, cut at the end of the pointer's bounds.
    fn bounded_length(&self, length: Term, pointer: &Pointer, unit: u64) -> Term {
        let t = self.terms;
        let Some(bounds) = pointer.hard_bounds() else {
            return length;
        };
        let bytes = t.ite(
            t.ule(pointer.offset, bounds.high),
            t.sub(bounds.high, pointer.offset),
            t.bv(self.pointer_bits, 0),
        );
        let room = match unit {
            0 | 1 => bytes,
            _ => t.udiv(bytes, t.bv(self.pointer_bits, u128::from(unit))),
        };
        t.ite(t.ult(length, room), length, room)
    }

    /// A string of bytes in an object that is read by wider cells: what the first cell says of its length.
    fn short_length(
        &mut self,
        object: ObjectId,
        contents: &Contents,
        start: Term,
        rest: Term,
        length: Term,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let bytes = self.granule(object);
        if 1u64 << self.alignment(start).min(3) < bytes {
            return Ok(());
        }
        let cell = self.read_bits(object, contents.version, start, bytes)?;
        let mut none_before = t.bool(true);
        for k in 0..bytes {
            let low = (k * 8) as u32;
            let nul = t.eq(t.extract(low + 7, low, cell), t.bv(8, 0));
            let here = t.all(&[none_before, nul, t.ult(self.offset(k), rest)]);
            self.fact(t.implies(here, t.eq(length, self.offset(k))));
            none_before = t.and(none_before, t.not(nul));
        }
        let long = t.and(none_before, t.ule(self.offset(bytes), rest));
        self.fact(t.implies(long, t.uge(length, self.offset(bytes))));
        Ok(())
    }

    /// The length of a string whose NUL cannot be searched for: a number with the properties that a length
    /// has, one for the same contents and start. Without a NUL it is the distance to the end.
    fn unknown_length(
        &mut self,
        object: ObjectId,
        info: &Object,
        contents: &Contents,
        start: Term,
        unit: u64,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let key = (object, contents.version, start, unit);
        if let Some(known) = self.string_lengths.get(&key) {
            return Ok(*known);
        }
        let number = self.unique();
        let shift = self.offset(u64::from(unit.trailing_zeros()));
        let length = t.var(&format!("strlen.{number}"), Sort::BitVec(self.pointer_bits));
        let inside = t.ule(start, info.size);
        let rest = t.lshr(t.sub(info.size, start), shift);
        self.fact(t.implies(inside, t.ule(length, rest)));
        for nul in self.nuls_of(contents, unit) {
            let known = self.nul_after(nul, start, unit);
            let upper = t.ule(length, t.lshr(t.sub(nul, start), shift));
            self.fact(t.implies(t.and(inside, known), upper));
        }
        if unit == 1 && !info.summary && self.granule(object) > 1 {
            self.short_length(object, contents, start, rest, length)?;
        }
        // Bytes are looked at only where the object is read by bytes anyway.
        let cells = match unit {
            1 => self.granule(object) == 1,
            _ => (1u64 << self.alignment(start).min(3)) >= unit,
        };
        if !info.summary && cells {
            let end = t.add(start, t.shl(length, shift));
            let nul = self.character(object, contents.version, end, unit)?;
            let ends = t.and(t.ult(length, rest), nul);
            self.fact(t.implies(inside, t.or(ends, t.eq(length, rest))));
            let first = self.character(object, contents.version, start, unit)?;
            let some = t.ne(length, self.offset(0));
            self.fact(t.implies(t.and(inside, some), t.not(first)));
        }
        self.string_lengths.insert(key, length);
        self.equal_strings((object, start, unit), contents.version, length)?;
        Ok(length)
    }
}

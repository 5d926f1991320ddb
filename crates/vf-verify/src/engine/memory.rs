//! Memory: the contents of an object as a history of writes.
//!
//! Every object has a *version*: a node that says what was written last and points to the version before it.
//! A read walks the history and becomes an if-then-else over the writes that may have hit it (read over
//! write, McCarthy 1962), so copies and fills of unknown length need neither loops nor quantifiers:
//!
//! ```text
//! read(Store(m, o, v), i)        = if i = o then v else read(m, i)
//! read(Copy(m, o, n, s, p), i)   = if i - o <u n then read(s, p + (i - o)) else read(m, i)
//! read(Choice(c, a, b), i)       = if c then read(a, i) else read(b, i)
//! ```
//!
//! Reads are by *granule*: the largest power of two up to 8 bytes to which every access of the object so far
//! is aligned. An access that fits no granule lowers it and the analysis restarts with what it learned;
//! in the worst case an object is bytes. The same walk, answering "was it written", gives initialisation.

use std::collections::BTreeMap;
use std::rc::Rc;

use vf_smt::{Sort, Term, View};

use super::stored::Targets;
use super::value::{ObjectId, Pointer, Value};
use super::{Engine, Stop};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionId(pub u32);

/// Whether the cells of a base version were written.
#[derive(Clone, Debug)]
pub enum Written {
    All,
    None,
    /// After a loop: written if it was before the loop or lies in a range that an invariant (active under
    /// its literal) says the loop has written, else unknown (an array of bits by offset).
    Since {
        before: VersionId,
        array: Term,
        ranges: Rc<Vec<WrittenRange>>,
    },
}

/// `low <= offset < high` was written, if the literal holds.
#[derive(Clone, Debug)]
pub struct WrittenRange {
    pub active: Term,
    pub low: Term,
    pub high: Term,
}

#[derive(Clone, Debug)]
pub enum Version {
    /// Contents given by an array from byte offset to granule (`None`: not yet read at any granule).
    Base {
        object: ObjectId,
        label: Rc<str>,
        written: Written,
        /// Pointers in it lead to input objects made when they are read.
        lazy: bool,
        /// For a loop header: the version at loop entry; its pointers at constant offsets may have stayed.
        before: Option<VersionId>,
        /// For a loop header, where the loop writes nothing but pointers: what they lead to.
        stores: Option<Rc<Targets>>,
    },
    /// Every byte zero.
    Zero { written: bool },
    /// Known bytes and pointers of a global.
    Table {
        object: ObjectId,
        bytes: Rc<Vec<u8>>,
        pointers: Rc<BTreeMap<u64, Pointer>>,
        unknown: Rc<Vec<(u64, u64)>>,
    },
    Store {
        before: VersionId,
        offset: Term,
        bytes: u64,
        value: Value,
        /// Some of its bits were read from the same place: it initialises nothing that was not before.
        partial: bool,
    },
    Choice {
        condition: Term,
        yes: VersionId,
        no: VersionId,
    },
    Copy {
        before: VersionId,
        offset: Term,
        size: Term,
        source: VersionId,
        source_object: ObjectId,
        source_offset: Term,
    },
    Fill {
        before: VersionId,
        offset: Term,
        size: Term,
        /// 8 to 64 bits, repeated.
        unit: Term,
    },
    /// Unknown bytes in a range.
    Havoc {
        before: VersionId,
        offset: Term,
        size: Term,
        label: Rc<str>,
    },
}

/// How an access range and a granule lie to each other.
enum Overlap {
    Disjoint,
    /// The granule lies inside, at this distance from the start.
    Inside(u64),
    Unclear,
}

/// Tables up to this size are given to the solver byte by byte when read at an unknown place.
const TABLE_LIMIT: usize = 4096;

impl Engine<'_> {
    pub(super) fn add_version(&mut self, version: Version) -> VersionId {
        if let Version::Store {
            value: Value::Pointer(pointer),
            ..
        } = &version
        {
            self.pointers_stored.extend(pointer.targets.iter());
        }
        if let Some(known) = self.known_version(&version) {
            return known;
        }
        let text = self.compares().then(|| format!("{version:?}"));
        self.versions.push(version);
        let id = VersionId(self.versions.len() as u32 - 1);
        if let Some(text) = text {
            self.know_version(text, id);
        }
        self.index_store(id);
        id
    }

    pub(super) fn version(&self, id: VersionId) -> &Version {
        &self.versions[id.0 as usize]
    }

    pub(super) fn granule(&self, object: ObjectId) -> u64 {
        self.learned.granule.get(&object).copied().unwrap_or(8)
    }

    /// Records that an access of `bytes` at `offset` happens; restarts if the object's granule does not fit.
    fn fit_granule(&mut self, object: ObjectId, offset: Term, bytes: Option<u64>) -> Result<(), Stop> {
        let mut fits = 1u64 << self.alignment(offset).min(3);
        if let Some(bytes) = bytes {
            fits = fits.min(1 << bytes.trailing_zeros().min(3));
        }
        self.lower_granule(object, fits)
    }

    fn lower_granule(&mut self, object: ObjectId, fits: u64) -> Result<(), Stop> {
        if fits < self.granule(object) {
            self.learned.granule.insert(object, fits);
            return Err(Stop::Restart);
        }
        Ok(())
    }

    /// Number of low bits of the term that are zero on every input, at most 16.
    pub(super) fn alignment(&mut self, term: Term) -> u32 {
        if let Some(known) = self.alignments.get(&term) {
            return *known;
        }
        let t = self.terms;
        let bits = match t.as_bv(term) {
            Some(0) => 16,
            Some(value) => value.trailing_zeros(),
            None => match t.view(term) {
                View::Add(a, b) | View::BvOr(a, b) | View::BvXor(a, b) | View::Sub(a, b) => {
                    self.alignment(a).min(self.alignment(b))
                }
                View::Mul(a, b) => self.alignment(a) + self.alignment(b),
                View::BvAnd(a, b) => self.alignment(a).max(self.alignment(b)),
                View::Shl(a, b) => {
                    self.alignment(a) + t.as_bv(b).map_or(0, |n| u32::try_from(n).unwrap_or(16).min(16))
                }
                View::Ite(_, a, b) => self.alignment(a).min(self.alignment(b)),
                View::ZeroExtend { arg, .. } | View::SignExtend { arg, .. } | View::Neg(arg) => {
                    self.alignment(arg)
                }
                View::Concat(high, low) => match (t.as_bv(low), t.sort(low)) {
                    (Some(0), Sort::BitVec(width)) => width + self.alignment(high),
                    _ => self.alignment(low),
                },
                View::Extract { low: 0, arg, .. } => self.alignment(arg),
                _ => 0,
            },
        }
        .min(16);
        self.alignments.insert(term, bits);
        bits
    }

    /// `term` as `base + constant`.
    fn split_offset(&self, term: Term) -> (Option<Term>, u128) {
        let t = self.terms;
        if let Some(value) = t.as_bv(term) {
            return (None, value);
        }
        if let View::Add(a, b) = t.view(term) {
            if let Some(value) = t.as_bv(b) {
                return (Some(a), value);
            }
            if let Some(value) = t.as_bv(a) {
                return (Some(b), value);
            }
        }
        (Some(term), 0)
    }

    /// Where the `length` bytes at `at` lie relative to the `bytes` bytes at `start`.
    fn overlap(&self, at: Term, length: u64, start: Term, bytes: u64) -> Overlap {
        let (base_a, const_a) = self.split_offset(at);
        let (base_b, const_b) = self.split_offset(start);
        if base_a == base_b {
            let mask = if self.pointer_bits == 64 {
                u128::from(u64::MAX)
            } else {
                u128::from(u32::MAX)
            };
            let distance = const_a.wrapping_sub(const_b) & mask;
            let back = const_b.wrapping_sub(const_a) & mask;
            if distance + u128::from(length) <= u128::from(bytes) {
                return Overlap::Inside(distance as u64);
            }
            if distance >= u128::from(bytes) && back >= u128::from(length) {
                return Overlap::Disjoint;
            }
            return Overlap::Unclear;
        }
        let (low_a, high_a) = self.terms.unsigned_range(at);
        let (low_b, high_b) = self.terms.unsigned_range(start);
        if high_a + u128::from(length) <= low_b || high_b + u128::from(bytes) <= low_a {
            return Overlap::Disjoint;
        }
        Overlap::Unclear
    }

    pub(super) fn offset_const(&self, value: u64) -> Term {
        self.terms.bv(self.pointer_bits, u128::from(value))
    }

    /// The bits of a stored value that lie `distance` bytes from its start.
    fn slice_of(&mut self, value: &Value, distance: u64, bytes: u64) -> Term {
        let whole = match value {
            Value::Bits(bits) => *bits,
            Value::Pointer(pointer) => self.address_of(pointer),
        };
        let low = (distance * 8) as u32;
        let high = low + (bytes * 8) as u32 - 1;
        self.terms.extract(high, low, whole)
    }

    /// The granule at `offset`, `g` bytes wide.
    fn read_granule(&mut self, version: VersionId, offset: Term, g: u64) -> Result<Term, Stop> {
        let version = self.skip_stores(version, offset, g);
        if let Some(known) = self.granule_reads.get(&(version, offset)) {
            return Ok(*known);
        }
        self.tick()?;
        let t = self.terms;
        let bits = (g * 8) as u32;
        let result = match self.version(version).clone() {
            Version::Base {
                object,
                label,
                before,
                ..
            } => {
                if let (Some(_), Some(at)) = (before, t.as_bv(offset)) {
                    self.remember_cell(object, at as u64)?;
                }
                let array = self.contents_array(object, &label, g);
                self.cell(array, offset)
            }
            Version::Zero { .. } => t.bv(bits, 0),
            Version::Table {
                object,
                bytes,
                pointers,
                unknown,
            } => self.read_table(object, &bytes, &pointers, &unknown, offset, g)?,
            Version::Store {
                before,
                offset: start,
                bytes,
                value,
                ..
            } => match self.overlap(offset, g, start, bytes) {
                Overlap::Inside(distance) => self.slice_of(&value, distance, g),
                Overlap::Disjoint => self.read_granule(before, offset, g)?,
                Overlap::Unclear => {
                    let mut result = self.read_granule(before, offset, g)?;
                    for k in 0..bytes / g {
                        let part = self.slice_of(&value, k * g, g);
                        let place = t.add(start, self.offset_const(k * g));
                        result = t.ite(t.eq(offset, place), part, result);
                    }
                    result
                }
            },
            Version::Choice { condition, yes, no } => {
                let yes = self.read_granule(yes, offset, g)?;
                let no = self.read_granule(no, offset, g)?;
                t.ite(condition, yes, no)
            }
            Version::Copy {
                before,
                offset: start,
                size,
                source,
                source_object,
                source_offset,
            } => {
                let inside = self.in_range(offset, start, size);
                if t.is_false(inside) {
                    self.read_granule(before, offset, g)?
                } else {
                    self.same_granule(source_object, g)?;
                    let place = t.add(source_offset, t.sub(offset, start));
                    let copied = self.read_granule(source, place, g)?;
                    if t.is_true(inside) {
                        copied
                    } else {
                        let kept = self.read_granule(before, offset, g)?;
                        t.ite(inside, copied, kept)
                    }
                }
            }
            Version::Fill {
                before,
                offset: start,
                size,
                unit,
            } => {
                let inside = self.in_range(offset, start, size);
                let filled = self.repeated(unit, t.sub(offset, start), bits);
                let kept = if t.is_true(inside) {
                    filled
                } else {
                    self.read_granule(before, offset, g)?
                };
                t.ite(inside, filled, kept)
            }
            Version::Havoc {
                before,
                offset: start,
                size,
                label,
            } => {
                let inside = self.in_range(offset, start, size);
                if t.is_false(inside) {
                    self.read_granule(before, offset, g)?
                } else {
                    let array = t.var(
                        &format!("{label}.{g}"),
                        Sort::Array {
                            index: self.pointer_bits,
                            element: bits,
                        },
                    );
                    // Indexed by the distance from the start, so that the bytes are those of the call.
                    let distance = t.sub(offset, start);
                    let unknown = self.cell(array, distance);
                    let kept = if t.is_true(inside) {
                        unknown
                    } else {
                        self.read_granule(before, offset, g)?
                    };
                    t.ite(inside, unknown, kept)
                }
            }
        };
        self.granule_reads.insert((version, offset), result);
        Ok(result)
    }

    /// `bits` of a sequence of copies of a unit, `distance` bytes behind its start.
    fn repeated(&mut self, unit: Term, distance: Term, bits: u32) -> Term {
        let t = self.terms;
        let mut whole = unit;
        while let Sort::BitVec(width) = t.sort(whole) {
            if width >= bits {
                break;
            }
            whole = t.concat(whole, whole);
        }
        let Sort::BitVec(width) = t.sort(whole) else {
            return whole;
        };
        // Which part of a unit a narrower cell shows.
        let parts = width / bits;
        let mut result = t.extract(bits - 1, 0, whole);
        let mask = self.offset_const(u64::from(width / 8 - 1));
        let place = t.bvand(distance, mask);
        for part in 1..parts {
            let slice = t.extract((part + 1) * bits - 1, part * bits, whole);
            let here = t.eq(place, self.offset_const(u64::from(part * bits / 8)));
            result = t.ite(here, slice, result);
        }
        result
    }

    /// The element of an array of unknown contents. At a constant place it is a variable of its own: as long
    /// as an array is read at constant places only, the solver sees no array, and its bit-vector engine, which
    /// is several times faster, answers.
    pub(super) fn cell(&mut self, array: Term, at: Term) -> Term {
        let t = self.terms;
        let Sort::Array { element, .. } = t.sort(array) else {
            return t.fresh("cell", Sort::BitVec(8));
        };
        if let Some((nul, size)) = self.pending_nuls.remove(&array) {
            let byte = self.cell(array, nul);
            let there = t.and(t.ult(nul, size), t.eq(byte, t.bv(element, 0)));
            let none = self.no_nul();
            self.fact(t.or(t.eq(nul, none), there));
        }
        let Some(place) = t.as_bv(at) else {
            let reads = self.base_reads.entry(array).or_default();
            let first = reads.is_empty();
            reads.push(at);
            if first {
                for (place, variable) in self.cells.get(&array).cloned().unwrap_or_default() {
                    let element = t.select(array, t.bv(self.pointer_bits, place));
                    self.fact(t.eq(element, variable));
                }
            }
            return t.select(array, at);
        };
        if let Some(known) = self.cells.get(&array).and_then(|c| c.get(&place)) {
            return *known;
        }
        let name = t.name(array).unwrap_or_default();
        let variable = t.var(&format!("{name}[{place}]"), Sort::BitVec(element));
        self.cells.entry(array).or_default().insert(place, variable);
        if self.base_reads.contains_key(&array) {
            self.fact(t.eq(t.select(array, at), variable));
        }
        variable
    }

    /// `at - start <u size`: the granule at `at` lies in the range (both are granule-aligned).
    fn in_range(&self, at: Term, start: Term, size: Term) -> Term {
        self.terms.ult(self.terms.sub(at, start), size)
    }

    pub(super) fn contents_array(&mut self, object: ObjectId, label: &str, g: u64) -> Term {
        let name = format!("mem.{}{label}.{g}", self.object_label(object));
        self.terms.var(
            &name,
            Sort::Array {
                index: self.pointer_bits,
                element: (g * 8) as u32,
            },
        )
    }

    /// Objects between which bytes were copied must be read by one granule.
    fn same_granule(&mut self, source: ObjectId, g: u64) -> Result<(), Stop> {
        self.lower_granule(source, g)
    }

    fn read_table(
        &mut self,
        object: ObjectId,
        bytes: &Rc<Vec<u8>>,
        pointers: &Rc<BTreeMap<u64, Pointer>>,
        unknown: &Rc<Vec<(u64, u64)>>,
        offset: Term,
        g: u64,
    ) -> Result<Term, Stop> {
        let t = self.terms;
        let bits = (g * 8) as u32;
        let known = |at: u64| -> Option<u128> {
            let slice = bytes.get(at as usize..(at + g) as usize)?;
            Some(
                slice
                    .iter()
                    .rev()
                    .fold(0u128, |value, byte| value << 8 | u128::from(*byte)),
            )
        };
        let pointer_bytes = self.pointer_bytes();
        let clear = |at: u64| {
            pointers
                .range(at.saturating_sub(pointer_bytes - 1)..at + g)
                .next()
                .is_none()
                && !unknown
                    .iter()
                    .any(|(from, len)| at < from + len && *from < at + g)
        };
        if let Some(at) = t.as_bv(offset) {
            let at = at as u64;
            if clear(at) {
                if let Some(value) = known(at) {
                    return Ok(t.bv(bits, value));
                }
            } else if let Some((start, pointer)) = pointers
                .range(at.saturating_sub(self.pointer_bytes() - 1)..=at)
                .next_back()
            {
                let distance = at - start;
                if distance + g <= self.pointer_bytes() {
                    let pointer = pointer.clone();
                    return Ok(self.slice_of(&Value::Pointer(pointer), distance, g));
                }
            }
            return Ok(t.fresh("table", Sort::BitVec(bits)));
        }
        let array = self.contents_array(object, "", g);
        if self.tables_given.insert((object, g)) && bytes.len() <= TABLE_LIMIT {
            let mut at = 0;
            while at + g <= bytes.len() as u64 {
                if clear(at)
                    && let Some(value) = known(at)
                {
                    let fact = t.eq(t.select(array, self.offset_const(at)), t.bv(bits, value));
                    self.fact(fact);
                }
                at += g;
            }
        }
        Ok(t.select(array, offset))
    }

    /// Reads an integer (or float pattern) of `bytes` bytes.
    pub(super) fn read_bits(
        &mut self,
        object: ObjectId,
        version: VersionId,
        offset: Term,
        bytes: u64,
    ) -> Result<Term, Stop> {
        if let Version::Store {
            offset: start,
            bytes: stored,
            value: Value::Bits(value),
            ..
        } = self.version(version)
            && *start == offset
            && *stored == bytes
        {
            return Ok(*value);
        }
        self.fit_granule(object, offset, Some(bytes))?;
        let g = self.granule(object);
        let t = self.terms;
        let mut result: Option<Term> = None;
        for k in 0..bytes / g {
            let place = t.add(offset, self.offset_const(k * g));
            let part = self.read_granule(version, place, g)?;
            result = Some(match result {
                None => part,
                Some(low) => t.concat(part, low),
            });
        }
        Ok(result.unwrap_or_else(|| t.bv(8, 0)))
    }

    /// Reads a pointer.
    pub(super) fn read_pointer(&mut self, version: VersionId, offset: Term) -> Result<Pointer, Stop> {
        let width = self.pointer_bytes();
        let version = self.skip_stores(version, offset, width);
        if let Some(known) = self.pointer_reads.get(&(version, offset)) {
            return Ok(known.clone());
        }
        self.tick()?;
        let t = self.terms;
        let result = match self.version(version).clone() {
            Version::Base {
                object: base,
                label,
                lazy,
                before,
                stores,
                ..
            } => {
                let whole = self.alignment(offset) >= width.trailing_zeros();
                if lazy {
                    self.input_pointer(base, &label, offset)?
                } else if let (Some(before), Some(stores), true) = (before, stores, whole) {
                    self.kept_or_stored(base, version, before, offset, &label, &stores)?
                } else if let (Some(before), Some(at)) = (before, t.as_bv(offset)) {
                    // A loop may have left this pointer alone: an invariant will say so if it holds.
                    let was = self.read_pointer(before, offset)?;
                    self.kept_pointer(base, &label, at as u64, &was)
                } else {
                    self.wild_pointer("loaded")
                }
            }
            Version::Zero { .. } => self.null(),
            Version::Table { bytes, pointers, .. } => match t.as_bv(offset) {
                Some(at) => match pointers.get(&(at as u64)) {
                    Some(pointer) => pointer.clone(),
                    None => {
                        let slice = bytes.get(at as usize..(at as u64 + width) as usize);
                        match slice {
                            Some(slice) if slice.iter().all(|b| *b == 0) => self.null(),
                            _ => self.wild_pointer("table"),
                        }
                    }
                },
                None if pointers.len() <= 64 => {
                    let mut result = self.null();
                    for (at, pointer) in pointers.iter() {
                        let here = t.eq(offset, self.offset_const(*at));
                        result = self.choose_pointer(here, pointer, &result);
                    }
                    result
                }
                None => self.wild_pointer("table"),
            },
            Version::Store {
                before,
                offset: start,
                bytes,
                value,
                ..
            } => match (self.overlap(offset, width, start, bytes), &value) {
                (Overlap::Disjoint, _) => self.read_pointer(before, offset)?,
                (Overlap::Inside(0), Value::Pointer(pointer)) => pointer.clone(),
                (Overlap::Inside(0), Value::Bits(bits)) if bytes == width => self.pointer_from(*bits),
                (Overlap::Unclear, Value::Pointer(pointer))
                    if self.alignment(offset) >= width.trailing_zeros()
                        && self.alignment(start) >= width.trailing_zeros() =>
                {
                    let kept = self.read_pointer(before, offset)?;
                    self.choose_pointer(t.eq(offset, start), &pointer.clone(), &kept)
                }
                (Overlap::Unclear, Value::Bits(_))
                    if bytes <= width
                        && self.alignment(offset) >= width.trailing_zeros()
                        && self.alignment(start) >= bytes.trailing_zeros() =>
                {
                    let kept = self.read_pointer(before, offset)?;
                    let hit = t.ult(t.sub(start, offset), self.offset_const(width));
                    let wild = self.wild_pointer("overwritten");
                    self.choose_pointer(hit, &wild, &kept)
                }
                _ => self.wild_pointer("overwritten"),
            },
            Version::Choice { condition, yes, no } => {
                let yes = self.read_pointer(yes, offset)?;
                let no = self.read_pointer(no, offset)?;
                self.choose_pointer(condition, &yes, &no)
            }
            Version::Copy {
                before,
                offset: start,
                size,
                source,
                source_offset,
                ..
            } => {
                let wholly = t.and(
                    self.in_range(offset, start, size),
                    self.in_range(t.add(offset, self.offset_const(width - 1)), start, size),
                );
                let outside = self.apart(offset, width, start, size);
                let kept = if t.is_true(wholly) {
                    self.wild_pointer("copied")
                } else {
                    self.read_pointer(before, offset)?
                };
                let copied = if t.is_false(wholly) {
                    self.wild_pointer("copied")
                } else {
                    self.read_pointer(source, t.add(source_offset, t.sub(offset, start)))?
                };
                let torn = self.wild_pointer("torn");
                let rest = self.choose_pointer(outside, &kept, &torn);
                self.choose_pointer(wholly, &copied, &rest)
            }
            Version::Fill {
                before,
                offset: start,
                size,
                unit,
            } => {
                let wholly = t.and(
                    self.in_range(offset, start, size),
                    self.in_range(t.add(offset, self.offset_const(width - 1)), start, size),
                );
                let filled = if t.as_bv(unit) == Some(0) {
                    self.null()
                } else {
                    self.wild_pointer("filled")
                };
                let outside = self.apart(offset, width, start, size);
                let kept = if t.is_true(wholly) {
                    filled.clone()
                } else {
                    self.read_pointer(before, offset)?
                };
                let torn = self.wild_pointer("torn");
                let rest = self.choose_pointer(outside, &kept, &torn);
                self.choose_pointer(wholly, &filled, &rest)
            }
            Version::Havoc {
                before,
                offset: start,
                size,
                ..
            } => {
                let outside = self.apart(offset, width, start, size);
                let kept = self.read_pointer(before, offset)?;
                let wild = self.wild_pointer("unknown");
                self.choose_pointer(outside, &kept, &wild)
            }
        };
        self.pointer_reads.insert((version, offset), result.clone());
        Ok(result)
    }

    /// None of the `width` bytes at `at` lies in the range.
    fn apart(&self, at: Term, width: u64, start: Term, size: Term) -> Term {
        let t = self.terms;
        let first = t.not(self.in_range(at, start, size));
        let last = t.not(self.in_range(t.add(at, self.offset_const(width - 1)), start, size));
        // Neither end inside, and the range does not lie within the cell.
        let within = t.ult(t.sub(start, at), self.offset_const(width));
        let empty = t.eq(size, self.offset_const(0));
        t.or(empty, t.all(&[first, last, t.not(within)]))
    }

    /// Whether the granule at `offset` was written.
    pub(super) fn written(&mut self, version: VersionId, offset: Term, g: u64) -> Result<Term, Stop> {
        let version = self.skip_stores(version, offset, g);
        if let Some(known) = self.written_reads.get(&(version, offset)) {
            return Ok(*known);
        }
        self.tick()?;
        let t = self.terms;
        let result = match self.version(version).clone() {
            Version::Base { written, .. } => match written {
                Written::All => t.bool(true),
                Written::None => t.bool(false),
                Written::Since {
                    before,
                    array,
                    ranges,
                } => {
                    let mut any = self.written(before, offset, g)?;
                    for range in ranges.iter() {
                        let inside = t.and(t.ule(range.low, offset), t.ult(offset, range.high));
                        any = t.or(any, t.and(range.active, inside));
                    }
                    let unknown = self.cell(array, offset);
                    t.or(any, t.bv_to_bool(unknown))
                }
            },
            Version::Zero { written } => t.bool(written),
            Version::Table { .. } => t.bool(true),
            Version::Store {
                before,
                partial: true,
                ..
            } => self.written(before, offset, g)?,
            Version::Store {
                before,
                offset: start,
                bytes,
                ..
            } => match self.overlap(offset, g, start, bytes) {
                Overlap::Inside(_) => t.bool(true),
                Overlap::Disjoint => self.written(before, offset, g)?,
                Overlap::Unclear => {
                    let was = self.written(before, offset, g)?;
                    t.or(was, t.ult(t.sub(offset, start), self.offset_const(bytes)))
                }
            },
            Version::Choice { condition, yes, no } => {
                let yes = self.written(yes, offset, g)?;
                let no = self.written(no, offset, g)?;
                t.ite(condition, yes, no)
            }
            Version::Copy {
                before,
                offset: start,
                size,
                source,
                source_object,
                source_offset,
            } => {
                let inside = self.in_range(offset, start, size);
                self.same_granule(source_object, g)?;
                let place = t.add(source_offset, t.sub(offset, start));
                let copied = self.written(source, place, g)?;
                let was = self.written(before, offset, g)?;
                t.ite(inside, copied, was)
            }
            Version::Fill {
                before,
                offset: start,
                size,
                ..
            }
            | Version::Havoc {
                before,
                offset: start,
                size,
                ..
            } => {
                let inside = self.in_range(offset, start, size);
                let was = self.written(before, offset, g)?;
                t.or(inside, was)
            }
        };
        self.written_reads.insert((version, offset), result);
        Ok(result)
    }

    pub(super) fn store_version(
        &mut self,
        object: ObjectId,
        before: VersionId,
        offset: Term,
        bytes: u64,
        value: Value,
        partial: bool,
    ) -> Result<VersionId, Stop> {
        self.fit_granule(object, offset, Some(bytes))?;
        Ok(self.add_version(Version::Store {
            before,
            offset,
            bytes,
            value,
            partial,
        }))
    }

    /// Before a range write or copy: its start and length must be granule-aligned.
    pub(super) fn fit_range(&mut self, object: ObjectId, offset: Term, size: Term) -> Result<(), Stop> {
        let fits = 1u64 << self.alignment(offset).min(self.alignment(size)).min(3);
        self.lower_granule(object, fits)
    }
}

//! Concrete memory: objects of bytes, each byte initialised or not, and the provenance of stored pointers.
//!
//! An object has an address of its own, so that pointers can be compared, printed and turned into integers;
//! objects never touch, and no address is used twice. Contents are kept in pages, so that an object of
//! terabytes costs only what is touched of it.

use std::collections::BTreeMap;
use vf_source::tables::HashMap;

use crate::program::{FunctionId, GlobalId, LocalId};

/// Index of an object of a run, in the order of creation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub u32);

/// A pointer value. Arithmetic never changes the object, only the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    /// The object that the pointer was derived from; `None` for null and for a pointer made of an integer.
    pub object: Option<ObjectId>,
    /// Bytes from the object's start, modulo 2^pointer width; without an object, the address.
    pub offset: u64,
    /// For a pointer made from an array member ([`Record::bounded_array`](crate::Record::bounded_array)), or from a record
    /// member. A pointer stored whole keeps them.
    pub bounds: Option<Bounds>,
}

/// The member that a pointer was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    /// Offset of its first byte, and behind its last.
    pub low: u64,
    pub high: u64,
    /// It is a record with members behind it: accesses may leave it, but not through an array at its end.
    pub of_record: bool,
}

impl Pointer {
    /// The offsets that accesses must stay in.
    pub fn hard_bounds(&self) -> Option<(u64, u64)> {
        let bounds = self.bounds.filter(|b| !b.of_record)?;
        Some((bounds.low, bounds.high))
    }

    pub const NULL: Pointer = Pointer {
        object: None,
        offset: 0,
        bounds: None,
    };
}

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// The n-th object of the input.
    Input(usize),
    Global(GlobalId),
    /// A memory local of one call of a function.
    Local(FunctionId, LocalId),
    Heap,
    /// `alloca` or a variable-length array.
    Stack,
    /// Code: has an address, but no bytes.
    Function(FunctionId),
}

/// What is known of an object from outside the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    pub kind: ObjectKind,
    /// Size in bytes.
    pub size: u64,
    pub address: u64,
    pub alive: bool,
}

/// The limit on memory is reached, or the address space is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfMemory;

const PAGE: u64 = 256;
/// What bookkeeping costs, in bytes.
const OBJECT_COST: u64 = 128;
/// No object lies below this: null pointers with a small offset hit nothing.
const LOWEST: u64 = 0x1_0000;
/// Stands for the time before the first step, and for no step at all.
pub(super) const NO_STEP: u32 = u32::MAX;

struct Page {
    bytes: [u8; PAGE as usize],
    initialized: [bool; PAGE as usize],
    /// The node of the history that wrote each byte, where a history is kept.
    writers: Option<Box<[u32; PAGE as usize]>>,
}

struct Object {
    info: ObjectInfo,
    /// Whether bytes of pages that do not exist are zero, as opposed to indeterminate.
    zeroed: bool,
    /// Writes are dropped.
    constant: bool,
    pages: HashMap<u64, Box<Page>>,
    /// Pointers that were stored whole, by offset. Their address is in the bytes too.
    pointers: BTreeMap<u64, Pointer>,
    /// Nodes of the history: what made the object, what ended its life, what wrote the bytes of pages that do
    /// not exist.
    allocated_by: u32,
    killed_by: u32,
    filled_by: u32,
}

pub(super) struct Memory {
    objects: Vec<Object>,
    by_address: BTreeMap<u64, ObjectId>,
    next_address: u64,
    pointer_bits: u32,
    used: u64,
    limit: u64,
    /// Bytes that objects of the run are larger than was asked for, and what these hold.
    padding: Option<Padding>,
    /// The node of the history that writes now; `None` where no history is kept.
    writer: Option<u32>,
}

/// Room behind the objects that a run makes, for one that goes on where bounds are passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Padding {
    /// In bytes.
    pub size: u64,
    /// What its bytes hold until they are written.
    pub filler: u8,
}

/// Contents of an object. Bytes that are not named are all zero, or were all never written.
#[derive(Default)]
pub(super) struct Held {
    /// By offset; `None` was never written.
    pub bytes: BTreeMap<u64, Option<u8>>,
    /// Pointers that lie there as a whole, by offset. Their address is in the bytes too.
    pub pointers: BTreeMap<u64, Pointer>,
}

/// A byte of memory: its value, and whether it was ever written.
pub(super) type Byte = (u8, bool);

impl Memory {
    pub fn new(pointer_bits: u32, limit: u64, padding: Option<Padding>) -> Memory {
        Memory {
            objects: Vec::new(),
            by_address: BTreeMap::new(),
            next_address: LOWEST,
            pointer_bits,
            used: 0,
            limit,
            padding,
            writer: None,
        }
    }

    /// Says which node of the history writes from now on; `None`: no history is kept.
    pub fn set_writer(&mut self, writer: Option<u32>) {
        self.writer = writer;
    }

    pub fn writer(&self) -> Option<u32> {
        self.writer
    }

    /// The node that wrote a byte last.
    pub fn writer_of(&self, id: ObjectId, offset: u64) -> u32 {
        let Some(object) = self.objects.get(id.0 as usize) else {
            return NO_STEP;
        };
        let page = object.pages.get(&(offset / PAGE));
        page.and_then(|p| p.writers.as_ref()?.get((offset % PAGE) as usize).copied())
            .unwrap_or(object.filled_by)
    }

    /// Gives bytes another writer, without writing.
    pub fn attribute(&mut self, id: ObjectId, offset: u64, size: u64, writer: u32) {
        let Some(object) = self.objects.get_mut(id.0 as usize) else {
            return;
        };
        for at in offset..offset.saturating_add(size) {
            let page = object.pages.get_mut(&(at / PAGE));
            if let Some(slot) = page
                .and_then(|p| p.writers.as_mut())
                .and_then(|w| w.get_mut((at % PAGE) as usize))
            {
                *slot = writer;
            }
        }
    }

    pub fn allocated_by(&self, id: ObjectId) -> u32 {
        self.objects
            .get(id.0 as usize)
            .map_or(NO_STEP, |o| o.allocated_by)
    }

    pub fn killed_by(&self, id: ObjectId) -> u32 {
        self.objects.get(id.0 as usize).map_or(NO_STEP, |o| o.killed_by)
    }

    pub fn pointer_bytes(&self) -> u64 {
        u64::from(self.pointer_bits / 8)
    }

    /// An address or offset cut to pointer width.
    pub fn wrap(&self, value: u64) -> u64 {
        if self.pointer_bits >= 64 {
            value
        } else {
            value & ((1 << self.pointer_bits) - 1)
        }
    }

    /// Counts bytes against the limit.
    pub fn charge(&mut self, bytes: u64) -> Result<(), OutOfMemory> {
        self.used = self.used.saturating_add(bytes);
        if self.used > self.limit {
            Err(OutOfMemory)
        } else {
            Ok(())
        }
    }

    /// Bytes counted so far.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// A new object. Its end is followed by a gap, so that one past the end is no other object.
    pub fn allocate(
        &mut self,
        kind: ObjectKind,
        size: u64,
        align: u64,
        zeroed: bool,
    ) -> Result<ObjectId, OutOfMemory> {
        let made = matches!(kind, ObjectKind::Heap | ObjectKind::Stack | ObjectKind::Local(..));
        let Some(padding) = self.padding.filter(|_| made) else {
            return self.allocate_exactly(kind, size, align, zeroed);
        };
        let padded = size.saturating_add(padding.size);
        let id = self.allocate_exactly(kind, padded, align, zeroed)?;
        for offset in size..padded {
            self.put(id, offset, (padding.filler, false))?;
        }
        Ok(id)
    }

    fn allocate_exactly(
        &mut self,
        kind: ObjectKind,
        size: u64,
        align: u64,
        zeroed: bool,
    ) -> Result<ObjectId, OutOfMemory> {
        self.charge(OBJECT_COST)?;
        let align = align.clamp(16, 4096).next_power_of_two();
        let gap = if self.pointer_bits >= 64 { 4096 } else { 64 };
        // The last addresses are error codes in the kernel (`ERR_PTR`).
        let highest = self.wrap(u64::MAX) - 0xffff;
        let address = self
            .next_address
            .checked_next_multiple_of(align)
            .ok_or(OutOfMemory)?;
        let end = address
            .checked_add(size)
            .filter(|end| *end <= highest)
            .ok_or(OutOfMemory)?;
        let id = ObjectId(u32::try_from(self.objects.len()).map_err(|_| OutOfMemory)?);
        self.next_address = end.saturating_add(gap);
        self.by_address.insert(address, id);
        self.objects.push(Object {
            info: ObjectInfo {
                kind,
                size,
                address,
                alive: true,
            },
            zeroed,
            constant: false,
            pages: HashMap::default(),
            pointers: BTreeMap::new(),
            allocated_by: self.writer.unwrap_or(NO_STEP),
            killed_by: NO_STEP,
            filled_by: self.writer.unwrap_or(NO_STEP),
        });
        Ok(id)
    }

    pub fn info(&self, id: ObjectId) -> Option<&ObjectInfo> {
        self.objects.get(id.0 as usize).map(|o| &o.info)
    }

    pub fn into_infos(self) -> Vec<ObjectInfo> {
        self.objects.into_iter().map(|o| o.info).collect()
    }

    /// What an object holds.
    pub fn contents(&self, id: ObjectId) -> Held {
        let mut held = Held::default();
        let Some(object) = self.objects.get(id.0 as usize) else {
            return held;
        };
        for (number, page) in &object.pages {
            let start = number.saturating_mul(PAGE);
            let cells = page.bytes.iter().zip(&page.initialized);
            for (at, (byte, written)) in (start..object.info.size).zip(cells) {
                held.bytes.insert(at, written.then_some(*byte));
            }
        }
        held.pointers = object.pointers.clone();
        held
    }

    /// Whether bytes that were never written are zero.
    pub fn is_zeroed(&self, id: ObjectId) -> bool {
        self.objects.get(id.0 as usize).is_some_and(|o| o.zeroed)
    }

    pub fn make_constant(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(id.0 as usize) {
            object.constant = true;
        }
    }

    /// Ends an object's life. Its size is still known, its contents are not.
    pub fn kill(&mut self, id: ObjectId) {
        let writer = self.writer.unwrap_or(NO_STEP);
        if let Some(object) = self.objects.get_mut(id.0 as usize) {
            if object.info.alive {
                object.killed_by = writer;
            }
            object.info.alive = false;
            self.used = self.used.saturating_sub(object.pages.len() as u64 * 2 * PAGE);
            object.pages = HashMap::default();
            object.pointers = BTreeMap::new();
        }
    }

    pub fn address(&self, pointer: Pointer) -> u64 {
        let base = pointer
            .object
            .and_then(|id| self.info(id))
            .map_or(0, |info| info.address);
        self.wrap(base.wrapping_add(pointer.offset))
    }

    /// The object and offset a pointer stands for. An integer address finds the object it lies in, or just
    /// past the end of.
    pub fn resolve(&self, pointer: Pointer) -> Option<(ObjectId, u64)> {
        if let Some(id) = pointer.object {
            return Some((id, pointer.offset));
        }
        let (base, id) = self.by_address.range(..=pointer.offset).next_back()?;
        let offset = pointer.offset - base;
        (offset <= self.info(*id)?.size).then_some((*id, offset))
    }

    /// How many of `size` bytes at an offset lie in the object: all from the offset, or none.
    fn inside(&self, id: ObjectId, offset: u64, size: u64) -> u64 {
        let left = self.info(id).map_or(0, |info| info.size.saturating_sub(offset));
        left.min(size)
    }

    /// Heap objects that were not freed.
    pub fn heap_in_use(&self) -> impl Iterator<Item = ObjectId> {
        let used = |info: &ObjectInfo| info.alive && info.kind == ObjectKind::Heap;
        (0u32..)
            .zip(&self.objects)
            .filter(move |(_, object)| used(&object.info))
            .map(|(id, _)| ObjectId(id))
    }

    /// The objects that pointers stored in an object lead to.
    pub fn pointers_in(&self, id: ObjectId) -> Vec<ObjectId> {
        let stored = self.objects.get(id.0 as usize).filter(|o| o.info.alive);
        stored
            .into_iter()
            .flat_map(|object| object.pointers.values())
            .filter_map(|pointer| self.resolve(*pointer).map(|(id, _)| id))
            .collect()
    }

    pub fn byte(&self, id: ObjectId, offset: u64) -> Option<Byte> {
        let object = self.objects.get(id.0 as usize)?;
        if !object.info.alive || offset >= object.info.size {
            return None;
        }
        let Some(page) = object.pages.get(&(offset / PAGE)) else {
            return Some((0, object.zeroed));
        };
        let at = (offset % PAGE) as usize;
        Some((*page.bytes.get(at)?, *page.initialized.get(at)?))
    }

    /// Bytes at a pointer; those outside every live object read as written zeros.
    pub fn read(&self, pointer: Pointer, size: u64) -> Vec<Byte> {
        let place = self.resolve(pointer);
        let byte = |i: u64| {
            let (id, offset) = place?;
            // A negative offset is a large one, and may run into the object from below.
            self.byte(id, self.wrap(offset.wrapping_add(i)))
        };
        (0..size).map(|i| byte(i).unwrap_or((0, true))).collect()
    }

    /// Writes bytes; those outside every live object are dropped. Pointers they overlap lose their provenance.
    pub fn write(&mut self, pointer: Pointer, bytes: &[Byte]) -> Result<(), OutOfMemory> {
        let Some((id, offset)) = self.resolve(pointer) else {
            return Ok(());
        };
        self.forget_pointers(id, offset, bytes.len() as u64);
        for (i, byte) in bytes.iter().enumerate() {
            self.put(id, self.wrap(offset.wrapping_add(i as u64)), *byte)?;
        }
        Ok(())
    }

    fn put(&mut self, id: ObjectId, offset: u64, (value, initialized): Byte) -> Result<(), OutOfMemory> {
        let writer = self.writer;
        let Some(object) = self.objects.get_mut(id.0 as usize) else {
            return Ok(());
        };
        if !object.info.alive || object.constant || offset >= object.info.size {
            return Ok(());
        }
        let mut cost = 0;
        let (zeroed, filled_by) = (object.zeroed, object.filled_by);
        let page = object.pages.entry(offset / PAGE).or_insert_with(|| {
            cost = 2 * PAGE;
            Box::new(Page {
                bytes: [0; PAGE as usize],
                initialized: [zeroed; PAGE as usize],
                writers: writer.map(|_| Box::new([filled_by; PAGE as usize])),
            })
        });
        let at = (offset % PAGE) as usize;
        if let (Some(byte), Some(flag)) = (page.bytes.get_mut(at), page.initialized.get_mut(at)) {
            (*byte, *flag) = (value, initialized);
        }
        if let (Some(writers), Some(writer)) = (&mut page.writers, writer)
            && let Some(slot) = writers.get_mut(at)
        {
            *slot = writer;
        }
        self.charge(cost)
    }

    fn forget_pointers(&mut self, id: ObjectId, offset: u64, size: u64) {
        let width = self.pointer_bytes();
        let Some(object) = self.objects.get_mut(id.0 as usize) else {
            return;
        };
        if object.constant || size == 0 {
            return;
        }
        let first = offset.saturating_sub(width - 1);
        let overlapping: Vec<u64> = object
            .pointers
            .range(first..offset.saturating_add(size))
            .map(|(at, _)| *at)
            .collect();
        for at in overlapping {
            object.pointers.remove(&at);
        }
    }

    /// The pointer stored at a place: with its provenance if it was stored whole there, otherwise the
    /// address its bytes spell.
    pub fn read_pointer(&self, pointer: Pointer) -> Pointer {
        if let Some((id, offset)) = self.resolve(pointer)
            && let Some(object) = self.objects.get(id.0 as usize)
            && let Some(stored) = object.pointers.get(&offset)
        {
            return *stored;
        }
        let bytes = self.read(pointer, self.pointer_bytes());
        let address = bytes
            .iter()
            .rev()
            .fold(0u64, |value, (byte, _)| value << 8 | u64::from(*byte));
        Pointer {
            object: None,
            offset: address,
            bounds: None,
        }
    }

    pub fn write_pointer(&mut self, at: Pointer, value: Pointer) -> Result<(), OutOfMemory> {
        let width = self.pointer_bytes();
        let address = self.address(value).to_le_bytes();
        let bytes: Vec<Byte> = address.iter().take(width as usize).map(|b| (*b, true)).collect();
        self.write(at, &bytes)?;
        if let Some((id, offset)) = self.resolve(at)
            && self.inside(id, offset, width) == width
            && let Some(object) = self.objects.get_mut(id.0 as usize)
            && object.info.alive
            && !object.constant
            && value.object.is_some()
        {
            self.charge(64)?;
            if let Some(object) = self.objects.get_mut(id.0 as usize) {
                object.pointers.insert(offset, value);
            }
        }
        Ok(())
    }

    /// `memmove`; the number of bytes to move is cut to what lies in the destination.
    pub fn copy(&mut self, to: Pointer, from: Pointer, size: u64) -> Result<(), OutOfMemory> {
        let Some((to_id, to_offset)) = self.resolve(to) else {
            return Ok(());
        };
        let size = self.inside(to_id, to_offset, size);
        self.fits(size)?;
        let bytes = self.read(from, size);
        let width = self.pointer_bytes();
        let mut moved = Vec::new();
        if let Some((from_id, from_offset)) = self.resolve(from)
            && let Some(object) = self.objects.get(from_id.0 as usize)
        {
            let end = from_offset.saturating_add(size);
            let whole = object
                .pointers
                .range(from_offset..end)
                .filter(|(at, _)| **at + width <= end);
            moved = whole.map(|(at, pointer)| (at - from_offset, *pointer)).collect();
        }
        self.write(to, &bytes)?;
        for (offset, pointer) in moved {
            let at = Pointer {
                object: Some(to_id),
                offset: to_offset.saturating_add(offset),
                bounds: None,
            };
            self.write_pointer(at, pointer)?;
        }
        Ok(())
    }

    /// Whether so many bytes at the pointer are all of its object.
    pub fn is_whole(&self, pointer: Pointer, size: u64) -> bool {
        let place = self.resolve(pointer).filter(|(_, offset)| *offset == 0);
        place
            .and_then(|(id, _)| self.info(id))
            .is_some_and(|info| info.size <= size)
    }

    /// Sets bytes to copies of `unit`, as far as they lie in the object.
    pub fn fill(&mut self, to: Pointer, unit: &[u8], size: u64) -> Result<(), OutOfMemory> {
        let Some((id, offset)) = self.resolve(to) else {
            return Ok(());
        };
        let size = self.inside(id, offset, size);
        self.forget_pointers(id, offset, size);
        // An object filled with zeros as a whole needs no pages.
        if unit.iter().all(|b| *b == 0)
            && self.is_whole(to, size)
            && let Some(object) = self.objects.get_mut(id.0 as usize)
            && !object.constant
            && object.info.alive
        {
            self.used = self.used.saturating_sub(object.pages.len() as u64 * 2 * PAGE);
            object.pages = HashMap::default();
            object.zeroed = true;
            object.filled_by = self.writer.unwrap_or(NO_STEP);
            return Ok(());
        }
        self.fits(size)?;
        for (i, byte) in (0..size).zip(unit.iter().cycle()) {
            self.put(id, offset.saturating_add(i), (*byte, true))?;
        }
        Ok(())
    }

    /// Marks an object as written as a whole, whatever its bytes are.
    pub fn initialize(&mut self, id: ObjectId) {
        if let Some(object) = self.objects.get_mut(id.0 as usize)
            && object.info.alive
        {
            object.zeroed = true;
            for page in object.pages.values_mut() {
                page.initialized = [true; PAGE as usize];
            }
        }
    }

    /// Whether so many bytes may be looked at one by one.
    fn fits(&self, bytes: u64) -> Result<(), OutOfMemory> {
        if bytes > self.limit {
            Err(OutOfMemory)
        } else {
            Ok(())
        }
    }

    /// Offset of the first byte in `offset..end` of the object that `wanted` accepts. Whole pages that were
    /// never touched are looked at once.
    pub fn find(&self, id: ObjectId, offset: u64, end: u64, wanted: impl Fn(Byte) -> bool) -> Option<u64> {
        let object = self.objects.get(id.0 as usize).filter(|o| o.info.alive)?;
        let mut at = offset;
        while at < object.info.size.min(end) {
            if wanted(self.byte(id, at)?) {
                return Some(at);
            }
            if object.pages.contains_key(&(at / PAGE)) {
                at += 1;
            } else {
                // Nothing in an untouched stretch is wanted: on to the next page that exists.
                let page = at / PAGE;
                at = object
                    .pages
                    .keys()
                    .filter(|p| **p > page)
                    .min()?
                    .saturating_mul(PAGE);
            }
        }
        None
    }

    /// Whether all of `size` bytes at the pointer lie in one object.
    pub fn is_inside(&self, pointer: Pointer, size: u64) -> bool {
        size == 0
            || self.resolve(pointer).is_some_and(|(id, offset)| {
                let code = matches!(
                    self.info(id),
                    Some(ObjectInfo {
                        kind: ObjectKind::Function(_),
                        ..
                    })
                );
                let bounded = pointer
                    .hard_bounds()
                    .is_none_or(|(low, high)| low <= offset && offset <= high && size <= high - offset);
                !code && bounded && self.inside(id, offset, size) == size
            })
    }

    /// Whether all of `size` bytes at the pointer lie in one object and were written.
    pub fn is_initialized(&self, pointer: Pointer, size: u64) -> bool {
        if size == 0 {
            return true;
        }
        let Some((id, offset)) = self.resolve(pointer) else {
            return false;
        };
        self.is_inside(pointer, size)
            && self.info(id).is_some_and(|info| info.alive)
            && self
                .find(id, offset, offset.saturating_add(size), |(_, written)| !written)
                .is_none()
    }
}

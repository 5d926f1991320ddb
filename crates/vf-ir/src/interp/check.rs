//! Conditions of obligations, evaluated exactly.

use vf_source::tables::HashSet;

use super::machine::{Machine, Stop};
use super::memory::{ObjectId, ObjectKind, Pointer};
use super::value::{self, Value};
use crate::obligation::{Access, Condition};

impl Machine<'_> {
    pub(super) fn holds(&mut self, condition: &Condition) -> Result<bool, Stop> {
        Ok(match condition {
            Condition::Holds(expr) => self.eval_bool(expr)?,
            Condition::NoOverflow { op, signed, lhs, rhs } => {
                let (bits, lhs) = self.eval_bits(lhs)?;
                let (_, rhs) = self.eval_bits(rhs)?;
                value::no_overflow(*op, *signed, bits, lhs, rhs)
            }
            Condition::Lossless {
                value: expr,
                value_signed,
                bits,
                signed,
            } => {
                let (from, value) = self.eval_bits(expr)?;
                value::lossless(from, *value_signed, value, *bits, *signed)
            }
            Condition::ValidAccess { ptr, size, access } => {
                let (pointer, size) = (self.eval_pointer(ptr)?, self.eval_size(size)?);
                self.reads_extent(pointer);
                let read_only = *access == Access::Write && size != 0 && self.is_constant(pointer);
                self.memory.is_inside(pointer, size) && !read_only
            }
            Condition::NotNull { ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                pointer.object.is_some() || pointer.offset != 0
            }
            Condition::Live { ptr } => {
                // What points into no object points into none that has died.
                let pointer = self.eval_pointer(ptr)?;
                self.reads_extent(pointer);
                let object = self
                    .memory
                    .resolve(pointer)
                    .and_then(|(id, _)| self.memory.info(id));
                object.is_none_or(|info| info.alive)
            }
            Condition::InitializedLocal(local) => {
                if !self.is_assigned(*local) {
                    self.reads_register(*local, Value::int(1, 0))?;
                }
                self.is_assigned(*local)
            }
            Condition::InitializedMemory { ptr, size } => {
                let (pointer, size) = (self.eval_pointer(ptr)?, self.eval_size(size)?);
                self.spend_on_search(pointer, size)?;
                let initialized = self.memory.is_initialized(pointer, size);
                if !initialized {
                    self.reads_unwritten(pointer, size);
                }
                initialized
            }
            Condition::Terminated { ptr, unit } => {
                let pointer = self.eval_pointer(ptr)?;
                let length = self.terminator_of(pointer, *unit, true);
                let bytes = length.map_or(u64::MAX, |length| length.saturating_mul(*unit));
                self.spend_on_search(pointer, bytes)?;
                if length.is_none() {
                    self.reads_string(pointer, *unit, length);
                }
                length.is_some()
            }
            Condition::Freeable { ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                self.reads_extent(pointer);
                pointer == Pointer::NULL || self.is_freeable(pointer)
            }
            Condition::Freed { or_reachable } => {
                let kept = if *or_reachable {
                    self.reachable_later()?
                } else {
                    HashSet::default()
                };
                self.memory.heap_in_use().all(|id| kept.contains(&id))
            }
            Condition::Unreachable => false,
        })
    }

    /// Characters of `unit` bytes from the pointer to the first NUL in its object. Bytes that were never written
    /// could be anything: where only written ones count, they are not NUL.
    pub(super) fn terminator_of(&self, pointer: Pointer, unit: u64, only_written: bool) -> Option<u64> {
        let (id, offset) = self.memory.resolve(pointer)?;
        let nul = |(byte, written): (u8, bool)| byte == 0 && (written || !only_written);
        let mut from = offset;
        loop {
            let first = self.memory.find(id, from, u64::MAX, nul)?;
            // The character that the byte belongs to.
            let length = (first - offset) / unit.max(1);
            let at = offset + length * unit;
            let whole = (at..at.checked_add(unit)?).all(|k| self.memory.byte(id, k).is_some_and(nul));
            if whole && pointer.hard_bounds().is_some_and(|(_, high)| at + unit > high) {
                return None;
            }
            if whole {
                return Some(length);
            }
            from = at.checked_add(unit.max(1))?;
        }
    }

    /// Objects that the program can still get at when the active call has returned: through globals, and through
    /// registers and memory of the calls below it.
    fn reachable_later(&mut self) -> Result<HashSet<ObjectId>, Stop> {
        let mut todo: Vec<ObjectId> = self.global_objects.values().copied().collect();
        todo.extend(self.roots_below());
        let mut seen: HashSet<ObjectId> = todo.iter().copied().collect();
        while let Some(id) = todo.pop() {
            self.spend(64)?;
            for next in self.memory.pointers_in(id) {
                if seen.insert(next) {
                    todo.push(next);
                }
            }
        }
        Ok(seen)
    }

    pub(super) fn is_freeable(&self, pointer: Pointer) -> bool {
        let Some((id, 0)) = self.memory.resolve(pointer) else {
            return false;
        };
        self.memory
            .info(id)
            .is_some_and(|info| info.alive && matches!(info.kind, ObjectKind::Heap | ObjectKind::Input(_)))
    }

    /// Whether it is the start of a variable-length array (or of what `alloca` gave).
    pub(super) fn is_stack_allocation(&self, pointer: Pointer) -> bool {
        let place = self.memory.resolve(pointer).filter(|(_, offset)| *offset == 0);
        place
            .and_then(|(id, _)| self.memory.info(id))
            .is_some_and(|info| info.kind == ObjectKind::Stack)
    }

    /// Whether the object must not be written: a string literal, or a variable defined `const` (C11 6.4.5p7,
    /// 6.7.3p6); both lie in memory that the system protects.
    fn is_constant(&self, pointer: Pointer) -> bool {
        let object = self
            .memory
            .resolve(pointer)
            .and_then(|(id, _)| self.memory.info(id));
        match object.map(|info| &info.kind) {
            Some(ObjectKind::Global(id)) => self
                .program
                .globals
                .get(id.index())
                .is_some_and(|global| global.constant),
            _ => false,
        }
    }
}

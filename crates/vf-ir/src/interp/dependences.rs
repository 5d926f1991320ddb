//! What each operation reads, told to the recorder. Nothing here changes a run.

use super::machine::{Machine, Stop};
use super::memory::Pointer;
use super::record::Source;
use super::value::Value;
use crate::obligation::Condition;
use crate::program::{Expr, LocalId, StmtKind};

impl Machine<'_> {
    pub(super) fn reads_register(&mut self, local: LocalId, value: Value) -> Result<(), Stop> {
        let function = self.frame()?.id;
        if let Some(recorder) = &mut self.recorder {
            recorder.read_register(function, local, value);
        }
        Ok(())
    }

    /// Bytes are read; those outside every object depend on nothing.
    pub(super) fn reads_memory(&mut self, pointer: Pointer, size: u64) {
        if let Some(recorder) = &mut self.recorder
            && let Some((id, offset)) = self.memory.resolve(pointer)
        {
            recorder.read_bytes(&self.memory, id, offset, size);
        }
    }

    /// A string is read: its bytes with the terminator, or where none follows, all bytes and the extent.
    pub(super) fn reads_string(&mut self, pointer: Pointer, unit: u64, length: Option<u64>) {
        match length {
            Some(length) => {
                let characters = length.saturating_add(1);
                self.reads_memory(pointer, characters.saturating_mul(unit));
            }
            None => {
                self.reads_memory(pointer, u64::MAX);
                self.reads_extent(pointer);
            }
        }
    }

    pub(super) fn reads_extent(&mut self, pointer: Pointer) {
        if let Some(recorder) = &mut self.recorder
            && let Some((id, _)) = self.memory.resolve(pointer)
        {
            recorder.read_extent(&self.memory, id);
        }
    }

    /// The first byte that was not written decides.
    pub(super) fn reads_unwritten(&mut self, pointer: Pointer, size: u64) {
        self.reads_extent(pointer);
        if let Some(recorder) = &mut self.recorder
            && let Some((id, offset)) = self.memory.resolve(pointer)
            && let Some(at) = self
                .memory
                .find(id, offset, offset.saturating_add(size), |(_, written)| !written)
        {
            recorder.read_bytes(&self.memory, id, at, 1);
        }
    }

    /// A failed index check compares with a constant; the array that has so many elements is that of the access
    /// which the check stands before.
    pub(super) fn reads_bound(&mut self, index: usize, condition: &Condition) -> Result<(), Stop> {
        let (Condition::Holds(Expr::Compare { lhs, rhs, .. }), true) = (condition, self.recorder.is_some())
        else {
            return Ok(());
        };
        let frame = self.frame()?;
        let block = frame.function.blocks().get(frame.block.index());
        let base = block
            .into_iter()
            .flat_map(|b| b.statements.iter().skip(index + 1))
            .find_map(|s| {
                let ptr = match &s.kind {
                    StmtKind::Load { ptr, .. } | StmtKind::Store { ptr, .. } => ptr,
                    StmtKind::Assign { value, .. } => value,
                    StmtKind::Copy { dst, .. } => dst,
                    _ => return None,
                };
                array_of(ptr, |i| *i == **lhs || *i == **rhs)
            });
        if let Some(base) = base {
            let pointer = self.eval_pointer(base)?;
            self.reads_extent(pointer);
        }
        Ok(())
    }

    /// `memmove`. Each stretch of bytes that comes from one place is a node of its own, so that a byte of a copy
    /// depends on the byte it was copied from, not on all of them.
    pub(super) fn copy(&mut self, to: Pointer, from: Pointer, size: u64) -> Result<(), Stop> {
        let sources = match &self.recorder {
            Some(_) => self.memory.sources_at(from, self.room(to, size)),
            None => Vec::new(),
        };
        self.memory.copy(to, from, size)?;
        let (Some(recorder), Some((id, offset))) = (&mut self.recorder, self.memory.resolve(to)) else {
            return Ok(());
        };
        let mut at = 0;
        while at < sources.len() {
            let length = same_origin(sources.get(at..).unwrap_or(&[]));
            recorder.begin_piece();
            for source in sources.iter().skip(at).take(length).flatten() {
                recorder.add(*source);
            }
            let writer = recorder.current();
            self.memory
                .attribute(id, offset.saturating_add(at as u64), length as u64, writer);
            at += length;
        }
        Ok(())
    }
}

/// How many of the first bytes come from one step, or from one aligned word of the input.
fn same_origin(sources: &[Option<Source>]) -> usize {
    const WORD: u32 = 8;
    let same = |a: &Option<Source>, b: &Option<Source>| match (a, b) {
        (
            Some(Source::Initial {
                object: x,
                start: from,
                ..
            }),
            Some(Source::Initial {
                object: y, start: to, ..
            }),
        ) => x == y && from / WORD == to / WORD,
        _ => a == b,
    };
    let first = sources.first();
    sources
        .iter()
        .take_while(|s| first.is_some_and(|f| same(f, s)))
        .count()
        .max(1)
}

/// The base of the element access with such an index in an address.
fn array_of(expr: &Expr, is_index: impl Fn(&Expr) -> bool + Copy) -> Option<&Expr> {
    match expr {
        Expr::PtrAdd { ptr, index, .. } if is_index(index) => Some(ptr),
        Expr::PtrAdd { ptr, .. } | Expr::Member { ptr, .. } => array_of(ptr, is_index),
        _ => None,
    }
}

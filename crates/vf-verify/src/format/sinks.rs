//! Where the text of a call goes: the writes and the result that stand for it.

use vf_ir::{AllocKind, BinaryOp, CompareOp, Expr, HavocReason, LocalId, StmtKind, Ty};

use super::build::*;
use super::length::Extent;
use super::{PAGE, Pass, Write, int_result};

impl Pass<'_> {
    /// `sprintf`: `L` bytes and a terminator.
    pub(super) fn unbounded(
        &mut self,
        call: &str,
        buffer: Option<&Expr>,
        length: Extent,
        dst: Option<LocalId>,
    ) -> Option<()> {
        let buffer = buffer?.clone();
        let bits = self.emit.bits();
        let one = Extent {
            bytes: int(bits, 1),
            at_most: 1,
        };
        let all = self.emit.sum(length.clone(), one);
        self.check_write(
            call,
            &Write {
                buffer: buffer.clone(),
                bytes: all.bytes,
            },
        );
        self.write_text(buffer.clone(), length.bytes.clone());
        self.emit.push(StmtKind::Store {
            ptr: at(buffer, length.bytes.clone()),
            value: Expr::int(8, 0),
            ty: Ty::Int(8),
            volatile: false,
        });
        self.result(dst, &length);
        Some(())
    }

    /// The first bytes of the text.
    fn write_text(&mut self, dst: Expr, size: Expr) {
        let of = self.text_of.clone();
        self.emit.push(match of.is_empty() {
            true => StmtKind::HavocMemory { dst, size },
            false => StmtKind::Text { dst, size, of },
        });
    }

    /// `snprintf`, `scnprintf`: `min(L, n - 1)` bytes and a terminator, nothing when `n` is 0. The result is `L`
    /// or, `counted`, the number of bytes before the terminator.
    pub(super) fn bounded(
        &mut self,
        call: &str,
        buffer: Option<&Expr>,
        size: Option<&Expr>,
        length: Extent,
        dst: Option<LocalId>,
        counted: bool,
    ) -> Option<()> {
        let bits = self.emit.bits();
        let (buffer, size) = (buffer?.clone(), size?.clone());
        if self.type_of(&size) != Ty::Int(bits) {
            return None;
        }
        let size = self.emit.named(size, bits);
        let zero = || int(bits, 0);
        let nothing = compare(CompareOp::Equal, size.clone(), zero());
        let last = add(bits, size.clone(), Expr::int(bits, -1));
        let most = constant(&size)
            .and_then(|n| u64::try_from(n).ok())
            .map(|n| n.saturating_sub(1));
        let stored = if most.is_some_and(|most| length.at_most <= most) {
            length.bytes.clone()
        } else {
            select(nothing.clone(), zero(), min(length.bytes.clone(), last))
        };
        let stored = self.emit.named(stored, bits);
        let terminator = select(nothing.clone(), zero(), int(bits, 1));
        let bytes = add(bits, stored.clone(), terminator.clone());
        self.check_write(
            call,
            &Write {
                buffer: buffer.clone(),
                bytes,
            },
        );
        self.write_text(buffer.clone(), stored.clone());
        let end = at(buffer, stored.clone());
        match constant(&terminator) {
            Some(0) => {}
            Some(_) => self.emit.push(StmtKind::Store {
                ptr: end,
                value: Expr::int(8, 0),
                ty: Ty::Int(8),
                volatile: false,
            }),
            None => self.emit.push(StmtKind::Fill {
                dst: end,
                unit: Expr::int(8, 0),
                size: terminator,
            }),
        }
        if counted {
            let at_most = most.unwrap_or(u64::MAX).min(length.at_most);
            self.result(
                dst,
                &Extent {
                    bytes: stored,
                    at_most,
                },
            );
        } else {
            self.result(dst, &length);
        }
        Some(())
    }

    /// `swprintf`: the text and a terminator, if that is at most `n` wide characters; otherwise -1, and any of the
    /// `n` may be written.
    pub(super) fn wide_bounded(
        &mut self,
        call: &str,
        buffer: Option<&Expr>,
        size: Option<&Expr>,
        length: Extent,
        dst: Option<LocalId>,
    ) -> Option<()> {
        const UNIT: u64 = 4;
        // More characters than any object has.
        const TOO_MANY: u64 = 1 << 28;
        let bits = self.emit.bits();
        let (buffer, size) = (buffer?.clone(), size?.clone());
        if self.type_of(&size) != Ty::Int(bits) {
            return None;
        }
        let size = self.emit.named(size, bits);
        let fits = compare(CompareOp::ULess, length.bytes.clone(), size.clone());
        let fits = self.emit.named(fits, 1);
        let all = add(bits, length.bytes.clone(), int(bits, 1));
        let stored = self.emit.named(select(fits.clone(), all, size), bits);
        let limit = if bits == 32 { TOO_MANY } else { 1 << 60 };
        let possible = compare(CompareOp::ULess, stored.clone(), int(bits, limit));
        let bytes = binary(BinaryOp::Mul, stored, int(bits, UNIT));
        let bytes = self
            .emit
            .named(select(possible, bytes, Expr::int(bits, -1)), bits);
        self.check_write(
            call,
            &Write {
                buffer: buffer.clone(),
                bytes: bytes.clone(),
            },
        );
        self.emit.push(StmtKind::HavocMemory {
            dst: buffer.clone(),
            size: bytes,
        });
        let end = binary(BinaryOp::Mul, length.bytes.clone(), int(bits, UNIT));
        let end = self.emit.named(end, bits);
        self.emit.push(StmtKind::Fill {
            dst: at(buffer, end),
            unit: Expr::int(32, 0),
            size: select(fits.clone(), int(bits, UNIT), int(bits, 0)),
        });
        let Some(dst) = dst else { return Some(()) };
        self.result(Some(dst), &length);
        let width = self.register_bits(dst)?;
        self.emit.push(StmtKind::Assign {
            dst,
            value: select(fits, Expr::Local(dst), Expr::int(width, -1)),
        });
        Some(())
    }

    /// `sysfs_emit`, `sysfs_emit_at`: into what a page has left; nothing at an offset outside of it.
    pub(super) fn page(
        &mut self,
        call: &str,
        args: &[Expr],
        buffer: usize,
        offset: Option<usize>,
        length: Extent,
        dst: Option<LocalId>,
    ) -> Option<()> {
        let bits = self.emit.bits();
        let buffer = args.get(buffer)?.clone();
        let Some(offset) = offset else {
            return self.bounded(call, Some(&buffer), Some(&int(bits, PAGE)), length, dst, true);
        };
        let offset = args.get(offset)?.clone();
        if self.type_of(&offset) != Ty::Int(32) {
            return None;
        }
        let offset = resized(offset, 32, bits, true);
        let offset = self.emit.named(offset, bits);
        let inside = compare(CompareOp::ULess, offset.clone(), int(bits, PAGE));
        let room = select(
            inside,
            add(bits, int(bits, PAGE), negated(offset.clone())),
            int(bits, 0),
        );
        let room = self.emit.named(room, bits);
        self.bounded(call, Some(&at(buffer, offset)), Some(&room), length, dst, true)
    }

    /// `asprintf`: the string's address in `*out` and `L`, or -1 with `*out` undefined.
    pub(super) fn stored(
        &mut self,
        call: &str,
        out: Option<&Expr>,
        length: Extent,
        dst: Option<LocalId>,
    ) -> Option<()> {
        let bits = self.emit.bits();
        let out = out?.clone();
        let bytes = int(bits, self.model.pointer_bytes());
        self.check_write(
            call,
            &Write {
                buffer: out.clone(),
                bytes,
            },
        );
        let fresh = self.fresh_string(&length);
        let no_memory = not(not_null(fresh.clone()));
        let failed = match self.failure() {
            Some(other) => or(no_memory, other),
            None => no_memory,
        };
        let garbage = self.emit.fresh(Ty::Ptr);
        self.emit.push(StmtKind::Havoc {
            dst: garbage,
            why: HavocReason::Environment,
        });
        let value = select(failed.clone(), Expr::Local(garbage), fresh);
        self.emit.push(StmtKind::Store {
            ptr: out,
            value,
            ty: Ty::Ptr,
            volatile: false,
        });
        if let Some(dst) = dst {
            let width = self.register_bits(dst)?;
            let length = int_result(&length, bits, width);
            let value = select(failed, Expr::int(width, -1), length);
            self.emit.push(StmtKind::Assign { dst, value });
        }
        Some(())
    }

    /// `kasprintf`: the string's address, or null.
    pub(super) fn returned(&mut self, length: Extent, dst: Option<LocalId>) -> Option<()> {
        let fresh = self.fresh_string(&length);
        if let Some(dst) = dst {
            self.emit.push(StmtKind::Assign { dst, value: fresh });
        }
        Some(())
    }

    /// A fresh heap object with a text of this length and its terminator; null when there is no memory.
    pub(super) fn fresh_string(&mut self, length: &Extent) -> Expr {
        let bits = self.emit.bits();
        let one = Extent {
            bytes: int(bits, 1),
            at_most: 1,
        };
        let size = self.emit.sum(length.clone(), one).bytes;
        let dst = self.emit.fresh(Ty::Ptr);
        self.emit.push(StmtKind::Alloc {
            dst,
            size,
            zeroed: false,
            may_fail: true,
            kind: AllocKind::Heap,
        });
        let fresh = Expr::Local(dst);
        let got = not_null(fresh.clone());
        let text = select(got.clone(), length.bytes.clone(), int(bits, 0));
        self.write_text(fresh.clone(), text.clone());
        self.emit.push(StmtKind::Fill {
            dst: at(fresh.clone(), text),
            unit: Expr::int(8, 0),
            size: select(got, int(bits, 1), int(bits, 0)),
        });
        fresh
    }
}

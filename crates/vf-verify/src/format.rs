//! Calls of the `printf` family, rewritten into statements that the verifier understands.
//!
//! `sprintf(buf, "%d:%s", n, s)` becomes: the checks that its arguments need; the length `L` of the whole text as
//! an expression over `n` and `strlen(s)`; the check that `buf` has room for `L + 1` bytes; any `L` bytes
//! written to `buf`, and a NUL behind them; `L` as the result. [`expand_format_calls`] does this to every call
//! whose format is a constant string. Where the format is not constant, or one of its directives is not known,
//! the length is any number (so that an unbounded write is not provable, and a bounded one asks for its bound).
//!
//! The text itself is not modelled: the bytes written are any bytes, which includes every text of that length.

mod build;
mod directive;
mod family;
mod length;
mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use vf_ir::{
    Access, AllocKind, BinaryOp, Body, Callee, CompareOp, Condition, DataModel, Expr, Function, Global,
    HavocReason, InitValue, Initial, LocalId, Program, Property, Stmt, StmtKind, Storage, Ty,
};

use build::{add, at, binary, compare, constant, int, min, negated, not, not_null, or, resized, select};
use directive::Piece;
use family::{Family, Sink, family, is_kernel_function};
use length::{Arguments, Emitter, Extent, Flavour, Measure, UNBOUNDED, UnknownConversion};
use scan::{ScanFamily, scan_family};

/// Bytes of the buffer that `sysfs_emit` writes to (`PAGE_SIZE` on x86).
const PAGE: u64 = 4096;

/// Rewrites the calls of `sprintf`, `snprintf`, `scnprintf`, `asprintf`, `kasprintf`, their `v` forms and checked
/// spellings in every function of the program but library models; a call that prints to a stream or a log
/// stays, with the checks of its string arguments in front.
///
/// The new obligations have the span of the call. The program is otherwise unchanged. A function of one of these names that the
/// program itself defines is left alone.
pub fn expand_format_calls(program: &mut Program) {
    let names: Vec<Option<(String, Known)>> = program
        .functions
        .iter()
        .map(|f| {
            let own = matches!(f.body, Body::Defined(_) | Body::Unsupported(_)) && !f.library_model;
            known(&f.name)
                .filter(|_| !own)
                .map(|known| (f.name.clone(), known))
        })
        .collect();
    if names.iter().all(Option::is_none) {
        return;
    }
    let kernel = calls_kernel(program);
    let Program {
        model,
        globals,
        functions,
        ..
    } = program;
    for function in functions.iter_mut().filter(|f| !f.library_model) {
        let constants = constant_registers(function);
        let Body::Defined(blocks) = &mut function.body else {
            continue;
        };
        let mut pass = Pass {
            model: *model,
            globals,
            constants: &constants,
            kernel,
            emit: Emitter {
                model: *model,
                locals: &mut function.locals,
                obligations: &mut function.obligations,
                statements: Vec::new(),
                span: function.span,
                may_fail: false,
            },
        };
        for block in blocks {
            for statement in std::mem::take(&mut block.statements) {
                let call = match &statement.kind {
                    StmtKind::Call {
                        callee: Callee::Direct(callee),
                        ..
                    } => names.get(callee.index()).and_then(Option::as_ref),
                    _ => None,
                };
                match call {
                    Some((name, Known::Prints(family))) => pass.call(name, *family, statement),
                    Some((name, Known::Scans(family))) => pass.scan(name, *family, statement),
                    None => pass.emit.statements.push(statement),
                }
            }
            block.statements = std::mem::take(&mut pass.emit.statements);
        }
    }
}

/// What a function that takes a format does.
enum Known {
    Prints(Family),
    Scans(ScanFamily),
}

fn known(name: &str) -> Option<Known> {
    family(name)
        .map(Known::Prints)
        .or_else(|| scan_family(name).map(Known::Scans))
}

/// Does any function under analysis call what only the kernel has?
fn calls_kernel(program: &Program) -> bool {
    let kernel: Vec<bool> = program
        .functions
        .iter()
        .map(|f| is_kernel_function(&f.name))
        .collect();
    program
        .functions
        .iter()
        .filter(|f| !f.library_model)
        .flat_map(Function::blocks)
        .any(|block| {
            block.statements.iter().any(|s| match &s.kind {
                StmtKind::Call {
                    callee: Callee::Direct(callee),
                    ..
                } => kernel.get(callee.index()) == Some(&true),
                _ => false,
            })
        })
}

/// Registers that hold one and the same value wherever they are initialised: assigned once, from an
/// expression without registers. Parameters are assigned by the caller.
fn constant_registers(function: &Function) -> BTreeMap<LocalId, Expr> {
    let mut seen: BTreeMap<LocalId, Option<Expr>> = function.params.iter().map(|p| (*p, None)).collect();
    for statement in function.blocks().iter().flat_map(|b| &b.statements) {
        let (dst, value) = match &statement.kind {
            StmtKind::Assign { dst, value } => (*dst, Some(value)),
            StmtKind::Havoc { dst, .. }
            | StmtKind::Load { dst, .. }
            | StmtKind::Alloc { dst, .. }
            | StmtKind::StringLength { dst, .. }
            | StmtKind::ObjectSize { dst, .. }
            | StmtKind::Call { dst: Some(dst), .. } => (*dst, None),
            _ => continue,
        };
        let value = value
            .filter(|v| matches!(v, Expr::GlobalAddress(_)) && !seen.contains_key(&dst))
            .cloned();
        seen.insert(dst, value);
    }
    seen.into_iter()
        .filter_map(|(local, value)| Some((local, value?)))
        .collect()
}

struct Pass<'a> {
    model: DataModel,
    globals: &'a [Global],
    constants: &'a BTreeMap<LocalId, Expr>,
    kernel: bool,
    emit: Emitter<'a>,
}

/// Checks that the buffer is not null and alive when something is written, and that it has room.
struct Write {
    buffer: Expr,
    /// Bytes written, terminator included; 0 when nothing is.
    bytes: Expr,
}

impl Pass<'_> {
    /// Replaces one call. One whose arguments do not fit the function's prototype is left as it is.
    fn call(&mut self, name: &str, family: Family, statement: Stmt) {
        self.emit.span = statement.span;
        let StmtKind::Call { dst, args, .. } = &statement.kind else {
            self.emit.statements.push(statement);
            return;
        };
        let (dst, args) = (*dst, args.clone());
        let Some(format) = args.get(family.format).cloned() else {
            self.emit.statements.push(statement);
            return;
        };
        let kept = (
            self.emit.statements.len(),
            self.emit.locals.len(),
            self.emit.obligations.len(),
        );
        self.emit.may_fail = false;
        let unit = if family.wide { 4 } else { 1 };
        let bytes = self.constant_string(&format, unit);
        let call = match &bytes {
            Some(text) => format!("{name}({:?})", String::from_utf8_lossy(text)),
            None => name.to_owned(),
        };
        let length = self.measure(&call, family, &format, bytes.as_deref(), &args);
        let done = match family.sink {
            Sink::Stream => None,
            Sink::Unbounded { buffer } => self.unbounded(&call, args.get(buffer), length, dst),
            Sink::Bounded { buffer, size } => {
                let (buffer, size) = (args.get(buffer), args.get(size));
                self.bounded(&call, buffer, size, length, dst, false)
            }
            Sink::WideBounded { buffer, size } => {
                let (buffer, size) = (args.get(buffer), args.get(size));
                self.wide_bounded(&call, buffer, size, length, dst)
            }
            Sink::Counted { buffer, size } => {
                let (buffer, size) = (args.get(buffer), args.get(size));
                self.bounded(&call, buffer, size, length, dst, true)
            }
            Sink::Page { buffer, at } => self.page(&call, &args, buffer, at, length, dst),
            Sink::Stored { out } => self.stored(&call, args.get(out), length, dst),
            Sink::Returned => self.returned(length, dst),
        };
        if done.is_none() {
            if family.sink != Sink::Stream {
                self.emit.statements.truncate(kept.0);
                self.emit.locals.truncate(kept.1);
                self.emit.obligations.truncate(kept.2);
            }
            self.emit.statements.push(statement);
        }
    }

    /// Length of the text, the checks of its arguments emitted.
    fn measure(
        &mut self,
        call: &str,
        family: Family,
        format: &Expr,
        text: Option<&[u8]>,
        args: &[Expr],
    ) -> Extent {
        let unknown = |emit: &mut Emitter<'_>| emit.any_between(0, UNBOUNDED, HavocReason::Environment);
        let Some(text) = text else {
            let what = format!("the format of {call}");
            let unit = if family.wide { 4 } else { 1 };
            let ptr = format.clone();
            self.emit
                .check(Property::NotNull, Condition::NotNull { ptr: ptr.clone() }, &what);
            self.emit
                .check(Property::Lifetime, Condition::Live { ptr: ptr.clone() }, &what);
            self.emit
                .check(Property::ValidRead, Condition::Terminated { ptr, unit }, &what);
            return unknown(&mut self.emit);
        };
        let Ok(pieces) = directive::parse(text) else {
            return unknown(&mut self.emit);
        };
        let given: Vec<(Expr, Ty)> = args
            .iter()
            .skip(family.format + 1)
            .map(|a| (a.clone(), self.type_of(a)))
            .collect();
        let mut arguments = Arguments {
            given: if family.va_list { None } else { Some(&given) },
            next: 0,
        };
        let flavour = match (family.kernel, self.kernel) {
            (true, _) => Flavour::Kernel,
            (false, true) => Flavour::Unclear,
            (false, false) => Flavour::C,
        };
        let bits = self.model.pointer_bits();
        let (globals, constants) = (self.globals, self.constants);
        let constant_length = |expr: &Expr, unit| constant_length(expr, unit, globals, constants);
        let mut total = Extent {
            bytes: int(bits, 0),
            at_most: 0,
        };
        for piece in &pieces {
            let part = match piece {
                Piece::Literal(n) => Extent {
                    bytes: int(bits, *n),
                    at_most: *n,
                },
                Piece::Directive(d) => {
                    let mut measure = Measure {
                        emit: &mut self.emit,
                        flavour,
                        constant_length: &constant_length,
                        wide: family.wide,
                        call,
                    };
                    match measure.directive(d, &mut arguments) {
                        Ok(part) => part,
                        Err(UnknownConversion) => return unknown(&mut self.emit),
                    }
                }
            };
            total = self.emit.sum(total, part);
        }
        Extent {
            bytes: self.emit.named(total.bytes, bits),
            at_most: total.at_most,
        }
    }

    fn type_of(&self, expr: &Expr) -> Ty {
        type_of(expr, self.emit.locals, self.model)
    }

    /// The characters before the terminator of a constant string, a wide one that is not ASCII as some other byte.
    fn constant_string(&self, expr: &Expr, unit: u64) -> Option<Vec<u8>> {
        constant_string(expr, unit, self.globals, self.constants)
    }

    /// `sprintf`: `L` bytes and a terminator.
    fn unbounded(
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
        self.emit.push(StmtKind::HavocMemory {
            dst: buffer.clone(),
            size: length.bytes.clone(),
        });
        self.emit.push(StmtKind::Store {
            ptr: at(buffer, length.bytes.clone()),
            value: Expr::int(8, 0),
            ty: Ty::Int(8),
            volatile: false,
        });
        self.result(dst, &length);
        Some(())
    }

    /// `snprintf`, `scnprintf`: `min(L, n - 1)` bytes and a terminator, nothing when `n` is 0. The result is `L`
    /// or, `counted`, the number of bytes before the terminator.
    fn bounded(
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
        self.emit.push(StmtKind::HavocMemory {
            dst: buffer.clone(),
            size: stored.clone(),
        });
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
    fn wide_bounded(
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
    fn page(
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
    fn stored(&mut self, call: &str, out: Option<&Expr>, length: Extent, dst: Option<LocalId>) -> Option<()> {
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
    fn returned(&mut self, length: Extent, dst: Option<LocalId>) -> Option<()> {
        let fresh = self.fresh_string(&length);
        if let Some(dst) = dst {
            self.emit.push(StmtKind::Assign { dst, value: fresh });
        }
        Some(())
    }

    /// A fresh heap object with a text of this length and its terminator; null when there is no memory.
    fn fresh_string(&mut self, length: &Extent) -> Expr {
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
        self.emit.push(StmtKind::HavocMemory {
            dst: fresh.clone(),
            size: text.clone(),
        });
        self.emit.push(StmtKind::Fill {
            dst: at(fresh.clone(), text),
            unit: Expr::int(8, 0),
            size: select(got, int(bits, 1), int(bits, 0)),
        });
        fresh
    }

    /// Not null, alive, and room for the bytes: all only if there are any.
    fn check_write(&mut self, call: &str, write: &Write) {
        let bits = self.emit.bits();
        let Write { buffer, bytes } = write;
        let none = compare(CompareOp::Equal, bytes.clone(), int(bits, 0));
        let condition = match constant(&none) {
            Some(0) => Condition::NotNull { ptr: buffer.clone() },
            Some(_) => return,
            None if is_never_zero(bytes) => Condition::NotNull { ptr: buffer.clone() },
            None => Condition::Holds(or(none, not_null(buffer.clone()))),
        };
        self.emit.check(Property::NotNull, condition, call);
        self.emit
            .check(Property::Lifetime, Condition::Live { ptr: buffer.clone() }, call);
        let access = Condition::ValidAccess {
            ptr: buffer.clone(),
            size: bytes.clone(),
            access: Access::Write,
        };
        self.emit.check(Property::ValidWrite, access, call);
    }

    /// `dst = length` as an `int`; -1 for what an `int` does not hold (POSIX: EOVERFLOW).
    fn result(&mut self, dst: Option<LocalId>, length: &Extent) {
        let bits = self.emit.bits();
        let Some(dst) = dst else { return };
        if let Some(width) = self.register_bits(dst) {
            let value = int_result(length, bits, width);
            let value = match self.failure() {
                Some(failed) => select(failed, Expr::int(width, -1), value),
                None => value,
            };
            self.emit.push(StmtKind::Assign { dst, value });
        } else {
            self.emit.push(StmtKind::Havoc {
                dst,
                why: HavocReason::Environment,
            });
        }
    }

    /// Whether a conversion of characters failed, where the call makes one (C11 7.21.6.1p14).
    fn failure(&mut self) -> Option<Expr> {
        if !self.emit.may_fail {
            return None;
        }
        let failed = self.emit.fresh(Ty::Int(1));
        self.emit.push(StmtKind::Havoc {
            dst: failed,
            why: HavocReason::Environment,
        });
        Some(Expr::Local(failed))
    }

    /// Width of an integer register.
    fn register_bits(&self, local: LocalId) -> Option<u32> {
        match self.emit.locals.get(local.index())?.storage {
            Storage::Register(Ty::Int(bits)) => Some(bits),
            _ => None,
        }
    }
}

/// A length as the `int` that a function returns, in a register of some width.
fn int_result(length: &Extent, bits: u32, width: u32) -> Expr {
    let narrow = resized(resized(length.bytes.clone(), bits, 32, false), 32, width, true);
    if length.at_most <= i32::MAX as u64 {
        return narrow;
    }
    let fits = compare(
        CompareOp::ULessEqual,
        length.bytes.clone(),
        int(bits, i32::MAX as u64),
    );
    select(fits, narrow, Expr::int(width, -1))
}

/// `x + c` with a constant `c` that cannot wrap to 0 here: lengths stay below the largest number.
fn is_never_zero(bytes: &Expr) -> bool {
    match bytes {
        Expr::Binary {
            op: BinaryOp::Add,
            lhs,
            rhs,
        } => constant(lhs).is_some_and(|c| c > 0) || constant(rhs).is_some_and(|c| c > 0),
        other => constant(other).is_some_and(|c| c > 0),
    }
}

/// Type of an expression over these locals.
fn type_of(expr: &Expr, locals: &[vf_ir::Local], model: DataModel) -> Ty {
    match expr {
        Expr::Local(local) => match locals.get(local.index()).map(|l| l.storage) {
            Some(Storage::Register(ty)) => ty,
            _ => Ty::Ptr,
        },
        Expr::Int { bits, .. } | Expr::Resize { bits, .. } => Ty::Int(*bits),
        Expr::Unary { arg, .. } => type_of(arg, locals, model),
        Expr::Binary { lhs, .. } => type_of(lhs, locals, model),
        Expr::Compare { .. } | Expr::PtrCompare { .. } => Ty::Int(1),
        Expr::Select { then, .. } => type_of(then, locals, model),
        Expr::PtrDiff { .. } | Expr::PtrToInt(_) => Ty::Int(model.pointer_bits()),
        Expr::Null
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_)
        | Expr::PtrAdd { .. }
        | Expr::Member { .. }
        | Expr::IntToPtr(_) => Ty::Ptr,
    }
}

/// Length of the constant string that the expression points to, if both ends of a choice have the same too.
fn constant_length(
    expr: &Expr,
    unit: u64,
    globals: &[Global],
    constants: &BTreeMap<LocalId, Expr>,
) -> Option<u64> {
    if let Expr::Select { then, otherwise, .. } = expr {
        let length = constant_length(then, unit, globals, constants)?;
        return (constant_length(otherwise, unit, globals, constants)? == length).then_some(length);
    }
    constant_string(expr, unit, globals, constants).map(|s| s.len() as u64)
}

/// The characters of `unit` bytes before the terminator of the constant string that the expression points to.
fn constant_string(
    expr: &Expr,
    unit: u64,
    globals: &[Global],
    constants: &BTreeMap<LocalId, Expr>,
) -> Option<Vec<u8>> {
    let (global, offset) = match expr {
        Expr::GlobalAddress(global) => (*global, 0),
        Expr::Local(local) => match constants.get(local)? {
            Expr::GlobalAddress(global) => (*global, 0),
            _ => return None,
        },
        Expr::PtrAdd { ptr, index, scale } => match (&**ptr, constant(index)) {
            (Expr::GlobalAddress(global), Some(index)) => (
                *global,
                usize::try_from(index)
                    .ok()?
                    .checked_mul(usize::try_from(*scale).ok()?)?,
            ),
            _ => return None,
        },
        _ => return None,
    };
    let global = globals.get(global.index()).filter(|g| g.constant)?;
    let Initial::Known(items) = &global.init else {
        return None;
    };
    let size = usize::try_from(global.size?).ok().filter(|s| *s <= 1 << 20)?;
    let mut bytes = vec![0; size];
    for item in items {
        let start = usize::try_from(item.offset).ok()?;
        let data: Vec<u8> = match &item.value {
            InitValue::Bytes(data) => data.clone(),
            InitValue::Int { bits, value } => value
                .to_le_bytes()
                .into_iter()
                .take(usize::try_from(bits.div_ceil(8)).ok()?)
                .collect(),
            InitValue::GlobalAddress { .. } | InitValue::FunctionAddress(_) | InitValue::Unknown { .. } => {
                return None;
            }
        };
        bytes
            .get_mut(start..start.checked_add(data.len())?)?
            .copy_from_slice(&data);
    }
    let text = bytes.get(offset..)?;
    let unit = usize::try_from(unit).ok()?;
    let characters = text.chunks_exact(unit).map(|cell| match cell {
        [byte] => *byte,
        [low, high @ ..] if low.is_ascii() && high.iter().all(|b| *b == 0) => *low,
        _ => 0x80,
    });
    let text: Vec<u8> = characters.collect();
    let end = text.iter().position(|b| *b == 0)?;
    Some(text[..end].to_vec())
}

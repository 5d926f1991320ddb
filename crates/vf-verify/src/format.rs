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
mod constants;
mod directive;
mod family;
mod length;
mod scan;
mod sinks;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use vf_ir::{
    Access, BinaryOp, Body, Callee, CompareOp, Condition, DataModel, Expr, Function, Global, HavocReason,
    LocalId, Program, Property, Stmt, StmtKind, Storage, Ty,
};

use build::{compare, constant, int, not_null, or, resized, select};
use constants::{constant_length, constant_registers, constant_string};
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
            text_of: Vec::new(),
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

struct Pass<'a> {
    model: DataModel,
    globals: &'a [Global],
    constants: &'a BTreeMap<LocalId, Expr>,
    kernel: bool,
    /// The format of the call and its arguments, where all of them are known.
    text_of: Vec<Expr>,
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
        self.text_of = match bytes.as_deref() {
            Some(text) if !family.va_list && is_made_of_arguments(text) => {
                args.get(family.format..).unwrap_or_default().to_vec()
            }
            _ => Vec::new(),
        };
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

/// Whether a text is made of nothing but the arguments, and of what those that are strings hold: not of `errno` (`%m`), nor of
/// what lies behind a pointer that the kernel follows (`%pd`).
fn is_made_of_arguments(format: &[u8]) -> bool {
    let plain = |piece: &Piece| match piece {
        Piece::Literal(_) => true,
        Piece::Directive(d) => b"diouxXbBcsfFeEgGaA%".contains(&d.conversion),
    };
    directive::parse(format).is_ok_and(|pieces| pieces.iter().all(plain))
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

//! GCC's built-in functions (GCC manual, "Other Builtins", "Integer Overflow Builtins", "Atomic Builtins").

use std::rc::Rc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::obligation::Arithmetic;
use vf_ir::{
    AllocKind, BinaryOp, Callee, CompareOp, Condition, DataModel, Expr, HavocReason, Property, StmtKind, Ty,
    UnaryOp,
};

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Kind, Signature, Type};
use super::{Entity, Lowered, Lowerer};
use crate::normalise::marker;

/// An exact operation on the bits of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BitFold {
    Swap(u32),
    /// Leading zeros, trailing zeros, ones, find first set, parity: of an operand this wide.
    LeadingZeros(Width),
    TrailingZeros(Width),
    Ones(Width),
    FirstSet(Width),
    Parity(Width),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Width {
    Int,
    Long,
    LongLong,
}

impl Width {
    fn bits(self, model: DataModel) -> u32 {
        match self {
            Width::Int => 32,
            Width::Long => model.pointer_bits(),
            Width::LongLong => 64,
        }
    }
}

pub(crate) fn fold_bits(name: &str) -> Option<BitFold> {
    let name = name.strip_prefix("__builtin_")?;
    match name {
        "bswap16" => return Some(BitFold::Swap(16)),
        "bswap32" => return Some(BitFold::Swap(32)),
        "bswap64" => return Some(BitFold::Swap(64)),
        _ => {}
    }
    let (stem, width) = if let Some(stem) = name.strip_suffix("ll") {
        (stem, Width::LongLong)
    } else if let Some(stem) = name.strip_suffix('l') {
        (stem, Width::Long)
    } else {
        (name, Width::Int)
    };
    match stem {
        "clz" => Some(BitFold::LeadingZeros(width)),
        "ctz" => Some(BitFold::TrailingZeros(width)),
        "popcount" => Some(BitFold::Ones(width)),
        "ffs" => Some(BitFold::FirstSet(width)),
        "parity" => Some(BitFold::Parity(width)),
        _ => None,
    }
}

impl BitFold {
    /// Operand width in bits.
    fn width(self, model: DataModel) -> u32 {
        match self {
            BitFold::Swap(bits) => bits,
            BitFold::LeadingZeros(w)
            | BitFold::TrailingZeros(w)
            | BitFold::Ones(w)
            | BitFold::FirstSet(w)
            | BitFold::Parity(w) => w.bits(model),
        }
    }

    fn result(self, model: DataModel) -> IntType {
        match self {
            BitFold::Swap(16) => IntType::USHORT,
            BitFold::Swap(32) => IntType::UINT,
            BitFold::Swap(_) if model == DataModel::Lp64 => IntType::long(model, false),
            BitFold::Swap(_) => IntType::ULLONG,
            _ => IntType::INT,
        }
    }

    /// The result for a constant; `None` where GCC leaves it undefined.
    pub fn apply(self, value: u128, model: DataModel) -> Option<(u128, IntType)> {
        let bits = self.width(model);
        let value = value & ((1u128 << bits) - 1);
        let result = match self {
            BitFold::Swap(16) => u128::from((value as u16).swap_bytes()),
            BitFold::Swap(32) => u128::from((value as u32).swap_bytes()),
            BitFold::Swap(_) => u128::from((value as u64).swap_bytes()),
            BitFold::LeadingZeros(_) if value == 0 => return None,
            BitFold::TrailingZeros(_) if value == 0 => return None,
            BitFold::LeadingZeros(_) => u128::from(value.leading_zeros() - (128 - bits)),
            BitFold::TrailingZeros(_) => u128::from(value.trailing_zeros()),
            BitFold::Ones(_) => u128::from(value.count_ones()),
            BitFold::FirstSet(_) if value == 0 => 0,
            BitFold::FirstSet(_) => u128::from(value.trailing_zeros() + 1),
            BitFold::Parity(_) => u128::from(value.count_ones() & 1),
        };
        Some((result, self.result(model)))
    }
}

/// The type that a suffix of `__VERIFIER_nondet_` or `__vf_nondet_` names.
pub(crate) fn named_type(kind: &str, model: DataModel) -> Option<Type> {
    Some(match kind {
        "bool" | "_Bool" => Type::bool(),
        "char" => Type::int(IntType::CHAR),
        "schar" => Type::int(IntType::SCHAR),
        "uchar" | "u8" => Type::int(IntType::UCHAR),
        "short" => Type::int(IntType::SHORT),
        "ushort" | "u16" => Type::int(IntType::USHORT),
        "int" => Type::int(IntType::INT),
        "uint" | "unsigned" | "u32" => Type::int(IntType::UINT),
        "long" | "loff_t" => Type::int(IntType::long(model, true)),
        "ulong" | "size_t" | "sector_t" => Type::int(IntType::long(model, false)),
        "longlong" => Type::int(IntType::LLONG),
        "ulonglong" => Type::int(IntType::ULLONG),
        "int128" => Type::int(IntType::INT128),
        "uint128" => Type::int(IntType::UINT128),
        "pointer" | "const_char_pointer" => Type::void().pointer_to(),
        "pchar" => Type::char_pointer(),
        "float" => Type::of(Kind::Float(32)),
        "double" => Type::of(Kind::Float(64)),
        _ => return None,
    })
}

/// Builtins whose type is that of the object their first argument points to.
pub(crate) fn takes_type_of_target(name: &str) -> bool {
    atomic(name).is_some_and(|a| !matches!(a, Atomic::Store | Atomic::CompareExchange | Atomic::BoolCompareSwap | Atomic::Release))
}

/// The result type of a builtin or of a library function that is called undeclared.
pub(crate) fn result_type(name: &str, model: DataModel) -> Option<Type> {
    let size_t = || Type::int(IntType::size_t(model));
    let pointer = || Type::void().pointer_to();
    if let Some(fold) = fold_bits(name) {
        return Some(Type::int(fold.result(model)));
    }
    if overflow_form(name).is_some() {
        return Some(Type::bool());
    }
    if let Some(a) = atomic(name) {
        return Some(match a {
            Atomic::Store | Atomic::Release => Type::void(),
            _ => Type::bool(),
        });
    }
    let stem = library_name(name).unwrap_or(name);
    Some(match stem {
        "__builtin_expect" | "__builtin_expect_with_probability" => Type::int(IntType::long(model, true)),
        "__builtin_object_size" | "__builtin_dynamic_object_size" => size_t(),
        "__builtin_constant_p" | marker::TYPES_COMPATIBLE | "__builtin_clrsb" | "__builtin_clrsbl" => {
            Type::int(IntType::INT)
        }
        "__builtin_unreachable" | "__builtin_trap" | "__builtin_prefetch" | "__builtin_va_start"
        | "__builtin_va_end" | "__builtin_va_copy" | "__sync_synchronize" | "__atomic_thread_fence"
        | "__atomic_signal_fence" | "free" | "abort" | "exit" | "__builtin_ia32_pause" | "__builtin___clear_cache" => {
            Type::void()
        }
        "__builtin_alloca" | "alloca" | "__builtin_alloca_with_align" | "__builtin_return_address"
        | "__builtin_frame_address" | "__builtin_extract_return_addr" | "__builtin_assume_aligned"
        | marker::LABEL_ADDRESS | "malloc" | "calloc" | "realloc" | "memcpy" | "memmove" | "memset" | "memchr"
        | "mempcpy" => pointer(),
        "strlen" | "strnlen" | "strspn" | "strcspn" | "strlcpy" | "strlcat" => size_t(),
        "strcpy" | "strncpy" | "strcat" | "strncat" | "strchr" | "strrchr" | "strstr" | "strpbrk" | "strdup"
        | "strndup" | "stpcpy" | "stpncpy" | "index" | "rindex" => Type::char_pointer(),
        "labs" => Type::int(IntType::long(model, true)),
        "llabs" => Type::int(IntType::LLONG),
        "abs" | "memcmp" | "strcmp" | "strncmp" | "strcasecmp" | "strncasecmp" | "printf" | "fprintf" | "sprintf"
        | "snprintf" | "vprintf" | "vfprintf" | "vsprintf" | "vsnprintf" | "puts" | "putchar" | "bcmp" => {
            Type::int(IntType::INT)
        }
        _ => return float_result(name),
    })
}

/// Result of the floating-point builtins, whose values are not tracked.
fn float_result(name: &str) -> Option<Type> {
    let stem = name.strip_prefix("__builtin_")?;
    if stem.starts_with("is") || matches!(stem, "signbit" | "signbitf" | "signbitl" | "fpclassify") {
        return Some(Type::int(IntType::INT));
    }
    const FUNCTIONS: &[&str] = &[
        "fabs", "sqrt", "inf", "nan", "nans", "huge_val", "copysign", "floor", "ceil", "trunc", "round", "fmin",
        "fmax", "pow", "exp", "log", "sin", "cos", "tan", "fmod",
    ];
    let (base, bits) = match stem {
        s if FUNCTIONS.contains(&s) => (s, 64),
        s => match (s.strip_suffix('f'), s.strip_suffix('l')) {
            (Some(base), _) => (base, 32),
            (_, Some(base)) => (base, 128),
            _ => return None,
        },
    };
    FUNCTIONS.contains(&base).then(|| Type::of(Kind::Float(bits)))
}

/// The library function that a builtin is (`__builtin_memcpy`, `__builtin___memcpy_chk`).
fn library_name(name: &str) -> Option<&str> {
    let stem = name.strip_prefix("__builtin_")?;
    Some(match stem.strip_prefix("__").and_then(|s| s.strip_suffix("_chk")) {
        Some(checked) => checked,
        None => stem,
    })
}

/// Library functions that GCC knows as builtins and that are called as such.
const LIBRARY: &[&str] = &[
    "memcpy", "memmove", "memset", "memcmp", "memchr", "mempcpy", "strlen", "strnlen", "strcpy", "strncpy", "strcat",
    "strncat", "strcmp", "strncmp", "strchr", "strrchr", "strstr", "strpbrk", "strspn", "strcspn", "strdup",
    "strndup", "strcasecmp", "strncasecmp", "stpcpy", "stpncpy", "malloc", "calloc", "realloc", "free", "printf",
    "fprintf", "sprintf", "snprintf", "vprintf", "vfprintf", "vsprintf", "vsnprintf", "puts", "putchar", "abort",
    "exit", "bcmp", "index", "rindex",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Atomic {
    Load,
    Store,
    Exchange,
    CompareExchange,
    BoolCompareSwap,
    ValCompareSwap,
    Release,
    /// The old value of `*p op v`.
    FetchOp(AtomicOp),
    /// The new value.
    OpFetch(AtomicOp),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AtomicOp {
    Add,
    Sub,
    And,
    Or,
    Xor,
    Nand,
}

fn atomic(name: &str) -> Option<Atomic> {
    let op = |text: &str| {
        Some(match text {
            "add" => AtomicOp::Add,
            "sub" => AtomicOp::Sub,
            "and" => AtomicOp::And,
            "or" => AtomicOp::Or,
            "xor" => AtomicOp::Xor,
            "nand" => AtomicOp::Nand,
            _ => return None,
        })
    };
    if let Some(rest) = name.strip_prefix("__sync_") {
        return Some(match rest {
            "bool_compare_and_swap" => Atomic::BoolCompareSwap,
            "val_compare_and_swap" => Atomic::ValCompareSwap,
            "lock_test_and_set" => Atomic::Exchange,
            "lock_release" => Atomic::Release,
            _ => {
                if let Some(o) = rest.strip_prefix("fetch_and_") {
                    Atomic::FetchOp(op(o)?)
                } else {
                    Atomic::OpFetch(op(rest.strip_suffix("_and_fetch")?)?)
                }
            }
        });
    }
    let rest = name.strip_prefix("__atomic_")?;
    Some(match rest {
        "load_n" => Atomic::Load,
        "store_n" => Atomic::Store,
        "exchange_n" => Atomic::Exchange,
        "compare_exchange_n" => Atomic::CompareExchange,
        _ => {
            if let Some(o) = rest.strip_prefix("fetch_") {
                Atomic::FetchOp(op(o)?)
            } else {
                Atomic::OpFetch(op(rest.strip_suffix("_fetch")?)?)
            }
        }
    })
}

/// What `__builtin_*_overflow` computes, and the operand type where the name fixes it.
#[derive(Clone, Copy, Debug)]
struct OverflowForm {
    op: Arithmetic,
    fixed: Option<(bool, Width)>,
    /// `_overflow_p`: nothing is stored.
    predicate: bool,
}

fn overflow_form(name: &str) -> Option<OverflowForm> {
    let rest = name.strip_prefix("__builtin_")?;
    let (rest, predicate) = match rest.strip_suffix("_overflow_p") {
        Some(r) => (r, true),
        None => (rest.strip_suffix("_overflow")?, false),
    };
    let operation = |s: &str| match s {
        "add" => Some(Arithmetic::Add),
        "sub" => Some(Arithmetic::Sub),
        "mul" => Some(Arithmetic::Mul),
        _ => None,
    };
    if let Some(op) = operation(rest) {
        return Some(OverflowForm { op, fixed: None, predicate });
    }
    let (signed, rest) = match (rest.strip_prefix('s'), rest.strip_prefix('u')) {
        (Some(r), _) if operation(r.trim_end_matches('l')).is_some() => (true, r),
        (_, Some(r)) => (false, r),
        _ => return None,
    };
    let op = operation(rest.get(..3)?)?;
    let width = match rest.get(3..)? {
        "" => Width::Int,
        "l" => Width::Long,
        "ll" => Width::LongLong,
        _ => return None,
    };
    Some(OverflowForm { op, fixed: Some((signed, width)), predicate })
}

impl Lowerer<'_> {
    pub fn builtin(
        &mut self,
        name: &str,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Option<Value>> {
        let span = self.span(at);
        let size_t = IntType::size_t(self.model);
        if let Some(form) = overflow_form(name) {
            return self.overflow_builtin(form, args, at).map(Some);
        }
        if let (Some(fold), [arg]) = (fold_bits(name), args) {
            return self.bits_builtin(fold, arg, at).map(Some);
        }
        if let Some(a) = atomic(name) {
            return self.atomic_builtin(a, args, at).map(Some);
        }
        let value = match (name, args) {
            ("__builtin_expect" | "__builtin_expect_with_probability", [value, rest @ ..]) => {
                let v = self.rvalue(value)?;
                for r in rest.iter().take(1) {
                    if self.constant(r).is_err() {
                        self.effect(r)?;
                    }
                }
                let long = Type::int(IntType::long(self.model, true));
                self.convert(v, &long, Conversion::Implicit, value.span)?
            }
            ("__builtin_constant_p", [arg]) => {
                let known = self.is_constant(arg);
                Value::int(IntType::INT, i128::from(known))
            }
            ("__builtin_choose_expr", [condition, yes, no]) => {
                let chosen = if self.constant_truth(condition)? { yes } else { no };
                self.rvalue(chosen)?
            }
            (marker::TYPES_COMPATIBLE, [a, b]) => {
                let same = self.types_compatible(a, b)?;
                Value::int(IntType::INT, i128::from(same))
            }
            (marker::ALIGNOF_VALUE, [arg]) => {
                let ty = self.type_of(arg)?;
                let n = self.align_of(&ty, at)?;
                Value::int(size_t, i128::from(n))
            }
            ("__builtin_object_size" | "__builtin_dynamic_object_size", [_, kind]) => {
                // Unknown, as GCC answers without optimising.
                let kind = self.constant_integer(kind)?;
                Value::int(size_t, if kind & 2 == 0 { -1 } else { 0 })
            }
            ("__builtin_unreachable", []) => {
                self.oblige(Property::UnreachableCode, Condition::Unreachable, at);
                self.stop(at)
            }
            ("__builtin_trap" | "__builtin_abort", []) => self.stop(at),
            ("__builtin_prefetch" | "__builtin___clear_cache", _) => {
                for a in args {
                    self.effect(a)?;
                }
                Value::void()
            }
            ("__sync_synchronize" | "__builtin_ia32_pause", _)
            | ("__atomic_thread_fence" | "__atomic_signal_fence", [_]) => Value::void(),
            ("__builtin_return_address" | "__builtin_frame_address" | marker::LABEL_ADDRESS, _) => {
                let ty = Type::void().pointer_to();
                let expr = self.unknown(Ty::Ptr, &ty, HavocReason::Environment, span);
                Value::new(expr, ty)
            }
            ("__builtin_extract_return_addr", [p]) => self.rvalue(p)?,
            ("__builtin_assume_aligned", [p, rest @ ..]) => {
                let v = self.rvalue(p)?;
                for r in rest {
                    self.effect(r)?;
                }
                self.convert(v, &Type::void().pointer_to(), Conversion::Silent, p.span)?
            }
            ("__builtin_speculation_safe_value", [v, ..]) => self.rvalue(v)?,
            ("__builtin_va_start" | "__builtin_c23_va_start" | "__builtin_va_copy", [list, rest @ ..]) => {
                if name == "__builtin_va_copy" {
                    for r in rest {
                        self.rvalue(r)?;
                    }
                }
                self.havoc_list(list, at)?;
                Value::void()
            }
            ("__builtin_va_end", [list]) => {
                self.effect(list)?;
                Value::void()
            }
            ("__builtin_alloca" | "alloca", [n]) | ("__builtin_alloca_with_align", [n, _]) => {
                let size = self.size_argument(n, &Type::int(size_t))?;
                self.oblige_allocation(&size, at);
                let ty = Type::void().pointer_to();
                let f = self.f();
                let dst = f.temporary(Ty::Ptr, &ty, span);
                let kind =
                    StmtKind::Alloc { dst, size, zeroed: false, may_fail: false, kind: AllocKind::Stack };
                f.stmt(kind, span);
                Value::new(Expr::Local(dst), ty)
            }
            (
                "__builtin_abs" | "__builtin_labs" | "__builtin_llabs" | "abs" | "labs" | "llabs",
                [arg],
            ) if !self.is_defined_by_user(name) => self.absolute_value(name, arg, at)?,
            (marker::COMPUTED_GOTO, [target]) => {
                self.effect(target)?;
                return self.unsupported("computed goto", at);
            }
            (marker::REAL | marker::IMAG, _) => return self.unsupported("complex numbers", at),
            _ => {
                if let Some(library) = library_name(name).filter(|l| LIBRARY.contains(l)) {
                    return self.library_builtin(name, library, args, at).map(Some);
                }
                if let Some(ty) = float_result(name) {
                    for a in args {
                        self.effect(a)?;
                    }
                    let scalar = ty.scalar().unwrap_or(Ty::Int(32));
                    let expr = self.unknown(scalar, &ty, HavocReason::Float, span);
                    return Ok(Some(Value::new(expr, ty)));
                }
                if name.starts_with("__builtin_") {
                    return self.unsupported(format!("`{name}`"), at);
                }
                return Ok(None);
            }
        };
        Ok(Some(value))
    }

    /// Whether the user's own code defines this function.
    fn is_defined_by_user(&mut self, name: &str) -> bool {
        match self.lookup(name) {
            Some(Entity::Function(id, _)) => {
                self.functions.get(id.index()).is_some_and(|i| i.definition.as_ref().is_some_and(|d| d.in_main_file))
            }
            _ => false,
        }
    }

    /// A builtin that is a library function under another name.
    fn library_builtin(
        &mut self,
        name: &str,
        library: &str,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        let (id, signature) = match self.lookup_file_scope(library) {
            Some(Entity::Function(id, signature)) => (id, signature),
            _ => {
                let fallback = Rc::new(Signature {
                    ret: result_type(library, self.model).unwrap_or_else(Type::void),
                    params: Vec::new(),
                    variadic: true,
                    prototyped: false,
                });
                let id = self.declare_library_function(library, &fallback, at)?;
                let known = self.functions.get(id.index()).map(|i| Rc::clone(&i.signature));
                (id, known.unwrap_or(fallback))
            }
        };
        self.need_function(id);
        if !name.ends_with("_chk") {
            return self.call_with(Callee::Direct(id), &signature, args, at);
        }
        // The checking forms have a flag and the object's size among their arguments.
        let kept: Vec<Node<ast::Expression>> = match library {
            "sprintf" | "vsprintf" => {
                args.iter().take(1).chain(args.iter().skip(3)).cloned().collect()
            }
            "snprintf" | "vsnprintf" => {
                args.iter().take(2).chain(args.iter().skip(4)).cloned().collect()
            }
            "printf" | "vprintf" => args.iter().skip(1).cloned().collect(),
            "fprintf" | "vfprintf" => {
                args.iter().take(1).chain(args.iter().skip(2)).cloned().collect()
            }
            _ => args.split_last().map(|(_, rest)| rest.to_vec()).unwrap_or_default(),
        };
        self.call_with(Callee::Direct(id), &signature, &kept, at)
    }

    /// `va_start`, `va_copy`: the list holds anything afterwards.
    fn havoc_list(&mut self, list: &Node<ast::Expression>, at: NodeSpan) -> Lowered<()> {
        let span = self.span(at);
        if self.is_array(list) {
            let ty = self.type_of(list)?;
            let size = self.size_value(&ty, at)?;
            let v = self.rvalue(list)?;
            self.f().stmt(StmtKind::HavocMemory { dst: v.expr, size }, span);
            return Ok(());
        }
        let lv = self.lvalue(list)?;
        let pointee = lv.ty.pointee().filter(|p| p.record().is_some()).cloned();
        match pointee {
            // A parameter of type va_list is a pointer to the list.
            Some(to) => {
                let size = self.size_value(&to, at)?;
                let v = self.load(&lv)?;
                self.f().stmt(StmtKind::HavocMemory { dst: v.expr, size }, span);
            }
            None => {
                let ty = lv.ty.clone();
                let Some(scalar) = ty.scalar() else { return self.unsupported("this va_list", at) };
                let expr = self.unknown(scalar, &ty, HavocReason::Environment, span);
                self.store(&lv, Value::new(expr, ty))?;
            }
        }
        Ok(())
    }

    fn absolute_value(&mut self, name: &str, arg: &Node<ast::Expression>, at: NodeSpan) -> Lowered<Value> {
        let int = match name.strip_prefix("__builtin_").unwrap_or(name) {
            "abs" => IntType::INT,
            "labs" => IntType::long(self.model, true),
            _ => IntType::LLONG,
        };
        let v = self.rvalue(arg)?;
        let v = self.convert(v, &Type::int(int), Conversion::Implicit, arg.span)?;
        let v = self.fixed(v, at);
        let zero = Expr::int(int.bits, 0);
        self.oblige_no_overflow(Arithmetic::Neg, int, &zero, &v.expr, at);
        let expr = Expr::Select {
            condition: Box::new(fold::compare(CompareOp::SLess, v.expr.clone(), zero)),
            then: Box::new(fold::unary(UnaryOp::Neg, v.expr.clone())),
            otherwise: Box::new(v.expr),
        };
        Ok(Value::new(expr, Type::int(int)))
    }

    /// Byte swaps and bit counts, exactly.
    fn bits_builtin(&mut self, fold_kind: BitFold, arg: &Node<ast::Expression>, at: NodeSpan) -> Lowered<Value> {
        let bits = fold_kind.width(self.model);
        let operand = IntType { signed: false, bits, rank: super::types::Rank::Long };
        let v = self.rvalue(arg)?;
        let how = if matches!(fold_kind, BitFold::Swap(_)) { Conversion::Implicit } else { Conversion::Silent };
        let v = self.convert(v, &Type::int(operand), how, arg.span)?;
        let result = fold_kind.result(self.model);
        if let Expr::Int { value, .. } = v.expr {
            if let Some((value, _)) = fold_kind.apply(value, self.model) {
                return Ok(Value::int(result, value as i128));
            }
        }
        let x = self.fixed(v, at).expr;
        if matches!(fold_kind, BitFold::LeadingZeros(_) | BitFold::TrailingZeros(_)) {
            let condition = fold::compare(CompareOp::NotEqual, x.clone(), Expr::int(bits, 0));
            self.oblige(Property::Precondition, Condition::Holds(condition), at);
        }
        let constant = |n: u128| Expr::Int { bits, value: n };
        let ones = if bits >= 128 { u128::MAX } else { (1u128 << bits) - 1 };
        let expr = match fold_kind {
            BitFold::Swap(_) => {
                let mut all = constant(0);
                for byte in 0..bits / 8 {
                    let down = fold::binary(BinaryOp::LShr, x.clone(), constant(u128::from(8 * byte)));
                    let cut = fold::binary(BinaryOp::And, down, constant(0xff));
                    let up = fold::binary(BinaryOp::Shl, cut, constant(u128::from(bits - 8 - 8 * byte)));
                    all = fold::binary(BinaryOp::Or, all, up);
                }
                return Ok(self.bounded(Value::new(all, Type::int(result)), at));
            }
            BitFold::Ones(_) => self.count_ones(x, bits, at),
            BitFold::Parity(_) => {
                let n = self.count_ones(x, bits, at);
                fold::binary(BinaryOp::And, n, constant(1))
            }
            // Ones below the lowest one.
            BitFold::TrailingZeros(_) => {
                let below = self.below_lowest_one(x, bits, ones);
                self.count_ones(below, bits, at)
            }
            BitFold::FirstSet(_) => {
                let below = self.below_lowest_one(x.clone(), bits, ones);
                let zeros = self.count_ones(below, bits, at);
                let next = fold::binary(BinaryOp::Add, zeros, constant(1));
                Expr::Select {
                    condition: Box::new(fold::compare(CompareOp::Equal, x, constant(0))),
                    then: Box::new(constant(0)),
                    otherwise: Box::new(next),
                }
            }
            // Zeros of the operand with its highest one smeared downwards.
            BitFold::LeadingZeros(_) => {
                let mut smeared = x;
                let mut step = 1;
                while step < bits {
                    let down = fold::binary(BinaryOp::LShr, smeared.clone(), constant(u128::from(step)));
                    let both = fold::binary(BinaryOp::Or, smeared, down);
                    smeared = self.fixed(Value::new(both, Type::int(operand)), at).expr;
                    step *= 2;
                }
                let n = self.count_ones(smeared, bits, at);
                fold::binary(BinaryOp::Sub, constant(u128::from(bits)), n)
            }
        };
        let expr = fold::resize(expr, bits, result.bits, false, self.locals());
        let v = self.fixed(Value::new(expr, Type::int(result)), at);
        let span = self.span(at);
        let most = fold::compare(CompareOp::ULessEqual, v.expr.clone(), Expr::int(32, i128::from(bits)));
        self.f().stmt(StmtKind::Assume(most), span);
        Ok(v)
    }

    fn below_lowest_one(&mut self, x: Expr, bits: u32, ones: u128) -> Expr {
        let less = fold::binary(BinaryOp::Add, x.clone(), Expr::Int { bits, value: ones });
        fold::binary(BinaryOp::And, fold::unary(UnaryOp::Not, x), less)
    }

    /// Number of ones, by sums over ever wider fields.
    fn count_ones(&mut self, x: Expr, bits: u32, at: NodeSpan) -> Expr {
        let ones = if bits >= 128 { u128::MAX } else { (1u128 << bits) - 1 };
        let constant = |n: u128| Expr::Int { bits, value: n & ones };
        let ty = Type::int(IntType { signed: false, bits, rank: super::types::Rank::Long });
        let mut sum = x;
        for (shift, mask) in [(1u32, 0x5555_5555_5555_5555u128), (2, 0x3333_3333_3333_3333), (4, 0x0f0f_0f0f_0f0f_0f0f)] {
            let low = fold::binary(BinaryOp::And, sum.clone(), constant(mask));
            let high = fold::binary(BinaryOp::LShr, sum, constant(u128::from(shift)));
            let high = fold::binary(BinaryOp::And, high, constant(mask));
            let both = fold::binary(BinaryOp::Add, low, high);
            sum = self.fixed(Value::new(both, ty.clone()), at).expr;
        }
        let product = fold::binary(BinaryOp::Mul, sum, constant(0x0101_0101_0101_0101));
        fold::binary(BinaryOp::LShr, product, constant(u128::from(bits - 8)))
    }

    /// `__builtin_add_overflow` and its kin: exact in a wider width, the wrapped result stored.
    fn overflow_builtin(
        &mut self,
        form: OverflowForm,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        let [a, b, target] = args else {
            return self.unsupported("an overflow builtin with this many arguments", at);
        };
        let mut lhs = self.operand_before(a, b)?;
        let mut rhs = self.rvalue(b)?;
        if let Some((signed, width)) = form.fixed {
            let bits = width.bits(self.model);
            let ty = Type::int(IntType { signed, bits, rank: super::types::Rank::Long });
            lhs = self.convert(lhs, &ty, Conversion::Implicit, a.span)?;
            rhs = self.convert(rhs, &ty, Conversion::Implicit, b.span)?;
        }
        let lhs = self.fixed(lhs, a.span);
        let rhs = self.fixed(rhs, b.span);
        let (place, result) = if form.predicate {
            (None, self.value_type_of(target)?)
        } else {
            let pointer = self.rvalue(target)?;
            let lv = self.dereferenced(pointer, target.span)?;
            let ty = lv.ty.unqualified();
            (Some(lv), ty)
        };
        let (Some(ta), Some(tb), Some(to)) = (lhs.ty.integer(), rhs.ty.integer(), result.integer()) else {
            return self.unsupported("an overflow builtin of what is not an integer", at);
        };
        if result.is_bool() || ta.bits > 64 || tb.bits > 64 || to.bits > 64 {
            return self.unsupported("an overflow builtin of these types", at);
        }
        let (wrapped, overflow) = self.checked_arithmetic(form.op, (lhs.expr, ta), (rhs.expr, tb), to, at);
        let overflow = self.fixed(Value::new(overflow, Type::bool()), at);
        // `fixed` gives `_Bool` values their memory width.
        if let Some(lv) = place {
            self.store(&lv, Value::new(wrapped, result))?;
        }
        Ok(overflow)
    }

    /// The result wrapped to `to`, and as a `_Bool` whether the exact one differs.
    fn checked_arithmetic(
        &mut self,
        op: Arithmetic,
        (a, ta): (Expr, IntType),
        (b, tb): (Expr, IntType),
        to: IntType,
        at: NodeSpan,
    ) -> (Expr, Expr) {
        let same = ta.bits == to.bits && tb.bits == to.bits && !ta.signed && !tb.signed && !to.signed;
        let (wrapped, overflow) = match op {
            // Unsigned sums wrapped exactly when they are less than an operand.
            Arithmetic::Add if same => {
                let sum = fold::binary(BinaryOp::Add, a.clone(), b);
                let sum = self.fixed(Value::new(sum, Type::int(to)), at).expr;
                (sum.clone(), fold::compare(CompareOp::ULess, sum, a))
            }
            Arithmetic::Sub if same => {
                let difference = fold::binary(BinaryOp::Sub, a.clone(), b.clone());
                (difference, fold::compare(CompareOp::ULess, a, b))
            }
            _ => {
                // Every exact result of operands up to 64 bits fits here, read as signed; a product of two
                // unsigned ones fits read as unsigned.
                let unsigned = !ta.signed && !tb.signed && op == Arithmetic::Mul;
                let sum = ta.bits.max(tb.bits).max(to.bits) + 2;
                let wide = match op {
                    Arithmetic::Mul => (ta.bits + tb.bits).max(to.bits + 2).min(128),
                    _ => sum,
                };
                let x = fold::resize(a, ta.bits, wide, ta.signed, self.locals());
                let y = fold::resize(b, tb.bits, wide, tb.signed, self.locals());
                let operation = match op {
                    Arithmetic::Sub => BinaryOp::Sub,
                    Arithmetic::Mul => BinaryOp::Mul,
                    _ => BinaryOp::Add,
                };
                let exact = fold::binary(operation, x, y);
                let exact_type = IntType { signed: !unsigned, bits: wide, rank: super::types::Rank::BitField };
                let exact = self.fixed(Value::new(exact, Type::int(exact_type)), at).expr;
                let wrapped = fold::resize(exact.clone(), wide, to.bits, false, self.locals());
                let overflow = if unsigned {
                    // The largest value of the target, signed or not.
                    let most = Expr::int(wide, to.range().1);
                    fold::compare(CompareOp::ULess, most, exact)
                } else {
                    let back = Expr::Resize {
                        kind: if to.signed { vf_ir::Resize::SignExtend } else { vf_ir::Resize::ZeroExtend },
                        bits: wide,
                        arg: Box::new(wrapped.clone()),
                    };
                    fold::compare(CompareOp::NotEqual, back, exact)
                };
                (wrapped, overflow)
            }
        };
        let overflow = fold::resize(overflow, 1, 8, false, self.locals());
        (wrapped, overflow)
    }

    /// Atomics, read as one thread sees them.
    fn atomic_builtin(
        &mut self,
        a: Atomic,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        let Some((first, rest)) = args.split_first() else {
            return self.unsupported("an atomic builtin without arguments", at);
        };
        let pointer = self.rvalue(first)?;
        let pointer = self.fixed(pointer, first.span);
        let lv = self.dereferenced(pointer, at)?;
        let ty = lv.ty.unqualified();
        let Some(scalar) = ty.scalar() else {
            return self.unsupported("an atomic builtin of what is not a scalar", at);
        };
        let mut operands = Vec::new();
        for r in rest.iter().take(2) {
            let v = self.rvalue(r)?;
            operands.push((self.fixed(v, r.span), r.span));
        }
        let operand = |this: &mut Self, n: usize| match operands.get(n).cloned() {
            Some((v, span)) => this.convert(v, &ty, Conversion::Implicit, span),
            None => this.unsupported("an atomic builtin with too few arguments", at),
        };
        match a {
            Atomic::Load => self.load(&lv),
            Atomic::Store => {
                let v = operand(self, 0)?;
                self.store(&lv, v)?;
                Ok(Value::void())
            }
            Atomic::Release => {
                let zero = match scalar {
                    Ty::Ptr => Expr::Null,
                    Ty::Int(bits) | Ty::Float(bits) => Expr::int(bits, 0),
                };
                self.store(&lv, Value::new(zero, ty.clone()))?;
                Ok(Value::void())
            }
            Atomic::Exchange => {
                let old = self.load(&lv)?;
                let v = operand(self, 0)?;
                self.store(&lv, v)?;
                Ok(old)
            }
            Atomic::FetchOp(op) | Atomic::OpFetch(op) => {
                let old = self.load(&lv)?;
                let new = match (scalar, operands.first().cloned()) {
                    // GNU C counts bytes here, not elements.
                    (Ty::Ptr, Some((v, span))) if matches!(op, AtomicOp::Add | AtomicOp::Sub) => {
                        let index = self.index_value(v, span)?;
                        let index =
                            if op == AtomicOp::Sub { fold::unary(UnaryOp::Neg, index) } else { index };
                        fold::pointer_add(old.expr.clone(), index, 1)
                    }
                    (Ty::Int(_), _) => {
                        let v = operand(self, 0)?;
                        let operation = match op {
                            AtomicOp::Add => BinaryOp::Add,
                            AtomicOp::Sub => BinaryOp::Sub,
                            AtomicOp::And | AtomicOp::Nand => BinaryOp::And,
                            AtomicOp::Or => BinaryOp::Or,
                            AtomicOp::Xor => BinaryOp::Xor,
                        };
                        let value = fold::binary(operation, old.expr.clone(), v.expr);
                        if op == AtomicOp::Nand { fold::unary(UnaryOp::Not, value) } else { value }
                    }
                    _ => return self.unsupported("this atomic builtin", at),
                };
                let new = self.fixed(Value::new(new, ty.clone()), at);
                self.store(&lv, new.clone())?;
                Ok(if matches!(a, Atomic::FetchOp(_)) { old } else { new })
            }
            Atomic::BoolCompareSwap | Atomic::ValCompareSwap => {
                let old = self.load(&lv)?;
                let expected = operand(self, 0)?;
                let desired = operand(self, 1)?;
                let same = self.equal(&old, &expected);
                self.store_selected(&lv, &same, desired, &old)?;
                Ok(if a == Atomic::BoolCompareSwap {
                    Value::new(fold::resize(same, 1, 8, false, self.locals()), Type::bool())
                } else {
                    old
                })
            }
            Atomic::CompareExchange => {
                let Some((expected_pointer, span)) = operands.first().cloned() else {
                    return self.unsupported("an atomic builtin with too few arguments", at);
                };
                let desired = operand(self, 1)?;
                let expected_place = self.dereferenced(expected_pointer, span)?;
                let expected = self.load(&expected_place)?;
                let old = self.load(&lv)?;
                let same = self.equal(&old, &expected);
                self.store_selected(&lv, &same, desired, &old)?;
                self.store_selected(&expected_place, &same, expected, &old)?;
                Ok(Value::new(fold::resize(same, 1, 8, false, self.locals()), Type::bool()))
            }
        }
    }

    fn equal(&mut self, a: &Value, b: &Value) -> Expr {
        let condition = if a.ty.pointee().is_some() {
            fold::pointer_compare(CompareOp::Equal, a.expr.clone(), b.expr.clone())
        } else {
            fold::compare(CompareOp::Equal, a.expr.clone(), b.expr.clone())
        };
        let span = vf_source::Span::NONE;
        self.f().in_register(condition, Ty::Int(1), &Type::bool(), span)
    }

    fn store_selected(
        &mut self,
        lv: &super::lvalues::LValue,
        condition: &Expr,
        yes: Value,
        no: &Value,
    ) -> Lowered<Value> {
        let expr = Expr::Select {
            condition: Box::new(condition.clone()),
            then: Box::new(yes.expr),
            otherwise: Box::new(no.expr.clone()),
        };
        self.store(lv, Value::new(expr, yes.ty))
    }
}

//! GCC's built-in functions (GCC manual, "Other Builtins", "Integer Overflow Builtins", "Atomic Builtins").

use super::atomics::{Atomic, atomic};
use super::bits::fold_bits;
use super::overflow::overflow_form;
use std::rc::Rc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::obligation::Arithmetic;
use vf_ir::{
    AllocKind, Callee, CompareOp, Condition, DataModel, Expr, HavocReason, Property, StmtKind, Ty, UnaryOp,
};

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Kind, Signature, Type};
use super::{Entity, Lowered, Lowerer};
use crate::normalise::marker;

/// The type that a suffix of `__VERIFIER_nondet_` or `__vf_nondet_` names.
pub(crate) fn named_type(kind: &str, model: DataModel) -> Option<Type> {
    Some(match kind {
        "bool" | "_Bool" => Type::bool(),
        "char" => Type::int(IntType::CHAR),
        "schar" | "S8" => Type::int(IntType::SCHAR),
        "uchar" | "unsigned_char" | "u8" | "U8" => Type::int(IntType::UCHAR),
        "short" | "S16" => Type::int(IntType::SHORT),
        "ushort" | "u16" | "U16" | "unsigned_short" => Type::int(IntType::USHORT),
        "int" | "S32" => Type::int(IntType::INT),
        "uint" | "unsigned" | "u32" | "U32" | "unsigned_int" => Type::int(IntType::UINT),
        "long" | "loff_t" => Type::int(IntType::long(model, true)),
        "ulong" | "unsigned_long" | "size_t" | "sector_t" => Type::int(IntType::long(model, false)),
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
        "__builtin_unreachable"
        | "__builtin_trap"
        | "__builtin_prefetch"
        | "__builtin_va_start"
        | "__builtin_va_end"
        | "__builtin_va_copy"
        | "__sync_synchronize"
        | "__atomic_thread_fence"
        | "__atomic_signal_fence"
        | "free"
        | "abort"
        | "exit"
        | "__builtin_ia32_pause"
        | "__builtin___clear_cache" => Type::void(),
        "__builtin_alloca"
        | "alloca"
        | "__builtin_alloca_with_align"
        | "__builtin_return_address"
        | "__builtin_frame_address"
        | "__builtin_extract_return_addr"
        | "__builtin_assume_aligned"
        | marker::LABEL_ADDRESS
        | "malloc"
        | "calloc"
        | "realloc"
        | "memcpy"
        | "memmove"
        | "memset"
        | "memchr"
        | "mempcpy" => pointer(),
        "strlen" | "strnlen" | "strspn" | "strcspn" | "strlcpy" | "strlcat" => size_t(),
        "strcpy" | "strncpy" | "strcat" | "strncat" | "strchr" | "strrchr" | "strstr" | "strpbrk"
        | "strdup" | "strndup" | "stpcpy" | "stpncpy" | "index" | "rindex" => Type::char_pointer(),
        "labs" => Type::int(IntType::long(model, true)),
        "llabs" => Type::int(IntType::LLONG),
        "abs" | "memcmp" | "strcmp" | "strncmp" | "strcasecmp" | "strncasecmp" | "printf" | "fprintf"
        | "sprintf" | "snprintf" | "vprintf" | "vfprintf" | "vsprintf" | "vsnprintf" | "puts" | "putchar"
        | "bcmp" => Type::int(IntType::INT),
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
        "fabs", "sqrt", "inf", "nan", "nans", "huge_val", "copysign", "floor", "ceil", "trunc", "round",
        "fmin", "fmax", "pow", "exp", "log", "sin", "cos", "tan", "fmod",
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
    Some(
        match stem.strip_prefix("__").and_then(|s| s.strip_suffix("_chk")) {
            Some(checked) => checked,
            None => stem,
        },
    )
}

/// Library functions that GCC knows as builtins and that are called as such.
const LIBRARY: &[&str] = &[
    "memcpy",
    "memmove",
    "memset",
    "memcmp",
    "memchr",
    "mempcpy",
    "strlen",
    "strnlen",
    "strcpy",
    "strncpy",
    "strcat",
    "strncat",
    "strcmp",
    "strncmp",
    "strchr",
    "strrchr",
    "strstr",
    "strpbrk",
    "strspn",
    "strcspn",
    "strdup",
    "strndup",
    "strcasecmp",
    "strncasecmp",
    "stpcpy",
    "stpncpy",
    "malloc",
    "calloc",
    "realloc",
    "free",
    "printf",
    "fprintf",
    "sprintf",
    "snprintf",
    "vprintf",
    "vfprintf",
    "vsprintf",
    "vsnprintf",
    "puts",
    "putchar",
    "abort",
    "exit",
    "bcmp",
    "index",
    "rindex",
];

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
                let n = self.align_of(&ty)?;
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
                let kind = StmtKind::Alloc {
                    dst,
                    size,
                    zeroed: false,
                    may_fail: false,
                    kind: AllocKind::Stack,
                };
                f.stmt(kind, span);
                Value::new(Expr::Local(dst), ty)
            }
            ("__builtin_abs" | "__builtin_labs" | "__builtin_llabs" | "abs" | "labs" | "llabs", [arg])
                if !self.is_defined_by_user(name) =>
            {
                self.absolute_value(name, arg, at)?
            }
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
    pub(super) fn is_defined_by_user(&mut self, name: &str) -> bool {
        match self.lookup(name) {
            Some(Entity::Function(id, _)) => self
                .functions
                .get(id.index())
                .is_some_and(|i| i.definition.as_ref().is_some_and(|d| d.in_main_file)),
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
            "sprintf" | "vsprintf" => args.iter().take(1).chain(args.iter().skip(3)).cloned().collect(),
            "snprintf" | "vsnprintf" => args.iter().take(2).chain(args.iter().skip(4)).cloned().collect(),
            "printf" | "vprintf" => args.iter().skip(1).cloned().collect(),
            "fprintf" | "vfprintf" => args.iter().take(1).chain(args.iter().skip(2)).cloned().collect(),
            _ => args
                .split_last()
                .map(|(_, rest)| rest.to_vec())
                .unwrap_or_default(),
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
                let Some(scalar) = ty.scalar() else {
                    return self.unsupported("this va_list", at);
                };
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
}

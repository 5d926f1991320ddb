//! Function calls (C11 6.5.2.2).

use std::rc::Rc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{Callee, Condition, Expr, FunctionId, Property, StmtKind, Terminator, Ty};

use super::conversions::Value;
use super::declarations::agree;
use super::types::{Signature, Type};
use super::{Entity, Lowered, Lowerer};

/// Functions that never return, whatever their declaration says (C11 7.22.4, POSIX).
const NEVER_RETURN: &[&str] = &[
    "abort",
    "exit",
    "_exit",
    "_Exit",
    "quick_exit",
    "__builtin_abort",
    "__builtin_exit",
];

/// Functions by which a program says that an assertion failed.
const ASSERTION_FAILED: &[&str] = &[
    "__assert_fail",
    "__assert_rtn",
    "__assert",
    "__assert_perror_fail",
    "reach_error",
    "__VERIFIER_error",
];

/// Those of the competition's rules (SV-COMP, "Unreachability of Error Function").
const ERROR_FUNCTIONS: &[&str] = &["reach_error", "__VERIFIER_error"];

impl Lowerer<'_> {
    pub fn call(&mut self, c: &Node<ast::CallExpression>, at: NodeSpan) -> Lowered<Value> {
        if let ast::Expression::Identifier(i) = &c.node.callee.node {
            let name = i.node.name.as_str();
            // A name that a block scope gives another meaning is not the function.
            let own = self
                .function
                .as_ref()
                .and_then(|f| f.names.iter().rev().find_map(|n| n.ordinary.get(name)));
            if matches!(own, None | Some(Entity::Function(..)))
                && let Some(value) = self.special_call(name, c, at)?
            {
                return Ok(value);
            }
            match self.lookup(name) {
                Some(Entity::Function(id, signature)) => {
                    self.need_function(id);
                    return self.call_with(Callee::Direct(id), &signature, &c.node.arguments, at);
                }
                None => {
                    // An implicit declaration (C89): `int name()`.
                    let signature = Rc::new(Signature {
                        ret: super::builtins::result_type(name, self.model)
                            .unwrap_or_else(|| Type::int(super::types::IntType::INT)),
                        params: Vec::new(),
                        variadic: true,
                        prototyped: false,
                    });
                    let id = self.declare_library_function(name, &signature, at)?;
                    self.need_function(id);
                    return self.call_with(Callee::Direct(id), &signature, &c.node.arguments, at);
                }
                _ => {}
            }
        }
        let pointer = self.rvalue(&c.node.callee)?;
        let Some(signature) = pointer.ty.pointee().and_then(Type::signature).cloned() else {
            return self.unsupported("a call of what is not a function", at);
        };
        let callee = match pointer.expr {
            Expr::FunctionAddress(id) => {
                let known = self.functions.get(id.index());
                if known.is_some_and(|i| i.signature.prototyped && !agree(&i.signature, &signature)) {
                    // Undefined (C11 6.3.2.3p8), and no IR call passes arguments of other types.
                    return self.unsupported("a call through an incompatible function type", at);
                }
                self.need_function(id);
                Callee::Direct(id)
            }
            _ => {
                let pointer = self.fixed(pointer, c.node.callee.span);
                self.oblige_not_null(&pointer.expr, c.node.callee.span);
                Callee::Indirect(pointer.expr)
            }
        };
        self.call_with(callee, &signature, &c.node.arguments, at)
    }

    /// Calls with forms of their own: assertions, nondeterminism, builtins, intrinsics of library models.
    fn special_call(
        &mut self,
        name: &str,
        c: &Node<ast::CallExpression>,
        at: NodeSpan,
    ) -> Lowered<Option<Value>> {
        let args = c.node.arguments.as_slice();
        if ASSERTION_FAILED.contains(&name) {
            for a in args {
                self.effect(a)?;
            }
            self.oblige(Property::Assertion, Condition::Unreachable, at);
            if ERROR_FUNCTIONS.contains(&name) {
                // Named as what it is, whatever macro it was written through.
                self.f().name_last_obligation(format!("{name}()"));
            }
            return Ok(Some(self.stop(at)));
        }
        match (name, args) {
            ("__VERIFIER_assume" | "__CPROVER_assume" | "__CPROVER_precondition", [condition, ..]) => {
                let v = self.rvalue(condition)?;
                let truth = self.truth(&v, condition.span)?;
                let span = self.span(at);
                self.f().stmt(StmtKind::Assume(truth), span);
                return Ok(Some(Value::void()));
            }
            ("__VERIFIER_assert", [_]) if self.has_body(name) => {}
            ("__CPROVER_assert" | "__VERIFIER_assert", [condition, ..]) => {
                let v = self.rvalue(condition)?;
                let truth = self.truth(&v, condition.span)?;
                self.oblige(Property::Assertion, Condition::Holds(truth), at);
                return Ok(Some(Value::void()));
            }
            ("setjmp" | "_setjmp" | "sigsetjmp" | "__sigsetjmp" | "longjmp" | "siglongjmp" | "vfork", _) => {
                return self.unsupported(format!("calls of `{name}`"), at);
            }
            ("__VERIFIER_nondet_memory", [pointer, size]) if !self.has_body(name) => {
                return self.nondeterministic_memory(pointer, size, at).map(Some);
            }
            _ => {}
        }
        if let Some(kind) = name
            .strip_prefix("__VERIFIER_nondet_")
            .or(name.strip_prefix("nondet_"))
            && let Some(value) = self.nondeterministic(name, kind, args, at)?
        {
            return Ok(Some(value));
        }
        // Not all of these names are intrinsics: some stand for constructs (`marker`), which the builtins know.
        if name.starts_with("__vf_")
            && let Some(value) = self.intrinsic(name, args, at)?
        {
            return Ok(Some(value));
        }
        self.builtin(name, args, at)
    }

    /// `__VERIFIER_nondet_T()` (SV-COMP rules): an input of the program.
    fn nondeterministic(
        &mut self,
        name: &str,
        kind: &str,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Option<Value>> {
        let declared = match self.lookup(name) {
            Some(Entity::Function(id, signature)) => {
                // A body of the user's own is called like any other.
                if self.is_defined(id) {
                    return Ok(None);
                }
                Some(signature.ret.clone())
            }
            _ => super::builtins::named_type(kind, self.model),
        };
        let (Some(ty), true) = (declared, args.is_empty()) else {
            return Ok(None);
        };
        let Some(scalar) = ty.scalar() else {
            return Ok(None);
        };
        let span = self.span(at);
        let f = self.f();
        let dst = f.temporary(scalar, &ty, span);
        f.stmt(
            StmtKind::Havoc {
                dst,
                why: vf_ir::HavocReason::Input,
            },
            span,
        );
        if ty.is_bool() {
            self.assume_bool(dst, span);
        }
        Ok(Some(Value::new(Expr::Local(dst), ty.unqualified())))
    }

    fn is_defined(&self, id: FunctionId) -> bool {
        self.functions
            .get(id.index())
            .is_some_and(|i| i.definition.is_some())
    }

    /// Whether the program defines a function of this name itself.
    fn has_body(&mut self, name: &str) -> bool {
        matches!(self.lookup(name), Some(Entity::Function(id, _)) if self.is_defined(id))
    }

    /// `__VERIFIER_nondet_memory(p, n)` (SV-COMP rules): n bytes from p get any value.
    fn nondeterministic_memory(
        &mut self,
        pointer: &Node<ast::Expression>,
        size: &Node<ast::Expression>,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let pointer = self.rvalue_as(pointer, &Type::void().pointer_to())?;
        let pointer = self.fixed(pointer, at);
        let size = self.rvalue_as(size, &Type::int(super::types::IntType::size_t(self.model)))?;
        let size = self.fixed(size, at);
        let access = Condition::ValidAccess {
            ptr: pointer.expr.clone(),
            size: size.expr.clone(),
            access: vf_ir::Access::Write,
        };
        self.oblige_not_null(&pointer.expr, at);
        self.oblige(Property::ValidWrite, access, at);
        let span = self.span(at);
        self.f().stmt(
            StmtKind::HavocMemory {
                dst: pointer.expr,
                size: size.expr,
            },
            span,
        );
        Ok(Value::void())
    }

    /// Control does not go on from here.
    pub fn stop(&mut self, at: NodeSpan) -> Value {
        let span = self.span(at);
        let f = self.f();
        // The block may have ended already; what ends here must be reachable from what came before.
        if f.is_terminated() {
            let fresh = f.new_block();
            f.current = fresh;
        }
        f.terminate(Terminator::Unreachable, span);
        let fresh = f.new_block();
        f.current = fresh;
        Value::void()
    }

    /// The program's function behind a library or builtin name that the unit does not declare.
    pub fn declare_library_function(
        &mut self,
        name: &str,
        fallback: &Rc<Signature>,
        at: NodeSpan,
    ) -> Lowered<FunctionId> {
        let signature = self
            .library_signature(name)
            .unwrap_or_else(|| Rc::clone(fallback));
        let span = self.span(at);
        // Declared at file scope whatever the scope of the call.
        self.declare_function(name, &signature, false, NEVER_RETURN.contains(&name), span)
    }

    /// Calls `callee` with arguments converted to the parameters' types.
    pub fn call_with(
        &mut self,
        callee: Callee,
        signature: &Rc<Signature>,
        arguments: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Value> {
        // A declaration without parameters knows less than the definition.
        let known = match &callee {
            Callee::Direct(id) => self.functions.get(id.index()).map(|i| Rc::clone(&i.signature)),
            Callee::Indirect(_) => None,
        };
        let signature = match known {
            Some(better) if !signature.prototyped && better.prototyped => better,
            _ => Rc::clone(signature),
        };
        let enough = if signature.variadic || !signature.prototyped {
            arguments.len() >= signature.params.len()
        } else {
            arguments.len() == signature.params.len()
        };
        if !enough {
            return self.unsupported("a call with another number of arguments than declared", at);
        }
        let mut values = Vec::with_capacity(arguments.len());
        for (n, a) in arguments.iter().enumerate() {
            let v = match signature.params.get(n) {
                Some(ty) => self.rvalue_as(a, ty)?,
                None => {
                    let v = self.rvalue(a)?;
                    self.promote_argument(v, a.span)?
                }
            };
            let v = if v.ty.record().is_some() {
                self.record_copy(v, a.span)?
            } else {
                v
            };
            let later = arguments.get(n + 1..).unwrap_or(&[]);
            let v = if later.iter().any(|l| self.has_side_effects(l)) {
                self.fixed(v, a.span)
            } else {
                self.bounded(v, a.span)
            };
            if v.ty.is_void() {
                return self.unsupported("a void argument", a.span);
            }
            values.push(v.expr);
        }
        self.call_values(callee, &signature, values, at)
    }

    /// A record argument: the callee gets the address of a copy.
    fn record_copy(&mut self, v: Value, at: NodeSpan) -> Lowered<Value> {
        let span = self.span(at);
        let size = self.size_value(&v.ty, at)?;
        let copy = self.memory_local("tmp", &v.ty, false, span);
        let dst = Expr::LocalAddress(copy);
        self.f().stmt(
            StmtKind::Copy {
                dst: dst.clone(),
                src: v.expr,
                size,
            },
            span,
        );
        Ok(Value::new(dst, v.ty))
    }

    pub fn call_values(
        &mut self,
        callee: Callee,
        signature: &Rc<Signature>,
        values: Vec<Expr>,
        at: NodeSpan,
    ) -> Lowered<Value> {
        let span = self.span(at);
        let ret = signature.ret.unqualified();
        let never_returns = match &callee {
            Callee::Direct(id) => {
                let name = self
                    .functions
                    .get(id.index())
                    .map(|i| i.c_name.as_str())
                    .unwrap_or_default();
                self.program.functions.get(id.index()).is_some_and(|f| f.noreturn)
                    || NEVER_RETURN.contains(&name)
            }
            Callee::Indirect(_) => false,
        };
        let value = if ret.record().is_some() {
            self.size_of(&ret, at)?;
            let local = self.memory_local("tmp", &ret, false, span);
            let mut args = vec![Expr::LocalAddress(local)];
            args.extend(values);
            self.f().stmt(
                StmtKind::Call {
                    dst: None,
                    callee,
                    args,
                },
                span,
            );
            Value::new(Expr::LocalAddress(local), ret)
        } else {
            let dst = ret.scalar().map(|s: Ty| self.f().temporary(s, &ret, span));
            self.f().stmt(
                StmtKind::Call {
                    dst,
                    callee,
                    args: values,
                },
                span,
            );
            match dst {
                Some(dst) => {
                    if ret.is_bool() {
                        self.assume_bool(dst, span);
                    }
                    Value::new(Expr::Local(dst), ret)
                }
                None => Value::void(),
            }
        };
        if never_returns {
            self.stop(at);
        }
        Ok(value)
    }
}

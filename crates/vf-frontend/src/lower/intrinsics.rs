//! The `__vf_*` functions of the library models (`docs/ir-intrinsics.md`).

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{
    Access, AllocKind, CompareOp, Condition, Expr, HavocReason, Obligation, Property, StmtKind, Terminator,
    Ty,
};

use super::conversions::{Conversion, Value};
use super::fold;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer, literals};

impl Lowerer<'_> {
    pub fn intrinsic(
        &mut self,
        name: &str,
        args: &[Node<ast::Expression>],
        at: NodeSpan,
    ) -> Lowered<Option<Value>> {
        let span = self.span(at);
        let size_t = Type::int(IntType::size_t(self.model));
        match (name, args) {
            ("__vf_require", [condition, what]) => {
                let v = self.rvalue(condition)?;
                let truth = self.truth(&v, condition.span)?;
                let text = match &what.node {
                    ast::Expression::StringLiteral(s) => literals::string(&s.node.join(" "))
                        .map(|v| v.units.iter().filter_map(|u| char::from_u32(*u)).collect())
                        .unwrap_or_default(),
                    _ => self.text(condition.span),
                };
                let condition = Condition::Holds(truth);
                self.f().check(Obligation {
                    property: Property::Precondition,
                    condition,
                    span,
                    text,
                    required: false,
                });
            }
            ("__vf_require_read" | "__vf_require_write", [p, n]) => {
                let access = if name == "__vf_require_read" {
                    Access::Read
                } else {
                    Access::Write
                };
                let p_value = self.pointer_argument(p)?;
                let n_value = self.size_argument(n, &size_t)?;
                self.where_not_empty(&n_value, at, |this| {
                    this.oblige_not_null(&p_value, p.span);
                    this.oblige_live(&p_value, p.span);
                    this.oblige_access(&p_value, n_value.clone(), access, p.span);
                });
            }
            ("__vf_require_initialized", [p, n]) => {
                let p_value = self.pointer_argument(p)?;
                let n_value = self.size_argument(n, &size_t)?;
                self.oblige_initialised_memory(&p_value, n_value, p.span);
            }
            ("__vf_require_string" | "__vf_require_wide_string", [p]) => {
                let p_value = self.pointer_argument(p)?;
                self.oblige_not_null(&p_value, p.span);
                self.oblige_live(&p_value, p.span);
                self.oblige(
                    Property::ValidRead,
                    Condition::Terminated {
                        ptr: p_value,
                        unit: self.character_of(name),
                    },
                    p.span,
                );
            }
            ("__vf_require_freeable", [p]) => {
                let ptr = self.pointer_argument(p)?;
                self.oblige(Property::Lifetime, Condition::Freeable { ptr }, p.span);
            }
            ("__vf_require_allocation", [n]) => {
                let n_value = self.size_argument(n, &size_t)?;
                self.oblige_allocation(&n_value, n.span);
            }
            ("__vf_require_no_overlap", [p, q, n]) => {
                let p_value = self.pointer_argument(p)?;
                let q_value = self.pointer_argument(q)?;
                let n_value = self.size_argument(n, &size_t)?;
                self.oblige_no_overlap(p_value, q_value, n_value, at);
            }
            ("__vf_strlen" | "__vf_wcslen", [p]) => {
                let ptr = self.pointer_argument(p)?;
                let unit = self.character_of(name);
                let dst = self.size_register(&size_t, span);
                self.f().stmt(StmtKind::StringLength { dst, ptr, unit }, span);
                return Ok(Some(Value::new(Expr::Local(dst), size_t)));
            }
            ("__vf_object_size", [p]) => {
                let ptr = self.pointer_argument(p)?;
                let dst = self.size_register(&size_t, span);
                self.f().stmt(StmtKind::ObjectSize { dst, ptr }, span);
                return Ok(Some(Value::new(Expr::Local(dst), size_t)));
            }
            ("__vf_copy", [d, s, n]) => {
                let dst = self.pointer_argument(d)?;
                let src = self.pointer_argument(s)?;
                let size = self.size_argument(n, &size_t)?;
                self.f().stmt(StmtKind::Copy { dst, src, size }, span);
            }
            ("__vf_fill" | "__vf_fill_wide", [d, unit, n]) => {
                let dst = self.pointer_argument(d)?;
                let value = self.rvalue(unit)?;
                let ty = match name {
                    "__vf_fill" => IntType::UCHAR,
                    _ => IntType::INT,
                };
                let unit = self
                    .convert(value, &Type::int(ty), Conversion::Silent, unit.span)?
                    .expr;
                let size = self.size_argument(n, &size_t)?;
                self.f().stmt(StmtKind::Fill { dst, unit, size }, span);
            }
            ("__vf_havoc", [d, n]) => {
                let dst = self.pointer_argument(d)?;
                let size = self.size_argument(n, &size_t)?;
                self.f().stmt(StmtKind::HavocMemory { dst, size }, span);
            }
            ("__vf_alloc" | "__vf_alloc_zeroed" | "__vf_alloc_nofail", [n]) => {
                let size = self.size_argument(n, &size_t)?;
                let ty = Type::void().pointer_to();
                let f = self.f();
                let dst = f.temporary(Ty::Ptr, &ty, span);
                let kind = StmtKind::Alloc {
                    dst,
                    size,
                    zeroed: name == "__vf_alloc_zeroed",
                    may_fail: name != "__vf_alloc_nofail",
                    kind: AllocKind::Heap,
                };
                f.stmt(kind, span);
                return Ok(Some(Value::new(Expr::Local(dst), ty)));
            }
            ("__vf_free", [p]) => {
                let ptr = self.pointer_argument(p)?;
                self.f().stmt(StmtKind::Free { ptr }, span);
            }
            ("__vf_assume", [condition]) => {
                let v = self.rvalue(condition)?;
                let truth = self.truth(&v, condition.span)?;
                self.f().stmt(StmtKind::Assume(truth), span);
            }
            ("__vf_unreachable", []) => return Ok(Some(self.stop(at))),
            _ => {
                let kind = name.strip_prefix("__vf_nondet_");
                let ty = kind.and_then(|k| super::builtins::named_type(k, self.model));
                let (Some(ty), true) = (ty, args.is_empty()) else {
                    // A helper function of a model.
                    return Ok(None);
                };
                let expr = self.unknown(
                    ty.scalar().unwrap_or(Ty::Int(32)),
                    &ty,
                    HavocReason::Environment,
                    span,
                );
                if let (true, Expr::Local(dst)) = (ty.is_bool(), &expr) {
                    self.assume_bool(*dst, span);
                }
                return Ok(Some(Value::new(expr, ty)));
            }
        }
        Ok(Some(Value::void()))
    }

    /// Bytes of the characters that an intrinsic is about.
    fn character_of(&self, name: &str) -> u64 {
        match name {
            "__vf_require_wide_string" | "__vf_wcslen" => 4,
            _ => 1,
        }
    }

    fn size_register(&mut self, size_t: &Type, span: vf_source::Span) -> vf_ir::LocalId {
        let bits = self.pointer_bits();
        self.f().temporary(Ty::Int(bits), size_t, span)
    }

    pub fn pointer_argument(&mut self, e: &Node<ast::Expression>) -> Lowered<Expr> {
        let v = self.rvalue(e)?;
        let v = self.convert(v, &Type::void().pointer_to(), Conversion::Silent, e.span)?;
        const SMALL: usize = 6;
        if fold::size_up_to(&v.expr, SMALL) < SMALL {
            return Ok(v.expr);
        }
        Ok(self.fixed(v, e.span).expr)
    }

    pub fn size_argument(&mut self, e: &Node<ast::Expression>, size_t: &Type) -> Lowered<Expr> {
        let v = self.rvalue(e)?;
        let v = self.convert(v, size_t, Conversion::Implicit, e.span)?;
        const SMALL: usize = 6;
        if fold::size_up_to(&v.expr, SMALL) < SMALL {
            return Ok(v.expr);
        }
        Ok(self.fixed(v, e.span).expr)
    }

    /// Runs `checks` where `n` is not zero.
    fn where_not_empty(&mut self, n: &Expr, at: NodeSpan, checks: impl FnOnce(&mut Self)) {
        let bits = self.pointer_bits();
        let some = fold::compare(CompareOp::NotEqual, n.clone(), Expr::int(bits, 0));
        match fold::constant(&some) {
            Some((_, 0)) => {}
            Some(_) => checks(self),
            None => {
                let span = self.span(at);
                let (yes, done) = (self.f().new_block(), self.f().new_block());
                self.f().terminate(
                    Terminator::Branch {
                        condition: some,
                        then: yes,
                        otherwise: done,
                    },
                    span,
                );
                self.f().current = yes;
                checks(self);
                self.f().continue_in(done);
            }
        }
    }

    /// No object is larger than the greatest pointer difference (GCC refuses larger ones).
    pub fn oblige_allocation(&mut self, n: &Expr, at: NodeSpan) {
        let bits = self.pointer_bits();
        let most = Expr::int(bits, (1i128 << (bits - 1)) - 1);
        let condition = fold::compare(CompareOp::ULessEqual, n.clone(), most);
        self.oblige(Property::AllocationSize, Condition::Holds(condition), at);
    }

    /// `p + n <= q || q + n <= p`, as addresses: ranges of different objects never overlap.
    fn oblige_no_overlap(&mut self, p: Expr, q: Expr, n: Expr, at: NodeSpan) {
        let one = |a: Expr, b: Expr| {
            let end = fold::pointer_add(a, n.clone(), 1);
            Expr::PtrCompare {
                op: CompareOp::ULessEqual,
                lhs: Box::new(end),
                rhs: Box::new(b),
            }
        };
        let apart = fold::binary(vf_ir::BinaryOp::Or, one(p.clone(), q.clone()), one(q, p));
        let bits = self.pointer_bits();
        let empty = fold::compare(CompareOp::Equal, n.clone(), Expr::int(bits, 0));
        let condition = fold::binary(vf_ir::BinaryOp::Or, empty, apart);
        let (span, text) = (self.span(at), "source and destination do not overlap".to_string());
        let condition = Condition::Holds(condition);
        self.f().check(Obligation {
            property: Property::Precondition,
            condition,
            span,
            text,
            required: false,
        });
    }
}

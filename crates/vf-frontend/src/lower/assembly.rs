//! Inline assembly (GCC manual, "Extended Asm"): it is given its operands, and its outputs hold any values afterwards.

use super::conversions::Value;
use super::lvalues::Place;
use super::types::{IntType, Type};
use super::{Lowered, Lowerer};
use crate::normalise::Rewrite;
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{Expr, HavocReason, StmtKind, SwitchCase, Terminator, Ty};

impl Lowerer<'_> {
    /// Assembly: its outputs hold any values afterwards.
    pub fn asm_statement(&mut self, a: &Node<ast::AsmStatement>, at: NodeSpan) -> Lowered<()> {
        let span = self.span(at);
        let targets: Vec<String> = self
            .declaration
            .as_ref()
            .map(|d| {
                d.side
                    .within(at.start..at.end.max(at.start + 1))
                    .filter_map(|(_, r)| match r {
                        Rewrite::AsmGoto(labels) => Some(labels.clone()),
                        _ => None,
                    })
                    .flatten()
                    .collect()
            })
            .unwrap_or_default();
        if let ast::AsmStatement::GnuBasic(template) = &a.node {
            let assembly = StmtKind::Assembly {
                text: template.node.concat(),
                inputs: Vec::new(),
                memory: true,
            };
            self.f().stmt(assembly, span);
        }
        if let ast::AsmStatement::GnuExtended(asm) = &a.node {
            let clobbers_memory = asm
                .clobbers
                .iter()
                .any(|c| c.node.iter().any(|t| t.contains("memory")));
            let mut outputs = Vec::new();
            let mut inputs = Vec::new();
            let mut reachable = Vec::new();
            for o in &asm.outputs {
                let mut lv = self.lvalue(&o.node.variable_name)?;
                self.pin(&mut lv);
                if o.node.constraints.node.iter().any(|c| c.contains('+')) && lv.ty.is_scalar() {
                    let v = self.load(&lv)?;
                    inputs.push(v.expr.clone());
                    reachable.extend(self.pointer_in(v, o.span));
                }
                outputs.push(lv);
            }
            for i in &asm.inputs {
                let constraint: String = i.node.constraints.node.concat();
                if constraint.contains('m') && !constraint.contains('r') {
                    let lv = self.lvalue(&i.node.variable_name)?;
                    let operand = match lv.ty.is_scalar() {
                        true => self.load(&lv)?,
                        false => self.address(&lv)?,
                    };
                    inputs.push(operand.expr);
                    continue;
                }
                let v = self.rvalue(&i.node.variable_name)?;
                inputs.push(v.expr.clone());
                reachable.extend(self.pointer_in(v, i.span));
            }
            let assembly = StmtKind::Assembly {
                text: text_of(asm),
                inputs,
                memory: clobbers_memory,
            };
            self.f().stmt(assembly, span);
            for lv in outputs {
                let ty = lv.ty.unqualified();
                match (ty.scalar(), &lv.place) {
                    (Some(scalar), _) => {
                        let expr = self.unknown(scalar, &ty, HavocReason::Assembly, span);
                        self.store(&lv, Value::new(expr, ty))?;
                    }
                    (None, Place::Memory(ptr)) => {
                        let dst = ptr.clone();
                        let size = self.size_value(&ty, at)?;
                        self.f().stmt(StmtKind::HavocMemory { dst, size }, span);
                    }
                    _ => return self.unsupported("this output of assembly", at),
                }
            }
            if clobbers_memory {
                for pointer in reachable {
                    self.havoc_pointed(&pointer, at);
                }
            }
        }
        if !targets.is_empty() {
            let ty = Type::int(IntType::UINT);
            let value = self.unknown(Ty::Int(32), &ty, HavocReason::Assembly, span);
            let next = self.f().new_block();
            let mut cases = Vec::new();
            for (n, label) in targets.iter().enumerate() {
                let name = self.label_name(label);
                let edge = self.f().pending_goto(name, at);
                cases.push(SwitchCase {
                    low: n as u128,
                    high: n as u128,
                    target: edge,
                });
            }
            self.f().terminate(
                Terminator::Switch {
                    value,
                    cases,
                    default: next,
                },
                span,
            );
            self.f().current = next;
        }
        Ok(())
    }

    /// The pointer that an operand is, or holds as an integer.
    fn pointer_in(&mut self, v: Value, at: NodeSpan) -> Option<Value> {
        let pointer = match v.expr {
            Expr::PtrToInt(inner) => Value::new(*inner, Type::void().pointer_to()),
            _ if v.ty.pointee().is_some() => v,
            _ => return None,
        };
        Some(self.fixed(pointer, at))
    }

    /// Whatever the pointer points to, to the end of its object, may have changed.
    fn havoc_pointed(&mut self, pointer: &Value, at: NodeSpan) {
        let span = self.span(at);
        let bits = self.pointer_bits();
        let size_t = Type::int(IntType::size_t(self.model));
        let named = super::fold::points_into_named(&pointer.expr);
        let done = if named {
            None
        } else {
            let (yes, done) = (self.f().new_block(), self.f().new_block());
            let condition =
                super::fold::pointer_compare(vf_ir::CompareOp::NotEqual, pointer.expr.clone(), Expr::Null);
            self.f().terminate(
                Terminator::Branch {
                    condition,
                    then: yes,
                    otherwise: done,
                },
                span,
            );
            self.f().current = yes;
            Some(done)
        };
        let f = self.f();
        let size = f.temporary(Ty::Int(bits), &size_t, span);
        f.stmt(
            StmtKind::ObjectSize {
                dst: size,
                ptr: pointer.expr.clone(),
            },
            span,
        );
        f.stmt(
            StmtKind::HavocMemory {
                dst: pointer.expr.clone(),
                size: Expr::Local(size),
            },
            span,
        );
        if let Some(done) = done {
            f.continue_in(done);
        }
    }
}

/// The template with what is said of its operands, as it is written.
fn text_of(asm: &ast::GnuExtendedAsmStatement) -> String {
    let constraints = |operands: &[Node<ast::GnuAsmOperand>]| {
        let one = |o: &Node<ast::GnuAsmOperand>| {
            let name = o.node.symbolic_name.as_ref();
            let name = name.map_or(String::new(), |name| format!("[{}]", name.node.name));
            format!("{name}{}", o.node.constraints.node.concat())
        };
        operands.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let clobbers: Vec<String> = asm.clobbers.iter().map(|c| c.node.concat()).collect();
    let parts = [
        asm.template.node.concat(),
        constraints(&asm.outputs),
        constraints(&asm.inputs),
        clobbers.join(", "),
    ];
    parts.join(" : ")
}

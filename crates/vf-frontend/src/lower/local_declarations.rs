//! Declarations inside functions (C11 6.7).

use super::body::{Cleanup, Item, ScopeId};
use super::conversions::Value;
use super::types::{IntType, Kind, Length, Type};
use super::{Entity, Lowered, Lowerer};
use crate::normalise::marker;
use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use std::rc::Rc;
use vf_ir::{AllocKind, Expr, Initial, Local, LocalId, StmtKind, Storage, Ty};

impl Lowerer<'_> {
    pub fn local_declaration(&mut self, d: &Node<ast::Declaration>) -> Lowered<()> {
        let mut s = self.specifiers(&d.node.specifiers)?;
        let shared = self.specifier_attributes(d.span);
        s.attributes.merge(&shared);
        for item in &d.node.declarators {
            let initialiser = item.node.initializer.as_ref();
            let mut declared = self.declared(&s, &item.node.declarator)?;
            let Some(name) = declared.name.clone() else {
                continue;
            };
            if name == marker::SHADOW {
                continue;
            }
            if s.is_typedef {
                self.declare(&name, Entity::Typedef(declared.ty));
                continue;
            }
            if s.is_extern || declared.ty.signature().is_some() {
                self.block_scope_extern(&name, &declared.ty, declared.at)?;
                continue;
            }
            if s.is_auto
                && let Some(ast::Initializer::Expression(e)) = initialiser.map(|i| &i.node)
            {
                declared.ty = self.value_type_of(e)?;
            }
            if let (Kind::Array(element, Length::Unknown), Some(i)) = (&declared.ty.kind, initialiser) {
                let n = self.initialiser_length(i, element)?;
                declared.ty.kind = Kind::Array(Rc::clone(element), Length::Fixed(n));
            }
            if s.is_static {
                self.static_local(&name, &declared.ty, initialiser, declared.at)?;
            } else {
                let cleanup = declared.attributes.cleanup.as_deref();
                if cleanup.is_some() {
                    // The cleanup function gets the variable's address.
                    self.f().addressed.add(&name, declared.at.start);
                }
                self.automatic_local(&name, &declared.ty, initialiser, declared.at)?;
                if let Some(function) = cleanup {
                    self.cleanup(&name, function, declared.at)?;
                }
            }
        }
        Ok(())
    }

    /// Notes that `function(&name)` is called when the scope is left.
    fn cleanup(&mut self, name: &str, function: &str, at: NodeSpan) -> Lowered<()> {
        let (Some(Entity::Memory { local, .. }), Some(Entity::Function(id, _))) =
            (self.lookup(name), self.lookup(function))
        else {
            return self.unsupported("this cleanup attribute", at);
        };
        self.need_function(id);
        let span = self.span(at);
        let f = self.f();
        let scope = f.scope;
        if let Some(s) = f.scopes.get_mut(scope.0) {
            s.cleanups.push(Cleanup::Call {
                variable: local,
                function: id,
                span,
            });
        }
        Ok(())
    }

    fn block_scope_extern(&mut self, name: &str, ty: &Type, at: NodeSpan) -> Lowered<()> {
        let entity = match self.lookup_file_scope(name) {
            Some(e @ (Entity::Function(..) | Entity::Global { .. })) => e,
            _ => {
                let span = self.span(at);
                match ty.signature().cloned() {
                    Some(signature) => Entity::Function(
                        self.declare_function(name, &signature, false, false, span)?,
                        signature,
                    ),
                    None => Entity::Global {
                        id: self.declare_global(name, ty, false, span)?,
                        ty: ty.clone(),
                    },
                }
            }
        };
        self.declare(name, entity);
        Ok(())
    }

    fn static_local(
        &mut self,
        name: &str,
        ty: &Type,
        initialiser: Option<&Node<ast::Initializer>>,
        at: NodeSpan,
    ) -> Lowered<()> {
        let size = self.size_of(ty, at)?;
        let span = self.span(at);
        let unique = format!("{}.{name}", self.f().name);
        let id = self.new_global(&unique, ty, Some(size), span);
        if let Some(g) = self.program.globals.get_mut(id.index()) {
            g.init = Initial::Known(Vec::new());
        }
        if let Some(info) = self.globals.get_mut(id.index()) {
            info.defined = true;
            info.queued = true;
        }
        self.declare(name, Entity::Global { id, ty: ty.clone() });
        if let Some(i) = initialiser {
            self.initialise_static(id, ty, i)?;
        }
        Ok(())
    }

    fn automatic_local(
        &mut self,
        name: &str,
        ty: &Type,
        initialiser: Option<&Node<ast::Initializer>>,
        at: NodeSpan,
    ) -> Lowered<()> {
        let span = self.span(at);
        if ty.is_variable() {
            return self.variable_array(name, ty, initialiser, at);
        }
        if let Some(scalar) = ty.scalar().filter(|_| !self.f().is_addressed(name, at.start)) {
            let local = self.f().new_local(Local {
                name: name.to_string(),
                ty: ty.to_ir(),
                storage: Storage::Register(scalar),
                user: true,
                span,
            });
            self.declare(
                name,
                Entity::Register {
                    local,
                    ty: ty.clone(),
                },
            );
            match initialiser {
                Some(i) => self.initialise_register(local, ty, i)?,
                None => {
                    let f = self.f();
                    f.declared_in.insert(local, f.scope);
                    f.push(Item::Forget(local));
                }
            }
            return Ok(());
        }
        self.size_of(ty, at)?;
        let local = self.memory_local(name, ty, true, span);
        self.declare(
            name,
            Entity::Memory {
                local,
                ty: ty.clone(),
            },
        );
        match initialiser {
            Some(i) => self.initialise_local(Expr::LocalAddress(local), ty, i, at),
            None => Ok(()),
        }
    }

    /// A variable-length array: an object of its own, found through a register.
    fn variable_array(
        &mut self,
        name: &str,
        ty: &Type,
        initialiser: Option<&Node<ast::Initializer>>,
        at: NodeSpan,
    ) -> Lowered<()> {
        let span = self.span(at);
        let element = ty.element().cloned().unwrap_or_else(Type::void);
        let size = self.size_value(ty, at)?;
        if let Kind::Array(_, Length::Variable(Some(count))) = &ty.kind {
            let unit = self.size_value(&element, at)?;
            let int = IntType::size_t(self.model);
            let count = Expr::Local(*count);
            self.oblige_no_overflow_as(
                vf_ir::Property::AllocationSize,
                vf_ir::obligation::Arithmetic::Mul,
                int,
                &count,
                &unit,
                at,
            );
        }
        let size = self
            .fixed(Value::new(size, Type::int(IntType::size_t(self.model))), at)
            .expr;
        self.oblige_allocation(&size, at);
        let f = self.f();
        let pointer = f.new_local(Local {
            name: name.to_string(),
            ty: ty.to_ir(),
            storage: Storage::Register(Ty::Ptr),
            user: true,
            span,
        });
        let kind = StmtKind::Alloc {
            dst: pointer,
            size: size.clone(),
            zeroed: false,
            may_fail: false,
            kind: AllocKind::Stack,
        };
        f.stmt(kind, span);
        let scope = f.scope;
        if let Some(s) = f.scopes.get_mut(scope.0) {
            s.cleanups.push(Cleanup::EndArray { pointer, span });
        }
        self.declare(
            name,
            Entity::Variable {
                pointer,
                ty: ty.clone(),
            },
        );
        match initialiser.map(|i| &i.node) {
            None => Ok(()),
            // C23 and GCC allow `= {}`.
            Some(ast::Initializer::List(items)) if items.len() <= 1 => {
                let dst = Expr::Local(pointer);
                self.f().stmt(
                    StmtKind::Fill {
                        dst,
                        unit: Expr::int(8, 0),
                        size,
                    },
                    span,
                );
                Ok(())
            }
            Some(_) => self.unsupported("an initialised variable-length array", at),
        }
    }

    /// A parameter's own storage, where it needs memory.
    pub fn copy_parameter(&mut self, local: LocalId, name: &str, ty: &Type, at: NodeSpan) -> Lowered<()> {
        let span = self.span(at);
        if let Some(scalar) = ty.scalar() {
            if !self.f().is_addressed(name, 0) {
                self.declare(
                    name,
                    Entity::Register {
                        local,
                        ty: ty.clone(),
                    },
                );
                return Ok(());
            }
            let memory = self.memory_local_in(ScopeId(0), name, ty, true, span);
            let kind = StmtKind::Store {
                ptr: Expr::LocalAddress(memory),
                value: Expr::Local(local),
                ty: scalar,
                volatile: false,
            };
            self.f().stmt(kind, span);
            self.declare(
                name,
                Entity::Memory {
                    local: memory,
                    ty: ty.clone(),
                },
            );
            return Ok(());
        }
        let size = self.size_value(ty, at)?;
        let memory = self.memory_local_in(ScopeId(0), name, ty, true, span);
        let dst = Expr::LocalAddress(memory);
        self.f().stmt(
            StmtKind::Copy {
                dst,
                src: Expr::Local(local),
                size,
            },
            span,
        );
        self.declare(
            name,
            Entity::Memory {
                local: memory,
                ty: ty.clone(),
            },
        );
        Ok(())
    }
}

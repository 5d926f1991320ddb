//! Functions of which only a declaration is in view, where that declaration has a contract.
//!
//! Such a function gets a body of its own, as library functions have models: it asks what the contract requires, calls a
//! function of which nothing is known, and takes for given what the contract ensures. That the unknown function keeps
//! it is an assumption, and named as one.

use std::rc::Rc;
use std::sync::Arc;

use lang_c::ast;
use lang_c::span::Node;
use vf_ir::{Body, Callee, Expr, Function, FunctionId, Local, LocalId, StmtKind, Storage, Ty};

use super::assigns::Assigns;
use super::body::{Addressed, FunctionState};
use super::finish::{Finished, finish};
use super::function_bodies::parameter_names;
use super::types::Signature;
use super::{FunctionInfo, Lowered, Lowerer};

impl Lowerer<'_> {
    /// A function without definition and model: the contract of one of its declarations is all that is known.
    pub fn lower_out_of_view(&mut self, id: FunctionId) {
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        let (name, signature) = (info.c_name.clone(), Rc::clone(&info.signature));
        let attributes = &info.attributes;
        let attributed = !attributes.access.is_empty() || attributes.nonnull.is_some();
        if signature.ret.record().is_some() || !signature.prototyped {
            return;
        }
        let Some((unit, index)) = self.declared_contract(&name, attributed) else {
            return;
        };
        let Some(tree) = self.units.get(unit).and_then(|u| u.source.parse(index).ok()) else {
            return;
        };
        let owner = Arc::clone(&tree);
        let Some(declarator) = super::contracts::prototype(&owner, &name) else {
            return;
        };
        let result = self.at_file_scope(unit, tree, |this| {
            let result = this.body_out_of_view(id, &name, declarator, &signature);
            result.map(|finished| (finished, this.function.take()))
        });
        match result {
            Ok((finished, Some(state))) => {
                if let Some(f) = self.program.functions.get_mut(id.index()) {
                    f.locals = state.locals;
                    f.obligations = finished.obligations;
                    f.body = Body::Defined(finished.blocks);
                    f.library_model = true;
                }
            }
            Ok((_, None)) => {}
            Err(why) => {
                if let Some(f) = self.program.functions.get_mut(id.index()) {
                    f.locals.truncate(f.params.len());
                    f.obligations.clear();
                }
                self.not_used(&why.construct, why.span);
            }
        }
    }

    /// The declaration with annotations or, in a file of the user's, with attributes that say what it asks. (System
    /// headers have many of those, for functions that have models.)
    fn declared_contract(&mut self, name: &str, attributed: bool) -> Option<(usize, usize)> {
        for unit in 0..self.units.len() {
            let Some(state) = self.units.get(unit).filter(|u| !u.is_model) else {
                continue;
            };
            let places: Vec<_> = state.source.prototypes(name).to_vec();
            for index in places {
                let Some(state) = self.units.get(unit) else {
                    continue;
                };
                let Some(declaration) = state.source.declarations.get(index) else {
                    continue;
                };
                if attributed && declaration.main || self.has_annotation(unit, index) {
                    return Some((unit, index));
                }
            }
        }
        None
    }

    fn body_out_of_view(
        &mut self,
        id: FunctionId,
        name: &str,
        declarator: &Node<ast::Declarator>,
        signature: &Rc<Signature>,
    ) -> Lowered<Finished> {
        let span = self.span(declarator.span);
        let mut state = FunctionState::new(name, signature.ret.clone(), Addressed::default());
        let mut named = Vec::new();
        let given = parameter_names(declarator, signature.params.len());
        for (n, ty) in signature.params.iter().enumerate() {
            let (given, at) = given.get(n).cloned().unwrap_or((None, declarator.span));
            let local = state.new_local(Local {
                name: given.clone().unwrap_or_else(|| format!("p{n}")),
                ty: ty.to_ir(),
                storage: Storage::Register(ty.scalar().unwrap_or(Ty::Ptr)),
                user: given.is_some(),
                span: self.span(at),
            });
            named.extend(given.map(|given| (local, given, ty.clone(), at)));
        }
        let params: Vec<LocalId> = (0..state.locals.len()).map(|n| LocalId(n as u32)).collect();
        if let Some(f) = self.program.functions.get_mut(id.index()) {
            f.params = params.clone();
            f.locals = state.locals.clone();
        }
        self.function = Some(Box::new(state));
        let mut parameters = Vec::new();
        for (local, given, ty, at) in named {
            self.copy_parameter(local, &given, &ty, at)?;
            parameters.push((local, given, ty));
        }
        let assigns = self.begin_declared_contract(id, declarator, &parameters);
        let inner = self.unknown_namesake(id, name, signature);
        if let Assigns::Only(places) = assigns {
            for place in &places {
                self.assign_anything(place, span)
                    .map_err(|what| vf_ir::Unsupported {
                        construct: what,
                        span,
                    })?;
            }
            if let Some(f) = self.program.functions.get_mut(inner.index()) {
                f.unchanging = true;
            }
        }
        let scalar = signature.ret.scalar();
        let dst = scalar.map(|ty| self.f().temporary(ty, &signature.ret, span));
        let call = StmtKind::Call {
            dst,
            callee: Callee::Direct(inner),
            args: params.into_iter().map(Expr::Local).collect(),
        };
        self.f().stmt(call, span);
        self.leave_function(dst.map(Expr::Local), declarator.span);
        let model = self.model;
        Ok(finish(self.f(), model))
    }

    /// The function itself, of which nothing is known.
    fn unknown_namesake(&mut self, id: FunctionId, name: &str, signature: &Rc<Signature>) -> FunctionId {
        let inner = FunctionId(self.program.functions.len() as u32);
        let unique = self.unique_name(name);
        let outer = self.program.functions.get(id.index());
        let noreturn = outer.is_some_and(|f| f.noreturn);
        let span = outer.map_or(vf_source::Span::NONE, |f| f.span);
        self.program.functions.push(Function {
            name: unique,
            ret: signature.ret.to_ir(),
            params: Vec::new(),
            variadic: signature.variadic,
            internal: false,
            noreturn,
            library_model: false,
            unchanging: false,
            body: Body::Declared,
            locals: Vec::new(),
            obligations: Vec::new(),
            span,
        });
        self.functions.push(FunctionInfo {
            signature: Rc::clone(signature),
            definition: None,
            broken: None,
            queued: true,
            c_name: name.to_string(),
            attributes: super::attributes::Attributes::default(),
        });
        self.set_signature(inner, signature);
        inner
    }
}

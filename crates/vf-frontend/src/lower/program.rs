//! The whole program: which functions and objects are lowered, and from which definition.

use std::rc::Rc;
use std::sync::Arc;
use vf_source::tables::HashSet;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{Body, DataModel, FunctionId, GlobalId, Initial, Program, Unsupported};
use vf_source::{SourceMap, Span};

use super::declarations::agree;
use super::types::{Kind, Length, Signature, Type};
use super::{Definition, Entity, Lowerer, Names, UnitState, Work};
use crate::parse::ParsedDeclaration;
use crate::split::{self, Unit};
use crate::{Diagnostic, Wanted};

/// What became of the wanted names.
pub(crate) struct LoweredProgram {
    pub program: Program,
    pub diagnostics: Vec<Diagnostic>,
    /// A wanted function that no unit defines.
    pub missing: Option<String>,
}

/// Lowers what is wanted of the user's units and everything it needs; library models come from `models`.
pub(crate) fn lower_program(
    units: Vec<Unit>,
    models: Vec<Unit>,
    wanted: &Wanted,
    model: DataModel,
    sources: &SourceMap,
) -> LoweredProgram {
    let mut l = Lowerer::new(model, sources);
    let user_units = units.len();
    for (source, is_model) in units
        .into_iter()
        .map(|u| (u, false))
        .chain(models.into_iter().map(|u| (u, true)))
    {
        l.units.push(UnitState {
            source,
            names: Names::default(),
            read: HashSet::default(),
            is_model,
        });
    }
    l.index_library();
    let mut missing = None;
    match wanted {
        Wanted::All => {
            for unit in 0..user_units {
                for (name, _) in l.defined_functions(unit) {
                    l.want(unit, &name);
                }
            }
        }
        Wanted::Functions(names) => {
            for name in names {
                let unit =
                    (0..user_units).find(|u| l.units.get(*u).and_then(|s| s.source.function(name)).is_some());
                match unit {
                    Some(unit) => l.want(unit, name),
                    None => missing = missing.or_else(|| Some(name.clone())),
                }
            }
        }
    }
    l.run();
    LoweredProgram {
        program: l.program,
        diagnostics: l.diagnostics,
        missing,
    }
}

impl Lowerer<'_> {
    fn index_library(&mut self) {
        for (n, unit) in self.units.iter().enumerate().filter(|(_, u)| u.is_model) {
            for (index, d) in unit.source.declarations.iter().enumerate() {
                if let split::Kind::Function { name } = &d.kind {
                    self.library.entry(name.clone()).or_default().push((n, index));
                }
            }
        }
    }

    /// Functions that the main file of a unit defines, with their declarations.
    fn defined_functions(&self, unit: usize) -> Vec<(String, usize)> {
        let Some(state) = self.units.get(unit) else {
            return Vec::new();
        };
        let declarations = state.source.declarations.iter().enumerate();
        declarations
            .filter_map(|(n, d)| match &d.kind {
                split::Kind::Function { name } if d.main => Some((name.clone(), n)),
                _ => None,
            })
            .collect()
    }

    fn want(&mut self, unit: usize, name: &str) {
        self.unit = unit;
        match self.lookup_file_scope(name) {
            Some(Entity::Function(id, _)) => self.need_function(id),
            // A function that could not be declared still shows, with the reason.
            _ => {
                let known = self
                    .functions
                    .iter()
                    .position(|i| i.c_name == name && i.definition.as_ref().is_some_and(|d| d.unit == unit));
                if let Some(n) = known {
                    self.need_function(FunctionId(n as u32));
                } else if let Some(index) = self.units.get(unit).and_then(|u| u.source.function(name)) {
                    self.declare_broken(unit, index, name);
                }
            }
        }
    }

    /// A definition whose declaration could not even be read.
    fn declare_broken(&mut self, unit: usize, index: usize, name: &str) {
        let Some(state) = self.units.get(unit) else { return };
        let span = state
            .source
            .declarations
            .get(index)
            .map_or(Span::NONE, |d| state.source.place(d.range.clone()));
        let why = match state.names.ordinary.get(name) {
            Some(Entity::Broken(why)) => why.clone(),
            _ => Unsupported {
                construct: "this declaration".to_string(),
                span,
            },
        };
        let signature = Rc::new(Signature {
            ret: Type::void(),
            params: Vec::new(),
            variadic: true,
            prototyped: false,
        });
        if let Ok(id) = self.declare_function(name, &signature, false, false, span) {
            if let Some(info) = self.functions.get_mut(id.index()) {
                info.broken = Some(why);
                info.queued = true;
                info.definition = Some(Definition {
                    unit,
                    declaration: index,
                    in_main_file: true,
                });
            }
            self.lower_function(id);
        }
    }

    fn run(&mut self) {
        while let Some(work) = self.work.pop_front() {
            match work {
                Work::Function(id) => self.lower_function(id),
                Work::Global(id) => self.lower_global(id),
            }
        }
    }

    /// Definitions of an external function in the other units.
    fn read_definitions(&mut self, name: &str) {
        for unit in 0..self.units.len() {
            let Some(state) = self.units.get(unit).filter(|u| !u.is_model) else {
                continue;
            };
            if let Some(index) = state.source.function(name) {
                let outer = std::mem::replace(&mut self.unit, unit);
                self.lookup_file_scope(name);
                self.read_declaration(unit, index);
                self.unit = outer;
            }
        }
    }

    fn lower_function(&mut self, id: FunctionId) {
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        let name = info.c_name.clone();
        let internal = self.program.functions.get(id.index()).is_some_and(|f| f.internal);
        if !internal {
            self.read_definitions(&name);
        }
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        let own = info.definition.clone();
        let by_user = own.as_ref().is_some_and(|d| d.in_main_file);
        if !by_user && let Some((definition, signature, tree)) = self.model_of(id, &name) {
            if let Some(f) = self.program.functions.get_mut(id.index()) {
                f.library_model = true;
            }
            return self.lower_definition(id, &definition, &signature, tree);
        }
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        if let Some(why) = info.broken.clone() {
            return self.give_up(id, why);
        }
        let Some(definition) = own else {
            return self.lower_out_of_view(id);
        };
        let signature = Rc::clone(&info.signature);
        let Some(state) = self.units.get(definition.unit) else {
            return;
        };
        let is_model = state.is_model;
        match state.source.parse(definition.declaration) {
            Ok(tree) => {
                if is_model && let Some(f) = self.program.functions.get_mut(id.index()) {
                    f.library_model = true;
                }
                self.lower_definition(id, &definition, &signature, tree);
            }
            Err(failure) => {
                let at = failure.offset();
                let span = state.source.place(at..at.saturating_add(1));
                self.give_up(
                    id,
                    Unsupported {
                        construct: failure.to_string(),
                        span,
                    },
                );
            }
        }
    }

    /// The library model for a function of the user's, if there is one whose parameters agree.
    fn model_of(
        &mut self,
        id: FunctionId,
        name: &str,
    ) -> Option<(Definition, Rc<Signature>, Arc<ParsedDeclaration>)> {
        let candidates = self.library.get(name)?.clone();
        for (unit, declaration) in candidates {
            let Some(tree) = self
                .units
                .get(unit)
                .and_then(|u| u.source.parse(declaration).ok())
            else {
                continue;
            };
            let Some(signature) = self.definition_signature(unit, &tree) else {
                continue;
            };
            let info = self.functions.get(id.index())?;
            if !info.signature.prototyped || agree(&info.signature, &signature) {
                return Some((
                    Definition {
                        unit,
                        declaration,
                        in_main_file: false,
                    },
                    signature,
                    tree,
                ));
            }
            let span = self
                .program
                .functions
                .get(id.index())
                .map_or(Span::NONE, |f| f.span);
            self.diagnostics.push(Diagnostic {
                message: format!(
                    "`{name}` has other parameter types than the library function; its model is not used"
                ),
                span,
            });
        }
        None
    }

    /// The signature of the model of a library function.
    pub fn library_signature(&mut self, name: &str) -> Option<Rc<Signature>> {
        let (unit, declaration) = *self.library.get(name)?.first()?;
        let tree = self.units.get(unit)?.source.parse(declaration).ok()?;
        self.definition_signature(unit, &tree)
    }

    fn definition_signature(&mut self, unit: usize, tree: &Arc<ParsedDeclaration>) -> Option<Rc<Signature>> {
        let ast::ExternalDeclaration::FunctionDefinition(d) = &tree.node.node else {
            return None;
        };
        self.at_file_scope(unit, Arc::clone(tree), |this| {
            let s = this.specifiers(&d.node.specifiers).ok()?;
            let declared = this.declared(&s, &d.node.declarator).ok()?;
            let mut signature = (**declared.ty.signature()?).clone();
            signature.prototyped = true;
            Some(Rc::new(signature))
        })
    }

    fn give_up(&mut self, id: FunctionId, why: Unsupported) {
        if let Some(f) = self.program.functions.get_mut(id.index()) {
            f.locals.truncate(f.params.len());
            f.obligations.clear();
            f.body = Body::Unsupported(why);
        }
    }

    fn lower_definition(
        &mut self,
        id: FunctionId,
        definition: &Definition,
        signature: &Rc<Signature>,
        tree: Arc<ParsedDeclaration>,
    ) {
        let owner = Arc::clone(&tree);
        let ast::ExternalDeclaration::FunctionDefinition(d) = &owner.node.node else {
            return;
        };
        let result = self.at_file_scope(definition.unit, tree, |this| {
            let result = this.lower_body(id, d, signature);
            let state = this.function.take();
            result.map(|finished| (finished, state))
        });
        match result {
            Ok((finished, Some(state))) => {
                if let Some(f) = self.program.functions.get_mut(id.index()) {
                    f.locals = state.locals;
                    f.obligations = finished.obligations;
                    f.body = Body::Defined(finished.blocks);
                    f.ret = signature.ret.to_ir();
                    f.variadic = signature.variadic;
                }
            }
            Ok((_, None)) => {}
            Err(why) => self.give_up(id, why),
        }
    }

    fn lower_global(&mut self, id: GlobalId) {
        let Some(info) = self.globals.get(id.index()) else {
            return;
        };
        if info.external {
            let name = info.c_name.clone();
            for unit in 0..self.units.len() {
                let outer = std::mem::replace(&mut self.unit, unit);
                let here = self
                    .units
                    .get(unit)
                    .is_some_and(|u| !u.source.variables(&name).is_empty());
                if here {
                    self.lookup_file_scope(&name);
                }
                self.unit = outer;
            }
        }
        let Some(info) = self.globals.get(id.index()) else {
            return;
        };
        let defined = info.defined;
        let Some((unit, declaration, n)) = info.initialised_by else {
            if defined {
                self.define_zero(id);
            }
            return;
        };
        let Some(tree) = self
            .units
            .get(unit)
            .and_then(|u| u.source.parse(declaration).ok())
        else {
            return;
        };
        let owner = Arc::clone(&tree);
        let ast::ExternalDeclaration::Declaration(d) = &owner.node.node else {
            return;
        };
        let Some(item) = d.node.declarators.get(n) else {
            return;
        };
        let Some(initialiser) = &item.node.initializer else {
            return;
        };
        let known = declarator_name(&item.node.declarator)
            .and_then(|(name, _)| self.units.get(unit)?.names.ordinary.get(&name).cloned());
        let Some(Entity::Global { ty, .. }) = known else {
            return;
        };
        let result = self.at_file_scope(unit, tree, |this| this.initialise_static(id, &ty, initialiser));
        if let Err(why) = result {
            self.diagnostics.push(Diagnostic {
                message: format!(
                    "initialiser not understood ({}); any contents are assumed",
                    why.construct
                ),
                span: why.span,
            });
            if let Some(g) = self.program.globals.get_mut(id.index()) {
                g.init = Initial::Unknown;
            }
        }
    }

    /// A tentative definition (C11 6.9.2p2): zero, and one element where the length was left out.
    fn define_zero(&mut self, id: GlobalId) {
        let name = self
            .globals
            .get(id.index())
            .map(|i| i.c_name.clone())
            .unwrap_or_default();
        let mut size = None;
        for unit in 0..self.units.len() {
            let known = self
                .units
                .get(unit)
                .and_then(|u| u.names.ordinary.get(&name).cloned());
            if let Some(Entity::Global { id: found, ty }) = known
                && found == id
                && let Kind::Array(element, Length::Unknown) = &ty.kind
            {
                size = self.size_of(element, NodeSpan::none()).ok();
            }
        }
        if let Some(g) = self.program.globals.get_mut(id.index()) {
            g.size = g.size.or(size);
            g.init = Initial::Known(Vec::new());
        }
    }

    /// A static initialiser takes a function's address: its body matters if it is the user's own.
    pub fn need_address_of(&mut self, id: FunctionId) {
        let info = self.functions.get(id.index());
        if info.is_some_and(|i| i.definition.as_ref().is_some_and(|d| d.in_main_file)) {
            self.need_function(id);
        }
    }
}

/// The identifier that a declarator declares.
pub(crate) fn declarator_name(d: &Node<ast::Declarator>) -> Option<(String, NodeSpan)> {
    match &d.node.kind.node {
        ast::DeclaratorKind::Abstract => None,
        ast::DeclaratorKind::Identifier(i) => Some((i.node.name.clone(), i.span)),
        ast::DeclaratorKind::Declarator(inner) => declarator_name(inner),
    }
}

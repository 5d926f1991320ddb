//! Names: scopes, file-scope declarations read on demand, linkage.

use std::rc::Rc;
use std::sync::Arc;

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{
    Body, Function, FunctionId, Global, GlobalId, Initial, Local, LocalId, RecordId, Storage, Ty, Unsupported,
};
use vf_source::Span;

use super::attributes::Attributes;
use super::type_names::{Declared, Specifiers};
use super::types::{Kind, Length, Signature, Type};
use super::{Definition, Entity, FunctionInfo, GlobalInfo, Lowered, Lowerer, Tag, Work};
use crate::normalise::marker;
use crate::parse::ParseFailure;
use crate::split::{self, TagKind};

impl Lowerer<'_> {
    /// What an identifier stands for here (C11 6.2.1); file-scope declarations are read on demand.
    pub fn lookup(&mut self, name: &str) -> Option<Entity> {
        if let Some(f) = &self.function
            && let Some(e) = f.names.iter().rev().find_map(|n| n.ordinary.get(name))
        {
            return Some(e.clone());
        }
        self.lookup_file_scope(name)
    }

    pub fn lookup_file_scope(&mut self, name: &str) -> Option<Entity> {
        let unit = self.units.get(self.unit)?;
        if let Some(e) = unit.names.ordinary.get(name) {
            return Some(e.clone());
        }
        let source = &unit.source;
        let mut found: Vec<usize> = Vec::new();
        found.extend(source.typedef(name));
        found.extend(source.enum_constant(name));
        found.extend(source.prototypes(name));
        found.extend(source.function(name));
        found.extend(source.variables(name));
        for index in found {
            self.read_declaration(self.unit, index);
        }
        self.units.get(self.unit)?.names.ordinary.get(name).cloned()
    }

    pub fn lookup_tag(&mut self, kind: TagKind, name: &str) -> Option<Tag> {
        if let Some(f) = &self.function
            && let Some(t) = f.names.iter().rev().find_map(|n| n.tags.get(name))
        {
            return Some(t.clone());
        }
        let unit = self.units.get(self.unit)?;
        if let Some(t) = unit.names.tags.get(name) {
            return Some(t.clone());
        }
        unit.source.tag(kind, name)?;
        if kind == TagKind::Enum {
            self.read_tag(self.unit, kind, name);
            return self.units.get(self.unit)?.names.tags.get(name).cloned();
        }
        // A record is read only when its members or its size matter.
        let id = self.new_record(
            name,
            kind == TagKind::Union,
            Some((self.unit, kind, name.to_string())),
        );
        let unit = self.units.get_mut(self.unit)?;
        unit.names.tags.insert(name.to_string(), Tag::Record(id));
        Some(Tag::Record(id))
    }

    /// The tag as declared in the innermost scope itself.
    pub fn own_tag(&self, name: &str) -> Option<Tag> {
        match &self.function {
            Some(f) => f.names.last()?.tags.get(name).cloned(),
            None => self.units.get(self.unit)?.names.tags.get(name).cloned(),
        }
    }

    pub fn declare(&mut self, name: &str, entity: Entity) {
        let names = match &mut self.function {
            Some(f) => f.names.last_mut(),
            None => self.units.get_mut(self.unit).map(|u| &mut u.names),
        };
        if let Some(names) = names {
            names.ordinary.insert(name.to_string(), entity);
        }
    }

    pub fn declare_tag(&mut self, name: &str, tag: Tag) {
        let names = match &mut self.function {
            Some(f) => f.names.last_mut(),
            None => self.units.get_mut(self.unit).map(|u| &mut u.names),
        };
        if let Some(names) = names {
            names.tags.insert(name.to_string(), tag);
        }
    }

    /// Reads the declaration that holds the body of a tag.
    pub fn read_tag(&mut self, unit: usize, kind: TagKind, name: &str) {
        if let Some(index) = self.units.get(unit).and_then(|u| u.source.tag(kind, name)) {
            self.read_declaration(unit, index);
        }
    }

    /// Runs `f` at file scope of a unit, with a declaration's tree at hand.
    pub fn at_file_scope<T>(
        &mut self,
        unit: usize,
        declaration: Arc<crate::parse::ParsedDeclaration>,
        f: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let function = self.function.take();
        let outer_unit = std::mem::replace(&mut self.unit, unit);
        let outer = self.declaration.replace(declaration);
        let depth = std::mem::take(&mut self.depth);
        let result = f(self);
        self.depth = depth;
        self.declaration = outer;
        self.unit = outer_unit;
        self.function = function;
        result
    }

    /// Enters the names of one file-scope declaration. What fails is entered as broken.
    pub fn read_declaration(&mut self, unit: usize, index: usize) {
        let Some(state) = self.units.get_mut(unit) else {
            return;
        };
        if !state.read.insert(index) {
            return;
        }
        let parsed = match state.source.parse(index) {
            Ok(p) => p,
            Err(failure) => return self.unparsed(unit, index, &failure),
        };
        let tree = Arc::clone(&parsed);
        let result = self.at_file_scope(unit, parsed, |this| match &tree.node.node {
            ast::ExternalDeclaration::Declaration(d) => this.file_scope_declaration(d, index),
            ast::ExternalDeclaration::FunctionDefinition(d) => this.declare_definition(d, index),
            ast::ExternalDeclaration::StaticAssert(_) => Ok(()),
        });
        if let Err(why) = result {
            self.break_names(unit, index, &why);
        }
    }

    fn unparsed(&mut self, unit: usize, index: usize, failure: &ParseFailure) {
        let Some(state) = self.units.get(unit) else { return };
        let at = failure.offset();
        let span = state.source.place(at..at.saturating_add(1));
        let why = Unsupported {
            construct: failure.to_string(),
            span,
        };
        self.diagnostics.push(crate::Diagnostic {
            message: format!("declaration skipped: {failure}"),
            span,
        });
        self.break_names(unit, index, &why);
        // A function that does not parse still exists: whoever asks for it gets the reason.
        let Some(state) = self.units.get(unit) else { return };
        let Some(d) = state.source.declarations.get(index) else {
            return;
        };
        if let split::Kind::Function { name } = &d.kind {
            let (name, main) = (name.clone(), d.main);
            let whole = state.source.place(d.range.clone());
            let signature = Rc::new(Signature {
                ret: Type::void(),
                params: Vec::new(),
                variadic: true,
                prototyped: false,
            });
            if let Ok(id) = self.declare_function(&name, &signature, false, false, whole)
                && let Some(info) = self.functions.get_mut(id.index())
            {
                info.broken = Some(why);
                info.definition = Some(Definition {
                    unit,
                    declaration: index,
                    in_main_file: main,
                });
            }
        }
    }

    /// Marks every name that a declaration would have entered as not understood.
    fn break_names(&mut self, unit: usize, index: usize, why: &Unsupported) {
        let Some(state) = self.units.get_mut(unit) else {
            return;
        };
        let Some(d) = state.source.declarations.get(index) else {
            return;
        };
        let names: Vec<String> = match &d.kind {
            split::Kind::Function { name } => vec![name.clone()],
            split::Kind::Prototype { names }
            | split::Kind::Typedef { names }
            | split::Kind::Variable { names } => names.clone(),
            split::Kind::TagOnly | split::Kind::Asm | split::Kind::Other => Vec::new(),
        };
        for name in names {
            state
                .names
                .ordinary
                .entry(name)
                .or_insert_with(|| Entity::Broken(why.clone()));
        }
        for tag in &d.tags {
            if let Some(Tag::Record(RecordId(id))) = state.names.tags.get(&tag.name) {
                let open = self
                    .program
                    .records
                    .get(*id as usize)
                    .is_some_and(|r| r.size.is_none());
                if let Some(info) = self.records.get_mut(*id as usize).filter(|_| open) {
                    info.broken = Some(why.clone());
                }
            }
        }
    }

    fn file_scope_declaration(&mut self, d: &Node<ast::Declaration>, index: usize) -> Lowered<()> {
        if let Some((_, what)) = self
            .declaration
            .as_ref()
            .and_then(|p| p.side.unsupported(d.span.start..d.span.end))
        {
            let what = what.to_string();
            return self.unsupported(what, d.span);
        }
        let mut s = self.specifiers(&d.node.specifiers)?;
        let shared = self.specifier_attributes(d.span);
        s.attributes.merge(&shared);
        let mut first_error = None;
        for (n, item) in d.node.declarators.iter().enumerate() {
            if let Err(why) = self.file_scope_declarator(&s, item, index, n) {
                first_error.get_or_insert(why);
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    fn file_scope_declarator(
        &mut self,
        s: &Specifiers,
        item: &Node<ast::InitDeclarator>,
        index: usize,
        n: usize,
    ) -> Lowered<()> {
        let declared = self.declared(s, &item.node.declarator)?;
        let Some(name) = declared.name.clone() else {
            return Ok(());
        };
        if name == marker::SHADOW {
            return Ok(());
        }
        if s.is_typedef {
            self.declare(&name, Entity::Typedef(declared.ty));
            return Ok(());
        }
        let span = self.span(declared.at);
        if let Some(signature) = declared.ty.signature().cloned() {
            let id =
                self.declare_function(&name, &signature, s.is_static, declared.attributes.noreturn, span)?;
            self.merge_attributes(id, &declared.attributes);
            self.declare(&name, Entity::Function(id, signature));
            return Ok(());
        }
        let mut ty = declared.ty.clone();
        if ty.is_void() {
            return self.unsupported("an object of type void", declared.at);
        }
        let has_initialiser = item.node.initializer.is_some();
        if let Kind::Array(element, Length::Unknown) = &ty.kind
            && let Some(initialiser) = &item.node.initializer
        {
            let n = self.initialiser_length(initialiser, element)?;
            ty.kind = Kind::Array(Rc::clone(element), Length::Fixed(n));
        }
        if s.is_auto
            && let Some(ast::Initializer::Expression(e)) = item.node.initializer.as_ref().map(|i| &i.node)
        {
            ty = self.type_of(e)?.decayed();
        }
        let id = self.declare_global(&name, &ty, s.is_static, span)?;
        if let Some(info) = self.globals.get_mut(id.index()) {
            info.defined |= has_initialiser || !s.is_extern;
            if has_initialiser {
                info.initialised_by = Some((self.unit, index, n));
            }
        }
        self.declare(&name, Entity::Global { id, ty });
        Ok(())
    }

    /// The name and full type of a declarator, with the attributes of both sides.
    pub fn declared(&mut self, s: &Specifiers, d: &Node<ast::Declarator>) -> Lowered<Declared> {
        let mut declared = self.declarator(s.ty.clone(), d)?;
        declared.attributes.merge(&s.attributes);
        let attributes = declared.attributes.clone();
        declared.ty = self.apply_attributes(declared.ty, &attributes, declared.at)?;
        Ok(declared)
    }

    fn declare_definition(&mut self, d: &Node<ast::FunctionDefinition>, index: usize) -> Lowered<()> {
        let mut s = self.specifiers(&d.node.specifiers)?;
        let shared = self.specifier_attributes(d.span);
        s.attributes.merge(&shared);
        let declared = self.declared(&s, &d.node.declarator)?;
        let Some(name) = declared.name.clone() else {
            return Ok(());
        };
        let Some(signature) = declared.ty.signature().cloned() else {
            return self.unsupported("a function defined through a typedef", d.span);
        };
        let signature = self.old_style_signature(d, &signature)?;
        let internal = s.is_static;
        let span = self.span(d.span);
        let unit = self.unit;
        // GNU `extern inline`: the body is only for inlining, but it is the body there is.
        let id = self.declare_function(&name, &signature, internal, declared.attributes.noreturn, span)?;
        let in_main_file = self
            .units
            .get(unit)
            .and_then(|u| u.source.declarations.get(index))
            .is_some_and(|d| d.main);
        let better = match self.functions.get(id.index()).and_then(|i| i.definition.as_ref()) {
            None => true,
            Some(known) => in_main_file && !known.in_main_file,
        };
        if better {
            if let Some(info) = self.functions.get_mut(id.index()) {
                info.definition = Some(Definition {
                    unit,
                    declaration: index,
                    in_main_file,
                });
                info.signature = Rc::clone(&signature);
            }
            if let Some(f) = self.program.functions.get_mut(id.index()) {
                f.span = span;
            }
            self.set_signature(id, &signature);
        }
        self.merge_attributes(id, &declared.attributes);
        self.declare(&name, Entity::Function(id, signature));
        Ok(())
    }

    fn merge_attributes(&mut self, id: FunctionId, attributes: &Attributes) {
        if let Some(info) = self.functions.get_mut(id.index()) {
            info.attributes.merge(attributes);
        }
    }

    /// Parameter types of an old-style definition (C11 6.9.1p6): the arguments arrive promoted.
    fn old_style_signature(
        &mut self,
        d: &Node<ast::FunctionDefinition>,
        signature: &Rc<Signature>,
    ) -> Lowered<Rc<Signature>> {
        let names = old_style_names(&d.node.declarator);
        if names.is_empty() {
            let mut known = (**signature).clone();
            known.prototyped = true;
            return Ok(Rc::new(known));
        }
        let mut types: Vec<Type> = vec![Type::int(super::types::IntType::INT); names.len()];
        for declaration in &d.node.declarations {
            let s = self.specifiers(&declaration.node.specifiers)?;
            for item in &declaration.node.declarators {
                let declared = self.declared(&s, &item.node.declarator)?;
                let position = names.iter().position(|n| Some(n) == declared.name.as_ref());
                if let Some(slot) = position.and_then(|p| types.get_mut(p)) {
                    *slot = declared.ty.decayed();
                }
            }
        }
        let narrow = types
            .iter()
            .any(|t| t.integer().is_some_and(|i| i.promoted() != i));
        if narrow || types.iter().any(|t| t.kind == Kind::Float(32)) {
            return self.unsupported(
                "an old-style definition with a parameter narrower than int",
                d.span,
            );
        }
        Ok(Rc::new(Signature {
            ret: signature.ret.clone(),
            params: types,
            variadic: false,
            prototyped: true,
        }))
    }

    /// The program's function of this name and linkage, declared on first sight.
    pub fn declare_function(
        &mut self,
        name: &str,
        signature: &Rc<Signature>,
        is_static: bool,
        noreturn: bool,
        span: Span,
    ) -> Lowered<FunctionId> {
        let known = match self.units.get(self.unit).and_then(|u| u.names.ordinary.get(name)) {
            Some(Entity::Function(id, _)) => Some(*id),
            _ if is_static => None,
            _ => self.external_functions.get(name).copied(),
        };
        if let Some(id) = known {
            let same = self.functions.get(id.index()).is_some_and(|info| {
                !info.signature.prototyped || !signature.prototyped || agree(&info.signature, signature)
            });
            if same {
                if let Some(f) = self.program.functions.get_mut(id.index()) {
                    f.noreturn |= noreturn;
                    f.internal |= is_static;
                }
                let learn = self.functions.get(id.index()).is_some_and(|i| {
                    !i.signature.prototyped && signature.prototyped && i.definition.is_none()
                });
                if learn {
                    if let Some(info) = self.functions.get_mut(id.index()) {
                        info.signature = Rc::clone(signature);
                    }
                    self.set_signature(id, signature);
                }
                return Ok(id);
            }
            self.diagnostics.push(crate::Diagnostic {
                message: format!(
                    "`{name}` is declared here with another type than elsewhere; a call through this declaration is a call of an unknown function"
                ),
                span,
            });
        }
        let id = FunctionId(self.program.functions.len() as u32);
        let unique = self.unique_name(name);
        self.program.functions.push(Function {
            name: unique,
            ret: signature.ret.to_ir(),
            params: Vec::new(),
            variadic: signature.variadic || !signature.prototyped,
            internal: is_static,
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
            queued: false,
            c_name: name.to_string(),
            attributes: Attributes::default(),
        });
        if !is_static && known.is_none() {
            self.external_functions.insert(name.to_string(), id);
        }
        self.set_signature(id, signature);
        Ok(id)
    }

    /// Parameters of a function without body, so that calls and models can be matched.
    pub fn set_signature(&mut self, id: FunctionId, signature: &Signature) {
        let (mut locals, mut params) = (Vec::new(), Vec::new());
        let mut add = |name: String, ty: vf_ir::CType, register: Ty| {
            params.push(LocalId(locals.len() as u32));
            locals.push(Local {
                name,
                ty,
                storage: Storage::Register(register),
                user: false,
                span: Span::NONE,
            });
        };
        if signature.ret.record().is_some() {
            add(".ret".to_string(), signature.ret.to_ir().pointer_to(), Ty::Ptr);
        }
        for (n, p) in signature.params.iter().enumerate() {
            add(format!("p{n}"), p.to_ir(), p.scalar().unwrap_or(Ty::Ptr));
        }
        if let Some(f) = self.program.functions.get_mut(id.index()) {
            f.locals = locals;
            f.params = params;
            f.ret = signature.ret.to_ir();
            f.variadic = signature.variadic || !signature.prototyped;
        }
    }

    pub fn declare_global(
        &mut self,
        name: &str,
        ty: &Type,
        is_static: bool,
        span: Span,
    ) -> Lowered<GlobalId> {
        let known = match self.units.get(self.unit).and_then(|u| u.names.ordinary.get(name)) {
            Some(Entity::Global { id, .. }) => Some(*id),
            _ if is_static => None,
            _ => self.external_globals.get(name).copied(),
        };
        let size = match &ty.kind {
            Kind::Array(_, Length::Unknown) => None,
            // An incomplete record is fine for an `extern` object.
            _ => self.size_of(ty, NodeSpan::none()).ok(),
        };
        if let Some(id) = known {
            if let Some(g) = self.program.globals.get_mut(id.index()) {
                if g.size.is_none() && size.is_some() {
                    g.size = size;
                    g.ty = ty.to_ir();
                }
                if g.size.is_some() && size.is_some() && g.size != size {
                    return Err(Unsupported {
                        construct: format!("`{name}` declared with different sizes"),
                        span,
                    });
                }
            }
            return Ok(id);
        }
        let id = self.new_global(name, ty, size, span);
        if !is_static {
            self.external_globals.insert(name.to_string(), id);
            if let Some(info) = self.globals.get_mut(id.index()) {
                info.external = true;
            }
        }
        Ok(id)
    }

    pub fn new_global(&mut self, name: &str, ty: &Type, size: Option<u64>, span: Span) -> GlobalId {
        let id = GlobalId(self.program.globals.len() as u32);
        let c_name = name;
        let name = self.unique_name(name);
        let innermost = innermost_element(ty);
        self.program.globals.push(Global {
            name,
            ty: ty.to_ir(),
            size,
            constant: (ty.constant || innermost.constant) && !ty.volatile && !innermost.volatile,
            init: Initial::Unknown,
            span,
        });
        self.globals.push(GlobalInfo {
            initialised_by: None,
            defined: false,
            queued: false,
            external: false,
            c_name: c_name.to_string(),
        });
        id
    }

    /// The function's body is needed: it is lowered later.
    pub fn need_function(&mut self, id: FunctionId) {
        if self.function.as_ref().is_some_and(|f| f.unevaluated > 0) {
            return;
        }
        if let Some(info) = self.functions.get_mut(id.index())
            && !info.queued
        {
            info.queued = true;
            self.work.push_back(Work::Function(id));
        }
    }

    pub fn need_global(&mut self, id: GlobalId) {
        if self.function.as_ref().is_some_and(|f| f.unevaluated > 0) {
            return;
        }
        if let Some(info) = self.globals.get_mut(id.index())
            && !info.queued
        {
            info.queued = true;
            self.work.push_back(Work::Global(id));
        }
    }
}

fn innermost_element(ty: &Type) -> &Type {
    ty.element().map_or(ty, innermost_element)
}

/// Whether two declarations of a function pass and return the same IR values.
pub(crate) fn agree(a: &Signature, b: &Signature) -> bool {
    let same = |x: &Type, y: &Type| x.scalar() == y.scalar() && x.record().is_some() == y.record().is_some();
    same(&a.ret, &b.ret)
        && a.variadic == b.variadic
        && a.params.len() == b.params.len()
        && a.params.iter().zip(&b.params).all(|(x, y)| same(x, y))
}

/// Parameter names of `f(a, b)`.
pub(crate) fn old_style_names(d: &Node<ast::Declarator>) -> Vec<String> {
    for part in &d.node.derived {
        if let ast::DerivedDeclarator::KRFunction(names) = &part.node {
            return names.iter().map(|n| n.node.name.clone()).collect();
        }
    }
    match &d.node.kind.node {
        ast::DeclaratorKind::Declarator(inner) => old_style_names(inner),
        _ => Vec::new(),
    }
}

/// The function declarator that a definition's name is declared with: the one nearest to the identifier.
pub(crate) fn parameter_list(d: &Node<ast::Declarator>) -> Option<&Node<ast::FunctionDeclarator>> {
    if let ast::DeclaratorKind::Declarator(inner) = &d.node.kind.node
        && let Some(found) = parameter_list(inner)
    {
        return Some(found);
    }
    d.node.derived.iter().find_map(|part| match &part.node {
        ast::DerivedDeclarator::Function(f) => Some(f),
        _ => None,
    })
}

//! Contracts: what annotations, attributes and array parameters say of a function's callers and of its result.
//!
//! A clause that a function requires becomes checks of property `precondition` at its beginning. Where the function is
//! the one under analysis they are assumed of its input, and printed; at every call they must hold. What it ensures is
//! checked at each return. Arithmetic in annotations is that of the integers (ACSL 2.2.3): it is computed in a width that
//! holds every result, and a clause for which 128 bits do not do is not used.

use lang_c::ast;
use lang_c::span::{Node, Span as NodeSpan};
use vf_ir::{Access, Condition, Expr, FunctionId, LocalId, Obligation, Property, StmtKind};
use vf_source::Span;

use super::assigns::Assigns;
use super::declarations::parameter_list;
use super::function_bodies::parameter_names;
use super::logic::{Logic, Understood};
use super::program::declarator_name;
use super::types::{IntType, Type};
use super::{Entity, Lowerer, fold};
use crate::Diagnostic;
use crate::acsl::{self, Clause, Meaning, Operator, Term};
use crate::parse::ParsedDeclaration;

/// What is left of a function's contract to be checked where it returns.
#[derive(Clone, Default)]
pub(crate) struct Promises {
    clauses: Vec<(Term, String)>,
    /// The parameters as they came (ACSL 2.3.1: in a postcondition, a parameter is its value at the call).
    formals: Vec<(String, Entity)>,
    /// Parameters by the names that other declarations give them.
    others: Vec<(String, LocalId, Type)>,
    /// What `\old` speaks of, evaluated at the beginning.
    pub olds: Vec<(Term, Logic)>,
    /// The value that is returned, while a return is looked at.
    pub result: Option<(Expr, Type)>,
    /// The body is out of view: they are taken for given.
    believed: bool,
    assigns: Assigns,
}

impl Lowerer<'_> {
    /// Clauses of the annotations that stand directly before a place, each with the span of its comment.
    fn clauses_before(&mut self, at: Span) -> Vec<(Clause, Span)> {
        let sources = self.sources;
        let Some(file) = sources.get(at.file).filter(|_| at.is_known()) else {
            return Vec::new();
        };
        let index = self
            .annotations
            .entry(at.file)
            .or_insert_with(|| acsl::annotations(&file.text));
        let offset = file.offset(at.start);
        let Some((offset, ranges)) = offset.and_then(|offset| Some((offset, index.get(&offset)?))) else {
            return Vec::new();
        };
        self.annotations_seen.insert((at.file, offset));
        let mut found = Vec::new();
        for range in ranges {
            let span = Span {
                file: at.file,
                start: file.position(range.start),
                end: file.position(range.end),
            };
            let text = file.text.get(range.clone()).unwrap_or("");
            found.extend(acsl::clauses(text).into_iter().map(|c| (c, span)));
        }
        found
    }

    /// Names the annotations in the body of a function that stand before no statement.
    pub fn name_unseen_annotations(&mut self, body: Span) {
        let sources = self.sources;
        let Some(file) = sources.get(body.file).filter(|_| body.is_known()) else {
            return;
        };
        let (Some(start), Some(end)) = (file.offset(body.start), file.offset(body.end)) else {
            return;
        };
        let Some(index) = self.annotations.get(&body.file) else {
            return;
        };
        let inside = index.iter().filter(|(at, _)| start < **at && **at < end);
        let unseen = inside.filter(|(at, _)| !self.annotations_seen.contains(&(body.file, **at)));
        let mut ranges: Vec<_> = unseen.flat_map(|(_, ranges)| ranges.clone()).collect();
        ranges.sort_by_key(|range| range.start);
        for range in ranges {
            let span = Span {
                file: body.file,
                start: file.position(range.start),
                end: file.position(range.end),
            };
            self.not_used("one that no statement follows", span);
        }
    }

    pub(super) fn not_used(&mut self, what: &str, span: Span) {
        self.diagnostics.push(Diagnostic {
            message: format!("annotation not used: {what} is not supported here"),
            span,
        });
    }

    /// The contract of the function whose body begins here: what it requires is emitted, the rest is kept for its
    /// returns.
    pub fn begin_contract(
        &mut self,
        id: FunctionId,
        d: &Node<ast::FunctionDefinition>,
        parameters: &[(LocalId, String, Type)],
    ) {
        let Some(here) = self.first_token() else {
            return;
        };
        self.required_by_attributes(id, parameters, self.span(d.node.declarator.span));
        self.required_by_arrays(&d.node.declarator, parameters);
        let mut promises = Promises::default();
        let clauses = self.clauses_before(here);
        self.clauses_of_contract(clauses, &mut promises);
        self.clauses_of_prototypes(id, parameters, &mut promises);
        self.promise(promises, parameters);
    }

    /// The same for a function of which only this declaration is in view.
    pub(super) fn begin_declared_contract(
        &mut self,
        id: FunctionId,
        declarator: &Node<ast::Declarator>,
        parameters: &[(LocalId, String, Type)],
    ) -> Assigns {
        let Some(here) = self.first_token() else {
            return Assigns::Open;
        };
        self.required_by_attributes(id, parameters, self.span(declarator.span));
        self.required_by_arrays(declarator, parameters);
        let mut promises = Promises {
            believed: true,
            ..Promises::default()
        };
        let clauses = self.clauses_before(here);
        self.clauses_of_contract(clauses, &mut promises);
        let assigns = std::mem::take(&mut promises.assigns);
        self.promise(promises, parameters);
        assigns
    }

    /// Where the declaration that is being read begins, in a file of the user's.
    fn first_token(&self) -> Option<Span> {
        let index = self.declaration.as_ref()?.index;
        self.place_of_declaration(self.unit, index)
    }

    fn place_of_declaration(&self, unit: usize, index: usize) -> Option<Span> {
        let unit = self.units.get(unit).filter(|u| !u.is_model)?;
        let range = unit.source.declarations.get(index)?.range.clone();
        Some(unit.source.place(range.start..range.start.saturating_add(1)))
    }

    /// Whether annotations stand before a declaration.
    pub fn has_annotation(&mut self, unit: usize, index: usize) -> bool {
        let place = self.place_of_declaration(unit, index);
        place.is_some_and(|place| !self.clauses_before(place).is_empty())
    }

    fn clauses_of_contract(&mut self, clauses: Vec<(Clause, Span)>, promises: &mut Promises) {
        for (clause, span) in clauses {
            let understood = match clause.meaning {
                Meaning::Requires(term) => self.at_annotation(span, |this| this.require(&term, &clause.text)),
                Meaning::Ensures(term) => {
                    let result = self.at_annotation(span, |this| this.remember_old(&term, promises));
                    promises.clauses.push((term, clause.text));
                    result
                }
                Meaning::Assigns(places) if promises.believed => {
                    if clause.text.contains("\\from") {
                        self.not_used("`\\from`", span);
                    }
                    self.at_annotation(span, |this| this.assigned(&places, &mut promises.assigns))
                }
                // The body says what it assigns; nothing is concluded from the clause, and it is not checked.
                Meaning::Assigns(_) => Err("`assigns` of a function whose body is in view".to_owned()),
                Meaning::LoopInvariant(_) | Meaning::Assert(_) => Err("a clause for statements".to_owned()),
                Meaning::Ignored(what) => Err(what),
            };
            if let Err(what) = understood {
                self.not_used(&what, span);
            }
        }
    }

    /// What annotations before other declarations of the function say, in the names of their parameters.
    fn clauses_of_prototypes(
        &mut self,
        id: FunctionId,
        parameters: &[(LocalId, String, Type)],
        promises: &mut Promises,
    ) {
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        let (name, count) = (info.c_name.clone(), info.signature.params.len());
        let unit = self.unit;
        let Some(state) = self.units.get(unit) else { return };
        for index in state.source.prototypes(&name).to_vec() {
            let Some(place) = self.place_of_declaration(unit, index) else {
                continue;
            };
            let clauses = self.clauses_before(place);
            let tree = self.units.get(unit).and_then(|u| u.source.parse(index).ok());
            let Some(tree) = tree.filter(|_| !clauses.is_empty()) else {
                continue;
            };
            let Some(declarator) = prototype(&tree, &name) else {
                continue;
            };
            if parameters.len() != count {
                self.not_used("a contract for parameters without names", place);
                continue;
            }
            let given = parameter_names(declarator, count);
            let mut names = super::Names::default();
            for ((given, _), (local, _, ty)) in given.into_iter().zip(parameters) {
                let (local, ty) = (*local, ty.clone());
                if let Some(given) = given {
                    names.ordinary.insert(
                        given.clone(),
                        Entity::Register {
                            local,
                            ty: ty.clone(),
                        },
                    );
                    promises.others.push((given, local, ty));
                }
            }
            self.f().names.push(names);
            self.clauses_of_contract(clauses, promises);
            self.f().names.pop();
        }
    }

    /// Keeps what is ensured for the returns, with the parameters as they came.
    fn promise(&mut self, mut promises: Promises, parameters: &[(LocalId, String, Type)]) {
        if promises.clauses.is_empty() {
            return;
        }
        let own = parameters.iter().map(|(local, name, ty)| (name, local, ty));
        let others = std::mem::take(&mut promises.others);
        let others = others.iter().map(|(name, local, ty)| (name, local, ty));
        for (name, local, ty) in others.chain(own) {
            let Some(scalar) = ty.scalar() else { continue };
            let copy = self.f().in_register(Expr::Local(*local), scalar, ty, Span::NONE);
            if let Expr::Local(local) = copy {
                let ty = ty.clone();
                promises
                    .formals
                    .push((name.clone(), Entity::Register { local, ty }));
            }
        }
        self.f().promises = Some(Box::new(promises));
    }

    /// What the attributes `access` and `nonnull` of any declaration ask of the callers.
    fn required_by_attributes(&mut self, id: FunctionId, parameters: &[(LocalId, String, Type)], span: Span) {
        let Some(info) = self.functions.get(id.index()) else {
            return;
        };
        let attributes = info.attributes.clone();
        let pointers = (1..)
            .zip(parameters)
            .filter(|(_, (_, _, ty))| ty.pointee().is_some());
        let nonnull = attributes.nonnull.iter().flat_map(|listed| {
            let asked = move |number: &usize| listed.is_empty() || listed.contains(number);
            pointers.clone().filter(move |(number, _)| asked(number))
        });
        let mut clauses: Vec<(Term, String)> = Vec::new();
        for (_, (_, name, _)) in nonnull {
            let there = Term::Binary(Operator::NotEqual, name_of(name), Box::new(Term::Null));
            clauses.push((there, format!("{name} != \\null")));
        }
        let mut problems: Vec<String> = Vec::new();
        let is_pointer = |name: &str| pointers.clone().any(|(_, (_, known, _))| known == name);
        for access in &attributes.access {
            let named = |number: usize| {
                parameters
                    .get(number.checked_sub(1)?)
                    .map(|(_, name, _)| name.as_str())
            };
            let Some(name) = named(access.pointer).filter(|name| is_pointer(name)) else {
                problems.push(format!("parameter {} as the pointer of `access`", access.pointer));
                continue;
            };
            let predicate = if access.writes { "\\valid" } else { "\\valid_read" };
            clauses.push(match access.size.map(named) {
                Some(Some(size)) => valid_elements(predicate, name, name_of(size), size),
                Some(None) => {
                    problems.push(format!(
                        "parameter {} as the size of `access`",
                        access.size.unwrap_or(0)
                    ));
                    continue;
                }
                None => {
                    let valid = Term::Call(predicate.to_owned(), vec![*name_of(name)]);
                    let null = Term::Binary(Operator::Equal, name_of(name), Box::new(Term::Null));
                    let either = Term::Binary(Operator::Or, Box::new(null), Box::new(valid));
                    (either, format!("{name} == \\null || {predicate}({name})"))
                }
            });
        }
        for (term, text) in clauses {
            if let Err(what) = self.at_annotation(span, |this| this.require(&term, &text)) {
                problems.push(what);
            }
        }
        for what in problems {
            self.not_used(&what, span);
        }
    }

    /// `T a[static n]`: the argument leads to at least n elements (C11 6.7.6.3p7).
    fn required_by_arrays(
        &mut self,
        declarator: &Node<ast::Declarator>,
        parameters: &[(LocalId, String, Type)],
    ) {
        let list = parameter_list(declarator);
        for p in list.iter().flat_map(|f| &f.node.parameters) {
            let Some(declarator) = &p.node.declarator else {
                continue;
            };
            let Some((name, _)) = declarator_name(declarator) else {
                continue;
            };
            let Some(ast::DerivedDeclarator::Array(array)) = declarator.node.derived.first().map(|d| &d.node)
            else {
                continue;
            };
            let ast::ArraySize::StaticExpression(length) = &array.node.size else {
                continue;
            };
            if !parameters.iter().any(|(_, known, _)| *known == name) {
                continue;
            }
            let written = self.text(length.span);
            let span = self.span(p.span);
            let understood = match self.rvalue(length) {
                Ok(v) => self.of_value(v.expr, v.ty),
                Err(why) => Err(why.construct),
            };
            let understood = understood.and_then(|count| {
                let zero = self.logic(&Term::Integer(0))?;
                let one = self.logic(&Term::Integer(1))?;
                let high = self.exact_arithmetic(Operator::Sub, &count, &one)?;
                let mut place = self.place_of(&name_of(&name))?;
                (place.low, place.high) = (zero, high);
                let text = format!("\\valid({name} + (0 .. {written} - 1))");
                self.at_annotation(span, |this| this.require_place(&place, Access::Read, &text))
            });
            if let Err(what) = understood {
                self.not_used(&what, span);
            }
        }
    }

    /// Checks what the function ensures, before it returns a value.
    pub fn keep_promises(&mut self, value: Option<&Expr>, at: NodeSpan) {
        let Some(mut promises) = self.f().promises.take() else {
            return;
        };
        let ret = self.f().ret.clone();
        promises.result = value.filter(|_| ret.is_scalar()).map(|v| (v.clone(), ret));
        let mut names = super::Names::default();
        names.ordinary.extend(promises.formals.iter().cloned());
        let (clauses, believed) = (promises.clauses.clone(), promises.believed);
        self.f().names.push(names);
        self.f().promises = Some(promises);
        let span = self.span(at);
        for (term, text) in clauses {
            let holds = self.at_annotation(span, |this| this.truth_of(&term));
            match holds {
                Ok(condition) if believed => self.f().stmt(StmtKind::Assume(condition), span),
                Ok(condition) => self.f().check(Obligation {
                    property: Property::Assertion,
                    condition: Condition::Holds(condition),
                    span,
                    text: format!("ensures {text}"),
                    required: false,
                }),
                Err(what) => self.not_used(&what, span),
            }
        }
        self.f().names.pop();
        if let Some(promises) = &mut self.f().promises {
            promises.result = None;
        }
    }

    /// The annotations before a statement that are assertions.
    pub fn annotated_assertions(&mut self, at: NodeSpan, is_loop: bool) {
        let place = self.span(at);
        for (clause, span) in self.clauses_before(place) {
            let understood = match clause.meaning {
                Meaning::Assert(term) => {
                    let holds = self.at_annotation(span, |this| this.truth_of(&term));
                    holds.map(|condition| {
                        self.f().check(Obligation {
                            property: Property::Assertion,
                            condition: Condition::Holds(condition),
                            span,
                            text: clause.text,
                            required: false,
                        });
                    })
                }
                Meaning::Ignored(what) => Err(what),
                // `annotated_invariants`
                Meaning::LoopInvariant(_) if is_loop => continue,
                Meaning::LoopInvariant(_) => Err("`loop invariant` before what is no loop".to_owned()),
                Meaning::Requires(_) | Meaning::Ensures(_) | Meaning::Assigns(_) => {
                    Err("a clause for functions".to_owned())
                }
            };
            if let Err(what) = understood {
                self.not_used(&what, span);
            }
        }
    }

    /// The invariants that annotations before a loop give, as checks at its head.
    pub fn annotated_invariants(&mut self, at: NodeSpan) {
        let place = self.span(at);
        for (clause, span) in self.clauses_before(place) {
            let Meaning::LoopInvariant(term) = clause.meaning else {
                continue;
            };
            match self.at_annotation(span, |this| this.truth_of(&term)) {
                Ok(condition) => self.f().check(Obligation {
                    property: Property::Assertion,
                    condition: Condition::Holds(condition),
                    span,
                    text: format!("loop invariant {}", clause.text),
                    required: false,
                }),
                Err(what) => self.not_used(&what, span),
            }
        }
    }

    /// What is made inside stands at the annotation, not in the text of the declaration.
    fn at_annotation<T>(&mut self, span: Span, f: impl FnOnce(&mut Self) -> T) -> T {
        let outer = self.annotation.replace(span);
        let result = f(self);
        self.annotation = outer;
        result
    }

    /// Evaluates what a postcondition says of the state at the beginning.
    fn remember_old(&mut self, term: &Term, promises: &mut Promises) -> Understood<()> {
        match term {
            Term::Call(name, arguments) if name == "\\old" => {
                for argument in arguments {
                    let value = self.logic(argument)?;
                    let value = self.kept(value);
                    promises.olds.push((argument.clone(), value));
                }
                Ok(())
            }
            Term::Not(a) | Term::Minus(a) | Term::Complement(a) => self.remember_old(a, promises),
            Term::Binary(_, a, b) => {
                self.remember_old(a, promises)?;
                self.remember_old(b, promises)
            }
            _ => Ok(()),
        }
    }

    /// The value in a register of its own: what it was made of may change.
    fn kept(&mut self, value: Logic) -> Logic {
        match value {
            Logic::Integer { expr, bits } => {
                let width = fold::width(&expr, self.locals()).unwrap_or(64);
                let ty = match width {
                    128 => IntType::INT128,
                    _ => IntType::LLONG,
                };
                let expr = self
                    .f()
                    .in_register(expr, vf_ir::Ty::Int(width), &Type::int(ty), Span::NONE);
                Logic::Integer { expr, bits }
            }
            Logic::Pointer { expr, ty } => {
                let expr = self.f().in_register(expr, vf_ir::Ty::Ptr, &ty, Span::NONE);
                Logic::Pointer { expr, ty }
            }
            Logic::Truth(expr) => {
                let expr = self
                    .f()
                    .in_register(expr, vf_ir::Ty::Int(1), &Type::bool(), Span::NONE);
                Logic::Truth(expr)
            }
        }
    }
}

/// The declarator of a function in a declaration without body.
pub(super) fn prototype<'t>(tree: &'t ParsedDeclaration, name: &str) -> Option<&'t Node<ast::Declarator>> {
    let ast::ExternalDeclaration::Declaration(d) = &tree.node.node else {
        return None;
    };
    let mut declarators = d.node.declarators.iter().map(|d| &d.node.declarator);
    declarators.find(|d| declarator_name(d).is_some_and(|(found, _)| found == name))
}

fn name_of(name: &str) -> Box<Term> {
    Box::new(Term::Name(name.to_owned()))
}

/// `predicate(name + (0 .. count - 1))`.
fn valid_elements(predicate: &str, name: &str, count: Box<Term>, written: &str) -> (Term, String) {
    let last = Term::Binary(Operator::Sub, count, Box::new(Term::Integer(1)));
    let range = Term::Range(Box::new(Term::Integer(0)), Box::new(last));
    let elements = Term::Binary(Operator::Add, name_of(name), Box::new(range));
    (
        Term::Call(predicate.to_owned(), vec![elements]),
        format!("{predicate}({name} + (0 .. {written} - 1))"),
    )
}

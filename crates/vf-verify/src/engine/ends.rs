//! Pointer parameters that say where an array ends: `(char *p, char *end)`.
//!
//! By C11 6.5.6p9 and 6.5.8p5, pointers that are subtracted or ordered lead to one object, so parameters of which a function does
//! that are not read as pointers to separate ones. Of two pointers that are only compared for equality nothing follows
//! (the head of a linked list is compared with its nodes), unless the function steps through one of them.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashSet;

use vf_ir::{CType, CompareOp, Expr, Function, FunctionId, LocalId, Program, StmtKind, Terminator};

use vf_smt::{Sort, Term};

use super::Engine;
use super::registers::visit_expressions;
use super::value::{Pointer, Value};

/// Parameters that point into one array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Points to its first element.
    pub start: LocalId,
    /// Point to an element, or behind the last one of those before `end`; in the order of the parameters.
    pub inside: Vec<LocalId>,
    /// Points behind its last element, as far as the function may go.
    pub end: LocalId,
}

/// The arrays of which the parameters of a function name both ends, none of them in two.
pub fn arrays(program: &Program, function: FunctionId) -> Vec<Array> {
    let definition = program.function(function);
    let pointers: BTreeMap<LocalId, u64> = definition
        .params
        .iter()
        .filter_map(|p| Some((*p, element_size(program, &definition.locals.get(p.index())?.ty)?)))
        .collect();
    if pointers.len() < 2 {
        return Vec::new();
    }
    let flow = Flow::of(definition, pointers.keys().copied());
    let mut taken: BTreeSet<LocalId> = BTreeSet::new();
    let mut found = Vec::new();
    for end in definition.params.iter().filter(|p| pointers.contains_key(p)) {
        let name = definition.locals.get(end.index()).map_or("", |l| &l.name);
        if taken.contains(end) || flow.used.contains(end) && !says_end(name) {
            continue;
        }
        let alike = |p: &&LocalId| {
            let related = flow.related.contains(&(**p, *end)) || flow.related.contains(&(*end, **p));
            related && *p != end && pointers.get(p) == pointers.get(end) && !taken.contains(p)
        };
        let mut others = definition.params.iter().filter(alike).copied();
        let Some(start) = others.next() else { continue };
        let array = Array {
            start,
            inside: others.collect(),
            end: *end,
        };
        taken.extend([array.start, array.end]);
        taken.extend(&array.inside);
        found.push(array);
    }
    found
}

/// Bytes of what a pointer leads to, where it can be an array's element.
fn element_size(program: &Program, ty: &CType) -> Option<u64> {
    match ty {
        CType::Pointer { to, .. } => match &**to {
            CType::Function(_) => None,
            CType::Void => Some(1),
            other => other.size(&program.records, program.model).filter(|s| *s > 0),
        },
        _ => None,
    }
}

fn says_end(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("end") || ["e", "lim", "limit", "last", "stop", "eof", "past"].contains(&name.as_str())
}

impl Engine<'_> {
    /// Finds the arrays of which the entry function's parameters name both ends. A length that follows such parameters
    /// speaks of the one before it only.
    pub(super) fn find_ends(&mut self, entry: FunctionId, nullable: &HashSet<LocalId>) {
        // An end that may be null says that there is none.
        let mut spans = arrays(self.program, entry);
        spans.retain(|a| !a.inside.iter().chain([&a.end]).any(|p| nullable.contains(p)));
        let parameters = &self.program.function(entry).params;
        let place = |local: LocalId| parameters.iter().position(|p| *p == local);
        for array in &spans {
            for other in array.inside.iter().chain([&array.end]) {
                self.counts.remove(other);
            }
            let follows = |count: LocalId| place(count) == place(array.start).map(|at| at + 1);
            if self.counts.get(&array.start).is_some_and(|c| !follows(c.count)) {
                self.counts.remove(&array.start);
            }
        }
        self.spans = spans;
    }

    /// Whether a parameter points to the first element of an array whose end another one says.
    pub(super) fn starts_array(&self, local: LocalId) -> bool {
        self.spans.iter().any(|a| a.start == local)
    }

    /// Whether a parameter points into the array of which another one says where it starts.
    pub(super) fn leads_into_other(&self, local: LocalId) -> bool {
        self.spans
            .iter()
            .any(|a| a.end == local || a.inside.contains(&local))
    }

    /// Makes the parameters that point into an array do so: `start <= inside <= end`, whole elements apart.
    pub(super) fn join_ends(&mut self, entry: FunctionId, arguments: &mut [(LocalId, Value)]) {
        for array in self.spans.clone() {
            let start = arguments.iter().find_map(|(local, value)| match value {
                Value::Pointer(pointer) if *local == array.start => Some(pointer.clone()),
                _ => None,
            });
            let Some(start) = start else { continue };
            let element = self.element_of(entry, array.start);
            let elements = self.elements_up_to_end(&start, element, &self.name_of(entry, array.end));
            for local in array.inside.iter().chain([&array.end]).copied() {
                let place = if local == array.end {
                    elements
                } else {
                    let place = self.place_variable(&self.name_of(entry, local));
                    self.fact(self.terms.ule(place, elements));
                    place
                };
                let bytes = self
                    .terms
                    .mul(place, self.terms.bv(self.pointer_bits, u128::from(element)));
                let pointer = Pointer {
                    offset: self.terms.add(start.offset, bytes),
                    ..start.clone()
                };
                if let Some((_, value)) = arguments.iter_mut().find(|(l, _)| *l == local) {
                    *value = Value::Pointer(pointer);
                }
                let (from, to) = (self.name_of(entry, array.start), self.name_of(entry, local));
                self.assume(format!(
                    "requires \\base_addr({from}) == \\base_addr({to}) && {from} <= {to}"
                ));
                if local != array.end {
                    self.assume(format!("requires {to} <= {}", self.name_of(entry, array.end)));
                }
            }
        }
    }

    /// How many elements lie between both ends: as many as the object has at most, and none behind a null pointer.
    fn elements_up_to_end(&mut self, start: &Pointer, element: u64, end: &str) -> Term {
        let t = self.terms;
        let elements = self.place_variable(end);
        let is_null = self.is_null(start);
        let none = t.eq(elements, t.bv(self.pointer_bits, 0));
        self.fact(t.implies(is_null, none));
        // No object is larger than half of the address space, so that the product does not wrap.
        let most = ((1u128 << (self.pointer_bits - 1)) - 1) / u128::from(element);
        let bytes = t.mul(elements, t.bv(self.pointer_bits, u128::from(element)));
        let sizes: Vec<Term> = start
            .targets
            .iter()
            .filter_map(|id| self.objects.get(id).filter(|o| o.input).map(|o| o.size))
            .collect();
        for size in sizes {
            let fits = t.and(t.ule(elements, t.bv(self.pointer_bits, most)), t.ule(bytes, size));
            self.fact(t.or(is_null, fits));
        }
        elements
    }

    fn place_variable(&self, name: &str) -> Term {
        self.terms
            .var(&format!("place.{name}"), Sort::BitVec(self.pointer_bits))
    }

    fn name_of(&self, function: FunctionId, local: LocalId) -> String {
        let locals = &self.program.function(function).locals;
        locals
            .get(local.index())
            .map_or_else(String::new, |l| l.name.clone())
    }

    fn element_of(&self, function: FunctionId, local: LocalId) -> u64 {
        let info = self.program.function(function).locals.get(local.index());
        info.and_then(|l| element_size(self.program, &l.ty)).unwrap_or(1)
    }
}

/// What a function does with its pointer parameters.
#[derive(Default)]
struct Flow {
    /// Parameters that a register's value is computed from by copies and steps.
    sources: BTreeMap<u32, BTreeSet<LocalId>>,
    /// Registers to which a number is added.
    stepped: BTreeSet<u32>,
    /// Parameters that lead to memory that is accessed, or that are passed on or stored.
    used: BTreeSet<LocalId>,
    /// Pairs that are ordered or subtracted, or compared while one of them is stepped through.
    related: BTreeSet<(LocalId, LocalId)>,
}

impl Flow {
    fn of(function: &Function, parameters: impl Iterator<Item = LocalId>) -> Flow {
        let mut flow = Flow::default();
        for parameter in parameters {
            flow.sources.entry(parameter.0).or_default().insert(parameter);
        }
        let statements = || function.blocks().iter().flat_map(|b| &b.statements);
        let mut known = 0;
        loop {
            for statement in statements() {
                if let StmtKind::Assign { dst, value } = &statement.kind {
                    let (from, steps) = flow.origin(value);
                    flow.sources.entry(dst.0).or_default().extend(from);
                    if steps {
                        flow.stepped.insert(dst.0);
                    }
                }
            }
            let now = flow.sources.values().map(BTreeSet::len).sum::<usize>() + flow.stepped.len();
            if now == known {
                break;
            }
            known = now;
        }
        for statement in statements() {
            flow.use_of(&statement.kind);
            if !matches!(statement.kind, StmtKind::Check(_)) {
                visit_expressions(&statement.kind, function, &mut |e| flow.relate(e));
            }
        }
        for block in function.blocks() {
            match &block.terminator {
                Terminator::Branch { condition: value, .. } | Terminator::Switch { value, .. } => {
                    flow.relate(value)
                }
                Terminator::Return(Some(value)) => flow.relate(value),
                _ => {}
            }
        }
        flow
    }

    /// Parameters that a pointer is computed from, and whether it is stepped away from them.
    fn origin(&self, expr: &Expr) -> (BTreeSet<LocalId>, bool) {
        match expr {
            Expr::Local(local) => (
                self.sources.get(&local.0).cloned().unwrap_or_default(),
                self.stepped.contains(&local.0),
            ),
            Expr::PtrAdd { ptr, .. } => (self.origin(ptr).0, true),
            Expr::Select { then, otherwise, .. } => {
                let (mut from, steps) = self.origin(then);
                let (more, more_steps) = self.origin(otherwise);
                from.extend(more);
                (from, steps || more_steps)
            }
            _ => (BTreeSet::new(), false),
        }
    }

    fn use_of(&mut self, kind: &StmtKind) {
        let used: Vec<&Expr> = match kind {
            StmtKind::Load { ptr, .. }
            | StmtKind::Free { ptr }
            | StmtKind::StringLength { ptr, .. }
            | StmtKind::ObjectSize { ptr, .. } => vec![ptr],
            StmtKind::Store { ptr, value, .. } => vec![ptr, value],
            StmtKind::Copy { dst, src, .. } => vec![dst, src],
            StmtKind::Fill { dst, .. } | StmtKind::HavocMemory { dst, .. } | StmtKind::Text { dst, .. } => {
                vec![dst]
            }
            StmtKind::Call { args, .. } => args.iter().collect(),
            _ => Vec::new(),
        };
        for expr in used {
            let mut base = expr;
            while let Expr::Member { ptr, .. } = base {
                base = ptr;
            }
            let (from, _) = self.origin(base);
            self.used.extend(from);
        }
    }

    fn relate(&mut self, expr: &Expr) {
        match expr {
            Expr::PtrCompare { op, lhs, rhs } => {
                let equality = matches!(op, CompareOp::Equal | CompareOp::NotEqual);
                let (left, right) = (self.origin(lhs), self.origin(rhs));
                if !equality || left.1 || right.1 {
                    self.pair(&left.0, &right.0);
                }
            }
            Expr::PtrDiff { lhs, rhs, .. } => {
                let (left, right) = (self.origin(lhs).0, self.origin(rhs).0);
                self.pair(&left, &right);
            }
            Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::IntToPtr(arg) => self.relate(arg),
            Expr::Binary { lhs, rhs, .. } | Expr::Compare { lhs, rhs, .. } => {
                self.relate(lhs);
                self.relate(rhs);
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                self.relate(condition);
                self.relate(then);
                self.relate(otherwise);
            }
            Expr::PtrAdd { ptr, index, .. } => {
                self.relate(ptr);
                self.relate(index);
            }
            _ => {}
        }
    }

    fn pair(&mut self, left: &BTreeSet<LocalId>, right: &BTreeSet<LocalId>) {
        for one in left {
            self.related.extend(right.iter().map(|other| (*one, *other)));
        }
    }
}

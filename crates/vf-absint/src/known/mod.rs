//! What holds before the statements of each line, on every execution that gets there, in C.
//!
//! Unlike the candidates of the other modules, these are said as facts (to a language model, beside the code), so nothing
//! here is guessed: intervals by the same fixpoint as elsewhere, comparisons by a forward analysis of what conditions decide and
//! statements keep (available expressions, Aho et al., *Compilers*, 9.2.6, over comparisons), and sizes of what was allocated. Checks that an
//! execution passed do not count as having held, but for what the function's own contract asks of its callers. "Every execution" is meant
//! as the C standard does: one that has written outside of an object before is none.

mod cells;
mod print;

use std::collections::BTreeMap;
use vf_source::tables::{HashMap, HashSet};

use vf_ir::cfg::{Cfg, EdgeKind};
use vf_ir::{
    BinaryOp, Body, CType, Callee, CompareOp, Expr, Function, LocalId, Program, Stmt, StmtKind, Terminator,
    Ty, UnaryOp,
};

use crate::analysis::{Analysis, Intervals, KnownToFit, State, join, written};
use crate::expression::{
    Atom, atoms, is_integer_arithmetic, is_signed, registers, signed_constant, size, split_sum, substitute,
};
use crate::interval::{MAX_BITS, Value, whole};

/// Comparisons and sizes larger than this are not followed.
const MAX_SIZE: usize = 9;
/// Comparisons at one place, at most.
const MAX_ATOMS: usize = 48;
/// Passes in which more may become known; after them only less does.
const GROWING: usize = 3;

/// One fact, as C.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// `0 <= i && i <= 8`, `n <= p->len`, `object_size(buf) == 8`.
    pub text: String,
    /// Variables and places in it, as they are written.
    pub names: Vec<String>,
}

/// Which arguments of a function multiply to the size of what it allocates.
pub type Allocates<'a> = &'a dyn Fn(&str) -> Option<&'static [usize]>;

/// What holds before each line of the function's own file, by line. A line that control never gets to has none.
pub fn before_lines(
    program: &Program,
    function: &Function,
    allocates: Allocates<'_>,
) -> BTreeMap<u32, Vec<Fact>> {
    if !matches!(function.body, Body::Defined(_)) {
        return BTreeMap::new();
    }
    let changed = cells::with_cells(program, function);
    let cfg = Cfg::new(&changed);
    let analysis = Analysis::new(program, &changed, &cfg).unbelieving();
    let known = Known {
        program,
        original: function,
        function: &changed,
        cfg: &cfg,
        intervals: analysis.intervals(),
        analysis,
        allocates,
    };
    let mut lines: BTreeMap<u32, Place> = BTreeMap::new();
    let starts = known.fixpoint();
    for block in cfg.reverse_postorder() {
        let Some(mut place) = known.start(*block, &starts) else {
            continue;
        };
        let Some(code) = changed.blocks().get(block.index()) else {
            continue;
        };
        let mut reached = true;
        for statement in &code.statements {
            note(&mut lines, statement.span, function, &place, &known);
            if !known.step(statement, &mut place) {
                reached = false;
                break;
            }
        }
        if reached {
            note(&mut lines, code.terminator_span, function, &place, &known);
        }
    }
    let said = lines.iter().map(|(line, place)| (*line, known.facts(place)));
    said.filter(|(_, facts)| !facts.is_empty()).collect()
}

fn note(
    lines: &mut BTreeMap<u32, Place>,
    span: vf_source::Span,
    function: &Function,
    place: &Place,
    known: &Known,
) {
    if !span.is_known() || span.file != function.span.file {
        return;
    }
    match lines.get_mut(&span.start.line) {
        None => {
            lines.insert(span.start.line, place.clone());
        }
        Some(old) => *old = known.both(&[&*old, place]),
    }
}

/// What is known at one place.
#[derive(Clone, Default)]
struct Place {
    values: State,
    fit: KnownToFit,
    comparisons: Vec<Atom>,
    /// What temporaries stand for.
    stands_for: HashMap<LocalId, Expr>,
    /// Bytes of what a pointer points to the start of, where it is not null.
    sizes: HashMap<LocalId, Expr>,
}

/// What holds at a block's start beside intervals.
#[derive(Clone, Default, PartialEq)]
struct Start {
    comparisons: Vec<Atom>,
    sizes: HashMap<LocalId, Expr>,
}

struct Known<'a> {
    program: &'a Program,
    /// As it is; `function` has places in memory as registers.
    original: &'a Function,
    function: &'a Function,
    cfg: &'a Cfg,
    intervals: Intervals,
    analysis: Analysis<'a>,
    allocates: Allocates<'a>,
}

impl Known<'_> {
    /// What holds at the start of every block. At the end, each start says no more than the end of every block before it.
    fn fixpoint(&self) -> HashMap<vf_ir::BlockId, Start> {
        let mut starts: HashMap<vf_ir::BlockId, Start> = HashMap::default();
        let order = self.cfg.reverse_postorder();
        if let Some(entry) = order.first() {
            starts.insert(*entry, Start::default());
        }
        for pass in 0.. {
            let mut changed = false;
            for block in order.iter().skip(1) {
                let ends: Vec<Place> = self
                    .cfg
                    .predecessors(*block)
                    .iter()
                    .flat_map(|before| self.ends(*before, &starts))
                    .filter_map(|(target, place)| (target == *block).then_some(place))
                    .collect();
                if ends.is_empty() {
                    continue;
                }
                let met = self.both(&ends.iter().collect::<Vec<_>>());
                let mut start = Start {
                    comparisons: met.comparisons,
                    sizes: met.sizes,
                };
                let old = starts.get(block);
                if let (Some(old), true) = (old, pass >= GROWING) {
                    start.comparisons.retain(|atom| old.comparisons.contains(atom));
                    start
                        .sizes
                        .retain(|local, size| old.sizes.get(local) == Some(size));
                }
                if old != Some(&start) {
                    changed = true;
                    starts.insert(*block, start);
                }
            }
            if !changed {
                break;
            }
        }
        starts
    }

    fn start(&self, block: vf_ir::BlockId, starts: &HashMap<vf_ir::BlockId, Start>) -> Option<Place> {
        let start = starts.get(&block)?;
        Some(Place {
            values: self.intervals.at(block)?.clone(),
            comparisons: start.comparisons.clone(),
            sizes: start.sizes.clone(),
            ..Place::default()
        })
    }

    /// What holds along the block's outgoing edges, those that are possible.
    fn ends(
        &self,
        block: vf_ir::BlockId,
        starts: &HashMap<vf_ir::BlockId, Start>,
    ) -> Vec<(vf_ir::BlockId, Place)> {
        let (Some(mut place), Some(code)) = (
            self.start(block, starts),
            self.function.blocks().get(block.index()),
        ) else {
            return Vec::new();
        };
        if !code
            .statements
            .iter()
            .all(|statement| self.step(statement, &mut place))
        {
            return Vec::new();
        }
        let mut ends = Vec::new();
        for (target, kind) in self.cfg.successors(block) {
            let mut next = place.clone();
            if let (Terminator::Branch { condition, .. }, EdgeKind::Then | EdgeKind::Otherwise) =
                (&code.terminator, kind)
            {
                let holds = *kind == EdgeKind::Then;
                if !self
                    .analysis
                    .assume(condition, holds, &mut next.values, &next.fit)
                {
                    continue;
                }
                self.learn(condition, holds, &mut next);
            }
            ends.push((*target, next));
        }
        ends
    }

    /// One statement; false where control does not get past it.
    fn step(&self, statement: &Stmt, place: &mut Place) -> bool {
        let before = place.values.clone();
        if !self.analysis.step(statement, &mut place.values, &mut place.fit) {
            return false;
        }
        match &statement.kind {
            StmtKind::Assign { dst, value } => self.assign(*dst, value, &before, place),
            StmtKind::Assume(condition) => self.learn(condition, true, place),
            StmtKind::Check(id) => {
                let obligation = self.function.obligations.get(id.index()).filter(|o| o.required);
                if let Some(vf_ir::Condition::Holds(condition)) = obligation.map(|o| &o.condition) {
                    self.learn(condition, true, place);
                }
            }
            StmtKind::Alloc { dst, size, .. } => {
                let size = self.resolved(size, place);
                forget(place, *dst);
                self.allocated(*dst, size, place);
            }
            StmtKind::Call { dst, callee, args } => {
                let size = self.allocation(callee, args, place);
                // It may free what others point to, as `realloc` does.
                let is_given = |e: &Expr| e.ty(self.function, self.program.model) == Ty::Ptr;
                if size.is_none() || args.iter().any(is_given) {
                    place.sizes.clear();
                }
                if let Some(dst) = dst {
                    forget(place, *dst);
                    self.allocated(*dst, size, place);
                }
            }
            StmtKind::Free { .. } => place.sizes.clear(),
            other => {
                if let Some(local) = written(other) {
                    forget(place, local);
                }
            }
        }
        true
    }

    /// What a call allocates, in bytes.
    fn allocation(&self, callee: &Callee, args: &[Expr], place: &Place) -> Option<Expr> {
        let Callee::Direct(id) = callee else { return None };
        let callee = self.program.functions.get(id.index())?;
        // A function of the program that has the name does what its body says.
        if !callee.library_model && !matches!(callee.body, Body::Declared) {
            return None;
        }
        let mut sizes = (self.allocates)(callee.c_name())?.iter().map(|i| args.get(*i));
        let first = self.resolved(sizes.next()??, place)?;
        sizes.try_fold(first, |product, next| {
            let next = self.resolved(next?, place)?;
            Some(crate::expression::binary(BinaryOp::Mul, product, next))
        })
    }

    fn allocated(&self, dst: LocalId, size: Option<Expr>, place: &mut Place) {
        if let Some(size) = size
            && !registers(&size).contains(&dst)
        {
            place.sizes.insert(dst, size);
        }
    }

    /// An expression over what the user wrote.
    fn resolved(&self, expr: &Expr, place: &Place) -> Option<Expr> {
        let resolved = substitute(expr, &place.stands_for);
        let known = |local: &LocalId| self.function.locals.get(local.index()).is_some_and(|l| l.user);
        (size(&resolved) <= MAX_SIZE && registers(&resolved).iter().all(known)).then_some(resolved)
    }

    fn assign(&self, dst: LocalId, value: &Expr, before: &State, place: &mut Place) {
        let resolved = substitute(value, &place.stands_for);
        let stepped = self.stepped(dst, &resolved, before, place);
        let size_of = match &resolved {
            Expr::Local(from) => place.sizes.get(from).cloned(),
            _ => None,
        };
        // The same pointer under a temporary's name.
        let size_of = size_of.or_else(|| match value {
            Expr::Local(from) => place.sizes.get(from).cloned(),
            _ => None,
        });
        // `q = p`: what is known of the one is known of the other, where it says something else than that they are the same.
        let copied: Vec<Atom> = match &resolved {
            Expr::Local(from) if *from != dst => {
                let map = HashMap::from_iter([(*from, Expr::Local(dst))]);
                let about = place.comparisons.iter().filter(|a| {
                    registers(&a.to_expr()).contains(from) && !registers(&a.to_expr()).contains(&dst)
                });
                about
                    .map(|a| Atom {
                        op: a.op,
                        lhs: substitute(&a.lhs, &map),
                        rhs: substitute(&a.rhs, &map),
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        forget(place, dst);
        for atom in stepped.into_iter().chain(copied) {
            add(place, atom);
        }
        self.allocated(dst, size_of, place);
        if registers(&resolved).contains(&dst) || size(&resolved) > MAX_SIZE {
            return;
        }
        let user = self.function.locals.get(dst.index()).is_some_and(|l| l.user);
        if !user {
            place.stands_for.insert(dst, resolved);
        } else if is_integer_arithmetic(&resolved) && self.resolved(&resolved, place).is_some() {
            add(
                place,
                Atom {
                    op: CompareOp::Equal,
                    lhs: Expr::Local(dst),
                    rhs: resolved,
                },
            );
        }
    }

    /// What is left of the comparisons with a register that goes one up or one down.
    fn stepped(&self, dst: LocalId, value: &Expr, before: &State, place: &Place) -> Vec<Atom> {
        let (base, step) = split_sum(value);
        if *base != Expr::Local(dst) || step.checked_abs() != Some(1) {
            return Vec::new();
        }
        let me = Expr::Local(dst);
        let apart = |expr: &Expr| !registers(expr).contains(&dst);
        let bits = match crate::analysis::register_bits(self.function, dst) {
            Some(bits) if bits <= MAX_BITS => bits,
            _ => return Vec::new(),
        };
        let now = before.get(&dst).copied().unwrap_or_else(|| Value::top(bits));
        let below = |atom: &Atom| {
            // The strict order, whose other side some value is.
            match atom.op {
                CompareOp::SLess => Some(CompareOp::SLessEqual),
                CompareOp::ULess => Some(CompareOp::ULessEqual),
                _ => None,
            }
        };
        let strictly_bounded = |signed: bool| {
            let range = now.reading(signed);
            let all = whole(bits, signed);
            let by_values = if step > 0 {
                range.high < all.high
            } else {
                range.low > all.low
            };
            let by_atoms = place.comparisons.iter().any(|a| {
                let strict = if signed {
                    CompareOp::SLess
                } else {
                    CompareOp::ULess
                };
                a.op == strict && if step > 0 { a.lhs == me } else { a.rhs == me }
            });
            by_values || by_atoms
        };
        let mut found = Vec::new();
        for atom in &place.comparisons {
            let (mine, other) = if step > 0 {
                (&atom.lhs, &atom.rhs)
            } else {
                (&atom.rhs, &atom.lhs)
            };
            // Toward the other side: what was strictly less is at most as much.
            if *mine == me && apart(other) {
                found.extend(below(atom).map(|op| Atom { op, ..atom.clone() }));
            }
            // Away from it: what was at most as much is less, unless it wraps.
            if *other == me && apart(mine) {
                let signed = is_signed(atom.op);
                let op = match atom.op {
                    CompareOp::SLess | CompareOp::SLessEqual => CompareOp::SLess,
                    CompareOp::ULess | CompareOp::ULessEqual => CompareOp::ULess,
                    _ => continue,
                };
                if strictly_bounded(signed) {
                    found.push(Atom { op, ..atom.clone() });
                }
            }
        }
        found
    }

    fn learn(&self, condition: &Expr, holds: bool, place: &mut Place) {
        let condition = substitute(condition, &place.stands_for);
        let mut found = atoms(&condition, holds);
        found.extend(null_tests(&condition, holds));
        for atom in found {
            let known = |local: &LocalId| self.function.locals.get(local.index()).is_some_and(|l| l.user);
            let expr = atom.to_expr();
            if size(&expr) <= MAX_SIZE && registers(&expr).iter().all(known) {
                add(place, atom);
            }
        }
    }

    /// What holds at all of several places.
    fn both(&self, places: &[&Place]) -> Place {
        let Some((first, rest)) = places.split_first() else {
            return Place::default();
        };
        let mut values = first.values.clone();
        let mut sizes = first.sizes.clone();
        for place in rest {
            values = join(&values, &place.values);
            sizes.retain(|local, size| place.sizes.get(local) == Some(size));
        }
        let mut comparisons: Vec<Atom> = Vec::new();
        for place in places {
            for atom in &place.comparisons {
                // Where it does not hold everywhere, what is weaker may.
                for atom in [atom.clone()].into_iter().chain(weaker(atom)) {
                    let everywhere = |p: &&Place| self.implies(p, &atom);
                    if !comparisons.contains(&atom) && places.iter().all(everywhere) {
                        comparisons.push(atom);
                        break;
                    }
                }
            }
        }
        // `a <= b` says nothing beside `a < b`.
        let strict: HashSet<Atom> = comparisons.iter().flat_map(weaker).collect();
        comparisons.retain(|a| !strict.contains(a));
        comparisons.truncate(MAX_ATOMS);
        Place {
            values,
            sizes,
            comparisons,
            fit: KnownToFit::default(),
            stands_for: HashMap::default(),
        }
    }

    fn implies(&self, place: &Place, atom: &Atom) -> bool {
        place
            .comparisons
            .iter()
            .any(|a| a == atom || weaker(a).contains(atom))
            || self.by_values(place, atom)
    }

    /// Whether intervals say a comparison already.
    fn by_values(&self, place: &Place, atom: &Atom) -> bool {
        if matches!(atom.rhs, Expr::Null) {
            return false;
        }
        let value = |expr: &Expr| self.analysis.value(expr, &place.values, &place.fit);
        let (a, b) = (value(&atom.lhs), value(&atom.rhs));
        if a.bits > MAX_BITS || b.bits > MAX_BITS {
            return false;
        }
        let (x, y) = (a.reading(is_signed(atom.op)), b.reading(is_signed(atom.op)));
        match atom.op {
            CompareOp::Equal => x.low == x.high && y.low == y.high && x.low == y.low,
            CompareOp::NotEqual => x.high < y.low || y.high < x.low,
            CompareOp::ULess | CompareOp::SLess => x.high < y.low,
            CompareOp::ULessEqual | CompareOp::SLessEqual => x.high <= y.low,
        }
    }

    /// In C, what the types do not say already.
    fn facts(&self, place: &Place) -> Vec<Fact> {
        let mut found = Vec::new();
        let mut values: Vec<(&LocalId, &Value)> = place.values.iter().collect();
        values.sort_by_key(|(local, _)| **local);
        for (local, value) in values {
            found.extend(self.bounds(*local, *value));
        }
        for atom in &place.comparisons {
            if self.by_values(place, atom) {
                continue;
            }
            if let Some(text) = print::comparison(self.function, atom) {
                found.push(Fact {
                    text,
                    names: self.names(&atom.to_expr()),
                });
            }
        }
        let mut sizes: Vec<(&LocalId, &Expr)> = place.sizes.iter().collect();
        sizes.sort_by_key(|(local, _)| **local);
        for (local, size) in sizes {
            let not_null = Atom {
                op: CompareOp::NotEqual,
                lhs: Expr::Local(*local),
                rhs: Expr::Null,
            };
            let name = self
                .function
                .locals
                .get(local.index())
                .filter(|l| l.user && l.ty.is_pointer());
            if let (Some(name), Some(size)) = (name, print::amount(self.function, size))
                && place.comparisons.contains(&not_null)
            {
                let text = format!("object_size({}) == {size}", name.name);
                found.push(Fact {
                    text,
                    names: vec![name.name.clone()],
                });
            }
        }
        found.extend(self.arrays());
        found
    }

    fn names(&self, expr: &Expr) -> Vec<String> {
        let named = |local: LocalId| self.function.locals.get(local.index()).map(|l| l.name.clone());
        registers(expr).into_iter().filter_map(named).collect()
    }

    /// Bounds of one variable.
    fn bounds(&self, local: LocalId, value: Value) -> Option<Fact> {
        let (name, bits, signed) = print::register(self.function, local)?;
        if value.is_empty() || value.bits != bits {
            return None;
        }
        let (range, all) = (value.reading(signed), whole(bits, signed));
        // That it is not the last of its type says no more than the comparison it comes from.
        let above = range.low > all.low && !(signed && range.low == all.low + 1);
        let below = range.high < all.high - 1;
        let text = if range.low == range.high {
            format!("{name} == {}", range.low)
        } else if above && below {
            format!("{} <= {name} && {name} <= {}", range.low, range.high)
        } else if above {
            format!("{} <= {name}", range.low)
        } else if below {
            format!("{name} <= {}", range.high)
        } else {
            return None;
        };
        Some(Fact {
            text,
            names: vec![name.to_string()],
        })
    }

    /// Sizes of the arrays that the function names.
    fn arrays(&self) -> Vec<Fact> {
        let mut found: Vec<Fact> = Vec::new();
        let mut add = |name: &str, ty: &CType| {
            if let (CType::Array { .. }, Some(size)) =
                (ty, ty.size(&self.program.records, self.program.model))
            {
                let fact = Fact {
                    text: format!("object_size({name}) == {size}"),
                    names: vec![name.to_string()],
                };
                if !found.contains(&fact) {
                    found.push(fact);
                }
            }
        };
        for local in self.function.locals.iter().filter(|l| l.user) {
            add(&local.name, &local.ty);
        }
        for block in self.original.blocks() {
            for expr in block
                .statements
                .iter()
                .flat_map(|s| crate::analysis::statement_expressions(&s.kind))
            {
                for part in crate::expression::subexpressions(expr) {
                    if matches!(part, Expr::GlobalAddress(_))
                        && let Some((name, ty)) = print::place(self.program, self.function, part)
                    {
                        add(&name, &ty);
                    }
                }
            }
        }
        found
    }
}

/// What follows from a comparison and says less.
fn weaker(atom: &Atom) -> Vec<Atom> {
    let with = |op: CompareOp| Atom { op, ..atom.clone() };
    let turned = |op: CompareOp| Atom {
        op,
        lhs: atom.rhs.clone(),
        rhs: atom.lhs.clone(),
    };
    match atom.op {
        CompareOp::SLess => vec![with(CompareOp::SLessEqual)],
        CompareOp::ULess => vec![with(CompareOp::ULessEqual)],
        CompareOp::Equal if !matches!(atom.rhs, Expr::Null) => [CompareOp::SLessEqual, CompareOp::ULessEqual]
            .into_iter()
            .flat_map(|op| [with(op), turned(op)])
            .collect(),
        _ => Vec::new(),
    }
}

/// Comparisons of pointers with null that a condition decides.
fn null_tests(condition: &Expr, holds: bool) -> Vec<Atom> {
    match condition {
        Expr::Unary {
            op: UnaryOp::Not,
            arg,
        } => null_tests(arg, !holds),
        Expr::Binary {
            op: BinaryOp::And,
            lhs,
            rhs,
        } if holds => [null_tests(lhs, holds), null_tests(rhs, holds)].concat(),
        Expr::Binary {
            op: BinaryOp::Or,
            lhs,
            rhs,
        } if !holds => [null_tests(lhs, holds), null_tests(rhs, holds)].concat(),
        Expr::PtrCompare {
            op: op @ (CompareOp::Equal | CompareOp::NotEqual),
            lhs,
            rhs,
        } => {
            let pointer = match (&**lhs, &**rhs) {
                (Expr::Local(p), Expr::Null) | (Expr::Null, Expr::Local(p)) => Expr::Local(*p),
                _ => return Vec::new(),
            };
            let op = if (*op == CompareOp::Equal) == holds {
                CompareOp::Equal
            } else {
                CompareOp::NotEqual
            };
            vec![Atom {
                op,
                lhs: pointer,
                rhs: Expr::Null,
            }]
        }
        _ => Vec::new(),
    }
}

fn add(place: &mut Place, atom: Atom) {
    let constant = |e: &Expr| signed_constant(e).is_some();
    if place.comparisons.len() < MAX_ATOMS
        && !place.comparisons.contains(&atom)
        && atom.lhs != atom.rhs
        && !(constant(&atom.lhs) && constant(&atom.rhs))
    {
        place.comparisons.push(atom);
    }
}

/// A register changes.
fn forget(place: &mut Place, local: LocalId) {
    let mentions = |expr: &Expr| registers(expr).contains(&local);
    place
        .comparisons
        .retain(|a| !mentions(&a.lhs) && !mentions(&a.rhs));
    place.stands_for.retain(|l, e| *l != local && !mentions(e));
    place.sizes.retain(|l, e| *l != local && !mentions(e));
}

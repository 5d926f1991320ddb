//! Interval analysis of a function's integer registers: a forward fixpoint over its graph, accelerated by
//! widening at loop headers and sharpened by narrowing afterwards (Cousot and Cousot, *Abstract interpretation:
//! a unified lattice model*, 1977).
//!
//! A check that the analysis passes counts as having held, as everywhere in the verifier: after the check of
//! `i + 1`, the sum is taken to fit.

use std::collections::{BTreeSet, VecDeque};
use vf_source::tables::{HashMap, HashSet};

use vf_ir::cfg::{Cfg, EdgeKind};
use vf_ir::obligation::Arithmetic;
use vf_ir::{
    BinaryOp, Block, BlockId, CompareOp, Condition, Expr, Function, LocalId, Program, Resize, Stmt, StmtKind,
    Storage, Terminator, Ty, UnaryOp,
};

use crate::expression::{Atom, atoms, is_signed, registers, subexpressions};
use crate::interval::{self, Interval, Value, whole};

/// What is known of registers at one place. A register without an entry may have any value.
pub type State = HashMap<LocalId, Value>;

/// Intervals at the start of every block that is reached.
pub struct Intervals {
    at: HashMap<BlockId, State>,
}

impl Intervals {
    /// At the start of a block; `None` where control never gets, as far as intervals tell.
    pub fn at(&self, block: BlockId) -> Option<&State> {
        self.at.get(&block)
    }
}

/// So many joins at a header happen before bounds that still grow are widened.
const JOINS_BEFORE_WIDENING: u32 = 2;
/// Passes over the function that sharpen the widened bounds.
const NARROWING_PASSES: usize = 3;

pub fn intervals(program: &Program, function: &Function, cfg: &Cfg) -> Intervals {
    Analysis::new(program, function, cfg).intervals()
}

/// The function's constants and their neighbours, under both readings, ascending: bounds worth stopping at.
fn thresholds(function: &Function) -> Vec<i128> {
    let mut found = BTreeSet::from([-1, 0, 1]);
    let mut note = |expr: &Expr| {
        for part in subexpressions(expr) {
            if let Expr::Int { bits, value } = part
                && *bits <= interval::MAX_BITS
            {
                let value = *value as i128;
                let signed = if value > whole(*bits, true).high {
                    value - (1 << bits)
                } else {
                    value
                };
                found.extend([value, signed].iter().flat_map(|v| [v - 1, *v, v + 1]));
            }
        }
    };
    for block in function.blocks() {
        for statement in &block.statements {
            statement_expressions(&statement.kind)
                .into_iter()
                .for_each(&mut note);
        }
        if let Terminator::Branch { condition, .. } = &block.terminator {
            note(condition);
        }
    }
    for bits in [8, 16, 32, 64] {
        for signed in [false, true] {
            let all = whole(bits, signed);
            found.extend([all.low, all.high]);
        }
    }
    found.into_iter().collect()
}

/// The expressions that a statement evaluates.
pub(crate) fn statement_expressions(kind: &StmtKind) -> Vec<&Expr> {
    match kind {
        StmtKind::Assign { value, .. } => vec![value],
        StmtKind::Load { ptr, .. }
        | StmtKind::Free { ptr }
        | StmtKind::StringLength { ptr, .. }
        | StmtKind::ObjectSize { ptr, .. } => vec![ptr],
        StmtKind::Store { ptr, value, .. } => vec![ptr, value],
        StmtKind::Copy { dst, src, size } => vec![dst, src, size],
        StmtKind::Fill { dst, unit, size } => vec![dst, unit, size],
        StmtKind::HavocMemory { dst, size } => vec![dst, size],
        StmtKind::Text { dst, size, of } => [dst, size].into_iter().chain(of).collect(),
        StmtKind::Alloc { size, .. } => vec![size],
        StmtKind::Assembly { inputs, .. } => inputs.iter().collect(),
        StmtKind::Call { args, .. } => args.iter().collect(),
        StmtKind::Assume(condition) => vec![condition],
        StmtKind::Havoc { .. } | StmtKind::Check(_) | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {
            Vec::new()
        }
    }
}

/// The register that a statement writes.
pub(crate) fn written(kind: &StmtKind) -> Option<LocalId> {
    match kind {
        StmtKind::Assign { dst, .. }
        | StmtKind::Havoc { dst, .. }
        | StmtKind::Load { dst, .. }
        | StmtKind::Alloc { dst, .. }
        | StmtKind::StringLength { dst, .. }
        | StmtKind::ObjectSize { dst, .. } => Some(*dst),
        StmtKind::Call { dst, .. } => *dst,
        _ => None,
    }
}

/// Width of an integer register.
pub(crate) fn register_bits(function: &Function, local: LocalId) -> Option<u32> {
    match function.locals.get(local.index())?.storage {
        Storage::Register(Ty::Int(bits)) => Some(bits),
        _ => None,
    }
}

/// Sums that a check said fit their width: operator, reading, operands.
pub(crate) type KnownToFit = HashSet<(Arithmetic, bool, Expr, Expr)>;

pub(crate) struct Analysis<'a> {
    program: &'a Program,
    function: &'a Function,
    cfg: &'a Cfg,
    thresholds: Vec<i128>,
    /// A check that was passed counts as having held.
    believes_checks: bool,
}

impl<'a> Analysis<'a> {
    pub(crate) fn new(program: &'a Program, function: &'a Function, cfg: &'a Cfg) -> Analysis<'a> {
        Analysis {
            program,
            function,
            cfg,
            thresholds: thresholds(function),
            believes_checks: true,
        }
    }

    /// Of checks, only what the function's own contract asks of its callers is believed: the result holds whatever goes wrong.
    pub(crate) fn unbelieving(self) -> Analysis<'a> {
        Analysis {
            believes_checks: false,
            ..self
        }
    }

    pub(crate) fn intervals(&self) -> Intervals {
        Intervals { at: self.fixpoint() }
    }
}

impl Analysis<'_> {
    fn fixpoint(&self) -> HashMap<BlockId, State> {
        let mut at: HashMap<BlockId, State> = HashMap::default();
        let Some(&entry) = self.cfg.reverse_postorder().first() else {
            return at;
        };
        at.insert(entry, State::default());
        let headers: HashSet<BlockId> = self.cfg.cut_points().into_iter().collect();
        let mut joins: HashMap<BlockId, u32> = HashMap::default();
        let mut queued: BTreeSet<(usize, BlockId)> = BTreeSet::new();
        let place = |block: BlockId| (self.cfg.position(block).unwrap_or(usize::MAX), block);
        queued.insert(place(entry));
        while let Some((_, block)) = queued.pop_first() {
            let Some(state) = at.get(&block).cloned() else {
                continue;
            };
            for (target, next) in self.after(block, state) {
                let joined = match at.get(&target) {
                    None => next,
                    Some(old) => {
                        let joined = join(old, &next);
                        if joined == *old {
                            continue;
                        }
                        let count = joins.entry(target).or_default();
                        *count += 1;
                        if headers.contains(&target) && *count > JOINS_BEFORE_WIDENING {
                            self.widen(old, &joined)
                        } else {
                            joined
                        }
                    }
                };
                at.insert(target, joined);
                queued.insert(place(target));
            }
        }
        for _ in 0..NARROWING_PASSES {
            self.narrow(&mut at);
        }
        at
    }

    fn widen(&self, old: &State, new: &State) -> State {
        let widened = |(local, value): (&LocalId, &Value)| {
            let before = old.get(local)?;
            Some((*local, before.widened(*value, &self.thresholds)))
        };
        new.iter().filter_map(widened).collect()
    }

    /// Computes every block's start anew from its predecessors' ends; each is at most what it was.
    fn narrow(&self, at: &mut HashMap<BlockId, State>) {
        let order: VecDeque<BlockId> = self.cfg.reverse_postorder().iter().copied().collect();
        let mut ends: HashMap<BlockId, Vec<(BlockId, State)>> = HashMap::default();
        for &block in &order {
            if let Some(state) = at.get(&block) {
                ends.insert(block, self.after(block, state.clone()));
            }
        }
        for &block in order.iter().skip(1) {
            let mut start: Option<State> = None;
            for predecessor in self.cfg.predecessors(block) {
                for (target, state) in ends.get(predecessor).into_iter().flatten() {
                    if *target == block {
                        start = Some(start.map_or_else(|| state.clone(), |s| join(&s, state)));
                    }
                }
            }
            match (start, at.get(&block)) {
                (Some(start), Some(old)) => {
                    let met = meet(old, &start);
                    ends.insert(block, self.after(block, met.clone()));
                    at.insert(block, met);
                }
                (None, Some(_)) => {
                    at.remove(&block);
                    ends.remove(&block);
                }
                _ => {}
            }
        }
    }

    /// The states along the block's outgoing edges, those that are possible.
    fn after(&self, block: BlockId, mut state: State) -> Vec<(BlockId, State)> {
        let Some(code) = self.function.blocks().get(block.index()) else {
            return Vec::new();
        };
        let Some(fit) = self.run(code, &mut state) else {
            return Vec::new();
        };
        let mut result = Vec::new();
        for (target, kind) in self.cfg.successors(block) {
            let mut next = state.clone();
            let possible = match (&code.terminator, kind) {
                (Terminator::Branch { condition, .. }, EdgeKind::Then | EdgeKind::Otherwise) => {
                    self.assume(condition, *kind == EdgeKind::Then, &mut next, &fit)
                }
                (Terminator::Switch { value, cases, .. }, EdgeKind::Case(n)) => {
                    cases.get(*n).is_none_or(|case| {
                        let range = Interval::new(clamp(case.low), clamp(case.high));
                        self.cut(value, false, range, &mut next, &fit)
                    })
                }
                _ => true,
            };
            if possible {
                result.push((*target, next));
            }
        }
        result
    }

    /// Runs a block's statements; `None` where control cannot reach its end.
    fn run(&self, block: &Block, state: &mut State) -> Option<KnownToFit> {
        let mut fit = KnownToFit::default();
        let go_on = block
            .statements
            .iter()
            .all(|statement| self.step(statement, state, &mut fit));
        go_on.then_some(fit)
    }

    /// One statement; false where control does not get past it.
    pub(crate) fn step(&self, Stmt { kind, .. }: &Stmt, state: &mut State, fit: &mut KnownToFit) -> bool {
        match kind {
            StmtKind::Assign { dst, value } => {
                let value = self.value(value, state, fit);
                set(state, *dst, value);
            }
            StmtKind::Assume(condition) => {
                if !self.assume(condition, true, state, fit) {
                    return false;
                }
            }
            StmtKind::Check(id) => {
                let obligation = self.function.obligations.get(id.index());
                let believed = obligation.filter(|o| self.believes_checks || o.required);
                if !self.checked(believed.map(|o| &o.condition), state, fit) {
                    return false;
                }
            }
            other => {
                if let Some(local) = written(other) {
                    state.remove(&local);
                }
            }
        }
        if let Some(local) = written(kind) {
            fit.retain(|(_, _, a, b)| !registers(a).contains(&local) && !registers(b).contains(&local));
        }
        true
    }

    /// What goes on after a check is what passed it. False: nothing does.
    fn checked(&self, condition: Option<&Condition>, state: &mut State, fit: &mut KnownToFit) -> bool {
        match condition {
            Some(Condition::Holds(condition)) => self.assume(condition, true, state, fit),
            Some(Condition::NoOverflow { op, signed, lhs, rhs }) => {
                fit.insert((*op, *signed, lhs.clone(), rhs.clone()));
                true
            }
            Some(Condition::Lossless {
                value,
                value_signed,
                bits,
                signed,
            }) => {
                let range = whole(*bits, *signed);
                self.cut(value, *value_signed, range, state, fit)
            }
            Some(Condition::Unreachable) => false,
            _ => true,
        }
    }

    /// Sharpens the state by a condition. False where it cannot have this truth value.
    pub(crate) fn assume(&self, condition: &Expr, holds: bool, state: &mut State, fit: &KnownToFit) -> bool {
        atoms(condition, holds)
            .iter()
            .all(|atom| self.assume_atom(atom, state, fit))
    }

    fn assume_atom(&self, atom: &Atom, state: &mut State, fit: &KnownToFit) -> bool {
        let (a, b) = (
            self.value(&atom.lhs, state, fit),
            self.value(&atom.rhs, state, fit),
        );
        if a.bits > interval::MAX_BITS || a.bits != b.bits {
            return true;
        }
        let signed = is_signed(atom.op);
        match atom.op {
            CompareOp::Equal => [false, true].iter().all(|&signed| {
                self.cut(&atom.lhs, signed, b.reading(signed), state, fit)
                    && self.cut(&atom.rhs, signed, a.reading(signed), state, fit)
            }),
            CompareOp::NotEqual => {
                self.exclude(&atom.lhs, a, b, state, fit) && self.exclude(&atom.rhs, b, a, state, fit)
            }
            CompareOp::ULess | CompareOp::SLess | CompareOp::ULessEqual | CompareOp::SLessEqual => {
                let strict = i128::from(matches!(atom.op, CompareOp::ULess | CompareOp::SLess));
                let all = whole(a.bits, signed);
                let below = Interval::new(all.low, b.reading(signed).high - strict);
                let above = Interval::new(a.reading(signed).low + strict, all.high);
                self.cut(&atom.lhs, signed, below, state, fit)
                    && self.cut(&atom.rhs, signed, above, state, fit)
            }
        }
    }

    /// `expr != other` where the other has one value, which is a bound of the expression.
    fn exclude(&self, expr: &Expr, value: Value, other: Value, state: &mut State, fit: &KnownToFit) -> bool {
        for signed in [false, true] {
            let (mut range, excluded) = (value.reading(signed), other.reading(signed));
            if excluded.low != excluded.high {
                continue;
            }
            if range.low == excluded.low {
                range.low += 1;
            }
            if range.high == excluded.low {
                range.high -= 1;
            }
            if !self.cut(expr, signed, range, state, fit) {
                return false;
            }
        }
        true
    }

    /// Cuts the register under an expression so that the expression's reading lies in the interval. False where
    /// it cannot.
    fn cut(&self, expr: &Expr, signed: bool, range: Interval, state: &mut State, fit: &KnownToFit) -> bool {
        let value = self.value(expr, state, fit);
        if value.bits > interval::MAX_BITS {
            return true;
        }
        let cut = value.within(signed, range);
        if cut.is_empty() {
            return false;
        }
        match expr {
            Expr::Local(local) => set(state, *local, cut),
            Expr::Resize { kind, arg, .. } => {
                let inner = self.value(arg, state, fit);
                match kind {
                    Resize::ZeroExtend => return self.cut(arg, false, cut.unsigned, state, fit),
                    Resize::SignExtend => return self.cut(arg, true, cut.signed, state, fit),
                    // Only where nothing is cut off.
                    Resize::Truncate if whole(cut.bits, false).contains(inner.unsigned) => {
                        return self.cut(arg, false, cut.unsigned, state, fit);
                    }
                    Resize::Truncate => {}
                }
            }
            Expr::Binary {
                op: op @ (BinaryOp::Add | BinaryOp::Sub),
                lhs,
                rhs,
            } => {
                return self.cut_sum(*op, lhs, rhs, cut, state, fit);
            }
            _ => {}
        }
        true
    }

    /// From bounds of `x + c` (or `x - c`) to bounds of `x`, where the sum does not wrap.
    fn cut_sum(
        &self,
        op: BinaryOp,
        lhs: &Expr,
        rhs: &Expr,
        sum: Value,
        state: &mut State,
        fit: &KnownToFit,
    ) -> bool {
        let (a, b) = (self.value(lhs, state, fit), self.value(rhs, state, fit));
        let exact = interval::exact(op, a, b);
        for signed in [false, true] {
            let range = if signed { exact.signed } else { exact.unsigned };
            let known = fit_key(op).is_some_and(|op| fit.contains(&(op, signed, lhs.clone(), rhs.clone())));
            let fits = range.is_some_and(|range| whole(sum.bits, signed).contains(range));
            let addend = b.reading(signed);
            if !(known || fits) || addend.low != addend.high {
                continue;
            }
            let shift = if op == BinaryOp::Add {
                -addend.low
            } else {
                addend.low
            };
            let bounds = sum.reading(signed);
            let moved = Interval::new(bounds.low + shift, bounds.high + shift);
            if !self.cut(lhs, signed, moved, state, fit) {
                return false;
            }
        }
        true
    }

    /// Value of an integer expression.
    pub(crate) fn value(&self, expr: &Expr, state: &State, fit: &KnownToFit) -> Value {
        let bits = match expr.ty(self.function, self.program.model) {
            Ty::Int(bits) => bits,
            Ty::Ptr | Ty::Float(_) => return Value::top(128),
        };
        match expr {
            Expr::Int { value, .. } => Value::constant(bits, *value),
            Expr::Local(local) => state.get(local).copied().unwrap_or_else(|| Value::top(bits)),
            Expr::Binary { op, lhs, rhs } => {
                let (a, b) = (self.value(lhs, state, fit), self.value(rhs, state, fit));
                let known = |signed: bool| {
                    !fit.is_empty()
                        && fit_key(*op)
                            .is_some_and(|op| fit.contains(&(op, signed, (**lhs).clone(), (**rhs).clone())))
                };
                interval::binary(*op, a, b, (known(false), known(true)))
            }
            Expr::Unary {
                op: UnaryOp::Neg,
                arg,
            } => {
                let zero = Value::constant(bits, 0);
                interval::binary(BinaryOp::Sub, zero, self.value(arg, state, fit), (false, false))
            }
            Expr::Resize { kind, bits, arg } => interval::resize(*kind, *bits, self.value(arg, state, fit)),
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                let side = |holds: bool, arm: &Expr| {
                    let mut inside = state.clone();
                    self.assume(condition, holds, &mut inside, fit)
                        .then(|| self.value(arm, &inside, fit))
                };
                match (side(true, then), side(false, otherwise)) {
                    (Some(a), Some(b)) => a.join(b),
                    (Some(one), None) | (None, Some(one)) => one,
                    (None, None) => Value::top(bits),
                }
            }
            _ => Value::top(bits),
        }
    }
}

fn fit_key(op: BinaryOp) -> Option<Arithmetic> {
    match op {
        BinaryOp::Add => Some(Arithmetic::Add),
        BinaryOp::Sub => Some(Arithmetic::Sub),
        BinaryOp::Mul => Some(Arithmetic::Mul),
        BinaryOp::Shl => Some(Arithmetic::Shl),
        _ => None,
    }
}

fn clamp(value: u128) -> i128 {
    i128::try_from(value).unwrap_or(i128::MAX)
}

fn set(state: &mut State, local: LocalId, value: Value) {
    if value.bits > interval::MAX_BITS || value == Value::top(value.bits) {
        state.remove(&local);
    } else {
        state.insert(local, value);
    }
}

/// What holds on either way: registers known on both.
pub(crate) fn join(a: &State, b: &State) -> State {
    let both = |(local, value): (&LocalId, &Value)| Some((*local, value.join(*b.get(local)?)));
    let mut joined: State = a.iter().filter_map(both).collect();
    joined.retain(|_, value| *value != Value::top(value.bits));
    joined
}

/// What holds by either account.
fn meet(a: &State, b: &State) -> State {
    let mut met = a.clone();
    for (local, value) in b {
        let cut = met.get(local).map_or(*value, |old| old.meet(*value));
        met.insert(*local, cut);
    }
    met
}

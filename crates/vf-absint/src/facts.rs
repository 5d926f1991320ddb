//! What a function compares, and what one loop of it changes, tests and counts.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashSet;

use vf_ir::cfg::{Cfg, Loop};
use vf_ir::{
    ArrayLen, BinaryOp, Block, BlockId, CType, CompareOp, Condition, Expr, Function, LocalId, Program,
    StmtKind, Terminator, Ty,
};

use crate::Induction;
use crate::analysis::{register_bits, statement_expressions, written};
use crate::blocks::{Effect, resolved};
use crate::expression::{
    Atom, atoms, children, is_integer_arithmetic, registers, signed_constant, size, split_sum, subexpressions,
};

/// Operand expressions larger than this are left out.
const MAX_OPERAND: usize = 7;
/// How far back the value of a register before a loop is looked for, in blocks.
const MAX_BACK: usize = 12;

/// What all loops of a function share.
pub struct Surroundings<'a> {
    pub program: &'a Program,
    pub function: &'a Function,
    pub cfg: &'a Cfg,
    /// Integer expressions that conditions compare and that index memory, in order of appearance.
    pub operands: Vec<Expr>,
    /// Lengths of arrays in view, in elements.
    pub lengths: BTreeSet<u64>,
    effects: Vec<Effect>,
    /// Registers that may still be read, at the start of each block.
    live: Vec<HashSet<LocalId>>,
}

impl<'a> Surroundings<'a> {
    pub fn of(program: &'a Program, function: &'a Function, cfg: &'a Cfg) -> Surroundings<'a> {
        let blocks = function.blocks();
        Surroundings {
            program,
            function,
            cfg,
            operands: operands(function),
            lengths: lengths(program, function),
            effects: blocks.iter().map(Effect::of).collect(),
            live: live(function, cfg),
        }
    }

    fn block(&self, id: BlockId) -> Option<&'a Block> {
        self.function.blocks().get(id.index())
    }

    /// Width of an integer expression.
    pub fn bits(&self, expr: &Expr) -> Option<u32> {
        match expr.ty(self.function, self.program.model) {
            Ty::Int(bits) => Some(bits),
            Ty::Ptr | Ty::Float(_) => None,
        }
    }

    /// Whether the program declared the register as a signed integer.
    pub fn is_signed(&self, local: LocalId) -> bool {
        self.function
            .locals
            .get(local.index())
            .is_some_and(|l| l.ty.is_signed())
    }

    fn is_temporary(&self, local: LocalId) -> bool {
        self.function.locals.get(local.index()).is_some_and(|l| !l.user)
    }
}

/// What one loop does.
pub struct LoopFacts {
    /// Integer registers that the loop changes and that are still read after its header.
    pub changed: BTreeSet<LocalId>,
    /// Everything that the loop writes.
    pub written: BTreeSet<LocalId>,
    /// Comparisons that hold where the loop goes on.
    pub guards: Vec<Atom>,
    /// Value before the loop, over registers that the loop leaves alone.
    pub initial: BTreeMap<LocalId, Expr>,
    pub inductions: Vec<Induction>,
    /// Of the function's operands, those that appear in the loop.
    pub operands: Vec<Expr>,
    /// What loops inside compare with, where they go on while something is less (or at most as much), and this loop leaves it
    /// alone: the order and the bound.
    pub inner_bounds: Vec<(CompareOp, Expr)>,
}

impl LoopFacts {
    pub fn of(around: &Surroundings, region: &Loop) -> LoopFacts {
        let mut all_written = BTreeSet::new();
        for block in region.blocks.iter().filter_map(|b| around.block(*b)) {
            all_written.extend(block.statements.iter().filter_map(|s| written(&s.kind)));
        }
        let live = around.live.get(region.header.index());
        let is_counted = |local: &LocalId| {
            register_bits(around.function, *local).is_some_and(|bits| bits > 1)
                && live.is_some_and(|live| live.contains(local))
        };
        let changed: BTreeSet<LocalId> = all_written.iter().copied().filter(is_counted).collect();
        let mut facts = LoopFacts {
            guards: guards(around, region),
            initial: initial(around, region, &changed, &all_written),
            inductions: inductions(around, region, &changed),
            operands: loop_operands(around, region),
            inner_bounds: inner_bounds(around, region, &all_written),
            changed,
            written: all_written,
        };
        facts.guards.dedup();
        facts
    }

    pub fn induction(&self, local: LocalId) -> Option<&Induction> {
        self.inductions.iter().find(|i| i.local == local)
    }

    /// Whether the expression keeps its value in the loop.
    pub fn is_fixed(&self, expr: &Expr) -> bool {
        registers(expr).iter().all(|local| !self.written.contains(local))
    }

    /// Whether the expression has a value at the header: it reads nothing that only lives inside an iteration.
    pub fn is_meaningful(&self, expr: &Expr) -> bool {
        registers(expr)
            .iter()
            .all(|local| !self.written.contains(local) || self.changed.contains(local))
    }
}

/// The expressions of a block: statements, checks, terminator.
fn expressions<'a>(function: &'a Function, block: &'a Block) -> Vec<&'a Expr> {
    let mut found = Vec::new();
    for statement in &block.statements {
        found.extend(statement_expressions(&statement.kind));
        if let StmtKind::Check(id) = &statement.kind
            && let Some(obligation) = function.obligations.get(id.index())
        {
            found.extend(condition_expressions(&obligation.condition));
        }
    }
    match &block.terminator {
        Terminator::Branch { condition, .. } => found.push(condition),
        Terminator::Switch { value, .. } => found.push(value),
        Terminator::Return(Some(value)) => found.push(value),
        Terminator::Return(None) | Terminator::Goto(_) | Terminator::Unreachable => {}
    }
    found
}

fn condition_expressions(condition: &Condition) -> Vec<&Expr> {
    match condition {
        Condition::Holds(expr) | Condition::Lossless { value: expr, .. } => vec![expr],
        Condition::NoOverflow { lhs, rhs, .. } => vec![lhs, rhs],
        Condition::ValidAccess { ptr, size, .. } | Condition::InitializedMemory { ptr, size } => {
            vec![ptr, size]
        }
        Condition::NotNull { ptr }
        | Condition::Live { ptr }
        | Condition::Terminated { ptr, .. }
        | Condition::Freeable { ptr } => vec![ptr],
        Condition::InitializedLocal(_) | Condition::Freed { .. } | Condition::Unreachable => Vec::new(),
    }
}

/// Operands of comparisons and indices, resolved to what is not a temporary where the block itself computed it.
fn block_operands(function: &Function, block: &Block) -> Vec<Expr> {
    let is_temporary = |local: LocalId| function.locals.get(local.index()).is_some_and(|l| !l.user);
    let mut found = Vec::new();
    for expr in expressions(function, block) {
        for part in subexpressions(expr) {
            match part {
                Expr::Compare { lhs, rhs, .. } => found.extend([(**lhs).clone(), (**rhs).clone()]),
                Expr::PtrAdd { index, .. } => found.push((**index).clone()),
                // What is taken off something is likely to be no more than that.
                Expr::Binary {
                    op: BinaryOp::Sub,
                    lhs,
                    rhs,
                } => found.extend([(**lhs).clone(), (**rhs).clone()]),
                _ => {}
            }
        }
        if let Expr::Local(local) = expr
            && is_temporary(*local)
            && let Expr::Compare { lhs, rhs, .. } = resolved(block, expr, is_temporary)
        {
            found.extend([*lhs, *rhs]);
        }
    }
    let resolved_too: Vec<Expr> = found.iter().map(|e| resolved(block, e, is_temporary)).collect();
    found.extend(resolved_too);
    found.retain(|e| is_integer_arithmetic(e) && size(e) <= MAX_OPERAND && signed_constant(e).is_none());
    found
}

fn operands(function: &Function) -> Vec<Expr> {
    let all = function
        .blocks()
        .iter()
        .flat_map(|block| block_operands(function, block));
    without_repetition(all)
}

fn loop_operands(around: &Surroundings, region: &Loop) -> Vec<Expr> {
    let blocks = region.blocks.iter().filter_map(|b| around.block(*b));
    without_repetition(blocks.flat_map(|block| block_operands(around.function, block)))
}

fn without_repetition(all: impl Iterator<Item = Expr>) -> Vec<Expr> {
    let mut seen = HashSet::default();
    all.filter(|e| seen.insert(e.clone())).collect()
}

/// Lengths of the arrays that locals and the globals used here have.
fn lengths(program: &Program, function: &Function) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    let mut types: Vec<&CType> = function.locals.iter().map(|l| &l.ty).collect();
    for block in function.blocks() {
        for expr in expressions(function, block) {
            for part in subexpressions(expr) {
                match part {
                    Expr::GlobalAddress(id) => types.extend(program.globals.get(id.index()).map(|g| &g.ty)),
                    Expr::Member { record, field, .. } => {
                        let record = program.records.get(record.0 as usize);
                        types.extend(record.and_then(|r| r.fields.get(*field as usize)).map(|f| &f.ty));
                    }
                    _ => {}
                }
            }
        }
    }
    for ty in types {
        let mut ty = ty;
        while let CType::Array { element, len } = ty {
            if let ArrayLen::Fixed(n) = len {
                found.insert(*n);
            }
            ty = element;
        }
    }
    found
}

/// Live registers at the start of each block: the usual backward fixpoint (Aho et al., *Compilers*, 9.2.5).
fn live(function: &Function, cfg: &Cfg) -> Vec<HashSet<LocalId>> {
    let blocks = function.blocks();
    let mut used: Vec<HashSet<LocalId>> = vec![HashSet::default(); blocks.len()];
    let mut defined: Vec<HashSet<LocalId>> = vec![HashSet::default(); blocks.len()];
    for (index, block) in blocks.iter().enumerate() {
        let mut read = |exprs: Vec<&Expr>, defined: &HashSet<LocalId>| {
            let locals = exprs.into_iter().flat_map(registers);
            used[index].extend(locals.filter(|l| !defined.contains(l)));
        };
        for statement in &block.statements {
            read(statement_expressions(&statement.kind), &defined[index]);
            if let StmtKind::Check(id) = &statement.kind
                && let Some(obligation) = function.obligations.get(id.index())
            {
                read(condition_expressions(&obligation.condition), &defined[index]);
            }
            defined[index].extend(written(&statement.kind));
        }
        match &block.terminator {
            Terminator::Branch { condition: e, .. }
            | Terminator::Switch { value: e, .. }
            | Terminator::Return(Some(e)) => read(vec![e], &defined[index]),
            Terminator::Return(None) | Terminator::Goto(_) | Terminator::Unreachable => {}
        }
    }
    let mut live = used;
    let mut pending: Vec<BlockId> = cfg.reverse_postorder().to_vec();
    while let Some(block) = pending.pop() {
        let after: HashSet<LocalId> = cfg
            .successors(block)
            .iter()
            .flat_map(|(next, _)| live.get(next.index()).into_iter().flatten().copied())
            .collect();
        let before = live[block.index()].len();
        live[block.index()].extend(after.difference(&defined[block.index()]));
        if live[block.index()].len() > before {
            pending.extend(cfg.predecessors(block).iter().copied());
        }
    }
    live
}

/// The comparisons that hold where an exit of the loop is not taken: as they stand in the program, and in terms
/// of the registers at the start of the block that tests them.
fn guards(around: &Surroundings, region: &Loop) -> Vec<Atom> {
    let mut found = Vec::new();
    let mut seen = HashSet::default();
    let header_first =
        std::iter::once(&region.header).chain(region.blocks.iter().filter(|b| **b != region.header));
    for id in header_first {
        let Some(block) = around.block(*id) else { continue };
        let Terminator::Branch {
            condition,
            then,
            otherwise,
        } = &block.terminator
        else {
            continue;
        };
        let (stays_then, stays_else) = (region.blocks.contains(then), region.blocks.contains(otherwise));
        if stays_then == stays_else {
            continue;
        }
        let at_end = resolved(block, condition, |l| around.is_temporary(l));
        let at_start = around
            .effects
            .get(id.index())
            .and_then(|effect| effect.read(condition));
        for condition in at_start.iter().chain([&at_end]) {
            for atom in atoms(condition, stays_then) {
                let usable = is_integer_arithmetic(&atom.lhs) && is_integer_arithmetic(&atom.rhs);
                if usable && seen.insert(atom.clone()) {
                    found.push(atom);
                }
            }
        }
    }
    found
}

/// The bounds of the loops inside that this one does not change.
fn inner_bounds(around: &Surroundings, region: &Loop, written: &BTreeSet<LocalId>) -> Vec<(CompareOp, Expr)> {
    let loops = around.cfg.loops().iter();
    let inside = loops.filter(|l| l.header != region.header && region.blocks.contains(&l.header));
    let orders = inside.flat_map(|inner| guards(around, inner)).filter(|atom| {
        let order = matches!(
            atom.op,
            CompareOp::ULess | CompareOp::SLess | CompareOp::ULessEqual | CompareOp::SLessEqual
        );
        let bound = registers(&atom.rhs);
        order && !bound.is_empty() && bound.is_disjoint(written)
    });
    let mut seen = HashSet::default();
    orders
        .map(|atom| (atom.op, atom.rhs))
        .filter(|bound| seen.insert(bound.clone()))
        .collect()
}

/// Values that registers have whenever the loop is entered, where that is one expression of what the loop does
/// not write.
fn initial(
    around: &Surroundings,
    region: &Loop,
    changed: &BTreeSet<LocalId>,
    written: &BTreeSet<LocalId>,
) -> BTreeMap<LocalId, Expr> {
    let entries: Vec<BlockId> = around
        .cfg
        .predecessors(region.header)
        .iter()
        .copied()
        .filter(|p| !region.blocks.contains(p) && around.cfg.is_reachable(*p))
        .collect();
    let mut found = BTreeMap::new();
    for local in changed {
        let mut values: Vec<Option<Expr>> = entries
            .iter()
            .map(|from| value_at_end(around, *from, *local, written))
            .collect();
        values.dedup();
        if let [Some(value)] = values.as_slice() {
            found.insert(*local, value.clone());
        }
    }
    found
}

/// The value of a register at a block's end, followed back through single predecessors until nothing that the
/// loop writes is left in it.
fn value_at_end(
    around: &Surroundings,
    from: BlockId,
    local: LocalId,
    written: &BTreeSet<LocalId>,
) -> Option<Expr> {
    let mut value = Expr::Local(local);
    let mut block = from;
    for _ in 0..MAX_BACK {
        value = around.effects.get(block.index())?.read(&value)?;
        if registers(&value).is_disjoint(written) {
            return is_integer_arithmetic(&value).then_some(value);
        }
        match around.cfg.predecessors(block) {
            [only] if *only != block => block = *only,
            _ => return None,
        }
    }
    None
}

/// Registers to which the loop only adds constants.
fn inductions(around: &Surroundings, region: &Loop, changed: &BTreeSet<LocalId>) -> Vec<Induction> {
    let mut found = Vec::new();
    'locals: for &local in changed {
        let mut steps = BTreeSet::new();
        let mut writers = BTreeMap::<BlockId, usize>::new();
        for id in &region.blocks {
            let Some(block) = around.block(*id) else { continue };
            let writes = block
                .statements
                .iter()
                .filter(|s| written(&s.kind) == Some(local))
                .count();
            if writes == 0 {
                continue;
            }
            let change = around
                .effects
                .get(id.index())
                .and_then(|e| e.read(&Expr::Local(local)));
            match change.as_ref().map(split_sum) {
                Some((Expr::Local(base), step)) if *base == local && step != 0 => steps.insert(step),
                _ => continue 'locals,
            };
            writers.insert(*id, writes);
        }
        let every_iteration = match writers.keys().collect::<Vec<_>>().as_slice() {
            [only] => {
                let own = around.cfg.innermost_loop(**only) == around.cfg.loop_with_header(region.header);
                own && region
                    .latches
                    .iter()
                    .all(|latch| around.cfg.dominates(**only, *latch))
            }
            _ => false,
        };
        found.push(Induction {
            local,
            steps: steps.into_iter().collect(),
            every_iteration,
        });
    }
    found
}

/// The registers in an expression, as expressions of their own.
pub fn bare_registers(expr: &Expr, function: &Function) -> Vec<Expr> {
    let integers = registers(expr)
        .into_iter()
        .filter(|l| register_bits(function, *l).is_some());
    integers.map(Expr::Local).collect()
}

/// Extensions and cuts of single registers inside an expression: how the program brings widths together.
pub fn resized_registers(expr: &Expr) -> Vec<Expr> {
    let resized = |e: &&&Expr| matches!(e, Expr::Resize { arg, .. } if matches!(**arg, Expr::Local(_)) && children(arg).is_empty());
    subexpressions(expr)
        .iter()
        .filter(resized)
        .map(|e| (**e).clone())
        .collect()
}

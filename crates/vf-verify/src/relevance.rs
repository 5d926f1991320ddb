//! Which unsigned wraps and lossy conversions matter (`--wraps relevant`).
//!
//! Unsigned arithmetic wraps by design in hashes, checksums, ring buffers and time differences; reporting each would
//! bury the few that lead to memory errors. A wrap or a lossy conversion is kept as an obligation where its
//! *result* flows into
//!
//! - the index of an array access or an offset of a pointer,
//! - the size of an allocation, a copy, a fill, or of an access that a library model asks for,
//! - a parameter of a function with a body (library models included) that does any of this with it,
//! - the value that a function returns, where its type is an unsigned integer of pointer width, or where the
//!   caller, in view, uses it so.
//!
//! Flow goes through assignments, arithmetic, conversions, both arms of a choice, and through memory by name: a local,
//! a global, a member of a record, and all other memory of the function as one. It does not go through comparisons and
//! conditions (a bound that was computed too small or too large shows at the access that it guards, which is an obligation
//! of its own), nor through what cuts a value to a range: the dividend of `%`, `&` with a constant, and right shifts.
//!
//! A left shift is a multiplication only where its result goes on as a number. `high << 16 | low` and
//! `(a << 30) ^ (b << 15) ^ c` put bits together, and bits that leave at the top are meant to; so an unsigned left shift that
//! is only an operand of `|`, `^` and `&` is no obligation, and with `--wraps all` one that reaches no use that
//! matters is none either (as in UBSan, whose unsigned-integer-overflow check leaves shifts out).
//!
//! The minus sign before an unsigned value wraps for every value but zero: whoever writes it means arithmetic modulo 2^n.
//! It is no obligation, nor is a sum or a difference with it (`-x - 1`, which is `~x`); what the result does as an index or a
//! size is checked there.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashSet;

use vf_ir::obligation::Arithmetic;
use vf_ir::{
    BinaryOp, CType, Callee, Condition, Expr, Function, FunctionId, GlobalId, LocalId, Obligation,
    ObligationId, Program, Property, RecordId, Resize, StmtKind, Terminator, UnaryOp,
};

/// The unsigned-wrap and lossy-conversion obligations of a function that do not matter in the sense of this module.
/// Unsure means that an obligation matters.
pub fn irrelevant_checks(program: &Program, function: FunctionId) -> BTreeSet<ObligationId> {
    Relevance::new(program).irrelevant(function)
}

/// The same for several functions of one program, looking at each callee once.
pub struct Relevance<'p> {
    program: &'p Program,
    /// Per function looked at: whether each parameter reaches a use that matters. Empty while in progress
    /// (a recursive call adds nothing new).
    parameters: RefCell<BTreeMap<FunctionId, Vec<bool>>>,
}

/// How deep calls are followed.
const CALL_DEPTH: u32 = 6;

impl<'p> Relevance<'p> {
    pub fn new(program: &'p Program) -> Self {
        Relevance {
            program,
            parameters: RefCell::new(BTreeMap::new()),
        }
    }

    /// See [`irrelevant_checks`].
    pub fn irrelevant(&self, id: FunctionId) -> BTreeSet<ObligationId> {
        let Some(function) = self.program.functions.get(id.index()) else {
            return BTreeSet::new();
        };
        let candidates: Vec<(ObligationId, &Obligation)> = (0u32..)
            .map(ObligationId)
            .zip(&function.obligations)
            .filter(|(_, o)| matches!(o.property, Property::UnsignedWrap | Property::LossyConversion))
            .collect();
        if candidates.is_empty() {
            return BTreeSet::new();
        }
        let flow = self.flow(function, 0);
        let computed = computed_expressions(function);
        candidates
            .into_iter()
            .filter(|(id, o)| is_deliberate(o, &computed) || !matters(function, *id, o, &flow, &computed))
            .map(|(id, _)| id)
            .collect()
    }

    /// The checks that are no obligations even where every wrap is one.
    pub fn deliberate(&self, id: FunctionId) -> BTreeSet<ObligationId> {
        let mut found = self.irrelevant(id);
        let Some(function) = self.program.functions.get(id.index()) else {
            return found;
        };
        found.retain(|o| {
            let obligation = function.obligations.get(o.index());
            obligation.is_some_and(|o| is_shift(o) || is_modular(o))
        });
        found
    }

    /// What flows into uses that matter, in one function.
    fn flow<'f>(&self, function: &'f Function, depth: u32) -> Flow<'f> {
        let mut flow = Flow::default();
        for block in function.blocks() {
            for statement in &block.statements {
                for expr in expressions(&statement.kind) {
                    flow.seed_offsets(expr);
                }
                match &statement.kind {
                    StmtKind::Copy { size, .. }
                    | StmtKind::Fill { size, .. }
                    | StmtKind::HavocMemory { size, .. }
                    | StmtKind::Text { size, .. }
                    | StmtKind::Alloc { size, .. } => flow.reach(size),
                    StmtKind::Check(id) => match function.obligations.get(id.index()).map(|o| &o.condition) {
                        Some(Condition::ValidAccess { size, ptr, .. })
                        | Some(Condition::InitializedMemory { size, ptr }) => {
                            flow.reach(size);
                            flow.seed_offsets(ptr);
                        }
                        _ => {}
                    },
                    StmtKind::Call {
                        callee: Callee::Direct(callee),
                        args,
                        ..
                    } => {
                        let reaching = self.reaching_parameters(*callee, depth + 1);
                        for (argument, _) in args.iter().zip(reaching).filter(|(_, reaches)| *reaches) {
                            flow.reach(argument);
                        }
                    }
                    _ => {}
                }
            }
            match &block.terminator {
                Terminator::Return(Some(value)) => {
                    flow.seed_offsets(value);
                    if self.is_size(&function.ret) {
                        flow.reach(value);
                    }
                }
                Terminator::Branch { condition: value, .. } | Terminator::Switch { value, .. } => {
                    flow.seed_offsets(value);
                }
                _ => {}
            }
        }
        flow.close(function);
        flow
    }

    /// Which parameters of a function reach a use that matters. A function without a body uses none, as far as
    /// can be seen.
    fn reaching_parameters(&self, id: FunctionId, depth: u32) -> Vec<bool> {
        if let Some(known) = self.parameters.borrow().get(&id) {
            return known.clone();
        }
        let Some(function) = self
            .program
            .functions
            .get(id.index())
            .filter(|f| !f.blocks().is_empty())
        else {
            return Vec::new();
        };
        if depth > CALL_DEPTH {
            return vec![true; function.params.len()];
        }
        self.parameters.borrow_mut().insert(id, Vec::new());
        let flow = self.flow(function, depth);
        let reaching: Vec<bool> = function.params.iter().map(|p| flow.locals.contains(p)).collect();
        self.parameters.borrow_mut().insert(id, reaching.clone());
        reaching
    }

    /// An unsigned integer of pointer width: `size_t` and what has its representation.
    fn is_size(&self, ty: &CType) -> bool {
        matches!(ty, CType::Int { bits, signed: false } if *bits == self.program.model.pointer_bits())
    }
}

/// Memory by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    Local(LocalId),
    Global(GlobalId),
    Member(RecordId, u32),
    /// Reached through a pointer.
    Other,
}

/// Expressions whose value reaches a use that matters, and where they come from.
#[derive(Default)]
struct Flow<'f> {
    expressions: HashSet<&'f Expr>,
    locals: BTreeSet<LocalId>,
    places: BTreeSet<Place>,
}

impl<'f> Flow<'f> {
    /// Every offset inside the expression reaches: the index of a `PtrAdd`, the address made from an integer.
    fn seed_offsets(&mut self, expr: &'f Expr) {
        match expr {
            Expr::PtrAdd { ptr, index, .. } => {
                self.seed_offsets(ptr);
                self.seed_offsets(index);
                self.reach(index);
            }
            Expr::IntToPtr(arg) => {
                self.seed_offsets(arg);
                self.reach(arg);
            }
            Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) => {
                self.seed_offsets(arg)
            }
            Expr::Member { ptr, .. } => self.seed_offsets(ptr),
            Expr::Binary { lhs, rhs, .. }
            | Expr::Compare { lhs, rhs, .. }
            | Expr::PtrCompare { lhs, rhs, .. }
            | Expr::PtrDiff { lhs, rhs, .. } => {
                self.seed_offsets(lhs);
                self.seed_offsets(rhs);
            }
            Expr::Select {
                condition,
                then,
                otherwise,
            } => {
                self.seed_offsets(condition);
                self.seed_offsets(then);
                self.seed_offsets(otherwise);
            }
            Expr::Int { .. }
            | Expr::Null
            | Expr::Local(_)
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_) => {}
        }
    }

    /// The value of the expression reaches a use that matters.
    fn reach(&mut self, expr: &'f Expr) {
        if !self.expressions.insert(expr) {
            return;
        }
        match expr {
            Expr::Local(local) => {
                self.locals.insert(*local);
            }
            Expr::Unary { arg, .. }
            | Expr::Resize { arg, .. }
            | Expr::IntToPtr(arg)
            | Expr::PtrToInt(arg) => {
                self.reach(arg);
            }
            Expr::Binary {
                op: BinaryOp::URem | BinaryOp::SRem,
                rhs,
                ..
            } => self.reach(rhs),
            Expr::Binary {
                op: BinaryOp::LShr | BinaryOp::AShr,
                ..
            } => {}
            Expr::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } if is_constant(lhs) || is_constant(rhs) => {}
            Expr::Binary { lhs, rhs, .. } => {
                self.reach(lhs);
                self.reach(rhs);
            }
            Expr::Select { then, otherwise, .. } => {
                self.reach(then);
                self.reach(otherwise);
            }
            Expr::PtrAdd { ptr, index, .. } => {
                self.reach(ptr);
                self.reach(index);
            }
            Expr::Member { ptr, .. } => self.reach(ptr),
            Expr::PtrDiff { lhs, rhs, .. } => {
                self.reach(lhs);
                self.reach(rhs);
            }
            Expr::Int { .. }
            | Expr::Null
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_)
            | Expr::Compare { .. }
            | Expr::PtrCompare { .. } => {}
        }
    }

    /// Follows the values back through registers and named memory until nothing new reaches.
    fn close(&mut self, function: &'f Function) {
        loop {
            let before = (self.expressions.len(), self.locals.len(), self.places.len());
            for statement in function.blocks().iter().flat_map(|b| &b.statements) {
                match &statement.kind {
                    StmtKind::Assign { dst, value } if self.locals.contains(dst) => self.reach(value),
                    StmtKind::Load { dst, ptr, .. } if self.locals.contains(dst) => {
                        self.places.insert(place(ptr));
                    }
                    StmtKind::Store { ptr, value, .. } if self.places.contains(&place(ptr)) => {
                        self.reach(value)
                    }
                    StmtKind::Copy { dst, src, .. } if self.places.contains(&place(dst)) => {
                        self.places.insert(place(src));
                    }
                    _ => {}
                }
            }
            if before == (self.expressions.len(), self.locals.len(), self.places.len()) {
                return;
            }
        }
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::Int { .. } => true,
        Expr::Resize { arg, .. } | Expr::Unary { arg, .. } => is_constant(arg),
        _ => false,
    }
}

/// The name of the memory at an address.
fn place(ptr: &Expr) -> Place {
    match ptr {
        Expr::LocalAddress(local) => Place::Local(*local),
        Expr::GlobalAddress(global) => Place::Global(*global),
        Expr::Member { record, field, .. } => Place::Member(*record, *field),
        Expr::PtrAdd { ptr, .. } => place(ptr),
        _ => Place::Other,
    }
}

/// The expressions of a statement.
fn expressions(kind: &StmtKind) -> Vec<&Expr> {
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
        StmtKind::Call { callee, args, .. } => {
            let mut all: Vec<&Expr> = args.iter().collect();
            if let Callee::Indirect(target) = callee {
                all.push(target);
            }
            all
        }
        StmtKind::Assume(condition) => vec![condition],
        StmtKind::Havoc { .. } | StmtKind::Check(_) | StmtKind::ScopeStart(_) | StmtKind::ScopeEnd(_) => {
            Vec::new()
        }
    }
}

/// Every expression that the function computes, part of a larger one or not.
fn computed_expressions(function: &Function) -> HashSet<&Expr> {
    let mut seen = HashSet::default();
    for block in function.blocks() {
        for statement in &block.statements {
            for expr in expressions(&statement.kind) {
                collect(expr, &mut seen);
            }
        }
        match &block.terminator {
            Terminator::Return(Some(value))
            | Terminator::Branch { condition: value, .. }
            | Terminator::Switch { value, .. } => collect(value, &mut seen),
            Terminator::Return(None) | Terminator::Goto(_) | Terminator::Unreachable => {}
        }
    }
    seen
}

fn collect<'f>(expr: &'f Expr, seen: &mut HashSet<&'f Expr>) {
    if !seen.insert(expr) {
        return;
    }
    match expr {
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => {
            collect(arg, seen);
        }
        Expr::Member { ptr, .. } => collect(ptr, seen),
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => {
            collect(lhs, seen);
            collect(rhs, seen);
        }
        Expr::PtrAdd { ptr, index, .. } => {
            collect(ptr, seen);
            collect(index, seen);
        }
        Expr::Select {
            condition,
            then,
            otherwise,
        } => {
            collect(condition, seen);
            collect(then, seen);
            collect(otherwise, seen);
        }
        Expr::Int { .. }
        | Expr::Null
        | Expr::Local(_)
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => {}
    }
}

/// Does the result of the operation under the obligation reach? The result is found by its form; one that is
/// computed nowhere (folded away, say) counts as reaching.
fn matters(
    function: &Function,
    id: ObligationId,
    obligation: &Obligation,
    flow: &Flow<'_>,
    computed: &HashSet<&Expr>,
) -> bool {
    let results = match &obligation.condition {
        Condition::NoOverflow { op, lhs, rhs, .. } => arithmetic_results(*op, lhs, rhs),
        Condition::Lossless { value, bits, .. } => {
            let mut resized = conversion_results(value, *bits);
            resized.retain(|r| computed.contains(r));
            if resized.is_empty() {
                // The width stays: the value itself is the result, and only its use tells the two apart.
                return flow.expressions.contains(value) && !only_compared(function, id, value)
                    || !computed.contains(value);
            }
            resized
        }
        _ => return true,
    };
    let computed: Vec<&Expr> = results.iter().filter(|r| computed.contains(r)).collect();
    // The same operation may stand elsewhere too, under a check of its own: this one's use is the next.
    computed.is_empty()
        || computed
            .iter()
            .any(|r| flow.expressions.contains(*r) && !only_compared(function, id, r))
}

fn is_deliberate(obligation: &Obligation, computed: &HashSet<&Expr>) -> bool {
    is_modular(obligation) || is_shift(obligation) && assembles_bits(obligation, computed)
}

fn is_shift(obligation: &Obligation) -> bool {
    matches!(
        obligation.condition,
        Condition::NoOverflow {
            op: Arithmetic::Shl,
            ..
        }
    )
}

/// Is this the negation of an unsigned value, or a sum or difference with one?
fn is_modular(obligation: &Obligation) -> bool {
    let Condition::NoOverflow {
        op,
        signed: false,
        lhs,
        rhs,
    } = &obligation.condition
    else {
        return false;
    };
    let negated = |e: &Expr| matches!(e, Expr::Unary { op: UnaryOp::Neg, .. });
    match op {
        Arithmetic::Neg => true,
        Arithmetic::Add | Arithmetic::Sub => negated(lhs) || negated(rhs),
        Arithmetic::Mul | Arithmetic::Div | Arithmetic::Shl => false,
    }
}

/// Is the result of this shift nowhere more than an operand of bitwise operations?
fn assembles_bits(obligation: &Obligation, computed: &HashSet<&Expr>) -> bool {
    let Condition::NoOverflow { op, lhs, rhs, .. } = &obligation.condition else {
        return false;
    };
    let shifts = arithmetic_results(*op, lhs, rhs);
    let mut used = computed
        .iter()
        .filter(|e| shifts.iter().any(|s| is_operand(s, e)))
        .peekable();
    used.peek().is_some()
        && used.all(|e| {
            matches!(
                e,
                Expr::Binary {
                    op: BinaryOp::And | BinaryOp::Or | BinaryOp::Xor,
                    ..
                }
            )
        })
}

/// Is `value` an immediate operand of `expr`?
fn is_operand(value: &Expr, expr: &Expr) -> bool {
    match expr {
        Expr::Unary { arg, .. } | Expr::Resize { arg, .. } | Expr::PtrToInt(arg) | Expr::IntToPtr(arg) => {
            **arg == *value
        }
        Expr::Member { ptr, .. } => **ptr == *value,
        Expr::Binary { lhs, rhs, .. }
        | Expr::Compare { lhs, rhs, .. }
        | Expr::PtrCompare { lhs, rhs, .. }
        | Expr::PtrDiff { lhs, rhs, .. } => **lhs == *value || **rhs == *value,
        Expr::PtrAdd { ptr, index, .. } => **ptr == *value || **index == *value,
        Expr::Select {
            condition,
            then,
            otherwise,
        } => [condition, then, otherwise].iter().any(|e| ***e == *value),
        Expr::Int { .. }
        | Expr::Null
        | Expr::Local(_)
        | Expr::LocalAddress(_)
        | Expr::GlobalAddress(_)
        | Expr::FunctionAddress(_) => false,
    }
}

fn arithmetic_results(op: Arithmetic, lhs: &Expr, rhs: &Expr) -> Vec<Expr> {
    let binary = |op| Expr::Binary {
        op,
        lhs: Box::new(lhs.clone()),
        rhs: Box::new(rhs.clone()),
    };
    match op {
        Arithmetic::Add => vec![binary(BinaryOp::Add)],
        Arithmetic::Sub => vec![binary(BinaryOp::Sub)],
        Arithmetic::Mul => vec![binary(BinaryOp::Mul)],
        Arithmetic::Div => vec![binary(BinaryOp::UDiv), binary(BinaryOp::SDiv)],
        Arithmetic::Shl => vec![binary(BinaryOp::Shl)],
        Arithmetic::Neg => {
            vec![
                Expr::Unary {
                    op: UnaryOp::Neg,
                    arg: Box::new(rhs.clone()),
                },
                binary(BinaryOp::Sub),
            ]
        }
    }
}

/// The value after a conversion that changes its width.
fn conversion_results(value: &Expr, bits: u32) -> Vec<Expr> {
    [Resize::Truncate, Resize::ZeroExtend, Resize::SignExtend]
        .into_iter()
        .map(|kind| Expr::Resize {
            kind,
            bits,
            arg: Box::new(value.clone()),
        })
        .collect()
}

/// Is the value, in the statement that the check stands before, an operand of comparisons only?
fn only_compared(function: &Function, id: ObligationId, value: &Expr) -> bool {
    for block in function.blocks() {
        let Some(at) = block
            .statements
            .iter()
            .position(|s| s.kind == StmtKind::Check(id))
        else {
            continue;
        };
        for statement in &block.statements[at + 1..] {
            let users: Vec<&Expr> = expressions(&statement.kind)
                .into_iter()
                .filter(|e| occurs(value, e, true))
                .collect();
            if !users.is_empty() {
                return !users.iter().any(|e| occurs(value, e, false));
            }
        }
        return match &block.terminator {
            Terminator::Branch { condition: e, .. } => occurs(value, e, true) && !occurs(value, e, false),
            _ => false,
        };
    }
    false
}

/// Does `value` occur in `expr`, operands of comparisons included or not?
fn occurs(value: &Expr, expr: &Expr, in_comparisons: bool) -> bool {
    let inside = |e: &Expr| occurs(value, e, in_comparisons);
    expr == value
        || match expr {
            Expr::Compare { lhs, rhs, .. } | Expr::PtrCompare { lhs, rhs, .. } => {
                in_comparisons && (inside(lhs) || inside(rhs))
            }
            Expr::Unary { arg, .. }
            | Expr::Resize { arg, .. }
            | Expr::PtrToInt(arg)
            | Expr::IntToPtr(arg) => inside(arg),
            Expr::Member { ptr, .. } => inside(ptr),
            Expr::Binary { lhs, rhs, .. } | Expr::PtrDiff { lhs, rhs, .. } => inside(lhs) || inside(rhs),
            Expr::PtrAdd { ptr, index, .. } => inside(ptr) || inside(index),
            Expr::Select {
                condition,
                then,
                otherwise,
            } => inside(condition) || inside(then) || inside(otherwise),
            Expr::Int { .. }
            | Expr::Null
            | Expr::Local(_)
            | Expr::LocalAddress(_)
            | Expr::GlobalAddress(_)
            | Expr::FunctionAddress(_) => false,
        }
}

//! Executing a function: regions, blocks, statements.

use std::collections::BTreeMap;
use std::rc::Rc;
use vf_source::tables::HashSet;

use vf_ir::cfg::Cfg;
use vf_ir::versions::END;
use vf_ir::{
    AllocKind, BinaryOp, Block, BlockId, Expr, FunctionId, HavocReason, LocalId, Stmt, StmtKind, Storage,
    Terminator, Ty,
};
use vf_smt::{Sort, Term};

use super::compare::Sees;
use super::registers::{defined, liveness};
use super::state::{Edge, Memory, Register, State};
use super::value::{Context, INVALID, NO_OBJECT, Object, ObjectId, ObjectKey, Pointer, Value, WILD};
use super::walks::terminator_reads;
use super::{ChoicePoint, ChoiceTerm, Engine, Stop};
use crate::Reason;

/// Stands for a read of a volatile object where calls are seen.
const VOLATILE: &str = "volatile read";

/// What is computed once per function.
pub struct FunctionFacts {
    pub cfg: Cfg,
    /// Registers read before they are written, from the start of each block on.
    pub live: Vec<HashSet<u32>>,
    /// Registers that hold a byte in a loop and are compared with zero.
    pub terminators: HashSet<LocalId>,
}

/// One activation of a function.
#[derive(Clone)]
pub struct Frame {
    pub function: FunctionId,
    /// Of the activation: its locals are objects of this context.
    pub context: Context,
    /// Of the loop iterations in it, too: allocations and calls happen here.
    pub path: Context,
    /// The user's function whose obligations this frame's are, and the calls from it to here: empty unless
    /// this frame is a library model.
    pub owner: FunctionId,
    pub via: Vec<(BlockId, u32)>,
    /// The call that made this activation, as owner and path: what the function requires is asked there. None of the
    /// entry function's.
    pub call: Option<(FunctionId, Vec<(BlockId, u32)>)>,
}

/// How a call ended: the condition under which it returns, the memory then, and the value.
pub struct Exit {
    pub guard: Term,
    pub memory: Rc<Memory>,
    pub value: Option<Value>,
}

/// Where control leaves a region.
#[derive(Default)]
pub struct RegionExit {
    pub outside: Vec<(BlockId, Edge)>,
    pub back: Vec<Edge>,
}

pub type Returns = Vec<(Edge, Option<Value>)>;

impl Engine<'_> {
    pub(super) fn facts_of(&mut self, function: FunctionId) -> Result<Rc<FunctionFacts>, Stop> {
        if let Some(facts) = self.functions.get(&function) {
            return Ok(facts.clone());
        }
        let body = self.program.function(function);
        let cfg = Cfg::new(body);
        let live = liveness(body, &cfg);
        let terminators = terminator_reads(body, &cfg);
        let facts = Rc::new(FunctionFacts {
            cfg,
            live,
            terminators,
        });
        self.functions.insert(function, facts.clone());
        Ok(facts)
    }

    /// Executes a function with a body.
    pub(super) fn run_function(
        &mut self,
        frame: &Frame,
        arguments: Vec<Value>,
        guard: Term,
        memory: Rc<Memory>,
    ) -> Result<Option<Exit>, Stop> {
        let facts = self.facts_of(frame.function)?;
        let function = self.program.function(frame.function);
        if let Some(block) = facts.cfg.irreducible().first() {
            let _ = block;
            return Err(Stop::Give(Reason::Construct {
                what: "a jump into a loop".into(),
                function: function.name.clone(),
            }));
        }
        let mut registers: Vec<Option<Register>> = vec![None; function.locals.len()];
        let yes = self.terms.bool(true);
        for (local, value) in function.params.iter().zip(arguments) {
            if let Some(slot) = registers.get_mut(local.index()) {
                *slot = Some(Register { value, assigned: yes });
            }
        }
        let state = State {
            registers: Rc::new(registers),
            memory,
        };
        let mut returns = Returns::new();
        self.stack.push(frame.function);
        let exit = self.run_region(
            frame,
            &facts,
            None,
            BlockId(0),
            Edge { guard, state },
            &mut returns,
        );
        self.stack.pop();
        exit?;
        // One exit for all returns.
        let mut edges = Vec::new();
        let mut value: Option<Value> = None;
        let mut so_far: Option<Term> = None;
        for (edge, returned) in returns {
            if self.terms.is_false(edge.guard) {
                continue;
            }
            let here = match so_far {
                Some(before) => {
                    let (guard, here) = self.either(edge.guard, before);
                    so_far = Some(guard);
                    here
                }
                None => *so_far.insert(edge.guard),
            };
            value = match (value, returned) {
                (None, v) => v,
                (Some(old), Some(new)) => Some(self.choose_value(here, &new, &old)),
                (old, None) => old,
            };
            edges.push(edge);
        }
        // Later returns win in `choose_value`, and guards of returns exclude each other.
        let Some(merged) = self.merge(edges, |_| false)? else {
            return Ok(None);
        };
        Ok(Some(Exit {
            guard: merged.guard,
            memory: merged.state.memory,
            value,
        }))
    }

    /// Executes the blocks of a loop body (or of the whole function) once, from `start`.
    pub(super) fn run_region(
        &mut self,
        frame: &Frame,
        facts: &Rc<FunctionFacts>,
        region: Option<usize>,
        start: BlockId,
        entry: Edge,
        returns: &mut Returns,
    ) -> Result<RegionExit, Stop> {
        let cfg = &facts.cfg;
        let function = self.program.function(frame.function);
        let mut pending: BTreeMap<usize, (BlockId, Vec<Edge>)> = BTreeMap::new();
        let mut result = RegionExit::default();
        let position = |block: BlockId| cfg.position(block).unwrap_or(usize::MAX);
        pending.insert(position(start), (start, vec![entry]));
        while let Some((_, (block, edges))) = pending.pop_first() {
            let live = facts.live.get(block.index());
            let Some(edge) = self.merge(edges, |r| live.is_none_or(|l| l.contains(&(r as u32))))? else {
                continue;
            };
            self.tick()?;
            let mut leaving: Vec<(BlockId, Edge)> = Vec::new();
            let inner = cfg.innermost_loop(block);
            let nested = inner.filter(|_| inner != region && inner == cfg.loop_with_header(block));
            if let Some(index) = nested {
                leaving = self.run_loop(frame, facts, index, edge, returns)?;
            } else if let Some(body) = function.blocks().get(block.index()) {
                self.run_block(frame, block, body, edge, &mut leaving, returns)?;
            }
            for (target, edge) in leaving {
                if self.terms.is_false(edge.guard) {
                    continue;
                }
                match region {
                    Some(index) if cfg.loops()[index].header == target => result.back.push(edge),
                    Some(index) if !cfg.loops()[index].blocks.contains(&target) => {
                        result.outside.push((target, edge))
                    }
                    _ => pending
                        .entry(position(target))
                        .or_insert((target, Vec::new()))
                        .1
                        .push(edge),
                }
            }
        }
        Ok(result)
    }

    fn run_block(
        &mut self,
        frame: &Frame,
        id: BlockId,
        block: &Block,
        edge: Edge,
        leaving: &mut Vec<(BlockId, Edge)>,
        returns: &mut Returns,
    ) -> Result<(), Stop> {
        let mut edge = edge;
        for (number, statement) in block.statements.iter().enumerate() {
            self.tick()?;
            let at = (id, number as u32);
            let before = self.enter_place(frame, at, edge.guard);
            self.run_statement(frame, at, statement, &mut edge)?;
            self.leave_place(before);
            if self.terms.is_false(edge.guard) {
                return Ok(());
            }
        }
        let t = self.terms;
        let before = self.enter_place(frame, (id, END), edge.guard);
        self.leave_place(before);
        if let Terminator::Branch { condition: read, .. } | Terminator::Return(Some(read)) = &block.terminator
        {
            self.find_null_tests(frame, &edge.state, read)?;
        }
        match &block.terminator {
            Terminator::Goto(target) => leaving.push((*target, edge)),
            Terminator::Branch {
                condition,
                then,
                otherwise,
            } => {
                let taken = self.truth(frame, &edge.state, condition)?;
                self.watch_branch(frame, id, taken);
                leaving.push((
                    *then,
                    Edge {
                        guard: t.and(edge.guard, taken),
                        state: edge.state.clone(),
                    },
                ));
                leaving.push((
                    *otherwise,
                    Edge {
                        guard: t.and(edge.guard, t.not(taken)),
                        state: edge.state,
                    },
                ));
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => {
                let value = self.bits(frame, &edge.state, value)?;
                let Sort::BitVec(width) = t.sort(value) else {
                    return Ok(());
                };
                let mut rest = edge.guard;
                for case in cases {
                    let hit = if case.low == case.high {
                        t.eq(value, t.bv(width, case.low))
                    } else {
                        t.and(
                            t.uge(value, t.bv(width, case.low)),
                            t.ule(value, t.bv(width, case.high)),
                        )
                    };
                    leaving.push((
                        case.target,
                        Edge {
                            guard: t.and(rest, hit),
                            state: edge.state.clone(),
                        },
                    ));
                    rest = t.and(rest, t.not(hit));
                }
                leaving.push((
                    *default,
                    Edge {
                        guard: rest,
                        state: edge.state,
                    },
                ));
            }
            Terminator::Return(value) => {
                let value = match value {
                    Some(value) => Some(self.value(frame, &edge.state, value)?),
                    None => None,
                };
                let mut edge = edge;
                self.end_frame(frame, &mut edge.state);
                returns.push((edge, value));
            }
            Terminator::Unreachable => {}
        }
        Ok(())
    }

    /// Memory locals and stack allocations of the frame end with it.
    fn end_frame(&mut self, frame: &Frame, state: &mut State) {
        let dead = self.terms.bool(false);
        let ids: Vec<ObjectId> = state
            .memory
            .keys()
            .copied()
            .filter(|id| {
                self.objects
                    .get(id)
                    .is_some_and(|o| o.stack == Some(frame.context))
            })
            .collect();
        for id in ids {
            if let Some(mut contents) = self.contents(state, id) {
                contents.alive = dead;
                self.set_contents(state, id, contents);
            }
        }
    }

    pub(super) fn assign(&mut self, state: &mut State, local: LocalId, value: Value) {
        let assigned = self.terms.bool(true);
        if let Some(slot) = Rc::make_mut(&mut state.registers).get_mut(local.index()) {
            *slot = Some(Register { value, assigned });
        }
    }

    pub(super) fn register_type(&self, frame: &Frame, local: LocalId) -> Ty {
        match self
            .program
            .function(frame.function)
            .locals
            .get(local.index())
            .map(|l| l.storage)
        {
            Some(Storage::Register(ty)) => ty,
            _ => Ty::Ptr,
        }
    }

    /// An unknown value, recorded as a decision of the outside.
    pub(super) fn chosen_value(
        &mut self,
        frame: &Frame,
        guard: Term,
        ty: Ty,
        name: &str,
        reason: HavocReason,
    ) -> Value {
        // What the outside answers is the same for the same question (`see_call`); what the machine computes has operands that
        // are not known here.
        let model = self.program.function(frame.function).library_model;
        let is_volatile = name == VOLATILE;
        let name = if is_volatile { "" } else { name };
        let number = match reason {
            HavocReason::Float | HavocReason::Argument => self.unique(),
            HavocReason::Input | HavocReason::Assembly | HavocReason::Library => self.shared("chosen"),
            HavocReason::Environment if model || is_volatile => self.shared("chosen"),
            HavocReason::Environment => self.unique(),
        };
        let value = match ty {
            Ty::Ptr => Value::Pointer(self.wild_pointer("chosen")),
            other => Value::Bits(self.terms.var(
                &format!("choice.{number}.{name}"),
                Sort::BitVec(self.width_of(other)),
            )),
        };
        let function = if name.is_empty() {
            self.model_name(frame)
        } else {
            name.to_owned()
        };
        self.choices.push(ChoicePoint {
            guard,
            function,
            kind: ChoiceTerm::Value(value.clone(), ty),
            reason,
            stores: Vec::new(),
        });
        value
    }

    /// The model's name inside a library model, else nothing.
    pub(super) fn model_name(&self, frame: &Frame) -> String {
        let function = self.program.function(frame.function);
        if function.library_model {
            function.name.clone()
        } else {
            String::new()
        }
    }

    fn run_statement(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        statement: &Stmt,
        edge: &mut Edge,
    ) -> Result<(), Stop> {
        let t = self.terms;
        if let StmtKind::Assign { value: read, .. }
        | StmtKind::Store { value: read, .. }
        | StmtKind::Assume(read) = &statement.kind
        {
            self.find_null_tests(frame, &edge.state, read)?;
        }
        match &statement.kind {
            StmtKind::Assign { dst, value } => {
                let value = self.value(frame, &edge.state, value)?;
                if let Value::Pointer(pointer) = &value {
                    self.find_container_of_type(frame, *dst, pointer)?;
                }
                self.assign(&mut edge.state, *dst, value);
            }
            StmtKind::Havoc { dst, why } => {
                let ty = self.register_type(frame, *dst);
                if *why == HavocReason::Input {
                    self.see_call(edge, "nondet", &[], Sees::Arguments)?;
                }
                let value = self.chosen_value(frame, edge.guard, ty, "", *why);
                self.assign(&mut edge.state, *dst, value);
            }
            StmtKind::Load {
                dst,
                ptr,
                ty,
                volatile,
            } => {
                let pointer = self.pointer(frame, &edge.state, ptr)?;
                if self.facts_of(frame.function)?.terminators.contains(dst) {
                    self.reads_terminator(&edge.state, &pointer)?;
                }
                let value = if *volatile {
                    let place = Value::Pointer(pointer.clone());
                    self.see_call(edge, VOLATILE, &[place], Sees::Arguments)?;
                    self.chosen_value(frame, edge.guard, *ty, VOLATILE, HavocReason::Environment)
                } else {
                    let value = self.load(&edge.state, &pointer, *ty)?;
                    self.oblivious_read(&pointer, *ty, value)
                };
                self.assign(&mut edge.state, *dst, value);
            }
            StmtKind::Store {
                ptr,
                value,
                ty,
                volatile,
            } => {
                let pointer = self.pointer(frame, &edge.state, ptr)?;
                let value = self.value(frame, &edge.state, value)?;
                if *volatile {
                    let written = [Value::Pointer(pointer.clone()), value.clone()];
                    self.see_call(edge, "volatile write", &written, Sees::Arguments)?;
                }
                let value = match (ty, value) {
                    (Ty::Ptr, Value::Bits(bits)) => Value::Pointer(self.pointer_from(bits)),
                    (Ty::Int(_) | Ty::Float(_), Value::Pointer(p)) => Value::Bits(self.address_of(&p)),
                    (_, value) => value,
                };
                let partial = self.is_partial(frame, at, statement);
                let before = edge.state.clone();
                self.store(&mut edge.state, &pointer, value, *ty, partial)?;
                self.oblivious_write(&before, &pointer, *ty, &mut edge.state);
            }
            StmtKind::Copy { dst, src, size } => {
                let dst = self.pointer(frame, &edge.state, dst)?;
                let src = self.pointer(frame, &edge.state, src)?;
                let size = self.bits(frame, &edge.state, size)?;
                self.copy(&mut edge.state, &dst, &src, size)?;
            }
            StmtKind::Fill { dst, unit, size } => {
                let dst = self.pointer(frame, &edge.state, dst)?;
                let unit = self.bits(frame, &edge.state, unit)?;
                let size = self.bits(frame, &edge.state, size)?;
                self.fill(&mut edge.state, &dst, unit, size)?;
            }
            StmtKind::Assembly { text, inputs, memory } => {
                if self.compares() {
                    let mut given = Vec::new();
                    for input in inputs {
                        given.push(self.value(frame, &edge.state, input)?);
                    }
                    let sees = match memory {
                        true => Sees::Everything,
                        false => Sees::Arguments,
                    };
                    self.see_call(edge, &format!("asm {text}"), &given, sees)?;
                }
            }
            StmtKind::HavocMemory { dst, size } | StmtKind::Text { dst, size, .. } => {
                let dst = self.pointer(frame, &edge.state, dst)?;
                let size = self.bits(frame, &edge.state, size)?;
                let model = self.program.function(frame.function).library_model;
                let label: Rc<str> = match &statement.kind {
                    StmtKind::Text { of, .. } => self.text_label(frame, &edge.state, of)?.into(),
                    _ if model => format!("havoc{}", self.shared("bytes")).into(),
                    _ => format!("havoc{}", self.unique()).into(),
                };
                let function = self.model_name(frame);
                self.choices.push(ChoicePoint {
                    guard: edge.guard,
                    function,
                    kind: ChoiceTerm::Bytes {
                        label: label.clone(),
                        size,
                    },
                    reason: HavocReason::Environment,
                    stores: Vec::new(),
                });
                self.havoc_range(&mut edge.state, &dst, size, label)?;
            }
            StmtKind::Alloc {
                dst,
                size,
                zeroed,
                may_fail,
                kind,
            } => {
                let size = self.bits(frame, &edge.state, size)?;
                let pointer = self.allocate(frame, at, edge, size, *zeroed, *may_fail, *kind);
                self.assign(&mut edge.state, *dst, Value::Pointer(pointer));
            }
            StmtKind::Free { ptr } => {
                let pointer = self.pointer(frame, &edge.state, ptr)?;
                for object in pointer.targets.iter().copied() {
                    if object == NO_OBJECT || object == INVALID || object == WILD {
                        continue;
                    }
                    if let Some(mut contents) = self.contents(&edge.state, object) {
                        let here = t.eq(pointer.base, self.base_const(object));
                        contents.alive = t.and(contents.alive, t.not(here));
                        self.set_contents(&mut edge.state, object, contents);
                        if let Some(info) = self.objects.get_mut(&object) {
                            info.mortal = true;
                        }
                    }
                }
            }
            StmtKind::StringLength { dst, ptr, unit } => {
                let pointer = self.pointer(frame, &edge.state, ptr)?;
                let length = self.string_length(edge, &pointer, *unit)?;
                self.assign(&mut edge.state, *dst, Value::Bits(length));
            }
            StmtKind::ObjectSize { dst, ptr } => {
                let pointer = self.pointer(frame, &edge.state, ptr)?;
                let mut size = if self.leads_to_known(&pointer) {
                    t.bv(self.pointer_bits, 0)
                } else {
                    t.fresh("size", Sort::BitVec(self.pointer_bits))
                };
                let none = t.eq(pointer.base, self.base_const(NO_OBJECT));
                size = t.ite(none, t.bv(self.pointer_bits, 0), size);
                for object in self.accessible(&pointer) {
                    if let Some(info) = self.objects.get(&object).filter(|o| !o.summary) {
                        let end = self.end_of(&pointer, info.size);
                        let rest = t.ite(
                            t.ule(pointer.offset, end),
                            t.sub(end, pointer.offset),
                            t.bv(self.pointer_bits, 0),
                        );
                        size = t.ite(t.eq(pointer.base, self.base_const(object)), rest, size);
                    }
                }
                self.assign(&mut edge.state, *dst, Value::Bits(size));
            }
            StmtKind::Call { dst, callee, args } => {
                self.call(frame, at, edge, *dst, callee, args)?;
            }
            StmtKind::Check(obligation) => {
                self.check(frame, *obligation, edge)?;
            }
            StmtKind::Assume(condition) => {
                let holds = self.truth(frame, &edge.state, condition)?;
                if self.compares() {
                    // What is not considered of one version is not considered of the other one either.
                    self.fact(t.implies(edge.guard, holds));
                } else {
                    edge.guard = t.and(edge.guard, holds);
                }
            }
            StmtKind::ScopeStart(local) => {
                if self.is_memory(frame, *local) {
                    self.start_life(frame, at, *local, &mut edge.state)?;
                }
            }
            StmtKind::ScopeEnd(local) => {
                if self.is_memory(frame, *local) {
                    self.end_life(frame, *local, &mut edge.state);
                }
            }
        }
        Ok(())
    }

    /// A name for the text of a format and its arguments: the same for the same, strings by what they hold.
    fn text_label(&mut self, frame: &Frame, state: &State, of: &[Expr]) -> Result<String, Stop> {
        let mut key = String::new();
        for part in of {
            let value = self.value(frame, state, part)?;
            key.push_str(&format!("{value:?};"));
            let Value::Pointer(pointer) = &value else { continue };
            for object in self.accessible(pointer) {
                let contents = self.contents(state, object);
                key.push_str(&format!("{:?};", contents.map(|c| c.version)));
            }
        }
        let next = self.texts.len();
        let number = *self.texts.entry(key).or_insert(next);
        Ok(format!("text{number}"))
    }

    /// A store to a bit-field: it puts back bits that it read from the same place (`x = (x & mask) | bits`).
    fn is_partial(&self, frame: &Frame, at: (BlockId, u32), statement: &Stmt) -> bool {
        let StmtKind::Store { ptr, value, .. } = &statement.kind else {
            return false;
        };
        let masked = |expr: &Expr| match expr {
            Expr::Binary {
                op: BinaryOp::And,
                lhs,
                rhs,
            } => match (&**lhs, &**rhs) {
                (Expr::Local(local), Expr::Int { .. }) | (Expr::Int { .. }, Expr::Local(local)) => {
                    Some(*local)
                }
                _ => None,
            },
            _ => None,
        };
        let kept = match value {
            Expr::Binary {
                op: BinaryOp::Or,
                lhs,
                rhs,
            } => masked(lhs).or_else(|| masked(rhs)),
            other => masked(other),
        };
        let Some(kept) = kept else { return false };
        let block = self.program.function(frame.function).blocks().get(at.0.index());
        let earlier = block
            .and_then(|b| b.statements.get(..at.1 as usize))
            .unwrap_or(&[]);
        let source = earlier.iter().rev().find(|s| defined(&s.kind) == Some(kept));
        matches!(source.map(|s| &s.kind), Some(StmtKind::Load { ptr: from, .. }) if from == ptr)
    }

    #[allow(clippy::too_many_arguments)]
    fn allocate(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        size: Term,
        zeroed: bool,
        may_fail: bool,
        kind: AllocKind,
    ) -> Pointer {
        let t = self.terms;
        let (path, block, statement) = self.allocation_place(frame, at);
        let key = ObjectKey::Allocation(path, block, statement);
        let id = self.names.object(&key);
        let name = match kind {
            AllocKind::Heap => format!("allocation in {}", self.program.function(frame.owner).name),
            AllocKind::Stack => "variable-length array".into(),
        };
        self.add_object(
            id,
            Object {
                key,
                name,
                size,
                element: None,
                input: false,
                summary: false,
                mortal: true,
                indeterminate: true,
                constant: false,
                stack: (kind == AllocKind::Stack).then_some(frame.context),
            },
        );
        self.allocated_in_cut |= !self.loop_stack.is_empty() && self.mode == super::Mode::Invariants;
        self.made_in_loop(id);
        let number = self.shared_by_allocators(frame, "new");
        let contents = self.fresh_contents(id, zeroed, number);
        self.set_contents(&mut edge.state, id, contents);
        let zero = t.bv(self.pointer_bits, 0);
        let pointer = self.pointer_to(id, zero);
        let may_fail = may_fail && !self.settings.allocation_succeeds;
        // An object larger than PTRDIFF_MAX cannot be had.
        let limit = t.bv(self.pointer_bits, (1 << (self.pointer_bits - 1)) - 1);
        if !may_fail {
            let possible = t.implies(edge.guard, t.ule(size, limit));
            self.fact(possible);
            self.allocated_when(id, edge.guard);
            return pointer;
        }
        let number = self.shared_by_allocators(frame, "fails");
        let fails = t.var(&format!("fails.{number}"), Sort::Bool);
        let function = self.model_name(frame);
        self.choices.push(ChoicePoint {
            guard: edge.guard,
            function,
            kind: ChoiceTerm::Fails(fails),
            reason: HavocReason::Environment,
            stores: Vec::new(),
        });
        let succeeds = t.and(edge.guard, t.not(fails));
        self.fact(t.implies(succeeds, t.ule(size, limit)));
        self.allocated_when(id, succeeds);
        let null = self.null();
        self.choose_pointer(fails, &null, &pointer)
    }
}

//! The machine: frames, statements, terminators.

use std::cell::RefCell;
use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use vf_source::tables::HashMap;

use vf_source::Span;

use super::kept::Kept;
use super::memory::{Byte, Memory, NO_STEP, ObjectId, ObjectKind, OutOfMemory, Pointer};
use super::record::{History, Recorder};
use super::value::Value;
use super::{Asked, Effect, ExternalCall, Limits, NodeId, Outcome, Run, Step, StuckReason};
use crate::cfg::Cfg;
use crate::input::{Choice, Input};
use crate::obligation::ObligationId;
use crate::program::{
    Block, BlockId, Function, FunctionId, GlobalId, HavocReason, LocalId, Program, Stmt, StmtKind, Storage,
    Terminator,
};
use crate::types::Ty;

/// What ends a run from inside.
pub(super) enum Stop {
    Outcome(Box<Outcome>),
    OutOfMemory,
}

impl From<Outcome> for Stop {
    fn from(outcome: Outcome) -> Stop {
        Stop::Outcome(Box::new(outcome))
    }
}

impl From<OutOfMemory> for Stop {
    fn from(_: OutOfMemory) -> Stop {
        Stop::OutOfMemory
    }
}

pub(super) struct Frame<'a> {
    pub id: FunctionId,
    pub function: &'a Function,
    pub block: BlockId,
    /// Index of the next statement of the block.
    pub statement: usize,
    /// `None`: never assigned.
    pub registers: Vec<Option<Value>>,
    /// Current life of each memory local.
    pub objects: Vec<Option<ObjectId>>,
    /// Objects that die with the call.
    pub owned: Vec<ObjectId>,
    /// Register of the caller that gets the result.
    pub result: Option<LocalId>,
}

pub(super) struct Machine<'a> {
    pub program: &'a Program,
    pub input: &'a Input,
    pub limits: &'a Limits<'a>,
    pub memory: Memory,
    pub input_objects: Vec<ObjectId>,
    pub global_objects: HashMap<GlobalId, ObjectId>,
    pub function_objects: HashMap<FunctionId, ObjectId>,
    pub frames: Vec<Frame<'a>>,
    pub choices: std::slice::Iter<'a, Choice>,
    pub choices_used: usize,
    pub choices_missing: usize,
    /// See [`Run::unled`](super::Run::unled).
    unled: RefCell<BTreeSet<(usize, u64)>>,
    /// What was asked of the outside so far; only where that is wanted.
    pub asked: Option<Vec<Asked>>,
    trace: VecDeque<Step>,
    trace_dropped: u64,
    pub output: Vec<ExternalCall>,
    steps: u64,
    /// Notes what depends on what, where that is wanted.
    pub recorder: Option<Recorder<'a>>,
    /// Only these statements are executed.
    pub kept: Option<&'a Kept>,
    graphs: HashMap<FunctionId, Rc<Cfg>>,
}

impl<'a> Machine<'a> {
    pub fn new(program: &'a Program, input: &'a Input, limits: &'a Limits<'a>) -> Machine<'a> {
        Machine {
            program,
            input,
            limits,
            memory: Memory::new(program.model.pointer_bits(), limits.memory, limits.padding),
            input_objects: Vec::new(),
            global_objects: HashMap::default(),
            function_objects: HashMap::default(),
            frames: Vec::new(),
            choices: input.choices.iter(),
            choices_used: 0,
            choices_missing: 0,
            unled: RefCell::default(),
            asked: None,
            trace: VecDeque::new(),
            trace_dropped: 0,
            output: Vec::new(),
            steps: 0,
            recorder: None,
            kept: None,
            graphs: HashMap::default(),
        }
    }

    /// Keeps the history of the run, with the values that the watched steps see.
    pub fn recording(mut self, watched: &'a BTreeSet<NodeId>) -> Self {
        self.recorder = Some(Recorder::new(watched));
        self.memory.set_writer(Some(NO_STEP));
        self
    }

    /// Passes over every statement that is not kept.
    pub fn keeping(mut self, kept: &'a Kept) -> Self {
        self.kept = Some(kept);
        self
    }

    pub fn run(self) -> Run {
        self.run_to_end().0
    }

    /// Executes everything; the machine is then as it was left.
    pub fn run_until_it_ends(&mut self) -> Outcome {
        let stop = match self.set_up() {
            Ok(()) => loop {
                if let Err(stop) = self.step() {
                    break stop;
                }
            },
            Err(stop) => stop,
        };
        match stop {
            Stop::Outcome(outcome) => *outcome,
            Stop::OutOfMemory => Outcome::Stuck(StuckReason::MemoryLimit {
                limit: self.limits.memory,
            }),
        }
    }

    pub fn run_to_end(mut self) -> (Run, Option<History>) {
        let outcome = self.run_until_it_ends();
        let run = Run {
            outcome,
            trace: self.trace.into(),
            trace_dropped: self.trace_dropped,
            output: self.output,
            choices_used: self.choices_used,
            choices_missing: self.choices_missing,
            unled: self.unled.into_inner(),
            steps: self.steps,
            objects: self.memory.into_infos(),
        };
        (run, self.recorder.and_then(Recorder::finish))
    }

    /// The control-flow graph of a function.
    pub fn graph(&mut self, id: FunctionId, function: &Function) -> Rc<Cfg> {
        let graph = self
            .graphs
            .entry(id)
            .or_insert_with(|| Rc::new(Cfg::new(function)));
        graph.clone()
    }

    pub fn pointer_bits(&self) -> u32 {
        self.program.model.pointer_bits()
    }

    pub fn ill_formed(&self, what: &'static str) -> Stop {
        let function = self
            .frames
            .last()
            .map_or(String::new(), |f| f.function.name.clone());
        Outcome::Stuck(StuckReason::IllFormed { function, what }).into()
    }

    pub fn frame(&self) -> Result<&Frame<'a>, Stop> {
        self.frames
            .last()
            .ok_or_else(|| self.ill_formed("no call is active"))
    }

    pub fn frame_mut(&mut self) -> Result<&mut Frame<'a>, Stop> {
        let stop = self.ill_formed("no call is active");
        self.frames.last_mut().ok_or(stop)
    }

    /// Counts steps: one, and one for each 64 bytes of memory worked on.
    pub fn spend(&mut self, bytes: u64) -> Result<(), Stop> {
        self.steps = self.steps.saturating_add(1 + bytes / 64);
        if self.steps > self.limits.steps {
            return Err(Outcome::Stuck(StuckReason::StepLimit {
                limit: self.limits.steps,
            })
            .into());
        }
        Ok(())
    }

    /// Counts the work of writing so many bytes at a pointer, as far as they lie in its object.
    pub fn spend_on(&mut self, pointer: Pointer, size: u64) -> Result<(), Stop> {
        self.spend(self.room(pointer, size).min(self.limits.memory))
    }

    /// Counts the work of searching so many bytes: what was never touched is passed over at once.
    pub fn spend_on_search(&mut self, pointer: Pointer, size: u64) -> Result<(), Stop> {
        self.spend(self.room(pointer, size).min(self.memory.used()))
    }

    pub fn record(&mut self, statement: Option<usize>, span: Span, effect: Effect) -> Result<(), Stop> {
        if let Some(recorder) = &mut self.recorder {
            recorder.effect(&effect);
        }
        if self.limits.trace == 0 {
            self.trace_dropped += 1;
            return Ok(());
        }
        if self.trace.len() >= self.limits.trace {
            self.trace.pop_front();
            self.trace_dropped += 1;
        }
        let depth = self.frames.len();
        let frame = self.frame()?;
        let step = Step {
            function: frame.id,
            block: frame.block,
            statement,
            span,
            depth,
            effect,
        };
        self.trace.push_back(step);
        Ok(())
    }

    fn register_type(&self, local: LocalId) -> Result<Ty, Stop> {
        match self
            .frame()?
            .function
            .locals
            .get(local.index())
            .map(|l| l.storage)
        {
            Some(Storage::Register(ty)) => Ok(ty),
            Some(Storage::Memory) => Err(self.ill_formed("a memory local is used as a register")),
            None => Err(self.ill_formed("a local does not exist")),
        }
    }

    pub fn register(&self, local: LocalId) -> Result<Value, Stop> {
        let ty = self.register_type(local)?;
        let value = self.frame()?.registers.get(local.index()).copied().flatten();
        Ok(value.unwrap_or_else(|| self.coerce(Value::int(64, 0), ty)))
    }

    /// Objects that the calls below the active one hold: their memory locals, and what their registers point to.
    pub fn roots_below(&self) -> Vec<ObjectId> {
        let below = self.frames.len().saturating_sub(1);
        let frames = self.frames.iter().take(below);
        frames
            .flat_map(|frame| {
                let pointed = frame.registers.iter().filter_map(|value| match value {
                    Some(Value::Pointer(pointer)) => self.memory.resolve(*pointer).map(|(id, _)| id),
                    _ => None,
                });
                pointed.chain(frame.objects.iter().copied().flatten())
            })
            .collect()
    }

    pub fn is_assigned(&self, local: LocalId) -> bool {
        self.frames
            .last()
            .and_then(|f| f.registers.get(local.index()))
            .is_some_and(Option::is_some)
    }

    pub fn assign(&mut self, local: LocalId, value: Option<Value>) -> Result<Option<Value>, Stop> {
        if let Some(recorder) = &mut self.recorder {
            recorder.write_register(local);
        }
        self.put(local, value)
    }

    pub fn put(&mut self, local: LocalId, value: Option<Value>) -> Result<Option<Value>, Stop> {
        let ty = self.register_type(local)?;
        let value = value.map(|v| self.coerce(v, ty));
        if let Some(slot) = self.frame_mut()?.registers.get_mut(local.index()) {
            *slot = value;
        }
        Ok(value)
    }

    /// The object of a memory local. Before its first `ScopeStart` it has one that is not alive.
    pub fn local_object(&mut self, local: LocalId) -> Result<ObjectId, Stop> {
        if let Some(object) = self.frame()?.objects.get(local.index()).copied().flatten() {
            return Ok(object);
        }
        let object = self.start_life(local)?;
        self.memory.kill(object);
        Ok(object)
    }

    fn start_life(&mut self, local: LocalId) -> Result<ObjectId, Stop> {
        let program = self.program;
        let frame = self.frame()?;
        let (id, function) = (frame.id, frame.function);
        let ty = match function.locals.get(local.index()) {
            Some(local) if local.storage == Storage::Memory => &local.ty,
            Some(_) => return Err(self.ill_formed("the address of a register is used")),
            None => return Err(self.ill_formed("a local does not exist")),
        };
        let size = ty.size(&program.records, program.model).unwrap_or(0);
        let align = ty.align(&program.records, program.model);
        let object = self
            .memory
            .allocate(ObjectKind::Local(id, local), size, align, false)?;
        let frame = self.frame_mut()?;
        frame.owned.push(object);
        if let Some(slot) = frame.objects.get_mut(local.index()) {
            *slot = Some(object);
        }
        Ok(object)
    }

    /// Executes the next statement or terminator.
    fn step(&mut self) -> Result<(), Stop> {
        self.spend(0)?;
        let frame = self.frame()?;
        let block: &'a Block = match frame.function.blocks().get(frame.block.index()) {
            Some(block) => block,
            None => return Err(self.ill_formed("a block does not exist")),
        };
        let (index, at) = (frame.statement, frame.block);
        let statement = block.statements.get(index);
        if self.kept.is_some() && self.pass_over(block, statement.map(|_| index))? {
            return Ok(());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.begin(at, statement.map(|_| index));
            self.memory.set_writer(Some(recorder.current()));
        }
        match statement {
            Some(statement) => {
                self.frame_mut()?.statement += 1;
                self.statement(index, statement)
            }
            None => self.terminator(&block.terminator, block.terminator_span),
        }
    }

    fn terminator(&mut self, terminator: &'a Terminator, span: Span) -> Result<(), Stop> {
        let target = match terminator {
            Terminator::Goto(to) => *to,
            Terminator::Branch {
                condition,
                then,
                otherwise,
            } => {
                if self.eval_bool(condition)? {
                    *then
                } else {
                    *otherwise
                }
            }
            Terminator::Switch {
                value,
                cases,
                default,
            } => {
                let (_, value) = self.eval_bits(value)?;
                let case = cases.iter().find(|case| (case.low..=case.high).contains(&value));
                case.map_or(*default, |case| case.target)
            }
            Terminator::Return(value) => {
                let value = value.as_ref().map(|v| self.eval(v)).transpose()?;
                self.record(None, span, Effect::Returned(value))?;
                return self.leave(value);
            }
            Terminator::Unreachable => {
                self.record(None, span, Effect::None)?;
                return Err(Outcome::Unreachable.into());
            }
        };
        self.record(None, span, Effect::WentTo(target))?;
        let frame = self.frame_mut()?;
        let from = frame.block;
        (frame.block, frame.statement) = (target, 0);
        if let Some(recorder) = &mut self.recorder {
            recorder.go_to(from, target);
        }
        Ok(())
    }

    fn statement(&mut self, index: usize, statement: &'a Stmt) -> Result<(), Stop> {
        let effect = match &statement.kind {
            StmtKind::Assign { dst, value } => {
                let value = self.eval(value)?;
                self.assigned(*dst, value)?
            }
            StmtKind::Havoc {
                why: HavocReason::Argument,
                ..
            } if self.frames.len() > 1 => {
                return Err(Outcome::Stuck(StuckReason::VariadicArgument).into());
            }
            StmtKind::Havoc { dst, why, .. } => {
                let asked = match why {
                    HavocReason::Float | HavocReason::Assembly => Asked::Machine,
                    HavocReason::Input
                    | HavocReason::Argument
                    | HavocReason::Library
                    | HavocReason::Environment => Asked::Number(self.asker()),
                };
                let value = self.chosen_value("", asked)?;
                self.assigned(*dst, value)?
            }
            StmtKind::Load {
                dst,
                ptr,
                ty,
                volatile,
            } => {
                let pointer = self.eval_pointer(ptr)?;
                let value = if *volatile {
                    self.chosen_value("", Asked::Number(self.asker()))?
                } else {
                    self.reads_memory(pointer, ty.size(self.program.model));
                    self.load(pointer, *ty)
                };
                let value = self.coerce(value, *ty);
                self.assigned(*dst, value)?
            }
            StmtKind::Store { ptr, value, ty, .. } => {
                let (value, pointer) = (self.eval(value)?, self.eval_pointer(ptr)?);
                let value = self.coerce(value, *ty);
                self.store(pointer, value, *ty)?;
                Effect::Stored(pointer, value)
            }
            StmtKind::Copy { dst, src, size } => {
                let (to, from) = (self.eval_pointer(dst)?, self.eval_pointer(src)?);
                let size = self.eval_size(size)?;
                self.spend_on(to, size)?;
                self.copy(to, from, size)?;
                Effect::None
            }
            StmtKind::Fill { dst, unit, size } => {
                let to = self.eval_pointer(dst)?;
                let ((bits, unit), size) = (self.eval_bits(unit)?, self.eval_size(size)?);
                let unit = unit.to_le_bytes();
                self.fill(to, &unit[..(bits as usize / 8).clamp(1, unit.len())], size)?;
                Effect::None
            }
            StmtKind::Text { dst, size, of } if self.asked.is_some() => {
                let (to, size) = (self.eval_pointer(dst)?, self.eval_size(size)?);
                match self.formatted(of, size)? {
                    Some(bytes) => self.write_known(to, &bytes)?,
                    None => self.havoc_memory(to, size)?,
                }
                Effect::None
            }
            StmtKind::HavocMemory { dst, size } | StmtKind::Text { dst, size, .. } => {
                let (to, size) = (self.eval_pointer(dst)?, self.eval_size(size)?);
                self.havoc_memory(to, size)?;
                Effect::None
            }
            StmtKind::Assembly { .. } => Effect::None,
            StmtKind::Alloc {
                dst,
                size,
                zeroed,
                may_fail,
                kind,
            } => {
                let size = self.eval_size(size)?;
                let pointer = self.alloc(size, *zeroed, *may_fail, *kind)?;
                self.assigned(*dst, Value::Pointer(pointer))?
            }
            StmtKind::Free { ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                if (self.is_freeable(pointer) || self.is_stack_allocation(pointer))
                    && let Some((id, _)) = self.memory.resolve(pointer)
                {
                    self.memory.kill(id);
                }
                Effect::None
            }
            StmtKind::StringLength { dst, ptr, unit } => {
                let pointer = self.eval_pointer(ptr)?;
                // Without a NUL in the object, what comes after it reads as zero.
                let terminator = self.terminator_of(pointer, *unit, false);
                let length = terminator.unwrap_or_else(|| self.room(pointer, u64::MAX) / (*unit).max(1));
                self.spend(length)?;
                self.reads_string(pointer, *unit, terminator);
                self.assigned(*dst, Value::int(self.pointer_bits(), u128::from(length)))?
            }
            StmtKind::ObjectSize { dst, ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                let left = self.room(pointer, u64::MAX);
                self.reads_extent(pointer);
                self.assigned(*dst, Value::int(self.pointer_bits(), u128::from(left)))?
            }
            StmtKind::Call { dst, callee, args } => {
                return self.call(index, statement.span, *dst, callee, args);
            }
            StmtKind::Check(id) => self.check(index, statement.span, *id)?,
            StmtKind::Assume(condition) => {
                if !self.eval_bool(condition)? {
                    self.record(Some(index), statement.span, Effect::None)?;
                    return Err(Outcome::AssumptionFailed.into());
                }
                Effect::None
            }
            StmtKind::ScopeStart(local) => {
                self.end_life(*local)?;
                self.start_life(*local)?;
                Effect::None
            }
            StmtKind::ScopeEnd(local) => {
                self.end_life(*local)?;
                Effect::None
            }
        };
        self.record(Some(index), statement.span, effect)
    }

    fn end_life(&mut self, local: LocalId) -> Result<(), Stop> {
        if let Some(object) = self.frame()?.objects.get(local.index()).copied().flatten() {
            self.memory.kill(object);
        }
        Ok(())
    }

    fn assigned(&mut self, dst: LocalId, value: Value) -> Result<Effect, Stop> {
        let value = self.assign(dst, Some(value))?;
        Ok(value.map_or(Effect::None, |value| Effect::Assigned(dst, value)))
    }

    /// Bytes from a pointer to the end of its object, at most `size`.
    pub fn room(&self, pointer: Pointer, size: u64) -> u64 {
        let place = self.memory.resolve(pointer);
        let end = |size: u64| pointer.hard_bounds().map_or(size, |(_, high)| high.min(size));
        let left = place.and_then(|(id, offset)| end(self.memory.info(id)?.size).checked_sub(offset));
        left.unwrap_or(0).min(size)
    }

    /// Notes that what was read here is no pointer to an object.
    fn note_unled(&self, at: Pointer) {
        /// More are not kept.
        const MOST: usize = 64;
        let place = self.memory.resolve(at);
        let place = place.and_then(|(id, offset)| match self.memory.info(id)?.kind {
            ObjectKind::Input(number) => Some((number, offset)),
            _ => None,
        });
        let mut unled = self.unled.borrow_mut();
        if unled.len() < MOST {
            unled.extend(place);
        }
    }

    fn load(&self, pointer: Pointer, ty: Ty) -> Value {
        if ty == Ty::Ptr {
            let read = self.memory.read_pointer(pointer);
            if read.object.is_none() {
                self.note_unled(pointer);
            }
            return Value::Pointer(read);
        }
        let bytes = self.memory.read(pointer, ty.size(self.program.model).min(16));
        let pattern = bytes
            .iter()
            .rev()
            .fold(0u128, |value, (byte, _)| value << 8 | u128::from(*byte));
        self.coerce(
            Value::Int {
                bits: 128,
                value: pattern,
            },
            ty,
        )
    }

    fn store(&mut self, pointer: Pointer, value: Value, ty: Ty) -> Result<(), Stop> {
        if let Value::Pointer(value) = value {
            return Ok(self.memory.write_pointer(pointer, value)?);
        }
        let pattern = self.pattern(value).to_le_bytes();
        let size = ty.size(self.program.model).min(16) as usize;
        let bytes: Vec<Byte> = pattern.iter().take(size).map(|b| (*b, true)).collect();
        Ok(self.memory.write(pointer, &bytes)?)
    }

    fn check(&mut self, index: usize, span: Span, id: ObligationId) -> Result<Effect, Stop> {
        let frame = self.frame()?;
        let (function_id, function) = (frame.id, frame.function);
        let Some(obligation) = function.obligations.get(id.index()) else {
            return Err(self.ill_formed("an obligation does not exist"));
        };
        if self.holds(&obligation.condition)? {
            return Ok(Effect::None);
        }
        // The function under test is called as its contract says, or not at all.
        if self.frames.len() == 1 && function.is_contract(id) {
            self.record(Some(index), span, Effect::None)?;
            return Err(Outcome::AssumptionFailed.into());
        }
        self.reads_bound(index, &obligation.condition)?;
        if self.limits.ignore.is_some_and(|ignore| ignore(function_id, id)) {
            return Ok(Effect::CheckFailed(id));
        }
        self.record(Some(index), span, Effect::CheckFailed(id))?;
        let call_stack = self.call_stack();
        Err(Outcome::Violated {
            function: function_id,
            obligation: id,
            call_stack,
        }
        .into())
    }
}

//! The machine: frames, statements, terminators.

use std::collections::{HashMap, VecDeque};

use vf_source::Span;

use super::memory::{Byte, Memory, ObjectId, ObjectKind, OutOfMemory, Pointer};
use super::value::Value;
use super::{CallSite, Effect, ExternalCall, Limits, Outcome, Run, Step, StuckReason};
use crate::input::{Choice, Input};
use crate::obligation::ObligationId;
use crate::program::{
    Block, BlockId, Body, Callee, Expr, Function, FunctionId, GlobalId, LocalId, Program, Stmt, StmtKind,
    Storage, Terminator,
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
    id: FunctionId,
    function: &'a Function,
    block: BlockId,
    /// Index of the next statement of the block.
    statement: usize,
    /// `None`: never assigned.
    registers: Vec<Option<Value>>,
    /// Current life of each memory local.
    objects: Vec<Option<ObjectId>>,
    /// Objects that die with the call.
    pub owned: Vec<ObjectId>,
    /// Register of the caller that gets the result.
    result: Option<LocalId>,
}

pub(super) struct Machine<'a> {
    pub program: &'a Program,
    pub input: &'a Input,
    limits: &'a Limits<'a>,
    pub memory: Memory,
    pub input_objects: Vec<ObjectId>,
    pub global_objects: HashMap<GlobalId, ObjectId>,
    pub function_objects: HashMap<FunctionId, ObjectId>,
    frames: Vec<Frame<'a>>,
    pub choices: std::slice::Iter<'a, Choice>,
    pub choices_used: usize,
    pub choices_missing: usize,
    trace: VecDeque<Step>,
    trace_dropped: u64,
    pub output: Vec<ExternalCall>,
    steps: u64,
}

impl<'a> Machine<'a> {
    pub fn new(program: &'a Program, input: &'a Input, limits: &'a Limits<'a>) -> Machine<'a> {
        Machine {
            program,
            input,
            limits,
            memory: Memory::new(program.model.pointer_bits(), limits.memory),
            input_objects: Vec::new(),
            global_objects: HashMap::new(),
            function_objects: HashMap::new(),
            frames: Vec::new(),
            choices: input.choices.iter(),
            choices_used: 0,
            choices_missing: 0,
            trace: VecDeque::new(),
            trace_dropped: 0,
            output: Vec::new(),
            steps: 0,
        }
    }

    pub fn run(mut self) -> Run {
        let stop = match self.set_up() {
            Ok(()) => loop {
                if let Err(stop) = self.step() {
                    break stop;
                }
            },
            Err(stop) => stop,
        };
        let outcome = match stop {
            Stop::Outcome(outcome) => *outcome,
            Stop::OutOfMemory => Outcome::Stuck(StuckReason::MemoryLimit {
                limit: self.limits.memory,
            }),
        };
        Run {
            outcome,
            trace: self.trace.into(),
            trace_dropped: self.trace_dropped,
            output: self.output,
            choices_used: self.choices_used,
            choices_missing: self.choices_missing,
            steps: self.steps,
            objects: self.memory.into_infos(),
        }
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

    fn record(&mut self, statement: Option<usize>, span: Span, effect: Effect) -> Result<(), Stop> {
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

    /// Starts a call; missing arguments are zero, surplus ones (of a variadic function) are dropped.
    pub fn enter(
        &mut self,
        id: FunctionId,
        arguments: Vec<Value>,
        result: Option<LocalId>,
    ) -> Result<(), Stop> {
        if self.frames.len() >= self.limits.depth {
            return Err(Outcome::Stuck(StuckReason::DepthLimit {
                limit: self.limits.depth,
            })
            .into());
        }
        let program = self.program;
        let function = program
            .functions
            .get(id.index())
            .ok_or_else(|| self.ill_formed("a function does not exist"))?;
        let count = function.locals.len();
        self.frames.push(Frame {
            id,
            function,
            block: BlockId(0),
            statement: 0,
            registers: vec![None; count],
            objects: vec![None; count],
            owned: Vec::new(),
            result,
        });
        for (index, param) in function.params.iter().enumerate() {
            let value = arguments.get(index).copied().unwrap_or(Value::int(64, 0));
            self.assign(*param, Some(value))?;
        }
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

    pub fn is_assigned(&self, local: LocalId) -> bool {
        self.frames
            .last()
            .and_then(|f| f.registers.get(local.index()))
            .is_some_and(Option::is_some)
    }

    fn assign(&mut self, local: LocalId, value: Option<Value>) -> Result<Option<Value>, Stop> {
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
        let index = frame.statement;
        match block.statements.get(index) {
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
        (frame.block, frame.statement) = (target, 0);
        Ok(())
    }

    fn leave(&mut self, value: Option<Value>) -> Result<(), Stop> {
        let ty = self.frame()?.function.ret.scalar();
        let value = value.map(|v| ty.map_or(v, |ty| self.coerce(v, ty)));
        let Some(frame) = self.frames.pop() else {
            return Err(self.ill_formed("no call is active"));
        };
        for object in frame.owned {
            self.memory.kill(object);
        }
        if self.frames.is_empty() {
            return Err(Outcome::Returned { value }.into());
        }
        if let Some(dst) = frame.result {
            let value = self.assign(dst, value)?;
            let (index, span) = self.call_place()?;
            let effect = value.map_or(Effect::None, |value| Effect::Assigned(dst, value));
            self.record(Some(index), span, effect)?;
        }
        Ok(())
    }

    /// Index and span of the statement that the innermost frame executed last.
    fn call_place(&self) -> Result<(usize, Span), Stop> {
        let frame = self.frame()?;
        let index = frame.statement.saturating_sub(1);
        let block = frame.function.blocks().get(frame.block.index());
        let span = block
            .and_then(|b| b.statements.get(index))
            .map_or(Span::NONE, |s| s.span);
        Ok((index, span))
    }

    fn statement(&mut self, index: usize, statement: &'a Stmt) -> Result<(), Stop> {
        let effect = match &statement.kind {
            StmtKind::Assign { dst, value } => {
                let value = self.eval(value)?;
                self.assigned(*dst, value)?
            }
            StmtKind::Havoc { dst, .. } => {
                let value = self.chosen_value("")?;
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
                    self.chosen_value("")?
                } else {
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
                self.memory.copy(to, from, size)?;
                Effect::None
            }
            StmtKind::Fill { dst, byte, size } => {
                let to = self.eval_pointer(dst)?;
                let (byte, size) = (self.eval_bits(byte)?.1 as u8, self.eval_size(size)?);
                self.fill(to, byte, size)?;
                Effect::None
            }
            StmtKind::HavocMemory { dst, size } => {
                let (to, size) = (self.eval_pointer(dst)?, self.eval_size(size)?);
                self.havoc_memory(to, size)?;
                Effect::None
            }
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
                if self.is_freeable(pointer)
                    && let Some((id, _)) = self.memory.resolve(pointer)
                {
                    self.memory.kill(id);
                }
                Effect::None
            }
            StmtKind::StringLength { dst, ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                // Without a NUL in the object, the first byte after it reads as zero.
                let length = self
                    .terminator_of(pointer, false)
                    .unwrap_or_else(|| self.room(pointer, u64::MAX));
                self.spend(length)?;
                self.assigned(*dst, Value::int(self.pointer_bits(), u128::from(length)))?
            }
            StmtKind::ObjectSize { dst, ptr } => {
                let pointer = self.eval_pointer(ptr)?;
                let left = self.room(pointer, u64::MAX);
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
        let left = place.and_then(|(id, offset)| self.memory.info(id)?.size.checked_sub(offset));
        left.unwrap_or(0).min(size)
    }

    fn load(&self, pointer: Pointer, ty: Ty) -> Value {
        if ty == Ty::Ptr {
            return Value::Pointer(self.memory.read_pointer(pointer));
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

    fn call_stack(&self) -> Vec<CallSite> {
        let site = |frame: &Frame| {
            let block = frame.function.blocks().get(frame.block.index());
            let statement = block.and_then(|b| b.statements.get(frame.statement.saturating_sub(1)));
            let span = statement.map_or(Span::NONE, |s| s.span);
            CallSite {
                function: frame.id,
                block: frame.block,
                span,
            }
        };
        self.frames.iter().map(site).collect()
    }

    fn call(
        &mut self,
        index: usize,
        span: Span,
        dst: Option<LocalId>,
        callee: &Callee,
        args: &[Expr],
    ) -> Result<(), Stop> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.eval(arg)?);
        }
        let id = match callee {
            Callee::Direct(id) => *id,
            Callee::Indirect(pointer) => {
                let pointer = self.eval_pointer(pointer)?;
                let object = self.memory.resolve(pointer).filter(|(_, offset)| *offset == 0);
                match object
                    .and_then(|(id, _)| self.memory.info(id))
                    .map(|info| info.kind)
                {
                    Some(ObjectKind::Function(id)) => id,
                    _ => return Err(Outcome::Stuck(StuckReason::NotAFunction).into()),
                }
            }
        };
        let program = self.program;
        let function = program
            .functions
            .get(id.index())
            .ok_or_else(|| self.ill_formed("a function does not exist"))?;
        self.record(Some(index), span, Effect::Called(id))?;
        match &function.body {
            Body::Defined(_) => self.enter(id, values, dst),
            Body::Declared => {
                let value = self.external(function, &values)?;
                let Some(dst) = dst else {
                    return Ok(());
                };
                let value = self.assign(dst, value)?;
                let effect = value.map_or(Effect::None, |value| Effect::Assigned(dst, value));
                self.record(Some(index), span, effect)
            }
            Body::Unsupported(why) => {
                let (name, construct) = (function.name.clone(), why.construct.clone());
                Err(Outcome::Stuck(StuckReason::UnsupportedBody { name, construct }).into())
            }
        }
    }
}

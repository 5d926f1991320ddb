//! Calls: entering, leaving, and where the active ones stand.

use vf_source::Span;

use super::machine::{Frame, Machine, Stop};
use super::memory::ObjectKind;
use super::value::Value;
use super::{CallSite, Effect, Outcome, StuckReason};
use crate::program::{BlockId, Body, Callee, Expr, FunctionId, LocalId};

impl<'a> Machine<'a> {
    /// Starts a call; missing arguments are zero, surplus ones (of a variadic function) are dropped.
    pub(super) fn enter(
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
            self.put(*param, Some(value))?;
        }
        if self.recorder.is_some() {
            let graph = self.graph(id, function);
            if let Some(recorder) = &mut self.recorder {
                recorder.enter(id, &function.params, count, graph);
            }
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, value: Option<Value>) -> Result<(), Stop> {
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
        let call = self.recorder.as_mut().map(|recorder| {
            let call = recorder.innermost_call();
            recorder.leave();
            call
        });
        if let Some(dst) = frame.result {
            let value = self.assign(dst, value)?;
            let (index, span) = self.call_place()?;
            let effect = value.map_or(Effect::None, |value| Effect::Assigned(dst, value));
            if let (Some(recorder), Some(call)) = (&mut self.recorder, call) {
                recorder.call_effect(call, &effect);
            }
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

    pub(super) fn call_stack(&self) -> Vec<CallSite> {
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

    pub(super) fn call(
        &mut self,
        index: usize,
        span: Span,
        dst: Option<LocalId>,
        callee: &Callee,
        args: &[Expr],
    ) -> Result<(), Stop> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            if let Some(recorder) = &mut self.recorder {
                recorder.begin_argument();
            }
            values.push(self.eval(arg)?);
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.begin_piece();
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
        // Where the run is to be one of the machine's, what the model leaves open is computed.
        if self.asked.is_some()
            && function.library_model
            && let Some(value) = self.computed(function, &values)?
        {
            if let Some(dst) = dst {
                self.assign(dst, Some(value))?;
            }
            return Ok(());
        }
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

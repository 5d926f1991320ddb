//! Calls: inlined where there is a body, unknown where there is none.

use std::collections::BTreeSet;

use vf_ir::{
    BlockId, Body, CType, Callee, Expr, FunctionId, HavocReason, LocalId, ObligationId, StmtKind, Ty,
};
use vf_smt::{Sort, Term};

use super::exec::{Exit, Frame};
use super::state::Edge;
use super::value::{NO_OBJECT, ObjectKey, Pointer, Value, WILD};
use super::{CheckKey, ChoicePoint, ChoiceTerm, Engine, Event, Stop};
use crate::{Entry, Reason};

impl Engine<'_> {
    pub(super) fn call(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        dst: Option<LocalId>,
        callee: &Callee,
        args: &[Expr],
    ) -> Result<(), Stop> {
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            values.push(self.value(frame, &edge.state, arg)?);
        }
        match callee {
            Callee::Direct(function) => {
                let value = self.call_one(frame, at, edge, *function, values)?;
                self.finish(frame, edge, dst, value);
            }
            Callee::Indirect(pointer) => {
                let pointer = self.pointer(frame, &edge.state, pointer)?;
                self.call_indirect(frame, at, edge, dst, &pointer, values)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, frame: &Frame, edge: &mut Edge, dst: Option<LocalId>, value: Option<Value>) {
        let Some(dst) = dst else { return };
        let ty = self.register_type(frame, dst);
        let value = match (ty, value) {
            (Ty::Ptr, Some(Value::Bits(bits))) => Value::Pointer(self.pointer_from(bits)),
            (Ty::Int(_) | Ty::Float(_), Some(Value::Pointer(p))) => Value::Bits(self.address_of(&p)),
            (_, Some(value)) => value,
            (ty, None) => self.unknown_value(ty),
        };
        self.assign(&mut edge.state, dst, value);
    }

    fn call_one(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        callee: FunctionId,
        values: Vec<Value>,
    ) -> Result<Option<Value>, Stop> {
        let function = self.program.function(callee);
        let recursive = self.stack.contains(&callee);
        let deep = self.stack.len() as u32 >= self.settings.budget.depth;
        match &function.body {
            Body::Defined(_) if !recursive && !deep => {
                let context = self.names.context(frame.path, at.0.0, at.1, callee.0);
                let inner = if function.library_model {
                    let mut via = frame.via.clone();
                    via.push(at);
                    Frame {
                        function: callee,
                        context,
                        path: context,
                        owner: frame.owner,
                        via,
                    }
                } else {
                    Frame {
                        function: callee,
                        context,
                        path: context,
                        owner: callee,
                        via: Vec::new(),
                    }
                };
                let registers = edge.state.registers.clone();
                let exit = self.run_function(&inner, values, edge.guard, edge.state.memory.clone())?;
                Ok(match exit {
                    Some(Exit { guard, memory, value }) => {
                        edge.guard = guard;
                        edge.state.memory = memory;
                        edge.state.registers = registers;
                        value
                    }
                    None => {
                        edge.guard = self.terms.bool(false);
                        None
                    }
                })
            }
            body => {
                let name = function.name.clone();
                match body {
                    // The entry function is looked at for every input, so also for those of this call.
                    Body::Defined(_)
                        if callee == self.settings.entry && self.settings.entry_mode == Entry::Each =>
                    {
                        self.assume(format!(
                            "the recursive call of `{name}` meets the contract of `{name}`"
                        ));
                    }
                    Body::Defined(_) if recursive => {
                        self.leave_undecided(callee, edge.guard, &Reason::Recursion { function: name });
                    }
                    Body::Defined(_) => {
                        self.leave_undecided(
                            callee,
                            edge.guard,
                            &Reason::TooComplex { what: "nested calls" },
                        );
                    }
                    Body::Unsupported(why) => {
                        self.assume(format!(
                            "`{name}` is safe (it uses {}, which is not supported)",
                            why.construct
                        ));
                    }
                    Body::Declared => {}
                }
                self.external(frame, at, edge, callee, values)
            }
        }
    }

    /// A call of a known body that is not entered: nothing was proved of what it would check.
    fn leave_undecided(&mut self, callee: FunctionId, guard: Term, reason: &Reason) {
        let mut todo = vec![callee];
        let mut seen = BTreeSet::from([callee]);
        while let Some(id) = todo.pop() {
            let function = self.program.function(id);
            for number in 0..function.obligations.len() as u32 {
                let obligation = ObligationId(number);
                if function.library_model || (self.settings.skip)(id, obligation) {
                    continue;
                }
                let key = CheckKey {
                    function: id,
                    via: Vec::new(),
                    inner: id,
                    obligation,
                };
                self.events.push(Event::Undecided {
                    key,
                    guard,
                    reason: reason.clone(),
                });
            }
            for block in function.blocks() {
                for statement in &block.statements {
                    if let StmtKind::Call {
                        callee: Callee::Direct(next),
                        ..
                    } = &statement.kind
                        && seen.insert(*next)
                    {
                        todo.push(*next);
                    }
                }
            }
        }
    }

    /// A call of which only the declaration is known.
    fn external(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        callee: FunctionId,
        values: Vec<Value>,
    ) -> Result<Option<Value>, Stop> {
        let function = self.program.function(callee);
        let name = function.name.clone();
        let mut writable = Vec::new();
        for (position, value) in values.iter().enumerate() {
            let Value::Pointer(pointer) = value else { continue };
            let declared = function
                .params
                .get(position)
                .and_then(|l| function.locals.get(l.index()))
                .map(|l| &l.ty);
            if !matches!(declared, Some(CType::Pointer { to_const: true, .. })) {
                writable.push(pointer.clone());
            }
        }
        if function.noreturn {
            edge.guard = self.terms.bool(false);
            return Ok(None);
        }
        self.assume(format!(
            "`{name}`, whose body is not in view, is safe, frees nothing, and changes only what its arguments and globals reach"
        ));
        self.havoc_reachable(edge, &writable, &name)?;
        // The result is a decision of the outside, whether or not it is used.
        let Some(ty) = function.ret.scalar() else {
            return Ok(None);
        };
        let value = match ty {
            Ty::Ptr => Value::Pointer(self.returned_pointer(frame, at, edge, callee, &name)),
            other => {
                let number = self.unique();
                let width = self.width_of(other);
                let term = self
                    .terms
                    .var(&format!("result.{number}.{name}"), Sort::BitVec(width));
                if function.ret == CType::Bool {
                    let one = self.terms.bv(width, 1);
                    self.fact(self.terms.ule(term, one));
                }
                Value::Bits(term)
            }
        };
        self.choices.push(ChoicePoint {
            guard: edge.guard,
            function: name,
            kind: ChoiceTerm::Value(value.clone(), ty),
            reason: HavocReason::Environment,
        });
        Ok(Some(value))
    }

    /// A pointer from a function without body: null, or an object of its own.
    fn returned_pointer(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        _edge: &Edge,
        callee: FunctionId,
        name: &str,
    ) -> Pointer {
        if !self.loop_stack.is_empty() {
            // Each iteration may return another object.
            return self.wild_pointer("returned");
        }
        let pointee = match &self.program.function(callee).ret {
            CType::Pointer { to, .. } => (**to).clone(),
            _ => CType::Void,
        };
        let key = ObjectKey::Returned(frame.path, at.0.0, at.1);
        self.input_object(key, &format!("{name}()"), &pointee, false, true)
    }

    fn call_indirect(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        dst: Option<LocalId>,
        pointer: &Pointer,
        values: Vec<Value>,
    ) -> Result<(), Stop> {
        let t = self.terms;
        let mut edges = Vec::new();
        let mut known = t.bool(false);
        for object in pointer.targets.iter().copied() {
            let Some(ObjectKey::Function(function)) = self.objects.get(&object).map(|o| o.key.clone()) else {
                continue;
            };
            let here = t.eq(pointer.base, self.base_const(object));
            let taken = t.and(edge.guard, here);
            known = t.or(known, here);
            if t.is_false(taken) {
                continue;
            }
            let mut branch = Edge {
                guard: taken,
                state: edge.state.clone(),
            };
            let value = self.call_one(frame, at, &mut branch, function, values.clone())?;
            self.finish(frame, &mut branch, dst, value);
            edges.push(branch);
        }
        let others = pointer.targets.iter().any(|o| {
            *o == WILD
                || *o != NO_OBJECT
                    && !matches!(self.objects.get(o).map(|i| &i.key), Some(ObjectKey::Function(_)))
        });
        if others || edges.is_empty() {
            let mut branch = Edge {
                guard: t.and(edge.guard, t.not(known)),
                state: edge.state.clone(),
            };
            self.assume("calls through function pointers that cannot be resolved are safe, free nothing, and change only what their arguments and globals reach");
            let writable: Vec<Pointer> = values
                .iter()
                .filter_map(|v| match v {
                    Value::Pointer(p) => Some(p.clone()),
                    Value::Bits(_) => None,
                })
                .collect();
            self.havoc_reachable(&mut branch, &writable, "indirect")?;
            self.finish(frame, &mut branch, dst, None);
            edges.push(branch);
        }
        match self.merge(edges, |_| true)? {
            Some(merged) => *edge = merged,
            None => edge.guard = t.bool(false),
        }
        Ok(())
    }
}

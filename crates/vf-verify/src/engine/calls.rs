//! Calls: inlined where there is a body, unknown where there is none.

use std::collections::BTreeSet;

use vf_ir::{
    BlockId, Body, CType, Callee, Expr, FunctionId, HavocReason, LocalId, ObligationId, StmtKind, Storage, Ty,
};
use vf_smt::{Sort, Term};

use super::compare::{Sees, does_nothing, leaves_open};
use super::exec::{Exit, Frame};
use super::state::Edge;
use super::value::{NO_OBJECT, ObjectKey, Pointer, Value, WILD};
use super::{CheckKey, ChoicePoint, ChoiceTerm, Engine, Event, Mode, OutsideStore, RECURSION, Stop};
use crate::executions::{decided_outside, only_asks};
use crate::{Entry, Reason};

/// Functions whose effect comes while, or after, other code runs: threads, signal handlers, handlers of the
/// program's end. In a whole program that calls one, what is not executed here must not pass for safe.
const OUT_OF_ORDER: [&str; 16] = [
    "pthread_create",
    "thrd_create",
    "clone",
    "fork",
    "vfork",
    "signal",
    "sigaction",
    "bsd_signal",
    "sysv_signal",
    "sigset",
    "sigsetjmp",
    "setitimer",
    "atexit",
    "at_quick_exit",
    "on_exit",
    "__cxa_atexit",
];
/// Activations of one function in each other, at most, where the arguments are constants.
const NESTED: usize = 4096;
/// Functions that a pointer of which nothing is known may lead to, at most.
const CANDIDATES: usize = 12;

/// Why a call is not entered.
enum NotEntered {
    /// Only a declaration is known.
    NotInView,
    /// It uses this, which is not supported.
    Unsupported(String),
    /// The function is active already.
    Recursion,
    /// Too many calls are nested in each other.
    Depth,
}

impl NotEntered {
    /// What a proof that goes on behind the call rests on.
    fn assumption(&self, name: &str) -> String {
        let subject = match self {
            NotEntered::NotInView => format!("`{name}`, whose body is not in view,"),
            NotEntered::Unsupported(what) => format!("`{name}`, which uses {what} (not supported),"),
            NotEntered::Recursion => format!("an inner activation of `{name}`, which was not followed,"),
            NotEntered::Depth => format!("a call of `{name}` nested too deeply to be followed"),
        };
        format!("{subject} is safe, frees nothing, and changes only what its arguments and globals reach")
    }
}

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
        let callee = self.version_called(callee);
        let function = self.program.function(callee);
        let nested = self.stack.iter().filter(|f| **f == callee).count();
        let recursive = nested > 0;
        let distinct = self.stack.iter().collect::<BTreeSet<_>>().len();
        let deep = distinct as u32 >= self.settings.budget.depth;
        let enters = if recursive {
            self.enters_again(callee, nested, &values)
        } else {
            !deep
        };
        match &function.body {
            Body::Defined(_) if enters => {
                let caller = self.program.function(frame.function);
                if function.library_model && !caller.library_model && self.compares() {
                    self.see_model(edge, callee, &values)?;
                }
                let (block, statement) = self.place(frame.function, at);
                let number = self.function_number(callee);
                let context = self.names.context(frame.path, block, statement, number);
                let mut via = frame.via.clone();
                via.push(at);
                let call = Some((frame.owner, via.clone()));
                let (owner, via) = if function.library_model {
                    (frame.owner, via)
                } else {
                    (callee, Vec::new())
                };
                let inner = Frame {
                    function: callee,
                    context,
                    path: context,
                    owner,
                    via,
                    call,
                };
                let registers = edge.state.registers.clone();
                let held = if self.settings.leaks {
                    let facts = self.facts_of(frame.function)?;
                    self.held_over_call(frame, &facts, at, &edge.state)
                } else {
                    Vec::new()
                };
                self.held_by_callers.push(held);
                let exit = self.run_function(&inner, values, edge.guard, edge.state.memory.clone());
                self.held_by_callers.pop();
                let exit = exit?;
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
                let why = match body {
                    // The entry function is looked at for every input, so also for those of this call.
                    Body::Defined(_)
                        if callee == self.settings.entry && self.settings.entry_mode == Entry::Each =>
                    {
                        self.assume(format!(
                            "the recursive call of `{name}` meets the contract of `{name}`"
                        ));
                        NotEntered::Recursion
                    }
                    Body::Defined(_) if recursive && matches!(self.mode, Mode::Unroll(_)) => {
                        // Executions that call deeper than the bound are not looked at, like those of a loop.
                        self.events.push(Event::Unwound {
                            guard: edge.guard,
                            function: callee,
                            header: RECURSION,
                        });
                        edge.guard = self.terms.bool(false);
                        return Ok(None);
                    }
                    Body::Defined(_) if recursive => {
                        self.recursion_cut = true;
                        self.leave_undecided(callee, edge.guard, &Reason::Recursion { function: name });
                        NotEntered::Recursion
                    }
                    Body::Defined(_) => {
                        self.leave_undecided(
                            callee,
                            edge.guard,
                            &Reason::TooComplex { what: "nested calls" },
                        );
                        NotEntered::Depth
                    }
                    Body::Unsupported(why) => {
                        let what = why.construct.clone();
                        if self.settings.entry_mode == Entry::Main {
                            let reason = Reason::Construct {
                                what: what.clone(),
                                function: name,
                            };
                            self.events.push(Event::NotFollowed {
                                guard: edge.guard,
                                function: callee,
                                reason,
                            });
                        }
                        NotEntered::Unsupported(what)
                    }
                    Body::Declared => NotEntered::NotInView,
                };
                self.external(frame, at, edge, callee, values, &why)
            }
        }
    }

    /// A call of a library model by the program, where two versions are compared.
    fn see_model(&mut self, edge: &Edge, model: FunctionId, values: &[Value]) -> Result<(), Stop> {
        let name = self.program.function(model).c_name().to_owned();
        let sees = if only_asks(&name) {
            Sees::Computed
        } else if decided_outside(&name) || does_nothing(self.program, model) {
            Sees::Arguments
        } else if leaves_open(self.program, model) {
            Sees::Computed
        } else {
            return Ok(());
        };
        self.see_call(edge, &name, values, sees)
    }

    /// Whether a function is entered that is active already. With constant arguments it goes on as the program
    /// does; otherwise as far as the bound of the unrolling.
    fn enters_again(&self, callee: FunctionId, nested: usize, values: &[Value]) -> bool {
        let budget = &self.settings.budget;
        if self.steps > budget.steps / 2
            || self.function_number(callee) == self.settings.entry.0
                && self.settings.entry_mode == Entry::Each
        {
            return false;
        }
        let constant = |value: &Value| match value {
            Value::Bits(term) => self.terms.as_bv(*term).is_some(),
            Value::Pointer(_) => false,
        };
        let by_value = !values.is_empty() && values.iter().all(constant);
        match self.mode {
            _ if by_value => nested < NESTED,
            Mode::Unroll(bound) => nested <= bound as usize,
            Mode::Invariants => false,
        }
    }

    /// What a whole program leaves to the outside that is not merely a value: code that runs later or elsewhere,
    /// and functions of the program that the outside may call.
    fn leave_to_outside(&mut self, owner: FunctionId, guard: Term, callee: &str, values: &[Value]) {
        if OUT_OF_ORDER.contains(&callee) {
            self.events.push(Event::NotFollowed {
                guard,
                function: owner,
                reason: Reason::Construct {
                    what: format!("calls of `{callee}`"),
                    function: self.program.function(owner).name.clone(),
                },
            });
        }
        let targets = values.iter().filter_map(|value| match value {
            Value::Pointer(pointer) => Some(pointer.targets.iter()),
            Value::Bits(_) => None,
        });
        let passed: BTreeSet<FunctionId> = targets
            .flatten()
            .filter_map(|object| match self.objects.get(object).map(|o| &o.key) {
                Some(ObjectKey::Function(function)) => Some(*function),
                _ => None,
            })
            .collect();
        for function in passed {
            let info = self.program.function(function);
            if matches!(info.body, Body::Declared) || info.library_model {
                continue;
            }
            let reason = Reason::CalledBack {
                function: info.name.clone(),
                by: callee.to_owned(),
            };
            self.events.push(Event::NotFollowed {
                guard,
                function,
                reason,
            });
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
                let elsewhere = function.library_model || function.is_contract(obligation);
                if elsewhere || (self.settings.skip)(id, obligation) {
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

    /// A call that is not followed: it may do anything to what it can reach.
    fn external(
        &mut self,
        frame: &Frame,
        at: (BlockId, u32),
        edge: &mut Edge,
        callee: FunctionId,
        values: Vec<Value>,
        why: &NotEntered,
    ) -> Result<Option<Value>, Stop> {
        let function = self.program.function(callee);
        // Where a declaration has a contract, the function itself is called from one of the same name, which checks it.
        let name = function.c_name().to_owned();
        let caller = self.program.function(frame.function);
        let assumes = |b: &vf_ir::Block| b.statements.iter().any(|s| matches!(s.kind, StmtKind::Assume(_)));
        let is_believed = caller.library_model && caller.name == name && caller.blocks().iter().any(assumes);
        let mut writable = Vec::new();
        for (position, value) in values.iter().enumerate() {
            let Value::Pointer(pointer) = value else { continue };
            let declared = function
                .params
                .get(position)
                .and_then(|l| function.locals.get(l.index()))
                .map(|l| &l.ty);
            if !matches!(declared, Some(CType::Pointer { to_const: true, .. })) {
                writable.push((position, pointer.clone()));
            }
        }
        if self.settings.entry_mode == Entry::Main && matches!(function.body, Body::Declared) {
            self.leave_to_outside(frame.owner, edge.guard, &name, &values);
        }
        self.see_call(edge, &name, &values, Sees::Everything)?;
        if function.noreturn {
            edge.guard = self.terms.bool(false);
            return Ok(None);
        }
        self.assume(match why {
            NotEntered::NotInView if function.unchanging => format!(
                "`{name}`, whose body is not in view, is safe, frees nothing, and changes only what its contract assigns"
            ),
            _ => why.assumption(&name),
        });
        if is_believed {
            self.assume(format!("`{name}` keeps what its contract ensures"));
        }
        let mut stores = Vec::new();
        if !function.unchanging {
            let roots: Vec<Pointer> = writable.iter().map(|(_, pointer)| pointer.clone()).collect();
            let label = self.havoc_reachable(edge, &roots, &name)?;
            let through = |(argument, pointer)| OutsideStore {
                argument,
                pointer,
                label: label.clone(),
            };
            stores.extend(writable.into_iter().map(through));
        }
        // The result is a decision of the outside, whether or not it is used.
        let Some(ty) = function.ret.scalar() else {
            return Ok(None);
        };
        let value = match ty {
            Ty::Ptr => Value::Pointer(self.returned_pointer(frame, at, edge, callee, &name)),
            other => {
                let number = self.shared("result");
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
            stores,
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
        let (block, statement) = self.place(frame.function, at);
        let key = ObjectKey::Returned(frame.path, block, statement);
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
        let mut unresolved = t.and(edge.guard, t.not(known));
        if others && self.settings.entry_mode == Entry::Main {
            let candidates = self.functions_that_take(frame, dst, &values);
            if (1..=CANDIDATES).contains(&candidates.len()) {
                self.assume("calls through pointers to functions lead to functions of the program whose address is taken and whose type is that of the call");
                let last = candidates.len() - 1;
                for (number, function) in candidates.into_iter().enumerate() {
                    let here = if number == last {
                        t.bool(true)
                    } else {
                        t.fresh("callee", Sort::Bool)
                    };
                    let mut branch = Edge {
                        guard: t.and(unresolved, here),
                        state: edge.state.clone(),
                    };
                    unresolved = t.and(unresolved, t.not(here));
                    let value = self.call_one(frame, at, &mut branch, function, values.clone())?;
                    self.finish(frame, &mut branch, dst, value);
                    edges.push(branch);
                }
            } else {
                let name = self.program.function(frame.owner).name.clone();
                self.events.push(Event::NotFollowed {
                    guard: unresolved,
                    function: frame.owner,
                    reason: Reason::Construct {
                        what: "a call through a pointer to a function that could not be resolved".into(),
                        function: name,
                    },
                });
            }
        }
        if (others || edges.is_empty()) && !t.is_false(unresolved) {
            let mut branch = Edge {
                guard: unresolved,
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
            let mut given = vec![Value::Pointer(pointer.clone())];
            given.extend(values.iter().cloned());
            self.see_call(&branch, "*", &given, Sees::Everything)?;
            self.havoc_reachable(&mut branch, &writable, "indirect")?;
            let result = dst.and_then(|dst| match self.register_type(frame, dst) {
                Ty::Ptr => None,
                ty if self.compares() => {
                    let number = self.shared("result");
                    let width = Sort::BitVec(self.width_of(ty));
                    Some(Value::Bits(
                        self.terms.var(&format!("result.{number}.indirect"), width),
                    ))
                }
                _ => None,
            });
            self.finish(frame, &mut branch, dst, result);
            edges.push(branch);
        }
        match self.merge(edges, |_| true)? {
            Some(merged) => *edge = merged,
            None => edge.guard = t.bool(false),
        }
        Ok(())
    }

    /// Functions whose address the program takes, and that take these arguments and give this result.
    fn functions_that_take(&self, frame: &Frame, dst: Option<LocalId>, values: &[Value]) -> Vec<FunctionId> {
        let result = dst.map(|d| self.register_type(frame, d));
        let agrees = |id: &FunctionId| {
            let function = self.program.function(*id);
            let register = |local: &LocalId| match function.locals.get(local.index()).map(|l| l.storage) {
                Some(Storage::Register(ty)) => Some(ty),
                _ => None,
            };
            let takes = |(local, value): (&LocalId, &Value)| match (register(local), value) {
                (Some(Ty::Ptr), Value::Pointer(_)) => true,
                (Some(ty @ (Ty::Int(_) | Ty::Float(_))), Value::Bits(term)) => {
                    self.terms.width(*term) == self.width_of(ty)
                }
                _ => false,
            };
            function.params.len() == values.len()
                && function.params.iter().zip(values).all(takes)
                && (result.is_none() || function.ret.scalar() == result)
        };
        self.settings.taken.iter().copied().filter(agrees).collect()
    }
}

//! Executions of a program that break nothing: what two versions of it are compared on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use vf_ir::input::{Input, InputPointer, InputValue};
use vf_ir::interp::{self, Asked, CallSite, Effects, Ignore, Limits, Outcome, Padding, SeenObject};
use vf_ir::{CType, Expr, FunctionId, ObligationId, Program, Property, RecordId, Terminator};
use vf_source::SourceMap;

use crate::analysis::Context;
use crate::confirm::{self, Confirmation};
use crate::report::{ObligationReport, Verdict};
use crate::{CheckOptions, counterexample, engine, format, inputs};

/// Library models of which everything that they leave open is decided outside of the program. Others, `strcmp` and the like, compute
/// what their model does not know: an execution of those need not be one of the machine's.
const OUTSIDE: [&str; 34] = [
    "accept",
    "bind",
    "clock",
    "close",
    "connect",
    "fflush",
    "fgetc",
    "fgets",
    "fread",
    "fwrite",
    "getc",
    "getchar",
    "getenv",
    "gethostname",
    "gets",
    "listen",
    "memcpy_fromio",
    "pread",
    "printk",
    "_printk",
    "rand",
    "random",
    "read",
    "readlink",
    "recv",
    "recvfrom",
    "send",
    "sendto",
    "socket",
    "time",
    "write",
    "_raw_spin_lock_irqsave",
    "__cond_resched",
    "__vf_descriptor",
];

/// Whether all that the model of this function leaves open is decided outside of the program.
pub fn decided_outside(model: &str) -> bool {
    OUTSIDE.contains(&model) || model.contains("user")
}

/// Whether a function reads what a process has in its memory and changes nothing there: a call of it cannot be told from none.
pub fn only_asks(model: &str) -> bool {
    ["from_user", "get_user", "memdup_user"]
        .iter()
        .any(|part| model.contains(part))
}

fn is_real(asked: &Asked) -> bool {
    let outside = |name: &String| decided_outside(name);
    match asked {
        Asked::Result(_) | Asked::Allocation | Asked::Number(None) => true,
        Asked::Number(Some(model)) | Asked::Bytes(Some(model)) => outside(model),
        // The text of formatted output.
        Asked::Bytes(None) | Asked::Machine => false,
    }
}

/// Bytes of the largest object that an input is given.
const MOST: u64 = 1 << 40;
/// Room behind an object, where a run goes on past its end, in bytes; and what it may hold.
const PADDING: u64 = 4096;
const FILLERS: [u8; 2] = [0, 0xa5];
/// Steps of one execution.
const STEPS: u64 = 200_000;

/// A program that can be executed, with what its obligations are.
#[derive(Debug)]
pub struct Executions {
    program: Program,
    options: CheckOptions,
    /// Checks that are no obligations, by function.
    skipped: Vec<BTreeSet<ObligationId>>,
}

/// An execution in which every obligation holds.
#[derive(Clone, Debug, PartialEq)]
pub struct SafeExecution {
    pub effects: Effects,
    /// What the outside was asked for, in order.
    pub asked: Vec<Asked>,
}

impl Executions {
    /// The program as [`crate::check`] looks at it under the same options.
    pub fn new(program: &Program, options: &CheckOptions) -> Executions {
        let mut program = program.clone();
        format::expand_format_calls(&mut program);
        let sources = SourceMap::new();
        let context = Context::new(&program, &sources, options, Instant::now());
        let functions = (0..program.functions.len() as u32).map(FunctionId);
        let skipped = functions.map(|f| context.skipped_of(f).clone()).collect();
        Executions {
            program,
            options: options.clone(),
            skipped,
        }
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    pub(crate) fn options(&self) -> &CheckOptions {
        &self.options
    }

    /// The checks of a function that are no obligations.
    pub(crate) fn skipped_of(&self, function: FunctionId) -> BTreeSet<ObligationId> {
        self.skipped.get(function.index()).cloned().unwrap_or_default()
    }

    /// The same input in objects that are no larger than the usual reading of the parameters asks for: as many elements as a
    /// parameter counts, one of a record, a string to its NUL. On larger ones an overrun may go unnoticed.
    pub fn tight(&self, input: &Input) -> Input {
        let mut tight = input.clone();
        for object in &mut tight.objects {
            if let Some(size) = self.record_size(&object.element_type) {
                object.size = object.size.min(size);
            } else if matches!(
                object.element_type.as_str(),
                "char" | "signed char" | "unsigned char"
            ) {
                object.size = object.size.min(object.contents.string_length().saturating_add(1));
            }
        }
        self.tighten_counted(&mut tight);
        // What lies behind the end is not there.
        for object in &mut tight.objects {
            for (start, run) in &mut object.contents.bytes {
                let room = object.size.saturating_sub(*start);
                run.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            }
            object.contents.bytes.retain(|(_, run)| !run.is_empty());
        }
        tight
    }

    /// Objects behind parameters that another one counts.
    fn tighten_counted(&self, tight: &mut Input) {
        let Some(entry) = self.program.function_named(&tight.function) else {
            return;
        };
        let function = self.program.function(entry);
        let counted = engine::counted_parameters(&self.program, entry);
        for (place, local) in function.params.iter().enumerate() {
            let Some(count) = counted.get(local) else { continue };
            let Some(CType::Pointer { to, .. }) = function.locals.get(local.index()).map(|l| &l.ty) else {
                continue;
            };
            let is_record = matches!(**to, CType::Record(_));
            let number = function.params.iter().position(|p| *p == count.count);
            let number = number.and_then(|at| tight.arguments.get(at));
            let (Some(InputValue::Pointer(InputPointer::Object { index, offset: 0 })), Some(number)) =
                (tight.arguments.get(place), number)
            else {
                continue;
            };
            let InputValue::Int { bits, value } = number else {
                continue;
            };
            let element = to.size(&self.program.records, self.program.model).unwrap_or(1);
            let elements = match u64::try_from(interp::signed(*bits, *value)) {
                _ if is_record && !count.is_array => 1,
                Ok(elements) => elements,
                // A negative number counts nothing.
                Err(_) => 0,
            };
            let index = *index;
            if let Some(object) = tight.objects.get_mut(index) {
                object.size = elements.saturating_mul(element).min(MOST);
            }
        }
    }

    /// The size of a record, by its name in C.
    fn record_size(&self, name: &str) -> Option<u64> {
        let records = (0..self.program.records.len() as u32).map(|id| CType::Record(RecordId(id)));
        let mut named =
            records.filter(|ty| !name.is_empty() && counterexample::c_name(&self.program, ty) == name);
        named.next()?.size(&self.program.records, self.program.model)
    }

    /// Runs the input; `None` where the run violates an obligation, does not end, or rests on a pointer that was made up or on what
    /// only the real library or machine would know.
    pub fn run(&self, input: &Input) -> Option<SafeExecution> {
        // What only the other version names is not read here.
        let mut input = input.clone();
        let named = |name: &String| self.program.globals.iter().any(|g| g.name == *name);
        input.globals.retain(|(name, _)| named(name));
        let input = &input;
        let found = self.run_as_it_is(input)?;
        match counterexample::without_invented(&self.program, input) {
            Some([other, _]) => Some(found).filter(|found| self.run_as_it_is(&other).as_ref() == Some(found)),
            None => Some(found),
        }
    }

    /// Runs the input as if every object that the run makes went on behind its end, for what is written there; what the run writes
    /// behind the objects of `like` is left out. `None` where the run breaks anything else, or what lies there is read.
    pub fn run_obliviously(&self, input: &Input, like: &Effects) -> Option<SafeExecution> {
        let mut input = input.clone();
        let named = |name: &String| self.program.globals.iter().any(|g| g.name == *name);
        input.globals.retain(|(name, _)| named(name));
        let found = self.run_padded(&input, FILLERS[0])?;
        let other = self.run_padded(&input, FILLERS[1])?;
        let mut found = Some(found).filter(|found| *found == other)?;
        for (number, made) in found.effects.made.iter_mut().enumerate() {
            let size = like.made.get(number).map_or(0, |made| made.size);
            made.size = made.size.saturating_sub(PADDING).min(size);
            if let Some(cells) = found.effects.written.get_mut(&SeenObject::Made(number)) {
                cells.retain(|at, _| *at < size);
            }
        }
        Some(found)
    }

    /// A run with room behind objects, in which writes may go past their ends.
    fn run_padded(&self, input: &Input, filler: u8) -> Option<SafeExecution> {
        let ignore = |function: FunctionId, obligation: ObligationId| {
            let is_write = || {
                let function = self.program.functions.get(function.index())?;
                let property = function.obligations.get(obligation.index())?.property;
                Some(property == Property::ValidWrite)
            };
            let skipped = self.skipped.get(function.index());
            skipped.is_some_and(|skipped| skipped.contains(&obligation)) || is_write() == Some(true)
        };
        let padding = Padding {
            size: PADDING,
            filler,
        };
        self.observed(input, &ignore, Some(padding))
    }

    fn run_as_it_is(&self, input: &Input) -> Option<SafeExecution> {
        let ignore = |function: FunctionId, obligation: ObligationId| {
            self.skipped
                .get(function.index())
                .is_some_and(|skipped| skipped.contains(&obligation))
        };
        self.observed(input, &ignore, None)
    }

    fn observed(&self, input: &Input, ignore: Ignore<'_>, padding: Option<Padding>) -> Option<SafeExecution> {
        let limits = Limits {
            steps: STEPS,
            trace: 0,
            ignore: Some(ignore),
            padding,
            ..Limits::default()
        };
        let seen = interp::observe(&self.program, input, &limits);
        match seen.outcome {
            Outcome::Returned { .. } | Outcome::Unreachable if seen.asked.iter().all(is_real) => {
                Some(SafeExecution {
                    effects: seen.effects?,
                    asked: seen.asked,
                })
            }
            _ => None,
        }
    }

    /// What a function violates on these inputs, each operation once with the first of its inputs, as far as executions show it; as a
    /// check reports it, but that its id counts from 1 always. After so many inputs with nothing new behind the first that violates
    /// something, the rest is not looked at. `sources` are those of the program.
    pub fn violations(
        &self,
        sources: &SourceMap,
        inputs: impl Iterator<Item = Input>,
        patience: usize,
    ) -> Vec<ObligationReport> {
        let ignore = |function: FunctionId, obligation: ObligationId| {
            let skipped = self.skipped.get(function.index());
            skipped.is_some_and(|skipped| skipped.contains(&obligation))
        };
        let limits = Limits {
            steps: STEPS,
            trace: 0,
            ignore: Some(&ignore),
            ..Limits::default()
        };
        let mut known = BTreeSet::new();
        let mut found = Vec::new();
        let mut in_vain = 0;
        for input in inputs {
            in_vain += usize::from(!found.is_empty());
            if in_vain > patience {
                break;
            }
            let Outcome::Violated {
                function,
                obligation,
                call_stack,
            } = interp::run(&self.program, &input, &limits).outcome
            else {
                continue;
            };
            let called = call_stack.first().map(|call| (call.span.file, call.span.start));
            if known.insert((function, obligation, called))
                && let Some(report) =
                    self.violation(sources, &input, (function, obligation), call_stack.first())
            {
                in_vain = 0;
                found.push(report);
            }
        }
        found
    }

    /// The report of what an input violates, if that does not depend on what the input leaves open.
    fn violation(
        &self,
        sources: &SourceMap,
        input: &Input,
        (function, obligation): (FunctionId, ObligationId),
        call: Option<&CallSite>,
    ) -> Option<ObligationReport> {
        let entry = self.program.function_named(&input.function)?;
        let context = Context::new(&self.program, sources, &self.options, Instant::now());
        let key = engine::CheckKey {
            function: entry,
            via: Vec::new(),
            inner: function,
            obligation,
        };
        let Confirmation::Seen(run) = confirm::confirm(&context, input, &key, STEPS) else {
            return None;
        };
        let broken = self.program.functions.get(function.index())?;
        let broken = broken.obligations.get(obligation.index())?;
        // What a library function demands is broken where it is called.
        let (place, text) = match call {
            Some(call) if function != entry => (call.span, sources.text(call.span)?.to_owned()),
            _ => (context.place(&key), broken.text.clone()),
        };
        let explanation = confirm::explain(&context, input, &key);
        Some(ObligationReport {
            id: format!("{}/{}/1", input.function, broken.property.name()),
            property: broken.property.name().to_owned(),
            cwe: broken.cwe().to_owned(),
            location: context.location(place),
            text,
            verdict: Verdict::Refuted,
            reason: None,
            bound: None,
            counterexample: Some(confirm::describe(
                &context,
                input.clone(),
                &run,
                explanation,
                &key,
            )),
            needs: None,
            suggested_invariants: Vec::new(),
            assumptions: Vec::new(),
        })
    }

    /// Inputs of a function on which it breaks nothing, one for each of its checks that an execution of a few iterations of
    /// its loops comes to.
    pub fn safe_inputs(&self, function: &str, time: Duration) -> Vec<Input> {
        self.safe_where(function, None, time)
    }

    /// Inputs of a function on which it breaks nothing and comes to an obligation of the given kind: its property and, if it is not
    /// one of a library function that is called, the text of its operation.
    pub fn safe_inputs_reaching(
        &self,
        function: &str,
        kinds: &[(Property, &str)],
        time: Duration,
    ) -> Vec<Input> {
        let wanted = |key: &engine::CheckKey| {
            let inner = self.program.functions.get(key.inner.index());
            let obligation = inner.and_then(|f| f.obligations.get(key.obligation.index()));
            obligation.is_some_and(|o| {
                let of_kind = |(property, text): &(Property, &str)| {
                    o.property == *property && (!key.via.is_empty() || o.text == *text)
                };
                kinds.iter().any(of_kind)
            })
        };
        self.safe_where(function, Some(&wanted), time)
    }

    fn safe_where(
        &self,
        function: &str,
        wanted: Option<&(dyn Fn(&engine::CheckKey) -> bool + Sync)>,
        time: Duration,
    ) -> Vec<Input> {
        let Some(entry) = self.program.function_named(function) else {
            return Vec::new();
        };
        let sources = SourceMap::new();
        let started = Instant::now();
        let context = Context::new(&self.program, &sources, &self.options, started);
        let until = self.options.end_of(time);
        let search = || {
            let wanted = wanted.map(|w| w as &dyn Fn(&engine::CheckKey) -> bool);
            context.safe_inputs(entry, wanted, until)
        };
        let mut found = Context::on_deep_stack(search).unwrap_or_default();
        found.retain(|input| self.run(input).is_some());
        found
    }

    /// What an answer about this version may depend on, its places in the source included: all of the program, what is asked of it,
    /// and the tool. `None` without a cache. An answer about two versions has a key of both.
    pub fn key(&self) -> Option<vf_cache::Key> {
        let cache = self.options.cache.as_ref()?;
        let options = CheckOptions {
            timeout: None,
            threads: None,
            cache: None,
            ..self.options.clone()
        };
        let key = cache.key("version").debug("program", &self.program);
        Some(
            key.debug("skipped", &self.skipped)
                .debug("options", &options)
                .finish(),
        )
    }

    /// Whether what is found must be found again exactly: no clock then ends a search.
    pub fn repeats(&self) -> bool {
        self.options.repeats()
    }

    /// The cache of the run, if there is one.
    pub fn cache(&self) -> Option<&vf_cache::Cache> {
        self.options.cache.as_ref()
    }

    /// Whether all callers of the function are in view: it is `static`.
    pub fn is_internal(&self, function: &str) -> bool {
        let id = self.program.function_named(function);
        id.is_some_and(|id| self.program.function(id).internal)
    }

    /// Whether the program has a body of the function.
    pub fn defines(&self, function: &str) -> bool {
        let id = self.program.function_named(function);
        id.is_some_and(|id| matches!(self.program.function(id).body, vf_ir::Body::Defined(_)))
    }

    /// An input in source terms: `len` is `7`, `object_size(buf)` is `8`.
    pub fn in_words(&self, input: &Input) -> BTreeMap<String, String> {
        let shown = inputs::inputs_of(&self.program, input);
        shown.into_iter().map(|shown| (shown.name, shown.value)).collect()
    }

    /// The integers that the text of a function compares and computes with.
    pub fn constants(&self, function: &str) -> BTreeSet<u128> {
        let mut found = BTreeSet::new();
        self.visit_parts(function, &mut |part| {
            if let Expr::Int { value, .. } = part {
                found.insert(*value);
            }
        });
        found
    }

    /// The globals that the text of a function names, except constants.
    pub fn globals(&self, function: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        self.visit_parts(function, &mut |part| {
            if let Expr::GlobalAddress(id) = part
                && let Some(global) = self.program.globals.get(id.index())
                && !global.constant
            {
                found.insert(global.name.clone());
            }
        });
        found
    }

    /// Every expression of a function, with all that it is made of.
    fn visit_parts(&self, function: &str, visit: &mut impl FnMut(&Expr)) {
        let Some(id) = self.program.function_named(function) else {
            return;
        };
        let function = self.program.function(id);
        let mut visit = |expr: &Expr| engine::visit_parts(expr, visit);
        for block in function.blocks() {
            for statement in &block.statements {
                engine::visit_expressions(&statement.kind, function, &mut visit);
            }
            match &block.terminator {
                Terminator::Branch { condition: value, .. } | Terminator::Return(Some(value)) => visit(value),
                Terminator::Switch { value, cases, .. } => {
                    visit(value);
                    for value in cases.iter().flat_map(|case| [case.low, case.high]) {
                        visit(&Expr::Int { bits: 128, value });
                    }
                }
                Terminator::Goto(_) | Terminator::Return(None) | Terminator::Unreachable => {}
            }
        }
    }
}

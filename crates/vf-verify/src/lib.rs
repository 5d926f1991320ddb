//! The verifier: from a program with obligations to verdicts with evidence.
//!
//! [`check`] looks at each entry function on its own (or at `main` with everything it calls):
//!
//! 1. `engine` executes it symbolically with loops cut at their headers, and yields events;
//! 2. `solve` finds the inductive invariants among the candidates and asks Z3 about every obligation;
//! 3. what is left open is tried again with loops unrolled further and further: a bound that covers every
//!    execution proves, a violation refutes;
//! 4. a violation counts only when the IR interpreter, run on the input that the model describes, sees it
//!    too (`confirm`). The solver's word alone never makes a `refuted`.
//!
//! This crate knows neither C syntax nor Z3's interface, runs no code, and prints nothing.

mod analysis;
mod confirm;
pub use confirm::STEPS as CONFIRMATION_STEPS;
pub use executions::{Executions, SafeExecution};
pub use preservation::{Comparison, Preservation};
pub mod counterexample;
mod engine;
pub mod executions;
mod explain;
pub mod format;
mod houdini;
mod inputs;
mod minimise;
pub mod preservation;
pub mod relevance;
pub mod report;
mod reports;
pub mod search;
mod solve;
mod spacer;
pub mod specification;
mod sufficient;
mod suggest;
mod unused_reads;

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use vf_ir::{AllocKind, Body, FunctionId, Program, Property, StmtKind};
use vf_source::{FileId, SourceMap};

use report::{CheckReport, Overall, Verdict};
use search::Source;
use specification::Specification;

/// Which functions are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Entry {
    /// `main`, with every function it calls.
    Main,
    /// Every function of the main files on its own, for every caller.
    #[default]
    Each,
}

/// Which unsigned wraps and lossy conversions are obligations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wraps {
    /// Those that reach a size, an index or a length.
    #[default]
    Relevant,
    All,
}

#[derive(Clone, Debug, Default)]
pub struct CheckOptions {
    /// Names of the functions to check; empty: all in the main files.
    pub functions: Vec<String>,
    pub entry: Entry,
    /// Properties to report; empty: all. The others are taken to hold.
    pub properties: Vec<Property>,
    /// What a competition's property file asks instead; `main` is then the entry.
    pub specification: Option<Specification>,
    pub wraps: Wraps,
    /// For the whole run.
    pub timeout: Option<Duration>,
    /// Z3 resource units a query. With it, and without `timeout`, results repeat exactly.
    pub rlimit: Option<u32>,
    /// Steps of one symbolic execution, most of them reads of memory; `None`: four million, which can take minutes.
    pub steps: Option<u64>,
    /// Threads that the check may use; `None`: one for each core. No verdict depends on it.
    pub threads: Option<NonZeroUsize>,
    /// Loop iterations looked at, at most, when no invariant proves or constant bound ends a loop.
    pub unroll: Option<u32>,
    /// For experiments: candidate invariants from these are not tried.
    pub without: BTreeSet<Source>,
    /// Verdicts only: what would have helped (contracts, invariants) is not looked for, nor, where versions are compared, inputs that are
    /// good to read.
    pub verdicts_only: bool,
    /// Answers of earlier runs. What this one finds is added where no other run could decide otherwise.
    pub cache: Option<vf_cache::Cache>,
}

impl CheckOptions {
    /// All defaults, but so much time for the whole run.
    pub fn within(time: Duration) -> CheckOptions {
        CheckOptions {
            timeout: Some(time),
            ..CheckOptions::default()
        }
    }

    /// Whether results must repeat exactly: work is counted instead of time, and nothing is cut by the clock.
    pub fn repeats(&self) -> bool {
        self.rlimit.is_some() && self.timeout.is_none()
    }

    /// When this much time from now is over; far away where the clock has no say.
    pub(crate) fn end_of(&self, time: Duration) -> Instant {
        /// Longer than anything runs.
        const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);
        Instant::now() + if self.repeats() { NEVER } else { time }
    }
}

/// Why something is unknown, and what to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    Construct {
        what: String,
        function: String,
    },
    TooComplex {
        what: &'static str,
    },
    /// Reached by a recursive call that was not entered.
    Recursion {
        function: String,
    },
    /// The program's function is called by one whose body is not in view.
    CalledBack {
        function: String,
        by: String,
    },
    /// No violation in activations of the function up to this depth; deeper ones were not looked at.
    RecursionBound {
        function: String,
        bound: u32,
    },
    Timeout,
    /// Memory is freed when the program ends, which was not shown to happen.
    NoTermination,
    SolverTimeout,
    SolverLimit,
    SolverGaveUp(String),
    /// No invariant was found that proves it, and no violation within the bound.
    Loop {
        line: u32,
        bound: u32,
    },
    /// A model of a violation exists, but executing it did not show one.
    NotConfirmed {
        why: String,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Construct { what, function } => {
                write!(
                    f,
                    "`{function}` uses {what}, which is not supported; check the functions without it with -f"
                )
            }
            Reason::TooComplex { what } => {
                write!(f, "the limit on {what} was reached; check a smaller part with -f")
            }
            Reason::Recursion { function } => {
                write!(
                    f,
                    "`{function}` calls itself, and its inner activations were not followed; check it alone with -f"
                )
            }
            Reason::CalledBack { function, by } => write!(
                f,
                "`{function}` is called back by `{by}`, whose body is not in view; check it alone with -f"
            ),
            Reason::RecursionBound { function, bound } => write!(
                f,
                "`{function}` calls itself; no violation with up to {bound} activations in each other, and deeper \
                 ones were not looked at"
            ),
            Reason::Timeout => f.write_str("the time limit was reached; raise --timeout"),
            Reason::NoTermination => f.write_str(
                "what was allocated is freed when the program ends, but it was not shown that all loops end",
            ),
            Reason::SolverTimeout => {
                f.write_str("the solver's time limit for one query was reached; raise --timeout")
            }
            Reason::SolverLimit => {
                f.write_str("the solver's resource limit for one query was reached; raise it")
            }
            Reason::SolverGaveUp(why) => write!(f, "the solver gave up ({why})"),
            Reason::Loop { line, bound } => write!(
                f,
                "no invariant of the loop at line {line} was found that proves this; no violation within {bound} \
                 iterations"
            ),
            Reason::NotConfirmed { why } => write!(
                f,
                "a possible violation could not be confirmed by execution: {why}"
            ),
        }
    }
}

/// What a check is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Checking function `number` of `total`.
    Function {
        name: String,
        number: usize,
        total: usize,
    },
    /// Unrolling loops of a function to this bound.
    Unrolling { name: String, bound: u32 },
    /// A function was executed with so many loops cut at their headers.
    Cut {
        name: String,
        loops: usize,
        candidates: usize,
    },
    /// A pass over the candidate invariants ended.
    Candidates {
        name: String,
        pass: u32,
        tried: usize,
        kept: usize,
    },
    /// A question that has no answer yet, after more than [`search::PATIENCE`].
    Asking { name: String, what: String },
}

impl Progress {
    /// Whether it says more than where a run is.
    pub fn is_detail(&self) -> bool {
        match self {
            Progress::Function { .. } => false,
            // Small bounds are over before anybody has read of them.
            Progress::Unrolling { bound, .. } => *bound <= 9,
            Progress::Cut { .. } | Progress::Candidates { .. } | Progress::Asking { .. } => true,
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Function { name, number, total } => write!(f, "checking {name} ({number} of {total})"),
            Progress::Unrolling { name, bound } => write!(f, "{name}: unrolling loops up to {bound} times"),
            Progress::Cut {
                name,
                loops,
                candidates,
            } => write!(
                f,
                "{name}: loops cut: {loops}, candidate invariants: {candidates}"
            ),
            Progress::Candidates {
                name,
                pass,
                tried,
                kept,
            } => write!(
                f,
                "{name}: pass {pass} kept {kept} of {tried} candidate invariants"
            ),
            Progress::Asking { name, what } => write!(f, "{name}: still asking {what}"),
        }
    }
}

/// Checks a program.
///
/// Functions named in the options that the program lacks are ignored here; the front end reports them.
pub fn check(
    program: &Program,
    sources: &SourceMap,
    main_files: &[FileId],
    options: &CheckOptions,
    progress: &mut dyn FnMut(Progress),
) -> CheckReport {
    let started = Instant::now();
    let mut program = program.clone();
    format::expand_format_calls(&mut program);
    if let Some(specification) = &options.specification {
        specification.instrument(&mut program);
    }
    let entries = entries(&program, main_files, options);
    let context = analysis::Context::new(&program, sources, options, started);
    let results = context.run(&entries, progress);
    let functions = reports::report_functions(&context, main_files, results);
    let verdict = overall(&functions, options.specification.is_some());
    CheckReport {
        schema: report::SCHEMA.to_owned(),
        verdict,
        elapsed_ms: started.elapsed().as_millis() as u64,
        functions,
    }
}

/// A layer of the proof that can be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Emit {
    /// Loop invariants that were found inductive.
    Invariants,
    /// The query of every obligation, each a whole SMT-LIB script; `unsat` means that it holds.
    Smt2,
}

/// One printed piece of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// The entry function.
    pub function: String,
    /// The loop, or the obligation.
    pub name: String,
    pub text: String,
}

/// Prints a layer of the proof of each entry function; a function that cannot be looked at gives its reason.
pub fn emit(
    program: &Program,
    sources: &SourceMap,
    main_files: &[FileId],
    options: &CheckOptions,
    what: Emit,
) -> Vec<Result<Vec<Emitted>, Reason>> {
    let mut program = program.clone();
    format::expand_format_calls(&mut program);
    let entries = entries(&program, main_files, options);
    let context = analysis::Context::new(&program, sources, options, Instant::now());
    let run = || entries.iter().map(|entry| context.emit(*entry, what)).collect();
    analysis::Context::on_deep_stack(run).unwrap_or_else(|| vec![Err(Reason::TooComplex { what: "threads" })])
}

/// The functions that are looked at on their own. A `static` function that others here call is looked at
/// where it is called, unless it was asked for by name.
fn entries(program: &Program, main_files: &[FileId], options: &CheckOptions) -> Vec<FunctionId> {
    let defined = |id: &FunctionId| {
        let function = program.function(*id);
        matches!(function.body, Body::Defined(_) | Body::Unsupported(_)) && !function.library_model
    };
    let all = (0..program.functions.len() as u32)
        .map(FunctionId)
        .filter(defined);
    if !options.functions.is_empty() {
        return all
            .filter(|id| options.functions.contains(&program.function(*id).name))
            .collect();
    }
    if options.entry == Entry::Main || options.specification.is_some() {
        return all.filter(|id| program.function(*id).name == "main").collect();
    }
    let all: Vec<FunctionId> = all
        .filter(|id| main_files.contains(&program.function(*id).span.file))
        .collect();
    let calls = Calls::of(program);
    let mut entries: Vec<FunctionId> = all
        .iter()
        .copied()
        .filter(|id| {
            !program.function(*id).internal || !calls.called.contains(id) || calls.taken.contains(id)
        })
        .collect();
    // What none of these reaches (functions that only call each other) is looked at on its own too.
    let mut reached = calls.reachable(&entries);
    for id in all {
        if !reached.contains(&id) {
            entries.push(id);
            reached.extend(calls.reachable(&[id]));
        }
    }
    entries.sort_unstable();
    entries
}

/// Functions whose address the program takes.
pub(crate) fn address_taken(program: &Program) -> BTreeSet<FunctionId> {
    Calls::of(program).taken
}

/// Whether an execution of the function may come to an allocation on the heap: one stands in a function that it
/// reaches, or in one whose address is taken, or it reaches one that could not be lowered.
pub(crate) fn may_allocate(program: &Program, entry: FunctionId) -> bool {
    let calls = Calls::of(program);
    let from: Vec<FunctionId> = calls.taken.iter().copied().chain([entry]).collect();
    calls.reachable(&from).into_iter().any(|id| {
        let function = program.function(id);
        let heap = |s: &vf_ir::Stmt| {
            matches!(
                s.kind,
                StmtKind::Alloc {
                    kind: AllocKind::Heap,
                    ..
                }
            )
        };
        matches!(function.body, Body::Unsupported(_))
            || function.blocks().iter().any(|b| b.statements.iter().any(heap))
    })
}

/// Who calls whom by name, and whose address is taken.
struct Calls {
    callees: Vec<BTreeSet<FunctionId>>,
    /// Called from another function.
    called: BTreeSet<FunctionId>,
    taken: BTreeSet<FunctionId>,
}

impl Calls {
    fn of(program: &Program) -> Calls {
        let mut calls = Calls {
            callees: vec![BTreeSet::new(); program.functions.len()],
            called: BTreeSet::new(),
            taken: BTreeSet::new(),
        };
        for (caller, function) in program.functions.iter().enumerate() {
            for block in function.blocks() {
                for statement in &block.statements {
                    if let StmtKind::Call {
                        callee: vf_ir::Callee::Direct(callee),
                        ..
                    } = &statement.kind
                    {
                        calls.callees[caller].insert(*callee);
                        if callee.index() != caller {
                            calls.called.insert(*callee);
                        }
                    }
                    engine::visit_expressions(&statement.kind, function, &mut |e| {
                        engine::addresses_of(e, &mut calls.taken);
                    });
                }
                if let vf_ir::Terminator::Return(Some(value)) = &block.terminator {
                    engine::addresses_of(value, &mut calls.taken);
                }
            }
        }
        for global in &program.globals {
            if let vf_ir::Initial::Known(items) = &global.init {
                calls
                    .taken
                    .extend(items.iter().filter_map(|item| match item.value {
                        vf_ir::InitValue::FunctionAddress(function) => Some(function),
                        _ => None,
                    }));
            }
        }
        calls
    }

    fn reachable(&self, from: &[FunctionId]) -> BTreeSet<FunctionId> {
        let mut seen: BTreeSet<FunctionId> = from.iter().copied().collect();
        let mut todo = from.to_vec();
        while let Some(id) = todo.pop() {
            for next in self.callees.get(id.index()).into_iter().flatten() {
                if seen.insert(*next) {
                    todo.push(*next);
                }
            }
        }
        seen
    }
}

/// The worst verdict. A program without an operation that a specification speaks of satisfies it, if `main` was
/// looked at; a check without obligations that nobody asked in particular says nothing.
fn overall(functions: &[report::FunctionReport], specified: bool) -> Overall {
    let mut worst = Overall::Proved;
    let mut seen = 0;
    for function in functions {
        if function.unsupported.is_some() {
            worst = worst.max(Overall::Unknown);
        }
        for obligation in &function.obligations {
            seen += 1;
            worst = worst.max(match obligation.verdict {
                Verdict::Proved | Verdict::Unreachable => Overall::Proved,
                Verdict::ProvedToBound => Overall::ProvedToBound,
                Verdict::Unknown => Overall::Unknown,
                Verdict::Refuted => Overall::Refuted,
            });
        }
    }
    let looked_at = specified && functions.iter().any(|f| f.name == "main");
    if seen == 0 && !looked_at {
        worst.max(Overall::Unknown)
    } else {
        worst
    }
}

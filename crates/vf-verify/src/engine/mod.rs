//! Symbolic execution of one entry function over its whole control-flow graph.
//!
//! Blocks are executed once each, in topological order, with the states of all incoming paths merged into
//! one (no path explosion; Babic and Hu, *Calysto*, 2008, do the same for whole functions). The result is a
//! list of [`Event`]s in execution order: facts, and check instances with the condition under which they are
//! reached. Loops are treated in one of two ways ([`Mode`]): cut at their headers, with candidate invariants
//! under activation literals, or unrolled to a bound. Nothing is decided here; [`crate::solve`] does.
//!
//! What an execution has to assume beforehand (which objects a loop changes, how finely an object is read)
//! starts optimistic. Where it proves wrong, the execution stops, records what it [`Learned`], and starts
//! again; that set only grows, so this ends.

mod access;
mod calls;
mod chains;
mod checks;
mod compare;
mod containers;
mod counted_members;
mod ends;
mod environment;
mod exec;
mod expr;
mod geometric;
mod held;
mod inputs;
mod latest;
mod loops;
mod memory;
mod null_tests;
mod objects;
mod one_object;
mod parameter_roles;
mod pointers;
mod registers;
mod scopes;
mod state;
mod stored;
mod strings;
mod stronger;
mod unread;
mod unroll;
mod value;
mod walks;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Instant;
use vf_source::tables::{HashMap, HashSet};

use vf_ir::{BlockId, FunctionId, HavocReason, LocalId, ObligationId, Program};
use vf_smt::{Term, Terms};

use crate::search::Source;
use crate::spacer::Proposals;
use crate::{Entry, Reason};
use chains::Chains;
use compare::Comparison;
pub use compare::{Against, Compared, Coupled, Obstacle, Outcome as ComparisonOutcome};
use exec::FunctionFacts;
pub(crate) use geometric::WORD_TRIPS;
pub use held::held_key;
pub use inputs::Contract;
pub use loops::LoopKey;
pub use loops::suggestions::LoopClause;
use memory::{Version, VersionId};
pub use null_tests::{Loaded, TestedMembers, loaded_pointers, tested_members};
pub(crate) use parameter_roles::counted_parameters;
pub(crate) use registers::{addresses_of, defined, liveness, registers_of, visit_expressions, visit_parts};
use state::Contents;
pub use unread::PointerCells;
use value::Names;
pub use value::{Object, ObjectId, ObjectKey, Pointer, Value};

/// How loops are treated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Cut at the header: any state that satisfies the invariants.
    Invariants,
    /// Every loop up to this many iterations.
    Unroll(u32),
}

/// Stands for the loop in [`Event::Unwound`] where calls of the function go too deep.
pub const RECURSION: BlockId = BlockId(u32::MAX);

/// Why an execution stopped early.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Something was learned; start again.
    Restart,
    /// The entry function as a whole cannot be looked at.
    Give(Reason),
}

/// An obligation as reported: one place of one function, through models called there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckKey {
    /// The user's function.
    pub function: FunctionId,
    /// For a check inside a library model: the call statements that lead to it, from the user's function on.
    pub via: Vec<(BlockId, u32)>,
    /// The function that has the obligation (a model, or `function` itself).
    pub inner: FunctionId,
    pub obligation: ObligationId,
}

impl CheckKey {
    /// The same check of a larger program, whose functions are given by their numbers here.
    pub fn outside(&self, functions: &[FunctionId]) -> Option<CheckKey> {
        Some(CheckKey {
            function: *functions.get(self.function.index())?,
            via: self.via.clone(),
            inner: *functions.get(self.inner.index())?,
            obligation: self.obligation,
        })
    }
}

/// A check reached by the execution.
#[derive(Clone, Debug)]
pub struct CheckInstance {
    pub key: CheckKey,
    pub guard: Term,
    pub holds: Term,
    /// It does not apply (lifetime of an object that never dies): reported only if another instance does.
    pub applies: bool,
    /// What is claimed is that control never gets here: no shortcoming where it does not.
    pub claims_unreachable: bool,
    /// The loop, of [`Execution::loops`], whose unknown state is in force here: a violation may be an artefact of the cut.
    pub after_loop: Option<usize>,
}

#[derive(Clone, Debug)]
pub enum Event {
    /// Holds on every execution that gets here.
    Fact(Term),
    Check(CheckInstance),
    /// Executions that may reach this obligation were not followed.
    Undecided {
        key: CheckKey,
        guard: Term,
        reason: Reason,
    },
    /// Executions that get here go on in code that was not followed: nothing is known of this function.
    NotFollowed {
        guard: Term,
        function: FunctionId,
        reason: Reason,
    },
    /// Candidate invariants on loop entry or after an iteration: (candidate number, it holds here).
    Establish {
        candidates: Vec<(usize, Term)>,
        guard: Term,
    },
    /// A clause that is being tried out, before an iteration: its number in [`Settings::probes`].
    Probe {
        clause: usize,
        guard: Term,
        holds: Term,
    },
    /// Execution that needs more iterations than the bound.
    Unwound {
        guard: Term,
        function: FunctionId,
        header: BlockId,
    },
}

/// A candidate invariant of this execution.
#[derive(Clone, Debug)]
pub struct CandidateInstance {
    /// Assumed where this literal is.
    pub active: Term,
    /// The loop it belongs to, of [`Execution::loops`].
    pub of: usize,
    pub source: Source,
    /// In words, for people.
    pub text: String,
}

/// A loop that was cut at its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutLoop {
    pub function: FunctionId,
    pub header: BlockId,
}

/// A decision of the outside, recorded in execution order.
#[derive(Clone, Debug)]
pub struct ChoicePoint {
    pub guard: Term,
    pub function: String,
    pub kind: ChoiceTerm,
    pub reason: HavocReason,
    /// Of a call that is not followed: where it may store.
    pub stores: Vec<OutsideStore>,
}

/// A pointer argument of a call that is not followed, and the name of what its object holds behind the call.
#[derive(Clone, Debug)]
pub struct OutsideStore {
    pub argument: usize,
    pub pointer: value::Pointer,
    pub label: Rc<str>,
}

#[derive(Clone, Debug)]
pub enum ChoiceTerm {
    Value(Value, vf_ir::Ty),
    /// Label of the array (indexed from the start) and the size.
    Bytes {
        label: Rc<str>,
        size: Term,
    },
    Fails(Term),
}

/// What restarts have taught.
#[derive(Debug, Default)]
pub struct Learned {
    pub(crate) granule: HashMap<ObjectId, u64>,
    pub(crate) loops: HashMap<LoopKey, loops::LoopLearned>,
    pub(crate) cells: HashMap<ObjectId, BTreeSet<u64>>,
    pub(crate) pointer_cells: HashMap<ObjectId, BTreeSet<u64>>,
    /// What the objects that a summary stands for have in common.
    pub(crate) summaries: HashMap<ObjectId, stored::Common>,
    /// Objects of the caller that the program steps back in from where the caller's pointer leads to.
    pub(crate) inside: BTreeMap<ObjectId, containers::Inside>,
    /// Bytes of the caller that a loop walks to their NUL.
    pub(crate) strings: BTreeSet<ObjectId>,
    /// Loops that are executed to their end instead of cut, up to so many iterations.
    pub(crate) executed: BTreeMap<LoopKey, u32>,
    /// Loops are cut two iterations at a time where that can be.
    pub(crate) two_steps: bool,
    /// What two versions do not share at loop headers.
    pub(crate) uncoupled: HashSet<Coupled>,
    /// Where pointers of the input lie that are compared with null.
    pub(crate) null_tested: HashSet<null_tests::NullTested>,
}

/// Limits of one execution.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Steps of the execution (reads, merges, statements).
    pub steps: u64,
    pub deadline: Option<Instant>,
    /// Ends it from another thread.
    pub stop: vf_smt::Stop,
    /// Calls inlined into each other.
    pub depth: u32,
}

#[derive(Clone)]
pub struct Settings<'p> {
    pub program: &'p Program,
    pub entry: FunctionId,
    pub entry_mode: Entry,
    /// Checks that are not obligations of this run (irrelevant wraps) are left out wholly.
    pub skip: &'p dyn Fn(FunctionId, ObligationId) -> bool,
    pub budget: Budget,
    /// No allocation fails (rules of the competition); otherwise each may.
    pub allocation_succeeds: bool,
    /// Functions whose address the program takes.
    pub taken: &'p BTreeSet<FunctionId>,
    /// Whether an object is alive is asked of those too that no pointer leads to.
    pub leaks: bool,
    /// Clauses that are tried out where loops are unrolled.
    pub probes: &'p [LoopClause],
    /// Candidates from these are not tried.
    pub without: &'p BTreeSet<Source>,
    /// The entry function is compared with another version of itself.
    pub against: Option<&'p Against<'p>>,
    /// Members that the whole program compares with null.
    pub tested_members: &'p TestedMembers,
    /// Registers that hold pointers from memory.
    pub loaded: &'p Loaded,
}

/// Everything an execution produced.
pub struct Execution {
    pub events: Vec<Event>,
    pub candidates: Vec<CandidateInstance>,
    /// What a person could write before its loops; not assumed.
    pub clauses: Vec<LoopClause>,
    pub contracts: Vec<Contract>,
    /// What else callers could be asked to keep; not assumed.
    pub stronger: Vec<stronger::Clause>,
    pub choices: Vec<ChoicePoint>,
    pub assumptions: BTreeSet<String>,
    pub objects: BTreeMap<ObjectId, Object>,
    pub arguments: Vec<(LocalId, Value)>,
    /// Arrays of unknown contents, with the places they were read at.
    pub base_reads: BTreeMap<Term, Vec<Term>>,
    /// Their elements at constant places, which are variables.
    pub cells: BTreeMap<Term, BTreeMap<u128, Term>>,
    pub input_pointers: Vec<inputs::InputCell>,
    pub compared_pointers: Vec<inputs::ComparedPointers>,
    /// Pointers of the input that lie too deep in it to be followed, by object and offset; whether the code asks if they
    /// are null.
    pub deep_pointers: BTreeMap<(ObjectId, u64), bool>,
    /// Where pointers lie in input objects, whether or not they were read.
    pub unread_pointers: BTreeMap<ObjectId, PointerCells>,
    pub granules: HashMap<ObjectId, u64>,
    /// Objects read as strings, with the bytes of a character.
    pub strings: BTreeMap<ObjectId, u64>,
    /// Where a NUL is known to be in an object's bytes at the start; a place outside of it says that none is.
    pub initial_nuls: BTreeMap<ObjectId, Term>,
    /// Those of them that end after about as many iterations as a word has bits.
    pub geometric: BTreeSet<LoopKey>,
    /// In the order in which they were cut.
    pub loops: Vec<CutLoop>,
    /// Calls of active functions were not entered.
    pub recursion_cut: bool,
    /// Where two versions were executed.
    pub comparison: ComparisonOutcome,
}

pub(crate) struct Engine<'p> {
    program: &'p Program,
    terms: &'p Terms,
    settings: &'p Settings<'p>,
    pointer_bits: u32,
    mode: Mode,
    names: &'p mut Names,
    learned: &'p mut Learned,
    functions: HashMap<FunctionId, Rc<FunctionFacts>>,
    proposed: HashMap<FunctionId, Rc<Vec<vf_absint::LoopProposal>>>,
    /// Invariants that Spacer proposed, and whether they do without templates.
    solved: Rc<Proposals>,
    solved_alone: bool,
    // Memory.
    versions: Vec<Version>,
    chains: Chains,
    granule_reads: HashMap<(VersionId, Term), Term>,
    written_reads: HashMap<(VersionId, Term), Term>,
    pointer_reads: HashMap<(VersionId, Term), Pointer>,
    alignments: HashMap<Term, u32>,
    address_sources: HashMap<Term, (Term, Rc<BTreeSet<ObjectId>>)>,
    pointer_of_address: HashMap<Term, Pointer>,
    tables_given: HashSet<(ObjectId, u64)>,
    /// Places at which arrays were read, where they are not constant.
    base_reads: BTreeMap<Term, Vec<Term>>,
    /// Elements of arrays at constant places.
    cells: BTreeMap<Term, BTreeMap<u128, Term>>,
    /// Contents array to (offset of a NUL or none, size), said when the array is first read.
    pending_nuls: HashMap<Term, (Term, Term)>,
    objects: BTreeMap<ObjectId, Object>,
    initial: BTreeMap<ObjectId, Contents>,
    addresses_given: BTreeSet<ObjectId>,
    /// Objects that a pointer written to memory may lead to.
    pointers_stored: HashSet<ObjectId>,
    /// Objects read as strings, with the bytes of a character.
    strings: BTreeMap<ObjectId, u64>,
    /// Input bytes that may be taken for a string: the clause, and the offset of the NUL that it says exists.
    string_clauses: HashMap<ObjectId, (String, Term)>,
    /// Objects that may be wide strings of the caller, with the text of that contract.
    wide_string_clauses: HashMap<ObjectId, String>,
    /// The known NUL at the header of a loop that was cut, to the one before the loop.
    nul_before_loop: HashMap<Term, Term>,
    /// Lengths of strings by contents and start: the same string has one length.
    string_lengths: HashMap<(ObjectId, VersionId, Term, u64), Term>,
    /// Texts of formats by what they are made of.
    texts: HashMap<String, usize>,
    // What comes out.
    events: Vec<Event>,
    candidates: Vec<CandidateInstance>,
    contracts: Vec<Contract>,
    contract_facts: Vec<Term>,
    choices: Vec<ChoicePoint>,
    assumptions: BTreeSet<String>,
    input_pointers: Vec<inputs::InputCell>,
    compared_pointers: Vec<inputs::ComparedPointers>,
    /// Offsets that the caller's pointers have in their objects.
    begins: HashMap<ObjectId, Term>,
    /// Objects that a pointer was moved back in by a constant that the program says.
    stepped_back: HashSet<ObjectId>,
    deep_pointers: BTreeMap<(ObjectId, u64), bool>,
    /// Pointers read at an unknown place of an input object, by their offset, which nothing else has.
    elements_anywhere: HashMap<Term, ObjectId>,
    /// More pointers are compared with null than was known when the execution began.
    found_null_tests: bool,
    // Where we are.
    stack: Vec<FunctionId>,
    loop_stack: Vec<LoopKey>,
    /// Loops that are being executed iteration by iteration, the innermost last.
    watched: Vec<unroll::Watch>,
    /// Checks are taken to hold and not asked, where this is above zero.
    assuming_checks: u32,
    /// What the current iteration of each loop that is cut made.
    allocated_in_loop: Vec<latest::Made>,
    geometric: BTreeSet<LoopKey>,
    loops: Vec<CutLoop>,
    headers: Vec<loops::Header>,
    /// The last of them that was begun or left.
    after_loop: Option<usize>,
    recursion_cut: bool,
    main_arguments: Option<environment::Arguments>,
    /// Pointer parameters of the entry function with what counts their elements.
    counts: HashMap<LocalId, parameter_roles::Counted>,
    counted: counted_members::CountedMembers,
    /// Arrays of which the entry function's parameters name both ends.
    spans: Vec<ends::Array>,
    /// What is said of an input now is what the host environment gives `main`.
    host_speaks: bool,
    /// An object was allocated in a loop that was cut.
    allocated_in_cut: bool,
    /// Pointers that each activation which called another one holds; only where leaks are asked for.
    held_by_callers: Vec<Vec<held::Holder>>,
    /// Where two versions are executed.
    comparison: Option<Comparison>,
    steps: u64,
    unique: u64,
}

/// What survives a restart of one analysis.
#[derive(Default)]
pub struct Memo {
    names: Names,
    learned: Learned,
    proposed: HashMap<FunctionId, Rc<Vec<vf_absint::LoopProposal>>>,
    /// Invariants that Spacer proposed, tried before all others.
    pub solved: Rc<Proposals>,
    /// Where there are any for a loop, templates are left out.
    pub solved_alone: bool,
}

impl Memo {
    /// From now on these loops are executed to their end in the search for invariants, too, up to so many iterations.
    pub fn execute_loops(&mut self, loops: &BTreeSet<LoopKey>, iterations: u32) {
        self.learned.executed = loops.iter().map(|key| (*key, iterations)).collect();
    }

    /// What two versions share no more at loop headers.
    pub fn uncouple(&mut self, coupled: impl IntoIterator<Item = Coupled>) {
        self.learned.uncoupled.extend(coupled);
    }

    /// Whether loops are cut two iterations at a time from now on.
    pub fn cut_two_steps(&mut self, two_steps: bool) {
        self.learned.two_steps = two_steps;
    }
}

/// Restarts before giving up; each learns something, and a function has few things to learn.
const RESTART_LIMIT: u32 = 400;

/// Executes the entry function.
///
/// # Errors
/// The reason why the function as a whole cannot be decided.
pub fn execute(
    settings: &Settings<'_>,
    terms: &Terms,
    memo: &mut Memo,
    mode: Mode,
) -> Result<Execution, Reason> {
    for _ in 0..RESTART_LIMIT {
        let mut engine = Engine {
            program: settings.program,
            terms,
            settings,
            pointer_bits: settings.program.model.pointer_bits(),
            mode,
            names: &mut memo.names,
            learned: &mut memo.learned,
            functions: HashMap::default(),
            proposed: memo.proposed.clone(),
            solved: memo.solved.clone(),
            solved_alone: memo.solved_alone,
            versions: Vec::new(),
            chains: Chains::default(),
            granule_reads: HashMap::default(),
            written_reads: HashMap::default(),
            pointer_reads: HashMap::default(),
            alignments: HashMap::default(),
            address_sources: HashMap::default(),
            pointer_of_address: HashMap::default(),
            tables_given: HashSet::default(),
            base_reads: BTreeMap::new(),
            cells: BTreeMap::new(),
            pending_nuls: HashMap::default(),
            objects: BTreeMap::new(),
            initial: BTreeMap::new(),
            addresses_given: BTreeSet::new(),
            pointers_stored: HashSet::default(),
            strings: BTreeMap::new(),
            string_clauses: HashMap::default(),
            wide_string_clauses: HashMap::default(),
            nul_before_loop: HashMap::default(),
            string_lengths: HashMap::default(),
            texts: HashMap::default(),
            events: Vec::new(),
            candidates: Vec::new(),
            contracts: Vec::new(),
            contract_facts: Vec::new(),
            choices: Vec::new(),
            assumptions: BTreeSet::new(),
            input_pointers: Vec::new(),
            compared_pointers: Vec::new(),
            begins: HashMap::default(),
            stepped_back: HashSet::default(),
            deep_pointers: BTreeMap::new(),
            elements_anywhere: HashMap::default(),
            found_null_tests: false,
            stack: Vec::new(),
            loop_stack: Vec::new(),
            watched: Vec::new(),
            assuming_checks: 0,
            allocated_in_loop: Vec::new(),
            geometric: BTreeSet::new(),
            loops: Vec::new(),
            headers: Vec::new(),
            after_loop: None,
            allocated_in_cut: false,
            held_by_callers: Vec::new(),
            recursion_cut: false,
            main_arguments: None,
            counts: HashMap::default(),
            counted: counted_members::CountedMembers::default(),
            spans: Vec::new(),
            host_speaks: false,
            comparison: settings.against.map(|_| Comparison::new()),
            steps: 0,
            unique: 0,
        };
        match engine.run_entry() {
            Ok(arguments) => {
                let headers = std::mem::take(&mut engine.headers);
                engine.write_out(&headers);
                let clauses = engine.loop_clauses(&headers);
                let each = settings.entry_mode == Entry::Each && matches!(mode, Mode::Invariants);
                let stronger = if each {
                    engine.stronger_clauses(settings.entry, &arguments)
                } else {
                    Vec::new()
                };
                let granules = engine
                    .objects
                    .keys()
                    .map(|id| (*id, engine.granule(*id)))
                    .collect::<HashMap<_, _>>();
                let unread_pointers = engine.pointers_of_inputs();
                let mut events: Vec<Event> = engine.contract_facts.into_iter().map(Event::Fact).collect();
                events.extend(engine.events);
                return Ok(Execution {
                    events,
                    candidates: engine.candidates,
                    clauses,
                    contracts: engine.contracts,
                    stronger,
                    choices: engine.choices,
                    assumptions: engine.assumptions,
                    objects: engine.objects,
                    arguments,
                    base_reads: engine.base_reads,
                    cells: engine.cells,
                    input_pointers: engine.input_pointers,
                    compared_pointers: engine.compared_pointers,
                    deep_pointers: engine.deep_pointers,
                    unread_pointers,
                    granules,
                    strings: engine.strings,
                    initial_nuls: engine.initial.iter().map(|(id, c)| (*id, c.nuls.byte)).collect(),
                    geometric: engine.geometric,
                    loops: engine.loops,
                    recursion_cut: engine.recursion_cut,
                    comparison: engine.comparison.map(Comparison::outcome).unwrap_or_default(),
                });
            }
            Err(Stop::Restart) => memo.proposed = engine.proposed,
            Err(Stop::Give(reason)) => return Err(reason),
        }
    }
    Err(Reason::TooComplex { what: "restarts" })
}

impl Engine<'_> {
    /// Counts a step and looks at the limits.
    fn tick(&mut self) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps > self.settings.budget.steps {
            return Err(Stop::Give(Reason::TooComplex {
                what: "symbolic execution steps",
            }));
        }
        if self.steps.is_multiple_of(1024)
            && (self.settings.budget.stop.is_stopped()
                || self.settings.budget.deadline.is_some_and(|d| Instant::now() > d))
        {
            return Err(Stop::Give(Reason::Timeout));
        }
        Ok(())
    }

    fn fact(&mut self, term: Term) {
        if !self.terms.is_true(term) {
            self.events.push(Event::Fact(term));
        }
    }

    fn assume(&mut self, text: impl Into<String>) {
        self.assumptions.insert(text.into());
    }

    /// A number no other label of this execution has.
    fn unique(&mut self) -> u64 {
        self.unique += 1;
        self.unique
    }
}

//! The analysis of entry functions: what is known of each obligation in the end.
//!
//! `workers` spreads the entries over the cores; `cache` knows the answers of earlier runs; `proofs` searches for proofs of one entry, `horn_clauses` asks Spacer for
//! its invariants; `unrolling` looks for violations, `beside` lets the two run at once; `violations` executes what
//! the solver found; `suggestions` says what would have helped; `layers` prints, and `places` knows the source.

mod beside;
mod cache;
mod horn_clauses;
mod layers;
mod places;
pub mod preservation;
mod proofs;
mod safe_inputs;
mod suggestions;
mod unrolling;
mod violations;
mod workers;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use vf_ir::{Condition, FunctionId, ObligationId, Program};
use vf_smt::{Limits, Stop, Terms};
use vf_source::SourceMap;

use crate::engine::{
    self, Budget, CheckKey, Execution, Loaded, Settings, TestedMembers, loaded_pointers, tested_members,
};
use crate::report::{Counterexample, Needs, SuggestedInvariant, Verdict};
use crate::search::{self, Search};
use crate::solve::{Finding, SolveOptions, Solved, solve};
use crate::specification::Specification;
use crate::unused_reads::unused_reads;
use crate::{CheckOptions, Entry, Reason, Wraps, address_taken, relevance};
use beside::Cores;
use proofs::Task;
use violations::preferences;

/// Stack of an analysis thread; reads walk long histories recursively. Reserved, not used, memory.
const STACK: usize = 1 << 30;
/// Steps of one symbolic execution when it is not said how many.
const STEPS: u64 = 4_000_000;
/// Calls inlined into each other.
const DEPTH: u32 = 24;
/// Time for one entry function when none is given.
const ENTRY_TIME: Duration = Duration::from_secs(60);
/// Time for one query when none is given.
const QUERY_TIME: Duration = Duration::from_secs(10);

pub struct Context<'p> {
    pub program: &'p Program,
    pub sources: &'p SourceMap,
    pub options: &'p CheckOptions,
    deadline: Option<Instant>,
    /// Checks that are no obligations of this run, by function.
    skipped: Vec<BTreeSet<ObligationId>>,
    /// Functions whose address is taken; only asked of whole programs.
    taken: BTreeSet<FunctionId>,
    /// Members that the whole program compares with null.
    tested_members: TestedMembers,
    /// Registers that hold pointers from memory.
    loaded: Loaded,
    /// Where this is a part of a larger program: its functions there.
    outside: Option<&'p [FunctionId]>,
    /// For unrolling beside the proof search.
    cores: Arc<Cores>,
}

/// What is known of one obligation after the analysis of one entry.
#[derive(Clone, Debug)]
pub struct Decision {
    pub verdict: Verdict,
    pub reason: Option<Reason>,
    pub bound: Option<u32>,
    pub counterexample: Option<Counterexample>,
    pub contracts: BTreeSet<String>,
    pub assumptions: BTreeSet<String>,
    pub applies: bool,
    /// Of a refuted one: a clause under which it would hold.
    pub needs: Option<Needs>,
    /// Of one that is open behind a loop: invariants under which it would be proved.
    pub suggested: Vec<SuggestedInvariant>,
}

/// What decides an obligation.
pub enum Answer {
    Refuted(Box<Counterexample>),
    /// Or unreachable.
    Proved {
        verdict: Verdict,
        contracts: BTreeSet<String>,
        assumptions: BTreeSet<String>,
    },
}

impl Answer {
    /// Of an obligation of which every instance was proved.
    fn proved(execution: &Execution, finding: &Finding) -> Answer {
        let dead = finding.reached == 0 && !finding.claims_unreachable;
        Answer::Proved {
            verdict: if dead {
                Verdict::Unreachable
            } else {
                Verdict::Proved
            },
            contracts: names(execution, &finding.contracts),
            assumptions: execution.assumptions.clone(),
        }
    }
}

impl Decision {
    fn take(&mut self, answer: Answer) {
        self.reason = None;
        self.bound = None;
        match answer {
            Answer::Refuted(found) => {
                self.verdict = Verdict::Refuted;
                self.counterexample = Some(*found);
            }
            Answer::Proved {
                verdict,
                contracts,
                assumptions,
            } => {
                self.verdict = verdict;
                self.counterexample = None;
                self.contracts = contracts;
                self.assumptions = assumptions;
            }
        }
    }
}

pub struct EntryResult {
    pub entry: FunctionId,
    pub decisions: BTreeMap<CheckKey, Decision>,
    pub failure: Option<Reason>,
    /// Functions of which something was reached that was not followed.
    pub not_followed: BTreeMap<FunctionId, Reason>,
    /// Clauses of the function's contract, whether a proof needed them or not.
    pub offered: BTreeSet<String>,
    /// What the execution took for given, of its inputs and of what it did not follow.
    pub assumptions: BTreeSet<String>,
    /// How the search for proofs went, without what blocks it.
    pub search: Search,
    /// How the queries ended that are no proofs, and the loops before them.
    pub blocked: BTreeMap<CheckKey, (search::QueryEnd, Option<engine::CutLoop>)>,
}

impl EntryResult {
    fn new(entry: FunctionId, failure: Option<Reason>) -> EntryResult {
        EntryResult {
            entry,
            decisions: BTreeMap::new(),
            failure,
            not_followed: BTreeMap::new(),
            offered: BTreeSet::new(),
            assumptions: BTreeSet::new(),
            search: Search::default(),
            blocked: BTreeMap::new(),
        }
    }
}

impl<'p> Context<'p> {
    pub fn new(
        program: &'p Program,
        sources: &'p SourceMap,
        options: &'p CheckOptions,
        started: Instant,
    ) -> Self {
        let relevance = relevance::Relevance::new(program);
        let skipped = (0..program.functions.len() as u32)
            .map(FunctionId)
            .map(|id| {
                let mut skipped = match options.wraps {
                    _ if options.specification.is_some() => passed_over(program, id),
                    _ if program.function(id).blocks().is_empty() => BTreeSet::new(),
                    Wraps::All => relevance.deliberate(id),
                    Wraps::Relevant => relevance.irrelevant(id),
                };
                skipped.append(&mut unused_reads(program.function(id)));
                skipped
            })
            .collect();
        Context {
            program,
            sources,
            options,
            deadline: options.timeout.map(|t| started + t),
            skipped,
            taken: if options.entry == Entry::Main || options.specification.is_some() {
                address_taken(program)
            } else {
                BTreeSet::new()
            },
            tested_members: tested_members(program),
            loaded: loaded_pointers(program),
            outside: None,
            cores: Arc::default(),
        }
    }

    /// Whether the verdict on the obligation is asked for; the others are taken to hold.
    pub fn asks(&self, function: FunctionId, obligation: ObligationId) -> bool {
        let function = self.program.function(function);
        let Some(obligation) = function.obligations.get(obligation.index()) else {
            return false;
        };
        let selected = &self.options.properties;
        (selected.is_empty() || selected.contains(&obligation.property))
            && self
                .options
                .specification
                .as_ref()
                .is_none_or(|s| s.asks(function, obligation))
    }

    /// The obligations that an execution reached and that are asked for.
    fn asked(&self, execution: &Execution) -> BTreeSet<CheckKey> {
        let keys = execution.events.iter().filter_map(|event| match event {
            engine::Event::Check(check) => Some(&check.key),
            engine::Event::Undecided { key, .. } => Some(key),
            _ => None,
        });
        keys.filter(|key| self.asks(key.inner, key.obligation))
            .cloned()
            .collect()
    }

    pub fn skips(&self, function: FunctionId, obligation: ObligationId) -> bool {
        self.skipped
            .get(function.index())
            .is_some_and(|s| s.contains(&obligation))
    }

    /// The checks of a function that are no obligations of this run.
    pub fn skipped_of(&self, function: FunctionId) -> &BTreeSet<ObligationId> {
        static NONE: BTreeSet<ObligationId> = BTreeSet::new();
        self.skipped.get(function.index()).unwrap_or(&NONE)
    }

    /// How an entry function is executed.
    fn settings<'a>(
        &'a self,
        entry: FunctionId,
        deadline: Option<Instant>,
        skip: &'a dyn Fn(FunctionId, ObligationId) -> bool,
        stop: &Stop,
    ) -> Settings<'a> {
        Settings {
            program: self.program,
            entry,
            entry_mode: self.entry_mode(),
            skip,
            budget: Budget {
                steps: self.options.steps.unwrap_or(STEPS),
                deadline,
                stop: stop.clone(),
                depth: DEPTH,
            },
            allocation_succeeds: self.options.specification.is_some(),
            taken: &self.taken,
            leaks: self.leaks(),
            without: &self.options.without,
            probes: &[],
            against: None,
            tested_members: &self.tested_members,
            loaded: &self.loaded,
        }
    }

    /// The verdict on an obligation that no execution reaches: where that is what it demands, it is proved.
    pub fn not_reached(&self, key: &CheckKey) -> Verdict {
        let obligation = self
            .program
            .function(key.inner)
            .obligations
            .get(key.obligation.index());
        match obligation.map(|o| &o.condition) {
            Some(Condition::Unreachable) => Verdict::Proved,
            _ => Verdict::Unreachable,
        }
    }

    /// One pass of the proof search.
    fn solve(
        &self,
        execution: &Execution,
        terms: &Terms,
        deadline: Option<Instant>,
        only: Option<&BTreeSet<CheckKey>>,
        task: &Task<'_>,
    ) -> Solved {
        let preferences = preferences(execution, terms);
        let options = SolveOptions {
            limits: self.limits(deadline),
            deadline,
            only,
            wanted: &|key| task.beside.is_open(key),
            work: None,
            modest: false,
            until_violated: false,
            preferences: &preferences,
            observer: task.observer,
        };
        solve(execution, terms, &options)
    }

    /// Limits of one query.
    fn limits(&self, deadline: Option<Instant>) -> Limits {
        let timeout_ms = match self.options.rlimit {
            Some(_) => None,
            None => {
                let left = deadline.map_or(QUERY_TIME, |d| d.saturating_duration_since(Instant::now()));
                Some(left.min(QUERY_TIME).as_millis().max(1) as u32)
            }
        };
        Limits {
            rlimit: self.options.rlimit,
            timeout_ms,
        }
    }

    /// Memory that is freed when the program ends was tracked until then; if it does not end, nothing is said.
    fn speaks_of_every_moment(&self, key: &CheckKey) -> bool {
        let obligations = &self.program.function(key.inner).obligations;
        obligations
            .get(key.obligation.index())
            .is_some_and(|o| o.condition == Condition::Freed { or_reachable: true })
    }

    fn leaks(&self) -> bool {
        let specification = self.options.specification.as_ref();
        specification.is_some_and(|s| s.asks_for_leaks())
    }

    fn entry_mode(&self) -> Entry {
        match self.options.specification {
            Some(_) => Entry::Main,
            None => self.options.entry,
        }
    }
}

/// Checks of well-defined behaviour, after which a specification's executions go on whether they hold or not.
fn passed_over(program: &Program, function: FunctionId) -> BTreeSet<ObligationId> {
    let obligations = &program.function(function).obligations;
    (0u32..)
        .zip(obligations)
        .filter(|(_, obligation)| Specification::passes_over(obligation))
        .map(|(number, _)| ObligationId(number))
        .collect()
}

fn names(execution: &Execution, contracts: &BTreeSet<usize>) -> BTreeSet<String> {
    contracts
        .iter()
        .filter_map(|i| execution.contracts.get(*i))
        .map(|c| c.text.clone())
        .collect()
}

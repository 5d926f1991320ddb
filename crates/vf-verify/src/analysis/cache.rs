//! Answers of earlier runs: what they are found by, and what of an answer is kept.
//!
//! Where there is a cache, an entry function is analysed in the program cut down to what it reaches ([`Restricted`]), with the
//! few facts that come from the rest of the program handed over as data. So the analysis can depend on nothing but that
//! program, those facts, the options and the tool, and the key is a hash over all of them. Places in the source are no part
//! of the key, and none is kept.
//!
//! Kept is an answer that no other run can decide otherwise: every obligation proved, unreachable or refuted. What a limit
//! had a say in is not kept. Of a refutation the input is kept; it counts again only after the interpreter has seen the
//! violation again, in the program at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use vf_cache::{Cache, Key};
use vf_ir::input::Input;
use vf_ir::restrict::visit_spans;
use vf_ir::{BlockId, FunctionId, ObligationId, Program, Restricted};
use vf_source::Span;

use super::{Context, Decision, EntryResult};
use crate::confirm::{self, Confirmation};
use crate::engine::{CheckKey, TestedMembers, loaded_pointers};
use crate::report::{Needs, Verdict};
use crate::search::{Asking, Search};
use crate::specification::Specification;
use crate::{CheckOptions, Entry, Progress};

/// Everything that the analysis of one entry function sees.
struct Part {
    restricted: Restricted,
    entry: FunctionId,
    /// By function of the restricted program.
    skipped: Vec<BTreeSet<ObligationId>>,
    taken: BTreeSet<FunctionId>,
    tested_members: TestedMembers,
}

/// An answer as it is kept; ids are those of the restricted program.
#[derive(Serialize, Deserialize)]
struct Answer {
    decisions: Vec<Decided>,
    offered: BTreeSet<String>,
    assumptions: BTreeSet<String>,
    search: Search,
}

#[derive(Serialize, Deserialize)]
struct Decided {
    function: u32,
    via: Vec<(u32, u32)>,
    inner: u32,
    obligation: u32,
    verdict: Verdict,
    contracts: BTreeSet<String>,
    assumptions: BTreeSet<String>,
    applies: bool,
    needs: Option<Needs>,
    /// Of a refutation.
    input: Option<Input>,
}

impl Context<'_> {
    /// The analysis of one entry function: the answer of an earlier run, where there is one, else a new one.
    pub(super) fn answer(
        &self,
        entry: FunctionId,
        progress: &(dyn Fn(Progress) + Sync),
        asking: &[Asking; 2],
    ) -> EntryResult {
        let Some(cache) = &self.options.cache else {
            return self.analyse(entry, progress, asking);
        };
        let Some(part) = self.part(entry) else {
            return self.analyse(entry, progress, asking);
        };
        let key = part.key(cache, self.options);
        if let Some(known) = cache.get_value::<Answer>(&key)
            && let Some(result) = self.recalled(entry, &part, known)
        {
            return result;
        }
        let inner = Context {
            program: &part.restricted.program,
            sources: self.sources,
            options: self.options,
            deadline: self.deadline,
            skipped: part.skipped.clone(),
            taken: part.taken.clone(),
            tested_members: part.tested_members.clone(),
            loaded: loaded_pointers(&part.restricted.program),
            outside: Some(&part.restricted.functions),
            cores: Arc::clone(&self.cores),
        };
        let result = inner.analyse(part.entry, progress, asking);
        if let Some(answer) = lasting(&result) {
            cache.put_value(&key, &answer);
        }
        outside(result, entry, &part.restricted.functions)
    }

    fn part(&self, entry: FunctionId) -> Option<Part> {
        // A whole program's `main` may depend on all of it.
        let restricted = match self.entry_mode() {
            Entry::Main => Restricted::whole(self.program),
            Entry::Each => Restricted::to(self.program, [entry]),
        };
        let skipped = restricted.functions.iter();
        Some(Part {
            entry: restricted.function(entry)?,
            skipped: skipped.map(|id| self.skipped_of(*id).clone()).collect(),
            taken: self
                .taken
                .iter()
                .filter_map(|id| restricted.function(*id))
                .collect(),
            tested_members: self
                .tested_members
                .iter()
                .filter_map(|(record, offset)| Some((restricted.record(*record)?, *offset)))
                .collect(),
            restricted,
        })
    }

    /// The result that a kept answer is; `None` where it does not fit this program, or a refutation is not seen again.
    fn recalled(&self, entry: FunctionId, part: &Part, known: Answer) -> Option<EntryResult> {
        let mut result = EntryResult::new(entry, None);
        result.offered = known.offered;
        result.assumptions = known.assumptions;
        result.search = Search {
            from_cache: true,
            ..known.search
        };
        for decided in known.decisions {
            let key = decided.key(&part.restricted.program)?;
            let key = key.outside(&part.restricted.functions)?;
            let counterexample = match (decided.verdict, decided.input) {
                (Verdict::Proved | Verdict::Unreachable, None) => None,
                (Verdict::Refuted, Some(input)) => {
                    let Confirmation::Seen(run) = confirm::confirm(self, &input, &key, confirm::STEPS) else {
                        return None;
                    };
                    let explanation = confirm::explain(self, &input, &key);
                    Some(confirm::describe(self, input, &run, explanation, &key))
                }
                _ => return None,
            };
            let decision = Decision {
                verdict: decided.verdict,
                reason: None,
                bound: None,
                counterexample,
                contracts: decided.contracts,
                assumptions: decided.assumptions,
                applies: decided.applies,
                needs: decided.needs,
                suggested: Vec::new(),
            };
            result.decisions.insert(key, decision);
        }
        Some(result)
    }
}

impl Part {
    fn key(&self, cache: &Cache, options: &CheckOptions) -> Key {
        // Every option is named, so that a new one is decided upon here. Which functions are asked for, and for how long, has
        // no part in an answer that lasts.
        let CheckOptions {
            functions: _,
            entry,
            properties,
            specification,
            wraps,
            timeout: _,
            rlimit,
            steps,
            threads: _,
            unroll,
            without,
            verdicts_only,
            cache: _,
        } = options;
        let mut program = self.restricted.program.clone();
        visit_spans(&mut program, &mut |span| *span = Span::NONE);
        let specification: &Option<Specification> = specification;
        cache
            .key("entry")
            .debug("program", &program)
            .debug("function", &self.entry)
            .debug("skipped", &self.skipped)
            .debug("taken", &self.taken)
            .debug("tested members", &self.tested_members)
            .debug("mode", entry)
            .debug("properties", properties)
            .debug("specification", specification)
            .debug("wraps", wraps)
            .debug("limits", &(rlimit, steps, unroll))
            .debug("without", without)
            .debug("verdicts only", verdicts_only)
            .finish()
    }
}

impl Decided {
    /// The check, if the program has it.
    fn key(&self, program: &Program) -> Option<CheckKey> {
        let inner = program.functions.get(self.inner as usize)?;
        inner.obligations.get(self.obligation as usize)?;
        let function = program.functions.get(self.function as usize)?;
        if let Some((block, statement)) = self.via.first() {
            let block = function.blocks().get(*block as usize)?;
            block.statements.get(*statement as usize)?;
        }
        let via = self.via.iter();
        Some(CheckKey {
            function: FunctionId(self.function),
            via: via
                .map(|(block, statement)| (BlockId(*block), *statement))
                .collect(),
            inner: FunctionId(self.inner),
            obligation: ObligationId(self.obligation),
        })
    }
}

/// What is kept of a result; `None` where another run might decide otherwise.
fn lasting(result: &EntryResult) -> Option<Answer> {
    if result.failure.is_some() || !result.not_followed.is_empty() {
        return None;
    }
    let decisions = result.decisions.iter().map(|(key, decision)| {
        let input = match (decision.verdict, &decision.counterexample) {
            (Verdict::Proved | Verdict::Unreachable, None) => None,
            (Verdict::Refuted, Some(found)) => Some(found.input.clone()),
            _ => return None,
        };
        Some(Decided {
            function: key.function.0,
            via: key
                .via
                .iter()
                .map(|(block, statement)| (block.0, *statement))
                .collect(),
            inner: key.inner.0,
            obligation: key.obligation.0,
            verdict: decision.verdict,
            contracts: decision.contracts.clone(),
            assumptions: decision.assumptions.clone(),
            applies: decision.applies,
            needs: decision.needs.clone(),
            input,
        })
    });
    Some(Answer {
        decisions: decisions.collect::<Option<_>>()?,
        offered: result.offered.clone(),
        assumptions: result.assumptions.clone(),
        search: result.search.clone(),
    })
}

/// A result of the restricted program as one of the whole.
fn outside(result: EntryResult, entry: FunctionId, functions: &[FunctionId]) -> EntryResult {
    let of = |id: FunctionId| functions.get(id.index()).copied();
    let decisions = result.decisions.into_iter();
    let decisions: BTreeMap<CheckKey, Decision> = decisions
        .filter_map(|(key, decision)| Some((key.outside(functions)?, decision)))
        .collect();
    EntryResult {
        entry,
        decisions,
        failure: result.failure,
        not_followed: result
            .not_followed
            .into_iter()
            .filter_map(|(id, reason)| Some((of(id)?, reason)))
            .collect(),
        offered: result.offered,
        assumptions: result.assumptions,
        search: result.search,
        blocked: result
            .blocked
            .into_iter()
            .filter_map(|(key, (end, after))| {
                let after = match after {
                    Some(cut) => Some(crate::engine::CutLoop {
                        function: of(cut.function)?,
                        ..cut
                    }),
                    None => None,
                };
                Some((key.outside(functions)?, (end, after)))
            })
            .collect(),
    }
}

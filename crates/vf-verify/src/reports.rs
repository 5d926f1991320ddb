//! From the decisions of all entries to one report a function.

use std::collections::{BTreeMap, BTreeSet};
use vf_source::tables::HashMap;

use vf_ir::{Body, FunctionId, ObligationId, Property};
use vf_source::FileId;

use crate::analysis::{Context, Decision, EntryResult};
use crate::engine::{CheckKey, CutLoop};
use crate::report::{FunctionReport, ObligationReport, Verdict};
use crate::search::{Blocked, QueryEnd, Search};
use crate::{Calls, Reason};

/// One report a function, in the order of the program.
pub fn report_functions(
    context: &Context<'_>,
    main_files: &[FileId],
    results: Vec<EntryResult>,
) -> Vec<FunctionReport> {
    let mut by_function: BTreeMap<FunctionId, BTreeMap<CheckKey, Decision>> = BTreeMap::new();
    let mut failures: BTreeMap<FunctionId, Reason> = BTreeMap::new();
    let mut looked_at: BTreeSet<FunctionId> = BTreeSet::new();
    // Functions that were not executed to their end, of which others were promised nothing.
    let mut ended: Vec<(FunctionId, Reason)> = Vec::new();
    let entries: BTreeSet<FunctionId> = results.iter().map(|r| r.entry).collect();
    let mut searches: BTreeMap<FunctionId, (Search, Ends)> = BTreeMap::new();
    let mut offered: BTreeMap<FunctionId, BTreeSet<String>> = BTreeMap::new();
    let mut assumed: BTreeMap<FunctionId, BTreeSet<String>> = BTreeMap::new();
    for mut result in results {
        looked_at.insert(result.entry);
        assumed.insert(result.entry, std::mem::take(&mut result.assumptions));
        offered.insert(result.entry, std::mem::take(&mut result.offered));
        if result.failure.is_none() {
            searches.insert(result.entry, (result.search.clone(), ends(&mut result)));
        }
        if let Some(reason) = result.failure {
            ended.push((result.entry, reason.clone()));
            failures.insert(result.entry, reason);
        }
        for (function, reason) in result.not_followed {
            if matches!(reason, Reason::CalledBack { .. }) {
                ended.push((function, reason.clone()));
            }
            looked_at.insert(function);
            failures.entry(function).or_insert(reason);
        }
        for (key, decision) in result.decisions {
            looked_at.insert(key.function);
            let slot = by_function.entry(key.function).or_default();
            match slot.get_mut(&key) {
                None => {
                    slot.insert(key, decision);
                }
                Some(known) => combine(known, decision),
            }
        }
    }
    let mut unlooked: BTreeMap<FunctionId, BTreeSet<String>> = BTreeMap::new();
    for (caller, reason) in ended {
        for callee in may_call(context, caller).difference(&entries) {
            // Inline functions of headers are judged where they are called.
            let in_main = main_files.contains(&context.program.function(*callee).span.file);
            if in_main && looked_at.insert(*callee) {
                failures.insert(*callee, reason.clone());
            } else if by_function.contains_key(callee) {
                let name = &context.program.function(caller).name;
                let assumption = format!("`{name}`, which was not looked at to its end, is safe");
                unlooked.entry(*callee).or_default().insert(assumption);
            }
        }
    }
    let mut reports = Vec::new();
    let mut ids: BTreeMap<CheckKey, String> = BTreeMap::new();
    let mut reported: Vec<FunctionId> = Vec::new();
    for id in looked_at {
        let function = context.program.function(id);
        // Inline functions of headers are judged where they are called; their own report would repeat that
        // for every file. Only what was found wrong in them is shown, unless they were asked for by name.
        let in_main =
            main_files.contains(&function.span.file) || context.options.functions.contains(&function.name);
        let mut decisions = by_function.remove(&id).unwrap_or_default();
        let failure = failures.get(&id);
        let assumptions = assumed.remove(&id).unwrap_or_default();
        complete(context, id, failure, &assumptions, &mut decisions);
        for decision in decisions.values_mut() {
            decision
                .assumptions
                .extend(unlooked.get(&id).into_iter().flatten().cloned());
        }
        let obligations = obligation_reports(context, id, decisions, in_main, &mut ids);
        if obligations.is_empty() && !in_main && failure.is_none() {
            continue;
        }
        let contract: BTreeSet<String> = obligations
            .iter()
            .flat_map(|o| o.assumptions.iter())
            .filter_map(|a| a.strip_prefix("requires ").map(str::to_owned))
            .collect();
        let written: BTreeSet<String> = function
            .obligations
            .iter()
            .filter(|o| o.required)
            .map(|o| o.text.clone())
            .collect();
        let mut usual = offered.remove(&id).unwrap_or_default();
        usual.retain(|clause| !written.contains(clause));
        reported.push(id);
        reports.push(FunctionReport {
            name: function.name.clone(),
            file: context
                .sources
                .get(function.span.file)
                .map(|f| f.path.display().to_string())
                .unwrap_or_default(),
            unsupported: failure.map(ToString::to_string),
            contract: contract.into_iter().collect(),
            usual: usual.into_iter().collect(),
            written: written.into_iter().collect(),
            obligations,
            search: None,
        });
    }
    // The checks of an entry may be another function's, so all obligations need their ids before.
    for (report, id) in reports.iter_mut().zip(reported) {
        report.search = searches.remove(&id).map(|(search, ends)| Search {
            blocked: blocked(context, ends, &ids),
            ..search
        });
    }
    reports
}

/// How the queries of one entry ended that are no proofs.
type Ends = BTreeMap<CheckKey, (QueryEnd, Option<CutLoop>)>;

/// Those of them that still stand in the way.
fn ends(result: &mut EntryResult) -> Ends {
    let decisions = &result.decisions;
    let mut ends = std::mem::take(&mut result.blocked);
    ends.retain(|key, _| {
        let verdict = decisions.get(key).map(|d| d.verdict);
        matches!(verdict, Some(Verdict::Unknown | Verdict::ProvedToBound))
    });
    ends
}

fn blocked(context: &Context<'_>, ends: Ends, ids: &BTreeMap<CheckKey, String>) -> Vec<Blocked> {
    let reported = ends.into_iter().filter_map(|(key, (ended, of))| {
        Some(Blocked {
            obligation: ids.get(&key)?.clone(),
            after_loop: of.map(|of| context.loop_location(of)),
            ended,
        })
    });
    reported.collect()
}

/// Functions of the program that one may call whose own analysis came to no end: those it reaches, and where its body
/// could not be lowered, those that only its file can call.
fn may_call(context: &Context<'_>, from: FunctionId) -> BTreeSet<FunctionId> {
    let program = context.program;
    let caller = program.function(from);
    let own = |id: &FunctionId| {
        let function = program.function(*id);
        *id != from && matches!(function.body, Body::Defined(_)) && !function.library_model
    };
    if matches!(caller.body, Body::Unsupported(_)) {
        let all = (0..program.functions.len() as u32).map(FunctionId);
        let here = |id: &FunctionId| {
            let function = program.function(*id);
            function.internal && function.span.file == caller.span.file
        };
        return all.filter(|id| own(id) && here(id)).collect();
    }
    let calls = Calls::of(program);
    let mut from = vec![from];
    // Those whose address is taken may be called through a pointer.
    from.extend(&calls.taken);
    calls.reachable(&from).into_iter().filter(own).collect()
}

/// The worse of two decisions on one obligation, with the assumptions of both.
fn combine(known: &mut Decision, other: Decision) {
    known.assumptions.extend(other.assumptions.iter().cloned());
    known.contracts.extend(other.contracts.iter().cloned());
    known.applies |= other.applies;
    let rank = |v: Verdict| match v {
        Verdict::Unreachable => 0,
        Verdict::Proved => 1,
        Verdict::ProvedToBound => 2,
        Verdict::Unknown => 3,
        Verdict::Refuted => 4,
    };
    if rank(other.verdict) > rank(known.verdict) {
        known.verdict = other.verdict;
        known.reason = other.reason;
        known.bound = other.bound;
        known.counterexample = other.counterexample;
        known.needs = other.needs;
        known.suggested = other.suggested;
    }
}

/// Adds what no execution reached: unknown when the function could not be looked at, else unreachable.
fn complete(
    context: &Context<'_>,
    id: FunctionId,
    failure: Option<&Reason>,
    assumptions: &BTreeSet<String>,
    decisions: &mut BTreeMap<CheckKey, Decision>,
) {
    let function = context.program.function(id);
    for number in 0..function.obligations.len() as u32 {
        let obligation = ObligationId(number);
        let key = CheckKey {
            function: id,
            via: Vec::new(),
            inner: id,
            obligation,
        };
        if decisions.contains_key(&key) || context.skips(id, obligation) || function.is_contract(obligation) {
            continue;
        }
        let (verdict, reason) = match failure {
            Some(reason) => (Verdict::Unknown, Some(reason.clone())),
            None => (context.not_reached(&key), None),
        };
        decisions.insert(
            key,
            Decision {
                verdict,
                reason,
                bound: None,
                counterexample: None,
                contracts: BTreeSet::new(),
                assumptions: assumptions.clone(),
                applies: failure.is_some()
                    || !matches!(
                        function.obligations[number as usize].property,
                        Property::Lifetime | Property::Initialized
                    ),
                needs: None,
                suggested: Vec::new(),
            },
        );
    }
}

fn obligation_reports(
    context: &Context<'_>,
    id: FunctionId,
    decisions: BTreeMap<CheckKey, Decision>,
    in_main: bool,
    ids: &mut BTreeMap<CheckKey, String>,
) -> Vec<ObligationReport> {
    let function = context.program.function(id);
    let mut ordered: Vec<(CheckKey, Decision)> = decisions.into_iter().collect();
    ordered.sort_by_key(|(key, _)| {
        let place = context.place(key);
        (place.file, place.start, key.clone())
    });
    let mut counts: HashMap<Property, u32> = HashMap::default();
    let mut reports = Vec::new();
    for (key, decision) in ordered {
        let Some(obligation) = context
            .program
            .function(key.inner)
            .obligations
            .get(key.obligation.index())
        else {
            continue;
        };
        if !decision.applies {
            continue;
        }
        if !context.asks(key.inner, key.obligation) {
            continue;
        }
        if !in_main
            && !matches!(
                decision.verdict,
                Verdict::Refuted | Verdict::Unknown | Verdict::ProvedToBound
            )
        {
            continue;
        }
        let number = counts.entry(obligation.property).or_default();
        *number += 1;
        let place = context.place(&key);
        let text = if key.via.is_empty() {
            obligation.text.clone()
        } else {
            context
                .sources
                .text(place)
                .map_or_else(|| obligation.text.clone(), str::to_owned)
        };
        let mut assumptions: Vec<String> = decision
            .contracts
            .iter()
            .map(|c| format!("requires {c}"))
            .collect();
        if matches!(
            decision.verdict,
            Verdict::Proved | Verdict::ProvedToBound | Verdict::Unreachable
        ) {
            assumptions.extend(decision.assumptions.iter().cloned());
        } else {
            assumptions.clear();
        }
        let id = format!("{}/{}/{}", function.name, obligation.property.name(), number);
        ids.insert(key, id.clone());
        reports.push(ObligationReport {
            id,
            property: obligation.property.name().to_owned(),
            cwe: obligation.cwe().to_owned(),
            location: context.location(place),
            text,
            verdict: decision.verdict,
            reason: decision.reason.map(|r| r.to_string()),
            bound: decision.bound,
            counterexample: decision.counterexample,
            needs: decision.needs.filter(|_| decision.verdict == Verdict::Refuted),
            suggested_invariants: decision.suggested,
            assumptions,
        });
    }
    reports
}

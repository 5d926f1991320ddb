//! Contracts of both versions compared: does a change repair the function, or does it leave the matter to its callers?
//!
//! What a function asks of its callers is a set of clauses: those of the usual reading of its parameters that its proofs
//! needed, what is written down as annotations and attributes, and what its refuted obligations would need. Two such sets
//! are compared clause by clause, as text: a clause counts as new where the other version neither needed nor offered
//! it. (Which of several clauses a proof needs is the solver's choice; that one was offered and not needed says nothing.)

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use vf_ir::Property;
use vf_verify::report::{FunctionReport, ObligationReport, Verdict};

use crate::ctext::lex::{mentions, normalised};
use crate::judge::{FunctionChange, Version};

/// What a change does to what a function asks of its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precondition {
    /// It asks for less.
    Weaker,
    Equal,
    /// It asks for more.
    Stronger,
    /// It no longer asks for one thing, and asks for another.
    Different,
    /// One version has obligations that are neither proved nor known to hold under some contract.
    Unknown,
}

/// The contracts of one function that a patch touches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractChange {
    pub function: String,
    pub precondition: Precondition,
    /// ACSL predicates under which each version is safe, as far as that is known.
    pub before: Vec<String>,
    pub after: Vec<String>,
    /// Of `after`: what goes beyond the usual reading of the parameters.
    pub beyond_usual: Vec<String>,
    /// Where there is such a clause: the callers in view, by whether they keep it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callers: Vec<Caller>,
}

/// A caller in view of a function that asks for more than the usual reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub function: String,
    pub keeps: Keeps,
    /// Obligations that say so, where it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keeps {
    Yes,
    No,
    /// Nothing was found, and nothing proved.
    Unknown,
}

/// The contracts of every function whose text or contract is another one.
pub(crate) fn contract_changes(
    changes: &[FunctionChange<'_>],
    before: &Version,
    after: &Version,
) -> Vec<ContractChange> {
    let words = |version: &Version, name: &str| version.texts_of(name).map(normalised).collect::<Vec<_>>();
    let mut found = Vec::new();
    for change in changes {
        let (Some(old), Some(new)) = (change.before, change.after) else {
            continue;
        };
        let precondition = compare(old, new);
        let shown = words(before, &old.name) != words(after, &new.name)
            || matches!(
                precondition,
                Precondition::Weaker | Precondition::Stronger | Precondition::Different
            );
        if !shown || old.obligations.is_empty() && new.obligations.is_empty() {
            continue;
        }
        let usual: BTreeSet<&String> = new.usual.iter().collect();
        let asked = asked(new);
        let beyond: Vec<String> = asked.iter().filter(|c| !usual.contains(*c)).cloned().collect();
        found.push(ContractChange {
            function: new.name.clone(),
            precondition,
            before: self::asked(old).into_iter().collect(),
            callers: if beyond.is_empty() {
                Vec::new()
            } else {
                callers(new, after)
            },
            beyond_usual: beyond,
            after: asked.into_iter().collect(),
        });
    }
    found
}

/// The clauses under which a function is safe, as far as that is known.
fn asked(function: &FunctionReport) -> BTreeSet<String> {
    let needed = function.obligations.iter().filter_map(|o| o.needs.as_ref());
    function
        .contract
        .iter()
        .chain(&function.written)
        .cloned()
        .chain(needed.map(|needs| needs.clause.clone()))
        .collect()
}

fn compare(old: &FunctionReport, new: &FunctionReport) -> Precondition {
    if !is_known(old) || !is_known(new) {
        return Precondition::Unknown;
    }
    let more = |one: &FunctionReport, than: &FunctionReport| {
        let known = asked(than);
        let is_new = |clause: &String| !known.contains(clause) && !than.usual.contains(clause);
        asked(one).iter().any(is_new)
    };
    match (more(new, old), more(old, new)) {
        (false, false) => Precondition::Equal,
        (false, true) => Precondition::Weaker,
        (true, false) => Precondition::Stronger,
        (true, true) => Precondition::Different,
    }
}

/// Whether each obligation is proved, or has a clause under which it would be.
fn is_known(function: &FunctionReport) -> bool {
    let known = |o: &ObligationReport| match o.verdict {
        Verdict::Proved | Verdict::Unreachable => true,
        Verdict::Refuted => o.needs.is_some(),
        Verdict::ProvedToBound | Verdict::Unknown => false,
    };
    function.unsupported.is_none() && function.obligations.iter().all(known)
}

/// The functions of the new version that call one, as far as they were checked. A call breaks the contract where its own
/// `precondition` does not hold, or where the function is refuted in an execution that begins in the caller.
fn callers(of: &FunctionReport, version: &Version) -> Vec<Caller> {
    let mut found = Vec::new();
    for caller in version.report.functions.iter().filter(|f| f.name != of.name) {
        let calls = caller
            .obligations
            .iter()
            .filter(|o| o.property == Property::Precondition.name() && mentions(&o.text, &of.name));
        let calls: Vec<&ObligationReport> = calls.collect();
        let begins_there = |o: &&ObligationReport| {
            let counterexample = o.counterexample.as_ref();
            counterexample.is_some_and(|c| c.input.function == caller.name)
        };
        let inside: Vec<&ObligationReport> = of.obligations.iter().filter(begins_there).collect();
        if calls.is_empty()
            && inside.is_empty()
            && !version
                .texts_of(&caller.name)
                .any(|text| mentions(text, &of.name))
        {
            continue;
        }
        let broken: Vec<String> = calls
            .iter()
            .filter(|o| o.verdict == Verdict::Refuted)
            .chain(&inside)
            .map(|o| o.id.clone())
            .collect();
        let proved = !calls.is_empty() && calls.iter().all(|o| o.verdict == Verdict::Proved);
        found.push(Caller {
            function: caller.name.clone(),
            keeps: match (broken.is_empty(), proved) {
                (false, _) => Keeps::No,
                (true, true) => Keeps::Yes,
                (true, false) => Keeps::Unknown,
            },
            obligations: broken,
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use vf_verify::report::Needs;

    use super::*;
    use crate::judge::tests::function;

    fn with(contract: &[&str], usual: &[&str], needs: Option<&str>) -> FunctionReport {
        let verdict = if needs.is_some() {
            Verdict::Refuted
        } else {
            Verdict::Proved
        };
        let mut report = function("f", &[("valid-write", "p[i]", 3, verdict)]);
        let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_string()).collect::<Vec<_>>();
        report.contract = owned(contract);
        report.usual = owned(usual);
        if let Some(obligation) = report.obligations.first_mut() {
            obligation.needs = needs.map(|clause| Needs {
                clause: clause.to_string(),
                usual: Vec::new(),
            });
        }
        report
    }

    #[test]
    fn which_of_two_asks_for_more() {
        let usual = ["p != \\null", "\\valid(p)"];
        let plain = with(&usual, &usual, None);
        let cases = [
            (plain.clone(), Precondition::Equal),
            // A clause that was offered and happened not to be needed.
            (with(&["\\valid(p)"], &usual, None), Precondition::Equal),
            // A parameter that is compared with null now.
            (with(&["\\valid(p)"], &["\\valid(p)"], None), Precondition::Weaker),
            (
                with(&["\\valid(p)", "n < 8"], &usual, None),
                Precondition::Stronger,
            ),
            (with(&["n < 8"], &["\\valid(p)"], None), Precondition::Different),
            (with(&usual, &usual, Some("n < 8")), Precondition::Stronger),
        ];
        for (after, expected) in cases {
            assert_eq!(compare(&plain, &after), expected, "{after:?}");
        }
        // What was refuted, and is proved under the same reading.
        assert_eq!(
            compare(&with(&usual, &usual, Some("n < 8")), &plain),
            Precondition::Weaker
        );
        let mut open = plain.clone();
        open.obligations[0].verdict = Verdict::Unknown;
        assert_eq!(compare(&open, &plain), Precondition::Unknown);
        assert_eq!(compare(&plain, &open), Precondition::Unknown);
    }
}

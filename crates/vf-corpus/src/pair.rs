//! From two versions of a file to a record, or to why there is none.

use std::collections::BTreeSet;

use vf_repair::ctext::functions::functions;
use vf_repair::ctext::lex::{TokenKind, is_keyword, tokens};
use vf_repair::{Behaviour, PatchReport, PatchVerdict};
use vf_source::diff::diff;
use vf_verify::report::{FunctionReport, ObligationReport, Overall, Verdict};

use crate::hash::{function_text, hashes, split};
use crate::prove::{Proved, judged};
use crate::record::{Context, Obligation, Origin, PairCounterexample, Record, SCHEMA, Verdicts};

/// Why two versions are no pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// The version after has no obligation: nothing was proved.
    NothingToProve,
    AfterRefuted,
    /// Unknown, proved to a bound only, or not understood.
    AfterNotProved,
    /// An operation of the version after is never reached.
    AfterUnreachable,
    /// The version before is proved as well.
    BeforeProved,
    /// Nothing is refuted, and something is not proved.
    BeforeUnknown,
    /// It is not proved that the change keeps what the function does where nothing was wrong. Mostly it does not.
    BehaviourNotKept,
    /// The change does not fix what it is for.
    NotFixed,
    /// The front end or the compiler takes one version not.
    NotRead,
    /// A pair like it is there.
    Duplicate,
}

impl Refusal {
    pub fn name(self) -> &'static str {
        match self {
            Refusal::NothingToProve => "nothing-to-prove",
            Refusal::AfterRefuted => "after-refuted",
            Refusal::AfterNotProved => "after-not-proved",
            Refusal::AfterUnreachable => "after-unreachable",
            Refusal::BeforeProved => "before-proved",
            Refusal::BeforeUnknown => "before-unknown",
            Refusal::BehaviourNotKept => "behaviour-not-kept",
            Refusal::NotFixed => "not-fixed",
            Refusal::NotRead => "not-read",
            Refusal::Duplicate => "duplicate",
        }
    }
}

/// Whether every obligation of the version after is proved.
///
/// # Errors
/// Which is not.
pub fn is_proved(after: &Proved, function: &str) -> Result<(), Refusal> {
    let own = after.function(function).ok_or(Refusal::AfterNotProved)?;
    if after.report.functions.iter().any(|f| f.unsupported.is_some()) {
        return Err(Refusal::AfterNotProved);
    }
    let all = || after.report.functions.iter().flat_map(|f| &f.obligations);
    let any = |verdict| all().any(|o| o.verdict == verdict);
    if own.obligations.is_empty() {
        Err(Refusal::NothingToProve)
    } else if any(Verdict::Refuted) {
        Err(Refusal::AfterRefuted)
    } else if any(Verdict::Unknown) || any(Verdict::ProvedToBound) || after.report.verdict != Overall::Proved
    {
        Err(Refusal::AfterNotProved)
    } else if any(Verdict::Unreachable) {
        Err(Refusal::AfterUnreachable)
    } else {
        Ok(())
    }
}

/// Whether something of the version before is refuted, by an execution that is there.
///
/// # Errors
/// Nothing is.
pub fn is_refuted(before: &Proved, function: &str) -> Result<(), Refusal> {
    let own = before.function(function).ok_or(Refusal::BeforeUnknown)?;
    if own.obligations.iter().any(is_shown) {
        return Ok(());
    }
    match before.report.verdict {
        Overall::Proved => Err(Refusal::BeforeProved),
        _ => Err(Refusal::BeforeUnknown),
    }
}

fn is_shown(obligation: &ObligationReport) -> bool {
    obligation.verdict == Verdict::Refuted && obligation.counterexample.is_some()
}

/// Judges the change from one version to the other.
///
/// # Errors
/// It is no proven fix.
pub fn is_fixed(before: &Proved, after: &Proved) -> Result<PatchReport, Refusal> {
    let report = judged(before, after);
    match (report.verdict, report.behaviour) {
        (PatchVerdict::ProvenFix, Behaviour::Preserved | Behaviour::Vacuous) => Ok(report),
        (_, Behaviour::Changed | Behaviour::Unknown) => Err(Refusal::BehaviourNotKept),
        _ => Err(Refusal::NotFixed),
    }
}

/// What a record says beside what was found.
pub struct About<'a> {
    pub id: String,
    pub file: &'a str,
    pub function: &'a str,
    pub origin: Origin,
    pub licence: &'a str,
    /// The report; one is written where there is none.
    pub report: &'a mut dyn FnMut(&ObligationReport) -> String,
}

/// The record of two versions that were judged to be a pair; nothing where no counterexample goes with what was fixed.
pub fn record(about: About<'_>, before: &Proved, after: &Proved, judged: &PatchReport) -> Option<Record> {
    let old = before.function(about.function)?;
    let new = after.function(about.function)?;
    let fixed = |o: &&ObligationReport| is_shown(o) && judged.fixed.contains(&o.id);
    let target = old.obligations.iter().find(fixed)?;
    let found = target.counterexample.clone()?;
    let hashes = hashes(&before.text, &after.text, about.function);
    let assumptions: BTreeSet<String> = new
        .obligations
        .iter()
        .flat_map(|o| o.assumptions.iter().cloned())
        .collect();
    Some(Record {
        schema: SCHEMA.to_owned(),
        id: about.id,
        split: split(&hashes.shape),
        origin: about.origin,
        licence: about.licence.to_owned(),
        file: about.file.to_owned(),
        function: about.function.to_owned(),
        report: (about.report)(target),
        before: before.text.to_string(),
        after: diff(about.file, &before.text, &after.text),
        context: context(&before.text, about.function),
        obligations_before: obligations(old),
        obligations_after: obligations(new),
        counterexample: PairCounterexample {
            obligation: target.id.clone(),
            found,
        },
        verdicts: Verdicts {
            before: before.report.verdict,
            after: after.report.verdict,
            patch: judged.verdict,
        },
        behaviour: judged.behaviour,
        assumptions: assumptions.into_iter().collect(),
        hashes,
    })
}

fn obligations(function: &FunctionReport) -> Vec<Obligation> {
    let obligation = |o: &ObligationReport| Obligation {
        id: o.id.clone(),
        property: o.property.clone(),
        cwe: o.cwe.clone(),
        line: o.location.line,
        column: o.location.column,
        text: o.text.clone(),
        verdict: o.verdict,
    };
    function.obligations.iter().map(obligation).collect()
}

fn context(text: &str, function: &str) -> Context {
    let defined = functions(text);
    let found = defined.iter().find(|f| f.name == function);
    let line = |at: usize| {
        let lines = text.get(..at).unwrap_or("").matches('\n').count();
        u32::try_from(lines + 1).unwrap_or(u32::MAX)
    };
    let function_lines = found.map_or([0, 0], |f| [line(f.range.start), line(f.range.end)]);
    let own = function_text(text, function);
    let words = tokens(own);
    let mut calls: BTreeSet<String> = BTreeSet::new();
    for (token, next) in words.iter().zip(words.iter().skip(1)) {
        let word = token.text(own);
        let is_call = token.kind == TokenKind::Ident && next.text(own) == "(" && !is_keyword(word);
        let is_macro = || text.contains(&format!("#define {word}("));
        if is_call && !defined.iter().any(|f| f.name == word) && !is_macro() {
            calls.insert(word.to_owned());
        }
    }
    Context {
        function_lines,
        calls: calls.into_iter().collect(),
    }
}

//! Judgement of a change on both versions at once: what it fixes, leaves open, introduces.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vf_verify::report::{CheckReport, FunctionReport, ObligationReport, SCHEMA, Verdict};
use vf_verify::{Executions, Preservation};

use vf_ir::Property;
use vf_ir::input::Input;

use crate::align::{Alignment, LineMap, Match, align};
use crate::behaviour::compiled::Compiled;
use crate::behaviour::{Difference, Reading, difference};
use crate::certify::{Demands, demanded};
use crate::contracts::{ContractChange, contract_changes};
use crate::ctext::functions::functions;
use crate::ctext::lex::{identifiers, variables};

mod arithmetic;

/// For the search for an input on which the two versions of one function differ.
const COMPARING: Duration = Duration::from_secs(5);
/// For the proof that there is none.
pub(crate) const PROVING: Duration = Duration::from_secs(20);

/// Result of judging a patch; its serialised form is the JSON of `verify-fix patch`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PatchReport {
    pub schema: String,
    pub verdict: PatchVerdict,
    pub behaviour: Behaviour,
    pub before: CheckReport,
    pub after: CheckReport,
    /// Ids of `before`: refuted or unknown there, proved now.
    pub fixed: Vec<String>,
    /// Ids of `before`: refuted or unknown there, and not proved now.
    pub open: Vec<String>,
    /// Ids of `after`: not proved, and proved or absent before. `NAME/unsupported` for a function that the
    /// front end understood before and does not understand now.
    pub introduced: Vec<String>,
    /// What the functions that were changed ask of their callers, before and after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<ContractChange>,
    /// What the patch may reach and was not checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_looked_at: Vec<NotLookedAt>,
    /// Where behaviour is changed: an input that shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// Functions whose body changed, and what was found of their behaviour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compared: Vec<ComparedFunction>,
}

impl PatchReport {
    /// Takes in what the compiled versions did on the input of the difference. Where they do the same, the difference is taken
    /// back: nothing is known then.
    pub fn confirm(&mut self, compiled: &Compiled) {
        let Some(difference) = &mut self.difference else {
            return;
        };
        difference.note(compiled);
        if *compiled != Compiled::Same {
            return;
        }
        let shown = difference.function.clone();
        self.difference = None;
        for compared in self.compared.iter_mut().filter(|c| c.function == shown) {
            compared.behaviour = Behaviour::Unknown;
            compared
                .open
                .push("executions of the IR differ, and those of the compiled versions do not".to_owned());
        }
        self.behaviour = overall(&self.compared);
        let refuted = |id: &String| {
            let mut all = self.after.functions.iter().flat_map(|f| &f.obligations);
            all.any(|o| o.id == *id && o.verdict == Verdict::Refuted)
        };
        if self.verdict == PatchVerdict::Regressed
            && self.behaviour != Behaviour::Changed
            && !self.introduced.iter().any(refuted)
        {
            self.verdict = PatchVerdict::Unknown;
        }
    }
}

/// Whether one function does the same in both versions, wherever the old one breaks nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparedFunction {
    pub function: String,
    pub behaviour: Behaviour,
    /// Where it is not proved: no difference in executions with at most so many iterations of each loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<u32>,
    /// Why it is not proved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// What the proof rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
    /// An input on which the old version breaks nothing and that comes to what was changed; both versions were executed on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<Witness>,
}

/// An input on which both versions break nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Witness {
    /// In source terms.
    pub inputs: BTreeMap<String, String>,
    /// In machine form.
    pub input: Input,
}

/// A file, or a function of it, that a patch may reach and that was not checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotLookedAt {
    pub file: String,
    /// All of the file where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    pub why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PatchVerdict {
    /// Something is fixed, nothing is left open or introduced.
    ProvenFix,
    /// Something that was refuted is refuted still, or nothing was fixed.
    NotFixed,
    /// Something is refuted now that was not before, or what was right is done differently.
    Regressed,
    /// Neither could be shown.
    Unknown,
}

/// Whether the patch keeps the behaviour on safe inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Behaviour {
    /// Proved.
    Preserved,
    /// An execution shows it.
    Changed,
    /// The old version is safe on no input that comes to what was changed: there is nothing to preserve.
    Vacuous,
    /// Neither could be shown.
    Unknown,
}

/// One version of the code: its text and what was found.
#[derive(Clone, Debug)]
pub struct Version {
    /// Text of each file that differs between the versions: path as the report's locations have it, text.
    pub files: Vec<(String, Arc<str>)>,
    pub report: CheckReport,
    /// The programs behind the report, one for each file. Without them nothing is compared, and no change is a proven fix.
    pub executions: Vec<Arc<Executions>>,
}

impl Version {
    /// The program that defines a function.
    fn executions_of(&self, function: &str) -> Option<&Executions> {
        let found = self.executions.iter().find(|e| e.defines(function));
        found.map(Arc::as_ref)
    }

    /// Texts of a function, in the files that define it.
    pub(crate) fn texts_of<'v>(&'v self, function: &'v str) -> impl Iterator<Item = &'v str> {
        self.files.iter().flat_map(move |(_, text)| {
            let found = functions(text).into_iter().filter(move |f| f.name == function);
            found.filter_map(move |f| text.get(f.range))
        })
    }
}

/// How the obligations of one function changed.
#[derive(Clone, Debug)]
pub struct FunctionChange<'a> {
    pub before: Option<&'a FunctionReport>,
    pub after: Option<&'a FunctionReport>,
    pub alignment: Alignment,
    pub lines: LineMap,
    /// Text of the file in the new version.
    pub new_text: Arc<str>,
}

/// What became of an obligation that was not proved before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Proved now: the same obligation, or everything at the statement that replaced it.
    Fixed,
    /// Control no longer gets there, which proves nothing about the operation.
    Unreachable,
    /// Gone, and nothing that was proved stands in its place.
    Vanished,
    /// Not proved still.
    Open(Verdict),
}

/// Pairs the functions of two versions by name and aligns their obligations.
pub fn changes<'a>(before: &'a Version, after: &'a Version) -> Vec<FunctionChange<'a>> {
    let text = |version: &Version, file: &str| {
        let only = version.files.first().filter(|_| version.files.len() == 1);
        let exact = version.files.iter().find(|(f, _)| f == file);
        let tail = version
            .files
            .iter()
            .find(|(f, _)| Path::new(file).ends_with(f) || Path::new(f).ends_with(file));
        exact.or(tail).or(only).map_or(Arc::from(""), |(_, t)| t.clone())
    };
    let mut found = Vec::new();
    for old in &before.report.functions {
        let new = after.report.functions.iter().find(|f| f.name == old.name);
        let new_text = text(after, new.map_or(&old.file, |n| &n.file));
        let old_text = text(before, &old.file);
        let lines = LineMap::new(&old_text, &new_text);
        let alignment = match new {
            Some(new) => align(old, new, &lines),
            None => Alignment {
                only_before: (0..old.obligations.len()).collect(),
                ..Alignment::default()
            },
        };
        found.push(FunctionChange {
            before: Some(old),
            after: new,
            alignment,
            lines,
            new_text,
        });
    }
    for new in &after.report.functions {
        if !before.report.functions.iter().any(|f| f.name == new.name) {
            let alignment = Alignment {
                only_after: (0..new.obligations.len()).collect(),
                ..Alignment::default()
            };
            let new_text = text(after, &new.file);
            let lines = LineMap::default();
            found.push(FunctionChange {
                before: None,
                after: Some(new),
                alignment,
                lines,
                new_text,
            });
        }
    }
    found
}

/// Lines after its first that a statement may go on for.
const STATEMENT_LINES: usize = 2;

/// An access to memory, however it is checked.
fn is_access(obligation: &ObligationReport) -> bool {
    matches!(
        Property::from_name(&obligation.property),
        Some(
            Property::IndexUpperBound
                | Property::IndexLowerBound
                | Property::ValidRead
                | Property::ValidWrite
                | Property::Precondition
        )
    )
}

/// How far a verdict is from a proof.
fn distance(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Proved | Verdict::Unreachable => 0,
        Verdict::ProvedToBound => 1,
        Verdict::Unknown | Verdict::Refuted => 2,
    }
}

impl<'a> FunctionChange<'a> {
    fn new_obligation(&self, index: usize) -> Option<&'a ObligationReport> {
        self.after.and_then(|f| f.obligations.get(index))
    }

    /// What became of an obligation of the old version.
    pub fn outcome(&self, index: usize) -> Outcome {
        let matched = self.alignment.after_of(index);
        if let Some((after, kind)) = matched {
            let Some(obligation) = self.new_obligation(after) else {
                return Outcome::Vanished;
            };
            return match obligation.verdict {
                // Other operations at the place are not proved, or it does something else now.
                Verdict::Proved if kind == Match::Rewritten && !self.replacement_proved(index) => {
                    Outcome::Vanished
                }
                Verdict::Proved => Outcome::Fixed,
                Verdict::Unreachable => Outcome::Unreachable,
                verdict => Outcome::Open(verdict),
            };
        }
        if self.replacement_proved(index) || self.made_harmless(index) {
            Outcome::Fixed
        } else {
            Outcome::Vanished
        }
    }

    /// Whether an arithmetic operation stands where it stood, but can no longer go wrong: its type became wider
    /// (then it has no obligation), or a function that checks the result does it.
    fn made_harmless(&self, index: usize) -> bool {
        let (Some(old), Some(after)) = (self.before.and_then(|f| f.obligations.get(index)), self.after)
        else {
            return false;
        };
        let arithmetic = matches!(
            Property::from_name(&old.property),
            Some(Property::SignedOverflow | Property::UnsignedWrap | Property::LossyConversion)
        );
        let reached =
            after.unsupported.is_none() && after.obligations.iter().any(|o| o.verdict == Verdict::Proved);
        if !arithmetic || !reached {
            return false;
        }
        let here = self.text_at(old);
        arithmetic::same(&old.text, &here) || arithmetic::checked(&old.text, &here)
    }

    /// Whether the statement that stands in the place of an old obligation does the same kind of thing to the
    /// same variables, and everything at it is proved.
    fn replacement_proved(&self, index: usize) -> bool {
        let Some(old) = self.before.and_then(|f| f.obligations.get(index)) else {
            return false;
        };
        let place = self.lines.became(old.location.line);
        let here: Vec<&ObligationReport> = self
            .after
            .map_or(&[][..], |f| &f.obligations)
            .iter()
            .enumerate()
            .filter(|(j, o)| place.contains(&o.location.line) && self.is_new(*j))
            .map(|(_, o)| o)
            .collect();
        let kind = |o: &ObligationReport| o.property == old.property || is_access(o) && is_access(old);
        let text = self.text_at(old);
        let names = identifiers(&text);
        // What was not proved at the old statement either, and is not what this is about, is left open.
        let worse = self.introduced();
        let was_open =
            |o: &ObligationReport| o.property != old.property && !worse.iter().any(|w| w.id == o.id);
        here.iter().any(|o| kind(o) && o.verdict == Verdict::Proved)
            && variables(&old.text).iter().all(|v| names.contains(&v.as_str()))
            && here.iter().all(|o| o.verdict == Verdict::Proved || was_open(o))
    }

    /// Text of the new version where an old obligation stood, with the rest of the statement.
    fn text_at(&self, old: &ObligationReport) -> String {
        let place = self.lines.became(old.location.line);
        let count = place.len() + STATEMENT_LINES;
        let lines: Vec<&str> = self
            .new_text
            .lines()
            .skip((place.start as usize).saturating_sub(1))
            .take(count)
            .collect();
        lines.join("\n")
    }

    /// Whether an obligation of the new version belongs to a new or rewritten operation.
    fn is_new(&self, index: usize) -> bool {
        !self
            .alignment
            .pairs
            .iter()
            .any(|(_, a, m)| *a == index && *m == Match::Same)
    }

    /// Obligations of the new version that are further from a proof than what they match.
    pub fn introduced(&self) -> Vec<&'a ObligationReport> {
        let Some(after) = self.after else {
            return Vec::new();
        };
        after
            .obligations
            .iter()
            .enumerate()
            .filter(|(j, new)| {
                let old = self
                    .alignment
                    .pairs
                    .iter()
                    .find(|(_, a, _)| a == j)
                    .map(|(b, ..)| *b);
                let old = old.and_then(|i| self.before?.obligations.get(i));
                distance(new.verdict) > old.map_or(0, |o| distance(o.verdict))
            })
            .map(|(_, o)| o)
            .collect()
    }

    /// The function was understood before and is not now.
    pub fn lost(&self) -> bool {
        self.after.is_some_and(|f| f.unsupported.is_some())
            && self.before.is_none_or(|f| f.unsupported.is_none())
    }
}

/// Judges a change by the verdicts on both versions. `time` bounds the comparison of what they do.
pub fn judge(before: &Version, after: &Version, time: Option<Duration>) -> PatchReport {
    judged(before, after, time, true)
}

/// The same without a search for an input that tells the versions apart, for who only asks whether a change is a proven fix: that
/// rests on proofs. Behaviour is never `changed` here, and the verdict not `regressed` for that reason.
pub fn judge_by_proof(before: &Version, after: &Version) -> PatchReport {
    judged(before, after, None, false)
}

fn judged(before: &Version, after: &Version, time: Option<Duration>, search: bool) -> PatchReport {
    let changes = changes(before, after);
    let (mut fixed, mut open, mut introduced) = (Vec::new(), Vec::new(), Vec::new());
    let mut refuted_still = false;
    let mut refuted_new = false;
    for change in &changes {
        for (i, old) in change
            .before
            .map_or(&[][..], |f| &f.obligations)
            .iter()
            .enumerate()
        {
            if distance(old.verdict) == 0 {
                continue;
            }
            match change.outcome(i) {
                Outcome::Fixed => fixed.push(old.id.clone()),
                outcome => {
                    refuted_still |= outcome == Outcome::Open(Verdict::Refuted);
                    open.push(old.id.clone());
                }
            }
        }
        for new in change.introduced() {
            refuted_new |= new.verdict == Verdict::Refuted;
            introduced.push(new.id.clone());
        }
        if change.lost() {
            introduced.extend(change.after.map(|f| format!("{}/unsupported", f.name)));
        }
    }
    let (compared, difference) = compare(&changes, before, after, time, search);
    let behaviour = overall(&compared);
    let is_changed = behaviour == Behaviour::Changed;
    // What was wrong and is wrong still comes before a change of behaviour.
    let verdict = if refuted_new {
        PatchVerdict::Regressed
    } else if refuted_still {
        PatchVerdict::NotFixed
    } else if is_changed && (!fixed.is_empty() || !open.is_empty() || !introduced.is_empty()) {
        PatchVerdict::Regressed
    } else if fixed.is_empty() && open.is_empty() && introduced.is_empty() {
        // Nothing was open before: there was nothing to fix, which is no fix. A run that checked nothing
        // says nothing.
        let checked = before.report.functions.iter().any(|f| !f.obligations.is_empty());
        match (checked, is_changed) {
            (true, _) => PatchVerdict::NotFixed,
            (false, true) => PatchVerdict::Regressed,
            (false, false) => PatchVerdict::Unknown,
        }
    } else {
        let demands = Demands {
            fixed: &fixed,
            open: &open,
            introduced: &introduced,
            compared: &compared,
        };
        demanded(&demands, PatchVerdict::Unknown)
    };
    PatchReport {
        schema: SCHEMA.to_string(),
        verdict,
        behaviour,
        before: before.report.clone(),
        after: after.report.clone(),
        fixed,
        open,
        introduced,
        contracts: contract_changes(&changes, before, after),
        not_looked_at: Vec::new(),
        difference,
        compared,
    }
}

/// Of all functions together: the worst that was found.
fn overall(compared: &[ComparedFunction]) -> Behaviour {
    let any = |behaviour| compared.iter().any(|c| c.behaviour == behaviour);
    if compared.is_empty() || any(Behaviour::Unknown) && !any(Behaviour::Changed) {
        Behaviour::Unknown
    } else if any(Behaviour::Changed) {
        Behaviour::Changed
    } else if any(Behaviour::Vacuous) {
        Behaviour::Vacuous
    } else {
        Behaviour::Preserved
    }
}

fn not_compared(function: &str, why: String) -> ComparedFunction {
    ComparedFunction {
        function: function.to_owned(),
        behaviour: Behaviour::Unknown,
        bound: None,
        open: vec![why],
        assumptions: Vec::new(),
        witness: None,
    }
}

/// Looks at every function that both versions have: a proof that it does the same, and an input on which it does not.
fn compare(
    changes: &[FunctionChange<'_>],
    before: &Version,
    after: &Version,
    time: Option<Duration>,
    search: bool,
) -> (Vec<ComparedFunction>, Option<Difference>) {
    let started = Instant::now();
    let at_most = |most: Duration| time.map_or(most, |t| t.saturating_sub(started.elapsed()).min(most));
    let mut compared = Vec::new();
    let mut first = None;
    for change in changes {
        let (Some(old), Some(new)) = (change.before, change.after) else {
            // Callers out of view miss a function that is gone.
            let gone = change.before.filter(|old| {
                before
                    .executions_of(&old.name)
                    .is_some_and(|was| !was.is_internal(&old.name))
            });
            compared.extend(gone.map(|old| not_compared(&old.name, "the function is gone".to_owned())));
            continue;
        };
        let name = &old.name;
        let (Some(was), Some(is)) = (before.executions_of(name), after.executions_of(name)) else {
            // What the front end does not understand may do anything in either version.
            if let Some(why) = old.unsupported.as_ref().or(new.unsupported.as_ref()) {
                compared.push(not_compared(name, why.clone()));
            }
            continue;
        };
        let safe = new.unsupported.is_none() && new.obligations.iter().all(|o| distance(o.verdict) == 0);
        let Some(found) = was.compare(is, name, safe, at_most(PROVING)) else {
            continue;
        };
        let mut known = found.inputs.clone();
        let reported = old.obligations.iter().chain(&new.obligations);
        known.extend(reported.filter_map(|o| Some(o.counterexample.as_ref()?.input.clone())));
        let proved = found.preservation == Preservation::Proved;
        let shown = match proved || !search {
            true => None,
            false => difference(was, is, name, Reading::Safe, &known, at_most(COMPARING)),
        };
        let difference = match &found.oblivious {
            Some(oblivious)
                if search
                    && found.vacuity_shown
                    && shown.is_none()
                    && oblivious.preservation != Preservation::Proved =>
            {
                known.extend(oblivious.inputs.iter().cloned());
                difference(was, is, name, Reading::Oblivious, &known, at_most(COMPARING))
            }
            _ => shown,
        };
        let mut open: Vec<String> = found.open.iter().map(ToString::to_string).collect();
        let mut bound = found.preservation;
        // Where there is nothing to preserve, what the old version did within its bounds must remain.
        let remains = found.oblivious.as_ref().is_none_or(|found| {
            bound = found.preservation;
            open.extend(
                found
                    .open
                    .iter()
                    .map(|o| format!("where the old version always fails, {o}")),
            );
            match found.preservation {
                Preservation::Proved => true,
                // Within a bound it is shown only together with a search that found no difference.
                Preservation::ToBound(_) => search,
                Preservation::Open => false,
            }
        });
        let behaviour = match (&difference, proved) {
            (Some(_), _) => Behaviour::Changed,
            (None, true) if found.vacuous && remains => Behaviour::Vacuous,
            (None, true) if found.vacuous => Behaviour::Unknown,
            (None, true) => Behaviour::Preserved,
            (None, false) => Behaviour::Unknown,
        };
        let witness = found.witnesses.iter().find(|input| {
            let input = was.tight(input);
            was.run(&input).is_some() && is.run(&input).is_some()
        });
        compared.push(ComparedFunction {
            function: name.clone(),
            behaviour,
            bound: match bound {
                Preservation::ToBound(bound) => Some(bound),
                Preservation::Proved | Preservation::Open => None,
            },
            open,
            assumptions: found.contracts.union(&found.assumptions).cloned().collect(),
            witness: witness.map(|input| Witness {
                inputs: was.in_words(input),
                input: input.clone(),
            }),
        });
        first = first.or(difference);
    }
    (compared, first)
}

#[cfg(test)]
pub(crate) mod tests;

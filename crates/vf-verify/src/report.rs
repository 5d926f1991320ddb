//! What a check found: the data behind the text, JSON and SARIF that the command line prints.
//!
//! The serialised form is the schema `verify-fix/1` (`docs/schema.md`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vf_ir::input::Input;

use crate::search::Search;

pub const SCHEMA: &str = "verify-fix/1";

/// Result of one `check`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CheckReport {
    pub schema: String,
    pub verdict: Overall,
    pub elapsed_ms: u64,
    pub functions: Vec<FunctionReport>,
}

/// Worst verdict of a run: refuted, then unknown, then proved-to-bound, then proved. A run that checked no
/// obligation is `unknown`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overall {
    Proved,
    ProvedToBound,
    Unknown,
    Refuted,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionReport {
    pub name: String,
    pub file: String,
    /// Why the function as a whole could not be looked at (its obligations are then empty or unknown).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unsupported: Option<String>,
    /// The precondition inferred for the function when it was checked alone, as ACSL clauses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contract: Vec<String>,
    /// The usual reading of its parameters where it was checked alone, as ACSL predicates, whether a proof needed them or not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub usual: Vec<String>,
    /// What its annotations and attributes require of its callers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<String>,
    pub obligations: Vec<ObligationReport>,
    /// How far the search for proofs got, of a function that was looked at on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Search>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObligationReport {
    /// `function/property/n`: the n-th obligation of this property in the function, from 1.
    pub id: String,
    /// [`vf_ir::Property`] name.
    pub property: String,
    pub cwe: String,
    pub location: Location,
    /// Source text of the operation.
    pub text: String,
    /// `proved`, `proved-to-bound`, `refuted`, `unreachable`, `unknown`.
    pub verdict: Verdict,
    /// Why unknown, and what to try.
    pub reason: Option<String>,
    /// For `proved-to-bound`: the number of loop iterations looked at.
    pub bound: Option<u32>,
    pub counterexample: Option<Counterexample>,
    /// Of a refuted obligation of a function checked alone: what its callers would have to keep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<Needs>,
    /// Of one that is unknown, or proved to a bound, behind a loop: invariants under which it would be proved. None of
    /// them is assumed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suggested_invariants: Vec<SuggestedInvariant>,
    pub assumptions: Vec<String>,
}

/// Two contracts: the usual reading of a function's parameters, under which an obligation is refuted, and one that asks for
/// more, under which it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Needs {
    /// An ACSL predicate under which the obligation is proved; the first of the shapes that are tried.
    pub clause: String,
    /// The clauses of the usual reading that speak of the same parameters.
    pub usual: Vec<String>,
}

/// What would have to hold whenever a loop's test is about to be evaluated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SuggestedInvariant {
    /// Of the loop.
    pub location: Location,
    /// `loop invariant i <= n`, or words.
    pub clause: String,
    /// The clause can be written before the loop as an annotation; otherwise it is words.
    pub annotation: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Proved,
    ProvedToBound,
    Unreachable,
    Unknown,
    Refuted,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Location {
    pub file: String,
    /// 1-based; 0 when not known.
    pub line: u32,
    /// 1-based, in bytes; 0 when not known.
    pub column: u32,
}

/// Inputs and a trace that violate one obligation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Counterexample {
    /// Values in source terms: `len` to `4294967295`, `p->count` to `9`.
    pub inputs: BTreeMap<String, String>,
    /// Those of `inputs` that the violation depends on.
    #[serde(default)]
    pub relevant: Vec<String>,
    /// The lines that contributed to the violation, and no others, in the order of the source. Empty when the run
    /// was too long to be looked at.
    #[serde(default)]
    pub slice: Vec<SliceLine>,
    /// How many lines the run to the violation executed, whether they contributed or not.
    #[serde(default)]
    pub executed_lines: u64,
    /// What happens on the lines of the slice, in execution order; the violation comes last.
    pub trace: Vec<TraceStep>,
    pub replay: Replay,
    /// The input in machine form, from which it is replayed.
    pub input: Input,
}

/// A line of which some statement, decision or declaration contributed to a violation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceLine {
    /// Of the first piece that contributed.
    #[serde(flatten)]
    pub location: Location,
    /// The line, without the spaces around it.
    pub text: String,
    /// What it saw and did: `i` to `0 ... 9` (first and last time), `i < n` to `true ... false`,
    /// `object_size(buf)` to `10`.
    pub values: BTreeMap<String, String>,
    /// How often it was executed; 0 for a declaration of what was there before.
    pub times: u64,
}

impl Counterexample {
    /// `i = 8`, for each input that the violation depends on.
    pub fn relevant_inputs(&self) -> Vec<String> {
        let value = |name: &String| Some(format!("{name} = {}", self.inputs.get(name)?));
        self.relevant.iter().filter_map(value).collect()
    }
}

impl SliceLine {
    /// What it saw and did, and how often: `i = 0 ... 9, i < n is true ... false (10 times)`. May be empty.
    pub fn note(&self) -> String {
        let said = |(name, value): (&String, &String)| {
            let is_outcome = value.split(" ... ").all(|v| v == "true" || v == "false");
            let verb = if is_outcome { "is" } else { "=" };
            format!("{name} {verb} {value}")
        };
        let said: Vec<String> = self.values.iter().map(said).collect();
        match (said.join(", "), self.times) {
            (said, 0 | 1) => said,
            (said, times) if said.is_empty() => format!("{times} times"),
            (said, times) => format!("{said} ({times} times)"),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceStep {
    pub location: Location,
    /// `i = 8`, `took the branch: i <= 8`, `table[i]: index 8 is not below 8`.
    pub event: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replay {
    Confirmed,
    NotConfirmed,
    NotRun,
}

//! Two versions of a function on one input: whether they do the same wherever the old one breaks nothing.
//!
//! *The same* is: the result, the bytes that the caller sees, which of its objects live on, and the calls that the outside sees,
//! with their arguments and what these lead to. The proof is a symbolic execution of both versions ([`crate::engine`]).

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use vf_ir::input::Input;
use vf_ir::versions;
use vf_source::SourceMap;

use crate::Executions;
use crate::analysis::Context;
use crate::analysis::preservation::Question;
use crate::engine::Against;

/// How far it is shown that two versions do the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preservation {
    /// On every input on which the old version breaks nothing.
    Proved,
    /// On those that need at most so many iterations of each loop.
    ToBound(u32),
    #[default]
    Open,
}

/// What could not be shown, or stood in the way of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Open {
    /// That the new version returns where the old one does.
    Returns,
    Result,
    /// That this object holds the same bytes.
    Bytes(String),
    /// That this object is not smaller.
    Size(String),
    /// That this object is freed by both or by neither.
    Life(String),
    /// That both make this call alike.
    Call(String),
    AddedCall(String),
    DroppedCall(String),
    /// That both go through their loops in step.
    Loops,
    /// A loop that the old version does not have: whether it ends.
    AddedLoop,
    /// Objects made in a loop are not told apart.
    AllocationInLoop,
    /// That the new version breaks nothing.
    Unsafe,
    /// The function takes other parameters, or returns another type.
    Signature,
    /// A global of another type, or with other first contents.
    Global(String),
    /// The function is in one version only.
    OneVersion,
    /// The comparison ended in a panic.
    Fault,
    /// The time was up.
    Time,
    Reason(String),
}

impl fmt::Display for Open {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Open::Returns => {
                f.write_str("it is not shown that the new version returns wherever the old one does")
            }
            Open::Result => f.write_str("it is not shown that both return the same"),
            Open::Bytes(name) => write!(f, "it is not shown that both leave the same bytes in `{name}`"),
            Open::Size(name) => write!(f, "it is not shown that `{name}` has as many bytes as before"),
            Open::Life(name) => write!(f, "it is not shown that both free `{name}`, or neither"),
            Open::Call(name) => write!(
                f,
                "it is not shown that both call `{name}` alike and in one order"
            ),
            Open::AddedCall(name) => {
                write!(f, "the new version may call `{name}` where the old one does not")
            }
            Open::DroppedCall(name) => {
                write!(f, "the old version may call `{name}` where the new one does not")
            }
            Open::Loops => f.write_str("it is not shown that both go through their loops in step"),
            Open::AddedLoop => {
                f.write_str("it is not shown that a loop ends that the old version does not have")
            }
            Open::AllocationInLoop => f.write_str("objects that a loop allocates are not compared"),
            Open::Unsafe => {
                f.write_str("it is not shown that the new version is safe wherever the old one is")
            }
            Open::Signature => f.write_str("the function takes other parameters or returns another type"),
            Open::Global(name) => write!(f, "the global `{name}` has another type or other first contents"),
            Open::OneVersion => f.write_str("the function is in one of the versions only"),
            Open::Fault => f.write_str("the comparison failed, which is a fault of this program"),
            Open::Time => f.write_str("the time for the comparison was up"),
            Open::Reason(text) => f.write_str(text),
        }
    }
}

/// What came of comparing two versions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Comparison {
    pub preservation: Preservation,
    /// Why it is not proved. Empty where it is.
    pub open: BTreeSet<Open>,
    /// What a proof rests on.
    pub assumptions: BTreeSet<String>,
    /// Clauses of the usual reading of parameters that a proof needs.
    pub contracts: BTreeSet<String>,
    /// Inputs on which the versions may differ, as the solver has them: none was executed.
    pub inputs: Vec<Input>,
    /// On which the old version breaks nothing, one for each check that it breaks on other inputs and that these come to; likewise.
    pub witnesses: Vec<Input>,
    /// For one of the checks there is no such input, as far as loops were unrolled: the old version breaks it wherever it comes
    /// to it, so that there is nothing to preserve.
    /// (Or none was found in time.)
    pub vacuous: bool,
    /// That there is none is shown, and not only that none was found in time.
    pub vacuity_shown: bool,
    /// Where it is vacuous: the old version read failure-obliviously.
    pub oblivious: Option<Box<Comparison>>,
    /// Loops were cut.
    pub(crate) has_loops: bool,
    /// Nothing was cut: what was asked speaks of every execution.
    pub(crate) is_exact: bool,
}

impl Comparison {
    /// No other run can say otherwise.
    fn is_final(&self) -> bool {
        self.preservation == Preservation::Proved && self.oblivious.as_ref().is_none_or(|o| o.is_final())
    }

    fn open(why: Open) -> Comparison {
        Comparison {
            open: [why].into(),
            ..Comparison::default()
        }
    }
}

impl Executions {
    /// Compares this version of a function with a new one. `new_is_safe`: every obligation of the new one is proved. Nothing for a
    /// function whose own body is the same in both.
    pub fn compare(
        &self,
        new: &Executions,
        function: &str,
        new_is_safe: bool,
        time: Duration,
    ) -> Option<Comparison> {
        let kept = self.cache().zip(self.key()).zip(new.key());
        let kept = kept.map(|((cache, old), new)| {
            let key = cache
                .key("comparison")
                .part("old", old.bytes())
                .part("new", new.bytes())
                .part("function", function.as_bytes())
                .part("safe", &[u8::from(new_is_safe)]);
            (cache, key.finish())
        });
        if let Some(known) = kept.as_ref().and_then(|(cache, key)| cache.get_value(key)) {
            return Some(known);
        }
        let found = self.compare_anew(new, function, new_is_safe, time)?;
        if let (Some((cache, key)), true) = (&kept, found.is_final()) {
            cache.put_value(key, &found);
        }
        Some(found)
    }

    fn compare_anew(
        &self,
        new: &Executions,
        function: &str,
        new_is_safe: bool,
        time: Duration,
    ) -> Option<Comparison> {
        let started = Instant::now();
        let versions = versions::join(self.program(), new.program());
        let entry = self
            .program()
            .function_named(function)
            .filter(|_| self.defines(function));
        let Some(entry) = entry.filter(|_| new.defines(function)) else {
            return Some(Comparison::open(Open::OneVersion));
        };
        if let Some(name) = versions.changed_globals.first() {
            return Some(Comparison::open(Open::Global(name.clone())));
        }
        let pair = versions.new_of(entry)?;
        if !pair.agree {
            return Some(Comparison::open(Open::Signature));
        }
        let of_new = (self.program().functions.len() as u32..versions.program.functions.len() as u32)
            .map(vf_ir::FunctionId)
            .map(|id| {
                versions
                    .origin(id)
                    .map(|origin| new.skipped_of(origin))
                    .unwrap_or_default()
            });
        let of_old =
            (0..self.program().functions.len() as u32).map(|id| self.skipped_of(vf_ir::FunctionId(id)));
        let skipped = of_old.chain(of_new).collect();
        let sources = SourceMap::new();
        let context = Context::new(&versions.program, &sources, self.options(), started).skipping(skipped);
        let ask = |oblivious: bool, time: Duration| {
            let question = Question {
                entry,
                against: Against {
                    versions: &versions,
                    new: pair.new,
                    asks_new: !new_is_safe && !oblivious,
                    errors: self.error_codes(function),
                    oblivious,
                },
                deadline: self.options().end_of(time),
            };
            Context::on_deep_stack(|| context.compare(&question))
                .unwrap_or_else(|| Comparison::open(Open::Fault))
        };
        let mut found = ask(false, time);
        if found.vacuous {
            found.oblivious = Some(Box::new(ask(true, time.saturating_sub(started.elapsed()))));
        }
        Some(found)
    }

    /// The numbers that a function names and that may be error codes (the last page of addresses holds the kernel's).
    fn error_codes(&self, function: &str) -> BTreeSet<u128> {
        const MOST: u128 = 4095;
        let codes = self.constants(function).into_iter().flat_map(|value| {
            let negative = [32u32, 64].map(|bits| (1u128 << bits).wrapping_sub(value));
            [value, negative[0], negative[1]]
        });
        codes.filter(|code| (1..=MOST).contains(code)).collect()
    }
}

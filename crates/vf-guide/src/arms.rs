//! The arms by their names, and the guide that a choice of them makes for one function.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use vf_frontend::Options;
use vf_model::guide::{Guide, Stack};
use vf_repair::ctext::functions::functions;

use crate::facts::{self, Facts};
use crate::fenced::Fenced;
use crate::guards::{Evaluator, GuardGuide, GuardOracle, Inputs};
use crate::lark::Start;
use crate::places::Places;
use crate::prefix::{PrefixGuide, PrefixOracle};
use crate::refuted::Refuted;
use crate::scope::Scope;
use crate::vocabulary::{GrammarError, Vocabulary};
use crate::{syntax, typed};

/// One way to guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Arm {
    /// An edit of numbered lines that is C.
    Grammar,
    /// Only names in scope, with their types. Its language is within that of `grammar`, which it takes the place of.
    Names,
    /// A guard that does nothing about a known counterexample is pruned.
    Counterexamples,
    /// A statement is pruned if the prover refutes what is there with any rest.
    Prover,
    /// What was refuted is not written again.
    Refuted,
}

impl Arm {
    pub const ALL: [Arm; 5] = [
        Arm::Grammar,
        Arm::Names,
        Arm::Counterexamples,
        Arm::Prover,
        Arm::Refuted,
    ];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Arm::Grammar => "grammar",
            Arm::Names => "names",
            Arm::Counterexamples => "cex",
            Arm::Prover => "prover",
            Arm::Refuted => "refuted",
        }
    }
}

/// Several arms at once: `names+cex`; none of them: `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arms(Vec<Arm>);

/// A name that is none of an arm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{name}` is no way to guide; there are none, grammar, names, cex, prover and refuted, joined by `+`"
)]
pub struct UnknownArm {
    pub name: String,
}

impl Arms {
    pub fn contains(&self, arm: Arm) -> bool {
        self.0.contains(&arm)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for Arms {
    type Err = UnknownArm;

    fn from_str(text: &str) -> Result<Arms, UnknownArm> {
        let mut arms = Vec::new();
        for name in text.split('+').map(str::trim).filter(|n| *n != "none") {
            let unknown = || UnknownArm {
                name: name.to_owned(),
            };
            arms.push(
                Arm::ALL
                    .into_iter()
                    .find(|a| a.name() == name)
                    .ok_or_else(unknown)?,
            );
        }
        arms.sort_unstable();
        arms.dedup();
        Ok(Arms(arms))
    }
}

impl fmt::Display for Arms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|a| a.name()).collect();
        f.write_str(if names.is_empty() { "none" } else { "" })?;
        f.write_str(&names.join("+"))
    }
}

/// The function that is guided for.
pub struct Subject<'a> {
    /// The file, as the front end finds it.
    pub file: &'a Path,
    /// Its text, which may differ from what is on disk.
    pub text: &'a str,
    pub function: &'a str,
    /// How the front end reads it.
    pub options: &'a Options,
    /// Inputs that violate what is to be repaired, and inputs that violate nothing.
    pub counterexamples: Vec<Inputs>,
    pub safe: Vec<Inputs>,
    pub prover: Option<Arc<dyn PrefixOracle>>,
}

/// Why no guide can be made.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    #[error("the text defines no function `{0}`")]
    NoFunction(String),
    #[error("`{0}` has no line that an edit could name")]
    NoPlace(String),
    #[error(transparent)]
    Grammar(#[from] GrammarError),
}

/// A guide, and what could not be done as asked.
pub struct Made {
    pub guide: Box<dyn Guide>,
    /// In words: `names` without types falls back to `grammar`, `prover` without a prover is left out.
    pub notes: Vec<String>,
}

/// Makes the guide of some arms. `reasoning`: so many tokens of free text may come before the block.
///
/// # Errors
///
/// A function that is not in the text, or that no edit fits; a grammar that is too large.
pub fn make(
    arms: &Arms,
    vocabulary: &Vocabulary,
    refuted: &Refuted,
    subject: Subject<'_>,
    reasoning: Option<usize>,
) -> Result<Made, ArmError> {
    let Subject { text, function, .. } = subject;
    let missing = || ArmError::NoFunction(function.to_owned());
    let found = functions(text)
        .into_iter()
        .find(|f| f.name == function)
        .ok_or_else(missing)?;
    let places = Places::of(text, &found);
    let start = match reasoning {
        Some(_) => Start::Inside,
        None => Start::Fence,
    };
    let mut notes = Vec::new();
    let facts = match facts::read(subject.file, text, function, subject.options) {
        Ok(facts) => Some(facts),
        Err(error) => {
            notes.push(format!("names and types are not known: {error}"));
            None
        }
    };
    let scope = facts.as_ref().map(|facts| Scope::of(text, &found, facts));
    let no_place = || ArmError::NoPlace(function.to_owned());
    let mut guides: Vec<Box<dyn Guide>> = Vec::new();
    let typed = arms
        .contains(Arm::Names)
        .then(|| typed_grammar(&places, scope.as_ref(), facts.as_ref(), start))
        .flatten();
    if let Some(lark) = typed {
        guides.push(Box::new(vocabulary.grammar("names", &lark)?));
    } else if arms.contains(Arm::Names) || arms.contains(Arm::Grammar) {
        let lark = syntax::grammar(&places, facts.as_ref(), start).ok_or_else(no_place)?;
        guides.push(Box::new(vocabulary.grammar("grammar", &lark)?));
    }
    if arms.contains(Arm::Refuted) {
        guides.push(Box::new(refuted.guide(vocabulary)));
    }
    if arms.contains(Arm::Counterexamples) {
        match (scope, &facts) {
            (Some(scope), Some(facts)) => {
                let (bad, safe) = (subject.counterexamples, subject.safe);
                let oracle: Arc<dyn GuardOracle> =
                    Arc::new(Evaluator::new(text, &found, scope, &facts.program, bad, safe));
                guides.push(Box::new(GuardGuide::new(oracle, vocabulary)));
            }
            _ => notes.push("guards are not evaluated".to_owned()),
        }
    }
    if arms.contains(Arm::Prover) {
        match subject.prover {
            Some(oracle) => guides.push(Box::new(PrefixGuide::new(oracle, vocabulary))),
            None => notes.push("there is no prover to ask".to_owned()),
        }
    }
    let stack: Box<dyn Guide> = Box::new(Stack::new(guides));
    let guide = match reasoning {
        Some(limit) => Box::new(Fenced::new(stack, vocabulary, limit)),
        None => stack,
    };
    Ok(Made { guide, notes })
}

fn typed_grammar(
    places: &Places,
    scope: Option<&Scope>,
    facts: Option<&Facts>,
    start: Start,
) -> Option<String> {
    typed::grammar(places, scope?, facts?, start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_have_names() {
        assert_eq!(
            "none".parse::<Arms>().map(|a| a.to_string()),
            Ok("none".to_owned())
        );
        let both: Arms = "cex+grammar".parse().expect("arms");
        assert_eq!(both.to_string(), "grammar+cex");
        assert!(both.contains(Arm::Counterexamples) && !both.contains(Arm::Prover));
        let error = "grammar+nmaes".parse::<Arms>().map_err(|e| e.to_string());
        assert!(error.is_err_and(|e| e.contains("`nmaes`") && e.contains("refuted")));
    }
}

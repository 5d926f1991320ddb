//! What a property file of the Competition on Software Verification asks (SV-COMP rules, "Properties").
//!
//! Its properties are coarser than ours, and its rules of the game differ in three points from what is taken for
//! granted otherwise: an allocation never fails; wraps of unsigned arithmetic and conversions are no defects, so
//! nothing may be concluded from their absence; and only the properties that the file names count, while all other
//! undefined behaviour is taken not to happen.

use std::collections::BTreeSet;
use std::fmt;

use vf_ir::{
    Body, Condition, Function, Obligation, ObligationId, Program, Property, Stmt, StmtKind, Terminator,
};
use vf_source::Span;

/// The functions whose call a program says an error with.
pub const ERROR_FUNCTIONS: [&str; 2] = ["reach_error", "__VERIFIER_error"];

/// One `CHECK` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Goal {
    /// `G ! call(reach_error())`: the call is never reached.
    Unreachable(&'static str),
    /// `G valid-free`: only what can be freed is freed.
    ValidFree,
    /// `G valid-deref`: pointers that are followed lead to live memory.
    ValidDeref,
    /// `G valid-memtrack`: what was allocated is freed or can still be reached.
    ValidMemtrack,
    /// `G valid-memcleanup`: everything that was allocated is freed when the program ends.
    ValidMemcleanup,
    /// `G ! overflow`: no signed operation overflows.
    NoOverflow,
}

impl Goal {
    /// As a property file writes it.
    pub fn name(self) -> &'static str {
        match self {
            Goal::Unreachable("__VERIFIER_error") => "call(__VERIFIER_error())",
            Goal::Unreachable(_) => "call(reach_error())",
            Goal::ValidFree => "valid-free",
            Goal::ValidDeref => "valid-deref",
            Goal::ValidMemtrack => "valid-memtrack",
            Goal::ValidMemcleanup => "valid-memcleanup",
            Goal::NoOverflow => "overflow",
        }
    }

    fn asks(self, function: &Function, obligation: &Obligation) -> bool {
        let freed = matches!(obligation.condition, Condition::Freeable { .. });
        match self {
            Goal::Unreachable(name) => {
                obligation.property == Property::Assertion
                    && (function.name == name || obligation.text == format!("{name}()"))
            }
            Goal::ValidFree => freed,
            Goal::ValidDeref => match obligation.property {
                Property::IndexUpperBound
                | Property::IndexLowerBound
                | Property::ValidRead
                | Property::ValidWrite
                | Property::NotNull => true,
                Property::Lifetime => !freed,
                _ => false,
            },
            Goal::ValidMemtrack => obligation.condition == Condition::Freed { or_reachable: true },
            Goal::ValidMemcleanup => obligation.condition == Condition::Freed { or_reachable: false },
            Goal::NoOverflow => obligation.property == Property::SignedOverflow,
        }
    }
}

/// The goals of a property file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Specification {
    goals: BTreeSet<Goal>,
}

/// Why a text is not a property file that can be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecificationError {
    #[error("line {line}: not of the form CHECK( init(main()), LTL(...) )")]
    Form { line: usize },
    #[error(
        "line {line}: the property in `{formula}` is not supported; supported are G valid-free, G valid-deref, \
         G valid-memtrack, G valid-memcleanup, G ! overflow, G ! call(reach_error())"
    )]
    Formula { line: usize, formula: String },
    #[error("has no CHECK line")]
    Empty,
}

impl Specification {
    /// Reads the text of a `.prp` file. White space does not count; empty lines and `//` comments are passed over.
    pub fn parse(text: &str) -> Result<Specification, SpecificationError> {
        let mut goals = BTreeSet::new();
        for (number, raw) in text.lines().enumerate() {
            let line = number + 1;
            let plain: String = raw.chars().filter(|c| !c.is_whitespace()).collect();
            if plain.is_empty() || plain.starts_with("//") || plain.starts_with('#') {
                continue;
            }
            let formula = plain
                .strip_prefix("CHECK(init(main()),LTL(")
                .and_then(|rest| rest.strip_suffix("))"))
                .ok_or(SpecificationError::Form { line })?;
            goals.insert(match formula {
                "Gvalid-free" => Goal::ValidFree,
                "Gvalid-deref" => Goal::ValidDeref,
                "Gvalid-memtrack" => Goal::ValidMemtrack,
                "Gvalid-memcleanup" => Goal::ValidMemcleanup,
                "G!overflow" => Goal::NoOverflow,
                other => {
                    let called = other.strip_prefix("G!call(").and_then(|s| s.strip_suffix("())"));
                    let known = ERROR_FUNCTIONS.into_iter().find(|f| Some(*f) == called);
                    Goal::Unreachable(known.ok_or_else(|| SpecificationError::Formula {
                        line,
                        formula: raw.trim().to_owned(),
                    })?)
                }
            });
        }
        if goals.is_empty() {
            return Err(SpecificationError::Empty);
        }
        Ok(Specification { goals })
    }

    /// Adds the goals of another file.
    pub fn extend(&mut self, other: Specification) {
        self.goals.extend(other.goals);
    }

    /// Whether the obligation of the function is one of what is asked.
    pub fn asks(&self, function: &Function, obligation: &Obligation) -> bool {
        self.goals.iter().any(|goal| goal.asks(function, obligation))
    }

    /// Whether the obligation speaks of well-defined behaviour, so that execution goes on whether it holds or not.
    pub fn passes_over(obligation: &Obligation) -> bool {
        matches!(
            obligation.property,
            Property::UnsignedWrap | Property::LossyConversion | Property::AllocationSize
        )
    }

    /// Whether it matters what is allocated when the program ends.
    pub fn asks_for_leaks(&self) -> bool {
        self.goals.contains(&Goal::ValidMemtrack) || self.goals.contains(&Goal::ValidMemcleanup)
    }

    /// Adds the obligations that C itself has not: that memory is freed where the program ends, which is where
    /// `main` returns and where `exit` is called (`abort` is no orderly end). A `main` that never returns has the
    /// obligation all the same, at no place: what is lost while it runs is lost.
    pub fn instrument(&self, program: &mut Program) {
        for function in &mut program.functions {
            let leaves = function.name == "main" && !function.library_model;
            let exits = function.library_model && EXITS.contains(&function.name.as_str());
            if !leaves && !exits {
                continue;
            }
            for (goal, or_reachable) in [(Goal::ValidMemtrack, true), (Goal::ValidMemcleanup, false)] {
                if self.goals.contains(&goal) {
                    ask_for_leaks(function, leaves, or_reachable);
                }
            }
        }
    }
}

/// Functions that end the program in order (C11 7.22.4, POSIX).
const EXITS: [&str; 4] = ["exit", "_exit", "_Exit", "quick_exit"];

/// A check at every return of the function, or where it starts.
fn ask_for_leaks(function: &mut Function, at_returns: bool, or_reachable: bool) {
    let Body::Defined(blocks) = &mut function.body else {
        return;
    };
    let obligations = &mut function.obligations;
    let mut asked = |span: Span| {
        let id = ObligationId(obligations.len() as u32);
        obligations.push(Obligation {
            property: Property::MemoryLeak,
            condition: Condition::Freed { or_reachable },
            span,
            text: "end of the program".into(),
            required: false,
        });
        let kind = StmtKind::Check(id);
        Stmt { kind, span }
    };
    if at_returns {
        let mut returns = false;
        for block in blocks {
            if matches!(block.terminator, Terminator::Return(_)) {
                block.statements.push(asked(block.terminator_span));
                returns = true;
            }
        }
        if !returns {
            asked(function.span);
        }
    } else if let Some(first) = blocks.first_mut() {
        first.statements.insert(0, asked(function.span));
    }
}

impl fmt::Display for Specification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, goal) in self.goals.iter().enumerate() {
            let comma = if n > 0 { ", " } else { "" };
            write!(f, "{comma}{}", goal.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_safety_has_three_lines() {
        let text = "CHECK( init(main()), LTL(G valid-free) )\n\nCHECK( init(main()), LTL(G valid-deref) )\n\
                    CHECK( init(main()), LTL(G valid-memtrack) )\n";
        let read = Specification::parse(text).expect("the competition's own file");
        assert_eq!(read.to_string(), "valid-free, valid-deref, valid-memtrack");
    }

    #[test]
    fn calls_of_the_error_functions() {
        for name in ERROR_FUNCTIONS {
            let text = format!("CHECK( init(main()), LTL(G ! call({name}())) )");
            let read = Specification::parse(&text).expect("an error function");
            assert_eq!(read.to_string(), format!("call({name}())"));
        }
    }

    #[test]
    fn what_is_not_supported_is_said() {
        for (text, want) in [
            ("", SpecificationError::Empty),
            ("valid-deref", SpecificationError::Form { line: 1 }),
            (
                "\nCHECK( init(main()), LTL(F end) )",
                SpecificationError::Formula {
                    line: 2,
                    formula: "CHECK( init(main()), LTL(F end) )".into(),
                },
            ),
            (
                "CHECK( init(main()), LTL(G ! call(other())) )",
                SpecificationError::Formula {
                    line: 1,
                    formula: "CHECK( init(main()), LTL(G ! call(other())) )".into(),
                },
            ),
        ] {
            assert_eq!(Specification::parse(text), Err(want), "{text}");
        }
    }
}

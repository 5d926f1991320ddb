//! Mistakes as people make them, as edits of a function's text. Each proposes; whether it broke anything, only the prover says.
//!
//! Nothing here knows how a function was made: any text will do.

mod calls;
mod guards;
mod site;
mod statements;
mod values;

use std::collections::BTreeSet;

use vf_repair::ctext::functions::functions;
use vf_repair::ctext::lex::normalised;

use site::Site;

/// A function with one mistake more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// In kebab-case.
    pub kind: &'static str,
    /// The whole file.
    pub text: String,
}

/// Every kind of mistake, in alphabetical order.
pub const KINDS: &[&str] = &[
    "and-for-or",
    "break-dropped",
    "bytes-for-elements",
    "cast-dropped",
    "check-after-use",
    "clamp-dropped",
    "comparison-turned",
    "conjunct-dropped",
    "division-dropped",
    "double-free",
    "element-size-dropped",
    "exit-dropped",
    "guard-dropped",
    "guard-weakened",
    "index-shifted",
    "initialiser-dropped",
    "limit-off-by-one",
    "loop-bound",
    "lower-bound-dropped",
    "mask-dropped",
    "mask-off-by-one",
    "min-for-max",
    "narrowed-type",
    "null-check-dropped",
    "offset-forgotten",
    "or-for-and",
    "pre-increment",
    "signed-compare",
    "signed-type",
    "sizeof-pointer",
    "snprintf-to-sprintf",
    "source-length",
    "strscpy-to-strcpy",
    "terminator-forgotten",
    "unchecked-arithmetic",
    "use-after-free",
    "wrong-constant",
    "wrong-size",
    "wrong-variable",
    "zero-check-dropped",
];

/// Every version of the file in which the function has one mistake more, in the order of the text; each text once.
pub fn mutants(text: &str, function: &str) -> Vec<Mutant> {
    let Some(found) = functions(text).into_iter().find(|f| f.name == function) else {
        return Vec::new();
    };
    let mut site = Site::new(text, &found);
    guards::propose(&mut site);
    statements::propose(&mut site);
    values::propose(&mut site);
    calls::propose(&mut site);
    let mut seen: BTreeSet<String> = [normalised(text)].into();
    let mut mutants = site.found;
    mutants.retain(|m| seen.insert(normalised(&m.text)));
    mutants
}

#[cfg(test)]
mod tests;

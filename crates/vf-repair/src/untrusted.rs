//! What a candidate may not touch.
//!
//! A candidate is untrusted text. It may change the body of the function under repair, the types of its
//! parameters and locals, and nothing else. One exception: an array length in a declaration of the same file
//! (a structure member, a global), which the template for array sizes owns: one bound between brackets,
//! replaced by another. It may bring in no preprocessor line, assembly, pragma or attribute, nothing that ends the program, no
//! declaration of a function, and nothing that the compiler reads as something else than it looks like (`disguise`).
//!
//! What is refused here is cheap to refuse and says why in a sentence that goes back to the proposer. What is let through is not
//! believed: it is compiled, proved, and compared.

mod disguise;
mod shape;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ctext::functions::functions;
use crate::ctext::lex::{TokenKind, identifiers, normalised, tokens};
use crate::proposer::{Candidate, EditError};

pub use disguise::Disguise;

/// Largest text that candidates may add, in bytes and in lines.
pub const MAX_ADDED: usize = 16 * 1024;
pub const MAX_LINES: usize = 500;
/// Brackets inside each other. C11 5.2.4.1 asks compilers for 63 levels of parentheses.
pub const MAX_NESTING: usize = 63;

/// Why a candidate is not looked at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "kebab-case")]
pub enum Refusal {
    #[error("it changes nothing")]
    NoChange,
    #[error("its edits do not fit the text: {why}")]
    Edits { why: String },
    #[error("it adds {added} bytes, more than {limit}")]
    TooLarge { added: usize, limit: usize },
    #[error("it changes line {line}, outside of function `{function}`")]
    OutsideFunction { function: String, line: u32 },
    #[error("function `{function}` is gone")]
    FunctionGone { function: String },
    #[error("the braces of function `{function}` no longer match, or another function appears")]
    OtherFunctions { function: String },
    #[error("it brings in the preprocessor line `{line}`")]
    Preprocessor { line: String },
    #[error("it brings in `{word}`")]
    ForbiddenWord { word: String },
    #[error("the text holds a byte that no C source needs (0x{byte:02x})")]
    ControlByte { byte: u8 },
    #[error("it adds {added} lines, more than {limit}")]
    TooManyLines { added: usize, limit: usize },
    #[error("its brackets nest {depth} deep, more than {limit}")]
    TooDeep { depth: usize, limit: usize },
    #[error("it brings in {what}")]
    Disguised { what: Disguise },
    #[error("it brings in the character U+{code:04X}, which is not shown")]
    Invisible { code: u32 },
    #[error("it declares the function `{name}`; call only what is declared already")]
    DeclaresFunction { name: String },
}

impl From<EditError> for Refusal {
    fn from(e: EditError) -> Refusal {
        Refusal::Edits { why: e.to_string() }
    }
}

/// Words that reach past the language: assembly, attributes, the verifier's own vocabulary, whatever ends the program. A candidate
/// that could write `__VERIFIER_assume(0)` would prove anything.
const FORBIDDEN: &[&str] = &[
    "asm",
    "__asm",
    "__asm__",
    "_Pragma",
    "__pragma",
    "__attribute__",
    "__attribute",
    "__declspec",
    // Functions that are defined elsewhere, or that are said never to return.
    "extern",
    "_Noreturn",
    "noreturn",
    "__noreturn",
    "__builtin_unreachable",
    "__builtin_trap",
    "__builtin_assume",
    "__builtin_abort",
    "__builtin_exit",
    "__builtin__exit",
    "__builtin_longjmp",
    "__builtin_setjmp",
    "__assume",
    "unreachable",
    "BUG",
    "BUG_ON",
    "panic",
    "do_exit",
    "make_task_dead",
    "exit",
    "_exit",
    "_Exit",
    "abort",
    "quick_exit",
    "longjmp",
    "_longjmp",
    "siglongjmp",
    "pthread_exit",
    "thrd_exit",
    "assert",
    "assert_perror",
    "__assert_fail",
    "reach_error",
    // How the kernel and C libraries spell attributes that place, name or run something.
    "__section",
    "__alias",
    "__weak",
    "__constructor",
    "__destructor",
    "__cleanup",
    "__used",
    "__visible",
    "__ifunc",
    "__init",
    "__exit",
    "__naked",
];

/// The verifiers' and sanitizers' own names begin so.
const FORBIDDEN_PREFIXES: &[&str] = &[
    "__VERIFIER_",
    "__CPROVER_",
    "__vf_",
    "__ESBMC_",
    "__AFL_",
    "__asan_",
    "__ubsan_",
    "__sanitizer_",
];

fn is_forbidden(word: &str) -> bool {
    FORBIDDEN.contains(&word) || FORBIDDEN_PREFIXES.iter().any(|p| word.starts_with(p))
}

/// The text that a candidate makes, if it stays where it may.
pub fn accept(candidate: &Candidate, text: &str, function: &str) -> Result<String, Refusal> {
    // What takes the place of something is no addition: a long function may be answered whole.
    let put: usize = candidate.edits.iter().map(|e| e.replacement.len()).sum();
    let taken: usize = candidate
        .edits
        .iter()
        .map(|e| e.range.len().min(text.len()))
        .sum();
    let added = put.saturating_sub(taken);
    if added > MAX_ADDED {
        return Err(Refusal::TooLarge {
            added,
            limit: MAX_ADDED,
        });
    }
    let lines: usize = candidate.edits.iter().map(|e| newlines(&e.replacement)).sum();
    let instead: usize = candidate
        .edits
        .iter()
        .filter_map(|e| text.get(e.range.clone()))
        .map(newlines)
        .sum();
    let added = lines.saturating_sub(instead);
    if added > MAX_LINES {
        return Err(Refusal::TooManyLines {
            added,
            limit: MAX_LINES,
        });
    }
    let bad_byte = |b: &u8| *b < b' ' && !matches!(*b, b'\t' | b'\n' | b'\r');
    if let Some(byte) = candidate
        .edits
        .iter()
        .flat_map(|e| e.replacement.bytes())
        .find(bad_byte)
    {
        return Err(Refusal::ControlByte { byte });
    }
    let new = candidate.apply(text)?;
    compare(text, &new, function)?;
    Ok(new)
}

fn newlines(text: &str) -> usize {
    text.matches('\n').count()
}

/// The same judgement on two texts, for changes that did not come as edits.
pub fn compare(old: &str, new: &str, function: &str) -> Result<(), Refusal> {
    if let Some(c) = disguise::invisible(old, new) {
        return Err(Refusal::Invisible { code: u32::from(c) });
    }
    // Before functions are looked for: an open comment hides them.
    if let Some(what) = disguise::brought_in(old, new) {
        return Err(Refusal::Disguised { what });
    }
    if normalised(old) == normalised(new) {
        return Err(Refusal::NoChange);
    }
    stays_inside(old, new, function)?;
    // Joined lines that the file has already may have been moved.
    let (plain_old, plain_new) = (disguise::translated(old), disguise::translated(new));
    if plain_old.is_some() || plain_new.is_some() {
        let (plain_old, plain_new) = (
            plain_old.as_deref().unwrap_or(old),
            plain_new.as_deref().unwrap_or(new),
        );
        if normalised(plain_old) != normalised(plain_new) {
            stays_inside(plain_old, plain_new, function)?;
        }
    }
    Ok(())
}

/// Only the function changes, and it brings in nothing that it must not.
fn stays_inside(old: &str, new: &str, function: &str) -> Result<(), Refusal> {
    let (old_functions, new_functions) = (functions(old), functions(new));
    let named = |f: &&crate::ctext::functions::FunctionText| f.name == function;
    let Some(before) = old_functions.iter().find(named) else {
        return Err(Refusal::FunctionGone {
            function: function.to_string(),
        });
    };
    let Some(after) = new_functions.iter().find(named) else {
        return Err(Refusal::FunctionGone {
            function: function.to_string(),
        });
    };
    if !old_functions
        .iter()
        .map(|f| &f.name)
        .eq(new_functions.iter().map(|f| &f.name))
    {
        return Err(Refusal::OtherFunctions {
            function: function.to_string(),
        });
    }
    outside(old, &before.range, new, &after.range, function)?;
    // The header may change the type of an integer parameter, and nothing else: what a pointer parameter points
    // to is read from its type, so another type there would be another contract.
    let header = |text: &str, f: &crate::ctext::functions::FunctionText| -> (String, Vec<String>) {
        let params = normalised(text.get(f.params.clone()).unwrap_or(""));
        let specifiers = normalised(text.get(f.range.start..f.params.start).unwrap_or(""));
        let params = params.split(" , ").map(|p| match p.rsplit_once(' ') {
            Some((_, name)) if !p.contains(['*', '[', '(']) => name.to_string(),
            _ => p.to_string(),
        });
        (specifiers, params.collect())
    };
    if header(old, before) != header(new, after) {
        let line = vf_source::line_of(old, before.range.start);
        return Err(Refusal::OutsideFunction {
            function: function.to_string(),
            line,
        });
    }
    let (old, new) = (
        old.get(before.range.clone()).unwrap_or(""),
        new.get(after.range.clone()).unwrap_or(""),
    );
    let (had, depth) = (shape::nesting(old), shape::nesting(new));
    if depth > MAX_NESTING.max(had) {
        let limit = MAX_NESTING.max(had);
        return Err(Refusal::TooDeep { depth, limit });
    }
    vocabulary(old, new)?;
    let known = shape::declared(old);
    match shape::declared(new)
        .into_iter()
        .find(|name| !known.contains(name))
    {
        Some(name) => Err(Refusal::DeclaresFunction { name }),
        None => Ok(()),
    }
}

/// Nothing but one array bound may differ outside of the function.
fn outside(
    old: &str,
    before: &Range<usize>,
    new: &str,
    after: &Range<usize>,
    function: &str,
) -> Result<(), Refusal> {
    let sides = |text: &str, range: &Range<usize>| {
        [
            text.get(..range.start).unwrap_or("").to_string(),
            text.get(range.end..).unwrap_or("").to_string(),
        ]
    };
    let mut bounds_changed = 0;
    for (i, (a, b)) in sides(old, before).into_iter().zip(sides(new, after)).enumerate() {
        if a == b {
            continue;
        }
        let start = if i == 0 { 0 } else { before.end };
        let (at, is_bound) = only_a_bound(&a, &b);
        bounds_changed += 1;
        if !is_bound || bounds_changed > 1 {
            return Err(Refusal::OutsideFunction {
                function: function.to_string(),
                line: vf_source::line_of(old, start + at),
            });
        }
    }
    Ok(())
}

/// Whether two texts differ in nothing but one array's bound in a declaration outside of functions, and where they differ.
fn only_a_bound(a: &str, b: &str) -> (usize, bool) {
    let mut prefix = a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count();
    while !a.is_char_boundary(prefix) || !b.is_char_boundary(prefix) {
        prefix -= 1;
    }
    let at = prefix;
    let bound = |text: &str| -> Option<(Range<usize>, String)> {
        let open = text.get(..at)?.rfind('[')?;
        let close = at + text.get(at..)?.find(']')?;
        let inside = text.get(open + 1..close)?;
        let fits = tokens(inside).iter().all(|t| match t.kind {
            TokenKind::Ident | TokenKind::Number => true,
            TokenKind::Punct => matches!(t.text(inside), "+" | "*" | "-" | "(" | ")"),
            TokenKind::Text | TokenKind::Directive => false,
        });
        (fits && !inside.trim().is_empty() && !inside.contains('\n'))
            .then(|| (open..close, inside.to_string()))
    };
    let (Some((in_a, _)), Some((in_b, _))) = (bound(a), bound(b)) else {
        return (at, false);
    };
    let same_before = a.get(..in_a.start) == b.get(..in_b.start);
    let same_after = a.get(in_a.end..) == b.get(in_b.end..);
    let is_declared = shape::is_declared_bound(a, in_a.start) && shape::is_declared_bound(b, in_b.start);
    (at, same_before && same_after && is_declared)
}

fn vocabulary(old: &str, new: &str) -> Result<(), Refusal> {
    let directives = |text: &str| -> Vec<String> {
        tokens(text)
            .iter()
            .filter(|t| t.kind == TokenKind::Directive)
            .map(|t| t.text(text).trim().to_string())
            .collect()
    };
    let (before, after) = (directives(old), directives(new));
    if before != after {
        let line = after
            .iter()
            .find(|d| !before.contains(d))
            .or(before.first())
            .cloned()
            .unwrap_or_default();
        return Err(Refusal::Preprocessor {
            line: line.chars().take(80).collect(),
        });
    }
    let known = identifiers(old);
    let count = |words: &[&str], word: &str| words.iter().filter(|w| **w == word).count();
    let new_words = identifiers(new);
    match new_words
        .iter()
        .find(|w| is_forbidden(w) && count(&new_words, w) > count(&known, w))
    {
        Some(word) => Err(Refusal::ForbiddenWord {
            word: (*word).to_string(),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;

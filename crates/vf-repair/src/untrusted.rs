//! What a candidate may not touch.
//!
//! A candidate is untrusted text. It may change the body of the function under repair, the types of its
//! parameters and locals, and nothing else. One exception: an array length in a declaration of the same file
//! (a structure member, a global), which the template for array sizes owns: one bound between brackets,
//! replaced by another. It may bring in no preprocessor line, assembly, pragma or attribute.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ctext::functions::functions;
use crate::ctext::lex::{TokenKind, identifiers, normalised, tokens};
use crate::proposer::{Candidate, EditError};

/// Largest text that candidates may add, in bytes.
pub const MAX_ADDED: usize = 16 * 1024;

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
}

impl From<EditError> for Refusal {
    fn from(e: EditError) -> Refusal {
        Refusal::Edits { why: e.to_string() }
    }
}

/// Words that reach past the language: assembly, attributes, the verifier's own vocabulary. A candidate that
/// could write `__VERIFIER_assume(0)` would prove anything.
fn is_forbidden(word: &str) -> bool {
    matches!(
        word,
        "asm" | "__asm" | "__asm__" | "_Pragma" | "__pragma" | "__attribute__" | "__attribute" | "__declspec"
    ) || matches!(
        word,
        "__builtin_unreachable" | "__builtin_trap" | "__builtin_assume" | "unreachable" | "BUG" | "panic"
    ) || matches!(
        word,
        "exit" | "_exit" | "_Exit" | "abort" | "quick_exit" | "longjmp" | "assert" | "reach_error"
    ) || [
        "__VERIFIER_",
        "__CPROVER_",
        "__vf_",
        "__ESBMC_",
        "__AFL_",
        "__asan_",
        "__ubsan_",
    ]
    .iter()
    .any(|p| word.starts_with(p))
}

/// The text that a candidate makes, if it stays where it may.
pub fn accept(candidate: &Candidate, text: &str, function: &str) -> Result<String, Refusal> {
    let added: usize = candidate.edits.iter().map(|e| e.replacement.len()).sum();
    if added > MAX_ADDED {
        return Err(Refusal::TooLarge {
            added,
            limit: MAX_ADDED,
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

/// The same judgement on two texts, for changes that did not come as edits.
pub fn compare(old: &str, new: &str, function: &str) -> Result<(), Refusal> {
    if normalised(old) == normalised(new) {
        return Err(Refusal::NoChange);
    }
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
        let line = line_of(old, before.range.start);
        return Err(Refusal::OutsideFunction {
            function: function.to_string(),
            line,
        });
    }
    vocabulary(
        old.get(before.range.clone()).unwrap_or(""),
        new.get(after.range.clone()).unwrap_or(""),
    )
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
                line: line_of(old, start + at),
            });
        }
    }
    Ok(())
}

/// Whether two texts differ in nothing but what stands between one pair of brackets, and where they differ.
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
    (at, same_before && same_after)
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

fn line_of(text: &str, at: usize) -> u32 {
    text.bytes().take(at).filter(|b| *b == b'\n').count() as u32 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "#include <a.h>\nstruct s { char name[8]; int n; };\nint g(void) { return 1; }\n\
                        static int f(struct s *p, int i)\n{\n\tp->name[i] = 0;\n\treturn 0;\n}\n";

    fn with(from: &str, to: &str) -> Result<(), Refusal> {
        assert!(FILE.contains(from), "{from}");
        compare(FILE, &FILE.replacen(from, to, 1), "f")
    }

    #[test]
    fn a_change_inside_the_function_is_let_through() {
        assert_eq!(
            with("\tp->name[i]", "\tif (i > 7)\n\t\treturn -1;\n\tp->name[i]"),
            Ok(())
        );
        assert_eq!(with("int i)", "unsigned int i)"), Ok(()));
        assert_eq!(with("name[8]", "name[16]"), Ok(()));
    }

    #[test]
    fn everything_else_is_refused() {
        assert!(matches!(
            with("return 1", "return 2"),
            Err(Refusal::OutsideFunction { .. })
        ));
        assert!(matches!(
            with("int n;", "long n;"),
            Err(Refusal::OutsideFunction { line: 2, .. })
        ));
        assert!(matches!(
            with("<a.h>", "<b.h>"),
            Err(Refusal::OutsideFunction { line: 1, .. })
        ));
        assert!(matches!(
            with("name[8]", "name[8]; char b[8]"),
            Err(Refusal::OutsideFunction { .. })
        ));
        assert!(matches!(
            with("static int f", "int f"),
            Err(Refusal::OutsideFunction { .. })
        ));
        assert!(matches!(
            with("int i)", "int i, int j)"),
            Err(Refusal::OutsideFunction { .. })
        ));
        assert!(matches!(
            with("static int f", "static int h"),
            Err(Refusal::FunctionGone { .. })
        ));
        assert!(matches!(
            with("\treturn 0;\n}", "\treturn 0;\n}\nint h(void) { return 1; }"),
            Err(Refusal::OtherFunctions { .. })
        ));
        assert!(matches!(
            with("\tp->name", "#define X\n\tp->name"),
            Err(Refusal::Preprocessor { .. })
        ));
        assert!(matches!(
            with("\tp->name", "\t__asm__(\"\");\n\tp->name"),
            Err(Refusal::ForbiddenWord { .. })
        ));
        assert!(matches!(
            with("\tp->name", "\t__VERIFIER_assume(0);\n\tp->name"),
            Err(Refusal::ForbiddenWord { .. })
        ));
        assert!(matches!(
            with("\tp->name", "\texit(0);\n\tp->name"),
            Err(Refusal::ForbiddenWord { .. })
        ));
        assert!(matches!(
            with("return 0;", "return  0; /* same */"),
            Err(Refusal::NoChange)
        ));
    }

    #[test]
    fn enormous_and_binary_text_is_refused() {
        let candidate = |replacement: String| Candidate {
            edits: vec![crate::proposer::TextEdit {
                range: 0..0,
                replacement,
            }],
            origin: "test".into(),
            note: String::new(),
        };
        assert!(matches!(
            accept(&candidate("x".repeat(MAX_ADDED + 1)), FILE, "f"),
            Err(Refusal::TooLarge { .. })
        ));
        assert!(matches!(
            accept(&candidate("\u{1}".into()), FILE, "f"),
            Err(Refusal::ControlByte { byte: 1 })
        ));
    }
}

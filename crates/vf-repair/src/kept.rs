//! Whether a candidate kept what the function did, as far as its text tells.
//!
//! Behaviour preservation is proved elsewhere, later. Until then a proof of safety alone would accept a
//! deleted statement: an operation that is gone cannot fail. So every statement and condition of the old
//! function must still stand in the new one, as it was or rewritten: a rewritten one is of a kind that can
//! take its place, mentions every variable and member that the old one mentioned, and calls what it called
//! (or a function of the same family: `strcpy` and `strscpy`).
//!
//! A condition in which one variable stands where another stood is between the two ([`Kept::Swapped`]): the wrong
//! variable may have been tested, or a check may be gone. There the proof of behaviour decides.
//!
//! This is a filter over text and can be deceived (`x = 0;` inserted before a use, a condition weakened by
//! `&& 0`). It refuses only; it never stands in for a proof.

use std::collections::BTreeSet;

use crate::ctext::expr::is_type_word;
use crate::ctext::functions::functions;
use crate::ctext::lex::{TokenKind, is_keyword, normalised, tokens};
use crate::ctext::outline::{NodeKind, Outline};

/// Functions that may stand in for one another in a repair.
const FAMILIES: &[&[&str]] = &[
    &[
        "sprintf",
        "vsprintf",
        "snprintf",
        "vsnprintf",
        "scnprintf",
        "vscnprintf",
        "sysfs_emit",
        "sysfs_emit_at",
    ],
    &[
        "strcpy",
        "strncpy",
        "strlcpy",
        "strscpy",
        "strscpy_pad",
        "stpcpy",
        "strcat",
        "strncat",
        "strlcat",
        "memcpy",
        "memmove",
        "snprintf",
        "scnprintf",
    ],
    &["gets", "fgets"],
    &["strlen", "strnlen"],
    &["malloc", "calloc", "reallocarray", "aligned_alloc", "realloc"],
    &[
        "kmalloc",
        "kzalloc",
        "kmalloc_array",
        "kcalloc",
        "kvmalloc",
        "kvzalloc",
        "kvmalloc_array",
        "kvcalloc",
        "vmalloc",
        "vzalloc",
        "krealloc",
        "krealloc_array",
        "devm_kmalloc",
        "devm_kzalloc",
        "devm_kcalloc",
        "devm_kmalloc_array",
        "kmemdup",
        "kmemdup_nul",
        "kstrdup",
        "kstrndup",
    ],
    &["atoi", "atol", "strtol", "strtoul"],
    // The smaller of two sizes for the larger one: where both are equal, and nothing was wrong, it is the same.
    &["min", "max", "clamp"],
    &["MIN", "MAX"],
    &["min_t", "max_t", "clamp_t"],
    &["umin", "umax"],
];

/// One statement or condition.
#[derive(Debug)]
struct Unit {
    kind: NodeKind,
    text: String,
    variables: BTreeSet<String>,
    calls: BTreeSet<String>,
}

/// What became of the statements and conditions of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    All,
    /// All of them stand, but in this condition (normalised) of an `if` another variable stands for one. It is kept if it is
    /// proved that the function does the same wherever the old one breaks nothing; where that says nothing, it is dropped.
    Swapped(String),
    /// The first that has no counterpart in the new function, normalised.
    Dropped(String),
}

/// Compares the statements of both versions of a function.
pub fn kept(old: &str, new: &str, function: &str) -> Kept {
    let (Some(old), Some(new)) = (units(old, function), units(new, function)) else {
        return Kept::Dropped(function.to_string());
    };
    let mut taken = vec![false; new.len()];
    let mut missing = Vec::new();
    for unit in &old {
        match (0..new.len()).find(|j| !taken[*j] && new[*j].kind == unit.kind && new[*j].text == unit.text) {
            Some(j) => taken[j] = true,
            None => missing.push(unit),
        }
    }
    let mut swapped = None;
    for unit in missing {
        let free =
            |fits: fn(&Unit, &Unit) -> bool| (0..new.len()).find(|j| !taken[*j] && fits(unit, &new[*j]));
        let found = free(replaces).or_else(|| {
            let other = free(swaps).filter(|_| swapped.is_none())?;
            swapped = Some(unit.text.clone());
            Some(other)
        });
        match found {
            Some(j) => taken[j] = true,
            None => return Kept::Dropped(unit.text.clone()),
        }
    }
    swapped.map_or(Kept::All, Kept::Swapped)
}

/// Whether both are conditions of an `if` that differ only in one variable, wherever it stands.
fn swaps(old: &Unit, new: &Unit) -> bool {
    let both = || old.text.split(' ').zip(new.text.split(' '));
    let mut differing = both().filter(|(a, b)| a != b);
    let (NodeKind::If, NodeKind::If, Some((from, to))) = (old.kind, new.kind, differing.next()) else {
        return false;
    };
    old.text.split(' ').count() == new.text.split(' ').count()
        && old.variables.contains(from)
        && new.variables.contains(to)
        && differing.all(|pair| pair == (from, to))
        && !both().any(|pair| pair == (from, from))
}

fn replaces(old: &Unit, new: &Unit) -> bool {
    use NodeKind::{Declaration, DoWhile, Expression, For, If, MacroLoop, Return, While};
    let kind = match old.kind {
        Expression => matches!(new.kind, Expression | If | Declaration | Return),
        Declaration => matches!(new.kind, Declaration | Expression | If),
        For | While | DoWhile | MacroLoop => matches!(new.kind, For | While | DoWhile | MacroLoop),
        other => new.kind == other,
    };
    let called = |name: &String| {
        new.calls.contains(name)
            || FAMILIES
                .iter()
                .any(|f| f.contains(&name.as_str()) && f.iter().any(|g| new.calls.contains(*g)))
    };
    kind && old.variables.is_subset(&new.variables) && old.calls.iter().all(called)
}

fn units(text: &str, function: &str) -> Option<Vec<Unit>> {
    let found = functions(text);
    let function = found.iter().find(|f| f.name == function)?;
    let outline = Outline::new(text, function);
    let mut units = Vec::new();
    for node in &outline.nodes {
        let range = match node.kind {
            NodeKind::Block | NodeKind::Label => continue,
            NodeKind::If
            | NodeKind::For
            | NodeKind::While
            | NodeKind::DoWhile
            | NodeKind::Switch
            | NodeKind::MacroLoop => node.head.clone(),
            _ => node.range.clone(),
        };
        let own = outline.text(range);
        let (variables, calls) = words(own);
        units.push(Unit {
            kind: node.kind,
            text: normalised(own),
            variables,
            calls,
        });
    }
    Some(units)
}

/// Variables and members, and functions called. Constants (all capitals), types and tags do not count.
fn words(text: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let tokens = tokens(text);
    let (mut variables, mut calls) = (BTreeSet::new(), BTreeSet::new());
    let mut tag = false;
    for (i, token) in tokens.iter().enumerate() {
        let word = token.text(text);
        let after_tag = std::mem::replace(&mut tag, matches!(word, "struct" | "union" | "enum"));
        if token.kind != TokenKind::Ident || is_keyword(word) || is_type_word(word) || after_tag {
            continue;
        }
        let constant = !word.bytes().any(|b| b.is_ascii_lowercase());
        if tokens.get(i + 1).is_some_and(|t| t.text(text) == "(") {
            if !constant {
                calls.insert(word.to_string());
            }
        } else if !constant {
            variables.insert(word.to_string());
        }
    }
    (variables, calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "int f(char *d, const char *s, int n)\n{\n\tint i;\n\tif (n < 0)\n\t\treturn -1;\n\
                       \tfor (i = 0; i <= n; i++)\n\t\td[i] = s[i];\n\tstrcpy(d, s);\n\treturn 0;\n}\n";

    fn with(from: &str, to: &str) -> Option<String> {
        assert!(OLD.contains(from), "{from}");
        dropped(OLD, &OLD.replacen(from, to, 1))
    }

    fn dropped(old: &str, new: &str) -> Option<String> {
        match kept(old, new, "f") {
            Kept::All => None,
            Kept::Swapped(what) => panic!("another variable in `{what}`"),
            Kept::Dropped(what) => Some(what),
        }
    }

    #[test]
    fn rewritten_statements_count_as_kept() {
        assert_eq!(
            with("strcpy(d, s);", "if (strscpy(d, s, n) < 0)\n\t\treturn -1;"),
            None
        );
        assert_eq!(with("i <= n", "i < n"), None);
        assert_eq!(with("n < 0", "n < 0 || n > 8"), None);
        assert_eq!(with("int i;", "size_t i;"), None);
        assert_eq!(with("\tfor", "\tif (!d)\n\t\treturn -1;\n\tfor"), None);
    }

    #[test]
    fn another_variable_in_a_condition_is_for_the_proof_to_judge() {
        let with = |from: &str, to: &str| kept(OLD, &OLD.replacen(from, to, 1), "f");
        assert_eq!(with("n < 0", "i < 0"), Kept::Swapped("n < 0".into()));
        // Not a constant, not a condition that is otherwise another one, not what is done.
        assert!(matches!(with("n < 0", "0 < 0"), Kept::Dropped(_)));
        assert!(matches!(with("n < 0", "i <= 0"), Kept::Dropped(_)));
        assert!(matches!(with("d[i] = s[i];", "d[n] = s[n];"), Kept::Dropped(_)));
        assert!(matches!(with("i <= n", "i <= i"), Kept::Dropped(_)));
        let two = OLD.replacen("\treturn 0;", "\tif (s > 9)\n\t\treturn 1;\n\treturn 0;", 1);
        let both = two.replacen("n < 0", "i < 0", 1).replacen("s > 9", "d > 9", 1);
        assert!(matches!(kept(&two, &both, "f"), Kept::Dropped(_)), "one at most");
    }

    #[test]
    fn dropped_statements_are_named() {
        assert_eq!(
            with("\tstrcpy(d, s);\n", "").as_deref(),
            Some("strcpy ( d , s ) ;")
        );
        assert!(with("i <= n", "i <= 0").is_some(), "shrunk loop");
        assert!(with("if (n < 0)\n\t\treturn -1;", "").is_some(), "deleted check");
        assert!(with("d[i] = s[i];", "d[0] = s[0];").is_some(), "other element");
        assert!(with("strcpy(d, s);", "puts(d, s);").is_some(), "other function");
        assert!(
            dropped(OLD, "int f(char *d, const char *s, int n)\n{\n\treturn 0;\n}\n").is_some(),
            "empty body"
        );
        assert!(
            dropped(OLD, "int g(void) { return 0; }").is_some(),
            "function gone"
        );
    }
}

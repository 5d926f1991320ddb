//! Whether a statement still computes what an old one computed, in words.

use crate::ctext::expr::is_type_word;
use crate::ctext::functions::matching;
use crate::ctext::lex::{identifiers, tokens, variables};

/// Functions that compute a sum or a product and refuse what does not fit.
const CHECKED: &[&str] = &[
    "kmalloc_array",
    "kcalloc",
    "kvmalloc_array",
    "kvcalloc",
    "krealloc_array",
    "devm_kcalloc",
    "devm_kmalloc_array",
    "calloc",
    "reallocarray",
    "array_size",
    "array3_size",
    "struct_size",
    "size_add",
    "size_mul",
    "size_sub",
];

/// The operation stands there word for word. The type that a macro computes in (`min_t(int, ...)`) is no part of it.
pub(super) fn same(operation: &str, here: &str) -> bool {
    let words = |text: &str| format!(" {} ", without_types(text));
    !without_types(operation).is_empty() && words(here).contains(&words(operation))
}

/// A function that checks the result is called there, with everything that the operation computed with.
pub(super) fn checked(operation: &str, here: &str) -> bool {
    let names = identifiers(here);
    let checks = names
        .iter()
        .any(|n| CHECKED.contains(n) || n.ends_with("_overflow"));
    let operands = operands(operation);
    checks && !operands.is_empty() && operands.iter().all(|n| names.contains(&n.as_str()))
}

/// The variables that an operation computes with: not its constants, and not what `sizeof` only looks at, which is what
/// `struct_size(p, items, n)` writes otherwise.
fn operands(text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut rest = String::new();
    let mut i = 0;
    while let Some(token) = tokens.get(i) {
        let word = token.text(text);
        i = match (word, tokens.get(i.saturating_add(1)).map(|t| t.text(text))) {
            ("sizeof", Some("(")) => matching(text, &tokens, i.saturating_add(1))
                .map_or(tokens.len(), |close| close.saturating_add(1)),
            ("sizeof", _) => i.saturating_add(2),
            _ => {
                rest.push_str(word);
                rest.push(' ');
                i.saturating_add(1)
            }
        };
    }
    variables(&rest)
}

/// A text without the words that name types. `min_t(` is a call, whatever its name looks like.
fn without_types(text: &str) -> String {
    let tokens = tokens(text);
    let word = |i: usize| tokens.get(i).map_or("", |t| t.text(text));
    let kept = (0..tokens.len()).filter(|i| !is_type_word(word(*i)) || word(i.saturating_add(1)) == "(");
    kept.map(word).collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checked_call_needs_the_operands_and_not_the_constants() {
        let old = "sizeof(struct rule_set) + n * sizeof(set->rules[0])";
        assert!(checked(
            old,
            "set = kzalloc(struct_size(set, rules, n), GFP_KERNEL);"
        ));
        assert!(checked(
            "sizeof(*t) + MAX_ROWS * cols",
            "t = kmalloc(struct_size(t, cells, array_size(MAX_ROWS, cols)));"
        ));
        assert!(checked("HEAD + n * sizeof *p", "struct_size(p, items, n)"));
        assert!(!checked(
            old,
            "set = kzalloc(struct_size(set, rules, m), GFP_KERNEL);"
        ));
        assert!(!checked(old, "set = kzalloc(sizeof(*set) + n, GFP_KERNEL);"));
        assert!(
            !checked("sizeof(int) * 4", "size_add(a, b)"),
            "computes with nothing"
        );
    }

    #[test]
    fn the_type_of_a_macro_is_no_part_of_the_operation() {
        let old = "min_t(int, len, sizeof(buf))";
        assert!(same(old, "n = min_t(size_t, len, sizeof(buf));"));
        assert!(!same(old, "n = min_t(size_t, other, sizeof(buf));"));
        assert!(!same(old, "n = max_t(size_t, len, sizeof(buf));"));
        assert!(!same("int", "size_t n;"), "nothing but a type is no operation");
    }
}

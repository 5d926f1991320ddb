//! What makes two pairs one, and what decides for which purpose a pair is.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use vf_repair::ctext::alpha::{Macros, modulo_names};
use vf_repair::ctext::expr::is_type_word;
use vf_repair::ctext::functions::functions;
use vf_repair::ctext::lex::{TokenKind, is_keyword, normalised, tokens};

use crate::record::{Hashes, Split};

/// Hexadecimal digits of a hash that are kept.
const DIGITS: usize = 32;

/// The hashes of a pair, from both versions of the file.
pub fn hashes(before: &str, after: &str, function: &str) -> Hashes {
    let both = format!(
        "{}\u{0}{}",
        function_without_names(before, function),
        function_without_names(after, function)
    );
    Hashes {
        function: hash(&both),
        shape: hash(&shape(function_text(after, function))),
    }
}

/// One split in ten each for validation and test. Functions of one shape are never on two sides.
pub fn split(shape: &str) -> Split {
    let number = shape
        .get(..15)
        .and_then(|digits| u64::from_str_radix(digits, 16).ok());
    match number.unwrap_or(0) % 10 {
        8 => Split::Validation,
        9 => Split::Test,
        _ => Split::Train,
    }
}

/// The split of the pairs of which this is the fixed function.
pub fn split_of(text: &str, function: &str) -> Split {
    split(&hash(&shape(function_text(text, function))))
}

fn hash(text: &str) -> String {
    let mut digits = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        digits.push_str(&format!("{byte:02x}"));
    }
    digits.truncate(DIGITS);
    digits
}

/// The text of a function; nothing where it is not defined.
pub fn function_text<'t>(text: &'t str, function: &str) -> &'t str {
    let found = functions(text).into_iter().find(|f| f.name == function);
    found.and_then(|f| text.get(f.range)).unwrap_or("")
}

/// The function modulo layout and the names of its locals and labels; where that is not understood, modulo layout.
fn function_without_names(text: &str, function: &str) -> String {
    let own = function_text(text, function);
    let macros = Macros::read(text);
    modulo_names(own, function, &macros).unwrap_or_else(|| normalised(own))
}

/// The shape of a function: its tokens, where all names are one, all values are one, and all types are one. How the function is
/// laid out is no part of it.
pub fn shape(text: &str) -> String {
    let mut out = String::new();
    let mut last = "";
    for token in tokens(text) {
        let word = token.text(text);
        let class = match token.kind {
            TokenKind::Ident if is_type_name(word) => "T",
            TokenKind::Ident if is_keyword(word) => word,
            // Constants are values.
            TokenKind::Ident if !word.bytes().any(|b| b.is_ascii_lowercase()) => "1",
            TokenKind::Ident => "x",
            TokenKind::Number => "1",
            TokenKind::Text => "\"\"",
            TokenKind::Directive => "#",
            TokenKind::Punct => word,
        };
        // `unsigned long long` is as much of a type as `u64`.
        if class == "T" && last == "T" {
            continue;
        }
        out.push_str(class);
        out.push(' ');
        last = class;
    }
    out
}

/// Words of types, and the names that kernels and libraries give to integers.
fn is_type_name(word: &str) -> bool {
    const NAMES: [&str; 17] = [
        "u8", "u16", "u32", "u64", "s8", "s16", "s32", "s64", "size_t", "ssize_t", "loff_t", "bool", "gfp_t",
        "__be16", "__be32", "__le16", "__le32",
    ];
    is_type_word(word) && word != "struct" && word != "union" && word != "enum"
        || NAMES.contains(&word)
        || word.ends_with("_t")
        || matches!(word, "const" | "static" | "inline")
}

/// How many records have each shape, for who wants to know how varied a corpus is.
pub fn count_shapes<'r>(shapes: impl Iterator<Item = &'r str>) -> BTreeMap<&'r str, usize> {
    let mut counts = BTreeMap::new();
    for shape in shapes {
        *counts.entry(shape).or_insert(0) += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: &str = "int get(const struct s *p, unsigned int i)\n{\n\tif (i >= 8)\n\t\treturn -1;\n\treturn p->v[i];\n}\n";

    #[test]
    fn names_types_and_numbers_do_not_make_a_shape() {
        let twin = "long fetch(const struct table *t, u8 index)\n{\n\tif (index >= COUNT) return -22;\n\treturn t->rows[index];\n}\n";
        let twin = twin.replace("COUNT", "12");
        assert_eq!(shape(GET), shape(&twin));
        assert_ne!(shape(GET), shape(&GET.replace(">=", ">")));
    }

    #[test]
    fn locals_are_renamed_and_layout_is_gone() {
        let other = GET
            .replace("int i", "int slot")
            .replace("[i]", "[slot]")
            .replace("(i ", "(slot ");
        assert_eq!(hashes(GET, GET, "get").shape, hashes(&other, &other, "get").shape);
        let spaced = GET.replace(";\n", ";\n\n");
        assert_eq!(hashes(GET, GET, "get"), hashes(&spaced, &spaced, "get"));
    }

    #[test]
    fn every_shape_has_one_split() {
        let mut seen = [0; 3];
        for number in 0..1000 {
            let index = match split(&hash(&number.to_string())) {
                Split::Train => 0,
                Split::Validation => 1,
                Split::Test => 2,
            };
            seen[index] += 1;
        }
        assert!(seen[0] > 750 && seen[1] > 60 && seen[2] > 60, "{seen:?}");
    }
}

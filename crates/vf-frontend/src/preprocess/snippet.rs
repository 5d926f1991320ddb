//! Snippet mode: one function out of a file whose headers are not there.
//!
//! A header that the compiler misses is replaced by an empty one; a type name that nothing defines is stubbed in
//! front of the text. Names that have one meaning everywhere (`u32`, `size_t`, `bool`) get that meaning; any
//! other becomes a structure without a definition, so that pointers to it work and a look inside is refused.
//! What a missing macro would have been is not guessed: it stays an undeclared name.

use std::collections::BTreeSet;
use std::path::Path;
use vf_source::tables::HashSet;

use tempfile::TempDir;

use crate::lex::{Token, TokenKind, lex};
use crate::normalise::words::{Sort, sort};
use crate::split::typedef_names;

/// Missing headers that are replaced in one file, at most.
pub const MAX_HEADERS: usize = 200;

/// Empty headers in place of missing ones.
pub struct EmptyHeaders {
    folder: TempDir,
    names: BTreeSet<String>,
}

impl EmptyHeaders {
    pub fn new() -> std::io::Result<EmptyHeaders> {
        let folder = tempfile::Builder::new().prefix("verify-fix-headers-").tempdir()?;
        Ok(EmptyHeaders {
            folder,
            names: BTreeSet::new(),
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Adds the header that the compiler says it misses (`fatal error: x.h: No such file or directory`, GCC; Clang
    /// `fatal error: 'x.h' file not found`). False if it says something else, or said this before.
    pub fn add(&mut self, said: &str) -> std::io::Result<bool> {
        let missing = said.lines().find_map(|l| {
            let (_, rest) = l.split_once("fatal error: ")?;
            let name = rest
                .strip_suffix(": No such file or directory")
                .or_else(|| rest.strip_suffix(" file not found").map(|n| n.trim_matches('\'')))?;
            Some(name.trim().to_string())
        });
        let Some(name) = missing else { return Ok(false) };
        let relative = Path::new(&name);
        // Only names inside the folder: a header named by `..` or from the root is not stood in for.
        let plain = relative
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if !plain || self.names.len() >= MAX_HEADERS || !self.names.insert(name.clone()) {
            return Ok(false);
        }
        let file = self.folder.path().join(relative);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(file, "")?;
        Ok(true)
    }
}

/// What well-known type names mean on every platform this program knows.
fn known_type(name: &str) -> Option<&'static str> {
    Some(match name {
        "u8" | "__u8" | "uint8_t" | "u_int8_t" | "uchar" | "u_char" | "UINT8" => "unsigned char",
        "s8" | "__s8" | "int8_t" => "signed char",
        "u16" | "__u16" | "uint16_t" | "u_int16_t" | "ushort" | "u_short" | "__be16" | "__le16" => {
            "unsigned short"
        }
        "s16" | "__s16" | "int16_t" => "short",
        "u32" | "__u32" | "uint32_t" | "u_int32_t" | "uint" | "u_int" | "gfp_t" | "__be32" | "__le32" => {
            "unsigned int"
        }
        "s32" | "__s32" | "int32_t" => "int",
        "u64" | "__u64" | "uint64_t" | "u_int64_t" | "__be64" | "__le64" => "unsigned long long",
        "s64" | "__s64" | "int64_t" | "loff_t" => "long long",
        "size_t" | "ulong" | "u_long" | "uintptr_t" => "unsigned long",
        "ssize_t" | "ptrdiff_t" | "intptr_t" | "off_t" => "long",
        "bool" => "_Bool",
        "va_list" => "__builtin_va_list",
        "FILE" => "struct __vf_file",
        _ => return None,
    })
}

/// Definitions of the type names that a preprocessed text uses and does not define, as C text of one line; empty
/// if there are none.
pub fn stubs(text: &str) -> String {
    let tokens = lex(text);
    let defined = typedef_names(text, &tokens);
    let mut out = String::new();
    for name in unknown_types(text, &tokens, &defined) {
        match known_type(name) {
            Some(meaning) => out.push_str(&format!("typedef {meaning} {name};")),
            None => out.push_str(&format!("typedef struct __vf_stub_{name} {name};")),
        }
    }
    out
}

/// Identifiers that stand where only a type name can: before another identifier, or before `*` and an identifier
/// where a declaration or parameter begins.
fn unknown_types<'a>(text: &'a str, tokens: &[Token], defined: &HashSet<String>) -> BTreeSet<&'a str> {
    let tokens: Vec<Token> = tokens
        .iter()
        .copied()
        .filter(|t| t.kind != TokenKind::Directive)
        .collect();
    let word = |i: usize| {
        tokens
            .get(i)
            .filter(|t| t.kind == TokenKind::Word)
            .map(|t| t.text(text))
    };
    let identifier = |i: usize| word(i).filter(|w| sort(w).is_none() && !w.starts_with("__attribute"));
    let punct = |i: usize| tokens.get(i).map_or("", |t| t.text(text));
    let mut found = BTreeSet::new();
    // Names declared after a type, which are none.
    let mut values = HashSet::default();
    for i in 0..tokens.len() {
        let Some(name) = identifier(i) else { continue };
        if defined.contains(name)
            || name.starts_with("__builtin_")
            || name == "__extension__"
            || name == "asm"
        {
            continue;
        }
        let before = i.checked_sub(1);
        let after_tag = before
            .and_then(word)
            .is_some_and(|w| matches!(sort(w), Some(Sort::Record | Sort::Enum)));
        let after_type = before.and_then(word).is_some_and(|w| sort(w) == Some(Sort::Type));
        let after_goto = before.and_then(word).is_some_and(|w| w == "goto");
        if after_type {
            values.insert(name);
        }
        if after_tag || after_type || after_goto || values.contains(name) {
            continue;
        }
        // `name other`, as in `u32 x`.
        let mut next = i + 1;
        while word(next).is_some_and(|w| matches!(w, "const" | "volatile" | "__restrict" | "restrict")) {
            next += 1;
        }
        let declares = identifier(next).is_some()
            && !before.map(punct).is_some_and(|p| matches!(p, "." | "->"))
            && before
                .and_then(identifier)
                .is_none_or(|b| defined.contains(b) || found.contains(b) || known_macro(b));
        let begins = before.is_none_or(|b| {
            matches!(punct(b), ";" | "{" | "}" | "(" | ",")
                || word(b).is_some_and(|w| sort(w) == Some(Sort::Specifier))
        });
        let mut star = next;
        while punct(star) == "*" || (star > next && word(star).is_some_and(|w| w == "const")) {
            star += 1;
        }
        let pointer = star > next && begins && {
            let cast = punct(star) == ")" && before.is_some_and(|b| punct(b) == "(");
            let declared =
                identifier(star).is_some() && matches!(punct(star + 1), ";" | "=" | "," | ")" | "(" | "[");
            // `f(a * b)` multiplies; a parameter list is what follows a declared function's name.
            let argument = before.is_some_and(|b| matches!(punct(b), "(" | ","));
            cast || (declared && (!argument || in_parameters(&tokens, text, i)))
        };
        // `(name)` before an operand, for names that look like types.
        let cast = before.is_some_and(|b| punct(b) == "(")
            && punct(i + 1) == ")"
            && (known_type(name).is_some() || name.ends_with("_t"));
        if declares || pointer || cast {
            found.insert(name);
            values.extend(identifier(if pointer { star } else { next }));
        }
    }
    found
}

/// Annotations that a missing header would have defined away.
fn known_macro(name: &str) -> bool {
    name.starts_with("__")
}

/// Whether the token lies in a parameter list outside any body: no brace is open.
fn in_parameters(tokens: &[Token], text: &str, index: usize) -> bool {
    let mut depth = 0i64;
    for token in tokens.get(..index).unwrap_or(&[]) {
        match token.text(text) {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
    }
    depth <= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_type_names_are_stubbed() {
        let text = "static int f(struct s *p, u32 n, foo_t *q, const bar_t x) {\n  baz_t *y = g(n * p->len);\n  size_t k = (size_t)n;\n  n * k;\n  return (u8)k; }";
        assert_eq!(
            stubs(text),
            "typedef struct __vf_stub_bar_t bar_t;typedef struct __vf_stub_baz_t baz_t;typedef struct __vf_stub_foo_t foo_t;typedef unsigned long size_t;typedef unsigned int u32;typedef unsigned char u8;"
        );
        assert_eq!(
            stubs("typedef int T; T f(T x) { T y = x * x; goto out; out: return y; }"),
            ""
        );
        assert_eq!(
            stubs("int f(int a, int b) { if (a) return a * b; g(a * b, a); else x = a; }"),
            ""
        );
    }

    #[test]
    fn missing_headers_are_read_from_what_the_compiler_says() {
        let mut headers = EmptyHeaders::new().unwrap();
        let said = "a.c:1:10: fatal error: linux/x.h: No such file or directory\ncompilation terminated.\n";
        assert!(headers.add(said).unwrap());
        assert!(headers.path().join("linux/x.h").is_file());
        assert!(!headers.add(said).unwrap(), "the second time it did not help");
        assert!(
            headers
                .add("a.c:1:10: fatal error: 'y.h' file not found\n")
                .unwrap()
        );
        assert!(
            !headers
                .add("fatal error: ../../etc/x.h: No such file or directory")
                .unwrap()
        );
        assert!(!headers.add("a.c:2: error: #error no").unwrap());
    }
}

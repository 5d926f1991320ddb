//! Pieces of C text.

use std::path::Path;

/// A C string literal of these bytes. Octal escapes of three digits cannot run into what follows them, and
/// `?` is escaped because of trigraphs.
pub(super) fn string_literal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | b'?' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text.push_str(&format!("\\{byte:03o}")),
        }
    }
    text.push('"');
    text
}

/// Text that may stand inside a C comment.
pub(super) fn comment(text: &str) -> String {
    text.replace("*/", "* /")
        .replace("/*", "/ *")
        .replace(['\n', '\r', '\\'], " ")
}

pub(super) fn is_identifier(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A `#line` directive that makes the next line the first of that file (C11 6.10.4).
pub(super) fn line_marker(path: &Path) -> String {
    format!("#line 1 {}\n", string_literal(path.to_string_lossy().as_bytes()))
}

/// A word for the POSIX shell.
pub(super) fn shell_word(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_=./,+:@%".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_closed_and_exact() {
        assert_eq!(string_literal(b"a\"\\?\n\x001"), r#""a\"\\\?\012\0001""#);
        assert_eq!(string_literal(b""), "\"\"");
    }

    #[test]
    fn comments_cannot_be_left() {
        assert_eq!(comment("*/ evil(); /*\n#define"), "* / evil(); / * #define");
    }

    #[test]
    fn names() {
        assert!(is_identifier("_a1"));
        for wrong in ["", "1a", ".str.0", "f.counter", "a b"] {
            assert!(!is_identifier(wrong));
        }
    }

    #[test]
    fn shell_words() {
        assert_eq!(shell_word("-DX='a b'"), r#"'-DX='\''a b'\'''"#);
        assert_eq!(shell_word("-O0"), "-O0");
        assert_eq!(shell_word(""), "''");
    }
}

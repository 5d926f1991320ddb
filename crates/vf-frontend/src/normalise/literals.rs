//! Literals that lang-c's grammar lacks, respelled with the same length of value where that can be done.

use std::borrow::Cow;

/// A string literal or character constant as lang-c takes it, and whether it had to change. Escapes that
/// lang-c lacks become ones it has: `\e` (GCC) and unknown ones an `\a`, `\u12ab` a `\x12ab`.
pub fn quoted(literal: &str) -> (Cow<'_, str>, bool) {
    let bytes = literal.as_bytes();
    let mut out: Option<String> = None;
    let mut done = 0;
    let mut i = 0;
    while let Some(at) = bytes.get(i..).and_then(|b| b.iter().position(|b| *b == b'\\')) {
        let slash = i + at;
        let escaped = bytes.get(slash + 1).copied().unwrap_or(0);
        i = slash + 2;
        let replacement = match escaped {
            b'u' => "\\x",
            b'U' => "\\x",
            b'\''
            | b'"'
            | b'?'
            | b'\\'
            | b'a'
            | b'b'
            | b'c'
            | b'f'
            | b'n'
            | b'r'
            | b't'
            | b'v'
            | b'x'
            | b'0'..=b'7' => continue,
            b'\n' => "",
            _ => "\\a",
        };
        // An escaped character beyond ASCII keeps its other bytes: only the backslash is replaced.
        let skip = if escaped >= 0x80 { 1 } else { 2 };
        let out = out.get_or_insert_with(String::new);
        out.push_str(literal.get(done..slash).unwrap_or(""));
        out.push_str(replacement);
        done = (slash + skip).min(literal.len());
        i = i.max(done);
    }
    match out {
        None => (Cow::Borrowed(literal), false),
        Some(mut out) => {
            out.push_str(literal.get(done..).unwrap_or(""));
            (Cow::Owned(out), true)
        }
    }
}

/// A number as lang-c takes it, and whether it had to change: GCC's `q` and `w` suffixes (`__float128`,
/// `__float80`) become `L`.
pub fn number(literal: &str) -> (Cow<'_, str>, bool) {
    let hexadecimal = literal.starts_with("0x") || literal.starts_with("0X");
    let float = literal.contains('.') || literal.contains(if hexadecimal { ['p', 'P'] } else { ['e', 'E'] });
    match literal.strip_suffix(['q', 'Q', 'w', 'W']) {
        Some(value) if float => (Cow::Owned(format!("{value}L")), true),
        _ => (Cow::Borrowed(literal), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_that_lang_c_lacks() {
        assert_eq!(quoted("\"a\\n\\x41\\\"\"").0, "\"a\\n\\x41\\\"\"");
        assert_eq!(quoted("\"\\e[0m\""), (Cow::Borrowed("\"\\a[0m\""), true));
        assert_eq!(quoted("L\"\\u00e9\""), (Cow::Borrowed("L\"\\x00e9\""), true));
        assert_eq!(quoted("\"\\\\e\""), (Cow::Borrowed("\"\\\\e\""), false));
        assert_eq!(quoted("\"\\é\""), (Cow::Borrowed("\"\\aé\""), true));
    }

    #[test]
    fn float_suffixes() {
        assert_eq!(number("1.5q").0, "1.5L");
        assert_eq!(number("0x1p3").0, "0x1p3");
        assert_eq!(number("10ULL"), (Cow::Borrowed("10ULL"), false));
    }
}

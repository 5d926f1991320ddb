//! The tokenizer of the RWKV World models: from the beginning of the text on, always the longest token that fits.
//!
//! `rwkv_vocab_v20230424.txt` has a token a line: its id, its bytes as a literal of Python (`' the'`, `b'\xe3\x81'`), their number.

use std::path::Path;

use crate::error::ModelError;
use crate::files;

/// The file of a model folder.
pub(crate) const FILE: &str = "rwkv_vocab_v20230424.txt";

/// The token without a text: a text begins with it and ends with it.
const END: u32 = 0;

/// All tokens.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// By id; none where there is no token.
    tokens: Vec<Vec<u8>>,
    /// Sorted by their bytes.
    sorted: Vec<(Vec<u8>, u32)>,
}

impl World {
    /// Reads the file of a folder.
    pub fn load(folder: &Path) -> Result<World, ModelError> {
        let text = files::read_text(folder, FILE)?;
        World::parse(&text).map_err(|message| ModelError::BadTokenizer {
            file: folder.join(FILE),
            message,
        })
    }

    fn parse(text: &str) -> Result<World, String> {
        let mut sorted = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let bad = || format!("line {}: not an id, a literal and its length", number + 1);
            let (id, rest) = line.split_once(' ').ok_or_else(bad)?;
            let (literal, length) = rest.rsplit_once(' ').ok_or_else(bad)?;
            let id: u32 = id.parse().map_err(|_| bad())?;
            let bytes = bytes_of(literal.trim()).ok_or_else(bad)?;
            if bytes.is_empty() || length.trim().parse() != Ok(bytes.len()) || id == END {
                return Err(bad());
            }
            sorted.push((bytes, id));
        }
        let largest = sorted.iter().map(|(_, id)| *id).max().unwrap_or(END);
        // Ids are about as many as lines; a made-up one would ask for as much memory.
        if largest as usize > 2 * sorted.len() + 256 {
            return Err(format!(
                "the id {largest} is too large for {} tokens",
                sorted.len()
            ));
        }
        let mut tokens = vec![Vec::new(); largest as usize + 1];
        for (bytes, id) in &sorted {
            match tokens.get_mut(*id as usize) {
                Some(slot) if slot.is_empty() => slot.clone_from(bytes),
                _ => return Err(format!("the id {id} is there twice")),
            }
        }
        sorted.sort();
        if let Some(same) = sorted
            .windows(2)
            .find(|pair| matches!(pair, [(a, _), (b, _)] if a == b))
        {
            return Err(format!(
                "one token has several ids: {:?}",
                same.iter().map(|t| t.1)
            ));
        }
        if let Some(byte) =
            (0..=u8::MAX).find(|b| sorted.binary_search_by(|(t, _)| t.as_slice().cmp(&[*b])).is_err())
        {
            return Err(format!("no token for the byte {byte}"));
        }
        Ok(World { tokens, sorted })
    }

    /// By id: its bytes, none for the end of a text.
    pub fn tokens(&self) -> &[Vec<u8>] {
        &self.tokens
    }

    /// Whether the id has a meaning.
    pub fn knows(&self, id: u32) -> bool {
        id == END || self.tokens.get(id as usize).is_some_and(|t| !t.is_empty())
    }

    pub fn encode(&self, text: &[u8]) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut at = 0;
        while let Some((length, id)) = text.get(at..).and_then(|rest| self.longest(rest)) {
            ids.push(id);
            at += length;
        }
        ids
    }

    /// The longest token that a text begins with; `None` for no text.
    fn longest(&self, text: &[u8]) -> Option<(usize, u32)> {
        let mut found = None;
        let mut range = self.sorted.as_slice();
        for (depth, byte) in text.iter().enumerate() {
            // Of those with the same beginning, those that go on like this.
            let before = range.partition_point(|(t, _)| t.get(depth).is_none_or(|b| b < byte));
            let rest = range.get(before..)?;
            let count = rest.partition_point(|(t, _)| t.get(depth) == Some(byte));
            range = rest.get(..count)?;
            match range.first() {
                None => break,
                Some((token, id)) if token.len() == depth + 1 => found = Some((depth + 1, *id)),
                Some(_) => {}
            }
        }
        found
    }

    /// Bytes that are no characters become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        let bytes: Vec<u8> = ids
            .iter()
            .filter_map(|id| self.tokens.get(*id as usize))
            .flatten()
            .copied()
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// What a literal of Python stands for: `'...'` or `"..."`, as UTF-8, or `b'...'`.
fn bytes_of(literal: &str) -> Option<Vec<u8>> {
    let (raw, quoted) = match literal.strip_prefix('b') {
        Some(rest) => (true, rest),
        None => (false, literal),
    };
    let quote = quoted.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
    let mut bytes = Vec::new();
    let mut put = |code: u32| -> Option<()> {
        if raw {
            bytes.push(u8::try_from(code).ok()?);
        } else {
            bytes.extend(char::from_u32(code)?.encode_utf8(&mut [0; 4]).bytes());
        }
        Some(())
    };
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            put(u32::from(character))?;
            continue;
        }
        let digits = match characters.next()? {
            'n' => {
                put(10)?;
                continue;
            }
            't' => {
                put(9)?;
                continue;
            }
            'r' => {
                put(13)?;
                continue;
            }
            other @ ('\\' | '\'' | '"') => {
                put(u32::from(other))?;
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            _ => return None,
        };
        let code: String = characters.by_ref().take(digits).collect();
        put((code.len() == digits).then(|| u32::from_str_radix(&code, 16).ok())??)?;
    }
    Some(bytes)
}

/// The file for tests: all bytes, and these.
#[cfg(test)]
fn listing(more: &[&str]) -> String {
    use std::fmt::Write as _;

    let mut text = String::new();
    for byte in 0..=u8::MAX {
        let _ = writeln!(text, "{} b'\\x{byte:02x}' 1", u32::from(byte) + 1);
    }
    for (index, token) in more.iter().enumerate() {
        let _ = writeln!(text, "{} {token:?} {}", 257 + index, token.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_those_of_python() {
        for (literal, bytes) in [
            (r"' the'", b" the".to_vec()),
            (r#""it's""#, b"it's".to_vec()),
            (r"'\n\t\\\''", b"\n\t\\'".to_vec()),
            (r"b'\xe3\x81'", vec![0xe3, 0x81]),
            (r"'\xe9'", "é".as_bytes().to_vec()),
            (r"'\u3000'", "\u{3000}".as_bytes().to_vec()),
        ] {
            assert_eq!(bytes_of(literal), Some(bytes), "{literal}");
        }
        for bad in ["the", "'a", r"'\q'", r"'\x4'", r"b'\u3000'", "b'é€'", "'", ""] {
            assert_eq!(bytes_of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_longest_token_is_taken() {
        let world =
            World::parse(&listing(&["re", "ret", "return", " return", "turn", "é"])).expect("a vocabulary");
        assert_eq!(world.encode(b"return"), [259]);
        assert_eq!(world.encode(b"retu"), [258, u32::from(b'u') + 1]);
        assert_eq!(world.encode(b"x return"), [u32::from(b'x') + 1, 260]);
        let text = "retreturé\u{1f600}\n";
        let ids = world.encode(text.as_bytes());
        assert_eq!(world.decode(&ids), text);
        assert_eq!(world.decode(&[0]), "");
        assert!(world.knows(0) && world.knows(262) && !world.knows(263));
    }

    #[test]
    fn a_file_that_lies_is_refused() {
        let good = listing(&["re"]);
        for (from, to) in [
            ("257 \"re\" 2", "257 \"re\" 3"),
            ("257 \"re\" 2", "256 \"re\" 2"),
            ("257 \"re\" 2", "4000000000 \"re\" 2"),
            ("257 \"re\" 2", "257 \"a\" 1"),
            ("1 b'\\x00' 1\n", ""),
            ("1 b'\\x00' 1", "0 b'\\x00' 1"),
        ] {
            assert!(World::parse(&good.replace(from, to)).is_err(), "{to}");
        }
    }
}

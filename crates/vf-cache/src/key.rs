//! Keys: SHA-256 (FIPS 180-4) over named parts, each with its length before it, so that no two lists of parts give the same
//! bytes.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::tool::Tool;

/// What an answer depends on, as 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A key in the making.
#[derive(Clone)]
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    pub(crate) fn new(kind: &str, tool: &Tool) -> KeyBuilder {
        KeyBuilder(Sha256::new())
            .part("tool", tool.identity())
            .part("kind", kind.as_bytes())
    }

    /// Adds what the answer depends on.
    #[must_use]
    pub fn part(mut self, name: &str, bytes: &[u8]) -> KeyBuilder {
        for bytes in [name.as_bytes(), bytes] {
            self.0.update((bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self
    }

    /// Adds a value by its `Debug` text: all of it, where the implementation is derived.
    #[must_use]
    pub fn debug(self, name: &str, value: &impl fmt::Debug) -> KeyBuilder {
        let mut text = Text(Sha256::new());
        // Only an implementation of `Debug` could fail, and none that is derived does.
        let whole = fmt::write(&mut text, format_args!("{value:?}")).is_ok();
        self.part(name, &text.0.finalize())
            .part("whole", &[u8::from(whole)])
    }

    pub fn finish(self) -> Key {
        Key(self.0.finalize().into())
    }
}

/// Text that is hashed as it is written.
struct Text(Sha256);

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        let tool = Tool::named("one");
        let key = |parts: &[(&str, &str)]| {
            let all = parts
                .iter()
                .fold(KeyBuilder::new("k", &tool), |key, (name, text)| {
                    key.part(name, text.as_bytes())
                });
            all.finish()
        };
        let keys = [
            key(&[]),
            key(&[("a", "bc")]),
            key(&[("ab", "c")]),
            key(&[("a", "b"), ("", "c")]),
            key(&[("a", ""), ("b", "c")]),
            key(&[("a", "b"), ("c", "")]),
            KeyBuilder::new("k", &tool).debug("a", &"b").finish(),
            KeyBuilder::new("k", &tool).debug("a", &"c").finish(),
            KeyBuilder::new("l", &tool).finish(),
            KeyBuilder::new("k", &Tool::named("two")).finish(),
        ];
        for (i, a) in keys.iter().enumerate() {
            for b in &keys[i + 1..] {
                assert_ne!(a, b);
            }
        }
        assert_eq!(key(&[("a", "bc")]), key(&[("a", "bc")]));
        assert_eq!(keys[0].to_string().len(), 64);
    }
}

//! The key that a server asks for.

use std::fmt;

/// Environment variable that holds the key, for the command line.
pub const KEY_VARIABLE: &str = "VERIFY_FIX_API_KEY";

/// What stands in the place of a key.
const HIDDEN: &str = "***";

/// A bearer token. It is sent to the endpoints and shown nowhere: not by `Debug`, and not in what a server says.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// A text that cannot be sent as a key. It is not repeated here, since it may be a key with a small mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the key is not one line of printable ASCII without spaces: set it again, without quotes or line breaks"
)]
pub struct BadKey;

impl ApiKey {
    /// White space around the key, as a file or a shell may leave it, is not part of it.
    pub fn new(text: &str) -> Result<ApiKey, BadKey> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(BadKey);
        }
        Ok(ApiKey(text.to_owned()))
    }

    pub(super) fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    /// A server's words without the key in them: some repeat the key that they refuse.
    pub(super) fn scrub(&self, text: String) -> String {
        if text.contains(&self.0) {
            text.replace(&self.0, HIDDEN)
        } else {
            text
        }
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiKey({HIDDEN})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_word_and_is_not_shown() {
        let key = ApiKey::new(" secret-7\n").expect("a key");
        assert_eq!(key.bearer(), "Bearer secret-7");
        assert_eq!(format!("{key:?}"), "ApiKey(***)");
        assert_eq!(key.scrub("no secret-7 here".into()), "no *** here");
        for bad in ["", " ", "a b", "a\nX-Other: b", "schlüssel"] {
            assert_eq!(ApiKey::new(bad), Err(BadKey), "{bad:?}");
        }
    }
}

//! The bytes of an entry: a mark, the key, the length of the answer, the answer, and SHA-256 over all of that.

use sha2::{Digest, Sha256};

use crate::key::Key;

const MARK: &[u8; 8] = b"vfcache1";
const CHECKSUM: usize = 32;

pub(crate) fn seal(key: &Key, answer: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(MARK.len() + 32 + 8 + answer.len() + CHECKSUM);
    bytes.extend_from_slice(MARK);
    bytes.extend_from_slice(key.bytes());
    bytes.extend_from_slice(&(answer.len() as u64).to_le_bytes());
    bytes.extend_from_slice(answer);
    let checksum = Sha256::digest(&bytes);
    bytes.extend_from_slice(&checksum);
    bytes
}

/// The answer, if every byte is as [`seal`] has written it for this key.
pub(crate) fn open(key: &Key, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let end = bytes.len().checked_sub(CHECKSUM)?;
    let (sealed, checksum) = bytes.split_at_checked(end)?;
    if Sha256::digest(sealed).as_slice() != checksum {
        return None;
    }
    let rest = sealed.strip_prefix(MARK)?.strip_prefix(key.bytes())?;
    let (length, answer) = rest.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*length) != answer.len() as u64 {
        return None;
    }
    let start = end - answer.len();
    bytes.truncate(end);
    bytes.drain(..start);
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::KeyBuilder;
    use crate::tool::Tool;

    fn key(kind: &str) -> Key {
        KeyBuilder::new(kind, &Tool::named("t")).finish()
    }

    #[test]
    fn what_was_sealed_is_opened_with_its_key_only() {
        for answer in [&b""[..], b"x", b"a longer answer"] {
            let sealed = seal(&key("a"), answer);
            assert_eq!(open(&key("a"), sealed.clone()).as_deref(), Some(answer));
            assert_eq!(open(&key("b"), sealed), None);
        }
    }

    #[test]
    fn any_damage_is_noticed() {
        let sealed = seal(&key("a"), b"proved");
        for at in 0..sealed.len() {
            for flipped in [0x01, 0x80] {
                let mut damaged = sealed.clone();
                damaged[at] ^= flipped;
                assert_eq!(open(&key("a"), damaged), None, "byte {at}");
            }
            assert_eq!(open(&key("a"), sealed[..at].to_vec()), None, "cut at {at}");
        }
        let mut longer = sealed;
        longer.push(0);
        assert_eq!(open(&key("a"), longer), None);
    }
}

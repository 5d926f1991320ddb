//! Lists in untrusted JSON.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};

/// The first elements of a list; the others are skipped without being kept. Three bytes of JSON can be hundreds of
/// bytes of data: a limit on the text alone does not bound the memory.
pub(super) struct AtMost<T, const N: usize>(pub Vec<T>);

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for AtMost<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct First<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for First<T, N> {
            type Value = AtMost<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut first = Vec::new();
                while first.len() < N {
                    match list.next_element()? {
                        Some(element) => first.push(element),
                        None => return Ok(AtMost(first)),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(AtMost(first))
            }
        }
        deserializer.deserialize_seq(First(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_skipped_but_must_be_json() {
        let read = |text: &str| serde_json::from_str::<AtMost<u8, 2>>(text).map(|l| l.0);
        assert_eq!(read("[]").ok(), Some(vec![]));
        assert_eq!(read("[1,2]").ok(), Some(vec![1, 2]));
        assert_eq!(read(r#"[1,2,{"x":[null]},"y"]"#).ok(), Some(vec![1, 2]));
        assert!(read("[1,2,}").is_err());
        assert!(read("[1").is_err());
        assert!(read("7").is_err());
    }
}

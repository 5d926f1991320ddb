//! A concrete input of a function: what a counterexample is made of, and what the interpreter and the
//! replay harness run on.

use serde::{Deserialize, Serialize};

/// Everything a run of one function depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Name of the function under test.
    pub function: String,
    /// Objects that exist before the call; pointers refer to them by index.
    pub objects: Vec<InputObject>,
    /// One value a parameter, in order.
    pub arguments: Vec<InputValue>,
    /// Contents of globals at entry, where they differ from their initial value: (name, contents).
    pub globals: Vec<(String, Contents)>,
    /// What the outside decided, in the order in which execution asks.
    pub choices: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputObject {
    /// Where it comes from, in source terms (`*p`, `p->next`).
    pub name: String,
    /// Size in bytes.
    pub size: u64,
    /// Printed C element type ("struct foo", "char", "int"), for the harness; empty when not known.
    pub element_type: String,
    pub contents: Contents,
}

/// Bytes and pointers of an object; whatever is not named is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// (offset, bytes), not overlapping.
    pub bytes: Vec<(u64, Vec<u8>)>,
    /// (offset, pointer) of pointer-sized cells.
    pub pointers: Vec<(u64, InputPointer)>,
}

impl Contents {
    /// Bytes before the first that is zero.
    pub fn string_length(&self) -> u64 {
        let mut length = 0;
        while let Some((start, run)) = self
            .bytes
            .iter()
            .find(|(start, run)| *start <= length && length - start < run.len() as u64)
        {
            let rest = run.get((length - start) as usize..).unwrap_or_default();
            match rest.iter().position(|byte| *byte == 0) {
                Some(zero) => return length + zero as u64,
                None => length += rest.len() as u64,
            }
        }
        length
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputValue {
    Int {
        bits: u32,
        #[serde(with = "number")]
        value: u128,
    },
    Pointer(InputPointer),
    /// A float; its value does not matter.
    Float,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum InputPointer {
    Null,
    /// An integer used as a pointer (an error pointer, say).
    Address(u64),
    Object {
        index: usize,
        offset: i64,
    },
    Global {
        name: String,
        offset: i64,
    },
    Function {
        name: String,
    },
}

/// One decision of the outside: the result of a nondeterministic read, of a call without a body, of an
/// allocation, or the bytes such a call writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Name of the function that asked: `__VERIFIER_nondet_int`, `kmalloc`, `copy_from_user`, an external
    /// callee; empty for a statement of the function under test itself (assembly, float, volatile).
    pub function: String,
    pub kind: ChoiceKind,
    /// What an external callee stores through its arguments before it returns; what is not named stays as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub writes: Vec<OutsideWrite>,
}

/// Bytes that a call without a body stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideWrite {
    /// Number of the pointer argument.
    pub argument: usize,
    /// From where it points to.
    pub at: i64,
    pub bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChoiceKind {
    /// A `Havoc` or the result of a call without body.
    Value(InputValue),
    /// A `HavocMemory`: the bytes written, from its start; missing ones are zero.
    Bytes(Vec<u8>),
    /// An `Alloc` that may fail: whether it did.
    AllocationFails(bool),
}

/// Numbers of up to 128 bits as readers of JSON and serde's tagged enums take them: above 64 bits as text.
mod number {
    use std::fmt;

    use serde::de::{Error, Visitor};
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
        match u64::try_from(*value) {
            Ok(small) => serializer.serialize_u64(small),
            Err(_) => serializer.serialize_str(&value.to_string()),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u128, D::Error> {
        struct Number;
        impl Visitor<'_> for Number {
            type Value = u128;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, as text above 64 bits")
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<u128, E> {
                Ok(u128::from(value))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<u128, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_from_json() {
        for value in [0, 7, u128::from(u64::MAX), 1 << 64, u128::MAX] {
            let number = InputValue::Int { bits: 128, value };
            let text = serde_json::to_string(&number).expect("JSON");
            assert_eq!(
                serde_json::from_str::<InputValue>(&text).expect("a number"),
                number
            );
            let tree = serde_json::to_value(&number).expect("JSON");
            assert_eq!(
                serde_json::from_value::<InputValue>(tree).expect("a number"),
                number
            );
        }
        let wrong = r#"{"Int":{"bits":8,"value":"x"}}"#;
        assert!(serde_json::from_str::<InputValue>(wrong).is_err());
    }

    #[test]
    fn strings_end_at_their_first_zero() {
        let of = |bytes: &[(u64, &[u8])]| {
            let bytes = bytes.iter().map(|(at, run)| (*at, run.to_vec())).collect();
            let contents = Contents {
                bytes,
                pointers: Vec::new(),
            };
            contents.string_length()
        };
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[(0, b"ab\0c")]), 2);
        assert_eq!(of(&[(2, b"c"), (0, b"ab")]), 3);
        assert_eq!(of(&[(1, b"b")]), 0);
    }
}

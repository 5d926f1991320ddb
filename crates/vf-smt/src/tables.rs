//! Hash tables whose order is the same in every run, as in `vf-source`, which this crate does not know.

use std::collections;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// As the standard one; made with `default()`.
pub type HashMap<K, V> = collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// As the standard one; made with `default()`.
pub type HashSet<T> = collections::HashSet<T, BuildHasherDefault<DefaultHasher>>;

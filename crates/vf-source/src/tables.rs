//! Hash tables whose order is the same in every run.
//!
//! The standard library's tables draw a new order in every process, against inputs that are made to collide. Here the order of a
//! walk through a table can reach a solver, and with it the counterexample that is found: the same question has to give the
//! same answer again. What is hashed are numbers and names of one program, at most some millions: an input that
//! makes them collide costs time, which is bounded as that of any other input is.

use std::collections;
use std::hash::{BuildHasherDefault, DefaultHasher};

/// As the standard one; made with `default()`.
pub type HashMap<K, V> = collections::HashMap<K, V, BuildHasherDefault<DefaultHasher>>;

/// As the standard one; made with `default()`.
pub type HashSet<T> = collections::HashSet<T, BuildHasherDefault<DefaultHasher>>;

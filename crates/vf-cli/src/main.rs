//! The verify-fix command.
fn main() {}

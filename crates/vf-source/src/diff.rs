//! Unified diffs: parse, apply, write.

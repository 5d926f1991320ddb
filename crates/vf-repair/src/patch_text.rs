//! Patches as text.

use std::path::Path;

/// A unified diff with three lines of context and `a/`, `b/` before the path, as `git diff` writes it.
pub fn unified(file: &Path, old: &str, new: &str) -> String {
    vf_source::diff::diff(&file.to_string_lossy().replace('\\', "/"), old, new)
}

//! Patches as text.

use std::path::Path;

/// A unified diff with three lines of context and `a/`, `b/` before the path, as `git diff` writes it.
pub fn unified(file: &Path, old: &str, new: &str) -> String {
    let path = file.to_string_lossy().replace('\\', "/");
    similar::TextDiff::from_lines(old, new)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}

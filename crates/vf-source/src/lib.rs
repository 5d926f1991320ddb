//! Source text: files, positions, spans and unified diffs.
//!
//! This crate knows nothing of C: no tokens, no types, no proofs. A [`SourceMap`] owns the text of every
//! file that was read; a [`Span`] names a stretch of one of them in the lines and columns a user's editor
//! shows, and is small enough to be copied into every node of every later layer.

pub mod diff;
mod span;
pub mod tables;

pub use span::{FileId, Position, SourceFile, SourceMap, Span};

/// Byte at which a line begins (lines count from 1); `None` behind the last one.
pub fn line_start(text: &str, line: u32) -> Option<usize> {
    match (line as usize).checked_sub(2) {
        None => Some(0),
        Some(n) => text.match_indices('\n').nth(n).map(|(i, _)| i + 1),
    }
}

/// The line, from 1, in which a byte lies.
pub fn line_of(text: &str, at: usize) -> u32 {
    let before = text.bytes().take(at).filter(|b| *b == b'\n').count();
    u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::{line_of, line_start};

    #[test]
    fn lines_count_from_one() {
        let text = "a\nbc\n";
        assert_eq!(
            [0, 1, 2, 3, 4].map(|l| line_start(text, l)),
            [Some(0), Some(0), Some(2), Some(5), None]
        );
        assert_eq!(
            [0, 1, 2, 4, 5, 99].map(|at| line_of(text, at)),
            [1, 1, 2, 2, 3, 3]
        );
    }
}

//! Which obligation of the new version is which of the old one.
//!
//! Line numbers shift under a patch and verdict ids count from the start of the function, so neither names an
//! obligation across versions. Obligations are matched within a function by property and text, first on lines
//! that the patch left alone, then in order (a longest common subsequence), and last, for a statement that was
//! rewritten, by property and place in the same hunk.

use std::collections::BTreeMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};
use vf_verify::report::{FunctionReport, ObligationReport};

use crate::ctext::lex::normalised;

/// How the lines of two versions of a file correspond. Lines count from 1.
#[derive(Clone, Debug, Default)]
pub struct LineMap {
    /// Stretches in order: old lines, new lines, and whether they are the same text.
    parts: Vec<(Range<u32>, Range<u32>, bool)>,
}

impl LineMap {
    pub fn new(old: &str, new: &str) -> LineMap {
        let old: Vec<&str> = old.lines().collect();
        let new: Vec<&str> = new.lines().collect();
        let range = |start: usize, len: usize| (start as u32 + 1)..((start + len) as u32 + 1);
        let mut parts: Vec<(Range<u32>, Range<u32>, bool)> = Vec::new();
        for op in capture_diff_slices(Algorithm::Myers, &old, &new) {
            let (a, b) = (op.old_range(), op.new_range());
            let (a, b) = (range(a.start, a.len()), range(b.start, b.len()));
            let equal = matches!(op, DiffOp::Equal { .. });
            match parts.last_mut() {
                // A deletion beside an insertion is one hunk.
                Some((pa, pb, false)) if !equal => {
                    pa.end = a.end;
                    pb.end = b.end;
                }
                _ => parts.push((a, b, equal)),
            }
        }
        LineMap { parts }
    }

    /// The new line with the same text, when the patch left the old one alone.
    pub fn same(&self, old: u32) -> Option<u32> {
        self.parts
            .iter()
            .find(|(a, _, equal)| *equal && a.contains(&old))
            .map(|(a, b, _)| b.start + (old - a.start))
    }

    /// The new lines that an old line became: itself, or the hunk that replaced it.
    pub fn became(&self, old: u32) -> Range<u32> {
        match self.same(old) {
            Some(line) => line..line + 1,
            None => self
                .parts
                .iter()
                .find(|(a, ..)| a.contains(&old))
                .map_or(0..0, |(_, b, _)| b.clone()),
        }
    }

    /// Lines that differ, on both sides. A pure insertion has an empty old range at the line it stands before.
    pub fn hunks(&self) -> impl Iterator<Item = (Range<u32>, Range<u32>)> + '_ {
        self.parts
            .iter()
            .filter(|(.., equal)| !equal)
            .map(|(a, b, _)| (a.clone(), b.clone()))
    }
}

/// How two obligations came to be matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// Same property and text.
    Same,
    /// Same property, other text, in the same hunk: the operation was rewritten.
    Rewritten,
}

/// Obligations of one function in two versions. Numbers are indexes into the reports' lists.
#[derive(Clone, Debug, Default)]
pub struct Alignment {
    pub pairs: Vec<(usize, usize, Match)>,
    pub only_before: Vec<usize>,
    pub only_after: Vec<usize>,
}

impl Alignment {
    pub fn after_of(&self, before: usize) -> Option<(usize, Match)> {
        self.pairs
            .iter()
            .find(|(b, ..)| *b == before)
            .map(|(_, a, m)| (*a, *m))
    }
}

/// Largest product of list lengths for which the exact alignment is computed; beyond it, in order and greedy.
const MAX_CELLS: usize = 4_000_000;

/// Matches the obligations of one function.
pub fn align(before: &FunctionReport, after: &FunctionReport, lines: &LineMap) -> Alignment {
    let (old, new) = (&before.obligations, &after.obligations);
    let old_keys: Vec<(&str, String)> = old.iter().map(key).collect();
    let new_keys: Vec<(&str, String)> = new.iter().map(key).collect();
    let mut pair_of_old: Vec<Option<(usize, Match)>> = vec![None; old.len()];
    let mut taken = vec![false; new.len()];

    let mut by_line: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (j, obligation) in new.iter().enumerate() {
        by_line.entry(obligation.location.line).or_default().push(j);
    }
    for (i, obligation) in old.iter().enumerate() {
        let Some(line) = lines.same(obligation.location.line) else {
            continue;
        };
        let found = by_line
            .get(&line)
            .and_then(|js| js.iter().find(|j| !taken[**j] && new_keys[**j] == old_keys[i]));
        if let Some(j) = found {
            pair_of_old[i] = Some((*j, Match::Same));
            taken[*j] = true;
        }
    }
    let rest_old: Vec<usize> = (0..old.len()).filter(|i| pair_of_old[*i].is_none()).collect();
    let rest_new: Vec<usize> = (0..new.len()).filter(|j| !taken[*j]).collect();
    for (i, j) in common(&rest_old, &rest_new, |i, j| old_keys[i] == new_keys[j]) {
        pair_of_old[i] = Some((j, Match::Same));
        taken[j] = true;
    }
    for i in 0..old.len() {
        if pair_of_old[i].is_some() {
            continue;
        }
        let place = lines.became(old[i].location.line);
        let found = (0..new.len()).find(|j| {
            !taken[*j] && new[*j].property == old[i].property && place.contains(&new[*j].location.line)
        });
        if let Some(j) = found {
            pair_of_old[i] = Some((j, Match::Rewritten));
            taken[j] = true;
        }
    }
    Alignment {
        pairs: pair_of_old
            .iter()
            .enumerate()
            .filter_map(|(i, p)| p.map(|(j, m)| (i, j, m)))
            .collect(),
        only_before: (0..old.len()).filter(|i| pair_of_old[*i].is_none()).collect(),
        only_after: (0..new.len()).filter(|j| !taken[*j]).collect(),
    }
}

fn key(obligation: &ObligationReport) -> (&str, String) {
    (obligation.property.as_str(), normalised(&obligation.text))
}

/// A longest common subsequence of two lists under `same` (Wagner and Fischer 1974).
fn common(a: &[usize], b: &[usize], same: impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    if a.len().saturating_mul(b.len()) > MAX_CELLS {
        let mut from = 0;
        for x in a {
            if let Some(n) = b.iter().skip(from).position(|y| same(*x, *y)) {
                found.push((*x, b[from + n]));
                from += n + 1;
            }
        }
        return found;
    }
    let width = b.len() + 1;
    // length[i][j]: of the best alignment of a[i..] and b[j..].
    let mut length = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i * width + j] = if same(a[i], b[j]) {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        if same(a[i], b[j]) {
            found.push((a[i], b[j]));
            i += 1;
            j += 1;
        } else if length[(i + 1) * width + j] >= length[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::function;
    use vf_verify::report::Verdict::{Proved, Refuted};

    #[test]
    fn lines_shift_and_hunks_replace() {
        let lines = LineMap::new("a\nb\nc\nd\n", "a\nx\ny\nc\nd\n");
        assert_eq!(lines.same(1), Some(1));
        assert_eq!(lines.same(3), Some(4));
        assert_eq!(lines.same(2), None);
        assert_eq!(lines.became(2), 2..4);
        assert_eq!(lines.hunks().collect::<Vec<_>>(), [(2..3, 2..4)]);
    }

    #[test]
    fn equal_texts_are_told_apart_by_their_line() {
        // The patch puts a guarded copy of the same access before the old one.
        let old = "{\n\tx = t[i];\n}\n";
        let new = "{\n\tif (i < 8)\n\t\ty = t[i];\n\tx = t[i];\n}\n";
        let before = function("f", &[("index-upper-bound", "t[i]", 2, Refuted)]);
        let after = function(
            "f",
            &[
                ("index-upper-bound", "t[i]", 3, Proved),
                ("index-upper-bound", "t[i]", 4, Refuted),
            ],
        );
        let alignment = align(&before, &after, &LineMap::new(old, new));
        assert_eq!(alignment.pairs, [(0, 1, Match::Same)]);
        assert_eq!(alignment.only_after, [0]);
    }

    #[test]
    fn layout_of_the_text_does_not_matter() {
        let before = function("f", &[("valid-write", "memcpy(a,b, n)", 1, Refuted)]);
        let after = function("f", &[("valid-write", "memcpy(a, b, n)", 9, Proved)]);
        assert_eq!(
            align(&before, &after, &LineMap::new("x", "y")).pairs,
            [(0, 0, Match::Same)]
        );
    }

    #[test]
    fn a_rewritten_operation_is_found_in_its_hunk() {
        let (old, new) = ("a\nsprintf(b, s);\nc\n", "a\nsnprintf(b, 8, s);\nc\n");
        let before = function("f", &[("valid-write", "sprintf(b, s)", 2, Refuted)]);
        let after = function("f", &[("valid-write", "snprintf(b, 8, s)", 2, Proved)]);
        assert_eq!(
            align(&before, &after, &LineMap::new(old, new)).pairs,
            [(0, 0, Match::Rewritten)]
        );
        let elsewhere = function("f", &[("valid-write", "snprintf(b, 8, s)", 3, Proved)]);
        assert!(
            align(&before, &elsewhere, &LineMap::new(old, new))
                .pairs
                .is_empty()
        );
    }
}

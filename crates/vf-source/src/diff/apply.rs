//! Applying a file's patch to its text.

use std::ops::Range;

use super::{Change, DiffError, FilePatch, Found, Hunk, HunkLine, LineKind};

/// What applying a patch gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub text: String,
    /// Removed lines of the original, by number from 1; an empty range is where lines were only added.
    pub touched_before: Vec<Range<u32>>,
    /// Added lines of the result; an empty range is where lines were only removed.
    pub touched_after: Vec<Range<u32>>,
    /// How many lines below its stated place each hunk was found.
    pub offsets: Vec<i64>,
}

/// Applies every hunk, or none.
///
/// A hunk goes to the place nearest to the stated one (moved as the hunk before it was) where all its context
/// and removed lines stand, but without context above, or below, only to the stated place or the start, or
/// the end, of the file.
pub fn apply(patch: &FilePatch, original: &str) -> Result<String, DiffError> {
    apply_located(patch, original).map(|applied| applied.text)
}

/// As [`apply`], and says where.
pub fn apply_located(patch: &FilePatch, original: &str) -> Result<Applied, DiffError> {
    let file = || patch.path().to_string();
    if patch.change == Change::Created && !original.is_empty() {
        return Err(DiffError::AlreadyExists { file: file() });
    }
    let lines: Vec<&str> = original.split_inclusive('\n').collect();
    let mut result = Applied {
        text: String::with_capacity(original.len()),
        touched_before: Vec::new(),
        touched_after: Vec::new(),
        offsets: Vec::new(),
    };
    let (mut copied, mut shift, mut written) = (0, 0, 0);
    for (index, hunk) in patch.hunks.iter().enumerate() {
        let stated = i64::from(hunk.first_old()) - 1;
        let expected = usize::try_from(stated + shift).unwrap_or(0);
        let place = find(hunk, &lines, copied, expected)
            .ok_or_else(|| mismatch(file(), index + 1, hunk, &lines, copied, expected))?;
        shift = place as i64 - stated;
        result.offsets.push(shift);
        let between = lines.get(copied..place).unwrap_or_default();
        between.iter().for_each(|line| result.text.push_str(line));
        written += between.len();
        result
            .touched_before
            .extend(hunk.touched(LineKind::Removed, number(place)));
        result
            .touched_after
            .extend(hunk.touched(LineKind::Added, number(written)));
        copied = place;
        let line_end = LineEnd::of(hunk, lines.get(place..).unwrap_or_default());
        for line in &hunk.lines {
            match line.kind {
                LineKind::Context => result
                    .text
                    .push_str(lines.get(copied).copied().unwrap_or_default()),
                LineKind::Removed => {}
                LineKind::Added => result.text.push_str(&line_end.adapt(&line.text)),
            }
            copied += usize::from(line.kind != LineKind::Added);
            written += usize::from(line.kind != LineKind::Removed);
        }
    }
    let rest = lines.get(copied..).unwrap_or_default();
    if patch.change == Change::Deleted
        && !(result.text.is_empty() && rest.is_empty())
        && !patch.hunks.is_empty()
    {
        let left = result.text.split_inclusive('\n').count() + rest.len();
        return Err(DiffError::LeavesRest {
            file: file(),
            lines: left,
        });
    }
    if patch.change != Change::Deleted {
        rest.iter().for_each(|line| result.text.push_str(line));
    }
    Ok(result)
}

/// Line number of an index.
fn number(index: usize) -> u32 {
    u32::try_from(index + 1).unwrap_or(u32::MAX)
}

fn old_lines(hunk: &Hunk) -> impl Iterator<Item = &HunkLine> {
    hunk.lines.iter().filter(|line| line.kind != LineKind::Added)
}

/// Equal, or equal but for a carriage return before the newline.
fn same_line(one: &str, other: &str) -> bool {
    if one == other {
        return true;
    }
    let body = |line: &str| {
        line.strip_suffix('\n')
            .map(|l| l.strip_suffix('\r').unwrap_or(l).to_string())
    };
    matches!((body(one), body(other)), (Some(one), Some(other)) if one == other)
}

fn fits(hunk: &Hunk, lines: &[&str], at: usize) -> bool {
    let mut here = lines.get(at..).unwrap_or_default().iter();
    if at > lines.len()
        || !old_lines(hunk).all(|old| here.next().is_some_and(|line| same_line(line, &old.text)))
    {
        return false;
    }
    let ends_file = hunk.lines.iter().any(|line| !line.text.ends_with('\n'));
    // Lines added after a last line without newline would join it.
    let joins = lines.get(at..).is_some_and(<[&str]>::is_empty)
        && lines.last().is_some_and(|last| !last.ends_with('\n'))
        && hunk
            .lines
            .first()
            .is_some_and(|line| line.kind == LineKind::Added);
    (!ends_file || here.next().is_none()) && !joins
}

/// Index of the line where the hunk fits: `expected` or the nearest place not before `from`, below first.
fn find(hunk: &Hunk, lines: &[&str], from: usize, expected: usize) -> Option<usize> {
    if expected >= from && fits(hunk, lines, expected) {
        return Some(expected);
    }
    // A place far below the end is as good as the end.
    let expected = expected.min(lines.len());
    let old = old_lines(hunk).count();
    if old == 0 {
        return None;
    }
    let context = |line: Option<&HunkLine>| line.is_some_and(|line| line.kind == LineKind::Context);
    let (above, below) = (context(hunk.lines.first()), context(hunk.lines.last()));
    let allowed = |at: usize| {
        at >= from && (above || at == 0) && (below || at + old == lines.len()) && fits(hunk, lines, at)
    };
    for distance in 0..=lines.len() {
        if allowed(expected + distance) {
            return Some(expected + distance);
        }
        if let Some(at) = expected.checked_sub(distance).filter(|at| allowed(*at)) {
            return Some(at);
        }
    }
    None
}

/// The first line that is not as the hunk says, at its expected place.
fn mismatch(
    file: String,
    index: usize,
    hunk: &Hunk,
    lines: &[&str],
    from: usize,
    expected: usize,
) -> DiffError {
    let at = expected.max(from);
    let show = |line: &str, other_has_newline: bool| {
        let text = line.trim_end_matches(['\n', '\r']).to_string();
        let matters = !line.ends_with('\n') && other_has_newline;
        if matters {
            Found::LineWithoutNewline(text)
        } else {
            Found::Line(text)
        }
    };
    let mut here = at;
    for old in old_lines(hunk) {
        let actual = lines.get(here).copied();
        if actual.is_none_or(|line| !same_line(line, &old.text)) {
            let expected = show(&old.text, actual.is_some_and(|line| line.ends_with('\n')));
            let actual = actual.map_or(Found::EndOfFile, |line| show(line, old.text.ends_with('\n')));
            return DiffError::DoesNotApply {
                file,
                hunk: index,
                line: here + 1,
                expected,
                actual,
            };
        }
        here += 1;
    }
    // All lines are there, but the file goes on where the hunk ends it, or ends before the place.
    let actual = lines.get(here).map_or(Found::EndOfFile, |line| show(line, true));
    let expected = match hunk.lines.first() {
        Some(line) if actual == Found::EndOfFile => show(&line.text, true),
        _ => Found::EndOfFile,
    };
    DiffError::DoesNotApply {
        file,
        hunk: index,
        line: here + 1,
        expected,
        actual,
    }
}

/// How added lines are to end, where the patch and the file disagree.
enum LineEnd {
    AsWritten,
    CarriageReturn,
    NewlineOnly,
}

impl LineEnd {
    fn of(hunk: &Hunk, here: &[&str]) -> LineEnd {
        let pairs: Vec<(bool, bool)> = old_lines(hunk)
            .zip(here)
            .map(|(old, line)| (old.text.ends_with("\r\n"), line.ends_with("\r\n")))
            .collect();
        if pairs.iter().all(|(patch, file)| patch == file) {
            LineEnd::AsWritten
        } else if pairs.iter().all(|(_, file)| *file) {
            LineEnd::CarriageReturn
        } else if pairs.iter().all(|(_, file)| !*file) {
            LineEnd::NewlineOnly
        } else {
            LineEnd::AsWritten
        }
    }

    fn adapt(&self, line: &str) -> String {
        match (self, line.strip_suffix('\n')) {
            (LineEnd::CarriageReturn, Some(body)) if !body.ends_with('\r') => format!("{body}\r\n"),
            (LineEnd::NewlineOnly, Some(body)) => format!("{}\n", body.strip_suffix('\r').unwrap_or(body)),
            _ => line.to_string(),
        }
    }
}

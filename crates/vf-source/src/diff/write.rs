//! Two texts to a patch.

use std::fmt::Write;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// A patch from one text of a file to another, with git's headers; empty if they are equal.
pub fn diff(path: &str, before: &str, after: &str) -> String {
    diff_files(path, Some(before), Some(after))
}

/// The same for a file that is created (`before` is `None`) or deleted (`after` is `None`).
pub fn diff_files(path: &str, before: Option<&str>, after: Option<&str>) -> String {
    if before == after {
        return String::new();
    }
    let (old_name, new_name) = (quoted(&format!("a/{path}")), quoted(&format!("b/{path}")));
    let mut out = format!("diff --git {old_name} {new_name}\n");
    if before.is_none() {
        out.push_str("new file mode 100644\n");
    }
    if after.is_none() {
        out.push_str("deleted file mode 100644\n");
    }
    let old: Vec<&str> = before.unwrap_or_default().split_inclusive('\n').collect();
    let new: Vec<&str> = after.unwrap_or_default().split_inclusive('\n').collect();
    let hunks = hunks(&changes(&old, &new), old.len(), new.len());
    if hunks.is_empty() {
        return out;
    }
    let name_or_null = |exists: bool, name: &str| match exists {
        // A blank in a name would end it for some readers, so git writes a tab after it.
        true if name.contains(' ') && !name.starts_with('"') => format!("{name}\t"),
        true => name.to_string(),
        false => "/dev/null".to_string(),
    };
    let _ = writeln!(out, "--- {}", name_or_null(before.is_some(), &old_name));
    let _ = writeln!(out, "+++ {}", name_or_null(after.is_some(), &new_name));
    for hunk in hunks {
        let section = section(&old, hunk.old.start);
        let (old_range, new_range) = (range(&hunk.old), range(&hunk.new));
        let _ = writeln!(out, "@@ -{old_range} +{new_range} @@{section}");
        let mut at = hunk.old.start;
        for change in &hunk.changes {
            write_lines(&mut out, ' ', &old, &(at..change.old.start));
            write_lines(&mut out, '-', &old, &change.old);
            write_lines(&mut out, '+', &new, &change.new);
            at = change.old.end;
        }
        write_lines(&mut out, ' ', &old, &(at..hunk.old.end));
    }
    out
}

/// Lines that differ, by number from 1: (removed from `before`, added in `after`). An empty range is where
/// the other side has more.
pub fn touched_lines(before: &str, after: &str) -> (Vec<Range<u32>>, Vec<Range<u32>>) {
    let old: Vec<&str> = before.split_inclusive('\n').collect();
    let new: Vec<&str> = after.split_inclusive('\n').collect();
    let numbers = |range: Range<usize>| {
        let number = |index: usize| u32::try_from(index + 1).unwrap_or(u32::MAX);
        number(range.start)..number(range.end)
    };
    changes(&old, &new)
        .into_iter()
        .map(|change| (numbers(change.old), numbers(change.new)))
        .unzip()
}

/// Lines (by index from 0) that are replaced.
struct Changed {
    old: Range<usize>,
    new: Range<usize>,
}

struct Group {
    old: Range<usize>,
    new: Range<usize>,
    changes: Vec<Changed>,
}

/// The differences, in order, none touching the next.
fn changes(old: &[&str], new: &[&str]) -> Vec<Changed> {
    let mut changes: Vec<Changed> = Vec::new();
    for op in capture_diff_slices(Algorithm::Patience, old, new) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        match changes.last_mut() {
            Some(last) if last.old.end == old.start && last.new.end == new.start => {
                (last.old.end, last.new.end) = (old.end, new.end);
            }
            _ => changes.push(Changed { old, new }),
        }
    }
    changes
}

/// Changes whose context would touch share a hunk.
fn hunks(changes: &[Changed], old_len: usize, new_len: usize) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for change in changes {
        let change = Changed {
            old: change.old.clone(),
            new: change.new.clone(),
        };
        let reach = |at: usize, len: usize| (at + CONTEXT).min(len);
        let (old_end, new_end) = (reach(change.old.end, old_len), reach(change.new.end, new_len));
        match groups.last_mut() {
            Some(group) if change.old.start <= group.old.end + CONTEXT => {
                (group.old.end, group.new.end) = (old_end, new_end);
                group.changes.push(change);
            }
            _ => groups.push(Group {
                old: change.old.start.saturating_sub(CONTEXT)..old_end,
                new: change.new.start.saturating_sub(CONTEXT)..new_end,
                changes: vec![change],
            }),
        }
    }
    groups
}

/// `12,3`, or `12` for one line; an empty range is named by the line before it.
fn range(lines: &Range<usize>) -> String {
    match lines.len() {
        0 => format!("{},0", lines.start),
        1 => (lines.start + 1).to_string(),
        count => format!("{},{count}", lines.start + 1),
    }
}

/// The last line above the hunk that starts in the first column with a letter: in C, the function's head.
fn section(old: &[&str], start: usize) -> String {
    let heads = |line: &&&str| line.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$');
    let head = old.get(..start).unwrap_or_default().iter().rev().find(heads);
    let text: String = head.map_or("", |line| line.trim_end()).chars().take(80).collect();
    if text.is_empty() {
        text
    } else {
        format!(" {}", text.trim_end().replace('\r', " "))
    }
}

fn write_lines(out: &mut String, mark: char, lines: &[&str], which: &Range<usize>) {
    for line in lines.get(which.clone()).unwrap_or_default() {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

/// A path as git writes it: in quotes if it has bytes that are not plain.
fn quoted(path: &str) -> String {
    let plain = |b: u8| (b' '..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if path.bytes().all(plain) {
        return path.to_string();
    }
    let mut out = String::from("\"");
    for byte in path.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            byte if plain(byte) => out.push(char::from(byte)),
            byte => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out.push('"');
    out
}

//! Patch text to [`Patch`].

use super::{Change, DiffError, FilePatch, Hunk, HunkLine, LineKind, Patch};

impl Patch {
    /// Reads a patch. Text outside of file headers and hunks (mail headers, commit message, signature) is
    /// passed over.
    ///
    /// Paths lose their first component when the two sides carry git's prefixes (`a/` and `b/`, also `i/`,
    /// `w/`, `c/`, `o/`) or differ in just that component (`linux.orig/fs/x.c`, `linux/fs/x.c`).
    pub fn parse(text: &str) -> Result<Patch, DiffError> {
        let lines = text.split_inclusive('\n').collect();
        let mut parser = Parser {
            lines,
            at: 0,
            files: Vec::new(),
            current: None,
        };
        while let Some(line) = parser.peek(0) {
            parser.line(line)?;
        }
        parser.finish_file()?;
        if parser.files.is_empty() {
            Err(DiffError::NoFiles)
        } else {
            Ok(Patch { files: parser.files })
        }
    }
}

/// A file header while it is read.
#[derive(Default)]
struct Header {
    /// Names of the `diff --git` line, prefixes included.
    git_names: Option<(String, String)>,
    /// Names of the `---` and `+++` lines; `None` inside is `/dev/null`.
    old: Option<Option<String>>,
    new: Option<Option<String>>,
    created: bool,
    deleted: bool,
    moved: Option<Change>,
    /// Names of `rename from`/`copy from` and `... to`, without prefix.
    from: Option<String>,
    to: Option<String>,
    /// Whether anything says that this is more than a stray `diff --git` line in a text.
    confirmed: bool,
    hunks: Vec<Hunk>,
    /// The `+++` line ends in a carriage return: so may every line, because the mail was sent that way.
    carriage_return: bool,
    line: u32,
}

struct Parser<'t> {
    lines: Vec<&'t str>,
    at: usize,
    files: Vec<FilePatch>,
    current: Option<Header>,
}

impl<'t> Parser<'t> {
    /// The line so many lines ahead, without its end.
    fn peek(&self, ahead: usize) -> Option<&'t str> {
        self.lines
            .get(self.at + ahead)
            .map(|line| line.trim_end_matches(['\n', '\r']))
    }

    /// Number of the current line, from 1.
    fn number(&self) -> u32 {
        u32::try_from(self.at + 1).unwrap_or(u32::MAX)
    }

    fn line(&mut self, line: &'t str) -> Result<(), DiffError> {
        if let Some(rest) = line.strip_prefix("diff --git ") {
            self.finish_file()?;
            let header = Header {
                git_names: git_names(rest),
                line: self.number(),
                ..Header::default()
            };
            self.current = Some(header);
        } else if let Some(old) = line.strip_prefix("--- ")
            && let Some(new) = self.peek(1).and_then(|next| next.strip_prefix("+++ "))
        {
            return self.names(old, new);
        } else if line.starts_with("@@ -") {
            return self.hunk(line);
        } else if self
            .current
            .as_ref()
            .is_some_and(|header| header.hunks.is_empty())
        {
            self.extended(line)?;
        }
        self.at += 1;
        Ok(())
    }

    /// `--- old` and `+++ new`.
    fn names(&mut self, old: &str, new: &str) -> Result<(), DiffError> {
        // A second pair, or one without `diff --git`, starts a file of its own.
        if self.current.as_ref().is_none_or(|header| header.old.is_some()) {
            self.finish_file()?;
            self.current = Some(Header {
                line: self.number(),
                ..Header::default()
            });
        }
        let line = self.number();
        let names = (file_name(old, line)?, file_name(new, line + 1)?);
        if names == (None, None) {
            return Err(DiffError::NoName { line });
        }
        let carriage_return = self
            .lines
            .get(self.at + 1)
            .is_some_and(|line| line.ends_with("\r\n"));
        if let Some(header) = &mut self.current {
            (header.old, header.new) = (Some(names.0), Some(names.1));
            header.confirmed = true;
            header.carriage_return = carriage_return;
        }
        self.at += 2;
        Ok(())
    }

    /// A line of git's extended header.
    fn extended(&mut self, line: &str) -> Result<(), DiffError> {
        let number = self.number();
        let Some(header) = &mut self.current else {
            return Ok(());
        };
        let name = |text: &str| file_name(text, number);
        if line.starts_with("new file mode ") {
            header.created = true;
        } else if line.starts_with("deleted file mode ") {
            header.deleted = true;
        } else if let Some(from) = line.strip_prefix("rename from ") {
            (header.moved, header.from) = (Some(Change::Renamed), name(from)?);
        } else if let Some(from) = line.strip_prefix("copy from ") {
            (header.moved, header.from) = (Some(Change::Copied), name(from)?);
        } else if let Some(to) = line.strip_prefix("rename to ").or(line.strip_prefix("copy to ")) {
            header.to = name(to)?;
        } else if line.starts_with("GIT binary patch") || line.starts_with("Binary files ") {
            let file = header
                .git_names
                .as_ref()
                .map_or(String::new(), |(_, new)| strip_first(new));
            return Err(DiffError::Binary { file, line: number });
        } else if !line.starts_with("old mode ") && !line.starts_with("new mode ") {
            return Ok(());
        }
        header.confirmed = true;
        Ok(())
    }

    fn hunk(&mut self, line: &'t str) -> Result<(), DiffError> {
        let patch_line = self.number();
        let malformed = || DiffError::HunkHeader {
            line: patch_line,
            text: line.to_string(),
        };
        let Some(mut header) = self.current.take().filter(|header| header.old.is_some()) else {
            return Err(DiffError::HunkWithoutFile { line: patch_line });
        };
        let (old, new, section) = hunk_header(line).ok_or_else(malformed)?;
        self.at += 1;
        let mut hunk = Hunk {
            old_start: old.0,
            old_count: old.1,
            new_start: new.0,
            new_count: new.1,
            section: section.to_string(),
            lines: Vec::new(),
            patch_line,
        };
        let place = Place {
            file: header.display_name(),
            hunk: header.hunks.len() + 1,
        };
        self.hunk_lines(&mut hunk, &place)?;
        header.hunks.push(hunk);
        self.current = Some(header);
        Ok(())
    }

    fn hunk_lines(&mut self, hunk: &mut Hunk, place: &Place) -> Result<(), DiffError> {
        let (mut old_left, mut new_left) = (hunk.old_count, hunk.new_count);
        // Once a side has its last line without newline, nothing may follow on it.
        let (mut old_ended, mut new_ended) = (false, false);
        while old_left > 0 || new_left > 0 || self.peek(0).is_some_and(is_no_newline) {
            let line = self.number();
            let too_short = || DiffError::HunkTooShort {
                file: place.file.clone(),
                hunk: place.hunk,
                line,
                missing: old_left.max(new_left),
            };
            let raw = *self.lines.get(self.at).ok_or_else(too_short)?;
            if is_no_newline(raw) {
                if let Some(last) = hunk.lines.last_mut() {
                    let without = last.text.strip_suffix('\n').map(str::len);
                    last.text.truncate(without.unwrap_or(last.text.len()));
                    old_ended |= last.kind != LineKind::Added;
                    new_ended |= last.kind != LineKind::Removed;
                }
                self.at += 1;
                continue;
            }
            let (kind, text) = match raw.as_bytes().first() {
                Some(b' ') => (LineKind::Context, raw.get(1..)),
                Some(b'-') => (LineKind::Removed, raw.get(1..)),
                Some(b'+') => (LineKind::Added, raw.get(1..)),
                // Mail programs cut the blank off an empty context line.
                Some(b'\n' | b'\r') => (LineKind::Context, Some(raw)),
                _ => return Err(too_short()),
            };
            let old_side = u32::from(kind != LineKind::Added);
            let new_side = u32::from(kind != LineKind::Removed);
            if old_ended && old_side == 1 || new_ended && new_side == 1 {
                return Err(DiffError::TextAfterEnd {
                    file: place.file.clone(),
                    hunk: place.hunk,
                    line,
                });
            }
            match (old_left.checked_sub(old_side), new_left.checked_sub(new_side)) {
                (Some(old), Some(new)) => (old_left, new_left) = (old, new),
                _ => {
                    return Err(DiffError::HunkTooLong {
                        file: place.file.clone(),
                        hunk: place.hunk,
                        line,
                    });
                }
            }
            let mut text = text.unwrap_or_default().to_string();
            // The patch text itself may end without a newline.
            if !text.ends_with('\n') {
                text.push('\n');
            }
            hunk.lines.push(HunkLine { kind, text });
            self.at += 1;
        }
        // A signature ("-- ") or the next file ("--- ") may follow, but no line that looks like this hunk's.
        if self
            .peek(0)
            .is_some_and(|next| next.starts_with('+') || next.starts_with('-') && !next.starts_with("--"))
        {
            let (file, hunk) = (place.file.clone(), place.hunk);
            return Err(DiffError::HunkTooLong {
                file,
                hunk,
                line: self.number(),
            });
        }
        Ok(())
    }

    fn finish_file(&mut self) -> Result<(), DiffError> {
        let Some(mut header) = self.current.take().filter(|header| header.confirmed) else {
            return Ok(());
        };
        header.undo_mail_line_ends();
        let file = header.display_name();
        let mut end = 0u64;
        for (index, hunk) in header.hunks.iter().enumerate() {
            if u64::from(hunk.first_old()) < end {
                return Err(DiffError::OutOfOrder {
                    file,
                    hunk: index + 1,
                    line: hunk.patch_line,
                });
            }
            end = u64::from(hunk.first_old()) + u64::from(hunk.old_count);
        }
        let line = header.line;
        self.files
            .push(header.into_file().ok_or(DiffError::NoName { line })?);
        Ok(())
    }
}

/// Where a hunk is, for errors.
struct Place {
    file: String,
    hunk: usize,
}

impl Header {
    fn display_name(&self) -> String {
        let old = self.old.clone().flatten();
        self.new
            .clone()
            .flatten()
            .or(old)
            .map_or(String::new(), |name| strip_first_if_prefixed(&name))
    }

    /// When the whole file patch has carriage returns, headers included, they are the mail's, not the file's.
    fn undo_mail_line_ends(&mut self) {
        let mut lines = self
            .hunks
            .iter()
            .flat_map(|h| &h.lines)
            .filter(|line| line.text.ends_with('\n'));
        if !self.carriage_return || !lines.all(|line| line.text.ends_with("\r\n")) {
            return;
        }
        for line in self.hunks.iter_mut().flat_map(|h| &mut h.lines) {
            let end = if line.text.ends_with('\n') { "\n" } else { "" };
            let kept = line.text.trim_end_matches('\n');
            line.text = format!("{}{end}", kept.strip_suffix('\r').unwrap_or(kept));
        }
    }

    fn into_file(self) -> Option<FilePatch> {
        let (old, new) = match (&self.old, &self.new) {
            (Some(old), Some(new)) => (old.clone(), new.clone()),
            _ => {
                let (old, new) = self.git_names.clone()?;
                (Some(old), Some(new))
            }
        };
        let (mut old_path, mut new_path) = strip_prefixes(old, new);
        let change = if let Some(moved) = self.moved {
            // These names carry no prefix and leave nothing to guess.
            old_path = self.from.or(old_path);
            new_path = self.to.or(new_path);
            moved
        } else if self.created || old_path.is_none() {
            old_path = None;
            Change::Created
        } else if self.deleted || new_path.is_none() {
            new_path = None;
            Change::Deleted
        } else {
            Change::Modified
        };
        (old_path.is_some() || new_path.is_some()).then_some(FilePatch {
            old_path,
            new_path,
            change,
            hunks: self.hunks,
        })
    }
}

fn is_no_newline(line: &str) -> bool {
    line.starts_with("\\ ")
}

/// Start and count.
type Stretch = (u32, u32);

/// `@@ -12,3 +14 @@ section`: the two ranges and the section.
fn hunk_header(line: &str) -> Option<(Stretch, Stretch, &str)> {
    let rest = line.strip_prefix("@@ -")?;
    let (old, rest) = rest.split_once(" +")?;
    let (new, section) = rest.split_once(" @@")?;
    Some((
        range(old)?,
        range(new)?,
        section.strip_prefix(' ').unwrap_or(section),
    ))
}

/// `12,3`, or `12` for a count of one.
fn range(text: &str) -> Option<Stretch> {
    let number = |digits: &str| -> Option<u32> {
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            digits.parse().ok()
        } else {
            None
        }
    };
    match text.split_once(',') {
        Some((start, count)) => Some((number(start)?, number(count)?)),
        None => Some((number(text)?, 1)),
    }
}

/// The name on a `---` or `+++` line: quoted as C strings are, or up to a tab (a time stamp follows).
/// `None` for `/dev/null`.
fn file_name(text: &str, line: u32) -> Result<Option<String>, DiffError> {
    let bad = || DiffError::FileName {
        line,
        text: text.to_string(),
    };
    let name = if text.starts_with('"') {
        let (name, _) = unquote(text).ok_or_else(bad)?;
        name
    } else {
        let name = text.split('\t').next().unwrap_or_default();
        name.trim_end().to_string()
    };
    match name.as_str() {
        "" => Err(bad()),
        "/dev/null" => Ok(None),
        _ => Ok(Some(name)),
    }
}

/// The two names of a `diff --git` line. Without quotes the line is ambiguous if names have blanks: git then
/// writes it only where both names are the same but for the prefix.
fn git_names(text: &str) -> Option<(String, String)> {
    if text.starts_with('"') {
        let (old, rest) = unquote(text)?;
        let rest = rest.strip_prefix(' ')?;
        let new = if rest.starts_with('"') {
            unquote(rest)?.0
        } else {
            rest.to_string()
        };
        return Some((old, new));
    }
    if let Some((old, quoted)) = text.split_once(" \"") {
        let (new, _) = unquote(&format!("\"{quoted}"))?;
        return Some((old.to_string(), new));
    }
    for (at, _) in text.match_indices(' ') {
        let (old, new) = (text.get(..at)?, text.get(at + 1..)?);
        if strip_first(old) == strip_first(new) {
            return Some((old.to_string(), new.to_string()));
        }
    }
    let (old, new) = text.split_once(' ')?;
    Some((old.to_string(), new.to_string()))
}

/// Undoes git's quoting (git-config(1), `core.quotePath`); also returns what follows the closing quote.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut bytes = Vec::new();
    let mut rest = text.strip_prefix('"')?.bytes().enumerate();
    while let Some((index, byte)) = rest.next() {
        match byte {
            b'"' => return Some((String::from_utf8(bytes).ok()?, text.get(index + 2..)?)),
            b'\\' => bytes.push(match rest.next()?.1 {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'a' => 7,
                b'b' => 8,
                b'v' => 11,
                b'f' => 12,
                plain @ (b'"' | b'\\') => plain,
                first @ b'0'..=b'3' => {
                    let mut value = first - b'0';
                    for _ in 0..2 {
                        let digit = rest.next()?.1.checked_sub(b'0').filter(|d| *d < 8)?;
                        value = value * 8 + digit;
                    }
                    value
                }
                _ => return None,
            }),
            plain => bytes.push(plain),
        }
    }
    None
}

fn strip_first(path: &str) -> String {
    path.split_once('/').map_or(path, |(_, rest)| rest).to_string()
}

const PREFIXES: [&str; 6] = ["a", "b", "i", "w", "c", "o"];

fn strip_first_if_prefixed(path: &str) -> String {
    match path.split_once('/') {
        Some((first, rest)) if PREFIXES.contains(&first) => rest.to_string(),
        _ => path.to_string(),
    }
}

fn strip_prefixes(old: Option<String>, new: Option<String>) -> (Option<String>, Option<String>) {
    let (Some(old), Some(new)) = (&old, &new) else {
        let strip = |name: Option<String>| name.map(|name| strip_first_if_prefixed(&name));
        return (strip(old), strip(new));
    };
    let first = |path: &str| path.split_once('/').map(|(first, _)| first.to_string());
    let (old_first, new_first) = (first(old), first(new));
    let is_prefix = |first: &Option<String>| first.as_deref().is_some_and(|f| PREFIXES.contains(&f));
    let git_style = is_prefix(&old_first) && is_prefix(&new_first) && old_first != new_first;
    let two_trees = old_first.is_some() && old_first != new_first && strip_first(old) == strip_first(new);
    if git_style || two_trees {
        (Some(strip_first(old)), Some(strip_first(new)))
    } else {
        (Some(old.clone()), Some(new.clone()))
    }
}

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Index of a file in its [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// A place in a file: 1-based line and 1-based column, the column counted in bytes.
/// Line 0 stands for "nowhere in a file" (see [`Span::NONE`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    pub line: u32,
    pub column: u32,
}

/// A half-open stretch of one file: `end` is the position just after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    pub file: FileId,
    pub start: Position,
    pub end: Position,
}

impl Span {
    /// The span of what the user did not write (implicit code, unknown places).
    pub const NONE: Span = Span {
        file: FileId(0),
        start: Position { line: 0, column: 0 },
        end: Position { line: 0, column: 0 },
    };

    /// Whether the span names a real place.
    pub fn is_known(self) -> bool {
        self.start.line != 0
    }

    /// The smallest span that covers both. A span of nowhere, or one of another file, adds nothing.
    pub fn cover(self, other: Span) -> Span {
        match (self.is_known(), other.is_known()) {
            (false, _) => other,
            (_, false) => self,
            _ if self.file != other.file => self,
            _ => Span {
                file: self.file,
                start: self.start.min(other.start),
                end: self.end.max(other.end),
            },
        }
    }
}

/// One file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Path as the user or the preprocessor named it.
    pub path: PathBuf,
    /// The text; empty when the file could not be read (a header that is gone, `<built-in>`).
    pub text: String,
    /// Byte offset of the start of each line.
    line_starts: Vec<usize>,
}

impl SourceFile {
    pub fn new(path: PathBuf, text: String) -> Self {
        let line_starts = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(i, _)| i + 1),
            )
            .collect();
        SourceFile {
            path,
            text,
            line_starts,
        }
    }

    /// Number of lines, counting a last line without newline.
    pub fn line_count(&self) -> u32 {
        let n = self.line_starts.len() as u32;
        if self.text.ends_with('\n') || self.text.is_empty() {
            n - 1
        } else {
            n
        }
    }

    /// Text of the 1-based line, without its newline; `None` outside the file.
    pub fn line(&self, line: u32) -> Option<&str> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.line_starts.get(index)?;
        let end = self
            .line_starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.text.len());
        Some(self.text.get(start..end)?.trim_end_matches(['\n', '\r']))
    }

    /// Byte offset of a position; `None` outside the file.
    pub fn offset(&self, at: Position) -> Option<usize> {
        let start = *self.line_starts.get((at.line as usize).checked_sub(1)?)?;
        let offset = start + (at.column as usize).checked_sub(1)?;
        (offset <= self.text.len()).then_some(offset)
    }

    /// Position of a byte offset (clamped to the end of the text).
    pub fn position(&self, offset: usize) -> Position {
        let offset = offset.min(self.text.len());
        let line = self.line_starts.partition_point(|s| *s <= offset);
        Position {
            line: line as u32,
            column: (offset - self.line_starts[line - 1] + 1) as u32,
        }
    }
}

/// Every file of one run. Files are added once per path and never removed.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file, or returns the id under which its path is already known (the old text is kept).
    pub fn add(&mut self, path: &Path, text: impl FnOnce() -> String) -> FileId {
        if let Some(i) = self.files.iter().position(|f| f.path == path) {
            return FileId(i as u32);
        }
        self.files.push(SourceFile::new(path.to_path_buf(), text()));
        FileId(self.files.len() as u32 - 1)
    }

    pub fn get(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    pub fn find(&self, path: &Path) -> Option<FileId> {
        self.files
            .iter()
            .position(|f| f.path == path)
            .map(|i| FileId(i as u32))
    }

    /// The text a span covers; `None` when the span is of nowhere or the file has no text.
    pub fn text(&self, span: Span) -> Option<&str> {
        let file = self.get(span.file)?;
        file.text.get(file.offset(span.start)?..file.offset(span.end)?)
    }

    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }
}

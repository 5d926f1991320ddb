//! From preprocessed text back to what the user wrote: file and line by line markers, columns by aligning the
//! tokens of each preprocessed line with those of the original line it came from.

mod align;

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use vf_source::{FileId, Position, SourceMap, Span};

use crate::lex::{Token, TokenKind};
use crate::preprocess::{Preprocessed, absolute, same_file, to_text};
use align::{Chunk, SourceTokens};

/// A line marker (`# 12 "file.h" 1 3`, GCC's "Preprocessor Output"): the next line is this line of this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    pub line: u32,
    pub file: String,
    /// Flag 1: a file begins.
    pub enters: bool,
}

/// Reads a line marker or a `#line` directive with a file name; `None` for any other directive.
pub fn parse_marker(directive: &str) -> Option<Marker> {
    let rest = directive.strip_prefix('#')?.trim_start();
    let rest = rest.strip_prefix("line").map_or(rest, str::trim_start);
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    let line = rest.get(..digits)?.parse().ok()?;
    let quoted = rest.get(digits..)?.trim_start().strip_prefix('"')?;
    let mut file = Vec::new();
    let mut bytes = quoted.bytes().enumerate();
    let mut end = quoted.len();
    while let Some((i, b)) = bytes.next() {
        match b {
            b'"' => {
                end = i + 1;
                break;
            }
            b'\\' => {
                let (_, escaped) = bytes.next()?;
                if !escaped.is_ascii_digit() {
                    file.push(escaped);
                    continue;
                }
                // GCC writes an unprintable byte as three octal digits.
                let octal = quoted.get(i + 1..i + 4)?;
                file.push(u8::from_str_radix(octal, 8).ok()?);
                bytes.next();
                bytes.next();
            }
            b => file.push(b),
        }
    }
    let flags = quoted.get(end..).unwrap_or("");
    let file = String::from_utf8_lossy(&file).into_owned();
    Some(Marker {
        line,
        file,
        enters: flags.split_whitespace().any(|f| f == "1"),
    })
}

/// For every place in a preprocessed text, the place in the user's files.
#[derive(Debug)]
pub struct PreprocessedMap {
    /// Offset of the start of each line of the preprocessed text.
    line_starts: Vec<u32>,
    /// Stretches of lines between markers, by ascending first line.
    stretches: Vec<Stretch>,
    files: Vec<FileText>,
    /// Tokens per file and chunks per preprocessed line, made when first asked for.
    tokens: Vec<OnceLock<Arc<SourceTokens>>>,
    chunks: Mutex<HashMap<u32, Option<Arc<Chunk>>>>,
}

/// From this line of the preprocessed text on (0-based), lines are those of `file` from `line` on.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    first: u32,
    file: u32,
    line: u32,
}

#[derive(Clone, Debug)]
struct FileText {
    id: FileId,
    /// `None` where the file could not be read, or is not one (`<built-in>`).
    text: Option<Arc<str>>,
}

impl PreprocessedMap {
    /// Reads the markers among `tokens`, and adds the files they name to `sources`. The first file is the main
    /// one.
    pub fn new(pre: &Preprocessed, tokens: &[Token], sources: &mut SourceMap) -> PreprocessedMap {
        let text = pre.text.as_str();
        let line_starts: Vec<u32> = std::iter::once(0)
            .chain(
                text.bytes()
                    .enumerate()
                    .filter(|(_, b)| *b == b'\n')
                    .map(|(i, _)| i as u32 + 1),
            )
            .collect();
        let mut files = vec![add_file(pre, &pre.main_marker, sources)];
        let mut known: HashMap<String, u32> = HashMap::from([(pre.main_marker.clone(), 0)]);
        let mut stretches = vec![Stretch {
            first: 0,
            file: 0,
            line: 1,
        }];
        for token in tokens.iter().filter(|t| t.kind == TokenKind::Directive) {
            let Some(marker) = parse_marker(token.text(text)) else {
                continue;
            };
            let file = *known.entry(marker.file).or_insert_with_key(|name| {
                files.push(add_file(pre, name, sources));
                files.len() as u32 - 1
            });
            let first = line_starts.partition_point(|s| *s <= token.end) as u32;
            stretches.push(Stretch {
                first,
                file,
                line: marker.line,
            });
        }
        let tokens = files.iter().map(|_| OnceLock::new()).collect();
        PreprocessedMap {
            line_starts,
            stretches,
            files,
            tokens,
            chunks: Mutex::new(HashMap::new()),
        }
    }

    /// The main file.
    pub fn main(&self) -> FileId {
        self.files.first().map_or(FileId(0), |f| f.id)
    }

    /// Whether the byte lies in the main file.
    pub fn in_main(&self, offset: usize) -> bool {
        self.stretch(self.line_of(offset)).is_some_and(|s| s.file == 0)
    }

    /// 0-based line of the preprocessed text that holds the byte.
    fn line_of(&self, offset: usize) -> u32 {
        (self.line_starts.partition_point(|s| *s as usize <= offset) as u32).saturating_sub(1)
    }

    fn stretch(&self, line: u32) -> Option<Stretch> {
        let after = self.stretches.partition_point(|s| s.first <= line);
        self.stretches.get(after.checked_sub(1)?).copied()
    }

    /// File index and 1-based line that a preprocessed line stands for.
    fn source_line(&self, line: u32) -> Option<(u32, u32)> {
        let s = self.stretch(line)?;
        Some((s.file, s.line.saturating_add(line.checked_sub(s.first)?)))
    }
}

impl PreprocessedMap {
    /// The place in the user's files of a stretch of the preprocessed text.
    pub fn place(&self, text: &str, tokens: &[Token], range: Range<usize>) -> Span {
        let _ = (text, tokens, &self.tokens, &self.chunks);
        let Some((file, line)) = self.source_line(self.line_of(range.start)) else {
            return Span::NONE;
        };
        let Some(file) = self.files.get(file as usize) else {
            return Span::NONE;
        };
        let _ = &file.text;
        let at = Position { line, column: 1 };
        Span {
            file: file.id,
            start: at,
            end: at,
        }
    }
}

/// The text of the file a marker names: what stands for it, or what is on disk.
fn add_file(pre: &Preprocessed, name: &str, sources: &mut SourceMap) -> FileText {
    let written = if name == pre.main_marker {
        pre.main.clone()
    } else if let (Some(directory), true) = (
        &pre.directory,
        Path::new(name).is_relative() && !name.starts_with('<'),
    ) {
        directory.join(name)
    } else {
        PathBuf::from(name)
    };
    let real = absolute(&written);
    let replaced = pre
        .overlay
        .iter()
        .find(|(p, _)| p.file_name() == real.file_name() && same_file(p, &real));
    let text = match replaced {
        Some((_, text)) => Some(text.clone()),
        None if name.starts_with('<') => None,
        None => std::fs::read(&real).ok().map(|bytes| to_text(&bytes).0),
    };
    let id = sources.add(&written, || text.clone().unwrap_or_default());
    FileText {
        id,
        text: text.map(Arc::from),
    }
}

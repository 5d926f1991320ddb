//! From preprocessed text back to what the user wrote: file and line by line markers, columns by aligning the
//! tokens of each preprocessed line with those of the original line it came from.

mod align;

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use vf_source::tables::HashMap;

use vf_source::{FileId, Position, SourceMap, Span};

use crate::lex::{Token, TokenKind};
use crate::preprocess::{Preprocessed, absolute, same_file, to_text};
use align::{Chunk, Origin, SourceTokens};

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
    chunks: Mutex<HashMap<u32, Arc<Chunk>>>,
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
        let mut known: HashMap<String, u32> = HashMap::from_iter([(pre.main_marker.clone(), 0)]);
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
            chunks: Mutex::new(HashMap::default()),
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
    /// The place in the user's files of a stretch of the preprocessed text. A stretch that lies in what one
    /// macro invocation became is the text of the argument it was copied from, or else the whole invocation.
    pub fn place(&self, text: &str, tokens: &[Token], range: Range<usize>) -> Span {
        let first = tokens.partition_point(|t| t.end as usize <= range.start);
        let last = tokens
            .partition_point(|t| (t.start as usize) < range.end)
            .saturating_sub(1)
            .max(first);
        let Some(start) = self.token_place(text, tokens, first) else {
            return Span::NONE;
        };
        let Some(end) = self.token_place(text, tokens, last) else {
            return start.span;
        };
        if start.file != end.file {
            return start.span;
        }
        if let (Some(a), Some(b)) = (start.invocation, end.invocation)
            && a == b
            && let Some(span) = self.argument(text, tokens, (first, last), start.file, a)
        {
            return span;
        }
        if end.span.end < start.span.start {
            return start.span;
        }
        start.span.cover(end.span)
    }

    /// Where one token of the preprocessed text was written.
    fn token_place(&self, text: &str, tokens: &[Token], index: usize) -> Option<Place> {
        let token = tokens.get(index)?;
        let pre_line = self.line_of(token.start as usize);
        let (file_index, line) = self.source_line(pre_line)?;
        let file = self.files.get(file_index as usize)?;
        let at = Position { line, column: 1 };
        let whole_line = Span {
            file: file.id,
            start: at,
            end: at,
        };
        let nothing = Place {
            file: file_index,
            span: whole_line,
            invocation: None,
        };
        let Some(source_text) = &file.text else {
            return Some(nothing);
        };
        let Some(source) = self.source_tokens(file_index) else {
            return Some(nothing);
        };
        let chunk = self.chunk(
            text,
            tokens,
            index,
            pre_line,
            (file_index, line),
            &source,
            source_text,
        );
        let (first, last, invocation) = match chunk.origin(index) {
            Origin::Token(i) => (i, i, None),
            Origin::Invocation(i, j) => (i, j, Some((i, j))),
            Origin::Unknown => return Some(nothing),
        };
        let span = source_span(file.id, &source, source_text, first, last).unwrap_or(whole_line);
        Some(Place {
            file: file_index,
            span,
            invocation,
        })
    }

    fn source_tokens(&self, file: u32) -> Option<Arc<SourceTokens>> {
        let text = self.files.get(file as usize)?.text.as_ref()?;
        Some(
            self.tokens
                .get(file as usize)?
                .get_or_init(|| Arc::new(SourceTokens::new(text)))
                .clone(),
        )
    }

    /// The aligned tokens around the one at `index`.
    #[allow(clippy::too_many_arguments)]
    fn chunk(
        &self,
        text: &str,
        tokens: &[Token],
        index: usize,
        pre_line: u32,
        at: (u32, u32),
        source: &SourceTokens,
        source_text: &str,
    ) -> Arc<Chunk> {
        let mut chunks = self.chunks.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(chunk) = chunks.get(&pre_line) {
            return chunk.clone();
        }
        // All tokens around that stand for this line: a change of the "system header" flag breaks lines.
        let same = |i: usize| {
            tokens.get(i).is_some_and(|t| {
                t.kind == TokenKind::Directive || self.source_line(self.line_of(t.start as usize)) == Some(at)
            })
        };
        let mut first = index;
        while let Some(previous) = first.checked_sub(1).filter(|i| same(*i)) {
            first = previous;
        }
        let mut end = index + 1;
        while same(end) {
            end += 1;
        }
        let next_line = tokens
            .get(end)
            .and_then(|t| self.source_line(self.line_of(t.start as usize)))
            .filter(|(file, line)| *file == at.0 && *line > at.1)
            .map(|(_, line)| line);
        let all = tokens.get(first..end).unwrap_or(&[]);
        let kept: Vec<Token> = all
            .iter()
            .copied()
            .filter(|t| t.kind != TokenKind::Directive)
            .collect();
        let bounds = source_bounds(source, source_text, at.1, next_line);
        let mut origins = align::align(source, source_text, bounds, &kept, text).into_iter();
        let origins = all
            .iter()
            .map(|t| match t.kind {
                TokenKind::Directive => Origin::Unknown,
                _ => origins.next().unwrap_or(Origin::Unknown),
            })
            .collect();
        let chunk = Arc::new(Chunk { first, origins });
        for token in &kept {
            chunks.insert(self.line_of(token.start as usize), chunk.clone());
        }
        chunk
    }

    /// The text among an invocation's arguments that is token for token the stretch asked for.
    fn argument(
        &self,
        text: &str,
        tokens: &[Token],
        (first, last): (usize, usize),
        file: u32,
        (name, close): (usize, usize),
    ) -> Option<Span> {
        let file_text = self.files.get(file as usize)?;
        let source_text = file_text.text.as_ref()?;
        let source = self.source_tokens(file)?;
        let wanted = tokens.get(first..=last)?;
        // A lone operator or constant says nothing about where it came from.
        if !wanted.iter().any(|t| t.kind == TokenKind::Word) {
            return None;
        }
        let arguments = source.tokens.get(name + 2..close)?;
        let found = arguments.windows(wanted.len()).position(|w| {
            w.iter()
                .zip(wanted)
                .all(|(a, b)| a.text(source_text) == b.text(text))
        })?;
        let start = name + 2 + found;
        source_span(
            file_text.id,
            &source,
            source_text,
            start,
            start + wanted.len() - 1,
        )
    }
}

/// Where a token was written.
struct Place {
    file: u32,
    span: Span,
    /// First and last source token of the macro invocation it came from.
    invocation: Option<(usize, usize)>,
}

/// The source tokens that one line of output can have come from: the line's own, and those of the lines after it
/// while a bracket is open and the output has no line of its own for them.
fn source_bounds(source: &SourceTokens, text: &str, line: u32, next_line: Option<u32>) -> (usize, usize) {
    let first = source.at_line(line);
    let mut end = first;
    let mut depth = 0i32;
    let mut on_line = line;
    while let Some(token) = source.tokens.get(end) {
        let token_line = source.line(end).unwrap_or(line);
        if token_line > on_line {
            // Another line begins.
            let open = depth > 0 && next_line.is_none_or(|n| token_line < n);
            if !open || token_line - line > MAX_LINES {
                break;
            }
            on_line = token_line;
        }
        match token.text(text) {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        end += 1;
    }
    (first, end)
}

/// Most lines that one macro invocation spans.
const MAX_LINES: u32 = 400;

fn source_span(file: FileId, source: &SourceTokens, text: &str, first: usize, last: usize) -> Option<Span> {
    let position = |token: usize, offset: u32| -> Option<Position> {
        // A token's line starts after the last newline before it; one that spans lines ends on a later one.
        let before = text.get(..offset as usize)?;
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let own = source.tokens.get(token)?;
        let inside = text.get(own.start as usize..offset as usize).unwrap_or("");
        let line = source.line(token)? + inside.bytes().filter(|b| *b == b'\n').count() as u32;
        Some(Position {
            line,
            column: (offset as usize - line_start + 1) as u32,
        })
    };
    let start = position(first, source.tokens.get(first)?.start)?;
    let end = position(last, source.tokens.get(last)?.end)?;
    Some(Span { file, start, end })
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

#[cfg(test)]
mod tests;

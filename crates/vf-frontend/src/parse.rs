//! One declaration through lang-c.

mod worker;

use std::ops::Range;

use lang_c::ast::ExternalDeclaration;
use lang_c::span::Node;

use crate::normalise::{Rewritten, SideTable};

pub use worker::{STACK_BYTES, on_large_stack};

/// A declaration as lang-c sees it. Spans inside `node` are positions in the rewritten text; ask
/// [`ParsedDeclaration::range`] or [`crate::split::Unit::span`] for places outside of it.
#[derive(Debug)]
pub struct ParsedDeclaration {
    /// Index in [`crate::split::Unit::declarations`].
    pub index: usize,
    pub node: Node<ExternalDeclaration>,
    /// What the tree does not show.
    pub side: SideTable,
    pub(crate) text: String,
    pub(crate) map: TokenMap,
}

/// Where each token of a rewritten text comes from; sorted by `at`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenMap {
    pub(crate) tokens: Vec<MappedToken>,
}

/// A token of the rewritten text and the stretch of preprocessed text that it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedToken {
    pub at: u32,
    pub len: u32,
    pub start: u32,
    pub end: u32,
}

impl ParsedDeclaration {
    /// The stretch of preprocessed text that a node covers, trimmed to whole tokens; `None` for a span of
    /// nowhere (`Span::none()`), or of generated text.
    pub fn range(&self, span: lang_c::span::Span) -> Option<Range<usize>> {
        self.map.range(span.start..span.end)
    }

    /// The rewritten text of a node.
    pub fn rewritten(&self, span: lang_c::span::Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("").trim()
    }
}

impl TokenMap {
    /// The stretch of preprocessed text that a stretch of the rewritten text stands for. lang-c's nodes may
    /// take in white space at their end: only whole tokens count.
    pub fn range(&self, positions: Range<usize>) -> Option<Range<usize>> {
        let first = self
            .tokens
            .partition_point(|t| ((t.at + t.len) as usize) <= positions.start);
        let last = self
            .tokens
            .partition_point(|t| (t.at as usize) < positions.end)
            .checked_sub(1)?;
        let (first, last) = (self.tokens.get(first)?, self.tokens.get(last)?);
        (positions.start <= positions.end && first.start <= last.end)
            .then_some(first.start as usize..last.end as usize)
    }
}

/// Why a declaration has no tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseFailure {
    /// lang-c refused it.
    #[error("does not parse: unexpected `{found}`{}", construct.map(|c| format!(" ({c})")).unwrap_or_default())]
    Syntax {
        /// The token it stopped at.
        found: String,
        /// The construct, where it is one this front end knows by name and does not support.
        construct: Option<&'static str>,
        /// Byte offset in the preprocessed text.
        offset: usize,
    },
    /// It took longer than the limit.
    #[error("parsing took longer than {limit_ms} ms (begins `{begins}`)")]
    TimeOut {
        limit_ms: u64,
        begins: String,
        offset: usize,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep { limit: usize, offset: usize },
    /// File-scope assembly, or an index past the end.
    #[error("no declaration with a tree at index {index}")]
    NoSuchDeclaration { index: usize },
    /// The thread that parses could not be started.
    #[error("no thread to parse in: {problem}")]
    NoThread { problem: String },
}

impl ParseFailure {
    /// Where it happened, as a byte offset in the preprocessed text.
    pub fn offset(&self) -> usize {
        match self {
            ParseFailure::Syntax { offset, .. }
            | ParseFailure::TimeOut { offset, .. }
            | ParseFailure::TooDeep { offset, .. } => *offset,
            ParseFailure::NoSuchDeclaration { .. } | ParseFailure::NoThread { .. } => 0,
        }
    }
}

/// Parses one rewritten declaration, in a thread of its own sort (see [`worker`]).
pub(crate) fn parse(index: usize, rewritten: Rewritten) -> Result<ParsedDeclaration, ParseFailure> {
    let Rewritten { text, map, side } = rewritten;
    match worker::parse_text(text.clone()) {
        Ok(Ok(node)) => Ok(ParsedDeclaration {
            index,
            node,
            side,
            text,
            map,
        }),
        Ok(Err(position)) => {
            let rest = text.get(position..).unwrap_or("").trim_start();
            let token = crate::lex::lex(rest)
                .first()
                .map_or("end of declaration", |t| t.text(rest))
                .to_string();
            let offset = map.range(position..text.len()).map_or(0, |r| r.start);
            let construct = construct_near(&text, position);
            Err(ParseFailure::Syntax {
                found: token,
                construct,
                offset,
            })
        }
        Err(worker::Trouble::TimeOut { limit_ms }) => {
            let first = map.tokens.first();
            let begins = first.and_then(|t| text.get(t.at as usize..)).unwrap_or("");
            let begins = begins.chars().take(40).collect();
            Err(ParseFailure::TimeOut {
                limit_ms,
                begins,
                offset: first.map_or(0, |t| t.start as usize),
            })
        }
        Err(worker::Trouble::NoThread { problem }) => Err(ParseFailure::NoThread { problem }),
    }
}

/// The construct of GNU C that stands where lang-c stopped, if it is one known not to be supported.
fn construct_near(text: &str, position: usize) -> Option<&'static str> {
    let rest = text.get(position..).unwrap_or("").trim_start();
    let before = text.get(..position).unwrap_or("").trim_end();
    let word = |w: &str| rest.starts_with(w) || before.ends_with(w);
    [
        ("__vf_real", "real part of a complex number"),
        ("__vf_imag", "imaginary part of a complex number"),
        (
            "__vf_alignof_value",
            "_Alignof of an expression without parentheses",
        ),
        ("__builtin_convertvector", "vector conversion"),
        ("__builtin_has_attribute", "__builtin_has_attribute"),
        ("_BitInt", "_BitInt"),
        ("R\"", "raw string literal"),
    ]
    .iter()
    .find(|(w, _)| word(w))
    .map(|(_, name)| *name)
    .or_else(|| (rest.starts_with('{') && before.ends_with(')')).then_some("nested function"))
}

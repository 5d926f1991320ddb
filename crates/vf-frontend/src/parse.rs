//! One declaration through lang-c.

use std::ops::Range;

use lang_c::ast::ExternalDeclaration;
use lang_c::span::Node;

use crate::normalise::SideTable;

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
#[derive(Clone, Debug, Default)]
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
        self.map.range(span)
    }

    /// The rewritten text of a node.
    pub fn rewritten(&self, span: lang_c::span::Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or("").trim()
    }
}

impl TokenMap {
    fn range(&self, span: lang_c::span::Span) -> Option<Range<usize>> {
        let first = self
            .tokens
            .partition_point(|t| ((t.at + t.len) as usize) <= span.start);
        let last = self
            .tokens
            .partition_point(|t| (t.at as usize) < span.end)
            .checked_sub(1)?;
        let (first, last) = (self.tokens.get(first)?, self.tokens.get(last)?);
        (first.start <= last.end && span.start <= span.end).then_some(first.start as usize..last.end as usize)
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
    #[error("parsing took longer than {limit_ms} ms (near `{construct}`)")]
    TimeOut {
        limit_ms: u64,
        construct: String,
        offset: usize,
    },
    /// Nested deeper than the limit.
    #[error("nested deeper than {limit} levels")]
    TooDeep { limit: usize, offset: usize },
    /// No such declaration.
    #[error("no declaration {index}")]
    NoSuchDeclaration { index: usize },
}

impl ParseFailure {
    /// Where it happened, as a byte offset in the preprocessed text.
    pub fn offset(&self) -> usize {
        match self {
            ParseFailure::Syntax { offset, .. }
            | ParseFailure::TimeOut { offset, .. }
            | ParseFailure::TooDeep { offset, .. } => *offset,
            ParseFailure::NoSuchDeclaration { .. } => 0,
        }
    }
}

//! A preprocessed file as a list of top-level declarations, indexed by the names they define.

use std::ops::Range;
use std::sync::Arc;

use vf_source::{FileId, SourceMap, Span};

use crate::normalise::Attribute;
use crate::parse::{ParseFailure, ParsedDeclaration};
use crate::preprocess::Preprocessed;

/// One top-level declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Bytes in the preprocessed text, first token to last.
    pub range: Range<usize>,
    pub kind: Kind,
    /// Tags whose bodies it contains, with what they are (`struct foo {`, `enum bar {`), outermost first.
    pub tags: Vec<Tag>,
    /// Lies in the main file, as opposed to a header.
    pub main: bool,
}

/// A tag definition.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    pub kind: TagKind,
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TagKind {
    Struct,
    Union,
    Enum,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A function definition.
    Function {
        name: String,
    },
    /// Function declarators without body (`int f(void), g(int);`).
    Prototype {
        names: Vec<String>,
    },
    Typedef {
        names: Vec<String>,
    },
    /// Objects, defined or declared `extern`; a function may be among the declarators.
    Variable {
        names: Vec<String>,
    },
    /// Only tags (or an anonymous enumeration).
    TagOnly,
    /// File-scope assembly: never parsed.
    Asm,
    /// Not recognised; `parse` says why.
    Other,
}

/// A preprocessed translation unit.
#[derive(Debug)]
pub struct Unit {
    pub declarations: Vec<Declaration>,
    /// The file given.
    pub main: FileId,
}

/// Splits a preprocessed text, and adds the files it came from to `sources`.
pub fn split(pre: &Preprocessed, sources: &mut SourceMap) -> Unit {
    let _ = (pre, sources);
    Unit {
        declarations: Vec::new(),
        main: FileId(0),
    }
}

impl Unit {
    /// The tree of a declaration. Parsed at most once.
    pub fn parse(&self, index: usize) -> Result<Arc<ParsedDeclaration>, ParseFailure> {
        Err(ParseFailure::NoSuchDeclaration { index })
    }

    /// The tree of an attribute's argument, an expression: its node is the declaration `int __vf_argument = e;`
    /// (`_Alignas(T)`: `= _Alignof(T)`).
    pub fn parse_argument(
        &self,
        declaration: usize,
        attribute: &Attribute,
        argument: usize,
    ) -> Result<Arc<ParsedDeclaration>, ParseFailure> {
        let _ = (attribute, argument);
        Err(ParseFailure::NoSuchDeclaration { index: declaration })
    }

    /// The definition of a function.
    pub fn function(&self, _name: &str) -> Option<usize> {
        None
    }
    /// Declarations of a function, without body.
    pub fn prototypes(&self, _name: &str) -> &[usize] {
        &[]
    }
    /// The typedef that defines a name (the last one).
    pub fn typedef(&self, _name: &str) -> Option<usize> {
        None
    }
    /// The definition (with body) of a struct, union or enum tag.
    pub fn tag(&self, _kind: TagKind, _name: &str) -> Option<usize> {
        None
    }
    /// Declarations of a file-scope object, in order.
    pub fn variables(&self, _name: &str) -> &[usize] {
        &[]
    }
    /// The declaration whose enumeration defines this constant.
    pub fn enum_constant(&self, _name: &str) -> Option<usize> {
        None
    }

    /// Where the user wrote what a node covers.
    pub fn span(&self, node: lang_c::span::Span, declaration: &ParsedDeclaration) -> Span {
        declaration.range(node).map_or(Span::NONE, |r| self.place(r))
    }

    /// Where the user wrote a stretch of the preprocessed text.
    pub fn place(&self, _range: Range<usize>) -> Span {
        Span::NONE
    }

    /// Preprocessed text of a node.
    pub fn source_text(&self, node: lang_c::span::Span, declaration: &ParsedDeclaration) -> &str {
        declaration.range(node).map_or("", |r| self.text(r))
    }

    /// A stretch of the preprocessed text; empty outside it.
    pub fn text(&self, _range: Range<usize>) -> &str {
        ""
    }
}

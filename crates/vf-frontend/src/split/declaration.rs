//! What a top-level declaration declares.

use std::ops::Range;

/// One top-level declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// Bytes in the preprocessed text, first token to last.
    pub range: Range<usize>,
    pub kind: Kind,
    /// Tags whose bodies it contains outside function bodies, in order.
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
    /// Function declarators without body only (`int f(void), g(int);`).
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

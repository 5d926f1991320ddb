//! A preprocessed file as a list of top-level declarations, indexed by the names they define.

mod declaration;
mod scan;

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use vf_source::tables::{HashMap, HashSet};

use vf_source::{FileId, SourceMap, Span};

pub use declaration::{Declaration, Kind, Tag, TagKind};

use crate::error::FrontendError;
use crate::lex::{Token, lex};
use crate::normalise::{self, Attribute, Input};
use crate::parse::{self, ParseFailure, ParsedDeclaration};
use crate::preprocess::{Preprocessed, Target};
use crate::spans::PreprocessedMap;

/// A preprocessed translation unit. Declarations are parsed when asked for, so that looking at one function
/// costs little in a file with ten thousand declarations.
#[derive(Debug)]
pub struct Unit {
    pub declarations: Vec<Declaration>,
    /// The file given.
    pub main: FileId,
    /// What the compiler takes the basic types to be.
    pub target: Target,
    /// Where each byte of the preprocessed text comes from.
    pub map: PreprocessedMap,
    text: String,
    not_utf8: Vec<usize>,
    tokens: Vec<Token>,
    /// First and past-last token of each declaration, and the `#pragma pack` in force.
    extents: Vec<scan::Extent>,
    parsed: Vec<OnceLock<Result<Arc<ParsedDeclaration>, ParseFailure>>>,
    index: Index,
}

/// Declarations by the names they define, as indices into [`Unit::declarations`].
#[derive(Debug, Default)]
struct Index {
    functions: HashMap<String, usize>,
    prototypes: HashMap<String, Vec<usize>>,
    /// First and last typedef of a name: it is a type from the first on; the last one counts.
    typedefs: HashMap<String, (usize, usize)>,
    tags: HashMap<Tag, usize>,
    variables: HashMap<String, Vec<usize>>,
    constants: HashMap<String, usize>,
}

/// Splits a preprocessed text, and adds the files it came from to `sources`.
pub fn split(pre: &Preprocessed, sources: &mut SourceMap) -> Unit {
    let tokens = lex(&pre.text);
    let map = PreprocessedMap::new(pre, &tokens, sources);
    let mut index = Index::default();
    let mut declarations = Vec::new();
    let mut extents = Vec::new();
    for found in scan::Scanner::new(&pre.text, &tokens) {
        let number = declarations.len();
        index.add(number, &found);
        let range = tokens.get(found.extent.first).map_or(0, |t| t.start as usize)
            ..tokens
                .get(found.extent.end.saturating_sub(1))
                .map_or(0, |t| t.end as usize);
        let main = map.in_main(range.start);
        declarations.push(Declaration {
            range,
            kind: found.kind,
            tags: found.tags,
            main,
        });
        extents.push(found.extent);
    }
    let parsed = declarations.iter().map(|_| OnceLock::new()).collect();
    Unit {
        declarations,
        main: map.main(),
        target: pre.target,
        map,
        text: pre.text.clone(),
        not_utf8: pre.not_utf8.clone(),
        tokens,
        extents,
        parsed,
        index,
    }
}

/// The typedef names of file scope that a preprocessed text defines.
pub(crate) fn typedef_names(text: &str, tokens: &[Token]) -> HashSet<String> {
    scan::Scanner::new(text, tokens)
        .filter_map(|found| match found.kind {
            Kind::Typedef { names } => Some(names),
            _ => None,
        })
        .flatten()
        .chain(normalise::BUILTIN_TYPES.iter().map(|n| n.to_string()))
        .collect()
}

impl Index {
    fn add(&mut self, number: usize, found: &scan::Found) {
        match &found.kind {
            Kind::Function { name } => {
                self.functions.entry(name.clone()).or_insert(number);
            }
            Kind::Typedef { names } => {
                for name in names {
                    self.typedefs.entry(name.clone()).or_insert((number, number)).1 = number;
                }
            }
            Kind::Prototype { names } | Kind::Variable { names } => {
                for (name, function) in names.iter().zip(&found.functions) {
                    let table = if *function {
                        &mut self.prototypes
                    } else {
                        &mut self.variables
                    };
                    table.entry(name.clone()).or_default().push(number);
                }
            }
            Kind::TagOnly | Kind::Asm | Kind::Other => {}
        }
        for tag in &found.tags {
            self.tags.entry(tag.clone()).or_insert(number);
        }
        for constant in &found.constants {
            self.constants.entry(constant.clone()).or_insert(number);
        }
    }
}

impl Unit {
    /// The tree of a declaration. Parsed at most once.
    ///
    /// # Errors
    /// What of it lang-c refused; [`ParseFailure::NoSuchDeclaration`] for file-scope assembly.
    pub fn parse(&self, index: usize) -> Result<Arc<ParsedDeclaration>, ParseFailure> {
        let missing = || ParseFailure::NoSuchDeclaration { index };
        let slot = self.parsed.get(index).ok_or_else(missing)?;
        slot.get_or_init(|| {
            if self.declarations.get(index).is_some_and(|d| d.kind == Kind::Asm) {
                return Err(missing());
            }
            parse::parse(index, self.rewrite(index)?).map(Arc::new)
        })
        .clone()
    }

    /// The text that lang-c gets for a declaration, and what was changed in it.
    pub fn rewrite(&self, index: usize) -> Result<normalise::Rewritten, ParseFailure> {
        let missing = || ParseFailure::NoSuchDeclaration { index };
        let extent = self.extents.get(index).ok_or_else(missing)?;
        let tokens = self.tokens.get(extent.first..extent.end).ok_or_else(missing)?;
        let mut rewritten = self.rewrite_tokens(index, tokens, extent.pack)?;
        if extent.swapped {
            rewritten.refuse("#pragma scalar_storage_order");
        }
        Ok(rewritten)
    }

    fn rewrite_tokens(
        &self,
        index: usize,
        tokens: &[Token],
        pack: Option<u32>,
    ) -> Result<normalise::Rewritten, ParseFailure> {
        let is_typedef = |name: &str| self.is_typedef_at(name, index);
        let input = Input {
            text: &self.text,
            tokens,
            is_typedef: &is_typedef,
            pack,
            not_utf8: &self.not_utf8,
            openmp: self.target.openmp,
        };
        normalise::rewrite(input)
    }

    /// Whether a name is a typedef name of file scope in the declaration at `index`.
    fn is_typedef_at(&self, name: &str, index: usize) -> bool {
        self.index
            .typedefs
            .get(name)
            .is_some_and(|(first, _)| *first <= index)
    }

    /// The tree of an attribute's argument, an expression: its node is the declaration `int __vf_argument = e;`
    /// (for a type, as in `_Alignas(T)`: `= _Alignof(T)`).
    pub fn parse_argument(
        &self,
        declaration: usize,
        attribute: &Attribute,
        argument: usize,
    ) -> Result<Arc<ParsedDeclaration>, ParseFailure> {
        let missing = || ParseFailure::NoSuchDeclaration { index: declaration };
        let range = attribute.argument_ranges.get(argument).ok_or_else(missing)?;
        let first = self.tokens.partition_point(|t| (t.start as usize) < range.start);
        let end = self.tokens.partition_point(|t| (t.start as usize) < range.end);
        let tokens = self.tokens.get(first..end).ok_or_else(missing)?;
        let word = tokens.first().map_or("", |t| t.text(&self.text));
        let is_type = normalise::begins_type(word) || self.is_typedef_at(word, declaration);
        let frame = if is_type { ("_Alignof(", ")") } else { ("(", ")") };
        let mut rewritten = self.rewrite_tokens(declaration, tokens, None)?;
        rewritten.wrap(
            &format!("int __vf_argument = {}", frame.0),
            &format!("{};", frame.1),
        );
        parse::parse(declaration, rewritten).map(Arc::new)
    }

    /// The tree of an expression that is not part of the text, read where the declaration at `index` stands. Its node
    /// is the declaration `int __vf_argument = (e);`; its places mean nothing.
    ///
    /// # Errors
    /// What lang-c refused.
    pub fn parse_expression(
        &self,
        index: usize,
        expression: &str,
    ) -> Result<Arc<ParsedDeclaration>, ParseFailure> {
        let is_typedef = |name: &str| self.is_typedef_at(name, index);
        let tokens = lex(expression);
        let input = Input {
            text: expression,
            tokens: &tokens,
            is_typedef: &is_typedef,
            pack: None,
            not_utf8: &[],
            openmp: false,
        };
        let mut rewritten = normalise::rewrite(input)?;
        rewritten.wrap("int __vf_argument = (", ");");
        parse::parse(index, rewritten).map(Arc::new)
    }

    /// Refuses a file in which nothing parses, for reasons other than this front end's own limits: whatever it
    /// is, it is not C. `path` is the file's name for the message.
    pub fn expect_c(&self, path: &std::path::Path) -> Result<(), FrontendError> {
        let mut first = None;
        for (index, _) in self
            .declarations
            .iter()
            .enumerate()
            .filter(|(_, d)| d.main && d.kind != Kind::Asm)
        {
            match self.parse(index) {
                Err(ParseFailure::Syntax {
                    construct: None,
                    offset,
                    ..
                }) => {
                    first.get_or_insert(offset);
                }
                _ => return Ok(()),
            }
        }
        let Some(offset) = first else { return Ok(()) };
        let rest = self.text(offset..(offset + 60).min(self.text.len()));
        let text = rest.lines().next().unwrap_or("").trim().to_string();
        Err(FrontendError::NotC {
            path: path.to_path_buf(),
            line: self.place(offset..offset + 1).start.line,
            text,
        })
    }

    /// The definition of a function.
    pub fn function(&self, name: &str) -> Option<usize> {
        self.index.functions.get(name).copied()
    }

    /// Declarations of a function without body, in order.
    pub fn prototypes(&self, name: &str) -> &[usize] {
        self.index.prototypes.get(name).map_or(&[], Vec::as_slice)
    }

    /// The typedef that defines a name; the last one, if it is repeated.
    pub fn typedef(&self, name: &str) -> Option<usize> {
        self.index.typedefs.get(name).map(|(_, last)| *last)
    }

    /// The declaration that holds the definition (with a body) of a struct, union or enum tag of file scope.
    pub fn tag(&self, kind: TagKind, name: &str) -> Option<usize> {
        self.index
            .tags
            .get(&Tag {
                kind,
                name: name.to_string(),
            })
            .copied()
    }

    /// Declarations of a file-scope object, in order. A function declared through a typedef of a function type
    /// (`handler_t f;`) is among them.
    pub fn variables(&self, name: &str) -> &[usize] {
        self.index.variables.get(name).map_or(&[], Vec::as_slice)
    }

    /// The declaration whose enumeration defines this constant.
    pub fn enum_constant(&self, name: &str) -> Option<usize> {
        self.index.constants.get(name).copied()
    }

    /// Where the user wrote what a node covers.
    pub fn span(&self, node: lang_c::span::Span, declaration: &ParsedDeclaration) -> Span {
        declaration.range(node).map_or(Span::NONE, |r| self.place(r))
    }

    /// Where the user wrote a stretch of the preprocessed text.
    pub fn place(&self, range: Range<usize>) -> Span {
        self.map.place(&self.text, &self.tokens, range)
    }

    /// Preprocessed text of a node, before any rewriting.
    pub fn source_text(&self, node: lang_c::span::Span, declaration: &ParsedDeclaration) -> &str {
        declaration.range(node).map_or("", |r| self.text(r))
    }

    /// A stretch of the preprocessed text; empty outside it.
    pub fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or("")
    }
}

#[cfg(test)]
mod tests;

//! Token-level rewriting of one declaration into what lang-c's grammar takes.
//!
//! lang-c 0.15 reads C11 with many GNU extensions, but not all that GCC 12 takes, and some it reads as
//! something else (`asm("")` as a call of `asm`, `typeof(typeof(x))` as a call of `typeof`). The rewriting goes
//! over a declaration's tokens once. What has no place in lang-c's tree (attributes, assembler labels, the
//! labels of `asm goto`) is taken out and kept in the [`SideTable`]; what has another spelling there gets it;
//! what can be said with a call or an identifier becomes one with a reserved name ([`marker`]). Nothing is
//! dropped without a record unless it has no effect on meaning (`__extension__`, `fallthrough`).
//!
//! The rewritten text may be longer or shorter than the original; a [`TokenMap`] says for each of its tokens
//! which stretch of the preprocessed text it stands for, so that no span drifts.

mod attributes;
mod literals;
mod rewrite;
pub mod side;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use vf_source::tables::HashSet;

pub(crate) use attributes::past_specifier;
pub use side::{Attribute, Rewrite, SideTable, Target, marker};

use crate::lex::{Token, TokenKind};
use crate::parse::{ParseFailure, TokenMap};

/// A declaration before rewriting.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// The whole preprocessed text.
    pub text: &'a str,
    /// The declaration's tokens in it.
    pub tokens: &'a [Token],
    /// Whether a name is a typedef name of file scope here.
    pub is_typedef: &'a dyn Fn(&str) -> bool,
    /// `#pragma pack` in force at its start.
    pub pack: Option<u32>,
    /// Offsets in `text` of bytes that were not UTF-8.
    pub not_utf8: &'a [usize],
    /// `#pragma omp` and `acc` have an effect.
    pub openmp: bool,
}

/// A declaration as lang-c takes it, behind one `typedef int ...;` that names the typedef names it uses.
#[derive(Clone, Debug)]
pub struct Rewritten {
    pub text: String,
    pub map: TokenMap,
    pub side: SideTable,
}

impl Rewritten {
    /// Records that the whole declaration is not supported.
    pub(crate) fn refuse(&mut self, construct: &str) {
        let Some(first) = self.map.tokens.first() else {
            return;
        };
        self.side.rewrites.insert(
            0,
            (first.at as usize, Rewrite::Unsupported(construct.to_string())),
        );
    }

    /// Puts generated text around what follows the typedefs.
    pub(crate) fn wrap(&mut self, before: &str, after: &str) {
        let Some(at) = self.map.tokens.first().map(|t| t.at as usize) else {
            return;
        };
        if self.text.get(at..).is_none() {
            return;
        }
        self.text.insert_str(at, before);
        self.text.push_str(after);
        for token in &mut self.map.tokens {
            token.at += before.len() as u32;
        }
        for (position, _) in &mut self.side.rewrites {
            *position += before.len();
        }
        for (target, _) in &mut self.side.attributes {
            *target = target.moved(before.len());
        }
    }
}

/// Whether a word begins a type name, typedef names left aside.
pub(crate) fn begins_type(word: &str) -> bool {
    words::begins_declaration(word) || BUILTIN_TYPES.contains(&word)
}

/// Greatest depth of brackets, operators and statements inside one another. lang-c, and everything that
/// walks its tree, recurses that deep.
pub const MAX_DEPTH: usize = 3000;

/// Names that GCC declares as types before the first line, and lang-c does not know.
pub(crate) const BUILTIN_TYPES: [&str; 5] = [
    "__int128_t",
    "__uint128_t",
    "__builtin_ms_va_list",
    "__builtin_sysv_va_list",
    marker::AUTO_TYPE,
];

/// Rewrites one declaration.
pub fn rewrite(input: Input<'_>) -> Result<Rewritten, ParseFailure> {
    let mut text = format!("typedef int {}", marker::SHADOW);
    let mut seen = HashSet::default();
    for token in input.tokens.iter().filter(|t| t.kind == TokenKind::Word) {
        let word = token.text(input.text);
        if (BUILTIN_TYPES.contains(&word) || (input.is_typedef)(word)) && seen.insert(word) {
            text.push(',');
            text.push_str(word);
        }
    }
    text.push_str("; ");
    rewrite::Rewriter::new(input, text).run()
}

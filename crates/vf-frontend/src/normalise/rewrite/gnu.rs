//! What lang-c's grammar lacks and cannot be respelled: attributes, assembly, pragmas.

use super::{Inside, Last, Rewriter};
use crate::lex::Token;
use crate::normalise::attributes::{past_group, read};
use crate::normalise::side::{Rewrite, Target};
use crate::normalise::words::{Sort, begins_declaration};

impl Rewriter<'_> {
    pub(super) fn directive(&mut self, token: Token) {
        let text = token.text(self.input.text);
        let Some(pragma) = text.trim_start_matches('#').trim_start().strip_prefix("pragma") else {
            return;
        };
        let pragma = pragma.trim();
        match pragma_effect(pragma, self.input.openmp) {
            PragmaEffect::None => {}
            PragmaEffect::Recorded => self.record_here(Rewrite::Pragma(pragma.to_string())),
            PragmaEffect::Unsupported => self.record_here(Rewrite::Unsupported(format!("#pragma {pragma}"))),
        }
    }

    pub(super) fn attribute_specifier(&mut self, index: usize, end: usize) {
        self.at = end;
        let attributes = read(self.input.text, self.input.tokens.get(index..end).unwrap_or(&[]));
        let after_star = self.last == Last::Punct(b'*');
        let declarator = matches!(self.inside(), Inside::Declarator { .. });
        let close_tag = match self.last {
            Last::CloseTag(keyword) => Some(keyword),
            _ => None,
        };
        for attribute in attributes {
            let segment = &mut self.top().segment;
            let target = match (close_tag, segment.name, segment.start) {
                (Some(keyword), _, _) => Target::Tag(keyword),
                (_, Some(name), _) => Target::Declarator(name),
                (_, None, _) if after_star || segment.second || declarator => {
                    segment.for_name.push(attribute);
                    continue;
                }
                (_, None, Some(start)) => Target::Specifiers(start),
                (_, None, None) => {
                    segment.early.push(attribute);
                    continue;
                }
            };
            self.side.attributes.push((target, attribute));
        }
    }

    pub(super) fn static_assert(&mut self) {
        self.at = past_group(self.input.text, self.input.tokens, self.at);
        self.record_here(Rewrite::StaticAssert);
        if self.inside() != Inside::Block && self.next_text() == ";" {
            self.at += 1;
        }
    }

    pub(super) fn local_labels(&mut self) {
        let mut labels = Vec::new();
        while let Some(token) = self.input.tokens.get(self.at) {
            self.at += 1;
            match token.text(self.input.text) {
                ";" => break,
                "," => {}
                label => labels.push(label.to_string()),
            }
        }
        self.record_here(Rewrite::LocalLabels(labels));
    }

    /// A statement where one may begin, else the assembler name of a declarator.
    pub(super) fn asm(&mut self, token: Token) {
        let statement = self.inside() == Inside::Block && self.top().segment.start.is_none();
        if !statement {
            let end = past_group(self.input.text, self.input.tokens, self.at);
            let inner = self
                .input
                .tokens
                .get(self.at + 1..end.saturating_sub(1))
                .unwrap_or(&[]);
            let label: Vec<&str> = inner.iter().map(|t| t.text(self.input.text)).collect();
            let at = self.top().segment.name.unwrap_or(self.out.len());
            self.record(at, Rewrite::AsmLabel(label.join(" ")));
            self.at = end;
            return;
        }
        let at = self.emit(token, "__asm");
        self.last = Last::Keyword(Sort::Other);
        let mut volatile = false;
        while let Some(qualifier) = self.input.tokens.get(self.at).copied() {
            let word = qualifier.text(self.input.text);
            match word {
                "volatile" | "__volatile__" | "__volatile" if !volatile => {
                    volatile = true;
                    self.emit(qualifier, "volatile");
                }
                "volatile" | "__volatile__" | "__volatile" | "goto" | "inline" | "__inline__"
                | "__inline" | "const" => {}
                _ => break,
            }
            self.at += 1;
        }
        if self.next_text() == "(" {
            self.open_with(Inside::Asm { colons: 0, at }, "(");
        }
    }

    pub(super) fn asm_colon(&mut self, token: Token, colons: u8, at: usize) {
        self.end_segment();
        if colons < 3 {
            self.top().inside = Inside::Asm {
                colons: colons + 1,
                at,
            };
            self.emit(token, ":");
            self.last = Last::Punct(b':');
            return;
        }
        // Labels: lang-c ends with the clobbers.
        let mut labels = Vec::new();
        while let Some(label) = self.input.tokens.get(self.at) {
            match label.text(self.input.text) {
                ")" => break,
                "," => {}
                name => labels.push(name.to_string()),
            }
            self.at += 1;
        }
        self.record(at, Rewrite::AsmGoto(labels));
    }

    /// Whether the parenthesis at hand holds a type name, as far as its first words tell.
    pub(super) fn operand_is_type(&self) -> bool {
        if self.next_text() != "(" {
            return false;
        }
        let word = self.text_at(self.at + 1);
        begins_declaration(word)
            || word == "__extension__"
            || crate::normalise::BUILTIN_TYPES.contains(&word)
            || word == "__builtin_va_list"
            || (self.input.is_typedef)(word) && matches!(self.text_at(self.at + 2), ")" | "*" | "[" | "const")
    }
}

enum PragmaEffect {
    None,
    Recorded,
    Unsupported,
}

/// Pragmas of GCC 12 ("Pragmas Accepted by GCC") by what they do to meaning. Unknown ones GCC ignores.
fn pragma_effect(pragma: &str, openmp: bool) -> PragmaEffect {
    let mut words = pragma
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|w| !w.is_empty());
    match words.next() {
        Some("omp" | "acc") if openmp => PragmaEffect::Unsupported,
        Some("pack" | "scalar_storage_order" | "redefine_extname") => PragmaEffect::Unsupported,
        Some("weak") => PragmaEffect::Recorded,
        _ => PragmaEffect::None,
    }
}

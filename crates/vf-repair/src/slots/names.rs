//! Which slot each of a program's own names has, within one prompt.

use std::collections::BTreeMap;

use super::words::{SLOTS, Slot, Word, words};
use crate::ctext::lex::{Token, TokenKind};

/// Names and literals of a program, and what stands for them. They are numbered in the order in which they come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    by_text: BTreeMap<String, (Slot, usize)>,
    by_slot: BTreeMap<(Slot, usize), String>,
}

impl Names {
    /// The text that a slot stands for.
    pub fn text(&self, slot: Slot, index: usize) -> Option<&str> {
        self.by_slot.get(&(slot, index)).map(String::as_str)
    }

    /// The word for one of a text's tokens. `known`: no new slot is given out. `None` where there is no word, or none left.
    pub fn word(
        &mut self,
        text: &str,
        tokens: &[Token],
        at: usize,
        blank: bool,
        known: bool,
    ) -> Option<Word> {
        let token = tokens.get(at)?;
        let spelled = token.text(text);
        if let Some(word) = words().plain(spelled) {
            return Some(Word::Plain(word, blank));
        }
        if let Some((slot, index)) = self.by_text.get(spelled) {
            return Some(Word::Slot(*slot, *index, blank));
        }
        if known {
            return None;
        }
        let word = |offset: isize| {
            let index = at.checked_add_signed(offset);
            index.and_then(|i| tokens.get(i)).map_or("", |t| t.text(text))
        };
        let kind = |offset: usize| tokens.get(at + offset).map(|t| t.kind);
        let slot = match token.kind {
            TokenKind::Number => Slot::Number,
            TokenKind::Text if spelled.ends_with('\'') => Slot::Character,
            TokenKind::Text => Slot::Text,
            TokenKind::Directive | TokenKind::Punct => return None,
            TokenKind::Ident if matches!(word(-1), "." | "->") => Slot::Member,
            TokenKind::Ident if matches!(word(-1), "struct" | "union" | "enum") => Slot::Type,
            TokenKind::Ident if word(1) == "(" => Slot::Function,
            TokenKind::Ident if word(-1) == "goto" => Slot::Label,
            TokenKind::Ident if word(1) == ":" && matches!(word(-1), ";" | "}" | "{" | ")") => Slot::Label,
            TokenKind::Ident if spelled.len() > 1 && !spelled.contains(|c: char| c.is_ascii_lowercase()) => {
                Slot::Constant
            }
            TokenKind::Ident if spelled.ends_with("_t") => Slot::Type,
            // `name name`: a type and what is declared.
            TokenKind::Ident if kind(1) == Some(TokenKind::Ident) => Slot::Type,
            TokenKind::Ident => Slot::Variable,
        };
        let index = self.by_slot.range((slot, 0)..=(slot, usize::MAX)).count();
        let (.., most) = SLOTS.iter().find(|(s, ..)| *s == slot)?;
        if index >= *most {
            return None;
        }
        self.by_text.insert(spelled.to_owned(), (slot, index));
        self.by_slot.insert((slot, index), spelled.to_owned());
        Some(Word::Slot(slot, index, blank))
    }
}

//! Brackets and separators: where a declaration, a parameter, a statement begins and ends.

use super::{Inside, Last, Rewriter};
use crate::lex::Token;
use crate::normalise::side::{Rewrite, marker};
use crate::normalise::words::{Sort, begins_declaration};

impl Rewriter<'_> {
    pub(super) fn open_with(&mut self, inside: Inside, text: &str) {
        let Some(open) = self.input.tokens.get(self.at).copied() else {
            return;
        };
        self.at += 1;
        self.emit(open, text);
        self.last = Last::Punct(b'(');
        self.push(inside);
    }

    pub(super) fn open_parenthesis(&mut self, token: Token) {
        let at = self.emit(token, "(");
        // `int f(int (T))`: the parameter is a function that takes a T (C11 6.7.6.3p11); lang-c names it T.
        let unnamed = matches!(self.inside(), Inside::Parenthesis { .. })
            && self.top().segment.typed
            && self.top().segment.name.is_none()
            && matches!(
                self.last,
                Last::Operand | Last::Keyword(Sort::Type | Sort::Specifier)
            )
            && (self.input.is_typedef)(self.next_text())
            && matches!(self.text_at(self.at + 1), ")" | ",");
        if unnamed {
            self.record(
                at,
                Rewrite::Unsupported("function type as a parameter without a name".into()),
            );
        }
        let control = self.last == Last::Keyword(Sort::Control);
        let inside = self.inside();
        let segment = &self.top().segment;
        let declares = segment.typed
            && segment.name.is_none()
            && !segment.initialising
            && matches!(
                inside,
                Inside::Top | Inside::Block | Inside::Record(_) | Inside::Declarator { .. }
            )
            && !matches!(self.last, Last::Keyword(Sort::Typeof | Sort::Other));
        // `(` where an operand may begin: if a brace follows the `)`, it is a compound literal.
        let cast = !control
            && match self.last {
                Last::Punct(_) => true,
                Last::Keyword(sort) => sort == Sort::Other,
                _ => false,
            };
        self.last = Last::Punct(b'(');
        self.push(if declares && !control {
            Inside::Declarator { cast }
        } else {
            Inside::Parenthesis { control, cast }
        });
    }

    pub(super) fn open_brace(&mut self, token: Token) {
        let literal = matches!(self.last, Last::CloseParenthesis { cast: true, .. });
        let list = literal
            || self.last == Last::Punct(b'=')
            || (self.inside() == Inside::Initialiser && self.last != Last::Punct(b'('));
        self.emit(token, "{");
        if list {
            if literal && matches!(self.next_text(), "}" | "%>") {
                self.emit(token, marker::EMPTY);
            }
            self.push(Inside::Initialiser);
        } else {
            let body = self.inside() == Inside::Top;
            self.push(Inside::Block);
            let hidden = std::mem::take(&mut self.hidden);
            if body && !hidden.is_empty() {
                self.emit(token, &format!("{} {};", marker::SHADOW, hidden.join(",")));
                self.end_segment();
            }
        }
        self.last = Last::Punct(b'{');
    }

    pub(super) fn close(&mut self, token: Token, text: &str) {
        match self.inside() {
            // A brace is still open: the brackets do not match, and lang-c will say so.
            Inside::Top | Inside::Block | Inside::Record(_) | Inside::Enum(_) | Inside::Initialiser => {
                self.emit(token, text);
                self.last = Last::Operand;
                return;
            }
            _ => {}
        }
        let Some((inside, name)) = self.pop() else { return };
        // A cast, a call or an index: what it applies to lies inside it, or it inside that.
        self.chain += 1;
        self.emit(token, if inside == Inside::Types { "))" } else { text });
        self.last = Last::Operand;
        match inside {
            Inside::Declarator { cast } => {
                let segment = &mut self.top().segment;
                segment.name = segment.name.or(name);
                self.last = Last::CloseParenthesis { control: false, cast };
            }
            Inside::Parenthesis { control, cast } => {
                self.last = Last::CloseParenthesis { control, cast };
                if control {
                    let chain = self.chain;
                    self.end_segment();
                    self.chain = chain;
                }
            }
            _ => {}
        }
    }

    pub(super) fn close_brace(&mut self, token: Token) {
        // Brackets left open inside do not match: drop them, and lang-c will say so.
        while !matches!(
            self.inside(),
            Inside::Top | Inside::Block | Inside::Record(_) | Inside::Enum(_) | Inside::Initialiser
        ) {
            self.pop();
        }
        let inside = self.pop().map_or(Inside::Top, |(inside, _)| inside);
        self.emit(token, "}");
        match inside {
            Inside::Record(keyword) | Inside::Enum(keyword) => self.last = Last::CloseTag(keyword),
            Inside::Initialiser => self.last = Last::Operand,
            _ => {
                self.last = Last::CloseBrace;
                if matches!(self.inside(), Inside::Block | Inside::Top) {
                    let chain = if self.next_text() == "else" { self.chain } else { 0 };
                    self.end_segment();
                    self.chain = self.chain.max(chain);
                }
            }
        }
    }

    pub(super) fn semicolon(&mut self, token: Token) {
        if self.computed_goto == Some(self.frames.len()) {
            self.computed_goto = None;
            self.emit(token, ")");
        }
        // A stray `;` among members has no place in lang-c's grammar.
        let stray = matches!(self.inside(), Inside::Record(_)) && self.top().segment.start.is_none();
        if !stray {
            self.emit(token, ";");
        }
        let chain = if self.next_text() == "else" { self.chain } else { 0 };
        self.end_segment();
        self.chain = self.chain.max(chain);
        self.last = Last::Punct(b';');
    }

    pub(super) fn comma(&mut self, token: Token) {
        match self.inside() {
            Inside::Types => {
                self.emit(token, "), sizeof(");
                self.end_segment();
            }
            Inside::Parenthesis { .. } | Inside::Enum(_) | Inside::Asm { .. } | Inside::Index => {
                self.emit(token, ",");
                self.end_segment();
            }
            _ => {
                self.emit(token, ",");
                self.chain = self.top().chain;
                let segment = &mut self.top().segment;
                segment.name = None;
                segment.initialising = false;
                segment.second = true;
            }
        }
        self.last = Last::Punct(b',');
    }

    pub(super) fn question(&mut self, token: Token) {
        self.chain += 1;
        self.emit(token, "?");
        self.last = Last::Punct(b'?');
        self.top().ternary += 1;
        if self.next_text() == ":" {
            self.emit(token, marker::ELVIS);
            self.last = Last::Operand;
        }
    }

    pub(super) fn colon(&mut self, token: Token) {
        if let Inside::Asm { colons, at } = self.inside() {
            return self.asm_colon(token, colons, at);
        }
        self.emit(token, ":");
        self.last = Last::Punct(b':');
        let frame = self.top();
        if frame.ternary > 0 {
            frame.ternary -= 1;
            return;
        }
        if frame.inside != Inside::Block {
            return;
        }
        // A label. C11 wants a statement after it; GCC takes a declaration or the end of the block too.
        let chain = self.chain + 1;
        self.end_segment();
        self.chain = chain;
        let next = self.next_text();
        let typedef = (self.input.is_typedef)(next) && self.is_identifier(self.at + 1);
        if matches!(next, "}" | "%>") || begins_declaration(next) || typedef {
            self.emit(token, ";");
            self.end_segment();
            self.last = Last::Punct(b';');
        }
    }
}

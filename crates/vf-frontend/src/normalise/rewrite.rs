//! The pass itself: one walk over the tokens with a stack of open brackets, each with the state of the
//! declaration or statement being read inside it.

mod brackets;
mod gnu;

use crate::lex::{Token, TokenKind};
use crate::normalise::attributes::{past_group, past_specifier, read};
use crate::normalise::side::{Attribute, Rewrite, SideTable, Target, marker};
use crate::normalise::words::{Sort, sort, spelling};
use crate::normalise::{Input, MAX_DEPTH, Rewritten, literals};
use crate::parse::{MappedToken, ParseFailure, TokenMap};

/// What an open bracket encloses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Inside {
    /// No bracket: the declaration itself.
    Top,
    /// Statements.
    Block,
    /// Members of a struct or union whose keyword lies here.
    Record(usize),
    /// Enumerators.
    Enum(usize),
    /// Initialiser list.
    Initialiser,
    /// Parameters, arguments, an expression, a type name; or after `if` and the like.
    Parenthesis { control: bool, cast: bool },
    /// A parenthesised declarator, or the arguments of a call that begins a statement: the two look alike.
    Declarator { cast: bool },
    /// `[ ]`.
    Index,
    /// Operands of the asm statement that begins at `at`; how many colons were seen.
    Asm { colons: u8, at: usize },
    /// Arguments of `__builtin_types_compatible_p`.
    Types,
}

/// The declaration or statement being read at one level.
#[derive(Clone, Debug, Default)]
struct Segment {
    /// Position of its first token.
    start: Option<usize>,
    /// A type specifier, or what may be one, was seen.
    typed: bool,
    /// Position of the current declarator's identifier.
    name: Option<usize>,
    /// A comma was seen: attributes belong to the declarator that follows.
    second: bool,
    /// After `=`.
    initialising: bool,
    /// Attributes that wait for the first token, or for the declarator's identifier.
    early: Vec<Attribute>,
    for_name: Vec<Attribute>,
}

#[derive(Debug)]
struct Frame {
    inside: Inside,
    segment: Segment,
    /// `?` without their `:` yet.
    ternary: usize,
    /// Depth of operators and statements that counted before this bracket.
    chain: usize,
}

impl Frame {
    fn new(inside: Inside, chain: usize) -> Frame {
        Frame {
            inside,
            segment: Segment::default(),
            ternary: 0,
            chain,
        }
    }
}

/// What the last emitted token was, for the decisions that need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    Nothing,
    /// Identifier, literal, `)` of an expression, `]`: something an operator can follow.
    Operand,
    CloseParenthesis {
        control: bool,
        cast: bool,
    },
    /// `}` that ended the tag body whose keyword lies here.
    CloseTag(usize),
    CloseBrace,
    Keyword(Sort),
    Punct(u8),
}

pub struct Rewriter<'a> {
    input: Input<'a>,
    /// Index of the token at hand.
    at: usize,
    out: String,
    map: Vec<MappedToken>,
    side: SideTable,
    frames: Vec<Frame>,
    last: Last,
    chain: usize,
    /// Text to emit after the token of that index.
    after: Vec<(usize, &'static str)>,
    /// Level of a computed goto whose call is to be closed at `;`.
    computed_goto: Option<usize>,
    /// Parameter names that hide typedef names.
    hidden: Vec<String>,
    /// What was taken out since the last token.
    waiting: Vec<Rewrite>,
}

impl<'a> Rewriter<'a> {
    pub fn new(input: Input<'a>, prefix: String) -> Rewriter<'a> {
        Rewriter {
            input,
            at: 0,
            out: prefix,
            map: Vec::with_capacity(input.tokens.len()),
            side: SideTable {
                pack: input.pack,
                ..SideTable::default()
            },
            frames: vec![Frame::new(Inside::Top, 0)],
            last: Last::Nothing,
            chain: 0,
            after: Vec::new(),
            computed_goto: None,
            hidden: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub fn run(mut self) -> Result<Rewritten, ParseFailure> {
        while let Some(token) = self.input.tokens.get(self.at).copied() {
            let index = self.at;
            self.at += 1;
            match token.kind {
                TokenKind::Directive => self.directive(token),
                TokenKind::Word => self.word(token, index),
                TokenKind::Punct => self.punct(token, index),
                TokenKind::String | TokenKind::Char | TokenKind::Number => self.literal(token),
                TokenKind::Stray => {
                    self.emit(token, token.text(self.input.text));
                }
            }
            while let Some(place) = self.after.iter().position(|(i, _)| *i == index) {
                let (_, text) = self.after.swap_remove(place);
                let last = self
                    .input
                    .tokens
                    .get(self.at.saturating_sub(1))
                    .copied()
                    .unwrap_or(token);
                self.emit(last, text);
                self.last = Last::Operand;
            }
            if self.frames.len() + self.chain > MAX_DEPTH {
                return Err(ParseFailure::TooDeep {
                    limit: MAX_DEPTH,
                    offset: token.start as usize,
                });
            }
        }
        while self.pop().is_some() {}
        self.end_segment();
        let end = self.out.len().saturating_sub(1);
        for rewrite in std::mem::take(&mut self.waiting) {
            self.record(end, rewrite);
        }
        self.side.attributes.sort_by_key(|(target, _)| *target);
        self.side.rewrites.sort_by_key(|(at, _)| *at);
        Ok(Rewritten {
            text: self.out,
            map: TokenMap { tokens: self.map },
            side: self.side,
        })
    }

    // What comes next.

    fn text_at(&self, index: usize) -> &'a str {
        self.input
            .tokens
            .get(index)
            .map_or("", |t| t.text(self.input.text))
    }

    fn next_text(&self) -> &'a str {
        self.text_at(self.at)
    }

    fn is_identifier(&self, index: usize) -> bool {
        self.input
            .tokens
            .get(index)
            .is_some_and(|t| t.kind == TokenKind::Word)
            && sort(self.text_at(index)).is_none()
    }

    // Where we are.

    fn top(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::new(Inside::Top, 0));
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    fn inside(&self) -> Inside {
        self.frames.last().map_or(Inside::Top, |f| f.inside)
    }

    fn push(&mut self, inside: Inside) {
        let chain = self.chain;
        let mut frame = Frame::new(inside, chain);
        // The type stands before the parenthesis.
        frame.segment.typed = matches!(inside, Inside::Declarator { .. });
        self.frames.push(frame);
    }

    /// Leaves the innermost bracket; what it was, and the identifier last declared in it. The outermost level
    /// stays.
    fn pop(&mut self) -> Option<(Inside, Option<usize>)> {
        if self.frames.len() <= 1 {
            return None;
        }
        let name = self.top().segment.name;
        self.end_segment();
        let frame = self.frames.pop()?;
        self.chain = frame.chain;
        Some((frame.inside, name))
    }

    /// The next token begins another declaration, statement, parameter or argument at this level.
    fn end_segment(&mut self) {
        let end = self.out.len();
        let segment = std::mem::take(&mut self.top().segment);
        let start = segment.start.unwrap_or(end);
        let statement = segment.start.is_none();
        for attribute in segment.early.into_iter().chain(segment.for_name) {
            let target = if statement {
                Target::Statement(start)
            } else {
                Target::Specifiers(start)
            };
            self.side.attributes.push((target, attribute));
        }
        self.chain = self.frames.last().map_or(0, |f| f.chain);
    }

    // Output.

    /// Appends text that stands for `token`; returns its position.
    fn emit(&mut self, token: Token, text: &str) -> usize {
        if !self.out.ends_with(' ') && (token.spaced || needs_space(&self.out, text)) {
            self.out.push(' ');
        }
        let at = self.out.len();
        self.out.push_str(text);
        self.map.push(MappedToken {
            at: at as u32,
            len: text.len() as u32,
            start: token.start,
            end: token.end,
        });
        let waiting = std::mem::take(&mut self.waiting);
        self.side.rewrites.extend(waiting.into_iter().map(|r| (at, r)));
        let segment = &mut self.top().segment;
        if segment.start.is_none() && text != ";" {
            segment.start = Some(at);
            let early = std::mem::take(&mut segment.early);
            self.side
                .attributes
                .extend(early.into_iter().map(|a| (Target::Specifiers(at), a)));
        }
        at
    }

    fn record(&mut self, at: usize, rewrite: Rewrite) {
        self.side.rewrites.push((at, rewrite));
    }

    /// Records what was taken out in front of whatever comes next, at the position of that.
    fn record_here(&mut self, rewrite: Rewrite) {
        self.waiting.push(rewrite);
    }

    // Tokens.

    fn literal(&mut self, token: Token) {
        let text = token.text(self.input.text);
        let (respelled, changed) = match token.kind {
            TokenKind::Number => literals::number(text),
            _ => literals::quoted(text),
        };
        let at = self.emit(token, &respelled);
        if changed {
            self.record(at, Rewrite::Literal);
        }
        let bad = self.input.not_utf8.partition_point(|b| *b < token.start as usize);
        if self
            .input
            .not_utf8
            .get(bad)
            .is_some_and(|b| *b < token.end as usize)
        {
            self.record(
                at,
                Rewrite::Unsupported("literal with bytes that are not UTF-8".into()),
            );
        }
        self.last = Last::Operand;
    }

    fn word(&mut self, token: Token, index: usize) {
        let word = token.text(self.input.text);
        match word {
            "__extension__" => return,
            "__attribute__" | "__attribute" | "_Alignas" => {
                if let Some(end) = past_specifier(self.input.text, self.input.tokens, index) {
                    return self.attribute_specifier(index, end);
                }
            }
            "_Static_assert" if self.next_text() == "(" => return self.static_assert(),
            "__label__" => return self.local_labels(),
            "__seg_fs" | "__seg_gs" => return self.record_here(Rewrite::AddressSpace(word.to_string())),
            "asm" | "__asm" | "__asm__" => return self.asm(token),
            "__builtin_types_compatible_p" if self.next_text() == "(" => {
                self.emit(token, word);
                self.open_with(Inside::Types, "( sizeof(");
                return;
            }
            "goto" if self.next_text() == "*" => {
                self.emit(token, marker::COMPUTED_GOTO);
                self.emit(token, "(");
                self.computed_goto = Some(self.frames.len());
                self.at += 1;
                self.last = Last::Punct(b'(');
                return;
            }
            "_Alignof" | "__alignof" | "__alignof__" if !self.operand_is_type() => {
                self.emit(token, marker::ALIGNOF_VALUE);
                self.last = Last::Operand;
                return;
            }
            "__real__" | "__real" | "__imag__" | "__imag" => {
                let name = if word.starts_with("__real") {
                    marker::REAL
                } else {
                    marker::IMAG
                };
                self.emit(token, name);
                self.last = Last::Operand;
                return;
            }
            _ => {}
        }
        match sort(word) {
            Some(sort) => self.keyword(token, word, sort),
            None => self.identifier(token, word),
        }
    }

    fn keyword(&mut self, token: Token, word: &'a str, sort: Sort) {
        if word == "sizeof" && self.next_text() == "(" {
            // `sizeof (T){...}`: lang-c would stop at the parenthesis.
            let close = past_group(self.input.text, self.input.tokens, self.at);
            if self.text_at(close) == "{" {
                let end = past_group(self.input.text, self.input.tokens, close);
                self.emit(token, "sizeof(");
                self.after.push((end.saturating_sub(1), ")"));
                self.last = Last::Keyword(Sort::Other);
                return;
            }
        }
        let at = self.emit(token, spelling(word));
        self.last = Last::Keyword(sort);
        match sort {
            Sort::Type => {
                self.top().segment.typed = true;
                if word == "__int128" {
                    self.record(at, Rewrite::Int128);
                }
            }
            Sort::Typeof => self.top().segment.typed = true,
            Sort::Record | Sort::Enum => self.tag(at, sort),
            Sort::Control | Sort::Other => self.chain += 1,
            Sort::Branch => {
                self.chain += 1;
                let chain = self.chain;
                self.end_segment();
                self.chain = chain;
            }
            // `_Atomic(T)` is a type.
            Sort::Specifier => {
                let atomic = word == "_Atomic" && self.next_text() == "(";
                self.top().segment.typed |= atomic;
            }
        }
    }

    /// After `struct`, `union` or `enum` at `keyword`: attributes, the tag, the opening brace.
    fn tag(&mut self, keyword: usize, sort: Sort) {
        self.top().segment.typed = true;
        self.tag_attributes(keyword);
        if self.is_identifier(self.at)
            && !self.next_text().starts_with("__attribute")
            && let Some(name) = self.input.tokens.get(self.at).copied()
        {
            self.at += 1;
            self.emit(name, name.text(self.input.text));
            self.last = Last::Operand;
        }
        // `struct tag __attribute__((...)) {` is none of GCC's, but a brace tells whose the attribute is.
        let mut after = self.at;
        while let Some(end) = past_specifier(self.input.text, self.input.tokens, after) {
            after = end;
        }
        if self.text_at(after) != "{" && self.text_at(after) != "<%" {
            return;
        }
        self.tag_attributes(keyword);
        if let Some(brace) = self.input.tokens.get(self.at).copied() {
            self.at += 1;
            self.emit(brace, "{");
            self.last = Last::Punct(b'{');
            self.push(if sort == Sort::Enum {
                Inside::Enum(keyword)
            } else {
                Inside::Record(keyword)
            });
        }
    }

    fn tag_attributes(&mut self, keyword: usize) {
        while let Some(end) = past_specifier(self.input.text, self.input.tokens, self.at) {
            for attribute in read(
                self.input.text,
                self.input.tokens.get(self.at..end).unwrap_or(&[]),
            ) {
                self.side.attributes.push((Target::Tag(keyword), attribute));
            }
            self.at = end;
        }
    }

    fn identifier(&mut self, token: Token, word: &'a str) {
        let inside = self.inside();
        let implicit_int = inside == Inside::Top
            && matches!(self.last, Last::Nothing | Last::Keyword(Sort::Specifier))
            && self.next_text() == "("
            && !(self.input.is_typedef)(word)
            && !self.top().segment.typed;
        if implicit_int {
            self.emit(token, "int");
            self.top().segment.typed = true;
        }
        let at = self.emit(token, word);
        self.last = Last::Operand;
        let levels = self.frames.len();
        let segment = &mut self.top().segment;
        if matches!(inside, Inside::Enum(_)) {
            segment.typed = true;
        }
        if !segment.typed {
            segment.typed = true;
        } else if segment.name.is_none() && !segment.initialising {
            segment.name = Some(at);
            let waiting = std::mem::take(&mut segment.for_name);
            self.side
                .attributes
                .extend(waiting.into_iter().map(|a| (Target::Declarator(at), a)));
            // A parameter of the function that this declaration defines.
            let parameter = levels == 2 && matches!(inside, Inside::Parenthesis { .. });
            if parameter && (self.input.is_typedef)(word) {
                self.hidden.push(word.to_string());
            }
        }
    }

    fn punct(&mut self, token: Token, index: usize) {
        let text = spelling(token.text(self.input.text));
        if text == "["
            && self.next_text() == "["
            && let Some(end) = past_specifier(self.input.text, self.input.tokens, index)
        {
            return self.attribute_specifier(index, end);
        }
        match text {
            "(" => self.open_parenthesis(token),
            "[" => {
                self.emit(token, text);
                self.last = Last::Punct(b'[');
                self.push(Inside::Index);
            }
            "{" => self.open_brace(token),
            ")" | "]" => self.close(token, text),
            "}" => self.close_brace(token),
            ";" => self.semicolon(token),
            "," => self.comma(token),
            "?" => self.question(token),
            ":" => self.colon(token),
            "&&" if self.is_identifier(self.at) && !self.after_operand() => {
                self.emit(token, marker::LABEL_ADDRESS);
                self.emit(token, "(");
                self.after.push((self.at, ")"));
                self.last = Last::Punct(b'(');
            }
            _ => {
                self.chain += 1;
                if text == "=" {
                    self.top().segment.initialising = true;
                }
                self.emit(token, text);
                let first = text.as_bytes().first().copied().unwrap_or(b' ');
                // `x++` is an operand still.
                let postfix = matches!(text, "++" | "--") && self.after_operand();
                self.last = if postfix {
                    Last::Operand
                } else {
                    Last::Punct(first)
                };
            }
        }
    }

    /// Whether an operator here is binary.
    fn after_operand(&self) -> bool {
        match self.last {
            Last::Operand => true,
            Last::CloseParenthesis { control, .. } => !control,
            _ => false,
        }
    }
}

/// Whether two texts would read as one token side by side.
fn needs_space(before: &str, after: &str) -> bool {
    let (Some(last), Some(first)) = (before.bytes().last(), after.bytes().next()) else {
        return false;
    };
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b >= 0x80;
    let glue = |b: u8| b"+-*/%&|<>=!:.#^".contains(&b);
    (word(last) && (word(first) || first == b'"' || first == b'\'' || first == b'.'))
        || (last == b'.' && word(first))
        || (glue(last) && glue(first))
}

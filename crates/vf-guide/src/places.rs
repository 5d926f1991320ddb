//! Where statements of a function may be replaced or inserted by an edit of numbered lines.
//!
//! An edit names lines, a grammar statements. The two meet where a run of lines holds whole statements of one block
//! and nothing else: replaced by statements, what was C is C again. A head alone (`if (...) {` without what is behind it) may be
//! replaced by one of its kind, and a declaration of one name by one of that name. Preprocessor lines, comments and statements that
//! share a line end such a run. Nothing here is trusted: a place that is read wrongly makes a candidate that the
//! compiler or the prover refuses.

use std::ops::Range;

use vf_repair::ctext::functions::FunctionText;
use vf_repair::ctext::lex::{Token, TokenKind, is_keyword};
use vf_repair::ctext::outline::{NodeId, NodeKind, Outline};

/// Statements next to each other that one edit may replace.
const MAX_RUN: usize = 12;
/// Places of one function; a larger one gets shorter runs.
const MAX_PLACES: usize = 600;

/// What may stand in a place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slot {
    /// Exactly one statement: the body of an `if` or a loop without braces.
    pub single: bool,
    /// Replaced by nothing: lines are taken out.
    pub may_be_empty: bool,
    /// What comes before is a label, which no declaration may follow (C11 6.8.1).
    pub after_label: bool,
    /// The last statement of a function with a value: the new one must return it.
    pub must_return: bool,
    pub in_loop: bool,
    /// In a loop or a `switch`.
    pub breakable: bool,
    /// Index into [`Places::scopes`].
    pub scope: usize,
    pub head: Option<Head>,
    /// The name that is declared, alone and as no array, and that a declaration in its place may declare again.
    pub declared: Option<Declared>,
}

/// What stands in the lines is a head without its statement, which remains: a head of its kind stands there again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Head {
    pub kind: HeadKind,
    /// What the line begins with, before the keyword: `} else ` or nothing.
    pub before: String,
    /// What it ends with, behind the parentheses: ` {` or nothing.
    pub behind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HeadKind {
    If,
    While,
    Switch,
    /// With what it declares, up to the first value: `int i`.
    For(Option<String>),
    /// The end of a `do` loop.
    Until,
}

/// See [`Slot::declared`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Declared {
    pub name: String,
    /// Of several words, as `static` or `const` before the type: kept.
    pub qualifiers: String,
    /// It has a first value.
    pub has_value: bool,
    /// All before the first value or the semicolon, as it is spelt.
    pub spelt: String,
    /// A pointer to it would point to another type, if its type became another one.
    pub has_its_address_taken: bool,
}

/// Lines that an edit may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// First line, from 1, in the file.
    pub from: u32,
    /// Last line, to replace; `None`: insert before `from`.
    pub to: Option<u32>,
    /// Index into [`Places::slots`].
    pub slot: usize,
    /// Whether names that are declared in these lines may be used behind them.
    pub declares: bool,
}

/// All of them, in one function.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// By first line, then last; an insertion before a line comes before its replacement.
    pub places: Vec<Place>,
    pub slots: Vec<Slot>,
    /// Local variables by name, of each scope, outermost first.
    pub scopes: Vec<Vec<String>>,
    /// Labels that a `goto` may name.
    pub labels: Vec<String>,
}

impl Places {
    /// Reads them off a function of a file.
    pub fn of(source: &str, function: &FunctionText) -> Places {
        let outline = Outline::new(source, function);
        let mut longest = MAX_RUN;
        loop {
            let mut reader = Reader {
                lines: LineStarts::new(source),
                outline: &outline,
                tokens: outline.tokens_in(&function.body),
                returns_value: !returns_nothing(source, function),
                longest,
                places: Places::default(),
            };
            reader.block(0);
            let mut places = reader.places;
            if places.places.len() <= MAX_PLACES || longest == 1 {
                places.places.truncate(MAX_PLACES);
                places.places.sort_by_key(|p| (p.from, p.to));
                places.labels = labels(&outline);
                return places;
            }
            longest = longest.div_ceil(2);
        }
    }
}

/// `void f(...)`, as far as its specifiers say.
fn returns_nothing(source: &str, function: &FunctionText) -> bool {
    let header = source
        .get(function.range.start..function.params.start)
        .unwrap_or("");
    let words: Vec<&str> = vf_repair::ctext::lex::identifiers(header);
    words.contains(&"void") && !header.contains('*')
}

fn labels(outline: &Outline) -> Vec<String> {
    let named = outline.nodes.iter().filter(|n| n.kind == NodeKind::Label);
    named.filter_map(|n| label_name(outline, &n.range)).collect()
}

/// The name of `name:`; `None` for `case` and `default`.
fn label_name(outline: &Outline, range: &Range<usize>) -> Option<String> {
    let text = outline.text(range.clone()).strip_suffix(':')?.trim_end();
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    (plain && text != "default").then(|| text.to_owned())
}

struct LineStarts(Vec<usize>);

impl LineStarts {
    fn new(text: &str) -> LineStarts {
        LineStarts(
            std::iter::once(0)
                .chain(text.match_indices('\n').map(|(i, _)| i + 1))
                .collect(),
        )
    }

    /// Number of the line of a byte, from 1.
    fn line(&self, at: usize) -> u32 {
        self.0.partition_point(|s| *s <= at) as u32
    }

    /// First byte of a line; `None` behind the last.
    fn start(&self, line: u32) -> Option<usize> {
        self.0.get((line as usize).checked_sub(1)?).copied()
    }
}

struct Reader<'a> {
    lines: LineStarts,
    outline: &'a Outline<'a>,
    tokens: &'a [Token],
    returns_value: bool,
    longest: usize,
    places: Places,
}

impl Reader<'_> {
    fn kind(&self, id: NodeId) -> Option<NodeKind> {
        self.outline.nodes.get(id).map(|n| n.kind)
    }

    fn children(&self, id: NodeId) -> Vec<NodeId> {
        self.outline
            .nodes
            .get(id)
            .map_or_else(Vec::new, |n| n.children.clone())
    }

    fn range(&self, id: NodeId) -> Range<usize> {
        self.outline.nodes.get(id).map_or(0..0, |n| n.range.clone())
    }

    /// The statements of a block.
    fn block(&mut self, id: NodeId) {
        let children = self.children(id);
        // A head whose statement is a preprocessor line: which statement it has depends on the configuration.
        let torn = |&child: &NodeId| {
            !matches!(self.kind(child), Some(NodeKind::Block))
                && self
                    .children(child)
                    .iter()
                    .any(|c| self.kind(*c) == Some(NodeKind::Other))
        };
        if children.iter().any(torn) {
            return;
        }
        let of_switch = self
            .outline
            .nodes
            .get(id)
            .and_then(|n| n.parent)
            .is_some_and(|p| self.kind(p) == Some(NodeKind::Switch));
        for (i, &first) in children.iter().enumerate() {
            if !(of_switch && i == 0) {
                self.insertion(id, &children, i, self.range(first).start);
            }
            for (j, &last) in children.iter().enumerate().skip(i).take(self.longest) {
                if matches!(self.kind(last), Some(NodeKind::Label | NodeKind::Other)) {
                    break;
                }
                self.replacement(id, &children, i, j, self.range(first).start..self.range(last).end);
            }
        }
        let end = self.range(id).end.saturating_sub(1);
        if !(of_switch && children.is_empty()) {
            self.insertion(id, &children, children.len(), end);
        }
        for child in children {
            self.head(child);
            self.declaration(child);
            self.inside(child);
        }
    }

    /// The head of a statement, where nothing but it and the braces beside it is on its lines.
    fn head(&mut self, id: NodeId) {
        let Some(node) = self.outline.nodes.get(id) else {
            return;
        };
        let (kind, head) = (node.kind, node.head.clone());
        let torn = node
            .children
            .iter()
            .any(|c| self.kind(*c) == Some(NodeKind::Other));
        let declared = self.declared_before(id);
        let kind = match (kind, declared) {
            (NodeKind::If, _) => HeadKind::If,
            (NodeKind::While, _) => HeadKind::While,
            (NodeKind::Switch, _) => HeadKind::Switch,
            (NodeKind::DoWhile, _) => HeadKind::Until,
            (NodeKind::For, Some(declared)) => HeadKind::For(declared),
            _ => return,
        };
        let word = |i: usize| self.tokens.get(i).map_or("", |t| t.text(self.outline.source));
        // `keyword (`: the parenthesis ends where what is in it begins.
        let Some(keyword) = self
            .tokens
            .iter()
            .position(|t| t.end == head.start)
            .and_then(|open| open.checked_sub(1))
        else {
            return;
        };
        let Some(close) = self.tokens.iter().position(|t| t.start == head.end) else {
            return;
        };
        let (Some(first), Some(last)) = (self.tokens.get(keyword), self.tokens.get(close)) else {
            return;
        };
        let lines = (self.lines.line(first.start), self.lines.line(last.start));
        let begin = (0..keyword)
            .rev()
            .take_while(|i| self.line_of(*i) == Some(lines.0))
            .last();
        let begin = begin.unwrap_or(keyword);
        let end = (close + 1..self.tokens.len())
            .take_while(|i| self.line_of(*i) == Some(lines.1))
            .last();
        let end = end.unwrap_or(close);
        let before: Vec<&str> = (begin..keyword).map(word).collect();
        let behind: Vec<&str> = (close + 1..=end).map(word).collect();
        let (before, behind) = match (&kind, before.as_slice(), behind.as_slice()) {
            (HeadKind::Until, ["}"], [";"]) => ("} ", ";"),
            (HeadKind::Until, ..) => return,
            (_, [], ["{"]) => ("", " {"),
            (_, [], []) => ("", ""),
            (_, ["else"], ["{"]) => ("else ", " {"),
            (_, ["else"], []) => ("else ", ""),
            (_, ["}", "else"], ["{"]) => ("} else ", " {"),
            (_, ["}", "else"], []) => ("} else ", ""),
            _ => return,
        };
        let range = |i: usize| self.tokens.get(i).map_or(0..0, |t| t.start..t.end);
        let whole = range(begin).start..range(end).end;
        if torn || self.whole_lines(&whole) != Some(lines) {
            return;
        }
        let (before, behind) = (before.to_owned(), behind.to_owned());
        // In the head of a `for`, what it declares is known.
        let parent = match kind {
            HeadKind::For(_) => id,
            _ => self.outline.nodes.get(id).and_then(|n| n.parent).unwrap_or(0),
        };
        let slot = self.slot(parent, first.start, |s| {
            s.head = Some(Head { kind, before, behind })
        });
        self.push(lines.0, Some(lines.1), slot, false);
    }

    fn line_of(&self, token: usize) -> Option<u32> {
        Some(self.lines.line(self.tokens.get(token)?.start))
    }

    /// Of a `for`: what its head declares, up to the first value. `None` where that is more than one name with a value.
    #[allow(clippy::option_option)]
    fn declared_before(&self, id: NodeId) -> Option<Option<String>> {
        let [init, ..] = self.outline.for_parts(id);
        let text = self.outline.text(init?);
        let Some((before, _)) = text.split_once('=') else {
            return text.is_empty().then_some(None);
        };
        let words: Vec<&str> = before.split_whitespace().collect();
        match (words.len(), self.declared_in_head(id)) {
            (0 | 1, _) => Some(None),
            (_, Some(_)) if !text.contains(',') => Some(Some(words.join(" "))),
            _ => None,
        }
    }

    /// A declaration of one name.
    fn declaration(&mut self, id: NodeId) {
        let Some(node) = self.outline.nodes.get(id) else {
            return;
        };
        let ([one], NodeKind::Declaration) = (node.declarators.as_slice(), node.kind) else {
            return;
        };
        let range = node.range.clone();
        let tail = self.outline.text(one.name_range.end..range.end).trim_start();
        let has_value = tail.starts_with('=') && !tail.trim_start_matches(['=', ' ']).starts_with('{');
        let words: Vec<&str> = self
            .outline
            .text(one.specifiers.clone())
            .split_whitespace()
            .collect();
        let kept = words
            .iter()
            .take_while(|w| matches!(**w, "static" | "const" | "register" | "volatile"));
        let qualifiers: String = kept.map(|w| format!("{w} ")).collect();
        let plain = one.bound.is_none() && (has_value || tail == ";");
        let Some((from, to)) = self.whole_lines(&range).filter(|_| plain) else {
            return;
        };
        let declared = Declared {
            name: one.name.clone(),
            qualifiers,
            has_value,
            spelt: one_line(self.outline.text(range.start..one.name_range.end)),
            has_its_address_taken: self.has_its_address_taken(&one.name),
        };
        let parent = node.parent.unwrap_or(0);
        let slot = self.slot(parent, range.start, |_| {});
        // What a statement may stand for there it may still.
        let Some(place) = self
            .places
            .places
            .iter()
            .position(|p| (p.from, p.to) == (from, Some(to)))
        else {
            return;
        };
        let old = self.places.places.get(place).map_or(slot, |p| p.slot);
        let Some(mut own) = self.places.slots.get(old).cloned() else {
            return;
        };
        // It is in scope in its own first value, as in `p = malloc(sizeof(*p))` (C11 6.2.1p7).
        let mut names = self.places.scopes.get(own.scope).cloned().unwrap_or_default();
        names.push(declared.name.clone());
        own.scope = index_of(&mut self.places.scopes, names);
        own.declared = Some(declared);
        let slot = index_of(&mut self.places.slots, own);
        if let Some(place) = self.places.places.get_mut(place) {
            place.slot = slot;
        }
    }

    /// Whether `&` stands before a name anywhere, and is no operator between two operands.
    fn has_its_address_taken(&self, name: &str) -> bool {
        let text = |t: &Token| t.text(self.outline.source);
        let operand = |t: &Token| {
            matches!(t.kind, TokenKind::Ident | TokenKind::Number) && !is_keyword(text(t))
                || matches!(text(t), ")" | "]")
        };
        self.tokens.windows(3).any(|three| match three {
            [before, and, of] => text(and) == "&" && text(of) == name && !operand(before),
            _ => false,
        })
    }

    /// What a statement contains.
    fn inside(&mut self, id: NodeId) {
        match self.kind(id) {
            Some(NodeKind::Block) => self.block(id),
            Some(
                NodeKind::If
                | NodeKind::For
                | NodeKind::While
                | NodeKind::DoWhile
                | NodeKind::Switch
                | NodeKind::MacroLoop,
            ) => {
                for child in self.children(id) {
                    match self.kind(child) {
                        Some(NodeKind::Block) | None => {}
                        Some(NodeKind::Label | NodeKind::Other | NodeKind::Declaration) => continue,
                        Some(_) => self.only(id, child),
                    }
                    self.head(child);
                    self.inside(child);
                }
            }
            _ => {}
        }
    }

    /// A statement that is the body of an `if` or a loop, without braces.
    fn only(&mut self, parent: NodeId, id: NodeId) {
        // Before an `else`, an `if` would take it.
        let range = self.range(id);
        let before_else = self
            .tokens
            .iter()
            .find(|t| t.start >= range.end)
            .is_some_and(|t| t.text(self.outline.source) == "else");
        if !before_else && let Some((from, to)) = self.whole_lines(&range) {
            let slot = self.slot(parent, range.start, |s| s.single = true);
            self.push(from, Some(to), slot, false);
        }
    }

    fn replacement(&mut self, parent: NodeId, all: &[NodeId], i: usize, j: usize, range: Range<usize>) {
        let Some((from, to)) = self.whole_lines(&range) else {
            return;
        };
        let inside =
            |n: &&vf_repair::ctext::outline::Node| range.start <= n.range.start && n.range.end <= range.end;
        // A label in these lines may be somebody's goal.
        let jumped_to = self
            .outline
            .nodes
            .iter()
            .filter(inside)
            .any(|n| n.kind == NodeKind::Label && label_name(self.outline, &n.range).is_some());
        if jumped_to {
            return;
        }
        let declares = all
            .get(i..=j)
            .is_some_and(|run| run.iter().any(|c| self.kind(*c) == Some(NodeKind::Declaration)));
        let after_label = self.after_label(all, i);
        let last = parent == 0 && j + 1 == all.len() && self.returns_value;
        let slot = self.slot(parent, range.start, |s| {
            s.may_be_empty = !after_label && !last;
            s.after_label = after_label;
            s.must_return = last;
        });
        self.push(from, Some(to), slot, declares);
    }

    fn insertion(&mut self, parent: NodeId, all: &[NodeId], i: usize, at: usize) {
        let line = self.lines.line(at);
        let Some(start) = self.lines.start(line) else {
            return;
        };
        if !self.begins_line(at, start) {
            return;
        }
        // Nothing is inserted where nothing is executed any more, except behind a label.
        let dead = i.checked_sub(1).and_then(|b| all.get(b)).is_some_and(|c| {
            matches!(
                self.kind(*c),
                Some(NodeKind::Return | NodeKind::Goto | NodeKind::Break | NodeKind::Continue)
            )
        });
        if dead {
            return;
        }
        let after_label = self.after_label(all, i);
        let slot = self.slot(parent, at, |s| s.after_label = after_label);
        // The empty line between two statements is as good as the second one.
        let before = self.tokens.iter().rev().find(|t| t.end <= start);
        let empty = before.map(|t| self.lines.line(t.end) + 1).filter(|l| *l < line);
        if let Some(empty) = empty.filter(|l| self.lines.start(*l).is_some_and(|at| self.clean(at))) {
            self.push(empty, None, slot, false);
        }
        self.push(line, None, slot, false);
    }

    fn after_label(&self, all: &[NodeId], i: usize) -> bool {
        i.checked_sub(1)
            .and_then(|b| all.get(b))
            .is_some_and(|c| self.kind(*c) == Some(NodeKind::Label))
    }

    /// The lines of a range of bytes, when nothing else is on them.
    fn whole_lines(&self, range: &Range<usize>) -> Option<(u32, u32)> {
        let (from, to) = (
            self.lines.line(range.start),
            self.lines.line(range.end.checked_sub(1)?),
        );
        if !self.begins_line(range.start, self.lines.start(from)?) {
            return None;
        }
        let end = self.lines.start(to + 1)?;
        let next = self.tokens.iter().find(|t| t.start >= range.end)?;
        let directives = self
            .tokens
            .iter()
            .any(|t| t.kind == TokenKind::Directive && range.contains(&t.start));
        (next.start >= end && self.clean(end) && !directives).then_some((from, to))
    }

    /// Whether the token at a byte is the first on its line, and the line begins outside of comments.
    fn begins_line(&self, at: usize, line_start: usize) -> bool {
        let before = self.tokens.iter().rev().find(|t| t.end <= at);
        before.is_some_and(|t| t.end <= line_start) && self.clean(line_start)
    }

    /// Whether a byte is neither in a token nor in a comment, nor behind a spliced line.
    fn clean(&self, at: usize) -> bool {
        let Some(before) = self.tokens.iter().rev().find(|t| t.start < at) else {
            return false;
        };
        if before.end > at {
            return false;
        }
        let gap = self.outline.text(before.end..at);
        let mut rest = gap;
        while let Some(open) = rest.find("/*").into_iter().chain(rest.find("//")).min() {
            let (comment, ends, width) = match rest.get(open..open + 2) {
                Some("/*") => (rest.get(open + 2..).unwrap_or(""), "*/", 2),
                _ => (rest.get(open + 2..).unwrap_or(""), "\n", 1),
            };
            match comment.find(ends) {
                Some(end) => rest = comment.get(end + width..).unwrap_or(""),
                None => return false,
            }
        }
        !gap.trim_end_matches(['\n', '\r']).ends_with('\\')
    }

    fn slot(&mut self, parent: NodeId, at: usize, set: impl FnOnce(&mut Slot)) -> usize {
        let ancestors = self.outline.ancestors(parent);
        let in_loop = ancestors.iter().any(|a| self.outline.is_loop(*a));
        let in_switch = ancestors.iter().any(|a| self.kind(*a) == Some(NodeKind::Switch));
        let mut names: Vec<String> = Vec::new();
        for ancestor in ancestors.iter().rev() {
            if self.kind(*ancestor) == Some(NodeKind::For) {
                names.extend(self.declared_in_head(*ancestor));
            }
            for child in self.children(*ancestor) {
                let node = self.outline.nodes.get(child).filter(|n| n.range.end <= at);
                names.extend(node.iter().flat_map(|n| &n.declarators).map(|d| d.name.clone()));
            }
        }
        let scope = index_of(&mut self.places.scopes, names);
        let mut slot = Slot {
            single: false,
            may_be_empty: false,
            after_label: false,
            must_return: false,
            in_loop,
            breakable: in_loop || in_switch,
            scope,
            head: None,
            declared: None,
        };
        set(&mut slot);
        index_of(&mut self.places.slots, slot)
    }

    /// `i` of `for (int i = 0; ...)`.
    fn declared_in_head(&self, id: NodeId) -> Option<String> {
        let [init, ..] = self.outline.for_parts(id);
        let tokens = self.outline.tokens_in(&init?);
        let equals = tokens.iter().position(|t| t.text(self.outline.source) == "=")?;
        let idents = tokens
            .get(..equals)?
            .iter()
            .filter(|t| t.kind == TokenKind::Ident)
            .count();
        let name = tokens.get(equals.checked_sub(1)?)?;
        (idents > 1 && name.kind == TokenKind::Ident).then(|| name.text(self.outline.source).to_owned())
    }

    fn push(&mut self, from: u32, to: Option<u32>, slot: usize, declares: bool) {
        let place = Place {
            from,
            to,
            slot,
            declares,
        };
        if !self.places.places.iter().any(|p| (p.from, p.to) == (from, to)) {
            self.places.places.push(place);
        }
    }
}

fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

fn index_of<T: PartialEq>(all: &mut Vec<T>, one: T) -> usize {
    all.iter().position(|x| *x == one).unwrap_or_else(|| {
        all.push(one);
        all.len() - 1
    })
}

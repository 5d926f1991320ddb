//! The statements of a function body with their byte ranges (C11 6.8).

use std::ops::Range;

use super::expr::{self, Expr, is_type_word};
use super::functions::{FunctionText, matching};
use super::lex::{Token, TokenKind, is_keyword, tokens};

/// Index into [`Outline::nodes`].
pub type NodeId = usize;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeKind {
    Block,
    If,
    For,
    While,
    DoWhile,
    Switch,
    /// `name(...) { ... }`: a macro that expands to a loop.
    MacroLoop,
    /// `label:`, `case x:`, `default:`; the labelled statement comes after it as a sibling.
    Label,
    Return,
    Goto,
    Break,
    Continue,
    Declaration,
    /// An expression statement.
    Expression,
    /// Anything else, a preprocessor line included.
    Other,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub kind: NodeKind,
    /// From the first to the last token (semicolon and closing brace included).
    pub range: Range<usize>,
    /// Text between the parentheses of `if`, `for`, `while`, `switch`, the operand of `return`, the whole
    /// of an expression statement without its semicolon.
    pub head: Range<usize>,
    pub parent: Option<NodeId>,
    /// Sub-statements, in order; for `If`, the first is the then side and the second the else side.
    pub children: Vec<NodeId>,
    /// Declared names, for a `Declaration`.
    pub declarators: Vec<Declarator>,
}

/// One name of a declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declarator {
    pub name: String,
    pub name_range: Range<usize>,
    /// Specifiers shared by all declarators (`static const char`).
    pub specifiers: Range<usize>,
    /// `*` before the name.
    pub pointers: usize,
    /// The first array bound, without its brackets.
    pub bound: Option<Range<usize>>,
    pub init: Option<Expr>,
    /// From the first `*` or the name to the end of the initialiser.
    pub range: Range<usize>,
}

/// The statements of one function.
#[derive(Clone, Debug)]
pub struct Outline<'a> {
    pub source: &'a str,
    pub function: FunctionText,
    pub nodes: Vec<Node>,
    tokens: Vec<Token>,
}

impl<'a> Outline<'a> {
    /// Reads the body of a function. Node 0 is its block.
    pub fn new(source: &'a str, function: &FunctionText) -> Outline<'a> {
        let body = source.get(function.body.clone()).unwrap_or("");
        let shift = function.body.start;
        let mut tokens = tokens(body);
        for token in &mut tokens {
            token.start += shift;
            token.end += shift;
        }
        let mut outline = Outline {
            source,
            function: function.clone(),
            nodes: Vec::new(),
            tokens,
        };
        outline.statement(0, None, 0);
        outline
    }

    pub fn text(&self, range: Range<usize>) -> &'a str {
        self.source.get(range).unwrap_or("")
    }

    /// The innermost statement that covers a byte.
    pub fn innermost(&self, at: usize) -> Option<NodeId> {
        (0..self.nodes.len())
            .filter(|id| self.nodes[*id].range.contains(&at))
            .min_by_key(|id| self.nodes[*id].range.len())
    }

    /// The statement itself, its parent, and so on.
    pub fn ancestors(&self, id: NodeId) -> Vec<NodeId> {
        let mut found = Vec::new();
        let mut at = Some(id);
        while let Some(node) = at.and_then(|i| self.nodes.get(i).map(|n| (i, n))) {
            found.push(node.0);
            at = node.1.parent;
        }
        found
    }

    /// Tokens that lie within a range.
    pub fn tokens_in(&self, range: &Range<usize>) -> &[Token] {
        let from = self.tokens.partition_point(|t| t.start < range.start);
        let to = self.tokens.partition_point(|t| t.end <= range.end);
        self.tokens.get(from..to).unwrap_or(&[])
    }

    /// The expressions of a statement itself, not of its sub-statements.
    pub fn expressions(&self, id: NodeId) -> Vec<Expr> {
        let Some(node) = self.nodes.get(id) else {
            return Vec::new();
        };
        match node.kind {
            NodeKind::Declaration => node.declarators.iter().filter_map(|d| d.init.clone()).collect(),
            NodeKind::For => self
                .for_parts(id)
                .into_iter()
                .flatten()
                .filter_map(|r| self.parse(&r))
                .collect(),
            NodeKind::Block | NodeKind::Label | NodeKind::Goto | NodeKind::Break | NodeKind::Continue => {
                Vec::new()
            }
            _ => self.parse(&node.head).into_iter().collect(),
        }
    }

    pub fn parse(&self, range: &Range<usize>) -> Option<Expr> {
        let tokens = self.tokens_in(range);
        if let Some(expr) = expr::parse(self.source, tokens) {
            return Some(expr);
        }
        // `int i = 0` in the head of a `for`.
        let equals = tokens.iter().position(|t| t.text(self.source) == "=")?;
        let (before, after) = (tokens.get(..equals)?, tokens.get(equals + 1..)?);
        let declares = before.iter().filter(|t| t.kind == TokenKind::Ident).count() > 1;
        declares.then(|| expr::parse(self.source, after)).flatten()
    }

    /// Initialisation, condition and step of a `for`.
    pub fn for_parts(&self, id: NodeId) -> [Option<Range<usize>>; 3] {
        let Some(node) = self.nodes.get(id).filter(|n| n.kind == NodeKind::For) else {
            return [None, None, None];
        };
        let mut cuts = Vec::new();
        let mut depth = 0usize;
        for token in self.tokens_in(&node.head) {
            match token.text(self.source) {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth = depth.saturating_sub(1),
                ";" if depth == 0 => cuts.push(token.start),
                _ => {}
            }
        }
        let [first, second] = cuts[..] else {
            return [None, None, None];
        };
        let part = |from: usize, to: usize| {
            let text = self.text(from..to);
            let start = from + (text.len() - text.trim_start().len());
            Some(start..start + text.trim().len())
        };
        [
            part(node.head.start, first),
            part(first + 1, second),
            part(second + 1, node.head.end),
        ]
    }

    /// The condition under which a loop goes on or an `if` takes its first side.
    pub fn condition(&self, id: NodeId) -> Option<Range<usize>> {
        let node = self.nodes.get(id)?;
        match node.kind {
            NodeKind::If | NodeKind::While | NodeKind::DoWhile => Some(node.head.clone()),
            NodeKind::For => self.for_parts(id)[1].clone().filter(|r| !r.is_empty()),
            _ => None,
        }
    }

    pub fn is_loop(&self, id: NodeId) -> bool {
        self.nodes.get(id).is_some_and(|n| {
            matches!(
                n.kind,
                NodeKind::For | NodeKind::While | NodeKind::DoWhile | NodeKind::MacroLoop
            )
        })
    }

    /// Declarations of a name in this function, innermost text order.
    pub fn declarator(&self, name: &str) -> Option<(NodeId, &Declarator)> {
        self.nodes
            .iter()
            .enumerate()
            .find_map(|(i, n)| n.declarators.iter().find(|d| d.name == name).map(|d| (i, d)))
    }

    fn word(&self, at: usize) -> &'a str {
        self.tokens.get(at).map_or("", |t| t.text(self.source))
    }

    fn push(&mut self, kind: NodeKind, parent: Option<NodeId>, start: usize) -> NodeId {
        let id = self.nodes.len();
        let node = Node {
            kind,
            range: start..start,
            head: start..start,
            parent,
            children: Vec::new(),
            declarators: Vec::new(),
        };
        self.nodes.push(node);
        if let Some(parent) = parent.and_then(|p| self.nodes.get_mut(p)) {
            parent.children.push(id);
        }
        id
    }

    /// Sets the end of a node to that of the token before `next`.
    fn close(&mut self, id: NodeId, next: usize) {
        let end = next
            .checked_sub(1)
            .and_then(|i| self.tokens.get(i))
            .map_or(0, |t| t.end);
        let start = self.nodes[id].range.start;
        self.nodes[id].range = start..end.max(start);
    }

    /// Reads the statement at token `at`; returns the token after it.
    fn statement(&mut self, at: usize, parent: Option<NodeId>, depth: usize) -> usize {
        let Some(token) = self.tokens.get(at).copied() else {
            return at;
        };
        if depth > 150 {
            return self.tokens.len();
        }
        let start = token.start;
        let next = self.word(at + 1);
        match self.word(at) {
            _ if token.kind == TokenKind::Directive => {
                let id = self.push(NodeKind::Other, parent, start);
                self.close(id, at + 1);
                at + 1
            }
            "{" => {
                let id = self.push(NodeKind::Block, parent, start);
                let close = matching(self.source, &self.tokens, at).unwrap_or(self.tokens.len());
                let mut i = at + 1;
                while i < close {
                    i = self.statement(i, Some(id), depth + 1).max(i + 1);
                }
                self.close(id, close + 1);
                close + 1
            }
            "if" | "while" | "for" | "switch" => {
                let kind = match self.word(at) {
                    "if" => NodeKind::If,
                    "while" => NodeKind::While,
                    "for" => NodeKind::For,
                    _ => NodeKind::Switch,
                };
                self.headed(kind, at, parent, depth)
            }
            "do" => {
                let id = self.push(NodeKind::DoWhile, parent, start);
                let mut i = self.statement(at + 1, Some(id), depth + 1);
                if self.word(i) == "while"
                    && let Some(close) = matching(self.source, &self.tokens, i + 1)
                {
                    self.nodes[id].head = self.tokens[i + 1].end..self.tokens[close].start;
                    i = close + 1;
                }
                i += usize::from(self.word(i) == ";");
                self.close(id, i);
                i
            }
            "case" | "default" => {
                let mut i = at;
                while i < self.tokens.len() && self.word(i) != ":" {
                    i += 1;
                }
                let id = self.push(NodeKind::Label, parent, start);
                self.close(id, i + 1);
                i + 1
            }
            word if token.kind == TokenKind::Ident && next == ":" && !is_keyword(word) => {
                let id = self.push(NodeKind::Label, parent, start);
                self.close(id, at + 2);
                at + 2
            }
            word if token.kind == TokenKind::Ident
                && next == "("
                && !is_keyword(word)
                && self.is_macro_loop(at) =>
            {
                self.headed(NodeKind::MacroLoop, at, parent, depth)
            }
            word => {
                let kind = match word {
                    "return" => NodeKind::Return,
                    "goto" => NodeKind::Goto,
                    "break" => NodeKind::Break,
                    "continue" => NodeKind::Continue,
                    _ => NodeKind::Expression,
                };
                self.simple(kind, at, parent)
            }
        }
    }

    /// `keyword ( head ) statement [else statement]`.
    fn headed(&mut self, kind: NodeKind, at: usize, parent: Option<NodeId>, depth: usize) -> usize {
        let id = self.push(kind, parent, self.tokens[at].start);
        let Some(close) = matching(self.source, &self.tokens, at + 1) else {
            self.close(id, self.tokens.len());
            return self.tokens.len();
        };
        self.nodes[id].head = self.tokens[at + 1].end..self.tokens[close].start;
        let mut i = self.statement(close + 1, Some(id), depth + 1);
        if kind == NodeKind::If && self.word(i) == "else" {
            i = self.statement(i + 1, Some(id), depth + 1);
        }
        self.close(id, i);
        i
    }

    /// `list_for_each(...) statement`: a call-like head that no `;` or operator follows.
    fn is_macro_loop(&self, at: usize) -> bool {
        let Some(close) = matching(self.source, &self.tokens, at + 1) else {
            return false;
        };
        let after = self.word(close + 1);
        after == "{" || (self.word(at).contains("for_each") && after != ";")
    }

    fn simple(&mut self, kind: NodeKind, at: usize, parent: Option<NodeId>) -> usize {
        let mut i = at;
        while i < self.tokens.len() && self.word(i) != ";" {
            match self.word(i) {
                "(" | "[" | "{" => match matching(self.source, &self.tokens, i) {
                    Some(close) => i = close + 1,
                    None => i = self.tokens.len(),
                },
                "}" => break,
                _ => i += 1,
            }
        }
        let id = self.push(kind, parent, self.tokens[at].start);
        let from = if kind == NodeKind::Expression { at } else { at + 1 };
        if let (Some(first), Some(last)) = (
            self.tokens.get(from),
            i.checked_sub(1).and_then(|l| self.tokens.get(l)),
        ) && i > from
        {
            self.nodes[id].head = first.start..last.end;
        }
        if kind == NodeKind::Expression {
            let declarators = self.declaration(at, i);
            if !declarators.is_empty() {
                self.nodes[id].kind = NodeKind::Declaration;
                self.nodes[id].declarators = declarators;
            }
        }
        let next = if self.word(i) == ";" { i + 1 } else { i.max(at + 1) };
        self.close(id, next);
        next
    }

    /// Declarators of `tokens[at..end]` when it reads like a declaration.
    fn declaration(&self, at: usize, end: usize) -> Vec<Declarator> {
        // Specifiers: identifiers up to the last one before `*`, `=`, `[`, `,` or the end.
        let mut i = at;
        let mut tagged = false;
        let mut sure = false;
        let mut names = 0;
        while i < end && self.tokens[i].kind == TokenKind::Ident {
            let word = self.word(i);
            if matches!(word, "struct" | "union" | "enum") {
                tagged = true;
                sure = true;
                i += 2;
                if self.word(i) == "{" {
                    i = matching(self.source, &self.tokens, i).map_or(end, |c| c + 1);
                }
                continue;
            }
            if matches!(word, "typeof" | "__typeof__") {
                sure = true;
                tagged = true;
                i = matching(self.source, &self.tokens, i + 1).map_or(end, |c| c + 1);
                continue;
            }
            let more = i + 1 < end
                && (self.tokens[i + 1].kind == TokenKind::Ident
                    || (self.word(i + 1) == "*" && names == 0 && !tagged));
            let is_word = is_type_word(word) || matches!(word, "static" | "register" | "auto" | "extern");
            sure |= is_word;
            if !is_word {
                if !more {
                    break;
                }
                if self.word(i + 1) == "*" && !self.pointer_declaration(i + 1, end) {
                    return Vec::new();
                }
                names += 1;
            }
            i += 1;
        }
        if i == at || i >= end || !(sure || names > 0) {
            return Vec::new();
        }
        let specifiers = self.tokens[at].start..self.tokens[i - 1].end;
        let mut found = Vec::new();
        while i < end {
            let start = self.tokens[i].start;
            let mut pointers = 0;
            while i < end
                && matches!(
                    self.word(i),
                    "*" | "const" | "volatile" | "restrict" | "__restrict" | "__user"
                )
            {
                pointers += usize::from(self.word(i) == "*");
                i += 1;
            }
            let Some(name) = self
                .tokens
                .get(i)
                .filter(|t| t.kind == TokenKind::Ident && i < end)
            else {
                return found;
            };
            i += 1;
            let mut bound = None;
            while i < end && self.word(i) == "[" {
                let Some(close) = matching(self.source, &self.tokens, i) else {
                    return found;
                };
                bound = bound.or(Some(self.tokens[i].end..self.tokens[close].start));
                i = close + 1;
            }
            // Attributes.
            while i < end && self.tokens[i].kind == TokenKind::Ident {
                i += 1;
                if self.word(i) == "(" {
                    i = matching(self.source, &self.tokens, i).map_or(end, |c| c + 1);
                }
            }
            let mut init = None;
            let mut last = i;
            if i < end && self.word(i) == "=" {
                let from = i + 1;
                while i < end && self.word(i) != "," {
                    i = match self.word(i) {
                        "(" | "[" | "{" => matching(self.source, &self.tokens, i).map_or(end, |c| c + 1),
                        _ => i + 1,
                    };
                }
                init = self
                    .tokens
                    .get(from..i.min(end))
                    .and_then(|t| expr::parse(self.source, t));
                last = i.min(end);
            } else if i < end && self.word(i) != "," {
                return found;
            }
            found.push(Declarator {
                name: name.text(self.source).to_string(),
                name_range: name.range(),
                specifiers: specifiers.clone(),
                pointers,
                bound,
                init,
                range: start..self.tokens.get(last.saturating_sub(1)).map_or(start, |t| t.end),
            });
            i += 1;
        }
        found
    }

    /// `T * name` followed by what can follow a declarator: a declaration rather than a product.
    fn pointer_declaration(&self, mut star: usize, end: usize) -> bool {
        while star < end && matches!(self.word(star), "*" | "const" | "volatile" | "restrict") {
            star += 1;
        }
        let named = self.tokens.get(star).is_some_and(|t| t.kind == TokenKind::Ident);
        named && (star + 1 >= end || matches!(self.word(star + 1), "=" | "[" | ","))
    }
}

#[cfg(test)]
mod tests {
    use super::super::functions::functions;
    use super::*;

    fn outline(source: &str) -> Outline<'_> {
        Outline::new(source, &functions(source)[0])
    }

    fn kinds(source: &str) -> Vec<NodeKind> {
        outline(source).nodes.iter().map(|n| n.kind).collect()
    }

    #[test]
    fn statements_of_every_kind() {
        use NodeKind::*;
        let source = "int f(int a) { int i = 0, *p; for (i = 0; i < a; i++) g(i); do { a--; } while (a); \
                      if (a) return 1; else goto out; switch (a) { case 1: break; default: ; } out: \
                      list_for_each(x, y) { continue; } T *q = 0; a + b; return a; }";
        assert_eq!(
            kinds(source),
            [
                Block,
                Declaration,
                For,
                Expression,
                DoWhile,
                Block,
                Expression,
                If,
                Return,
                Goto,
                Switch,
                Block,
                Label,
                Break,
                Label,
                Expression,
                Label,
                MacroLoop,
                Block,
                Continue,
                Declaration,
                Expression,
                Return
            ]
        );
    }

    #[test]
    fn declarators() {
        let source = "void f(void) { char buf[MAX + 1], *p = buf; struct s *q = get(1, 2); unsigned long n; size_t k = 1; }";
        let outline = outline(source);
        let (_, buf) = outline.declarator("buf").expect("buf");
        assert_eq!(outline.text(buf.bound.clone().expect("bound")), "MAX + 1");
        let (_, q) = outline.declarator("q").expect("q");
        assert_eq!(q.init.as_ref().map(|e| e.text(source)), Some("get(1, 2)"));
        assert_eq!(outline.text(q.specifiers.clone()), "struct s");
        assert_eq!(
            outline
                .declarator("n")
                .map(|(_, d)| outline.text(d.specifiers.clone())),
            Some("unsigned long")
        );
        assert_eq!(outline.declarator("k").map(|(_, d)| d.pointers), Some(0));
        assert_eq!(outline.declarator("p").map(|(_, d)| d.pointers), Some(1));
    }

    #[test]
    fn parts_of_a_for() {
        let source = "void f(int n) { for (int i = 0; i < n; i++) { x[i] = 0; } }";
        let outline = outline(source);
        assert_eq!(outline.condition(1).map(|r| outline.text(r)), Some("i < n"));
        assert_eq!(outline.expressions(1).len(), 3);
        let inner = outline.innermost(source.find("x[i]").unwrap()).unwrap();
        assert_eq!(outline.nodes[inner].kind, NodeKind::Expression);
        assert_eq!(outline.ancestors(inner).len(), 4);
    }

    #[test]
    fn broken_text_is_read_as_far_as_it_goes() {
        for source in [
            "int f(void) { if ( }",
            "int f(void) { for (;;) }",
            "int f(void) { x = ; ] }",
            "int f() { do }",
        ] {
            if let Some(function) = functions(source).first() {
                Outline::new(source, function);
            }
        }
    }
}

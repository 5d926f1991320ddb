//! The function that is to be broken, as its statements, expressions and names.

use std::ops::Range;

use vf_repair::ctext::expr::{Expr, ExprKind};
use vf_repair::ctext::functions::FunctionText;
use vf_repair::ctext::lex::{TokenKind, tokens};
use vf_repair::ctext::outline::{NodeId, NodeKind, Outline};

use super::Mutant;

/// Mutants of one function, at most.
const MOST: usize = 400;

pub struct Site<'a> {
    pub text: &'a str,
    pub outline: Outline<'a>,
    pub found: Vec<Mutant>,
}

/// A comparison or another test in a condition.
pub struct Test {
    pub expr: Expr,
    /// Whether something is wrong where it holds.
    pub is_bad: bool,
}

impl<'a> Site<'a> {
    pub fn new(text: &'a str, function: &FunctionText) -> Site<'a> {
        Site {
            text,
            outline: Outline::new(text, function),
            found: Vec::new(),
        }
    }

    pub fn nodes(&self) -> Range<NodeId> {
        0..self.outline.nodes.len()
    }

    pub fn kind(&self, id: NodeId) -> NodeKind {
        self.outline.nodes.get(id).map_or(NodeKind::Other, |n| n.kind)
    }

    pub fn range(&self, id: NodeId) -> Range<usize> {
        self.outline.nodes.get(id).map_or(0..0, |n| n.range.clone())
    }

    pub fn children(&self, id: NodeId) -> Vec<NodeId> {
        self.outline
            .nodes
            .get(id)
            .map_or_else(Vec::new, |n| n.children.clone())
    }

    pub fn of(&self, range: &Range<usize>) -> &'a str {
        self.text.get(range.clone()).unwrap_or("")
    }

    /// Statements behind this one in its block.
    pub fn following(&self, id: NodeId) -> Vec<NodeId> {
        let siblings = self.siblings(id);
        let at = siblings
            .iter()
            .position(|s| *s == id)
            .map_or(siblings.len(), |at| at + 1);
        siblings.get(at..).unwrap_or(&[]).to_vec()
    }

    /// The statement before this one in its block.
    pub fn preceding(&self, id: NodeId) -> Option<NodeId> {
        let siblings = self.siblings(id);
        let at = siblings.iter().position(|s| *s == id)?;
        siblings.get(at.checked_sub(1)?).copied()
    }

    fn siblings(&self, id: NodeId) -> Vec<NodeId> {
        let parent = self.outline.nodes.get(id).and_then(|n| n.parent);
        parent
            .filter(|p| self.kind(*p) == NodeKind::Block)
            .map_or_else(Vec::new, |p| self.children(p))
    }

    /// Whether control does not go past the statement.
    pub fn leaves(&self, id: NodeId) -> bool {
        match self.kind(id) {
            NodeKind::Return | NodeKind::Goto | NodeKind::Break | NodeKind::Continue => true,
            NodeKind::Block => self.children(id).last().is_some_and(|last| self.leaves(*last)),
            _ => false,
        }
    }

    /// Whether this is an `if` that leaves where something is wrong, and does nothing else.
    pub fn is_guard(&self, id: NodeId) -> bool {
        let children = self.children(id);
        self.kind(id) == NodeKind::If && children.len() == 1 && children.iter().all(|c| self.leaves(*c))
    }

    pub fn condition(&self, id: NodeId) -> Option<Expr> {
        let range = self.outline.condition(id)?;
        self.outline.parse(&range)
    }

    /// The tests of a statement's condition, with whether they say what is wrong or what is right.
    pub fn tests(&self, id: NodeId) -> Vec<Test> {
        let Some(condition) = self.condition(id) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        gather(&condition, self.is_guard(id), &mut found);
        found
    }

    /// Every expression of the function, outermost first.
    pub fn expressions(&self) -> Vec<Expr> {
        let all = self.nodes().flat_map(|id| self.outline.expressions(id));
        all.flat_map(|e| e.walk().into_iter().cloned().collect::<Vec<_>>())
            .collect()
    }

    /// Names of integers that the function declares or is given.
    pub fn integers(&self) -> Vec<String> {
        let params = self.of(&self.outline.function.params);
        let mut found: Vec<String> = Vec::new();
        for param in params.split(',').filter(|p| !p.contains(['*', '[', '('])) {
            let words = tokens(param);
            let last = words.iter().rev().find(|t| t.kind == TokenKind::Ident);
            found.extend(last.filter(|_| words.len() > 1).map(|t| t.text(param).to_owned()));
        }
        for id in self.nodes() {
            let declared = self.outline.nodes.get(id).map_or(&[][..], |n| &n.declarators);
            let plain = declared.iter().filter(|d| d.pointers == 0 && d.bound.is_none());
            let plain = plain.filter(|d| !self.of(&d.specifiers).contains("struct"));
            found.extend(plain.map(|d| d.name.clone()));
        }
        found
    }

    /// Constants that the file defines.
    pub fn constants(&self) -> Vec<String> {
        let mut found = Vec::new();
        for line in self.text.lines() {
            let mut words = line.split_whitespace();
            let (define, name, value) = (words.next(), words.next(), words.next());
            if let (Some("#define"), Some(name), Some(value)) = (define, name, value)
                && !name.contains('(')
                && value.bytes().all(|b| b.is_ascii_digit())
                && !name.starts_with('E')
            {
                found.push(name.to_owned());
            }
        }
        found
    }

    /// Proposes the file with these edits.
    pub fn propose(&mut self, kind: &'static str, edits: &[(Range<usize>, String)]) {
        if self.found.len() >= MOST {
            return;
        }
        let mut edits: Vec<&(Range<usize>, String)> = edits.iter().collect();
        edits.sort_by_key(|(range, _)| (range.start, range.end));
        let mut text = String::with_capacity(self.text.len() + 32);
        let mut at = 0;
        for (range, new) in edits {
            let Some(kept) = self.text.get(at..range.start) else {
                return;
            };
            text.push_str(kept);
            text.push_str(new);
            at = range.end;
        }
        text.push_str(self.text.get(at..).unwrap_or(""));
        self.found.push(Mutant { kind, text });
    }

    pub fn replace(&mut self, kind: &'static str, range: &Range<usize>, new: impl Into<String>) {
        self.propose(kind, &[(range.clone(), new.into())]);
    }

    /// The range with the rest of its lines, where nothing else stands on them.
    pub fn whole_lines(&self, range: &Range<usize>) -> Range<usize> {
        let before = self.text.get(..range.start).unwrap_or("");
        let start = before.rfind('\n').map_or(0, |n| n + 1);
        let after = self.text.get(range.end..).unwrap_or("");
        let end = after.find('\n').map_or(self.text.len(), |n| range.end + n + 1);
        let is_blank = |range: Range<usize>| self.of(&range).trim().is_empty();
        if is_blank(start..range.start) && is_blank(range.end..end) {
            start..end
        } else {
            range.clone()
        }
    }

    /// Deletes a statement with its lines; one that is alone under a head becomes an empty one.
    pub fn delete(&mut self, kind: &'static str, id: NodeId) {
        let range = self.range(id);
        let in_block = !self.siblings(id).is_empty();
        if in_block {
            let lines = self.whole_lines(&range);
            self.replace(kind, &lines, "");
        }
    }
}

/// Goes down through what connects tests.
fn gather(expr: &Expr, is_bad: bool, found: &mut Vec<Test>) {
    match &expr.kind {
        ExprKind::Paren(inner) => gather(inner, is_bad, found),
        ExprKind::Unary { op, arg } if op == "!" && matches!(arg.kind, ExprKind::Paren(_)) => {
            gather(arg, !is_bad, found);
        }
        ExprKind::Binary { op, lhs, rhs } if op == "&&" || op == "||" => {
            gather(lhs, is_bad, found);
            gather(rhs, is_bad, found);
        }
        _ => found.push(Test {
            expr: expr.clone(),
            is_bad,
        }),
    }
}

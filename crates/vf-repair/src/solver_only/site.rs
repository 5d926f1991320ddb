//! The place of a failed obligation in the text, and how edits are written there.

use std::ops::Range;

use vf_ir::{ArrayLen, CType, Property};
use vf_verify::report::ObligationReport;

use super::sizes::size_arguments;
use super::types::{Types, number};
use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::lex::{Token, TokenKind, macro_of, mentions, normalised, tokens, variables};
use crate::ctext::outline::{NodeId, NodeKind, Outline};
use crate::proposer::{Context, Style, TextEdit};

/// One failed obligation with everything a template needs.
pub struct Site<'a> {
    pub context: &'a Context,
    pub source: &'a str,
    pub outline: &'a Outline<'a>,
    pub types: &'a Types<'a>,
    pub property: Property,
    pub obligation: &'a ObligationReport,
    /// The statement whose own expressions hold the operation.
    pub node: NodeId,
    /// The operation.
    pub op: Expr,
}

/// A pointer expression as an object and an element offset into it.
#[derive(Clone, Debug)]
pub struct Target {
    /// `buf`, `p->data`: text of the array or pointer.
    pub base: Expr,
    /// Elements added to it.
    pub offset: Option<String>,
}

impl<'a> Site<'a> {
    /// Finds the operation of an obligation; `None` when it is not in the text of the function (it comes out
    /// of a macro, or out of a callee that was taken in).
    pub fn new(
        context: &'a Context,
        outline: &'a Outline<'a>,
        types: &'a Types<'a>,
        obligation: &'a ObligationReport,
    ) -> Option<Site<'a>> {
        let source: &str = &context.text;
        let property = Property::from_name(&obligation.property)?;
        let at = offset_of(source, obligation.location.line, obligation.location.column)?;
        if !outline.function.body.contains(&at) {
            return None;
        }
        let node = outline.innermost(at)?;
        let wanted = normalised(&obligation.text);
        let expressions = outline.expressions(node);
        let all: Vec<&Expr> = expressions.iter().flat_map(Expr::walk).collect();
        let by_text = all
            .iter()
            .filter(|e| !wanted.is_empty() && normalised(e.text(source)) == wanted);
        let by_text = by_text.min_by_key(|e| e.range.start.abs_diff(at));
        // The text may be the verifier's own (`sprintf("%d")`): then a call that begins here, or the smallest
        // operation that covers the place.
        let covering = all.iter().filter(|e| e.range.contains(&at)).min_by_key(|e| {
            let call = matches!(e.kind, ExprKind::Call { .. }) && e.range.start == at;
            (!call, e.kind == ExprKind::Ident, e.range.len())
        });
        let op = by_text.or(covering).or(all.first())?;
        Some(Site {
            context,
            source,
            outline,
            types,
            property,
            obligation,
            node,
            op: (*op).clone(),
        })
    }

    pub fn text(&self, expr: &Expr) -> &'a str {
        self.source.get(expr.range.clone()).unwrap_or("")
    }

    pub fn kernel(&self) -> bool {
        self.context.style == Style::Kernel
    }

    /// Text of an operand of a comparison or of `+ - * /`, in parentheses where it needs them.
    pub fn operand(&self, expr: &Expr) -> String {
        let bare = expr.unparenthesised();
        if bare.is_primary() {
            self.text(bare).to_string()
        } else {
            format!("({})", self.text(bare))
        }
    }

    /// Text of one side of a comparison.
    pub fn side(&self, expr: &Expr) -> String {
        let bare = expr.unparenthesised();
        match &bare.kind {
            ExprKind::Binary { op, .. } if matches!(op.as_str(), "+" | "-" | "*" | "/" | "%") => {
                self.text(bare).to_string()
            }
            _ => self.operand(bare),
        }
    }

    /// Variables and members that an expression mentions (no functions, no constants).
    pub fn variables(&self, expr: &Expr) -> Vec<String> {
        variables(self.text(expr))
    }

    /// Whether a macro or function may be used: the file mentions or defines it, or the kernel's headers have it.
    pub fn may_use(&self, name: &str) -> bool {
        let defines = |token: &Token| {
            token.kind == TokenKind::Directive
                && macro_of(token.text(self.source)).is_some_and(|defined| defined == name)
        };
        if mentions(self.source, name) || tokens(self.source).iter().any(defines) {
            return true;
        }
        let declared = self
            .context
            .program
            .as_ref()
            .is_some_and(|p| p.function_named(name).is_some());
        declared || self.kernel() || header_of(name).is_some_and(|h| self.source.contains(h))
    }

    /// The number of elements of an array, as the file would write it, most idiomatic first. Empty for what
    /// is not an array of fixed length.
    pub fn limits(&self, base: &Expr) -> Vec<String> {
        let Some(CType::Array { element, len }) = self.types.of(base) else {
            return Vec::new();
        };
        if len == ArrayLen::Unknown {
            return Vec::new();
        }
        let whole = self.text(base.unparenthesised());
        // A row of a table is as long as the first one, and a check before the loop has no counter yet.
        let text = &match &base.unparenthesised().kind {
            ExprKind::Index { base, .. } => format!("{}[0]", self.text(base)),
            _ => whole.to_string(),
        };
        let bytes = matches!(&*element, CType::Int { bits: 8, .. } | CType::Bool);
        let text_buffer = matches!(
            &*element,
            CType::Int {
                bits: 8,
                signed: true
            }
        );
        let mut found = Vec::new();
        if text_buffer {
            found.push(format!("sizeof({text})"));
        }
        if self.may_use("ARRAY_SIZE") && !text_buffer {
            found.push(format!("ARRAY_SIZE({text})"));
        }
        if let Some(name) = self.declared_bound(base) {
            found.push(name);
        }
        if bytes && !text_buffer {
            found.push(format!("sizeof({text})"));
        }
        if !bytes {
            found.push(format!("sizeof({text}) / sizeof({text}[0])"));
        }
        found
    }

    /// The bound with which an array is declared in this file, when it is a name or a number.
    fn declared_bound(&self, base: &Expr) -> Option<String> {
        // Of a row of `name[A][B]` it is `B`.
        let mut array = base.bare();
        let mut dimension = 0;
        while let ExprKind::Index { base, .. } = &array.kind {
            array = base.bare();
            dimension += 1;
        }
        let name = match &array.kind {
            ExprKind::Ident => self.text(array),
            ExprKind::Member { name, .. } => self.source.get(name.clone())?,
            _ => return None,
        };
        let tokens = tokens(self.source);
        let text = |i: usize| tokens.get(i).map_or("", |t| t.text(self.source));
        let found = (1..tokens.len()).find(|i| {
            let last = i + 3 * (dimension + 1);
            text(*i) == name
                && tokens[i - 1].kind == TokenKind::Ident
                && (i + 1..last)
                    .step_by(3)
                    .all(|at| text(at) == "[" && text(at + 2) == "]")
                && matches!(text(last + 1), ";" | "," | "=" | "[")
        })?;
        let bound = text(found + 3 * dimension + 2);
        (number(bound).is_some()
            || !bound.is_empty() && bound.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric()))
        .then(|| bound.to_string())
    }

    /// Splits a pointer expression into object and offset: `buf`, `buf + n`, `&buf[n]`, `&x`.
    pub fn target(&self, expr: &Expr) -> Target {
        let bare = expr.bare();
        match &bare.kind {
            ExprKind::Binary { op, lhs, rhs } if op == "+" => {
                let inner = self.target(lhs);
                let added = self.operand_sum(rhs);
                let offset = match inner.offset {
                    Some(first) => format!("{first} + {added}"),
                    None => added,
                };
                Target {
                    base: inner.base,
                    offset: Some(offset),
                }
            }
            ExprKind::Unary { op, arg } if op == "&" => match &arg.bare().kind {
                ExprKind::Index { base, index } => Target {
                    base: base.bare().clone(),
                    offset: Some(self.operand_sum(index)),
                },
                _ => Target {
                    base: arg.bare().clone(),
                    offset: None,
                },
            },
            _ => Target {
                base: bare.clone(),
                offset: None,
            },
        }
    }

    fn operand_sum(&self, expr: &Expr) -> String {
        let bare = expr.unparenthesised();
        match &bare.kind {
            ExprKind::Postfix { arg, .. } => self.text(arg).to_string(),
            _ => self.side(bare),
        }
    }

    /// `sizeof(base)` when the base is an object whose size `sizeof` tells.
    pub fn size_of(&self, base: &Expr) -> Option<String> {
        match self.types.of(base)? {
            CType::Array {
                len: ArrayLen::Unknown,
                ..
            }
            | CType::Pointer { .. }
            | CType::Void => None,
            _ => Some(format!("sizeof({})", self.text(base))),
        }
    }

    /// The size in bytes of what a pointer points to, where this function allocates it, in one place and before the
    /// operation, and says how large.
    pub fn allocated(&self, base: &Expr) -> Option<String> {
        let mut sizes = self.definitions(self.text(base.bare())).into_iter();
        let call = |e: &Expr| {
            e.called(self.source)
                .and_then(size_arguments)
                .is_some_and(|a| a.len() == 1)
        };
        let (node, rhs) = sizes.find(|(_, rhs)| call(rhs.bare()))?;
        let only = !sizes.any(|(_, rhs)| call(rhs.bare()));
        let ExprKind::Call { args, .. } = &rhs.bare().kind else {
            return None;
        };
        let [at] = rhs.bare().called(self.source).and_then(size_arguments)? else {
            return None;
        };
        let size = args.get(*at).filter(|a| a.is_pure())?;
        let before = self.outline.nodes[node].range.start < self.outline.nodes[self.node].range.start;
        (only && before).then(|| self.side(size))
    }

    pub fn is_signed(&self, expr: &Expr) -> bool {
        self.types.of(expr).is_none_or(|t| t.is_signed())
    }

    /// The ancestor (or self) of a statement at which another statement can be put in front: a child of a
    /// block, or an unbraced body.
    pub fn statement(&self, node: NodeId) -> NodeId {
        let mut at = node;
        for id in self.outline.ancestors(node) {
            at = id;
            match self.outline.nodes[id].parent {
                None => break,
                Some(parent) => match self.outline.nodes[parent].kind {
                    NodeKind::Block => break,
                    NodeKind::If if self.is_else_if(parent, id) => {}
                    _ => break,
                },
            }
        }
        at
    }

    /// The `if` of an `else if`: nothing fits between the two words.
    fn is_else_if(&self, parent: NodeId, id: NodeId) -> bool {
        self.outline.nodes[parent].children.get(1) == Some(&id) && self.outline.nodes[id].kind == NodeKind::If
    }

    /// Edits that put lines in front of a statement, indented as it is, with braces where it had none.
    pub fn before(&self, node: NodeId, lines: &[String]) -> Vec<TextEdit> {
        let node = self.statement(node);
        let range = self.outline.nodes[node].range.clone();
        let indent = self.indent(range.start);
        let text: String = lines.iter().map(|line| format!("{line}\n{indent}")).collect();
        let in_block = self.outline.nodes[node]
            .parent
            .is_none_or(|p| self.outline.nodes[p].kind == NodeKind::Block);
        if in_block {
            return vec![insert(range.start, text)];
        }
        // An unbraced body: brace it.
        let parent = self.outline.nodes[node].parent.unwrap_or(node);
        let outer = self.indent(self.outline.nodes[parent].range.start);
        let head_end = self
            .source
            .get(..range.start)
            .map_or(range.start, |s| s.trim_end().len());
        vec![
            TextEdit {
                range: head_end..range.start,
                replacement: format!(" {{\n{indent}{text}"),
            },
            insert(range.end, format!("\n{outer}}}")),
        ]
    }

    /// Edits that put lines behind a statement of a block; `None` where it is not in a block.
    pub fn after(&self, node: NodeId, lines: &[String]) -> Option<Vec<TextEdit>> {
        let node = self.statement(node);
        let parent = self.outline.nodes[node].parent?;
        if self.outline.nodes[parent].kind != NodeKind::Block {
            return None;
        }
        let range = &self.outline.nodes[node].range;
        let indent = self.indent(range.start);
        let text: String = lines.iter().map(|line| format!("\n{indent}{line}")).collect();
        Some(vec![insert(range.end, text)])
    }

    /// White space at the start of the line that holds a byte.
    pub fn indent(&self, at: usize) -> String {
        let start = self
            .source
            .get(..at)
            .and_then(|s| s.rfind('\n'))
            .map_or(0, |n| n + 1);
        let line = self.source.get(start..).unwrap_or("");
        line.chars().take_while(|c| *c == ' ' || *c == '\t').collect()
    }

    /// One level of indentation in this file.
    pub fn step(&self) -> &'static str {
        let body = self.source.get(self.outline.function.body.clone()).unwrap_or("");
        let first = body
            .lines()
            .find(|l| l.starts_with([' ', '\t']) && !l.trim().is_empty())
            .unwrap_or("\t");
        if first.starts_with('\t') {
            "\t"
        } else {
            match first.len() - first.trim_start().len() {
                2 => "  ",
                3 => "   ",
                8 => "        ",
                _ => "    ",
            }
        }
    }

    /// Loops around the operation, innermost first. One whose head holds the operation counts.
    pub fn loops(&self) -> Vec<NodeId> {
        self.outline
            .ancestors(self.node)
            .into_iter()
            .filter(|id| self.outline.is_loop(*id))
            .collect()
    }

    /// `if` statements that leave (return, goto, break, continue) before control gets to the operation,
    /// nearest first, with the range of their condition.
    pub fn guards(&self) -> Vec<(NodeId, Range<usize>)> {
        let mut found = Vec::new();
        for id in self.outline.ancestors(self.node) {
            let Some(parent) = self.outline.nodes[id].parent else {
                break;
            };
            let siblings = &self.outline.nodes[parent].children;
            let Some(at) = siblings.iter().position(|c| *c == id) else {
                continue;
            };
            for sibling in siblings.iter().take(at).rev() {
                let node = &self.outline.nodes[*sibling];
                if node.kind == NodeKind::If && node.children.len() == 1 && self.leaves(node.children[0]) {
                    found.push((*sibling, node.head.clone()));
                }
            }
        }
        found
    }

    /// `if` statements before the operation that change a variable which it uses, and go on: a wrapped index, a length
    /// that is cut. Nearest first, with the range of their condition.
    pub fn corrections(&self) -> Vec<Range<usize>> {
        let used = variables(self.text(&self.op));
        let mut found = Vec::new();
        for id in self.outline.ancestors(self.node) {
            let Some(parent) = self.outline.nodes[id].parent else {
                break;
            };
            let before = self.outline.nodes[parent].children.iter().rev();
            for sibling in before.skip_while(|c| **c != id).skip(1) {
                let node = &self.outline.nodes[*sibling];
                if node.kind == NodeKind::If
                    && let [body] = node.children.as_slice()
                    && !self.leaves(*body)
                    && self.outline.expressions(*body).iter().any(|e| match &e.kind {
                        ExprKind::Assign { lhs, .. } => used.iter().any(|v| v == self.text(lhs)),
                        _ => false,
                    })
                {
                    found.push(node.head.clone());
                }
            }
        }
        found
    }

    /// Whether a statement always ends in a jump.
    pub fn leaves(&self, node: NodeId) -> bool {
        let node = &self.outline.nodes[node];
        match node.kind {
            NodeKind::Return | NodeKind::Goto | NodeKind::Break | NodeKind::Continue => true,
            NodeKind::Block => node.children.last().is_some_and(|last| self.leaves(*last)),
            _ => false,
        }
    }

    /// Assignments to a name in this function: (statement, right-hand side), in order.
    pub fn definitions(&self, name: &str) -> Vec<(NodeId, Expr)> {
        let mut found = Vec::new();
        for (id, node) in self.outline.nodes.iter().enumerate() {
            for d in &node.declarators {
                if let (true, Some(init)) = (d.name == name, &d.init) {
                    found.push((id, init.clone()));
                }
            }
            if node.kind == NodeKind::Declaration {
                continue;
            }
            for expr in self.outline.expressions(id).iter().flat_map(Expr::walk) {
                if let ExprKind::Assign { op, lhs, rhs } = &expr.kind
                    && op == "="
                    && self.text(lhs.unparenthesised()) == name
                {
                    found.push((id, (**rhs).clone()));
                }
            }
        }
        found
    }
}

pub fn insert(at: usize, replacement: String) -> TextEdit {
    TextEdit {
        range: at..at,
        replacement,
    }
}

pub fn replace(range: &Range<usize>, replacement: impl Into<String>) -> TextEdit {
    TextEdit {
        range: range.clone(),
        replacement: replacement.into(),
    }
}

/// Byte offset of a line and column, both from 1.
fn offset_of(source: &str, line: u32, column: u32) -> Option<usize> {
    let mut start = 0;
    for _ in 1..line {
        start += source.get(start..)?.find('\n')? + 1;
    }
    let text = source.get(start..)?;
    let text = text.get(..text.find('\n').unwrap_or(text.len()))?;
    let column = (column as usize).saturating_sub(1);
    let column = if column == 0 {
        text.len() - text.trim_start().len()
    } else {
        column
    };
    (column <= text.len()).then_some(start + column)
}

/// The standard header that declares a function or macro.
fn header_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "snprintf" | "vsnprintf" | "fgets" | "stdin" => "<stdio.h>",
        "memmove" | "strncat" | "strncpy" | "strlen" | "strnlen" | "memcpy" => "<string.h>",
        "calloc" | "malloc" | "reallocarray" => "<stdlib.h>",
        "INT_MAX" | "INT_MIN" | "UINT_MAX" | "LONG_MAX" => "<limits.h>",
        "SIZE_MAX" => "<stdint.h>",
        _ => return None,
    })
}

//! Expressions of C11 6.5 with byte ranges, by precedence climbing (Pratt 1973).

use std::ops::Range;

use super::lex::{Token, TokenKind, is_keyword};

/// An expression and the bytes it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expr {
    pub kind: ExprKind,
    pub range: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExprKind {
    Ident,
    Number,
    /// String literals (adjacent ones together) or a character constant.
    Text,
    Call {
        callee: Box<Expr>,
        args: Vec<Expr>,
    },
    Index {
        base: Box<Expr>,
        index: Box<Expr>,
    },
    /// `base.name` or `base->name`.
    Member {
        base: Box<Expr>,
        arrow: bool,
        name: Range<usize>,
    },
    /// `*`, `&`, `-`, `+`, `!`, `~`, `++`, `--`.
    Unary {
        op: String,
        arg: Box<Expr>,
    },
    /// `++` and `--`.
    Postfix {
        op: String,
        arg: Box<Expr>,
    },
    Binary {
        op: String,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    /// `=`, `+=`, ...
    Assign {
        op: String,
        lhs: Box<Expr>,
        rhs: Box<Expr>,
    },
    Ternary {
        condition: Box<Expr>,
        then: Box<Expr>,
        otherwise: Box<Expr>,
    },
    Cast {
        ty: Range<usize>,
        arg: Box<Expr>,
    },
    /// `sizeof x`, `sizeof(T)`: the operand's range without parentheses.
    Sizeof {
        operand: Range<usize>,
    },
    Paren(Box<Expr>),
    /// `{ a, b }` of an initialiser or compound literal; statement expressions end up here too, empty.
    Braces(Vec<Expr>),
}

impl Expr {
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.range.clone()).unwrap_or("")
    }

    /// Direct parts, in order.
    pub fn children(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Ident | ExprKind::Number | ExprKind::Text | ExprKind::Sizeof { .. } => Vec::new(),
            ExprKind::Call { callee, args } => std::iter::once(&**callee).chain(args).collect(),
            ExprKind::Index { base, index } => vec![base, index],
            ExprKind::Member { base, .. } => vec![base],
            ExprKind::Unary { arg, .. } | ExprKind::Postfix { arg, .. } | ExprKind::Cast { arg, .. } => {
                vec![arg]
            }
            ExprKind::Binary { lhs, rhs, .. } | ExprKind::Assign { lhs, rhs, .. } => vec![lhs, rhs],
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => vec![condition, then, otherwise],
            ExprKind::Paren(inner) => vec![inner],
            ExprKind::Braces(items) => items.iter().collect(),
        }
    }

    /// The expression and everything in it, outermost first.
    pub fn walk(&self) -> Vec<&Expr> {
        let mut found = Vec::new();
        let mut todo = vec![self];
        while let Some(expr) = todo.pop() {
            found.push(expr);
            todo.extend(expr.children().into_iter().rev());
        }
        found
    }

    /// Without parentheses and casts around it.
    pub fn bare(&self) -> &Expr {
        match &self.kind {
            ExprKind::Paren(inner) => inner.bare(),
            ExprKind::Cast { arg, .. } => arg.bare(),
            _ => self,
        }
    }

    /// Without parentheses around it.
    pub fn unparenthesised(&self) -> &Expr {
        match &self.kind {
            ExprKind::Paren(inner) => inner.unparenthesised(),
            _ => self,
        }
    }

    /// Whether evaluating it twice is the same as once, as far as the text shows.
    pub fn is_pure(&self) -> bool {
        self.walk().iter().all(|e| match &e.kind {
            ExprKind::Call { .. }
            | ExprKind::Assign { .. }
            | ExprKind::Postfix { .. }
            | ExprKind::Braces(_) => false,
            ExprKind::Unary { op, .. } => op != "++" && op != "--",
            _ => true,
        })
    }

    /// Name of the function called, when it is called by name.
    pub fn called<'a>(&self, source: &'a str) -> Option<&'a str> {
        match &self.kind {
            ExprKind::Call { callee, .. } if callee.kind == ExprKind::Ident => Some(callee.text(source)),
            _ => None,
        }
    }

    /// Whether it binds tighter than any binary operator, so that it needs no parentheses as an operand.
    pub fn is_primary(&self) -> bool {
        !matches!(
            self.kind,
            ExprKind::Binary { .. } | ExprKind::Assign { .. } | ExprKind::Ternary { .. }
        )
    }
}

/// Deepest nesting read; deeper text is not read at all.
const MAX_DEPTH: usize = 200;

/// Reads one expression (commas included, as `Binary { op: "," }`) from tokens that hold nothing else.
pub fn parse(source: &str, tokens: &[Token]) -> Option<Expr> {
    let mut parser = Parser {
        source,
        tokens,
        at: 0,
        depth: 0,
    };
    let expr = parser.expr(0)?;
    (parser.at == tokens.len()).then_some(expr)
}

/// Reads one expression from a text.
pub fn parse_text(source: &str) -> Option<Expr> {
    parse(source, &super::lex::tokens(source))
}

struct Parser<'a> {
    source: &'a str,
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

/// Left binding power of an infix operator; comma 1, assignment 2 (right), `?:` 3 (right), then C's levels.
fn power(op: &str) -> Option<u8> {
    Some(match op {
        "," => 1,
        "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" => 2,
        "?" => 3,
        "||" => 4,
        "&&" => 5,
        "|" => 6,
        "^" => 7,
        "&" => 8,
        "==" | "!=" => 9,
        "<" | ">" | "<=" | ">=" => 10,
        "<<" | ">>" => 11,
        "+" | "-" => 12,
        "*" | "/" | "%" => 13,
        _ => return None,
    })
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<(&'a str, TokenKind)> {
        self.tokens.get(self.at).map(|t| (t.text(self.source), t.kind))
    }

    fn is(&self, text: &str) -> bool {
        self.peek()
            .is_some_and(|(t, k)| t == text && k == TokenKind::Punct)
    }

    fn take(&mut self, text: &str) -> Option<Token> {
        let token = *self.tokens.get(self.at)?;
        (self.is(text)).then(|| {
            self.at += 1;
            token
        })
    }

    fn expr(&mut self, minimum: u8) -> Option<Expr> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut lhs = self.unary()?;
        while let Some((op, TokenKind::Punct)) = self.peek() {
            let Some(level) = power(op).filter(|p| *p > minimum) else {
                break;
            };
            self.at += 1;
            if op == "?" {
                // GNU `a ?: b` leaves the middle out.
                let then = if self.is(":") { lhs.clone() } else { self.expr(0)? };
                self.take(":")?;
                let otherwise = self.expr(level - 1)?;
                let range = lhs.range.start..otherwise.range.end;
                let kind = ExprKind::Ternary {
                    condition: Box::new(lhs),
                    then: Box::new(then),
                    otherwise: Box::new(otherwise),
                };
                lhs = Expr { kind, range };
                continue;
            }
            let rhs = self.expr(if level == 2 { 1 } else { level })?;
            let range = lhs.range.start..rhs.range.end;
            let (op, lhs_box, rhs) = (op.to_string(), Box::new(lhs), Box::new(rhs));
            let kind = if level == 2 {
                ExprKind::Assign {
                    op,
                    lhs: lhs_box,
                    rhs,
                }
            } else {
                ExprKind::Binary {
                    op,
                    lhs: lhs_box,
                    rhs,
                }
            };
            lhs = Expr { kind, range };
        }
        self.depth -= 1;
        Some(lhs)
    }

    fn unary(&mut self) -> Option<Expr> {
        let token = *self.tokens.get(self.at)?;
        let (word, kind) = self.peek()?;
        if kind == TokenKind::Punct && matches!(word, "*" | "&" | "-" | "+" | "!" | "~" | "++" | "--" | "&&")
        {
            self.at += 1;
            self.depth += 1;
            if self.depth > MAX_DEPTH {
                return None;
            }
            let arg = self.unary()?;
            self.depth -= 1;
            let range = token.start..arg.range.end;
            return Some(Expr {
                kind: ExprKind::Unary {
                    op: word.to_string(),
                    arg: Box::new(arg),
                },
                range,
            });
        }
        if matches!(word, "sizeof" | "_Alignof" | "__alignof__") {
            self.at += 1;
            if let Some((inside, end)) = self.parenthesised() {
                return Some(Expr {
                    kind: ExprKind::Sizeof { operand: inside },
                    range: token.start..end,
                });
            }
            let arg = self.unary()?;
            let range = token.start..arg.range.end;
            return Some(Expr {
                kind: ExprKind::Sizeof { operand: arg.range },
                range,
            });
        }
        if word == "(" && self.is_type_at(self.at + 1) {
            let before = self.at;
            if let Some((ty, _)) = self.parenthesised() {
                if self.is("{") {
                    let braces = self.braces()?;
                    let range = token.start..braces.range.end;
                    let literal = Expr {
                        kind: braces.kind,
                        range,
                    };
                    return self.postfix(literal);
                }
                if let Some(arg) = self.unary() {
                    let range = token.start..arg.range.end;
                    return Some(Expr {
                        kind: ExprKind::Cast {
                            ty,
                            arg: Box::new(arg),
                        },
                        range,
                    });
                }
            }
            self.at = before;
        }
        let primary = self.primary()?;
        self.postfix(primary)
    }

    fn primary(&mut self) -> Option<Expr> {
        let token = *self.tokens.get(self.at)?;
        let (word, kind) = self.peek()?;
        match kind {
            TokenKind::Ident if !is_keyword(word) => {
                self.at += 1;
                Some(Expr {
                    kind: ExprKind::Ident,
                    range: token.range(),
                })
            }
            TokenKind::Number => {
                self.at += 1;
                Some(Expr {
                    kind: ExprKind::Number,
                    range: token.range(),
                })
            }
            TokenKind::Text => {
                let mut end = token.end;
                while let Some(next) = self.tokens.get(self.at).filter(|t| t.kind == TokenKind::Text) {
                    end = next.end;
                    self.at += 1;
                }
                Some(Expr {
                    kind: ExprKind::Text,
                    range: token.start..end,
                })
            }
            TokenKind::Punct if word == "(" => {
                if self
                    .tokens
                    .get(self.at + 1)
                    .is_some_and(|t| t.text(self.source) == "{")
                {
                    let (_, end) = self.parenthesised()?;
                    return Some(Expr {
                        kind: ExprKind::Braces(Vec::new()),
                        range: token.start..end,
                    });
                }
                self.at += 1;
                let inner = self.expr(0)?;
                let close = self.take(")")?;
                Some(Expr {
                    kind: ExprKind::Paren(Box::new(inner)),
                    range: token.start..close.end,
                })
            }
            TokenKind::Punct if word == "{" => self.braces(),
            _ => None,
        }
    }

    fn postfix(&mut self, mut expr: Expr) -> Option<Expr> {
        loop {
            let start = expr.range.start;
            if self.take("[").is_some() {
                let index = self.expr(0)?;
                let close = self.take("]")?;
                let kind = ExprKind::Index {
                    base: Box::new(expr),
                    index: Box::new(index),
                };
                expr = Expr {
                    kind,
                    range: start..close.end,
                };
            } else if self.take("(").is_some() {
                let mut args = Vec::new();
                while !self.is(")") {
                    args.push(self.argument()?);
                    if self.take(",").is_none() {
                        break;
                    }
                }
                let close = self.take(")")?;
                let kind = ExprKind::Call {
                    callee: Box::new(expr),
                    args,
                };
                expr = Expr {
                    kind,
                    range: start..close.end,
                };
            } else if self.is(".") || self.is("->") {
                let arrow = self.is("->");
                self.at += 1;
                let name = *self.tokens.get(self.at).filter(|t| t.kind == TokenKind::Ident)?;
                self.at += 1;
                let kind = ExprKind::Member {
                    base: Box::new(expr),
                    arrow,
                    name: name.range(),
                };
                expr = Expr {
                    kind,
                    range: start..name.end,
                };
            } else if let Some(token) = self.take("++").or_else(|| self.take("--")) {
                let op = token.text(self.source).to_string();
                expr = Expr {
                    kind: ExprKind::Postfix {
                        op,
                        arg: Box::new(expr),
                    },
                    range: start..token.end,
                };
            } else {
                return Some(expr);
            }
        }
    }

    /// An argument: an expression, or (for macros such as `min_t`) a type.
    fn argument(&mut self) -> Option<Expr> {
        let (before, depth) = (self.at, self.depth);
        if let Some(expr) = self.expr(1)
            && (self.is(",") || self.is(")"))
        {
            return Some(expr);
        }
        (self.at, self.depth) = (before, depth);
        let start = self.tokens.get(self.at)?.start;
        let mut end = start;
        let mut nesting = 0usize;
        while let Some(token) = self.tokens.get(self.at) {
            match token.text(self.source) {
                "," | ")" if nesting == 0 => break,
                "(" | "[" | "{" => nesting += 1,
                ")" | "]" | "}" => nesting = nesting.saturating_sub(1),
                _ => {}
            }
            end = token.end;
            self.at += 1;
        }
        Some(Expr {
            kind: ExprKind::Braces(Vec::new()),
            range: start..end,
        })
    }

    fn braces(&mut self) -> Option<Expr> {
        let open = self.take("{")?;
        let mut items = Vec::new();
        while !self.is("}") {
            // Designators: `.name =`, `[index] =`.
            while self.is(".") || self.is("[") {
                if self.take(".").is_some() {
                    self.at += 1;
                } else {
                    let close = super::functions::matching(self.source, self.tokens, self.at)?;
                    self.at = close + 1;
                }
            }
            self.take("=");
            items.push(self.expr(1)?);
            if self.take(",").is_none() {
                break;
            }
        }
        let close = self.take("}")?;
        Some(Expr {
            kind: ExprKind::Braces(items),
            range: open.start..close.end,
        })
    }

    /// Passes over `( ... )`: the range inside and the end of the closing parenthesis.
    fn parenthesised(&mut self) -> Option<(Range<usize>, usize)> {
        let open = self.tokens.get(self.at).filter(|t| t.text(self.source) == "(")?;
        let close_at = super::functions::matching(self.source, self.tokens, self.at)?;
        let close = self.tokens.get(close_at)?;
        self.at = close_at + 1;
        Some((open.end..close.start, close.end))
    }

    /// Whether a type name seems to stand from `at` to the closing parenthesis of a cast.
    fn is_type_at(&self, at: usize) -> bool {
        let mut words = 0;
        let mut stars = 0;
        let mut sure = false;
        let mut name = "";
        for (i, token) in self.tokens.iter().enumerate().skip(at) {
            let word = token.text(self.source);
            match token.kind {
                TokenKind::Ident => {
                    if stars > 0 && word != "const" && word != "__user" && word != "restrict" {
                        return false;
                    }
                    sure |= is_type_word(word);
                    words += 1;
                    name = word;
                }
                TokenKind::Punct if word == "*" => stars += 1,
                TokenKind::Punct if word == ")" => {
                    if words == 0 {
                        return false;
                    }
                    let next = self.tokens.get(i + 1);
                    let operand = next.is_some_and(|t| {
                        matches!(t.kind, TokenKind::Ident | TokenKind::Number | TokenKind::Text)
                            || t.text(self.source) == "("
                    });
                    // `(name) (x)` of an unknown name is read as a call in parentheses unless it ends in `_t`.
                    return sure || stars > 0 || (operand && (words > 1 || name.ends_with("_t")));
                }
                _ => return false,
            }
        }
        false
    }
}

/// Words that only stand in a type.
pub fn is_type_word(word: &str) -> bool {
    matches!(
        word,
        "void"
            | "char"
            | "short"
            | "int"
            | "long"
            | "float"
            | "double"
            | "signed"
            | "unsigned"
            | "_Bool"
            | "bool"
            | "struct"
            | "union"
            | "enum"
            | "const"
            | "volatile"
            | "u8"
            | "u16"
            | "u32"
            | "u64"
            | "s8"
            | "s16"
            | "s32"
            | "s64"
            | "__u8"
            | "__u16"
            | "__u32"
            | "__u64"
            | "__s8"
            | "__s16"
            | "__s32"
            | "__s64"
            | "__le16"
            | "__le32"
            | "__le64"
            | "__be16"
            | "__be32"
            | "__be64"
            | "uint"
            | "ulong"
            | "uchar"
    ) || (word.ends_with("_t") && word.len() > 2)
}

#[cfg(test)]
mod tests;

//! Annotations in comments, in a subset of ACSL, the ANSI/ISO C Specification Language of Frama-C (reference manual
//! version 1.20: <https://frama-c.com/download/acsl-1.20.pdf>).
//!
//! An annotation is a comment that begins with `/*@` or `//@`, directly before a function or a statement. This module
//! finds the comments of a file and reads their clauses; what they mean is for `lower::contracts`. What is not in the
//! subset is named, never skipped in silence.

mod tokens;

use std::fmt;
use std::ops::Range;
use vf_source::tables::HashMap;

use crate::lex;
use tokens::{Kind, Token, tokenise};

/// One clause of an annotation.
#[derive(Clone, Debug, PartialEq)]
pub struct Clause {
    pub meaning: Meaning,
    /// The clause as written, without its keyword, on one line.
    pub text: String,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Requires(Term),
    Ensures(Term),
    /// Locations that may change; none for `\nothing`. What stands behind `\from` is left out.
    Assigns(Vec<Term>),
    LoopInvariant(Term),
    /// `assert` or `check` before a statement.
    Assert(Term),
    /// Not in the subset: what it is.
    Ignored(String),
}

/// Terms and predicates alike; what fits where is checked when they are used.
#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    Integer(i128),
    Name(String),
    Result,
    Null,
    Truth(bool),
    Not(Box<Term>),
    Minus(Box<Term>),
    Complement(Box<Term>),
    Dereference(Box<Term>),
    AddressOf(Box<Term>),
    Binary(Operator, Box<Term>, Box<Term>),
    Index(Box<Term>, Box<Term>),
    /// `of.name`, or `of->name`.
    Member {
        of: Box<Term>,
        arrow: bool,
        name: String,
    },
    /// `low .. high`, both included.
    Range(Box<Term>, Box<Term>),
    /// The words between the parentheses of `sizeof`.
    SizeOf(String),
    /// `\valid(..)`, `\old(..)`, `valid_read_string(..)`: the name has its backslash.
    Call(String, Vec<Term>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
    Shl,
    Shr,
    BitAnd,
    BitXor,
    BitOr,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
    Implies,
    Iff,
}

impl Operator {
    /// Spelling, and how strongly it binds (section 2.2 of the manual).
    const ALL: [(Operator, &'static str, u8); 20] = [
        (Operator::Iff, "<==>", 1),
        (Operator::Implies, "==>", 2),
        (Operator::Or, "||", 3),
        (Operator::And, "&&", 4),
        (Operator::BitOr, "|", 5),
        (Operator::BitXor, "^", 6),
        (Operator::BitAnd, "&", 7),
        (Operator::Equal, "==", 8),
        (Operator::NotEqual, "!=", 8),
        (Operator::Less, "<", 8),
        (Operator::LessEqual, "<=", 8),
        (Operator::Greater, ">", 8),
        (Operator::GreaterEqual, ">=", 8),
        (Operator::Shl, "<<", 9),
        (Operator::Shr, ">>", 9),
        (Operator::Add, "+", 10),
        (Operator::Sub, "-", 10),
        (Operator::Mul, "*", 11),
        (Operator::Div, "/", 11),
        (Operator::Rem, "%", 11),
    ];
    const RELATIONS: u8 = 8;

    fn of(text: &str) -> Option<(Operator, u8)> {
        let found = Operator::ALL.iter().find(|(_, spelling, _)| *spelling == text);
        found.map(|(operator, _, strength)| (*operator, *strength))
    }

    pub fn spelling(self) -> &'static str {
        let found = Operator::ALL.iter().find(|(operator, _, _)| *operator == self);
        found.map_or("", |(_, spelling, _)| spelling)
    }

    pub fn is_relation(self) -> bool {
        Operator::of(self.spelling()).is_some_and(|(_, strength)| strength == Operator::RELATIONS)
    }
}

/// Annotations of a file, by the byte offset of the token that follows them.
pub fn annotations(text: &str) -> HashMap<usize, Vec<Range<usize>>> {
    let mut found: HashMap<usize, Vec<Range<usize>>> = HashMap::default();
    if !text.contains("/*@") && !text.contains("//@") {
        return found;
    }
    let mut before = 0;
    let mut pending = Vec::new();
    for token in lex::lex(text) {
        pending.extend(comments(text, before..token.start as usize));
        before = token.end as usize;
        // A directive may stand between an annotation and what it is about.
        if token.kind != lex::TokenKind::Directive && !pending.is_empty() {
            found.insert(token.start as usize, std::mem::take(&mut pending));
        }
    }
    found
}

/// The annotations in a stretch of white space and comments: what is between their delimiters.
fn comments(text: &str, gap: Range<usize>) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let Some(space) = text.get(gap.clone()) else {
        return found;
    };
    let mut at = 0;
    while let Some(begin) = space.get(at..).and_then(|rest| rest.find('/')).map(|n| at + n) {
        let rest = &space[begin..];
        let (length, inside) = if rest.starts_with("/*") {
            let end = rest.find("*/").map_or(rest.len(), |n| n + 2);
            (end, 3..end.saturating_sub(2).max(3))
        } else if rest.starts_with("//") {
            let end = rest.find('\n').unwrap_or(rest.len());
            (end, 3..end.max(3))
        } else {
            (1, 0..0)
        };
        if rest.as_bytes().get(2) == Some(&b'@') && length > 3 {
            let offset = gap.start + begin;
            found.push(offset + inside.start..offset + inside.end);
        }
        at = begin + length;
    }
    found
}

/// The clauses of one annotation, given what is between the delimiters.
pub fn clauses(annotation: &str) -> Vec<Clause> {
    let tokens = match tokenise(annotation) {
        Ok(tokens) => tokens,
        Err(problem) => {
            return vec![Clause {
                meaning: Meaning::Ignored(problem),
                text: one_line(annotation),
            }];
        }
    };
    let mut found = Vec::new();
    for piece in pieces(&tokens) {
        if let (Some(first), Some(last)) = (piece.first(), piece.last()) {
            let written = annotation.get(first.range.start..last.range.end).unwrap_or("");
            found.push(clause(piece, written, annotation));
            // A behaviour's clauses hold under its assumptions only.
            if piece.first().is_some_and(|t| t.text == "behavior") {
                break;
            }
        }
    }
    found
}

/// The tokens of each clause. A quantifier's own semicolon ends none.
fn pieces<'a, 'b>(tokens: &'b [Token<'a>]) -> Vec<&'b [Token<'a>]> {
    let (mut found, mut from, mut inner) = (Vec::new(), 0, 0);
    for (number, token) in tokens.iter().enumerate() {
        match token.text {
            "\\forall" | "\\exists" | "\\let" => inner += 1,
            ";" if inner > 0 => inner -= 1,
            ";" => {
                found.push(&tokens[from..number]);
                from = number + 1;
            }
            _ => {}
        }
    }
    found.push(&tokens[from..]);
    found
}

fn clause(piece: &[Token<'_>], written: &str, annotation: &str) -> Clause {
    let words: Vec<&str> = piece.iter().take(2).map(|t| t.text).collect();
    let ignored = |what: String| Clause {
        meaning: Meaning::Ignored(what),
        text: one_line(written),
    };
    let (length, make): (usize, fn(Term) -> Meaning) = match words.as_slice() {
        ["loop", "invariant"] => (2, Meaning::LoopInvariant),
        ["requires", ..] => (1, Meaning::Requires),
        ["ensures", ..] => (1, Meaning::Ensures),
        ["assert" | "check", ..] => (1, Meaning::Assert),
        ["assigns", ..] => (1, |t| Meaning::Assigns(vec![t])),
        ["loop", what, ..] => return ignored(format!("`loop {what}`")),
        [what, ..] => return ignored(format!("`{what}`")),
        [] => return ignored("an empty clause".to_owned()),
    };
    let rest = piece.get(length..).unwrap_or(&[]);
    let from = rest.first().map_or(0, |t| t.range.start);
    let to = rest.last().map_or(0, |t| t.range.end);
    let text = one_line(annotation.get(from..to).unwrap_or(""));
    let mut parser = Parser { tokens: rest, at: 0 };
    let result = if words.first() == Some(&"assigns") {
        parser.locations().map(Meaning::Assigns)
    } else {
        parser.named_term().map(make)
    };
    let meaning = match result {
        Ok(meaning) if parser.at == rest.len() => meaning,
        Ok(_) => Meaning::Ignored(format!("`{}`", parser.here())),
        Err(problem) => Meaning::Ignored(problem),
    };
    Clause { meaning, text }
}

/// White space and the `@` at beginnings of lines become single blanks.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|l| l.trim().trim_start_matches('@'));
    let words: Vec<&str> = lines.flat_map(str::split_whitespace).collect();
    words.join(" ")
}

/// Trees nested deeper than this are refused rather than risking the stack.
const DEPTH: usize = 200;

struct Parser<'a, 'b> {
    tokens: &'b [Token<'a>],
    at: usize,
}

impl Parser<'_, '_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", |t| t.text)
    }

    fn here(&self) -> &str {
        match self.peek() {
            "" => "the end of the clause",
            text => text,
        }
    }

    fn takes(&mut self, text: &str) -> bool {
        let there = self.peek() == text && self.at < self.tokens.len();
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.takes(text) {
            return Ok(());
        }
        Err(format!("`{}` where `{text}` was expected", self.here()))
    }

    /// A predicate, which may have a name before it (`requires size: n > 0`).
    fn named_term(&mut self) -> Result<Term, String> {
        let named = self.tokens.get(self.at).is_some_and(|t| t.kind == Kind::Word)
            && self.tokens.get(self.at + 1).is_some_and(|t| t.text == ":");
        if named {
            self.at += 2;
        }
        self.term(0, 0)
    }

    fn locations(&mut self) -> Result<Vec<Term>, String> {
        let mut found = Vec::new();
        if !self.takes("\\nothing") {
            found.push(self.term(0, 0)?);
            while self.takes(",") {
                found.push(self.term(0, 0)?);
            }
        }
        // What the new values depend on is passed over.
        if self.takes("\\from") {
            self.at = self.tokens.len();
        }
        Ok(found)
    }

    fn term(&mut self, least: u8, depth: usize) -> Result<Term, String> {
        if depth > DEPTH {
            return Err("terms nested this deep".to_owned());
        }
        let mut left = self.unary(depth)?;
        // The right side of the last relation: `a <= b < c` means `a <= b && b < c`.
        let mut chained: Option<Term> = None;
        while let Some((operator, strength)) = Operator::of(self.peek()) {
            if strength <= least {
                break;
            }
            self.at += 1;
            // Implication associates to the right.
            let right = self.term(strength - u8::from(operator == Operator::Implies), depth + 1)?;
            left = match chained.take().filter(|_| operator.is_relation()) {
                Some(middle) => {
                    let next = binary(operator, middle, right.clone());
                    binary(Operator::And, left, next)
                }
                None => binary(operator, left, right.clone()),
            };
            chained = operator.is_relation().then_some(right);
        }
        Ok(left)
    }

    fn unary(&mut self, depth: usize) -> Result<Term, String> {
        let make: fn(Box<Term>) -> Term = match self.peek() {
            "!" => Term::Not,
            "-" => Term::Minus,
            "~" => Term::Complement,
            "*" => Term::Dereference,
            "&" => Term::AddressOf,
            _ => return self.postfix(depth),
        };
        self.at += 1;
        if depth > DEPTH {
            return Err("terms nested this deep".to_owned());
        }
        Ok(make(Box::new(self.unary(depth + 1)?)))
    }

    fn postfix(&mut self, depth: usize) -> Result<Term, String> {
        let mut term = self.primary(depth)?;
        loop {
            if self.takes("[") {
                let index = self.range(depth)?;
                self.expect("]")?;
                term = Term::Index(Box::new(term), Box::new(index));
            } else if self.peek() == "." || self.peek() == "->" {
                let arrow = self.peek() == "->";
                self.at += 1;
                let name = self.peek().to_owned();
                if self.tokens.get(self.at).is_none_or(|t| t.kind != Kind::Word) {
                    return Err(format!("`{}` where a member was expected", self.here()));
                }
                self.at += 1;
                let of = Box::new(term);
                term = Term::Member { of, arrow, name };
            } else {
                return Ok(term);
            }
        }
    }

    /// A term, or `low .. high`.
    fn range(&mut self, depth: usize) -> Result<Term, String> {
        let low = self.term(0, depth + 1)?;
        if !self.takes("..") {
            return Ok(low);
        }
        let high = self.term(0, depth + 1)?;
        Ok(Term::Range(Box::new(low), Box::new(high)))
    }

    fn primary(&mut self, depth: usize) -> Result<Term, String> {
        let Some(token) = self.tokens.get(self.at) else {
            return Err("the clause ends too early".to_owned());
        };
        self.at += 1;
        match token.kind {
            Kind::Number => {
                let value = tokens::number(token.text);
                value
                    .map(Term::Integer)
                    .ok_or_else(|| format!("the number `{}`", token.text))
            }
            Kind::Punctuator if token.text == "(" => {
                let inner = self.range(depth)?;
                self.expect(")")?;
                Ok(inner)
            }
            Kind::Word if token.text == "sizeof" => self.size_of(),
            Kind::Word | Kind::Backslash if self.peek() == "(" => self.call(token.text, depth),
            Kind::Word => Ok(Term::Name(token.text.to_owned())),
            Kind::Backslash => match token.text {
                "\\result" => Ok(Term::Result),
                "\\null" => Ok(Term::Null),
                "\\true" => Ok(Term::Truth(true)),
                "\\false" => Ok(Term::Truth(false)),
                other => Err(format!("`{other}`")),
            },
            Kind::Punctuator => Err(format!("`{}`", token.text)),
        }
    }

    fn call(&mut self, name: &str, depth: usize) -> Result<Term, String> {
        const KNOWN: [&str; 7] = [
            "\\valid",
            "\\valid_read",
            "\\separated",
            "\\old",
            "valid_read_string",
            "valid_string",
            "\\initialized",
        ];
        if !KNOWN.contains(&name) {
            return Err(format!("`{name}`"));
        }
        self.expect("(")?;
        let mut arguments = vec![self.term(0, depth + 1)?];
        while self.takes(",") {
            arguments.push(self.term(0, depth + 1)?);
        }
        self.expect(")")?;
        Ok(Term::Call(name.to_owned(), arguments))
    }

    fn size_of(&mut self) -> Result<Term, String> {
        self.expect("(")?;
        let mut words: Vec<&str> = Vec::new();
        while let Some(token) = self.tokens.get(self.at).filter(|t| t.text != ")") {
            words.push(token.text);
            self.at += 1;
        }
        self.expect(")")?;
        Ok(Term::SizeOf(words.join(" ")))
    }
}

fn binary(operator: Operator, left: Term, right: Term) -> Term {
    Term::Binary(operator, Box::new(left), Box::new(right))
}

/// As C writes it, where C can.
impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Integer(value) => write!(f, "{value}"),
            Term::Name(name) => f.write_str(name),
            Term::Result => f.write_str("\\result"),
            Term::Null => f.write_str("((void *)0)"),
            Term::Truth(value) => write!(f, "{}", i32::from(*value)),
            Term::Not(of) => write!(f, "(!{of})"),
            Term::Minus(of) => write!(f, "(-{of})"),
            Term::Complement(of) => write!(f, "(~{of})"),
            Term::Dereference(of) => write!(f, "(*{of})"),
            Term::AddressOf(of) => write!(f, "(&{of})"),
            Term::Binary(operator, a, b) => write!(f, "({a} {} {b})", operator.spelling()),
            Term::Index(of, index) => write!(f, "{of}[{index}]"),
            Term::Member { of, arrow, name } => write!(f, "{of}{}{name}", if *arrow { "->" } else { "." }),
            Term::Range(low, high) => write!(f, "({low} .. {high})"),
            Term::SizeOf(words) => write!(f, "sizeof({words})"),
            Term::Call(name, arguments) => {
                let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
                write!(f, "{name}({})", arguments.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests;

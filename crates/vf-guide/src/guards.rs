//! The arm `counterexamples`: a guard that does nothing about a known counterexample is not finished.
//!
//! When the first statement of an inserted edit is `if (condition)` without braces, and its line is complete, the
//! condition is evaluated on every known counterexample. Where it is false, the statement does nothing on that run, which
//! fails as it did. Where its body has left the function and the condition is true on an input known to be safe, the
//! candidate changes what worked. What an oracle cannot tell is never pruned.
//!
//! What is lost: an edit whose first guard is for another counterexample and whose second one is for this. The same two
//! conditions in one, or a replacement of the lines, is not pruned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use vf_model::guide::{Allowed, Check, Guide, GuideError, GuideStatistics};
use vf_repair::ctext::expr::{Expr, ExprKind, parse_text};
use vf_repair::ctext::functions::FunctionText;
use vf_repair::ctext::lex::{TokenKind, is_keyword};
use vf_repair::ctext::outline::Outline;

use vf_ir::{CType, DataModel};

use crate::lark::OPEN;
use crate::scope::Scope;
use crate::vocabulary::Vocabulary;

/// What is known of a guard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GuardVerdict {
    /// It catches every counterexample and rejects no safe input.
    Good,
    /// It is false on a counterexample, in words.
    LetsThrough(String),
    /// It is true on a safe input, in words.
    Rejects(String),
    CannotTell,
}

/// Evaluates guards.
pub trait GuardOracle: Send + Sync {
    /// `if (condition)`, inserted before `line` (from 1, in the file). `leaves`: its body leaves the function; asked again
    /// when that is known.
    fn judge(&self, condition: &str, line: u32, leaves: bool) -> GuardVerdict;
}

/// Values of the inputs of a run in source terms: `len` to `4294967295`, `p->count` to `9`.
pub type Inputs = BTreeMap<String, String>;

/// Evaluates conditions over parameters, members behind them and constants, with C's integer types.
#[derive(Clone, Debug)]
pub struct Evaluator {
    source: String,
    function: FunctionText,
    scope: Scope,
    /// Types of member terms (`p->count`) are looked up in these.
    records: Vec<vf_ir::Record>,
    model: DataModel,
    counterexamples: Vec<Inputs>,
    safe: Vec<Inputs>,
}

/// An integer of a C type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Int {
    value: i128,
    bits: u32,
    signed: bool,
}

impl Int {
    /// Reduced to its type; `None` where a signed result does not fit, which is undefined (C11 6.5p5).
    fn new(value: i128, bits: u32, signed: bool) -> Option<Int> {
        let range = 1i128 << bits.min(100);
        if signed {
            let half = range / 2;
            return (-half..half)
                .contains(&value)
                .then_some(Int { value, bits, signed });
        }
        Some(Int {
            value: value.rem_euclid(range),
            bits,
            signed,
        })
    }

    /// C11 6.3.1.1: what is narrower than `int` becomes an `int`.
    fn promoted(self) -> Int {
        match self.bits < 32 {
            true => Int {
                bits: 32,
                signed: true,
                ..self
            },
            false => self,
        }
    }

    fn truth(value: bool) -> Int {
        Int {
            value: i128::from(value),
            bits: 32,
            signed: true,
        }
    }
}

impl Evaluator {
    /// For one function. `counterexamples` violate what is to be repaired, `safe` inputs violate nothing.
    pub fn new(
        source: &str,
        function: &FunctionText,
        scope: Scope,
        program: &vf_ir::Program,
        counterexamples: Vec<Inputs>,
        safe: Vec<Inputs>,
    ) -> Evaluator {
        Evaluator {
            source: source.to_owned(),
            function: function.clone(),
            scope,
            records: program.records.clone(),
            model: program.model,
            counterexamples,
            safe,
        }
    }

    /// Whether a parameter has the value it came with wherever it is read.
    fn never_changes(&self, name: &str) -> bool {
        let outline = Outline::new(&self.source, &self.function);
        if !self.scope.params.contains(name) || outline.declarator(name).is_some() {
            return false;
        }
        let body = outline.tokens_in(&self.function.body);
        let word = |i: usize| body.get(i).map_or("", |t| t.text(&self.source));
        let mut calls: Vec<bool> = Vec::new();
        for (i, token) in body.iter().enumerate() {
            let text = token.text(&self.source);
            match text {
                "(" => {
                    // What is not a known function may be a macro, which may assign to its argument.
                    let before = i.checked_sub(1).and_then(|b| body.get(b));
                    let unknown = before.is_some_and(|b| {
                        let callee = b.text(&self.source);
                        b.kind == TokenKind::Ident
                            && !is_keyword(callee)
                            && !self.scope.functions.contains_key(callee)
                    });
                    calls.push(unknown);
                }
                ")" => {
                    calls.pop();
                }
                _ if token.kind == TokenKind::Directive && text.contains(name) => return false,
                _ if token.kind == TokenKind::Ident && text == name => {
                    let (before, after) = (i.checked_sub(1).map_or("", word), word(i + 1));
                    let assigned = after.ends_with('=') && !matches!(after, "==" | "!=" | "<=" | ">=");
                    let member = matches!(before, "." | "->");
                    let stepped =
                        matches!(before, "&" | "++" | "--") || matches!(after, "++" | "--") || assigned;
                    if !member && (stepped || calls.contains(&true)) {
                        return false;
                    }
                }
                _ => {}
            }
        }
        true
    }

    /// Whether nothing was written to memory before a line is reached.
    fn memory_is_fresh(&self, line: u32) -> bool {
        let Some(at) = vf_source::line_start(&self.source, line) else {
            return false;
        };
        let outline = Outline::new(&self.source, &self.function);
        let around = outline
            .innermost(at)
            .map_or_else(Vec::new, |n| outline.ancestors(n));
        if at < self.function.body.start || around.iter().any(|n| outline.is_loop(*n)) {
            return false;
        }
        let before = outline.tokens_in(&(self.function.body.start..at));
        before.iter().enumerate().all(|(i, token)| {
            let text = token.text(&self.source);
            let called = before.get(i + 1).is_some_and(|t| t.text(&self.source) == "(")
                && token.kind == TokenKind::Ident
                && !matches!(text, "if" | "while" | "for" | "switch" | "sizeof" | "return");
            let writes = text.ends_with('=') && !matches!(text, "==" | "!=" | "<=" | ">=");
            // The initialiser of a local is no write to what the inputs speak of.
            let declares = text == "=" && {
                let node = outline.innermost(token.start).and_then(|n| outline.nodes.get(n));
                node.is_some_and(|n| !n.declarators.is_empty())
            };
            let label = text == ":" || text == "goto";
            !(called || (writes && !declares) || matches!(text, "++" | "--") || label)
                && token.kind != TokenKind::Directive
        })
    }

    fn type_of(&self, expr: &Expr, text: &str) -> Option<CType> {
        match &expr.kind {
            ExprKind::Ident => self.scope.locals.get(expr.text(text)).map(|v| v.ty.clone()),
            ExprKind::Paren(inner) => self.type_of(inner, text),
            ExprKind::Member { base, arrow, name } => {
                let record = match (self.type_of(base, text)?, arrow) {
                    (CType::Pointer { to, .. }, true) => *to,
                    (ty @ CType::Record(_), false) => ty,
                    _ => return None,
                };
                let CType::Record(id) = record else { return None };
                let record = self.records.get(id.0 as usize)?;
                let (_, field) = record.member(text.get(name.clone())?, &self.records)?;
                // A bit-field's own promotion is not modelled.
                (field.bits.is_none() && !record.is_union).then(|| field.ty.clone())
            }
            _ => None,
        }
    }

    /// The value that an input has, where it still has it at the line.
    fn input(&self, expr: &Expr, text: &str, line: u32, inputs: &Inputs) -> Option<Int> {
        let root = root(expr)?.text(text);
        if !self.never_changes(root) {
            return None;
        }
        if matches!(expr.kind, ExprKind::Member { .. }) && !self.memory_is_fresh(line) {
            return None;
        }
        let value: i128 = inputs.get(expr.text(text))?.parse().ok()?;
        match self.type_of(expr, text)? {
            CType::Int { bits, signed } if bits <= 64 => {
                Int::new(value, bits, signed).filter(|i| i.value == value)
            }
            CType::Bool => Int::new(value, 8, false).filter(|i| i.value < 2),
            _ => None,
        }
    }

    fn value(&self, expr: &Expr, text: &str, line: u32, inputs: &Inputs) -> Option<Int> {
        let of = |e: &Expr| self.value(e, text, line, inputs);
        match &expr.kind {
            ExprKind::Paren(inner) => of(inner),
            ExprKind::Ident => match self.scope.constants.get(expr.text(text)) {
                Some(c) if !self.scope.locals.contains_key(expr.text(text)) => {
                    Int::new(c.value, c.bits, c.signed)
                }
                _ => self.input(expr, text, line, inputs),
            },
            ExprKind::Member { .. } => self.input(expr, text, line, inputs),
            ExprKind::Number => number(expr.text(text), self.model),
            ExprKind::Unary { op, arg } => {
                if op == "!" {
                    return Some(Int::truth(of(arg)?.value == 0));
                }
                let arg = of(arg)?.promoted();
                match op.as_str() {
                    "-" => Int::new(-arg.value, arg.bits, arg.signed),
                    "~" => Int::new(-1 - arg.value, arg.bits, arg.signed),
                    "+" => Some(arg),
                    _ => None,
                }
            }
            ExprKind::Binary { op, lhs, rhs } => {
                let (a, b) = (of(lhs), of(rhs));
                match op.as_str() {
                    // One side may decide what the other one leaves open.
                    "&&" => match (a.map(|v| v.value != 0), b.map(|v| v.value != 0)) {
                        (Some(false), _) | (_, Some(false)) => Some(Int::truth(false)),
                        (Some(true), Some(true)) => Some(Int::truth(true)),
                        _ => None,
                    },
                    "||" => match (a.map(|v| v.value != 0), b.map(|v| v.value != 0)) {
                        (Some(true), _) | (_, Some(true)) => Some(Int::truth(true)),
                        (Some(false), Some(false)) => Some(Int::truth(false)),
                        _ => None,
                    },
                    _ => binary(op, a?, b?),
                }
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                let (a, b) = (of(then)?, of(otherwise)?);
                let (a, b) = usual(a, b)?;
                Some(if of(condition)?.value != 0 { a } else { b })
            }
            _ => None,
        }
    }
}

/// The variable that a chain of members begins with.
fn root(expr: &Expr) -> Option<&Expr> {
    match &expr.kind {
        ExprKind::Ident => Some(expr),
        ExprKind::Member { base, .. } => root(base),
        ExprKind::Paren(inner) => root(inner),
        _ => None,
    }
}

/// An integer constant with its type (C11 6.4.4.1).
fn number(text: &str, model: DataModel) -> Option<Int> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    let suffix = text.get(digits.len()..)?.to_ascii_lowercase();
    let (value, decimal) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => (i128::from_str_radix(hex, 16).ok()?, false),
        None if digits.len() > 1 && digits.starts_with('0') => (i128::from_str_radix(digits, 8).ok()?, false),
        None => (digits.parse().ok()?, true),
    };
    let unsigned = suffix.contains('u');
    let long = match suffix.matches('l').count() {
        0 => 32,
        1 => model.pointer_bits(),
        _ => 64,
    };
    for bits in [32, 64].into_iter().filter(|b| *b >= long) {
        if !unsigned && value < 1 << (bits - 1) {
            return Int::new(value, bits, true);
        }
        if (unsigned || !decimal) && value < 1 << bits {
            return Int::new(value, bits, false);
        }
    }
    None
}

/// The usual arithmetic conversions (C11 6.3.1.8), for types told apart by width only.
fn usual(a: Int, b: Int) -> Option<(Int, Int)> {
    let (a, b) = (a.promoted(), b.promoted());
    let bits = a.bits.max(b.bits);
    let unsigned = |i: Int| !i.signed && i.bits == bits;
    let signed = !(unsigned(a) || unsigned(b));
    Some((Int::new(a.value, bits, signed)?, Int::new(b.value, bits, signed)?))
}

fn binary(op: &str, a: Int, b: Int) -> Option<Int> {
    if matches!(op, "<<" | ">>") {
        let (a, b) = (a.promoted(), b.promoted());
        let count = u32::try_from(b.value).ok().filter(|c| *c < a.bits)?;
        return match op {
            "<<" if a.signed && a.value < 0 => None,
            "<<" => Int::new(a.value << count, a.bits, a.signed),
            _ => Int::new(a.value >> count, a.bits, a.signed),
        };
    }
    let (a, b) = usual(a, b)?;
    let result = |value: i128| Int::new(value, a.bits, a.signed);
    let (x, y) = (a.value, b.value);
    match op {
        "+" => result(x + y),
        "-" => result(x - y),
        "*" => result(x.checked_mul(y)?),
        "/" if y != 0 => result(x / y),
        "%" if y != 0 => result(x % y),
        "&" => result(x & y),
        "|" => result(x | y),
        "^" => result(x ^ y),
        "==" => Some(Int::truth(x == y)),
        "!=" => Some(Int::truth(x != y)),
        "<" => Some(Int::truth(x < y)),
        "<=" => Some(Int::truth(x <= y)),
        ">" => Some(Int::truth(x > y)),
        ">=" => Some(Int::truth(x >= y)),
        _ => None,
    }
}

impl GuardOracle for Evaluator {
    fn judge(&self, condition: &str, line: u32, leaves: bool) -> GuardVerdict {
        let Some(expr) = parse_text(condition) else {
            return GuardVerdict::CannotTell;
        };
        let mut all_known = true;
        for inputs in &self.counterexamples {
            match self.value(&expr, condition, line, inputs) {
                Some(Int { value: 0, .. }) => return GuardVerdict::LetsThrough(words(inputs)),
                known => all_known &= known.is_some(),
            }
        }
        for inputs in self.safe.iter().filter(|_| leaves) {
            match self.value(&expr, condition, line, inputs) {
                Some(Int { value, .. }) if value != 0 => return GuardVerdict::Rejects(words(inputs)),
                known => all_known &= known.is_some(),
            }
        }
        match all_known {
            true => GuardVerdict::Good,
            false => GuardVerdict::CannotTell,
        }
    }
}

fn words(inputs: &Inputs) -> String {
    let terms: Vec<String> = inputs
        .iter()
        .take(4)
        .map(|(k, v)| format!("{k} == {v}"))
        .collect();
    terms.join(", ")
}

/// Asks a [`GuardOracle`] about the guard that an edit begins with. See the [module](self).
#[derive(Clone)]
pub struct GuardGuide {
    oracle: Arc<dyn GuardOracle>,
    vocabulary: Vocabulary,
    text: Vec<u8>,
    statistics: Arc<Mutex<GuideStatistics>>,
}

impl GuardGuide {
    pub fn new(oracle: Arc<dyn GuardOracle>, vocabulary: &Vocabulary) -> GuardGuide {
        GuardGuide {
            oracle,
            vocabulary: vocabulary.clone(),
            text: Vec::new(),
            statistics: Arc::default(),
        }
    }
}

/// A guard at the beginning of an edit: its condition, the line it is inserted before, and whether its body is there and
/// leaves the function. `text` begins behind the fence.
fn first_guard(text: &str) -> Option<(&str, u32, bool)> {
    // The last line is not complete.
    let mut lines = text
        .split_inclusive('\n')
        .filter(|l| l.ends_with('\n'))
        .map(str::trim);
    let line = lines.next()?.strip_suffix("-:")?.parse().ok()?;
    let guard = lines.find(|l| !l.starts_with("/*"))?;
    let condition = guard.strip_prefix("if (")?.strip_suffix(')')?;
    let leaves = lines.next().is_some_and(|body| {
        let jump = ["return", "goto "].iter().any(|word| body.starts_with(word));
        jump && body.ends_with(';')
    });
    Some((condition, line, leaves))
}

impl Guide for GuardGuide {
    fn name(&self) -> &str {
        "counterexamples"
    }

    fn allowed(&mut self) -> Result<Allowed, GuideError> {
        Ok(Allowed::all())
    }

    fn check(&mut self, token: u32) -> Result<Check, GuideError> {
        let bytes = self.vocabulary.bytes(token);
        if !bytes.contains(&b'\n') {
            return Ok(Check::Keep);
        }
        let before = String::from_utf8_lossy(&self.text).into_owned();
        let after = String::from_utf8_lossy(&[self.text.as_slice(), bytes].concat()).into_owned();
        let (before, after) = (
            before.strip_prefix(OPEN).unwrap_or(&before),
            after.strip_prefix(OPEN).unwrap_or(&after),
        );
        let Some((condition, line, leaves)) = first_guard(after) else {
            return Ok(Check::Keep);
        };
        if first_guard(before).is_some_and(|(_, _, known)| known == leaves) {
            return Ok(Check::Keep);
        }
        let start = Instant::now();
        let verdict = self.oracle.judge(condition, line, leaves);
        let mut statistics = self.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        statistics.prover_calls += 1;
        statistics.prover_time += start.elapsed();
        let why = match verdict {
            GuardVerdict::Good | GuardVerdict::CannotTell => return Ok(Check::Keep),
            GuardVerdict::LetsThrough(inputs) => format!("`{condition}` is false where {inputs}"),
            GuardVerdict::Rejects(inputs) => format!("`{condition}` is true where {inputs}, which is safe"),
        };
        statistics.pruned += 1;
        Ok(Check::Prune(why))
    }

    fn advance(&mut self, token: u32) -> Result<(), GuideError> {
        self.text.extend(self.vocabulary.bytes(token));
        Ok(())
    }

    fn fork(&self) -> Box<dyn Guide> {
        Box::new(self.clone())
    }

    fn statistics(&self) -> GuideStatistics {
        self.statistics
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

//! Which of several proven candidates is kept: the smallest in the idiom of the code around it.
//!
//! A proof says that a change is right, not that a maintainer would take it. [`Preference::cost`] puts a number to the
//! latter, in tokens of reading: what the change adds and removes, more for what is foreign to the file (a magic number, a
//! way out that no other check of the function takes, a helper that nobody there uses), less for the helper that was made
//! for the purpose. Every part says why it is there. [`run`](crate::run) tries candidates in the order of their proposer,
//! who knows best what is likely to be proved, and once one is proven looks at those left that would cost clearly less.
//!
//! Nothing here decides a verdict: a text that is read wrongly is preferred wrongly, and is proven all the same.

mod exits;
mod vocabulary;

use std::collections::HashSet;

use similar::{Algorithm, DiffTag, capture_diff_slices};

use crate::ctext::functions::{FunctionText, functions};
use crate::ctext::lex::{Token, TokenKind, identifiers, is_keyword, normalised, tokens};
use crate::ctext::outline::Outline;
use crate::proposer::Style;
use vocabulary::{Known, known};

/// What stands against a candidate and for it. Points are in tokens; lower is better.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    pub parts: Vec<(i32, Reason)>,
}

/// Why a part of a [`Cost`] is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Tokens and lines added and removed.
    Size { tokens: usize, lines: usize },
    /// An array outside of the function becomes longer: more memory for everyone who uses it.
    OutsideFunction,
    /// The type of a parameter: callers see it.
    Parameter,
    /// A local has another type.
    Retyped { name: String },
    /// A local array has another length.
    Resized { name: String },
    /// The helper that was made for the purpose.
    Idiom { name: String },
    /// A function that reviewers ask to replace.
    Discouraged { name: String },
    /// Called, and neither used in this file nor of the standard library or the kernel's usual words.
    Foreign { name: String },
    /// A number in place of the constant, `sizeof` or `ARRAY_SIZE` that says what it is.
    Unnamed { number: String },
    /// A number that the function did not know before.
    Magic { number: String },
    /// `sizeof(a) / sizeof(a[0])` where the file or the kernel has a macro for it.
    SpelledOut,
    /// A way out that no other check of the function takes.
    ForeignExit { exit: String },
    /// The checks before it jump to a label that cleans up.
    SkipsCleanUp { exit: String },
    /// Says that memory ran out where a value was bad.
    WrongError { exit: String },
    /// A value is cut to fit in a function that reports errors.
    QuietlyCut,
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Reason::Size { tokens, lines } => write!(f, "{tokens} tokens on {lines} lines"),
            Reason::OutsideFunction => write!(f, "a longer array outside of the function"),
            Reason::Parameter => write!(f, "another type of a parameter"),
            Reason::Retyped { name } => write!(f, "another type of `{name}`"),
            Reason::Resized { name } => write!(f, "another length of `{name}`"),
            Reason::Idiom { name } => write!(f, "`{name}` is made for this"),
            Reason::Discouraged { name } => write!(f, "`{name}` is discouraged"),
            Reason::Foreign { name } => write!(f, "`{name}` is not used in this file"),
            Reason::Unnamed { number } => write!(f, "`{number}` has a name, or can be computed"),
            Reason::Magic { number } => write!(f, "`{number}` is new to the function"),
            Reason::SpelledOut => write!(f, "a division of sizes in place of the macro"),
            Reason::ForeignExit { exit } => write!(f, "`{exit}` is not how this function leaves"),
            Reason::SkipsCleanUp { exit } => write!(f, "`{exit}` skips the clean-up"),
            Reason::WrongError { exit } => write!(f, "`{exit}` names another error"),
            Reason::QuietlyCut => write!(f, "cut quietly where errors are reported"),
        }
    }
}

impl Cost {
    pub fn total(&self) -> i32 {
        self.parts
            .iter()
            .fold(0, |sum, (points, _)| sum.saturating_add(*points))
    }

    /// Whether one that costs `other` is worth a proof of its own when this one is proven: where something is to be said
    /// against this one, any that costs clearly less; where it is only long, one of half its cost.
    pub fn is_worth_beating_with(&self, other: i32) -> bool {
        let faults = self
            .parts
            .iter()
            .any(|(points, why)| *points > 0 && !matches!(why, Reason::Size { .. }));
        let total = self.total();
        other.saturating_add(CLEARLY) <= total && (faults || other.saturating_mul(2) <= total)
    }

    fn add(&mut self, points: i32, reason: Reason) {
        self.parts.push((points, reason));
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.total())?;
        for (i, (points, reason)) in self.parts.iter().enumerate() {
            let before = if i == 0 { ": " } else { ", " };
            write!(f, "{before}{points:+} {reason}")?;
        }
        Ok(())
    }
}

/// What a candidate must cost less by, at least, to be looked at after another one is proven.
pub const CLEARLY: i32 = 3;

const OUTSIDE: i32 = 30;
const PARAMETER: i32 = 12;
const RETYPED: i32 = 6;
const RESIZED: i32 = 20;
const IDIOM: i32 = -6;
const DISCOURAGED: i32 = 10;
const FOREIGN: i32 = 10;
const UNNAMED: i32 = 12;
const MAGIC: i32 = 4;
const SPELLED_OUT: i32 = 6;
const QUIETLY_CUT: i32 = 14;

/// The text that candidates are compared with, read once.
#[derive(Clone, Debug)]
pub struct Preference {
    old: String,
    function: Option<FunctionText>,
    name: String,
    style: Style,
    /// Identifiers of the file.
    words: HashSet<String>,
    /// Values that a macro of the file names, or that the length of an array has.
    named: HashSet<u64>,
}

impl Preference {
    /// `old` is the file as it was, `function` the one under repair.
    pub fn new(old: &str, function: &str, style: Style) -> Preference {
        Preference {
            function: functions(old).into_iter().find(|f| f.name == function),
            name: function.to_string(),
            style,
            words: words_of(old),
            named: named_values(old),
            old: old.to_string(),
        }
    }

    /// What a new text of the file costs; `None` where the function is not in both.
    pub fn cost(&self, new: &str) -> Option<Cost> {
        let before = self.function.as_ref()?;
        let after = functions(new).into_iter().find(|f| f.name == self.name)?;
        let mut cost = Cost::default();
        let change = Change::new(&self.old, before, new, &after);
        let (tokens, lines) = (
            change.inserted.len().saturating_add(change.removed.len()),
            change.lines,
        );
        cost.add(
            points(tokens.saturating_add(lines)),
            Reason::Size { tokens, lines },
        );
        self.declarations(new, &after, &mut cost);
        self.vocabulary(&change, &mut cost);
        self.numbers(&change, &mut cost);
        exits::exits(&change, self.style, &mut cost);
        Some(cost)
    }

    /// Types and lengths that became others, in the function and outside of it.
    fn declarations(&self, new: &str, after: &FunctionText, cost: &mut Cost) {
        let Some(before) = &self.function else { return };
        let around = |text: &str, f: &FunctionText| {
            let parts = [text.get(..f.range.start), text.get(f.range.end..)];
            normalised(&parts.map(Option::unwrap_or_default).join("\n"))
        };
        if around(&self.old, before) != around(new, after) {
            cost.add(OUTSIDE, Reason::OutsideFunction);
        }
        let params = |text: &str, f: &FunctionText| normalised(text.get(f.params.clone()).unwrap_or(""));
        if params(&self.old, before) != params(new, after) {
            cost.add(PARAMETER, Reason::Parameter);
        }
        let (old_outline, new_outline) = (Outline::new(&self.old, before), Outline::new(new, after));
        for old in old_outline.nodes.iter().flat_map(|n| &n.declarators) {
            let Some((_, now)) = new_outline.declarator(&old.name) else {
                continue;
            };
            let words = |o: &Outline<'_>, range: &std::ops::Range<usize>| normalised(o.text(range.clone()));
            if words(&old_outline, &old.specifiers) != words(&new_outline, &now.specifiers) {
                cost.add(
                    RETYPED,
                    Reason::Retyped {
                        name: old.name.clone(),
                    },
                );
            }
            let bound = |o: &Outline<'_>, b: &Option<std::ops::Range<usize>>| b.as_ref().map(|b| words(o, b));
            if bound(&old_outline, &old.bound) != bound(&new_outline, &now.bound) {
                cost.add(
                    RESIZED,
                    Reason::Resized {
                        name: old.name.clone(),
                    },
                );
            }
        }
    }

    /// Functions and macros that the change calls.
    fn vocabulary(&self, change: &Change<'_>, cost: &mut Cost) {
        let mut seen = HashSet::new();
        let mut idiom = false;
        for at in &change.inserted {
            let (Some(token), next) = (change.tokens.get(*at), change.word(at.saturating_add(1))) else {
                continue;
            };
            let name = token.text(change.new);
            if token.kind != TokenKind::Ident || next != "(" || is_keyword(name) || !seen.insert(name) {
                continue;
            }
            let own = self.words.contains(name);
            match known(name, self.style) {
                Known::Idiom if !idiom => {
                    idiom = true;
                    cost.add(
                        IDIOM,
                        Reason::Idiom {
                            name: name.to_string(),
                        },
                    );
                }
                Known::Idiom | Known::Usual => {}
                Known::Discouraged => cost.add(
                    DISCOURAGED,
                    Reason::Discouraged {
                        name: name.to_string(),
                    },
                ),
                Known::No if own => {}
                Known::No => cost.add(
                    FOREIGN,
                    Reason::Foreign {
                        name: name.to_string(),
                    },
                ),
            }
        }
        let text = change.inserted_text();
        let has_macro = self.style == Style::Kernel || self.words.contains("ARRAY_SIZE");
        if has_macro && text.contains(" / sizeof") {
            cost.add(SPELLED_OUT, Reason::SpelledOut);
        }
    }

    /// Numbers that the change brings in.
    fn numbers(&self, change: &Change<'_>, cost: &mut Cost) {
        let known: HashSet<&str> = change.old_tokens.iter().map(|t| t.text(change.old)).collect();
        let mut seen = HashSet::new();
        for token in change.inserted.iter().filter_map(|at| change.tokens.get(*at)) {
            let number = token.text(change.new);
            if token.kind != TokenKind::Number || !seen.insert(number) {
                continue;
            }
            let Some(value) = value_of(number).filter(|v| *v > 1) else {
                continue;
            };
            let number = number.to_string();
            // `> N - 1` and `>= N` are one check.
            if [value, value.saturating_add(1)]
                .iter()
                .any(|v| self.named.contains(v))
            {
                cost.add(UNNAMED, Reason::Unnamed { number });
            } else if !known.contains(number.as_str()) {
                cost.add(MAGIC, Reason::Magic { number });
            }
        }
    }
}

fn points(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn words_of(text: &str) -> HashSet<String> {
    let mut words: HashSet<String> = identifiers(text).into_iter().map(str::to_string).collect();
    // A preprocessor line is one token: what it says counts too.
    for token in tokens(text).iter().filter(|t| t.kind == TokenKind::Directive) {
        let line = token.text(text).trim_start_matches('#');
        words.extend(identifiers(line).into_iter().map(str::to_string));
    }
    words
}

/// Values of `#define NAME 8` and lengths of `name[8]`.
fn named_values(text: &str) -> HashSet<u64> {
    let mut found = HashSet::new();
    let all = tokens(text);
    for token in &all {
        if token.kind != TokenKind::Directive {
            continue;
        }
        let line = token.text(text).trim_start_matches('#');
        let parts = tokens(line);
        let words: Vec<&str> = parts
            .iter()
            .map(|t| t.text(line))
            .filter(|w| !matches!(*w, "(" | ")"))
            .collect();
        if let ["define", _, value] = words.as_slice() {
            found.extend(value_of(value));
        }
    }
    for window in all.windows(4) {
        let [name, open, number, close] = window else {
            continue;
        };
        let brackets = open.text(text) == "[" && close.text(text) == "]";
        if brackets && name.kind == TokenKind::Ident && declares(text, &all, name) {
            found.extend(value_of(number.text(text)));
        }
    }
    found
}

/// Whether a name stands behind a type, not in an expression.
fn declares(text: &str, all: &[Token], name: &Token) -> bool {
    let at = all.partition_point(|t| t.start < name.start);
    let before = at.checked_sub(1).and_then(|i| all.get(i));
    before.is_some_and(|t| t.kind == TokenKind::Ident && t.text(text) != "return" || t.text(text) == "*")
}

/// The value of an integer constant (C11 6.4.4.1).
fn value_of(number: &str) -> Option<u64> {
    let digits = number.trim_end_matches(['u', 'U', 'l', 'L']);
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return u64::from_str_radix(hex, 16).ok();
    }
    match digits.strip_prefix('0') {
        Some(octal) if !octal.is_empty() => u64::from_str_radix(octal, 8).ok(),
        _ => digits.parse().ok(),
    }
}

/// One function in two versions, token by token.
struct Change<'t> {
    old: &'t str,
    new: &'t str,
    /// Of the old and the new function.
    old_tokens: Vec<Token>,
    tokens: Vec<Token>,
    after: &'t FunctionText,
    /// Positions in `tokens`.
    inserted: Vec<usize>,
    /// Positions in `old_tokens`.
    removed: Vec<usize>,
    /// Lines added and removed.
    lines: usize,
}

impl<'t> Change<'t> {
    fn new(old: &'t str, before: &'t FunctionText, new: &'t str, after: &'t FunctionText) -> Change<'t> {
        let cut = |text: &'t str, f: &FunctionText| -> Vec<Token> {
            let part = text.get(f.range.clone()).unwrap_or("");
            let shift = |t: Token| Token {
                start: t.start.saturating_add(f.range.start),
                end: t.end.saturating_add(f.range.start),
                ..t
            };
            tokens(part).into_iter().map(shift).collect()
        };
        let (old_tokens, tokens) = (cut(old, before), cut(new, after));
        let (a, b): (Vec<&str>, Vec<&str>) = (
            old_tokens.iter().map(|t| t.text(old)).collect(),
            tokens.iter().map(|t| t.text(new)).collect(),
        );
        let (mut inserted, mut removed) = (Vec::new(), Vec::new());
        for op in capture_diff_slices(Algorithm::Myers, &a, &b) {
            if op.tag() != DiffTag::Equal {
                inserted.extend(op.new_range());
                removed.extend(op.old_range());
            }
        }
        let rows = |text: &'t str, f: &FunctionText| -> Vec<&'t str> {
            text.get(f.range.clone())
                .unwrap_or("")
                .lines()
                .map(str::trim)
                .collect()
        };
        let (a, b) = (rows(old, before), rows(new, after));
        let lines = capture_diff_slices(Algorithm::Myers, &a, &b)
            .iter()
            .filter(|op| op.tag() != DiffTag::Equal)
            .map(|op| op.new_range().len().saturating_add(op.old_range().len()))
            .fold(0usize, usize::saturating_add);
        Change {
            old,
            new,
            old_tokens,
            tokens,
            after,
            inserted,
            removed,
            lines,
        }
    }

    /// Text of a token of the new function; empty behind its end.
    fn word(&self, at: usize) -> &'t str {
        self.tokens.get(at).map_or("", |t| t.text(self.new))
    }

    /// Whether anything in a range of the new text is new.
    fn adds_in(&self, range: &std::ops::Range<usize>) -> bool {
        let new = self.inserted.iter().filter_map(|at| self.tokens.get(*at));
        new.into_iter().any(|t| range.contains(&t.start))
    }

    fn is_inserted(&self, at: usize) -> bool {
        self.inserted.binary_search(&at).is_ok()
    }

    /// The tokens that are new, with a space before each.
    fn inserted_text(&self) -> String {
        let words = self.inserted.iter().map(|at| self.word(*at));
        words.fold(String::new(), |text, word| text + " " + word)
    }
}

#[cfg(test)]
mod tests;

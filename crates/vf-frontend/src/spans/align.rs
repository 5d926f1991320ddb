//! Aligns the tokens of one source line with the preprocessed tokens it became.
//!
//! What the user wrote outside macros comes out unchanged and in order; a macro invocation comes out as
//! anything. So the two token sequences are aligned by a longest common subsequence (Hunt and McIlroy 1976),
//! weighted so that tokens at equal bracket depth go together: expansions are nearly always balanced. An
//! identifier of the source without a partner is a macro name; it and its arguments are the invocation that
//! the unmatched tokens around it came from.

use vf_source::tables::HashMap;

use crate::lex::{Token, TokenKind, lex};

/// The tokens of a source file outside directives, with their lines.
#[derive(Debug)]
pub struct SourceTokens {
    pub tokens: Vec<Token>,
    /// 1-based line of each token's start.
    lines: Vec<u32>,
}

impl SourceTokens {
    pub fn new(text: &str) -> SourceTokens {
        let tokens: Vec<Token> = lex(text)
            .into_iter()
            .filter(|t| t.kind != TokenKind::Directive)
            .collect();
        let mut newlines = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i as u32)
            .peekable();
        let mut line = 1;
        let lines = tokens
            .iter()
            .map(|t| {
                while newlines.next_if(|n| *n < t.start).is_some() {
                    line += 1;
                }
                line
            })
            .collect();
        SourceTokens { tokens, lines }
    }

    /// Index of the first token on this line or after it.
    pub fn at_line(&self, line: u32) -> usize {
        self.lines.partition_point(|l| *l < line)
    }

    pub fn line(&self, token: usize) -> Option<u32> {
        self.lines.get(token).copied()
    }
}

/// Where a preprocessed token came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// This token of the source file.
    Token(usize),
    /// The macro invocation that these tokens (first and last) of the source file make up.
    Invocation(usize, usize),
    /// Nothing that could be found out.
    Unknown,
}

/// Most cells of the alignment's table; beyond it the line as a whole is the answer.
const MAX_CELLS: usize = 4_000_000;

/// Weights of a pair: at equal bracket depth; at another; and if the next two would pair as well.
const SAME_DEPTH: u32 = 4;
const OTHER_DEPTH: u32 = 1;
const FOLLOWED: u32 = 1;

/// Origins of preprocessed tokens, which came from source tokens `first..end`.
pub fn align(
    source: &SourceTokens,
    source_text: &str,
    (first, end): (usize, usize),
    output: &[Token],
    output_text: &str,
) -> Vec<Origin> {
    let written = source.tokens.get(first..end).unwrap_or(&[]);
    let mut words = HashMap::default();
    let mut number = |text: &str| -> u32 {
        let next = words.len() as u32;
        *words.entry(text.to_string()).or_insert(next)
    };
    let left: Vec<u32> = written.iter().map(|t| number(t.text(source_text))).collect();
    let right: Vec<u32> = output.iter().map(|t| number(t.text(output_text))).collect();
    let Some(partner) = pairs(
        &left,
        &depths(written, source_text),
        &right,
        &depths(output, output_text),
    ) else {
        let whole = match end.checked_sub(1) {
            Some(last) if last >= first => Origin::Invocation(first, last),
            _ => Origin::Unknown,
        };
        return vec![whole; output.len()];
    };
    let mut origins: Vec<Origin> = vec![Origin::Unknown; output.len()];
    for (i, p) in partner.iter().enumerate() {
        if let Some(origin) = p.and_then(|j| origins.get_mut(j)) {
            *origin = Origin::Token(first + i);
        }
    }
    let rest = source.tokens.get(first..).unwrap_or(&[]);
    mark_invocations(rest, written.len(), source_text, first, &partner, &mut origins);
    fill_gaps(source, first, end, &mut origins);
    origins
}

/// Bracket depth before each token, relative to the first.
fn depths(tokens: &[Token], text: &str) -> Vec<i32> {
    let mut depth = 0;
    tokens
        .iter()
        .map(|t| match t.text(text) {
            "(" | "[" | "{" => {
                depth += 1;
                depth - 1
            }
            ")" | "]" | "}" => {
                depth -= 1;
                depth
            }
            _ => depth,
        })
        .collect()
}

/// For each left token its partner on the right, by greatest total weight; `None` if the table gets too big.
fn pairs(left: &[u32], left_depth: &[i32], right: &[u32], right_depth: &[i32]) -> Option<Vec<Option<usize>>> {
    let equal = |i: usize, j: usize| matches!((left.get(i), right.get(j)), (Some(a), Some(b)) if a == b);
    let mut partner = vec![None; left.len()];
    // Equal ends need no table.
    let mut head = 0;
    while equal(head, head) {
        if let Some(p) = partner.get_mut(head) {
            *p = Some(head);
        }
        head += 1;
    }
    let (mut left_end, mut right_end) = (left.len(), right.len());
    while left_end > head && right_end > head && equal(left_end - 1, right_end - 1) {
        left_end -= 1;
        right_end -= 1;
        if let Some(p) = partner.get_mut(left_end) {
            *p = Some(right_end);
        }
    }
    let (rows, columns) = (left_end - head, right_end - head);
    if rows == 0 || columns == 0 {
        return Some(partner);
    }
    if (rows + 1).checked_mul(columns + 1)? > MAX_CELLS {
        return None;
    }
    let weight = |i: usize, j: usize| {
        let (i, j) = (head + i, head + j);
        if !equal(i, j) {
            return 0;
        }
        let depth = if left_depth.get(i) == right_depth.get(j) {
            SAME_DEPTH
        } else {
            OTHER_DEPTH
        };
        depth + if equal(i + 1, j + 1) { FOLLOWED } else { 0 }
    };
    // best[i][j]: greatest weight of left[i..] against right[j..].
    let width = columns + 1;
    let mut best = vec![0u32; (rows + 1) * width];
    for i in (0..rows).rev() {
        for j in (0..columns).rev() {
            let at = i * width + j;
            let skip = best[at + width].max(best[at + 1]);
            let w = weight(i, j);
            best[at] = if w > 0 {
                skip.max(w + best[at + width + 1])
            } else {
                skip
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < rows && j < columns {
        let at = i * width + j;
        let w = weight(i, j);
        if w > 0 && best[at] == w + best[at + width + 1] {
            if let Some(p) = partner.get_mut(head + i) {
                *p = Some(head + j);
            }
            i += 1;
            j += 1;
        } else if best[at] == best[at + 1] {
            j += 1;
        } else {
            i += 1;
        }
    }
    Some(partner)
}

/// Every identifier without a partner, with the argument list that follows it, is an invocation: what lies
/// between its neighbours' partners came from it.
///
/// `rest` is the source from the first token on: an argument list may end on a line after the `count` tokens
/// aligned here.
fn mark_invocations(
    rest: &[Token],
    count: usize,
    text: &str,
    first: usize,
    partner: &[Option<usize>],
    origins: &mut [Origin],
) {
    let is = |i: usize, what: &str| rest.get(i).is_some_and(|t| t.is(text, what));
    let mut i = 0;
    while let Some(token) = rest.get(i).filter(|_| i < count) {
        if token.kind != TokenKind::Word || partner.get(i).copied().flatten().is_some() {
            i += 1;
            continue;
        }
        let mut last = i;
        if is(i + 1, "(") {
            let close = closing(rest, text, i + 1);
            if !copied(partner, i + 1, close) {
                last = close;
            }
        }
        let before = partner
            .get(..i)
            .and_then(|p| p.iter().rev().find_map(|p| *p))
            .map_or(0, |j| j + 1);
        let after = partner
            .get(last + 1..)
            .and_then(|p| p.iter().find_map(|p| *p))
            .unwrap_or(origins.len());
        for origin in origins.get_mut(before..after).unwrap_or(&mut []) {
            *origin = Origin::Invocation(first + i, first + last);
        }
        i = last + 1;
    }
}

/// Tokens that an argument list has at most.
const MAX_ARGUMENTS: usize = 20_000;

/// Index of the bracket that closes the one at `open`; the last token looked at where none does.
fn closing(tokens: &[Token], text: &str, open: usize) -> usize {
    let mut depth = 0usize;
    let mut last = open;
    for (i, token) in tokens.iter().enumerate().skip(open).take(MAX_ARGUMENTS) {
        last = i;
        match token.text(text) {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return i;
        }
    }
    last
}

/// Whether these tokens all have partners, side by side: the name before them stands for another name only.
fn copied(partner: &[Option<usize>], first: usize, last: usize) -> bool {
    let Some(all) = partner.get(first..=last) else {
        return false;
    };
    let Some(start) = all.first().copied().flatten() else {
        return false;
    };
    all.iter().enumerate().all(|(k, p)| *p == Some(start + k))
}

/// A token of unknown origin came from what lies between its neighbours' origins, or from those. After a word
/// that another follows (`inline void`), it came from a macro that names itself.
fn fill_gaps(source: &SourceTokens, first: usize, end: usize, origins: &mut [Origin]) {
    let start_of = |o: &Origin| match o {
        Origin::Token(i) | Origin::Invocation(i, _) => Some(*i),
        Origin::Unknown => None,
    };
    let end_of = |o: &Origin| match o {
        Origin::Token(i) | Origin::Invocation(_, i) => Some(*i),
        Origin::Unknown => None,
    };
    let mut from = 0;
    while let Some(gap) = origins
        .get(from..)
        .and_then(|o| o.iter().position(|o| *o == Origin::Unknown))
    {
        let gap = from + gap;
        let length = origins
            .get(gap..)
            .map_or(0, |o| o.iter().take_while(|o| **o == Origin::Unknown).count())
            .max(1);
        let before = gap.checked_sub(1).and_then(|i| origins.get(i)).and_then(end_of);
        let after = origins.get(gap + length).and_then(start_of);
        let low = before.unwrap_or(first);
        let high = after.unwrap_or(end.saturating_sub(1)).max(low);
        let word = |i: usize| source.tokens.get(i).is_some_and(|t| t.kind == TokenKind::Word);
        let high = if high == low + 1 && before.is_some() && word(low) && word(high) {
            low
        } else {
            high
        };
        if high < end {
            for origin in origins.get_mut(gap..gap + length).unwrap_or(&mut []) {
                *origin = Origin::Invocation(low, high);
            }
        }
        from = gap + length;
    }
}

/// One source line, or the lines that one multi-line invocation spans, and what they became.
#[derive(Debug)]
pub struct Chunk {
    /// Index of the first preprocessed token.
    pub first: usize,
    pub origins: Vec<Origin>,
}

impl Chunk {
    pub fn origin(&self, token: usize) -> Origin {
        token
            .checked_sub(self.first)
            .and_then(|i| self.origins.get(i))
            .copied()
            .unwrap_or(Origin::Unknown)
    }
}

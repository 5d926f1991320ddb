//! Ways out that a change adds, beside those that the function takes already.

use super::{Change, Cost, Reason};
use crate::ctext::lex::normalised;
use crate::ctext::outline::{NodeId, NodeKind, Outline};
use crate::proposer::Style;

const FOREIGN_EXIT: i32 = 8;
const OTHER_VALUE: i32 = 2;
const SKIPS_CLEAN_UP: i32 = 8;
const WRONG_ERROR: i32 = 8;
/// Out of a loop and on, where the function reports errors.
const GOES_ON: i32 = 4;

/// How a statement leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Goto,
    /// `return -EINVAL;`
    Errno,
    /// `return ERR_PTR(-EINVAL);`
    ErrorPointer,
    /// `return -1;`
    Negative,
    Null,
    Truth,
    Zero,
    Plain,
    /// `break;`, `continue;`
    Loop,
    Value,
}

fn kind(statement: &str) -> Kind {
    let value = match statement.strip_prefix("return ") {
        Some(value) => value.trim_end_matches(';').trim(),
        None if statement.starts_with("goto ") => return Kind::Goto,
        None => {
            return if statement.starts_with("return") {
                Kind::Plain
            } else {
                Kind::Loop
            };
        }
    };
    match value {
        "" => Kind::Plain,
        "NULL" => Kind::Null,
        "true" | "false" => Kind::Truth,
        "0" => Kind::Zero,
        _ if value.starts_with("- E") => Kind::Errno,
        _ if value.starts_with("ERR_PTR ( - E") => Kind::ErrorPointer,
        _ if value.starts_with("- ") => Kind::Negative,
        _ => Kind::Value,
    }
}

/// Whether it tells the caller that something is wrong. `return 0;` may, in a function that has no other way.
fn reports(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Goto | Kind::Errno | Kind::ErrorPointer | Kind::Negative | Kind::Null
    )
}

pub(super) fn exits(change: &Change<'_>, style: Style, cost: &mut Cost) {
    let outline = Outline::new(change.new, change.after);
    let is_new = |id: NodeId| {
        let start = outline.nodes.get(id).map_or(0, |n| n.range.start);
        let at = change.tokens.partition_point(|t| t.start < start);
        change.is_inserted(at)
    };
    let text = |id: NodeId| {
        outline
            .nodes
            .get(id)
            .map_or_else(String::new, |n| normalised(outline.text(n.range.clone())))
    };
    let conditional = |id: NodeId| {
        let above = outline.ancestors(id);
        above
            .iter()
            .any(|a| outline.nodes.get(*a).is_some_and(|n| n.kind == NodeKind::If))
    };
    let leaves = |id: NodeId| {
        let kind = outline.nodes.get(id).map(|n| n.kind);
        matches!(
            kind,
            Some(NodeKind::Return | NodeKind::Goto | NodeKind::Break | NodeKind::Continue)
        )
    };
    // In the order of the text: ways out of the function's own checks, nearest last.
    let mut own: Vec<(usize, Kind, String)> = Vec::new();
    let mut added: Vec<(usize, NodeId, Kind, String)> = Vec::new();
    for (id, node) in outline.nodes.iter().enumerate() {
        if !leaves(id) {
            continue;
        }
        let statement = text(id);
        let kind = kind(&statement);
        if is_new(id) {
            added.push((node.range.start, id, kind, statement));
        } else if conditional(id) && !matches!(kind, Kind::Loop | Kind::Value) {
            own.push((node.range.start, kind, statement));
        }
    }
    let errors = own.iter().any(|(_, kind, _)| reports(*kind));
    for (at, id, kind, statement) in added {
        let exit = outline
            .nodes
            .get(id)
            .map_or("", |n| outline.text(n.range.clone()))
            .to_string();
        let before = own.iter().rfind(|(start, ..)| *start < at);
        let cleans_up = before.is_some_and(|(_, kind, _)| *kind == Kind::Goto);
        let tests_call = || {
            let check = outline
                .ancestors(id)
                .into_iter()
                .find(|a| outline.nodes.get(*a).is_some_and(|n| n.kind == NodeKind::If));
            let head = check
                .and_then(|a| outline.nodes.get(a))
                .and_then(|n| outline.parse(&n.head));
            head.is_some_and(|c| !c.is_pure())
        };
        if kind == Kind::Loop {
            if errors {
                cost.add(GOES_ON, Reason::ForeignExit { exit });
            }
            continue;
        }
        if ["ENOMEM", "EFAULT"].iter().any(|e| exit.contains(e)) && !tests_call() {
            cost.add(WRONG_ERROR, Reason::WrongError { exit: exit.clone() });
        }
        if cleans_up && kind != Kind::Goto {
            cost.add(SKIPS_CLEAN_UP, Reason::SkipsCleanUp { exit });
        } else if own.iter().any(|(.., other)| *other == statement) {
            // As the function does it elsewhere.
        } else if own.iter().any(|(_, k, _)| *k == kind) {
            // Another error code is another error, another label or number something that has to be read.
            if kind != Kind::Errno {
                cost.add(OTHER_VALUE, Reason::ForeignExit { exit });
            }
        } else if !own.is_empty() || !usual(kind, style, &outline) {
            cost.add(FOREIGN_EXIT, Reason::ForeignExit { exit });
        }
    }
    for (id, node) in outline.nodes.iter().enumerate() {
        // `if (copy_from_user(...) || !rate) return -EFAULT;`: the check of a call is made to speak of a value.
        let widened = node.kind == NodeKind::If && !is_new(id) && change.adds_in(&node.head);
        let calls = || outline.parse(&node.head).is_some_and(|c| !c.is_pure());
        if widened && calls() {
            let exit = outline
                .text(node.range.clone())
                .trim_start_matches("if ")
                .to_string();
            cost.add(WRONG_ERROR, Reason::WrongError { exit });
        }
    }
    if errors && is_cut(change, &outline) {
        cost.add(super::QUIETLY_CUT, Reason::QuietlyCut);
    }
}

/// Whether the change makes a value fit, or a loop end early, and says nothing about it.
fn is_cut(change: &Change<'_>, outline: &Outline<'_>) -> bool {
    let added = |at: usize| {
        let token = change.tokens.partition_point(|t| t.start < at);
        change.is_inserted(token)
    };
    let kind = |id: NodeId| outline.nodes.get(id).map(|n| n.kind);
    let helper = change.inserted.iter().any(|at| {
        let called = change.word(at.saturating_add(1)) == "(";
        called
            && matches!(
                change.word(*at),
                "min" | "min_t" | "min3" | "clamp" | "clamp_t" | "clamp_val" | "MIN"
            )
    });
    helper
        || outline.nodes.iter().any(|node| match node.kind {
            // `if (n > 8) n = 8;`
            NodeKind::Expression => {
                let above = node
                    .parent
                    .filter(|p| kind(*p) == Some(NodeKind::Block))
                    .map_or(node.parent, |block| {
                        outline.nodes.get(block).and_then(|b| b.parent)
                    });
                let text = normalised(outline.text(node.range.clone()));
                let guarded = above.is_some_and(|a| {
                    kind(a) == Some(NodeKind::If)
                        && outline.nodes.get(a).is_some_and(|n| added(n.range.start))
                });
                // A bounded copy whose result nobody looks at.
                let bounded = ["strscpy (", "strlcpy (", "snprintf (", "scnprintf ("]
                    .iter()
                    .any(|f| text.starts_with(f));
                added(node.range.start) && (bounded || guarded && text.contains(" = "))
            }
            NodeKind::For | NodeKind::While | NodeKind::DoWhile => {
                change.adds_in(&node.head) && change.inserted_text().contains("&&")
            }
            _ => false,
        })
}

/// What a function of this type returns on an error, where it has no check of its own.
fn usual(kind: Kind, style: Style, outline: &Outline<'_>) -> bool {
    let function = &outline.function;
    let header = outline.text(function.range.start..function.params.start);
    let before_name = header
        .rfind(&function.name)
        .and_then(|at| header.get(..at))
        .unwrap_or(header);
    let words = normalised(before_name);
    let has = |word: &str| words.split(' ').any(|w| w == word);
    if has("*") {
        return matches!(kind, Kind::Null | Kind::ErrorPointer);
    }
    if has("void") {
        return kind == Kind::Plain;
    }
    if has("bool") || has("_Bool") {
        return kind == Kind::Truth;
    }
    let unsigned = ["unsigned", "size_t", "u8", "u16", "u32", "u64"]
        .iter()
        .any(|w| has(w));
    match kind {
        Kind::Zero => unsigned,
        Kind::Errno => !unsigned && style == Style::Kernel,
        Kind::Negative => !unsigned && style == Style::User,
        _ => false,
    }
}

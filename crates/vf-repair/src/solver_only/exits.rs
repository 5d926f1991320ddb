//! How a function leaves when something is wrong, in its own style.

use super::site::Site;
use crate::ctext::lex::{mentions, normalised};
use crate::ctext::outline::{NodeId, NodeKind};

/// A way out, as statements (`return -EINVAL;`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exit {
    pub lines: Vec<String>,
    /// Lower is better.
    pub rank: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Returns {
    Nothing,
    Pointer,
    Truth,
    Unsigned,
    Signed,
}

/// Ways out of the function at a statement, best first: those that its own checks before this place use, then
/// the usual one for its return type, then out of the loop.
pub fn exits(site: &Site<'_>, at: NodeId) -> Vec<Exit> {
    let mut found: Vec<Exit> = Vec::new();
    let mut add = |lines: Vec<String>, rank: u32| {
        if !lines.is_empty() && !found.iter().any(|e| e.lines == lines) {
            found.push(Exit { lines, rank });
        }
    };
    let returns = return_type(site);
    let start = site.outline.nodes.get(at).map_or(0, |n| n.range.start);
    let used = own_exits(site, start);
    let preferred = preferred_return(site, returns);
    let uses_preferred = used.iter().any(|(e, _)| *e == preferred);
    for (i, (lines, other_fault)) in used.into_iter().enumerate() {
        // The nearest check before the place is the best model of what to do here; a plain error return
        // that fits the fault (`-EINVAL`) goes before others.
        let rank = if lines == preferred {
            0
        } else {
            1 + i as u32 + u32::from(uses_preferred) + if other_fault { 4 } else { 0 }
        };
        add(lines, rank);
    }
    add(preferred, 2);
    if let Some(inner) = site
        .outline
        .ancestors(at)
        .into_iter()
        .skip(1)
        .find(|id| site.outline.is_loop(*id))
    {
        let rank = if site.outline.nodes[inner].kind == NodeKind::MacroLoop {
            3
        } else {
            4
        };
        add(vec!["break;".into()], rank);
        add(vec!["continue;".into()], rank + 1);
    }
    found.sort_by_key(|e| e.rank);
    found
}

/// Bodies of the function's own checks before a place, nearest first, that need no variable of their own. The
/// flag says that the check is of a call that failed: its error is about something else than a bad value.
fn own_exits(site: &Site<'_>, before: usize) -> Vec<(Vec<String>, bool)> {
    let mut found = Vec::new();
    for node in site.outline.nodes.iter().rev() {
        if node.kind != NodeKind::If || node.children.len() != 1 || node.range.start >= before {
            continue;
        }
        let body = &site.outline.nodes[node.children[0]];
        let statements: Vec<&str> = match body.kind {
            NodeKind::Return | NodeKind::Goto => vec![site.outline.text(body.range.clone())],
            NodeKind::Block if site.leaves(node.children[0]) && body.children.len() <= 2 => body
                .children
                .iter()
                .map(|c| site.outline.text(site.outline.nodes[*c].range.clone()))
                .collect(),
            _ => continue,
        };
        let last = normalised(statements.last().copied().unwrap_or(""));
        let error = is_error_exit(&last);
        if error && !found.iter().any(|(f, _): &(Vec<String>, bool)| *f == statements) {
            let failed_call = site.outline.parse(&node.head).is_some_and(|c| !c.is_pure());
            let resources = ["ENOMEM", "EFAULT"].iter().any(|e| last.contains(e));
            let statements = statements.into_iter().map(str::to_string).collect();
            found.push((statements, failed_call || resources));
        }
    }
    found
}

/// `return -EINVAL ;`, `return NULL ;`, `goto out ;`: leaves with nothing that had to be computed.
fn is_error_exit(statement: &str) -> bool {
    if statement.starts_with("goto ") || statement == "return ;" {
        return true;
    }
    let Some(value) = statement.strip_prefix("return ") else {
        return false;
    };
    let value = value.trim_end_matches(';').trim();
    !value
        .split(' ')
        .any(|w| w.bytes().any(|b| b.is_ascii_lowercase()) && !matches!(w, "false" | "true" | "sizeof"))
}

fn preferred_return(site: &Site<'_>, returns: Returns) -> Vec<String> {
    let errno = site.kernel() || mentions(site.source, "EINVAL");
    let text = match returns {
        Returns::Nothing => "return;",
        Returns::Pointer if mentions(site.source, "ERR_PTR") => "return ERR_PTR(-EINVAL);",
        Returns::Pointer => "return NULL;",
        Returns::Truth => "return false;",
        Returns::Unsigned => "return 0;",
        Returns::Signed if errno => "return -EINVAL;",
        Returns::Signed => "return -1;",
    };
    vec![text.to_string()]
}

fn return_type(site: &Site<'_>) -> Returns {
    let function = &site.outline.function;
    let header = site
        .source
        .get(function.range.start..function.params.start)
        .unwrap_or("");
    let before_name = header
        .rfind(&function.name)
        .and_then(|at| header.get(..at))
        .unwrap_or(header);
    if before_name.contains('*') {
        return Returns::Pointer;
    }
    let has = |word: &str| mentions(before_name, word);
    if has("void") {
        Returns::Nothing
    } else if has("bool") || has("_Bool") {
        Returns::Truth
    } else {
        match super::types::basic(before_name) {
            vf_ir::CType::Int { signed: false, .. } => Returns::Unsigned,
            _ => Returns::Signed,
        }
    }
}

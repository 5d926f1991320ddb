//! Templates that test before the operation: new guards, wider guards, loop conditions, clamps.

use vf_ir::{CType, Property};

use super::Draft;
use super::conditions::{access_arguments, bad_conditions, subscript};
use super::exits::exits;
use super::site::{Site, insert, replace};
use crate::ctext::expr::{Expr, ExprKind, parse_text};
use crate::ctext::lex::{mentions, normalised, variables};
use crate::ctext::outline::{NodeId, NodeKind};

/// Conditions looked at for each failed obligation, and exits for each.
const CONDITIONS: usize = 6;
const EXITS: usize = 2;

pub fn guards(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    for bad in bad_conditions(site).into_iter().take(CONDITIONS) {
        widen_guards(site, &bad.text, bad.rank, drafts);
        new_guard(site, site.node, &bad.text, 26 + bad.rank, "guard", drafts);
        loop_condition(site, &bad.text, 40 + bad.rank, drafts);
    }
    before_loops(site, drafts);
    clamps(site, drafts);
}

/// `if (bad) exit;` in front of a statement.
pub fn new_guard(
    site: &Site<'_>,
    node: NodeId,
    bad: &str,
    rank: u32,
    origin: &'static str,
    drafts: &mut Vec<Draft>,
) {
    let node = site.statement(node);
    let whole = bad;
    let mut bad = bad.to_string();
    for (_, head) in site.guards() {
        let rest = not_tested(site.source.get(head).unwrap_or(""), &bad);
        if !rest.is_empty() {
            bad = rest;
        }
    }
    if bad != whole {
        // Unless the values changed since the check.
        place_guard(site, node, whole, rank + 5, origin, drafts);
    }
    place_guard(site, node, &bad, rank, origin, drafts);
}

fn place_guard(
    site: &Site<'_>,
    node: NodeId,
    bad: &str,
    rank: u32,
    origin: &'static str,
    drafts: &mut Vec<Draft>,
) {
    for exit in exits(site, node).into_iter().take(EXITS) {
        let step = site.step();
        let mut lines = Vec::new();
        if let [only] = exit.lines.as_slice() {
            lines.push(format!("if ({bad})"));
            lines.push(format!("{step}{only}"));
        } else {
            lines.push(format!("if ({bad}) {{"));
            lines.extend(exit.lines.iter().map(|l| format!("{step}{l}")));
            lines.push("}".into());
        }
        drafts.push(Draft {
            rank: rank + 3 * exit.rank,
            edits: site.before(node, &lines),
            origin,
            note: format!(
                "leave with `{}` when {bad}",
                exit.lines.last().map_or("", |l| l.trim_end_matches(';'))
            ),
        });
    }
}

/// `if (old) exit;` becomes `if (old || bad) exit;` for guards in front of the operation that speak of the
/// same variables. A missing lower bound goes to the front.
fn widen_guards(site: &Site<'_>, bad: &str, rank: u32, drafts: &mut Vec<Draft>) {
    let used = variables(bad);
    for (i, (_, head)) in site.guards().into_iter().enumerate() {
        let old = site.source.get(head.clone()).unwrap_or("");
        let shared = used.iter().filter(|v| mentions(old, v)).count();
        if shared == 0 || old.contains(bad) {
            continue;
        }
        let Some(parsed) = parse_text(old) else { continue };
        let bad = not_tested(old, bad);
        if bad.is_empty() {
            continue;
        }
        let keep = |text: &str| match &parse_text(text).map(|e| e.kind) {
            Some(ExprKind::Binary { op, .. }) if op == "&&" => format!("({text})"),
            Some(ExprKind::Ternary { .. } | ExprKind::Assign { .. }) => format!("({text})"),
            _ => text.to_string(),
        };
        let (old_text, bad_text) = (keep(old), keep(&bad));
        let lower = bad.ends_with("< 0") && parsed.is_pure();
        let new = if lower {
            format!("{bad_text} || {old_text}")
        } else {
            format!("{old_text} || {bad_text}")
        };
        drafts.push(Draft {
            rank: 18
                + rank
                + i as u32
                + if shared < used.len() { 6 } else { 0 }
                + if parsed.is_pure() { 0 } else { 14 },
            edits: vec![replace(&head, new)],
            origin: "wider-guard",
            note: format!("the check before also refuses {bad}"),
        });
    }
}

/// The alternatives of a condition that a check in front of it does not make already: `a > N` is no news where
/// `a >= N` was refused.
fn not_tested(old: &str, bad: &str) -> String {
    let old = normalised(old);
    let parts: Vec<&str> = bad
        .split(" || ")
        .filter(|p| {
            let part = normalised(p);
            !old.contains(&part) && !old.contains(&part.replace(" > ", " >= "))
        })
        .collect();
    parts.join(" || ")
}

/// The enclosing loop goes on only while the operation is safe.
fn loop_condition(site: &Site<'_>, bad: &str, rank: u32, drafts: &mut Vec<Draft>) {
    let Some(inner) = site.loops().into_iter().next() else {
        return;
    };
    let Some(good) = negated(bad) else { return };
    if let Some(head) = site.outline.condition(inner) {
        let old = site.source.get(head.clone()).unwrap_or("");
        let old_text = match parse_text(old).map(|e| e.kind) {
            Some(ExprKind::Binary { op, .. }) if op == "||" => format!("({old})"),
            Some(ExprKind::Assign { .. } | ExprKind::Ternary { .. }) => format!("({old})"),
            _ => old.to_string(),
        };
        drafts.push(Draft {
            rank,
            // A condition that holds the operation itself is asked only when it is safe to.
            edits: vec![
                if head.start <= site.op.range.start && site.op.range.end <= head.end {
                    replace(&head, format!("{good} && {old_text}"))
                } else {
                    replace(&head, format!("{old_text} && {good}"))
                },
            ],
            origin: "loop-condition",
            note: format!("the loop goes on only while {good}"),
        });
    }
}

/// The opposite of a condition, without a `!` where an operator will do.
fn negated(bad: &str) -> Option<String> {
    let expr = parse_text(bad)?;
    let ExprKind::Binary { op, lhs, rhs } = &expr.kind else {
        return Some(format!("!({bad})"));
    };
    let opposite = match op.as_str() {
        ">=" => "<",
        ">" => "<=",
        "<" => ">=",
        "<=" => ">",
        "==" => "!=",
        "!=" => "==",
        "||" => {
            return Some(format!(
                "{} && {}",
                negated(lhs.text(bad))?,
                negated(rhs.text(bad))?
            ));
        }
        _ => return Some(format!("!({bad})")),
    };
    Some(format!("{} {opposite} {}", lhs.text(bad), rhs.text(bad)))
}

/// A loop counts up to a bound, and the counter is (part of) an index: test the bound before the loop.
fn before_loops(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let Some((base, index)) = subscript(&site.op) else {
        return;
    };
    let index_text = site.text(index);
    for at in site.loops() {
        let Some(condition) = site.outline.condition(at).and_then(|r| site.outline.parse(&r)) else {
            continue;
        };
        for (counter, bound, inclusive) in counted(site, &condition) {
            if !mentions(index_text, &counter) || !bound.is_pure() {
                continue;
            }
            let b = site.side(&bound);
            // More iterations than elements. `i <= n` runs once more than `i < n`.
            let op = if inclusive { ">=" } else { ">" };
            let rest = without(site, index, &counter);
            let mut limits = site.limits(base);
            if limits.is_empty() {
                limits = super::conditions::companions(site, &bound);
            }
            for (i, limit) in limits.iter().take(2).enumerate() {
                let tight = if limit.contains(' ') {
                    format!("({limit})")
                } else {
                    limit.clone()
                };
                let bad = match &rest {
                    None => format!("{b} {op} {limit}"),
                    Some(first) => format!("{first} > {tight} || {b} {op} {tight} - {first}"),
                };
                let rank = 22 + 2 * i as u32;
                widen_guards(site, &bad, rank - 16, drafts);
                new_guard(site, at, &bad, rank, "guard-before-loop", drafts);
                if rest.is_none() {
                    clamp(site, at, &bound, limit, rank + 1, drafts);
                }
            }
        }
    }
}

/// `counter < bound` or `counter <= bound` among the conjuncts of a loop condition.
pub fn counted(site: &Site<'_>, condition: &Expr) -> Vec<(String, Expr, bool)> {
    let mut found = Vec::new();
    for part in condition.walk() {
        let ExprKind::Binary { op, lhs, rhs } = &part.kind else {
            continue;
        };
        let (low, high, inclusive) = match op.as_str() {
            "<" | "!=" => (lhs, rhs, false),
            "<=" => (lhs, rhs, true),
            ">" => (rhs, lhs, false),
            ">=" => (rhs, lhs, true),
            _ => continue,
        };
        if low.bare().kind == ExprKind::Ident {
            found.push((site.text(low.bare()).to_string(), (**high).clone(), inclusive));
        }
    }
    found
}

/// What is left of a sum without the counter: `first` of `first + i`; `None` when nothing is.
fn without(site: &Site<'_>, index: &Expr, counter: &str) -> Option<String> {
    match &index.unparenthesised().kind {
        ExprKind::Binary { op, lhs, rhs } if op == "+" => {
            let (l, r) = (site.text(lhs.bare()), site.text(rhs.bare()));
            if l == counter {
                Some(site.operand(rhs))
            } else if r == counter {
                Some(site.operand(lhs))
            } else {
                None
            }
        }
        _ => None,
    }
}

/// The length of a copy, or the bound of a loop, cut down to what fits.
fn clamps(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if !matches!(site.property, Property::ValidRead | Property::ValidWrite) {
        return;
    }
    for call in site.op.walk() {
        for (pointer, length) in access_arguments(site, call) {
            let target = site.target(pointer);
            let Some(size) = site.size_of(&target.base) else {
                continue;
            };
            let limit = match &target.offset {
                None => size.clone(),
                Some(offset) => format!("{size} - {offset}"),
            };
            clamp(site, site.node, length, &limit, 34, drafts);
            if matches!(length.bare().kind, ExprKind::Number | ExprKind::Sizeof { .. })
                || is_constant(site, length)
            {
                drafts.push(Draft {
                    rank: 12,
                    edits: vec![replace(&length.range, limit.clone())],
                    origin: "copy-size",
                    note: format!("copies {limit} bytes"),
                });
            }
            if length.is_pure() {
                let text = site.text(length);
                let inline = if site.may_use("min_t") {
                    format!("min_t(size_t, {text}, {limit})")
                } else {
                    format!("{0} < {limit} ? {0} : {limit}", site.side(length))
                };
                drafts.push(Draft {
                    rank: 36,
                    edits: vec![replace(&length.range, inline)],
                    origin: "clamp",
                    note: format!("copies at most {limit} bytes"),
                });
            }
        }
    }
}

fn is_constant(site: &Site<'_>, expr: &Expr) -> bool {
    let text = site.text(expr);
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b == b'_' || b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// `x = min(x, limit);` in front of a statement, for a variable that the function may change.
fn clamp(site: &Site<'_>, node: NodeId, value: &Expr, limit: &str, rank: u32, drafts: &mut Vec<Draft>) {
    let bare = value.bare();
    if bare.kind != ExprKind::Ident {
        return;
    }
    let name = site.text(bare);
    let ty = site.types.specifiers(name);
    let lines = match ty.as_deref() {
        Some(ty) if site.may_use("min_t") && matches!(site.types.of(bare), Some(CType::Int { .. })) => {
            vec![format!("{name} = min_t({ty}, {name}, {limit});")]
        }
        _ => vec![
            format!("if ({name} > {limit})"),
            format!("{}{name} = {limit};", site.step()),
        ],
    };
    drafts.push(Draft {
        rank,
        edits: site.before(node, &lines),
        origin: "clamp",
        note: format!("`{name}` is cut down to {limit}"),
    });
}

/// A null or zero test behind the statement that defines the value, instead of before its use.
pub fn after_definition(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if site.property != Property::NotNull {
        return;
    }
    for bad in bad_conditions(site).into_iter().take(2) {
        let name = bad.text.trim_start_matches('!');
        let Some((node, rhs)) = site
            .definitions(name)
            .into_iter()
            .rev()
            .find(|(_, rhs)| rhs.range.end <= site.op.range.start)
        else {
            continue;
        };
        let allocates = rhs
            .bare()
            .called(site.source)
            .is_some_and(|f| super::sizes::size_arguments(f).is_some());
        let mut ways = exits(site, site.statement(site.node));
        if allocates && site.kernel() && ways.iter().any(|e| e.lines == ["return -EINVAL;"]) {
            ways.insert(
                0,
                super::exits::Exit {
                    lines: vec!["return -ENOMEM;".into()],
                    rank: 0,
                },
            );
        }
        for exit in ways.into_iter().take(EXITS) {
            let step = site.step();
            let mut lines = vec![format!("if ({})", bad.text)];
            if exit.lines.len() == 1 {
                lines.extend(exit.lines.iter().map(|l| format!("{step}{l}")));
            } else {
                continue;
            }
            // A declaration with others behind it: the test comes before the first statement.
            let edits = match site.outline.nodes[node].kind {
                NodeKind::Declaration => last_declaration(site, node).and_then(|n| site.after(n, &lines)),
                _ => site.after(node, &lines),
            };
            drafts.extend(edits.map(|edits| Draft {
                rank: 20 + exit.rank,
                edits,
                origin: "null-check",
                note: format!("leaves when {}", bad.text),
            }));
        }
    }
}

/// The last of the declarations that stand together with this one.
fn last_declaration(site: &Site<'_>, node: NodeId) -> Option<NodeId> {
    let parent = site.outline.nodes[node].parent?;
    let siblings = &site.outline.nodes[parent].children;
    let at = siblings.iter().position(|c| *c == node)?;
    let rest = siblings.iter().skip(at);
    rest.take_while(|c| site.outline.nodes[**c].kind == NodeKind::Declaration)
        .last()
        .copied()
}

/// An `int i` that is only ever an index becomes unsigned; an uninitialised variable gets a value; a pointer
/// that was freed becomes null.
pub fn declarations(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    match site.property {
        Property::Initialized => {
            for name in site.variables(&site.op) {
                let Some((_, d)) = site.outline.declarator(&name) else {
                    continue;
                };
                if d.init.is_some() {
                    continue;
                }
                let spec = site.outline.text(d.specifiers.clone());
                let aggregate = d.bound.is_some() || spec.starts_with("struct") || spec.starts_with("union");
                let value = match (aggregate && d.pointers == 0 || d.bound.is_some(), d.pointers) {
                    (true, _) => " = { 0 }",
                    (false, 0) => " = 0",
                    _ => " = NULL",
                };
                drafts.push(Draft {
                    rank: 15,
                    edits: vec![insert(d.range.end, value.into())],
                    origin: "initialise",
                    note: format!("`{name}` starts with a value"),
                });
            }
        }
        Property::Lifetime => {
            for (id, node) in site.outline.nodes.iter().enumerate() {
                let text = site.outline.text(node.head.clone());
                let freed = node.kind == NodeKind::Expression
                    && (text.starts_with("free(") || text.starts_with("kfree("));
                if !freed || node.range.start >= site.op.range.start {
                    continue;
                }
                let name = text
                    .split_once('(')
                    .map_or("", |(_, rest)| rest.trim_end_matches(')'));
                if let Some(edits) = site.after(id, &[format!("{name} = NULL;")]) {
                    let note = format!("`{name}` is null once it was freed");
                    drafts.push(Draft {
                        rank: 30,
                        edits,
                        origin: "null-after-free",
                        note,
                    });
                }
            }
        }
        _ => {}
    }
}

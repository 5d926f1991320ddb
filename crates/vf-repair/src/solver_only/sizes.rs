//! Templates that correct the size of an object: allocations and arrays.

use vf_ir::{CType, Property};

use super::Draft;
use super::site::{Site, insert, replace};
use super::types::number;
use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::lex::{TokenKind, tokens};
use crate::ctext::outline::NodeId;

/// Arguments of an allocation function that multiply to its size.
pub fn size_arguments(name: &str) -> Option<&'static [usize]> {
    Some(match name {
        "malloc" | "kmalloc" | "kzalloc" | "kvmalloc" | "kvzalloc" | "vmalloc" | "vzalloc" | "alloca"
        | "valloc" => &[0],
        "devm_kmalloc" | "devm_kzalloc" | "realloc" | "krealloc" => &[1],
        "calloc" | "kmalloc_array" | "kcalloc" | "kvmalloc_array" | "kvcalloc" => &[0, 1],
        "reallocarray" | "krealloc_array" => &[1, 2],
        _ => return None,
    })
}

/// Calls that allocate what an operation's object is, found by the name of its pointer.
fn allocations(site: &Site<'_>) -> Vec<(NodeId, String, Expr)> {
    let mut names: Vec<String> = Vec::new();
    for expr in site.op.walk() {
        if expr.kind == ExprKind::Ident || matches!(expr.kind, ExprKind::Member { .. }) {
            let name = site.text(expr).to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    let mut found: Vec<(NodeId, String, Expr)> = Vec::new();
    let mut add = |names: &[String]| {
        let mut more = Vec::new();
        for name in names {
            for (node, rhs) in site.definitions(name) {
                let call = rhs
                    .walk()
                    .into_iter()
                    .find(|e| e.called(site.source).and_then(size_arguments).is_some());
                match call {
                    Some(call) if !found.iter().any(|(_, _, c)| c.range == call.range) => {
                        found.push((node, name.clone(), call.clone()));
                    }
                    // `p = buf + n`: the object is that of `buf`.
                    _ => more.extend(site.variables(&rhs)),
                }
            }
        }
        more
    };
    let more = add(&names);
    add(&more);
    found
}

pub fn allocation_sizes(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if matches!(
        site.property,
        Property::NotNull | Property::DivisorNonzero | Property::ShiftInRange
    ) {
        return;
    }
    for (_, pointer, call) in allocations(site) {
        let ExprKind::Call { args, .. } = &call.kind else {
            continue;
        };
        let numbers = call.called(site.source).and_then(size_arguments).unwrap_or(&[]);
        if site.property == Property::Initialized {
            zeroed(site, &call, drafts);
            continue;
        }
        for arg in numbers.iter().filter_map(|n| args.get(*n)) {
            one_size(site, &pointer, arg, numbers.len() == 1, drafts);
        }
    }
}

fn one_size(site: &Site<'_>, pointer: &str, arg: &Expr, alone: bool, drafts: &mut Vec<Draft>) {
    let mut push = |rank: u32, edits, note: String| {
        drafts.push(Draft {
            rank,
            edits,
            origin: "allocation-size",
            note,
        });
    };
    for part in arg.walk() {
        if let ExprKind::Sizeof { operand } = &part.kind {
            let inside = site.source.get(operand.clone()).unwrap_or("").trim();
            let better = format!("*{pointer}");
            if inside != better {
                let rank = if inside == pointer { 8 } else { 32 };
                push(
                    rank,
                    vec![replace(operand, better)],
                    format!("the size is that of what `{pointer}` points to"),
                );
            }
        }
        if part.called(site.source) == Some("strlen") {
            push(
                9,
                vec![replace(&part.range, format!("{} + 1", site.text(part)))],
                "room for the terminator".into(),
            );
        }
    }
    if !alone {
        return;
    }
    // The smallest constant that will do is tried first.
    let (last, constant) = match &arg.unparenthesised().kind {
        ExprKind::Binary { op, rhs, .. } if op == "+" => (&**rhs, number(site.text(rhs))),
        _ => (arg, None),
    };
    let text = site.text(arg);
    let sum = match &arg.kind {
        ExprKind::Binary { op, .. } if matches!(op.as_str(), "+" | "-" | "*" | "/" | "%") => text.to_string(),
        _ => site.operand(arg),
    };
    for (i, more) in [1u64, 2, 4, 8, 16].into_iter().enumerate() {
        let rank = 28 + 4 * i as u32;
        let note = format!("room for {more} more");
        match constant.and_then(|c| c.checked_add(more)) {
            Some(total) => push(rank, vec![replace(&last.range, total.to_string())], note),
            None => push(rank, vec![replace(&arg.range, format!("{sum} + {more}"))], note),
        }
    }
    let element = match site
        .op
        .walk()
        .into_iter()
        .find(|e| e.kind == ExprKind::Ident && site.text(e) == pointer)
    {
        Some(p) => site.types.of(p).as_ref().and_then(super::types::pointee),
        None => None,
    };
    let bytes = matches!(element, None | Some(CType::Int { bits: 8, .. } | CType::Void));
    if !bytes && !text.contains("sizeof") {
        let count = site.operand(arg);
        push(
            11,
            vec![replace(&arg.range, format!("{count} * sizeof(*{pointer})"))],
            "elements, not bytes".into(),
        );
        push(
            30,
            vec![replace(&arg.range, format!("{sum} + sizeof(*{pointer})"))],
            "room for one more element".into(),
        );
    }
}

/// The zeroing variant of an allocation function.
fn zeroed(site: &Site<'_>, call: &Expr, drafts: &mut Vec<Draft>) {
    let ExprKind::Call { callee, args } = &call.kind else {
        return;
    };
    let better = match site.text(callee) {
        "kmalloc" => "kzalloc",
        "kmalloc_array" => "kcalloc",
        "vmalloc" => "vzalloc",
        "devm_kmalloc" => "devm_kzalloc",
        "malloc" => {
            let Some(size) = args.first() else { return };
            drafts.push(Draft {
                rank: 14,
                edits: vec![
                    replace(&callee.range, "calloc"),
                    insert(size.range.start, "1, ".into()),
                ],
                origin: "zeroed",
                note: "the allocation is zeroed".into(),
            });
            return;
        }
        _ => return,
    };
    drafts.push(Draft {
        rank: 14,
        edits: vec![replace(&callee.range, better)],
        origin: "zeroed",
        note: "the allocation is zeroed".into(),
    });
}

/// Lengths tried for an array that is too short, as multiples and sums of what it has.
const LENGTHS: usize = 6;

/// Last resort: a longer array. Bounds by name are left alone: others use the name.
pub fn longer_arrays(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if !matches!(
        site.property,
        Property::ValidWrite | Property::IndexUpperBound | Property::ValidRead
    ) {
        return;
    }
    for expr in site.op.walk() {
        let name = match &expr.kind {
            ExprKind::Ident => site.text(expr),
            ExprKind::Member { name, .. } => site.source.get(name.clone()).unwrap_or(""),
            _ => continue,
        };
        if !matches!(site.types.of(expr), Some(CType::Array { .. })) {
            continue;
        }
        let bound = match site.outline.declarator(name) {
            Some((_, d)) => d.bound.clone(),
            None => member_bound(site.source, name),
        };
        let Some(bound) = bound else { continue };
        let Some(old) = number(site.source.get(bound.clone()).unwrap_or("")) else {
            continue;
        };
        for (i, new) in lengths(old).into_iter().enumerate() {
            drafts.push(Draft {
                rank: 80 + 4 * i as u32,
                edits: vec![replace(&bound, new.to_string())],
                origin: "array-length",
                note: format!("`{name}` gets {new} elements instead of {old}"),
            });
        }
    }
}

fn lengths(old: u64) -> Vec<u64> {
    let mut found = vec![old.saturating_add(1)];
    let mut next = old.saturating_add(1).next_power_of_two();
    while found.len() < LENGTHS {
        if !found.contains(&next) {
            found.push(next);
        }
        next = next.saturating_mul(2);
    }
    found
}

/// The bound of `name[...]` declared outside of functions.
fn member_bound(source: &str, name: &str) -> Option<std::ops::Range<usize>> {
    let found = tokens(source);
    let at = (1..found.len()).find(|i| {
        found[*i].text(source) == name
            && found[*i - 1].kind == TokenKind::Ident
            && found.get(i + 1).is_some_and(|t| t.text(source) == "[")
            && found.get(i + 3).is_some_and(|t| t.text(source) == "]")
            && found.get(i + 4).is_some_and(|t| t.text(source) == ";")
    })?;
    found.get(at + 2).map(|t| t.range())
}

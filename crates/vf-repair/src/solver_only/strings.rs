//! Templates that replace a string function without a bound by one that has it.

use vf_ir::Property;

use super::Draft;
use super::exits::exits;
use super::site::{Site, insert, replace};
use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::outline::NodeKind;

pub fn bounded_strings(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    terminated(site, drafts);
    // The operation is the call, or stands in its arguments (`size - pos`).
    let expressions = site.outline.expressions(site.node);
    let around = expressions
        .iter()
        .flat_map(Expr::walk)
        .filter(|e| e.range.start <= site.op.range.start && site.op.range.end <= e.range.end);
    for call in around.chain(site.op.walk().into_iter().skip(1)) {
        let ExprKind::Call { callee, args } = &call.kind else {
            continue;
        };
        let (Some(name), Some(dst)) = (call.called(site.source), args.first()) else {
            continue;
        };
        let room = rooms(site, dst);
        match name {
            "sprintf" | "vsprintf" => {
                for (i, room) in room.iter().enumerate() {
                    for (j, better) in printf_family(site, name).into_iter().enumerate() {
                        drafts.push(Draft {
                            rank: 6 + 2 * i as u32 + j as u32,
                            edits: vec![
                                replace(&callee.range, better),
                                insert(dst.range.end, format!(", {room}")),
                            ],
                            origin: "bounded-string",
                            note: format!("{better} writes at most {room} bytes"),
                        });
                    }
                }
            }
            "snprintf" | "vsnprintf" | "scnprintf" | "vscnprintf" => {
                // A size that does not fit the buffer.
                for (i, room) in room.iter().enumerate() {
                    if let Some(size) = args.get(1).filter(|s| site.text(s) != room) {
                        drafts.push(Draft {
                            rank: 9 + i as u32,
                            edits: vec![replace(&size.range, room.clone())],
                            origin: "bounded-string",
                            note: format!("the size is {room}"),
                        });
                    }
                }
                if name == "snprintf" && site.may_use("scnprintf") {
                    written_length(site, drafts);
                }
            }
            "strcpy" | "stpcpy" | "strcat" => {
                if let Some(src) = args.get(1) {
                    for (i, room) in room.iter().enumerate() {
                        copies(site, call, name, dst, src, room, 6 + 4 * i as u32, drafts);
                    }
                }
            }
            "strncpy" | "strlcpy" | "strscpy" | "memcpy" | "strncat" => {
                for (i, room) in room.iter().enumerate() {
                    if let Some(size) = args
                        .get(2)
                        .filter(|s| site.text(s) != room && size_is_of_source(site, s, args))
                    {
                        drafts.push(Draft {
                            rank: 9 + i as u32,
                            edits: vec![replace(&size.range, room.clone())],
                            origin: "bounded-string",
                            note: format!("the size is that of the destination, {room}"),
                        });
                    }
                }
            }
            "gets" => {
                for room in room.iter().take(1) {
                    drafts.push(Draft {
                        rank: 6,
                        edits: vec![
                            replace(&callee.range, "fgets"),
                            insert(dst.range.end, format!(", {room}, stdin")),
                        ],
                        origin: "bounded-string",
                        note: format!("fgets reads at most {room} bytes"),
                    });
                }
            }
            "scanf" | "fscanf" | "sscanf" => scan_width(site, args, drafts),
            _ => {}
        }
    }
}

/// `strncpy(dst, src, n)` leaves no terminator when the source fills the destination, and the operation reads a string
/// from there: the last byte is cleared, or a source that is too long is refused.
fn terminated(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if !matches!(site.property, Property::ValidRead | Property::Precondition) {
        return;
    }
    let read = site.op.walk();
    let here = site.outline.nodes[site.node].range.start;
    for (id, node) in site.outline.nodes.iter().enumerate() {
        if node.kind != NodeKind::Expression || node.range.start >= here {
            continue;
        }
        for call in site.outline.expressions(id).iter().flat_map(Expr::walk) {
            let ExprKind::Call { args, .. } = &call.kind else {
                continue;
            };
            let (Some("strncpy"), [dst, src, _]) = (call.called(site.source), args.as_slice()) else {
                continue;
            };
            let Some(size) = site.size_of(dst).filter(|_| dst.is_pure()) else {
                continue;
            };
            let d = site.text(dst);
            if !read.iter().any(|e| site.text(e) == d) {
                continue;
            }
            if let Some(edits) = site.after(id, &[format!("{d}[{size} - 1] = '\\0';")]) {
                drafts.push(Draft {
                    rank: 8,
                    edits,
                    origin: "terminator",
                    note: format!("`{d}` ends in a terminator"),
                });
            }
            if src.is_pure() {
                let bad = format!("strlen({}) >= {size}", site.text(src));
                super::guards::new_guard(site, id, &bad, 10, "guard-before-copy", drafts);
            }
        }
    }
}

/// How many bytes there are from the destination on, in words of C.
fn rooms(site: &Site<'_>, dst: &Expr) -> Vec<String> {
    let target = site.target(dst);
    let with_offset = |size: String| match &target.offset {
        Some(offset) => format!("{size} - {offset}"),
        None => size,
    };
    if let Some(size) = site.size_of(&target.base) {
        return vec![with_offset(size)];
    }
    super::conditions::companions(site, dst)
        .into_iter()
        .map(with_offset)
        .collect()
}

fn printf_family(site: &Site<'_>, name: &str) -> Vec<&'static str> {
    let variadic = name == "sprintf";
    let mut found = Vec::new();
    if site.may_use("snprintf") {
        found.push(if variadic { "snprintf" } else { "vsnprintf" });
    }
    // The kernel's variant returns what was written: right where the result is added up.
    if site.kernel() {
        let used = site
            .outline
            .nodes
            .get(site.node)
            .is_some_and(|n| n.kind != NodeKind::Expression)
            || !matches!(
                site.outline.expressions(site.node).first().map(|e| &e.kind),
                Some(ExprKind::Call { .. })
            );
        let better = if variadic { "scnprintf" } else { "vscnprintf" };
        if used {
            found.insert(0, better)
        } else {
            found.push(better)
        }
    }
    found
}

#[allow(clippy::too_many_arguments)]
fn copies(
    site: &Site<'_>,
    call: &Expr,
    name: &str,
    dst: &Expr,
    src: &Expr,
    room: &str,
    rank: u32,
    drafts: &mut Vec<Draft>,
) {
    let (d, s) = (site.text(dst), site.text(src));
    let mut push = |rank: u32, edits, note: &str| {
        drafts.push(Draft {
            rank,
            edits,
            origin: "bounded-string",
            note: note.to_string(),
        });
    };
    let alone = site
        .outline
        .nodes
        .get(site.node)
        .is_some_and(|n| n.kind == NodeKind::Expression && n.head == call.range);
    if site.kernel() {
        let better = if name == "strcat" { "strlcat" } else { "strscpy" };
        let text = format!("{better}({d}, {s}, {room})");
        let failed = if name == "strcat" {
            format!("{text} >= {room}")
        } else {
            format!("{text} < 0")
        };
        // A string that does not fit is refused where the function can say so, else cut.
        if alone {
            for exit in exits(site, site.node)
                .into_iter()
                .take(2)
                .filter(|e| e.lines.len() == 1)
            {
                let indent = site.indent(call.range.start);
                let body = format!("if ({failed})\n{indent}{}{}", site.step(), exit.lines[0]);
                let statement = &site.outline.nodes[site.node].range;
                push(
                    rank + exit.rank,
                    vec![replace(statement, body)],
                    "a string that does not fit is refused",
                );
            }
        }
        push(
            rank + 3,
            vec![replace(&call.range, text)],
            "the copy is bounded by the destination",
        );
        return;
    }
    if name != "strcat" {
        if site.may_use("snprintf") {
            let text = format!("snprintf({d}, {room}, \"%s\", {s})");
            push(
                rank,
                vec![replace(&call.range, text)],
                "the copy is bounded by the destination",
            );
        }
        if alone && src.is_pure() && dst.is_pure() {
            let indent = site.indent(call.range.start);
            let text = format!("strncpy({d}, {s}, {room} - 1);\n{indent}{d}[{room} - 1] = '\\0'");
            push(
                rank + 4,
                vec![replace(&call.range, text)],
                "the copy is bounded and terminated",
            );
        }
    } else if dst.is_pure() {
        let text = format!("strncat({d}, {s}, {room} - strlen({d}) - 1)");
        push(
            rank,
            vec![replace(&call.range, text)],
            "the append is bounded by the destination",
        );
    }
}

/// `n` of `strncpy(dst, src, n)` that speaks of the source: `strlen(src)`, `sizeof(src)`, or a constant.
fn size_is_of_source(site: &Site<'_>, size: &Expr, args: &[Expr]) -> bool {
    let text = site.text(size);
    let source = args.get(1).map_or("", |s| site.text(s));
    let constant = crate::ctext::lex::variables(text).is_empty();
    constant || (!source.is_empty() && text.contains(source))
}

/// `pos += snprintf(...)` counts what would have been written; `scnprintf` what was. All of the function's
/// calls are changed together, because each rests on the ones before it.
fn written_length(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let mut edits = Vec::new();
    for (id, node) in site.outline.nodes.iter().enumerate() {
        if !matches!(
            node.kind,
            NodeKind::Expression | NodeKind::Declaration | NodeKind::Return
        ) {
            continue;
        }
        for expr in site.outline.expressions(id).iter().flat_map(Expr::walk) {
            let value = match &expr.kind {
                ExprKind::Assign { rhs, .. } => rhs,
                _ => continue,
            };
            for call in value.walk() {
                if let ("snprintf", ExprKind::Call { callee, .. }) =
                    (call.called(site.source).unwrap_or(""), &call.kind)
                {
                    edits.push(replace(&callee.range, "scnprintf"));
                }
            }
        }
    }
    if !edits.is_empty() {
        drafts.push(Draft {
            rank: 7,
            edits,
            origin: "written-length",
            note: "scnprintf returns what was written, not what would have been".into(),
        });
    }
}

/// `%s` in a scanf format gets the width of its array.
fn scan_width(site: &Site<'_>, args: &[Expr], drafts: &mut Vec<Draft>) {
    let Some((at, format)) = args.iter().enumerate().find(|(_, a)| a.kind == ExprKind::Text) else {
        return;
    };
    let text = site.text(format);
    let mut conversion = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((i, c)) = chars.next() {
        if c != '%' {
            continue;
        }
        match chars.peek() {
            Some((_, '%')) => {
                chars.next();
            }
            Some((_, 's')) => {
                conversion += 1;
                let Some(vf_ir::CType::Array {
                    len: vf_ir::ArrayLen::Fixed(n),
                    ..
                }) = args.get(at + conversion).and_then(|a| site.types.of(a))
                else {
                    continue;
                };
                let Some(width) = n.checked_sub(1).filter(|w| *w > 0) else {
                    continue;
                };
                let place = format.range.start + i + 1;
                drafts.push(Draft {
                    rank: 6,
                    edits: vec![insert(place, width.to_string())],
                    origin: "bounded-string",
                    note: format!("reads at most {width} characters"),
                });
            }
            _ => conversion += 1,
        }
    }
}

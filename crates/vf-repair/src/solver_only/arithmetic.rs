//! Templates for arithmetic that overflows: checked, wider, or done by an allocator that checks.

use vf_ir::{CType, Property};

use super::Draft;
use super::conditions::arithmetic;
use super::exits::exits;
use super::site::{Site, insert, replace};
use super::sizes::size_arguments;
use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::lex::variables;
use crate::ctext::outline::NodeKind;

pub fn checked_arithmetic(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    match site.property {
        Property::SignedOverflow | Property::UnsignedWrap => {
            checked(site, drafts);
            wider(site, drafts);
        }
        Property::LossyConversion => wider_variable(site, drafts),
        Property::IndexUpperBound | Property::IndexLowerBound => unsigned_index(site, drafts),
        _ => {}
    }
    // A product that wraps makes an allocation too small: the write behind it is what fails.
    array_allocations(site, drafts);
    products(site, drafts);
}

/// `x = a * b;` becomes `if (check_mul_overflow(a, b, &x)) exit;`.
fn checked(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let Some((op, lhs, rhs)) = arithmetic(&site.op) else {
        return;
    };
    if let Some((place, name, op, lhs, rhs)) = whole_assignment(site, op, lhs, rhs) {
        check_call(site, place, &name, &op, &lhs, &rhs, 17, drafts);
    }
}

/// Sums and products in front of the operation that its object's size was computed by.
fn products(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    if !matches!(
        site.property,
        Property::ValidRead | Property::ValidWrite | Property::IndexUpperBound
    ) {
        return;
    }
    for (node_id, node) in site.outline.nodes.iter().enumerate() {
        if node.kind != NodeKind::Expression || node.range.start >= site.op.range.start {
            continue;
        }
        for expr in site.outline.expressions(node_id) {
            let ExprKind::Assign { op, lhs: target, rhs } = &expr.kind else {
                continue;
            };
            let ExprKind::Binary { op: inner, lhs, rhs } = &rhs.unparenthesised().kind else {
                continue;
            };
            if op == "=" && matches!(inner.as_str(), "*" | "+") && is_size(site, site.text(target)) {
                check_call(
                    site,
                    node_id,
                    site.text(target),
                    inner,
                    site.text(lhs),
                    site.text(rhs),
                    24,
                    drafts,
                );
            }
        }
    }
}

/// Whether a variable is handed to an allocation.
fn is_size(site: &Site<'_>, name: &str) -> bool {
    (0..site.outline.nodes.len())
        .flat_map(|id| site.outline.expressions(id))
        .any(|e| {
            e.walk().iter().any(|call| {
                let numbers = call.called(site.source).and_then(size_arguments);
                let ExprKind::Call { args, .. } = &call.kind else {
                    return false;
                };
                numbers.is_some_and(|ns| {
                    ns.iter()
                        .filter_map(|n| args.get(*n))
                        .any(|a| site.text(a.bare()) == name)
                })
            })
        })
}

type Assignment = (usize, String, String, String, String);

/// The statement `x = a OP b;` or `x OP= b;` that the operation is the whole of.
fn whole_assignment(site: &Site<'_>, op: &str, lhs: &Expr, rhs: &Expr) -> Option<Assignment> {
    let node = site.outline.nodes.get(site.node)?;
    if node.kind != NodeKind::Expression {
        return None;
    }
    let expression = site.outline.expressions(site.node).into_iter().next()?;
    let ExprKind::Assign {
        op: assign,
        lhs: target,
        rhs: value,
    } = &expression.kind
    else {
        return None;
    };
    let parts = (site.text(lhs).to_string(), site.text(rhs).to_string());
    let whole = match assign.as_str() {
        "=" => {
            let value = value.unparenthesised();
            matches!(value.kind, ExprKind::Binary { .. }) && value.range == (lhs.range.start..rhs.range.end)
        }
        "+=" | "-=" | "*=" => target.range == lhs.range,
        _ => false,
    };
    whole.then(|| {
        (
            site.node,
            site.text(target).to_string(),
            op.to_string(),
            parts.0,
            parts.1,
        )
    })
}

#[allow(clippy::too_many_arguments)]
fn check_call(
    site: &Site<'_>,
    node: usize,
    target: &str,
    op: &str,
    a: &str,
    b: &str,
    rank: u32,
    drafts: &mut Vec<Draft>,
) {
    let word = match op {
        "+" => "add",
        "-" => "sub",
        "*" => "mul",
        _ => return,
    };
    let macro_name = format!("check_{word}_overflow");
    let known =
        site.source.contains("<linux/overflow.h>") || crate::ctext::lex::mentions(site.source, &macro_name);
    let function = if site.kernel() && known {
        macro_name
    } else {
        format!("__builtin_{word}_overflow")
    };
    let rank = if site.kernel() && !known { rank + 15 } else { rank };
    for exit in exits(site, node)
        .into_iter()
        .take(2)
        .filter(|e| e.lines.len() == 1)
    {
        let range = &site.outline.nodes[node].range;
        let indent = site.indent(range.start);
        let text = format!(
            "if ({function}({a}, {b}, &{target}))\n{indent}{}{}",
            site.step(),
            exit.lines[0]
        );
        drafts.push(Draft {
            rank: rank + 2 * exit.rank,
            edits: vec![replace(range, text)],
            origin: "checked-arithmetic",
            note: format!("leaves when `{a} {op} {b}` overflows"),
        });
    }
}

/// The first operand cast to a wide type, and the variable that takes the result declared so.
fn wider(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let Some((_, lhs, _)) = arithmetic(&site.op) else {
        return;
    };
    let signed = site.property == Property::SignedOverflow;
    let names: &[&str] = match (signed, site.kernel()) {
        (true, true) => &["s64"],
        (true, false) => &["long long"],
        (false, _) => &["size_t"],
    };
    for (i, name) in names.iter().enumerate() {
        let cast = insert(first_operand(lhs).range.start, format!("({name})"));
        let mut edits = vec![cast.clone()];
        drafts.push(Draft {
            rank: 44 + i as u32,
            edits: edits.clone(),
            origin: "wider-arithmetic",
            note: format!("computed in {name}"),
        });
        let target = site
            .outline
            .expressions(site.node)
            .into_iter()
            .find_map(|e| match e.kind {
                ExprKind::Assign { lhs, .. } if lhs.kind == ExprKind::Ident => {
                    Some(site.text(&lhs).to_string())
                }
                _ => None,
            });
        let declared = target.or_else(|| {
            let node = site.outline.nodes.get(site.node)?;
            node.declarators
                .first()
                .filter(|_| node.declarators.len() == 1)
                .map(|d| d.name.clone())
        });
        if let Some((_, d)) = declared.as_deref().and_then(|n| site.outline.declarator(n))
            && d.pointers == 0
            && d.bound.is_none()
            && single(site, &d.name)
        {
            edits.push(replace(&d.specifiers, *name));
            drafts.push(Draft {
                rank: 38 + i as u32,
                edits,
                origin: "wider-arithmetic",
                note: format!("computed and kept in {name}"),
            });
        }
    }
}

/// `a` of `a * b * c`: a cast there makes every product wide.
fn first_operand(expr: &Expr) -> &Expr {
    match &expr.kind {
        ExprKind::Binary { lhs, .. } => first_operand(lhs),
        _ => expr,
    }
}

/// Whether a declaration declares nothing else.
fn single(site: &Site<'_>, name: &str) -> bool {
    site.outline
        .nodes
        .iter()
        .any(|n| matches!(n.declarators.as_slice(), [only] if only.name == name))
}

/// `int room = size;` becomes `size_t room = size;`: the variable takes the type of what it is given.
fn wider_variable(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let mut names: Vec<(String, Option<Expr>)> = Vec::new();
    if let Some(node) = site.outline.nodes.get(site.node) {
        names.extend(node.declarators.iter().map(|d| (d.name.clone(), d.init.clone())));
    }
    for expr in site.outline.expressions(site.node) {
        if let ExprKind::Assign { lhs, rhs, .. } = &expr.kind {
            names.push((site.text(lhs.bare()).to_string(), Some((**rhs).clone())));
        }
    }
    // The value may have been lost before: `u8 n` used as an argument.
    names.extend(site.variables(&site.op).into_iter().map(|n| (n, None)));
    for (name, value) in names {
        for (i, specifiers) in wide_types(site, value.as_ref()).iter().enumerate() {
            retype(site, &name, specifiers, 16 + 2 * i as u32, drafts);
        }
    }
}

fn wide_types(site: &Site<'_>, value: Option<&Expr>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    if let Some(value) = value {
        for name in variables(site.text(value)) {
            if let (Some(specifiers), Some(CType::Int { .. })) =
                (site.types.specifiers(&name), site.types.of(value))
            {
                found.push(specifiers.replace("const ", "").replace("static ", ""));
            }
        }
    }
    for fallback in ["size_t", "long"] {
        if !found.iter().any(|f| f == fallback) {
            found.push(fallback.to_string());
        }
    }
    found.truncate(3);
    found
}

/// Declares a local or a parameter with other specifiers.
fn retype(site: &Site<'_>, name: &str, specifiers: &str, rank: u32, drafts: &mut Vec<Draft>) {
    let note = format!("`{name}` becomes {specifiers}");
    let mut push = |rank, edits| {
        drafts.push(Draft {
            rank,
            edits,
            origin: "wider-variable",
            note: note.clone(),
        })
    };
    if let Some((node, d)) = site.outline.declarator(name) {
        if d.pointers > 0 || d.bound.is_some() || site.outline.text(d.specifiers.clone()) == specifiers {
            return;
        }
        if site.outline.nodes[node].declarators.len() == 1 {
            push(rank, vec![replace(&d.specifiers, specifiers)]);
        } else {
            // `u32 a, b;`: the one name moves to a declaration of its own.
            let all = &site.outline.nodes[node].declarators;
            let Some(at) = all.iter().position(|o| o.name == name) else {
                return;
            };
            let gap = match (at.checked_sub(1).and_then(|i| all.get(i)), all.get(at + 1)) {
                (Some(before), _) => before.range.end..d.range.end,
                (None, Some(next)) => d.range.start..next.range.start,
                (None, None) => return,
            };
            let indent = site.indent(site.outline.nodes[node].range.start);
            let own = format!(
                "\n{indent}{specifiers} {};",
                site.source.get(d.range.clone()).unwrap_or(name)
            );
            push(
                rank + 2,
                vec![replace(&gap, ""), insert(site.outline.nodes[node].range.end, own)],
            );
        }
        return;
    }
    let params = site.outline.function.params.clone();
    let (Some(old), Some(text)) = (site.types.specifiers(name), site.source.get(params.clone())) else {
        return;
    };
    if let Some(at) = text
        .find(&format!("{old} {name}"))
        .filter(|_| old != specifiers && site.types.is_param(name))
    {
        let start = params.start + at;
        push(rank + 12, vec![replace(&(start..start + old.len()), specifiers)]);
    }
}

/// A signed index that is compared with an upper bound only: unsigned, the one comparison is enough.
fn unsigned_index(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let Some((_, index)) = super::conditions::subscript(&site.op) else {
        return;
    };
    for name in variables(site.text(index)) {
        if let Some(CType::Int { bits, signed: true }) =
            site.types.specifiers(&name).map(|s| super::types::basic(&s))
        {
            let specifiers = match (bits, site.kernel()) {
                (64, _) => "size_t",
                _ => "unsigned int",
            };
            retype(site, &name, specifiers, 42, drafts);
        }
    }
}

/// `kmalloc(n * size, flags)` becomes `kmalloc_array(n, size, flags)`, `malloc(n * size)` `calloc(n, size)`.
fn array_allocations(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    for id in 0..site.outline.nodes.len() {
        if site.outline.nodes[id].range.start > site.op.range.end {
            continue;
        }
        for expr in site.outline.expressions(id) {
            for call in expr.walk() {
                array_allocation(site, call, drafts);
            }
        }
    }
}

fn array_allocation(site: &Site<'_>, call: &Expr, drafts: &mut Vec<Draft>) {
    let ExprKind::Call { callee, args } = &call.kind else {
        return;
    };
    let (name, at) = match site.text(callee) {
        "kmalloc" => ("kmalloc_array", 0),
        "kzalloc" => ("kcalloc", 0),
        "kvmalloc" => ("kvmalloc_array", 0),
        "kvzalloc" => ("kvcalloc", 0),
        "malloc" => ("calloc", 0),
        "realloc" => ("reallocarray", 1),
        "krealloc" => ("krealloc_array", 1),
        _ => return,
    };
    let Some(size) = args.get(at) else { return };
    let mut push = |a: &str, b: &str, rank| {
        drafts.push(Draft {
            rank,
            edits: vec![
                replace(&callee.range, name),
                replace(&size.range, format!("{a}, {b}")),
            ],
            origin: "array-allocation",
            note: format!("{name} checks the product"),
        });
    };
    match &size.unparenthesised().kind {
        ExprKind::Binary { op, lhs, rhs } if op == "*" => push(site.text(lhs), site.text(rhs), 15),
        ExprKind::Binary { op, lhs, rhs } if op == "+" => saturating_size(site, size, lhs, rhs, drafts),
        // The product was computed before, into a variable.
        ExprKind::Ident => {
            for (_, value) in site.definitions(site.text(size.unparenthesised())) {
                if let ExprKind::Binary { op, lhs, rhs } = &value.unparenthesised().kind
                    && op == "*"
                {
                    push(site.text(lhs), site.text(rhs), 23);
                }
            }
        }
        _ => {}
    }
}

/// `head + count * element`: the size of a structure with an array at its end. `struct_size`, or `size_add` and `array_size`,
/// compute in `size_t` and give a size that no allocator has where the sum does not fit.
fn saturating_size(site: &Site<'_>, size: &Expr, lhs: &Expr, rhs: &Expr, drafts: &mut Vec<Draft>) {
    let product = |e: &Expr| match &e.unparenthesised().kind {
        ExprKind::Binary { op, lhs, rhs } if op == "*" => Some(((**lhs).clone(), (**rhs).clone())),
        _ => None,
    };
    let (head, (count, element)) = match (product(lhs), product(rhs)) {
        (None, Some(product)) => (lhs, product),
        (Some(product), None) => (rhs, product),
        _ => return,
    };
    let mut push = |rank: u32, text: String| {
        drafts.push(Draft {
            rank,
            edits: vec![replace(&size.range, text)],
            origin: "saturating-size",
            note: "a size that does not fit is refused by the allocator".into(),
        });
    };
    // `sizeof(*p) + n * sizeof(p->items[0])` says which array it is.
    let operand = |e: &Expr| match &e.unparenthesised().kind {
        ExprKind::Sizeof { operand } => site.outline.parse(operand),
        _ => None,
    };
    let whole = operand(head);
    for (count, element) in [(&count, &element), (&element, &count)] {
        let Some(ExprKind::Index { base, .. }) = operand(element).map(|e| e.unparenthesised().kind.clone())
        else {
            continue;
        };
        if let (
            Some(ExprKind::Unary { op, arg }),
            ExprKind::Member {
                base: object, name, ..
            },
        ) = (
            whole.as_ref().map(|e| &e.unparenthesised().kind),
            &base.bare().kind,
        ) && op == "*"
            && site.text(arg) == site.text(object)
            && site.may_use("struct_size")
        {
            let member = site.source.get(name.clone()).unwrap_or("");
            push(
                12,
                format!("struct_size({}, {member}, {})", site.text(arg), site.text(count)),
            );
        }
    }
    if site.may_use("array_size") {
        let (head, count, element) = (site.text(head), site.text(&count), site.text(&element));
        push(13, format!("size_add({head}, array_size({count}, {element}))"));
    }
}

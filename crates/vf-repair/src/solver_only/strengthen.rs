//! Templates that correct a comparison which stands before the operation already.

use vf_ir::Property;

use super::Draft;
use super::conditions::{access_arguments, subscript};
use super::guards::counted;
use super::site::{Site, replace};
use super::types::number;
use crate::ctext::expr::{Expr, ExprKind};
use crate::ctext::lex::{mentions, variables};

pub fn strengthen(site: &Site<'_>, drafts: &mut Vec<Draft>) {
    let mut about = variables(site.text(&site.op));
    // What the variables of the operation were made from counts too.
    for name in about.clone() {
        for (_, rhs) in site.definitions(&name) {
            about.extend(site.variables(&rhs));
        }
    }
    // So does the bound of a counter.
    for id in site.loops() {
        let condition = site.outline.condition(id).and_then(|r| site.outline.parse(&r));
        for (counter, bound, _) in condition.iter().flat_map(|c| counted(site, c)) {
            if about.contains(&counter) {
                about.extend(site.variables(&bound));
            }
        }
    }
    smaller(site, &about, drafts);
    // Guards leave when true; loops and enclosing ifs go on when true.
    for (i, (_, head)) in site.guards().into_iter().enumerate() {
        if let Some(condition) = site.outline.parse(&head) {
            comparisons(site, &condition, true, i as u32, &about, drafts);
        }
    }
    for (i, head) in site.corrections().into_iter().enumerate() {
        if let Some(condition) = site.outline.parse(&head) {
            comparisons(site, &condition, true, i as u32, &about, drafts);
        }
    }
    for (i, id) in site.outline.ancestors(site.node).into_iter().enumerate() {
        if let Some(condition) = site.outline.condition(id).and_then(|r| site.outline.parse(&r)) {
            comparisons(site, &condition, false, i as u32, &about, drafts);
        }
    }
}

/// Of two sizes the smaller one fits where the larger one was taken: `min(a, b)` for `max(a, b)`, `a < b ? a : b` for `a > b ? a : b`.
fn smaller(site: &Site<'_>, about: &[String], drafts: &mut Vec<Draft>) {
    let definitions = about.iter().flat_map(|name| site.definitions(name));
    let sources: Vec<Expr> = definitions
        .map(|(_, value)| value)
        .chain([site.op.clone()])
        .collect();
    for expr in sources.iter().flat_map(Expr::walk) {
        let other = match &expr.kind {
            ExprKind::Call { callee, .. } => {
                let other = match expr.called(site.source) {
                    Some("max") => "min",
                    Some("MAX") => "MIN",
                    Some("max_t") => "min_t",
                    Some("umax") => "umin",
                    _ => continue,
                };
                if !site.may_use(other) {
                    continue;
                }
                replace(&callee.range, other)
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                let ExprKind::Binary { op, lhs, rhs } = &condition.unparenthesised().kind else {
                    continue;
                };
                let compared = [lhs, rhs].map(|e| site.text(e.unparenthesised()));
                let [if_true, if_false] = [then, otherwise].map(|e| site.text(e.unparenthesised()));
                let takes_larger = match op.as_str() {
                    ">" | ">=" => compared == [if_true, if_false],
                    "<" | "<=" => compared == [if_false, if_true],
                    _ => false,
                };
                if !takes_larger {
                    continue;
                }
                let (then, otherwise) = (site.text(otherwise), site.text(then));
                replace(
                    &expr.range,
                    format!("{} ? {then} : {otherwise}", site.text(condition)),
                )
            }
            _ => continue,
        };
        drafts.push(Draft {
            rank: 0,
            edits: vec![other],
            origin: "smaller",
            note: "the smaller of the two is taken".into(),
        });
    }
}

fn comparisons(
    site: &Site<'_>,
    condition: &Expr,
    leaves: bool,
    distance: u32,
    about: &[String],
    drafts: &mut Vec<Draft>,
) {
    for part in condition.walk() {
        let ExprKind::Binary { op, lhs, rhs } = &part.kind else {
            continue;
        };
        let text = site.text(part);
        let related = about.iter().any(|v| mentions(text, v));
        let far = distance + if related { 0 } else { 12 };
        match op.as_str() {
            "<" | "<=" | ">" | ">=" => {
                off_by_one(site, part, op, lhs, rhs, leaves, far, drafts);
                bound(site, part, op, lhs, rhs, leaves, far, drafts);
                additive(site, part, op, lhs, rhs, far, drafts);
                unit(site, part, op, lhs, rhs, far, drafts);
                without_sign(site, lhs, rhs, far, drafts);
            }
            "&&" if leaves => drafts.push(Draft {
                rank: 16 + far,
                edits: vec![replace(
                    &part.range,
                    format!("{} || {}", site.text(lhs), site.text(rhs)),
                )],
                origin: "guard-or",
                note: "either half of the check is enough to leave".into(),
            }),
            _ => {}
        }
    }
}

/// `<=` for `<`, `>` for `>=`, and the constant moved by one.
#[allow(clippy::too_many_arguments)]
fn off_by_one(
    site: &Site<'_>,
    part: &Expr,
    op: &str,
    lhs: &Expr,
    rhs: &Expr,
    leaves: bool,
    far: u32,
    drafts: &mut Vec<Draft>,
) {
    // A guard gets wider, a condition to go on narrower.
    let stronger = match (op, leaves) {
        (">", true) => ">=",
        ("<", true) => "<=",
        ("<=", false) => "<",
        (">=", false) => ">",
        _ => "",
    };
    let (l, r) = (site.text(lhs), site.text(rhs));
    if !stronger.is_empty() {
        drafts.push(Draft {
            rank: 10 + far,
            edits: vec![replace(&part.range, format!("{l} {stronger} {r}"))],
            origin: "off-by-one",
            note: format!("`{op}` becomes `{stronger}`"),
        });
    }
    let Some(n) = number(r) else { return };
    let up = matches!((op, leaves), ("<" | "<=", true) | (">" | ">=", false));
    for by in 1..=2u64 {
        let Some(moved) = (if up { n.checked_add(by) } else { n.checked_sub(by) }) else {
            continue;
        };
        drafts.push(Draft {
            rank: 24 + far + 2 * by as u32,
            edits: vec![replace(&part.range, format!("{l} {op} {moved}"))],
            origin: "constant",
            note: format!("{n} becomes {moved}"),
        });
    }
}

/// The bound of a check replaced by the size of the array in question.
#[allow(clippy::too_many_arguments)]
fn bound(
    site: &Site<'_>,
    part: &Expr,
    op: &str,
    lhs: &Expr,
    rhs: &Expr,
    leaves: bool,
    far: u32,
    drafts: &mut Vec<Draft>,
) {
    let mut limits: Vec<(String, bool)> = Vec::new();
    if let Some((base, _)) = subscript(&site.op) {
        limits.extend(site.limits(base).into_iter().take(2).map(|l| (l, true)));
    }
    for call in site.op.walk() {
        for (pointer, _) in access_arguments(site, call) {
            limits.extend(site.size_of(&site.target(pointer).base).map(|l| (l, false)));
        }
    }
    // The bound of a loop is a number of elements, no index: it may equal the limit.
    let counts = site
        .loops()
        .into_iter()
        .filter_map(|id| site.outline.condition(id).and_then(|r| site.outline.parse(&r)))
        .flat_map(|c| counted(site, &c))
        .any(|(_, bound, inclusive)| !inclusive && site.text(&bound) == site.text(lhs));
    let up = matches!(op, ">" | ">=");
    // `x > bound` in a guard, `x < bound` where the code goes on.
    if up != leaves {
        return;
    }
    for (i, (limit, element)) in limits.iter().enumerate() {
        if site.text(rhs) == limit {
            continue;
        }
        let op = match (*element && !counts, leaves) {
            (true, true) => ">=",
            (true, false) => "<",
            (false, true) => ">",
            (false, false) => "<=",
        };
        drafts.push(Draft {
            // That a size has no sign and so refuses what is negative, too, is no way to say it.
            rank: 15
                + far
                + i as u32
                + if site.property == Property::IndexLowerBound {
                    8
                } else {
                    0
                },
            edits: vec![replace(&part.range, format!("{} {op} {limit}", site.text(lhs)))],
            origin: "bound",
            note: format!("the check compares with {limit}"),
        });
    }
}

/// `count > sizeof(words)` counts elements and is compared with bytes.
fn unit(site: &Site<'_>, part: &Expr, op: &str, lhs: &Expr, rhs: &Expr, far: u32, drafts: &mut Vec<Draft>) {
    let ExprKind::Sizeof { operand } = &rhs.unparenthesised().kind else {
        return;
    };
    let array = site.outline.parse(operand);
    let Some(limit) = array.and_then(|a| site.limits(&a).into_iter().next()) else {
        return;
    };
    if limit != site.text(rhs) {
        drafts.push(Draft {
            rank: 9 + far,
            edits: vec![replace(&part.range, format!("{} {op} {limit}", site.text(lhs)))],
            origin: "unit",
            note: format!("elements are compared with elements, {limit}"),
        });
    }
}

/// `(int)len > LIMIT` takes a large length for a negative one: the length is compared as it is.
fn without_sign(site: &Site<'_>, lhs: &Expr, rhs: &Expr, far: u32, drafts: &mut Vec<Draft>) {
    for side in [lhs, rhs] {
        let ExprKind::Cast { arg, .. } = &side.unparenthesised().kind else {
            continue;
        };
        if site.is_signed(side) && !site.is_signed(arg) {
            drafts.push(Draft {
                rank: 9 + far,
                edits: vec![replace(&side.range, site.operand(arg))],
                origin: "without-sign",
                note: format!("`{}` is compared without a sign", site.text(arg)),
            });
        }
    }
}

/// `len > LIMIT - 2 - size` wraps when `size` is close to the limit: the subtrahends go to the other side, or
/// a test of the subtraction goes first.
fn additive(
    site: &Site<'_>,
    part: &Expr,
    op: &str,
    lhs: &Expr,
    rhs: &Expr,
    far: u32,
    drafts: &mut Vec<Draft>,
) {
    for (side, other, flipped) in [(rhs, lhs, false), (lhs, rhs, true)] {
        let (minuend, subtrahends) = differences(side);
        if subtrahends.is_empty() {
            continue;
        }
        let sum: Vec<String> = std::iter::once(site.side(other))
            .chain(subtrahends.iter().map(|e| site.operand(e)))
            .collect();
        let (sum, minuend_text) = (sum.join(" + "), site.side(minuend));
        let new = if flipped {
            format!("{minuend_text} {op} {sum}")
        } else {
            format!("{sum} {op} {minuend_text}")
        };
        drafts.push(Draft {
            rank: 14 + far,
            edits: vec![replace(&part.range, new)],
            origin: "additive",
            note: "the subtraction that can wrap becomes an addition on the other side".into(),
        });
        // `size > LIMIT - 2 || len > LIMIT - 2 - size`: only what is no constant needs the test.
        let is_constant = |e: &&Expr| variables(site.text(e)).is_empty();
        let constants: Vec<String> = subtrahends
            .iter()
            .copied()
            .filter(|e| is_constant(e))
            .map(|e| site.operand(e))
            .collect();
        let moving: Vec<String> = subtrahends
            .iter()
            .copied()
            .filter(|e| !is_constant(e))
            .map(|e| site.operand(e))
            .collect();
        if moving.is_empty() {
            continue;
        }
        let limit = std::iter::once(minuend_text)
            .chain(constants)
            .collect::<Vec<_>>()
            .join(" - ");
        let moving = moving.join(" + ");
        let exit_when_small = matches!((op, flipped), (">" | ">=", false) | ("<" | "<=", true));
        let new = if exit_when_small {
            format!("{moving} > {limit} || {}", site.text(part))
        } else {
            format!("{moving} <= {limit} && {}", site.text(part))
        };
        drafts.push(Draft {
            rank: 13 + far,
            edits: vec![replace(&part.range, new)],
            origin: "no-wrap",
            note: format!("the check also holds when {moving} is more than {limit}"),
        });
    }
}

/// `a - b - c` as `a` and `[b, c]`.
fn differences(expr: &Expr) -> (&Expr, Vec<&Expr>) {
    match &expr.unparenthesised().kind {
        ExprKind::Binary { op, lhs, rhs } if op == "-" => {
            let (minuend, mut rest) = differences(lhs);
            rest.push(rhs);
            (minuend, rest)
        }
        _ => (expr, Vec::new()),
    }
}

/// Whether comparisons before the operation can matter to this property at all.
pub fn applies(property: Property) -> bool {
    !matches!(
        property,
        Property::NotNull
            | Property::Initialized
            | Property::Lifetime
            | Property::UnreachableCode
            | Property::MemoryLeak
    )
}

//! Guards that are missing, too weak, turned around, about something else, or too late.

use vf_repair::ctext::expr::{Expr, ExprKind};
use vf_repair::ctext::outline::NodeKind;

use super::site::{Site, Test};

pub fn propose(site: &mut Site<'_>) {
    for id in site.nodes() {
        match site.kind(id) {
            NodeKind::If => {
                if site.is_guard(id) {
                    dropped(site, id);
                    too_late(site, id);
                    without_exit(site, id);
                } else {
                    without_test(site, id);
                }
                connectives(site, id);
                for test in site.tests(id) {
                    weakened(site, &test, false);
                    other_operands(site, &test);
                }
            }
            NodeKind::For | NodeKind::While | NodeKind::DoWhile => {
                connectives(site, id);
                for test in site.tests(id) {
                    weakened(site, &test, true);
                    other_operands(site, &test);
                }
            }
            _ => {}
        }
    }
}

/// What a test looks for, as a name for its absence.
fn absence(site: &Site<'_>, expr: &Expr) -> &'static str {
    let text = site.of(&expr.range);
    match &expr.kind {
        ExprKind::Binary { op, rhs, .. } if op == "<" && site.of(&rhs.range) == "0" => "lower-bound-dropped",
        _ if text.contains("NULL") => "null-check-dropped",
        ExprKind::Unary { op, arg } if op == "!" => {
            let name = site.of(&arg.range);
            let is_pointer = site.outline.declarator(name).is_some_and(|(_, d)| d.pointers > 0);
            let params = site.of(&site.outline.function.params);
            if is_pointer || params.contains(&format!("*{name}")) {
                "null-check-dropped"
            } else {
                "zero-check-dropped"
            }
        }
        ExprKind::Binary { op, rhs, .. } if op == "==" && site.of(&rhs.range) == "0" => "zero-check-dropped",
        _ => "guard-dropped",
    }
}

fn dropped(site: &mut Site<'_>, id: usize) {
    let Some(condition) = site.condition(id) else {
        return;
    };
    // What computes something in passing is not dropped with it.
    if !condition.is_pure() {
        return;
    }
    let kind = absence(site, &condition);
    site.delete(kind, id);
}

/// The statements under a test, without the test.
fn without_test(site: &mut Site<'_>, id: usize) {
    let children = site.children(id);
    let [only] = children.as_slice() else {
        return;
    };
    let Some(condition) = site.condition(id).filter(Expr::is_pure) else {
        return;
    };
    let body = site.of(&site.range(*only)).to_owned();
    let inner = match site.kind(*only) {
        NodeKind::Block => {
            let inside = body.trim_start_matches('{').trim_end_matches('}');
            let lines: Vec<&str> = inside
                .lines()
                .filter(|l| !l.trim().is_empty())
                .map(|l| l.strip_prefix('\t').unwrap_or(l))
                .collect();
            lines.join("\n").trim_start().to_owned()
        }
        _ => body,
    };
    let is_clamp = matches!(site.kind(*only), NodeKind::Expression)
        && matches!(&condition.kind, ExprKind::Binary { op, .. } if matches!(op.as_str(), ">" | ">=" | "<" | "<="))
        && inner.contains(" = ");
    if is_clamp {
        site.delete("clamp-dropped", id);
    } else {
        let kind = absence(site, &condition);
        let range = site.range(id);
        site.replace(kind, &range, inner);
    }
}

/// The guard behind the statement that it is for.
fn too_late(site: &mut Site<'_>, id: usize) {
    if !site.condition(id).is_some_and(|c| c.is_pure()) {
        return;
    }
    let guard = site.range(id);
    let guard_lines = site.whole_lines(&guard);
    let text = site.of(&guard_lines).to_owned();
    for next in site.following(id).into_iter().take(2) {
        if !matches!(
            site.kind(next),
            NodeKind::Expression | NodeKind::If | NodeKind::For | NodeKind::While
        ) {
            break;
        }
        let lines = site.whole_lines(&site.range(next));
        site.propose(
            "check-after-use",
            &[
                (guard_lines.clone(), String::new()),
                (lines.end..lines.end, text.clone()),
            ],
        );
    }
}

/// What is wrong is noticed, and nothing comes of it.
fn without_exit(site: &mut Site<'_>, id: usize) {
    let children = site.children(id);
    let Some(block) = children.first().filter(|c| site.kind(**c) == NodeKind::Block) else {
        return;
    };
    let statements = site.children(*block);
    if let [_, .., last] = statements.as_slice() {
        let kind = if site.kind(*last) == NodeKind::Break {
            "break-dropped"
        } else {
            "exit-dropped"
        };
        site.delete(kind, *last);
    }
}

/// One of several tests is missing, or they are put together the wrong way.
fn connectives(site: &mut Site<'_>, id: usize) {
    let is_guard = site.is_guard(id);
    let Some(condition) = site.condition(id) else {
        return;
    };
    for expr in condition.walk() {
        let ExprKind::Binary { op, lhs, rhs } = &expr.kind else {
            continue;
        };
        if op != "&&" && op != "||" {
            continue;
        }
        for (gone, kept) in [(lhs, rhs), (rhs, lhs)] {
            let kind = match absence(site, gone) {
                "guard-dropped" => "conjunct-dropped",
                other => other,
            };
            let kept = site.of(&kept.range).to_owned();
            site.replace(kind, &expr.range, kept);
        }
        let (left, right) = (site.of(&lhs.range).to_owned(), site.of(&rhs.range).to_owned());
        if op == "||" && is_guard {
            site.replace("and-for-or", &expr.range, format!("{left} && {right}"));
        } else if op == "&&" && !is_guard {
            site.replace("or-for-and", &expr.range, format!("{left} || {right}"));
        }
    }
}

/// One more, as text.
fn plus(text: &str, one: i64) -> String {
    if let Ok(number) = text.parse::<i64>() {
        return (number + one).to_string();
    }
    let sign = if one > 0 { '+' } else { '-' };
    let text = if text.contains('?') {
        format!("({text})")
    } else {
        text.to_owned()
    };
    format!("{text} {sign} 1")
}

fn weakened(site: &mut Site<'_>, test: &Test, is_loop: bool) {
    let ExprKind::Binary { op, lhs, rhs } = &test.expr.kind else {
        return;
    };
    let (left, right) = (site.of(&lhs.range).to_owned(), site.of(&rhs.range).to_owned());
    let (near, by) = match (op.as_str(), test.is_bad) {
        (">=", true) => (">", 1),
        ("<=", true) => ("<", -1),
        (">", true) => (">", 1),
        ("<", true) => ("<", -1),
        ("<", false) => ("<=", 1),
        (">", false) => (">=", -1),
        ("<=", false) => ("<=", 1),
        (">=", false) => (">=", -1),
        _ => return,
    };
    if near != op {
        let kind = if is_loop { "loop-bound" } else { "guard-weakened" };
        site.replace(kind, &test.expr.range, format!("{left} {near} {right}"));
    }
    site.replace(
        "limit-off-by-one",
        &test.expr.range,
        format!("{left} {op} {}", plus(&right, by)),
    );
    let turned = match op.as_str() {
        ">=" => "<",
        "<=" => ">",
        ">" => "<",
        _ => ">",
    };
    if !is_loop {
        site.replace(
            "comparison-turned",
            &test.expr.range,
            format!("{left} {turned} {right}"),
        );
    }
    // A comparison of signed numbers lets negative ones through.
    let is_name = |e: &Expr| matches!(e.kind, ExprKind::Ident | ExprKind::Member { .. });
    if is_name(lhs) {
        site.replace("signed-compare", &lhs.range, format!("(int){left}"));
        if matches!(&rhs.kind, ExprKind::Call { .. } | ExprKind::Sizeof { .. }) {
            site.propose(
                "signed-compare",
                &[
                    (lhs.range.clone(), format!("(int){left}")),
                    (rhs.range.clone(), format!("(int){right}")),
                ],
            );
        }
    }
}

/// The test is about another variable, another constant.
fn other_operands(site: &mut Site<'_>, test: &Test) {
    let integers = site.integers();
    let constants = site.constants();
    for part in test.expr.walk() {
        let text = site.of(&part.range);
        if !matches!(part.kind, ExprKind::Ident) {
            continue;
        }
        if integers.iter().any(|name| name == text) {
            for other in integers.iter().filter(|name| *name != text).take(3) {
                site.replace("wrong-variable", &part.range, other.clone());
            }
        } else if constants.iter().any(|name| name == text) {
            for other in constants.iter().filter(|name| *name != text).take(3) {
                site.replace("wrong-constant", &part.range, other.clone());
            }
        }
    }
}

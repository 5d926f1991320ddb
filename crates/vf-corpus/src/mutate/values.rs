//! Values that are off by one, in the wrong unit, of the wrong thing, or no longer cut to a range.

use vf_repair::ctext::expr::{Expr, ExprKind};

use super::site::Site;

pub fn propose(site: &mut Site<'_>) {
    for expr in site.expressions() {
        match &expr.kind {
            ExprKind::Binary { op, lhs, rhs } => binary(site, &expr, op, lhs, rhs),
            ExprKind::Index { index, .. } => shifted(site, index),
            ExprKind::Sizeof { operand } => {
                let text = site.of(operand).trim().to_owned();
                if let Some(pointer) = text.strip_prefix('*') {
                    site.replace("sizeof-pointer", &expr.range, format!("sizeof({pointer})"));
                } else if text.starts_with("struct ") && !text.ends_with('*') {
                    site.replace("sizeof-pointer", &expr.range, format!("sizeof({text} *)"));
                } else {
                    other_size(site, &expr, &text);
                }
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                let is_choice =
                    matches!(&condition.kind, ExprKind::Binary { op, .. } if op == "<" || op == ">");
                if is_choice {
                    let (a, b) = (
                        site.of(&then.range).to_owned(),
                        site.of(&otherwise.range).to_owned(),
                    );
                    site.propose(
                        "min-for-max",
                        &[(then.range.clone(), b), (otherwise.range.clone(), a.clone())],
                    );
                    site.replace("clamp-dropped", &expr.range, a);
                }
            }
            ExprKind::Cast { arg, .. } => {
                let inner = site.of(&arg.range).to_owned();
                site.replace("cast-dropped", &expr.range, inner);
            }
            ExprKind::Postfix { op, arg } if op == "++" => {
                let inner = site.of(&arg.range).to_owned();
                site.replace("pre-increment", &expr.range, format!("++{inner}"));
            }
            _ => {}
        }
    }
}

fn binary(site: &mut Site<'_>, expr: &Expr, op: &str, lhs: &Expr, rhs: &Expr) {
    let left = site.of(&lhs.range).to_owned();
    let right = site.of(&rhs.range).to_owned();
    match op {
        "%" => {
            site.replace("mask-dropped", &expr.range, left.clone());
            site.replace("mask-off-by-one", &expr.range, format!("{left} % ({right} + 1)"));
        }
        "&" => {
            site.replace("mask-dropped", &expr.range, left.clone());
            if let Some(inner) = right.strip_prefix('(').and_then(|r| r.strip_suffix(" - 1)")) {
                site.replace("mask-off-by-one", &rhs.range, inner.to_owned());
            }
        }
        "/" => {
            let kind = if right.starts_with("sizeof") {
                "bytes-for-elements"
            } else {
                "division-dropped"
            };
            site.replace(kind, &expr.range, left);
        }
        "-" if right == "1" => site.replace("terminator-forgotten", &expr.range, left),
        "-" => site.replace("offset-forgotten", &expr.range, left),
        "+" if right == "1" => site.replace("terminator-forgotten", &expr.range, left),
        "+" => {
            site.replace("offset-forgotten", &expr.range, left);
            site.replace("offset-forgotten", &expr.range, right);
        }
        "*" if right.starts_with("sizeof") => {
            site.replace("element-size-dropped", &expr.range, left);
        }
        "*" if matches!(rhs.kind, ExprKind::Number | ExprKind::Ident) => {
            site.replace("element-size-dropped", &expr.range, left);
        }
        _ => {}
    }
}

fn shifted(site: &mut Site<'_>, index: &Expr) {
    let text = site.of(&index.range).to_owned();
    let is_simple = matches!(
        index.kind,
        ExprKind::Ident | ExprKind::Member { .. } | ExprKind::Number | ExprKind::Binary { .. }
    );
    if !is_simple {
        return;
    }
    match text.parse::<u64>() {
        Ok(number) => site.replace("index-shifted", &index.range, (number + 1).to_string()),
        Err(_) => {
            site.replace("index-shifted", &index.range, format!("{text} + 1"));
            site.replace("index-shifted", &index.range, format!("{text} - 1"));
        }
    }
}

/// The size of something else that the function speaks of the size of, or of an array of the file.
fn other_size(site: &mut Site<'_>, expr: &Expr, text: &str) {
    let mut others: Vec<String> = Vec::new();
    for other in site.expressions() {
        if let ExprKind::Sizeof { operand } = &other.kind {
            let operand = site.of(operand).trim().to_owned();
            if operand != text && !others.contains(&operand) {
                others.push(operand);
            }
        }
        if let ExprKind::Call { args, .. } = &other.kind
            && let Some(first) = args.first().filter(|a| matches!(a.kind, ExprKind::Member { .. }))
        {
            let operand = site.of(&first.range).to_owned();
            if operand != text && !others.contains(&operand) {
                others.push(operand);
            }
        }
    }
    for other in others.into_iter().take(3) {
        site.replace("wrong-size", &expr.range, format!("sizeof({other})"));
    }
}

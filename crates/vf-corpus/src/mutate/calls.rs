//! Calls of the wrong function, or with the wrong size.

use vf_repair::ctext::expr::{Expr, ExprKind};
use vf_repair::ctext::outline::NodeKind;

use super::site::Site;

pub fn propose(site: &mut Site<'_>) {
    for expr in site.expressions() {
        let (Some(name), ExprKind::Call { args, .. }) = (expr.called(site.text), &expr.kind) else {
            continue;
        };
        let texts: Vec<String> = args.iter().map(|a| site.of(&a.range).to_owned()).collect();
        match (name, texts.as_slice()) {
            ("strscpy" | "strlcpy" | "strscpy_pad", [to, from, _]) => {
                site.replace("strscpy-to-strcpy", &expr.range, format!("strcpy({to}, {from})"));
                site.replace(
                    "source-length",
                    &expr.range,
                    format!("{name}({to}, {from}, strlen({from}) + 1)"),
                );
            }
            ("strncpy", [to, from, _]) => {
                site.replace("strscpy-to-strcpy", &expr.range, format!("strcpy({to}, {from})"));
                site.replace(
                    "source-length",
                    &expr.range,
                    format!("strncpy({to}, {from}, strlen({from}))"),
                );
            }
            ("snprintf" | "scnprintf", [to, _, rest @ ..]) => {
                site.replace(
                    "snprintf-to-sprintf",
                    &expr.range,
                    format!("sprintf({to}, {})", rest.join(", ")),
                );
            }
            ("min" | "MIN", [a, b]) => {
                let other = if name == "min" { "max" } else { "MAX" };
                site.replace("min-for-max", &expr.range, format!("{other}({a}, {b})"));
                site.replace("clamp-dropped", &expr.range, a.clone());
            }
            ("min_t", [ty, a, b]) => {
                site.replace("min-for-max", &expr.range, format!("max_t({ty}, {a}, {b})"));
                site.replace("clamp-dropped", &expr.range, a.clone());
            }
            ("ARRAY_SIZE" | "COUNT_OF", [array]) => {
                site.replace("bytes-for-elements", &expr.range, format!("sizeof({array})"));
            }
            ("kcalloc" | "kmalloc_array", [n, size, flags]) => {
                site.replace(
                    "unchecked-arithmetic",
                    &expr.range,
                    format!("kzalloc({n} * {size}, {flags})"),
                );
                site.replace(
                    "element-size-dropped",
                    &expr.range,
                    format!("kzalloc({n}, {flags})"),
                );
            }
            ("calloc", [n, size]) => {
                site.replace(
                    "unchecked-arithmetic",
                    &expr.range,
                    format!("malloc({n} * {size})"),
                );
                site.replace("element-size-dropped", &expr.range, format!("calloc({n}, 1)"));
            }
            ("memcpy" | "memmove" | "memset", [_, _, size]) => sizes(site, args, size),
            _ => {}
        }
    }
    for id in site
        .nodes()
        .filter(|id| site.kind(*id) == NodeKind::If)
        .collect::<Vec<_>>()
    {
        unchecked(site, id);
    }
}

/// A copy of as much as the source has, or as the destination holds.
fn sizes(site: &mut Site<'_>, args: &[Expr], size: &str) {
    let [to, from, length] = args else {
        return;
    };
    let constants = site.constants();
    for other in constants.iter().filter(|c| *c != size).take(2) {
        if size.starts_with("sizeof") || constants.iter().any(|c| c == size) {
            site.replace("wrong-size", &length.range, other.clone());
        }
    }
    let target = site.of(&to.range).to_owned();
    if matches!(to.kind, ExprKind::Member { .. }) && !size.contains("sizeof") {
        site.replace("wrong-size", &length.range, format!("sizeof({target})"));
    }
    let source = site.of(&from.range).to_owned();
    let params = site.of(&site.outline.function.params);
    if params.contains(&format!("char *{source}")) {
        site.replace("source-length", &length.range, format!("strlen({source})"));
        site.replace("source-length", &length.range, format!("strlen({source}) + 1"));
    }
}

/// `if (check_mul_overflow(a, b, &c)) return ...;` as `c = a * b;`.
fn unchecked(site: &mut Site<'_>, id: usize) {
    let Some(condition) = site.condition(id).filter(|_| site.is_guard(id)) else {
        return;
    };
    let operator = match condition.called(site.text) {
        Some("check_mul_overflow" | "__builtin_mul_overflow") => '*',
        Some("check_add_overflow" | "__builtin_add_overflow") => '+',
        _ => return,
    };
    let ExprKind::Call { args, .. } = &condition.kind else {
        return;
    };
    let texts: Vec<&str> = args.iter().map(|a| site.of(&a.range)).collect();
    if let [a, b, to] = texts.as_slice()
        && let Some(to) = to.strip_prefix('&')
    {
        let (text, range) = (format!("{to} = {a} {operator} {b};"), site.range(id));
        site.replace("unchecked-arithmetic", &range, text);
        let narrow = format!("{to} = (unsigned int)({a} {operator} {b});");
        site.replace("unchecked-arithmetic", &range, narrow);
    }
}

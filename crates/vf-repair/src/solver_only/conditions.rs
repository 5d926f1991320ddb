//! Conditions under which a failed operation goes wrong, as C text: what a guard tests.
//!
//! Tests of sums and products are written so that they cannot overflow themselves (`a > LIMIT - b`).

use vf_ir::{CType, Condition, Property};

use super::site::{Site, Target};
use crate::ctext::expr::{Expr, ExprKind};

/// One condition, true when the operation would fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bad {
    pub text: String,
    /// Lower is better.
    pub rank: u32,
}

pub fn bad_conditions(site: &Site<'_>) -> Vec<Bad> {
    let mut found = Conditions { list: Vec::new() };
    match site.property {
        Property::IndexUpperBound => index_upper(site, &mut found),
        Property::IndexLowerBound => index_lower(site, &mut found),
        Property::ValidRead | Property::ValidWrite | Property::Precondition | Property::Initialized => {
            access(site, &mut found);
        }
        Property::NotNull => null(site, &mut found),
        Property::SignedOverflow | Property::UnsignedWrap => overflow(site, &mut found),
        Property::LossyConversion => lossy(site, &mut found),
        Property::ShiftInRange => shift(site, &mut found),
        Property::DivisorNonzero => divisor(site, &mut found),
        Property::AllocationSize => allocation(site, &mut found),
        Property::Assertion => assertion(site, &mut found),
        Property::Lifetime | Property::UnreachableCode | Property::MemoryLeak => {}
    }
    found.list.sort_by_key(|b| b.rank);
    found.list
}

struct Conditions {
    list: Vec<Bad>,
}

impl Conditions {
    fn add(&mut self, rank: u32, text: String) {
        if !self.list.iter().any(|b| b.text == text) {
            self.list.push(Bad { text, rank });
        }
    }
}

/// The subscript in an operation: itself, or the first inside.
pub fn subscript(op: &Expr) -> Option<(&Expr, &Expr)> {
    op.walk().into_iter().find_map(|e| match &e.kind {
        ExprKind::Index { base, index } => Some((&**base, &**index)),
        _ => None,
    })
}

/// Value of an index at the access: `i++` uses `i`.
fn used(index: &Expr) -> &Expr {
    match &index.bare().kind {
        ExprKind::Postfix { arg, .. } => arg,
        _ => index,
    }
}

fn index_upper(site: &Site<'_>, found: &mut Conditions) {
    let Some((base, index)) = subscript(&site.op) else {
        return;
    };
    let index = used(index);
    if !index.is_pure() {
        return;
    }
    let mut limits = site.limits(base);
    if let Some(limit) = limit_of_condition(site) {
        limits.push(limit);
    }
    for (i, limit) in limits.iter().take(3).enumerate() {
        beyond(site, found, 4 * i as u32, index, limit, ">=");
    }
    if limits.is_empty() {
        for name in companions(site, index) {
            found.add(8, format!("{} >= {name}", site.side(index)));
        }
    }
}

/// `index OP limit`, a sum taken apart so that it cannot wrap.
fn beyond(site: &Site<'_>, found: &mut Conditions, rank: u32, index: &Expr, limit: &str, op: &str) {
    match &index.unparenthesised().kind {
        ExprKind::Binary { op: plus, lhs, rhs } if plus == "+" => {
            let (a, b) = (site.side(lhs), site.side(rhs));
            let tight = if limit.contains(' ') {
                format!("({limit})")
            } else {
                limit.to_string()
            };
            found.add(rank, format!("{a} >= {tight} || {b} {op} {tight} - {a}"));
            found.add(rank + 2, format!("{a} + {b} {op} {limit}"));
        }
        ExprKind::Binary { op: minus, lhs, rhs } if minus == "-" => {
            let (a, b) = (site.side(lhs), site.operand(rhs));
            found.add(rank, format!("{a} < {b} || {a} - {b} {op} {limit}"));
            found.add(rank + 1, format!("{a} - {b} {op} {limit}"));
        }
        // A constant index: the limit is what may be too small.
        ExprKind::Number if op == ">=" => match super::types::number(site.text(index)) {
            Some(n) => found.add(rank, format!("{limit} < {}", n.saturating_add(1))),
            None => found.add(rank, format!("{limit} <= {}", site.text(index))),
        },
        _ if site.is_signed(index) => {
            let i = site.side(index);
            found.add(rank, format!("{i} < 0 || {i} {op} {limit}"));
            found.add(rank + 1, format!("{i} {op} {limit}"));
        }
        _ => found.add(rank, format!("{} {op} {limit}", site.side(index))),
    }
}

/// The constant that the IR compares with: what the array's length is after the preprocessor.
fn limit_of_condition(site: &Site<'_>) -> Option<String> {
    let program = site.context.program.as_ref()?;
    let function = program
        .functions
        .iter()
        .find(|f| f.name == site.context.function)?;
    let same = |o: &&vf_ir::Obligation| o.property == site.property && o.text == site.obligation.text;
    let Condition::Holds(vf_ir::Expr::Compare { rhs, .. }) =
        &function.obligations.iter().find(same)?.condition
    else {
        return None;
    };
    match &**rhs {
        vf_ir::Expr::Int { value, .. } => Some(value.to_string()),
        _ => None,
    }
}

fn index_lower(site: &Site<'_>, found: &mut Conditions) {
    let Some((base, index)) = subscript(&site.op) else {
        return;
    };
    let index = used(index);
    if !index.is_pure() {
        return;
    }
    match &index.unparenthesised().kind {
        ExprKind::Binary { op, lhs, rhs } if op == "-" => {
            found.add(0, format!("{} < {}", site.side(lhs), site.operand(rhs)));
        }
        _ => found.add(0, format!("{} < 0", site.side(index))),
    }
    for limit in site.limits(base).into_iter().take(1) {
        let i = site.side(index);
        found.add(3, format!("{i} < 0 || {i} >= {limit}"));
    }
}

/// What a call reads or writes: argument numbers of the pointer and of its length in bytes.
fn accesses(name: &str, property: Property) -> &'static [(usize, usize)] {
    let write = property != Property::ValidRead;
    match name {
        "memcpy" | "memmove" | "__builtin_memcpy" | "__builtin_memmove" => {
            if write {
                &[(0, 2)]
            } else {
                &[(1, 2)]
            }
        }
        "copy_from_user" | "__copy_from_user" | "memcpy_fromio" => &[(0, 2)],
        "copy_to_user" | "__copy_to_user" | "memcpy_toio" | "write" | "send" => &[(1, 2)],
        "memset" | "strncpy" | "strscpy" | "strlcpy" | "bzero" | "snprintf" | "scnprintf" | "vsnprintf"
        | "fgets" => {
            if name == "memset" || name.starts_with("str") {
                &[(0, 2)]
            } else {
                &[(0, 1)]
            }
        }
        "read" | "recv" | "pread" | "skb_copy_bits" => &[(1, 2)],
        "memcmp" | "strncmp" => &[(0, 2), (1, 2)],
        "memchr" => &[(0, 2)],
        _ => &[],
    }
}

/// Pointer and length arguments of the call that an operation is.
pub fn access_arguments<'e>(site: &Site<'_>, call: &'e Expr) -> Vec<(&'e Expr, &'e Expr)> {
    let ExprKind::Call { args, .. } = &call.kind else {
        return Vec::new();
    };
    let name = call.called(site.source).unwrap_or("");
    accesses(name, site.property)
        .iter()
        .filter_map(|(p, n)| Some((args.get(*p)?, args.get(*n)?)))
        .collect()
}

fn access(site: &Site<'_>, found: &mut Conditions) {
    if let Some((base, index)) = subscript(&site.op)
        && !matches!(site.op.kind, ExprKind::Call { .. })
    {
        let index = used(index);
        if index.is_pure() {
            for (i, limit) in site.limits(base).iter().take(2).enumerate() {
                beyond(site, found, 2 * i as u32, index, limit, ">=");
            }
            for name in companions(site, index) {
                beyond(site, found, 6, index, &name, ">=");
            }
        }
        return;
    }
    let calls: Vec<&Expr> = site
        .op
        .walk()
        .into_iter()
        .filter(|e| matches!(e.kind, ExprKind::Call { .. }))
        .collect();
    for call in calls {
        for (pointer, length) in access_arguments(site, call) {
            if length.is_pure() {
                range(site, found, &site.target(pointer), length);
            }
        }
        string_copy(site, found, call);
    }
}

/// `length` bytes from a target on.
fn range(site: &Site<'_>, found: &mut Conditions, target: &Target, length: &Expr) {
    let n = site.side(length);
    // The element behind the bytes is used by its index somewhere: leave room for it.
    let terminated = site.context.all.iter().any(|o| {
        o.property.starts_with("index-")
            && o.text
                .replace(' ', "")
                .ends_with(&format!("[{}]", n.replace(' ', "")))
    });
    let op = if terminated { ">=" } else { ">" };
    if let Some((count, limit)) = elements(site, target, length) {
        found.add(0, format!("{count} > {limit}"));
    }
    let size = site
        .size_of(&target.base)
        .or_else(|| site.allocated(&target.base));
    if let Some(size) = size {
        match &target.offset {
            None => {
                found.add(0, format!("{n} {op} {size}"));
                found.add(3, format!("{n} >= {size}"));
            }
            Some(offset) => {
                found.add(0, format!("{offset} > {size} || {n} {op} {size} - {offset}"));
                found.add(3, format!("{offset} >= {size} || {n} >= {size} - {offset}"));
            }
        }
    }
    for name in companions(site, length) {
        match &target.offset {
            None => found.add(5, format!("{n} > {name}")),
            Some(offset) => found.add(5, format!("{offset} > {name} || {n} > {name} - {offset}")),
        }
    }
}

/// Of a length `count * sizeof(T)` from the start of an array on: the count, and the number of elements of the array.
fn elements(site: &Site<'_>, target: &Target, length: &Expr) -> Option<(String, String)> {
    let ExprKind::Binary { op, lhs, rhs } = &length.unparenthesised().kind else {
        return None;
    };
    let count = match (&lhs.unparenthesised().kind, &rhs.unparenthesised().kind) {
        (_, ExprKind::Sizeof { .. }) => lhs,
        (ExprKind::Sizeof { .. }, _) => rhs,
        _ => return None,
    };
    let limit = site.limits(&target.base).into_iter().next()?;
    (op == "*" && target.offset.is_none()).then(|| (site.side(count), limit))
}

/// Copies that end at a NUL: the length of the source against the size of the destination.
fn string_copy(site: &Site<'_>, found: &mut Conditions, call: &Expr) {
    let ExprKind::Call { args, .. } = &call.kind else {
        return;
    };
    let (Some(name), [dst, src, ..]) = (call.called(site.source), args.as_slice()) else {
        return;
    };
    let target = site.target(dst);
    let Some(size) = site.size_of(&target.base) else {
        return;
    };
    if !src.is_pure() {
        return;
    }
    let source = site.text(src);
    match (name, &target.offset) {
        ("strcpy" | "stpcpy", None) => found.add(2, format!("strlen({source}) >= {size}")),
        ("strcpy" | "stpcpy", Some(offset)) => {
            found.add(
                2,
                format!("{offset} >= {size} || strlen({source}) >= {size} - {offset}"),
            );
        }
        ("strcat", None) => {
            let d = site.text(dst);
            found.add(2, format!("strlen({source}) >= {size} - strlen({d})"));
        }
        _ => {}
    }
}

/// Integer parameters that may say how long something is, other than the ones the expression uses.
pub fn companions(site: &Site<'_>, expr: &Expr) -> Vec<String> {
    let used = site.variables(expr);
    let mut names: Vec<String> = site
        .types
        .integer_params()
        .into_iter()
        .filter(|n| !used.iter().any(|u| u == n))
        .map(str::to_string)
        .collect();
    let tells = |n: &String| {
        let n = n.to_ascii_lowercase();
        !["len", "size", "count", "max", "cap", "num", "n"]
            .iter()
            .any(|w| n == *w || w.len() > 1 && n.contains(w))
    };
    names.sort_by_key(tells);
    names.truncate(3);
    names
}

fn null(site: &Site<'_>, found: &mut Conditions) {
    let pointer = match &site.op.unparenthesised().kind {
        ExprKind::Member { base, .. } | ExprKind::Index { base, .. } => &**base,
        ExprKind::Unary { op, arg } if op == "*" => &**arg,
        ExprKind::Call { args, .. } => {
            for arg in args
                .iter()
                .filter(|a| a.is_pure() && a.bare().kind == ExprKind::Ident)
            {
                if site.types.of(arg).is_some_and(|t| t.is_pointer()) {
                    found.add(1, format!("!{}", site.operand(arg.bare())));
                }
            }
            return;
        }
        _ => &site.op,
    };
    let target = site.target(pointer).base;
    if target.is_pure() {
        found.add(0, format!("!{}", site.operand(&target)));
    }
}

/// Name of the largest value of a type, and a form that needs no header.
fn maximum(site: &Site<'_>, ty: Option<&CType>) -> Vec<String> {
    let (name, plain) = match ty {
        Some(CType::Int {
            bits: 64,
            signed: false,
        }) => ("SIZE_MAX", "(size_t)-1"),
        Some(CType::Int {
            bits: 64,
            signed: true,
        }) => ("LONG_MAX", "0x7fffffffffffffff"),
        Some(CType::Int {
            bits: 16,
            signed: false,
        }) => ("USHRT_MAX", "0xffff"),
        Some(CType::Int {
            bits: 8,
            signed: false,
        }) => ("UCHAR_MAX", "0xff"),
        Some(CType::Int { signed: false, .. }) => ("UINT_MAX", "0xffffffffU"),
        _ => ("INT_MAX", "0x7fffffff"),
    };
    let mut found = Vec::new();
    let headers = [("SIZE_MAX", "<stdint.h>"), ("", "<limits.h>")];
    let has = headers
        .iter()
        .any(|(n, h)| (n.is_empty() || *n == name) && site.source.contains(h));
    if has || site.may_use(name) {
        found.push(name.to_string());
    }
    found.push(plain.to_string());
    found
}

/// The arithmetic in an operation: operator and operands.
pub fn arithmetic(op: &Expr) -> Option<(&str, &Expr, &Expr)> {
    op.walk().into_iter().find_map(|e| match &e.kind {
        ExprKind::Binary { op, lhs, rhs } if matches!(op.as_str(), "+" | "-" | "*" | "<<") => {
            Some((op.as_str(), &**lhs, &**rhs))
        }
        ExprKind::Assign { op, lhs, rhs } => {
            let op = match op.as_str() {
                "+=" => "+",
                "-=" => "-",
                "*=" => "*",
                _ => return None,
            };
            Some((op, &**lhs, &**rhs))
        }
        _ => None,
    })
}

fn overflow(site: &Site<'_>, found: &mut Conditions) {
    if let ExprKind::Unary { op, arg } | ExprKind::Postfix { op, arg } = &site.op.unparenthesised().kind {
        let ty = site.types.of(arg);
        let x = site.side(arg);
        match op.as_str() {
            "++" => {
                for (i, max) in maximum(site, ty.as_ref()).iter().enumerate() {
                    found.add(i as u32, format!("{x} == {max}"));
                }
            }
            "--" => found.add(0, format!("{x} == 0")),
            "-" => found.add(
                0,
                format!(
                    "{x} < -{}",
                    maximum(site, ty.as_ref()).last().map_or("", |m| m.as_str())
                ),
            ),
            _ => {}
        }
        return;
    }
    let Some((op, lhs, rhs)) = arithmetic(&site.op) else {
        return;
    };
    if !lhs.is_pure() || !rhs.is_pure() {
        return;
    }
    let ty = site.types.of(&site.op).or_else(|| site.types.of(lhs));
    let signed = site.property == Property::SignedOverflow;
    let (a, b) = (site.operand(lhs), site.operand(rhs));
    let constant = matches!(rhs.bare().kind, ExprKind::Number | ExprKind::Sizeof { .. })
        || site
            .text(rhs)
            .bytes()
            .all(|c| c == b'_' || c.is_ascii_uppercase() || c.is_ascii_digit());
    for (i, max) in maximum(site, ty.as_ref()).iter().enumerate() {
        let rank = i as u32;
        match (op, signed) {
            ("+", false) => found.add(rank, format!("{a} > {max} - {b}")),
            ("+", true) if constant => found.add(rank, format!("{a} > {max} - {b}")),
            ("+", true) => {
                found.add(
                    rank,
                    format!("{b} > 0 ? {a} > {max} - {b} : {a} < -{max} - 1 - {b}"),
                );
                found.add(rank + 4, format!("{a} < 0 || {b} < 0 || {a} > {max} - {b}"));
            }
            ("-", false) => found.add(0, format!("{a} < {b}")),
            ("-", true) if constant => found.add(rank, format!("{a} < -{max} - 1 + {b}")),
            ("-", true) => {
                found.add(
                    rank,
                    format!("{b} > 0 ? {a} < -{max} - 1 + {b} : {a} > {max} + {b}"),
                );
                found.add(rank + 4, format!("{a} < 0 || {b} < 0"));
            }
            ("*", false) if constant => found.add(rank, format!("{a} > {max} / {b}")),
            ("*", false) => found.add(rank, format!("{b} && {a} > {max} / {b}")),
            ("*", true) if constant => found.add(rank, format!("{a} < 0 || {a} > {max} / {b}")),
            ("*", true) => found.add(rank, format!("{a} < 0 || {b} < 0 || ({b} && {a} > {max} / {b})")),
            _ => {}
        }
    }
}

fn lossy(site: &Site<'_>, found: &mut Conditions) {
    let (value, ty) = converted(site);
    let Some(value) = value.filter(|v| v.is_pure()) else {
        return;
    };
    let x = site.side(value);
    let from = site.types.of(value);
    if let Some(CType::Int { bits, signed: true }) = from {
        found.add(0, format!("{x} < 0"));
        // An unsigned type that is no narrower has every other value.
        if matches!(ty, Some(CType::Int { bits: to, signed: false }) if to >= bits) {
            return;
        }
    }
    for (i, max) in maximum(site, ty.as_ref()).iter().enumerate() {
        if site.is_signed(value) {
            found.add(1 + i as u32, format!("{x} < 0 || {x} > {max}"));
        }
        found.add(1 + i as u32, format!("{x} > {max}"));
    }
}

/// The value that loses something and the type that it is made into, where the text shows them.
fn converted<'s>(site: &'s Site<'_>) -> (Option<&'s Expr>, Option<CType>) {
    match &site.op.kind {
        ExprKind::Assign { lhs, rhs, .. } => (Some(rhs), site.types.of(lhs)),
        ExprKind::Cast { ty, arg } => (
            Some(arg),
            Some(super::types::type_of_text(
                site.source.get(ty.clone()).unwrap_or(""),
            )),
        ),
        _ => {
            let node = &site.outline.nodes[site.node];
            let declared = node.declarators.iter().find(|d| {
                d.init
                    .as_ref()
                    .is_some_and(|i| i.range.start <= site.op.range.start && site.op.range.end <= i.range.end)
            });
            let assigned = site
                .outline
                .expressions(site.node)
                .into_iter()
                .find_map(|e| match e.kind {
                    ExprKind::Assign { lhs, .. } => site.types.of(&lhs),
                    _ => None,
                });
            let ty = declared
                .and_then(|d| site.types.specifiers(&d.name))
                .map(|s| super::types::basic(&s));
            (Some(&site.op), ty.or(assigned))
        }
    }
}

fn shift(site: &Site<'_>, found: &mut Conditions) {
    let count = site.op.walk().into_iter().find_map(|e| match &e.kind {
        ExprKind::Binary { op, lhs, rhs } if op == "<<" || op == ">>" => Some((&**lhs, &**rhs)),
        ExprKind::Assign { op, lhs, rhs } if op == "<<=" || op == ">>=" => Some((&**lhs, &**rhs)),
        _ => None,
    });
    let Some((value, count)) = count.filter(|(_, c)| c.is_pure()) else {
        return;
    };
    let bits = match site.types.of(value) {
        Some(CType::Int { bits, .. }) => bits.max(32),
        _ => 32,
    };
    let c = site.side(count);
    if site.is_signed(count) {
        found.add(0, format!("{c} < 0 || {c} >= {bits}"));
    }
    found.add(1, format!("{c} >= {bits}"));
}

fn divisor(site: &Site<'_>, found: &mut Conditions) {
    let divisor = site.op.walk().into_iter().find_map(|e| match &e.kind {
        ExprKind::Binary { op, rhs, .. } if op == "/" || op == "%" => Some(&**rhs),
        ExprKind::Assign { op, rhs, .. } if op == "/=" || op == "%=" => Some(&**rhs),
        _ => None,
    });
    let Some(divisor) = divisor.filter(|d| d.is_pure()) else {
        return;
    };
    let bare = divisor.unparenthesised();
    match &bare.kind {
        ExprKind::Binary { op, lhs, rhs } if op == "-" => {
            found.add(0, format!("{} == {}", site.side(lhs), site.operand(rhs)));
        }
        _ if bare.is_primary() => found.add(0, format!("!{}", site.text(bare))),
        _ => {}
    }
    found.add(2, format!("{} == 0", site.operand(bare)));
}

fn allocation(site: &Site<'_>, found: &mut Conditions) {
    let Some(call) = site
        .op
        .walk()
        .into_iter()
        .find(|e| matches!(e.kind, ExprKind::Call { .. }))
    else {
        return;
    };
    let ExprKind::Call { args, .. } = &call.kind else {
        return;
    };
    for arg in args.iter().filter(|a| a.is_pure()) {
        if !matches!(site.types.of(arg), Some(CType::Int { .. })) {
            continue;
        }
        let n = site.side(arg);
        if site.is_signed(arg) {
            found.add(0, format!("{n} < 0"));
        }
        for (i, max) in maximum(
            site,
            Some(&CType::Int {
                bits: 64,
                signed: true,
            }),
        )
        .iter()
        .enumerate()
        {
            found.add(1 + i as u32, format!("{n} > {max}"));
        }
    }
}

fn assertion(site: &Site<'_>, found: &mut Conditions) {
    let ExprKind::Call { args, .. } = &site.op.kind else {
        return;
    };
    if let [condition, ..] = args.as_slice()
        && condition.is_pure()
    {
        found.add(0, format!("!({})", site.text(condition.unparenthesised())));
    }
}

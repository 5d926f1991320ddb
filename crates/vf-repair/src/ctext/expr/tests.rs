use super::*;
use proptest::prelude::*;

fn shape(source: &str) -> String {
    fn go(e: &Expr, s: &str) -> String {
        let sub = |e: &Expr| go(e, s);
        match &e.kind {
            ExprKind::Ident | ExprKind::Number | ExprKind::Text | ExprKind::Braces(_) => {
                e.text(s).to_string()
            }
            ExprKind::Call { callee, args } => {
                format!(
                    "{}({})",
                    sub(callee),
                    args.iter().map(sub).collect::<Vec<_>>().join(" ")
                )
            }
            ExprKind::Index { base, index } => format!("[{} {}]", sub(base), sub(index)),
            ExprKind::Member { base, arrow, name } => {
                format!(
                    "{}{}{}",
                    sub(base),
                    if *arrow { "->" } else { "." },
                    &s[name.clone()]
                )
            }
            ExprKind::Unary { op, arg } => format!("{op}{}", sub(arg)),
            ExprKind::Postfix { op, arg } => format!("{}{op}", sub(arg)),
            ExprKind::Binary { op, lhs, rhs } | ExprKind::Assign { op, lhs, rhs } => {
                format!("<{}{op}{}>", sub(lhs), sub(rhs))
            }
            ExprKind::Ternary {
                condition,
                then,
                otherwise,
            } => {
                format!("<{}?{}:{}>", sub(condition), sub(then), sub(otherwise))
            }
            ExprKind::Cast { ty, arg } => format!("({}){}", &s[ty.clone()], sub(arg)),
            ExprKind::Sizeof { operand } => format!("sizeof({})", &s[operand.clone()]),
            ExprKind::Paren(inner) => format!("({})", sub(inner)),
        }
    }
    parse_text(source).map_or("?".into(), |e| go(&e, source))
}

#[test]
fn precedence_and_association() {
    assert_eq!(shape("a - b - c"), "<<a-b>-c>");
    assert_eq!(shape("a = b += c ? d : e"), "<a=<b+=<c?d:e>>>");
    assert_eq!(shape("a || b && c == d + e * f"), "<a||<b&&<c==<d+<e*f>>>>>");
    assert_eq!(shape("*p++ = -x[i]->y.z"), "<*p++=-[x i]->y.z>");
    assert_eq!(shape("f(a, b)(c), d"), "<f(a b)(c),d>");
}

#[test]
fn casts_and_sizeof() {
    assert_eq!(shape("(size_t)n * sizeof(*p)"), "<(size_t)n*sizeof(*p)>");
    assert_eq!(shape("(struct foo *)buf + 1"), "<(struct foo *)buf+1>");
    assert_eq!(shape("(a) - b"), "<(a)-b>");
    assert_eq!(shape("sizeof buf - 1"), "<sizeof(buf)-1>");
    assert_eq!(shape("min_t(unsigned int, a, b)"), "min_t(unsigned int a b)");
}

#[test]
fn what_is_no_expression() {
    assert_eq!(shape("a +"), "?");
    assert_eq!(shape("return x"), "?");
    assert_eq!(shape(&"(".repeat(5000)), "?");
    assert_eq!(shape(&"-".repeat(5000)), "?");
}

proptest! {
    #[test]
    fn never_panics(source in "[a-c0-9+*()\\[\\]{}?:,.&=<> -]{0,60}") {
        if let Some(expr) = parse_text(&source) {
            for e in expr.walk() {
                prop_assert!(source.get(e.range.clone()).is_some());
            }
        }
    }
}

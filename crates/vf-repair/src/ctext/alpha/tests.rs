use proptest::prelude::*;

use super::*;

const MACROS: &str = "#define MAX 8\n#define bool _Bool\n#define twice(x) ((x) + (x))\n#define CHECK if (err) goto out\n\
    #define HAS_T (t > 0)\n#define member(s, m) ((s)->m)\n#define quoted(x) #x\n\
    #define smaller(a, b) ({ __typeof__(a) _a = (a); __typeof__(b) _b = (b); _a < _b ? _a : _b; })\n#define deep HAS_T\n";

fn form(body: &str) -> Option<String> {
    let text = format!("struct s {{ int len; }};\nint g(int);\nint f(struct s *p, int n)\n{{\n{body}\n}}\n");
    modulo_names(&text, "f", &Macros::read(MACROS))
}

#[track_caller]
fn same(a: &str, b: &str) {
    let (a, b) = (form(a), form(b));
    assert!(a.is_some(), "not understood");
    assert_eq!(a, b);
}

#[track_caller]
fn differ(a: &str, b: &str) {
    let (a, b) = (form(a), form(b));
    assert!(a.is_some() && b.is_some(), "not understood: {a:?} {b:?}");
    assert_ne!(a, b);
}

#[test]
fn names_of_locals_and_labels_do_not_count() {
    same("int a = n; return a;", "int  b = n; /* x */ return b;");
    same("int a, b; a = b; return a;", "int b, a; b = a; return b;");
    same(
        "for (int i = 0; i < n; i++) g(i);",
        "for (int k = 0; k < n; k++) g(k);",
    );
    same(
        "if (n) goto out; g(1); out: return 0;",
        "if (n) goto end; g(1); end: return 0;",
    );
    same("bool t = n > MAX; return t;", "bool u = n > MAX; return u;");
    same(
        "struct s *q = p; return q->len;",
        "struct s *r = p; return r->len;",
    );
    same(
        "int x[MAX] = { [1] = n }, y; return y + x[0];",
        "int y[MAX] = { [1] = n }, x; return x + y[0];",
    );
    same(
        "int a = smaller(n, 3); return twice(a);",
        "int z = smaller(n, 3); return twice(z);",
    );
    same(
        "switch (n) { case 1: { int a = 1; return a; } default: break; } return 0;",
        "switch (n) { case 1: { int q = 1; return q; } default: break; } return 0;",
    );
    same(
        "int a = 1; { int a = 2; g(a); } return a;",
        "int x = 1; { int y = 2; g(y); } return x;",
    );
}

#[test]
fn what_means_something_else_differs() {
    differ("int a, b; a = b; return a;", "int a, b; b = a; return a;");
    differ("int a = n; return a;", "int a = n; return n;");
    differ(
        "int a = 1; { int a = 2; g(a); } return a;",
        "int a = 1; { int b = 2; g(a); } return a;",
    );
    differ(
        "int a = 1; for (int i = 0; i < 3; i++) g(a); return a;",
        "int a = 1; for (int i = 0; i < 3; i++) g(i); return a;",
    );
    differ(
        "int i = 5; for (int i = 0; i < 3; i++) g(i); g(i);",
        "int i = 5; for (int k = 0; k < 3; k++) g(i); g(i);",
    );
    differ(
        "struct s *q = p; return q->len;",
        "struct s *q = p; return p->len;",
    );
    differ("int g = n; return g;", "int h = n; return g(1);");
    differ("int a = a0, b = n;", "int a = a1, b = n;");
    differ(
        "int x = n; { int y[x]; int x = 1; g(x); }",
        "int x = n; { int z = 1; int y[x]; g(z); }",
    );
    differ(
        "if (n) goto a; b: g(1); a: return 0;",
        "if (n) goto b; b: g(1); a: return 0;",
    );
    differ("unsigned a = n; return a;", "int a = n; return a;");
}

/// A name that is quoted, pasted, selected or mentioned behind the program's back is not one that can be changed.
#[test]
fn what_is_not_understood_has_no_form() {
    for body in [
        "int err = n; CHECK; out: return 0;",
        "int t = n; return HAS_T;",
        "int t = n; return deep;",
        "int len = n; return member(p, len);",
        "int a = n; g(quoted(a));",
        "int _a = n; return smaller(_a, 3);",
        "int MAX = 3; return MAX;",
        "int a = n;\n#ifdef X\ng(a);\n#endif\nreturn a;",
        "int a = n; __asm__(\"\" : \"+r\"(a)); return a;",
        "int a = ({ int b = n; b; }); return a;",
        "T * a; return 0;",
        "struct { int a; } b; return b.a;",
        "extern int a; return a;",
        "int h(int); return h(n);",
        "void *a = &&out; out: return a != 0;",
        "goto *p; return 0;",
        "for (int i = 0; i < n; i++) LOOP(i) g(i);",
        "int a = n; typeof(a) b = a; return b;",
        "int a = (n",
    ] {
        assert_eq!(form(body), None, "{body}");
    }
    let twice = "int f(void) { return 0; }\nint f(void) { return 1; }\n";
    assert_eq!(modulo_names(twice, "f", &Macros::default()), None);
}

/// Names that a generated function gives its locals, by their number.
type Names = Vec<String>;

/// A small function in terms of numbered locals (`$0`) and labels (`%0`).
fn template() -> impl Strategy<Value = Vec<String>> {
    let part = prop_oneof![
        (0..4u8, 0..4u8).prop_map(|(a, b)| format!("${a} = ${b} + n;")),
        (0..4u8, 0..4u8).prop_map(|(a, b)| format!("if (${a} < ${b}) g(${a});")),
        (0..4u8).prop_map(|a| format!("p->len = ${a};")),
        (0..4u8).prop_map(|a| format!("for (int $4 = 0; $4 < ${a}; $4++) {{ g($4 - ${a}); }}")),
        (0..4u8, 0..3u8).prop_map(|(a, b)| format!("{{ int $5 = ${a}; ${a} = twice($5) * {b}; }}")),
        (0..4u8).prop_map(|a| format!("while (${a} > MAX) ${a} -= 2;")),
        (0..4u8).prop_map(|a| format!("if (${a}) goto %0;")),
    ];
    prop::collection::vec(part, 1..8)
}

fn written(parts: &[String], names: &Names) -> String {
    let mut body = String::from("int $0 = n, $1 = 2, $2, $3 = 7;\n$2 = $1;\n");
    body.push_str(&parts.join("\n"));
    body.push_str("\nreturn $0 + $1 + $2 + $3;\n%0:\nreturn -1;");
    for (number, name) in names.iter().enumerate() {
        body = body
            .replace(&format!("${number}"), name)
            .replace(&format!("%{number}"), &format!("l_{name}"));
    }
    body
}

fn names() -> impl Strategy<Value = Names> {
    prop::collection::hash_set("[a-e][a-z0-9]{2,5}", 6)
        .prop_map(|set| set.into_iter().collect::<Names>())
        .prop_filter("keywords", |names| names.iter().all(|n| !is_keyword(n)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn renamed_functions_are_one(parts in template(), one in names(), other in names()) {
        let (a, b) = (form(&written(&parts, &one)), form(&written(&parts, &other)));
        prop_assert!(a.is_some());
        prop_assert_eq!(a, b);
    }

    /// One use of a local becomes another local's, or one token another token: never the same function, whatever its names.
    #[test]
    fn edited_functions_are_two(
        parts in template(), one in names(), other in names(), at in any::<prop::sample::Index>(), by in 1..4usize,
    ) {
        let text = written(&parts, &one);
        let cut = tokens(&text);
        let from = text.find('\n').unwrap_or(0);
        // Uses, behind the declarations of the first line; a declared name of an inner block is none.
        let is_use = |i: usize| {
            let declared = i > 0 && cut[i - 1].text(&text) == "int";
            cut[i].start > from && !declared && one[..4].iter().any(|n| n == cut[i].text(&text))
        };
        let uses: Vec<usize> = (0..cut.len()).filter(|i| is_use(*i)).collect();
        let token = cut[uses[at.index(uses.len())]];
        let now = one.iter().position(|n| n == token.text(&text)).unwrap_or(0);
        let mut edited = text.clone();
        edited.replace_range(token.range(), &one[(now + by) % 4]);
        let renamed = |text: &str| {
            let mut out = String::new();
            for token in tokens(text) {
                let word = token.text(text);
                let stem = word.strip_prefix("l_").unwrap_or(word);
                match one.iter().position(|n| n == stem) {
                    Some(number) => out.push_str(&word.replace(stem, &other[number])),
                    None => out.push_str(word),
                }
                out.push(' ');
            }
            out
        };
        prop_assert_eq!(form(&text), form(&renamed(&text)));
        prop_assert_ne!(form(&text), form(&renamed(&edited)));
        for (old, new) in [("n", "m"), ("g", "h"), ("MAX", "9"), ("2", "3"), ("len", "size"), ("-", "+"), ("<", "<=")] {
            if let Some(token) = tokens(&text).iter().find(|t| t.text(&text) == old) {
                let mut edited = text.clone();
                edited.replace_range(token.range(), new);
                prop_assert_ne!(form(&text), form(&renamed(&edited)));
            }
        }
    }

    #[test]
    fn no_text_is_too_odd(text in "[a-z(){};=*:?&., \n\"'#0-9\\\\]{0,80}") {
        let _ = form(&text);
        let _ = Macros::read(&text);
    }
}

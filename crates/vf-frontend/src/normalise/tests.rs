use std::path::Path;

use proptest::prelude::*;
use vf_source::SourceMap;

use super::{Rewrite, Rewritten, Target, marker};
use crate::lex::lex;
use crate::parse::ParseFailure;
use crate::preprocess::Preprocessed;
use crate::split::{Unit, split};

fn unit(text: &str) -> Unit {
    let pre = Preprocessed::from_text(Path::new("test.c"), text.as_bytes()).unwrap();
    split(&pre, &mut SourceMap::new())
}

/// The last declaration, rewritten, without the prefix.
fn rewritten(text: &str) -> (String, Rewritten) {
    let unit = unit(text);
    let last = unit.declarations.len() - 1;
    let rewritten = unit.rewrite(last).unwrap();
    let (_, body) = rewritten.text.split_once("; ").unwrap();
    (body.to_string(), rewritten.clone())
}

#[track_caller]
fn becomes(text: &str, expected: &str) -> Rewritten {
    let (body, rewritten) = rewritten(text);
    let words = |text: &str| -> Vec<String> { lex(text).iter().map(|t| t.text(text).to_string()).collect() };
    assert_eq!(words(&body), words(expected), "{body}");
    parses(text);
    rewritten
}

#[track_caller]
fn parses(text: &str) {
    let unit = unit(text);
    for i in 0..unit.declarations.len() {
        if let Err(failure) = unit.parse(i) {
            panic!(
                "{failure} in {}",
                unit.rewrite(i).map(|r| r.text).unwrap_or_default()
            );
        }
    }
}

/// `name(arguments) on what stands at its target`.
fn attributes(r: &Rewritten) -> Vec<String> {
    r.side
        .attributes
        .iter()
        .map(|(target, a)| {
            let (sort, at) = match target {
                Target::Tag(at) => ("tag", at),
                Target::Declarator(at) => ("name", at),
                Target::Specifiers(at) => ("all", at),
                Target::Statement(at) => ("statement", at),
            };
            let here = r.text.get(*at..).unwrap_or("");
            let word: String = here
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            let arguments = if a.arguments.is_empty() {
                String::new()
            } else {
                format!("({})", a.arguments.join("; "))
            };
            format!("{}{arguments} {sort} {word}", a.name)
        })
        .collect()
}

#[test]
fn what_lang_c_takes_stays() {
    for text in [
        "int f(int a, char *b[3]) { return a ? b[0][1] : sizeof(int[4]); }",
        "struct s { int a : 3, : 0; union { int b; float c; }; int d[]; };",
        "int t[] = { [0 ... 3] = 1, [5] = 2, };",
        "static inline int g(void) { switch (1) { case 1 ... 3: default: break; } return 0; }",
        "long h(int n, ...) { __builtin_va_list ap; return __builtin_va_arg(ap, long); }",
        "int o(void) { return __builtin_offsetof(struct s, a.b[2]); }",
        "int k(int x) { return _Generic(x, int: 1, default: 2); }",
        "int e(void) { return ({ int y = 1; y; }); }",
        "_Float128 q; _Atomic int z; _Atomic(int) w; _Noreturn void die(void);",
    ] {
        parses(text);
    }
    let text = "int f(int a, char *b[3]) { return a ? b[0][1] : sizeof(int[4]); }";
    becomes(text, text);
}

#[test]
fn attributes_of_tags() {
    let r = becomes(
        "struct __attribute__((packed)) s { int a; } __attribute__((__aligned__(1 << 3), may_alias));",
        "struct s { int a; } ;",
    );
    assert_eq!(
        attributes(&r),
        [
            "packed tag struct",
            "aligned(1 << 3) tag struct",
            "may_alias tag struct"
        ]
    );
    let r = becomes(
        "typedef struct { enum __attribute__((packed)) { A } e; } __attribute__((packed)) t;",
        "typedef struct { enum { A } e; } t;",
    );
    assert_eq!(attributes(&r), ["packed tag struct", "packed tag enum"]);
}

#[test]
fn attributes_of_names() {
    let r = becomes(
        "int a __attribute__((aligned(8))), *b __attribute__((section(\"x,y\"), unused)) = 0;",
        "int a , *b = 0;",
    );
    assert_eq!(
        attributes(&r),
        ["aligned(8) name a", "section(\"x,y\") name b", "unused name b"]
    );
    let r = becomes(
        "int f(const char *p __attribute__((nonnull)), __attribute__((unused)) int q) __attribute__((access(read_only, 1, 2)));",
        "int f(const char *p , int q) ;",
    );
    assert_eq!(
        attributes(&r),
        [
            "access(read_only; 1; 2) name f",
            "nonnull name p",
            "unused all int"
        ]
    );
    let r = becomes(
        "struct s { int n; char d[] __attribute__((counted_by(n))); int * __attribute__((x)) p, b : 2 __attribute__((packed)); };",
        "struct s { int n; char d[] ; int * p, b : 2 ; };",
    );
    assert_eq!(
        attributes(&r),
        ["counted_by(n) name d", "x name p", "packed name b"]
    );
    let r = becomes(
        "typedef int (*fn __attribute__((mode(DI))))(int);",
        "typedef int (*fn )(int);",
    );
    assert_eq!(attributes(&r), ["mode(DI) name fn"]);
}

#[test]
fn attributes_of_specifiers() {
    let r = becomes(
        "static __attribute__((noinline)) int __attribute__((noreturn)) f(void) { return 1; }",
        "static int f(void) { return 1; }",
    );
    assert_eq!(attributes(&r), ["noinline all static", "noreturn all static"]);
    let r = becomes("__attribute__((a)) int x; ", "int x;");
    assert_eq!(attributes(&r), ["a all int"]);
    let r = becomes(
        "struct s { _Alignas(16) char c; _Alignas(long) int d, e; };",
        "struct s { char c; int d, e; };",
    );
    assert_eq!(
        attributes(&r),
        ["_Alignas(16) all char", "_Alignas(long) all int"]
    );
    let r = becomes("[[gnu::noinline, noreturn]] void f(void);", "void f(void);");
    assert_eq!(attributes(&r), ["noinline all void", "noreturn all void"]);
}

#[test]
fn attributes_of_statements() {
    let r = becomes(
        "void f(int x) { switch (x) { case 1: x = 2; __attribute__((fallthrough)); default: ; } out: __attribute__((unused)); }",
        "void f(int x) { switch (x) { case 1: x = 2; ; default: ; } out: ; }",
    );
    assert_eq!(attributes(&r), ["fallthrough statement ", "unused statement "]);
}

#[test]
fn attributes_do_not_stray_into_nested_declarations() {
    let r = becomes(
        "void f(void) { int a __attribute__((unused)) = ({ int b __attribute__((aligned(4))); b; }); { struct { int c; } __attribute__((packed)) *d = 0; } }",
        "void f(void) { int a = ({ int b ; b; }); { struct { int c; } *d = 0; } }",
    );
    assert_eq!(
        attributes(&r),
        ["packed tag struct", "unused name a", "aligned(4) name b"]
    );
}

#[test]
fn elvis() {
    becomes(
        "int f(int a) { return a ?: 3; }",
        "int f(int a) { return a ? __vf_elvis : 3; }",
    );
    becomes(
        "int f(int a) { return a ? : a ?: 3; }",
        "int f(int a) { return a ? __vf_elvis : a ? __vf_elvis : 3; }",
    );
}

#[test]
fn empty_compound_literals() {
    becomes(
        "void f(struct s *p) { *p = (struct s){}; }",
        "void f(struct s *p) { *p = (struct s){__vf_empty}; }",
    );
    becomes(
        "void f(void) { g(1, (struct s) { }); }",
        "void f(void) { g(1, (struct s) {__vf_empty }); }",
    );
    // Lists after `=`, and blocks, may be empty.
    becomes("struct s x = {}; ", "struct s x = {};");
    becomes(
        "void f(int c) { if (c) {} while (c) {} for (;;) {} do {} while (0); switch (c) {} }",
        "void f(int c) { if (c) {} while (c) {} for (;;) {} do {} while (0); switch (c) {} }",
    );
    becomes("int n = sizeof (int[]){1, 2};", "int n = sizeof( (int[]){1, 2});");
}

#[test]
fn labels() {
    becomes(
        "void f(void) { static void *t[] = { &&a, &&b }; goto *t[1]; a: b: ; }",
        "void f(void) { static void *t[] = { __vf_label_address(a), __vf_label_address(b) }; __vf_computed_goto(t[1]); a: b: ; }",
    );
    becomes(
        "void f(int x) { if (x) goto e; x = x && x; e: }",
        "void f(int x) { if (x) goto e; x = x && x; e:; }",
    );
    becomes(
        "void f(int x) { switch (x) { case 1: int y = 2; g(y); default: } }",
        "void f(int x) { switch (x) { case 1:; int y = 2; g(y); default:; } }",
    );
    becomes(
        "void f(int x) { x ? g(x) : h(x); a: x ? 1 : 2; }",
        "void f(int x) { x ? g(x) : h(x); a: x ? 1 : 2; }",
    );
    let r = becomes(
        "void f(void) { __label__ a, b; a: b: ; }",
        "void f(void) { a: b: ; }",
    );
    assert_eq!(r.side.rewrites.len(), 1);
    assert_eq!(
        r.side.rewrites[0].1,
        Rewrite::LocalLabels(vec!["a".into(), "b".into()])
    );
}

#[test]
fn assembly() {
    let r = becomes(
        "void f(int x) { asm volatile goto (\"jmp %l1\" : : \"r\"(x) : \"cc\" : out, in); out: in: ; }",
        "void f(int x) { __asm volatile (\"jmp %l1\" : : \"r\"(x) : \"cc\" ); out: in: ; }",
    );
    let (at, rewrite) = &r.side.rewrites[0];
    assert_eq!(*rewrite, Rewrite::AsmGoto(vec!["out".into(), "in".into()]));
    assert!(r.text[*at..].starts_with("__asm volatile"));
    becomes(
        "void f(void) { if (1) asm(\"nop\"); else __asm__ inline (\"\" ::: \"memory\"); }",
        "void f(void) { if (1) __asm(\"nop\"); else __asm (\"\" ::: \"memory\"); }",
    );
    let r = becomes("register long sp asm(\"rsp\"); ", "register long sp;");
    assert_eq!(r.side.rewrites[0].1, Rewrite::AsmLabel("\"rsp\"".into()));
    let r = becomes(
        "int f(void) __asm__(\"\" \"g\") __attribute__((pure)), h;",
        "int f(void) , h;",
    );
    let (at, rewrite) = &r.side.rewrites[0];
    assert_eq!(*rewrite, Rewrite::AsmLabel("\"\" \"g\"".into()));
    assert!(r.text[*at..].starts_with("f(void)"));
    let unit = unit("asm(\"nop\"); int x;");
    assert_eq!(unit.declarations.len(), 2);
    assert_eq!(
        unit.parse(0).unwrap_err(),
        ParseFailure::NoSuchDeclaration { index: 0 }
    );
}

#[test]
fn types() {
    let r = becomes(
        "unsigned __int128 f(__int128 a) { return a; }",
        "unsigned _Complex f(_Complex a) { return a; }",
    );
    assert_eq!(
        r.side
            .rewrites
            .iter()
            .filter(|(_, w)| *w == Rewrite::Int128)
            .count(),
        2
    );
    let at = r.text.find("_Complex").unwrap();
    assert!(r.side.is_int128(at) && !r.side.is_int128(at + 1));
    becomes("__uint128_t x; ", "__uint128_t x;");
    becomes(
        "void f(int a) { __auto_type b = a; typeof(typeof(b) *) c; __typeof__(int) d; }",
        "void f(int a) { __auto_type b = a; __typeof(__typeof(b) *) c; __typeof(int) d; }",
    );
    becomes(
        "static __thread __float128 x; ",
        "static _Thread_local _Float128 x;",
    );
    let r = becomes(
        "int f(const __seg_gs int *p) { return *p; }",
        "int f(const int *p) { return *p; }",
    );
    assert_eq!(r.side.rewrites[0].1, Rewrite::AddressSpace("__seg_gs".into()));
}

#[test]
fn operators_on_types() {
    becomes(
        "int x = __builtin_types_compatible_p(int *, typeof(x)) + 1;",
        "int x = __builtin_types_compatible_p( sizeof(int *), sizeof( __typeof(x))) + 1;",
    );
    becomes(
        "typedef int T; int f(int a) { return _Alignof(T) + __alignof__(struct s) + __alignof__(a) + __alignof__(T[2]); }",
        "int f(int a) { return _Alignof(T) + __alignof__(struct s) + __vf_alignof_value(a) + __alignof__(T[2]); }",
    );
    becomes(
        "int f(_Complex double z) { return __real__(z); }",
        "int f(_Complex double z) { return __vf_real(z); }",
    );
}

#[test]
fn dropped_without_loss() {
    becomes(
        "__extension__ typedef struct { __extension__ union { int a; }; ; _Static_assert(1, \"x\"); int b;; } t;",
        "typedef struct { union { int a; }; int b; } t;",
    );
    let r = becomes(
        "void f(void) { _Static_assert(sizeof(int) == 4); int a; }",
        "void f(void) { ; int a; }",
    );
    assert_eq!(r.side.rewrites[0].1, Rewrite::StaticAssert);
    assert!(unit("_Static_assert(1, \"\"); ;;").declarations.is_empty());
}

#[test]
fn literals() {
    let r = becomes("char *s = \"\\e[0m\" \"b\";", "char *s = \"\\a[0m\" \"b\";");
    assert!(matches!(&r.side.rewrites[..], [(at, Rewrite::Literal)] if r.text[*at..].starts_with("\"\\a")));
    parses("int c = '\\'' + L'\\u00e9' + '\\377';");
}

#[test]
fn literals_that_are_not_utf8_are_not_supported() {
    let pre =
        Preprocessed::from_text(Path::new("t.c"), b"char s[] = \"caf\xe9\"; /* \xe9 */ int x;").unwrap();
    let unit = split(&pre, &mut SourceMap::new());
    let side = &unit.parse(0).unwrap().side;
    assert!(side.unsupported(0..1000).unwrap().1.contains("UTF-8"));
    assert_eq!(unit.parse(1).unwrap().side.unsupported(0..1000), None);
}

#[test]
fn pragmas() {
    let text = "#pragma pack(push, 2)\nstruct a { int x; };\n#pragma pack(1)\nstruct b { int x; };\n#pragma pack(pop)\nstruct c { int x; };\n#pragma GCC diagnostic ignored \"-Wx\"\nint f(void) {\n#pragma omp parallel for\nfor (;;) ;\n}\n";
    let mut pre = Preprocessed::from_text(Path::new("test.c"), text.as_bytes()).unwrap();
    assert_eq!(
        split(&pre, &mut SourceMap::new())
            .parse(3)
            .unwrap()
            .side
            .unsupported(0..1000),
        None
    );
    pre.target.openmp = true;
    let unit = split(&pre, &mut SourceMap::new());
    let pack = |i: usize| unit.parse(i).unwrap().side.pack;
    assert_eq!((pack(0), pack(1), pack(2)), (Some(2), Some(1), None));
    let f = unit.parse(3).unwrap();
    let (at, what) = f.side.unsupported(f.node.span.start..f.node.span.end).unwrap();
    assert_eq!(what, "#pragma omp parallel for");
    assert!(f.text[at..].starts_with("for"));
}

#[test]
fn old_style_and_implicit_int() {
    becomes(
        "int f(a, b) int a; char *b; { return a; }",
        "int f(a, b) int a; char *b; { return a; }",
    );
    becomes("main() { return 0; }", "int main() { return 0; }");
    becomes("static f(x) { return x; }", "static int f(x) { return x; }");
}

#[test]
fn typedef_names() {
    parses("typedef int T; T x; T *f(T a) { T b = a; return (T *)b; } struct s { T T; };");
    // A local variable or a parameter hides the typedef name.
    parses("typedef int T; int f(void) { int T = 3; return T * T; }");
    becomes(
        "typedef int T; int f(int T, char c) { return (T) * 2 + sizeof(T); }",
        "int f(int T, char c) { __vf_shadow T; return (T) * 2 + sizeof(T); }",
    );
    parses("typedef char T; void f(int T) { T = 3; T++; if (T) (T) = 1; }");
    // A name is a type only from its typedef on.
    parses("int T; int f(void) { return T * T; } typedef int U; U *p;");
    becomes("typedef int T; typedef T T; ", "typedef T T;");
}

#[test]
fn every_mark_of_a_token_leads_back() {
    let text = "typedef int T;\nint  f(T x)\n{\n  return x ?: __alignof__(x);\n}\n";
    let unit = unit(text);
    let parsed = unit.parse(1).unwrap();
    let at = parsed.text.find("__vf_alignof_value").unwrap();
    let span = lang_c::span::Span::span(at, at + 5);
    assert_eq!(unit.source_text(span, &parsed), "__alignof__");
    assert_eq!(
        unit.source_text(parsed.node.span, &parsed),
        "int  f(T x)\n{\n  return x ?: __alignof__(x);\n}"
    );
}

#[test]
fn depth_is_limited() {
    let deep = |open: &str, close: &str, n: usize| {
        let text = format!(
            "int f(int x) {{ return {}x{}; }}",
            open.repeat(n),
            close.repeat(n)
        );
        unit(&text).parse(0)
    };
    for (open, close) in [
        ("(", ")"),
        ("-(", ")"),
        ("! ", ""),
        ("~", ""),
        ("sizeof ", ""),
        ("x+", ""),
        ("x?x:", ""),
        ("x=", ""),
    ] {
        assert!(deep(open, close, 200).is_ok(), "{open}");
        assert!(
            matches!(deep(open, close, 60_000), Err(ParseFailure::TooDeep { .. })),
            "{open}"
        );
    }
    let chain = |n: usize| format!("void f(int x) {{ {} ; }}", "if (x) x = 1; else ".repeat(n));
    assert!(unit(&chain(300)).parse(0).is_ok());
    assert!(matches!(
        unit(&chain(60_000)).parse(0),
        Err(ParseFailure::TooDeep { .. })
    ));
    let labels = |n: usize| format!("void f(int x) {{ switch (x) {{ {} ; }} }}", "case 1: ".repeat(n));
    assert!(unit(&labels(500)).parse(0).is_ok());
    assert!(matches!(
        unit(&labels(60_000)).parse(0),
        Err(ParseFailure::TooDeep { .. })
    ));
    let casts = format!("int x = {} 1;", "(int)".repeat(60_000));
    assert!(matches!(unit(&casts).parse(0), Err(ParseFailure::TooDeep { .. })));
    // Long is not deep.
    let list = format!("int t[] = {{ {} }};", "1 + 2, ".repeat(20_000));
    assert!(unit(&list).parse(0).is_ok());
    let body = format!(
        "void f(int x) {{ {} }}",
        "if (x) { x = 1; } else x = 2; ".repeat(5_000)
    );
    assert!(unit(&body).parse(0).is_ok());
}

#[test]
fn failures_name_the_construct() {
    let unit =
        unit("void f(void) { int g(int a) { return a; } g(1); }\nint ok;\nint h(void) { return 1 +; }");
    assert!(unit.parse(0).unwrap_err().to_string().contains("nested function"));
    assert!(unit.parse(1).is_ok());
    let failure = unit.parse(2).unwrap_err();
    assert_eq!(unit.text(failure.offset()..failure.offset() + 1), ";");
}

/// C with everything the pass looks at, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "int",
        "x",
        "T",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ";",
        ",",
        ":",
        "?",
        "=",
        "*",
        "&&",
        "struct",
        "enum",
        "typedef",
        "__attribute__((packed))",
        "__attribute__",
        "((",
        "asm",
        "goto",
        "volatile",
        "\"s\\e\"",
        "'c'",
        "1",
        "sizeof",
        "typeof",
        "__int128",
        "__label__",
        "_Static_assert",
        "__builtin_types_compatible_p",
        "__alignof__",
        "_Alignas",
        "if",
        "else",
        "case",
        "static",
        "\n#pragma pack(1)\n",
        "\n# 3 \"f.c\"\n",
        "[[",
        "]]",
        "<:",
        "%>",
        "...",
        "é",
        "__extension__",
        "__real__",
        "->",
        "return",
        "\\",
        "@",
        "R\"(",
        ")\"",
        "__auto_type",
    ]);
    prop::collection::vec(words, 0..60).prop_map(|w| format!("typedef int T; {}", w.join(" ")))
}

fn check_invariants(text: &str) -> Result<(), TestCaseError> {
    let unit = unit(text);
    let mut last = 0;
    for (i, declaration) in unit.declarations.iter().enumerate() {
        prop_assert!(declaration.range.start >= last && declaration.range.end >= declaration.range.start);
        last = declaration.range.end;
        let Ok(r) = unit.rewrite(i) else { continue };
        let mut at = 0;
        let mut from = 0;
        for t in &r.map.tokens {
            // Tokens stand in order, do not overlap, and each leads to a stretch of this declaration.
            prop_assert!(t.at >= at && r.text.get(t.at as usize..(t.at + t.len) as usize).is_some());
            prop_assert!(t.start >= from && t.end > t.start && t.end as usize <= declaration.range.end);
            at = t.at + t.len;
            from = t.start;
        }
        for (position, _) in &r.side.rewrites {
            prop_assert!(*position <= r.text.len());
        }
        // What was not respelled is the same text.
        for t in &r.map.tokens {
            let new = &r.text[t.at as usize..(t.at + t.len) as usize];
            let old = unit.text(t.start as usize..t.end as usize);
            let known = old == new
                || super::words::spelling(old) == new
                || new.contains("__vf_")
                || matches!(
                    new,
                    "(" | ")"
                        | "int"
                        | "sizeof("
                        | "( sizeof("
                        | "), sizeof("
                        | "))"
                        | ";"
                        | "volatile"
                        | "__asm"
                )
                || old.contains(['"', '\''])
                || old.contains(|c: char| c.is_ascii_digit()) && new.ends_with('L');
            prop_assert!(known, "{old} became {new}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_map_is_exact_on_any_tokens(text in soup()) {
        check_invariants(&text)?;
    }

    #[test]
    fn the_map_is_exact_on_any_bytes(bytes in prop::collection::vec(any::<u8>(), 1..200)) {
        let bytes: Vec<u8> = bytes.into_iter().map(|b| b.max(1)).collect();
        if let Ok(pre) = Preprocessed::from_text(Path::new("t.c"), &bytes) {
            check_invariants(&pre.text)?;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parsing_any_tokens_ends(text in soup()) {
        let unit = unit(&text);
        for i in 0..unit.declarations.len() {
            let _ = unit.parse(i).map(|p| unit.span(p.node.span, &p));
        }
    }
}

#[test]
fn markers_are_reserved_names() {
    for name in [
        marker::ELVIS,
        marker::EMPTY,
        marker::LABEL_ADDRESS,
        marker::COMPUTED_GOTO,
        marker::SHADOW,
    ] {
        assert!(name.starts_with("__vf_"));
    }
}

#[test]
fn parsing_that_backtracks_without_end_is_given_up() {
    let nested = |n: usize| {
        format!(
            "int f(int x) {{ return {}x{}; }}",
            "sizeof(typeof(".repeat(n),
            "))".repeat(n)
        )
    };
    assert!(unit(&nested(5)).parse(0).is_ok());
    let failure = unit(&format!("int ok;\n{}", nested(60))).parse(1).unwrap_err();
    assert!(
        matches!(failure, ParseFailure::TimeOut { offset: 8, .. }),
        "{failure}"
    );
    assert!(failure.to_string().contains("int f(int x)"));
    assert!(unit(&nested(4)).parse(0).is_ok(), "another thread goes on");
}

#[test]
fn swapped_storage_is_not_supported() {
    let unit = unit(
        "#pragma scalar_storage_order big-endian\nstruct s { int a; };\n#pragma scalar_storage_order default\nint x;",
    );
    let whole = |i: usize| {
        let parsed = unit.parse(i).unwrap();
        parsed
            .side
            .unsupported(parsed.node.span.start..parsed.node.span.end)
            .is_some()
    };
    assert_eq!((whole(0), whole(1)), (true, false));
}

#[test]
fn a_parameter_that_lang_c_misreads_is_refused() {
    let refused = |text: &str| {
        let (_, r) = rewritten(text);
        r.side.unsupported(0..r.text.len()).is_some()
    };
    assert!(refused("typedef int T; int f(int (T));"));
    assert!(!refused(
        "typedef int T; int f(int (*g)(T), T h(T)) { return g((T)1) + g(1 + (T)2) + f(g, (T(*)(T))0); }"
    ));
}

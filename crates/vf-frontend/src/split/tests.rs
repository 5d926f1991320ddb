use std::path::Path;

use vf_source::SourceMap;

use super::{Kind, TagKind, Unit, split};
use crate::preprocess::Preprocessed;

fn unit(text: &str) -> Unit {
    let pre = Preprocessed::from_text(Path::new("test.c"), text.as_bytes()).unwrap();
    split(&pre, &mut SourceMap::new())
}

/// Each declaration as one line: kind, names, tags.
fn outline(text: &str) -> Vec<String> {
    let unit = unit(text);
    unit.declarations
        .iter()
        .map(|d| {
            let kind = match &d.kind {
                Kind::Function { name } => format!("function {name}"),
                Kind::Prototype { names } => format!("prototype {}", names.join(",")),
                Kind::Typedef { names } => format!("typedef {}", names.join(",")),
                Kind::Variable { names } => format!("variable {}", names.join(",")),
                Kind::TagOnly => "tag".into(),
                Kind::Asm => "asm".into(),
                Kind::Other => "other".into(),
            };
            let tags: Vec<String> = d
                .tags
                .iter()
                .map(|t| format!(" {:?} {}", t.kind, t.name))
                .collect();
            kind + &tags.concat()
        })
        .collect()
}

#[test]
fn declarators_of_every_shape() {
    for (text, expected) in [
        ("int x;", "variable x"),
        ("int x, *y[3], (*z)(int);", "variable x,y,z"),
        ("int f(int a), *g(void);", "prototype f,g"),
        ("int x, f(void);", "variable x,f"),
        ("int (f)(void);", "prototype f"),
        ("int (*(*f)(int))[3];", "variable f"),
        ("int (*f(void))(int);", "prototype f"),
        ("int (*f(int a))(int) { return 0; }", "function f"),
        (
            "void (*signal(int sig, void (*func)(int)))(int);",
            "prototype signal",
        ),
        ("typedef int T;", "typedef T"),
        (
            "typedef int T, *P, F(int), (*Q)(void), A[3];",
            "typedef T,P,F,Q,A",
        ),
        ("typedef struct s { int a; } S, *SP;", "typedef S,SP Struct s"),
        (
            "struct s { union u { int a; } b; enum { A, B = 3, } c; };",
            "tag Struct s Union u",
        ),
        ("struct s;", "tag"),
        (
            "struct s f(struct s *p) { struct local { int x; } y; return *p; }",
            "function f",
        ),
        ("struct s { int a; } f(void) { }", "function f Struct s"),
        ("enum e { A, B } x = A;", "variable x Enum e"),
        (
            "static const struct { int a; } t[] = { { 1 }, { .a = f(2) } }, u;",
            "variable t,u",
        ),
        ("int x = sizeof(struct t { int a; });", "variable x"),
        (
            "__attribute__((noinline)) static int __attribute__((x(1))) f(void) { return 1; }",
            "function f",
        ),
        (
            "int f(void) __attribute__((alias(\"g\"))), h asm(\"k\") = 1;",
            "variable f,h",
        ),
        (
            "struct __attribute__((packed)) s { int a; } __attribute__((aligned(4))) x;",
            "variable x Struct s",
        ),
        ("int f(a, b) int a; char *b; { return a; }", "function f"),
        ("int f(a, b) struct s a; char *b, c; { return a; }", "function f"),
        ("int f();", "prototype f"),
        ("main() { }", "function main"),
        ("static f(a) { }", "function f"),
        ("unknown_t x;", "variable x"),
        ("unknown_t *f(other_t a) { }", "function f"),
        ("typeof(int[3]) x;", "variable x"),
        ("__auto_type x = 3;", "variable x"),
        ("_Atomic(int) x;", "variable x"),
        ("extern int x[], y;", "variable x,y"),
        ("int x = ({ int y = 1; y; });", "variable x"),
        ("asm(\"nop\");", "asm"),
        ("_Noreturn void die(void);", "prototype die"),
        ("unsigned long long int x : 3;", "variable x"),
        ("int x = 1, y = (2, 3), z = { 4, 5 };", "variable x,y,z"),
        ("} ", "other"),
    ] {
        assert_eq!(outline(text), [expected], "{text}");
    }
}

#[test]
fn typedef_names_are_types_afterwards() {
    assert_eq!(
        outline("typedef int T; T x; T f(T); T (y); struct T { T T; }; T (*g)(T);"),
        [
            "typedef T",
            "variable x",
            "prototype f",
            "variable y",
            "tag Struct T",
            "variable g"
        ]
    );
    // A parameter list of typedef names is not an old-style one.
    assert_eq!(
        outline("typedef int T; int f(T); int x;"),
        ["typedef T", "prototype f", "variable x"]
    );
    assert_eq!(outline("int f(a); int x;"), ["prototype f", "variable x"]);
}

#[test]
fn the_index_finds_definitions() {
    let unit = unit(
        "struct s; struct s { int a; }; enum { A, B = A + 1, C }; typedef int T; typedef int T;\n\
         int f(void); int f(void) { return 1; } extern int x; int x = 3; int f(void);\n\
         typedef struct { enum k { K } k; } R; T g;",
    );
    assert_eq!(unit.tag(TagKind::Struct, "s"), Some(1));
    assert_eq!(unit.tag(TagKind::Union, "s"), None);
    assert_eq!(unit.tag(TagKind::Enum, "k"), Some(10));
    assert_eq!(unit.enum_constant("B"), Some(2));
    assert_eq!(unit.enum_constant("K"), Some(10));
    assert_eq!(unit.typedef("T"), Some(4));
    assert_eq!(unit.prototypes("f"), [5, 9]);
    assert_eq!(unit.function("f"), Some(6));
    assert_eq!(unit.variables("x"), [7, 8]);
    assert_eq!((unit.function("x"), unit.variables("nothing")), (None, &[][..]));
}

#[test]
fn stray_text_does_not_stop_the_rest() {
    assert_eq!(
        outline(";; int x;; }; int y; ) int z;"),
        ["variable x", "other", "variable y", "variable z"]
    );
    assert_eq!(
        outline("int f(void) { return (1; } int y;")
            .last()
            .map(String::as_str),
        Some("function f")
    );
    let unit = unit("This is a letter, not a program. It's text!\nint x;");
    assert!(unit.parse(0).is_err());
}

#[test]
fn files_and_main() {
    let text = "# 1 \"m.c\"\n# 1 \"h.h\" 1\nint a;\n# 2 \"m.c\" 2\nint b;\nint f(void) {\n# 1 \"body.inc\" 1\nreturn 1;\n# 4 \"m.c\" 2\n}\n";
    let unit = unit(text);
    let main: Vec<bool> = unit.declarations.iter().map(|d| d.main).collect();
    assert_eq!(main, [false, true, true]);
    let place = unit.place(unit.declarations[1].range.clone());
    assert_eq!((place.file, place.start.line), (unit.main, 2));
    let inner = text.find("return").unwrap();
    assert_eq!(unit.place(inner..inner + 6).start.line, 1);
    assert_ne!(unit.place(inner..inner + 6).file, unit.main);
}

#[test]
fn arguments_of_attributes_are_expressions() {
    use lang_c::ast::{Expression, ExternalDeclaration, Initializer};
    let unit = unit(
        "typedef int T; struct s { char c __attribute__((aligned(sizeof(T) * 2))); _Alignas(T) char d; };",
    );
    let parsed = unit.parse(1).unwrap();
    let mut found = Vec::new();
    for (_, attribute) in &parsed.side.attributes {
        let argument = unit.parse_argument(1, attribute, 0).unwrap();
        let ExternalDeclaration::Declaration(d) = &argument.node.node else {
            panic!("no declaration")
        };
        let Some(Initializer::Expression(e)) =
            d.node.declarators[0].node.initializer.as_ref().map(|i| &i.node)
        else {
            panic!("no initialiser")
        };
        found.push(match &e.node {
            Expression::BinaryOperator(_) => unit.source_text(e.span, &argument).to_string(),
            Expression::AlignOf(_) => format!("_Alignof {}", unit.source_text(e.span, &argument)),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(found, ["sizeof(T) * 2", "_Alignof T"]);
    let attribute = parsed.side.attributes[0].1.clone();
    assert!(unit.parse_argument(1, &attribute, 5).is_err());
}

#[test]
fn nesting_without_end_is_not_followed_without_end() {
    let text = format!("{} int x; {}", "struct {".repeat(50_000), "} a;".repeat(50_000));
    let unit = unit(&text);
    assert!(unit.parse(0).is_err());
    let parentheses = "(".repeat(200_000);
    assert!(self::unit(&parentheses).parse(0).is_err());
}

#[test]
fn a_file_in_which_nothing_parses_is_not_c() {
    let path = Path::new("x.c");
    for text in [
        "Dear reader,\nthis is a letter.\nIt ends here.",
        "{ \"a\": [1, 2] }",
        "fn main() { let x = 1; }",
    ] {
        let error = unit(text).expect_c(path).unwrap_err().to_string();
        assert!(error.starts_with("x.c:") && error.contains("not C"), "{error}");
    }
    for text in [
        "int x;",
        "garbage is here; int x;",
        "asm(\"nop\");",
        "int f(void) { int g(int a) { return a; } }",
    ] {
        assert!(unit(text).expect_c(path).is_ok(), "{text}");
    }
}

/// Every header of the C library that takes part in ordinary programs.
#[test]
fn the_c_librarys_headers_parse() {
    let headers = [
        "assert",
        "complex",
        "ctype",
        "errno",
        "fenv",
        "float",
        "inttypes",
        "limits",
        "locale",
        "math",
        "setjmp",
        "signal",
        "stdarg",
        "stdatomic",
        "stdbool",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "string",
        "tgmath",
        "threads",
        "time",
        "uchar",
        "wchar",
        "wctype",
        "pthread",
        "unistd",
        "fcntl",
        "dirent",
        "netdb",
        "netinet/in",
        "arpa/inet",
        "poll",
        "pwd",
        "regex",
        "sched",
        "semaphore",
        "spawn",
        "sys/epoll",
        "sys/mman",
        "sys/select",
        "sys/socket",
        "sys/stat",
        "sys/time",
        "sys/un",
        "sys/wait",
        "termios",
        "elf",
        "link",
    ];
    let includes: String = headers.iter().map(|h| format!("#include <{h}.h>\n")).collect();
    let body = "int f(double x, int *p, fd_set *s) { _Atomic int a = 0; atomic_fetch_add(&a, 1); errno = EIO; assert(p);\n\
                return isnan(x) + WEXITSTATUS(*p) + FD_ISSET(0, s) + (int)sqrt(x) + offsetof(struct stat, st_size); }\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.c");
    std::fs::write(&path, format!("#define _GNU_SOURCE\n{includes}{body}")).unwrap();
    let options = crate::Options {
        model: vf_ir::DataModel::Lp64,
        compiler: "cc".into(),
        flags: Vec::new(),
        directory: None,
        wanted: crate::Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    let pre = crate::preprocess::preprocess(&path, &options).unwrap();
    let unit = split(&pre, &mut SourceMap::new());
    assert!(unit.declarations.len() > 2000, "{}", unit.declarations.len());
    for (i, declaration) in unit
        .declarations
        .iter()
        .enumerate()
        .filter(|(_, d)| d.kind != Kind::Asm)
    {
        if let Err(failure) = unit.parse(i) {
            panic!("{failure}: {}", unit.text(declaration.range.clone()));
        }
    }
}

//! Which obligations the lowering makes for a construct: each once, none that C does not ask for.

use std::path::PathBuf;

use vf_frontend::{Loaded, Options, Wanted, load};
use vf_ir::{Body, DataModel};

fn lower(text: &str) -> Loaded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.c");
    std::fs::write(&file, text).expect("the temporary folder is writable");
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: Vec::new(),
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    load(&[file], &options).expect("the program loads")
}

/// `property: text` of every obligation of the function `f`, in order.
fn obligations(text: &str) -> Vec<String> {
    let loaded = lower(text);
    let id = loaded.program.function_named("f").expect("f is there");
    let f = loaded.program.function(id);
    if let Body::Unsupported(why) = &f.body {
        panic!("not lowered: {}", why.construct);
    }
    f.obligations
        .iter()
        .map(|o| format!("{}: {}", o.property.name(), o.text))
        .collect()
}

#[track_caller]
fn expect(text: &str, wanted: &[&str]) {
    assert_eq!(obligations(text), wanted, "{text}");
}

#[test]
fn index_of_a_fixed_array() {
    expect(
        "int a[8]; int f(int i) { return a[i]; }",
        &["index-lower-bound: a[i]", "index-upper-bound: a[i]"],
    );
    expect(
        "int a[8]; int f(unsigned i) { return a[i]; }",
        &["index-upper-bound: a[i]"],
    );
    expect(
        "int m[3][4]; int f(unsigned i, unsigned j) { return m[i][j]; }",
        &["index-upper-bound: m[i]", "index-upper-bound: m[i][j]"],
    );
}

#[test]
fn address_one_past_the_end_may_be_formed() {
    // The upper bound of `&a[8]` is inclusive, and nothing else is asked.
    let loaded = lower("int a[8]; int *f(void) { return &a[8]; } int *g(void) { return &a[9]; }");
    for (name, holds) in [("f", 1), ("g", 0)] {
        let id = loaded
            .program
            .function_named(name)
            .expect("the function is there");
        let obligations = &loaded.program.function(id).obligations;
        assert_eq!(obligations.len(), 1);
        let vf_ir::Condition::Holds(e) = &obligations[0].condition else {
            panic!("a plain condition")
        };
        assert_eq!(*e, vf_ir::Expr::int(1, holds), "{name}");
    }
}

#[test]
fn dereferences() {
    let read = [
        "not-null: *p",
        "lifetime: *p",
        "valid-read: *p",
        "initialized: *p",
    ];
    expect("int f(int *p) { return *p; }", &read);
    expect(
        "void f(int *p) { *p = 1; }",
        &["not-null: *p", "lifetime: *p", "valid-write: *p"],
    );
    expect("int *f(int *p) { return &*p; }", &[]);
    expect(
        "struct s { int n; char b[4]; }; int f(struct s *p, unsigned i) { return p->b[i]; }",
        &[
            "not-null: p->b",
            "lifetime: p->b",
            "index-upper-bound: p->b[i]",
            "valid-read: p->b[i]",
            "initialized: p->b[i]",
        ],
    );
    expect(
        "struct s { int n; int m; }; int *f(struct s *p) { return &p->m; }",
        &[],
    );
}

#[test]
fn a_trailing_array_behind_a_pointer_is_as_long_as_its_object() {
    for length in ["", "0", "1"] {
        let text =
            format!("struct s {{ int n; char b[{length}]; }}; void f(struct s *p, int i) {{ p->b[i] = 0; }}");
        expect(
            &text,
            &["not-null: p->b", "lifetime: p->b", "valid-write: p->b[i]"],
        );
    }
    expect(
        "struct s { int n; char b[1]; } x; void f(int i) { x.b[i] = 0; }",
        &["index-lower-bound: x.b[i]", "index-upper-bound: x.b[i]"],
    );
}

#[test]
fn arithmetic() {
    expect(
        "int f(int a, int b) { return a + b; }",
        &["signed-overflow: a + b"],
    );
    expect(
        "unsigned f(unsigned a) { return a * 3; }",
        &["unsigned-wrap: a * 3"],
    );
    expect(
        "int f(int a, int b) { return a / b; }",
        &["divisor-nonzero: a / b", "signed-overflow: a / b"],
    );
    expect("unsigned f(unsigned a) { return a / 4; }", &[]);
    expect(
        "int f(int a, int n) { return a << n; }",
        &["shift-in-range: a << n"],
    );
    expect("int f(int a) { return a << 31; }", &[]);
    expect("int f(int a) { return -a; }", &["signed-overflow: -a"]);
    expect("unsigned f(unsigned a) { return -a; }", &[]);
    // Operands narrower than int cannot overflow it.
    expect("int f(char a, char b) { return a * b + 1; }", &[]);
}

#[test]
fn conversions() {
    expect("char f(int a) { return a; }", &["lossy-conversion: a"]);
    expect("unsigned f(int a) { return a; }", &["lossy-conversion: a"]);
    // A cast asks for the value that it gives.
    expect("char f(int a) { return (char)a; }", &[]);
    expect("long f(int a) { return a; }", &[]);
    expect("unsigned char f(int a) { return a & 0xff; }", &[]);
    expect("unsigned long f(unsigned long a) { return a & ~7; }", &[]);
    expect("_Bool f(int a) { return a; }", &[]);
    expect("int f(unsigned long a) { return a == (unsigned long)-1; }", &[]);
}

#[test]
fn uninitialised_variables() {
    expect("int f(int n) { int x; if (n) x = 1; else x = 2; return x; }", &[]);
    expect(
        "int f(int n) { int x; if (n) x = 1; return x; }",
        &["initialized: x"],
    );
    expect(
        "int f(void) { int x; goto out; x = 1; out: return x; }",
        &["initialized: x"],
    );
    // Assigned in an earlier iteration is not assigned in this one.
    expect(
        "int f(unsigned n) { int s = 0; while (n > 1) { int x; if (n == 9) x = 1; s ^= x; n >>= 1; } return s; }",
        &["initialized: x"],
    );
}

#[test]
fn short_circuit_guards_what_follows() {
    expect(
        "int a[4]; int f(int *p, unsigned i) { return p && i < 4 && a[i]; }",
        &["index-upper-bound: a[i]"],
    );
}

#[test]
fn assertions() {
    expect(
        "#include <assert.h>\nvoid f(int a) { assert(a > 3); }",
        &["assertion: assert(a > 3)"],
    );
    expect(
        "void __CPROVER_assert(_Bool, const char *); void f(int a) { __CPROVER_assert(a, \"x\"); }",
        &["assertion: __CPROVER_assert(a, \"x\")"],
    );
    expect(
        "void f(int a) { if (a) __builtin_unreachable(); }",
        &["unreachable-code: __builtin_unreachable()"],
    );
    expect("void abort(void); void f(int a) { if (a) abort(); }", &[]);
}

#[test]
fn variable_length_arrays() {
    expect(
        "int f(int n, int i) { int a[n]; a[i] = 1; return 0; }",
        &[
            "allocation-size: n",
            "allocation-size: a",
            "allocation-size: a",
            "index-lower-bound: a[i]",
            "index-upper-bound: a[i]",
        ],
    );
}

#[test]
fn what_is_not_understood_costs_one_function() {
    let loaded = lower(
        "int f(int n) { return n; } double _Complex z; int g(void) { return z != 0; } int h(void) { return g(); }",
    );
    let body = |name: &str| {
        let id = loaded
            .program
            .function_named(name)
            .expect("the function is there");
        loaded.program.function(id).body.clone()
    };
    assert!(matches!(body("f"), Body::Defined(_)));
    assert!(matches!(body("g"), Body::Unsupported(why) if why.construct.contains("complex")));
    assert!(matches!(body("h"), Body::Defined(_)));
}

#[test]
fn deep_nesting_is_refused_or_lowered() {
    for operator in ["-", "!", "~"] {
        let deep = format!(
            "int f(int n) {{ return {}n; }}",
            format!("{operator} ").repeat(20_000)
        );
        let loaded = lower(&deep);
        assert!(loaded.program.function_named("f").is_some());
    }
    let wide = format!("unsigned f(unsigned n) {{ return n{}; }}", " ^ n".repeat(20_000));
    assert!(lower(&wide).program.function_named("f").is_some());
}

#[test]
fn every_obligation_has_exactly_one_check() {
    let loaded = lower(include_str!("differential/control.c"));
    for f in &loaded.program.functions {
        let mut seen = vec![0; f.obligations.len()];
        for s in f.blocks().iter().flat_map(|b| &b.statements) {
            if let vf_ir::StmtKind::Check(id) = s.kind {
                seen[id.index()] += 1;
            }
        }
        assert!(seen.iter().all(|n| *n == 1), "{}", f.name);
    }
}

#[test]
fn a_variable_that_a_switch_jumps_past_is_indeterminate_again() {
    expect(
        "int f(unsigned n) { int s = 0; while (n) { switch (n & 1) { int y; case 0: y = 1; break; case 1: s ^= y; } \
         n >>= 1; } return s; }",
        &["initialized: y"],
    );
    let loaded = lower(
        "int f(unsigned n) { int s = 0; while (n) { switch (n & 1) { int y; case 0: y = 1; break; case 1: s ^= y; } \
         n >>= 1; } return s; }",
    );
    let f = &loaded.program.functions[0];
    assert!(matches!(
        f.obligations[0].condition,
        vf_ir::Condition::InitializedMemory { .. }
    ));
}

#[test]
fn assembly_may_change_what_its_operands_point_to() {
    let text = "int f(void) { int a[2] = {0, 0}; int *p = a; asm volatile (\"\" : \"+r\"(p) : : \"memory\"); return a[1]; }";
    let loaded = lower(text);
    let f = &loaded.program.functions[0];
    let mut statements = f.blocks().iter().flat_map(|b| &b.statements);
    assert!(statements.any(|s| matches!(s.kind, vf_ir::StmtKind::HavocMemory { .. })));
}

#[test]
fn calls_through_other_function_types_are_refused() {
    let loaded = lower("int g(int x) { return x; } int f(void) { return ((int (*)(long, long))g)(1, 2); }");
    let id = loaded.program.function_named("f").expect("f is there");
    let body = &loaded.program.function(id).body;
    assert!(matches!(body, Body::Unsupported(why) if why.construct.contains("incompatible")));
}

#[test]
fn an_unknown_function_is_an_error_that_names_others() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("test.c");
    std::fs::write(&file, "int parse_header(int n) { return n; }").expect("the temporary folder is writable");
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: Vec::new(),
        directory: None,
        wanted: Wanted::Functions(vec!["parse_heder".to_string()]),
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    let error = load(&[file], &options).expect_err("no such function").to_string();
    assert!(
        error.ends_with("`parse_heder` is not defined here; did you mean parse_header?"),
        "{error}"
    );
}

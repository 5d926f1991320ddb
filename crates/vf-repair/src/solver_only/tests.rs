//! What the templates write, on functions of every shape they are for.

use std::sync::Arc;

use vf_verify::report::Verdict;

use super::*;
use crate::judge::tests::function;
use crate::run::style_of;

/// Texts that the templates offer for the first failed obligation of a property at a piece of text.
fn offers(source: &str, property: &str, text: &str) -> Vec<String> {
    let name = functions(source).last().expect("a function").name.clone();
    let at = source.rfind(text).expect("the operation");
    let line = source[..at].matches('\n').count() as u32 + 1;
    let column = (at - source[..at].rfind('\n').map_or(0, |n| n + 1)) as u32 + 1;
    let mut report = function(&name, &[(property, text, line, Verdict::Refuted)]);
    report.obligations[0].location.column = column;
    let context = Context {
        report: None,
        tree: None,
        file: "a.c".into(),
        text: Arc::from(source),
        span: functions(source).last().expect("a function").range.clone(),
        function: name,
        failed: report.obligations.clone(),
        all: report.obligations,
        program: None,
        style: style_of(source),
    };
    let found = candidates(&context).expect("candidates");
    found.iter().map(|c| c.apply(source).expect("applies")).collect()
}

/// Asserts that one of the offers holds a piece of text, and tells which one it is (from 0).
fn offered(source: &str, property: &str, operation: &str, wanted: &str) -> usize {
    let all = offers(source, property, operation);
    let found = all
        .iter()
        .position(|text| normalised(text).contains(&normalised(wanted)));
    found.unwrap_or_else(|| panic!("no offer holds `{wanted}`:\n{}", all.join("\n-----\n")))
}

const KERNEL: &str = "#include <linux/kernel.h>\n";

#[test]
fn an_index_gets_a_guard() {
    let source = "int t[8];\nint f(unsigned int i)\n{\n\tif (!i)\n\t\treturn -1;\n\treturn t[i];\n}\n";
    offered(
        source,
        "index-upper-bound",
        "t[i]",
        "if (i >= 8)\n\t\treturn -1;\n\treturn t[i];",
    );
    offered(source, "index-upper-bound", "t[i]", "if (!i || i >= 8)");
}

#[test]
fn a_negative_index_widens_the_check() {
    let source = "int t[8];\nint f(int i)\n{\n\tif (i >= 8)\n\t\treturn -1;\n\treturn t[i];\n}\n";
    assert!(offered(source, "index-lower-bound", "t[i]", "if (i < 0 || i >= 8)") < 3);
    offered(source, "index-lower-bound", "t[i]", "int f(unsigned int i)");
}

#[test]
fn an_off_by_one_is_corrected_first() {
    let source = "int t[8];\nint f(unsigned int i)\n{\n\tif (i > 8)\n\t\treturn -1;\n\treturn t[i];\n}\n";
    assert_eq!(offered(source, "index-upper-bound", "t[i]", "if (i >= 8)"), 0);
    let source = "int t[8];\nvoid f(void)\n{\n\tint i;\n\n\tfor (i = 0; i <= 8; i++)\n\t\tt[i] = 0;\n}\n";
    assert_eq!(
        offered(source, "index-upper-bound", "t[i]", "for (i = 0; i < 8; i++)"),
        0
    );
}

#[test]
fn a_loop_bound_is_tested_before_the_loop() {
    let source = "int t[8];\nint f(unsigned int n)\n{\n\tunsigned int i;\n\n\tfor (i = 0; i < n; i++)\n\t\tt[i] = 0;\n\treturn 0;\n}\n";
    offered(
        source,
        "index-upper-bound",
        "t[i]",
        "if (n > 8)\n return -1;\n for (i = 0; i < n; i++)",
    );
    offered(
        source,
        "index-upper-bound",
        "t[i]",
        "for (i = 0; i < n && i < 8; i++)",
    );
    offered(source, "index-upper-bound", "t[i]", "if (n > 8) n = 8; for");
    let shifted = source
        .replace("t[i]", "t[k + i]")
        .replace("int n)", "int n, unsigned int k)");
    offered(
        &shifted,
        "index-upper-bound",
        "t[k + i]",
        "if (k > 8 || n > 8 - k)",
    );
}

#[test]
fn a_copy_is_guarded_or_clamped() {
    let source = format!(
        "{KERNEL}int f(const char *s, size_t n)\n{{\n\tchar buf[32];\n\n\tif (!n)\n\t\treturn -EINVAL;\n\tmemcpy(buf, s, n);\n\treturn buf[0];\n}}\n"
    );
    let call = "memcpy(buf, s, n)";
    offered(&source, "valid-write", call, "if (!n || n > sizeof(buf))");
    offered(&source, "valid-write", call, "n = min_t(size_t, n, sizeof(buf));");
    offered(
        &source,
        "valid-write",
        call,
        "if (n > sizeof(buf))\n return -EINVAL;",
    );
    let at = source
        .replace("memcpy(buf, s, n)", "memcpy(buf + k, s, n)")
        .replace("size_t n)", "size_t n, size_t k)");
    offered(
        &at,
        "valid-write",
        "memcpy(buf + k, s, n)",
        "if (k > sizeof(buf) || n > sizeof(buf) - k)",
    );
    offered(&source, "valid-read", call, "memcpy(buf, s, n)");
}

#[test]
fn string_functions_get_bounds() {
    let source = format!(
        "{KERNEL}int f(int a)\n{{\n\tchar buf[4];\n\n\tsprintf(buf, \"%d\", a);\n\treturn buf[0];\n}}\n"
    );
    assert_eq!(
        offered(
            &source,
            "valid-write",
            "sprintf(buf, \"%d\", a)",
            "snprintf(buf, sizeof(buf), \"%d\", a);"
        ),
        0
    );
    let source = format!(
        "{KERNEL}struct s {{ char name[8]; }};\nint f(struct s *p, const char *n)\n{{\n\tstrcpy(p->name, n);\n\treturn 0;\n}}\n"
    );
    let call = "strcpy(p->name, n)";
    assert_eq!(
        offered(
            &source,
            "valid-write",
            call,
            "if (strscpy(p->name, n, sizeof(p->name)) < 0)\n return -EINVAL;"
        ),
        0
    );
    let source = "#include <stdio.h>\n#include <string.h>\nvoid f(const char *n)\n{\n\tchar b[8];\n\tstrcpy(b, n);\n\tputs(b);\n}\n";
    offered(
        source,
        "valid-write",
        "strcpy(b, n)",
        "snprintf(b, sizeof(b), \"%s\", n);",
    );
    offered(
        source,
        "valid-write",
        "strcpy(b, n)",
        "if (strlen(n) >= sizeof(b)) return; strcpy(b, n);",
    );
}

#[test]
fn a_wrapping_check_is_rearranged() {
    let source = "#define MAX 64\nint f(unsigned long n, unsigned long used)\n{\n\tif (n > MAX - 2 - used)\n\t\treturn -1;\n\treturn g(n + used);\n}\n";
    offered(source, "precondition", "g(n + used)", "if (n + 2 + used > MAX)");
    offered(
        source,
        "precondition",
        "g(n + used)",
        "if (used > MAX - 2 || n > MAX - 2 - used)",
    );
}

#[test]
fn allocations_are_made_large_enough() {
    let source = format!(
        "{KERNEL}struct s {{ long a, b; }};\nstruct s *f(void)\n{{\n\tstruct s *p = kmalloc(sizeof(p), GFP_KERNEL);\n\n\tif (!p)\n\t\treturn NULL;\n\tp->b = 1;\n\treturn p;\n}}\n"
    );
    assert_eq!(
        offered(&source, "valid-write", "p->b", "kmalloc(sizeof(*p), GFP_KERNEL)"),
        0
    );
    let source = "char *f(const char *s)\n{\n\tsize_t n = strlen(s);\n\tchar *p = malloc(n);\n\tif (!p)\n\t\treturn NULL;\n\tstrcpy(p, s);\n\treturn p;\n}\n";
    offered(source, "valid-write", "strcpy(p, s)", "malloc(n + 1)");
    let source = source.replace("malloc(n)", "malloc(n + 1)");
    offered(&source, "valid-write", "strcpy(p, s)", "malloc(n + 2)");
    let source = "int *f(size_t n)\n{\n\tint *p = malloc(n * sizeof(int));\n\tif (p)\n\t\tp[n - 1] = 0;\n\treturn p;\n}\n";
    offered(source, "valid-write", "p[n - 1]", "calloc(n, sizeof(int))");
}

#[test]
fn arithmetic_is_checked_or_widened() {
    let source = "#include <linux/overflow.h>\nint f(u32 n)\n{\n\tu32 bytes;\n\n\tbytes = n * 16;\n\treturn g(bytes);\n}\n";
    offered(
        source,
        "unsigned-wrap",
        "n * 16",
        "if (check_mul_overflow(n, 16, &bytes)) return -EINVAL;",
    );
    offered(
        source,
        "unsigned-wrap",
        "n * 16",
        "size_t bytes; bytes = (size_t)n * 16;",
    );
    let source = "int f(int a, int b)\n{\n\treturn a + b;\n}\n";
    offered(
        source,
        "signed-overflow",
        "a + b",
        "if (b > 0 ? a > 0x7fffffff - b : a < -0x7fffffff - 1 - b) return -1;",
    );
    let source = "int f(char *p, size_t size)\n{\n\tint room = size;\n\tp[room] = 0;\n\treturn room;\n}\n";
    assert_eq!(
        offered(source, "lossy-conversion", "size", "size_t room = size;"),
        0
    );
}

#[test]
fn divisors_shifts_and_pointers() {
    let source = "int f(int a, int b)\n{\n\treturn a / b;\n}\n";
    offered(
        source,
        "divisor-nonzero",
        "a / b",
        "if (!b) return -1; return a / b;",
    );
    let source = "unsigned f(unsigned a, int s)\n{\n\treturn a << s;\n}\n";
    offered(
        source,
        "shift-in-range",
        "a << s",
        "if (s < 0 || s >= 32) return 0;",
    );
    let source = "struct s { int x; };\nint f(struct s *p)\n{\n\treturn p->x;\n}\n";
    offered(source, "not-null", "p->x", "if (!p) return -1; return p->x;");
    let source = "int f(void)\n{\n\tint x;\n\treturn x;\n}\n";
    offered(source, "initialized", "x", "int x = 0;");
}

#[test]
fn an_unbraced_body_gets_braces() {
    let source = "int t[8];\nint f(unsigned int i, int c)\n{\n\tif (c)\n\t\treturn t[i];\n\treturn 0;\n}\n";
    offered(
        source,
        "index-upper-bound",
        "t[i]",
        "if (c) { if (i >= 8) return -1; return t[i]; } return 0;",
    );
}

#[test]
fn every_offer_is_balanced_and_new() {
    let source = "int t[8];\nint f(int i, int n)\n{\n\twhile (i < n) {\n\t\tif (i > 8)\n\t\t\tbreak;\n\t\tt[i] += t[i + 1];\n\t\ti++;\n\t}\n\treturn 0;\n}\n";
    for property in vf_ir::Property::ALL {
        let all = offers(source, property.name(), "t[i + 1]");
        let mut seen = HashSet::new();
        for text in &all {
            assert!(seen.insert(normalised(text)), "twice: {text}");
            assert_eq!(functions(text).len(), 1, "{text}");
        }
    }
}

#[test]
fn elements_are_compared_with_elements() {
    let source = format!(
        "{KERNEL}unsigned int words[64];\nint f(const unsigned int *from, unsigned int count)\n{{\n\tif (count > sizeof(words))\n\t\treturn -22;\n\tmemcpy(words, from, count * sizeof(unsigned int));\n\treturn 0;\n}}\n"
    );
    let operation = "memcpy(words, from, count * sizeof(unsigned int))";
    let place = offered(
        &source,
        "valid-write",
        operation,
        "if (count > ARRAY_SIZE(words))",
    );
    assert!(place < 2, "{place}");
}

#[test]
fn a_wrap_and_a_clamp_are_corrected_too() {
    let source = "int t[8];\nint f(unsigned int i)\n{\n\tif (i > 8)\n\t\ti -= 8;\n\treturn t[i];\n}\n";
    assert_eq!(
        offered(source, "index-upper-bound", "t[i]", "if (i >= 8)\n\t\ti -= 8;"),
        0
    );
    let source = "char t[8];\nvoid f(const char *from, unsigned long n)\n{\n\tif ((int)n > 8)\n\t\tn = 8;\n\tmemcpy(t, from, n);\n}\n";
    let place = offered(
        source,
        "valid-write",
        "memcpy(t, from, n)",
        "if (n > 8)\n\t\tn = 8;",
    );
    assert!(place < 3, "{place}");
}

#[test]
fn the_smaller_of_two_sizes_is_taken() {
    let text = |chosen: &str| {
        format!(
            "#define MIN(a, b) ((a) < (b) ? (a) : (b))\n#define MAX(a, b) ((a) > (b) ? (a) : (b))\nchar t[8];\nvoid f(const char *from, unsigned long n)\n{{\n\tunsigned long todo;\n\n\ttodo = {chosen};\n\tmemcpy(t, from, todo);\n}}\n"
        )
    };
    for (wrong, right) in [
        ("MAX(n, sizeof(t))", "todo = MIN(n, sizeof(t));"),
        (
            "n > sizeof(t) ? n : sizeof(t)",
            "todo = n > sizeof(t) ? sizeof(t) : n;",
        ),
        (
            "(n < sizeof(t)) ? sizeof(t) : n",
            "todo = (n < sizeof(t)) ? n : sizeof(t);",
        ),
    ] {
        let place = offered(&text(wrong), "valid-write", "memcpy(t, from, todo)", right);
        assert_eq!(place, 0, "{wrong}");
    }
}

#[test]
fn a_row_has_its_own_length() {
    let source = "#define ROWS 16\n#define COLS 8\nint t[ROWS][COLS];\nint f(int rows, int cols)\n{\n\tint i, j;\n\n\tif (rows > ROWS || cols > ROWS)\n\t\treturn -1;\n\tfor (i = 0; i < rows; i++)\n\t\tfor (j = 0; j < cols; j++)\n\t\t\tt[i][j] = 0;\n\treturn 0;\n}\n";
    offered(
        source,
        "index-upper-bound",
        "t[i][j]",
        "if (rows > ROWS || cols > COLS)",
    );
}

#[test]
fn what_strncpy_filled_is_terminated() {
    let source = "char t[8];\nunsigned long f(const char *from)\n{\n\tif (!from)\n\t\treturn 0;\n\tstrncpy(t, from, sizeof(t));\n\treturn strlen(t);\n}\n";
    let cleared = "strncpy(t, from, sizeof(t));\n\tt[sizeof(t) - 1] = '\\0';";
    offered(source, "valid-read", "strlen(t)", cleared);
    offered(
        source,
        "valid-read",
        "strlen(t)",
        "if (strlen(from) >= sizeof(t))\n\t\treturn 0;\n\tstrncpy",
    );
}

#[test]
fn an_allocation_tells_its_room() {
    let source = "int f(const char *from, unsigned int n)\n{\n\tchar *t = malloc(4096);\n\n\tif (!t || !n)\n\t\treturn -1;\n\tmemcpy(t, from, n);\n\treturn 0;\n}\n";
    offered(
        source,
        "valid-write",
        "memcpy(t, from, n)",
        "if (!t || !n || n > 4096)",
    );
}

#[test]
fn a_condition_with_the_operation_in_it_is_asked_second() {
    let source = "int f(const char *line, unsigned long end)\n{\n\twhile (line[end - 1] == ' ')\n\t\tend--;\n\treturn end;\n}\n";
    offered(
        source,
        "unsigned-wrap",
        "end - 1",
        "while (end >= 1 && line[end - 1] == ' ')",
    );
}

#[test]
fn a_constant_index_tests_the_room() {
    let source = "int f(char *out, unsigned long room)\n{\n\tif (!out)\n\t\treturn 0;\n\tout[3] = 1;\n\treturn 4;\n}\n";
    offered(source, "valid-write", "out[3]", "if (room < 4)");
}

#[test]
fn a_structure_with_an_array_at_its_end_gets_its_size() {
    let source = |element: &str| {
        format!(
            "{KERNEL}struct set {{ int n; int items[]; }};\nvoid *f(unsigned int n)\n{{\n\tstruct set *p;\n\n\tp = kzalloc(sizeof(*p) + n * {element}, 0);\n\treturn p;\n}}\n"
        )
    };
    let named = source("sizeof(p->items[0])");
    offered(
        &named,
        "unsigned-wrap",
        "n * sizeof(p->items[0])",
        "kzalloc(struct_size(p, items, n), 0)",
    );
    let counted = source("4U");
    let sum = "kzalloc(size_add(sizeof(*p), array_size(n, 4U)), 0)";
    offered(&counted, "unsigned-wrap", "n * 4U", sum);
}

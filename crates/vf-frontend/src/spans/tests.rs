use std::path::Path;

use vf_ir::DataModel;
use vf_source::SourceMap;

use crate::preprocess::preprocess;
use crate::split::split;
use crate::{Options, Wanted};

fn options() -> Options {
    Options {
        model: DataModel::Lp64,
        compiler: "cc".into(),
        flags: Vec::new(),
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    }
}

/// Finds `needle` (its `nth` occurrence) in the preprocessed text of `source` and returns what the user wrote
/// there, as `line:column text`.
fn written(source: &str, needle: &str, nth: usize) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.c");
    std::fs::write(&path, source).unwrap();
    written_in(&path, needle, nth)
}

fn written_in(path: &Path, needle: &str, nth: usize) -> String {
    let pre = preprocess(path, &options()).unwrap();
    let mut sources = SourceMap::new();
    let unit = split(&pre, &mut sources);
    // Line markers name temporary folders: whatever letters those have does not count.
    let code: String = pre
        .text
        .split_inclusive('\n')
        .map(|l| {
            if l.starts_with('#') {
                " ".repeat(l.len())
            } else {
                l.to_string()
            }
        })
        .collect();
    let (at, _) = code
        .match_indices(needle)
        .nth(nth)
        .unwrap_or_else(|| panic!("{needle} in {code}"));
    let span = unit.place(at..at + needle.len());
    let name = sources
        .get(span.file)
        .unwrap()
        .path
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    let text = sources.text(span).unwrap_or("").to_string();
    let prefix = if name == "a.c" {
        String::new()
    } else {
        format!("{name}:")
    };
    format!("{prefix}{}:{} {text}", span.start.line, span.start.column)
}

#[test]
fn outside_macros_places_are_exact() {
    let source = "int f(int  a,\n\tint b) {\n\treturn a   +  /* c */ b;\n}\n";
    assert_eq!(written(source, "return", 0), "3:2 return");
    assert_eq!(written(source, "+", 0), "3:13 +");
    assert_eq!(written(source, "a + b", 0), "3:9 a   +  /* c */ b");
    assert_eq!(written(source, "int a,\n int b", 0), "1:7 int  a,\n\tint b");
}

#[test]
fn an_object_macro_is_its_name() {
    let source = "#define N (4 + 4)\nint t[N]; int f(int i) { return t[i] + N + t[N - 1]; }\n";
    assert_eq!(written(source, "4 + 4", 0), "2:7 N");
    assert_eq!(written(source, "t[i]", 0), "2:33 t[i]");
    assert_eq!(written(source, "(4 + 4)", 1), "2:40 N");
    assert_eq!(written(source, "(4 + 4) - 1", 0), "2:46 N - 1");
    assert_eq!(written(source, "t[(4 + 4) - 1]", 0), "2:44 t[N - 1]");
}

#[test]
fn an_expansion_with_the_same_tokens_as_its_surroundings() {
    let source = "#define ONE 1 + 1\nint f(int x) { return x + ONE + 1; }\n";
    assert_eq!(written(source, "x", 1), "2:23 x");
    assert_eq!(written(source, ";", 0), "2:34 ;");
    let source = "#define P (y + 1)\nint f(int x, int y) { x = P + 1; return x; }\n";
    assert_eq!(written(source, "y + 1", 0), "2:27 P");
    assert_eq!(written(source, ") + 1", 0), "2:27 P + 1");
}

#[test]
fn a_function_macro_is_its_invocation_or_the_argument() {
    let source =
        "#define MAX(a, b) ((a) > (b) ? (a) : (b))\nint f(int *p, int n) { return MAX(p[n], 3) + p[0]; }\n";
    assert_eq!(written(source, "p[n]", 0), "2:35 p[n]");
    assert_eq!(written(source, "p[n]", 1), "2:35 p[n]");
    assert_eq!(written(source, "(3)", 0), "2:31 MAX(p[n], 3)");
    assert_eq!(
        written(source, "((p[n]) > (3) ? (p[n]) : (3))", 0),
        "2:31 MAX(p[n], 3)"
    );
    assert_eq!(written(source, "p[0]", 0), "2:46 p[0]");
}

#[test]
fn an_invocation_over_lines() {
    let source = "#define ADD(a, b) ((a) + (b))\nint f(int x, int y) {\n    return ADD(x,\n        y * 2\n    ) + x - 7;\n}\n";
    assert_eq!(written(source, "y * 2", 0), "4:9 y * 2");
    assert_eq!(written(source, "7", 0), "5:13 7");
    assert_eq!(
        written(source, "((x) + (y * 2))", 0),
        "3:12 ADD(x,\n        y * 2\n    )"
    );
    assert_eq!(written(source, "}", 0), "6:1 }");
}

#[test]
fn nested_macros_and_a_macro_that_makes_a_block() {
    let source = "#define A(x) ((x) + 1)\n#define B(x) do { A(x); g(x); } while (0)\nvoid g(int);\nvoid f(int q) {\n  B(q + 5); g(q);\n}\n";
    assert_eq!(written(source, "g(q + 5)", 0), "5:3 B(q + 5)");
    assert_eq!(written(source, "q + 5", 0), "5:5 q + 5");
    assert_eq!(written(source, "g(q);", 0), "5:13 g(q);");
}

#[test]
fn a_macro_that_names_itself_or_only_renames() {
    let source = "int get(int, int);\nint real_put(int);\n#define get(x) get(x, 1)\n#define put real_put\nint f(int i) { return get(i) + put(i); }\n";
    assert_eq!(written(source, "real_put(i)", 0), "5:32 put(i)");
    assert_eq!(written(source, "real_put", 1), "5:32 put");
    assert_eq!(written(source, "get(i, 1)", 0), "5:23 get(i)");
}

#[test]
fn conditional_code_and_continued_lines() {
    let source = "#define M(x) (x)\nint f(int a) {\n  int r = M(a\n#if 0\n    + 3); (\n#endif\n  );\n  r = \\\n   a; return r;\n}\n";
    assert_eq!(written(source, "return r", 0), "9:7 return r");
    assert_eq!(written(source, "a;", 0), "9:4 a;");
    assert_eq!(written(source, "r =", 0), "3:7 r =");
}

#[test]
fn a_header_is_its_own_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("h.h"),
        "\nstatic int  h(int x) { return x; }\n",
    )
    .unwrap();
    let path = folder.path().join("a.c");
    std::fs::write(&path, "#include \"h.h\"\nint f(void) { return h(1); }\n").unwrap();
    assert_eq!(written_in(&path, "h(int x)", 0), "h.h:2:13 h(int x)");
    assert_eq!(written_in(&path, "h(1)", 0), "2:22 h(1)");
}

#[test]
fn a_macro_of_a_system_header_breaks_the_output_line_only() {
    let source = "#include <stddef.h>\nchar *f(char *p) { return p == NULL ? p : p + 1; }\n";
    assert_eq!(written(source, "p + 1", 0), "2:43 p + 1");
    assert_eq!(written(source, "((void *)0)", 0), "2:32 NULL");
}

#[test]
fn line_directives_lead_to_the_file_they_name() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("g.y"), "%%\nexpr: x { y = 1; }\n").unwrap();
    let path = folder.path().join("a.c");
    let y = folder.path().join("g.y").display().to_string();
    std::fs::write(
        &path,
        format!("int y;\nvoid f(void) {{\n#line 2 \"{y}\"\n y = 1;\n}}\n"),
    )
    .unwrap();
    assert_eq!(written_in(&path, "y = 1", 0), "g.y:2:11 y = 1");
}

#[test]
fn markers() {
    use super::{Marker, parse_marker};
    let marker = |line, file: &str, enters| {
        Some(Marker {
            line,
            file: file.into(),
            enters,
        })
    };
    assert_eq!(
        parse_marker("# 12 \"a \\\"b\\\\.h\" 1 3"),
        marker(12, "a \"b\\.h", true)
    );
    assert_eq!(parse_marker("#line 7 \"x.y\""), marker(7, "x.y", false));
    assert_eq!(parse_marker("#pragma once"), None);
    assert_eq!(parse_marker("# 12"), None);
    assert_eq!(parse_marker("# \"é"), None);
}

#[test]
fn an_annotation_that_names_itself() {
    let source = "#define inline inline __attribute__((unused))\nstatic inline int f(int x) { return x; }\n";
    assert_eq!(written(source, "__attribute__((unused))", 0), "2:8 inline");
    assert_eq!(written(source, "int f", 0), "2:15 int f");
}

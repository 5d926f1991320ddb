use super::*;

const FILE: &str = "#include <a.h>\nstruct s { char name[8]; int n; };\nint g(void) { return 1; }\n\
                    static int f(struct s *p, int i)\n{\n\tp->name[i] = 0;\n\treturn 0;\n}\n";

fn with(from: &str, to: &str) -> Result<(), Refusal> {
    assert!(FILE.contains(from), "{from}");
    compare(FILE, &FILE.replacen(from, to, 1), "f")
}

#[test]
fn a_change_inside_the_function_is_let_through() {
    assert_eq!(
        with("\tp->name[i]", "\tif (i > 7)\n\t\treturn -1;\n\tp->name[i]"),
        Ok(())
    );
    assert_eq!(with("int i)", "unsigned int i)"), Ok(()));
    assert_eq!(with("name[8]", "name[16]"), Ok(()));
}

#[test]
fn everything_else_is_refused() {
    assert!(matches!(
        with("return 1", "return 2"),
        Err(Refusal::OutsideFunction { .. })
    ));
    assert!(matches!(
        with("int n;", "long n;"),
        Err(Refusal::OutsideFunction { line: 2, .. })
    ));
    assert!(matches!(
        with("<a.h>", "<b.h>"),
        Err(Refusal::OutsideFunction { line: 1, .. })
    ));
    assert!(matches!(
        with("name[8]", "name[8]; char b[8]"),
        Err(Refusal::OutsideFunction { .. })
    ));
    assert!(matches!(
        with("static int f", "int f"),
        Err(Refusal::OutsideFunction { .. })
    ));
    assert!(matches!(
        with("int i)", "int i, int j)"),
        Err(Refusal::OutsideFunction { .. })
    ));
    assert!(matches!(
        with("static int f", "static int h"),
        Err(Refusal::FunctionGone { .. })
    ));
    assert!(matches!(
        with("\treturn 0;\n}", "\treturn 0;\n}\nint h(void) { return 1; }"),
        Err(Refusal::OtherFunctions { .. })
    ));
    assert!(matches!(
        with("\tp->name", "#define X\n\tp->name"),
        Err(Refusal::Preprocessor { .. })
    ));
    assert!(matches!(
        with("\tp->name", "\t__asm__(\"\");\n\tp->name"),
        Err(Refusal::ForbiddenWord { .. })
    ));
    assert!(matches!(
        with("\tp->name", "\t__VERIFIER_assume(0);\n\tp->name"),
        Err(Refusal::ForbiddenWord { .. })
    ));
    assert!(matches!(
        with("\tp->name", "\texit(0);\n\tp->name"),
        Err(Refusal::ForbiddenWord { .. })
    ));
    assert!(matches!(
        with("return 0;", "return  0; /* same */"),
        Err(Refusal::NoChange)
    ));
}

#[test]
fn enormous_and_binary_text_is_refused() {
    let candidate = |replacement: String| Candidate {
        edits: vec![crate::proposer::TextEdit {
            range: 0..0,
            replacement,
        }],
        origin: "test".into(),
        note: String::new(),
    };
    assert!(matches!(
        accept(&candidate("x".repeat(MAX_ADDED + 1)), FILE, "f"),
        Err(Refusal::TooLarge { .. })
    ));
    assert!(matches!(
        accept(&candidate("\u{1}".into()), FILE, "f"),
        Err(Refusal::ControlByte { byte: 1 })
    ));
}

/// What is refused, and that it is refused for what it is.
fn refused(put: &str) -> Refusal {
    with("\tp->name[i]", &format!("{put}\n\tp->name[i]")).expect_err(put)
}

#[test]
fn what_the_compiler_reads_as_something_else_is_refused() {
    use Disguise::*;
    for (put, what) in [
        ("\tas\\\nm(\"nop\");", JoinedLine),
        ("\tas\\ \t\nm(\"nop\");", JoinedLine),
        ("\t// hidden \\\n\tp = 0;", JoinedLine),
        ("\t// hidden ??/\n\tp = 0;", Trigraph),
        ("\t/* hidden *\\\n/ asm(\"nop\"); /* */", JoinedLine),
        ("\tas??/\nm(\"nop\");", Trigraph),
        ("??=define X", Trigraph),
        ("%:define X", Digraph),
        ("\t<% int x; %>", Digraph),
        ("\tint t<:4:>;", Digraph),
        ("\t\\u0061sm(\"nop\");", Backslash),
        ("\t\u{430}sm(\"nop\");", ForeignLetter),
        ("\t[[gnu::constructor]] int x;", AttributeBrackets),
        ("\t[ [gnu::unused]] int x;", AttributeBrackets),
        ("\t/* no end", UnendedComment),
        ("\tchar *s = \"no end;", UnendedLiteral),
        ("\tint c = 'a;", UnendedLiteral),
        ("\tchar *s = \"goes on \\\nhere\";", JoinedLine),
    ] {
        assert_eq!(refused(put), Refusal::Disguised { what }, "{put}");
    }
    for c in [
        '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{fffd}', '\0', '\x7f', '\u{85}',
    ] {
        let code = u32::from(c);
        assert_eq!(refused(&format!("\t/* {c} */")), Refusal::Invisible { code });
        assert_eq!(refused(&format!("\tint a{c}b;")), Refusal::Invisible { code });
    }
    assert_eq!(
        refused("\t// all\rasm(\"nop\");"),
        Refusal::Invisible { code: 13 }
    );
    // Where it is written out, it is what it looks like.
    for put in [
        "\tchar *s = \"\\\\ \\\" %: // \u{e9}\";",
        "\t/* caf\u{e9} */ i++;",
        "\tint c = '\\\\';\r",
    ] {
        assert_eq!(
            with("\tp->name[i]", &format!("{put}\n\tp->name[i]")),
            Ok(()),
            "{put}"
        );
    }
}

/// The function may keep what it has; it may not be moved to where it hides something.
#[test]
fn joined_lines_that_are_there_already() {
    let old = "int f(int i)\n{\n\t// a \\\n\t// b\n\treturn i;\n}\n";
    assert_eq!(
        compare(old, &old.replace("return i", "return i + 1"), "f"),
        Ok(())
    );
    let moved = old.replace("a \\\n\t// b", "a\n\tas\\\nm volatile (\"nop\");");
    assert!(matches!(
        compare(old, &moved, "f"),
        Err(Refusal::ForbiddenWord { .. })
    ));
    let hides = "int f(int i)\n{\n\t// a \\\n\t// b\n#define X\n\treturn i;\n}\n";
    let hidden = "int f(int i)\n{\n\t// a \\\n#define X\n\treturn i + 1;\n}\n";
    assert!(matches!(
        compare(hides, hidden, "f"),
        Err(Refusal::Preprocessor { .. })
    ));
}

#[test]
fn assembly_pragmas_attributes_and_ends_of_the_program_are_refused() {
    for word in [
        "asm",
        "__asm",
        "__asm__",
        "_Pragma",
        "__attribute__",
        "__attribute",
        "__section",
        "__weak",
        "__alias",
        "extern",
        "_Noreturn",
        "__builtin_trap",
        "__builtin_unreachable",
        "abort",
        "_exit",
        "longjmp",
        "BUG_ON",
        "__CPROVER_assume",
    ] {
        let put = format!("\t{word}(\"x\");");
        assert_eq!(refused(&put), Refusal::ForbiddenWord { word: word.into() });
    }
    for line in [
        "#pragma GCC optimize 3",
        "#undef N",
        "#if 0",
        " # /* */ include <b.h>",
        "#line 1 \"x\"",
    ] {
        assert!(matches!(refused(line), Refusal::Preprocessor { .. }), "{line}");
    }
}

#[test]
fn functions_are_not_declared_inside_and_calls_are_let_through() {
    let declares = |put: &str| match with("\tp->name[i]", &format!("{put}\n\tp->name[i]")) {
        Ok(()) => None,
        Err(Refusal::DeclaresFunction { name }) => Some(name),
        Err(other) => panic!("{put}: {other}"),
    };
    for (put, name) in [
        ("\tint h(int);", "h"),
        ("\tvoid *h(void);", "h"),
        ("\tint a = g(), h(void);", "h"),
        ("\tstruct s *h(struct s *p);", "h"),
        ("\tint (h)(int);", "h"),
        ("\tout: count_t h(void);", "h"),
    ] {
        assert_eq!(declares(put).as_deref(), Some(name), "{put}");
    }
    for put in [
        "\tint a = g();",
        "\tg();",
        "\tint (*h)(void) = g;",
        "\tfor (i = 0; i * g() < 3; i++)\n\t\tg();",
        "\tif (i)\n\t\treturn g();\n\telse\n\t\tg();",
        "\tint a[sizeof(int)], b = i ? g() : 0;",
        "\tswitch (i) {\n\tcase 1:\n\t\tg();\n\t}",
        "\tunsigned long n = (unsigned long)g(), m = max(n, 1);",
    ] {
        assert_eq!(declares(put), None, "{put}");
    }
}

#[test]
fn bounds_of_arrays_change_where_they_are_declared_and_nowhere_else() {
    let file = "#define T t[4]\nint t[4], u[2][3];\nint *p = &t[1];\nint v[] = { [1] = 2 };\nstruct s { int n; char a[8]; };\n\
                int h(int x[4]);\nint g(void) { return t[1]; }\nint f(int i)\n{\n\treturn t[i];\n}\n";
    let change = |from: &str, to: &str| {
        assert!(file.contains(from), "{from}");
        compare(file, &file.replacen(from, to, 1), "f")
    };
    for (from, to) in [
        ("int t[4]", "int t[5]"),
        ("[3];", "[N + 1];"),
        ("u[2]", "u[4]"),
        ("a[8]", "a[16]"),
    ] {
        assert_eq!(change(from, to), Ok(()), "{from}");
    }
    for (from, to) in [
        ("T t[4]", "T t[5]"),
        ("&t[1]", "&t[2]"),
        ("[1] = 2", "[2] = 2"),
        ("x[4]", "x[5]"),
        ("return t[1]", "return t[0]"),
    ] {
        assert!(
            matches!(change(from, to), Err(Refusal::OutsideFunction { .. })),
            "{from}"
        );
    }
}

#[test]
fn what_nests_deep_or_has_many_lines_is_refused() {
    let deep = format!("\ti = {}i{};", "(".repeat(64), ")".repeat(64));
    assert!(matches!(refused(&deep), Refusal::TooDeep { depth: 65, .. }));
    let candidate = Candidate {
        edits: vec![crate::proposer::TextEdit {
            range: 0..0,
            replacement: "\n".repeat(MAX_LINES + 1),
        }],
        origin: "test".into(),
        note: String::new(),
    };
    assert!(matches!(
        accept(&candidate, FILE, "f"),
        Err(Refusal::TooManyLines { .. })
    ));
}

/// A long function may be answered whole.
#[test]
fn what_takes_the_place_of_something_is_not_added() {
    let long = format!(
        "int f(int i)\n{{\n{}\treturn i;\n}}\n",
        "\ti++;\n".repeat(MAX_ADDED / 5)
    );
    let candidate = Candidate {
        edits: vec![crate::proposer::TextEdit {
            range: 0..long.len(),
            replacement: long.replace("return i", "return i + 1"),
        }],
        origin: "test".into(),
        note: String::new(),
    };
    assert!(accept(&candidate, &long, "f").is_ok());
}

mod any {
    use super::*;
    use crate::ctext::functions::functions;
    use crate::proposer::TextEdit;
    use proptest::prelude::*;

    /// Pieces that candidates are made of: C, what hides, and what breaks out.
    fn piece() -> impl Strategy<Value = String> {
        let words = vec![
            "{",
            "}",
            "(",
            ")",
            "[",
            "]",
            ";",
            ",",
            "\n",
            " ",
            "\t",
            "/*",
            "*/",
            "//",
            "\\\n",
            "\\",
            "\"",
            "'",
            "#define X\n",
            "\n#if 0\n",
            "??/",
            "%:",
            "<%",
            "int h(void)",
            "return 2",
            "p->name[i] = 0",
            "if (i > 7)",
            "static int",
            "f",
            "struct s *p",
            "int i",
            "=",
            "asm",
            "\u{e9}",
            "\u{202e}",
            "[16]",
            "name[9]",
            "else",
            "return 0;\n}\n",
        ];
        prop_oneof![8 => proptest::sample::select(words).prop_map(String::from), 1 => "\\PC{0,6}", 1 => "[ -~]{0,8}"]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

        /// Whatever edits say: no panic, and what is let through differs from the file inside of the function only, or in the
        /// one bound that there is to change.
        #[test]
        fn text_outside_of_the_function_stays(
            edits in proptest::collection::vec((0..FILE.len() + 4, 0usize..40, proptest::collection::vec(piece(), 0..8)), 1..4)
        ) {
            let edits = edits.into_iter().map(|(start, length, text)| TextEdit {
                range: start..start + length,
                replacement: text.concat(),
            });
            let candidate = Candidate { edits: edits.collect(), origin: "test".into(), note: String::new() };
            if let Ok(new) = accept(&candidate, FILE, "f") {
                let span = |text: &str| {
                    let all = functions(text);
                    let f = all.iter().find(|f| f.name == "f").expect("it is still there");
                    (text[..f.range.start].to_string(), text[f.range.end..].to_string())
                };
                let ((before, after), (old_before, old_after)) = (span(&new), span(FILE));
                prop_assert_eq!(after, old_after);
                if before != old_before {
                    let close = before.find(" name[").map_or(0, |at| at + before[at..].find(']').unwrap_or(0));
                    prop_assert!(before.starts_with("#include <a.h>\nstruct s { char name["), "{}", before);
                    prop_assert_eq!(&before[close..], &old_before[old_before.find("]; int n").unwrap_or(0)..]);
                }
                prop_assert!(!crate::ctext::lex::mentions(&new, "asm"));
            }
        }

        #[test]
        fn any_two_texts_are_compared(old in "\\PC{0,60}", new in "\\PC{0,60}") {
            let _ = compare(&old, &new, "f");
        }
    }
}

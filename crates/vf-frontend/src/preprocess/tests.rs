use std::path::{Path, PathBuf};

use vf_ir::DataModel;

use super::{
    CompileFlags, flags_from_compile_commands, flags_from_kernel_cmd, preprocess, split_command, to_text,
};
use crate::error::FrontendError;
use crate::{Options, Wanted};

fn options(flags: &[&str]) -> Options {
    Options {
        model: DataModel::Lp64,
        compiler: "cc".into(),
        flags: flags.iter().map(|f| f.to_string()).collect(),
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    }
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn error(path: &Path, options: &Options) -> FrontendError {
    match preprocess(path, options) {
        Ok(pre) => panic!("preprocessed: {}", pre.text),
        Err(error) => error,
    }
}

#[test]
fn bad_files_are_named() {
    let f = folder(&[("empty.c", " \n\t\n"), ("bin.c", "int x;\n\0\x01")]);
    let path = |name: &str| f.path().join(name);
    let o = options(&[]);
    assert!(matches!(
        error(&path("none.c"), &o),
        FrontendError::MissingFile { .. }
    ));
    assert!(matches!(error(f.path(), &o), FrontendError::Directory { .. }));
    assert!(matches!(error(&path("empty.c"), &o), FrontendError::Empty { .. }));
    assert!(matches!(
        error(&path("bin.c"), &o),
        FrontendError::Binary { line: 2, .. }
    ));
    assert!(matches!(
        error(Path::new("/dev/null"), &o),
        FrontendError::NotAFile { .. }
    ));
}

#[test]
fn a_compiler_that_is_missing_or_refuses_is_named() {
    let f = folder(&[("a.c", "int x;\n\n#include <no/such/header.h>\n")]);
    let path = f.path().join("a.c");
    let missing = Options {
        compiler: "no-such-cc".into(),
        ..options(&[])
    };
    assert!(matches!(
        error(&path, &missing),
        FrontendError::CompilerMissing { .. }
    ));
    let FrontendError::Preprocessor { line, message, .. } = error(&path, &options(&[])) else {
        panic!()
    };
    assert_eq!(line, Some(3));
    assert!(message.contains("no/such/header.h"), "{message}");
    let shown = error(&path, &options(&[])).to_string();
    assert!(shown.contains("a.c:3:") && shown.contains("--snippet"), "{shown}");
    let nowhere = Options {
        directory: Some(f.path().join("gone")),
        ..options(&[])
    };
    assert!(matches!(
        error(&path, &nowhere),
        FrontendError::CompilerUnusable { .. }
    ));
}

#[test]
fn flags_reach_the_preprocessor_and_harmful_ones_do_not() {
    let f = folder(&[
        ("a.c", "int x = N;\n#ifdef __LP64__\nint lp64;\n#endif\n"),
        ("i/p.h", "int p;\n"),
    ]);
    let path = f.path().join("a.c");
    let o = options(&[
        "-DN=42",
        "-c",
        "-o",
        "a.o",
        "-MD",
        "-MF",
        "a.d",
        "-P",
        "-Wp,-MMD,x.d",
        "-Werror",
        "-include",
        "i/p.h",
    ]);
    let pre = preprocess(
        &path,
        &Options {
            directory: Some(f.path().into()),
            ..o
        },
    )
    .unwrap();
    assert!(pre.text.contains("int x = 42;") && pre.text.contains("int p;") && pre.text.contains("lp64"));
    assert!(pre.text.contains("# 1 "), "line markers are kept");
    assert!(
        !f.path().join("a.o").exists() && !f.path().join("a.d").exists() && !f.path().join("x.d").exists()
    );
    let ilp32 = Options {
        model: DataModel::Ilp32,
        ..options(&["-DN=1"])
    };
    assert!(!preprocess(&path, &ilp32).unwrap().text.contains("int lp64"));
}

#[test]
fn bytes_that_are_not_utf8_keep_their_places() {
    let (text, bad) = to_text(b"a\xe9b\xc3\xa9\xff");
    assert_eq!((text.as_str(), bad.as_slice()), ("a?bé?", &[1, 5][..]));
    let f = tempfile::tempdir().unwrap();
    let path = f.path().join("latin1.c");
    std::fs::write(&path, b"/* caf\xe9 */ int x; // \xff\n").unwrap();
    assert!(preprocess(&path, &options(&[])).unwrap().text.contains("int x;"));
}

#[test]
fn a_text_stands_for_the_file() {
    let f = folder(&[
        ("d/a.c", "#include \"h.h\"\nint old;\n"),
        ("d/h.h", "int from_disk;\n"),
    ]);
    let path = f.path().join("d/a.c");
    let o = Options {
        overlay: vec![(
            path.clone(),
            "#include \"h.h\"\nint new_x = __LINE__;\nchar *f = __FILE__;\n".into(),
        )],
        ..options(&[])
    };
    let pre = preprocess(&path, &o).unwrap();
    assert!(
        pre.text.contains("int from_disk;")
            && pre.text.contains("int new_x = 2;")
            && !pre.text.contains("old")
    );
    let mut sources = vf_source::SourceMap::new();
    let unit = crate::split::split(&pre, &mut sources);
    let at = pre.text.find("new_x").unwrap();
    let span = unit.place(at..at + 5);
    assert_eq!((span.file, span.start.line, span.start.column), (unit.main, 2, 5));
    assert_eq!(sources.get(unit.main).unwrap().path, path);
    assert_eq!(sources.text(span), Some("new_x"));
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "#include \"h.h\"\nint old;\n"
    );
    assert!(pre.text.contains(&format!("f = \"{}\"", path.display())));
}

#[test]
fn a_text_stands_for_a_header() {
    let f = folder(&[
        ("d/a.c", "#include \"h.h\"\n#include <sub/i.h>\n"),
        ("d/h.h", "int h_disk;\n"),
        ("inc/sub/i.h", "int i_disk;\n"),
    ]);
    let path = f.path().join("d/a.c");
    let include = f.path().join("inc");
    let mut o = options(&["-I", include.to_str().unwrap()]);
    o.overlay = vec![(f.path().join("inc/sub/i.h"), "\nint i_new;\n".into())];
    let pre = preprocess(&path, &o).unwrap();
    assert!(pre.text.contains("i_new") && !pre.text.contains("i_disk") && pre.text.contains("h_disk"));
    let unit = crate::split::split(&pre, &mut vf_source::SourceMap::new());
    let at = pre.text.find("i_new").unwrap();
    assert_eq!(unit.place(at..at + 5).start.line, 2);
    // A quoted name is found beside whoever includes it, which gets a stand-in, too.
    o.overlay = vec![(f.path().join("d/h.h"), "int h_new;\n".into())];
    let pre = preprocess(&path, &o).unwrap();
    assert!(pre.text.contains("h_new") && !pre.text.contains("h_disk"));
    // A header that is not included does no harm.
    o.overlay = vec![(f.path().join("d/other.h"), "int other;\n".into())];
    assert!(preprocess(&path, &o).is_ok());
}

#[test]
fn a_text_stands_for_a_header_that_headers_include_beside_themselves() {
    let f = folder(&[
        ("src/a.c", "#include <api.h>\n#include \"local.h\"\nint a;\n"),
        ("src/local.h", "#include \"deep/inner.h\"\nint local;\n"),
        ("src/deep/inner.h", "#include \"limits.h\"\nint inner;\n"),
        ("src/deep/limits.h", "int limits_disk;\n"),
        (
            "inc/api.h",
            "#include \"api_types.h\"\n#include \"sizes.h\"\nint api;\n",
        ),
        ("inc/api_types.h", "#include \"sizes.h\"\nint types;\n"),
        ("inc/sizes.h", "#pragma once\nint sizes_disk;\n"),
    ]);
    let path = f.path().join("src/a.c");
    let include = f.path().join("inc");
    let mut o = options(&["-I", include.to_str().unwrap()]);
    for (changed, gone) in [
        ("src/deep/limits.h", "limits_disk"),
        ("inc/sizes.h", "sizes_disk"),
    ] {
        o.overlay = vec![(
            f.path().join(changed),
            "#pragma once\nint changed = __LINE__;\n".into(),
        )];
        let pre = preprocess(&path, &o).unwrap();
        assert!(!pre.text.contains(gone), "{}", pre.text);
        for name in ["a", "local", "inner", "types", "api"] {
            let declared = pre.text.matches(&format!("int {name};")).count();
            assert_eq!(declared, 1, "{name} in {}", pre.text);
        }
        let unit = crate::split::split(&pre, &mut vf_source::SourceMap::new());
        let at = pre.text.find("changed").unwrap();
        assert_eq!(unit.place(at..at + 7).start.line, 2);
    }
    // What a moved header would find elsewhere is not looked for there.
    for more in [
        "#include \"../src/local.h\"\n",
        "#define H \"local.h\"\n#include H\n",
        "#include_next <x.h>\n",
    ] {
        assert!(!super::overlay::can_be_moved(more), "{more}");
    }
    assert!(super::overlay::can_be_moved(
        "# include <../x.h>\n#include \"sub/x.h\"\n#define include_me\n"
    ));
    // One that no stand-in can be put in front of is told.
    let f = folder(&[
        ("src/a.c", "#include \"../other/h.h\"\n"),
        ("other/h.h", "int disk;\n"),
    ]);
    let o = Options {
        overlay: vec![(f.path().join("other/h.h"), "int changed;\n".into())],
        ..options(&[])
    };
    let refused = error(&f.path().join("src/a.c"), &o);
    assert!(
        matches!(refused, FrontendError::OverlayNotUsed { .. }),
        "{refused}"
    );
}

#[test]
fn command_lines_are_split_as_a_shell_does() {
    assert_eq!(
        split_command("gcc -DA='b c' -D\"x\\\"y\\z\" a\\ b  '' ; rm x"),
        ["gcc", "-DA=b c", "-Dx\"y\\z", "a b", ""]
    );
    assert_eq!(split_command("'open"), ["open"]);
    assert!(split_command(" \t").is_empty());
}

#[test]
fn compile_commands() {
    let f = folder(&[("src/a.c", "int a;"), ("src/b.c", "int b;")]);
    let database = f.path().join("compile_commands.json");
    let root = f.path().display();
    std::fs::write(
        &database,
        format!(
            r#"[{{"directory": "{root}", "file": "src/a.c", "command": "ccache cc -DX=\"1 2\" -Isrc -c src/a.c -o a.o"}},
                {{"directory": "{root}/src", "file": "b.c", "arguments": ["clang", "-DY", "-c", "b.c", "-o", "b.o"]}}]"#
        ),
    )
    .unwrap();
    let a = flags_from_compile_commands(&database, &f.path().join("src/a.c")).unwrap();
    assert_eq!(
        (a.compiler, a.flags),
        (
            PathBuf::from("cc"),
            vec!["-DX=1 2".to_string(), "-Isrc".to_string()]
        )
    );
    let b = flags_from_compile_commands(&database, &f.path().join("src/../src/b.c")).unwrap();
    assert_eq!(
        b,
        CompileFlags {
            compiler: "clang".into(),
            flags: vec!["-DY".into()],
            directory: f.path().join("src")
        }
    );
    assert!(matches!(
        flags_from_compile_commands(&database, &f.path().join("src/c.c")),
        Err(FrontendError::NoCompileCommand { .. })
    ));
    std::fs::write(&database, "[\n{]").unwrap();
    assert!(matches!(
        flags_from_compile_commands(&database, &f.path().join("src/a.c")),
        Err(FrontendError::BadCompileCommands { line: 2, .. })
    ));
    assert!(matches!(
        flags_from_compile_commands(&f.path().join("none.json"), Path::new("a.c")),
        Err(FrontendError::Unreadable { .. })
    ));
}

#[test]
fn kernel_command_files() {
    let f = folder(&[
        (
            "fs/.a.o.cmd",
            "savedcmd_fs/a.o := gcc -Wp,-MMD,fs/.a.o.d -nostdinc -I./include -DKBUILD_MODNAME='\"a\"' -DH=\\# -c -o fs/a.o fs/a.c ; ./tools/objtool x\n\nsource_fs/a.o := fs/a.c\n",
        ),
        ("fs/.b.o.cmd", "deps_fs/b.o := x\n"),
        ("fs/a.c", "int a;"),
    ]);
    let flags = flags_from_kernel_cmd(&f.path().join("fs/.a.o.cmd")).unwrap();
    assert_eq!(flags.compiler, Path::new("gcc"));
    assert_eq!(
        flags.flags,
        [
            "-Wp,-MMD,fs/.a.o.d",
            "-nostdinc",
            "-I./include",
            "-DKBUILD_MODNAME=\"a\"",
            "-DH=#"
        ]
    );
    assert_eq!(flags.directory, f.path());
    assert!(matches!(
        flags_from_kernel_cmd(&f.path().join("fs/.b.o.cmd")),
        Err(FrontendError::BadKernelCommand { .. })
    ));
}

#[test]
fn a_snippet_needs_no_headers() {
    let text = "#include <linux/slab.h>\n#include \"own.h\"\n#include <stddef.h>\nstatic u32 f(struct dev *d, u8 *buf, size_t n)\n{\n\tfoo_t *p = NULL;\n\treturn buf[n];\n}\n";
    let f = folder(&[("a.c", text)]);
    let path = f.path().join("a.c");
    assert!(matches!(
        error(&path, &options(&[])),
        FrontendError::Preprocessor { .. }
    ));
    let pre = preprocess(
        &path,
        &Options {
            snippet: true,
            ..options(&[])
        },
    )
    .unwrap();
    let mut sources = vf_source::SourceMap::new();
    let unit = crate::split::split(&pre, &mut sources);
    let index = unit.function("f").unwrap();
    let parsed = unit.parse(index).unwrap();
    assert!(unit.declarations[index].main);
    let span = unit.span(parsed.node.span, &parsed);
    assert_eq!((span.file, span.start.line, span.end.line), (unit.main, 4, 8));
    assert!(unit.typedef("foo_t").is_some() && unit.typedef("u8").is_some() && unit.typedef("buf").is_none());
    // What is wrong with the text itself is still said.
    let bad = folder(&[("a.c", "#include <no.h>\n#error stop\n")]);
    let message = error(
        &bad.path().join("a.c"),
        &Options {
            snippet: true,
            ..options(&[])
        },
    )
    .to_string();
    assert!(message.contains("#error stop"), "{message}");
}

#[test]
fn the_compiler_is_asked_what_its_types_are() {
    let f = folder(&[("a.c", "char c;")]);
    let path = f.path().join("a.c");
    let target = |flags: &[&str]| preprocess(&path, &options(flags)).unwrap().target;
    assert_eq!(target(&[]), super::Target::default());
    assert!(target(&["-funsigned-char"]).char_unsigned);
    assert_eq!(target(&["-fshort-wchar"]).wchar_bits, 16);
    assert!(target(&["-fno-strict-overflow"]).wraps && !target(&["-fwrapv", "-fno-wrapv"]).wraps);
    assert!(matches!(
        error(&path, &options(&["-m32"])),
        FrontendError::DataModel {
            wanted: 8,
            found: 4,
            ..
        }
    ));
    assert!(matches!(
        error(&path, &options(&["-fshort-enums"])),
        FrontendError::UnsupportedFlag { .. }
    ));
    let ilp32 = Options {
        model: DataModel::Ilp32,
        ..options(&["-m32"])
    };
    assert!(preprocess(&path, &ilp32).is_ok());
}

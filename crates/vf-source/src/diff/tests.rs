// Lists of line ranges may have one element.
#![allow(clippy::single_range_in_vec_init)]

use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use super::*;

fn parse_one(text: &str) -> FilePatch {
    let mut patch = Patch::parse(text).unwrap();
    assert_eq!(patch.files.len(), 1, "{patch:?}");
    patch.files.remove(0)
}

const FILE: &str = "int a;\nint b;\nint c;\nint d;\nint e;\nint f;\nint g;\nint h;\n";

const MAIL: &str = "\
From 1234567890abcdef Mon Sep 17 00:00:00 2001
From: A Person <a@example.org>
Subject: [PATCH] fix: check the length
 over two lines

Text with --- dashes
--- not a header
@@ neither a hunk
---
 fs/x.c | 2 +-
 1 file changed, 1 insertion(+), 1 deletion(-)

diff --git a/fs/x.c b/fs/x.c
index 0123456..89abcde 100644
--- a/fs/x.c
+++ b/fs/x.c
@@ -2,5 +2,5 @@ int a;
 int b;
 int c;
-int d;
+int D;
 int e;
 int f;
-- 
2.39.2
";

#[test]
fn a_mail() {
    let file = parse_one(MAIL);
    assert_eq!((file.path(), file.change), ("fs/x.c", Change::Modified));
    assert_eq!(file.hunks[0].section, "int a;");
    assert_eq!(file.hunks[0].patch_line, 17);
    assert_eq!(file.touched_before(), [4..5]);
    assert_eq!(apply(&file, FILE).unwrap(), FILE.replace("int d", "int D"));
    // The same file with two more lines on top: the hunk has moved.
    let moved = format!("x\ny\n{FILE}");
    let applied = apply_located(&file, &moved).unwrap();
    assert_eq!(applied.text, moved.replace("int d", "int D"));
    assert_eq!(
        (applied.offsets, applied.touched_before, applied.touched_after),
        (vec![2], vec![6..7], vec![6..7])
    );
}

#[test]
fn headers() {
    let text = "\
diff --git a/old name.c b/new name.c
similarity index 90%
rename from old name.c
rename to new name.c
diff --git a/empty.c b/empty.c
new file mode 100644
index 0000000..e69de29
diff --git a/mode.sh b/mode.sh
old mode 100644
new mode 100755
diff --git \"a/t\\303\\244t.c\" \"b/t\\303\\244t.c\"
--- \"a/t\\303\\244t.c\"
+++ \"b/t\\303\\244t.c\"
@@ -1 +1 @@
-x
+y
diff --git a/gone.c b/gone.c
deleted file mode 100644
--- a/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-x
diff -u linux.orig/fs/y.c linux/fs/y.c
--- linux.orig/fs/y.c\t2024-01-01 00:00:00.000000000 +0000
+++ linux/fs/y.c\t2024-01-01 00:00:00.000000000 +0000
@@ -0,0 +1 @@
+x
--- /dev/null
+++ b/made.c
@@ -0,0 +1 @@
+x
--- plain.c
+++ plain.c
@@ -1,0 +2 @@
+x
--- drivers/net/a.c
+++ drivers/net/a.c
@@ -3 +2,0 @@
-x
diff --git a/no confirmation b/no confirmation
";
    let patch = Patch::parse(text).unwrap();
    let seen: Vec<_> = patch
        .files
        .iter()
        .map(|f| (f.old_path.as_deref(), f.new_path.as_deref(), f.change))
        .collect();
    let same = |path| (Some(path), Some(path), Change::Modified);
    assert_eq!(
        seen,
        [
            (Some("old name.c"), Some("new name.c"), Change::Renamed),
            (None, Some("empty.c"), Change::Created),
            same("mode.sh"),
            same("tät.c"),
            (Some("gone.c"), None, Change::Deleted),
            same("fs/y.c"),
            (None, Some("made.c"), Change::Created),
            same("plain.c"),
            same("drivers/net/a.c"),
        ]
    );
    assert_eq!(patch.files[7].touched_before(), [2..2]);
    assert_eq!(patch.files[7].touched_after(), [2..3]);
    assert_eq!(patch.files[8].touched_before(), [3..4]);
    assert_eq!(patch.files[8].touched_after(), [3..3]);
    assert_eq!(apply(&patch.files[6], "").unwrap(), "x\n");
    assert_eq!(apply(&patch.files[4], "x\n").unwrap(), "");
    assert_eq!(
        apply(&patch.files[6], "y").unwrap_err(),
        DiffError::AlreadyExists {
            file: "made.c".into()
        }
    );
    let rest = DiffError::LeavesRest {
        file: "gone.c".into(),
        lines: 1,
    };
    assert_eq!(apply(&patch.files[4], "x\ny\n").unwrap_err(), rest);
}

fn hunks(lines: &str) -> FilePatch {
    parse_one(&format!("--- a/f.c\n+++ b/f.c\n{lines}"))
}

#[test]
fn a_hunk_that_does_not_apply_says_why() {
    let file = hunks(
        "@@ -1,2 +1,2 @@\n int a;\n-int b;\n+int B;\n@@ -6,3 +6,3 @@\n int f;\n-int G;\n+int x;\n int h;\n",
    );
    let error = apply(&file, FILE).unwrap_err();
    let line = |text: &str| Found::Line(text.into());
    let expected = DiffError::DoesNotApply {
        file: "f.c".into(),
        hunk: 2,
        line: 7,
        expected: line("int G;"),
        actual: line("int g;"),
    };
    assert_eq!(error, expected);
    assert_eq!(
        error.to_string(),
        "f.c: hunk 2 does not apply: at line 7 it expects `int G;`, the file has `int g;`"
    );
    let error = apply(&file, "int a;\nint b;\n").unwrap_err();
    assert!(
        matches!(
            error,
            DiffError::DoesNotApply {
                hunk: 2,
                line: 6,
                actual: Found::EndOfFile,
                ..
            }
        ),
        "{error}"
    );
    // Far away, and impossible.
    let far = hunks("@@ -4000000000 +4000000000 @@\n-int c;\n+x\n");
    assert!(matches!(
        apply(&far, FILE),
        Err(DiffError::DoesNotApply {
            actual: Found::EndOfFile,
            ..
        })
    ));
}

#[test]
fn hunks_without_context_stay_where_they_are() {
    let insert = hunks("@@ -2,0 +3 @@\n+x\n");
    assert_eq!(apply(&insert, "1\n2\n3\n").unwrap(), "1\n2\nx\n3\n");
    assert_eq!(apply(&insert, "1\n2\n").unwrap(), "1\n2\nx\n");
    assert!(apply(&insert, "1\n").is_err());
    assert!(
        apply(&insert, "1\n2").is_err(),
        "an added line would join the last one"
    );
    // Without context below, a hunk that moved belongs to the end of the file; without any above, to its start.
    let at_end = hunks("@@ -2,2 +2,3 @@\n 2\n 3\n+4\n");
    assert_eq!(apply(&at_end, "0\n1\n2\n3\n").unwrap(), "0\n1\n2\n3\n4\n");
    assert!(apply(&at_end, "0\n1\n2\n3\nx\n").is_err());
    assert_eq!(apply(&at_end, "1\n2\n3\nx\n").unwrap(), "1\n2\n3\n4\nx\n");
    let at_start = hunks("@@ -2 +2,2 @@\n+0\n 1\n");
    assert_eq!(apply(&at_start, "1\n2\n").unwrap(), "0\n1\n2\n");
    assert!(apply(&at_start, "a\nb\n1\n2\n").is_err());
}

#[test]
fn the_nearest_place_wins() {
    let file = hunks("@@ -5,3 +5,3 @@\n {\n-x\n+y\n }\n");
    let block = "{\nx\n}\n";
    let text = format!("{block}a\nb\nc\n{block}");
    assert_eq!(
        apply(&file, &text).unwrap(),
        format!("{block}a\nb\nc\n{{\ny\n}}\n")
    );
    // The second hunk never goes before the first.
    let two = hunks("@@ -1,3 +1,3 @@\n {\n-x\n+y\n }\n@@ -4,3 +4,3 @@\n {\n-x\n+y\n }\n");
    let done = "{\ny\n}\n";
    assert_eq!(
        apply(&two, &format!("{block}{block}")).unwrap(),
        format!("{done}{done}")
    );
    assert!(apply(&two, block).is_err());
}

#[test]
fn the_end_without_newline() {
    let removes = hunks("@@ -1,2 +1,2 @@\n a\n-b\n\\ No newline at end of file\n+b\n");
    assert_eq!(apply(&removes, "a\nb").unwrap(), "a\nb\n");
    let error = apply(&removes, "a\nb\n").unwrap_err().to_string();
    assert_eq!(
        error,
        "f.c: hunk 1 does not apply: at line 2 it expects `b` without newline at the end of the file, the file has `b`"
    );
    let adds = hunks("@@ -1,2 +1,2 @@\n a\n-b\n+b\n\\ No newline at end of file\n");
    assert_eq!(apply(&adds, "a\nb\n").unwrap(), "a\nb");
    assert!(
        apply(&adds, "a\nb\nc\n").is_err(),
        "the result would lose a newline in the middle"
    );
    let early = Patch::parse("--- a\n+++ b\n@@ -1,2 +1,2 @@\n a\n\\ No newline at end of file\n-b\n+c\n");
    assert_eq!(
        early.unwrap_err(),
        DiffError::TextAfterEnd {
            file: "b".into(),
            hunk: 1,
            line: 6
        }
    );
}

#[test]
fn carriage_returns() {
    let dos = FILE.replace('\n', "\r\n");
    // A mail that was sent with them, for either kind of file; a patch with them inside only.
    for patch in [
        MAIL.to_string(),
        MAIL.replace('\n', "\r\n"),
        MAIL.replace("int e;\n", "int e;\r\n"),
    ] {
        let file = parse_one(&patch);
        assert_eq!(apply(&file, FILE).unwrap(), FILE.replace("int d", "int D"));
        assert_eq!(apply(&file, &dos).unwrap(), dos.replace("int d", "int D"));
    }
    let patch = diff("f.c", &dos, &dos.replace("int d", "int D"));
    assert_eq!(
        apply(&parse_one(&patch), &dos).unwrap(),
        dos.replace("int d", "int D")
    );
    assert_eq!(
        apply(&parse_one(&patch), FILE).unwrap(),
        FILE.replace("int d", "int D")
    );
    // Changing the line ends is a change like any other.
    let patch = diff("f.c", &dos, FILE);
    assert_eq!(apply(&parse_one(&patch), &dos).unwrap(), FILE);
}

#[test]
fn malformed_patches() {
    let error = |text: &str| Patch::parse(text).unwrap_err();
    let file = || "f.c".to_string();
    assert_eq!(error(""), DiffError::NoFiles);
    assert_eq!(error("int main(void) { }\n"), DiffError::NoFiles);
    assert_eq!(
        error("@@ -1 +1 @@\n-a\n+b\n"),
        DiffError::HunkWithoutFile { line: 1 }
    );
    assert_eq!(
        error("--- /dev/null\n+++ /dev/null\n"),
        DiffError::NoName { line: 1 }
    );
    let name = DiffError::FileName {
        line: 1,
        text: "\"a/x".into(),
    };
    assert_eq!(error("--- \"a/x\n+++ b/x\n"), name);
    let binary = "diff --git a/f.c b/f.c\nindex 1..2 100644\nBinary files a/f.c and b/f.c differ\n";
    assert_eq!(
        error(binary),
        DiffError::Binary {
            file: file(),
            line: 3
        }
    );
    let of = |hunk: &str| error(&format!("--- a/f.c\n+++ b/f.c\n{hunk}"));
    for header in [
        "@@ -1 @@",
        "@@ -x +1 @@",
        "@@ -1,2,3 +1 @@",
        "@@ -1 +1",
        "@@ -99999999999 +1 @@",
        "@@ -+1 +1 @@",
    ] {
        assert_eq!(
            of(header),
            DiffError::HunkHeader {
                line: 3,
                text: header.into()
            }
        );
    }
    let short = |line, missing| DiffError::HunkTooShort {
        file: file(),
        hunk: 1,
        line,
        missing,
    };
    assert_eq!(of("@@ -1,3 +1,3 @@\n a\n-b\n+c\n"), short(7, 1));
    assert_eq!(of("@@ -1,3 +1,3 @@\n a\nb\n"), short(5, 2));
    let long = |line| DiffError::HunkTooLong {
        file: file(),
        hunk: 1,
        line,
    };
    assert_eq!(of("@@ -1,2 +1 @@\n a\n-b\n-c\n"), long(6));
    assert_eq!(of("@@ -1,2 +1,1 @@\n+a\n+b\n"), long(5));
    let order = DiffError::OutOfOrder {
        file: file(),
        hunk: 2,
        line: 6,
    };
    assert_eq!(of("@@ -5 +5 @@\n-a\n+b\n@@ -5 +5 @@\n-a\n+b\n"), order);
}

fn git(dir: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .args(["-c", "core.autocrlf=false", "-c", "core.safecrlf=false"])
        .args(args)
        .current_dir(dir)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_CEILING_DIRECTORIES", dir)
        .output()
        .expect("these tests run git");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() || args.contains(&"--no-index") {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// What `git apply` makes of our patch.
fn git_apply(path: &str, before: Option<&str>, patch: &str) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    if let Some(before) = before {
        std::fs::write(&file, before).unwrap();
    }
    std::fs::write(dir.path().join("the.patch"), patch).unwrap();
    git(dir.path(), &["apply", "the.patch"]).unwrap_or_else(|error| panic!("{error}\n{patch}"));
    std::fs::read_to_string(&file).ok()
}

#[test]
fn git_applies_what_is_written() {
    let long: String = (0..100).map(|i| format!("line {i}\n")).collect();
    let edited = long
        .replace("line 3\n", "")
        .replace("line 50\n", "LINE\nnew\n")
        .replace("line 99\n", "end");
    let texts = [
        "",
        "a\n",
        "a",
        "a\nb",
        "a\nb\n",
        "\n",
        "a\r\nb\r\n",
        "a\rb\n",
        &long,
        &edited,
        "- x\n+ y\n\\ z\n",
    ];
    for path in ["f.c", "drivers/a b/x y.c", "tät \"q\"/\\.c"] {
        for before in texts {
            for after in texts.into_iter().filter(|after| *after != before) {
                let patch = diff(path, before, after);
                assert_eq!(
                    git_apply(path, Some(before), &patch).as_deref(),
                    Some(after),
                    "{patch}"
                );
                assert_eq!(parse_one(&patch).path(), path);
            }
        }
        for text in ["", "a\n", "a"] {
            let created = diff_files(path, None, Some(text));
            assert_eq!(
                git_apply(path, None, &created).as_deref(),
                Some(text),
                "{created}"
            );
            assert_eq!(
                (parse_one(&created).path(), parse_one(&created).change),
                (path, Change::Created)
            );
            let deleted = diff_files(path, Some(text), None);
            assert_eq!(git_apply(path, Some(text), &deleted), None, "{deleted}");
            assert_eq!(
                (parse_one(&deleted).path(), parse_one(&deleted).change),
                (path, Change::Deleted)
            );
        }
    }
    assert_eq!(diff("f.c", &long, &long), "");
    let hunks = parse_one(&diff("f.c", &long, &edited)).hunks;
    assert_eq!(
        hunks
            .iter()
            .map(|h| (h.old_start, h.old_count))
            .collect::<Vec<_>>(),
        [(1, 7), (48, 7), (97, 4)]
    );
}

#[test]
fn the_section_names_the_function() {
    let before = "int first(void)\n{\n\treturn 0;\n}\n\nstatic int second(int a,\n\t\tint b)\n{\n\tint c;\n\n\tc = a;\n\tif (b)\n\t\treturn b;\n\treturn c;\n}\n";
    let patch = diff("f.c", before, &before.replace("return b", "return -b"));
    assert!(
        patch.contains("@@ -10,6 +10,6 @@ static int second(int a,\n"),
        "{patch}"
    );
}

/// Texts of a few different lines, so that they repeat and move; often without a newline at the end.
fn text() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "a",
        "b",
        "{",
        "}",
        "",
        " x",
        "-y",
        "+z",
        "\\ w",
        "--- q",
        "+++ r",
        "@@ -1 +1 @@",
        "c\r",
        "d\re",
    ]);
    (prop::collection::vec(line, 0..40), any::<bool>())
        .prop_map(|(lines, newline)| lines.join("\n") + if newline && !lines.is_empty() { "\n" } else { "" })
}

/// A text and an edit of it.
fn edited() -> impl Strategy<Value = (String, String)> {
    (
        text(),
        prop::collection::vec((any::<prop::sample::Index>(), 0..3u8, "[ab{}\r]{0,2}"), 0..5),
    )
        .prop_map(|(before, edits)| {
            let mut lines: Vec<String> = before.split_inclusive('\n').map(str::to_string).collect();
            for (at, kind, new) in edits {
                let at = at.index(lines.len() + 1);
                match kind {
                    0 => lines.insert(at, format!("{new}\n")),
                    _ if at == lines.len() => {}
                    1 => drop(lines.remove(at)),
                    _ => lines[at] = format!("{new}\n"),
                }
            }
            (before, lines.concat())
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn applying_a_diff_gives_the_other_text(before in text(), after in text()) {
        let patch = diff("dir/f.c", &before, &after);
        if before == after {
            prop_assert_eq!(patch, "");
        } else {
            let file = parse_one(&patch);
            let applied = apply_located(&file, &before).unwrap();
            prop_assert_eq!(&applied.text, &after, "{}", patch);
            prop_assert!(applied.offsets.iter().all(|offset| *offset == applied.offsets[0]));
            let touched = touched_lines(&before, &after);
            prop_assert_eq!(&applied.touched_before, &touched.0);
            prop_assert_eq!(&applied.touched_after, &touched.1);
            prop_assert_eq!((file.touched_before(), file.touched_after()), touched);
        }
    }

    #[test]
    fn an_edit_applies_below_new_lines((before, after) in edited(), above in 1..9usize) {
        if before == after {
            return Ok(());
        }
        let file = parse_one(&diff("f.c", &before, &after));
        let unlike = "unlike anything else\n".repeat(above);
        // It may be refused (a hunk without context above belongs to the start), but not go wrong.
        if let Ok(applied) = apply_located(&file, &format!("{unlike}{before}"))
            && applied.offsets.iter().all(|offset| *offset == above as i64)
        {
            prop_assert_eq!(applied.text, format!("{unlike}{after}"));
        }
    }

    #[test]
    fn any_text_parses_or_is_an_error(before in text(), after in text(), noise in text(), cut in any::<prop::sample::Index>()) {
        let patch = diff("f.c", &before, &after);
        let cut = cut.index(patch.len() + 1);
        for text in [&noise, &patch[..cut], &format!("{}{noise}{}", &patch[..cut], &patch[cut..])] {
            if let Ok(patch) = Patch::parse(text) {
                for file in &patch.files {
                    let _ = apply(file, &before);
                    let _ = apply(file, &noise);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Patches of git's own are read as git means them, and git reads ours.
    #[test]
    fn agrees_with_git((before, after) in edited(), context in 0..4usize) {
        if before == after {
            return Ok(());
        }
        let ours = diff("f.c", &before, &after);
        let from_git = git_apply("f.c", Some(&before), &ours);
        prop_assert_eq!(from_git.as_deref(), Some(after.as_str()));
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("x")).unwrap();
        std::fs::create_dir(dir.path().join("y")).unwrap();
        std::fs::write(dir.path().join("x/f.c"), &before).unwrap();
        std::fs::write(dir.path().join("y/f.c"), &after).unwrap();
        let radius = format!("-U{context}");
        let theirs = git(dir.path(), &["diff", "--no-index", "--text", &radius, "x/f.c", "y/f.c"]).unwrap();
        prop_assert_eq!(apply(&parse_one(&theirs), &before).unwrap(), after, "{}", theirs);
    }
}

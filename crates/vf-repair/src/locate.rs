//! From a report and a tree to the function and the obligations that the report means.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use vf_ir::Property;
use vf_verify::report::{FunctionReport, ObligationReport, Verdict};

use crate::bug::{BugReport, expected_properties};
use crate::ctext::functions::{FunctionText, functions};

/// Why a report's place is not found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocateError {
    #[error("{tree}: is not a directory; give the root of the source tree with --tree")]
    NoTree { tree: PathBuf },
    #[error("{file}: leads out of the tree; a report names files by their path inside of it")]
    Escapes { file: PathBuf },
    #[error("{file}: is not in the tree {tree}; give the tree whose paths the report uses")]
    NoFile { file: PathBuf, tree: PathBuf },
    #[error("{file}: cannot be read: {why}")]
    Unreadable { file: PathBuf, why: String },
    #[error("{file}: is not text (byte {byte} is not UTF-8); only C source can be repaired")]
    NotText { file: PathBuf, byte: usize },
    #[error("{file}: is empty")]
    Empty { file: PathBuf },
    #[error("{file}:{line}: the file has {lines} lines; the report does not fit this version of the file")]
    LineOutside { file: PathBuf, line: u32, lines: u32 },
    #[error("{file}: defines no function `{function}`{}", near_names(.near))]
    NoFunction {
        file: PathBuf,
        function: String,
        near: Vec<String>,
    },
    #[error("{file}:{line}: is in no function; a repair changes the body of a function")]
    OutsideFunctions { file: PathBuf, line: u32 },
}

fn near_names(near: &[String]) -> String {
    if near.is_empty() {
        String::new()
    } else {
        format!("; it has `{}`", near.join("`, `"))
    }
}

/// Largest file that is read as C source, in bytes.
const MAX_FILE: u64 = 64 << 20;

/// A file of the tree, read.
#[derive(Clone, Debug)]
pub struct SourceText {
    /// Path as it is opened.
    pub path: PathBuf,
    /// Path relative to the tree.
    pub relative: PathBuf,
    pub text: Arc<str>,
}

/// Where a report points.
#[derive(Clone, Debug)]
pub struct Place {
    pub source: SourceText,
    pub function: String,
    /// Line of the finding, from 1.
    pub line: u32,
    /// What the user should know: the report's function is not the one that spans its line.
    pub note: Option<String>,
}

/// Reads a file by its path in the tree, which may not lead out of it.
pub fn read_in_tree(tree: &Path, file: &Path) -> Result<SourceText, LocateError> {
    if !tree.is_dir() {
        return Err(LocateError::NoTree {
            tree: tree.to_path_buf(),
        });
    }
    let escapes = || LocateError::Escapes {
        file: file.to_path_buf(),
    };
    let relative = relative_to(tree, file).ok_or_else(escapes)?;
    let path = tree.join(&relative);
    let missing = LocateError::NoFile {
        file: relative.clone(),
        tree: tree.to_path_buf(),
    };
    if !path.is_file() {
        return Err(missing);
    }
    // A symbolic link inside the tree must not lead out of it either.
    if let (Ok(real), Ok(root)) = (path.canonicalize(), tree.canonicalize())
        && !real.starts_with(root)
    {
        return Err(escapes());
    }
    let text = read_text(&path)?;
    Ok(SourceText { path, relative, text })
}

/// Reads a C file.
pub fn read_text(path: &Path) -> Result<Arc<str>, LocateError> {
    let unreadable = |why: String| LocateError::Unreadable {
        file: path.to_path_buf(),
        why,
    };
    let size = std::fs::metadata(path)
        .map_err(|e| unreadable(e.to_string()))?
        .len();
    if size > MAX_FILE {
        return Err(unreadable(format!("{size} bytes are more than {MAX_FILE}")));
    }
    let bytes = std::fs::read(path).map_err(|e| unreadable(e.to_string()))?;
    if let Some(byte) = bytes.iter().position(|b| *b == 0) {
        return Err(LocateError::NotText {
            file: path.to_path_buf(),
            byte,
        });
    }
    let text = String::from_utf8(bytes).map_err(|e| LocateError::NotText {
        file: path.to_path_buf(),
        byte: e.utf8_error().valid_up_to(),
    })?;
    if text.trim().is_empty() {
        return Err(LocateError::Empty {
            file: path.to_path_buf(),
        });
    }
    Ok(Arc::from(text))
}

/// A path relative to the tree, normalised; `None` when it leads out.
fn relative_to(tree: &Path, file: &Path) -> Option<PathBuf> {
    let inside = if file.is_absolute() {
        let root = tree.canonicalize().ok()?;
        file.strip_prefix(tree)
            .or_else(|_| file.strip_prefix(&root))
            .ok()?
            .to_path_buf()
    } else {
        file.to_path_buf()
    };
    let mut parts = PathBuf::new();
    for component in inside.components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !parts.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.as_os_str().is_empty()).then_some(parts)
}

/// Finds the function that a report means: by name, else the one that spans its line.
pub fn locate(report: &BugReport, tree: &Path) -> Result<Place, LocateError> {
    let source = read_in_tree(tree, &report.file)?;
    let file = || source.relative.clone();
    let lines = source.text.lines().count() as u32;
    if report.line == 0 || report.line > lines {
        return Err(LocateError::LineOutside {
            file: file(),
            line: report.line,
            lines,
        });
    }
    let found = functions(&source.text);
    let spans = |f: &&FunctionText| {
        let (first, last) = (
            vf_source::line_of(&source.text, f.range.start),
            vf_source::line_of(&source.text, f.range.end),
        );
        (first..=last).contains(&report.line)
    };
    let at_line = found.iter().find(spans).map(|f| f.name.clone());
    let (function, note) = match &report.function {
        Some(name) if found.iter().any(|f| f.name == *name) => {
            let note = (at_line.as_ref() != Some(name)).then(|| {
                format!(
                    "line {} is not in function `{name}`; the function that the report names is taken",
                    report.line
                )
            });
            (name.clone(), note)
        }
        Some(name) => {
            let near = near(name, &found);
            return Err(LocateError::NoFunction {
                file: file(),
                function: name.clone(),
                near,
            });
        }
        None => match at_line {
            Some(name) => (name, None),
            None => {
                return Err(LocateError::OutsideFunctions {
                    file: file(),
                    line: report.line,
                });
            }
        },
    };
    Ok(Place {
        source,
        function,
        line: report.line,
        note,
    })
}

/// Up to three functions with names like the one asked for.
fn near(name: &str, functions: &[FunctionText]) -> Vec<String> {
    let mut scored: Vec<(usize, &str)> = functions
        .iter()
        .map(|f| (edits(name, &f.name), f.name.as_str()))
        .collect();
    scored.sort();
    scored
        .into_iter()
        .filter(|(d, other)| {
            *d <= name.len().max(other.len()) / 2 || other.contains(name) || name.contains(*other)
        })
        .take(3)
        .map(|(_, n)| n.to_string())
        .collect()
}

/// Edit distance (Levenshtein 1966).
fn edits(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().take(200).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().take(200).enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substitute = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The obligations that a repair has to prove: indexes into the function's list, most important first.
///
/// Those at the reported line that are refuted; else those there that are unknown; else the nearest refuted
/// (then unknown) ones by line. Among several at one line, the properties that the report speaks of come
/// first, but all of them are targets: words never decide what has to be proved.
pub fn targets(report: Option<&BugReport>, line: Option<u32>, function: &FunctionReport) -> Vec<usize> {
    let expected = report.map(expected_properties).unwrap_or_default();
    let rank = |o: &ObligationReport| {
        let property = Property::from_name(&o.property);
        expected
            .iter()
            .position(|p| Some(*p) == property)
            .unwrap_or(expected.len())
    };
    let of = |verdicts: &[Verdict]| -> Vec<usize> {
        let all = function.obligations.iter().enumerate();
        all.filter(|(_, o)| verdicts.contains(&o.verdict))
            .map(|(i, _)| i)
            .collect()
    };
    let refuted = of(&[Verdict::Refuted]);
    let unknown = of(&[Verdict::Unknown, Verdict::ProvedToBound]);
    let line_of = |i: &usize| function.obligations.get(*i).map_or(0, |o| o.location.line);
    let at_line = |list: &[usize]| -> Vec<usize> {
        list.iter()
            .copied()
            .filter(|i| Some(line_of(i)) == line)
            .collect()
    };
    let Some(line) = line else {
        return if refuted.is_empty() { unknown } else { refuted };
    };
    let mut found = at_line(&refuted);
    if found.is_empty() {
        found = at_line(&unknown);
    }
    if found.is_empty() {
        let list = if refuted.is_empty() { unknown } else { refuted };
        let nearest = list.iter().map(|i| line_of(i).abs_diff(line)).min();
        found = list
            .into_iter()
            .filter(|i| Some(line_of(i).abs_diff(line)) == nearest)
            .collect();
    }
    found.sort_by_key(|i| function.obligations.get(*i).map_or(usize::MAX, rank));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::tests::function;
    use Verdict::*;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().expect("temporary directory");
        std::fs::create_dir(tree.path().join("src")).expect("directory");
        let text = "int one(void)\n{\n\treturn 1;\n}\n\nint two_words(int a)\n{\n\treturn a;\n}\n";
        std::fs::write(tree.path().join("src/a.c"), text).expect("file");
        std::fs::write(tree.path().join("binary.c"), b"\x7fELF\0\xff").expect("file");
        std::fs::write(tree.path().join("empty.c"), b" \n").expect("file");
        tree
    }

    fn report(file: &str, line: u32, function: Option<&str>) -> BugReport {
        BugReport {
            file: file.into(),
            line,
            function: function.map(str::to_string),
            ..BugReport::default()
        }
    }

    #[test]
    fn by_name_or_by_line() {
        let tree = tree();
        let of = |r: BugReport| locate(&r, tree.path()).map(|p| (p.function, p.note.is_some()));
        assert_eq!(
            of(report("src/a.c", 8, Some("two_words"))),
            Ok(("two_words".into(), false))
        );
        assert_eq!(of(report("./src/../src/a.c", 3, None)), Ok(("one".into(), false)));
        assert_eq!(
            of(report("src/a.c", 3, Some("two_words"))),
            Ok(("two_words".into(), true))
        );
    }

    #[test]
    fn errors_name_what_is_wrong() {
        let tree = tree();
        let of = |file: &str, line, name: Option<&str>| {
            locate(&report(file, line, name), tree.path())
                .map(|p| p.function)
                .expect_err("must fail")
        };
        assert!(matches!(
            of("../etc/passwd", 1, None),
            LocateError::Escapes { .. }
        ));
        assert!(matches!(of("/etc/passwd", 1, None), LocateError::Escapes { .. }));
        assert!(matches!(of("src/none.c", 1, None), LocateError::NoFile { .. }));
        assert!(matches!(of("src", 1, None), LocateError::NoFile { .. }));
        assert!(matches!(
            of("src/a.c", 99, None),
            LocateError::LineOutside { lines: 9, .. }
        ));
        assert!(matches!(
            of("src/a.c", 5, None),
            LocateError::OutsideFunctions { .. }
        ));
        assert!(matches!(of("binary.c", 1, None), LocateError::NotText { .. }));
        assert!(matches!(of("empty.c", 1, None), LocateError::Empty { .. }));
        let near = of("src/a.c", 8, Some("two_word"));
        assert!(near.to_string().contains("`two_words`"), "{near}");
        let gone = locate(&report("a.c", 1, None), &tree.path().join("nope")).map(|p| p.function);
        assert!(matches!(gone, Err(LocateError::NoTree { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_does_not_lead_out() {
        let tree = tree();
        std::os::unix::fs::symlink("/etc/passwd", tree.path().join("link.c")).expect("link");
        let found = locate(&report("link.c", 1, None), tree.path()).map(|p| p.function);
        assert!(matches!(found, Err(LocateError::Escapes { .. })));
    }

    #[test]
    fn targets_by_line_then_by_distance() {
        let f = function(
            "f",
            &[
                ("index-upper-bound", "a", 4, Refuted),
                ("valid-read", "b", 9, Unknown),
                ("not-null", "c", 9, Refuted),
                ("valid-write", "d", 9, Refuted),
                ("valid-write", "e", 12, Proved),
            ],
        );
        let words = BugReport {
            category: "BUFFER_OVERFLOW".into(),
            ..BugReport::default()
        };
        assert_eq!(targets(Some(&words), Some(9), &f), [3, 2]);
        assert_eq!(targets(None, Some(12), &f), [2, 3]);
        assert_eq!(targets(None, Some(5), &f), [0]);
        assert_eq!(targets(None, None, &f), [0, 2, 3]);
    }
}

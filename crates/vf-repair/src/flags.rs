//! Compiler flags of a tree: `compile_commands.json`, or `compile_flags.txt` / `flags.txt` with one flag a line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Flags of one file and the directory that their relative paths start from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeFlags {
    pub flags: Vec<String>,
    pub directory: Option<PathBuf>,
    /// The file they were read from; `None` when the tree has none.
    pub origin: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlagsError {
    #[error("{file}: cannot be read: {why}")]
    Unreadable { file: PathBuf, why: String },
    #[error("{file}:{line}:{column}: is not JSON: {why}")]
    NotJson {
        file: PathBuf,
        line: usize,
        column: usize,
        why: String,
    },
    #[error(
        "{file}: is not a compilation database: expected an array of objects with `file` and `command` or `arguments`"
    )]
    NotADatabase { file: PathBuf },
}

/// The flags for a file of the tree (`file` is relative to it). A database that does not list the file gives
/// the flags of none, with its origin named.
pub fn tree_flags(tree: &Path, file: &Path) -> Result<TreeFlags, FlagsError> {
    let database = tree.join("compile_commands.json");
    if database.is_file() {
        return from_database(&database, tree, file);
    }
    for name in ["compile_flags.txt", "flags.txt"] {
        let path = tree.join(name);
        if path.is_file() {
            let text = read(&path)?;
            let flags = text
                .lines()
                .map(str::trim)
                .filter(|l| !l.is_empty() && !l.starts_with('#'));
            return Ok(TreeFlags {
                flags: flags.map(str::to_string).collect(),
                directory: Some(tree.to_path_buf()),
                origin: Some(path),
            });
        }
    }
    Ok(TreeFlags::default())
}

fn read(path: &Path) -> Result<String, FlagsError> {
    std::fs::read_to_string(path).map_err(|e| FlagsError::Unreadable {
        file: path.to_path_buf(),
        why: e.to_string(),
    })
}

/// Clang's compilation database (JSON Compilation Database Format Specification).
fn from_database(path: &Path, tree: &Path, file: &Path) -> Result<TreeFlags, FlagsError> {
    let not_json = |e: serde_json::Error| FlagsError::NotJson {
        file: path.to_path_buf(),
        line: e.line(),
        column: e.column(),
        why: e.to_string(),
    };
    let value: Value = serde_json::from_str(&read(path)?).map_err(not_json)?;
    let entries = value.as_array().ok_or_else(|| FlagsError::NotADatabase {
        file: path.to_path_buf(),
    })?;
    let wanted = tree.join(file);
    let wanted = wanted.canonicalize().unwrap_or(wanted);
    for entry in entries {
        let named = entry["file"].as_str().ok_or_else(|| FlagsError::NotADatabase {
            file: path.to_path_buf(),
        })?;
        let directory = tree.join(entry["directory"].as_str().unwrap_or(""));
        let full = directory.join(named);
        if full.canonicalize().unwrap_or(full) != wanted {
            continue;
        }
        let words = match (entry["arguments"].as_array(), entry["command"].as_str()) {
            (Some(arguments), _) => arguments
                .iter()
                .filter_map(|a| a.as_str().map(str::to_string))
                .collect(),
            (None, Some(command)) => shell_words(command),
            (None, None) => {
                return Err(FlagsError::NotADatabase {
                    file: path.to_path_buf(),
                });
            }
        };
        return Ok(TreeFlags {
            flags: useful(&words, named),
            directory: Some(directory),
            origin: Some(path.to_path_buf()),
        });
    }
    Ok(TreeFlags {
        flags: Vec::new(),
        directory: Some(tree.to_path_buf()),
        origin: Some(path.to_path_buf()),
    })
}

/// The files that the tree's compilation database lists, as the system knows them; none without one that can be read.
pub fn listed_files(tree: &Path) -> BTreeSet<PathBuf> {
    let database = read(&tree.join("compile_commands.json")).ok();
    let database: Option<Value> = database.and_then(|text| serde_json::from_str(&text).ok());
    let entries = database.as_ref().and_then(Value::as_array).into_iter().flatten();
    let paths = entries.filter_map(|entry| {
        let directory = tree.join(entry["directory"].as_str().unwrap_or(""));
        directory.join(entry["file"].as_str()?).canonicalize().ok()
    });
    paths.collect()
}

/// Without the compiler, the output, the input and the dependency files.
fn useful(words: &[String], file: &str) -> Vec<String> {
    let mut flags = Vec::new();
    let mut skip = true;
    for word in words {
        let drop = std::mem::take(&mut skip);
        match word.as_str() {
            _ if drop => {}
            "-o" | "-MF" | "-MT" | "-MQ" => skip = true,
            "-c" | "-S" | "-E" | "-MD" | "-MMD" | "-MP" | "-M" | "-MM" => {}
            w if w == file || w.starts_with("-Wp,-M") || (w.starts_with("-o") && !w.starts_with("-on")) => {}
            _ => flags.push(word.clone()),
        }
    }
    flags
}

/// Words of a command line as a POSIX shell splits them (quotes and backslashes, no expansion).
fn shell_words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some('"'), '\\') if chars.peek().is_some_and(|n| matches!(n, '"' | '\\' | '$' | '`')) => {
                word.get_or_insert_default().extend(chars.next());
            }
            (None, '\\') => word.get_or_insert_default().extend(chars.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_flag_a_line() {
        let tree = tempfile::tempdir().expect("temporary directory");
        assert_eq!(
            tree_flags(tree.path(), Path::new("a.c")),
            Ok(TreeFlags::default())
        );
        std::fs::write(tree.path().join("flags.txt"), "-Iinclude\n# no\n\n-DX=1 2\n").expect("file");
        let flags = tree_flags(tree.path(), Path::new("a.c")).expect("flags");
        assert_eq!(flags.flags, ["-Iinclude", "-DX=1 2"]);
        assert_eq!(flags.directory.as_deref(), Some(tree.path()));
    }

    #[test]
    fn a_compilation_database() {
        let tree = tempfile::tempdir().expect("temporary directory");
        std::fs::write(tree.path().join("a.c"), "int x;").expect("file");
        let database = tree.path().join("compile_commands.json");
        std::fs::write(
            &database,
            r#"[{"directory":"","file":"b.c","arguments":["cc","-DB","b.c"]},
                {"directory":"","file":"a.c","command":"gcc -Iinc -D 'N=\"x y\"' -Wp,-MMD,a.d -c -o a.o a.c"}]"#,
        )
        .expect("file");
        let flags = tree_flags(tree.path(), Path::new("a.c")).expect("flags");
        assert_eq!(flags.flags, ["-Iinc", "-D", "N=\"x y\""]);
        std::fs::write(&database, "{}").expect("file");
        assert!(matches!(
            tree_flags(tree.path(), Path::new("a.c")),
            Err(FlagsError::NotADatabase { .. })
        ));
        std::fs::write(&database, "[").expect("file");
        assert!(matches!(
            tree_flags(tree.path(), Path::new("a.c")),
            Err(FlagsError::NotJson { .. })
        ));
    }
}

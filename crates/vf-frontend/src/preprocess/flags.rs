//! Which flags a file is compiled with, and which of them its preprocessing needs.

use std::path::{Path, PathBuf};

use crate::error::FrontendError;
use crate::preprocess::{absolute, same_file};

/// How a build compiles one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileFlags {
    pub compiler: PathBuf,
    /// Without the compiler, the output and the file itself.
    pub flags: Vec<String>,
    /// Directory the command runs in.
    pub directory: PathBuf,
}

/// Flags that only matter to code generation or write files: the preprocessing goes without them.
/// Those here take their operand as the next argument.
const DROPPED_WITH_OPERAND: [&str; 5] = ["-o", "-MF", "-MT", "-MQ", "-dumpbase"];

/// The flags of a compilation that its preprocessing needs. `-P` and `-C` would hide where the text comes from.
pub(crate) fn for_preprocessing(flags: &[String]) -> Vec<String> {
    let mut kept = Vec::new();
    let mut rest = flags.iter();
    while let Some(flag) = rest.next() {
        if DROPPED_WITH_OPERAND.contains(&flag.as_str()) {
            rest.next();
            continue;
        }
        let dropped = matches!(
            flag.as_str(),
            "-c" | "-S" | "-E" | "-M" | "-MM" | "-MD" | "-MMD" | "-MP" | "-MG" | "-P" | "-C" | "-CC"
        ) || flag.starts_with("-o")
            || flag.starts_with("-d") && flag.len() == 3
            || [
                "-MF",
                "-MT",
                "-MQ",
                "-Wp,-M",
                "-save-temps",
                "-fplugin",
                "-fdump-",
                "-Werror",
                "-fdirectives-only",
            ]
            .iter()
            .any(|p| flag.starts_with(p));
        if !dropped {
            kept.push(flag.clone());
        }
    }
    kept
}

/// Splits a shell command line into words: blanks separate; quotes and backslashes work as in `sh`, without
/// expansion of anything (POSIX XCU 2.2). A missing closing quote ends with the text.
pub fn split_command(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_ascii_whitespace() => words.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                word.extend(chars.by_ref().take_while(|c| *c != '\''));
            }
            '"' => {
                let word = word.get_or_insert_default();
                while let Some(c) = chars.next() {
                    match c {
                        '"' => break,
                        '\\' => match chars.next() {
                            Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                            Some('\n') | None => {}
                            Some(c) => word.extend(['\\', c]),
                        },
                        c => word.push(c),
                    }
                }
            }
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            ';' => {
                // The command ends here; what follows is another.
                words.extend(word.take());
                return words;
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// A command's words as flags: without the compiler and the file it compiles.
fn flags_of(words: Vec<String>, directory: &Path, file: &Path) -> Option<CompileFlags> {
    let mut words = words.into_iter();
    let mut compiler = words.next()?;
    // `ccache gcc`, `distcc gcc`.
    while matches!(
        Path::new(&compiler).file_name()?.to_str()?,
        "ccache" | "distcc" | "sccache"
    ) {
        compiler = words.next()?;
    }
    let mut flags = Vec::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        if word == "-o" {
            words.next();
        } else if word == "-c" || (!word.starts_with('-') && same_file(&directory.join(&word), file)) {
            continue;
        } else {
            flags.push(word);
        }
    }
    Some(CompileFlags {
        compiler: PathBuf::from(compiler),
        flags,
        directory: directory.to_path_buf(),
    })
}

/// The command that a `compile_commands.json` (Clang's JSON Compilation Database format) gives for a file.
/// The first entry for the file counts.
pub fn flags_from_compile_commands(database: &Path, file: &Path) -> Result<CompileFlags, FrontendError> {
    let bad = |line: usize, problem: String| FrontendError::BadCompileCommands {
        path: database.to_path_buf(),
        line,
        problem,
    };
    let text = std::fs::read_to_string(database).map_err(|error| FrontendError::Unreadable {
        path: database.to_path_buf(),
        error,
    })?;
    let json: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| bad(e.line(), format!("not JSON: {e}")))?;
    let entries = json
        .as_array()
        .ok_or_else(|| bad(1, "not a JSON array of commands".into()))?;
    let wanted = absolute(file);
    let base = absolute(database);
    let base = base.parent().unwrap_or(Path::new("/"));
    for entry in entries {
        let Some(name) = entry.get("file").and_then(|f| f.as_str()) else {
            return Err(bad(1, "an entry has no \"file\"".into()));
        };
        let directory = base.join(entry.get("directory").and_then(|d| d.as_str()).unwrap_or("."));
        if !same_file(&directory.join(name), &wanted) {
            continue;
        }
        let words = match (entry.get("arguments"), entry.get("command")) {
            (Some(serde_json::Value::Array(words)), _) => words
                .iter()
                .filter_map(|w| w.as_str().map(str::to_string))
                .collect(),
            (_, Some(serde_json::Value::String(line))) => split_command(line),
            _ => {
                return Err(bad(
                    1,
                    format!("the entry for {name} has neither \"arguments\" nor \"command\""),
                ));
            }
        };
        return flags_of(words, &directory, &wanted)
            .ok_or_else(|| bad(1, format!("the command for {name} is empty")));
    }
    Err(FrontendError::NoCompileCommand {
        path: database.to_path_buf(),
        file: file.to_path_buf(),
    })
}

/// The command that a kernel build left in `.foo.o.cmd` beside its object (`cmd_fs/foo.o := gcc ...`,
/// since Linux 6.2 `savedcmd_...`; scripts/Kbuild.include). It runs at the root of the build tree.
pub fn flags_from_kernel_cmd(cmd: &Path) -> Result<CompileFlags, FrontendError> {
    let bad = || FrontendError::BadKernelCommand {
        path: cmd.to_path_buf(),
    };
    let text = std::fs::read_to_string(cmd).map_err(|error| FrontendError::Unreadable {
        path: cmd.to_path_buf(),
        error,
    })?;
    let (target, command) = text
        .lines()
        .find_map(|l| {
            l.strip_prefix("savedcmd_")
                .or_else(|| l.strip_prefix("cmd_"))?
                .split_once(":=")
        })
        .ok_or_else(bad)?;
    let target = Path::new(target.trim());
    let absolute_cmd = absolute(cmd);
    let depth = if target.is_absolute() {
        1
    } else {
        target.components().count()
    };
    let root = absolute_cmd.ancestors().nth(depth).ok_or_else(bad)?;
    // make's own escapes: `$$` is a dollar, `\#` a hash.
    let words = split_command(&command.replace("$$", "$").replace("\\#", "#"));
    let source = words
        .iter()
        .rfind(|w| w.ends_with(".c"))
        .cloned()
        .ok_or_else(bad)?;
    flags_of(words, root, &root.join(source)).ok_or_else(bad)
}

//! Compiling a harness, with the compiler confined and limited.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vf_ir::Program;

use crate::ReplayError;
use crate::harness::{BINARY, Harness, STUBS_OBJECT};
use crate::sandbox::{Ended, Job, Limits, Sandbox, Trust};

/// Enough for files of the kernel's size; a compiler that needs more is stuck.
const LIMITS: Limits = Limits {
    wall: Duration::from_secs(60),
    cpu_seconds: 60,
    resident_bytes: 2 << 30,
    address_space_bytes: Some(8 << 30),
    file_bytes: 512 << 20,
    output_bytes: 256 << 10,
};

/// How many lines of a compiler's complaint an error repeats.
const LINES: usize = 12;

/// Where a compiler lies: the path itself, or the first match in `PATH`.
pub fn find_compiler(compiler: &Path) -> Result<PathBuf, ReplayError> {
    let missing = || ReplayError::NoCompiler {
        compiler: compiler.to_path_buf(),
    };
    let runnable = |path: &Path| path.is_file();
    if compiler.components().count() > 1 {
        return if runnable(compiler) {
            Ok(compiler.to_path_buf())
        } else {
            Err(missing())
        };
    }
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    std::env::split_paths(&path)
        .map(|dir| dir.join(compiler))
        .find(|p| runnable(p))
        .ok_or_else(missing)
}

/// Whether the compiler knows `-fsanitize=bounds-strict`, which also checks the last array of a record. GCC
/// does, clang does not.
pub fn has_strict_bounds(sandbox: &Sandbox, compiler: &Path, folder: &Path) -> bool {
    run(sandbox, compiler, &["--version".to_string()], folder)
        .is_ok_and(|finished| finished.ended == Ended::Exited(0) && !finished.stdout_text().contains("clang"))
}

/// Compiles the harness in a folder that holds its files. What the linker misses is defined and linked again,
/// so the harness's stubs may change.
///
/// # Errors
/// When the compiler refuses the harness; the first lines it wrote say why.
pub fn compile(
    sandbox: &Sandbox,
    harness: &mut Harness,
    program: &Program,
    function: &str,
    folder: &Path,
) -> Result<PathBuf, ReplayError> {
    harness.write_to(folder)?;
    let complaint = |finished: &crate::sandbox::Finished| match finished.ended {
        Ended::OutOfWallTime | Ended::Signalled(_) => ReplayError::CompilerLimit {
            function: function.to_string(),
            limit: "time",
        },
        Ended::OutOfMemory => ReplayError::CompilerLimit {
            function: function.to_string(),
            limit: "memory",
        },
        Ended::Exited(_) => ReplayError::DoesNotCompile {
            function: function.to_string(),
            messages: first_lines(&finished.stderr_text(), folder),
        },
    };
    let commands = harness.compile.clone();
    let Some((link, units)) = commands.split_last() else {
        return Ok(folder.join(BINARY));
    };
    let Some((stubs, units)) = units.split_last() else {
        return Ok(folder.join(BINARY));
    };
    for command in units {
        let finished = run_command(sandbox, command, folder)?;
        if finished.ended != Ended::Exited(0) {
            return Err(complaint(&finished));
        }
    }
    // Most programs need no stub: the linker says which ones.
    let without: Vec<String> = link
        .iter()
        .filter(|word| *word != STUBS_OBJECT)
        .cloned()
        .collect();
    let mut finished = if harness.defined() == 0 {
        link_quickly(sandbox, &without, folder)?
    } else {
        let compiled = run_command(sandbox, stubs, folder)?;
        if compiled.ended != Ended::Exited(0) {
            return Err(complaint(&compiled));
        }
        link_quickly(sandbox, link, folder)?
    };
    let undefined = undefined_names(&finished.stderr_text());
    if finished.ended != Ended::Exited(0) && !undefined.is_empty() {
        harness.define(program, &undefined);
        harness.write_to(folder)?;
        let compiled = run_command(sandbox, stubs, folder)?;
        if compiled.ended != Ended::Exited(0) {
            return Err(complaint(&compiled));
        }
        finished = run_command(sandbox, link, folder)?;
    }
    if finished.ended == Ended::Exited(0) {
        Ok(folder.join(BINARY))
    } else {
        Err(complaint(&finished))
    }
}

/// Links, with the linker that takes a third of the time of the usual one where it is installed. What it does not do, the usual
/// one does.
fn link_quickly(
    sandbox: &Sandbox,
    command: &[String],
    folder: &Path,
) -> Result<crate::sandbox::Finished, ReplayError> {
    if find_compiler(Path::new("ld.gold")).is_ok() {
        let mut quick = command.to_vec();
        quick.push("-fuse-ld=gold".to_string());
        let finished = run_command(sandbox, &quick, folder)?;
        if finished.ended == Ended::Exited(0) {
            return Ok(finished);
        }
    }
    run_command(sandbox, command, folder)
}

fn run_command(
    sandbox: &Sandbox,
    command: &[String],
    folder: &Path,
) -> Result<crate::sandbox::Finished, ReplayError> {
    match command.split_first() {
        Some((compiler, args)) => run(sandbox, Path::new(compiler), args, folder),
        None => Err(ReplayError::NoCompiler {
            compiler: PathBuf::new(),
        }),
    }
}

fn run(
    sandbox: &Sandbox,
    compiler: &Path,
    args: &[String],
    folder: &Path,
) -> Result<crate::sandbox::Finished, ReplayError> {
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    let job = Job {
        program: compiler,
        args: args.iter().map(OsString::from).collect(),
        env: vec![
            ("PATH".into(), path),
            ("LC_ALL".into(), "C".into()),
            ("TMPDIR".into(), folder.into()),
        ],
        folder,
        directory: None,
        trust: Trust::Compiler,
        limits: LIMITS,
    };
    Ok(sandbox.run(&job)?)
}

/// Names in GNU ld's "undefined reference to `name'" and LLVM lld's "undefined symbol: name".
fn undefined_names(messages: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for line in messages.lines() {
        let name = line
            .split_once("undefined reference to `")
            .or_else(|| line.split_once("undefined references to `"))
            .and_then(|(_, rest)| rest.split_once('\''))
            .map(|(name, _)| name)
            .or_else(|| line.split_once("undefined symbol: ").map(|(_, name)| name.trim()));
        if let Some(name) = name
            && !names.iter().any(|n| n == name)
        {
            names.push(name.to_string());
        }
    }
    names
}

/// The first error lines, without the temporary folder's name.
fn first_lines(messages: &str, folder: &Path) -> String {
    let folder = format!("{}/", folder.display());
    let start = messages.lines().position(|l| l.contains("error")).unwrap_or(0);
    let lines: Vec<String> = messages
        .lines()
        .skip(start)
        .take(LINES)
        .map(|l| l.replace(&folder, ""))
        .collect();
    if lines.is_empty() {
        "(the compiler said nothing)".to_string()
    } else {
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn undefined_names_of_both_linkers() {
        let text = "/usr/bin/ld: a.o: in function `f':\na.c:1: undefined reference to `one'\n\
            a.c:2: undefined reference to `two'\na.c:3: more undefined references to `one' follow\n\
            ld.lld: error: undefined symbol: three\n";
        assert_eq!(undefined_names(text), ["one", "two", "three"]);
        assert_eq!(undefined_names("all well"), Vec::<String>::new());
    }

    #[test]
    fn a_missing_compiler_is_named() {
        for name in ["no-such-compiler-anywhere", "/no/such/cc"] {
            let error = find_compiler(Path::new(name)).expect_err("there is none");
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(find_compiler(Path::new("cc")).is_ok_and(|p| p.is_absolute()));
    }
}

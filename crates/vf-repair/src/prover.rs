//! The [`Checker`] over the real front end, compiler and verifier.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vf_frontend::{Loaded, Options, Wanted};
use vf_verify::{CheckOptions, Executions};

use crate::checker::{CheckError, CheckRequest, Checked, Checker};
use crate::flags::tree_flags;

/// Longest compiler message that is kept, in characters.
const MAX_MESSAGE: usize = 600;

/// Loads with the front end, asks the compiler whether a candidate is C at all, and checks with the verifier.
pub struct ProverChecker<'a> {
    /// Flags, data model, compiler. `wanted` and `overlay` are set for each question.
    pub options: Options,
    /// `functions` is set for each question, `timeout` to what is left of the run's time.
    pub check: CheckOptions,
    /// Where flags of other files than the first are found; those of `options` go for files that it says nothing of.
    pub tree: Option<Tree>,
    /// Told what the verifier does.
    pub progress: Box<dyn FnMut(vf_verify::Progress) + Send + 'a>,
}

/// A tree that may say how each of its files is compiled.
#[derive(Clone, Debug)]
pub struct Tree {
    pub root: PathBuf,
    /// Come after the tree's own.
    pub more_flags: Vec<String>,
}

impl<'a> ProverChecker<'a> {
    pub fn new(options: Options, check: CheckOptions) -> ProverChecker<'a> {
        ProverChecker {
            options,
            check,
            tree: None,
            progress: Box::new(|_| {}),
        }
    }

    /// Reads one file, with the flags that its tree has for it.
    fn read(&self, request: &CheckRequest<'_>, wanted: Wanted) -> Result<Loaded, CheckError> {
        let mut options = self.options.clone();
        options.overlay = request.overlay.to_vec();
        options.wanted = wanted;
        let failed = |message: String| CheckError::Load {
            file: request.file.to_path_buf(),
            message,
        };
        if let Some(Tree { root, more_flags }) = &self.tree
            && let Ok(file) = request.file.strip_prefix(root)
        {
            let found = tree_flags(root, file).map_err(|e| failed(e.to_string()))?;
            if !found.flags.is_empty() {
                options.flags = found.flags;
                options.flags.extend(more_flags.iter().cloned());
                options.directory = found.directory;
            }
        }
        vf_frontend::load(&[request.file.to_path_buf()], &options).map_err(|e| failed(e.to_string()))
    }
}

impl ProverChecker<'_> {
    /// The compiler with the flags of a file, to be given a text on its standard input.
    fn compiler(&self, file: &Path, mode: &[&str]) -> Command {
        let directory = file
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let directory = directory
            .canonicalize()
            .unwrap_or_else(|_| directory.to_path_buf());
        let mut command = Command::new(&self.options.compiler);
        command.args(mode).args(&self.options.flags);
        if self.options.model == vf_ir::DataModel::Ilp32 {
            command.arg("-m32");
        }
        command.arg("-iquote").arg(directory).args(["-x", "c", "-"]);
        if let Some(directory) = &self.options.directory {
            command.current_dir(directory);
        }
        command
    }
}

impl Checker for ProverChecker<'_> {
    fn another(&self) -> Option<Box<dyn Checker>> {
        let mut other = ProverChecker::new(self.options.clone(), self.check.clone());
        other.tree.clone_from(&self.tree);
        Some(Box::new(other))
    }

    /// What is defined along the way and what is defined in the end, the compiler's own included.
    fn macros(&mut self, file: &Path, text: &str) -> Option<String> {
        let mut found = String::new();
        for mode in ["-dD", "-dM"] {
            let output = given(self.compiler(file, &["-E", "-w", mode]), text).ok()?;
            if !output.status.success() {
                return None;
            }
            let said = String::from_utf8_lossy(&output.stdout);
            for line in said.lines().filter(|line| line.starts_with("#define")) {
                found.push_str(line);
                found.push('\n');
            }
        }
        Some(found)
    }

    fn load(&mut self, request: &CheckRequest<'_>) -> Result<Option<Loaded>, CheckError> {
        self.read(request, Wanted::All).map(Some)
    }

    fn check(&mut self, request: &CheckRequest<'_>) -> Result<Checked, CheckError> {
        let wanted = match request.functions {
            [] => Wanted::All,
            names => Wanted::Functions(names.to_vec()),
        };
        let loaded = self.read(request, wanted)?;
        let mut check = self.check.clone();
        check.functions = request.functions.to_vec();
        check.timeout = shorter(check.timeout, request.time_left);
        let asked = CheckOptions {
            verdicts_only: check.verdicts_only || request.verdicts_only,
            ..check.clone()
        };
        let report = vf_verify::check(
            &loaded.program,
            &loaded.sources,
            &loaded.main_files,
            &asked,
            &mut self.progress,
        );
        Ok(Checked {
            report,
            executions: Some(Arc::new(Executions::new(&loaded.program, &check))),
            program: Some(Arc::new(loaded.program)),
        })
    }

    /// Runs the compiler's syntax and type check on a text as if it stood in the file's place.
    fn compiles(&mut self, file: &Path, text: &str) -> Result<(), String> {
        let command = self.compiler(
            file,
            &[
                "-fsyntax-only",
                "-w",
                "-Werror=implicit-function-declaration",
                "-Werror=int-conversion",
                "-Werror=incompatible-pointer-types",
            ],
        );
        let output = given(command, text).map_err(|e| format!("{}: {e}", self.options.compiler.display()))?;
        if output.status.success() {
            return Ok(());
        }
        let message = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<&str> = message.lines().filter(|l| l.contains("error")).collect();
        let message = if errors.is_empty() {
            message.trim().to_string()
        } else {
            errors.join("\n")
        };
        Err(message
            .replace("<stdin>", &file.to_string_lossy())
            .chars()
            .take(MAX_MESSAGE)
            .collect())
    }
}

/// Runs a command with this on its standard input.
fn given(mut command: Command, text: &str) -> std::io::Result<std::process::Output> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let input = child.stdin.take();
    std::thread::scope(|scope| {
        // Beside reading: who writes much before it has read all must not wait for ever.
        let write = || {
            if let Some(mut input) = input {
                // A compiler that gives up early closes the pipe; its message says why.
                let _ = input.write_all(text.as_bytes());
            }
        };
        let writer = std::thread::Builder::new().spawn_scoped(scope, write);
        if let Err(error) = writer {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        child.wait_with_output()
    })
}

fn shorter(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

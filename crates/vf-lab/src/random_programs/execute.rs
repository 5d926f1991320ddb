//! Compiling a generated program with sanitizers and running it on many inputs, in the sandbox of `vf-replay`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vf_ir::input::{ChoiceKind, Input, InputValue};
use vf_replay::sandbox::{Ended, Finished, Job, Limits, Sandbox, SandboxError, Trust};
use vf_replay::sanitizer::{Finding, findings};
use vf_replay::{ReplayError, find_compiler};

const HARNESS: &str = include_str!("harness.c");

/// The compilers and the sandbox of a campaign.
#[derive(Debug)]
pub struct Machine {
    sandbox: Sandbox,
    address: PathBuf,
    /// A clang whose MemorySanitizer links, where there is one.
    clang: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("cannot write {path}: {source}", path = path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("the program does not compile: {messages}")]
    DoesNotCompile { messages: String },
}

/// Which sanitizers watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watch {
    /// AddressSanitizer and UndefinedBehaviorSanitizer, by GCC, which also watches the bounds of arrays in records.
    AddressAndUndefined,
    /// The same by clang: GCC simplifies `11 + n >= 255` to a comparison before anything watches the sum.
    UndefinedByClang,
    /// MemorySanitizer, by clang.
    Memory,
}

/// What one run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    Returned(i32),
    /// The first report; the run ended with it.
    Reported(Finding),
    /// MemorySanitizer: a decision depends on memory that was never written.
    UsesUninitialised {
        line: Option<u32>,
    },
    /// It ended otherwise: a limit, a signal without a report.
    Ended(String),
}

/// The variables of a program that executions change.
#[derive(Clone, Debug, Default)]
pub struct Changing {
    /// Names at file scope: they are put back between the inputs of one process.
    pub named: Vec<String>,
    /// Whether there are others (`static` in a function): then each input has a process of its own.
    pub hidden: bool,
}

/// Inputs of a program that needs a process for each.
const ALONE: usize = 10;

/// A compiled program.
#[derive(Debug)]
pub struct Compiled<'m> {
    machine: &'m Machine,
    folder: tempfile::TempDir,
    binary: PathBuf,
    watch: Watch,
    /// Each input has its own process.
    alone: bool,
}

impl Machine {
    /// Looks for the compilers; asks the kernel for its sandbox.
    ///
    /// # Errors
    /// When nothing can be confined, or there is no `gcc`.
    pub fn find() -> Result<Machine, ExecuteError> {
        let mut machine = Machine {
            sandbox: Sandbox::probe()?,
            address: find_compiler(Path::new("gcc"))?,
            clang: find_compiler(Path::new("clang")).ok(),
        };
        // A clang without its run-time is no help.
        if machine
            .compile(
                "int main(void) { return 0; }\n",
                &Changing::default(),
                Watch::Memory,
            )
            .is_err()
        {
            machine.clang = None;
        }
        Ok(machine)
    }

    pub fn has_clang(&self) -> bool {
        self.clang.is_some()
    }

    /// Compiles a program.
    ///
    /// # Errors
    /// When the compiler refuses the text, or its folder cannot be written.
    pub fn compile(
        &self,
        text: &str,
        changing: &Changing,
        watch: Watch,
    ) -> Result<Compiled<'_>, ExecuteError> {
        let folder = tempfile::Builder::new().prefix("verify-fix-lab-").tempdir();
        let folder = folder.map_err(|source| ExecuteError::Write {
            path: std::env::temp_dir(),
            source,
        })?;
        let resets: String = changing.named.iter().map(|g| format!("RESET({g})\n")).collect();
        for (name, contents) in [
            ("program.c", text),
            ("harness.c", HARNESS),
            ("globals.h", &resets),
        ] {
            write(&folder.path().join(name), contents)?;
        }
        // GCC defines `1 << 31` and shifts of negative numbers (docs/soundness.md).
        let flags: &[&str] = match watch {
            Watch::AddressAndUndefined => &[
                "-fsanitize=address,undefined",
                "-fsanitize=bounds-strict",
                "-fno-sanitize=shift-base",
                "-fno-sanitize-recover=all",
                "-fsanitize-address-use-after-scope",
            ],
            Watch::UndefinedByClang => &[
                "-fsanitize=address,undefined",
                "-fno-sanitize=shift-base",
                "-fno-sanitize-recover=all",
            ],
            Watch::Memory => &["-fsanitize=memory"],
        };
        let no_compiler = || ReplayError::NoCompiler {
            compiler: "clang".into(),
        };
        let compiler = match watch {
            Watch::AddressAndUndefined => self.address.clone(),
            Watch::UndefinedByClang | Watch::Memory => self.clang.clone().ok_or_else(no_compiler)?,
        };
        let mut args: Vec<OsString> = ["-std=gnu11", "-g", "-O0", "-w", "-fno-omit-frame-pointer"]
            .iter()
            .chain(flags)
            .map(OsString::from)
            .collect();
        args.extend(
            [
                "-Wl,--wrap=malloc",
                "-Wl,--wrap=calloc",
                "-Wl,--wrap=realloc",
                "harness.c",
                "-o",
                "harness",
            ]
            .map(OsString::from),
        );
        let finished = self.run(&compiler, args, folder.path(), Trust::Compiler)?;
        if finished.ended != Ended::Exited(0) {
            let messages: Vec<&str> = std::str::from_utf8(&finished.stderr)
                .unwrap_or_default()
                .lines()
                .filter(|l| l.contains("error") || l.contains("undefined reference"))
                .take(4)
                .collect();
            return Err(ExecuteError::DoesNotCompile {
                messages: messages.join("\n"),
            });
        }
        let binary = folder.path().join("harness");
        Ok(Compiled {
            machine: self,
            folder,
            binary,
            watch,
            alone: changing.hidden,
        })
    }

    fn run(
        &self,
        program: &Path,
        args: Vec<OsString>,
        folder: &Path,
        trust: Trust,
    ) -> Result<Finished, ExecuteError> {
        // Canonical, because file rules are about files and not about names.
        let folder = folder.canonicalize().map_err(|source| ExecuteError::Write {
            path: folder.to_path_buf(),
            source,
        })?;
        let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
        let job = Job {
            program,
            args,
            env: vec![
                ("PATH".into(), path),
                ("LC_ALL".into(), "C".into()),
                ("TMPDIR".into(), folder.clone().into()),
                (
                    "ASAN_OPTIONS".into(),
                    "detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=1:\
                     strict_string_checks=1:quarantine_size_mb=4:exitcode=95"
                        .into(),
                ),
                (
                    "UBSAN_OPTIONS".into(),
                    "print_stacktrace=0:halt_on_error=1:exitcode=95".into(),
                ),
                ("MSAN_OPTIONS".into(), "exitcode=95".into()),
            ],
            folder: &folder,
            directory: None,
            trust,
            limits: Limits {
                wall: Duration::from_secs(20),
                cpu_seconds: 10,
                output_bytes: 64 << 10,
                ..Limits::default()
            },
        };
        Ok(self.sandbox.run(&job)?)
    }
}

impl Compiled<'_> {
    /// Runs the program on each input, as far as `reports` of them have ended with a report: each ends a process.
    /// Inputs that were not run are missing from the result.
    ///
    /// # Errors
    /// When the program cannot be run at all.
    pub fn observe(
        &self,
        inputs: &[Input],
        reports: usize,
    ) -> Result<BTreeMap<usize, Observation>, ExecuteError> {
        let text: String = inputs.iter().map(|i| line_of(i) + "\n").collect();
        write(&self.folder.path().join("inputs"), &text)?;
        let mut seen = BTreeMap::new();
        let mut next = 0;
        let mut ended = 0;
        let last = if self.alone {
            inputs.len().min(ALONE)
        } else {
            inputs.len()
        };
        while next < last && ended < reports {
            let count = if self.alone { 1 } else { last - next };
            let args = vec![next.to_string().into(), count.to_string().into()];
            let begun = next;
            let finished = self
                .machine
                .run(&self.binary, args, self.folder.path(), Trust::Untrusted)?;
            for line in finished.stdout_text().lines() {
                if let Some((number, result)) = line.split_once(' ')
                    && let (Ok(number), Ok(result)) = (number.parse::<usize>(), result.parse())
                {
                    seen.insert(number, Observation::Returned(result));
                    next = number + 1;
                }
            }
            if next >= begun + count {
                continue;
            }
            seen.insert(next, self.end(&finished));
            next += 1;
            ended += 1;
        }
        Ok(seen)
    }

    fn end(&self, finished: &Finished) -> Observation {
        let text = finished.stderr_text();
        if self.watch == Watch::Memory && text.contains("use-of-uninitialized-value") {
            let line = text
                .lines()
                .find_map(|l| l.split_once("/program.c:"))
                .and_then(|(_, rest)| rest.split(':').next()?.parse().ok());
            return Observation::UsesUninitialised { line };
        }
        match findings(&text).into_iter().next() {
            Some(finding) => Observation::Reported(finding),
            None => Observation::Ended(format!("{:?}", finished.ended)),
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), ExecuteError> {
    std::fs::write(path, text).map_err(|source| ExecuteError::Write {
        path: path.to_path_buf(),
        source,
    })
}

/// The input as a line of the harness's file.
fn line_of(input: &Input) -> String {
    let words = input.choices.iter().filter_map(|choice| match &choice.kind {
        ChoiceKind::Value(InputValue::Int { value, .. }) => Some(format!("V {}", *value as u64)),
        ChoiceKind::Value(_) => Some("V 0".to_string()),
        ChoiceKind::AllocationFails(fails) => Some(format!("F {}", u8::from(*fails))),
        ChoiceKind::Bytes(_) => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

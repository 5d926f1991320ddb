//! Verdicts on versions of a file, in this process. Work is counted instead of time, so that they repeat.
//!
//! A run of the compiler costs as much as a small proof, so the versions of one file are preprocessed in one run. What they are
//! compiled for is the data model LP64 with a signed `char`, wherever this runs: a record means the same everywhere.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use vf_frontend::preprocess::{Preprocessed, Target};
use vf_frontend::{Loaded, Options, Wanted};
use vf_ir::input::Input;
use vf_repair::behaviour::{difference_near, violations_near};
use vf_repair::{PatchReport, Version, judge_by_proof};
use vf_verify::report::{CheckReport, FunctionReport, ObligationReport};
use vf_verify::search::Source;
use vf_verify::{CheckOptions, Executions};

/// z3's units of work for one query: what is asked of a function that a person would read in a minute.
const WORK: u32 = 300_000;
/// How many times as much proving again may take.
const PATIENCE: u32 = 10;
/// Steps of one symbolic execution. Hardly a function that is made needs as many; a loop that may write to its own bound can take millions,
/// for minutes.
const STEPS: u64 = 50_000;
/// Iterations of a loop that are followed in search of a violation.
const UNROLL: u32 = 9;
/// Executions of a mutant and what it was made of, side by side, before a proof is tried.
const EXECUTED: usize = 60;
/// Executions in which something may break.
const VIOLATIONS: usize = 250;
/// Longest message of the compiler that is kept, in characters.
const MESSAGE: usize = 300;

/// Why a text could not be brought before the prover.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProveError {
    #[error("the compiler {} cannot be run: {why}", compiler.display())]
    Compiler { compiler: PathBuf, why: String },
    #[error("the compiler refuses the text: {said}")]
    Refused { said: String },
    #[error("the front end refuses the text: {said}")]
    Frontend { said: String },
}

/// Asks the front end and the verifier.
#[derive(Clone, Debug)]
pub struct Prover {
    compiler: PathBuf,
    check: CheckOptions,
}

/// A version of a file, preprocessed.
#[derive(Clone, Debug)]
pub struct Text {
    preprocessed: Preprocessed,
    path: PathBuf,
    text: Arc<str>,
}

/// What was found of one version.
#[derive(Clone, Debug)]
pub struct Proved {
    pub text: Arc<str>,
    pub report: CheckReport,
    path: PathBuf,
    executions: Arc<Executions>,
}

/// A version that the front end knows; nothing is proved of it yet.
#[derive(Debug)]
pub struct Known {
    text: Arc<str>,
    path: PathBuf,
    loaded: Loaded,
    check: CheckOptions,
    executions: Arc<Executions>,
}

impl Known {
    /// Whether an execution near `seeds` shows that this version, which is to be one before a fix, does something else than the fixed
    /// one although it breaks nothing.
    pub fn differs(&self, after: &Proved, function: &str, seeds: &[Input]) -> bool {
        difference_near(&self.executions, &after.executions, function, seeds, EXECUTED).is_some()
    }
}

impl Known {
    /// Inputs on which a function breaks nothing, as the solver has them.
    pub fn safe_inputs(&self, function: &str) -> Vec<Input> {
        self.executions.safe_inputs(function, Duration::MAX)
    }

    /// What executions near `seeds` violate.
    pub fn violations(&self, function: &str, seeds: &[Input]) -> Vec<ObligationReport> {
        violations_near(
            &self.executions,
            &self.loaded.sources,
            function,
            seeds,
            VIOLATIONS,
        )
    }

    /// As [`Known::differs`], of an original that is not checked either.
    pub fn differs_from(&self, after: &Known, function: &str, seeds: &[Input]) -> bool {
        difference_near(&self.executions, &after.executions, function, seeds, EXECUTED).is_some()
    }
}

impl Proved {
    /// Inputs on which a function breaks nothing, as the solver has them.
    pub fn safe_inputs(&self, function: &str) -> Vec<Input> {
        self.executions.safe_inputs(function, Duration::MAX)
    }

    pub fn function(&self, name: &str) -> Option<&FunctionReport> {
        self.report.functions.iter().find(|f| f.name == name)
    }

    fn version(&self) -> Version {
        Version {
            files: vec![(self.path.to_string_lossy().into_owned(), self.text.clone())],
            report: self.report.clone(),
            executions: vec![self.executions.clone()],
        }
    }
}

impl Prover {
    pub fn new(compiler: &Path) -> Prover {
        Prover {
            compiler: compiler.to_path_buf(),
            check: CheckOptions {
                rlimit: Some(WORK),
                steps: Some(STEPS),
                threads: Some(NonZeroUsize::MIN),
                unroll: Some(UNROLL),
                verdicts_only: true,
                // Its questions cost more than another function does.
                without: [Source::Spacer].into(),
                ..CheckOptions::default()
            },
        }
    }

    /// The same, for what was proved before: how much work a proof is depends on how z3 numbers its terms, too.
    pub fn patient(mut self) -> Prover {
        self.check.rlimit = Some(WORK * PATIENCE);
        self
    }

    /// The same, which gives a version no more than so much time: what comes of it depends on the machine then.
    pub fn within(mut self, time: Duration) -> Prover {
        self.check.timeout = Some(time);
        self
    }

    /// Preprocesses versions of one file in one run of the compiler. They must define their macros alike.
    ///
    /// # Errors
    /// The compiler cannot be run, or refuses one of them.
    pub fn read(&self, path: &Path, versions: &[&str]) -> Result<Vec<Text>, ProveError> {
        let outputs: Vec<String> = if versions.iter().all(|text| is_plain(text)) {
            let marked = |(number, text): (usize, &&str)| format!("# 1 \"{}\"\n{text}", marker(number));
            versions.iter().enumerate().map(marked).collect()
        } else {
            self.preprocessed(versions)?
        };
        let texts = versions.iter().zip(outputs).enumerate();
        texts
            .map(|(number, (text, output))| {
                let refused = |error: vf_frontend::error::FrontendError| ProveError::Frontend {
                    said: error.to_string(),
                };
                let mut preprocessed = Preprocessed::from_text(path, output.as_bytes()).map_err(refused)?;
                preprocessed.main = path.to_path_buf();
                preprocessed.main_marker = marker(number);
                preprocessed.target = Target::default();
                let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
                preprocessed.overlay = vec![(absolute, (*text).to_owned())];
                Ok(Text {
                    preprocessed,
                    path: path.to_path_buf(),
                    text: Arc::from(*text),
                })
            })
            .collect()
    }

    /// The output of one run over all versions, cut where each begins.
    fn preprocessed(&self, versions: &[&str]) -> Result<Vec<String>, ProveError> {
        let mut input = String::new();
        for (number, text) in versions.iter().enumerate() {
            input.push_str(&format!("#line 1 \"{}\"\n{text}\n", marker(number)));
        }
        let output = self.given(&["-E", "-w", "-xc", "-std=gnu11", "-"], &input)?;
        let mut pieces: Vec<String> = Vec::new();
        for line in output.split_inclusive('\n') {
            let begins = line.starts_with("# ") && line.contains(&format!("\"{}\"", marker(pieces.len())));
            if begins {
                pieces.push(String::new());
            }
            if let Some(piece) = pieces.last_mut() {
                piece.push_str(line);
            }
        }
        if pieces.len() != versions.len() {
            return Err(ProveError::Refused {
                said: "a version vanished in preprocessing".to_owned(),
            });
        }
        Ok(pieces)
    }

    /// Runs the compiler on a text; what it prints.
    fn given(&self, arguments: &[&str], text: &str) -> Result<String, ProveError> {
        let failed = |error: std::io::Error| ProveError::Compiler {
            compiler: self.compiler.clone(),
            why: error.to_string(),
        };
        let mut child = Command::new(&self.compiler)
            .args(arguments)
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let pipe = child.stdin.take();
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                if let Some(mut pipe) = pipe {
                    // A compiler that stops reading says why by its exit status.
                    let _ = pipe.write_all(text.as_bytes());
                }
            });
            child.wait_with_output()
        });
        let output = output.map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let error = said.lines().find(|line| line.contains("error")).unwrap_or(&said);
            return Err(ProveError::Refused {
                said: error.chars().take(MESSAGE).collect(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Whether the compiler takes the text at all; the front end is lenient.
    ///
    /// # Errors
    /// It does not, or cannot be run.
    pub fn compiles(&self, text: &str) -> Result<(), ProveError> {
        let strict = [
            "-fsyntax-only",
            "-w",
            "-xc",
            "-std=gnu11",
            "-ffreestanding",
            "-Werror=implicit-function-declaration",
            "-Werror=int-conversion",
            "-Werror=incompatible-pointer-types",
            "-",
        ];
        self.given(&strict, text).map(|_| ())
    }

    /// Checks one function for every caller.
    ///
    /// # Errors
    /// The front end does not know the function.
    pub fn check(&self, text: &Text, function: &str) -> Result<Proved, ProveError> {
        Ok(self.check_known(self.know(text, function)?))
    }

    /// Reads one function and what it needs.
    ///
    /// # Errors
    /// The front end does not know the function.
    pub fn know(&self, text: &Text, function: &str) -> Result<Known, ProveError> {
        let options = Options {
            wanted: Wanted::Functions(vec![function.to_owned()]),
            ..Options::new(self.compiler.clone())
        };
        let files = [text.path.clone()];
        let loaded =
            vf_frontend::load_preprocessed(std::slice::from_ref(&text.preprocessed), &files, &options)
                .map_err(|error| ProveError::Frontend {
                    said: error.to_string(),
                })?;
        let check = CheckOptions {
            functions: vec![function.to_owned()],
            ..self.check.clone()
        };
        Ok(Known {
            text: text.text.clone(),
            path: text.path.clone(),
            executions: Arc::new(Executions::new(&loaded.program, &check)),
            loaded,
            check,
        })
    }

    /// Checks what was read.
    pub fn check_known(&self, known: Known) -> Proved {
        let loaded = &known.loaded;
        let (program, sources) = (&loaded.program, &loaded.sources);
        let report = vf_verify::check(program, sources, &loaded.main_files, &known.check, &mut |_| {});
        Proved {
            text: known.text,
            report,
            path: known.path,
            executions: known.executions,
        }
    }
}

/// The judgement of the change from one version to the other, as `verify-fix patch` makes it, but that nobody looks for an input on
/// which the versions differ where they are not proved to do the same.
pub fn judged(before: &Proved, after: &Proved) -> PatchReport {
    judge_by_proof(&before.version(), &after.version())
}

/// Whether there is nothing to expand: no directive, in whatever spelling, no pragma, and no macro of the compiler's own, some of which
/// have plain names where it is asked for GNU's C.
fn is_plain(text: &str) -> bool {
    let spelled = ["#", "%:", "??=", "__", "_Pragma"];
    let words = ["linux", "unix", "i386"];
    !spelled.iter().chain(&words).any(|part| text.contains(part))
}

/// How line markers name a version.
fn marker(number: usize) -> String {
    format!("vf-corpus-version-{number}.c")
}

#[cfg(test)]
mod tests {
    use super::is_plain;

    #[test]
    fn what_the_preprocessor_would_change_is_not_plain() {
        assert!(is_plain("int f(int i) { return i % 8; }\n"));
        for text in [
            "#define N 8\n",
            "%:define N 8\n",
            "_Pragma(\"pack(1)\") struct s { char c; int i; };\n",
            "int f(void) { return unix; }\n",
            "int n = __CHAR_BIT__;\n",
        ] {
            assert!(!is_plain(text), "{text}");
        }
    }
}

//! `cargo xtask setup | demo [CASE] | test`: from a fresh clone to a running program, in one command each.
//!
//! This program depends on nothing but the standard library and does not link Z3, so that it builds on a
//! machine where nothing is installed yet and can say (or install) what is missing.

mod demo;
mod tools;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

const USAGE: &str = "\
usage: cargo xtask COMMAND

  setup         look for the C compiler, git and Z3; install what is missing where apt-get can
  demo [CASE]   repair one case of the corpus without a language model, apply the patch, compile the result
  test          everything CI runs: format, lints, unit tests, filetests, end-to-end tests, the demo
";

/// What went wrong, in words for the person at the terminal.
pub type Failure = String;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["setup"] => tools::setup(),
        ["demo"] => build_and_demo(demo::DEFAULT_CASE),
        ["demo", case] => build_and_demo(case),
        ["test"] => test(),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\nxtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn build_and_demo(case: &str) -> Result<(), Failure> {
    let binary = program_path()?;
    tools::setup()?;
    step(
        "build",
        cargo().args(["build", "--package", "vf-cli", "--bin", "verify-fix"]),
    )?;
    demo::run(&repository(), &binary, case, demo::Measure::Time)
}

/// Of `tests/single-functions`, those that take seconds; all of them take many minutes.
const QUICK_FUNCTIONS: [&str; 16] = [
    "bounded_length",
    "checksum_clamped",
    "copy_backwards",
    "copy_string",
    "find_byte",
    "find_char",
    "hex_decode",
    "last_index",
    "lower_bound",
    "message_checksum",
    "reverse_in_place",
    "ring_put",
    "split_words",
    "string_length",
    "table_new",
    "trim_line",
];

/// The whole test suite. Lints come before the long builds, so that a small mistake is told early.
fn test() -> Result<(), Failure> {
    let binary = program_path()?;
    let started = Instant::now();
    tools::setup()?;
    step("format", cargo().args(["fmt", "--all", "--check"]))?;
    step(
        "lints",
        cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    )?;
    // Unit tests, filetests, end-to-end tests and the examples in the documentation.
    step(
        "tests",
        cargo().args(["test", "--workspace", "--locked", "--no-fail-fast"]),
    )?;
    // Of the whole workspace: for one package alone, its dependencies would be built again with fewer features.
    let mut single = cargo();
    single.args([
        "test",
        "--workspace",
        "--locked",
        "--test",
        "single_functions",
        "--",
    ]);
    step("single functions", single.args(QUICK_FUNCTIONS))?;
    demo::run(&repository(), &binary, demo::DEFAULT_CASE, demo::Measure::Work)?;
    println!("\nAll tests passed in {} s.", started.elapsed().as_secs());
    Ok(())
}

/// Runs one step, its output going straight to the terminal.
fn step(name: &str, command: &mut Command) -> Result<(), Failure> {
    println!("==> {name}: {}", shown(command));
    let started = Instant::now();
    let status = command
        .status()
        .map_err(|e| format!("cannot run `{}`: {e}", shown(command)))?;
    if !status.success() {
        return Err(format!("{name} failed ({status}): `{}`", shown(command)));
    }
    println!("    {name}: {} s", started.elapsed().as_secs());
    Ok(())
}

/// A command as a person would type it.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|a| a.to_string_lossy().into_owned()));
    words.join(" ")
}

/// The cargo that started this program, working in the repository.
fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(repository());
    command
}

/// Root of the repository: cargo says where this package lies; without it, where it lay when it was built.
fn repository() -> PathBuf {
    let package = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    package
        .parent()
        .map_or_else(|| package.clone(), Path::to_path_buf)
}

/// Where cargo leaves `verify-fix`: beside this very program, whatever target directory is in use. Asked
/// before any build, because cargo may replace this program's file while it runs.
fn program_path() -> Result<PathBuf, Failure> {
    let this = std::env::current_exe().map_err(|e| format!("cannot find the build folder: {e}"))?;
    Ok(this.with_file_name(format!("verify-fix{}", std::env::consts::EXE_SUFFIX)))
}

//! The verify-fix command: reads the command line, calls the libraries, prints what they say, and exits with
//! a code that scripts can rest on. It decides nothing about programs itself.

mod aftermath;
mod args;
mod cache;
mod check;
mod checker;
mod contracts;
mod corpus;
mod device;
mod emit;
mod exit;
#[cfg(feature = "model")]
mod guide;
mod mail;
mod memory;
mod model;
mod models;
mod output;
mod patch;
mod progress;
mod read;
mod render;
mod repair;
mod replay;
mod replay_run;
mod reproducer;

use std::panic::PanicHookInfo;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use clap::Parser;

use args::{Cli, Command};
use exit::{CliError, Exit};

/// Deeply nested C makes deep recursion in the parser and the lowering; address space is free.
const STACK_BYTES: usize = 1 << 30;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output with code 0, usage errors to standard error with 2.
            let code = error.exit_code();
            let _ = error.print();
            return ExitCode::from(u8::try_from(code).unwrap_or(Exit::BadInput as u8));
        }
    };
    let exit = guarded(move || match run(cli.command) {
        Ok(exit) => exit,
        Err(error) => {
            output::complain(&format!("error: {error}"));
            error.exit()
        }
    });
    ExitCode::from(exit as u8)
}

fn run(command: Command) -> Result<Exit, CliError> {
    let not_yet = |command| Err(CliError::NotYet { command });
    match command {
        Command::Check(args) => check::run(&args),
        Command::Patch(args) => patch::run(&args),
        Command::Repair(args) => {
            device::hand_over(&args)?;
            repair::run(&args)
        }
        Command::Replay(args) => replay::run(&args),
        Command::ReplayRun(args) => replay_run::run(&args),
        Command::Scan(_) => not_yet("scan"),
        Command::Corpus(args) => corpus::run(&args),
        Command::Train(_) => not_yet("train"),
        Command::Experiment(_) => not_yet("experiment"),
        Command::Recheck(_) => not_yet("recheck"),
        Command::Models(args) => models::run(&args),
    }
}

/// What the last panic said, for the message of the fault.
static FAULT: Mutex<String> = Mutex::new(String::new());

/// Runs the command on a thread with a large stack. A panic is a fault of the tool: it is reported as one,
/// and never looks like a verdict.
fn guarded(work: impl FnOnce() -> Exit + Send + 'static) -> Exit {
    std::panic::set_hook(Box::new(remember));
    let thread = std::thread::Builder::new()
        .name("verify-fix".to_string())
        .stack_size(STACK_BYTES)
        .spawn(work);
    let said = match thread {
        Ok(thread) => match thread.join() {
            Ok(exit) => return exit,
            Err(_) => FAULT.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        },
        Err(error) => format!("no thread to work on: {error}"),
    };
    output::complain(&format!(
        "fault: verify-fix itself failed, which says nothing about the program: {said}\n\
         please report this with the input that shows it"
    ));
    Exit::Fault
}

fn remember(info: &PanicHookInfo<'_>) {
    let payload = info.payload();
    let what = payload
        .downcast_ref::<&str>()
        .map(|s| (*s).to_string())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_string());
    let place = info
        .location()
        .map(|l| format!(" ({}:{})", l.file(), l.line()))
        .unwrap_or_default();
    *FAULT.lock().unwrap_or_else(PoisonError::into_inner) = format!("{what}{place}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_fault_and_an_end_is_an_end() {
        assert_eq!(guarded(|| Exit::Unknown), Exit::Unknown);
        assert_eq!(guarded(|| std::panic::panic_any("on purpose")), Exit::Fault);
        assert!(
            FAULT
                .lock()
                .expect("the message")
                .contains("on purpose (crates/vf-cli/src/lib.rs:")
        );
        // The other tests of this process want the ordinary messages back.
        drop(std::panic::take_hook());
    }
}

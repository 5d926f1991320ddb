//! Which processor a model runs on, and the hand-over to the program that has CUDA.
//!
//! candle links with CUDA's libraries by name: a program with CUDA in it does not even start on a machine without
//! them. So CUDA is in a program of its own, `verify-fix-cuda`, beside this one (docs/decisions/0017-cuda.md). It is
//! asked first which devices it sees; where it cannot start or sees none, this program goes on, on the CPU.

use serde::Serialize;

use crate::args::{ModelDevicesArgs, TextOrJson};
use crate::check::json;
use crate::exit::{CliError, Exit};
use crate::output;

#[cfg(all(feature = "model", not(feature = "cuda")))]
pub use elsewhere::hand_over;

/// Nothing to hand over to: CUDA is in this program, or no model is.
#[cfg(not(all(feature = "model", not(feature = "cuda"))))]
pub fn hand_over(_: &crate::args::RepairArgs) -> Result<(), CliError> {
    Ok(())
}

/// `models devices` as JSON (`docs/models.md`). Sizes are in bytes.
#[derive(Serialize)]
struct Printed {
    schema: &'static str,
    cpu: Cpu,
    cuda: Vec<Cuda>,
    /// Why no GPU is used, where there is something to say.
    note: Option<String>,
}

#[derive(Serialize)]
struct Cpu {
    cores: usize,
    available: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(not(feature = "model"), allow(dead_code))]
struct Cuda {
    number: usize,
    name: String,
    memory: u64,
    free: u64,
}

/// `verify-fix models devices`.
pub fn show(args: &ModelDevicesArgs) -> Result<Exit, CliError> {
    // Where CUDA is in another program, that one is asked, and its answer is the answer.
    #[cfg(all(feature = "model", not(feature = "cuda")))]
    let (answered, note) = match elsewhere::ask() {
        elsewhere::Answer::Devices(_) => (elsewhere::print(args.format), None),
        elsewhere::Answer::NoProgram(path) => (None, Some(format!("no {}", path.display()))),
        elsewhere::Answer::Failed(why) => (None, Some(why)),
    };
    #[cfg(not(all(feature = "model", not(feature = "cuda"))))]
    let (answered, note): (Option<String>, Option<String>) = (None, None);
    if let Some(text) = answered {
        output::write_stdout(&text)?;
        return Ok(Exit::Proved);
    }

    let (cuda, note) = match here() {
        Ok(found) => (found, note),
        Err(why) => (Vec::new(), Some(why)),
    };
    let printed = Printed {
        schema: "verify-fix-devices/1",
        cpu: Cpu {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            available: available(),
        },
        cuda,
        note,
    };
    output::write_stdout(&match args.format {
        TextOrJson::Text => text(&printed),
        TextOrJson::Json => json(&printed)?,
    })?;
    Ok(Exit::Proved)
}

#[cfg(feature = "model")]
fn here() -> Result<Vec<Cuda>, String> {
    let found = vf_model::devices::cuda().map_err(|error| error.to_string())?;
    Ok(found
        .into_iter()
        .map(|d| Cuda {
            number: d.ordinal,
            name: d.name,
            memory: d.memory,
            free: d.free,
        })
        .collect())
}

#[cfg(not(feature = "model"))]
fn here() -> Result<Vec<Cuda>, String> {
    Err("this program was built without models of its own (cargo feature `model`)".to_string())
}

#[cfg(feature = "model")]
fn available() -> Option<u64> {
    crate::memory::available()
}

#[cfg(not(feature = "model"))]
fn available() -> Option<u64> {
    None
}

fn text(printed: &Printed) -> String {
    use std::fmt::Write;
    let gigabytes = |bytes: u64| bytes as f64 / 1e9;
    let mut text = String::new();
    let memory = printed.cpu.available.map_or(String::new(), |m| {
        format!(", {:.1} GB of memory free", gigabytes(m))
    });
    let cores = printed.cpu.cores;
    let _ = writeln!(
        text,
        "cpu     {cores} core{}{memory}",
        if cores == 1 { "" } else { "s" }
    );
    for device in &printed.cuda {
        let (free, all) = (gigabytes(device.free), gigabytes(device.memory));
        let _ = writeln!(
            text,
            "cuda:{:<2} {}, {free:.1} of {all:.1} GB free",
            device.number, device.name
        );
    }
    if let Some(note) = &printed.note {
        let _ = writeln!(text, "no GPU is used: {note}");
    }
    text
}

#[cfg(all(feature = "model", not(feature = "cuda")))]
mod elsewhere {
    use std::io::Read;
    use std::path::PathBuf;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use crate::args::{DeviceChoice, RepairArgs, TextOrJson};
    use crate::exit::CliError;
    use crate::output::complain;

    /// A driver that takes longer to start than this is of no use to anybody.
    const PATIENCE: Duration = Duration::from_secs(20);
    /// No list of devices is longer.
    const ANSWER: u64 = 1 << 20;

    /// What the program with CUDA says about the devices it sees.
    pub enum Answer {
        /// Their number; at least one.
        Devices(usize),
        /// It is not beside this program.
        NoProgram(PathBuf),
        Failed(String),
    }

    fn program() -> Result<PathBuf, String> {
        let this =
            std::env::current_exe().map_err(|e| format!("where this program is cannot be found out: {e}"))?;
        Ok(this.with_file_name("verify-fix-cuda"))
    }

    pub fn ask() -> Answer {
        let program = match program() {
            Ok(program) => program,
            Err(why) => return Answer::Failed(why),
        };
        if !program.is_file() {
            return Answer::NoProgram(program);
        }
        let failed = |why: String| Answer::Failed(format!("{}: {why}", program.display()));
        let text = match asked(&program, TextOrJson::Json) {
            Ok(text) => text,
            Err(why) => return failed(why),
        };
        let answer: serde_json::Value = match serde_json::from_str(&text) {
            Ok(answer) => answer,
            Err(error) => return failed(format!("its list of devices is not JSON: {error}")),
        };
        match answer.get("cuda").and_then(|list| list.as_array()).map(Vec::len) {
            Some(0) => {
                let why = answer.get("note").and_then(|n| n.as_str());
                failed(why.unwrap_or("it sees no CUDA device").to_string())
            }
            Some(count) => Answer::Devices(count),
            None => failed("its list of devices has no `cuda`".to_string()),
        }
    }

    /// What it prints; `None` where it does not answer any more.
    pub fn print(format: TextOrJson) -> Option<String> {
        asked(&program().ok()?, format).ok()
    }

    fn asked(program: &std::path::Path, format: TextOrJson) -> Result<String, String> {
        let format = match format {
            TextOrJson::Text => "text",
            TextOrJson::Json => "json",
        };
        let mut child = Command::new(program)
            .args(["models", "devices", "--format", format])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot be started: {e}"))?;
        // The answer is far below what a pipe holds: it can be read once the child is done.
        let status = wait(&mut child)?;
        let mut text = String::new();
        if status.success() {
            if let Some(out) = child.stdout.take() {
                out.take(ANSWER)
                    .read_to_string(&mut text)
                    .map_err(|e| format!("its answer cannot be read: {e}"))?;
            }
            return Ok(text);
        }
        if let Some(said) = child.stderr.take() {
            let _ = said.take(ANSWER).read_to_string(&mut text);
        }
        let said = text.lines().next().unwrap_or("it said nothing").to_string();
        Err(format!("ended with {status}: {said}"))
    }

    fn wait(child: &mut Child) -> Result<std::process::ExitStatus, String> {
        let started = Instant::now();
        loop {
            match child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(5)),
                Ok(None) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(format!("did not answer within {} s", PATIENCE.as_secs()));
                }
                Err(error) => return Err(format!("cannot be waited for: {error}")),
            }
        }
    }

    /// Becomes the program with CUDA where the model of this repair is to run on a GPU. Returns where it is to run
    /// on the CPU; where a GPU was asked for by name and cannot be used, that is an error.
    pub fn hand_over(args: &RepairArgs) -> Result<(), CliError> {
        let in_this_process =
            !matches!(args.model.as_str(), "none" | "" | "embedded") && !args.model.contains("://");
        if !in_this_process || args.emit.is_some() || args.device == DeviceChoice::Cpu {
            return Ok(());
        }
        let demanded = args.device != DeviceChoice::Auto;
        let no_gpu = |why: String| CliError::NoGpu { why };
        match ask() {
            Answer::Devices(count) => {
                if let DeviceChoice::Cuda(number) = args.device
                    && number >= count
                {
                    return Err(no_gpu(format!(
                        "there is no device {number}; `verify-fix models devices` lists them"
                    )));
                }
            }
            Answer::NoProgram(path) if demanded => {
                return Err(no_gpu(format!(
                    "there is no {} (how to build it: docs/models.md)",
                    path.display()
                )));
            }
            Answer::NoProgram(_) => return Ok(()),
            Answer::Failed(why) if demanded => return Err(no_gpu(why)),
            Answer::Failed(why) => {
                complain(&format!("note: the model runs on the CPU: {why}"));
                return Ok(());
            }
        }
        let error = replace()?;
        if demanded {
            return Err(no_gpu(error));
        }
        complain(&format!("note: the model runs on the CPU: {error}"));
        Ok(())
    }

    /// Returns only where it failed, with the reason.
    fn replace() -> Result<String, CliError> {
        use std::os::unix::process::CommandExt;
        let program = program().map_err(|why| CliError::NoGpu { why })?;
        let error = Command::new(&program).args(std::env::args_os().skip(1)).exec();
        Ok(format!("{} cannot be started: {error}", program.display()))
    }
}

//! Time and peak memory for each class of obligations, beside CBMC where it is installed.
//!
//! ```text
//! cargo bench -p vf-verify                        # CBMC from the PATH
//! VF_CBMC=/path/to/cbmc cargo bench -p vf-verify  # or from here
//! ```
//!
//! Every class is a family of functions that are safe ([`families`]); each tool checks the family's functions in a
//! process of its own, whose CPU time and largest resident set wait4(2) reports. `one` is a file with one function, so
//! that what a start costs shows; `each` is the time a function in a file with sixteen. Nothing here is a test, but what
//! is not proved is said.

mod families;

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use families::{FAMILIES, Family};
use vf_frontend::Options;
use vf_verify::CheckOptions;
use vf_verify::report::Overall;

/// Functions of the larger file.
const MANY: usize = 16;
/// Of them, those that a peer looks at, which takes one run for each.
const PEER_RUNS: usize = 4;
/// CPU seconds that a run may take.
const LIMIT: u64 = 30;
/// A child of this program that checks one file.
const CHILD: &str = "--check-this-file";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(place) = arguments.iter().position(|a| a == CHILD) {
        let Some(file) = arguments.get(place + 1) else {
            std::process::exit(2)
        };
        std::process::exit(check(Path::new(file)));
    }
    let cbmc = cbmc();
    if cbmc.is_none() {
        println!("no cbmc on the PATH or in VF_CBMC: its columns are left out\n");
    }
    println!(
        "| class | one, CPU ms | peak MB | each of {MANY}, CPU ms | peak MB | CBMC one, CPU ms | peak MB | CBMC each, CPU ms | peak MB | not proved |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |");
    let folder = std::env::temp_dir().join(format!("vf-classes-{}", std::process::id()));
    if let Err(error) = std::fs::create_dir_all(&folder) {
        println!("cannot create {}: {error}", folder.display());
        return;
    }
    for family in &FAMILIES {
        println!("{}", row(family, &folder, cbmc.as_deref()));
    }
    let _ = std::fs::remove_dir_all(&folder);
}

fn row(family: &Family, folder: &Path, cbmc: Option<&Path>) -> String {
    let mut cells = vec![family.name.to_owned()];
    let mut failed = Vec::new();
    let files: Vec<(PathBuf, usize)> = [1, MANY]
        .into_iter()
        .filter_map(|count| {
            let text: String = (0..count).map(family.function).collect();
            let file = folder.join(format!("{}-{count}.c", family.name.replace(' ', "-")));
            std::fs::write(&file, text).ok()?;
            Some((file, count))
        })
        .collect();
    for (file, count) in &files {
        let own = std::env::current_exe().map(|program| {
            let mut command = Command::new(program);
            command.arg(CHILD).arg(file);
            command
        });
        cells.extend(measured(own.ok().as_mut(), *count, "verify-fix", &mut failed));
    }
    for (file, count) in &files {
        let mut total = Usage::default();
        // CBMC looks at one function in a run.
        let runs = if cbmc.is_some() { *count } else { 0 };
        for k in 0..runs.min(PEER_RUNS) {
            let mut command = Command::new(cbmc.unwrap_or(Path::new("cbmc")));
            command.arg(file).arg("--function").arg(entry_name(family, k));
            command.args([
                "--no-standard-checks",
                "--bounds-check",
                "--pointer-check",
                "--div-by-zero-check",
            ]);
            command.args([
                "--signed-overflow-check",
                "--undefined-shift-check",
                "--unwind",
                "17",
            ]);
            match run(&mut command) {
                Some(usage) => {
                    if usage.status < 0 {
                        failed.push(format!("cbmc: over {LIMIT} s"));
                    }
                    total.add(&usage);
                }
                None => failed.push("cbmc did not start".to_owned()),
            }
        }
        cells.push(if runs == 0 {
            String::new()
        } else {
            format!("{:.0}", total.cpu_ms / runs.min(PEER_RUNS) as f64)
        });
        cells.push(if runs == 0 {
            String::new()
        } else {
            (total.peak_kib / 1024).to_string()
        });
    }
    failed.dedup();
    cells.push(failed.join("; "));
    format!("| {} |", cells.join(" | "))
}

/// The name of the k-th function: the last one that its text defines.
fn entry_name(family: &Family, k: usize) -> String {
    let text = (family.function)(k);
    let mut heads = text
        .lines()
        .filter(|line| line.ends_with(')') && !line.starts_with('\t'));
    let head = heads.next_back().unwrap_or_default();
    let before = head.split('(').next().unwrap_or_default();
    before.rsplit([' ', '*']).next().unwrap_or_default().to_owned()
}

fn measured(
    command: Option<&mut Command>,
    count: usize,
    tool: &str,
    failed: &mut Vec<String>,
) -> [String; 2] {
    match command.and_then(run) {
        Some(usage) => {
            if usage.status != 0 {
                failed.push(format!("{tool}: status {}", usage.status));
            }
            [
                format!("{:.0}", usage.cpu_ms / count as f64),
                (usage.peak_kib / 1024).to_string(),
            ]
        }
        None => {
            failed.push(format!("{tool} did not start"));
            [String::new(), String::new()]
        }
    }
}

#[derive(Default)]
struct Usage {
    cpu_ms: f64,
    peak_kib: i64,
    status: i32,
}

impl Usage {
    fn add(&mut self, other: &Usage) {
        self.cpu_ms += other.cpu_ms;
        self.peak_kib = self.peak_kib.max(other.peak_kib);
        self.status = self.status.max(other.status);
    }
}

/// Runs a command to its end: what wait4 reports of it and of the processes it waited for.
fn run(command: &mut Command) -> Option<Usage> {
    // SAFETY: setrlimit is async-signal-safe, and reads a live variable.
    unsafe {
        command.pre_exec(|| {
            let limit = libc::rlimit {
                rlim_cur: LIMIT,
                rlim_max: LIMIT,
            };
            match libc::setrlimit(libc::RLIMIT_CPU, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers are to live variables of the types that wait4 writes.
    let waited = unsafe { libc::wait4(child.id() as i32, &mut status, 0, usage.as_mut_ptr()) };
    if waited < 0 {
        return None;
    }
    // SAFETY: zeroed above, which is a valid value, and written by wait4.
    let usage = unsafe { usage.assume_init() };
    let milliseconds = |t: libc::timeval| t.tv_sec as f64 * 1e3 + t.tv_usec as f64 / 1e3;
    Some(Usage {
        cpu_ms: milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime),
        peak_kib: usage.ru_maxrss,
        status: if libc::WIFEXITED(status) {
            libc::WEXITSTATUS(status)
        } else {
            -1
        },
    })
}

/// Checks every function of a file, as `verify-fix check` does; 0 when all is proved.
fn check(file: &Path) -> i32 {
    let loading = Options::new("cc");
    let Ok(loaded) = vf_frontend::load(&[file.to_owned()], &loading) else {
        return 2;
    };
    let options = CheckOptions::default();
    let report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        &options,
        &mut |_| {},
    );
    match report.verdict {
        Overall::Proved => 0,
        Overall::ProvedToBound | Overall::Unknown => 3,
        Overall::Refuted => 1,
    }
}

fn cbmc() -> Option<PathBuf> {
    let named = std::env::var_os("VF_CBMC").map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("cbmc"));
    named.into_iter().chain(found).find(|file| file.is_file())
}

//! Running a program that nobody trusts.
//!
//! A replayed counterexample executes the code under test on an input that breaks it, and the code under
//! test may have been written by a language model. So the program gets: system libraries and its own folder
//! to read, nothing to write but two pipes (or its own folder, when asked), no network, no new processes, no
//! signals to anybody else, and limits on processor time, wall time, memory and output. Three mechanisms of
//! the kernel do that, each applied by the child to itself between `fork` and `exec` and none of them
//! removable afterwards:
//!
//! - Landlock (`landlock(7)`) for files;
//! - seccomp filters (`seccomp(2)`) for system calls: a list of what a plain C program needs, everything
//!   else fails with `EPERM`;
//! - resource limits (`setrlimit(2)`), a process group of its own, and a parent that watches time and memory.
//!
//! A network namespace is added where the kernel lets us. Without Landlock or seccomp nothing is run at all
//! ([`SandboxError::CannotConfine`]).
//!
//! The compiler is trusted code that reads untrusted text: it may read the whole system (include paths lie
//! anywhere) and start processes, but writes only in its folder, has no network and the same kind of limits.
//! Text that a model wrote must not reach it with an `#include` or `.incbin` of its own: that check belongs
//! to whoever accepts the text (`vf-repair`), since here it cannot be told apart from the user's.

mod child;
mod filter;
mod watch;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr,
    RulesetCreatedAttr,
};

/// What the kernel we run on can confine with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Features {
    /// Version of the Landlock interface; 0 where the kernel has none or it is not enabled.
    pub landlock: u32,
    /// Whether seccomp filters can be installed.
    pub seccomp: bool,
}

/// A kernel that can confine a program. The only way to get one is [`Sandbox::probe`].
#[derive(Clone, Debug)]
pub struct Sandbox {
    features: Features,
}

#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error(
        "cannot confine the program: {missing}. Nothing was run. Use a Linux kernel 5.13 or later with \
         CONFIG_SECURITY_LANDLOCK and CONFIG_SECCOMP_FILTER, with `landlock` in /sys/kernel/security/lsm; in \
         a container, allow the landlock_* and seccomp system calls"
    )]
    CannotConfine { missing: String },
    #[error("cannot build the seccomp filter for this machine: {0}")]
    Filter(String),
    #[error("cannot prepare the file rules: {0}")]
    Rules(String),
    #[error("cannot start {program}: {source}", program = program.display())]
    Start {
        program: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot watch the program: {0}")]
    Watch(std::io::Error),
}

/// Whom the program is trusted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Reads system libraries and its folder, writes nothing, starts nothing.
    Untrusted,
    /// As `Untrusted`, but may create and write files in its folder.
    UntrustedWriter,
    /// A compiler: reads everything, writes its folder, starts processes.
    Compiler,
}

/// Upper bounds for one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time by the clock, after which the process group is killed.
    pub wall: Duration,
    /// Processor time in seconds (`RLIMIT_CPU`).
    pub cpu_seconds: u64,
    /// Resident memory in bytes, looked at every few milliseconds: programs under AddressSanitizer map
    /// terabytes of address space and use little of it, so that address space says nothing about them.
    pub resident_bytes: u64,
    /// Address space in bytes (`RLIMIT_AS`); `None` for programs under AddressSanitizer.
    pub address_space_bytes: Option<u64>,
    /// Size of any one file written (`RLIMIT_FSIZE`).
    pub file_bytes: u64,
    /// How much of each of standard output and standard error is kept; the rest is read and dropped.
    pub output_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            wall: Duration::from_secs(10),
            cpu_seconds: 8,
            resident_bytes: 1 << 30,
            address_space_bytes: None,
            file_bytes: 16 << 20,
            output_bytes: 256 << 10,
        }
    }
}

/// One program to run.
#[derive(Clone, Debug)]
pub struct Job<'a> {
    pub program: &'a Path,
    pub args: Vec<OsString>,
    /// The whole environment; nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// The program's folder.
    pub folder: &'a Path,
    /// Directory it starts in; the folder when `None`.
    pub directory: Option<&'a Path>,
    pub trust: Trust,
    pub limits: Limits,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Exited(i32),
    /// Number of the signal.
    Signalled(i32),
    OutOfWallTime,
    OutOfMemory,
}

/// What a run left.
#[derive(Clone, Debug)]
pub struct Finished {
    pub ended: Ended,
    /// At most [`Limits::output_bytes`] of each stream.
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// Whether either stream was longer than what was kept.
    pub truncated: bool,
    pub wall: Duration,
}

impl Finished {
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
    pub fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

impl Features {
    /// Asks the kernel.
    pub fn probe() -> Features {
        Features {
            landlock: child::landlock_version(),
            seccomp: child::has_seccomp_filters(),
        }
    }

    /// What is missing for a sandbox, in words; `None` when nothing is.
    pub fn missing(self) -> Option<String> {
        let landlock = (self.landlock == 0).then_some("the kernel offers no Landlock (file access)");
        let seccomp = (!self.seccomp).then_some("the kernel offers no seccomp filters (system calls)");
        let machine = filter::target()
            .is_none()
            .then_some("this processor has no system-call list here");
        let all: Vec<&str> = [landlock, seccomp, machine].into_iter().flatten().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl Sandbox {
    /// A sandbox, if the kernel has what it takes.
    pub fn probe() -> Result<Sandbox, SandboxError> {
        Sandbox::with(Features::probe())
    }

    /// As [`Sandbox::probe`] for features that are already known.
    pub fn with(features: Features) -> Result<Sandbox, SandboxError> {
        match features.missing() {
            Some(missing) => Err(SandboxError::CannotConfine { missing }),
            None => Ok(Sandbox { features }),
        }
    }

    pub fn features(&self) -> Features {
        self.features
    }

    /// Runs a program to its end, or to the first limit it meets. When this returns, the program and
    /// whatever it started are gone.
    ///
    /// # Errors
    /// When the program cannot be started or watched. A program that fails, crashes or meets a limit is not
    /// an error: see [`Finished::ended`].
    pub fn run(&self, job: &Job<'_>) -> Result<Finished, SandboxError> {
        // Truncation is a right of its own since version 3; before that, Landlock cannot stop it.
        if job.trust == Trust::UntrustedWriter && self.features.landlock < 3 {
            return Err(SandboxError::CannotConfine {
                missing: "this kernel's Landlock (before version 3, Linux 6.2) cannot confine a program that writes"
                    .to_string(),
            });
        }
        let rules = file_rules(job)?;
        let filter = match job.trust {
            Trust::Untrusted => filter::untrusted(false)?,
            Trust::UntrustedWriter => filter::untrusted(true)?,
            Trust::Compiler => filter::compiler()?,
        };
        watch::run(job, rules, filter)
    }
}

/// Directories of libraries, with the loader: what any dynamically linked program reads.
const LIBRARIES: [&str; 5] = ["/usr/lib", "/usr/local/lib", "/lib", "/lib64", "/lib32"];
/// Names in these directories that no program needs to run. Where the C library's debugging information is installed,
/// AddressSanitizer unpacks all of it to name a frame of `memcpy`: most of the time of a replay.
const NOT_READ: [&str; 1] = ["debug"];
const SYSTEM_READ: [&str; 3] = ["/usr/share", "/etc/ld.so.cache", "/dev/null"];
/// Needed by the loader and by the sanitizers' start-up.
const SYSTEM_READ_MORE: [&str; 3] = ["/dev/zero", "/dev/urandom", "/sys/devices/system/cpu/online"];
/// Program interpreters, which `execve` opens for execution.
const LOADERS: [&str; 3] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
];

/// What is in the directories of libraries, except for [`NOT_READ`]. A rule cannot take away what another gives, so that each
/// entry gets its own; a symbolic link gets none, since a rule would be about the file that it leads to, wherever that is.
fn libraries() -> BTreeSet<PathBuf> {
    let folders = LIBRARIES
        .iter()
        .filter_map(|path| Path::new(path).canonicalize().ok());
    // `/lib` is `/usr/lib` on most systems.
    let folders: BTreeSet<PathBuf> = folders.collect();
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok());
    entries
        .flatten()
        .flatten()
        .filter(|entry| !NOT_READ.iter().any(|name| entry.file_name() == *name))
        .filter(|entry| entry.file_type().is_ok_and(|kind| !kind.is_symlink()))
        .map(|entry| entry.path())
        .collect()
}

/// The Landlock ruleset of a job. `/proc/self` is added by the child, who alone knows which one it is.
fn file_rules(job: &Job<'_>) -> Result<OwnedFd, SandboxError> {
    let wrong = |e: &dyn std::fmt::Display| SandboxError::Rules(e.to_string());
    let abi = ABI::V5;
    let all = AccessFs::from_all(abi);
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)
        .map_err(|e| wrong(&e))?
        .create()
        .map_err(|e| wrong(&e))?;
    let mut grants = Vec::new();
    match job.trust {
        Trust::Untrusted | Trust::UntrustedWriter => {
            grants.extend(libraries().into_iter().map(|path| (path, read)));
            grants.extend(
                SYSTEM_READ
                    .iter()
                    .chain(&SYSTEM_READ_MORE)
                    .map(|p| (PathBuf::from(p), read)),
            );
            grants.extend(
                LOADERS
                    .iter()
                    .map(|p| (PathBuf::from(p), AccessFs::Execute | AccessFs::ReadFile)),
            );
            grants.push((job.program.to_path_buf(), AccessFs::Execute | AccessFs::ReadFile));
        }
        Trust::Compiler => {
            grants.push((PathBuf::from("/"), read | AccessFs::Execute));
            grants.push((
                PathBuf::from("/dev/null"),
                read | AccessFs::WriteFile | AccessFs::Truncate,
            ));
        }
    }
    let writes = AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let folder = if job.trust == Trust::Untrusted {
        read
    } else {
        read | writes
    };
    grants.push((job.folder.to_path_buf(), folder));
    for (path, access) in grants {
        // What is not there needs no rule; a file takes no directory rights.
        let Ok(meta) = std::fs::metadata(&path) else {
            continue;
        };
        let access = if meta.is_dir() {
            access
        } else {
            access & AccessFs::from_file(abi)
        };
        let Ok(fd) = PathFd::new(&path) else { continue };
        ruleset = ruleset
            .add_rule(PathBeneath::new(fd, access))
            .map_err(|e| wrong(&e))?;
    }
    let fd: Option<OwnedFd> = ruleset.into();
    fd.ok_or_else(|| SandboxError::CannotConfine {
        missing: "the kernel took no Landlock ruleset".to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_rule_is_about_what_a_link_leads_to() {
        let granted = libraries();
        assert!(!granted.is_empty());
        for path in granted {
            let meta = std::fs::symlink_metadata(&path).expect("there");
            assert!(!meta.is_symlink(), "{}", path.display());
            assert_ne!(path.file_name(), Some("debug".as_ref()), "{}", path.display());
        }
    }
}

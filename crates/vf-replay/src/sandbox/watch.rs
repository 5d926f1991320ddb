//! The parent's side of a run: start, read, watch the clock and the memory, end.

use std::io::{self, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use seccompiler::BpfProgram;

use super::child::Confinement;
use super::{Ended, Finished, Job, Limits, SandboxError};

/// How long to sleep on the pipes before looking at the clock and the memory again.
const TICK: Duration = Duration::from_millis(5);

pub(super) fn run(job: &Job<'_>, rules: OwnedFd, filter: BpfProgram) -> Result<Finished, SandboxError> {
    let mut command = Command::new(job.program);
    command
        .args(&job.args)
        .env_clear()
        .envs(job.env.iter().map(|(k, v)| (k, v)))
        .current_dir(job.directory.unwrap_or(job.folder))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut confinement = Confinement {
        rules: rules.as_raw_fd(),
        filter,
        limits: job.limits,
        trust: job.trust,
        // SAFETY: getpid has no preconditions.
        parent: unsafe { libc::getpid() },
    };
    // SAFETY: `apply` is made for this place: it only makes system calls.
    unsafe { command.pre_exec(move || confinement.apply()) };
    let start = Instant::now();
    let mut child = command.spawn().map_err(|source| SandboxError::Start {
        program: job.program.to_path_buf(),
        source,
    })?;
    drop(rules);
    let watched = watch(&mut child, &job.limits, start);
    // Whatever happened: nothing of this run stays. The leader is not reaped yet, so its id still names
    // this process group and no other.
    kill_group(&child);
    let status = child.wait().map_err(SandboxError::Watch)?;
    let mut watched = watched.map_err(SandboxError::Watch)?;
    // The pipes may hold what was written just before the end.
    watched.stdout.drain();
    watched.stderr.drain();
    let ended = watched.stopped.unwrap_or_else(|| ended(status));
    Ok(Finished {
        ended,
        truncated: watched.stdout.truncated || watched.stderr.truncated,
        stdout: watched.stdout.kept,
        stderr: watched.stderr.kept,
        wall: start.elapsed(),
    })
}

struct Watched {
    stdout: Stream,
    stderr: Stream,
    /// The limit that the watch enforced, if one was met.
    stopped: Option<Ended>,
}

fn watch(child: &mut Child, limits: &Limits, start: Instant) -> io::Result<Watched> {
    let pid = child.id();
    let mut stdout = Stream::new(child.stdout.take(), limits.output_bytes)?;
    let mut stderr = Stream::new(child.stderr.take(), limits.output_bytes)?;
    loop {
        stdout.drain();
        stderr.drain();
        if has_ended(pid)? {
            return Ok(Watched {
                stdout,
                stderr,
                stopped: None,
            });
        }
        if start.elapsed() >= limits.wall {
            return Ok(Watched {
                stdout,
                stderr,
                stopped: Some(Ended::OutOfWallTime),
            });
        }
        if resident_bytes(pid).is_some_and(|bytes| bytes > limits.resident_bytes) {
            return Ok(Watched {
                stdout,
                stderr,
                stopped: Some(Ended::OutOfMemory),
            });
        }
        wait_for_output(&stdout, &stderr);
    }
}

/// One of the program's output streams, read without blocking and kept up to a limit.
struct Stream {
    pipe: Option<Box<dyn ReadFd>>,
    kept: Vec<u8>,
    limit: usize,
    truncated: bool,
}

trait ReadFd: Read + AsRawFd {}
impl<T: Read + AsRawFd> ReadFd for T {}

impl Stream {
    fn new(pipe: Option<impl Read + AsRawFd + 'static>, limit: usize) -> io::Result<Stream> {
        if let Some(pipe) = &pipe {
            let fd = pipe.as_raw_fd();
            // SAFETY: the descriptor is open and ours; the calls touch no memory.
            let set = unsafe {
                libc::fcntl(
                    fd,
                    libc::F_SETFL,
                    libc::fcntl(fd, libc::F_GETFL) | libc::O_NONBLOCK,
                )
            };
            if set < 0 {
                return Err(io::Error::last_os_error());
            }
        }
        let pipe = pipe.map(|p| Box::new(p) as Box<dyn ReadFd>);
        Ok(Stream {
            pipe,
            kept: Vec::new(),
            limit,
            truncated: false,
        })
    }

    /// Reads what is there. Bounded per call, so that a program that only writes does not stop the clock.
    fn drain(&mut self) {
        let mut buffer = [0u8; 16 << 10];
        for _ in 0..64 {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut buffer) {
                Ok(0) => self.pipe = None,
                Ok(n) => {
                    let room = self.limit.saturating_sub(self.kept.len()).min(n);
                    self.kept
                        .extend_from_slice(buffer.get(..room).unwrap_or_default());
                    self.truncated |= room < n;
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return,
                Err(_) => self.pipe = None,
            }
        }
    }
}

fn wait_for_output(stdout: &Stream, stderr: &Stream) {
    let mut fds: Vec<libc::pollfd> = [stdout, stderr]
        .into_iter()
        .filter_map(|s| s.pipe.as_ref())
        .map(|p| libc::pollfd {
            fd: p.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        })
        .collect();
    if fds.is_empty() {
        std::thread::sleep(TICK);
        return;
    }
    // SAFETY: `fds` is a live array of that many entries.
    unsafe {
        libc::poll(
            fds.as_mut_ptr(),
            fds.len() as libc::nfds_t,
            TICK.as_millis() as libc::c_int,
        )
    };
}

/// Whether the process has ended; it is left unreaped (`waitid(2)`, `WNOWAIT`).
fn has_ended(pid: u32) -> io::Result<bool> {
    // SAFETY: all-zero is a valid `siginfo_t`.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    loop {
        // SAFETY: `info` is a live structure of the right type.
        let result = unsafe {
            libc::waitid(
                libc::P_PID,
                pid,
                &raw mut info,
                libc::WEXITED | libc::WNOHANG | libc::WNOWAIT,
            )
        };
        if result == 0 {
            // SAFETY: waitid filled the structure, or left its pid zero when nothing has ended.
            return Ok(unsafe { info.si_pid() } != 0);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

fn kill_group(child: &Child) {
    let pid = child.id() as libc::pid_t;
    // SAFETY: sending a signal touches no memory. The child made its process id a group; if it died before
    // that, the first call finds nobody.
    unsafe {
        libc::kill(-pid, libc::SIGKILL);
        libc::kill(pid, libc::SIGKILL);
    }
}

/// Resident set from `/proc/<pid>/statm` (`proc(5)`: the second number, in pages).
fn resident_bytes(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
    // SAFETY: sysconf has no preconditions.
    let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
    pages.checked_mul(page)
}

fn ended(status: std::process::ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Exited(code),
        (None, Some(signal)) => Ended::Signalled(signal),
        (None, None) => Ended::Exited(-1),
    }
}

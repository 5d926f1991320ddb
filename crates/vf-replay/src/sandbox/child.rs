//! What the child does to itself between `fork` and `exec`.
//!
//! Only async-signal-safe calls are allowed there (`signal-safety(7)`): no allocation, no locks. Everything
//! that needs them (rulesets, filters) was made before the fork; here are raw system calls.

use std::io;
use std::os::fd::RawFd;

use libc::{c_int, c_ulong};
use seccompiler::BpfProgram;

use super::filter::set_own_pid;
use super::{Limits, Trust};

/// Everything the child needs, allocated before the fork.
pub(super) struct Confinement {
    pub(super) rules: RawFd,
    pub(super) filter: BpfProgram,
    pub(super) limits: Limits,
    pub(super) trust: Trust,
    pub(super) parent: libc::pid_t,
}

/// `struct landlock_path_beneath_attr` of `linux/landlock.h`.
#[repr(C, packed)]
struct PathBeneathAttr {
    allowed_access: u64,
    parent_fd: i32,
}

const LANDLOCK_CREATE_RULESET_VERSION: c_ulong = 1;
const LANDLOCK_RULE_PATH_BENEATH: c_int = 1;
const LANDLOCK_ACCESS_FS_READ_FILE: u64 = 1 << 2;
const LANDLOCK_ACCESS_FS_READ_DIR: u64 = 1 << 3;
/// Version 3 of `capget(2)`'s structures: two 32-bit words for each set.
const LINUX_CAPABILITY_VERSION_3: u32 = 0x2008_0522;

/// Version of the kernel's Landlock interface, 0 without one (`landlock_create_ruleset(2)`).
pub(super) fn landlock_version() -> u32 {
    // SAFETY: with this flag the call reads no memory and changes nothing.
    let version = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<u8>(),
            0usize,
            LANDLOCK_CREATE_RULESET_VERSION,
        )
    };
    u32::try_from(version).unwrap_or(0)
}

/// Whether the kernel takes seccomp filters (`seccomp(2)`, `SECCOMP_GET_ACTION_AVAIL`).
pub(super) fn has_seccomp_filters() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads the four bytes of `action`, which outlive the call.
    unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_GET_ACTION_AVAIL,
            0,
            &raw const action,
        ) == 0
    }
}

impl Confinement {
    /// Confines the calling process for good. The order matters: what needs rights comes before they go.
    ///
    /// # Errors
    /// The first call that failed; the caller must then not go on to `exec`.
    ///
    /// # Safety
    /// To be called in a freshly forked child only: it changes the process it runs in.
    pub(super) unsafe fn apply(&mut self) -> io::Result<()> {
        // SAFETY: plain system calls with constant or owned arguments; none allocates or locks.
        unsafe {
            // A session of its own, so that one signal reaches whatever this process starts.
            if libc::setsid() < 0 {
                return Err(io::Error::last_os_error());
            }
            check(libc::prctl(
                libc::PR_SET_PDEATHSIG,
                libc::SIGKILL as c_ulong,
                0,
                0,
                0,
            ))?;
            if libc::getppid() != self.parent {
                // The parent died before the request above took effect.
                libc::_exit(127);
            }
            // Descriptors that this process inherited from whoever started us must not reach the program.
            // They are closed on exec and not now: the standard library reports a failing exec through one.
            libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            self.set_limits()?;
            if self.trust != Trust::Compiler {
                // Addresses that repeat make runs repeat; and some AddressSanitizer run-times cannot place
                // their shadow under the widest randomisation.
                libc::personality(libc::ADDR_NO_RANDOMIZE as c_ulong);
            }
            // An empty network, where we may have one: as root, or in a user namespace of our own. seccomp
            // denies sockets in any case.
            if libc::unshare(libc::CLONE_NEWNET) != 0 && self.trust != Trust::Compiler {
                libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET);
            }
            if self.trust != Trust::Compiler {
                drop_capabilities()?;
            }
            check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))?;
            self.allow_own_proc();
            check(libc::syscall(libc::SYS_landlock_restrict_self, self.rules, 0u32) as c_int)?;
            set_own_pid(&mut self.filter, libc::getpid() as u32);
            let program = libc::sock_fprog {
                len: self.filter.len() as u16,
                filter: self.filter.as_mut_ptr().cast(),
            };
            check(libc::syscall(
                libc::SYS_seccomp,
                libc::SECCOMP_SET_MODE_FILTER,
                0,
                &raw const program,
            ) as c_int)
        }
    }

    unsafe fn set_limits(&self) -> io::Result<()> {
        let limits = &self.limits;
        limit(libc::RLIMIT_CPU as c_int, limits.cpu_seconds)?;
        limit(libc::RLIMIT_FSIZE as c_int, limits.file_bytes)?;
        limit(libc::RLIMIT_CORE as c_int, 0)?;
        limit(
            libc::RLIMIT_NOFILE as c_int,
            if self.trust == Trust::Compiler { 1024 } else { 64 },
        )?;
        limit(libc::RLIMIT_MEMLOCK as c_int, 0)?;
        limit(libc::RLIMIT_MSGQUEUE as c_int, 0)?;
        if let Some(bytes) = limits.address_space_bytes {
            limit(libc::RLIMIT_AS as c_int, bytes)?;
        }
        Ok(())
    }

    /// The sanitizers read `/proc/self/maps`; which `/proc/<pid>` that is, only the child knows. Without the
    /// rule the program runs with poorer reports, so a failure here is not one of confinement.
    unsafe fn allow_own_proc(&self) {
        // SAFETY: the path is a constant; the structure outlives the call that reads it.
        unsafe {
            let fd = libc::open(c"/proc/self".as_ptr(), libc::O_PATH | libc::O_CLOEXEC);
            if fd < 0 {
                return;
            }
            let rule = PathBeneathAttr {
                allowed_access: LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
                parent_fd: fd,
            };
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.rules,
                LANDLOCK_RULE_PATH_BENEATH,
                &raw const rule,
                0u32,
            );
            libc::close(fd);
        }
    }
}

fn check(result: c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// Sets both the soft and the hard limit, or the hard one we already have if that is lower.
fn limit(which: c_int, value: u64) -> io::Result<()> {
    let mut now = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: both structures are on this stack; the calls read and write nothing else.
    unsafe {
        check(libc::getrlimit(which as _, &raw mut now))?;
        let value = value.min(now.rlim_max);
        let wanted = libc::rlimit {
            rlim_cur: value,
            rlim_max: value,
        };
        check(libc::setrlimit(which as _, &raw const wanted))
    }
}

/// Gives up every capability, so that being root means nothing but owning root's files (`capset(2)`).
fn drop_capabilities() -> io::Result<()> {
    let header: [u32; 2] = [LINUX_CAPABILITY_VERSION_3, 0];
    let none: [u32; 6] = [0; 6];
    // SAFETY: the kernel reads a header of 8 bytes and three sets of 8, both on this stack.
    unsafe { check(libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) as c_int) }
}

//! Which system calls a confined program may make.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::SandboxError;

/// Stands in the compiled filter for the program's own process id, which is known only after the fork; the
/// child replaces it ([`set_own_pid`]). No constant of the filter is near it.
const PID_PLACEHOLDER: u32 = 0x5eed_cafe;

/// The machine the filters are for; `None` on one without a list.
pub(super) fn target() -> Option<TargetArch> {
    if cfg!(target_arch = "x86_64") {
        Some(TargetArch::x86_64)
    } else if cfg!(target_arch = "aarch64") {
        Some(TargetArch::aarch64)
    } else {
        None
    }
}

/// Calls that change nothing outside the process, whatever their arguments.
fn harmless() -> Vec<c_long> {
    let mut calls = vec![
        libc::SYS_read,
        libc::SYS_write,
        libc::SYS_readv,
        libc::SYS_writev,
        libc::SYS_pread64,
        libc::SYS_lseek,
        libc::SYS_close,
        libc::SYS_fstat,
        libc::SYS_newfstatat,
        libc::SYS_statx,
        libc::SYS_statfs,
        libc::SYS_fstatfs,
        libc::SYS_faccessat,
        libc::SYS_faccessat2,
        libc::SYS_readlinkat,
        libc::SYS_getdents64,
        libc::SYS_getcwd,
        libc::SYS_dup,
        libc::SYS_dup3,
        libc::SYS_mmap,
        libc::SYS_mprotect,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        libc::SYS_mincore,
        libc::SYS_brk,
        libc::SYS_rt_sigaction,
        libc::SYS_rt_sigprocmask,
        libc::SYS_rt_sigreturn,
        libc::SYS_sigaltstack,
        libc::SYS_restart_syscall,
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_getpid,
        libc::SYS_getppid,
        libc::SYS_gettid,
        libc::SYS_getuid,
        libc::SYS_geteuid,
        libc::SYS_getgid,
        libc::SYS_getegid,
        libc::SYS_uname,
        libc::SYS_sysinfo,
        libc::SYS_getrusage,
        libc::SYS_times,
        libc::SYS_clock_gettime,
        libc::SYS_clock_getres,
        libc::SYS_gettimeofday,
        libc::SYS_nanosleep,
        libc::SYS_clock_nanosleep,
        libc::SYS_sched_yield,
        libc::SYS_sched_getaffinity,
        libc::SYS_futex,
        libc::SYS_set_robust_list,
        libc::SYS_set_tid_address,
        libc::SYS_rseq,
        libc::SYS_getrandom,
        libc::SYS_execve,
    ];
    #[cfg(target_arch = "x86_64")]
    calls.extend([
        libc::SYS_stat,
        libc::SYS_lstat,
        libc::SYS_access,
        libc::SYS_readlink,
        libc::SYS_dup2,
        libc::SYS_getdents,
        libc::SYS_arch_prctl,
        libc::SYS_time,
        libc::SYS_getrlimit,
    ]);
    calls
}

/// The filter for programs nobody trusts: a short list, everything else fails with `EPERM`. `execve` is on
/// it because the program itself is started after the filter; whatever it starts keeps all limits.
pub(super) fn untrusted(may_write: bool) -> Result<BpfProgram, SandboxError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        harmless().into_iter().map(|c| (c, Vec::new())).collect();
    let own_pid = |arg| equals(arg, PID_PLACEHOLDER);
    rules.insert(libc::SYS_kill, vec![rule(vec![own_pid(0)?])?]);
    rules.insert(libc::SYS_tkill, vec![rule(vec![own_pid(0)?])?]);
    rules.insert(libc::SYS_tgkill, vec![rule(vec![own_pid(0)?])?]);
    rules.insert(
        libc::SYS_ioctl,
        vec![rule(vec![equals(1, libc::TCGETS as u32)?])?],
    );
    let fcntl = [
        libc::F_DUPFD,
        libc::F_DUPFD_CLOEXEC,
        libc::F_GETFD,
        libc::F_SETFD,
        libc::F_GETFL,
    ];
    rules.insert(libc::SYS_fcntl, alternatives(1, &fcntl.map(|c| c as u32))?);
    // PR_SET_VMA names a mapping; glibc and the sanitizers use it.
    let prctl = [
        libc::PR_SET_NAME,
        libc::PR_GET_NAME,
        libc::PR_GET_DUMPABLE,
        libc::PR_SET_VMA,
    ];
    rules.insert(libc::SYS_prctl, alternatives(0, &prctl.map(|c| c as u32))?);
    // Its own limits only. Without capabilities it can lower them (the sanitizers do) but not raise them.
    rules.insert(libc::SYS_prlimit64, vec![rule(vec![equals(0, 0)?])?]);
    if may_write {
        for call in [
            libc::SYS_openat,
            libc::SYS_pwrite64,
            libc::SYS_ftruncate,
            libc::SYS_fsync,
            libc::SYS_unlinkat,
            libc::SYS_mkdirat,
        ] {
            rules.insert(call, Vec::new());
        }
        #[cfg(target_arch = "x86_64")]
        for call in [libc::SYS_open, libc::SYS_unlink, libc::SYS_mkdir, libc::SYS_rmdir] {
            rules.insert(call, Vec::new());
        }
    } else {
        rules.insert(libc::SYS_openat, vec![rule(vec![read_only(2)?])?]);
        #[cfg(target_arch = "x86_64")]
        rules.insert(libc::SYS_open, vec![rule(vec![read_only(1)?])?]);
    }
    compile(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
    )
}

/// The filter for compilers: everything but the network, other processes' memory, and the machine itself.
pub(super) fn compiler() -> Result<BpfProgram, SandboxError> {
    let denied = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_pidfd_open,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_io_uring_setup,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_reboot,
    ];
    let rules = denied.into_iter().map(|c| (c, Vec::new())).collect();
    compile(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
    )
}

/// Puts the process id where the filter compares with it. Only writes to the slice: safe after a fork.
pub(super) fn set_own_pid(filter: &mut BpfProgram, pid: u32) {
    for instruction in filter.iter_mut() {
        if instruction.k == PID_PLACEHOLDER {
            instruction.k = pid;
        }
    }
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    default: SeccompAction,
    listed: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let Some(arch) = target() else {
        return Err(SandboxError::CannotConfine {
            missing: "this processor has no system-call list here".into(),
        });
    };
    let wrong = |e: &dyn std::fmt::Display| SandboxError::Filter(e.to_string());
    let filter = SeccompFilter::new(rules, default, listed, arch).map_err(|e| wrong(&e))?;
    BpfProgram::try_from(filter).map_err(|e| wrong(&e))
}

fn rule(conditions: Vec<SeccompCondition>) -> Result<SeccompRule, SandboxError> {
    SeccompRule::new(conditions).map_err(|e| SandboxError::Filter(e.to_string()))
}

fn condition(
    arg: u8,
    len: SeccompCmpArgLen,
    op: SeccompCmpOp,
    value: u64,
) -> Result<SeccompCondition, SandboxError> {
    SeccompCondition::new(arg, len, op, value).map_err(|e| SandboxError::Filter(e.to_string()))
}

fn equals(arg: u8, value: u32) -> Result<SeccompCondition, SandboxError> {
    condition(arg, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value))
}

fn alternatives(arg: u8, values: &[u32]) -> Result<Vec<SeccompRule>, SandboxError> {
    values.iter().map(|v| rule(vec![equals(arg, *v)?])).collect()
}

/// An `open` flags argument that neither writes, creates, truncates, nor makes a nameless file.
fn read_only(arg: u8) -> Result<SeccompCondition, SandboxError> {
    let writing = libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC | (libc::O_TMPFILE & !libc::O_DIRECTORY);
    condition(
        arg,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(u64::from(writing as u32)),
        0,
    )
}

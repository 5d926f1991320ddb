//! What a program in the sandbox cannot do. Each test first shows that the same program can do it outside,
//! so that a program that fails for another reason does not pass for a confined one.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use vf_replay::sandbox::{Ended, Features, Finished, Job, Limits, Sandbox, SandboxError, Trust};

struct Program {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn build(source: &str, flags: &[&str]) -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("program.c");
    std::fs::write(&file, source).expect("the source is written");
    let path = folder.path().join("program");
    let status = Command::new("cc")
        .args(flags)
        .arg("-w")
        .arg("-o")
        .arg(&path)
        .arg(&file)
        .status()
        .expect("a C compiler is installed");
    assert!(status.success(), "the test program compiles");
    Program { folder, path }
}

fn job<'a>(program: &'a Program, args: &[&Path]) -> Job<'a> {
    Job {
        program: &program.path,
        args: args.iter().map(|a| a.as_os_str().to_owned()).collect(),
        env: Vec::new(),
        folder: program.folder.path(),
        directory: None,
        trust: Trust::Untrusted,
        limits: Limits::default(),
    }
}

fn run(job: &Job<'_>) -> Finished {
    Sandbox::probe()
        .expect("this kernel can confine")
        .run(job)
        .expect("the program runs")
}

fn outside(program: &Program, args: &[&Path]) -> i32 {
    let output = Command::new(&program.path)
        .args(args)
        .output()
        .expect("the program runs outside");
    output.status.code().unwrap_or(-1)
}

const EXITS_WITH_ERRNO: &str = "#define _GNU_SOURCE\n#include <errno.h>\n#include <fcntl.h>\n#include <stdio.h>\n\
    #include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n#include <signal.h>\n#include <sys/socket.h>\n\
    #include <sys/wait.h>\n#include <sys/mman.h>\n#include <sys/stat.h>\n#include <sys/syscall.h>\n#include <arpa/inet.h>\n\
    #include <pthread.h>\n#include <sys/prctl.h>\n#include <sys/resource.h>\n";

fn with_headers(text: &str) -> String {
    format!("{EXITS_WITH_ERRNO}{text}")
}

#[test]
fn a_plain_program_runs_and_is_heard() {
    let program = build(
        &with_headers(r#"int main(int c, char **v) { puts(v[1]); fputs("err", stderr); return 7; }"#),
        &[],
    );
    let finished = run(&job(&program, &[Path::new("said")]));
    assert_eq!(finished.ended, Ended::Exited(7));
    assert_eq!(finished.stdout_text(), "said\n");
    assert_eq!(finished.stderr_text(), "err");
    assert!(!finished.truncated);
}

#[test]
fn a_sanitized_program_reports_in_the_sandbox() {
    let program = build(
        "int main(int c, char **v) { char b[8]; volatile int i = 7 + c; return b[i]; }\n",
        &["-g", "-O0", "-fsanitize=address,undefined"],
    );
    let finished = run(&job(&program, &[]));
    let text = finished.stderr_text();
    assert!(text.contains("stack-buffer-overflow"), "{text}");
    assert!(text.contains("runtime error: index 8 out of bounds"), "{text}");
}

#[test]
fn no_socket_of_any_kind() {
    let program = build(
        &with_headers(
            "int main(void) { int families[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK};
             for (int i = 0; i < 4; i++) { int fd = socket(families[i], SOCK_DGRAM, 0); if (fd >= 0) return 0; }
             int pair[2]; if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) return 0;
             return errno == EPERM ? 42 : 1; }",
        ),
        &[],
    );
    assert_eq!(outside(&program, &[]), 0);
    assert_eq!(run(&job(&program, &[])).ended, Ended::Exited(42));
}

#[test]
fn no_connection_to_a_listening_port() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let program = build(
        &with_headers(
            "int main(int c, char **v) { struct sockaddr_in a = {AF_INET, htons(atoi(v[1]))}; a.sin_addr.s_addr = htonl(0x7f000001);
             int fd = socket(AF_INET, SOCK_STREAM, 0); if (fd < 0) return 42;
             return connect(fd, (void *)&a, sizeof a) == 0 ? 0 : 43; }",
        ),
        &[],
    );
    let port = port.to_string();
    assert_eq!(outside(&program, &[Path::new(&port)]), 0);
    assert_eq!(run(&job(&program, &[Path::new(&port)])).ended, Ended::Exited(42));
}

const WRITER: &str = "int main(int c, char **v) { int fd = open(v[1], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) return errno == EPERM || errno == EACCES ? 42 : 1; write(fd, \"x\", 1); return 0; }";

#[test]
fn no_write_outside_its_folder_and_none_inside_unless_asked() {
    let program = build(&with_headers(WRITER), &[]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let home = std::env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
    let name = format!("vf-replay-test-{}", std::process::id());
    let targets = [
        elsewhere.path().join("new"),
        program.folder.path().parent().expect("a parent").join(&name),
        home.join(&name),
        Path::new("/dev/shm").join(&name),
        Path::new("/var/tmp").join(&name),
    ];
    for target in &targets {
        if outside(&program, &[target]) == 0 {
            std::fs::remove_file(target).expect("the file that was written outside");
        }
        for trust in [Trust::Untrusted, Trust::UntrustedWriter] {
            let finished = run(&Job {
                trust,
                ..job(&program, &[target])
            });
            assert_eq!(
                finished.ended,
                Ended::Exited(42),
                "{} as {trust:?}",
                target.display()
            );
            assert!(!target.exists());
        }
    }
    let inside = program.folder.path().join("inside");
    assert_eq!(run(&job(&program, &[&inside])).ended, Ended::Exited(42));
    assert!(!inside.exists());
    assert_eq!(
        run(&Job {
            trust: Trust::UntrustedWriter,
            ..job(&program, &[&inside])
        })
        .ended,
        Ended::Exited(0)
    );
    assert!(inside.exists());
}

#[test]
fn no_existing_file_is_changed_removed_or_renamed() {
    let program = build(
        &with_headers(
            "int main(int c, char **v) { char n[4096]; snprintf(n, sizeof n, \"%s.2\", v[1]);
             if (truncate(v[1], 0) == 0) return 10; if (chmod(v[1], 0) == 0) return 11; if (link(v[1], n) == 0) return 12;
             if (symlink(v[1], n) == 0) return 13; if (rename(v[1], n) == 0) return 14; if (unlink(v[1]) == 0) return 15;
             if (mkdir(n, 0700) == 0) return 16; return 42; }",
        ),
        &[],
    );
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("precious");
    std::fs::write(&file, "precious").expect("written");
    for trust in [Trust::Untrusted, Trust::UntrustedWriter] {
        assert_eq!(
            run(&Job {
                trust,
                ..job(&program, &[&file])
            })
            .ended,
            Ended::Exited(42)
        );
        assert_eq!(std::fs::read_to_string(&file).expect("still there"), "precious");
    }
    assert_eq!(outside(&program, &[&file]), 10);
}

#[test]
fn no_reading_of_other_peoples_files() {
    let program = build(
        &with_headers("int main(int c, char **v) { int fd = open(v[1], O_RDONLY); return fd < 0 ? 42 : 0; }"),
        &[],
    );
    let elsewhere = tempfile::tempdir().expect("a folder");
    let file = elsewhere.path().join("secret");
    std::fs::write(&file, "secret").expect("written");
    let parent = format!("/proc/{}/cmdline", std::process::id());
    for target in [
        file.as_path(),
        Path::new("/etc/passwd"),
        Path::new("/"),
        Path::new(&parent),
    ] {
        assert_eq!(outside(&program, &[target]), 0, "{}", target.display());
        assert_eq!(
            run(&job(&program, &[target])).ended,
            Ended::Exited(42),
            "{}",
            target.display()
        );
    }
    let own = program.folder.path().join("program.c");
    assert_eq!(run(&job(&program, &[&own])).ended, Ended::Exited(0));
    assert_eq!(
        run(&job(&program, &[Path::new("/proc/self/maps")])).ended,
        Ended::Exited(0)
    );
}

#[test]
fn no_new_process_and_no_thread() {
    let program = build(
        &with_headers(
            "static void *nothing(void *p) { return p; }
             int main(void) { pthread_t t; pid_t p = fork(); if (p == 0) _exit(0); if (p > 0) { waitpid(p, 0, 0); return 0; }
             if (errno != EPERM) return 1; if (pthread_create(&t, 0, nothing, 0) == 0) return 2;
             return vfork() == -1 ? 42 : 3; }",
        ),
        &["-pthread"],
    );
    assert_eq!(outside(&program, &[]), 0);
    assert_eq!(run(&job(&program, &[])).ended, Ended::Exited(42));
}

#[test]
fn no_signal_to_anybody_else() {
    let mut victim = Command::new("sleep").arg("30").spawn().expect("a victim");
    let program = build(
        &with_headers(
            "int main(int c, char **v) { pid_t p = atoi(v[1]); if (kill(p, SIGKILL) == 0) return 0;
             if (syscall(SYS_tgkill, p, p, SIGKILL) == 0) return 1; if (kill(-1, 0) == 0) return 2; if (kill(0, 0) == 0) return 3;
             return raise(0) == 0 ? 42 : 4; }",
        ),
        &[],
    );
    let pid = victim.id().to_string();
    assert_eq!(run(&job(&program, &[Path::new(&pid)])).ended, Ended::Exited(42));
    assert!(
        victim.try_wait().expect("a state").is_none(),
        "the victim still runs"
    );
    assert_eq!(outside(&program, &[Path::new(&pid)]), 0);
    victim.wait().expect("the victim ended");
}

#[test]
fn limits_cannot_be_raised_and_the_parents_death_cannot_be_outlived() {
    let program = build(
        &with_headers(
            "int main(void) { struct rlimit r = {RLIM_INFINITY, RLIM_INFINITY};
             if (setrlimit(RLIMIT_CPU, &r) == 0) return 1; if (setrlimit(RLIMIT_FSIZE, &r) == 0) return 2;
             if (prctl(PR_SET_PDEATHSIG, 0) == 0) return 3; if (setsid() > 0) return 4; if (setuid(0) == 0) return 5;
             getrlimit(RLIMIT_CPU, &r); return r.rlim_max == 8 ? 42 : 6; }",
        ),
        &[],
    );
    assert_eq!(run(&job(&program, &[])).ended, Ended::Exited(42));
}

#[test]
fn wall_time_is_bounded() {
    let program = build(&with_headers("int main(void) { for (;;) sleep(1); }"), &[]);
    let start = Instant::now();
    let limits = Limits {
        wall: Duration::from_millis(300),
        ..Limits::default()
    };
    assert_eq!(
        run(&Job {
            limits,
            ..job(&program, &[])
        })
        .ended,
        Ended::OutOfWallTime
    );
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn processor_time_is_bounded() {
    let program = build("int main(void) { volatile long i = 0; for (;;) i++; }", &[]);
    let limits = Limits {
        wall: Duration::from_secs(20),
        cpu_seconds: 1,
        ..Limits::default()
    };
    let finished = run(&Job {
        limits,
        ..job(&program, &[])
    });
    assert!(
        matches!(finished.ended, Ended::Signalled(libc::SIGKILL | libc::SIGXCPU)),
        "{:?}",
        finished.ended
    );
}

const EATER: &str =
    "int main(void) { for (;;) { char *p = malloc(1 << 20); if (!p) return 42; memset(p, 1, 1 << 20); } }";

#[test]
fn resident_memory_is_bounded_under_the_address_sanitizer() {
    let program = build(&with_headers(EATER), &["-fsanitize=address"]);
    let limits = Limits {
        resident_bytes: 200 << 20,
        ..Limits::default()
    };
    assert_eq!(
        run(&Job {
            limits,
            ..job(&program, &[])
        })
        .ended,
        Ended::OutOfMemory
    );
}

#[test]
fn address_space_is_bounded_without_it() {
    let program = build(&with_headers(EATER), &[]);
    let limits = Limits {
        address_space_bytes: Some(100 << 20),
        ..Limits::default()
    };
    assert_eq!(
        run(&Job {
            limits,
            ..job(&program, &[])
        })
        .ended,
        Ended::Exited(42)
    );
}

#[test]
fn files_are_bounded_in_size() {
    let program = build(
        &with_headers(
            "int main(void) { signal(SIGXFSZ, SIG_IGN); int fd = open(\"big\", O_WRONLY | O_CREAT, 0600); static char b[65536];
             for (int i = 0; i < 64; i++) if (write(fd, b, sizeof b) < 0) return errno == EFBIG ? 42 : 1; return 0; }",
        ),
        &[],
    );
    let limits = Limits {
        file_bytes: 1 << 20,
        ..Limits::default()
    };
    let finished = run(&Job {
        trust: Trust::UntrustedWriter,
        limits,
        ..job(&program, &[])
    });
    assert_eq!(finished.ended, Ended::Exited(42));
    assert_eq!(
        std::fs::metadata(program.folder.path().join("big"))
            .expect("written")
            .len(),
        1 << 20
    );
}

#[test]
fn output_is_kept_up_to_a_limit() {
    let program = build(
        &with_headers("int main(void) { for (int i = 0; i < 100000; i++) puts(\"0123456789\"); return 0; }"),
        &[],
    );
    let limits = Limits {
        output_bytes: 1000,
        ..Limits::default()
    };
    let finished = run(&Job {
        limits,
        ..job(&program, &[])
    });
    assert_eq!(finished.ended, Ended::Exited(0));
    assert_eq!(finished.stdout.len(), 1000);
    assert!(finished.truncated);
}

#[test]
fn nothing_a_compiler_starts_is_left_behind() {
    let program = build(
        &with_headers(
            "int main(void) { pid_t p = fork(); if (p == 0) { for (;;) pause(); } printf(\"%d\", p); fflush(stdout); return 0; }",
        ),
        &[],
    );
    let finished = run(&Job {
        trust: Trust::Compiler,
        ..job(&program, &[])
    });
    let orphan: libc::pid_t = finished.stdout_text().parse().expect("a process id");
    let mut gone = false;
    for _ in 0..100 {
        // A killed orphan may be a zombie for a moment, until whoever adopted it looks.
        let state = std::fs::read_to_string(format!("/proc/{orphan}/stat")).unwrap_or_default();
        gone = state.is_empty() || state.contains(") Z");
        if gone {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(gone, "process {orphan} outlived the run");
}

#[test]
fn a_compiler_writes_only_its_folder_and_has_no_network() {
    let program = build(&with_headers(WRITER), &[]);
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("new");
    assert_eq!(
        run(&Job {
            trust: Trust::Compiler,
            ..job(&program, &[&target])
        })
        .ended,
        Ended::Exited(42)
    );
    let inside = program.folder.path().join("inside");
    assert_eq!(
        run(&Job {
            trust: Trust::Compiler,
            ..job(&program, &[&inside])
        })
        .ended,
        Ended::Exited(0)
    );
    let program = build(
        &with_headers("int main(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0 ? 42 : 0; }"),
        &[],
    );
    assert_eq!(
        run(&Job {
            trust: Trust::Compiler,
            ..job(&program, &[])
        })
        .ended,
        Ended::Exited(42)
    );
}

#[test]
fn descriptors_of_the_parent_are_closed() {
    let secret = tempfile::tempfile().expect("a file");
    use std::os::fd::AsRawFd;
    // Descriptor 40 survives exec in an ordinary child.
    assert_eq!(unsafe { libc::dup2(secret.as_raw_fd(), 40) }, 40);
    let program = build(
        &with_headers("int main(void) { return fcntl(40, F_GETFD) < 0 ? 42 : 0; }"),
        &[],
    );
    assert_eq!(outside(&program, &[]), 0);
    assert_eq!(run(&job(&program, &[])).ended, Ended::Exited(42));
}

#[test]
fn a_kernel_that_cannot_confine_runs_nothing() {
    let complete = Features {
        landlock: 7,
        seccomp: true,
    };
    assert!(Sandbox::with(complete).is_ok());
    for lacking in [
        Features {
            landlock: 0,
            ..complete
        },
        Features {
            seccomp: false,
            ..complete
        },
    ] {
        match Sandbox::with(lacking) {
            Err(SandboxError::CannotConfine { missing }) => assert!(missing.contains("kernel"), "{missing}"),
            other => panic!("expected a refusal, got {other:?}"),
        }
    }
    let program = build(&with_headers(WRITER), &[]);
    let old = Sandbox::with(Features {
        landlock: 1,
        seccomp: true,
    })
    .expect("enough for a program that only reads");
    let writer = Job {
        trust: Trust::UntrustedWriter,
        ..job(&program, &[Path::new("x")])
    };
    assert!(matches!(
        old.run(&writer),
        Err(SandboxError::CannotConfine { .. })
    ));
}

#[test]
fn a_program_that_is_not_there_is_an_error() {
    let program = build("int main(void) { return 0; }", &[]);
    let missing = Program {
        path: program.folder.path().join("missing"),
        folder: program.folder,
    };
    assert!(matches!(
        Sandbox::probe()
            .expect("this kernel can confine")
            .run(&job(&missing, &[])),
        Err(SandboxError::Start { .. })
    ));
}

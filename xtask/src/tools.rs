//! What a machine needs beside Rust, how to see whether it is there, and how to get it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Failure, shown};

/// Something the build, the program or the tests need.
struct Requirement {
    /// What it is, for people.
    name: &'static str,
    /// Debian packages that bring it.
    packages: &'static [&'static str],
    present: fn() -> bool,
}

const REQUIREMENTS: [Requirement; 5] = [
    Requirement {
        name: "a C compiler with its headers (cc)",
        packages: &["gcc", "libc6-dev"],
        present: compiler_works,
    },
    Requirement {
        name: "git",
        packages: &["git"],
        present: || runs("git", &["--version"]),
    },
    Requirement {
        name: "the header of Z3 (z3.h)",
        packages: &["libz3-dev"],
        present: z3_header,
    },
    Requirement {
        name: "the library of Z3 (libz3.so)",
        packages: &["libz3-dev"],
        present: z3_library,
    },
    Requirement {
        name: "the command z3 (the tests recheck queries with it)",
        packages: &["z3"],
        present: || runs("z3", &["--version"]),
    },
];

/// Makes sure that everything is there: installs what is missing with apt-get where that is possible, and says
/// exactly what to install otherwise.
pub fn setup() -> Result<(), Failure> {
    let missing = missing();
    if missing.is_empty() {
        println!("==> setup: C compiler, git and Z3 are there");
        return Ok(());
    }
    for requirement in &missing {
        println!("==> setup: missing: {}", requirement.name);
    }
    let mut packages: Vec<&str> = missing.iter().flat_map(|r| r.packages.iter().copied()).collect();
    packages.sort_unstable();
    packages.dedup();
    let by_hand = format!(
        "install it by hand: on Debian or Ubuntu `apt-get install {}`; elsewhere the packages that bring \
         a C compiler, git, Z3 4.8.12 or newer with its header and library, and the command z3",
        packages.join(" ")
    );
    let Some(install) = installer() else {
        return Err(format!("cannot install what is missing here; {by_hand}"));
    };
    apt(&install, &["update"], &by_hand)?;
    let mut arguments = vec!["install", "--yes", "--no-install-recommends"];
    arguments.extend(packages);
    apt(&install, &arguments, &by_hand)?;
    match self::missing().first() {
        None => Ok(()),
        Some(still) => Err(format!(
            "{} is still missing after the installation; {by_hand}",
            still.name
        )),
    }
}

fn missing() -> Vec<&'static Requirement> {
    REQUIREMENTS.iter().filter(|r| !(r.present)()).collect()
}

/// The words before apt-get's own arguments; none where this user cannot install packages.
fn installer() -> Option<Vec<&'static str>> {
    // Asking apt-get for its version also tells a Debian from a system where the name means something else.
    if !Path::new("/etc/debian_version").exists() || !runs("apt-get", &["--version"]) {
        return None;
    }
    if is_root() {
        return Some(vec!["apt-get"]);
    }
    runs("sudo", &["--version"]).then(|| vec!["sudo", "apt-get"])
}

fn apt(prefix: &[&str], arguments: &[&str], by_hand: &str) -> Result<(), Failure> {
    let (program, rest) = prefix.split_first().ok_or("no installer")?;
    let mut command = Command::new(program);
    command
        .args(rest)
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    println!("==> setup: {}", shown(&command));
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{}` failed ({status}); {by_hand}", shown(&command))),
        Err(e) => Err(format!("cannot run `{}`: {e}; {by_hand}", shown(&command))),
    }
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).trim() == "0")
}

/// Preprocesses a file that needs the C library's headers: a compiler without them is of no use.
fn compiler_works() -> bool {
    includes("stdlib.h")
}

fn z3_header() -> bool {
    includes("z3.h")
}

/// The linker's own search path decides; the compiler prints the bare name back where it finds nothing.
fn z3_library() -> bool {
    let output = Command::new("cc").arg("-print-file-name=libz3.so").output();
    output.is_ok_and(|o| {
        let path = String::from_utf8_lossy(&o.stdout).trim().to_owned();
        path.contains('/') && Path::new(&path).exists()
    })
}

fn includes(header: &str) -> bool {
    runs(
        "cc",
        &["-fsyntax-only", "-include", header, "-x", "c", "/dev/null"],
    )
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|s| s.success())
}

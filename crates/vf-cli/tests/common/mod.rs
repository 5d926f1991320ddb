//! Running the real command in a folder of its own.

#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A temporary folder with files, and the command run in it.
pub struct Sandbox {
    pub folder: tempfile::TempDir,
}

/// What the command did.
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new(files: &[(&str, &str)]) -> Sandbox {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, text).expect("a file");
        }
        Sandbox { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("a file");
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verify-fix"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .env("RUST_BACKTRACE", "0")
            // Tests that want one name it.
            .env("VERIFY_FIX_CACHE", "off");
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::from(self.command(args).output().expect("the command runs"))
    }

    /// Names of everything in the folder, sorted.
    pub fn names(&self) -> Vec<String> {
        names(self.folder.path())
    }
}

/// A log of JSON lines without the times that something took.
pub fn without_times(log: &str) -> String {
    let lines = log.lines().map(|line| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("a record");
        if let Some(fields) = record.as_object_mut() {
            fields.retain(|name, _| !name.ends_with("_ms"));
        }
        format!("{record}\n")
    });
    lines.collect()
}

pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        Ran {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// Bad input: code 2, nothing on standard output, one error that says all of these.
    #[track_caller]
    pub fn is_bad_input(&self, says: &[&str]) {
        assert_eq!(
            self.code,
            Some(2),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        assert_eq!(self.stdout, "", "nothing is half-written");
        for what in says {
            assert!(
                self.stderr.contains(what),
                "expected `{what}` in: {}",
                self.stderr
            );
        }
        assert!(
            !self.stderr.contains("panicked") && !self.stderr.contains("fault:"),
            "{}",
            self.stderr
        );
    }

    #[track_caller]
    pub fn ends_with(&self, code: i32) {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
    }
}

pub const SAFE: &str = "int table[8];\nint lookup(int i) {\n    if (i < 0 || i > 7)\n        return -1;\n    return table[i];\n}\n";
pub const UNSAFE: &str = "int table[8];\nint lookup(int i) {\n    if (i < 0 || i > 8)\n        return -1;\n    return table[i];\n}\n";

//! Texts that stand in for files on disk while the compiler runs: a changed file is checked without touching
//! the tree.
//!
//! The main file's stand-in lies in an empty temporary folder, begins with a line marker that names the real
//! file, and finds its neighbours through `-iquote`. A header's stand-in lies in a folder put in front of each
//! folder under which the header could be found by name. A header that its neighbour includes by a quoted name
//! is found beside that neighbour first (C11 6.10.2p3, GCC's search order): that cannot be intercepted, so the
//! output is checked for it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::FrontendError;
use crate::preprocess::{absolute, same_file};
use crate::spans::parse_marker;

/// Flags whose operand is a folder of headers.
const INCLUDE_FLAGS: [&str; 4] = ["-I", "-iquote", "-isystem", "-idirafter"];

/// The stand-ins on disk; removed when dropped.
pub struct StandIns {
    folder: Option<TempDir>,
    main: Option<PathBuf>,
    headers: Vec<PathBuf>,
    directory: Option<PathBuf>,
}

impl StandIns {
    /// Writes the stand-ins that a run on `main` may need and puts their folders into `flags`.
    pub fn write(
        path: &Path,
        main: &Path,
        overlay: &[(PathBuf, String)],
        flags: &mut Vec<String>,
        directory: Option<&Path>,
    ) -> Result<StandIns, FrontendError> {
        let mut out = StandIns {
            folder: None,
            main: None,
            headers: Vec::new(),
            directory: directory.map(Path::to_path_buf),
        };
        if overlay.is_empty() {
            return Ok(out);
        }
        let failed = |error| FrontendError::Temporary {
            path: path.to_path_buf(),
            error,
        };
        let folder = tempfile::Builder::new()
            .prefix("verify-fix-overlay-")
            .tempdir()
            .map_err(failed)?;
        let beside = main.parent().unwrap_or(Path::new("/"));
        let mut serial = 0;
        let mut put = |under: &Path, file: &Path, text: &str| -> std::io::Result<Option<PathBuf>> {
            let Ok(relative) = file.strip_prefix(under) else {
                return Ok(None);
            };
            serial += 1;
            let root = folder.path().join(format!("h{serial}"));
            let copy = root.join(relative);
            if let Some(parent) = copy.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(copy, marked(file, text))?;
            Ok(Some(root))
        };
        let headers: Vec<&(PathBuf, String)> = overlay.iter().filter(|(p, _)| !same_file(p, main)).collect();
        let mut quoted = Vec::new();
        for (file, text) in &headers {
            if let Some(root) = put(beside, file, text).map_err(failed)? {
                quoted.extend(["-iquote".to_string(), root.display().to_string()]);
            }
            out.headers.push(file.clone());
        }
        let mut with_stand_ins = Vec::new();
        let mut rest = std::mem::take(flags).into_iter();
        while let Some(flag) = rest.next() {
            let split = INCLUDE_FLAGS
                .iter()
                .find_map(|f| flag.strip_prefix(f).map(|operand| (*f, operand)));
            let Some((name, operand)) = split else {
                with_stand_ins.push(flag);
                continue;
            };
            let operand = match operand {
                "" => rest.next().unwrap_or_default(),
                glued => glued.to_string(),
            };
            let under = match directory {
                Some(d) => absolute(&d.join(&operand)),
                None => absolute(Path::new(&operand)),
            };
            for (file, text) in &headers {
                if let Some(root) = put(&under, file, text).map_err(failed)? {
                    with_stand_ins.extend([name.to_string(), root.display().to_string()]);
                }
            }
            with_stand_ins.extend([name.to_string(), operand]);
        }
        if let Some((_, text)) = overlay.iter().find(|(p, _)| same_file(p, main)) {
            let name = main
                .file_name()
                .map_or_else(|| "main.c".into(), |n| n.to_os_string());
            let root = folder.path().join("main");
            std::fs::create_dir_all(&root).map_err(failed)?;
            let copy = root.join(name);
            std::fs::write(&copy, marked(main, text)).map_err(failed)?;
            out.main = Some(copy);
        }
        quoted.extend(["-iquote".to_string(), beside.display().to_string()]);
        quoted.append(&mut with_stand_ins);
        *flags = quoted;
        out.folder = Some(folder);
        Ok(out)
    }

    /// The stand-in of the main file.
    pub fn main(&self) -> Option<&Path> {
        self.main.as_deref()
    }

    /// Refuses an output for which a header was read from disk although a text stands for it.
    pub fn check_used(&self, path: &Path, output: &str) -> Result<(), FrontendError> {
        let Some(folder) = &self.folder else { return Ok(()) };
        if self.headers.is_empty() {
            return Ok(());
        }
        let mut previous: Option<PathBuf> = None;
        for line in output.lines().filter(|l| l.starts_with("# ")) {
            let Some(marker) = parse_marker(line) else {
                continue;
            };
            let file = match &self.directory {
                Some(d) => absolute(&d.join(&marker.file)),
                None => absolute(Path::new(&marker.file)),
            };
            // A stand-in's own marker follows the one that enters the stand-in.
            let entered_stand_in = previous.as_ref().is_some_and(|p| p.starts_with(folder.path()));
            let header = self
                .headers
                .iter()
                .find(|h| h.file_name() == file.file_name() && same_file(h, &file));
            if let Some(header) = header.filter(|_| marker.enters && !entered_stand_in) {
                return Err(FrontendError::OverlayNotUsed {
                    path: path.to_path_buf(),
                    header: header.clone(),
                });
            }
            previous = Some(file);
        }
        Ok(())
    }
}

/// The text under a line marker that names the file it stands for.
fn marked(file: &Path, text: &str) -> String {
    let name = file
        .display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"");
    format!("# 1 \"{name}\"\n{text}")
}

//! Texts that stand in for files on disk while the compiler runs: a changed file is checked without touching
//! the tree.
//!
//! The main file's stand-in lies in an empty temporary folder, begins with a line marker that names the real
//! file, and finds its neighbours through `-iquote`. A header's stand-in lies in a folder put in front of each
//! folder under which the header could be found by name. A header that its neighbour includes by a quoted name
//! is found beside that neighbour first (C11 6.10.2p3, GCC's search order): the neighbour needs a stand-in, too, with its own
//! text. Which ones do shows in the output, in which a header was read from disk although a text stands for it
//! ([`Unused`]). Stand-ins of one folder lie in one folder, and beside that of a neighbour, what else the neighbour includes by
//! a quoted name is a file that includes the one on disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::error::FrontendError;
use crate::preprocess::{absolute, same_file};
use crate::spans::parse_marker;

/// Flags whose operand is a folder of headers.
const INCLUDE_FLAGS: [&str; 4] = ["-I", "-iquote", "-isystem", "-idirafter"];

/// A header was read from disk although a text stands for it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unused {
    pub header: PathBuf,
    /// The file that includes it, where that has no stand-in.
    pub includer: Option<PathBuf>,
}

/// The stand-ins on disk; removed when dropped.
pub struct StandIns {
    folder: Option<TempDir>,
    main: Option<PathBuf>,
    /// The file that `main` stands for.
    main_of: PathBuf,
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
            main_of: main.to_path_buf(),
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
        // By the folder that they are found under.
        let mut roots: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
        let mut put = |under: &Path, file: &Path, text: &str| -> std::io::Result<Option<PathBuf>> {
            let Ok(relative) = file.strip_prefix(under) else {
                return Ok(None);
            };
            let next = folder.path().join(format!("h{}", roots.len()));
            let known = roots.contains_key(under);
            let root = roots.entry(under.to_path_buf()).or_insert(next);
            let copy = root.join(relative);
            if let Some(parent) = copy.parent() {
                std::fs::create_dir_all(parent)?;
                put_neighbours(file, text, parent)?;
            }
            std::fs::write(copy, marked(file, text))?;
            Ok((!known).then(|| root.clone()))
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

    /// The first header that was read from disk although a text stands for it.
    pub fn unused(&self, output: &str) -> Option<Unused> {
        let folder = self.folder.as_ref()?;
        if self.headers.is_empty() {
            return None;
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
                let has_text = |file: &Path| {
                    let is_main = self.main.is_some() && same_file(&self.main_of, file);
                    is_main || self.headers.iter().any(|h| same_file(h, file))
                };
                let includer = previous.filter(|f| !f.starts_with(folder.path()) && !has_text(f));
                return Some(Unused {
                    header: header.clone(),
                    includer,
                });
            }
            previous = Some(file);
        }
        None
    }
}

/// Beside the stand-in of a header: what it includes by a quoted name and finds beside itself.
fn put_neighbours(file: &Path, text: &str, folder: &Path) -> std::io::Result<()> {
    let beside = file.parent().unwrap_or(Path::new("/"));
    for name in quoted_includes(text) {
        let (real, copy) = (beside.join(name), folder.join(name));
        // What leads elsewhere is found elsewhere; a stand-in that is there already, or comes later, is the file.
        let inside = Path::new(name)
            .components()
            .all(|c| matches!(c, std::path::Component::Normal(_)));
        if !inside || copy.exists() || !real.is_file() {
            continue;
        }
        if let Some(parent) = copy.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(copy, format!("#include \"{}\"\n", escaped(&real)))?;
    }
    Ok(())
}

/// Whether everything that a header includes is found alike from its stand-in: no name that leads out of its folder, none that a
/// macro makes, none that is searched for from where the header itself was found.
pub fn can_be_moved(text: &str) -> bool {
    let leads_out = |name: &str| {
        let parts = Path::new(name).components();
        parts
            .into_iter()
            .any(|c| !matches!(c, std::path::Component::Normal(_)))
    };
    let directives = text.lines().filter_map(|line| {
        let directive = line.trim_start().strip_prefix('#')?.trim_start();
        directive.strip_prefix("include")
    });
    let is_plain = |rest: &str| rest.trim_start().starts_with(['"', '<']);
    directives.into_iter().all(is_plain) && !quoted_includes(text).any(leads_out)
}

/// Names that `#include "..."` lines say.
fn quoted_includes(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let directive = line.trim_start().strip_prefix('#')?.trim_start();
        let name = directive
            .strip_prefix("include")?
            .trim_start()
            .strip_prefix('"')?;
        name.split_once('"').map(|(name, _)| name)
    })
}

/// The text under a line marker that names the file it stands for.
fn marked(file: &Path, text: &str) -> String {
    format!("# 1 \"{}\"\n{text}", escaped(file))
}

fn escaped(file: &Path) -> String {
    file.display()
        .to_string()
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
}

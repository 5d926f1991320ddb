//! The demo: from a bug report of the corpus to a proven patch, applied and compiled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::{Failure, shown};

/// The case that runs when none is named.
pub const DEFAULT_CASE: &str = "cxl-range-id";

/// What ends the search for a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Seconds, as a user's run has it.
    Time,
    /// The solver's work: the same on a slow or busy machine, and slower.
    Work,
}

/// Repairs a case in a scratch folder; the repository itself stays as it is.
pub fn run(repository: &Path, binary: &Path, case: &str, measure: Measure) -> Result<(), Failure> {
    let case_dir = repository.join("corpus/cases").join(case);
    let report = case_dir.join("report.txt");
    let text = fs::read_to_string(&report).map_err(|e| {
        format!(
            "cannot read {}: {e}\nThe cases are the folders of {}.",
            report.display(),
            repository.join("corpus/cases").display()
        )
    })?;
    let file = reported_file(&text)
        .ok_or_else(|| format!("{} has no line `File: PATH` inside its tree", report.display()))?;

    let scratch = Scratch::new()?;
    let tree = scratch.0.join("tree");
    copy_tree(&case_dir.join("tree"), &tree)?;
    let patch = scratch.0.join("fix.patch");

    println!("==> demo: repair {case} with no language model: the solver proposes, the prover decides");
    let mut repair = Command::new(binary);
    repair
        .arg("repair")
        .arg("--report")
        .arg(&report)
        .arg("--tree")
        .arg(&tree)
        .arg("-o")
        .arg(&patch);
    if measure == Measure::Work {
        repair.arg("--deterministic");
    }
    run_visibly(&mut repair)?;

    let diff = fs::read_to_string(&patch)
        .map_err(|e| format!("the repair said that it succeeded, but {}: {e}", patch.display()))?;
    println!("==> demo: the proven patch\n\n{diff}");

    println!("==> demo: apply it and compile the patched file");
    // Without the ceiling, git would look for a repository above the scratch folder and, if there is one,
    // silently skip paths that lie outside it.
    let mut apply = Command::new("git");
    apply.arg("apply").arg("--verbose").arg(&patch).current_dir(&tree);
    apply.env("GIT_CEILING_DIRECTORIES", &scratch.0);
    let before = read(&tree.join(&file))?;
    run_visibly(&mut apply)?;
    if read(&tree.join(&file))? == before {
        return Err(format!("the patch applied but left {} as it was", file.display()));
    }
    let mut compile = Command::new("cc");
    compile
        .args(flags(&tree)?)
        .arg("-c")
        .arg(&file)
        .arg("-o")
        .arg(scratch.0.join("patched.o"));
    run_visibly(compile.current_dir(&tree))?;

    println!(
        "\nDemo: the patch for {case} is proven, `git apply` takes it, and {} compiles.",
        file.display()
    );
    Ok(())
}

/// The value of the report's `File:` line, as long as it stays inside the tree.
fn reported_file(report: &str) -> Option<PathBuf> {
    let value = report.lines().find_map(|line| line.strip_prefix("File:"))?.trim();
    let path = PathBuf::from(value);
    let inside = path
        .components()
        .all(|c| matches!(c, std::path::Component::Normal(_)));
    (inside && !value.is_empty()).then_some(path)
}

/// The compiler's flags for the tree, one a line of its `compile_flags.txt`.
fn flags(tree: &Path) -> Result<Vec<String>, Failure> {
    let path = tree.join("compile_flags.txt");
    let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .map(str::to_owned)
        .collect())
}

fn run_visibly(command: &mut Command) -> Result<(), Failure> {
    println!("$ {}", shown(command));
    let status = command
        .status()
        .map_err(|e| format!("cannot run `{}`: {e}", shown(command)))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{}` failed ({status})", shown(command)))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))
}

fn copy_tree(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| format!("cannot copy {} to {}: {e}", from.display(), to.display());
    fs::create_dir_all(to).map_err(failed)?;
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target).map_err(failed)?;
        }
    }
    Ok(())
}

/// A folder of our own that goes away with the value.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Scratch, Failure> {
        let parent = std::env::temp_dir();
        for attempt in 0..100u32 {
            let path = parent.join(format!("verify-fix-demo-{}-{attempt}", std::process::id()));
            // `create_dir` fails on a folder that exists: never one that somebody else prepared.
            if fs::create_dir(&path).is_ok() {
                return Ok(Scratch(path));
            }
        }
        Err(format!("cannot make a scratch folder under {}", parent.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it being gone; a leftover in the temporary folder is the system's to clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_names_a_file_inside_its_tree() {
        let named = |text: &str| reported_file(text);
        assert_eq!(
            named("CID: 1\nFile: drivers/a.c\nLine: 3\n"),
            Some(PathBuf::from("drivers/a.c"))
        );
        for outside in ["File: ../a.c", "File: /etc/passwd", "File:", "Line: 3", ""] {
            assert_eq!(named(outside), None, "{outside}");
        }
    }

    #[test]
    fn the_default_case_is_in_the_corpus() {
        let case = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../corpus/cases")
            .join(DEFAULT_CASE);
        let text = fs::read_to_string(case.join("report.txt")).expect("the case has a report");
        let file = reported_file(&text).expect("the report names a file");
        assert!(case.join("tree").join(file).is_file());
        assert!(
            !flags(&case.join("tree"))
                .expect("the tree has its flags")
                .is_empty()
        );
    }

    #[test]
    fn a_tree_is_copied_whole_and_the_scratch_folder_goes_away() {
        let scratch = Scratch::new().expect("a scratch folder");
        let path = scratch.0.clone();
        fs::create_dir_all(path.join("from/a/b")).expect("writable");
        fs::write(path.join("from/a/b/c.txt"), "text").expect("writable");
        copy_tree(&path.join("from"), &path.join("to")).expect("copied");
        assert_eq!(
            fs::read_to_string(path.join("to/a/b/c.txt")).expect("there"),
            "text"
        );
        drop(scratch);
        assert!(!path.exists());
    }
}

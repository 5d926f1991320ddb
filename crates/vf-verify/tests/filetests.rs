//! Runs the C files under `tests/filetests` and compares every verdict with the expectations in their comments.
//!
//! See `tests/filetests/README.md` for the form. `cargo test -p vf-verify --test filetests -- index` runs the files
//! with `index` in their path; with `UPDATE_EXPECT=1` in the environment the files are rewritten to what the
//! verifier says (read the difference before you commit it).

#[path = "filetests/condition.rs"]
mod condition;
#[path = "filetests/expectations.rs"]
mod expectations;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use expectations::{Expectations, Mark};
use vf_frontend::Options;
use vf_ir::{DataModel, Property};
use vf_verify::report::{CheckReport, FunctionReport, ObligationReport, Verdict};
use vf_verify::specification::Specification;
use vf_verify::{CheckOptions, Entry, Wraps};

/// Z3 resource units a query may use: verdicts then do not depend on the machine.
const RLIMIT: u32 = 40_000_000;

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/filetests");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let (mut passed, mut failed) = (0, 0);
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        if !filters.is_empty() && !filters.iter().any(|f| name.contains(f.as_str())) {
            continue;
        }
        let started = Instant::now();
        let outcome = run(&file, update);
        let seconds = started.elapsed().as_secs_f64();
        match outcome {
            Ok(marks) => {
                passed += 1;
                println!("{name}: ok, {marks} marks ({seconds:.1} s)");
            }
            Err(problems) => {
                failed += 1;
                println!("{name}: FAILED ({seconds:.1} s)");
                for problem in problems {
                    println!("    {problem}");
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    // No file found is a mistake, not a success.
    if failed > 0 || passed == 0 {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|e| e == "c") {
            files.push(path);
        }
    }
}

/// Checks one file; the number of marks, or what differs.
fn run(file: &Path, update: bool) -> Result<usize, Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|e| vec![e.to_string()])?;
    let expected = expectations::read(&text).map_err(|e| vec![e])?;
    let (report, gap) = check(file, &expected).map_err(|e| vec![e])?;
    let found = Found::of(&report, &text);
    if update {
        let new = found.rewritten(&text, &expected);
        if new != text {
            std::fs::write(file, new).map_err(|e| vec![e.to_string()])?;
        }
        return Ok(found.results.len());
    }
    let mut problems = gap;
    problems.extend(found.compare(&expected));
    if problems.is_empty() {
        Ok(expected.marks.len())
    } else {
        Err(problems)
    }
}

/// The competition's property files.
fn property_file(name: &str) -> Option<&'static str> {
    Some(match name {
        "unreach-call" => "CHECK( init(main()), LTL(G ! call(reach_error())) )",
        "no-overflow" => "CHECK( init(main()), LTL(G ! overflow) )",
        "valid-memsafety" => {
            "CHECK( init(main()), LTL(G valid-free) )\nCHECK( init(main()), LTL(G valid-deref) )\n\
             CHECK( init(main()), LTL(G valid-memtrack) )"
        }
        "valid-memcleanup" => "CHECK( init(main()), LTL(G valid-memcleanup) )",
        _ => return None,
    })
}

/// The report, and the front end's complaints.
fn check(file: &Path, expected: &Expectations) -> Result<(CheckReport, Vec<String>), String> {
    let mut options = CheckOptions {
        rlimit: Some(RLIMIT),
        timeout: Some(Duration::from_secs(300)),
        ..CheckOptions::default()
    };
    let mut model = DataModel::Lp64;
    for (name, value) in &expected.options {
        match (name.as_str(), value.as_str()) {
            ("wraps", "all") => options.wraps = Wraps::All,
            ("entry", "main") => options.entry = Entry::Main,
            ("model", "ilp32") => model = DataModel::Ilp32,
            ("property", _) => {
                let property = Property::from_name(value).ok_or_else(|| format!("no property `{value}`"))?;
                options.properties.push(property);
            }
            ("specification", _) => {
                let text = property_file(value).ok_or_else(|| format!("no property file `{value}`"))?;
                options.specification = Some(Specification::parse(text).map_err(|e| e.to_string())?);
            }
            ("unroll", _) => options.unroll = Some(value.parse().map_err(|_| format!("unroll={value}"))?),
            _ => return Err(format!("unknown option `{name}={value}`")),
        }
    }
    let loading = Options {
        model,
        ..Options::new("cc")
    };
    let loaded = vf_frontend::load(&[file.to_owned()], &loading).map_err(|e| e.to_string())?;
    let complaints = loaded
        .diagnostics
        .iter()
        .map(|d| format!("line {}: the front end says: {}", d.span.start.line, d.message))
        .collect();
    let report = vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        &options,
        &mut |_| {},
    );
    Ok((report, complaints))
}

/// One verdict, placed as marks are.
struct Placed<'r> {
    mark: Mark,
    /// The obligation's text stands at its place, so that the width of the mark is known.
    written: bool,
    obligation: &'r ObligationReport,
}

struct Found<'r> {
    results: Vec<Placed<'r>>,
    summaries: BTreeMap<String, String>,
}

impl<'r> Found<'r> {
    fn of(report: &'r CheckReport, text: &str) -> Found<'r> {
        let lines: Vec<&str> = text.lines().collect();
        let mut results = Vec::new();
        let mut summaries = BTreeMap::new();
        for function in &report.functions {
            if let Some(summary) = summary(function) {
                summaries.insert(function.name.clone(), summary);
            }
            for obligation in &function.obligations {
                let line = obligation.location.line as usize;
                let column = obligation.location.column as usize;
                let code = lines
                    .get(line.wrapping_sub(1))
                    .and_then(|l| l.get(column.wrapping_sub(1)..));
                let source = obligation.text.lines().next().unwrap_or("");
                // The text of a check that the user did not write (a format's, a library model's) is not there.
                let written = !source.is_empty() && code.is_some_and(|c| c.starts_with(source));
                let width = if written { source.len() } else { 1 };
                results.push(Placed {
                    written,
                    mark: Mark {
                        line,
                        column,
                        width,
                        verdict: verdict_name(obligation.verdict).to_owned(),
                        property: obligation.property.clone(),
                        text: String::new(),
                        slice: slice_lines(obligation),
                    },
                    obligation,
                });
            }
        }
        Found { results, summaries }
    }

    /// Every verdict but `proved` needs a mark and every mark a verdict.
    fn compare(&self, expected: &Expectations) -> Vec<String> {
        let mut problems = Vec::new();
        let mut open: Vec<&Mark> = expected.marks.iter().collect();
        for result in &self.results {
            let fits =
                |m: &&Mark| same_place(m, &result.mark) && (!result.written || m.width == result.mark.width);
            match open.iter().position(fits) {
                Some(at) => {
                    let mark = open.remove(at);
                    problems.extend(condition_problem(mark, result.obligation));
                    problems.extend(slice_problem(mark, &result.mark));
                }
                None if result.obligation.verdict == Verdict::Proved => {}
                None => problems.push(unexpected(result)),
            }
        }
        for mark in open {
            let Mark {
                line,
                column,
                verdict,
                property,
                ..
            } = mark;
            problems.push(format!(
                "line {line}, column {column}: expected {verdict}[{property}], not found"
            ));
        }
        if expected.summaries != self.summaries {
            for (name, counts) in &self.summaries {
                if expected.summaries.get(name) != Some(counts) {
                    let stated = expected.summaries.get(name).map_or("no summary", String::as_str);
                    problems.push(format!(
                        "summary of {name}: found {counts}; the file says {stated}"
                    ));
                }
            }
            for name in expected
                .summaries
                .keys()
                .filter(|n| !self.summaries.contains_key(*n))
            {
                problems.push(format!(
                    "summary of {name}: no obligation of this function was checked"
                ));
            }
        }
        if self.summaries.is_empty() {
            problems.push("no obligation was checked".to_owned());
        }
        problems
    }

    /// The file with the verdicts found; marks that still fit keep their conditions.
    fn rewritten(&self, text: &str, expected: &Expectations) -> String {
        let mut old = expected.marks.clone();
        let mut marks = Vec::new();
        for result in &self.results {
            let mut mark = result.mark.clone();
            match old.iter().position(|m| same_place(m, &mark)) {
                Some(at) => {
                    let kept = old.remove(at);
                    mark.text = kept.text;
                    mark.slice = kept.slice.and(mark.slice);
                    mark.width = if result.written { mark.width } else { kept.width };
                }
                None if result.obligation.verdict == Verdict::Proved => continue,
                None => {
                    mark.text = inputs_text(result.obligation);
                    mark.slice = None;
                }
            }
            marks.push(mark);
        }
        expectations::write(text, &marks, &self.summaries)
    }
}

fn same_place(a: &Mark, b: &Mark) -> bool {
    (a.line, a.column, &a.verdict, &a.property) == (b.line, b.column, &b.verdict, &b.property)
}

fn unexpected(result: &Placed<'_>) -> String {
    let Mark {
        line,
        column,
        verdict,
        property,
        ..
    } = &result.mark;
    let reason = result.obligation.reason.as_deref().unwrap_or("");
    let inputs = inputs_text(result.obligation);
    let text = &result.obligation.text;
    format!("line {line}, column {column}: unexpected {verdict}[{property}] of `{text}` {inputs}{reason}")
}

/// Lines of the checked file in an obligation's slice.
fn slice_lines(obligation: &ObligationReport) -> Option<BTreeSet<usize>> {
    let counterexample = obligation.counterexample.as_ref()?;
    let here = counterexample
        .slice
        .iter()
        .filter(|line| line.location.file == obligation.location.file);
    Some(here.map(|line| line.location.line as usize).collect())
}

/// Where a mark names a slice, it is all of it and nothing else.
fn slice_problem(mark: &Mark, found: &Mark) -> Option<String> {
    let expected = mark.slice.as_ref()?;
    let nothing = BTreeSet::new();
    let found = found.slice.as_ref().unwrap_or(&nothing);
    let words = |lines: &BTreeSet<usize>| {
        let numbers: Vec<String> = lines.iter().map(usize::to_string).collect();
        numbers.join(" ")
    };
    (expected != found).then(|| {
        format!(
            "line {}: the slice of {} is {}; the file says {}",
            mark.line,
            mark.property,
            words(found),
            words(expected)
        )
    })
}

/// Why a mark's condition does not hold of the counterexample, if so.
fn condition_problem(mark: &Mark, obligation: &ObligationReport) -> Option<String> {
    if mark.text.is_empty() || mark.text.starts_with("known-gap:") {
        return None;
    }
    let Some(counterexample) = &obligation.counterexample else {
        return Some(format!("line {}: a condition, but no counterexample", mark.line));
    };
    match condition::holds(&mark.text, &counterexample.inputs) {
        Ok(true) => None,
        Ok(false) => Some(format!(
            "line {}: the counterexample does not satisfy `{}`: {}",
            mark.line,
            mark.text,
            inputs_text(obligation)
        )),
        Err(why) => Some(format!(
            "line {}: `{}`: {why}: {}",
            mark.line,
            mark.text,
            inputs_text(obligation)
        )),
    }
}

/// The integers among the inputs as a condition; sizes of objects are no names that a condition can mention.
fn inputs_text(obligation: &ObligationReport) -> String {
    let Some(counterexample) = &obligation.counterexample else {
        return String::new();
    };
    let integers = counterexample
        .inputs
        .iter()
        .filter(|(name, v)| !name.contains('(') && v.parse::<i128>().is_ok());
    integers
        .map(|(name, value)| format!("{name} == {value}"))
        .collect::<Vec<_>>()
        .join(" && ")
}

fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Proved => "proved",
        Verdict::ProvedToBound => "proved-to-bound",
        Verdict::Unreachable => "unreachable",
        Verdict::Unknown => "unknown",
        Verdict::Refuted => "refuted",
    }
}

/// `2 proved, 1 refuted`; `None` for a function without obligations.
fn summary(function: &FunctionReport) -> Option<String> {
    if let Some(construct) = &function.unsupported {
        return Some(format!("unsupported: {construct}"));
    }
    let count = |v: Verdict| function.obligations.iter().filter(|o| o.verdict == v).count();
    let order = [
        Verdict::Proved,
        Verdict::ProvedToBound,
        Verdict::Refuted,
        Verdict::Unknown,
        Verdict::Unreachable,
    ];
    let parts: Vec<String> = order
        .into_iter()
        .filter(|v| count(*v) > 0)
        .map(|v| format!("{} {}", count(v), verdict_name(v)))
        .collect();
    if parts.is_empty() {
        None
    } else {
        Some(parts.join(", "))
    }
}

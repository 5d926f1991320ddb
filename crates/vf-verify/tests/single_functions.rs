//! Checks the single functions of `tests/single-functions`, each as it should be and with its defect, and compares the
//! answers with those recorded in `expected.txt` there.
//!
//! `cargo test -p vf-verify --test single_functions -- ring` runs the files with `ring` in their name. An answer that is
//! worse than the recorded one fails; a better one is recorded with `UPDATE_EXPECT=1`, which refuses to record a worse
//! one. `scripts/single-functions.py` measures time and memory of the same files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use vf_frontend::{Options, Wanted};
use vf_ir::DataModel;
use vf_verify::report::{CheckReport, Overall, Replay, Verdict};
use vf_verify::{CheckOptions, Entry};

/// Z3 resource units a query may use: answers then do not depend on the machine.
const RLIMIT: u32 = 40_000_000;
/// A stop for searches that do not end; far above what any recorded answer needs.
const TIMEOUT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    let filters: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/single-functions");
    let record = folder.join("expected.txt");
    let mut expected = match std::fs::read_to_string(&record)
        .map_err(|e| e.to_string())
        .and_then(|text| parse(&text))
    {
        Ok(expected) => expected,
        Err(why) => {
            println!("{}: {why}", record.display());
            return ExitCode::FAILURE;
        }
    };
    let pairs = pairs(&folder);
    let mut problems = unrecorded(&pairs, &expected, update);
    let (mut right, mut wrong, mut looked_at) = (0, 0, 0);
    for (name, path) in &pairs {
        if !filters.is_empty() && !filters.iter().any(|f| name.contains(f.as_str())) {
            continue;
        }
        let found = [false, true].map(|defect| check(path, defect));
        looked_at += 1;
        right += usize::from(found[0].answer == Answer::Proved);
        wrong += usize::from(found[1].answer == Answer::Refuted);
        println!("{name}: right {}, wrong {}", found[0], found[1]);
        for result in &found {
            result.open.iter().for_each(|line| println!("    {line}"));
        }
        let now = Pair {
            right: found[0].answer,
            wrong: found[1].answer,
        };
        match expected.get(name).copied() {
            Some(recorded) if now == recorded => {}
            Some(recorded) if now.at_least(recorded) && update => {
                expected.insert(name.clone(), now);
            }
            // A faster machine gets further before the stop: no failure.
            Some(recorded) if now.at_least(recorded) => {
                println!("    better than recorded ({recorded}); set UPDATE_EXPECT=1");
            }
            Some(recorded) => problems.push(format!("{name}: {now}; recorded: {recorded}")),
            None => {
                expected.insert(name.clone(), now);
            }
        }
    }
    println!("{right} of {looked_at} right ones proved, {wrong} of {looked_at} wrong ones refuted");
    if update && let Err(why) = std::fs::write(&record, print(&expected)) {
        problems.push(why.to_string());
    }
    problems.iter().for_each(|problem| println!("FAILED {problem}"));
    // No file found is a mistake, not a success.
    if problems.is_empty() && looked_at > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What was said of one version as a whole, the worst first for either version: see [`Answer::rank`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Proved,
    ProvedToBound,
    Unknown,
    /// By a counterexample that was executed.
    Refuted,
}

impl Answer {
    const ALL: [(Answer, &'static str); 4] = [
        (Answer::Proved, "proved"),
        (Answer::ProvedToBound, "proved-to-bound"),
        (Answer::Unknown, "unknown"),
        (Answer::Refuted, "refuted"),
    ];

    fn name(self) -> &'static str {
        Answer::ALL
            .iter()
            .find(|(a, _)| *a == self)
            .map_or("", |(_, name)| name)
    }

    fn from_name(name: &str) -> Option<Answer> {
        Answer::ALL.iter().find(|(_, n)| *n == name).map(|(a, _)| *a)
    }

    /// How good the answer is. A wrong answer is worse than none.
    fn rank(self, defect: bool) -> u32 {
        match (self, defect) {
            (Answer::Proved, false) | (Answer::Refuted, true) => 3,
            (Answer::ProvedToBound, false) => 2,
            (Answer::Unknown, _) => 1,
            (Answer::ProvedToBound, true) => 1,
            (Answer::Refuted, false) | (Answer::Proved, true) => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    right: Answer,
    wrong: Answer,
}

impl Pair {
    fn at_least(self, other: Pair) -> bool {
        self.right.rank(false) >= other.right.rank(false) && self.wrong.rank(true) >= other.wrong.rank(true)
    }
}

impl fmt::Display for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "right {}, wrong {}", self.right.name(), self.wrong.name())
    }
}

/// `NAME RIGHT WRONG` on each line.
fn parse(text: &str) -> Result<BTreeMap<String, Pair>, String> {
    let mut pairs = BTreeMap::new();
    for line in text
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, right, wrong] = words.as_slice() else {
            return Err(format!("not `NAME RIGHT WRONG`: {line}"));
        };
        let (Some(right), Some(wrong)) = (Answer::from_name(right), Answer::from_name(wrong)) else {
            return Err(format!("not an answer: {line}"));
        };
        pairs.insert((*name).to_owned(), Pair { right, wrong });
    }
    Ok(pairs)
}

fn print(pairs: &BTreeMap<String, Pair>) -> String {
    let mut text = "# What the prover says of each function: as it should be, with its defect.\n".to_owned();
    for (name, pair) in pairs {
        text += &format!("{name:<20} {:<15} {}\n", pair.right.name(), pair.wrong.name());
    }
    text
}

fn pairs(folder: &Path) -> Vec<(String, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files = entries
        .map(|e| e.path())
        .filter(|p| p.extension().is_some_and(|e| e == "c"));
    let mut pairs: Vec<(String, PathBuf)> = files
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), path)))
        .collect();
    pairs.sort();
    pairs
}

/// Files without a record, and records without a file.
fn unrecorded(pairs: &[(String, PathBuf)], expected: &BTreeMap<String, Pair>, update: bool) -> Vec<String> {
    let known = |name: &String| pairs.iter().any(|(n, _)| n == name);
    let lost = expected
        .keys()
        .filter(|name| !known(name))
        .map(|name| format!("{name}: no such file"));
    let new = pairs
        .iter()
        .map(|(name, _)| name)
        .filter(|name| !update && !expected.contains_key(*name));
    lost.chain(new.map(|name| format!("{name}: not recorded; set UPDATE_EXPECT=1")))
        .collect()
}

struct Found {
    answer: Answer,
    elapsed: Duration,
    /// Verdicts that keep the version from the answer it should get.
    open: Vec<String>,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.1} s)", self.answer.name(), self.elapsed.as_secs_f64())
    }
}

/// Checks one version for every caller.
fn check(path: &Path, defect: bool) -> Found {
    let started = Instant::now();
    let loading = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: if defect {
            vec!["-DWRONG".into()]
        } else {
            Vec::new()
        },
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: true,
        snippet: false,
    };
    let options = CheckOptions {
        entry: Entry::Each,
        rlimit: Some(RLIMIT),
        timeout: Some(TIMEOUT),
        ..CheckOptions::default()
    };
    let (answer, open) = match vf_frontend::load(&[path.to_owned()], &loading) {
        Ok(loaded) if loaded.diagnostics.is_empty() => {
            let (program, sources) = (&loaded.program, &loaded.sources);
            let report = vf_verify::check(program, sources, &loaded.main_files, &options, &mut |_| {});
            answer(&report, defect)
        }
        Ok(loaded) => (
            Answer::Unknown,
            loaded.diagnostics.iter().map(|d| d.message.clone()).collect(),
        ),
        Err(why) => (Answer::Unknown, vec![why.to_string()]),
    };
    Found {
        answer,
        elapsed: started.elapsed(),
        open,
    }
}

fn answer(report: &CheckReport, defect: bool) -> (Answer, Vec<String>) {
    let obligations: Vec<_> = report.functions.iter().flat_map(|f| &f.obligations).collect();
    let confirmed = obligations.iter().any(|o| {
        let replay = o.counterexample.as_ref().map(|c| c.replay);
        o.verdict == Verdict::Refuted && replay == Some(Replay::Confirmed)
    });
    let answer = match report.verdict {
        Overall::Refuted if confirmed => Answer::Refuted,
        Overall::Refuted | Overall::Unknown => Answer::Unknown,
        Overall::ProvedToBound => Answer::ProvedToBound,
        Overall::Proved => Answer::Proved,
    };
    if answer == (if defect { Answer::Refuted } else { Answer::Proved }) {
        return (answer, Vec::new());
    }
    let open = obligations
        .iter()
        .filter(|o| !matches!(o.verdict, Verdict::Proved | Verdict::Unreachable))
        .map(|o| {
            let reason = o.reason.as_deref().unwrap_or("");
            let inputs = o.counterexample.as_ref().map(|c| c.relevant_inputs().join(", "));
            format!(
                "line {}: {:?}[{}] of `{}`: {reason}{}",
                o.location.line,
                o.verdict,
                o.property,
                o.text,
                inputs.unwrap_or_default()
            )
        })
        .collect();
    (answer, open)
}

//! Which known fixes the arms let a model write: the fixes of a corpus, as edits of numbered lines.
//!
//! `cargo run --release -p vf-guide --example guided-fixes [-- ARMS [CORPUS [EVERY]]]`, in the root of the repository: how many
//! of the fixes of every so manieth pair each choice of arms lets through, by kind of mistake, and where the others are stopped. A folder
//! is one of hand-made cases, whose fixes are taken to the letter; pairs' are in the spelling that the embedded model has.

use std::collections::BTreeMap;
use std::path::Path;

use vf_corpus::export::{answer, numbered};
use vf_guide::testing::{Case, cases, stopped_at, vocabulary};
use vf_guide::{Arms, Vocabulary};
use vf_repair::ctext::functions::{FunctionText, functions};

/// Places that are shown, of each choice of arms.
const SHOWN: usize = 20;

#[derive(Default)]
struct Tally {
    let_through: usize,
    all: usize,
    kinds: BTreeMap<String, [usize; 2]>,
    stopped: Vec<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let arms = arguments.next().unwrap_or_else(|| "grammar,names".to_owned());
    let corpus = arguments
        .next()
        .unwrap_or_else(|| "corpus/pairs/pairs.jsonl.gz".to_owned());
    let every: usize = arguments.next().map_or(Ok(10), |n| n.parse())?;
    let arms: Vec<Arms> = arms.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let prepared = Vocabulary::new(vocabulary(&[], 0))?;
    let folder = tempfile::tempdir()?;
    let mut tallies: Vec<Tally> = arms.iter().map(|_| Tally::default()).collect();
    let (mut number, mut unsaid) = (0, 0);
    let mut failed = None;
    if Path::new(&corpus).is_dir() {
        for (case, name, fix) in made_by_hand(Path::new(&corpus))? {
            for (arms, tally) in arms.iter().zip(&mut tallies) {
                let mut made = case.guide(arms, &prepared)?;
                for note in &made.notes {
                    println!("{name}: {note}");
                }
                tally.add(&name, &fix, stopped_at(made.guide.as_mut(), &prepared, &fix)?);
            }
        }
        for (arms, tally) in arms.iter().zip(&tallies) {
            tally.print(&arms.to_string());
        }
        return Ok(());
    }
    vf_corpus::file::read(Path::new(&corpus), &mut |_, record| {
        number += 1;
        if number % every != 0 {
            return Ok(());
        }
        let Ok(fix) = answer(&record) else {
            unsaid += 1;
            return Ok(());
        };
        let kind = record.origin.mutation().unwrap_or("other");
        for (arms, tally) in arms.iter().zip(&mut tallies) {
            let measured = Case::alone(folder.path(), &record.before, &record.function)
                .map_err(|e| e.to_string())
                .and_then(|case| case.guide(arms, &prepared).map_err(|e| e.to_string()))
                .and_then(|mut made| {
                    stopped_at(made.guide.as_mut(), &prepared, &fix).map_err(|e| e.to_string())
                });
            match measured {
                Ok(stopped) => tally.add(kind, &fix, stopped),
                Err(why) => failed = failed.take().or(Some(format!("{}: {why}", record.id))),
            }
        }
        Ok(())
    })?;
    if let Some(why) = failed {
        return Err(why.into());
    }
    println!("{unsaid} fixes have no form in words");
    for (arms, tally) in arms.iter().zip(&tallies) {
        tally.print(&arms.to_string());
    }
    Ok(())
}

/// The function that a case's fix changes, the case's name, and the fix as an edit.
type Known = (Case, String, String);

fn made_by_hand(corpus: &Path) -> Result<Vec<Known>, Box<dyn std::error::Error>> {
    let mut found = Vec::new();
    let mut all = cases(corpus);
    let mut folders: Vec<_> = std::fs::read_dir(corpus)?.collect::<Result<_, _>>()?;
    folders.sort_by_key(std::fs::DirEntry::path);
    for folder in folders.iter().map(std::fs::DirEntry::path) {
        let Ok(patch) = std::fs::read_to_string(folder.join("fix.patch")) else {
            continue;
        };
        let parsed = vf_source::diff::Patch::parse(&patch)?;
        let [file] = parsed.files.as_slice() else { continue };
        let Some(path) = file.old_path.as_ref().map(|p| folder.join("tree").join(p)) else {
            continue;
        };
        let Some(line) = file.hunks.first().map(|h| h.old_start + 3) else {
            continue;
        };
        let of_file = all.iter().position(|c| {
            let holds = |f: &FunctionText| {
                let first = c.text.get(..f.range.start).unwrap_or("").matches('\n').count() as u32 + 1;
                let last = c.text.get(..f.range.end).unwrap_or("").matches('\n').count() as u32 + 1;
                f.name == c.function && (first..=last).contains(&line)
            };
            c.file == path && functions(&c.text).iter().any(holds)
        });
        let name = folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let Some(case) = of_file.map(|at| all.swap_remove(at)) else {
            println!("{name}: the fix is in no function");
            continue;
        };
        if let Some(fix) = numbered(&case.text, &patch) {
            found.push((case, name, fix));
        }
    }
    Ok(found)
}

impl Tally {
    fn add(&mut self, kind: &str, fix: &str, stopped: Option<usize>) {
        self.all += 1;
        let of_kind = self.kinds.entry(kind.to_owned()).or_default();
        of_kind[1] += 1;
        match stopped {
            None => {
                self.let_through += 1;
                of_kind[0] += 1;
            }
            Some(at) => {
                // Which may be within a character.
                let (before, behind) = fix.as_bytes().split_at(at.min(fix.len()));
                let [before, behind] = [before, behind].map(String::from_utf8_lossy);
                self.stopped.push(format!("{before}<STOP>{behind}"));
            }
        }
    }

    fn print(&self, arms: &str) {
        let share = 100.0 * self.let_through as f64 / self.all.max(1) as f64;
        println!(
            "{arms}: {} of {} fixes let through ({share:.1} %)",
            self.let_through, self.all
        );
        for (kind, [through, all]) in self.kinds.iter().filter(|(_, [through, all])| through < all) {
            println!("  {kind}: {through} of {all}");
        }
        // Evenly spread over all of them.
        let step = self.stopped.len().div_ceil(SHOWN).max(1);
        for text in self.stopped.iter().step_by(step) {
            println!("  {}", text.replace('\n', "\n    "));
        }
    }
}

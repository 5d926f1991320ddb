//! Which known fixes the arms let a model write: the fixes of a corpus, as edits of numbered lines.
//!
//! `cargo run --release -p vf-guide --example guided-fixes [-- ARMS [CORPUS [EVERY]]]`, in the root of the repository: how many
//! of the fixes of every so manieth pair each choice of arms lets through, by kind of mistake, and where the others are stopped.

use std::collections::BTreeMap;
use std::path::Path;

use vf_corpus::export::answer;
use vf_guide::testing::{Case, options, stopped_at, vocabulary};
use vf_guide::{Arms, Vocabulary};

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
    vf_corpus::file::read(Path::new(&corpus), &mut |_, record| {
        number += 1;
        if number % every != 0 {
            return Ok(());
        }
        let Ok(fix) = answer(&record) else {
            unsaid += 1;
            return Ok(());
        };
        let case = Case {
            file: folder.path().join("case.c"),
            text: record.before.clone(),
            function: record.function.clone(),
            options: options(Vec::new(), None),
        };
        let kind = record.origin.mutation().unwrap_or("other");
        for (arms, tally) in arms.iter().zip(&mut tallies) {
            let measured = std::fs::write(&case.file, &case.text)
                .map_err(|e| e.to_string())
                .and_then(|()| case.guide(arms, &prepared).map_err(|e| e.to_string()))
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
                let (before, behind) = fix.split_at(fix.floor_char_boundary(at));
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

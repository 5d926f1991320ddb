//! What guides cost and what they keep, over the functions of a corpus and a model that likes all tokens the same.
//!
//! `cargo run --release -p vf-guide --example guided-samples [-- ARMS [SAMPLES]]`, in the root of the repository: for
//! each choice of arms the time of a mask, and how many of the finished samples parse, and resolve and type-check.

use std::path::Path;
use std::time::{Duration, Instant};

use vf_guide::testing::{Case, Dice, cases, sample, vocabulary};
use vf_guide::{Arms, Vocabulary};

/// Tokens of the vocabulary.
const VOCABULARY: usize = 32_768;
/// Longest sample, in tokens.
const LIMIT: usize = 600;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let arms = arguments.next().unwrap_or_else(|| "grammar,names".to_owned());
    let samples: usize = arguments.next().map_or(Ok(500), |n| n.parse())?;
    let cases = cases(Path::new("corpus/cases"));
    let mut texts = Vec::new();
    for folder in ["corpus", "tests", "smt", "examples"] {
        collect(Path::new(folder), &mut texts);
    }
    let tokens = vocabulary(&texts, VOCABULARY);
    let start = Instant::now();
    let prepared = Vocabulary::new(tokens.clone())?;
    println!(
        "{} functions, {} tokens, prepared in {:?}",
        cases.len(),
        tokens.len(),
        start.elapsed()
    );
    for arms in arms.split(',') {
        measure(&cases, &arms.parse()?, &prepared, &tokens, samples)?;
    }
    Ok(())
}

/// All C text below a folder.
fn collect(folder: &Path, texts: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, texts);
        } else if path.extension().is_some_and(|e| e == "c" || e == "h") {
            texts.extend(std::fs::read_to_string(&path));
        }
    }
}

fn measure(
    cases: &[Case],
    arms: &Arms,
    vocabulary: &Vocabulary,
    tokens: &[Vec<u8>],
    samples: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let mut masks: Vec<Duration> = Vec::new();
    let mut made_in: Vec<Duration> = Vec::new();
    let (mut finished, mut cut, mut drawn, mut parse, mut check) = (0, 0, 0, 0, 0);
    let each = samples.div_ceil(cases.len().max(1));
    let mut dice = Dice(20_261_130);
    'cases: for case in cases {
        let start = Instant::now();
        let made = match case.guide(arms, vocabulary) {
            Ok(made) => made,
            Err(error) => {
                println!("  {}: {error}", case.function);
                continue;
            }
        };
        made_in.push(start.elapsed());
        for note in &made.notes {
            println!("  {}: {note}", case.function);
        }
        for _ in 0..each {
            let one = loop {
                let mut guide = made.guide.fork();
                let one = sample(guide.as_mut(), tokens, &mut dice, LIMIT)?;
                masks.extend(&one.masks);
                drawn += one.tokens.len();
                if one.finished {
                    break one;
                }
                cut += 1;
                if cut > 4 * samples {
                    return Err(format!("{arms}: {}: samples do not end", case.function).into());
                }
            };
            finished += 1;
            let answer = one.text(tokens);
            let edited = case.edited(&answer);
            for (count, result) in [
                (&mut parse, edited.clone().and_then(|t| case.parses(&t))),
                (&mut check, edited.and_then(|t| case.type_checks(&t))),
            ] {
                match result {
                    Ok(()) => *count += 1,
                    Err(why) if std::env::var_os("SHOW").is_some() => {
                        println!(
                            "--- {arms} {}: {}\n{answer}\n{why}",
                            case.file.display(),
                            case.function
                        );
                    }
                    Err(_) => {}
                }
            }
            if finished == samples {
                break 'cases;
            }
        }
    }
    masks.sort();
    made_in.sort();
    let at = |all: &[Duration], part: f64| {
        all.get((all.len() as f64 * part) as usize)
            .map_or(0.0, |d| d.as_secs_f64() * 1e3)
    };
    println!(
        "{arms}: mask p50 {:.3} ms, p95 {:.3} ms, p99 {:.3} ms over {} tokens; made in p50 {:.1} ms, p95 {:.1} ms",
        at(&masks, 0.5),
        at(&masks, 0.95),
        at(&masks, 0.99),
        drawn,
        at(&made_in, 0.5),
        at(&made_in, 0.95),
    );
    println!(
        "{arms}: {finished} samples finished ({cut} more were cut at {LIMIT} tokens); {parse} parse, {check} resolve and type-check"
    );
    Ok(())
}

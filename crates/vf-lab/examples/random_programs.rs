//! Random programs: verdicts against executions.
//!
//! `cargo run --release -p vf-lab --example random_programs -- --seed 1 --count 3000 [--first N] [--threads N]
//! [--time SECONDS] [--out FILE] [--show] [--no-reduce]`
//!
//! `--test-limits` takes the limits of the test (`--time` goes before both); `--show` prints the generated programs instead of judging them.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vf_lab::random_programs::{Campaign, JudgeOptions, Judged, generate};

struct Arguments {
    seed: u64,
    first: u64,
    count: u64,
    threads: usize,
    seconds: Option<u64>,
    out: Option<PathBuf>,
    show: bool,
    reduce: bool,
    test_limits: bool,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        seed: 1,
        first: 0,
        count: 100,
        threads: std::thread::available_parallelism().map_or(1, usize::from),
        seconds: None,
        out: None,
        show: false,
        reduce: true,
        test_limits: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || {
            let text = words.next().ok_or_else(|| format!("{word} needs a number"))?;
            text.parse::<u64>().map_err(|e| format!("{word} {text}: {e}"))
        };
        match word.as_str() {
            "--seed" => found.seed = number()?,
            "--first" => found.first = number()?,
            "--count" => found.count = number()?,
            "--threads" => found.threads = number()? as usize,
            "--time" => found.seconds = Some(number()?),
            "--show" => found.show = true,
            "--test-limits" => found.test_limits = true,
            "--no-reduce" => found.reduce = false,
            "--out" => found.out = words.next().map(PathBuf::from),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    Ok(found)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = arguments()?;
    let mut out = std::io::stdout().lock();
    if arguments.show {
        for number in arguments.first..arguments.first + arguments.count {
            let program = generate(arguments.seed, number);
            writeln!(
                out,
                "// seed {} number {number}\n{}",
                arguments.seed, program.text
            )?;
        }
        return Ok(());
    }
    let mut options = JudgeOptions::default();
    options.check.timeout = Some(Duration::from_secs(60));
    if arguments.test_limits {
        options = JudgeOptions::for_tests();
    }
    if let Some(seconds) = arguments.seconds {
        options.check.timeout = Some(Duration::from_secs(seconds));
    }
    let campaign = Campaign {
        seed: arguments.seed,
        first: arguments.first,
        count: arguments.count,
        threads: arguments.threads,
        reduce: arguments.reduce,
        options,
    };
    let started = Instant::now();
    let mut done = 0;
    let mut defects = String::new();
    let terminal = std::io::stderr().is_terminal();
    let summary = campaign.run(&mut |judged| {
        done += 1;
        if terminal {
            eprint!(
                "\r{done} of {}, {:.0} s",
                arguments.count,
                started.elapsed().as_secs_f64()
            );
        }
        if judged.judgement.check_time > Duration::from_secs(20) {
            eprintln!(
                "\rnumber {} took {:.0} s to check",
                judged.number,
                judged.judgement.check_time.as_secs_f64()
            );
        }
        if !judged.judgement.defects.is_empty() {
            let text = describe(arguments.seed, judged);
            eprintln!("\r{text}");
            defects.push_str(&text);
        }
    })?;
    if terminal {
        eprintln!();
    }
    let text = format!(
        "seed {}, programs {} to {}, {:.0} s on {} threads\n{summary}\n{defects}",
        arguments.seed,
        arguments.first,
        arguments.first + arguments.count,
        started.elapsed().as_secs_f64(),
        arguments.threads
    );
    out.write_all(text.as_bytes())?;
    if let Some(path) = arguments.out {
        std::fs::write(path, text)?;
    }
    Ok(())
}

fn describe(seed: u64, judged: &Judged) -> String {
    let mut text = format!("=== seed {seed} number {}\n", judged.number);
    for defect in &judged.judgement.defects {
        text.push_str(&format!("{}: {defect}\n", defect.kind()));
    }
    text.push_str(judged.reduced.as_deref().unwrap_or(&judged.text));
    text
}

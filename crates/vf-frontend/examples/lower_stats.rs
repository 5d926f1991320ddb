//! Measures the lowering on preprocessed files: which functions of the main files could not be lowered and why,
//! and how long it takes. Prints Markdown.
//!
//! `lower_stats FILE.i... [--list CONSTRUCT]`: with `--list`, names the functions lost to constructs that
//! contain this text.

#[path = "../tests/well_typed/rules.rs"]
mod rules;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vf_frontend::preprocess::Preprocessed;
use vf_frontend::{Options, Wanted, load_preprocessed};
use vf_ir::{Body, DataModel};

fn main() {
    let mut files = Vec::new();
    let mut list = None;
    let mut arguments = std::env::args().skip(1);
    while let Some(a) = arguments.next() {
        match a.as_str() {
            "--list" => list = arguments.next(),
            _ => files.push(PathBuf::from(a)),
        }
    }
    let options = Options {
        model: DataModel::Lp64,
        compiler: PathBuf::from("cc"),
        flags: Vec::new(),
        directory: None,
        wanted: Wanted::All,
        overlay: Vec::new(),
        library_models: false,
        snippet: false,
    };
    let (mut main, mut main_lost, mut all, mut all_lost, mut obligations) = (0, 0, 0, 0, 0);
    let mut ill_typed = 0;
    let mut constructs: BTreeMap<String, usize> = BTreeMap::new();
    let mut slowest: Vec<(Duration, String)> = Vec::new();
    for file in &files {
        let Ok(bytes) = std::fs::read(file) else {
            eprintln!("{}: cannot be read", file.display());
            continue;
        };
        let start = Instant::now();
        let loaded = Preprocessed::from_text(file, &bytes)
            .and_then(|pre| load_preprocessed(&[pre], std::slice::from_ref(file), &options));
        let loaded = match loaded {
            Ok(l) => l,
            Err(e) => {
                eprintln!("{e}");
                continue;
            }
        };
        slowest.push((start.elapsed(), file.display().to_string()));
        for broken in rules::broken_rules(&loaded.program) {
            ill_typed += 1;
            eprintln!("{}: {broken}", file.display());
        }
        for f in &loaded.program.functions {
            let in_main = loaded.main_files.contains(&f.span.file);
            match &f.body {
                Body::Declared => continue,
                Body::Defined(_) => obligations += f.obligations.len(),
                Body::Unsupported(why) => {
                    all_lost += 1;
                    main_lost += usize::from(in_main);
                    *constructs.entry(why.construct.clone()).or_default() += 1;
                    if list.as_ref().is_some_and(|l| why.construct.contains(l)) {
                        let path = loaded
                            .sources
                            .get(why.span.file)
                            .map(|f| f.path.display().to_string());
                        println!(
                            "{}: {} ({} at {}:{})",
                            file.display(),
                            f.name,
                            why.construct,
                            path.unwrap_or_default(),
                            why.span.start.line
                        );
                    }
                }
            }
            all += 1;
            main += usize::from(in_main);
        }
    }
    println!("| | |\n| --- | --- |");
    println!("| files | {} |", slowest.len());
    println!("| functions with a body in the main files | {main} |");
    println!("| of these not lowered | {main_lost} |");
    println!("| functions with a body that were needed | {all} |");
    println!("| of these not lowered | {all_lost} |");
    println!("| obligations | {obligations} |");
    println!("| broken typing rules of the IR | {ill_typed} |");
    let total: Duration = slowest.iter().map(|s| s.0).sum();
    println!("| time, all files | {:.1} s |", total.as_secs_f64());
    println!("\n| not supported | functions |\n| --- | --- |");
    let mut by_count: Vec<_> = constructs.into_iter().collect();
    by_count.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for (construct, n) in by_count.into_iter().take(40) {
        println!("| {construct} | {n} |");
    }
    slowest.sort();
    println!("\n| slowest files | time |\n| --- | --- |");
    for (time, name) in slowest.iter().rev().take(5) {
        println!("| {name} | {:.2} s |", time.as_secs_f64());
    }
}

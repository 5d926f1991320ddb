//! Measures the front end on preprocessed files: which declarations parse, which functions of the main file are
//! lost and why, and how long it takes. Prints Markdown.
//!
//! `parse_rate DIR` reads every `*.i` in DIR.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lang_c::ast::{Declarator, DeclaratorKind, ExternalDeclaration};
use vf_frontend::lex::lex;
use vf_frontend::preprocess::Preprocessed;
use vf_frontend::split::{Kind, Unit, split};
use vf_source::SourceMap;

/// What one file gave.
struct Row {
    name: String,
    bytes: usize,
    declarations: usize,
    failed: usize,
    functions: usize,
    /// Functions of the main file that did not parse: name and reason.
    lost: Vec<(String, String)>,
    split: Duration,
    /// To parse every function of the main file, and nothing else.
    main_functions: Duration,
    /// To parse everything.
    all: Duration,
    /// Declarations whose names by tokens are not those of their tree.
    disagree: usize,
    places: Places,
    /// Declarations with a rewrite that loses meaning.
    refused: usize,
}

/// Where the tokens of the main file's functions were found to have been written.
#[derive(Default)]
struct Places {
    /// The place holds that token.
    exact: usize,
    /// A macro invocation, by its name.
    invocation: usize,
    /// Something else: a stretch between neighbours, a line.
    vague: usize,
}

/// Processor time used so far, so that other work on the machine does not count.
fn cpu_time() -> Duration {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut now) };
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

fn main() {
    let Some(folder) = std::env::args().nth(1) else {
        eprintln!("usage: parse_rate DIR    (DIR holds preprocessed files, *.i)");
        std::process::exit(2);
    };
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(entries) => entries.filter_map(|e| Some(e.ok()?.path())).collect(),
        Err(error) => {
            eprintln!("{folder}: {error}");
            std::process::exit(2);
        }
    };
    files.retain(|p| p.extension().is_some_and(|e| e == "i"));
    files.sort();
    let mut rows = Vec::new();
    for file in &files {
        match measure(file) {
            Ok(row) => {
                eprintln!(
                    "{}: {} of {} failed, {:?}",
                    row.name, row.failed, row.declarations, row.all
                );
                rows.push(row);
            }
            Err(problem) => eprintln!("{}: {problem}", file.display()),
        }
    }
    report(&rows);
}

fn measure(file: &Path) -> Result<Row, String> {
    let bytes = std::fs::read(file).map_err(|e| e.to_string())?;
    let pre = Preprocessed::from_text(file, &bytes).map_err(|e| e.to_string())?;
    let mut sources = SourceMap::new();
    let start = cpu_time();
    let unit = split(&pre, &mut sources);
    let split_time = cpu_time() - start;
    let main: Vec<usize> = (0..unit.declarations.len())
        .filter(|i| {
            unit.declarations
                .get(*i)
                .is_some_and(|d| d.main && matches!(d.kind, Kind::Function { .. }))
        })
        .collect();
    let start = cpu_time();
    for index in &main {
        let _ = unit.parse(*index);
    }
    let main_functions = cpu_time() - start;
    let start = cpu_time();
    let failed: Vec<usize> = (0..unit.declarations.len())
        .filter(|i| fails(&unit, *i))
        .collect();
    let all = (cpu_time() - start) + main_functions;
    let lost = main
        .iter()
        .filter_map(|i| {
            let Some(Kind::Function { name }) = unit.declarations.get(*i).map(|d| &d.kind) else {
                return None;
            };
            unit.parse(*i)
                .err()
                .map(|reason| (name.clone(), reason.to_string()))
        })
        .collect();
    if std::env::var_os("VERBOSE").is_some() {
        for index in &failed {
            let Err(reason) = unit.parse(*index) else { continue };
            let around = reason.offset().saturating_sub(60)..reason.offset() + 60;
            eprintln!("  {reason}: ...{}...", unit.text(around).replace('\n', " "));
        }
    }
    let disagree = (0..unit.declarations.len())
        .filter(|i| names_differ(&unit, *i))
        .count();
    let refused = (0..unit.declarations.len())
        .filter(|i| refused(&unit, *i))
        .count();
    let places = places(&unit, &main, &sources);
    Ok(Row {
        disagree,
        places,
        refused,
        name: file
            .file_stem()
            .map(|s| s.to_string_lossy().into_owned())
            .unwrap_or_default(),
        bytes: bytes.len(),
        declarations: unit.declarations.len(),
        failed: failed.len(),
        functions: main.len(),
        lost,
        split: split_time,
        main_functions,
        all,
    })
}

/// Whether the rewriting says of a declaration that its meaning is lost.
fn refused(unit: &Unit, index: usize) -> bool {
    let Ok(parsed) = unit.parse(index) else {
        return false;
    };
    let construct = parsed.side.unsupported(0..usize::MAX);
    if let (Some((_, what)), Some(d), true) = (
        construct,
        unit.declarations.get(index),
        std::env::var_os("VERBOSE").is_some(),
    ) {
        eprintln!("  {what}: {:.200}", unit.text(d.range.clone()));
    }
    construct.is_some()
}

/// Whether a declaration has no tree though it should have one.
fn fails(unit: &Unit, index: usize) -> bool {
    unit.declarations.get(index).is_some_and(|d| d.kind != Kind::Asm) && unit.parse(index).is_err()
}

/// Finds the place of every token of the main file's functions.
fn places(unit: &Unit, functions: &[usize], sources: &SourceMap) -> Places {
    let mut places = Places::default();
    for declaration in functions.iter().filter_map(|i| unit.declarations.get(*i)) {
        let text = unit.text(declaration.range.clone());
        for token in lex(text) {
            let start = declaration.range.start + token.start as usize;
            let token_text = token.text(text);
            if token_text.starts_with('#') {
                continue;
            }
            let span = unit.place(start..start + token_text.len());
            let written = sources.text(span).unwrap_or("");
            let named = written.starts_with(|c: char| c.is_alphabetic() || c == '_');
            if written == token_text {
                places.exact += 1;
            } else if named && (!written.contains(char::is_whitespace) || written.ends_with(')')) {
                places.invocation += 1;
            } else {
                if std::env::var_os("VERBOSE").is_some() {
                    eprintln!(
                        "  {token_text} at {}:{}: {written:.100}",
                        span.start.line, span.start.column
                    );
                }
                places.vague += 1;
            }
        }
    }
    places
}

/// Whether the names that the splitting found by tokens are other than those of the tree.
fn names_differ(unit: &Unit, index: usize) -> bool {
    let (Some(declaration), Ok(parsed)) = (unit.declarations.get(index), unit.parse(index)) else {
        return false;
    };
    let by_tokens: Vec<String> = match &declaration.kind {
        Kind::Function { name } => vec![name.clone()],
        Kind::Prototype { names } | Kind::Typedef { names } | Kind::Variable { names } => names.clone(),
        Kind::TagOnly | Kind::Asm | Kind::Other => Vec::new(),
    };
    let by_tree: Vec<String> = match &parsed.node.node {
        ExternalDeclaration::Declaration(d) => d
            .node
            .declarators
            .iter()
            .filter_map(|d| declared(&d.node.declarator.node))
            .collect(),
        ExternalDeclaration::FunctionDefinition(f) => declared(&f.node.declarator.node).into_iter().collect(),
        ExternalDeclaration::StaticAssert(_) => Vec::new(),
    };
    let function = matches!(parsed.node.node, ExternalDeclaration::FunctionDefinition(_));
    let differ = by_tokens != by_tree || function != matches!(declaration.kind, Kind::Function { .. });
    if differ && std::env::var_os("VERBOSE").is_some() {
        eprintln!(
            "  {:?} but {by_tree:?}: {:.200}",
            declaration.kind,
            unit.text(declaration.range.clone())
        );
    }
    differ
}

fn declared(declarator: &Declarator) -> Option<String> {
    match &declarator.kind.node {
        DeclaratorKind::Abstract => None,
        DeclaratorKind::Identifier(name) => Some(name.node.name.clone()),
        DeclaratorKind::Declarator(inner) => declared(&inner.node),
    }
}

fn report(rows: &[Row]) {
    let sum = |f: fn(&Row) -> usize| rows.iter().map(f).sum::<usize>();
    let seconds = |f: fn(&Row) -> Duration| rows.iter().map(f).sum::<Duration>().as_secs_f64();
    let whole = rows.iter().filter(|r| r.failed == 0).count();
    let lost = sum(|r| r.lost.len());
    let functions = sum(|r| r.functions);
    println!("| | |\n| --- | --- |");
    println!("| files | {} |", rows.len());
    println!("| preprocessed text | {:.0} MB |", sum(|r| r.bytes) as f64 / 1e6);
    println!("| files of which every declaration parses | {whole} |");
    println!("| declarations | {} |", sum(|r| r.declarations));
    println!("| declarations that do not parse | {} |", sum(|r| r.failed));
    println!(
        "| declarations of which the rewriting loses meaning | {} |",
        sum(|r| r.refused)
    );
    println!(
        "| declarations whose names by tokens and by tree differ | {} |",
        sum(|r| r.disagree)
    );
    println!(
        "| tokens of the main files' functions: placed exactly | {} |",
        sum(|r| r.places.exact)
    );
    println!(
        "| placed in a macro's invocation | {} |",
        sum(|r| r.places.invocation)
    );
    println!("| placed less exactly | {} |", sum(|r| r.places.vague));
    println!("| functions defined in the main files | {functions} |");
    println!("| of these lost | {lost} |");
    let files = rows.len().max(1) as f64;
    println!(
        "| read and split, a file | {:.1} ms |",
        1e3 * seconds(|r| r.split) / files
    );
    println!(
        "| parse the main file's functions only, a file | {:.1} ms |",
        1e3 * seconds(|r| r.main_functions) / files
    );
    println!(
        "| parse one function | {:.2} ms |",
        1e3 * seconds(|r| r.main_functions) / functions.max(1) as f64
    );
    println!(
        "| parse every declaration, a file | {:.0} ms |",
        1e3 * seconds(|r| r.all) / files
    );
    let mut reasons: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for row in rows {
        for (name, reason) in &row.lost {
            reasons
                .entry(reason)
                .or_default()
                .push(format!("`{name}` ({})", row.name));
        }
    }
    if !reasons.is_empty() {
        println!("\n| functions lost | construct |\n| --- | --- |");
        for (reason, names) in reasons {
            println!("| {} | {reason} |", names.join(", "));
        }
    }
    let mut slow: Vec<&Row> = rows.iter().collect();
    slow.sort_by_key(|r| std::cmp::Reverse(r.all));
    println!(
        "\n| slowest files | text | split | main functions | everything |\n| --- | --- | --- | --- | --- |"
    );
    for r in slow.into_iter().take(5) {
        println!(
            "| {} | {:.1} MB | {:.0} ms | {:.0} ms | {:.0} ms |",
            r.name,
            r.bytes as f64 / 1e6,
            r.split.as_secs_f64() * 1e3,
            r.main_functions.as_secs_f64() * 1e3,
            r.all.as_secs_f64() * 1e3
        );
    }
}

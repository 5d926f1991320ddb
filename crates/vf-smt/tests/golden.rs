//! Queries kept as text under `smt/golden`: what the printer writes today, with the answer that it must have. Each
//! runs under the z3 command, and under the library. `UPDATE_EXPECT=1` writes the files anew.

use std::path::{Path, PathBuf};
use std::process::Command;

use vf_smt::{Outcome, Solver, Sort, Term, Terms};

struct Query {
    name: &'static str,
    /// What is asked, for a reader of the file.
    comment: &'static str,
    answer: &'static str,
    formulas: fn(&Terms) -> Vec<Term>,
}

const QUERIES: &[Query] = &[
    Query {
        name: "off-by-one",
        comment: "The guard `i < 0 || i > 8` lets 8 through to a table of 8 elements.",
        answer: "sat",
        formulas: |t| {
            let i = t.var("i", Sort::BitVec(32));
            let (zero, eight) = (t.bv(32, 0), t.bv(32, 8));
            let guard = t.or(t.slt(i, zero), t.sgt(i, eight));
            vec![t.not(guard), t.uge(t.sext(64, i), t.bv(64, 8))]
        },
    },
    Query {
        name: "index-in-range",
        comment: "The guard `i < 0 || i >= 8` does not.",
        answer: "unsat",
        formulas: |t| {
            let i = t.var("i", Sort::BitVec(32));
            let (zero, eight) = (t.bv(32, 0), t.bv(32, 8));
            let guard = t.or(t.slt(i, zero), t.sge(i, eight));
            vec![t.not(guard), t.uge(t.sext(64, i), t.bv(64, 8))]
        },
    },
    Query {
        name: "length-check-underflow",
        comment: "`len > 4094 - used` is no check where `used` may be more than 4094: the copy leaves the page.",
        answer: "sat",
        formulas: |t| {
            let (len, used) = (t.var("len", Sort::BitVec(64)), t.var("used", Sort::BitVec(64)));
            let room = t.sub(t.bv(64, 4094), used);
            let page = t.bv(64, 4096);
            vec![
                t.ule(used, page),
                t.ule(len, room),
                t.ugt(t.add(used, len), page),
                t.ule(len, page),
            ]
        },
    },
    Query {
        name: "size-product",
        comment: "`n * 24` may wrap in 32 bits.",
        answer: "sat",
        formulas: |t| {
            let n = t.var("n", Sort::BitVec(32));
            let size = t.mul(n, t.bv(32, 24));
            vec![
                t.mul_overflows(false, n, t.bv(32, 24)),
                t.ult(size, t.bv(32, 100)),
            ]
        },
    },
    Query {
        name: "signed-product-fits",
        comment: "Factors between -1000 and 1000 have a product that fits 32 bits.",
        answer: "unsat",
        formulas: |t| {
            let (a, b) = (t.var("a", Sort::BitVec(32)), t.var("b", Sort::BitVec(32)));
            let (low, high) = (t.bv(32, (-1000i128) as u128), t.bv(32, 1000));
            let between = |x| t.and(t.sle(low, x), t.sle(x, high));
            vec![between(a), between(b), t.mul_overflows(true, a, b)]
        },
    },
    Query {
        name: "loop-step",
        comment: "`i <= n` is inductive for `while (i < n) i++`, and the increment does not overflow.",
        answer: "unsat",
        formulas: |t| {
            let (i, n) = (t.var("i", Sort::BitVec(32)), t.var("n", Sort::BitVec(32)));
            let one = t.bv(32, 1);
            let fits = t.not(t.add_overflows(true, i, one));
            let kept = t.sle(t.add(i, one), n);
            vec![t.sle(i, n), t.slt(i, n), t.not(t.and(fits, kept))]
        },
    },
    Query {
        name: "bytes-of-a-word",
        comment: "A word stored byte by byte is read back whole, whatever is stored beside it.",
        answer: "unsat",
        formulas: |t| {
            let memory = t.var(
                "memory",
                Sort::Array {
                    index: 64,
                    element: 8,
                },
            );
            let (p, q) = (t.var("p", Sort::BitVec(64)), t.var("q", Sort::BitVec(64)));
            let word = t.var("word", Sort::BitVec(32));
            let at = |k: u32| t.add(p, t.bv(64, u128::from(k)));
            let byte = |k: u32| t.extract(8 * k + 7, 8 * k, word);
            let stored = (0..4).fold(memory, |m, k| t.store(m, at(k), byte(k)));
            let beside = t.store(stored, q, t.bv(8, 0xff));
            let part = |k: u32| t.select(beside, at(k));
            let read = t.concat(part(3), t.concat(part(2), t.concat(part(1), part(0))));
            vec![t.uge(t.sub(q, p), t.bv(64, 4)), t.ne(read, word)]
        },
    },
    Query {
        name: "cleared-memory",
        comment: "Memory that is zero everywhere but at p is zero at q, unless that is p.",
        answer: "unsat",
        formulas: |t| {
            let (p, q) = (t.var("p", Sort::BitVec(64)), t.var("q", Sort::BitVec(64)));
            let zero = t.bv(8, 0);
            let memory = t.store(t.const_array(64, zero), p, t.bv(8, 1));
            vec![t.ne(p, q), t.ne(t.select(memory, q), zero)]
        },
    },
    Query {
        name: "names",
        comment: "Variables may be called as operators are, or have characters that symbols cannot have.",
        answer: "unsat",
        formulas: |t| {
            let names = [
                "and", "bvadd", "select", "true", "x y", "a|b", "ü", "p->len", "$1", "%24", "9", "",
            ];
            let variables: Vec<Term> = names.iter().map(|name| t.var(name, Sort::BitVec(8))).collect();
            let mut formulas: Vec<Term> = variables.windows(2).map(|pair| t.ult(pair[0], pair[1])).collect();
            formulas.push(t.ule(variables[names.len() - 1], variables[0]));
            formulas
        },
    },
    Query {
        name: "shared-terms",
        comment: "Twenty doublings of one value: text of the size of the formula's graph, not of its tree.",
        answer: "unsat",
        formulas: |t| {
            let x = t.var("x", Sort::BitVec(32));
            let y = t.var("y", Sort::BitVec(32));
            let twisted = (0..20).fold(x, |z, _| t.bvxor(t.add(z, y), t.bvand(z, y)));
            vec![t.eq(y, t.bv(32, 0)), t.ne(twisted, x)]
        },
    },
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../smt/golden")
}

fn text(query: &Query) -> String {
    let t = Terms::new();
    let formulas = (query.formulas)(&t);
    format!(
        "; {}\n; expect: {}\n{}",
        query.comment,
        query.answer,
        t.script(&formulas)
    )
}

#[test]
fn files_are_what_the_printer_writes() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for query in QUERIES {
        let path = folder().join(format!("{}.smt2", query.name));
        let text = text(query);
        if update {
            std::fs::write(&path, &text).expect("the file can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{} differs; UPDATE_EXPECT=1 writes:\n{text}",
            path.display()
        );
    }
    let files = std::fs::read_dir(folder()).expect("the folder").count();
    assert_eq!(files, QUERIES.len(), "files without a query");
}

#[test]
fn the_library_gives_the_expected_answers() {
    for query in QUERIES {
        let t = Terms::new();
        let mut solver = Solver::new(&t);
        (query.formulas)(&t)
            .into_iter()
            .for_each(|formula| solver.assert(formula));
        let answer = match solver.check(&[]) {
            Outcome::Sat(_) => "sat",
            Outcome::Unsat { .. } => "unsat",
            Outcome::Unknown(why) => panic!("{}: {why:?}", query.name),
        };
        assert_eq!(answer, query.answer, "{}", query.name);
    }
}

#[test]
fn the_z3_command_gives_the_answer_written_in_each_file() {
    let mut run = 0;
    for entry in std::fs::read_dir(folder()).expect("the folder") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("text");
        let expected = text
            .lines()
            .find_map(|line| line.strip_prefix("; expect: "))
            .expect("an expectation");
        let output = match Command::new("z3").arg(&path).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                eprintln!("skipped: the z3 command is not installed (Debian package z3)");
                return;
            }
            Err(error) => panic!("z3 could not be started: {error}"),
        };
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            expected,
            "{}",
            path.display()
        );
        run += 1;
    }
    assert!(run > 0, "no file was run");
}

//! Two hundred bounds conditions of 64 bits on one path, each asked on its own between `push` and `pop`: the
//! solver of this crate against z3's default solver on the same formulas, and two forms of one question that
//! z3 decides at different speeds.
//!
//! `cargo bench -p vf-smt` prints times and their ratio. Nothing here is a test. Bounds alone are about even; it
//! is products that z3's general engine is slow at.

use std::time::{Duration, Instant};

use vf_smt::{Outcome, Solver, Sort, Term, Terms};

/// The path: what guards have established.
fn path(t: &Terms) -> Vec<Term> {
    let v = |name: &str| t.var(name, Sort::BitVec(64));
    let (len, offset, count, room) = (v("len"), v("offset"), v("count"), v("room"));
    let limit = t.bv(64, 1 << 31);
    vec![
        t.ult(len, limit),
        t.ule(offset, len),
        t.ult(count, t.bv(64, 1000)),
        t.ule(t.add(offset, t.mul(count, t.bv(64, 4))), room),
        t.ule(room, len),
    ]
}

/// Violations that do not exist (and, every fourth, one that does).
fn violations(t: &Terms) -> Vec<Term> {
    let v = |name: &str| t.var(name, Sort::BitVec(64));
    let (len, offset, count) = (v("len"), v("offset"), v("count"));
    (0..200u128)
        .map(|k| {
            let index = v(&format!("i{}", k % 7));
            let at = t.add(offset, t.add(t.mul(index, t.bv(64, 4)), t.bv(64, k % 4)));
            let below = t.ult(index, count);
            let outside = match k % 4 {
                0 => t.uge(at, t.sub(len, t.bv(64, 1))),
                1 => t.ult(at, offset),
                2 => t.add_overflows(false, offset, t.mul(index, t.bv(64, 4))),
                _ => t.uge(at, len),
            };
            t.and(below, outside)
        })
        .collect()
}

fn ours(t: &Terms) -> (Duration, Vec<bool>) {
    let start = Instant::now();
    let mut solver = Solver::new(t);
    path(t).into_iter().for_each(|formula| solver.assert(formula));
    let mut answers = Vec::new();
    for violation in violations(t) {
        solver.push();
        solver.assert(violation);
        answers.push(matches!(solver.check(&[]), Outcome::Sat(_)));
        solver.pop();
    }
    (start.elapsed(), answers)
}

/// The same, as text, through z3's default solver.
fn default_solver(t: &Terms) -> (Duration, Vec<bool>) {
    let without_check = |formulas: &[Term]| t.script(formulas).replace("(check-sat)\n", "");
    let base = without_check(&path(t));
    let texts: Vec<String> = violations(t).iter().map(|v| without_check(&[*v])).collect();
    let start = Instant::now();
    let solver = z3::Solver::new();
    solver.from_string(base);
    let mut answers = Vec::new();
    for text in texts {
        solver.push();
        solver.from_string(text);
        answers.push(solver.check() == z3::SatResult::Sat);
        solver.pop(1);
    }
    (start.elapsed(), answers)
}

/// How long z3's default solver may think about one query.
const PATIENCE: Duration = Duration::from_secs(30);

/// One query as text through z3's default solver. It has no circuit for overflow: text has its definition.
/// `None`: not within [`PATIENCE`].
fn one_by_default(t: &Terms, formulas: &[Term]) -> Option<Duration> {
    let text = t.script(formulas);
    let start = Instant::now();
    let solver = z3::Solver::new();
    // Incremental use, as by a prover: otherwise z3 looks at the whole query and picks its own SAT solver.
    let mut parameters = z3::Params::new();
    parameters.set_u32("timeout", PATIENCE.as_millis() as u32);
    solver.set_params(&parameters);
    solver.push();
    solver.from_string(text);
    (solver.check() != z3::SatResult::Unknown).then(|| start.elapsed())
}

fn one(t: &Terms, formulas: &[Term]) -> Duration {
    let start = Instant::now();
    let mut solver = Solver::new(t);
    formulas.iter().for_each(|formula| solver.assert(*formula));
    let outcome = solver.check(&[]);
    assert!(!matches!(outcome, Outcome::Unknown(_)));
    start.elapsed()
}

fn main() {
    let t = Terms::new();
    let (fast, answers) = ours(&t);
    let (slow, same) = default_solver(&t);
    assert_eq!(answers, same, "both solvers give the same answers");
    let sat = answers.iter().filter(|a| **a).count();
    println!("200 bounds conditions, {sat} of them violated");
    println!("  this crate        {:8.3} s", fast.as_secs_f64());
    println!("  z3's default      {:8.3} s", slow.as_secs_f64());
    println!(
        "  ratio             {:8.2}",
        slow.as_secs_f64() / fast.as_secs_f64()
    );

    let (a, b) = (t.var("a", Sort::BitVec(64)), t.var("b", Sort::BitVec(64)));
    let (low, high) = (t.bv(64, (-100_000i128) as u128), t.bv(64, 100_000));
    let small = |x| t.and(t.slt(low, x), t.slt(x, high));
    let circuit = t.mul_overflows(true, a, b);
    let wide = |x| t.sext(128, x);
    let definition = t.ne(t.mul(wide(a), wide(b)), wide(t.mul(a, b)));
    println!("no signed overflow of a product of two small factors, 64 bits");
    println!(
        "  overflow circuit  {:8.3} s",
        one(&t, &[small(a), small(b), circuit]).as_secs_f64()
    );
    println!(
        "  doubled width     {:8.3} s",
        one(&t, &[small(a), small(b), definition]).as_secs_f64()
    );
    let by_default = one_by_default(&t, &[small(a), small(b), definition]);
    match by_default {
        Some(time) => println!("  z3's default      {:8.3} s", time.as_secs_f64()),
        None => println!("  z3's default      over {} s", PATIENCE.as_secs()),
    }
}

//! What the constructors promise, on random terms: the value of what they return, ranges, substitution, and
//! agreement with z3, called as a library and as a command.

mod random;

use std::io::Write;
use std::process::{Command, Stdio};
use vf_smt::tables::HashMap;

use proptest::prelude::*;
use random::{Number, build, steps, to_value};
use vf_smt::{Outcome, Solver, Terms, Value};

fn seeds() -> impl Strategy<Value = Vec<u64>> {
    let seed = prop_oneof![
        any::<u64>(),
        Just(0),
        Just(u64::MAX),
        (0..64u32).prop_map(|k| 1 << k)
    ];
    proptest::collection::vec(seed, 1..40)
}

/// Two arrays are the same value whatever their default, if they agree everywhere.
fn agrees(value: &Value, number: &Number) -> bool {
    match number {
        Number::Array(elements) => elements
            .iter()
            .enumerate()
            .all(|(i, v)| value.element(i as u128) == Some(u128::from(*v))),
        _ => *value == to_value(number),
    }
}

fn signed(bits: u32, value: u64) -> i128 {
    let value = i128::from(value);
    if value >= 1 << (bits - 1) {
        value - (1 << bits)
    } else {
        value
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn simplified_terms_have_the_value_of_what_was_asked_for(steps in steps(60), seeds in seeds()) {
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, true);
        let terms: Vec<_> = built.terms.iter().map(|(term, _)| *term).collect();
        for (value, (term, number)) in t.eval_many(&terms, &built.assignment).iter().zip(&built.terms) {
            prop_assert!(agrees(value, number), "{} is {value:?}, not {number:?}", t.to_smt2(*term));
        }
    }

    #[test]
    fn bounds_never_contradict_what_an_interpretation_satisfies(steps in steps(60), seeds in seeds()) {
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, true);
        let truths = built.terms.iter().filter_map(|(term, number)| match to_value(number) {
            Value::Bool(true) => Some(*term),
            Value::Bool(false) => Some(t.not(*term)),
            _ => None,
        });
        let truths: Vec<_> = truths.collect();
        prop_assert!(!t.bounds_contradict(&truths));
    }

    #[test]
    fn ranges_hold_the_value(steps in steps(60), seeds in seeds()) {
        let t = Terms::new();
        for (term, number) in build(&t, &steps, &seeds, true).terms {
            if let Number::Bits(bits, value) = number {
                let (low, high) = t.unsigned_range(term);
                let text = t.to_smt2(term);
                prop_assert!(low <= value.into() && u128::from(value) <= high, "{text}: {low}..{high}, {value}");
                let (low, high) = t.signed_range(term);
                let value = signed(bits, value);
                prop_assert!(low <= value && value <= high, "{text}: {low}..{high}, {value}");
            }
        }
    }

    #[test]
    fn substitution_is_evaluation_in_another_place(steps in steps(40), seeds in seeds(), other in seeds()) {
        // The variables' values of `other`, put in for the variables, give the values under `other`.
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, false);
        let target = build(&t, &steps, &other, false);
        let mut map = HashMap::default();
        for (variable, number) in &target.variables {
            match number {
                Number::Bool(value) => { map.insert(*variable, t.bool(*value)); }
                Number::Bits(bits, value) => { map.insert(*variable, t.bv(*bits, u128::from(*value))); }
                Number::Array(_) => {}
            }
        }
        for ((term, _), (_, number)) in built.terms.iter().zip(&target.terms) {
            let constant = t.substitute(*term, &map);
            prop_assert!(agrees(&t.eval(constant, &built.assignment), number));
            prop_assert!(t.as_bv(constant).is_some() || t.as_bool(constant).is_some());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// With the variables fixed, z3 finds no other value for any of the terms.
    #[test]
    fn z3_agrees_with_the_evaluator(steps in steps(40), seeds in seeds(), arrays in any::<bool>()) {
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, arrays);
        let mut solver = Solver::new(&t);
        for (variable, number) in &built.variables {
            match number {
                Number::Bool(true) => solver.assert(*variable),
                Number::Bool(false) => solver.assert(t.not(*variable)),
                Number::Bits(bits, value) => solver.assert(t.eq(*variable, t.bv(*bits, u128::from(*value)))),
                Number::Array(elements) if arrays => {
                    for (i, v) in elements.iter().enumerate() {
                        let element = t.select(*variable, t.bv(3, i as u128));
                        solver.assert(t.eq(element, t.bv(4, u128::from(*v))));
                    }
                }
                Number::Array(_) => {}
            }
        }
        prop_assert!(matches!(solver.check(&[]), Outcome::Sat(_)), "the assignment itself");
        let mut wrong = Vec::new();
        for (term, number) in &built.terms {
            match number {
                Number::Bool(true) => wrong.push(t.not(*term)),
                Number::Bool(false) => wrong.push(*term),
                Number::Bits(bits, value) => wrong.push(t.ne(*term, t.bv(*bits, u128::from(*value)))),
                Number::Array(_) => {}
            }
        }
        solver.assert(t.any(&wrong));
        let outcome = solver.check(&[]);
        prop_assert!(matches!(outcome, Outcome::Unsat { .. }), "{outcome:?}\n{}", solver.dump_smt2(&[]));
    }

    /// Formulas that an assignment makes true are never refuted over the integers, however few variables are fixed;
    /// with all of them fixed, what is false often is.
    #[test]
    fn integers_refute_nothing_that_holds(steps in steps(40), seeds in seeds(), fixed in 0..4usize) {
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, false);
        let mut solver = Solver::new(&t);
        solver.set_limits(vf_smt::Limits { rlimit: Some(400_000), timeout_ms: None });
        let equal = |term, number: &Number| match number {
            Number::Bool(true) => term,
            Number::Bool(false) => t.not(term),
            Number::Bits(bits, value) => t.eq(term, t.bv(*bits, u128::from(*value))),
            Number::Array(_) => t.bool(true),
        };
        for (place, (variable, number)) in built.variables.iter().enumerate() {
            if fixed == 3 || place % 3 < fixed {
                solver.assert(equal(*variable, number));
            }
        }
        let facts: Vec<_> = built.terms.iter().map(|(term, number)| equal(*term, number)).collect();
        let refuted = matches!(solver.check_over_integers(&facts), Outcome::Unsat { .. });
        prop_assert!(!refuted, "{}", solver.dump_smt2(&facts));
    }

    /// The last booleans of a list, asserted together with nothing else known: library and command agree.
    #[test]
    fn the_z3_command_reads_dumps_and_agrees(steps in steps(60), seeds in seeds(), arrays in any::<bool>()) {
        let t = Terms::new();
        let built = build(&t, &steps, &seeds, arrays);
        let mut solver = Solver::new(&t);
        let booleans = built.booleans();
        for (term, value) in booleans.iter().rev().take(4) {
            // Half of the lists ask for what the assignment makes true, the others for whatever there is.
            solver.assert(if *value || seeds.len().is_multiple_of(2) { *term } else { t.not(*term) });
        }
        let answer = match solver.check(&[]) {
            Outcome::Sat(_) => "sat",
            Outcome::Unsat { .. } => "unsat",
            Outcome::Unknown(why) => return Err(TestCaseError::fail(format!("{why:?}"))),
        };
        let script = solver.dump_smt2(&[]);
        if let Some(output) = run_z3(&script) {
            prop_assert_eq!(output.trim(), answer, "{}", script);
        }
    }
}

/// Output of the z3 command on a script; `None`, with a message, only where it is not installed.
fn run_z3(script: &str) -> Option<String> {
    let started = Command::new("z3")
        .arg("-in")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: the z3 command is not installed (Debian package z3)");
            return None;
        }
        Err(error) => panic!("z3 could not be started: {error}"),
    };
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(script.as_bytes())
        .expect("z3 reads the script");
    let output = child.wait_with_output().expect("z3 ends");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

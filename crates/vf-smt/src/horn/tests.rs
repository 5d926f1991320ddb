use super::*;

fn linear(constant: i128, terms: &[(usize, i128)]) -> Linear {
    Linear {
        constant,
        terms: terms.to_vec(),
    }
}

fn numbers(sums: &[Linear]) -> Vec<Argument> {
    sums.iter().cloned().map(Argument::Number).collect()
}

fn at(relation: Relation, sums: &[Linear]) -> Option<Application> {
    Some(Application {
        relation,
        arguments: numbers(sums),
    })
}

/// `off = 0, left = size; while (left > 1) { off += k; left -= k }` for k of 1 and 2, with an access at `off + 1`
/// that needs `off + 1 < size + slack`.
fn remaining_space(slack: i128) -> System {
    let (off, left, size) = (0, 1, 2);
    let now = [
        Linear::variable(off),
        Linear::variable(left),
        Linear::variable(size),
    ];
    let goes_on = Formula::AtMostZero(linear(2, &[(left, -1)]));
    let step = |by: i128| Rule {
        variables: vec![Kind::Number; 3],
        body: at(0, &now),
        condition: goes_on.clone(),
        head: at(
            0,
            &[linear(by, &[(off, 1)]), linear(-by, &[(left, 1)]), now[2].clone()],
        ),
    };
    let start = Rule {
        variables: vec![Kind::Number],
        body: None,
        condition: Formula::AtMostZero(linear(0, &[(0, -1)])),
        head: at(
            0,
            &[Linear::constant(0), Linear::variable(0), Linear::variable(0)],
        ),
    };
    let too_far = Formula::AtMostZero(linear(slack - 1, &[(off, -1), (size, 1)]));
    let wrong = Rule {
        variables: vec![Kind::Number; 3],
        body: at(0, &now),
        condition: Formula::All(vec![goes_on.clone(), too_far]),
        head: None,
    };
    System {
        relations: vec![vec![Kind::Number; 3]],
        rules: vec![start, step(1), step(2), wrong],
    }
}

fn value(sum: &Linear, state: &[i128]) -> i128 {
    let terms = sum.terms.iter().map(|(v, c)| c * state[*v]);
    sum.constant + terms.sum::<i128>()
}

fn holds(formula: &Formula, state: &[i128]) -> bool {
    match formula {
        Formula::Constant(value) => *value,
        Formula::Truth(_) => panic!("no truth values here"),
        Formula::AtMostZero(sum) => value(sum, state) <= 0,
        Formula::IsZero(sum) => value(sum, state) == 0,
        Formula::Not(inner) => !holds(inner, state),
        Formula::All(parts) => parts.iter().all(|p| holds(p, state)),
        Formula::Any(parts) => parts.iter().any(|p| holds(p, state)),
    }
}

#[test]
fn remaining_space_has_an_invariant() {
    let limits = Limits {
        rlimit: Some(10_000_000),
        timeout_ms: None,
    };
    let Answer::Safe(invariants) = remaining_space(0).solve(limits) else {
        panic!("not safe");
    };
    // It admits every state that is reached, and no state in which the access is out of bounds.
    let invariant = Formula::All(invariants[0].clone());
    for size in 0..12 {
        for off in 0..=size {
            assert!(
                holds(&invariant, &[off, size - off, size]),
                "{off} {size}: {invariant:?}"
            );
        }
        for left in 2..12 {
            assert!(
                !holds(&invariant, &[size - 1, left, size]),
                "{left} {size}: {invariant:?}"
            );
        }
    }
}

#[test]
fn an_error_that_is_reached_is_unsafe() {
    assert_eq!(remaining_space(-1).solve(Limits::default()), Answer::Unsafe);
}

#[test]
fn limits_are_unknown() {
    let limits = Limits {
        rlimit: Some(100),
        timeout_ms: None,
    };
    assert_eq!(remaining_space(0).solve(limits), Answer::Unknown);
}

/// A product that no linear invariant decides keeps Spacer busy for ever.
#[test]
fn time_is_kept() {
    let (x, y) = (0, 1);
    let now = [Linear::variable(x), Linear::variable(y)];
    let step = Rule {
        variables: vec![Kind::Number; 2],
        body: at(0, &now),
        condition: Formula::Constant(true),
        head: at(0, &[linear(0, &[(x, 1), (y, 1)]), linear(1, &[(y, 1)])]),
    };
    let start = Rule {
        variables: Vec::new(),
        body: None,
        condition: Formula::Constant(true),
        head: at(0, &[Linear::constant(0), Linear::constant(0)]),
    };
    // x is a triangular number of y: never 5 steps above 3 y where y is 20.
    let wrong = Rule {
        variables: vec![Kind::Number; 2],
        body: at(0, &now),
        condition: Formula::All(vec![
            Formula::AtMostZero(linear(1_000_000, &[(y, -1)])),
            Formula::IsZero(linear(0, &[(x, 1)])),
        ]),
        head: None,
    };
    let system = System {
        relations: vec![vec![Kind::Number; 2]],
        rules: vec![start, step, wrong],
    };
    let limits = Limits {
        rlimit: None,
        timeout_ms: Some(200),
    };
    let began = std::time::Instant::now();
    let answer = system.solve(limits);
    assert!(answer != Answer::Unsafe);
    assert!(began.elapsed().as_secs() < 20);
}

#[test]
fn truth_values_are_arguments_too() {
    // A flag that says whether the counter has moved.
    let state = |flag: Formula, sum: Linear| {
        Some(Application {
            relation: 0,
            arguments: vec![Argument::Truth(flag), Argument::Number(sum)],
        })
    };
    let rules = vec![
        Rule {
            variables: Vec::new(),
            body: None,
            condition: Formula::Constant(true),
            head: state(Formula::Constant(false), Linear::constant(0)),
        },
        Rule {
            variables: vec![Kind::Truth, Kind::Number],
            body: state(Formula::Truth(0), Linear::variable(1)),
            condition: Formula::Constant(true),
            head: state(Formula::Constant(true), linear(1, &[(1, 1)])),
        },
        Rule {
            variables: vec![Kind::Truth, Kind::Number],
            body: state(Formula::Truth(0), Linear::variable(1)),
            condition: Formula::All(vec![
                Formula::Truth(0).negated(),
                Formula::IsZero(Linear::variable(1)).negated(),
            ]),
            head: None,
        },
    ];
    let system = System {
        relations: vec![vec![Kind::Truth, Kind::Number]],
        rules,
    };
    let answer = system.solve(Limits::default());
    assert!(
        matches!(&answer, Answer::Safe(i) if !i[0].is_empty()),
        "{answer:?}"
    );
}

#[test]
fn what_is_not_well_formed_is_unknown() {
    let mut system = remaining_space(0);
    system.rules[0].variables.clear();
    assert_eq!(system.solve(Limits::default()), Answer::Unknown);
    let mut system = remaining_space(0);
    system.rules[1].head = at(7, &[]);
    assert_eq!(system.solve(Limits::default()), Answer::Unknown);
}

#[test]
fn sums_are_merged() {
    let sum = linear(1, &[(0, 2), (3, 1)]).plus_scaled(-2, &linear(4, &[(0, 1), (2, 5)]));
    assert_eq!(sum, Some(linear(-7, &[(2, -10), (3, 1)])));
    assert_eq!(linear(i128::MAX, &[]).plus_scaled(1, &linear(1, &[])), None);
}

/// What Spacer's solvers do as they go simplifies formulas, and ends the process where that throws.
#[test]
fn an_interruption_after_the_answer_is_over_before_the_engine_goes() {
    let stop = crate::Stop::new();
    stop.governs(|| {
        let engine = Fixedpoint::new();
        engine.set_params(&parameters(Limits::default()));
        let system = remaining_space(0);
        let (relations, error) = system.tell(&engine);
        assert_eq!(relations.len(), 1);
        let query = error.apply(&[]).as_bool().expect("a formula");
        let _ = stop::asking(|| engine.query(&query));
        // As from a helper that comes too late.
        stop.stop();
        z3::Context::thread_local().interrupt();
        stop::asking(|| ());
        drop(engine);
    });
    let terms = crate::Terms::new();
    assert!(matches!(
        crate::Solver::new(&terms).check(&[]),
        crate::Outcome::Sat(_)
    ));
}

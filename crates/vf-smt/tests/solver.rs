//! The solver: answers, cores, models, frames, limits, and one solver a thread.

use std::collections::BTreeMap;

use vf_smt::{Assignment, Limits, Outcome, Solver, Sort, Terms, UnknownWhy, Value};

fn bits(bits: u32, value: u128) -> Value {
    Value::Bits { bits, value }
}

#[test]
fn an_off_by_one_bound_has_a_model_that_is_the_bound() {
    let t = Terms::new();
    let i = t.var("i", Sort::BitVec(32));
    let (zero, eight) = (t.bv(32, 0), t.bv(32, 8));
    let mut solver = Solver::new(&t);
    solver.assert(t.sge(i, zero));
    solver.assert(t.sle(i, eight));
    solver.push();
    solver.assert(t.uge(i, eight));
    match solver.check(&[]) {
        Outcome::Sat(model) => assert_eq!(model.value(&t, i), bits(32, 8)),
        other => panic!("{other:?}"),
    }
    solver.pop();
    let nine = t.bv(32, 9);
    solver.assert(t.uge(i, nine));
    assert!(matches!(solver.check(&[]), Outcome::Unsat { .. }));
    assert_eq!(solver.statistics().checks, 2);
    assert_eq!((solver.statistics().sat, solver.statistics().unsat), (1, 1));
}

#[test]
fn the_core_names_only_assumptions_that_matter() {
    let t = Terms::new();
    let (x, y, z) = (
        t.var("x", Sort::BitVec(64)),
        t.var("y", Sort::BitVec(64)),
        t.var("z", Sort::BitVec(64)),
    );
    let (a, b, c) = (t.ult(x, y), t.ult(y, x), t.ult(z, x));
    let mut solver = Solver::new(&t);
    let Outcome::Unsat { core } = solver.check(&[c, a, b]) else {
        panic!("x < y < x")
    };
    assert!(
        core.contains(&a) && core.contains(&b) && !core.contains(&c),
        "{core:?}"
    );
    // The assumptions are gone afterwards.
    assert!(matches!(solver.check(&[a, c]), Outcome::Sat(_)));
    // Literals stand for themselves.
    let p = t.var("p", Sort::Bool);
    solver.assert(t.implies(p, b));
    let Outcome::Unsat { core } = solver.check(&[a, p]) else {
        panic!("p gives y < x")
    };
    assert_eq!(core.len(), 2);
    assert!(matches!(solver.check(&[a, t.not(p)]), Outcome::Sat(_)));
}

#[test]
fn proxies_defined_in_a_popped_frame_are_defined_again() {
    let t = Terms::new();
    let x = t.var("x", Sort::BitVec(8));
    let (small, large) = (t.ult(x, t.bv(8, 10)), t.ugt(x, t.bv(8, 20)));
    let mut solver = Solver::new(&t);
    assert!(matches!(solver.check(&[]), Outcome::Sat(_)));
    solver.push();
    solver.assert(large);
    assert!(matches!(solver.check(&[small]), Outcome::Unsat { .. }));
    solver.pop();
    solver.push();
    solver.assert(large);
    assert!(matches!(solver.check(&[small]), Outcome::Unsat { .. }));
    solver.pop();
    match solver.check(&[small]) {
        Outcome::Sat(model) => assert!(model.value(&t, x).as_bits().is_some_and(|v| v < 10)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_model_of_an_array_lists_the_elements_that_the_query_reads() {
    let t = Terms::new();
    let memory = t.var(
        "memory",
        Sort::Array {
            index: 64,
            element: 8,
        },
    );
    let (i, j) = (t.var("i", Sort::BitVec(64)), t.var("j", Sort::BitVec(64)));
    let mut solver = Solver::new(&t);
    // Begins without arrays, so that the engine changes on the way.
    solver.assert(t.ult(i, j));
    assert!(matches!(solver.check(&[]), Outcome::Sat(_)));
    solver.push();
    let written = t.store(memory, i, t.bv(8, 7));
    let (seven, nine) = (t.bv(8, 7), t.bv(8, 9));
    solver.assert(t.eq(t.select(memory, j), nine));
    solver.assert(t.ne(t.select(memory, i), seven));
    solver.assert(t.eq(t.select(written, j), nine));
    match solver.check(&[]) {
        Outcome::Sat(model) => {
            let at = model.value(&t, j).as_bits().expect("bits");
            assert_eq!(model.value(&t, memory).element(at), Some(9));
            assert_eq!(model.value(&t, t.select(written, i)), bits(8, 7));
        }
        other => panic!("{other:?}"),
    }
    solver.assert(t.eq(t.select(written, j), seven));
    assert!(matches!(solver.check(&[]), Outcome::Unsat { .. }));
    solver.pop();
    assert!(matches!(solver.check(&[]), Outcome::Sat(_)));
}

#[test]
fn different_arrays_differ_somewhere() {
    let t = Terms::new();
    let sort = Sort::Array { index: 4, element: 8 };
    let (a, b) = (t.var("a", sort), t.var("b", sort));
    let mut solver = Solver::new(&t);
    solver.assert(t.ne(a, b));
    match solver.check(&[]) {
        Outcome::Sat(model) => assert_ne!(model.value(&t, a), model.value(&t, b)),
        other => panic!("{other:?}"),
    }
    let (i, v) = (t.var("i", Sort::BitVec(4)), t.var("v", Sort::BitVec(8)));
    solver.assert(t.eq(t.store(a, i, v), t.store(b, i, v)));
    match solver.check(&[]) {
        Outcome::Sat(model) => assert_ne!(model.value(&t, a).element(0), None),
        other => panic!("{other:?}"),
    }
    solver.assert(t.eq(t.select(a, i), t.select(b, i)));
    assert!(matches!(solver.check(&[]), Outcome::Unsat { .. }));
}

#[test]
fn values_of_more_than_64_bits_come_back_whole() {
    let t = Terms::new();
    for width in [65, 100, 127, 128] {
        let x = t.var(&format!("x{width}"), Sort::BitVec(width));
        let wanted = (0x1234_5678_9abc_def0_0fed_cba9_8765_4321_u128) & (u128::MAX >> (128 - width));
        let mut solver = Solver::new(&t);
        let doubled = t.add(t.bvxor(x, t.bvnot(t.var("other", Sort::BitVec(width)))), x);
        solver.assert(t.eq(x, t.bv(width, wanted)));
        solver.assert(t.ult(doubled, x));
        match solver.check(&[]) {
            Outcome::Sat(model) => assert_eq!(model.value(&t, x), bits(width, wanted)),
            other => panic!("{other:?}"),
        }
    }
}

/// x * y = a product of two primes, both factors above 1: a factorisation.
fn hard(t: &Terms) -> Vec<vf_smt::Term> {
    let (x, y) = (t.var("x", Sort::BitVec(64)), t.var("y", Sort::BitVec(64)));
    let limit = t.bv(64, 1 << 32);
    vec![
        t.eq(t.mul(x, y), t.bv(64, 4_294_967_291 * 4_294_967_279)),
        t.ult(x, limit),
        t.ult(y, limit),
        t.ult(x, y),
    ]
}

#[test]
fn limits_end_a_check_with_their_name() {
    let t = Terms::new();
    let mut solver = Solver::new(&t);
    for formula in hard(&t) {
        solver.assert(formula);
    }
    solver.set_limits(Limits {
        rlimit: Some(20_000),
        timeout_ms: None,
    });
    assert!(
        matches!(solver.check(&[]), Outcome::Unknown(UnknownWhy::ResourceLimit)),
        "rlimit"
    );
    solver.set_limits(Limits {
        rlimit: None,
        timeout_ms: Some(50),
    });
    let outcome = solver.check(&[]);
    assert!(
        matches!(outcome, Outcome::Unknown(UnknownWhy::Timeout)),
        "timeout: {outcome:?}"
    );
    // The solver still works.
    solver.set_limits(Limits::default());
    let x = t.var("x", Sort::BitVec(64));
    assert!(matches!(
        solver.check(&[t.eq(x, t.bv(64, 2))]),
        Outcome::Unsat { .. }
    ));
}

#[test]
fn one_solver_a_thread() {
    let answers: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=4u128)
            .map(|k| {
                scope.spawn(move || {
                    let t = Terms::new();
                    let x = t.var("x", Sort::BitVec(32));
                    let mut solver = Solver::new(&t);
                    solver.assert(t.eq(t.mul(x, t.bv(32, 3)), t.bv(32, 3 * k)));
                    solver.assert(t.ult(x, t.bv(32, 100)));
                    matches!(solver.check(&[]), Outcome::Sat(m) if m.value(&t, x) == bits(32, k))
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    assert_eq!(answers, [true; 4]);
}

#[test]
fn names_of_variables_are_kept_apart() {
    let t = Terms::new();
    let x = t.var("x", Sort::BitVec(8));
    assert_eq!(t.var("x", Sort::BitVec(8)), x);
    let y = t.var("x", Sort::Bool);
    assert_ne!(t.name(x), t.name(y));
    assert_eq!(t.var("x", Sort::Bool), y);
    let (f, g) = (t.fresh("x", Sort::Bool), t.fresh("x", Sort::Bool));
    assert_ne!(f, g);
    assert_ne!(t.name(f), t.name(g));
    // A user's name that looks like a fresh one.
    let taken = t.var("y!3", Sort::Bool);
    for _ in 0..5 {
        assert_ne!(t.fresh("y", Sort::Bool), taken);
    }
}

#[test]
fn unassigned_variables_are_zero() {
    let t = Terms::new();
    let a = t.var("a", Sort::Array { index: 8, element: 8 });
    let x = t.var("x", Sort::BitVec(8));
    let mut assignment = Assignment::new();
    assert_eq!(t.eval(t.add(x, t.bv(8, 1)), &assignment), bits(8, 1));
    let entries = BTreeMap::from([(3, 4)]);
    assignment.set(
        a,
        Value::Array {
            index_bits: 8,
            element_bits: 8,
            default: 5,
            entries,
        },
    );
    assert_eq!(t.eval(t.select(a, x), &assignment), bits(8, 5));
    assert_eq!(t.eval(t.select(a, t.bv(8, 3)), &assignment), bits(8, 4));
}

/// Over all operands of small widths, z3's reading of the overflow predicates is arithmetic's.
#[test]
fn product_overflow_is_exact_for_all_small_operands() {
    for width in 1..=5u32 {
        for signed in [false, true] {
            let t = Terms::new();
            let (a, b) = (t.var("a", Sort::BitVec(width)), t.var("b", Sort::BitVec(width)));
            let mut solver = Solver::new(&t);
            solver.assert(t.mul_overflows(signed, a, b));
            let mut count = 0;
            for x in 0..1u128 << width {
                for y in 0..1u128 << width {
                    let number = |v: u128| {
                        let v = v as i64;
                        if signed && v >= 1 << (width - 1) {
                            v - (1 << width)
                        } else {
                            v
                        }
                    };
                    let (low, high) = if signed {
                        (-(1 << (width - 1)), (1 << (width - 1)) - 1)
                    } else {
                        (0, (1 << width) - 1)
                    };
                    let product = number(x) * number(y);
                    let expected = product < low || product > high;
                    let fixed = [t.eq(a, t.bv(width, x)), t.eq(b, t.bv(width, y))];
                    let found = matches!(solver.check(&fixed), Outcome::Sat(_));
                    assert_eq!(found, expected, "{width} bits, signed {signed}: {x} * {y}");
                    count += 1;
                }
            }
            assert_eq!(count, 1 << (2 * width));
        }
    }
}

/// Every operator at wide widths and corner values: z3 finds no value but the evaluator's.
#[test]
fn operators_agree_with_z3_at_corner_values_of_wide_widths() {
    type Operator = (
        &'static str,
        fn(&Terms, vf_smt::Term, vf_smt::Term) -> vf_smt::Term,
    );
    let operators: [Operator; 24] = [
        ("add", |t, a, b| t.add(a, b)),
        ("sub", |t, a, b| t.sub(a, b)),
        ("mul", |t, a, b| t.mul(a, b)),
        ("udiv", |t, a, b| t.udiv(a, b)),
        ("sdiv", |t, a, b| t.sdiv(a, b)),
        ("urem", |t, a, b| t.urem(a, b)),
        ("srem", |t, a, b| t.srem(a, b)),
        ("and", |t, a, b| t.bvand(a, b)),
        ("or", |t, a, b| t.bvor(a, b)),
        ("xor", |t, a, b| t.bvxor(a, b)),
        ("shl", |t, a, b| t.shl(a, b)),
        ("lshr", |t, a, b| t.lshr(a, b)),
        ("ashr", |t, a, b| t.ashr(a, b)),
        ("ult", |t, a, b| t.ult(a, b)),
        ("slt", |t, a, b| t.slt(a, b)),
        ("uadd", |t, a, b| t.add_overflows(false, a, b)),
        ("sadd", |t, a, b| t.add_overflows(true, a, b)),
        ("usub", |t, a, b| t.sub_overflows(false, a, b)),
        ("ssub", |t, a, b| t.sub_overflows(true, a, b)),
        ("umul", |t, a, b| t.mul_overflows(false, a, b)),
        ("smul", |t, a, b| t.mul_overflows(true, a, b)),
        ("quotient", |t, a, b| t.ult(t.udiv(a, b), b)),
        ("again", |t, a, b| t.eq(t.udiv(t.mul(a, b), b), a)),
        ("neg", |t, a, b| t.neg(t.bvnot(t.sub(b, a)))),
    ];
    for width in [32, 64, 65, 128] {
        let top = 1u128 << (width - 1);
        let ones = u128::MAX >> (128 - width);
        let corners = [
            0,
            1,
            2,
            7,
            40,
            top - 1,
            top,
            top + 1,
            ones - 1,
            ones,
            top >> 1,
            1 << (width / 2),
            0x9e37_79b9,
        ];
        for (name, operator) in operators {
            let t = Terms::new();
            let (mut fixed, mut wrong, mut assignment) = (Vec::new(), Vec::new(), Assignment::new());
            for (i, &x) in corners.iter().enumerate() {
                for (j, &y) in corners.iter().enumerate() {
                    let a = t.var(&format!("a{i}_{j}"), Sort::BitVec(width));
                    let b = t.var(&format!("b{i}_{j}"), Sort::BitVec(width));
                    assignment.set(a, bits(width, x));
                    assignment.set(b, bits(width, y));
                    fixed.push(t.eq(a, t.bv(width, x)));
                    fixed.push(t.eq(b, t.bv(width, y)));
                    let result = operator(&t, a, b);
                    wrong.push(match t.eval(result, &assignment) {
                        Value::Bool(true) => t.not(result),
                        Value::Bool(false) => result,
                        Value::Bits { bits, value } => t.ne(result, t.bv(bits, value)),
                        other => panic!("{other:?}"),
                    });
                }
            }
            let mut solver = Solver::new(&t);
            fixed.iter().for_each(|&formula| solver.assert(formula));
            assert!(matches!(solver.check(&[]), Outcome::Sat(_)));
            solver.assert(t.any(&wrong));
            let outcome = solver.check(&[]);
            assert!(
                matches!(outcome, Outcome::Unsat { .. }),
                "{name} at {width}: {outcome:?}"
            );
        }
    }
}

#[test]
fn a_division_guard_proves_the_product() {
    let t = Terms::new();
    let (n, size) = (t.var("n", Sort::BitVec(64)), t.var("size", Sort::BitVec(64)));
    let most = t.bv(64, u128::from(u64::MAX));
    let mut solver = Solver::new(&t);
    solver.assert(t.ule(n, t.udiv(most, size)));
    solver.assert(t.mul_overflows(false, n, size));
    assert!(
        matches!(solver.check(&[]), Outcome::Unsat { .. }),
        "n <= SIZE_MAX / size"
    );
    let mut solver = Solver::new(&t);
    solver.assert(t.or(t.eq(size, t.bv(64, 0)), t.eq(t.udiv(t.mul(n, size), size), n)));
    solver.assert(t.mul_overflows(false, size, n));
    assert!(
        matches!(solver.check(&[]), Outcome::Unsat { .. }),
        "n * size / size == n"
    );
}

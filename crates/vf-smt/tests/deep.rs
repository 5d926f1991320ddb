//! Terms nested a hundred thousand deep: no walk over them may use the machine stack, which is small here on
//! purpose.

use vf_smt::tables::HashMap;

use vf_smt::{Assignment, Limits, Outcome, Solver, Sort, Term, Terms, UnknownWhy, Value};

const DEPTH: u32 = 100_000;

fn with_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new()
        .stack_size(256 << 10)
        .spawn(test)
        .expect("a thread");
    thread.join().expect("no overflow");
}

/// Sums and choices in turn, each over the one before.
fn sums_and_choices(t: &Terms) -> Term {
    let y = t.var("y", Sort::BitVec(32));
    let p = t.var("p", Sort::Bool);
    let mut term = t.var("x", Sort::BitVec(32));
    for i in 0..DEPTH / 2 {
        let condition = t.eq(p, t.ult(term, y));
        let other = t.bv(32, u128::from(i));
        term = t.ite(condition, t.add(t.bvxor(term, y), y), other);
    }
    term
}

fn conjunctions(t: &Terms) -> Term {
    let variables: Vec<Term> = (0..DEPTH)
        .map(|i| t.var(&format!("v{i}"), Sort::BitVec(32)))
        .collect();
    let ordered: Vec<Term> = variables.windows(2).map(|pair| t.ult(pair[0], pair[1])).collect();
    t.all(&ordered)
}

#[test]
fn construction_evaluation_printing_and_substitution() {
    with_small_stack(|| {
        let t = Terms::new();
        for term in [sums_and_choices(&t), conjunctions(&t)] {
            assert!(t.reachable(&[term]).len() > DEPTH as usize);
            let value = t.eval(term, &Assignment::new());
            let x = t.var("x", Sort::BitVec(32));
            let map = HashMap::from_iter([(x, t.bv(32, 0))]);
            assert_eq!(t.eval(t.substitute(term, &map), &Assignment::new()), value);
            assert!(t.to_smt2(term).len() > DEPTH as usize);
            let formula = if t.sort(term) == Sort::Bool {
                term
            } else {
                t.eq(term, x)
            };
            assert!(t.script(&[formula]).len() > DEPTH as usize);
        }
    });
}

#[test]
fn stores_into_an_array() {
    with_small_stack(|| {
        let t = Terms::new();
        let mut array = t.var(
            "a",
            Sort::Array {
                index: 32,
                element: 8,
            },
        );
        for i in 0..DEPTH {
            array = t.store(array, t.bv(32, u128::from(i)), t.bv(8, u128::from(i)));
        }
        assert_eq!(t.as_bv(t.select(array, t.bv(32, 300))), Some(300 % 256));
        let j = t.var("j", Sort::BitVec(32));
        let mut assignment = Assignment::new();
        assignment.set(j, Value::Bits { bits: 32, value: 77 });
        assert_eq!(
            t.eval(t.select(array, j), &assignment),
            Value::Bits { bits: 8, value: 77 }
        );
        assert_eq!(t.eval(array, &assignment).element(5), Some(5));
    });
}

/// z3 itself walks the formula here, on the stack that a thread gets by default. What is asked of it is easy but
/// large, so it may run into its limit, but not over its stack.
#[test]
fn translation_and_a_check() {
    let t = Terms::new();
    let (x, y, p) = (
        t.var("x", Sort::BitVec(32)),
        t.var("y", Sort::BitVec(32)),
        t.var("p", Sort::Bool),
    );
    let deep = sums_and_choices(&t);
    for formula in [conjunctions(&t), t.ult(deep, t.bv(32, 7))] {
        let mut solver = Solver::new(&t);
        solver.set_limits(Limits {
            rlimit: Some(200_000),
            timeout_ms: None,
        });
        solver.assert(formula);
        let fixed = [t.not(p), t.eq(y, t.bv(32, 0)), t.eq(x, y)];
        let outcome = solver.check(&fixed);
        let limited = matches!(outcome, Outcome::Unknown(UnknownWhy::ResourceLimit));
        assert!(
            limited || matches!(outcome, Outcome::Sat(_) | Outcome::Unsat { .. }),
            "{outcome:?}"
        );
    }
}

//! Proposals for loops in the IR's text form: the conditions that a proof needs are there, and what the interval
//! analysis says is true in every run of the interpreter.

use std::collections::BTreeMap;

use vf_absint::{Candidate, LoopProposal, MAX_CANDIDATES, Origin, propose};
use vf_ir::input::{Input, InputValue};
use vf_ir::interp::{self, Effect, Limits, Outcome, Value};
use vf_ir::parse::parse_program;
use vf_ir::print::Printer;
use vf_ir::{Block, BlockId, Body, Expr, FunctionId, LocalId, Program, Storage, Terminator, Ty};

fn program(text: &str) -> Program {
    parse_program(text).expect("the test program parses")
}

/// The proposals of the first function, with the text of each candidate.
fn proposals(program: &Program) -> Vec<(LoopProposal, Vec<String>)> {
    let function = FunctionId(0);
    let printer = Printer::new(program);
    let of = printer.function(program.function(function));
    let text = |proposal: LoopProposal| {
        let texts = proposal
            .candidates
            .iter()
            .map(|c| of.expr(&c.condition))
            .collect();
        (proposal, texts)
    };
    propose(program, function).into_iter().map(text).collect()
}

#[track_caller]
fn expect(texts: &[String], wanted: &[&str]) {
    for text in wanted {
        assert!(
            texts.iter().any(|t| t == text),
            "no {text} among\n{}",
            texts.join("\n")
        );
    }
}

type State = BTreeMap<LocalId, Value>;

/// Registers whenever control is at the header, in one run; empty where the run does not end well.
fn states(program: &Program, arguments: &[(u32, i64)], header: BlockId) -> Vec<State> {
    let function = &program.functions[0];
    let values = arguments.iter().map(|(bits, value)| InputValue::Int {
        bits: *bits,
        value: *value as u64 as u128 & ((1 << bits) - 1),
    });
    let input = Input {
        function: function.name.clone(),
        arguments: values.clone().collect(),
        ..Input::default()
    };
    let run = interp::run(
        program,
        &input,
        &Limits {
            steps: 200_000,
            trace: 200_000,
            ..Limits::default()
        },
    );
    if !matches!(run.outcome, Outcome::Returned { .. }) {
        return Vec::new();
    }
    let mut state = State::new();
    for (local, value) in function.params.iter().zip(values) {
        if let InputValue::Int { bits, value } = value {
            state.insert(*local, Value::int(bits, value));
        }
    }
    let mut found = Vec::new();
    for step in run.trace {
        match step.effect {
            Effect::Assigned(local, value) => {
                state.insert(local, value);
            }
            Effect::WentTo(block) if block == header => found.push(state.clone()),
            _ => {}
        }
    }
    found
}

/// Whether a condition holds in a state: a function that returns it is run.
fn holds(program: &Program, condition: &Expr, state: &State) -> bool {
    let mut asking = program.clone();
    let function = &mut asking.functions[0];
    let registers = (0..function.locals.len() as u32).map(LocalId);
    function.params = registers
        .filter(|l| matches!(function.locals[l.index()].storage, Storage::Register(Ty::Int(_))))
        .collect();
    let arguments = function.params.iter().map(|l| match state.get(l) {
        Some(Value::Int { bits, value }) => InputValue::Int {
            bits: *bits,
            value: *value,
        },
        _ => InputValue::Int { bits: 32, value: 0 },
    });
    let input = Input {
        function: function.name.clone(),
        arguments: arguments.collect(),
        ..Input::default()
    };
    let span = function.span;
    let terminator = Terminator::Return(Some(condition.clone()));
    function.body = Body::Defined(vec![Block {
        statements: Vec::new(),
        terminator,
        terminator_span: span,
    }]);
    match interp::run(&asking, &input, &Limits::default()).outcome {
        Outcome::Returned {
            value: Some(Value::Int { value, .. }),
        } => value == 1,
        other => panic!("{other:?}"),
    }
}

/// Every interval holds in every run on these arguments. Returns the number of states looked at.
fn intervals_hold(program: &Program, runs: &[Vec<(u32, i64)>]) -> usize {
    let mut looked_at = 0;
    for (proposal, texts) in proposals(program) {
        let is_interval = |(c, _): &(&Candidate, &String)| c.origin == Origin::Interval;
        let intervals: Vec<_> = proposal
            .candidates
            .iter()
            .zip(&texts)
            .filter(is_interval)
            .collect();
        assert!(!intervals.is_empty(), "no interval at {:?}", proposal.header);
        for run in runs {
            let states = states(program, run, proposal.header);
            for state in states.iter().take(40).chain(states.last()) {
                looked_at += 1;
                for (candidate, text) in &intervals {
                    assert!(holds(program, &candidate.condition, state), "{text} in {state:?}");
                }
            }
        }
    }
    looked_at
}

const COUNT_UP: &str = "model lp64
fn count(%n) -> s32 {
  local %n: s32 i32 user
  local %i: s32 i32 user
  local %k: s32 i32 user
b0:
  %i = 0:i32
  %k = 0:i32
  goto b1
b1:
  branch slt(%i, %n), b2, b5
b2:
  branch eq(and(%i, 3:i32), 0:i32), b3, b4
b3:
  check #0 signed-overflow no-overflow(signed add, %k, 1:i32) \"k++\"
  %k = add(%k, 1:i32)
  goto b4
b4:
  check #1 signed-overflow no-overflow(signed add, %i, 1:i32) \"i++\"
  %i = add(%i, 1:i32)
  goto b1
b5:
  return %k
}
";

#[test]
fn a_counter_below_a_limit() {
    let program = program(COUNT_UP);
    let found = proposals(&program);
    assert_eq!(found.len(), 1);
    let (proposal, texts) = &found[0];
    expect(
        texts,
        &[
            "sle(%i, %n)",
            "sle(0:i32, %i)",
            "sle(0:i32, %k)",
            "or(sle(%i, %n), eq(%i, 0:i32))",
            "ule(%k, %i)",
        ],
    );
    let place = |text: &str| texts.iter().position(|t| t == text);
    assert!(place("sle(%i, %n)") < Some(12), "{texts:#?}");
    let (i, k) = (LocalId(1), LocalId(2));
    let of = |local| {
        proposal
            .inductions
            .iter()
            .find(|x| x.local == local)
            .expect("an induction")
    };
    assert_eq!((of(i).steps.clone(), of(i).every_iteration), (vec![1], true));
    assert_eq!((of(k).steps.clone(), of(k).every_iteration), (vec![1], false));
    let runs: Vec<_> = [-3, 0, 1, 7, 100].map(|n| vec![(32, n)]).into();
    assert!(intervals_hold(&program, &runs) > 40);
}

#[test]
fn widths_are_compared_through_the_extensions_in_the_code() {
    let program = program(
        "model lp64
fn f(%n) -> s32 {
  local %n: u64 i64 user
  local %i: s32 i32 user
b0:
  %i = 0:i32
  goto b1
b1:
  branch ult(sext(i64, %i), %n), b2, b3
b2:
  check #0 signed-overflow no-overflow(signed add, %i, 1:i32) \"i++\"
  %i = add(%i, 1:i32)
  goto b1
b3:
  return %i
}
",
    );
    let found = proposals(&program);
    expect(&found[0].1, &["ule(sext(i64, %i), %n)", "sle(0:i32, %i)"]);
    assert!(intervals_hold(&program, &[vec![(64, 9)], vec![(64, 0)]]) > 9);
}

#[test]
fn counters_in_step_are_related_whatever_their_steps() {
    let program = program(
        "model lp64
fn f(%n, %m) -> u64 {
  local %n: u64 i64 user
  local %m: u64 i64 user
  local %i: u64 i64 user
  local %j: u64 i64 user
  local %d: u64 i64 user
b0:
  %i = 0:i64
  %j = %m
  %d = 5:i64
  goto b1
b1:
  branch ult(%i, %n), b2, b3
b2:
  %i = add(%i, 1:i64)
  %j = add(%j, 4:i64)
  %d = sub(%d, 1:i64)
  goto b1
b3:
  return %j
}
",
    );
    let found = proposals(&program);
    let (proposal, texts) = &found[0];
    expect(
        texts,
        &[
            "ule(%i, %n)",
            "eq(mul(%i, 4:i64), sub(%j, %m))",
            "eq(and(sub(%j, %m), 3:i64), 0:i64)",
        ],
    );
    // All relations are true in every state.
    for state in states(&program, &[(64, 6), (64, 1000)], proposal.header) {
        for (candidate, text) in proposal.candidates.iter().zip(texts) {
            if candidate.origin == Origin::Template("in-step") {
                assert!(
                    holds(&program, &candidate.condition, &state),
                    "{text} in {state:?}"
                );
            }
        }
    }
    let in_step = proposal
        .candidates
        .iter()
        .filter(|c| c.origin == Origin::Template("in-step"));
    assert_eq!(in_step.count(), 3, "i with j, i with d, j with d: {texts:#?}");
}

#[test]
fn counting_down_to_zero() {
    let program = program(
        "model lp64
fn f(%n) -> s32 {
  local %n: s32 i32 user
  local %i: s32 i32 user
b0:
  branch slt(100:i32, %n), b4, b1
b1:
  check #0 signed-overflow no-overflow(signed sub, %n, 1:i32) \"n - 1\"
  %i = sub(%n, 1:i32)
  goto b2
b2:
  branch sle(0:i32, %i), b3, b4
b3:
  check #1 signed-overflow no-overflow(signed sub, %i, 1:i32) \"i--\"
  %i = sub(%i, 1:i32)
  goto b2
b4:
  return 0:i32
}
",
    );
    let found = proposals(&program);
    expect(
        &found[0].1,
        &["sle(-1:i32, %i)", "sle(%i, sub(%n, 1:i32))", "sle(%i, 99:i32)"],
    );
    let runs: Vec<_> = [-3, 0, 1, 7, 100].map(|n| vec![(32, n)]).into();
    assert!(intervals_hold(&program, &runs) > 40);
}

#[test]
fn a_test_at_the_end_of_the_loop() {
    let program = program(
        "model lp64
fn f(%n) -> u32 {
  local %n: u32 i32 user
  local %i: u32 i32 user
  local %t: s32 i1
b0:
  %i = 0:i32
  goto b1
b1:
  %i = add(%i, 1:i32)
  %t = ult(%i, %n)
  branch %t, b1, b2
b2:
  return %i
}
",
    );
    let found = proposals(&program);
    expect(&found[0].1, &["ult(%i, %n)", "or(ult(%i, %n), eq(%i, 0:i32))"]);
}

#[test]
fn nested_loops_have_their_own_proposals() {
    let program = program(
        "model lp64
fn f(%n) -> s32 {
  local %n: s32 i32 user
  local %i: s32 i32 user
  local %j: s32 i32 user
b0:
  %i = 0:i32
  goto b1
b1:
  branch slt(%i, 10:i32), b2, b5
b2:
  %j = %i
  goto b3
b3:
  branch slt(%j, %n), b4, b6
b4:
  check #0 signed-overflow no-overflow(signed add, %j, 1:i32) \"j++\"
  %j = add(%j, 1:i32)
  goto b3
b5:
  return 0:i32
b6:
  check #1 signed-overflow no-overflow(signed add, %i, 1:i32) \"i++\"
  %i = add(%i, 1:i32)
  goto b1
}
",
    );
    let found = proposals(&program);
    assert_eq!(found.len(), 2);
    expect(&found[0].1, &["ule(%i, 10:i32)"]);
    assert!(
        found[0].1.iter().all(|t| !t.contains("%j")),
        "j is dead at the outer header: {:#?}",
        found[0].1
    );
    expect(&found[1].1, &["sle(%i, %j)", "sle(%j, %n)", "sle(0:i32, %j)"]);
    let runs: Vec<_> = [-3, 0, 5, 30].map(|n| vec![(32, n)]).into();
    assert!(intervals_hold(&program, &runs) > 40);
}

#[test]
fn inner_loops_bound_what_they_count_to_once_they_ran() {
    let program = program(
        "model lp64
fn f(%n, %m) -> u32 {
  local %n: u32 i32 user
  local %m: u32 i32 user
  local %i: u32 i32 user
  local %j: u32 i32 user
  local %a: [7]s32 memory user
b0:
  %i = 0:i32
  goto b1
b1:
  branch ult(%i, %n), b2, b5
b2:
  %j = 0:i32
  goto b3
b3:
  branch ult(%j, %m), b4, b6
b4:
  %j = add(%j, 1:i32)
  goto b3
b5:
  return %i
b6:
  %i = add(%i, 1:i32)
  goto b1
}
",
    );
    let found = proposals(&program);
    let bound = "or(ule(%m, 7:i32), eq(%i, 0:i32))";
    expect(&found[0].1, &[bound]);
    assert!(!found[1].1.iter().any(|text| text == bound));
}

#[test]
fn arrays_in_view_give_bounds() {
    let program = program(
        "model lp64
fn f(%n) -> u32 {
  local %n: u32 i32 user
  local %i: u32 i32 user
  local %a: [37]s32 memory user
b0:
  %i = 0:i32
  goto b1
b1:
  branch ne(%i, %n), b2, b3
b2:
  %i = add(%i, 1:i32)
  goto b1
b3:
  return %i
}
",
    );
    expect(
        &proposals(&program)[0].1,
        &["ule(%i, 37:i32)", "ule(%i, %n)", "ule(%i, 36:i32)"],
    );
}

#[test]
fn many_registers_stay_within_the_cap_and_repeat() {
    let names: Vec<String> = (0..30).map(|i| format!("%x{i}")).collect();
    let locals: String = names
        .iter()
        .map(|n| format!("  local {n}: s32 i32 user\n"))
        .collect();
    let sets: String = names.iter().map(|n| format!("  {n} = 0:i32\n")).collect();
    let steps: String = names
        .iter()
        .map(|n| format!("  {n} = add({n}, 2:i32)\n"))
        .collect();
    let tests = names
        .windows(2)
        .map(|p| format!("ne({}, {})", p[0], p[1]))
        .collect::<Vec<_>>();
    let condition = tests
        .iter()
        .skip(1)
        .fold(tests[0].clone(), |all, t| format!("and({all}, {t})"));
    let text = format!(
        "model lp64\nfn f() -> s32 {{\n{locals}b0:\n{sets}  goto b1\nb1:\n  branch {condition}, b2, b3\nb2:\n\
         {steps}  goto b1\nb3:\n  return 0:i32\n}}\n"
    );
    let program = program(&text);
    let first = propose(&program, FunctionId(0));
    assert_eq!(first[0].candidates.len(), MAX_CANDIDATES);
    assert_eq!(first, propose(&program, FunctionId(0)));
    let mut conditions: Vec<_> = first[0]
        .candidates
        .iter()
        .map(|c| format!("{:?}", c.condition))
        .collect();
    conditions.sort();
    conditions.dedup();
    assert_eq!(conditions.len(), MAX_CANDIDATES, "no two candidates are the same");
}

#[test]
fn nothing_is_proposed_where_there_is_no_loop() {
    let program = program("model lp64\nfn f() -> s32 {\nb0:\n  return 0:i32\n}\n");
    assert!(propose(&program, FunctionId(0)).is_empty());
    assert!(propose(&program, FunctionId(9)).is_empty());
}

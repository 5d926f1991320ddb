use super::*;
use crate::input::{Choice, ChoiceKind, InputValue};
use crate::parse::parse_program;

/// Runs `f` of the text, wants a violation, and returns the slice and its statements as `bN.M` (`bN` for a
/// terminator).
fn slice_of(text: &str, arguments: &[i128], choices: &[i128]) -> (Slice, BTreeSet<String>) {
    let program = parse_program(&format!("model lp64\n{text}")).unwrap();
    let value = |v: &i128| InputValue::Int {
        bits: 32,
        value: *v as u128 & 0xffff_ffff,
    };
    let input = Input {
        function: "f".into(),
        arguments: arguments.iter().map(value).collect(),
        choices: choices
            .iter()
            .map(|v| Choice {
                function: String::new(),
                kind: ChoiceKind::Value(value(v)),
                writes: Vec::new(),
            })
            .collect(),
        ..Input::default()
    };
    let limits = Limits::default();
    let (run, history) = interp::run_recorded(&program, &input, &limits, &BTreeSet::new());
    assert!(
        matches!(run.outcome, Outcome::Violated { .. }),
        "{:?}",
        run.outcome
    );
    let found = slice(&program, &input, &limits, &run, &history.unwrap());
    let sites = found.kept.sites.iter().map(|site| {
        let name = &program.function(site.function).name;
        let place = match site.statement {
            Some(statement) => format!("b{}.{statement}", site.block.0),
            None => format!("b{}", site.block.0),
        };
        if name == "f" {
            place
        } else {
            format!("{name} {place}")
        }
    });
    let sites = sites.collect();
    (found, sites)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_string()).collect()
}

#[test]
fn what_is_not_read_is_not_there() {
    let (slice, sites) = slice_of(
        "fn f(%n, %m) -> s32 { local %n: s32 i32 local %m: s32 i32 local %a: s32 i32 local %b: s32 i32
         b0:
           %a = add(%n, 1:i32)
           %b = add(%m, 1:i32)
           check #0 divisor-nonzero holds(ne(%a, 0:i32)) \"a\"
           return %b
         }",
        &[-1, 7],
        &[],
    );
    assert_eq!(sites, set(&["b0.0", "b0.2"]));
    assert_eq!(slice.inputs, BTreeSet::from([Source::Argument(0)]));
    assert!(slice.closed);
    assert_eq!(slice.steps.len(), 2);
}

/// A decision whose two ways meet again does not matter; one without which control had not come here does.
#[test]
fn decisions_count_where_the_other_way_avoids_the_violation() {
    let (slice, sites) = slice_of(
        "fn f(%n, %m) -> s32 { local %n: s32 i32 local %m: s32 i32 local %b: s32 i32
         b0:
           branch slt(%m, 5:i32), b1, b2
         b1:
           %b = 1:i32
           goto b2
         b2:
           branch slt(%n, 3:i32), b3, b4
         b3:
           return 0:i32
         b4:
           check #0 assertion holds(false) \"no\"
           return 0:i32
         }",
        &[3, 1],
        &[],
    );
    assert_eq!(sites, set(&["b2", "b4.0"]));
    assert_eq!(slice.inputs, BTreeSet::from([Source::Argument(0)]));
    assert!(slice.closed);
}

/// The loop's test is there with the iteration that ended it, and so is what only that one read.
#[test]
fn a_loop_is_there_with_its_last_test() {
    let (slice, sites) = slice_of(
        "fn f(%n) -> s32 { local %n: s32 i32 local %i: s32 i32 local %k: s32 i32 local %w: s32 i32
         b0:
           %i = 0:i32
           %k = 0:i32
           %w = 0:i32
           goto b1
         b1:
           branch slt(%i, %n), b2, b3
         b2:
           %w = add(%w, %n)
           %i = add(%i, 1:i32)
           goto b1
         b3:
           check #0 assertion holds(slt(%i, 4:i32)) \"i < 4\"
           return %w
         }",
        &[4],
        &[],
    );
    assert_eq!(sites, set(&["b0.0", "b1", "b2.1", "b3.0"]));
    // 4 iterations, 5 tests, the first assignment and the check.
    assert_eq!(slice.steps.len(), 1 + 5 + 4 + 1);
    assert!(slice.closed);
}

/// Memory is followed byte by byte, also through a copy; the object's extent is part of a bound.
#[test]
fn copies_carry_each_byte_alone() {
    let (_, sites) = slice_of(
        "fn f(%n, %m) -> s32 { local %n: s32 i32 local %m: s32 i32 local %t: s32 i32
           local %a: [2]s32 memory local %b: [2]s32 memory local %c: [4]s8 memory
         b0:
           scope-start %a
           scope-start %b
           scope-start %c
           store i32 %n, &%a
           store i32 %m, ptradd(&%a, 1:i64, 4)
           copy &%b, &%a, 8:i64
           %t = load i32, ptradd(&%b, 1:i64, 4)
           check #0 valid-write valid(write, &%c, sext(i64, %t)) \"c\"
           return 0:i32
         }",
        &[1, 5],
        &[],
    );
    assert_eq!(
        sites,
        set(&["b0.0", "b0.1", "b0.2", "b0.4", "b0.5", "b0.6", "b0.7"])
    );
}

/// A call that only computes something else is not there; the one that matters is, with the argument read.
#[test]
fn calls_are_followed_through_arguments_and_results() {
    let text = "fn g(%x, %y) -> s32 { local %x: s32 i32 local %y: s32 i32
         b0:
           return add(%x, 1:i32)
         }
         fn f(%n) -> s32 { local %n: s32 i32 local %p: s32 i32 local %q: s32 i32 local %r: s32 i32
         b0:
           %p = havoc input
           %q = havoc input
           %r = call $g(%n, %q)
           %q = call $g(%p, %n)
           %n = call $g(%q, %r)
           check #0 divisor-nonzero holds(ne(%q, 0:i32)) \"q\"
           return %n
         }";
    let (slice, sites) = slice_of(text, &[8], &[-1, 6]);
    assert_eq!(sites, set(&["g b0", "b0.0", "b0.3", "b0.5"]));
    assert_eq!(slice.inputs, BTreeSet::from([Source::Choice(0)]));
    assert!(slice.closed);
}

/// What was never written is explained by the declaration, and what ended a life by what ended it.
#[test]
fn lives_and_bytes_never_written() {
    let (_, sites) = slice_of(
        "fn f(%n) -> s32 { local %n: s32 i32 local %a: [2]s32 memory local %t: s32 i32
         b0:
           scope-start %a
           store i32 %n, &%a
           check #0 initialized initialized(ptradd(&%a, 1:i64, 4), 4:i64) \"a[1]\"
           return 0:i32
         }",
        &[1],
        &[],
    );
    assert_eq!(sites, set(&["b0.0", "b0.2"]));
    let (_, sites) = slice_of(
        "fn f(%n) -> s32 { local %n: s32 i32 local %p: *void ptr local %q: *void ptr
         b0:
           %p = alloc heap 8:i64
           %q = alloc heap 8:i64
           store i32 %n, %p
           free %q
           free %p
           check #0 lifetime live(%p) \"p\"
           return 0:i32
         }",
        &[1],
        &[],
    );
    assert_eq!(sites, set(&["b0.0", "b0.4", "b0.5"]));
}

/// What was not assigned because of a decision is explained by it.
#[test]
fn the_way_around_an_assignment_is_there() {
    let (slice, sites) = slice_of(
        "fn f(%n, %m) -> s32 { local %n: s32 i32 local %m: s32 i32 local %v: s32 i32
         b0:
           branch slt(%m, 5:i32), b1, b2
         b1:
           %m = 1:i32
           goto b2
         b2:
           branch slt(%n, 3:i32), b3, b4
         b3:
           %v = 1:i32
           goto b4
         b4:
           check #0 initialized initialized-local(%v) \"v\"
           return %v
         }",
        &[3, 1],
        &[],
    );
    assert_eq!(sites, set(&["b2", "b4.0"]));
    assert!(slice.inputs.contains(&Source::Argument(0)));
    assert!(slice.closed);
}

/// An index check names a constant; the array it is the length of belongs to the slice.
#[test]
fn the_array_of_an_index_is_there() {
    let (slice, sites) = slice_of(
        "global g: [8]s32 size 32 = { }
         fn f(%n) -> s32 { local %n: s32 i32 local %a: [8]s32 memory
         b0:
           scope-start %a
           store i32 0:i32, &%a
           check #0 index-upper-bound holds(ult(sext(i64, %n), 8:i64)) \"a[n]\"
           store i32 1:i32, ptradd(&%a, sext(i64, %n), 4)
           return 0:i32
         }",
        &[8],
        &[],
    );
    assert_eq!(sites, set(&["b0.0", "b0.2"]));
    assert_eq!(slice.inputs, BTreeSet::from([Source::Argument(0)]));
}

/// Taking out `%z = 0` lets the loop go the other way in its second round: the smaller closure is not closed,
/// and the larger one is taken.
#[test]
fn a_slice_that_is_not_closed_grows() {
    let (slice, sites) = slice_of(
        "fn f(%n) -> s32 { local %n: s32 i32 local %d: s32 i32 local %z: s32 i32 local %i: s32 i32
         b0:
           %z = %n
           %d = 0:i32
           %i = 0:i32
           goto b1
         b1:
           branch slt(%i, 2:i32), b2, b5
         b2:
           branch ne(%z, 0:i32), b3, b4
         b3:
           %d = -2:i32
           goto b4
         b4:
           %z = 0:i32
           %d = add(%d, 1:i32)
           %i = add(%i, 1:i32)
           goto b1
         b5:
           check #0 divisor-nonzero holds(ne(%d, 0:i32)) \"d\"
           return 0:i32
         }",
        &[1],
        &[],
    );
    assert!(slice.closed);
    assert!(sites.contains("b4.0"), "{sites:?}");
    assert!(!sites.contains("b0.1") || sites.len() == 10, "{sites:?}");
}

/// A random function of loops, choices, arrays and calls, that ends in a check that is violated for most inputs.
/// Every bound is a constant, so that all of them end.
fn random_program(seeds: &[u32]) -> String {
    let mut at = 0;
    let mut below = |limit: u32| {
        at += 1;
        seeds.get(at - 1).map_or(0, |s| s % limit)
    };
    let checked = (below(5), below(5));
    let mut blocks: Vec<String> = vec![String::new()];
    let mut current = 0;
    let mut counters = 0;
    // What is open: the counter of a loop, its header and its exit; or where a choice ends.
    let mut open: Vec<(Option<u32>, usize, usize)> = Vec::new();
    let register = |n: u32| format!("%r{}", n % 5);
    for _ in 0..seeds.len() / 6 {
        let (a, b, c) = (below(5), below(5), below(5));
        let index = format!("ptradd(&%a, zext(i64, and({}, 3:i32)), 4)", register(b));
        let line = match below(12) {
            0 => format!("{} = {}:i32", register(a), below(7)),
            1 | 2 => format!("{} = add({}, {})", register(a), register(b), register(c)),
            3 => format!("{} = mul({}, 3:i32)", register(a), register(b)),
            4 => format!("{} = load i32, {index}", register(a)),
            5 => format!("store i32 {}, {index}", register(a)),
            6 => "copy ptradd(&%b, 1:i64, 4), &%a, 12:i64".to_string(),
            7 => format!("{} = load i32, ptradd(&%b, {}:i64, 4)", register(a), below(4)),
            8 => format!("{} = call $g({}, {})", register(a), register(b), register(c)),
            9 if open.len() < 4 => {
                let (then, join) = (blocks.len(), blocks.len() + 1);
                blocks.extend([String::new(), String::new()]);
                blocks[current] +=
                    &format!("branch slt({}, {}), b{then}, b{join}\n", register(a), register(b));
                open.push((None, join, join));
                current = then;
                continue;
            }
            10 if open.len() < 4 && counters < 3 => {
                let (header, body, exit) = (blocks.len(), blocks.len() + 1, blocks.len() + 2);
                blocks.extend([String::new(), String::new(), String::new()]);
                blocks[current] += &format!("%i{counters} = 0:i32\ngoto b{header}\n");
                blocks[header] += &format!("branch slt(%i{counters}, {}:i32), b{body}, b{exit}\n", 1 + b);
                open.push((Some(counters), header, exit));
                counters += 1;
                current = body;
                continue;
            }
            11 => match open.pop() {
                Some((Some(counter), header, exit)) => {
                    blocks[current] += &format!("%i{counter} = add(%i{counter}, 1:i32)\ngoto b{header}\n");
                    current = exit;
                    continue;
                }
                Some((None, join, _)) => {
                    blocks[current] += &format!("goto b{join}\n");
                    current = join;
                    continue;
                }
                None => format!("{} = havoc input", register(a)),
            },
            _ => format!("{} = havoc input", register(a)),
        };
        blocks[current] += &line;
        blocks[current].push('\n');
    }
    while let Some((counter, next, exit)) = open.pop() {
        if let Some(counter) = counter {
            blocks[current] += &format!("%i{counter} = add(%i{counter}, 1:i32)\n");
        }
        blocks[current] += &format!("goto b{next}\n");
        current = exit;
    }
    blocks[current] += &format!(
        "check #0 assertion holds(eq(add({}, {}), 12345:i32)) \"end\"\nreturn\n",
        register(checked.0),
        register(checked.1)
    );
    let body: Vec<String> = blocks
        .iter()
        .enumerate()
        .map(|(n, b)| format!("b{n}:\n{b}"))
        .collect();
    let registers: String = (0..5).map(|n| format!("local %r{n}: s32 i32\n")).collect();
    let counters: String = (0..3).map(|n| format!("local %i{n}: s32 i32\n")).collect();
    let start = "scope-start %a\nscope-start %b\nfill &%a, 0:i8, 16:i64\nfill &%b, 0:i8, 16:i64\n%r0 = havoc input\n%r1 = havoc input\n%r2 = 2:i32\n%r3 = -1:i32\n%r4 = 1:i32\n";
    format!(
        "fn g(%x, %y) -> s32 {{ local %x: s32 i32 local %y: s32 i32
         b0: branch slt(%x, %y), b1, b2
         b1: return %y
         b2: return sub(%x, %y) }}
         fn f() -> void {{ {registers} {counters} local %a: [4]s32 memory local %b: [4]s32 memory
         {} }}",
        body.join("").replacen("b0:\n", &format!("b0:\n{start}"), 1)
    )
}

proptest::proptest! {
    /// Recording changes no run; and what the slice leaves out does not matter: the rest of the program violates
    /// the same obligation on the same input.
    #[test]
    fn slices_of_random_programs_are_closed(
        seeds in proptest::collection::vec(0u32..1_000_000, 0..600),
        decisions in proptest::collection::vec(-3i128..4, 40),
    ) {
        let program = parse_program(&format!("model lp64\n{}", random_program(&seeds))).unwrap();
        let choices = decisions.iter().map(|v| Choice {
            function: String::new(),
            kind: ChoiceKind::Value(InputValue::Int { bits: 32, value: *v as u128 & 0xffff_ffff }),
            writes: Vec::new(),
        });
        let input = Input { function: "f".into(), choices: choices.collect(), ..Input::default() };
        let limits = Limits::default();
        let plain = interp::run(&program, &input, &limits);
        let (run, history) = interp::run_recorded(&program, &input, &limits, &BTreeSet::new());
        proptest::prop_assert_eq!(&plain, &run);
        if matches!(run.outcome, Outcome::Violated { .. }) {
            let found = slice(&program, &input, &limits, &run, &history.unwrap());
            proptest::prop_assert!(found.closed);
            proptest::prop_assert!(found.steps.len() as u64 <= run.steps);
        }
    }

    /// Programs that are ill-formed in every way are recorded and sliced without a panic.
    #[test]
    fn any_program_is_recorded(program in crate::arbitrary::program(), name in 0usize..4) {
        let Some(function) = program.functions.get(name) else { return Ok(()) };
        let input = Input { function: function.name.clone(), ..Input::default() };
        let limits = Limits { steps: 2000, memory: 1 << 20, depth: 20, trace: 50, ignore: None, padding: None };
        let plain = interp::run(&program, &input, &limits);
        let (run, history) = interp::run_recorded(&program, &input, &limits, &BTreeSet::new());
        proptest::prop_assert_eq!(&plain, &run);
        if let Some(history) = history {
            slice(&program, &input, &limits, &run, &history);
        }
    }
}

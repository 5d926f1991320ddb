use proptest::prelude::*;

use super::*;
use crate::input::{Choice, ChoiceKind, Contents, InputObject, InputPointer, InputValue};
use crate::parse::parse_program;

fn input(function: &str) -> Input {
    Input {
        function: function.to_string(),
        ..Input::default()
    }
}

fn int(bits: u32, value: i128) -> InputValue {
    InputValue::Int {
        bits,
        value: value as u128 & value::mask(bits),
    }
}

fn chosen(function: &str, kind: ChoiceKind) -> Choice {
    Choice {
        function: function.to_string(),
        kind,
        writes: Vec::new(),
    }
}

fn run_text(text: &str, input: &Input) -> Run {
    let program = parse_program(&format!("model lp64\n{text}")).unwrap();
    run(&program, input, &Limits::default())
}

/// Runs `fn f() -> s32` with these locals and blocks.
fn run_body(body: &str) -> Run {
    run_text(&format!("fn f() -> s32 {{ {body} }}"), &input("f"))
}

fn returned(run: &Run) -> i128 {
    match run.outcome {
        Outcome::Returned {
            value: Some(Value::Int { bits, value }),
        } => signed(bits, value),
        ref other => panic!("{other:?}"),
    }
}

fn violated(run: &Run) -> u32 {
    match run.outcome {
        Outcome::Violated { obligation, .. } => obligation.0,
        ref other => panic!("{other:?}"),
    }
}

const LOOKUP: &str = r#"
global table: [8]s32 size 32 const = { 0: 5:i32 28: 7:i32 }
fn lookup(%i) -> s32 {
  local %i: s32 i32 user
  local %t: s32 i32
b0: branch slt(%i, 0:i32), b1, b2
b1: return -1:i32
b2:
  check #0 index-upper-bound holds(slt(%i, 8:i32)) "table[i]"
  %t = load i32, ptradd(&table, sext(i64, %i), 4) @0:7:12-7:20
  return %t
}"#;

#[test]
fn arguments_branches_and_a_violation() {
    let at = |i| {
        run_text(
            LOOKUP,
            &Input {
                arguments: vec![int(32, i)],
                ..input("lookup")
            },
        )
    };
    assert_eq!(returned(&at(-3)), -1);
    assert_eq!(returned(&at(0)), 5);
    assert_eq!(returned(&at(6)), 0);
    assert_eq!(returned(&at(7)), 7);
    let run = at(8);
    assert_eq!(violated(&run), 0);
    assert!(matches!(
        run.trace.last().unwrap().effect,
        Effect::CheckFailed(ObligationId(0))
    ));
    let loaded = at(7).trace.into_iter().find(|step| step.span.is_known()).unwrap();
    assert_eq!(loaded.effect, Effect::Assigned(LocalId(1), Value::int(32, 7)));
    assert_eq!(
        (loaded.block, loaded.statement, loaded.depth),
        (BlockId(2), Some(1), 1)
    );
}

#[test]
fn a_check_that_is_passed_over_reads_zero_and_writes_nothing() {
    let program = parse_program(&format!("model lp64\n{LOOKUP}")).unwrap();
    let input = Input {
        arguments: vec![int(32, 8)],
        ..input("lookup")
    };
    let ignore = |function: FunctionId, id: ObligationId| function.0 == 0 && id.0 == 0;
    let run = run(
        &program,
        &input,
        &Limits {
            ignore: Some(&ignore),
            ..Limits::default()
        },
    );
    assert_eq!(returned(&run), 0);
    assert!(
        run.trace
            .iter()
            .any(|step| matches!(step.effect, Effect::CheckFailed(_)))
    );
    // Of a store that straddles the end, the part inside is written.
    let run = run_body(
        "local %a: [4]u8 memory local %r: s32 i32
         b0: scope-start %a fill &%a, 0:i8, 4:i64 store i32 -1:i32, ptradd(&%a, 2:i64, 1)
             store i32 -1:i32, ptradd(&%a, -5:i64, 1) store i32 -1:i32, ptradd(&%a, 100:i64, 1)
             %r = load i32, &%a return %r",
    );
    assert_eq!(returned(&run), 0xffff_0000u32 as i32 as i128);
}

#[test]
fn loops_calls_and_recursion() {
    let text = r#"
        fn fact(%n) -> u64 { local %n: u64 i64 local %t: u64 i64
        b0: branch eq(%n, 0:i64), b1, b2
        b1: return 1:i64
        b2: %t = call $fact(sub(%n, 1:i64)) return mul(%n, %t) }
        fn sum(%n) -> u64 { local %n: u64 i64 local %s: u64 i64
        b0: %s = 0:i64 goto b1
        b1: branch eq(%n, 0:i64), b3, b2
        b2: %s = add(%s, %n) %n = sub(%n, 1:i64) goto b1
        b3: return %s }"#;
    let of = |name: &str, n| {
        run_text(
            text,
            &Input {
                arguments: vec![int(64, n)],
                ..input(name)
            },
        )
    };
    assert_eq!(returned(&of("fact", 20)), 2_432_902_008_176_640_000);
    assert_eq!(returned(&of("sum", 1000)), 500_500);
    assert_eq!(
        of("fact", 5000).outcome,
        Outcome::Stuck(StuckReason::DepthLimit { limit: 1000 })
    );
    assert_eq!(
        of("sum", -1).outcome,
        Outcome::Stuck(StuckReason::StepLimit { limit: 1_000_000 })
    );
}

#[test]
fn pointers_keep_their_object_through_memory() {
    // A pointer is stored, moved with its record, read back; then one byte of it is overwritten.
    let run = run_body(
        "local %x: s32 memory local %rec: [2]*s32 memory local %to: [2]*s32 memory
         local %p: *s32 ptr local %r: s32 i32
         b0: scope-start %x scope-start %rec scope-start %to
             store i32 42:i32, &%x
             store ptr &%x, ptradd(&%rec, 1:i64, 8)
             copy &%to, &%rec, 16:i64
             %p = load ptr, ptradd(&%to, 1:i64, 8)
             check #0 valid-read valid(read, %p, 4:i64) \"*p\"
             %r = load i32, %p
             store i8 1:i8, ptradd(&%to, 15:i64, 1)
             %p = load ptr, ptradd(&%to, 1:i64, 8)
             check #1 valid-read valid(read, %p, 4:i64) \"*p\"
             return %r",
    );
    assert_eq!(violated(&run), 1);
    let read = run
        .trace
        .iter()
        .find(|s| matches!(s.effect, Effect::Assigned(LocalId(4), _)));
    assert_eq!(
        read.unwrap().effect,
        Effect::Assigned(LocalId(4), Value::int(32, 42))
    );
}

#[test]
fn an_integer_address_finds_its_object_again() {
    let run = run_body(
        "local %x: [4]s32 memory local %a: u64 i64 local %p: *s32 ptr local %r: s32 i32
         b0: scope-start %x store i32 9:i32, ptradd(&%x, 3:i64, 4)
             %a = ptrtoint(&%x) %p = inttoptr(add(%a, 12:i64))
             check #0 valid-read valid(read, %p, 4:i64) \"\"
             check #1 valid-read valid(read, %p, 5:i64) \"\"
             %r = load i32, %p return %r",
    );
    assert_eq!(violated(&run), 1);
    let run = run_body(
        "local %x: s32 memory local %y: s32 memory
         b0: scope-start %x scope-start %y
             branch peq(ptradd(&%x, 1:i64, 4), &%y), b1, b2
         b1: return 1:i32
         b2: branch pult(null, &%x), b3, b1
         b3: return trunc(i32, ptrdiff(ptradd(&%x, -3:i64, 4), &%x, 4))",
    );
    assert_eq!(returned(&run), -3);
}

#[test]
fn lifetime_of_locals_and_heap() {
    let scope = "local %x: s32 memory local %p: *s32 ptr
        b0: scope-start %x %p = &%x check #0 lifetime live(%p) \"\"
            scope-end %x scope-start %x check #1 lifetime live(&%x) \"\" check #2 lifetime live(%p) \"\" return 0:i32";
    assert_eq!(violated(&run_body(scope)), 2);
    let heap = "local %p: *s32 ptr
        b0: %p = alloc heap 8:i64
            check #0 lifetime freeable(ptradd(%p, 0:i64, 1)) \"\"
            check #1 not-null not-null(%p) \"\" free null free %p
            check #2 valid-read valid(read, %p, 8:i64) \"still 8 bytes\"
            check #3 lifetime live(%p) \"\" return 0:i32";
    assert_eq!(violated(&run_body(heap)), 3);
    let inner = "local %p: *s32 ptr b0: %p = alloc heap 8:i64
        check #0 lifetime freeable(null) \"\" check #1 lifetime freeable(ptradd(%p, 1:i64, 4)) \"\" return 0:i32";
    assert_eq!(violated(&run_body(inner)), 1);
    let escaped = r#"
        fn dangling() -> *s32 { local %x: s32 memory b0: scope-start %x return &%x }
        fn vla() -> *s32 { local %p: *s32 ptr b0: %p = alloc stack 4:i64 return %p }
        fn f() -> s32 { local %p: *s32 ptr
        b0: %p = call $vla() check #0 lifetime live(null) "" branch false, b1, b2
        b1: check #1 lifetime live(%p) "" return 0:i32
        b2: %p = call $dangling() check #2 lifetime live(%p) "" return 0:i32 }"#;
    assert_eq!(violated(&run_text(escaped, &input("f"))), 2);
    assert_eq!(
        violated(&run_text(
            &escaped.replace("branch false", "branch true"),
            &input("f")
        )),
        1
    );
}

#[test]
fn initialisation_is_byte_by_byte() {
    let body = |size| {
        format!(
            "local %a: [8]u8 memory local %b: [8]u8 memory
             b0: scope-start %a scope-start %b store i32 0:i32, ptradd(&%a, 2:i64, 1)
                 copy &%b, &%a, 8:i64
                 check #0 initialized initialized(ptradd(&%b, 2:i64, 1), {size}:i64) \"\" return 0:i32"
        )
    };
    assert_eq!(returned(&run_body(&body(4))), 0);
    assert_eq!(returned(&run_body(&body(0))), 0);
    assert_eq!(violated(&run_body(&body(5))), 0);
    let register = "local %a: s32 i32 local %b: s32 i32
        b0: %b = 1:i32 check #0 initialized initialized-local(%b) \"\"
            check #1 initialized initialized-local(%a) \"\" return %a";
    assert_eq!(violated(&run_body(register)), 1);
    let zeroed = "local %p: *u8 ptr b0: %p = alloc heap zeroed 8:i64
        check #0 initialized initialized(%p, 8:i64) \"\" %p = alloc heap 8:i64
        check #1 initialized initialized(%p, 1:i64) \"\" return 0:i32";
    assert_eq!(violated(&run_body(zeroed)), 1);
}

#[test]
fn strings() {
    let text = r#"
        global text: [6]s8 size 6 const = { 0: bytes "hello\x00" }
        global open: [3]s8 size 3 = { 0: bytes "abc" }
        fn f() -> s32 { local %n: u64 i64 local %m: u64 i64 local %k: u64 i64
        b0: check #0 valid-read terminated(ptradd(&text, 5:i64, 1)) ""
            %n = string-length ptradd(&text, 1:i64, 1)
            %m = object-size ptradd(&text, 4:i64, 1)
            %k = string-length &open
            check #1 valid-read terminated(ptradd(&text, 6:i64, 1)) ""
            return trunc(i32, add(%n, add(mul(%m, 10:i64), mul(%k, 100:i64)))) }"#;
    assert_eq!(violated(&run_text(text, &input("f"))), 1);
    assert_eq!(
        returned(&run_text(
            &text.replace("6:i64, 1)) \"\"", "2:i64, 1)) \"\""),
            &input("f")
        )),
        324
    );
    let indeterminate = "local %a: [4]s8 memory b0: scope-start %a
        check #0 valid-read terminated(&%a) \"\" return 0:i32";
    assert_eq!(violated(&run_body(indeterminate)), 0);
}

#[test]
fn choices_are_taken_in_order() {
    let text = r#"
        fn ask() -> s32 { declared }
        fn show(%c) -> s32 { local %c: *const s8 ptr declared }
        fn nothing() -> void { declared }
        fn f() -> s64 { local %a: s32 i32 local %b: s32 i32 local %p: *u8 ptr local %q: *u8 ptr local %r: s64 i64
          local %v: s32 memory local %w: s32 i32
        b0: scope-start %v
            call $nothing() %a = havoc input call $show(&s) %b = call $ask()
            %p = alloc heap may-fail 4:i64 %q = alloc heap may-fail 4:i64
            havoc-memory %q, 4:i64 %w = load volatile i32, &%v
            check #0 not-null peq(%p, null) "x" check #1 assertion holds(peq(%p, null)) ""
            %r = load i32, %q
            return add(sext(i64, %a), add(mul(sext(i64, %b), 10:i64), add(mul(sext(i64, %w), 100:i64), mul(%r, 1000:i64)))) }
        global s: [3]s8 size 3 const = { 0: bytes "hi\x00" }"#
        .replace("check #0 not-null peq(%p, null) \"x\" check #1", "check #0");
    let choices = vec![
        chosen("", ChoiceKind::Value(int(32, 1))),
        chosen("show", ChoiceKind::Value(int(32, 99))),
        chosen("ask", ChoiceKind::Value(int(32, 2))),
        chosen("kmalloc", ChoiceKind::AllocationFails(true)),
        chosen("kmalloc", ChoiceKind::AllocationFails(false)),
        chosen("copy_from_user", ChoiceKind::Bytes(vec![4, 0])),
        chosen("", ChoiceKind::Value(int(32, 3))),
    ];
    let run = run_text(
        &text,
        &Input {
            choices,
            ..input("f")
        },
    );
    assert_eq!(returned(&run), 4321);
    assert_eq!((run.choices_used, run.choices_missing), (7, 0));
    let names: Vec<_> = run.output.iter().map(|call| call.function.as_str()).collect();
    assert_eq!(names, ["nothing", "show", "ask"]);
    assert!(matches!(&run.output[1].arguments[..], [ExternalArgument::String(_, text)] if text == b"hi"));
    // Without any, everything is zero and nothing fails.
    let run = run_text(&text, &input("f"));
    assert_eq!(violated(&run), 0);
    assert_eq!((run.choices_used, run.choices_missing), (0, 7));
    // A decision that names another function is not taken.
    let choices = vec![
        chosen("", ChoiceKind::Value(int(32, 1))),
        chosen("ask", ChoiceKind::Value(int(32, 2))),
    ];
    let run = run_text(
        &text,
        &Input {
            choices,
            ..input("f")
        },
    );
    assert_eq!((run.choices_used, run.choices_missing), (2, 5));
}

#[test]
fn objects_globals_and_function_pointers_of_the_input() {
    let text = r#"
        global state: ^node size 16 = {}
        global handlers: [2]*s8 size 16 = { 0: &$one 8: &$two }
        struct node size 16 align 8 { next: *^node at 0 value: s32 at 8 }
        fn one() -> s32 { b0: return 1:i32 }
        fn two() -> s32 { b0: return 2:i32 }
        fn f(%p) -> s32 { local %p: *^node ptr local %n: *^node ptr local %v: s32 i32 local %w: s32 i32
          local %h: *s8 ptr local %k: s32 i32
        b0: %n = load ptr, member(%p, ^node, next)
            %v = load i32, member(%n, ^node, value)
            %w = load i32, member(&state, ^node, value)
            %h = load ptr, ptradd(&handlers, 1:i64, 8)
            %k = call *%h()
            check #0 initialized initialized(%n, 16:i64) ""
            check #1 valid-read valid(write, %n, 16:i64) ""
            free %n
            return add(%v, add(mul(%w, 10:i32), mul(%k, 100:i32))) }"#;
    let object = |contents| InputObject {
        name: "*p".into(),
        size: 16,
        element_type: String::new(),
        contents,
    };
    let first = Contents {
        bytes: vec![],
        pointers: vec![(0, InputPointer::Object { index: 1, offset: 0 })],
    };
    let value = |v: u8| Contents {
        bytes: vec![(8, vec![v])],
        pointers: vec![],
    };
    let whole = Input {
        objects: vec![object(first), object(value(4))],
        arguments: vec![InputValue::Pointer(InputPointer::Object { index: 0, offset: 0 })],
        globals: vec![("state".into(), value(5))],
        ..input("f")
    };
    assert_eq!(returned(&run_text(text, &whole)), 254);
    let run = |change: fn(&mut Input)| {
        let mut input = whole.clone();
        change(&mut input);
        run_text(text, &input).outcome
    };
    let stuck = Outcome::Stuck;
    let name = || "g".to_string();
    assert_eq!(
        run(|i| i.function = "g".into()),
        stuck(StuckReason::UnknownFunction { name: name() })
    );
    assert_eq!(
        run(|i| i.globals[0].0 = "g".into()),
        stuck(StuckReason::UnknownGlobal { name: name() })
    );
    let wild =
        |i: &mut Input| i.arguments[0] = InputValue::Pointer(InputPointer::Object { index: 2, offset: 0 });
    assert_eq!(
        run(wild),
        stuck(StuckReason::UnknownObject { index: 2, count: 2 })
    );
    let bad_handler = |i: &mut Input| {
        i.globals.push((
            "handlers".into(),
            Contents {
                bytes: vec![(8, vec![0; 8])],
                pointers: vec![],
            },
        ));
    };
    assert_eq!(run(bad_handler), stuck(StuckReason::NotAFunction));
}

#[test]
fn endings() {
    assert_eq!(
        run_body("b0: assume false return 0:i32").outcome,
        Outcome::AssumptionFailed
    );
    assert_eq!(run_body("b0: unreachable").outcome, Outcome::Unreachable);
    assert_eq!(
        run_body("declared").outcome,
        Outcome::Stuck(StuckReason::NoBody { name: "f".into() })
    );
    let unsupported = StuckReason::UnsupportedBody {
        name: "f".into(),
        construct: "computed goto".into(),
    };
    assert_eq!(
        run_body("unsupported \"computed goto\"").outcome,
        Outcome::Stuck(unsupported)
    );
    let ill_formed = run_body("local %m: s32 memory b0: %m = 1:i32 return 0:i32").outcome;
    assert!(matches!(
        ill_formed,
        Outcome::Stuck(StuckReason::IllFormed { .. })
    ));
    let stack = "fn g() -> void { b0: check #0 assertion unreachable \"\" @0:3:1-3:2 return }
        fn f() -> void { b0: call $g() @0:9:1-9:2 return }";
    match run_text(stack, &input("f")).outcome {
        Outcome::Violated {
            function, call_stack, ..
        } => {
            assert_eq!(function.0, 0);
            let lines: Vec<_> = call_stack.iter().map(|site| site.span.start.line).collect();
            assert_eq!(lines, [9, 3]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn memory_limit_and_sparse_objects() {
    // An exabyte is allocated, its ends are used, and it costs nothing.
    let sparse = run_body(
        "local %p: *u8 ptr local %r: s32 i32
         b0: %p = alloc heap 1152921504606846976:i64
             fill %p, 0:i8, 1152921504606846976:i64
             store i32 7:i32, ptradd(%p, 1152921504606846972:i64, 1)
             check #0 initialized initialized(%p, 1152921504606846976:i64) \"\"
             %r = load i32, ptradd(%p, 1152921504606846972:i64, 1) return %r",
    );
    assert_eq!(returned(&sparse), 7);
    let endless = |body: &str| {
        let program = parse_program(&format!("model lp64 fn f() -> s32 {{ {body} }}")).unwrap();
        run(
            &program,
            &input("f"),
            &Limits {
                memory: 1 << 20,
                ..Limits::default()
            },
        )
        .outcome
    };
    let out_of_memory = Outcome::Stuck(StuckReason::MemoryLimit { limit: 1 << 20 });
    let touch = "local %p: *u8 ptr
         b0: %p = alloc heap 1152921504606846976:i64 goto b1
         b1: store i32 7:i32, %p %p = ptradd(%p, 4096:i64, 1) goto b1";
    assert_eq!(endless(touch), out_of_memory);
    assert_eq!(
        endless("local %p: *u8 ptr b0: goto b1 b1: %p = alloc heap 8:i64 goto b1"),
        out_of_memory
    );
    assert_eq!(
        endless("b0: goto b1 b1: call $g() goto b1 } fn g() -> void { declared"),
        out_of_memory
    );
    let copy = "local %p: *u8 ptr b0: %p = alloc heap 1152921504606846976:i64 goto b1
         b1: copy %p, %p, -1:i64 goto b1";
    assert_eq!(endless(copy), out_of_memory);
    let run = run_body(
        "local %p: *u8 ptr b0: %p = alloc heap may-fail -1:i64 return select(peq(%p, null), 1:i32, 0:i32)",
    );
    assert_eq!(returned(&run), 1);
}

#[test]
fn the_trace_keeps_the_end() {
    let program = parse_program("model lp64 fn f(%n) -> u64 { local %n: u64 i64 b0: goto b1 b1: branch eq(%n, 0:i64), b3, b2 b2: %n = sub(%n, 1:i64) goto b1 b3: return %n }").unwrap();
    let input = Input {
        arguments: vec![int(64, 100)],
        ..input("f")
    };
    let limited = run(
        &program,
        &input,
        &Limits {
            trace: 5,
            ..Limits::default()
        },
    );
    let all = run(&program, &input, &Limits::default());
    assert_eq!(limited.trace[..], all.trace[all.trace.len() - 5..]);
    assert_eq!(limited.trace_dropped as usize + 5, all.trace.len());
    assert!(matches!(limited.trace[4].effect, Effect::Returned(Some(_))));
}

#[test]
fn ilp32_pointers_are_four_bytes() {
    let program = parse_program(
        "model ilp32 global a: [2]*s8 size 8 = { 4: &a + 4 }
         fn f() -> s32 { local %p: *s8 ptr local %x: u32 i32
         b0: %p = load ptr, ptradd(&a, 1:i32, 4) check #0 valid-read valid(read, %p, 4:i32) \"\"
             check #1 valid-read valid(read, ptradd(%p, -8:i32, 1), 4:i32) \"\" return 0:i32 }",
    )
    .unwrap();
    assert_eq!(violated(&run(&program, &input("f"), &Limits::default())), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever the program, the run ends and says how.
    #[test]
    fn is_total(program in crate::arbitrary::program(), value in any::<u128>()) {
        let limits = Limits { steps: 2000, memory: 1 << 20, depth: 20, trace: 50, ignore: Some(&|_, id| id.0 % 2 == 0), padding: None };
        for function in &program.functions {
            let choices = (0..20u32).map(|n| chosen("", match n % 3 {
                0 => ChoiceKind::Value(InputValue::Int { bits: n, value }),
                1 => ChoiceKind::Bytes(value.to_le_bytes().to_vec()),
                _ => ChoiceKind::AllocationFails(value & 1 == 1),
            })).collect();
            let arguments = vec![InputValue::Int { bits: 200, value }, InputValue::Pointer(InputPointer::Null)];
            let run = run(&program, &Input { choices, arguments, ..input(&function.name) }, &limits);
            prop_assert!(run.trace.len() <= 50);
            prop_assert!(run.steps <= 20_000);
        }
    }
}

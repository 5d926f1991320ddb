//! The engine on programs in the IR's text form: no front end involved.

use vf_ir::parse::parse_program;
use vf_source::{FileId, SourceMap};
use vf_verify::report::Verdict;
use vf_verify::{CheckOptions, check};

/// Checks every function of the text, which stands in file 0.
fn verdicts(text: &str) -> Vec<(String, Verdict, String)> {
    let program = parse_program(text).expect("the test program parses");
    let sources = SourceMap::new();
    let report = check(
        &program,
        &sources,
        &[FileId(0)],
        &CheckOptions {
            unroll: Some(17),
            ..CheckOptions::default()
        },
        &mut |_| {},
    );
    report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .map(|o| {
            let inputs = o
                .counterexample
                .as_ref()
                .map(|c| format!("{:?}", c.inputs))
                .unwrap_or_default();
            (
                o.id.clone(),
                o.verdict,
                format!(
                    "{inputs}{}{:?}",
                    o.reason.clone().unwrap_or_default(),
                    o.assumptions
                ),
            )
        })
        .collect()
}

const TABLE: &str = r#"model lp64
global table: [8]s32 size 32 = { } @0:3:1-3:20
"#;

#[test]
fn an_index_that_may_be_the_length_is_refuted() {
    let found = verdicts(&format!(
        "{TABLE}
fn lookup(%i) -> s32 @0:4:1-8:2 {{
  local %i: s32 i32 user @0:4:12-4:17
  local %tmp#1: s32 i32
b0:
  branch or(slt(%i, 0:i32), slt(8:i32, %i)), b1, b2
b1:
  return -1:i32
b2:
  check #0 index-lower-bound holds(sle(0:i64, sext(i64, %i))) \"table[i]\" @0:7:12-7:20
  check #1 index-upper-bound holds(ult(sext(i64, %i), 8:i64)) \"table[i]\" @0:7:12-7:20
  %tmp#1 = load i32, ptradd(&table, sext(i64, %i), 4)
  return %tmp#1
}}
"
    ));
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].1, Verdict::Proved);
    assert_eq!(found[1].1, Verdict::Refuted, "{found:?}");
    assert!(found[1].2.contains("\"i\": \"8\""), "{found:?}");
}

fn fill_loop(limit: &str) -> String {
    format!(
        "{TABLE}
fn fill(%n) -> void @0:4:1-8:2 {{
  local %n: s32 i32 user
  local %i: s32 i32 user
b0:
  %i = 0:i32
  goto b1
b1:
  branch slt(%i, {limit}), b2, b3
b2:
  check #0 index-lower-bound holds(sle(0:i64, sext(i64, %i))) \"table[i]\" @0:7:12-7:20
  check #1 index-upper-bound holds(ult(sext(i64, %i), 8:i64)) \"table[i]\" @0:7:12-7:20
  store i32 %n, ptradd(&table, sext(i64, %i), 4)
  check #2 signed-overflow no-overflow(signed add, %i, 1:i32) \"i++\" @0:7:22-7:24
  %i = add(%i, 1:i32)
  goto b1
b3:
  return
}}
"
    )
}

#[test]
fn a_loop_within_the_table_is_proved_without_a_bound() {
    let found = verdicts(&fill_loop("8:i32"));
    assert!(found.iter().all(|f| f.1 == Verdict::Proved), "{found:?}");
}

#[test]
fn a_loop_past_the_table_is_refuted() {
    let found = verdicts(&fill_loop("9:i32"));
    assert_eq!(
        found.iter().filter(|f| f.1 == Verdict::Refuted).count(),
        1,
        "{found:?}"
    );
    let found = verdicts(&fill_loop("%n"));
    assert_eq!(
        found.iter().filter(|f| f.1 == Verdict::Refuted).count(),
        1,
        "{found:?}"
    );
}

/// The state is the given number after two thousand million iterations: no invariant excludes it, and no execution gets
/// there in time.
#[test]
fn a_loop_that_neither_proof_nor_violation_ends_is_named_with_its_bound() {
    let found = verdicts(
        "model lp64
fn far(%n) -> void @0:4:1-9:2 {
  local %n: u64 i64 user
  local %i: u64 i64 user
  local %s: u32 i32 user
b0:
  %i = 0:i64
  %s = 1:i32
  goto b1
b1:
  branch ult(%i, %n), b2, b3 @0:6:12-6:17
b2:
  check #0 assertion holds(ne(%s, 1611045889:i32)) \"s != far\" @0:7:12-7:20
  %s = add(mul(%s, 5:i32), 1:i32)
  %i = add(%i, 1:i64)
  goto b1
b3:
  return
}
",
    );
    let [(_, verdict, reason)] = found.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(*verdict, Verdict::ProvedToBound, "{found:?}");
    assert!(reason.contains("no invariant of the loop at line 6"), "{reason}");
}

fn sum_loop(comparison: &str) -> String {
    format!(
        "model lp64
fn sum(%p, %n) -> s32 @0:4:1-8:2 {{
  local %p: *const s32 ptr user
  local %n: u64 i64 user
  local %i: u64 i64 user
  local %s: u32 i32 user
  local %t: u32 i32
b0:
  %i = 0:i64
  %s = 0:i32
  goto b1
b1:
  branch {comparison}(%i, %n), b2, b3
b2:
  check #0 not-null not-null(%p) \"p[i]\" @0:7:12-7:20
  check #1 valid-read valid(read, ptradd(%p, %i, 4), 4:i64) \"p[i]\" @0:7:12-7:20
  %t = load i32, ptradd(%p, %i, 4)
  %s = add(%s, %t)
  %i = add(%i, 1:i64)
  goto b1
b3:
  return %s
}}
"
    )
}

#[test]
fn a_buffer_with_its_length_is_proved_under_the_usual_contract() {
    let found = verdicts(&sum_loop("ult"));
    assert!(found.iter().all(|f| f.1 == Verdict::Proved), "{found:?}");
    assert!(found[1].2.contains("\\\\valid(p + (0 .. n - 1))"), "{found:?}");
}

#[test]
fn one_element_more_than_the_usual_contract_is_refuted() {
    let found = verdicts(&sum_loop("ule"));
    assert_eq!(found[1].1, Verdict::Refuted, "{found:?}");
}

// What nothing reaches is safe by what keeps everything from it.
#[test]
fn what_is_not_reached_names_what_that_rests_on() {
    let found = verdicts(
        "model lp64
global other: s32 size 4 = { } @0:3:1-3:20

fn same(%a, %i) -> s32 @0:4:1-8:2 {
  local %a: *s32 ptr user
  local %i: s32 i32 user
b0:
  branch peq(%a, &other), b1, b2
b1:
  return 1:i32
b2:
  branch peq(%a, ptradd(null, 0:i64, 1)), b3, b4
b3:
  check #0 index-upper-bound holds(ult(sext(i64, %i), 4:i64)) \"u[i]\" @0:6:12-6:20
  return 2:i32
b4:
  return 0:i32
}
",
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].1, Verdict::Unreachable, "{found:?}");
    for assumption in [
        "requires a != \\\\null",
        "separate objects, none of them a global",
    ] {
        assert!(found[0].2.contains(assumption), "{found:?}");
    }
}

use proptest::prelude::*;

use super::{MAX_DEPTH, ParseErrorKind, parse_program};
use crate::print::print_program;
use crate::program::{Body, Expr, StmtKind, Terminator};

const LOOKUP: &str = r#"model lp64

struct pair size 8 align 4 {
  first: s32 at 0
  second: s32 at 4
}

global table: [8]s32 size 32 = {
  0: 5:i32
  4: -1:i32
} @0:3:1-3:20

fn lookup(%i) -> s32 @0:4:1-8:2 {
  local %i: s32 i32 user @0:4:12-4:17
  local %tmp#1: s32 i32
  local %tmp#2: *s32 ptr
b0:
  branch slt(%i, 0:i32), b1, b2 @0:5:9-5:14
b1:
  return -1:i32 @0:6:9-6:19
b2:
  check #0 index-upper-bound holds(ult(sext(i64, %i), 8:i64)) "table[i]" @0:7:12-7:20
  %tmp#2 = ptradd(&table, sext(i64, %i), 4)
  %tmp#1 = load i32, %tmp#2 @0:7:12-7:20
  return %tmp#1 @0:7:5-7:21
}
"#;

#[test]
fn a_program_by_hand() {
    let program = parse_program(LOOKUP).unwrap();
    assert_eq!(print_program(&program), LOOKUP);
    let lookup = &program.functions[0];
    assert_eq!(lookup.obligations[0].text, "table[i]");
    assert_eq!(lookup.obligations[0].span.start.column, 12);
    assert_eq!(
        lookup.blocks()[1].terminator,
        Terminator::Return(Some(Expr::int(32, -1)))
    );
    assert!(matches!(lookup.blocks()[2].statements[0].kind, StmtKind::Check(id) if id.0 == 0));
}

#[test]
fn names_may_come_later_and_comments_anywhere() {
    let text = "model ilp32 ; a comment\n\
        fn f() -> void {\n  local %p: *^later ptr\nb0:\n\
        %p = member(&g, ^later, x) ; { } fn\n call $h(&$f)\n return\n}\n\
        fn h(...) -> void { declared }\n\
        global g: ^later size 4 extern\n\
        struct later size 4 align 4 { x: s32 at 0 }\n";
    let program = parse_program(text).unwrap();
    assert_eq!(program.functions[1].body, Body::Declared);
    assert!(program.functions[1].variadic);
    assert_eq!(parse_program(&print_program(&program)).unwrap(), program);
}

/// The error for a function body, with line and column counted from its first line.
fn error_in(body: &str) -> (u32, u32, ParseErrorKind) {
    let text = format!(
        "model lp64 fn f(%i) -> void {{ local %i: s32 i32 local %t#1: s32 i32 local %t#2: s32 i32\n{body}"
    );
    let error = parse_program(&text).unwrap_err();
    (error.line - 1, error.column, error.kind)
}

#[test]
fn errors_say_where_and_what() {
    let expected = |e: &str, f: &str| ParseErrorKind::Expected {
        expected: e.into(),
        found: f.into(),
    };
    assert_eq!(error_in("b0:\n %i = add(%i %i)"), (2, 14, expected("','", "'%'")));
    assert_eq!(
        error_in("b0:\n %i = foo(1)"),
        (2, 7, expected("an expression", "'foo'"))
    );
    assert_eq!(
        error_in("b0: return"),
        (1, 11, expected("an expression", "the end of the text"))
    );
    let unknown = ParseErrorKind::UnknownName {
        what: "local",
        name: "j".into(),
    };
    assert_eq!(error_in("b0:\n %j = 1:i32"), (2, 3, unknown));
    let ambiguous = ParseErrorKind::AmbiguousName {
        what: "local",
        name: "t".into(),
    };
    assert_eq!(error_in("b0: %t = 1:i32"), (1, 6, ambiguous));
    let missing = ParseErrorKind::OutOfRange {
        what: "local",
        number: 3,
        count: 3,
    };
    assert_eq!(error_in("b0: %#3 = 1:i32"), (1, 6, missing));
    let block = ParseErrorKind::OutOfRange {
        what: "block",
        number: 1,
        count: 1,
    };
    assert_eq!(error_in("b0: goto b1 }"), (1, 10, block));
    let wrong = ParseErrorKind::WrongNumber {
        what: "block",
        written: 1,
        actual: 0,
    };
    assert_eq!(error_in("b1: return }"), (1, 1, wrong));
    assert_eq!(
        error_in("b0: check #0 return }"),
        (1, 12, ParseErrorKind::ObligationMissing { number: 0 })
    );
    let twice = "b0: check #0 assertion unreachable \"\" check #0 assertion unreachable \"\" return }";
    assert_eq!(
        error_in(twice),
        (1, 46, ParseErrorKind::ObligationTwice { number: 0 })
    );
    assert_eq!(
        error_in("b0: %i = 256:i8"),
        (1, 10, ParseErrorKind::DoesNotFit { value: 256, bits: 8 })
    );
    assert_eq!(
        error_in("b0: %i = -129:i8"),
        (1, 10, ParseErrorKind::DoesNotFit { value: 129, bits: 8 })
    );
    assert_eq!(
        error_in("unsupported \"open\n\""),
        (1, 13, ParseErrorKind::UnterminatedString)
    );
    assert_eq!(
        error_in("unsupported \"\\q\""),
        (1, 13, ParseErrorKind::BadEscape)
    );
    assert_eq!(
        error_in("unsupported \"\\xff\" }"),
        (1, 13, ParseErrorKind::NotUtf8)
    );
    assert_eq!(error_in("b0: €"), (1, 5, ParseErrorKind::UnknownCharacter('€')));
    let large = ParseErrorKind::NumberTooLarge {
        limit: u128::from(u32::MAX),
    };
    assert_eq!(error_in("b0: return @4294967296:1:1-1:1"), (1, 13, large));
    let message = parse_program("model lp64\nfn f( -> void")
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "line 2, column 14: expected ')', found the end of the text"
    );
}

#[test]
fn nesting_has_a_limit_and_needs_no_more_stack_than_a_thread_has() {
    let nested = |depth: usize| {
        format!(
            "b0: %i = {}1:i32{} return }}",
            "neg(".repeat(depth),
            ")".repeat(depth)
        )
    };
    let fits = format!(
        "model lp64 fn f() -> void {{ local %i: s32 i32 {}",
        nested(MAX_DEPTH as usize - 1)
    );
    let program = parse_program(&fits).unwrap();
    assert_eq!(parse_program(&print_program(&program)).unwrap(), program);
    assert_eq!(
        error_in(&nested(MAX_DEPTH as usize)).2,
        ParseErrorKind::TooDeep { limit: MAX_DEPTH }
    );
    assert_eq!(
        error_in(&nested(100_000)).2,
        ParseErrorKind::TooDeep { limit: MAX_DEPTH }
    );
    let pointers = format!("model lp64 global g: {}s8 extern", "*".repeat(100_000));
    assert_eq!(
        parse_program(&pointers).unwrap_err().kind,
        ParseErrorKind::TooDeep { limit: MAX_DEPTH }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn what_is_printed_is_read_back(program in crate::arbitrary::program()) {
        let text = print_program(&program);
        match parse_program(&text) {
            Ok(read) => prop_assert_eq!(read, program, "{}", text),
            Err(error) => prop_assert!(false, "{}\n{}", error, text),
        }
    }

    /// Damaged text is an error or another program, never a panic.
    #[test]
    fn damaged_text_does_not_panic(
        program in crate::arbitrary::program(), cut in any::<prop::sample::Index>(), noise in "[%&@#\"{}a-z0-9:., -]{0,6}"
    ) {
        let text = print_program(&program);
        let cuts: Vec<usize> = text.char_indices().map(|(i, _)| i).collect();
        let at = cuts[cut.index(cuts.len())];
        let _ = parse_program(&text[..at]);
        let _ = parse_program(&format!("{}{noise}{}", &text[..at], &text[at..]));
    }
}

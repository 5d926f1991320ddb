//! Which obligations are kept, on programs in the text form of the IR.

use vf_ir::parse::parse_program;
use vf_ir::{FunctionId, ObligationId, Program};

use super::irrelevant_checks;

fn program(functions: &str) -> Program {
    parse_program(&format!(
        "model lp64 global t: [8]s32 size 32 = {{ }} {functions}"
    ))
    .expect("the test's text is IR")
}

/// Numbers of the obligations of the first function that do not matter.
fn irrelevant(functions: &str) -> Vec<u32> {
    irrelevant_checks(&program(functions), FunctionId(0))
        .into_iter()
        .map(|ObligationId(id)| id)
        .collect()
}

const LOCALS: &str =
    "local %a: u32 i32 local %b: u32 i32 local %x: u32 i32 local %y: u64 i64 local %p: *void ptr";

fn body(statements: &str) -> String {
    format!("fn f(%a, %b) -> s32 {{ {LOCALS} b0: {statements} return 0:i32 }}")
}

#[test]
fn a_product_that_sizes_an_allocation_matters_and_one_that_is_compared_does_not() {
    let kept = body(
        "check #0 unsigned-wrap no-overflow(unsigned mul, %a, %b) \"\" %x = mul(%a, %b) %y = zext(i64, %x)
         %p = alloc heap may-fail %y",
    );
    assert_eq!(irrelevant(&kept), Vec::<u32>::new());
    let compared = body(
        "check #0 unsigned-wrap no-overflow(unsigned mul, %a, %b) \"\" %x = mul(%a, %b)
         assume ult(%x, 9:i32)",
    );
    assert_eq!(irrelevant(&compared), [0]);
}

#[test]
fn an_index_matters_unless_something_cuts_it_to_a_range() {
    for (index, expected) in [
        ("zext(i64, add(%a, %b))", vec![]),
        ("zext(i64, mul(2:i32, add(%a, %b)))", vec![]),
        ("select(ult(%a, 3:i32), zext(i64, add(%a, %b)), 0:i64)", vec![]),
        ("zext(i64, urem(add(%a, %b), 8:i32))", vec![0]),
        ("zext(i64, and(add(%a, %b), 7:i32))", vec![0]),
        ("zext(i64, lshr(add(%a, %b), 29:i32))", vec![0]),
        ("select(ult(add(%a, %b), 3:i32), 1:i64, 0:i64)", vec![0]),
    ] {
        let text = body(&format!(
            "check #0 unsigned-wrap no-overflow(unsigned add, %a, %b) \"\"
             %x = load i32, ptradd(&t, {index}, 4)"
        ));
        assert_eq!(irrelevant(&text), expected, "{index}");
    }
}

#[test]
fn flow_goes_through_memory_by_name() {
    let memory = |stored: &str, loaded: &str| {
        format!(
            "fn f(%a, %b) -> s32 {{ {LOCALS} local %m: u32 memory local %o: u32 memory
             b0: check #0 unsigned-wrap no-overflow(unsigned add, %a, %b) \"\" store i32 add(%a, %b), {stored}
             %x = load i32, {loaded} %y = zext(i64, %x) fill &t, 0:i8, %y return 0:i32 }}"
        )
    };
    assert_eq!(irrelevant(&memory("&%m", "&%m")), Vec::<u32>::new());
    assert_eq!(irrelevant(&memory("&%o", "&%m")), [0]);
}

#[test]
fn a_parameter_that_a_callee_uses_as_a_size_matters() {
    let caller = |callee: &str| {
        format!(
            "fn f(%a, %b) -> s32 {{ {LOCALS}
             b0: check #0 unsigned-wrap no-overflow(unsigned add, %a, %b) \"\" %y = zext(i64, add(%a, %b))
             call $g(%y) return 0:i32 }}
             fn g(%n) -> void {{ local %n: u64 i64 local %q: *void ptr b0: {callee} return }}"
        )
    };
    assert_eq!(
        irrelevant(&caller("%q = alloc heap may-fail %n")),
        Vec::<u32>::new()
    );
    assert_eq!(
        irrelevant(&caller("check #0 valid-write valid(write, &t, %n) \"\"")),
        Vec::<u32>::new()
    );
    assert_eq!(irrelevant(&caller("assume ult(%n, 5:i64)")), [0]);
    // Recursion ends.
    assert_eq!(irrelevant(&caller("call $g(%n)")), [0]);
}

#[test]
fn a_returned_size_matters() {
    let returns = |ty: &str| {
        format!(
            "fn f(%y) -> {ty} {{ local %y: u64 i64
             b0: check #0 unsigned-wrap no-overflow(unsigned add, %y, 1:i64) \"\" return add(%y, 1:i64) }}"
        )
    };
    assert_eq!(irrelevant(&returns("u64")), Vec::<u32>::new());
    assert_eq!(irrelevant(&returns("s64")), [0]);
}

#[test]
fn a_conversion_for_a_comparison_does_not_matter_even_if_the_value_is_an_index_elsewhere() {
    let text = |use_: &str| {
        body(&format!(
            "check #0 lossy-conversion lossless(signed %a -> u32) \"\" {use_}
             %x = load i32, ptradd(&t, sext(i64, %a), 4)"
        ))
    };
    assert_eq!(irrelevant(&text("assume ult(%a, 8:i32)")), [0]);
    assert_eq!(
        irrelevant(&text("%y = zext(i64, %a)  fill &t, 0:i8, %y")),
        Vec::<u32>::new()
    );
}

#[test]
fn other_properties_are_never_dropped() {
    let text =
        body("check #0 signed-overflow no-overflow(signed add, %a, %b) \"\" assume ult(add(%a, %b), 9:i32)");
    assert_eq!(irrelevant(&text), Vec::<u32>::new());
}

use super::*;

const ASAN: &str = "\
=================================================================
==12==ERROR: AddressSanitizer: heap-buffer-overflow on address 0x602000000018 at pc 0x555555555555 bp 0x7ffe sp 0x7ffe
WRITE of size 1 at 0x602000000018 thread T0
    #0 0x5555 in fill /home/a b/x.c:12
    #1 0x5556 in main /t/vf_harness.c:20:3
    #2 0x7fff in __libc_start_main (/lib/libc.so.6+0x2)

0x602000000018 is located 0 bytes to the right of 8-byte region
allocated by thread T0 here:
    #0 0x7f in __interceptor_calloc ../../asan_malloc_linux.cpp:77
    #1 0x7f in vf_object /t/vf_runtime.c:5

SUMMARY: AddressSanitizer: heap-buffer-overflow x.c:12 in fill
";

#[test]
fn an_address_report_with_its_own_stack_only() {
    let found = findings(ASAN);
    let [finding] = found.as_slice() else {
        panic!("one finding, got {found:?}")
    };
    assert_eq!(finding.violation, Violation::OutOfBounds);
    assert_eq!(finding.write, Some(true));
    assert_eq!(finding.message, "heap-buffer-overflow, write of size 1");
    assert_eq!(
        finding.frames,
        [
            Frame {
                function: "fill".into(),
                file: "/home/a b/x.c".into(),
                line: 12
            },
            Frame {
                function: "main".into(),
                file: "/t/vf_harness.c".into(),
                line: 20
            },
        ]
    );
    assert!(finding.shows(Property::ValidWrite) && finding.shows(Property::IndexUpperBound));
    assert!(!finding.shows(Property::ValidRead) && !finding.shows(Property::Lifetime));
}

#[test]
fn undefined_behaviour_goes_on_to_the_next() {
    let text = "x.c:3:14: runtime error: signed integer overflow: 2147483647 + 1 cannot be represented in type 'int'\n\
        \x20   #0 0x55 in add x.c:3\n    #1 0x56 in main y.c:9\n\
        x.c:9:2: runtime error: shift exponent 32 is too large for 32-bit type 'int'\n";
    let found = findings(text);
    assert_eq!(
        found.iter().map(|f| f.violation).collect::<Vec<_>>(),
        [Violation::SignedOverflow, Violation::Shift]
    );
    assert_eq!(found.first().map(|f| f.frames.len()), Some(2));
    assert_eq!(
        found.get(1).map(|f| f.frames.clone()),
        Some(vec![Frame {
            function: String::new(),
            file: "x.c".into(),
            line: 9
        }])
    );
}

#[test]
fn kinds_of_undefined_behaviour() {
    use Violation as V;
    let cases = [
        ("index 8 out of bounds for type 'int [8]'", V::OutOfBounds),
        (
            "load of address 0x7ffe with insufficient space for an object of type 'int'",
            V::OutOfBounds,
        ),
        ("store to null pointer of type 'int'", V::NullDereference),
        (
            "member access within null pointer of type 'struct s'",
            V::NullDereference,
        ),
        (
            "null pointer passed as argument 1, which is declared to never be null",
            V::LibraryArguments,
        ),
        ("applying non-zero offset 4 to null pointer", V::Other),
        ("division by zero", V::DivisionByZero),
        (
            "division of -2147483648 by -1 cannot be represented in type 'int'",
            V::SignedOverflow,
        ),
        (
            "negation of -2147483648 cannot be represented in type 'int'",
            V::SignedOverflow,
        ),
        (
            "unsigned integer overflow: 0 - 1 cannot be represented in type 'unsigned int'",
            V::Other,
        ),
        ("left shift of negative value -1", V::Shift),
        (
            "variable length array bound evaluates to non-positive value -1",
            V::AllocationSize,
        ),
        (
            "execution reached an unreachable program point",
            V::UnreachableCode,
        ),
        (
            "load of misaligned address 0x1 for type 'int', which requires 4 byte alignment",
            V::Other,
        ),
    ];
    for (message, violation) in cases {
        assert_eq!(undefined_kind(message), violation, "{message}");
    }
}

#[test]
fn null_is_told_from_wild() {
    let near = "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x000000000010 (pc 0x5 bp 0x7 sp 0x7 T0)\n\
        ==1==The signal is caused by a READ memory access.\n==1==Hint: address points to the zero page.\n    #0 0x5 in f x.c:4\n";
    let far = "==1==ERROR: AddressSanitizer: SEGV on unknown address 0x7f0000000010 (pc 0x5 bp 0x7 sp 0x7 T0)\n\
        ==1==The signal is caused by a WRITE memory access.\n    #0 0x5 in f x.c:4\n";
    let kinds: Vec<_> = [near, far]
        .iter()
        .flat_map(|t| findings(t))
        .map(|f| (f.violation, f.write))
        .collect();
    assert_eq!(
        kinds,
        [
            (Violation::NullDereference, Some(false)),
            (Violation::WildAccess, Some(true))
        ]
    );
}

#[test]
fn assertions() {
    let glibc = "vf_replay: /t/x.c:7: check: Assertion `n < 3' failed.\n==1==ERROR: AddressSanitizer: ABRT on unknown address 0x1\n";
    let found = findings(glibc);
    assert_eq!(
        found.first().and_then(|f| f.frames.first()).map(|f| f.line),
        Some(7)
    );
    assert!(found.iter().all(|f| f.shows(Property::Assertion)));
    let own = "vf-replay: assertion violated: reach_error\n==1==ERROR: AddressSanitizer: ABRT on unknown address\n    #0 0x1 in raise\n    #5 0x2 in main a.c:5\n";
    assert!(
        findings(own)
            .first()
            .is_some_and(|f| f.shows(Property::Assertion))
    );
}

#[test]
fn garbage_says_nothing() {
    for text in [
        "",
        ": runtime error",
        "==ERROR: AddressSanitizer",
        "#0 in :",
        "a: runtime error: \n#0 0x in f :",
        "é: Assertion `",
    ] {
        for finding in findings(text) {
            assert_eq!(finding.violation, Violation::Other, "{text}");
        }
    }
}

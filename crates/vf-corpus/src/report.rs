//! A finding as an analyser would word it, in the text form that `verify-fix repair --report` reads.

use vf_ir::Property;
use vf_repair::BugReport;
use vf_repair::report_text::print;
use vf_verify::report::ObligationReport;

use crate::random::Random;

/// How analysers call the violation of a property: type, category, classification, and what they say of an operation.
struct Words {
    kind: &'static str,
    category: &'static str,
    classification: &'static str,
    issues: &'static [&'static str],
}

fn words(property: &str) -> Words {
    use Property as P;
    let (kind, category, classification, issues): (_, _, _, &[&str]) = match Property::from_name(property) {
        Some(P::IndexUpperBound) => (
            "Out-of-bounds access",
            "OVERRUN",
            "Array index above its bound",
            &[
                "The index of `{}` can be at or above the number of elements.",
                "`{}` may access memory behind the end of the array.",
                "Array overrun: the index in `{}` is not checked against the bound.",
            ],
        ),
        Some(P::IndexLowerBound) => (
            "Negative array index",
            "NEGATIVE_INDEX",
            "Array index below zero",
            &[
                "The index of `{}` can be negative.",
                "A negative value reaches the index in `{}`.",
            ],
        ),
        Some(P::ValidWrite) => (
            "Buffer overflow",
            "BUFFER_OVERFLOW",
            "Write outside of an object",
            &[
                "`{}` may write behind the end of its destination.",
                "Out-of-bounds write: the destination of `{}` can be too small.",
                "The size that `{}` writes is not bounded by the room there is.",
            ],
        ),
        Some(P::ValidRead) => (
            "Out-of-bounds read",
            "OVERRUN",
            "Read outside of an object",
            &[
                "`{}` may read behind the end of its source.",
                "Out-of-bounds read in `{}`.",
                "`{}` reads more than the caller has provided.",
            ],
        ),
        Some(P::NotNull) => (
            "Null pointer dereference",
            "NULL_RETURNS",
            "Dereference of a pointer that may be null",
            &[
                "The pointer in `{}` may be null.",
                "`{}` dereferences what can be NULL.",
            ],
        ),
        Some(P::SignedOverflow | P::UnsignedWrap) => (
            "Integer overflow",
            "INTEGER_OVERFLOW",
            "Arithmetic that leaves its type",
            &[
                "The result of `{}` may not fit its type.",
                "`{}` can overflow.",
                "Integer overflow: the operands of `{}` are not bounded.",
            ],
        ),
        Some(P::LossyConversion) => (
            "Integer truncation",
            "INTEGER_OVERFLOW",
            "Conversion that loses bits",
            &[
                "`{}` is cut off when it is converted to a narrower type.",
                "A value that does not fit is converted in `{}`.",
            ],
        ),
        Some(P::ShiftInRange) => (
            "Shift out of range",
            "BAD_SHIFT",
            "Shift by the width of the type or more",
            &[
                "`{}` may shift by more bits than its type has.",
                "The amount of the shift in `{}` is not bounded.",
            ],
        ),
        Some(P::DivisorNonzero) => (
            "Division by zero",
            "DIVIDE_BY_ZERO",
            "Division by a value that may be zero",
            &["The divisor in `{}` can be zero.", "`{}` may divide by zero."],
        ),
        Some(P::AllocationSize) => (
            "Allocation of a wrong size",
            "INTEGER_OVERFLOW",
            "Size of an allocation that is not bounded",
            &[
                "The size in `{}` can be too large.",
                "`{}` allocates a size that is not checked.",
            ],
        ),
        Some(P::Initialized) => (
            "Uninitialized variable",
            "UNINIT",
            "Use of a value that was not set",
            &[
                "`{}` may be used before it is set.",
                "Uninitialized value in `{}`.",
            ],
        ),
        Some(P::Lifetime) => (
            "Use after free",
            "USE_AFTER_FREE",
            "Use of memory that was given back",
            &[
                "`{}` uses memory that was freed.",
                "The memory in `{}` was freed before.",
            ],
        ),
        _ => (
            "Violated requirement",
            "API_USAGE",
            "Call outside of its contract",
            &[
                "`{}` is called with arguments that it does not allow.",
                "The requirement of `{}` may not hold.",
            ],
        ),
    };
    Words {
        kind,
        category,
        classification,
        issues,
    }
}

/// The report of one refuted obligation.
pub fn report(target: &ObligationReport, file: &str, function: &str, random: &mut Random) -> String {
    let words = words(&target.property);
    let issue = random.word(words.issues).replace("{}", &target.text);
    let found = target.counterexample.as_ref();
    let relevant = found.map(|c| c.relevant_inputs()).unwrap_or_default();
    let relevant: Vec<String> = relevant.into_iter().take(4).collect();
    let mut description = match random.below(4) {
        0 => format!("{} in `{function}`.", words.classification),
        1 => format!("Found in `{function}`, which does not rule it out for all of its callers."),
        2 => String::new(),
        _ => format!("`{function}` is reached with values that nothing has checked."),
    };
    if !relevant.is_empty() && random.percent(60) {
        let start = random.word(&["For example: ", "It happens with ", "Seen for "]);
        let end = if description.is_empty() { "" } else { "\n" };
        description.push_str(&format!("{end}{start}{}.", relevant.join(", ")));
    }
    let severity = random.word(&["High", "Medium", "Critical", "Low"]);
    let report = BugReport {
        id: format!("{}", 1_000_000 + random.below(9_000_000)),
        kind: words.kind.to_owned(),
        category: words.category.to_owned(),
        function: Some(function.to_owned()),
        file: file.into(),
        line: target.location.line,
        issue,
        description,
        cwe: if random.percent(50) {
            vec![target.cwe.clone()]
        } else {
            Vec::new()
        },
        extra: vec![
            ("Classification".to_owned(), words.classification.to_owned()),
            ("Severity".to_owned(), severity.to_owned()),
            ("Status".to_owned(), "New".to_owned()),
        ],
    };
    print(&[report])
}

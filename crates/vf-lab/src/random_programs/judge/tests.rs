//! The judge finds what is planted.

use super::*;

fn machine() -> Machine {
    Machine::find().expect("gcc and the sandbox are there")
}

fn program(body: &str) -> String {
    format!(
        "extern int __VERIFIER_nondet_int(void);\nint a[4];\nint main(void)\n{{\n    \
        int n = __VERIFIER_nondet_int();\n{body}}}\n"
    )
}

fn overrun() -> String {
    program("    return a[n & 7];\n")
}

/// The kinds of defects when the report on a program is changed, and what runs natively is another program.
fn planted(interpreted: &str, native: &str, change: impl FnOnce(&mut CheckReport)) -> Vec<&'static str> {
    let options = JudgeOptions::for_tests();
    let (loaded, mut report) = check(interpreted, &options.check).expect("the program is valid");
    change(&mut report);
    let mut random = Random::new(1, 1);
    let found = compare(
        &machine(),
        native,
        &loaded,
        &report,
        Judgement::default(),
        &mut random,
        &options,
    );
    let found = found.expect("the program runs");
    assert!(found.executions > 0);
    found.defects.iter().map(Defect::kind).collect()
}

fn obligations(report: &mut CheckReport) -> impl Iterator<Item = &mut ObligationReport> {
    report.functions.iter_mut().flat_map(|f| &mut f.obligations)
}

fn all(verdict: Verdict) -> impl FnOnce(&mut CheckReport) {
    move |report| obligations(report).for_each(|o| o.verdict = verdict)
}

const NONE: [&str; 0] = [];

#[test]
fn wrong_verdicts_are_found() {
    let text = overrun();
    assert_eq!(
        planted(&text, &text, all(Verdict::Proved)),
        ["wrong verdict", "report where proved"]
    );
    assert!(planted(&text, &text, all(Verdict::Unreachable)).contains(&"unreachable, but reached"));
    assert_eq!(planted(&text, &text, all(Verdict::Unknown)), NONE);
}

#[test]
fn left_out_obligations_are_found() {
    let text = overrun();
    let forget = |report: &mut CheckReport| report.functions.iter_mut().for_each(|f| f.obligations.clear());
    assert_eq!(planted(&text, &text, forget), ["obligation not reported"]);
}

#[test]
fn wrong_counterexamples_are_found() {
    let text = overrun();
    let without = |report: &mut CheckReport| obligations(report).for_each(|o| o.counterexample = None);
    assert_eq!(planted(&text, &text, without), ["not confirmed"]);
    let harmless = |report: &mut CheckReport| {
        for obligation in obligations(report) {
            if let Some(counterexample) = &mut obligation.counterexample {
                counterexample.input.choices.clear();
            }
        }
    };
    assert_eq!(planted(&text, &text, harmless), ["not confirmed"]);
    // The interpreter overflows, the processor does not.
    let kinds = planted(
        &program("    return n + 1;\n"),
        &program("    return n | 1;\n"),
        |_| {},
    );
    assert!(kinds.contains(&"clean counterexample"), "{kinds:?}");
}

#[test]
fn a_wrong_interpreter_is_found() {
    let right = program("    return n & 7;\n");
    let wrong = program("    return (n & 7) + (n == 7);\n");
    assert_eq!(planted(&wrong, &right, |_| {}), ["results differ"]);
    let inside = program("    return a[n & 3];\n");
    assert_eq!(
        planted(&inside, &overrun(), all(Verdict::Unknown)),
        ["report not interpreted"]
    );
    if machine().has_clang() {
        let unwritten = program(
            "    int x;\n    if (n == 5) {\n        x = 1;\n    }\n    if (x == 3) {\n        return 0;\n    }\n    \
            return 0;\n",
        );
        let written = program("    return 0;\n");
        let kinds = planted(&written, &unwritten, |_| {});
        assert!(kinds.contains(&"uninitialised, not interpreted"), "{kinds:?}");
    }
}

#[test]
fn excluded_executions_are_found() {
    let text = program("    unsigned int sum = (n & 7) * 3;\n    return (int)sum;\n");
    let found = judge(
        &machine(),
        &text,
        &mut Random::new(1, 1),
        &JudgeOptions::for_tests(),
    );
    let found = found.expect("the program runs");
    assert_eq!(found.defects, []);
    assert_eq!((found.probes_found, found.probes_open), (2, 0));

    let options = JudgeOptions::for_tests();
    let (loaded, report) = check(&text, &options.check).expect("the program is valid");
    let mut judge = Judge {
        loaded: &loaded,
        report: &report,
        judgement: Judgement::default(),
        clean: Vec::new(),
    };
    // With nothing given `n` is 0, and so is the sum.
    let chosen = [(
        Input {
            function: "main".to_string(),
            ..Input::default()
        },
        0,
    )];
    let probed = with_probes(&text, &chosen).expect("the form is the generator's");
    let (loaded, mut report) = check(&probed, &options.check).expect("the probe is valid");
    all(Verdict::Unreachable)(&mut report);
    judge.weigh(&loaded, &report, &chosen);
    let kinds: Vec<_> = judge.judgement.defects.iter().map(Defect::kind).collect();
    assert_eq!(kinds, ["execution excluded"]);
}

#[test]
fn right_verdicts_are_no_defects() {
    let found = judge(
        &machine(),
        &overrun(),
        &mut Random::new(1, 1),
        &JudgeOptions::for_tests(),
    );
    let found = found.expect("the program runs");
    assert_eq!(found.defects, []);
    assert_eq!(found.confirmed_natively, 1);
    assert!(found.violations > 0);
}

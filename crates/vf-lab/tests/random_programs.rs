//! A small campaign: the verdicts on 100 random programs against their executions.

use std::collections::BTreeMap;

use vf_lab::random_programs::{Campaign, Defect, JudgeOptions, Judged};
use vf_verify::report::{Overall, Verdict};

/// Fixed, so that the test says the same every time.
const SEED: u64 = 300;

#[test]
fn no_execution_contradicts_a_verdict() {
    let campaign = Campaign {
        seed: SEED,
        first: 0,
        count: 100,
        threads: 2,
        reduce: false,
        options: JudgeOptions::for_tests(),
    };
    let mut defects: BTreeMap<u64, (Vec<Defect>, String)> = BTreeMap::new();
    let summary = campaign
        .run(&mut |judged: &Judged| {
            if !judged.judgement.defects.is_empty() {
                defects.insert(
                    judged.number,
                    (judged.judgement.defects.clone(), judged.text.clone()),
                );
            }
        })
        .expect("gcc and the sandbox are there");
    let shown: String = defects
        .iter()
        .map(|(number, (defects, text))| {
            let lines: String = defects.iter().map(|d| format!("{}: {d}\n", d.kind())).collect();
            format!("seed {SEED} number {number}\n{lines}{text}\n")
        })
        .collect();
    assert!(
        defects.is_empty(),
        "{} programs with defects\n{shown}",
        defects.len()
    );

    // The comparison compared something: programs of both sorts, verdicts of all sorts, executions of most programs.
    assert_eq!(summary.programs, 100);
    let overall = |o| summary.overall.get(&o).copied().unwrap_or(0);
    assert!(overall(Overall::Proved) > 16, "{summary}");
    assert!(overall(Overall::Refuted) > 5, "{summary}");
    assert!(summary.count(Verdict::Proved) > 500, "{summary}");
    assert!(summary.confirmed_natively >= 1, "{summary}");
    assert!(summary.executions >= 1600, "{summary}");
}

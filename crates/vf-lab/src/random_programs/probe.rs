//! Probes: does what the prover takes to be possible include what happens?
//!
//! The obligations of a program ask about indices, divisors and sizes; a wrong value elsewhere goes unseen. So the
//! results of executions are put back into the program: `main` ends with
//!
//! ```c
//! if (n4_given == 7 && n5_given == 0 && sum == 1234u) {
//!     reach_error();
//! }
//! ```
//!
//! An execution is known to get there, so that no correct prover says that none does. With the inputs given, little is
//! left for the solver to search.

use vf_ir::input::{ChoiceKind, Input, InputValue};

/// How a program's text calls for a value from outside.
const OUTSIDE: &str = "__VERIFIER_nondet_";

/// The program with one probe for each execution: its input, and what it returned. `None` where an input is asked for
/// outside of `main`, or in another form than the generator's.
pub(super) fn with_probes(text: &str, executions: &[(Input, i32)]) -> Option<String> {
    let mut probed = Vec::new();
    let mut given = Vec::new();
    let mut in_main = false;
    let mut end = None;
    for line in text.lines() {
        in_main |= line == "int main(void)";
        if in_main && line == "    return (int)sum;" {
            end = Some(probed.len());
        }
        probed.push(line.to_string());
        if !line.contains(OUTSIDE) || line.starts_with("extern ") {
            continue;
        }
        let (ty, name) = in_main.then(|| declared(line)).flatten()?;
        probed.push(format!("    {ty} {name}_given = {name};"));
        given.push((ty, name));
    }
    let end = end?;
    let mut probes = vec!["    extern void reach_error(void);".to_string()];
    for (input, result) in executions {
        let mut condition = String::new();
        for (index, (ty, name)) in given.iter().enumerate() {
            let value = value_of(input, index)?;
            condition.push_str(&format!("{name}_given == ({ty}){value}UL && "));
        }
        probes.push(format!("    if ({condition}sum == {}u) {{", *result as u32));
        probes.push("        reach_error();".to_string());
        probes.push("    }".to_string());
    }
    probed.splice(end..end, probes);
    Some(probed.join("\n") + "\n")
}

/// Type and name of `    unsigned int n4 = __VERIFIER_nondet_uint();`.
fn declared(line: &str) -> Option<(&str, &str)> {
    let (declarator, call) = line.strip_prefix("    ")?.split_once(" = ")?;
    let plain = call.starts_with(OUTSIDE) && call.ends_with("();") && !declarator.starts_with(' ');
    declarator.rsplit_once(' ').filter(|_| plain)
}

/// The value of the nth call for one; zero behind the last.
fn value_of(input: &Input, index: usize) -> Option<u64> {
    match input.choices.get(index).map(|c| &c.kind) {
        None => Some(0),
        Some(ChoiceKind::Value(InputValue::Int { value, .. })) => Some(*value as u64),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use vf_ir::input::Choice;

    use super::*;

    const PROGRAM: &str = "extern int __VERIFIER_nondet_int(void);\nint main(void)\n{\n    \
        int n1 = __VERIFIER_nondet_int();\n    unsigned int sum = 0;\n    return (int)sum;\n}\n";

    fn input(value: u128) -> Input {
        Input {
            function: "main".to_string(),
            choices: vec![Choice {
                function: String::new(),
                kind: ChoiceKind::Value(InputValue::Int { bits: 64, value }),
                writes: Vec::new(),
            }],
            ..Input::default()
        }
    }

    #[test]
    fn results_go_in_front_of_the_end() {
        let probed = with_probes(PROGRAM, &[(input(7), -1)]).expect("the form is the generator's");
        assert!(probed.contains("    int n1_given = n1;\n"));
        assert!(probed.contains(
            "    if (n1_given == (int)7UL && sum == 4294967295u) {\n        reach_error();\n    }\n    return (int)sum;"
        ));
    }

    #[test]
    fn inputs_of_other_functions_cannot_be_named() {
        let helper = format!("int f(void)\n{{\n    return __VERIFIER_nondet_int();\n}}\n{PROGRAM}");
        assert_eq!(with_probes(&helper, &[(input(7), 0)]), None);
    }
}

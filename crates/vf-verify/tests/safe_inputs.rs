//! Inputs on which nothing is violated: executed, and with the check of interest on their way.

use std::path::Path;
use std::time::Duration;

use vf_frontend::Options;
use vf_ir::Property;
use vf_verify::{CheckOptions, Executions};

const TEXT: &str = r#"
int table[8];
int other[4];
int pick(int i, int j)
{
	if (j >= 0 && j < 4)
		other[j] = 1;
	if (i < 0)
		return -1;
	return table[i];
}
"#;

fn executions() -> Executions {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/not-on-disk.c");
    let options = Options {
        overlay: vec![(file.clone(), TEXT.to_owned())],
        ..Options::new("cc")
    };
    let loaded = vf_frontend::load(&[file], &options).expect("the text loads");
    let check = CheckOptions {
        rlimit: Some(3_000_000),
        ..CheckOptions::default()
    };
    Executions::new(&loaded.program, &check)
}

#[test]
fn safe_inputs_come_to_the_obligation_that_is_asked_about() {
    let executions = executions();
    let time = Duration::from_secs(10);
    let kinds = [(Property::IndexUpperBound, "table[i]")];
    let found = executions.safe_inputs_reaching("pick", &kinds, time);
    assert!(!found.is_empty());
    for input in &found {
        let words = executions.in_words(input);
        let i: i64 = words["i"].parse().expect("a number");
        assert!((0..8).contains(&i), "{words:?}");
    }
    // Without a wish, others are there, too: one that returns early among them.
    let all = executions.safe_inputs("pick", time);
    assert!(all.len() >= found.len());
    let none = [(Property::DivisorNonzero, "table[i]")];
    assert!(executions.safe_inputs_reaching("pick", &none, time).is_empty());
    assert!(executions.safe_inputs_reaching("nobody", &kinds, time).is_empty());
}

use std::collections::BTreeMap;
use std::sync::Arc;

use vf_verify::report::{Counterexample, Location, Verdict};

use super::*;
use crate::model_proposer::read_answer;
use crate::proposer::{Candidate, Style};

const TEXT: &str = "\
#define DESCRIPTOR_SLOTS 24
struct frobnicator { int wibble[DESCRIPTOR_SLOTS]; unsigned int flags; };
int frob_lookup(struct frobnicator *self, int position)
{
	if (position < 0)
		return -EINVAL;

	/* a comment */
	pr_err(\"looked at %d\\n\", position);
	return self->wibble[position] + 4711;
}
";

fn context(text: &str) -> Context {
    let found = crate::ctext::functions::functions(text);
    let function = found.last().expect("a function");
    let counterexample: Counterexample = serde_json::from_value(serde_json::json!({
        "inputs": { "position": "24", "self->flags": "-70000", "other": "null" },
        "relevant": ["position", "self->flags", "other"],
        "trace": [], "replay": "not-run",
        "input": { "function": "f", "objects": [], "arguments": [], "globals": [], "choices": [] }
    }))
    .expect("a counterexample");
    Context {
        report: None,
        tree: None,
        file: "a.c".into(),
        text: Arc::from(text),
        function: function.name.clone(),
        span: function.range.clone(),
        failed: vec![ObligationReport {
            id: "frob_lookup/index-upper-bound/1".into(),
            property: "index-upper-bound".into(),
            cwe: "CWE-787".into(),
            location: Location {
                file: "a.c".into(),
                line: 10,
                column: 9,
            },
            text: "self->wibble[position]".into(),
            verdict: Verdict::Refuted,
            reason: None,
            bound: None,
            counterexample: Some(counterexample),
            needs: None,
            suggested_invariants: Vec::new(),
            assumptions: Vec::new(),
        }],
        all: Vec::new(),
        program: None,
        style: Style::User,
    }
}

/// The words of a prompt by their names.
fn spelled(numbers: &[u32]) -> String {
    let names = words().names();
    let each = numbers.iter().map(|n| names[*n as usize].as_str());
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn names_become_slots() {
    let encoded = encode(&context(TEXT), &[]).expect("it fits");
    let prompt = spelled(&encoded.prompt);
    for name in [
        "frob",
        "wibble",
        "position",
        "DESCRIPTOR",
        "4711",
        "looked",
        "comment",
    ] {
        assert!(!prompt.contains(name), "{name} in {prompt}");
    }
    for part in [
        "<|bug|> <|index-upper-bound|> <|L8|>",
        "<|case|> <v1> <|is|> 24",
        "<|negative|> <|2^17|>",
        "<|is|> <|null|>",
        "<|uses|>",
        "<|L1|> <|break0|> int ▁<f0> ( struct ▁<T0> ▁* <v0> , ▁int ▁<v1> )",
        "<|L8|> <|break1|> return ▁<v0> -> <m0> [ <v1> ] ▁+ ▁<n0> ; <|L9|> <|break0|> }",
    ] {
        assert!(prompt.contains(part), "{part:?} is not in\n{prompt}");
    }
    assert!(prompt.ends_with("<|answer|>"));
    assert_eq!(encoded.names.text(Slot::Type, 0), Some("frobnicator"));
}

#[test]
fn an_answer_is_the_edit_to_the_byte() {
    let context = context(TEXT);
    let encoded = encode(&context, &[]).expect("it fits");
    let line = |n| vf_source::line_start(TEXT, n).expect("a line");
    let edits = [
        TextEdit {
            range: line(5)..line(6),
            replacement: "\tif (position < 0 || position >= DESCRIPTOR_SLOTS)\n".to_owned(),
        },
        TextEdit {
            range: line(9)..line(9),
            replacement: "\tself->flags = 0;\n".to_owned(),
        },
    ];
    let found = answer(&context, &encoded, &edits).expect("all of its names are known");
    let text = encoded.decode(&found);
    let expected =
        "```edit\n5-5:\n\tif (position < 0 || position >= DESCRIPTOR_SLOTS)\n9-:\n\tself->flags = 0;\n```";
    assert_eq!(text, expected);
    assert_eq!(read_answer(&context, "", &text), Ok(edits.to_vec()));
    let bytes = encoded.bytes();
    let joined: Vec<u8> = found.iter().flat_map(|n| bytes[*n as usize].clone()).collect();
    assert_eq!(joined, expected.as_bytes());

    // A name that the prompt has not got cannot be said, nor half a line.
    let new = |range: std::ops::Range<usize>, replacement: &str| TextEdit {
        range,
        replacement: replacement.to_owned(),
    };
    for bad in [
        new(line(6)..line(6), "\tgrault = 1;\n"),
        new(line(6) + 1..line(7), "x\n"),
    ] {
        assert_eq!(answer(&context, &encoded, &[bad]), None);
    }
}

#[test]
fn attempts_are_told() {
    let context = context(TEXT);
    let line = |n| vf_source::line_start(TEXT, n).expect("a line");
    let edit = TextEdit {
        range: line(5)..line(6),
        replacement: "\tif (position < 1)\n".to_owned(),
    };
    let feedback = Feedback {
        candidate: Candidate {
            edits: vec![edit],
            origin: "test".into(),
            note: String::new(),
        },
        function_text: String::new(),
        failure: Failure::StillFails {
            obligations: context.failed.clone(),
        },
        round: 1,
    };
    let encoded = encode(&context, &[feedback]).expect("it fits");
    let prompt = spelled(&encoded.prompt);
    let end = "<|tried|> <|```edit|> <|L3|> - <|L3|> : <|break1|> if ▁( <v1> ▁< ▁1 ) <|break0|> <|```|> <|failed|> \
               <|refuted|> <|index-upper-bound|> <|L8|> <|answer|>";
    assert!(prompt.ends_with(end), "{prompt}");
}

#[test]
fn what_does_not_fit_is_said() {
    let many: String = (0..60).map(|i| format!("\tint variable_{i};\n")).collect();
    let text = |body: &str| format!("int f(int i)\n{{\n{body}\treturn i;\n}}\n");
    let error = |body: &str| encode(&context(&text(body)), &[]).err();
    assert_eq!(error(&many), Some(TooMuch::Names));
    assert_eq!(error(&"\n\ti++;".repeat(200)), Some(TooMuch::Lines));
    assert_eq!(
        error(&"\ti = i + i + i + i + i + i + i + i + i;\n".repeat(60)),
        Some(TooMuch::Words)
    );
    assert_eq!(error("#ifdef X\n#endif\n"), Some(TooMuch::Directives));
    assert_eq!(error("\t@;\n"), Some(TooMuch::Names));
}

/// Whatever the text is, nothing panics, and the prompt's function is what was there, blanks aside.
#[test]
fn any_text_has_words_or_a_reason() {
    let mut inputs: BTreeMap<&str, bool> = BTreeMap::new();
    for body in [
        "\tx = '\\x41' + \"a\" \"b\"[0];\n",
        "    int a[2] = {0, 1};\n",
        "\tdo { i--; } while (i > 0);\n",
        "\tif (i) {\n\n\t}\n",
        "\t\"\n",
    ] {
        let text = format!("int f(int i)\n{{\n{body}\treturn i;\n}}\n");
        let fits = encode(&context(&text), &[]).is_ok();
        inputs.insert(body, fits);
    }
    assert!(inputs.values().filter(|fits| **fits).count() >= 4, "{inputs:?}");
}

//! The arms that ask: guards are evaluated as C does, and only what no rest repairs is pruned.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use vf_guide::scope::Scope;
use vf_guide::testing::options;
use vf_guide::{
    Evaluator, GuardGuide, GuardOracle, GuardVerdict, Inputs, PrefixGuide, PrefixOracle, PrefixVerdict,
    ProverOracle, Vocabulary, facts,
};
use vf_model::guide::{Check, Guide};
use vf_repair::checker::{CheckError, CheckRequest};
use vf_repair::ctext::functions::functions;

const GUARDED: &str = "#define LIMIT 8\n#define BIG 0xffffffffu\n#define SET(x) ((x) = 1)\n\
struct q { unsigned short count; long size; unsigned flag : 2; };\n\
void put(struct q *q);\n\
int f(struct q *q, int i, unsigned n, unsigned char c, int moved, int set)\n\
{\n\
\tint k = i;\n\
\tmoved++;\n\
\tSET(set);\n\
\tput(q);\n\
\treturn k;\n\
}\n";

fn evaluator(counterexamples: &[&[(&str, &str)]], safe: &[&[(&str, &str)]]) -> Evaluator {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("g.c");
    std::fs::write(&file, GUARDED).expect("the folder is writable");
    let facts = facts::read(&file, GUARDED, "f", &options(Vec::new(), None)).expect("the front end takes it");
    let function = functions(GUARDED).into_iter().next().expect("f");
    let scope = Scope::of(GUARDED, &function, &facts);
    let inputs = |all: &[&[(&str, &str)]]| -> Vec<Inputs> {
        all.iter()
            .map(|one| {
                one.iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect()
            })
            .collect()
    };
    Evaluator::new(
        GUARDED,
        &function,
        scope,
        &facts.program,
        inputs(counterexamples),
        inputs(safe),
    )
}

/// A guard before line 8, the first statement, on one counterexample.
fn on(inputs: &[(&str, &str)], condition: &str) -> GuardVerdict {
    evaluator(&[inputs], &[]).judge(condition, 8, false)
}

#[test]
fn conditions_are_evaluated_with_the_types_of_c() {
    let inputs = [
        ("i", "-1"),
        ("n", "4294967295"),
        ("c", "255"),
        ("q->count", "9"),
        ("q->size", "-3"),
    ];
    for caught in [
        "i < 0",
        "n >= LIMIT",
        "n == BIG",
        // The usual arithmetic conversions make -1 the largest unsigned number.
        "i > 5u",
        "i == n",
        "i >= BIG",
        "c + 1 > 255",
        "c == 255 && (i < 0 || unknown(i))",
        "q->count > LIMIT",
        "q->size < 0",
        "!(n < 3)",
        "(c & 0xf0) == 240",
        "~i == 0",
        "n + 1 == 0",
        "i < 0 ? 1 : 0",
    ] {
        assert_eq!(on(&inputs, caught), GuardVerdict::Good, "{caught}");
    }
    for missed in [
        "i > 0",
        "i < 5u",
        "n < LIMIT",
        "q->count > 9",
        "c < 255",
        "i > 0 && unknown(i)",
        "n + 1",
    ] {
        assert!(
            matches!(on(&inputs, missed), GuardVerdict::LetsThrough(_)),
            "{missed}"
        );
    }
}

#[test]
fn what_has_no_certain_value_is_not_judged() {
    let inputs = [
        ("i", "1"),
        ("moved", "1"),
        ("set", "1"),
        ("k", "1"),
        ("q->count", "9"),
        ("q->flag", "1"),
        ("q", "NULL"),
    ];
    for unknown in [
        "moved == 2",     // changed somewhere
        "set == 2",       // perhaps by a macro
        "k == 2",         // no input
        "n == 2",         // not in the counterexample
        "q->flag == 2",   // a bit-field
        "!q",             // a pointer
        "unknown(i) > 2", // a call
        "i / 0",
        "i <",
        "i << 40",
        "2147483647 + i > 0",
    ] {
        assert_eq!(on(&inputs, unknown), GuardVerdict::CannotTell, "{unknown}");
    }
    // Behind the call, memory may be another.
    let all = evaluator(&[&inputs], &[]);
    assert!(matches!(
        all.judge("q->count > 9", 8, false),
        GuardVerdict::LetsThrough(_)
    ));
    assert_eq!(all.judge("q->count > 9", 12, false), GuardVerdict::CannotTell);
    assert!(matches!(
        all.judge("i > 1", 12, false),
        GuardVerdict::LetsThrough(_)
    ));
}

#[test]
fn a_safe_input_is_not_rejected() {
    let both = evaluator(&[&[("i", "9")]], &[&[("i", "3")]]);
    assert_eq!(both.judge("i > 8", 8, true), GuardVerdict::Good);
    assert!(matches!(both.judge("i > 2", 8, true), GuardVerdict::Rejects(_)));
    assert_eq!(
        both.judge("i > 2", 8, false),
        GuardVerdict::Good,
        "it does not leave"
    );
    assert!(matches!(
        both.judge("i > 9", 8, true),
        GuardVerdict::LetsThrough(_)
    ));
}

fn letters() -> (Vocabulary, Vec<Vec<u8>>) {
    let words: Vec<Vec<u8>> = (0..=127u8).map(|b| vec![b]).collect();
    (Vocabulary::new(words.clone()).expect("a vocabulary"), words)
}

/// Writes a text letter by letter; where it was pruned, if it was.
fn write(guide: &mut dyn Guide, text: &str) -> Option<usize> {
    for (i, byte) in text.bytes().enumerate() {
        if let Check::Prune(_) = guide.check(u32::from(byte)).expect("checks") {
            return Some(i);
        }
        guide.advance(u32::from(byte)).expect("advances");
    }
    None
}

#[test]
fn a_guard_is_judged_when_its_line_is_complete() {
    let (vocabulary, _) = letters();
    let oracle: Arc<dyn GuardOracle> = Arc::new(evaluator(&[&[("i", "9")]], &[&[("i", "3")]]));
    let guide = GuardGuide::new(oracle, &vocabulary);
    let run = |text: &str| write(guide.fork().as_mut(), text);
    let useless = "```edit\n8-:\n\tif (i > 9)\n";
    assert_eq!(run(useless), Some(useless.len() - 1));
    assert_eq!(run("8-:\n\tif (i > 9)\n"), Some(15), "without the fence, too");
    assert_eq!(run("```edit\n8-:\n\tif (i > 8)\n\t\treturn 0;\n```"), None);
    let strict = "```edit\n8-:\n\tif (i > 2)\n\t\treturn 0;\n";
    assert_eq!(run(strict), Some(strict.len() - 1), "when its body is there");
    assert_eq!(run("```edit\n8-:\n\tif (i > 2)\n\t\tk = 0;\n```"), None);
    // Braces may get an `else`; a replacement changes more than the guard; what comes first may change values.
    assert_eq!(run("```edit\n8-:\n\tif (i > 9) {\n\t\treturn 0;\n"), None);
    assert_eq!(run("```edit\n8-8:\n\tif (i > 9)\n\t\treturn 0;\n"), None);
    assert_eq!(
        run("```edit\n8-:\n\ti = 10;\n\tif (i < 9)\n\t\treturn 0;\n"),
        None
    );
    assert_eq!(guide.statistics().pruned, 3, "of all forks");
}

const PROVED: &str = "int t[8];\nint f(int i)\n{\n\tint k = 0;\n\tk = t[i];\n\tfor (i = 0; i < 3; i++)\n\t\tk++;\n\treturn k;\n}\n";

type Seen = Arc<Mutex<Vec<String>>>;

fn prover(calls: usize) -> (ProverOracle, Seen) {
    let seen: Seen = Arc::default();
    let told = seen.clone();
    let ask = move |request: &CheckRequest<'_>| {
        let text = request
            .overlay
            .first()
            .map(|(_, t)| t.clone())
            .unwrap_or_default();
        told.lock().expect("the lock").push(text);
        Err(CheckError::Load {
            file: request.file.to_path_buf(),
            message: "scripted".to_owned(),
        })
    };
    let oracle = ProverOracle::new(
        Box::new(ask),
        Path::new("f.c"),
        PROVED,
        "f",
        vec!["f/index-upper-bound/1".to_owned()],
        calls,
        Duration::from_secs(1),
    );
    (oracle, seen)
}

#[test]
fn the_prover_sees_the_prefix_and_nothing_behind_it() {
    let (oracle, seen) = prover(2);
    assert_eq!(
        oracle.judge("5-5:\n\tif (i > 9)\n\t\treturn 0;\n"),
        PrefixVerdict::Open
    );
    let text = seen.lock().expect("the lock").first().cloned().expect("asked");
    assert!(
        text.contains("\tif (i > 9)\n\t\treturn 0;\nvf_guide_stop();\n\tfor"),
        "{text}"
    );
    assert!(
        text.starts_with("int t[8];\nvoid vf_guide_stop(void)") && !text.contains("k = t[i]"),
        "{text}"
    );
    // The same text is asked once, however it is spaced; then the budget is used up.
    oracle.judge("5-5:\n\tif (i > 9)\n\t\t\treturn 0;\n");
    assert_eq!(seen.lock().expect("the lock").len(), 1);
    oracle.judge("5-:\n\tk = 1;\n");
    oracle.judge("5-:\n\tk = 2;\n");
    assert_eq!(seen.lock().expect("the lock").len(), 2);
    // Where the rest could matter, nobody is asked.
    let (oracle, seen) = prover(9);
    for edit in [
        "7-7:\n\tk = 1;\n",
        "5-:\n\tk = 1;\n6-:\n\tk = 2;\n",
        "5-:\n",
        "50-:\n\tk = 1;\n",
        "k = 1;\n",
    ] {
        assert_eq!(oracle.judge(edit), PrefixVerdict::Open, "{edit}");
    }
    assert!(seen.lock().expect("the lock").is_empty());
}

/// Knows some edits that are refuted.
struct Script(BTreeMap<&'static str, &'static str>);

impl PrefixOracle for Script {
    fn judge(&self, edit: &str) -> PrefixVerdict {
        match self.0.get(edit) {
            Some(why) => PrefixVerdict::Refuted((*why).to_owned()),
            None => PrefixVerdict::Open,
        }
    }
}

#[test]
fn statements_are_judged_when_they_are_whole() {
    let (vocabulary, _) = letters();
    let script = Script(BTreeMap::from([
        ("5-:\n\tk = t[9];\n", "t[9]"),
        ("5-:\n\tif (i) {\n\t\tk = 1;\n\t}\n", "never mind"),
    ]));
    let guide = PrefixGuide::new(Arc::new(script), &vocabulary);
    let run = |text: &str| write(guide.fork().as_mut(), text);
    assert_eq!(run("```edit\n5-:\n\tk = t[9];\n"), Some(22));
    assert_eq!(run("```edit\n5-:\n\tif (i) {\n\t\tk = 1;\n\t}\n"), Some(33));
    assert_eq!(run("```edit\n5-:\n\tk = 2;\n```"), None);
    assert_eq!(
        (guide.statistics().pruned, guide.statistics().prover_calls),
        (2, 3)
    );
}

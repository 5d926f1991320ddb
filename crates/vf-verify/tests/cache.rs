//! Answers of earlier runs: the same as new ones, found where nothing that they rest on has changed, and only there.

use std::path::{Path, PathBuf};

use vf_cache::{Cache, DEFAULT_BYTES, Tool, Usage};
use vf_frontend::{Loaded, Options};
use vf_ir::Property;
use vf_verify::report::{CheckReport, Verdict};
use vf_verify::{CheckOptions, Wraps};

const TEXT: &str = r#"
struct node { struct node *next; int value; };
#define LIMIT 8
int table[LIMIT];
static int bounded(int i)
{
	return i < 0 || i >= LIMIT ? 0 : i;
}
int proved(int i)
{
	return table[bounded(i)];
}
int refuted(int i)
{
	if (i < 0 || i > LIMIT)
		return -1;
	return table[i];
}
int second(struct node *n)
{
	return n->next->value;
}
int loops(const unsigned char *p, unsigned n)
{
	int sum = 0;
	for (unsigned i = 0; i < n; i++)
		sum ^= p[i];
	return sum;
}
"#;

/// Functions that are looked at on their own.
const ENTRIES: u64 = 4;

fn load(text: &str) -> Loaded {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/not-on-disk.c");
    let options = Options {
        overlay: vec![(file.clone(), text.to_string())],
        ..Options::new("cc")
    };
    vf_frontend::load(&[file], &options).expect("the text loads")
}

fn options() -> CheckOptions {
    CheckOptions {
        rlimit: Some(3_000_000),
        ..CheckOptions::default()
    }
}

fn check(text: &str, options: &CheckOptions) -> CheckReport {
    let loaded = load(text);
    vf_verify::check(
        &loaded.program,
        &loaded.sources,
        &loaded.main_files,
        options,
        &mut |_| {},
    )
}

/// What a report says, without how long it took and where it is from.
fn said(report: &CheckReport) -> String {
    let mut report = report.clone();
    report.elapsed_ms = 0;
    for function in &mut report.functions {
        function.search = None;
    }
    serde_json::to_string_pretty(&report).expect("a report")
}

struct Kept {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Kept {
    /// A cache that knows `TEXT`.
    fn new() -> Kept {
        let folder = tempfile::tempdir().expect("temporary directory");
        let kept = Kept {
            path: folder.path().to_path_buf(),
            _folder: folder,
        };
        let (_, usage) = kept.check(TEXT, &options());
        let all = Usage {
            found: 0,
            missed: ENTRIES,
            kept: ENTRIES,
        };
        assert_eq!(usage, all);
        kept
    }

    fn check(&self, text: &str, options: &CheckOptions) -> (CheckReport, Usage) {
        let cache = Cache::open(&self.path, Tool::named("test"), DEFAULT_BYTES).expect("a folder");
        let options = CheckOptions {
            cache: Some(cache.clone()),
            ..options.clone()
        };
        (check(text, &options), cache.usage())
    }

    /// How many entries are found for a text, which is judged as without a cache.
    fn found(&self, text: &str) -> u64 {
        let (report, usage) = self.check(text, &options());
        assert_eq!(said(&report), said(&check(text, &options())));
        usage.found
    }
}

fn changed(from: &str, to: &str) -> String {
    assert!(TEXT.contains(from), "{from}");
    TEXT.replacen(from, to, 1)
}

#[test]
fn the_same_again() {
    let kept = Kept::new();
    let (report, usage) = kept.check(TEXT, &options());
    assert_eq!((usage.found, usage.missed), (ENTRIES, 0));
    let fresh = check(TEXT, &options());
    assert_eq!(said(&report), said(&fresh));
    let from_cache = |r: &CheckReport| {
        r.functions
            .iter()
            .filter_map(|f| f.search.clone())
            .filter(|s| s.from_cache)
            .count()
    };
    assert_eq!((from_cache(&report), from_cache(&fresh)), (ENTRIES as usize, 0));
    let refuted = report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .filter(|o| o.verdict == Verdict::Refuted);
    assert_eq!(refuted.count(), 1);
    // Under a time limit too: what is kept is decided for good.
    let limited = CheckOptions {
        timeout: Some(std::time::Duration::from_secs(3600)),
        ..options()
    };
    assert_eq!(kept.check(TEXT, &limited).1.found, ENTRIES);
}

#[test]
fn functions_that_stand_elsewhere_now_are_found_and_shown_there() {
    let kept = Kept::new();
    let moved = changed(
        "static int bounded",
        "\n/* A comment. */\n\nint more;\nstatic int bounded",
    );
    assert_eq!(kept.found(&moved), ENTRIES);
    let (report, _) = kept.check(&moved, &options());
    let refuted = report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .find(|o| o.verdict == Verdict::Refuted);
    let refuted = refuted.expect("one is refuted");
    let line = 1 + moved[..moved.find("return table[i]").expect("it is there")]
        .matches('\n')
        .count() as u32;
    let counterexample = refuted.counterexample.as_ref().expect("a counterexample");
    assert_eq!(refuted.location.line, line);
    assert!(counterexample.slice.iter().any(|l| l.location.line == line));
    assert_eq!(counterexample.trace.last().map(|t| t.location.line), Some(line));
}

#[test]
fn what_an_answer_rests_on_is_proved_anew() {
    let kept = Kept::new();
    for (from, to, found) in [
        // A callee: only its caller.
        ("i >= LIMIT ? 0", "i > LIMIT ? 0", ENTRIES - 1),
        // A macro: both that use it, one of them by its callee. The array is as long as before.
        (
            "int table[LIMIT];\n",
            "int table[LIMIT];\n#undef LIMIT\n#define LIMIT 7\n",
            ENTRIES - 2,
        ),
        // A global's type: both that name it.
        ("int table[LIMIT]", "int table[LIMIT + 1]", ENTRIES - 2),
        // A record.
        ("int value;", "long value;", ENTRIES - 1),
        // The body itself, in a place that no proof needs.
        ("sum ^= p[i]", "sum ^= p[i] + 1", ENTRIES - 1),
        // A word elsewhere: a member that is compared with null somewhere may be null everywhere.
        (
            "int proved(int i)\n{",
            "int other(struct node *n)\n{\n\tif (n->next)\n\t\treturn 1;\n\treturn 0;\n}\nint proved(int i)\n{",
            ENTRIES - 1,
        ),
    ] {
        assert_eq!(kept.found(&changed(from, to)), found, "{to}");
    }
}

#[test]
fn other_questions_have_other_answers() {
    let kept = Kept::new();
    let base = options();
    for other in [
        CheckOptions {
            wraps: Wraps::All,
            ..base.clone()
        },
        CheckOptions {
            properties: vec![Property::IndexUpperBound],
            ..base.clone()
        },
        CheckOptions {
            rlimit: Some(2_999_999),
            ..base.clone()
        },
        CheckOptions {
            unroll: Some(3),
            ..base.clone()
        },
        CheckOptions {
            without: [vf_verify::search::Source::Zone].into(),
            ..base.clone()
        },
    ] {
        let (report, usage) = kept.check(TEXT, &other);
        assert_eq!(usage.found, 0, "{other:?}");
        assert_eq!(said(&report), said(&check(TEXT, &other)));
    }
    // Which of the functions are asked for is no part of an answer.
    let one = CheckOptions {
        functions: vec!["refuted".to_string()],
        ..base
    };
    assert_eq!(kept.check(TEXT, &one).1.found, 1);
}

#[test]
fn what_is_not_decided_is_not_kept() {
    let kept = Kept::new();
    // Nothing can be decided with no work at all.
    let idle = CheckOptions {
        rlimit: Some(1),
        ..options()
    };
    let hard = "int f(unsigned a, unsigned b, unsigned c)\n{\n\treturn a * b == c * c + 7 && a > 1 && b > 1 && c > 9 ? 1 / (int)(a - 3) : 0;\n}\n";
    let (report, usage) = kept.check(hard, &idle);
    let open = report
        .functions
        .iter()
        .flat_map(|f| &f.obligations)
        .filter(|o| o.verdict == Verdict::Unknown);
    assert!(open.count() > 0, "{}", said(&report));
    assert_eq!(usage.kept, 0);
}

#[test]
fn a_damaged_answer_is_proved_anew() {
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder)
            .expect("folder")
            .map(|e| e.expect("entry").path());
        entries
            .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
            .collect()
    }
    let kept = Kept::new();
    let answers = files(&kept.path);
    assert_eq!(answers.len() as u64, ENTRIES);
    for answer in &answers {
        let mut bytes = std::fs::read(answer).expect("file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        std::fs::write(answer, bytes).expect("file");
    }
    assert_eq!(kept.found(TEXT), 0);
    assert_eq!(kept.found(TEXT), ENTRIES);
}

#[test]
fn another_tool_finds_nothing() {
    let kept = Kept::new();
    let cache = Cache::open(&kept.path, Tool::named("a later build"), DEFAULT_BYTES).expect("a folder");
    let options = CheckOptions {
        cache: Some(cache.clone()),
        ..options()
    };
    check(TEXT, &options);
    assert_eq!(cache.usage().found, 0);
}

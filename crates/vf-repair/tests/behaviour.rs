//! Which changes of a function executions tell apart, with the real front end and prover.

use std::time::Duration;

use vf_repair::{Behaviour, PatchInput, PatchReport, PatchVerdict, ProverChecker, judge_patch};

fn judged(old: &str, new: &str) -> PatchReport {
    let folder = tempfile::tempdir().expect("folder");
    let (before, after) = (folder.path().join("old.c"), folder.path().join("new.c"));
    std::fs::write(&before, old).expect("written");
    std::fs::write(&after, new).expect("written");
    let options = vf_frontend::Options::new("cc");
    let check = vf_verify::CheckOptions::within(Duration::from_secs(20));
    let mut checker = ProverChecker::new(options, check);
    judge_patch(&PatchInput::Files { before, after }, &mut checker, None).expect("judged")
}

/// What an execution shows of a change, `None` for nothing.
fn shown(old: &str, from: &str, to: &str) -> Option<(Vec<String>, Vec<String>)> {
    assert!(old.contains(from), "{from}");
    let report = judged(old, &old.replacen(from, to, 1));
    let found = report.difference.map(|d| (d.before, d.after));
    assert_eq!(report.behaviour == Behaviour::Changed, found.is_some());
    found
}

const LOOKUP: &str = "static int table[8];
static unsigned hits;
int note(int what);
int lookup(int i)
{
	if (i < 0 || i > 8)
		return -1;
	hits++;
	note(i);
	return table[i];
}
";

#[test]
fn a_right_guard_changes_nothing() {
    assert_eq!(shown(LOOKUP, "i > 8", "i > 7"), None);
    assert_eq!(
        judged(LOOKUP, &LOOKUP.replace("i > 8", "i > 7")).verdict,
        PatchVerdict::ProvenFix
    );
}

#[test]
fn degenerate_fixes_are_told() {
    let words = |from: &str, to: &str| {
        let (before, after) = shown(LOOKUP, from, to).unwrap_or_else(|| panic!("{from} -> {to}"));
        (before.join("; "), after.join("; "))
    };
    // Too strict: what was answered is refused.
    let (before, after) = words("i > 8", "i > 6");
    assert!(before.contains("calls `note("), "{before}");
    assert!(after.starts_with("returns -1"), "{after}");
    // The sink is out of reach.
    words("i < 0 || i > 8", "1");
    words("return table[i]", "return 0");
    // An effect is gone, or another one is there.
    let (before, after) = words("hits++;", "");
    assert!(
        before.contains("`hits`") && after.contains("as it was"),
        "{before}; {after}"
    );
    let (_, after) = words("note(i);", "");
    assert_eq!(after, "calls nothing more");
    words("note(i);", "note(i); note(i);");
    words("note(i)", "note(i + 1)");
    // Another error, which the old version does not know.
    words("return -1", "return -2");
}

#[test]
fn a_changed_patch_is_no_fix() {
    let report = judged(LOOKUP, &LOOKUP.replace("i > 8", "i > 6"));
    assert_eq!(report.verdict, PatchVerdict::Regressed);
    assert_eq!(report.fixed, ["lookup/index-upper-bound/1"]);
    assert!(report.introduced.is_empty());
}

#[test]
fn which_of_its_errors_is_returned_is_no_change() {
    let old = "int set(int *v, int at, int x)
{
	if (at > 4)
		return -22;
	if (x < 0)
		return -34;
	v[at] = x;
	return 0;
}
";
    assert_eq!(shown(old, "at > 4", "at < 0 || at > 4"), None);
    assert!(shown(old, "return 0", "return -22").is_some());
}

#[test]
fn a_caller_that_says_too_much_is_not_asked_about() {
    // With an object larger than `n` says, the old version would break nothing.
    let old = "int sum(const int *a, int n)
{
	int s = 0;
	for (int i = 0; i <= n; i++)
		s ^= a[i];
	return s;
}
";
    assert_eq!(shown(old, "i <= n", "i < n"), None);
    // Nor about one whose record is larger than its type.
    let name = "struct name { unsigned flags; char text[16]; };
char *strcpy(char *to, const char *from);
unsigned long strlen(const char *s);
int rename(struct name *n, const char *to)
{
	strcpy(n->text, to);
	return 0;
}
";
    let guarded = "if (strlen(to) >= sizeof n->text) return -36; strcpy";
    assert_eq!(shown(name, "\tstrcpy", guarded), None);
    let strict = "if (strlen(to) >= sizeof n->text - 1) return -36; strcpy";
    assert!(shown(name, "\tstrcpy", strict).is_some());
}

#[test]
fn addresses_of_new_blocks_are_not_compared() {
    let old = "void *malloc(unsigned long n);
struct pair { int *first; int second; };
struct pair *make(int x)
{
	struct pair *p = malloc(sizeof *p);
	if (!p)
		return 0;
	p->first = malloc(sizeof *p->first);
	p->second = x;
	if (p->first)
		*p->first = x;
	return p;
}
";
    let (from, to) = ("malloc(sizeof *p)", "malloc(2 * sizeof *p)");
    assert_eq!(shown(old, from, to), None);
    let (before, after) = shown(old, "p->second = x", "p->second = x ^ 1").expect("told");
    assert!(before.concat().contains("new block 0"), "{before:?}; {after:?}");
}

/// A change, what the old text has and what the new one has in its place, and a word that the difference shows.
type Shown<'a> = (&'a str, &'a str, &'a str);

#[test]
fn what_the_library_computes_is_computed() {
    let head = "
typedef unsigned long size_t;
int strcmp(const char *, const char *);
int snprintf(char *, size_t, const char *, ...);
long strtol(const char *, char **, int);
void *malloc(size_t); void free(void *);
struct mode { int fast; char name[24]; };
";
    let compared = "
int set(struct mode *mode, int i, const char *word)
{
	int a[4];
	if (i < 0 || i > 4)
		return -1;
	a[i] = 0;
	mode->fast = strcmp(word, \"fast\") == 0;
	return (int)strtol(\"12\", 0, 10);
}
";
    let printed = "
int set(struct mode *mode, int i, unsigned n)
{
	int a[4];
	if (i < 0 || i > 4)
		return -1;
	a[i] = 0;
	return snprintf(mode->name, sizeof(mode->name), \"%d-%04x\", i, n);
}
";
    let owned = "
int set(struct mode *mode, int i)
{
	int a[4];
	char *p = malloc(4);
	if (!p)
		return -1;
	if (i < 0 || i > 4) {
		free(p);
		return -1;
	}
	a[i] = 0;
	free(p);
	mode->fast = 1;
	return 0;
}
";
    let cases: [(&str, &[Shown<'_>]); 3] = [
        (
            compared,
            &[("\"12\"", "\"0x12\"", "returns"), ("10);", "8);", "returns")],
        ),
        (
            printed,
            &[("%d-%04x", "%d-%4x", "byte"), ("i, n", "(int)n, i", "byte")],
        ),
        (
            owned,
            &[
                ("\t\tfree(p);\n", "", "leaves 1 blocks"),
                ("\tfree(p);\n\tmode", "\tmode", "leaves 1 blocks"),
            ],
        ),
    ];
    for (text, changes) in cases {
        let text = format!("{head}{text}");
        assert_eq!(shown(&text, "i > 4", "i > 3"), None, "{text}");
        for (from, to, word) in changes {
            let right = text.replace("i > 4", "i > 3");
            let report = judged(&text, &right.replacen(from, to, 1));
            let found = report
                .difference
                .unwrap_or_else(|| panic!("{from} -> {to}: no difference"));
            assert!(found.after.join("; ").contains(word), "{from} -> {to}: {found:?}");
        }
    }
}

//! What the grammars let through is what they promise: edits of real functions by a model that likes all tokens the
//! same.

use std::path::Path;

use vf_guide::testing::{Case, Dice, cases, options, sample, stopped_at, vocabulary};
use vf_guide::{Arms, Vocabulary};

/// Types that C tells apart, scopes, labels, macros, qualifiers: what a grammar of names could get wrong.
const TRICKY: &str = r#"#include <stddef.h>
#include <string.h>
#define MAX 12
#define EMPTY
#define BAD ((void *)-1)
#define CALL(x) ((x) + 1)
typedef unsigned long long u64;
enum kind { PLAIN, SPECIAL = 5 };
struct point { int x, y; };
struct item {
	int n;
	const char *name;
	char text[8];
	struct item *next;
	enum kind kind;
	unsigned flag : 3;
	struct point at;
	u64 *wide;
	size_t *size;
	union { int a; long b; };
	double weight;
	void *data;
	int (*hook)(int);
};
static struct item table[MAX];
static const int limits[] = { 1, 2, 3 };
int helper(int, enum kind);
size_t length_of(const struct item *, const char *);
void sink(void *data, size_t size);
char *dup_of(const char *s);
int say(const char *format, ...);

long work(struct item *p, const int i, u64 wide, const char *s)
{
	long k = 0;
	size_t n = 3;
	register int r = 2;
	const struct item *q = p;
	int MAX_LOCAL = MAX;

	if (i < 0 || p == NULL || p == BAD)
		goto out;
	for (int j = 0; j < i; j++) {
		char *t = p->text;

		t[j] = CALL(0);
		switch (p->kind) {
		case PLAIN:
			k++;
			break;
		default:
			continue;
		}
	}
	if (r)
		k = 1;
	else
		k = 2;
	do {
		memcpy(p->text, s, n); /* a comment
		in two lines */
		n--;
	} while (n);
#ifdef NEVER
	k = never;
#endif
	k = helper(i, SPECIAL) + length_of(q, "x") + table[0].n + limits[1] + (long)wide;
	say("done"); sink(p, n); dup_of(s);
out:
	return k + MAX_LOCAL;
}

struct item *last(struct item *p)
{
	while (p->next)
		p = p->next;
	return p;
}

void nothing(void)
{
}
"#;

fn tricky(folder: &Path) -> Vec<Case> {
    let file = folder.join("tricky.c");
    std::fs::write(&file, TRICKY).expect("the folder is writable");
    ["work", "last", "nothing"]
        .map(|function| Case {
            file: file.clone(),
            text: TRICKY.to_owned(),
            function: function.to_owned(),
            options: options(vec!["-std=gnu11".to_owned()], None),
        })
        .to_vec()
}

fn corpus() -> Vec<Case> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/cases");
    cases(&corpus)
}

/// Finished samples of each case that break a promise.
fn broken(
    arms: &str,
    cases: &[Case],
    each: usize,
    promise: impl Fn(&Case, &str) -> Result<(), String>,
) -> usize {
    let texts: Vec<String> = cases.iter().map(|c| c.text.clone()).collect();
    let tokens = vocabulary(&texts, 2_000);
    let prepared = Vocabulary::new(tokens.clone()).expect("a vocabulary");
    let arms: Arms = arms.parse().expect("arms");
    let mut dice = Dice(1);
    let mut finished = 0;
    for case in cases {
        let made = case.guide(&arms, &prepared).expect("a guide");
        assert!(made.notes.is_empty(), "{:?}: {:?}", case.function, made.notes);
        for _ in 0..each {
            let one = sample(made.guide.fork().as_mut(), &tokens, &mut dice, 500).expect("samples");
            if !one.finished {
                continue;
            }
            finished += 1;
            let answer = one.text(&tokens);
            let kept = case.edited(&answer).and_then(|text| promise(case, &text));
            assert_eq!(
                kept,
                Ok(()),
                "{}: {}\n{answer}",
                case.file.display(),
                case.function
            );
        }
    }
    finished
}

#[test]
fn whatever_the_grammar_lets_through_parses() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(broken("grammar", &tricky(folder.path()), 25, Case::parses) > 50);
    let some: Vec<Case> = corpus().into_iter().step_by(9).collect();
    assert!(broken("grammar", &some, 2, Case::parses) >= some.len());
}

#[test]
fn whatever_names_lets_through_resolves_and_type_checks() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(broken("names", &tricky(folder.path()), 60, Case::type_checks) > 50);
    let some: Vec<Case> = corpus().into_iter().step_by(9).collect();
    assert!(broken("names", &some, 2, Case::type_checks) >= some.len());
}

/// Fixes of the shipped pairs, heads of `if` and `for` alone and declarations of another type among them.
#[test]
fn known_fixes_may_be_written() {
    let pairs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus/pairs/pairs.jsonl.gz");
    let folder = tempfile::tempdir().expect("a folder");
    let prepared = Vocabulary::new(vocabulary(&[], 0)).expect("a vocabulary");
    let (mut number, mut tried) = (0, 0);
    let mut stopped: Vec<String> = Vec::new();
    vf_corpus::file::read(&pairs, &mut |_, record| {
        number += 1;
        let Ok(fix) = vf_corpus::export::answer(&record) else {
            return Ok(());
        };
        if number % 80 != 0 {
            return Ok(());
        }
        let case =
            Case::alone(folder.path(), &record.before, &record.function).expect("the folder is writable");
        for arms in ["grammar", "names"] {
            tried += 1;
            let mut made = case
                .guide(&arms.parse().expect("arms"), &prepared)
                .expect("a guide");
            let at = stopped_at(made.guide.as_mut(), &prepared, &fix).expect("a guide");
            stopped.extend(at.map(|at| format!("{arms} at {at}: {fix}")));
        }
        Ok(())
    })
    .expect("the file is there");
    assert!(
        tried > 40 && stopped.len() * 20 <= tried,
        "{}",
        stopped.join("\n")
    );
}

use std::process::Command;
use std::sync::Arc;

use vf_frontend::Options;
use vf_verify::report::{Location, ObligationReport, Verdict};

use super::*;
use crate::ctext::functions::functions;
use crate::proposer::Style;

fn program(text: &str) -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.c");
    std::fs::write(&path, text).expect("written");
    let options = Options::new("cc");
    vf_frontend::load(&[path], &options).expect("it loads").program
}

fn number_of(text: &str, piece: &str) -> u32 {
    let at = text.find(piece).unwrap_or_else(|| panic!("no {piece}"));
    text[..at].matches('\n').count() as u32 + 1
}

/// Everything known before the line that a piece of text is on.
fn at(text: &str, function: &str, piece: &str) -> Vec<String> {
    let known = known(&program(text), function);
    let facts = known.get(&number_of(text, piece)).cloned().unwrap_or_default();
    facts.into_iter().map(|f| f.text).collect()
}

#[track_caller]
fn expect(found: &[String], wanted: &[&str], unwanted: &[&str]) {
    for fact in wanted {
        assert!(found.iter().any(|f| f == fact), "no `{fact}` in {found:#?}");
    }
    for fact in unwanted {
        assert!(!found.iter().any(|f| f.contains(fact)), "`{fact}` in {found:#?}");
    }
}

const LOOPS: &str = "\
#include <stdlib.h>
struct item { unsigned int len; unsigned char kind; char name[8]; struct item *next; };
static int table[8];
int scan(struct item *p, int n, unsigned int m, unsigned char k)
{
	char buf[16];
	int i, sum = 0;
	unsigned int j;
	int *q = malloc(m * sizeof(int));
	if (!q) {
		return -1;
	}
	if (p->len > 8) {
		free(q);
		return -2;
	}
	for (i = 0; i < n; i++) {
		sum ^= i;
	}
	for (j = 0; j < m; j++) {
		q[j] = 1;
	}
	if (k < 4 && n >= 2) {
		sum ^= table[k];
	}
	for (i = 6; i >= 0; i -= 2) {
		sum ^= table[i];
	}
	buf[0] = 1;
	sum ^= buf[0];
	free(q);
	return sum;
}
";

#[test]
fn bounds_orders_and_sizes_on_loops_and_branches() {
    let of = |piece| at(LOOPS, "scan", piece);
    // The types say the rest of `i`.
    expect(
        &of("sum ^= i;"),
        &["0 <= i", "i < n", "p->len <= 8"],
        &["k ", "j "],
    );
    expect(
        &of("q[j] = 1"),
        &["j < m", "q != NULL", "object_size(buf) == 16"],
        &["0 <= j"],
    );
    let size = "object_size(q) == (unsigned long long)m * 4";
    expect(
        &of("for (i = 0"),
        &[size, "p->len <= 8", "q != NULL"],
        &["i ", "j "],
    );
    expect(
        &of("sum ^= table[k]"),
        &["k <= 3", "2 <= n", "object_size(table) == 32"],
        &[],
    );
    expect(&of("sum ^= table[i]"), &["0 <= i && i <= 6"], &["i == 6"]);
    // The whole loop is behind it, and memory was written.
    expect(&of("buf[0] = 1"), &["m <= j", size], &["p->len"]);
    expect(&of("return sum"), &[], &["object_size(q)"]);
}

#[test]
fn a_passed_check_is_no_reason() {
    let text = "static int t[8];\nint f(int i, int d)\n{\n\tint a = t[i];\n\tint b = 7 / d;\n\treturn a + b + i;\n}\n";
    expect(
        &at(text, "f", "return a"),
        &["object_size(t) == 32", "b == 7 / d"],
        &["<", "d !="],
    );
}

#[test]
fn places_in_memory_are_forgotten_when_memory_may_change() {
    let text = "\
struct s { int len; int other; };
void outside(void);
int f(struct s *p, struct s *q, char *c)
{
	int n;
	if (p->len < 0 || p->len > 4)
		return 0;
	n = p->len;
	*c = 1;
	n++;
	if (q->len == 3) {
		outside();
		return n;
	}
	p->len = 9;
	return p->len;
}
";
    let of = |piece| at(text, "f", piece);
    expect(&of("n = p->len"), &["0 <= p->len && p->len <= 4"], &[]);
    expect(&of("*c = 1"), &["n == p->len", "0 <= n && n <= 4"], &[]);
    expect(&of("n++"), &["0 <= n && n <= 4"], &["p->len"]);
    expect(&of("outside();"), &["1 <= n && n <= 5", "q->len == 3"], &[]);
    expect(&of("return n;"), &[], &["q->len"]);
    expect(&of("return p->len"), &["p->len == 9"], &["q->len"]);
}

#[test]
fn conversions_are_written_out_where_they_matter() {
    let text = "\
int f(int i, unsigned long n, unsigned int u, long l)
{
	if (i < n) {
		if (u > i) {
			if (l - 1 < i) {
				return 1;
			}
		}
	}
	return 0;
}
";
    let of = at(text, "f", "return 1");
    expect(
        &of,
        &["(unsigned long long)i < n", "(unsigned int)i < u", "l - 1 < i"],
        &[],
    );
}

#[test]
fn another_allocator_of_that_name_says_nothing() {
    let text = "\
static char pool[64];
static void *kmalloc(unsigned long n, unsigned int flags) { return n + flags > 64 ? 0 : pool; }
int f(unsigned long n)
{
	char *p = kmalloc(n, 0);
	if (!p)
		return 0;
	return p[0];
}
";
    expect(&at(text, "f", "return p[0]"), &["p != NULL"], &["object_size(p)"]);
}

#[test]
fn what_the_line_names_comes_first_and_what_nobody_names_is_left_out() {
    let text = LOOPS;
    let found = functions(text);
    let span = found
        .iter()
        .find(|f| f.name == "scan")
        .expect("it is there")
        .range
        .clone();
    let line = number_of(text, "q[j] = 1");
    let failed = ObligationReport {
        id: "scan/valid-write/1".into(),
        property: "valid-write".into(),
        cwe: "CWE-787".into(),
        location: Location {
            file: "a.c".into(),
            line,
            column: 3,
        },
        text: "q[j]".into(),
        verdict: Verdict::Refuted,
        reason: None,
        bound: None,
        counterexample: None,
        needs: None,
        suggested_invariants: Vec::new(),
        assumptions: Vec::new(),
    };
    let context = Context {
        report: None,
        tree: None,
        file: "a.c".into(),
        text: Arc::from(text),
        function: "scan".into(),
        span,
        failed: vec![failed],
        all: Vec::new(),
        program: Some(Arc::new(program(text))),
        style: Style::User,
    };
    let facts = facts(&context);
    let of = |piece| facts.get(&number_of(text, piece)).cloned().unwrap_or_default();
    expect(
        &of("q[j] = 1"),
        &["j < m", "q != NULL"],
        &["buf", "p->len", "sum"],
    );
    assert_eq!(of("sum ^= i;").first().map(String::as_str), Some("0 <= i"));
    assert!(facts.values().all(|said| said.len() <= FACTS));
    assert!(facts.keys().all(|line| *line > 4 && *line < 33), "{facts:?}");

    let render = |on: bool, limit: Option<usize>| {
        let template = crate::prompt::PromptTemplate::embedded()
            .expect("a template")
            .with_facts(on);
        let count = |text: &str| text.len();
        let room = crate::prompt::Room { count: &count, limit };
        template
            .render(&context, &[], crate::prompt::AnswerForm::Any, &room)
            .expect("a prompt")
    };
    let (without, with) = (render(false, None), render(true, None));
    assert!(
        !without.contains("/* here:") && with.contains("q[j] = 1; /* here: q != NULL && j < m && "),
        "{with}"
    );
    // Facts go before code does, those far from what fails first.
    let less = render(true, Some(with.len() - 1));
    assert!(
        less.contains("here: q != NULL && j < m") && !less.contains("here: 0 <= i"),
        "{less}"
    );
    assert_eq!(render(true, Some(without.len())), without);
}

/// A program of functions with every fact before its line as a check, run on many inputs.
#[test]
fn facts_hold_when_the_program_runs() {
    let text = format!("{LOOPS}{MORE}");
    let program = program(&text);
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let mut checks = 0;
    for function in ["scan", "search", "steps", "wraps", "copy", "halves"] {
        for (line, facts) in known(&program, function) {
            let Some(code) = lines.get_mut(line as usize - 1) else {
                continue;
            };
            if code.trim_start().starts_with(['}', '{']) || code.contains("else") {
                continue;
            }
            let checked: Vec<String> = facts.iter().map(|f| check(&f.text)).collect();
            checks += checked.len();
            *code = format!("{}{code}", checked.concat());
        }
    }
    assert!(checks > 60, "only {checks} facts");
    let whole = format!(
        "#include <stdio.h>\n#include <string.h>\n#define HERE(c) do {{ if (!(c)) {{ puts(#c); return 1; }} }} while (0)\n{}\n{DRIVER}",
        lines.join("\n")
    );
    let folder = tempfile::tempdir().expect("a folder");
    let (source, binary) = (folder.path().join("a.c"), folder.path().join("a.out"));
    std::fs::write(&source, &whole).expect("written");
    let compiled = Command::new("cc")
        .args(["-O2", "-fwrapv", "-w", "-o"])
        .arg(&binary)
        .arg(&source)
        .output();
    let compiled = compiled.expect("a compiler");
    assert!(
        compiled.status.success(),
        "{}\n{whole}",
        String::from_utf8_lossy(&compiled.stderr)
    );
    let run = Command::new(&binary).output().expect("it runs");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.trim() == "done", "{said}\n{whole}");
}

fn check(fact: &str) -> String {
    match fact
        .strip_prefix("object_size(")
        .and_then(|rest| rest.split_once(") == "))
    {
        Some((name, size)) => {
            let known = format!("__builtin_dynamic_object_size({name}, 0)");
            format!("HERE({known} == (size_t)-1 || {known} == (size_t)({size})); ")
        }
        None => format!("HERE({fact}); "),
    }
}

const MORE: &str = "\
int search(const int *values, unsigned int n, int wanted)
{
	unsigned int low = 0, high = n;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;
		if (values[middle] < wanted) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	n ^= low;
	return (int)(n & 1);
}
int steps(int a, int b, long c)
{
	int x = a, y = 0;
	while (x > b) {
		x--;
		y++;
		if (y >= 100) {
			break;
		}
	}
	if (a == b && c > a) {
		y ^= 1;
	}
	if (x != y) {
		y = x + 1;
		x = y;
	}
	y ^= x;
	return y & 1;
}
int wraps(unsigned char a, signed char b, unsigned short c, unsigned long d)
{
	unsigned int s = a + c;
	int t = b;
	unsigned int u = (unsigned int)b;
	if (d > s) {
		s = s - 1;
		t = t + 1;
	}
	if (t < 0 || u > 200) {
		s = u * 2;
	}
	for (; a != 0; a -= 4) {
		t ^= a;
		if (t > 1000 || c++ > 500) {
			break;
		}
	}
	s ^= t;
	return (int)(s & 1);
}
int copy(struct item *to, struct item *from, int n)
{
	int i = 0;
	if (from->len >= 8 || from->kind == 3) {
		return 0;
	}
	n = from->len;
	while (i < n) {
		to->name[i] = from->name[i];
		i++;
	}
	if (from->len < 4) {
		to->len = from->len + 2;
		n ^= to->len;
	}
	n ^= from->len;
	to->kind = 9;
	n ^= to->kind;
	if (from->next && from->next->len > 2) {
		n ^= from->next->len;
		from->next->len = 1;
		n ^= from->next->len;
	}
	return n & 1;
}
int halves(long n, int *out)
{
	long bit = 0;
	do {
		n /= 2;
		bit++;
		*out = (int)bit;
		if (*out > 20) {
			n = 0;
		}
	} while (n > 0 && bit < 64);
	switch (bit) {
	case 1:
		bit ^= n;
		break;
	default:
		bit ^= 2;
	}
	return (int)(bit & 1);
}
";

const DRIVER: &str = "\
static unsigned long state = 7;
static unsigned long any(void)
{
	static const long edges[] = { 0, 1, -1, 2, 7, 8, 127, 128, 255, 256, 2147483647L, -2147483647L - 1, 4294967295L };
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	unsigned long r = state >> 33;
	return r % 3 ? (unsigned long)(long)(r / 3 % 20) - 5 : (unsigned long)edges[r / 3 % 13];
}
int main(void)
{
	int values[32];
	int i, k;
	for (i = 0; i < 32; i++) {
		values[i] = 3 * i;
	}
	for (k = 0; k < 20000; k++) {
		struct item a, b;
		int out;
		memset(&a, 0, sizeof a);
		memset(&b, 0, sizeof b);
		a.len = any(), b.len = any(), a.kind = any(), b.kind = any();
		a.next = any() & 1 ? &a : any() & 1 ? &b : 0;
		b.next = any() & 1 ? &a : 0;
		unsigned int m = any() % 40, n = any() % 50;
		/* Loops that end soon. */
		int count = (int)any();
		count = count > 1000 ? count % 1000 : count;
		long low = (long)any();
		int from = (int)any();
		if (scan(&a, count, m, any()) == 1 << 30 || search(values, n % 33, count) > 1 || steps(from, from - (int)(any() % 200), low) > 1
		    || wraps(any(), any(), any(), any()) > 1 || copy(any() & 1 ? &a : &b, &b, count) > 1 || halves(low, &out) > 1) {
			return 2;
		}
	}
	puts(\"done\");
	return 0;
}
";

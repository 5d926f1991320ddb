//! What is proved of two versions, and what must not be, with the real front end and prover.

use std::time::Duration;

use vf_repair::{Behaviour, PatchInput, PatchReport, PatchVerdict, ProverChecker, judge_patch};

fn judged(old: &str, new: &str) -> PatchReport {
    let folder = tempfile::tempdir().expect("folder");
    let (before, after) = (folder.path().join("old.c"), folder.path().join("new.c"));
    std::fs::write(&before, old).expect("written");
    std::fs::write(&after, new).expect("written");
    let options = vf_frontend::Options::new("cc");
    let check = vf_verify::CheckOptions::within(Duration::from_secs(40));
    let mut checker = ProverChecker::new(options, check);
    judge_patch(&PatchInput::Files { before, after }, &mut checker, None).expect("judged")
}

/// The version of a text in which each pair's left side stands, and that with its right side.
fn both(text: &str, changes: &[(&str, &str)]) -> (String, String) {
    let mut new = text.to_owned();
    for (from, to) in changes {
        assert!(new.contains(from), "{from}");
        new = new.replacen(from, to, 1);
    }
    (text.to_owned(), new)
}

fn behaviour(text: &str, changes: &[(&str, &str)]) -> Behaviour {
    let (old, new) = both(text, changes);
    judged(&old, &new).behaviour
}

fn is_proved(behaviour: Behaviour) -> bool {
    matches!(behaviour, Behaviour::Preserved | Behaviour::Vacuous)
}

/// Every one of these changes does something else on an input on which the old version is safe.
fn none_is_proved(text: &str, changes: &[&[(&str, &str)]]) {
    for change in changes {
        let found = behaviour(text, change);
        assert!(!is_proved(found), "{change:?} is {found:?}");
    }
}

const COPY: &str = "
typedef unsigned long size_t;
void *memcpy(void *to, const void *from, size_t n);
void *malloc(size_t n);
void free(void *p);
int send(int to, const void *what);
int ready(int to);
void stop(int why) __attribute__((noreturn));
struct box { int used; int kind; char text[16]; };
static int table[16];
static unsigned total;
static int twice(int x) { return 2 * x; }

int put(struct box *box, int at, char c, int to)
{
	char *copy;

	if (to < 0)
		return -22;
	if (to == 99)
		stop(3);
	if (at < 0 || at > 16)
		return -34;
	copy = malloc(16);
	if (!copy)
		return -12;
	box->text[at] = c;
	box->used = twice(to & 0xff);
	memcpy(copy, box->text, 16);
	total += box->kind & 1;
	if (ready(to) > 0)
		send(to, box);
	table[to & 15] = at;
	free(copy);
	return at;
}
";

#[test]
fn a_guard_keeps_everything_else() {
    let (old, new) = both(COPY, &[("at > 16", "at >= 16")]);
    let report = judged(&old, &new);
    assert_eq!(report.behaviour, Behaviour::Preserved, "{:?}", report.compared);
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    let [compared] = &report.compared[..] else {
        panic!("{:?}", report.compared)
    };
    let at = compared.witness.as_ref().map(|w| w.inputs["at"].clone());
    let at: i64 = at
        .expect("a safe input that comes to the array")
        .parse()
        .expect("number");
    assert!((0..16).contains(&at));
}

#[test]
fn other_ways_to_write_it_are_the_same() {
    let fix = ("at > 16", "at >= 16");
    for more in [
        ("2 * x", "x + x"),
        (
            "box->text[at] = c;",
            "{ char *place = box->text; place[at] = c; }",
        ),
        ("to & 15", "to % 16"),
        // Refused for the other of two reasons.
        (
            "if (to < 0)\n\t\treturn -22;",
            "if (to < 0)\n\t\treturn at < 0 ? -34 : -22;",
        ),
    ] {
        let mut changes = vec![more];
        if !more.1.contains("at >= 16") {
            changes.insert(0, fix);
        }
        let found = behaviour(COPY, &changes);
        assert_eq!(found, Behaviour::Preserved, "{more:?}");
    }
}

#[test]
fn what_differs_is_not_proved() {
    let fix = ("at > 16", "at >= 16");
    none_is_proved(
        COPY,
        &[
            &[("at > 16", "at >= 15")],
            &[("at > 16", "at > 16 || to == 7")],
            &[fix, ("box->text[at] = c", "box->text[at] = c + 1")],
            &[fix, ("box->text[at] = c;", "")],
            &[fix, ("2 * x", "2 * x + (x == 77)")],
            &[
                fix,
                (
                    "total += box->kind & 1;",
                    "total += box->kind & 1; total += at == 3;",
                ),
            ],
            &[fix, ("return at;", "return at == 5 ? 6 : at;")],
            &[fix, ("return -22", "return -34 + (to == -5)")],
            // Calls: gone, added, others, with other arguments, in another order, with other memory to look at.
            &[fix, ("send(to, box);", ";")],
            &[fix, ("ready(to) > 0", "1")],
            &[fix, ("ready(to) > 0", "ready(to) >= 0")],
            &[fix, ("send(to, box);", "{ send(to, box); send(to, box); }")],
            &[fix, ("send(to, box);", "send(to + 1, box);")],
            &[fix, ("send(to, box);", "ready(to);")],
            &[
                fix,
                ("send(to, box);", "{ box->kind++; send(to, box); box->kind--; }"),
            ],
            &[
                fix,
                (
                    "if (ready(to) > 0)\n\t\tsend(to, box);\n\ttable[to & 15] = at;",
                    "table[to & 15] = at;\n\tif (ready(to) > 0)\n\t\tsend(to, box);",
                ),
            ],
            &[fix, ("stop(3)", "stop(4)")],
            &[fix, ("if (to == 99)\n\t\tstop(3);", "")],
            // What is kept, and what is given back.
            &[fix, ("free(copy);", "")],
            &[fix, ("if (!copy)\n\t\treturn -12;", "if (!copy)\n\t\treturn 0;")],
            // It may never end.
            &[fix, ("free(copy);", "free(copy); while (total == 12345) ;")],
        ],
    );
}

const SUM: &str = "
int seen(int what);
struct list { unsigned n; unsigned v[8]; };
unsigned sum(const struct list *list, unsigned *out)
{
	unsigned i, s = 0;

	if (list->n > 9)
		return 0;
	for (i = 0; i < list->n; i++) {
		s += list->v[i];
		*out = s;
	}
	return s + i;
}
";

#[test]
fn loops_in_step() {
    let fix = ("list->n > 9", "list->n > 8");
    assert_eq!(behaviour(SUM, &[fix]), Behaviour::Preserved);
    // Counted in another way: no step has an equal one.
    let down = (
        "for (i = 0; i < list->n; i++) {",
        "i = 0;\n\twhile (list->n > i) {\n\t\tunsigned at = i++;\n",
    );
    let found = behaviour(SUM, &[fix, down, ("list->v[i]", "list->v[at]")]);
    assert_eq!(found, Behaviour::Preserved);
    none_is_proved(
        SUM,
        &[
            &[("list->n > 9", "list->n > 7")],
            &[fix, ("i = 0;", "i = 1;")],
            &[fix, ("i < list->n", "i + 1 < list->n")],
            &[fix, ("i++)", "i += 2)")],
            &[fix, ("s += list->v[i];", "s += list->v[i] & 0x7fffffff;")],
            &[fix, ("*out = s;", "")],
            &[fix, ("*out = s;", "*out = s; seen(i);")],
            &[fix, ("*out = s;", "if (i == 6) break; *out = s;")],
            &[fix, ("return s + i", "return s")],
        ],
    );
}

const ALWAYS: &str = "
void fill(int *p, unsigned n, int what)
{
	unsigned i;

	for (i = 0; i <= n; i++)
		p[i] = what;
}
";

#[test]
fn where_the_old_version_is_never_safe_its_effects_within_bounds_remain() {
    let found = |from, to| behaviour(ALWAYS, &[(from, to)]);
    assert_eq!(found("i <= n", "i < n"), Behaviour::Vacuous);
    for (from, to) in [
        ("i <= n", "i < 0"),
        ("i <= n", "i + 1 < n"),
        ("for (i = 0; i <= n; i++)\n\t\tp[i] = what;", "(void)i;"),
        (
            "for (i = 0; i <= n; i++)\n\t\tp[i] = what;",
            "for (i = 0; i < n; i++)\n\t\tp[i] = 0;",
        ),
    ] {
        let found = found(from, to);
        assert!(!is_proved(found), "{to} is {found:?}");
    }
}

const TEXT: &str = r#"
int sprintf(char *to, const char *format, ...);
int snprintf(char *to, unsigned long n, const char *format, ...);
int strcmp(const char *a, const char *b);
struct name { char text[12]; int n; };
int show(struct name *name, unsigned id, const char *kind)
{
	int n;

	if (!strcmp(kind, "none"))
		return -1;
	n = sprintf(name->text, "%u:%s", id, kind);
	name->n = n;
	return 0;
}
"#;

#[test]
fn a_text_that_fitted_is_the_same_text() {
    let fix = (
        "sprintf(name->text, \"%u:%s\", id, kind)",
        "snprintf(name->text, sizeof(name->text), \"%u:%s\", id, kind)",
    );
    assert_eq!(behaviour(TEXT, &[fix]), Behaviour::Preserved);
    none_is_proved(
        TEXT,
        &[
            &[fix, ("sizeof(name->text)", "sizeof(name->text) - 1")],
            &[fix, ("\"%u:%s\", id, kind)", "\"%u:%s\", id + 1, kind)")],
            &[fix, ("\"%u:%s\", id, kind)", "\"%u;%s\", id, kind)")],
            &[fix, ("name->n = n;", "")],
            &[fix, ("\"none\"", "\"nine\"")],
        ],
    );
}

#[test]
fn what_is_not_understood_is_not_kept() {
    let text = "
static int t[4];
int put(int i)
{
	if (i < 0 || i > 4)
		return -1;
	t[i] = 1;
	return 0;
}
int jump(int x)
{
	void *to = x ? &&a : &&b;
	goto *to;
a:
	return 1;
b:
	return 2;
}
";
    let (old, new) = both(text, &[("i > 4", "i > 3"), ("return 2", "return 3")]);
    let report = judged(&old, &new);
    assert_eq!(report.behaviour, Behaviour::Unknown, "{:?}", report.compared);
    assert_ne!(report.verdict, PatchVerdict::ProvenFix);
    // Nor what is gone, where callers out of view may want it.
    let gone = "int jump(int x) { return x & 1; }\n";
    let old = format!("{}{gone}", &text[..text.find("int jump").expect("there")]);
    let new = old.replace("i > 4", "i > 3").replace(gone, "");
    assert_eq!(judged(&old, &new).behaviour, Behaviour::Unknown);
    let hidden = |text: &str| text.replace("int jump", "static int jump");
    assert_eq!(judged(&hidden(&old), &new).behaviour, Behaviour::Preserved);
}

const OUTSIDE: &str = "
struct ops { int (*go)(int); volatile int *port; };
static int count;
static int helper(int x) { count++; return x; }
int run(const struct ops *ops, int at, int *v)
{
	static int t[4];

	if (at < 0 || at > 4)
		return -1;
	*v = ops->go(at) + *ops->port;
	*ops->port = 1;
	t[at] = helper(at);
	return t[at];
}
";

#[test]
fn pointers_to_functions_and_volatile_objects() {
    let fix = ("at > 4", "at > 3");
    assert_eq!(behaviour(OUTSIDE, &[fix]), Behaviour::Preserved);
    none_is_proved(
        OUTSIDE,
        &[
            &[fix, ("ops->go(at)", "ops->go(at + 1)")],
            &[fix, ("ops->go(at) +", "")],
            &[fix, ("*ops->port = 1;", "*ops->port = 1; *ops->port = 1;")],
            &[fix, ("*ops->port = 1;", "*ops->port = 2;")],
            &[fix, ("*ops->port;", "*ops->port + *ops->port;")],
            &[fix, ("count++; return x;", "return x;")],
            &[fix, ("static int t[4]", "static int t[5]")],
        ],
    );
}

const HANDED: &str = "
void *malloc(unsigned long n);
void keep(char *block);
struct holder { char *block; };
char *make(int n, struct holder *holder)
{
	int a[4];
	char *block;

	if (n < 0 || n > 4)
		return 0;
	a[n] = 1;
	block = malloc(64);
	if (!block)
		return 0;
	block[0] = 1;
	/* here */
	return block;
}
";

#[test]
fn what_is_handed_out_is_as_large_as_before() {
    let right = ("n > 4", "n > 3");
    let stored = HANDED.replace("return block;\n}", "holder->block = block;\n\treturn 0;\n}");
    let passed = HANDED.replace("/* here */\n\treturn block;", "keep(block);\n\treturn 0;");
    for text in [HANDED, &stored, &passed] {
        assert_eq!(behaviour(text, &[right]), Behaviour::Preserved, "{text}");
        assert_eq!(
            behaviour(text, &[right, ("malloc(64)", "malloc(96)")]),
            Behaviour::Preserved,
            "{text}"
        );
        none_is_proved(text, &[&[right, ("malloc(64)", "malloc(63)")]]);
    }
    // What lies in a local block does not get out.
    let local = HANDED.replace(
        "return block;\n}",
        "n = block[0];\n\tfree(block);\n\treturn (char *)0 + n;\n}",
    );
    let local = format!("void free(void *p);\n{local}");
    assert_eq!(
        behaviour(&local, &[right, ("malloc(64)", "malloc(8)")]),
        Behaviour::Preserved
    );
}

#[test]
fn what_is_done_only_before_a_failure_must_remain() {
    // A name without a slash always overruns: that the slash is written is an effect of the old version all the same.
    let text = "
void *malloc(unsigned long n);
void *memcpy(void *to, const void *from, unsigned long n);
char *join(const char part[static 4], int slash)
{
	unsigned long at = 4;
	char *path = malloc(8);

	if (!path)
		return 0;
	memcpy(path, part, 4);
	if (slash)
		path[at++] = '/';
	memcpy(path + at, part, 4);
	return path;
}
";
    assert!(is_proved(behaviour(text, &[("malloc(8)", "malloc(9)")])));
    none_is_proved(text, &[&[("\tif (slash)\n\t\tpath[at++] = '/';\n", "")]]);
}

/// Callers have empty lists, and pass one object twice.
const QUEUE: &str = "
struct list_head { struct list_head *next, *prev; };
struct queue { int count; struct list_head items; int (*run)(void); struct { int *level; } spare[2]; };
static int *cache;
static int by_default(void) { return 1; }
static int list_empty(const struct list_head *head) { return head->next == head; }
int take(struct queue *q, const struct queue *other, unsigned i, const char *from, const char *to)
{
	int table[4] = { 1, 2, 3, 4 };

	return table[i];
}
";

#[test]
fn what_is_done_where_two_pointers_are_equal_counts() {
    const READ: &str = "\treturn table[i];";
    let guarded = |also: &str| format!("\tif (i > 3{also})\n\t\treturn -1;\n{READ}");
    assert!(is_proved(behaviour(QUEUE, &[(READ, &guarded(""))])));
    // No guard may do more than that.
    for also in [
        "list_empty(&q->items)",
        "q == other",
        "q->run == by_default",
        "from < to",
        "!cache",
        "!q->spare[1].level",
    ] {
        none_is_proved(QUEUE, &[&[(READ, &guarded(&format!(" || {also}")))]]);
    }
}

/// Assembly that writes to a port, stops interrupts, changes memory and computes.
const PORT: &str = r#"
struct card { int first; unsigned flags; };
static void outb(unsigned char value, unsigned short port) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static int first_set(unsigned value) { int at; asm("bsfl %1, %0" : "=r"(at) : "rm"(value)); return at; }
int start(struct card *card, unsigned i, unsigned x)
{
	int table[4] = { 1, 2, 3, 4 };

	asm volatile("cli" ::: "memory");
	outb(x, 0x80);
	card->first = first_set(x);
	asm volatile("lock; orl %1, %0" : "+m"(card->flags) : "r"(x));
	return table[i];
}
"#;

#[test]
fn assembly_is_seen_from_outside() {
    let fix = ("return table[i];", "return i < 4 ? table[i] : -1;");
    assert!(is_proved(behaviour(PORT, &[fix])));
    for change in [
        ("\tasm volatile(\"cli\" ::: \"memory\");\n", ""),
        ("\"cli\"", "\"sti\""),
        ("outb(x, 0x80)", "outb(x, 0x81)"),
        ("outb(x, 0x80);", "if (x != 7) outb(x, 0x80);"),
        ("outb %0", "outw %0"),
        ("first_set(x)", "first_set(x ^ 1)"),
        ("bsfl", "bsrl"),
        ("return at;", "return at ^ 1;"),
        ("\"+m\"(card->flags)", "\"+m\"(card->first)"),
    ] {
        none_is_proved(PORT, &[&[fix, change]]);
    }
}

/// A loop in a loop over a table of two dimensions: whoever went round once came to the columns' end.
const GRID: &str = "
struct grid { int cells[8][3]; unsigned filled; };

int fill(struct grid *grid, unsigned rows, unsigned columns, int first)
{
	unsigned row, column;

	if (!rows || rows > 8 || columns > 5)
		return -22;
	for (row = 0; row < rows; row++) {
		for (column = 0; column < columns; column++)
			grid->cells[row][column] = first + 0;
	}
	grid->filled = rows;
	return 0;
}
";

#[test]
fn loops_in_loops() {
    let (old, new) = both(GRID, &[("columns > 5", "columns > 3")]);
    let report = judged(&old, &new);
    assert_eq!(report.behaviour, Behaviour::Preserved, "{:#?}", report.compared);
    assert_eq!(report.verdict, PatchVerdict::ProvenFix);
    none_is_proved(
        GRID,
        &[
            &[("columns > 5", "columns > 2")],
            &[("columns > 5", "columns > 3"), ("!rows || ", "")],
            &[("columns > 5", "columns > 3"), ("row = 0", "row = 1")],
            &[("columns > 5", "columns > 3"), ("column = 0", "column = 1")],
            &[("columns > 5", "columns > 3"), ("first + 0", "first + 1")],
            &[("columns > 5", "columns > 3"), ("[row][column]", "[0][column]")],
        ],
    );
}

/// The versions come to the same writes by different conditions, with lengths that are the same only where they fit.
const TAG: &str = "
typedef unsigned long size_t;
void *memcpy(void *to, const void *from, size_t n);
size_t strlen(const char *s);
int sprintf(char *to, const char *format, ...);
int snprintf(char *to, size_t n, const char *format, ...);
struct tag { unsigned used; char text[64]; };

int add(struct tag *tag, unsigned long a, const char *from, unsigned n)
{
	char name[16];
	unsigned used = tag->used;
	size_t length;

	if (n > 62 - used)
		return -7;
	sprintf(name, \"%lx\", a << 4);
	length = strlen(name);
	if (length > 20)
		return -7;
	if (used)
		tag->text[used++] = ',';
	memcpy(tag->text + used, from, n);
	used += n;
	tag->text[used] = 0;
	tag->used = used;
	memcpy(tag->text, name, length);
	return 0;
}
";

#[test]
fn the_same_writes_by_other_conditions() {
    let (format, fits) = ("sprintf(name, ", "snprintf(name, sizeof(name), ");
    let (guard, whole) = ("n > 62 - used", "used > 62 || n > 62 - used");
    assert!(is_proved(behaviour(TAG, &[(guard, whole)])));
    assert!(is_proved(behaviour(TAG, &[(format, fits)])));
    none_is_proved(
        TAG,
        &[
            &[(guard, "used > 61 || n > 62 - used")],
            &[(guard, "used > 62 || n > 61 - used")],
            &[(guard, whole), ("if (used)", "if (used > 1)")],
            &[(guard, whole), ("= ','", "= ';'")],
            &[
                (guard, whole),
                ("tag->text + used, from", "tag->text + used + 1, from"),
            ],
            &[(format, "snprintf(name, sizeof(name) - 1, ")],
            &[(format, "snprintf(name, sizeof(name) - 8, ")],
            &[
                (format, fits),
                (
                    "memcpy(tag->text, name, length)",
                    "memcpy(tag->text, name, length + 0 * n - 1)",
                ),
            ],
            &[(format, fits), ("a << 4", "a << 5")],
        ],
    );
}

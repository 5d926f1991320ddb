// A pointer that the code compares with null may be null, wherever in memory it lies. Once all but members of a record were
// taken not to be, so that what follows such a comparison was "unreachable".
// test: verify
#include <string.h>

struct pin { int *level; };
struct bank {
	int count;
	struct pin main;
	struct pin spare[3];
	union { int *word; long raw; };
	char *name;
};
int *current_pin;
int *pins[4];

int element(int **all)
{
	if (*all)
		return 0;
	return **all;
 //     ^^^^^ refuted[not-null]
 //     ^^^^^ unreachable[valid-read]
}

int element_at(int **all, unsigned long n, unsigned long i)
{
	if (i >= n || all[i])
		return 0;
	return *all[i];
 //     ^^^^^^^ refuted[not-null] i < n
 //     ^^^^^^^ unknown[initialized]
 //     ^^^^^^^ unknown[lifetime]
 //     ^^^^^^^ unknown[valid-read]
}

int two_deep(int ***all)
{
	if (**all)
		return 0;
	return ***all;
 //     ^^^^^^ refuted[not-null]
 //     ^^^^^^ unreachable[valid-read]
}

int variable(void)
{
	if (current_pin)
		return 0;
	return *current_pin;
 //     ^^^^^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^^^^^ unreachable[valid-read]
}

int variable_array(void)
{
	if (pins[1])
		return 0;
	return *pins[1];
 //     ^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^ unreachable[valid-read]
}

int once(void)
{
	static int *cache;
	if (cache)
		return 0;
	return *cache;
 //     ^^^^^^ refuted[not-null]
 //     ^^^^^^ unreachable[valid-read]
}

int nested(struct bank *b)
{
	if (b->main.level)
		return 0;
	return *b->main.level;
 //     ^^^^^^^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^^^^^^^ unreachable[valid-read]
}

int in_array(struct bank *b)
{
	if (b->spare[2].level)
		return 0;
	return *b->spare[2].level;
 //     ^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^^^^^^^^^^^ unreachable[valid-read]
}

int in_union(struct bank *b)
{
	if (b->word)
		return 0;
	return *b->word;
 //     ^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^ unreachable[valid-read]
}

int as_number(struct bank *b)
{
	if ((unsigned long)b->main.level)
		return 0;
	return *b->main.level;
 //     ^^^^^^^^^^^^^^ refuted[not-null]
 //     ^^^^^^^^^^^^^^ unreachable[valid-read]
}

int copied(int **p)
{
	int *q;
	memcpy(&q, p, sizeof q);
	if (q)
		return 0;
	return **p;
 //     ^^^ refuted[not-null]
 //     ^^^ unreachable[valid-read]
}

static int *level_of(struct bank *b)
{
	return b->spare[0].level;
}

int through_call(struct bank *b)
{
	int *level = level_of(b);
	if (level)
		return 0;
	return *level;
 //     ^^^^^^ refuted[not-null]
 //     ^^^^^^ unreachable[valid-read]
}

int as_value(int **p)
{
	int missing = *p == 0;
	return missing ? **p : 0;
 //               ^^^ refuted[not-null] missing == 1
 //               ^^^ unreachable[valid-read]
}

// Compared, and read only where it is not null.
int guarded(int **all, struct bank *b)
{
	int sum = *all ? **all : 0;

	if (b->main.level)
		sum ^= *b->main.level;
	return current_pin ? sum ^ *current_pin : sum;
}

// What a search in it gives is compared here, not the string.
int searched(char **names)
{
	char *colon = strchr(*names, ':');
	return colon ? **names : 0;
}

// The function that compares is another one, as with a parameter.
static int read_pin(int *level)
{
	return level ? *level : 0;
}

int handed_on(int **p)
{
	int first = **p;
	return first ^ read_pin(*p);
}
// summary: as_number: 4 proved, 1 refuted, 1 unreachable
// summary: as_value: 4 proved, 1 refuted, 1 unreachable
// summary: copied: 9 proved, 1 refuted, 1 unreachable
// summary: element: 4 proved, 1 refuted, 1 unreachable
// summary: element_at: 4 proved, 1 refuted, 3 unknown
// summary: guarded: 14 proved
// summary: handed_on: 6 proved
// summary: in_array: 6 proved, 1 refuted, 1 unreachable
// summary: in_union: 4 proved, 1 refuted, 1 unreachable
// summary: level_of: 3 proved
// summary: nested: 4 proved, 1 refuted, 1 unreachable
// summary: once: 1 refuted, 1 unreachable
// summary: read_pin: 2 proved
// summary: searched: 8 proved
// summary: through_call: 1 refuted, 1 unreachable
// summary: two_deep: 8 proved, 1 refuted, 1 unreachable
// summary: variable: 1 refuted, 1 unreachable
// summary: variable_array: 2 proved, 1 refuted, 1 unreachable

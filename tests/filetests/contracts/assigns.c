// A call of a function out of view changes what the `assigns` clause of its contract lists, and nothing else.
// test: verify

struct record {
	int used;
	int size;
	struct record *next;
	char name[8];
};

int table[10];
int top;
int other;

/*@ assigns \nothing; */
int peek(const int *p, struct record *r);

/*@ requires \valid(b + (0 .. n - 1));
  @ assigns b[0 .. n - 1]; */
void fill(int *b, int n);

/*@ assigns r->used, r->name[0 .. 7];
  @ ensures 0 <= r->used < 10; */
void enter(struct record *r);

/*@ assigns top, *p;
  @ assigns \result; */
int push(int *p);

/*@ assigns p[i]; */
void put(int *p, unsigned long i);

/*@ assigns p[lo .. hi]; */
void between(int *p, long lo, long hi);

void unannounced(int *p);

int nothing_changes(struct record *r)
{
	int i = 3;

	r->used = 4;
	top = 5;
	peek(&i, r);
	return table[i] | table[r->used] | table[top];
}

int anything_changes(struct record *r)
{
	int i = 3;

	r->used = 4;
	unannounced(&i);
	return table[i];
 //     ^^^^^^^^ unknown[index-lower-bound]
 //     ^^^^^^^^ unknown[index-upper-bound]
}

int within(int n)
{
	int b[8] = {1, 1, 1, 1, 1, 1, 1, 1};

	fill(b, 7);
	if (n == 1)
		return 100 / b[7];
	return 100 / b[6];
 //     ^^^^^^^^^^ refuted[divisor-nonzero]
}

int member(struct record *r)
{
	r->size = 3;
	r->used = 3;
	enter(r);
	return table[r->used] | table[r->size];
}

int a_global(int n)
{
	int i = 3;

	top = other = 2;
	push(&i);
	if (n == 0)
		return table[other];
	if (n == 1)
		return table[top];
  //     ^^^^^^^^^^ refuted[index-lower-bound] n == 1 && table[0] == 0 && table[2] == 0
  //     ^^^^^^^^^^ refuted[index-upper-bound] n == 1 && table[0] == 0 && table[2] == 0
	return table[i];
 //     ^^^^^^^^ refuted[index-lower-bound] n == -1 && table[2] == 0
 //     ^^^^^^^^ refuted[index-upper-bound]
}

int one_element(int n)
{
	int b[4] = {1, 1, 1, 1};

	put(b, 2);
	if (n == 0)
		return 100 / b[1] + 100 / b[3];
	return 100 / b[2];
 //     ^^^^^^^^^^ refuted[divisor-nonzero]
}

int some_elements(long lo, long hi)
{
	int b[4] = {1, 1, 1, 1};

	between(b, lo, hi);
	if (hi < 2)
		return 100 / b[2];
	return 100 / b[3];
 //     ^^^^^^^^^^ refuted[divisor-nonzero]
}

int of_none(void)
{
	put(0, 0);
	return 1;
}
// summary: a_global: 3 proved, 4 refuted
// summary: anything_changes: 3 proved, 2 unknown
// summary: member: 16 proved
// summary: nothing_changes: 11 proved
// summary: one_element: 9 proved, 1 refuted
// summary: some_elements: 5 proved, 1 refuted
// summary: within: 9 proved, 1 refuted

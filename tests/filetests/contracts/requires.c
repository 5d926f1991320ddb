// What annotations require is assumed of the function's input and asked of every call; the body is checked against it.
// test: verify

/*@ requires 0 <= n <= 1000;
  @ requires \valid(a + (0 .. n));
  @ ensures \result == n + 1;
  @*/
int fill(int *a, int n)
{
	int i;

	for (i = 0; i <= n; i++)
		a[i] = 0;
	return i;
}

//@ requires i < 4 * sizeof(int);
int get(unsigned i)
{
	int t[16] = { 0 };

	return t[i];
}

//@ requires i <= 4 * sizeof(int);
int get_one_more(unsigned i)
{
	int t[16] = { 0 };

	return t[i];
 //     ^^^^ refuted[index-upper-bound] i == 16
}

int calls(unsigned k)
{
	int b[8];

	fill(b, 7);
	if (k < 16)
		return get(k);
	return get(k);
 //     ^^^^^^ refuted[precondition] k == 4294967295
}

int calls_with_a_small_buffer(void)
{
	int b[8];

	return fill(b, 8);
 //     ^^^^^^^^^^ refuted[precondition]
}

struct ring {
	unsigned head, size;
	unsigned char *data;
};

/*@ requires \valid(r) && \valid(r->data + (0 .. r->size - 1)) && r->head < r->size; */
void push(struct ring *r, unsigned char c)
{
	r->data[r->head] = c;
	r->head = r->head + 1 < r->size ? r->head + 1 : 0;
}

/*@ requires p == \null || \valid(p + (0 .. n - 1)); */
int first(const int *p, int n)
{
	return p && n > 0 ? p[n - 1] : 0;
}

// Twice n would wrap in C; in an annotation it is a number.
//@ requires 2 * n <= 100;
int doubled(unsigned n)
{
	int t[51] = { 0 };

	return t[n];
}
// summary: calls: 7 proved, 1 refuted
// summary: calls_with_a_small_buffer: 5 proved, 1 refuted
// summary: doubled: 2 proved
// summary: fill: 5 proved
// summary: first: 3 proved
// summary: get: 2 proved
// summary: get_one_more: 1 proved, 1 refuted
// summary: push: 23 proved

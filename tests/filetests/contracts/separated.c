// `\separated` is asked of every caller; the function may rest on it.
// test: verify

/*@ requires \valid(a) && \valid(b) && \separated(a, b);
  @ ensures *a == 1; */
void one_and_two(int *a, int *b)
{
	*a = 1;
	*b = 2;
}

/*@ requires \valid(to + (0 .. n - 1)) && \valid_read(from + (0 .. n - 1));
  @ requires \separated(to + (0 .. n - 1), from + (0 .. n - 1)); */
void copy(char *to, const char *from, int n)
{
	for (int i = 0; i < n; i++)
		to[i] = from[i];
}

void calls(int which)
{
	int x[2];
	char c[8] = { 0 };

	one_and_two(x, x + 1);
	copy(c, c + 4, 4);
	copy(c, c, 0);
	if (which == 1)
		one_and_two(x, x);
//^^^^^^^^^^^^^^^^^ refuted[precondition] which == 1
	if (which == 2)
		copy(c, c + 3, 4);
//^^^^^^^^^^^^^^^^^ refuted[precondition] which == 2
}
// summary: calls: 31 proved, 2 refuted
// summary: copy: 8 proved
// summary: one_and_two: 11 proved

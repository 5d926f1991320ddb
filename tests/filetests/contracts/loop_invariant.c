// An invariant that the user writes is checked at the loop's head, and helps where it holds.
// test: verify

static int table[31];

void even_places(unsigned n)
{
	unsigned i, j;

	if (n > 15)
		return;
	//@ loop invariant j + 2 * i == 2 * n && i <= n;
	for (i = 0, j = 2 * n; i < n; i++, j -= 2)
		table[j] = 0;
}

void wrong_from_the_start(unsigned n)
{
	//@ loop invariant i < n;
 // ^ refuted[assertion] i == 0 && n == 0
	for (unsigned i = 0; i < n; i++)
		;
}
// summary: even_places: 4 proved
// summary: wrong_from_the_start: 1 refuted

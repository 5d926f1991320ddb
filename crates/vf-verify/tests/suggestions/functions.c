/* What no candidate says: b is twice a. */
static char table[60000];

void halves(unsigned n)
{
	unsigned a = 0, b = 0;

	if (n > 60000)
		return;
	while (a < n) {
		unsigned step = 1 + (n >> (a & 7) & 3);

		table[b - a] = 1;
		a += step;
		b += 2 * step;
	}
}

void halves_as_suggested(unsigned n)
{
	unsigned a = 0, b = 0;

	if (n > 60000)
		return;
	//@ loop invariant b == 2 * a;
	while (a < n) {
		unsigned step = 1 + (n >> (a & 7) & 3);

		table[b - a] = 1;
		a += step;
		b += 2 * step;
	}
}

/* Holds at first, and would do: but it does not stay so. */
void halves_with_a_wrong_one(unsigned n)
{
	unsigned a = 0, b = 0;

	if (n > 60000)
		return;
	//@ loop invariant b <= 2;
	while (a < n) {
		unsigned step = 1 + (n >> (a & 7) & 3);

		table[b - a] = 1;
		a += step;
		b += 2 * step;
	}
}

/* Would do, and fails only after many iterations. */
void halves_with_one_that_fails_late(unsigned n)
{
	unsigned a = 0, b = 0;

	if (n > 60000)
		return;
	//@ loop invariant b <= 59998;
	while (a < n) {
		unsigned step = 1 + (n >> (a & 7) & 3);

		table[b - a] = 1;
		a += step;
		b += 2 * step;
	}
}

/* Wrong for large n: nothing that holds would help. */
void one_too_many(unsigned n)
{
	unsigned i;

	for (i = 0; i <= n && i <= 60000; i++)
		table[i] = 1;
}

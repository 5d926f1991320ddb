// The attributes `access` and `nonnull`, and array parameters with `static`, are contracts.
// test: verify

__attribute__((access(write_only, 1, 2))) void zero(char *p, unsigned k);
__attribute__((nonnull)) int value(const int *p);

void zero(char *p, unsigned k)
{
	for (unsigned i = 0; i < k; i++)
		p[i] = 0;
}

int value(const int *p)
{
	return p == 0 ? *p : *p + 0;
 //              ^^ unreachable[not-null]
 //              ^^ unreachable[valid-read]
}

int sum(const int a[static 4])
{
	return a[0] / 4 + a[3] / 4;
}

int past(const int a[static 4])
{
	return a[4];
 //     ^^^^ refuted[valid-read]
}

void calls(int which)
{
	char b[10];
	int four[4] = { 1, 2, 3, 4 }, three[3] = { 1, 2, 3 };

	zero(b, 10);
	value(four);
	sum(four);
	if (which == 1)
		zero(b, 11);
//^^^^^^^^^^^ refuted[precondition] which == 1
	if (which == 2)
		value(0);
//^^^^^^^^ refuted[precondition] which == 2
	if (which == 3)
		sum(three);
//^^^^^^^^^^ refuted[precondition] which == 3
}
// summary: calls: 13 proved, 3 refuted
// summary: past: 1 proved, 1 refuted
// summary: sum: 9 proved
// summary: value: 4 proved, 2 unreachable
// summary: zero: 4 proved

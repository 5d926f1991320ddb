// Two shapes whose inductive step holds for the wrong reason when the state behind a pointer is forgotten: a callee that
// moves the loop's counter, and a cursor that may stand on its limit.
// test: verify
// options: unroll=5

static void skip(unsigned *i, unsigned by)
{
	*i += by;
}

void callee_moves_past_the_end(unsigned char *buf, unsigned len)
{
	unsigned i = 0;

	while (i < len) {
		if (buf[i] > 9)
			skip(&i, buf[i]);
		buf[i] = 0;
//^^^^^^ refuted[valid-write] len == 1
		i++;
//^^^ proved-to-bound[unsigned-wrap]
	}
}

void callee_moves_and_is_checked(unsigned char *buf, unsigned len)
{
	unsigned i = 0;

	while (i < len) {
		if (buf[i] > 9 && buf[i] < len - i)
			skip(&i, buf[i]);
		buf[i] = 0;
		i++;
	}
}

void up_to_the_limit(unsigned char *buf, unsigned long len)
{
	unsigned char *p, *lim = buf + len;

	for (p = buf; p <= lim; p++)
		*p = 1;
//^^ refuted[valid-write] len == 0
}

void below_the_limit(unsigned char *buf, unsigned long len)
{
	unsigned char *p, *lim = buf + len;

	for (p = buf; p < lim; p++)
		*p = 1;
}
// summary: below_the_limit: 2 proved
// summary: callee_moves_and_is_checked: 16 proved
// summary: callee_moves_past_the_end: 10 proved, 1 proved-to-bound, 1 refuted
// summary: skip: 7 proved
// summary: up_to_the_limit: 1 proved, 1 refuted

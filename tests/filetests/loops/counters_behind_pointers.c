// Counters that live in memory: one only falls, and the other gains what it loses.
// test: verify
// options: unroll=9

struct progress {
	int left;
	int done;
};

void drain(struct progress *p)
{
	p->done = 0;
	while (p->left > 0) {
		p->left--;
		p->done++;
	}
}

void drain_from_high(struct progress *p)
{
	p->done = 2147483644;
	while (p->left > 0) {
		p->left--;
		p->done++;
	}
}

void double_up(int *x, int limit)
{
	*x = 1;
	while (*x < limit && *x < 1073741824)
		*x = 2 * *x;
}

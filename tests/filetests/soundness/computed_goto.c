// A computed goto is no call that comes back: it jumps over the guard.
// test: verify

int t[8];

int f(int i)
{
	static void *l[] = { &&b };

	goto *l[0];
	if (i < 0 || i > 7)
		return -1;
b:
	return t[i];
}

// summary: f: unsupported: `f` uses computed goto, which is not supported; check the functions without it with -f

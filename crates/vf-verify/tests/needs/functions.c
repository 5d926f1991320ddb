static int table[16];

void fill(int *a, int n)
{
	for (int i = 0; i <= n; i++)
		a[i] = 0;
}

void set(int *a, unsigned i, int v)
{
	a[i] = v;
}

int get(unsigned i)
{
	return table[i];
}

int low(int i)
{
	return i < 16 ? table[i] : 0;
}

int add(int a, int b)
{
	return a + b;
}

int quotient(unsigned a, unsigned b)
{
	return a / b > 3;
}

char third(const char *p)
{
	return p[2];
}

int always(int k)
{
	int b[4] = { 0 };

	return b[4] + k / 2;
}

// Pointers of the input are followed so far. Of those further in, nothing is known: a violation that depends on what they are is
// not shown by an execution that takes them for null.
// test: verify

struct node {
	struct node *next;
	int n;
	int *p;
};

/* The usual reading excludes that t->p is null, as deep as it is found. */
int sum(struct node *t)
{
	int s = 0;

	for (; t; t = t->next)
		if (t->n)
			s ^= *t->p;
	return s;
}

int ninth(struct node *t)
{
	struct node *e = t->next->next->next->next->next->next->next->next;

	return *e->p;
}

/* What does not depend on them is shown all the same. */
int first(struct node *t)
{
	int s = 0;

	for (; t; t = t->next) {
		s ^= *t->p;
		if (t->n == 7)
			return 100 / (t->n - 7);
	}
	return s;
}

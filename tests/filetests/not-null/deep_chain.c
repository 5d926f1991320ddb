// Pointers of the input are followed so far. Of those further in, nothing is known: a violation that depends on what they are is
// not shown by an execution that takes them for null.
// test: verify

struct node {
	struct node *next;
	int n;
	int *p;
};

int ninth(struct node *t)
{
	struct node *e = t->next->next->next->next->next->next->next->next;

	return *e->p;
 //     ^^^^^ unknown[initialized]
 //     ^^^^^ unknown[lifetime]
 //     ^^^^^ unknown[not-null]
 //     ^^^^^ unknown[valid-read]
}
// summary: ninth: 18 proved, 4 unknown

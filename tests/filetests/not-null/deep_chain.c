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
 //            ^^^^^^^ proved-to-bound[initialized]
 //            ^^^^^^^ proved-to-bound[lifetime]
 //            ^^^^^^^ proved-to-bound[not-null]
 //            ^^^^^^^ proved-to-bound[valid-read]
		if (t->n)
  //  ^^^^ proved-to-bound[initialized]
  //  ^^^^ proved-to-bound[lifetime]
  //  ^^^^ proved-to-bound[not-null]
  //  ^^^^ proved-to-bound[valid-read]
			s ^= *t->p;
   //   ^^^^^ proved-to-bound[initialized]
   //   ^^^^^ proved-to-bound[lifetime]
   //   ^^^^^ proved-to-bound[not-null]
   //   ^^^^^ proved-to-bound[valid-read]
   //    ^^^^ proved-to-bound[initialized]
   //    ^^^^ proved-to-bound[lifetime]
   //    ^^^^ proved-to-bound[not-null]
   //    ^^^^ proved-to-bound[valid-read]
	return s;
}

int ninth(struct node *t)
{
	struct node *e = t->next->next->next->next->next->next->next->next;
 //               ^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[not-null]
 //               ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ refuted[not-null]

	return *e->p;
 //     ^^^^^ unknown[initialized]
 //     ^^^^^ unknown[lifetime]
 //     ^^^^^ unknown[not-null]
 //     ^^^^^ unknown[valid-read]
 //      ^^^^ refuted[not-null]
}
// summary: ninth: 10 proved, 8 refuted, 4 unknown
// summary: sum: 16 proved-to-bound

// By the usual reading a pointer of the caller's leads to an object. No counterexample rests on null in one that only its
// execution reads: an element at an index, a member of a node that a loop has come to.
// test: verify

struct item {
	struct item *next;
	int kind;
	int *value;
};

int first_of_kind(struct item *list)
{
	int sum = 0;

	for (; list; list = list->next) {
 //                  ^^^^^^^^^^ proved-to-bound[initialized]
 //                  ^^^^^^^^^^ proved-to-bound[lifetime]
 //                  ^^^^^^^^^^ proved-to-bound[not-null]
 //                  ^^^^^^^^^^ proved-to-bound[valid-read]
		sum ^= *list->value;
  //     ^^^^^^^^^^^^ proved-to-bound[initialized]
  //     ^^^^^^^^^^^^ proved-to-bound[lifetime]
  //     ^^^^^^^^^^^^ proved-to-bound[not-null]
  //     ^^^^^^^^^^^^ proved-to-bound[valid-read]
  //      ^^^^^^^^^^^ proved-to-bound[initialized]
  //      ^^^^^^^^^^^ proved-to-bound[lifetime]
  //      ^^^^^^^^^^^ proved-to-bound[not-null]
  //      ^^^^^^^^^^^ proved-to-bound[valid-read]
		if (list->kind == 7)
  //  ^^^^^^^^^^ proved-to-bound[initialized]
  //  ^^^^^^^^^^ proved-to-bound[lifetime]
  //  ^^^^^^^^^^ proved-to-bound[not-null]
  //  ^^^^^^^^^^ proved-to-bound[valid-read]
			return sum;
	}
	return sum;
}

int any(int **all, int i)
{
	return *all[i];
 //     ^^^^^^^ unknown[initialized]
 //     ^^^^^^^ unknown[lifetime]
 //     ^^^^^^^ unknown[not-null]
 //     ^^^^^^^ unknown[valid-read]
 //      ^^^^^^ refuted[valid-read] i == 1
}

// Behind the elements that a counterexample names beforehand.
int far(int **all, int i)
{
	if (i < 20)
		return 0;
	return *all[i];
 //     ^^^^^^^ unknown[initialized]
 //     ^^^^^^^ unknown[lifetime]
 //     ^^^^^^^ unknown[not-null]
 //     ^^^^^^^ unknown[valid-read]
 //      ^^^^^^ refuted[valid-read] i == 20
}

// summary: any: 1 proved, 1 refuted, 4 unknown
// summary: far: 1 proved, 1 refuted, 4 unknown
// summary: first_of_kind: 16 proved-to-bound

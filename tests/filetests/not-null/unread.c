// By the usual reading a pointer of the caller's leads to an object. No counterexample rests on null in one that only its
// execution reads: an element at an index.
// test: verify

int any(int **all, int i)
{
	return *all[i];
 //     ^^^^^^^ unknown[initialized]
 //     ^^^^^^^ unknown[lifetime]
 //     ^^^^^^^ unknown[not-null]
 //     ^^^^^^^ unknown[valid-read]
 //      ^^^^^^ refuted[valid-read] i == 1
}

// summary: any: 1 proved, 1 refuted, 4 unknown

// The contract of a function of which only a declaration is in view is asked of its callers, and what it ensures is taken for
// given; a body in view is held to what any declaration says of it, and is what its callers go by.
// test: verify

int table[10];

/*@ requires 0 <= i < 100;
  @ ensures 0 <= \result < 10; */
int slot(int i);

/*@ requires \valid(to + (0 .. n - 1));
  @ ensures \result <= n; */
unsigned get_bytes(char *to, unsigned n);

__attribute__((access(write_only, 1, 2))) void put_bytes(char *to, unsigned n);
__attribute__((nonnull(1))) int look(const int *p);

int through_slot(int i)
{
	if (i < 0 || i >= 100)
		return 0;
	return table[slot(i)];
}

int through_slot_unguarded(int i)
{
	return table[slot(i)];
 //           ^^^^^^^ refuted[precondition]
 //           ^^^^^^^ refuted[precondition] i >= 100
}

int received(int which)
{
	char b[8];
	unsigned n = get_bytes(b, 8);

	if (n == 0)
		return 0;
	if (which == 1)
		return b[n - 1];
	return b[n];
 //     ^^^^ refuted[index-upper-bound]
}

void too_many(int which)
{
	char b[8];

	put_bytes(b, 8);
	if (which == 1)
		get_bytes(b, 9);
//^^^^^^^^^^^^^^^ refuted[precondition] which == 1
	if (which == 2)
		put_bytes(b, 9);
//^^^^^^^^^^^^^^^ refuted[precondition] which == 2
	if (which == 3)
		look(0);
//^^^^^^^ refuted[precondition] which == 3
}

/*@ requires 0 <= number < 10;
  @ ensures \result == table[number]; */
int entry(int number);

int entry(int n)
{
	return table[n];
}

// What is ensured is not believed where the body is there.
/*@ ensures 0 <= \result < 10; */
int claimed(int n);

int claimed(int n)
{
    return n & 15;
//  ^^^^^^^^^^^^^^ refuted[assertion]
}

int calls(int which)
{
	if (which == 1)
		return entry(9);
	if (which == 2)
		return entry(10);
  //     ^^^^^^^^^ refuted[precondition] which == 2
	return table[claimed(which)];
}
// summary: calls: 5 proved, 1 refuted
// summary: claimed: 1 refuted
// summary: entry: 5 proved
// summary: received: 8 proved, 1 refuted
// summary: through_slot: 4 proved
// summary: through_slot_unguarded: 2 proved, 2 refuted
// summary: too_many: 10 proved, 3 refuted

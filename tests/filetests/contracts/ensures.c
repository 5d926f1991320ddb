// Postconditions are checked at every return; a parameter in one is its value at the call.
// test: verify

//@ ensures \result >= 0;
int absolute(int x)
{
	if (x == -2147483647 - 1)
		return 0;
	return x < 0 ? -x : x;
}

//@ ensures \result >= 0;
int not_absolute(int x)
{
	if (x == -2147483647 - 1)
		return -1;
//^ refuted[assertion] x == -2147483648
	return x < 0 ? -x : x;
}

/*@ requires x < 1000;
  @ ensures \result == x + 1;
  @ ensures \result == \old(x) + 1; */
int successor(int x)
{
	x = x + 1;
	return x;
}

/*@ requires \valid(p) && *p < 1000;
  @ ensures *p == \old(*p) + 2; */
void advance(int *p)
{
    *p += 1;
    return;
//  ^^^^^^^ refuted[assertion]
}

int asserts(int x)
{
	if (x < 10) {
		//@ assert x < 11;
		x = 0;
	}
	//@ assert x != 10;
 // ^ refuted[assertion] x == 10
	return x;
}
// summary: absolute: 3 proved
// summary: advance: 11 proved, 1 refuted
// summary: asserts: 1 proved, 1 refuted
// summary: not_absolute: 2 proved, 1 refuted
// summary: successor: 3 proved

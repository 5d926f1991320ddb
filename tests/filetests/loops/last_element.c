// A walk that is ended by the last element at the latest: at the header a whole element lies behind the cursor.
// test: verify

long before_the_last(const int *table, unsigned long count)
{
	const int *at = table;

	if (count == 0)
		return 0;
	while (*at != table[count - 1])
		at++;
	return at - table;
}

long before_another(const int *table, unsigned long count, int wanted)
{
	const int *at = table;

	if (count == 0)
		return 0;
	while (*at != wanted)
		at++;
	return at - table;
}

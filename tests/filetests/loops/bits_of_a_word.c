// Loops that end after as many iterations as a word has bits are executed to their end behind others that are cut.
// test: verify
// options: unroll=12
#include <stdint.h>

int first_set(const uint32_t *words, unsigned long count)
{
	unsigned long word = 0;
	int bit = 0;

	while (word < count && words[word] == 0)
		word++;
	if (word == count)
		return -1;
	while (!(words[word] & (UINT32_C(1) << bit)))
		bit++;
	return bit;
}

int first_set_anywhere(const uint32_t *words, unsigned long count)
{
	int bit = 0;

	if (count == 0)
		return -1;
	while (!(words[0] & (UINT32_C(1) << bit)))
 //                  ^^^^^^^^^^^^^^^^^^^^ refuted[shift-in-range]
		bit++;
	return bit;
}

unsigned int digits(uint32_t n, char *out, unsigned int room)
{
	unsigned int used = 0;
	char reversed[10];

	do {
		reversed[used++] = (char)('0' + n % 10);
		n /= 10;
	} while (n != 0);
	if (used > room)
		return 0;
	for (unsigned int i = 0; i < used; i++)
		out[i] = reversed[used - 1 - i];
	return used;
}

unsigned int digits_short(uint32_t n, char *out, unsigned int room)
{
	unsigned int used = 0;
	char reversed[9];

	do {
		reversed[used++] = (char)('0' + n % 10);
//^^^^^^^^^^^^^^^^ refuted[index-upper-bound]
		n /= 10;
	} while (n != 0);
	if (used > room)
		return 0;
	for (unsigned int i = 0; i < used; i++)
		out[i] = reversed[used - 1 - i];
	return used;
}
// summary: digits: 9 proved
// summary: digits_short: 8 proved, 1 refuted
// summary: first_set: 7 proved
// summary: first_set_anywhere: 3 proved, 1 refuted

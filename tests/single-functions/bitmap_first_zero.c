// The first bit that is clear, a word at a time. Wrong: looks into the word behind the last one.
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

long bitmap_first_zero(const uint32_t *words, size_t nr_words)
{
	size_t word = 0;
	unsigned int bit = 0;

	if (nr_words > LONG_MAX / 32)
		return -1;
	while (word < nr_words && words[word] == UINT32_MAX)
		word++;
#ifndef WRONG
	if (word == nr_words)
		return -1;
#endif
	while (words[word] & (UINT32_C(1) << bit))
		bit++;
	return (long)(word * 32 + bit);
}

// Sets a run of bits of a bitmap. Wrong: the check lets the run go one bit too far.
#include <limits.h>
#include <stddef.h>

#define BITS_PER_WORD (sizeof(unsigned long) * CHAR_BIT)

int bitmap_set_range(unsigned long *map, unsigned int num_words, unsigned int start, unsigned int bits)
{
	size_t total = num_words * BITS_PER_WORD;
	size_t bit;

#ifdef WRONG
	if (start > total || bits > total - start + 1)
#else
	if (start > total || bits > total - start)
#endif
		return -1;
	for (bit = start; bit < (size_t)start + bits; bit++)
		map[bit / BITS_PER_WORD] |= 1ul << (bit % BITS_PER_WORD);
	return 0;
}

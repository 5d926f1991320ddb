// memrchr in array form, counting down. Wrong: a test for "not negative" that an unsigned index always passes.
#include <stddef.h>

size_t last_index(const int *items, size_t count, int wanted)
{
	size_t i;

#ifdef WRONG
	for (i = count - 1; i >= 0; i--)
		if (items[i] == wanted)
			return i;
	return count;
#else
	for (i = count; i > 0; i--)
		if (items[i - 1] == wanted)
			return i - 1;
	return count;
#endif
}

// Copies from the end to the start, as for overlapping areas. Wrong: uses the count as an index before it steps.
#include <stddef.h>
#include <stdint.h>

void copy_backwards(uint16_t *dst, const uint16_t *src, size_t count)
{
	while (count > 0) {
#ifdef WRONG
		dst[count] = src[count];
		count--;
#else
		count--;
		dst[count] = src[count];
#endif
	}
}

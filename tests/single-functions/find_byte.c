// memchr with an end pointer. Wrong: looks at the byte behind the last one.
#include <stddef.h>

const unsigned char *find_byte(const unsigned char *area, size_t n, unsigned char wanted)
{
	const unsigned char *p = area;
	const unsigned char *end = area + n;

#ifdef WRONG
	for (; p <= end; p++) {
#else
	for (; p < end; p++) {
#endif
		if (*p == wanted)
			return p;
	}
	return NULL;
}

// strnlen: not every buffer holds a NUL. Wrong: looks at the byte before it looks at the bound.
#include <stddef.h>

size_t bounded_length(const char *buf, size_t size)
{
	size_t n = 0;

#ifdef WRONG
	while (buf[n] != '\0' && n < size)
#else
	while (n < size && buf[n] != '\0')
#endif
		n++;
	return n;
}

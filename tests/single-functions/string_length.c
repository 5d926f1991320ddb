// strlen with a pointer. Wrong: steps before it looks, so that it runs past the end of an empty string.
#include <stddef.h>

size_t string_length(const char *s)
{
	const char *p = s;

#ifdef WRONG
	do
		p++;
	while (*p != '\0');
#else
	while (*p != '\0')
		p++;
#endif
	return (size_t)(p - s);
}

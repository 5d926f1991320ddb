// strlcat: finds the end of what is there, then appends. Wrong: takes it that there is an end.
#include <stddef.h>

int append_string(char *dst, size_t size, const char *src)
{
	size_t at = 0;

	while (at < size && dst[at] != '\0')
		at++;
#ifndef WRONG
	if (at == size)
		return -1;
#endif
	while (*src != '\0' && at + 1 < size)
		dst[at++] = *src++;
	dst[at] = '\0';
	return *src == '\0' ? 0 : -1;
}

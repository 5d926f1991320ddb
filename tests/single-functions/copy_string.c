// strlcpy: copies what fits, always ends the copy. Wrong: keeps no room for the NUL.
#include <stddef.h>

size_t copy_string(char *dst, size_t size, const char *src)
{
	size_t i = 0;

	if (size == 0)
		return 0;
#ifdef WRONG
	while (i < size && src[i] != '\0') {
#else
	while (i < size - 1 && src[i] != '\0') {
#endif
		dst[i] = src[i];
		i++;
	}
	dst[i] = '\0';
	return i;
}

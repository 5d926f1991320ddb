// Compares two areas of different lengths byte by byte. Wrong: stops only at the end of the first.
#include <stddef.h>

int compare_areas(const unsigned char *a, size_t a_len, const unsigned char *b, size_t b_len)
{
	size_t i = 0;

#ifdef WRONG
	while (i < a_len) {
#else
	while (i < a_len && i < b_len) {
#endif
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
		i++;
	}
	if (a_len == b_len)
		return 0;
	return a_len < b_len ? -1 : 1;
}

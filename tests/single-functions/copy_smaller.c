// Copies as many bytes as fit. Wrong: takes the larger of the two lengths.
#include <stddef.h>

size_t copy_smaller(unsigned char *dst, size_t dst_len, const unsigned char *src, size_t src_len)
{
	size_t n = dst_len, i;

#ifdef WRONG
	if (src_len > n)
#else
	if (src_len < n)
#endif
		n = src_len;
	for (i = 0; i < n; i++)
		dst[i] = src[i];
	return n;
}

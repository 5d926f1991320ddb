// Copies out of a ring of any size, from a position on. Wrong: the position may become the size itself.
#include <stddef.h>

size_t ring_read(unsigned char *out, size_t out_len, const unsigned char *ring, size_t ring_size, size_t from)
{
	size_t at, i;

	if (ring_size == 0)
		return 0;
	at = from % ring_size;
	for (i = 0; i < out_len; i++) {
		out[i] = ring[at];
#ifdef WRONG
		if (++at > ring_size)
#else
		if (++at == ring_size)
#endif
			at = 0;
	}
	return i;
}

// Pairs of a count and a byte become runs. Wrong: checks the room once, not for the whole run.
#include <stddef.h>
#include <stdint.h>

long run_length_decode(uint8_t *out, uint32_t out_size, const uint8_t *in, uint32_t in_len)
{
	uint32_t i, o = 0;

	for (i = 0; i + 1 < in_len; i += 2) {
		uint8_t run = in[i];

#ifdef WRONG
		if (o >= out_size)
#else
		if (run > out_size - o)
#endif
			return -1;
		while (run-- > 0)
			out[o++] = in[i + 1];
	}
	return o;
}

// Base64 with padding, into a buffer whose size is checked beforehand. Wrong: counts three characters a group.
#include <stddef.h>
#include <stdint.h>

static const char digits[64] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(char *out, size_t out_size, const uint8_t *in, size_t in_len)
{
	size_t groups = in_len / 3 + (in_len % 3 != 0);
	size_t i = 0, o = 0;

#ifdef WRONG
	if (out_size == 0 || groups > (out_size - 1) / 3)
#else
	if (out_size == 0 || groups > (out_size - 1) / 4)
#endif
		return -1;
	while (in_len - i >= 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

		out[o] = digits[v >> 18];
		out[o + 1] = digits[v >> 12 & 63];
		out[o + 2] = digits[v >> 6 & 63];
		out[o + 3] = digits[v & 63];
		i += 3;
		o += 4;
	}
	if (i < in_len) {
		uint32_t v = (uint32_t)in[i] << 16;

		if (in_len - i == 2)
			v |= (uint32_t)in[i + 1] << 8;
		out[o++] = digits[v >> 18];
		out[o++] = digits[v >> 12 & 63];
		out[o++] = in_len - i == 2 ? digits[v >> 6 & 63] : '=';
		out[o++] = '=';
	}
	out[o] = '\0';
	return 0;
}

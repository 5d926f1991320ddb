// Base64 without padding from a string into a buffer. Wrong: does not look at the room in the buffer.
#include <stddef.h>
#include <stdint.h>

static int digit_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+')
		return 62;
	return c == '/' ? 63 : -1;
}

long base64_decode(uint8_t *out, size_t max, const char *text)
{
	uint32_t bits = 0;
	unsigned int held = 0;
	size_t n = 0;

	if (max > 65536)
		max = 65536;
	for (; *text != '\0' && *text != '='; text++) {
		int value = digit_value(*text);

		if (value < 0)
			return -1;
		bits = (bits << 6 | (uint32_t)value) & 0xffffff;
		held += 6;
		if (held >= 8) {
#ifndef WRONG
			if (n == max)
				return -1;
#endif
			held -= 8;
			out[n++] = (uint8_t)(bits >> held);
		}
	}
	return (long)n;
}

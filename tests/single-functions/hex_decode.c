// Hexadecimal digits from a string, two a byte. Wrong: reads the second digit behind the end of the string.
#include <stddef.h>
#include <stdint.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int hex_decode(uint8_t *out, size_t size, const char *text)
{
	size_t n;

	for (n = 0; *text != '\0'; n++, text += 2) {
		int high = hex_value(text[0]), low;

		if (n == size)
			return -1;
#ifndef WRONG
		if (high < 0)
			return -1;
		low = hex_value(text[1]);
		if (low < 0)
			return -1;
#else
		low = hex_value(text[1]);
#endif
		out[n] = (uint8_t)((high & 15) << 4 | (low & 15));
	}
	return 0;
}

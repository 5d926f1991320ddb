// Two hexadecimal digits a byte, as a string of its own. Wrong: allocates no byte for the NUL.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

char *hex_encode(const uint8_t *bytes, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char *text, *out;
	size_t i;

	if (n > (PTRDIFF_MAX - 1) / 2)
		return NULL;
#ifdef WRONG
	text = malloc(2 * n);
#else
	text = malloc(2 * n + 1);
#endif
	if (text == NULL)
		return NULL;
	out = text;
	for (i = 0; i < n; i++) {
		*out++ = digits[bytes[i] >> 4];
		*out++ = digits[bytes[i] & 15];
	}
	*out = '\0';
	return text;
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/* Bytes as hexadecimal digits and back. */
#include <stdbool.h>
#include <stddef.h>

/* Value of a digit; -1 when it is none. */
static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return -1;
}

/* Characters that so many bytes need, the terminator included; 0 when that is too many. */
size_t hex_text_len(size_t bytes)
{
	if (bytes > 0x100000)
		return 0;
	return 2 * bytes + 1;
}

/* Decodes `len` digits into `out`; the number of bytes, or -1 when the text is not right. */
int hex_decode(unsigned char *out, size_t out_len, const char *text, size_t len)
{
	size_t i;

	if (len % 2 || len > 4096)
		return -1;

	for (i = 0; i < len / 2; i++) {
		int high = hex_value(text[2 * i]);
		int low = hex_value(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -1;
		out[i] = high * 16 + low;
	}
	return len / 2;
}

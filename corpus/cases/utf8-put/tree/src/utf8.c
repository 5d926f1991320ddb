// SPDX-License-Identifier: MIT OR Apache-2.0
/* Characters as UTF-8. */
#include <stdbool.h>
#include <stddef.h>

#define UTF8_LAST 0x10ffffU

/* Is the byte one that continues a character? */
bool utf8_continues(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Number of bytes that a character takes; 0 when there is no such character. */
size_t utf8_len(unsigned int character)
{
	if (character > UTF8_LAST)
		return 0;
	if (character < 0x80)
		return 1;
	if (character < 0x800)
		return 2;
	return character < 0x10000 ? 3 : 4;
}

/* Writes a character into `room` bytes; the number of bytes written, 0 when it does not fit. */
size_t utf8_put(unsigned char *out, size_t room, unsigned int character)
{
	if (character > UTF8_LAST || room < 1)
		return 0;
	if (character < 0x80) {
		out[0] = character;
		return 1;
	}
	if (character < 0x800) {
		if (room < 2)
			return 0;
		out[0] = 0xc0 | character >> 6;
		out[1] = 0x80 | (character & 0x3f);
		return 2;
	}
	if (room < 3)
		return 0;
	if (character < 0x10000) {
		out[0] = 0xe0 | character >> 12;
		out[1] = 0x80 | (character >> 6 & 0x3f);
		out[2] = 0x80 | (character & 0x3f);
		return 3;
	}
	out[0] = 0xf0 | character >> 18;
	out[1] = 0x80 | (character >> 12 & 0x3f);
	out[2] = 0x80 | (character >> 6 & 0x3f);
	out[3] = 0x80 | (character & 0x3f);
	return 4;
}

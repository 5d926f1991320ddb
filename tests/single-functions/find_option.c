// Finds an option in a packet, with cursor and end, as IP and DHCP have them. Wrong: the check forgets the header.
#include <stddef.h>
#include <stdint.h>

enum { OPTION_PAD = 0, OPTION_END = 255 };

const uint8_t *find_option(const uint8_t *options, size_t len, uint8_t wanted)
{
	const uint8_t *p = options;
	const uint8_t *end = options + len;

	while (p < end && *p != OPTION_END) {
		if (*p == OPTION_PAD) {
			p++;
			continue;
		}
#ifdef WRONG
		if (end - p < 2 || p[1] > end - p)
#else
		if (end - p < 2 || p[1] > end - p - 2)
#endif
			return NULL;
		if (*p == wanted && p[1] > 0 && p[1 + p[1]] != 0)
			return p;
		p += 2 + p[1];
	}
	return NULL;
}

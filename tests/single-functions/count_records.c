// Walks over records of a type byte, a length byte and that many bytes. Wrong: does not look whether they are there.
#include <stddef.h>
#include <stdint.h>

int count_records(const uint8_t *buf, size_t len, uint8_t wanted)
{
	size_t at = 0;
	int found = 0;

	while (len - at >= 2) {
		uint8_t type = buf[at];
		size_t body = buf[at + 1];

		at += 2;
#ifndef WRONG
		if (body > len - at)
			return -1;
#endif
		if (type == wanted && body > 0 && buf[at + body - 1] != 0) {
			if (found == 1000)
				return -1;
			found++;
		}
		at += body;
	}
	return found;
}

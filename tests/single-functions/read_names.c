// Reads length-prefixed names (16 bits, big-endian) and keeps the last one. Wrong: keeps names of any length.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct session {
	uint32_t id;
	char name[64];
	uint32_t names_seen;
};

int read_names(struct session *session, const uint8_t *buf, size_t len)
{
	const uint8_t *end = buf + len;

	session->names_seen = 0;
	while (end - buf >= 2) {
		size_t n = (size_t)buf[0] << 8 | buf[1];

		buf += 2;
		if ((size_t)(end - buf) < n)
			return -1;
#ifndef WRONG
		if (n >= sizeof(session->name))
			return -1;
#endif
		memcpy(session->name, buf, n);
		session->name[n] = '\0';
		session->names_seen++;
		buf += n;
	}
	return 0;
}

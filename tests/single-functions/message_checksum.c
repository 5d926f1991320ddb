// A message with a flexible array: allocates, copies, sums up. Wrong: sums up one byte too many.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct message {
	uint32_t len;
	uint32_t sum;
	uint8_t body[];
};

struct message *message_checksum(const uint8_t *data, uint32_t len)
{
	struct message *m = malloc(sizeof(*m) + len);
	uint32_t sum = 0, i;

	if (m == NULL)
		return NULL;
	m->len = len;
	memcpy(m->body, data, len);
#ifdef WRONG
	for (i = 0; i <= len; i++)
#else
	for (i = 0; i < len; i++)
#endif
		sum = (sum << 5 | sum >> 27) ^ m->body[i];
	m->sum = sum;
	return m;
}

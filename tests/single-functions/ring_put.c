// Puts bytes into a ring whose size is a power of two; the counters run freely. Wrong: forgets the mask.
#include <stddef.h>
#include <stdint.h>

#define RING_SIZE 1024u

struct ring {
	uint32_t head;
	uint32_t tail;
	uint8_t data[RING_SIZE];
};

size_t ring_put(struct ring *ring, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len && ring->head - ring->tail < RING_SIZE) {
#ifdef WRONG
		ring->data[ring->head] = bytes[done];
#else
		ring->data[ring->head & (RING_SIZE - 1)] = bytes[done];
#endif
		ring->head++;
		done++;
	}
	return done;
}

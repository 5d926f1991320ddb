// Collects numbers in an array that doubles. Wrong: grows only after the array was overrun.
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

uint64_t *squares_below(uint32_t limit, size_t *count)
{
	size_t used = 0, capacity = 4;
	uint64_t *items = malloc(capacity * sizeof(*items));
	uint32_t i;

	if (items == NULL)
		return NULL;
	for (i = 0; i < limit; i++) {
#ifdef WRONG
		if (used > capacity) {
#else
		if (used == capacity) {
#endif
			uint64_t *more;

			if (capacity > PTRDIFF_MAX / (2 * sizeof(*items))) {
				free(items);
				return NULL;
			}
			more = realloc(items, 2 * capacity * sizeof(*items));
			if (more == NULL) {
				free(items);
				return NULL;
			}
			items = more;
			capacity *= 2;
		}
		items[used++] = (uint64_t)i * i;
	}
	*count = used;
	return items;
}

// An array of n entries, guarded against overflow of the size. Wrong: the product is 32 bits wide and not guarded.
#include <stdint.h>
#include <stdlib.h>

struct entry {
	uint32_t key;
	uint32_t next;
	uint64_t value;
};

struct entry *table_new(uint32_t n)
{
	struct entry *table;
	uint32_t i;

#ifndef WRONG
	if (n > UINT32_MAX / sizeof(struct entry))
		return NULL;
#endif
	table = malloc(n * (uint32_t)sizeof(struct entry));
	if (table == NULL)
		return NULL;
	for (i = 0; i < n; i++) {
		table[i].key = 0;
		table[i].next = UINT32_MAX;
		table[i].value = 0;
	}
	return table;
}

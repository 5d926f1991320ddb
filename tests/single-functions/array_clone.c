// kmemdup for n items of a size that only the caller knows. Wrong: the guard divides by the wrong number.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

unsigned char *array_clone(size_t n, size_t item_size)
{
	unsigned char *copy;
	size_t i;

	if (item_size == 0)
		return NULL;
#ifdef WRONG
	if (n > SIZE_MAX / 2)
#else
	if (n > PTRDIFF_MAX / item_size)
#endif
		return NULL;
	copy = malloc(n * item_size);
	if (copy == NULL)
		return NULL;
	for (i = 0; i < n; i++)
		copy[i * item_size] = 1;
	return copy;
}

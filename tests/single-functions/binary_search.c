// The index of a key in a sorted array. Wrong: the upper end is a valid index at first, and then not.
#include <stddef.h>
#include <sys/types.h>

ssize_t binary_search(const int *keys, size_t count, int wanted)
{
	size_t low = 0, high = count;

#ifdef WRONG
	while (low <= high) {
#else
	while (low < high) {
#endif
		size_t middle = low + (high - low) / 2;

		if (keys[middle] == wanted)
			return (ssize_t)middle;
		if (keys[middle] < wanted)
			low = middle + 1;
		else
			high = middle;
	}
	return -1;
}

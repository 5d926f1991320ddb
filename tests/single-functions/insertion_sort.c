// Sorts in place. Wrong: shifts on past the first element.
#include <stddef.h>

void insertion_sort(int *items, size_t n)
{
	size_t i, j;

	for (i = 1; i < n; i++) {
		int item = items[i];

		j = i;
#ifdef WRONG
		while (items[j - 1] > item) {
#else
		while (j > 0 && items[j - 1] > item) {
#endif
			items[j] = items[j - 1];
			j--;
		}
		items[j] = item;
	}
}

// Swaps from both ends. Wrong: starts one past the last element.
#include <stddef.h>

void reverse_in_place(int *items, size_t n)
{
	size_t low = 0, high;

	if (n == 0)
		return;
#ifdef WRONG
	high = n;
#else
	high = n - 1;
#endif
	while (low < high) {
		int kept = items[low];

		items[low] = items[high];
		items[high] = kept;
		low++;
		high--;
	}
}

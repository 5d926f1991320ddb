// A list of numbers with commas, by snprintf with its result checked. Wrong: the check lets through what just fails.
#include <stddef.h>
#include <stdio.h>

int join_numbers(char *out, size_t out_size, const unsigned int *numbers, size_t count)
{
	size_t at = 0, i;

	if (out_size == 0)
		return -1;
	out[0] = '\0';
	for (i = 0; i < count; i++) {
		int n = snprintf(out + at, out_size - at, "%s%u", i ? "," : "", numbers[i]);

#ifdef WRONG
		if (n < 0)
#else
		if (n < 0 || (size_t)n >= out_size - at)
#endif
			return -1;
		at += (size_t)n;
	}
	out[at] = '\0';
	return 0;
}

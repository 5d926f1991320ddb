// Prints numbers into a page, as sysfs files do. Wrong: uses what snprintf would have written as an offset.
#include <stddef.h>
#include <stdio.h>

int scnprintf(char *buf, size_t size, const char *fmt, ...);

size_t show_values(char *buf, size_t size, const int *values, unsigned int count)
{
	size_t n = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
#ifdef WRONG
		n += (size_t)snprintf(buf + n, size - n, "%d ", values[i]);
#else
		n += (size_t)scnprintf(buf + n, size - n, "%d ", values[i]);
#endif
	if (n > 0)
		buf[n - 1] = '\n';
	return n;
}

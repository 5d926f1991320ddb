// Cuts white space off the end of a line. Wrong: does not stop at the beginning.
#include <stddef.h>
#include <string.h>

size_t trim_line(char *line)
{
	size_t n = strlen(line);

#ifdef WRONG
	while (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\n')
#else
	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\n'))
#endif
		n--;
	line[n] = '\0';
	return n;
}

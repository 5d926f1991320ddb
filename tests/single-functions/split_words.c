// Cuts a line into words in place, with pointers to them. Wrong: the count may become larger than the array.
#include <stddef.h>

size_t split_words(char *line, char **words, size_t max)
{
	size_t n = 0;

	for (;;) {
		while (*line == ' ')
			*line++ = '\0';
		if (*line == '\0')
			return n;
#ifdef WRONG
		if (n > max)
#else
		if (n == max)
#endif
			return n;
		words[n++] = line;
		while (*line != ' ' && *line != '\0')
			line++;
	}
}

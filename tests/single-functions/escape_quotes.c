// Writes a string with backslashes before quotes into a buffer. Wrong: asks for the same room for one byte and two.
#include <stddef.h>

int escape_quotes(char *out, size_t size, const char *text)
{
	size_t at = 0;

	if (size == 0)
		return -1;
	for (; *text != '\0'; text++) {
		int special = *text == '"' || *text == '\\';

#ifdef WRONG
		if (size - at < 2)
#else
		if (size - at < (special ? 3u : 2u))
#endif
			return -1;
		if (special)
			out[at++] = '\\';
		out[at++] = *text;
	}
	out[at] = '\0';
	return 0;
}

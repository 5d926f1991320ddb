// strchr with a pointer. Wrong: looks for the character only, and passes the end.
#include <stddef.h>

const char *find_char(const char *s, char wanted)
{
#ifdef WRONG
	while (*s != wanted)
		s++;
	return s;
#else
	for (;; s++) {
		if (*s == wanted)
			return s;
		if (*s == '\0')
			return NULL;
	}
#endif
}

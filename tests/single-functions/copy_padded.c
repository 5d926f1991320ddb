// strncpy: copies a string into a field and pads the rest with NULs. Wrong: pads one byte too many.
#include <stddef.h>

void copy_padded(char *field, size_t len, const char *text)
{
	size_t i;

	for (i = 0; i < len && text[i] != '\0'; i++)
		field[i] = text[i];
#ifdef WRONG
	for (; i <= len; i++)
#else
	for (; i < len; i++)
#endif
		field[i] = '\0';
}

// SPDX-License-Identifier: MIT OR Apache-2.0
/* Lines of a configuration file: "key = value". */
#include <stdbool.h>
#include <stddef.h>

static bool ini_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Is the line a comment or a section? */
bool ini_ignored(const char *line)
{
	return line[0] == '#' || line[0] == ';' || line[0] == '[';
}

/* Length of the key in front of the equals sign, without the blanks behind it; -1 when there is no sign. */
int ini_key_len(const char *line, size_t len)
{
	size_t end = 0;

	if (len > 1024)
		return -1;

	while (end < len && line[end] != '=')
		end++;
	if (end == len)
		return -1;

	while (ini_blank(line[end - 1]))
		end--;
	return end;
}
